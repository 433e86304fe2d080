"""Keras's learning rate schedules without importing Keras, computed for many steps at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

_MODULE = "keras.optimizers.schedules"  # as in serialized configurations


@dataclass(frozen=True)
class Schedule:
    """Learning rate schedule of Keras.

    Parameters
    ----------
    name : str
        Name of the class.
    arguments : dict
        Its configuration.
    """

    name: str
    arguments: dict[str, Any]

    def rates(self, steps: Any) -> Any:
        """Return the learning rates at steps, counted from 0, in float32 as in Keras."""
        given = {key: value for key, value in self.arguments.items() if key != "name"}
        with np.errstate(all="ignore"):  # NaN is detected in the weights
            return _SCHEDULES[self.name](np.asarray(steps, dtype=np.int64), **given)


def native_schedule(rate: Any) -> Schedule | str:
    """Return the schedule of an instance or its serialized form, or the reason why it is not supported."""
    if isinstance(rate, dict):
        name, of_keras = str(rate.get("class_name")), rate.get("module") == _MODULE
        arguments = rate.get("config")
    else:
        name, of_keras = type(rate).__name__, type(rate).__module__.startswith("keras.")
        arguments = rate.get_config() if of_keras and name in _SCHEDULES else None
    if not of_keras or name not in _SCHEDULES or not isinstance(arguments, dict):
        return f"the learning rate {name} is not one of Keras's schedules"
    if not _has_float_rates(arguments):
        return f"the schedule {name} is not set by floats"
    return Schedule(name, dict(arguments))


def _has_float_rates(arguments):
    """Return whether the rates are Python floats, for which Keras computes in float32."""
    rates = arguments.get("values") or [arguments.get("initial_learning_rate")]
    others = [value for key, value in arguments.items() if key not in ("name", "values", "boundaries")]
    boundaries = arguments.get("boundaries", [0])
    return (
        all(type(rate) is float for rate in rates)
        and all(value is None or isinstance(value, (bool, int, float)) for value in others)
        and len(boundaries) > 0
        and all(isinstance(boundary, (int, float)) for boundary in boundaries)
    )


def _single(number):
    """Return a number in float32, with an axis so that numpy 1 computes in float32."""
    return np.array([number], dtype=np.float32)


def _rounded(function, *arguments):
    """Return a function computed in float64 and rounded, since numpy's float32 functions differ between machines."""
    return function(*(np.asarray(a, dtype=np.float64) for a in arguments)).astype(np.float32)


def _periods(steps, decay_steps, staircase):
    """Return the number of decay periods so far."""
    passed = steps.astype(np.float32) / _single(decay_steps)
    return np.floor(passed) if staircase else passed


def _exponential(steps, initial_learning_rate, decay_steps, decay_rate, staircase):
    passed = _periods(steps, decay_steps, staircase)
    return _single(initial_learning_rate) * _rounded(np.power, _single(decay_rate), passed)


def _inverse_time(steps, initial_learning_rate, decay_steps, decay_rate, staircase):
    passed = _periods(steps, decay_steps, staircase)
    return _single(initial_learning_rate) / (_single(1.0) + _single(decay_rate) * passed)


def _piecewise_constant(steps, boundaries, values):
    # Keras casts boundaries to integers, and adds the values of all intervals that contain the step.
    bounds = [int(boundary) for boundary in boundaries]
    rates = (steps <= bounds[0]) * _single(values[0]) + (steps > bounds[-1]) * _single(values[-1])
    for low, high, value in zip(bounds[:-1], bounds[1:], values[1:-1], strict=True):
        rates = rates + ((steps > low) & (steps <= high)) * _single(value)
    return rates


def _polynomial(steps, initial_learning_rate, decay_steps, end_learning_rate, power, cycle):
    step, length = steps.astype(np.float32), _single(decay_steps)
    if cycle:
        length = length * np.where(step == 0, np.float32(1.0), np.ceil(step / length))
    else:
        step = np.minimum(step, length)
    start, end = _single(initial_learning_rate), _single(end_learning_rate)
    return (start - end) * _rounded(np.power, _single(1.0) - step / length, _single(power)) + end


def _cosine(steps, initial_learning_rate, decay_steps, alpha, warmup_target, warmup_steps):
    step, length, start = steps.astype(np.float32), _single(decay_steps), _single(initial_learning_rate)
    if warmup_target is None:
        return _cosine_decay(np.minimum(step, length), length, start, alpha)
    target, warmup = _single(warmup_target), _single(warmup_steps)
    step = np.minimum(step, length + warmup)
    rising = (target - start) * (step / warmup) + start
    return np.where(step < warmup, rising, _cosine_decay(step - warmup, length, target, alpha))


def _cosine_decay(step, length, start, alpha):
    decayed = _single(0.5) * (_single(1.0) + _rounded(np.cos, _single(np.pi) * (step / length)))
    return start * (_single(1 - alpha) * decayed + _single(alpha))


def _cosine_restarts(steps, initial_learning_rate, first_decay_steps, t_mul, m_mul, alpha):
    one, growth, alpha = _single(1.0), _single(t_mul), _single(alpha)
    passed = steps.astype(np.float32) / _single(first_decay_steps)
    if growth[0] == 1.0:
        restarts = np.floor(passed)
        passed = passed - restarts
    else:
        restarts = np.floor(_rounded(np.log, one - passed * (one - growth)) / _rounded(np.log, growth))
        length = _rounded(np.power, growth, restarts)
        passed = (passed - (one - length) / (one - growth)) / length
    factor = _single(0.5) * _rounded(np.power, _single(m_mul), restarts)
    cosine = factor * (one + _rounded(np.cos, _single(np.pi) * passed))
    return _single(initial_learning_rate) * ((one - alpha) * cosine + alpha)


_SCHEDULES: dict[str, Callable[..., Any]] = {
    "ExponentialDecay": _exponential,
    "PiecewiseConstantDecay": _piecewise_constant,
    "PolynomialDecay": _polynomial,
    "InverseTimeDecay": _inverse_time,
    "CosineDecay": _cosine,
    "CosineDecayRestarts": _cosine_restarts,
}
