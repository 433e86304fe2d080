"""Memory that skrnn takes: windows of a long series, and many fits in one process.

    python tests/benchmarks/memory.py

Every line is measured in a process of its own. Linux only: it reads the process's own memory from ``/proc``.
"""

import argparse
import os
import subprocess
import sys
import threading
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

MEASURES = ("windows-float32", "windows-float64", "fits")


def resident():
    """Resident memory of this process, MB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


class Peak:
    """Highest resident memory above that at the start, MB, sampled every 5 ms."""

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


def windows(dtype):
    """Fit and predict on 199,489 windows of 512 rows of 8 columns, which would be 3.3 GB of float32."""
    from sklearn.pipeline import make_pipeline

    import skrnn._fused  # noqa: F401  (its import is not measured)
    from skrnn import GRURegressor, SequenceWindower

    rng = np.random.default_rng(0)
    X = rng.normal(size=(200_000, 8)).astype(dtype)
    y = X[:, 0]
    GRURegressor(8, epochs=1).fit(X[:32, None], y[:32])  # scikeras and what TensorFlow does once
    pipeline = make_pipeline(SequenceWindower(512), GRURegressor(8, batch_size=1024, epochs=1, random_state=0))
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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    measure = parser.parse_args().measure
    if measure is None:
        for name in MEASURES:
            subprocess.run([sys.executable, __file__, "--measure", name], check=True)
    elif measure == "fits":
        fits()
    else:
        windows(measure.removeprefix("windows-"))


if __name__ == "__main__":
    main()
