"""Hash of the data and parameters of a fit, by which its checkpoint file is found again."""

from __future__ import annotations

import hashlib
import inspect
from functools import partial
from numbers import Number
from types import CodeType

import numpy as np


def callback_classes(callbacks):
    """Return the classes of callbacks, nested as they are; their attributes change while they train."""
    if isinstance(callbacks, dict):
        return {key: callback_classes(callback) for key, callback in callbacks.items()}
    if isinstance(callbacks, (list, tuple)):
        return [callback_classes(callback) for callback in callbacks]
    return callbacks if inspect.isclass(callbacks) else type(callbacks)


def digest(value):
    """Return a hash of parameters and arrays, the same in every process."""
    hasher = hashlib.sha256()
    _feed(hasher, value)
    return hasher.hexdigest()[:24]


def _feed(hasher, value):
    """Update a hash with a value, preceded by its type and length."""
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        hasher.update(f"array {value.dtype.str} {value.shape}".encode())
        hasher.update(np.ascontiguousarray(value).data)
    elif isinstance(value, dict):
        _feed(hasher, [[key, value[key]] for key in sorted(value, key=str)])
    elif isinstance(value, (list, tuple)):
        hasher.update(f"list {len(value)} ".encode())
        for item in value:
            _feed(hasher, item)
    elif value is None or isinstance(value, (str, bytes, Number)):
        text = repr(value)
        hasher.update(f"{type(value).__name__} {len(text)} {text}".encode())
    else:
        _feed(hasher, _description(value))


def _description(value):
    """Return a description of a class, a function or an object that can be hashed."""
    if isinstance(value, CodeType):
        # The order of a set among the constants, and so its repr, differs between processes.
        constants = [sorted(map(repr, c)) if isinstance(c, frozenset) else c for c in value.co_consts]
        return ["code", value.co_code, value.co_names, constants]
    named = value if inspect.isclass(value) or inspect.isroutine(value) else type(value)
    name = f"{named.__module__}.{named.__qualname__}"
    if inspect.ismethod(value):
        return [value.__func__, value.__self__]
    if inspect.isfunction(value):
        return [name, value.__code__, value.__defaults__, [cell.cell_contents for cell in value.__closure__ or ()]]
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    if inspect.isclass(value) or inspect.isroutine(value):
        return name
    if hasattr(value, "get_config") and not hasattr(value, "call"):  # of losses, some have an incomplete one
        config = value.get_config()
        return [name, {key: config[key] for key in config if key != "name"}]  # some names count instances
    return [name, vars(value) if hasattr(value, "__dict__") else repr(value)]
