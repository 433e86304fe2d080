"""Errors refer to sections of the guide that exist, in a checkout and in the wheel, and that users can print."""

import ast
import importlib.util
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from children import run
from test_docs import ROOT, anchors_of

import skrnn
from skrnn._common import guide
from skrnn._common.guide import PAGES, read_page, read_section, see, table_of_contents

# Pages of the site that are no part of the guide.
SITE = {"about", "api", "benchmarks", "changelog", "contributing", "examples", "index", "soak", "user_guide"}


def sections_in_errors():
    """Page and section of every call of `see`."""
    for module in sorted(Path(skrnn.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "see":
                yield tuple(argument.value for argument in node.args)


SECTIONS = sorted(set(sections_in_errors()))


@pytest.mark.parametrize(("page", "section"), SECTIONS)
def test_sections_in_errors_exist(page, section):
    assert section in anchors_of(ROOT / "docs" / f"{page}.md")
    assert re.match(r"#+ \S", read_section(page, section))


def test_calls_and_headings_are_found():
    assert ("scaling", "forks") in SECTIONS
    assert "no-such-section" not in anchors_of(ROOT / "docs" / "scaling.md")


def test_an_error_ends_with_the_command_that_prints_the_section():
    with pytest.raises(ValueError, match=r"Input X contains NaN") as caught:
        skrnn.GRURegressor().fit(np.array([[1.0, np.nan], [1.0, 2.0]]), [1.0, 2.0])
    page, section = re.search(r'For details, run "python -m skrnn guide (\S+) (\S+)"', str(caught.value)).groups()
    assert (page, section) in SECTIONS
    assert str(caught.value).endswith(see(page, section))


def test_every_page_is_of_the_guide_or_of_the_site_only():
    assert sorted([*PAGES, *SITE]) == sorted(page.stem for page in (ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_every_section_of_a_page_can_be_read(page):
    text = read_page(page)
    assert text == (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    anchors = anchors_of(ROOT / "docs" / f"{page}.md")
    assert anchors
    for anchor in anchors:
        assert read_section(page, anchor).rstrip() in text
    with pytest.raises(ValueError, match=f"The page '{page}' of the guide has no section 'nothing'") as caught:
        read_section(page, "nothing")
    assert set(re.findall(r"[\w-]+", str(caught.value).partition("sections are")[2])) == anchors


PAGE = """# Fruit
All.

```python
# a comment
```

## Apples, and *pears*
Some.
### Kinds
Many.
## Plums
None.
### Kinds
Few.
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package that was installed with one page of the guide."""
    (tmp_path / "guide").mkdir()
    (tmp_path / "guide" / "text.md").write_text(PAGE, encoding="utf-8")
    monkeypatch.setattr(guide, "_PACKAGE", tmp_path)


def test_sections_of_an_installed_page(installed):
    assert read_page("text") == PAGE
    lines = PAGE.splitlines(keepends=True)
    assert read_section("text", "fruit") == PAGE
    assert read_section("text", "apples-and-pears") == "".join(lines[7:11])
    assert read_section("text", "kinds") == "".join(lines[9:11])  # the first of this name
    assert read_section("text", "plums") == "".join(lines[11:])
    with pytest.raises(ValueError, match=r"no section 'a-comment'\. Its sections are fruit, apples-and-pears, kinds,"):
        read_section("text", "a-comment")


def test_missing_pages(installed):
    with pytest.raises(ValueError, match=r"^The guide has no page 'fruit'\. Its pages are getting_started, layouts, "):
        read_page("fruit")
    with pytest.raises(ValueError, match=r"^The guide is not installed: there is no file .*layouts\.md\.$"):
        read_page("layouts")


def test_table_of_contents():
    lines = [line.split(maxsplit=1) for line in table_of_contents().splitlines()]
    assert [name for name, _ in lines] == [*PAGES]
    assert ["forecasting", "Forecasting"] in lines


@pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="hatchling, which builds wheels, is missing.")
def test_a_wheel_contains_the_sections_in_errors(tmp_path, monkeypatch):
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", tmp_path)
    process = run("-m", "pip", "wheel", *options, ROOT)
    assert process.returncode == 0, process.stderr
    [wheel] = tmp_path.glob("skrnn-*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    page, section = SECTIONS[0]
    command = ("-m", "skrnn", "guide", page, section)
    process = run(*command, cwd=tmp_path / "site", env={"PYTHONPATH": str(tmp_path / "site")})
    assert process.returncode == 0, process.stderr
    assert process.stdout.rstrip() == read_section(page, section).rstrip()
    monkeypatch.setattr(guide, "_PACKAGE", tmp_path / "site" / "skrnn")
    assert all(read_section(page, section) for page, section in SECTIONS)
    assert sorted(path.stem for path in (tmp_path / "site" / "skrnn" / "guide").iterdir()) == sorted(PAGES)
