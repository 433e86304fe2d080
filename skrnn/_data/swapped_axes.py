"""Whether the features of samples of one time step are the time steps of univariate sequences, in the wrong axis."""

from __future__ import annotations

import numpy as np

_N_ROWS, _N_COLUMNS = 4096, 64  # only the first ones are looked at
_MIN_ROWS = 8
_MIN_DISTINCT = 6  # numbers in an overlap
_MIN_OVERLAPS, _MIN_SHARE = 4, 0.2  # of the samples; a shuffled split may have left out most windows
_SAME = 1 - 1e-5  # correlation of shifted columns that differ in scale at most, as float32
_MAX_STEP = 0.4  # mean squared difference of neighbouring columns, relative to the mean variance of a column
_MIN_GROWTH = 0.9  # of the columns from which others differ more, the further away they are
_MAX_BETWEEN_SAMPLES = 0.5  # correlation of consecutive samples that are independent signals


def are_time_steps(values):
    """Return True if the columns look like the consecutive time steps of univariate sequences.

    A table of different features is not: warnings of it would be false, so that sequences that cannot be told from
    one, such as independent ones of white noise, give False.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        Finite numbers, one sample per row, of at least eight columns.

    Returns
    -------
    bool
        True for overlapping windows of one series, in any order, and for smooth signals that are independent of
        each other.
    """
    values = np.asarray(values[:_N_ROWS, :_N_COLUMNS], dtype=np.float64)
    if len(values) < _MIN_ROWS:
        return False
    with np.errstate(all="ignore"):  # comparisons with NaN, of what is constant or overflows, are False
        return _overlap(values) or _are_lags(values) or (_are_smooth(values) and not _follow_each_other(values))


def _overlap(values):
    """Return True if many samples begin with numbers that other samples hold a few columns later.

    An overlap must hold several different numbers: indicators and ratings would share it by accident.
    """
    n_shifts = max(values.shape[1] // 6, 1)
    length = values.shape[1] - n_shifts
    later = {row[shift : shift + length].tobytes() for row in values for shift in range(1, n_shifts + 1)}
    is_found = [row[:length].tobytes() in later and len(np.unique(row[:length])) >= _MIN_DISTINCT for row in values]
    return np.count_nonzero(is_found) >= max(_MIN_OVERLAPS, _MIN_SHARE * len(values))


def _are_lags(values):
    """Return True if each column is the one before or after it, one sample later, whatever its scale."""
    earlier, later = values[:-1], values[1:]
    return bool(
        (_correlations(later[:, :-1], earlier[:, 1:]) > _SAME).all()
        or (_correlations(earlier[:, :-1], later[:, 1:]) > _SAME).all()
    )


def _are_smooth(values):
    """Return True if neighbouring columns differ little, and other ones the more, the further away they are."""
    # The mean squared difference from the column at distance 1, 2 and 3.
    steps = [((values[:, d:] - values[:, :-d]) ** 2).mean(axis=0) for d in (1, 2, 3)]
    forward = [step[: len(steps[2])] for step in steps]
    backward = [step[-len(steps[2]) :] for step in steps]
    grows = np.concatenate([(near < far) & (far < further) for near, far, further in (forward, backward)])
    return bool((steps[0] <= _MAX_STEP * values.var(axis=0).mean()).all() and grows.mean() >= _MIN_GROWTH)


def _follow_each_other(values):
    """Return True if samples resemble the ones before them, as those that were taken one after another do."""
    return bool(np.median(_correlations(values[1:], values[:-1])) > _MAX_BETWEEN_SAMPLES)


def _correlations(first, second):
    """Return the correlation of each column of one array with that of the other: (n_columns,)."""
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    return (first * second).sum(axis=0) / np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
