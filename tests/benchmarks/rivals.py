"""Runners of skrnn, Keras's training loop, and a training loop in torch. Each ``round()`` returns seconds."""

import itertools
import math
import statistics
import time

import numpy as np
from workloads import WORKLOADS

# Approximate duration of a measurement of skrnn in seconds: the first epochs of both fits allocate memory, whose time
# varies by some tenths. An estimate from a single fit may be far off, so the number of epochs is bounded.
LONG_ENOUGH, MOST_TIMES = 2.0, 20


class Ours:
    """Seconds per epoch of an estimator with loaded kernels: the difference of a long and a short fit.

    The long fit has more epochs than the other libraries if theirs would be too short to measure.
    """

    def __init__(self, estimator, X, y, epochs):
        self.estimator, self.X, self.y, self.epochs = estimator, X, y, epochs
        self._seconds(1)  # loads the kernels
        spent = max(self._seconds(1 + epochs) - self._seconds(1), 1e-3)
        self.timed_epochs = epochs * min(max(1, math.ceil(LONG_ENOUGH / spent)), MOST_TIMES)

    def round(self):
        short = self._seconds(1)
        return (self._seconds(1 + self.timed_epochs) - short) / self.timed_epochs

    def loss(self):
        """Return the loss of the last epoch that the other libraries train, too."""
        return self.estimator.history_["loss"][self.epochs]

    def _seconds(self, epochs):
        start = time.perf_counter()
        self.estimator.set_params(epochs=epochs).fit(self.X, self.y)
        return time.perf_counter() - start


def stock_network(estimator):
    """Build the network of a fitted estimator, with its initial weights, as a user of Keras would.

    Unlike ``model_``, it has no masking layer for sequences without padded time steps, which would take time.
    """
    from skrnn._engine.network import build_network

    mask = "layer" if estimator._spec.embedding is not None else None
    return build_network(estimator._spec, estimator._seed, mask=mask)


class KerasFit:
    """Seconds per epoch of ``keras.Model.fit`` from the same initial weights, without the first epoch."""

    def __init__(self, estimator, X, y, epochs, **optimizer):
        import keras

        self.X, self.y, self.epochs = X, y if y.ndim < 2 else y[..., None], epochs
        self.batch_size, self.loss_name = estimator.batch_size, estimator._encoder.output(estimator.loss)[2]
        self.build = lambda: stock_network(estimator)
        self.callback = keras.callbacks.Callback
        self.optimizer = lambda: keras.optimizers.Adam(**optimizer)

    def round(self):
        seconds, stamps = [], []

        class Clock(self.callback):
            def on_epoch_begin(self, epoch, logs=None):
                stamps.append(time.perf_counter())

            def on_epoch_end(self, epoch, logs=None):
                seconds.append(time.perf_counter() - stamps[-1])

        model = self.build()
        model.compile(optimizer=self.optimizer(), loss=self.loss_name)
        history = model.fit(
            self.X,
            self.y,
            batch_size=self.batch_size,
            epochs=1 + self.epochs,
            shuffle=False,
            verbose=0,
            callbacks=[Clock()],
        )
        self._loss = history.history["loss"][-1]
        return statistics.mean(seconds[1:])

    def loss(self):
        return self._loss


class Torch:
    """Seconds per epoch of a training loop in torch, from the same initial weights."""

    def __init__(self, estimator, cell, name, X, y):
        import torch

        self.torch, self.cell = torch, cell
        self.weights = stock_network(estimator).get_weights()
        _, n_features, units, self.batch_size, _, self.every_step, self.epochs = WORKLOADS[name]
        self.module = lambda: torch_network(torch, cell, n_features, units, self.every_step)
        self.X, self.y = torch.tensor(X), torch.tensor(y)[..., None]

    def round(self):
        torch = self.torch
        model, seconds = self.module(), []
        load_into_torch(torch, model, self.cell, self.weights)
        optimizer = torch.optim.Adam(model.parameters(), eps=1e-7)
        for _ in range(1 + self.epochs):
            start, total = time.perf_counter(), 0.0
            for first in range(0, len(self.X), self.batch_size):
                X, y = self.X[first : first + self.batch_size], self.y[first : first + self.batch_size]
                optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(model(X), y)
                loss.backward()
                optimizer.step()
                total += float(loss.detach()) * len(X)
            seconds.append(time.perf_counter() - start)
        self._loss = total / len(self.X)
        return statistics.mean(seconds[1:])

    def loss(self):
        return self._loss


def torch_network(torch, cell, n_features, units, every_step):
    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            sizes = (n_features, *units)
            kind = getattr(torch.nn, cell)
            self.layers = torch.nn.ModuleList(kind(a, b, batch_first=True) for a, b in itertools.pairwise(sizes))
            self.head = torch.nn.Linear(units[-1], 1)

        def forward(self, x):
            for layer in self.layers:
                x, _ = layer(x)
            return self.head(x if every_step else x[:, -1])

    return Network()


def skorch_options(torch):
    """Return what a regressor of skorch is given to train as ours does by default."""
    return {
        "lr": 1e-3,
        "optimizer": torch.optim.Adam,
        "optimizer__eps": 1e-7,
        "iterator_train__shuffle": True,
        "train_split": None,
        "verbose": 0,
    }


def load_into_torch(torch, model, cell, weights):
    """Copy the weights of a Keras network into a torch network."""
    *recurrent, kernel, bias = weights
    for layer, (kernel_x, kernel_h, biases) in zip(
        model.layers, zip(*(iter(recurrent),) * 3, strict=True), strict=True
    ):
        units = kernel_h.shape[0]
        order = np.arange(kernel_x.shape[1])
        if cell == "GRU":  # Keras stores the update gate first, torch the reset gate
            order[: 2 * units] = np.roll(order[: 2 * units], units)
        else:
            biases = np.stack([biases, np.zeros_like(biases)])
            layer.bias_hh_l0.requires_grad = False  # Keras's LSTM has one bias
        values = kernel_x.T[order], kernel_h.T[order], biases[0][order], biases[1][order]
        for parameter, value in zip(layer.parameters(), values, strict=True):
            parameter.data = torch.tensor(value.copy())
    model.head.weight.data, model.head.bias.data = torch.tensor(kernel.T.copy()), torch.tensor(bias)


class Repeated:
    """Median seconds of a call."""

    def __init__(self, call, times):
        self.call, self.times = call, times
        call()

    def round(self):
        seconds = []
        for _ in range(self.times):
            start = time.perf_counter()
            self.call()
            seconds.append(time.perf_counter() - start)
        return statistics.median(seconds)

    def loss(self):
        return None
