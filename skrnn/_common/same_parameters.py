"""Comparison of estimators by their parameters: a clone, fitted or not, is the same as its original."""

from __future__ import annotations

import pickle
from functools import partial

import joblib
import numpy as np


def same_parameters(estimator, other):
    """Return whether two estimators are of one class, and have the same parameters."""
    if not hasattr(estimator, "get_params") or type(estimator) is not type(other):
        return False
    return _same_value(estimator.get_params(deep=False), other.get_params(deep=False))


def _same_value(value, other):
    """Return whether two values of a parameter are the same, if one of them may be a copy."""
    if value is other:
        return True
    if type(value) is not type(other):
        return bool(np.isscalar(value) and np.isscalar(other) and value == other)
    if hasattr(value, "get_params"):
        return same_parameters(value, other)
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(_same_value(part, other[name]) for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return len(value) == len(other) and all(map(_same_value, value, other))
    if isinstance(value, partial):
        parts, others = ((of.func, of.args, of.keywords) for of in (value, other))
        return _same_value(parts, others)
    try:
        return bool(joblib.hash(value) == joblib.hash(other))  # also of arrays and NaN
    except (pickle.PicklingError, AttributeError, TypeError):  # it cannot be pickled
        return bool(np.all(value == other))
