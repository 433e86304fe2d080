"""Dense layers: the product with their weights, an activation, and the gradients of both."""

from __future__ import annotations

from skrnn._engine.native.compiling import CallableAt, kernel
from skrnn._engine.native.layout import (
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
from skrnn._engine.native.products import column_sums, gemm, products
from skrnn._engine.native.vectors import at

_activation = CallableAt("FFIII")


@kernel("FNFIFFI")
def dense_layer(w, layer, a, a_row, z, p, n_rows):
    """Compute the outputs of a dense layer before, z, and after its activation, p; these may be one."""
    n_in, n_out, row = layer[INPUTS], layer[UNITS], layer[WIDTH]
    gemm(
        a, a_row, 1, 0, at(w, layer[KERNEL]), PANEL * n_in, 0, z, PANEL, row, 0, at(w, layer[BIAS]), n_rows,
        row // LANES, n_in, 1, 2,
    )  # fmt: skip
    if layer[ACTIVATION] != 0:
        _activation(layer[ACTIVATION], z, p, n_rows, n_out, row)


@kernel("FNFIFFIFFII")
def dense_layer_back(grad, layer, a, a_row, p, d, n_rows, transposed, below, below_row, is_before):
    """Compute the gradients of a dense layer's weights, into ``grad``, and of its inputs, from that of its outputs, d.

    ``is_before`` says that d is the gradient before the activation already.
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
