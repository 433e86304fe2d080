import datetime
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal, assert_index_equal, assert_series_equal
from sklearn.linear_model import LinearRegression

from skrnn import SequenceWindower, make_supervised


@pytest.fixture
def frame():
    return pd.DataFrame(
        {"price": np.arange(10), "volume": np.arange(10) / 2.0, "shop": list("abcdefghij")},
        index=pd.date_range("2024-01-01", periods=10, freq="D", name="day"),
    )


@pytest.mark.parametrize("steps_ahead", [1, 3, 9])
def test_rows_and_target_are_aligned(frame, steps_ahead):
    X, y, X_latest = make_supervised(frame, "volume", steps_ahead=steps_ahead)
    assert_frame_equal(X, frame.iloc[: 10 - steps_ahead])
    assert_frame_equal(X_latest, frame.iloc[10 - steps_ahead :])
    assert_index_equal(y.index, X.index)
    assert y.name == "volume"
    for row in range(10 - steps_ahead):
        assert y.iloc[row] == frame["volume"].iloc[row + steps_ahead]


def test_one_step_is_the_default(frame):
    _, y, X_latest = make_supervised(frame, "price")
    assert y.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert len(X_latest) == 1


def test_types_are_kept(frame):
    X, y, X_latest = make_supervised(frame, "price", steps_ahead=2)
    assert y.dtype == frame["price"].dtype  # no detour over NaN
    assert_series_equal(X.dtypes, frame.dtypes)
    assert_series_equal(X_latest.dtypes, frame.dtypes)


def test_several_targets(frame):
    X, y, _ = make_supervised(frame, ["volume", "price"], steps_ahead=2)
    expected = frame[["volume", "price"]].iloc[2:].set_axis(X.index)
    assert_frame_equal(y, expected)
    one = make_supervised(frame, ["price"])[1]
    assert isinstance(one, pd.DataFrame)
    assert one["price"].tolist() == list(range(1, 10))
    assert_frame_equal(make_supervised(frame, pd.Index(["volume", "price"]), steps_ahead=2)[1], expected)


def test_nothing_from_the_future_reaches_X(frame):
    changed = frame.copy()
    changed.loc[changed.index[6] :, ["price", "volume"]] = -1
    before, after = make_supervised(frame, "price")[0], make_supervised(changed, "price")[0]
    assert_frame_equal(before.iloc[:6], after.iloc[:6])


def test_results_are_copies(frame):
    original = frame.copy()
    X, y, X_latest = make_supervised(frame, "price")
    # pandas 2 would warn here (SettingWithCopyWarning) about a slice.
    X["hour"] = 0
    X_latest["hour"] = 0
    X.iloc[0, 0] = 99
    y.iloc[0] = 99
    assert_frame_equal(frame, original)


def test_series():
    series = pd.Series([1.0, 2.0, 4.0, 8.0], name="n", index=pd.period_range("2000", periods=4, freq="Y"))
    for target in (None, "n"):
        X, y, X_latest = make_supervised(series, target)
        assert_frame_equal(X, series.iloc[:3].to_frame())
        assert y.tolist() == [2.0, 4.0, 8.0]
        assert y.name == "n"
        assert_index_equal(y.index, X.index)
        assert_frame_equal(X_latest, series.iloc[3:].to_frame())
    with pytest.raises(ValueError, match="target 'm' is not a column of frame"):
        make_supervised(series, "m")


def test_series_without_a_name():
    X, y, X_latest = make_supervised(pd.Series([1, 2, 4]), None)
    assert X.to_numpy().tolist() == [[1], [2]]
    assert y.tolist() == [2, 4]
    assert y.name is None
    assert X_latest.to_numpy().tolist() == [[4]]


@pytest.mark.parametrize("target", [1, -1, np.int64(1)])
def test_array(target):
    array = np.arange(12, dtype=np.int32).reshape(6, 2)
    X, y, X_latest = make_supervised(array, target, steps_ahead=2)
    assert_array_equal(X, array[:4])
    assert_array_equal(y, [5, 7, 9, 11])
    assert_array_equal(X_latest, array[4:])
    assert X.dtype == y.dtype == np.int32
    X[:] = y[:] = X_latest[:] = 0
    assert_array_equal(array, np.arange(12).reshape(6, 2))


def test_array_with_several_targets():
    array = np.arange(12.0).reshape(4, 3)
    _, y, _ = make_supervised(array, [2, 0])
    assert_array_equal(y, [[5.0, 3.0], [8.0, 6.0], [11.0, 9.0]])


@pytest.mark.parametrize("target", [None, 0])
def test_array_of_one_dimension(target):
    X, y, X_latest = make_supervised(np.array([1.0, 2.0, 4.0]), target)
    assert_array_equal(X, [[1.0], [2.0]])
    assert_array_equal(y, [2.0, 4.0])
    assert_array_equal(X_latest, [[4.0]])


def test_column_names_of_other_types():
    columns = pd.MultiIndex.from_tuples([("a", "low"), ("a", "high")])
    frame = pd.DataFrame([[1, 2], [3, 4]], columns=columns)
    _, y, _ = make_supervised(frame, ("a", "high"))
    assert y.tolist() == [4]
    assert make_supervised(pd.DataFrame([[1, 2], [3, 4]]), 1)[1].tolist() == [4]


# Several steps ahead


@pytest.mark.parametrize("steps", [[1, 2, 3], (3, 1), range(2, 5), np.array([4]), [np.int64(2), 1]], ids=str)
def test_several_steps_of_a_frame(frame, steps):
    X, y, X_latest = make_supervised(frame, "volume", steps_ahead=steps)
    n_rows = 10 - max(steps)
    assert_frame_equal(X, frame.iloc[:n_rows])
    assert_frame_equal(X_latest, frame.iloc[n_rows:])
    assert_index_equal(y.index, X.index)
    assert y.columns.tolist() == [f"volume_{step}" for step in steps]
    for row in range(n_rows):
        assert y.iloc[row].tolist() == [frame["volume"].iloc[row + step] for step in steps]
    y.iloc[0] = 99
    assert frame["volume"].max() < 99


def test_several_targets_and_steps(frame):
    _, y, _ = make_supervised(frame, ["volume", "price"], steps_ahead=[1, 3])
    assert y.columns.tolist() == ["volume_1", "price_1", "volume_3", "price_3"]
    assert y.loc["2024-01-03"].tolist() == [1.5, 3, 2.5, 5]
    assert y["price_3"].dtype == frame["price"].dtype
    # The same values, columns and names as by pandas, which shifts rows forward.
    later = frame[["volume", "price"]][::-1].shift([1, 3])[::-1]
    assert_frame_equal(y, later[: len(y)], check_dtype=False, check_freq=False)
    array = make_supervised(frame[["price", "volume"]].to_numpy(), [1, 0], steps_ahead=[1, 3])[1]
    assert_array_equal(array, y)


def test_several_steps_of_other_containers():
    array = np.arange(12.0).reshape(6, 2)
    X, y, X_latest = make_supervised(array, -1, steps_ahead=[2, 1])
    assert_array_equal(y, [[5, 3], [7, 5], [9, 7], [11, 9]])
    assert_array_equal(X, array[:4])
    assert_array_equal(X_latest, array[4:])
    assert_array_equal(make_supervised(array[:, 0], None, steps_ahead=[1])[1], [[2], [4], [6], [8], [10]])
    series = pd.Series([1, 2, 4, 8])
    assert make_supervised(series, None, steps_ahead=[1, 2])[1].to_dict("list") == {1: [2, 4], 2: [4, 8]}
    columns = {"a": array[:, 0], "b": array[:, 1]}
    table = pa.table(columns)
    for frame in (pl.DataFrame(columns), table, table.to_batches()[0]):
        X, y, X_latest = make_supervised(frame, ["b", "a"], steps_ahead=(1, 3))
        assert type(y) is type(frame)
        assert list(y.to_pandas()) == ["b_1", "a_1", "b_3", "a_3"]
        assert_array_equal(y.to_pandas(), [[3, 2, 7, 6], [5, 4, 9, 8], [7, 6, 11, 10]])
        assert_array_equal(X.to_pandas(), array[:3])
        assert_array_equal(X_latest.to_pandas(), array[3:])
        assert_array_equal(make_supervised(frame, "a", steps_ahead=[1])[1].to_pandas(), array[1:, :1])


def test_one_model_of_several_steps():
    X, y, X_latest = make_supervised(pd.Series(np.arange(20.0), name="n"), "n", steps_ahead=[1, 2])
    predicted = LinearRegression().fit(X, y).predict(X_latest)
    np.testing.assert_allclose(predicted, [[19, 20], [20, 21]])


@pytest.mark.parametrize(
    ("steps_ahead", "message"),
    [
        ([], r"must be a positive int, or several of them\. Got \[\] instead"),
        ([1, 0], r"or several of them\. Got \[1, 0\] instead"),
        ([1.0, 2.0], r"or several of them\. Got \[1\.0, 2\.0\]"),
        ([[1, 2]], "or several of them"),
        ([True], "or several of them"),
        ({1: 2}, "or several of them"),
        ([2, 1, 2], r"or several different ones\. Got \[2, 1, 2\]"),
        ([1, 10], r"frame has 10 rows, but steps_ahead=\[1, 10\] requires at least 11"),
    ],
)
def test_wrong_steps(frame, steps_ahead, message):
    for given, target in ((frame, "price"), (frame["price"].to_numpy(), 0), (pl.DataFrame({"a": range(10)}), "a")):
        with pytest.raises(ValueError, match=message):
            make_supervised(given, target, steps_ahead=steps_ahead)


def test_target_lies_outside_its_window():
    series = np.arange(20.0)
    X, y, X_latest = make_supervised(series, None, steps_ahead=3)
    windows = SequenceWindower(4, padding="zeros").fit_transform(X)
    assert_array_equal(y, np.max(windows, axis=(1, 2)) + 3)
    together = SequenceWindower(4).fit(X).transform(np.concatenate([X, X_latest]))
    assert_array_equal(together[-1, :, 0], [16.0, 17.0, 18.0, 19.0])


# Errors


def test_unknown_target_names_the_nearest_column(frame):
    with pytest.raises(ValueError, match=r"target 'pricee' is not a column of frame\. Did you mean 'price'\?$"):
        make_supervised(frame, "pricee")
    with pytest.raises(ValueError, match=r"target 'volum' is not a column of frame\. Did you mean 'volume'\?$"):
        make_supervised(frame, ["price", "volum"])
    with pytest.raises(ValueError, match=r"target 'xyz' is not .* Choose from 'price', 'volume', 'shop'\.$"):
        make_supervised(frame, "xyz")
    with pytest.raises(ValueError, match="target None is not a column of frame"):
        make_supervised(frame, None)


def test_many_columns_are_not_all_listed():
    frame = pd.DataFrame(np.zeros((3, 12)))
    with pytest.raises(ValueError, match=r"Choose from 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\.\.$"):
        make_supervised(frame, "load")


def test_no_target(frame):
    with pytest.raises(ValueError, match="target is an empty list"):
        make_supervised(frame, [])


def test_ambiguous_target():
    frame = pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"])
    with pytest.raises(ValueError, match="target 'a' is the name of 2 columns of frame"):
        make_supervised(frame, "a")


@pytest.mark.parametrize("steps_ahead", [0, -1, 1.0, "1", None])
def test_steps_ahead_is_validated(frame, steps_ahead):
    message = (
        r"The 'steps_ahead' parameter of make_supervised must be an int in the range \[1, inf\) or an array-like. Got "
    )
    with pytest.raises(ValueError, match=message):
        make_supervised(frame, "price", steps_ahead=steps_ahead)


@pytest.mark.parametrize("steps_ahead", [10, 11])
def test_too_few_rows(frame, steps_ahead):
    message = f"frame has 10 rows, but steps_ahead={steps_ahead} requires at least {steps_ahead + 1}"
    with pytest.raises(ValueError, match=message):
        make_supervised(frame, "price", steps_ahead=steps_ahead)
    with pytest.raises(ValueError, match=message):
        make_supervised(frame["price"].to_numpy(), None, steps_ahead=steps_ahead)


@pytest.mark.parametrize("given", [[[1, 2], [3, 4]], {"a": [1, 2]}, "frame", None])
def test_frame_of_a_wrong_type(given):
    with pytest.raises(TypeError, match=f"Got {type(given).__name__} instead. Convert it first"):
        make_supervised(given, "a")


def test_array_of_a_wrong_shape():
    with pytest.raises(ValueError, match=r"Got an array of shape \(2, 3, 4\). Pass one series at a time"):
        make_supervised(np.zeros((2, 3, 4)), 0)


@pytest.mark.parametrize("target", ["load", None, 1.0, True, [], [[0, 1]]])
def test_array_target_of_a_wrong_type(target):
    with pytest.raises(TypeError, match=r"target must be the index of a column or a list of them\. Got "):
        make_supervised(np.zeros((4, 2)), target)


@pytest.mark.parametrize(("target", "outside"), [(2, 2), (-3, -3), ([0, 5], 5)])
def test_array_target_out_of_range(target, outside):
    message = rf"target {outside} is not a column of frame, which has shape \(4, 2\). Choose from 0 to 1"
    with pytest.raises(ValueError, match=message):
        make_supervised(np.zeros((4, 2)), target)


DAYS = pd.date_range("2024-01-01", periods=5, freq="D")


@pytest.mark.parametrize(
    "index",
    [
        DAYS,
        DAYS.tz_localize("Europe/Paris"),
        DAYS.to_period("D"),
        DAYS - DAYS[0],
        pd.Index(DAYS.date),
        pd.Index([2000, 2001, 2002, 2003, 2004]),
        pd.Index([0.0, 0.5, 1.0, 1.5, 2.0]),
        pd.Index([1, 2, 3, 4, 5], dtype="Int64"),
    ],
    ids=["datetime", "time zone", "period", "timedelta", "date", "int", "float", "nullable int"],
)
def test_index_must_increase(index):
    def supervise(order):
        return make_supervised(pd.DataFrame({"a": range(len(order))}, index=index[order]), "a")

    assert supervise([0, 1, 2, 3, 4])[1].tolist() == [1, 2, 3, 4]
    assert supervise([0, 1, 3])[1].tolist() == [1, 2]  # gaps are in order
    with pytest.raises(ValueError, match=r"must increase, but row 3 \(.*\) does not come after row 2 \(.*Sort"):
        supervise([0, 1, 4, 2, 3])
    with pytest.raises(ValueError, match=r"must increase, but row 2 \(.*\) repeats the time of row 1"):
        supervise([0, 1, 1, 0, 4])


def test_disorder_is_shown_with_its_times():
    frame = pd.DataFrame({"a": range(3)}, index=DAYS[[0, 2, 1]])
    message = r"row 2 \(2024-01-02 00:00:00\) does not come after row 1 \(2024-01-03 00:00:00\)"
    with pytest.raises(ValueError, match=message):
        make_supervised(frame, "a")


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_missing_time(missing):
    times = list(DAYS[:3])
    times[missing] = pd.NaT
    with pytest.raises(ValueError, match="NaT"):
        make_supervised(pd.DataFrame({"a": range(3)}, index=pd.DatetimeIndex(times)), "a")


@pytest.mark.parametrize(
    "index",
    [
        ["row1", "row10", "row2"],
        ["02/01/2024", "03/01/2024", "01/02/2024"],
        pd.MultiIndex.from_tuples([(2024, "Jan"), (2024, "Feb"), (2024, "Mar")]),
    ],
    ids=["text", "dates as text", "levels"],
)
def test_an_index_without_a_known_order_is_taken_as_it_is(index):
    _, y, _ = make_supervised(pd.DataFrame({"a": range(3)}, index=index), "a")
    assert y.tolist() == [1, 2]


def test_mixed_index_is_taken_as_it_is():
    index = pd.Index([datetime.date(2024, 1, 2), "later", 3], dtype=object)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, y, _ = make_supervised(pd.DataFrame({"a": range(3)}, index=index), "a")
    assert y.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("index", "row"),
    [
        (["2024-01-01", "2024-01-03", "2024-01-02"], 2),
        (["2024-01-01", "2024-01-01", "2024-01-02"], 1),
        (["2024-01", "2023-12", "2024-02"], 1),
        (["2024-01-01 06:00", "2024-01-01 05:00", "2024-01-02"], 1),
    ],
)
def test_unsorted_dates_as_text(index, row):
    shown = rf"dates as text, and row {row} \('{index[row]}'\) does not come after row {row - 1} .*pd.to_datetime"
    with pytest.warns(UserWarning, match=shown):
        _, y, _ = make_supervised(pd.DataFrame({"a": range(3)}, index=index), "a")
    assert y.tolist() == [1, 2]


@pytest.mark.parametrize("index", [["2024-01-01", "2024-01-02", "2024-01-10"], ["2024-01-02", "2024-01-01", "total"]])
def test_sorted_dates_and_other_text(index):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, y, _ = make_supervised(pd.DataFrame({"a": range(3)}, index=index), "a")
    assert y.tolist() == [1, 2]
