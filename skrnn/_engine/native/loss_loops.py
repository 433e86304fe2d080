"""The loops of losses: over rows, each with a weight, and over the numbers of a row.

A loss has one kernel, ``loss_NAME(p, z, y, w, d, n_rows, n_out, row, y_columns, wants_gradient, scale, parameters)``,
which returns the sum over rows of ``w[i]`` times the loss of the row, taken in order. Outputs ``p`` (n_rows, row), of
which the first ``n_out`` of a row count, come from logits ``z`` of the same shape; targets ``y`` are (n_rows,
y_columns). Where wanted, ``d`` gets the gradient of that sum times ``scale``, in the shape of ``p``: with respect to
``z`` for the kernels named ``..._of_logits``, else to ``p``. Rows of weight zero contribute nothing, even if NaN.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from skrnn._engine.native.compiling import inlined, kernel
from skrnn._engine.native.vectors import at

EPSILON = 1e-7  # keras.config.epsilon(), from which Keras clips


def of_rows(function):
    """Make the kernel of a loss from what it computes of a single row.

    ``function(p, z, y, d, n_out, factor, wants_gradient, parameters)`` returns the loss of a row and, where wanted,
    writes its gradient, times a factor, to ``d``.
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
    """Make the kernel of a loss that is the mean over a row's numbers of a term.

    ``function(p, z, y, highest, parameters)`` returns the term and its derivative; ``highest`` is the probability that
    larger ones are clipped to.
    """
    term = inlined(function)

    def mean(p, z, y, d, n_out, factor, wants_gradient, parameters):
        highest = rounded(p, 1.0 - EPSILON)
        total = 0.0
        for j in range(n_out):
            value, slope = term(np.float64(p[j]), np.float64(z[j]), np.float64(y[j]), highest, parameters)
            total += value
            if wants_gradient:
                d[j] = factor * slope / n_out
        return total / n_out

    mean.__name__ = function.__name__
    return of_rows(mean)


def rounded(like, value):
    """Return a number rounded to the dtype that a pointer points to."""
    raise NotImplementedError


@overload(rounded)
def _rounded(like, value):
    if like.dtype == types.float32:
        return lambda like, value: np.float64(np.float32(value))
    return lambda like, value: value


@inlined
def clipped(x, low, high):
    """Return a number, or the bound that it is beyond; NaN remains."""
    return low if x < low else high if x > high else x


@inlined
def lies_within(x, low, high):
    """Return 1 where clipping leaves a number as it is, and 0 elsewhere: the derivative of `clipped`."""
    return 1.0 if low <= x <= high else 0.0
