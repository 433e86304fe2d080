"""Losses by name, class, instance and function, and what the history holds of them."""

import keras
import numpy as np
import pytest
from conftest import N_SAMPLES, N_TIMESTEPS, make
from numpy.testing import assert_allclose

# With these a fit is a plain function of the weighted data.
EXACT = {"dtype": "float64", "batch_size": None, "shuffle": False}


def absolute_error(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


@pytest.mark.parametrize(
    "loss",
    ["mae", "mean_absolute_error", absolute_error, keras.losses.MeanAbsoluteError, keras.losses.MeanAbsoluteError()],
    ids=["short", "long", "function", "class", "instance"],
)
def test_losses_of_every_kind(loss, X, y):
    expected = make("GRURegressor", loss="mae").fit(X, y)
    regressor = make("GRURegressor", loss=loss).fit(X, y)
    assert_allclose(regressor.history_["loss"], expected.history_["loss"], rtol=1e-6)
    assert_allclose(regressor.predict(X), expected.predict(X), atol=1e-6)
    squared = make("GRURegressor").fit(X, y)
    assert np.abs(squared.predict(X) - expected.predict(X)).max() > 1e-5


@pytest.mark.parametrize(
    "loss",
    [
        "sparse_categorical_crossentropy",
        "categorical_crossentropy",
        pytest.param(keras.losses.SparseCategoricalCrossentropy, marks=pytest.mark.slow),
        keras.losses.SparseCategoricalCrossentropy(),
        pytest.param(keras.losses.sparse_categorical_crossentropy, marks=pytest.mark.slow),
        pytest.param(keras.losses.CategoricalCrossentropy, marks=pytest.mark.slow),
        pytest.param(keras.losses.CategoricalCrossentropy(), marks=pytest.mark.slow),
        pytest.param(keras.losses.categorical_crossentropy, marks=pytest.mark.slow),
    ],
    ids=lambda loss: loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__ + "()"),
)
def test_losses_of_several_classes(loss, X, labels):
    expected = make("GRUClassifier").fit(X, labels)
    classifier = make("GRUClassifier", loss=loss).fit(X, labels)
    assert_allclose(classifier.predict_proba(X), expected.predict_proba(X), atol=1e-5)
    assert_allclose(classifier.history_["loss"], expected.history_["loss"], rtol=1e-5)


@pytest.mark.parametrize(
    "loss",
    ["binary_crossentropy", keras.losses.BinaryCrossentropy, keras.losses.BinaryCrossentropy()],
    ids=["name", "class", "instance"],
)
def test_losses_of_two_classes(loss, X, binary_labels):
    expected = make("GRUClassifier").fit(X, binary_labels)
    classifier = make("GRUClassifier", loss=loss).fit(X, binary_labels)
    assert_allclose(classifier.predict_proba(X), expected.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "sparse_categorical_crossentropy"])
def test_two_classes_with_a_loss_of_several(loss, X, binary_labels):
    params = {"epochs": 60, "optimizer__learning_rate": 0.02}
    classifier = make("GRUClassifier", loss=loss, **params).fit(X, binary_labels)
    assert classifier.n_outputs_ == 2
    assert classifier.predict_proba(X).shape == (N_SAMPLES, 2)
    assert classifier.score(X, binary_labels) > 0.85


def test_focal_loss_of_indicators(X):
    indicators = (X[:, -1] > 0).astype(int)
    params = {"loss": "binary_focal_crossentropy", "epochs": 100, "optimizer__learning_rate": 0.03}
    classifier = make("GRUClassifier", **params).fit(X, indicators)
    assert (classifier.predict(X) == indicators).mean() > 0.9


@pytest.mark.parametrize("batch_size", [None, 16])
def test_history_is_the_weighted_mean(batch_size, X, y):
    # A learning rate of nothing: the loss of every batch is that of the initial weights.
    weights = np.linspace(0.5, 3, N_SAMPLES)
    params = {**EXACT, "batch_size": batch_size, "optimizer": "sgd", "optimizer__learning_rate": 1e-30}
    regressor = make("GRURegressor", epochs=1, **params).fit(X, y, sample_weight=weights)
    errors = (regressor.predict(X) - y) ** 2
    assert regressor.history_["loss"] == pytest.approx([np.average(errors, weights=weights)], rel=1e-6)


def test_history_of_steps_is_the_mean_over_present_ones(X_masked, y_steps):
    params = {**EXACT, "optimizer": "sgd", "optimizer__learning_rate": 1e-30, "return_sequences": True}
    weights = np.linspace(0.5, 3, N_SAMPLES)
    regressor = make("GRURegressor", epochs=1, **params).fit(X_masked, y_steps, sample_weight=weights)
    errors = (regressor.predict(X_masked) - y_steps) ** 2
    present = ~np.isnan(errors)
    expected = np.average(errors[present], weights=np.repeat(weights[:, None], N_TIMESTEPS, axis=1)[present])
    assert regressor.history_["loss"] == pytest.approx([expected], rel=1e-6)


def test_one_full_batch_is_a_step_down_the_gradient_of_the_weighted_mean(X, y):
    # The output's bias has the gradient 2 * weighted mean of (prediction - y).
    weights = np.linspace(0.5, 3, N_SAMPLES)
    params = {**EXACT, "optimizer": "sgd", "epochs": 1}
    start = make("GRURegressor", optimizer__learning_rate=1e-30, **params).fit(X, y, sample_weight=weights)
    stepped = make("GRURegressor", optimizer__learning_rate=0.1, **params).fit(X, y, sample_weight=weights)
    gradient = 2 * np.average(start.predict(X) - y, weights=weights)
    assert stepped.model_.get_weights()[-1] == pytest.approx(-0.1 * gradient, rel=1e-5)
