"""Every transformer and function that takes rows in time order, with every kind of damage."""

import re

import numpy as np
import pandas as pd
import pytest
from damage import assert_refused, at, ids
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

from skrnn import (
    PanelTimeSeriesSplit,
    SequenceScaler,
    SequenceTokenizer,
    SequenceWindower,
    make_supervised,
    sliding_windows,
)

ROWS = np.random.default_rng(0).normal(size=(20, 3))
DAYS = pd.date_range("2024-01-01", periods=20)
FRAME = pd.DataFrame(ROWS, index=DAYS, columns=["load", "price", "wind"])
SEQUENCES = np.random.default_rng(1).normal(size=(8, 4, 2))
TEXTS = ["a good film", "a bad film", ""]


# ---------------------------------------------------------------------- what is no array

NO_ARRAYS = [
    ("None", None, "Got None of type NoneType instead"),
    ("a number", 5, "Got 5 of type int instead"),
    ("text", "wave", "Got 'wave' of type str instead"),
    ("bytes", b"wave", "Got b'wave' of type bytes instead"),
    ("a mapping", {"load": [1.0]}, "Got {'load': [1.0]} of type dict instead"),
    ("a set", {1.0}, "Got {1.0} of type set instead"),
    ("an iterator", iter([[1.0]]), "of type list_iterator instead"),
    ("an object", object(), "of type object instead"),
    ("a function", len, "of type builtin_function_or_method instead"),
    ("an estimator", Ridge(), "Got Ridge() of type Ridge instead"),
    ("sparse", csr_array(ROWS), "Sparse data was passed for X, but"),
]
TAKE_ROWS = {
    "windower.fit": SequenceWindower(3).fit,
    "windower.transform": SequenceWindower(3).fit(ROWS).transform,
    "windower.partial_fit": SequenceWindower(3).fit(ROWS).partial_fit,
    "windower.fit_transform": SequenceWindower(3).fit_transform,
    "windower.inverse_transform": SequenceWindower(3).fit(ROWS).inverse_transform,
    "windower of groups": SequenceWindower(3, groups=0).fit,
    "sliding_windows": lambda X: sliding_windows(X, 3),
    "sliding_windows of groups": lambda X: sliding_windows(X, 3, groups=0),
    "scaler.fit": SequenceScaler().fit,
    "scaler.transform": SequenceScaler().fit(SEQUENCES).transform,
    "scaler.inverse_transform": SequenceScaler().fit(SEQUENCES).inverse_transform,
    "tokenizer.inverse_transform": SequenceTokenizer().fit(TEXTS).inverse_transform,
}


@pytest.mark.parametrize("function", TAKE_ROWS)
@pytest.mark.parametrize(("bad", "message"), ids(NO_ARRAYS))
def test_what_is_no_array(bad, message, function):
    assert_refused(TypeError, message, lambda: TAKE_ROWS[function](bad))


# ---------------------------------------------------------------------- rows

AT = "at row 7, column 1"
BAD_ROWS = [
    ("NaN", at(ROWS, (slice(7, None), 1), np.nan), ValueError, f"Input X contains NaN, first {AT}; "),
    ("infinity", at(ROWS, (7, 1), -np.inf), ValueError, f"Input X contains infinity, first {AT}; "),
    ("None", at(ROWS.astype(object), (7, 1), None), ValueError, f"Input X contains NaN, first {AT}; "),
    ("text", at(ROWS.astype(object), (7, 1), "wave"), ValueError, f"X has dtype object, and contains 'wave' {AT}"),
    ("an object", at(ROWS.astype(object), (7, 1), {}), TypeError, f"contains {{}} {AT}: float() argument must be"),
    ("a list", at(ROWS.astype(object), (7, 1), [1.0]), TypeError, f"X has dtype object, and contains [1.0] {AT}"),
    ("a huge int", at(ROWS.astype(object), (7, 1), 10**400), ValueError, AT),
    ("complex", ROWS + 1j, ValueError, "Complex data not supported, got X of dtype complex128"),
    ("dates", ROWS.astype("M8[s]"), TypeError, "takes numbers, but X has dtype datetime64[s]"),
    ("time differences", ROWS.astype("m8[s]"), TypeError, "takes numbers, but X has dtype timedelta64[s]"),
    ("records", np.zeros((20, 3), dtype=[("a", float)]), TypeError, "X has dtype [('a', '<f8')]"),
    ("no row", ROWS[:0], ValueError, "Found array with 0 sample(s) (shape=(0, 3)) while a minimum of 1 is required"),
    ("no column", ROWS[:, :0], ValueError, "Found array with 0 feature(s) (shape=(20, 0)) while a minimum of 1"),
    ("one dimension", ROWS[:, 0], ValueError, "Expected 2D array, got 1D array instead"),
    ("three dimensions", SEQUENCES, ValueError, "Found array with dim 3"),
    ("rows of two lengths", [[1.0, 2.0], [1.0]], ValueError, "of different lengths, which"),
    ("which row", [[1.0, 2.0], [1.0, 2.0], [1.0]], ValueError, "does not take: row 2 has 1, row 0 has 2"),
    ("NaN in a frame", FRAME.mask(ROWS[7, 1] == FRAME), ValueError, "contains NaN, first at row 7, column 'price'; "),
    ("NA in a frame", pd.DataFrame({"load": pd.array([1, None], dtype="Int64")}), ValueError, "row 1, column 'load'"),
    (
        "text in a frame",
        FRAME.assign(price="high"),
        ValueError,
        "contains 'high' at row 0, column 'price'. Encode column 'price', for example with",
    ),
    ("dates in a frame", FRAME.assign(price=DAYS), TypeError, "but X['price'] has dtype datetime64["),
    ("the times of rows", FRAME.assign(price=DAYS), TypeError, "the times of the rows, make it the index (set_index)."),
    ("no column in a frame", FRAME[[]], ValueError, "Found array with 0 feature(s) (shape=(20, 0)) while"),
    ("an empty frame", pd.DataFrame(), ValueError, "Found array with 0 feature(s) (shape=(0, 0)) while a minimum of 1"),
    ("a series", FRAME["load"], ValueError, "Expected a 2-dimensional container but got"),
    (
        "time that runs backwards",
        FRAME[::-1],
        ValueError,
        "The times of X must increase, but row 1 (2024-01-19 00:00:00)",
    ),
    ("a missing time", FRAME.set_axis([*DAYS[:7], pd.NaT, *DAYS[8:]]), ValueError, "The time of row 7 of X is missing"),
]


@pytest.mark.parametrize(("bad", "error", "message"), ids(BAD_ROWS))
@pytest.mark.parametrize("function", ["windower.fit", "windower.fit_transform", "sliding_windows"])
def test_damaged_rows(function, bad, error, message):
    assert_refused(error, message, lambda: TAKE_ROWS[function](bad))


@pytest.mark.parametrize(("bad", "error", "message"), ids(BAD_ROWS))
@pytest.mark.parametrize("fitted_on", ["array", "frame"])
def test_a_fitted_windower_is_left_as_it_was(fitted_on, bad, error, message):
    good = ROWS if fitted_on == "array" else FRAME
    windower = SequenceWindower(3).fit(good)
    before, expected = dict(vars(windower)), np.array(windower.transform(good))
    for method in (windower.fit, windower.fit_transform):
        assert_refused(error, message, lambda method=method: method(bad))
    if isinstance(bad, pd.DataFrame) == (fitted_on == "frame"):  # scikit-learn warns of one that is of the other kind
        for method in (windower.partial_fit, windower.transform):
            with pytest.raises((ValueError, TypeError)):
                method(bad)
    assert vars(windower).keys() == before.keys()
    assert all(vars(windower)[name] is value for name, value in before.items())
    assert_array_equal(windower.transform(good), expected)


UNLIKE_FITTED = [
    ("fewer columns", ROWS[:, :2], "X has 2 features, but SequenceWindower is expecting 3 features as input"),
    ("more columns", np.tile(ROWS, 2), "X has 6 features, but SequenceWindower is expecting 3 features as input"),
]


@pytest.mark.parametrize(("bad", "message"), ids(UNLIKE_FITTED))
@pytest.mark.parametrize("function", ["windower.transform", "windower.partial_fit"])
def test_rows_unlike_fitted_ones(function, bad, message):
    assert_refused(ValueError, message, lambda: TAKE_ROWS[function](bad))


PARAMETERS_OF_WINDOWS = [
    ("no window", {"window": 0}, ROWS, "The 'window' parameter of {} must be an int in the range [1, inf). Got 0"),
    ("half a window", {"window": 2.5}, ROWS, "Got 2.5 instead"),
    ("no dilation", {"dilation": 0}, ROWS, "The 'dilation' parameter of {} must be an int in the range [1, inf)"),
    ("padding", {"padding": "head"}, ROWS, "The 'padding' parameter of {} must be a str among"),
    ("a gap without times", {"max_gap": 1}, ROWS, "max_gap=1 requires the times of the rows"),
    ("a gap of another kind", {"max_gap": 1}, FRAME, "max_gap must be a positive timedelta"),
    ("no gap", {"max_gap": pd.Timedelta(0)}, FRAME, "max_gap must be a positive timedelta"),
    ("a negative gap", {"max_gap": -1}, ROWS, "The 'max_gap' parameter of {} must be"),
    ("no such column", {"groups": 3}, ROWS, "groups=3 is not a column of X, an array of shape (20, 3)"),
    ("no such name", {"groups": "shop"}, FRAME, "groups='shop' is neither a column of X nor a level of its index"),
    ("a group is missing", {"groups": 0}, at(ROWS, (7, 0), np.nan), "groups=0 contains a missing value in row 7"),
    (
        "groups of one dimension",
        {"groups": 0},
        ROWS[:, 0],
        "groups=0 requires rows of shape (n_rows, n_columns). Got sh",
    ),
    ("NaN among groups", {"groups": 0}, at(ROWS, (7, 1), np.nan), "Input X contains NaN, first at row 7, column 0"),
]


@pytest.mark.parametrize(("params", "X", "message"), ids(PARAMETERS_OF_WINDOWS))
def test_bad_parameters_of_windows(params, X, message):
    params = {"window": 3, **params}
    assert_refused(ValueError, message.format("SequenceWindower"), lambda: SequenceWindower(**params).fit(X))
    assert_refused(ValueError, message.format("sliding_windows"), lambda: sliding_windows(X, **params))


NO_LABELS = [
    ("a list of columns", [0], FRAME, "groups must be the name of a column or of an index level of X. Got [0] instead"),
    (
        "a column",
        FRAME.iloc[:, 0],
        FRAME,
        "groups must be the name of a column or of an index level of X. Got Series",
    ),
    (
        "a column of lists",
        "shop",
        FRAME.assign(shop=[["north"]] * len(FRAME)),
        "groups='shop' must contain strings, numbers or dates. Row 0 contains ['north']",
    ),
]


@pytest.mark.parametrize(("groups", "X", "message"), ids(NO_LABELS))
def test_groups_that_are_no_labels(groups, X, message):
    assert_refused(TypeError, message, lambda: SequenceWindower(3, groups=groups).fit(X))
    assert_refused(TypeError, message, lambda: sliding_windows(X, 3, groups=groups))


@pytest.mark.parametrize(
    ("ends", "X", "error", "message"),
    ids(
        [
            ("a number", 5, ROWS, TypeError, "ends must be array-like or a DataFrame for sliding_windows. Got 5"),
            (
                "text",
                "2024",
                FRAME,
                TypeError,
                "ends must be array-like or a DataFrame for sliding_windows. Got '2024'",
            ),
            ("a set", {1, 2}, ROWS, TypeError, "of type set instead"),
            ("an iterator", iter([1, 2]), ROWS, TypeError, "of type list_iterator instead"),
            ("sparse", csr_array(ROWS), ROWS, TypeError, "Sparse data was passed for ends"),
            ("rows", ROWS, ROWS, ValueError, "ends must be times, of shape (n_windows,). Got shape (20, 3) instead"),
            ("no dimension", np.array(1.0), ROWS, ValueError, "of shape (n_windows,). Got shape () instead"),
            ("pairs", [(1, 2), (3, 4)], ROWS, ValueError, "ends must be times of one level. Got a MultiIndex"),
            ("missing", [1.0, np.nan], ROWS, ValueError, "ends contains nan. Drop missing times"),
            ("before the first", [-1], ROWS, ValueError, "ends[0] is -1, which is before the first row"),
            ("dates of numbers", DAYS, ROWS, ValueError, "cannot be compared with the times of X"),
            ("numbers of dates", [1, 2], FRAME, ValueError, "cannot be compared with the times of X"),
            ("words", ["a", "b"], ROWS, ValueError, "cannot be compared with the times of X"),
        ]
    ),
)
def test_bad_ends(ends, X, error, message):
    assert_refused(error, message, lambda: sliding_windows(X, 3, ends=ends))


BAD_WINDOWS = [
    (
        "rows",
        ROWS,
        ValueError,
        "requires windows of shape (n_rows, window, n_features) = (n_rows, 3, 3), but X has shape",
    ),
    ("another window", np.zeros((4, 2, 3)), ValueError, "(n_rows, 3, 3), but X has shape (4, 2, 3)"),
    ("no dimension", np.array(1.0), (ValueError, TypeError), ""),  # scikit-learn's
    ("text", np.full((4, 3, 3), "wave"), ValueError, "contains 'wave' at row 0, time step 0, feature 0"),
    ("complex", np.zeros((4, 3, 3)) + 1j, ValueError, "Complex data not supported, got X of dtype complex128"),
    ("ragged", [[[1.0]], [[1.0], [2.0]]], ValueError, "X is a list of lists of different lengths"),
]


@pytest.mark.parametrize(("bad", "error", "message"), ids(BAD_WINDOWS))
def test_bad_windows_to_undo(bad, error, message):
    assert_refused(error, message, lambda: TAKE_ROWS["windower.inverse_transform"](bad))


# ---------------------------------------------------------------------- frames and times

SUPERVISED = [
    (
        "a list",
        [1.0, 2.0],
        "load",
        {},
        TypeError,
        "must be a DataFrame, a pandas Series or a numpy array. Got li",
    ),
    ("None", None, "load", {}, TypeError, "Got NoneType instead"),
    ("sparse", csr_array(ROWS), 0, {}, TypeError, "Got csr_array instead"),
    ("no column", FRAME, "lod", {}, ValueError, "target 'lod' is not a column of frame. Did you mean 'load'?"),
    ("no target", FRAME, None, {}, ValueError, "target None is not a column of frame"),
    ("an empty list", FRAME, [], {}, ValueError, "target is an empty list"),
    (
        "a mapping",
        FRAME,
        {"load": 1},
        {},
        TypeError,
        "target must be the name of a column of frame, or a list of names",
    ),
    ("a set", FRAME, {"load"}, {}, TypeError, "a list of names. Got set instead"),
    ("a series as a target", FRAME, FRAME["load"], {}, TypeError, "a list of names. Got Series instead"),
    ("frames as targets", FRAME, [FRAME], {}, TypeError, "a list of names. Got DataFrame instead"),
    ("a sparse target", FRAME, csr_array(ROWS), {}, TypeError, "a list of names. Got csr_array instead"),
    (
        "a name for an array",
        ROWS,
        "load",
        {},
        TypeError,
        "target must be the index of a column or a list of them. Got 'lo",
    ),
    ("a fraction for an array", ROWS, 0.5, {}, TypeError, "Got 0.5 instead"),
    (
        "beyond an array",
        ROWS,
        3,
        {},
        ValueError,
        "target 3 is not a column of frame, which has shape (20, 3). Choose fro",
    ),
    ("three dimensions", SEQUENCES, 0, {}, ValueError, "Got an array of shape (8, 4, 2). Pass one series at a time"),
    ("no dimension", np.array(1.0), 0, {}, ValueError, "Got an array of shape ()"),
    (
        "no step",
        FRAME,
        "load",
        {"steps_ahead": 0},
        ValueError,
        "The 'steps_ahead' parameter of make_supervised must be an",
    ),
    ("half a step", FRAME, "load", {"steps_ahead": 0.5}, ValueError, "Got 0.5 instead"),
    (
        "too many steps",
        FRAME,
        "load",
        {"steps_ahead": 20},
        ValueError,
        "frame has 20 rows, but steps_ahead=20 requires at l",
    ),
    ("no row", FRAME[:0], "load", {}, ValueError, "frame has 0 rows, but steps_ahead=1 requires at least 2"),
    (
        "backwards",
        FRAME[::-1],
        "load",
        {},
        ValueError,
        "must increase, but row 1 (2024-01-19 00:00:00) does not come af",
    ),
    (
        "a time twice",
        FRAME.iloc[[0, 1, 1]],
        "load",
        {},
        ValueError,
        "row 2 (2024-01-02 00:00:00) repeats the time of row 1",
    ),
]


@pytest.mark.parametrize(("frame", "target", "params", "error", "message"), ids(SUPERVISED))
def test_bad_frames_to_learn_from(frame, target, params, error, message):
    assert_refused(error, message, lambda: make_supervised(frame, target, **params))


SPLITS = [
    (
        "a list",
        [[1.0]],
        {},
        "X must be a pandas object or a 2-D array that contains the times of its rows. Got list instead",
    ),
    ("None", None, {}, "Got NoneType instead"),
    ("sparse", csr_array(ROWS), {}, "Got csr_array of shape (20, 3) instead"),
    ("windows", sliding_windows(ROWS, 3), {}, "Got Sequences of shape (20, 3, 3) instead"),
    ("three dimensions", SEQUENCES, {}, "Got ndarray of shape (8, 4, 2) instead"),
    ("an array", ROWS, {}, "from the index of X, but X is an array of shape (20, 3)"),
    ("no such column", ROWS, {"time": 3}, "time=3 is not a column of X, an array of shape (20, 3)"),
    ("no such name", FRAME, {"time": "day"}, "time='day' is neither a column of X nor a level of its index"),
    ("row numbers", FRAME.reset_index(drop=True), {}, "the index contains a different integer for each row"),
    ("text", FRAME.assign(day="Monday"), {"time": "day"}, "time='day' must contain dates or numbers"),
    (
        "a missing time",
        FRAME.set_axis([*DAYS[:7], pd.NaT, *DAYS[8:]]),
        {},
        "must contain a time for every row, but the time of row 7 is missing",
    ),
    ("too few times", FRAME[:2], {}, "X has 2 distinct times in 2 rows, too few for n_splits=2"),
    ("no row", FRAME[:0], {}, "X has 0 distinct times in 0 rows, too few for n_splits=2"),
    ("too large a fold", FRAME, {"test_size": 15}, "too few for n_splits=2, test_size=15 and gap=0"),
]


@pytest.mark.parametrize(("X", "params", "message"), ids(SPLITS))
def test_bad_frames_to_split(X, params, message):
    assert_refused(ValueError, message, lambda: PanelTimeSeriesSplit(2, **params).split(X))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_splits": 1}, "k-fold cross-validation requires at least one train/test split"),
        ({"test_size": 0}, "The 'test_size' parameter of PanelTimeSeriesSplit must be an int in the range [1, inf)"),
        (
            {"gap": -1},
            "The 'gap' parameter of PanelTimeSeriesSplit must be an int in the range [0, inf). Got -1 instead",
        ),
        ({"max_train_size": 1.5}, "The 'max_train_size' parameter of PanelTimeSeriesSplit must be an int"),
    ],
)
def test_bad_parameters_of_splits(params, message):
    assert_refused(ValueError, message, lambda: PanelTimeSeriesSplit(**params))


# ---------------------------------------------------------------------- order of calls


@pytest.mark.parametrize(
    ("transformer", "methods", "good"),
    [
        (SequenceWindower(3), ["transform", "inverse_transform"], ROWS),
        (SequenceScaler(), ["transform", "inverse_transform"], SEQUENCES),
        (SequenceTokenizer(), ["transform", "inverse_transform"], TEXTS),
    ],
    ids=["windower", "scaler", "tokenizer"],
)
def test_before_fit_and_after_a_fit_that_fails(transformer, methods, good):
    message = re.escape(f"This {type(transformer).__name__} instance is not fitted yet")
    for _ in range(2):
        for method in methods:
            with pytest.raises(NotFittedError, match=message):
                getattr(transformer, method)(good)
        with pytest.raises(TypeError):
            transformer.fit(None)
