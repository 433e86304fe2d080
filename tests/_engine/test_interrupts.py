"""Interrupts in the midst of one long batch: training ends at once, nothing has changed, and no thread goes on."""

import threading
from pathlib import Path

import numpy as np
import pytest
from children import LONG, run
from conftest import needs_kernels
from numpy.testing import assert_array_equal

from skrnn._engine import threads

TESTS = Path(__file__).parents[1]

# 1,024 sequences of 300 steps are a batch, which takes many seconds.
CHILD = """
import ctypes
import os
import signal
import sys
import threading
import time

import numpy as np
from numpy.testing import assert_array_equal

from skrnn import LSTMRegressor

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits that interrupts are ignored
rng = np.random.default_rng(0)
X = rng.normal(size=(1024, 300, 4)).astype("float32")
y = X[:, -1, 0] - X[:, -2, 1]
FEW = X[:64, :20], y[:64]
regressor = LSTMRegressor(256, batch_size=1024, epochs=2, random_state=0).fit(*FEW)
before, expected = dict(vars(regressor)), regressor.predict(FEW[0])


def working():
    return [thread for thread in threading.enumerate() if thread.name == "skrnn"]


def begin_and_fault(fault):
    while not working():
        time.sleep(0.01)
    time.sleep(0.3)
    sent.append(time.monotonic())
    fault()


def seconds_until_fit_ends():
    try:
        regressor.fit(X, y)
    except (KeyboardInterrupt, Halt) as error:
        return type(error).__name__, time.monotonic() - sent.pop()


class Halt(Exception):
    pass


def check(ended):
    for thread in working():  # they have done their work, and may be about to end
        thread.join(1)
    assert working() == []
    assert vars(regressor) == before
    assert_array_equal(regressor.predict(FEW[0]), expected)
    print(*ended, flush=True)


sent = []
threading.Thread(target=begin_and_fault, args=(lambda: os.kill(os.getpid(), signal.SIGINT),)).start()
check(seconds_until_fit_ends())

results = []
fitting = threading.Thread(target=lambda: results.append(seconds_until_fit_ends()))
fitting.start()
raise_there = ctypes.pythonapi.PyThreadState_SetAsyncExc
begin_and_fault(lambda: raise_there(ctypes.c_ulong(fitting.ident), ctypes.py_object(Halt)))
fitting.join()
check(*results)

assert_array_equal(regressor.fit(*FEW).predict(FEW[0]), expected)
"""


@needs_kernels
@pytest.mark.slow
@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_fit_ends_at_once(n_threads):
    process = run("-c", CHILD, env={"OMP_NUM_THREADS": str(n_threads)}, cwd=TESTS.parent, seconds=LONG)
    assert process.returncode == 0, process.stderr
    lines = [line.split() for line in process.stdout.splitlines()]
    assert [name for name, _ in lines] == ["KeyboardInterrupt", "Halt"]
    assert max(float(seconds) for _, seconds in lines) < 5  # a flag is read some hundred times a second


# ---------------------------------------------------------------------- threads that kernels run in


def waits_for(stop):
    """What a kernel does that is told to stop: a call that ends when the flag is set."""
    while not stop[0]:
        threading.Event().wait(0.01)


def test_an_error_of_one_thread_stops_the_others():
    stop = np.zeros(1, np.int64)

    def fails():
        raise ValueError("of a call")

    with pytest.raises(ValueError, match="of a call"):
        threads.run_in_threads([lambda: waits_for(stop), fails, lambda: waits_for(stop)], stop)
    assert stop[0] == 1


@pytest.mark.parametrize("starts", [True, False], ids=["after", "before"])
def test_an_interrupt_while_threads_start(starts, monkeypatch):
    stop, begun, seen, ended = np.zeros(1, np.int64), threading.Event(), [], []
    start = threading.Thread.start

    def interrupted(thread):
        if thread.name != "skrnn":
            return start(thread)
        seen.append(thread)
        if starts or len(seen) == 1:
            start(thread)
        if starts or len(seen) == 2:
            begun.wait(60)
            raise KeyboardInterrupt("while starting")

    monkeypatch.setattr(threading.Thread, "start", interrupted)

    def call():
        begun.set()
        waits_for(stop)
        ended.append(threading.get_ident())

    with pytest.raises(KeyboardInterrupt, match="while starting"):
        threads.run_in_threads([call] * 3, stop)
    assert len(ended) == 1  # the only one that had begun, which was waited for
    assert_array_equal(stop, [1])


def test_calls_run_at_once_and_are_waited_for():
    barrier, stop, done = threading.Barrier(3), np.zeros(1, np.int64), []

    def call():
        barrier.wait(60)
        done.append(threading.get_ident())

    threads.run_in_threads([call] * 3, stop)
    assert len(set(done)) == 3
    assert stop[0] == 0
