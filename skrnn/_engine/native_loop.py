"""Training loop of native kernels and of torch: epochs, validation, metrics and callbacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skrnn._data.targets import Targets
from skrnn._engine.architecture import architecture_of
from skrnn._engine.callback_model import CallbackModel
from skrnn._engine.dataset import Dataset
from skrnn._engine.distribution_losses import DistributionLoss, outputs_per_target, point_predictions
from skrnn._engine.keras_compile import resolved_loss
from skrnn._engine.keras_loss import KerasLoss, depends_on_padding, keras_loss_reason
from skrnn._engine.keras_metrics import KerasMetrics
from skrnn._engine.losses import NativeLoss, check_loss_arguments, native_loss
from skrnn._engine.metrics import make_metrics
from skrnn._engine.missing_targets import loss_without_missing
from skrnn._engine.native_training import NativeTraining
from skrnn._engine.network import fresh_values, variables_of
from skrnn._engine.optimizers import NativeOptimizer, native_optimizer
from skrnn._engine.routing import routed_to
from skrnn._engine.trained_state import TrainedState
from skrnn._engine.training_plan import TrainingPlan
from skrnn._engine.training_record import TrainingRecord
from skrnn._engine.validation_scale import may_be_on_another_scale, warn_of_validation_scale


@dataclass(frozen=True)
class NativeParts:
    """Optimizer, loss and metrics for training by kernels, or by torch on a device."""

    optimizer: NativeOptimizer
    loss: NativeLoss | KerasLoss
    metrics: list[Any]
    device: str | None = None

    @property
    def uses_keras(self) -> bool:
        """Whether Keras computes the loss or a metric."""
        return isinstance(self.loss, KerasLoss) or any(isinstance(metric, KerasMetrics) for metric in self.metrics)


def native_parts(plan: TrainingPlan, targets: Targets, *, has_missing: bool) -> NativeParts | str:
    """Return optimizer, loss and metrics of a plan, or the reason why kernels cannot train with them.

    ``has_missing`` is whether targets of the training or the validation data are missing.

    Raises
    ------
    ValueError
        If a name or an argument is not one of Keras's.
    """
    spec, name = plan.spec, plan.name
    optimizer = native_optimizer(plan.optimizer, routed_to("optimizer", plan.routed), name)
    loss_arguments = routed_to("loss", plan.routed)
    if isinstance(plan.loss, str):
        check_loss_arguments(plan.loss, loss_arguments, name)
    loss: Any
    if isinstance(plan.loss, DistributionLoss):
        loss = plan.loss.native
    else:
        loss = native_loss(plan.loss, loss_arguments, spec.output_activation)
    if isinstance(optimizer, str):
        return optimizer
    if loss is None:
        loss = _keras_loss(plan, targets, has_missing)
        if isinstance(loss, str):
            return loss
    metrics = make_metrics(
        plan.metrics,
        activation=spec.output_activation,
        n_outputs=spec.n_outputs // outputs_per_target(plan.loss),
        targets_dtype=targets.values.dtype,
        dtype=spec.dtype,
        name=name,
    )
    return NativeParts(optimizer, loss, metrics)


def _keras_loss(plan, targets, has_missing):
    """Return a loss that Keras computes from the outputs of kernels, or the reason why only its loop can."""
    resolved = resolved_loss(plan.loss, plan.routed, plan.name)
    if isinstance(resolved, str) and resolved != plan.loss:
        return resolved
    reason = keras_loss_reason()
    if reason is not None:
        return reason
    # At masked time steps, kernels repeat the last output of a sequence, as unidirectional layers of Keras do.
    if targets.per_step and plan.spec.bidirectional and depends_on_padding(resolved, targets.values, plan.spec):
        return "the loss is not one value per time step, and depends on the outputs at masked time steps"
    return KerasLoss(loss_without_missing(resolved) if has_missing else resolved)


def fit_natively(
    parts: NativeParts,
    hooks: CallbackModel | None,
    plan: TrainingPlan,
    record: TrainingRecord,
    dataset: Dataset,
    validation: Dataset | None,
) -> TrainedState:
    """Train for the epochs of a plan, and return the state after the last one.

    Parameters
    ----------
    parts : NativeParts
    hooks : CallbackModel or None
        Calls the callbacks, if there are any.
    plan : TrainingPlan
    record : TrainingRecord
    dataset : Dataset
    validation : Dataset or None
    """
    variables = variables_of(plan.spec)
    training = _training(parts, plan, dataset)
    training.load(_starting_values(parts, plan, variables))

    def state_of(values):
        return TrainedState(values[: len(variables)], values[len(variables) :], parts.optimizer.name)

    def current_state():
        snapshot = training.snapshot()
        return lambda: state_of(snapshot())

    first_epoch, metrics = plan.first_epoch + record.n_epochs, _EpochMetrics(parts.metrics, plan.loss, dataset)
    held_out = None
    if validation is not None:
        held_out = (
            training.evaluation(validation, keeps_outputs=bool(parts.metrics)),
            _EpochMetrics(parts.metrics, plan.loss, validation),
        )
    if hooks is not None:
        first_epoch = hooks.begin(training, training.n_batches) or first_epoch  # BackupAndRestore sets it
    if record.saved is not None:
        training.load(record.restored_values())
        if hooks is not None:
            hooks.write()
    for epoch in range(first_epoch, plan.first_epoch + plan.epochs):
        if hooks is not None:
            hooks.begin_epoch(epoch)
        logs = {"loss": training.train(epoch), **metrics.values(training.outputs)}
        if hooks is not None:
            hooks.check_loss(logs)
        if held_out is not None:
            if hooks is not None:
                hooks.begin_validation()
            evaluation, validation_metrics = held_out
            validation_logs = {"loss": evaluation.loss(), **validation_metrics.values(evaluation.outputs)}
            if epoch == 0 and may_be_on_another_scale(logs["loss"], validation_logs["loss"]):
                trained = training.evaluation(dataset, keeps_outputs=False).loss()
                warn_of_validation_scale(trained, validation_logs["loss"], plan.name)
            if hooks is not None:
                hooks.end_validation(validation_logs)
            logs |= {f"val_{name}": value for name, value in validation_logs.items()}
        if hooks is not None:
            logs = hooks.end_epoch(epoch, logs)
        if record.after_epoch(logs, current_state, hooks is not None and hooks.stops):
            break
    if hooks is not None:
        hooks.end()
    return state_of(training.values())


def _training(parts, plan, dataset):
    """Return the training on the data of a plan, by kernels or by torch."""
    arguments = architecture_of(plan.spec), parts.optimizer, parts.loss, dataset
    options = {
        "mean_weight": plan.mean_weight(dataset),
        "batch_size": plan.batch_size,
        "seed": plan.seed,
        "shuffle": plan.shuffle,
        "keeps_outputs": bool(parts.metrics),
    }
    if parts.device is None:
        return NativeTraining(*arguments, **options)
    from skrnn._engine.torch.training import TorchTraining

    return TorchTraining(*arguments, **options, device=parts.device, epochs=plan.epochs)


def _starting_values(parts, plan, variables):
    """Return weights, states of random generators and optimizer variables at the start of the fit."""
    shapes = [shape for _, shape, _ in variables[: architecture_of(plan.spec).n_variables]]
    return plan.starting_values(
        lambda: fresh_values(variables, plan.seed),
        parts.optimizer.name,
        parts.optimizer.variables(shapes, plan.spec.dtype),
        parts.optimizer.is_rate(len(shapes)),
    )


class _EpochMetrics:
    """Metrics of point predictions for the samples of a dataset, or for elements if targets are missing."""

    def __init__(self, metrics, loss, dataset):
        self._metrics, self._loss = metrics, loss
        if metrics:
            targets, rows = dataset.targets, dataset.target_rows
            self._rows, self._y, self._weights = rows, targets.values[rows], targets.weights[rows]
            self._elements = None
            if dataset.has_missing_targets:
                self._elements = np.nonzero(~np.isnan(self._y))
                self._y, self._weights = self._y[self._elements][:, None], self._weights[self._elements[0]]

    def values(self, outputs):
        """Return the metrics of outputs, whose rows match those of the targets."""
        values: dict[str, float] = {}
        for metric in self._metrics:
            predictions = point_predictions(self._loss, outputs[self._rows])
            if self._elements is not None:
                predictions = predictions[self._elements][:, None]
            values |= metric.compute(self._y, predictions, self._weights)
        return values
