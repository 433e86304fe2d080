"""Frames and columns of polars and pyarrow as pandas and numpy know them, and which frames have an index."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd

# What to do where only an index says when rows were.
NO_INDEX = "Frames of polars and pyarrow have no index: to_pandas().set_index(...) gives them one."


class Rows(pd.DataFrame):
    """Rows whose columns have names and whose index means nothing: those of a frame without an index."""

    @property
    def _constructor(self):
        return Rows


def is_frame(given):
    """Return True for a DataFrame of polars, and for a Table or RecordBatch of pyarrow."""
    return isinstance(given, _types("polars", "DataFrame") + _types("pyarrow", "Table", "RecordBatch"))


def column_names(frame):
    """Return the names of the columns of a frame of polars or pyarrow, a list of str."""
    return list(frame.columns if hasattr(frame, "get_columns") else frame.schema.names)


def as_pandas(given):
    """Return a frame of polars or pyarrow as `Rows`, a column of theirs as an array, and anything else as it is.

    Missing values are those of pandas: NaN among numbers, NaT among dates, None among objects. Times with a time zone
    become those of UTC.

    Parameters
    ----------
    given : object
        What a user passed.

    Returns
    -------
    object
        `Rows` of shape (n_rows, n_columns), an ndarray of shape (n_rows,), or `given`.
    """
    if is_frame(given):
        columns = given.get_columns() if hasattr(given, "get_columns") else given.columns
        rows = Rows(dict(enumerate(map(_values, columns))), index=pd.RangeIndex(given.shape[0]))
        return rows.set_axis(column_names(given), axis=1)  # which may repeat one
    if isinstance(given, _types("polars", "Series") + _types("pyarrow", "ChunkedArray", "Array")):
        return np.asarray(_values(given))
    return given


def index_of(given: Any) -> Any:
    """Return the index of a pandas object; None for what has none."""
    return given.index if isinstance(given, (pd.DataFrame, pd.Series)) and not isinstance(given, Rows) else None


def _types(package, *names):
    """Return types of a package that the caller has imported: nobody else has objects of them."""
    found = (getattr(sys.modules.get(package), name, None) for name in names)
    return tuple(kind for kind in found if isinstance(kind, type))


def _values(column):
    """Return a column of polars or pyarrow as an array, or as a pandas Series."""
    if isinstance(column, _types("polars", "Series")):
        # Lists of one number each would be numbers otherwise, and numpy has no integers of 128 bits.
        is_object = column.dtype.is_nested() or str(column.dtype) in ("Int128", "UInt128")
        values = _objects(column.to_list()) if is_object else column.to_numpy()
    elif sys.modules["pyarrow"].types.is_nested(column.type) or "string" in str(column.type):
        values = _objects(column.to_pylist())
    else:
        values = column.to_pandas(date_as_object=False)
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            values = values.dt.tz_convert(None)  # as polars gives them to numpy
    return values.astype(np.float64) if values.dtype == np.float16 else values  # of which pandas has no index


def _objects(values):
    objects = np.empty(len(values), dtype=object)
    objects[:] = values
    return objects
