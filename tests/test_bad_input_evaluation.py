"""Errors of backtests, comparisons and displays for bad input of every kind."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from damage import at, forecaster, ids
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

from skrnn import (
    CellComparisonDisplay,
    ForecastDisplay,
    GRURegressor,
    LossCurveDisplay,
    RecurrentRegressor,
    backtest,
    compare_cells,
)

pytestmark = pytest.mark.slow

DAYS = pd.date_range("2024-01-01", periods=30)
Y = np.sin(np.arange(30.0))
ROWS = np.random.default_rng(0).normal(size=(30, 2))
SERIES = pd.Series(Y, index=DAYS, name="load")


# ---------------------------------------------------------------------- backtests

BACKTESTS = [
    (
        "no series",
        None,
        None,
        {},
        TypeError,
        "y must be array-like or a DataFrame for backtest. Got None of type None",
    ),
    ("a number", None, 5, {}, TypeError, "y must be array-like or a DataFrame for backtest. Got 5 of type int"),
    (
        "sparse",
        None,
        csr_array(ROWS),
        {},
        TypeError,
        "Sparse data was passed for y, but backtest takes dense data only",
    ),
    (
        "text",
        None,
        ["wave"] * 30,
        {},
        ValueError,
        "backtest takes numbers, but y has dtype <U4, and contains 'wave' at row 0",
    ),
    ("complex", None, Y + 1j, {}, ValueError, "Complex data not supported, got y of dtype complex128. backtest takes"),
    ("dates", None, DAYS, {}, TypeError, "backtest takes numbers, but y has dtype datetime64["),
    ("infinity", None, at(Y, 7, np.inf), {}, ValueError, "Input y contains infinity, first at row 7"),
    ("NaN later", None, at(Y, 20, np.nan), {}, ValueError, "contains NaN, but there were no missing values in this"),
    ("lengths", ROWS[:9], Y, {}, ValueError, "inconsistent numbers of samples: [9, 30]"),
    ("NaN in X", at(ROWS, (7, 1), np.nan), Y, {}, ValueError, "Input X contains NaN, first at row 7, column 1"),
    ("sparse X", csr_array(ROWS), Y, {}, TypeError, "Sparse data was passed for X"),
    (
        "no initial window",
        None,
        Y,
        {"initial_window": 0},
        ValueError,
        "The 'initial_window' parameter of backtest must be an int in the range",
    ),
    ("no steps", None, Y, {"steps": 0}, ValueError, "The 'steps' parameter of backtest must be an int in the range [1"),
    (
        "no step length",
        None,
        Y,
        {"step_length": 0},
        ValueError,
        "The 'step_length' parameter of backtest must be an int in the range [1",
    ),
    ("refit", None, Y, {"refit": "yes"}, ValueError, "The 'refit' parameter of backtest must be an instance of 'bool'"),
    (
        "too short",
        None,
        Y,
        {"initial_window": 29},
        ValueError,
        "y has 30 rows, too few for initial_window=29 and steps=2. Decrease one",
    ),
    (
        "too few to fit",
        None,
        Y,
        {"initial_window": 3},
        ValueError,
        "y has 3 sample(s), but window=3 and output_steps=1 require at",
    ),
    (
        "no forecaster",
        None,
        Y,
        {"forecaster": Ridge()},
        ValueError,
        "The 'forecaster' parameter of backtest must be an ob",
    ),
    (
        "groups",
        None,
        Y,
        {"forecaster": forecaster(groups=0)},
        ValueError,
        "The forecaster has groups=0, but X is None. Pass the",
    ),
    (
        "groups and a window of text",
        np.zeros((len(Y), 1)),
        Y,
        {"forecaster": forecaster(groups=0, window="3")},
        ValueError,
        "The 'window' parameter of backtest must be an int in the range",
    ),
    ("half a season", None, Y, {"season": 0.5}, ValueError, "The 'season' parameter of backtest must be an int"),
    ("percent", None, Y, {"coverage": 90}, ValueError, "The 'coverage' parameter of backtest must be a float"),
]


@pytest.mark.parametrize(("X", "y", "params", "error", "message"), ids(BACKTESTS))
def test_bad_backtests(X, y, params, error, message):
    params = {"forecaster": forecaster(), "initial_window": 15, "steps": 2, "step_length": 4, **params}
    with pytest.raises(error) as caught:
        backtest(params.pop("forecaster"), X, y, **params)
    assert message in str(caught.value)


# ---------------------------------------------------------------------- comparisons

NETWORK = RecurrentRegressor(units=2, epochs=1)
COMPARISONS = [
    (
        "no estimator",
        {"estimator": 3},
        "The 'estimator' parameter of compare_cells must be an object implementing 'fit'",
    ),
    ("no network", {"estimator": Ridge()}, "Ridge contains 0 recurrent estimators"),
    ("a fixed cell", {"estimator": GRURegressor()}, "GRURegressor contains one without a 'cell' parameter"),
    ("cells", {"cells": "gru"}, "The 'cells' parameter of compare_cells must be an array-like. Got 'gru' instead"),
    ("a cell twice", {"cells": ["gru", "gru"]}, "two cells are named 'gru'. Rename one of them"),
    ("a baseline's name", {"baselines": {"gru": Ridge()}}, "but 'gru' names both. Rename the baseline"),
    ("baselines", {"baselines": [Ridge()]}, "The 'baselines' parameter of compare_cells must be an instance of 'dict'"),
    ("no repeat", {"n_repeats": 0}, "The 'n_repeats' parameter of compare_cells must be an int in the range [1, inf)"),
    ("random_state", {"random_state": "a"}, "The 'random_state' parameter of compare_cells must be"),
    ("lengths", {"y": Y[:5]}, "inconsistent numbers of samples: [30, 5]"),
    ("folds", {"cv": KFold(99)}, "n_splits=99 greater than the number of samples: n_samples=30"),
    ("no folds", {"cv": "three"}, "as an integer, "),
    ("scoring", {"scoring": "nope"}, "'nope'"),
    ("an unknown cell", {"cells": ["gruu"]}, "or a callable. Got 'gruu' instead"),
    ("NaN", {"X": at(ROWS, (7, 1), np.nan)}, "Input X contains NaN, first at sample"),
]


@pytest.mark.parametrize(("params", "message"), ids(COMPARISONS))
def test_bad_comparisons(params, message):
    params = {"estimator": NETWORK, "X": ROWS, "y": Y, "cv": KFold(2), "n_repeats": 1, **params}
    with pytest.raises(ValueError) as caught:
        compare_cells(params.pop("estimator"), params.pop("X"), params.pop("y"), **params)
    assert message in str(caught.value)


# ---------------------------------------------------------------------- pictures

HISTORIES = {"GRU": {"loss": [1.0, 0.5]}}
SCORES = pd.DataFrame({"estimator": ["gru"], "test_score": [0.5]})
PICTURES = [
    ("no history", lambda: LossCurveDisplay({}).plot(), ValueError, "There is no history to plot. Pass at least one"),
    (
        "an empty history",
        lambda: LossCurveDisplay({"GRU": {"loss": []}}).plot(),
        ValueError,
        "one value per epoch. Got sh",
    ),
    (
        "metric",
        lambda: LossCurveDisplay(HISTORIES).plot(metric="mae"),
        ValueError,
        "'GRU' does not contain 'mae'. It contains ['loss']",
    ),
    (
        "not fitted",
        lambda: LossCurveDisplay.from_estimator(GRURegressor()),
        NotFittedError,
        "This GRURegressor instance",
    ),
    (
        "no network",
        lambda: LossCurveDisplay.from_estimator(Ridge().fit(ROWS, Y)),
        TypeError,
        "LossCurveDisplay requires an estimator with history_ (a dict of metric name to one value per epoch)",
    ),
    (
        "two dimensions",
        lambda: ForecastDisplay(ROWS).plot(),
        ValueError,
        "forecast must be a single series, of shape (n_s",
    ),
    ("no forecast", lambda: ForecastDisplay([]).plot(), ValueError, "of shape (n_steps,). Got shape (0,) instead"),
    (
        "y_true",
        lambda: ForecastDisplay(Y[:3], y_true=Y).plot(),
        ValueError,
        "y_true of shape (30,) is longer than the forec",
    ),
    ("interval", lambda: ForecastDisplay(Y, interval=Y).plot(), ValueError, "interval must have shape (30, 2)"),
    (
        "coverage",
        lambda: ForecastDisplay(Y, coverage=90).plot(),
        ValueError,
        "fraction between 0 and 1. Got 90 instead",
    ),
    (
        "history",
        lambda: ForecastDisplay(SERIES[:9], history=SERIES[5:]).plot(),
        ValueError,
        "history must end before the forecast begins",
    ),
    (
        "other index",
        lambda: ForecastDisplay(SERIES[:9], y_true=SERIES[1:9]).plot(),
        ValueError,
        "y_true must have the index",
    ),
    (
        "no intervals",
        lambda: ForecastDisplay.from_estimator(Ridge().fit(ROWS, Y), ROWS, coverage=0.9),
        TypeError,
        "ForecastDisplay with coverage=0.9 requires a forecaster with a predict_interval method. Ridge has none",
    ),
    (
        "a forecaster",
        lambda: ForecastDisplay.from_estimator(3, ROWS),
        TypeError,
        "requires a forecaster with a predict method",
    ),
    (
        "an unfitted one",
        lambda: ForecastDisplay.from_estimator(forecaster(), ROWS),
        NotFittedError,
        "This SequenceForecaster instance is not fitted yet",
    ),
    (
        "no scores",
        lambda: CellComparisonDisplay(SCORES[:0], {}, "r2").plot(),
        ValueError,
        "Got 0 scores and histories of {} fits",
    ),
    (
        "one axes",
        lambda: CellComparisonDisplay(SCORES, {"gru": [HISTORIES["GRU"]]}, "r2").plot(ax=[None]),
        ValueError,
        "ax must contain two axes, for the scores and for the losses. Got 1 instead",
    ),
]


@pytest.mark.parametrize(("draw", "error", "message"), ids(PICTURES))
def test_bad_pictures(draw, error, message):
    before = plt.get_fignums()
    with pytest.raises(error) as caught:
        draw()
    assert message in str(caught.value)
    assert plt.get_fignums() == before  # no empty figure stays behind
