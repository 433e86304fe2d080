"""The fit loop: epochs, validation, early stopping, callbacks, and the choice of what runs them."""

from __future__ import annotations

import inspect
import logging
from dataclasses import dataclass, field
from functools import lru_cache, partial

import numpy as np

from skrnn._batches import batch_order, batch_order_by_length, keras_batch, program_batches
from skrnn._engine import TRAINING_VALUES_A_CALL, batches_a_call, n_shards, network_obstacle
from skrnn._keras import compile_network, fit_with_keras, metric_list
from skrnn._lengths import MIN_TRAINING_WORK, program_lengths
from skrnn._network import NetworkSpec, assign, fresh_values, network_variables
from skrnn._programs import CACHE, TrainingProgram, loss_per_row, program_network
from skrnn._progress import ProgressLine
from skrnn._prototype import compiled_network, find_prototype, prototype_of, rates_of

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
    longest : int
        Length of the longest time axis that programs trained on.
    """

    weights: list
    optimizer: list
    optimizer_name: str
    longest: int


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
    record = TrainingRecord(plan)
    try:
        state = _train(plan, record, dataset, validation)
    finally:
        record.progress.close()
    return state if record.best_state is None else record.best_state, record


def _train(plan, record, dataset, validation):
    """Choose what trains, and return the state after the last epoch."""
    obstacle = network_obstacle(plan.spec)
    prototype = None if obstacle else find_prototype(plan, dataset.targets)
    if prototype is not None and prototype.obstacle is None:
        return _train_with_programs(prototype, None, [], plan, record, dataset, validation)
    model, callbacks = compiled_network(plan, plan.seed)
    if obstacle is None:
        prototype = prototype_of(model, plan, dataset.targets) if prototype is None else prototype
        obstacle = prototype.obstacle or _callback_obstacle(callbacks)
    if obstacle is None:
        return _train_with_programs(prototype, model, callbacks, plan, record, dataset, validation)
    logger.debug("%s trains through keras.Model.fit: %s", plan.compile_arguments["name"], obstacle)
    return _train_with_keras(model, callbacks, plan, record, dataset, validation)


def _callback_obstacle(callbacks):
    """Say which callback wants to be called more often than programs return, or None where none does."""
    import keras

    for callback in callbacks:
        for hook in ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"):
            inherited = getattr(type(callback), hook) is getattr(keras.callbacks.Callback, hook)
            if not inherited or inspect.isfunction(vars(callback).get(hook)):
                return f"{type(callback).__name__} is called for every batch"
    return None


def _first_values(plan, weights, optimizer_name, optimizer_values, is_rate):
    """Return the values that training starts from: those given, or of the state that it goes on from.

    The learning rate stays what the estimator's parameters say.
    """
    state = plan.state
    if state is None:
        return [*weights(), *optimizer_values]
    if optimizer_name != state.optimizer_name or [*map(np.shape, optimizer_values)] != [
        *map(np.shape, state.optimizer)
    ]:
        raise ValueError(
            f"{plan.compile_arguments['name']} goes on from a network trained with {state.optimizer_name}, whose "
            f"state does not fit the optimizer set since, {optimizer_name}. Keep the optimizer, or set "
            "warm_start=False."
        )
    kept = (old if rate else new for old, new, rate in zip(optimizer_values, state.optimizer, is_rate, strict=True))
    return [*state.weights, *kept]


def _train_with_programs(prototype, model, callbacks, plan, record, dataset, validation):
    """Run epochs as compiled programs; the model serves callbacks alone, and is None where there are none."""
    import keras

    def as_state(values):
        arrays, n_weights = [np.array(value) for value in values], len(prototype.variables)
        return TrainedState(arrays[:n_weights], arrays[n_weights:], prototype.optimizer_name, int(lengths.max()))

    lengths = _lengths(plan, dataset)
    held_out_order = None if validation is None else _pass_order(plan, validation, _lengths(plan, validation), None)
    run_epoch = partial(_run_epoch, prototype, plan)
    state = _first_values(
        plan,
        partial(fresh_values, prototype.variables, plan.seed),
        prototype.optimizer_name,
        prototype.optimizer_values,
        prototype.is_rate,
    )
    if callbacks:
        assign(_variables(model), state)
        hooks = keras.callbacks.CallbackList(
            callbacks, add_history=False, add_progbar=False, model=model, epochs=plan.epochs, verbose=0
        )
        hooks.on_train_begin()
        state = _values(model)
    for epoch in range(plan.first_epoch, plan.first_epoch + plan.epochs):
        if callbacks:
            hooks.on_epoch_begin(epoch)
            state = _values(model)
        state, logs = run_epoch(TrainingProgram.train, state, dataset, _epoch_order(plan, dataset, lengths, epoch))
        if validation is not None:
            _, held_out = run_epoch(TrainingProgram.evaluate, state, validation, held_out_order)
            logs |= {f"val_{name}": value for name, value in held_out.items()}
        if callbacks:
            assign(_variables(model), state)
            hooks.on_epoch_end(epoch, logs)
            state = _values(model)
        if record.after_epoch(logs, partial(as_state, state)) or (callbacks and model.stop_training):
            break
    if callbacks:
        hooks.on_train_end(logs)
        state = _values(model)
    return as_state(state)


def _lengths(plan, dataset):
    """Return the length of the time axis on which each sample is computed."""
    fitted = None if plan.state is None else plan.state.longest
    return program_lengths(dataset.sequences, plan.spec.units, MIN_TRAINING_WORK, masked=plan.masked, fitted=fitted)


def _epoch_order(plan, dataset, lengths, epoch):
    """Return the batches of an epoch."""
    if not plan.shuffle:
        return batch_order(lengths, plan.batch_size)
    return _pass_order(plan, dataset, lengths, [plan.seed, epoch])


def _pass_order(plan, dataset, lengths, shuffle_seed):
    """Return the batches of a pass in which the order of samples does not matter."""
    if (lengths == lengths[0]).all():
        return batch_order(lengths, plan.batch_size, shuffle_seed)
    weight = dataset.targets.weight_a_sample(dataset.sequences.lengths)
    return batch_order_by_length(lengths, plan.batch_size, weight, shuffle_seed)


def _run_epoch(prototype, plan, call, state, dataset, order):
    """Make the calls of one pass over the data; return the state, without metrics, and the logs."""
    n_features, fresh, metrics, total = dataset.sequences.n_features, None, {}, 0.0

    def size_of(n_timesteps):
        return batches_a_call(TRAINING_VALUES_A_CALL, plan.batch_size, n_timesteps, n_features)

    for n_timesteps, samples, n_batches in order.calls(size_of):
        program = _training_program(prototype, plan, dataset.targets, n_timesteps)
        if fresh is None:
            fresh = program.fresh_metrics
            state = [*state, *fresh]
        tokens = plan.spec.embedding is not None
        batches = program_batches(dataset, order, samples, n_timesteps, program.shards, tokens)
        state, loss, metrics = call(program, state, batches, n_batches, prototype.clip)
        total += loss
    return state[: len(state) - len(fresh)], {"loss": total / len(dataset), **metrics}


def _train_with_keras(model, callbacks, plan, record, dataset, validation):
    """Train through ``keras.Model.fit``."""
    lengths = _lengths(plan, dataset)
    _compute_loss_in(plan.spec.dtype, model, plan.compile_arguments["metrics"])

    def state_of_model():
        weights, optimizer = network_variables(model), model.optimizer
        return TrainedState(
            [v.numpy() for v in weights],
            [v.numpy() for v in optimizer.variables],
            type(optimizer).__name__,
            int(lengths.max()),
        )

    fresh = state_of_model()
    is_rate = rates_of(model.optimizer)
    start = _first_values(plan, lambda: fresh.weights, fresh.optimizer_name, fresh.optimizer, is_rate)
    assign(_variables(model), start)
    tokens, dtype = plan.spec.embedding is not None, plan.spec.dtype

    @lru_cache(maxsize=2)  # Keras asks for one batch at a time, and may look ahead into the next epoch
    def order_of(epoch):
        return _epoch_order(plan, dataset, lengths, epoch)

    def batch(epoch, index):
        return keras_batch(dataset, order_of(epoch), index, dtype, tokens)

    held_out = []
    if validation is not None:
        order = _pass_order(plan, validation, _lengths(plan, validation), None)
        held_out = [keras_batch(validation, order, index, dtype, tokens) for index in range(len(order))]
    fit_with_keras(
        model,
        batch,
        len(order_of(plan.first_epoch)),
        first_epoch=plan.first_epoch,
        epochs=plan.epochs,
        validation_batches=held_out,
        callbacks=callbacks,
        after_epoch=lambda logs: record.after_epoch(logs, state_of_model),
    )
    return state_of_model()


def _compute_loss_in(dtype, model, metrics):
    """Compile a model again where its loss would round to Keras's own dtype, float32 by default."""
    import keras

    if dtype == keras.config.floatx():
        return
    loss = model.loss

    class LossInDtype(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return loss_per_row(loss, y_true, y_pred)

    model.compile(
        optimizer=model.optimizer,
        loss=LossInDtype(dtype=dtype),
        weighted_metrics=metric_list(metrics),
        jit_compile=False,
    )


def _training_program(prototype, plan, targets, n_timesteps):
    """Return the program for a plan's architecture, optimizer, loss and shapes of batch."""
    spec = plan.spec
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
    return CACHE.get("train", (spec, shapes, prototype.key), build)


def _without_callbacks(plan):
    return {k: v for k, v in plan.compile_arguments["routed"].items() if not k.startswith("callbacks__")}


def _variables(model):
    """Variables of a compiled model that a fit carries along."""
    return [*network_variables(model), *model.optimizer.variables]


def _values(model):
    """Values of those variables, as numpy arrays."""
    return [v.numpy() for v in _variables(model)]
