"""Split conformal prediction of the steps ahead: residuals of rows that were held out, and their quantiles."""

from __future__ import annotations

import numpy as np

from skrnn._forecasting import Series, closed_loop, layout_of, restored, transformed

_MAX_ORIGINS = 500  # from which residuals are taken, at even distances


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
    ndarray of shape (n_steps, n_origins, n_series)
        Absolute residuals of each step ahead, in the units of ``y``; NaN beyond the end of a series.

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
    held = np.flatnonzero(~is_head)
    origins = held[np.unique(np.linspace(0, len(held) - 1, _MAX_ORIGINS).astype(int))] - 1
    ends = bounds[series.codes[origins] + 1][:, None] - 1
    seen = origins[:, None] + np.arange(1 - window, 1)
    asked = origins[:, None] + np.arange(1, n_steps + 1)
    covariates = series.covariates[np.minimum(np.concatenate([seen, asked], axis=1), ends)]
    layout = layout_of(estimator, window, output_steps)
    values = closed_loop(estimator, transformed(transformer, series.y)[seen], covariates, layout, n_steps)
    residuals = np.abs(series.y[np.minimum(asked, ends)] - restored(transformer, values))
    residuals[asked > ends] = np.nan
    return residuals.swapaxes(0, 1)


def conformal_quantiles(residuals, coverage):
    """Return the quantile of the residuals of each step that has enough of them: (n_steps, n_series)."""
    quantiles = []
    for of_step in residuals:
        sizes = np.sort(of_step[~np.isnan(of_step[:, 0])], axis=0)
        rank = _ceil((len(sizes) + 1) * coverage)
        if rank > len(sizes):
            break
        quantiles.append(sizes[rank - 1])
    if not quantiles:
        raise ValueError(
            f"coverage={coverage} needs at least {_ceil(coverage / (1 - coverage))} residuals, but "
            f"calibration_size left {residuals.shape[1]}. Raise it and fit again, or lower coverage."
        )
    return np.array(quantiles)


def _ceil(number):
    """Round up, but not what is whole but for rounding: 100 * 0.07 is 7.000000000000001."""
    return int(np.ceil(np.round(number, 9)))
