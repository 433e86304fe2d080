"""Process that times training in one checkout: it reads shapes as lines and writes milliseconds as lines.

`grid` starts it with the checkout in ``PYTHONPATH`` and the number of threads in ``OMP_NUM_THREADS``. It uses only
parameters that all versions of skrnn have.
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
SECONDS = 0.15  # minimum duration of the epochs of a measurement
_WORK = 2**24  # work per epoch, as samples times number of weights: some tenths of a second


class Shape:
    """Estimator and data of one shape; the number of batches per epoch depends on the work, with a maximum of 256."""

    def __init__(self, cell, units, batch_size):
        work = batch_size * units * (units + 32)
        self.n_batches = int(np.clip(_WORK // work, 1, min(256, 16_384 // batch_size)))
        rng = np.random.default_rng(0)
        n = max(batch_size * self.n_batches, 2)
        self.X = rng.normal(size=(n, TIMESTEPS, FEATURES)).astype("float32")
        self.y = self.X[:, -5:, 0].mean(axis=1)
        self.estimator = skrnn.RecurrentRegressor(cell, units, batch_size=batch_size, shuffle=False, random_state=0)
        self.seconds(1)  # compiles or loads kernels
        self.loss = self.estimator.history_["loss"][0]
        self._epochs = 1

    def seconds(self, epochs):
        """Return the time of a fit in seconds."""
        start = time.perf_counter()
        self.estimator.set_params(epochs=epochs).fit(self.X, self.y)
        return time.perf_counter() - start

    def milliseconds(self):
        """Return milliseconds per batch, from the difference of a long and a short fit."""
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
