"""Scores of sequences by their reconstruction, and of time steps by that of the windows that contain them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skrnn._common.frames import as_pandas, index_of
from skrnn._common.guide import see
from skrnn._common.judged_rows import rows_judged_by_caller
from skrnn._common.state import stored_as
from skrnn._common.warnings import warn
from skrnn._data.layout_warnings import why_rows_are_time_steps
from skrnn._estimators.sequence_autoencoder import SequenceAutoencoder
from skrnn._forecasting.target_transform import moments
from skrnn._outliers.rows import read_rows
from skrnn._outliers.window_scores import scores_of_rows, whole_windows
from skrnn._preprocessing.scaler import SequenceScaler
from skrnn._windows.row_warnings import PASS_GROUPS, PASS_NAMES, warn_of_gap, warn_of_numbers, warn_of_panel

_LARGEST_SCORE = 1e300  # of which differences are finite
_FILL = "Fill such values, or set method='prediction', which accepts NaN."


@stored_as("sequence scorer")
@dataclass(frozen=True, eq=False)
class SequenceScorer:
    """Estimator whose scores of sequences are those of the detector."""

    @classmethod
    def fit(cls, detector, X):
        """Fit the estimator; return it, the scorer and the scores of the fitted sequences."""
        with rows_judged_by_caller():
            estimator = _fitted(_estimator(detector, SequenceScaler()), X, type(detector).__name__)
        for name in ("n_features_in_", "feature_names_in_"):
            vars(detector).pop(name, None)
            if hasattr(estimator, name):
                setattr(detector, name, getattr(estimator, name))
        _warn_of_rows(X, type(detector).__name__)
        return estimator, cls(), _score_samples(estimator, X)

    def score(self, detector, X):
        """Return the scores of sequences."""
        return _score_samples(detector.estimator_, X)


@stored_as("window scorer")
@dataclass(frozen=True, eq=False)
class WindowScorer:
    """Estimator whose scores of windows are those of their time steps.

    Parameters
    ----------
    window : int
        Number of time steps per window.
    groups : hashable or None
        Column or index level of the rows with the name of their series.
    centers, scales : ndarray of shape (n_columns,)
        Mean and standard deviation of the fitted rows.
    """

    window: int
    groups: Any
    centers: NDArray[Any]
    scales: NDArray[Any]

    @classmethod
    def fit(cls, detector, X):
        """Fit the estimator on windows; return it, the scorer and the scores of the fitted rows."""
        rows, labels = _read_rows(detector, X, detector.groups, reset=True)
        [centers], [scales] = moments(rows, np.zeros(len(rows), dtype=int))
        scorer = cls(detector.window, detector.groups, centers, np.where(scales > 0, scales, 1.0))
        windows = scorer._windows(rows, labels, type(detector).__name__)
        estimator = _fitted(_estimator(detector), windows, type(detector).__name__)
        return estimator, scorer, scores_of_rows(_score_samples(estimator, windows), windows, labels)

    def score(self, detector, X):
        """Return the scores of rows."""
        rows, labels = _read_rows(detector, X, self.groups, reset=False)
        windows = self._windows(rows, labels, type(detector).__name__)
        return scores_of_rows(_score_samples(detector.estimator_, windows), windows, labels)

    def _windows(self, rows, labels, name):
        _warn_of_short_series(labels, self.window, name)
        return whole_windows((rows - self.centers) / self.scales, labels, self.window)


def _estimator(detector, scaler=None):
    """Return an unfitted estimator of the scores of sequences; the default one with a scaler before it, if any."""
    if detector.estimator is None:
        # More codes than normal sequences need would let it reconstruct outliers as well.
        autoencoder = SequenceAutoencoder(n_components=4, random_state=detector.random_state)
        return autoencoder if scaler is None else make_pipeline(scaler, autoencoder)
    if not hasattr(detector.estimator, "score_samples"):
        raise TypeError(
            "method='reconstruction' requires an estimator with score_samples, such as SequenceAutoencoder(). Got "
            f"{type(detector.estimator).__name__} instead."
        )
    return clone(detector.estimator)


def _fitted(estimator, X, name):
    """Return the estimator fitted on sequences; raise with advice if it takes a table only."""
    try:
        return estimator.fit(X)
    except ValueError as error:
        if "array with dim 3" not in str(error):
            raise
        raise ValueError(
            f"{name} passes sequences of shape (n_samples, n_timesteps, n_features) to its estimator, "
            f"{type(estimator).__name__}, which takes 2-D input only. Put a transformer of sequences before it, as in "
            "make_pipeline(SequenceAutoencoder(), IsolationForest()), which scores the codes of sequences. The "
            f"estimator raised: {error}"
        ) from error


def _score_samples(estimator, X):
    """Return scores; those of an estimator that are infinite, such as logarithms of 0, are replaced by finite ones."""
    scores = np.asarray(estimator.score_samples(X), dtype=np.float64)
    return np.clip(scores, -_LARGEST_SCORE, _LARGEST_SCORE)


def _warn_of_rows(X, name):
    """Warn if the rows of a DataFrame, each of which is read as a sequence, are probably the time steps of a series."""
    X = as_pandas(X)
    if not isinstance(X, pd.DataFrame):
        return
    try:
        values = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError):  # the estimator takes other values than numbers
        return
    reason = why_rows_are_time_steps(values, X)
    if reason is not None:
        warn(
            f"{name} reads each row of 2-D input as a separate sequence, but {reason}. If rows are the time steps of a "
            "series, set method='prediction', or window." + see("anomalies", "time-steps-of-a-series")
        )


def _warn_of_short_series(labels, window, name):
    """Warn of the first series that is shorter than a window."""
    n_rows = np.bincount(labels.codes)
    if n_rows.min() >= window:
        return
    number = int(np.argmax(n_rows < window))
    series = "X" if len(n_rows) == 1 else f"Series {labels.series.tolist()[number]!r} of X"
    warn(
        f"{series} has fewer rows, {n_rows[number]}, than window={window} of {name}. They have the score of one padded "
        "window, which cannot be compared with those of whole windows and may be that of an outlier. Pass more rows, "
        "such as those before them, or decrease window." + see("anomalies", "windows-of-a-series")
    )


def _read_rows(detector, X, groups, reset):
    """Return time steps as an array of shape (n_rows, n_columns), and their labels."""
    name = type(detector).__name__
    features, rows, labels = read_rows(detector, X, groups, reset=reset, allow_nan=False, remedy=_FILL)
    if groups is None:
        warn_of_numbers(index_of(features), name, PASS_NAMES)
    if reset and groups is None:
        warn_of_panel(index_of(features), name, PASS_GROUPS)
    warn_of_gap(labels, name, "Windows span the gap: fill it, for example with X.asfreq.")
    return rows, labels
