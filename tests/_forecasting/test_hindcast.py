"""Errors of forecasts of all rows of other series, and of series that begin at any row."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression

from skrnn import SequenceForecaster
from skrnn._forecasting.hindcast import errors_after_cuts, errors_of_all_rows
from skrnn._forecasting.target_transform import moments

DAYS = pd.date_range("2024-01-01", periods=80)
Y = pd.Series(np.cumsum(np.random.default_rng(0).normal(size=80)), index=DAYS)
NO_COLUMNS = pd.DataFrame(index=DAYS)


@pytest.mark.parametrize("params", [{}, {"window_scaling": None}, {"differencing": 1}, {"target_transformer": None}])
def test_errors_are_those_of_predictions_one_step_ahead(params):
    forecaster = SequenceForecaster(LinearRegression(), window=3, **params).fit(None, Y)
    errors, n_before = errors_of_all_rows(forecaster, None, Y)
    expected = (Y - forecaster.predict(NO_COLUMNS)) / Y.std(ddof=0)
    n_lost = 1 if params.get("differencing") else 0
    assert errors.shape == (80, 1)
    assert np.isnan(errors[: 1 + n_lost]).all()
    assert_allclose(errors[1 + n_lost :, 0], expected[1 + n_lost :], rtol=1e-9)
    assert_array_equal(n_before, np.arange(80))


def test_a_known_series_is_transformed_as_in_fit():
    forecaster = SequenceForecaster(LinearRegression(), window=3, window_scaling=None).fit(None, Y)
    part = errors_of_all_rows(forecaster, None, Y[40:])[0]
    assert_allclose(part[3:], errors_of_all_rows(forecaster, None, Y)[0][43:], rtol=1e-9)
    history = forecaster.predict(NO_COLUMNS[40:], history=Y[40:])  # standardized by its own mean and deviation
    assert not np.allclose((Y[40:] - history)[3:] / Y.std(ddof=0), part[3:, 0])


def test_rows_of_series_in_any_order():
    forecaster = SequenceForecaster(LinearRegression(), window=3, groups="name")
    frame = pd.DataFrame({"name": ["a", "b"] * 40, "y": [*Y]})
    forecaster.fit(frame[["name"]], frame["y"])
    errors, n_before = errors_of_all_rows(forecaster, frame[["name"]], frame["y"])
    sorted_frame = frame.sort_values("name", kind="stable")
    of_sorted, _ = errors_of_all_rows(forecaster, sorted_frame[["name"]], sorted_frame["y"])
    assert_array_equal(errors[sorted_frame.index], of_sorted)
    assert_array_equal(n_before, np.arange(80) // 2)


def test_missing_values_are_replaced_by_the_last_ones():
    forecaster = SequenceForecaster(LinearRegression(), window=3).fit(None, Y)
    missing = Y.copy()
    missing.iloc[[0, 50]] = np.nan
    filled = missing.ffill().bfill()
    errors, expected = (errors_of_all_rows(forecaster, None, y)[0] for y in (missing, filled))
    assert np.isnan(errors[[0, 50]]).all()
    others = np.delete(np.arange(1, 80), 49)
    assert_array_equal(errors[others], expected[others])


@pytest.mark.parametrize("groups", [None, "name"])
def test_errors_after_cuts_are_those_of_series_that_begin_there(groups):
    if groups is None:
        forecaster = SequenceForecaster(LinearRegression(), window=3).fit(None, Y)
        starts, frames = [0, 25, 50, 76], [None] * 4
    else:
        frame = pd.DataFrame({"name": ["a"] * 40 + ["b"] * 40}, index=DAYS)
        forecaster = SequenceForecaster(LinearRegression(), window=3, groups="name").fit(frame, Y)
        starts = [0, 24, 51, 76]  # of 37 rows of each series that are followed by three
        frames = [frame[start : start + 4] for start in starts]
    errors = errors_after_cuts(forecaster, n_rows=4, n_cuts=4)
    assert errors.shape == (4, 4, 1)
    expected = [
        errors_of_all_rows(forecaster, X, Y[start : start + 4])[0] for start, X in zip(starts, frames, strict=True)
    ]
    for found, of_part in zip(errors, expected, strict=True):
        assert_allclose(found, of_part, rtol=1e-9)


def test_no_row_is_followed_by_enough_others():
    forecaster = SequenceForecaster(LinearRegression(), window=3).fit(None, Y[:5])
    assert errors_after_cuts(forecaster, n_rows=6, n_cuts=4).shape == (0, 6, 1)
    assert errors_after_cuts(forecaster, n_rows=5, n_cuts=4).shape == (1, 5, 1)


def test_the_standard_deviation_of_equal_values_is_zero():
    values = np.column_stack([np.full(300, 0.1), np.r_[np.full(100, 1e6 + 0.1), np.arange(200.0)]])
    codes = np.repeat([0, 1], [100, 200])
    means, scales = moments(values, codes)
    assert_allclose(means, [[0.1, 1e6 + 0.1], [0.1, 99.5]], rtol=1e-12)
    assert_allclose(scales, [[0.0, 0.0], [0.0, np.arange(200.0).std()]], rtol=1e-12)
