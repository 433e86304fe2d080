"""Memory usage of skrnn: training, windows of a long series, and many fits in one process.

    python tests/benchmarks/memory.py [--against FOLDER] [--only long,tokens,...]

Each line is measured in a separate process, with ``--against`` in two: the second one imports another checkout of
skrnn. Linux only, since memory is read from ``/proc``.
"""

import argparse
import os
import subprocess
import sys
import threading
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from grid import own_checkout
from start import resident
from workloads import LONG, TOKENS, long_data, tokens_data

LARGE = (1024, 300, 8, 256)  # sequences, steps, features, units; one batch


class Peak:
    """Peak resident memory in MB, sampled every 5 ms."""

    def __enter__(self):
        self.start = self.highest = resident()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self):
        while not self._done.wait(0.005):
            self.highest = max(self.highest, resident())

    def __exit__(self, *exception):
        self._done.set()
        self._thread.join()

    @property
    def above(self):
        return self.highest - self.start


def long(cell):
    """Return a description, an estimator and data: long sequences."""
    from skrnn import RecurrentRegressor

    X, y = long_data()
    estimator = RecurrentRegressor(cell, LONG[2], batch_size=len(X), epochs=2, random_state=0, shuffle=False)
    return f"{len(X)} sequences of {X.shape[1]:,} steps, {cell} of {LONG[2]} units", estimator, X, y


def tokens():
    """Return a description, an estimator and data: token ids."""
    from skrnn import GRUClassifier

    X, y = tokens_data()
    longest, n_ids, embedding, units, batch_size, n, epochs = TOKENS
    estimator = GRUClassifier(
        units, embedding_dim=embedding, n_tokens=n_ids, batch_size=batch_size, epochs=epochs, random_state=0
    )
    return f"{n} texts of at most {longest} of {n_ids:,} ids, batches of {batch_size}", estimator, X, y


def large():
    """Return a description, an estimator and data: one large batch."""
    from skrnn import LSTMRegressor

    n, n_timesteps, n_features, units = LARGE
    X = np.random.default_rng(0).normal(size=(n, n_timesteps, n_features)).astype("float32")
    estimator = LSTMRegressor(units, batch_size=n, epochs=1, random_state=0)
    return f"a batch of {n:,} x {n_timesteps}, lstm of {units} units", estimator, X, X[:, -5:, 0].mean(axis=1)


TRAININGS = {"long-lstm": lambda: long("lstm"), "long-gru": lambda: long("gru"), "tokens": tokens, "large": large}


def fit_a_little(estimator, X, y):
    """Fit on a small part of the data, to import modules and load kernels."""
    from sklearn.base import clone

    clone(estimator).set_params(epochs=1, batch_size=8).fit(X[:32, :5], y[:32])


def prepare():
    """Compile all kernels, so that none is compiled while memory is measured."""
    for training in TRAININGS.values():
        fit_a_little(*training()[1:])


def train(name):
    """Print the peak memory of training."""
    description, estimator, X, y = TRAININGS[name]()
    fit_a_little(estimator, X, y)
    start = time.perf_counter()
    with Peak() as peak:
        estimator.fit(X, y)
    seconds = time.perf_counter() - start
    print(
        f"{description}: {peak.highest:.0f} MB, {peak.above:.0f} MB above the process before fit, which took "
        f"{seconds:.1f} s"
    )


def windows(dtype):
    """Fit and predict on windows of 512 rows of 8 columns, which would take 3.3 GB as float32 array."""
    from sklearn.pipeline import make_pipeline

    from skrnn import GRURegressor, SequenceWindower

    rng = np.random.default_rng(0)
    X = rng.normal(size=(200_000, 8)).astype(dtype)
    y = X[:, 0]
    estimator = GRURegressor(8, batch_size=1024, epochs=1, random_state=0)
    fit_a_little(estimator, X[:, None], y)
    pipeline = make_pipeline(SequenceWindower(512), estimator)
    start = time.perf_counter()
    with Peak() as fit:
        pipeline.fit(X, y)
    seconds = time.perf_counter() - start
    with Peak() as predict:
        predicted = pipeline.predict(X)
    assert predicted.shape == (200_000,)
    highest = max(fit.highest, predict.highest) - fit.start
    print(
        f"windows of 512 over 200,000 x 8, {dtype}: {highest:.0f} MB above the process before fit "
        f"({fit.above:.0f} in fit, which took {seconds:.0f} s; {predict.above:.0f} more in predict)"
    )


def panel():
    """Fit a forecaster on 1,000 series of 500 rows, and forecast."""
    import pandas as pd

    from skrnn import GRURegressor, SequenceForecaster

    n_series, n_rows = 1000, 500
    y = np.cumsum(np.random.default_rng(0).normal(size=(n_series, n_rows)), axis=1).ravel()
    days = np.tile(pd.date_range("2020", periods=n_rows), n_series)
    X = pd.DataFrame({"series": np.repeat(np.arange(n_series), n_rows)}, index=days)
    network = GRURegressor(32, batch_size=128, epochs=1, random_state=0)
    forecaster = SequenceForecaster(network, window=20, groups="series")
    forecaster.fit(X[: 2 * n_rows], y[: 2 * n_rows]).forecast(24)
    megabytes = (X.memory_usage().sum() + y.nbytes) / 2**20
    start = time.perf_counter()
    with Peak() as peak:
        forecaster.fit(X, y).forecast(24)
    seconds = time.perf_counter() - start
    print(
        f"a panel of {n_series:,} x {n_rows}, {megabytes:.1f} MB: {peak.above:.0f} MB above the process before fit and "
        f"forecast, which took {seconds:.1f} s"
    )


def fits():
    """Fit four architectures 50 times each."""
    from skrnn import RecurrentRegressor

    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 20, 1)).astype("float32")
    y = X[:, -1, 0]
    estimators = [
        RecurrentRegressor(cell, units, epochs=2, batch_size=16, random_state=0)
        for cell in ("gru", "lstm")
        for units in (8, 16)
    ]
    base = None
    for number in range(200):
        estimators[number % 4].fit(X, y).predict(X)
        if number == 19:
            base = resident()
    print(f"200 fits over 4 architectures: {resident() - base:.1f} MB more than after the first 20")


MEASURES = {
    **{name: lambda name=name: train(name) for name in TRAININGS},
    "windows-float32": lambda: windows("float32"),
    "windows-float64": lambda: windows("float64"),
    "panel": panel,
    "fits": fits,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(MEASURES))
    parser.add_argument("--against", metavar="FOLDER", help="another checkout to compare with")
    parser.add_argument("--measure", choices=("prepare", *MEASURES), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure is not None:
        {"prepare": prepare, **MEASURES}[arguments.measure]()
        return
    folders = [own_checkout(), *([] if arguments.against is None else [os.path.abspath(arguments.against)])]
    for name in ("prepare", *arguments.only.split(",")):
        for folder in folders:
            if len(folders) > 1 and name != "prepare":
                print(f"{folder}: ", end="", flush=True)
            environment = os.environ | {"PYTHONPATH": str(folder)}
            subprocess.run([sys.executable, __file__, "--measure", name], check=True, env=environment)


if __name__ == "__main__":
    main()
