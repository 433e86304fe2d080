"""Saved state of estimators: arrays and plain values with a version number, without private classes."""

from __future__ import annotations

import datetime
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import pandas as pd
from sklearn.base import BaseEstimator

import skrnn
from skrnn._common.plain_index import index_from_plain, index_to_plain, label_from_plain, label_to_plain

# Increase it when the layout of the state changes, and read older layouts in `from_plain`.
STATE_VERSION = 1

_KIND = "skrnn kind"
_LABELS = (pd.Timestamp, pd.Timedelta, pd.Period, datetime.date)
_CLASSES: dict[str, type] = {}
_NAMES: dict[type, str] = {}

Stored = TypeVar("Stored", bound=type)


def stored_as(name: str) -> Callable[[Stored], Stored]:
    """Register a class whose instances are saved as their attributes, under a name independent of its module."""

    def register(cls: Stored) -> Stored:
        _CLASSES[name], _NAMES[cls] = cls, name
        return cls

    return register


def to_plain(value: Any) -> Any:
    """Return a value of the fitted state as arrays, numbers, strings, and lists, tuples and dicts of these."""
    if isinstance(value, pd.Index):
        return {_KIND: "index", "index": index_to_plain(value)}
    if isinstance(value, _LABELS):
        return {_KIND: "label", "label": label_to_plain(value)}
    if type(value) in (tuple, list):
        return type(value)(map(to_plain, value))
    name = _NAMES.get(type(value))
    if name is None:
        return value
    return {_KIND: name} | {attribute: to_plain(part) for attribute, part in vars(value).items()}


def from_plain(plain: Any) -> Any:
    """Return the value of the output of `to_plain`."""
    if type(plain) in (tuple, list):
        return type(plain)(map(from_plain, plain))
    if not isinstance(plain, dict) or _KIND not in plain:
        return plain
    kind = plain[_KIND]
    if kind == "index":
        return index_from_plain(plain["index"])
    if kind == "label":
        return label_from_plain(plain["label"])
    value: Any = object.__new__(_CLASSES[kind])
    vars(value).update({name: from_plain(part) for name, part in plain.items() if name != _KIND})
    return value


def _restored(value):
    """Return the value of an attribute; those that are not of registered classes were saved unchanged."""
    is_plain = isinstance(value, dict) and value.get(_KIND) in _CLASSES
    return from_plain(value) if is_plain else value


def _defaults(cls):
    """Return the defaults of the parameters of an estimator, some of which may be newer than its saved state."""
    parameters = inspect.signature(cls).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


class PublicNameMixin:
    """Mixin that pickles an object under the public name of its class, which no move of a module changes."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        reduced = super().__reduce_ex__(protocol)
        name = type(self).__name__
        if name not in skrnn.__all__ or getattr(skrnn, name) is not type(self):
            return reduced  # a subclass of a user
        return skrnn._new, (name,), *reduced[2:3]


class PlainStateMixin(PublicNameMixin, BaseEstimator):
    """Mixin that saves an estimator under its public name, with values of registered classes as plain values."""

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        plain = {name: to_plain(value) if type(value) in _NAMES else value for name, value in state.items()}
        return plain | {"_state_version": STATE_VERSION}

    def __setstate__(self, state: dict[str, Any]) -> None:
        version = state.get("_state_version", STATE_VERSION)  # a subclass may have its own __getstate__
        if version != STATE_VERSION:
            raise ValueError(
                f"This {type(self).__name__} was saved with state version {version}, but skrnn {skrnn.__version__} "
                f"reads version {STATE_VERSION}. Load it with the version of skrnn that saved it, or refit it."
            )
        state = {name: _restored(value) for name, value in state.items() if name != "_state_version"}
        super().__setstate__(_defaults(type(self)) | state)
