"""Number of steps of a forecast, or the time until which it is made, of one or of several series."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.tree import DecisionTreeRegressor

from skrnn import CalendarFeatures, SequenceForecaster

DAYS = pd.date_range("2024-01-01", periods=60)


def forecaster(estimator=None, **params):
    return SequenceForecaster(estimator or Ridge(), **{"window": 3, **params})


def ragged(ends, index=DAYS):
    """Series of different lengths, with their names and times in the index."""
    parts = [pd.MultiIndex.from_product([[name], index[:end]], names=["shop", "time"]) for name, end in ends.items()]
    y = np.random.default_rng(0).normal(size=sum(ends.values())).cumsum()
    return pd.Series(y, parts[0].append(parts[1:]))


@pytest.mark.parametrize(
    ("index", "until"),
    [
        (pd.RangeIndex(60), 33),
        (pd.RangeIndex(100, 220, 2), 166),
        (pd.Index(range(7, 67)), 40),
        (pd.timedelta_range("0h", periods=60, freq="h"), pd.Timedelta("33h")),
    ],
    ids=["rows", "even numbers", "numbers", "durations"],
)
def test_until_a_number(index, until):
    y = pd.Series(np.random.default_rng(0).normal(size=30).cumsum(), index[:30])
    fitted = forecaster().fit(None, y)
    pd.testing.assert_series_equal(fitted.forecast(until=until), fitted.forecast(4))
    assert fitted.forecast(until=until).index[-1] == until
    with pytest.raises(ValueError, match="must be a time of the index after the ends of all series"):
        fitted.forecast(until=index[29])


def test_until_a_number_between_two_rows_or_of_another_kind():
    fitted = forecaster().fit(None, pd.Series(np.arange(30.0), range(0, 60, 2)))
    with pytest.raises(ValueError, match="until=61 must be a time of the index after the ends"):
        fitted.forecast(until=61)
    for until in (61.5, 62.5):
        with pytest.raises(ValueError, match=r"must be a time of the index .* is 58, at its frequency 2"):
            fitted.forecast(until=until)
    assert len(fitted.forecast(until=62.0)) == 2
    business = forecaster().fit(None, pd.Series(np.arange(30.0), pd.bdate_range("2024-01-01", periods=30)))
    with pytest.raises(ValueError, match=r"2024-02-18.* must be a time of the index .*, at its frequency 'B'"):
        business.forecast(until="2024-02-18")
    with pytest.raises(ValueError, match="until must be a time like those of the fitted index"):
        fitted.forecast(until="2024-03-01")


@pytest.mark.parametrize("index", [DAYS, pd.RangeIndex(10, 70), DAYS.to_period("D")], ids=["dates", "ints", "periods"])
def test_every_series_is_continued_until_the_time(index):
    ends = {"a": 30, "b": 25, "c": 28}
    fitted = forecaster(groups="shop").fit(None, ragged(ends, index))
    forecast, longer = fitted.forecast(until=index[32]), fitted.forecast(8)
    assert forecast.index.names == ["shop", "time"]
    assert len(forecast) == 3 + 8 + 5
    for name, end in ends.items():
        assert forecast[name].index.tolist() == index[end:33].tolist()
        assert_allclose(forecast[name], longer[name].iloc[: 33 - end])


@pytest.mark.parametrize("layout", ["%Y%m", "%Y%m%d"])
@pytest.mark.parametrize("grouped", [False, True])
def test_dates_as_integers_are_not_counted_on(grouped, layout):
    """The month after 202212 is 202301, and not 202213."""
    dates = pd.period_range("2020-01", periods=42, freq="M") if layout == "%Y%m" else DAYS[:42]
    numbers = dates.strftime(layout).astype(int)
    index, asked = numbers[:36], numbers[36:]
    if grouped:
        index, asked = (
            pd.MultiIndex.from_product([["a"], part], names=["shop", "time"]) for part in (index, numbers[36:])
        )
    y = np.random.default_rng(0).normal(size=36).cumsum()
    fitted = forecaster(groups="shop" if grouped else None).fit(None, pd.Series(y, index))
    forecast = fitted.forecast(6)
    assert forecast.index.get_level_values(-1).tolist() == [1, 2, 3, 4, 5, 6]
    assert_allclose(fitted.predict(pd.DataFrame(index=asked)), forecast)
    # Other integers are counted on over a gap.
    counted = forecaster().fit(None, pd.Series(y, [*range(10, 30), *range(32, 48)]))
    assert counted.forecast(1).index.tolist() == [48]


def test_a_calendar_of_series_that_end_at_different_times():
    """The calendar decides the value: Mondays are 7, other days 0."""
    index = ragged({"a": 35, "b": 28}).index
    y = pd.Series(7.0 * (index.get_level_values("time").day_of_week == 0), index)
    calendar = CalendarFeatures(features=("weekday",))
    tree = DecisionTreeRegressor(random_state=0)
    fitted = forecaster(tree, groups="shop", calendar=calendar, target_transformer=None, window_scaling=None)
    forecast = fitted.fit(None, y).forecast(until=DAYS[44])
    expected = 7.0 * (forecast.index.get_level_values("time").day_of_week == 0)
    assert_allclose(forecast, expected)
    assert len(forecast) == 10 + 17


def test_until_after_an_update_and_of_a_history():
    fitted = forecaster(LinearRegression(), groups="shop").fit(None, ragged({"a": 30, "b": 25}))
    later = pd.Series(0.5, pd.MultiIndex.from_product([["b"], DAYS[25:31]], names=["shop", "time"]))
    forecast = fitted.update(None, later).forecast(until=DAYS[33])
    assert forecast["a"].index.tolist() == DAYS[30:34].tolist()
    assert forecast["b"].index.tolist() == DAYS[31:34].tolist()
    other = fitted.forecast(until=DAYS[33], history=ragged({"c": 20}))
    assert other.groupby("shop").size().to_dict() == {"a": 4, "b": 3, "c": 14}
