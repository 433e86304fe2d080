"""Losses that torch computes, with the values and gradients of the kernels in ``skrnn._engine.native``.

The values of a loss are one per row, of outputs ``p``, logits ``z`` and targets ``y``, each of shape (n_rows, ...).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from skrnn._engine.losses import NativeLoss

_EPSILON = 1e-7  # keras.config.epsilon()
_LOG_2 = float(np.float32(math.log(2.0)))  # Keras rounds it also in float64


def _mean_squared_error(p, z, y, parameters):
    return torch.square(p - y)


def _mean_absolute_error(p, z, y, parameters):
    return (p - y).abs()


def _mean_absolute_percentage_error(p, z, y, parameters):
    return 100.0 / y.abs().clamp(min=_EPSILON) * (p - y).abs()


def _mean_squared_logarithmic_error(p, z, y, parameters):
    return torch.square(torch.log(p.clamp(min=_EPSILON) + 1) - torch.log(y.clamp(min=_EPSILON) + 1))


def _huber(p, z, y, parameters):
    [delta] = parameters
    return functional.huber_loss(p, y, reduction="none", delta=delta)


def _log_cosh(p, z, y, parameters):
    size = (p - y).abs()
    return size + torch.log1p(torch.exp(-2.0 * size)) - _LOG_2


def _poisson(p, z, y, parameters):
    return p - y * torch.log(p + _EPSILON)


def _binary_crossentropy(p, z, y, parameters):
    target, q = _smoothed(y, parameters[0], 2), p.clamp(_EPSILON, 1 - _EPSILON)
    return -(target * torch.log(q) + (1 - target) * torch.log(1 - q))


def _binary_crossentropy_of_logits(p, z, y, parameters):
    return functional.binary_cross_entropy_with_logits(z, _smoothed(y, parameters[0], 2), reduction="none")


def _hinge(p, z, y, parameters):
    label = 2 * y - 1 if parameters[0] else y
    return (1 - label * p).clamp(min=0)


def _squared_hinge(p, z, y, parameters):
    return torch.square(_hinge(p, z, y, parameters))


def _binary_focal_crossentropy(p, z, y, parameters):
    return _focal(p, y, _binary_crossentropy(p, z, y, parameters), parameters)


def _binary_focal_crossentropy_of_logits(p, z, y, parameters):
    return _focal(torch.sigmoid(z), y, _binary_crossentropy_of_logits(p, z, y, parameters), parameters)


def _focal(p, y, values, parameters):
    """Scale cross-entropies by the errors of the probabilities (Lin et al. 2017)."""
    smoothing, gamma, alpha, weights_classes = parameters
    target = _smoothed(y, smoothing, 2)
    miss = 1 - (target * p + (1 - target) * (1 - p))
    if 0 < gamma < 1:  # the slope at zero is infinite
        miss = miss.clamp(min=torch.finfo(p.dtype).tiny)
    weights = target * alpha + (1 - target) * (1 - alpha) if weights_classes else 1.0
    return weights * miss**gamma * values


def _kl_divergence(p, z, y, parameters):
    target, q = y.clamp(_EPSILON, 1), p.clamp(_EPSILON, 1)
    return (target * torch.log(target / q)).sum(dim=-1)


def _categorical_hinge(p, z, y, parameters):
    # The gradient of `amax` is shared by equal outputs.
    return (((1 - y) * p).amax(dim=-1) - (y * p).sum(dim=-1) + 1).clamp(min=0)


def _cosine_similarity(p, z, y, parameters):
    return -(_normalized(p) * _normalized(y)).sum(dim=-1)


def _normalized(x):
    """Return vectors divided by their norm, which is bounded as in Keras's ``normalize``."""
    return x * torch.rsqrt(torch.square(x).sum(dim=-1, keepdim=True).clamp(min=_EPSILON**2))


def _categorical_focal_crossentropy(p, z, y, parameters):
    smoothing, gamma, alpha = parameters
    q = (p / p.sum(dim=-1, keepdim=True)).clamp(_EPSILON, 1 - _EPSILON)
    return -(alpha * _smoothed(y, smoothing, p.shape[-1]) * (1 - q) ** gamma * torch.log(q)).sum(dim=-1)


def _categorical_crossentropy(p, z, y, parameters):
    q = (p / p.sum(dim=-1, keepdim=True)).clamp(_EPSILON, 1 - _EPSILON)
    return -(_smoothed(y, parameters[0], p.shape[-1]) * torch.log(q)).sum(dim=-1)


def _categorical_crossentropy_of_logits(p, z, y, parameters):
    return -(_smoothed(y, parameters[0], z.shape[-1]) * torch.log_softmax(z, dim=-1)).sum(dim=-1)


def _sparse_categorical_crossentropy(p, z, y, parameters):
    q = p.clamp(_EPSILON, 1 - _EPSILON)
    return torch.log(q.sum(dim=-1)) - (torch.log(q) * _one_hot(y, p)).sum(dim=-1)


def _sparse_categorical_crossentropy_of_logits(p, z, y, parameters):
    return -(torch.log_softmax(z, dim=-1) * _one_hot(y, z)).sum(dim=-1)


def _quantile(p, z, y, parameters):
    _, *quantiles = parameters
    blocks = zip(quantiles, p.chunk(len(quantiles), dim=1), strict=True)
    errors = [(q, y - block) for q, block in blocks]
    return torch.cat([torch.where(error >= 0, q * error, (q - 1) * error) for q, error in errors], dim=1)


def _gaussian(p, z, y, parameters):
    [floor] = parameters
    mean, raw = p.chunk(2, dim=1)
    scale = functional.softplus(raw) + floor
    return 0.5 * math.log(2 * math.pi) + torch.log(scale) + 0.5 * torch.square((y - mean) / scale)


def _smoothed(y, smoothing, n_classes):
    """Return targets with label smoothing."""
    return y * (1 - smoothing) + smoothing / n_classes if smoothing else y


def _one_hot(y, like):
    """Return labels, (n_rows, 1), as rows of zeros and a one; the gradient of an index would need atomic sums."""
    return (y == torch.arange(like.shape[-1], device=like.device, dtype=like.dtype)).to(like.dtype)


# Losses that are the mean of a term over the outputs of a row, in which the term of a missing target is zero.
_OF_TERMS: dict[str, Any] = {
    "loss_binary_crossentropy": _binary_crossentropy,
    "loss_binary_crossentropy_of_logits": _binary_crossentropy_of_logits,
    "loss_binary_focal_crossentropy": _binary_focal_crossentropy,
    "loss_binary_focal_crossentropy_of_logits": _binary_focal_crossentropy_of_logits,
    "loss_gaussian": _gaussian,
    "loss_hinge": _hinge,
    "loss_huber": _huber,
    "loss_log_cosh": _log_cosh,
    "loss_mean_absolute_error": _mean_absolute_error,
    "loss_mean_absolute_percentage_error": _mean_absolute_percentage_error,
    "loss_mean_squared_error": _mean_squared_error,
    "loss_mean_squared_logarithmic_error": _mean_squared_logarithmic_error,
    "loss_poisson": _poisson,
    "loss_quantile": _quantile,
    "loss_squared_hinge": _squared_hinge,
}
_OF_ROWS: dict[str, Any] = {
    "loss_categorical_crossentropy": _categorical_crossentropy,
    "loss_categorical_crossentropy_of_logits": _categorical_crossentropy_of_logits,
    "loss_categorical_focal_crossentropy": _categorical_focal_crossentropy,
    "loss_categorical_hinge": _categorical_hinge,
    "loss_cosine_similarity": _cosine_similarity,
    "loss_kl_divergence": _kl_divergence,
    "loss_sparse_categorical_crossentropy": _sparse_categorical_crossentropy,
    "loss_sparse_categorical_crossentropy_of_logits": _sparse_categorical_crossentropy_of_logits,
}


def loss_reason(loss: Any) -> str | None:
    """Return the reason why torch does not compute a loss, or None if it does."""
    if not isinstance(loss, NativeLoss):
        return "Keras computes the loss"
    if loss.kernel not in _OF_TERMS and loss.kernel not in _OF_ROWS:
        return f"the loss {loss.kernel.removeprefix('loss_')} is not one of those of the torch loop"
    return None


class TorchLoss:
    """Loss of a batch.

    Parameters
    ----------
    loss : NativeLoss
        Loss without `loss_reason`.
    has_missing : bool
        Whether targets may be NaN, of which the loss is then zero.
    """

    def __init__(self, loss: NativeLoss, *, has_missing: bool) -> None:
        self._is_of_terms = loss.kernel in _OF_TERMS
        self._function: Any = (_OF_TERMS if self._is_of_terms else _OF_ROWS)[loss.kernel]
        self._parameters, self._has_missing = loss.parameters, has_missing
        self.of_logits = loss.wrt_logits

    def weighted_sum(
        self, p: torch.Tensor | None, z: torch.Tensor, y: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        """Return the weighted sum over rows, in float64; losses `of_logits` do not need the outputs."""
        losses = self._mean_of_terms(p, z, y) if self._is_of_terms else self._function(p, z, y, self._parameters)
        return (losses * weights).sum(dtype=torch.float64)

    def _mean_of_terms(self, p, z, y):
        """Return the mean over the outputs of each row, in which the term of a missing target is zero."""
        if self._has_missing:
            is_missing = torch.isnan(y)
            terms = self._function(p, z, y.masked_fill(is_missing, 0), self._parameters)
            terms = terms.masked_fill(is_missing.repeat(1, terms.shape[1] // y.shape[1]), 0)  # in blocks of quantiles
        else:
            terms = self._function(p, z, y, self._parameters)
        return terms[:, 0] if terms.shape[1] == 1 else terms.mean(dim=1)
