"""Compiled programs against Keras's own loop: the same history, the same predictions."""

import logging

import numpy as np
import pytest
from conftest import make
from numpy.testing import assert_allclose

pytestmark = pytest.mark.slow

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
    "dense-clipped-huber": (
        "GRURegressor",
        {"dense_units": (5,), "loss": "huber", "loss__delta": 0.5, "optimizer": "sgd", "optimizer__clipnorm": 0.01},
    ),
}


SLOW = {"gru-masked-bidirectional", "rnn-masked-bidirectional", "lstm-stacked-bidirectional-steps"}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow) if case in SLOW else case for case in CASES]
)
def test_programs_do_what_keras_does(case, X, X_masked, y, y_steps, labels, monkeypatch, caplog):
    name, params = CASES[case]
    params = dict(params)
    X = X_masked if params.pop("masked", False) else X
    weights = np.linspace(0.5, 3, len(X)) if params.pop("weighted", False) else None
    target = labels if name.endswith("Classifier") else y_steps if params.get("return_sequences") else y
    by_program = make(name, **params).fit(X, target, sample_weight=weights)
    outputs = by_program.predict_proba(X) if name.endswith("Classifier") else by_program.predict(X)

    monkeypatch.setenv("SKRNN_ENGINE", "keras")
    with caplog.at_level(logging.DEBUG, logger="skrnn"):
        by_keras = make(name, **params).fit(X, target, sample_weight=weights)
    assert f"{name} trains through keras.Model.fit" in caplog.text
    assert by_keras.history_.keys() == by_program.history_.keys()
    for key, values in by_keras.history_.items():
        assert_allclose(by_program.history_[key], values, rtol=1e-5, atol=1e-6, err_msg=key)
    expected = by_keras.predict_proba(X) if name.endswith("Classifier") else by_keras.predict(X)
    assert_allclose(outputs, expected, rtol=0, atol=1e-5)
    assert by_program.best_epoch_ == by_keras.best_epoch_


def test_partial_fits_go_on_through_keras(X, y, monkeypatch):
    by_program = make("GRURegressor", epochs=1).fit(X, y).partial_fit(X, y)
    monkeypatch.setenv("SKRNN_ENGINE", "keras")
    by_keras = make("GRURegressor", epochs=1).fit(X, y).partial_fit(X, y)
    assert by_keras.n_iter_ == 2
    assert_allclose(by_program.predict(X), by_keras.predict(X), rtol=0, atol=1e-5)
    assert_allclose(by_program.history_["loss"], by_keras.history_["loss"], rtol=1e-5)
