import datetime
import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.model_selection import train_test_split

from skrnn import SequenceWindower, sliding_windows
from skrnn._data.sequences import Sequences

DAYS = pd.date_range("2024-01-01", periods=6, freq="D")
HOURS = pd.date_range("2024-01-01", periods=72, freq="h")


def loop_windows(rows, window, *, series=None, times=None, dilation=1, padding="mask", max_gap=None):
    """The definition: walk back from each row over the rows of its series, no further than a gap."""
    rows = np.asarray(rows, dtype=float)
    windows = np.empty((len(rows), window, rows.shape[1]))
    for row in range(len(rows)):
        reached = [row]
        for earlier in range(row - 1, -1, -1):
            if series is not None and series[earlier] != series[row]:
                continue
            if max_gap is not None and times[reached[-1]] - times[earlier] > max_gap:
                break
            reached.append(earlier)
        for step in range(window):
            back = (window - 1 - step) * dilation
            if back < len(reached):
                windows[row, step] = rows[reached[back]]
            else:
                windows[row, step] = {"mask": np.nan, "zeros": 0.0, "edge": rows[reached[-1]]}[padding]
    return windows


def numbered(index):
    """A frame whose rows hold their own number."""
    return pd.DataFrame({"row": np.arange(len(index), dtype=float)}, index=index)


@st.composite
def panels(draw):
    """Interleaved series of unequal length: the name and the time of each row."""
    names = draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=25))
    steps = draw(st.lists(st.integers(1, 4), min_size=len(names), max_size=len(names)))
    now, times = {}, []
    for name, step in zip(names, steps, strict=True):
        now[name] = now.get(name, 0) + step
        times.append(now[name])
    return names, np.array(times)


@settings(deadline=None, max_examples=100)
@given(
    panels(),
    st.integers(1, 6),
    st.integers(1, 3),
    st.sampled_from(["mask", "edge", "zeros"]),
    st.sampled_from([None, 1, 2, 3]),
    st.sampled_from(["int", "float", "date", "period"]),
)
def test_windows_of_a_panel_equal_a_plain_loop(panel, window, dilation, padding, max_gap, kind):
    names, times = panel
    index = {
        "int": pd.Index(times),
        "float": pd.Index(times * 1.0),
        "date": DAYS[0] + pd.to_timedelta(times, unit="D"),
        "period": pd.PeriodIndex.from_ordinals(times, freq="D"),
    }[kind]
    rows = np.column_stack([np.arange(len(names)), np.arange(len(names)) ** 2.0])
    frame = pd.DataFrame(rows, columns=["u", "v"], index=index).assign(shop=names)
    params = {"dilation": dilation, "padding": padding, "groups": "shop"}
    params["max_gap"] = pd.Timedelta(max_gap, unit="D") if kind == "date" and max_gap else max_gap
    expected = loop_windows(
        rows, window, series=names, times=times, dilation=dilation, padding=padding, max_gap=max_gap
    )

    windows = sliding_windows(frame, window, **params)
    assert isinstance(windows, Sequences)
    assert_array_equal(windows, expected)
    windower = SequenceWindower(window, **params)
    assert_array_equal(windower.fit_transform(frame), expected)
    flat = windower.set_params(flatten=True).fit_transform(frame)
    assert_array_equal(flat, expected.reshape(len(names), window * 2))

    # Interleaved or sorted, each row gets the same window.
    order = np.argsort(names, kind="stable")
    assert_array_equal(sliding_windows(frame.iloc[order], window, **params), expected[order])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=25), st.integers(1, 6), st.integers(1, 3), st.integers(1, 3))
def test_windows_of_one_series_bridge_no_gap(steps, window, dilation, max_gap):
    times = np.cumsum(steps)
    frame = numbered(times)
    expected = loop_windows(frame, window, times=times, dilation=dilation, max_gap=max_gap)
    assert_array_equal(sliding_windows(frame, window, dilation=dilation, max_gap=max_gap), expected)
    assert_array_equal(SequenceWindower(window, dilation=dilation, max_gap=max_gap).fit_transform(frame), expected)


@pytest.mark.parametrize("padding", [None, "mask", "edge", "zeros"])
@pytest.mark.parametrize("window", [1, 4, 20])
def test_windows_of_one_series_equal_a_plain_loop(window, padding):
    rows = np.random.default_rng(0).normal(size=(13, 3))
    expected = loop_windows(rows, window, dilation=2, padding=padding or "mask")
    for X in (rows, rows.tolist(), pd.DataFrame(rows)):
        assert_array_equal(sliding_windows(X, window, dilation=2, padding=padding), expected)


def test_flattened_windows_are_padded_with_the_first_row_of_their_run():
    frame = numbered([0, 1, 5, 6]).assign(shop=1)
    flat = SequenceWindower(3, groups="shop", max_gap=1, flatten=True).set_output(transform="pandas")
    expected = pd.DataFrame(
        [[0, 0, 0], [0, 0, 1], [2, 2, 2], [2, 2, 3]],
        columns=["row_lag2", "row_lag1", "row_lag0"],
        index=frame.index,
        dtype=float,
    )
    pd.testing.assert_frame_equal(flat.fit_transform(frame), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_dtype_of_the_rows(dtype):
    rows = np.arange(6, dtype=dtype)[:, None]
    expected = np.float32 if dtype == np.float32 else np.float64
    windows = sliding_windows(rows, 2)
    assert windows.dtype == np.asarray(windows).dtype == expected
    assert sliding_windows(rows, 2, padding="zeros").dtype == expected


# What names a series

NAMES, FEATURES = list("babacbacbb"), np.random.default_rng(1).normal(size=(10, 2))
NUMBERS = [{"a": 3, "b": 7, "c": -1}[name] for name in NAMES]
FRAME = pd.DataFrame(FEATURES, columns=["u", "v"])
GROUPS = {
    "str column": (FRAME.assign(shop=NAMES), "shop"),
    "int column": (pd.DataFrame(FEATURES, columns=[4, 5]).assign(**{"x": NUMBERS}).rename(columns={"x": 7}), 7),
    "categories": (FRAME.assign(shop=pd.Categorical(NAMES, categories=list("dcba"))), "shop"),
    "named level": (FRAME.set_index(pd.MultiIndex.from_arrays([range(10), NAMES], names=["time", "shop"])), "shop"),
    "numbered level": (FRAME.set_index(pd.MultiIndex.from_arrays([range(10), NUMBERS])), 1),
    "negative level": (FRAME.set_index(pd.MultiIndex.from_arrays([range(10), NUMBERS])), -1),
    "index": (FRAME.set_index(pd.Index(NAMES, name="shop")), "shop"),
    "first array column": (np.column_stack([NUMBERS, FEATURES]), 0),
    "last array column": (np.column_stack([FEATURES, NUMBERS]), -1),
    "array of objects": (np.column_stack([FEATURES.astype(object), np.array(NAMES, dtype=object)]), 2),
    "lists": (np.column_stack([NUMBERS, FEATURES]).tolist(), 0),
}


@pytest.mark.parametrize("kind", GROUPS)
def test_the_groups_are_no_feature(kind):
    X, groups = GROUPS[kind]
    expected = loop_windows(FEATURES, 3, series=NAMES)
    assert_array_equal(sliding_windows(X, 3, groups=groups), expected)
    windower = SequenceWindower(3, groups=groups)
    assert_array_equal(windower.fit_transform(X), expected)
    assert windower.n_features_in_ == 2
    if isinstance(X, pd.DataFrame) and kind != "int column":
        assert_array_equal(windower.feature_names_in_, ["u", "v"])
    else:
        assert not hasattr(windower, "feature_names_in_")


def test_a_row_number_is_a_time_for_each_series():
    # As pd.concat leaves it: every series counts from zero.
    frame = pd.concat([numbered(range(4)), numbered(range(3))]).assign(shop=list("aaaabbb"))
    windows = sliding_windows(frame, 2, groups="shop", max_gap=1)
    assert_array_equal(windows, loop_windows(frame[["row"]], 2, series=frame["shop"].to_numpy()))
    with pytest.raises(ValueError, match=r"The times of X must increase, but row 4 \(0\) is earlier than row 3 \(3\)"):
        sliding_windows(frame.drop(columns="shop"), 2, max_gap=1)


BACKWARDS = numbered(DAYS[[0, 0, 2, 1]]).assign(shop=[5, 8, 5, 5])
TWO_LEVELS = pd.MultiIndex.from_arrays([["a", "a", "b"], DAYS[[0, 1, 0]]], names=["shop", "day"])


@pytest.mark.parametrize(
    ("X", "params", "message"),
    [
        (
            BACKWARDS,
            {"groups": "shop"},
            r"increase in series 5, but row 3 \(2024-01-02 00:00:00\) is earlier than row 2 \(2024-",
        ),
        (
            numbered(DAYS[::-1]),
            {},
            r"must increase, but row 1 \(2024-01-05 .* Sort X, and y alike, by time: X.sort_index\(\)",
        ),
        (numbered(DAYS).assign(shop=["a", "b", None, "a", "a", "a"]), {"groups": "shop"}, "a missing value in row 2"),
        (np.array([[1.0, 2], [np.nan, 2]]), {"groups": 0}, "groups=0 contains a missing value in row 1"),
        (numbered(DAYS[:2].append(pd.DatetimeIndex([pd.NaT]))), {}, "The time of row 2 of X is missing"),
        (numbered([0.0, np.nan]), {"max_gap": 1}, "The time of row 1 of X is missing"),
        (numbered(DAYS), {"groups": "shop"}, "groups='shop' is neither a column .* nor a level .* Choose from 'row'"),
        (numbered(TWO_LEVELS), {"groups": 2}, "groups=2 is neither a column .* Choose from 'row', 'shop', 'day'"),
        (numbered(TWO_LEVELS), {"groups": -3}, "groups=-3 is neither a column"),
        (numbered(TWO_LEVELS).assign(shop=1), {"groups": "shop"}, "is both a column of X and a level of its index"),
        (pd.DataFrame(np.zeros((2, 3)), columns=list("uvv")), {"groups": "v"}, "'v' is the name of 2 columns of X"),
        (np.zeros((4, 2)), {"groups": 2}, r"groups=2 is not a column of X, an array of shape \(4, 2\). .* 0 to 1"),
        (np.zeros((4, 2)), {"groups": "shop"}, "groups='shop' is not a column of X, an array"),
        (np.zeros(4), {"groups": 0}, r"groups=0 requires rows of shape \(n_rows, n_columns\). Got shape \(4,\)"),
        (numbered(DAYS), {"max_gap": 1}, r"max_gap must be a positive timedelta.* are datetime64\[.*\]\. Got 1\."),
        (numbered(range(3)), {"max_gap": pd.Timedelta("1D")}, r"max_gap must be a positive number .* int64\. Got Tim"),
        (numbered(range(3)), {"max_gap": np.timedelta64(1, "D")}, r"max_gap must be a positive number .* int64"),
        (numbered(DAYS.to_period("D")), {"max_gap": pd.Timedelta("1D")}, r"must be a positive number .* period\[D\]"),
        (numbered(DAYS), {"max_gap": -pd.Timedelta("1D")}, "max_gap must be a positive timedelta"),
        (numbered(DAYS), {"max_gap": np.timedelta64(-1, "D")}, "max_gap must be a positive timedelta"),
        (
            numbered(list("abc")),
            {"max_gap": 1},
            "max_gap=1 requires the times of the rows: pass a pandas DataFrame whose",
        ),
        (np.zeros((4, 1)), {"max_gap": 1}, "max_gap=1 requires the times of the rows"),
        (numbered(TWO_LEVELS), {"max_gap": 1}, "max_gap=1 requires the times of the rows"),
        (GROUPS["index"][0], {"max_gap": 1, "groups": "shop"}, "max_gap=1 requires the times of the rows"),
        (np.array([[0.0], [np.nan]]), {}, "Input X contains NaN"),
        (np.array([0.0, 1.0]), {}, "Expected 2D array, got 1D array instead"),
        (numbered(DAYS[:0]), {}, r"Found array with 0 sample\(s\)"),
        (numbered(DAYS), {"dilation": 0}, "The 'dilation' parameter of .* must be an int in the range"),
        (numbered(DAYS), {"padding": "wrap"}, "The 'padding' parameter of .* must be a str among"),
        (numbered(DAYS), {"max_gap": 0}, r"The 'max_gap' parameter of .* a float in the range \(0.0, inf\).*Got 0 "),
        (
            numbered(DAYS),
            {"max_gap": "soon"},
            "cannot be parsed as a timedelta: .* such as '2h' or '1D'",
        ),
        (numbered(DAYS), {"max_gap": "5"}, "max_gap='5' cannot be parsed as a timedelta: it has no unit"),
        (numbered(DAYS), {"max_gap": "-1D"}, "max_gap must be a positive timedelta.* Got '-1D'"),
        (numbered(DAYS), {"max_gap": "NaT"}, "max_gap must be a positive timedelta.* Got 'NaT'"),
        (numbered(DAYS), {"max_gap": ["1D"]}, r"The 'max_gap' parameter of .* 'datetime.timedelta'.*Got \['1D'\]"),
        (numbered(range(3)), {"max_gap": "2h"}, "max_gap must be a positive number .* int64. Got '2h'"),
        (numbered(DAYS.to_period("D")), {"max_gap": "1D"}, r"must be a positive number .* period\[D\]"),
        (numbered(DAYS), {"window": 0}, r"The 'window' parameter of .* must be an int in the range \[1, inf\)"),
        (numbered(DAYS), {"window": 2.0}, "The 'window' parameter of .* must be an int"),
    ],
)
def test_errors(X, params, message):
    params = {"window": 3, **params}
    with pytest.raises(ValueError, match=message):
        sliding_windows(X, **params)
    with pytest.raises(ValueError, match=message):
        SequenceWindower(**params).fit(X)


# Kinds of time


@pytest.mark.parametrize(
    ("index", "max_gap"),
    [
        (DAYS[[0, 1, 3, 4]], pd.Timedelta("1D")),
        (DAYS[[0, 1, 3, 4]], "36h"),
        (DAYS[[0, 1, 3, 4]].astype("timestamp[ns][pyarrow]"), "1D"),
        (DAYS[[0, 1, 3, 4]].tz_localize("Europe/Berlin").astype("timestamp[us, tz=Europe/Berlin][pyarrow]"), "1D"),
        (DAYS[[0, 1, 3, 4]].astype("date32[pyarrow]"), "1D"),
        ((DAYS - DAYS[0])[[0, 1, 3, 4]].astype("duration[ns][pyarrow]"), "1D"),
        (pd.Index([0, 1, 3, 4], dtype="int64[pyarrow]"), 1),
        (DAYS[[0, 1, 3, 4]], datetime.timedelta(hours=47)),
        (DAYS[[0, 1, 3, 4]], np.timedelta64(1, "D")),
        (DAYS.as_unit("s")[[0, 1, 3, 4]], pd.Timedelta("1D")),
        # The clocks change between the first two: 25 hours.
        (pd.to_datetime(["2024-10-27", "2024-10-28", "2024-10-30", "2024-10-31"]).tz_localize("Europe/Berlin"), "25h"),
        (pd.DatetimeIndex(["2024-01-01"] * 4) + pd.to_timedelta([0, 5, 11, 16], unit="ns"), pd.Timedelta(5, unit="ns")),
        (pd.to_timedelta([1, 2, 4, 5], unit="h"), pd.Timedelta("1h")),
        (DAYS.to_period("D")[[0, 1, 3, 4]], 1),
        (pd.Index([0.0, 0.5, 1.25, 1.5]), 0.5),
        (pd.Index([0, 1, 3, 4], dtype=object), 1),
        (pd.Index([0, 1, 3, 4], dtype="Int64"), 1),
        (pd.Index([day.date() for day in DAYS[[0, 1, 3, 4]]], dtype=object), pd.Timedelta("1D")),
        (pd.Index(list(DAYS.to_period("D")[[0, 1, 3, 4]]), dtype=object), 1),
        (pd.Index(list(pd.to_timedelta([1, 2, 4, 5], unit="h")), dtype=object), pd.Timedelta("1h")),
    ],
)
def test_gaps_between_times_of_every_kind(index, max_gap):
    expected = loop_windows(numbered(range(4)), 3, times=[0, 1, 3, 4], max_gap=1)
    assert_array_equal(sliding_windows(numbered(index), 3, max_gap=max_gap), expected)


# Ends


@pytest.mark.parametrize(
    ("index", "ends", "expected"),
    [
        (HOURS, ["2024-01-02 00:00", "2024-01-03 12:30", "2025-01-01 00:00"], [24, 60, 71]),
        (HOURS, HOURS[[5, 0, 5]], [5, 0, 5]),
        (HOURS.tz_localize("UTC"), HOURS[[5]].tz_localize("Europe/Berlin") + pd.Timedelta("1h"), [5]),
        (HOURS.as_unit("s"), HOURS[[5]].as_unit("ns") + pd.Timedelta("59min"), [5]),
        (HOURS.to_period("h"), HOURS.to_period("h")[[7, 71]], [7, 71]),
        (HOURS - HOURS[0], pd.to_timedelta(["90min", "5h"]), [1, 5]),
        (pd.RangeIndex(0, 60, 10), [0, 9, 10, 1000], [0, 0, 1, 5]),
        (pd.Index([0.5, 1.0, 1.5, 4.0]), [0.5, 1.5, 3.99], [0, 2, 2]),
        (pd.Index([day.date() for day in DAYS], dtype=object), [DAYS[1].date(), DAYS[4].date()], [1, 4]),
        (HOURS, [], []),
    ],
)
def test_windows_end_at_the_last_row_at_or_before_a_time(index, ends, expected):
    frame = numbered(index)
    windows = sliding_windows(frame, 4, dilation=2, ends=pd.to_datetime(ends) if index is HOURS else ends)
    assert windows.shape == (len(expected), 4, 1)
    assert_array_equal(windows, loop_windows(frame, 4, dilation=2)[expected])


def test_ends_of_an_array_are_numbers_of_rows():
    rows = np.random.default_rng(0).normal(size=(9, 2))
    assert_array_equal(sliding_windows(rows, 3, ends=[8, 0, 4]), loop_windows(rows, 3)[[8, 0, 4]])


@settings(deadline=None, max_examples=100)
@given(panels(), st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 8)), min_size=1, max_size=8), st.booleans())
def test_ends_of_a_panel_equal_a_plain_loop(panel, asked, swapped):
    names, times = panel
    index = pd.MultiIndex.from_arrays([names, times], names=["shop", "time"])
    frame = numbered(index)
    expected = []
    for name, end in asked:
        before = [row for row in range(len(names)) if names[row] == name and times[row] <= end]
        expected.append(before[-1] if before else None)
    ends = pd.MultiIndex.from_tuples(asked, names=["shop", "time"])
    params = {"groups": "shop", "max_gap": 2, "ends": ends.swaplevel() if swapped else ends}
    if None not in expected:
        windows = loop_windows(frame, 3, series=names, times=times, max_gap=2)
        assert_array_equal(sliding_windows(frame, 3, **params), windows[expected])
        return
    message = "which has no row in X" if {name for name, _ in asked} - set(names) else "before the first row"
    with pytest.raises(ValueError, match=message):
        sliding_windows(frame, 3, **params)


def test_ends_without_names_are_series_and_times():
    frame = numbered(DAYS[[0, 0, 1, 3, 4]]).assign(shop=[3, 9, 3, 9, 3])
    ends = pd.MultiIndex.from_arrays([[9, 3, 9], DAYS[[2, 2, 3]]])
    windows = sliding_windows(frame, 2, groups="shop", ends=ends)
    assert_array_equal(windows[:, :, 0], [[np.nan, 1], [0, 2], [1, 3]])


IN_UTC = DAYS.tz_localize("UTC")
UNKNOWN = pd.MultiIndex.from_arrays([["b", "c"], DAYS[:2]])
EARLY = pd.MultiIndex.from_arrays([["b", "a"], [DAYS[1], DAYS[0] - pd.Timedelta("1D")]])


@pytest.mark.parametrize(
    ("X", "ends", "groups", "message"),
    [
        (numbered(DAYS[1:]), DAYS[[2, 0]], None, r"ends\[1\] is 2024-01-01 00:00:00, which is before the first row"),
        (np.zeros((4, 1)), [2, -1], None, r"ends\[1\] is -1, which is before the first row"),
        (np.zeros((4, 1)), [2, np.nan], None, "ends contains nan"),
        (numbered(DAYS), [DAYS[1], pd.NaT], None, "ends contains NaT"),
        (numbered(DAYS), [1, 2], None, "ends, int64, cannot be compared with the times of X, datetime64"),
        (numbered(range(4)), DAYS, None, r"ends, datetime64\[.*\], cannot be compared with the times of X, int64"),
        (numbered(IN_UTC), DAYS, None, "cannot be compared with the times of X, .*tz-naive and tz-aware"),
        (numbered(DAYS.to_period("D")), DAYS, None, r"cannot be compared with the times of X, period\[D\]"),
        (numbered(DAYS.to_period("D")), DAYS.to_period("M"), None, r"ends, period\[M\], cannot be compared with"),
        (numbered(list("abc")), ["a"], None, "ends requires an index of X with dates, periods or numbers"),
        (numbered([2, 1]), [1], None, "ends requires an index of X with dates, periods or numbers"),
        (numbered(TWO_LEVELS), DAYS[:1], "shop", r"ends must be a MultiIndex of two levels.* Got DatetimeIndex of 1"),
        (numbered(TWO_LEVELS), ["a"], "shop", r"ends must be a MultiIndex of two levels.* Got list of no level"),
        (numbered(TWO_LEVELS), UNKNOWN, "shop", r"ends\[1\] is of series 'c', which has no row in X"),
        (numbered(TWO_LEVELS), EARLY, "shop", r"ends\[1\] is 2023-12-31 00:00:00, which is before the first row"),
        (np.zeros((4, 2)), TWO_LEVELS, 0, "ends requires the times of the rows"),
    ],
)
def test_errors_of_ends(X, ends, groups, message):
    with pytest.raises(ValueError, match=message):
        sliding_windows(X, 2, groups=groups, ends=ends)


# As an array


@pytest.fixture
def windows():
    return sliding_windows(np.random.default_rng(2).normal(size=(12, 2)), 4)


SLICES = [slice(None), slice(2, 9, 3), slice(None, None, -2), slice(20, 30), ..., ()]
POSITIONS = [[0, 5, 5], [], np.array([-1, 0], dtype=np.int32), pd.Index([3, 1])]
CHOICES = [np.arange(12) % 3 == 0, [True, False] * 6]
TUPLES = [(slice(1, 4), ...), ([1, 2], ...), (np.array([7, 3]), slice(None), slice(None))]


@pytest.mark.parametrize("key", [*SLICES, *POSITIONS, *CHOICES, *TUPLES])
def test_indexing_copies_no_rows(windows, key):
    part = windows[key]
    expected = np.asarray(windows)[key]
    assert isinstance(part, Sequences)
    assert part.values is windows.values
    assert part.shape == expected.shape
    assert len(part) == len(expected)
    assert_array_equal(part, expected)


@pytest.mark.parametrize("key", [0, 3, -1, -12, np.int64(5), np.uint8(11), (2, ...), (3, -1), (slice(None), -1)])
def test_indexing_with_an_int_gives_arrays(windows, key):
    part = windows[key]
    assert type(part) is np.ndarray
    assert_array_equal(part, np.asarray(windows)[key])


@pytest.mark.parametrize("key", [(..., 0), (3, -1, 0), ([1, 2], slice(None), [0, 1, 1][:1]), (slice(2, 4), 1)])
def test_indexing_along_other_axes_gives_arrays(windows, key):
    assert_array_equal(windows[key], np.asarray(windows)[key])


@pytest.mark.parametrize("key", [12, -13, [12], [True, False], [0.5], True, None, "a", [[0, 1]], np.ones((12, 4)) > 0])
def test_wrong_keys(windows, key):
    with pytest.raises(IndexError):
        windows[key]


def test_array_attributes(windows):
    assert len(windows) == 12
    assert windows.shape == (12, 4, 2)
    assert windows.ndim == 3
    assert windows.dtype == np.float64
    assert repr(windows) == "Sequences(shape=(12, 4, 2), dtype=float64)"
    assert repr(windows[2:5]) == "Sequences(shape=(3, 4, 2), dtype=float64)"
    assert_array_equal(list(windows), np.asarray(windows))


def test_conversion_to_an_array(windows):
    array = np.asarray(windows)
    assert type(array) is np.ndarray
    assert array.dtype == np.float64
    single = np.asarray(windows, dtype=np.float32)
    assert single.dtype == np.float32
    assert_array_equal(single, array.astype(np.float32))
    array[:] = 0.0  # a copy: the windows stay
    assert_array_equal(np.asarray(windows)[:, -1], windows.values)


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="numpy < 2 cannot ask for no copy")
def test_there_is_no_array_without_a_copy(windows):
    assert_array_equal(np.asarray(windows, copy=True), np.asarray(windows))
    with pytest.raises(ValueError, match="Sequences share rows, so that an array of them is always a copy"):
        np.asarray(windows, copy=False)


@pytest.mark.parametrize("key", [slice(None), [8, 0, 8], slice(3, 3)])
def test_pickling(windows, key):
    copy = pickle.loads(pickle.dumps(windows[key]))
    assert isinstance(copy, Sequences)
    assert copy.shape == windows[key].shape
    assert_array_equal(copy, windows[key])


def test_scikit_learn_splits_lazily(windows):
    y = np.arange(12)
    train, test, y_train, y_test = train_test_split(windows, y, test_size=4, random_state=0)
    assert train.values is windows.values
    assert test.values is windows.values
    assert_array_equal(train, np.asarray(windows)[y_train])
    assert_array_equal(test, np.asarray(windows)[y_test])


def in_time_order(rows):
    return pd.DataFrame(rows, columns=list("abcd")).assign(shop=np.tile(np.arange(1000), 200))


def in_levels(rows):
    days = pd.date_range("2024-01-01", periods=200).repeat(1000)
    index = pd.MultiIndex.from_arrays([np.tile(np.arange(1000), 200), days], names=["shop", "day"])
    return pd.DataFrame(rows, columns=list("abcd"), index=index)


@pytest.mark.parametrize("arrange", [in_time_order, in_levels])
@pytest.mark.parametrize("transformer", [False, True])
def test_the_windows_of_a_panel_take_the_memory_of_its_rows(arrange, transformer):
    rows = np.random.default_rng(0).normal(size=(200_000, 4))
    frame = arrange(rows)
    tracemalloc.start()
    try:
        if transformer:
            windows = SequenceWindower(20, groups="shop").fit_transform(frame)
        else:
            windows = sliding_windows(frame, 20, groups="shop")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept <= 1.5 * rows.nbytes
    assert_array_equal(windows[150_007], rows[150_007 - 19_000 : 150_008 : 1000])
