"""Targets laid out as rows for batches, and targets and outputs in the layout of ``X``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skrnn._common.frames import as_objects, as_pandas
from skrnn._data.checks import NUMBERS, check_array_like, check_not_masked
from skrnn._data.row_labels import positions_dtype


@dataclass(frozen=True, eq=False)
class Targets:
    """Encoded targets and their weights, as rows of a buffer like those of `Sequences`.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_outputs)
        Targets as the loss takes them: one row per sample or, with one output per time step, per time step. Missing
        targets are NaN.
    weights : ndarray of shape (n_rows,)
        Weight of each row in the loss, of which each of its elements has an equal part.
    starts : ndarray of shape (n_samples,)
        The row of each sample, or of its first valid time step.
    per_step : bool
        Whether there is one row per time step.
    """

    values: NDArray[Any]
    weights: NDArray[Any]
    starts: NDArray[Any]
    per_step: bool

    are_inputs: ClassVar[bool] = False

    def take(self, indices):
        """Return the targets of selected samples, over the same buffer."""
        return replace(self, starts=self.starts[np.asarray(indices)])

    def gather(self, indices, valid):
        """Return targets and weights of a batch, in the order of `Sequences.gather`.

        Parameters
        ----------
        indices : ndarray of int
            Samples.
        valid : ndarray of bool, shape ``indices.shape + (n_timesteps,)``
            Mask of their valid time steps.

        Returns
        -------
        values : ndarray of shape ``indices.shape + (n_outputs,)`` or ``indices.shape + (n_timesteps, n_outputs)``
        weights : ndarray of shape ``indices.shape`` or ``indices.shape + (n_timesteps,)``
            Zero at padded time steps.
        """
        rows = self.starts[indices]
        if not self.per_step:
            return self.values[rows], self.weights[rows]
        steps = np.minimum(np.arange(valid.shape[-1]), valid.sum(axis=-1, keepdims=True) - 1)
        rows = rows[..., None] + steps
        return self.values[rows], np.where(valid, self.weights[rows], 0)

    def rows(self, lengths):
        """Return the rows that belong to the samples, in order."""
        if not self.per_step:
            return self.starts
        before = np.cumsum(lengths) - lengths
        return np.repeat(self.starts - before, lengths) + np.arange(lengths.sum())

    def terms(self, lengths):
        """Return the targets and weights that belong to the samples, in order."""
        rows = self.rows(lengths)
        return self.values[rows], self.weights[rows]

    distinct_terms = terms

    def n_known(self, lengths):
        """Return the number of rows of the samples with a target that is not missing."""
        return int((~np.isnan(self.terms(lengths)[0]).all(axis=1)).sum())

    def has_missing(self, lengths):
        """Return whether targets of the samples are missing."""
        return self._has_nan() and bool(np.isnan(self.values[self.rows(lengths)]).any())

    def mean_weight(self, lengths):
        """Return the mean over samples of their weight, or of the total weight of their valid time steps.

        Missing targets have no weight.
        """
        return self._mean(self._without_missing(self.weights), lengths)

    def mean_terms(self, lengths):
        """Return the mean over samples of the number of their rows, of which missing targets are a fraction."""
        if self._has_nan():
            return self._mean(self._without_missing(np.ones(len(self.values))), lengths)
        return float(np.mean(lengths)) if self.per_step else 1.0

    def _has_nan(self):
        return self.values.dtype.kind == "f" and bool(np.isnan(self.values).any())

    def _without_missing(self, weights):
        """Return weights of rows, multiplied by the fraction of their targets that are not missing."""
        return weights * (1.0 - np.isnan(self.values).mean(axis=1)) if self._has_nan() else weights

    def _mean(self, weights, lengths):
        """Return the mean over samples of the total weight of their rows."""
        if not self.per_step:
            return float(np.mean(weights[self.starts], dtype=np.float64))
        cumulative = np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64)])
        return float(np.mean(cumulative[self.starts + lengths] - cumulative[self.starts]))


def make_targets(values, sequences, weights, per_step):
    """Lay out encoded targets of shape (n_samples, n_outputs) or (n_samples, n_timesteps, n_outputs) as rows.

    ``weights`` has shape (n_samples,) or, with one output per time step, (n_samples, n_timesteps).
    """
    n_samples = len(sequences)
    if not per_step:
        return Targets(values, weights, np.arange(n_samples, dtype=positions_dtype(n_samples)), per_step)
    starts = np.arange(n_samples) * sequences.n_timesteps + sequences.n_leading_padding
    return Targets(values.reshape(-1, values.shape[-1]), weights.reshape(-1), starts, per_step)


def valid_in_layout(sequences):
    """Return a mask of the valid time steps in the layout of ``X``: (n_samples, n_timesteps)."""
    offsets = np.arange(sequences.n_timesteps) - sequences.n_leading_padding[:, None]
    return (offsets >= 0) & (offsets < sequences.lengths[:, None])


def weights_of_steps(sample_weight, valid):
    """Return the weights of samples, or None, as those of their valid time steps: (n_valid_steps,)."""
    if sample_weight is None:
        return None
    return np.broadcast_to(np.asarray(sample_weight)[:, None], valid.shape)[valid]


def check_target_shape(y, data, per_step, name):
    """Raise if ``y`` does not have a target for every sample of the `Input`, or for every time step."""
    n_samples, n_timesteps = len(data), data.sequences.n_timesteps
    if len(y) != n_samples:
        series = getattr(getattr(data.given, "index", None), "levels", None)
        remedy = ""
        if series is not None and data.given.index.get_level_values(0).nunique() == len(y):
            remedy = " If the first index level names the sequences, pass [rows for _, rows in X.groupby(level=0)]."
        raise ValueError(
            f"X has {n_samples} samples, but y has {len(y)}: inconsistent numbers of samples. {name} requires one "
            f"target per sequence.{remedy}"
        )
    if per_step and (y.ndim not in (2, 3) or y.shape[1] != n_timesteps):
        raise ValueError(
            f"{name} with return_sequences=True requires one target per time step, y of shape ({n_samples}, "
            f"{n_timesteps}) or ({n_samples}, {n_timesteps}, n_outputs). Got shape {y.shape}."
        )
    if not per_step and y.ndim > 2:
        raise ValueError(
            f"y has {y.ndim} dimensions, shape {y.shape}, but {name} takes y of shape (n_samples,) or (n_samples, "
            "n_outputs). For one output per time step set return_sequences=True."
        )


def columns_of_targets(y):
    """Return the columns of a frame of targets as a tuple, or None for other objects and for a single column."""
    y = as_pandas(y)
    columns = getattr(y, "columns", ())
    return tuple(columns) if len(columns) > 1 else None


def check_target_columns(y, fitted, name):
    """Raise for a frame of targets that has the columns of the fitted one in another order."""
    columns = columns_of_targets(y)
    if _are_reordered(columns, fitted):
        raise ValueError(
            f"y has the columns {list(columns)}, but {name} was fitted on {list(fitted)}: targets are identified by "
            "position. Select the columns in the same order."
        )


def _are_reordered(columns, others):
    """Return True for the same columns in another order; None are unknown ones."""
    if columns is None or others is None or columns == others:
        return False
    return sorted(map(str, columns)) == sorted(map(str, others))


def columns_of_listed_targets(y):
    """Return the columns of the first of a list of frames of targets, as `columns_of_targets`."""
    return columns_of_targets(next(iter(as_pandas(y)), None))


def targets_of_list(y, X, n_timesteps, name, columns=None):
    """Return the targets of the time steps of a list of sequences as an array: (n_samples, n_timesteps, ...).

    Padded time steps get an arbitrary target, whose weight is zero. Frames must have their columns in the order of the
    fitted ``columns`` or, if these are None, of sample 0.
    """
    check_array_like(y, "y", name)
    y = as_pandas(y)
    if len(y) != len(X):
        return np.empty(len(y))  # `check_target_shape` raises for it, as for any other wrong number of targets
    targets, columns = [], columns_of_listed_targets(y) if columns is None else columns
    for sample, steps in enumerate(y):
        if _are_reordered(of_sample := columns_of_targets(steps), columns):
            raise ValueError(
                f"Sample {sample} of y has the columns {list(of_sample)}, but those of the training targets are "
                f"{list(columns)}: {name} identifies outputs by position. Select the columns in the same order."
            )
        check_not_masked(steps, f"sample {sample} of y", name)
        try:
            targets.append(np.asarray(as_pandas(steps)))
        except ValueError:
            raise ValueError(
                f"Sample {sample} of y is a list whose time steps differ in length; {name} takes targets of shape "
                "(n_timesteps,) or (n_timesteps, n_outputs)."
            ) from None
    shape = targets[0].shape[1:]
    for sample, (steps, sequence) in enumerate(zip(targets, X, strict=True)):
        if steps.ndim not in (1, 2) or len(steps) != len(sequence) or steps.shape[1:] != shape:
            raise ValueError(
                f"Sample {sample} of y has shape {steps.shape}, but sample {sample} of X has {len(sequence)} time "
                f"steps; {name} with return_sequences=True requires one target per time step, with as many outputs as "
                "in sample 0."
            )
    kinds = {steps.dtype.kind: sample for sample, steps in reversed([*enumerate(targets)])}
    if not (kinds.keys() <= set(NUMBERS) or len(kinds) == 1):
        described = ", ".join(f"{targets[sample].dtype} in sample {sample}" for sample in sorted(kinds.values()))
        raise TypeError(f"The targets of all samples must be of the same kind for {name}. y has {described}.")
    rows = np.concatenate(targets)
    laid_out = np.full((len(X), n_timesteps, *shape), rows[0], dtype=rows.dtype)
    laid_out[np.arange(n_timesteps) < np.array([[len(steps)] for steps in targets])] = rows
    return laid_out


def outputs_as_list(outputs, X):
    """Return outputs per time step of a list of sequences as an object array of arrays, as long as its sequences."""
    return as_objects([of_sample[: len(sequence)] for of_sample, sequence in zip(outputs, X, strict=True)])
