"""Times of rows: frequencies of series and of panels, kinds of indexes, and mistakes that are said."""

import numpy as np
import pandas as pd
import pytest
from arch.data import sp500
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, KFold, TimeSeriesSplit, cross_val_score

from skrnn import (
    PanelTimeSeriesSplit,
    SequenceForecaster,
    SequenceWindower,
    backtest,
    make_supervised,
    sliding_windows,
)
from skrnn._common import frequencies
from skrnn._common.frequencies import frequencies_of, frequency_of, periods_of
from skrnn._data.row_labels import split_labels
from skrnn._model_selection.compare_cells import _timed_fit

DAYS = pd.date_range("2024-01-01", periods=40)
MONTHS = pd.period_range("2019-03", periods=120, freq="M")
WEEKDAYS = DAYS[DAYS.day_of_week < 5]
HALF_HOURS = pd.date_range("2024-01-01", periods=48 * 5, freq="30min")
HOURS_OF_THE_WEEK = pd.date_range("2024-01-01", periods=24 * 12, freq="h")
HOURS_OF_THE_WEEK = HOURS_OF_THE_WEEK[HOURS_OF_THE_WEEK.day_of_week < 5]
HALF_HOURS = HALF_HOURS[HALF_HOURS.indexer_between_time("9:30", "16:00")]


def series(index, slope=1.0):
    """Values on a line, which two values continue."""
    return pd.Series(slope * np.arange(len(index)), index, name="v")


def panel(**indexes):
    """A panel of such lines, a series for each index."""
    parts = {name: series(index, slope) for slope, (name, index) in enumerate(indexes.items(), start=1)}
    return pd.concat(parts, names=["shop", "day"])


def labels_of(y, groups="shop"):
    return split_labels(y.to_frame(), groups)[1]


def fitted(y, groups=None):
    return SequenceForecaster(LinearRegression(), window=2, groups=groups).fit(y.to_frame()[[]], y)


def windows_after(y, coming, **params):
    """The windows of rows that hold -1, after the last two rows of y."""
    rows = pd.DataFrame({"v": -1.0}, index=coming)
    return np.asarray(SequenceWindower(3, **params).fit(y.to_frame()).transform(rows))[:, :, 0]


def days_of(**coming):
    return pd.MultiIndex.from_tuples(
        [(name, pd.Timestamp(time)) for name, times in coming.items() for time in times], names=["shop", "day"]
    )


# Frequencies


@pytest.mark.parametrize(
    ("index", "frequency"),
    [
        (MONTHS, 1),
        (MONTHS[::3], 3),
        (MONTHS[::3].delete(5), 3),
        (MONTHS.delete(5), 1),
        (pd.period_range("2024-01", periods=5, freq="2M"), 2),
        (MONTHS[:1], 1),
        (pd.RangeIndex(0, 50, 5), 5),
        (pd.Index([3, 6, 9]), 3),
        (pd.Index([3, 6, 10]), None),
        (pd.date_range("2024-01-31", periods=9, freq="ME"), "ME"),
        (pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-05"]), None),
        # A hole.
        (DAYS.delete(20), "D"),
        (DAYS.delete([10, 20]).to_period("D"), 1),
        (DAYS.delete(20).tz_localize("Europe/Berlin"), "D"),
        (DAYS.delete(20) - DAYS[0], "D"),
        (MONTHS.to_timestamp().delete(20), "MS"),
        (MONTHS.to_timestamp(how="end").delete([20, 21]), "ME"),
        (pd.date_range("2020-01-01", periods=40, freq="WOM-3FRI").delete(7), "WOM-3FRI"),
        (pd.date_range("2024-01-01", periods=400, freq="15min").delete(range(70, 90)), "15min"),
        (pd.Index([*range(1990, 2000), *range(2001, 2011)]), 1),
        # Many holes, or none: days of the week without rows, and nights.
        (DAYS.delete([3, 9, 14, 22, 30]), None),
        (DAYS.delete([3, 9, 14, 22, 30]).to_period("D"), None),
        (WEEKDAYS.delete(7), None),
        (WEEKDAYS.to_period("D"), None),
        (HALF_HOURS, None),
        (HALF_HOURS.to_period("30min"), None),
        (HOURS_OF_THE_WEEK, None),
        (pd.Index([1, 1, 2, 2, 3, 3]), None),
        (pd.Index([*range(5, 30), *range(29, 40), *range(41, 60)]), None),
        (pd.to_timedelta([2, 4, 6], unit="h"), "2h"),
    ],
)
def test_frequency_of_one_series(index, frequency):
    assert frequencies_of(labels_of(series(index), None)) == (frequency,)


def test_periods_that_skip_go_on_by_their_step():
    y = series(MONTHS[::3])[:36]
    forecaster = fitted(y)
    pd.testing.assert_index_equal(forecaster.forecast(2).index, MONTHS[::3][36:38])
    assert_allclose(forecaster.predict(pd.DataFrame(index=MONTHS[::3][36:39])), [36, 37, 38])
    with pytest.raises(ValueError, match=r"Row 0 of X \(2028-01\) does not continue the series"):
        forecaster.predict(pd.DataFrame(index=MONTHS[106:107]))
    forecaster.update(None, series(MONTHS[::3])[36:37])
    assert forecaster.forecast(1).index[0] == pd.Period("2028-06", "M")
    assert_array_equal(windows_after(y, MONTHS[::3][36:38]), [[34, 35, -1], [35, -1, -1]])
    assert_array_equal(windows_after(y, MONTHS[106:107]), [[np.nan, np.nan, -1]])


def test_series_of_a_panel_at_other_times_of_the_day():
    y = panel(a=DAYS[:30], b=DAYS[:30] + pd.Timedelta("12h"))
    coming = days_of(a=["2024-01-31"], b=["2024-01-31 12:00"])
    forecaster = fitted(y, "shop")
    pd.testing.assert_index_equal(forecaster.forecast(1).index, coming)
    assert_allclose(forecaster.predict(pd.DataFrame(index=coming)), [30, 60])
    assert_array_equal(windows_after(y, coming, groups="shop"), [[28, 29, -1], [56, 58, -1]])
    half_a_day_late = days_of(a=["2024-01-31 12:00"])
    assert_array_equal(windows_after(y, half_a_day_late, groups="shop"), [[np.nan, np.nan, -1]])
    with pytest.raises(ValueError, match=r"Row 0 of X \(2024-01-31 12:00:00\) does not continue the series"):
        forecaster.predict(pd.DataFrame(index=half_a_day_late))


def test_a_daily_and_a_weekly_series_in_one_panel():
    y = panel(daily=DAYS[:29], weekly=DAYS[:29:7])
    coming = days_of(daily=["2024-01-30", "2024-01-31"], weekly=["2024-02-05", "2024-02-12"])
    forecaster = fitted(y, "shop")
    pd.testing.assert_index_equal(forecaster.forecast(2).index, coming)
    assert_allclose(forecaster.predict(pd.DataFrame(index=coming)), [29, 30, 10, 12])
    assert_array_equal(windows_after(y, coming, groups="shop"), [[27, 28, -1], [28, -1, -1], [6, 8, -1], [8, -1, -1]])
    new = pd.Series([29.0, 10.0], coming[[0, 2]], name="v")
    forecaster.update(new.to_frame()[[]], new)
    pd.testing.assert_index_equal(forecaster.forecast(1).index, coming[[1, 3]])
    windower = SequenceWindower(3, groups="shop").fit(y.to_frame()).partial_fit(new.to_frame())
    after = windower.transform(pd.DataFrame({"v": -1.0}, index=coming[[1, 3]]))
    assert_array_equal(np.asarray(after)[:, :, 0], [[28, 29, -1], [8, 10, -1]])


@pytest.mark.parametrize(
    ("indexes", "expected"),
    [
        # Its own rows have a hole, or are too few: the other series say how far apart rows are.
        ({"a": DAYS, "b": DAYS.delete(7)}, ("D", "D")),
        ({"a": DAYS.delete(3), "b": DAYS.delete(7)}, ("D", "D")),
        ({"a": DAYS, "b": DAYS[:2]}, ("D", "D")),
        ({"a": DAYS, "b": DAYS[:1]}, ("D", "D")),
        ({"a": DAYS[:4], "b": DAYS[DAYS.day_of_week < 5]}, ("B", "B")),
        ({"a": MONTHS, "b": MONTHS[[0, 5]]}, (1, 1)),
        ({"a": MONTHS[::3], "b": MONTHS[1::3].delete(4), "c": MONTHS[:1]}, (3, 3, 3)),
        ({"a": pd.RangeIndex(9), "b": pd.Index([0, 1, 3, 4])}, (1, 1)),
        # Nothing does.
        ({"a": DAYS, "b": DAYS[::7].delete(2)}, ("D", None)),
        ({"a": DAYS, "b": DAYS[::7], "c": DAYS[:1]}, ("D", "W-MON", None)),
        ({"a": DAYS, "b": (DAYS + pd.Timedelta("12h")).delete([3, 5, 7])}, ("D", "D")),
        ({"a": DAYS[[0, 1, 4, 9, 11]], "b": DAYS[[2, 5, 6]]}, (None, None)),
        # Its own rows say more: those of all series have the same hole; a short series tells nothing of a longer one.
        ({"a": DAYS.delete(7), "b": DAYS.delete(7)}, ("D", "D")),
        ({"a": DAYS[::3].delete([2, 5, 8]), "b": DAYS[:9:3]}, (None, "3D")),
        # Days of the week without rows, and nights between sessions.
        ({"a": WEEKDAYS.delete(7), "b": WEEKDAYS[:5]}, (None, "D")),
        ({"a": WEEKDAYS.delete(7), "b": WEEKDAYS}, (None, "B")),
        ({"a": WEEKDAYS.delete(7), "b": DAYS}, (None, "D")),
        ({"a": WEEKDAYS.delete(7).to_period("D"), "b": DAYS.to_period("D")}, (None, 1)),
        ({"a": HALF_HOURS, "b": HALF_HOURS[:14]}, (None, "30min")),
        # One row is not of a frequency that it does not lie on.
        ({"a": MONTHS.to_timestamp(), "b": DAYS[9:10]}, ("MS", None)),
        ({"a": MONTHS.to_timestamp(), "b": MONTHS.to_timestamp()[9:10]}, ("MS", "MS")),
    ],
)
def test_series_that_tell_nothing_take_the_frequency_of_the_panel(indexes, expected, monkeypatch):
    y = panel(**indexes)
    assert frequencies_of(labels_of(y)) == expected
    with monkeypatch.context() as patch:
        patch.setattr(frequencies, "_ROWS_AT_ONCE", 1)
        assert frequencies_of(labels_of(y)) == expected
    # Interleaved rows are the same series.
    mixed = y.iloc[np.argsort(np.concatenate([np.arange(len(index)) for index in indexes.values()]), kind="stable")]
    assert frequencies_of(labels_of(mixed)) == expected


@pytest.mark.parametrize(
    "index",
    [
        pd.date_range("2024-01-01 09:30", periods=9, freq="2MS"),
        pd.date_range("2024-01-01", periods=9, freq="QE"),
        pd.date_range("2024-03-25 12:00", periods=9, freq="D", tz="Europe/Berlin"),  # the clocks change
        pd.date_range("2024-03-31", periods=9, freq="h", tz="Europe/Berlin"),
        pd.date_range("2024-03-04", periods=9, freq="2W-MON", tz="America/New_York"),
        pd.date_range("2024-01-01", periods=9, freq="3B"),
        pd.date_range("2024-01-01", periods=9, freq="WOM-3FRI"),
        pd.date_range("2024-01-01 14:00", periods=9, freq="bh"),
        pd.date_range("2024-01-15", periods=9, freq=pd.DateOffset(months=1)),
        pd.date_range("2024-07-01", periods=9, freq=pd.offsets.CustomBusinessDay(holidays=["2024-07-04"])),
        pd.date_range("2024-01-01", periods=9, freq="36h").as_unit("s"),
        pd.timedelta_range("1D", periods=9, freq="2D"),
        pd.period_range("2024-01-01", periods=9, freq="W"),
        pd.RangeIndex(3, 30, 3),
    ],
)
def test_each_time_lies_one_period_after_the_one_before(index):
    frequency = frequency_of(index[:6])
    codes = np.zeros(6, dtype=int)
    numbers, later = periods_of(index[:6], codes, index[6:], codes[:3], (frequency,))
    assert_array_equal(numbers, range(6))
    assert_array_equal(later, [6, 7, 8])
    assert_array_equal(periods_of(index[:6], codes, index[7:], np.array([0, -1]), (frequency,))[1], [7, np.nan])
    forecaster = fitted(series(index[:6]))
    assert forecaster.forecast(3).index.tolist() == index[6:].tolist()
    assert_allclose(forecaster.predict(pd.DataFrame(index=index[6:])), [6, 7, 8])
    with pytest.raises(ValueError, match="does not continue the series"):
        forecaster.predict(pd.DataFrame(index=index[7:]))


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["D", "B", "3D", "h", "7h", "W-WED", "MS", "2MS", "QE", "WOM-3FRI", "YS-JUL"]),
            st.integers(0, 20_000),  # hours
            st.integers(6, 12),
        ),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from([None, "Europe/Berlin"]),
)
def test_what_is_forecast_for_a_panel_follows_it(kinds, zone):
    dates = []
    for frequency, hours, n_rows in kinds:
        index = pd.date_range(DAYS[0] + pd.Timedelta(hours, unit="h"), periods=n_rows + 2, freq=frequency)
        if frequency.endswith("h"):
            dates.append(index if zone is None else index.tz_localize("UTC").tz_convert(zone))
        else:
            dates.append(index.normalize().tz_localize(zone))
    names = "abc"[: len(dates)]
    y = panel(**{name: index[:-2] for name, index in zip(names, dates, strict=True)})
    coming = panel(**{name: index[-2:] for name, index in zip(names, dates, strict=True)}).index
    forecaster = fitted(y, "shop")
    forecast = forecaster.forecast(2)
    assert forecast.index.tolist() == coming.tolist()
    assert_allclose(forecaster.predict(pd.DataFrame(index=coming)), forecast)
    windows = windows_after(y, coming, groups="shop")
    assert not np.isnan(windows).any()


@pytest.mark.parametrize("frequency", ["MS", "B", "QE", "D", "h"])
def test_a_series_of_one_row(frequency):
    dates = pd.date_range("2020-01-01", periods=26, freq=frequency)
    y = panel(a=dates[:24], b=dates[23:24])
    rows = pd.DataFrame({"v": -1.0}, pd.MultiIndex.from_product([["a", "b"], dates[24:25]], names=["shop", "day"]))
    windower = SequenceWindower(3, groups="shop").fit(y.to_frame())
    assert_array_equal(windower.transform(rows)[:, :, 0], [[22, 23, -1], [np.nan, 0, -1]])
    served = SequenceWindower(3, groups="shop").fit(y.loc[["a"]].to_frame()).partial_fit(y.loc[["b"]].to_frame())
    assert_array_equal(served.transform(rows[:1])[:, :, 0], [[22, 23, -1]])
    # Of what is remembered one row is left of each series, and one of them gets none.
    both = panel(a=dates[:24], b=dates[:24])
    served = SequenceWindower(2, groups="shop").fit(both.to_frame())
    served.partial_fit(panel(a=dates[:26])[24:].to_frame())
    after = days_of(a=[dates[-1] + dates.freq], b=[dates[24]])
    windows = served.transform(pd.DataFrame({"v": -1.0}, index=after))
    assert_array_equal(windows[:, :, 0], [[25, -1], [46, -1]])


def test_a_short_series_does_not_make_business_days_of_trading_days():
    prices = _prices().loc["2014":"2016-11-23"].index  # up to the day before Thanksgiving
    y = panel(a=prices, b=pd.bdate_range("2016-11-01", periods=12))
    forecaster = fitted(y, "shop")
    assert_allclose(forecaster.predict(pd.DataFrame(index=days_of(a=["2016-11-25"]))), [len(prices)])
    assert forecaster.forecast(1).index.tolist() == [("a", 1), ("b", 1)]


MISSING_A_DAY = DAYS.delete(19)
MISSING_A_YEAR = np.delete(np.arange(1990, 2030), 10)


@pytest.mark.parametrize(
    ("index", "after"),
    [
        (MISSING_A_DAY, DAYS + pd.Timedelta("40D")),
        (MISSING_A_DAY.to_period("D"), (DAYS + pd.Timedelta("40D")).to_period("D")),
        (pd.Index(MISSING_A_YEAR), pd.RangeIndex(2030, 2070)),
        (pd.Index(MISSING_A_YEAR * 3600), pd.RangeIndex(2030 * 3600, 2070 * 3600, 3600)),
    ],
)
def test_a_hole_does_not_hide_what_comes_next(index, after):
    y = series(index)
    forecaster = fitted(y)
    expected = forecaster.predict(np.empty((3, 0)))
    assert_allclose(forecaster.predict(pd.DataFrame(index=after[:3])), expected)
    assert forecaster.forecast(3).index.tolist() == after[:3].tolist()
    for skipping in (after[3:6], after[::4]):
        with pytest.raises(ValueError, match="does not continue the series"):
            forecaster.predict(pd.DataFrame(index=skipping))
    assert_array_equal(windows_after(y, after[:1]), [[37, 38, -1]])
    assert_array_equal(windows_after(y, after[1:2]), [[np.nan, np.nan, -1]])
    end = 11 if index.dtype == int else 20  # one row after the hole
    assert_array_equal(windows_after(y[:end], index[end : end + 1]), [[np.nan, end - 1, -1]])


@pytest.mark.parametrize("index", [WEEKDAYS.delete(7), WEEKDAYS.delete(7).to_period("D"), HALF_HOURS])
def test_the_windower_says_where_days_without_rows_leave_the_next_one_open(index):
    with pytest.warns(UserWarning, match="The index of X does not tell whether"):
        windows = windows_after(series(index[:20]), index[20:21])
    assert_array_equal(windows, [[np.nan, np.nan, -1]])


def test_numbers_of_a_frame_that_rows_were_dropped_from_are_placed_unless_too_far():
    forecaster = fitted(series(np.delete(np.arange(40), 10)))
    assert_allclose(forecaster.predict(pd.DataFrame(index=[40, 42])), forecaster.predict(np.empty((2, 0))))
    message = r"Row 0 of X \(90\) cannot be located .* 51, is more .* fitted rows, 2\. Add the missing rows"
    with pytest.raises(ValueError, match=message):
        forecaster.predict(pd.DataFrame(index=[90]))
    drawn = fitted(series(pd.Index([0, 3, 4, 9, 15, 16, 18])))  # at no usual distance
    assert_allclose(drawn.predict(pd.DataFrame(index=[90])), [7])


def test_years_of_series_that_do_not_overlap():
    y = panel(a=pd.RangeIndex(1800, 1820), b=pd.RangeIndex(2000, 2020))
    forecaster = fitted(y, "shop")
    assert forecaster.forecast(1).index.tolist() == [("a", 1820), ("b", 2020)]
    index = pd.MultiIndex.from_tuples([("a", 1900)], names=["shop", "day"])
    with pytest.raises(ValueError, match=r"Row 0 of X \(1900\) does not continue the series"):
        forecaster.predict(pd.DataFrame(index=index))


@pytest.mark.parametrize("index", [np.arange(60) // 2, np.arange(60) % 7 // 2, [f"row {i % 7}" for i in range(60)]])
def test_labels_that_repeat_count_for_nothing_in_a_backtest(index):
    y = np.random.default_rng(0).normal(size=60)
    model = SequenceForecaster(LinearRegression(), window=2)
    table = backtest(model, None, pd.Series(y, index), initial_window=41, steps=3)
    plain = backtest(model, None, y, initial_window=41, steps=3)
    assert_allclose(table["y_pred"], plain["y_pred"])
    assert table["origin"].tolist() == np.asarray(index)[plain["origin"]].tolist()


# Times of the day that do not exist


@pytest.mark.parametrize(
    "zone", ["America/Santiago", "Africa/Cairo"]
)  # there days begin at 1:00 on 8 September, 26 April
def test_a_midnight_that_does_not_exist(zone):
    change = pd.Timestamp("2024-09-08" if zone == "America/Santiago" else "2024-04-26")
    wall = pd.date_range(change - pd.Timedelta("14D"), periods=25)
    dates = wall.tz_localize(zone, nonexistent="shift_forward")
    assert dates[14].hour == 1
    y = series(dates)
    for n_rows in (10, 14, 15, 16, 20):  # before it, up to it, after it
        forecaster = fitted(y[:n_rows])
        assert forecaster.forecast(5).index.tolist() == dates[n_rows : n_rows + 5].tolist()
        assert_allclose(forecaster.predict(y[n_rows:].to_frame()[[]]), y[n_rows:])
        with pytest.raises(ValueError, match="does not continue the series"):
            forecaster.predict(y[n_rows + 1 :].to_frame()[[]])
        forecaster.update(None, y[n_rows : n_rows + 5].to_numpy())
        assert_allclose(forecaster.predict(y[n_rows + 5 :].to_frame()[[]]), y[n_rows + 5 :])
        assert_array_equal(windows_after(y[:n_rows], dates[n_rows : n_rows + 1]), [[n_rows - 2, n_rows - 1, -1]])
    assert_allclose(fitted(y[14:18]).predict(y[18:].to_frame()[[]]), y[18:])
    hourly = pd.date_range(dates[10], periods=24 * 5, freq="h")
    assert fitted(series(hourly[:96])).forecast(24).index.tolist() == hourly[96:].tolist()


def test_a_time_of_the_day_that_comes_twice():
    dates = pd.date_range("2024-10-20 02:30", periods=12, freq="D").tz_localize(
        "Europe/Berlin", ambiguous=np.ones(12, dtype=bool)
    )  # twice on 27 October
    forecaster = fitted(series(dates[:6]))
    assert forecaster.forecast(6).index.tolist() == dates[6:].tolist()
    second = dates[6:8].tz_localize(None).tz_localize("Europe/Berlin", ambiguous=np.zeros(2, dtype=bool))
    assert second[1] - dates[7] == pd.Timedelta("1h")
    for coming in (dates[6:8], second):
        assert_allclose(forecaster.predict(pd.DataFrame(index=coming)), [6, 7])


def test_a_panel_in_which_one_series_has_no_frequency_counts_its_steps():
    y = panel(a=DAYS, b=DAYS[[0, 1, 4, 9, 11, 20]])
    forecast = fitted(y, "shop").forecast(2)
    assert forecast.index.tolist() == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]


# Timestamps of pyarrow


@pytest.mark.parametrize("dtype", ["timestamp[ns][pyarrow]", "timestamp[s][pyarrow]", "date32[pyarrow]"])
def test_timestamps_of_pyarrow_are_dates(dtype):
    index = DAYS.astype(dtype)
    y = series(index)
    forecaster = fitted(y[:30])
    pd.testing.assert_index_equal(forecaster.forecast(2).index, DAYS[30:32], exact=False, check_exact=False)
    assert_allclose(forecaster.predict(y.to_frame()[[]][30:33]), [30, 31, 32])
    assert_allclose(forecaster.predict(y.to_frame()[[]][28:31]), [28, 29, 30])
    with pytest.raises(ValueError, match="does not continue the series"):
        forecaster.predict(y.to_frame()[[]][33:])
    assert forecaster.update(None, y[30:31]).forecast(1).index[0] == DAYS[31]
    table = backtest(
        SequenceForecaster(LinearRegression(), window=2), None, y, initial_window=30, steps=2, step_length=4
    )
    assert_allclose(table["y_pred"], table["y_true"])

    mixed = SequenceForecaster(LinearRegression(), window=2).fit(pd.DataFrame({"x": 0.0}, DAYS), y)
    assert_allclose(mixed.predict(pd.DataFrame({"x": 0.0}, DAYS[-1:] + pd.Timedelta("1D"))), [40])
    with pytest.raises(ValueError, match="X and y have different indexes"):
        mixed.fit(pd.DataFrame({"x": 0.0}, DAYS + pd.Timedelta("1D")), y)

    assert_array_equal(windows_after(y[:30], index[30:31]), [[28, 29, -1]])
    assert_array_equal(windows_after(y[:30], index[31:32]), [[np.nan, np.nan, -1]])
    windows = np.asarray(sliding_windows(y.to_frame()[::3], 2, max_gap="2D", ends=index[[0, 4]]))
    assert_array_equal(windows[:, :, 0], [[np.nan, 0], [np.nan, 3]])
    X, target, latest = make_supervised(y, None)
    assert target.loc[X.index[3]] == 4 and latest.index[0] == index[-1]
    with pytest.raises(ValueError, match=r"row 1 .* does not come after row 0"):
        make_supervised(y[::-1], None)

    rows = pd.concat({"a": y[:9], "b": y[:9]}, names=["shop", "day"])
    folds = list(PanelTimeSeriesSplit(2, test_size=3).split(rows))
    expected = list(PanelTimeSeriesSplit(2, test_size=3).split(panel(a=DAYS[:9], b=DAYS[:9])))
    for fold, wanted in zip(folds, expected, strict=True):
        assert_array_equal(fold[0], wanted[0])
        assert_array_equal(fold[1], wanted[1])
    forecast = fitted(rows, "shop").forecast(1)
    assert forecast.index.tolist() == [("a", DAYS[9]), ("b", DAYS[9])]
    assert_allclose(forecast, [9, 9])


def test_a_missing_timestamp_of_pyarrow_is_named():
    index = DAYS[:4].insert(2, pd.NaT).astype("timestamp[ns][pyarrow]")
    with pytest.raises(ValueError, match="The time of row 2 of X is missing"):
        SequenceWindower(2).fit(series(index).to_frame())
    with pytest.raises(ValueError, match=r"row 2 .* does not come after row 1"):
        make_supervised(series(index), None)


# A panel without groups


def fit_windower(frame):
    SequenceWindower(3).fit(frame)


def fit_forecaster(frame):
    SequenceForecaster(LinearRegression(), window=2).fit(frame[[]], frame["v"])


def fit_forecaster_without_covariates(frame):
    SequenceForecaster(LinearRegression(), window=2).fit(None, frame["v"])


def fit_forecaster_on_an_array_of_covariates(frame):
    SequenceForecaster(LinearRegression(), window=2).fit(np.zeros((len(frame), 1)), frame["v"])


def cut(frame):
    sliding_windows(frame, 3)


def pair(frame):
    make_supervised(frame, "v")


FITS = [
    fit_windower,
    fit_forecaster,
    fit_forecaster_without_covariates,
    fit_forecaster_on_an_array_of_covariates,
    cut,
    pair,
]
TWO_SHOPS = panel(a=DAYS, b=DAYS).to_frame()


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("frame", [TWO_SHOPS, TWO_SHOPS.swaplevel().sort_index(), TWO_SHOPS.swaplevel()])
def test_a_panel_without_groups_is_said_once(fit, frame):
    with pytest.warns(
        UserWarning, match=r"treats all rows as one series, but .* contains 2 series in level 'shop'\. P"
    ):
        fit(frame)
    with pytest.warns(UserWarning) as caught:
        fit(frame)
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize(
    ("index", "level"),
    [
        (pd.MultiIndex.from_product([["a", "b"], range(5)]), "0"),
        (pd.MultiIndex.from_product([[7, 8], DAYS[:5]], names=["shop", None]), "'shop'"),
        (pd.MultiIndex.from_product([["a", "b"], MONTHS[:5]]), "0"),
        (pd.MultiIndex.from_product([["n", "s"], ["a", "b", "c"], DAYS[:5]], names=["side", "shop", "day"]), "'shop'"),
        (pd.MultiIndex.from_product([["a", "b"], DAYS[:5].astype("timestamp[ns][pyarrow]")]), "0"),
    ],
)
def test_the_level_that_would_be_groups_is_named(index, level):
    with pytest.warns(UserWarning, match=f"series in level {level}. Pass groups={level};"):
        SequenceWindower(3).fit(series(index).to_frame())


@pytest.mark.parametrize(
    "index",
    [
        pd.MultiIndex.from_product([["a"], DAYS]),  # one series
        pd.MultiIndex.from_product([[2024, 2025], ["Jan", "Feb", "Mar"]]),  # no level is known to be time
        pd.MultiIndex.from_product([[2024, 2025], range(12)]),
        pd.MultiIndex.from_arrays([DAYS.month, DAYS]),  # parts of one series
        pd.MultiIndex.from_arrays([["train"] * 30 + ["test"] * 10, DAYS]),
        pd.MultiIndex.from_arrays([[f"order {day:%d}" for day in DAYS[:20]], DAYS[:20]]),  # a name for each row
        pd.MultiIndex.from_product([["a", "b"], ["u", "v"]]),
    ],
)
@pytest.mark.parametrize("fit", FITS)
def test_other_indexes_of_several_levels_are_taken_as_they_are(fit, index):
    fit(series(index).to_frame())  # warnings are errors


def test_what_says_which_series_rows_are_of_warns_of_nothing():
    windower = SequenceWindower(3, groups="shop").fit(TWO_SHOPS)
    windower.transform(TWO_SHOPS)
    sliding_windows(TWO_SHOPS, 3, groups="shop")
    SequenceForecaster(LinearRegression(), window=2, groups="shop").fit(TWO_SHOPS[[]], TWO_SHOPS["v"])
    SequenceWindower(1).fit(TWO_SHOPS)  # of one row, which reaches nowhere
    with pytest.warns(UserWarning, match="contains 2 series"):
        windower = SequenceWindower(3).fit(TWO_SHOPS)
    windower.set_params(context=None).transform(TWO_SHOPS)


# Repeated times

TWICE = DAYS[[0, 1, 1, 2, 3, 4]]


@pytest.mark.parametrize("index", [TWICE, TWICE.to_period("D"), TWICE - DAYS[0], pd.Index([0.0, 1, 1, 2, 3, 4])])
@pytest.mark.parametrize("fit", FITS)
def test_repeated_times_are_an_error(fit, index):
    message = r"must increase, but row 2 \(.*\) repeats the time of row 1\.(?=.* Keep one row per time)(?=.* [pP]ass )"
    with pytest.raises(ValueError, match=message):
        fit(series(index).to_frame())


def test_repeated_times_are_an_error_wherever_rows_are_read():
    y = series(DAYS)
    twice = y.iloc[[30, 30]]
    windower, forecaster = SequenceWindower(3).fit(y[:30].to_frame()), fitted(y[:30])
    message = r"row 1 \(2024-01-31 00:00:00\) repeats the time of row 0.*reset_index\(drop=True\)"
    for refuses in (
        lambda: windower.transform(twice.to_frame()),
        lambda: windower.partial_fit(twice.to_frame()),
        lambda: forecaster.predict(twice.to_frame()[[]]),
        lambda: forecaster.update(None, twice),
        lambda: make_supervised(twice, None),
    ):
        with pytest.raises(ValueError, match=message):
            refuses()
    with pytest.raises(ValueError, match="repeats the time of row 9"):
        backtest(
            SequenceForecaster(LinearRegression(), window=2),
            None,
            y.iloc[[*range(10), 9, 10]],
            initial_window=11,
            steps=1,
        )
    shops = pd.concat([TWO_SHOPS, TWO_SHOPS.iloc[-1:]])
    with pytest.raises(ValueError, match=r"must increase in series 'b', but row 80 .* repeats the time of row 79"):
        SequenceWindower(3, groups="shop").fit(shops)
    SequenceWindower(3, groups="shop").fit(TWO_SHOPS)  # two series may share their times


@pytest.mark.parametrize("rows", [[0, 0, 1, 3], [3, 0, 0, 1], [5, 2, 1, 0]])
def test_whole_numbers_may_count_rows_that_were_drawn(rows):
    frame = pd.DataFrame({"v": np.arange(9.0)}).iloc[rows]
    windows = SequenceWindower(2).fit_transform(frame)
    assert_array_equal(windows[1:, :, 0], np.column_stack([rows[:-1], rows[1:]]))
    assert_array_equal(np.asarray(sliding_windows(frame, 2))[1:, :, 0], windows[1:, :, 0])
    assert fitted(frame["v"]).forecast(1).shape == (1,)


# Holes


def _prices():
    return sp500.load()["Adj Close"]


def _ticks():
    seconds = np.random.default_rng(0).exponential(size=2000).cumsum()
    return pd.Timestamp("2024-01-01") + pd.to_timedelta(np.concatenate([seconds, seconds + 1e5]), unit="s")


def _sessions(n_days=10):
    """Bars of five minutes, from 9:30 to 16:00 on business days: the nights are no holes."""
    days = pd.bdate_range("2024-01-04", periods=n_days)
    return days[:1].append([pd.date_range(day + pd.Timedelta("9.5h"), periods=78, freq="5min") for day in days])[1:]


HOLE = DAYS.append(DAYS + pd.Timedelta("60D"))


@pytest.mark.parametrize("fit", FITS)
def test_a_hole_is_said_once(fit):
    message = (
        r": rows are missing between 2024-02-09 00:00:00 \(row 39\) and 2024-03-01 00:00:00 \(row 40\); the "
        "usual distance between rows is 1 days 00:00:00"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        fit(series(HOLE).to_frame())
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize(
    ("index", "missing"),
    [
        (HOLE.as_unit("s"), "2024-02-09 00:00:00"),
        (HOLE.tz_localize("Europe/Berlin"), r"2024-02-09 00:00:00\+01:00"),
        (HOLE.to_period("D"), "2024-02-09"),
        (HOLE - HOLE[0], "39 days 00:00:00"),
        (pd.Index((HOLE - HOLE[0]).days * 0.5), "19.5"),
        (HOLE[HOLE.day_of_week < 5], "2024-02-09 00:00:00"),
        (_sessions(3).delete(range(100, 130)), "2024-01-05 11:15:00"),  # within a session
        (_sessions(3)[_sessions(3).day != 5], "2024-01-04 15:55:00"),  # of a whole session
        # Bars of five minutes at all times of the day, without a night of them.
        (pd.date_range("2024-01-01", periods=600, freq="5min").delete(range(220, 390)), "2024-01-01 18:15:00"),
        (HOLE.astype("timestamp[ns][pyarrow]"), "2024-02-09 00:00:00"),
    ],
)
def test_holes_in_times_of_every_kind(index, missing):
    with pytest.warns(UserWarning, match=f"rows are missing between {missing} "):
        SequenceWindower(3).fit(series(index).to_frame())


def test_a_hole_in_one_series_of_a_panel():
    y = panel(a=DAYS, b=HOLE, c=DAYS[::7])
    message = r"rows of series 'b' are missing between 2024-02-09 00:00:00 \(row 79\) and"
    with pytest.warns(UserWarning, match=message):
        SequenceWindower(3, groups="shop").fit(y.to_frame())
    with pytest.warns(UserWarning, match=message):
        fitted(y, "shop")


@pytest.mark.parametrize(
    "index",
    [
        _prices().index,
        _sessions(),
        _sessions(2),
        _sessions(3),  # over a weekend
        _sessions(5).tz_localize("America/New_York"),
        _sessions(4).to_period("5min"),
        pd.bdate_range("2024-01-01", periods=60).delete(range(20, 29)),  # two weeks without trading
        pd.date_range(
            "2024-01-01", periods=60, freq=pd.offsets.CustomBusinessDay(weekmask="Sun Mon Tue Wed Thu")
        ).delete(range(20, 29)),
        pd.date_range("2020-01-31", periods=40, freq="ME"),
        pd.date_range("2020-01-31", periods=40, freq="BQE"),
        pd.date_range("2024-03-20", periods=20, tz="Europe/Berlin"),
        pd.date_range("2024-03-30", periods=72, freq="h", tz="Europe/Berlin"),
        pd.date_range("2024-01-01 09:00", periods=72, freq="bh"),
        pd.date_range("2024-01-01", periods=40, freq=pd.offsets.CustomBusinessDay(weekmask="Mon")),
        DAYS.delete(range(5, 14)),  # ten days apart: no more than ten times one day
        DAYS[[0, 1, 2, 30]],  # too few to have a distance
        _ticks(),
        pd.Index([*range(40), *range(100, 140)]),  # of a frame of which rows were dropped
    ],
)
@pytest.mark.parametrize("fit", FITS)
def test_no_hole_where_distances_differ_by_nature(fit, index):
    fit(series(index).to_frame())  # warnings are errors


def test_a_frequency_or_a_largest_gap_silences_the_warning():
    frame = series(HOLE).to_frame()
    sliding_windows(frame, 3, max_gap="1D")
    SequenceWindower(3, max_gap="30D").fit(frame)
    SequenceWindower(3).fit(frame.asfreq("D").ffill())
    SequenceWindower(1).fit(frame)


def test_a_fold_has_holes_by_nature():
    X = pd.DataFrame({"v": np.arange(240.0)}, index=pd.date_range("2024-01-01", periods=240))
    y = X["v"]
    model = SequenceWindowerThenLine()
    search = GridSearchCV(model, {"window": [2, 3]}, cv=KFold(4))
    assert np.isfinite(cross_val_score(model, X, y, cv=KFold(4), scoring="r2")).all()
    search.fit(X, y)  # the refit on all rows has none
    with pytest.warns(UserWarning, match="rows are missing between") as caught:
        search.fit(X.drop(X.index[100:130]), y.drop(X.index[100:130]))
    assert len(caught) == 1  # of the refit


def test_the_folds_of_compare_cells_have_holes_by_nature():
    windower, _ = _timed_fit(SequenceWindower(3), series(HOLE).to_frame(), None)
    assert windower.n_features_in_ == 1


class SequenceWindowerThenLine(LinearRegression):
    """A regressor that cuts its own windows."""

    def __init__(self, window=2):
        super().__init__()
        self.window = window

    def fit(self, X, y):
        windower = SequenceWindower(self.window, flatten=True, context=None)
        self.windower_ = windower.fit(X)
        return super().fit(windower.transform(X), y)

    def predict(self, X):
        return super().predict(self.windower_.transform(X))


# Dates that cannot be located


def test_a_date_that_an_irregular_index_cannot_place_is_an_error():
    irregular = DAYS[[0, 1, 2, 5, 6, 8, 9, 10]]
    forecaster = fitted(series(irregular))
    after = irregular[-1] + pd.to_timedelta([3, 4, 10], unit="D")
    assert_allclose(forecaster.predict(pd.DataFrame(index=after)), [8, 9, 10])
    late = irregular[-1] + pd.to_timedelta([7], unit="D")
    message = (
        r"Row 0 of X \(2024-01-18 00:00:00\) cannot be located after the series, which ends at 2024-01-11 "
        r"00:00:00: .* 7 days 00:00:00, is more than 2 times .* 3 days 00:00:00\. .*asfreq.*forecast\(steps\)"
    )
    with pytest.raises(ValueError, match=message):
        forecaster.predict(pd.DataFrame(index=late))
    with pytest.raises(ValueError, match=r"Row 1 of X \(2024-01-21 00:00:00\) cannot be located"):
        forecaster.predict(pd.DataFrame(index=after[:1].append(late + pd.Timedelta("3D"))))
    with pytest.raises(ValueError, match="cannot be located"):
        forecaster.update(None, series(late))
    assert_allclose(forecaster.predict(np.empty((2, 0))), [8, 9])
    assert forecaster.forecast(2).index.tolist() == [1, 2]


def test_a_series_of_a_panel_cannot_place_a_date_either():
    y = panel(a=DAYS, b=DAYS[[0, 1, 4, 9, 11, 20]])
    forecaster = fitted(y, "shop")
    coming = days_of(a=["2024-02-10"], b=["2024-01-25", "2024-02-20"])
    with pytest.raises(ValueError, match=r"Row 2 of X \(2024-02-20 00:00:00\) cannot be located"):
        forecaster.predict(pd.DataFrame(index=coming))
    assert_allclose(forecaster.predict(pd.DataFrame(index=coming[:2])), [40, 12])


@pytest.mark.parametrize("kind", ["dates", "periods"])
def test_daily_prices_are_cross_validated_and_tested_back(kind):
    prices = _prices()[:1200]
    prices = prices if kind == "dates" else prices.to_period("D")
    assert frequencies_of(labels_of(prices, None)) == (None,)
    model = SequenceForecaster(LinearRegression(), window=3)
    X = pd.DataFrame(index=prices.index)
    scores = cross_val_score(model, X, prices, cv=TimeSeriesSplit(5), scoring="neg_mean_absolute_percentage_error")
    assert scores.shape == (5,) and (scores > -0.3).all()
    table = backtest(model, None, prices, initial_window=600, steps=20, step_length=20)
    assert len(table) == 600
    plain = backtest(model, None, prices.to_numpy(), initial_window=600, steps=20, step_length=20)
    assert_allclose(table["y_pred"], plain["y_pred"])
