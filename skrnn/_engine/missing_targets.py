"""Missing targets in losses and metrics of Keras, and in metrics of native fits: each element is left out by itself."""

from __future__ import annotations

from typing import Any

from skrnn._engine.dataset import Dataset
from skrnn._engine.keras_loss import loss_per_row
from skrnn._engine.loss_targets import ELEMENTWISE, keras_name
from skrnn._engine.metrics import as_list

_METRICS = (ELEMENTWISE - {"gaussian", "quantile"}) | {"log_cosh_error", "root_mean_squared_error"}


def any_missing(*datasets: Dataset | None) -> bool:
    """Return whether targets of any dataset are missing."""
    return any(dataset is not None and dataset.has_missing_targets for dataset in datasets)


def check_metrics_of_missing(metrics: Any, n_targets: int, name: str) -> None:
    """Raise for metrics of several targets that are not means over elements, from which missing ones are left out.

    With a single target, all metrics are computed from the rows that have a target.
    """
    for metric in as_list(metrics):
        if n_targets > 1 and keras_name(metric) not in _METRICS:
            raise ValueError(
                f"The 'metrics' parameter of {name} holds {metric!r}, which does not accept missing targets of several "
                f"outputs, but y contains NaN. Use one of {', '.join(sorted(_METRICS))}."
            )


def loss_without_missing(loss: Any) -> Any:
    """Return an elementwise loss of Keras, per row, as a function in which the loss of a missing target is zero."""

    def masked(y_true: Any, y_pred: Any) -> Any:
        from keras import ops

        y, p, is_valid = _elements(y_true, y_pred)
        return ops.mean(ops.where(is_valid, loss_per_row(loss, y, p), 0), axis=-1)

    return masked


def compute_without_missing(network: Any) -> None:
    """Let a network compute its metrics from the elements of the targets that are not missing."""
    compute = network.compute_metrics

    def compute_metrics(x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        from keras import ops

        y, p, is_valid = _elements(y, y_pred)
        weights = ops.cast(is_valid, p.dtype)
        if sample_weight is not None:
            weights = weights * ops.cast(sample_weight, p.dtype)[..., None]
        y, p = (ops.reshape(array, (-1, array.shape[-1])) for array in (y, p))
        return compute(x, y, p, ops.reshape(weights, (-1,)))

    network.compute_metrics = compute_metrics


def _elements(y, p):
    """Return targets (..., n_targets, 1), outputs (..., n_targets, outputs per target), and the mask of valid targets.

    Where a target is missing, both are 1: with zero weight alone, a loss that is NaN, or has no gradient, would remain
    NaN.
    """
    from keras import ops

    y, n_targets = ops.cast(y, p.dtype), y.shape[-1]
    p = ops.reshape(p, (*ops.shape(p)[:-1], p.shape[-1] // n_targets, n_targets))
    y, p = y[..., None], ops.swapaxes(p, -1, -2)
    is_valid = ops.logical_not(ops.isnan(y))
    return ops.where(is_valid, y, 1), ops.where(is_valid, p, 1), is_valid[..., 0]
