"""Callbacks of the second training of ``refit_full``, which has no validation data."""

from __future__ import annotations

import contextlib
import string
from collections.abc import Iterator
from typing import Any


def callbacks_of_refit(callbacks: list[Any]) -> list[Any]:
    """Return the callbacks that can be called in a second training, which has no validation data.

    Without validation values, a ``ModelCheckpoint`` that chooses or names models by them would raise, or replace the
    best model by later ones; ``BackupAndRestore`` would resume the first training. The callbacks in a ``CallbackList``
    take its place.
    """
    import keras

    kept: list[Any] = []
    for callback in callbacks:
        if isinstance(callback, keras.callbacks.CallbackList):
            kept += callbacks_of_refit(callback.callbacks)
        elif isinstance(callback, keras.callbacks.BackupAndRestore):
            continue
        elif not any(name.startswith("val_") for name in _names_to_save_by(callback)):
            kept.append(callback)
    return kept


@contextlib.contextmanager
def no_validation_values(name: str) -> Iterator[None]:
    """Explain the error of a callback that reads a validation value in a second training, which has none."""
    try:
        yield
    except KeyError as error:
        key = error.args[0] if error.args else None
        if not (isinstance(key, str) and key.startswith("val_")):
            raise
        raise ValueError(
            f"A callback of {name} reads logs[{key!r}], but in the second training of refit_full=True, on all samples, "
            f"no validation values are passed to callbacks. Use logs.get({key!r}), which returns None in this "
            "training, or set refit_full=False."
        ) from error


def _names_to_save_by(callback: Any) -> list[str]:
    """Return the logged values that determine whether and under which name a callback saves a model."""
    import keras

    orbax = getattr(keras.callbacks, "OrbaxCheckpoint", keras.callbacks.ModelCheckpoint)  # missing in Keras 3.6
    if not isinstance(callback, (keras.callbacks.ModelCheckpoint, orbax)):
        return []
    names = [name for _, name, _, _ in string.Formatter().parse(getattr(callback, "filepath", "")) if name]
    return [*names, callback.monitor] if callback.save_best_only else names
