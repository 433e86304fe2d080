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
        differ.
    """
    scales = _mean_absolute_differences(panel, n_rows)
    if (scales > 0).all():
        return scales
    return np.where(scales > 0, scales, _mean_absolute_differences(panel, np.diff(panel.bounds())))


def scales_at(model, prepared, origins, series_scales):
    """Return the scale of the errors of forecasts from some origins: (n_origins, n_outputs), in the units of ``y``.

    With ``window_scaling="standard"``, it is the spread of the window that ends there, otherwise that of the series.

    Parameters
    ----------
    model : FittedModel
    prepared : PreparedPanel
    origins : ndarray of int, shape (n_origins,)
    series_scales : ndarray of shape (n_series, n_outputs)
        Zero for series without a scale.
    """
    codes = prepared.codes[origins]
    scales = series_scales[codes]
    if model.layout.scaling != STANDARD or model.target.transformers:  # whose units are not those of y
        return scales
    _, of_windows = statistics_of_windows(STANDARD, model, prepared, origins)
    return np.where(scales > 0, of_windows * model.target.scales[codes], scales)


def _mean_absolute_differences(panel, n_rows):
    """Return the mean absolute difference of the first rows of each series, 0 if there are none."""
    positions = panel.positions_in_series()
    differences = np.abs(np.diff(panel.y, axis=0, prepend=np.nan))
    differences[(positions == 0) | (positions >= n_rows[panel.codes])] = np.nan
    is_valid = ~np.isnan(differences)
    first = panel.bounds()[:-1]
    counts = np.maximum(np.add.reduceat(is_valid, first, dtype=np.int64), 1)
    return np.add.reduceat(np.where(is_valid, differences, 0.0), first) / counts
