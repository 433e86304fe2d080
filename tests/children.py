"""Child processes of the tests: each ends within a time limit, and none outlives its test, however that ends."""

import multiprocessing
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

from joblib.externals.loky import get_reusable_executor

LONG = 240  # seconds until a child counts as hanging; less than pytest's limit for a test
VERY_LONG = 840  # the same in tests marked slow

TESTS = Path(__file__).parent
ROOT = TESTS.parent

# Lets a child import this checkout, and modules of the tests by their bare names, as pytest does.
PYTHONPATH = os.pathsep.join(map(str, [ROOT, TESTS, *sorted(TESTS.glob("_[a-z]*/"))]))


def run(*arguments, cwd=None, env=None, seconds=LONG):
    """Run Python with these arguments and return the completed process, with what it wrote as text."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        timeout=seconds,  # kills the child
    )


def run_code(code, *arguments, cwd=None, env=None, seconds=LONG):
    """Run code that may import modules of the tests; check that it succeeds, and return the completed process."""
    env = {"PYTHONPATH": PYTHONPATH} | (env or {})
    process = run("-c", code, *map(str, arguments), cwd=cwd, env=env, seconds=seconds)
    assert process.returncode == 0, process.stderr
    return process


@contextmanager
def started(*arguments, env=None, stderr=None, seconds=LONG):
    """Start Python with these arguments, its standard output a pipe of text; kill it after `seconds`, or at the end."""
    with subprocess.Popen(
        [sys.executable, *arguments], env=os.environ | (env or {}), stdout=subprocess.PIPE, stderr=stderr, text=True
    ) as process:
        watchdog = threading.Timer(seconds, process.kill)  # whoever reads the pipe finds its end then
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


def answer_of(target, method):
    """Call a function in a child, forked or spawned, with the pipe by which it answers; return the answer."""
    context = multiprocessing.get_context(method)
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=target, args=(there,))
    child.start()
    there.close()
    try:
        assert here.poll(LONG), "the child hangs"
        answer = here.recv()
        child.join(LONG)
        assert child.exitcode == 0
    finally:
        child.kill()
        child.join()
        child.close()
    return answer


@contextmanager
def workers_within(seconds=LONG):
    """Kill workers of joblib that are still at work after `seconds`; who waits for their results gets an error."""

    def kill():
        get_reusable_executor(reuse=True).shutdown(wait=False, kill_workers=True)

    watchdog = threading.Timer(seconds, kill)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()
