"""Offsets of the arrays of a shard in the memory of the thread that computes it."""

from __future__ import annotations

from skrnn._engine.native.compiling import inlined, kernel
from skrnn._engine.native.pointers import at
from skrnn._engine.native.recurrent import scratch_size
from skrnn._engine.native.tables import (
    ACTIVATION,
    AFTER,
    BACKWARDS,
    BACKWARDS_GRADIENT,
    BEFORE,
    BOTTLENECK,
    DENSE_T,
    DIRECTIONS,
    DROPS,
    DROPS_STATE,
    EMBEDDING,
    EVERY_STEP,
    GATES,
    GRADIENT,
    INPUT_OFFSET,
    KEPT,
    KERNEL_T,
    LANES,
    N_DENSE,
    N_DENSE_OFFSETS,
    N_DIRECTION_OFFSETS,
    N_FEATURES,
    N_HEAD,
    N_LAYER_OFFSETS,
    N_LAYERS,
    N_OFFSETS,
    N_ROW,
    OUT,
    OUT_GRADIENT,
    OUT_ROW,
    POOL,
    READ,
    RECORD,
    RECORDS,
    RECURRENT_T,
    REPEATED,
    REPEATED_GRADIENT,
    SCRATCH,
    STATE_GRADIENT,
    STATES,
    TARGET_OFFSET,
    UNITS,
    WEIGHT_OFFSET,
    WIDTH,
)


@inlined
def padded_size(n):
    """Return a length rounded up to whole vectors."""
    return -(-n // LANES) * LANES


@inlined
def layer_of(net, k, direction):
    """Return the row of the network's table for a layer and direction."""
    return at(net, N_HEAD + (k * net[DIRECTIONS] + direction) * N_ROW)


@inlined
def dense_of(net, k):
    """Return the row of the network's table for a dense layer."""
    return at(net, N_HEAD + (net[N_LAYERS] * net[DIRECTIONS] + k) * N_ROW)


@inlined
def offsets_of_layer(net, offsets, k):
    """Return the offsets for a layer."""
    return at(offsets, N_OFFSETS + k * (N_LAYER_OFFSETS + net[DIRECTIONS] * N_DIRECTION_OFFSETS))


@inlined
def offsets_of_direction(net, offsets, k, direction):
    """Return the offsets of a direction of a layer."""
    return at(offsets_of_layer(net, offsets, k), N_LAYER_OFFSETS + direction * N_DIRECTION_OFFSETS)


@inlined
def offsets_of_dense(net, offsets, k):
    """Return the offsets of a dense layer."""
    return at(offsets_of_layer(net, offsets, net[N_LAYERS]), k * N_DENSE_OFFSETS)


@inlined
def at_every_step(net, k):
    """Return whether a recurrent layer outputs every time step, not only the last one."""
    return k != net[BOTTLENECK] and (net[EVERY_STEP] != 0 or k < net[N_LAYERS] - 1)


@inlined
def is_pooled(net, k):
    """Return whether a recurrent layer outputs the mean or the maximum of its states."""
    return net[POOL] != 0 and k == net[N_LAYERS] - 1


@inlined
def copies_gradient(net, k):
    """Return whether the gradients of the states of a recurrent layer are not those of its outputs, but computed."""
    return net[DIRECTIONS] == 2 or net[DROPS] != 0 or is_pooled(net, k)


@inlined
def is_state(net, k):
    """Return whether the outputs of a recurrent layer are its states, not a copy."""
    return net[DIRECTIONS] == 1 and net[DROPS] == 0 and at_every_step(net, k)


@inlined
def n_dense_of(net):
    """Return the number of dense layers, including that of a bottleneck."""
    return net[N_DENSE] + (1 if net[BOTTLENECK] >= 0 else 0)


@inlined
def lay_out_bottleneck(net, n_packed, m, keeps, offsets, size):
    """Write the offsets of codes, one row per sequence, and of those repeated at each step; return the new size."""
    if net[BOTTLENECK] < 0:
        return size
    to, row = offsets_of_dense(net, offsets, net[N_DENSE]), dense_of(net, net[N_DENSE])[WIDTH]
    to[BEFORE] = to[AFTER] = size
    size += m * row
    to[GRADIENT] = size
    size += m * row if keeps else 0
    offsets[REPEATED] = size
    size += n_packed * row
    offsets[REPEATED_GRADIENT] = size
    return size + (n_packed * row if keeps else 0)


@kernel("FNIIIN", "I")
def lay_out_memory(w, net, n_packed, m, keeps, offsets):
    """Write the offsets for a shard of m rows and ``n_packed`` packed rows; return the size of the memory.

    Transposed weights come first, because they do not depend on the shard: a thread computes them once per batch.
    """
    size, directions, gates = 0, net[DIRECTIONS], net[GATES]
    n_dense = net[N_DENSE]
    if keeps:
        for k in range(net[N_LAYERS]):
            for direction in range(directions):
                layer, to = layer_of(net, k, direction), offsets_of_direction(net, offsets, k, direction)
                to[RECURRENT_T] = size
                size += gates * layer[UNITS] * layer[WIDTH]
                to[KERNEL_T] = size
                if k or net[EMBEDDING] >= 0:
                    size += gates * layer[UNITS] * padded_size(row_of_inputs(net, k))
        for k in range(n_dense_of(net)):
            offsets_of_dense(net, offsets, k)[DENSE_T] = size
            size += dense_of(net, k)[UNITS] * row_below_dense(net, k)
    offsets[INPUT_OFFSET] = size
    size += padded_size(n_packed * net[N_FEATURES])
    offsets[READ] = offsets[INPUT_OFFSET] if net[BOTTLENECK] < 0 else size
    size += 0 if net[BOTTLENECK] < 0 else padded_size(n_packed * net[N_FEATURES])
    scratch = 0
    for k in range(net[N_LAYERS]):
        layer, of_layer = layer_of(net, k, 0), offsets_of_layer(net, offsets, k)
        up, f = layer[WIDTH], padded_size(row_of_inputs(net, k))
        n_out = n_packed if at_every_step(net, k) else m
        of_layer[OUT_ROW] = row_of_outputs(net, k)
        for direction in range(directions):
            to = offsets_of_direction(net, offsets, k, direction)
            to[STATES] = size
            size += (n_packed + m) * up
            to[RECORDS] = size
            size += n_packed * net[RECORD] * up if keeps else 0
            to[STATE_GRADIENT] = size
            n_gradients = n_packed if is_pooled(net, k) else n_out
            size += n_gradients * up if keeps and copies_gradient(net, k) else 0
            to[KEPT] = size
            size += m * up if keeps and net[DROPS_STATE] else 0
            to[BACKWARDS] = size
            size += padded_size(n_packed * row_of_inputs(net, k)) if direction else 0
            to[BACKWARDS_GRADIENT] = size
            size += n_packed * f if direction and keeps and (k or net[EMBEDDING] >= 0) else 0
        of_layer[OUT] = offsets_of_direction(net, offsets, k, 0)[STATES] + m * up if is_state(net, k) else size
        size += 0 if is_state(net, k) else n_out * of_layer[OUT_ROW]
        of_layer[OUT_GRADIENT] = size
        size += n_out * of_layer[OUT_ROW] if keeps else 0
        scratch = max(scratch, scratch_size(net, layer, m) + of_layer[OUT_ROW])
    n_out = n_packed if net[EVERY_STEP] else m
    for k in range(n_dense):
        to, row = offsets_of_dense(net, offsets, k), dense_of(net, k)[WIDTH]
        to[BEFORE] = size
        size += n_out * row
        to[AFTER] = to[BEFORE]
        if k == n_dense - 1 and dense_of(net, k)[ACTIVATION] != 0:  # some losses need both
            to[AFTER] = size
            size += n_out * row
        to[GRADIENT] = size
        size += n_out * row if keeps else 0
    size = lay_out_bottleneck(net, n_packed, m, keeps, offsets, size)
    offsets[TARGET_OFFSET] = size
    size += padded_size(n_out * dense_of(net, n_dense - 1)[WIDTH])
    offsets[WEIGHT_OFFSET] = size
    size += padded_size(n_out)
    offsets[SCRATCH] = size
    return size + scratch


@inlined
def row_of_inputs(net, k):
    """Return the row length of the inputs of a recurrent layer."""
    if k == 0:
        return net[N_FEATURES]
    return dense_of(net, net[N_DENSE])[WIDTH] if k - 1 == net[BOTTLENECK] else row_of_outputs(net, k - 1)


@inlined
def row_of_outputs(net, k):
    """Return the row length of the outputs of a recurrent layer."""
    layer = layer_of(net, k, 0)
    return layer[WIDTH] if net[DIRECTIONS] == 1 else padded_size(layer[UNITS] + layer[WIDTH])


@inlined
def layer_below_dense(net, k):
    """Return the recurrent layer whose outputs a dense layer reads, or -1 if it reads those of another dense layer."""
    if k == net[N_DENSE]:
        return net[BOTTLENECK]
    return net[N_LAYERS] - 1 if k == 0 else -1


@inlined
def row_below_dense(net, k):
    """Return the row length of the inputs of a dense layer."""
    layer = layer_below_dense(net, k)
    return row_of_outputs(net, layer) if layer >= 0 else dense_of(net, k - 1)[WIDTH]


@inlined
def below_dense(net, offsets, k):
    """Return the offset of the inputs of a dense layer."""
    layer = layer_below_dense(net, k)
    return offsets_of_layer(net, offsets, layer)[OUT] if layer >= 0 else offsets_of_dense(net, offsets, k - 1)[AFTER]
