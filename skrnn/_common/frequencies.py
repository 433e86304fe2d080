"""Frequencies of series, inferred also where rows are missing, and positions of times in periods of a frequency."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from skrnn._common.plain_index import alias_of
from skrnn._common.recurring_gaps import have_recurring_gaps
from skrnn._common.times import time_values

_DAY = np.timedelta64(1, "D")
# Fractions of the steps of a series that must be one period of a frequency, for a frequency of another series of the
# panel, and for one inferred from the series itself.
_MOST, _NEARLY_ALL = 0.5, 0.9
_ROWS_AT_ONCE = 2**16  # of a panel, so that the numbers of their periods take little memory


def frequency_of(time):
    """Return the frequency of one series.

    Parameters
    ----------
    time : Index or None
        Times in increasing order.

    Returns
    -------
    str, DateOffset, int or None
        For dates and time differences an alias of pandas, or an offset without an alias; for integers, and for periods
        in multiples of their frequency, the step. It is that of the index, the one that pandas infers, or the constant
        step; None if there is none, and if times repeat.
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
    """Return True if increasing times repeat; ``has_duplicates`` of slices of an index is wrong in pandas 2.2."""
    steps = np.diff(time_values(time))
    return bool((steps == np.zeros(1, dtype=steps.dtype)).any())


def frequency_despite_gaps(time):
    """Return the frequency of one series, also if rows are missing, provided that nearly all others agree with it.

    Days of the week without rows and nights between sessions are not gaps: the row after them is the next row.

    Parameters
    ----------
    time : Index
        Times in increasing order.

    Returns
    -------
    str, DateOffset, int or None
        As returned by `frequency_of`. For a PeriodIndex of two rows it is their distance, of one row that of the index.
    """
    frequency = frequency_of(time)
    if frequency is None and not have_recurring_gaps(time, np.array([0, len(time)]), np.ones(1, dtype=bool))[0]:
        frequency = _inferred_despite_gaps(time)
    return frequency


def _inferred_despite_gaps(time):
    """Return the frequency that nearly all rows agree with, of a series without recurring gaps."""
    steps = np.diff(time_values(time))
    if len(steps) < 2:
        return int(np.gcd.reduce(steps)) or time.freq.n if isinstance(time, pd.PeriodIndex) else None
    regular = steps <= 1.5 * np.sort(steps)[len(steps) // 2]
    if _are_dates_as_integers(time_values(time)):
        return None
    if regular.all() or regular.mean() < _NEARLY_ALL or _repeats(time):
        return None
    ends = np.concatenate([[-1], np.flatnonzero(~regular), [len(steps)]])  # of runs of rows without a gap
    longest = int(np.argmax(np.diff(ends)))
    longest_run = time[ends[longest] + 1 : ends[longest + 1] + 1]
    frequency = frequency_of(longest_run)
    if frequency is None:
        return None
    numbers = _count(time, time[np.zeros(len(time), dtype=int)], frequency)
    return frequency if not np.isnan(numbers).any() and (np.diff(numbers) == 1).mean() >= _NEARLY_ALL else None


def _are_dates_as_integers(values):
    """Return True for integers such as 202312 or 20231231: the step after 202312 is 202401, not 202313."""
    if values.dtype.kind not in "iu":
        return False
    last = values % 100
    months = (last >= 1) & (last <= 12) & (values >= 100_000) & (values < 300_000)
    middle = values // 100 % 100
    days = (last >= 1) & (last <= 31) & (middle >= 1) & (middle <= 12) & (values >= 10**7) & (values < 3 * 10**7)
    return bool(months.all() or days.all())


def frequencies_of(labels):
    """Return the frequency of each series.

    The frequency is that of the rows of the series itself. A series that is too short, or has gaps, gets the frequency
    of other, longer series of the panel if its rows agree with it, or else the one that nearly all of its own rows
    agree with.

    Parameters
    ----------
    labels : RowLabels

    Returns
    -------
    tuple of str, DateOffset, int or None, of length n_series
    """
    n_series = len(labels.series)
    if labels.time is None:
        return (None,) * n_series
    if n_series == 1:
        return (frequency_despite_gaps(labels.time),)
    order = labels.by_series()
    time, codes = labels.time[order], labels.codes[order]
    bounds = np.searchsorted(codes, np.arange(n_series + 1))
    lengths = np.diff(bounds)
    found, pending = [None] * n_series, _may_be_regular(time, codes, bounds)
    n_rows: dict[Any, int] = {}  # number of rows of the series of each frequency
    # The longest series come first: three business days look like any three days.
    for code in np.argsort(-lengths, kind="stable"):
        frequency = frequency_of(time[bounds[code] : bounds[code + 1]]) if pending[code] else None
        if frequency is None:
            continue
        exact = _agreement(time, codes, pending, frequency)[1] == 1
        exact[code] = True
        for other in np.flatnonzero(exact & pending):
            found[other] = frequency
            n_rows[frequency] = n_rows.get(frequency, 0) + int(lengths[other])
        pending &= ~exact
    if None in found:
        _fill_missing(found, time, codes, bounds, n_rows)
    return tuple(found)


def _fill_missing(found, time, codes, bounds, n_rows):
    """Set the missing frequencies to one of the panel, or to one inferred from their own rows, in place."""
    is_missing = np.array([frequency is None for frequency in found])
    lengths = np.diff(bounds)
    all_of_one_row = (lengths[is_missing] == 1).all()
    n_rows = dict(sorted(n_rows.items(), key=lambda item: -item[1]))
    is_only_frequency = len(n_rows) == 1  # otherwise a series of one row would agree with several
    pooled = None if n_rows and all_of_one_row else frequency_of(time.unique().sort_values())
    if pooled is not None and pooled not in n_rows:
        n_rows[pooled] = len(time)
    has_recurring_gaps = have_recurring_gaps(time, bounds, is_missing)
    for rank, (frequency, n_of_others) in enumerate(n_rows.items()):
        on_grid, fraction = _agreement(time, codes, is_missing, frequency)
        # A time of a period index is always a multiple of its frequency, even if most rows are missing.
        agrees = (fraction > _MOST) | isinstance(time, pd.PeriodIndex)
        agrees &= (lengths > 1) & (lengths <= n_of_others) & ~has_recurring_gaps
        agrees |= (lengths == 1) & is_only_frequency & (rank == 0)
        agrees &= on_grid
        for code in np.flatnonzero(agrees):
            found[code] = frequency
        is_missing &= ~agrees
    for code in np.flatnonzero(is_missing & ~has_recurring_gaps):
        frequency = _inferred_despite_gaps(time[bounds[code] : bounds[code + 1]]) if found[code] is None else None
        if frequency is None:
            continue
        found[code] = frequency
        on_grid, fraction = _agreement(time, codes, is_missing & ~has_recurring_gaps, frequency)
        for other in np.flatnonzero(on_grid & (fraction >= _NEARLY_ALL)):
            found[other] = found[other] or frequency


def periods_of(time, codes, later, later_codes, frequencies):
    """Return the number of the period, within its series, of each time.

    Parameters
    ----------
    time : Index
        Fitted times, sorted by series.
    codes : ndarray of int, shape (n_rows,)
        Their series, sorted.
    later : Index
        Other times.
    later_codes : ndarray of int, shape (n_later,)
        Their series; -1 for a series that was not fitted.
    frequencies : tuple
        As returned by `frequencies_of`.

    Returns
    -------
    numbers, later_numbers : ndarray of float, shape (n_rows,) and (n_later,)
        Number of periods since the first fitted row of the series; NaN for a time between two periods, and without a
        frequency.
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
    """Return the times of the steps after the last time, or the numbers of the steps without a frequency."""
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
            return _localized(wall, zone)[1:]  # without a freq
        return pd.date_range(last[0], periods=n_steps + 1, freq=offset, name=last.name)[1:]
    return pd.Index([last[0] + offset * int(i) for i in steps], name=last.name)


def times_of_next_rows(known, codes, frequencies):
    """Return the times of rows without an index that are the next ones of their series.

    Parameters
    ----------
    known : RowLabels
        Labels of earlier rows, sorted by series.
    codes : ndarray of int, shape (n_rows,)
        Number of the series of each new row, in `known`.
    frequencies : tuple
        As returned by `frequencies_of`.

    Returns
    -------
    Index of length n_rows, or None if a series has no frequency
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
    position = np.empty(len(order), dtype=int)
    position[order] = np.arange(len(order))
    return parts[0].append(parts[1:]).take(position)


def _constant_step(numbers):
    """Return the step of integers at equal distances; None otherwise."""
    steps = np.diff(numbers)
    return int(steps[0]) if len(steps) > 1 and steps[0] and (steps == steps[0]).all() else None


def _inferred(time):
    """Return the frequency that pandas infers."""
    # Not pd.infer_freq, which warns since pandas 3.1 of a change of its return type, and raises for two times.
    return type(time)(time, freq="infer").freq


def _wall(time):
    """Return local times without a time zone; a midnight that was shifted because it does not exist is restored."""
    if getattr(time, "tz", None) is None:
        return time
    wall = time.tz_localize(None)
    midnight = wall.normalize()
    return wall.where(_localized(midnight, time.tz) != time, midnight)


def _localized(wall, zone):
    """Localize times: nonexistent ones are shifted forward, ambiguous ones are the first of the two."""
    return wall.tz_localize(zone, nonexistent="shift_forward", ambiguous=np.ones(len(wall), dtype=bool))


def _may_be_regular(time, codes, bounds):
    """Return the series for which pandas may infer a frequency: inference for thousands of series takes seconds."""
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
    calendar = largest <= 1.5 * smallest  # third Fridays of months are four or five weeks apart
    business_days = (smallest > 22) & (largest < 74) & ~two_days
    business_hours = (smallest == 1) & np.isin(largest, [17, 65])
    return (lengths > 1) & (calendar | business_days | business_hours)


def _agreement(time, codes, which, frequency):
    """Return which of some series lie on periods of a frequency, and the fraction of their steps of one period."""
    bounds = np.searchsorted(codes, np.arange(len(which) + 1, dtype=codes.dtype))
    new_block = np.flatnonzero(np.diff(bounds[:-1] // _ROWS_AT_ONCE)) + 1
    on_grid, fractions = [], []
    for first, end in pairwise([0, *new_block.tolist(), len(which)]):
        rows = slice(bounds[first], bounds[end])
        of_block = _agreement_of_block(time[rows], codes[rows] - codes.dtype.type(first), which[first:end], frequency)
        on_grid.append(of_block[0])
        fractions.append(of_block[1])
    return np.concatenate(on_grid), np.concatenate(fractions)


def _agreement_of_block(time, codes, which, frequency):
    """Return what `_agreement` does, for series whose rows are processed together."""
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
    """Return the number of periods from its origin to each time; NaN for a time between two periods."""
    if not len(time):
        return np.empty(0)
    offset = to_offset(frequency) if isinstance(frequency, str) else frequency
    if not isinstance(time, pd.DatetimeIndex) or _is_fixed(offset):
        step = pd.Timedelta(offset).to_timedelta64() if isinstance(offset, pd.offsets.BaseOffset) else offset
        return _multiples(time_values(time) - time_values(origin), step)
    # In local time: the length of a day differs when clocks change.
    wall, start = time.tz_localize(None).to_numpy(), _wall(origin).to_numpy()
    if time.tz is not None:  # a nonexistent local time is represented by the first one after it
        days = wall.astype("M8[D]")
        exact = pd.DatetimeIndex(days + (start - start.astype("M8[D]")))
        wall = np.where(_localized(exact, time.tz) == time, exact, wall)
    if isinstance(offset, (pd.offsets.Day, pd.offsets.Week)):
        return _multiples(wall - start, offset.n * (7 if isinstance(offset, pd.offsets.Week) else 1) * _DAY)
    if type(offset) is pd.DateOffset or isinstance(offset, (pd.offsets.BusinessHour, pd.offsets.CustomBusinessHour)):
        numbers = np.full(len(wall), np.nan)
        for first in np.unique(start):
            of_origin = start == first
            numbers[of_origin] = _positions_in(
                pd.date_range(first, max(first, wall[of_origin].max()), freq=offset), wall[of_origin]
            )
        return numbers
    days, first_days = wall.astype("M8[D]"), start.astype("M8[D]")
    calendar = pd.date_range(min(days.min(), first_days.min()), days.max(), freq=offset.base)
    distance = _positions_in(calendar, days) - _positions_in(calendar, first_days)
    return np.where(wall - days == start - first_days, _multiples(distance, offset.n), np.nan)


def _positions_in(calendar, times):
    """Return the positions of times in a calendar, NaN for times that it does not contain."""
    positions = calendar.get_indexer(pd.DatetimeIndex(times)).astype(float)
    return np.where(positions < 0, np.nan, positions)


def _multiples(distances, step):
    """Return distances in steps; NaN for those that are not a multiple of the step."""
    numbers, rest = np.divmod(distances, step)
    return np.where(rest == np.zeros(1, dtype=rest.dtype), numbers, np.nan)


def _is_fixed(offset):
    """Return True for frequencies of hours or shorter units, whose length does not depend on changes of the clocks."""
    return isinstance(offset, pd.offsets.Tick) and not isinstance(offset, pd.offsets.Day)
