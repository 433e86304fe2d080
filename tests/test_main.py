"""``python -m skrnn``: the report for bug reports, and the guide."""

import sys
from importlib.metadata import version

import pytest
from children import VERY_LONG, run

import skrnn
from skrnn import _self_test
from skrnn.__main__ import REQUIRED, main
from skrnn._common.guide import PAGES, read_page, read_section
from skrnn._engine.native import kernels  # noqa: F401  (which makes them known)
from skrnn._engine.native.compiling import KERNELS
from skrnn._engine.native.library import cache_folder, host_target


def report(**environment):
    environment = {"SKRNN_ENGINE": "", "CUDA_VISIBLE_DEVICES": "", **environment}
    process = run("-m", "skrnn", env=environment, seconds=VERY_LONG)  # it may have to compile all kernels
    return process.returncode, process.stdout


@pytest.mark.slow
def test_the_report_of_a_fresh_process():
    variables = {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "2", "NUMBA_DISABLE_INTEL_SVML": "1"}
    status, text = report(**variables)
    assert status == 0, text
    lines = text.splitlines()
    assert lines[0].startswith(f"skrnn {skrnn.__version__}, Python {sys.version.split()[0]}")
    for name in REQUIRED:
        assert any(line.split() == [name, version(name)] for line in lines)
    [environment] = [line for line in lines if line.startswith("environment")]
    for name, value in variables.items():  # as they were given, though the report sets one where it is not
        assert f"{name}={value}" in environment
    assert "engine        native kernels" in lines  # the tests run without a GPU
    assert f"processor     {host_target()[0]}" in lines
    for dtype in ("float32", "float64"):
        assert f"kernels       {cache_folder(dtype)}" in lines
        assert any(line.startswith(f"  ok     {len(KERNELS)} kernels for {dtype} (") for line in lines)
        for name in KERNELS:
            assert (cache_folder(dtype) / f"{name}.kernel").is_file()
    assert sum(line.startswith("  ok ") for line in lines) == 9
    assert lines[-1] == "All checks passed."


@pytest.mark.slow
def test_the_report_says_why_kernels_do_not_run():
    status, text = report(SKRNN_ENGINE="keras")
    assert status == 0, text
    assert "engine        Keras's built-in training loop, because the environment sets SKRNN_ENGINE=keras" in text
    assert "kernels" not in text


@pytest.mark.slow
def test_the_report_names_the_device_of_torch():
    torch = pytest.importorskip("torch", reason="Is about torch, which is optional and not installed.")
    status, text = report(SKRNN_ENGINE="torch")
    assert status == 0, text
    line = f"engine        torch {version('torch')} on the CPU, because the environment sets SKRNN_ENGINE=torch"
    assert (line in text) or torch.cuda.is_available()


def test_a_check_that_raises_is_reported(monkeypatch, capsys):
    def checks():
        yield True, "learns"
        raise OSError("no such library")

    monkeypatch.setattr(_self_test, "checks", checks)
    assert main() == 1
    lines = capsys.readouterr().out.splitlines()
    assert "  FAILED OSError: no such library" in lines
    assert lines[-1].startswith("1 of 2 failed")
    assert any(line.startswith("engine ") for line in lines)


def test_a_check_that_fails_is_reported_and_counted(monkeypatch, capsys):
    monkeypatch.setattr(_self_test, "checks", lambda: iter([(True, "learns"), (False, "repeats itself")]))
    assert main() == 1
    lines = capsys.readouterr().out.splitlines()
    assert "  ok     learns" in lines
    assert "  FAILED repeats itself" in lines
    assert lines[-1] == "1 of 2 failed: please report all of the above."


def test_an_unknown_engine_is_no_bug_to_report():
    status, text = report(SKRNN_ENGINE="foo")
    assert status == 1
    assert text.splitlines()[-1] == (
        "The environment variable SKRNN_ENGINE must be one of keras, native, torch, or not be set. Got 'foo' instead."
    )
    assert "SKRNN_ENGINE=foo" in text  # the versions and variables are printed nevertheless
    assert "FAILED" not in text and "report" not in text


# ---------------------------------------------------------------- the guide


def test_the_guide_lists_its_pages(capsys):
    assert main(["guide"]) == 0
    output = capsys.readouterr().out
    assert 'printed by "python -m skrnn guide PAGE"' in output
    assert [line.split()[0] for line in output.splitlines()[2:]] == [*PAGES]


def test_the_guide_prints_a_page_or_a_section(capsys):
    assert main(["guide", "speed"]) == 0
    assert capsys.readouterr().out.rstrip() == read_page("speed").rstrip()
    assert main(["guide", "speed", "memory"]) == 0
    assert capsys.readouterr().out.rstrip() == read_section("speed", "memory").rstrip()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["guide", "sped"], "The guide has no page 'sped'. Its pages are getting_started, "),
        (["guide", "speed", "memories"], "The page 'speed' of the guide has no section 'memories'. Its sections are "),
        (["gide"], "invalid choice: 'gide'"),
    ],
)
def test_wrong_arguments(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
