"""Metrics of forecasts against their definition, written out in loops."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_matrix
from sklearn.linear_model import LinearRegression

from skrnn import SequenceForecaster, backtest
from skrnn.datasets import load_airline
from skrnn.metrics import mean_absolute_scaled_error as mase


def by_hand(y_true, y_pred, y_train, season):
    """Equation (2) and section 3 of Hyndman and Koehler (2006), for one series."""
    differences = [abs(y_train[i] - y_train[i - season]) for i in range(season, len(y_train))]
    scale = sum(differences) / (len(y_train) - season)
    return sum(abs(true - predicted) / scale for true, predicted in zip(y_true, y_pred, strict=True)) / len(y_true)


@pytest.fixture
def series():
    rng = np.random.default_rng(0)
    return rng.normal(size=30).cumsum(), rng.normal(size=7), rng.normal(size=7)  # training, true, forecast


# ---------------------------------------------------------------------- values


@pytest.mark.parametrize("season", [1, 4, 12, np.int64(29)])
def test_one_series(series, season):
    y_train, y_true, y_pred = series
    error = mase(y_true, y_pred, y_train=y_train, season=season)
    assert isinstance(error, float)
    assert_allclose(error, by_hand(y_true, y_pred, y_train, int(season)), rtol=1e-12)


def test_naive_forecast_of_the_training_data_has_an_error_of_one(series):
    y_train = series[0]
    assert_allclose(mase(y_train[4:], y_train[:-4], y_train=y_train, season=4), 1.0)
    assert mase(y_train, y_train, y_train=y_train) == 0.0
    assert_allclose(mase(3 * series[1], 3 * series[2], y_train=3 * y_train), mase(*series[1:], y_train=y_train))


def test_airline_passengers():
    # The seasonal naive forecast of 1960 from 1959, scaled by the changes from year to year until 1959.
    y = load_airline()["passengers"]
    train, test = y[:"1959"], y["1960":]
    change = (train - train.shift(12)).abs().mean()
    expected = (test.to_numpy() - train[-12:].to_numpy()).__abs__().mean() / change
    assert_allclose(mase(test, train[-12:].to_numpy(), y_train=train, season=12), expected, rtol=1e-12)
    assert 1 < expected < 2


def test_mean_over_outputs(series):
    y_train, y_true, y_pred = (np.column_stack([array, 100 * array**2]) for array in series)
    expected = np.mean([by_hand(y_true[:, i], y_pred[:, i], y_train[:, i], 2) for i in range(2)])
    assert_allclose(mase(y_true, y_pred, y_train=y_train, season=2), expected, rtol=1e-12)
    frames = [pd.DataFrame(array, columns=["a", "b"]) for array in (y_true, y_pred, y_train)]
    assert_allclose(mase(*frames[:2], y_train=frames[2], season=2), expected, rtol=1e-12)


def test_mean_over_series_of_any_length_and_order(series):
    y_train, y_true, y_pred = series
    groups, groups_train = np.array([*"abbabbb"]), np.array([*"ab" * 14, "c", "c"])
    expected = np.mean(
        [by_hand(y_true[groups == g], y_pred[groups == g], y_train[groups_train == g], 3) for g in ("a", "b")]
    )
    options = {"y_train": y_train, "season": 3}
    assert_allclose(mase(y_true, y_pred, groups=groups, groups_train=groups_train, **options), expected, rtol=1e-12)
    assert abs(expected - mase(y_true, y_pred, **options)) > 0.01
    for kind in (list, pd.Series, pd.Categorical, pl.Series):
        given = {"groups": kind(groups), "groups_train": kind(groups_train)}
        assert_allclose(mase(y_true, y_pred, **given, **options), expected, rtol=1e-12)


def test_missing_values_are_left_out(series):
    y_train, y_true, y_pred = series
    holes = np.where(np.arange(7) == 2, np.nan, y_true)
    expected = by_hand(np.delete(y_true, 2), np.delete(y_pred, 2), y_train, 1)
    assert_allclose(mase(holes, y_pred, y_train=y_train), expected, rtol=1e-12)
    # One missing training value takes two differences with it.
    train = np.where(np.arange(30) == 10, np.nan, y_train)
    scale = np.delete(np.abs(np.diff(y_train)), [9, 10]).mean()
    assert_allclose(mase(y_true, y_pred, y_train=train), np.abs(y_true - y_pred).mean() / scale, rtol=1e-12)


def test_series_and_outputs_without_true_values_are_left_out(series):
    y_train, y_true, y_pred = series
    nothing = np.full(7, np.nan)
    expected = by_hand(y_true, y_pred, y_train, 1)
    outputs = {"y_train": np.column_stack([y_train, np.ones(30)])}
    pairs = np.column_stack([y_true, nothing]), np.column_stack([y_pred, y_pred])
    assert_allclose(mase(*pairs, **outputs), expected, rtol=1e-12)
    groups = {"groups": ["a"] * 7 + ["b"] * 7, "groups_train": ["a"] * 30 + ["b"] * 2}
    error = mase([*y_true, *nothing], [*y_pred, *y_pred], y_train=[*y_train, 1, 1], **groups)
    assert_allclose(error, expected, rtol=1e-12)


def test_output_of_a_backtest():
    y = load_airline()["passengers"].astype(float)
    frame = backtest(SequenceForecaster(LinearRegression(), window=12), None, y, initial_window=120, steps=12)
    error = mase(frame["y_true"], frame["y_pred"], y_train=y[:120], season=12)
    assert_allclose(error, by_hand([*frame["y_true"]], [*frame["y_pred"]], [*y[:120]], 12), rtol=1e-12)
    assert error < 1


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"season": 0}, ValueError, "The 'season' parameter of mean_absolute_scaled_error must be an int in the range"),
        ({"season": 1.5}, ValueError, "The 'season' parameter of mean_absolute_scaled_error must be an int"),
        ({"season": 4}, ValueError, r"y_train must have at least 5 rows, two of them.*season=4 is not defined"),
        ({"y_train": [5.0, 5.0, 5.0]}, ValueError, "y_train must not be constant, or the same in each season"),
        ({"y_train": [1.0, 2.0, 1.0, 2.0], "season": 2}, ValueError, "y_train must not be constant"),
        ({"y_train": [1.0, np.nan, 2.0]}, ValueError, "y_train must have at least 2 rows, two of them, .* without NaN"),
        ({"y_pred": [1.0, 2.0, 3.0]}, ValueError, r"\(2,\) of y_true, \(3,\) of y_pred, \(4,\) of y_train"),
        ({"y_train": np.ones((4, 2))}, ValueError, r"y_train the same number of columns.*\(4, 2\) of y_train"),
        ({"y_pred": [1.0, np.nan]}, ValueError, "Input y_pred contains NaN, first at row 1"),
        ({"y_true": [np.inf, 1.0]}, ValueError, "Input y_true contains infinity, first at row 0"),
        ({"y_train": [1.0, -np.inf, 2.0]}, ValueError, "Input y_train contains infinity, first at row 1"),
        ({"y_true": [np.nan, np.nan]}, ValueError, "y_true of .* contains no value other than NaN"),
        ({"y_true": ["a", "b"]}, ValueError, "takes numbers, but y_true has dtype"),
        ({"y_true": None}, TypeError, "y_true must be array-like or a DataFrame"),
        ({"y_pred": csr_matrix([[1.0, 2.0]])}, TypeError, "Sparse data was passed for y_pred"),
        ({"groups": ["a", "b"]}, ValueError, "groups_train is None. Pass both, or none"),
        ({"groups_train": ["a"] * 4}, ValueError, "groups is None. Pass both, or none"),
        ({"groups": "ab", "groups_train": ["a"] * 4}, TypeError, "groups must be array-like"),
        (
            {"groups": ["a"], "groups_train": ["a"] * 4},
            ValueError,
            r"groups must contain the series of each row of y_true, shape \(2,\)\. Got shape \(1,\)",
        ),
        (
            {"groups": ["a", "a"], "groups_train": ["a"] * 3},
            ValueError,
            r"groups_train must contain the series of each row of y_train, shape \(4,\)",
        ),
        ({"groups": ["a", None], "groups_train": ["a"] * 4}, ValueError, "groups contains a missing value in row 1"),
        (
            {"groups": ["a", "b"], "groups_train": ["a"] * 4},
            ValueError,
            "groups contains the series 'b', of which groups_train contains no row",
        ),
        (
            {"groups": ["a", "b"], "groups_train": ["a", "a", "a", "b"]},
            ValueError,
            "y_train of series 'b' must have at least 2 rows",
        ),
    ],
)
def test_wrong_arguments(options, error, message):
    given = {"y_true": [1.0, 2.0], "y_pred": [2.0, 2.0], "y_train": [1.0, 2.0, 4.0, 8.0], **options}
    with pytest.raises(error, match=message):
        mase(given.pop("y_true"), given.pop("y_pred"), **given)


def test_constant_output_is_named():
    y = np.column_stack([np.arange(4.0), np.ones(4)])
    with pytest.raises(ValueError, match="y_train in column 1 must not be constant"):
        mase(y, y, y_train=y)
    groups = {"groups": ["x"] * 4, "groups_train": ["x"] * 4}
    with pytest.raises(ValueError, match="y_train of series 'x' in column 1 must not be constant"):
        mase(y, y, y_train=y, **groups)


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, pa.table], ids=["pandas", "polars", "pyarrow"])
def test_columns_in_another_order(library):
    columns = {"a": [1.0, 2.0, 4.0], "b": [1.0, 5.0, 6.0]}
    frame, exchanged = library(columns), library({"b": columns["b"], "a": columns["a"]})
    with pytest.raises(ValueError, match=r"y_true has the columns \['a', 'b'\], but y_train has \['b', 'a'\]"):
        mase(frame, np.column_stack([*columns.values()]), y_train=exchanged)
    with pytest.raises(ValueError, match=r"y_true has the columns \['b', 'a'\], but y_pred has \['a', 'b'\]"):
        mase(exchanged, frame, y_train=pd.DataFrame(columns)[["b", "a"]])
