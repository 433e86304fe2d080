"""Error for a fit or prediction that runs out of memory."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from skrnn._common.guide import see


@contextlib.contextmanager
def memory_error(name: str, batch_size: int, n_timesteps: int, remedy: str) -> Iterator[None]:
    """Raise MemoryError with the size of the batches if numpy, TensorFlow or torch runs out of memory."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, _error_classes()):
            raise
        raise MemoryError(
            f"{name} ran out of memory with batches of {batch_size} sequences of {n_timesteps} time steps. {remedy}"
            + see("speed", "memory")
        ) from error


def _error_classes():
    """Return the errors for exhausted memory; those of TensorFlow and torch exist only after their import."""
    tensorflow: Any
    torch: Any
    tensorflow, torch = sys.modules.get("tensorflow"), sys.modules.get("torch")
    classes = [MemoryError]
    if hasattr(tensorflow, "errors"):
        classes.append(tensorflow.errors.ResourceExhaustedError)
    if hasattr(torch, "cuda") and hasattr(torch.cuda, "OutOfMemoryError"):
        classes.append(torch.cuda.OutOfMemoryError)
    return tuple(classes)
