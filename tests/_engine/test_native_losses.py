"""Kernels of losses and activations compute what Keras computes, and the table of losses is Keras's."""

import functools
import inspect

import children
import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose, assert_array_equal

from skrnn._engine import losses
from skrnn._engine.keras_compile import _argument_names, _class_of_loss, _resolve
from skrnn._engine.losses import NativeLoss, check_loss_arguments, native_loss
from skrnn._engine.native.library import LIBRARIES
from skrnn._engine.native.tables import padded

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
N_ROWS = 60

# Loss, its arguments, the activation of the outputs, the kind of targets, and the number of outputs.
LOSSES = [
    ("mean_squared_error", {}, None, "numbers", 3),
    ("mean_squared_error", {}, None, "numbers", 1),
    ("mean_squared_error", {}, "sigmoid", "bits", 1),
    ("mean_squared_error", {}, "softmax", "one-hot", 4),
    ("mean_absolute_error", {}, None, "numbers", 3),
    ("mean_absolute_error", {}, "sigmoid", "bits", 9),
    ("mean_absolute_percentage_error", {}, None, "numbers", 3),
    ("mean_squared_logarithmic_error", {}, None, "counts", 2),
    ("huber", {}, None, "numbers", 3),
    ("huber", {"delta": 0.3}, None, "numbers", 3),
    ("huber", {"delta": 0.3}, "softmax", "one-hot", 3),
    ("log_cosh", {}, None, "numbers", 3),
    ("log_cosh", {}, "sigmoid", "bits", 1),
    ("poisson", {}, None, "counts", 2),
    ("kl_divergence", {}, "softmax", "one-hot", 4),
    ("hinge", {}, "sigmoid", "bits", 3),
    ("squared_hinge", {}, "sigmoid", "bits", 3),
    ("categorical_hinge", {}, "softmax", "one-hot", 4),
    ("cosine_similarity", {}, None, "numbers", 3),
    ("cosine_similarity", {}, "softmax", "one-hot", 4),
    ("binary_crossentropy", {}, "sigmoid", "bits", 1),
    ("binary_crossentropy", {"label_smoothing": 0.1}, "sigmoid", "bits", 3),
    ("binary_crossentropy", {"label_smoothing": 0.1}, None, "bits", 3),
    ("binary_focal_crossentropy", {}, "sigmoid", "bits", 3),
    ("binary_focal_crossentropy", {"gamma": 1.5, "label_smoothing": 0.2}, "sigmoid", "bits", 1),
    ("binary_focal_crossentropy", {"apply_class_balancing": True, "alpha": 0.7}, "sigmoid", "bits", 2),
    ("binary_focal_crossentropy", {"apply_class_balancing": True, "gamma": 3}, None, "bits", 2),
    ("categorical_crossentropy", {}, "softmax", "one-hot", 2),
    ("categorical_crossentropy", {"label_smoothing": 0.1}, "softmax", "one-hot", 5),
    ("categorical_crossentropy", {"label_smoothing": 0.1}, None, "one-hot", 5),
    ("categorical_focal_crossentropy", {}, "softmax", "one-hot", 4),
    ("categorical_focal_crossentropy", {"alpha": 0.4, "gamma": 1, "label_smoothing": 0.1}, None, "one-hot", 4),
    ("sparse_categorical_crossentropy", {}, "softmax", "index", 3),
    ("sparse_categorical_crossentropy", {}, "softmax", "index", 9),
    ("sparse_categorical_crossentropy", {}, None, "index", 4),
]
ACTIVATIONS = {"sigmoid": keras.activations.sigmoid, "softmax": keras.activations.softmax}


def case_id(case):
    name, arguments, *others = case
    return "-".join(map(str, [name, *(f"{key}={value}" for key, value in arguments.items()), *others]))


def class_name(loss):
    return losses.NAMES[loss] if loss != "kl_divergence" else "KLDivergence"


def relatively_close(actual, expected, dtype):
    assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[dtype] * np.abs(expected).max())


def drawn(kind, n_rows, n_out, rng):
    """Targets."""
    classes = rng.integers(n_out, size=n_rows)
    return {
        "numbers": lambda: rng.normal(size=(n_rows, n_out)),
        "counts": lambda: rng.poisson(2.0, size=(n_rows, n_out)).astype(float),
        "bits": lambda: rng.integers(2, size=(n_rows, n_out)).astype(float),
        "one-hot": lambda: np.eye(n_out)[classes],
        "index": lambda: classes[:, None].astype(float),
    }[kind]()


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
    z = (spread * rng.normal(size=(N_ROWS, n_out))).astype(dtype)
    if activation is None and kind != "numbers":
        z = rng.uniform(1e-3, 1 - 1e-3, size=z.shape).astype(dtype)
        z[:5, 0] = [0.0, 1.0, 1e-9, 1 - 1e-9, 0.5]  # at both ends, and beyond what Keras clips to
        if kind == "counts":
            z = spread * z
    y, w = drawn(kind, N_ROWS, n_out, rng).astype(dtype), rng.uniform(0.1, 2.0, size=N_ROWS).astype(dtype)
    w[::7] = 0
    used = w > 0

    loss = getattr(keras.losses, class_name(name))(**arguments)
    logits = tf.constant(z[used])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        outputs = ACTIVATIONS[activation](logits) if activation else logits
        total = tf.reduce_sum(loss.call(tf.constant(y[used]), outputs) * w[used])
        scaled = total * 0.25
    expected = tape.gradient(scaled, logits).numpy()

    z = in_rows(z, padded(n_out), dtype)
    z[~used], y[~used] = np.nan, np.nan
    p = z.copy()
    if activation:
        activate(activation, z, p, n_out=n_out)
        assert_allclose(p[used, :n_out], outputs.numpy(), rtol=TOLERANCE[dtype], atol=1e-37)
    native = native_loss(name, arguments, activation)
    value, d = call(native, p, z, y, w, n_out, scale=0.25)
    assert_array_equal(d[~used], 0)
    assert_array_equal(d[:, n_out:], 0)
    if activation and not native.wrt_logits:
        activate(f"back_{activation}", np.where(used[:, None], p, 0), d, n_out=n_out)
    assert value == pytest.approx(float(total), rel=TOLERANCE[dtype])
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
