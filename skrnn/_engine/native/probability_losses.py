"""Classification losses, as defined in ``keras.losses``.

Keras computes a cross-entropy from the logits if probabilities come from a sigmoid or a softmax: kernels named
``..._of_logits``. All others clip the probabilities, as in Keras.
"""

from __future__ import annotations

import math

import numpy as np

from skrnn._engine.native.activations import largest
from skrnn._engine.native.compiling import inlined
from skrnn._engine.native.loss_loops import EPSILON, clipped, lies_within, of_rows, of_terms, rounded


@inlined
def _smoothed(y, smoothing, n_classes):
    """Return a target with label smoothing over a number of classes."""
    return y * (1.0 - smoothing) + smoothing / n_classes


# Losses of one probability.


@inlined
def _binary(p, target, highest):
    """Return the binary cross-entropy of a clipped probability, and its derivative."""
    q = clipped(p, EPSILON, highest)
    value = -(target * math.log(q) + (1.0 - target) * math.log(1.0 - q))
    return value, ((1.0 - target) / (1.0 - q) - target / q) * lies_within(p, EPSILON, highest)


@inlined
def _binary_of_logit(p, z, target):
    """Return the binary cross-entropy of p, the sigmoid of z, and its derivative with respect to z."""
    positive = 0.0 if z < 0.0 else z
    return positive - z * target + math.log1p(math.exp(-abs(z))), p - target


@inlined
def _focal(p, target, value, slope, p_slope, parameters):
    """Scale a cross-entropy and its derivative by the error of the probability (Lin et al. 2017).

    ``p_slope`` is the derivative of the probability with respect to the variable of ``slope``. The parameters are the
    label smoothing, gamma, alpha, and whether alpha weights the classes.
    """
    gamma, alpha = parameters[1], parameters[2]
    miss = 1.0 - (target * p + (1.0 - target) * (1.0 - p))
    power, power_slope = miss**gamma, 0.0
    if gamma != 0.0 and (miss != 0.0 or gamma >= 1.0):  # otherwise zero times infinity
        power_slope = gamma * miss ** (gamma - 1.0) * (1.0 - 2.0 * target) * p_slope
    weight = target * alpha + (1.0 - target) * (1.0 - alpha) if parameters[3] != 0.0 else 1.0
    return weight * power * value, weight * (power * slope + power_slope * value)


@of_terms
def binary_crossentropy(p, z, y, highest, parameters):
    """Cross-entropy of a clipped probability; ``parameters[0]`` is the label smoothing."""
    return _binary(p, _smoothed(y, parameters[0], 2), highest)


@of_terms
def binary_crossentropy_of_logits(p, z, y, highest, parameters):
    """Cross-entropy of a sigmoid; ``parameters[0]`` is the label smoothing."""
    return _binary_of_logit(p, z, _smoothed(y, parameters[0], 2))


@of_terms
def binary_focal_crossentropy(p, z, y, highest, parameters):
    """Focal cross-entropy of a clipped probability."""
    target = _smoothed(y, parameters[0], 2)
    value, slope = _binary(p, target, highest)
    return _focal(p, target, value, slope, 1.0, parameters)


@of_terms
def binary_focal_crossentropy_of_logits(p, z, y, highest, parameters):
    """Focal cross-entropy of a sigmoid."""
    target = _smoothed(y, parameters[0], 2)
    value, slope = _binary_of_logit(p, z, target)
    return _focal(p, target, value, slope, p * (1.0 - p), parameters)


# Losses of the probabilities of several classes.


@of_rows
def kl_divergence(p, z, y, d, n_out, factor, wants_gradient, parameters):
    """Kullback-Leibler divergence of the targets from the outputs."""
    total = 0.0
    for j in range(n_out):
        target, q = clipped(np.float64(y[j]), EPSILON, 1.0), clipped(np.float64(p[j]), EPSILON, 1.0)
        total += target * math.log(target / q)
        if wants_gradient:
            d[j] = -factor * target / q * lies_within(np.float64(p[j]), EPSILON, 1.0)
    return total


@inlined
def _log_sum(z, highest, n):
    """Return the logarithm of the sum of exponentials, relative to the largest logit."""
    total = 0.0
    for j in range(n):
        total += math.exp(z[j] - highest)
    return math.log(total)


@of_rows
def categorical_crossentropy_of_logits(p, z, y, d, n_out, factor, wants_gradient, parameters):
    """Cross-entropy of a softmax; ``parameters[0]`` is the label smoothing."""
    highest = largest(z, n_out)
    log_sum = _log_sum(z, highest, n_out)
    total = 0.0
    for j in range(n_out):
        target, log_p = _smoothed(y[j], parameters[0], n_out), z[j] - highest - log_sum
        total -= target * log_p
        if wants_gradient:
            d[j] = factor * (p[j] - target)
    return total


@of_rows
def sparse_categorical_crossentropy_of_logits(p, z, y, d, n_out, factor, wants_gradient, parameters):
    """Cross-entropy of a softmax, for the index of a class."""
    highest, label = largest(z, n_out), int(y[0])
    log_sum = _log_sum(z, highest, n_out)
    value = math.nan  # if there is no such class
    for j in range(n_out):
        log_p = z[j] - highest - log_sum
        if j == label:
            value = -log_p
        if wants_gradient:
            d[j] = factor * (p[j] - (1.0 if j == label else 0.0))
    return value


@inlined
def _sum(p, n):
    total = 0.0
    for j in range(n):
        total += p[j]
    return total


@inlined
def _gradient_of_sum_normalized(p, d, n, total):
    """Convert a gradient with respect to ``p[j] / total``, where total is the sum of p, to one with respect to p."""
    mean = 0.0
    for j in range(n):
        mean += np.float64(d[j]) * (p[j] / total)
    for j in range(n):
        d[j] = (d[j] - mean) / total


@of_rows
def categorical_crossentropy(p, z, y, d, n_out, factor, wants_gradient, parameters):
    """Cross-entropy of outputs divided by their sum, and clipped; ``parameters[0]`` is the label smoothing."""
    total, highest, value = _sum(p, n_out), rounded(p, 1.0 - EPSILON), 0.0
    for j in range(n_out):
        share, target = p[j] / total, _smoothed(y[j], parameters[0], n_out)
        q = clipped(share, EPSILON, highest)
        value -= target * math.log(q)
        if wants_gradient:
            d[j] = -factor * target / q * lies_within(share, EPSILON, highest)
    if wants_gradient:
        _gradient_of_sum_normalized(p, d, n_out, total)
    return value


@of_rows
def categorical_focal_crossentropy(p, z, y, d, n_out, factor, wants_gradient, parameters):
    """Focal cross-entropy of outputs divided by their sum, and clipped.

    The parameters are the label smoothing, gamma and alpha.
    """
    total, highest, value = _sum(p, n_out), rounded(p, 1.0 - EPSILON), 0.0
    gamma, alpha = parameters[1], parameters[2]
    for j in range(n_out):
        share, target = p[j] / total, _smoothed(y[j], parameters[0], n_out)
        q = clipped(share, EPSILON, highest)
        power = (1.0 - q) ** gamma
        value -= alpha * target * power * math.log(q)
        if wants_gradient:
            slope = power / q - gamma * (1.0 - q) ** (gamma - 1.0) * math.log(q)
            d[j] = -factor * alpha * target * slope * lies_within(share, EPSILON, highest)
    if wants_gradient:
        _gradient_of_sum_normalized(p, d, n_out, total)
    return value


@of_rows
def sparse_categorical_crossentropy(p, z, y, d, n_out, factor, wants_gradient, parameters):
    """Cross-entropy of outputs clipped, and then divided by their sum, for the index of a class."""
    highest, label = rounded(p, 1.0 - EPSILON), int(y[0])
    total, value = 0.0, math.nan  # if there is no such class
    for j in range(n_out):
        total += clipped(np.float64(p[j]), EPSILON, highest)
    for j in range(n_out):
        q = clipped(np.float64(p[j]), EPSILON, highest)
        if j == label:
            value = math.log(total) - math.log(q)
        if wants_gradient:
            slope = 1.0 / total - (1.0 / q if j == label else 0.0)
            d[j] = factor * slope * lies_within(np.float64(p[j]), EPSILON, highest)
    return value
