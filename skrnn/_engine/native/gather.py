"""Copies between the buffers of sequences, targets and outputs and the packed rows of a shard.

A sequence is defined by its start, the stride between its time steps, and its length in a buffer of rows. Kernels read
and cast from these buffers directly, so that no array of windows is needed.
"""

from __future__ import annotations

import numpy as np

from skrnn._engine.native.compiling import inlined, kernel
from skrnn._engine.native.pointers import at, doubles_at, floats_at, ints_at, narrow_ints_at, singles_at
from skrnn._engine.native.recurrent import count_at, offset_at
from skrnn._engine.native.tables import (
    COLUMN_STRIDE,
    DOUBLE,
    EMBEDDING,
    EMBEDDING_ROW,
    EVERY_STEP,
    INT32,
    IS_WIDE,
    LANES,
    LENGTHS,
    N_FEATURES,
    N_OUTPUTS,
    N_SCALED,
    N_TIMESTEPS,
    ORDER,
    OUTPUT_GRADIENTS,
    OUTPUT_STARTS,
    OUTPUTS,
    PATCH_SIZE,
    PATCH_STRIDE,
    POSITIONS,
    ROW_STRIDE,
    SCALES,
    SHIFTS,
    SINGLE,
    STARTS,
    STRIDE,
    TARGET_COLUMNS,
    TARGET_STARTS,
    TARGETS,
    VALUES,
    VALUES_KIND,
    WEIGHTS,
)
from skrnn._engine.native.vectors import vload, vstore


@inlined
def sample_number(job, column, i):
    """Return element i of a table of samples, such as `STARTS`."""
    if job[IS_WIDE]:
        return ints_at(job[column])[i]
    return np.int64(narrow_ints_at(job[column])[i])


@inlined
def sample_of(job, row):
    """Return the sample at a row of the order."""
    return sample_number(job, ORDER, row)


@inlined
def position_of(job, row):
    """Return the position, in the order of the epoch, of the sample at a row."""
    return sample_number(job, POSITIONS, row) if job[POSITIONS] != 0 else row


@inlined
def length_of(job, sample):
    """Return the number of steps of a sample: time steps, or patches of them."""
    return sample_number(job, LENGTHS, sample)


@inlined
def scaled_value(job, value, position):
    """Return a value with the shift and the scale at a position of their tables."""
    shifted = value - doubles_at(job[SHIFTS])[position]
    return shifted / doubles_at(job[SCALES])[position] if job[SCALES] != 0 else shifted


@inlined
def n_timesteps_of(job, sample):
    """Return the number of time steps of a sample."""
    return sample_number(job, N_TIMESTEPS, sample)


@inlined
def n_filled_of(net, job, sample):
    """Return the number of time steps that are missing at the start of the first patch of a sample."""
    return length_of(job, sample) * net[PATCH_SIZE] - n_timesteps_of(job, sample)


@inlined
def fill_step(to, f):
    """Fill a missing time step of the first patch with zeros."""
    for k in range(f):
        to[k] = 0.0


@kernel("FNIIN")
def tabulate(w, job, first, m, steps):
    """Write the table of time steps for rows of the order, which are sorted by length, longest first."""
    n_steps = length_of(job, sample_of(job, first))
    steps[0], steps[1] = n_steps, m
    n, row = m, 0
    for t in range(n_steps):
        while length_of(job, sample_of(job, first + n - 1)) <= t:
            n -= 1
        steps[2 + t] = n
        steps[2 + n_steps + t] = row
        row += n
    steps[2 + 2 * n_steps] = row


@kernel("FNNNIFN")
def gather_inputs(w, net, job, steps, first, x, tokens):
    """Copy the time steps for rows of the order to packed rows of `N_FEATURES` numbers; ``tokens`` is not used."""
    stride, f = job[STRIDE], net[PATCH_STRIDE]
    row_stride, column_stride, kind = job[ROW_STRIDE], job[COLUMN_STRIDE], job[VALUES_KIND]
    singles, doubles = singles_at(job[VALUES]), doubles_at(job[VALUES])
    n_scaled = job[N_SCALED]
    for i in range(steps[1]):
        sample = sample_of(job, first + i)
        start = sample_number(job, STARTS, sample)
        n_filled = n_filled_of(net, job, sample)
        for patch in range(length_of(job, sample)):
            of_patch = at(x, (offset_at(steps, patch) + i) * net[N_FEATURES])
            for position in range(net[PATCH_SIZE]):
                t, to = patch * net[PATCH_SIZE] + position - n_filled, at(of_patch, position * f)
                if t < 0:
                    fill_step(to, f)
                    continue
                row = (start + stride * t) * row_stride
                if kind == SINGLE:
                    for k in range(f):
                        to[k] = singles[row + k * column_stride]
                elif kind == DOUBLE:
                    for k in range(f):
                        to[k] = doubles[row + k * column_stride]
                for k in range(n_scaled):
                    index, scaled = row + k * column_stride, sample * n_scaled + k
                    value = np.float64(singles[index]) if kind == SINGLE else doubles[index]
                    to[k] = scaled_value(job, value, scaled)


@kernel("FNNNIFN")
def gather_tokens(w, net, job, steps, first, x, tokens):
    """Copy the embedded tokens for rows of the order to packed rows, and the token ids to ``tokens``, -1 for none."""
    stride, f = job[STRIDE], net[PATCH_STRIDE]
    row_stride, kind, table = job[ROW_STRIDE], job[VALUES_KIND], at(w, net[EMBEDDING])
    narrow, wide = narrow_ints_at(job[VALUES]), ints_at(job[VALUES])
    for i in range(steps[1]):
        sample = sample_of(job, first + i)
        start = sample_number(job, STARTS, sample)
        n_filled = n_filled_of(net, job, sample)
        for patch in range(length_of(job, sample)):
            row = offset_at(steps, patch) + i
            for position in range(net[PATCH_SIZE]):
                t, to = patch * net[PATCH_SIZE] + position - n_filled, at(x, row * net[N_FEATURES] + position * f)
                if t < 0:
                    fill_step(to, f)
                    tokens[row * net[PATCH_SIZE] + position] = -1
                    continue
                index = (start + stride * t) * row_stride
                token = narrow[index] if kind == INT32 else wide[index]
                tokens[row * net[PATCH_SIZE] + position] = token
                source = at(table, token * net[EMBEDDING_ROW])
                for k in range(f):
                    to[k] = source[k]


@inlined
def reversed_step(job, first, i, t):
    """Return the time step at position t of the reversed sequence of a row."""
    return length_of(job, sample_of(job, first + i)) - 1 - t


@kernel("FNNIFIF")
def reverse(w, job, steps, first, x, x_row, to):
    """Copy packed rows with each sequence reversed."""
    for t in range(steps[0]):
        for i in range(count_at(steps, t)):
            source = at(x, (offset_at(steps, reversed_step(job, first, i, t)) + i) * x_row)
            target = at(to, (offset_at(steps, t) + i) * x_row)
            for k in range(x_row):
                target[k] = source[k]


@kernel("FNNIFIF")
def add_reversed(w, job, steps, first, x, x_row, to):
    """Add packed rows with each sequence reversed."""
    for t in range(steps[0]):
        for i in range(count_at(steps, t)):
            source = at(x, (offset_at(steps, reversed_step(job, first, i, t)) + i) * x_row)
            target = at(to, (offset_at(steps, t) + i) * x_row)
            for k in range(0, x_row, LANES):
                vstore(target, k, vload(target, k) + vload(source, k))


@kernel("FNNNIFF")
def gather_targets(w, net, job, steps, first, y, weights):
    """Copy targets and weights for rows of the order: one per packed time step, or one per row."""
    columns = job[TARGET_COLUMNS]
    targets, all_weights = floats_at(w, job[TARGETS]), floats_at(w, job[WEIGHTS])
    for i in range(steps[1]):
        sample = sample_of(job, first + i)
        start = sample_number(job, TARGET_STARTS, sample)
        for t in range(length_of(job, sample) if net[EVERY_STEP] else 1):
            row, source = (offset_at(steps, t) if net[EVERY_STEP] else 0) + i, start + t
            weights[row] = all_weights[source]
            for k in range(columns):
                y[row * columns + k] = targets[source * columns + k]


@kernel("FNNIF")
def gather_weights(w, job, steps, first, weights):
    """Copy the weights of samples, for rows of the order, to each of their packed time steps."""
    all_weights = floats_at(w, job[WEIGHTS])
    for i in range(steps[1]):
        sample = sample_of(job, first + i)
        for t in range(length_of(job, sample)):
            weights[offset_at(steps, t) + i] = all_weights[sample]


@kernel("FNNNIFI")
def scatter_outputs(w, net, job, steps, first, p, p_row):
    """Copy outputs to the rows of their samples in `OUTPUTS`."""
    if job[OUTPUTS] != 0:
        n, outputs = job[N_OUTPUTS], floats_at(w, job[OUTPUTS])
        for i in range(steps[1]):
            sample = sample_of(job, first + i)
            start = sample_number(job, OUTPUT_STARTS, sample)
            for t in range(length_of(job, sample) if net[EVERY_STEP] else 1):
                row, to = (offset_at(steps, t) if net[EVERY_STEP] else 0) + i, start + t
                for k in range(n):
                    outputs[to * n + k] = p[row * p_row + k]


@kernel("FNNNIFI")
def gather_gradient(w, net, job, steps, first, d, d_row):
    """Copy gradients of outputs from the rows of their samples in `OUTPUT_GRADIENTS`, padded with zeros."""
    n, gradients = job[N_OUTPUTS], floats_at(w, job[OUTPUT_GRADIENTS])
    for i in range(steps[1]):
        sample = sample_of(job, first + i)
        start = sample_number(job, OUTPUT_STARTS, sample)
        for t in range(length_of(job, sample) if net[EVERY_STEP] else 1):
            row, source = (offset_at(steps, t) if net[EVERY_STEP] else 0) + i, start + t
            for k in range(d_row):
                d[row * d_row + k] = gradients[source * n + k] if k < n else 0.0
