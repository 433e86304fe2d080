"""Gradients with respect to the inputs, compared with finite differences and with TensorFlow's."""

import numpy as np
import pytest
from conftest import make_cell, needs_kernels
from numpy.testing import assert_allclose, assert_array_equal

from skrnn import Sequences
from skrnn._engine import threads
from skrnn._engine.input_gradients import LinearOutputs

pytestmark = needs_kernels

N, T, F = 37, 7, 3  # two blocks of 16 samples, and a part of one

CELLS = [("GRURegressor", {}), ("LSTMRegressor", {}), ("RecurrentRegressor", {"cell": "rnn"})]
NETWORKS = [
    {},
    {"units": (5, 9), "bidirectional": True, "dense_units": (6,), "dropout": 0.3, "recurrent_dropout": 0.2},
    {"patch_size": 2, "pooling": "max"},
    {"patch_size": 3, "bidirectional": True, "pooling": "mean"},
    {"return_sequences": True, "bidirectional": True},
]


def network_of(cell, params, ragged, dtype="float64"):
    """Return a fitted regressor with two outputs, its sequences, and an array of these with valid steps first."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, T, F))
    lengths = rng.integers(2, T + 1, N) if ragged else np.full(N, T)
    lengths[-1] = T
    X[np.arange(T) >= lengths[:, None]] = np.nan
    y = np.where(np.isnan(X[..., :2]), 0, X[..., :2])
    y = y if params.get("return_sequences") else y[:, 0]
    model = make_cell(cell, dtype=dtype, **params).fit(X, y)
    return model, model._schema.read(model, X).sequences, np.nan_to_num(X)


def with_values(sequences, array):
    """Return sequences of an array of shape (n_samples, n_timesteps, n_features)."""
    n, n_timesteps, n_features = array.shape
    starts, none = np.arange(n) * n_timesteps, np.zeros(n, int)
    return Sequences(array.reshape(-1, n_features), starts, sequences.lengths, none, 1, n_timesteps)


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("params", NETWORKS, ids=str)
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: "-".join([cell[0], *cell[1].values()]))
def test_gradients_equal_finite_differences(cell, params, ragged):
    model, sequences, array = network_of(cell, params, ragged)
    network = LinearOutputs(model._spec, model._state.weights)
    coefficients = np.random.default_rng(1).normal(size=network.values(sequences).shape)
    if params.get("return_sequences"):
        coefficients[~sequences.valid()] = 0
    gradients = network.gradients(sequences, coefficients)

    def explained(array):
        return (network.values(with_values(sequences, array)) * coefficients).reshape(N, -1).sum(axis=1)

    expected = np.zeros((N, T, F))
    for step, feature in np.ndindex(T, F):
        change = np.zeros((N, T, F))
        change[:, step, feature] = 1e-5
        expected[:, step, feature] = (explained(array + change) - explained(array - change)) / 2e-5
    assert np.abs(expected).max() > 0.01
    assert_allclose(gradients, expected, rtol=1e-6, atol=1e-8)
    assert_array_equal(gradients[~sequences.valid()], 0)


@pytest.mark.parametrize(
    "params", [NETWORKS[0], *(pytest.param(p, marks=pytest.mark.slow) for p in NETWORKS[1:])], ids=str
)
def test_gradients_equal_those_of_tensorflow(params):
    import tensorflow as tf

    model, sequences, _ = network_of(CELLS[0], params, ragged=not params.get("patch_size"), dtype="float32")
    coefficients = np.random.default_rng(1).normal(size=(N, *model.predict(sequences).shape[1:])).astype("float32")
    if params.get("return_sequences"):
        coefficients[~sequences.valid()] = 0
    inputs = tf.constant(model.model_input(sequences))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        explained = tf.reduce_sum(model.model_(inputs) * coefficients)
    expected = tape.gradient(explained, inputs).numpy()
    expected[~sequences.valid()] = 0
    gradients = LinearOutputs(model._spec, model._state.weights).gradients(sequences, coefficients)
    assert np.abs(expected).max() > 0.01
    assert_allclose(gradients, expected, rtol=1e-4, atol=1e-5)


def test_outputs_have_no_activation():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, T, F))
    model = make_cell(("GRUClassifier", {}), dtype="float64").fit(X, rng.integers(0, 3, N))
    values = LinearOutputs(model._spec, model._state.weights).values(model._schema.read(model, X).sequences)
    exponentials = np.exp(values)
    assert_allclose(exponentials / exponentials.sum(axis=1, keepdims=True), model.predict_proba(X), rtol=1e-10)


def test_gradients_do_not_depend_on_the_number_of_threads(monkeypatch):
    model, sequences, array = network_of(CELLS[0], {"units": (24, 24)}, ragged=True)
    many = np.tile(array, (60, 1, 1))
    sequences = Sequences(
        many.reshape(-1, F), np.arange(len(many)) * T, np.tile(sequences.lengths, 60), np.zeros(len(many), int), 1, T
    )
    coefficients = np.random.default_rng(1).normal(size=(len(many), 2))
    network, found = LinearOutputs(model._spec, model._state.weights), []
    for n in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", n)
        assert threads.n_threads() == int(n)
        found.append(network.gradients(sequences, coefficients))
    assert_array_equal(*found)
