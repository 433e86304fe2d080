"""Losses of predictions in NumPy, and of the constant prediction that is best for a loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from skrnn._engine.distribution_losses import SCALE_FLOOR, GaussianLoss, QuantileLoss
from skrnn._engine.loss_targets import loss_name
from skrnn._engine.losses import NAMES

_CROSS_ENTROPIES = ("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy")
_TINY = 1e-7  # smallest probability, as in Keras


def _huber(error, delta):
    size = np.abs(error)
    return np.where(size <= delta, 0.5 * error**2, delta * size - 0.5 * delta**2)


def _log_cosh(error):
    size = np.abs(error)
    return size + np.log1p(np.exp(-2 * size)) - np.log(2)


class LossTerms:
    """Terms of a loss for each row and target.

    Parameters
    ----------
    loss : str or DistributionLoss
    delta : float
        Argument of the Huber loss.
    """

    def __init__(self, loss: Any, delta: float = 1.0) -> None:
        self._loss, self._delta = loss, delta
        self._name = loss_name(loss) if isinstance(loss, str) else None

    @classmethod
    def of(cls, loss: Any, arguments: dict[str, Any], activation: str | None) -> LossTerms | None:
        """Return the terms of a loss, or None for custom losses, and others without a best constant here.

        Parameters
        ----------
        loss : str, callable, keras.losses.Loss or DistributionLoss
        arguments : dict
            Routed arguments of the loss.
        activation : {"sigmoid", "softmax"} or None
            Activation of the output layer.
        """
        if isinstance(loss, (QuantileLoss, GaussianLoss)):
            return cls(loss)
        if not isinstance(loss, str) or loss not in NAMES:
            return None
        name = loss_name(loss)
        if name == "huber" and set(arguments) <= {"delta"}:
            return cls(loss, float(arguments.get("delta", 1.0)))
        is_known = name in ("mean_squared_error", "mean_absolute_error", "log_cosh") or (
            name in _CROSS_ENTROPIES and activation is not None
        )
        return cls(loss) if is_known and not arguments else None

    def __call__(self, y: NDArray[Any], outputs: NDArray[Any]) -> NDArray[Any]:
        """Return terms of shape (n_rows, n_targets), NaN where a target is missing.

        Parameters
        ----------
        y : ndarray of shape (n_rows, n_targets)
        outputs : ndarray of shape (n_rows, n_outputs) or (1, n_outputs)
        """
        if isinstance(self._loss, QuantileLoss):
            blocks = outputs.reshape(len(outputs), len(self._loss.quantiles), -1)
            errors = y[:, None] - blocks
            levels = np.array(self._loss.quantiles)[:, None]
            return np.maximum(levels * errors, (levels - 1) * errors).mean(axis=1)
        if isinstance(self._loss, GaussianLoss):
            mean, std = self._loss.point(outputs), self._loss.std(outputs)
            return 0.5 * np.log(2 * np.pi) + np.log(std) + 0.5 * ((y - mean) / std) ** 2
        if self._name == "mean_squared_error":
            return (y - outputs) ** 2
        if self._name == "mean_absolute_error":
            return np.abs(y - outputs)
        if self._name == "huber":
            return _huber(y - outputs, self._delta)
        if self._name == "log_cosh":
            return _log_cosh(y - outputs)
        probabilities = np.clip(outputs, _TINY, 1 - _TINY)
        if self._name == "binary_crossentropy":
            return -(y * np.log(probabilities) + (1 - y) * np.log(1 - probabilities))
        probabilities = np.broadcast_to(probabilities, (len(y), outputs.shape[1]))
        if self._name == "categorical_crossentropy":
            return -(y * np.log(probabilities)).sum(axis=1, keepdims=True)
        return -np.log(np.take_along_axis(probabilities, y.astype(np.int64), axis=1))

    def best_constant(self, y: NDArray[Any], weights: NDArray[Any], n_outputs: int) -> NDArray[Any]:
        """Return the outputs with the lowest loss among those that do not depend on the sample: (1, n_outputs)."""
        if self._name == "sparse_categorical_crossentropy":
            counts = np.bincount(y[:, 0].astype(np.int64), weights, minlength=n_outputs)
            return counts[None] / counts.sum()
        columns = [(values[is_valid], weights[is_valid]) for values, is_valid in zip(y.T, ~np.isnan(y).T, strict=True)]
        # The terms of a target that is missing everywhere are NaN, whatever its constant.
        columns = [column if len(column[0]) else (np.zeros(1), np.ones(1)) for column in columns]
        if isinstance(self._loss, QuantileLoss):
            levels = self._loss.quantiles
            return np.array([[_weighted_quantile(*column, level) for level in levels for column in columns]])
        if isinstance(self._loss, GaussianLoss):
            means = np.array([np.average(*column) for column in _with_weights(columns)])
            stds = [np.sqrt(np.average((v - m) ** 2, weights=w)) for (v, w), m in zip(columns, means, strict=True)]
            scales = np.maximum(np.array(stds) - SCALE_FLOOR, 1e-12)
            return np.concatenate([means, scales + np.log(-np.expm1(-scales))])[None]  # the inverse of softplus
        if self._name == "mean_absolute_error":
            return np.array([[_weighted_quantile(*column, 0.5) for column in columns]])
        if self._name in ("huber", "log_cosh"):
            return np.array([[self._minimum(*column) for column in columns]])
        return np.array([[np.average(*column) for column in _with_weights(columns)]])

    def _minimum(self, values, weights):
        """Return the constant of a convex loss, found numerically."""
        bounds = (values.min(), values.max())
        if bounds[0] == bounds[1]:
            return bounds[0]

        def total(constant):
            return float(np.sum(weights * self(values[:, None], np.array([[constant]]))[:, 0]))

        return minimize_scalar(total, bounds=bounds, method="bounded").x


def mean_loss(terms: NDArray[Any], weights: NDArray[Any]) -> float:
    """Return the weighted mean of terms of shape (n_rows, n_targets), without those that are NaN."""
    is_valid = ~np.isnan(terms)
    return float(np.sum(weights[:, None] * np.where(is_valid, terms, 0.0)) / np.sum(weights[:, None] * is_valid))


def _with_weights(columns):
    """Return arguments of `numpy.average`, which takes weights as the third one."""
    return [(values, None, weights) for values, weights in columns]


def _weighted_quantile(values, weights, level):
    """Return a value with the given fraction of the weight at or below it."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    return values[order][np.searchsorted(cumulative, level * cumulative[-1])]
