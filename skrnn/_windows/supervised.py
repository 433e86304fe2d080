"""Pairs of rows and future values of a target."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Sequence
from numbers import Integral
from typing import Any, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval

from skrnn._common.frames import column_names, is_frame
from skrnn._common.times import as_times, is_ordered
from skrnn._common.typing import validate_params
from skrnn._data.row_labels import RowLabels, repeated
from skrnn._windows.row_warnings import warn_of_gap, warn_of_panel


@overload
def make_supervised(
    frame: NDArray[Any], target: int | Sequence[int] | None, *, steps_ahead: int = 1
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]: ...


@overload
def make_supervised(
    frame: pd.DataFrame | pd.Series, target: Hashable | Sequence[Hashable], *, steps_ahead: int = 1
) -> tuple[pd.DataFrame, pd.Series | pd.DataFrame, pd.DataFrame]: ...


@overload
def make_supervised(frame: Any, target: Any, *, steps_ahead: int = 1) -> tuple[Any, Any, Any]: ...  # polars, pyarrow


@validate_params({"steps_ahead": [Interval(Integral, 1, None, closed="left")]}, prefer_skip_nested_validation=True)
def make_supervised(frame: Any, target: Any, *, steps_ahead: int = 1) -> tuple[Any, Any, Any]:
    """Pair each row with a future value of the target.

    Row ``i`` of `X` is row ``i`` of `frame`, and row ``i`` of `y` is `target` in row ``i + steps_ahead``. A row of `X`
    contains no values of later rows. The target column stays in `X`, because its past is known.

    Parameters
    ----------
    frame : DataFrame or ndarray of shape (n_rows, n_columns), Series or ndarray of shape (n_rows,)
        A single series in time order, one row per time step, at regular intervals: `steps_ahead` is a number of rows,
        not a duration. A Series or 1-D array is treated as a single column. polars DataFrames and pyarrow Tables
        have no index; their order is not checked.

    target : hashable, int or list of them
        Column to predict: a column name of a DataFrame, the name of a Series or None, a column index of an array, or
        None for a 1-D array. With a list of columns, `y` is 2-D.

    steps_ahead : int, default=1
        Number of rows between each row of `X` and its target.

    Returns
    -------
    X : DataFrame or ndarray of shape (n_rows - steps_ahead, n_columns)
        All rows but the last `steps_ahead`, for which `y` is known. `X`, `y` and `X_latest` use the same library as
        `frame`.

    y : Series, DataFrame or ndarray of shape (n_rows - steps_ahead,) or (n_rows - steps_ahead, n_targets)
        The target `steps_ahead` rows later, under its own name and with the index of `X`: ``y.loc[t]`` is the value to
        predict at time ``t``, not the value of the target at that time.

    X_latest : DataFrame or ndarray of shape (steps_ahead, n_columns)
        The last `steps_ahead` rows, for which `y` is unknown. Pass them to a fitted model to predict the future.

    Raises
    ------
    TypeError
        If `frame` is not a DataFrame, Series or array, or if the type of `target` cannot identify columns of `frame`.
    ValueError
        If `target` is not a column of `frame`; if `frame` has too few rows; if its index has dates or numbers that are
        not increasing; or if `steps_ahead` is not a positive int.

    Warns
    -----
    UserWarning
        If the index is a MultiIndex of series and times, or if there is a gap in the time index.

    See Also
    --------
    SequenceWindower : Transformer that cuts the window of rows that ends with each row.
    sliding_windows : Cut the same windows before splitting.

    Notes
    -----
    `X`, `y` and `X_latest` are copies, with the column types of `frame`. Missing values are kept.

    To predict from `X_latest` with windows that begin in `X`, pass both together (``pd.concat([X, X_latest])``) and
    take the last `steps_ahead` predictions.

    Examples
    --------
    >>> import pandas as pd
    >>> from skrnn import make_supervised
    >>> frame = pd.DataFrame(
    ...     {"load": [10, 11, 12, 13], "temperature": [3.0, 2.5, 2.0, 1.5]},
    ...     index=pd.period_range("2024-01-01", periods=4, freq="D"),
    ... )
    >>> X, y, X_latest = make_supervised(frame, "load")
    >>> X
                load  temperature
    2024-01-01    10          3.0
    2024-01-02    11          2.5
    2024-01-03    12          2.0
    >>> y
    2024-01-01    11
    2024-01-02    12
    2024-01-03    13
    Freq: D, Name: load, dtype: int64
    >>> X_latest
                load  temperature
    2024-01-04    13          1.5
    """
    if isinstance(frame, np.ndarray):
        return _from_array(frame, target, steps_ahead)
    if is_frame(frame):
        return _from_other_frame(frame, target, steps_ahead)
    if isinstance(frame, pd.Series):
        target = frame.name if target is None else target
        frame = frame.to_frame(name=frame.name)
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(
            "The 'frame' parameter of make_supervised must be a DataFrame, a pandas Series or a numpy array. "
            f"Got {type(frame).__name__} instead. Convert it first, for example with pd.DataFrame(frame)."
        )
    columns = _target_columns(frame.columns, target)
    _check_length(frame, steps_ahead)
    warn_of_panel(
        frame.index,
        "make_supervised",
        "Pass one series at a time, or shift the target within each, frame.groupby(level={level})[target].shift(-1).",
    )
    _check_time_order(frame.index)
    # Copies, so that the caller can add columns to X without a warning of pandas, or a change of the frame.
    X = frame.iloc[:-steps_ahead].copy()
    y = frame[columns].iloc[steps_ahead:].set_axis(X.index)
    return X, y.copy(), frame.iloc[-steps_ahead:].copy()


def _from_array(array, target, steps_ahead):
    """Return `X`, `y` and `X_latest` of a 1-D or 2-D array."""
    if array.ndim not in (1, 2):
        raise ValueError(
            "make_supervised requires an array of shape (n_rows,) or (n_rows, n_columns) as frame. "
            f"Got an array of shape {array.shape}. Pass one series at a time."
        )
    if array.ndim == 1:
        array = array[:, np.newaxis]
        target = 0 if target is None else target
    columns = np.asarray(target)
    if columns.dtype.kind not in "iu" or columns.ndim > 1 or columns.size == 0:
        raise TypeError(
            f"If frame is an array, target must be the index of a column or a list of them. Got {target!r} instead."
        )
    n_columns = array.shape[1]
    outside = columns[(columns < -n_columns) | (columns >= n_columns)]
    if outside.size:
        raise ValueError(
            f"target {outside.flat[0]} is not a column of frame, which has shape {array.shape}. "
            f"Choose from 0 to {n_columns - 1}."
        )
    _check_length(array, steps_ahead)
    return array[:-steps_ahead].copy(), array[steps_ahead:, columns].copy(), array[-steps_ahead:].copy()


def _from_other_frame(frame, target, steps_ahead):
    """Return `X`, `y` and `X_latest` of a frame of polars or pyarrow."""
    columns = _target_columns(column_names(frame), target)
    _check_length(frame, steps_ahead)
    y = frame.select(columns) if isinstance(columns, list) else frame[columns]
    n_rows = len(frame) - steps_ahead
    return frame.slice(0, n_rows), y.slice(steps_ahead), frame.slice(n_rows)


def _target_columns(names, target):
    """Return a column label, or a list of labels, after a check that they are column names."""
    several = isinstance(target, (list, np.ndarray, pd.Index))
    labels = list(target) if several else [target]
    if not labels:
        raise ValueError("target is an empty list. Name at least one column of frame.")
    for label in labels:
        if not pd.api.types.is_hashable(label):
            raise TypeError(
                f"target must be the name of a column of frame, or a list of names. Got {type(label).__name__} instead."
            )
        # Hashes are compared first: comparing other objects may not return a single bool.
        n_found = sum(hash(label) == hash(column) and label == column for column in names)
        if n_found == 0:
            raise ValueError(f"target {label!r} is not a column of frame. {_suggest_column(label, names)}")
        if n_found > 1:
            raise ValueError(f"target {label!r} is the name of {n_found} columns of frame. Rename them.")
    return labels if several else target


def _suggest_column(label, columns):
    """Return advice for an unknown column name."""
    nearest = difflib.get_close_matches(str(label), [str(column) for column in columns], n=1)
    if nearest:
        return f"Did you mean {nearest[0]!r}?"
    shown = ", ".join(repr(column) for column in columns[:10])
    return f"Choose from {shown}{', ...' if len(columns) > 10 else ''}."


def _check_length(frame, steps_ahead):
    """Raise unless there is at least one pair of row and target."""
    if len(frame) <= steps_ahead:
        raise ValueError(
            f"frame has {len(frame)} rows, but steps_ahead={steps_ahead} requires at least {steps_ahead + 1}, "
            "one row of X and its y. Pass more rows, or decrease steps_ahead."
        )


def _check_time_order(index):
    """Raise if an index of an ordered type does not increase from each row to the next; warn of a gap in it."""
    if not is_ordered(index):
        return
    time = as_times(index)
    # Comparisons with a missing time are False: it counts as out of order.
    increases = np.asarray(time[1:] > time[:-1], dtype=bool)
    if increases.all():
        codes = np.zeros(len(time), dtype=np.int8)
        warn_of_gap(
            RowLabels(pd.Index([0]), codes, time, True),
            "make_supervised",
            "steps_ahead counts rows, not time: fill the gap, for example with frame.asfreq, or drop the pairs of row "
            "and target that span it.",
        )
        return
    row = int(np.argmin(increases)) + 1
    if time[row] == time[row - 1]:
        raise ValueError(
            f"The index of frame must increase, but {repeated(index, row - 1, row)} Pass one series at a time."
        )
    raise ValueError(
        f"The index of frame must increase, but row {row} ({index[row]}) does not come after row {row - 1} "
        f"({index[row - 1]}). Sort the frame first (frame.sort_index()), or drop an index that does not contain times "
        "(frame.reset_index(drop=True))."
    )
