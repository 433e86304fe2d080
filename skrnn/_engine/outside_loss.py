"""Losses that have no kernel: Keras computes them, and their gradients, from the outputs of a whole batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._engine.keras_defaults import keras_defaults


class OutsideLoss:
    """A loss of Keras's kind, or one's own, beside native kernels.

    Parameters
    ----------
    loss : str, callable or keras.losses.Loss
        As Keras takes it.
    """

    def __init__(self, loss: Any) -> None:
        with keras_defaults():
            import keras
            import tensorflow as tf

            self._loss = keras.losses.get(loss)
        # Compiled as Keras would, for each shape of batch.
        self._value = tf.function(self._weighted, autograph=False)
        self._with_gradient = tf.function(self._weighted_with_gradient, autograph=False)

    def value(self, y: NDArray[Any], p: NDArray[Any], weights: NDArray[Any], mean_weight: float) -> float:
        """Return the loss of a batch: targets, outputs and weights of its samples, or of their steps."""
        with keras_defaults():
            return float(self._value(y, p, weights, np.asarray(mean_weight, p.dtype)))

    def value_and_gradient(
        self, y: NDArray[Any], p: NDArray[Any], weights: NDArray[Any], mean_weight: float
    ) -> tuple[float, NDArray[Any]]:
        """Return the loss of a batch, and its gradient with respect to the outputs."""
        with keras_defaults():
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
    """Return the weighted sum of a loss over samples, or over their steps."""
    import keras

    losses = loss_per_row(loss, y, p)
    # A loss of one's own may return a value for each output, for each sample, or for the whole batch.
    while losses.ndim > weights.ndim:
        losses = keras.ops.mean(losses, axis=-1)
    while 0 < losses.ndim < weights.ndim:
        losses = losses[..., None]
    return keras.ops.sum(losses * keras.ops.cast(weights, losses.dtype))


def loss_per_row(loss: Any, y: Any, p: Any) -> Any:
    """Return values of a Keras loss, not reduced over samples and time steps."""
    import keras

    loss = keras.losses.get(loss)
    return loss.call(y, p) if isinstance(loss, keras.losses.Loss) else loss(y, p)


def sees_absent_steps(loss: Any, targets: NDArray[Any], spec: Any) -> bool:
    """Return whether a loss of every step's outputs may be less than a value for each, so that absent ones count."""
    y, p = np.repeat(targets[:1], 6, axis=0), np.full((6, spec.n_outputs), 0.5, spec.dtype)
    with keras_defaults():
        import keras

        y, p = (keras.ops.convert_to_tensor(array.reshape(2, 3, -1)) for array in (y, p))
        try:
            return len(loss_per_row(loss, y, p).shape) < 2
        except Exception:  # it may want more steps
            return True


def outside_reason() -> str | None:
    """Return why losses cannot be computed beside native kernels, or None where they can."""
    import keras

    backend = keras.backend.backend()
    return None if backend == "tensorflow" else f"the loss has no kernel, and the backend of Keras is {backend}"
