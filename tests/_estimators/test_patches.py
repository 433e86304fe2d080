"""Estimators that read patches of time steps: layouts, the network of Keras, both training loops, and bad input."""

import contextlib
import pickle
from dataclasses import replace

import keras
import numpy as np
import pytest
from conftest import CLASSIFIERS, RAW, REGRESSORS, make, needs_kernels, weights_of
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.utils import estimator_html_repr

from skrnn import SequenceForecaster, sliding_windows
from skrnn._data.sequences import Sequences
from skrnn._estimators.html import network_summary

N, LONGEST = 50, 13


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(N, LONGEST, 2))


@pytest.fixture
def y(X):
    return X[:, -1, 0] - X[:, -5, 1]


@pytest.fixture
def lengths():
    lengths = np.random.default_rng(1).integers(1, LONGEST + 1, size=N)
    lengths[7] = LONGEST
    return lengths


@pytest.fixture
def as_list(X, lengths):
    """Sequences of different lengths."""
    return [x[:length] for x, length in zip(X, lengths, strict=True)]


def padded(as_list, where):
    """A list of sequences as an array with leading or trailing padding, or both."""
    array = np.full((len(as_list), LONGEST, as_list[0].shape[1]), np.nan)
    for row, x in zip(array, as_list, strict=True):
        n = LONGEST - len(x)
        first = {"leading": n, "trailing": 0, "both": n // 2}[where]
        row[first : first + len(x)] = x
    return array


def patches_of(x, size):
    """One sequence by hand: patches that end at its last time step, the first one filled up with zeros."""
    missing = -len(x) % size
    return np.concatenate([np.zeros((missing, x.shape[1])), x]).reshape(-1, size * x.shape[1])


def stock_outputs(estimator, X):
    return estimator.model_.predict_on_batch(estimator.model_input(X))[:, 0]


# ---------------------------------------------------------------------- patches by hand


@needs_kernels
@pytest.mark.parametrize("name", REGRESSORS)
@pytest.mark.parametrize("size", [2, 5, LONGEST])
def test_the_fit_is_that_of_patches_by_hand(name, size, X, y):
    by_hand = np.array([patches_of(x, size) for x in X])
    regressor = make(name, patch_size=size, dropout=0.2).fit(X, y)
    assert_array_equal(regressor.predict(X), make(name, dropout=0.2).fit(by_hand, y).predict(by_hand))
    assert regressor.n_features_in_ == 2


@needs_kernels
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_reads_patches_of_sequences_of_different_lengths(name, as_list, y):
    by_hand = [patches_of(x, 4) for x in as_list]
    params = {"units": (5, 4), "bidirectional": True}
    classifier = make(name, patch_size=4, **params).fit(as_list, y > 0)
    expected = make(name, **params).fit(by_hand, y > 0).predict_proba(by_hand)
    assert_array_equal(classifier.predict_proba(as_list), expected)


@needs_kernels
def test_univariate_rows(X, y):
    by_hand = np.array([patches_of(x, 5) for x in X[..., :1]])
    regressor = make("GRURegressor", patch_size=5).fit(X[..., 0], y)
    assert_array_equal(regressor.predict(X[..., 0]), make("GRURegressor").fit(by_hand, y).predict(by_hand))
    assert regressor.n_features_in_ == LONGEST


@needs_kernels
def test_padding_does_not_change_patches(as_list, y):
    expected = make("GRURegressor", patch_size=4).fit(as_list, y).predict(as_list)
    for where in ("leading", "trailing", "both"):
        X = padded(as_list, where)
        assert_array_equal(make("GRURegressor", patch_size=4).fit(X, y).predict(X), expected)


@needs_kernels
def test_filled_steps_are_zero_in_the_scale_of_each_sequence():
    rng = np.random.default_rng(0)
    rows, y = rng.normal(size=(60, 2)), rng.normal(size=60)
    windows = sliding_windows(rows, window=7)
    shifts, scales = rng.normal(3.0, 1.0, size=(60, 1)), rng.uniform(0.5, 2.0, size=(60, 1))
    scaled = Sequences(**{**vars(windows), "shifts": shifts, "scales": scales})
    plain = [x[~np.isnan(x[:, 0])] for x in np.asarray(scaled)]
    by_hand = [patches_of(x, 3) for x in plain]
    of_windows = make("GRURegressor", patch_size=3).fit(scaled, y)
    assert_array_equal(of_windows.predict(scaled), make("GRURegressor").fit(by_hand, y).predict(by_hand))
    assert_allclose(stock_outputs(of_windows, scaled), of_windows.predict(scaled), atol=1e-5)


@needs_kernels
def test_other_lengths_in_predict(X, y):
    regressor = make("GRURegressor", patch_size=4).fit(X, y)
    longer = np.concatenate([X, X[:, :4]], axis=1)  # whole patches that follow
    by_hand = make("GRURegressor").fit(np.array([patches_of(x, 4) for x in X]), y)
    for given in (longer, X[:, :3], X[:, :8], X[:, :1]):
        assert_array_equal(regressor.predict(given), by_hand.predict(np.array([patches_of(x, 4) for x in given])))
        assert_allclose(stock_outputs(regressor, given), regressor.predict(given), atol=1e-5)


# ---------------------------------------------------------------------- the network of Keras


@pytest.mark.parametrize(
    "params",
    [{}, {"units": (5, 4), "bidirectional": True}, {"pooling": "mean"}, {"pooling": "max", "bidirectional": True}],
    ids=str,
)
def test_the_keras_model_predicts_the_same(params, X, as_list, y):
    params = {"patch_size": 4, "optimizer__learning_rate": 0.03, **params}
    for given in (X, as_list, padded(as_list, "leading"), padded(as_list, "trailing"), X[..., 0]):
        regressor = make("GRURegressor", **params).fit(given, y)
        assert_allclose(stock_outputs(regressor, given), regressor.predict(given), atol=1e-5)


def test_the_keras_model_takes_sequences_without_padding_as_they_are(X, y):
    regressor = make("LSTMRegressor", patch_size=4, pooling="max").fit(X, y)
    assert_array_equal(regressor.model_input(X), X.astype(np.float32))
    for n_timesteps in (1, 4, 6, LONGEST):
        outputs = regressor.model_.predict_on_batch(X[:, :n_timesteps].astype(np.float32))[:, 0]
        assert_allclose(outputs, regressor.predict(X[:, :n_timesteps]), atol=1e-5)


def test_the_model_of_univariate_rows_has_a_fixed_length(X, y):
    regressor = make("GRURegressor", patch_size=4).fit(X[..., 0], y)
    assert regressor.model_.input_shape == (None, LONGEST, 1)
    assert regressor.model_.get_layer("patches").output.shape == (None, 4, 4)


def test_masked_patches_come_last_in_the_input_of_the_model(as_list, lengths, y):
    """Keras's layers require that on a GPU."""
    regressor = make("GRURegressor", patch_size=4).fit(as_list, y)
    inputs = regressor.model_input(as_list)
    assert inputs.shape == (N, 16, 2)
    is_masked = (inputs == inputs.min()).all(axis=2)
    for x, row, masked, length in zip(as_list, inputs, is_masked, lengths, strict=True):
        missing = -length % 4
        assert_array_equal(np.flatnonzero(~masked), missing + np.arange(length))
        assert_allclose(row[missing : missing + length], x, rtol=1e-6)


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("where", ["leading", "trailing", "between", "none"])
def test_token_ids(where, pooling):
    rng = np.random.default_rng(0)
    ids = rng.integers(1, 20, size=(60, 10))
    y = rng.normal(size=60)
    columns = np.arange(10)
    if where == "between":
        ids[::2, 4] = 0
    elif where != "none":
        n = rng.integers(0, 10, size=60)[:, None]
        ids[columns < n if where == "leading" else columns >= 10 - n] = 0
    params = {"optimizer__learning_rate": 0.03, "bidirectional": True, "pooling": pooling}
    expects_warning = pytest.warns(UserWarning, match="id 0") if where == "between" else contextlib.nullcontext()
    with expects_warning:
        regressor = make("GRURegressor", embedding_dim=5, patch_size=4, **params).fit(ids, y)
    table, *others = regressor._state.weights
    vectors = [patches_of(table[row[row > 0]], 4) for row in ids]
    of_vectors = make("GRURegressor", **params).fit(vectors, y)
    of_vectors._state = replace(regressor._state, weights=others)
    expected = of_vectors.predict(vectors)
    assert_allclose(regressor.predict(ids), expected, atol=1e-6)
    assert_allclose(stock_outputs(regressor, ids), expected, atol=1e-5)
    assert regressor.model_.input_shape == (None, 12)
    assert regressor.n_features_in_ == 10


def test_categorical_features_are_embedded_first(as_list, y):
    rng = np.random.default_rng(0)
    X = [np.column_stack([x[:, 0], rng.integers(0, 6, len(x)), x[:, 1]]) for x in as_list]
    regressor = make("GRURegressor", categorical_features=[1], patch_size=4, epochs=5).fit(X, y)
    table, *others = regressor._state.weights
    vectors = [patches_of(np.column_stack([x[:, [0, 2]], table[x[:, 1].astype(int) + 1]]), 4) for x in X]
    of_vectors = make("GRURegressor").fit(vectors, y)
    of_vectors._state = replace(regressor._state, weights=others)
    assert_allclose(regressor.predict(X), of_vectors.predict(vectors), atol=1e-6)
    assert_allclose(stock_outputs(regressor, X), regressor.predict(X), atol=1e-5)


# ---------------------------------------------------------------------- training


@needs_kernels
@pytest.mark.slow
@pytest.mark.parametrize(
    "params",
    [
        {"patch_size": 3},
        {"patch_size": 3, "pooling": "mean", "bidirectional": True, "units": (5, 4), "validation_split": 0.2},
        {"patch_size": 3, "pooling": "max", "dense_units": 4, "batch_size": 16},
        # Keras's Adam squares the gradients of embeddings before it sums those of equal token ids.
        {"patch_size": 3, "embedding_dim": 4, "optimizer": "sgd", "optimizer__momentum": 0.9},
        {"patch_size": 3, "pooling": "max", "categorical_features": [1], "bidirectional": True},
    ],
    ids=str,
)
def test_keras_trains_the_same_network(params, X, as_list, y, monkeypatch):
    params = {"optimizer__learning_rate": 0.03, **params}
    if "embedding_dim" in params:
        given = np.random.default_rng(0).integers(1, 9, size=(N, 10))
        given[::3, 6:] = 0
    elif "categorical_features" in params:
        rng = np.random.default_rng(0)
        given = [np.column_stack([x, rng.integers(0, 40, len(x))])[:, [0, 2, 1]] for x in as_list]
    else:
        given = as_list
    natively = make("GRURegressor", **params).fit(given, y)
    ours = natively.predict(given)
    monkeypatch.setenv("SKRNN_ENGINE", "keras")
    by_keras = make("GRURegressor", **params).fit(given, y)
    for key, values in by_keras.history_.items():
        assert_allclose(natively.history_[key], values, rtol=1e-5, err_msg=key)
    assert_allclose(ours, by_keras.predict(given), rtol=0, atol=1e-5)
    assert_allclose(natively.predict(given), ours, rtol=0, atol=1e-5)  # by Keras's network, of the same weights


@needs_kernels
def test_a_loss_of_keras_and_a_callback(as_list, y):
    def squares(y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

    expected = make("GRURegressor", patch_size=3, pooling="max").fit(as_list, y).predict(as_list)
    for params in ({"loss": squares}, {"callbacks": [keras.callbacks.TerminateOnNaN()]}):
        regressor = make("GRURegressor", patch_size=3, pooling="max", **params).fit(as_list, y)
        assert_allclose(regressor.predict(as_list), expected, atol=1e-5)


def test_a_callable_cell(as_list, y):
    def cell(units, **options):
        return keras.layers.GRU(units, **options)

    regressor = make("RecurrentRegressor", cell=cell, patch_size=4, pooling="mean").fit(as_list, y)
    named = make("RecurrentRegressor", cell="gru", patch_size=4, pooling="mean").fit(as_list, y)
    named._state = regressor._state
    assert_allclose(named.predict(as_list), regressor.predict(as_list), atol=1e-5)


def test_later_parts_may_be_shorter_than_a_patch(X, y):
    regressor = make("GRURegressor", patch_size=4).partial_fit(X, y)
    before = weights_of(regressor)
    regressor.partial_fit(X[:, :2], y)
    assert (weights_of(regressor) != before).any()


def test_a_fit_that_resumes_needs_the_same_patches(X, y):
    regressor = make("GRURegressor", patch_size=4, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="cannot resume training: a parameter that determines the architecture"):
        regressor.set_params(patch_size=3).fit(X, y)
    with pytest.raises(ValueError, match="cannot resume training: a parameter that determines the architecture"):
        regressor.set_params(patch_size=4, pooling="mean").fit(X, y)


@needs_kernels
def test_longer_patches_are_fewer_steps():
    """The first of 400 time steps decides: it is too far from the output for steps of one time step."""
    rng = np.random.default_rng(0)
    X = 0.1 * rng.normal(size=(200, 400))
    labels = rng.integers(2, size=200)
    X[:, :10] += labels[:, None]
    params = {"units": 8, "epochs": 15, "optimizer__learning_rate": 0.01}
    scores = [
        make("GRUClassifier", patch_size=size, **params).fit(X[:150], labels[:150]).score(X[150:], labels[150:])
        for size in (1, 40)
    ]
    assert scores[0] < 0.7
    assert scores[1] > 0.95


# ---------------------------------------------------------------------- as other parameters


def test_a_search_tries_patches_and_pooling(X, y):
    grid = {"patch_size": [1, 4], "pooling": ["last", "mean", "max"]}
    search = GridSearchCV(make("GRURegressor"), grid, cv=KFold(2)).fit(X, y)
    assert len(set(search.cv_results_["mean_test_score"])) == 6
    assert search.best_estimator_.patch_size == search.best_params_["patch_size"]


@pytest.mark.parametrize("name", REGRESSORS + CLASSIFIERS)
def test_parameters_are_cloned_pickled_and_displayed(name, as_list, y):
    target = y > 0 if name in CLASSIFIERS else y
    estimator = make(name, patch_size=4, pooling="max").fit(as_list, target)
    copied = clone(estimator)
    assert (copied.patch_size, copied.pooling) == (4, "max")
    unpickled = pickle.loads(pickle.dumps(estimator))
    assert_array_equal(unpickled.predict(as_list), estimator.predict(as_list))
    cell = {"G": "GRU", "L": "LSTM", "R": "GRU"}[name[0]]
    expected = f"patches of 4 time steps, {cell} with 6 units, maximum over time; "
    assert network_summary(estimator).startswith(expected)
    html = estimator_html_repr(copied)
    assert "patch_size" in html
    assert "pooling" in html


# ---------------------------------------------------------------------- forecasts


@needs_kernels
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("covariates", [False, True])
def test_recursive_forecasts_are_repeated_predictions(pooling, covariates):
    y = np.sin(np.arange(90) / 3)
    X = np.cos(np.arange(90) / 5)[:, None] if covariates else None
    network = make("GRURegressor", patch_size=4, pooling=pooling)
    forecaster = SequenceForecaster(network, window=10, **RAW).fit(X if X is None else X[:70], y[:70])
    assert (
        forecaster.estimator_._closed_loop(np.zeros((1, 10, 1)), np.zeros((1, 15, int(covariates))), 1, 5) is not None
    )
    series = list(y[:70])
    for k in range(70, 82):
        columns = [np.array(series[-10:])] + ([X[k - 9 : k + 1, 0]] if covariates else [])
        series.append(forecaster.estimator_.predict(np.stack(columns, axis=1)[None])[0])
    forecasts = forecaster.predict(X[70:82]) if covariates else forecaster.forecast(12)
    assert_allclose(forecasts, series[70:], rtol=1e-6)


# ---------------------------------------------------------------------- invalid input


@pytest.mark.parametrize("value", [0, -3, 2.0, "10", None, (2,)], ids=repr)
def test_invalid_sizes_raise(value, X, y):
    with pytest.raises(ValueError, match=r"The 'patch_size' parameter of GRURegressor must be an int .*Got .* instead"):
        make("GRURegressor", patch_size=value).fit(X, y)


@pytest.mark.parametrize("name", REGRESSORS + CLASSIFIERS)
def test_patches_longer_than_all_sequences_raise(name, as_list, X):
    labels = np.arange(N) % 2
    message = rf"'patch_size' parameter of {name} must be at most 13, .*longest sequence. Got 14 instead. Decrease it"
    for given in (X, as_list, padded(as_list, "both"), X[..., 0]):
        with pytest.raises(ValueError, match=message):
            make(name, patch_size=14).fit(given, labels)
    with pytest.raises(ValueError, match=message):
        make(name, patch_size=14).partial_fit(X, labels, **({"classes": [0, 1]} if name in CLASSIFIERS else {}))


def test_patches_longer_than_all_texts_raise():
    ids = np.zeros((20, 9), dtype=int)
    ids[:, :5] = 3
    with pytest.raises(ValueError, match=r"'patch_size' parameter of GRURegressor must be at most 5, .*Got 6 instead"):
        make("GRURegressor", patch_size=6, embedding_dim=2).fit(ids, np.arange(20.0))


def test_patches_of_a_network_that_predicts_every_time_step_raise(X):
    with pytest.raises(
        ValueError, match=r"'patch_size' parameter of GRURegressor must be 1 with return_sequences=True"
    ):
        make("GRURegressor", patch_size=2, return_sequences=True).fit(X, X[..., 0])


def test_patches_longer_than_the_window_of_a_forecaster_raise():
    forecaster = SequenceForecaster(make("GRURegressor", patch_size=9), window=8)
    with pytest.raises(ValueError, match=r"'patch_size' parameter of GRURegressor must be at most 8"):
        forecaster.fit(None, np.sin(np.arange(60)))
