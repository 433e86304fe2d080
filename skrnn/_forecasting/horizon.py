"""Steps to forecast: their number, covariates, location and index."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from skrnn._common.frequencies import periods_of
from skrnn._forecasting.calendar import with_calendar
from skrnn._forecasting.location import Location
from skrnn._forecasting.parameters import is_positive_int


def check_steps_given(steps, until, X):
    """Raise unless exactly one of the parameters that define the steps to forecast is given."""
    given = [name for name, value in (("steps", steps), ("until", until), ("X", X)) if value is not None]
    if len(given) != 1:
        raise ValueError(
            "forecast requires either the number of steps, or the time of the last one as until, or the rows of the "
            f"steps as X. Got {' and '.join(given) or 'none of them'}."
        )


def n_steps_of(steps, until, known, n_covariates):
    """Return the number of steps to forecast of each series, (n_series,), given by one of the two parameters.

    Parameters
    ----------
    steps : int or None
    until : timestamp, period, number or None
    known : KnownRows
    n_covariates : int
        Number of columns of `X` that are known in advance. A forecast requires their values, unless there are none.
    """
    if until is None and not is_positive_int(steps):
        raise ValueError(f"steps must be an int of at least 1. Got {steps!r} instead.")
    n_steps = np.full(known.panel.n_series, steps) if until is None else _n_steps_until(until, known)
    if n_covariates:
        raise ValueError(
            f"SequenceForecaster was fitted with {n_covariates} covariates: pass those of the steps to forecast as X."
        )
    return n_steps


def _n_steps_until(until, known):
    """Return the number of steps from the end of each series until a time: (n_series,)."""
    time: Any = known.labels.time
    if time is None or None in known.frequencies:
        is_text = known.unordered_labels is not None
        raise ValueError(
            f"until={until!r} requires a fitted index with a frequency. Pass the number of steps instead"
            + (", or fit on an index of dates (pd.to_datetime converts text)." if is_text else ".")
        )
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
    is_between = np.isnan(steps) | (steps != np.floor(steps))
    if isinstance(until, Real) and not isinstance(time, (pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex)):
        is_between |= float(until) != float(end[0])  # the dtype of the index has rounded it
    if is_between.any() or steps.min() < 1:
        frequency = known.frequencies[int(np.argmax(is_between))]
        raise ValueError(
            f"until={until!r} must be a time of the index after the ends of all series, the last of which is "
            f"{time[last_rows].max()}" + (f", at its frequency {frequency!r}." if is_between.any() else ".")
        )
    return steps.astype(int)


def next_steps(n_steps, series):
    """Return the next steps of all series.

    Parameters
    ----------
    n_steps : ndarray of int, shape (n_series,)
    series : Continued

    Returns
    -------
    covariates : ndarray of shape (n_steps.sum(), n_covariates)
        Those of the calendar, if there is one.
    location : Location
    index : Index of length n_steps.sum()
    """
    n_series, most = len(n_steps), int(n_steps.max())
    index = series.schema.index_of_forecast(most, series.known)
    codes, steps_ahead = np.repeat(np.arange(n_series), most), np.tile(np.arange(1, most + 1), n_series)
    is_asked = steps_ahead <= n_steps[codes]
    if not is_asked.all():
        codes, steps_ahead, index = codes[is_asked], steps_ahead[is_asked], index[is_asked]
    times = index.get_level_values(-1) if index.nlevels > 1 else index
    covariates = with_calendar(np.empty((len(codes), 0)), series.schema.calendar, times)
    return covariates, Location(codes, steps_ahead, np.full(len(codes), -1)), index
