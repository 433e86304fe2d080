"""Type aliases of public signatures, and scikit-learn's decorators with type hints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import validate_params as _validate_params
from sklearn.utils.metaestimators import available_if as _available_if

Function = TypeVar("Function", bound=Callable[..., Any])

Container = Literal["default", "pandas", "polars"]
MaxGap = float | str | timedelta | np.timedelta64
Padding = Literal["mask", "edge", "zeros"]


class Splitter(Protocol):
    """Cross-validation splitter, as in scikit-learn."""

    def split(self, *args: Any, **kwargs: Any) -> Any:
        """Generate indices of the training and the test samples of each split."""


# scikit-learn has no type hints: type checkers would infer `Any` for every function that its decorators are applied to.


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Function], Function]:
    """Return ``sklearn.base._fit_context`` as a decorator that keeps the type of the method."""
    decorator: Callable[[Function], Function] = _fit_context(
        prefer_skip_nested_validation=prefer_skip_nested_validation
    )
    return decorator


def validate_params(
    constraints: Mapping[str, Any], *, prefer_skip_nested_validation: bool
) -> Callable[[Function], Function]:
    """Return scikit-learn's ``validate_params`` as a decorator that keeps the type of the function."""
    decorator: Callable[[Function], Function] = _validate_params(
        constraints, prefer_skip_nested_validation=prefer_skip_nested_validation
    )
    return decorator


def available_if(check: Callable[[Any], bool]) -> Callable[[Function], Function]:
    """Return scikit-learn's ``available_if`` as a decorator that keeps the type of the method."""
    decorator: Callable[[Function], Function] = _available_if(check)
    return decorator
