"""Detection of univariate sequences whose time steps were passed as the features of a single time step."""

from __future__ import annotations

import numpy as np

_N_ROWS, _N_COLUMNS = 4096, 64  # only the first ones are examined
_MIN_ROWS = 8
_MIN_DISTINCT = 6  # values in an overlap
_MIN_OVERLAPS, _MIN_SHARE = 4, 0.2  # of the samples; a shuffled split may have removed most windows
_SAME = 1 - 1e-5  # correlation of shifted columns that differ in scale at most, as float32
_MAX_STEP = 0.4  # mean squared difference of adjacent columns, relative to the mean variance of a column
_MIN_GROWTH = 0.9  # of the columns from which others differ more with distance
_MAX_BETWEEN_SAMPLES = 0.5  # correlation of consecutive samples that are independent signals


def are_time_steps(values):
    """Return True if the columns look like the consecutive time steps of univariate sequences.

    The columns of an ordinary table do not. Since a false warning is worse than none, False is also returned for
    sequences that cannot be distinguished from a table, such as independent ones of white noise.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        Finite values, one sample per row, at least 8 columns.

    Returns
    -------
    bool
        True for overlapping windows of one series, in any order, and for smooth independent signals.
    """
    values = np.asarray(values[:_N_ROWS, :_N_COLUMNS], dtype=np.float64)
    if len(values) < _MIN_ROWS:
        return False
    with np.errstate(all="ignore"):  # comparisons with NaN, from constant or overflowing columns, are False
        return _overlap(values) or _are_lags(values) or (_are_smooth(values) and not _follow_each_other(values))


def _overlap(values):
    """Return True if many samples begin with values that other samples contain a few columns later.

    An overlap must contain several distinct values: indicators and ratings would share it by chance.
    """
    n_shifts = max(values.shape[1] // 6, 1)
    length = values.shape[1] - n_shifts
    later = {row[shift : shift + length].tobytes() for row in values for shift in range(1, n_shifts + 1)}
    is_found = [row[:length].tobytes() in later and len(np.unique(row[:length])) >= _MIN_DISTINCT for row in values]
    return np.count_nonzero(is_found) >= max(_MIN_OVERLAPS, _MIN_SHARE * len(values))


def _are_lags(values):
    """Return True if each column equals the previous or next one shifted by one sample, up to scale."""
    earlier, later = values[:-1], values[1:]
    return bool(
        (_correlations(later[:, :-1], earlier[:, 1:]) > _SAME).all()
        or (_correlations(earlier[:, :-1], later[:, 1:]) > _SAME).all()
    )


def _are_smooth(values):
    """Return True if adjacent columns differ little, and others more with increasing distance."""
    # The mean squared difference from the column at distance 1, 2 and 3.
    steps = [((values[:, d:] - values[:, :-d]) ** 2).mean(axis=0) for d in (1, 2, 3)]
    forward = [step[: len(steps[2])] for step in steps]
    backward = [step[-len(steps[2]) :] for step in steps]
    grows = np.concatenate([(near < far) & (far < further) for near, far, further in (forward, backward)])
    return bool((steps[0] <= _MAX_STEP * values.var(axis=0).mean()).all() and grows.mean() >= _MIN_GROWTH)


def _follow_each_other(values):
    """Return True if consecutive samples are similar, as successive measurements are."""
    return bool(np.median(_correlations(values[1:], values[:-1])) > _MAX_BETWEEN_SAMPLES)


def _correlations(first, second):
    """Return the correlation of each column of one array with the same column of another: (n_columns,)."""
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    return (first * second).sum(axis=0) / np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
