"""Columns of `X`: which of them are known in advance, which only up to the present, and which are categorical."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn._common.state import stored_as

FROM_DTYPE = "from_dtype"
_NAME = "SequenceForecaster"


@stored_as("covariate columns")
@dataclass(frozen=True, eq=False)
class CovariateColumns:
    """Columns of the `X` that a forecaster was fitted on, without the column of `groups`.

    Parameters
    ----------
    names : tuple or None
        Labels of the columns; None for arrays.
    is_past : ndarray of bool, shape (n_columns,)
        Whether a column is known up to the present only.
    categories : tuple of length n_columns
        Categories of each column, as an array; None for a column of numbers.
    """

    names: tuple[Any, ...] | None
    is_past: NDArray[Any]
    categories: tuple[Any, ...]

    @classmethod
    def learn(cls, features, past_covariates, categorical_features, groups=None):
        """Return the columns of the `X` passed to `fit`.

        Parameters
        ----------
        features : DataFrame or ndarray of shape (n_rows, n_columns), or None
            `X` without the column of `groups`.
        past_covariates, categorical_features : list of labels, "from_dtype" or None
        groups : hashable, default=None
            Label of the column or index level that identifies the series; for arrays the number of a column.
        """
        shape = _shape(features)
        n_columns = shape[1] if len(shape) == 2 else 0
        names = tuple(features.columns) if isinstance(features, pd.DataFrame) else None
        is_past = np.zeros(n_columns, dtype=bool)
        given = names if names is not None else _numbers(n_columns, groups)
        is_past[_positions(past_covariates, given, "past_covariates", groups)] = True
        is_categorical = np.zeros(n_columns, dtype=bool)
        if isinstance(categorical_features, str):
            dtypes = () if names is None else features.dtypes
            is_categorical[[isinstance(dtype, pd.CategoricalDtype) for dtype in dtypes]] = True
        else:
            is_categorical[_positions(categorical_features, given, "categorical_features", groups)] = True
        categories = tuple(
            _categories(_column(features, position), position if names is None else names[position])
            if is_categorical[position]
            else None
            for position in range(n_columns)
        )
        return cls(names, is_past, categories)

    @property
    def n_categories(self):
        """Number of categories of each column, 0 for a column of numbers: ndarray of shape (n_columns,)."""
        return np.array([0 if found is None else len(found) for found in self.categories], dtype=int)

    @property
    def n_past(self):
        """Number of columns that are known up to the present only."""
        return int(self.is_past.sum())

    def with_past_columns(self, features):
        """Return the `X` of a prediction with NaN in the columns that are not known, which may be missing."""
        if not self.is_past.any():
            return features
        if isinstance(features, pd.DataFrame):
            unknown = [name for name, is_past in zip(self.names or (), self.is_past, strict=False) if is_past]
            is_complete = set(unknown) <= set(features.columns)
            features = features.copy()
            for name in unknown:
                features[name] = np.nan
            # Columns that were passed keep their order, so that another order than in fit is reported.
            return features if is_complete else _in_order(features, self.names)
        if _shape(features) and _shape(features)[1:] == (len(self.is_past),):
            is_numeric = getattr(features, "dtype", np.dtype(object)).kind in "biuf"
            features = np.array(features, dtype=np.float64 if is_numeric else object)
            features[:, self.is_past] = np.nan
        return features

    def check_order(self, features):
        """Raise for columns in another order than in fit whose labels are not strings.

        Labels that are strings are compared by scikit-learn, which ignores all other labels.
        """
        names = self.names if isinstance(features, pd.DataFrame) else None
        if names is None or all(isinstance(name, str) for name in names):
            return
        given = tuple(features.columns)
        if given != names and len(given) == len(names) and set(given) == set(names):
            raise ValueError(
                f"X has the columns {list(given)}, but {_NAME} was fitted on {list(names)}. Pass them in "
                "the same order."
            )

    def encoded(self, features, *, past_is_known):
        """Return `X` with codes instead of categories; a category that `fit` did not see has the next free code."""
        if all(found is None for found in self.categories) or _shape(features)[1:] != (len(self.categories),):
            return features
        features = features.copy() if isinstance(features, pd.DataFrame) else np.array(features, dtype=object)
        for position, found in enumerate(self.categories):
            if found is None or (self.is_past[position] and not past_is_known):
                continue
            column = _column(features, position)
            _check_complete(column, position if self.names is None else self.names[position])
            values = np.asarray(column)
            codes = pd.Index(found).get_indexer(pd.Index(values))
            _check_types(values[codes < 0], found, position if self.names is None else self.names[position])
            codes = np.where(codes < 0, len(found), codes).astype(np.float64)
            if isinstance(features, pd.DataFrame):
                features.isetitem(position, codes)
            else:
                features[:, position] = codes
        return features


def _shape(features):
    """Return the shape of a frame or an array-like; () for None."""
    return () if features is None else getattr(features, "shape", None) or np.asarray(features).shape


def _in_order(features, names):
    """Return a frame with its columns in the order of names, if it has these columns."""
    return features[list(names)] if set(features.columns) == set(names) else features


def _numbers(n_columns, groups):
    """Return the numbers that the columns of an array have in `X`, with the column of the series."""
    if groups is None or not n_columns:
        return tuple(range(n_columns))
    return tuple(number for number in range(n_columns + 1) if number != groups % (n_columns + 1))


def _positions(labels, given, parameter, groups):
    """Return the positions of the columns that a parameter names, out of those given.

    Parameters
    ----------
    labels : list of hashable or None
    given : tuple of hashable
        Labels of the columns of a DataFrame, or numbers of those of an array.
    parameter : str
    groups : hashable
        As in `CovariateColumns.learn`.
    """
    if labels is None:
        return []
    if isinstance(labels, (str, bytes)) or not hasattr(labels, "__iter__"):
        raise ValueError(
            f"The {parameter!r} parameter of {_NAME} must be a list of columns of X. Got {labels!r} instead."
        )
    positions = []
    for label in labels:
        # In a mask of columns, True would be column 1.
        is_mask = isinstance(label, (bool, np.bool_)) and not any(isinstance(name, bool) for name in given)
        if label in given and not is_mask:
            positions.append(given.index(label))
            continue
        choices = ", ".join(repr(name) for name in given[:10])
        choices = f"Choose from {choices}." if given else "X has no columns."
        if groups is not None and label == groups:
            raise ValueError(
                f"{parameter} contains {label!r}, which identifies the series and is not a covariate. Pass a copy of "
                "it under another name to use it as one."
            )
        raise ValueError(f"{parameter} contains {label!r}, which is not a column of X. {choices}")
    return positions


def _column(features, position):
    return features.iloc[:, position] if isinstance(features, pd.DataFrame) else features[:, position]


def _categories(column, label):
    """Return the categories of a column of `fit`, sorted if they can be compared."""
    _check_complete(column, label)
    found = pd.unique(np.asarray(column))
    try:
        return np.sort(found)
    except TypeError:
        return found


def _check_types(unknown, found, label):
    """Raise for unknown categories that differ from known ones in their type only, such as '1' from 1."""
    known = {str(category): category for category in found} if len(unknown) else {}
    for category in pd.unique(unknown):
        if str(category) in known:
            raise ValueError(
                f"Column {label!r} of X contains the category {category!r} of type {type(category).__name__}, but fit "
                f"saw {known[str(category)]!r} of type {type(known[str(category)]).__name__}. Pass the same type."
            )


def _check_complete(column, label):
    """Raise if a categorical column has a missing value."""
    is_missing = np.asarray(pd.isna(column))
    if is_missing.any():
        raise ValueError(
            f"Column {label!r} of X is categorical, but row {int(np.argmax(is_missing))} contains NaN. Fill missing "
            "categories, for example with 'missing'."
        )
