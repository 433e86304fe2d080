"""What a forecaster reads and returns: series and covariates, in arrays or frames, and the labels of their rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import _num_samples, validate_data

from skrnn._forecasting import Series
from skrnn._frequencies import next_times
from skrnn._numbers import array_like, floats_of, numbers_of
from skrnn._row_warnings import PASS_GROUPS, warn_of_hole, warn_of_panel
from skrnn._series import RowLabels, split_labels
from skrnn._times import same_labels


class ForecasterDataMixin:
    """Reading and returning rows, for `SequenceForecaster`."""

    groups: Any
    window: int
    output_steps: int
    n_outputs_: int
    n_features_in_: int
    _series: Series
    _labels: Any  # RowLabels
    _frequency: Any

    # ------------------------------------------------------------------ reading

    def _check_given(self, y):
        """Refuse what is no series at all."""
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")

    def _read(self, X, y, *, reset):
        """Check values, where given, and covariates; return them as 2-D arrays, with the labels of their rows."""
        name = type(self).__name__
        X = None if X is None else array_like(X, "X", name)
        y = None if y is None else array_like(y, "y", name)
        if X is None and isinstance(y, (pd.Series, pd.DataFrame)):
            X = pd.DataFrame(index=y.index)
        indexed = X if isinstance(X, pd.DataFrame) else y
        n_rows = _num_samples(y if X is None else X)
        if self.groups is not None:
            features, labels = split_labels(X, self.groups)
        else:
            features = X
            has_index = isinstance(indexed, (pd.DataFrame, pd.Series))
            labels = split_labels(indexed if has_index else np.empty((n_rows, 1)), None)[1]
        covariates = self._check_covariates(features, n_rows, reset)
        if y is None:
            return None, covariates, labels
        values = floats_of(y, name, parameter="y", finite=True)
        if len(values) != n_rows:
            raise ValueError(f"X has {n_rows} rows, but y has {len(values)}: inconsistent numbers of samples.")
        is_pandas = isinstance(y, (pd.Series, pd.DataFrame))
        if is_pandas and isinstance(X, pd.DataFrame) and not same_labels(y.index, X.index):
            raise ValueError("X and y have different indexes: pass rows of the same times.")
        if reset:
            self._is_2d = values.ndim == 2
            self.n_outputs_ = values.shape[1] if self._is_2d else 1
            self._names = (y.columns if self._is_2d else y.name) if is_pandas else None
            self._gives_pandas = is_pandas
        elif (values.ndim == 2) != self._is_2d or (self._is_2d and values.shape[1] != self.n_outputs_):
            raise ValueError(
                f"y has shape {values.shape}, but SequenceForecaster was fitted on {self.n_outputs_} series."
            )
        return values if values.ndim == 2 else values[:, None], covariates, labels

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
            return numbers_of(
                features,
                type(self).__name__,
                lambda X: validate_data(self, X, dtype=np.float64, ensure_all_finite=False, reset=reset),
                finite=True,
            )
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
        frequencies = (None,) * len(ends) if None in self._frequency else self._frequency
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
