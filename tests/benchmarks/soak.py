"""Soak test: fit, predict, pickle and fail for a long time, with constant memory and results.

Run it with ``python tests/benchmarks/soak.py``. It takes 20 minutes and prints one line per minute. Architectures,
sizes, seeds and faults are drawn at random from a fixed set, so that a job that is drawn again must return the same
result bit for bit. The test fails if a result differs, or if the number of files, the number of threads, or the memory
(by more than 5%) grows in the second half.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import hashlib
import os
import pickle
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd

from skrnn import RecurrentClassifier, RecurrentRegressor, SequenceForecaster

ARCHITECTURES = [
    {"cell": "gru", "units": 8},
    {"cell": "lstm", "units": (8, 4)},
    {"cell": "rnn", "units": 16, "bidirectional": True},
    {"cell": "gru", "units": 12, "dropout": 0.2},
    {"cell": "lstm", "units": 8, "return_sequences": True},
    {"cell": "gru", "units": 128},  # large enough for several threads
]
SIZES = (20, 50, 120)
SEEDS = range(4)


class Fault(keras.callbacks.Callback):
    """Callback that raises an error at the end of the second epoch."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise RuntimeError("A callback that raises.")


def data(n_samples, seed, per_step):
    """Return sequences of 6 time steps, and sums that depend on their order."""
    X = np.random.default_rng(seed).normal(size=(n_samples, 6, 2))
    y = (X[..., 0] - np.roll(X[..., 1], 1, axis=1)).cumsum(axis=1)
    return X, y if per_step else y[:, -1]


def regression(architecture, n_samples, seed):
    """Fit, predict, and predict again after pickling."""
    X, y = data(n_samples, seed, "return_sequences" in architecture)
    estimator = RecurrentRegressor(**architecture, epochs=3, random_state=seed).fit(X, y)
    loaded = pickle.loads(pickle.dumps(estimator))
    predictions = estimator.predict(X)
    if not np.array_equal(loaded.predict(X), predictions):
        raise AssertionError(f"{architecture}: a loaded estimator returns other predictions.")
    return predictions


def classification(architecture, n_samples, seed):
    """Fit, copy, continue training, and predict."""
    X, y = data(n_samples, seed, "return_sequences" in architecture)
    estimator = RecurrentClassifier(**architecture, epochs=2, random_state=seed).fit(X, y > 0)
    return copy.deepcopy(estimator).partial_fit(X, y > 0).predict_proba(X)


def forecast(architecture, n_samples, seed):
    """Forecast a series recursively."""
    estimator = RecurrentRegressor(**{**architecture, "return_sequences": False}, epochs=2, random_state=seed)
    series = np.sin(np.arange(n_samples + 20.0) / 3 + seed)
    return SequenceForecaster(estimator, window=6).fit(None, series).forecast(12)


def failure(architecture, n_samples, seed):
    """Fail in three ways; check that predictions do not change and that the next fit starts from scratch."""
    X, y = data(n_samples, seed, "return_sequences" in architecture)
    estimator = RecurrentRegressor(**architecture, epochs=3, random_state=seed).fit(X, y)
    before = estimator.predict(X)
    broken = X.copy()
    broken[1, 2, 0] = np.nan
    for changes, given in (
        ({}, (broken, y)),
        ({"callbacks": [Fault()]}, (X, y)),
        ({"optimizer__learning_rate": 1e30, "optimizer": "sgd"}, (X, y)),
    ):
        with contextlib.suppress(ValueError, RuntimeError):
            estimator.set_params(**changes).fit(*given)
            raise AssertionError(f"{architecture}: a fit did not fail, with {changes}.")
        if not np.array_equal(estimator.predict(X), before):
            raise AssertionError(f"{architecture}: a failed fit changed the estimator, with {changes}.")
        estimator = RecurrentRegressor(**architecture, epochs=3, random_state=seed).fit(X, y)
    return estimator.predict(X)


JOBS = (regression, classification, forecast, failure)


def usage():
    """Return the resident megabytes, open files and threads of this process (Linux only)."""
    with open("/proc/self/status", encoding="ascii") as status:
        fields = dict(line.split(":", 1) for line in status)
    return int(fields["VmRSS"].split()[0]) / 1024, len(os.listdir("/proc/self/fd")), int(fields["Threads"])


def main():
    """Run jobs until the time is up, print one line per minute, and check the second half."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    rng, digests, lines = np.random.default_rng(arguments.seed), {}, []
    start, n_jobs = time.monotonic(), 0
    print(f"{'minute':>6} {'jobs':>7} {'distinct':>8} {'MB':>7} {'files':>6} {'threads':>8}")
    while time.monotonic() - start < 60 * arguments.minutes:
        job, architecture = JOBS[rng.integers(len(JOBS))], rng.integers(len(ARCHITECTURES))
        key = job.__name__, int(architecture), SIZES[rng.integers(len(SIZES))], int(rng.integers(len(SEEDS)))
        result = np.ascontiguousarray(job(ARCHITECTURES[architecture], *key[2:]))
        digest = hashlib.sha256(result.tobytes()).hexdigest()
        if digests.setdefault(key, digest) != digest:
            raise AssertionError(f"{key} returned another result than before.")
        n_jobs += 1
        if time.monotonic() - start >= 60 * (len(lines) + 1) or time.monotonic() - start >= 60 * arguments.minutes:
            lines.append((n_jobs, len(digests), *usage()))
            print(
                f"{len(lines):6} {n_jobs:7} {len(digests):8} {lines[-1][2]:7.0f} {lines[-1][3]:6} {lines[-1][4]:8}",
                flush=True,
            )

    table = pd.DataFrame(lines, columns=["jobs", "distinct", "MB", "files", "threads"])
    half = table.iloc[len(table) // 2 :]
    growth = half["MB"].iloc[-1] / half["MB"].iloc[0] - 1
    print(f"{n_jobs} jobs; repeated jobs returned the same results; memory {growth:+.1%} over the second half.")
    grown = [name for name in ("files", "threads") if half[name].iloc[-1] > half[name].iloc[0]]
    if grown or growth > 0.05:
        raise SystemExit(f"Growth in the second half: {', '.join(grown + ['memory'] * (growth > 0.05))}.")


if __name__ == "__main__":
    main()
