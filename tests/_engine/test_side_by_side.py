"""Calls that run side by side: how many at once, their shares of the cores, and how an error ends all of them."""

import threading
import time

import numpy as np
import pytest

from skrnn._engine import threads
from skrnn._engine.threads import n_threads, raise_if_stopped, run_in_threads, run_side_by_side


@pytest.mark.parametrize(
    ("n_cores", "n_calls", "at_once", "share"),
    [(1, 3, 1, 1), (2, 3, 2, 1), (4, 2, 2, 2), (5, 2, 2, 2), (8, 3, 3, 2), (4, 1, 1, 4)],
)
def test_cores_are_shared(n_cores, n_calls, at_once, share, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", str(n_cores))
    begun, running, most, shares = [], set(), [], []

    def call(k):
        begun.append(k)
        running.add(k)
        most.append(len(running))
        shares.append(n_threads())
        time.sleep(0.1)
        running.remove(k)

    run_side_by_side([lambda k=k: call(k) for k in range(n_calls)])
    assert sorted(begun) == list(range(n_calls))
    assert max(most) == at_once
    assert set(shares) == {share}
    assert n_threads() == n_cores


def test_calls_of_one_core_run_in_the_thread_of_the_caller(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = []
    run_side_by_side([lambda: found.append(threading.get_ident())] * 2)
    assert found == [threading.get_ident()] * 2


def until_stopped():
    while True:
        raise_if_stopped()
        time.sleep(0.001)


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, SystemExit])
def test_an_error_in_a_call_ends_the_others_and_is_raised(error, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    others = []

    def fail():
        time.sleep(0.05)
        raise error("here")

    with pytest.raises(error, match="here"):
        run_side_by_side([until_stopped, fail, until_stopped, lambda: others.append(1)])
    assert others == []  # no call begins after the error


def test_kernels_in_threads_of_a_call_are_stopped(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    stop = np.zeros(1, np.int64)

    def wait_for_flag():
        while not stop[0]:
            time.sleep(0.001)

    def fail():
        time.sleep(0.05)
        raise OSError("here")

    with pytest.raises(OSError, match="here"):
        run_side_by_side([lambda: run_in_threads([wait_for_flag, wait_for_flag], stop), fail])
    assert stop[0] == 1


def test_an_interrupt_of_the_caller_ends_all_calls(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    wait = threading.Event.wait
    caller, n_waits = threading.get_ident(), []

    def interrupted(event, timeout=None):
        if threading.get_ident() == caller and timeout == threads._POLL:
            n_waits.append(timeout)
            if len(n_waits) == 2:
                raise KeyboardInterrupt("of the caller")
        return wait(event, timeout)

    monkeypatch.setattr(threading.Event, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt, match="of the caller"):
        run_side_by_side([until_stopped, until_stopped])


def test_nothing_is_stopped_outside():
    raise_if_stopped()
