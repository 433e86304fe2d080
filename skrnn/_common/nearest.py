"""Suggestion of a valid name in errors about unknown names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, names: Iterable[str], prefix: str = "") -> str:
    """Return a sentence that suggests the valid name closest to a wrong one, or lists all if none is close."""
    close = difflib.get_close_matches(name, sorted(names), n=1)
    if close:
        return f" Did you mean {prefix + close[0]!r}?"
    return f" Valid are: {', '.join(sorted(names))}."
