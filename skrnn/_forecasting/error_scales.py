"""Scales of forecast errors that are known at the forecast origin, by which errors of different series compare."""

from __future__ import annotations

import numpy as np

from skrnn._forecasting.window_scaling import STANDARD
from skrnn._forecasting.windows import statistics_of_windows


def mean_absolute_differences(panel, n_rows):
    """Return the mean absolute difference between neighboring values of each series: (n_series, n_outputs).

    Parameters
    ----------
    panel : Panel
    n_rows : ndarray of int, shape (n_series,)
        Number of rows at the start of each series whose values are used. Those of all rows are used where these do not
        differ. NaN for a series with fewer than two values.
    """
    scales = _mean_absolute_differences(panel, n_rows)
    if (scales > 0).all():
        return scales
    return np.where(scales > 0, scales, _mean_absolute_differences(panel, np.diff(panel.bounds())))


def scales_at(model, panel, origins, series_scales):
    """Return the scale of the errors of forecasts from some origins: (n_origins, n_outputs), in the units of ``y``.

    With ``window_scaling="standard"``, it is the spread of the window that ends there, otherwise that of the series.

    Parameters
    ----------
    model : FittedModel
    panel : Panel
    origins : ndarray of int, shape (n_origins,)
    series_scales : ndarray of shape (n_series, n_outputs)
        Zero for constant series; NaN where the scale is not known.
    """
    codes = panel.codes[origins]
    scales = series_scales[codes]
    if model.layout.scaling != STANDARD or model.target.transformers:  # whose units are not those of y
        return scales
    _, of_windows = statistics_of_windows(STANDARD, model, model.prepare(panel), origins)
    return np.where(scales > 0, of_windows * model.target.scales[codes], scales)


def _mean_absolute_differences(panel, n_rows):
    """Return the mean absolute difference of successive values that are not missing; NaN if there are not two."""
    rows, is_valid = np.arange(len(panel))[:, None], ~np.isnan(panel.y)
    first = panel.bounds()[:-1]
    last = np.maximum.accumulate(np.where(is_valid, rows, -1), axis=0)
    before = np.concatenate([np.full((1, last.shape[1]), -1), last[:-1]])
    is_used = (panel.positions_in_series() < n_rows[panel.codes])[:, None]
    has_difference = is_valid & is_used & (before >= first[panel.codes][:, None])
    differences = np.abs(panel.y - np.take_along_axis(panel.y, np.maximum(before, 0), axis=0))
    counts = np.add.reduceat(has_difference, first, dtype=np.int64)
    sums = np.add.reduceat(np.where(has_difference, differences, 0.0), first)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
