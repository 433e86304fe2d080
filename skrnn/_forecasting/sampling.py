"""Sample paths of forecasts: from the distributions that a network predicts, or from calibration residuals."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from skrnn._common.guide import see
from skrnn._estimators.base import BaseRecurrent
from skrnn._forecasting.recursion import predict_rows, predict_rows_repeatedly

_STEPS_AT_ONCE = 2**18  # past and predicted steps of the paths that are drawn together


def check_n_samples(n_samples: Any) -> None:
    """Raise if the number of paths is not a positive int."""
    if not isinstance(n_samples, Integral) or isinstance(n_samples, bool) or n_samples < 1:
        raise ValueError(f"n_samples must be an int of at least 1. Got {n_samples!r} instead.")


def sample_paths(model, known, calibration, covariates, location, n_samples, rng):
    """Return sample paths of located rows, in the units of ``y``: (n_samples, n_rows, n_outputs).

    Parameters
    ----------
    model : FittedModel
    known : KnownRows
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
    draw = _draw_of(model.estimator, rng)
    if draw is None:
        if calibration is None:
            raise ValueError(
                "sample requires an estimator that predicts distributions, such as GRURegressor(loss='gaussian'), or "
                "residuals of rows that were held out: set calibration_size, for example to 0.2, and fit again."
                + see("forecasting", "prediction-intervals")
            )
        values = predict_rows(calibration.model or model, known, covariates, location)
        return values + _residual_paths(calibration.residuals, location, n_samples, rng)
    n_steps = model.layout.window + int(location.steps_ahead.max(initial=1))
    n_at_once = max(_STEPS_AT_ONCE // (n_steps * max(len(np.unique(location.codes)), 1)), 1)
    counts = np.diff([*range(0, n_samples, n_at_once), n_samples])
    return np.concatenate(
        [predict_rows_repeatedly(model, known, covariates, location, count, draw) for count in counts]
    )


def _draw_of(estimator, rng):
    """Return a function that draws the steps after windows; None if the estimator predicts no distribution."""
    loss = getattr(estimator, "loss", None)
    if not isinstance(estimator, BaseRecurrent) or loss not in ("gaussian", "quantile"):
        return None
    if loss == "quantile" and np.ndim(estimator.quantile) == 0:
        return None  # a single quantile is no distribution

    def draw(model, windows, n_outputs):
        if loss == "gaussian":
            mean, std = estimator.predict(windows.X, return_std=True)
            drawn = mean + std * rng.standard_normal(np.shape(mean))
        else:
            quantiles = estimator.predict_quantiles(windows.X)
            quantiles = quantiles.reshape(*quantiles.shape[:2], -1)
            drawn = _interpolated(quantiles, np.asarray(estimator.quantile), rng.random(quantiles[:, 0].shape))
        return windows.unscaled(drawn.reshape(len(drawn), model.layout.output_steps, n_outputs))

    return draw


def _interpolated(quantiles, levels, probabilities):
    """Return the quantile function at some probabilities: linear between levels, and constant beyond them.

    Parameters
    ----------
    quantiles : ndarray of shape (n, n_levels, n_targets)
    levels : ndarray of shape (n_levels,)
    probabilities : ndarray of shape (n, n_targets)
    """
    probabilities = np.clip(probabilities, levels[0], levels[-1])
    above = np.clip(np.searchsorted(levels, probabilities), 1, len(levels) - 1)
    fraction = (probabilities - levels[above - 1]) / (levels[above] - levels[above - 1])
    low, high = (np.take_along_axis(quantiles, at[:, None], axis=1)[:, 0] for at in (above - 1, above))
    return low + fraction * (high - low)


def _residual_paths(residuals, location, n_samples, rng):
    """Return residuals of random forecast origins of each series, the same origin for all of its rows.

    Rows beyond the steps with residuals have those of the last step.
    """
    steps = np.maximum(location.steps_ahead, 1) - 1
    paths = np.empty((n_samples, len(steps), residuals.errors.shape[2]))
    for code in np.unique(location.codes):
        rows = np.flatnonzero(location.codes == code)
        errors = residuals.errors[:, residuals.codes == code]  # (n_steps, n_origins, n_outputs)
        is_complete = ~np.isnan(errors).any(axis=2)
        last = min(int(steps[rows].max()), int(np.flatnonzero(is_complete.any(axis=1)).max(initial=0)))
        origins = np.flatnonzero(is_complete[: last + 1].all(axis=0))
        if not len(origins):
            raise ValueError(
                f"calibration_size left no forecast origin with residuals of {last + 1} steps. Increase it, or predict "
                "fewer steps."
            )
        chosen = rng.choice(origins, size=n_samples)
        paths[:, rows] = errors[np.minimum(steps[rows], last)[:, None], chosen].swapaxes(0, 1)
    return paths
