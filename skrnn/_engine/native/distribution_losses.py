"""Losses of distributions, whose networks have several numbers per target: quantiles, or a mean and a scale.

The columns of the outputs are blocks with one column per target: one block per quantile, or means and then scales.
"""

from __future__ import annotations

import math

import numpy as np

from skrnn._engine.native.activations import sigmoid
from skrnn._engine.native.compiling import inlined
from skrnn._engine.native.loss_loops import of_rows

_HALF_LOG_2_PI = 0.5 * math.log(2.0 * math.pi)


@of_rows
def quantile(p, z, y, d, n_out, factor, wants_gradient, parameters):
    """Pinball loss, averaged over quantiles and targets; the parameters are the number of quantiles, then these."""
    n_targets, total = n_out // int(parameters[0]), 0.0
    for j in range(n_out):
        q, error = parameters[1 + j // n_targets], np.float64(y[j % n_targets]) - p[j]
        if y[j % n_targets] != y[j % n_targets]:  # a missing target
            if wants_gradient:
                d[j] = 0.0
            continue
        slope = q if error >= 0.0 else q - 1.0  # at zero as in the maximum of both lines by TensorFlow
        total += slope * error
        if wants_gradient:
            d[j] = -factor * slope / n_out
    return total / n_out


@inlined
def _softplus(z):
    """Return log(1 + exp(z)) without overflow."""
    return (0.0 if z < 0.0 else z) + math.log1p(math.exp(-abs(z)))


@of_rows
def gaussian(p, z, y, d, n_out, factor, wants_gradient, parameters):
    """Negative log-likelihood of normal distributions, averaged over targets; ``parameters[0]`` bounds the scale."""
    n_targets, total = n_out // 2, 0.0
    for j in range(n_targets):
        if y[j] != y[j]:  # a missing target
            if wants_gradient:
                d[j] = d[n_targets + j] = 0.0
            continue
        raw = np.float64(p[n_targets + j])
        scale = _softplus(raw) + parameters[0]
        error = (np.float64(y[j]) - p[j]) / scale
        total += _HALF_LOG_2_PI + math.log(scale) + 0.5 * error * error
        if wants_gradient:
            d[j] = -factor * error / scale / n_targets
            d[n_targets + j] = factor * (1.0 - error * error) / scale * sigmoid(raw) / n_targets
    return total / n_targets
