"""Forecasts of rows, and with intervals: the values of predict and predict_interval, in frames with their index."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.linear_model import LinearRegression

from skrnn import GRURegressor, SequenceForecaster, backtest
from skrnn.datasets import load_airline

PASSENGERS = load_airline()["passengers"]
X = pd.DataFrame({"working_days": np.random.default_rng(0).integers(19, 24, size=144)}, index=PASSENGERS.index)
DAYS = pd.date_range("2026-01-01", periods=50)


def fitted(X, y, **params):
    return SequenceForecaster(LinearRegression(), window=4, **({"calibration_size": 20} | params)).fit(X, y)


def panel(n):
    """Two series that have ``n`` days each, on an index of series and times, and a covariate."""
    index = pd.MultiIndex.from_product([["b", "a"], DAYS[:n]], names=["shop", "day"])
    rng = np.random.default_rng(1)
    return pd.DataFrame({"price": rng.normal(size=2 * n)}, index), pd.Series(rng.normal(size=2 * n), index)


def test_columns_are_predictions_and_bounds():
    forecaster = fitted(None, PASSENGERS[:-24])
    forecast = forecaster.forecast(24, coverage=0.8)
    rows = pd.DataFrame(index=PASSENGERS.index[-24:])
    assert list(forecast.columns) == ["y_pred", "lower", "upper"]
    assert forecast.index.equals(rows.index)
    assert_array_equal(forecast["y_pred"], forecaster.predict(rows))
    assert_array_equal(forecast["y_pred"], forecaster.forecast(24))
    assert_array_equal(forecast[["lower", "upper"]], forecaster.predict_interval(rows, coverage=0.8))
    assert forecaster.forecast(until=rows.index[-1], coverage=0.8).equals(forecast)


def test_rows_keep_their_index():
    forecaster = fitted(X[:-24], PASSENGERS[:-24])
    forecast = forecaster.forecast(X=X[-24:], coverage=0.9)
    assert forecast.index.equals(X.index[-24:])
    assert_array_equal(forecast["y_pred"], forecaster.predict(X[-24:]))
    assert_array_equal(forecast[["lower", "upper"]], forecaster.predict_interval(X[-24:]))
    series = forecaster.forecast(X=X[-24:])
    assert series.index.equals(X.index[-24:]) and series.name == PASSENGERS.name
    assert_array_equal(series, forecast["y_pred"])


def test_arrays_are_forecast_as_arrays_and_numbered_in_frames():
    forecaster = fitted(X[:-24].to_numpy(), PASSENGERS[:-24].to_numpy())
    later = X[-24:].to_numpy()
    assert_array_equal(forecaster.forecast(X=later), forecaster.predict(later))
    forecast = forecaster.forecast(X=later, coverage=0.5)
    assert forecast.index.tolist() == list(range(1, 25)) and forecast.index.name == "step"
    assert_array_equal(forecast["upper"], forecaster.predict_interval(later, coverage=0.5)[:, 1])


def test_several_outputs_have_one_column_each():
    y = pd.DataFrame({"one": PASSENGERS, "two": PASSENGERS[::-1].to_numpy()})
    forecaster = fitted(None, y)
    forecast = forecaster.forecast(3, coverage=0.8)
    names = ["y_pred_one", "y_pred_two", "lower_one", "lower_two", "upper_one", "upper_two"]
    assert list(forecast.columns) == names
    bounds = forecaster.predict_interval(pd.DataFrame(index=forecast.index), coverage=0.8)
    assert_array_equal(forecast[["lower_one", "lower_two"]], bounds[:, 0])
    assert_array_equal(forecast[["y_pred_one", "y_pred_two"]], forecaster.forecast(3))
    assert list(fitted(None, y.to_numpy()).forecast(1, coverage=0.8).columns)[:2] == ["y_pred_0", "y_pred_1"]


@pytest.mark.parametrize("has_column", [False, True])
def test_series_of_a_panel_are_named_in_the_order_of_the_rows(has_column):
    X, y = panel(50)
    is_later = X.index.get_level_values("day") >= DAYS[44]
    later = X[is_later].iloc[[6, 0, 7, 1, 2, 8, 3, 4, 5, 9, 10, 11]]
    expected = later.index
    if has_column:
        X, y, later = (data.reset_index("shop") for data in (X, y.to_frame("y"), later))
        y = y["y"]
    forecaster = fitted(X[~is_later], y[~is_later], groups="shop")
    forecast = forecaster.forecast(X=later, coverage=0.8)
    assert forecast.index.equals(expected) and forecast.index.names == ["shop", "day"]
    assert_array_equal(forecast["y_pred"], forecaster.predict(later))
    assert_array_equal(forecaster.forecast(X=later), forecast["y_pred"])


def test_networks_that_predict_quantiles_need_no_calibration():
    network = GRURegressor(4, loss="quantile", quantile=(0.1, 0.5, 0.9), epochs=3, random_state=0)
    forecaster = SequenceForecaster(network, window=6, output_steps=3).fit(None, PASSENGERS)
    forecast = forecaster.forecast(3, coverage=0.8)
    assert (forecast["lower"] < forecast["upper"]).all()
    assert_array_equal(forecast["y_pred"], forecaster.forecast(3))


def test_columns_are_those_of_a_backtest():
    scores = backtest(fitted(None, PASSENGERS), None, PASSENGERS, initial_window=120, steps=3, coverage=0.8)
    assert set(fitted(None, PASSENGERS).forecast(3, coverage=0.8).columns) <= set(scores.columns)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Got none of them"),
        ({"steps": 3, "X": X[-24:]}, "Got steps and X"),
        ({"steps": 3}, "fitted with 1 covariates: pass those of the steps to forecast as X"),
        ({"X": X[-25:]}, r"Row 0 of X \(1958-12\) is part of the series, .* Call predict\(X\)"),
        ({"X": X[-24:], "coverage": 1.5}, "coverage"),
        ({"X": X[-23:]}, "does not continue the series"),
    ],
)
def test_errors(arguments, message):
    forecaster = fitted(X[:-24], PASSENGERS[:-24])
    with pytest.raises(ValueError, match=message):
        forecaster.forecast(**arguments)


def test_intervals_require_a_calibration():
    forecaster = fitted(None, PASSENGERS, calibration_size=None)
    with pytest.raises(ValueError, match="calibration_size"):
        forecaster.forecast(3, coverage=0.9)
