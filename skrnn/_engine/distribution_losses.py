"""Losses for which a network has several numbers per target: quantiles, or mean and scale of a normal distribution.

The columns of the outputs are blocks with one column per target: one block per quantile, or means and then scales.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._common.state import stored_as
from skrnn._engine.losses import NativeLoss

SCALE_FLOOR = 1e-3  # of a standard deviation: without it, the likelihood of a perfect fit has no maximum


class DistributionLoss(ABC):
    """Loss of outputs from which point predictions are computed, callable as a loss of Keras."""

    @property
    @abstractmethod
    def outputs_per_target(self) -> int:
        """Number of outputs for each target."""

    @property
    @abstractmethod
    def native(self) -> NativeLoss:
        """Kernel with the same values."""

    @abstractmethod
    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each row of Keras's tensors, averaged over targets."""

    @abstractmethod
    def point(self, outputs: Any, ops: Any = np) -> Any:
        """Return the point predictions of shape (..., n_targets); for tensors, ``ops`` is ``keras.ops``."""


@stored_as("quantile loss")
@dataclass(frozen=True)
class QuantileLoss(DistributionLoss):
    """Pinball loss, averaged over quantiles and targets.

    Parameters
    ----------
    quantiles : tuple of float
        Strictly increasing. The point prediction is the median if there are several.
    """

    quantiles: tuple[float, ...]

    @property
    def outputs_per_target(self) -> int:
        """Number of quantiles."""
        return len(self.quantiles)

    @property
    def native(self) -> NativeLoss:
        """Kernel with the same values."""
        return NativeLoss("loss_quantile", False, (float(len(self.quantiles)), *self.quantiles))

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each row of Keras's tensors."""
        from keras import ops

        y = ops.concatenate([ops.cast(y_true, y_pred.dtype)] * len(self.quantiles), axis=-1)
        quantiles = np.repeat(self.quantiles, y_pred.shape[-1] // len(self.quantiles))
        error, q = y - y_pred, ops.convert_to_tensor(quantiles, y_pred.dtype)
        return ops.mean(ops.maximum(q * error, (q - 1) * error), axis=-1)

    def sorted(self, outputs: Any, ops: Any = np) -> Any:
        """Return quantiles of shape (..., n_quantiles, n_targets), in ascending order (rearrangement)."""
        n = len(self.quantiles)
        width = outputs.shape[-1] // n
        blocks = ops.stack([outputs[..., k * width : (k + 1) * width] for k in range(n)], axis=-2)
        return ops.sort(blocks, axis=-2) if n > 1 else blocks

    def point(self, outputs: Any, ops: Any = np) -> Any:
        """Return the medians, or the only quantiles."""
        at = self.quantiles.index(0.5) if len(self.quantiles) > 1 else 0
        return self.sorted(outputs, ops)[..., at, :]


@stored_as("gaussian loss")
@dataclass(frozen=True)
class GaussianLoss(DistributionLoss):
    """Negative log-likelihood of normal distributions, averaged over targets."""

    @property
    def outputs_per_target(self) -> int:
        """Two: mean and scale."""
        return 2

    @property
    def native(self) -> NativeLoss:
        """Kernel with the same values."""
        return NativeLoss("loss_gaussian", False, (SCALE_FLOOR,))

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each row of Keras's tensors."""
        from keras import ops

        scale = ops.softplus(y_pred[..., y_pred.shape[-1] // 2 :]) + SCALE_FLOOR
        error = (ops.cast(y_true, y_pred.dtype) - self.point(y_pred)) / scale
        return ops.mean(0.5 * math.log(2 * math.pi) + ops.log(scale) + 0.5 * ops.square(error), axis=-1)

    def point(self, outputs: Any, ops: Any = np) -> Any:
        """Return the means."""
        return outputs[..., : outputs.shape[-1] // 2]

    def std(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return the standard deviations of shape (..., n_targets)."""
        raw = outputs[..., outputs.shape[-1] // 2 :].astype(np.float64)
        return np.maximum(raw, 0) + np.log1p(np.exp(-np.abs(raw))) + SCALE_FLOOR  # logaddexp warns of NaN


DISTRIBUTION_LOSSES: dict[str, type[Any]] = {"quantile": QuantileLoss, "gaussian": GaussianLoss}


def outputs_per_target(loss: Any) -> int:
    """Return the number of outputs for each target, which is 1 for losses that are not of this module."""
    return int(loss.outputs_per_target) if isinstance(loss, DistributionLoss) else 1


def point_predictions(loss: Any, outputs: Any, ops: Any = np) -> Any:
    """Return what a regressor predicts from outputs: these themselves for losses that are not of this module."""
    return loss.point(outputs, ops) if isinstance(loss, DistributionLoss) else outputs
