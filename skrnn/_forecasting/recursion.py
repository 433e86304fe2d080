"""Training pairs from series, and forecasts in closed loop: what `SequenceForecaster` computes with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils import get_tags

from skrnn._common.state import stored_as
from skrnn._data.sequences import Sequences
from skrnn._estimators.base import BaseRecurrent


@stored_as("series")
@dataclass(frozen=True, eq=False)
class Series:
    """Rows of several series, those of one series after another, in time order within each.

    Parameters
    ----------
    y : ndarray of shape (n_rows, n_series)
        Values; a panel of univariate series has ``n_series`` of 1, and many `codes`.
    covariates : ndarray of shape (n_rows, n_covariates)
        What is known of each row in advance.
    codes : ndarray of int, shape (n_rows,)
        The number of the series of each row, sorted.
    """

    y: NDArray[Any]
    covariates: NDArray[Any]
    codes: NDArray[Any]

    def __len__(self):
        return len(self.codes)

    @property
    def n_codes(self):
        """Number of series."""
        return int(self.codes[-1]) + 1 if len(self) else 0

    def bounds(self, n_codes=None):
        """First row of each series, and the end of the last."""
        return np.searchsorted(self.codes, np.arange((self.n_codes if n_codes is None else n_codes) + 1))


@stored_as("window layout")
@dataclass(frozen=True)
class Layout:
    """How an estimator takes windows.

    Parameters
    ----------
    window, output_steps : int
        Steps that it sees, and that it predicts at once.
    takes_sequences : bool
        Whether it takes (window, features) steps, or a flat row.
    takes_lazy : bool
        Whether it takes `Sequences` as they are.
    """

    window: int
    output_steps: int
    takes_sequences: bool
    takes_lazy: bool


def layout_of(estimator, window, output_steps):
    """Find out how an estimator takes windows, through Pipelines, searches and other wrappers."""
    parts = _parts(estimator)
    return Layout(
        window,
        output_steps,
        takes_sequences=any(get_tags(part).input_tags.three_d_array for part in parts),
        takes_lazy=any(isinstance(part, BaseRecurrent) for part in parts),
    )


def check_not_classifier(estimator):
    """Raise for classifiers, and for Pipelines, searches and other wrappers of one."""
    if is_classifier(estimator):
        inner = [part for part in _held_classifiers(estimator) if not _held_classifiers(part)]
        held = f" that holds {type(inner[0]).__name__}" if inner else ""
        raise ValueError(
            "The 'estimator' parameter of SequenceForecaster must be a regressor, which predicts numbers. "
            f"Got {type(estimator).__name__}{held}, a classifier, instead: pass a regressor, such as GRURegressor()."
        )


def _held_classifiers(estimator):
    """Return the classifiers that an estimator holds."""
    return [part for part in _parts(estimator)[1:] if is_classifier(part)]


def training_pairs(series, layout):
    """Return what an estimator is fitted on: windows, and the steps that follow each.

    Returns
    -------
    X : Sequences or ndarray of shape (n_windows, window, n_features), or ndarray of shape (n_windows, n_columns)
    y : ndarray of shape (n_windows,) or (n_windows, output_steps * n_series)
    """
    window, ahead = layout.window, layout.output_steps
    bounds = series.bounds()
    place = np.arange(len(series)) - bounds[series.codes]
    origins = np.flatnonzero((place >= window - 1) & (np.arange(len(series)) + ahead < bounds[series.codes + 1]))
    later = origins[:, None] + np.arange(1, ahead + 1)
    y = series.y[later].reshape(len(origins), -1)
    return windows_at(series, origins, layout), y[:, 0] if y.shape[1] == 1 else y


def windows_at(series, origins, layout, places=None):
    """Return the windows that end at rows, as an estimator takes them.

    Where ``places`` tells how many rows of its series stand before each origin, windows that reach back further are
    padded: with absent steps, or with the first row where the estimator takes flat rows.
    """
    window, ahead = layout.window, layout.output_steps
    ends = series.bounds()[series.codes[origins] + 1] - 1
    if not layout.takes_sequences:
        back = np.arange(window - 1, -1, -1)
        back = back[None] if places is None else np.minimum(back, places[:, None])
        lags = series.y[origins[:, None] - back].reshape(len(origins), -1)
        later = np.minimum(origins[:, None] + np.arange(1, ahead + 1), ends[:, None])
        return np.concatenate([lags, series.covariates[later].reshape(len(origins), -1)], axis=1)
    last = series.bounds()[series.codes + 1] - 1
    shifted = series.covariates[np.minimum(np.arange(len(series)) + ahead, last)]
    lengths = np.full(len(origins), window) if places is None else np.minimum(places + 1, window)
    sequences = Sequences(
        values=np.concatenate([series.y, shifted], axis=1),
        starts=origins - lengths + 1,
        lengths=lengths,
        n_leading_padding=window - lengths,
        step=1,
        n_timesteps=window,
        series=series.codes[origins] if series.n_codes > 1 else None,
    )
    return sequences if layout.takes_lazy else np.asarray(sequences)


def closed_loop(estimator, y, covariates, layout, n_steps):
    """Continue series by feeding predictions back.

    Parameters
    ----------
    estimator : estimator
        Fitted on `training_pairs`.
    y : ndarray of shape (n, window, n_series)
        The last values of each series.
    covariates : ndarray of shape (n, window + n_steps, n_covariates)
        Those of the same rows, and of the steps to predict.
    layout : Layout
    n_steps : int

    Returns
    -------
    ndarray of shape (n, n_steps, n_series)
    """
    window, ahead = layout.window, layout.output_steps
    n, _, n_series = y.shape
    n_blocks = -(-n_steps // ahead)
    # The last block may reach beyond the steps that are asked for: the last covariates stand for those beyond.
    beyond = np.repeat(covariates[:, -1:], n_blocks * ahead - n_steps, axis=1)
    covariates = np.concatenate([covariates, beyond], axis=1)
    if isinstance(estimator, BaseRecurrent):
        steps = estimator._closed_loop(y, covariates, ahead, n_blocks)
        if steps is not None:
            return steps[:, :n_steps]
    timeline = np.concatenate([y, np.zeros((n, n_blocks * ahead, n_series))], axis=1)
    for first in range(0, n_blocks * ahead, ahead):
        now = first + window
        seen = timeline[:, first:now]
        if layout.takes_sequences:
            X = np.concatenate([seen, covariates[:, first + ahead : now + ahead]], axis=2)
        else:
            X = np.concatenate([seen.reshape(n, -1), covariates[:, now : now + ahead].reshape(n, -1)], axis=1)
        timeline[:, now : now + ahead] = np.asarray(estimator.predict(X)).reshape(n, ahead, n_series)
    return timeline[:, window : window + n_steps]


def with_covariates(series, position, covariates):
    """Return series whose rows at positions have other covariates."""
    if not len(position):
        return series
    changed = series.covariates.copy()
    changed[position] = covariates
    return replace(series, covariates=changed)


def one_step_ahead(estimator, series, layout, means, position):
    """Predict rows of series from the true values before them; the first row of a series is its mean."""
    place = position - series.bounds()[series.codes[position]]
    values = means[series.codes[position]]
    later = place > 0
    if later.any():
        X = windows_at(series, position[later] - 1, layout, place[later] - 1)
        values[later] = estimator.predict(X).reshape(int(later.sum()), -1)[:, : values.shape[1]]
    return values


def continue_series(estimator, series, layout, covariates, codes, ahead):
    """Predict steps after the ends of series, so many steps ahead of each, in any order: (n_rows, n_series)."""
    if not len(codes):
        return np.empty((0, series.y.shape[1]))
    present, row = np.unique(codes, return_inverse=True)
    n_steps = int(ahead.max())
    later = np.zeros((len(present), n_steps, covariates.shape[1]))
    later[row, ahead - 1] = covariates
    upto = np.minimum(np.arange(n_steps), np.bincount(row)[:, None] - 1)
    later = np.take_along_axis(later, upto[..., None], axis=1)
    last = series.bounds()[present + 1][:, None] + np.arange(-layout.window, 0)
    known = np.concatenate([series.covariates[last], later], axis=1)
    return closed_loop(estimator, series.y[last], known, layout, n_steps)[row, ahead - 1]


def _parts(estimator):
    """Return an estimator and all that it holds as parameters."""
    held = estimator.get_params(deep=True).values()
    return [estimator, *(part for part in held if isinstance(part, BaseEstimator))]


def transformed(transformer, values):
    """Return values of shape (..., n_series) as an estimator sees them."""
    return values if transformer is None else _by_row(transformer.transform, values)


def restored(transformer, values):
    """Return values of shape (..., n_series) in the units of ``y``."""
    return values if transformer is None else _by_row(transformer.inverse_transform, values)


def _by_row(function, values):
    rows = values.reshape(-1, values.shape[-1])
    return np.asarray(function(rows)).reshape(values.shape) if len(rows) else values
