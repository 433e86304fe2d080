"""Scaling of each window by itself: relative to its last value, its mean, or its mean and standard deviation."""

from __future__ import annotations

import numpy as np

LAST, MEAN, STANDARD = "last", "mean", "standard"

# The variance of a window is increased by the square of this fraction of the standard deviation of its series: windows
# that are almost constant would be divided by almost zero, and dominate the fit.
_FLOOR = 0.1


def window_statistics(values, kind, spreads):
    """Return the center and the scale of windows: two arrays of shape (n_windows, n_outputs).

    Parameters
    ----------
    values : ndarray of shape (n_windows, window, n_outputs)
        Values of the windows; NaN where missing, and in padded time steps.
    kind : {"last", "mean", "standard"}
    spreads : ndarray of shape (n_windows, n_outputs)
        Standard deviations of the series of the windows.
    """
    is_valid = ~np.isnan(values)
    scales = np.ones((len(values), values.shape[2]))
    if kind == LAST:
        last = values.shape[1] - 1 - np.argmax(is_valid[:, ::-1], axis=1)
        centers = np.take_along_axis(values, last[:, None], axis=1)[:, 0]
        return np.where(np.isnan(centers), 0.0, centers), scales
    counts = np.maximum(is_valid.sum(axis=1), 1)
    centers = np.where(is_valid, values, 0.0).sum(axis=1) / counts
    if kind == STANDARD:
        deviations = np.where(is_valid, values - centers[:, None], 0.0)
        variances = (deviations**2).sum(axis=1) / counts + (_FLOOR * spreads) ** 2
        scales = np.where(variances > 0, np.sqrt(variances), 1.0)
    return centers, scales
