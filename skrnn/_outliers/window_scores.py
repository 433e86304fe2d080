"""Windows of series, and scores of their time steps."""

from __future__ import annotations

import numpy as np

from skrnn._windows.cutting import WindowSpec, cut_windows

_NUMBERS_AT_ONCE = 2**20  # of scores that are sorted together


def whole_windows(rows, labels, window):
    """Return all windows of series that are not padded; of a shorter series, the padded one that contains all of it.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_columns)
    labels : RowLabels
    window : int

    Returns
    -------
    Sequences of shape (n_windows, window, n_columns)
        Sorted by series and by time.
    """
    windows = cut_windows(rows, labels, WindowSpec(window, 1, "mask", None))[labels.by_series()]
    n_rows = np.bincount(labels.codes)
    is_last = np.zeros(len(windows), dtype=bool)
    is_last[np.cumsum(n_rows) - 1] = True
    return windows[(windows.lengths == window) | is_last & np.repeat(n_rows < window, n_rows)]


def scores_of_rows(scores, windows, labels):
    """Return the score of each row: the upper quartile of the scores of the windows that contain it.

    A row is an outlier only if most of these windows are: rows next to an outlier are also in windows without it.

    Parameters
    ----------
    scores : ndarray of shape (n_windows,)
    windows : Sequences
        As returned by `whole_windows`.
    labels : RowLabels

    Returns
    -------
    ndarray of shape (n_rows,)
    """
    n_rows, ends = len(labels.codes), windows.starts + windows.lengths
    positions = np.arange(n_rows)
    # Windows are sorted by their starts and by their ends: those that contain a row are neighbors.
    first = np.searchsorted(ends, positions, side="right")
    n_windows = np.searchsorted(windows.starts, positions, side="right") - first
    sorted_scores = np.empty(n_rows)
    n_most = int(n_windows.max())
    n_at_once = max(_NUMBERS_AT_ONCE // n_most, 1)
    for start in range(0, n_rows, n_at_once):
        block = slice(start, start + n_at_once)
        places = first[block, None] + np.arange(n_most)
        is_outside = np.arange(n_most) >= n_windows[block, None]
        table = np.where(is_outside, np.inf, scores[np.minimum(places, len(scores) - 1)])
        sorted_scores[block] = _upper_quartile(np.sort(table, axis=1), n_windows[block])
    of_rows = np.empty(n_rows)
    of_rows[labels.by_series()] = sorted_scores
    return of_rows


def _upper_quartile(table, counts):
    """Return the upper quartile, linearly interpolated, of the first values of each row of a sorted table."""
    place = 0.75 * (counts - 1)
    lower = place.astype(int)
    upper = np.minimum(lower + 1, counts - 1)
    rows = np.arange(len(table))
    return table[rows, lower] + (place - lower) * (table[rows, upper] - table[rows, lower])
