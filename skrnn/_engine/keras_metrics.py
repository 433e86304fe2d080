"""Metrics computed by Keras: during its training loop, or after an epoch of native kernels."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._engine.distribution_losses import DistributionLoss
from skrnn._engine.keras_dtype_policy import default_dtype_policy

_CHUNK_SIZE = 1024  # number of rows


def metric_list(metrics):
    """Return the metrics parameter as a list, with a copy of each instance, because metrics have state."""
    if metrics is None:
        return []
    metrics = list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]
    is_instance = [hasattr(m, "get_config") and not inspect.isclass(m) for m in metrics]
    return [type(m).from_config(m.get_config()) if made else m for m, made in zip(metrics, is_instance, strict=True)]


def check_computed(compute: Callable[[], dict[str, Any]], metrics: Any, name: str) -> None:
    """Raise if ``compute()`` fails, or returns a metric that is not a single number."""
    try:
        results = compute()
    except Exception as error:  # the type depends on the backend of Keras
        raise ValueError(
            f"The 'metrics' parameter of {name} holds one that cannot be computed for its outputs. A function must "
            f"return one value per sample, or per time step. Got {metrics!r}: {error}"
        ) from error
    for metric, value in results.items():
        if np.ndim(value):
            raise ValueError(
                f"The 'metrics' parameter of {name} holds {metric!r}, which has several values, but history_ holds one "
                "per epoch. Set its average, or pass a metric for each value."
            )


def compute_of_predictions(network: Any, loss: DistributionLoss) -> None:
    """Let a network compute its metrics from point predictions instead of its outputs."""
    import keras

    compute = network.compute_metrics

    def compute_metrics(x, y, y_pred, sample_weight=None):
        return compute(x, y, loss.point(y_pred, keras.ops), sample_weight)

    network.compute_metrics = compute_metrics


def built_metrics(network: Any, target_shape: tuple[int, ...]) -> list[Any]:
    """Return the metrics of a compiled network, whose variables are created by an update that is then reset."""
    y = np.zeros(target_shape, dtype="float32")
    outputs = np.zeros((*target_shape[:-1], network.output.shape[-1]), dtype=network.output.dtype)
    network.compute_metrics(None, y, outputs, np.ones(target_shape[:-1], dtype="float32"))
    network.reset_metrics()
    return [metric for metric in network.metrics if metric.name != "loss"]


class KerasMetrics:
    """Metrics computed by Keras, in chunks of rows.

    Parameters
    ----------
    metrics : list
        Names, functions, classes and instances.
    activation, n_outputs, targets_dtype, dtype, name
        As in `skrnn._engine.metrics.make_metrics`.
    n_columns : int
        Number of columns of the targets.
    """

    def __init__(
        self,
        metrics: list[Any],
        activation: str | None,
        n_columns: int,
        n_outputs: int,
        targets_dtype: Any,
        dtype: str,
        name: str,
    ) -> None:
        with default_dtype_policy():
            self._activation, self._network = activation, _identity_model(metrics, n_outputs)
            p, w = np.zeros((2, n_outputs), dtype), np.ones(2, dtype)
            y = np.zeros((2, n_columns), targets_dtype)
            check_computed(lambda: self._update(y, p, w), metrics, name)

    def compute(self, y: NDArray[Any], p: NDArray[Any], w: NDArray[Any], z: Any = None) -> dict[str, float]:
        """Return the value of each metric."""
        arrays = (y, p, w) if z is None else (y, p, w, z)
        results: dict[str, Any] = {}
        with default_dtype_policy():
            self._network.reset_metrics()
            for start in range(0, len(p), _CHUNK_SIZE):
                results = self._update(*(array[start : start + _CHUNK_SIZE] for array in arrays))
        return {name: float(value) for name, value in results.items()}

    def _update(self, y, p, w, z=None):
        """Update the metrics with rows, and return their current values."""
        import keras

        y, p, w = map(keras.ops.convert_to_tensor, (y, p, w))
        if z is not None and self._activation is not None:
            p = keras.activations.get(self._activation)(keras.ops.convert_to_tensor(z))  # keeps its logits for the loss
        self._network.compute_metrics(None, y, p, w)
        results = next(metric for metric in self._network.metrics if metric.name != "loss").result()
        return {name: np.asarray(value) for name, value in results.items()}  # in the order of the parameter


def _identity_model(metrics, n_outputs):
    """Return a compiled model with the metrics, which passes its inputs on."""
    import keras

    inputs = keras.Input((n_outputs,))
    model = keras.Model(inputs, keras.layers.Identity()(inputs))
    model.compile(optimizer="sgd", weighted_metrics=metric_list(metrics), jit_compile=False, auto_scale_loss=False)
    return model
