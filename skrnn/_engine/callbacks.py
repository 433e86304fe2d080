"""Methods that Keras callbacks define: which ones native fits, which return once per epoch, can call, and the calls."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

_BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
_VALIDATION_HOOKS = ("on_test_begin", "on_test_end")
_VALIDATION_BATCH_HOOKS = ("on_test_batch_begin", "on_test_batch_end")


def _saving_reason(callback):
    return None if callback.save_freq == "epoch" else "saves between batches"


def _logging_reason(callback):
    if callback.update_freq != "epoch":
        return "logs between batches"
    return "profiles batches" if callback._should_trace else None


# Classes of Keras (3.6 to 3.15) that define methods for batches, and functions that return why an instance needs them,
# or None. Other classes of Keras define no such method.
RULES: dict[str, Callable[[Any], str | None]] = {
    "BackupAndRestore": _saving_reason,
    "ModelCheckpoint": _saving_reason,
    "OrbaxCheckpoint": _saving_reason,
    # With write_graph, Keras's loop also writes the operations of its training function, which native fits do not have.
    "TensorBoard": _logging_reason,
    # Prints nothing, since fits set Keras's verbosity to 0; `verbose` prints a progress line instead.
    "ProgbarLogger": lambda callback: None,
    # `report_loss` calls it once per epoch, whose loss is NaN or infinite if that of a batch is.
    "TerminateOnNaN": lambda callback: None,
    # Passes calls on; `_individual` yields the callbacks that it contains.
    "CallbackList": lambda callback: None,
}


def callback_reason(callbacks, validates):
    """Return which callback has to be called more often than once per epoch, or None.

    Parameters
    ----------
    callbacks : list of keras.callbacks.Callback
    validates : bool
        Whether there are validation data, for whose batches callbacks may also define methods.
    """
    hooks = (*_BATCH_HOOKS, *(_VALIDATION_BATCH_HOOKS if validates else ()))
    for callback in _individual(callbacks):
        for hook in hooks:
            owner = _owner(callback, hook)
            if _is_of_keras(owner, "Callback"):
                continue
            rule = next((rule for name, rule in RULES.items() if _is_of_keras(owner, name)), None)
            reason = "is called for every batch" if rule is None else rule(callback)
            if reason is not None:
                return f"{type(callback).__name__} {reason}"
    return None


def has_batch_hooks(callbacks):
    """Return whether a callback defines a method that is called before or after a batch of training."""
    return _defines_any(callbacks, _BATCH_HOOKS)


def has_validation_hooks(callbacks):
    """Return whether a callback defines a method that is called before or after validation."""
    return _defines_any(callbacks, _VALIDATION_HOOKS)


def _defines_any(callbacks, hooks):
    """Return whether a callback defines one of these methods."""
    owners = (_owner(callback, hook) for callback in _individual(callbacks) for hook in hooks)
    return any(not _is_of_keras(owner, "Callback") for owner in owners)


def check_callbacks_of_members(callbacks: Any, name: str) -> None:
    """Raise for a ``BackupAndRestore``, which would let each network resume the training of the previous one.

    Parameters
    ----------
    callbacks : list, tuple, dict, callback, class of callbacks or None
        Parameter of an estimator with several networks.
    name : str
        Class name of the estimator, for errors.
    """
    if isinstance(callbacks, (list, tuple, dict)):
        for callback in callbacks.values() if isinstance(callbacks, dict) else callbacks:
            check_callbacks_of_members(callback, name)
        return
    cls = callbacks if inspect.isclass(callbacks) else type(callbacks)
    if any(_is_of_keras(base, "BackupAndRestore") for base in cls.__mro__):
        raise ValueError(
            f"The 'callbacks' parameter of {name} must not contain BackupAndRestore with n_members > 1: the networks "
            "would share its folder, and each would resume the training of another one. To resume interrupted fits, "
            "pass skrnn.Checkpoint instead."
        )
    if any(_is_of_keras(base, "CallbackList") for base in cls.__mro__):
        check_callbacks_of_members(list(getattr(callbacks, "callbacks", ())), name)


def callback_list(callbacks, model, *, n_batches, epochs):
    """Return a ``CallbackList`` as in ``keras.Model.fit``."""
    import keras

    return keras.callbacks.CallbackList(
        callbacks, add_history=False, add_progbar=False, model=model, verbose=0, epochs=epochs, steps=n_batches
    )


def callback_list_of_loop(callbacks, model, *, n_batches, epochs):
    """Return the ``CallbackList`` for ``keras.Model.fit``, which is called for batches only if a callback needs it.

    Keras converts the logs of each batch, which waits for the device, and on JAX does so in another thread.
    """
    import keras

    for_training, for_validation = has_batch_hooks(callbacks), _defines_any(callbacks, _VALIDATION_BATCH_HOOKS)

    class Callbacks(keras.callbacks.CallbackList):
        def on_train_batch_begin(self, batch, logs=None):
            if for_training:
                super().on_train_batch_begin(batch, logs)

        def on_train_batch_end(self, batch, logs=None):
            if for_training:
                super().on_train_batch_end(batch, logs)

        def on_test_batch_begin(self, batch, logs=None):
            if for_validation:
                super().on_test_batch_begin(batch, logs)

        def on_test_batch_end(self, batch, logs=None):
            if for_validation:
                super().on_test_batch_end(batch, logs)

    return Callbacks(callbacks, add_history=True, model=model, verbose=0, epochs=epochs, steps=n_batches)


def report_loss(callbacks, n_batches, logs):
    """Call ``TerminateOnNaN`` with the loss of an epoch as that of its last batch."""
    import keras

    for callback in _individual(callbacks):
        if isinstance(callback, keras.callbacks.TerminateOnNaN):
            callback.on_batch_end(n_batches - 1, {"loss": logs["loss"]})


def _individual(callbacks):
    """Yield callbacks, including those inside a ``CallbackList``."""
    import keras

    for callback in callbacks:
        if isinstance(callback, keras.callbacks.CallbackList):
            yield from _individual(callback.callbacks)
        yield callback


def _owner(callback, hook):
    """Return the class that defines a method of a callback, or None if the instance does, as in LambdaCallback."""
    if hook in vars(callback):
        return None
    return next(cls for cls in type(callback).__mro__ if hook in vars(cls))


def _is_of_keras(owner, name):
    return owner is not None and owner.__name__ == name and owner.__module__.startswith("keras.")
