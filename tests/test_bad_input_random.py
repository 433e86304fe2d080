"""Whatever is passed to whatever takes data: an answer of the right length, or an error that says what was wrong."""

from copy import deepcopy
from functools import cache

import numpy as np
import pandas as pd
import pytest
from conftest import N_SAMPLES, N_TIMESTEPS, make, with_padded_steps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.linear_model import LinearRegression

from skrnn import (
    PanelTimeSeriesSplit,
    SequenceForecaster,
    SequenceScaler,
    SequenceTokenizer,
    SequenceWindower,
    make_supervised,
    sliding_windows,
)

pytestmark = [
    pytest.mark.slow,
    # What scikit-learn and skrnn warn of, and go on with.
    pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names"),
    pytest.mark.filterwarnings("ignore:A column-vector y was passed"),
    pytest.mark.filterwarnings("ignore:R.2 score is not well-defined with less than two samples"),
    pytest.mark.filterwarnings("ignore:The index of X does not tell whether its first row"),
    pytest.mark.filterwarnings("ignore::skrnn.exceptions.UnscaledTargetWarning"),
    pytest.mark.filterwarnings("ignore:The validation loss of"),
]

# numpy's, pandas' and Python's words for what should have been refused before they saw it.
BARE = (
    "ambiguous",
    "broadcast",
    "cannot reshape",
    "has no attribute",
    "inhomogeneous",
    "is not iterable",
    "no len()",
    "not subscriptable",
    "not supported between",
    "operands",
    "out of bounds",
    "setting an array element",
    "ufunc",
    "unpack",
    "unsupported operand",
)

X = np.random.default_rng(0).normal(size=(N_SAMPLES, N_TIMESTEPS, 3))
TOKENS = np.random.default_rng(0).integers(1, 9, size=(N_SAMPLES, N_TIMESTEPS))
Y = X[:, -1, 0] - X[:, -2, 1]
LABELS = np.array(["down", "flat", "up"])[np.digitize(X[:, -1, 0], [-0.4, 0.4])]
KINDS = {
    "2-D": ("GRURegressor", {}, X[..., 0], Y),
    "3-D": ("GRURegressor", {}, with_padded_steps(X), Y),
    "tokens": ("GRURegressor", {"embedding_dim": 3, "n_tokens": 9}, TOKENS, Y),
    "labels": ("GRUClassifier", {}, X, LABELS),
}


@cache
def fitted(kind):
    """A fitted estimator, what it was fitted on, and its predictions."""
    name, params, X, y = KINDS[kind]
    estimator = make(name, **params, epochs=1).fit(X, y)
    return estimator, X, y, estimator.predict(X)


def examples(n):
    """The same examples in every run; what is slow here is a machine that is busy."""
    return settings(
        max_examples=n,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def answer(function, *arguments):
    """What a function returns; None where it raises an error that says what was wrong."""
    try:
        return function(*arguments)
    except (TypeError, ValueError) as error:  # NotFittedError is a ValueError
        words = str(error)
        assert words
        assert not any(bare in words for bare in BARE), words
    return None


def length_of(given):
    """The number of samples; 0 for what has none."""
    try:
        return len(given)
    except TypeError:
        return 0


# ---------------------------------------------------------------------- what is drawn

NUMBERS = st.one_of(st.floats(), st.floats(-9, 9), st.integers(-(10**20), 10**20), st.integers(-9, 9), st.booleans())
ODD = st.sampled_from(
    [
        None,
        np.nan,
        np.inf,
        pd.NA,
        pd.NaT,
        pd.Timestamp("2024-01-01"),
        np.datetime64("2024-01-01"),
        np.timedelta64(3, "D"),
        10**400,
        1e300,
        1j,
        "",
        "wave",
        "2.5",
        b"wave",
        {},
        {"a": 1},
        set(),
        (),
        (1.0,),
        [],
        [1.0],
        len,
        LinearRegression,
        np.ones(2),
        np.array(1.0),
        csr_array(np.eye(2)),
        pd.Series([1.0, 2.0]),
        pd.DataFrame({"a": [1.0, 2.0]}),
        np.float32(2),
        True,
    ]
)
VALUES = NUMBERS | ODD
NESTED = st.recursive(VALUES, lambda inside: st.lists(inside, max_size=4) | st.tuples(inside, inside), max_leaves=9)
DTYPES = ["f8", "f4", "f2", "i8", "u1", "u8", "?", "c16", "U3", "S2", "M8[s]", "m8[D]", "O"]


@st.composite
def some_arrays(draw, sides):
    """Arrays of any dtype, whose axes have one of the lengths given."""
    shape = tuple(draw(st.lists(st.sampled_from(sides), max_size=4)))
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    if dtype.kind == "O":
        array = np.empty(shape, dtype=object)
        for index in np.ndindex(shape):
            array[index] = draw(VALUES) if np.prod(shape) < 9 or index[0] == 0 else 1.0
        return array
    return draw(arrays(dtype, shape, fill=st.just(np.zeros((), dtype)[()])))


@st.composite
def damaged(draw, good):
    """A good array of which a few values, the shape, the dtype or the container is another."""
    array = np.array(good)
    for _ in range(draw(st.integers(0, 2))):
        value = draw(VALUES)
        index = tuple(draw(st.integers(0, side - 1)) for side in array.shape)
        array = array.astype(object)
        array[index] = value
    axis = draw(st.integers(-1, array.ndim - 1))
    if axis >= 0:
        array = array.take(range(draw(st.integers(0, array.shape[axis]))), axis=axis)
    container = draw(st.sampled_from(["array", "list", "frame", "objects", "series"]))
    if container == "list":
        return array.tolist()
    if container == "frame" and array.ndim == 2:
        return pd.DataFrame(array).infer_objects()
    if container in ("objects", "series"):
        objects = np.empty(len(array), dtype=object)
        for i, part in enumerate(array):
            objects[i] = part[: draw(st.integers(0, 5))] if np.ndim(part) and i < 3 else part
        return pd.Series(objects) if container == "series" else objects
    return array


def anything_like(good, sides):
    """Anything, but often nearly what is good."""
    return st.one_of(damaged(good), damaged(good), some_arrays(sides), NESTED)


# ---------------------------------------------------------------------- estimators


@pytest.mark.parametrize("kind", KINDS)
def test_predictions(kind):
    estimator, good, y, expected = fitted(kind)
    methods = ["predict", "score", "model_input"] + ["predict_proba"] * hasattr(estimator, "predict_proba")

    @examples(200)
    @given(bad=anything_like(good[:8], [0, 1, 2, 3, 5]), method=st.sampled_from(methods))
    def check(bad, method):
        outputs = answer(
            getattr(estimator, method), bad, *([np.resize(y, length_of(bad))] if method == "score" else [])
        )
        if outputs is not None and method != "score":
            assert len(outputs) == len(bad)
            assert np.isfinite(outputs).all() if outputs.dtype.kind in "fi" else set(outputs) <= set(y)
        assert_array_equal(estimator.predict(good), expected)

    check()


@pytest.mark.parametrize("kind", ["3-D", "labels"])
def test_targets_and_weights(kind):
    estimator, good, y, expected = fitted(kind)
    few = good[:8], y[:8]

    @examples(150)
    @given(
        bad=anything_like(few[1], [0, 1, 2, 8]),
        method=st.sampled_from(["partial_fit", "X_val"]),
    )
    def check(bad, method):
        trained = deepcopy(estimator)
        if method == "partial_fit":
            outcome = answer(trained.partial_fit, few[0], bad)
        else:
            outcome = answer(lambda: trained.fit(*few, X_val=few[0], y_val=bad))
        if outcome is None:
            assert_array_equal(trained.predict(good), expected)
        else:
            assert np.isfinite(trained.history_["loss"][-1])

    check()


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_first_fits(method):
    """The first fit rejects bad input and stays as it was, or trains and predicts; of large shapes two are enough."""
    good = X[:8]

    @examples(50)
    @given(bad=damaged(good[:, :, :1]) | some_arrays([0, 1, 8]) | NESTED)
    def check(bad):
        estimator = make("RecurrentRegressor", cell="rnn", epochs=1)
        before = dict(vars(estimator))
        shape = getattr(bad, "shape", ())
        if len(shape) > 1 and shape[1:] not in ((5, 1), (8,)):
            return
        if answer(getattr(estimator, method), bad, Y[:8]) is None:
            assert vars(estimator) == before
        else:
            assert np.isfinite(estimator.predict(bad)).all()

    check()


# ---------------------------------------------------------------------- what comes before estimators

ROWS = X[:8, 0]
TAKE_ROWS = {
    "windower": SequenceWindower(3).fit(ROWS).transform,
    "windower.fit": SequenceWindower(3).fit_transform,
    "windower.partial_fit": lambda bad: SequenceWindower(3).fit(ROWS).partial_fit(bad).transform(ROWS),
    "windower.inverse_transform": SequenceWindower(3).fit(ROWS).inverse_transform,
    "windower of groups": SequenceWindower(3, groups=0).fit_transform,
    "sliding_windows": lambda bad: sliding_windows(bad, 3),
    "sliding_windows of groups": lambda bad: sliding_windows(bad, 3, groups=0),
    "make_supervised": lambda bad: make_supervised(bad, 0),
    "PanelTimeSeriesSplit": lambda bad: list(PanelTimeSeriesSplit(2, time=0).split(bad)),
    "tokenizer.inverse_transform": SequenceTokenizer().fit(["a b"]).inverse_transform,
}


@pytest.mark.parametrize("function", TAKE_ROWS)
def test_rows(function):
    @examples(40)
    @given(bad=anything_like(ROWS, [0, 1, 2, 3, 8]))
    def check(bad):
        windows = answer(TAKE_ROWS[function], bad)
        if function in ("windower", "windower.fit", "sliding_windows") and windows is not None:
            assert windows.shape[:2] == (len(bad), 3)

    check()


@pytest.mark.parametrize("method", ["fit_transform", "transform", "inverse_transform"])
def test_scalers(method):
    good = X[:8]
    scaler = SequenceScaler().fit(good)
    expected = scaler.transform(good)

    @examples(60)
    @given(bad=anything_like(good, [0, 1, 2, 3, 8]))
    def check(bad):
        with np.errstate(all="ignore"):  # scikit-learn squares what may be large
            scaled = answer(getattr(deepcopy(scaler), method), bad)
        if scaled is not None:
            assert len(scaled) == len(bad)
        assert_array_equal(scaler.transform(good), expected)

    check()


@examples(70)
@given(bad=st.lists(st.text("ab .", max_size=5) | VALUES, max_size=4) | some_arrays([0, 1, 2]) | NESTED)
def test_tokenizers(bad):
    tokenizer = SequenceTokenizer().fit(["a b"])
    ids = answer(tokenizer.transform, bad)
    assert ids is None or ids.shape == (len(bad), 2)
    answer(tokenizer.fit, bad)
    if ids is None:
        assert tokenizer.vocabulary_ == {"a": 2, "b": 3}


# ---------------------------------------------------------------------- forecasters


@pytest.mark.parametrize("method", ["fit", "update", "predict"])
@pytest.mark.parametrize("covariates", [False, True])
def test_forecasters(covariates, method):
    X_known, y_known = (X[:20, 0] if covariates else None), Y[:20]
    later = X[:3, 0] if covariates else pd.DataFrame(index=range(3))
    forecaster = SequenceForecaster(LinearRegression(), window=2).fit(X_known, y_known)
    expected = forecaster.predict(later)
    # Least squares in floats: what is drawn is small, and NaN, infinite, or none of them.
    small = damaged(np.round(X[:8, 0])) | damaged(np.round(Y[:8])) | NESTED

    @examples(40)
    @given(bad=small)
    def check(bad):
        with np.errstate(all="ignore"):  # of scikit-learn, where numbers are large
            if method == "fit":
                outcome = answer(lambda: deepcopy(forecaster).fit(None, bad).forecast(2))
                assert outcome is None or len(outcome) == 2
            elif method == "update":
                answer(deepcopy(forecaster).update, *((bad, Y[:8]) if covariates else (None, bad)))
            else:
                answer(forecaster.predict, bad)
        assert_array_equal(forecaster.predict(later), expected)

    check()
