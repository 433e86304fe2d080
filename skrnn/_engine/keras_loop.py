"""Training by ``keras.Model.fit``, where native kernels cannot run."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from skrnn._engine.backend_layers import compute_by_backend
from skrnn._engine.callbacks import callback_list_of_loop, has_batch_hooks
from skrnn._engine.dataset import Dataset, batch_order, sample_order
from skrnn._engine.fallback import has_gpu, n_replicas
from skrnn._engine.keras_batches import as_keras_dataset, keras_batch
from skrnn._engine.keras_compile import jit_compile, training_variables
from skrnn._engine.keras_loss import loss_per_row, weighted_sum
from skrnn._engine.keras_mask import is_padded, train_without_mask
from skrnn._engine.keras_metrics import built_metrics, metric_list
from skrnn._engine.missing_targets import any_missing, compute_without_missing, loss_without_missing
from skrnn._engine.network import assign, network_variables
from skrnn._engine.trained_state import TrainedState
from skrnn._engine.training_plan import TrainingPlan, number_of_batches
from skrnn._engine.training_record import TrainingRecord
from skrnn._engine.unknown_codes import key_of_epoch, replace_codes
from skrnn._engine.validation_scale import may_be_on_another_scale, warn_of_validation_scale

_STEPS_PER_CALL = 16  # largest number of training steps that TensorFlow does on a GPU without returning to Python
_NUMBERS_AT_ONCE = 2**22  # of the inputs of several batches


def fit_with_keras(
    model: Any, callbacks: Any, plan: TrainingPlan, record: TrainingRecord, dataset: Dataset, validation: Dataset | None
) -> TrainedState:
    """Train a compiled network, and return the state after the last epoch.

    Parameters
    ----------
    model : keras.Model
        Compiled, with a built optimizer.
    callbacks : list of keras.callbacks.Callback
    plan : TrainingPlan
    record : TrainingRecord
    dataset : Dataset
    validation : Dataset or None
    """
    mean_weight = plan.mean_weight(dataset)
    has_missing = any_missing(dataset, validation)
    n_batches = number_of_batches(len(dataset), plan.batch_size)
    _compile_weighted_loss(
        model, plan.spec.dtype, plan.metrics, mean_weight, has_missing, _steps_per_call(n_batches, callbacks)
    )
    if plan.spec.categories:
        _make_gradients_dense(model.optimizer)
    if not is_padded(dataset) and not is_padded(validation):
        train_without_mask(model)
    compute_by_backend(model)

    def current_state():
        weights, optimizer = network_variables(model), model.optimizer
        arrays, variables = [v.numpy() for v in weights], [v.numpy() for v in optimizer.variables]
        return TrainedState(arrays, variables, type(optimizer).__name__)

    fresh = current_state()
    is_rate = [v.path.endswith("learning_rate") for v in model.optimizer.variables]
    values = plan.starting_values(lambda: fresh.weights, fresh.optimizer_name, fresh.optimizer, is_rate)
    assign(training_variables(model), values)
    # Keras calls `batch` in another thread, where no tf.distribute strategy is in scope: look it up here.
    n_devices = n_replicas()
    batch_format = plan.spec.dtype, plan.spec.embedding is not None, n_devices, plan.spec.patch_size
    first_epoch = plan.first_epoch + record.n_epochs

    def restore():
        if record.saved is not None:
            built_metrics(model, (1, *dataset.target_shape))
            assign(training_variables(model), record.restored_values())

    @lru_cache(maxsize=2)  # Keras asks for one batch at a time, and may look ahead into the next epoch
    def order_of(epoch):
        return sample_order(len(dataset), [plan.seed, epoch] if plan.shuffle else None)

    columns = [column for column, _, _ in plan.spec.categories]
    batches_at_once = _batches_at_once(dataset, plan.batch_size, n_devices)

    @lru_cache(maxsize=2)
    def consecutive_batches(epoch, position):
        n_samples = batches_at_once * plan.batch_size
        samples = order_of(epoch)[position * n_samples : (position + 1) * n_samples]
        inputs, targets, weights = keras_batch(dataset, samples, 1.0, *batch_format)
        if columns:
            replace_codes(inputs[: len(samples)], columns, key_of_epoch(plan.seed, epoch), samples)
        return inputs, targets, weights

    def batch(epoch, index):
        position, index = divmod(index, batches_at_once)
        arrays = consecutive_batches(epoch, position)
        if batches_at_once == 1:
            return arrays
        return tuple(array[index * plan.batch_size : (index + 1) * plan.batch_size] for array in arrays)

    def batches_of(data):
        """Return the batches for an evaluation, whose weights are relative to the total weight of the same data."""
        order = batch_order(len(data), plan.batch_size)
        return [keras_batch(data, samples, mean_weight / data.mean_weight, *batch_format) for samples in order]

    def after_epoch(logs, stop_requested):
        is_first = validation is not None and plan.first_epoch + record.n_epochs == 0
        if is_first and may_be_on_another_scale(logs["loss"], logs["val_loss"]):
            trained = model.evaluate(as_keras_dataset(batches_of(dataset)), verbose=0, return_dict=True)
            warn_of_validation_scale(trained["loss"], logs["val_loss"], plan.name)
        return record.after_epoch(logs, current_state, stop_requested)

    _run(
        model,
        batch,
        n_batches,
        first_epoch=first_epoch,
        epochs=plan.epochs - record.n_epochs,
        validation_data=None if validation is None else as_keras_dataset(batches_of(validation)),
        callbacks=callbacks,
        before_training=restore,
        after_epoch=after_epoch,
    )
    return current_state()


def _run(model, batch, n_batches, *, first_epoch, epochs, validation_data, callbacks, before_training, after_epoch):
    """Train by ``keras.Model.fit`` on given batches.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    batch : callable
        ``batch(epoch, index)`` returns a batch ``(X, y, weights)``.
    n_batches : int
        Batches per epoch.
    first_epoch, epochs : int
        Number of epochs trained before, and number of epochs to train.
    validation_data : keras.utils.PyDataset or None
    callbacks : list of keras.callbacks.Callback
    before_training : callable
        ``before_training()`` is called before the first epoch, after ``on_train_begin`` of the callbacks.
    after_epoch : callable
        ``after_epoch(logs, stop_requested)`` is called after each epoch. It is told whether a callback has stopped
        training, and returns whether training stops.
    """
    import keras

    class Endless(keras.utils.PyDataset):
        num_batches = None

        def __getitem__(self, index):
            epoch, index = divmod(index, n_batches)
            return batch((model._initial_epoch or first_epoch) + epoch, index)

    class Loop(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            before_training()

        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = after_epoch(dict(logs), self.model.stop_training)

    epochs += first_epoch
    model.fit(
        Endless(),
        steps_per_epoch=n_batches,
        initial_epoch=first_epoch,
        epochs=epochs,
        validation_data=validation_data,
        callbacks=callback_list_of_loop([*callbacks, Loop()], model, n_batches=n_batches, epochs=epochs),
        shuffle=False,
        verbose=0,
    )


def _batches_at_once(dataset, batch_size, n_devices):
    """Return the number of batches that are read from a dataset at once, which is faster if they are small."""
    if n_devices > 1:
        return 1  # each batch is filled until the devices can share it
    size = batch_size * dataset.sequences.lengths.max() * dataset.sequences.n_features
    return int(max(_NUMBERS_AT_ONCE // size, 1))


def _steps_per_call(n_batches, callbacks):
    """Return the number of training steps per call of TensorFlow's function, a divisor of that of an epoch."""
    if not has_gpu() or n_replicas() > 1 or has_batch_hooks(callbacks):
        return 1
    import keras

    if keras.__version__.startswith("3.6."):  # which evaluates no data whose number of batches is not a multiple
        return 1
    return max(n for n in range(1, _STEPS_PER_CALL + 1) if n_batches % n == 0)


def _compile_weighted_loss(model, dtype, metrics, mean_weight, has_missing, steps_per_call):
    """Recompile a model with the weighted loss that kernels compute; ``has_missing`` is whether targets are missing.

    Keras would divide by the number of terms instead of the total weight, and compute it in its global dtype.
    """
    import keras

    loss, config = model.loss, getattr(model, "_compile_config", None)
    per_row = loss_without_missing(loss) if has_missing else loss
    n_devices = n_replicas()  # Keras adds the gradients of the devices that share a batch

    class WeightedLoss(keras.losses.Loss):
        def __call__(self, y_true, y_pred, sample_weight=None):
            if sample_weight is None:  # a callback evaluates the model on other data
                return keras.ops.mean(loss_per_row(per_row, y_true, y_pred)) / n_devices
            total = weighted_sum(per_row, y_true, y_pred, sample_weight)
            n_samples = keras.ops.cast(keras.ops.shape(sample_weight)[0], total.dtype)
            return total / (n_samples * mean_weight * n_devices)

    model.compile(
        optimizer=model.optimizer,
        loss=WeightedLoss(dtype=dtype),
        weighted_metrics=metric_list(metrics),
        jit_compile=jit_compile(),
        auto_scale_loss=False,
        steps_per_execution=steps_per_call,
    )
    if has_missing:
        compute_without_missing(model)
    model.loss, model._compile_config = loss, config  # so that models saved by callbacks load without skrnn
    if config is None:
        del model._compile_config


def _make_gradients_dense(optimizer):
    """Let an optimizer sum the gradients of equal codes of a batch before it squares or clips them.

    Keras on TensorFlow keeps gradients of embeddings sparse, with one entry per time step, and squares and clips each
    entry (Keras 3.15). Few codes share a batch, so that most of them occur many times.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    apply = optimizer.apply

    def apply_dense(gradients, variables=None):
        return apply([g if g is None else tf.convert_to_tensor(g) for g in gradients], variables)

    optimizer.apply = apply_dense
