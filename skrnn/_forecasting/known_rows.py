"""Rows by where they lie: those of the series and those after its end, which are predicted, or appended to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from skrnn._common.frequencies import times_of_next_rows
from skrnn._common.times import comparable
from skrnn._common.warnings import warn
from skrnn._data.checks import as_array_or_frame
from skrnn._data.row_labels import RowLabels
from skrnn._forecasting.location import locate
from skrnn._forecasting.reading import ForecasterDataMixin, sorted_by_series
from skrnn._forecasting.recursion import continue_series, one_step_ahead, restored, transformed, with_covariates
from skrnn._forecasting.row_index import check_default_index, check_not_default, check_same_index, columns_as_fitted


class ForecasterRowsMixin(ForecasterDataMixin):
    """Predicting and appending rows, for `SequenceForecaster`."""

    predict: Callable[..., Any]
    estimator_: Any
    transformer_: Any
    _layout: Any
    _means: Any  # of each series, (n_codes, n_series)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Coefficient of determination of the predictions of :meth:`predict`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_covariates), or a frame without columns
            As :meth:`predict` takes it.

        y : array-like of shape (n_rows,) or (n_rows, n_series)
            True values. Columns that have names are matched with those of the fitted `y`; one series may have any name.

        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows.

        Returns
        -------
        float
            R squared, the mean over series where there are several; 1.0 at best.

        Raises
        ------
        NotFittedError
            If the forecaster is not fitted.

        ValueError
            For what :meth:`predict` refuses, and if `y` has other columns than at fit, or another index than `X`.

        TypeError
            As :meth:`predict` does.
        """
        check_is_fitted(self, "estimator_")
        y = as_array_or_frame(y, "y", type(self).__name__)
        check_same_index(X, y)
        y = y if self.n_outputs_ == 1 else columns_as_fitted(y, self._names)  # one series is that of any name
        predicted = self._as_fitted(self._predict(X, warns=False)[0])
        return float(r2_score(y, predicted, sample_weight=sample_weight))

    def _predict(self, X, *other, warns=True):
        """Return predictions in the units of ``y``, (n_rows, n_series), the series of each, and its steps ahead.

        They are those of the fitted estimator and transformer, or of another pair. Where nothing but a default index
        says that rows are the fitted ones, there may be a warning.
        """
        if X is None:
            raise ValueError(
                "X=None does not say how many steps to predict: call forecast(steps), or pass a frame without columns."
            )
        _, covariates, labels, _ = self._read(X, None, reset=False)
        codes, ahead, position = self._locate(covariates, labels, warns)
        after = ahead > 0
        series = with_covariates(self._series, position[~after], covariates[~after])
        estimator, transformer, means = self.estimator_, self.transformer_, self._means
        if other:
            estimator, transformer = other
            y, means = (transformed(transformer, restored(self.transformer_, of)) for of in (series.y, means))
            series = replace(series, y=y)
        values = np.empty((len(codes), self.n_outputs_))
        values[~after] = one_step_ahead(estimator, series, self._layout, means, position[~after])
        values[after] = continue_series(estimator, series, self._layout, covariates[after], codes[after], ahead[after])
        return restored(transformer, values), codes, ahead

    def _locate(self, covariates, labels, warns):
        """Tell where rows stand, as `locate` does."""
        may_be_array = self.groups is None
        check_default_index(labels, covariates, self._labels, self._series, self._n_fitted, may_be_array, warns)
        return locate(self._series.bounds(), self._labels, self._frequencies, labels)

    def _append(self, values, covariates, labels, unordered):
        """Append rows after the ends of their series, values as the estimator sees them."""
        bounds, known = self._series.bounds(), self._labels
        check_not_default(labels, known, bounds)
        codes, ahead, _ = locate(bounds, known, self._frequencies, labels)
        if (ahead < 1).any():
            row = int(np.argmax(ahead < 1))
            raise ValueError(
                f"update takes new rows, but row {row} ({labels.time[row]}) is part of the series already."
            )
        time = self._joined_times(codes, labels)
        joined = RowLabels(known.series, np.concatenate([known.codes, codes]), time, known.is_pandas)
        values = np.concatenate([self._series.y, values])
        covariates = np.concatenate([self._series.covariates, covariates])
        self._times_lost |= known.time is not None and time is None
        self._series, self._labels = sorted_by_series(values, covariates, joined)
        if unordered is not None and len(unordered):
            self._unordered = self._unordered.append(unordered)

    def _joined_times(self, codes, labels):
        """Return the times of the series and of the rows that `update` appends; None where they are not known."""
        known = self._labels.time
        if comparable(known, labels.time):
            return known.append(labels.time)
        if known is None:
            return None
        later = times_of_next_rows(self._labels, codes, self._frequencies)
        if later is None:
            warn(
                "update was given an array, and the fitted index has no frequency that tells the times of its rows: "
                "the forecaster no longer knows any times, and takes arrays only. Pass rows with an index."
            )
            return None
        return known.append(later)
