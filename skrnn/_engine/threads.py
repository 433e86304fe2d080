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

    An exception that comes while waiting, as a signal does, stops them by the flag ``stop``; it goes on when they have
    ended, for they work in memory of whoever waits.
    """
    ended: list[threading.Event] = []
    errors: list[BaseException] = []

    def make(call, event):
        try:
            call()
        except BaseException as error:
            errors.append(error)
        finally:
            event.set()

    try:
        for call in calls:
            event = threading.Event()
            threading.Thread(target=make, args=(call, event), daemon=True, name="skrnn").start()
            ended.append(event)
    except BaseException as error:  # there may be no more threads
        stop[0] = 1
        errors.append(error)
    for event in ended:
        while not event.is_set():
            try:
                event.wait(_POLL)
            except BaseException as error:
                stop[0] = 1
                errors.append(error)
    if errors:
        raise errors[0]
