"""Dense layers: matrix product, activation, and their gradients."""

from __future__ import annotations

from skrnn._engine.native.compiling import CallableAt, kernel
from skrnn._engine.native.pointers import at
from skrnn._engine.native.products import column_sums, gemm, products
from skrnn._engine.native.tables import (
    ACTIVATION,
    ACTIVATION_BACK,
    BIAS,
    INPUTS,
    KERNEL,
    LANES,
    PANEL,
    UNITS,
    WIDTH,
)

_activation = CallableAt("FFIII")


@kernel("FNFIFFI")
def dense_layer(w, layer, a, a_row, z, p, n_rows):
    """Compute the outputs of a dense layer, z before and p after the activation; both may be the same memory."""
    n_in, n_out, row = layer[INPUTS], layer[UNITS], layer[WIDTH]
    gemm(
        a, a_row, 1, 0, at(w, layer[KERNEL]), PANEL * n_in, 0, z, PANEL, row, 0, at(w, layer[BIAS]), n_rows,
        row // LANES, n_in, 1, 2,
    )  # fmt: skip
    if layer[ACTIVATION] != 0:
        _activation(layer[ACTIVATION], z, p, n_rows, n_out, row)


@kernel("FNFIFFIFFII")
def dense_layer_back(grad, layer, a, a_row, p, d, n_rows, transposed, below, below_row, is_before):
    """Compute the gradients of the weights of a dense layer, ``grad``, and of its inputs, ``below``, from d.

    d is the gradient with respect to the outputs, or, if ``is_before``, to the outputs before the activation.
    """
    n_in, n_out, row = layer[INPUTS], layer[UNITS], layer[WIDTH]
    if layer[ACTIVATION_BACK] != 0 and not is_before:
        _activation(layer[ACTIVATION_BACK], p, d, n_rows, n_out, row)
    products(a, a_row, n_in, d, row, at(grad, layer[KERNEL]), n_in, 0, row // LANES, n_rows, 0)
    column_sums(d, row, at(grad, layer[BIAS]), row // LANES, n_rows, 0)
    gemm(
        d, row, 1, 0, transposed, PANEL * n_out, 0, below, PANEL, below_row, 0, d, n_rows, below_row // LANES, n_out,
        1, 0,
    )  # fmt: skip
