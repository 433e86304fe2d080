"""Baselines of integrated gradients, in the layout of the sequences."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._data.checks import as_float_array, describe_value, first_position
from skrnn._data.input_schema import Input
from skrnn._data.layouts import is_list_of_sequences
from skrnn._data.sequences import Sequences
from skrnn._inspection.explained_output import NAME


class Baseline:
    """Sequences at which integration begins.

    Parameters
    ----------
    given : None, float, or array-like
        As in `integrated_gradients`.
    data : Input
        Sequences with which it is compared.
    """

    def __init__(self, given: Any, data: Input) -> None:
        self._sequences = data.sequences
        self._array = _in_layout(given, data)  # (n_samples, n_timesteps, n_features), in part without memory of its own

    def gather(self, samples: NDArray[Any]) -> NDArray[np.float64]:
        """Return the baselines of samples in the order of `Sequences.gather`, and raise if they are not finite."""
        sequences = self._sequences
        steps = np.minimum(np.arange(sequences.n_timesteps), sequences.lengths[samples, None] - 1)
        steps += sequences.n_leading_padding[samples, None]
        with np.errstate(over="ignore"):  # infinity is rejected
            values = self._array[samples[:, None], steps].astype(sequences.values.dtype).astype(np.float64)
        is_finite = np.isfinite(values)
        if not is_finite.all():
            at = first_position(~is_finite)
            raise ValueError(
                f"The 'baseline' parameter of {NAME} contains {describe_value(values[at])}, first at sample "
                f"{samples[at[0]]}, time step {steps[at[:2]]}, feature {at[2]}. It must be finite at the valid time "
                "steps of X."
            )
        return values


def _in_layout(given, data):
    """Return a baseline as an array of shape (n_samples, n_timesteps, n_features)."""
    shape = data.sequences.shape
    if given is None:
        return np.broadcast_to(0.0, shape)
    if isinstance(given, Sequences):
        given = np.asarray(given)
    if data.is_list and not isinstance(given, Real) and is_list_of_sequences(given):
        return _of_list(given, data)
    array = (
        np.float64(given)
        if isinstance(given, Real)
        else as_float_array(given, NAME, parameter="baseline", words=(), allow_nd=True)
    )
    of_steps = shape if data.table is None else shape[:2]
    if data.is_list:
        of_steps = shape[2:]  # sequences that differ in length have no common time axis
    try:
        array = np.broadcast_to(array, of_steps)
    except ValueError:
        expected = "a number"
        if data.is_list:
            expected += f", array-like of shape {of_steps}, or a list of arrays with the shapes of those of X"
        else:
            expected += f", or array-like that can be broadcast to the shape of X, {of_steps}"
        raise ValueError(
            f"The 'baseline' parameter of {NAME} must be {expected}. Got shape {np.shape(array)} instead."
        ) from None
    return np.broadcast_to(array if data.table is None else array[..., None], shape)


def _of_list(given, data):
    """Return a list of baselines, which must have the shapes of the sequences, as an array."""
    n_samples = len(data)
    if len(given) != n_samples:
        raise ValueError(
            f"The 'baseline' parameter of {NAME} must have one array per sample, {n_samples}. Got {len(given)} instead."
        )
    array = np.zeros(data.sequences.shape)
    for sample, (baseline, sequence) in enumerate(zip(given, data.given, strict=True)):
        of_sample = as_float_array(baseline, NAME, parameter=f"baseline[{sample}]")
        if of_sample.shape != np.shape(sequence):
            raise ValueError(
                f"The 'baseline' parameter of {NAME} must have the shape of X. Got shape {of_sample.shape} for sample "
                f"{sample}, whose sequence has shape {np.shape(sequence)}."
            )
        array[sample, : len(of_sample)] = of_sample
    return array
