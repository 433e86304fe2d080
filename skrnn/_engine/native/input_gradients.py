"""Gradients of the outputs with respect to the inputs, for all samples of a job."""

from __future__ import annotations

from skrnn._engine.native.atomics import atomic_add, atomic_load
from skrnn._engine.native.compiling import kernel
from skrnn._engine.native.gather import length_of, n_filled_of, sample_of
from skrnn._engine.native.memory_layout import lay_out_memory, padded_size
from skrnn._engine.native.pointers import at, floats_at, ints_at
from skrnn._engine.native.recurrent import offset_at
from skrnn._engine.native.shard import backward_shard, forward, take_gradient, transpose_weights
from skrnn._engine.native.tables import (
    DENSE_SIZE,
    GRADIENTS,
    INPUT_GRADIENTS,
    N_FEATURES,
    N_SAMPLES,
    PARTS_TAKEN,
    PATCH_SIZE,
    PATCH_STRIDE,
    PREDICTED_AT_ONCE,
    SHARDS_TAKEN,
    STOP,
    SYNC,
    TOKEN_GRADIENTS,
    TOKENS_PER_SHARD,
)


@kernel("FNNNIFI")
def scatter_input_gradients(w, net, job, steps, first, packed, n_timesteps):
    """Copy packed gradients of the inputs to the time steps of their samples in `INPUT_GRADIENTS`."""
    f, row, gradients = net[PATCH_STRIDE], padded_size(net[N_FEATURES]), floats_at(w, job[INPUT_GRADIENTS])
    for i in range(steps[1]):
        sample = sample_of(job, first + i)
        n_filled = n_filled_of(net, job, sample)
        for patch in range(length_of(job, sample)):
            source = at(packed, (offset_at(steps, patch) + i) * row)
            for position in range(net[PATCH_SIZE]):
                t = patch * net[PATCH_SIZE] + position - n_filled
                if t >= 0:
                    to = at(gradients, (sample * n_timesteps + t) * f)
                    for k in range(f):
                        to[k] = source[position * f + k]


@kernel("FNNNNFNI")
def input_gradients(w, net, job, steps, offsets, memory, unused, n_timesteps):
    """Compute the gradients of the inputs from those of the outputs; each thread computes a part of the samples."""
    stop, counters, n = ints_at(job[STOP]), ints_at(job[SYNC]), job[N_SAMPLES]
    thread = atomic_add(counters, PARTS_TAKEN, 1)
    # The backward pass computes gradients of weights, too, which nothing reads.
    of_weights = at(floats_at(w, job[GRADIENTS]), thread * net[DENSE_SIZE])
    packed = at(floats_at(w, job[TOKEN_GRADIENTS]), thread * job[TOKENS_PER_SHARD] * padded_size(net[N_FEATURES]))
    lay_out_memory(w, net, 1, 1, 1, offsets)  # for transposed weights, whose offsets are the same for all shards
    transpose_weights(w, net, offsets, memory)
    while atomic_load(stop, 0) == 0:
        first = atomic_add(counters, SHARDS_TAKEN, 1) * PREDICTED_AT_ONCE
        if first >= n:
            break
        m = min(PREDICTED_AT_ONCE, n - first)
        # The last argument is for tokens, which the network does not have.
        if forward(w, net, job, first, m, 1, steps, offsets, memory, steps):
            break
        take_gradient(w, net, job, first, steps, offsets, memory)
        backward_shard(w, net, job, first, of_weights, steps, offsets, memory, packed)
        scatter_input_gradients(w, net, job, steps, first, packed, n_timesteps)
