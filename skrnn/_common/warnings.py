"""Warnings that are attributed to the code of the user, not to a line of skrnn or of a library that calls it."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from contextvars import ContextVar
from types import FrameType

# Packages between the code of the user and skrnn, for example in a Pipeline or a search, and those that start workers.
_PACKAGES = ("skrnn", "sklearn", "joblib", "contextlib", "keras")
_WORKERS = ("threading", "concurrent", "multiprocessing", "distributed", "dask", "loky", "runpy")
# Modules that are called by ``python -c`` in a new process.
_ENTRIES = ("multiprocessing.spawn", "multiprocessing.forkserver", "joblib.externals.loky.backend.popen_loky_win32")
_FOLDS = ("sklearn.model_selection._validation", "skrnn._model_selection.compare_cells")
_SCORERS = ("sklearn.metrics._scorer",)

_SILENCED: ContextVar[bool] = ContextVar("_SILENCED", default=False)
_COLLECTED: ContextVar[list[tuple[str, type[Warning]]] | None] = ContextVar("_COLLECTED", default=None)


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Emit a warning attributed to the innermost line outside of skrnn and the libraries that call it.

    In a worker of joblib or Dask there may be no such line. Then it is attributed to the caller of this function.
    """
    if _SILENCED.get():
        return
    collected = _COLLECTED.get()
    if collected is not None:
        collected.append((message, category))
        return
    warnings.warn(message, category, stacklevel=_level_of_user(sys._getframe()))


def _level_of_user(frame: FrameType | None) -> int:
    """Return the ``stacklevel`` of the innermost line of the user, or of the line that warns if there is none."""
    level = 1
    while frame is not None and _module(frame) not in _ENTRIES:
        if _module(frame).partition(".")[0] not in _PACKAGES + _WORKERS:
            return level
        level, frame = level + 1, frame.f_back
    return 2


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Suppress the warnings of skrnn in this thread, for a fit that is repeated later."""
    token = _SILENCED.set(True)
    try:
        yield
    finally:
        _SILENCED.reset(token)


@contextlib.contextmanager
def collected() -> Iterator[list[tuple[str, type[Warning]]]]:
    """Collect the warnings of skrnn in this thread, messages and categories, instead of emitting them."""
    found: list[tuple[str, type[Warning]]] = []
    token = _COLLECTED.set(found)
    try:
        yield found
    finally:
        _COLLECTED.reset(token)


def in_cross_validation() -> bool:
    """Return True during cross-validation, where the rows of a fit may have gaps because of the split."""
    return _called_from(_FOLDS)


def in_score() -> bool:
    """Return True during cross-validation or in a scorer of scikit-learn, which may be given the fitted rows."""
    return _called_from(_FOLDS + _SCORERS)


def _called_from(modules: tuple[str, ...]) -> bool:
    """Return True if one of the modules is on the call stack."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") in modules:
            return True
        frame = frame.f_back
    return False


def _module(frame: FrameType) -> str:
    """Return the name of the module of a frame, also if it runs as a script."""
    name = str(frame.f_globals.get("__name__", ""))
    spec = frame.f_globals.get("__spec__")
    return spec.name if name == "__main__" and spec is not None else name
