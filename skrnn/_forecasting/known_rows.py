"""Rows that forecasts continue: those passed to `fit`, and those appended by `update`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn._common.frequencies import times_of_next_rows
from skrnn._common.state import stored_as
from skrnn._common.times import comparable
from skrnn._common.warnings import warn
from skrnn._data.row_labels import RowLabels
from skrnn._forecasting.panel import Panel, sorted_by_series


@stored_as("known rows")
@dataclass(frozen=True, eq=False)
class KnownRows:
    """Rows that forecasts continue, with their labels and what is known of their times.

    Parameters
    ----------
    panel : Panel
        Covariates and values of the rows, in the units of ``y``.
    labels : RowLabels
        Series and times of the rows, in the order of the panel.
    frequencies : tuple of length n_series
        Frequency of the times of each series; None for a series without one.
    unordered_labels : MultiIndex or None
        Series number and label of each row if labels have no order in time, such as text; None otherwise.
    n_fitted : ndarray of int, shape (n_series,)
        Number of rows of each series that were passed to `fit`.
    times_lost : bool
        Whether rows without known times were appended to rows with known times.
    """

    panel: Panel
    labels: RowLabels
    frequencies: tuple[Any, ...]
    unordered_labels: pd.MultiIndex | None
    n_fitted: NDArray[Any]
    times_lost: bool = False

    @classmethod
    def of_fit(cls, panel, labels, frequencies, unordered_labels):
        """Return the known rows after `fit`."""
        return cls(panel, labels, frequencies, unordered_labels, np.diff(panel.bounds()))

    def codes_of(self, labels):
        """Return the number of the series of each new row; -1 for an unknown series."""
        return self.labels.series.get_indexer(labels.series)[labels.codes]

    def with_covariates(self, covariates, location):
        """Return the known rows with the covariates of located rows, those after the end of the series left out."""
        is_known = location.steps_ahead == 0
        return replace(self, panel=self.panel.with_covariates(location.positions[is_known], covariates[is_known]))

    def appended(self, rows, codes):
        """Return the known rows with new ones at the ends of their series.

        Parameters
        ----------
        rows : Rows
            The new rows.
        codes : ndarray of int, shape (n_new_rows,)
            Number of the series of each new row.
        """
        time = self._times_with(rows.labels.time, codes)
        joined = RowLabels(self.labels.series, np.concatenate([self.labels.codes, codes]), time, self.labels.is_pandas)
        both = Panel(
            np.concatenate([self.panel.y, rows.values]),
            np.concatenate([self.panel.covariates, rows.covariates]),
            np.concatenate([self.panel.past, rows.past]),
            joined.codes,
        )
        panel, labels = sorted_by_series(both, joined)
        unordered_labels: Any = self.unordered_labels
        if rows.unordered_labels is not None and len(rows.unordered_labels):
            unordered_labels = unordered_labels.append(rows.unordered_labels)
        times_lost = self.times_lost or (self.labels.time is not None and time is None)
        return replace(self, panel=panel, labels=labels, unordered_labels=unordered_labels, times_lost=times_lost)

    def _times_with(self, new_times, codes):
        """Return the times of the known rows followed by those of new ones; None if they are not known."""
        known_times = self.labels.time
        if known_times is None:
            return None
        if comparable(known_times, new_times):
            return known_times.append(new_times)
        next_times = times_of_next_rows(self.labels, codes, self.frequencies)
        if next_times is None:
            warn(
                "update received rows without an index, and the fitted index has no frequency from which their times "
                "could be inferred. The forecaster no longer knows the times of its rows, and accepts rows without an "
                "index only. Pass rows with an index to avoid this."
            )
            return None
        return known_times.append(next_times)
