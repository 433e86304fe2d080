"""Frequencies of series: the distance between neighbouring times, and the periods that times lie in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from skrnn._common.plain_index import alias_of
from skrnn._common.recurring_gaps import have_recurring_gaps
from skrnn._common.times import time_values

_DAY = np.timedelta64(1, "D")
_MOST, _NEARLY_ALL = 0.5, 0.9  # of the rows of a series follow by one, where they agree with a frequency


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
        is none, as of whole numbers that repeat.
    """
    if time is None or _repeats(time):
        return None
    if isinstance(time, pd.PeriodIndex):
        return _constant_step(time.asi8)
    if getattr(time, "freq", None) is not None:
        return alias_of(time.freq)
    if isinstance(time, pd.RangeIndex):
        return time.step
    if isinstance(time, (pd.DatetimeIndex, pd.TimedeltaIndex)):
        inferred = _inferred(time)
        return alias_of(inferred if inferred or getattr(time, "tz", None) is None else _inferred(_wall(time)))
    return _constant_step(time.to_numpy()) if time.dtype.kind in "iu" else None


def _repeats(time):
    """Return True if increasing times repeat; pandas 2.2 says so of any slice of an index that repeats some."""
    steps = np.diff(time_values(time))
    return bool((steps == np.zeros(1, dtype=steps.dtype)).any())


def frequency_despite_holes(time):
    """Return the frequency of one series, or that which nearly all of its rows agree with, where others are missing.

    Days of the week without rows and nights between sessions are no holes: what comes after them is the next row.

    Parameters
    ----------
    time : Index
        Times in increasing order.

    Returns
    -------
    str, DateOffset, int or None
        As `frequency_of` returns it. A period is followed by the next one where there are too few to tell.
    """
    frequency = frequency_of(time)
    if frequency is None and not have_recurring_gaps(time, np.array([0, len(time)]), np.ones(1, dtype=bool))[0]:
        frequency = _despite_holes(time)
    return frequency


def _despite_holes(time):
    """Return the frequency that nearly all rows of a series without breaks agree with."""
    steps = np.diff(time_values(time))
    if len(steps) < 2:
        return int(np.gcd.reduce(steps)) or time.freq.n if isinstance(time, pd.PeriodIndex) else None
    regular = steps <= 1.5 * np.sort(steps)[len(steps) // 2]
    if regular.all() or regular.mean() < _NEARLY_ALL or _repeats(time):
        return None
    ends = np.concatenate([[-1], np.flatnonzero(~regular), [len(steps)]])
    longest = int(np.argmax(np.diff(ends)))
    frequency = frequency_of(time[ends[longest] + 1 : ends[longest + 1] + 1])  # of the rows between two holes
    if frequency is None:
        return None
    numbers = _count(time, time[np.zeros(len(time), dtype=int)], frequency)
    return frequency if not np.isnan(numbers).any() and (np.diff(numbers) == 1).mean() >= _NEARLY_ALL else None


def frequencies_of(labels):
    """Return the frequency of each series.

    The frequency is that of the rows of the series itself. A series that is too short to have one, or has holes, takes
    that of other series of the panel where its rows agree with it and are no more than theirs, or else one that nearly
    all of its own rows agree with.

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
        return (frequency_despite_holes(labels.time),)
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
        _lend(found, time, codes, bounds, n_rows)
    return tuple(found)


def _lend(found, time, codes, bounds, n_rows):
    """Give series without a frequency one of the panel, or one of their own rows, in place."""
    needy = np.array([frequency is None for frequency in found])
    lengths = np.diff(bounds)
    only_single = (lengths[needy] == 1).all()
    n_rows = dict(sorted(n_rows.items(), key=lambda item: -item[1]))
    lone = len(n_rows) == 1  # one row agrees with too many frequencies to choose
    pooled = None if n_rows and only_single else frequency_of(time.unique().sort_values())
    if pooled is not None and pooled not in n_rows:
        n_rows[pooled] = len(time)
    broken = have_recurring_gaps(time, bounds, needy)
    for place, (frequency, n_of_others) in enumerate(n_rows.items()):
        on_grid, share = _agreeing(time, codes, needy, frequency)
        # Rows of a period index lie in its periods, however many are missing.
        agrees = (share > _MOST) | isinstance(time, pd.PeriodIndex)
        agrees &= (lengths > 1) & (lengths <= n_of_others) & ~broken
        agrees |= (lengths == 1) & lone & (place == 0)
        agrees &= on_grid
        for code in np.flatnonzero(agrees):
            found[code] = frequency
        needy &= ~agrees
    for code in np.flatnonzero(needy & ~broken):
        frequency = _despite_holes(time[bounds[code] : bounds[code + 1]]) if found[code] is None else None
        if frequency is None:
            continue
        found[code] = frequency
        on_grid, share = _agreeing(time, codes, needy & ~broken, frequency)
        for other in np.flatnonzero(on_grid & (share >= _NEARLY_ALL)):
            found[other] = found[other] or frequency


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
    offset = to_offset(frequency) if isinstance(frequency, str) else frequency
    if isinstance(last, pd.DatetimeIndex):
        zone = None if _is_fixed(offset) else last.tz
        wall = pd.date_range(_wall(last)[0], periods=n_steps + 1, freq=offset, name=last.name)
        if zone is not None and wall.tz_localize(zone, nonexistent="NaT", ambiguous="NaT").hasnans:
            return _localized(wall, zone)[1:]  # which has no freq
        return pd.date_range(last[0], periods=n_steps + 1, freq=offset, name=last.name)[1:]
    return pd.Index([last[0] + offset * int(i) for i in steps], name=last.name)


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


def _constant_step(numbers):
    steps = np.diff(numbers)
    return int(steps[0]) if len(steps) > 1 and steps[0] and (steps == steps[0]).all() else None


def _inferred(time):
    """Return the frequency that pandas infers."""
    # Not pd.infer_freq, which warns from pandas 3.1 on, and will return something else. Two times infer nothing.
    return type(time)(time, freq="infer").freq


def _wall(time):
    """Return times by the clock on the wall; a midnight that does not exist is that of the time it was shifted to."""
    if getattr(time, "tz", None) is None:
        return time
    wall = time.tz_localize(None)
    midnight = wall.normalize()
    return wall.where(_localized(midnight, time.tz) != time, midnight)


def _localized(wall, zone):
    """Return times of the clock on the wall as times of a zone: the first that exists of none, the first of two."""
    return wall.tz_localize(zone, nonexistent="shift_forward", ambiguous=np.ones(len(wall), dtype=bool))


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
    if not len(time):
        return np.empty(0)
    offset = to_offset(frequency) if isinstance(frequency, str) else frequency
    if not isinstance(time, pd.DatetimeIndex) or _is_fixed(offset):
        step = pd.Timedelta(offset).to_timedelta64() if isinstance(offset, pd.offsets.BaseOffset) else offset
        return _multiples(time_values(time) - time_values(origin), step)
    # By the clock on the wall: days differ in length where clocks change.
    wall, start = time.tz_localize(None).to_numpy(), _wall(origin).to_numpy()
    if time.tz is not None:  # a time of the day that did not exist is the first one after it
        days = wall.astype("M8[D]")
        exact = pd.DatetimeIndex(days + (start - start.astype("M8[D]")))
        wall = np.where(_localized(exact, time.tz) == time, exact, wall)
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
