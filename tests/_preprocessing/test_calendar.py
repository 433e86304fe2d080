"""`CalendarFeatures` against `datetime` and `math`, and what it selects and rejects."""

import datetime
import math
import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal, assert_index_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_do_not_raise_errors_in_init_or_set_params,
    check_estimator,
    check_estimator_repr,
    check_estimator_tags_renamed,
    check_get_params_invariance,
    check_mixin_order,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
    check_valid_tag_types,
)

from skrnn import CalendarFeatures, SequenceForecaster

ALL = ("hour", "weekday", "day_of_year", "month")


def empty(index):
    """A frame without columns."""
    return pd.DataFrame(index=index)


def by_hand(moments, features=ALL):
    """Sine and cosine of each feature of `datetime` objects, one number at a time."""
    rows = []
    for moment in moments:
        length = 366 if moment.year % 4 == 0 else 365  # of the years of these tests
        fractions = {
            "hour": (moment.hour + moment.minute / 60 + moment.second / 3600) / 24,
            "weekday": moment.weekday() / 7,
            "day_of_year": (moment.timetuple().tm_yday - 1) / length,
            "month": (moment.month - 1) / 12,
        }
        rows.append([wave(2 * math.pi * fractions[name]) for name in features for wave in (math.sin, math.cos)])
    return rows


# ---------------------------------------------------------------------- values


def test_every_feature_of_dates():
    index = pd.date_range("2023-11-29 23:17:30", periods=90, freq="31h")
    frame = CalendarFeatures(ALL).fit_transform(empty(index))
    assert frame.columns.tolist() == [f"{name}_{wave}" for name in ALL for wave in ("sin", "cos")]
    assert_index_equal(frame.index, index)
    assert_allclose(frame, by_hand(index.to_pydatetime()), atol=1e-12)
    assert (frame.dtypes == np.float64).all()


def test_columns_are_in_the_order_of_the_parameter():
    index = pd.date_range("2024-01-01", periods=10, freq="17h")
    calendar = CalendarFeatures(["month", "hour"]).fit(empty(index))
    assert calendar.features_ == ("month", "hour")
    assert calendar.get_feature_names_out().tolist() == ["month_sin", "month_cos", "hour_sin", "hour_cos"]
    assert_allclose(calendar.transform(empty(index)), by_hand(index.to_pydatetime(), ["month", "hour"]), atol=1e-12)


def test_times_with_a_zone_are_local():
    index = pd.date_range("2024-03-30 22:00", periods=30, freq="h", tz="UTC").tz_convert("Europe/Berlin")
    frame = CalendarFeatures(("hour", "weekday")).fit_transform(empty(index))
    assert_allclose(frame, by_hand(index.to_pydatetime(), ("hour", "weekday")), atol=1e-12)
    # 01:00 is followed by 03:00, where the clocks change.
    assert [moment.hour for moment in index[2:5]] == [1, 3, 4]
    assert_index_equal(frame.index, index)


@pytest.mark.parametrize("freq", ["h", "D", "W", "M", "Q"])
def test_periods_count_from_their_start(freq):
    index = pd.period_range("2023-02-01", periods=20, freq=freq)
    frame = CalendarFeatures(ALL).fit_transform(empty(index))
    assert_allclose(frame, by_hand([period.start_time.to_pydatetime() for period in index]), atol=1e-12)
    assert_index_equal(frame.index, index)


def test_levels_of_a_panel():
    days = pd.date_range("2024-01-05", periods=4, freq="D", name="day")
    index = pd.MultiIndex.from_product([["a", "b"], days])
    for given in (index, index.swaplevel()):
        frame = CalendarFeatures().fit_transform(pd.Series(range(8), index=given))
        assert frame.columns.tolist() == ["weekday_sin", "weekday_cos"]
        assert_allclose(frame, by_hand([*days.to_pydatetime()] * 2, ["weekday"]), atol=1e-12)
        assert_index_equal(frame.index, given)


def test_dates_of_other_types():
    days = [datetime.date(2024, 1, day) for day in (5, 6, 7, 8)]
    expected = by_hand([datetime.datetime(2024, 1, day) for day in (5, 6, 7, 8)], ["weekday"])
    arrow = pd.Index(pd.to_datetime(days).astype("timestamp[ns][pyarrow]"))
    for index in (pd.Index(days, dtype=object), arrow):
        assert_allclose(CalendarFeatures().fit_transform(empty(index)), expected, atol=1e-12)


def test_features_of_an_index_without_rows():
    calendar = CalendarFeatures(("hour", "month")).fit(empty(pd.date_range("2024-01-01", periods=2)))
    assert calendar.transform(empty(pd.DatetimeIndex([]))).shape == (0, 4)


# ---------------------------------------------------------------------- "auto"


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (pd.date_range("2024-01-01", periods=24, freq="h"), ("hour",)),
        (pd.date_range("2024-01-01", periods=48, freq="h"), ("hour", "weekday")),
        (pd.date_range("2024-01-01", periods=3000, freq="15min"), ("hour", "weekday", "month")),
        (pd.date_range("2024-01-01 06:00", periods=20, freq="D"), ("weekday",)),
        (pd.date_range("2024-03-01", periods=60, freq="D", tz="Europe/Berlin"), ("weekday", "month")),
        (pd.date_range("2024-01-01", periods=60, freq="B"), ("weekday", "month")),
        (pd.date_range("2024-01-01", periods=24, freq="MS"), ("month",)),  # on every day of the week
        (pd.period_range("2024-01", periods=24, freq="M"), ("month",)),
        (pd.period_range("2024-01-01", periods=24, freq="W"), ("month",)),
        (pd.period_range("2024Q1", periods=8, freq="Q"), ("month",)),
    ],
    ids=lambda value: value.dtype if isinstance(value, pd.Index) else "",
)
def test_selected_features_vary_within_their_cycle(index, expected):
    assert CalendarFeatures().fit(empty(index)).features_ == expected


def test_selected_features_are_those_of_fit():
    days = pd.date_range("2024-01-01", periods=20, freq="D")
    calendar = CalendarFeatures().fit(empty(days))
    later = pd.date_range("2024-05-01", periods=3, freq="31D")
    assert calendar.transform(empty(later)).columns.tolist() == ["weekday_sin", "weekday_cos"]
    assert calendar.fit(empty(later)).features_ == ("month",)


@pytest.mark.parametrize(
    "index", [pd.period_range("2000", periods=9, freq="Y"), pd.date_range("2024", periods=1), pd.DatetimeIndex([])]
)
def test_no_feature_varies(index):
    with pytest.raises(ValueError, match=r"^features='auto' of CalendarFeatures selects .* Name the features, such as"):
        CalendarFeatures().fit(empty(index))


# ---------------------------------------------------------------------- scikit-learn


@pytest.fixture
def frame():
    index = pd.date_range("2024-01-01", periods=24, freq="h")
    return pd.DataFrame({"price": np.arange(24.0), "shop": "a"}, index=index)


def test_union_and_column_transformer(frame):
    prices = frame[["price"]]
    union = make_union("passthrough", CalendarFeatures())
    waves = by_hand(frame.index.to_pydatetime(), ["hour"])
    assert_allclose(union.fit_transform(prices), np.column_stack([prices, waves]), atol=1e-12)
    columns = make_column_transformer((CalendarFeatures(), ["shop"]), remainder="passthrough")
    assert_allclose(columns.fit_transform(frame), np.column_stack([waves, prices]), atol=1e-12)
    assert columns.get_feature_names_out()[1] == "calendarfeatures__hour_cos"


def test_pipeline_learns_a_daily_cycle(frame):
    y = 3 + 2 * np.sin(2 * np.pi * (frame.index.hour - 4) / 24)
    model = make_pipeline(CalendarFeatures(), LinearRegression()).fit(frame, y)
    assert_allclose(model.predict(frame.shift(freq="24h")), y)


def test_set_output(frame):
    calendar = CalendarFeatures()
    expected = calendar.fit_transform(frame)
    assert_frame_equal(calendar.set_output(transform="pandas").transform(frame), expected)
    other = calendar.set_output(transform="polars").transform(frame)
    assert isinstance(other, pl.DataFrame)
    assert other.columns == ["hour_sin", "hour_cos"]
    assert_array_equal(other.to_numpy(), expected)


def test_clone_and_pickle(frame):
    calendar = CalendarFeatures(("hour", "weekday"))
    assert clone(calendar).get_params() == {"features": ("hour", "weekday")}
    again = pickle.loads(pickle.dumps(calendar.fit(frame)))
    assert_frame_equal(again.transform(frame), calendar.transform(frame))


def test_tags():
    tags = get_tags(CalendarFeatures())
    assert not tags.input_tags.two_d_array and not tags.input_tags.sparse
    assert tags.requires_fit and tags.no_validation
    assert tags.transformer_tags.preserves_dtype == []


def test_check_estimator():
    # Its checks pass arrays, which have no index: scikit-learn skips all but that of clone.
    with pytest.warns(SkipTestWarning, match="requires input"):
        check_estimator(CalendarFeatures())


@pytest.mark.parametrize(
    "check",
    [
        check_do_not_raise_errors_in_init_or_set_params,
        check_estimator_repr,
        check_estimator_tags_renamed,
        check_get_params_invariance,
        check_mixin_order,
        check_no_attributes_set_in_init,
        check_parameters_default_constructible,
        check_set_params,
        check_valid_tag_types,
    ],
)
def test_check_that_needs_no_input(check):
    check("CalendarFeatures", CalendarFeatures())


def test_columns_are_not_read(frame):
    calendar = CalendarFeatures().fit(frame)
    others = pd.DataFrame({"text": ["x", None]}, index=frame.index[:2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_allclose(calendar.transform(others), calendar.transform(frame)[:2])


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ("hours", "The 'features' parameter of CalendarFeatures must be"),
        (3, "The 'features' parameter of CalendarFeatures must be"),
        (
            (),
            r"must be 'auto' or a tuple of different names out of 'hour', 'weekday', 'day_of_year', 'month'\. Got \(\)",
        ),
        (("hour", "year"), r"Got \('hour', 'year'\) instead"),
        (["hour", "hour"], r"Got \['hour', 'hour'\] instead"),
        ([3], r"Got \[3\] instead"),
    ],
)
def test_wrong_features(frame, features, message):
    with pytest.raises(ValueError, match=message):
        CalendarFeatures(features).fit(frame)


@pytest.mark.parametrize(
    ("given", "name"),
    [(np.zeros((3, 2)), "ndarray"), ([[1.0]], "list"), (None, "NoneType"), (pl.DataFrame({"a": [1]}), "DataFrame")],
)
def test_input_without_an_index(frame, given, name):
    message = rf"requires a DataFrame or Series of pandas with an index of dates\. Got {name} instead"
    for function in (CalendarFeatures().fit, CalendarFeatures().fit(frame).transform):
        with pytest.raises(TypeError, match=message):
            function(given)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (pd.RangeIndex(3), "Got an index that contains integer values such as 0. Convert it"),
        (pd.Index(["2024-01-01", "2024-01-02", "2024-01-03"]), "string values such as '2024-01-01'. Convert it"),
        (pd.to_timedelta([1, 2, 3], unit="h"), "contains timedelta64 values"),
        (pd.DatetimeIndex(["2024-01-01", None, "2024-01-03"]), "that of row 1 of X is missing"),
        (pd.PeriodIndex(["2024-01", "2024-02", None], freq="M"), "that of row 2 of X is missing"),
        (pd.MultiIndex.from_product([["a"], [1, 2, 3]]), r"Got 0 of the levels \[None, None\]"),
        (
            pd.MultiIndex.from_arrays([pd.date_range("2024", periods=3)] * 2, names=["made", "sold"]),
            r"exactly one level contains dates\. Got 2 of the levels \['made', 'sold'\]",
        ),
    ],
    ids=lambda value: value.dtype if isinstance(value, pd.Index) else "",
)
def test_index_of_another_kind(frame, index, message):
    for function in (CalendarFeatures().fit, CalendarFeatures().fit(frame).transform):
        with pytest.raises(ValueError, match=message):
            function(empty(index))


def test_not_fitted(frame):
    with pytest.raises(NotFittedError):
        CalendarFeatures().transform(frame)
    with pytest.raises(NotFittedError):
        CalendarFeatures().get_feature_names_out()
    calendar = CalendarFeatures().fit(frame)
    with pytest.raises(ValueError, match="Got an index that contains integer values"):
        calendar.fit(frame.reset_index())
    assert calendar.features_ == ("hour",)  # as before


HOURS = pd.Series(np.arange(80.0), pd.date_range("2024-03-30", periods=80, freq="h", tz="Europe/Berlin"))


def transform_of(y):
    """Return the method of a transformer that was fitted on the index of a series."""
    return CalendarFeatures(["hour"]).fit(y.to_frame()).transform


def forecast_of(y):
    """Return a function that continues another series than the one that a forecaster was fitted on."""
    groups = "pump" if y.index.nlevels > 1 else None
    forecaster = SequenceForecaster(LinearRegression(), window=2, calendar=CalendarFeatures(["hour"]), groups=groups)
    return lambda history: forecaster.fit(None, y).forecast(3, history=history)


@pytest.mark.parametrize("function_of", [transform_of, forecast_of])
@pytest.mark.parametrize("is_panel", [False, True])
def test_another_time_zone_than_in_fit(function_of, is_panel):
    y, other = HOURS, HOURS.tz_convert("UTC")
    if is_panel:
        y, other = (pd.concat({"north": series}, names=["pump", "time"]) for series in (y, other))
    message = r"the time zone UTC, but CalendarFeatures was fitted on Europe/Berlin.* X\.tz_convert\('Europe/Berlin'\)"
    with pytest.raises(ValueError, match=message):
        function_of(y)(other)
    assert len(function_of(y)(y)) in (3, 80)


def test_zones_of_the_same_local_times():
    summer = pd.date_range("2024-07-01", periods=30, freq="h", tz="Europe/Berlin")
    offset = pd.DatetimeIndex(pd.to_datetime([time.isoformat() for time in summer]))  # +02:00
    naive = summer.tz_localize(None)
    expected = CalendarFeatures(["hour"]).fit_transform(pd.DataFrame(index=naive)).to_numpy()
    for seen in (summer, offset, naive):
        fitted = pickle.loads(pickle.dumps(CalendarFeatures(["hour"]).fit(pd.DataFrame(index=seen))))
        for index in (summer, offset, naive):
            assert_array_equal(fitted.transform(pd.DataFrame(index=index)), expected)
