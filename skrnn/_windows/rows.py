"""Checks of time-ordered rows, which are labelled by their series and times, and of windows."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_array

from skrnn._common.frames import index_of
from skrnn._data.checks import as_array_or_frame, as_numeric
from skrnn._data.row_labels import split_labels
from skrnn._data.sequences import Sequences

# Numeric dtypes that are kept; the first is the one that all others are converted to.
ROW_DTYPES = [np.float64, np.float32]
_FOR_TEXT = " Encode column {column!r}, for example with OneHotEncoder, or pass it as groups if it names the series."


def split_rows(X, groups, max_gap, name):
    """Return the features of rows, which scikit-learn's checks can convert to numbers, and the labels of the rows.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_columns)
    groups : hashable or None
        Column or index level with the name of the series; it is not a feature.
    max_gap : int, float, timedelta, str or None
        If given, the rows must have times that it can be compared with.
    name : str
        Name of the estimator or function, for errors.

    Returns
    -------
    features : ndarray or DataFrame of shape (n_rows, n_features)
    labels : RowLabels

    Raises
    ------
    ValueError
        If timestamps are not increasing within a series, or if `groups` or `max_gap` do not match `X`.
    TypeError
        If `X` is not array-like or a DataFrame, contains non-numeric values, or is sparse.
    """
    features, labels = split_labels(as_array_or_frame(X, "X", name), groups, max_gap)
    return as_numeric(features, name, for_text=_FOR_TEXT), labels


def first_label(X):
    """Return the label of the first row of a pandas object; None for other objects."""
    index = index_of(X)
    return None if index is None else index[0]


def read_windows(X, shape, name):
    """Return windows as an array of shape (n_rows, *shape), or raise.

    Their values are not checked: each would be read once per window, and padding is NaN.
    """
    X = np.asarray(X) if isinstance(X, Sequences) else X
    X = as_numeric(X, name, words=("row", "time step", "feature"))
    windows = check_array(X, dtype=ROW_DTYPES, allow_nd=True, ensure_2d=False, ensure_all_finite=False, input_name="X")
    if windows.ndim != len(shape) + 1 or windows.shape[1:] != shape:
        axes = "window * n_features" if len(shape) == 1 else "window, n_features"
        raise ValueError(
            f"{name} requires windows of shape (n_rows, {axes}) = (n_rows, {', '.join(map(str, shape))}), but X has "
            f"shape {windows.shape}. Pass the output of transform."
        )
    return windows
