"""The rows that a windower remembers: the last ones of each series, as context of later rows, and the first ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._common.frequencies import frequencies_of, times_of_next_rows
from skrnn._common.state import stored_as
from skrnn._common.times import comparable, time_values
from skrnn._data.row_labels import RowLabels


@stored_as("history")
@dataclass(frozen=True, eq=False)
class History:
    """The last rows of every series, and the first ones, by which fitted rows are recognized.

    Parameters
    ----------
    last, first : ndarray of shape (n_rows, n_features)
        Rows, sorted by series.
    last_labels, first_labels : RowLabels
        Their labels, with the same numbers of series.
    frequencies : tuple
        Frequency of the fitted times of each series; None for a series without one.
    start : object
        Label of the first fitted row; None without an index.
    """

    last: NDArray[Any]
    last_labels: RowLabels
    first: NDArray[Any]
    first_labels: RowLabels
    frequencies: tuple[Any, ...]
    start: object


def remember_rows(rows, labels, n_rows, start=None):
    """Return the history of rows.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
    labels : RowLabels
    n_rows : int
        Number of rows to remember at each end of a series.
    start : object, default=None
        Label of the first row.

    Returns
    -------
    History
    """
    order = labels.by_series()
    last = order[_positions_from_end(labels.codes[order]) < n_rows]
    first = order[positions_in_series(labels.codes[order]) < n_rows]
    return History(
        rows[last],
        labels_at(labels, last),
        rows[first],
        labels_at(labels, first),
        frequencies_of(labels),
        start,
    )


def extend_history(history, rows, labels, n_rows):
    """Return the history with the rows that follow it; the times of an array are the next ones of each series."""
    known, new = history.last_labels, labels
    _check_follows(known, new)
    is_new = ~new.series.isin(known.series)
    series = known.series.append(new.series[is_new]) if is_new.any() else known.series
    codes = np.concatenate([known.codes, series.get_indexer(new.series)[new.codes]])
    time = _extended_times(history, codes[len(known.codes) :], new)
    labels = RowLabels(series, codes, time, known.is_pandas and (new.is_pandas or time is not None))
    later = remember_rows(np.concatenate([history.last, rows]), labels, n_rows)
    frequencies = later.frequencies  # all None without times
    if time is not None:
        earlier = history.frequencies + (None,) * (len(series) - len(known.series))
        frequencies = tuple(fitted or inferred for fitted, inferred in zip(earlier, later.frequencies, strict=True))
    return History(later.last, later.last_labels, history.first, history.first_labels, frequencies, history.start)


def labels_at(labels, rows):
    """Return the labels of some rows."""
    time = None if labels.time is None else labels.time[rows]
    return RowLabels(labels.series, labels.codes[rows], time, labels.is_pandas)


def positions_in_series(codes):
    """Return the position of each row in its series; codes are sorted."""
    return np.arange(len(codes)) - np.searchsorted(codes, codes)


def _positions_from_end(codes):
    """Return the number of later rows in the series of each row; codes are sorted."""
    return np.searchsorted(codes, codes, side="right") - 1 - np.arange(len(codes))


def last_rows(labels):
    """Return the last row of each series; rows are sorted by series."""
    return np.cumsum(np.bincount(labels.codes, minlength=len(labels.series))) - 1


def _extended_times(history, codes, new):
    """Return the remembered times and those of new rows; None if either are unknown."""
    known = history.last_labels
    if known.time is None or comparable(known.time, new.time):
        return None if known.time is None else known.time.append(new.time)
    if new.is_pandas:
        kind = "no times" if new.time is None else str(new.time.dtype)
        raise ValueError(
            f"partial_fit requires rows that follow those seen before, which have an index of {known.time.dtype}, but "
            f"X has an index of {kind}, so that their order is unknown. Pass an index of the same kind, or an array, "
            "whose rows come next."
        )
    later = times_of_next_rows(known, codes, history.frequencies)
    return None if later is None else known.time.append(later)


def _check_follows(known, new):
    """Raise if a new row is not later than the remembered rows of its series."""
    if not comparable(known.time, new.time):
        return
    number = known.series.get_indexer(new.series)[new.codes]
    last = last_rows(known)
    is_early = (number >= 0) & (time_values(new.time) <= time_values(known.time)[last[number]])
    if is_early.any():
        row = int(np.argmax(is_early))
        raise ValueError(
            f"partial_fit requires rows that follow those seen before, but row {row} of X is at {new.time[row]}, and "
            f"the last row seen of its series is at {known.time[last[number[row]]]}. Pass new rows only, in time order."
        )
