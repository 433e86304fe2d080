"""Checks of array-likes that must contain numbers, with errors that name the first offending value."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Set
from functools import partial
from numbers import Number

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils import check_array
from sklearn.utils.validation import _check_sample_weight

from skrnn._common.frames import as_pandas

NUMBERS = "biuf"  # kinds of numeric numpy dtypes

_BYTES = (bytes, bytearray, memoryview)  # which float() converts to numbers
_OF_ARRAYS = ("__len__", "shape", "__array__", "__array_interface__", "__dataframe__")


def check_array_like(given, parameter, name):
    """Raise for inputs that are not array-like: scalars, strings, mappings, sets, iterators, sparse matrices."""
    if issparse(given) or (isinstance(given, pd.DataFrame) and _sparse_columns(given)):
        raise TypeError(
            f"Sparse data was passed for {parameter}, but {name} takes dense data only. Got {type(given).__name__} of "
            f"shape {given.shape}; its toarray(), or for a frame sparse.to_dense(), is dense."
        )
    if isinstance(given, (str, bytes, Mapping, Set)) or not any(map(partial(hasattr, given), _OF_ARRAYS)):
        raise TypeError(
            f"{parameter} must be array-like or a DataFrame for {name}. Got {reprlib.repr(given)} of type "
            f"{type(given).__name__} instead."
            + (" Call its collect() first." if type(given).__name__ == "LazyFrame" else "")
        )
    check_not_masked(given, parameter, name)


def check_not_masked(given, what, name):
    """Raise for a masked array with masked values, whose data numpy would read as if they were valid."""
    if np.ma.is_masked(given):
        raise ValueError(
            f"{what} is a masked array with masked values, whose data {name} would read as if they were valid. Replace "
            "them: array.filled(np.nan) makes them NaN."
        )


def as_array_or_frame(given, parameter, name, words=("row", "column")):
    """Return an array or a pandas object unchanged, other frames as those of pandas, and a list as an array."""
    check_array_like(given, parameter, name)
    given = as_pandas(given)
    if isinstance(given, np.ndarray) and given.dtype == np.float16:
        return given.astype(np.float64)  # pandas has no index of half floats
    try:
        return np.asarray(given) if isinstance(given, (list, tuple)) else given
    except ValueError:
        lengths = [_length(row) for row in given]
        other = [i for i, length in enumerate(lengths) if length != lengths[0]]
        word = words[0] if words else "element"
        which = f": {word} {other[0]} has {lengths[other[0]]}, {word} 0 has {lengths[0]}" if other else ""
        raise ValueError(
            f"{parameter} is a list of lists of different lengths, which {name} does not take{which}."
        ) from None


def as_numeric(given, name, *, parameter="X", words=("row", "column"), for_text=""):
    """Return an array-like as an array or a DataFrame of numbers, which scikit-learn's checks can convert.

    Parameters
    ----------
    given : array-like
    name : str
        Name of the estimator or function, for errors.
    parameter : str, default="X"
        Name of the parameter, for errors.
    words : tuple of str, default=("row", "column")
        Names of the axes, for errors; if empty, the index is given.
    for_text : str, default=""
        Remedy for text that is not a number, for errors; ``{column!r}`` in it is the name of a column, or its number.

    Returns
    -------
    ndarray, Series or DataFrame
        ``given``, or a copy with NaN in place of pd.NA in arrays of objects.

    Raises
    ------
    TypeError
        For inputs that are not array-like, and for values that are not numbers: dates, sparse matrices, objects.
    ValueError
        For text that is not a number, complex numbers, and lists that differ in length.
    """
    given = as_array_or_frame(given, parameter, name, words)
    if isinstance(given, pd.DataFrame) and not given.shape[1]:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={given.shape}) while a minimum of 1 is required by {name}."
        )
    check_dtypes(given, parameter, name)
    dtypes = [dtype for dtype, _ in _dtypes_of(given)]
    if dtypes and all(isinstance(dtype, np.dtype) and dtype.kind in NUMBERS for dtype in dtypes):
        return given
    array = np.asarray(given)
    columns = given.columns if isinstance(given, pd.DataFrame) else None
    converted = as_numeric_array(array, parameter, name, words, for_text=for_text, columns=columns)
    if not _has_missing(array):
        return given  # scikit-learn converts it, and keeps the names of columns
    return pd.DataFrame(converted, columns=given.columns) if isinstance(given, pd.DataFrame) else converted


def check_finite(array, name, *, columns=None, parameter="X", words=("row", "column"), remedy=None):
    """Raise for the first value of a numeric array that is NaN or infinite; the columns may have names."""
    finite = np.isfinite(array)
    if finite.all():
        return
    at: tuple[int | str, ...] = first_position(~finite)
    value = describe_value(array[at])
    at = at if columns is None else (at[0], repr(columns[at[1]]))
    if remedy is None:
        remedy = f"Fill such values, or drop the {words[0] if words else 'element'}s that hold them."
    position = describe_position(at, words)
    raise ValueError(f"Input {parameter} contains {value}, first{position}; {name} takes finite numbers. {remedy}")


def as_float_array(given, name, *, parameter, words=("row", "column"), finite=False, allow_nd=False):
    """Return a 1-D or 2-D array-like (any number of dimensions with ``allow_nd``) as float64."""
    given = as_numeric(given, name, parameter=parameter, words=words)
    array = check_array(
        given, ensure_2d=False, allow_nd=allow_nd, dtype=np.float64, ensure_all_finite=False, input_name=parameter
    )
    if finite:
        check_finite(array, name, columns=getattr(given, "columns", None), parameter=parameter, words=words)
    return array


def as_numeric_array(array, parameter, name, words, sample=None, for_text="", columns=None):
    """Return an array of numbers, strings and objects converted; raise for the first one that is not numeric."""
    if array.dtype.kind in NUMBERS:
        return array
    check_dtypes(array, parameter if sample is None else f"sample {sample} of {parameter}", name)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise_non_numeric(array, parameter, name, words, sample, for_text, columns)
        if not _has_missing(array):
            raise
        return np.where(pd.isna(array), np.nan, array).astype(np.float64)


def raise_non_numeric(array, parameter, name, words, sample=None, for_text="", columns=None):
    """Raise for the first non-numeric value of an array of strings or objects; None and pd.NA are missing values."""
    for index, value in np.ndenumerate(array):
        value = value.item() if isinstance(value, np.generic) else value
        if value is None or value is pd.NA:
            continue
        position = index if sample is None else (sample, *index)
        column = index[-1] if index else None
        if columns is not None:
            column = columns[column]
            position = (index[0], repr(column))
        message = (
            f"{name} takes numbers, but {parameter} has dtype {array.dtype}, and contains {reprlib.repr(value)}"
            + describe_position(position, words)
        )
        if isinstance(value, (list, tuple, np.ndarray)):  # to float(), an array of one number is a number
            raise TypeError(f"{message}.")
        try:
            float(value)
        except TypeError as error:
            raise TypeError(f"{message}: {error}.") from None
        except (ValueError, OverflowError):
            remedy = for_text.format(column=column) if isinstance(value, str) else ""
            raise ValueError(f"{message}.{remedy}") from None


def check_sample_weights(sample_weight, n_samples, dtype, name):
    """Return sample weights of shape (n_samples,), finite, non-negative and not all zero, or None."""
    if sample_weight is None:
        return None
    if not isinstance(sample_weight, Number):
        sample_weight = as_float_array(
            sample_weight,
            name,
            parameter="sample_weight",
            words=(),
            finite=True,
            allow_nd=True,  # the next check rejects it
        )
    with np.errstate(over="ignore"):  # overflow is rejected as infinity
        weights = _check_sample_weight(sample_weight, np.empty((n_samples, 1)), dtype=np.dtype(dtype), copy=True)
    if (weights < 0).any():
        at = int(np.argmax(weights < 0))
        raise ValueError(f"Negative values in data passed to `sample_weight`: {weights[at]} at {at}.")
    if not weights.any():
        raise ValueError("All values of sample_weight are zero; at least one sample must have a non-zero weight.")
    return weights


def describe_value(value):
    """Return a value for an error message: NaN, infinity, or the value itself."""
    return {"nan": "NaN", "inf": "infinity", "-inf": "infinity"}.get(str(value), value)


def first_position(mask):
    """Return the index of the first True of a mask, as a tuple of ints."""
    return tuple(int(i) for i in np.argwhere(mask)[0])


def describe_position(index, words=()):
    """Return the position of a value for an error message."""
    if words:
        return " at " + ", ".join(f"{word} {i}" for word, i in zip(words, index, strict=False))
    return f" at index {index[0] if len(index) == 1 else index}"


def _length(row):
    """Return the length of a row; 0 for objects without one, such as a sparse matrix."""
    try:
        return len(row)
    except TypeError:
        return 0


def check_dtypes(given, parameter, name):
    """Raise for an array, or a column of a frame, of a non-numeric dtype that numpy would convert to numbers."""
    for position, (dtype, column) in enumerate(_dtypes_of(given)):
        _check_dtype(dtype, f"{parameter}{column}", name)
        if getattr(dtype, "kind", "O") in "OS":
            found = first_bytes(given.iloc[:, position] if isinstance(given, pd.DataFrame) else given)
            if found is not None:
                raise TypeError(
                    f"{name} takes numbers, but {parameter}{column} has dtype {dtype}, and contains bytes, first "
                    f"{reprlib.repr(found)}. Decode them, or convert them to numbers."
                )


def first_bytes(values):
    """Return the first bytes object in an array-like of any number of dimensions, or None."""
    values = np.asarray(values)
    if values.dtype.kind not in "OS":
        return None
    # tolist() converts bytes of numpy to those of Python.
    return next((value for value in values.ravel().tolist() if isinstance(value, _BYTES)), None)


def _has_missing(array):
    """Return True for an array of objects with pd.NA, which numpy cannot convert to numbers."""
    return array.dtype == object and any(value is pd.NA for value in array.ravel().tolist())


def _dtypes_of(given):
    """Return the dtypes of an array, or of the columns of a frame with their labels for errors."""
    if isinstance(given, pd.DataFrame):
        return [(dtype, f"[{label!r}]") for label, dtype in given.dtypes.items()]
    dtype = getattr(given, "dtype", None)
    return [] if dtype is None else [(dtype, "")]


def _check_dtype(dtype, what, name):
    """Raise for non-numeric dtypes that numpy would convert to numbers."""
    kind = getattr(dtype, "kind", "O")
    if kind == "c":
        raise ValueError(f"Complex data not supported, got {what} of dtype {dtype}. {name} takes real numbers.")
    if kind in "mMV" or isinstance(dtype, pd.PeriodDtype):
        remedy = "Drop it, or convert it to numbers."
        if kind not in "mV" and what.endswith("]"):  # a column of dates or periods
            remedy += " If it contains the times of the rows, make it the index (set_index)."
        raise TypeError(f"{name} takes numbers, but {what} has dtype {dtype}. {remedy}")


def _sparse_columns(frame):
    return any(isinstance(dtype, pd.SparseDtype) for dtype in frame.dtypes)
