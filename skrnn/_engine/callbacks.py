"""Keras callbacks of a fit by native kernels, which return once an epoch; which of them need more than that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
_VALIDATION_HOOKS = ("on_test_begin", "on_test_end")
_VALIDATION_BATCH_HOOKS = ("on_test_batch_begin", "on_test_batch_end")


def _if_it_saves(callback):
    return None if callback.save_freq == "epoch" else "saves between batches"


def _if_it_logs(callback):
    if callback.update_freq != "epoch":
        return "logs between batches"
    return "profiles batches" if callback._should_trace else None


# Keras's own classes that define hooks for batches, and what says why an instance needs these; None where it does not.
# Those of Keras 3.6 to 3.15. Others of its classes define no such hook.
RULES: dict[str, Callable[[Any], str | None]] = {
    "BackupAndRestore": _if_it_saves,
    "ModelCheckpoint": _if_it_saves,
    "OrbaxCheckpoint": _if_it_saves,
    # With write_graph, Keras's loop adds the operations of its training function, which native fits do not have.
    "TensorBoard": _if_it_logs,
    # Fits tell callbacks that Keras's verbosity is 0, at which it shows nothing; `verbose` has a progress line instead.
    "ProgbarLogger": lambda callback: None,
    # `watch_losses` calls it once an epoch: the loss of an epoch is NaN or infinite if that of any of its batches is.
    "TerminateOnNaN": lambda callback: None,
    # Passes hooks on; `_single` looks at those that it holds instead.
    "CallbackList": lambda callback: None,
}


def callback_reason(callbacks, validates):
    """Say which callback wants to be called more often than once an epoch, or None where none does.

    Parameters
    ----------
    callbacks : list of keras.callbacks.Callback
    validates : bool
        Whether there are validation data, for the batches of which some have hooks, too.
    """
    hooks = (*_BATCH_HOOKS, *(_VALIDATION_BATCH_HOOKS if validates else ()))
    for callback in _single(callbacks):
        for hook in hooks:
            owner = _owner(callback, hook)
            if _is_of_keras(owner, "Callback"):
                continue
            rule = next((rule for name, rule in RULES.items() if _is_of_keras(owner, name)), None)
            reason = "is called for every batch" if rule is None else rule(callback)
            if reason is not None:
                return f"{type(callback).__name__} {reason}"
    return None


def has_validation_hooks(callbacks):
    """Whether a callback is called before or after a pass over the validation data."""
    return any(
        not _is_of_keras(_owner(callback, hook), "Callback")
        for callback in _single(callbacks)
        for hook in _VALIDATION_HOOKS
    )


def callback_list(callbacks, model, *, n_batches, epochs):
    """Return the list that calls callbacks as that of ``keras.Model.fit`` does."""
    import keras

    return keras.callbacks.CallbackList(
        callbacks, add_history=False, add_progbar=False, model=model, verbose=0, epochs=epochs, steps=n_batches
    )


def watch_losses(callbacks, n_batches, logs):
    """Let callbacks that look for a loss of NaN see that of an epoch, as if its last batch had it."""
    import keras

    for callback in _single(callbacks):
        if isinstance(callback, keras.callbacks.TerminateOnNaN):
            callback.on_batch_end(n_batches - 1, {"loss": logs["loss"]})


def _single(callbacks):
    """Yield callbacks, and for lists of Keras's kind among them, those that they hold."""
    import keras

    for callback in callbacks:
        if isinstance(callback, keras.callbacks.CallbackList):
            yield from _single(callback.callbacks)
        yield callback


def _owner(callback, hook):
    """Return the class that defines a hook of a callback; None where the instance does, as LambdaCallback's do."""
    if hook in vars(callback):
        return None
    return next(cls for cls in type(callback).__mro__ if hook in vars(cls))


def _is_of_keras(owner, name):
    return owner is not None and owner.__name__ == name and owner.__module__.startswith("keras.")
