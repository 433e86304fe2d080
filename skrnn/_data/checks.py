"""Numbers out of whatever is given, and the errors that say what is none and where it stands."""

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

NUMBERS = "biuf"  # kinds of numpy's dtypes that are numbers

_BYTES = (bytes, bytearray, memoryview)  # of which float() makes numbers
_OF_ARRAYS = ("__len__", "shape", "__array__", "__array_interface__", "__dataframe__")


def refuse_no_array(given, parameter, name):
    """Raise for what is no array, list or frame: single objects, text, mappings, sets, iterators, sparse matrices."""
    if issparse(given) or (isinstance(given, pd.DataFrame) and _sparse_columns(given)):
        raise TypeError(
            f"Sparse data was passed for {parameter}, but {name} takes dense data only. Got {type(given).__name__} of "
            f"shape {given.shape}; its toarray(), or for a frame sparse.to_dense(), is dense."
        )
    if isinstance(given, (str, bytes, Mapping, Set)) or not any(map(partial(hasattr, given), _OF_ARRAYS)):
        raise TypeError(
            f"{parameter} must be an array, a list or a frame, for {name}. Got {reprlib.repr(given)} of type "
            f"{type(given).__name__} instead."
            + (" Pass what its collect() returns." if type(given).__name__ == "LazyFrame" else "")
        )


def array_like(given, parameter, name, words=("row", "column")):
    """Return an array or a pandas object as it is, another frame as `as_pandas` does, and a list as an array."""
    refuse_no_array(given, parameter, name)
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
            f"{parameter} is a list of lists that differ in length, which {name} does not take{which}."
        ) from None


def numbers_of(given, name, check, *, parameter="X", words=("row", "column"), finite=False):
    """Return what a validation of scikit-learn's makes of an array-like, of one axis or two, that must hold numbers.

    Parameters
    ----------
    given : array-like
    name : str
        Who takes it, for errors.
    check : callable
        ``check(array_like)`` validates with ``ensure_all_finite=False``.
    parameter : str, default="X"
        What it was passed as.
    words : tuple of str, default=("row", "column")
        What the axes are called; empty where an index is enough.
    finite : bool, default=False
        Whether NaN and infinity are refused.

    Returns
    -------
    ndarray
        What ``check`` returns.

    Raises
    ------
    TypeError
        For what is no array, and for values that no number stands for: dates, sparse matrices, objects.
    ValueError
        For text that is no number, complex numbers, lists that differ in length, and what ``check`` refuses.
    """
    given = array_like(given, parameter, name, words)
    if isinstance(given, pd.DataFrame) and not given.shape[1]:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={given.shape}) while a minimum of 1 is required by {name}."
        )
    refuse_dtypes(given, parameter, name)
    try:
        array = check(given)
    except (TypeError, ValueError, OverflowError):
        array = np.asarray(given)
        if array.dtype.kind not in NUMBERS:
            refuse_no_numbers(array, parameter, name, words)
        filled = _missing_as_nan(array)
        if filled is None:
            raise
        array = check(pd.DataFrame(filled, columns=given.columns) if isinstance(given, pd.DataFrame) else filled)
    if finite:
        _refuse_not_finite(array, getattr(given, "columns", None), parameter, name, words)
    return array


def floats_of(given, name, *, parameter, words=("row", "column"), finite=False, allow_nd=False):
    """Return an array-like of one axis or two, or of any where ``allow_nd``, as float64; as `numbers_of` does."""
    check = partial(
        check_array,
        ensure_2d=False,
        allow_nd=allow_nd,
        dtype=np.float64,
        ensure_all_finite=False,
        input_name=parameter,
    )
    return numbers_of(given, name, check, parameter=parameter, words=words, finite=finite)


def as_numbers(array, parameter, name, words, sample=None):
    """Return an array, text and objects that stand for numbers converted; where one does not, say which."""
    if array.dtype.kind in NUMBERS:
        return array
    refuse_dtypes(array, parameter if sample is None else f"sample {sample} of {parameter}", name)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        refuse_no_numbers(array, parameter, name, words, sample)
        filled = _missing_as_nan(array)
        if filled is None:
            raise
        return filled.astype(np.float64)


def refuse_no_numbers(array, parameter, name, words, sample=None):
    """Raise for the first value of an array of text or objects that is no number; None and pd.NA are missing ones."""
    for index, value in np.ndenumerate(array):
        value = value.item() if isinstance(value, np.generic) else value
        if value is None or value is pd.NA:
            continue
        said = f"{name} takes numbers, but {parameter} has dtype {array.dtype}, and holds {reprlib.repr(value)}" + (
            place(index if sample is None else (sample, *index), words)
        )
        if isinstance(value, (list, tuple, np.ndarray)):  # to float(), an array of one number is a number
            raise TypeError(f"{said}.")
        try:
            float(value)
        except TypeError as error:
            raise TypeError(f"{said}: {error}.") from None
        except (ValueError, OverflowError):
            raise ValueError(f"{said}.") from None


def _refuse_not_finite(array, columns, parameter, name, words):
    """Raise for the first number that is NaN or infinite; the columns may have names."""
    finite = np.isfinite(array)
    if finite.all():
        return
    at: tuple[int | str, ...] = tuple(int(i) for i in np.argwhere(~finite)[0])
    what = called(array[at])
    at = at if columns is None else (at[0], repr(columns[at[1]]))
    raise ValueError(
        f"Input {parameter} contains {what}, first{place(at, words)}; {name} takes finite numbers. Fill such values, "
        f"or drop the {words[0] if words else 'element'}s that hold them."
    )


def checked_weights(sample_weight, n_samples, dtype, name):
    """Return weights of samples, (n_samples,), that are finite, not negative, and not all zero; None where None is."""
    if sample_weight is None:
        return None
    if not isinstance(sample_weight, Number):
        sample_weight = floats_of(
            sample_weight,
            name,
            parameter="sample_weight",
            words=(),
            finite=True,
            allow_nd=True,  # which the next check refuses
        )
    with np.errstate(over="ignore"):  # what overflows is refused as infinity
        weights = _check_sample_weight(sample_weight, np.empty((n_samples, 1)), dtype=np.dtype(dtype), copy=True)
    if (weights < 0).any():
        at = int(np.argmax(weights < 0))
        raise ValueError(f"Negative values in data passed to `sample_weight`: {weights[at]} at {at}.")
    if not weights.any():
        raise ValueError("All values of sample_weight are zero; at least one sample must weigh.")
    return weights


def called(value):
    """Return what a value is called in errors: NaN, infinity, or the value itself."""
    return {"nan": "NaN", "inf": "infinity", "-inf": "infinity"}.get(str(value), value)


def place(index, words=()):
    """Say where a value stands."""
    if words:
        return " at " + ", ".join(f"{word} {i}" for word, i in zip(words, index, strict=False))
    return f" at index {index[0] if len(index) == 1 else index}"


def _length(row):
    """Return the length of a row; 0 for what has none, such as a sparse matrix."""
    try:
        return len(row)
    except TypeError:
        return 0


def refuse_dtypes(given, parameter, name):
    """Raise for an array, or a column of a frame, of a dtype that numpy would make numbers of, and that are none."""
    for position, (dtype, column) in enumerate(_dtypes_of(given)):
        _refuse_dtype(dtype, f"{parameter}{column}", name)
        if getattr(dtype, "kind", "O") in "OS":
            found = first_bytes(given.iloc[:, position] if isinstance(given, pd.DataFrame) else given)
            if found is not None:
                raise TypeError(
                    f"{name} takes numbers, but {parameter}{column} has dtype {dtype}, and holds bytes, first "
                    f"{reprlib.repr(found)}. Decode them, or make numbers of them that mean something."
                )


def first_bytes(values):
    """Return the first bytes object in an array-like of any axes; None where there is none."""
    values = np.asarray(values)
    if values.dtype.kind not in "OS":
        return None
    # Of what numpy holds as bytes, those of Python.
    return next((value for value in values.ravel().tolist() if isinstance(value, _BYTES)), None)


def _missing_as_nan(array):
    """Return an array of objects with NaN for pd.NA, which numpy makes no number of; None where there is none."""
    missing = array.dtype == object and pd.isna(array)
    return np.where(missing, np.nan, array) if np.any(missing) else None


def _dtypes_of(given):
    """Return the dtypes of an array, or of the columns of a frame, and what to call these."""
    if isinstance(given, pd.DataFrame):
        return [(dtype, f"[{label!r}]") for label, dtype in given.dtypes.items()]
    dtype = getattr(given, "dtype", None)
    return [] if dtype is None else [(dtype, "")]


def _refuse_dtype(dtype, what, name):
    """Raise for dtypes that numpy would make numbers of, and that are none."""
    kind = getattr(dtype, "kind", "O")
    if kind == "c":
        raise ValueError(f"Complex data not supported, got {what} of dtype {dtype}. {name} takes real numbers.")
    if kind in "mMV" or isinstance(dtype, pd.PeriodDtype):
        raise TypeError(
            f"{name} takes numbers, but {what} has dtype {dtype}. Drop it, or make numbers of it that mean something."
        )


def _sparse_columns(frame):
    return any(isinstance(dtype, pd.SparseDtype) for dtype in frame.dtypes)
