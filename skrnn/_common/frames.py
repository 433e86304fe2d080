"""Conversion of frames and columns of polars and pyarrow to pandas and numpy."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd

# Advice where an index with the times of the rows is required.
NO_INDEX = "Frames of polars and pyarrow have no index; to_pandas().set_index(...) sets one."


class Rows(pd.DataFrame):
    """DataFrame converted from a frame without an index, whose own index is to be ignored."""

    @property
    def _constructor(self):
        return Rows


def is_frame(given):
    """Return True for a polars DataFrame, or a pyarrow Table or RecordBatch."""
    return isinstance(given, _types("polars", "DataFrame") + _types("pyarrow", "Table", "RecordBatch"))


def column_names(frame):
    """Return the column names of a frame of polars or pyarrow, as a list of str."""
    return list(frame.columns if hasattr(frame, "get_columns") else frame.schema.names)


def as_pandas(given):
    """Return a frame of polars or pyarrow as `Rows`, one of their columns as an array, and other objects unchanged.

    Missing values become those of pandas: NaN for numbers, NaT for dates, None for objects. Times with a time zone are
    converted to UTC.

    Parameters
    ----------
    given : object
        Argument of the user.

    Returns
    -------
    object
        `Rows` of shape (n_rows, n_columns), an ndarray of shape (n_rows,), or `given`.
    """
    if is_frame(given):
        columns = given.get_columns() if hasattr(given, "get_columns") else given.columns
        rows = Rows(dict(enumerate(map(_values, columns))), index=pd.RangeIndex(given.shape[0]))
        return rows.set_axis(column_names(given), axis=1)  # may contain duplicates
    if isinstance(given, _types("polars", "Series") + _types("pyarrow", "ChunkedArray", "Array")):
        return np.asarray(_values(given))
    return given


def index_of(given: Any) -> Any:
    """Return the index of a pandas object; None for other objects, and for converted frames without an index."""
    return given.index if isinstance(given, (pd.DataFrame, pd.Series)) and not isinstance(given, Rows) else None


def _types(package, *names):
    """Return types of a package if it has been imported; otherwise there are no instances of them."""
    found = (getattr(sys.modules.get(package), name, None) for name in names)
    return tuple(kind for kind in found if isinstance(kind, type))


def _values(column):
    """Return a column of polars or pyarrow as an array, or as a pandas Series."""
    if isinstance(column, _types("polars", "Series")):
        # Lists of length one would become numbers, and numpy has no 128-bit integers.
        is_object = column.dtype.is_nested() or str(column.dtype) in ("Int128", "UInt128")
        values = as_objects(column.to_list()) if is_object else column.to_numpy()
    elif sys.modules["pyarrow"].types.is_nested(column.type) or "string" in str(column.type):
        values = as_objects(column.to_pylist())
    else:
        values = column.to_pandas(date_as_object=False)
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            values = values.dt.tz_convert(None)  # as polars converts them to numpy
    return values.astype(np.float64) if values.dtype == np.float16 else values  # pandas has no index of float16


def as_objects(values):
    """Return values as a 1-D array of objects."""
    objects = np.empty(len(values), dtype=object)
    objects[:] = values
    return objects
