"""Regression and hinge losses, as defined in ``keras.losses``."""

from __future__ import annotations

import math

import numpy as np

from skrnn._engine.native.compiling import inlined
from skrnn._engine.native.loss_loops import EPSILON, of_rows, of_terms

_LOG_2 = float(np.float32(math.log(2.0)))  # Keras rounds it also in float64


@inlined
def _sign(x):
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else x * 0.0  # NaN remains NaN


@inlined
def _at_least(x, bound):
    return bound if x < bound else x  # NaN remains NaN


@of_terms
def mean_squared_error(p, z, y, highest, parameters):
    """Square of the error."""
    error = p - y
    return error * error, 2.0 * error


@of_terms
def mean_absolute_error(p, z, y, highest, parameters):
    """Absolute error."""
    error = p - y
    return abs(error), _sign(error)


@of_terms
def mean_absolute_percentage_error(p, z, y, highest, parameters):
    """Absolute error in percent of the target."""
    error, percent = p - y, 100.0 / _at_least(abs(y), EPSILON)
    return percent * abs(error), percent * _sign(error)


@of_terms
def mean_squared_logarithmic_error(p, z, y, highest, parameters):
    """Square of the error of log(x + 1); negative numbers are replaced by zero."""
    shifted = _at_least(p, EPSILON) + 1.0
    error = math.log(shifted) - math.log(_at_least(y, EPSILON) + 1.0)
    return error * error, (2.0 * error / shifted if p >= EPSILON else 0.0)


@of_terms
def huber(p, z, y, highest, parameters):
    """Half the square of an error up to ``parameters[0]``, linear from there."""
    error, delta = p - y, parameters[0]
    if abs(error) <= delta:
        return 0.5 * error * error, error
    return delta * abs(error) - 0.5 * delta * delta, delta * _sign(error)


@of_terms
def log_cosh(p, z, y, highest, parameters):
    """Logarithm of the hyperbolic cosine of the error."""
    error = p - y
    size = abs(error)
    return size + math.log1p(math.exp(-2.0 * size)) - _LOG_2, math.tanh(error)


@of_terms
def poisson(p, z, y, highest, parameters):
    """Negative log-likelihood of a count, without its constant."""
    shifted = p + EPSILON
    return p - y * math.log(shifted), 1.0 - y / shifted


@inlined
def _margin(p, y, parameters):
    """Return the label, -1 or 1, and the shortfall of the margin of an output from 1."""
    label = 2.0 * y - 1.0 if parameters[0] != 0.0 else y
    return label, 1.0 - label * p


@of_terms
def hinge(p, z, y, highest, parameters):
    """Shortfall of the margin; if ``parameters[0]`` is set, targets are 0 and 1 instead of -1 and 1."""
    label, short = _margin(p, y, parameters)
    return _at_least(short, 0.0), (-label if short >= 0.0 else short * 0.0)


@of_terms
def squared_hinge(p, z, y, highest, parameters):
    """Square of the shortfall of the margin; targets as for `hinge`."""
    label, short = _margin(p, y, parameters)
    short = _at_least(short, 0.0)
    return short * short, -2.0 * label * short


@of_rows
def categorical_hinge(p, z, y, d, n_out, factor, wants_gradient, parameters):
    """Shortfall of the margin between the output of the true class and the largest of the others."""
    positive, negative, n_largest = 0.0, -math.inf, 0
    for j in range(n_out):
        positive += np.float64(y[j]) * p[j]
        other = (1.0 - y[j]) * p[j]
        if other > negative:
            negative, n_largest = other, 1
        elif other == negative:
            n_largest += 1
    short = negative - positive + 1.0
    if wants_gradient:
        for j in range(n_out):
            other = (1.0 - y[j]) * p[j]
            share = (1.0 - y[j]) / n_largest if other == negative else 0.0  # shared by equal ones
            d[j] = factor * (share - y[j]) if short >= 0.0 else factor * short * 0.0
    return _at_least(short, 0.0)


@inlined
def _inverse_norm(x, n):
    """Return the inverse norm of a vector, bounded as in Keras's ``normalize``."""
    total = 0.0
    for j in range(n):
        total += np.float64(x[j]) * x[j]
    inverse = 1.0 / math.sqrt(total)
    return 1.0 / EPSILON if inverse > 1.0 / EPSILON else inverse


@of_rows
def cosine_similarity(p, z, y, d, n_out, factor, wants_gradient, parameters):
    """Negative cosine of the angle between outputs and targets."""
    p_inverse, y_inverse = _inverse_norm(p, n_out), _inverse_norm(y, n_out)
    cosine = 0.0
    for j in range(n_out):
        cosine += (y_inverse * y[j]) * (p_inverse * p[j])
    if wants_gradient:
        along = 0.0 if p_inverse >= 1.0 / EPSILON else cosine  # a bounded norm is constant
        for j in range(n_out):
            d[j] = factor * p_inverse * (along * (p_inverse * p[j]) - y_inverse * y[j])
    return -cosine
