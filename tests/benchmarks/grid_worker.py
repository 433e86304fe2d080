"""A process that times training in one checkout: a shape on a line of its input, milliseconds on one of its output.

`grid` starts it, with ``PYTHONPATH`` naming the checkout and ``OMP_NUM_THREADS`` the threads. It keeps to what every
version of skrnn has in common.
"""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import skrnn

TIMESTEPS, FEATURES = 30, 4
MAX_EPOCHS = 4096
SECONDS = 0.15  # that the epochs of a measurement take at least, where one does not take longer
_WORK = 2**24  # of an epoch of several batches, in samples times the size of the weights: some tenths of a second


class Shape:
    """An estimator and data of one shape; an epoch has as many batches as its time allows, 256 at most."""

    def __init__(self, cell, units, batch_size):
        work = batch_size * units * (units + 32)
        self.n_batches = int(np.clip(_WORK // work, 1, min(256, 16_384 // batch_size)))
        rng = np.random.default_rng(0)
        n = max(batch_size * self.n_batches, 2)
        self.X = rng.normal(size=(n, TIMESTEPS, FEATURES)).astype("float32")
        self.y = self.X[:, -5:, 0].mean(axis=1)
        self.estimator = skrnn.RecurrentRegressor(cell, units, batch_size=batch_size, shuffle=False, random_state=0)
        self.seconds(1)  # compiles, or loads what is compiled
        self.loss = self.estimator.history_["loss"][0]
        self._epochs = 1

    def seconds(self, epochs):
        """Seconds of a fit."""
        start = time.perf_counter()
        self.estimator.set_params(epochs=epochs).fit(self.X, self.y)
        return time.perf_counter() - start

    def milliseconds(self):
        """Milliseconds per batch: the difference of a long and a short fit."""
        short = self.seconds(1)
        while True:
            spent = self.seconds(1 + self._epochs) - short
            if spent >= SECONDS / 2 or self._epochs >= MAX_EPOCHS:
                return 1e3 * spent / self._epochs / self.n_batches
            enough = self._epochs * SECONDS / max(spent, 1e-3)
            self._epochs = int(np.clip(enough, 2 * self._epochs, MAX_EPOCHS))


def main():
    shape = None
    print(json.dumps(os.path.dirname(skrnn.__file__)), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if request is not None:
            shape = Shape(**request)
            answer = {"loss": shape.loss, "batches": shape.n_batches}
        else:
            answer = shape.milliseconds()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
