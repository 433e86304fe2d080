"""Estimators that pool the outputs of the last recurrent layer: values, the network of Keras, and bad input."""

import numpy as np
import pytest
from conftest import CLASSIFIERS, REGRESSORS, make, needs_kernels, with_padded_steps
from numpy.testing import assert_allclose, assert_array_equal

POOLING = {"mean": lambda states: states.mean(axis=0), "max": lambda states: states.max(axis=0)}


def states_of(x, kernel, recurrent, bias):
    """Outputs of a simple recurrent layer at all time steps."""
    state, states = np.zeros(len(recurrent)), []
    for row in x:
        state = np.tanh(row @ kernel + state @ recurrent + bias)
        states.append(state)
    return np.array(states)


@pytest.mark.parametrize("pooling", POOLING)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_mean_or_maximum_over_valid_time_steps(pooling, bidirectional, X, y):
    X = with_padded_steps(X)
    params = {"cell": "rnn", "pooling": pooling, "bidirectional": bidirectional, "dtype": "float64"}
    regressor = make("RecurrentRegressor", **params).fit(X, y)
    weights = regressor._state.weights
    for x, prediction in zip(X[:6], regressor.predict(X[:6]), strict=True):
        x = x[~np.isnan(x[:, 0])]
        pooled = POOLING[pooling](states_of(x, *weights[:3]))
        if bidirectional:
            backward = POOLING[pooling](states_of(x[::-1], *weights[3:6]))
            pooled = np.concatenate([pooled, backward])
        output, bias = weights[3 + 3 * bidirectional :][:2]
        assert prediction == pytest.approx((pooled @ output + bias)[0], rel=1e-9)


@pytest.mark.parametrize("pooling", POOLING)
@pytest.mark.parametrize("params", [{}, {"bidirectional": True, "units": (5, 4), "dense_units": 3}], ids=str)
@pytest.mark.parametrize(
    "name",
    ["GRUClassifier", *(pytest.param(name, marks=pytest.mark.slow) for name in CLASSIFIERS if name[:3] != "GRU")],
)
def test_the_keras_model_predicts_the_same(name, params, pooling, X, labels):
    as_list = [x[: 1 + i % len(x)] for i, x in enumerate(X)]
    for given in (X, with_padded_steps(X), as_list, X[..., 0]):
        classifier = make(name, pooling=pooling, optimizer__learning_rate=0.03, **params).fit(given, labels)
        outputs = classifier.model_.predict_on_batch(classifier.model_input(given))
        assert_allclose(outputs, classifier.predict_proba(given), atol=1e-5)


@pytest.mark.parametrize("pooling", POOLING)
def test_padded_time_steps_of_the_keras_model_do_not_win(pooling, X, y):
    """States of negative units are below the zeros and the repeated states at padded time steps."""
    X = with_padded_steps(X)
    regressor = make("RecurrentRegressor", cell="rnn", pooling=pooling, bidirectional=True, dtype="float64").fit(X, y)
    for direction in (0, 3):
        regressor._state.weights[direction + 2][:] = -5.0
    outputs = regressor.model_.predict_on_batch(regressor.model_input(X))[:, 0]
    expected = [regressor.predict(x[None, ~np.isnan(x[:, 0])])[0] for x in X]
    assert_allclose(outputs, expected, atol=1e-9)


@needs_kernels
@pytest.mark.slow
@pytest.mark.parametrize("pooling", POOLING)
def test_keras_trains_the_same_network(pooling, X_masked, y, monkeypatch):
    params = {"pooling": pooling, "units": (5, 4), "bidirectional": True, "optimizer__learning_rate": 0.03}
    natively = make("LSTMRegressor", **params).fit(X_masked, y)
    ours = natively.predict(X_masked)
    monkeypatch.setenv("SKRNN_ENGINE", "keras")
    by_keras = make("LSTMRegressor", **params).fit(X_masked, y)
    assert_allclose(natively.history_["loss"], by_keras.history_["loss"], rtol=1e-5)
    assert_allclose(ours, by_keras.predict(X_masked), rtol=0, atol=1e-5)


@needs_kernels
def test_one_time_step_is_pooled_to_itself(X, y):
    predictions = [
        make("GRURegressor", units=(5, 4), dropout=0.3, pooling=pooling).fit(X[:, :1], y).predict(X[:, :1])
        for pooling in ("last", "mean", "max")
    ]
    assert_array_equal(predictions[1], predictions[0])
    assert_array_equal(predictions[2], predictions[0])


@needs_kernels
def test_a_mean_counts_events_anywhere_in_a_long_sequence():
    rng = np.random.default_rng(0)
    X = (rng.random(size=(300, 200)) < rng.uniform(0.0, 0.3, size=(300, 1))).astype(float)
    y = X.mean(axis=1) * 5
    params = {"units": 8, "epochs": 20, "optimizer__learning_rate": 0.01}
    assert make("GRURegressor", pooling="mean", **params).fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.95


@pytest.mark.parametrize("value", ["sum", "Mean", None, 3, True, ["mean"]], ids=repr)
def test_invalid_values_raise(value, X, y):
    message = r"The 'pooling' parameter of GRURegressor must be a str among .*Got .* instead"
    with pytest.raises(ValueError, match=message):
        make("GRURegressor", pooling=value).fit(X, y)


@pytest.mark.parametrize("name", REGRESSORS + CLASSIFIERS)
def test_pooling_of_a_network_that_predicts_every_time_step_raises(name, X):
    message = rf"'pooling' parameter of {name} must be 'last' with return_sequences=True, .*Got 'mean' instead. Set"
    with pytest.raises(ValueError, match=message):
        make(name, pooling="mean", return_sequences=True).fit(X, (X[..., 0] > 0).astype(int))
