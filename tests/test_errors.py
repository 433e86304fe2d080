"""Bad input: one sentence that says what is wrong, what was given and what to do."""

import re

import numpy as np
import pandas as pd
import pytest
from conftest import CLASSIFIERS, N_SAMPLES, N_TIMESTEPS, REGRESSORS, make
from damage import at
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skrnn import SequenceAutoencoder, SequenceWindower, sliding_windows

TOKENS = {"embedding_dim": 3}


@pytest.fixture
def X_2d(X):
    return X[..., 0].copy()


@pytest.fixture
def tokens():
    return np.random.default_rng(0).integers(1, 9, size=(N_SAMPLES, N_TIMESTEPS))


def of(array):
    """Targets in the length of an array."""
    return np.arange(float(len(array)))


# ---------------------------------------------------------------------- values of X

BAD_VALUES_3D = {
    "nan": ((7, 2, 1), np.nan, "contains NaN, first at sample 7, time step 2, feature 1"),
    "infinity": ((7, 2, 1), np.inf, "contains infinity, first at sample 7, time step 2, feature 1"),
    "minus infinity": ((0, 0, 2), -np.inf, "contains infinity, first at sample 0, time step 0, feature 2"),
    "too large": ((39, 4, 0), 1e300, "1e+300 (a value too large for dtype float32), first at sample 39, time step 4"),
    "first of several": ((slice(5, None), 3, 2), np.nan, "first at sample 5, time step 3, feature 2"),
    "half a step at the head": ((3, 0, [0, 2]), np.nan, "first at sample 3, time step 0, feature 0"),
    "hole": ((6, slice(1, 3)), np.nan, "NaN between valid time steps, first at sample 6, time step 1"),
    "gap after leading padding": ((6, [0, 2]), np.nan, "NaN between valid time steps, first at sample 6, time step 2"),
    "infinite step": ((6, 0), np.inf, "contains infinity, first at sample 6, time step 0"),
    "nothing": (8, np.nan, "Sample 8 of X has no valid time step: all its values are NaN"),
}


@pytest.mark.parametrize("case", BAD_VALUES_3D)
def test_values_of_3d_input(case, X, y):
    index, value, message = BAD_VALUES_3D[case]
    bad = at(X, index, value)
    with pytest.raises(ValueError, match=re.escape(message)):
        make("GRURegressor").fit(bad, y)


def test_values_of_3d_input_at_predict(X, y):
    regressor = make("GRURegressor").fit(X, y)
    for index, value, message in BAD_VALUES_3D.values():
        with pytest.raises(ValueError, match=re.escape(message)):
            regressor.predict(at(X, index, value))
        with pytest.raises(ValueError, match=re.escape(message)):
            regressor.score(at(X, index, value), y)


BAD_VALUES_2D = {
    "nan": ((7, 2), np.nan, "contains NaN, first at sample 7, time step 2"),
    "nan at the head": ((slice(4, None), 0), np.nan, "first at sample 4, time step 0"),
    "infinity": ((39, 4), -np.inf, "contains infinity, first at sample 39, time step 4"),
    "too large": ((0, 1), 1e39, "1e+39 (a value too large for dtype float32), first at sample 0, time step 1"),
}


@pytest.mark.parametrize("case", BAD_VALUES_2D)
def test_values_of_2d_input(case, X_2d, y):
    index, value, message = BAD_VALUES_2D[case]
    with pytest.raises(ValueError, match=re.escape(message)):
        make("GRURegressor").fit(at(X_2d, index, value), y)


def test_values_of_2d_input_at_predict(X_2d, y):
    regressor = make("GRURegressor").fit(X_2d, y)
    for index, value, message in BAD_VALUES_2D.values():
        with pytest.raises(ValueError, match=re.escape(message)):
            regressor.predict(at(X_2d, index, value))


def test_what_float64_holds_it_takes(X, y):
    with pytest.raises(ValueError, match="too large for dtype float32"):
        make("GRURegressor").fit(at(X, (0, 0, 0), 1e39), y)
    large = make("GRURegressor", dtype="float64", batch_size=None, shuffle=False).fit(at(X, (0, 0, 0), 1e39), y)
    assert np.isfinite(large.predict(X)).all()


@pytest.mark.parametrize("n_absent", [1, 2])
def test_overlapping_windows_name_the_first_window(n_absent, y):
    series = at(np.random.default_rng(0).normal(size=(N_SAMPLES + N_TIMESTEPS - 1, 3)), (9, 1), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(series, N_TIMESTEPS, axis=0).transpose(0, 2, 1)
    with pytest.raises(ValueError, match="first at sample 5, time step 4, feature 1"):
        make("GRURegressor").fit(windows, y)
    hole = at(np.random.default_rng(0).normal(size=(N_SAMPLES + N_TIMESTEPS - 1, 3)), slice(9, 9 + n_absent), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(hole, N_TIMESTEPS, axis=0).transpose(0, 2, 1)
    # The first window that holds rows on both sides of the hole ends one row after it.
    sample = 9 + n_absent - (N_TIMESTEPS - 1)
    with pytest.raises(ValueError, match=f"between valid time steps, first at sample {sample}, time step {9 - sample}"):
        make("GRURegressor").fit(windows, y)


# ---------------------------------------------------------------------- types and shapes of X


@pytest.mark.parametrize("name", ["GRURegressor", "GRUClassifier", "SequenceAutoencoder"])
@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform"])
def test_a_series_in_place_of_sequences(method, name):
    series = np.sin(np.arange(40.0))
    labels = (np.arange(40) % 2).astype(int)
    estimator = make(name) if name != "SequenceAutoencoder" else SequenceAutoencoder(units=2, epochs=1)
    given = (labels,) if method != "transform" else ()
    if method == "transform":
        estimator.fit(series.reshape(8, 5), labels[:8])
    dates = pd.date_range("2024-01-01", periods=40)
    for X, row, column in [
        (series, r"X.reshape\(1, -1\)", r"X.reshape\(-1, 1\)"),
        (series.tolist(), r"X.reshape\(1, -1\)", r"X.reshape\(-1, 1\)"),
        (pd.Series(series, index=dates), r"X.to_frame\(\).T", r"X.to_frame\(\)"),
    ]:
        message = rf"got 1D array instead: X has shape \(40,\), and {name} reads .* a single sequence is {row}\. "
        message += rf".*: pass {column} to a SequenceWindower before {name}"
        with pytest.raises(ValueError, match=message):
            getattr(estimator, method)(X, *given)


def test_advice_for_a_series_works():
    series = np.sin(np.arange(40.0))
    row = make("GRURegressor").partial_fit(series.reshape(1, -1), [1.0])
    assert row.n_features_in_ == 40
    windows = make_pipeline(SequenceWindower(5), make("GRURegressor")).fit(series.reshape(-1, 1), series)
    assert windows.predict(series.reshape(-1, 1)).shape == (40,)
    frame = pd.Series(series, index=pd.date_range("2024-01-01", periods=40)).to_frame()
    assert sliding_windows(frame, 5).shape == (40, 5, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X[..., None], r"4 dimensions, shape \(40, 5, 3, 1\)"),
        (lambda X: X[:, 0, 0], "Expected 2D array, got 1D array"),
        (lambda X: X[:0], r"0 sample\(s\) \(shape=\(0, 5, 3\)\) while a minimum of 1 is required by GRURegressor"),
        (lambda X: X[:, :0], r"0 time steps \(shape=\(40, 0, 3\)\)"),
        (lambda X: X[..., :0], r"0 feature\(s\) \(shape=\(40, 5, 0\)\)"),
        (lambda X: X[:0, :, 0], r"0 sample\(s\) \(shape=\(0, 5\)\)"),
        (lambda X: X[:1], "1 sample.*requires at least 2 in fit.*partial_fit"),
        (lambda X: X[:1, :, 0], "1 sample.*requires at least 2 in fit"),
        (lambda X: X + 1j, "Complex data not supported"),
        (lambda X: X[..., 0] + 1j, "Complex data not supported"),
        (
            lambda X: np.full(X.shape, "wave"),
            "takes numbers, but X has dtype <U4, and contains 'wave' at sample 0, time step 0, feature 0",
        ),
        (
            lambda X: at(X.astype(object), (1, 2, 0), "wave"),
            "has dtype object, and contains 'wave' at sample 1, time step 2, feature 0",
        ),
    ],
)
def test_types_and_shapes(change, message, X):
    bad = change(X)
    with pytest.raises(ValueError, match=message):
        make("GRURegressor").fit(bad, of(bad))


def test_sparse_input(X_2d, y):
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        make("GRURegressor").fit(csr_array(X_2d), y)


@pytest.mark.parametrize(
    ("fitted_on", "change", "message"),
    [
        ("3-D", lambda X: X[..., :2], "X has 2 features, but GRURegressor is expecting 3 features as input"),
        ("3-D", lambda X: np.repeat(X, 2, axis=-1), "X has 6 features, but GRURegressor is expecting 3"),
        ("3-D", lambda X: X[..., 0], "was fitted on 3-D .* input, but X is 2-D"),
        ("3-D", lambda X: X[..., None], "4 dimensions"),
        ("3-D", lambda X: X[:0], r"0 sample\(s\)"),
        ("3-D", lambda X: X[0, 0], "was fitted on 3-D|1D array"),
        ("2-D", lambda X: X, "was fitted on 2-D .* input, but X is 3-D"),
        ("2-D", lambda X: X[:, :4, 0], "X has 4 features, but GRURegressor is expecting 5 features"),
    ],
)
@pytest.mark.parametrize("method", ["predict", "score", "partial_fit", "X_val", "model_input"])
def test_layouts_after_fit(method, fitted_on, change, message, X, y):
    fitted = X if fitted_on == "3-D" else X[..., 0]
    regressor = make("GRURegressor").fit(fitted, y)
    bad = change(X)
    with pytest.raises(ValueError, match=message):
        if method in ("predict", "model_input"):
            getattr(regressor, method)(bad)
        elif method == "X_val":
            regressor.fit(fitted, y, X_val=bad, y_val=of(bad))
        else:
            getattr(regressor, method)(bad, of(bad))


@pytest.mark.parametrize("name", REGRESSORS + CLASSIFIERS)
@pytest.mark.parametrize("method", ["predict", "score", "predict_proba", "model_", "model_input"])
def test_before_fit(name, method, X, y):
    estimator = make(name)
    if method == "predict_proba" and name in REGRESSORS:
        assert not hasattr(estimator, method)
        return
    with pytest.raises(NotFittedError, match=f"This {name} instance is not fitted yet"):
        attribute = getattr(estimator, method)
        attribute(X, y) if method == "score" else attribute(X)


# ---------------------------------------------------------------------- token ids


@pytest.mark.parametrize(
    ("params", "index", "value", "message"),
    [
        ({}, (4, 2), -3, "Token ids must be non-negative, but X contains -3 at sample 4, time step 2"),
        ({"n_tokens": 9}, (4, 2), 12, "Token id 12 at sample 4, time step 2 is not below n_tokens=9.*at least 13"),
        ({}, 6, 0, "Sample 6 of X has no token: all its ids are 0"),
    ],
)
def test_token_ids(params, index, value, message, tokens):
    y, bad = of(tokens), at(tokens, index, value)
    with pytest.raises(ValueError, match=message):
        make("GRURegressor", **TOKENS, **params).fit(bad, y)
    regressor = make("GRURegressor", **TOKENS, **params).fit(tokens, y)
    with pytest.raises(ValueError, match=message):
        regressor.predict(bad)


def test_token_ids_are_whole(tokens):
    with pytest.raises(ValueError, match=r"token ids, which are integers. Got 1\.5 at sample 3, time step 0"):
        make("GRURegressor", **TOKENS).fit(at(tokens.astype(float), (3, 0), 1.5), of(tokens))
    with pytest.raises(ValueError, match="NaN"):
        make("GRURegressor", **TOKENS).fit(at(tokens.astype(float), (3, 0), np.nan), of(tokens))
    with pytest.raises(ValueError, match=r"takes token ids of shape \(n_samples, n_timesteps\), .*Got 3 dimensions"):
        make("GRURegressor", **TOKENS).fit(tokens[..., None], of(tokens))


# ---------------------------------------------------------------------- y and weights


@pytest.mark.parametrize("name", ["GRURegressor", "GRUClassifier"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: np.full_like(y, np.nan), "y contains (only )?NaN"),
        (lambda y: None, "requires y to be passed, but the target y is None"),
        (lambda y: y[:-1], "X has 40 samples, but y has 39: inconsistent numbers of samples"),
        (lambda y: np.append(y, 0), "X has 40 samples, but y has 41"),
        (lambda y: at(y, 11, np.inf), "y contains infinity.*, first at index 11"),
    ],
)
def test_y(name, change, message, X):
    y = (np.arange(N_SAMPLES) % 2).astype(float)
    with pytest.raises(ValueError, match=message):
        make(name).fit(X, change(y))


@pytest.mark.parametrize(
    ("params", "shape", "message"),
    [
        ({}, (N_SAMPLES, 2, 2), r"y has 3 dimensions.*set return_sequences=True"),
        ({"return_sequences": True}, (N_SAMPLES,), r"one target per time step, y of shape \(40, 5\)"),
        ({"return_sequences": True}, (N_SAMPLES, 4), r"Got shape \(40, 4\)"),
        ({"return_sequences": True}, (N_SAMPLES, 5, 2, 2), "return_sequences=True"),
    ],
)
def test_shapes_of_y(params, shape, message, X):
    with pytest.raises(ValueError, match=message):
        make("GRURegressor", **params).fit(X, np.zeros(shape))


def test_y_of_another_shape_than_fitted(X, y):
    regressor = make("GRURegressor").fit(X, y)
    with pytest.raises(ValueError, match=r"y has 2 output\(s\), but GRURegressor was fitted with 1"):
        regressor.partial_fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match=r"y has 2 output\(s\), but GRURegressor was fitted with 1"):
        regressor.fit(X, y, X_val=X, y_val=np.column_stack([y, y]))


def test_values_of_y_per_step(X_masked, y_steps):
    only_padding = np.where(np.isnan(X_masked[..., 0]), y_steps, np.nan)
    with pytest.raises(ValueError, match="y contains only NaN"):
        make("GRURegressor", return_sequences=True).fit(X_masked, only_padding)
    with pytest.raises(ValueError, match="y contains infinity or a value too large for dtype 'float32'"):
        make("GRURegressor", return_sequences=True).fit(X_masked, at(y_steps, (9, 3), 1e300))


@pytest.mark.parametrize("target", [["a"] * N_SAMPLES, [object()] * N_SAMPLES], ids=["strings", "objects"])
def test_a_regressor_wants_numbers(target, X):
    with pytest.raises((ValueError, TypeError)):
        make("GRURegressor").fit(X, target)


def test_one_class(X):
    with pytest.raises(ValueError, match=r"requires at least 2 classes, but y has only 1: .*up"):
        make("GRUClassifier").fit(X, ["up"] * N_SAMPLES)
    labels = np.array(["down"] + ["up"] * (N_SAMPLES - 1))
    with pytest.raises(ValueError, match=r"classes among the samples with non-zero weight, but there is only 1: .*up"):
        make("GRUClassifier").fit(X, labels, sample_weight=labels == "up")


def test_targets_that_no_classifier_takes(X, y):
    with pytest.raises(ValueError, match="Unknown label type"):
        make("GRUClassifier").fit(X, y)
    several = np.stack([np.arange(N_SAMPLES) % 3, np.arange(N_SAMPLES) % 4], axis=1)
    with pytest.raises(ValueError, match=r"does not support multiclass-multioutput targets, got y of shape \(40, 2\)"):
        make("GRUClassifier").fit(X, several)


def test_unknown_labels(X, labels):
    classifier = make("GRUClassifier").fit(X, labels)
    other = at(labels.astype(object), 3, "sideways")
    with pytest.raises(ValueError, match=r"labels that are unknown to GRUClassifier: \['sideways'\]; its classes are"):
        classifier.score(X, other)
    with pytest.raises(ValueError, match=r"unknown to GRUClassifier: \['sideways'\]"):
        classifier.fit(X, labels, X_val=X, y_val=other)
    numbers = make("GRUClassifier").fit(X, np.arange(N_SAMPLES) % 3)
    with pytest.raises(ValueError, match=r"unknown to GRUClassifier: \[3\]; its classes are \[0, 1, 2\]"):
        numbers.score(X, np.arange(N_SAMPLES) % 4)


def test_indicators_of_another_width(X):
    classifier = make("GRUClassifier").fit(X, (X[:, 0] > 0).astype(int))
    with pytest.raises(ValueError, match="y has 2 labels, but GRUClassifier was fitted with 3"):
        classifier.score(X, (X[:, 0, :2] > 0).astype(int))
    with pytest.raises(ValueError, match="was fitted on indicators of several labels, but y has 1 dimension"):
        classifier.score(X, (X[:, 0, 0] > 0).astype(int))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        # The first message is ours, the second scikit-learn's own, of 1.9.
        (np.zeros(N_SAMPLES), "All values of sample_weight are zero|at least one non-zero number"),
        (at(np.ones(N_SAMPLES), 17, -2.0), r"Negative values in data passed to `sample_weight`: -2\.0 at 17"),
        (at(np.ones(N_SAMPLES), 17, np.nan), "sample_weight contains NaN"),
        (np.ones(N_SAMPLES - 1), r"sample_weight.shape == \(39,\), expected \(40,\)"),
        (np.ones((N_SAMPLES, 2)), "[Ss]ample.weights? must be 1D"),
    ],
)
def test_weights(weights, message, X, y):
    with pytest.raises(ValueError, match=message):
        make("GRURegressor").fit(X, y, sample_weight=weights)


# ---------------------------------------------------------------------- validation


def test_early_stopping_needs_something_to_watch(X, y):
    regressor = make("GRURegressor", early_stopping=True, validation_split=0.0)
    with pytest.raises(ValueError, match=r"validation_split=0\.0 and no X_val. Set validation_split to a fraction"):
        regressor.fit(X, y)


def test_validation_data_has_other_names(X, y):
    message = r"GRURegressor.fit has no argument 'validation_data'. Pass X_val=\.\.\., y_val="
    with pytest.raises(TypeError, match=message):
        make("GRURegressor").fit(X, y, validation_data=(X, y))


def test_validation_data_are_checked_as_training_data_are(X, y):
    with pytest.raises(ValueError, match=r"In X_val and y_val: .* first at sample 2, time step 1, feature 0"):
        make("GRURegressor").fit(X, y, X_val=at(X, (2, 1, 0), np.nan), y_val=y)
    with pytest.raises(ValueError, match="X has 40 samples, but y has 39"):
        make("GRURegressor").fit(X, y, X_val=X, y_val=y[:-1])


def test_a_split_that_leaves_nothing(X, y):
    with pytest.raises(ValueError, match=r"validation_split=0\.99 of 2 samples results in .*at least one of each"):
        make("GRUClassifier", validation_split=0.99).fit(X[:2], ["up", "down"])
    with pytest.raises(ValueError, match=r"results in 2 training and 0 .* At least one sample of each class.* remains"):
        make("GRUClassifier", early_stopping=True).fit(X[:2], ["up", "down"])
