"""A fit by native kernels: epochs, validation, metrics, and what callbacks see of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skrnn._engine.architecture import architecture_of
from skrnn._engine.callback_model import CallbackModel
from skrnn._engine.losses import NativeLoss, check_loss_arguments, native_loss
from skrnn._engine.metrics import make_metrics
from skrnn._engine.native_training import NativeTraining
from skrnn._engine.network import fresh_values, variables_of
from skrnn._engine.optimizers import NativeOptimizer, native_optimizer
from skrnn._engine.outside_loss import OutsideLoss, outside_reason, sees_absent_steps
from skrnn._engine.record import TrainedState, first_values, mean_weight_of
from skrnn._estimators.scale import may_be_on_another_scale, warn_of_validation_scale


@dataclass(frozen=True)
class NativeParts:
    """What of a plan kernels have to know: how to train, and what to measure."""

    optimizer: NativeOptimizer
    loss: NativeLoss | OutsideLoss
    metrics: list[Any]


def native_parts(plan: Any, targets: Any) -> NativeParts | str:
    """Return the optimizer, the loss and the metrics of a plan, or the reason why kernels cannot train with them.

    Raises
    ------
    ValueError
        For names and arguments that Keras does not take.
    """
    arguments, spec = plan.compile_arguments, plan.spec
    name, loss = arguments["name"], arguments["loss"]
    optimizer = native_optimizer(arguments["optimizer"], _routed_to("optimizer", arguments["routed"]), name)
    of_loss = _routed_to("loss", arguments["routed"])
    if isinstance(loss, str):
        check_loss_arguments(loss, of_loss, name)
    found_loss: Any = native_loss(loss, of_loss, spec.output_activation)
    if isinstance(optimizer, str):
        return optimizer
    if found_loss is None:
        found_loss = _outside_loss(loss, plan, targets)
        if isinstance(found_loss, str):
            return found_loss
    metrics = make_metrics(
        arguments["metrics"],
        activation=spec.output_activation,
        n_outputs=spec.n_outputs,
        targets_dtype=targets.values.dtype,
        dtype=spec.dtype,
        name=name,
    )
    return NativeParts(optimizer, found_loss, metrics)


def _outside_loss(loss, plan, targets):
    """Return a loss that Keras computes beside the kernels, or the reason why only its own loop can."""
    from skrnn._engine.keras_compile import resolved_loss  # which imports nothing, but is of no use before Keras

    resolved = resolved_loss(loss, plan.compile_arguments["routed"], plan.compile_arguments["name"])
    if isinstance(resolved, str) and resolved != loss:
        return resolved
    reason = outside_reason()
    if reason is not None:
        return reason
    # Kernels let the last output of a sequence stand for absent steps, as Keras does in one direction alone.
    if targets.per_step and plan.spec.bidirectional and sees_absent_steps(resolved, targets.values, plan.spec):
        return "the loss is no value for each step, and sees the outputs of absent ones"
    return OutsideLoss(resolved)


def _routed_to(target, routed):
    prefix = f"{target}__"
    return {key.removeprefix(prefix): value for key, value in routed.items() if key.startswith(prefix)}


def fit_natively(
    parts: NativeParts, hooks: CallbackModel | None, plan: Any, record: Any, dataset: Any, validation: Any
) -> TrainedState:
    """Run the epochs of a plan; return the state after the last one.

    Parameters
    ----------
    parts : NativeParts
    hooks : CallbackModel or None
        What calls the callbacks, where there are some.
    plan : TrainingPlan
    record : TrainingRecord
    dataset : Dataset
    validation : Dataset or None
    """
    variables, measures = variables_of(plan.spec), bool(parts.metrics)
    training = _training(parts, plan, dataset)
    training.load(_first_values(parts, plan, variables))

    def state():
        values = training.values()
        return TrainedState(values[: len(variables)], values[len(variables) :], parts.optimizer.name)

    first_epoch, measured = plan.first_epoch + record.n_epochs, _Measured(parts.metrics, dataset)
    held_out = None
    if validation is not None:
        held_out = training.evaluation(validation, keeps_outputs=measures), _Measured(parts.metrics, validation)
    if hooks is not None:
        first_epoch = hooks.begin(training, training.n_batches) or first_epoch  # as BackupAndRestore says
    if record.saved is not None:
        training.load(record.restored_values())
        if hooks is not None:
            hooks.write()
    for epoch in range(first_epoch, plan.first_epoch + plan.epochs):
        if hooks is not None:
            hooks.begin_epoch(epoch)
        logs = {"loss": training.train(epoch), **measured.values(training.outputs)}
        if hooks is not None:
            hooks.watch(logs)
        if held_out is not None:
            if hooks is not None:
                hooks.begin_validation()
            evaluation, its_metrics = held_out
            of_validation = {"loss": evaluation.loss(), **its_metrics.values(evaluation.outputs)}
            if epoch == 0 and may_be_on_another_scale(logs["loss"], of_validation["loss"]):
                trained = training.evaluation(dataset, keeps_outputs=False).loss()
                warn_of_validation_scale(trained, of_validation["loss"], plan.compile_arguments["name"])
            if hooks is not None:
                hooks.end_validation(of_validation)
            logs |= {f"val_{name}": value for name, value in of_validation.items()}
        if hooks is not None:
            logs = hooks.end_epoch(epoch, logs)
        if record.after_epoch(logs, state, hooks is not None and hooks.stops):
            break
    if hooks is not None:
        hooks.end()
    return state()


def _training(parts, plan, dataset):
    """Return what trains on the data of a plan."""
    return NativeTraining(
        architecture_of(plan.spec),
        parts.optimizer,
        parts.loss,
        dataset,
        mean_weight=mean_weight_of(plan, dataset),
        batch_size=plan.batch_size,
        seed=plan.seed,
        shuffle=plan.shuffle,
        keeps_outputs=bool(parts.metrics),
    )


def _first_values(parts, plan, variables):
    """Return weights, states of random generators and the optimizer's variables to start from."""
    shapes = [shape for _, shape, _ in variables[: architecture_of(plan.spec).n_variables]]
    return first_values(
        plan,
        lambda: fresh_values(variables, plan.seed),
        parts.optimizer.name,
        parts.optimizer.variables(shapes, plan.spec.dtype),
        parts.optimizer.is_rate(len(shapes)),
    )


class _Measured:
    """Metrics of the rows of a dataset that its samples refer to."""

    def __init__(self, metrics, dataset):
        self._metrics = metrics
        if metrics:
            targets, lengths = dataset.targets, dataset.sequences.lengths
            rows = targets.starts
            if targets.per_step:
                before = np.cumsum(lengths) - lengths
                rows = np.repeat(rows - before, lengths) + np.arange(lengths.sum())
            self._rows, self._y, self._weights = rows, targets.values[rows], targets.weights[rows]

    def values(self, outputs):
        """Return the metrics of outputs, in rows as those of the targets."""
        found: dict[str, float] = {}
        for metric in self._metrics:
            found |= metric.compute(self._y, outputs[self._rows], self._weights)
        return found
