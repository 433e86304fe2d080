"""Valid time steps of sequences as rows, which are exchanged between samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn._common.frames import as_objects
from skrnn._data.input_schema import Input
from skrnn._data.sequences import Sequences
from skrnn._data.targets import valid_in_layout


@dataclass(frozen=True, eq=False)
class StepTable:
    """Valid time steps of all samples.

    Parameters
    ----------
    data : Input
        ``X`` as it was read.
    values : ndarray of shape (n_rows, n_features)
        Valid time steps of the first sample, then those of the second, and so on.
    """

    data: Input
    values: NDArray[Any]

    @classmethod
    def of(cls, data: Input) -> StepTable:
        """Return the table of an input."""
        sequences = data.sequences
        return cls(data, sequences.gather(np.arange(len(sequences)))[sequences.valid()])

    @property
    def n_steps(self) -> int:
        """Number of valid time steps of the longest sequence."""
        return int(self.data.sequences.lengths.max())

    @property
    def n_features(self) -> int:
        """Number of features of a time step."""
        return self.values.shape[1]

    def permuted(self, permutation: NDArray[Any], steps: range, features: slice) -> Any:
        """Return ``X``, in its layout, with values exchanged between samples that have them.

        Parameters
        ----------
        permutation : ndarray of int, shape (n_samples,)
            Sample from which each sample takes the values.
        steps : range
            Time steps to exchange, counted from the last valid one, which is 0.
        features : slice
            Features to exchange.
        """
        lengths, values = self.data.sequences.lengths, self.values.copy()
        last = np.cumsum(lengths) - 1
        for step in steps:
            samples = np.flatnonzero(lengths > step)
            # A sample that lacks the step is replaced by the one from which it takes values itself. The result is a
            # permutation of the samples that have the step, and uniformly distributed like the permutation of all.
            sources = permutation[samples]
            while (lacks := lengths[sources] <= step).any():
                sources[lacks] = permutation[sources[lacks]]
            values[last[samples] - step, features] = self.values[last[sources] - step, features]
        return _in_layout(self.data, values)


def _in_layout(data, values):
    """Return rows of valid time steps in the layout of an input."""
    given, sequences = data.given, data.sequences
    if isinstance(given, Sequences):
        starts = np.cumsum(sequences.lengths) - sequences.lengths
        return replace(sequences, values=values, starts=starts, step=1, shifts=None, scales=None)
    if data.table is not None:
        table = data.table.copy()
        table[valid_in_layout(sequences) if len(values) == table.size else table != 0] = values[:, 0]
        return pd.DataFrame(table, given.index, given.columns) if isinstance(given, pd.DataFrame) else table
    array = np.full(sequences.shape, np.nan, values.dtype)
    array[valid_in_layout(sequences)] = values
    if not data.is_list:
        return array
    parts = [array[sample, : len(sequence)].copy() for sample, sequence in enumerate(given)]
    return as_objects(parts) if isinstance(given, np.ndarray) else parts
