"""Forecasters and every kind of invalid input: the error, and the state of the forecaster after it."""

import numpy as np
import pandas as pd
import pytest
from damage import at, forecaster, ids
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

DAYS = pd.date_range("2024-01-01", periods=30)
LATER = pd.date_range("2024-01-31", periods=3)
Y = np.sin(np.arange(30.0))
ROWS = np.random.default_rng(0).normal(size=(30, 2))
FRAME = pd.DataFrame(ROWS, index=DAYS, columns=["a", "b"])
SERIES = pd.Series(Y, index=DAYS, name="load")


# What is fitted, on what, and what it then predicts from.
FITTED = {
    "arrays": (ROWS, Y, ROWS[:3]),
    "frames": (FRAME, SERIES, pd.DataFrame(ROWS[:3], LATER, ["a", "b"])),
    "no covariates": (None, SERIES, pd.DataFrame(index=LATER)),
}


def assert_rejected(kind, error, message, function):
    """Check the error, and that the fitted forecaster is what it was, and predicts the same bits."""
    X, y, later = FITTED[kind]
    fitted = forecaster(calibration_size=0.5).fit(X, y)
    before, expected = dict(vars(fitted)), fitted.predict(later)
    with pytest.raises(error) as caught:
        function(fitted)
    assert message in str(caught.value)
    assert vars(fitted).keys() == before.keys()
    assert all(vars(fitted)[name] is value for name, value in before.items())
    assert_array_equal(fitted.predict(later), expected)


# ---------------------------------------------------------------------- series

BAD_SERIES = [
    ("None", None, ValueError, "SequenceForecaster estimator requires y to be passed, but the target y is None"),
    ("a number", 5, TypeError, "y must be array-like or a DataFrame for SequenceForecaster. Got 5 of type int"),
    (
        "text",
        "wave",
        TypeError,
        "y must be array-like or a DataFrame for SequenceForecaster. Got 'wave' of type str",
    ),
    ("a mapping", {0: 1.0}, TypeError, "Got {0: 1.0} of type dict instead"),
    ("a set", {1.0}, TypeError, "Got {1.0} of type set instead"),
    ("an iterator", iter([1.0]), TypeError, "of type list_iterator instead"),
    ("an object", object(), TypeError, "of type object instead"),
    (
        "sparse",
        csr_array(ROWS),
        TypeError,
        "Sparse data was passed for y, but SequenceForecaster takes dense data only",
    ),
    ("infinity", at(Y, 7, np.inf), ValueError, "Input y contains infinity, first at row 7; SequenceForecaster takes"),
    ("infinity in two series", at(ROWS, (7, 1), np.inf), ValueError, "y contains infinity, first at row 7, column 1"),
    ("only NaN", np.full(len(Y), np.nan), ValueError, "No window of y is followed by the values to predict"),
    ("text in it", at(Y.astype(object), 7, "wave"), ValueError, "y has dtype object, and contains 'wave' at row 7"),
    (
        "an object in it",
        at(Y.astype(object), 7, {}),
        TypeError,
        "y has dtype object, and contains {} at row 7: float()",
    ),
    ("a huge int", at(Y.astype(object), 7, 10**400), ValueError, "at row 7"),
    ("complex", Y + 1j, ValueError, "Complex data not supported, got y of dtype complex128"),
    ("dates", DAYS, TypeError, "SequenceForecaster takes numbers, but y has dtype datetime64["),
    ("three dimensions", ROWS[..., None], ValueError, "Found array with dim 3"),
    ("no dimension", np.array(1.0), TypeError, "Input should have at least 1 dimension"),  # scikit-learn's
    ("lists of two lengths", [[1.0], [1.0, 2.0]], ValueError, "y is a list of lists of different lengths, which"),
    ("nothing", [], ValueError, "0 sample(s)"),
    ("an empty frame", pd.DataFrame(), ValueError, "Found array with 0 feature(s) (shape=(0, 0))"),
    ("too short", Y[:3], ValueError, "y has 3 sample(s), but window=3 and output_steps=1 require at least 4"),
    (
        "time that runs backwards",
        SERIES[::-1],
        ValueError,
        "The times of X must increase, but row 1 (2024-01-29 00:00:00)",
    ),
]


@pytest.mark.parametrize("kind", FITTED)
@pytest.mark.parametrize(("bad", "error", "message"), ids(BAD_SERIES))
def test_a_fit_that_fails_leaves_the_forecaster_as_it_was(bad, error, message, kind):
    assert_rejected(kind, error, message, lambda fitted: fitted.fit(None, bad))


@pytest.mark.parametrize(("bad", "error", "message"), ids([case for case in BAD_SERIES[:-2] if case[0] != "only NaN"]))
def test_damaged_rows_to_append(bad, error, message):
    if isinstance(bad, pd.DataFrame) or np.ndim(bad if not isinstance(bad, list) else 0) > 1:
        message = ""  # the number of series may be rejected first
    assert_rejected("no covariates", error, message, lambda fitted: fitted.update(None, bad))


# ---------------------------------------------------------------------- covariates

BAD_COVARIATES = [
    ("a number", 5, TypeError, "X must be array-like or a DataFrame for SequenceForecaster. Got 5 of type int"),
    ("text", "wave", TypeError, "Got 'wave' of type str"),
    ("a mapping", {0: 1.0}, TypeError, "Got {0: 1.0} of type dict instead"),
    ("an iterator", iter([1.0]), TypeError, "of type list_iterator instead"),
    (
        "sparse",
        csr_array(ROWS),
        TypeError,
        "Sparse data was passed for X, but SequenceForecaster takes dense data only",
    ),
    ("NaN", at(ROWS, (7, 1), np.nan), ValueError, "Input X contains NaN, first at row 7, column 1; SequenceForecaster"),
    ("infinity", at(ROWS, (7, 1), np.inf), ValueError, "Input X contains infinity, first at row 7, column 1"),
    (
        "text in it",
        at(ROWS.astype(object), (7, 1), "a"),
        ValueError,
        "dtype object, and contains 'a' at row 7, column 1",
    ),
    ("an object", at(ROWS.astype(object), (7, 1), {}), TypeError, "contains {} at row 7, column 1: float() argument"),
    ("a huge int", at(ROWS.astype(object), (7, 1), 10**400), ValueError, "at row 7, column 1"),
    ("complex", ROWS + 1j, ValueError, "Complex data not supported, got X of dtype complex128"),
    ("dates", ROWS.astype("M8[s]"), TypeError, "SequenceForecaster takes numbers, but X has dtype datetime64[s]"),
    ("one dimension", Y, ValueError, "Expected 2D array, got 1D array instead"),
    ("three dimensions", ROWS[..., None], ValueError, "Found array with dim 3"),
    ("rows of two lengths", [[1.0], [1.0, 2.0]] * 15, ValueError, "X is a list of lists of different lengths, which"),
    ("no column", ROWS[:, :0], ValueError, ""),  # of scikit-learn at fit, ours later
]
UNLIKE_FITTED = [
    ("fewer columns", ROWS[:, :1], "X has 1 features, but SequenceForecaster is expecting 2 features as input"),
    ("more columns", np.tile(ROWS, 2), "X has 4 features, but SequenceForecaster is expecting 2 features as input"),
]
ASK = {
    "fit": lambda fitted, X: fitted.fit(X, Y),
    "update": lambda fitted, X: fitted.update(X, Y),
    "predict": lambda fitted, X: fitted.predict(X),
    "predict_interval": lambda fitted, X: fitted.predict_interval(X),
    "score": lambda fitted, X: fitted.score(X, Y),
}


@pytest.mark.parametrize("method", ASK)
@pytest.mark.parametrize(("bad", "error", "message"), ids(BAD_COVARIATES))
def test_damaged_covariates(bad, error, message, method):
    assert_rejected("arrays", error, message, lambda fitted: ASK[method](fitted, bad))


@pytest.mark.parametrize("method", [method for method in ASK if method != "fit"])
@pytest.mark.parametrize(("bad", "message"), ids(UNLIKE_FITTED))
def test_covariates_unlike_fitted_ones(bad, message, method):
    assert_rejected("arrays", ValueError, message, lambda fitted: ASK[method](fitted, bad))


BAD_STEPS = [
    (
        "none",
        "no covariates",
        lambda f: f.predict(None),
        "X=None does not define the number of steps to predict: call forecast",
    ),
    ("columns", "no covariates", lambda f: f.predict(ROWS), "X has columns, shape (30, 2), but SequenceForecaster was"),
    (
        "a gap",
        "frames",
        lambda f: f.predict(FRAME.set_axis(DAYS + pd.Timedelta("31D"))),
        "Row 0 of X (2024-02-01 00:00",
    ),
    ("other names", "frames", lambda f: f.predict(FRAME.rename(columns={"a": "c"})), "The feature names should match"),
    (
        "before it",
        "frames",
        lambda f: f.predict(FRAME.set_axis(DAYS - pd.Timedelta("9D"))),
        "is not one of its rows",
    ),
    ("no step", "no covariates", lambda f: f.forecast(0), "steps must be an int of at least 1. Got 0"),
    ("half a step", "no covariates", lambda f: f.forecast(0.5), "steps must be an int of at least 1. Got 0.5"),
    ("text", "no covariates", lambda f: f.forecast("3"), "steps must be an int of at least 1. Got '3'"),
    (
        "no number",
        "no covariates",
        lambda f: f.forecast(None),
        "requires either the number of steps, or the time of the last",
    ),
    (
        "covariates",
        "arrays",
        lambda f: f.forecast(3),
        "was fitted with 2 covariates: pass those of the steps to forecast as X",
    ),
    (
        "full coverage",
        "arrays",
        lambda f: f.predict_interval(ROWS, 1),
        "coverage must be a number between 0 and 1. Got 1",
    ),
    (
        "no coverage",
        "arrays",
        lambda f: f.predict_interval(ROWS, 0.0),
        "coverage must be a number between 0 and 1. Got 0",
    ),
    ("NaN coverage", "arrays", lambda f: f.predict_interval(ROWS, np.nan), "between 0 and 1. Got nan"),
    ("text coverage", "arrays", lambda f: f.predict_interval(ROWS, "0.9"), "between 0 and 1. Got '0.9'"),
    (
        "high coverage",
        "arrays",
        lambda f: f.predict_interval(ROWS, 0.999),
        "coverage=0.999 requires at least 999 errors",
    ),
    (
        "known rows",
        "no covariates",
        lambda f: f.update(None, SERIES),
        "update requires new rows, but row 0 (2024",
    ),
    (
        "two series",
        "arrays",
        lambda f: f.update(ROWS, ROWS),
        "y has shape (30, 2), but SequenceForecaster was fitted on 1",
    ),
    (
        "lengths",
        "arrays",
        lambda f: f.update(ROWS[:5], Y),
        "X has 5 rows, but y has 30: inconsistent numbers of samples",
    ),
    ("a time zone", "frames", lambda f: f.predict(FRAME.tz_localize("UTC")), "but SequenceForecaster was fitted on an"),
    (
        "periods",
        "no covariates",
        lambda f: f.update(None, SERIES.set_axis(DAYS.to_period("D"))),
        "The index of y contains period[D], but",
    ),
    (
        "another name",
        "frames",
        lambda f: f.update(pd.DataFrame(ROWS[:3], LATER, ["a", "b"]), pd.Series(Y[:3], LATER, name="price")),
        "y has the name 'price', but SequenceForecaster was fitted on 'load'",
    ),
    (
        "another order",
        "frames",
        lambda f: f.update(pd.DataFrame(ROWS[:3], LATER, ["b", "a"]), Y[:3]),
        "Feature names must be in the same order as they were in fit",
    ),
    ("indexes", "frames", lambda f: f.update(FRAME[:20], SERIES[10:]), "X and y have different indexes"),
]


@pytest.mark.parametrize(("kind", "function", "message"), ids(BAD_STEPS))
def test_bad_steps(kind, function, message):
    assert_rejected(kind, ValueError, message, function)


@pytest.mark.parametrize(
    ("params", "X", "error", "message"),
    ids(
        [
            (
                "estimator",
                {"estimator": 3},
                None,
                ValueError,
                "The 'estimator' parameter of SequenceForecaster must be",
            ),
            (
                "window",
                {"window": 0},
                None,
                ValueError,
                "The 'window' parameter of SequenceForecaster must be an int in",
            ),
            (
                "output_steps",
                {"output_steps": 1.5},
                None,
                ValueError,
                "The 'output_steps' parameter of SequenceForecas",
            ),
            (
                "transformer",
                {"target_transformer": "log"},
                None,
                ValueError,
                "The 'target_transformer' parameter of Seq",
            ),
            (
                "all held out",
                {"calibration_size": 30},
                None,
                ValueError,
                "calibration_size=30 of 30 rows leaves 0 rows to fit",
            ),
            (
                "share",
                {"calibration_size": 1.5},
                None,
                ValueError,
                "The 'calibration_size' parameter of SequenceForecas",
            ),
            ("no X for groups", {"groups": "shop"}, None, ValueError, "groups='shop' requires rows of shape"),
            (
                "no such group",
                {"groups": "shop"},
                FRAME,
                ValueError,
                "groups='shop' is neither a column of X nor a level",
            ),
            ("sparse groups", {"groups": 0}, csr_array(ROWS), TypeError, "Sparse data was passed for X"),
            ("short series", {"groups": 0}, np.arange(30)[:, None] // 2, ValueError, "y has 2 sample(s) of series 0"),
        ]
    ),
)
def test_bad_parameters(params, X, error, message):
    y = Y if X is None or isinstance(X, np.ndarray) else SERIES
    assert_rejected("arrays", error, message, lambda fitted: _fit_with(fitted, params, X, y))


def _fit_with(fitted, params, X, y):
    before = {name: getattr(fitted, name) for name in params}
    try:
        fitted.set_params(**params).fit(X, y)
    finally:
        fitted.set_params(**before)


def test_an_estimator_inside_that_fails(monkeypatch):
    def fail(self, X, y):
        raise RuntimeError("no luck")

    fitted = forecaster(target_transformer=StandardScaler()).fit(None, SERIES)
    expected = fitted.forecast(3)
    monkeypatch.setattr(LinearRegression, "fit", fail)
    with pytest.raises(RuntimeError, match="no luck"):
        fitted.fit(ROWS, ROWS)
    pd.testing.assert_series_equal(fitted.forecast(3), expected)


@pytest.mark.parametrize("method", ["predict", "predict_interval", "forecast", "update", "score"])
def test_before_fit(method):
    arguments = {"forecast": (3,), "update": (None, Y), "score": (ROWS, Y)}.get(method, (ROWS,))
    failed = forecaster()
    for _ in range(2):
        with pytest.raises(NotFittedError, match="This SequenceForecaster instance is not fitted yet"):
            getattr(failed, method)(*arguments)
        with pytest.raises(ValueError, match="contains infinity"):
            failed.fit(None, at(Y, 7, np.inf))


def test_missing_values_where_fit_saw_none():
    assert_rejected(
        "no covariates",
        ValueError,
        "Row 7 of y contains NaN, but there were no missing values",
        lambda fitted: fitted.update(None, at(Y, 7, np.nan)),
    )


def test_an_interval_without_calibration():
    with pytest.raises(ValueError, match=r"set calibration_size, for example to 0.2, and fit again"):
        forecaster().fit(None, Y).predict_interval(pd.DataFrame(index=range(3)))
