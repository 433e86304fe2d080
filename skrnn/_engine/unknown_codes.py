"""Codes of categorical features that training replaces by the unknown one, so that its embedding is trained.

Which codes are replaced is a function of the seed, the epoch, the sample, the time step and the feature, so that it
does not depend on batches or threads. The random numbers are those of kernels; see `native.dropout`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._data.categories import UNKNOWN_CODE
from skrnn._engine.keras_steps import MASK_VALUE
from skrnn._engine.native.tables import REPLACEMENT_STREAM

REPLACED_FRACTION = 0.01

SPLITMIX = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB  # increment and multipliers of SplitMix64
_GOLDEN, _FIRST, _SECOND = map(np.uint64, SPLITMIX)


def key_of_epoch(seed: int, epoch: int) -> int:
    """Return the key of the random numbers of an epoch, which fits an int64."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0]) >> 1


def replace_codes(inputs: NDArray[Any], columns: Sequence[int], key: int, samples: NDArray[Any]) -> None:
    """Replace codes in the inputs of a batch, in place.

    Parameters
    ----------
    inputs : ndarray of shape (n_samples, n_timesteps, n_features)
        Masked time steps are not changed. They may come before the first valid one, from which time steps are counted.
    columns : sequence of int
        Positions of the categorical features.
    key : int
        Key of the epoch.
    samples : ndarray of int, shape (n_samples,)
        Position of each sample in the training data.
    """
    of_sample = _mixed(np.uint64(key), np.asarray(samples))
    of_stream = _mixed(of_sample, np.array([REPLACEMENT_STREAM]))
    first = (inputs[..., columns[0]] != MASK_VALUE).argmax(axis=1)
    of_step = _mixed(of_stream[:, None], np.arange(inputs.shape[1]) - first[:, None])
    threshold = np.uint64(REPLACED_FRACTION * 2.0**24)
    for k, column in enumerate(columns):
        codes = inputs[..., column]
        codes[(_mixed(of_step, np.array([k])) >> np.uint64(40) < threshold) & (codes >= 0)] = UNKNOWN_CODE


def _mixed(key, number):
    """Return keys derived from others and from numbers, by SplitMix64."""
    z = key + _GOLDEN * (number + 1).astype(np.uint64)
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))
