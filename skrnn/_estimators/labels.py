"""Checks of class labels."""

from __future__ import annotations

import reprlib

import numpy as np
import pandas as pd
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array

from skrnn._common.frames import as_pandas
from skrnn._common.warnings import warn
from skrnn._data.checks import check_array_like, describe_position, describe_value, first_bytes, first_position
from skrnn._data.targets import check_target_shape, targets_of_list, valid_in_layout


def read_labels(y, data, per_step, name):
    """Return ``y`` as an array of labels that can be sorted, one per sample or per time step, or of indicators."""
    if per_step and data.is_list:
        y = targets_of_list(y, data.given, data.sequences.n_timesteps, name)
    check_array_like(y, "y", name)
    y = _array_of_labels(y, "y", name)
    if per_step:
        y = np.asarray(y)
        check_target_shape(y, data, True, name)
        if y.ndim != 2:
            raise ValueError(
                f"{name} with return_sequences=True takes one label per time step, y of shape (n_samples, "
                f"n_timesteps). Got shape {y.shape}. If classes are one-hot encoded, pass y.argmax(axis=-1)."
            )
        is_valid = valid_in_layout(data.sequences)
        _check_labels(y, is_valid, "y", name)
        if y.dtype.kind == "f":
            check_classification_targets(y[is_valid])
        return y
    y = check_array(y, ensure_2d=False, dtype=None, ensure_all_finite=False, input_name="y")
    _check_labels(y, np.ones(y.shape, dtype=bool), "y", name)
    if y.ndim == 2 and y.shape[1] == 1:
        warn(
            "A column-vector y was passed when a 1d array was expected. Please change the shape of y to "
            "(n_samples, ), for example using ravel().",
            DataConversionWarning,
        )
        y = y[:, 0]
    check_target_shape(y, data, False, name)
    return y


def read_classes(classes, name):
    """Return the ``classes`` that a user passed, sorted."""
    classes = np.asarray(_array_of_labels(classes, "classes", name))
    _check_labels(classes, np.ones(classes.shape, dtype=bool), "classes", name)
    return np.unique(classes)


def _array_of_labels(y, parameter, name):
    """Return labels as an object with a dtype, unless they are complex, bytes, or lists of different lengths."""
    y = as_pandas(y)
    try:
        y = y if hasattr(y, "dtype") or hasattr(y, "iloc") else np.asarray(y)
    except ValueError:
        raise ValueError(f"{parameter} is a list of lists of different lengths, which {name} does not take.") from None
    kind = getattr(getattr(y, "dtype", None), "kind", None)
    if first_bytes(y) is not None:
        dtype = np.asarray(y).dtype
        raise TypeError(
            f"{name} takes strings and numbers as labels. Got {parameter} of bytes, dtype {dtype}. Decode them to str."
        )
    if kind == "c":
        raise ValueError(
            f"Complex data not supported, got {parameter} of dtype {y.dtype}. {name} takes strings and real numbers as "
            "labels."
        )
    return y


def _check_labels(y, is_label, parameter, name):
    """Raise if a label is missing or infinite, or if labels cannot be compared with each other."""
    if y.dtype.kind in "fOmM":
        missing = is_label & (pd.isna(y) | (np.abs(y) == np.inf if y.dtype.kind == "f" else False))
        if missing.any():
            at = first_position(missing)
            raise ValueError(
                f"Input {parameter} contains {describe_value(y[at])}, first{describe_position(at)}; {name} requires "
                "labels without missing values."
            )
    if y.dtype.kind == "O":
        labels = y[is_label]
        try:
            np.unique(labels)
        except (TypeError, ValueError):  # ValueError for arrays, whose comparisons are neither true nor false
            kinds = {type(label).__name__: label for label in reversed(labels.tolist())}
            described = " and ".join(f"{reprlib.repr(label)} of type {kind}" for kind, label in kinds.items())
            raise TypeError(
                f"The labels of {parameter} must all be str or all be numbers for {name}, so that they can be sorted. "
                f"Got {described}."
            ) from None
