"""Fused layers compute what Keras's own layers compute."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from skrnn import _fused

pytestmark = pytest.mark.slow

STOCK = {"GRU": keras.layers.GRU, "LSTM": keras.layers.LSTM, "SimpleRNN": keras.layers.SimpleRNN}
FUSED = {"GRU": _fused.FusedGRU, "LSTM": _fused.FusedLSTM, "SimpleRNN": _fused.FusedSimpleRNN}
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


def outputs_and_gradients(layer, x, mask, upstream):
    """Outputs, last states, and the gradients of their weighted sum by inputs and weights."""
    x = tf.constant(x)
    mask = None if mask is None else tf.constant(mask)
    with tf.GradientTape() as tape:
        tape.watch(x)
        results = tf.nest.flatten(layer(x, mask=mask))
        total = tf.add_n([tf.reduce_sum(r * u) for r, u in zip(results, upstream, strict=True)])
    return results, tape.gradient(total, [x, *(w.value for w in layer.weights)])


def assert_relatively_close(actual, expected, tolerance):
    scale = np.max(np.abs(expected))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * max(scale, 1e-3))


@st.composite
def problems(draw):
    sizes = [draw(st.integers(1, n)) for n in (5, 7, 4, 6)]  # batch, time, features, units
    options = {name: draw(st.booleans()) for name in ("return_sequences", "go_backwards")}
    return sizes, options, draw(st.sampled_from(["none", "tail", "any"])), draw(st.integers(0, 2**31))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cell", STOCK)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(problem=problems())
def test_values_and_gradients_equal_the_stock_layer(cell, dtype, problem):
    (batch, n_timesteps, n_features, units), options, masking, seed = problem
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(batch, n_timesteps, n_features)).astype(dtype)
    mask = {
        "none": None,
        "tail": np.arange(n_timesteps) < rng.integers(1, n_timesteps + 1, size=(batch, 1)),
        "any": rng.random((batch, n_timesteps)) < 0.6,
    }[masking]
    layers = [kind[cell](units, return_state=True, dtype=dtype, **options) for kind in (STOCK, FUSED)]
    for layer in layers:
        layer.build(x.shape)
    weights = [rng.normal(scale=0.6, size=w.shape) for w in layers[0].weights]
    for layer in layers:
        layer.set_weights(weights)
        layer.zero_output_for_mask = masking == "any" and options["return_sequences"]
    upstream = [rng.normal(size=r.shape).astype(dtype) for r in tf.nest.flatten(layers[0](x))]
    (expected, expected_gradients), (actual, actual_gradients) = (
        outputs_and_gradients(layer, x, mask, upstream) for layer in layers
    )
    for a, e in zip([*actual, *actual_gradients], [*expected, *expected_gradients], strict=True):
        assert_relatively_close(a.numpy(), e.numpy(), TOLERANCE[dtype])


@pytest.mark.parametrize("cell", STOCK)
def test_gradients_are_the_slopes_of_the_values(cell):
    rng = np.random.default_rng(3)
    layer = FUSED[cell](3, return_sequences=True, dtype="float64")
    x = rng.normal(size=(2, 5, 2))
    mask = np.array([[True] * 5, [True, True, True, False, False]])
    upstream = [rng.normal(size=(2, 5, 3))]
    layer.build(x.shape)
    layer.set_weights([rng.normal(scale=0.5, size=w.shape) for w in layer.weights])
    _, gradients = outputs_and_gradients(layer, x, mask, upstream)

    @tf.function(autograph=False)
    def weighted_sum(x):
        return tf.reduce_sum(layer(x, mask=tf.constant(mask)) * upstream[0])

    def value(arrays):
        layer.set_weights(arrays[1:])
        return float(weighted_sum(tf.constant(arrays[0])))

    arrays = [x, *layer.get_weights()]
    step = 1e-6
    for position, gradient in enumerate(gradients):
        for index in np.ndindex(arrays[position].shape):
            ends = []
            for sign in (1, -1):
                moved = [a.copy() for a in arrays]
                moved[position][index] += sign * step
                ends.append(value(moved))
            slope = (ends[0] - ends[1]) / (2 * step)
            assert slope == pytest.approx(float(gradient[index]), rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("cell", STOCK)
def test_a_masked_step_keeps_the_state(cell):
    rng = np.random.default_rng(0)
    layer = FUSED[cell](4)
    x = rng.normal(size=(1, 6, 2)).astype("float32")
    whole = layer(x[:, :4]).numpy()
    x[:, 4:] = 1e6  # what stands at a masked step is nobody's business
    masked = layer(x, mask=tf.constant([[True] * 4 + [False] * 2])).numpy()
    np.testing.assert_array_equal(masked, whole)


def test_the_sum_over_time_is_the_same_in_a_loop(monkeypatch):
    rng = np.random.default_rng(0)
    left, right = (tf.constant(rng.normal(size=(7, 5, n))) for n in (3, 4))
    at_once = _fused._summed_products(left, right)
    monkeypatch.setattr(_fused, "_MAX_PRODUCTS", 1)
    np.testing.assert_allclose(_fused._summed_products(left, right), at_once, rtol=1e-13)
    np.testing.assert_allclose(at_once, np.einsum("tbm,tbn->mn", left, right), rtol=1e-12)
