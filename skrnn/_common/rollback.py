"""Restoring the attributes of an estimator after a method that failed."""

from __future__ import annotations

import contextlib


@contextlib.contextmanager
def unchanged_on_failure(estimator):
    """Restore all attributes of an estimator if the body raises or is interrupted."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
