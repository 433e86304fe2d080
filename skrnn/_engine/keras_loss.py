"""Losses without a kernel: Keras computes them and their gradients from the outputs of native kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._engine.keras_dtype_policy import default_dtype_policy


class KerasLoss:
    """Loss of Keras, or a custom one, for the outputs of a batch.

    Parameters
    ----------
    loss : str, callable or keras.losses.Loss
        Loss as in ``keras.Model.compile``.
    """

    def __init__(self, loss: Any) -> None:
        with default_dtype_policy():
            import keras
            import tensorflow as tf

            self._loss = keras.losses.get(loss)
        # Traced for each batch shape, as in Keras's loop.
        self._value = tf.function(self._weighted, autograph=False)
        self._with_gradient = tf.function(self._weighted_with_gradient, autograph=False)

    def value(self, y: NDArray[Any], p: NDArray[Any], weights: NDArray[Any], mean_weight: float) -> float:
        """Return the loss of a batch, given its targets, its outputs, and weights of samples or time steps."""
        with default_dtype_policy():
            return float(self._value(y, p, weights, np.asarray(mean_weight, p.dtype)))

    def value_and_gradient(
        self, y: NDArray[Any], p: NDArray[Any], weights: NDArray[Any], mean_weight: float
    ) -> tuple[float, NDArray[Any]]:
        """Return the loss of a batch and its gradient with respect to the outputs."""
        with default_dtype_policy():
            value, gradient = self._with_gradient(y, p, weights, np.asarray(mean_weight, p.dtype))
            return float(value), gradient.numpy()

    def _weighted(self, y, p, weights, mean_weight):
        import keras

        n_samples = keras.ops.cast(keras.ops.shape(weights)[0], p.dtype)
        return weighted_sum(self._loss, y, p, weights) / (n_samples * mean_weight)

    def _weighted_with_gradient(self, y, p, weights, mean_weight):
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(p)
            value = self._weighted(y, p, weights, mean_weight)
        gradient = tape.gradient(value, p)
        return value, tf.zeros_like(p) if gradient is None else tf.convert_to_tensor(gradient)


def weighted_sum(loss: Any, y: Any, p: Any, weights: Any) -> Any:
    """Return the weighted sum of a loss over samples, or over samples and time steps."""
    import keras

    losses = loss_per_row(loss, y, p)
    # A custom loss may return one value per output, per sample, or for the whole batch.
    while losses.ndim > weights.ndim:
        losses = keras.ops.mean(losses, axis=-1)
    while 0 < losses.ndim < weights.ndim:
        losses = losses[..., None]
    return keras.ops.sum(losses * keras.ops.cast(weights, losses.dtype))


def loss_per_row(loss: Any, y: Any, p: Any) -> Any:
    """Return the values of a Keras loss, not reduced over samples and time steps."""
    import keras

    loss = keras.losses.get(loss)
    return loss.call(y, p) if isinstance(loss, keras.losses.Loss) else loss(y, p)


def depends_on_padding(loss: Any, targets: NDArray[Any], spec: Any) -> bool:
    """Return whether a loss may not be one value per time step, so that masked time steps can affect it."""
    y, p = np.repeat(targets[:1], 6, axis=0), np.full((6, spec.n_outputs), 0.5, spec.dtype)
    with default_dtype_policy():
        import keras

        y, p = (keras.ops.convert_to_tensor(array.reshape(2, 3, -1)) for array in (y, p))
        try:
            return len(loss_per_row(loss, y, p).shape) < 2
        except Exception:  # it may need more time steps than are tried here, so assume that it depends on them
            return True


def keras_loss_reason() -> str | None:
    """Return the reason why Keras cannot compute losses for native kernels, or None if it can."""
    import keras

    backend = keras.backend.backend()
    return None if backend == "tensorflow" else f"the loss has no kernel, and the backend of Keras is {backend}"
