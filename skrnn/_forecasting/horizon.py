"""Number of steps to forecast, and the forecast of all series."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from skrnn._common.frequencies import periods_of
from skrnn._forecasting.calendar import with_calendar
from skrnn._forecasting.recursion import continue_series


def check_steps(steps, n_covariates):
    """Raise if the number of steps to forecast is invalid, or their covariates are required."""
    if steps is None:
        raise ValueError(
            "forecast requires the number of steps, or the time until which to forecast. Pass one of them."
        )
    if not isinstance(steps, Integral) or steps < 1:
        raise ValueError(f"steps must be an int of at least 1. Got {steps!r} instead.")
    if n_covariates:
        raise ValueError(
            f"SequenceForecaster was fitted with {n_covariates} covariates: pass those of the steps to predict to "
            "predict(X)."
        )


def n_steps_of(steps, until, known):
    """Return the number of steps to forecast, given by either of the two parameters."""
    if (steps is None) == (until is None):
        raise ValueError(
            "forecast requires either the number of steps, or the time of the last one as until. Got "
            + ("neither." if steps is None else "both.")
        )
    return steps if until is None else _n_steps_until(until, known)


def _n_steps_until(until, known):
    """Return the number of steps from the end of the series that ends first until a time."""
    time: Any = known.labels.time
    if time is None or None in known.frequencies:
        raise ValueError(f"until={until!r} requires a fitted index with a frequency. Pass the number of steps instead.")
    last_rows = known.panel.bounds()[1:] - 1
    codes = known.panel.codes[last_rows]
    try:
        end = time[:1].insert(0, until)[:1].astype(time.dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"until must be a time like those of the fitted index, of dtype {time.dtype}. Got {until!r} instead."
        ) from error
    ends = end.repeat(len(codes))
    before, after = periods_of(time, known.panel.codes, ends, codes, known.frequencies)
    steps = after - before[last_rows]
    if np.isnan(steps).any() or (steps != np.floor(steps)).any() or steps.min() < 1:
        raise ValueError(
            f"until={until!r} must be a time of the index after the ends of all series, the last of which is "
            f"{time[last_rows].max()}."
        )
    return int(steps.max())


def forecast_all(model, known, calendar, n_steps, index):
    """Forecast the next steps of all series; (n_series * n_steps, n_outputs) in units of ``y``.

    Parameters
    ----------
    model : FittedModel
    known : KnownRows
    calendar : CalendarFeatures or None
        Computes the covariates, if there are any.
    n_steps : int
    index : Index of length n_series * n_steps
        Times of these steps.
    """
    n_series = known.panel.n_series
    codes, steps_ahead = np.repeat(np.arange(n_series), n_steps), np.tile(np.arange(1, n_steps + 1), n_series)
    times = index.get_level_values(-1) if index.nlevels > 1 else index
    covariates = with_calendar(np.empty((len(codes), 0)), calendar, times)
    return continue_series(model, model.prepare(known.panel), covariates, codes, steps_ahead)[0, 0]
