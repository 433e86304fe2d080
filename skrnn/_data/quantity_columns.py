"""Detection of tables whose columns are different quantities rather than the time steps of sequences."""

from __future__ import annotations

import re

import numpy as np

_MIN_ROWS = 10
_MIN_RATIO = 1000.0  # of the mean absolute values of two columns

# Names that time steps may have: those with a number, of lags, parts of a day, days of the week, months and seasons.
_OF_TIME_STEP = re.compile(
    r"\d|(?<![a-z])(lag|shift|step|time|now|today|yesterday|tomorrow)s?(?![a-z])"
    r"|(?<![a-z])(one|two|three|four|five|six|seven|eight|nine|ten)(?![a-z])"
    r"|^(first|second|third|fourth|last|before|during|after|pre|post|previous|current|next|past|future)$"
    r"|^(morning|noon|midday|afternoon|evening|night|midnight|spring|summer|autumn|fall|winter)$"
    r"|^(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?"
    r"|dec(ember)?|mon(day)?|tue(s|sday)?|wed(nesday)?|thu(r|rs|rsday)?|fri(day)?|sat(urday)?|sun(day)?)$",
    re.IGNORECASE,
)


def columns_of_different_quantities(values, names):
    """Return two columns of a table that are no time steps of the same quantity, or None.

    Neither names nor scales would suffice: time steps may have any names, and a quantity may grow by orders of
    magnitude. Zeros do not count, because events are rare at some time steps.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        Numbers, some of which may be missing.
    names : sequence of length n_columns, or empty
        Names of the columns.

    Returns
    -------
    (smallest, largest) : tuple of (str, float)
        Names of two columns and mean absolute values of their nonzero numbers, if these differ by orders of magnitude
        and no name of a column is one that a time step may have.
    """
    if len(names) < 2 or len(values) < _MIN_ROWS:
        return None
    if any(not isinstance(name, str) or _OF_TIME_STEP.search(name) for name in names):
        return None
    absolute = np.where(np.isnan(values), 0, np.abs(values))
    sizes = absolute.sum(axis=0, dtype=np.float64) / np.maximum(np.count_nonzero(absolute, axis=0), 1)
    positive = np.flatnonzero(sizes)
    if not len(positive):
        return None
    smallest, largest = positive[np.argmin(sizes[positive])], int(np.argmax(sizes))
    if sizes[largest] < _MIN_RATIO * sizes[smallest]:
        return None
    return tuple((names[at], float(sizes[at])) for at in (smallest, largest))
