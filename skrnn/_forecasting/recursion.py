"""Predictions of known rows, one step ahead, and recursive multi-step forecasts of the steps after them."""

from __future__ import annotations

from numbers import Integral

import numpy as np

from skrnn._estimators.base import BaseRecurrent
from skrnn._forecasting.training_pairs import windows_at


def predict_rows(model, known, covariates, location):
    """Predict rows in the units of ``y``: known rows one step ahead, later ones recursively.

    Parameters
    ----------
    model : FittedModel
    known : KnownRows
        In the units of the model.
    covariates : ndarray of shape (n_rows, n_covariates)
        Covariates of the rows to predict. They replace those of known rows.
    location : Location
        Location of these rows.

    Returns
    -------
    ndarray of shape (n_rows, n_outputs)
    """
    is_known, is_later = location.steps_ahead == 0, location.steps_ahead > 0
    panel = known.panel.with_covariates(location.positions[is_known], covariates[is_known])
    values = np.empty((len(covariates), panel.y.shape[1]))
    values[is_known] = predict_one_step_ahead(model, panel, known.means, location.positions[is_known])
    values[is_later] = continue_panel(
        model, panel, covariates[is_later], location.codes[is_later], location.steps_ahead[is_later]
    )
    return model.inverse_transform(values)


def check_steps(steps, n_covariates):
    """Raise if the number of steps to forecast is invalid, or their covariates are required."""
    if not isinstance(steps, Integral) or steps < 1:
        raise ValueError(f"steps must be an int of at least 1. Got {steps!r} instead.")
    if n_covariates:
        raise ValueError(
            f"SequenceForecaster was fitted with {n_covariates} covariates: pass those of the steps to predict to "
            "predict(X)."
        )


def forecast_all(model, known, n_steps):
    """Forecast the next steps of all series, without covariates; (n_series * n_steps, n_outputs) in units of ``y``."""
    n_series = known.panel.n_series
    codes, steps_ahead = np.repeat(np.arange(n_series), n_steps), np.tile(np.arange(1, n_steps + 1), n_series)
    values = continue_panel(model, known.panel, np.empty((len(codes), 0)), codes, steps_ahead)
    return model.inverse_transform(values)


def predict_one_step_ahead(model, panel, means, positions):
    """Predict rows of a panel from the true values before them; the first row of a series is predicted by its mean.

    The panel, the means and the predictions are in the units of the estimator.
    """
    n_before = positions - panel.bounds()[panel.codes[positions]]
    values = means[panel.codes[positions]]
    is_later = n_before > 0
    if is_later.any():
        X = windows_at(panel, positions[is_later] - 1, model.layout, n_before[is_later] - 1)
        steps = model.estimator.predict(X).reshape(int(is_later.sum()), -1)
        values[is_later] = steps[:, : values.shape[1]]
    return values


def continue_panel(model, panel, covariates, codes, steps_ahead):
    """Predict steps after the ends of series, in any order, in the units of the estimator.

    Parameters
    ----------
    model : FittedModel
    panel : Panel
    covariates : ndarray of shape (n_rows, n_covariates)
        Covariates of the steps to predict.
    codes, steps_ahead : ndarray of int, shape (n_rows,)
        Series of each of these steps, and its distance from the last row of the series.

    Returns
    -------
    ndarray of shape (n_rows, n_outputs)
    """
    if not len(codes):
        return np.empty((0, panel.y.shape[1]))
    series, row = np.unique(codes, return_inverse=True)
    n_steps = int(steps_ahead.max())
    later = np.zeros((len(series), n_steps, covariates.shape[1]))
    later[row, steps_ahead - 1] = covariates
    # A series of which fewer steps are asked for is continued with its last covariates.
    upto = np.minimum(np.arange(n_steps), np.bincount(row)[:, None] - 1)
    later = np.take_along_axis(later, upto[..., None], axis=1)
    last_rows = panel.bounds()[series + 1][:, None] + np.arange(-model.layout.window, 0)
    covariates = np.concatenate([panel.covariates[last_rows], later], axis=1)
    return predict_recursively(model, panel.y[last_rows], covariates, n_steps)[row, steps_ahead - 1]


def predict_recursively(model, y, covariates, n_steps):
    """Continue series of equal length, with predictions as the inputs of later ones.

    Parameters
    ----------
    model : FittedModel
    y : ndarray of shape (n, window, n_outputs)
        Last values of each series, in the units of the estimator.
    covariates : ndarray of shape (n, window + n_steps, n_covariates)
        Covariates of the same rows, and of the steps to predict.
    n_steps : int

    Returns
    -------
    ndarray of shape (n, n_steps, n_outputs)
    """
    window, output_steps = model.layout.window, model.layout.output_steps
    n_blocks = -(-n_steps // output_steps)
    # The last block may reach beyond the steps that are asked for, where no covariates are known.
    repeated = np.repeat(covariates[:, -1:], n_blocks * output_steps - n_steps, axis=1)
    covariates = np.concatenate([covariates, repeated], axis=1)
    steps = None
    if isinstance(model.estimator, BaseRecurrent):
        # Networks of skrnn have kernels for the whole recursion, with a few exceptions, for which they return None.
        steps = model.estimator._closed_loop(y, covariates, output_steps, n_blocks)
    if steps is None:
        steps = _predict_block_by_block(model, y, covariates, n_blocks)[:, window:]
    return steps[:, :n_steps]


def _predict_block_by_block(model, y, covariates, n_blocks):
    """Return the last values followed by blocks of predictions, each with one call of the estimator's predict."""
    window, output_steps = model.layout.window, model.layout.output_steps
    n, _, n_outputs = y.shape
    timeline = np.concatenate([y, np.zeros((n, n_blocks * output_steps, n_outputs))], axis=1)
    for first in range(0, n_blocks * output_steps, output_steps):
        now = first + window
        past = timeline[:, first:now]
        if model.layout.takes_3d:
            X = np.concatenate([past, covariates[:, first + output_steps : now + output_steps]], axis=2)
        else:
            ahead = covariates[:, now : now + output_steps]
            X = np.concatenate([past.reshape(n, -1), ahead.reshape(n, -1)], axis=1)
        predicted = np.asarray(model.estimator.predict(X))
        timeline[:, now : now + output_steps] = predicted.reshape(n, output_steps, n_outputs)
    return timeline
