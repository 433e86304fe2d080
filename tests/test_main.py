"""``python -m skrnn``: the report that bug reports hold."""

import sys
from importlib.metadata import version

import pytest
from children import run

import skrnn
from skrnn import _self_test
from skrnn.__main__ import REQUIRED, main

pytestmark = pytest.mark.slow


def report(**environment):
    process = run("-m", "skrnn", env={"SKRNN_ENGINE": "", "CUDA_VISIBLE_DEVICES": "", **environment})
    return process.returncode, process.stdout


def test_the_report_of_a_fresh_process():
    status, text = report(OMP_NUM_THREADS="1", TF_CPP_MIN_LOG_LEVEL="2")
    assert status == 0, text
    lines = text.splitlines()
    assert lines[0].startswith(f"skrnn {skrnn.__version__}, Python {sys.version.split()[0]}")
    for name in REQUIRED:
        assert any(line.split() == [name, version(name)] for line in lines)
    [environment] = [line for line in lines if line.startswith("environment")]
    assert "OMP_NUM_THREADS=1" in environment
    assert "TF_CPP_MIN_LOG_LEVEL=2" in environment  # as it was given, though the report sets it where it is not
    assert "threads       1 in an operation, 1 between operations" in lines
    assert "engine        compiled programs of fused layers for CPU" in lines  # the tests run without a GPU
    assert sum(line.startswith("  ok ") for line in lines) == 6
    assert lines[-1] == "All is well."


@pytest.mark.slow
def test_the_report_says_why_programs_do_not_run():
    status, text = report(SKRNN_ENGINE="keras")
    assert status == 0, text
    assert "engine        Keras's own loop, because the environment sets SKRNN_ENGINE=keras" in text


def test_a_check_that_raises_is_told(monkeypatch, capsys):
    def checks():
        yield True, "learns"
        raise OSError("no such library")

    monkeypatch.setattr(_self_test, "checks", checks)
    assert main() == 1
    lines = capsys.readouterr().out.splitlines()
    assert "  FAILED OSError: no such library" in lines
    assert lines[-1].startswith("1 of 2 failed")
    assert any(line.startswith("engine ") for line in lines)


def test_a_check_that_fails_is_told_and_counted(monkeypatch, capsys):
    monkeypatch.setattr(_self_test, "checks", lambda: iter([(True, "learns"), (False, "repeats itself")]))
    assert main() == 1
    lines = capsys.readouterr().out.splitlines()
    assert "  ok     learns" in lines
    assert "  FAILED repeats itself" in lines
    assert lines[-1] == "1 of 2 failed: please report all of the above."
