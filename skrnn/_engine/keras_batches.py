"""Arrays that the stock Keras network takes: batches of sequences, targets and weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._data.sequences import Sequences
from skrnn._engine.dataset import Dataset
from skrnn._engine.network import MASK_VALUE


def keras_inputs(
    sequences: Sequences, indices: NDArray[Any], tokens: bool, n_timesteps: int | None = None
) -> NDArray[Any]:
    """Return the input of the stock network: valid time steps first, then those that its masking layer finds."""
    values = sequences.gather(indices, n_timesteps)
    is_padding = ~sequences.valid(indices, n_timesteps)
    if tokens:
        return np.where(is_padding, 0, values[..., 0])
    if is_padding.any():
        values[is_padding] = MASK_VALUE
    return values


def keras_batch(
    dataset: Dataset, samples: NDArray[Any], scale: float, dtype: str, tokens: bool, n_devices: int = 1
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return sequences, targets and weights of one batch for Keras.

    Parameters
    ----------
    dataset : Dataset
    samples : ndarray of int
        Indices of the samples of the batch.
    scale : float
        Factor of the weights.
    dtype : str
        Dtype of the weights.
    tokens : bool
        Whether the sequences hold token ids.
    n_devices : int, default=1
        Number of devices that share the batch. Each gets the same number of samples, some of zero weight, because Keras
        averages over the devices.
    """
    n_samples = len(samples)
    samples = np.pad(samples, (0, -n_samples % n_devices), constant_values=-1)
    n_timesteps = int(dataset.sequences.lengths.max())  # Keras takes its shapes from the first batches
    is_valid = dataset.sequences.valid(samples, n_timesteps)
    targets, weights = dataset.targets.gather(samples, is_valid)
    weights = weights * (len(samples) / n_samples * scale)
    weights[samples < 0] = 0
    return keras_inputs(dataset.sequences, samples, tokens, n_timesteps), targets, weights.astype(dtype)
