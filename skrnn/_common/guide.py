"""The user guide: sections that errors refer to, and the text that ``python -m skrnn guide`` prints."""

from __future__ import annotations

import re
from pathlib import Path

# In reading order. The wheel contains these pages of `docs` in `skrnn/guide`: see docs/wheel_guide.py.
PAGES = (
    "getting_started",
    "layouts",
    "windows",
    "searching",
    "forecasting",
    "panels",
    "anomalies",
    "text",
    "autoencoders",
    "comparing",
    "features",
    "explanations",
    "cells",
    "speed",
    "reproducibility",
    "serving",
    "resuming",
    "saving",
    "scaling",
    "recipes",
    "faq",
    "coming_from",
)

_PACKAGE = Path(__file__).parents[1]


def see(page: str, section: str) -> str:
    """Return the sentence at the end of an error that refers to a section of the guide."""
    return f' For details, run "python -m skrnn guide {page} {section}" (in a notebook, with "!" in front).'


def table_of_contents() -> str:
    """Return the names and titles of all pages, one per line."""
    width = max(map(len, PAGES))
    return "\n".join(f"{name:{width}}  {_headings(read_page(name))[0][1]}" for name in PAGES)


def read_page(page: str) -> str:
    """Return the text of a page."""
    if page not in PAGES:
        raise ValueError(f"The guide has no page {page!r}. Its pages are {', '.join(PAGES)}.")
    folder = _PACKAGE / "guide"
    if not folder.is_dir() and (_PACKAGE.parent / "pyproject.toml").is_file():
        folder = _PACKAGE.parent / "docs"  # in a checkout, or an editable install of one
    path = folder / f"{page}.md"
    if not path.is_file():
        raise ValueError(f"The guide is not installed: there is no file {path}.")
    return path.read_text(encoding="utf-8")


def read_section(page: str, section: str) -> str:
    """Return the text of a section, with its subsections."""
    text = read_page(page)
    section = section.lower()
    headings = _headings(text)
    anchors = [_anchor(title) for _, title, _ in headings]
    if section not in anchors:
        raise ValueError(
            f"The page {page!r} of the guide has no section {section!r}. Its sections are {', '.join(anchors)}."
        )
    position = anchors.index(section)
    start, _, level = headings[position]
    end = next((line for line, _, later_level in headings[position + 1 :] if later_level <= level), None)
    return "\n".join(text.splitlines()[start:end]) + "\n"


def _headings(text):
    """Return line number, title and level of each heading outside blocks of code."""
    found, in_code = [], False
    for number, line in enumerate(text.splitlines()):
        if line.startswith("```"):
            in_code = not in_code
        heading = re.match(r"(#+) (.+)", line)
        if heading and not in_code:
            found.append((number, heading[2].strip(), len(heading[1])))
    return found


def _anchor(title):
    """Return the anchor of a heading, as code hosts and MyST make it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
