"""Values and covariates of the rows of one or more series."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._common.state import stored_as
from skrnn._data.row_labels import RowLabels


class BySeries:
    """Positions of the rows of a panel, from the number of the series of each row.

    Attributes
    ----------
    codes : ndarray of int, shape (n_rows,)
        Number of the series of each row, sorted.
    """

    codes: NDArray[Any]

    def __len__(self):
        return len(self.codes)

    @property
    def n_series(self):
        """Number of series."""
        return int(self.codes[-1]) + 1 if len(self) else 0

    def bounds(self):
        """Position of the first row of each series, and the number of rows: (n_series + 1,)."""
        return np.searchsorted(self.codes, np.arange(self.n_series + 1, dtype=self.codes.dtype))

    def positions_in_series(self):
        """Position of each row within its series: (n_rows,)."""
        return np.arange(len(self)) - self.bounds()[self.codes]

    def rows_before(self, positions):
        """Return the row before each of some rows; the row itself if it is the first one of its series."""
        before = np.maximum(positions - 1, 0)
        return np.where(self.codes[before] == self.codes[positions], before, positions)


@stored_as("panel")
@dataclass(frozen=True, eq=False)
class Panel(BySeries):
    """Rows of one or more series, sorted by series and, within each series, by time.

    Parameters
    ----------
    y : ndarray of shape (n_rows, n_outputs)
        Values, in the units of ``y``; NaN where missing.
    covariates : ndarray of shape (n_rows, n_covariates)
        Variables that are known in advance.
    past : ndarray of shape (n_rows, n_past_covariates)
        Variables that are known up to the present only; NaN where missing.
    codes : ndarray of int, shape (n_rows,)
        Number of the series of each row, sorted.
    """

    y: NDArray[Any]
    covariates: NDArray[Any]
    past: NDArray[Any]
    codes: NDArray[Any]

    def copy(self):
        """Return the panel with its own values and covariates."""
        return replace(self, y=self.y.copy(), covariates=self.covariates.copy(), past=self.past.copy())

    def subset(self, rows):
        """Return the panel of some of the rows, selected by a mask or by sorted positions."""
        return Panel(self.y[rows], self.covariates[rows], self.past[rows], self.codes[rows])

    def with_covariates(self, positions, covariates):
        """Return the panel with other covariates in the rows at some positions."""
        if not len(positions):
            return self
        changed = self.covariates.copy()
        changed[positions] = covariates
        return replace(self, covariates=changed)


@dataclass(frozen=True, eq=False)
class PreparedPanel(BySeries):
    """Rows of a panel in the units of an estimator.

    Parameters
    ----------
    observed : ndarray of shape (n_rows, n_observed)
        Variables that are known up to the present: the values of the series, past covariates, and indicators of missing
        values. NaN where missing.
    levels : tuple of ndarray of shape (n_rows, n_outputs)
        Values before each difference, as returned by `difference`.
    covariates : ndarray of shape (n_rows, n_covariates)
        Variables that are known in advance.
    codes : ndarray of int, shape (n_rows,)
        Number of the series of each row, sorted.
    n_outputs : int
        Number of the columns of `observed` that are predicted, which come first.
    n_lost : int
        Number of rows at the start of each series that have no difference.
    """

    observed: NDArray[Any]
    levels: tuple[NDArray[Any], ...]
    covariates: NDArray[Any]
    codes: NDArray[Any]
    n_outputs: int
    n_lost: int

    @property
    def y(self):
        """Values of the series: (n_rows, n_outputs)."""
        return self.observed[:, : self.n_outputs]

    def has_missing(self):
        """Return whether a value is missing, except in rows that have no difference."""
        is_missing = np.isnan(self.observed).any(axis=1)
        return bool(is_missing.any() and (is_missing & (self.positions_in_series() >= self.n_lost)).any())

    def n_usable(self, rows):
        """Return the number of rows with values that a window ending at each of some rows can have."""
        first_rows = (self.bounds() + self.n_lost).astype(rows.dtype)
        return np.maximum(rows - first_rows[self.codes[rows]] + 1, 0)


def sorted_by_series(panel, labels):
    """Return rows in any order of series as a panel, and their labels in its order.

    Parameters
    ----------
    panel : Panel
        Rows in the order of the labels.
    labels : RowLabels
    """
    if labels.is_sorted:
        return panel.copy(), labels  # times are immutable, and may be those of the data
    order = labels.by_series()
    time = None if labels.time is None else labels.time[order]
    panel = panel.subset(order)
    return panel, RowLabels(labels.series, panel.codes, time, labels.is_pandas)


def sorted_rows(rows, weights):
    """Return rows that were read as a panel, with their labels and weights (or None) in its order."""
    panel = Panel(rows.values, rows.covariates, rows.past, rows.labels.codes)
    weights = None if weights is None else weights[rows.labels.by_series()]
    return *sorted_by_series(panel, rows.labels), weights
