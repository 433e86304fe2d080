"""Time steps of series as the rows of detectors."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import validate_data

from skrnn._data.checks import check_finite
from skrnn._windows.rows import split_rows


def read_rows(detector, X, groups, *, reset, allow_nan, remedy=None):
    """Return the features of rows as they were passed, the same as an array of float64, and the labels of the rows.

    Parameters
    ----------
    detector : SequenceOutlierDetector
        Its ``n_features_in_`` and ``feature_names_in_`` are set, or compared with `X`.
    X : array-like of shape (n_rows, n_columns)
    groups : hashable or None
        Column or index level with the name of the series; it is not a feature.
    reset : bool
        Whether the rows are those of `fit`.
    allow_nan : bool
        Whether values may be missing; infinity is never accepted.
    remedy : str, default=None
        Advice to the user, for the error about other values than finite ones.
    """
    name = type(detector).__name__
    features, labels = split_rows(X, groups, None, name)
    rows = validate_data(detector, features, dtype=np.float64, ensure_all_finite=False, reset=reset)
    checked = np.where(np.isnan(rows), 0.0, rows) if allow_nan else rows
    check_finite(checked, name, columns=getattr(features, "columns", None), remedy=remedy)
    return features, rows, labels
