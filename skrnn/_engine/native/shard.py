"""A shard of a batch: all layers, forward and backward."""

from __future__ import annotations

from skrnn._engine.native.compiling import CallableAt, inlined, kernel
from skrnn._engine.native.dense import dense_layer, dense_layer_back
from skrnn._engine.native.dropout import draw_kept
from skrnn._engine.native.gather import (
    gather_gradient,
    gather_targets,
    gather_weights,
    length_of,
    position_of,
    sample_of,
    scatter_outputs,
    tabulate,
)
from skrnn._engine.native.memory_layout import (
    at_every_step,
    below_dense,
    copies_gradient,
    dense_of,
    is_pooled,
    is_state,
    lay_out_memory,
    layer_of,
    n_dense_of,
    offsets_of_dense,
    offsets_of_direction,
    offsets_of_layer,
    padded_size,
    row_below_dense,
    row_of_inputs,
)
from skrnn._engine.native.pointers import at, doubles_at, ints_at
from skrnn._engine.native.products import transposed
from skrnn._engine.native.recurrent import backward_layer, forward_layer, offset_at
from skrnn._engine.native.tables import (
    ADD_REVERSED,
    AFTER,
    BACKWARDS,
    BACKWARDS_GRADIENT,
    BEFORE,
    BOTTLENECK,
    DENSE_T,
    DIRECTIONS,
    DISTRIBUTE,
    DROPOUT,
    DROPOUT_KEY,
    DROPS,
    DROPS_STATE,
    EMBEDDING,
    GATES,
    GATHER,
    GRADIENT,
    INPUT_OFFSET,
    INPUTS,
    KEPT,
    KERNEL,
    KERNEL_T,
    LOSS,
    LOSS_PARAMETERS,
    N_DENSE,
    N_FEATURES,
    N_LAYERS,
    N_STREAMS,
    NUMBERS,
    OUT,
    OUT_GRADIENT,
    OUT_ROW,
    POOL,
    POOL_BACK,
    READ,
    RECORDS,
    RECURRENT,
    RECURRENT_T,
    REPEAT,
    REPEAT_BACK,
    REPEATED,
    REPEATED_GRADIENT,
    REVERSE,
    SCRATCH,
    STATE_DROPOUT,
    STATE_GRADIENT,
    STATES,
    STOP,
    TARGET_COLUMNS,
    TARGET_OFFSET,
    TARGETS,
    UNITS,
    WEIGHT_OFFSET,
    WIDTH,
    WRT_LOGITS,
)

_gather, _reverse, _distribute = CallableAt("FNNNIFN"), CallableAt("FNNIFIF"), CallableAt("FNNNIINF")
_pool, _pool_back = CallableAt("FNNIFIFI"), CallableAt("FNNIFIIFIFIF")
_repeat = _repeat_back = CallableAt("FNNNF")
_loss = CallableAt("FFFFFIIIIIdD", "d")


@kernel("FNNF")
def transpose_weights(w, net, offsets, memory):
    """Write the transposed weights that the gradient of a batch needs, at the offsets of `lay_out_memory`."""
    for k in range(net[N_LAYERS]):
        for direction in range(net[DIRECTIONS]):
            layer, to = layer_of(net, k, direction), offsets_of_direction(net, offsets, k, direction)
            f, u, up, gates = layer[INPUTS], layer[UNITS], layer[WIDTH], net[GATES]
            transposed(at(w, layer[RECURRENT]), u, up, gates, u, at(memory, to[RECURRENT_T]), up)
            if k or net[EMBEDDING] >= 0:
                columns = padded_size(row_of_inputs(net, k))
                transposed(at(w, layer[KERNEL]), f, up, gates, u, at(memory, to[KERNEL_T]), columns)
    for k in range(n_dense_of(net)):
        layer, to = dense_of(net, k), offsets_of_dense(net, offsets, k)
        transposed(
            at(w, layer[KERNEL]), layer[INPUTS], layer[WIDTH], 1, layer[UNITS], at(memory, to[DENSE_T]),
            row_below_dense(net, k),
        )  # fmt: skip


@kernel("FNNNIIINF")
def collect(w, net, job, steps, first, k, drops, offsets, memory):
    """Write the outputs of a recurrent layer: states of all or the last steps, or pooled ones, with dropout."""
    numbers = doubles_at(job[NUMBERS])
    of_layer, m, every = offsets_of_layer(net, offsets, k), steps[1], at_every_step(net, k)
    u, row = layer_of(net, k, 0)[UNITS], of_layer[OUT_ROW]
    up, kept = layer_of(net, k, 0)[WIDTH], at(memory, offsets[SCRATCH])
    out = at(memory, of_layer[OUT])
    for direction in range(net[DIRECTIONS]):
        states = at(memory, offsets_of_direction(net, offsets, k, direction)[STATES])
        if is_pooled(net, k):
            _pool(net[POOL], w, job, steps, first, at(states, m * up), up, at(out, direction * u), row)
            continue
        for i in range(m):
            length = length_of(job, sample_of(job, first + i))
            for t in range(length if every else 1):
                step = (length - 1 - t if direction else t) if every else length - 1
                source = at(states, (m + offset_at(steps, step) + i) * up)
                to = at(out, ((offset_at(steps, t) if every else 0) + i) * row + direction * u)
                for j in range(up):
                    to[j] = source[j]
    if drops:
        for i in range(m):
            for t in range(length_of(job, sample_of(job, first + i)) if every else 1):
                to = at(out, ((offset_at(steps, t) if every else 0) + i) * row)
                position = position_of(job, first + i)
                draw_kept(kept, job[DROPOUT_KEY], position, k * N_STREAMS, t, net[DIRECTIONS] * u, numbers[DROPOUT])
                for j in range(net[DIRECTIONS] * u):
                    to[j] = to[j] * kept[j]


@kernel("FNNNIINF")
def distribute(w, net, job, steps, first, k, offsets, memory):
    """Convert the gradient of a layer's outputs to those of the states of each direction, the reverse of `collect`."""
    numbers = doubles_at(job[NUMBERS])
    of_layer, m, every = offsets_of_layer(net, offsets, k), steps[1], at_every_step(net, k)
    u, row = layer_of(net, k, 0)[UNITS], of_layer[OUT_ROW]
    up, kept = layer_of(net, k, 0)[WIDTH], at(memory, offsets[SCRATCH])
    gradient = at(memory, of_layer[OUT_GRADIENT])
    for i in range(m):
        length = length_of(job, sample_of(job, first + i))
        for t in range(length if every else 1):
            source = at(gradient, ((offset_at(steps, t) if every else 0) + i) * row)
            if net[DROPS]:
                position = position_of(job, first + i)
                draw_kept(kept, job[DROPOUT_KEY], position, k * N_STREAMS, t, net[DIRECTIONS] * u, numbers[DROPOUT])
                for j in range(net[DIRECTIONS] * u):
                    source[j] = source[j] * kept[j]
            if is_pooled(net, k):
                continue
            for direction in range(net[DIRECTIONS]):
                step = length - 1 - t if direction else t
                to = at(memory, offsets_of_direction(net, offsets, k, direction)[STATE_GRADIENT])
                to = at(to, ((offset_at(steps, step) if every else 0) + i) * up)
                for j in range(up):
                    to[j] = source[direction * u + j] if j < u else 0.0
    for direction in range(net[DIRECTIONS] if is_pooled(net, k) else 0):
        of_direction = offsets_of_direction(net, offsets, k, direction)
        _pool_back(
            net[POOL_BACK], w, job, steps, first, at(memory, of_direction[STATES] + m * up), up, u,
            at(memory, of_direction[STATE_GRADIENT]), direction, at(gradient, direction * u), row, kept,
        )  # fmt: skip


@inlined
def inputs_of(net, offsets, k):
    """Return the offset of the inputs of a recurrent layer."""
    if k == 0:
        return offsets[READ]
    return offsets[REPEATED] if k - 1 == net[BOTTLENECK] else offsets_of_layer(net, offsets, k - 1)[OUT]


@inlined
def input_gradient_of(net, offsets, k):
    """Return the offset of the gradient of the inputs of a recurrent layer that is not the first."""
    return (
        offsets[REPEATED_GRADIENT] if k - 1 == net[BOTTLENECK] else offsets_of_layer(net, offsets, k - 1)[OUT_GRADIENT]
    )


@kernel("FNNIIINNFN", "I")
def forward(w, net, job, first, m, keeps, steps, offsets, memory, tokens):
    """Compute the outputs for rows of the order; return whether the computation was stopped.

    ``keeps`` is 1 in training: records are stored, and dropout is applied.
    """
    stop, numbers = ints_at(job[STOP]), doubles_at(job[NUMBERS])
    tabulate(w, job, first, m, steps)
    n_packed = offset_at(steps, steps[0])
    lay_out_memory(w, net, n_packed, m, keeps, offsets)
    x, scratch = at(memory, offsets[INPUT_OFFSET]), at(memory, offsets[SCRATCH])
    _gather(net[GATHER], w, net, job, steps, first, x, tokens)
    if net[BOTTLENECK] >= 0:
        _reverse(net[REVERSE], w, job, steps, first, x, net[N_FEATURES], at(memory, offsets[READ]))
    record = (2 if net[DROPS_STATE] else 1) if keeps else 0
    for k in range(net[N_LAYERS]):
        inputs, row = at(memory, inputs_of(net, offsets, k)), row_of_inputs(net, k)
        for direction in range(net[DIRECTIONS]):
            layer, of_direction = layer_of(net, k, direction), offsets_of_direction(net, offsets, k, direction)
            kept, source = at(memory, of_direction[KEPT]), inputs
            if direction:
                source = at(memory, of_direction[BACKWARDS])
                _reverse(net[REVERSE], w, job, steps, first, inputs, row, source)
            if record == 2:
                up, u = layer[WIDTH], layer[UNITS]
                for i in range(m):
                    for j in range(u, up):
                        kept[i * up + j] = 0.0
                    stream, position = k * N_STREAMS + 1 + direction, position_of(job, first + i)
                    rate = numbers[STATE_DROPOUT]
                    draw_kept(at(kept, i * up), job[DROPOUT_KEY], position, stream, 0, u, rate)
            stopped = forward_layer(
                w, net, layer, steps, source, row, at(memory, of_direction[STATES]),
                at(memory, of_direction[RECORDS]), scratch, record, kept, stop,
            )  # fmt: skip
            if stopped:
                return 1
        drops = 1 if keeps and net[DROPS] else 0
        if not is_state(net, k):
            collect(w, net, job, steps, first, k, drops, offsets, memory)
        if k == net[BOTTLENECK]:
            _repeat(net[REPEAT], w, net, steps, offsets, memory)
    n_out = n_packed if at_every_step(net, net[N_LAYERS] - 1) else m
    for k in range(net[N_DENSE]):
        of_dense = offsets_of_dense(net, offsets, k)
        before, after = at(memory, of_dense[BEFORE]), at(memory, of_dense[AFTER])
        a, row = at(memory, below_dense(net, offsets, k)), row_below_dense(net, k)
        dense_layer(w, dense_of(net, k), a, row, before, after, n_out)
    return 0


@inlined
def loss_of(w, net, job, first, scale, wants_gradient, steps, offsets, memory):
    """Return the weighted sum of the losses of a shard, and write its gradient to that of the last dense layer."""
    last = net[N_DENSE] - 1
    layer, of_dense = dense_of(net, last), offsets_of_dense(net, offsets, last)
    n_out = offset_at(steps, steps[0]) if at_every_step(net, net[N_LAYERS] - 1) else steps[1]
    z, p, d = at(memory, of_dense[BEFORE]), at(memory, of_dense[AFTER]), at(memory, of_dense[GRADIENT])
    y, weights = at(memory, offsets[TARGET_OFFSET]), at(memory, offsets[WEIGHT_OFFSET])
    if job[TARGETS] == 0:
        y = at(memory, offsets[INPUT_OFFSET])
        gather_weights(w, job, steps, first, weights)
    else:
        gather_targets(w, net, job, steps, first, y, weights)
    return _loss(
        job[LOSS], p, z, y, weights, d, n_out, layer[UNITS], layer[WIDTH], job[TARGET_COLUMNS], wants_gradient, scale,
        doubles_at(job[LOSS_PARAMETERS]),
    )  # fmt: skip


@kernel("FNNIINNFN", "d")
def evaluate_shard(w, net, job, first, m, steps, offsets, memory, tokens):
    """Compute and store the outputs for rows of the order; return the weighted sum of their losses, or 0."""
    if forward_shard(w, net, job, first, m, 0, steps, offsets, memory, tokens):
        return 0.0
    return loss_of(w, net, job, first, 0.0, 0, steps, offsets, memory) if job[LOSS] != 0 else 0.0


@kernel("FNNIIdFNNFNF", "d")
def train_shard(w, net, job, first, m, divisor, grad, steps, offsets, memory, tokens, token_gradients):
    """Compute the gradient of a shard's loss, divided by a divisor; return the weighted sum of the losses."""
    if forward_shard(w, net, job, first, m, 1, steps, offsets, memory, tokens):
        return 0.0
    loss = loss_of(w, net, job, first, 1.0 / divisor, 1, steps, offsets, memory)
    backward_shard(w, net, job, first, grad, steps, offsets, memory, token_gradients)
    return loss


@kernel("FNNIIINNFN", "I")
def forward_shard(w, net, job, first, m, keeps, steps, offsets, memory, tokens):
    """Compute and store the outputs for rows; return whether the computation was stopped."""
    if forward(w, net, job, first, m, keeps, steps, offsets, memory, tokens):
        return 1
    last = net[N_DENSE] - 1
    p = at(memory, offsets_of_dense(net, offsets, last)[AFTER])
    scatter_outputs(w, net, job, steps, first, p, dense_of(net, last)[WIDTH])
    return 0


@kernel("FNNINNF")
def take_gradient(w, net, job, first, steps, offsets, memory):
    """Copy the gradient of the outputs, computed by a loss without a kernel, to that of the last dense layer."""
    last = net[N_DENSE] - 1
    d = at(memory, offsets_of_dense(net, offsets, last)[GRADIENT])
    gather_gradient(w, net, job, steps, first, d, dense_of(net, last)[WIDTH])


@kernel("FNNIFNNFF")
def backward_shard(w, net, job, first, grad, steps, offsets, memory, token_gradients):
    """Compute the gradients of all weights from that of the outputs of the last dense layer."""
    stop, m = ints_at(job[STOP]), steps[1]
    n_dense, n_layers = net[N_DENSE], net[N_LAYERS]
    last = n_dense - 1
    n_packed, scratch = offset_at(steps, steps[0]), at(memory, offsets[SCRATCH])
    n_out = n_packed if at_every_step(net, n_layers - 1) else m
    for k in range(last, -1, -1):
        of_dense = offsets_of_dense(net, offsets, k)
        below = offsets_of_layer(net, offsets, n_layers - 1)[OUT_GRADIENT]
        if k:
            below = offsets_of_dense(net, offsets, k - 1)[GRADIENT]
        dense_layer_back(
            grad, dense_of(net, k), at(memory, below_dense(net, offsets, k)), row_below_dense(net, k),
            at(memory, of_dense[AFTER]), at(memory, of_dense[GRADIENT]), n_out, at(memory, of_dense[DENSE_T]),
            at(memory, below), row_below_dense(net, k), 1 if k == last and job[WRT_LOGITS] else 0,
        )  # fmt: skip
    for k in range(n_layers - 1, -1, -1):
        if k == net[BOTTLENECK]:
            _repeat_back(net[REPEAT_BACK], grad, net, steps, offsets, memory)
        of_layer = offsets_of_layer(net, offsets, k)
        copies = copies_gradient(net, k)
        if copies:
            _distribute(net[DISTRIBUTE], w, net, job, steps, first, k, offsets, memory)
        row = row_of_inputs(net, k)
        below, below_row = token_gradients, 0
        if k:
            below, below_row = at(memory, input_gradient_of(net, offsets, k)), row
        elif net[EMBEDDING] >= 0:
            below_row = padded_size(net[N_FEATURES])
        for direction in range(net[DIRECTIONS]):
            of_direction = offsets_of_direction(net, offsets, k, direction)
            incoming = at(memory, of_direction[STATE_GRADIENT] if copies else of_layer[OUT_GRADIENT])
            inputs = at(memory, of_direction[BACKWARDS] if direction else inputs_of(net, offsets, k))
            to = at(memory, of_direction[BACKWARDS_GRADIENT]) if direction else below
            stopped = backward_layer(
                grad, net, layer_of(net, k, direction), steps, inputs, row, at(memory, of_direction[STATES]),
                at(memory, of_direction[RECORDS]), incoming, 1 if at_every_step(net, k) or is_pooled(net, k) else 0, to,
                below_row,
                at(memory, of_direction[KERNEL_T]), at(memory, of_direction[RECURRENT_T]), scratch,
                at(memory, of_direction[KEPT]), net[DROPS_STATE], stop,
            )  # fmt: skip
            if stopped:
                return
            if direction and below_row:
                _reverse(net[ADD_REVERSED], w, job, steps, first, to, below_row, below)
