"""The estimators that another estimator holds."""

from __future__ import annotations

from sklearn.base import BaseEstimator


def nested_estimators(estimator, is_wanted):
    """Find what fitting has left in an estimator, through Pipelines, searches and other wrappers.

    Parameters
    ----------
    estimator : estimator
    is_wanted : callable
        Tells the estimators to return; what they hold is not looked at.

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
