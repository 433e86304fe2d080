"""Training and evaluation with torch, one epoch at a time; the same interface as ``skrnn._engine.native_training``."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from skrnn._engine.architecture import Architecture
from skrnn._engine.dataset import Dataset, sample_order
from skrnn._engine.losses import NativeLoss
from skrnn._engine.native.tables import N_HYPER
from skrnn._engine.network import NetworkSpec
from skrnn._engine.optimizers import NativeOptimizer
from skrnn._engine.torch.data import DeviceInputTargets, DeviceSequences, DeviceTargets, Inputs
from skrnn._engine.torch.losses import TorchLoss
from skrnn._engine.torch.network import TorchNetwork, flattened, split_like
from skrnn._engine.torch.optimizers import TorchOptimizer
from skrnn._engine.torch.session import RepeatedCall, Session
from skrnn._engine.training_plan import number_of_batches
from skrnn._engine.unknown_codes import key_of_epoch

_PART_OF_MEMORY = 1 / 32  # that a network uses at once without gradients


class TorchTraining:
    """Weights and optimizer state of a fit on a device.

    Data, weights and optimizer state stay on the device. An epoch needs the order of the samples and the
    hyper-parameters of its steps, and returns its loss together with that of the validation data.

    Parameters
    ----------
    architecture : Architecture
    optimizer : NativeOptimizer
    loss : NativeLoss
    dataset : Dataset
        Training data.
    mean_weight : float
        The loss of a batch is its weighted sum, divided by its number of samples and by this number.
    batch_size : int
    seed : int
        Seed of dropout, of the codes that are replaced and, with ``shuffle``, of the order of samples.
    shuffle : bool
    keeps_outputs : bool
        Whether to store `outputs`.
    device : {"cuda", "cpu"}
    epochs : int
        Largest number of epochs.
    """

    def __init__(
        self,
        architecture: Architecture,
        optimizer: NativeOptimizer,
        loss: NativeLoss,
        dataset: Dataset,
        *,
        mean_weight: float,
        batch_size: int,
        seed: int,
        shuffle: bool,
        keeps_outputs: bool,
        device: str,
        epochs: int,
    ) -> None:
        self.architecture, self._optimizer, self._native_loss = architecture, optimizer, loss
        self._seed, self._shuffle, self._mean_weight, self._epochs = seed, shuffle, mean_weight, epochs
        spec, n = architecture.spec, len(dataset)
        self._session = Session(device)
        self._n_samples, self._batch_size, self.n_batches = n, batch_size, number_of_batches(n, batch_size)
        self._others: list[Any] = []  # states of Keras's random generators, which torch does not use
        self._variables: list[Any] = []  # of the optimizer; its slots are on the device
        self._version = _Version()
        self._evaluations: list[Evaluation] = []
        with self._session.active():
            self._network = TorchNetwork(spec, self._session)
            parameters = self._network.parameters
            self._slots = [[torch.zeros_like(p) for p in parameters] for _ in range(optimizer.n_slots)]
            self._update = TorchOptimizer(optimizer, self._network.layout.variables, parameters[0])
            self._data = _DeviceData(dataset, loss, spec, self._session, keeps_outputs)
            options: dict[str, Any] = {"device": self._session.device}
            self._order = torch.zeros((self.n_batches, batch_size), dtype=torch.int64, **options)
            self._hyper = torch.zeros((self.n_batches, N_HYPER), dtype=parameters[0].dtype, **options)
            self._batch = torch.zeros(1, dtype=torch.int64, **options)
            self._loss_sum = torch.zeros((), dtype=torch.float64, **options)
            self._generator = torch.Generator(self._session.device) if spec.dropout else None
            self._key = torch.zeros(1, dtype=torch.int64, **options) if spec.categories else None
        sizes = [batch_size] * (n // batch_size) + [n % batch_size] * (n % batch_size > 0)
        self._steps = {size: self._repeated_step(size, sizes.count(size) * epochs) for size in set(sizes)}
        self._sizes = sizes
        self._next_order: tuple[int, Any] = -1, None

    def _repeated_step(self, n_rows, n_calls):
        """Return the training step on a batch of a number of samples."""
        n_layer_steps = self._data.sequences.n_steps * self.architecture.n_layers * self.architecture.directions
        training = weakref.proxy(self)  # so that a fit leaves no cycle, which would keep memory of the device
        return RepeatedCall(
            lambda: training._step(n_rows),
            self._session,
            n_calls=n_calls,
            n_layer_steps=n_layer_steps,
            generator=self._generator,
        )

    def _step(self, n_rows):
        """Train on the next batch."""
        samples = self._order.index_select(0, self._batch)[0, :n_rows]
        batch = self._data.sequences.batch(samples, self._key)
        logits = self._network.logits(batch, trains=True, generator=self._generator)
        loss = self._data.loss(self._network, logits, samples, batch)
        parameters = self._network.parameters
        gradients = torch.autograd.grad(loss / (n_rows * self._mean_weight), parameters)
        self._loss_sum.add_(loss.detach())
        hyper = self._hyper.index_select(0, self._batch)[0].unbind()
        self._update.step(parameters, self._slots, gradients, hyper)
        self._batch.add_(1)

    def load(self, values: list[Any]) -> None:
        """Set weights and optimizer variables, in Keras's order."""
        n = self.architecture.n_variables
        n_others = len(values) - n - len(self._optimizer.is_rate(n))
        self._others, self._variables = list(values[n : n + n_others]), list(values[n + n_others :])
        self._version.number += 1
        with self._session.active():
            self._network.load(values[:n])
            for tensors, slot in zip(self._slots, self._optimizer.slots(self._variables), strict=True):
                for tensor, value in zip(tensors, self._network.layout.to_torch(slot), strict=True):
                    tensor.copy_(torch.tensor(value))

    def values(self) -> list[Any]:
        """Return weights, states of random generators and optimizer variables, in Keras's order."""
        return self.snapshot()()

    def snapshot(self) -> Callable[[], list[Any]]:
        """Copy the current values on the device; return a function that returns them as `values` does."""
        tensors = [tensor for group in (self._network.parameters, *self._slots) for tensor in group]
        others, variables = self._others, self._variables
        with self._session.active():
            vector = flattened(tensors)

        def values():
            with self._session.active():
                arrays = split_like(vector, tensors)
            n, to_keras = len(self._network.parameters), self._network.layout.to_keras
            weights, *slots = (to_keras(arrays[first : first + n]) for first in range(0, len(arrays), n))
            return [*weights, *others, *self._optimizer.with_slots(variables, slots, 0)]

        return values

    def train(self, epoch: int) -> float:
        """Train for one epoch, and return the mean loss."""
        with self._session.active():
            self._begin(epoch)
            for size in self._sizes:
                self._steps[size]()
            self._variables = self._optimizer.advanced(self._variables, self.n_batches)
            self._version.number += 1
            for evaluation in self._evaluations:
                evaluation.start()
            if self._epochs > 1:
                self._next_order = epoch + 1, self._order_of(epoch + 1)  # while the device computes
            sums = torch.stack([self._loss_sum, *(evaluation.loss_sum for evaluation in self._evaluations)]).tolist()
        for evaluation, value in zip(self._evaluations, sums[1:], strict=True):
            evaluation.finish(value)
        return float(sums[0]) / (self._n_samples * self._mean_weight)

    def _begin(self, epoch):
        """Write the order of the samples and the hyper-parameters of an epoch to the device."""
        if self._next_order[0] != epoch:
            self._next_order = epoch, self._order_of(epoch)
        self._order.copy_(torch.from_numpy(self._next_order[1]))
        self._hyper.copy_(torch.from_numpy(self._optimizer.hyper(self._variables, self.n_batches)))
        self._batch.zero_()
        self._loss_sum.zero_()
        if self._generator is not None:
            self._generator.manual_seed(key_of_epoch(self._seed, epoch))
        if self._key is not None:
            self._key.fill_(key_of_epoch(self._seed, epoch))

    def _order_of(self, epoch):
        """Return the samples of each batch of an epoch, (n_batches, batch_size); zeros fill the last one up."""
        order = np.zeros((self.n_batches, self._batch_size), np.int64)
        seed = [self._seed, epoch] if self._shuffle else None
        order.ravel()[: self._n_samples] = sample_order(self._n_samples, seed)
        return order

    @property
    def outputs(self) -> NDArray[Any] | None:
        """Outputs of the training data in the last epoch, in the rows of the targets, or None if they are not kept."""
        return self._data.kept_outputs(self._session)

    def evaluation(self, dataset: Dataset, *, keeps_outputs: bool) -> Evaluation:
        """Return an evaluation of the network on data, with the weights at the time of each call."""
        evaluation = Evaluation(
            self._network,
            self._native_loss,
            dataset,
            self._session,
            keeps_outputs=keeps_outputs,
            epochs=self._epochs,
            version=self._version,
        )
        if self._version.number <= 1:  # before the first epoch, when only the initial weights are loaded
            self._evaluations.append(evaluation)
        return evaluation


@dataclass
class _Version:
    """Version of the weights: the number of epochs, and of changes from outside."""

    number: int = 0


class Evaluation:
    """Loss and outputs for data that are not trained on.

    Training starts those that exist before the first epoch at the end of each epoch, so that their losses are copied
    from the device together.

    Parameters
    ----------
    network : TorchNetwork
    loss : NativeLoss
    dataset : Dataset
    session : Session
    keeps_outputs : bool
        Whether to store `outputs`.
    epochs : int
        Number of calls to expect.
    version : _Version
        Current version of the weights.
    """

    def __init__(
        self,
        network: TorchNetwork,
        loss: NativeLoss,
        dataset: Dataset,
        session: Session,
        *,
        keeps_outputs: bool,
        epochs: int,
        version: _Version,
    ) -> None:
        self._network, self._session, self._version = network, session, version
        self._total = len(dataset) * dataset.mean_weight
        self._value, self._started_at = float("nan"), -1
        with session.active():
            self._data = _DeviceData(dataset, loss, network.spec, session, keeps_outputs)
            self.loss_sum = torch.zeros((), dtype=torch.float64, device=session.device)
            self._samples = torch.arange(len(dataset), device=session.device).split(
                rows_at_once(network.spec, self._data.sequences.n_steps, session)
            )
        n_layer_steps = self._data.sequences.n_steps * len(network.spec.recurrent_units) * len(self._samples)
        this = weakref.proxy(self)
        self._pass = RepeatedCall(lambda: this._evaluate(), session, n_calls=epochs, n_layer_steps=n_layer_steps)

    def _evaluate(self):
        with torch.no_grad():
            self.loss_sum.zero_()
            for samples in self._samples:
                batch = self._data.sequences.batch(samples)
                logits = self._network.logits(batch, trains=False)
                self.loss_sum.add_(self._data.loss(self._network, logits, samples, batch))

    def start(self) -> None:
        """Let the device compute all outputs and their loss, without waiting for it."""
        self._started_at = self._version.number
        self._pass()

    def finish(self, loss_sum: float) -> None:
        """Set the loss that the device has computed."""
        self._value = loss_sum / self._total

    def loss(self) -> float:
        """Return the mean loss with the current weights."""
        if self._started_at != self._version.number:
            with self._session.active():
                self.start()
                self.finish(self.loss_sum.item())
        return self._value

    @property
    def outputs(self) -> NDArray[Any] | None:
        """Outputs in the rows of the targets, or None if they are not kept."""
        return self._data.kept_outputs(self._session)


class _DeviceData:
    """Sequences, targets, their loss, and outputs if these are kept."""

    def __init__(self, dataset: Dataset, loss: NativeLoss, spec: NetworkSpec, session: Session, keeps_outputs: bool):
        self.sequences = DeviceSequences(dataset.sequences, spec, session)
        targets_on_device: Any = DeviceInputTargets if dataset.targets.are_inputs else DeviceTargets
        self.targets = targets_on_device(dataset.targets, spec, session)
        self._loss = TorchLoss(loss, has_missing=dataset.has_missing_targets)
        self._outputs = None
        if keeps_outputs:  # the additional row takes the outputs at padded steps
            shape = self.targets.n_rows + 1, spec.n_outputs
            self._outputs = torch.zeros(shape, dtype=getattr(torch, spec.dtype), device=session.device)

    def loss(self, network: TorchNetwork, logits: torch.Tensor, samples: torch.Tensor, batch: Inputs) -> torch.Tensor:
        """Return the weighted sum of the losses of samples, and store their outputs."""
        rows, y, weights = self.targets.batch(samples, batch, self.sequences.n_steps)
        needs_outputs = self._outputs is not None or not self._loss.of_logits
        outputs = network.activated(logits) if needs_outputs else None
        if self._outputs is not None and outputs is not None:
            self._outputs.index_copy_(0, rows, outputs.detach())
        return self._loss.weighted_sum(outputs, logits, y, weights)

    def kept_outputs(self, session: Session) -> NDArray[Any] | None:
        """Return a copy of the outputs, in the rows of the targets."""
        if self._outputs is None:
            return None
        with session.active():
            copy: NDArray[Any] = self._outputs[:-1].cpu().numpy()
        return copy


def rows_at_once(spec: NetworkSpec, n_steps: int, session: Session) -> int:
    """Return the number of sequences that a network computes at once without gradients."""
    directions = 1 + spec.bidirectional
    width = max(spec.n_inputs, 8 * directions * max(spec.units), *spec.dense_units, spec.n_outputs)
    # Numbers of rows, of which there are several per time step, take eight bytes each.
    size = max(width * np.dtype(spec.dtype).itemsize, 32 * spec.patch_size * (1 + len(spec.categories)))
    return max(int(session.memory() * _PART_OF_MEMORY) // (n_steps * size), 1)
