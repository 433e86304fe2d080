"""Losses that have no kernel: Keras computes them from the outputs of whole batches, all else is native."""

import keras
import numpy as np
import pytest
from conftest import make, needs_kernels
from numpy.testing import assert_allclose, assert_array_equal


def power(y_true, y_pred):
    """A value for each sample or step."""
    return keras.ops.mean(keras.ops.abs(y_true - y_pred) ** 1.5, axis=-1)


def squares(y_true, y_pred):
    """A value for each output."""
    return (y_true - y_pred) ** 2


def whole_batch(y_true, y_pred):
    """One value for a batch."""
    return keras.ops.mean(squares(y_true, y_pred)) + keras.ops.square(keras.ops.mean(y_pred))


def increments(y_true, y_pred):
    """A value for each sample, of which the steps are not independent."""
    return keras.ops.mean((keras.ops.diff(y_true, axis=1) - keras.ops.diff(y_pred, axis=1)) ** 2, axis=(1, 2))


class Scaled(keras.losses.Loss):
    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * power(y_true, y_pred)


def ragged(X, y_steps):
    lengths = np.random.default_rng(1).integers(2, X.shape[1] + 1, size=len(X))
    return [x[:n] for x, n in zip(X, lengths, strict=True)], [y[:n] for y, n in zip(y_steps, lengths, strict=True)]


def fitted(monkeypatch, engine, X, y, **params):
    monkeypatch.setenv("SKRNN_ENGINE", engine)
    return make("GRURegressor", dtype="float64", batch_size=16, validation_split=0.2, metrics=["mae"], **params).fit(
        X, y
    )


def assert_as_keras(monkeypatch, X, y, **params):
    ours, theirs = (fitted(monkeypatch, engine, X, y, **params) for engine in ("native", "keras"))
    for mine, its in zip(ours._state.weights, theirs._state.weights, strict=True):
        assert_allclose(mine, its, rtol=0, atol=1e-12)
    assert ours.history_.keys() == theirs.history_.keys()
    for name, values in theirs.history_.items():
        assert_allclose(ours.history_[name], values, rtol=1e-6)  # Keras's metrics are float32


@needs_kernels
@pytest.mark.parametrize("loss", [power, squares, whole_batch, Scaled(3.0)])
def test_losses_of_ones_own(monkeypatch, X, y, loss):
    assert_as_keras(monkeypatch, X, y, loss=loss)


@needs_kernels
@pytest.mark.parametrize("loss", [pytest.param(power, marks=pytest.mark.slow), increments])
def test_of_every_step_of_ragged_sequences(monkeypatch, X, y_steps, loss):
    assert_as_keras(monkeypatch, *ragged(X, y_steps), loss=loss, return_sequences=True)


@needs_kernels
@pytest.mark.parametrize(  # each of them takes some 100 MB, which Keras keeps
    "loss", [pytest.param(power, marks=pytest.mark.slow), increments, pytest.param(whole_batch, marks=pytest.mark.slow)]
)
def test_of_every_step_in_both_directions(monkeypatch, X, y_steps, loss):
    assert_as_keras(monkeypatch, *ragged(X, y_steps), loss=loss, return_sequences=True, bidirectional=True)


@needs_kernels
def test_arguments_are_routed_to_a_class(monkeypatch, X, y):
    ours, given = make("GRURegressor", loss=Scaled, loss__factor=2.0), make("GRURegressor", loss=Scaled(2.0))
    assert_array_equal(ours.fit(X, y).predict(X), given.fit(X, y).predict(X))


@needs_kernels
def test_bits_do_not_depend_on_threads(monkeypatch, X, y):
    predictions = []
    monkeypatch.setattr("skrnn._engine.shard_order._WORK_OF_A_SHARD", 1)
    monkeypatch.setattr("skrnn._engine.shard_order._ROWS_OF_A_SHARD", 4)
    monkeypatch.setattr("skrnn._engine.native_pass.WORK_OF_A_THREAD", 0)
    for n_threads in (1, 3):
        monkeypatch.setattr("skrnn._engine.native_pass.n_threads", lambda n=n_threads: n)
        predictions.append(make("LSTMRegressor", loss=power).fit(X, y).predict(X))
    assert_array_equal(*predictions)
