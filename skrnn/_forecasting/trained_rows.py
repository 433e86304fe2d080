"""Rows that a model has been trained on: a later fit that continues it cannot hold them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn._common.state import stored_as
from skrnn._common.times import comparable, time_values


@stored_as("trained rows")
@dataclass(frozen=True, eq=False)
class TrainedRows:
    """Ends of the series that a model has been trained on, in all fits that continued each other.

    Parameters
    ----------
    series : Index of length n_series
        Names of the series.
    n_rows : ndarray of int, shape (n_series,)
        Number of rows of each series up to the last one that was trained on.
    times : Index of length n_series, or None
        Times of these last rows; None if they are not known, or not comparable between fits.
    """

    series: pd.Index
    n_rows: NDArray[Any]
    times: Any

    @classmethod
    def of(cls, labels, n_rows):
        """Return the first rows of each series of labels that are sorted by series."""
        first_rows = np.searchsorted(labels.codes, np.arange(len(labels.series)))
        return cls(labels.series, n_rows, None if labels.time is None else labels.time[first_rows + n_rows - 1])

    def joined(self, later):
        """Return the rows of this object or of another one, whichever are later, of all series of both."""
        series = self.series.append(later.series[~later.series.isin(self.series)])
        ours, theirs = self.series.get_indexer(series), later.series.get_indexer(series)
        counts = [np.where(at < 0, 0, of.n_rows[at]) for of, at in ((self, ours), (later, theirs))]
        times = None
        if comparable(self.times, later.times):
            both = self.times.append(later.times)
            values, theirs_in_both = time_values(both), theirs + len(self.series)
            is_ours = (theirs < 0) | ((ours >= 0) & (values[ours] >= values[theirs_in_both]))
            times = both[np.where(is_ours, ours, theirs_in_both)]
        return TrainedRows(series, np.maximum(*counts), times)

    def check_held_out(self, labels, n_rows, size):
        """Raise if a row after the first ones of each series has been trained on.

        Parameters
        ----------
        labels : RowLabels
            Sorted by series.
        n_rows : ndarray of int, shape (n_series,)
            Number of rows of each series that are not held out.
        size : int or float
            Parameter `calibration_size`, for the error.
        """
        trained = self.series.get_indexer(labels.series)
        first = np.searchsorted(labels.codes, np.arange(len(labels.series))) + n_rows  # row that is held out
        if comparable(self.times, labels.time):
            times: Any = labels.time[first]
            is_trained = time_values(times) <= time_values(self.times)[trained]
        else:
            times, is_trained = None, n_rows < self.n_rows[trained]
        is_trained &= trained >= 0
        if not is_trained.any():
            return
        at = int(np.argmax(is_trained))
        which = "" if len(labels.series) == 1 else f" of series {labels.series.tolist()[at]!r}"
        if times is None:
            held_out, end = f"row {n_rows[at]}", f"row {self.n_rows[trained[at]] - 1}"
            remedy = ". Rows without times in their index are identified by their positions"
        else:
            held_out, end, remedy = f"the row of {times[at]}", f"that of {self.times[trained[at]]}", ""
        raise ValueError(
            "warm_start=True continues the training of the model that calibrates intervals, but "
            f"calibration_size={size!r} holds out rows{which} from {held_out} on, and an earlier fit has trained this "
            f"model on rows up to {end}{remedy}. Decrease calibration_size, pass later rows, or set warm_start=False "
            "to train a new model."
        )
