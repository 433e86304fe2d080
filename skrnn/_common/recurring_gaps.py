"""Breaks in time that come by nature: days of the week without rows, and nights between sessions."""

from __future__ import annotations

import numpy as np
import pandas as pd

_SECONDS = 86_400  # of a day


def have_recurring_gaps(time, bounds, which):
    """Tell which series, of rows at most a day apart, leave out days of the week, or nights, which are no holes.

    Parameters
    ----------
    time : Index
        Times of one series after another, in increasing order.
    bounds : ndarray of int, shape (n_series + 1,)
        The first row of each series, and the end of the last.
    which : ndarray of bool, shape (n_series,)
        The series to look at.

    Returns
    -------
    ndarray of bool, shape (n_series,)
        False where times are no dates and no periods of them.
    """
    broken = np.zeros(len(which), dtype=bool)
    if isinstance(time, (pd.DatetimeIndex, pd.PeriodIndex)):
        days, seconds = _days(time), _seconds(time)
        for code in np.flatnonzero(which & (np.diff(bounds) > 1)):
            rows = slice(bounds[code], bounds[code + 1])
            if np.median(np.diff(days[rows])) <= 1:
                nights = _lead_over_night(days[rows], seconds[rows], 1)
                broken[code] = nights.any() or _is_closed_on_a_day(days[rows])
    return broken


def are_overnight(time, least):
    """Tell which steps lead from the end of one session to the next day, or the next business day.

    Parameters
    ----------
    time : Index
        Times of one series, in increasing order.
    least : float
        By how many times the median distance a night is longer.

    Returns
    -------
    ndarray of bool, one for each step
        All False where rows lie at all times of the day.
    """
    if not isinstance(time, (pd.DatetimeIndex, pd.PeriodIndex)):
        return np.zeros(len(time) - 1, dtype=bool)
    return _lead_over_night(_days(time), _seconds(time), least)


def _lead_over_night(days, seconds, least):
    night = seconds.min() + _SECONDS - seconds.max()  # from the latest time of the day to the earliest
    dates = days.astype("M8[D]")
    next_day = (np.diff(days) == 1) | ((np.diff(days) > 1) & (np.busday_count(dates[:-1], dates[1:]) == 1))
    return next_day & (night > least * np.median(np.diff(days * _SECONDS + seconds)))


def _days(time):
    """Return the day of each time by the clock on the wall, counted from 1970-01-01."""
    if isinstance(time, pd.PeriodIndex):
        return time.asfreq("D").asi8
    return time.tz_localize(None).to_numpy().astype("M8[D]").astype(np.int64)


def _seconds(time):
    """Return the second of the day of each time by the clock on the wall."""
    return np.asarray(time.hour * 3600 + time.minute * 60 + time.second, dtype=np.int64)


def _is_closed_on_a_day(days):
    """Tell whether a day of the week has no rows, though it comes twice, or is of the weekend."""
    comes = np.bincount((np.arange(days[0], days[-1] + 1) + 3) % 7, minlength=7)  # from Monday: day 0 was a Thursday
    is_open = np.bincount((days + 3) % 7, minlength=7) > 0
    return bool((~is_open & ((comes > 1) | ((comes > 0) & (np.arange(7) > 4)))).any())
