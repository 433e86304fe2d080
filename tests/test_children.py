"""Time limits: no test, and no child process of one, can wait for ever."""

import ast
import signal
import subprocess
from pathlib import Path

import joblib
import pytest
from children import LONG, VERY_LONG, run, started, workers_within

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parent

WAIT = "import signal\nprint('waits', flush=True)\nwhile True: signal.pause()"


def test_a_child_that_hangs_is_killed():
    with pytest.raises(subprocess.TimeoutExpired):
        run("-c", WAIT, seconds=1)
    with started("-c", WAIT, seconds=1) as process:
        process.stdout.read()  # until the child's end
    assert process.returncode == -signal.SIGKILL


def wait():
    signal.sigwait([signal.SIGUSR1])


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


@pytest.mark.parametrize("path", sorted(TESTS.glob("*.py")), ids=lambda path: path.stem)
def test_children_alone_starts_processes(path):
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    assert ("subprocess" in imported) == (path.stem in ("children", "test_children"))
