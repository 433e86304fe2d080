"""Losses that are not defined for the targets are refused, and which ones those are."""

import keras
import numpy as np
import pytest
from conftest import make

from skrnn._losses import _KINDS, CLASSES, INDICATORS, REAL_NUMBERS, TWO_CLASSES, check_loss, loss_name

ONE_HOT = np.eye(3)[np.arange(40) % 3]


def long_names():
    """Names of all losses that Keras has, in snake case."""
    return {loss_name(value) for name, value in vars(keras.losses).items() if callable(value) and name[0].isupper()}


def test_every_loss_of_keras_is_listed():
    assert long_names() - {"loss"} <= _KINDS.keys()  # of the newest Keras; older ones lack some


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        ("mse", "mean_squared_error"),
        ("MSE", "mean_squared_error"),
        ("BCE", "binary_crossentropy"),
        ("BinaryCrossentropy", "binary_crossentropy"),
        (keras.losses.BinaryCrossentropy, "binary_crossentropy"),
        (keras.losses.BinaryCrossentropy(), "binary_crossentropy"),
        (keras.losses.binary_crossentropy, "binary_crossentropy"),
        ("kld", "kl_divergence"),
        ("KLDivergence", "kl_divergence"),
        (keras.losses.KLDivergence(), "kl_divergence"),
        (keras.losses.CTC, "ctc"),
        ("mean_absolute_percentage_error", "mean_absolute_percentage_error"),
    ],
)
def test_names(loss, name):
    assert loss_name(loss) == name


@pytest.mark.parametrize("kind", [REAL_NUMBERS, TWO_CLASSES, CLASSES, INDICATORS])
@pytest.mark.parametrize("loss", sorted(_KINDS))
def test_what_is_refused(loss, kind):
    y = ONE_HOT if kind == INDICATORS else np.arange(40) % 2 if kind == TWO_CLASSES else np.arange(40) % 3

    def check():
        check_loss(loss, kind, y, 2, {}, "Estimator")

    if kind in _KINDS[loss]:
        check()
    else:
        with pytest.raises(ValueError, match=f"Estimator got loss='{loss}', which is not defined for {kind}"):
            check()


@pytest.mark.parametrize(
    "loss", ["categorical_crossentropy", "CategoricalCrossentropy", keras.losses.CategoricalCrossentropy()]
)
def test_one_hot_targets(loss, X):
    with pytest.raises(ValueError, match=r"not defined for indicators of several labels.*pass the labels.*argmax"):
        make("GRUClassifier", loss=loss).fit(X, ONE_HOT)


def test_several_labels_at_once(X):
    several = (X[:, -1] > 0).astype(int)
    with pytest.raises(ValueError, match=r"not defined for indicators of several labels. Use loss='auto'"):
        make("GRUClassifier", loss="sparse_categorical_crossentropy").fit(X, several)


def test_several_classes_as_if_they_were_two(X, labels):
    with pytest.raises(ValueError, match=r"loss='binary_crossentropy', which is not defined for labels of several"):
        make("GRUClassifier", loss="binary_crossentropy").fit(X, labels)


def test_regressors(X, y):
    with pytest.raises(ValueError, match=r"'binary_crossentropy', which is not defined for numbers. For labels use a"):
        make("GRURegressor", loss="binary_crossentropy").fit(X, y)
    with pytest.raises(ValueError, match=r"loss='dice', which is not defined for numbers. Use a loss of numbers"):
        make("GRURegressor", loss="dice").fit(X, y)
    with pytest.raises(ValueError, match=r"loss='poisson', which takes targets that are not negative. The smallest"):
        make("GRURegressor", loss="poisson").fit(X, y)
    with pytest.raises(ValueError, match=r"loss='cosine_similarity', which of a single output is no more than its"):
        make("GRURegressor", loss="cosine_similarity").fit(X, y)


@pytest.mark.parametrize("loss", [keras.losses.BinaryCrossentropy(from_logits=True), "binary_crossentropy"])
def test_losses_of_logits(loss, X, binary_labels):
    routed = {"loss__from_logits": True} if isinstance(loss, str) else {}
    with pytest.raises(ValueError, match="with from_logits=True, but the outputs of GRUClassifier are probabilities"):
        make("GRUClassifier", loss=loss, **routed).fit(X, binary_labels)


def test_a_loss_that_is_set_later(X, labels, binary_labels):
    classifier = make("GRUClassifier", warm_start=True).fit(X, labels)
    classifier.set_params(loss="binary_crossentropy")
    for call in (classifier.fit, classifier.partial_fit):
        with pytest.raises(ValueError, match="'binary_crossentropy', which is not defined for labels of several"):
            call(X, labels)
    # Another loss that fits encodes the labels anew: its history is what a fit with it alone begins with.
    expected = make("GRUClassifier", loss="categorical_crossentropy").fit(X, labels)
    classifier = make("GRUClassifier", warm_start=True, epochs=1).fit(X, labels)
    classifier.set_params(loss="categorical_crossentropy", epochs=2).fit(X, labels)
    np.testing.assert_allclose(classifier.predict_proba(X), expected.predict_proba(X), atol=1e-5)
    two = make("GRUClassifier", warm_start=True).fit(X, binary_labels).set_params(loss="categorical_crossentropy")
    with pytest.raises(ValueError, match="a parameter that shapes the network has changed"):
        two.fit(X, binary_labels)


def test_a_loss_of_ones_own_takes_any_targets(X, y, labels):
    def categorical_crossentropy(y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

    assert make("GRURegressor", loss=categorical_crossentropy).fit(X, y).n_iter_ == 3
