"""Values and covariates of the rows of one or more series."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._common.state import stored_as
from skrnn._data.row_labels import RowLabels


@stored_as("panel")
@dataclass(frozen=True, eq=False)
class Panel:
    """Rows of one or more series, sorted by series and, within each series, by time.

    Parameters
    ----------
    y : ndarray of shape (n_rows, n_outputs)
        Values.
    covariates : ndarray of shape (n_rows, n_covariates)
        Variables that are known in advance.
    codes : ndarray of int, shape (n_rows,)
        Number of the series of each row, sorted.
    """

    y: NDArray[Any]
    covariates: NDArray[Any]
    codes: NDArray[Any]

    def __len__(self):
        return len(self.codes)

    @property
    def n_series(self):
        """Number of series."""
        return int(self.codes[-1]) + 1 if len(self) else 0

    def bounds(self):
        """Position of the first row of each series, and the number of rows: (n_series + 1,)."""
        return np.searchsorted(self.codes, np.arange(self.n_series + 1))

    def positions_in_series(self):
        """Position of each row within its series: (n_rows,)."""
        return np.arange(len(self)) - self.bounds()[self.codes]

    def subset(self, rows):
        """Return the panel of some of the rows, selected by a mask or by sorted positions."""
        return Panel(self.y[rows], self.covariates[rows], self.codes[rows])

    def with_covariates(self, positions, covariates):
        """Return the panel with other covariates in the rows at some positions."""
        if not len(positions):
            return self
        changed = self.covariates.copy()
        changed[positions] = covariates
        return replace(self, covariates=changed)


def sorted_by_series(values, covariates, labels):
    """Return a panel of rows in any order of series, and their labels in the order of the panel."""
    order = labels.by_series()
    time = None if labels.time is None else labels.time[order]
    codes = labels.codes[order]
    return Panel(values[order], covariates[order], codes), RowLabels(labels.series, codes, time, labels.is_pandas)
