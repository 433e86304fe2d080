"""What the index of new rows says about their position: its kind, and a default index, which says nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from skrnn._common.frames import index_of
from skrnn._common.times import ORDERED_INDEXES, as_times, comparable, same_labels, time_values
from skrnn._common.warnings import in_score, warn

_NUMBERS = "whole or floating numbers"
_TEXT = "text"


def row_index(rows, groups):
    """Return the index of rows without the level that names their series; None where there is none."""
    index = index_of(rows)
    if index is None:
        return None
    if groups is None or groups in getattr(rows, "columns", ()):
        return index
    return index.droplevel(groups) if isinstance(index, pd.MultiIndex) else None


def kind_of(index):
    """Return the kind of an index in words; None where there is no index."""
    if index is None or index.inferred_type == "empty":
        return None
    if isinstance(index, pd.MultiIndex):
        return f"{index.nlevels} levels"
    if index.inferred_type in {"integer", "floating", "mixed-integer-float"}:
        return _NUMBERS
    if index.inferred_type in ORDERED_INDEXES:
        return str(as_times(index).dtype)
    return _TEXT if index.inferred_type == "string" else index.inferred_type


def check_same_kind(kind, known_kind, time, known_time, what):
    """Raise where the index of new rows is not of the kind of the fitted one, so that it does not say where they lie.

    Parameters
    ----------
    kind, known_kind : str or None
        What `kind_of` says of the new index and of the fitted one.
    time, known_time : Index or None
        The times of the rows, where they have any.
    what : {"X", "y"}
        The parameter that has the index.
    """
    if kind is None or known_kind is None or comparable(known_time, time):
        return
    if kind != known_kind:
        remedy = {_TEXT: " (pd.to_datetime makes dates of text)", _NUMBERS: ""}.get(kind, "")
        raise ValueError(
            f"The index of {what} holds {kind}, but SequenceForecaster was fitted on an index of {known_kind}, so that "
            f"it does not tell where the rows lie. Pass an index of the fitted kind{remedy}, or an array, whose rows "
            "are the next steps."
        )
    if time is None and known_time is not None:
        raise ValueError(
            f"The index of {what} is not in increasing order, so that it does not tell where the rows lie in the "
            f"series. Sort them by time, {what}.sort_index()."
        )


def rows_of_y(labels, y, groups):
    """Return the names of the series with the index of y: the rows of an `X` that has none; None where y has no times.

    Parameters
    ----------
    labels : RowLabels
    y : object
        What was observed; only a pandas object has an index.
    groups : hashable
        The column of `X` that names the series; a level of the index that does so, too, is left out.
    """
    index = index_of(y)
    if index is None or len(index) != len(labels.codes):
        return None
    if groups in index.names:
        if index.nlevels == 1:
            return None
        index = index.droplevel(groups)
    return pd.DataFrame({groups: labels.series.take(labels.codes)}).set_axis(index)


def series_and_labels(index, codes):
    """Return labels of rows together with the number of their series, as levels; None where there is no index."""
    if index is None:
        return None
    parts = [index.get_level_values(level) for level in range(index.nlevels)]
    return pd.MultiIndex.from_arrays([codes, *parts])


def check_not_fitted(rows, fitted, what, series=None):
    """Raise for labels without an order that are those of fitted rows: nothing tells what comes before these.

    Parameters
    ----------
    rows, fitted : MultiIndex or None
        As `series_and_labels` returns them, of the new rows and of the fitted ones; None where there are none.
    what : {"X", "y"}
        The parameter that has the index.
    series : Index or None
        Names of the series, where there are several.
    """
    if rows is None or fitted is None or rows.nlevels != fitted.nlevels:
        return
    known = rows.isin(fitted)
    if known.any():
        row = int(np.argmax(known))
        code, *label = (rows.get_level_values(level)[[row]].tolist()[0] for level in range(rows.nlevels))
        shown = repr(label[0] if len(label) == 1 else tuple(label))
        which = "" if series is None else f" of series {series.tolist()[code]!r}"
        array = "an array" if series is None else "an index that holds the names of the series only"
        raise ValueError(
            f"Row {row} of {what} has the label {shown} of a fitted row{which}, but such labels have no order in time, "
            "so that it cannot be found in the series. Fit on an index of dates, periods or numbers in increasing "
            f"order; or pass {array}, whose rows are the next steps."
        )


def check_same_index(X, y):
    """Raise where both have an index, and not the same one."""
    index, other = index_of(X), index_of(y)
    if index is not None and other is not None and not same_labels(other, index):
        raise ValueError("X and y have different indexes: pass rows of the same times.")


def check_default_index(labels, covariates, known, series, n_fitted, may_be_array, warns):
    """Raise or warn where a default index leaves open whether rows are fitted ones or the steps after them.

    A default index counts rows, 0, 1, 2, ..., and says nothing of where they lie. Rows of a series are the fitted ones
    only where they are all of them, with the same covariates. Where these may recur, so may those of the steps after.

    Parameters
    ----------
    labels : RowLabels
    covariates : ndarray of shape (n_rows, n_covariates)
    known : RowLabels
        Labels of the fitted rows.
    series : Series
        The fitted rows.
    n_fitted : ndarray of int, shape (n_series,)
        How many rows of each series `fit` was given; `update` may have appended others.
    may_be_array : bool
        Whether an array may be passed as well.
    warns : bool
        Whether to warn where rows are taken for the fitted ones, and might be others.
    """
    if not comparable(known.time, labels.time) or not is_default(labels):
        return
    times, fitted, bounds = time_values(labels.time), time_values(known.time), series.bounds()
    rounding = np.finfo(np.float64).eps ** (2 / 3) * np.abs(series.covariates).max(axis=0, initial=0)
    numbers = known.series.get_indexer(labels.series)
    order = labels.by_series()
    parts = np.split(order, np.cumsum(np.bincount(labels.codes, minlength=len(numbers)))[:-1])
    next_number, taken = int(fitted.max()) + 1, []
    after = f"an index that continues the fitted one, such as X.index + {next_number}"
    after += ", or an array" if may_be_array else ""
    for code, rows in zip(numbers, parts, strict=True):
        if code < 0 or not len(rows) or times[rows[0]] > fitted[bounds[code + 1] - 1]:
            continue  # not of a fitted series, which is another error, or after its end
        mine = slice(bounds[code], bounds[code] + len(rows))
        same = (
            len(rows) in (n_fitted[code], bounds[code + 1] - bounds[code])
            and np.array_equal(fitted[mine], times[rows])
            and (np.abs(series.covariates[mine] - covariates[rows]) <= rounding).all()
        )
        if not same:
            which = "" if len(known.series) == 1 else f" of series {known.series.tolist()[code]!r}"
            others = after if series.covariates.shape[1] else f"{after}; or call forecast({len(rows)})"
            raise ValueError(
                f"The index of X is the default one, 0, 1, 2, ..., which does not tell what its {len(rows)} rows{which}"
                f" are: the {n_fitted[code]} fitted rows, or the steps after them. If these are the steps after, give "
                f"them {others}. If these are the fitted rows, pass all of them, with the values that were fitted."
            )
        if _may_recur(series.covariates[mine], rounding):
            taken.append(code)
    if taken and warns and not in_score():
        of_series = f" of {len(taken)} series" if len(taken) > 1 else f" of series {known.series.tolist()[taken[0]]!r}"
        values = ", with the same values" if series.covariates.shape[1] else ""
        call = "" if series.covariates.shape[1] else f"; or call forecast({np.bincount(labels.codes).max()})"
        warn(
            "The index of X is the default one, 0, 1, 2, ..., which does not tell where rows lie. Its rows"
            f"{'' if len(known.series) == 1 else of_series} are as many as the fitted ones{values}, and were taken for "
            "these: predictions are one step ahead, from the true values before each row. If they are the steps after, "
            f"give them {after}{call}. An index of dates tells the two apart."
        )


def _may_recur(covariates, rounding):
    """Tell whether as many later rows may well have the same covariates: none, numbers of a calendar, a pattern."""
    if (covariates == np.round(covariates)).all():
        return True
    n_rows = len(covariates)
    periods = [period for period in range(1, n_rows // 2 + 1) if n_rows % period == 0]
    return any((np.abs(covariates[period:] - covariates[:-period]) <= rounding).all() for period in periods)


def check_not_default(labels, known, bounds):
    """Raise where a default index says that rows to append are those of the series."""
    if not comparable(known.time, labels.time) or not is_default(labels):
        return
    codes, fitted = known.series.get_indexer(labels.series)[labels.codes], time_values(known.time)
    early = (codes >= 0) & (time_values(labels.time) <= fitted[bounds[codes + 1] - 1])
    if early.any():
        row = int(np.argmax(early))
        raise ValueError(
            f"update takes new rows, but row {row} ({labels.time[row]}) is part of the series already, by a default "
            "index, 0, 1, 2, .... If these are the steps after the series, give them an index that continues it, such "
            f"as index + {int(fitted.max()) + 1}, or pass arrays. Rows of the series itself cannot be changed."
        )


def is_default(labels):
    """Return True if the index of rows does no more than count them, all together or those of each series."""
    time = labels.time
    if not labels.is_pandas or time is None or time.inferred_type != "integer" or not len(time):
        return False
    numbers = np.asarray(time_values(time))
    counts = np.arange(len(numbers))
    if (numbers == counts).all():
        return True
    order = labels.by_series()
    codes = labels.codes[order]
    return bool((numbers[order] == counts - np.searchsorted(codes, codes)).all())


def columns_as_fitted(y: Any, names: Any) -> Any:
    """Return the `y` of new rows with its columns in the order of the fitted ones, by name; raise for other names.

    Columns without names, those of arrays and the numbers that pandas gives, are taken in their order.
    """
    if isinstance(y, pd.Series):
        if names is None or isinstance(names, pd.Index) or y.name is None or y.name == names:
            return y
        raise ValueError(
            f"y is called {y.name!r}, but SequenceForecaster was fitted on {names!r}. Pass the same series; rename it "
            "if it is, y.rename(...)."
        )
    if not isinstance(y, pd.DataFrame) or not isinstance(names, pd.Index) or y.columns.equals(names):
        return y
    both_unique = y.columns.is_unique and names.is_unique
    if both_unique and len(names) == y.shape[1] and names.isin(y.columns).all():
        return y[names.tolist()]
    unnamed = pd.RangeIndex(len(names))
    if y.shape[1] != len(names) or y.columns.equals(unnamed) or names.equals(unnamed):
        return y  # another number of columns is an error of its own
    raise ValueError(
        f"y has the columns {y.columns.tolist()}, but SequenceForecaster was fitted on {names.tolist()}. Pass the same "
        "columns, in any order."
    )
