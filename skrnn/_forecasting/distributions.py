"""Distributions that a network predicts for the steps after a window: a normal one, or several quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.pipeline import Pipeline

from skrnn._estimators.base import BaseRecurrent


@dataclass(frozen=True, eq=False)
class Normal:
    """Independent normal distributions of the targets of each window.

    Parameters
    ----------
    mean, std : ndarray of shape (n_windows, n_targets)
    """

    mean: NDArray[Any]
    std: NDArray[Any]

    @property
    def center(self):
        """Values that forecasts consist of: (n_windows, n_targets)."""
        return self.mean

    def interval(self, coverage):
        """Return lower bounds, and upper bounds, that contain the targets with a given probability."""
        half = norm.ppf((1 + coverage) / 2) * self.std
        return self.mean - half, self.mean + half

    def draw(self, rng):
        """Draw the targets of each window: (n_windows, n_targets)."""
        return self.mean + self.std * rng.standard_normal(self.mean.shape)


@dataclass(frozen=True, eq=False)
class Quantiles:
    """Quantiles of the targets of each window.

    Parameters
    ----------
    values : ndarray of shape (n_windows, n_levels, n_targets)
    levels : ndarray of shape (n_levels,)
    """

    values: NDArray[Any]
    levels: NDArray[Any]

    @property
    def center(self):
        """Medians: (n_windows, n_targets)."""
        return self.values[:, np.flatnonzero(self.levels == 0.5)[0]]

    def interval(self, coverage):
        """Return the outermost quantiles, whatever the coverage: see `interval_levels`."""
        return self.values[:, 0], self.values[:, -1]

    def draw(self, rng):
        """Draw the targets of each window from interpolated quantiles.

        They are linear in the quantiles of a normal distribution, also beyond the outermost levels: without tails, the
        paths of networks with levels near 0.5 would be too narrow.
        """
        drawn, knots = rng.standard_normal(self.values[:, 0].shape), norm.ppf(self.levels)
        above = np.clip(np.searchsorted(knots, drawn), 1, len(knots) - 1)
        fraction = (drawn - knots[above - 1]) / (knots[above] - knots[above - 1])
        low, high = (np.take_along_axis(self.values, at[:, None], axis=1)[:, 0] for at in (above - 1, above))
        return low + fraction * (high - low)


def has_distribution(estimator):
    """Return whether a fitted estimator predicts distributions. A single quantile is none."""
    network = _last_step(estimator)
    loss = getattr(network, "loss", None) if isinstance(network, BaseRecurrent) else None
    return loss == "gaussian" or (loss == "quantile" and np.size(network.quantile) > 1)


def interval_levels(estimator):
    """Return the levels of the outermost quantiles of an estimator with a distribution; None for a normal one."""
    network = _last_step(estimator)
    return None if network.loss == "gaussian" else (network.quantile[0], network.quantile[-1])


def predict_distribution(estimator, X):
    """Return the distribution that an estimator predicts for windows, in its units.

    Parameters
    ----------
    estimator : estimator
        Fitted, with a distribution: see `has_distribution`.
    X : Sequences or ndarray
        Windows.
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    if isinstance(estimator, Pipeline):
        X = estimator[:-1].transform(X) if len(estimator) > 1 else X
        return predict_distribution(estimator[-1], X)
    if estimator.loss == "gaussian":
        mean, std = estimator.predict(X, return_std=True)
        return Normal(*(np.asarray(of, dtype=np.float64).reshape(len(of), -1) for of in (mean, std)))
    values = np.asarray(estimator.predict_quantiles(X), dtype=np.float64)
    return Quantiles(values.reshape(*values.shape[:2], -1), np.asarray(estimator.quantile))


def _last_step(estimator):
    """Return the estimator that predicts, of a Pipeline or of a search."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    return _last_step(estimator[-1]) if isinstance(estimator, Pipeline) else estimator
