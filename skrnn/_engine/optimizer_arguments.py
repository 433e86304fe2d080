"""Keras's optimizers by name: arguments, defaults, and the checks of their constructors.

Keras is not imported for this; tests compare the tables with the installed version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_BASE: dict[str, Any] = {
    "weight_decay": None,
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
    "name": None,
}
_ADAM: dict[str, Any] = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {**_BASE, "learning_rate": 0.01, "momentum": 0.0, "nesterov": False},
    "RMSprop": {
        **_BASE,
        "learning_rate": 0.001,
        "rho": 0.9,
        "momentum": 0.0,
        "epsilon": 1e-7,
        "centered": False,
    },
    "Adam": {**_BASE, **_ADAM, "amsgrad": False},
    "AdamW": {**_BASE, **_ADAM, "amsgrad": False, "weight_decay": 0.004},
    "Adamax": {**_BASE, **_ADAM},
    "Nadam": {**_BASE, **_ADAM},
    "Adagrad": {**_BASE, "learning_rate": 0.001, "initial_accumulator_value": 0.1, "epsilon": 1e-7},
    "Adadelta": {**_BASE, "learning_rate": 0.001, "rho": 0.95, "epsilon": 1e-7},
    "Lion": {**_BASE, "learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.99},
    "Ftrl": {
        **_BASE,
        "learning_rate": 0.001,
        "learning_rate_power": -0.5,
        "initial_accumulator_value": 0.1,
        "l1_regularization_strength": 0.0,
        "l2_regularization_strength": 0.0,
        "l2_shrinkage_regularization_strength": 0.0,
        "beta": 0.0,
    },
}

# Optimizers without a kernel, in any version of Keras.
OTHERS = (
    "Adafactor",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Optimizer",
    "OptimizerMap",
    "ScheduleFreeAdamW",
)

CLIPPINGS = ("clipnorm", "global_clipnorm", "clipvalue")
_NOT_NUMBERS = ("name", "learning_rate", "use_ema", "nesterov", "centered", "amsgrad")  # of other types


def number_names(name: str) -> list[str]:
    """Return the names of the numeric arguments of an optimizer, including those that may be None."""
    return [argument for argument in OPTIMIZERS[name] if argument not in _NOT_NUMBERS]


def check_as_keras(name: str, arguments: Mapping[str, Any], *, has_schedule: bool) -> None:
    """Raise the ValueError that the constructor of Keras's optimizer raises; numeric types are checked before."""
    if sum(arguments[clipping] is not None for clipping in CLIPPINGS) > 1:
        raise ValueError(
            "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: "
            f"clipnorm={arguments['clipnorm']}, clipvalue={arguments['clipvalue']}, "
            f"global_clipnorm={arguments['global_clipnorm']}"
        )
    rate = arguments["learning_rate"]
    if not has_schedule and not isinstance(rate, float):
        raise ValueError(
            "Argument `learning_rate` should be float, or an instance of LearningRateSchedule, or a callable (that "
            "takes in the current iteration value and returns the corresponding learning rate value). Received "
            f"instead: learning_rate={rate}"
        )
    if name in _CHECKS:
        _CHECKS[name](arguments)


def _check_sgd(arguments):
    momentum = arguments["momentum"]
    if not isinstance(momentum, float) or momentum < 0 or momentum > 1:
        raise ValueError("`momentum` must be a float between [0, 1].")


def _check_adamw(arguments):
    if arguments["weight_decay"] is None:
        raise ValueError("Argument `weight_decay` must be a float. Received: weight_decay=None")


def _check_lion(arguments):
    beta_1 = arguments["beta_1"]
    if beta_1 <= 0 or beta_1 > 1:
        raise ValueError(
            "Argument `beta_1` must be in the [0, 1] range. Otherwise, the optimizer degenerates to SignSGD. "
            f"Received: beta_1={beta_1}."
        )


def _check_ftrl(arguments):
    for argument, value in arguments.items():
        of_rate = argument == "learning_rate_power"
        signed = of_rate or argument == "initial_accumulator_value" or argument.endswith("_regularization_strength")
        if signed and (value > 0.0 if of_rate else value < 0.0):
            sign = "negative" if of_rate else "positive"
            raise ValueError(f"`{argument}` needs to be {sign} or zero. Received: {argument}={value}.")


_CHECKS: dict[str, Callable[[Mapping[str, Any]], None]] = {
    "SGD": _check_sgd,
    "AdamW": _check_adamw,
    "Lion": _check_lion,
    "Ftrl": _check_ftrl,
}
