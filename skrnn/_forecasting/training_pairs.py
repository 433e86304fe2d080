"""Windows of a panel and the steps that follow them: the pairs that an estimator is fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils import get_tags

from skrnn._common.state import stored_as
from skrnn._data.sequences import Sequences
from skrnn._estimators.base import BaseRecurrent


@stored_as("window layout")
@dataclass(frozen=True)
class WindowLayout:
    """Layout of the windows that an estimator takes.

    Parameters
    ----------
    window : int
        Number of past steps in a window.
    output_steps : int
        Number of steps that are predicted at once.
    takes_3d : bool
        Whether a window is passed as (window, n_features) time steps, or as one flat row.
    takes_lazy : bool
        Whether windows are passed as `Sequences`, which do not copy the series, or as an array.
    """

    window: int
    output_steps: int
    takes_3d: bool
    takes_lazy: bool


def layout_of(estimator, window, output_steps):
    """Return the layout of the windows that an estimator takes; Pipelines, searches and other wrappers are searched.

    Estimators that accept 3-D input, according to their tags, get time steps; only those of skrnn get lazy `Sequences`.
    """
    parts = _parts(estimator)
    return WindowLayout(
        window,
        output_steps,
        takes_3d=any(get_tags(part).input_tags.three_d_array for part in parts),
        takes_lazy=any(isinstance(part, BaseRecurrent) for part in parts),
    )


def check_not_classifier(estimator):
    """Raise for a classifier, and for a Pipeline, a search or another wrapper of one."""
    if estimator is not None and is_classifier(estimator):
        innermost = [part for part in _classifiers_inside(estimator) if not _classifiers_inside(part)]
        inside = f" with {type(innermost[0]).__name__}" if innermost else ""
        raise ValueError(
            "The 'estimator' parameter of SequenceForecaster must be a regressor, such as GRURegressor(). "
            f"Got the classifier {type(estimator).__name__}{inside} instead."
        )


def training_pairs(panel, layout):
    """Return the windows of a panel that an estimator is fitted on, and the steps that follow each of them.

    Returns
    -------
    X : Sequences or ndarray of shape (n_windows, window, n_features), or ndarray of shape (n_windows, n_columns)
    y : ndarray of shape (n_windows,) or (n_windows, output_steps * n_outputs)
    """
    window, output_steps = layout.window, layout.output_steps
    ends = panel.bounds()[panel.codes + 1]
    has_window = panel.positions_in_series() >= window - 1
    has_targets = np.arange(len(panel)) + output_steps < ends
    origins = np.flatnonzero(has_window & has_targets)
    targets = origins[:, None] + np.arange(1, output_steps + 1)
    y = panel.y[targets].reshape(len(origins), -1)
    return windows_at(panel, origins, layout), y[:, 0] if y.shape[1] == 1 else y


def windows_at(panel, origins, layout, n_before=None):
    """Return the windows that end at some rows, in the layout that an estimator takes.

    Parameters
    ----------
    panel : Panel
    origins : ndarray of int, shape (n_windows,)
        Positions of the last rows of the windows.
    layout : WindowLayout
    n_before : ndarray of int, shape (n_windows,), default=None
        Number of rows of the same series before each origin. If given, windows that start before their series are
        padded: with padded time steps, or with the first row of the series if the estimator takes flat rows.
    """
    if not layout.takes_3d:
        return _flat_windows(panel, origins, layout, n_before)
    window, output_steps = layout.window, layout.output_steps
    last_rows = panel.bounds()[panel.codes + 1] - 1
    shifted = panel.covariates[np.minimum(np.arange(len(panel)) + output_steps, last_rows)]
    lengths = np.full(len(origins), window) if n_before is None else np.minimum(n_before + 1, window)
    sequences = Sequences(
        values=np.concatenate([panel.y, shifted], axis=1),
        starts=origins - lengths + 1,
        lengths=lengths,
        n_leading_padding=window - lengths,
        step=1,
        n_timesteps=window,
        series=panel.codes[origins] if panel.n_series > 1 else None,
    )
    return sequences if layout.takes_lazy else np.asarray(sequences)


def _flat_windows(panel, origins, layout, n_before):
    """Return windows as rows: the lagged values, oldest first, and the covariates of the steps to predict."""
    lags = np.arange(layout.window - 1, -1, -1)
    lags = lags[None] if n_before is None else np.minimum(lags, n_before[:, None])
    lagged = panel.y[origins[:, None] - lags].reshape(len(origins), -1)
    last_rows = panel.bounds()[panel.codes[origins] + 1] - 1
    targets = np.minimum(origins[:, None] + np.arange(1, layout.output_steps + 1), last_rows[:, None])
    return np.concatenate([lagged, panel.covariates[targets].reshape(len(origins), -1)], axis=1)


def _parts(estimator):
    """Return an estimator and all estimators among its parameters."""
    parameters = estimator.get_params(deep=True).values()
    return [estimator, *(part for part in parameters if isinstance(part, BaseEstimator))]


def _classifiers_inside(estimator):
    """Return the classifiers among the parameters of an estimator."""
    return [part for part in _parts(estimator)[1:] if is_classifier(part)]
