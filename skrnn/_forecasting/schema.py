"""Schema of the data that a forecaster was fitted on, and outputs in the layout of the fitted `y`."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from skrnn._common.frequencies import next_times
from skrnn._common.state import stored_as
from skrnn._forecasting.covariate_columns import CovariateColumns


def output_suffixes(names):
    """Return the suffixes of columns of predictions, one per output with a name; None for the only output."""
    return [""] if names is None else [f"_{name}" for name in names]


@stored_as("forecaster schema")
@dataclass(frozen=True, eq=False)
class Schema:
    """Schema of the `X` and the `y` that a forecaster was fitted on.

    Parameters
    ----------
    groups : hashable or None
        Column of `X`, or level of its index, that identifies the series of each row.
    index_kind : str or None
        Kind of the index of the rows, as returned by `kind_of`; None if they had no index.
    names : Index, hashable or None
        Names of the columns of a 2-D `y`, or the name of a 1-D `y`; None for arrays.
    n_outputs : int
        Number of columns of `y`.
    is_2d : bool
        Whether `y` was 2-D.
    is_pandas : bool
        Whether `y` was a pandas object with an index.
    columns : CovariateColumns
        Columns of `X`.
    calendar : transformer or None
        Fitted transformer of times to covariates.
    has_group_column : bool
        Whether `groups` is a column of `X`.
    """

    groups: Hashable
    index_kind: str | None
    names: Any
    n_outputs: int
    is_2d: bool
    is_pandas: bool
    columns: CovariateColumns
    calendar: Any
    has_group_column: bool

    def in_shape_of_y(self, values):
        """Return values of shape (..., n_outputs) without the last axis if the fitted `y` was 1-D."""
        return values if self.is_2d else values[..., 0]

    def as_forecast(self, values, index, bounds=None):
        """Return forecasts in the layout of the fitted `y`, with their index for pandas objects.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_outputs)
            Forecasts.
        index : Index of length n_rows
            Their times or numbers of steps, within their series.
        bounds : ndarray of shape (n_rows, 2, n_outputs), default=None
            Lower and upper bounds, with which forecasts are the columns of a frame.
        """
        if bounds is not None:
            names = range(self.n_outputs) if self.names is None else self.names
            suffixes = output_suffixes(names if self.is_2d else None)
            columns = [f"{kind}{suffix}" for kind in ("y_pred", "lower", "upper") for suffix in suffixes]
            return pd.DataFrame(np.hstack([values, bounds[:, 0], bounds[:, 1]]), index, columns)
        values = self.in_shape_of_y(values)
        if not self.is_pandas and self.groups is None:
            return values
        if self.is_2d:
            return pd.DataFrame(values, index, self.names)
        return pd.Series(values, index, name=self.names)

    def index_of_rows(self, index, labels, location):
        """Return the index of the forecast of rows with an index of their own, or None, and with labels."""
        if self.groups is None:
            return pd.Index(location.steps_ahead, name="step") if index is None else index
        times = pd.Index(location.steps_ahead, name="step") if labels.time is None else labels.time
        series = pd.Index(labels.series).take(labels.codes)
        return pd.MultiIndex.from_arrays([series, times], names=[self.groups, times.name])

    def index_of_forecast(self, n_steps, known):
        """Return the times of the next steps of each series, or their numbers if a series has no frequency."""
        last_rows, time = known.panel.bounds()[1:] - 1, known.labels.time
        frequencies = (None,) * len(last_rows) if None in known.frequencies else known.frequencies
        steps = [
            next_times(None if time is None else time[[row]], frequency, n_steps)
            for row, frequency in zip(last_rows, frequencies, strict=True)
        ]
        if self.groups is None:
            return steps[0]
        series = np.repeat(known.labels.series, n_steps)
        return pd.MultiIndex.from_arrays([series, steps[0].append(steps[1:])], names=[self.groups, steps[0].name])
