"""Labels of rows: the series that each row belongs to, and its time."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn._common.frames import NO_INDEX, as_pandas, index_of
from skrnn._common.state import stored_as
from skrnn._common.times import as_gap, as_times, is_ordered, time_values

_NUMBERS = {"integer", "floating"}


def column_or_level(X, label, parameter):
    """Return the column or index level that a parameter names.

    Parameters
    ----------
    X : DataFrame, Series or ndarray of shape (n_rows, n_columns)
        An array has columns only, which are named by their number.
    label : hashable
        Name of a column or an index level, or number of an index level.
    parameter : str
        Name of the parameter, for errors.

    Returns
    -------
    values : Index of length n_rows
    is_column : bool

    Raises
    ------
    ValueError
        If there is no such column or level, or one of each.
    TypeError
        If `label` is not hashable.
    """
    if not _is_hashable(label):
        shown = type(label).__name__ if hasattr(label, "shape") else repr(label)
        raise TypeError(f"{parameter} must be the name of a column or of an index level of X. Got {shown} instead.")
    columns: Any = getattr(X, "columns", ())
    index: Any = index_of(X)
    if not isinstance(X, (pd.DataFrame, pd.Series)):
        n_columns = np.shape(X)[1]
        if not isinstance(label, Integral) or not -n_columns <= int(label) < n_columns:
            raise ValueError(
                f"{parameter}={label!r} is not a column of X, an array of shape {np.shape(X)}. Pass the number of a "
                f"column, 0 to {n_columns - 1}, or a DataFrame with such a column or index level."
            )
        return pd.Index(np.asarray(X)[:, label]), True
    is_column = label in columns
    level_names = [] if index is None else index.names
    is_level = label is not None and label in level_names
    if is_column and is_level:
        raise ValueError(f"{parameter}={label!r} is both a column of X and a level of its index. Rename one of them.")
    if is_column:
        column = X[label]
        if column.ndim != 1:
            raise ValueError(f"{parameter}={label!r} is the name of {column.shape[1]} columns of X. Rename them.")
        return pd.Index(column), True
    n_levels = index.nlevels if isinstance(index, pd.MultiIndex) else 0
    if is_level or (isinstance(label, Integral) and -n_levels <= int(label) < n_levels):
        return index.get_level_values(label), False
    names = ", ".join(repr(name) for name in [*columns, *(n for n in level_names if n is not None)][:10])
    names = f"Choose from {names}." if names else "X has neither columns nor named levels."
    if index is None:
        raise ValueError(f"{parameter}={label!r} is not a column of X. {names} {NO_INDEX}")
    raise ValueError(f"{parameter}={label!r} is neither a column of X nor a level of its index. {names}")


@stored_as("row labels")
@dataclass(frozen=True, eq=False)
class RowLabels:
    """The series and the time of every row.

    Parameters
    ----------
    series : Index of length n_series
        Names of the series in the order of their first rows; a single one without groups.
    codes : ndarray of int, shape (n_rows,)
        Number of the series of each row.
    time : Index of length n_rows, or None
        Time of each row; None if the rows have no index of an ordered type.
    is_pandas : bool
        Whether the rows have an index.
    """

    series: pd.Index
    codes: NDArray[Any]
    time: pd.Index | None
    is_pandas: bool

    @property
    def is_sorted(self):
        """Whether the rows are sorted by series."""
        return bool((self.codes[1:] >= self.codes[:-1]).all())

    def by_series(self):
        """Return the positions of the rows, sorted by series; the order within a series is kept."""
        if self.is_sorted:
            return np.arange(len(self.codes), dtype=positions_dtype(len(self.codes)))
        return np.argsort(self.codes, kind="stable").astype(positions_dtype(len(self.codes)))


def split_labels(X, groups, max_gap=None):
    """Separate the features of rows from their labels.

    Parameters
    ----------
    X : DataFrame, or array-like of shape (n_rows, n_columns)
    groups : hashable or None
        Column or index level with the names of the series; None for a single series.
    max_gap : int, float, timedelta, str or None, default=None
        If given, the rows must have times that it can be compared with.

    Returns
    -------
    features : DataFrame or ndarray of shape (n_rows, n_features)
    labels : RowLabels

    Raises
    ------
    ValueError
        If there is no such column or level, a label is missing, or timestamps are not increasing within a series.
    TypeError
        If the name of a series is not hashable.
    """
    X = as_pandas(X)
    X = X if isinstance(X, (pd.DataFrame, pd.Series)) else np.asanyarray(X)  # scikit-learn rejects np.matrix
    index = index_of(X)
    if groups is None:
        n_rows = X.shape[0] if X.ndim else 0
        series, codes, time = pd.Index([0]), np.zeros(n_rows, dtype=np.int8), index
    else:
        if index is None and X.ndim != 2:
            raise ValueError(f"groups={groups!r} requires rows of shape (n_rows, n_columns). Got shape {X.shape}.")
        names, is_column = column_or_level(X, groups, "groups")
        if names.isna().any():
            raise ValueError(f"groups={groups!r} contains a missing value in row {int(np.argmax(names.isna()))}.")
        try:
            codes, series = names.factorize()
        except TypeError:
            row = next(row for row, value in enumerate(names) if not _is_hashable(value))
            raise TypeError(
                f"groups={groups!r} must contain strings, numbers or dates. Row {row} contains {names[row]!r}."
            ) from None
        codes = codes.astype(positions_dtype(len(series)))
        time = index
        if is_column:
            X = np.delete(X, groups, axis=1) if isinstance(X, np.ndarray) else X.drop(columns=[groups])
        elif isinstance(index, pd.MultiIndex):
            time = index.droplevel(groups)
        else:
            time = None  # the index contains the names
    may_be_row_numbers = groups is None and max_gap is None
    time = None if time is None else _ordered_times(time, may_be_row_numbers)
    labels = RowLabels(series, codes, time, index is not None)
    if max_gap is not None:
        as_gap(max_gap, time)  # raises if it cannot be compared with the times
    if time is not None:
        _check_time(labels, groups, may_be_row_numbers and time.inferred_type == "integer")
    return X, labels


def _ordered_times(index, may_be_row_numbers):
    """Return an index as times, or None if it does not contain times."""
    if not is_ordered(index):
        return None
    index = as_times(index)[:]  # a new object: pandas caches results in an index, here in that of X
    # Row numbers of a frame whose rows were shuffled or sampled.
    if may_be_row_numbers and index.inferred_type in _NUMBERS and not index.is_monotonic_increasing:
        return None
    return index


def _is_hashable(value):
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _check_time(labels, groups, may_repeat):
    """Raise if a time is missing, or not later than that of the previous row of the same series."""
    missing = labels.time.isna()
    if missing.any():
        raise ValueError(f"The time of row {int(np.argmax(missing))} of X is missing. Drop such rows, or fill it.")
    order = labels.by_series()
    values = time_values(labels.time)[order]
    wrong = values[1:] < values[:-1] if may_repeat else values[1:] <= values[:-1]
    wrong &= labels.codes[order[1:]] == labels.codes[order[:-1]]
    if wrong.any():
        at = int(np.argmax(wrong))
        before, row = int(order[at]), int(order[at + 1])
        several = "If X contains several series, pass groups. " if groups is None else ""
        where = "" if groups is None else f" in series {labels.series.tolist()[labels.codes[row]]!r}"
        if values[at] == values[at + 1]:
            raise ValueError(f"The times of X must increase{where}, but {repeated(labels.time, before, row, several)}")
        raise ValueError(
            f"The times of X must increase{where}, but row {row} ({labels.time[row]}) is earlier than row {before} "
            f"({labels.time[before]}). {several}Sort X, and y alike, by time: X.sort_index()."
        )


def repeated(time, before, row, several=""):
    """Return the error message for a row that repeats the time of another one."""
    return (
        f"row {row} ({time[row]}) repeats the time of row {before}. {several}Keep one row per time, for example the "
        "mean of its rows (groupby(level=0).mean()), or drop the index if only the order matters "
        "(reset_index(drop=True))."
    )


def positions_dtype(n_rows):
    """Return the smallest sufficient dtype of row numbers: three per window may take as much memory as the rows."""
    return np.int32 if n_rows < 2**31 else np.int64
