"""Weights of samples, classes and time steps, as weights of the terms of the loss."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight

from skrnn._data.checks import check_sample_weights
from skrnn._data.row_labels import positions_dtype
from skrnn._data.targets import valid_in_layout


def loss_weights(sample_weight: Any, sequences: Any, per_step: bool, dtype: str, name: str) -> NDArray[Any]:
    """Return the weight of each sample, or of each time step, which is zero at padded ones.

    Of shape (n_samples,), or (n_samples, n_timesteps).
    """
    weights = check_sample_weights(sample_weight, len(sequences), dtype, name)
    weights = np.broadcast_to(np.dtype(dtype).type(1), len(sequences)) if weights is None else weights
    return np.where(valid_in_layout(sequences), weights[:, None], weights.dtype.type(0)) if per_step else weights


def resolved_class_weight(
    class_weight: Any, y: NDArray[Any], weights: NDArray[Any], classes: NDArray[Any]
) -> list[dict[Any, float]] | None:
    """Return the weights of the classes, a dict for each column of indicators, or one dict for labels; or None.

    "balanced" is computed from the labels with non-zero weight, and then applies to validation data, too. Keys are
    compared with all ``classes``, because validation data and parts of the data may lack some of them.
    """
    if class_weight is None:
        return None
    labels = y[weights > 0]
    is_multilabel = labels.ndim == 2
    columns = labels.T if is_multilabel else [labels]
    if isinstance(class_weight, str):
        class_weight = [class_weight] * len(columns) if is_multilabel else class_weight
    if isinstance(class_weight, list) != is_multilabel or (is_multilabel and len(class_weight) != len(columns)):
        given = f"a list of {len(class_weight)}" if isinstance(class_weight, list) else "a dict"
        expected = f"a list of {len(columns)} dicts, one per label," if is_multilabel else "a dict"
        raise ValueError(f"class_weight must be {expected} or 'balanced' for this y. Got {given} instead.")
    by_column = class_weight if is_multilabel else [class_weight]
    known = [0, 1] if is_multilabel else classes.tolist()
    return [_weight_by_class(given, column, known) for given, column in zip(by_column, columns, strict=True)]


def _weight_by_class(given, labels, classes):
    """Return the weights of the classes of a column as a dict; classes that it does not contain have weight 1."""
    if given is None:
        return {}
    if isinstance(given, str) and given == "balanced":
        found = np.unique(labels)
        return dict(zip(found.tolist(), compute_class_weight("balanced", classes=found, y=labels), strict=True))
    if not isinstance(given, dict):
        raise ValueError(f"class_weight must be a dict, or a list of dicts. Got {given!r} in the list instead.")
    for label, weight in given.items():
        if not isinstance(weight, Real) or not 0 <= float(weight) < np.inf:
            raise ValueError(
                f"class_weight must contain finite, non-negative numbers. Got {weight!r} for class {label!r}."
            )
    known, lacking = set(classes), [label for label in classes if label not in given]
    if lacking and any(label not in known for label in given):  # scikit-learn's rule: one of both may have more
        unknown = [label for label in given if label not in known]
        raise ValueError(
            f"class_weight contains {unknown[:5]}, which are not labels of y; the classes {lacking[:5]} are not in "
            "class_weight."
        )
    return given


def class_weighted(weights: NDArray[Any], y: NDArray[Any], class_weight: list[dict[Any, float]] | None) -> NDArray[Any]:
    """Return the weights multiplied by those of the classes, which `resolved_class_weight` returned."""
    if class_weight is None:
        return weights
    weighted, has_weight = weights.copy(), weights > 0
    labels = y[has_weight]
    # Not scikit-learn's `compute_sample_weight`: version 1.9 reads the label "1" as the number 1.
    product = np.ones(len(labels))
    for column, by_class in zip(labels.T if labels.ndim == 2 else [labels], class_weight, strict=True):
        found, codes = np.unique(column, return_inverse=True)
        product *= np.array([by_class.get(label, 1.0) for label in found.tolist()], dtype=float)[codes]
    weighted[has_weight] *= product
    if not weighted.any():
        raise ValueError(f"class_weight={class_weight!r} gives all samples zero weight.")
    return weighted


def without_missing(weights: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """Return the weights of samples or time steps, zero where all targets are missing."""
    if y.dtype.kind != "f":
        return weights
    is_missing = np.isnan(y).all(axis=tuple(range(weights.ndim, y.ndim)))
    if not is_missing.any():
        return weights
    weights = np.where(is_missing, weights.dtype.type(0), weights)
    if not weights.any():
        raise ValueError("Input y contains only NaN where the weight is not zero. Check y and sample_weight.")
    return weights


def samples_with_weight(weights: NDArray[Any]) -> NDArray[Any]:
    """Return the positions of the samples with non-zero weight; the others are ignored."""
    positions = np.flatnonzero(weights.reshape(len(weights), -1).any(axis=1))
    return positions.astype(positions_dtype(len(weights)))


def relative(weights: NDArray[Any]) -> NDArray[Any]:
    """Return weights divided by their mean: only ratios matter, and tiny or huge weights would be lost in float32."""
    has_weight = weights > 0
    non_zero = weights if has_weight.all() else weights[has_weight]
    return weights / non_zero.mean(dtype=np.float64) if len(non_zero) else weights


def check_totals(training: Any, validation: Any, name: str) -> None:
    """Raise if no term of a dataset has a non-zero weight, so that its loss is undefined."""
    for part, dataset in (("training", training), ("validation", validation)):
        if dataset is not None and not (len(dataset) and dataset.mean_weight):
            raise ValueError(
                f"The {part} data of {name} have zero total weight, so that their loss is undefined. Check "
                "sample_weight, class_weight, validation_split and missing targets."
            )
