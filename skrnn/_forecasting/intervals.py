"""Split conformal prediction of the steps ahead: residuals of rows that were held out, and their quantiles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._common.state import stored_as
from skrnn._forecasting.recursion import Series, closed_loop, layout_of, one_step_ahead, restored, transformed

# Origins from which residuals are taken, at even distances: of each series, and of all; at least so many of each.
_MAX_ORIGINS, _MAX_TOTAL, _MIN_ORIGINS = 500, 5000, 100
_STEPS_AT_ONCE = 2**18  # of all origins that are forecast together, seen and predicted: a few MB for each covariate


@stored_as("residuals")
@dataclass(frozen=True, eq=False)
class Residuals:
    """Residuals of forecasts from many origins: truth minus forecast.

    Parameters
    ----------
    errors : ndarray of shape (n_steps, n_origins, n_series)
        Of each step ahead, in the units of ``y``; NaN beyond the end of a series.
    codes : ndarray of int, shape (n_origins,)
        The number of the series of each origin, sorted.
    centers, scales : ndarray of shape (n_codes, n_series)
        What to subtract from the residuals of each series, and to divide them by, to compare them with those of others.
    """

    errors: NDArray[Any]
    codes: NDArray[Any]
    centers: NDArray[Any]
    scales: NDArray[Any]

    def by_number(self, codes):
        """Yield the residuals of all series with as many origins at once, and the places of these in `codes`.

        They are of shape (n_steps, n_origins, n_codes * n_series).
        """
        first = np.searchsorted(self.codes, codes)
        counts = np.searchsorted(self.codes, codes, side="right") - first
        for count in np.unique(counts):
            places = np.flatnonzero(counts == count)
            errors = self.errors[:, first[places] + np.arange(count)[:, None]]  # (n_steps, n_origins, n, n_series)
            yield errors.reshape(*errors.shape[:2], -1), places

    def scaled(self):
        """Return the residuals of all series in units of their scales; NaN for a series without any."""
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = (self.errors - self.centers[self.codes]) / self.scales[self.codes]
        return np.where(np.isfinite(scaled), scaled, np.nan)


def held_out_residuals(fit_on, series, size, window, output_steps):
    """Return how far closed loops go astray on the last rows of each series, which are not fitted on.

    Parameters
    ----------
    fit_on : callable
        ``fit_on(series)`` returns a fitted estimator and a fitted transformer, or None.
    series : Series
        Values in the units of ``y``.
    size : int or float
        Rows of each series to hold out, or their share.
    window, output_steps : int

    Returns
    -------
    estimator, transformer
        The fitted ones.
    residuals : Residuals

    Raises
    ------
    ValueError
        Where too few rows are left to fit on, or held out.
    """
    bounds = series.bounds()
    lengths = np.diff(bounds)
    n_held = np.full(len(lengths), size) if size >= 1 else (lengths * size).astype(int)
    short = (lengths - n_held < window + output_steps) | (n_held < 2)
    if short.any():
        at = int(np.argmax(short))
        raise ValueError(
            f"calibration_size={size!r} of {lengths[at]} rows leaves {lengths[at] - n_held[at]} to fit on and "
            f"{n_held[at]} to calibrate on, but at least {window + output_steps} (window + output_steps) and 2 are "
            "needed. Pass another size, or a longer series."
        )
    place = np.arange(len(series)) - bounds[series.codes]
    is_head = place < (lengths - n_held)[series.codes]
    estimator, transformer = fit_on(Series(series.y[is_head], series.covariates[is_head], series.codes[is_head]))

    # Half the rows held out: steps further ahead would have few residuals.
    n_steps = max(int(n_held.max()) // 2, 1)
    n_most = min(_MAX_ORIGINS, max(_MAX_TOTAL // len(lengths), _MIN_ORIGINS))
    origins = np.concatenate(
        [
            end - 1 - n + np.unique(np.linspace(0, n - 1, n_most).astype(int))
            for end, n in zip(bounds[1:], n_held, strict=True)
        ]
    )
    layout = layout_of(estimator, window, output_steps)
    y = transformed(transformer, series.y)
    parts = []
    n_at_once = max(_STEPS_AT_ONCE // (window + n_steps), _MAX_ORIGINS)
    for some in np.array_split(origins, -(-len(origins) // n_at_once)):
        ends = bounds[series.codes[some] + 1][:, None] - 1
        seen = some[:, None] + np.arange(1 - window, 1)
        asked = some[:, None] + np.arange(1, n_steps + 1)
        covariates = series.covariates[np.minimum(np.concatenate([seen, asked], axis=1), ends)]
        values = closed_loop(estimator, y[seen], covariates, layout, n_steps)
        errors = series.y[np.minimum(asked, ends)] - restored(transformer, values)
        errors[asked > ends] = np.nan
        parts.append(errors.swapaxes(0, 1))
    errors, codes = np.concatenate(parts, axis=1), series.codes[origins]
    centers, scales = np.zeros((len(lengths), y.shape[1])), np.ones((len(lengths), y.shape[1]))
    if len(lengths) > 1:
        rows = np.flatnonzero(place >= window)
        one_step = one_step_ahead(estimator, replace(series, y=y), layout, centers, rows)
        centers, scales = _centers_and_scales(series, series.y[rows] - restored(transformer, one_step), rows)
    return estimator, transformer, Residuals(errors, codes, centers, scales)


def _centers_and_scales(series, errors, rows):
    """Return the mean and the spread of the residuals of each series, (n_codes, n_series).

    They are of one step ahead of all its rows: those held out may be too few to tell. The spread is at least that of
    neighbouring rows, where an estimator knows the rows that it was fitted on by heart.
    """
    centers, scales = np.empty((2, series.n_codes, series.y.shape[1]))
    bounds = series.bounds()
    parts = np.searchsorted(rows, bounds)  # rows are sorted, as codes are
    for code in range(len(scales)):
        mine = errors[parts[code] : parts[code + 1]]
        centers[code] = mine.mean(axis=0)
        # A new residual lies further from the mean of n, by this factor, than these do, whose mean it is.
        further = np.sqrt((len(mine) + 1) / max(len(mine) - 1, 1))
        difference = np.abs(np.diff(series.y[bounds[code] : bounds[code + 1]], axis=0)).mean(axis=0)
        scales[code] = further * np.maximum(np.abs(mine - centers[code]).mean(axis=0), difference)
    return centers, scales


def conformal_bounds(residuals, coverage, codes, *, signed=False):
    """Return what to add to forecasts of series for their bounds: (len(codes), n_steps, 2, n_series).

    Each series has quantiles of its own. A step of which it has too few residuals for the coverage gets those of all
    series, each around its center and in units of its scale; where these are too few, the bounds of the step before.

    Parameters
    ----------
    residuals : Residuals
    coverage : float
    codes : ndarray of int
        The numbers of the series.
    signed : bool, default=False
        Whether errors to one side and to the other have quantiles of their own, where there are enough.
    """
    codes, (n_steps, _, n_series) = np.asarray(codes), residuals.errors.shape
    bounds = np.empty((len(codes), n_steps, 2, n_series))
    for errors, places in residuals.by_number(codes):
        own = _bounds(errors, coverage, signed).reshape(n_steps, 2, len(places), n_series)
        bounds[places] = own.transpose(2, 0, 1, 3)
    if len(residuals.scales) > 1 and np.isnan(bounds).any():
        pooled = _bounds(residuals.scaled(), coverage, signed)
        centers, scales = (of[codes][:, None, None] for of in (residuals.centers, residuals.scales))
        bounds = np.where(np.isnan(bounds), centers + pooled * scales, bounds)
    if np.isnan(bounds[:, 0]).any():
        raise ValueError(
            f"coverage={coverage} needs at least {_ceil(coverage / (1 - coverage)):.0f} residuals, but "
            f"calibration_size left {residuals.errors.shape[1]}. Raise it and fit again, or lower coverage."
        )
    steps = np.arange(n_steps).reshape(-1, 1, 1)
    last = np.maximum.accumulate(np.where(np.isnan(bounds), 0, steps), axis=1)
    return np.take_along_axis(bounds, last, axis=1)


def _bounds(errors, coverage, signed):
    """Return lower and upper quantiles of the residuals of each step, (n_steps, 2, n_series); NaN for too few."""
    counts = (~np.isnan(errors)).sum(axis=1)
    ranks = _ceil((counts + 1) * coverage).astype(int)
    size = _of_rank(np.abs(errors), np.where(ranks <= counts, ranks, 0))
    bounds = np.stack([-size, size], axis=1)
    if not signed:
        return bounds
    left_out = -_ceil(-(counts + 1) * (1 - coverage) / 2).astype(int)  # beyond each bound
    lower, upper = (_of_rank(errors, np.where(left_out > 0, rank, 0)) for rank in (left_out, counts + 1 - left_out))
    return np.where(left_out[:, None] > 0, np.stack([lower, upper], axis=1), bounds)


def _of_rank(values, ranks):
    """Return the k-th smallest of axis 1, for ranks of shape (n_steps, n_series); NaN for a rank of 0."""
    at = np.maximum(ranks, 1) - 1
    return np.where(ranks > 0, np.take_along_axis(np.sort(values, axis=1), at[:, None], axis=1)[:, 0], np.nan)


def _ceil(number):
    """Round up, but not what is whole but for rounding: 100 * 0.07 is 7.000000000000001."""
    return np.ceil(np.round(number, 9))
