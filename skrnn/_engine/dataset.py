"""Training data: sequences with their targets, and the order of the samples in each pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._data.row_labels import positions_dtype
from skrnn._data.sequences import Sequences


@dataclass(frozen=True, eq=False)
class Dataset:
    """Sequences with their targets."""

    sequences: Sequences
    targets: Any  # Targets or InputTargets

    def __len__(self):
        return len(self.sequences)

    def take(self, indices):
        """Return the chosen samples, over the same buffers."""
        return Dataset(self.sequences.take(indices), self.targets.take(indices))

    @property
    def target_shape(self):
        """Shape of the targets of one sample."""
        per_step = (self.sequences.n_timesteps,) if self.targets.per_step else ()
        return (*per_step, self.targets.values.shape[1])

    @cached_property
    def mean_weight(self):
        """Total weight of the valid terms of the loss, divided by the number of samples."""
        return self.targets.mean_weight(self.sequences.lengths)

    @cached_property
    def mean_terms(self):
        """Number of valid terms of the loss, divided by the number of samples."""
        return self.targets.mean_terms(self.sequences.lengths)

    @cached_property
    def has_missing_targets(self):
        """Whether targets are NaN."""
        return self.targets.has_missing(self.sequences.lengths)

    @property
    def n_known_targets(self):
        """Number of samples, or of time steps with a target of their own, whose targets are not all missing."""
        return self.targets.n_known(self.sequences.lengths)

    @property
    def terms(self):
        """Targets and weights of all terms of the loss, in the order of samples and valid time steps."""
        return self.targets.terms(self.sequences.lengths)

    @property
    def distinct_terms(self):
        """Targets, and total weights, of distinct rows of targets."""
        return self.targets.distinct_terms(self.sequences.lengths)

    @property
    def target_rows(self):
        """Rows of the targets that belong to the samples, in order."""
        return self.targets.rows(self.sequences.lengths)


def sample_order(n_samples: int, shuffle_seed: int | Sequence[int] | None) -> NDArray[Any]:
    """Return the order of the samples in a pass: unchanged if the seed is None, else shuffled."""
    order = np.arange(n_samples, dtype=positions_dtype(n_samples))
    if shuffle_seed is not None:
        np.random.default_rng(shuffle_seed).shuffle(order)
    return order


def batch_order(n_samples: int, batch_size: int, shuffle_seed: int | Sequence[int] | None = None) -> list[NDArray[Any]]:
    """Return the indices of the samples of each batch of a pass."""
    return np.split(sample_order(n_samples, shuffle_seed), np.arange(batch_size, n_samples, batch_size))
