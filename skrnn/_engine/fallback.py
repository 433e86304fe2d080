"""Whether Keras's built-in loop or another engine runs a network, determined without importing Keras."""

from __future__ import annotations

import functools
import os
import sys
from typing import Any

from skrnn._engine.cells import CELLS

# "keras" for Keras's built-in loop, "native" for kernels on the CPU, "torch" for torch, on a GPU if there is one
ENGINE_VARIABLE = "SKRNN_ENGINE"
_ENGINES = ("keras", "native", "torch")


def fallback_reason(spec: Any) -> str | None:
    """Return the reason why Keras trains and predicts with a network, or None if native kernels or torch do."""
    if callable(spec.cell):
        return "the cell is a callable"
    if CELLS[spec.cell].native is None:
        return f"the cell {spec.cell!r} has no kernel"
    return process_reason()


def chosen_engine() -> str:
    """Return the engine that the environment sets, or "" if it does not.

    Raises
    ------
    ValueError
        If there is no such engine.
    """
    engine = os.environ.get(ENGINE_VARIABLE, "")
    if engine and engine not in _ENGINES:
        raise ValueError(
            f"The environment variable {ENGINE_VARIABLE} must be one of {', '.join(_ENGINES)}, or not be set. Got "
            f"{engine!r} instead."
        )
    return engine


def process_reason():
    """Return the reason why Keras runs all networks of this process, or None."""
    engine = chosen_engine()
    if engine == "keras":
        return f"the environment sets {ENGINE_VARIABLE}=keras"
    if n_replicas() > 1:
        return "a strategy of tf.distribute is in scope"
    if not engine and has_gpu():
        return "TensorFlow has a GPU"
    return None


def n_replicas() -> int:
    """Return the number of devices that share each batch: one, unless a ``tf.distribute`` strategy is in scope."""
    tensorflow: Any = sys.modules.get("tensorflow")
    if not hasattr(tensorflow, "distribute"):  # not imported, or still being imported
        return 1
    return int(tensorflow.distribute.get_strategy().num_replicas_in_sync)


def has_gpu() -> bool:
    """Return whether TensorFlow is imported as Keras's backend and has a GPU."""
    keras: Any = sys.modules.get("keras")
    tensorflow: Any = sys.modules.get("tensorflow")
    if not hasattr(tensorflow, "config") or not hasattr(keras, "backend"):
        return False
    return keras.backend.backend() == "tensorflow" and _tensorflow_has_gpu()


@functools.cache
def _tensorflow_has_gpu():
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
