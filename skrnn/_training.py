"""The fit loop: epochs, validation, early stopping, callbacks, and the choice of what runs them."""

from __future__ import annotations

import inspect
import json
import logging
from dataclasses import dataclass, field
from functools import lru_cache, partial

import numpy as np

from skrnn._batches import batch_order, calls, keras_batch, program_batches
from skrnn._keras import compile_network, fit_with_keras, metric_list
from skrnn._network import NetworkSpec, assign, build_network, network_variables
from skrnn._programs import (
    CACHE,
    TRAINING_VALUES_A_CALL,
    TrainingProgram,
    batches_a_call,
    loss_per_row,
    n_shards,
    network_obstacle,
    program_network,
)
from skrnn._progress import ProgressLine

logger = logging.getLogger("skrnn")


@dataclass
class TrainedState:
    """What training leaves: numpy arrays only, so that an estimator pickles and copies like any other.

    Parameters
    ----------
    weights : list of ndarray
        Values of the network's weights, then the states of its random generators.
    optimizer : list of ndarray
        Values of the optimizer's variables.
    optimizer_name : str
        Class of the optimizer that they belong to.
    """

    weights: list
    optimizer: list
    optimizer_name: str


@dataclass
class TrainingPlan:
    """Everything a fit needs beside its data."""

    spec: NetworkSpec
    seed: int
    masked: bool  # whether programs take a mask
    mask_layer: str | None  # how the stock network finds absent steps, as in build_network
    compile_arguments: dict  # optimizer, loss, metrics, callbacks, routed, name
    batch_size: int
    shuffle: bool
    epochs: int
    first_epoch: int
    early_stopping: bool
    patience: int
    min_delta: float
    verbose: int
    state: TrainedState | None = None  # where training goes on from


@dataclass
class TrainingRecord:
    """History of a fit, its best epoch, and when to stop."""

    plan: TrainingPlan
    history: dict = field(default_factory=dict)
    n_epochs: int = 0
    best_epoch: int = -1  # counted from the first epoch of this fit
    best_loss: float = np.inf
    best_state: TrainedState | None = None

    def __post_init__(self):
        self.progress = ProgressLine(self.plan.epochs, self.plan.verbose)

    def after_epoch(self, logs, state):
        """Record an epoch; ``state()`` gives what to restore. Return whether training should stop."""
        plan = self.plan
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        if not np.isfinite(logs["loss"]):
            name = plan.compile_arguments["name"]
            raise ValueError(
                f"The loss of {name} became {logs['loss']} in epoch {plan.first_epoch + self.n_epochs + 1}: "
                "training diverges. Clip the gradient (optimizer__clipnorm=1.0), lower "
                "optimizer__learning_rate, or scale X and y."
            )
        self.n_epochs += 1
        self.progress.update(self.n_epochs, logs)
        if not plan.early_stopping:
            self.best_epoch = self.n_epochs - 1
            return False
        if logs["val_loss"] < self.best_loss - plan.min_delta or self.best_epoch < 0:
            self.best_loss, self.best_epoch, self.best_state = logs["val_loss"], self.n_epochs - 1, state()
        return self.n_epochs - 1 - self.best_epoch >= max(plan.patience, 1)


def train(plan, dataset, validation=None):
    """Train a network.

    Parameters
    ----------
    plan : TrainingPlan
    dataset : Dataset
        What to train on.
    validation : Dataset or None, default=None
        What to validate on after each epoch.

    Returns
    -------
    state : TrainedState
    record : TrainingRecord
    """
    arguments = plan.compile_arguments
    model, callbacks = compile_network(lambda: build_network(plan.spec, plan.seed, mask=plan.mask_layer), **arguments)
    model.optimizer.build(model.trainable_variables)
    if plan.state is not None:
        _check_optimizer(model, plan)
        _load(model, plan.state)
    obstacle = _engine_obstacle(model, plan, callbacks, dataset.targets)
    record = TrainingRecord(plan)
    try:
        if obstacle is None:
            state = _train_with_programs(model, callbacks, plan, record, dataset, validation)
        else:
            logger.debug("%s trains through keras.Model.fit: %s", arguments["name"], obstacle)
            state = _train_with_keras(model, callbacks, plan, record, dataset, validation)
    finally:
        record.progress.close()
    if record.best_state is not None:
        state = record.best_state
    return state, record


def _check_optimizer(model, plan):
    """Refuse to go on with another optimizer than the state belongs to."""
    name, shapes = type(model.optimizer).__name__, [tuple(v.shape) for v in model.optimizer.variables]
    if name != plan.state.optimizer_name or shapes != [np.shape(a) for a in plan.state.optimizer]:
        raise ValueError(
            f"{plan.compile_arguments['name']} goes on from a network trained with {plan.state.optimizer_name}, whose "
            f"state does not fit the optimizer set since, {name}. Keep the optimizer, or set warm_start=False."
        )


def _train_with_programs(model, callbacks, plan, record, dataset, validation):
    """Run epochs as compiled programs; the model serves callbacks alone."""
    import keras

    program = _training_program(model, plan, dataset)
    hooks = keras.callbacks.CallbackList(
        callbacks, add_history=False, add_progbar=False, model=model, epochs=plan.epochs, verbose=0
    )
    hooks.on_train_begin()
    state = _values(model)
    for epoch in range(plan.first_epoch, plan.first_epoch + plan.epochs):
        if callbacks:
            hooks.on_epoch_begin(epoch)
            state = _values(model)
        order = _epoch_order(plan, dataset, epoch)
        state, logs = _run_epoch(program, program.train, state, plan, dataset, order)
        if validation is not None:
            order = batch_order(len(validation), plan.batch_size)
            _, held_out = _run_epoch(program, program.evaluate, state, plan, validation, order)
            logs |= {f"val_{name}": value for name, value in held_out.items()}
        if callbacks:
            _load(model, _as_state(model, state))
            hooks.on_epoch_end(epoch, logs)
            state = _values(model)
        if record.after_epoch(logs, partial(_as_state, model, state)) or model.stop_training:
            break
    if callbacks:
        hooks.on_train_end(logs)
        state = _values(model)
    return _as_state(model, state)


def _epoch_order(plan, dataset, epoch):
    """Return which samples each batch of an epoch holds."""
    return batch_order(len(dataset), plan.batch_size, [plan.seed, epoch] if plan.shuffle else None)


def _run_epoch(program, call, state, plan, dataset, order):
    """Make the calls of one pass over the data; return the state, without metrics, and the logs."""
    sequences = dataset.sequences
    size = batches_a_call(TRAINING_VALUES_A_CALL, plan.batch_size, sequences.n_timesteps, sequences.n_features)
    state = [*state, *program.fresh_metrics]
    total, metrics = 0.0, {}
    for part, n_batches in calls(order, size):
        batches = program_batches(dataset, part, program.shards, plan.spec.embedding is not None)
        state, loss, metrics = call(state, batches, n_batches)
        total += loss
    return state[: len(state) - len(program.fresh_metrics)], {"loss": total / len(dataset), **metrics}


def _train_with_keras(model, callbacks, plan, record, dataset, validation):
    """Train through ``keras.Model.fit``."""
    tokens, dtype = plan.spec.embedding is not None, plan.spec.dtype

    def batch_of(data, indices):
        return keras_batch(data, indices[indices >= 0], dtype, tokens)

    @lru_cache(maxsize=2)  # Keras asks for one batch at a time, and may look ahead into the next epoch
    def order_of(epoch):
        return _epoch_order(plan, dataset, epoch)

    def batch(epoch, index):
        return batch_of(dataset, order_of(epoch)[index])

    held_out = []
    if validation is not None:
        held_out = [batch_of(validation, indices) for indices in batch_order(len(validation), plan.batch_size)]
    fit_with_keras(
        model,
        batch,
        len(order_of(plan.first_epoch)),
        first_epoch=plan.first_epoch,
        epochs=plan.epochs,
        validation_batches=held_out,
        callbacks=callbacks,
        after_epoch=lambda logs: record.after_epoch(logs, lambda: _as_state(model, _values(model))),
    )
    return _as_state(model, _values(model))


def _training_program(model, plan, dataset):
    """Return the program for a plan's architecture, optimizer, loss and shapes of batch."""
    targets, spec, n_timesteps = dataset.targets, plan.spec, dataset.sequences.n_timesteps
    shards = n_shards(plan.batch_size, spec.units)
    shard_size = -(-plan.batch_size // shards)
    steps = (n_timesteps,) if targets.per_step else ()
    target_shape = (shard_size, *steps, targets.values.shape[1])

    def build():
        network, _ = compile_network(
            lambda: program_network(spec, plan.masked, shard_size, n_timesteps),
            **{**plan.compile_arguments, "callbacks": None, "routed": _without_callbacks(plan)},
        )
        return TrainingProgram(network, plan.masked, shards, target_shape)

    shapes = (plan.masked, n_timesteps, shards, target_shape, str(targets.values.dtype))
    return CACHE.get("train", (spec, shapes, _compile_key(model, plan)), build)


def _without_callbacks(plan):
    return {k: v for k, v in plan.compile_arguments["routed"].items() if not k.startswith("callbacks__")}


def _compile_key(model, plan):
    """Return what of the optimizer, the loss and the metrics shapes a program; a learning rate does not."""
    optimizer = model.optimizer.get_config()
    del optimizer["name"]
    if isinstance(optimizer["learning_rate"], float):
        del optimizer["learning_rate"]
    metrics = map(_identity, metric_list(plan.compile_arguments["metrics"]))
    return type(model.optimizer), _as_json(optimizer), _identity(model.loss), *metrics


def _identity(value):
    """Return a loss or a metric as part of a key: those of Keras by what they hold, others by identity."""
    if not type(value).__module__.startswith("keras.") or inspect.isfunction(value):
        return value
    if hasattr(value, "call"):  # a loss; its configuration may leave arguments out, as that of Huber in Keras 3.15
        return type(value), _as_json(vars(value))
    return type(value), _as_json(value.get_config())


def _as_json(config):
    return json.dumps(config, sort_keys=True, default=repr)


def _engine_obstacle(model, plan, callbacks, targets):
    """Why compiled programs cannot run a plan, or None where they can."""
    import keras

    obstacle = network_obstacle(plan.spec)
    if obstacle is not None:
        return obstacle
    optimizer = model.optimizer
    if not type(optimizer).__module__.startswith("keras."):
        return f"the optimizer {type(optimizer).__name__} is not one of Keras's"
    if optimizer.use_ema or optimizer.gradient_accumulation_steps or hasattr(optimizer, "inner_optimizer"):
        return "the optimizer averages weights, accumulates gradients or scales the loss"
    for callback in callbacks:
        for hook in ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"):
            if getattr(type(callback), hook) is not getattr(keras.callbacks.Callback, hook):
                return f"{type(callback).__name__} is called for every batch"
            if inspect.isfunction(vars(callback).get(hook)):
                return f"{type(callback).__name__} is called for every batch"
    return _loss_obstacle(model, plan.spec, targets)


def _loss_obstacle(model, spec, targets):
    """Say why the loss cannot be weighted by rows, as where it does not give one value a row; None where it can."""
    shape = (2, 3) if spec.return_sequences else (2,)
    y = np.zeros((*shape, targets.values.shape[1]), dtype=targets.values.dtype)
    values = loss_per_row(model.loss, y, np.full((*shape, spec.n_outputs), 0.5, dtype=spec.dtype))
    if tuple(values.shape) != shape:
        return f"the loss has shape {tuple(values.shape)} where one value a row has {shape}"
    return None


def _variables(model):
    """Variables of a compiled model that a fit carries along."""
    return [*network_variables(model), *model.optimizer.variables]


def _values(model):
    """Values of those variables, as numpy arrays."""
    return [v.numpy() for v in _variables(model)]


def _as_state(model, values):
    """Return the flat values of a model's variables as a state."""
    arrays = [np.array(value) for value in values]
    n_weights = len(network_variables(model))
    return TrainedState(arrays[:n_weights], arrays[n_weights:], type(model.optimizer).__name__)


def _load(model, state):
    """Put a state into a model; the learning rate stays what the estimator's parameters say."""
    assign(network_variables(model), state.weights)
    pairs = zip(model.optimizer.variables, state.optimizer, strict=True)
    for variable, value in pairs:
        if not variable.path.endswith("learning_rate"):
            variable.assign(value)
