"""Error for a fit or prediction that runs out of memory."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from skrnn._common.guide import see


@contextlib.contextmanager
def memory_error(name: str, batch_size: int, n_timesteps: int, remedy: str) -> Iterator[None]:
    """Raise MemoryError with the size of the batches if numpy or TensorFlow runs out of memory."""
    try:
        yield
    except Exception as error:  # TensorFlow's error class exists only after its import
        tensorflow = sys.modules.get("tensorflow")
        if not isinstance(error, (MemoryError, *([tensorflow.errors.ResourceExhaustedError] if tensorflow else []))):
            raise
        raise MemoryError(
            f"{name} ran out of memory with batches of {batch_size} sequences of {n_timesteps} time steps. {remedy}"
            + see("speed", "memory")
        ) from error
