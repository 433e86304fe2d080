"""What a fit says that runs out of memory."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from skrnn._common.guide import see


@contextlib.contextmanager
def memory_error(name: str, batch_size: int, n_timesteps: int, remedy: str) -> Iterator[None]:
    """Say of which batches the memory ran out, whoever noticed: numpy or TensorFlow."""
    try:
        yield
    except Exception as error:  # what TensorFlow raises has no class before it is imported; all else goes on below
        tensorflow = sys.modules.get("tensorflow")
        if not isinstance(error, (MemoryError, *([tensorflow.errors.ResourceExhaustedError] if tensorflow else []))):
            raise
        raise MemoryError(
            f"{name} ran out of memory with batches of {batch_size} sequences of {n_timesteps} time steps. {remedy}"
            + see("speed", "memory")
        ) from error
