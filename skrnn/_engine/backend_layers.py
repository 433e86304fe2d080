"""Choice of kernels of the backend for recurrent layers that Keras would compute one time step at a time."""

from __future__ import annotations

from typing import Any


def compute_by_backend(model: Any) -> None:
    """Let kernels of the backend compute the recurrent layers of a stock network where Keras does not call them."""
    import keras

    if keras.backend.backend() == "torch":
        from skrnn._engine.torch.keras_layers import compute_by_torch

        compute_by_torch(model)
