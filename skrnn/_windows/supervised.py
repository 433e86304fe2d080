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

from skrnn._common.arguments import named_arguments
from skrnn._common.frames import column_names, is_frame
from skrnn._common.times import as_times, is_ordered
from skrnn._common.typing import validate_params
from skrnn._data.row_labels import RowLabels, repeated
from skrnn._windows.row_warnings import warn_of_gap, warn_of_panel, warn_of_unsorted_text


@overload
def make_supervised(
    frame: NDArray[Any], target: int | Sequence[int] | None, *, steps_ahead: int | Sequence[int] = 1
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]: ...


@overload
def make_supervised(
    frame: pd.DataFrame | pd.Series,
    target: Hashable | Sequence[Hashable],
    *,
    steps_ahead: int | Sequence[int] = 1,
) -> tuple[pd.DataFrame, pd.Series | pd.DataFrame, pd.DataFrame]: ...


@overload  # of polars and pyarrow
def make_supervised(frame: Any, target: Any, *, steps_ahead: int | Sequence[int] = 1) -> tuple[Any, Any, Any]: ...


@named_arguments
@validate_params(
    {"steps_ahead": [Interval(Integral, 1, None, closed="left"), "array-like"]}, prefer_skip_nested_validation=True
)
def make_supervised(frame: Any, target: Any, *, steps_ahead: int | Sequence[int] = 1) -> tuple[Any, Any, Any]:
    """Pair each row with one or more future values of the target.

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

    steps_ahead : int or array-like of int, default=1
        Number of rows between each row of `X` and its target. With several, such as ``range(1, 4)``, `y` has one column
        for each.

    Returns
    -------
    X : DataFrame or ndarray of shape (n_rows - steps_ahead, n_columns)
        All rows but the last `steps_ahead`, for which `y` is known. `X`, `y` and `X_latest` use the same library as
        `frame`. Of several steps, the largest determines the number of rows.

    y : Series, DataFrame or ndarray of shape (n_rows - steps_ahead,) or (n_rows - steps_ahead, n_targets)
        The target `steps_ahead` rows later, under its own name and with the index of `X`: ``y.loc[t]`` is the value to
        predict at time ``t``, not the value of the target at that time. With several steps, `y` is 2-D, with the
        targets of the first step before those of the second, and columns named as by :meth:`pandas.DataFrame.shift`:
        ``load_1``, ``temperature_1``, ``load_2``, ``temperature_2``. The columns of a target without a name are the
        steps.

    X_latest : DataFrame or ndarray of shape (steps_ahead, n_columns)
        The last `steps_ahead` rows, for which `y`, or a part of it, is unknown. Pass them to a fitted model to predict
        the future.

    Raises
    ------
    TypeError
        If `frame` is not a DataFrame, Series or array, or if the type of `target` cannot identify columns of `frame`.
    ValueError
        If `target` is not a column of `frame`; if `frame` has too few rows; if its index has dates or numbers that are
        not increasing; or if `steps_ahead` is not a positive int, or several different ones.

    Warns
    -----
    UserWarning
        If the index is a MultiIndex of series and times, if there is a gap in the time index, or if it contains dates
        as text (``"2024-01-31"``) that are not increasing.

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

    Several steps are the outputs of one model:

    >>> make_supervised(frame, "load", steps_ahead=[1, 2])[1]
                load_1  load_2
    2024-01-01      11      12
    2024-01-02      12      13
    """
    steps = _checked_steps(steps_ahead)
    if isinstance(frame, np.ndarray):
        return _from_array(frame, target, steps)
    if is_frame(frame):
        return _from_other_frame(frame, target, steps)
    if isinstance(frame, pd.Series):
        target = frame.name if target is None else target
        frame = frame.to_frame(name=frame.name)
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(
            "The 'frame' parameter of make_supervised must be a DataFrame, a pandas Series or a numpy array. "
            f"Got {type(frame).__name__} instead. Convert it first, for example with pd.DataFrame(frame)."
        )
    columns = _target_columns(frame.columns, target)
    n_rows = _number_of_pairs(frame, steps)
    warn_of_panel(
        frame.index,
        "make_supervised",
        "Pass one series at a time, or shift the target within each, frame.groupby(level={level})[target].shift(-1).",
    )
    _check_time_order(frame.index)
    # Copies, so that the caller can add columns to X without a warning of pandas, or a change of the frame.
    X, X_latest = frame.iloc[:n_rows].copy(), frame.iloc[n_rows:].copy()
    if isinstance(steps, int):
        return X, frame[columns].iloc[steps:].set_axis(X.index).copy(), X_latest
    labels = columns if isinstance(columns, list) else [columns]
    parts = [frame[labels].iloc[step : step + n_rows].set_axis(X.index) for step in steps]
    return X, pd.concat(parts, axis=1).set_axis(_names(labels, steps), axis=1), X_latest


def _checked_steps(steps_ahead):
    """Return the number of steps ahead as an int, or several as a list of int."""
    if isinstance(steps_ahead, Integral):
        return int(steps_ahead)
    steps = np.asarray(steps_ahead)
    if steps.ndim != 1 or not steps.size or steps.dtype.kind not in "iu" or (steps < 1).any():
        problem = "or several of them"
    elif len(np.unique(steps)) < len(steps):
        problem = "or several different ones"
    else:
        return steps.tolist()
    raise ValueError(
        f"The 'steps_ahead' parameter of make_supervised must be a positive int, {problem}. Got {steps_ahead!r} "
        "instead."
    )


def _names(labels, steps):
    """Return the names of the columns of `y` with several steps."""
    return [step if label is None else f"{label}_{step}" for step in steps for label in labels]


def _from_array(array, target, steps):
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
    n_rows = _number_of_pairs(array, steps)
    if isinstance(steps, int):
        y = array[steps:, columns].copy()
    else:
        y = np.concatenate([array[step : step + n_rows, np.atleast_1d(columns)] for step in steps], axis=1)
    return array[:n_rows].copy(), y, array[n_rows:].copy()


def _from_other_frame(frame, target, steps):
    """Return `X`, `y` and `X_latest` of a frame of polars or pyarrow."""
    columns = _target_columns(column_names(frame), target)
    n_rows = _number_of_pairs(frame, steps)
    if isinstance(steps, int):
        y = (frame.select(columns) if isinstance(columns, list) else frame[columns]).slice(steps)
    else:
        labels = columns if isinstance(columns, list) else [columns]
        parts = [frame[label].slice(step, n_rows) for step in steps for label in labels]
        names = _names(labels, steps)
        is_polars = hasattr(frame, "get_columns")
        y = type(frame)(dict(zip(names, parts, strict=True))) if is_polars else frame.from_arrays(parts, names=names)
    return frame.slice(0, n_rows), y, frame.slice(n_rows)


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


def _number_of_pairs(frame, steps):
    """Return the number of rows with a target, or raise if there is none."""
    most = steps if isinstance(steps, int) else max(steps)
    if len(frame) <= most:
        raise ValueError(
            f"frame has {len(frame)} rows, but steps_ahead={steps} requires at least {most + 1}, one row of X and its "
            "y. Pass more rows, or decrease steps_ahead."
        )
    return len(frame) - most


def _check_time_order(index):
    """Raise if an index of an ordered type does not increase from each row to the next; warn of a gap in it."""
    if not is_ordered(index):
        warn_of_unsorted_text(index, np.zeros(len(index), dtype=np.int8), "make_supervised", "frame")
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
