"""Time limits: no test, and no child process of one, can wait for ever."""

import ast
import signal
import subprocess

import joblib
import pytest
from children import LONG, TESTS, VERY_LONG, answer_of, run, run_code, started, workers_within

pytestmark = pytest.mark.slow

WAIT = "import signal\nprint('waits', flush=True)\nwhile True: signal.pause()"


def test_a_child_that_hangs_is_killed():
    with pytest.raises(subprocess.TimeoutExpired):
        run("-c", WAIT, seconds=1)
    with started("-c", WAIT, seconds=1) as process:
        process.stdout.read()  # until the child's end
    assert process.returncode == -signal.SIGKILL


def wait():
    signal.sigwait([signal.SIGUSR1])


def test_code_that_fails_fails_the_test():
    assert run_code("import test_children, test_network; print('imported')").stdout == "imported\n"
    with pytest.raises(AssertionError, match="KeyError: 'of the child'"):
        run_code("raise KeyError('of the child')")


def test_workers_of_joblib_that_hang_are_killed():
    with pytest.raises(RuntimeError, match="has been shutdown"), workers_within(seconds=3):
        joblib.Parallel(n_jobs=2)(joblib.delayed(wait)() for _ in range(2))
    with workers_within():
        assert joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(number) for number in (-1, -2)) == [1, 2]


def test_no_child_outlives_a_test_that_fails():
    with pytest.raises(AssertionError, match="of the test"), started("-c", WAIT) as process:
        assert process.stdout.readline() == "waits\n"
        raise AssertionError("of the test")
    assert process.returncode == -signal.SIGKILL


def hang(connection):
    signal.sigwait([signal.SIGUSR1])


def fail(connection):
    connection.send("an answer")
    raise SystemExit(3)


def test_a_spawned_child_answers_in_time_and_ends_well(monkeypatch):
    monkeypatch.setattr("children.LONG", 3)
    with pytest.raises(AssertionError, match="the child hangs"):
        answer_of(hang, "spawn")
    with pytest.raises(AssertionError):
        answer_of(fail, "spawn")


def test_a_test_that_hangs_is_ended(tmp_path):
    (tmp_path / "test_it.py").write_text("import signal\ndef test_hangs():\n    while True: signal.pause()\n")
    configuration = ["-c", TESTS.parent / "pyproject.toml", "--rootdir", tmp_path, "-o", "timeout=1"]
    process = run("-m", "pytest", *configuration, "-n", "0", tmp_path / "test_it.py", cwd=tmp_path)
    assert process.returncode == 1
    assert "Timeout" in process.stdout and "in test_hangs" in process.stdout


def test_limits_of_children_end_before_those_of_tests(pytestconfig):
    if pytestconfig.getoption("timeout") is None:  # as the command line may ask for another
        assert float(pytestconfig.getini("timeout")) > LONG
    assert VERY_LONG < 900


# Benchmarks are no tests: whoever runs one waits for it.
FILES = sorted(path for path in TESTS.rglob("*.py") if "benchmarks" not in path.parts)
STARTERS = {"subprocess", "multiprocessing", "pty"}  # modules, whose processes have no time limit of their own
FUNCTIONS = {"fork", "forkpty", "posix_spawn", "posix_spawnp", "popen", "system"}  # the same of os


def starters_in(source):
    """Return what a module names that starts processes."""
    nodes = list(ast.walk(ast.parse(source)))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os"}
    return {name for name in imported if name.split(".")[0] in STARTERS} | attributes & FUNCTIONS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_children_alone_starts_processes(path):
    # This module needs the error of a child that was killed.
    expected = {"children": {"subprocess", "multiprocessing"}, "test_children": {"subprocess"}}
    assert starters_in(path.read_text(encoding="utf-8")) == expected.get(path.stem, set())


def test_all_files_are_looked_at():
    assert {"conftest.py", "test_native_library.py", "make_oldest.py"} <= {path.name for path in FILES}
    assert starters_in("import os\nos.fork()") == {"fork"}
    assert starters_in("from multiprocessing.pool import Pool") == {"multiprocessing.pool"}
    assert starters_in("from subprocess import run") == {"subprocess"}
