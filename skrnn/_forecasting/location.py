"""Location of rows relative to the known ones: which known row each of them is, or how many steps after the last."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn._common.frequencies import frequencies_of, frequency_of, periods_of
from skrnn._common.times import as_scalar, comparable, time_values
from skrnn._common.warnings import in_score
from skrnn._forecasting.default_index import check_rows_to_append, check_rows_to_predict

# Without a frequency, the next row may lie up to this multiple of the largest distance between known rows after the
# one before: business days continue over a long holiday, but not over a month.
_MAX_DISTANCE = 2


@dataclass(frozen=True, eq=False)
class Location:
    """Location of rows relative to the known ones.

    Parameters
    ----------
    codes : ndarray of int, shape (n_rows,)
        Number of the series of each row.
    steps_ahead : ndarray of int, shape (n_rows,)
        Number of steps from the last known row of the series; 0 for known rows.
    positions : ndarray of int, shape (n_rows,)
        Positions of known rows; -1 for later ones.
    """

    codes: NDArray[Any]
    steps_ahead: NDArray[Any]
    positions: NDArray[Any]

    def origins(self, panel):
        """Return the position of the last row of a panel that the prediction of each row is based on."""
        ends = panel.bounds()[1:] - 1
        return np.where(self.steps_ahead > 0, ends[self.codes], panel.rows_before(self.positions))

    def subset(self, rows):
        """Return the location of some of the rows, selected by a mask."""
        return Location(self.codes[rows], self.steps_ahead[rows], self.positions[rows])


def locate_rows_to_predict(rows, known, has_groups, warns):
    """Return the location of rows to predict; raise or warn if their index is ambiguous.

    Parameters
    ----------
    rows : Rows
    known : KnownRows
    has_groups : bool
        Whether rows belong to several series.
    warns : bool
        Whether to warn of ambiguous rows.

    Returns
    -------
    Location
    """
    check_rows_to_predict(rows, known, has_groups, warns)
    return locate(rows.labels, known)


def locate(labels, known):
    """Return the location of rows, from their labels; rows without comparable times are the next steps.

    Parameters
    ----------
    labels : RowLabels
    known : KnownRows

    Returns
    -------
    Location

    Raises
    ------
    ValueError
        If a row is of an unknown series, or neither a known row nor one of the next steps.
    """
    codes = known.codes_of(labels)
    if (codes < 0).any():
        row = int(np.argmax(codes < 0))
        series = labels.series.tolist()[labels.codes[row]]
        raise ValueError(
            f"Row {row} of X belongs to series {series!r}, which SequenceForecaster was not fitted on. "
            + (
                "Pass cv=PanelTimeSeriesSplit(...), which splits all series at the same times: TimeSeriesSplit splits "
                "the rows of a DataFrame in their order."
                if in_score()
                else "To predict a new series, pass its values as history."
            )
        )
    has_times = comparable(known.labels.time, labels.time)
    positions = _known_positions(labels, codes, known) if has_times else np.full(len(codes), -1)
    steps_ahead = _steps_ahead(codes, positions < 0)
    if has_times and steps_ahead.any():
        _check_next_steps(labels, codes, steps_ahead, known)
    return Location(codes, steps_ahead, positions)


def locate_rows_to_append(labels, known):
    """Return the location of rows to append; raise if one of them is known already."""
    check_rows_to_append(labels, known)
    location = locate(labels, known)
    is_known = location.steps_ahead < 1
    if is_known.any():
        row = int(np.argmax(is_known))
        raise ValueError(f"update requires new rows, but row {row} ({labels.time[row]}) is already part of the series.")
    return location


def learned_frequencies(labels):
    """Return the frequency of the times of each series; None for a series without one."""
    time = labels.time
    if time is not None and _counts_rows(labels):
        return (None,) * len(labels.series)
    if time is not None and len(labels.series) == 1 and time.inferred_type == "integer" and time.min() in (0, 1):
        return (frequency_of(time),)  # the numbers of the rows of a frame, of which some may have been dropped
    return frequencies_of(labels)


def _known_positions(labels, codes, known):
    """Return the positions of rows up to the end of their series, and -1 for later ones."""
    times, known_times, bounds = time_values(labels.time), time_values(known.labels.time), known.panel.bounds()
    positions = np.full(len(codes), -1)
    is_inside = times <= known_times[bounds[codes + 1] - 1]
    rows = np.flatnonzero(is_inside)
    rows = rows[np.argsort(codes[rows], kind="stable")]
    series, first = np.unique(codes[rows], return_index=True)
    for code, begin, end in zip(series, first, [*first[1:], len(rows)], strict=False):  # no end without rows
        of_series = rows[begin:end]
        known_of_series = known_times[bounds[code] : bounds[code + 1]]
        # Integers may be repeated: the rows of one integer are matched in their order.
        found = np.searchsorted(known_of_series, times[of_series]) + _n_repeated(times[of_series])
        at = np.minimum(found, len(known_of_series) - 1)
        is_known = (at == found) & (known_of_series[at] == times[of_series])
        positions[of_series] = np.where(is_known, bounds[code] + at, -1)
    is_unknown = is_inside & (positions < 0)
    if is_unknown.any():
        row = int(np.argmax(is_unknown))
        why = "lies before the end of the series, but is not one of its rows"
        if (known_times[bounds[codes[row]] : bounds[codes[row] + 1]] == times[row]).any():
            why = "repeats its label more often than the fitted series does"
        remedy = " In cross-validation, pass cv=TimeSeriesSplit(...), so that rows to predict are the last ones."
        raise ValueError(f"Row {row} of X ({labels.time[row]}) {why}.{remedy if in_score() else ''}")
    return positions


def _n_repeated(times):
    """Return for each of sorted times the number of equal ones before it."""
    return np.arange(len(times)) - np.searchsorted(times, times)


def _steps_ahead(codes, is_later):
    """Return the number of each later row within its series, from 1; 0 for other rows."""
    steps_ahead = np.zeros(len(codes), dtype=int)
    later = np.flatnonzero(is_later)
    later = later[np.argsort(codes[later], kind="stable")]
    steps_ahead[later] = np.arange(len(later)) - np.searchsorted(codes[later], codes[later]) + 1
    return steps_ahead


def _check_next_steps(labels, codes, steps_ahead, known):
    """Raise if the times of later rows are not those of the next steps."""
    is_regular = np.array([frequency is not None for frequency in known.frequencies])[codes]
    _check_regular(labels, codes, (steps_ahead > 0) & is_regular, steps_ahead, known)
    rows = np.flatnonzero((steps_ahead > 0) & ~is_regular)
    if known.labels.time.inferred_type == "integer":
        are_steps = _is_mostly_regular(known) & (not _counts_rows(known.labels))
        rows = rows[are_steps[codes[rows]]]
    if len(rows):
        _check_irregular(labels, codes, rows[np.argsort(codes[rows], kind="stable")], steps_ahead, known)


def _check_regular(labels, codes, is_checked, steps_ahead, known):
    """Raise if a row of a series with a frequency is not so many periods after the last known one."""
    last_rows = known.panel.bounds()[codes + 1] - 1
    ends, periods = periods_of(known.labels.time, known.labels.codes, labels.time, codes, known.frequencies)
    is_wrong = is_checked & (periods - ends[last_rows] != steps_ahead)
    if is_wrong.any():
        row = int(np.argmax(is_wrong))
        raise ValueError(
            f"Row {row} of X ({labels.time[row]}) does not continue the series, which ends at "
            f"{known.labels.time[last_rows[row]]}: the steps after it must follow without gaps. Add the missing rows; "
            "or, if only the order of the rows matters, drop the index (reset_index(drop=True)) or pass arrays."
        )


def _check_irregular(labels, codes, rows, steps_ahead, known):
    """Raise if a row of a series without a frequency lies too far after the one before it; rows in order of series."""
    known_times, times, bounds = time_values(known.labels.time), time_values(labels.time), known.panel.bounds()
    last_rows = bounds[codes[rows] + 1] - 1
    before = np.concatenate([times[:1], times[rows[:-1]]])
    distances = times[rows] - np.where(steps_ahead[rows] == 1, known_times[last_rows], before)
    largest = _largest_distances(known_times, bounds)[codes[rows]]
    is_too_far = distances > _MAX_DISTANCE * largest
    if is_too_far.any():
        at = int(np.argmax(is_too_far))
        is_date = isinstance(known.labels.time, (pd.DatetimeIndex, pd.TimedeltaIndex, pd.PeriodIndex))
        remedy = "Set a frequency of the fitted index (y.asfreq)" if is_date else "Add the missing rows"
        raise ValueError(
            f"Row {rows[at]} of X ({labels.time[rows[at]]}) cannot be located after the series, which ends at "
            f"{known.labels.time[last_rows[at]]}: the fitted index has no frequency, and the distance from the row "
            f"before, {as_scalar(distances[at])}, is more than {_MAX_DISTANCE} times the largest distance between "
            f"fitted rows, {as_scalar(largest[at])}. {remedy}, or pass the next steps as an array, or call "
            "forecast(steps)."
        )


def _largest_distances(times, bounds):
    """Return the largest distance between neighboring rows of each series."""
    distances = np.diff(times, prepend=times[:1])
    distances[bounds[:-1]] = np.zeros(1, dtype=distances.dtype)
    return np.maximum.reduceat(distances, bounds[:-1])


def _is_mostly_regular(known):
    """Return for each series whether its integers increase, most of them by the same step."""
    numbers, bounds = time_values(known.labels.time), known.panel.bounds()
    is_regular = np.zeros(len(bounds) - 1, dtype=bool)
    for code, (start, end) in enumerate(pairwise(bounds)):
        steps = np.diff(numbers[start:end])
        median = np.sort(steps)[len(steps) // 2] if len(steps) else 0
        is_regular[code] = len(steps) > 1 and steps.min() > 0 and np.mean(steps == median) > 0.5
    return is_regular


def _counts_rows(labels):
    """Return True if integers number the rows of a frame of several series, and are not times."""
    time = labels.time
    if len(labels.series) == 1 or time.inferred_type != "integer" or not time.is_unique:
        return False
    # All rows of the frame, or some of them including the first.
    return bool(time.max() - time.min() + 1 == len(time) or time.min() in (0, 1))
