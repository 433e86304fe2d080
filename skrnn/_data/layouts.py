"""From every layout of ``X`` to `Sequences`, and the errors of bad input."""

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
from skrnn._data.checks import as_numeric_array, check_dtypes
from skrnn._data.sequences import Sequences

_AXES = ("sample", "time step", "feature")

TRANSPOSE_EACH = "[sequence.T for sequence in X]"


def n_dimensions(X):
    """Return the number of axes of an array-like, found without converting what knows it; 3 for lists of sequences."""
    if issparse(X):
        return 2
    if is_list_of_sequences(X):
        return 3
    ndim = getattr(X, "ndim", None)
    return ndim if isinstance(ndim, Integral) else np.asarray(X).ndim


def is_list_of_sequences(X):
    """Tell a list, or an object array or Series, of sequences, which may differ in length; an empty one is one, too."""
    if isinstance(X, (list, tuple)):
        if not X or any(_is_table(sequence) for sequence in X):
            return True
        try:
            return np.asarray(X).ndim == 3
        except ValueError:  # lists of different lengths
            return True
    if getattr(X, "ndim", None) == 1 and str(getattr(X, "dtype", "")) == "object":
        # Lists first: they may be ragged, which np.ndim refuses.
        return not len(X) or any(isinstance(sequence, (list, np.ndarray)) or _is_table(sequence) for sequence in X)
    return False


def are_windows(X):
    """Return True for a read-only array of rows, such as the windows of a `SequenceWindower`, which overlap in time.

    Samples that overlap in their last axis are windows of a single series, and this axis is their time.
    """
    if getattr(getattr(X, "flags", None), "writeable", True):
        return False
    by_sample, *_, by_feature = np.asarray(X).strides
    return abs(by_sample) >= abs(by_feature) * np.shape(X)[-1]


def _is_table(sequence):
    return getattr(sequence, "ndim", None) == 2 or is_frame(sequence)


def sequences_from_2d(X, dtype, name):
    """One univariate sequence per row of a checked 2-D array; no step may be absent."""
    n_samples, n_timesteps = X.shape
    values = _cast(X, dtype).reshape(-1, 1)
    finite = np.isfinite(values[:, 0])
    if not finite.all():
        row, column = divmod(int(np.argmin(finite)), n_timesteps)
        raise ValueError(
            f"Input X contains {_what_is_wrong(X[row, column], dtype)}, first at sample {row}, time step "
            f"{column}; {name} takes finite numbers in 2-D input. For sequences that start late or end early "
            "pass 3-D input, where steps of NaN at the head or the tail are absent." + see("layouts", "absent-steps")
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
    """Multivariate sequences in a 3-D array, a list or `Sequences`.

    Steps whose features are all NaN, at the head or tail, are absent.
    """
    if isinstance(X, Sequences):
        if not len(X):
            raise ValueError(
                f"Found array with 0 sample(s) (shape={X.shape}) while a minimum of 1 is required by {name}."
            )
        _check_places(X, name)
        return _finite(replace(X, values=_cast(X.values, dtype)), X.values, dtype, name)
    if is_list_of_sequences(X):
        return _sequences_from_list(X, dtype, name)
    X = as_numeric_array(np.asarray(X), "X", name, _AXES)
    if 0 in X.shape:
        raise ValueError(
            f"Found array with 0 {['sample(s)', 'time steps', 'feature(s)'][X.shape.index(0)]} (shape="
            f"{X.shape}) while a minimum of 1 is required by {name}."
        )
    # Overlapping windows of one series are recognised by their strides, and only the series is touched.
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
    return _finite(sequences, rows, dtype, name)


def _check_places(sequences, name):
    """Raise where steps of sequences are not among the rows or the time steps: kernels read and write unchecked."""
    places = [np.asarray(array) for array in (sequences.starts, sequences.lengths, sequences.n_leading_padding)]
    if any(array.shape != (len(sequences),) or array.dtype.kind not in "iu" for array in places):
        shapes = ", ".join(f"{array.shape} of {array.dtype}" for array in places)
        raise ValueError(
            f"The starts, lengths and n_leading_padding of Sequences must be arrays of integers, one per sample, for "
            f"{name}. Got shapes {shapes}."
        )
    starts, lengths, n_leading_padding = (array.astype(np.int64) for array in places)
    n_rows, ends = len(sequences.values), starts + sequences.step * (lengths - 1)
    wrong = (lengths < 1) | (n_leading_padding < 0) | (n_leading_padding + lengths > sequences.n_timesteps)
    wrong |= (np.minimum(starts, ends) < 0) | (np.maximum(starts, ends) >= n_rows)
    if wrong.any():
        sample = int(np.argmax(wrong))
        raise ValueError(
            f"Sample {sample} of X starts at row {starts[sample]}, with {lengths[sample]} present step(s) "
            f"{sequences.step} row(s) apart, after {n_leading_padding[sample]} padded one(s). {name} takes "
            f"Sequences of at least one present step, whose steps "
            f"lie within their {n_rows} rows and {sequences.n_timesteps} time steps."
        )


def _sequences_from_list(X, dtype, name):
    """Sequences of different lengths, each (n_timesteps, n_features); they start at the head of the time axis."""
    if not len(X):
        raise ValueError(f"Found a list of 0 sample(s) while a minimum of 1 is required by {name}.")
    arrays: list[NDArray[Any]] = []
    names: Any = None  # of the columns of the first frame
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
            _check_order(names, list(sequence.columns), sample, name)
        try:
            array = np.asarray(sequence)
        except ValueError:
            raise ValueError(
                f"Sample {sample} of X is a list whose steps differ in length; {name} takes (n_timesteps, n_features)."
            ) from None
        array = as_numeric_array(array, "X", name, _AXES, sample)
        if array.ndim != 2:
            raise ValueError(
                f"Sample {sample} of X has {array.ndim} dimension(s), shape {array.shape}; {name} takes sequences of "
                "shape (n_timesteps, n_features) in a list. Reshape univariate ones: sequence[:, None]."
            )
        if not array.shape[0]:
            raise ValueError(f"Sample {sample} of X has no time step; {name} needs at least one. Drop such samples.")
        if not array.shape[1]:
            raise ValueError(f"Sample {sample} of X has no feature; {name} needs at least one.")
        if arrays and array.shape[1] != arrays[0].shape[1]:
            raise ValueError(
                f"Sample {sample} of X has {array.shape[1]} features, but sample 0 has {arrays[0].shape[1]}; {name} "
                "takes sequences that differ in length alone." + _other_axes(X)
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
    return _finite(sequences, rows, dtype, name)


def _check_order(names, columns, sample, name):
    """Raise for a frame that has the columns of another one in another order."""
    if columns != names and sorted(map(str, columns)) == sorted(map(str, names)):
        raise ValueError(
            f"Sample {sample} of X has columns {columns}, but the frames before it have {names}: {name} takes features "
            "of sequences by position. Select the columns in one order."
        )


def _other_axes(X):
    """Say what to do with sequences that agree in their first axis alone: the features, if the axes are swapped."""
    shapes = [getattr(sequence, "shape", None) or np.shape(sequence) for sequence in X]
    if any(len(shape) != 2 or shape[0] != shapes[0][0] for shape in shapes):
        return ""
    return (
        f" Their first axes are all of length {shapes[0][0]}: if they are of shape (n_features, n_timesteps), pass "
        f"{TRANSPOSE_EACH}." + see("layouts", "axes-in-another-order")
    )


def _finite(sequences, rows, dtype, name):
    """Return sequences without leading and trailing padding, or raise for non-finite values; ``rows`` are not cast."""
    finite = np.isfinite(sequences.values)
    if finite.all():
        return sequences
    refers = rows_in_use(sequences)
    absent = np.isnan(rows).all(axis=1) & refers
    broken = ~finite.all(axis=1) & ~absent & refers
    if broken.any():
        row = int(np.argmax(broken))
        sample, at = _locate(sequences, row)
        feature = int(np.argmin(finite[row]))
        raise ValueError(
            f"Input X contains {_what_is_wrong(rows[row, feature], dtype)}, first at sample {sample}, time step "
            f"{at}, feature {feature}; {name} takes finite numbers, and steps whose features are all NaN only "
            "before the first or after the last present step of a sequence." + see("layouts", "absent-steps")
        )
    return _trimmed(sequences, absent, name) if absent.any() else sequences


def rows_in_use(sequences):
    """Tell which rows are a step of some sequence."""
    n_rows, step = len(sequences.values), sequences.step
    # Opened at the first step and closed one step after the last; each of the `step` interleaved chains is a column.
    change = np.zeros((-(-n_rows // step) + 1) * step, dtype=np.int64)
    np.add.at(change, sequences.starts, 1)
    np.add.at(change, sequences.starts + step * np.asarray(sequences.lengths, dtype=np.int64), -1)
    return np.cumsum(change.reshape(-1, step), axis=0).reshape(-1)[:n_rows] > 0


def sequences_from_tokens(X, n_tokens, name):
    """Token ids, one sequence per row; 0 is padding wherever it stands, and keeps the state as a mask would."""
    if (X < 0).any():
        row, column = np.argwhere(X < 0)[0]
        raise ValueError(f"Token ids cannot be negative, got {X[row, column]} at sample {row}, time step {column}.")
    if n_tokens is not None and (n_tokens <= X).any():
        row, column = np.argwhere(n_tokens <= X)[0]
        raise ValueError(
            f"Token id {X[row, column]} at sample {row}, time step {column} is beyond n_tokens={n_tokens} of "
            f"{name}; raise n_tokens to at least {int(X.max()) + 1}, or leave it None to infer it at fit."
        )
    lengths = np.count_nonzero(X, axis=1)
    if not lengths.all():
        raise ValueError(
            f"Sample {int(np.argmin(lengths))} has no token: all its ids are 0, which is padding. Drop such "
            "samples, or give them the id of an unknown token, 1."
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
    """Return the rows behind a 3-D array, the distance in rows between its samples, and between their steps.

    Where the samples tile or overlap in memory the rows are a view of it; otherwise they are a copy.
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
        # Every row between the first and the last must belong to some sample, else foreign memory is checked.
        if (step == 1 and stride <= n_timesteps) or (stride == 1 and step <= n_samples):
            n_rows = stride * (n_samples - 1) + step * (n_timesteps - 1) + 1
            rows = as_strided(X, (n_rows, n_features), (distance, by_feature), writeable=False)
            return rows, stride, step
    return np.ascontiguousarray(X).reshape(-1, n_features), n_timesteps, 1


def _trimmed(sequences, absent, name):
    """Remove leading and trailing padding; padding in between is an error."""
    step = sequences.step
    n_rows = len(absent)
    # Each of the `step` interleaved chains of rows is one column, so that accumulating walks along a chain.
    chains = np.ones((-(-n_rows // step), step), dtype=bool)
    chains.reshape(-1)[:n_rows] = absent
    row = np.arange(chains.size).reshape(chains.shape)
    following = np.minimum.accumulate(np.where(chains, chains.size, row)[::-1], axis=0)[::-1].reshape(-1)
    previous = np.maximum.accumulate(np.where(chains, -1, row), axis=0).reshape(-1)
    n_present = np.cumsum(~chains, axis=0).reshape(-1)

    ends = sequences.starts + step * (sequences.lengths - 1)
    first, final = following[sequences.starts], previous[ends]
    empty = first > ends
    if empty.any():
        raise ValueError(
            f"Sample {int(np.argmax(empty))} of X has no present step: all its steps are NaN. {name} needs at "
            "least one; drop such samples."
        )
    lengths = (final - first) // step + 1
    holes = n_present[final] - n_present[first] + 1 < lengths
    if holes.any():
        sample = int(np.argmax(holes))
        steps = sequences.starts[sample] + step * np.arange(sequences.lengths[sample])
        inside = (steps > first[sample]) & (steps < final[sample]) & absent[steps]
        raise ValueError(
            f"Input X contains NaN between present steps, first at sample {sample}, time step "
            f"{sequences.n_leading_padding[sample] + int(np.argmax(inside))}; {name} takes steps of NaN only before "
            "the first or after the last present step of a sequence. Fill such holes, or cut the sequence there."
        )
    n_leading_padding = sequences.n_leading_padding + (first - sequences.starts) // step
    return replace(sequences, starts=first, lengths=lengths, n_leading_padding=n_leading_padding)


def _cast(array, dtype):
    """Return the array in the dtype of computation, contiguous; what overflows becomes infinite and is found later."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=dtype)


def _locate(sequences, row):
    """Return the first sample that a row belongs to, and the time step at which it stands there."""
    offsets = row - sequences.starts
    inside = (offsets >= 0) & (offsets % sequences.step == 0)
    inside &= offsets // sequences.step < sequences.lengths
    sample = int(np.argmax(inside))
    return sample, int(sequences.n_leading_padding[sample] + offsets[sample] // sequences.step)


def _what_is_wrong(value, dtype):
    """Name a value that is not finite once it is cast."""
    if np.isnan(value):
        return "NaN"
    return "infinity" if np.isinf(value) else f"{value.item()!r} (a value too large for dtype {np.dtype(dtype).name})"
