"""Batches of sequences, targets and weights as the stock Keras network takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._data.sequences import Sequences
from skrnn._engine.dataset import Dataset
from skrnn._engine.keras_steps import MASK_VALUE


def keras_inputs(
    sequences: Sequences, indices: NDArray[Any], tokens: bool, n_timesteps: int | None = None, patch_size: int = 1
) -> NDArray[Any]:
    """Return the input of the stock network: valid time steps first, then those that its masking layer finds.

    If lengths differ, or for token ids, sequences fill patches: masked time steps come before the first valid one if
    the length is not a multiple of ``patch_size``. All masked patches still come last, which cuDNN requires.
    """
    n_timesteps = sequences.n_timesteps if n_timesteps is None else n_timesteps
    fills_patches = patch_size > 1 and (tokens or (sequences.lengths < n_timesteps).any())
    n_timesteps += -n_timesteps % patch_size if fills_patches else 0
    values = sequences.gather(indices, n_timesteps)
    is_padding = ~sequences.valid(indices, n_timesteps)
    if fills_patches:
        lengths = sequences.lengths[indices][:, None]
        steps = np.arange(n_timesteps) - (-lengths % patch_size)
        values = np.take_along_axis(values, np.maximum(steps, 0)[..., None], axis=1)
        is_padding = (steps < 0) | (steps >= lengths)
    if tokens:
        return np.where(is_padding, 0, values[..., 0])
    if is_padding.any():
        values[is_padding] = MASK_VALUE
    return values


def keras_batch(
    dataset: Dataset,
    samples: NDArray[Any],
    scale: float,
    dtype: str,
    tokens: bool,
    n_devices: int = 1,
    patch_size: int = 1,
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
    patch_size : int, default=1
        Number of time steps per step of the network.
    """
    n_samples = len(samples)
    samples = np.pad(samples, (0, -n_samples % n_devices), constant_values=-1)
    n_timesteps = int(dataset.sequences.lengths.max())  # Keras takes its shapes from the first batches
    is_valid = dataset.sequences.valid(samples, n_timesteps)
    targets, weights = dataset.targets.gather(samples, is_valid)
    weights = weights * (len(samples) / n_samples * scale)
    weights[samples < 0] = 0
    inputs = keras_inputs(dataset.sequences, samples, tokens, n_timesteps, patch_size)
    return inputs, targets, weights.astype(dtype)


def as_keras_dataset(batches: Any) -> Any:
    """Return a ``PyDataset`` of batches, which may be evaluated many times."""
    import keras

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return len(batches)

        def __getitem__(self, index):
            # TensorFlow 2.21 may compute in the memory of an array, and replace the value that marks padded time steps.
            return tuple(array.copy() for array in batches[index])

    return Batches()
