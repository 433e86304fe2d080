"""Where everything of a shard lies in the memory of the thread that works on it."""

from __future__ import annotations

from skrnn._engine.native.compiling import inlined, kernel
from skrnn._engine.native.layout import (
    ACTIVATION,
    AFTER,
    BACKWARDS,
    BACKWARDS_GRADIENT,
    BEFORE,
    DENSE_T,
    DIRECTIONS,
    DROPS,
    DROPS_STATE,
    EMBEDDING,
    EVERY_STEP,
    GATES,
    GRADIENT,
    INPUT_PLACE,
    KEPT,
    KERNEL_T,
    LANES,
    N_DENSE,
    N_DENSE_PLACES,
    N_DIRECTION_PLACES,
    N_FEATURES,
    N_HEAD,
    N_LAYER_PLACES,
    N_LAYERS,
    N_PLACES,
    N_ROW,
    OUT,
    OUT_GRADIENT,
    OUT_ROW,
    RECORD,
    RECORDS,
    RECURRENT_T,
    SCRATCH,
    STATE_GRADIENT,
    STATES,
    TARGET_PLACE,
    UNITS,
    WEIGHT_PLACE,
    WIDTH,
)
from skrnn._engine.native.recurrent import scratch_size
from skrnn._engine.native.vectors import at


@inlined
def whole(n):
    """Return a length filled up to whole vectors."""
    return -(-n // LANES) * LANES


@inlined
def layer_of(net, k, direction):
    """Return the row of a layer and direction in the network's table."""
    return at(net, N_HEAD + (k * net[DIRECTIONS] + direction) * N_ROW)


@inlined
def dense_of(net, k):
    """Return the row of a dense layer in the network's table."""
    return at(net, N_HEAD + (net[N_LAYERS] * net[DIRECTIONS] + k) * N_ROW)


@inlined
def places_of_layer(net, places, k):
    """Return the places of a layer."""
    return at(places, N_PLACES + k * (N_LAYER_PLACES + net[DIRECTIONS] * N_DIRECTION_PLACES))


@inlined
def places_of_direction(net, places, k, direction):
    """Return the places of a direction of a layer."""
    return at(places_of_layer(net, places, k), N_LAYER_PLACES + direction * N_DIRECTION_PLACES)


@inlined
def places_of_dense(net, places, k):
    """Return the places of a dense layer."""
    return at(places_of_layer(net, places, net[N_LAYERS]), k * N_DENSE_PLACES)


@inlined
def at_every_step(net, k):
    """Tell whether the outputs of a recurrent layer are those of every step, not of the last ones alone."""
    return net[EVERY_STEP] or k < net[N_LAYERS] - 1


@inlined
def is_state(net, k):
    """Tell whether the outputs of a recurrent layer are its states, and no copy of them."""
    return net[DIRECTIONS] == 1 and net[DROPS] == 0 and at_every_step(net, k)


@kernel("FNIIIN", "I")
def arrange(w, net, n_packed, m, keeps, places):
    """Write the places of a shard of m rows and so many packed ones; return how many numbers it takes.

    What does not depend on the shard comes first, the transposes of weights: a thread makes them once for a batch.
    """
    size, directions, gates = 0, net[DIRECTIONS], net[GATES]
    n_dense = net[N_DENSE]
    if keeps:
        for k in range(net[N_LAYERS]):
            for direction in range(directions):
                layer, to = layer_of(net, k, direction), places_of_direction(net, places, k, direction)
                to[RECURRENT_T] = size
                size += gates * layer[UNITS] * layer[WIDTH]
                to[KERNEL_T] = size
                if k or net[EMBEDDING] >= 0:
                    size += gates * layer[UNITS] * whole(row_of_inputs(net, k))
        for k in range(n_dense):
            places_of_dense(net, places, k)[DENSE_T] = size
            size += dense_of(net, k)[UNITS] * row_below_dense(net, k)
    places[INPUT_PLACE] = size
    size += whole(n_packed * net[N_FEATURES])
    scratch = 0
    for k in range(net[N_LAYERS]):
        layer, of_layer = layer_of(net, k, 0), places_of_layer(net, places, k)
        up, f = layer[WIDTH], whole(row_of_inputs(net, k))
        n_out = n_packed if at_every_step(net, k) else m
        of_layer[OUT_ROW] = row_of_outputs(net, k)
        for direction in range(directions):
            to = places_of_direction(net, places, k, direction)
            to[STATES] = size
            size += (n_packed + m) * up
            to[RECORDS] = size
            size += n_packed * net[RECORD] * up if keeps else 0
            to[STATE_GRADIENT] = size
            size += n_out * up if keeps and (directions == 2 or net[DROPS]) else 0
            to[KEPT] = size
            size += m * up if keeps and net[DROPS_STATE] else 0
            to[BACKWARDS] = size
            size += whole(n_packed * row_of_inputs(net, k)) if direction else 0
            to[BACKWARDS_GRADIENT] = size
            size += n_packed * f if direction and keeps and (k or net[EMBEDDING] >= 0) else 0
        of_layer[OUT] = places_of_direction(net, places, k, 0)[STATES] + m * up if is_state(net, k) else size
        size += 0 if is_state(net, k) else n_out * of_layer[OUT_ROW]
        of_layer[OUT_GRADIENT] = size
        size += n_out * of_layer[OUT_ROW] if keeps else 0
        scratch = max(scratch, scratch_size(net, layer, m) + of_layer[OUT_ROW])
    n_out = n_packed if net[EVERY_STEP] else m
    for k in range(n_dense):
        to, row = places_of_dense(net, places, k), dense_of(net, k)[WIDTH]
        to[BEFORE] = size
        size += n_out * row
        to[AFTER] = to[BEFORE]
        if k == n_dense - 1 and dense_of(net, k)[ACTIVATION] != 0:  # some losses want both
            to[AFTER] = size
            size += n_out * row
        to[GRADIENT] = size
        size += n_out * row if keeps else 0
    places[TARGET_PLACE] = size
    size += whole(n_out * dense_of(net, n_dense - 1)[WIDTH])
    places[WEIGHT_PLACE] = size
    size += whole(n_out)
    places[SCRATCH] = size
    return size + scratch


@inlined
def row_of_inputs(net, k):
    """Return how many numbers a row of the inputs of a recurrent layer takes."""
    return net[N_FEATURES] if k == 0 else row_of_outputs(net, k - 1)


@inlined
def row_of_outputs(net, k):
    """Return how many numbers a row of the outputs of a recurrent layer takes."""
    layer = layer_of(net, k, 0)
    return layer[WIDTH] if net[DIRECTIONS] == 1 else whole(layer[UNITS] + layer[WIDTH])


@inlined
def row_below_dense(net, k):
    """Return how many numbers a row of the inputs of a dense layer takes."""
    return row_of_outputs(net, net[N_LAYERS] - 1) if k == 0 else dense_of(net, k - 1)[WIDTH]


@inlined
def below_dense(net, places, k):
    """Return the place of the inputs of a dense layer."""
    return (
        places_of_layer(net, places, net[N_LAYERS] - 1)[OUT] if k == 0 else places_of_dense(net, places, k - 1)[AFTER]
    )
