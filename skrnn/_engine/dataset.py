"""Samples in batches, and the arrays that Keras takes for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._data.sequences import Sequences
from skrnn._data.targets import Targets
from skrnn._engine.network import MASK_VALUE


@dataclass(frozen=True, eq=False)
class Dataset:
    """Sequences with their targets."""

    sequences: Sequences
    targets: Targets

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
        return float(np.mean(self.sequences.lengths)) if self.targets.per_step else 1.0


def sample_order(n_samples: int, shuffle_seed: int | Sequence[int] | None) -> NDArray[Any]:
    """Return the order of samples in a pass; None keeps it as it is."""
    return np.arange(n_samples) if shuffle_seed is None else np.random.default_rng(shuffle_seed).permutation(n_samples)


def batch_order(n_samples: int, batch_size: int, shuffle_seed: int | Sequence[int] | None = None) -> list[NDArray[Any]]:
    """Return the samples of each batch of a pass."""
    return np.split(sample_order(n_samples, shuffle_seed), np.arange(batch_size, n_samples, batch_size))


def keras_inputs(
    sequences: Sequences, indices: NDArray[Any], tokens: bool, n_timesteps: int | None = None
) -> NDArray[Any]:
    """Return the array that the stock network takes: valid steps first, then what its masking layer looks for."""
    values = sequences.gather(indices, n_timesteps)
    absent = ~sequences.valid(indices, n_timesteps)
    if tokens:
        return np.where(absent, 0, values[..., 0])
    if absent.any():
        values[absent] = MASK_VALUE
    return values


def keras_batch(
    dataset: Dataset, samples: NDArray[Any], scale: float, dtype: str, tokens: bool, n_devices: int = 1
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return sequences, targets and weights of one batch for Keras.

    Parameters
    ----------
    dataset : Dataset
    samples : ndarray of int
    scale : float
        Factor of the weights.
    dtype : str
        Dtype of the weights.
    tokens : bool
        Whether sequences are of token ids.
    n_devices : int, default=1
        Devices that share a batch get equal numbers of samples, some of which have zero weight: Keras averages over
        the devices.
    """
    n_samples = len(samples)
    samples = np.pad(samples, (0, -n_samples % n_devices), constant_values=-1)
    n_timesteps = int(dataset.sequences.lengths.max())  # Keras takes its shapes from the first batches
    present = dataset.sequences.valid(samples, n_timesteps)
    targets, weights = dataset.targets.gather(samples, present)
    weights = weights * (len(samples) / n_samples * scale)
    weights[samples < 0] = 0
    return keras_inputs(dataset.sequences, samples, tokens, n_timesteps), targets, weights.astype(dtype)
