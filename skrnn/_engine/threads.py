"""Threads that run a kernel: how many there are, and how they end."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import joblib
from numpy.typing import NDArray

_POLL = 0.05  # seconds after which a waiting thread looks for exceptions from other threads


def n_threads() -> int:
    """Return how many threads may run: ``OMP_NUM_THREADS``, which joblib and Dask set in workers, or the cores."""
    share = os.environ.get("OMP_NUM_THREADS", "")
    return int(share) if share.isdecimal() and int(share) else joblib.cpu_count()


def run(calls: Sequence[Callable[[], Any]], stop: NDArray[Any]) -> None:
    """Make calls that release the GIL, each in a thread of its own, and wait for them.

    An exception that comes while threads start or are waited for, as of a signal, stops them by the flag ``stop``; it
    goes on when they have ended.
    """
    errors: list[BaseException] = []
    tasks = [_Task(call, stop, errors) for call in calls]
    try:
        for task in tasks:
            threading.Thread(target=task.run, daemon=True, name="skrnn").start()
    except BaseException as error:  # there may be no more threads; after an interrupt, the last may run or not
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
    """A call that a thread makes, unless it is withdrawn before."""

    def __init__(self, call, stop, errors):
        self._call, self._stop, self._errors = call, stop, errors
        self._begun = threading.Lock()
        self.ended = threading.Event()

    def withdraw(self):
        """Return whether the call was not made, nor will be."""
        return self._begun.acquire(blocking=False)

    def run(self):
        """Make the call, and note its error."""
        if not self._begun.acquire(blocking=False):
            return
        try:
            self._call()
        except BaseException as error:
            self._stop[0] = 1  # others may wait for this part of the work
            self._errors.append(error)
        finally:
            self.ended.set()
