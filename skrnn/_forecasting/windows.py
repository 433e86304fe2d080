"""Windows of a panel and the steps that follow them: the pairs that an estimator is fitted on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from skrnn._data.row_labels import positions_dtype
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

    def scale(self, values):
        """Convert the values after each window, (n_windows, n_steps, n_outputs), to its scale, in place."""
        if self.centers is not None and self.scales is not None:
            values -= self.centers[:, None]
            values /= self.scales[:, None]

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
    layout = model.layout
    origins = _origins_of_training(prepared, layout, pads_short)
    is_missing = np.isnan(prepared.y)
    if len(origins) and is_missing.any():
        missing = _steps_after(is_missing, origins, layout.output_steps).reshape(len(origins), -1)
        origins = origins[~(missing.all(axis=1) if layout.takes_missing else missing.any(axis=1))]
    if not len(origins):
        raise ValueError(
            "No window of y is followed by the values to predict: all of them contain NaN, or all series are too "
            "short. Fill missing values, or decrease output_steps."
        )
    windows = windows_at(model, prepared, origins)
    y = _steps_after(prepared.y, origins, layout.output_steps)
    windows.scale(y)
    y = y.reshape(len(origins), -1)
    if weights is not None:
        weights = _steps_after(weights[:, None], origins, layout.output_steps)[..., 0].mean(axis=1)
    return windows.X, y[:, 0] if y.shape[1] == 1 else y, weights


def _origins_of_training(prepared, layout, pads_short):
    """Return the last rows of the windows that are followed by the steps to predict: (n_windows,)."""
    bounds, dtype = prepared.bounds(), positions_dtype(len(prepared))
    first_rows, ends = bounds[:-1] + prepared.n_lost, bounds[1:]
    is_short = pads_short & (ends - first_rows < layout.window + layout.output_steps)
    first_origins = first_rows + np.where(is_short, 1, layout.window) - 1
    ranges = zip(first_origins.tolist(), (ends - layout.output_steps).tolist(), strict=True)
    return np.concatenate([np.arange(first, end, dtype=dtype) for first, end in ranges])


def _steps_after(values, origins, n_steps):
    """Return the values of the steps after each origin, (n_origins, n_steps, n_columns), without a table of rows."""
    return sliding_window_view(values, n_steps, axis=0).swapaxes(1, 2)[origins + 1]


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
    if not layout.takes_lazy or prepared.has_missing():
        last_rows = prepared.bounds()[prepared.codes[origins] + 1] - 1
        first = 1 if not layout.takes_3d else layout.output_steps - layout.window + 1
        ahead = origins[:, None] + np.arange(first, layout.output_steps + 1)
        ahead = np.clip(ahead, 0, last_rows[:, None])
        observed = observed_before(prepared, origins, layout.window)
        spreads = model.target.spreads[prepared.codes[origins]]
        windows = dense_windows(layout, observed, lengths, prepared.covariates[ahead], prepared.n_outputs, spreads)
        if not layout.takes_lazy or prepared.n_series == 1:
            return windows
        return replace(windows, X=_with_series(windows.X, lengths, prepared.codes[origins]))
    starts = origins - lengths
    starts += 1
    if (lengths == layout.window).all():  # constant tables take no memory
        lengths = np.broadcast_to(lengths.dtype.type(layout.window), len(origins))
        n_leading_padding = np.broadcast_to(lengths.dtype.type(0), len(origins))
    else:
        n_leading_padding = layout.window - lengths
    sequences = Sequences(
        values=_values_of_windows(prepared, layout.output_steps),
        starts=starts,
        lengths=lengths,
        n_leading_padding=n_leading_padding,
        step=1,
        n_timesteps=layout.window,
        series=prepared.codes[origins] if prepared.n_series > 1 else None,
    )
    if layout.scaling is None:
        return Windows(sequences, None, None)
    centers, scales = statistics_of_windows(layout.scaling, model, prepared, origins)
    return Windows(replace(sequences, shifts=centers, scales=scales), centers, scales)


def _with_series(X, lengths, codes):
    """Return windows of an array as `Sequences`, which know their series: the last windows of each are held out."""
    n, window, n_features = X.shape
    n_leading_padding = window - lengths
    return Sequences(
        values=X.reshape(-1, n_features),
        starts=np.arange(n) * window + n_leading_padding,
        lengths=lengths,
        n_leading_padding=n_leading_padding,
        step=1,
        n_timesteps=window,
        series=codes,
    )


def _values_of_windows(prepared, output_steps):
    """Return the observed variables of each row, with the covariates of the row `output_steps` later."""
    if not prepared.covariates.shape[1]:
        return prepared.observed
    last_rows = prepared.bounds()[1:][prepared.codes] - 1
    shifted = prepared.covariates[np.minimum(np.arange(len(prepared)) + output_steps, last_rows)]
    return np.concatenate([prepared.observed, shifted], axis=1)


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


def statistics_of_windows(kind, model, prepared, origins):
    """Return centers and scales of the windows that end at some rows, computed in blocks of windows.

    If `kind` is "last", the values of these rows must not be missing.
    """
    if kind == LAST:
        centers = prepared.y[origins]
        return centers, np.broadcast_to(1.0, centers.shape)
    window = model.layout.window
    centers, scales = np.empty((2, len(origins), prepared.n_outputs))
    n_at_once = max(_NUMBERS_AT_ONCE // (window * prepared.n_outputs), 1)
    for first in range(0, len(origins), n_at_once):
        block = slice(first, first + n_at_once)
        observed = observed_before(prepared, origins[block], window)[..., : prepared.n_outputs]
        spreads = model.target.spreads[prepared.codes[origins[block]]]
        centers[block], scales[block] = window_statistics(observed, kind, spreads)
    return centers, scales
