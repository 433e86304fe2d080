"""Time of an epoch of an autoencoder, beside that of a regressor with as many recurrent layers that predicts each step.

python tests/benchmarks/autoencoder.py
"""

import time

import numpy as np

from skrnn import RecurrentRegressor, SequenceAutoencoder

EPOCHS, REPETITIONS = 5, 5
COMMON = {"epochs": EPOCHS, "random_state": 0}


def seconds_per_epoch(estimator, *data):
    """Return the shortest time of several fits, per epoch; the first one, which compiles kernels, is not counted."""
    times = []
    for _ in range(REPETITIONS + 1):
        start = time.perf_counter()
        estimator.fit(*data)
        times.append((time.perf_counter() - start) / EPOCHS)
    return min(times[1:])


def main():
    """Print the times for each cell and number of layers."""
    X = np.random.default_rng(0).normal(size=(500, 50, 4)).cumsum(axis=1) / 5
    print("cell  units      autoencoder   regressor   ratio")
    for cell in ("gru", "lstm"):
        for units in ((32,), (64, 32)):
            ours = seconds_per_epoch(SequenceAutoencoder(cell, units, **COMMON), X)
            layers = units + units[::-1]
            theirs = seconds_per_epoch(RecurrentRegressor(cell, layers, return_sequences=True, **COMMON), X, X)
            print(f"{cell:5} {units!s:10} {1000 * ours:8.1f} ms {1000 * theirs:8.1f} ms {ours / theirs:7.2f}")


if __name__ == "__main__":
    main()
