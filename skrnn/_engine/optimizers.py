"""Keras's optimizers without Keras: their variables as Keras has them, and what the kernels take for each step."""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils.fixes import parse_version

from skrnn._common.nearest import nearest
from skrnn._engine.native.layout import N_HYPER
from skrnn._engine.optimizer_rules import RULES, Steps, cast, nadam_products
from skrnn._engine.optimizer_tables import CLIPPINGS, OPTIMIZERS, OTHERS, check_as_keras, number_names
from skrnn._engine.routing import LEARNING_RATE, check_learning_rate
from skrnn._engine.schedules import Schedule, native_schedule

_PREFIX = "optimizer__"
_NAMES = {name.lower(): name for name in OPTIMIZERS}
_OTHER_NAMES = {name.lower(): name for name in OTHERS}
_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class NativeOptimizer:
    """An optimizer of Keras's that has a kernel.

    Parameters
    ----------
    name : str
        Name of Keras's class.
    arguments : dict
        All arguments of its constructor.
    schedule : Schedule or None
        The schedule of the learning rate; None where the rate is a variable.
    """

    name: str
    arguments: dict[str, Any]
    schedule: Schedule | None

    @property
    def kernel(self) -> str:
        """Name of the kernel of a step."""
        return RULES[self.name].kernel

    @property
    def n_slots(self) -> int:
        """Number of slots of each weight."""
        return sum(map(len, self._groups))

    @property
    def clipping(self) -> tuple[str, float] | None:
        """Name and value of the bound on gradients, or None."""
        for clipping in CLIPPINGS:
            bound = self.arguments[clipping]
            if bound is not None and bound > 0:
                return clipping, float(bound)
        return None

    @property
    def _groups(self):
        return RULES[self.name].slots(self.arguments)

    @property
    def _first_slot(self):
        return 1 + (self.schedule is None) + (self.name == "Nadam" and not _product_is_last())

    @property
    def _product(self):
        """Index of Nadam's product among the variables."""
        return -1 if _product_is_last() else self._first_slot - 1

    def _places(self, n_weights):
        """Return the index of each slot of each weight among the variables: a list for each slot."""
        places, start = [], self._first_slot
        for group in self._groups:
            width = len(group)
            places += [[start + i * width + slot for i in range(n_weights)] for slot in range(width)]
            start += n_weights * width
        return places

    def _n_weights(self, values):
        others = self._first_slot + (self.name == "Nadam" and _product_is_last())
        return (len(values) - others) // self.n_slots if self.n_slots else 0

    def is_rate(self, n_weights: int) -> tuple[bool, ...]:
        """Return which of the variables is the learning rate; none, where it follows a schedule."""
        n_variables = self._first_slot + n_weights * self.n_slots + (self.name == "Nadam" and _product_is_last())
        return tuple(self.schedule is None and i == 1 for i in range(n_variables))

    def variables(self, shapes: Sequence[tuple[int, ...]], dtype: str) -> list[Any]:
        """Return the initial values of Keras's ``optimizer.variables``, in its order.

        Parameters
        ----------
        shapes : sequence of tuple of int
            Shapes of the weights.
        dtype : str
            Their dtype.

        Returns
        -------
        list of ndarray
        """
        values = [np.zeros((), dtype=np.int64)]
        if self.schedule is None:
            with np.errstate(over="ignore"):  # an infinite rate shows in the weights
                values.append(np.asarray(self.arguments["learning_rate"]).astype(np.float32))
        for group in self._groups:
            values += [np.full(shape, cast(initial), dtype=dtype) for shape in shapes for initial in group]
        if self.name == "Nadam":
            values.insert(len(values) if _product_is_last() else self._first_slot - 1, np.ones((), dtype=dtype))
        return values

    def slots(self, values: Sequence[Any]) -> list[list[Any]]:
        """Return a list for each slot that holds its array for each weight."""
        return [[values[place] for place in places] for places in self._places(self._n_weights(values))]

    def with_slots(self, values: Sequence[Any], slots: Sequence[Sequence[Any]], n_steps_done: int) -> list[Any]:
        """Return the variables after some steps, which have left these slots."""
        after = self.advanced(values, n_steps_done)
        for places, arrays in zip(self._places(self._n_weights(values)), slots, strict=True):
            for place, array in zip(places, arrays, strict=True):
                after[place] = array
        return after

    def hyper(self, values: Sequence[Any], n_steps: int) -> Any:
        """Return the hyper-parameters of the next steps, (n_steps, N_HYPER), of dtype float64."""
        rows = np.zeros((n_steps, N_HYPER))
        steps = self._steps(values, n_steps)
        decay = self.arguments["weight_decay"]
        with np.errstate(all="ignore"):  # what is no number shows in the weights
            columns = steps.rate, 0.0 if decay is None else cast(decay), *RULES[self.name].hyper(self.arguments, steps)
        for column, numbers in enumerate(columns):
            rows[:, column] = numbers
        return rows

    def advanced(self, values: Sequence[Any], n_steps: int) -> list[Any]:
        """Return the variables after some steps, but for the slots."""
        after = list(values)
        after[0] = np.asarray(int(values[0]) + n_steps, dtype=np.int64)
        if self.name == "Nadam" and n_steps:
            after[self._product] = np.asarray(self._steps(values, n_steps).products[-1])
        return after

    def _steps(self, values, n_steps):
        # Without slots nothing depends on the dtype of the weights.
        dtype = np.asarray(values[self._first_slot]).dtype if self.n_slots else np.dtype(np.float32)
        done = int(values[0])
        number = np.arange(done + 1, done + n_steps + 1).astype(dtype)
        if self.schedule is None:
            rate = np.full(n_steps, values[1], dtype=np.float32)
        else:
            rate = self.schedule.rates(np.arange(done, done + n_steps))
        products = np.ones(n_steps, dtype=dtype)
        if self.name == "Nadam":
            products = nadam_products(values[self._product], self.arguments["beta_1"], number)
        return Steps(rate.astype(dtype), number, products)


def native_optimizer(optimizer: Any, arguments: Mapping[str, Any], name: str) -> NativeOptimizer | str:
    """Return an optimizer that has a kernel, or the reason why it has none.

    Parameters
    ----------
    optimizer : str, class or instance
        The optimizer as Keras takes it.
    arguments : dict
        Arguments of its constructor.
    name : str
        Name of the estimator, for errors.

    Returns
    -------
    NativeOptimizer or str

    Raises
    ------
    ValueError
        For a name that Keras does not know, and for arguments that the optimizer does not take.
    """
    given = {key: value.item() if isinstance(value, np.generic) else value for key, value in arguments.items()}
    check_learning_rate(given.get("learning_rate"), f"{LEARNING_RATE!r} parameter of {name}")
    found = _class_name(optimizer, name)
    if not isinstance(optimizer, (str, type)):
        if given:
            raise ValueError(
                f"{name} got {_PREFIX}{next(iter(given))}, but its optimizer is an instance, {optimizer!r}, which has "
                f"its arguments already. Pass the name or the class to set them from here."
            )
        if found in OPTIMIZERS:
            given = optimizer.get_config()
            check_learning_rate(given.get("learning_rate"), f"learning rate of the optimizer of {name}")
    if found not in OPTIMIZERS:
        return found
    if isinstance(optimizer, (str, type)):
        if any("__" in argument for argument in given):
            return "arguments are routed to arguments of the optimizer"
        _check_arguments(found, given, name)
    rate = given.get("learning_rate")
    if isinstance(rate, Integral) and not isinstance(rate, bool):
        given["learning_rate"] = float(rate)
    return _with_kernel(found, OPTIMIZERS[found] | given)


def _class_name(optimizer, name):
    """Return the name of the class of an optimizer that has a kernel, or the reason why it has none."""
    if isinstance(optimizer, str):
        if optimizer.lower() in _NAMES:
            return _NAMES[optimizer.lower()]
        if optimizer.lower() in _OTHER_NAMES:
            return f"the optimizer {_OTHER_NAMES[optimizer.lower()]} has no kernel"
        if _is_registered(optimizer):
            return f"the optimizer {optimizer} is not one of Keras's"
        raise ValueError(
            f"The 'optimizer' parameter of {name} must be a name that Keras knows, or an instance. Got {optimizer!r} "
            f"instead.{nearest(optimizer.lower(), {*_NAMES, *_OTHER_NAMES})}"
        )
    owner = optimizer if inspect.isclass(optimizer) else type(optimizer)
    if not owner.__module__.startswith("keras."):
        return f"the optimizer {owner.__name__} is not one of Keras's"
    return owner.__name__ if owner.__name__ in OPTIMIZERS else f"the optimizer {owner.__name__} has no kernel"


def _is_registered(optimizer):
    """Return whether Keras finds an optimizer of one's own by its name: nobody has told it before it is imported."""
    if "keras" not in sys.modules:
        return False
    import keras

    try:
        keras.optimizers.get(optimizer)
    except ValueError:
        return False
    return True


def _check_arguments(found, given, name):
    """Raise for arguments that an optimizer does not take."""
    for argument, value in given.items():
        if argument not in OPTIMIZERS[found]:
            raise ValueError(
                f"{_PREFIX}{argument} is not an argument of {found}, the optimizer of {name}."
                f"{nearest(argument, OPTIMIZERS[found], prefix=_PREFIX)}"
            )
        if argument != "name" and isinstance(value, str):
            raise ValueError(f"The {_PREFIX + argument!r} parameter of {name} must not be text. Got {value!r} instead.")


def _with_kernel(found, arguments):
    """Return an optimizer that has a kernel for these arguments, or the reason why it has none."""
    for argument in number_names(found):
        may_be_none = OPTIMIZERS[found][argument] is None or argument == "weight_decay"
        if not isinstance(arguments[argument], Real) and not (may_be_none and arguments[argument] is None):
            return f"the argument {argument} of the optimizer is not a number"
    averages, accumulates = arguments["use_ema"], arguments["gradient_accumulation_steps"]
    if averages or accumulates or arguments["loss_scale_factor"] is not None:
        return "the optimizer averages weights, accumulates gradients or scales the loss"
    schedule: Schedule | None = None
    rate = arguments["learning_rate"]
    if isinstance(rate, dict) or callable(rate):
        found_schedule = native_schedule(rate)
        if isinstance(found_schedule, str):
            return found_schedule
        schedule = found_schedule
    check_as_keras(found, arguments, has_schedule=schedule is not None)
    # Zeros by zeros are NaN: in Keras where a gradient is zero, in a kernel also where a vector is filled up.
    for argument in ("epsilon",) if found != "Ftrl" else ("initial_accumulator_value",):
        if argument in arguments and not arguments[argument] >= _TINY:
            return f"the argument {argument} of the optimizer is zero"
    return NativeOptimizer(found, dict(arguments), schedule)


@functools.cache
def _product_is_last():
    """Return whether the installed Keras makes Nadam's product after the slots, as since 3.10."""
    return parse_version(importlib.metadata.version("keras")) >= parse_version("3.10")
