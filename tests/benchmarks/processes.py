"""Measurements in separate processes: searches, compilation, and fits in workers.

    python tests/benchmarks/processes.py search skrnn|scikeras|skorch [JOBS]
    python tests/benchmarks/processes.py compile fit|all
    python tests/benchmarks/processes.py workers [ROUNDS]

The time of a search excludes the imports of its own process and includes those of its workers.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from rivals import skorch_options, torch_network
from workloads import SEARCH, damped_windows, estimator_of, workload_data


def search_of(framework, n_jobs):
    """Return a GridSearchCV over cells and units in one framework, which this function imports."""
    from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

    X, y = damped_windows(SEARCH["window"])
    y = y[:, -1]
    grid = {"cell": list(SEARCH["cells"]), "units": list(SEARCH["units"])}
    options = {"batch_size": SEARCH["batch_size"]}
    if framework == "skrnn":
        from skrnn import RecurrentRegressor

        estimator = RecurrentRegressor(epochs=SEARCH["epochs"], random_state=0, **options)
        grid["cell"] = [cell.lower() for cell in grid["cell"]]
    elif framework == "scikeras":
        import keras
        from scikeras.wrappers import KerasRegressor

        def build(cell, units):
            layer = getattr(keras.layers, cell)
            return keras.Sequential([keras.layers.Input((SEARCH["window"], 1)), layer(units), keras.layers.Dense(1)])

        estimator = KerasRegressor(
            build, cell="GRU", units=8, epochs=SEARCH["epochs"], loss="mse", optimizer="adam", verbose=0, **options
        )
    else:
        import skorch
        import torch

        class Network(torch.nn.Module):
            def __init__(self, cell="GRU", units=8):
                super().__init__()
                self.body = torch_network(torch, cell, 1, (units,), False)

            def forward(self, x):
                return self.body(x)

        estimator = skorch.NeuralNetRegressor(
            Network,
            max_epochs=SEARCH["epochs"],
            **skorch_options(torch),
            **options,
        )
        y = y[:, None]
        grid = {f"module__{name}": values for name, values in grid.items()}
    search = GridSearchCV(
        estimator, grid, cv=TimeSeriesSplit(SEARCH["folds"]), scoring="neg_mean_squared_error", n_jobs=n_jobs
    )
    return search, X, y


def time_search(framework, n_jobs="1"):
    """Print the time of a search: 30 fits, and the refit of the best candidate on all data."""
    search, X, y = search_of(framework, int(n_jobs))
    start = time.perf_counter()
    search.fit(X, y)
    print(json.dumps({"seconds": time.perf_counter() - start, "loss": -search.best_score_}))


def time_compiling(kernels_of):
    """Print the time of compilation: the first fit of a default GRU, or all kernels of one dtype."""
    from skrnn import GRURegressor

    X, y = workload_data("damped")
    start = time.perf_counter()
    if kernels_of == "fit":
        GRURegressor(epochs=1, random_state=0).fit(X, y[:, -1]).predict(X[:1])
    else:
        from skrnn._engine.native import kernels
        from skrnn._engine.native.compiling import KERNELS
        from skrnn._engine.native.library import LIBRARIES

        assert kernels  # the import registers all kernels in KERNELS
        for name in KERNELS:
            LIBRARIES["float32"].function(name)
    print(json.dumps({"seconds": time.perf_counter() - start}))


def fits_in_worker(n_fits):
    """Fit several times in a worker; return the processor time in seconds."""
    X, y = damped_windows(SEARCH["window"])
    estimator = estimator_of("GRU", "damped").set_params(epochs=SEARCH["epochs"], return_sequences=False)
    start = time.process_time()
    for _ in range(n_fits):
        estimator.fit(X, y[:, -1])
    return time.process_time() - start


def time_workers(rounds="5"):
    """Print the wall time and the processor time of 16 fits in one warm worker and in two, in turn."""
    from joblib import Parallel, delayed

    with Parallel(n_jobs=2) as two:  # one worker is the same pool with a single task
        two(delayed(fits_in_worker)(1) for _ in range(8))  # imports in both
        for _ in range(int(rounds)):
            for name, tasks in (("one", [16]), ("two", [8, 8])):
                start = time.perf_counter()
                processor = two(delayed(fits_in_worker)(n_fits) for n_fits in tasks)
                seconds = time.perf_counter() - start
                print(json.dumps({"workers": name, "seconds": seconds, "processor": sum(processor)}))


def report_of(script, *arguments, environment=None):
    """Run a script of this folder in a new process; return its report and its total time."""
    command = [sys.executable, str(Path(__file__).with_name(script)), *arguments]
    start = time.perf_counter()
    process = subprocess.run(command, env=os.environ | (environment or {}), capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{process.stderr}")
    return {"whole process": seconds, **json.loads(process.stdout.splitlines()[-1])}


def report_with_nothing_compiled(*arguments):
    """Run this script with an empty kernel cache, so that all kernels must be compiled."""
    with tempfile.TemporaryDirectory() as folder:
        return report_of("processes.py", *arguments, environment={"NUMBA_CACHE_DIR": folder})


if __name__ == "__main__":
    {"search": time_search, "compile": time_compiling, "workers": time_workers}[sys.argv[1]](*sys.argv[2:])
