"""Context of rows: the remembered rows that come right before them."""

from __future__ import annotations

import numpy as np

from skrnn._common.frequencies import periods_of
from skrnn._common.guide import see
from skrnn._common.times import as_gap, comparable, time_values
from skrnn._common.warnings import warn
from skrnn._data.row_labels import RowLabels
from skrnn._windows.history import labels_at, last_rows, positions_in_series


def with_context(history, rows, labels, first_label, context, max_gap):
    """Prepend the remembered rows that come right before the first row of their series.

    Parameters
    ----------
    history : History
    rows : ndarray of shape (n_rows, n_features)
    labels : RowLabels
        Labels of `rows`.
    first_label : object
        Label of the first row; None without an index.
    context : {"index", "assume"}
        Whether the times of both must show it, or the caller declares it.
    max_gap : int, float, timedelta, str or None
        Largest distance of the first row from the last remembered one. If None, it is one period of the frequency.

    Returns
    -------
    rows : ndarray of shape (n_context_rows + n_rows, n_features)
    labels : RowLabels
        Labels of all these rows.
    """
    if context == "assume":
        if max_gap is not None:
            _check_same_kind(history.last_labels.time, labels.time, max_gap)
        is_context = _assumed_context(history, rows, labels)
    else:
        if _is_order_unknown(history, first_label, labels, max_gap):
            warn(
                "The index of X does not tell whether its first row comes right after the rows that SequenceWindower "
                "was fitted on: the first windows are padded. Pass rows with an index of one frequency to fit and "
                "transform, or set max_gap; set context='assume' if X always follows the fitted rows, or context=None "
                "to pad without this warning." + see("windows", "context-the-rows-before-a-test-fold")
            )
        is_context = _indexed_context(history, labels, max_gap)
    if not is_context.any():
        return rows, labels
    known = labels_at(history.last_labels, np.flatnonzero(is_context))
    number = labels.series.get_indexer(known.series)
    time = known.time.append(labels.time) if comparable(known.time, labels.time) else None
    codes = np.concatenate([number[known.codes], labels.codes])
    context_rows = history.last[is_context].astype(rows.dtype, copy=False)
    return np.concatenate([context_rows, rows]), RowLabels(labels.series, codes, time, labels.is_pandas)


def _check_same_kind(fitted, time, max_gap):
    """Raise if the times of fitted rows and of new ones cannot be compared."""
    if not comparable(fitted, time):
        known = "rows without times" if fitted is None else f"an index of {fitted.dtype}"
        raise ValueError(
            f"max_gap={max_gap!r} requires times of one kind, but SequenceWindower was fitted on {known}, "
            f"and the index of X is of {time.dtype}."
        )


def _assumed_context(history, rows, labels):
    """Return which remembered rows are of a series of `labels`, unless this starts with the fitted rows."""
    known = history.last_labels
    number = known.series.get_indexer(labels.series)  # -1 for a series that was not fitted
    follows = (number >= 0) & ~_start_as_fitted(history, rows, labels, number)
    return np.isin(known.codes, number[follows])


def _indexed_context(history, labels, max_gap):
    """Return which remembered rows come right before the first row of their series, according to the times of both."""
    known = history.last_labels
    if not comparable(known.time, labels.time):
        return np.zeros(len(known.codes), dtype=bool)
    number = known.series.get_indexer(labels.series)  # -1 for a series that was not fitted
    last = last_rows(known)
    order = labels.by_series()
    first = order[positions_in_series(labels.codes[order]) == 0]  # the first row of each series
    if max_gap is not None:
        step = time_values(labels.time)[first] - time_values(known.time)[last[number]]
        follows = (number >= 0) & (step > np.zeros(1, dtype=step.dtype)) & (step <= as_gap(max_gap, known.time))
        return np.isin(known.codes, number[follows])
    known_periods, periods = periods_of(known.time, known.codes, labels.time, number[labels.codes], history.frequencies)
    follows = (number >= 0) & (periods[first] - known_periods[last[number]] == 1)
    is_irregular = (np.diff(periods[order]) != 1) & (np.diff(labels.codes[order]) == 0)
    follows[labels.codes[order[1:]][is_irregular]] = False
    return np.isin(known.codes, number[follows]) & _after_last_gap(known_periods, known.codes)


def _is_order_unknown(history, first_label, labels, max_gap):
    """Return True if `labels` may follow the history, but neither index shows whether they do."""
    known = history.last_labels
    if not (known.is_pandas and labels.is_pandas) or first_label == history.start:
        return False
    if not comparable(known.time, labels.time):
        return True
    if max_gap is not None:
        return False
    number = known.series.get_indexer(labels.series)[labels.codes]
    has_no_frequency = np.array([frequency is None for frequency in history.frequencies])
    is_later = time_values(labels.time) > time_values(known.time)[last_rows(known)[number]]
    starts = np.unique(labels.codes, return_index=True)[1]
    return bool((is_later & (number >= 0) & has_no_frequency[number])[starts].any())


def _start_as_fitted(history, rows, labels, number):
    """Return for each series of `labels` whether its first rows are the fitted ones; `number` is that of the fit."""
    known = history.first_labels  # without the series that partial_fit added
    order = labels.by_series()
    position, fitted_codes = positions_in_series(labels.codes[order]), number[labels.codes[order]]
    begin = np.searchsorted(known.codes, np.arange(len(history.last_labels.series) + 1))
    is_compared = (fitted_codes >= 0) & (position < np.diff(begin)[fitted_codes])
    at = begin[fitted_codes[is_compared]] + position[is_compared]
    compared = order[is_compared]
    # Up to rounding: fit_transform of PCA, and of other steps before this one, rounds differently than transform.
    rounding = np.finfo(history.first.dtype).eps ** (2 / 3) * np.abs(history.first).max()
    is_same = (np.abs(rows[compared] - history.first[at]) <= rounding).all(axis=1)
    if known.is_pandas and labels.is_pandas and comparable(known.time, labels.time):
        is_same &= time_values(labels.time)[compared] == time_values(known.time)[at]
    starts_as_fitted = np.zeros(len(labels.series), dtype=bool)
    starts_as_fitted[labels.codes[compared]] = True
    starts_as_fitted[labels.codes[compared][~is_same]] = False
    return starts_as_fitted


def _after_last_gap(periods, codes):
    """Return which rows come after the last gap of their series: a step to the next row of other than one period."""
    is_gap = (codes[1:] == codes[:-1]) & (np.diff(periods) != 1)
    n_later = np.cumsum(np.concatenate([is_gap, [False]])[::-1])[::-1]  # gaps at or after each row
    end = np.searchsorted(codes, codes, side="right") - 1
    return n_later == n_later[end]
