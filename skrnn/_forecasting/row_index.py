"""Index of new rows compared with the index of the known ones: kind, labels without an order, index of `X` and `y`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skrnn._common.frames import index_of
from skrnn._common.times import ORDERED_INDEXES, as_times, comparable, same_labels

_NUMBERS = "integers or floats"
_TEXT = "text"


def row_index(rows, groups):
    """Return the index of rows without the level that identifies their series; None if there is none."""
    index = index_of(rows)
    if index is None:
        return None
    if groups is None or groups in getattr(rows, "columns", ()):
        return index
    return index.droplevel(groups) if isinstance(index, pd.MultiIndex) else None


def kind_of(index):
    """Return the kind of an index in words; None if there is no index, or an empty one."""
    if index is None or index.inferred_type == "empty":
        return None
    if isinstance(index, pd.MultiIndex):
        return f"{index.nlevels} levels"
    if index.inferred_type in {"integer", "floating", "mixed-integer-float"}:
        return _NUMBERS
    if index.inferred_type in ORDERED_INDEXES:
        return str(as_times(index).dtype)
    return _TEXT if index.inferred_type == "string" else index.inferred_type


def rows_with_index_of(y, labels, groups):
    """Return rows with the series of an `X` without an index and the index of `y`; None if `y` has no times.

    Parameters
    ----------
    y : object
        Only a pandas object has an index.
    labels : RowLabels
        Labels of the rows of `X`.
    groups : hashable
        Column of `X` that identifies the series. A level of the index that does so as well is dropped.
    """
    index = index_of(y)
    if index is None or len(index) != len(labels.codes):
        return None
    if groups in index.names:
        if index.nlevels == 1:
            return None
        index = index.droplevel(groups)
    return pd.DataFrame({groups: labels.series.take(labels.codes)}).set_axis(index)


def labels_within_series(index, codes):
    """Return a MultiIndex of the number of the series and the label of each row; None if there is no index."""
    if index is None:
        return None
    parts = [index.get_level_values(level) for level in range(index.nlevels)]
    return pd.MultiIndex.from_arrays([codes, *parts])


def check_same_index(X, y):
    """Raise if `X` and `y` have different indexes."""
    index, other = index_of(X), index_of(y)
    if index is not None and other is not None and not same_labels(other, index):
        raise ValueError("X and y have different indexes. Pass rows of the same times.")


def check_kind(kind, time, known, fitted_kind, parameter):
    """Raise if the index of new rows cannot be compared with the index of the known ones.

    Parameters
    ----------
    kind : str or None
        Kind of the index of the new rows, as returned by `kind_of`.
    time : Index or None
        Times of the new rows.
    known : KnownRows
    fitted_kind : str or None
        Kind of the index that was passed to `fit`.
    parameter : {"X", "y"}
        The parameter that has the index, for errors.
    """
    if known.times_lost and kind is not None:
        raise ValueError(
            f"{parameter} has an index, but the times of the last known rows are unknown: update received rows without "
            "an index, and the fitted index has no frequency from which their times could be inferred. Pass an array, "
            "whose rows are the next steps, or fit again with an index."
        )
    known_time = known.labels.time
    if kind is None or fitted_kind is None or comparable(known_time, time):
        return
    if kind != fitted_kind:
        remedy = " (pd.to_datetime converts text to dates)" if kind == _TEXT else ""
        if fitted_kind == _TEXT and kind != _NUMBERS:
            remedy = ", or fit on dates (pd.to_datetime converts text to dates)"
        raise ValueError(
            f"The index of {parameter} contains {kind}, but SequenceForecaster was fitted on an index of "
            f"{fitted_kind}. Pass an index of the fitted kind{remedy}, or an array, whose rows are the next steps."
        )
    if time is None and known_time is not None:
        raise ValueError(
            f"The index of {parameter} is not in increasing order, so its rows cannot be located in the series. Sort "
            f"them by time: {parameter}.sort_index()."
        )


def check_not_known(labels, known, parameter, has_groups):
    """Raise for labels without an order that are those of known rows, which labels alone do not put in order.

    Parameters
    ----------
    labels : MultiIndex or None
        Labels of the new rows, as returned by `labels_within_series`.
    known : KnownRows
    parameter : {"X", "y"}
        The parameter that has the index, for errors.
    has_groups : bool
        Whether rows belong to several series.
    """
    known_labels = known.unordered_labels
    if labels is None or known_labels is None or labels.nlevels != known_labels.nlevels:
        return
    is_known = labels.isin(known_labels)
    if is_known.any():
        row = int(np.argmax(is_known))
        code, *label = (labels.get_level_values(level)[[row]].tolist()[0] for level in range(labels.nlevels))
        shown = repr(label[0] if len(label) == 1 else tuple(label))
        which = f" of series {known.labels.series.tolist()[code]!r}" if has_groups else ""
        array = "an index that contains the names of the series only" if has_groups else "an array"
        raise ValueError(
            f"Row {row} of {parameter} has the label {shown} of a fitted row{which}, but such labels have no order in "
            "time, so it cannot be located in the series. Fit on an index of dates, periods or numbers in increasing "
            f"order (pd.to_datetime converts text to dates); or pass {array}, whose rows are the next steps."
        )
