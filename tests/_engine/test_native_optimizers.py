"""Native optimizers against those of the installed Keras: steps, variables, arguments and errors."""

import inspect
import re

import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skrnn._engine.keras_compile import _argument_names, _resolve
from skrnn._engine.native.library import LIBRARIES
from skrnn._engine.native.tables import N_HYPER, padded
from skrnn._engine.optimizer_arguments import OPTIMIZERS, OTHERS
from skrnn._engine.optimizers import NativeOptimizer, native_optimizer

SHAPES = ((3, 5), (7,), (2, 3, 2))
SIZES = [int(np.prod(shape)) for shape in SHAPES]
ALL = {"weight_decay": 0.01, "learning_rate": 0.02}
CASES = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, **ALL}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.7, "rho": 0.8, **ALL}),
    ("RMSprop", {"centered": True, "epsilon": 1e-3}),
    ("RMSprop", {"momentum": 0.7, "centered": True, "epsilon": 1e-2}),
    ("Adam", {}),
    ("Adam", {"beta_1": 0.7, "beta_2": 0.95, "epsilon": 1e-4, "amsgrad": True, **ALL}),
    ("AdamW", {}),
    ("AdamW", {"amsgrad": True, "learning_rate": 0.01}),
    ("Adamax", {}),
    ("Adamax", {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3, **ALL}),
    ("Nadam", {}),
    ("Nadam", {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3, **ALL}),
    ("Adagrad", {}),
    ("Adagrad", {"initial_accumulator_value": 0.0, "epsilon": 1e-3, **ALL}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adadelta", {"rho": 0.8, "epsilon": 1e-3, **ALL}),
    ("Lion", {}),
    ("Lion", {"beta_1": 0.7, "beta_2": 0.8, **ALL}),
    ("Ftrl", {}),
    ("Ftrl", {"learning_rate_power": -0.3, "initial_accumulator_value": 0.4, **ALL}),
    (
        "Ftrl",
        {
            "l1_regularization_strength": 0.3,
            "l2_regularization_strength": 0.2,
            "l2_shrinkage_regularization_strength": 0.1,
            "beta": 0.5,
            "learning_rate": 0.1,
        },
    ),
]


def case_id(case):
    return f"{case[0]}-{'-'.join(case[1])}" if isinstance(case, tuple) else None


def as_blocks(arrays, dtype):
    """Return arrays one after the other, each filled up with zeros to whole vectors."""
    blocks = [np.zeros(padded(array.size), dtype=dtype) for array in arrays]
    for block, array in zip(blocks, arrays, strict=True):
        block[: array.size] = array.ravel()
    return np.concatenate(blocks)


def from_blocks(numbers):
    """Return the arrays of the weights, and assert that all other numbers are zero."""
    arrays, start = [], 0
    for shape, size in zip(SHAPES, SIZES, strict=True):
        arrays.append(numbers[start : start + size].reshape(shape))
        assert not numbers[start + size : start + padded(size)].any()
        start += padded(size)
    return arrays


def natively(optimizer, weights, gradients, values):
    """Take a step for each list of gradients; return the weights and the variables of the optimizer."""
    dtype = weights[0].dtype.name
    step = LIBRARIES[dtype].function(optimizer.kernel)
    w = as_blocks(weights, dtype)
    slots = np.concatenate([as_blocks(slot, dtype) for slot in optimizer.slots(values)] or [np.zeros(8, dtype)])
    hyper = optimizer.hyper(values, len(gradients))
    assert hyper.shape == (len(gradients), N_HYPER)
    assert hyper.dtype == np.float64
    for row, gradient in zip(hyper, gradients, strict=True):
        g = as_blocks(gradient, dtype)
        step(w.ctypes.data, slots.ctypes.data, g.ctypes.data, w.size, w.size, row.ctypes.data)
    after = [from_blocks(slots[k * w.size : (k + 1) * w.size]) for k in range(optimizer.n_slots)]
    return from_blocks(w), optimizer.with_slots(values, after, len(gradients))


def assert_close(ours, theirs, dtype):
    tolerance = {"float32": 1e-5, "float64": 1e-10}[dtype]
    assert len(ours) == len(theirs)
    for our, their in zip(ours, theirs, strict=True):
        their = np.asarray(their)
        assert our.shape == their.shape
        assert our.dtype == their.dtype
        assert np.max(np.abs(our - their)) <= tolerance * np.max(np.abs(their))


def values_of(variables):
    return [variable.numpy() for variable in variables]


def data(dtype, n_steps=200):
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape).astype(dtype) for shape in SHAPES]
    gradients = [[rng.normal(0.3, 1.0, size=shape).astype(dtype) for shape in SHAPES] for _ in range(n_steps)]
    return weights, gradients


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_steps_are_those_of_keras(case, dtype):
    name, arguments = case
    theirs = getattr(keras.optimizers, name)(**arguments)
    weights, gradients = data(dtype)
    variables = [keras.Variable(weight, dtype=dtype) for weight in weights]
    theirs.build(variables)
    ours = native_optimizer(name, arguments, "GRURegressor")
    assert isinstance(ours, NativeOptimizer)
    values = ours.variables(SHAPES, dtype)
    for our, their in zip(values, values_of(theirs.variables), strict=True):
        assert_array_equal(our, their, strict=True)
    paths = [variable.path for variable in theirs.variables]
    assert ours.is_rate(len(SHAPES)) == tuple(path.endswith("learning_rate") for path in paths)
    middle = 120
    for first, last in ((0, middle), (middle, len(gradients))):
        for gradient in gradients[first:last]:
            theirs.apply(gradient, variables)
        weights, values = natively(ours, weights, gradients[first:last], values)
        assert_close(weights, values_of(variables), dtype)
        assert_close(values, values_of(theirs.variables), dtype)


def test_tables_are_those_of_keras():
    for name, arguments in OPTIMIZERS.items():
        of_keras = getattr(keras.optimizers, name)
        parameters = inspect.signature(of_keras).parameters
        defaults = {key: p.default for key, p in parameters.items() if p.kind is not p.VAR_KEYWORD}
        del defaults["name"]  # Keras 3.6 has one of each class
        assert defaults == {key: value for key, value in arguments.items() if key != "name"}
        assert _argument_names(of_keras) == set(arguments)
    known = {name.lower() for name in (*OPTIMIZERS, *OTHERS)}
    from keras.src.optimizers import ALL_OBJECTS_DICT

    assert set(ALL_OBJECTS_DICT) <= known


def test_an_unknown_name_raises_as_with_keras():
    message = "must be a name that Keras knows, or an instance. Got 'rmspop' instead. Did you mean 'rmsprop'?"
    for find in (
        lambda: native_optimizer("rmspop", {}, "GRURegressor"),
        lambda: _resolve("rmspop", "optimizer", {}, "A"),
    ):
        with pytest.raises(ValueError, match=re.escape(message)):
            find()
