"""The fit loop: epochs, validation, early stopping, callbacks, and the choice of what runs them."""

from __future__ import annotations

import logging
from functools import lru_cache, partial
from typing import Any

import numpy as np

from skrnn._batches import batch_order, batch_order_by_length, keras_batch, program_batches
from skrnn._callbacks import callback_list, callback_obstacle, has_validation_hooks, watch_losses
from skrnn._checkpoint import SavedFit
from skrnn._engine.limits import (
    TRAINING_VALUES_A_CALL,
    batches_a_call,
    memory_error,
    n_replicas,
    n_shards,
    network_obstacle,
)
from skrnn._keras import compile_network, evaluate_with_keras, fit_with_keras, metric_list
from skrnn._keras_defaults import keras_defaults
from skrnn._lengths import MIN_TRAINING_WORK, program_lengths
from skrnn._network import assign, fresh_values, network_variables
from skrnn._processes import prepare_process
from skrnn._programs import CACHE, TrainingProgram, built_metrics, loss_per_row, program_network
from skrnn._prototype import check_unchanged, compiled_network, find_prototype, prototype_of, rates_of
from skrnn._record import TrainedState, TrainingRecord, identity_of
from skrnn._scale import may_be_on_another_scale, warn_of_validation_scale

logger = logging.getLogger("skrnn")


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
    prepare_process()
    record, name = TrainingRecord(plan), plan.compile_arguments["name"]
    if plan.checkpoint is not None:
        record.go_on_from(SavedFit(plan.checkpoint, name, identity_of(plan, dataset, validation)))
    if record.ended is None:
        remedy = "Lower batch_size or units, or cut the sequences into shorter windows."
        try:
            with keras_defaults(), memory_error(name, plan.batch_size, dataset.sequences.n_timesteps, remedy):
                record.end(_train(plan, record, dataset, validation))
        finally:
            record.progress.close()
    return record.ended, record


def _train(plan, record, dataset, validation):
    """Choose what trains, and return the state after the last epoch."""
    obstacle = network_obstacle(plan.spec)
    prototype = None if obstacle else find_prototype(plan, dataset.targets)
    if prototype is not None and prototype.obstacle is None:
        return _train_with_programs(prototype, None, [], plan, record, dataset, validation)
    model, callbacks = compiled_network(plan, plan.seed, dataset.targets)
    record.callbacks = callbacks
    if obstacle is None:
        prototype = prototype_of(model, plan, dataset.targets) if prototype is None else prototype
        obstacle = prototype.obstacle or callback_obstacle(callbacks, validation is not None)
    if obstacle is None:
        return _train_with_programs(prototype, model, callbacks, plan, record, dataset, validation)
    logger.debug("%s trains through keras.Model.fit: %s", plan.compile_arguments["name"], obstacle)
    return _train_with_keras(model, callbacks, plan, record, dataset, validation)


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
    held_out_order = None if validation is None else _evaluation_order(plan, validation)
    run_epoch = partial(_run_epoch, prototype, plan)
    first_epoch, logs = plan.first_epoch + record.n_epochs, None
    watches_validation = bool(callbacks) and has_validation_hooks(callbacks)
    state = _first_values(
        plan,
        partial(fresh_values, prototype.variables, plan.seed),
        prototype.optimizer_name,
        prototype.optimizer_values,
        prototype.is_rate,
    )
    if callbacks:
        assign(_variables(model), state)
        _build_metrics(model, dataset)
        # The last one keeps the logs, to which others may have added, such as the learning rate.
        last: Any = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(last, "logs", dict(logs)))
        n_batches = len(_epoch_order(plan, dataset, lengths, first_epoch))
        hooks = callback_list([*callbacks, last], model, n_batches=n_batches, epochs=plan.first_epoch + plan.epochs)
        hooks.on_train_begin()
        check_unchanged(model, prototype, plan)
        state = _values(model)
        first_epoch = model._initial_epoch or first_epoch  # as BackupAndRestore says
    if record.saved is not None:
        state = record.restored_values()
        if callbacks:
            assign(_variables(model), state)
    for epoch in range(first_epoch, plan.first_epoch + plan.epochs):
        if callbacks:
            hooks.on_epoch_begin(epoch)
            state = _values(model)
        state, logs = run_epoch(TrainingProgram.train, state, dataset, _epoch_order(plan, dataset, lengths, epoch))
        if callbacks:
            watch_losses(callbacks, n_batches, logs)
        if validation is not None:
            if watches_validation:
                assign(_variables(model), state)
                hooks.on_test_begin()
                state = _values(model)
            _, held_out = run_epoch(TrainingProgram.evaluate, state, validation, held_out_order)
            if epoch == 0 and may_be_on_another_scale(logs["loss"], held_out["loss"]):
                _, trained = run_epoch(TrainingProgram.evaluate, state, dataset, _evaluation_order(plan, dataset))
                warn_of_validation_scale(trained["loss"], held_out["loss"], plan.compile_arguments["name"])
            if watches_validation:
                hooks.on_test_end(dict(held_out))
                state = _values(model)
            logs |= {f"val_{name}": value for name, value in held_out.items()}
        if callbacks:
            assign(_variables(model), state)
            hooks.on_epoch_end(epoch, logs)
            logs = last.logs
            state = _values(model)
        if record.after_epoch(logs, partial(as_state, state), bool(callbacks) and model.stop_training):
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
    mean_weight = _mean_weight(plan, dataset)
    if not plan.shuffle:
        return batch_order(lengths, plan.batch_size, mean_weight)
    return _pass_order(plan, lengths, mean_weight, [plan.seed, epoch])


def _mean_weight(plan, dataset):
    """Return what the loss of a batch is divided by for each of its samples."""
    # What partial_fit is passed is not all there is: relative to its own total, the weight of a single sample is lost.
    return dataset.mean_terms if plan.partial else dataset.mean_weight


def _evaluation_order(plan, dataset):
    """Return the batches of a pass over data on which nothing is trained."""
    return _pass_order(plan, _lengths(plan, dataset), dataset.mean_weight, None)


def _pass_order(plan, lengths, mean_weight, shuffle_seed):
    """Return the batches of a pass in which the order of samples does not matter."""
    grouped = (lengths != lengths[0]).any()
    return (batch_order_by_length if grouped else batch_order)(lengths, plan.batch_size, mean_weight, shuffle_seed)


def _run_epoch(prototype, plan, call, state, dataset, order):
    """Make the calls of one pass over the data; return the state, without metrics, and the logs."""
    n_features, metrics, total = dataset.sequences.n_features, {}, 0.0
    fresh: Any = None  # the metrics of the first program

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
    mean_weight = _mean_weight(plan, dataset)
    _compile_weighted_loss(model, plan.spec.dtype, plan.compile_arguments["metrics"], mean_weight)

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
    # Here, and not in `batch`: Keras calls that in a thread of its own, where no strategy is in scope.
    form = mean_weight, plan.spec.dtype, plan.spec.embedding is not None, n_replicas()
    first_epoch = plan.first_epoch + record.n_epochs

    def restore():
        if record.saved is not None:
            _build_metrics(model, dataset)
            assign(_variables(model), record.restored_values())

    @lru_cache(maxsize=2)  # Keras asks for one batch at a time, and may look ahead into the next epoch
    def order_of(epoch):
        return _epoch_order(plan, dataset, lengths, epoch)

    def batch(epoch, index):
        return keras_batch(dataset, order_of(epoch), index, *form)

    held_out = []
    if validation is not None:
        order = _evaluation_order(plan, validation)
        held_out = [keras_batch(validation, order, index, *form) for index in range(len(order))]

    def after_epoch(logs, stops):
        is_first = validation is not None and plan.first_epoch + record.n_epochs == 0
        if is_first and may_be_on_another_scale(logs["loss"], logs["val_loss"]):
            order = _evaluation_order(plan, dataset)
            loss = evaluate_with_keras(model, lambda index: keras_batch(dataset, order, index, *form), len(order))
            warn_of_validation_scale(loss, logs["val_loss"], plan.compile_arguments["name"])
        return record.after_epoch(logs, state_of_model, stops)

    fit_with_keras(
        model,
        batch,
        len(order_of(first_epoch)),
        first_epoch=first_epoch,
        epochs=plan.epochs - record.n_epochs,
        validation_batches=held_out,
        callbacks=callbacks,
        before_training=restore,
        after_epoch=after_epoch,
    )
    return state_of_model()


def _compile_weighted_loss(model, dtype, metrics, mean_weight):
    """Compile a model again with the loss of a batch that programs compute, for the weights of `keras_batch`.

    Keras would divide by the number of terms instead, and round to its own dtype.
    """
    import keras

    loss, config = model.loss, model._compile_config
    n_devices = n_replicas()  # which share a batch: Keras adds their gradients

    class WeightedLoss(keras.losses.Loss):
        def __call__(self, y_true, y_pred, sample_weight=None):
            losses = loss_per_row(loss, y_true, y_pred)
            if sample_weight is None:  # a callback evaluates the model on data of its own
                return keras.ops.mean(losses) / n_devices
            # A loss of one's own may return a value for each output, for each sample, or for the whole batch.
            while losses.ndim > sample_weight.ndim:
                losses = keras.ops.mean(losses, axis=-1)
            while 0 < losses.ndim < sample_weight.ndim:
                losses = losses[..., None]
            weighted = losses * keras.ops.cast(sample_weight, losses.dtype)
            n_samples = keras.ops.cast(keras.ops.shape(sample_weight)[0], losses.dtype)
            return keras.ops.sum(weighted) / (n_samples * mean_weight * n_devices)

    model.compile(
        optimizer=model.optimizer,
        loss=WeightedLoss(dtype=dtype),
        weighted_metrics=metric_list(metrics),
        jit_compile=False,
        auto_scale_loss=False,
    )
    model.loss, model._compile_config = loss, config  # callbacks save a model that loads without skrnn


def _training_program(prototype, plan, targets, n_timesteps):
    """Return the program for a plan's architecture, optimizer, loss and shapes of batch."""
    spec = plan.spec
    shards = n_shards(plan.batch_size, spec.units)
    shard_size = -(-plan.batch_size // shards)
    target_shape = (shard_size, *_target_shape(targets, n_timesteps))

    def build():
        network, _ = compile_network(
            lambda: program_network(spec, plan.masked, shard_size, n_timesteps),
            **{**plan.compile_arguments, "callbacks": None, "routed": _without_callbacks(plan)},
        )
        return TrainingProgram(network, plan.masked, shards, target_shape)

    shapes = (plan.masked, n_timesteps, shards, target_shape, str(targets.values.dtype))
    return CACHE.get("train", (spec, shapes, prototype.key), build)


def _target_shape(targets, n_timesteps):
    """Shape of the targets of one sample."""
    return (*((n_timesteps,) if targets.per_step else ()), targets.values.shape[1])


def _build_metrics(model, dataset):
    """Create the variables of metrics, which callbacks ask for their direction before Keras would create them."""
    built_metrics(model, (1, *_target_shape(dataset.targets, dataset.sequences.n_timesteps)))


def _without_callbacks(plan):
    return {k: v for k, v in plan.compile_arguments["routed"].items() if not k.startswith("callbacks__")}


def _variables(model):
    """Variables of a compiled model that a fit carries along."""
    return [*network_variables(model), *model.optimizer.variables]


def _values(model):
    """Values of those variables, as numpy arrays."""
    return [v.numpy() for v in _variables(model)]
