"""The last rows that a windower has seen, and whether they come right before the rows that it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._common.frequencies import frequencies_of, periods_of, times_of_next_rows
from skrnn._common.state import stored_as
from skrnn._common.times import as_gap, comparable, time_values
from skrnn._data.row_labels import RowLabels


@stored_as("history")
@dataclass(frozen=True, eq=False)
class History:
    """The last rows of every series, and the first ones, by which what was fitted is known again.

    Parameters
    ----------
    last, first : ndarray of shape (n_rows, n_features)
        Rows, those of one series after another.
    last_labels, first_labels : RowLabels
        Their series, numbered alike, and times.
    frequencies : tuple
        The distance between the times that were fitted, for each series; None where there is none.
    start : object
        The label of the first row that was fitted; None without an index.
    """

    last: NDArray[Any]
    last_labels: RowLabels
    first: NDArray[Any]
    first_labels: RowLabels
    frequencies: tuple[Any, ...]
    start: object


def history_of(rows, labels, n_last, start=None):
    """Remember the last rows of each series, and as many first ones.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
    labels : RowLabels
    n_last : int
        How many rows of a series to remember.
    start : object, default=None
        The label of the first row.

    Returns
    -------
    History
    """
    order = labels.by_series()
    last = order[_places_from_end(labels.codes[order]) < n_last]
    first = order[_places(labels.codes[order]) < n_last]
    return History(
        rows[last],
        _labels_at(labels, last),
        rows[first],
        _labels_at(labels, first),
        frequencies_of(labels),
        start,
    )


def continued(history, rows, labels, n_last):
    """Remember rows that follow those of a history; the times of an array are the next ones of each series."""
    known, new = history.last_labels, labels
    _check_follows(known, new)
    is_new = ~new.series.isin(known.series)
    series = known.series.append(new.series[is_new]) if is_new.any() else known.series
    codes = np.concatenate([known.codes, series.get_indexer(new.series)[new.codes]])
    time = _joined_times(history, codes[len(known.codes) :], new)
    labels = RowLabels(series, codes, time, known.is_pandas and (new.is_pandas or time is not None))
    later = history_of(np.concatenate([history.last, rows]), labels, n_last)
    frequencies = later.frequencies  # None for all without times
    if time is not None:
        earlier = history.frequencies + (None,) * (len(series) - len(known.series))
        frequencies = tuple(mine or its for mine, its in zip(earlier, frequencies, strict=True))
    return History(later.last, later.last_labels, history.first, history.first_labels, frequencies, history.start)


def _joined_times(history, codes, new):
    """Return the remembered times and those of new rows; None where either are not known."""
    known = history.last_labels
    if known.time is None or comparable(known.time, new.time):
        return None if known.time is None else known.time.append(new.time)
    if new.is_pandas:
        kind = "no times" if new.time is None else str(new.time.dtype)
        raise ValueError(
            f"partial_fit takes rows that follow those seen before, whose index is of {known.time.dtype}, but the "
            f"index of X is of {kind}, which does not tell whether they do. Pass an index of the same kind, or an "
            "array, whose rows come next."
        )
    later = times_of_next_rows(known, codes, history.frequencies)
    return None if later is None else known.time.append(later)


def rows_before(history, rows, labels, context, max_gap):
    """Tell which remembered rows come right before the first row of their series in `rows`.

    Parameters
    ----------
    history : History
    rows : ndarray of shape (n_rows, n_features)
    labels : RowLabels
        Of `rows`.
    context : {"index", "assume"}
        Whether the times of both must prove it, or the caller declares it.
    max_gap : int, timedelta or None
        What is near enough, in place of one period of the frequency.

    Returns
    -------
    ndarray of bool, shape (n_last,)
    """
    known = history.last_labels
    number = known.series.get_indexer(labels.series)  # of each series of `rows` among those known, -1 for a new one
    follows = number >= 0
    if context == "assume":
        follows &= ~_starts_as_fitted(history, rows, labels, number)
        usable = np.ones(len(known.codes), dtype=bool)
    elif not comparable(known.time, labels.time):
        follows[:] = False
        usable = follows[:0]
    else:
        last = np.cumsum(np.bincount(known.codes, minlength=len(known.series))) - 1
        order = labels.by_series()
        first = order[_places(labels.codes[order]) == 0]  # the first row of each series
        if max_gap is not None:
            step = time_values(labels.time)[first] - time_values(known.time)[last[number]]
            follows &= (step > np.zeros(1, dtype=step.dtype)) & (step <= as_gap(max_gap, known.time))
            usable = np.ones(len(known.codes), dtype=bool)
        else:
            before, periods = periods_of(
                known.time, known.codes, labels.time, number[labels.codes], history.frequencies
            )
            follows &= periods[first] - before[last[number]] == 1
            irregular = (np.diff(periods[order]) != 1) & (np.diff(labels.codes[order]) == 0)
            follows[labels.codes[order[1:]][irregular]] = False
            usable = _after_last_hole(before, known.codes)
    if not follows.any():
        return np.zeros(len(known.codes), dtype=bool)
    return usable & np.isin(known.codes, number[follows])


def joined(history, usable, rows, labels):
    """Put the usable rows of a history before `rows`; return all rows and their labels."""
    known = _labels_at(history.last_labels, np.flatnonzero(usable))
    if not usable.any():
        return rows, labels
    number = labels.series.get_indexer(known.series)
    time = known.time.append(labels.time) if comparable(known.time, labels.time) else None
    codes = np.concatenate([number[known.codes], labels.codes])
    before = history.last[usable].astype(rows.dtype, copy=False)
    return np.concatenate([before, rows]), RowLabels(labels.series, codes, time, labels.is_pandas)


def proves_nothing(history, index, labels, max_gap):
    """Tell whether neither index says anything of what comes before what, so that a user should know."""
    known = history.last_labels
    if not (known.is_pandas and labels.is_pandas) or index[0] == history.start:
        return False
    if not comparable(known.time, labels.time):
        return True
    if max_gap is not None:
        return False
    number = known.series.get_indexer(labels.series)[labels.codes]
    irregular = np.array([frequency is None for frequency in history.frequencies])
    last = np.cumsum(np.bincount(known.codes, minlength=len(known.series))) - 1
    later = time_values(labels.time) > time_values(known.time)[last[number]]
    starts = np.unique(labels.codes, return_index=True)[1]
    return bool((later & (number >= 0) & irregular[number])[starts].any())  # it may follow, for all we know


def _starts_as_fitted(history, rows, labels, number):
    """Tell for each series of `rows` whether its first rows are those that were fitted."""
    known = history.first_labels  # which has none of a series that came later
    order = labels.by_series()
    place, mine = _places(labels.codes[order]), number[labels.codes[order]]
    begin = np.searchsorted(known.codes, np.arange(len(history.last_labels.series) + 1))
    compared = (mine >= 0) & (place < np.diff(begin)[mine])
    at = begin[mine[compared]] + place[compared]
    # Not to the last bit: fit_transform of PCA, and of other steps before this one, rounds otherwise than transform.
    rounding = np.finfo(history.first.dtype).eps ** (2 / 3) * np.abs(history.first).max()
    same = (np.abs(rows[order[compared]] - history.first[at]) <= rounding).all(axis=1)
    if known.is_pandas and labels.is_pandas and comparable(known.time, labels.time):
        same &= time_values(labels.time)[order[compared]] == time_values(known.time)[at]
    starts = np.zeros(len(labels.series), dtype=bool)
    starts[labels.codes[order[compared]]] = True
    starts[labels.codes[order[compared]][~same]] = False
    return starts


def _check_follows(known, new):
    """Raise where rows that are to be remembered lie at or before those that are."""
    if not comparable(known.time, new.time):
        return
    number = known.series.get_indexer(new.series)[new.codes]
    last = np.cumsum(np.bincount(known.codes, minlength=len(known.series))) - 1
    early = (number >= 0) & (time_values(new.time) <= time_values(known.time)[last[number]])
    if early.any():
        row = int(np.argmax(early))
        raise ValueError(
            f"partial_fit takes rows that follow those seen before, but row {row} of X is of {new.time[row]}, and the "
            f"last row seen of its series of {known.time[last[number[row]]]}. Pass new rows only, in time order."
        )


def _labels_at(labels, rows):
    time = None if labels.time is None else labels.time[rows]
    return RowLabels(labels.series, labels.codes[rows], time, labels.is_pandas)


def _places(codes):
    """Return for each row its place in its series; codes are sorted."""
    return np.arange(len(codes)) - np.searchsorted(codes, codes)


def _places_from_end(codes):
    return np.searchsorted(codes, codes, side="right") - 1 - np.arange(len(codes))


def _after_last_hole(numbers, codes):
    """Tell the rows of each series after the last one that does not follow the row before it by one period."""
    same = codes[1:] == codes[:-1]
    holes = same & (np.diff(numbers) != 1)
    n_later = np.cumsum(np.concatenate([holes, [False]])[::-1])[::-1]  # holes at or after each row
    end = np.searchsorted(codes, codes, side="right") - 1
    return n_later == n_later[end]
