"""Frequencies of series: the distance between neighbouring times, and the periods that times lie in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from skrnn._times import time_values

_DAY = np.timedelta64(1, "D")


def frequency_of(time):
    """Return the frequency of one series.

    Parameters
    ----------
    time : Index or None
        Times in increasing order.

    Returns
    -------
    str, DateOffset, int or None
        For dates and time differences an alias of pandas, or an offset that has none; for numbers, and for periods
        in units of theirs, their step. Given by the index, inferred by pandas, or the constant step; None where there
        is none.
    """
    if time is None:
        return None
    if isinstance(time, pd.PeriodIndex):
        return _constant_step(time.asi8)
    if getattr(time, "freq", None) is not None:
        return _plain(time.freq)
    if isinstance(time, pd.RangeIndex):
        return time.step
    distinct = time.unique().sort_values()
    if isinstance(distinct, (pd.DatetimeIndex, pd.TimedeltaIndex)):
        # Not pd.infer_freq, which warns from pandas 3.1 on, and will return something else. Two times infer nothing.
        return _plain(type(distinct)(distinct, freq="infer").freq)
    return _constant_step(distinct.to_numpy()) if distinct.dtype.kind in "iu" else None


def frequencies_of(labels):
    """Return the frequency of each series.

    The frequency is that of the rows of the series itself. A series that is too short to have one, or has holes, takes
    that of other series of the panel where its rows agree with it.

    Parameters
    ----------
    labels : RowLabels

    Returns
    -------
    tuple of str, DateOffset, int or None, one for each series
    """
    n_series = len(labels.series)
    if labels.time is None:
        return (None,) * n_series
    if n_series == 1:
        frequency = frequency_of(labels.time)
        return (_period_grid(labels.time) if frequency is None else frequency,)
    order = labels.by_series()
    time, codes = labels.time[order], labels.codes[order]
    bounds = np.searchsorted(codes, np.arange(n_series + 1))
    lengths = np.diff(bounds)
    found, pending = [None] * n_series, _may_be_regular(time, codes, bounds)
    n_rows: dict[Any, int] = {}  # of the series of each frequency
    # The longest first: three days of business days look like any three days.
    for code in np.argsort(-lengths, kind="stable"):
        frequency = frequency_of(time[bounds[code] : bounds[code + 1]]) if pending[code] else None
        if frequency is None:
            continue
        exact = _agreeing(time, codes, pending, frequency)[1] == 1
        exact[code] = True
        for other in np.flatnonzero(exact & pending):
            found[other] = frequency
            n_rows[frequency] = n_rows.get(frequency, 0) + int(lengths[other])
        pending &= ~exact
    if None in found:
        _lend(found, time, codes, bounds, sorted(n_rows, key=lambda frequency: -n_rows[frequency]))
    return tuple(found)


def _lend(found, time, codes, bounds, candidates):
    """Give series without a frequency one of the panel, in place."""
    needy = np.array([frequency is None for frequency in found])
    single = needy & (np.diff(bounds) == 1)
    pooled = [] if candidates and not (needy & ~single).any() else [frequency_of(time)]
    for frequency in dict.fromkeys(f for f in [*candidates, *pooled] if f is not None):
        on_grid, share = _agreeing(time, codes, needy & ~single, frequency)
        # Rows of a period index lie in its periods, however many are missing.
        agrees = on_grid & ((share > 0.5) | isinstance(time, pd.PeriodIndex)) & needy & ~single
        for code in np.flatnonzero(agrees):
            found[code] = frequency
        needy &= ~agrees
    for code in np.flatnonzero(needy):
        if single[code] and len(set(candidates)) == 1:
            found[code] = candidates[0]
        else:
            found[code] = _period_grid(time[bounds[code] : bounds[code + 1]])


def periods_of(time, codes, later, later_codes, frequencies):
    """Return the number of the period of its series at which each time lies.

    Parameters
    ----------
    time : Index
        Fitted times, those of one series after another.
    codes : ndarray of int, shape (n_rows,)
        Their series, sorted.
    later : Index
        Other times.
    later_codes : ndarray of int, shape (n_later,)
        Their series; -1 for one that was not fitted.
    frequencies : tuple
        As `frequencies_of` returns them.

    Returns
    -------
    numbers, later_numbers : ndarray of float, one for each time
        Periods since the first fitted row of the series; NaN between two periods, or without a frequency.
    """
    both, all_codes = time.append(later), np.concatenate([codes, later_codes])
    numbers = np.full(len(both), np.nan)
    first = np.searchsorted(codes, np.arange(len(frequencies)))
    kinds = {frequency: kind for kind, frequency in enumerate(dict.fromkeys(frequencies))}
    kind = np.array([kinds[frequency] for frequency in frequencies])
    for frequency in kinds:
        if frequency is not None:
            rows = np.flatnonzero((all_codes >= 0) & (kind[all_codes] == kinds[frequency]))
            numbers[rows] = _count(both[rows], both[first[all_codes[rows]]], frequency)
    return numbers[: len(time)], numbers[len(time) :]


def next_times(last, frequency, n_steps):
    """Return the times of the steps after the last one; their numbers where there is no frequency."""
    if last is None or frequency is None:
        return pd.RangeIndex(1, n_steps + 1, name="step")
    steps = np.arange(1, n_steps + 1)
    if isinstance(last, pd.PeriodIndex):
        return pd.PeriodIndex.from_ordinals(last.asi8[0] + frequency * steps, freq=last.freq, name=last.name)
    if isinstance(last, pd.DatetimeIndex):
        return pd.date_range(last[0], periods=n_steps + 1, freq=frequency, name=last.name)[1:]
    step = to_offset(frequency) if isinstance(frequency, str) else frequency
    return pd.Index([last[0] + step * int(i) for i in steps], name=last.name)


def times_of_next_rows(known, codes, frequencies):
    """Return the times of rows without an index, which come next in their series.

    Parameters
    ----------
    known : RowLabels
        Labels of earlier rows, those of one series after another.
    codes : ndarray of int, shape (n_rows,)
        The number of the series of each new row, among those of `known`.
    frequencies : tuple
        As `frequencies_of` returns them.

    Returns
    -------
    Index of length n_rows, or None where a series has no frequency
    """
    present = np.unique(codes)
    if not len(present) or present[-1] >= len(frequencies) or any(frequencies[code] is None for code in present):
        return None
    order, last = np.argsort(codes, kind="stable"), np.searchsorted(known.codes, present, side="right") - 1
    counts = np.bincount(codes)[present]
    parts = [
        next_times(known.time[[end]], frequencies[code], count)
        for end, code, count in zip(last, present, counts, strict=True)
    ]
    place = np.empty(len(order), dtype=int)
    place[order] = np.arange(len(order))
    return parts[0].append(parts[1:]).take(place)


def _plain(offset):
    """Return an offset as its alias, where that says all."""
    if offset is None:
        return None
    try:
        return offset.freqstr if to_offset(offset.freqstr) == offset else offset
    except ValueError:  # such as a DateOffset of several units
        return offset


def _constant_step(numbers):
    steps = np.diff(numbers)
    return int(steps[0]) if len(steps) > 1 and steps[0] and (steps == steps[0]).all() else None


def _period_grid(time):
    """Return the largest step at which all rows of an index of periods lie; None for other kinds."""
    if not isinstance(time, pd.PeriodIndex):
        return None
    return int(np.gcd.reduce(np.diff(time.asi8))) or time.freq.n


def _may_be_regular(time, codes, bounds):
    """Tell which series pandas may find a frequency for: asking it about each of thousands takes seconds."""
    lengths = np.diff(bounds)
    steps = np.diff(time_values(time))
    if steps.dtype.kind != "m":
        return lengths > 1
    hours = steps / np.timedelta64(1, "h")
    within = codes[1:] == codes[:-1]
    smallest, largest = np.full(len(lengths), np.inf), np.zeros(len(lengths))
    np.minimum.at(smallest, codes[1:][within], hours[within])
    np.maximum.at(largest, codes[1:][within], hours[within])
    two_days = np.bincount(codes[1:][within & (hours > 36) & (hours < 60)], minlength=len(lengths)) > 0
    calendar = largest <= 1.5 * smallest  # third Fridays are four or five weeks apart
    business_days = (smallest > 22) & (largest < 74) & ~two_days
    business_hours = (smallest == 1) & np.isin(largest, [17, 65])
    return (lengths > 1) & (calendar | business_days | business_hours)


def _agreeing(time, codes, which, frequency):
    """Tell for some series whether all rows lie at periods of a frequency, and the share that follow by one."""
    n_series = len(which)
    rows = np.flatnonzero(which[codes])
    first = np.searchsorted(codes, np.arange(n_series))
    numbers = _count(time[rows], time[first[codes[rows]]], frequency)
    codes = codes[rows]
    off_grid = np.bincount(codes, np.isnan(numbers), n_series) > 0
    within = codes[1:] == codes[:-1]
    n_steps = np.bincount(codes[1:][within], minlength=n_series)
    n_single = np.bincount(codes[1:][within], np.diff(numbers)[within] == 1, n_series)
    return which & ~off_grid, n_single / np.maximum(n_steps, 1)


def _count(time, origin, frequency):
    """Return how many periods after its origin each time lies, NaN between two."""
    offset = to_offset(frequency) if isinstance(frequency, str) else frequency
    if not isinstance(time, pd.DatetimeIndex) or _is_fixed(offset):
        step = pd.Timedelta(offset).to_timedelta64() if isinstance(offset, pd.offsets.BaseOffset) else offset
        return _multiples(time_values(time) - time_values(origin), step)
    # By the clock on the wall: days differ in length where clocks change.
    wall, start = (index.tz_localize(None).to_numpy() for index in (time, origin))
    if isinstance(offset, (pd.offsets.Day, pd.offsets.Week)):
        return _multiples(wall - start, offset.n * (7 if isinstance(offset, pd.offsets.Week) else 1) * _DAY)
    if type(offset) is pd.DateOffset or isinstance(offset, (pd.offsets.BusinessHour, pd.offsets.CustomBusinessHour)):
        numbers = np.full(len(wall), np.nan)
        for first in np.unique(start):
            mine = start == first
            numbers[mine] = _places(pd.date_range(first, max(first, wall[mine].max()), freq=offset), wall[mine])
        return numbers
    days, first_days = wall.astype("M8[D]"), start.astype("M8[D]")
    calendar = pd.date_range(min(days.min(), first_days.min()), days.max(), freq=offset.base)
    distance = _places(calendar, days) - _places(calendar, first_days)
    return np.where(wall - days == start - first_days, _multiples(distance, offset.n), np.nan)


def _places(calendar, times):
    """Return the position of times in a calendar, NaN where they are not in it."""
    places = calendar.get_indexer(pd.DatetimeIndex(times)).astype(float)
    return np.where(places < 0, np.nan, places)


def _multiples(distances, step):
    """Return how many steps distances are, NaN where they are no whole number of them."""
    numbers, rest = np.divmod(distances, step)
    return np.where(rest == np.zeros(1, dtype=rest.dtype), numbers, np.nan)


def _is_fixed(offset):
    """Tell frequencies of so many hours, minutes or less: days differ in length where clocks change."""
    return isinstance(offset, pd.offsets.Tick) and not isinstance(offset, pd.offsets.Day)
