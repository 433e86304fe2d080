"""Training by native kernels: weights and what the optimizer keeps, in their layout, and passes over the data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._engine.architecture import Architecture, aligned_zeros
from skrnn._engine.dataset import batch_order, sample_order
from skrnn._engine.losses import NativeLoss
from skrnn._engine.native import layout as at
from skrnn._engine.native.library import LIBRARIES
from skrnn._engine.native_pass import Job, Workers, prepare_evaluation
from skrnn._engine.optimizers import NativeOptimizer
from skrnn._engine.outside_loss import OutsideLoss

_CLIPPINGS = {"clipvalue": at.BY_VALUE, "clipnorm": at.BY_NORM, "global_clipnorm": at.BY_GLOBAL_NORM}
# A shard has enough work to be worth a thread's attention, and enough rows to fill tiles.
_WORK_OF_A_SHARD, _ROWS_OF_A_SHARD, _MAX_SHARDS = 2**20, 16, 64


class NativeTraining:
    """A fit by native kernels.

    Parameters
    ----------
    architecture : Architecture
    optimizer : NativeOptimizer
    loss : NativeLoss or OutsideLoss
        The latter takes the outputs of a whole batch, between two calls of the kernels.
    dataset : Dataset
        What is trained on.
    mean_weight : float
        The loss of a batch is its weighted sum, divided by its samples and by this.
    batch_size : int
    seed : int
        Of the order of samples, where they are shuffled, and of dropout.
    shuffle : bool
    keeps_outputs : bool
        Whether `outputs` are wanted.
    """

    def __init__(
        self,
        architecture: Architecture,
        optimizer: NativeOptimizer,
        loss: NativeLoss | OutsideLoss,
        dataset: Any,
        *,
        mean_weight: float,
        batch_size: int,
        seed: int,
        shuffle: bool,
        keeps_outputs: bool,
    ) -> None:
        outside = isinstance(loss, OutsideLoss)
        architecture.load("train", optimizer.kernel, loss.kernel if isinstance(loss, NativeLoss) else "half_of_shard")
        self.architecture, self._optimizer, self._loss, self._batch_size = architecture, optimizer, loss, batch_size
        self._seed, self._shuffle, self._mean_weight, self._dataset = seed, shuffle, mean_weight, dataset
        spec, n = architecture.spec, len(dataset)
        job = self._job = Job(architecture, dataset.sequences)
        self._order = _Order(job.lengths, batch_size, architecture.work_a_step())
        batches = self._order.batches
        self.n_batches, self._n_samples = len(batches), n
        most_shards, rows = int(batches[:, at.SHARDS].max()), self._order.rows_of_a_shard
        table, address = job.table, LIBRARIES[spec.dtype].address
        _set_targets(job, dataset, loss)
        job.set(at.BATCHES, batches)
        job.set(at.DIVISORS, (batches[:, at.LAST] - batches[:, at.FIRST]) * mean_weight)
        job.set(at.PIECES, architecture.pieces)
        job.set(at.SQUARES, np.zeros(len(architecture.pieces)))
        self._losses = np.zeros(int(batches[:, at.SHARDS].sum()))
        self._counters = np.zeros((len(batches), at.N_COUNTS), np.int64)
        job.set(at.LOSSES, self._losses)
        job.set(at.SYNC, self._counters)
        dense_size = int(architecture.table[at.DENSE_SIZE])
        job.set(at.GRADIENTS, aligned_zeros(most_shards * dense_size, spec.dtype))
        if spec.embedding is not None:
            total, row = job.longest_total(rows), at.padded(spec.embedding[1])
            job.set(at.EMBEDDING_GRADIENT, aligned_zeros(architecture.size - dense_size, spec.dtype))
            job.set(at.TOKENS, np.zeros(most_shards * total, np.int64))
            job.set(at.TOKEN_GRADIENTS, aligned_zeros(most_shards * total * row, spec.dtype))
            table[at.TOKENS_A_SHARD] = total
        table[[at.N_BATCHES, at.N_PIECES, at.N_SAMPLES]] = len(batches), len(architecture.pieces), n
        table[at.OPTIMIZER] = address(optimizer.kernel)
        table[at.HALF_OF_SHARD] = address("half_of_shard") if outside else 0
        if optimizer.clipping is not None:
            name, bound = optimizer.clipping
            table[at.CLIPPING], job.numbers[at.CLIP] = _CLIPPINGS[name], bound
        job.numbers[[at.DROPOUT, at.STATE_DROPOUT]] = spec.dropout, spec.recurrent_dropout
        self.outputs = _outputs(job, dataset, keeps_outputs or outside)
        self._workers = Workers(job, rows, trains=True, most=most_shards, n_shards=most_shards if outside else 0)
        self._weights = aligned_zeros(architecture.size, spec.dtype)
        self._slots = aligned_zeros(optimizer.n_slots * architecture.size, spec.dtype).reshape(-1, architecture.size)
        job.set(at.SLOTS, self._slots)
        self._others: list[Any] = []  # states of Keras's random generators, which kernels have no use for
        self._variables: list[Any] = []  # of the optimizer; its slots lie in their layout

    def load(self, values: list[Any]) -> None:
        """Take weights and the optimizer's variables, as Keras has them."""
        n = self.architecture.n_variables
        n_others = len(values) - n - self._n_optimizer_variables(n)
        self._others, self._variables = list(values[n : n + n_others]), list(values[n + n_others :])
        self.architecture.pack_into(self._weights, values[:n])
        for packed, slot in zip(self._slots, self._optimizer.slots(self._variables), strict=True):
            self.architecture.pack_into(packed, slot)

    def _n_optimizer_variables(self, n):
        return len(self._optimizer.is_rate(n))

    def values(self) -> list[Any]:
        """Return weights, states of random generators, and the optimizer's variables, as Keras has them."""
        slots = [self.architecture.unpack(packed) for packed in self._slots]
        variables = self._optimizer.with_slots(self._variables, slots, 0)
        return [*self.architecture.unpack(self._weights), *self._others, *variables]

    def train(self, epoch: int) -> float:
        """Train on all samples once; return the mean loss."""
        job = self._job
        in_order = sample_order(self._n_samples, [self._seed, epoch] if self._shuffle else None)
        order, positions = self._order.of_epoch(in_order)
        job.set(at.ORDER, order)
        job.set(at.POSITIONS, positions)
        job.set(at.HYPER, self._optimizer.hyper(self._variables, self.n_batches))
        if self.architecture.spec.dropout or self.architecture.spec.recurrent_dropout:
            key = np.random.SeedSequence([self._seed, epoch]).generate_state(1, np.uint64)[0]
            job.table[at.DROPOUT_KEY] = key >> np.uint64(1)  # which an int64 holds
        self._counters[:] = 0
        if isinstance(self._loss, OutsideLoss):
            loss = self._train_by_batches(self._loss, order, positions)
        else:
            self._workers.run(self._weights)
            loss = float(self._losses.sum()) / (self._n_samples * self._mean_weight)
        self._variables = self._optimizer.advanced(self._variables, self.n_batches)
        return loss

    def _train_by_batches(self, loss, order, positions):
        """Train with a loss that takes the outputs of a whole batch; return its mean."""
        job, total = self._job, 0.0
        gradients = np.zeros_like(self.outputs)
        job.set(at.OUTPUT_GRADIENTS, gradients)
        job.table[at.N_BATCHES] = 1
        for b, (first, last, _) in enumerate(self._order.batches):
            samples = order[first:last][np.argsort(positions[first:last])]
            job.table[[at.FIRST_BATCH, at.PASS]] = b, at.FORWARD
            self._workers.run(self._weights)
            rows, y, weights = _batch_of(self._dataset, samples)
            value, gradient = loss.value_and_gradient(y, self.outputs[rows], weights, self._mean_weight)
            gradients[rows] = 0
            np.add.at(gradients, rows, gradient)  # the last valid step stands for those after it
            self._counters[b] = 0
            job.table[at.PASS] = at.BACKWARD
            self._workers.run(self._weights)
            total += value * len(samples)
        return total / self._n_samples

    def evaluation(self, dataset: Any, *, keeps_outputs: bool) -> Evaluation:
        """Return what evaluates the network, as it is trained, on other data or on the same."""
        return Evaluation(
            self.architecture, self._weights, self._loss, dataset, self._batch_size, keeps_outputs=keeps_outputs
        )


class Evaluation:
    """Passes over data on which nothing is trained.

    Parameters
    ----------
    architecture : Architecture
    weights : ndarray
        Packed ones, which others may change between passes.
    loss : NativeLoss or OutsideLoss
    dataset : Dataset
    batch_size : int
        Samples of which a loss that has no kernel is computed at a time.
    keeps_outputs : bool
        Whether `outputs` are wanted.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: NDArray[Any],
        loss: NativeLoss | OutsideLoss,
        dataset: Any,
        batch_size: int,
        *,
        keeps_outputs: bool,
    ) -> None:
        job = self._job = Job(architecture, dataset.sequences)
        _set_targets(job, dataset, loss)
        self._batch_size = batch_size
        self._workers, self._weights, self._loss, self._dataset = prepare_evaluation(job), weights, loss, dataset
        self.outputs = _outputs(job, dataset, keeps_outputs or isinstance(loss, OutsideLoss))
        self._total = len(dataset) * dataset.mean_weight

    def loss(self) -> float:
        """Compute all outputs; return the mean loss."""
        self._job.kept(at.SYNC)[:] = 0
        self._workers.run(self._weights)
        if isinstance(self._loss, OutsideLoss):
            return self._outside(self._loss)
        return float(self._job.kept(at.LOSSES).sum()) / self._total

    def _outside(self, loss):
        """Return the mean of a loss that has no kernel, batch by batch."""
        total, n = 0.0, len(self._dataset)
        for samples in batch_order(n, self._batch_size):
            rows, y, weights = _batch_of(self._dataset, samples)
            total += loss.value(y, self.outputs[rows], weights, self._dataset.mean_weight) * len(samples)
        return total / n


def _batch_of(dataset, samples):
    """Return the rows of the outputs of samples, (n_samples,) or (n_samples, n_timesteps), targets and weights."""
    sequences, targets = dataset.sequences, dataset.targets
    n_timesteps = int(sequences.lengths.max())
    y, weights = targets.gather(samples, sequences.valid(samples, n_timesteps))
    rows = targets.starts[samples]
    if targets.per_step:
        rows = rows[:, None] + np.minimum(np.arange(n_timesteps), sequences.lengths[samples][:, None] - 1)
    return rows, y, weights


def _set_targets(job, dataset, loss):
    """Write the targets and the loss into a job."""
    spec, targets = job.architecture.spec, dataset.targets
    job.set(at.TARGETS, np.ascontiguousarray(targets.values, spec.dtype))
    job.set(at.WEIGHTS, np.ascontiguousarray(targets.weights, spec.dtype))
    job.set(at.TARGET_STARTS, np.ascontiguousarray(targets.starts, np.int64))
    job.table[at.TARGET_COLUMNS] = targets.values.shape[1]
    if isinstance(loss, NativeLoss):
        job.set(at.LOSS_PARAMETERS, np.array([*loss.parameters, 0.0]))
        job.table[[at.LOSS, at.WRT_LOGITS]] = LIBRARIES[spec.dtype].address(loss.kernel), loss.wrt_logits


def _outputs(job, dataset, keeps_outputs):
    """Let a job store its outputs, in rows as those of the targets, and return these; None where nobody wants them."""
    if not keeps_outputs:
        return None
    spec, targets = job.architecture.spec, dataset.targets
    outputs = np.zeros((len(targets.values), spec.n_outputs), spec.dtype)
    job.set(at.OUTPUTS, outputs)
    job.set(at.OUTPUT_STARTS, job.kept(at.TARGET_STARTS))
    job.table[at.N_OUTPUTS] = spec.n_outputs
    return outputs


class _Order:
    """The batches of an epoch, and how each is cut into shards: a matter of the batch alone, not of threads.

    Where lengths differ, the rows of a batch are sorted by length, longest first, and dealt to its shards in turn.
    """

    def __init__(self, lengths, batch_size, work_a_step):
        n = len(lengths)
        self._lengths, self._n = lengths, n
        starts = np.arange(0, n, batch_size)
        ends = np.minimum(starts + batch_size, n)
        work = work_a_step * int(lengths.max())
        shards = np.array([_n_shards(end - start, work) for start, end in zip(starts, ends, strict=True)])
        self.batches = np.stack([starts, ends, shards], axis=1)
        self.rows_of_a_shard = int((-(-(ends - starts) // shards)).max())
        self._deal, self._unsorted = None, np.arange(n)
        if (lengths != lengths[0]).any():
            self._batch_of = np.arange(n) // batch_size
            place = np.arange(n) - starts[self._batch_of]
            n_shards = shards[self._batch_of]
            self._deal = np.lexsort((place // n_shards, place % n_shards, self._batch_of))

    def of_epoch(self, order):
        """Return the samples of an epoch as shards take them, and the position of each in the order of the epoch."""
        if self._deal is None:
            return order, self._unsorted
        positions = np.lexsort((-self._lengths[order], self._batch_of))[self._deal]
        return order[positions], positions


def _n_shards(n_rows, work):
    """Return into how many shards a batch is cut whose sequences take some work each."""
    return int(np.clip(min(n_rows * work // _WORK_OF_A_SHARD, n_rows // _ROWS_OF_A_SHARD), 1, _MAX_SHARDS))
