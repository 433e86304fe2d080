"""Compare Keras's loop in skrnn with plain ``keras.Model.fit`` and ``predict``, on each backend of Keras.

    python tests/benchmarks/backends.py [--backends tensorflow torch jax] [--rounds 5] [--processor-time]

Both train the same network from the same weights on the same batches, with and without padded time steps. Backends that
are not installed are left out. The first epoch of a fit, in which backends trace and compile, is not counted. Processor
time is that of all threads: it is for machines on which other processes run.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

BACKENDS = ("tensorflow", "torch", "jax")
SAMPLES, TIMESTEPS, FEATURES, UNITS, BATCH_SIZE, EPOCHS = 320, 24, 4, 32, 32, 10
CASES = [(cell, padded) for cell in ("gru", "lstm") for padded in (False, True)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=BACKENDS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processor-time", action="store_true")
    parser.add_argument("--here", action="store_true", help="measure the backend of KERAS_BACKEND in this process")
    options = parser.parse_args()
    if options.here:
        measure(options.rounds, time.process_time if options.processor_time else time.perf_counter)
        return
    for backend in options.backends:
        if find_spec(backend) is None:
            print(f"{backend} is not installed")
            continue
        environment = os.environ | {"KERAS_BACKEND": backend, "SKRNN_ENGINE": "keras"}
        command = [sys.executable, __file__, "--here", "--rounds", str(options.rounds)]
        command += ["--processor-time"] * options.processor_time
        subprocess.run(command, env=environment, check=True)


def measure(rounds, now):
    from tables import print_head, print_row, row_of

    print_head()
    backend = os.environ["KERAS_BACKEND"]
    for cell, padded in CASES:
        what = f"{backend} {cell}{', padded' if padded else ''}"
        X, y = data(padded)
        mine, theirs = [], []  # per round: (ms of an epoch, ms of a prediction)
        for _ in range(rounds):
            estimator, *figures = ours(cell, X, y, now)
            mine.append(figures)
            loss, *figures = plain(estimator, X, y, padded, now)
            theirs.append(figures)
        for position, task in enumerate((f"{what}, ms per epoch", f"{what}, ms to predict")):
            my, their = ([figures[position] * 1e3 for figures in rows] for rows in (mine, theirs))
            row = row_of(task, "Keras", my, their)
            if position == 0:
                row |= {"loss skrnn": estimator.history_["loss"][-1], "loss theirs": loss, "same weights": True}
            print_row(row)


def data(padded):
    """Return sequences, half of them with leading or trailing padding if asked for, and targets."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(SAMPLES, TIMESTEPS, FEATURES)).astype("float32")
    y = X[:, 8:16, 0].mean(axis=1)
    if padded:
        X[::4, :8] = np.nan
        X[1::4, -8:] = np.nan
    return X, y


def ours(cell, X, y, now):
    """Return a fitted estimator, seconds per epoch and seconds of a prediction."""
    from skrnn import RecurrentRegressor

    clock = clock_of_epochs(now)
    estimator = RecurrentRegressor(
        cell, UNITS, batch_size=BATCH_SIZE, shuffle=False, epochs=1 + EPOCHS, callbacks=[clock], random_state=0
    ).fit(X, y)
    return estimator, clock.seconds_per_epoch(), seconds_of(lambda: estimator.predict(X), now)


def plain(estimator, X, y, padded, now):
    """Return the last loss, seconds per epoch and seconds of a prediction of the same network in Keras."""
    import keras

    from skrnn._engine.network import build_network

    inputs = estimator.model_input(X)
    network = build_network(estimator._spec, estimator._seed, mask="layer" if padded else None)
    network.compile(optimizer=keras.optimizers.Adam(), loss="mse")
    clock = clock_of_epochs(now)
    history = network.fit(
        inputs, y[:, None], batch_size=BATCH_SIZE, epochs=1 + EPOCHS, shuffle=False, verbose=0, callbacks=[clock]
    )
    seconds = seconds_of(lambda: network.predict(inputs, batch_size=BATCH_SIZE, verbose=0), now)
    return history.history["loss"][-1], clock.seconds_per_epoch(), seconds


def clock_of_epochs(now):
    """Return a callback that measures the time from the start of the second epoch to the end of training."""
    import keras

    class Clock(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.stamps = []

        def on_epoch_begin(self, epoch, logs=None):
            self.stamps.append(now())

        def on_train_end(self, logs=None):
            self.stamps.append(now())

        def seconds_per_epoch(self):
            _, first, *_, last = self.stamps
            return (last - first) / EPOCHS

    return Clock()


def seconds_of(call, now):
    """Return the median seconds of a call, after one that is not counted."""
    seconds = []
    for _ in range(4):
        start = now()
        call()
        seconds.append(now() - start)
    return statistics.median(seconds[1:])


if __name__ == "__main__":
    main()
