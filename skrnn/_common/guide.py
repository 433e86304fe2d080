"""Where the guide says more about an error than a sentence can."""

from __future__ import annotations


def see(page, section):
    """Return the sentence that leads to a section of a page under ``docs``."""
    return f" See docs/{page}.md#{section}."
