"""Transformations of covariates: standardization of numbers, and codes or indicator columns of categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from skrnn._common.same_parameters import same_parameters
from skrnn._common.state import stored_as


@stored_as("covariate block")
@dataclass(frozen=True, eq=False)
class CovariateBlock:
    """Fitted transformation of covariates that are all known in advance, or all known up to the present only.

    Parameters
    ----------
    transformer : transformer or None
        Fitted on the columns of numbers; None if these are not transformed.
    n_categories : ndarray of int, shape (n_columns,)
        Number of categories of each column; 0 for a column of numbers.
    one_hot : bool
        Whether a category becomes one indicator column per code, or stays a code.
    """

    transformer: Any
    n_categories: NDArray[Any]
    one_hot: bool

    @classmethod
    def fit(cls, columns, n_categories, transformer, *, one_hot):
        """Fit the transformer on the columns of numbers, if there are any."""
        numbers = columns[:, n_categories == 0]
        if transformer is None or not numbers.shape[1]:
            return cls(None, n_categories, one_hot)
        return cls(clone(_unfitted(transformer)).fit(numbers), n_categories, one_hot)

    def is_fit_of(self, transformer):
        """Return whether the block is the fit of a transformer: "standard", an estimator or None."""
        if not (self.n_categories == 0).any():
            return True
        if transformer is None or self.transformer is None:
            return transformer is self.transformer
        return same_parameters(_unfitted(transformer), self.transformer)

    def transform(self, columns):
        """Return the numbers, transformed, followed by the categories: (n_rows, n_transformed_columns)."""
        numbers = columns[:, self.n_categories == 0]
        if self.transformer is not None and len(numbers):
            numbers = _transformed(self.transformer, numbers)
        parts = [numbers]
        for position in np.flatnonzero(self.n_categories):
            codes = columns[:, position : position + 1]
            parts.append(codes == np.arange(self.n_categories[position]) if self.one_hot else codes)
        return np.concatenate(parts, axis=1) if len(parts) > 1 else numbers

    def n_numbers(self, n_transformed):
        """Return the number of transformed columns that are not codes."""
        return n_transformed - (0 if self.one_hot else int((self.n_categories > 0).sum()))


def _transformed(transformer, numbers):
    """Return what a transformer makes of columns of numbers as an array; raise if it is not one row for each row."""
    transformed = transformer.transform(numbers)
    array = np.asarray(transformed.toarray() if issparse(transformed) else transformed, dtype=np.float64)
    if array.ndim != 2 or len(array) != len(numbers):
        raise ValueError(
            f"covariate_transformer must return one row for each row of covariates. {type(transformer).__name__} "
            f"returned shape {array.shape} for shape {numbers.shape}."
        )
    return array


def _unfitted(transformer):
    """Return a transformer that a parameter describes."""
    return StandardScaler() if isinstance(transformer, str) else transformer
