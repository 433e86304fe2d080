"""Estimators with categorical features: learning, unknown codes, layouts, bad input, and training in parts."""

import copy
import pickle

import keras
import numpy as np
import pytest
from conftest import CLASSIFIERS, REGRESSORS, make, needs_kernels
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

from skrnn import Checkpoint, GRURegressor, SequenceForecaster, SequenceScaler, sliding_windows
from skrnn._engine.native_training import NativeTraining
from skrnn._engine.saved_fit import SavedFit

EFFECTS = np.array([2.0, -1.5, 1.0, -2.0, 0.5, 0.0])  # of the codes, in no order
N_CODES = len(EFFECTS)


@pytest.fixture
def X():
    """Sequences of two numbers and, between them, a code."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(120, 5, 2))
    codes = rng.integers(N_CODES, size=(120, 5))
    codes[:2, 0] = 0, N_CODES - 1
    return np.stack([numbers[..., 0], codes, numbers[..., 1]], axis=2)


@pytest.fixture
def y(X):
    return EFFECTS[X[:, -1, 1].astype(int)] + 0.1 * X[:, -1, 0]


def with_codes(X, codes):
    """A copy of sequences with other codes."""
    X = X.copy()
    X[..., 1] = codes
    return X


def with_padding(X):
    X = X.copy()
    X[::3, :2] = np.nan
    X[1::3, 3:] = np.nan
    return X


# ---------------------------------------------------------------------- learning


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_regressor_learns_an_effect_that_is_not_monotonic_in_the_code(name, X, y):
    params = {"units": 8, "epochs": 60, "optimizer__learning_rate": 0.03}
    assert make(name, categorical_features=[1], **params).fit(X[:90], y[:90]).score(X[90:], y[90:]) > 0.9


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_learns_classes_of_codes(name, X, y):
    params = {"units": 8, "epochs": 60, "optimizer__learning_rate": 0.03}
    labels = np.where(y > 0, "up", "down")
    classifier = make(name, categorical_features=[1], **params).fit(X[:90], labels[:90])
    assert classifier.score(X[90:], labels[90:]) > 0.9


def test_tables_have_a_row_more_than_codes_and_half_as_many_columns(X, y):
    X = np.concatenate([X, np.zeros((120, 5, 1)), np.full((120, 5, 1), 150.0)], axis=2)
    regressor = make("GRURegressor", categorical_features=[1, 3, 4], epochs=1).fit(X, y)
    tables = {layer.name: layer.get_weights()[0].shape for layer in regressor.model_.layers if "embed" in layer.name}
    assert tables == {"embedding_1": (7, 3), "embedding_3": (2, 1), "embedding_4": (152, 50)}
    kernel = regressor.model_.get_layer("recurrent_0").get_weights()[0]
    assert kernel.shape == (2 + 3 + 1 + 50, 3 * 6)


def test_numeric_features_come_first(X, y):
    regressor = make("RecurrentRegressor", cell="rnn", categorical_features=[1], dtype="float64").fit(X, y)
    table, kernel, recurrent, bias, out, out_bias = regressor._state.weights[:6]
    state = np.zeros(6)
    for first, code, last in X[0]:
        inputs = np.concatenate([[first, last], table[int(code) + 1]])
        state = np.tanh(inputs @ kernel + state @ recurrent + bias)
    assert regressor.predict(X[:1])[0] == pytest.approx((state @ out + out_bias)[0], rel=1e-12)


@needs_kernels
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"bidirectional": True, "units": (5, 4)},
        {"return_sequences": True, "optimizer__clipnorm": 0.1},
        {"optimizer": "sgd", "optimizer__momentum": 0.9, "optimizer__global_clipnorm": 0.5},
        {"validation_split": 0.25, "metrics": ["mae"], "dtype": "float64"},
    ],
    ids=str,
)
def test_keras_trains_the_same_network(params, X, y, monkeypatch):
    params = {"optimizer__learning_rate": 0.03, **params}
    X = with_padding(X)
    if params.get("return_sequences"):
        y = np.cumsum(np.nan_to_num(X[..., 1]), axis=1) / 9
    natively = make("GRURegressor", categorical_features=[1], **params).fit(X, y)
    ours = natively.predict(X)
    monkeypatch.setenv("SKRNN_ENGINE", "keras")
    by_keras = make("GRURegressor", categorical_features=[1], **params).fit(X, y)
    for key, values in by_keras.history_.items():
        assert_allclose(natively.history_[key], values, rtol=1e-5, err_msg=key)
    assert_allclose(ours, by_keras.predict(X), rtol=0, atol=1e-5)
    assert_allclose(natively.predict(X), ours, rtol=0, atol=1e-5)  # by Keras's network, of the same weights


@needs_kernels
def test_a_loss_of_keras_trains_as_its_kernel(X, y):
    def squares(y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

    by_keras = make("GRURegressor", categorical_features=[1], loss=squares).fit(X, y)
    assert_allclose(by_keras.predict(X), make("GRURegressor", categorical_features=[1]).fit(X, y).predict(X), atol=1e-5)


# ---------------------------------------------------------------------- unknown codes


def test_codes_that_did_not_occur_share_the_trained_vector_of_unknown_codes(X, y):
    X = with_codes(X, np.where(X[..., 1] == 3, 2, X[..., 1]))  # 3 does not occur
    regressor = make("GRURegressor", categorical_features=[1]).fit(X, y)
    beyond, far, missing, known = (
        regressor.predict(with_codes(X, code)) for code in (N_CODES, 123_456_789, 3, N_CODES - 1)
    )
    assert_array_equal(beyond, far)
    assert_array_equal(beyond, missing)
    assert np.abs(beyond - known).max() > 1e-5
    inputs = regressor.model_input(with_codes(X, 3))
    assert (inputs[..., 1] == -1).all()
    assert_allclose(regressor.model_.predict_on_batch(inputs)[:, 0], missing, atol=1e-5)
    initial = make("GRURegressor", categorical_features=[1], optimizer__learning_rate=1e-30).fit(X, y)
    before, after = initial._state.weights[0], regressor._state.weights[0]
    assert_array_equal((before != after).any(axis=1), [True, True, True, True, False, True, True])


def test_x_is_not_modified(X, y):
    X = with_codes(X, np.where(X[..., 1] == 3, 2, X[..., 1]))
    regressor = make("GRURegressor", categorical_features=[1], dtype="float64").fit(X, y)
    other = with_codes(X, 3)
    other.flags.writeable = False
    regressor.predict(other)
    assert (other[..., 1] == 3).all()


# ---------------------------------------------------------------------- layouts


def test_positions_and_masks_are_equivalent(X, y):
    expected = make("GRURegressor", categorical_features=[1]).fit(X, y).predict(X)
    for given in ((1,), np.array([1]), [False, True, False], np.array([False, True, False]), [1, 1]):
        assert_array_equal(make("GRURegressor", categorical_features=given).fit(X, y).predict(X), expected)
    assert (make("GRURegressor").fit(X, y).predict(X) != expected).any()


@pytest.mark.parametrize("nothing", [[], [False] * 3, np.array([], int)], ids=repr)
def test_no_categorical_feature_is_as_none(nothing, X, y):
    expected = make("GRURegressor").fit(X, y).predict(X)
    assert_array_equal(make("GRURegressor", categorical_features=nothing).fit(X, y).predict(X), expected)


def test_lists_windows_and_padded_arrays_are_equivalent(X, y):
    padded = with_padding(X)
    as_list = [x[~np.isnan(x[:, 0])] for x in padded]
    regressor = make("GRURegressor", categorical_features=[1]).fit(padded, y)
    of_list = make("GRURegressor", categorical_features=[1]).fit(as_list, y)
    assert_array_equal(regressor.predict(padded), of_list.predict(as_list))
    rows = X[:, 0]
    windows = sliding_windows(rows, window=4)
    of_windows = make("GRURegressor", categorical_features=[1]).fit(windows, y)
    of_array = make("GRURegressor", categorical_features=[1]).fit(np.asarray(windows), y)
    assert_array_equal(of_windows.predict(windows), of_array.predict(np.asarray(windows)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_features_may_be_categorical(dtype, y, X):
    codes = np.stack([X[..., 1], X[..., 1] % 2], axis=2).astype(int)
    regressor = make("GRURegressor", categorical_features=[0, 1], bidirectional=True, dtype=dtype).fit(codes, y)
    outputs = regressor.model_.predict_on_batch(regressor.model_input(codes))
    assert_allclose(outputs[:, 0], regressor.predict(codes), atol=1e-5)
    padded = with_padding(codes.astype(float))
    outputs = regressor.model_.predict_on_batch(regressor.model_input(padded))
    assert_allclose(outputs[:, 0], regressor.predict(padded), atol=1e-5)


def test_a_covariate_of_a_forecaster_may_be_categorical():
    shop = np.arange(90) % 3
    series = EFFECTS[shop]
    model = GRURegressor(8, epochs=40, optimizer__learning_rate=0.03, random_state=0)
    forecaster = SequenceForecaster(model, window=4, categorical_features=[0]).fit(shop[:80, None], series[:80])
    assert forecaster.estimator_.categorical_features == [1]
    assert_allclose(forecaster.predict(shop[80:, None]), series[80:], atol=0.3)


# ---------------------------------------------------------------------- bad input

BAD_CODES = {
    "fraction": (
        2.5,
        r"Categorical feature 1 of X contains 2\.5 at sample 7, time step 3, but GRURegressor takes codes",
    ),
    "negative": (-1, r"Categorical feature 1 of X contains -1\.0 at sample 7, time step 3.*above the other codes"),
    "scaled": (
        0.1,
        r"contains 0\.1 at sample 7, .* SequenceScaler\(categorical_features=\.\.\.\) leaves them unchanged",
    ),
}


@pytest.mark.parametrize("case", BAD_CODES)
def test_values_that_are_not_codes(case, X, y):
    bad, message = BAD_CODES[case]
    regressor = make("GRURegressor", categorical_features=[1])
    spoilt = X.copy()
    spoilt[7, 3, 1] = bad
    with pytest.raises(ValueError, match=message):
        regressor.fit(spoilt, y)
    with pytest.raises(ValueError, match=message):
        regressor.fit(list(spoilt), y)
    regressor.fit(X, y)
    with pytest.raises(ValueError, match=message):
        regressor.predict(spoilt)


def test_nan_in_a_code(X, y):
    X[7, 3, 1] = np.nan
    with pytest.raises(ValueError, match="contains NaN, first at sample 7, time step 3, feature 1"):
        make("GRURegressor", categorical_features=[1]).fit(X, y)


def test_a_code_that_is_too_large(X, y):
    X[7, 3, 1] = 2025010
    with pytest.raises(ValueError, match=r"the code 2025010 at sample 7, time step 3.*0 to n - 1.*OrdinalEncoder"):
        make("GRURegressor", categorical_features=[1]).fit(X, y)
    X[7, 3, 1] = 1_000_000
    with pytest.raises(ValueError, match="the code 1000000 "):
        make("GRURegressor", categorical_features=[1]).fit(X, y)


BAD_FEATURES = {
    "beyond": ([3], r"contains the position 3, but X has 3 feature\(s\), whose positions are 0 to 2"),
    "negative": ([0, -1], r"contains the position -1"),
    "mask": ([True, False], r"is a mask of 2 features, but X has 3"),
    "names": (["shop"], r"must be a 1-D array-like of the positions .* Got \['shop'\]"),
    "fractions": ([1.0], r"must be a 1-D array-like"),
    "table": ([[1]], r"must be a 1-D array-like"),
    "ragged": ([[0], [1, 2]], r"must be a 1-D array-like .* Got \[\[0\], \[1, 2\]\]"),
    "scalar": (1, r"'categorical_features' parameter of GRURegressor must be an array-like or None"),
    "text": ("shop", r"'categorical_features' parameter of GRURegressor must be an array-like or None"),
}


@pytest.mark.parametrize("case", BAD_FEATURES)
def test_features_that_do_not_exist(case, X, y):
    given, message = BAD_FEATURES[case]
    with pytest.raises(ValueError, match=message):
        make("GRURegressor", categorical_features=given).fit(X, y)


def test_input_without_features(X, y):
    with pytest.raises(ValueError, match=r"categorical_features of GRURegressor requires .*X\[:, :, None\]"):
        make("GRURegressor", categorical_features=[1]).fit(X[..., 1], y)
    with pytest.raises(ValueError, match="'categorical_features' and 'embedding_dim' of GRURegressor cannot"):
        make("GRURegressor", categorical_features=[1], embedding_dim=3).fit(X[..., 1].astype(int) + 1, y)


# ---------------------------------------------------------------------- composition and training in parts


def test_copies_predict_and_continue_alike(X, y):
    regressor = make("GRURegressor", categorical_features=np.array([1])).fit(X, y)
    expected = copy.deepcopy(regressor).partial_fit(X, y).predict(X)
    for again in (pickle.loads(pickle.dumps(regressor)), copy.deepcopy(regressor)):
        assert_array_equal(again.predict(X), regressor.predict(X))
        assert_array_equal(again.partial_fit(X, y).predict(X), expected)
    assert_array_equal(clone(regressor).fit(X, y).predict(X), regressor.predict(X))
    assert "embedding of 1 categorical feature" in regressor._repr_html_()


def test_later_fits_continue_from_the_first_one(X, y):
    whole = make("GRURegressor", categorical_features=[1], epochs=4).fit(X, y)
    parts = make("GRURegressor", categorical_features=[1], epochs=2, warm_start=True).fit(X, y).fit(X, y)
    assert_array_equal(whole.predict(X), parts.predict(X))
    assert parts.history_ == whole.history_
    beyond = with_codes(X, X[..., 1] + 100)  # unknown in later parts as well
    parts.partial_fit(beyond, y)
    assert len(parts._state.weights[0]) == N_CODES + 1


def test_other_categorical_features_need_a_new_network(X, y):
    regressor = make("GRURegressor", categorical_features=[1], warm_start=True).fit(X, y)
    for other in (None, [], [0, 1], [0]):
        with pytest.raises(ValueError, match="determines the architecture of the network"):
            regressor.set_params(categorical_features=other).fit(X, y)


@needs_kernels
def test_an_interrupted_fit_resumes(X, y, tmp_path, monkeypatch):
    def regressor(callbacks=None):
        return make("GRURegressor", categorical_features=[1], epochs=5, callbacks=callbacks)

    write, calls = SavedFit.write, []

    def write_and_interrupt(file, content):
        write(file, content)
        calls.append(file)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(SavedFit, "write", write_and_interrupt)
        regressor(Checkpoint(tmp_path, every=1)).fit(X, y)
    epochs, train = [], NativeTraining.train

    def counted(training, epoch):
        epochs.append(epoch)
        return train(training, epoch)

    monkeypatch.setattr(NativeTraining, "train", counted)
    resumed = regressor(Checkpoint(tmp_path, every=1)).fit(X, y)
    assert epochs == [2, 3, 4]
    assert_array_equal(resumed.predict(X), regressor().fit(X, y).predict(X))


def test_the_parameter_is_searched_over_in_a_pipeline(X, y):
    X[..., 0] *= 100
    pipeline = make_pipeline(
        SequenceScaler(categorical_features=[1]),
        make("GRURegressor", categorical_features=[1], epochs=40, optimizer__learning_rate=0.03),
    )
    search = GridSearchCV(pipeline, {"gruregressor__categorical_features": [None, [1]]}, cv=KFold(2)).fit(X, y)
    assert search.best_params_ == {"gruregressor__categorical_features": [1]}
    with pytest.raises(ValueError, match=r"contains -?\d\.\d+ at sample 0.*SequenceScaler"):
        pipeline.set_params(sequencescaler__categorical_features=None).fit(X, y)
