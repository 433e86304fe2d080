"""Eleven years of sunspot numbers, forecast from the years before: the picture of the README.

``python docs/figures/forecast.py docs/_static/forecast.png`` draws it again, in a few seconds and without a network
connection. ``target_transformer`` and ``window_scaling`` are selected by forecasts of the nine periods of eleven years
before 1998.
"""

import sys

import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skrnn import ForecastDisplay, GRURegressor, SequenceForecaster
from skrnn.datasets import load_sunspots

N_STEPS = 11  # years, about one solar cycle


def draw():
    """Select a forecaster on the training years, forecast the held-out ones, and draw both."""
    y = load_sunspots()["sunspots"]
    X = pd.DataFrame(index=y.index)  # no covariates
    network = GRURegressor(units=16, epochs=60, optimizer__learning_rate=0.005, random_state=0)
    forecaster = SequenceForecaster(network, window=33)
    square_roots = make_pipeline(FunctionTransformer(np.sqrt, np.square), StandardScaler())
    search = GridSearchCV(
        forecaster,
        {
            "target_transformer": ["standard", square_roots],
            "window_scaling": [None, "last", "mean", "standard"],
        },
        cv=TimeSeriesSplit(9, test_size=N_STEPS),
        scoring="neg_mean_absolute_error",
    )
    search.fit(X[:-N_STEPS], y[:-N_STEPS])
    best = search.best_estimator_.set_params(calibration_size=110).fit(X[:-N_STEPS], y[:-N_STEPS])
    display = ForecastDisplay.from_estimator(
        best,
        X[-N_STEPS:],
        y_true=y[-N_STEPS:],
        history=y[-N_STEPS - 48 : -N_STEPS],
        coverage=0.8,
        ylabel="sunspot number",
    )
    display.ax_.set_ylim(bottom=0)  # there are no negative sunspot numbers
    display.ax_.margins(x=0.02)
    display.ax_.legend(loc="upper center", ncols=4, bbox_to_anchor=(0.5, 1.12), frameon=False)
    display.figure_.set_size_inches(8, 3.6)
    return display.figure_


figure = draw()
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=110, facecolor="white", metadata={"Software": None}, pil_kwargs={"optimize": True})
