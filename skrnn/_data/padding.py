"""Padded time steps of sequences, and errors for other non-finite values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skrnn._common.guide import see

_FOR_SWAPPED_AXES = (
    " Here, features are NaN at all time steps of a sample, as padded time steps are if samples have shape "
    "(n_features, n_timesteps): in that case, transpose each, X.transpose(0, 2, 1) for an array."
    + see("layouts", "axes-in-another-order")
)


def without_padding(sequences, rows, dtype, name):
    """Return sequences of valid time steps only, or raise for NaN elsewhere and for infinity.

    Parameters
    ----------
    sequences : Sequences
        Cast to the dtype of computation.
    rows : ndarray of shape (n_rows, n_features)
        Its values before the cast, for errors.
    dtype : str or dtype
        Dtype of computation.
    name : str
        Name of the estimator, for errors.

    Returns
    -------
    Sequences
        Over the same values; time steps whose features are all NaN are padding.
    """
    finite = np.isfinite(sequences.values)
    if finite.all():
        return sequences
    in_use = rows_in_use(sequences)
    is_padding = np.isnan(rows).all(axis=1) & in_use
    is_invalid = ~finite.all(axis=1) & ~is_padding & in_use
    if is_invalid.any():
        row = int(np.argmax(is_invalid))
        sample, time_step = locate(sequences, row)
        feature = int(np.argmin(finite[row]))
        raise ValueError(
            f"Input X contains {describe_non_finite(rows[row, feature], dtype)}, first at sample {sample}, time step "
            f"{time_step}, feature {feature}; {name} takes finite numbers. Padded time steps, whose features are all "
            "NaN, are supported before the first and after the last valid time step of a sequence."
            + (_FOR_SWAPPED_AXES if _are_padded_features(sequences, rows) else see("layouts", "padded-time-steps"))
        )
    return _trimmed(sequences, is_padding, name) if is_padding.any() else sequences


def _are_padded_features(sequences, rows):
    """Return True if NaN are at the ends of the features of 3-D input, as if their axis were that of time."""
    n_samples, n_timesteps = len(sequences), sequences.n_timesteps
    if len(rows) != n_samples * n_timesteps or (sequences.starts != n_timesteps * np.arange(n_samples)).any():
        return False  # not an array of separate sequences
    X = rows.reshape(n_samples, n_timesteps, -1)
    is_missing = np.isnan(X)
    if np.isinf(X).any() or (is_missing.any(axis=1) != is_missing.all(axis=1)).any():
        return False
    begins = np.diff(~is_missing.any(axis=1), axis=1, prepend=False) & ~is_missing.any(axis=1)
    return bool((begins.sum(axis=1) <= 1).all())  # NaN between two features are those of a sensor


def rows_in_use(sequences):
    """Return a mask of the rows that at least one sequence contains."""
    n_rows, step = len(sequences.values), sequences.step
    # +1 at the first step, -1 one step after the last; each of the `step` interleaved chains is one column.
    change = np.zeros((-(-n_rows // step) + 1) * step, dtype=np.int64)
    np.add.at(change, sequences.starts, 1)
    np.add.at(change, sequences.starts + step * np.asarray(sequences.lengths, dtype=np.int64), -1)
    return np.cumsum(change.reshape(-1, step), axis=0).reshape(-1)[:n_rows] > 0


def describe_non_finite(value, dtype):
    """Return the name of a value that is not finite in the dtype of computation."""
    if np.isnan(value):
        return "NaN"
    return "infinity" if np.isinf(value) else f"{value.item()!r} (a value too large for dtype {np.dtype(dtype).name})"


def _trimmed(sequences, is_padding, name):
    """Remove leading and trailing padding; padding between valid time steps is an error."""
    step = sequences.step
    n_rows = len(is_padding)
    # Each of the `step` interleaved chains of rows is one column, so that accumulating walks along a chain.
    chains = np.ones((-(-n_rows // step), step), dtype=bool)
    chains.reshape(-1)[:n_rows] = is_padding
    row = np.arange(chains.size).reshape(chains.shape)
    next_valid = np.minimum.accumulate(np.where(chains, chains.size, row)[::-1], axis=0)[::-1].reshape(-1)
    previous_valid = np.maximum.accumulate(np.where(chains, -1, row), axis=0).reshape(-1)
    n_valid = np.cumsum(~chains, axis=0).reshape(-1)

    ends = sequences.starts + step * (sequences.lengths - 1)
    first, last = next_valid[sequences.starts], previous_valid[ends]
    empty = first > ends
    if empty.any():
        raise ValueError(
            f"Sample {int(np.argmax(empty))} of X has no valid time step: all its values are NaN. {name} requires at "
            "least one; drop such samples."
        )
    lengths = (last - first) // step + 1
    has_gap = n_valid[last] - n_valid[first] + 1 < lengths
    if has_gap.any():
        sample = int(np.argmax(has_gap))
        steps = sequences.starts[sample] + step * np.arange(sequences.lengths[sample])
        inside = (steps > first[sample]) & (steps < last[sample]) & is_padding[steps]
        time_step = sequences.n_leading_padding[sample] + int(np.argmax(inside))
        raise ValueError(
            f"Input X contains NaN between valid time steps, first at sample {sample}, time step {time_step}; {name} "
            "supports padded time steps only before the first and after the last valid time step of a sequence. "
            "Impute the missing values, or split the sequence there." + see("layouts", "padded-time-steps")
        )
    n_leading_padding = sequences.n_leading_padding + (first - sequences.starts) // step
    return replace(sequences, starts=first, lengths=lengths, n_leading_padding=n_leading_padding)


def locate(sequences, row):
    """Return the first sample that contains a row, and its time step there."""
    offsets = row - sequences.starts
    inside = (offsets >= 0) & (offsets % sequences.step == 0)
    inside &= offsets // sequences.step < sequences.lengths
    sample = int(np.argmax(inside))
    return sample, int(sequences.n_leading_padding[sample] + offsets[sample] // sequences.step)
