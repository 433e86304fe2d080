"""Optimizer that ``optimizer="auto"`` stands for."""

from __future__ import annotations

from typing import Any

from skrnn._engine.optimizer_arguments import CLIPPINGS
from skrnn._engine.routing import LEARNING_RATE

_PREFIX = "optimizer__"
_RATE = 0.003
_LARGEST_NORM = 1.0  # of the gradient of all weights together


def resolved_optimizer(optimizer: Any, routed: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the optimizer and the routed parameters, with the defaults of "auto" for those that are not given.

    Keras accepts one kind of clipping only: if another one is given, the gradient is clipped by that alone.

    Parameters
    ----------
    optimizer : str, keras.optimizers.Optimizer or class
        Parameter of the estimator.
    routed : dict
        Routed parameters of the estimator.
    """
    if not isinstance(optimizer, str) or optimizer != "auto":
        return optimizer, routed
    defaults = {LEARNING_RATE: _RATE}
    if not any(_PREFIX + clipping in routed for clipping in CLIPPINGS):
        defaults[f"{_PREFIX}global_clipnorm"] = _LARGEST_NORM
    return "adam", defaults | routed
