import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import KFold, TimeSeriesSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_windows import loop_windows

from skrnn import PanelTimeSeriesSplit, SequenceWindower
from skrnn.datasets import load_sunspots

DAYS = pd.date_range("2024-03-25", periods=30, freq="D")


def unfrozen(index):
    """The same times without their frequency, as they are read from a file."""
    return type(index)(list(index))


# Thirty steps of every index that tells what comes next.
INDEXES = {
    "daily": DAYS,
    "daily, inferred": unfrozen(DAYS),
    "every other day, inferred": unfrozen(pd.date_range("2024-01-01", periods=30, freq="2D")),
    "hourly": pd.date_range("2024-01-01", periods=30, freq="h"),
    "nanoseconds": pd.date_range("2024-01-01", periods=30, freq="5ns"),
    "seconds as unit": pd.date_range("2024-01-01", periods=30, freq="h").as_unit("s"),
    "business days, inferred": unfrozen(pd.bdate_range("2024-01-01", periods=30)),
    "weekly, inferred": unfrozen(pd.date_range("2024-01-01", periods=30, freq="W-THU")),
    "month end, inferred": unfrozen(pd.date_range("2024-01-31", periods=30, freq="ME")),
    # The clocks change on 31 March: between two fitted rows; below, right before the first new one.
    "daily in Berlin": pd.date_range("2024-03-25", periods=30, tz="Europe/Berlin"),
    "daily in Berlin, inferred": unfrozen(pd.date_range("2024-03-12", periods=30, tz="Europe/Berlin")),
    "hourly in Berlin, inferred": unfrozen(pd.date_range("2024-03-30 06:00", periods=30, freq="h", tz="Europe/Berlin")),
    "dates as objects": pd.Index([day.date() for day in DAYS], dtype=object),
    "periods": pd.period_range("2024-01", periods=30, freq="M"),
    "periods of two days": pd.period_range("2024-01-01", periods=30, freq="2D"),
    "range": pd.RangeIndex(30),
    "range of every fifth": pd.RangeIndex(100, 250, 5),
    "integers": pd.Index(np.arange(30) * 3 - 20),
    "integers as objects": pd.Index(range(30), dtype=object),
    "timedeltas": pd.timedelta_range("1h", periods=30, freq="h"),
    "timedeltas of days, inferred": unfrozen(pd.timedelta_range("1D", periods=30, freq="D")),
}

CUT = 20


def numbered(index):
    """A frame whose rows hold their own number, and its square."""
    return pd.DataFrame({"row": np.arange(len(index)), "square": np.arange(len(index)) ** 2}, index=index, dtype=float)


# What comes right after the fitted rows


@pytest.mark.parametrize("name", INDEXES)
@pytest.mark.parametrize("flatten", [False, True])
def test_the_next_rows_begin_with_the_last_fitted_ones(name, flatten):
    frame = numbered(INDEXES[name])
    expected = loop_windows(frame, 4, dilation=2)[CUT:]
    assert not np.isnan(expected).any()
    windower = SequenceWindower(4, dilation=2, flatten=flatten).fit(frame.iloc[:CUT])
    for n_new in (10, 3, 1):
        windows = windower.transform(frame.iloc[CUT : CUT + n_new])
        assert_array_equal(windows, expected[:n_new].reshape(windows.shape))
    padding = "edge" if flatten else "mask"
    expected = loop_windows(frame.iloc[CUT:], 4, dilation=2, padding=padding)
    windows = windower.set_params(context=None).transform(frame.iloc[CUT:])
    assert_array_equal(windows, expected.reshape(windows.shape))


GAP, OTHER_FREQUENCY, HOLE = [slice(CUT + 1, None), slice(CUT + 1, CUT + 2)], [slice(CUT, None, 2)], [[20, 21, 24]]
OVERLAP, FITTED = [slice(CUT - 1, None), slice(CUT - 1, CUT), slice(None)], [slice(CUT), slice(1), slice(5)]


@pytest.mark.parametrize("name", INDEXES)
@pytest.mark.parametrize("rows", [*GAP, *OTHER_FREQUENCY, *HOLE, *OVERLAP, *FITTED, slice(7, 12)])
def test_any_other_rows_begin_with_padding(name, rows):
    frame = numbered(INDEXES[name])
    windower = SequenceWindower(4).fit(frame.iloc[:CUT])
    assert_array_equal(windower.transform(frame.iloc[rows]), loop_windows(frame.iloc[rows], 4))
    late = SequenceWindower(4).fit(frame.iloc[5:CUT])
    assert_array_equal(late.transform(frame.iloc[:5]), loop_windows(frame.iloc[:5], 4))  # before what was fitted


@pytest.mark.parametrize(
    ("fitted", "index"),
    [
        (DAYS[:CUT], DAYS[CUT:] + pd.Timedelta("1h")),  # off the grid
        (DAYS[:CUT], pd.date_range(DAYS[CUT], periods=5, freq="h")),
        (INDEXES["business days, inferred"][:CUT], pd.date_range("2024-01-29", periods=8)),  # over a week-end
        (INDEXES["month end, inferred"][:4], pd.DatetimeIndex(["2024-05-30"])),
        (INDEXES["periods of two days"][:CUT], pd.period_range("2024-02-11", periods=3, freq="2D")),
        (pd.RangeIndex(0, 100, 5), pd.RangeIndex(96, 130, 5)),
    ],
)
def test_rows_between_two_periods_begin_with_padding(fitted, index):
    X = numbered(index)
    assert_array_equal(SequenceWindower(4).fit(numbered(fitted)).transform(X), loop_windows(X, 4))


@pytest.mark.parametrize("padding", [None, "mask", "edge", "zeros"])
@pytest.mark.parametrize("flatten", [False, True])
@pytest.mark.parametrize("max_gap", [None, 1])  # two ways to lay windows
def test_what_is_missing_before_a_short_context_is_padded(padding, flatten, max_gap):
    frame = numbered(range(8))
    windower = SequenceWindower(7, padding=padding, flatten=flatten, max_gap=max_gap)
    whole = windower.fit_transform(frame)
    windows = windower.fit(frame[:3]).transform(frame[3:])
    assert_array_equal(windows, np.asarray(whole)[3:])


def test_only_rows_after_the_last_hole_of_the_fitted_ones_are_context():
    frame = numbered(INDEXES["periods"])
    windower = SequenceWindower(5).fit(frame.drop(frame.index[17])[: CUT - 1])
    assert_array_equal(windower.transform(frame[CUT:]), loop_windows(frame[18:], 5)[2:])


def test_rows_and_times_of_another_precision():
    frame = numbered(DAYS)
    fitted, new = numbered(DAYS[:CUT].as_unit("s")), frame[CUT:].set_axis(DAYS[CUT:].as_unit("ns")).astype(np.float32)
    windows = SequenceWindower(3).fit(fitted).transform(new)
    assert windows.dtype == np.float32
    assert_array_equal(windows, loop_windows(frame, 3)[CUT:])


def test_arrays_prove_nothing_and_are_silent():
    X = numbered(DAYS).to_numpy()
    windower = SequenceWindower(4).fit(X[:CUT])
    assert_array_equal(windower.transform(X[CUT:]), loop_windows(X[CUT:], 4))
    frame = pd.DataFrame(X)
    assert_array_equal(windower.transform(frame[CUT:]), loop_windows(X[CUT:], 4))
    assert_array_equal(SequenceWindower(4).fit(frame[:CUT]).transform(X[CUT:]), loop_windows(X[CUT:], 4))


IRREGULAR = pd.DatetimeIndex(DAYS.delete([3, 4, 10, 22]))
TEXT = pd.Index([f"row{number:02}" for number in range(30)])


@pytest.mark.parametrize(
    ("fitted", "index"),
    [
        (TEXT[:CUT], TEXT[CUT:]),
        (IRREGULAR[:CUT], IRREGULAR[CUT:]),
        (pd.Index([0, 1, 2, 5, 6]), pd.Index([7, 8])),
        (unfrozen(DAYS[:2]), DAYS[2:5]),  # two days make no frequency
        (INDEXES["integers"].astype(float)[:CUT], INDEXES["integers"].astype(float)[CUT:]),
        (DAYS[:CUT], pd.RangeIndex(20, 25)),  # another kind
        (DAYS[:CUT], DAYS[CUT:].tz_localize("UTC")),
        (DAYS[:CUT].to_period("D"), DAYS[CUT:].to_period("h")),
        (pd.RangeIndex(20), pd.Index([3, 1, 2])),  # shuffled training data
    ],
)
def test_an_index_that_proves_nothing_gets_one_warning(fitted, index):
    windower = SequenceWindower(4).fit(numbered(fitted))
    X = numbered(index)
    with pytest.warns(UserWarning, match="The index of X does not tell whether") as caught:
        windows = windower.transform(X)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert_array_equal(windows, loop_windows(X, 4))

    # No warning where it is known that there is no context: here, and before what was fitted.
    assert_array_equal(windower.transform(numbered(fitted)), loop_windows(numbered(fitted), 4))
    assert_array_equal(windower.transform(numbered(fitted[:2])), loop_windows(numbered(fitted[:2]), 4))
    for silent in (windower.set_params(context=None), windower.set_params(context="index", window=1)):
        assert_array_equal(silent.transform(X)[:, -1], X)


@pytest.mark.parametrize("index", [DAYS, IRREGULAR])
def test_rows_before_the_last_fitted_one_are_padded_in_silence(index):
    frame = numbered(index)
    windower = SequenceWindower(4).fit(frame.drop(index[10:15]))
    assert_array_equal(windower.transform(frame[10:15]), loop_windows(frame[10:15], 4))


def test_shuffled_dates_are_an_error():
    frame = numbered(DAYS)
    with pytest.raises(ValueError, match=r"The times of X must increase, but row 1 \(2024-03-26"):
        SequenceWindower(4).fit(frame).transform(frame.iloc[[5, 1, 3]])


# Gaps


@pytest.mark.parametrize(
    ("index", "max_gap", "expected"),
    [
        ([10, 13], 3, [[8, 9, 10], [9, 10, 13]]),
        ([10, 14], 3, [[8, 9, 10], [np.nan, np.nan, 14]]),
        ([12, 13], 3, [[8, 9, 12], [9, 12, 13]]),
        ([13], 3, [[np.nan, np.nan, 13]]),
        ([9, 10], 3, [[np.nan, np.nan, 9], [np.nan, 9, 10]]),
        ([10], 0.5, [[np.nan, np.nan, 10]]),
        ([0, 1], 3, [[np.nan, np.nan, 0], [np.nan, 0, 1]]),
    ],
)
@pytest.mark.parametrize("kind", ["int", "float", "date", "period"])
def test_rows_within_the_largest_gap_have_context(index, max_gap, expected, kind):
    def frame(times):
        days = pd.to_timedelta(times, unit="D") + DAYS[0]
        labels = {"int": times, "float": np.array(times) * 1.0, "date": days, "period": days.to_period("D")}[kind]
        return pd.DataFrame({"time": times}, index=labels, dtype=float)

    gap = pd.Timedelta(max_gap, unit="D") if kind == "date" else max_gap
    windower = SequenceWindower(3, max_gap=gap).fit(frame([0, 1, 6, 7, 8, 9] if max_gap > 1 else [7, 8, 9]))
    assert_array_equal(windower.transform(frame(index))[:, :, 0], expected)


@pytest.mark.parametrize("splitter", [KFold(5), KFold(5, shuffle=True, random_state=0), KFold(20), TimeSeriesSplit(4)])
def test_no_window_bridges_what_a_split_has_cut(splitter):
    frame = numbered(range(60))
    for train, test in splitter.split(frame):
        windower = SequenceWindower(4, max_gap=1).fit(frame.iloc[train])
        follows = test[0] == train[-1] + 1
        reached = np.concatenate([train[train < test[0]], test]) if follows else test
        expected = loop_windows(frame.iloc[reached], 4, times=reached, max_gap=1)[-len(test) :]
        windows = np.asarray(windower.transform(frame.iloc[test]))
        assert_array_equal(windows, expected)
        for row, window in zip(test, windows[:, :, 0], strict=True):
            seen = window[~np.isnan(window)]
            assert_array_equal(seen, np.arange(row - len(seen) + 1, row + 1))  # up to its own row, without a hole
            assert set(seen) <= set(test) | (set(train[-3:]) if follows else set())


def test_rows_that_are_assumed_to_follow_but_are_earlier_are_not_bridged():
    frame = numbered(range(12))
    windower = SequenceWindower(3, context="assume", max_gap=1).fit(frame[4:])
    assert_array_equal(windower.transform(frame[:4]), loop_windows(frame[:4], 3))
    assert_array_equal(windower.transform(numbered(range(14))[12:]), loop_windows(numbered(range(14)), 3)[12:])


def test_assumed_context_with_a_gap_needs_times_of_one_kind():
    windower = SequenceWindower(3, context="assume", max_gap=1).fit(numbered(INDEXES["periods"]))
    with pytest.raises(ValueError, match=r"fitted on an index of period\[M\], and the index of X is of int64"):
        windower.transform(numbered(range(4)))
    windower = SequenceWindower(3, context="assume").fit(np.zeros((4, 2))).set_params(max_gap=1)
    with pytest.raises(ValueError, match="fitted on rows without times, and the index of X is of int64"):
        windower.transform(pd.DataFrame(np.zeros((4, 2))))


# Context that is assumed


@pytest.mark.parametrize("make", [np.asarray, pd.DataFrame, lambda rows: pd.DataFrame(rows, index=TEXT)])
def test_every_test_fold_is_assumed_to_follow_its_training_rows(make):
    X = make(np.random.default_rng(0).normal(size=(30, 2)))
    whole = loop_windows(X, 5, dilation=2)
    for train, test in TimeSeriesSplit(4).split(X):
        train_rows, test_rows = (X.iloc[part] if hasattr(X, "iloc") else X[part] for part in (train, test))
        windower = SequenceWindower(5, dilation=2, context="assume")
        assert_array_equal(windower.fit_transform(train_rows), whole[train])
        assert_array_equal(windower.transform(test_rows), whole[test])
        # What was fitted, and its beginning, see nothing of the rows at its end.
        assert_array_equal(windower.transform(train_rows), whole[train])
        assert_array_equal(windower.transform(train_rows[:3]), whole[:3])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fitted_rows_are_known_again_when_they_are_rounded_otherwise(dtype):
    X = np.random.default_rng(0).normal(size=(60, 4)).astype(dtype)
    pca = PCA(svd_solver="full")
    fitted, again = pca.fit_transform(X), pca.transform(X)
    assert (fitted != again).any()
    windower = SequenceWindower(3, context="assume").fit(fitted)
    assert_array_equal(windower.transform(again), loop_windows(again, 3))
    assert_array_equal(windower.transform(again[30:]), loop_windows(np.vstack([fitted[-2:], again[30:]]), 3)[2:])


def test_frames_that_start_like_the_fitted_one_in_values_or_times_only_are_assumed_to_follow():
    constant = numbered(DAYS) * 0
    windower = SequenceWindower(3, context="assume").fit(constant[:CUT])
    assert_array_equal(windower.transform(constant[CUT:]), np.zeros((10, 3, 2)))
    frame = numbered(range(10))
    later = frame + 100  # the same index
    windower = SequenceWindower(3, context="assume").fit(frame)
    assert_array_equal(windower.transform(later), loop_windows(pd.concat([frame, later]), 3)[10:])


SEEN = []


class Recorder(RegressorMixin, BaseEstimator):
    """Keeps the windows that reach it."""

    def fit(self, X, y):
        SEEN.append(("fit", np.array(X)))
        self.fitted_ = True
        return self

    def predict(self, X):
        SEEN.append(("predict", np.array(X)))
        return np.zeros(len(X))


@pytest.mark.parametrize("context", ["assume", "index"])
def test_cross_validation_on_sunspots(context):
    sunspots = load_sunspots()
    X, y = sunspots[:-1], sunspots["sunspots"].to_numpy()[1:]
    pipeline = make_pipeline(StandardScaler(), SequenceWindower(9, context=context), Recorder())
    if context == "index":
        pipeline.set_output(transform="pandas")  # so that the windower gets an index
    splitter = TimeSeriesSplit(4)
    SEEN.clear()
    cross_validate(pipeline, X, y, cv=splitter, return_train_score=True)
    assert [method for method, _ in SEEN] == ["fit", "predict", "predict"] * 4
    for fold, (train, test) in enumerate(splitter.split(X)):
        scaled = StandardScaler().fit(X.iloc[train]).transform(X)
        whole = loop_windows(scaled, 9)
        fitted, tested, trained = (windows for _, windows in SEEN[3 * fold : 3 * fold + 3])
        assert_array_equal(fitted, whole[train])
        assert_array_equal(tested, whole[test])
        assert_array_equal(trained, whole[train])
        assert not np.isnan(tested).any()


# Groups


def panel(spans, in_levels=False):
    """Series that last from one day to another, their rows interleaved; rows hold a number of their own."""
    frame = pd.DataFrame(
        [(shop, DAYS[day]) for shop, spans_of_shop in spans.items() for span in spans_of_shop for day in range(*span)],
        columns=["shop", "day"],
    ).sort_values("day", kind="stable")
    frame["value"] = np.arange(len(frame), dtype=float)
    return frame.set_index(["shop", "day"] if in_levels else "day")


def labels_of(frame):
    """The series and the day of each row."""
    rows = frame.reset_index()
    return {"series": rows["shop"].to_numpy(), "times": rows["day"].to_numpy()}


def test_each_series_has_its_own_context():
    fitted = pd.DataFrame({"shop": list("abab"), "value": [0.0, 10, 1, 11]}, index=[0, 0, 1, 1])
    fitted = pd.concat([fitted, pd.DataFrame({"shop": list("ab"), "value": [2.0, 12]}, index=[2, 2])])
    # One goes on, one begins after a gap, one is new.
    X = pd.DataFrame({"shop": list("caba"), "value": [20.0, 3, 14, 4]}, index=[3, 3, 4, 4])
    windower = SequenceWindower(3, groups="shop").fit(fitted)
    nan = np.nan
    expected = [[nan, nan, 20], [1, 2, 3], [nan, nan, 14], [2, 3, 4]]
    assert_array_equal(windower.transform(X)[:, :, 0], expected)
    expected[2] = [11, 12, 14]
    assert_array_equal(windower.set_params(max_gap=2).transform(X)[:, :, 0], expected)
    windower.set_params(max_gap=None, context="assume")
    assert_array_equal(windower.transform(X)[:, :, 0], expected)
    # Series that are transformed again get none, while another does.
    X = pd.concat([fitted[fitted["shop"] == "a"], X[X["shop"] == "b"]])
    expected = [[nan, nan, 0], [nan, 0, 1], [0, 1, 2], [11, 12, 14]]
    assert_array_equal(windower.transform(X)[:, :, 0], expected)
    assert_array_equal(windower.set_params(context=None).transform(X)[3:, :, 0], [[nan, nan, 14]])


@pytest.mark.parametrize("in_levels", [False, True])
@pytest.mark.parametrize(
    ("spans", "max_gap"),
    [
        ({"a": [(0, 30)], "b": [(4, 30)], "c": [(0, 12)], "d": [(19, 30)]}, None),
        ({"a": [(0, 30)], "b": [(4, 11), (13, 30)], "c": [(0, 9), (10, 16), (22, 29)]}, pd.Timedelta("1D")),
    ],
)
def test_panels_split_over_time(spans, max_gap, in_levels):
    frame = panel(spans, in_levels)
    values = frame[["value"]]
    whole = loop_windows(values, 4, **labels_of(frame), max_gap=max_gap)
    for train, test in PanelTimeSeriesSplit(5).split(frame):
        windower = SequenceWindower(4, groups="shop", max_gap=max_gap)
        assert_array_equal(windower.fit_transform(frame.iloc[train]), whole[train])
        assert_array_equal(windower.transform(frame.iloc[test]), whole[test])
        assert_array_equal(windower.transform(frame.iloc[train]), whole[train])


def test_no_window_of_a_panel_bridges_what_a_shuffled_split_has_cut():
    frame = panel({"a": [(0, 30)], "b": [(4, 11), (13, 16)], "c": [(3, 5)], "d": [(6, 8)]})
    shops, days = (labels_of(frame)[label] for label in ("series", "times"))
    gap = np.timedelta64(1, "D")
    n_with_context = 0
    for train, test in KFold(6, shuffle=True, random_state=1).split(frame):
        reached = list(test)
        for shop in set(shops[test]):
            before, first = train[shops[train] == shop], test[shops[test] == shop][0]
            if len(before) and 0 < (days[first] - days[before[-1]]) / gap <= 1:
                reached += list(before)
                n_with_context += 1
        reached = np.sort(reached)
        expected = loop_windows(
            frame["value"].to_numpy()[reached, None], 4, series=shops[reached], times=days[reached], max_gap=gap
        )
        windower = SequenceWindower(4, groups="shop", max_gap=gap).fit(frame.iloc[train])
        assert_array_equal(windower.transform(frame.iloc[test]), expected[np.isin(reached, test)])
    assert n_with_context > 0


def test_series_whose_periods_lie_between_those_of_others():
    odd, even = pd.period_range("2024-01-01", periods=6, freq="2D"), pd.period_range("2024-01-02", periods=6, freq="2D")
    frame = pd.concat([numbered(odd).assign(shop="a"), numbered(even).assign(shop="b")])
    fitted, new = (frame[frame["row"] < 4], frame[frame["row"] >= 4])
    windows = SequenceWindower(3, groups="shop").fit(fitted).transform(new)
    assert_array_equal(windows[:, :, 0], [[2, 3, 4], [3, 4, 5]] * 2)


# Rows that are served one by one


@pytest.mark.parametrize("chunk", [1, 2, 7])
@pytest.mark.parametrize("name", [*INDEXES, "array", "text"])
def test_rows_served_one_by_one_have_the_windows_of_the_whole(name, chunk):
    rows = np.random.default_rng(3).normal(size=(30, 2))
    index = {**INDEXES, "text": TEXT}.get(name)
    frame = rows if index is None else pd.DataFrame(rows, index=index)
    whole = loop_windows(rows, 3, dilation=2)
    windower = SequenceWindower(3, dilation=2, context="index" if name in INDEXES else "assume")
    windower.partial_fit(frame[:CUT])  # fits
    assert windower.n_features_in_ == 2
    for first in range(CUT, 30, chunk):
        new = frame[first : first + chunk]
        assert_array_equal(windower.transform(new), whole[first : first + chunk])
        assert windower.partial_fit(new) is windower
    assert_array_equal(windower.transform(frame[:CUT]), whole[:CUT])  # still known as what was fitted


@pytest.mark.parametrize("context", ["index", "assume"])
def test_panels_served_day_by_day_have_the_windows_of_the_whole(context):
    frame = panel({"a": [(0, 30)], "b": [(4, 30)], "c": [(0, 12)], "d": [(22, 30)]})
    whole = loop_windows(frame[["value"]], 4, **labels_of(frame))
    windower = SequenceWindower(4, groups="shop", context=context)
    days = frame.index.to_numpy()
    windower.fit(frame[days < DAYS[CUT]])
    for day in DAYS[CUT:]:
        windows = windower.transform(frame[days == day])
        assert_array_equal(windows, whole[days == day])
        windower.partial_fit(frame[days == day])


def test_a_gap_while_serving_ends_the_context():
    friday, saturday, monday = numbered(pd.bdate_range(end="2024-03-29", periods=9)), DAYS[5:6], DAYS[7:8]
    windower = SequenceWindower(2).fit(friday).partial_fit(numbered(saturday))
    assert_array_equal(windower.transform(numbered(monday)), [[[np.nan, np.nan], [0, 0]]])

    frame = numbered(DAYS)
    windower = SequenceWindower(4).fit(frame[:10]).partial_fit(frame[11:13])
    assert_array_equal(windower.transform(frame[13:]), loop_windows(frame[11:], 4)[2:])
    near = SequenceWindower(4, max_gap=pd.Timedelta("2D")).fit(frame[:10]).partial_fit(frame[11:13])
    assert_array_equal(near.transform(frame[13:]), loop_windows(frame.drop(frame.index[10]), 4)[12:])


@pytest.mark.parametrize("window", [1, 4])
def test_serving_old_rows_is_an_error(window):
    frame = numbered(DAYS)
    windower = SequenceWindower(window).fit(frame[:CUT])
    message = r"but row 0 of X is at 2024-04-13 00:00:00, and the last row seen of its series is at 2024-04-13"
    with pytest.raises(ValueError, match=message):
        windower.partial_fit(frame[CUT - 1 :])
    assert_array_equal(windower.transform(frame[CUT:]), loop_windows(frame, window)[CUT:])  # as it was

    shops = panel({"a": [(0, 10)], "b": [(0, 10)]})
    windower = SequenceWindower(window, groups="shop").fit(shops[shops["shop"] == "a"])
    windower.partial_fit(shops[shops["shop"] == "b"])  # late, but new
    with pytest.raises(ValueError, match="partial_fit requires rows that follow those seen before, but row 1 of X"):
        windower.partial_fit(pd.DataFrame({"shop": ["c", "b"], "value": 0.0}, index=DAYS[[3, 9]]))


def test_serving_other_features_is_an_error():
    frame = numbered(DAYS)
    windower = SequenceWindower(4).partial_fit(frame[:CUT])
    assert_array_equal(windower.feature_names_in_, ["row", "square"])
    with pytest.raises(ValueError, match="The feature names should match"):
        windower.partial_fit(frame[CUT:][["row"]])
    with pytest.raises(ValueError, match="X has 1 features, but SequenceWindower is expecting 2 features"):
        SequenceWindower(4).partial_fit(np.zeros((5, 2))).partial_fit(np.zeros((5, 1)))
    with pytest.raises(ValueError, match="The 'window' parameter"):
        SequenceWindower(0).partial_fit(frame)


# Parameters that change, copies


@pytest.mark.parametrize("max_gap", [None, 1])
@pytest.mark.parametrize("window", [1, 2, 9])
def test_a_window_that_is_changed_after_fit(window, max_gap):
    frame = numbered(range(30))
    windower = SequenceWindower(5, max_gap=max_gap).fit(frame[:CUT]).set_params(window=window)
    expected = loop_windows(frame[CUT - 4 :], window)[4:]  # what was remembered, no more
    assert_array_equal(windower.transform(frame[CUT:]), expected)


@pytest.mark.parametrize("context", ["index", "assume", None])
@pytest.mark.parametrize("groups", [None, "shop"])
def test_windows_of_one_row_have_no_context(context, groups):
    frame = numbered(DAYS).assign(**({} if groups is None else {"shop": "a"}))
    windower = SequenceWindower(1, context=context, groups=groups).fit(frame[:10])
    windower.partial_fit(frame[10:CUT])
    assert_array_equal(windower.transform(frame[CUT:])[:, 0], numbered(DAYS)[CUT:])


def test_pickle_keeps_the_context_and_clone_does_not():
    shops = panel({"a": [(0, 30)], "b": [(4, 30)]}, in_levels=True)
    early = shops.index.get_level_values("day") < DAYS[CUT]
    windower = SequenceWindower(4, groups="shop").fit(shops[early])
    expected = loop_windows(shops, 4, **labels_of(shops))[~early]
    restored = pickle.loads(pickle.dumps(windower))
    windower.fit(shops[~early])  # the copy has its own
    assert_array_equal(restored.transform(shops[~early]), expected)
    fresh = clone(restored)
    assert fresh.get_params() == restored.get_params()
    with pytest.raises(NotFittedError):
        fresh.transform(shops)


# ---------------------------------------------------------------------- rows of another kind that are remembered


def test_an_array_that_is_remembered_continues_the_dates():
    rows = pd.DataFrame(np.arange(10.0), index=pd.date_range("2024-01-01", periods=10))
    windower = SequenceWindower(3).fit(rows[:5]).partial_fit(rows[5:7].to_numpy())
    assert windower.transform(rows[7:8])[0, :, 0].tolist() == [5.0, 6.0, 7.0]
    assert np.isnan(windower.transform(rows[8:9])[0, :2, 0]).all()


def test_an_array_of_a_panel_continues_each_series_by_its_own_frequency():
    times = {0: pd.date_range("2024-01-01", periods=6), 10: pd.date_range("2024-01-01", periods=6, freq="7D")}
    rows = pd.concat([pd.DataFrame({0: start + np.arange(6.0), 1: start}, index) for start, index in times.items()])
    windower = SequenceWindower(2, groups=1).fit(rows.groupby(1).head(4))
    windower.partial_fit(np.array([[14.0, 10.0], [4.0, 0.0]]))
    coming = rows.groupby(1).tail(1)[::-1]
    assert np.asarray(windower.transform(coming))[:, :, 0].tolist() == [[14.0, 15.0], [4.0, 5.0]]


def test_an_array_after_dates_without_a_frequency_is_warned_of():
    index = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-05", "2024-01-09"])
    rows = pd.DataFrame(np.arange(4.0), index=index)
    windower = SequenceWindower(2).fit(rows)
    with pytest.warns(UserWarning, match="the times of the remembered rows are no longer known"):
        windower.partial_fit(np.array([[4.0]]))
    SequenceWindower(2, context="assume").fit(rows).partial_fit(np.array([[4.0]]))


@pytest.mark.parametrize(
    "index",
    [
        pd.date_range("2024-01-06", periods=2, tz="UTC"),
        pd.period_range("2024-01-06", periods=2),
        pd.RangeIndex(5, 7),
        pd.Index(["2024-01-06", "2024-01-07"]),
    ],
    ids=lambda index: type(index).__name__,
)
def test_an_index_of_another_kind_is_not_remembered(index):
    windower = SequenceWindower(3).fit(pd.DataFrame({"v": np.arange(5.0)}, pd.date_range("2024-01-01", periods=5)))
    with pytest.raises(ValueError, match=r"so that their order is unknown\. Pass an index of the same kind"):
        windower.partial_fit(pd.DataFrame({"v": [5.0, 6.0]}, index=index))
    assert windower.transform(pd.DataFrame({"v": [7.0]}, index=[pd.Timestamp("2024-01-06")]))[0, 1, 0] == 4.0
