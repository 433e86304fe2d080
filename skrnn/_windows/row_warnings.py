"""Warnings of rows that are probably not the one series, without holes, that they are taken for."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skrnn._common.breaks import crosses_night
from skrnn._common.frequencies import frequency_of
from skrnn._common.guide import see
from skrnn._common.times import as_scalar, as_times, is_ordered, time_values
from skrnn._common.warnings import in_cross_validation, warn

# One distance that is so many times the median is a hole, where so large a part of all distances is about the median.
_HOLE, _REGULAR, _ABOUT = 10, 0.75, 0.1
_BREAKS = 5  # of about one length are the nights between sessions of trading or measuring
_NUMBERS, _NAMES = {"integer", "floating"}, {"string", "categorical"}

PASS_GROUPS = "Pass groups={level}: without it, windows reach from one series into the next."
SET_MAX_GAP = "Windows reach over the hole: set max_gap to end them there, or fill it, which X.asfreq makes rows for."


def warn_of_panel(index, caller, remedy):
    """Warn where a MultiIndex holds series and times, and nothing says that its rows are of several series.

    Parameters
    ----------
    index : Index or None
    caller : str
        Who takes the rows for one series.
    remedy : str
        What to do, with ``{level}`` for the level that names the series.
    """
    level = _level_of_series(index) if isinstance(index, pd.MultiIndex) else None
    if level is None:
        return
    names = ", ".join(repr(name) for name in index.names)
    count = index.get_level_values(level).nunique()
    shown = level if index.names[level] is None else index.names[level]
    warn(
        f"{caller} takes all rows for one series, but their index ({names}) holds {count} series in its level "
        f"{shown!r}. {remedy.format(level=repr(shown))}" + see("panels", "windows-within-a-series")
    )


def _level_of_series(index):
    """Return the number of the level that names several series, where another one holds times; None otherwise."""
    levels = [index.get_level_values(number) for number in range(index.nlevels)]
    dates = [number for number, level in enumerate(levels) if is_ordered(level) and level.inferred_type not in _NUMBERS]
    # Whole numbers after text count steps; before it, they may be the years of months.
    last = levels[-1].inferred_type == "integer" and levels[0].inferred_type in _NAMES
    at = dates or ([len(levels) - 1] if last else [])
    if len(at) != 1:
        return None
    others = [number for number in range(len(levels)) if number != at[0] and levels[number].nunique() > 1]
    others = [number for number in others if levels[number].has_duplicates]  # otherwise it names rows
    if not others:
        return None
    series = max(others, key=lambda number: levels[number].nunique())
    codes = levels[series].factorize()[0]
    time = as_times(levels[at[0]])
    in_blocks = (np.diff(codes) != 0).sum() == codes.max()
    # Parts of one series, such as the years of its days, or training and test rows.
    return None if in_blocks and time.is_monotonic_increasing and time.is_unique else series


def warn_of_hole(labels, caller, remedy):
    """Warn of the first hole in time of rows at even distances, outside of cross-validation, which makes holes.

    Parameters
    ----------
    labels : RowLabels
    caller : str
        Who takes rows for neighbours in time.
    remedy : str
        What comes of it, and what to do.
    """
    hole = None if in_cross_validation() else _first_hole(labels)
    if hole is None:
        return
    before, after, usual = hole
    of_series = "" if len(labels.series) == 1 else f" of series {labels.series.tolist()[labels.codes[after]]!r}"
    warn(
        f"{caller}: rows{of_series} are missing between {labels.time[before]} (row {before}) and {labels.time[after]} "
        f"(row {after}), where neighbours lie {usual} apart. {remedy}" + see("windows", "holes-in-time")
    )


def _first_hole(labels):
    """Return the rows before and after the first hole of the first series that has one, and the usual distance."""
    time = labels.time
    # Whole numbers may do no more than count rows, of which some were taken.
    if time is None or time.inferred_type == "integer":
        return None
    order = labels.by_series()
    codes = labels.codes[order]
    bounds = np.searchsorted(codes, np.arange(len(labels.series) + 1))
    for code in _series_of_unlike_steps(time_values(time)[order], bounds):
        rows = order[bounds[code] : bounds[code + 1]]
        distances, unit = _distances(time[rows])
        median = np.median(distances)
        holes = distances > _HOLE * median
        regular = _share_about(distances, median) >= _REGULAR
        lengths = distances[holes]
        between_sessions = len(lengths) >= _BREAKS and _share_about(lengths, np.median(lengths)) > 0.5
        holes &= ~crosses_night(time[rows], _HOLE)
        if regular and holes.any() and not between_sessions and frequency_of(_as_given(time, rows)) is None:
            hole = int(np.argmax(holes))
            usual = as_scalar(np.asarray(median * unit)[()]) if not isinstance(time, pd.PeriodIndex) else int(median)
            return int(rows[hole]), int(rows[hole + 1]), usual
    return None


def _share_about(distances, median):
    """Return the share of distances that are about their median."""
    return np.mean(np.abs(distances - median) <= _ABOUT * median)


def _series_of_unlike_steps(values, bounds):
    """Return the series with a distance so much larger than the smallest one that it may be a hole."""
    steps = np.diff(values)
    starts, ends = bounds[:-1], bounds[1:] - 1  # the steps of a series, which has one fewer than rows
    several = np.flatnonzero(ends - starts > 1)
    if not len(several):
        return several
    # Between two series stands a step of neither, which reduceat leaves out where the places alternate.
    places = np.column_stack([starts[several], ends[several]]).ravel()
    places = places[:-1] if places[-1] == len(steps) else places
    largest, smallest = (reduce.reduceat(steps, places)[::2] for reduce in (np.maximum, np.minimum))
    return several[largest > _HOLE * smallest]


def _as_given(time, rows):
    """Return the times of a series: those of all rows keep the frequency that they were given."""
    return time if len(rows) == len(time) else time[rows]


def _distances(time):
    """Return the distances between neighbours as numbers, and their unit; business days are counted as such."""
    values = time_values(time)
    steps = np.diff(values)
    if values.dtype.kind != "m" and values.dtype.kind != "M":
        return steps, 1
    if isinstance(time, pd.DatetimeIndex):
        wall = time if time.tz is None else time.tz_localize(None)
        days = wall.to_numpy().astype("M8[D]")
        weekmask = np.minimum(
            np.bincount(wall.day_of_week, minlength=7), 1
        ).tolist()  # of Monday to Friday, or another week
        if np.median(np.diff(days).astype(int)) == 1:
            return np.busday_count(days[:-1], days[1:], weekmask=weekmask), np.timedelta64(1, "D")
    unit = np.ones(1, dtype=steps.dtype)[0]
    return steps / unit, unit
