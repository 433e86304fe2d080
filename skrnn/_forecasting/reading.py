"""What a forecaster reads and returns: series and covariates, in arrays or frames, and the labels of their rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import _num_samples, validate_data

from skrnn._common.frames import index_of
from skrnn._common.frequencies import next_times
from skrnn._data.checks import as_array_or_frame, as_float_array, as_numeric, check_finite
from skrnn._data.row_labels import RowLabels, split_labels
from skrnn._forecasting.recursion import Series
from skrnn._forecasting.row_index import (
    check_not_fitted,
    check_same_index,
    check_same_kind,
    columns_as_fitted,
    kind_of,
    row_index,
    rows_of_y,
    series_and_labels,
)
from skrnn._windows.row_warnings import PASS_GROUPS, warn_of_hole, warn_of_panel


class ForecasterDataMixin:
    """Reading and returning rows, for `SequenceForecaster`."""

    groups: Any
    window: int
    output_steps: int
    n_outputs_: int
    n_features_in_: int
    _series: Series
    _labels: Any  # RowLabels
    _frequencies: Any  # of each series, as `frequencies_of` returns them
    _names: Any  # of the columns of the fitted y
    _index_kind: str | None  # of the fitted index
    _unordered: Any  # series and labels of the rows that are known, where labels have no order in time
    _times_lost: bool  # whether `update` was given rows whose times are not known
    _n_fitted: Any  # rows of each series that `fit` was given

    # ------------------------------------------------------------------ reading

    def _check_given(self, y):
        """Refuse what is no series at all."""
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")

    def _read(self, X, y, *, reset):
        """Check values, where given, and covariates; return them as 2-D arrays, with the labels of their rows.

        The last that is returned are series and labels of the rows, as `series_and_labels` does, where the fitted ones
        have no order in time.
        """
        name = type(self).__name__
        X = None if X is None else as_array_or_frame(X, "X", name)
        y = None if y is None else as_array_or_frame(y, "y", name)
        holder = "X" if index_of(X) is not None else "y"  # of the index
        if X is None and index_of(y) is not None:
            X = pd.DataFrame(index=y.index)
        indexed = y if index_of(X) is None and self.groups is None else X
        n_rows = _num_samples(y if X is None else X)
        if self.groups is not None:
            features, labels = split_labels(X, self.groups)
            times = rows_of_y(labels, y, self.groups) if index_of(X) is None else None
            if times is not None:
                indexed, labels = times, split_labels(times, self.groups)[1]
        else:
            features = X
            labels = split_labels(np.empty((n_rows, 1)) if index_of(indexed) is None else indexed, None)[1]
        index = row_index(indexed, self.groups)
        if reset:
            self._index_kind, self._times_lost = kind_of(index), False
            unordered = None if labels.time is not None else series_and_labels(index, labels.codes)
            self._unordered = unordered
        else:
            self._check_index(kind_of(index), labels, holder)
            series = self._labels.series
            codes = series.get_indexer(labels.series)[labels.codes]
            unordered = None if self._unordered is None else series_and_labels(index, codes)
            check_not_fitted(unordered, self._unordered, holder, None if self.groups is None else series)
        covariates = self._check_covariates(features, n_rows, reset)
        if y is None:
            return None, covariates, labels, unordered
        y = y if reset else columns_as_fitted(y, self._names)
        values = as_float_array(y, name, parameter="y", finite=True)
        if len(values) != n_rows:
            raise ValueError(f"X has {n_rows} rows, but y has {len(values)}: inconsistent numbers of samples.")
        is_pandas = index_of(y) is not None
        check_same_index(X, y)
        if reset:
            self._is_2d = values.ndim == 2
            self.n_outputs_ = values.shape[1] if self._is_2d else 1
            self._names = getattr(y, "columns" if self._is_2d else "name", None)
            self._gives_pandas = is_pandas
        elif (values.ndim == 2) != self._is_2d or (self._is_2d and values.shape[1] != self.n_outputs_):
            fitted = f"{self.n_outputs_} series"
            if self.n_outputs_ == 1 and values.shape[1:] in ((), (1,)):
                fitted = "a 2-D y, of shape (n_rows, 1)" if self._is_2d else "a 1-D y, of shape (n_rows,)"
                fitted += ": pass y in that shape, " + ("a DataFrame" if self._is_2d else "such as a Series")
            raise ValueError(f"y has shape {values.shape}, but SequenceForecaster was fitted on {fitted}.")
        return values if values.ndim == 2 else values[:, None], covariates, labels, unordered

    def _check_index(self, kind, labels, what):
        """Refuse an index that does not tell where its rows lie."""
        if self._times_lost and kind is not None:
            raise ValueError(
                f"{what} has an index, but where it lies is not known: update was given an array, and the fitted index "
                "has no frequency that tells the times of its rows. Pass an array, whose rows are the next steps, or "
                "fit again with an index."
            )
        check_same_kind(kind, self._index_kind, labels.time, self._labels.time, what)

    def _check_covariates(self, features, n_rows, reset):
        """Return covariates of shape (n_rows, n_covariates)."""
        # An array without columns is a mistake in fit, unless a column of it named the series.
        may_be_none = not reset or self.groups is not None or hasattr(features, "columns")
        none = features is None or (may_be_none and getattr(features, "shape", ())[1:] == (0,))
        if not none and not reset and not self.n_features_in_:
            raise ValueError(
                f"X has columns, shape {np.shape(features)}, but SequenceForecaster was fitted without covariates."
            )
        if not none:
            features = as_numeric(features, type(self).__name__)
            columns = getattr(features, "columns", None)
            covariates = validate_data(self, features, dtype=np.float64, ensure_all_finite=False, reset=reset)
            check_finite(covariates, type(self).__name__, columns=columns)
            return covariates
        if reset:
            self.n_features_in_ = 0
            self.__dict__.pop("feature_names_in_", None)
        elif self.n_features_in_:
            raise ValueError(f"X has no columns, but SequenceForecaster is expecting {self.n_features_in_} covariates.")
        return np.empty((n_rows, 0))

    def _warn_of_rows(self, X, y, labels):
        """Warn where rows that are taken for neighbours in time are none."""
        name = type(self).__name__
        if self.groups is None:
            warn_of_panel(getattr(y if X is None else X, "index", getattr(y, "index", None)), name, PASS_GROUPS)
        warn_of_hole(
            labels,
            name,
            "To a forecaster rows follow each other: fill the hole, which y.asfreq makes rows for, or fit on the rows "
            "after it; drop the index (reset_index(drop=True)) where order alone counts.",
        )

    def _check_lengths(self, series):
        """Refuse series that are too short to be windows."""
        lengths = np.diff(series.bounds())
        wanted = self.window + self.output_steps
        if (lengths < wanted).any():
            at = int(np.argmax(lengths < wanted))
            which = "" if self.groups is None else f" of series {self._labels.series.tolist()[at]!r}"
            raise ValueError(
                f"y has {lengths[at]} sample(s){which}, but window={self.window} and output_steps={self.output_steps} "
                f"need at least {wanted}. Pass a longer series, or make the window smaller."
            )

    # ------------------------------------------------------------------ what comes out

    def _as_fitted(self, values):
        """Return values of shape (n_rows, n_series) in the shape of the fitted ``y``."""
        return values if self._is_2d else values[:, 0]

    def _with_index(self, values, n_steps):
        """Return a forecast, series after series, as pandas where the fitted ``y`` was."""
        if not self._gives_pandas and self.groups is None:
            return values
        ends, time = self._series.bounds()[1:] - 1, self._labels.time
        # One kind of times for all: numbers of steps where a series has no distance.
        frequencies = (None,) * len(ends) if None in self._frequencies else self._frequencies
        steps = [
            next_times(None if time is None else time[[end]], frequency, n_steps)
            for end, frequency in zip(ends, frequencies, strict=True)
        ]
        index = steps[0]
        if self.groups is not None:
            names = np.repeat(self._labels.series, n_steps)
            index = pd.MultiIndex.from_arrays([names, steps[0].append(steps[1:])], names=[self.groups, index.name])
        return pd.DataFrame(values, index, self._names) if self._is_2d else pd.Series(values, index, name=self._names)


def sorted_by_series(values, covariates, labels):
    """Return rows and labels, those of one series after another."""
    order = labels.by_series()
    time = None if labels.time is None else labels.time[order]
    return (
        Series(values[order], covariates[order], labels.codes[order]),
        RowLabels(labels.series, labels.codes[order], time, labels.is_pandas),
    )
