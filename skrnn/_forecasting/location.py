"""Where rows stand to the series that were fitted, and at what times these go on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from skrnn._common.frequencies import frequencies_of, frequency_of, periods_of
from skrnn._common.times import as_scalar, comparable, time_values

# Where an index has no frequency, the next row lies no farther than so many times the largest distance so far: business
# days go on over a longer holiday, and not over a month.
_FARTHEST = 2


def locate(bounds, known, frequencies, labels):
    """Tell where rows stand: in the series that were fitted, or so many steps after.

    Parameters
    ----------
    bounds : ndarray of int, shape (n_series + 1,)
        The first row of each fitted series, and the end of the last.
    known : RowLabels
        Labels of the fitted rows.
    frequencies : tuple
        Distance between fitted times, for each series; None where there is none.
    labels : RowLabels
        Labels of the rows to locate.

    Returns
    -------
    codes : ndarray of shape (n_rows,)
        The number of the fitted series of each row.
    ahead : ndarray of int, shape (n_rows,)
        How many steps after the end of its series a row is; 0 for rows of the series itself.
    position : ndarray of int, shape (n_rows,)
        For these, the fitted row.
    """
    codes = known.series.get_indexer(labels.series)[labels.codes]
    if (codes < 0).any():
        row = int(np.argmax(codes < 0))
        series = labels.series.tolist()[labels.codes[row]]
        raise ValueError(f"Row {row} of X is of a series that was not fitted: {series!r}.")
    position = np.full(len(codes), -1)
    inside = np.zeros(len(codes), dtype=bool)
    if comparable(known.time, labels.time):
        times, fitted = time_values(labels.time), time_values(known.time)
        inside = times <= fitted[bounds[codes + 1] - 1]
        rows = np.flatnonzero(inside)
        rows = rows[np.argsort(codes[rows], kind="stable")]
        present, first = np.unique(codes[rows], return_index=True)
        for code, begin, end in zip(present, first, [*first[1:], len(rows)], strict=False):  # no end without rows
            mine = rows[begin:end]
            of_series = fitted[bounds[code] : bounds[code + 1]]
            # Whole numbers may repeat: rows of one number are those of that number, in their order.
            found = np.searchsorted(of_series, times[mine]) + _repetitions(times[mine])
            at = np.minimum(found, len(of_series) - 1)
            position[mine] = np.where((at == found) & (of_series[at] == times[mine]), bounds[code] + at, -1)
        if (inside & (position < 0)).any():
            row = int(np.argmax(inside & (position < 0)))
            why = "does not lie after the fitted series, and is none of its rows"
            if (fitted[bounds[codes[row]] : bounds[codes[row] + 1]] == times[row]).any():
                why = "stands there more often than in the fitted series"
            raise ValueError(f"Row {row} of X ({labels.time[row]}) {why}.")
    ahead = np.zeros(len(codes), dtype=int)
    after = np.flatnonzero(~inside)
    in_order = after[np.argsort(codes[after], kind="stable")]
    ahead[in_order] = np.arange(len(after)) - np.searchsorted(codes[in_order], codes[in_order]) + 1
    if len(after) and comparable(known.time, labels.time):
        _check_continues(bounds, known, frequencies, labels, codes, ahead)
    return codes, ahead, position


def _repetitions(times):
    """Return for each of sorted times how many rows of the same time stand before it."""
    return np.arange(len(times)) - np.searchsorted(times, times)


def _check_continues(bounds, known, frequencies, labels, codes, ahead):
    """Raise where a row that is so many steps ahead is not of that time."""
    last = bounds[codes + 1] - 1
    ends, periods = periods_of(known.time, known.codes, labels.time, codes, frequencies)
    regular = np.array([frequency is not None for frequency in frequencies])[codes]
    wrong = (ahead > 0) & regular & (periods - ends[last] != ahead)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"Row {row} of X ({labels.time[row]}) does not continue the series, whose last row is of "
            f"{known.time[last[row]]}: the steps to predict must follow it one by one. Where rows are missing, fill "
            "them; where order alone counts, drop the index (reset_index(drop=True)), or pass arrays."
        )
    fitted, times = time_values(known.time), time_values(labels.time)
    rows = np.flatnonzero((ahead > 0) & ~regular)
    if known.time.inferred_type == "integer":
        tells = _is_mostly_regular(fitted, bounds) & (not _counts_rows(known))
        rows = rows[tells[codes[rows]]]
    if not len(rows):
        return
    rows = rows[np.argsort(codes[rows], kind="stable")]
    before = np.concatenate([times[:1], times[rows[:-1]]])
    steps = times[rows] - np.where(ahead[rows] == 1, fitted[last[rows]], before)
    largest = _largest_steps(fitted, bounds)[codes[rows]]
    too_far = steps > _FARTHEST * largest
    if too_far.any():
        at = int(np.argmax(too_far))
        row, step, usual = int(rows[at]), as_scalar(steps[at]), as_scalar(largest[at])
        is_date = isinstance(known.time, (pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex))
        remedy = "Give the fitted index a frequency (y.asfreq)" if is_date else "Fill the rows that are missing"
        raise ValueError(
            f"Row {row} of X ({labels.time[row]}) cannot be placed after the series, whose last row is of "
            f"{known.time[last[row]]}: the fitted index has no frequency, and {step} after the row before it is more "
            f"than {_FARTHEST} times the largest distance between fitted rows, {usual}. {remedy}, or pass the steps "
            "that come next as an array, or call forecast(steps)."
        )


def _largest_steps(values, bounds):
    """Return the largest distance between neighbours in each series."""
    steps = np.diff(values, prepend=values[:1])
    steps[bounds[:-1]] = np.zeros(1, dtype=steps.dtype)
    return np.maximum.reduceat(steps, bounds[:-1])


def _is_mostly_regular(numbers, bounds):
    """Tell of which series most whole numbers lie at one distance from the one before, and none at the same place."""
    regular = np.zeros(len(bounds) - 1, dtype=bool)
    for code, (start, end) in enumerate(pairwise(bounds)):
        steps = np.diff(numbers[start:end])
        regular[code] = len(steps) > 1 and steps.min() > 0 and np.mean(steps == np.sort(steps)[len(steps) // 2]) > 0.5
    return regular


def _counts_rows(labels):
    """Tell whether whole numbers are those of the rows of a frame of several series, and count no time."""
    time = labels.time
    if len(labels.series) == 1 or time.inferred_type != "integer" or not time.is_unique:
        return False
    # All rows of it, or some from the first on.
    return bool(time.max() - time.min() + 1 == len(time) or time.min() in (0, 1))


def distance_of(labels):
    """Return for each series the distance between neighbouring times; None where there is none, or nothing tells it."""
    time = labels.time
    if time is not None and _counts_rows(labels):
        return (None,) * len(labels.series)
    if time is not None and len(labels.series) == 1 and time.inferred_type == "integer" and time.min() in (0, 1):
        return (frequency_of(time),)  # of a frame that rows may have been dropped from
    return frequencies_of(labels)
