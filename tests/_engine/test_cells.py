"""Every cell of the registry, against its equations in numpy, the stock Keras model and Keras's own loop."""

import functools
import logging
import os
import re
import textwrap

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.utils._param_validation import StrOptions
from test_docs import ROOT

from skrnn import RecurrentClassifier, RecurrentRegressor
from skrnn._engine.cells import CELLS, Cell, label_of

N_SAMPLES, N_TIMESTEPS, N_FEATURES = 40, 5, 2


def logistic(x):
    return 1 / (1 + np.exp(-x))


def gru_step(x, h, _, kernel, recurrent, bias):
    """Reset gate after the product: the form of cuDNN, and of Keras's ``reset_after=True``."""
    from_x, from_h = np.split(x @ kernel + bias[0], 3, axis=-1), np.split(h @ recurrent + bias[1], 3, axis=-1)
    update, reset = (logistic(from_x[i] + from_h[i]) for i in (0, 1))
    candidate = np.tanh(from_x[2] + reset * from_h[2])
    return update * h + (1 - update) * candidate, None


def lstm_step(x, h, c, kernel, recurrent, bias):
    enter, forget, candidate, leave = np.split(x @ kernel + h @ recurrent + bias, 4, axis=-1)
    c = logistic(forget) * c + logistic(enter) * np.tanh(candidate)
    return logistic(leave) * np.tanh(c), c


def rnn_step(x, h, _, kernel, recurrent, bias):
    return np.tanh(x @ kernel + h @ recurrent + bias), None


# One step of each cell: inputs, hidden state and cell state before, weights -> hidden state and cell state after.
STEPS = {"gru": gru_step, "lstm": lstm_step, "rnn": rnn_step}

EVERY_CELL = pytest.mark.parametrize("cell", CELLS)


def last_state(cell, weights, steps):
    """Hidden state after the valid time steps of one sequence, in float64."""
    weights = [w.astype(np.float64) for w in weights]
    h = c = np.zeros(len(weights[1]))
    for x in steps[~np.isnan(steps).all(axis=1)]:
        h, c = STEPS[cell](x, h, c, *weights)
    return h


def sequences(padded=False):
    """Whole sequences; or some that start late, that end early, and that do both."""
    X = np.random.default_rng(int(padded)).normal(size=(N_SAMPLES, N_TIMESTEPS, N_FEATURES))
    if padded:
        X[::4, :2] = np.nan
        X[1::4, 3:] = np.nan
        X[2::4, [0, 4]] = np.nan
    return X


def regressor(cell, **params):
    return RecurrentRegressor(cell, 4, epochs=2, optimizer__learning_rate=0.05, random_state=0, **params)


@pytest.fixture(scope="module")
def fitted():
    """A regressor of each cell, fitted on sequences without padded time steps."""
    X = sequences()
    return {cell: regressor(cell).fit(X, X[:, -1, 0] - X[:, -2, 1]) for cell in CELLS}


def test_every_cell_has_a_reference():
    assert set(STEPS) == set(CELLS)


@EVERY_CELL
@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
def test_predictions_equal_the_equations_in_numpy(fitted, cell, padded):
    est, X = fitted[cell], sequences(padded)
    for weight in est.model_.get_weights():
        assert (weight != 0).all()  # else the reference would not see a bias in a wrong place
    *weights, head, head_bias = est.model_.get_weights()
    expected = np.array([last_state(cell, weights, sequence) @ head + head_bias for sequence in X])[:, 0]
    assert expected.std() > 0.05
    assert_allclose(est.predict(X), expected, atol=1e-5)


@EVERY_CELL
@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
def test_predictions_equal_those_of_the_keras_model(fitted, cell, padded):
    est, X = fitted[cell], sequences(padded)
    outputs = est.model_.predict_on_batch(est.model_input(X))
    assert_allclose(np.asarray(outputs)[:, 0], est.predict(X), atol=1e-5)


@pytest.mark.slow
@EVERY_CELL
def test_training_equals_that_of_kerass_own_loop(fitted, cell, use_engine):
    X = sequences()
    use_engine("keras")
    by_keras = clone(fitted[cell]).fit(X, X[:, -1, 0] - X[:, -2, 1])
    assert_allclose(by_keras.history_["loss"], fitted[cell].history_["loss"], rtol=1e-4)
    assert_allclose(by_keras.predict(X), fitted[cell].predict(X), atol=1e-5)


@EVERY_CELL
def test_both_directions(cell):
    X = sequences(padded=True)
    est = regressor(cell, bidirectional=True).fit(X, np.nansum(X[..., 0], axis=1))
    layer = est.model_.get_layer("bidirectional_0")
    ahead, back = layer.forward_layer.get_weights(), layer.backward_layer.get_weights()
    head, head_bias = est.model_.get_layer("output").get_weights()
    for sequence, prediction in zip(X, est.predict(X), strict=True):
        h = np.concatenate([last_state(cell, ahead, sequence), last_state(cell, back, sequence[::-1])])
        assert_allclose(prediction, (h @ head + head_bias)[0], atol=1e-5)


@EVERY_CELL
def test_a_classifier_learns_and_repeats_itself(cell):
    X = sequences()
    y = np.where(X[:, -1, 0] > 0, "up", "down")
    classifier = RecurrentClassifier(cell, 4, epochs=40, optimizer__learning_rate=0.05, random_state=0).fit(X, y)
    assert classifier.score(X, y) > 0.9
    assert_array_equal(clone(classifier).fit(X, y).predict_proba(X), classifier.predict_proba(X))


def blocks_of(page, heading):
    """The indented blocks under a heading of a page of the guide."""
    section = (ROOT / "docs" / page).read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    return [textwrap.dedent(block) for block in re.findall(r"(?:^ {7}.*\n|^\n+(?= {7}))+", section, re.MULTILINE)]


@pytest.mark.slow
def test_the_cell_of_the_guide_trains_through_keras(monkeypatch, caplog):
    names = {"functools": functools, "np": np, "logistic": logistic}
    blocks = blocks_of("contributing.md", "Add a cell")
    [layer] = (block for block in blocks if "def _minimal_gated_cell" in block)
    [entry] = (block for block in blocks if '"mgu": Cell(' in block)
    [step] = (block for block in blocks if "def mgu_step" in block)
    exec(layer + step, names)
    monkeypatch.setitem(CELLS, "mgu", eval(f"{{{entry}}}", names | {"Cell": Cell})["mgu"])
    monkeypatch.setitem(STEPS, "mgu", names["mgu_step"])
    monkeypatch.setitem(RecurrentRegressor._parameter_constraints, "cell", [StrOptions(set(CELLS))])  # as at import
    X = sequences(padded=True)
    with caplog.at_level(logging.DEBUG, logger="skrnn"):
        fitted = regressor("mgu").fit(X, np.nansum(X[..., 0], axis=1))
    if os.environ.get("SKRNN_ENGINE") != "keras":  # which would be named as the reason instead
        assert "RecurrentRegressor trains through keras.Model.fit: the cell 'mgu' has no kernel" in caplog.text
    *weights, head, head_bias = fitted.model_.get_weights()
    expected = np.array([last_state("mgu", weights, sequence) @ head + head_bias for sequence in X])[:, 0]
    assert expected.std() > 0.05
    assert_allclose(fitted.predict(X), expected, atol=1e-5)


def test_names_in_text():
    def minimal(units, **options):
        """A callable cell."""

    assert [label_of(cell) for cell in ("gru", "lstm", "rnn")] == ["GRU", "LSTM", "simple RNN"]
    assert label_of(minimal) == "minimal"
