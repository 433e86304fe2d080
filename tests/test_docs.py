"""The code of the guide and of the README runs, from top to bottom of each page."""

import re

import pytest
from children import ROOT

BLOCK = re.compile(r"^```python\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
ALL_PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [
    page
    for page in ALL_PAGES
    if BLOCK.search(page.read_text(encoding="utf-8")) and page.stem != "recipes"  # tests/test_recipes.py runs those
]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some pages write pictures
    code = "\n".join(BLOCK.findall(page.read_text(encoding="utf-8")))
    exec(compile(code, page.name, "exec"), {"__name__": page.stem})


def test_there_are_pages():
    assert {"README", "getting_started", "forecasting", "serving"} <= {page.stem for page in PAGES}


LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


def without_code(page):
    """The text of a page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors_of(page):
    """The anchors of a page's headings, as code hosts and MyST make them."""
    headings = re.findall(r"^#+ (.+)$", without_code(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.stem)
def test_links_to_other_pages_lead_somewhere(page):
    text = re.sub(r"`[^`\n]*`", "", without_code(page))
    for target, anchor in LINK.findall(text):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{page.name} links to {target}, which is not there"
        assert not anchor or anchor in anchors_of(path), f"{page.name} links to #{anchor}, no heading of {path.name}"


FILE = re.compile(r"\b(?:docs|examples|skrnn|tests)/[\w/]*\w\.(?:csv|md|py|txt)\b")


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.stem)
def test_files_that_a_page_names_are_there(page):
    assert [name for name in FILE.findall(page.read_text(encoding="utf-8")) if not (ROOT / name).exists()] == []


def test_names_of_files_are_found():
    assert FILE.findall("Run `tests/_engine/test_cells.py`, or docs/speed.md#memory.") == [
        "tests/_engine/test_cells.py",
        "docs/speed.md",
    ]
