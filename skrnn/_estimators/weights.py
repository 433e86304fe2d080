"""Weights of samples, of classes and of time steps, as weights of the terms of the loss."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from skrnn._data.checks import check_sample_weights
from skrnn._data.targets import valid_in_layout


def sample_weights(sample_weight: Any, sequences: Any, per_step: bool, dtype: str, name: str) -> NDArray[Any]:
    """Return the weights of samples, (n_samples,), or of time steps, (n_samples, n_timesteps), zero at padded ones."""
    weights = check_sample_weights(sample_weight, len(sequences), dtype, name)
    weights = np.ones(len(sequences), dtype=dtype) if weights is None else weights
    return np.where(valid_in_layout(sequences), weights[:, None], weights.dtype.type(0)) if per_step else weights


def resolved_class_weight(class_weight: Any, y: NDArray[Any], weights: NDArray[Any]) -> Any:
    """Return the weight of each class: a dict, or for indicators of several labels a list of dicts; None for none.

    "balanced" counts the labels that have a weight: those of the training data, for which it stands then.
    """
    for given in class_weight if isinstance(class_weight, list) else [class_weight]:
        for label, weight in given.items() if isinstance(given, dict) else ():
            if not isinstance(weight, Real) or not 0 <= float(weight) < np.inf:
                raise ValueError(
                    f"class_weight must hold finite numbers that are not negative. Got {weight!r} for class {label!r}."
                )
    if not isinstance(class_weight, str):
        return class_weight
    labels = y[weights > 0]
    return [_balanced(column) for column in labels.T] if labels.ndim == 2 else _balanced(labels)


def _balanced(labels):
    classes = np.unique(labels)
    return dict(zip(classes.tolist(), compute_class_weight("balanced", classes=classes, y=labels), strict=True))


def class_weighted(weights: NDArray[Any], y: NDArray[Any], class_weight: Any) -> NDArray[Any]:
    """Return the weights times those of the classes; ``class_weight`` is resolved."""
    if class_weight is None:
        return weights
    weighted, counts = weights.copy(), weights > 0
    weighted[counts] *= compute_sample_weight(class_weight, y[counts])
    if not weighted.any():
        raise ValueError(f"class_weight={class_weight!r} leaves no sample a weight above zero.")
    return weighted


def relative(weights: NDArray[Any]) -> NDArray[Any]:
    """Return weights of mean one: only their ratios count, and tiny or huge ones would be lost in float32."""
    counted = weights[weights > 0]
    return weights / counted.mean(dtype=np.float64) if len(counted) else weights


def check_total(dataset: Any, what: str, name: str) -> None:
    """Raise where no term of a part of the data has a weight, so that its loss is not defined."""
    if dataset is not None and not (len(dataset) and dataset.mean_weight):
        raise ValueError(
            f"The {what} data of {name} have no weight above zero, so that their loss is not defined. Look at "
            "sample_weight and class_weight, and at what validation_split holds out."
        )
