"""Detection of tables whose rows are points in time rather than windows of lags."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

_LAG = re.compile(r"(?<![a-z])(lag|shift)s?(?![a-z])", re.IGNORECASE)  # but not "flag", as of a holiday

_N_ROWS, _N_COLUMNS, _N_PARTNERS = 512, 8, 4  # numbers that are examined
_MIN_COMMON = 4  # values that two columns share not by chance, all at one time difference
_MIN_SHARE = 0.2  # of the values of a column; a shuffled split may have removed most rows


def is_series_of_rows(values, index, names):
    """Return True if rows are points in time rather than separate sequences.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        Numeric values.
    index : Index of length n_rows, or None
        Only dates and periods indicate that rows are points in time.
    names : sequence of length n_columns
        Names of the columns.

    Returns
    -------
    bool
        False also if most columns are lags: copies of other columns, shifted in time and possibly scaled.
    """
    if not isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex)):
        return False
    return not all(_LAG.search(str(name)) for name in names) and not _are_lags(values, index.asi8)


def _are_lags(values, times):
    """Return True if more than half of the examined columns are copies of another one, shifted in time."""
    order = np.argsort(times, kind="stable")[:_N_ROWS]
    values, times = np.asarray(values[order], dtype=np.float64), times[order]
    if len(values) < _MIN_COMMON + 3 or not np.isfinite(values).all():
        return False
    values = values[:, [len(np.unique(column)) > _MIN_COMMON and not _repeats(column) for column in values.T]]
    return _mostly_shifted(values, times) or _mostly_shifted(_turns(values), times[:-2])


def _turns(values):
    """Return the angle between consecutive differences, which is invariant to scaling of a column."""
    differences = np.diff(values, axis=0)
    return np.arctan2(differences[1:], differences[:-1]).round(3)  # (n_rows - 2, n_columns)


def _mostly_shifted(values, times):
    n_columns = values.shape[1]
    looked_at = np.unique(np.linspace(0, n_columns - 1, min(n_columns, _N_COLUMNS)).astype(int))
    n_shifted = 0
    for column in looked_at:
        # Only columns that contain some of its values can be shifted copies.
        some = values[len(values) // 4 : -1 : max(len(values) // 4, 1), column]
        n_found = sum((values == value).any(axis=0).astype(int) for value in some)
        n_found[column] = 0
        partners = np.argsort(-n_found, kind="stable")[:_N_PARTNERS]
        n_shifted += any(
            _is_shifted(values[:, column], values[:, other], times) for other in partners if n_found[other]
        )
    return 2 * n_shifted > len(looked_at)


def _is_shifted(column, other, times):
    """Return True if both columns share many values, all at the same time difference."""
    first, where = np.unique(column, return_index=True)
    second, where_other = np.unique(other, return_index=True)
    _, in_first, in_second = np.intersect1d(first, second, assume_unique=True, return_indices=True)
    distances = times[where_other[in_second]] - times[where[in_first]]
    counts = np.unique(distances[distances != 0], return_counts=True)[1]
    return counts.max(initial=0) >= max(_MIN_COMMON, _MIN_SHARE * min(len(first), len(second)))


def _repeats(column):
    """Return True for a periodic column, such as the sine of the hour, of which the cosine is a shifted copy."""
    periods = np.flatnonzero(np.isclose(column, column[0]))[1:]
    return any(np.allclose(column[p:], column[:-p]) for p in periods if 2 * p <= len(column))
