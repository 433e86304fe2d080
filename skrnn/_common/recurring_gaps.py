"""Recurring gaps in a time index: days of the week without rows, and nights between sessions."""

from __future__ import annotations

import numpy as np
import pandas as pd

_SECONDS = 86_400  # of a day


def have_recurring_gaps(time, bounds, which):
    """Find the series with at least daily rows that have none on some day of the week, or at night.

    Parameters
    ----------
    time : Index
        Times, sorted by series, and increasing within each.
    bounds : ndarray of int, shape (n_series + 1,)
        The first row of each series, and the end of the last.
    which : ndarray of bool, shape (n_series,)
        Series to examine.

    Returns
    -------
    ndarray of bool, shape (n_series,)
        False for times other than dates and periods.
    """
    has_gaps = np.zeros(len(which), dtype=bool)
    if isinstance(time, (pd.DatetimeIndex, pd.PeriodIndex)):
        days, seconds = _days(time), _seconds(time)
        for code in np.flatnonzero(which & (np.diff(bounds) > 1)):
            rows = slice(bounds[code], bounds[code + 1])
            if np.median(np.diff(days[rows])) <= 1:
                nights = _are_overnight(days[rows], seconds[rows], 1)
                has_gaps[code] = nights.any() or _has_closed_weekday(days[rows])
    return has_gaps


def are_overnight(time, least):
    """Find the steps from the end of a session to the next day, or the next business day.

    Parameters
    ----------
    time : Index
        Times of one series, in increasing order.
    least : float
        Minimum length of a night, in units of the median step.

    Returns
    -------
    ndarray of bool, shape (n_times - 1,)
        All False if there are rows at all times of the day.
    """
    if not isinstance(time, (pd.DatetimeIndex, pd.PeriodIndex)):
        return np.zeros(len(time) - 1, dtype=bool)
    return _are_overnight(_days(time), _seconds(time), least)


def _are_overnight(days, seconds, least):
    """Return which steps lead to the next day, if the night without rows is long enough."""
    night = seconds.min() + _SECONDS - seconds.max()  # from the latest time of the day to the earliest
    dates = days.astype("M8[D]")
    next_day = (np.diff(days) == 1) | ((np.diff(days) > 1) & (np.busday_count(dates[:-1], dates[1:]) == 1))
    return next_day & (night > least * np.median(np.diff(days * _SECONDS + seconds)))


def _days(time):
    """Return the local day of each time, counted from 1970-01-01."""
    if isinstance(time, pd.PeriodIndex):
        return time.asfreq("D").asi8
    return time.tz_localize(None).to_numpy().astype("M8[D]").astype(np.int64)


def _seconds(time):
    """Return the second of the local day of each time."""
    return np.asarray(time.hour * 3600 + time.minute * 60 + time.second, dtype=np.int64)


def _has_closed_weekday(days):
    """Return True if a day of the week has no rows, although it occurs twice, or once and is of the weekend."""
    occurs = np.bincount((np.arange(days[0], days[-1] + 1) + 3) % 7, minlength=7)  # from Monday: day 0 was a Thursday
    is_open = np.bincount((days + 3) % 7, minlength=7) > 0
    return bool((~is_open & ((occurs > 1) | ((occurs > 0) & (np.arange(7) > 4)))).any())
