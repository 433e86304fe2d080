"""Every method of the estimators, every layout, every kind of damage to ``X``: the error, and what it leaves behind.

A case is the name of a damage, what is passed, the error, and what its message must say. Where it says NAME, it is the
name of the estimator. Whatever a call refuses, the fitted estimator predicts the same bits after it.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import N_SAMPLES, N_TIMESTEPS, make, with_padded_steps
from damage import assert_refused_by, at, fits_once
from numpy.testing import assert_array_equal
from scipy.sparse import coo_array, csr_array, csr_matrix
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

from skrnn import sliding_windows

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).normal(size=(N_SAMPLES, N_TIMESTEPS, 3))
X_2D = X[..., 0].copy()
TOKENS = np.random.default_rng(0).integers(1, 9, size=(N_SAMPLES, N_TIMESTEPS))
LIST = [sequence[: 2 + i % 4] for i, sequence in enumerate(X)]
Y = X[:, -1, 0] - X[:, -2, 1]
LABELS = np.array(["down", "flat", "up"])[np.digitize(X[:, -1, 0], [-0.4, 0.4])]
WINDOWS = sliding_windows(X[:, 0], N_TIMESTEPS)

# Kind of estimator: its name, parameters, and what it is fitted on. Lists and windows have padded time steps, as this
# 3-D array has, so that one estimator takes them all.
KINDS = {
    "2-D": ("GRURegressor", {}, X_2D, Y),
    "3-D": ("GRURegressor", {}, with_padded_steps(X), Y),
    "tokens": ("GRURegressor", {"embedding_dim": 3, "n_tokens": 9}, TOKENS, Y),
    "classifier": ("GRUClassifier", {}, X, LABELS),
}
REGRESSORS_DO = ("fit", "partial_fit", "X_val", "predict", "score", "model_input")


@pytest.fixture(scope="module")
def fitted():
    """A function from a kind to its fitted estimator and its predictions."""
    return fits_once(KINDS)


def call(estimator, method, X, kind):
    """Pass ``X`` to a method, with all else as it should be."""
    *_, good, y = KINDS[kind]
    if method == "X_val":
        return estimator.fit(good, y, X_val=X, y_val=y)
    if method in ("fit", "partial_fit", "score"):
        return getattr(estimator, method)(X, y)
    return getattr(estimator, method)(X)


def assert_refused(fitted, kind, error, message, function):
    """Check the error, and that the estimator is what it was."""
    estimator, expected = fitted(kind)
    assert_refused_by(estimator, KINDS[kind][2], expected, error, message, function)


def cases(damages, kind, methods):
    """One parameter set for every damage and method."""
    return [pytest.param(kind, method, damage, id=f"{method}-{damage}") for damage in damages for method in methods]


# ---------------------------------------------------------------------- what is no array, whatever the layout

NO_ARRAYS = {
    "None": (None, TypeError, "X must be array-like or a DataFrame for NAME. Got None of type NoneType instead"),
    "a number": (5, TypeError, "Got 5 of type int instead"),
    "text": ("wave", TypeError, "Got 'wave' of type str instead"),
    "bytes": (b"wave", TypeError, "Got b'wave' of type bytes instead"),
    "a mapping": ({"X": [1.0]}, TypeError, "Got {'X': [1.0]} of type dict instead"),
    "a set": ({1.0}, TypeError, "Got {1.0} of type set instead"),
    "an iterator": (iter([[1.0]]), TypeError, "of type list_iterator instead"),
    "an object": (object(), TypeError, "of type object instead"),
    "a function": (len, TypeError, "Got <built-in function len> of type builtin_function_or_method instead"),
    "an estimator": (Ridge(), TypeError, "Got Ridge() of type Ridge instead"),
    "sparse": (csr_array(X_2D), TypeError, "Sparse data was passed for X, but NAME takes dense data only. Got csr_ar"),
    "a sparse matrix": (csr_matrix(X_2D), TypeError, "Got csr_matrix of shape (40, 5)"),
    "a sparse frame": (pd.DataFrame(X_2D).astype(pd.SparseDtype(float, 0.0)), TypeError, "Sparse data was passed for"),
    "coordinates": (coo_array(X_2D), TypeError, "Got coo_array of shape (40, 5)"),
    "four dimensions": (X[..., None], ValueError, "X has 4 dimensions, shape (40, 5, 3, 1); NAME takes 2-D (n_samples"),
    "a list of four": ([X, X], ValueError, "X has 4 dimensions, shape (2, 40, 5, 3)"),
    "an empty list": ([], ValueError, ""),  # of sequences, or of another layout than that of fit
    "one number": (np.array(1.0), ValueError, ""),  # scikit-learn's message, or that of another layout
}


@pytest.mark.parametrize("damage", NO_ARRAYS)
@pytest.mark.parametrize("kind", ["2-D", "3-D", "tokens"])
def test_what_is_no_array(kind, damage, fitted):
    bad, error, message = NO_ARRAYS[damage]
    for method in REGRESSORS_DO:
        if method == "X_val" and bad is None:  # says that there is none, and y_val alone is another error
            continue
        assert_refused(fitted, kind, error, message, lambda e, method=method: call(e, method, bad, kind))


# ---------------------------------------------------------------------- 2-D

AT_2D = "at sample 7, time step 2"
DAMAGES_2D = {
    "NaN": (at(X_2D, (slice(7, None), 2), np.nan), ValueError, f"Input X contains NaN, first {AT_2D}; NAME takes fini"),
    "infinity": (at(X_2D, (7, 2), -np.inf), ValueError, f"Input X contains infinity, first {AT_2D}"),
    "too large": (at(X_2D, (7, 2), 1e300), ValueError, f"1e+300 (a value too large for dtype float32), first {AT_2D}"),
    "too large in a list": (at(X_2D, (7, 2), 1e39).tolist(), ValueError, "1e+39 (a value too large for dtype float32)"),
    "None": (at(X_2D.astype(object), (7, 2), None), ValueError, f"Input X contains NaN, first {AT_2D}"),
    "text": (at(X_2D.astype(object), (7, 2), "wave"), ValueError, f"X has dtype object, and contains 'wave' {AT_2D}"),
    "all text": (
        np.full(X_2D.shape, "wave"),
        ValueError,
        "X has dtype <U4, and contains 'wave' at sample 0, time step 0",
    ),
    "an object": (
        at(X_2D.astype(object), (7, 2), {}),
        TypeError,
        f"contains {{}} {AT_2D}: float() argument must be a str",
    ),
    "a list": (at(X_2D.astype(object), (7, 2), [1.0]), TypeError, f"X has dtype object, and contains [1.0] {AT_2D}"),
    "a huge int": (at(X_2D.astype(object), (7, 2), 10**400), ValueError, AT_2D),
    "complex": (X_2D + 1j, ValueError, "Complex data not supported, got X of dtype complex128"),
    "dates": (X_2D.astype("M8[ns]"), TypeError, "NAME takes numbers, but X has dtype datetime64[ns]"),
    "time differences": (X_2D.astype("m8[s]"), TypeError, "NAME takes numbers, but X has dtype timedelta64[s]"),
    "records": (np.zeros(X_2D.shape, dtype=[("a", float)]), TypeError, "X has dtype [('a', '<f8')]"),
    "no sample": (X_2D[:0], ValueError, "0 sample(s) (shape=(0, 5)) while a minimum of 1 is required"),
    "no time step": (X_2D[:, :0], ValueError, "0 feature(s) (shape=(40, 0)) while a minimum of 1 is required"),
    "one dimension": (X_2D[0], ValueError, "Expected 2D array, got 1D array instead"),
    "a series": (pd.Series(X_2D[0]), ValueError, "a single sequence is X.to_frame().T"),
    "text in a frame": (
        pd.DataFrame(at(X_2D.astype(object), (7, 2), "wave")),
        ValueError,
        f"contains 'wave' {AT_2D}",
    ),
    "NA in a frame": (pd.DataFrame(TOKENS, dtype="Int64").mask(TOKENS == 8), ValueError, "Input X contains NaN, first"),
    "dates in a frame": (
        pd.DataFrame({0: X_2D[:, 0], 1: pd.Timestamp(0)}),
        TypeError,
        "but X[1] has dtype datetime64[",
    ),
    "periods in a frame": (pd.DataFrame({0: pd.period_range("2020", periods=9, freq="M")}), TypeError, "period[M]"),
    "an empty frame": (pd.DataFrame(), ValueError, "Found array with 0 feature(s) (shape=(0, 0)) while a minimum of 1"),
    "names of two types": (
        pd.DataFrame(X_2D, columns=[0, 1, 2, 3, "a"]),
        TypeError,
        "Feature names are only supported",
    ),
}
MISFITS_2D = {
    "3-D": (X, ValueError, "NAME was fitted on 2-D (n_samples, n_timesteps) input, but X is 3-D (n_samples, n_timest"),
    "windows": (WINDOWS, ValueError, "but X is 3-D (n_samples, n_timesteps, n_features), of shape (40, 5, 3)"),
    "a list of sequences": (LIST, ValueError, "is 3-D (n_samples, n_timesteps, n_features), a list of 40 sequences"),
    "rows of two lengths": ([[1.0, 2.0], [1.0]], ValueError, "n_features), a list of 2 sequences"),
    "fewer time steps": (X_2D[:, :4], ValueError, "X has 4 features, but NAME is expecting 5 features as input"),
    "more time steps": (np.tile(X_2D, 2), ValueError, "X has 10 features, but NAME is expecting 5 features as input"),
}


@pytest.mark.parametrize(("kind", "method", "damage"), cases(DAMAGES_2D, "2-D", REGRESSORS_DO))
def test_damaged_2d_input(kind, method, damage, fitted):
    bad, error, message = DAMAGES_2D[damage]
    assert_refused(fitted, kind, error, message, lambda e: call(e, method, bad, kind))


@pytest.mark.parametrize(("kind", "method", "damage"), cases(MISFITS_2D, "2-D", REGRESSORS_DO[1:]))
def test_input_unlike_fitted_2d_input(kind, method, damage, fitted):
    bad, error, message = MISFITS_2D[damage]
    assert_refused(fitted, kind, error, message, lambda e: call(e, method, bad, kind))


# ---------------------------------------------------------------------- 3-D

AT_3D = "at sample 7, time step 2, feature 1"
DAMAGES_3D = {
    "NaN": (
        at(X, (slice(7, None), 2, 1), np.nan),
        ValueError,
        f"Input X contains NaN, first {AT_3D}; NAME takes finit",
    ),
    "infinity": (at(X, (7, 2, 1), np.inf), ValueError, f"Input X contains infinity, first {AT_3D}"),
    "too large": (
        at(X, (7, 2, 1), -1e300),
        ValueError,
        f"-1e+300 (a value too large for dtype float32), first {AT_3D}",
    ),
    "a hole": (
        at(X, (7, slice(1, 3)), np.nan),
        ValueError,
        "NaN between valid time steps, first at sample 7, time step 1",
    ),
    "all padded": (
        at(X, 7, np.nan),
        ValueError,
        "Sample 7 of X has no valid time step: all its values are NaN. NAME requires",
    ),
    "None": (at(X.astype(object), (7, 2, 1), None), ValueError, f"Input X contains NaN, first {AT_3D}"),
    "text": (at(X.astype(object), (7, 2, 1), "wave"), ValueError, f"X has dtype object, and contains 'wave' {AT_3D}"),
    "all text": (np.full(X.shape, "wave"), ValueError, "<U4, and contains 'wave' at sample 0, time step 0, feature 0"),
    "an object": (
        at(X.astype(object), (7, 2, 1), {}),
        TypeError,
        f"contains {{}} {AT_3D}: float() argument must be a str",
    ),
    "a list": (at(X.astype(object), (7, 2, 1), [1.0]), TypeError, f"X has dtype object, and contains [1.0] {AT_3D}"),
    "a huge int": (at(X.astype(object), (7, 2, 1), 10**400), ValueError, AT_3D),
    "complex": (X + 1j, ValueError, "Complex data not supported, got X of dtype complex128"),
    "dates": (X.astype("M8[ns]"), TypeError, "NAME takes numbers, but X has dtype datetime64[ns]"),
    "no date": (np.full(X.shape, np.datetime64("NaT", "s")), TypeError, "but X has dtype datetime64[s]"),
    "time differences": (X.astype("m8[s]"), TypeError, "NAME takes numbers, but X has dtype timedelta64[s]"),
    "records": (np.zeros(X.shape, dtype=[("a", float)]), TypeError, "X has dtype [('a', '<f8')]"),
    "no sample": (X[:0], ValueError, "Found array with 0 sample(s) (shape=(0, 5, 3)) while a minimum of 1 is required"),
    "no time step": (X[:, :0], ValueError, "Found array with 0 time steps (shape=(40, 0, 3)) while a minimum of 1"),
    "no feature": (X[..., :0], ValueError, "Found array with 0 feature(s) (shape=(40, 5, 0)) while a minimum of 1"),
    "no window": (WINDOWS[:0], ValueError, "Found array with 0 sample(s) (shape=(0, 5, 3)) while a minimum of 1"),
    "NaN in windows": (
        replace(WINDOWS, values=at(WINDOWS.values, (9, 1), np.nan)),
        ValueError,
        "contains NaN, first at sample 9, time step 4, feature 1",
    ),
    "too large in windows": (
        replace(WINDOWS, values=at(WINDOWS.values, (9, 1), 1e39)),
        ValueError,
        "1e+39 (a value too large for dtype float32), first at sample 9, time step 4, feature 1",
    ),
}
MISFITS_3D = {
    "2-D": (X_2D, ValueError, "NAME was fitted on 3-D (n_samples, n_timesteps, n_features) input, but X is 2-D (n_sam"),
    "a frame": (pd.DataFrame(X_2D), ValueError, "but X is 2-D (n_samples, n_timesteps), of shape (40, 5). Pass X in"),
    "one dimension": (
        X_2D[0],
        ValueError,
        "input, but X has 1 dimension(s), of shape (5,). Pass X in the layout of the tra",
    ),
    "fewer features": (
        X[..., :2],
        ValueError,
        "X has 2 features, but NAME is expecting 3 features as input (shape (40",
    ),
    "more features": (np.tile(X, 2), ValueError, "X has 6 features, but NAME is expecting 3 features as input (shape"),
    "windows of other features": (WINDOWS[:, :, :2], ValueError, "X has 2 features, but NAME is expecting 3 features"),
    "a list of other features": ([s[:, :2] for s in LIST], ValueError, "X has 2 features, but NAME is expecting 3"),
}


@pytest.mark.parametrize(("kind", "method", "damage"), cases(DAMAGES_3D, "3-D", REGRESSORS_DO))
def test_damaged_3d_input(kind, method, damage, fitted):
    bad, error, message = DAMAGES_3D[damage]
    assert_refused(fitted, kind, error, message, lambda e: call(e, method, bad, kind))


@pytest.mark.parametrize(("kind", "method", "damage"), cases(MISFITS_3D, "3-D", REGRESSORS_DO[1:]))
def test_input_unlike_fitted_3d_input(kind, method, damage, fitted):
    bad, error, message = MISFITS_3D[damage]
    assert_refused(fitted, kind, error, message, lambda e: call(e, method, bad, kind))


@pytest.mark.parametrize(
    ("kind", "method", "damage"), cases(DAMAGES_3D | MISFITS_3D, "classifier", ("predict", "predict_proba", "score"))
)
def test_classifiers_refuse_the_same(kind, method, damage, fitted):
    bad, error, message = (DAMAGES_3D | MISFITS_3D)[damage]
    assert_refused(fitted, kind, error, message, lambda e: call(e, method, bad, kind))


# ---------------------------------------------------------------------- lists

SEQUENCES = {
    "NaN": (at(X[7, :3], (2, 1), np.nan), ValueError, f"Input X contains NaN, first {AT_3D}"),
    "infinity": (at(X[7, :3], (2, 1), np.inf), ValueError, f"Input X contains infinity, first {AT_3D}"),
    "too large": (
        at(X[7, :3], (2, 1), 1e39),
        ValueError,
        f"1e+39 (a value too large for dtype float32), first {AT_3D}",
    ),
    "a hole": (at(X[7], 2, np.nan), ValueError, "NaN between valid time steps, first at sample 7, time step 2"),
    "all padded": (np.full((2, 3), np.nan), ValueError, "Sample 7 of X has no valid time step: all its values are NaN"),
    "text": ([["wave", 1.0, 2.0]], ValueError, "contains 'wave' at sample 7, time step 0, feature 0"),
    "an object": (
        [[{}, 1.0, 2.0]],
        TypeError,
        "contains {} at sample 7, time step 0, feature 0: float() argument must",
    ),
    "a mapping": (
        {},
        TypeError,
        "contains {} at sample 7: float() argument must be a string or a real number, not 'dict'",
    ),
    "a huge int": ([[0.0, 10**400, 2.0]], ValueError, "at sample 7, time step 0, feature 1"),
    "complex": (X[7] + 1j, ValueError, "Complex data not supported, got sample 7 of X of dtype complex128"),
    "dates": (X[7].astype("M8[s]"), TypeError, "takes numbers, but sample 7 of X has dtype datetime64[s]"),
    "sparse": (csr_array(X[7]), TypeError, "Sparse data was passed for sample 7 of X, of shape (5, 3), but NAME takes"),
    "steps of two lengths": (
        [[1.0] * 3, [1.0]],
        ValueError,
        "Sample 7 of X is a list whose time steps differ in le",
    ),
    "one dimension": (X[7, 0], ValueError, "Sample 7 of X has 1 dimension(s), shape (3,); NAME takes sequences of"),
    "three dimensions": (X[7:8], ValueError, "Sample 7 of X has 3 dimension(s), shape (1, 5, 3)"),
    "a number": (1.0, ValueError, "Sample 7 of X has 0 dimension(s), shape ()"),
    "None": (None, ValueError, "Sample 7 of X has 0 dimension(s), shape ()"),
    "no time step": (X[7, :0], ValueError, "Sample 7 of X has 0 time steps while NAME requires at least 1. Drop"),
    "no feature": (X[7, :, :0], ValueError, "Sample 7 of X has 0 features while NAME requires at least 1"),
    "fewer features": (X[7, :, :2], ValueError, "Sample 7 of X has 2 features, but sample 0 has 3; NAME requires sequ"),
}


@pytest.mark.parametrize("layout", ["list", "objects", "series"])
@pytest.mark.parametrize("damage", SEQUENCES)
def test_damaged_lists(layout, damage, fitted):
    bad, error, message = SEQUENCES[damage]
    damaged = np.empty(N_SAMPLES, dtype=object)
    for i, sequence in enumerate([*LIST[:7], bad, *LIST[8:]]):
        damaged[i] = sequence
    damaged = {"list": list, "objects": np.array, "series": pd.Series}[layout](damaged)
    for method in REGRESSORS_DO:
        assert_refused(fitted, "3-D", error, message, lambda e, method=method: call(e, method, damaged, "3-D"))


# ---------------------------------------------------------------------- token ids

AT_TOKEN = "at sample 4, time step 2"
DAMAGED_TOKENS = {
    "negative": (at(TOKENS, (4, 2), -3), ValueError, f"must be non-negative, but X contains -3 {AT_TOKEN}"),
    "beyond": (at(TOKENS, (4, 2), 12), ValueError, f"Token id 12 {AT_TOKEN} is not below n_tokens=9 of NAME; set n_to"),
    "unsigned": (
        at(TOKENS.astype("u8"), (4, 2), 2**64 - 1),
        ValueError,
        f"Token id {2**64 - 1} {AT_TOKEN} is not below",
    ),
    "a float beyond all ints": (
        at(TOKENS * 1.0, (4, 2), 1e30),
        ValueError,
        f"{AT_TOKEN} is not below n_tokens=9 of NAME",
    ),
    "below all ints": (
        at(TOKENS * 1.0, (4, 2), -1e30),
        ValueError,
        "must be non-negative, but X contains -9007199254740992",
    ),
    "fraction": (
        at(TOKENS * 1.0, (4, 2), 1.5),
        ValueError,
        f"NAME with embedding_dim=3 takes token ids, which are integers. Got 1.5 {AT_TOKEN}",
    ),
    "NaN": (at(TOKENS * 1.0, (4, 2), np.nan), ValueError, f"token ids, which are integers. Got NaN {AT_TOKEN}"),
    "infinity": (
        at(TOKENS * 1.0, (4, 2), -np.inf),
        ValueError,
        f"token ids, which are integers. Got infinity {AT_TOKEN}",
    ),
    "None": (at(TOKENS.astype(object), (4, 2), None), ValueError, f"token ids, which are integers. Got NaN {AT_TOKEN}"),
    "text": (
        at(TOKENS.astype(object), (4, 2), "the"),
        ValueError,
        f"X has dtype object, and contains 'the' {AT_TOKEN}",
    ),
    "texts": (["the film", "a film"], ValueError, "X has dtype <U8, and contains 'the film' at sample 0"),
    "words": ([["the", "film"]] * 2, ValueError, "X has dtype <U4, and contains 'the' at sample 0, time step 0"),
    "an object": (
        at(TOKENS.astype(object), (4, 2), {}),
        TypeError,
        f"contains {{}} {AT_TOKEN}: float() argument must be",
    ),
    "a huge int": (at(TOKENS.astype(object), (4, 2), 10**400), ValueError, AT_TOKEN),
    "complex": (TOKENS + 1j, ValueError, "Complex data not supported, got X of dtype complex128"),
    "dates": (TOKENS.astype("M8[D]"), TypeError, "NAME takes numbers, but X has dtype datetime64[D]"),
    "padding alone": (at(TOKENS, 4, 0), ValueError, "Sample 4 of X has no token: all its ids are 0, which is padding"),
    "no sample": (TOKENS[:0], ValueError, "Found array with 0 sample(s) (shape=(0, 5))"),
}
UNLIKE_TOKENS = {
    "3-D": (X, ValueError, "NAME was fitted on 2-D (n_samples, n_timesteps) input, but X is 3-D"),
    "a list": ([[1, 2], [1]], ValueError, "a list of 2 sequences"),
    "fewer time steps": (TOKENS[:, 1:], ValueError, "X has 4 features, but NAME is expecting 5 features as input"),
}


@pytest.mark.parametrize(("kind", "method", "damage"), cases(DAMAGED_TOKENS, "tokens", REGRESSORS_DO))
def test_damaged_token_ids(kind, method, damage, fitted):
    bad, error, message = DAMAGED_TOKENS[damage]
    assert_refused(fitted, kind, error, message, lambda e: call(e, method, bad, kind))


@pytest.mark.parametrize(("kind", "method", "damage"), cases(UNLIKE_TOKENS, "tokens", REGRESSORS_DO[1:]))
def test_input_unlike_token_ids(kind, method, damage, fitted):
    bad, error, message = UNLIKE_TOKENS[damage]
    assert_refused(fitted, kind, error, message, lambda e: call(e, method, bad, kind))


@pytest.mark.parametrize("token", [2**31, 2**62])
def test_an_inferred_vocabulary_has_a_limit(token):
    with pytest.raises(ValueError, match=rf"Token id {token} at sample 4, time step 2 is too large for GRURegressor"):
        make("GRURegressor", embedding_dim=3).fit(at(TOKENS, (4, 2), token), Y)


@pytest.mark.parametrize("bad", [X, LIST], ids=["3-D", "list"])
def test_token_ids_of_another_layout(bad):
    with pytest.raises(ValueError, match=r"embedding_dim=3 takes token ids of shape \(n_samples, n_timesteps\)"):
        make("GRURegressor", embedding_dim=3).fit(bad, Y)


# ---------------------------------------------------------------------- what is no damage

LEGAL = {
    "2-D numbers in text": ("2-D", X_2D.astype(str)),
    "2-D objects": ("2-D", X_2D.astype(object)),
    "a 2-D list": ("2-D", X_2D.tolist()),
    "a frame": ("2-D", pd.DataFrame(X_2D)),
    "3-D numbers in text": ("3-D", with_padded_steps(X).astype(str)),
    "3-D objects": ("3-D", with_padded_steps(X).astype(object)),
    "long doubles": ("3-D", with_padded_steps(X).astype(np.longdouble)),
    "a 3-D list": ("3-D", with_padded_steps(X).tolist()),
    "tokens of floats": ("tokens", TOKENS.astype(float)),
    "tokens of bytes": ("tokens", TOKENS.astype(np.uint8)),
}


@pytest.mark.parametrize("case", LEGAL)
def test_what_stands_for_the_same_numbers_predicts_the_same(case, fitted):
    kind, same = LEGAL[case]
    estimator, expected = fitted(kind)
    assert_array_equal(estimator.predict(same), expected)


# ---------------------------------------------------------------------- order of calls


@pytest.mark.parametrize(
    ("name", "bad", "error", "message"),
    [
        ("GRURegressor", at(X, (7, 2, 1), np.nan), ValueError, "contains NaN"),
        ("LSTMClassifier", X + 1j, ValueError, "Complex data"),
        ("RecurrentRegressor", None, TypeError, "Got None"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_first_fit_that_fails_leaves_nothing(method, name, bad, error, message):
    estimator = make(name)
    before = dict(vars(estimator))
    with pytest.raises(error, match=message):
        getattr(estimator, method)(bad, Y)
    assert vars(estimator) == before
    with pytest.raises(NotFittedError, match=f"This {name} instance is not fitted yet"):
        estimator.predict(X)
