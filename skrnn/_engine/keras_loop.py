"""The fallback: ``keras.Model.fit`` and ``predict``, for what native kernels cannot do."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

import numpy as np

from skrnn._engine.choice import n_replicas
from skrnn._engine.dataset import batch_order, keras_batch, keras_inputs
from skrnn._engine.keras_compile import built_metrics, metric_list
from skrnn._engine.network import assign, build_network, network_variables
from skrnn._engine.outside_loss import loss_per_row, weighted_sum
from skrnn._engine.record import TrainedState, first_values, mean_weight_of
from skrnn._estimators.scale import may_be_on_another_scale, warn_of_validation_scale

_ROWS_AT_ONCE = 2**13  # windows of one series are laid out in full
_ROWS_A_BATCH = 32  # that are predicted: always as many, for rounding depends on it


def fit_with_keras(model: Any, callbacks: Any, plan: Any, record: Any, dataset: Any, validation: Any) -> TrainedState:
    """Train a compiled network; return the state after the last epoch.

    Parameters
    ----------
    model : keras.Model
        Compiled, its optimizer built.
    callbacks : list of keras.callbacks.Callback
    plan : TrainingPlan
    record : TrainingRecord
    dataset : Dataset
    validation : Dataset or None
    """
    mean_weight = mean_weight_of(plan, dataset)
    _compile_weighted_loss(model, plan.spec.dtype, plan.compile_arguments["metrics"], mean_weight)

    def state_of_model():
        weights, optimizer = network_variables(model), model.optimizer
        arrays, variables = [v.numpy() for v in weights], [v.numpy() for v in optimizer.variables]
        return TrainedState(arrays, variables, type(optimizer).__name__)

    fresh = state_of_model()
    is_rate = [v.path.endswith("learning_rate") for v in model.optimizer.variables]
    assign(_variables(model), first_values(plan, lambda: fresh.weights, fresh.optimizer_name, fresh.optimizer, is_rate))
    # Here, and not in `batch`: Keras calls that in a thread of its own, where no strategy is in scope.
    form = plan.spec.dtype, plan.spec.embedding is not None, n_replicas()
    first_epoch = plan.first_epoch + record.n_epochs

    def restore():
        if record.saved is not None:
            built_metrics(model, (1, *dataset.target_shape))
            assign(_variables(model), record.restored_values())

    @lru_cache(maxsize=2)  # Keras asks for one batch at a time, and may look ahead into the next epoch
    def order_of(epoch):
        return batch_order(len(dataset), plan.batch_size, [plan.seed, epoch] if plan.shuffle else None)

    def batch(epoch, index):
        return keras_batch(dataset, order_of(epoch)[index], 1.0, *form)

    def batches_of(data):
        """Return the batches of a pass on which nothing is trained: their weights are relative to their own total."""
        order = batch_order(len(data), plan.batch_size)
        return [keras_batch(data, samples, mean_weight / data.mean_weight, *form) for samples in order]

    def after_epoch(logs, stops):
        is_first = validation is not None and plan.first_epoch + record.n_epochs == 0
        if is_first and may_be_on_another_scale(logs["loss"], logs["val_loss"]):
            trained = model.evaluate(as_keras_dataset(batches_of(dataset)), verbose=0, return_dict=True)
            warn_of_validation_scale(trained["loss"], logs["val_loss"], plan.compile_arguments["name"])
        return record.after_epoch(logs, state_of_model, stops)

    _run(
        model,
        batch,
        len(order_of(first_epoch)),
        first_epoch=first_epoch,
        epochs=plan.epochs - record.n_epochs,
        validation_data=None if validation is None else as_keras_dataset(batches_of(validation)),
        callbacks=callbacks,
        before_training=restore,
        after_epoch=after_epoch,
    )
    return state_of_model()


def _run(model, batch, n_batches, *, first_epoch, epochs, validation_data, callbacks, before_training, after_epoch):
    """Train through ``keras.Model.fit`` on our own batches.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    batch : callable
        ``batch(epoch, index)`` returns a batch ``(X, y, weights)``.
    n_batches : int
        Batches per epoch.
    first_epoch, epochs : int
        Epochs done before, and to do now.
    validation_data : keras.utils.PyDataset or None
    callbacks : list of keras.callbacks.Callback
    before_training : callable
        ``before_training()`` is called before the first epoch, once callbacks know that training begins.
    after_epoch : callable
        ``after_epoch(logs, stops)`` is called after each epoch, told whether a callback stops training, and says
        whether it stops.
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

    model.fit(
        Endless(),
        steps_per_epoch=n_batches,
        initial_epoch=first_epoch,
        epochs=first_epoch + epochs,
        validation_data=validation_data,
        callbacks=[*callbacks, Loop()],
        shuffle=False,
        verbose=0,
    )


def as_keras_dataset(batches: Any) -> Any:
    """Return batches as Keras takes a pass over data."""
    import keras

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return len(batches)

        def __getitem__(self, index):
            return batches[index]

    return Batches()


def _compile_weighted_loss(model, dtype, metrics, mean_weight):
    """Compile a model again with the loss of a batch that kernels compute, for the weights of `keras_batch`.

    Keras would divide by the number of terms instead, and round to its own dtype.
    """
    import keras

    loss, config = model.loss, model._compile_config
    n_devices = n_replicas()  # which share a batch: Keras adds their gradients

    class WeightedLoss(keras.losses.Loss):
        def __call__(self, y_true, y_pred, sample_weight=None):
            if sample_weight is None:  # a callback evaluates the model on data of its own
                return keras.ops.mean(loss_per_row(loss, y_true, y_pred)) / n_devices
            total = weighted_sum(loss, y_true, y_pred, sample_weight)
            n_samples = keras.ops.cast(keras.ops.shape(sample_weight)[0], total.dtype)
            return total / (n_samples * mean_weight * n_devices)

    model.compile(
        optimizer=model.optimizer,
        loss=WeightedLoss(dtype=dtype),
        weighted_metrics=metric_list(metrics),
        jit_compile=False,
        auto_scale_loss=False,
    )
    model.loss, model._compile_config = loss, config  # callbacks save a model that loads without skrnn


def _variables(model):
    """Return the variables of a compiled model that a fit carries along."""
    return [*network_variables(model), *model.optimizer.variables]


def predict_with_keras(spec: Any, weights: Any, sequences: Any, mask_layer: str | None) -> Any:
    """Return outputs of a trained network."""
    predictor, tokens, n = _predictor(spec, mask_layer), spec.embedding is not None, len(sequences)
    parts = np.split(np.arange(n), np.arange(_ROWS_AT_ONCE, n, _ROWS_AT_ONCE))
    return np.concatenate([predictor.predict(weights, keras_inputs(sequences, part, tokens)) for part in parts])


@lru_cache(maxsize=16)
def _predictor(spec, mask_layer):
    return _Predictor(spec, mask_layer)


class _Predictor:
    """A stock model that predicts with the weights of whoever asks."""

    def __init__(self, spec, mask_layer):
        self._model = build_network(spec, None, mask=mask_layer)
        self._lock = threading.Lock()

    def predict(self, weights, inputs):
        """Return outputs for the array that the network takes."""
        full = np.concatenate([inputs, np.repeat(inputs[:1], -len(inputs) % _ROWS_A_BATCH, axis=0)])
        # Batches, for Keras casts a whole array to its own dtype first.
        batches = full.reshape(-1, _ROWS_A_BATCH, *full.shape[1:])
        with self._lock:
            assign(network_variables(self._model), weights)
            outputs = self._model.predict(as_keras_dataset([(batch,) for batch in batches]), verbose=0)
        return outputs[: len(inputs)]
