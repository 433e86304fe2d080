"""Layouts of ``X``, and the conversion of each to `Sequences`."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from scipy.sparse import issparse

from skrnn._common.frames import as_pandas, is_frame
from skrnn._common.guide import see
from skrnn._data.checks import as_numeric_array, check_dtypes, check_not_masked
from skrnn._data.padding import describe_non_finite, without_padding
from skrnn._data.sequences import Sequences

_AXES = ("sample", "time step", "feature")

_CHECKED_AT_ONCE = 2**16  # samples, as tables of int64 of all samples may take more memory than the rows

TRANSPOSE_EACH = "[sequence.T for sequence in X]"


def is_list_of_sequences(X):
    """Return True for a list, object array or Series of sequences, which may differ in length, and for an empty one."""
    if isinstance(X, (list, tuple)):
        if not X or any(_is_table(sequence) for sequence in X):
            return True
        try:
            return np.asarray(X).ndim == 3
        except ValueError:  # lists of different lengths
            return True
    if getattr(X, "ndim", None) == 1 and str(getattr(X, "dtype", "")) == "object":
        # Lists first: they may be ragged, which np.ndim rejects.
        return not len(X) or any(isinstance(sequence, (list, np.ndarray)) or _is_table(sequence) for sequence in X)
    return False


def n_dimensions(X):
    """Return the number of dimensions of an array-like that is not a list of sequences, without converting it."""
    if issparse(X):
        return 2
    ndim = getattr(X, "ndim", None)
    return ndim if isinstance(ndim, Integral) else np.asarray(X).ndim


def _is_table(sequence):
    return getattr(sequence, "ndim", None) == 2 or is_frame(sequence)


def sequences_from_2d(X, dtype, name):
    """Return one univariate sequence per row of a checked 2-D array; padding is not supported."""
    n_samples, n_timesteps = X.shape
    values = _cast(X, dtype).reshape(-1, 1)
    finite = np.isfinite(values[:, 0])
    if not finite.all():
        row, column = divmod(int(np.argmin(finite)), n_timesteps)
        raise ValueError(
            f"Input X contains {describe_non_finite(X[row, column], dtype)}, first at sample {row}, time step "
            f"{column}; {name} takes finite numbers in 2-D input. Pass sequences of different lengths as 3-D input, "
            "where leading and trailing time steps of NaN are padding." + see("layouts", "padded-time-steps")
        )
    return Sequences(
        values=values,
        starts=np.arange(n_samples) * n_timesteps,
        lengths=np.full(n_samples, n_timesteps),
        n_leading_padding=np.zeros(n_samples, dtype=int),
        step=1,
        n_timesteps=n_timesteps,
    )


def sequences_from_3d(X, dtype, name):
    """Return the multivariate sequences of a 3-D array, without leading and trailing padding."""
    X = as_numeric_array(np.asarray(X), "X", name, _AXES)
    if 0 in X.shape:
        raise ValueError(
            f"Found array with 0 {['sample(s)', 'time steps', 'feature(s)'][X.shape.index(0)]} (shape="
            f"{X.shape}) while a minimum of 1 is required by {name}."
        )
    # Windows of one series that overlap in memory are recognized by their strides: only the series is converted.
    n_samples, n_timesteps, _ = X.shape
    rows, stride, step = _rows_of(X)
    sequences = Sequences(
        values=_cast(rows, dtype),
        starts=stride * np.arange(n_samples),
        lengths=np.full(n_samples, n_timesteps),
        n_leading_padding=np.zeros(n_samples, dtype=int),
        step=step,
        n_timesteps=n_timesteps,
    )
    return without_padding(sequences, rows, dtype, name)


def checked_sequences(X, dtype, name):
    """Return `Sequences` in the dtype of computation, checked and without leading and trailing padding."""
    if not len(X):
        raise ValueError(f"Found array with 0 sample(s) (shape={X.shape}) while a minimum of 1 is required by {name}.")
    _check_bounds(X, name)
    _check_scales(X, name)
    # Shifts are subtracted in double precision: a cast before would lose the digits of small differences.
    values = _cast(X.values, dtype if X.shifts is None else np.float64)
    sequences = without_padding(replace(X, values=values), X.values, dtype, name)
    _check_range(sequences, dtype, name)
    return sequences


def _check_bounds(sequences, name):
    """Raise if time steps lie outside the rows or the time axis, where kernels would read and write unchecked."""
    arrays = [np.asarray(a) for a in (sequences.starts, sequences.lengths, sequences.n_leading_padding)]
    if any(array.shape != (len(sequences),) or array.dtype.kind not in "iu" for array in arrays):
        shapes = ", ".join(f"{array.shape} of {array.dtype}" for array in arrays)
        raise ValueError(
            f"The starts, lengths and n_leading_padding of Sequences must be arrays of integers, one per sample, for "
            f"{name}. Got shapes {shapes}."
        )
    n_rows = len(sequences.values)
    for first in range(0, len(sequences), _CHECKED_AT_ONCE):
        starts, lengths, n_leading_padding = (a[first : first + _CHECKED_AT_ONCE].astype(np.int64) for a in arrays)
        ends = starts + sequences.step * (lengths - 1)
        wrong = (lengths < 1) | (n_leading_padding < 0) | (n_leading_padding + lengths > sequences.n_timesteps)
        wrong |= (np.minimum(starts, ends) < 0) | (np.maximum(starts, ends) >= n_rows)
        if wrong.any():
            at = int(np.argmax(wrong))
            raise ValueError(
                f"Sample {first + at} of X starts at row {starts[at]}, with {lengths[at]} valid time step(s) "
                f"{sequences.step} row(s) apart, after {n_leading_padding[at]} padded one(s). {name} takes Sequences "
                f"with at least one valid time step, which lie within their {n_rows} rows and "
                f"{sequences.n_timesteps} time steps."
            )


def _check_scales(sequences, name):
    """Raise for invalid shifts and scales of sequences."""
    if sequences.shifts is None and sequences.scales is None:
        return
    n, n_features = len(sequences), sequences.values.shape[1]
    arrays = [sequences.shifts, sequences.scales]
    is_array = all(isinstance(array, np.ndarray) and array.dtype == np.float64 and array.ndim == 2 for array in arrays)
    if not is_array or arrays[0].shape != arrays[1].shape or len(arrays[0]) != n or arrays[0].shape[1] > n_features:
        raise ValueError(
            f"The shifts and scales of Sequences must both be float64 arrays of shape ({n}, n_scaled), with n_scaled "
            f"of at most {n_features}, for {name}. Got " + " and ".join(str(np.shape(array)) for array in arrays) + "."
        )
    if not (np.isfinite(arrays[0]).all() and np.isfinite(arrays[1]).all() and (arrays[1] > 0).all()):
        raise ValueError(f"The shifts of Sequences must be finite, and their scales finite and positive, for {name}.")


def _check_range(sequences, dtype, name):
    """Raise if values with applied shifts and scales are too large for the dtype of computation."""
    if sequences.shifts is None:
        return
    n_scaled = sequences.shifts.shape[1]
    with np.errstate(over="ignore"):
        largest = _largest(sequences.values, np.isfinite(sequences.values))
        largest[:n_scaled] += _largest(sequences.shifts, True)
        largest[:n_scaled] /= sequences.scales.min(axis=0)
        if (largest <= np.finfo(dtype).max).all():
            return
        # Only a bound was exceeded, perhaps by rows of no sequence: the values themselves decide.
        applied = sequences.with_applied_scales()
    without_padding(replace(applied, values=_cast(applied.values, dtype)), applied.values, dtype, name)


def _largest(values, where):
    """Return the largest absolute value of each column, without a copy of the values."""
    return np.maximum(values.max(axis=0, initial=0, where=where), -values.min(axis=0, initial=0, where=where))


def columns_of_list(X):
    """Return the columns of the first frame in a list of sequences as a tuple, or None if there is no frame."""
    frames = (as_pandas(sequence) for sequence in X if hasattr(sequence, "columns") or is_frame(sequence))
    first = next(frames, None)
    return None if first is None else tuple(first.columns)


def sequences_from_list(X, dtype, name, fitted_columns=None):
    """Return sequences of different lengths, each of shape (n_timesteps, n_features), from a list of them.

    The columns of frames must not be in another order than those of earlier frames, or those seen in ``fit``.
    """
    if not len(X):
        raise ValueError(f"Found a list of 0 sample(s) while a minimum of 1 is required by {name}.")
    arrays: list[NDArray[Any]] = []
    names: Any = None if fitted_columns is None else list(fitted_columns)
    for sample, sequence in enumerate(X):
        if issparse(sequence):
            raise TypeError(
                f"Sparse data was passed for sample {sample} of X, of shape {sequence.shape}, but {name} takes dense "
                "data only. Use its toarray()."
            )
        sequence = as_pandas(sequence)
        if isinstance(sequence, pd.DataFrame):
            check_dtypes(sequence, f"sample {sample} of X", name)
            names = list(sequence.columns) if names is None else names
            _check_column_order(names, list(sequence.columns), sample, fitted_columns is not None, name)
        check_not_masked(sequence, f"sample {sample} of X", name)
        try:
            array = np.asarray(sequence)
        except ValueError:
            raise ValueError(
                f"Sample {sample} of X is a list whose time steps differ in length; {name} takes sequences of shape "
                "(n_timesteps, n_features)."
            ) from None
        array = as_numeric_array(array, "X", name, _AXES, sample)
        if array.ndim != 2:
            raise ValueError(
                f"Sample {sample} of X has {array.ndim} dimension(s), shape {array.shape}; {name} takes sequences of "
                "shape (n_timesteps, n_features) in a list. Reshape univariate ones: sequence[:, None]."
            )
        if not array.shape[0]:
            raise ValueError(f"Sample {sample} of X has 0 time steps while {name} requires at least 1. Drop it.")
        if not array.shape[1]:
            raise ValueError(f"Sample {sample} of X has 0 features while {name} requires at least 1.")
        if arrays and array.shape[1] != arrays[0].shape[1]:
            raise ValueError(
                f"Sample {sample} of X has {array.shape[1]} features, but sample 0 has {arrays[0].shape[1]}; {name} "
                "requires sequences with the same number of features." + _transposed_remedy(X)
            )
        arrays.append(array)
    with np.errstate(over="ignore"):
        rows = np.concatenate(arrays)
    lengths = np.array([len(array) for array in arrays])
    sequences = Sequences(
        values=_cast(rows, dtype),
        starts=np.concatenate([[0], np.cumsum(lengths)[:-1]]),
        lengths=lengths,
        n_leading_padding=np.zeros(len(lengths), dtype=int),
        step=1,
        n_timesteps=int(lengths.max()),
    )
    return without_padding(sequences, rows, dtype, name)


def _check_column_order(names, columns, sample, are_fitted, name):
    """Raise for a frame that has the columns of the first one, or those seen in fit, in another order."""
    if columns != names and sorted(map(str, columns)) == sorted(map(str, names)):
        others = "those seen in fit are" if are_fitted else "earlier frames have"
        raise ValueError(
            f"Sample {sample} of X has columns {columns}, but {others} {names}: {name} identifies features "
            "of sequences by position. Select the columns in the same order."
        )


def _transposed_remedy(X):
    """Return what to do if the sequences agree in their first axis only: it is probably that of the features."""
    shapes = [getattr(sequence, "shape", None) or np.shape(sequence) for sequence in X]
    if any(len(shape) != 2 or shape[0] != shapes[0][0] for shape in shapes):
        return ""
    return (
        f" The first axis of each has length {shapes[0][0]}: if the sequences are of shape (n_features, n_timesteps), "
        f"pass {TRANSPOSE_EACH}." + see("layouts", "axes-in-another-order")
    )


def sequences_from_tokens(X, n_tokens, name):
    """Return the token ids of each row; 0 is padding at any position, where the state is kept as by a mask."""
    if (X < 0).any():
        row, column = np.argwhere(X < 0)[0]
        raise ValueError(
            f"Token ids must be non-negative, but X contains {X[row, column]} at sample {row}, time step {column}."
        )
    if (n_tokens <= X).any():
        row, column = np.argwhere(n_tokens <= X)[0]
        raise ValueError(
            f"Token id {X[row, column]} at sample {row}, time step {column} is not below n_tokens={n_tokens} of "
            f"{name}; set n_tokens to at least {int(X.max()) + 1}, or to None to infer it from the training data."
        )
    lengths = np.count_nonzero(X, axis=1)
    if not lengths.all():
        raise ValueError(
            f"Sample {int(np.argmin(lengths))} of X has no token: all its ids are 0, which is padding. Drop such "
            "samples, or replace them by the id of unknown tokens, 1."
        )
    return Sequences(
        values=X[X != 0].astype(np.int32).reshape(-1, 1),
        starts=np.concatenate([[0], np.cumsum(lengths)[:-1]]),
        lengths=lengths,
        n_leading_padding=np.argmax(X != 0, axis=1),
        step=1,
        n_timesteps=X.shape[1],
    )


def _rows_of(X):
    """Return the rows of a 3-D array, and the distance in rows between its samples and between their time steps.

    Where the samples are contiguous or overlap in memory the rows are a view of it; otherwise they are a copy.
    """
    n_samples, n_timesteps, n_features = X.shape
    by_sample, by_step, by_feature = X.strides
    if n_timesteps == 1:
        by_step = by_sample  # numpy leaves the stride of an axis of length one undefined
    if n_samples == 1:
        by_sample = by_step
    if by_sample > 0 and by_step > 0 and by_feature > 0:
        distance = int(np.gcd(by_sample, by_step))
        stride, step = by_sample // distance, by_step // distance
        # Every row between the first and the last must belong to some sample: other memory is not ours to read.
        if (step == 1 and stride <= n_timesteps) or (stride == 1 and step <= n_samples):
            n_rows = stride * (n_samples - 1) + step * (n_timesteps - 1) + 1
            rows = as_strided(X, (n_rows, n_features), (distance, by_feature), writeable=False)
            return rows, stride, step
    return np.ascontiguousarray(X).reshape(-1, n_features), n_timesteps, 1


def _cast(array, dtype):
    """Return a contiguous array in the dtype of computation; values that overflow become infinite, and are found."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=dtype)
