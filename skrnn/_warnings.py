"""Warnings that point at the line of the caller, and not at one of skrnn or of what it is called through."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from types import FrameType

# A call from a Pipeline or a search passes through these before it arrives here.
_PACKAGES = ("skrnn", "sklearn", "joblib", "contextlib", "keras")
_FOLDS = ("sklearn.model_selection._validation", "skrnn._comparison")
_SCORERS = ("sklearn.metrics._scorer",)

_SILENCED: ContextVar[bool] = ContextVar("_SILENCED", default=False)


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Emit a warning at the innermost line that is neither skrnn's nor of a library that calls it."""
    if _SILENCED.get():
        return
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _package(frame) in _PACKAGES:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Emit no warning of skrnn, in this thread: what is fitted here is fitted again, and warned of then."""
    token = _SILENCED.set(True)
    try:
        yield
    finally:
        _SILENCED.reset(token)


def in_cross_validation() -> bool:
    """Return True within a fit on the training part of a fold, whose rows a split may have taken apart."""
    return _called_from(_FOLDS)


def in_score() -> bool:
    """Return True within cross-validation or a scorer of scikit-learn, which may score the rows that were fitted."""
    return _called_from(_FOLDS + _SCORERS)


def _called_from(modules: tuple[str, ...]) -> bool:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") in modules:
            return True
        frame = frame.f_back
    return False


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
