"""Samples in batches: which rows each batch holds, and the arrays that a batch is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skrnn._network import ABSENT_VALUE
from skrnn._sequences import Sequences
from skrnn._targets import Targets


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


def batch_order(n_samples, batch_size, shuffle_seed=None):
    """Return the indices of the samples of each batch; the last batch is filled up with -1.

    Parameters
    ----------
    n_samples, batch_size : int
    shuffle_seed : sequence of int or None, default=None
        Seed of the permutation; None keeps the order.

    Returns
    -------
    ndarray of shape (n_batches, batch_size)
    """
    n_batches = -(-n_samples // batch_size)
    order = np.full(n_batches * batch_size, -1)
    if shuffle_seed is None:
        order[:n_samples] = np.arange(n_samples)
    else:
        order[:n_samples] = np.random.default_rng(shuffle_seed).permutation(n_samples)
    return order.reshape(n_batches, batch_size)


def calls(order, size):
    """Cut the batches of an epoch into calls of ``size`` batches; yield each, filled up with -1, and its length."""
    for first in range(0, len(order), size):
        part = order[first : first + size]
        padding = np.full((size - len(part), order.shape[1]), -1)
        yield np.concatenate([part, padding]), len(part)


def program_inputs(sequences, order, tokens):
    """Sequences and their mask as programs take them, for samples in any arrangement; -1 is nothing.

    Returns
    -------
    values : ndarray of shape ``order.shape + (n_timesteps, n_features)``, or without features for token ids
    present : ndarray of bool, shape ``order.shape + (n_timesteps,)``
        Places that hold nothing count as present, which no computation minds.
    """
    values = sequences.gather(order)
    return values[..., 0] if tokens else values, sequences.present(order)


def program_batches(dataset, order, shards, tokens):
    """Return what `TrainingProgram.train` takes: sequences, mask, targets, weights, samples in each batch."""
    n_batches, batch_size = order.shape
    counts = (order >= 0).sum(axis=1)
    missing = -batch_size % shards
    order = np.pad(order, ((0, 0), (0, missing)), constant_values=-1).reshape(n_batches, shards, -1)
    values, present = program_inputs(dataset.sequences, order, tokens)
    targets, weights = dataset.targets.gather(order, present)
    holds = order >= 0
    weights = np.where(holds.reshape(holds.shape + (1,) * (weights.ndim - holds.ndim)), weights, 0)
    return values, present, targets, weights, counts.astype(weights.dtype)


def keras_inputs(sequences, indices, tokens):
    """Return the array that the stock network takes: present steps first, then what its masking layer looks for."""
    values = sequences.gather(indices)
    absent = ~sequences.present(indices)
    if tokens:
        return np.where(absent, 0, values[..., 0])
    if absent.any():
        values[absent] = ABSENT_VALUE
    return values


def keras_batch(dataset, indices, dtype, tokens):
    """Sequences, targets and weights of one batch for Keras, whose mean loss is then the weighted mean."""
    present = dataset.sequences.present(indices)
    targets, weights = dataset.targets.gather(indices, present)
    n_terms = present.sum() if dataset.targets.per_step else len(indices)
    total = weights.sum()
    weights = weights * (n_terms / total) if total else weights
    return keras_inputs(dataset.sequences, indices, tokens), targets, weights.astype(dtype)
