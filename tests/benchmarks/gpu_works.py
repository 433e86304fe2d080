"""Works of the benchmark on a GPU, and the same training loops in torch alone and in Keras alone."""

import itertools
import math
import statistics
import time

import numpy as np

# Samples, time steps, features, units, batch size, timed epochs.
WORKS = {
    "generic": (2048, 50, 8, (64,), 256, 20),
    "btc": (2048, 60, 1, (50, 100), 256, 20),
    "big": (16384, 100, 16, (256,), 512, 8),
    "long": (40, 20_000, 1, (16,), 40, 8),
}
TINY = {name: (64, 6, work[2], (4,) * len(work[3]), 16, 2) for name, work in WORKS.items()}
DEVICE = {"torch": "cuda"}  # "cpu" to try the benchmark without a GPU
CELLS = ("gru", "lstm")
CLIPPED = ("long",)  # gradients over thousands of time steps are clipped by their global norm


def data_of(name):
    n_samples, n_timesteps, n_features, *_ = WORKS[name]
    return noisy_sums(n_samples, n_timesteps, n_features)


def noisy_sums(n_samples, n_timesteps, n_features):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, n_timesteps, n_features)).astype("float32")
    return X, (X[:, -5:, 0].mean(axis=1) + 0.1 * rng.normal(size=n_samples)).astype("float32")


def estimator_of(cell, name, **params):
    from skrnn import RecurrentRegressor

    *_, units, batch_size, _ = WORKS[name]
    if name in CLIPPED:
        params = {"optimizer__global_clipnorm": 1.0, **params}
    defaults = {"units": units, "batch_size": batch_size, "random_state": 0}
    return RecurrentRegressor(cell, **{**defaults, **params})


class EpochTimes:
    """Seconds of each epoch of the fits in a ``with`` block, from the end of an epoch to the end of the next."""

    def __init__(self, training):
        self.training, self.stamps, self.n_graphs = training, [], 0

    def __enter__(self):
        self.train = train = self.training.train

        def timed(training, epoch):
            loss = train(training, epoch)
            self.stamps.append(time.perf_counter())
            self.n_graphs = sum(step._graph is not None for step in getattr(training, "_steps", {}).values())
            return loss

        self.training.train = timed
        return self

    def __exit__(self, *_):
        self.training.train = self.train

    def median(self, n_epochs):
        return statistics.median(np.diff(self.stamps)[-n_epochs:])


class RawTorch:
    """Training loop in torch on the device, with cuDNN and the fused optimizer, one operation at a time.

    ``dtype`` is that of the recurrent layers.
    """

    def __init__(self, cell, name, X, y, dtype="float32"):
        import torch

        self.torch, self.clips, self.device = torch, name in CLIPPED, DEVICE["torch"]
        _, _, n_features, units, self.batch_size, self.epochs = WORKS[name]
        torch.manual_seed(0)
        sizes = (n_features, *units)
        kind = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell]
        self.layers = torch.nn.ModuleList(kind(a, b, batch_first=True) for a, b in itertools.pairwise(sizes))
        self.dtype = getattr(torch, dtype)
        self.layers = self.layers.to(self.device, self.dtype)
        self.head = torch.nn.Linear(units[-1], 1).to(self.device)
        self.parameters = [*self.layers.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.Adam(self.parameters, fused=True)
        self.X, self.y = torch.tensor(X).to(self.device), torch.tensor(y).to(self.device)

    def outputs(self, x):
        x = x.to(self.dtype)
        for layer in self.layers:
            x, _ = layer(x)
        return self.head(x[:, -1].float())[:, 0]

    def epoch(self):
        """Train for one epoch; return its seconds."""
        torch = self.torch
        start, total = time.perf_counter(), torch.zeros((), device=self.device)
        order = torch.randperm(len(self.X), device=self.device)
        for rows in order.split(self.batch_size):
            loss = torch.nn.functional.mse_loss(self.outputs(self.X[rows]), self.y[rows])
            self.optimizer.zero_grad()
            loss.backward()
            if self.clips:
                torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
            self.optimizer.step()
            total += loss.detach() * len(rows)
        assert math.isfinite(float(total))
        return time.perf_counter() - start

    def median(self):
        for _ in range(3):
            self.epoch()
        return statistics.median(self.epoch() for _ in range(self.epochs))

    def predict(self, X):
        """Return the predictions for an array, as one batch."""
        with self.torch.no_grad():
            return self.outputs(self.torch.tensor(X).to(self.device)).cpu().numpy()


def keras_epoch(cell, name, epochs=3):
    """Return the median seconds of an epoch of ``keras.Model.fit`` with default settings, without the first one."""
    import keras

    X, y = data_of(name)
    _, n_timesteps, n_features, units, batch_size, _ = WORKS[name]
    layer = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM}[cell]
    model = keras.Sequential([keras.layers.Input((n_timesteps, n_features))])
    for depth, width in enumerate(units):
        model.add(layer(width, return_sequences=depth < len(units) - 1))
    model.add(keras.layers.Dense(1))
    model.compile(optimizer="adam", loss="mse")
    stamps = []
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: stamps.append(time.perf_counter()))
    model.fit(X, y, batch_size=batch_size, epochs=1 + epochs, verbose=0, callbacks=[clock])
    return statistics.median(np.diff(stamps))


def skrnn_keras_epoch(cell, name, epochs=3):
    """Return the mean seconds of an epoch of skrnn by Keras's loop: the difference of two fits."""
    X, y = data_of(name)
    seconds = []
    for n_epochs in (1, 1, 1 + epochs):
        start = time.perf_counter()
        estimator_of(cell, name, epochs=n_epochs).fit(X, y)
        seconds.append(time.perf_counter() - start)
    return (seconds[2] - seconds[1]) / epochs
