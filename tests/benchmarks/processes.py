"""What is timed in a process of its own, imports left out: a first fit, searches, and fits in workers.

python tests/benchmarks/processes.py search skrnn|scikeras|skorch
python tests/benchmarks/processes.py first skrnn|keras GRU|LSTM
python tests/benchmarks/processes.py workers
"""

import json
import os
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from rivals import torch_network
from workloads import damped_windows, estimator_of, workload_data

SEARCH = {"units": (8, 16, 40), "folds": 5, "epochs": 20, "batch_size": 10, "window": 20}


def search_of(framework):
    """A GridSearchCV over cells and units, in one framework; what it needs is imported before its time is taken."""
    from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

    X, y = damped_windows(SEARCH["window"])
    y = y[:, -1]
    grid = {"cell": ["LSTM", "GRU"], "units": list(SEARCH["units"])}
    options = {"batch_size": SEARCH["batch_size"]}
    if framework == "skrnn":
        import skrnn._fused  # noqa: F401  (imports Keras and TensorFlow)
        from scikeras.wrappers import BaseWrapper  # noqa: F401  (so that its import is not timed)

        from skrnn import RecurrentRegressor

        estimator = RecurrentRegressor(epochs=SEARCH["epochs"], random_state=0, **options)
        grid = {"cell": ["lstm", "gru"], "units": list(SEARCH["units"])}
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
            Network, max_epochs=SEARCH["epochs"], optimizer=torch.optim.Adam, train_split=None, verbose=0, **options
        )
        y = y[:, None]
        grid = {f"module__{name}": values for name, values in grid.items()}
    return GridSearchCV(estimator, grid, cv=TimeSeriesSplit(SEARCH["folds"]), scoring="neg_mean_squared_error"), X, y


def time_searches(framework):
    """Seconds of a first search in this process, and of a second."""
    search, X, y = search_of(framework)
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        search.fit(X, y)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": seconds, "best": search.best_score_}))


def time_first_fit(framework, cell):
    """Seconds of the first fit in this process: the damped workload, three epochs, all tracing and compiling."""
    import keras
    import skrnn._fused  # noqa: F401  (imports Keras and TensorFlow)

    from skrnn._engine.keras_compile import _scikeras_wrapper

    _scikeras_wrapper()  # its import is not timed
    X, y = workload_data("damped")
    estimator = estimator_of(cell, "damped").set_params(epochs=3)
    start = time.perf_counter()
    if framework == "skrnn":
        loss = estimator.fit(X, y).history_["loss"][-1]
    else:
        layer = getattr(keras.layers, cell)
        inputs = keras.layers.Input(X.shape[1:])
        model = keras.Model(inputs, keras.layers.Dense(1)(layer(estimator.units[0], return_sequences=True)(inputs)))
        model.compile(optimizer="adam", loss="mse")
        loss = model.fit(X, y[..., None], batch_size=10, epochs=3, shuffle=False, verbose=0).history["loss"][-1]
    print(json.dumps({"seconds": [time.perf_counter() - start], "loss": loss}))


def fits_in_worker(n_fits):
    """Fit a few times in a worker; return the seconds of its processor that this took."""
    import skrnn._fused  # noqa: F401  (imports Keras and TensorFlow)

    X, y = damped_windows(SEARCH["window"])
    estimator = estimator_of("GRU", "damped").set_params(epochs=SEARCH["epochs"], return_sequences=False)
    start = time.process_time()
    for _ in range(n_fits):
        estimator.fit(X, y[:, -1])
    return time.process_time() - start


def time_workers(rounds="5"):
    """Seconds of 16 fits in one warm worker and in two, which share them, in turn; seconds of the processors too."""
    from joblib import Parallel, delayed

    with Parallel(n_jobs=2) as two:  # one is the same pool, given one task
        two(delayed(fits_in_worker)(1) for _ in range(8))  # imports and compiles in both
        for _ in range(int(rounds)):
            for name, tasks in (("one", [16]), ("two", [8, 8])):
                start = time.perf_counter()
                processor = two(delayed(fits_in_worker)(n_fits) for n_fits in tasks)
                seconds = time.perf_counter() - start
                print(json.dumps({"workers": name, "seconds": [seconds], "processor": sum(processor)}))


def seconds_of(*arguments):
    """Run this file in a process of its own; return the seconds that it prints."""
    process = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True)
    return json.loads(process.stdout.splitlines()[-1])["seconds"]


if __name__ == "__main__":
    {"search": time_searches, "first": time_first_fit, "workers": time_workers}[sys.argv[1]](*sys.argv[2:])
