"""Prediction intervals by split conformal prediction: residuals of rows that were held out, and their quantiles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._common.guide import see
from skrnn._common.state import stored_as
from skrnn._common.warnings import silenced
from skrnn._forecasting.model import FittedModel
from skrnn._forecasting.recursion import predict_one_step_ahead, predict_paths, predict_rows

# Residuals are computed from evenly spaced forecast origins: at most 500 per series and about 5000 in total, but at
# least 100 per series.
_MAX_ORIGINS, _MAX_TOTAL, _MIN_ORIGINS = 500, 5000, 100
_STEPS_AT_ONCE = 2**18  # past and predicted steps of the origins that are forecast together: a few MB per covariate


@stored_as("residuals")
@dataclass(frozen=True, eq=False)
class Residuals:
    """Residuals of forecasts from many forecast origins: true values minus forecasts.

    Parameters
    ----------
    errors : ndarray of shape (n_steps, n_origins, n_outputs)
        Residuals by number of steps ahead, in the units of ``y``; NaN beyond the end of a series.
    codes : ndarray of int, shape (n_origins,)
        Number of the series of each origin, sorted.
    centers, scales : ndarray of shape (n_series, n_outputs)
        Mean and spread of the residuals of each series, by which residuals of different series are standardized.
    """

    errors: NDArray[Any]
    codes: NDArray[Any]
    centers: NDArray[Any]
    scales: NDArray[Any]

    def by_number(self, codes):
        """Yield the residuals of all series with the same number of origins, and the positions of these in `codes`.

        The residuals have shape (n_steps, n_origins, n_positions * n_outputs).
        """
        first = np.searchsorted(self.codes, codes)
        counts = np.searchsorted(self.codes, codes, side="right") - first
        for count in np.unique(counts):
            positions = np.flatnonzero(counts == count)
            errors = self.errors[:, first[positions] + np.arange(count)[:, None]]  # (n_steps, n_origins, n, n_outputs)
            yield errors.reshape(*errors.shape[:2], -1), positions

    def standardized(self):
        """Return the standardized residuals of all series; NaN for a series without residuals."""
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = (self.errors - self.centers[self.codes]) / self.scales[self.codes]
        return np.where(np.isfinite(errors), errors, np.nan)


@stored_as("calibration")
@dataclass(frozen=True, eq=False)
class Calibration:
    """Residuals on rows that were held out.

    Parameters
    ----------
    residuals : Residuals
    model : FittedModel or None
        Model whose forecasts the intervals are placed around; None for the model that was fitted on all rows.
    """

    residuals: Residuals
    model: FittedModel | None


def check_coverage(coverage: float, calibration: Calibration | None) -> None:
    """Raise if the coverage is invalid, or there is no calibration."""
    if not isinstance(coverage, Real) or not 0 < coverage < 1:
        raise ValueError(f"coverage must be a number between 0 and 1. Got {coverage!r} instead.")
    if calibration is None:
        raise ValueError(
            "predict_interval requires residuals of rows that were held out: set calibration_size, for example to 0.2, "
            "and fit again." + see("forecasting", "prediction-intervals")
        )


def predict_bounds(calibration, coverage, model, known, covariates, location):
    """Return lower and upper bounds of located rows: (n_rows, 2, n_outputs).

    Parameters
    ----------
    calibration : Calibration
    coverage : float
    model : FittedModel
        Fitted on all rows.
    known : KnownRows
    covariates : ndarray of shape (n_rows, n_covariates)
    location : Location
    """
    values = predict_rows(calibration.model or model, known, covariates, location)
    series, number = np.unique(location.codes, return_inverse=True)
    residuals = calibration.residuals
    residuals = replace(residuals, errors=residuals.errors[: location.steps_ahead.max(initial=1)])
    offsets = conformal_bounds(residuals, coverage, series, signed=calibration.model is not None)
    return values[:, None] + offsets[number, np.clip(location.steps_ahead, 1, offsets.shape[1]) - 1]


def calibrate(model, panel, weights, size, *, has_groups):
    """Return the residuals of forecasts of the last rows of each series, by a model that is fitted without them.

    Parameters
    ----------
    model : Model
    panel : Panel
        In the units of ``y``.
    weights : ndarray of shape (n_rows,), or None
        Weights of the rows to predict.
    size : int, float or None
        Number or fraction of the rows of each series to hold out; None for no calibration.
    has_groups : bool
        Whether rows belong to several series. Then the intervals are placed around the forecasts of the calibrated
        model: its bias for a series may differ from that of a model fitted on all rows.

    Returns
    -------
    Calibration or None

    Raises
    ------
    ValueError
        If too few rows are left to fit on, or are held out.
    """
    if size is None:
        return None
    bounds = panel.bounds()
    lengths = np.diff(bounds)
    n_held_out = _numbers_of_held_out(lengths, size, model.n_required_of_each)
    is_fitted = panel.positions_in_series() < (lengths - n_held_out)[panel.codes]
    with silenced():  # the fit on all rows, which follows, emits the same warnings
        fitted = model.fit(panel.subset(is_fitted), None if weights is None else weights[is_fitted])
    max_origins = min(_MAX_ORIGINS, max(_MAX_TOTAL // len(lengths), _MIN_ORIGINS))
    origins = np.concatenate(
        [
            end - 1 - n + np.unique(np.linspace(0, n - 1, max_origins).astype(int))
            for end, n in zip(bounds[1:], n_held_out, strict=True)
        ]
    )
    n_steps = max(int(n_held_out.max()) // 2, 1)  # there are few residuals of steps further ahead
    if fitted.n_past:
        n_steps = min(n_steps, fitted.layout.output_steps)
    prepared = fitted.prepare(panel)
    errors = _errors_from(origins, fitted, panel, prepared, n_steps)
    centers, scales = np.zeros((len(lengths), errors.shape[2])), np.ones((len(lengths), errors.shape[2]))
    if len(lengths) > 1:
        centers, scales = _centers_and_scales(fitted, panel, prepared)
    residuals = Residuals(errors, panel.codes[origins], centers, scales)
    return Calibration(residuals, fitted if has_groups else None)


def _numbers_of_held_out(lengths, size, n_required):
    """Return the number of rows of each series to hold out."""
    n_held_out = np.full(len(lengths), size) if size >= 1 else (lengths * size).astype(int)
    is_short = (lengths - n_held_out < n_required) | (n_held_out < 2)
    if is_short.any():
        at = int(np.argmax(is_short))
        raise ValueError(
            f"calibration_size={size!r} of {lengths[at]} rows leaves {lengths[at] - n_held_out[at]} rows to fit on and "
            f"{n_held_out[at]} to calibrate on, but at least {n_required} and 2 are required. "
            "Set another calibration_size, or pass a longer series."
        )
    return n_held_out


def _errors_from(origins, model, panel, prepared, n_steps):
    """Return the residuals of forecasts from some origins, (n_steps, n_origins, n_outputs), in blocks of origins."""
    window, bounds, blocks = model.layout.window, panel.bounds(), []
    n_at_once = max(_STEPS_AT_ONCE // (window + n_steps), _MAX_ORIGINS)
    for block in np.array_split(origins, -(-len(origins) // n_at_once)):
        last_rows = bounds[panel.codes[block] + 1][:, None] - 1
        ahead = block[:, None] + np.arange(1, n_steps + 1)
        covariates = prepared.covariates[np.minimum(ahead, last_rows)]
        predicted = predict_paths(model, prepared, block, covariates, n_steps)
        errors = panel.y[np.minimum(ahead, last_rows)] - predicted
        errors[ahead > last_rows] = np.nan
        blocks.append(errors.swapaxes(0, 1))
    return np.concatenate(blocks, axis=1)


def _centers_and_scales(model, panel, prepared):
    """Return the mean and the spread of the residuals of each series, (n_series, n_outputs).

    These are residuals one step ahead of all its rows, because those held out may be too few. The spread is at least
    the mean difference between neighboring rows, because an estimator may reproduce the rows that it was fitted on.
    """
    bounds, rows = panel.bounds(), np.arange(len(panel))
    n_before = np.minimum(model.layout.window, np.diff(bounds)[panel.codes] - prepared.n_lost - 2)
    rows = rows[prepared.n_usable(rows) - 1 >= np.maximum(n_before, 1)]
    predicted = predict_one_step_ahead(model, panel, prepared, np.diff(bounds), rows)
    errors = panel.y[rows] - predicted
    centers, scales = np.empty((2, panel.n_series, panel.y.shape[1]))
    parts = np.searchsorted(rows, bounds)  # rows are sorted, as codes are
    for code in range(len(scales)):
        of_series = errors[parts[code] : parts[code + 1]]
        centers[code] = _mean(of_series)
        # A new residual is further from the mean of n residuals, by this factor, than these are from their own mean.
        factor = np.sqrt((len(of_series) + 1) / max(len(of_series) - 1, 1))
        difference = _mean(np.abs(np.diff(panel.y[bounds[code] : bounds[code + 1]], axis=0)))
        scales[code] = factor * np.maximum(_mean(np.abs(of_series - centers[code])), difference)
    return centers, scales


def _mean(values):
    """Return the mean of the values of each column that are not NaN, 0 if there are none."""
    is_valid = ~np.isnan(values)
    return np.where(is_valid, values, 0.0).sum(axis=0) / np.maximum(is_valid.sum(axis=0), 1)


def conformal_bounds(residuals, coverage, codes, *, signed=False):
    """Return the bounds of prediction intervals relative to forecasts: (len(codes), n_steps, 2, n_outputs).

    Each series has quantiles of its own residuals. If these are too few at some number of steps ahead, the standardized
    residuals of all series are used; if these are too few, too, the bounds of the step before.

    Parameters
    ----------
    residuals : Residuals
    coverage : float
    codes : ndarray of int
        Numbers of the series.
    signed : bool, default=False
        Whether residuals below and above the forecast have separate quantiles, if there are enough of both.
    """
    codes, (n_steps, _, n_outputs) = np.asarray(codes), residuals.errors.shape
    bounds = np.empty((len(codes), n_steps, 2, n_outputs))
    for errors, positions in residuals.by_number(codes):
        of_series = _quantiles(errors, coverage, signed).reshape(n_steps, 2, len(positions), n_outputs)
        bounds[positions] = of_series.transpose(2, 0, 1, 3)
    if len(residuals.scales) > 1 and np.isnan(bounds).any():
        pooled = _quantiles(residuals.standardized(), coverage, signed)
        centers, scales = (of[codes][:, None, None] for of in (residuals.centers, residuals.scales))
        bounds = np.where(np.isnan(bounds), centers + pooled * scales, bounds)
    if np.isnan(bounds[:, 0]).any():
        raise ValueError(
            f"coverage={coverage} requires at least {_ceil(coverage / (1 - coverage)):.0f} residuals, but "
            f"calibration_size left {residuals.errors.shape[1]}. Increase it and fit again, or lower coverage."
        )
    steps = np.arange(n_steps).reshape(-1, 1, 1)
    last = np.maximum.accumulate(np.where(np.isnan(bounds), 0, steps), axis=1)
    return np.take_along_axis(bounds, last, axis=1)


def _quantiles(errors, coverage, signed):
    """Return lower and upper quantiles of the residuals of each step, (n_steps, 2, n_outputs); NaN for too few."""
    counts = (~np.isnan(errors)).sum(axis=1)
    ranks = _ceil((counts + 1) * coverage).astype(int)
    absolute = _of_rank(np.abs(errors), np.where(ranks <= counts, ranks, 0))
    bounds = np.stack([-absolute, absolute], axis=1)
    if not signed:
        return bounds
    n_beyond = -_ceil(-(counts + 1) * (1 - coverage) / 2).astype(int)  # residuals beyond each bound
    lower, upper = (_of_rank(errors, np.where(n_beyond > 0, rank, 0)) for rank in (n_beyond, counts + 1 - n_beyond))
    return np.where(n_beyond[:, None] > 0, np.stack([lower, upper], axis=1), bounds)


def _of_rank(values, ranks):
    """Return the k-th smallest value along axis 1, for ranks of shape (n_steps, n_outputs); NaN for a rank of 0."""
    at = np.maximum(ranks, 1) - 1
    return np.where(ranks > 0, np.take_along_axis(np.sort(values, axis=1), at[:, None], axis=1)[:, 0], np.nan)


def _ceil(number):
    """Round up, except for numbers that are integers up to rounding errors: 100 * 0.07 is 7.000000000000001."""
    return np.ceil(np.round(number, 9))
