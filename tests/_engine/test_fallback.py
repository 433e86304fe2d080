"""Native kernels against Keras's own loop, the same history and predictions; and what only that loop can train."""

import logging
import re

import keras
import numpy as np
import pytest
from conftest import make, needs_kernels
from numpy.testing import assert_allclose

from skrnn._engine import fallback
from skrnn._engine import training as _training


def largest_error(y_true, y_pred):
    return keras.ops.max(keras.ops.abs(y_true - y_pred), axis=-1)


CASES = {
    "gru": ("GRURegressor", {}),
    "gru-masked-bidirectional": ("GRURegressor", {"bidirectional": True, "masked": True}),
    "gru-masked-steps-weighted": (
        "GRURegressor",
        {"return_sequences": True, "masked": True, "weighted": True, "validation_split": 0.25, "metrics": ["mae"]},
    ),
    "gru-float64-full-batch": ("GRURegressor", {"dtype": "float64", "batch_size": None, "weighted": True}),
    "lstm-masked-stacked": ("LSTMRegressor", {"units": (6, 4), "masked": True}),
    "lstm-stacked-bidirectional-steps": (
        "LSTMRegressor",
        {"units": (6, 4), "bidirectional": True, "return_sequences": True},
    ),
    "rnn-masked-bidirectional": ("RecurrentRegressor", {"cell": "rnn", "bidirectional": True, "masked": True}),
    "rnn-early-stopping": ("RecurrentRegressor", {"cell": "rnn", "early_stopping": True, "epochs": 5}),
    "classifier-weighted-validation": (
        "GRUClassifier",
        {"class_weight": "balanced", "weighted": True, "validation_split": 0.25, "metrics": ["accuracy"]},
    ),
    "classifier-masked": ("LSTMClassifier", {"masked": True, "dense_units": 4}),
    "metrics-weighted-validation": (
        "GRURegressor",
        {
            "metrics": ["mae", "mse", "RootMeanSquaredError", "mape", "LogCoshError"],
            "weighted": True,
            "validation_split": 0.25,
        },
    ),
    "metrics-of-keras-weighted-steps": (
        "LSTMRegressor",
        {
            "metrics": [keras.metrics.MeanSquaredError(), "mae", largest_error],
            "return_sequences": True,
            "masked": True,
            "weighted": True,
            "validation_split": 0.25,
        },
    ),
    "classifier-metrics-weighted-validation": (
        "LSTMClassifier",
        {
            "metrics": ["acc", "sparse_categorical_crossentropy", "sparse_top_k_categorical_accuracy"],
            "weighted": True,
            "validation_split": 0.25,
        },
    ),
    "classifier-one-hot": (
        "RecurrentClassifier",
        {"loss": "categorical_crossentropy", "metrics": ["accuracy", "mse", keras.metrics.AUC(name="area")]},
    ),
    "dense-clipped-huber": (
        "GRURegressor",
        {"dense_units": (5,), "loss": "huber", "loss__delta": 0.5, "optimizer": "sgd", "optimizer__clipnorm": 0.01},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_kernels_do_what_keras_does(case, X, X_masked, y, y_steps, labels, monkeypatch, caplog):
    name, params = CASES[case]
    params = dict(params)
    X = X_masked if params.pop("masked", False) else X
    weights = np.linspace(0.5, 3, len(X)) if params.pop("weighted", False) else None
    target = labels if name.endswith("Classifier") else y_steps if params.get("return_sequences") else y
    natively = make(name, **params).fit(X, target, sample_weight=weights)
    outputs = natively.predict_proba(X) if name.endswith("Classifier") else natively.predict(X)

    monkeypatch.setenv("SKRNN_ENGINE", "keras")
    with caplog.at_level(logging.DEBUG, logger="skrnn"):
        by_keras = make(name, **params).fit(X, target, sample_weight=weights)
    assert f"{name} trains through keras.Model.fit" in caplog.text
    assert by_keras.history_.keys() == natively.history_.keys()
    for key, values in by_keras.history_.items():
        assert_allclose(natively.history_[key], values, rtol=1e-5, atol=1e-6, err_msg=key)
    expected = by_keras.predict_proba(X) if name.endswith("Classifier") else by_keras.predict(X)
    assert_allclose(outputs, expected, rtol=0, atol=1e-5)
    assert natively.best_epoch_ == by_keras.best_epoch_


@pytest.mark.slow
def test_partial_fits_go_on_through_keras(X, y, monkeypatch):
    natively = make("GRURegressor", epochs=1).fit(X, y).partial_fit(X, y)
    monkeypatch.setenv("SKRNN_ENGINE", "keras")
    by_keras = make("GRURegressor", epochs=1).fit(X, y).partial_fit(X, y)
    assert by_keras.n_iter_ == 2
    assert_allclose(natively.predict(X), by_keras.predict(X), rtol=0, atol=1e-5)
    assert_allclose(natively.history_["loss"], by_keras.history_["loss"], rtol=1e-5)


# ---------------------------------------------------------------------- why Keras's loop trains


@keras.saving.register_keras_serializable("tests")
class Rising(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.001 * keras.ops.cast(step + 1, "float32")

    def get_config(self):
        return {}


class Sign(keras.optimizers.SGD):
    pass


def own_cell(units, **options):
    return keras.layers.SimpleRNN(units, activation="relu", **options)


class Batches(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


_OTHER_OPTIMIZERS = [name for name in ("Lamb", "Muon", "Adafactor") if hasattr(keras.optimizers, name)]
_AVERAGES = "the optimizer averages weights, accumulates gradients or scales the loss"
_DECAY = keras.optimizers.schedules.ExponentialDecay

# Parameters, and the reason that the debug line names.
REASONS = {
    "callable cell": ({"cell": own_cell}, "the cell is a callable"),
    "class of an optimizer": ({"optimizer": Sign}, "the optimizer Sign is not one of Keras's"),
    "optimizer": ({"optimizer": Sign(0.1)}, "the optimizer Sign is not one of Keras's"),
    **{
        name: ({"optimizer": getattr(keras.optimizers, name)()}, f"the optimizer {name} has no kernel")
        for name in _OTHER_OPTIMIZERS
    },
    "name": ({"optimizer": "adafactor"}, "the optimizer Adafactor has no kernel"),
    "averages": ({"optimizer__use_ema": True}, _AVERAGES),
    "averages of an instance": ({"optimizer": keras.optimizers.SGD(use_ema=True)}, _AVERAGES),
    "accumulation": ({"optimizer__gradient_accumulation_steps": 2}, _AVERAGES),
    "scaled loss": ({"optimizer__loss_scale_factor": 2.0}, _AVERAGES),
    "no epsilon": ({"optimizer__epsilon": 0.0}, "the argument epsilon of the optimizer is zero"),
    "schedule": (
        {"optimizer": keras.optimizers.Adam(Rising())},
        "the learning rate Rising is not one of Keras's schedules",
    ),
    "routed schedule": (
        {"optimizer__learning_rate": Rising()},
        "the learning rate Rising is not one of Keras's schedules",
    ),
    "rate of a schedule": (
        {"optimizer__learning_rate": _DECAY(np.float32(0.1), 10, 0.5)},
        "the schedule ExponentialDecay is not set by floats",
    ),
    "callback": ({"callbacks": [Batches()]}, "Batches is called for every batch"),
}


class Reached(Exception):
    """Keras's loop is about to train."""


@needs_kernels
@pytest.mark.parametrize("trains", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["chooses", "trains"])
@pytest.mark.parametrize("case", REASONS)
def test_the_reason_for_keras_own_loop_is_logged(case, trains, X, y, monkeypatch, caplog):
    params, reason = REASONS[case]
    estimator = make("RecurrentRegressor", **{"cell": "rnn", "epochs": 2, **params})

    def reach(*args):
        raise Reached

    with monkeypatch.context() as patch, caplog.at_level(logging.DEBUG, logger="skrnn"):
        if trains:
            estimator.fit(X, y)
        else:
            patch.setattr(_training, "fit_with_keras", reach)
            with pytest.raises(Reached):
                estimator.fit(X, y)
    assert [record.message for record in caplog.records if "keras.Model.fit" in record.message] == [
        f"RecurrentRegressor trains through keras.Model.fit: {reason}"
    ]
    if trains:
        assert len(estimator.history_["loss"]) == 2
        assert estimator.history_["loss"][0] != estimator.history_["loss"][1]
        stock = np.asarray(estimator.model_.predict_on_batch(estimator.model_input(X)))[:, 0]
        assert_allclose(estimator.predict(X), stock, atol=1e-5)


@needs_kernels
def test_a_gpu_is_for_keras_own_loop_unless_kernels_are_asked_for(X, y, monkeypatch, caplog):
    monkeypatch.setattr(fallback, "_tensorflow_has_gpu", lambda: True)
    monkeypatch.setattr(_training, "fit_with_keras", lambda *args: (_ for _ in ()).throw(Reached))
    with caplog.at_level(logging.DEBUG, logger="skrnn"), pytest.raises(Reached):
        make("GRURegressor").fit(X, y)
    assert "GRURegressor trains through keras.Model.fit: TensorFlow has a GPU" in caplog.text
    monkeypatch.setenv("SKRNN_ENGINE", "native")
    assert make("GRURegressor").fit(X, y).n_iter_ == 3


def test_an_engine_of_another_name_is_refused(X, y, monkeypatch):
    fitted = make("GRURegressor").fit(X, y)
    monkeypatch.setenv("SKRNN_ENGINE", "xla")
    message = "SKRNN_ENGINE must be one of keras, native, torch, or not be set. Got 'xla' instead."
    for call in (lambda: make("GRURegressor").fit(X, y), lambda: fitted.predict(X)):
        with pytest.raises(ValueError, match=re.escape(message)):
            call()
