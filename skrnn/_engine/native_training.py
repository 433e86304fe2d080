"""Training and evaluation by native kernels, one epoch at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._engine.architecture import Architecture, aligned_zeros
from skrnn._engine.dataset import Dataset, batch_order, sample_order
from skrnn._engine.keras_loss import KerasLoss
from skrnn._engine.losses import NativeLoss
from skrnn._engine.native import tables
from skrnn._engine.native.library import LIBRARIES
from skrnn._engine.native_pass import Job, Workers, prepare_evaluation
from skrnn._engine.optimizers import NativeOptimizer
from skrnn._engine.shard_order import ShardOrder
from skrnn._engine.unknown_codes import REPLACED_FRACTION, key_of_epoch

_CLIPPINGS = {"clipvalue": tables.BY_VALUE, "clipnorm": tables.BY_NORM, "global_clipnorm": tables.BY_GLOBAL_NORM}


class NativeTraining:
    """Weights and optimizer state of a fit, trained by native kernels.

    Parameters
    ----------
    architecture : Architecture
    optimizer : NativeOptimizer
    loss : NativeLoss or KerasLoss
        A `KerasLoss` is computed from the outputs of a whole batch, between two calls of the kernels.
    dataset : Dataset
        Training data.
    mean_weight : float
        The loss of a batch is its weighted sum, divided by its number of samples and by this number.
    batch_size : int
    seed : int
        Seed of dropout and, with ``shuffle``, of the order of samples.
    shuffle : bool
    keeps_outputs : bool
        Whether to store `outputs`.
    """

    def __init__(
        self,
        architecture: Architecture,
        optimizer: NativeOptimizer,
        loss: NativeLoss | KerasLoss,
        dataset: Dataset,
        *,
        mean_weight: float,
        batch_size: int,
        seed: int,
        shuffle: bool,
        keeps_outputs: bool,
    ) -> None:
        by_batch = isinstance(loss, KerasLoss)
        architecture.load("train", optimizer.kernel, loss.kernel if isinstance(loss, NativeLoss) else "half_of_shard")
        self.architecture, self._optimizer, self._loss, self._batch_size = architecture, optimizer, loss, batch_size
        self._seed, self._shuffle, self._mean_weight, self._dataset = seed, shuffle, mean_weight, dataset
        spec, n = architecture.spec, len(dataset)
        job = self._job = Job(architecture, dataset.sequences, len(dataset.targets.values))
        self._order = ShardOrder(job.lengths, batch_size, architecture.work_per_step())
        batches = self._order.batches
        self.n_batches, self._n_samples = len(batches), n
        max_shards, rows = int(batches[:, tables.SHARDS].max()), self._order.max_shard_size
        table, address = job.table, LIBRARIES[spec.dtype].address
        _set_targets(job, dataset, loss)
        job.set(tables.BATCHES, batches)
        job.set(tables.DIVISORS, (batches[:, tables.LAST] - batches[:, tables.FIRST]) * mean_weight)
        job.set(tables.PIECES, architecture.pieces)
        job.set(tables.SQUARES, np.zeros(len(architecture.pieces)))
        self._losses = np.zeros(int(batches[:, tables.SHARDS].sum()))
        self._counters = np.zeros((len(batches), tables.N_COUNTS), np.int64)
        job.set(tables.LOSSES, self._losses)
        job.set(tables.SYNC, self._counters)
        dense_size = int(architecture.table[tables.DENSE_SIZE])
        job.set(tables.GRADIENTS, aligned_zeros(max_shards * dense_size, spec.dtype))
        tokens_per_step = int(architecture.table[tables.TOKENS_PER_STEP])
        if tokens_per_step:
            total, row = job.longest_total(rows), tables.padded(spec.n_inputs)
            job.set(tables.EMBEDDING_GRADIENT, aligned_zeros(architecture.size - dense_size, spec.dtype))
            job.set(tables.TOKENS, np.zeros(max_shards * total * tokens_per_step, np.int64))
            job.set(tables.TOKEN_GRADIENTS, aligned_zeros(max_shards * total * row, spec.dtype))
            table[tables.TOKENS_PER_SHARD] = total
        table[[tables.N_BATCHES, tables.N_PIECES, tables.N_SAMPLES]] = len(batches), len(architecture.pieces), n
        table[tables.OPTIMIZER] = address(optimizer.kernel)
        table[tables.HALF_OF_SHARD] = address("half_of_shard") if by_batch else 0
        if optimizer.clipping is not None:
            name, bound = optimizer.clipping
            table[tables.CLIPPING], job.numbers[tables.CLIP] = _CLIPPINGS[name], bound
        job.numbers[[tables.DROPOUT, tables.STATE_DROPOUT]] = spec.dropout, spec.recurrent_dropout
        job.numbers[tables.REPLACEMENT] = REPLACED_FRACTION
        self.outputs = _outputs(job, dataset, keeps_outputs or by_batch)
        self._workers = Workers(
            job, "train", rows, trains=True, max_threads=max_shards, n_shards=max_shards if by_batch else 0
        )
        self._weights = aligned_zeros(architecture.size, spec.dtype)
        self._slots = aligned_zeros(optimizer.n_slots * architecture.size, spec.dtype).reshape(-1, architecture.size)
        job.set(tables.SLOTS, self._slots)
        self._others: list[Any] = []  # states of Keras's random generators, which kernels do not use
        self._variables: list[Any] = []  # of the optimizer; its slots are packed in `_slots`

    def load(self, values: list[Any]) -> None:
        """Set weights and optimizer variables, in Keras's order."""
        n = self.architecture.n_variables
        n_others = len(values) - n - self._n_optimizer_variables(n)
        self._others, self._variables = list(values[n : n + n_others]), list(values[n + n_others :])
        self.architecture.pack_into(self._weights, values[:n])
        for packed, slot in zip(self._slots, self._optimizer.slots(self._variables), strict=True):
            self.architecture.pack_into(packed, slot)

    def _n_optimizer_variables(self, n):
        return len(self._optimizer.is_rate(n))

    def values(self) -> list[Any]:
        """Return weights, states of random generators and optimizer variables, in Keras's order."""
        slots = [self.architecture.unpack(packed) for packed in self._slots]
        variables = self._optimizer.with_slots(self._variables, slots, 0)
        return [*self.architecture.unpack(self._weights), *self._others, *variables]

    def snapshot(self) -> Callable[[], list[Any]]:
        """Copy the current values; return a function that returns them."""
        values = self.values()
        return lambda: values

    def train(self, epoch: int) -> float:
        """Train for one epoch, and return the mean loss."""
        job = self._job
        in_order = sample_order(self._n_samples, [self._seed, epoch] if self._shuffle else None)
        order, positions = self._order.of_epoch(in_order)
        job.set_positions(tables.ORDER, order)
        if positions is not None:
            job.set_positions(tables.POSITIONS, positions)
        job.set(tables.HYPER, self._optimizer.hyper(self._variables, self.n_batches))
        spec = self.architecture.spec
        if spec.dropout or spec.recurrent_dropout or spec.categories:
            job.table[tables.DROPOUT_KEY] = key_of_epoch(self._seed, epoch)
        self._counters[:] = 0
        if isinstance(self._loss, KerasLoss):
            loss = self._train_by_batches(self._loss, order, positions)
        else:
            self._workers.run(self._weights)
            loss = float(self._losses.sum()) / (self._n_samples * self._mean_weight)
        self._variables = self._optimizer.advanced(self._variables, self.n_batches)
        return loss

    def _train_by_batches(self, loss, order, positions):
        """Train for one epoch with a loss that Keras computes per batch, and return the mean loss."""
        job, total = self._job, 0.0
        gradients = np.zeros_like(self.outputs)
        job.set(tables.OUTPUT_GRADIENTS, gradients)
        job.table[tables.N_BATCHES] = 1
        for b, (first, last, _) in enumerate(self._order.batches):
            samples = order[first:last]
            if positions is not None:
                samples = samples[np.argsort(positions[first:last])]
            job.table[[tables.FIRST_BATCH, tables.PASS]] = b, tables.FORWARD
            self._workers.run(self._weights)
            rows, y, weights = _batch_of(self._dataset, samples)
            value, gradient = loss.value_and_gradient(y, self.outputs[rows], weights, self._mean_weight)
            gradients[rows] = 0
            np.add.at(gradients, rows, gradient)  # masked time steps repeat the last valid one
            self._counters[b] = 0
            job.table[tables.PASS] = tables.BACKWARD
            self._workers.run(self._weights)
            total += value * len(samples)
        return total / self._n_samples

    def evaluation(self, dataset: Dataset, *, keeps_outputs: bool) -> Evaluation:
        """Return an evaluation of the network on data, with the weights at the time of each call."""
        return Evaluation(
            self.architecture, self._weights, self._loss, dataset, self._batch_size, keeps_outputs=keeps_outputs
        )


class Evaluation:
    """Loss and outputs for data that are not trained on.

    Parameters
    ----------
    architecture : Architecture
    weights : ndarray
        Packed weights, which may change between calls.
    loss : NativeLoss or KerasLoss
    dataset : Dataset
    batch_size : int
        Number of samples per call of a `KerasLoss`.
    keeps_outputs : bool
        Whether to store `outputs`.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: NDArray[Any],
        loss: NativeLoss | KerasLoss,
        dataset: Dataset,
        batch_size: int,
        *,
        keeps_outputs: bool,
    ) -> None:
        job = self._job = Job(architecture, dataset.sequences, len(dataset.targets.values))
        _set_targets(job, dataset, loss)
        self._batch_size = batch_size
        self._workers, self._weights, self._loss, self._dataset = prepare_evaluation(job), weights, loss, dataset
        self.outputs = _outputs(job, dataset, keeps_outputs or isinstance(loss, KerasLoss))
        self._total = len(dataset) * dataset.mean_weight

    def loss(self) -> float:
        """Compute all outputs, and return the mean loss."""
        self._job.array(tables.SYNC)[:] = 0
        self._workers.run(self._weights)
        if isinstance(self._loss, KerasLoss):
            return self._keras_loss(self._loss)
        return float(self._job.array(tables.LOSSES).sum()) / self._total

    def _keras_loss(self, loss):
        """Return the mean of a loss that Keras computes, batch by batch."""
        total, n = 0.0, len(self._dataset)
        for samples in batch_order(n, self._batch_size):
            rows, y, weights = _batch_of(self._dataset, samples)
            total += loss.value(y, self.outputs[rows], weights, self._dataset.mean_weight) * len(samples)
        return total / n


def _batch_of(dataset, samples):
    """Return rows of the outputs of samples, (n_samples,) or (n_samples, n_timesteps), and targets and weights."""
    sequences, targets = dataset.sequences, dataset.targets
    n_timesteps = int(sequences.lengths.max())
    y, weights = targets.gather(samples, sequences.valid(samples, n_timesteps))
    rows = targets.starts[samples]
    if targets.per_step:
        rows = rows[:, None] + np.minimum(np.arange(n_timesteps), sequences.lengths[samples][:, None] - 1)
    return rows, y, weights


def _set_targets(job, dataset, loss):
    """Set the targets and the loss of a job."""
    spec, targets = job.architecture.spec, dataset.targets
    job.set(tables.WEIGHTS, np.ascontiguousarray(targets.weights, spec.dtype))
    if not targets.are_inputs:
        job.set(tables.TARGETS, np.ascontiguousarray(targets.values, spec.dtype))
        job.set_positions(tables.TARGET_STARTS, targets.starts)
    job.table[tables.TARGET_COLUMNS] = targets.values.shape[1]
    if isinstance(loss, NativeLoss):
        job.set(tables.LOSS_PARAMETERS, np.array([*loss.parameters, 0.0]))
        job.table[[tables.LOSS, tables.WRT_LOGITS]] = LIBRARIES[spec.dtype].address(loss.kernel), loss.wrt_logits


def _outputs(job, dataset, keeps_outputs):
    """Return an array in which a job stores its outputs, with the rows of the targets, or None if not wanted."""
    if not keeps_outputs:
        return None
    spec, targets = job.architecture.spec, dataset.targets
    outputs = np.zeros((len(targets.values), spec.n_outputs), spec.dtype)
    job.set(tables.OUTPUTS, outputs)
    job.set(tables.OUTPUT_STARTS, job.array(tables.TARGET_STARTS))
    job.table[tables.N_OUTPUTS] = spec.n_outputs
    return outputs
