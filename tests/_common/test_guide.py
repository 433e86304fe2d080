"""Errors that send the reader to a page of the guide send him to a section that is there."""

import ast
from pathlib import Path

import numpy as np
import pytest
from test_docs import ROOT, anchors_of

import skrnn
from skrnn._common.guide import see


def sections_that_errors_name():
    """Page and section of every call of `see`."""
    for module in sorted(Path(skrnn.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "see":
                yield tuple(argument.value for argument in node.args)


SECTIONS = sorted(set(sections_that_errors_name()))


@pytest.mark.parametrize(("page", "section"), SECTIONS)
def test_the_section_is_there(page, section):
    assert section in anchors_of(ROOT / "docs" / f"{page}.md")


def test_the_search_finds_calls_and_headings():
    assert ("scaling", "forks") in SECTIONS
    assert "no-such-section" not in anchors_of(ROOT / "docs" / "scaling.md")


def test_an_error_ends_with_its_page():
    with pytest.raises(ValueError, match=r"Input X contains NaN.* See docs/layouts\.md#absent-steps\.$"):
        skrnn.GRURegressor().fit(np.array([[1.0, np.nan], [1.0, 2.0]]), [1.0, 2.0])
    assert see("forecasting", "how-far-off") == " See docs/forecasting.md#how-far-off."
