"""Which series a row belongs to, and at what time: columns and index levels that label rows."""

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
    """Find the column, or the level of the index, that a parameter names.

    Parameters
    ----------
    X : DataFrame, Series or ndarray of shape (n_rows, n_columns)
        Arrays have columns only, which are named by their number.
    label : hashable
        Name of a column or of an index level; the number of a level where levels have no names.
    parameter : str
        The parameter that names it, for errors.

    Returns
    -------
    values : Index of length n_rows
    is_column : bool

    Raises
    ------
    ValueError
        Where there is no such column or level, or one of each.
    TypeError
        For what no column could be called, such as a list.
    """
    if not _is_hashable(label):
        raise TypeError(f"{parameter} must be the name of a column or of an index level of X. Got {label!r} instead.")
    columns: Any = getattr(X, "columns", ())
    index: Any = index_of(X)
    if not isinstance(X, (pd.DataFrame, pd.Series)):
        n_columns = np.shape(X)[1]
        if not isinstance(label, Integral) or not -n_columns <= int(label) < n_columns:
            raise ValueError(
                f"{parameter}={label!r} is not a column of X, an array of shape {np.shape(X)}: pass the number of a "
                f"column, 0 to {n_columns - 1}, or a DataFrame that has such a column or index level."
            )
        return pd.Index(np.asarray(X)[:, label]), True
    is_column = label in columns
    level_names = [] if index is None else index.names
    is_level = label is not None and label in level_names
    if is_column and is_level:
        raise ValueError(
            f"{parameter}={label!r} is a column of X and a level of its index as well: rename one of them."
        )
    if is_column:
        column = X[label]
        if column.ndim != 1:
            raise ValueError(f"{parameter}={label!r} is the name of {column.shape[1]} columns of X: rename them.")
        return pd.Index(column), True
    n_levels = index.nlevels if isinstance(index, pd.MultiIndex) else 0
    if is_level or (isinstance(label, Integral) and -n_levels <= int(label) < n_levels):
        return index.get_level_values(label), False
    names = ", ".join(repr(name) for name in [*columns, *(n for n in level_names if n is not None)][:10])
    if index is None:
        raise ValueError(f"{parameter}={label!r} is not a column of X; there are {names}. {NO_INDEX}")
    raise ValueError(f"{parameter}={label!r} is neither a column of X nor a level of its index; there are {names}.")


@stored_as("row labels")
@dataclass(frozen=True, eq=False)
class RowLabels:
    """The series and the time of every row.

    Parameters
    ----------
    series : Index of length n_series
        Names of the series in the order of their first rows; one, where there are no groups.
    codes : ndarray of int, shape (n_rows,)
        The number of the series that each row belongs to.
    time : Index of length n_rows, or None
        The time of each row; None where rows have none that is ordered by nature.
    is_pandas : bool
        Whether the rows came with an index.
    """

    series: pd.Index
    codes: NDArray[Any]
    time: pd.Index | None
    is_pandas: bool

    def by_series(self):
        """Positions of the rows, those of one series after another, in their order."""
        if (self.codes[1:] >= self.codes[:-1]).all():
            return np.arange(len(self.codes), dtype=positions_dtype(len(self.codes)))
        return np.argsort(self.codes, kind="stable").astype(positions_dtype(len(self.codes)))


def split_labels(X, groups, max_gap=None):
    """Take the labels of rows off a frame or an array.

    Parameters
    ----------
    X : DataFrame, or array-like of shape (n_rows, n_columns)
    groups : hashable or None
        The column or level that names the series; None for a single series.
    max_gap : int, timedelta or None, default=None
        Where given, rows need a time that it can be compared with.

    Returns
    -------
    features : DataFrame or array-like of shape (n_rows, n_features)
    labels : RowLabels

    Raises
    ------
    ValueError
        Where there is no such column or level, a label is missing, or time runs backwards inside a series.
    TypeError
        Where a label is no name of a series, such as a list.
    """
    X = as_pandas(X)
    index = index_of(X)
    if groups is None:
        n_rows = len(X) if hasattr(X, "__len__") else 0
        series, codes, time = pd.Index([0]), np.zeros(n_rows, dtype=np.int8), index
    else:
        X = X if isinstance(X, (pd.DataFrame, pd.Series)) else np.asarray(X)
        if index is None and X.ndim != 2:
            raise ValueError(f"groups={groups!r} needs rows of shape (n_rows, n_columns), got shape {X.shape}.")
        names, is_column = column_or_level(X, groups, "groups")
        if names.isna().any():
            raise ValueError(f"groups={groups!r} names no series in row {int(np.argmax(names.isna()))}: it is missing.")
        try:
            codes, series = names.factorize()
        except TypeError:
            row = next(row for row, value in enumerate(names) if not _is_hashable(value))
            raise TypeError(
                f"groups={groups!r} must name series by text, numbers or dates. Row {row} holds {names[row]!r}."
            ) from None
        codes = codes.astype(positions_dtype(len(series)))
        time = index
        if is_column:
            X = np.delete(X, groups, axis=1) if isinstance(X, np.ndarray) else X.drop(columns=[groups])
        elif isinstance(index, pd.MultiIndex):
            time = index.droplevel(groups)
        else:
            time = None  # the index holds the names
    may_be_numbers = groups is None and max_gap is None  # of rows, which someone has shuffled or drawn
    time = None if time is None else _ordered(time, may_be_numbers)
    labels = RowLabels(series, codes, time, index is not None)
    if max_gap is not None:
        as_gap(max_gap, time)  # refuses what cannot be compared
    if time is not None:
        _check_time(labels, groups, may_be_numbers and time.inferred_type == "integer")
    return X, labels


def _ordered(index, may_be_shuffled):
    """Return an index as times, or None where it holds none."""
    if not is_ordered(index):
        return None
    index = as_times(index)[:]  # a new object: pandas keeps what it computes, and would keep it with X
    # Numbers may do no more than count the rows of a frame, which someone has shuffled.
    if may_be_shuffled and index.inferred_type in _NUMBERS and not index.is_monotonic_increasing:
        return None
    return index


def _is_hashable(value):
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _check_time(labels, groups, may_repeat):
    """Raise where a time is missing, or is not later than that of the row before it in the same series."""
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
        several = "Where rows are of several series, pass groups. " if groups is None else ""
        where = "" if groups is None else f" in series {labels.series.tolist()[labels.codes[row]]!r}"
        if values[at] == values[at + 1]:
            raise ValueError(f"The times of X must increase{where}, but {repeated(labels.time, before, row, several)}")
        raise ValueError(
            f"Time runs backwards in X{where}: row {row} ({labels.time[row]}) stands after row {before} "
            f"({labels.time[before]}). {several}A window holds the rows before its own: sort X by time, X.sort_index()."
        )


def repeated(time, before, row, several=""):
    """Say that a row repeats the time of another one, and what to do; where there may be several series, that first."""
    return (
        f"row {row} ({time[row]}) repeats that of row {before}. {several}Keep one row for each time, such as the mean "
        "of those that share one (groupby(level=0).mean()), or drop the index where order alone counts "
        "(reset_index(drop=True))."
    )


def positions_dtype(n_rows):
    """Return the smaller type that counts so many rows: a window takes three numbers, which weigh as much as a row."""
    return np.int32 if n_rows < 2**31 else np.int64
