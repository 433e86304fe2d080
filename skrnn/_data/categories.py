"""Categorical features: their columns, the codes that occur in training data, and checks of codes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._common.state import stored_as
from skrnn._data.padding import locate, rows_in_use

UNKNOWN_CODE = -1  # in the input of networks; a negative code in ``X`` is an error

_MAX_CODES = 10**6


@stored_as("category")
@dataclass(frozen=True)
class Category:
    """Codes of a categorical feature.

    Parameters
    ----------
    column : int
        Position of the feature.
    n_codes : int
        One more than the largest code in the training data.
    missing : tuple of int
        Smaller codes that did not occur there.
    """

    column: int
    n_codes: int
    missing: tuple[int, ...] = ()


def categorical_columns(categorical_features: Any, n_features: int, name: str) -> tuple[int, ...]:
    """Return the sorted positions of the categorical features.

    Parameters
    ----------
    categorical_features : array-like of int or bool, or None
        Positions, or a mask of all features.
    n_features : int
    name : str
        Name of the estimator, for errors.

    Raises
    ------
    ValueError
        If they are not positions or a mask of the features.
    """
    if categorical_features is None:
        return ()
    try:
        columns = np.asarray(categorical_features)
    except ValueError:  # lists of different lengths
        columns = np.empty((0, 0))
    if columns.ndim != 1 or (columns.dtype.kind not in "biu" and columns.size):
        raise ValueError(
            f"The 'categorical_features' parameter of {name} must be a 1-D array-like of the positions of features, or "
            f"a boolean mask of all features. Got {categorical_features!r} instead."
        )
    if columns.dtype.kind == "b":
        if len(columns) != n_features:
            raise ValueError(
                f"The 'categorical_features' parameter of {name} is a mask of {len(columns)} features, but X has "
                f"{n_features}. Pass one bool per feature."
            )
        return tuple(int(column) for column in np.flatnonzero(columns))
    outside = (columns < 0) | (columns >= n_features)
    if outside.any():
        raise ValueError(
            f"The 'categorical_features' parameter of {name} contains the position {columns[outside][0]}, but X has "
            f"{n_features} feature(s), whose positions are 0 to {n_features - 1}."
        )
    return tuple(int(column) for column in np.unique(columns))


def learn_categories(sequences: Any, columns: tuple[int, ...], name: str) -> tuple[Category, ...]:
    """Return the codes that each categorical feature has in the valid time steps of training data.

    Parameters
    ----------
    sequences : Sequences
    columns : tuple of int
        Positions of the categorical features.
    name : str
        Name of the estimator, for errors.

    Raises
    ------
    ValueError
        If a value is not a code, or a code is too large for a table with one row per code.
    """
    if not columns:
        return ()
    check_codes(sequences, columns, name)
    in_use = rows_in_use(sequences)
    categories = []
    for column in columns:
        codes = sequences.values[in_use, column]
        largest = codes.max()
        if largest >= _MAX_CODES:
            row = int(np.argmax(in_use & (sequences.values[:, column] == largest)))
            raise ValueError(
                f"Categorical feature {column} of X contains the code {largest:.0f}{_position(sequences, row)}, which "
                f"is too large for {name}: each code up to the largest has a row in the embedding, and at most "
                f"{_MAX_CODES:,} are supported. Number the categories from 0 to n - 1, for example by scikit-learn's "
                "OrdinalEncoder."
            )
        occurs = np.zeros(int(largest) + 1, dtype=bool)
        occurs[codes.astype(np.int64)] = True
        categories.append(Category(column, len(occurs), tuple(np.flatnonzero(~occurs).tolist())))
    return tuple(categories)


def with_known_codes(sequences: Any, categories: tuple[Category, ...], name: str) -> Any:
    """Return sequences in which smaller codes that did not occur in training data are unknown.

    Codes beyond the fitted ones are left unchanged: networks treat them as unknown.

    Raises
    ------
    ValueError
        If a value is not a code.
    """
    check_codes(sequences, tuple(category.column for category in categories), name)
    values = sequences.values
    for category in categories:
        if not category.missing:
            continue
        is_missing = np.isin(values[:, category.column], category.missing)
        if is_missing.any():
            values = values.copy() if values is sequences.values else values
            values[is_missing, category.column] = UNKNOWN_CODE
    return sequences if values is sequences.values else replace(sequences, values=values)


def check_codes(sequences: Any, columns: tuple[int, ...], name: str) -> None:
    """Raise for the first value of a categorical feature that is not a non-negative integer."""
    for column in columns:
        codes = sequences.values[:, column]
        is_wrong = ~((codes >= 0) & (codes == np.floor(codes)))
        if not is_wrong.any():
            continue
        is_wrong &= rows_in_use(sequences)  # other rows may contain any values, such as the NaN of padding
        if is_wrong.any():
            row = int(np.argmax(is_wrong))
            is_integer = codes[row] == np.floor(codes[row])
            raise ValueError(
                f"Categorical feature {column} of X contains {codes[row]!s}{_position(sequences, row)}, but "
                f"{name} takes codes, which are integers of at least 0. Is there a scaler in front? "
                "SequenceScaler(categorical_features=...) leaves them unchanged."
                + (" Unknown categories can be encoded as any integer above the other codes." if is_integer else "")
            )


def _position(sequences: Any, row: int) -> str:
    """Return where a row occurs first, for errors."""
    sample, time_step = locate(sequences, row)
    return f" at sample {sample}, time step {time_step}"


def numeric_columns(n_features: int, columns: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the positions of all other features."""
    return np.setdiff1d(np.arange(n_features), columns).astype(np.int64)
