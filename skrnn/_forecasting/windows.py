"""Windows of a panel and the steps that follow them: the pairs that an estimator is fitted on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._data.sequences import Sequences
from skrnn._forecasting.window_scaling import LAST, window_statistics

_NUMBERS_AT_ONCE = 2**20  # of windows whose statistics are computed together


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows in the layout of an estimator, scaled each by itself.

    Parameters
    ----------
    X : Sequences or ndarray of shape (n_windows, window, n_features), or ndarray of shape (n_windows, n_columns)
    centers, scales : ndarray of shape (n_windows, n_outputs), or None
        What the values of each window were scaled with; None if they were not scaled.
    """

    X: Any
    centers: NDArray[Any] | None
    scales: NDArray[Any] | None

    def scaled(self, values):
        """Return the values after each window, (n_windows, n_steps, n_outputs), on its scale."""
        if self.centers is None or self.scales is None:
            return values
        return (values - self.centers[:, None]) / self.scales[:, None]

    def unscaled(self, values):
        """Return predictions on the scale of each window in the units of the estimator."""
        if self.centers is None or self.scales is None:
            return values
        return values * self.scales[:, None] + self.centers[:, None]


def training_pairs(model, prepared, weights, *, pads_short):
    """Return the windows of a panel that an estimator is fitted on, the steps that follow them, and their weights.

    Parameters
    ----------
    model : FittedModel
        Its estimator need not be fitted.
    prepared : PreparedPanel
    weights : ndarray of shape (n_rows,), or None
        Weights of the rows to predict.
    pads_short : bool
        Whether windows of series that are too short for a whole one are padded.

    Returns
    -------
    X : Sequences or ndarray
    y : ndarray of shape (n_windows,) or (n_windows, output_steps * n_outputs)
    weights : ndarray of shape (n_windows,), or None
        The mean weight of the steps that follow each window.

    Raises
    ------
    ValueError
        If there is no such window.
    """
    layout, bounds = model.layout, prepared.bounds()
    rows, ends = np.arange(len(prepared)), bounds[prepared.codes + 1]
    n_usable = prepared.n_usable(rows)
    lengths = (np.diff(bounds) - prepared.n_lost)[prepared.codes]
    is_short = pads_short & (lengths < layout.window + layout.output_steps)
    has_window = n_usable >= np.where(is_short, 1, layout.window)
    origins = np.flatnonzero(has_window & (rows + layout.output_steps < ends))
    targets = origins[:, None] + np.arange(1, layout.output_steps + 1)
    is_missing = np.isnan(prepared.y)
    if is_missing.any():
        missing = is_missing[targets].reshape(len(origins), -1)
        kept = ~(missing.all(axis=1) if layout.takes_missing else missing.any(axis=1))
        origins, targets = origins[kept], targets[kept]
    if not len(origins):
        raise ValueError(
            "No window of y is followed by the values to predict: all of them contain NaN, or all series are too "
            "short. Fill missing values, or decrease output_steps."
        )
    windows = windows_at(model, prepared, origins)
    y = windows.scaled(prepared.y[targets]).reshape(len(origins), -1)
    weights = None if weights is None else weights[targets].mean(axis=1)
    return windows.X, y[:, 0] if y.shape[1] == 1 else y, weights


def windows_at(model, prepared, origins):
    """Return the windows that end at some rows, in the layout that an estimator takes.

    Windows that start before their series are padded: with padded time steps, or with the first row of the series if
    the estimator takes flat rows.

    Parameters
    ----------
    model : FittedModel
    prepared : PreparedPanel
    origins : ndarray of int, shape (n_windows,)
        Positions of the last rows of the windows.

    Returns
    -------
    Windows
    """
    layout, lengths = model.layout, np.minimum(prepared.n_usable(origins), model.layout.window)
    last_rows = prepared.bounds()[1:][prepared.codes] - 1
    spreads = model.target.spreads[prepared.codes[origins]]
    if not layout.takes_lazy or prepared.has_missing():
        first = 1 if not layout.takes_3d else layout.output_steps - layout.window + 1
        ahead = origins[:, None] + np.arange(first, layout.output_steps + 1)
        ahead = np.clip(ahead, 0, last_rows[origins][:, None])
        observed = observed_before(prepared, origins, layout.window)
        return dense_windows(layout, observed, lengths, prepared.covariates[ahead], prepared.n_outputs, spreads)
    shifted = prepared.covariates[np.minimum(np.arange(len(prepared)) + layout.output_steps, last_rows)]
    sequences = Sequences(
        values=np.concatenate([prepared.observed, shifted], axis=1),
        starts=origins - lengths + 1,
        lengths=lengths,
        n_leading_padding=layout.window - lengths,
        step=1,
        n_timesteps=layout.window,
        series=prepared.codes[origins] if prepared.n_series > 1 else None,
    )
    if layout.scaling is None:
        return Windows(sequences, None, None)
    centers, scales = statistics_of_windows(layout.scaling, layout.window, prepared, origins, spreads)
    return Windows(replace(sequences, shifts=centers, scales=scales), centers, scales)


def observed_before(prepared, origins, window):
    """Return the observed variables of the rows up to each origin, (n, window, n_observed); NaN before the series."""
    rows = origins[:, None] + np.arange(1 - window, 1)
    observed = prepared.observed[np.maximum(rows, 0)]
    is_padding = np.arange(window) < window - prepared.n_usable(origins)[:, None]
    if is_padding.any():
        observed[is_padding] = np.nan
    return observed


def dense_windows(layout, observed, lengths, covariates, n_outputs, spreads):
    """Return windows of given rows, in the layout that an estimator takes.

    Parameters
    ----------
    layout : WindowLayout
    observed : ndarray of shape (n, window, n_observed)
        Observed variables, with the values of the series first; NaN where missing.
    lengths : ndarray of int, shape (n,)
        Number of rows of each window that are not padding.
    covariates : ndarray of shape (n, window, n_covariates) or (n, output_steps, n_covariates)
        Covariates of the time steps of the window, shifted by `output_steps`; or, for flat windows, those of the steps
        to predict.
    n_outputs : int
    spreads : ndarray of shape (n, n_outputs)
        Standard deviations of the series of the windows.
    """
    n, window, _ = observed.shape
    centers = scales = None
    if layout.scaling is not None:
        centers, scales = window_statistics(observed[..., :n_outputs], layout.scaling, spreads)
        scaled = (observed[..., :n_outputs] - centers[:, None]) / scales[:, None]
        observed = np.concatenate([scaled, observed[..., n_outputs:]], axis=2)
    observed = _without_missing(observed)
    if layout.takes_3d:
        X = np.concatenate([observed, covariates], axis=2)
        if (lengths < window).any():
            X[np.arange(window) < window - lengths[:, None]] = np.nan
        return Windows(X, centers, scales)
    lags = np.arange(window, 0, -1) if layout.lags is None else np.array(sorted(layout.lags, reverse=True))
    steps = window - np.minimum(lags, lengths[:, None])
    lagged = np.take_along_axis(observed, steps[..., None], axis=1)
    return Windows(np.concatenate([lagged.reshape(n, -1), covariates.reshape(n, -1)], axis=1), centers, scales)


def _without_missing(values):
    """Return values with each NaN replaced by the last value before it in the window, or by zero."""
    is_missing = np.isnan(values)
    if not is_missing.any():
        return values
    steps = np.arange(values.shape[1])[:, None]
    last = np.maximum.accumulate(np.where(is_missing, -1, steps), axis=1)
    return np.where(last < 0, 0.0, np.take_along_axis(values, np.maximum(last, 0), axis=1))


def statistics_of_windows(kind, window, prepared, origins, spreads):
    """Return centers and scales of the windows that end at some rows, computed in blocks of windows.

    If `kind` is "last", the values of these rows must not be missing.
    """
    if kind == LAST:
        return window_statistics(prepared.y[origins][:, None], LAST, spreads)
    centers, scales = np.empty((2, len(origins), prepared.n_outputs))
    n_at_once = max(_NUMBERS_AT_ONCE // (window * prepared.n_outputs), 1)
    for first in range(0, len(origins), n_at_once):
        block = slice(first, first + n_at_once)
        observed = observed_before(prepared, origins[block], window)[..., : prepared.n_outputs]
        centers[block], scales[block] = window_statistics(observed, kind, spreads[block])
    return centers, scales
