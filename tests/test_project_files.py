"""Files that describe the project: workflow, hooks, issue form, citation, figure of the README."""

import os
import re
from pathlib import Path

import pytest
import yaml
from children import run

import skrnn

ROOT = Path(__file__).parent.parent
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
WORKFLOW = ROOT / ".github" / "workflows" / "tests.yml"
in_repository = pytest.mark.skipif(not WORKFLOW.exists(), reason="Source distributions do not contain .github.")


def load(*parts):
    return yaml.safe_load(ROOT.joinpath(*parts).read_text(encoding="utf-8"))


def jobs():
    """The jobs of the workflow."""
    return load(WORKFLOW)["jobs"]


def python_versions():
    """The versions of Python that the package declares."""
    return set(re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PROJECT))


@in_repository
def test_jobs_run_scripts_of_the_repository():
    scripts = [step["run"].split()[0] for job in jobs().values() for step in job["steps"] if "run" in step]
    assert sorted(scripts) == [".ci/run", "tests/backends", "tests/versions"]
    for script in scripts:
        assert os.access(ROOT / script, os.X_OK), f"{script} is not executable"


@in_repository
def test_jobs_have_time_limits_and_read_only_permissions():
    assert load(WORKFLOW)["permissions"] == {"contents": "read"}
    for job in jobs().values():
        assert 0 < job["timeout-minutes"] <= 120
        assert "permissions" not in job
        assert all(re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step)


@in_repository
def test_jobs_cover_all_declared_python_versions():
    matrix = jobs()["versions"]["strategy"]["matrix"]
    left_out = {(entry["python"], entry["dependencies"]) for entry in matrix["exclude"]}
    set_up = next(
        step for step in jobs()["checks"]["steps"] if step.get("uses", "").startswith("actions/setup-python@")
    )
    tested = {
        dependencies: {python for python in matrix["python"] if (python, dependencies) not in left_out}
        for dependencies in matrix["dependencies"]
    }
    assert tested["newest"] | {set_up["with"]["python-version"]} == python_versions()
    assert tested["oldest"] == python_versions() - {"3.13"}


def test_oldest_declared_python_version_is_the_required_one():
    [required] = re.findall(r'^requires-python = ">=(.+)"$', PROJECT, flags=re.MULTILINE)
    assert min(python_versions(), key=lambda version: int(version.split(".")[1])) == required


def test_oldest_tested_versions_are_the_declared_lower_bounds():
    oldest = dict(re.findall(r"^([\w-]+)==(\S+)", (ROOT / "tests" / "oldest.txt").read_text(), flags=re.MULTILINE))
    [dependencies] = re.findall(r"^dependencies = \[\n(.*?)^\]", PROJECT, flags=re.MULTILINE | re.DOTALL)
    declared = dict(re.findall(r'"([\w-]+)>=(.+)"', dependencies))
    assert {name for name in declared if name not in oldest} == {"joblib"}  # any version that the others accept
    for name in declared.keys() & oldest.keys():
        assert f"{oldest[name]}.".startswith(f"{declared[name]}."), f"{name}=={oldest[name]} is tested"


@in_repository
def test_hooks_run_tools_of_the_test_extra():
    [tests] = re.findall(r"^test = \[\n(.*?)^\]", PROJECT, flags=re.MULTILINE | re.DOTALL)
    hooks = [hook for repository in load(".pre-commit-config.yaml")["repos"] for hook in repository["hooks"]]
    tools = [hook["entry"].removeprefix("python -m ").split()[:2] for hook in hooks]
    assert tools == [["ruff", "check"], ["ruff", "format"], ["mypy", "skrnn"]]
    assert all(f'"{tool}>=' in tests for tool, _ in tools)
    assert all(hook["language"] == "system" for hook in hooks)  # no other versions of them than those in the extra


@in_repository
def test_bug_reports_ask_for_the_self_test():
    form = load(".github", "ISSUE_TEMPLATE", "bug_report.yml")
    required = [part["attributes"]["label"] for part in form["body"] if part["validations"]["required"]]
    assert required == ["Code to reproduce", "Expected result", "Actual result", "Output of `python -m skrnn`"]


def test_citation_has_the_version_of_the_package():
    citation = load("CITATION.cff")
    assert citation["version"] == skrnn.__version__
    assert citation["authors"] == [{"name": "The skrnn developers"}]
    assert f'license = "{citation["license"]}"' in PROJECT
    assert f'Homepage = "{citation["url"]}"' in PROJECT


def png_size(path):
    """Width and height of a PNG file, from its header."""
    header = path.read_bytes()[:24]
    assert header.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")


@pytest.mark.slow
def test_figure_of_the_readme_is_drawn(tmp_path):
    [shown] = re.findall(r"!\[[^]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert (ROOT / shown).stat().st_size < 60_000
    drawn = tmp_path / "forecast.png"
    process = run(ROOT / "docs" / "figures" / "forecast.py", drawn, env={"MPLBACKEND": "Agg"})
    assert process.returncode == 0, process.stderr
    assert png_size(drawn) == png_size(ROOT / shown) == (880, 396)
