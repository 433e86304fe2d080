"""What the compiled programs promise: few compilations, equal bits on any number of threads, little memory."""

import os
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from children import VERY_LONG, run
from conftest import make, needs_kernels
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV, KFold, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from skrnn._programs import CACHE
from skrnn._prototype import _PROTOTYPES

from skrnn import GRURegressor, RecurrentRegressor, SequenceWindower
from skrnn._network import build_network, fresh_values, signature
from skrnn.datasets import make_damped_oscillation

pytestmark = [pytest.mark.slow, needs_kernels]

ROOT = Path(__file__).resolve().parent.parent


def windows_of_damped_curve(width=20):
    curve = make_damped_oscillation()[1]
    return np.lib.stride_tricks.sliding_window_view(curve[:-1], width)[..., None], curve[width:]


def n_traces():
    """How often TensorFlow traced what the cached programs run; XLA compiles once a trace."""
    functions = [
        function
        for program in CACHE._programs.values()
        for name in ("_train", "_evaluate", "_run", "_gradients", "_losses", "_update")
        if hasattr(function := getattr(program, name, None), "experimental_get_tracing_count")
    ]
    return [function.experimental_get_tracing_count() for function in functions]


# ---------------------------------------------------------------------------------------------------- compiling


def test_a_search_over_cells_and_units_compiles_two_programs_an_architecture():
    X, y = windows_of_damped_curve()
    CACHE.clear()
    before = CACHE.n_compiled.copy()
    grid = {"cell": ["lstm", "gru"], "units": [8, 16]}
    search = GridSearchCV(
        RecurrentRegressor(epochs=2, batch_size=10, random_state=0), grid, cv=TimeSeriesSplit(5), refit=True
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert CACHE.n_compiled - before == {"train": 4, "predict": 4}
    assert sorted(n_traces()) == [0] * 4 + [1] * 8  # nothing was evaluated, and folds of all sizes shared a trace

    search.fit(X, y)
    assert CACHE.n_compiled - before == {"train": 4, "predict": 4}
    assert max(n_traces()) == 1


@pytest.mark.parametrize(
    "grid",
    [
        {"optimizer__learning_rate": [0.001, 0.01, 0.1]},
        {"optimizer__clipnorm": [0.001, 0.01, 1.0]},
        {"optimizer__global_clipnorm": [0.001, 0.01, 1.0]},
        {"optimizer__clipvalue": [0.001, 0.01, 1.0]},
    ],
    ids=lambda grid: next(iter(grid)),
)
def test_numbers_of_the_optimizer_compile_nothing(X, y, grid):
    CACHE.clear()
    n_before = CACHE.n_compiled["train"]
    search = GridSearchCV(make("GRURegressor", optimizer="sgd"), grid, cv=KFold(2)).fit(X, y)
    assert CACHE.n_compiled["train"] == n_before + 1
    assert len(set(search.cv_results_["mean_test_score"])) == 3


def test_learning_rates_share_a_prototype_and_change_no_bit(X, y):
    def fit(rate):
        return make("GRURegressor", optimizer__learning_rate=rate).fit(X, y).predict(X)

    _PROTOTYPES.clear()
    alone = {}
    for rate in (0.003, 0.05):
        alone[rate] = fit(rate)
        _PROTOTYPES.clear()
    n_before = _PROTOTYPES.n_compiled["prototype"]
    for rate in (0.05, 0.003, 0.05):
        assert_array_equal(fit(rate), alone[rate])
    assert _PROTOTYPES.n_compiled["prototype"] == n_before + 1
    assert (alone[0.003] != alone[0.05]).all()


@pytest.mark.parametrize("clipping", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_gradients_are_clipped_as_in_keras(X, y, clipping, monkeypatch):
    params = {"optimizer": "sgd", "optimizer__learning_rate": 0.5, f"optimizer__{clipping}": 0.02}
    by_program = make("GRURegressor", **params).fit(X, y)
    monkeypatch.setenv("SKRNN_ENGINE", "keras")
    by_keras = make("GRURegressor", **params).fit(X, y)
    assert_allclose(by_program.predict(X), by_keras.predict(X), rtol=0, atol=1e-5)
    free = make("GRURegressor", optimizer="sgd", optimizer__learning_rate=0.5).fit(X, y)
    assert np.max(np.abs(free.predict(X) - by_keras.predict(X))) > 1e-2


# ---------------------------------------------------------------------------------------------------- weights


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
@pytest.mark.parametrize("params", [{}, {"bidirectional": True, "dropout": 0.5, "dense_units": 3}], ids=["", "all"])
def test_initial_weights_are_those_of_the_built_network(X, y, cell, params):
    spec = RecurrentRegressor(cell, 6, epochs=1, random_state=0, **params).fit(X, y)._spec
    network = build_network(spec, 7)
    for fresh, built in zip(fresh_values(signature(network), 7), network.get_weights(), strict=False):
        np.testing.assert_array_equal(fresh, built)


def test_initial_weights_are_keras_defaults():
    X, y = np.ones((4, 5, 30)), np.arange(4)
    spec = RecurrentRegressor("lstm", 200, epochs=1, random_state=0).fit(X, y)._spec
    weights = {path: value for (path, *_), value in _named_values(spec)}
    kernel = weights["recurrent_0/lstm_cell/kernel"]
    limit = np.sqrt(6 / (30 + 800))  # Glorot and Bengio 2010
    assert np.abs(kernel).max() == pytest.approx(limit, rel=1e-3)
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)
    recurrent = weights["recurrent_0/lstm_cell/recurrent_kernel"]
    assert_allclose(recurrent @ recurrent.T, np.eye(200), atol=1e-5)
    assert_allclose(weights["recurrent_0/lstm_cell/bias"], np.repeat([0, 1, 0, 0], 200))
    assert_allclose(weights["output/bias"], [0])


def _named_values(spec):
    variables = signature(build_network(spec, None))
    return zip(variables, fresh_values(variables, 3), strict=True)


# Sequences, batch and units as in the benchmarks; two batches.
SHAPES = {
    "damped": {"shape": (20, 20, 1), "units": 40, "batch_size": 10, "return_sequences": True},
    "generic": {"shape": (64, 50, 8), "units": 64, "batch_size": 32},
    "btc": {"shape": (128, 60, 1), "units": (50, 100), "batch_size": 64},
    "imdb": {"shape": (200, 300, 1), "units": 50, "batch_size": 100},
}
# Either gated cell at every size would be most of a minute of compiling in each process.
CELLS_OF = {"generic": ("gru", "rnn"), "damped": ("lstm",), "btc": ("gru",), "imdb": ("lstm",)}

THREADS = """
import sys
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(int(sys.argv[1]))
from tests.test_engine import CELLS_OF, digest_of_fit

for workload, cells in CELLS_OF.items():
    for cell in cells:
        print(workload, cell, digest_of_fit(workload, cell))
"""


def digest_of_fit(workload, cell):
    """Hash of the weights after two batches of a workload."""
    import hashlib

    params = dict(SHAPES[workload])
    shape, units = params.pop("shape"), params.pop("units")
    rng = np.random.default_rng(0)
    X = rng.normal(size=shape).astype("float32")
    y = np.cumsum(X[..., 0], axis=1) / 5 if "return_sequences" in params else X[:, -1, 0]
    estimator = RecurrentRegressor(cell, units, epochs=1, random_state=0, **params).fit(X, y)
    return hashlib.sha256(b"".join(w.tobytes() for w in estimator._state.weights)).hexdigest()


@pytest.mark.slow
def test_weights_are_equal_on_one_two_and_four_threads():
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}

    def run_on(n_threads):
        return run("-c", THREADS, str(n_threads), cwd=ROOT, env=environment, seconds=VERY_LONG)

    with ThreadPoolExecutor(3) as pool:
        processes = list(pool.map(run_on, (1, 2, 4)))
    assert [process.returncode for process in processes] == [0, 0, 0], processes
    one, two, four = (set(process.stdout.splitlines()) for process in processes)
    assert len(one) == 5
    assert one == two == four


# ---------------------------------------------------------------------------------------------------- memory


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_windows_are_never_materialised(dtype):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10_000, 4)).astype(dtype)
    windows = X.itemsize * X.size * 256
    pipeline = make_pipeline(SequenceWindower(256), GRURegressor(2, batch_size=512, epochs=1, random_state=0))
    pipeline.fit(X[:600], X[:600, 0]).predict(X[:300])  # compiles
    tracemalloc.start()
    try:
        pipeline.fit(X, X[:, 0]).predict(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < windows / 4


RESIDENT = """
import numpy as np
from skrnn import RecurrentRegressor

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

rng = np.random.default_rng(0)
X = rng.normal(size=(100, 20, 1)).astype("float32")
y = X[:, -1, 0]
estimators = [RecurrentRegressor(cell, 8, epochs=1, batch_size=16) for cell in ("gru", "lstm")]
for number in range(35):
    estimators[number % 2].fit(X, y).predict(X)
    if number == 14:
        before = resident()
print(resident() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Reads a process's memory from /proc.")
def test_many_fits_leave_no_memory_behind():
    process = run("-c", RESIDENT, seconds=VERY_LONG)
    assert process.returncode == 0, process.stderr
    assert float(process.stdout) < 7  # a Keras model a fit would leave 12
