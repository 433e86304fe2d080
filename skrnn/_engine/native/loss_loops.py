"""Kernels of losses, made from functions of a single row or a single number.

A loss has one kernel, ``loss_NAME(p, z, y, w, d, n_rows, n_out, row, y_columns, wants_gradient, scale, parameters)``,
which returns the sum over rows of ``w[i]`` times the loss of the row, in order. The outputs ``p`` have shape (n_rows,
row), of which the first ``n_out`` columns are used, the logits ``z`` the same shape, and the targets ``y`` the shape
(n_rows, y_columns). If ``wants_gradient``, the gradient of that sum, times ``scale``, is written to ``d`` in the shape
of ``p``: with respect to ``z`` for kernels named ``..._of_logits``, else to ``p``. Rows of zero weight are ignored,
even if they are NaN.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from skrnn._engine.native.compiling import inlined, kernel
from skrnn._engine.native.pointers import at

EPSILON = 1e-7  # keras.config.epsilon(), the bound at which Keras clips


def of_rows(function):
    """Make the kernel of a loss from a function of a single row.

    ``function(p, z, y, d, n_out, factor, wants_gradient, parameters)`` returns the loss of a row and, if
    ``wants_gradient``, writes its gradient times ``factor`` to ``d``.
    """
    row_loss = inlined(function)

    def loss(p, z, y, w, d, n_rows, n_out, row, y_columns, wants_gradient, scale, parameters):
        total = 0.0
        for i in range(n_rows):
            weight = np.float64(w[i])
            n_written = 0
            if weight != 0.0:
                p_row, z_row, y_row, d_row = at(p, i * row), at(z, i * row), at(y, i * y_columns), at(d, i * row)
                factor = weight * scale
                total += weight * row_loss(p_row, z_row, y_row, d_row, n_out, factor, wants_gradient, parameters)
                n_written = n_out
            if wants_gradient:
                for j in range(n_written, row):
                    d[i * row + j] = 0.0
        return total

    loss.__name__ = f"loss_{function.__name__}"
    return kernel("FFFFFIIIIIdD", "d")(loss)


def of_terms(function):
    """Make the kernel of a loss that is the mean of an elementwise term over a row.

    ``function(p, z, y, highest, parameters)`` returns the term and its derivative; ``highest`` is the upper bound at
    which probabilities are clipped. The term of a missing target, NaN, is zero.
    """
    term = inlined(function)

    def mean(p, z, y, d, n_out, factor, wants_gradient, parameters):
        highest = rounded(p, 1.0 - EPSILON)
        total = 0.0
        for j in range(n_out):
            target = np.float64(y[j])
            if target != target:
                if wants_gradient:
                    d[j] = 0.0
                continue
            value, slope = term(np.float64(p[j]), np.float64(z[j]), target, highest, parameters)
            total += value
            if wants_gradient:
                d[j] = factor * slope / n_out
        return total / n_out

    mean.__name__ = function.__name__
    return of_rows(mean)


def rounded(like, value):
    """Return a number rounded to the dtype of a pointer."""
    raise NotImplementedError


@overload(rounded)
def _rounded(like, value):
    if like.dtype == types.float32:
        return lambda like, value: np.float64(np.float32(value))
    return lambda like, value: value


@inlined
def clipped(x, low, high):
    """Return a number clipped to the bounds; NaN remains NaN."""
    return low if x < low else high if x > high else x


@inlined
def lies_within(x, low, high):
    """Return 1 for a number within the bounds, else 0: the derivative of `clipped`."""
    return 1.0 if low <= x <= high else 0.0
