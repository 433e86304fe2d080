"""Checks of parameters of `SequenceForecaster` that its constraints cannot express, and of the arguments of `fit`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from numbers import Integral
from typing import Any, TypeVar

Fit = TypeVar("Fit", bound=Callable[..., Any])

_NAME = "SequenceForecaster"
_INTEGERS = ("window", "output_steps", "differencing", "calibration_size")


def naming_missing_arguments(fit: Fit) -> Fit:
    """Let ``fit`` say what `X` and `y` are if one of them is not passed, as in ``fit(series)`` of other libraries."""

    @functools.wraps(fit)
    def checked(self: Any, *args: Any, **kwargs: Any) -> Any:
        if len(args) < 2 and ("y" not in kwargs or not (args or "X" in kwargs)):
            raise TypeError(
                f"{_NAME}.fit requires covariates X and the values y of the series. If there are no covariates, call "
                "fit(None, y)."
            )
        return fit(self, *args, **kwargs)

    same: Any = checked
    return same


def check_no_booleans(forecaster):
    """Raise if a parameter that takes an int is a bool, which Python treats as 0 or 1."""
    for parameter in _INTEGERS:
        value = getattr(forecaster, parameter)
        if isinstance(value, bool):
            raise ValueError(
                f"The {parameter!r} parameter of {_NAME} must be an int of at least 1. Got {value!r} instead."
            )


def is_positive_int(value: Any) -> bool:
    """Return True for an integer of at least 1 that is not a bool."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def lags_to_select(lags):
    """Return the parameter `lags` as a tuple of different positive ints; None if it is None."""
    if lags is None:
        return None
    found = _as_lags(lags, "lags")
    if len(set(found)) < len(found):
        raise ValueError(f"The 'lags' parameter of {_NAME} must contain each lag once. Got {lags!r} instead.")
    return found


def lags_of_differences(differencing):
    """Return the parameter `differencing` as a tuple of positive ints, empty for None.

    A lag may be repeated: differences of differences at lag 1 remove a quadratic trend.
    """
    return () if differencing is None else _as_lags(differencing, "differencing")


def _as_lags(lags, parameter):
    """Return lags as a tuple of positive ints."""
    given = [lags] if isinstance(lags, Integral) else list(lags)
    if not given or not all(is_positive_int(lag) for lag in given):
        raise ValueError(
            f"The {parameter!r} parameter of {_NAME} must contain ints of at least 1. Got {lags!r} instead."
        )
    return tuple(int(lag) for lag in given)
