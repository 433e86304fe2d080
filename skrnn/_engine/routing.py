"""Names of the parameters that are routed to the optimizer, the loss and the callbacks."""

from __future__ import annotations

from numbers import Real
from typing import Any

LEARNING_RATE = "optimizer__learning_rate"
ROUTED_PREFIXES = ("optimizer__", "loss__", "callbacks__")


def is_routed(name: str) -> bool:
    """Return whether a parameter is an argument of the optimizer, the loss or the callbacks."""
    return name.startswith(ROUTED_PREFIXES) and not name.endswith("__")


def check_learning_rate(rate: Any, parameter: str) -> None:
    """Raise for a negative learning rate, which maximizes the loss; the optimizer checks schedules and callables."""
    if isinstance(rate, Real) and rate < 0:
        raise ValueError(f"The {parameter} must not be negative. Got {rate!r} instead.")


def routed_to(target, routed):
    """Return the arguments routed to a target, such as "loss", without their prefix."""
    prefix = f"{target}__"
    return {key.removeprefix(prefix): value for key, value in routed.items() if key.startswith(prefix)}
