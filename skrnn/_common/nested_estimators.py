"""Fitted estimators inside Pipelines, searches and other meta-estimators."""

from __future__ import annotations

from sklearn.base import BaseEstimator


def nested_estimators(estimator, is_wanted):
    """Find fitted estimators inside an estimator, through Pipelines, searches and other meta-estimators.

    Parameters
    ----------
    estimator : estimator
    is_wanted : callable
        Predicate of the estimators to return. Estimators nested in those are not examined.

    Returns
    -------
    list of estimator
    """
    found, seen, waiting = [], set(), [estimator]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if is_wanted(part):
            found.append(part)
            continue
        inside = [value for name, value in getattr(part, "__dict__", {}).items() if name.endswith("_")]
        inside += [step for _, step in getattr(part, "steps", [])]
        inside += [element for value in inside if isinstance(value, list) for element in value]
        waiting += [value for value in inside if isinstance(value, BaseEstimator)]
    return found
