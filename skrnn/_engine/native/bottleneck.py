"""Bottleneck of an autoencoder: codes of sequences, repeated at each step as the inputs of the decoder."""

from __future__ import annotations

from skrnn._engine.native.compiling import kernel
from skrnn._engine.native.dense import dense_layer, dense_layer_back
from skrnn._engine.native.memory_layout import (
    below_dense,
    dense_of,
    offsets_of_dense,
    offsets_of_layer,
    row_below_dense,
)
from skrnn._engine.native.pointers import at
from skrnn._engine.native.products import fill
from skrnn._engine.native.recurrent import copy, count_at, offset_at
from skrnn._engine.native.tables import (
    BEFORE,
    BOTTLENECK,
    DENSE_T,
    GRADIENT,
    LANES,
    N_DENSE,
    OUT_GRADIENT,
    REPEATED,
    REPEATED_GRADIENT,
    WIDTH,
)
from skrnn._engine.native.vectors import vload, vstore


@kernel("FNNNF")
def repeat_codes(w, net, steps, offsets, memory):
    """Compute codes from the last outputs of the encoder, and repeat them at each step of their sequence."""
    k, m = net[N_DENSE], steps[1]
    layer = dense_of(net, k)
    codes, row = at(memory, offsets_of_dense(net, offsets, k)[BEFORE]), layer[WIDTH]
    repeated = at(memory, offsets[REPEATED])
    dense_layer(w, layer, at(memory, below_dense(net, offsets, k)), row_below_dense(net, k), codes, codes, m)
    for t in range(steps[0]):
        copy(codes, at(repeated, offset_at(steps, t) * row), count_at(steps, t) * row)


@kernel("FNNNF")
def repeat_codes_back(grad, net, steps, offsets, memory):
    """Compute the gradients of the weights of `repeat_codes`, and of the last outputs of the encoder."""
    k, m = net[N_DENSE], steps[1]
    layer, of_codes = dense_of(net, k), offsets_of_dense(net, offsets, k)
    gradient, row, repeated = at(memory, of_codes[GRADIENT]), layer[WIDTH], at(memory, offsets[REPEATED_GRADIENT])
    fill(gradient, m * row)
    for t in range(steps[0]):
        source = at(repeated, offset_at(steps, t) * row)
        for i in range(0, count_at(steps, t) * row, LANES):
            vstore(gradient, i, vload(gradient, i) + vload(source, i))
    dense_layer_back(
        grad, layer, at(memory, below_dense(net, offsets, k)), row_below_dense(net, k), at(memory, of_codes[BEFORE]),
        gradient, m, at(memory, of_codes[DENSE_T]),
        at(memory, offsets_of_layer(net, offsets, net[BOTTLENECK])[OUT_GRADIENT]), row_below_dense(net, k), 0,
    )  # fmt: skip
