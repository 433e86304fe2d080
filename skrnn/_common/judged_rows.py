"""Rows of which the caller of estimators warns under its own name, so that these do not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_JUDGED_BY_CALLER: ContextVar[bool] = ContextVar("_JUDGED_BY_CALLER", default=False)


@contextlib.contextmanager
def rows_judged_by_caller() -> Iterator[None]:
    """Let estimators that this thread calls not warn of their rows: the caller does, under its own name."""
    token = _JUDGED_BY_CALLER.set(True)
    try:
        yield
    finally:
        _JUDGED_BY_CALLER.reset(token)


def are_judged_by_caller() -> bool:
    """Return whether an estimator is called with rows of which its caller warns."""
    return _JUDGED_BY_CALLER.get()
