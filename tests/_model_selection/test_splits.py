import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skrnn import PanelTimeSeriesSplit
from skrnn._data.sequences import Sequences

SIZES = [
    {},
    {"n_splits": 2},
    {"n_splits": 3, "test_size": 2},
    {"n_splits": 3, "test_size": 2, "gap": 3},
    {"n_splits": 4, "gap": 1, "max_train_size": 2},
]

DAYS = pd.date_range("2024-01-01", periods=6, freq="D")

# Six steps of every kind of time, the earliest first.
TIMES = {
    "datetime": DAYS,
    "datetime with time zone": DAYS.tz_localize("Europe/Berlin"),
    "period": pd.period_range("2024-01", periods=6, freq="M"),
    "timedelta": pd.timedelta_range("1h", periods=6, freq="h"),
    "date": pd.Index([day.date() for day in DAYS], dtype=object),
    "integer": pd.Index([-3, 0, 8, 9, 10, 100]),
    "floating": pd.Index([-1.5, 0.0, 0.25, 1.0, 9.0, 10.0]),
}

# Rows of series a and b in no order: a has steps 0 to 5, b steps 1 to 4.
SHOPS = list("abaabababa")
STEPS = [3, 1, 0, 5, 4, 2, 3, 1, 2, 4]

# With n_splits=2 the six steps are cut into 0-1 | 2-3 and 0-3 | 4-5.
FOLDS = [([1, 2, 7], [0, 5, 6, 8]), ([0, 1, 2, 5, 6, 7, 8], [3, 4, 9])]


def panel(times=DAYS):
    """The panel as a frame with the times and the series in columns."""
    return pd.DataFrame({"time": times[STEPS], "shop": SHOPS, "sales": np.arange(10.0)})


def assert_folds_equal(actual, expected):
    actual, expected = list(actual), list(expected)
    assert len(actual) == len(expected)
    for actual_fold, expected_fold in zip(actual, expected, strict=True):
        for positions, expected_positions in zip(actual_fold, expected_fold, strict=True):
            assert positions.dtype.kind == "i"
            assert_array_equal(positions, expected_positions)


@pytest.mark.parametrize("sizes", SIZES)
def test_one_series_is_cut_as_TimeSeriesSplit_cuts_it(sizes):
    frame = pd.DataFrame({"x": np.arange(17)}, index=pd.date_range("2024-01-01", periods=17, freq="h"))
    expected = list(TimeSeriesSplit(**sizes).split(frame))
    assert_folds_equal(PanelTimeSeriesSplit(**sizes).split(frame), expected)
    # The order of the rows changes nothing: row i of the reversed frame is row 16 - i.
    reversed_folds = [tuple(np.sort(16 - positions) for positions in fold) for fold in expected]
    assert_folds_equal(PanelTimeSeriesSplit(**sizes).split(frame[::-1]), reversed_folds)


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
def test_folds_by_hand(times):
    frame = panel(times)
    by_name = PanelTimeSeriesSplit(n_splits=2, time="time")
    assert_folds_equal(by_name.split(frame), FOLDS)
    assert_folds_equal(by_name.split(frame.set_index("time")), FOLDS)
    assert_folds_equal(by_name.split(frame.set_index(["shop", "time"])), FOLDS)
    assert_folds_equal(PanelTimeSeriesSplit(n_splits=2).split(frame.set_index("time")), FOLDS)


@pytest.mark.parametrize("kind", sorted(TIMES.keys() - {"integer", "floating"}))
def test_the_level_with_dates_is_found(kind):
    frame = panel(TIMES[kind]).assign(day_of_shop=STEPS)
    splitter = PanelTimeSeriesSplit(n_splits=2)
    assert_folds_equal(splitter.split(frame.set_index(["shop", "time", "day_of_shop"])), FOLDS)
    # A level goes by its type, so by that of the whole panel also where rows were left out.
    assert_folds_equal(splitter.split(frame.set_index(["time", "shop"]).iloc[[0, 2, 5]]), [([1], [2]), ([1, 2], [0])])


def test_gap_and_sizes_count_distinct_times():
    frame = panel().set_index("time")
    splitter = PanelTimeSeriesSplit(n_splits=2, test_size=1, gap=1, max_train_size=2)
    # Steps 1-2 | 4, and 2-3 | 5.
    assert_folds_equal(splitter.split(frame), [([1, 5, 7, 8], [4, 9]), ([0, 5, 6, 8], [3])])


def test_other_containers():
    frame = panel()
    by_number = PanelTimeSeriesSplit(n_splits=2, time=1)
    assert_folds_equal(by_number.split(np.column_stack([np.arange(10), STEPS])), FOLDS)
    assert_folds_equal(by_number.split(frame[["shop", "time"]].to_numpy()), FOLDS)  # an array of objects
    unnamed = frame.set_index([pd.Index(SHOPS), pd.Index(STEPS)])
    assert_folds_equal(by_number.split(unnamed), FOLDS)
    by_index = PanelTimeSeriesSplit(n_splits=2)
    assert_folds_equal(by_index.split(frame.set_index("time")["sales"]), FOLDS)
    assert_folds_equal(by_index.split(frame.set_index("time")[[]]), FOLDS)  # a frame without columns


def test_an_hour_that_a_clock_shows_twice_is_two_times():
    hours = pd.date_range("2024-10-27 00:00", periods=4, freq="h", tz="UTC").tz_convert("Europe/Berlin")
    assert hours.hour.tolist() == [2, 2, 3, 4]
    frame = pd.DataFrame({"x": range(4)}, index=hours)
    assert_folds_equal(PanelTimeSeriesSplit(n_splits=3).split(frame), [([0], [1]), ([0, 1], [2]), ([0, 1, 2], [3])])


def test_integers_that_may_be_row_numbers_must_be_named():
    numbered = panel()
    splitter = PanelTimeSeriesSplit(n_splits=2)
    for frame in (numbered, numbered.iloc[[3, 1, 7, 8]]):  # the second has lost its RangeIndex, not its row numbers
        with pytest.raises(ValueError, match="a different integer for each row"):
            splitter.split(frame)
    steps = numbered.rename_axis("step")
    assert_folds_equal(
        PanelTimeSeriesSplit(n_splits=2, time="step").split(steps), TimeSeriesSplit(n_splits=2).split(steps)
    )


@st.composite
def panels(draw):
    """The steps of the shuffled rows of series of any start and length, and sizes that mostly suffice for them."""
    spans = draw(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 15)), min_size=1, max_size=4))
    steps = draw(st.permutations([start + t for start, length in spans for t in range(length)]))
    n_times = len(set(steps))
    n_splits = draw(st.integers(2, max(2, min(5, n_times - 1))))
    test_size = draw(st.none() | st.integers(1, max(1, (n_times - 1) // n_splits)))
    left = n_times - n_splits * (test_size or n_times // (n_splits + 1)) - 1
    gap = draw(st.integers(0, max(0, left)))
    max_train_size = draw(st.none() | st.integers(1, 10))
    return np.array(steps), {
        "n_splits": n_splits,
        "test_size": test_size,
        "gap": gap,
        "max_train_size": max_train_size,
    }


@settings(deadline=None, max_examples=200)
@given(panels())
def test_no_training_row_is_as_late_as_a_test_row(drawn):
    steps, sizes = drawn
    frame = pd.DataFrame({"x": steps}, index=pd.Timestamp("2024-01-01") + pd.to_timedelta(steps, unit="D"))
    distinct = np.unique(steps)
    splitter = PanelTimeSeriesSplit(**sizes)
    n_splits, gap = sizes["n_splits"], sizes["gap"]
    if len(distinct) <= n_splits:
        with pytest.raises(ValueError, match=f"^X has {len(distinct)} distinct times in {len(steps)} rows, too few"):
            splitter.split(frame)
        return
    folds = list(splitter.split(frame))
    assert len(folds) == n_splits

    test_size = sizes["test_size"] or len(distinct) // (n_splits + 1)
    tests = np.concatenate([test for _, test in folds])
    # Test folds have no row in common, and together are all rows of the last times.
    assert_array_equal(np.sort(tests), np.flatnonzero(np.isin(steps, distinct[-n_splits * test_size :])))
    n_train_before = 0
    for train, test in folds:
        assert_array_equal(train, np.unique(train))  # ascending, each once
        assert_array_equal(test, np.unique(test))
        train_ranks = np.searchsorted(distinct, steps[train])
        test_ranks = np.searchsorted(distinct, steps[test])
        assert len(np.unique(test_ranks)) == test_size
        assert train_ranks.max() + gap + 1 == test_ranks.min()  # all later than the gap, and no time wasted
        # All rows of the times of a training set are in it, whatever their series.
        assert_array_equal(train, np.flatnonzero(np.isin(steps, steps[train])))
        n_train_times = len(np.unique(train_ranks))
        if sizes["max_train_size"] is None:
            assert n_train_times == train_ranks.max() + 1
            assert len(train) > n_train_before
            n_train_before = len(train)
        else:
            assert n_train_times == min(sizes["max_train_size"], train_ranks.max() + 1)


def test_scores_are_those_of_the_folds():
    frame = panel().set_index(["shop", "time"])
    frame["sales_before"] = frame["sales"] ** 2
    X, y = frame[["sales_before"]], frame["sales"]
    scores = cross_val_score(Ridge(), X, y, cv=PanelTimeSeriesSplit(n_splits=2))
    expected = [Ridge().fit(X.iloc[train], y.iloc[train]).score(X.iloc[test], y.iloc[test]) for train, test in FOLDS]
    assert_array_equal(scores, expected)


def test_grid_search_with_times_in_a_column():
    X, y = panel(), np.arange(10.0) ** 2
    ridge = make_pipeline(make_column_transformer(("passthrough", ["sales"])), Ridge())
    splitter = PanelTimeSeriesSplit(n_splits=2, time="time")
    scoring = "neg_mean_squared_error"
    search = GridSearchCV(ridge, {"ridge__alpha": [1.0, 2.0]}, cv=splitter, scoring=scoring).fit(X, y)
    for number, alpha in enumerate([1.0, 2.0]):
        expected = cross_val_score(Ridge(alpha=alpha), X[["sales"]], y, cv=FOLDS, scoring=scoring)
        assert [search.cv_results_[f"split{fold}_test_score"][number] for fold in (0, 1)] == pytest.approx(expected)


def test_folds_of_the_frame_split_windows():
    frame = panel()
    rows = np.arange(10)
    windows = Sequences(
        values=rows[:, None] ** 2.0,
        starts=rows,
        lengths=rows * 0 + 1,
        n_leading_padding=rows * 0,
        step=1,
        n_timesteps=1,
    )
    flattened = make_pipeline(FunctionTransformer(lambda windows: np.asarray(windows)[:, 0]), Ridge())
    folds = list(PanelTimeSeriesSplit(n_splits=2, time="time").split(frame))
    scores = cross_val_score(flattened, windows, rows, cv=folds, error_score="raise")
    assert_array_equal(scores, cross_val_score(Ridge(), rows[:, None] ** 2.0, rows, cv=FOLDS))


def test_repr_clone_and_number_of_splits():
    splitter = PanelTimeSeriesSplit(n_splits=3, time="day", test_size=2, gap=1, max_train_size=7)
    assert "".join(repr(splitter).split()) == (
        "PanelTimeSeriesSplit(gap=1,max_train_size=7,n_splits=3,test_size=2,time='day')"
    )
    cloned = clone(GridSearchCV(Ridge(), {}, cv=splitter)).cv
    assert cloned is not splitter
    assert vars(cloned) == vars(splitter)
    assert splitter.get_n_splits() == splitter.get_n_splits(None, None, None) == 3


def test_groups_are_ignored_as_TimeSeriesSplit_ignores_them():
    frame = panel()
    splitter = PanelTimeSeriesSplit(n_splits=2, time="time")
    with pytest.warns(UserWarning, match="groups parameter is ignored by PanelTimeSeriesSplit"):
        folds = splitter.split(frame, groups=SHOPS)
    assert_folds_equal(folds, FOLDS)
    assert not hasattr(splitter, "set_split_request")
    assert repr(splitter.get_metadata_routing()) == repr(TimeSeriesSplit().get_metadata_routing())


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"n_splits": 1}, "n_splits=1"),
        ({"n_splits": 2.5}, "Integral type. 2.5"),
        ({"test_size": 0}, r"The 'test_size' parameter of PanelTimeSeriesSplit .* in the range \[1, inf\) .* Got 0"),
        ({"test_size": 0.2}, "The 'test_size' parameter of PanelTimeSeriesSplit must be an int .* Got 0.2"),
        ({"gap": -1}, r"The 'gap' parameter of PanelTimeSeriesSplit .* in the range \[0, inf\). Got -1"),
        ({"gap": None}, "The 'gap' parameter of PanelTimeSeriesSplit must be an int .* Got None"),
        ({"max_train_size": 0}, r"The 'max_train_size' parameter .* in the range \[1, inf\) or None. Got 0"),
    ],
)
def test_invalid_parameters_raise_at_construction(parameters, message):
    with pytest.raises(ValueError, match=message):
        PanelTimeSeriesSplit(**parameters)


def _sequences():
    zeros = np.zeros(3, dtype=int)
    return Sequences(
        values=np.ones((3, 2)), starts=zeros, lengths=zeros + 1, n_leading_padding=zeros, step=1, n_timesteps=1
    )


FRAME = panel()
NO_TIMES = r"X must be a pandas object or a 2-D array.*Got {}.*cv=list\(splitter.split\(frame\)\)"


@pytest.mark.parametrize(
    "time, X, message",
    [
        # Nothing says where the times are.
        (None, np.ones((4, 2)), r"X is an array of shape \(4, 2\)\. Pass the number of the time column"),
        (None, _sequences(), NO_TIMES.format("Sequences")),
        (None, [[1.0], [2.0]], NO_TIMES.format("list instead")),
        (None, None, NO_TIMES.format("NoneType instead")),
        (0, np.ones((4, 2, 3)), NO_TIMES.format(r"ndarray of shape \(4, 2, 3\)")),
        (None, FRAME, "a different integer for each row.*name of the time column"),
        (
            None,
            FRAME.assign(day=DAYS[STEPS]).set_index(["time", "shop", "day"]),
            r"2 of the levels \['time', 'shop', 'day'\] contain dates\. Pass the name or number of a level",
        ),
        (
            None,
            panel(TIMES["integer"]).set_index(["shop", "time"]),
            r"0 of the levels \['shop', 'time'\] contain dates\. Pass the name or number of a level",
        ),
        ("date", FRAME, "time='date' is neither a column of X nor a level of its index. Choose from 'time', 'shop'"),
        ("time", FRAME.set_index("time", drop=False), "time='time' is both a column of X and a level of its index"),
        (2, np.ones((4, 2)), "time=2 is not a column of X"),
        # What is there has no order in time.
        ("time", panel(DAYS.astype(str)), "time='time' .* contains string values such as '2024-01-04'.*pd.to_datetime"),
        (None, panel(DAYS.astype(str)).set_index("time"), "The index of X .* contains string values.*pd.to_datetime"),
        ("shop", FRAME.set_index(["shop", "time"]), "time='shop' .* contains string values such as 'a'"),
        ("time", FRAME.astype({"time": "category"}), "time='time' .* contains categorical values"),
        ("sales", FRAME.assign(sales=True), "time='sales' .* contains boolean values"),
        (0, np.array([["b"], ["a"], ["c"]], dtype=object), "time=0 .* contains string values such as 'b'"),
        # Times are missing; row 8 is missing as well.
        ("time", FRAME.assign(time=DAYS[STEPS].where(~np.isin(np.arange(10), [4, 8]))), "time='time' .* row 4 is miss"),
        (None, panel(DAYS.where(np.arange(6) < 4)).set_index("time"), "The index of X .* row 3 is missing"),
        (None, panel(DAYS.where(np.arange(6) > 0)).set_index(["shop", "time"]), "The index of X .* row 2 is missing"),
        (0, np.array([[1.0], [np.nan], [2.0]]), "time=0 .* row 1 is missing"),
        ("time", FRAME.assign(time=[None, *[datetime.date(2024, 1, 1)] * 9]), "time='time' .* row 0 is missing"),
        # There are too few.
        ("shop", pd.DataFrame(columns=["shop"]), "X has 0 distinct times in 0 rows"),
        ("time", FRAME.iloc[:0], "X has 0 distinct times in 0 rows, too few for n_splits=3"),
        ("time", FRAME[FRAME["time"] < DAYS[3]], "X has 3 distinct times in 5 rows, too few for n_splits=3, test_size"),
    ],
)
def test_an_invalid_X_raises_before_the_first_fold(time, X, message):
    splitter = PanelTimeSeriesSplit(n_splits=3, time=time)
    with pytest.raises(ValueError, match=message):
        splitter.split(X)


@pytest.mark.parametrize("sizes", [{"test_size": 3}, {"gap": 2}, {"test_size": 1, "gap": 4}])
def test_too_few_times_for_the_sizes(sizes):
    splitter = PanelTimeSeriesSplit(n_splits=2, time="time", **sizes)
    given_sizes = f"n_splits=2, test_size={sizes.get('test_size')} and gap={sizes.get('gap', 0)}"
    with pytest.raises(
        ValueError, match=f"^X has 6 distinct times in 10 rows, too few for {given_sizes}. Decrease one"
    ):
        splitter.split(FRAME)
