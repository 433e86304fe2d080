"""Kernels of losses and activations compute what Keras computes, and the table of losses is Keras's."""

import functools
import inspect

import children
import keras
import numpy as np
import pytest
import tensorflow as tf
from loss_cases import LOSSES, N_ROWS, TOLERANCE, by_keras, case_id, drawn, logits_of, relatively_close
from numpy.testing import assert_allclose, assert_array_equal

from skrnn._engine import losses
from skrnn._engine.keras_compile import _argument_names, _class_of_loss, _resolve
from skrnn._engine.losses import NativeLoss, check_loss_arguments, native_loss
from skrnn._engine.native.library import LIBRARIES
from skrnn._engine.native.tables import padded


def in_rows(values, row, dtype):
    """Values in longer rows, filled with what must not be read."""
    array = np.full((len(values), row), np.nan, dtype)
    array[:, : values.shape[1]] = values
    return array


def call(native, p, z, y, w, n_out, *, scale=1.0, gradient=True):
    """Value and gradient of a kernel, on rows as they are."""
    dtype = p.dtype.name
    d = np.full_like(p, 7.0)
    parameters = np.array(native.parameters, dtype=np.float64)
    pointers = [array.ctypes.data for array in (p, z, y, w, d)]
    value = LIBRARIES[dtype].function(native.kernel)(
        *pointers, len(p), n_out, p.shape[1], y.shape[1], gradient, scale, parameters.ctypes.data
    )
    return value, d


def activate(name, *arrays, n_out):
    """Run a kernel of an activation in place of its last array."""
    n_rows, row = arrays[0].shape
    function = LIBRARIES[arrays[0].dtype.name].function(f"activation_{name}")
    function(*[array.ctypes.data for array in arrays], n_rows, n_out, row)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("spread", [1.0, 40.0])
@pytest.mark.parametrize("case", LOSSES, ids=case_id)
def test_values_and_gradients_equal_those_of_keras(case, spread, dtype):
    name, arguments, activation, kind, n_out = case
    rng = np.random.default_rng(len(name))
    z = logits_of(case, spread, dtype, rng)
    y, w = drawn(kind, N_ROWS, n_out, rng).astype(dtype), rng.uniform(0.1, 2.0, size=N_ROWS).astype(dtype)
    w[::7] = 0
    used = w > 0

    outputs, total, expected = by_keras(case, z[used], y[used], w[used])

    z = in_rows(z, padded(n_out), dtype)
    z[~used], y[~used] = np.nan, np.nan
    p = z.copy()
    if activation:
        activate(activation, z, p, n_out=n_out)
        assert_allclose(p[used, :n_out], outputs, rtol=TOLERANCE[dtype], atol=1e-37)
    native = native_loss(name, arguments, activation)
    value, d = call(native, p, z, y, w, n_out, scale=0.25)
    assert_array_equal(d[~used], 0)
    assert_array_equal(d[:, n_out:], 0)
    if activation and not native.wrt_logits:
        activate(f"back_{activation}", np.where(used[:, None], p, 0), d, n_out=n_out)
    assert value == pytest.approx(total, rel=TOLERANCE[dtype])
    relatively_close(d[used, :n_out], expected, dtype)
    assert np.abs(expected).max() > 0
    value_alone, untouched = call(native, p, z, y, w, n_out, gradient=False)
    assert value_alone == value
    assert_array_equal(untouched, 7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["hinge", "squared_hinge"])
def test_hinges_of_signs(name, dtype):
    rng = np.random.default_rng(0)
    p, y = rng.normal(size=(9, 2)).astype(dtype), np.sign(rng.normal(size=(9, 2))).astype(dtype)
    value, _ = call(NativeLoss(f"loss_{name}", False, (0.0,)), p, p, y, np.ones(9, dtype), 2)
    assert value == pytest.approx(float(tf.reduce_sum(getattr(keras.losses, name)(y, p))), rel=1e-6)


def test_equal_largest_outputs_share_the_gradient():
    p, y = np.array([[0.2, 0.4, 0.4]]), np.array([[1.0, 0.0, 0.0]])
    _, d = call(native_loss("categorical_hinge", {}, "softmax"), p, p, y, np.ones(1), 3)
    assert_allclose(d, [[-1.0, 0.5, 0.5]])


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_focal_loss_with_gamma_zero_is_the_cross_entropy(activation):
    # The gradient of Keras is NaN where a probability equals its target.
    p, z, y = np.array([[0.0, 0.3, 1.0]]), np.array([[-800.0, np.log(3 / 7), 800.0]]), np.array([[0.0, 1.0, 1.0]])
    value, d = call(native_loss("binary_focal_crossentropy", {"gamma": 0}, activation), p, z, y, np.ones(1), 3)
    expected, slope = call(native_loss("binary_crossentropy", {}, activation), p, z, y, np.ones(1), 3)
    assert value == expected > 0
    assert_array_equal(d, slope)


@pytest.mark.parametrize("case", LOSSES, ids=case_id)
def test_outputs_that_are_nan_give_a_loss_that_is(case):
    name, arguments, activation, kind, n_out = case
    y, p = drawn(kind, 1, n_out, np.random.default_rng(0)), np.full((1, n_out), np.nan)
    value, _ = call(native_loss(name, arguments, activation), p, p, y, np.ones(1), n_out)
    assert np.isnan(value)


def test_classes_that_there_are_not_give_a_loss_that_is_nan():
    p = np.full((1, 3), 1 / 3)
    for activation in (None, "softmax"):
        loss = native_loss("sparse_categorical_crossentropy", {}, activation)
        assert np.isnan(call(loss, p, p, np.array([[3.0]]), np.ones(1), 3)[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_relu(dtype):
    z = np.array([[-1.0, 0.0, 2.0, np.nan], [3.0, -0.5, 1.0, np.nan]], dtype)
    d = np.arange(1.0, 9.0, dtype=dtype).reshape(2, 4)
    activate("relu", z, z, n_out=3)
    assert_array_equal(z, [[0, 0, 2, 0], [3, 0, 1, 0]])
    activate("back_relu", z, d, n_out=3)
    assert_array_equal(d, [[0, 0, 3, 0], [5, 0, 7, 0]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activations_of_large_arguments(dtype):
    z = np.array([[-1000.0, 1000.0, 0.0]], dtype)
    p = np.empty_like(z)
    activate("sigmoid", z, p, n_out=3)
    assert_array_equal(p, [[0, 1, 0.5]])
    activate("softmax", z, p, n_out=3)
    assert_array_equal(p, [[0, 1, 0]])


def test_a_loss_in_every_form_is_the_same():
    expected = NativeLoss("loss_huber", False, (0.5,))
    assert native_loss("huber", {"delta": 0.5}, None) == expected
    assert native_loss("Huber", {"delta": 0.5, "name": "mine"}, None) == expected
    assert native_loss(keras.losses.Huber, {"delta": 0.5}, None) == expected
    assert native_loss(keras.losses.Huber(delta=0.5), {}, None) == expected
    assert native_loss(keras.losses.huber, {}, None) == native_loss("huber", {}, None)
    assert native_loss("KLD", {}, "softmax") == native_loss(keras.losses.KLDivergence(), {}, "softmax")
    smooth = native_loss(keras.losses.BinaryCrossentropy(label_smoothing=0.2), {}, "sigmoid")
    assert smooth == NativeLoss("loss_binary_crossentropy_of_logits", True, (0.2,))


class Own(keras.losses.Huber):
    def call(self, y_true, y_pred):
        return 2 * super().call(y_true, y_pred)


@pytest.mark.parametrize(
    ("loss", "arguments", "activation"),
    [
        (Own, {}, None),
        (Own(), {}, None),
        (lambda y_true, y_pred: (y_true - y_pred) ** 2, {}, None),
        (functools.partial(keras.losses.huber, delta=0.5), {}, None),
        (keras.losses.huber, {"delta": 0.5}, None),
        (keras.metrics.MeanSquaredError(), {}, None),
        (keras.losses.Dice(), {}, "sigmoid"),
        ("dice", {}, "sigmoid"),
        ("no loss", {}, None),
        ("mse", {"reduction": "sum"}, None),
        ("mse", {"dtype": "float16"}, None),
        ("huber", {"delta": "wide"}, None),
        ("hinge", {}, None),
        ("cosine_similarity", {"axis": 1}, None),
        ("binary_crossentropy", {"from_logits": True}, "sigmoid"),
        ("binary_crossentropy", {}, "softmax"),
        ("categorical_crossentropy", {}, "sigmoid"),
        ("categorical_focal_crossentropy", {"alpha": [0.2, 0.8]}, "softmax"),
        (keras.losses.SparseCategoricalCrossentropy(ignore_class=0), {}, "softmax"),
    ],
)
def test_losses_without_a_kernel(loss, arguments, activation):
    assert native_loss(loss, arguments, activation) is None


def installed(name):
    """Class or function of the installed Keras, and its arguments; None where it knows no such name."""
    try:
        target = _class_of_loss(keras.losses.get(name))
    except ValueError:
        return None
    return target.__name__, _argument_names(target)


def test_the_table_holds_the_losses_of_the_installed_keras():
    newer = {"Circle": set(), "SparseCategoricalCrossentropy": {"axis"}, "Tversky": {"axis"}}
    for name in losses.NAMES:
        found = installed(name)
        if found is None:
            assert losses.NAMES[name] in newer
        else:
            assert found[0] == losses.NAMES[name]
            assert found[1] <= losses.accepted_arguments(name)
            assert losses.accepted_arguments(name) - found[1] <= newer.get(found[0], set())
    public = {name for name in dir(keras.losses) if inspect.isclass(getattr(keras.losses, name))}
    functions = {name for name in dir(keras.losses) if inspect.isfunction(getattr(keras.losses, name))}
    known = {name for name in public | functions if name not in ("get", "serialize", "deserialize")}
    assert {name for name in known if installed(name)} <= set(losses.NAMES)


@pytest.mark.parametrize(
    ("loss", "arguments"),
    [
        ("msee", []),
        ("crossentropy", []),
        ("MEAN_SQUARED_ERROR", []),
        ("huber", ["dleta"]),
        ("KLD", ["name"]),
        ("mse", ["delta"]),
        ("binary_crossentropy", ["from_logits", "smoothing"]),
    ],
)
def test_unknown_names_and_arguments_raise_as_with_keras(loss, arguments):
    with pytest.raises(ValueError) as expected:
        _resolve(loss, "loss", {f"loss__{argument}": 1 for argument in arguments}, "GRURegressor")
    with pytest.raises(ValueError) as raised:
        check_loss_arguments(loss, arguments, "GRURegressor")
    assert str(raised.value) == str(expected.value)


def test_known_names_and_arguments_raise_nothing():
    check_loss_arguments("Huber", ["delta", "name"], "GRURegressor")
    check_loss_arguments("ctc", [], "GRURegressor")


def test_neither_keras_nor_numba_is_imported():
    code = """
import sys
import numpy as np
from skrnn._engine.losses import native_loss
from skrnn._engine.native.library import LIBRARIES
loss = native_loss("log_cosh", {}, None)
function = LIBRARIES["float64"].function(loss.kernel)
p, y, w = np.array([[1.0]]), np.array([[0.0]]), np.ones(1)
a = [x.ctypes.data for x in (p, p, y, w, p)]
print(function(*a, 1, 1, 1, 1, 0, 1.0, w.ctypes.data), *({"keras", "tensorflow", "numba"} & set(sys.modules)))
"""
    LIBRARIES["float64"].function("loss_log_cosh")
    process = children.run("-c", code)
    assert process.returncode == 0, process.stderr
    out = process.stdout.split()
    assert float(out[0]) == pytest.approx(np.log(np.cosh(1.0)))
    assert not out[1:]
