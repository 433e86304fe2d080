"""Warnings for rows that are probably not a single series at regular times."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skrnn._common.frequencies import frequency_of
from skrnn._common.guide import see
from skrnn._common.recurring_gaps import are_overnight
from skrnn._common.times import as_scalar, as_times, is_ordered, time_values
from skrnn._common.warnings import in_cross_validation, warn

# A distance between consecutive times is a gap if it exceeds _GAP times the median, and if at least a fraction of
# _REGULAR of all distances differs from the median by no more than a fraction of _TOLERANCE.
_GAP, _REGULAR, _TOLERANCE = 10, 0.75, 0.1
_MIN_RECURRENCES = 5  # of long distances of similar length: nights between sessions of trading or measuring
_NUMBERS, _NAMES = {"integer", "floating"}, {"string", "categorical"}
_MIN_ROWS = 5  # of numbers in a suspicious order, as fewer may be in it after random sampling

PASS_GROUPS = "Pass groups={level}; otherwise, windows mix rows of several series."
PASS_NAMES = "If it is several, add a column with their names, and pass it as groups."
SET_MAX_GAP = "Windows span the gap: set max_gap to end them there, or fill it, for example with X.asfreq."


def warn_of_rows(index, labels, groups, max_gap, caller):
    """Warn if windows would contain rows of several series, or rows from both sides of a gap in the time index.

    Parameters
    ----------
    index : Index or None
        Index of the rows.
    labels : RowLabels
    groups, max_gap
        Parameters of the caller. A warning that one of them would prevent is not issued if it is given.
    caller : str
        Name of the estimator or function.
    """
    if groups is None:
        warn_of_panel(index, caller, PASS_GROUPS)
        warn_of_numbers(index, caller, PASS_NAMES)
    if max_gap is None:
        warn_of_gap(labels, caller, SET_MAX_GAP)


def warn_of_panel(index, caller, remedy):
    """Warn if a MultiIndex contains series and times, although the rows are treated as a single series.

    Parameters
    ----------
    index : Index or None
    caller : str
        Name of the estimator or function that treats the rows as a single series.
    remedy : str
        Advice to the user, with ``{level}`` in place of the level that names the series.
    """
    level = _level_of_series(index) if isinstance(index, pd.MultiIndex) else None
    if level is None:
        return
    names = ", ".join(repr(name) for name in index.names)
    count = index.get_level_values(level).nunique()
    shown = level if index.names[level] is None else index.names[level]
    warn(
        f"{caller} treats all rows as one series, but their index ({names}) contains {count} series in level "
        f"{shown!r}. {remedy.format(level=repr(shown))}" + see("panels", "windows-within-a-series")
    )


def _level_of_series(index):
    """Return the number of the level that names several series, if another level contains times; None otherwise."""
    levels = [index.get_level_values(number) for number in range(index.nlevels)]
    dates = [number for number, level in enumerate(levels) if is_ordered(level) and level.inferred_type not in _NUMBERS]
    # Integers in the last level, after text, count steps; in the first level they may be the years of named months.
    last = levels[-1].inferred_type == "integer" and levels[0].inferred_type in _NAMES
    at = dates or ([len(levels) - 1] if last else [])
    if len(at) != 1:
        return None
    others = [number for number in range(len(levels)) if number != at[0] and levels[number].nunique() > 1]
    others = [number for number in others if levels[number].has_duplicates]  # a level without duplicates names rows
    if not others:
        return None
    series = max(others, key=lambda number: levels[number].nunique())
    codes = levels[series].factorize()[0]
    time = as_times(levels[at[0]])
    in_blocks = (np.diff(codes) != 0).sum() == codes.max()
    # Consecutive blocks are parts of one series, such as the years of its days, or training and test rows.
    return None if in_blocks and time.is_monotonic_increasing and time.is_unique else series


def warn_of_numbers(index, caller, remedy):
    """Warn of an index of numbers that decrease, such as years, or that restart: the rows are used in their order.

    Rows in any other order of numbers have been shuffled or sampled, and the numbers are those of rows.

    Parameters
    ----------
    index : Index or None
    caller : str
        Name of the estimator or function that treats the rows as a single series in time order.
    remedy : str
        Advice to the user if rows are of several series.
    """
    if index is None or isinstance(index, pd.MultiIndex) or index.inferred_type not in _NUMBERS:
        return
    if len(index) >= _MIN_ROWS and index.is_monotonic_decreasing and index.is_unique:
        warn(
            f"{caller} treats rows as being in time order, but the numbers in their index decrease, from {index[0]} in "
            f"the first row to {index[-1]} in the last one. If they are times, sort the rows: X.sort_index(), and y "
            "alike. If not, drop the index: reset_index(drop=True)."
        )
    restarts = _restarts(index)
    if len(restarts):
        warn(
            f"{caller} treats all rows as one series, but their index restarts at {index[0]} in row {restarts[0]}, as "
            f"that of concatenated DataFrames does. {remedy} If it is one series, drop the index: "
            "reset_index(drop=True)."
        )


def _restarts(index):
    """Return the rows of an index of consecutive integers that restarts with its first one, after enough rows."""
    if index.inferred_type != "integer" or index.is_unique:
        return np.array([], dtype=int)
    numbers = index.to_numpy(dtype=np.int64)
    rows = np.flatnonzero(np.diff(numbers) != 1) + 1
    is_restarted = (numbers[rows] == numbers[0]).all() and len(numbers) >= _MIN_ROWS * (len(rows) + 1)
    return rows if is_restarted else rows[:0]


def warn_of_gap(labels, caller, remedy):
    """Warn of the first gap in the time index of regular rows; not in cross-validation, where splits make gaps.

    Parameters
    ----------
    labels : RowLabels
    caller : str
        Name of the estimator or function that treats consecutive rows as consecutive in time.
    remedy : str
        The consequence, and advice to the user.
    """
    gap = None if in_cross_validation() else _first_gap(labels)
    if gap is None:
        return
    before, after, usual = gap
    of_series = "" if len(labels.series) == 1 else f" of series {labels.series.tolist()[labels.codes[after]]!r}"
    warn(
        f"{caller}: rows{of_series} are missing between {labels.time[before]} (row {before}) and {labels.time[after]} "
        f"(row {after}); the usual distance between rows is {usual}. {remedy}" + see("windows", "gaps-in-time")
    )


def are_dates_as_text(index):
    """Return True for an index of text that consists of dates with the year first."""
    is_text = not isinstance(index, pd.MultiIndex) and index.inferred_type == "string"
    return bool(is_text and len(index) and index.str.match(r"\d{4}([-/.])\d{2}(\1\d{2}|$)").all())


def warn_of_unsorted_text(index, codes, caller, parameter):
    """Warn of dates as text, year first, that do not increase: the order of other text need not be that of time.

    Parameters
    ----------
    index : Index
    codes : ndarray of int, shape (n_rows,)
        Number of the series of each row.
    caller, parameter : str
        Name of the function or estimator, and of its parameter that has the index.

    Returns
    -------
    bool
        Whether it has warned.
    """
    if not are_dates_as_text(index):
        return False
    order = np.argsort(codes, kind="stable")
    labels = index.to_numpy(dtype=object)[order]
    is_wrong = ~(labels[1:] > labels[:-1]).astype(bool) & (np.diff(codes[order]) == 0)
    warns = bool(is_wrong.any())
    if warns:
        before, row = order[int(np.argmax(is_wrong)) :][:2].tolist()
        warn(
            f"{caller}: the index of {parameter} contains dates as text, and row {row} ({index[row]!r}) does not "
            f"come after row {before} ({index[before]!r}). Convert the index to dates "
            f"({to_dates(codes, parameter)}), and pass the rows of one series in time order."
        )
    return warns


def warn_of_text(index, codes, caller, parameter, consequence):
    """Warn of dates as text, whether or not they increase.

    Parameters
    ----------
    index : Index or None
    codes, caller, parameter
        As for `warn_of_unsorted_text`.
    consequence : str
        Of dates that are text, besides that they have no order.
    """
    if index is None or not are_dates_as_text(index):
        return
    if not warn_of_unsorted_text(index, codes, caller, parameter):
        warn(
            f"{caller}: the index of {parameter} contains dates as text, which have no order in time: the rows of a "
            f"series are used in the order in which they are passed, and {consequence}. Convert the index to dates "
            f"({to_dates(codes, parameter)})."
        )


def to_dates(codes, parameter):
    """Return the call of pandas that converts the index of a parameter, or one of its levels, from text to dates."""
    converts = f"{parameter}.set_axis(pd.to_datetime({parameter}.index))"
    return converts if not codes.any() else "pd.to_datetime"


def _first_gap(labels):
    """Return the rows before and after the first gap of the first series that has one, and the usual distance."""
    time = labels.time
    # Integers may be row numbers, and the rows a selection.
    if time is None or time.inferred_type == "integer":
        return None
    order = labels.by_series()
    codes = labels.codes[order]
    bounds = np.searchsorted(codes, np.arange(len(labels.series) + 1))
    for code in _series_with_long_steps(time_values(time)[order], bounds):
        rows = order[bounds[code] : bounds[code + 1]]
        distances, unit = _distances(time[rows])
        median = np.median(distances)
        is_gap = distances > _GAP * median
        is_regular = _fraction_near(distances, median) >= _REGULAR
        lengths = distances[is_gap]
        recurs = len(lengths) >= _MIN_RECURRENCES and _fraction_near(lengths, np.median(lengths)) > 0.5
        is_gap &= ~are_overnight(time[rows], _GAP)
        if is_regular and is_gap.any() and not recurs and frequency_of(_with_frequency(time, rows)) is None:
            gap = int(np.argmax(is_gap))
            usual = as_scalar(np.asarray(median * unit)[()]) if not isinstance(time, pd.PeriodIndex) else int(median)
            return int(rows[gap]), int(rows[gap + 1]), usual
    return None


def _fraction_near(distances, median):
    """Return the fraction of distances within the tolerance of their median."""
    return np.mean(np.abs(distances - median) <= _TOLERANCE * median)


def _series_with_long_steps(values, bounds):
    """Return the series whose largest distance is so much larger than the smallest one that it may be a gap."""
    steps = np.diff(values)
    starts, ends = bounds[:-1], bounds[1:] - 1  # of the steps of each series, of which there is one fewer than rows
    several = np.flatnonzero(ends - starts > 1)
    if not len(several):
        return several
    # The step between two series belongs to neither: reduceat with alternating slices puts it into every second result.
    slices = np.column_stack([starts[several], ends[several]]).ravel()
    slices = slices[:-1] if slices[-1] == len(steps) else slices
    largest, smallest = (reduce.reduceat(steps, slices)[::2] for reduce in (np.maximum, np.minimum))
    return several[largest > _GAP * smallest]


def _with_frequency(time, rows):
    """Return the times of a series. A single series keeps the frequency of its index, which indexing would drop."""
    return time if len(rows) == len(time) else time[rows]


def _distances(time):
    """Return the distances between consecutive times as numbers, and their unit; in business days where they are."""
    values = time_values(time)
    steps = np.diff(values)
    if values.dtype.kind != "m" and values.dtype.kind != "M":
        return steps, 1
    if isinstance(time, pd.DatetimeIndex):
        wall = time if time.tz is None else time.tz_localize(None)
        days = wall.to_numpy().astype("M8[D]")
        # Days of the week with rows: Monday to Friday, or another week.
        weekmask = np.minimum(np.bincount(wall.day_of_week, minlength=7), 1).tolist()
        if np.median(np.diff(days).astype(int)) == 1:
            return np.busday_count(days[:-1], days[1:], weekmask=weekmask), np.timedelta64(1, "D")
    unit = np.ones(1, dtype=steps.dtype)[0]
    return steps / unit, unit
