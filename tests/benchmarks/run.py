"""Set skrnn beside Keras, torch, scikeras and skorch: the same work, in one run, in turn, as ratios of times.

    python tests/benchmarks/run.py [--only damped,search,...] [--rounds 5] [--output benchmarks.json]

Needs the extra ``bench``. Every comparison trains networks of the same architecture, with the same optimizer, batch
size and number of epochs; each round runs all rivals one after the other, and the table holds medians over rounds of
the times and of the ratios within a round. Times of epochs leave the first one out, and so leave tracing and compiling
out; the searches, each in a process of its own, leave only the imports out.
"""

import argparse
import importlib.metadata
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

#            T   F  units      B    n     output at every step, epochs timed a round
WORKLOADS = {
    "damped": (20, 1, (40,), 10, 162, True, 40),
    "generic": (50, 8, (64,), 32, 2000, False, 4),
    "btc": (60, 1, (50, 100), 64, 1024, False, 3),
    "imdb": (300, 1, (50,), 100, 600, False, 3),
}
TOKENS = (300, 30_000, 64, 64, 100, 600, 2)  # longest, ids, embedding, units, batch, samples, epochs
SEARCH = {"units": (8, 16, 40), "folds": 5, "epochs": 20, "batch_size": 10, "window": 20}


# ---------------------------------------------------------------------------------------------------- data


def workload_data(name):
    """Sequences and targets that can be learned, in the shapes of a workload."""
    n_timesteps, n_features, _, _, n, *_ = WORKLOADS[name]
    if name == "damped":
        return damped_windows(n_timesteps)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, n_timesteps, n_features)).astype("float32")
    return X, (X[:, -5:, 0].mean(axis=1) + 0.1 * rng.normal(size=n)).astype("float32")


def damped_windows(window):
    """Windows of the damped oscillation, and the same shifted by one step: an output at every step."""
    from skrnn.datasets import make_damped_oscillation

    curve = make_damped_oscillation()[1].astype("float32")
    windows = np.lib.stride_tricks.sliding_window_view(curve, window)
    return np.ascontiguousarray(windows[:162, :, None]), np.ascontiguousarray(windows[1:163])


def tokens_data():
    longest, n_ids, _, _, _, n, _ = TOKENS
    rng = np.random.default_rng(0)
    X = np.zeros((n, longest), dtype="int32")
    for row, length in zip(X, rng.integers(100, longest + 1, size=n), strict=True):
        row[:length] = rng.integers(2, n_ids, size=length)
    return X, (X[:, :50] % 2).mean(axis=1) > 0.5


# ---------------------------------------------------------------------------------------------------- training


class Ours:
    """Seconds an epoch of an estimator, through warm programs: the difference of a long and a short fit."""

    def __init__(self, estimator, X, y, epochs):
        self.estimator, self.X, self.y, self.epochs = estimator, X, y, epochs
        self._seconds(1)  # compiles

    def round(self):
        short = self._seconds(1)
        return (self._seconds(1 + self.epochs) - short) / self.epochs

    def loss(self):
        return self.estimator.history_["loss"][-1]

    def _seconds(self, epochs):
        start = time.perf_counter()
        self.estimator.set_params(epochs=epochs).fit(self.X, self.y)
        return time.perf_counter() - start


class KerasFit:
    """Seconds an epoch of ``keras.Model.fit`` from the same initial weights, the first epoch left out."""

    def __init__(self, estimator, X, y, epochs):
        import keras

        from skrnn._network import build_network

        self.X, self.y, self.epochs = X, y if y.ndim < 2 else y[..., None], epochs
        spec, seed, mask = estimator._spec, estimator._seed, estimator._mask_layer()
        self.batch_size, self.loss_name = estimator.batch_size, estimator._encoder.output(estimator.loss)[2]
        self.build = lambda: build_network(spec, seed, mask=mask)
        self.callback = keras.callbacks.Callback

    def round(self):
        seconds, stamps = [], []

        class Clock(self.callback):
            def on_epoch_begin(self, epoch, logs=None):
                stamps.append(time.perf_counter())

            def on_epoch_end(self, epoch, logs=None):
                seconds.append(time.perf_counter() - stamps[-1])

        model = self.build()
        model.compile(optimizer="adam", loss=self.loss_name)
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
    """Seconds an epoch of a plain loop in torch, from the same initial weights."""

    def __init__(self, estimator, cell, name, X, y):
        import torch

        from skrnn._network import build_network

        self.torch, self.cell = torch, cell
        self.weights = build_network(estimator._spec, estimator._seed, mask=estimator._mask_layer()).get_weights()
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


def load_into_torch(torch, model, cell, weights):
    """Put the weights of a Keras network into a torch one."""
    *recurrent, kernel, bias = weights
    for layer, (kernel_x, kernel_h, biases) in zip(
        model.layers, zip(*(iter(recurrent),) * 3, strict=True), strict=True
    ):
        units = kernel_h.shape[0]
        order = np.arange(kernel_x.shape[1])
        if cell == "GRU":  # Keras has the update gate first, torch the reset gate
            order[: 2 * units] = np.roll(order[: 2 * units], units)
        else:
            biases = np.stack([biases, np.zeros_like(biases)])
            layer.bias_hh_l0.requires_grad = False  # Keras's LSTM has one bias
        values = kernel_x.T[order], kernel_h.T[order], biases[0][order], biases[1][order]
        for parameter, value in zip(layer.parameters(), values, strict=True):
            parameter.data = torch.tensor(value.copy())
    model.head.weight.data, model.head.bias.data = torch.tensor(kernel.T.copy()), torch.tensor(bias)


def estimator_of(cell, name):
    from skrnn import RecurrentRegressor

    _, _, units, batch_size, _, every_step, _ = WORKLOADS[name]
    return RecurrentRegressor(
        cell.lower(), units, batch_size=batch_size, return_sequences=every_step, shuffle=False, random_state=0
    )


def compare_training(name, rounds):
    """Rows of the table for one workload, both cells."""
    X, y = workload_data(name)
    n_batches = -(-len(X) // WORKLOADS[name][3])
    rows = []
    for cell in ("LSTM", "GRU"):
        ours = Ours(estimator_of(cell, name), X, y, WORKLOADS[name][-1])
        rivals = {
            "Keras fit": KerasFit(ours.estimator, X, y, WORKLOADS[name][-1]),
            "torch": Torch(ours.estimator, cell, name, X, y),
        }
        rows += table_rows(f"{name} {cell}, ms a batch", ours, rivals, rounds, 1e3 / n_batches)
    return rows


def compare_tokens(rounds):
    from skrnn import GRUClassifier

    X, y = tokens_data()
    _, n_ids, embedding, units, batch_size, n, epochs = TOKENS
    estimator = GRUClassifier(
        units, embedding_dim=embedding, n_tokens=n_ids, batch_size=batch_size, shuffle=False, random_state=0
    )
    ours = Ours(estimator, X, y, epochs)
    rivals = {"Keras fit": KerasFit(estimator, X, y.astype("float32"), epochs)}
    return table_rows("tokens GRU, ms a batch", ours, rivals, rounds, 1e3 * batch_size / n)


def compare_prediction(rounds):
    """One window through the public method and through ``keras.Model.predict``."""
    X, y = workload_data("generic")
    estimator = estimator_of("GRU", "generic").set_params(epochs=1).fit(X[:64], y[:64])
    model, window = estimator.model_, X[:1]
    ours = Repeated(lambda: estimator.predict(window), 50)
    return table_rows(
        "predict one window, ms",
        ours,
        {"Keras predict": Repeated(lambda: model.predict(window, verbose=0), 10)},
        rounds,
        1e3,
    )


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


def table_rows(label, ours, rivals, rounds, unit):
    """Run the rounds; one row a rival."""
    times = {"skrnn": [], **{rival: [] for rival in rivals}}
    for _ in range(rounds):
        times["skrnn"].append(ours.round() * unit)
        for rival, runner in rivals.items():
            times[rival].append(runner.round() * unit)
    rows = []
    for rival, runner in rivals.items():
        ratios = [theirs / mine for theirs, mine in zip(times[rival], times["skrnn"], strict=True)]
        row = {
            "what": label,
            "rival": rival,
            "skrnn": statistics.median(times["skrnn"]),
            "theirs": statistics.median(times[rival]),
            "ratio": statistics.median(ratios),
            "lowest ratio": min(ratios),
        }
        if ours.loss() is not None:
            row |= {"loss skrnn": ours.loss(), "loss theirs": runner.loss()}
        rows.append(row)
        print_row(row)
    return rows


# ---------------------------------------------------------------------------------------------------- searches


def search_of(framework):
    """A GridSearchCV over cells and units, in one framework; what it needs is imported before its time is taken."""
    from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

    X, y = damped_windows(SEARCH["window"])
    y = y[:, -1]
    grid = {"cell": ["LSTM", "GRU"], "units": list(SEARCH["units"])}
    options = {"batch_size": SEARCH["batch_size"]}
    if framework == "skrnn":
        from scikeras.wrappers import BaseWrapper  # noqa: F401  (so that its import is not timed)

        import skrnn._fused  # noqa: F401  (imports Keras and TensorFlow)
        from skrnn import RecurrentRegressor

        estimator = RecurrentRegressor(epochs=SEARCH["epochs"], random_state=0, **options)
        grid = {"cell": ["lstm", "gru"], "units": list(SEARCH["units"])}
    elif framework == "scikeras":
        import keras
        from scikeras.wrappers import KerasRegressor

        def build(cell, units):
            layer = getattr(keras.layers, cell)
            return keras.Sequential([keras.layers.Input((SEARCH["window"], 1)), layer(units), keras.layers.Dense(1)])

        estimator = KerasRegressor(
            build, cell="GRU", units=8, epochs=SEARCH["epochs"], loss="mse", optimizer="adam", verbose=0, **options
        )
    else:
        import skorch
        import torch

        class Network(torch.nn.Module):
            def __init__(self, cell="GRU", units=8):
                super().__init__()
                self.body = torch_network(torch, cell, 1, (units,), False)

            def forward(self, x):
                return self.body(x)

        estimator = skorch.NeuralNetRegressor(
            Network, max_epochs=SEARCH["epochs"], optimizer=torch.optim.Adam, train_split=None, verbose=0, **options
        )
        y = y[:, None]
        grid = {f"module__{name}": values for name, values in grid.items()}
    return GridSearchCV(estimator, grid, cv=TimeSeriesSplit(SEARCH["folds"]), scoring="neg_mean_squared_error"), X, y


def time_searches(framework):
    """Seconds of a first search in this process, and of a second."""
    search, X, y = search_of(framework)
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        search.fit(X, y)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": seconds, "best": search.best_score_}))


def compare_searches(rounds):
    """The search in each framework, in processes of their own, in turn."""
    seconds = {"skrnn": [], "scikeras": [], "skorch": []}
    for _ in range(rounds):
        for framework in seconds:
            output = subprocess.run(
                [sys.executable, __file__, "--search", framework], check=True, capture_output=True, text=True
            ).stdout
            seconds[framework].append(json.loads(output.splitlines()[-1])["seconds"])
    rows = []
    for position, label in enumerate(("search, compiling included, s", "the same search again, s")):
        mine = [pair[position] for pair in seconds["skrnn"]]
        for rival in ("scikeras", "skorch"):
            theirs = [pair[position] for pair in seconds[rival]]
            ratios = [a / b for a, b in zip(theirs, mine, strict=True)]
            row = {
                "what": label,
                "rival": rival,
                "skrnn": statistics.median(mine),
                "theirs": statistics.median(theirs),
                "ratio": statistics.median(ratios),
                "lowest ratio": min(ratios),
            }
            rows.append(row)
            print_row(row)
    return rows


# ---------------------------------------------------------------------------------------------------- the table


def print_row(row):
    losses = f"  loss {row['loss skrnn']:.5f} / {row['loss theirs']:.5f}" if "loss skrnn" in row else ""
    print(
        f"| {row['what']:30s} | {row['rival']:13s} | {row['skrnn']:8.3g} | {row['theirs']:8.3g} | {row['ratio']:6.2f} "
        f"| {row['lowest ratio']:6.2f} |{losses}",
        flush=True,
    )


def versions():
    names = ("skrnn", "keras", "tensorflow", "scikit-learn", "scikeras", "skorch", "torch", "numpy")
    return {"python": platform.python_version(), **{n: importlib.metadata.version(n) for n in names}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join([*WORKLOADS, "tokens", "predict", "search"]))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", default="benchmarks.json")
    parser.add_argument("--search", choices=("skrnn", "scikeras", "skorch"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.search:
        time_searches(arguments.search)
        return
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores; " + ", ".join(f"{name} {version}" for name, version in versions().items()))
    print("| what                           | rival         |    skrnn |   theirs |  ratio | lowest |")
    print("|---|---|---|---|---|---|")
    rows = []
    for name in arguments.only.split(","):
        if name in WORKLOADS:
            rows += compare_training(name, arguments.rounds)
        else:
            rows += {"tokens": compare_tokens, "predict": compare_prediction, "search": compare_searches}[name](
                arguments.rounds
            )
    with open(arguments.output, "w") as file:
        json.dump({"cores": cores, "versions": versions(), "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
