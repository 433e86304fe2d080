"""Metrics in the history of a native fit, computed once per epoch from the outputs for all rows.

Metrics of Keras that are means over rows are computed here if they are given by name; Keras computes all others.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._common.nearest import nearest
from skrnn._engine.keras_metrics import KerasMetrics
from skrnn._engine.loss_targets import SHORT_NAMES
from skrnn._engine.losses import NativeLoss, native_loss
from skrnn._engine.native.library import LIBRARIES
from skrnn._engine.other_libraries import check_metric_library, metric_remedy

# Classes of Keras's metrics; the installed version may lack the newest ones.
CLASSES = (
    "AUC", "Accuracy", "BinaryAccuracy", "BinaryCrossentropy", "BinaryIoU", "CategoricalAccuracy",
    "CategoricalCrossentropy", "CategoricalHinge", "ConcordanceCorrelation", "CosineSimilarity", "F1Score",
    "FBetaScore", "FalseNegatives", "FalsePositives", "Hinge", "IoU", "KLDivergence", "LogCoshError", "Mean",
    "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanIoU", "MeanMetricWrapper", "MeanSquaredError",
    "MeanSquaredLogarithmicError", "Metric", "OneHotIoU", "OneHotMeanIoU", "PearsonCorrelation", "Poisson",
    "Precision", "PrecisionAtRecall", "R2Score", "Recall", "RecallAtPrecision", "RootMeanSquaredError",
    "SensitivityAtSpecificity", "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy", "SpecificityAtSensitivity", "SquaredHinge", "Sum", "TopKCategoricalAccuracy",
    "TrueNegatives", "TruePositives",
)  # fmt: skip
_SHORT = ("bce", "mse", "mae", "mape", "msle")
_OF_COMPILE = ("accuracy", "acc")  # the accuracy that matches the outputs


def _names():
    """Return the full name in snake case for each accepted name."""
    names = {name: re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])", "_", name).lower() for name in CLASSES}
    names |= {long: long for long in names.values()}
    short = {name: SHORT_NAMES[name] for name in _SHORT}
    return names | short | {name.upper(): long for name, long in short.items()}


NAMES: dict[str, str] = _names()


def check_metric_names(metrics: Any, name: str) -> None:
    """Raise if a name is not that of one of Keras's metrics, or if a metric is one of another library.

    Parameters
    ----------
    metrics : str, list, tuple, callable or None
        Parameter of the estimator.
    name : str
        Class name of the estimator, for errors.
    """
    for metric in as_list(metrics):
        if isinstance(metric, str) and metric not in NAMES and metric not in _OF_COMPILE:
            raise unknown_metric(metric, name)
        check_metric_library(metric, name)


def unknown_metric(metric: str, name: str) -> ValueError:
    """Return the error for a name that is not that of a metric, with the closest valid name."""
    return ValueError(
        f"The 'metrics' parameter of {name} must hold names that Keras knows, or metrics. Got {metric!r} instead."
        f"{metric_remedy(metric) or nearest(metric, {*NAMES, *_OF_COMPILE})}"
    )


def make_metrics(
    metrics: Any, *, activation: str | None, n_outputs: int, targets_dtype: Any, dtype: str, name: str
) -> list[Any]:
    """Return objects that compute the metrics of an epoch.

    Parameters
    ----------
    metrics : str, list, tuple, callable or None
        Parameter of the estimator.
    activation : {"sigmoid", "softmax"} or None
        Activation of the output layer.
    n_outputs : int
        Number of units of the output layer.
    targets_dtype : dtype
        Dtype of the targets. Integers are class indices.
    dtype : {"float32", "float64"}
        Dtype of the outputs.
    name : str
        Class name of the estimator, for errors.

    Returns
    -------
    list of objects
        Each has a method ``compute(y, p, w, z=None)``, which returns a dict of names and values. Its arguments are
        targets of shape (n_rows, 1) if they are class indices, else (n_rows, n_outputs), outputs of shape (n_rows,
        n_outputs), weights of shape (n_rows,) and, optionally, the logits of the outputs. Without logits,
        cross-entropies clip the outputs.

    Raises
    ------
    ValueError
        If a name is not that of one of Keras's metrics, or if a metric cannot be computed for the outputs or is not
        a single number.
    """
    check_metric_names(metrics, name)
    metrics = as_list(metrics)
    if not metrics:
        return []
    n_columns = 1 if np.dtype(targets_dtype).kind in "iu" else n_outputs
    functions = [_native(metric, activation, n_columns, n_outputs) for metric in metrics]
    if None in functions:
        return [KerasMetrics(metrics, activation, n_columns, n_outputs, np.dtype(targets_dtype), dtype, name)]
    return [NativeMetrics(dict(zip(_unique(metrics), functions, strict=True)))]


def as_list(metrics: Any) -> list[Any]:
    """Return the metrics parameter as a list."""
    if metrics is None:
        return []
    return list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]


def _unique(names):
    """Return the names under which Keras reports weighted metrics, in which none occurs twice."""
    seen: Counter[str] = Counter()
    unique = []
    for name in names:
        if name in seen:
            weighted = f"weighted_{name}"
            name = f"{weighted}_{seen[weighted]}" if weighted in seen else weighted
            seen[weighted] += 1
        else:
            seen[name] += 1
        unique.append(name)
    return unique


class NativeMetrics:
    """Metrics computed without Keras.

    Parameters
    ----------
    functions : dict of str to callable
        Name in the history to ``function(y, p, w, z)``.
    """

    def __init__(self, functions: dict[str, Any]) -> None:
        self._functions = functions

    def compute(self, y: NDArray[Any], p: NDArray[Any], w: NDArray[Any], z: Any = None) -> dict[str, float]:
        """Return the value of each metric."""
        y, w = y.astype(p.dtype, copy=False), w.astype(p.dtype, copy=False)
        arrays = [None if a is None else np.ascontiguousarray(a) for a in (y, p, w, z)]
        return {name: float(function(*arrays)) for name, function in self._functions.items()}


def _native(metric, activation, n_columns, n_outputs):
    """Return the function that computes a metric, or None if Keras has to compute or reject it."""
    if not isinstance(metric, str):
        return None
    long_name = NAMES.get(metric, metric)
    if long_name in _OF_COMPILE:
        is_sparse = n_columns == 1 and n_outputs > 1
        kind = "binary" if n_outputs == 1 else "sparse_categorical" if is_sparse else "categorical"
        long_name = f"{kind}_accuracy"
    of_indices = long_name.startswith("sparse_")
    if n_columns != (1 if of_indices else n_outputs):
        return None
    if long_name.endswith("categorical_crossentropy") and n_outputs == 1:
        return None
    if long_name in _ACCURACIES:
        return partial(_mean, _ACCURACIES[long_name])
    if long_name == "root_mean_squared_error":
        return lambda y, p, w, z: np.sqrt(_mean_loss("mean_squared_error", None, y, p, w, z))
    if long_name == "cosine_similarity":
        return lambda y, p, w, z: -_mean_loss("cosine_similarity", None, y, p, w, z)
    loss = "log_cosh" if long_name == "log_cosh_error" else long_name
    if loss in ("hinge", "squared_hinge"):
        return partial(_mean_hinge, loss)
    return partial(_mean_loss, loss, activation) if native_loss(loss, {}, None) else None


def _binary_accuracy(y, p):
    return ((p > 0.5) == y).mean(axis=1)


def _categorical_accuracy(y, p):
    return y.argmax(axis=1) == p.argmax(axis=1)


def _sparse_categorical_accuracy(y, p):
    return y[:, 0] == p.argmax(axis=1)


_ACCURACIES = {
    "binary_accuracy": _binary_accuracy,
    "categorical_accuracy": _categorical_accuracy,
    "sparse_categorical_accuracy": _sparse_categorical_accuracy,
}


def _mean(function, y, p, w, z):
    """Return the weighted mean over rows of the values of a function."""
    total = w.sum(dtype=np.float64)
    return (function(y, p) * w).sum(dtype=np.float64) / total if total else 0.0


def _mean_loss(loss, activation, y, p, w, z):
    """Return the weighted mean of a loss."""
    native = native_loss(loss, {}, activation if z is not None else None)
    if native is None:  # Keras does not compute this loss from the logits of this activation
        native = native_loss(loss, {}, None)
    return _mean_of_kernel(native, y, p, w, z)


def _mean_hinge(loss, y, p, w, z):
    """Return the weighted mean of a hinge loss; targets that are all 0 or 1 are converted to -1 and 1."""
    return _mean_of_kernel(NativeLoss(f"loss_{loss}", False, (float(np.isin(y, (0, 1)).all()),)), y, p, w, z)


def _mean_of_kernel(loss, y, p, w, z):
    total = w.sum(dtype=np.float64)
    parameters = np.array(loss.parameters, dtype=np.float64)
    pointers = [array.ctypes.data for array in (p, p if z is None else z, y, w, p)]
    sizes = len(p), p.shape[1], p.shape[1], y.shape[1]
    kernel = LIBRARIES[p.dtype.name].function(loss.kernel)
    weighted = kernel(*pointers, *sizes, False, 1.0, parameters.ctypes.data)
    return weighted / total if total else 0.0
