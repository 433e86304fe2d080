"""Split conformal prediction of the steps ahead: residuals of rows that were held out, and their quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._forecasting import Series, closed_loop, layout_of, restored, transformed

_MAX_ORIGINS = 500  # from which residuals are taken, at even distances
_MIN_ORIGINS = 100  # of each of many series: their quantiles are their own


@dataclass(frozen=True, eq=False)
class Residuals:
    """Absolute residuals of forecasts from many origins.

    Parameters
    ----------
    sizes : ndarray of shape (n_steps, n_origins, n_series)
        Of each step ahead, in the units of ``y``; NaN beyond the end of a series.
    codes : ndarray of int, shape (n_origins,)
        The number of the series of each origin, sorted.
    scales : ndarray of shape (n_codes, n_series)
        What to divide the residuals of each series by, to compare them with those of others.
    """

    sizes: NDArray[Any]
    codes: NDArray[Any]
    scales: NDArray[Any]

    def of(self, code):
        """Return the residuals of one series."""
        first, end = np.searchsorted(self.codes, [code, code + 1])
        return self.sizes[:, first:end]

    def scaled(self):
        """Return the residuals of all series in units of their scales."""
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = self.sizes / self.scales[self.codes]
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
    Residuals

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
    n_most = max(_MAX_ORIGINS // len(lengths), _MIN_ORIGINS)
    origins = np.concatenate(
        [
            end - 1 - n + np.unique(np.linspace(0, n - 1, n_most).astype(int))
            for end, n in zip(bounds[1:], n_held, strict=True)
        ]
    )
    layout = layout_of(estimator, window, output_steps)
    y = transformed(transformer, series.y)
    parts = []
    for some in np.array_split(origins, -(-len(origins) // _MAX_ORIGINS)):
        ends = bounds[series.codes[some] + 1][:, None] - 1
        seen = some[:, None] + np.arange(1 - window, 1)
        asked = some[:, None] + np.arange(1, n_steps + 1)
        covariates = series.covariates[np.minimum(np.concatenate([seen, asked], axis=1), ends)]
        values = closed_loop(estimator, y[seen], covariates, layout, n_steps)
        sizes = np.abs(series.y[np.minimum(asked, ends)] - restored(transformer, values))
        sizes[asked > ends] = np.nan
        parts.append(sizes.swapaxes(0, 1))
    sizes = np.concatenate(parts, axis=1)
    return Residuals(sizes, series.codes[origins], _scales(series, sizes[0], series.codes[origins]))


def _scales(series, sizes, codes):
    """Return the mean absolute difference of neighbouring rows of each series: (n_codes, n_series).

    It is what the mean absolute scaled error divides by: of all rows, where a short series has few residuals, and not a
    matter of the estimator. Of a constant series it is the mean residual of one step ahead.
    """
    scales = np.empty((series.n_codes, series.y.shape[1]))
    bounds = series.bounds()
    for code in range(len(scales)):
        difference = np.abs(np.diff(series.y[bounds[code] : bounds[code + 1]], axis=0)).mean(axis=0)
        scales[code] = np.where(difference > 0, difference, sizes[codes == code].mean(axis=0))
    return scales


def conformal_quantiles(residuals, coverage, codes):
    """Return quantiles of the absolute residuals of series, each of its own: (n_codes, n_steps, n_series).

    A step of which a series has too few residuals for the coverage gets the quantile of those of all series, each in
    units of its scale; where these are too few, it gets that of the step before it.
    """
    pooled = _quantiles(residuals.scaled(), coverage) if len(residuals.scales) > 1 else None
    quantiles = []
    for code in codes:
        own = _quantiles(residuals.of(code), coverage)
        if pooled is not None:
            own = np.where(np.isnan(own), pooled * residuals.scales[code], own)
        if np.isnan(own[0]).any():
            raise ValueError(
                f"coverage={coverage} needs at least {_ceil(coverage / (1 - coverage)):.0f} residuals, but "
                f"calibration_size left {residuals.sizes.shape[1]}. Raise it and fit again, or lower coverage."
            )
        last = np.maximum.accumulate(np.where(np.isnan(own), 0, np.arange(len(own))[:, None]), axis=0)
        quantiles.append(np.take_along_axis(own, last, axis=0))
    return np.array(quantiles)


def _quantiles(sizes, coverage):
    """Return the quantile of the residuals of each step, (n_steps, n_series); NaN where they are too few."""
    counts = (~np.isnan(sizes)).sum(axis=1)
    ranks = _ceil((counts + 1) * coverage).astype(int)
    enough = ranks <= counts
    at = np.where(enough, ranks, 1) - 1
    return np.where(enough, np.take_along_axis(np.sort(sizes, axis=1), at[:, None], axis=1)[:, 0], np.nan)


def _ceil(number):
    """Round up, but not what is whole but for rounding: 100 * 0.07 is 7.000000000000001."""
    return np.ceil(np.round(number, 9))
