"""Samples in batches: which rows each batch holds, and the arrays that a batch is made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._network import ABSENT_VALUE
from skrnn._sequences import Sequences
from skrnn._targets import Targets

_RUN = 8  # batches of one length that follow each other


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

    @cached_property
    def mean_weight(self):
        """Total weight of the valid terms of the loss, divided by the number of samples."""
        return self.targets.mean_weight(self.sequences.lengths)

    @cached_property
    def mean_terms(self):
        """Number of valid terms of the loss, divided by the number of samples."""
        return float(np.mean(self.sequences.lengths)) if self.targets.per_step else 1.0


@dataclass(frozen=True, eq=False)
class BatchOrder:
    """Which samples each batch of an epoch holds, and how long its time axis is.

    Parameters
    ----------
    samples : ndarray of int, shape (n_batches, batch_size)
        Samples of each batch; the last batch is filled up with -1.
    n_timesteps : ndarray of int, shape (n_batches,)
        Length of the time axis on which each batch is computed.
    mean_weight : float
        The loss of a batch is its weighted sum, divided by its number of samples and by this: the total weight of the
        pass over its samples. Divided by the weights of its own samples, those of small batches would cancel.
    """

    samples: NDArray[Any]
    n_timesteps: NDArray[Any]
    mean_weight: float

    def __len__(self):
        return len(self.samples)

    def calls(self, size_of):
        """Cut the batches into calls of equal length of the time axis; yield that length, the batches, their number.

        ``size_of(n_timesteps)`` says how many batches a call takes; the last is filled up with -1.
        """
        changes = np.flatnonzero(np.diff(self.n_timesteps)) + 1
        for run in np.split(np.arange(len(self)), changes):
            n_timesteps = int(self.n_timesteps[run[0]])
            size = size_of(n_timesteps)
            for first in range(0, len(run), size):
                part = self.samples[run[first : first + size]]
                padding = np.full((size - len(part), part.shape[1]), -1)
                yield n_timesteps, np.concatenate([part, padding]), len(part)


def batch_order(lengths, batch_size, mean_weight=1.0, shuffle_seed=None):
    """Return the batches of one pass over samples in their order, or in a random one.

    Parameters
    ----------
    lengths : ndarray of int, shape (n_samples,)
        Length of the time axis on which each sample may be computed.
    batch_size : int
    mean_weight : float, default=1.0
        As in `BatchOrder`.
    shuffle_seed : sequence of int or None, default=None
        Seed of the permutation; None keeps the order.

    Returns
    -------
    BatchOrder
    """
    n_samples = len(lengths)
    order = np.arange(n_samples)
    if shuffle_seed is not None:
        order = np.random.default_rng(shuffle_seed).permutation(n_samples)
    return _in_batches(order, lengths, batch_size, mean_weight)


def batch_order_by_length(lengths, batch_size, mean_weight=1.0, shuffle_seed=None):
    """Return the batches of one pass, each of samples of about one length.

    Every sample comes once a pass. Which ones share a batch is random among those of one length, as is which ones
    the last, smaller batch holds, and the order of the batches but for runs of equal length; a run spares the loading
    of a program for every batch.

    Parameters
    ----------
    lengths, batch_size, mean_weight, shuffle_seed
        As in `batch_order`. Without a seed, samples are sorted by length.

    Returns
    -------
    BatchOrder
    """
    n_samples = len(lengths)
    random = None if shuffle_seed is None else np.random.default_rng(shuffle_seed)
    order = np.arange(n_samples) if random is None else random.permutation(n_samples)
    n_full = n_samples // batch_size * batch_size
    full = order[:n_full][np.argsort(lengths[order[:n_full]], kind="stable")].reshape(-1, batch_size)
    if random is not None and len(full):
        runs = np.array_split(full, np.arange(_RUN, len(full), _RUN))
        full = np.concatenate([runs[i] for i in random.permutation(len(runs))])
    order = np.concatenate([full.reshape(-1), order[n_full:]])
    return _in_batches(order, lengths, batch_size, mean_weight)


def _in_batches(order, lengths, batch_size, mean_weight):
    """Cut an order of samples into batches, each as long as its longest sample."""
    n_batches = -(-len(order) // batch_size)
    samples = np.full(n_batches * batch_size, -1)
    samples[: len(order)] = order
    samples = samples.reshape(n_batches, batch_size)
    return BatchOrder(samples, np.where(samples >= 0, lengths[samples], 0).max(axis=1), mean_weight)


def program_inputs(sequences, order, n_timesteps, tokens):
    """Sequences and their mask as programs take them, for samples in any arrangement; -1 is nothing.

    Returns
    -------
    values : ndarray of shape ``order.shape + (n_timesteps, n_features)``, or without features for token ids
    present : ndarray of bool, shape ``order.shape + (n_timesteps,)``
        Places that hold nothing count as present, which no computation minds.
    """
    values = sequences.gather(order, n_timesteps)
    return values[..., 0] if tokens else values, sequences.present(order, n_timesteps)


def program_batches(dataset, order, samples, n_timesteps, shards, tokens):
    """Return what `TrainingProgram.train` takes: sequences, mask, targets, weights, normalizers, samples in each batch.

    ``samples`` are batches of ``order``, as its ``calls`` yield them.
    """
    n_batches, batch_size = samples.shape
    counts = (samples >= 0).sum(axis=1)
    missing = -batch_size % shards
    samples = np.pad(samples, ((0, 0), (0, missing)), constant_values=-1).reshape(n_batches, shards, -1)
    values, present = program_inputs(dataset.sequences, samples, n_timesteps, tokens)
    targets, weights = dataset.targets.gather(samples, present)
    holds = samples >= 0
    weights = np.where(holds.reshape(holds.shape + (1,) * (weights.ndim - holds.ndim)), weights, 0)
    counts = counts.astype(weights.dtype)
    return values, present, targets, weights, counts * weights.dtype.type(order.mean_weight), counts


def keras_inputs(sequences, indices, tokens, n_timesteps=None):
    """Return the array that the stock network takes: present steps first, then what its masking layer looks for."""
    values = sequences.gather(indices, n_timesteps)
    absent = ~sequences.present(indices, n_timesteps)
    if tokens:
        return np.where(absent, 0, values[..., 0])
    if absent.any():
        values[absent] = ABSENT_VALUE
    return values


def keras_batch(dataset, order, index, mean_weight, dtype, tokens, n_devices=1):
    """Sequences, targets and weights of one batch for Keras, whose loss divides by its samples times ``mean_weight``.

    Devices that share a batch get equal numbers of samples, some of which have zero weight: Keras averages over the
    devices.
    """
    samples = order.samples[index][order.samples[index] >= 0]
    n_samples = len(samples)
    samples = np.pad(samples, (0, -n_samples % n_devices), constant_values=-1)
    n_timesteps = int(order.n_timesteps.max())  # Keras takes its shapes from the first batches
    present = dataset.sequences.present(samples, n_timesteps)
    targets, weights = dataset.targets.gather(samples, present)
    weights = weights * (len(samples) / n_samples * mean_weight / order.mean_weight)
    weights[samples < 0] = 0
    return keras_inputs(dataset.sequences, samples, tokens, n_timesteps), targets, weights.astype(dtype)
