"""Direct forecasts of the oil temperature of ETTh1, a common benchmark of long-term forecasts.

    python tests/benchmarks/etth1.py FILE [--months validation|test] [--seeds 3] [--horizons 24,48,168]

Months have 30 days. Models are fitted on months 1 to 12, in units of their mean and standard deviation, and forecast
from every hour such that the forecast lies within months 13 to 16 (validation) or 17 to 20 (test). Windows may begin
before these months. Window, units, epochs, learning rate, scaling and alpha were chosen by the errors in the validation
months.

Reference: H. Zhou et al., "Informer: Beyond Efficient Transformer for Long Sequence Time-Series Forecasting", 2021.
"""

import argparse
import math
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge

MONTH = 30 * 24  # rows
MONTHS = {"validation": (12, 16), "test": (16, 20)}  # first and end
N_FITTED = 12 * MONTH
BATCH_SIZE = 64
GRU = {  # horizon: window, units, epochs, initial learning rate, scaling of windows
    24: (336, 16, 12, 0.008, "standard"),
    48: (336, 32, 8, 0.004, "last"),
    168: (336, 32, 6, 0.004, "last"),
}
RIDGE = {24: (336, 100.0), 48: (336, 100.0), 168: (168, 100.0)}  # horizon: window, alpha


def gru_of(horizon, seed):
    """Return a forecaster by a GRU, whose learning rate decays to zero."""
    from keras.optimizers.schedules import CosineDecay

    from skrnn import GRURegressor

    window, units, epochs, rate, scaling = GRU[horizon]
    n_batches = math.ceil((N_FITTED - window - horizon + 1) / BATCH_SIZE)
    network = GRURegressor(
        units,
        epochs=epochs,
        batch_size=BATCH_SIZE,
        random_state=seed,
        optimizer__learning_rate=CosineDecay(rate, epochs * n_batches),
        optimizer__clipnorm=1.0,
    )
    return forecaster_of(network, window, horizon, scaling)


def ridge_of(horizon):
    """Return a forecaster by a linear model."""
    window, alpha = RIDGE[horizon]
    return forecaster_of(Ridge(alpha), window, horizon)


def forecaster_of(estimator, window, horizon, scaling="last"):
    from skrnn import SequenceForecaster

    return SequenceForecaster(estimator, window=window, output_steps=horizon, window_scaling=scaling)


def forecasts_in(forecaster, y, first, end, horizon):
    """Return the forecasts from each origin whose rows lie within a range, without refitting.

    Returns
    -------
    ndarray of shape (n_origins, horizon)
    """
    if first > N_FITTED:
        forecaster.update(None, y[N_FITTED:first])
    forecasts = []
    for origin in range(first, end - horizon + 1):
        forecasts.append(forecaster.forecast(horizon))
        forecaster.update(None, y[origin : origin + 1])
    return np.array(forecasts)


def errors_of(forecaster, y, months, horizon):
    """Return the mean squared error, the mean absolute error, and the seconds of the fit."""
    first, end = (month * MONTH for month in MONTHS[months])
    start = time.perf_counter()
    forecaster.fit(None, y[:N_FITTED])
    seconds = time.perf_counter() - start
    truth = np.lib.stride_tricks.sliding_window_view(y[first:end], horizon)
    errors = forecasts_in(forecaster, y, first, end, horizon) - truth
    return np.mean(errors**2), np.mean(np.abs(errors)), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", help="CSV file with a column OT")
    parser.add_argument("--months", choices=MONTHS, default="validation")
    parser.add_argument("--seeds", type=int, default=3, help="number of networks per horizon")
    parser.add_argument("--horizons", default="24,48,168", help="horizons, separated by commas")
    options = parser.parse_args()
    y = pd.read_csv(options.file)["OT"].to_numpy(float)
    y = (y - y[:N_FITTED].mean()) / y[:N_FITTED].std()
    print(f"{options.months} months; means of {options.seeds} seeds and, in brackets, their lowest and highest")
    print("| horizon | model | MSE                    | MAE                    | s per fit |\n|---|---|---|---|---|")
    for horizon in map(int, options.horizons.split(",")):
        models = {"ridge": [ridge_of(horizon)], "GRU": [gru_of(horizon, seed) for seed in range(options.seeds)]}
        for model, forecasters in models.items():
            rows = np.array([errors_of(forecaster, y, options.months, horizon) for forecaster in forecasters])
            mse, mae = (f"{part.mean():.4f} ({part.min():.4f}, {part.max():.4f})" for part in rows[:, :2].T)
            print(f"| {horizon:7d} | {model:5s} | {mse} | {mae} | {rows[:, 2].mean():9.1f} |", flush=True)


if __name__ == "__main__":
    main()
