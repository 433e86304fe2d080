"""What callbacks see of a fit by native kernels: a Keras model that has its weights whenever they are called."""

from __future__ import annotations

import inspect
import json
from typing import Any

from skrnn._engine.callbacks import callback_list, has_validation_hooks, watch_losses
from skrnn._engine.choice import ENGINE_VARIABLE
from skrnn._engine.keras_compile import built_metrics, metric_list
from skrnn._engine.network import assign, network_variables


class CallbackModel:
    """A compiled network, and the callbacks that are called with it.

    Before each hook the network has the weights of the fit, and its optimizer the fit's variables; after it, the fit
    has theirs.

    Parameters
    ----------
    model : keras.Model
        Compiled, its optimizer built.
    callbacks : list of keras.callbacks.Callback
    plan : TrainingPlan
    target_shape : tuple of int
        Shape of the targets of one sample.
    """

    def __init__(self, model: Any, callbacks: Any, plan: Any, target_shape: tuple[int, ...]) -> None:
        self.callbacks = callbacks
        self._model, self._plan, self._target_shape = model, plan, target_shape
        self._watches_validation = has_validation_hooks(callbacks)
        self._training: Any = None
        self._logs: Any = None
        self._compiled: Any = None  # what the network was compiled from, until the first step

    def begin(self, training: Any, n_batches: int) -> int:
        """Tell callbacks that training begins; return the epoch that one of them says it begins with, or 0."""
        import keras

        self._training, self._n_batches = training, n_batches
        plan, self._compiled = self._plan, _compiled_from(self._model, self._plan)
        self.write()
        built_metrics(self._model, (1, *self._target_shape))  # callbacks ask for their direction
        # The last one keeps the logs, to which others may have added, such as the learning rate.
        last = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(self, "_logs", dict(logs)))
        n_epochs = plan.first_epoch + plan.epochs
        self._hooks = callback_list([*self.callbacks, last], self._model, n_batches=n_batches, epochs=n_epochs)
        self._hooks.on_train_begin()
        self._check_unchanged()
        self._read()
        return int(self._model._initial_epoch or 0)

    def _check_unchanged(self):
        """Raise where callbacks have changed what Keras's loop would see, and kernels do not."""
        layers = self._model.layers
        if _compiled_from(self._model, self._plan) != self._compiled or not all(layer.trainable for layer in layers):
            raise ValueError(
                f"A callback of {self._plan.compile_arguments['name']} has changed the optimizer, or which layers are "
                "trained, when training began. Native kernels see changes of weights and learning rates only: set the "
                f"environment variable {ENGINE_VARIABLE}=keras to train through Keras's own loop, which sees all."
            )

    def write(self) -> None:
        """Give the network the values of the fit."""
        assign(_variables(self._model), self._training.values())

    def _read(self):
        """Give the fit the values of the network."""
        self._training.load([v.numpy() for v in _variables(self._model)])

    def begin_epoch(self, epoch: int) -> None:
        """Tell callbacks that an epoch begins."""
        self._hooks.on_epoch_begin(epoch)
        if self._compiled is not None:  # Keras's loop, too, sees no such change after its first step
            self._check_unchanged()
            self._compiled = None
        self._read()

    def watch(self, logs: dict[str, float]) -> None:
        """Show the loss of an epoch to callbacks that look for NaN."""
        watch_losses(self.callbacks, self._n_batches, logs)

    def begin_validation(self) -> None:
        """Tell callbacks that a pass over the validation data begins, if any wants to know."""
        if self._watches_validation:
            self.write()
            self._hooks.on_test_begin()
            self._read()

    def end_validation(self, logs: dict[str, float]) -> None:
        """Tell callbacks that a pass over the validation data has ended, if any wants to know."""
        if self._watches_validation:
            self._hooks.on_test_end(dict(logs))
            self._read()

    def end_epoch(self, epoch: int, logs: dict[str, float]) -> dict[str, float]:
        """Tell callbacks that an epoch has ended; return the logs, and what they have added."""
        self.write()
        self._hooks.on_epoch_end(epoch, logs)
        self._read()
        return dict(self._logs)

    @property
    def stops(self) -> bool:
        """Whether a callback has stopped training."""
        return bool(self._model.stop_training)

    def end(self) -> None:
        """Tell callbacks that training has ended."""
        self._hooks.on_train_end(self._logs)
        self._read()


def _variables(model):
    """Return the variables of a compiled model that a fit carries along."""
    return [*network_variables(model), *model.optimizer.variables]


def _compiled_from(network, plan):
    """Return what a network was compiled from, but for the learning rate: callbacks may change no more than that."""
    optimizer = network.optimizer.get_config()
    if isinstance(optimizer["learning_rate"], float):
        del optimizer["learning_rate"]
    metrics = metric_list(plan.compile_arguments["metrics"])
    return (type(network.optimizer), _as_json(optimizer), _identity(network.loss), *map(_identity, metrics))


def _identity(value):
    """Return what tells a loss or a metric from others: of instances what they hold, of functions themselves."""
    if isinstance(value, str) or inspect.isfunction(value) or inspect.isclass(value):
        return value
    held = vars(value) if hasattr(value, "call") or not hasattr(value, "get_config") else value.get_config()
    return type(value), _as_json(held)


def _as_json(config):
    return json.dumps(config, sort_keys=True, default=repr)
