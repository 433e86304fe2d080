"""Training and evaluation over all batches, by any number of threads.

All threads call the same kernel. They take shards, and parts of the update, by incrementing counters, so that a thread
without a core does not delay the others. Sums are computed in the order of the shards, whatever the number of threads.
"""

from __future__ import annotations

import math

from skrnn._engine.native.atomics import atomic_add, atomic_load, pause, sleep_microseconds
from skrnn._engine.native.compiling import CallableAt, inlined, kernel
from skrnn._engine.native.denormals import set_floating_point, without_denormals
from skrnn._engine.native.gather import length_of, sample_of
from skrnn._engine.native.memory_layout import lay_out_memory, padded_size
from skrnn._engine.native.pointers import at, doubles_at, floats_at, ints_at
from skrnn._engine.native.shard import (
    backward_shard,
    evaluate_shard,
    forward_shard,
    take_gradient,
    train_shard,
    transpose_weights,
)
from skrnn._engine.native.tables import (
    BATCHES,
    BY_GLOBAL_NORM,
    BY_NORM,
    BY_VALUE,
    CLIP,
    CLIPPING,
    DENSE_SIZE,
    DIVISORS,
    EMBEDDING,
    EMBEDDING_GRADIENT,
    EMBEDDING_ROW,
    FIRST,
    FIRST_BATCH,
    FORWARD,
    GRADIENTS,
    HALF_OF_SHARD,
    HYPER,
    LANES,
    LAST,
    LOSSES,
    MEMORY_ADDRESS,
    N_BATCH,
    N_BATCHES,
    N_COUNTS,
    N_FEATURES,
    N_HYPER,
    N_PIECE,
    N_PIECES,
    N_SAMPLES,
    N_SHARD_MEMORY,
    NUMBERS,
    OFFSETS_ADDRESS,
    OPTIMIZER,
    PARTS_DONE,
    PARTS_TAKEN,
    PASS,
    PATCH_SIZE,
    PATCH_STRIDE,
    PIECE_SIZE,
    PIECE_START,
    PIECE_VARIABLE,
    PIECES,
    PREDICTED_AT_ONCE,
    SHARD_MEMORIES,
    SHARDS,
    SHARDS_DONE,
    SHARDS_TAKEN,
    SIZE,
    SLOTS,
    SQUARES,
    STEPS_ADDRESS,
    STOP,
    SUM_TOKENS,
    SUMS_DONE,
    SUMS_TAKEN,
    SYNC,
    TOKEN_GRADIENTS,
    TOKEN_PARTS,
    TOKENS,
    TOKENS_DONE,
    TOKENS_PER_SHARD,
    TOKENS_PER_STEP,
    TOKENS_TAKEN,
    WHOLE,
)
from skrnn._engine.native.vectors import splat, vload, vstore, vsum

_optimizer = CallableAt("FFFIID")
_sum_tokens = _half_of_shard = CallableAt("FNNNI")
_SPINS = 2000  # before a thread sleeps, because another thread or process may need its core


@inlined
def wait(counters, counter, target, stop):
    """Wait until a counter reaches a target, or the flag ``stop`` is set."""
    spins = 0
    while atomic_load(counters, counter) < target and atomic_load(stop, 0) == 0:
        spins += 1
        if spins < _SPINS:
            pause()
        else:
            sleep_microseconds(20)


@inlined
def shard_of(batch, s):
    """Return the first row and the number of rows of a shard of a batch."""
    n, n_shards = batch[LAST] - batch[FIRST], batch[SHARDS]
    few, more = n // n_shards, n % n_shards
    return batch[FIRST] + s * few + min(s, more), few + (1 if s < more else 0)


@kernel("FNNNI")
def sum_token_gradients(w, net, job, batch, part):
    """Sum the gradients of a part of the embedding over a batch, in the order of the rows."""
    patch_size, f, most = net[PATCH_SIZE], net[PATCH_STRIDE], job[TOKENS_PER_SHARD]
    row, total = padded_size(net[N_FEATURES]), floats_at(w, job[EMBEDDING_GRADIENT])
    for s in range(batch[SHARDS]):
        first, m = shard_of(batch, s)
        tokens = at(ints_at(job[TOKENS]), s * most * patch_size)
        gradients = at(floats_at(w, job[TOKEN_GRADIENTS]), s * most * row)
        n_packed = 0
        for i in range(m):
            n_packed += length_of(job, sample_of(job, first + i))
        if patch_size == 1:
            for r in range(n_packed):
                if tokens[r] % TOKEN_PARTS == part:
                    to = at(total, tokens[r] * net[EMBEDDING_ROW])
                    for k in range(0, row, LANES):
                        vstore(to, k, vload(to, k) + vload(gradients, r * row + k))
            continue
        for r in range(n_packed):
            for position in range(patch_size):
                token = tokens[r * patch_size + position]
                if token >= 0 and token % TOKEN_PARTS == part:
                    to, source = at(total, token * net[EMBEDDING_ROW]), at(gradients, r * row + position * f)
                    for k in range(f):
                        to[k] += source[k]


@inlined
def gradient_of(w, net, job, start):
    """Return the pointer to the sum of the gradient of a piece of the weights."""
    if start >= net[DENSE_SIZE]:
        return at(floats_at(w, job[EMBEDDING_GRADIENT]), start - net[DENSE_SIZE])
    return at(floats_at(w, job[GRADIENTS]), start)


@kernel("FNNNI")
def sum_piece(w, net, job, batch, k):
    """Add the gradients of all shards for a piece of the weights to that of the first, and clip it by value."""
    piece = at(ints_at(job[PIECES]), k * N_PIECE)
    start, n = piece[PIECE_START], piece[PIECE_SIZE]
    grad, size = gradient_of(w, net, job, start), net[DENSE_SIZE]
    if start < size:
        for s in range(1, batch[SHARDS]):
            for i in range(0, n, LANES):
                vstore(grad, i, vload(grad, i) + vload(grad, s * size + i))
    if job[CLIPPING] == BY_VALUE:
        bound = doubles_at(job[NUMBERS])[CLIP]
        for i in range(n):
            grad[i] = min(max(grad[i], -bound), bound)
    elif job[CLIPPING] != 0:
        total = splat(grad, 0.0)
        for i in range(0, n, LANES):
            v = vload(grad, i)
            total = total + v * v
        doubles_at(job[SQUARES])[k] = vsum(total)


@inlined
def clip_factor(job, k):
    """Return the factor that clips the gradient of a piece by the norm of its variable, or by the global norm."""
    clip, pieces, squares = doubles_at(job[NUMBERS])[CLIP], ints_at(job[PIECES]), doubles_at(job[SQUARES])
    variable, total = pieces[k * N_PIECE + PIECE_VARIABLE], 0.0
    for other in range(job[N_PIECES]):
        if job[CLIPPING] == BY_GLOBAL_NORM or pieces[other * N_PIECE + PIECE_VARIABLE] == variable:
            total += squares[other]
    return clip / max(math.sqrt(total), clip)


@kernel("FNNDI")
def update_piece(w, net, job, hyper, k):
    """Update a piece of the weights."""
    piece = at(ints_at(job[PIECES]), k * N_PIECE)
    start, n = piece[PIECE_START], piece[PIECE_SIZE]
    grad = gradient_of(w, net, job, start)
    if job[CLIPPING] == BY_NORM or job[CLIPPING] == BY_GLOBAL_NORM:
        factor = splat(grad, clip_factor(job, k))
        for i in range(0, n, LANES):
            vstore(grad, i, vload(grad, i) * factor)
    _optimizer(job[OPTIMIZER], at(w, start), at(floats_at(w, job[SLOTS]), start), grad, n, net[SIZE], hyper)
    if start >= net[DENSE_SIZE]:
        for i in range(n):
            grad[i] = 0.0


@kernel("FNNNI")
def half_of_shard(w, net, job, batch, s):
    """Compute the outputs or the gradient of a shard, depending on the pass, in the memory of the shard."""
    own, most = at(ints_at(job[SHARD_MEMORIES]), s * N_SHARD_MEMORY), job[TOKENS_PER_SHARD]
    steps, offsets = ints_at(own[STEPS_ADDRESS]), ints_at(own[OFFSETS_ADDRESS])
    memory = floats_at(w, own[MEMORY_ADDRESS])
    first, m = shard_of(batch, s)
    if job[PASS] == FORWARD:
        tokens = at(ints_at(job[TOKENS]), s * most * net[TOKENS_PER_STEP])
        forward_shard(w, net, job, first, m, 1, steps, offsets, memory, tokens)
    else:
        transpose_weights(w, net, offsets, memory)
        take_gradient(w, net, job, first, steps, offsets, memory)
        backward_shard(
            w, net, job, first, at(floats_at(w, job[GRADIENTS]), s * net[DENSE_SIZE]), steps, offsets, memory,
            at(floats_at(w, job[TOKEN_GRADIENTS]), s * most * padded_size(net[N_FEATURES])),
        )  # fmt: skip


@kernel("FNNNNFN")
def train(w, net, job, steps, offsets, memory, unused):
    """Train on all batches of a job; each thread computes a part of the shards and of the updates."""
    stop, n_pieces, hyper = ints_at(job[STOP]), job[N_PIECES], doubles_at(job[HYPER])
    losses, divisors, most = doubles_at(job[LOSSES]), doubles_at(job[DIVISORS]), job[TOKENS_PER_SHARD]
    by_norm = job[CLIPPING] == BY_NORM or job[CLIPPING] == BY_GLOBAL_NORM
    lay_out_memory(w, net, 1, 1, 1, offsets)  # for transposed weights, whose offsets are the same for all shards
    loss, floating_point = 0, without_denormals()
    for b in range(job[FIRST_BATCH], job[FIRST_BATCH] + job[N_BATCHES]):
        batch, counters = at(ints_at(job[BATCHES]), b * N_BATCH), at(ints_at(job[SYNC]), b * N_COUNTS)
        n_shards, ready = batch[SHARDS], False
        while atomic_load(stop, 0) == 0:
            s = atomic_add(counters, SHARDS_TAKEN, 1)
            if s >= n_shards:
                break
            if job[PASS] != WHOLE:
                _half_of_shard(job[HALF_OF_SHARD], w, net, job, batch, s)
                atomic_add(counters, SHARDS_DONE, 1)
                continue
            if not ready:
                transpose_weights(w, net, offsets, memory)
                ready = True
            first, m = shard_of(batch, s)
            losses[loss + s] = train_shard(
                w, net, job, first, m, divisors[b], at(floats_at(w, job[GRADIENTS]), s * net[DENSE_SIZE]), steps,
                offsets, memory, at(ints_at(job[TOKENS]), s * most * net[TOKENS_PER_STEP]),
                at(floats_at(w, job[TOKEN_GRADIENTS]), s * most * padded_size(net[N_FEATURES])),
            )  # fmt: skip
            atomic_add(counters, SHARDS_DONE, 1)
        wait(counters, SHARDS_DONE, n_shards, stop)
        loss += n_shards
        if job[PASS] == FORWARD:
            continue
        if net[EMBEDDING] >= 0:
            while atomic_load(stop, 0) == 0:
                part = atomic_add(counters, TOKENS_TAKEN, 1)
                if part >= TOKEN_PARTS:
                    break
                _sum_tokens(net[SUM_TOKENS], w, net, job, batch, part)
                atomic_add(counters, TOKENS_DONE, 1)
            wait(counters, TOKENS_DONE, TOKEN_PARTS, stop)
        if by_norm:
            while atomic_load(stop, 0) == 0:
                k = atomic_add(counters, SUMS_TAKEN, 1)
                if k >= n_pieces:
                    break
                sum_piece(w, net, job, batch, k)
                atomic_add(counters, SUMS_DONE, 1)
            wait(counters, SUMS_DONE, n_pieces, stop)
        while atomic_load(stop, 0) == 0:
            k = atomic_add(counters, PARTS_TAKEN, 1)
            if k >= n_pieces:
                break
            if not by_norm:
                sum_piece(w, net, job, batch, k)
            update_piece(w, net, job, at(hyper, b * N_HYPER), k)
            atomic_add(counters, PARTS_DONE, 1)
        wait(counters, PARTS_DONE, n_pieces, stop)
    set_floating_point(floating_point)


@kernel("FNNNNFN")
def evaluate(w, net, job, steps, offsets, memory, tokens):
    """Compute outputs and losses of all samples of a job; each thread computes a part of the samples."""
    stop, counters, losses = ints_at(job[STOP]), ints_at(job[SYNC]), doubles_at(job[LOSSES])
    n = job[N_SAMPLES]
    while atomic_load(stop, 0) == 0:
        block = atomic_add(counters, SHARDS_TAKEN, 1)
        first = block * PREDICTED_AT_ONCE
        if first >= n:
            break
        m = min(PREDICTED_AT_ONCE, n - first)
        losses[block] = evaluate_shard(w, net, job, first, m, steps, offsets, memory, tokens)
