"""Forecast origins of one or more series: the rows that are known at each origin, and those to forecast."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skrnn._common.frames import index_of
from skrnn._data.row_labels import split_labels
from skrnn._forecasting.row_index import rows_with_index_of


@dataclass(frozen=True, eq=False)
class Origin:
    """Rows up to a forecast origin, and those that follow.

    Parameters
    ----------
    label : object
        Time of the origin, or position of the last known row.
    series : ndarray of int, shape (n_series,)
        Numbers of the series to forecast.
    rows : ndarray of int, shape (n_rows,)
        Positions of the rows up to the origin, of all series that the forecaster is fitted on. Without refitting, only
        those after the previous origin.
    future : ndarray of int, shape (n_series, n_steps)
        Positions of the rows to forecast.
    season_before : ndarray of int, shape (n_series, n_steps)
        Positions of the last known row in the same season as each row to forecast; -1 if there is none.
    """

    label: Any
    series: NDArray[Any]
    rows: NDArray[Any]
    future: NDArray[Any]
    season_before: NDArray[Any]


@dataclass(frozen=True, eq=False)
class SeriesRows:
    """Rows of one or more series, and their common time.

    Parameters
    ----------
    names : Index of length n_series
        Names of the series.
    rows : list of ndarray of int
        Positions of the rows of each series, in time order.
    ranks : list of ndarray of int
        Number of the time of each of these rows, from 0 for the first time of all series.
    times : Index of length n_times
        Labels of these times.
    has_times : bool
        Whether series share times. Otherwise, the number of a time is the position of a row within its series.
    """

    names: pd.Index
    rows: list[NDArray[Any]]
    ranks: list[NDArray[Any]]
    times: pd.Index
    has_times: bool

    @classmethod
    def of_one(cls, index):
        """Return the rows of a single series with an index."""
        positions = np.arange(len(index))
        return cls(pd.Index([None]), [positions], [positions], index, has_times=False)

    @classmethod
    def of_panel(cls, X, y, groups):
        """Return the rows of the series that a column or an index level of `X` identifies."""
        labels = split_labels(X, groups)[1]
        if index_of(X) is None:
            indexed = rows_with_index_of(y, labels, groups)
            labels = labels if indexed is None else split_labels(indexed, groups)[1]
        order = labels.by_series()
        bounds = np.searchsorted(labels.codes[order], np.arange(1, len(labels.series)))
        rows = np.split(order, bounds)
        # Integers that never repeat number the rows of a frame, and are not times.
        has_times = labels.time is not None and not (labels.time.inferred_type == "integer" and labels.time.is_unique)
        if has_times:
            ranks, times = labels.time.factorize(sort=True)
            of_series = [ranks[positions] for positions in rows]
        else:
            of_series = [np.arange(len(positions)) for positions in rows]
            times = pd.RangeIndex(max(map(len, rows), default=0))
        return cls(labels.series, rows, of_series, times, has_times)

    def origins(self, first, n_steps, step_length, season, is_long_enough, refit):
        """Yield the origins from which all steps of at least one series can be forecast.

        Parameters
        ----------
        first, n_steps, step_length : int
            Number of times up to the first origin, of steps to forecast, and of times from one origin to the next.
        season : int
            Number of rows of a season.
        is_long_enough : callable
            Function of the numbers of known rows of the series, (n_series,), that returns whether a forecaster can be
            fitted on each.
        refit : bool
            Whether series that become long enough after the first origin are added.
        """
        is_fitted = before = None
        for n_times in range(first, len(self.times) - n_steps + 1, step_length):
            counts = np.array([np.searchsorted(ranks, n_times) for ranks in self.ranks])
            if is_fitted is None or refit:
                is_fitted = is_long_enough(counts)
            n_later = np.array([len(rows) for rows in self.rows]) - counts
            series = np.flatnonzero(is_fitted & (n_later >= n_steps))
            if not len(series):
                is_fitted = None if before is None else is_fitted
                continue
            starts = np.zeros_like(counts) if before is None or refit else before
            parts = [self.rows[number][starts[number] : counts[number]] for number in np.flatnonzero(is_fitted)]
            steps, before = np.arange(n_steps), counts
            yield Origin(
                label=self.times[n_times - 1],
                series=series,
                rows=np.sort(np.concatenate(parts)),
                future=np.stack([self.rows[number][counts[number] + steps] for number in series]),
                season_before=np.stack(
                    [
                        self.rows[number][counts[number] - season + steps % season]
                        if counts[number] >= season
                        else np.full(n_steps, -1)
                        for number in series
                    ]
                ),
            )


def long_enough(forecaster, counts):
    """Return the series with enough rows to fit the forecaster on, (n_series,); all of them if none has enough.

    In the latter case, the error of the forecaster says what it requires.
    """
    size = _number(forecaster, "calibration_size")
    n_held_out = np.full(len(counts), size) if size >= 1 else (counts * size).astype(int)
    enough = counts - n_held_out >= _number(forecaster, "window") + _number(forecaster, "output_steps")
    if size:
        enough &= n_held_out >= 2
    return enough if enough.any() else counts > 0


def _number(forecaster, name):
    """Return a parameter of a forecaster; 0 if it has none, or an invalid one, which its `fit` will raise for."""
    value = getattr(forecaster, name, None)
    return value if isinstance(value, Real) else 0
