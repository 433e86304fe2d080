"""Predictions of known rows, one step ahead, and recursive multi-step forecasts of the steps after them."""

from __future__ import annotations

from typing import Any

import numpy as np

from skrnn._estimators.base import BaseRecurrent
from skrnn._forecasting.windows import dense_windows, observed_before, windows_at


def predict_block(model, windows, n_outputs):
    """Predict the steps after windows, in the units of the estimator.

    Functions like this one return an array of shape (n_values, n_windows, output_steps, n_outputs). The first value of
    a step is an input of the next block; others, such as quantiles, are not.
    """
    predicted = np.asarray(model.estimator.predict(windows.X), dtype=np.float64)
    return windows.unscaled(predicted.reshape(len(predicted), model.layout.output_steps, n_outputs))[None]


def predict_rows(model, known, covariates, location):
    """Predict rows in the units of ``y``: known rows one step ahead, later ones recursively.

    Parameters
    ----------
    model : FittedModel
    known : KnownRows
    covariates : ndarray of shape (n_rows, n_covariates)
        Covariates of the rows to predict. They replace those of known rows.
    location : Location
        Location of these rows.

    Returns
    -------
    ndarray of shape (n_rows, n_outputs)
    """
    return predict_values_of_rows(model, known, covariates, location, predict_block)[0, 0]


def predict_values_of_rows(model, known, covariates, location, predict, *, n_values=1, n_times=1):
    """Predict rows with a function of windows, which may be random: (n_values, n_times, n_rows, n_outputs).

    Parameters
    ----------
    model, known, covariates, location
        As in `predict_rows`.
    predict : callable
        Function of the model, `Windows` and the number of outputs, such as `predict_block`.
    n_values : int, default=1
        Number of values that it returns for a step.
    n_times : int, default=1
        Number of times that the rows are predicted.
    """
    is_known, is_later = location.steps_ahead == 0, location.steps_ahead > 0
    panel = known.with_covariates(covariates, location).panel
    prepared = model.prepare(panel)
    n_outputs = panel.y.shape[1]
    rows, parts = [], []
    if is_known.any():
        positions = np.tile(location.positions[is_known], n_times)
        values = predict_one_step_ahead(model, panel, prepared, known.n_fitted, positions, predict, n_values)
        parts.append(values.reshape(n_values, n_times, -1, n_outputs))
        rows.append(np.flatnonzero(is_known))
    if is_later.any():
        codes, steps_ahead = location.codes[is_later], location.steps_ahead[is_later]
        parts.append(
            continue_series(model, prepared, covariates[is_later], codes, steps_ahead, n_times=n_times, predict=predict)
        )
        rows.append(np.flatnonzero(is_later))
    if not parts:
        return np.empty((n_values, n_times, 0, n_outputs))
    return np.concatenate(parts, axis=2)[:, :, np.argsort(np.concatenate(rows))]


def predict_one_step_ahead(model, panel, prepared, n_fitted, positions, predict=predict_block, n_values=1):
    """Predict rows of a panel from the true values before them: (n_values, n_rows, n_outputs) in the units of ``y``.

    The first value of rows without a value before them, also if all values before them are missing that a difference
    would be added to, is the mean of the fitted rows of their series, others are NaN.

    Parameters
    ----------
    model : FittedModel
    panel, prepared : Panel and PreparedPanel
        The same rows in the units of ``y`` and of the model.
    n_fitted : ndarray of int, shape (n_series,)
        Number of rows at the start of each series that the model was fitted on.
    positions : ndarray of int, shape (n_rows,)
    predict : callable, default=predict_block
    n_values : int, default=1
        Number of values that it returns for a step.
    """
    n_outputs, codes = prepared.n_outputs, prepared.codes[positions]
    n_before = prepared.n_usable(positions) - 1  # -1 for rows without a difference
    values = np.full((n_values, len(positions), n_outputs), np.nan)
    origins = prepared.rows_before(positions)

    def invert(steps, rows):
        return model.target.inverse_transform(steps, prepared, origins[rows])[:, 0]

    rows = np.flatnonzero(n_before > 0)
    if len(rows):
        windows = windows_at(model, prepared, origins[rows])
        for value, steps in zip(values, predict(model, windows, n_outputs), strict=True):
            value[rows] = invert(steps[:, :1], rows)
    rows = np.flatnonzero(n_before == 0)
    if len(rows):
        values[0, rows] = invert(_means(prepared.y, prepared, n_fitted)[codes[rows]][:, None], rows)
    rows = np.flatnonzero(n_before < 0)
    if len(rows):
        values[0, rows] = _means(panel.y, panel, n_fitted)[codes[rows]]
    rows = np.flatnonzero(n_before >= 0)
    if model.target.lags and len(rows):
        is_unknown = np.isnan(values[0]) & (n_before == 0)[:, None]
        is_unknown[rows] |= ~model.target.can_invert(prepared, origins[rows])
        values[0, is_unknown] = _means(panel.y, panel, n_fitted)[codes][is_unknown]
    return values


def continue_series(model, prepared, covariates, codes, steps_ahead, *, n_times=1, predict=predict_block):
    """Predict steps after the ends of series in the units of ``y``: (n_values, n_times, n_rows, n_outputs).

    Parameters
    ----------
    model : FittedModel
    prepared : PreparedPanel
    covariates : ndarray of shape (n_rows, n_covariates)
        Covariates of the steps to predict, as they were passed.
    codes, steps_ahead : ndarray of int, shape (n_rows,)
        Series of each of these steps, and its distance from the last row of the series.
    n_times : int, default=1
        Number of times that the steps are predicted.
    predict : callable, default=predict_block
        As in `predict_values_of_rows`.
    """
    series, row = np.unique(codes, return_inverse=True)
    n_steps = int(steps_ahead.max())
    check_horizon(model, n_steps)
    transformed = model.known.transform(covariates)
    later = np.zeros((len(series), n_steps, transformed.shape[1]))
    later[row, steps_ahead - 1] = transformed
    # A series of which fewer steps are asked for is continued with its last covariates.
    upto = np.minimum(np.arange(n_steps), np.bincount(row)[:, None] - 1)
    later = np.take_along_axis(later, upto[..., None], axis=1)
    origins = np.tile(prepared.bounds()[series + 1] - 1, n_times)
    paths = predict_paths(model, prepared, origins, np.tile(later, (n_times, 1, 1)), n_steps, predict)
    return paths.reshape(len(paths), n_times, len(series), n_steps, -1)[:, :, row, steps_ahead - 1]


def check_horizon(model, n_steps):
    """Raise if a forecast would need past covariates of the steps that it predicts."""
    if model.n_past and n_steps > model.layout.output_steps:
        raise ValueError(
            f"A forecast of {n_steps} steps with past_covariates requires output_steps of at least {n_steps}, but it "
            f"is {model.layout.output_steps}: past covariates of later steps are not known. Increase output_steps, or "
            "predict fewer steps."
        )


def predict_paths(model, prepared, origins, covariates, n_steps, predict=predict_block):
    """Continue series after some of their rows, with predictions as the inputs of later ones.

    Parameters
    ----------
    model : FittedModel
    prepared : PreparedPanel
    origins : ndarray of int, shape (n,)
        Last rows that are known.
    covariates : ndarray of shape (n, n_steps, n_covariates)
        Covariates of the steps to predict, in the units of the model.
    n_steps : int
    predict : callable, default=predict_block
        As in `predict_values_of_rows`.

    Returns
    -------
    ndarray of shape (n_values, n, n_steps, n_outputs)
        Forecasts, in the units of ``y``.
    """
    layout = model.layout
    n_blocks = -(-n_steps // layout.output_steps)
    # The last block may reach beyond the steps that are asked for, where no covariates are known.
    repeated = np.repeat(covariates[:, -1:], n_blocks * layout.output_steps - n_steps, axis=1)
    before = prepared.covariates[np.maximum(origins[:, None] + np.arange(1 - layout.window, 1), 0)]
    covariates = np.concatenate([before, covariates, repeated], axis=1)
    observed = observed_before(prepared, origins, layout.window)
    steps: Any = None
    is_plain = layout.scaling is None and observed.shape[2] == prepared.n_outputs and not np.isnan(observed).any()
    if is_plain and predict is predict_block and isinstance(model.estimator, BaseRecurrent):
        # Networks of skrnn have kernels for the whole recursion, with a few exceptions, for which they return None.
        steps = model.estimator._closed_loop(observed, covariates, layout.output_steps, n_blocks)
        steps = None if steps is None else steps[None]
    if steps is None:
        lengths = np.minimum(prepared.n_usable(origins), layout.window)
        spreads = model.target.spreads[prepared.codes[origins]]
        steps = _predict_block_by_block(
            model, predict, observed, lengths, covariates, prepared.n_outputs, spreads, n_blocks
        )
    return np.stack([model.target.inverse_transform(of_value[:, :n_steps], prepared, origins) for of_value in steps])


def _predict_block_by_block(model, predict, observed, lengths, covariates, n_outputs, spreads, n_blocks):
    """Return blocks of predictions, each with one call of a function of windows: (n_values, n, n_steps, n_outputs)."""
    layout = model.layout
    window, output_steps = layout.window, layout.output_steps
    n, _, n_observed = observed.shape
    # The indicators of predicted values are zero: they are not missing.
    timeline = np.concatenate([observed, np.zeros((n, n_blocks * output_steps, n_observed))], axis=1)
    blocks = []
    for first in range(0, n_blocks * output_steps, output_steps):
        now = first + window
        ahead = covariates[:, (first + output_steps if layout.takes_3d else now) : now + output_steps]
        n_rows = np.minimum(lengths + first, window)
        windows = dense_windows(layout, timeline[:, first:now], n_rows, ahead, n_outputs, spreads)
        blocks.append(predict(model, windows, n_outputs))
        timeline[:, now : now + output_steps, :n_outputs] = blocks[-1][0]
    return np.concatenate(blocks, axis=2)


def _means(values, panel, n_fitted):
    """Return the means of the fitted rows of each series that are not NaN: (n_series, n_outputs)."""
    is_fitted = panel.positions_in_series() < n_fitted[panel.codes]
    values = values[is_fitted]
    is_valid = ~np.isnan(values)
    first = np.cumsum(n_fitted) - n_fitted
    counts = np.add.reduceat(is_valid, first, dtype=np.int64)
    with np.errstate(invalid="ignore"):
        return np.add.reduceat(np.where(is_valid, values, 0.0), first) / counts
