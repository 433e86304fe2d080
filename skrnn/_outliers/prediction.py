"""Scores of time steps by the error of their forecast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from skrnn._common.frames import index_of
from skrnn._common.judged_rows import rows_judged_by_caller
from skrnn._common.state import stored_as
from skrnn._estimators.gru_regressor import GRURegressor
from skrnn._forecasting.forecaster import SequenceForecaster
from skrnn._forecasting.hindcast import errors_after_cuts, errors_of_all_rows, fitted_values
from skrnn._forecasting.row_index import row_index
from skrnn._outliers.row_scores import error_scales, row_errors
from skrnn._outliers.rows import read_rows
from skrnn._windows.row_warnings import (
    PASS_GROUPS,
    PASS_NAMES,
    warn_of_gap,
    warn_of_numbers,
    warn_of_panel,
    warn_of_text,
)

_WINDOW = 20
_SMOOTHING = 11
_N_CUTS = 200  # of training series, from which the errors of first rows are estimated


@stored_as("prediction scorer")
@dataclass(frozen=True, eq=False)
class PredictionScorer:
    """Forecaster whose errors, divided by those of the fitted rows, are the scores of rows.

    Parameters
    ----------
    groups : hashable or None
        Column or index level of the rows with the name of their series.
    smoothing : int
        Number of rows that errors are averaged over.
    scales : ndarray of shape (n_positions, n_columns)
        Spread of the errors of each variable, by the number of rows before the predicted one. The last spread is that
        of all later rows, whose windows are not padded.
    """

    groups: Any
    smoothing: int
    scales: NDArray[Any]

    @classmethod
    def fit(cls, detector, X):
        """Fit the forecaster; return it, the scorer and the scores of the fitted rows."""
        _check_forecaster(detector)
        groups = _groups(detector)
        values, labels, codes = _read_rows(detector, X, groups, reset=True)
        longest = int(np.bincount(codes).max())
        if longest < 2:
            raise ValueError(
                f"{type(detector).__name__} with method='prediction' requires a series of at least 2 rows, as each row "
                "is predicted from those before it. The longest series has n_samples=1."
            )
        forecaster = _forecaster(detector, groups, longest)
        with rows_judged_by_caller():
            forecaster.fit(labels, values)
            errors, n_before = errors_of_all_rows(forecaster, labels, values)
        smoothing = _SMOOTHING if detector.smoothing is None else detector.smoothing
        scorer = cls(groups, smoothing, _scales(forecaster, errors))
        return forecaster, scorer, scorer._scores(errors, n_before, codes)

    def score(self, detector, X):
        """Return the scores of rows; NaN for those that cannot be compared with a forecast."""
        values, labels, codes = _read_rows(detector, X, self.groups, reset=False)
        with rows_judged_by_caller():
            errors, n_before = errors_of_all_rows(detector.estimator_, labels, values)
        return self._scores(errors, n_before, codes)

    def _scores(self, errors, n_before, codes):
        scales = self.scales[np.minimum(n_before, len(self.scales) - 1)]
        with np.errstate(over="ignore"):
            errors = errors / scales
        return -row_errors(errors, codes, self.smoothing)


def _check_forecaster(detector):
    """Raise for estimators that do not predict rows, and for parameters that cannot have an effect."""
    forecaster, name = detector.estimator, type(detector).__name__
    if forecaster is None:
        return
    if not isinstance(forecaster, SequenceForecaster):
        raise TypeError(
            "method='prediction' requires a SequenceForecaster as the estimator, such as SequenceForecaster("
            f"GRURegressor()). Got {type(forecaster).__name__} instead."
        )
    for parameter in ("past_covariates", "categorical_features"):
        value = getattr(forecaster, parameter)
        if value is not None and not isinstance(value, str):
            raise ValueError(
                f"{parameter}={value!r} of the forecaster is not supported: {name} predicts all columns of X, and none "
                f"is a covariate. Leave {parameter} at its default."
            )
    if forecaster.lags is not None and detector.window is not None:
        raise ValueError(
            f"window={detector.window} of {name} has no effect with lags={forecaster.lags!r} of the forecaster. Leave "
            "one of them at None."
        )


def _groups(detector):
    """Return the name of the series of each row: the parameter of the detector or, if it is None, of its forecaster."""
    return getattr(detector.estimator, "groups", None) if detector.groups is None else detector.groups


def _forecaster(detector, groups, n_rows):
    """Return an unfitted forecaster for series of which the longest has so many rows."""
    window = detector.window
    if detector.estimator is None:
        # Windows that are scaled by themselves would follow a shift of the level, which is then no error.
        network = GRURegressor(random_state=detector.random_state)
        forecaster = SequenceForecaster(network, window_scaling=None)
        window = min(_WINDOW, max(n_rows // 2, 1)) if window is None else window
    else:
        forecaster = clone(detector.estimator)
    return forecaster.set_params(groups=groups, **({} if window is None else {"window": window}))


def _read_rows(detector, X, groups, reset):
    """Return the variables of rows, a frame or an array, their labels as the `X` of a forecaster, and their series."""
    features, values, row_labels = read_rows(detector, X, groups, reset=reset, allow_nan=True)
    index = index_of(features)
    if groups is None:
        warn_of_numbers(index, type(detector).__name__, PASS_NAMES)
    if reset:
        _warn_of_rows(row_index(X, groups), row_labels, groups, type(detector).__name__)
    labels: Any = None
    if groups is not None:
        names = row_labels.series.take(row_labels.codes)
        is_level = index is not None and np.shape(features)[1] == np.shape(X)[1]
        labels = pd.DataFrame({} if is_level else {groups: names.to_numpy()}, index=index)
    frame = values if index is None else pd.DataFrame(values, index=index, columns=getattr(features, "columns", None))
    return frame, labels, row_labels.codes


def _warn_of_rows(index, labels, groups, name):
    """Warn as a forecaster does of its `y`, which is the `X` of a detector."""
    if groups is None:
        warn_of_panel(index, name, PASS_GROUPS)
    warn_of_text(index, labels.codes, name, "X", "gaps between them are not found")
    warn_of_gap(
        labels,
        name,
        "Each row is predicted from those before it as if they were consecutive steps: fill the gap (X.asfreq adds the "
        "rows), or fit on the rows after it; if only the order of the rows matters, drop the index "
        "(reset_index(drop=True)).",
    )


def _scales(forecaster, errors):
    """Return the spread of errors by the number of rows before, (n_positions, n_columns).

    Predictions from few rows are less accurate. How much, errors at the beginning of training series would tell, but
    there are few of them: they are those of series that are cut at many rows.
    """
    values = fitted_values(forecaster)  # in the units of the errors
    of_all = error_scales(errors, values)
    n_rows = forecaster._model.layout.window + forecaster._model.target.n_lost
    after_cuts = errors_after_cuts(forecaster, n_rows, _N_CUTS)
    scales = np.tile(of_all, (n_rows + 1, 1))
    if len(after_cuts) > 1:
        of_first = [error_scales(after_cuts[:, row], values) for row in range(n_rows)]
        scales[:n_rows] = np.maximum(of_first, of_all)
    return scales
