"""Differences of series at one or more lags, and their inverse for forecasts."""

from __future__ import annotations

import numpy as np


def difference(values, positions, lags):
    """Return the differences of a panel, and the values before each of them.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_outputs)
        NaN where missing.
    positions : ndarray of int, shape (n_rows,)
        Position of each row within its series.
    lags : tuple of int

    Returns
    -------
    differences : ndarray of shape (n_rows, n_outputs)
        NaN in the first ``sum(lags)`` rows of each series, and if one of the two values is missing.
    levels : tuple of ndarray of shape (n_rows, n_outputs)
        The values before the difference at each lag. A missing value is replaced by the value `lag` rows before it,
        which the inverse adds instead.
    """
    levels, n_lost = [], 0
    for lag in lags:
        levels.append(_without_gaps(values, positions, lag))
        n_lost += lag
        differences = np.full_like(values, np.nan)
        differences[lag:] = values[lag:] - values[:-lag]
        differences[positions < n_lost] = np.nan
        values = differences
    return values, tuple(levels)


def undo_differences(paths, levels, origins, lags):
    """Return the values after some rows from forecasts of their differences.

    Parameters
    ----------
    paths : ndarray of shape (n_origins, n_steps, n_outputs)
        Differences in the steps after each origin.
    levels : tuple of ndarray of shape (n_rows, n_outputs)
        As returned by `difference`.
    origins : ndarray of int, shape (n_origins,)
        Rows with at least ``sum(lags)`` rows of their series up to and including them.
    lags : tuple of int

    Returns
    -------
    ndarray of shape (n_origins, n_steps, n_outputs)
        NaN if all of the last `lag` values up to the origin are missing.
    """
    for lag, level in zip(reversed(lags), reversed(levels), strict=True):
        known = _complete(level[origins[:, None] + np.arange(1 - lag, 1)])
        timeline = np.concatenate([known, paths], axis=1)
        for step in range(paths.shape[1]):
            timeline[:, lag + step] += timeline[:, step]
        paths = timeline[:, lag:]
    return paths


def _complete(known):
    """Return the values up to each origin, (n_origins, lag, n_outputs), with the mean of the others for missing ones.

    Only later values than these were known at the origin, so that no forecast depends on a value after its origin.
    """
    is_missing = np.isnan(known)
    if not is_missing.any():
        return known
    counts = (~is_missing).sum(axis=1, keepdims=True)
    means = np.where(is_missing, 0.0, known).sum(axis=1, keepdims=True) / np.maximum(counts, 1)
    return np.where(is_missing & (counts > 0), means, known)


def _without_gaps(values, positions, lag):
    """Return values with each missing one replaced by the value `lag` rows before it in the same series."""
    is_missing = np.isnan(values)
    if not is_missing.any():
        return values
    filled = values.copy()
    for row in np.flatnonzero(is_missing.any(axis=1) & (positions >= lag)):
        filled[row] = np.where(is_missing[row], filled[row - lag], filled[row])
    return filled
