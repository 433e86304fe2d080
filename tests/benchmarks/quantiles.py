"""Quantile forecasts of a GRU, of linear quantile regression and of gradient boosting, by their pinball losses.

    python tests/benchmarks/quantiles.py [--etth1 FILE] [--only airline,AR(2)] [--seeds 3]

All models predict quantiles of the value `horizon` steps after a window from the same windows, flattened for those of
scikit-learn. Values are standardized with the training part, and relative to the last value of their window. The last
30% of the rows of each series are the test part. Parameters of each model are chosen by the pinball loss in the last
quarter of the training windows; the model is then fitted on all of them. Losses are those of standardized values.
"""

import argparse
import itertools
import os
import time
import warnings
from dataclasses import dataclass

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from series import ETTH1_ROWS
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import QuantileRegressor
from sklearn.metrics import mean_pinball_loss

QUANTILES = (0.05, 0.5, 0.95)
TRAINED, VALIDATED = 0.7, 0.25  # fraction of the rows, and of the training windows
N_UPDATES, BATCH_SIZE = 1500, 32  # of a network, so that short series are trained as long as long ones


@dataclass(frozen=True)
class Split:
    """Windows of a series, (n, window), and the values to predict, (n,), of the training part and of the test part."""

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray

    def validation(self):
        """Return the training part as a split of its own."""
        n = int((1 - VALIDATED) * len(self.y_train))
        return Split(self.X_train[:n], self.y_train[:n], self.X_train[n:], self.y_train[n:])


def split_of(values, window, horizon):
    """Return the windows of a series; those of the test part may begin, but not end, in the training part."""
    n_trained = int(TRAINED * len(values))
    values = (values - values[:n_trained].mean()) / values[:n_trained].std()
    X = sliding_window_view(values, window)[: len(values) - window - horizon + 1]
    y, last = values[window + horizon - 1 :], X[:, -1]
    X, y = X - last[:, None], y - last
    n = n_trained - window - horizon + 1
    return Split(X[:n], y[:n], X[n + horizon - 1 :], y[n + horizon - 1 :])


def linear(seed, alpha):
    """Return a function that fits and predicts, (n_test, n_quantiles), as all functions of models do."""
    return lambda X, y, X_test: np.stack(
        [QuantileRegressor(quantile=q, alpha=alpha).fit(X, y).predict(X_test) for q in QUANTILES], axis=1
    )


def boosting(seed, learning_rate, max_leaf_nodes):
    """Fit gradient boosting, one model per quantile."""

    def fit_and_predict(X, y, X_test):
        models = [
            HistGradientBoostingRegressor(
                loss="quantile",
                quantile=q,
                learning_rate=learning_rate,
                max_leaf_nodes=max_leaf_nodes,
                random_state=seed,
            )
            for q in QUANTILES
        ]
        return np.stack([model.fit(X, y).predict(X_test) for model in models], axis=1)

    return fit_and_predict


def gru(seed, units, learning_rate):
    """Fit one network for all quantiles."""

    def fit_and_predict(X, y, X_test):
        from skrnn import GRURegressor

        network = GRURegressor(
            units,
            loss="quantile",
            quantile=QUANTILES,
            epochs=int(np.clip(np.ceil(N_UPDATES * BATCH_SIZE / len(X)), 10, 200)),
            batch_size=BATCH_SIZE,
            random_state=seed,
            optimizer__learning_rate=learning_rate,
        )
        return network.fit(X[..., None], y).predict_quantiles(X_test[..., None])

    return fit_and_predict


MODELS = {  # model: its function, whether it depends on the seed, and candidates of its parameters
    "QuantileRegressor": (linear, False, {"alpha": (0.0, 1e-3, 1e-2, 1e-1)}),
    "HistGradientBoosting": (boosting, False, {"learning_rate": (0.03, 0.1), "max_leaf_nodes": (4, 15)}),
    "GRU": (gru, True, {"units": (8, 32), "learning_rate": (0.002, 0.005)}),
}


def losses_of(model, split):
    """Return the pinball loss of each quantile, and the seconds of a fit with predictions."""
    start = time.perf_counter()
    predicted = model(split.X_train, split.y_train, split.X_test)
    seconds = time.perf_counter() - start
    losses = [mean_pinball_loss(split.y_test, p, alpha=q) for p, q in zip(predicted.T, QUANTILES, strict=True)]
    return np.array(losses), seconds


def chosen(make, candidates, split):
    """Return the parameters with the lowest mean pinball loss in the validation part."""
    grid = [dict(zip(candidates, values, strict=True)) for values in itertools.product(*candidates.values())]
    losses = [losses_of(make(0, **params), split.validation())[0].mean() for params in grid]
    return grid[int(np.argmin(losses))]


def data_sets(etth1, seed=0):
    """Yield the name of each series, its values, and the window and horizon of its forecasts."""
    from skrnn.datasets import load_airline, load_sunspots

    random, n = np.random.default_rng(seed), 2000
    yield "airline", np.log(load_airline()["passengers"].to_numpy(float)), 12, 1
    yield "sunspots", np.sqrt(load_sunspots()["sunspots"].to_numpy(float)), 22, 3
    values = np.zeros(n)
    for t in range(2, n):
        values[t] = 1.2 * values[t - 1] - 0.5 * values[t - 2] + random.normal()
    yield "AR(2)", values, 10, 1
    season = np.sin(2 * np.pi * np.arange(n) / 24)
    yield "seasonal variance", season + (0.1 + 0.4 * (season > 0)) * random.normal(size=n), 24, 1
    values = np.zeros(n)
    for t in range(1, n):
        values[t] = np.sqrt(0.2 + 0.7 * values[t - 1] ** 2) * random.normal()
    yield "ARCH(1)", values, 10, 1
    if etth1 is not None:
        yield "oil temperature", pd.read_csv(etth1)["OT"].to_numpy(float)[:ETTH1_ROWS:6], 28, 4


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--etth1", help="CSV file of ETTh1 with a column OT, of which every sixth hour is used")
    parser.add_argument("--only", help="series, separated by commas")
    parser.add_argument("--seeds", type=int, default=3, help="number of networks per series")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")  # a short training that has not converged is one of the candidates
    only = options.only and options.only.split(",")
    print(
        f"| {'series':17s} | {'model':20s} | "
        + " | ".join(f"{q:6.2f}" for q in QUANTILES)
        + " |   mean | s per fit | parameters |"
    )
    print("|---|---|" + "---|" * (len(QUANTILES) + 3))
    for name, values, window, horizon in data_sets(options.etth1):
        if only and name not in only:
            continue
        split = split_of(values, window, horizon)
        for model, (make, is_random, candidates) in MODELS.items():
            params = chosen(make, candidates, split)
            seeds = range(options.seeds if is_random else 1)
            results = [losses_of(make(seed, **params), split) for seed in seeds]
            losses = np.mean([losses for losses, _ in results], axis=0)
            cells = " | ".join(f"{loss:6.4f}" for loss in (*losses, losses.mean()))
            shown = ", ".join(f"{parameter}={value}" for parameter, value in params.items())
            seconds = np.mean([seconds for _, seconds in results])
            print(f"| {name:17s} | {model:20s} | {cells} | {seconds:9.2f} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
