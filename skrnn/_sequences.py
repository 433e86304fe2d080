"""One frozen representation of every layout of ``X``, and the errors of bad input."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import as_strided


@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences as slices of one buffer of rows, so that windows which overlap share their rows.

    Sequence ``i`` is made of the rows ``starts[i] + step * t`` for ``t < lengths[i]``: its present steps.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_features)
        The rows that all sequences are cut from. Rows that no sequence refers to may hold anything.
    starts : ndarray of shape (n_samples,)
        The row of the first present step of each sequence.
    lengths : ndarray of shape (n_samples,)
        The number of present steps of each sequence, at least one.
    heads : ndarray of shape (n_samples,)
        The number of absent steps before the first present one, in the layout that the user passed.
    step : int
        The distance in rows between two steps of a sequence.
    n_timesteps : int
        The length of the time axis of the layout that the user passed.
    """

    values: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    heads: np.ndarray
    step: int
    n_timesteps: int

    def __len__(self):
        return len(self.starts)

    @property
    def n_features(self):
        """Number of features of every step."""
        return self.values.shape[1]

    @property
    def has_absent(self):
        """Whether any sequence is shorter than the time axis."""
        return bool((self.lengths < self.n_timesteps).any())

    def take(self, indices):
        """Return the chosen sequences, over the same buffer."""
        indices = np.asarray(indices)
        return replace(self, starts=self.starts[indices], lengths=self.lengths[indices], heads=self.heads[indices])

    def gather(self, indices):
        """Present steps first, tails filled with the last present step: ``indices.shape + (time, features)``.

        The filling is finite and in bounds; who computes with it masks it.
        """
        steps = np.minimum(np.arange(self.n_timesteps), self.lengths[indices][..., None] - 1)
        return self.values.take(self.starts[indices][..., None] + self.step * steps, axis=0)

    def present(self, indices=slice(None)):
        """Mask of the present steps in the order of `gather`: ``indices.shape + (time,)``."""
        return np.arange(self.n_timesteps) < self.lengths[indices][..., None]

    def to_layout(self, outputs, fill):
        """Put one output per step back to where the step stood in the user's layout.

        Parameters
        ----------
        outputs : ndarray of shape (n_samples, n_timesteps, ...)
            Outputs in the order of `gather`.
        fill : scalar
            What absent steps get.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, ...)
        """
        if not self.has_absent:
            return outputs
        restored = np.full_like(outputs, fill)
        rows, steps = np.nonzero(self.present())
        restored[rows, steps + self.heads[rows]] = outputs[rows, steps]
        return restored


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
            "pass 3-D input, where steps of NaN at the head or the tail are absent."
        )
    return Sequences(
        values=values,
        starts=np.arange(n_samples) * n_timesteps,
        lengths=np.full(n_samples, n_timesteps),
        heads=np.zeros(n_samples, dtype=int),
        step=1,
        n_timesteps=n_timesteps,
    )


def sequences_from_3d(X, dtype, name):
    """Multivariate sequences; steps whose features are all NaN, at the head or tail, are absent.

    Overlapping windows of one series are recognised by their strides, and only the series is touched.
    """
    n_samples, n_timesteps, _ = X.shape
    rows, stride, step = _rows_of(X)
    starts = stride * np.arange(n_samples)
    values = _cast(rows, dtype)
    sequences = Sequences(
        values=values,
        starts=starts,
        lengths=np.full(n_samples, n_timesteps),
        heads=np.zeros(n_samples, dtype=int),
        step=step,
        n_timesteps=n_timesteps,
    )
    absent = np.isnan(rows).all(axis=1)
    broken = ~np.isfinite(values).all(axis=1) & ~absent
    if broken.any():
        row = int(np.argmax(broken))
        sample, at = _locate(sequences, row)
        feature = int(np.argmin(np.isfinite(values[row])))
        raise ValueError(
            f"Input X contains {_what_is_wrong(rows[row, feature], dtype)}, first at sample {sample}, time step "
            f"{at}, feature {feature}; {name} takes finite numbers, and steps whose features are all NaN only "
            "before the first or after the last present step of a sequence."
        )
    return _trimmed(sequences, absent, name) if absent.any() else sequences


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
        heads=np.argmax(X != 0, axis=1),
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
    """Cut absent steps off the heads and tails; one in between is an error."""
    step, last = sequences.step, sequences.n_timesteps - 1
    n_rows = len(absent)
    # Each of the `step` interleaved chains of rows is one column, so that accumulating walks along a chain.
    chains = np.ones((-(-n_rows // step), step), dtype=bool)
    chains.reshape(-1)[:n_rows] = absent
    row = np.arange(chains.size).reshape(chains.shape)
    following = np.minimum.accumulate(np.where(chains, chains.size, row)[::-1], axis=0)[::-1].reshape(-1)
    previous = np.maximum.accumulate(np.where(chains, -1, row), axis=0).reshape(-1)
    n_present = np.cumsum(~chains, axis=0).reshape(-1)

    ends = sequences.starts + step * last
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
        steps = sequences.starts[sample] + step * np.arange(last + 1)
        inside = (steps > first[sample]) & (steps < final[sample]) & absent[steps]
        raise ValueError(
            f"Input X contains NaN between present steps, first at sample {sample}, time step "
            f"{int(np.argmax(inside))}; {name} takes steps of NaN only before the first or after the last "
            "present step of a sequence. Fill such holes, or cut the sequence there."
        )
    return replace(sequences, starts=first, lengths=lengths, heads=(first - sequences.starts) // step)


def _cast(array, dtype):
    """Return the array in the dtype of computation, contiguous; what overflows becomes infinite and is found later."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=dtype)


def _locate(sequences, row):
    """Return the first sample that a row belongs to, and the time step at which it stands there."""
    offsets = row - sequences.starts
    inside = (offsets >= 0) & (offsets % sequences.step == 0)
    inside &= offsets // sequences.step < sequences.n_timesteps
    sample = int(np.argmax(inside))
    return sample, int(offsets[sample] // sequences.step)


def _what_is_wrong(value, dtype):
    """Name a value that is not finite once it is cast."""
    if np.isnan(value):
        return "NaN"
    return "infinity" if np.isinf(value) else f"{value.item()!r} (a value too large for dtype {np.dtype(dtype).name})"
