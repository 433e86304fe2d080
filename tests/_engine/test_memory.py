"""Memory that fits take: windows are never laid out, a process stays small, and fits leave nothing behind."""

import sys
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from children import VERY_LONG, run
from conftest import needs_kernels
from sklearn.pipeline import make_pipeline

from skrnn import GRURegressor, SequenceForecaster, SequenceWindower

pytestmark = needs_kernels

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc is read as Linux has it.")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_windows_are_never_materialised(dtype):
    X = np.random.default_rng(0).normal(size=(10_000, 4)).astype(dtype)
    windows = X.itemsize * X.size * 256
    pipeline = make_pipeline(SequenceWindower(256), GRURegressor(2, batch_size=512, epochs=1, random_state=0))
    pipeline.fit(X[:600], X[:600, 0]).predict(X[:300])  # loads the kernels
    tracemalloc.start()
    try:
        pipeline.fit(X, X[:, 0]).predict(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < windows / 4


def test_a_fit_on_all_windows_of_a_panel_takes_less_than_three_times_its_rows():
    n_series, n_rows = 300, 400
    dates = np.tile(pd.date_range("2020", periods=n_rows), n_series)
    X = pd.DataFrame({"series": np.repeat(np.arange(n_series), n_rows)}, index=dates)
    y = np.random.default_rng(0).normal(size=len(X))
    forecaster = SequenceForecaster(GRURegressor(2, batch_size=64, epochs=1), window=50, groups="series")
    forecaster.fit(X[:800], y[:800])  # loads the kernels
    tracemalloc.start()
    try:
        forecaster.fit(X, y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * (X.memory_usage().sum() + y.nbytes)


SMALL_PROCESS = """
import numpy as np
from skrnn import GRURegressor

X = np.random.default_rng(0).normal(size=(200, 20, 1)).astype("float32")
GRURegressor(32, epochs=20, random_state=0).fit(X, X[:, -1, 0]).predict(X)
with open("/proc/self/status") as status:  # ru_maxrss would be that of who started the process, too
    print(next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024)
"""


@needs_linux
def test_a_process_that_has_fitted_is_small():
    run("-c", SMALL_PROCESS)  # compiles what has not been compiled on this machine
    process = run("-c", SMALL_PROCESS)
    assert process.returncode == 0, process.stderr
    assert float(process.stdout) < 320  # megabytes; TensorFlow alone takes more


MANY_FITS = """
import numpy as np
from skrnn import RecurrentRegressor

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

X = np.random.default_rng(0).normal(size=(60, 10, 2)).astype("float32")
y = X[:, -1, 0]
for number in range(300):
    cell, units = ("gru", "lstm", "rnn", "gru")[number % 4], 4 + number % 100 // 4
    RecurrentRegressor(cell, (units, 3) if number % 4 == 3 else units, epochs=1, batch_size=16).fit(X, y).predict(X)
    if number == 99:
        before = resident()
print(resident() - before)
"""


@needs_linux
@pytest.mark.slow
def test_many_fits_leave_no_memory_behind():
    process = run("-c", MANY_FITS, seconds=VERY_LONG)
    assert process.returncode == 0, process.stderr
    assert float(process.stdout) < 20  # megabytes; a Keras model a fit would leave more


FITS_WITH_CALLBACKS = """
import keras
import numpy as np
from skrnn import GRURegressor

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

X = np.random.default_rng(0).normal(size=(20, 6, 2))
y = X[:, -1, 0]
for k in range(224):  # TensorFlow's memory grows in steps of 32 networks
    if k == 96:
        before = resident()
    GRURegressor(4, epochs=1, callbacks=[keras.callbacks.Callback()], random_state=0).fit(X, y)
print(resident() - before)
"""


@needs_linux
@pytest.mark.slow
def test_fits_with_callbacks_leave_no_networks_behind():
    process = run("-c", FITS_WITH_CALLBACKS, seconds=VERY_LONG)
    assert process.returncode == 0, process.stderr
    assert float(process.stdout) < 20  # megabytes; 128 networks would leave some 70
