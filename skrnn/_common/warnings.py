"""Warnings that point at the line of the caller, and not at one of skrnn or of what it is called through."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from types import FrameType

# A call from a Pipeline or a search passes through these before it arrives here, and that of a worker begins in them.
_PACKAGES = ("skrnn", "sklearn", "joblib", "contextlib", "keras")
_WORKERS = ("threading", "concurrent", "multiprocessing", "distributed", "dask", "loky", "runpy")
# These modules are what a command given to Python by -c calls.
_ENTRIES = ("multiprocessing.spawn", "multiprocessing.forkserver", "joblib.externals.loky.backend.popen_loky_win32")
_FOLDS = ("sklearn.model_selection._validation", "skrnn._model_selection.compare_cells")
_SCORERS = ("sklearn.metrics._scorer",)

_SILENCED: ContextVar[bool] = ContextVar("_SILENCED", default=False)


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Emit a warning at the innermost line that is neither skrnn's nor of a library that calls it.

    In a worker of joblib or Dask there may be no such line: the warning is at the line that calls this function.
    """
    if _SILENCED.get():
        return
    warnings.warn(message, category, stacklevel=_level_of_user(sys._getframe()))


def _level_of_user(frame: FrameType | None) -> int:
    """Return the ``stacklevel`` of the innermost line of a user.

    Where there is none, as in a worker that was told to fit an estimator, that of the line that warns.
    """
    level = 1
    while frame is not None and _module(frame) not in _ENTRIES:
        if _module(frame).partition(".")[0] not in _PACKAGES + _WORKERS:
            return level
        level, frame = level + 1, frame.f_back
    return 2


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


def _module(frame: FrameType) -> str:
    """Return the name of the module of a frame, also of one that runs as a script."""
    name = str(frame.f_globals.get("__name__", ""))
    spec = frame.f_globals.get("__spec__")
    return spec.name if name == "__main__" and spec is not None else name
