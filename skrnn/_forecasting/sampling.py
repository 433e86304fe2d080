"""Sample paths of forecasts: from the distributions that a network predicts, or from calibration errors."""

from __future__ import annotations

from functools import partial
from numbers import Integral
from typing import Any

import numpy as np

from skrnn._common.guide import see
from skrnn._forecasting.distributions import has_distribution, predict_distribution
from skrnn._forecasting.recursion import predict_rows, predict_values_of_rows

_STEPS_AT_ONCE = 2**18  # past and predicted steps of the rows and paths that are drawn together


def check_n_samples(n_samples: Any) -> None:
    """Raise if the number of paths is not a positive int."""
    if not isinstance(n_samples, Integral) or isinstance(n_samples, bool) or n_samples < 1:
        raise ValueError(f"n_samples must be an int of at least 1. Got {n_samples!r} instead.")


def sample_paths(series, calibration, covariates, location, n_samples, rng):
    """Return sample paths of located rows, in the units of ``y``: (n_samples, n_rows, n_outputs).

    Parameters
    ----------
    series : Continued
    calibration : Calibration or None
    covariates : ndarray of shape (n_rows, n_covariates)
    location : Location
    n_samples : int
    rng : numpy.random.Generator

    Raises
    ------
    ValueError
        If the estimator predicts no distribution, and there is no calibration.
    """
    model, known = series.model, series.known
    if has_distribution(model.estimator):
        return draw_rows(model, known, covariates, location, n_samples, rng)
    if calibration is None:
        raise ValueError(
            "sample requires an estimator that predicts distributions, such as GRURegressor(loss='gaussian'), or "
            "errors on rows that were held out: set calibration_size, for example to 0.2, and fit again."
            + see("forecasting", "prediction-intervals")
        )
    values = predict_rows(model, known, covariates, location)
    return values + _error_paths(calibration, series, location, n_samples, rng)


def draw_rows(model, known, covariates, location, n_samples, rng):
    """Return paths of located rows that are drawn step by step: (n_samples, n_rows, n_outputs).

    Parameters
    ----------
    model : FittedModel
        Its estimator predicts distributions.
    known : KnownRows
    covariates, location, n_samples, rng
        As in `sample_paths`.
    """
    is_later, window = location.steps_ahead > 0, model.layout.window
    n_steps = (window + int(location.steps_ahead.max(initial=1))) * len(np.unique(location.codes[is_later]))
    n_steps += (window + 1) * int((~is_later).sum())
    n_at_once = max(_STEPS_AT_ONCE // max(n_steps, 1), 1)
    counts = np.diff([*range(0, n_samples, n_at_once), n_samples])
    draw = partial(_draw_block, rng)
    parts = [predict_values_of_rows(model, known, covariates, location, draw, n_times=count)[0] for count in counts]
    return np.concatenate(parts)


def _draw_block(rng, model, windows, n_outputs):
    """Draw the steps after windows, as `predict_block` predicts them."""
    drawn = predict_distribution(model.estimator, windows.X).draw(rng)
    return windows.unscaled(drawn.reshape(len(drawn), model.layout.output_steps, n_outputs))[None]


def _error_paths(calibration, series, location, n_samples, rng):
    """Return errors of random forecast origins on the scale of each row, the same origin for all rows of a series.

    Rows beyond the steps with errors have those of the last step.
    """
    scales = calibration.scales_of(series, location)
    errors = _without_gaps(calibration.relative(calibration.errors))  # (n_steps, n_origins, n_outputs)
    is_complete = ~np.isnan(errors).any(axis=2)
    n_steps = int(np.flatnonzero(is_complete.any(axis=1)).max(initial=-1)) + 1
    steps = np.clip(location.steps_ahead, 1, max(n_steps, 1)) - 1
    paths = np.empty((n_samples, len(steps), errors.shape[2]))
    for code in np.unique(location.codes):
        rows = np.flatnonzero(location.codes == code)
        n_of_series = int(steps[rows].max()) + 1
        origins = np.flatnonzero(is_complete[:n_of_series].all(axis=0))
        if not len(origins):
            raise ValueError(
                "The rows that calibration_size holds out contain no errors to sample: their values are missing, or "
                "constant. Increase it and fit again, so that there are others."
            )
        chosen = rng.choice(origins, size=n_samples)
        paths[:, rows] = errors[steps[rows][:, None], chosen].swapaxes(0, 1) * scales[rows]
    return paths


def _without_gaps(errors):
    """Return errors in which those of missing values are the ones before, or, of the first steps, the next ones.

    Errors after the last one of an origin, beyond the end of its series, remain NaN.

    Parameters
    ----------
    errors : ndarray of shape (n_steps, n_origins, n_outputs)
    """
    is_valid, steps = ~np.isnan(errors), np.arange(len(errors))[:, None, None]
    before = np.maximum.accumulate(np.where(is_valid, steps, -1), axis=0)
    filled = np.take_along_axis(errors, np.where(before < 0, np.argmax(is_valid, axis=0), before), axis=0)
    return np.where(steps < len(errors) - np.argmax(is_valid[::-1], axis=0), filled, np.nan)
