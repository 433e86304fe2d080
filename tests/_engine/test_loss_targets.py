"""Losses that are not defined for the targets are refused, and which ones those are."""

import functools
import logging

import keras
import numpy as np
import pytest
from conftest import make, needs_kernels
from problems import row_count

from skrnn._engine.loss_targets import _KINDS, CLASSES, INDICATORS, REAL_NUMBERS, TWO_CLASSES, check_loss, loss_name

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
    with pytest.raises(ValueError, match=r"loss='poisson', which requires targets that are not negative. The smallest"):
        make("GRURegressor", loss="poisson").fit(X, y)
    with pytest.raises(ValueError, match=r"loss='cosine_similarity', which for a single output is only its"):
        make("GRURegressor", loss="cosine_similarity").fit(X, y)


@pytest.mark.parametrize("loss", [keras.losses.BinaryCrossentropy(from_logits=True), "binary_crossentropy"])
def test_losses_of_logits(loss, X, binary_labels):
    routed = {"loss__from_logits": True} if isinstance(loss, str) else {}
    with pytest.raises(ValueError, match="with from_logits=True, but the outputs of GRUClassifier are probabilities"):
        make("GRUClassifier", loss=loss, **routed).fit(X, binary_labels)


@pytest.mark.slow
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
    with pytest.raises(ValueError, match="a parameter that determines the architecture of the network has changed"):
        two.fit(X, binary_labels)


def test_a_loss_of_ones_own_takes_any_targets(X, y, labels):
    def categorical_crossentropy(y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

    assert make("GRURegressor", loss=categorical_crossentropy).fit(X, y).n_iter_ == 3


class Focused(keras.losses.CategoricalCrossentropy):
    """A subclass of one of Keras's losses, which takes the same targets."""


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["", "keras"])
@pytest.mark.parametrize(
    "loss",
    [Focused(), Focused, functools.partial(keras.losses.categorical_crossentropy, label_smoothing=0.0)],
    ids=["instance", "class", "partial"],
)
def test_losses_made_of_those_of_keras(loss, engine, X, binary_labels, use_engine):
    expected = make("GRUClassifier", loss="categorical_crossentropy").fit(X, binary_labels)
    use_engine(engine)
    classifier = make("GRUClassifier", loss=loss).fit(X, binary_labels)
    assert classifier.n_outputs_ == 2
    np.testing.assert_allclose(classifier.history_["loss"], expected.history_["loss"], rtol=1e-5)
    with pytest.raises(ValueError, match="not defined for indicators of several labels"):
        make("GRUClassifier", loss=loss).fit(X, ONE_HOT)


def test_logits_of_a_subclass(X, binary_labels):
    class OfLogits(keras.losses.BinaryCrossentropy):
        pass

    with pytest.raises(ValueError, match="with from_logits=True"):
        make("GRUClassifier", loss=OfLogits(from_logits=True)).fit(X, binary_labels)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["", "keras"])
def test_a_loss_that_is_changed_between_fits(engine, X, y, use_engine):
    class Scaled(keras.losses.Loss):
        factor = 1.0

        def call(self, y_true, y_pred):
            return self.factor * keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

    use_engine(engine)
    loss, params = Scaled(), {"epochs": 1, "optimizer": "sgd", "optimizer__learning_rate": 1e-12}
    plain = make("GRURegressor", **params).fit(X, y)
    once = make("GRURegressor", loss=loss, **params).fit(X, y)
    loss.factor = 5.0
    again = make("GRURegressor", loss=loss, **params).fit(X, y)
    assert once.history_["loss"] == pytest.approx([plain.history_["loss"][0]], rel=1e-5)
    assert again.history_["loss"] == pytest.approx([5 * plain.history_["loss"][0]], rel=1e-5)


@pytest.mark.parametrize(
    "params", [{"loss": keras.losses.MeanSquaredError(reduction="sum")}, {"loss__reduction": "sum"}]
)
def test_a_reduction_of_ones_own(params, X, y):
    with pytest.raises(ValueError, match="reduction='sum', but divides the weighted sum of the loss itself"):
        make("GRURegressor", **{"loss": "mse", **params}).fit(X, y)


def test_targets_to_validate_on_are_checked_too(X, y):
    with pytest.raises(ValueError, match=r"In X_val and y_val: .* requires targets that are not negative"):
        make("GRURegressor", loss="poisson").fit(X, y**2, X_val=X, y_val=-(y**2))


@needs_kernels
def test_a_metric_that_looks_at_no_weights_counts_rows(X, y, caplog):
    with caplog.at_level(logging.DEBUG, logger="skrnn"):
        regressor = make("GRURegressor", metrics=[row_count("count")], validation_split=0.25, batch_size=16).fit(X, y)
    assert "keras.Model.fit" not in caplog.text  # Keras computes the metric, from outputs of the kernels
    assert regressor.history_["count"] == [30, 30, 30]
    assert regressor.history_["val_count"] == [10, 10, 10]


@pytest.mark.slow
def test_a_callback_may_evaluate_the_model(X, y, use_engine):
    use_engine("keras")
    seen = []

    class Evaluate(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.evaluate(X, y, verbose=0))

    regressor = make("GRURegressor", callbacks=[Evaluate()]).fit(X, y)
    assert seen[-1] == pytest.approx(np.mean((regressor.predict(X) - y) ** 2), rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["", "keras"])
def test_metrics_that_are_no_number_for_each_sample(engine, X, y, labels, use_engine):
    use_engine(engine)

    def rmse(y_true, y_pred):
        return keras.ops.sqrt(keras.ops.mean(keras.ops.square(y_true - y_pred)))

    with pytest.raises(ValueError, match="'metrics' parameter of GRURegressor holds one that cannot be computed"):
        make("GRURegressor", metrics=[rmse]).fit(X, y)
    by_class = make("GRUClassifier", loss="categorical_crossentropy", metrics=[keras.metrics.F1Score()])
    with pytest.raises(ValueError, match="GRUClassifier holds 'f1_score', which has several values"):
        by_class.fit(X, labels)
    by_class.set_params(metrics=[keras.metrics.F1Score(average="macro")])
    assert 0 <= by_class.fit(X, labels).history_["f1_score"][-1] <= 1
