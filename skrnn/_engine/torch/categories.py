"""Rows of the embeddings of categorical features, and those that training replaces by the row of unknown codes.

The random numbers are those of ``skrnn._engine.unknown_codes`` and the kernels, so that all engines replace the same
codes. torch computes them on the device, in int64, whose sums and products wrap as those of uint64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from skrnn._engine.native.tables import REPLACEMENT_STREAM
from skrnn._engine.unknown_codes import REPLACED_FRACTION, SPLITMIX

_GOLDEN, _FIRST, _SECOND = (number - 2**64 for number in SPLITMIX)


def embedding_rows(values: NDArray[Any], categories: tuple[tuple[int, int, int], ...]) -> NDArray[np.int64]:
    """Return the row of the embedding of each code: zero for unknown codes, one more than the code for others.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_features)
    categories : tuple of tuple of int
        Column, number of rows of the embedding, and embedding dimension of each categorical feature.

    Returns
    -------
    ndarray of int64, shape (n_rows, n_categories)
    """
    rows = np.empty((len(values), len(categories)), np.int64)
    for k, (column, n_rows, _) in enumerate(categories):
        codes = values[:, column]
        rows[:, k] = np.where((codes >= 0) & (codes < n_rows - 1), codes, -1).astype(np.int64) + 1
    return rows


def with_replaced(
    rows: torch.Tensor, key: torch.Tensor, samples: torch.Tensor, time_steps: torch.Tensor
) -> torch.Tensor:
    """Return rows of embeddings, of which a fraction is replaced by zero, the row of unknown codes.

    Parameters
    ----------
    rows : torch.Tensor of shape (n_steps, n_samples, patch_size, n_categories)
    key : torch.Tensor of shape (1,)
        Key of the epoch.
    samples : torch.Tensor of shape (n_samples,)
        Position of each sample in the training data.
    time_steps : torch.Tensor of shape (n_steps, n_samples, patch_size)
        Time steps of each patch, counted from the first valid one. The axis of samples may have length one.
    """
    of_stream = _mixed(_mixed(key, samples), torch.full_like(samples, REPLACEMENT_STREAM))  # (n_samples,)
    of_step = _mixed(of_stream[:, None], time_steps)  # (n_steps, n_samples, patch_size)
    drawn = _mixed(of_step[..., None], torch.arange(rows.shape[-1], device=rows.device))
    return rows.masked_fill(_shifted(drawn, 40) < int(REPLACED_FRACTION * 2.0**24), 0)


def _mixed(key, number):
    """Return keys derived from others and from numbers, by SplitMix64."""
    z = key + _GOLDEN * (number + 1)
    z = (z ^ _shifted(z, 30)) * _FIRST
    z = (z ^ _shifted(z, 27)) * _SECOND
    return z ^ _shifted(z, 31)


def _shifted(z, n_bits):
    """Shift numbers to the right as unsigned ones."""
    return (z >> n_bits) & (2 ** (64 - n_bits) - 1)
