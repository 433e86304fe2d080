"""Errors for unknown arguments of functions, methods and constructors, which suggest the valid ones."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from sklearn.base import BaseEstimator

from skrnn._common.nearest import nearest

Function = TypeVar("Function", bound=Callable[..., Any])
Estimator = TypeVar("Estimator", bound="NamedParametersMixin")

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def named_arguments(function: Function) -> Function:
    """Let errors of a function say which argument an unknown one probably means, and which have to be named.

    Parameters
    ----------
    function : callable
        Function, method, constructor, or function inside a classmethod, without ``*args`` and ``**kwargs``.
    """
    parameters = [*inspect.signature(function).parameters.values()]
    positional = [parameter.name for parameter in parameters if parameter.kind in _POSITIONAL]
    keyword_only = [parameter.name for parameter in parameters if parameter.kind == parameter.KEYWORD_ONLY]
    is_bound = positional[:1] in (["self"], ["cls"])
    names = {*positional[is_bound:], *keyword_only}
    required = [parameter.name for parameter in parameters[is_bound:] if parameter.default is parameter.empty]

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        passed = {*positional[: len(args)], *kwargs}
        unknown = [name for name in kwargs if name not in names]
        missing = [name for name in required if name not in passed]
        if unknown or missing or len(args) > len(positional):
            called = _called(function, args[0] if is_bound else None)
            if unknown:
                got = "parameter" if function.__name__ == "__init__" else "argument"
                raise TypeError(f"{called} got an unknown {got} {unknown[0]!r}.{nearest(unknown[0], names)}")
            if len(args) > len(positional):
                raise TypeError(_too_many(called, len(args) - is_bound, positional[is_bound:], keyword_only))
            raise TypeError(f"{called} is missing a required argument: {missing[0]!r}.")
        return function(*args, **kwargs)

    same: Any = checked
    return same


def _called(function, owner):
    """Return the name of a class whose constructor is called, of a function, or of a method with that of its class."""
    if owner is None:
        return function.__name__
    name = (owner if inspect.isclass(owner) else type(owner)).__name__
    return name if function.__name__ == "__init__" else f"{name}.{function.__name__}"


def _too_many(called, n_given, positional, keyword_only):
    """Return the error message for positional arguments that have to be named."""
    accepted = f"{len(positional)} positional argument(s)" + (f" ({', '.join(positional)})" if positional else "")
    remedy = f" Pass by keyword: {', '.join(keyword_only)}." if keyword_only else ""
    return f"{called} takes at most {accepted}, but {n_given} were given.{remedy}"


def check_parameter_names(
    estimator: BaseEstimator, given: Iterable[str], suggest: Callable[..., str] = nearest
) -> None:
    """Raise for names passed to ``set_params`` that are neither parameters nor those of a nested estimator.

    Parameters
    ----------
    estimator : estimator
    given : iterable of str
    suggest : callable, default=nearest
        ``suggest(name, names)`` returns a sentence that suggests a valid name instead of an unknown one.
    """
    names = estimator._get_param_names()
    for name in given:
        if name.split("__")[0] not in names:
            raise ValueError(
                f"Invalid parameter {name!r} for estimator {type(estimator).__name__}.{suggest(name, names)}"
            )


class NamedParametersMixin(BaseEstimator):
    """Mixin of an estimator whose `set_params` says which parameter an unknown one probably means."""

    def set_params(self: Estimator, **params: Any) -> Estimator:
        """Set the parameters.

        Parameters
        ----------
        **params : dict
            Parameter names and values, including those of nested estimators such as ``estimator__units``. Values are
            validated by `fit`.

        Returns
        -------
        object
            The estimator itself.

        Raises
        ------
        ValueError
            If a parameter name is unknown.
        """
        check_parameter_names(self, params)
        return super().set_params(**params)
