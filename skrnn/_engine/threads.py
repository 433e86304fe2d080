"""Threads that run kernels, and how exceptions and signals stop them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import joblib
from numpy.typing import NDArray

_POLL = 0.05  # seconds between checks for signals while waiting


def n_threads() -> int:
    """Return ``OMP_NUM_THREADS``, which joblib and Dask set in workers, or else the number of cores."""
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
                pass
            tasks.pop()
        except BaseException as error:
            stop[0] = 1
            errors.append(error)
    if errors:
        raise errors[0]


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
