"""Keras model that callbacks of a native fit access: it has the current weights whenever they are called."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

from skrnn._engine.callbacks import callback_list, has_validation_hooks, report_loss
from skrnn._engine.fallback import ENGINE_VARIABLE
from skrnn._engine.keras_compile import training_variables
from skrnn._engine.keras_metrics import built_metrics, metric_list
from skrnn._engine.native_training import NativeTraining
from skrnn._engine.network import assign
from skrnn._engine.training_plan import TrainingPlan

if TYPE_CHECKING:
    from skrnn._engine.torch.training import TorchTraining


class CallbackModel:
    """Compiled network and the callbacks that are called with it.

    Before each callback method, weights and optimizer variables are copied from the fit to the network, and afterwards
    back to the fit.

    Parameters
    ----------
    model : keras.Model
        Compiled, with a built optimizer.
    callbacks : list of keras.callbacks.Callback
    plan : TrainingPlan
    target_shape : tuple of int
        Shape of the targets of one sample.
    """

    def __init__(self, model: Any, callbacks: Any, plan: TrainingPlan, target_shape: tuple[int, ...]) -> None:
        self.callbacks = callbacks
        self._model, self._plan, self._target_shape = model, plan, target_shape
        self._watches_validation = has_validation_hooks(callbacks)
        self._training: Any = None
        self._logs: Any = None
        self._configuration: Any = None  # of the compiled network, until the first step

    def begin(self, training: NativeTraining | TorchTraining, n_batches: int) -> int:
        """Call ``on_train_begin``; return the initial epoch if a callback has set one, else 0."""
        import keras

        self._training, self._n_batches = training, n_batches
        plan, self._configuration = self._plan, _compile_configuration(self._model, self._plan)
        self.write()
        built_metrics(self._model, (1, *self._target_shape))  # callbacks look up their direction
        # The last callback keeps the logs, to which others may have added values, such as the learning rate.
        last = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(self, "_logs", dict(logs)))
        n_epochs = plan.first_epoch + plan.epochs
        self._hooks = callback_list([*self.callbacks, last], self._model, n_batches=n_batches, epochs=n_epochs)
        self._hooks.on_train_begin()
        self._check_unchanged()
        self._read()
        return int(self._model._initial_epoch or 0)

    def _check_unchanged(self):
        """Raise if callbacks have made changes that take effect in Keras's loop but not in kernels."""
        is_same = _compile_configuration(self._model, self._plan) == self._configuration
        if not is_same or not all(layer.trainable for layer in self._model.layers):
            raise ValueError(
                f"A callback of {self._plan.name} has changed the optimizer, or which layers are "
                "trained, when training began. Native kernels support changes of weights and learning rates only: set "
                f"the environment variable {ENGINE_VARIABLE}=keras to train by Keras's built-in loop."
            )

    def write(self) -> None:
        """Copy the values of the fit to the network."""
        assign(training_variables(self._model), self._training.values())

    def _read(self):
        """Copy the values of the network to the fit."""
        self._training.load([v.numpy() for v in training_variables(self._model)])

    def begin_epoch(self, epoch: int) -> None:
        """Call ``on_epoch_begin``."""
        self._hooks.on_epoch_begin(epoch)
        if self._configuration is not None:  # in Keras's loop, later changes have no effect either
            self._check_unchanged()
            self._configuration = None
        self._read()

    def check_loss(self, logs: dict[str, float]) -> None:
        """Pass the loss of an epoch to ``TerminateOnNaN``."""
        report_loss(self.callbacks, self._n_batches, logs)

    def begin_validation(self) -> None:
        """Call ``on_test_begin``, if a callback defines it."""
        if self._watches_validation:
            self.write()
            self._hooks.on_test_begin()
            self._read()

    def end_validation(self, logs: dict[str, float]) -> None:
        """Call ``on_test_end``, if a callback defines it."""
        if self._watches_validation:
            self._hooks.on_test_end(dict(logs))
            self._read()

    def end_epoch(self, epoch: int, logs: dict[str, float]) -> dict[str, float]:
        """Call ``on_epoch_end``; return the logs, including values that callbacks have added."""
        self.write()
        self._hooks.on_epoch_end(epoch, logs)
        self._read()
        return dict(self._logs)

    @property
    def stops(self) -> bool:
        """Whether a callback has stopped training."""
        return bool(self._model.stop_training)

    def end(self) -> None:
        """Call ``on_train_end``."""
        self._hooks.on_train_end(self._logs)
        self._read()


def _compile_configuration(network, plan):
    """Return optimizer, loss and metrics of a network, except the learning rate, which callbacks may change."""
    optimizer = network.optimizer.get_config()
    if isinstance(optimizer["learning_rate"], float):
        del optimizer["learning_rate"]
    metrics = metric_list(plan.metrics)
    return (type(network.optimizer), _as_json(optimizer), _identity(network.loss), *map(_identity, metrics))


def _identity(value):
    """Return a value to compare losses and metrics by: the attributes of instances, functions themselves."""
    if isinstance(value, str) or inspect.isfunction(value) or inspect.isclass(value):
        return value
    held = vars(value) if hasattr(value, "call") or not hasattr(value, "get_config") else value.get_config()
    return type(value), _as_json(held)


def _as_json(config):
    return json.dumps(config, sort_keys=True, default=repr)
