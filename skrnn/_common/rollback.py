"""Calls that fail leave what they were called on as it was."""

from __future__ import annotations

import contextlib


@contextlib.contextmanager
def unchanged_on_failure(estimator):
    """Put all attributes of an estimator back where what follows fails or is interrupted."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
