"""Targets of reconstruction: the sequences themselves, which are not copied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skrnn._data.padding import rows_in_use
from skrnn._data.sequences import Sequences


@dataclass(frozen=True, eq=False)
class InputTargets:
    """Sequences as targets of their own, one per time step, with the interface of `Targets`.

    Parameters
    ----------
    sequences : Sequences
    weights : ndarray of shape (n_samples,)
        Weight of each valid time step of a sample in the loss.
    """

    sequences: Sequences
    weights: NDArray[Any]

    are_inputs: ClassVar[bool] = True
    per_step: ClassVar[bool] = True

    @property
    def values(self):
        """Rows of the sequences, some of which may be in several sequences or in none."""
        return self.sequences.values

    def take(self, indices):
        """Return the targets of selected samples, over the same buffer."""
        return InputTargets(self.sequences.take(indices), self.weights[indices])

    def gather(self, indices, valid):
        """Return targets and weights of a batch, as `Targets.gather`."""
        weights = np.where(valid, self.weights[indices][..., None], 0)
        return self.sequences.gather(indices, valid.shape[-1]), weights

    def terms(self, lengths):
        """Return the valid time steps of the samples, in order, and their weights."""
        valid = self.sequences.valid()
        return self.sequences.gather(np.arange(len(lengths)))[valid], np.repeat(self.weights, lengths)

    def distinct_terms(self, lengths):
        """Return each row that is in a sequence, and its total weight in all sequences."""
        sequences, step = self.sequences, self.sequences.step
        if sequences.shifts is not None:  # a row differs from sequence to sequence
            return self.terms(lengths)
        # A sequence changes the weight at its first row, and one step after its last one. Each of the `step`
        # interleaved chains of rows is one column.
        change = np.zeros((-(-len(self.values) // step) + 1) * step)
        np.add.at(change, sequences.starts, self.weights)
        np.add.at(change, sequences.starts + step * np.asarray(lengths, np.int64), -self.weights)
        weights = np.cumsum(change.reshape(-1, step), axis=0).reshape(-1)[: len(self.values)]
        in_use = rows_in_use(sequences)  # others may contain any values
        return self.values[in_use], weights[in_use]

    def n_known(self, lengths):
        """Return the number of sequences, whose time steps are not distinct targets."""
        return len(lengths)

    def has_missing(self, lengths):
        """Return False: sequences have no missing values."""
        return False

    def mean_weight(self, lengths):
        """Return the mean over samples of the total weight of their time steps."""
        return float(np.mean(self.weights * lengths, dtype=np.float64))

    def mean_terms(self, lengths):
        """Return the mean number of time steps."""
        return float(np.mean(lengths))
