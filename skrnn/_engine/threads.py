"""Threads that run kernels, and how exceptions and signals stop them."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

_POLL = 0.05  # seconds between checks for signals while waiting


@dataclass(frozen=True)
class _Share:
    """Number of kernel threads of each of several calls that run side by side, and the flag that ends them."""

    n_threads: int
    stop: NDArray[Any]


_SHARE: ContextVar[_Share | None] = ContextVar("_SHARE", default=None)


class _StoppedError(Exception):
    """Raised in a call because a call that runs beside it has failed, or because of a signal."""


def n_threads() -> int:
    """Return ``OMP_NUM_THREADS``, which joblib and Dask set in workers, or else the number of cores.

    Calls of `run_side_by_side` get their share of it.
    """
    share = _SHARE.get()
    if share is not None:
        return share.n_threads
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdecimal() and int(given) else joblib.cpu_count()


def run_in_threads(calls: Sequence[Callable[[], Any]], stop: NDArray[Any]) -> None:
    """Run calls that release the GIL in one thread each, and wait for them.

    An exception while the threads start or run, such as that of a signal, sets the flag ``stop``, which the kernels
    read. It is raised when all threads have ended.
    """
    errors: list[BaseException] = []
    tasks = [_Task(call, stop, errors) for call in calls]
    try:
        for task in tasks:
            threading.Thread(target=task.run, daemon=True, name="skrnn").start()
    except BaseException as error:  # no thread could be started, or an interrupt: the last one may be running or not
        stop[0] = 1
        errors.append(error)
        tasks = [task for task in tasks if not task.withdraw()]
    while tasks:
        try:
            while not tasks[-1].ended.wait(_POLL):
                raise_if_stopped()
            tasks.pop()
        except BaseException as error:
            stop[0] = 1
            errors.append(error)
    if errors:
        raise errors[0]


def run_side_by_side(calls: Sequence[Callable[[], Any]]) -> None:
    """Run calls that spend their time in kernels: as many at once as there are cores, which they share.

    The calls begin in the given order. An exception in a call, or that of a signal, ends the others before they run
    their next kernel, and is raised when all have ended.
    """
    n_cores = n_threads()
    n_at_once = min(len(calls), n_cores)
    if n_at_once < 2:
        for call in calls:
            call()
        return
    waiting, lock, stop = iter(calls), threading.Lock(), np.zeros(1, np.int64)
    share = _Share(n_cores // n_at_once, stop)

    def next_call():
        with lock:
            return None if stop[0] else next(waiting, None)

    def work():
        _SHARE.set(share)
        with contextlib.suppress(_StoppedError):  # the error that stopped the calls is raised instead
            while (call := next_call()) is not None:
                call()

    run_in_threads([partial(copy_context().run, work) for _ in range(n_at_once)], stop)


def raise_if_stopped() -> None:
    """Raise if the calls of `run_side_by_side` that this one belongs to are to end."""
    share = _SHARE.get()
    if share is not None and share.stop[0]:
        raise _StoppedError


class _Task:
    """Call in a thread, unless it is withdrawn before it begins."""

    def __init__(self, call, stop, errors):
        self._call, self._stop, self._errors = call, stop, errors
        self._begun = threading.Lock()
        self.ended = threading.Event()

    def withdraw(self):
        """Prevent the call; return False if it has begun already."""
        return self._begun.acquire(blocking=False)

    def run(self):
        """Run the call, and store its error."""
        if not self._begun.acquire(blocking=False):
            return
        try:
            self._call()
        except BaseException as error:
            self._stop[0] = 1  # other threads may be waiting for this one's work
            self._errors.append(error)
        finally:
            self.ended.set()
