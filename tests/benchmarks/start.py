"""Whole program in one framework: import it, fit a GRU, predict one sequence. The process is timed from outside.

    python tests/benchmarks/start.py skrnn|keras|skorch

It prints the loss of the last epoch and the resident memory of the process at the end, in MB. Initial weights differ
between frameworks.
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from workloads import START, start_data


def with_skrnn(X, y):
    from skrnn import GRURegressor

    estimator = GRURegressor(
        START["units"], epochs=START["epochs"], batch_size=START["batch_size"], random_state=0
    ).fit(X, y)
    return estimator.history_["loss"][-1], estimator.predict(X[:1])


def with_keras(X, y):
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers.Input(X.shape[1:]), keras.layers.GRU(START["units"]), keras.layers.Dense(1)
    model = keras.Sequential(layers)
    model.compile(optimizer="adam", loss="mse")
    history = model.fit(X, y, batch_size=START["batch_size"], epochs=START["epochs"], verbose=0)
    return history.history["loss"][-1], model.predict(X[:1], verbose=0)


def with_skorch(X, y):
    import skorch
    import torch
    from rivals import skorch_options, torch_network

    torch.manual_seed(0)
    net = skorch.NeuralNetRegressor(
        torch_network(torch, "GRU", 1, (START["units"],), False),
        max_epochs=START["epochs"],
        batch_size=START["batch_size"],
        **skorch_options(torch),
    ).fit(X, y[:, None])
    return net.history[-1, "train_loss"], net.predict(X[:1])


def resident():
    """Return the resident memory of this process in MB; Linux only."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


if __name__ == "__main__":
    loss, predicted = {"skrnn": with_skrnn, "keras": with_keras, "skorch": with_skorch}[sys.argv[1]](*start_data())
    assert predicted.size == 1
    print(json.dumps({"loss": float(loss), "resident": resident()}))
