"""Child processes of the tests: each ends within a time limit, and none outlives its test, however that ends."""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager

from joblib.externals.loky import get_reusable_executor

LONG = 240  # seconds until a child counts as hanging; less than pytest's limit for a test
VERY_LONG = 840  # the same in tests marked slow


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
