"""Prediction intervals by split conformal prediction: errors on rows that were held out, and their quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._common.guide import see
from skrnn._common.state import stored_as
from skrnn._common.warnings import silenced
from skrnn._forecasting.distributions import has_distribution, interval_levels, predict_distribution
from skrnn._forecasting.error_scales import mean_absolute_differences, scales_at
from skrnn._forecasting.model import FittedModel
from skrnn._forecasting.recursion import predict_block, predict_paths, predict_values_of_rows
from skrnn._forecasting.sampling import draw_rows
from skrnn._forecasting.trained_rows import TrainedRows

# Errors are computed from evenly spaced forecast origins: at most 500 per series and about 5000 in total, but at least
# 10 per series.
_MAX_ORIGINS, _MAX_TOTAL, _MIN_ORIGINS = 500, 5000, 10
_STEPS_AT_ONCE = 2**18  # past and predicted steps of the origins that are forecast together: a few MB per covariate
_NORMAL_COVERAGE = 0.9  # of the intervals of a normal distribution that are calibrated, for any coverage
_N_PATHS = 500  # for intervals of several steps that are not calibrated


@stored_as("calibration")
@dataclass(frozen=True, eq=False)
class Calibration:
    """Errors of forecasts from many forecast origins, on rows that were held out.

    Parameters
    ----------
    errors : ndarray of shape (n_steps, n_origins, n_outputs)
        True values minus forecasts, by number of steps ahead, in the units of ``y``; NaN beyond the end of a series.
    scores : ndarray of shape (n_steps, n_origins, n_outputs)
        Distance of the true value from the predicted interval, negative inside: that of the forecast itself for
        estimators that predict no interval.
    scales : ndarray of shape (n_origins, n_outputs)
        Scales of these errors, relative to `unit`.
    series_scales : ndarray of shape (n_series, n_outputs)
        Mean absolute differences between neighboring values of each fitted series; 0 for constant series of a panel.
    unit : ndarray of shape (n_outputs,)
        Largest one of these scales, so that those of a single series are exactly 1.
    model : FittedModel
        Model that made the forecasts.
    trained_rows : TrainedRows or None
        Rows that it was trained on; None if it was saved by an earlier version.
    """

    errors: NDArray[Any]
    scores: NDArray[Any]
    scales: NDArray[Any]
    series_scales: NDArray[Any]
    unit: NDArray[Any]
    model: FittedModel
    trained_rows: TrainedRows | None = None

    def scales_of(self, series, location):
        """Return the relative scales of the errors of located rows: (n_rows, n_outputs).

        Parameters
        ----------
        series : Continued
        location : Location
        """
        panel, is_fitted = series.known.panel, series.fitted_numbers >= 0
        scales = np.empty((panel.n_series, len(self.unit)))
        scales[is_fitted] = self.series_scales[series.fitted_numbers[is_fitted]]
        if not is_fitted.all():
            scales[~is_fitted] = mean_absolute_differences(panel, np.diff(panel.bounds()))[~is_fitted]
        return scales_at(series.model, panel, location.origins(panel), scales) / self.unit

    def relative(self, values):
        """Return errors or scores divided by the scales of their origins; NaN where these are zero."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.scales > 0, values / self.scales, np.nan)


def check_coverage(coverage: float, estimator: Any, calibration: Calibration | None) -> None:
    """Raise if the coverage is invalid, or the estimator predicts no interval of this coverage without calibration."""
    if not isinstance(coverage, Real) or not 0 < coverage < 1:
        raise ValueError(f"coverage must be a number between 0 and 1. Got {coverage!r} instead.")
    if calibration is not None:
        return
    remedy = "set calibration_size, for example to 0.2, and fit again." + see("forecasting", "prediction-intervals")
    if not has_distribution(estimator):
        raise ValueError(
            "predict_interval requires errors on rows that were held out, or a network that predicts a distribution, "
            f"such as GRURegressor(loss='gaussian'): {remedy}"
        )
    levels, expected = interval_levels(estimator), ((1 - coverage) / 2, (1 + coverage) / 2)
    if levels is not None and not np.allclose(levels, expected, rtol=0, atol=1e-9):
        raise ValueError(
            f"The estimator predicts quantiles of levels {levels[0]} to {levels[1]}, but coverage={coverage} requires "
            f"{expected[0]:.6g} to {expected[1]:.6g}. For other intervals, {remedy}"
        )


def predict_with_bounds(calibration, coverage, series, covariates, location):
    """Return predictions of located rows, (n_rows, n_outputs), and their lower and upper bounds.

    Bounds have shape (n_rows, 2, n_outputs).

    Parameters
    ----------
    calibration : Calibration or None
        None for the intervals that the estimator predicts.
    coverage : float
    series : Continued
    covariates : ndarray of shape (n_rows, n_covariates)
    location : Location
    """
    model, known = series.model, series.known
    if calibration is None:
        return _predict_not_calibrated(coverage, model, known, covariates, location)
    predict, n_values = _interval_function(model.estimator)
    values = predict_values_of_rows(model, known, covariates, location, predict, n_values=n_values)[:, 0]
    bounds = _sorted_bounds(values)
    widening = conformal_quantiles(calibration.relative(calibration.scores), coverage)
    steps = np.clip(location.steps_ahead, 1, len(widening)) - 1
    scales = calibration.scales_of(series, location)
    offsets = widening[steps] * scales
    is_first = (location.steps_ahead == 0)[:, None] & np.isnan(bounds).all(axis=0)
    if is_first.any():
        # Rows without a value before them have no predicted interval: theirs is that of a forecast without one.
        distances = conformal_quantiles(calibration.relative(np.abs(calibration.errors)), coverage)[0] * scales
        bounds, offsets = np.where(is_first, values[0], bounds), np.where(is_first, distances, offsets)
    lower, upper = bounds[0] - offsets, bounds[1] + offsets
    middle = (bounds[0] + bounds[1]) / 2  # of an interval that is narrowed by more than its width
    return values[0], np.stack([np.where(lower > upper, middle, of) for of in (lower, upper)], axis=1)


def _predict_not_calibrated(coverage, model, known, covariates, location):
    """Return predictions and the bounds that an estimator predicts; those of later steps are quantiles of sample paths.

    Later steps are those beyond a block of `output_steps` or, with differencing, beyond the smallest lag, and beyond
    the first step if there are several lags.
    """
    predict, n_values = _interval_function(model.estimator, coverage)
    values = predict_values_of_rows(model, known, covariates, location, predict, n_values=n_values)[:, 0]
    bounds = _sorted_bounds(values)
    # The quantiles of a sum of differences are not the sums of their quantiles.
    n_direct = min([model.layout.output_steps, *model.target.lags])
    if len(model.target.lags) > 1:
        n_direct = 1
    is_drawn = location.steps_ahead > n_direct
    if is_drawn.any():
        # Paths start after the known rows, which are not drawn: only their covariates are needed.
        known, is_later = known.with_covariates(covariates, location), location.steps_ahead > 0
        later = location.subset(is_later)
        paths = draw_rows(model, known, covariates[is_later], later, _N_PATHS, np.random.default_rng(0))
        levels = ((1 - coverage) / 2, (1 + coverage) / 2)
        bounds[:, is_drawn] = np.quantile(paths[:, is_drawn[is_later]], levels, axis=0)
    return values[0], bounds.swapaxes(0, 1)


def _interval_function(estimator, coverage=_NORMAL_COVERAGE):
    """Return the function that predicts a forecast, and its bounds if there are any, and their number."""
    return (partial(_predict_interval, coverage), 3) if has_distribution(estimator) else (predict_block, 1)


def _predict_interval(coverage, model, windows, n_outputs):
    """Predict the centers, lower and upper bounds of the steps after windows, as `predict_block` does."""
    predicted = predict_distribution(model.estimator, windows.X)
    shape = (-1, model.layout.output_steps, n_outputs)
    values = (predicted.center, *predicted.interval(coverage))
    return np.stack([windows.unscaled(of.reshape(shape)) for of in values])


def _sorted_bounds(values):
    """Return lower and upper bounds, (2, ...), of values (1, ...) or (3, ...): an inverse may have exchanged them."""
    bounds = np.stack([values[0], values[0]]) if len(values) == 1 else values[1:]
    return np.sort(bounds, axis=0)


def calibrate(model, panel, labels, weights, size, start=None):
    """Return the errors of forecasts of the last rows of each series, by a model that is fitted without them.

    Parameters
    ----------
    model : Model
    panel : Panel
        In the units of ``y``.
    labels : RowLabels
        Of the rows of the panel.
    weights : ndarray of shape (n_rows,), or None
        Weights of the rows to predict.
    size : int, float or None
        Number or fraction of the rows of each series to hold out; None for no calibration.
    start : Calibration, default=None
        Calibration whose model is fitted further.

    Returns
    -------
    Calibration or None

    Raises
    ------
    ValueError
        If too few rows are left to fit on, or are held out; if the model to fit further was trained on these.
    """
    if size is None:
        return None
    bounds = panel.bounds()
    lengths = np.diff(bounds)
    n_held_out = _numbers_of_held_out(lengths, size, model.n_required_of_each)
    n_fitted = lengths - n_held_out
    trained_rows = TrainedRows.of(labels, n_fitted)
    if start is not None and start.trained_rows is not None:
        start.trained_rows.check_held_out(labels, n_fitted, size)
        trained_rows = start.trained_rows.joined(trained_rows)
    is_fitted = panel.positions_in_series() < n_fitted[panel.codes]
    start_model = None if start is None else start.model
    with silenced():  # the fit on all rows, which follows, emits the same warnings
        fitted = model.fit(panel.subset(is_fitted), None if weights is None else weights[is_fitted], start_model)
    max_origins = min(_MAX_ORIGINS, max(_MAX_TOTAL // len(lengths), _MIN_ORIGINS))
    origins = np.concatenate(
        [
            end - 1 - n + np.unique(np.linspace(0, n - 1, max_origins).astype(int))
            for end, n in zip(bounds[1:], n_held_out, strict=True)
        ]
    )
    n_steps = max(int(n_held_out.max()) // 2, 1)  # there are few errors of steps further ahead
    if fitted.n_past:
        n_steps = min(n_steps, fitted.layout.output_steps)
    prepared = fitted.prepare(panel)
    errors, scores = _errors_from(origins, fitted, panel, prepared, n_steps)
    series_scales = mean_absolute_differences(panel, n_fitted)
    series_scales[:, ~(series_scales > 0).any(axis=0)] = 1.0
    unit = np.nanmax(series_scales, axis=0)
    scales = scales_at(fitted, panel, origins, series_scales) / unit
    return Calibration(errors, scores, scales, series_scales, unit, fitted, trained_rows)


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
    """Return errors and scores of forecasts from some origins: two arrays of shape (n_steps, n_origins, n_outputs)."""
    window, bounds, blocks = model.layout.window, panel.bounds(), []
    predict, _ = _interval_function(model.estimator)
    n_at_once = max(_STEPS_AT_ONCE // (window + n_steps), _MAX_ORIGINS)
    for block in np.array_split(origins, -(-len(origins) // n_at_once)):
        last_rows = bounds[panel.codes[block] + 1][:, None] - 1
        ahead = block[:, None] + np.arange(1, n_steps + 1)
        covariates = prepared.covariates[np.minimum(ahead, last_rows)]
        predicted = predict_paths(model, prepared, block, covariates, n_steps, predict)
        lower, upper = _sorted_bounds(predicted)
        true_values = panel.y[np.minimum(ahead, last_rows)]
        true_values[ahead > last_rows] = np.nan
        errors, scores = true_values - predicted[0], np.maximum(lower - true_values, true_values - upper)
        blocks.append([errors.swapaxes(0, 1), scores.swapaxes(0, 1)])
    return [np.concatenate(parts, axis=1) for parts in zip(*blocks, strict=True)]


def conformal_quantiles(scores, coverage):
    """Return the quantiles of the scores of each step: (n_steps, n_outputs).

    Of n scores it is the k-th smallest, k = ceil((n + 1) * coverage). Steps with too few scores have the quantile of
    the step before.

    Parameters
    ----------
    scores : ndarray of shape (n_steps, n_origins, n_outputs)
        NaN where there is none.
    coverage : float

    Raises
    ------
    ValueError
        If there are too few scores one step ahead.
    """
    counts = (~np.isnan(scores)).sum(axis=1)
    ranks = _ceil((counts + 1) * coverage).astype(int)
    is_enough = ranks <= counts
    if not is_enough[0].all():
        raise ValueError(
            f"coverage={coverage} requires at least {_ceil(coverage / (1 - coverage)):.0f} errors, but "
            f"calibration_size left {counts[0].min()}. Increase it and fit again, or lower coverage."
        )
    at = np.where(is_enough, ranks, 1) - 1
    quantiles = np.take_along_axis(np.sort(scores, axis=1), at[:, None], axis=1)[:, 0]
    last = np.maximum.accumulate(np.where(is_enough, np.arange(len(scores))[:, None], 0), axis=0)
    return np.take_along_axis(quantiles, last, axis=0)


def _ceil(number):
    """Round up, except for numbers that are integers up to rounding errors: 100 * 0.07 is 7.000000000000001."""
    return np.ceil(np.round(number, 9))
