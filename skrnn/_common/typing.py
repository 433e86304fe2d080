"""What the signatures share: their types, and scikit-learn's decorators, which type checkers would not see through."""

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
    """A splitter of scikit-learn's kind."""

    def split(self, *args: Any, **kwargs: Any) -> Any:
        """Generate the positions of each training set and test fold."""


# scikit-learn has no type hints, so that what its decorators return is of any type, and so would be every method and
# function that they decorate.


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Function], Function]:
    """Decorate a method with ``sklearn.base._fit_context``, which keeps its type."""
    decorator: Callable[[Function], Function] = _fit_context(
        prefer_skip_nested_validation=prefer_skip_nested_validation
    )
    return decorator


def validate_params(
    constraints: Mapping[str, Any], *, prefer_skip_nested_validation: bool
) -> Callable[[Function], Function]:
    """Decorate a function with scikit-learn's ``validate_params``, which keeps its type."""
    decorator: Callable[[Function], Function] = _validate_params(
        constraints, prefer_skip_nested_validation=prefer_skip_nested_validation
    )
    return decorator


def available_if(check: Callable[[Any], bool]) -> Callable[[Function], Function]:
    """Decorate a method with scikit-learn's ``available_if``, which keeps its type where it is available."""
    decorator: Callable[[Function], Function] = _available_if(check)
    return decorator
