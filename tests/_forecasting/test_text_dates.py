"""Dates as text, which have no order in time: warnings, and errors that explain how to convert them."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge

from skrnn import CalendarFeatures, SequenceForecaster

DAYS = pd.date_range("2024-01-01", periods=30)
TEXT = DAYS.strftime("%Y-%m-%d")
NO_ORDER = r"the index of y contains dates as text, which have no order in time.* \(y\.set_axis\(pd\.to_datetime\(y\.i"


def forecaster(**params):
    return SequenceForecaster(Ridge(), **{"window": 3, **params})


def series(index=TEXT):
    return pd.Series(np.random.default_rng(0).normal(size=30).cumsum(), index)


def fitted_on_text():
    with pytest.warns(UserWarning, match=NO_ORDER):
        return forecaster().fit(None, series())


def test_a_warning_and_the_forecast_of_the_rows_in_their_order():
    fitted = fitted_on_text()
    forecast = fitted.forecast(3)
    assert forecast.index.tolist() == [1, 2, 3]
    assert_allclose(forecast, forecaster().fit(None, series(DAYS)).forecast(3))
    # The remedy of the warning.
    y = series()
    dated = forecaster().fit(None, y.set_axis(pd.to_datetime(y.index))).forecast(1)
    assert dated.index[0] == pd.Timestamp("2024-01-31")


@pytest.mark.parametrize("separator", "-/.")
def test_text_that_is_not_in_order(separator):
    y = series(TEXT.str.replace("-", separator))[::-1]
    message = (
        rf"row 1 \('2024{separator}01{separator}29'\) does not come after row 0 \('2024{separator}01{separator}30'\)"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        forecaster().fit(None, y)
    assert len(caught) == 1 and caught[0].filename == __file__


@pytest.mark.parametrize("in_order", [True, False])
def test_text_of_panels(in_order):
    y = np.tile(series().to_numpy(), 2)
    text = [*TEXT, *TEXT]
    if not in_order:
        text[33], text[34] = text[34], text[33]
    index = pd.MultiIndex.from_arrays([np.repeat(["a", "b"], 30), text], names=["shop", "day"])
    wrong = r"row 34 \('2024-01-04'\) does not come after row 33 \('2024-01-05'\)"
    expected = "which have no order" if in_order else wrong
    with pytest.warns(UserWarning, match=expected):
        forecaster(groups="shop").fit(None, pd.Series(y, index))


@pytest.mark.parametrize(
    "index", [[f"row {i}" for i in range(30)], DAYS.strftime("%d.%m."), [f"2024-{i}" for i in range(30)]], ids=str
)
def test_other_text_is_not_warned_of(index):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forecaster().fit(None, series(index))


def test_errors_that_dates_would_avoid():
    fitted = fitted_on_text()
    with pytest.raises(ValueError, match=r"requires a fitted index with a freq.* \(pd.to_datetime converts text\)"):
        fitted.forecast(until="2024-02-02")
    with pytest.raises(ValueError, match=r"fitted on an index of text\. .* or fit on dates \(pd.to_datetime converts"):
        fitted.predict(pd.DataFrame(index=DAYS[:2]))
    with pytest.raises(ValueError, match=r"has the label '2024-01-01' of a fitted row.*\(pd.to_datetime converts text"):
        fitted.predict(pd.DataFrame(index=TEXT[:2]))
    with pytest.raises(ValueError, match=r"calendar requires rows with an index of dates .*pd.to_datetime"):
        forecaster(calendar=CalendarFeatures()).fit(None, series())
