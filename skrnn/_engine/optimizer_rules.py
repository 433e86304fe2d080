"""Slots of each optimizer, and the hyper-parameters of its kernel at each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Steps:
    """Steps of an optimizer, in the dtype of the weights.

    Parameters
    ----------
    rate : ndarray of shape (n_steps,)
        Learning rate of each step.
    number : ndarray of shape (n_steps,)
        Number of each step, counted from 1.
    products : ndarray of shape (n_steps,)
        Running product of Nadam after each step; ones for other optimizers.
    """

    rate: Any
    number: Any
    products: Any

    def cast(self, number: float) -> Any:
        """Return a number cast as in TensorFlow, via float32, with an axis so that numpy 1 keeps the dtype."""
        return np.array([cast(number)], dtype=self.rate.dtype)

    def power(self, base: float, later: int = 0) -> Any:
        """Return a number to the power of each step number, plus an offset."""
        return power(self.cast(base), self.number + later)


def cast(number: float) -> float:
    """Return a number cast as in TensorFlow, via float32."""
    return float(np.float32(number))


def power(base: Any, exponents: Any) -> Any:
    """Return powers computed in float64, since numpy's float32 powers differ between machines."""
    return np.power(base.astype(np.float64), exponents.astype(np.float64)).astype(exponents.dtype)


@dataclass(frozen=True)
class Rule:
    """Kernel of an optimizer, and its arguments.

    Parameters
    ----------
    kernel : str
        Name of the kernel.
    slots : callable
        ``slots(arguments)`` returns the initial values of slots, in groups. Keras creates the slots group by group, and
        within a group weight by weight.
    hyper : callable
        ``hyper(arguments, steps)`` returns the hyper-parameters after learning rate and weight decay, each a number or
        an array with one value per step.
    """

    kernel: str
    slots: Callable[[Arguments], tuple[tuple[float, ...], ...]]
    hyper: Callable[[Arguments, Steps], tuple[Any, ...]]


def _sgd_slots(a):
    return ((0.0,),) if a["momentum"] != 0 else ()


def _sgd(a, steps):
    return cast(a["momentum"]), bool(a["nesterov"])


def _rmsprop_slots(a):
    return ((0.0,),) * (1 + (a["momentum"] > 0) + bool(a["centered"]))


def _rmsprop(a, steps):
    return a["rho"], 1 - a["rho"], a["epsilon"], max(a["momentum"], 0.0), bool(a["centered"])


def _adam_slots(a):
    return ((0.0, 0.0), (0.0,)) if a["amsgrad"] else ((0.0, 0.0),)


def _adam(a, steps):
    corrected = steps.rate * np.sqrt(1 - steps.power(a["beta_2"])) / (1 - steps.power(a["beta_1"]))
    return 1 - a["beta_1"], 1 - a["beta_2"], a["epsilon"], corrected, bool(a["amsgrad"])


def _adamax(a, steps):
    return 1 - a["beta_1"], a["beta_2"], a["epsilon"], 1 - steps.power(a["beta_1"])


def _nadam(a, steps):
    beta_1, beta_2 = steps.cast(a["beta_1"]), steps.cast(a["beta_2"])
    now, following = (beta_1 * (1 - 0.5 * steps.power(0.96, later)) for later in (0, 1))
    m_divisor, g_divisor = 1 - steps.products * following, 1 - steps.products
    v_divisor = 1 - steps.power(a["beta_2"])
    return 1 - beta_1, 1 - beta_2, a["epsilon"], following, m_divisor, 1 - now, g_divisor, v_divisor


def nadam_products(start: Any, beta_1: float, numbers: Any) -> Any:
    """Return Nadam's running product of momentum coefficients after each step."""
    dtype = numbers.dtype
    factors = 1.0 - 0.5 * power(np.array([0.96], dtype=dtype), numbers)
    both = np.stack([np.full_like(factors, beta_1), factors], axis=1).ravel()
    return np.multiply.accumulate(np.concatenate([np.array([start], dtype=dtype), both]))[2::2]


def _adagrad_slots(a):
    return ((a["initial_accumulator_value"],),)


def _adagrad(a, steps):
    return (a["epsilon"],)


def _adadelta(a, steps):
    return a["rho"], 1 - a["rho"], a["epsilon"]


def _lion(a, steps):
    beta_1, beta_2 = steps.cast(a["beta_1"]), steps.cast(a["beta_2"])
    return beta_1, 1 - beta_1, beta_2, 1 - beta_2


def _ftrl_slots(a):
    return ((a["initial_accumulator_value"], 0.0),)


def _ftrl(a, steps):
    l2 = a["l2_regularization_strength"] + a["beta"] / (2.0 * steps.rate)
    shrinkage = 2 * a["l2_shrinkage_regularization_strength"]
    return -a["learning_rate_power"], a["l1_regularization_strength"], 2 * l2, shrinkage


def _one_slot(a):
    return ((0.0,),)


def _two_slots(a):
    return ((0.0, 0.0),)


RULES = {
    "SGD": Rule("optimizer_sgd", _sgd_slots, _sgd),
    "RMSprop": Rule("optimizer_rmsprop", _rmsprop_slots, _rmsprop),
    "Adam": Rule("optimizer_adam", _adam_slots, _adam),
    "AdamW": Rule("optimizer_adam", _adam_slots, _adam),
    "Adamax": Rule("optimizer_adamax", _two_slots, _adamax),
    "Nadam": Rule("optimizer_nadam", _two_slots, _nadam),
    "Adagrad": Rule("optimizer_adagrad", _adagrad_slots, _adagrad),
    "Adadelta": Rule("optimizer_adadelta", _two_slots, _adadelta),
    "Lion": Rule("optimizer_lion", _one_slot, _lion),
    "Ftrl": Rule("optimizer_ftrl", _ftrl_slots, _ftrl),
}
