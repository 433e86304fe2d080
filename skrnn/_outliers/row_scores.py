"""Scores of the rows of series from the errors of their variables."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import convolve1d

from skrnn._common.squares import finite_squares

# The median absolute value of a normal distribution is this fraction of its standard deviation.
_MEDIAN_OF_NORMAL = 0.6744897501960817


def error_scales(errors, values):
    """Return the spread of the errors of each variable, (n_columns,), which outliers among them hardly change.

    It is the median absolute error divided by that of a standard normal distribution; if most errors are zero, the root
    mean squared error. It is at least a rounding error of single precision.

    Parameters
    ----------
    errors, values : ndarray of shape (n_rows, n_columns)
        NaN where unknown.
    """
    scales = np.empty(errors.shape[1])
    for column, (error, value) in enumerate(zip(errors.T, values.T, strict=True)):
        error = np.abs(error[~np.isnan(error)])
        largest = np.nanmax(np.abs(value), initial=0.0, where=~np.isnan(value))
        smallest = np.finfo(np.float32).eps * (largest or 1.0)
        scale = np.median(error) / _MEDIAN_OF_NORMAL if len(error) else 1.0
        if scale < smallest and len(error):
            scale = np.sqrt(np.mean(error**2))
        scales[column] = max(scale, smallest)
    return scales


def row_errors(errors, codes, smoothing):
    """Return the error of each row: the mean square of its variables, averaged over neighboring rows of its series.

    Parameters
    ----------
    errors : ndarray of shape (n_rows, n_columns)
        Standardized errors, NaN where unknown.
    codes : ndarray of int, shape (n_rows,)
        Number of the series of each row; the rows of a series are in time order.
    smoothing : int
        Number of rows of the centered moving average. Fewer are averaged at the ends of a series.

    Returns
    -------
    ndarray of shape (n_rows,)
        NaN for rows without a known error.
    """
    is_known = ~np.isnan(errors)
    n_known = is_known.sum(axis=1)
    squares = finite_squares(np.where(is_known, errors, 0.0))
    error = squares.sum(axis=1) / np.maximum(n_known, 1)
    has_error = (n_known > 0).astype(float)
    if smoothing > 1:
        order = np.argsort(codes, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
            total, count = (_moving_sum(of_rows[rows], smoothing) for of_rows in (error, has_error))
            error[rows] = total / np.maximum(count, 1.0)
    return np.where(n_known > 0, error, np.nan)


def _moving_sum(values, n_rows):
    """Return the sums over a centered window of rows, with zeros beyond the ends."""
    return convolve1d(values, np.ones(n_rows), mode="constant")


def without_unknown(scores, default):
    """Return scores with those that are not known replaced by the median of the others, or by a default."""
    is_unknown = np.isnan(scores)
    if not is_unknown.any():
        return scores
    return np.where(is_unknown, default if is_unknown.all() else np.median(scores[~is_unknown]), scores)
