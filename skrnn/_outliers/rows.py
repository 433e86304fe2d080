"""Time steps of series as the rows of detectors."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import validate_data

from skrnn._common.squares import LARGEST
from skrnn._data.checks import check_finite, describe_position, first_position
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
        Whether values may be missing. Infinity, and numbers whose squares are infinite, are never accepted.
    remedy : str, default=None
        Advice to the user, for the error about other values than finite ones.
    """
    name = type(detector).__name__
    features, labels = split_rows(X, groups, None, name)
    rows = validate_data(detector, features, dtype=np.float64, ensure_all_finite=False, reset=reset)
    checked = np.where(np.isnan(rows), 0.0, rows) if allow_nan else rows
    columns = getattr(features, "columns", None)
    check_finite(checked, name, columns=columns, remedy=remedy)
    _check_squares(checked, name, columns)
    return features, rows, labels


def _check_squares(rows, name, columns):
    """Raise for the first number whose square would overflow."""
    is_too_large = np.abs(rows) > LARGEST
    if is_too_large.any():
        row, column = first_position(is_too_large)
        at = describe_position((row, column if columns is None else repr(columns[column])), ("row", "column"))
        raise ValueError(
            f"Input X contains {rows[row, column].item()!r} (a value too large for squared errors), first{at}; {name} "
            f"takes numbers up to {LARGEST:g}. Replace such values, or scale X."
        )
