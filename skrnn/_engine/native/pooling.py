"""Mean and maximum of the states of a recurrent layer over the steps of each sequence, and their gradients.

Kernels compute one direction of the layer. ``h`` are its packed states of row length ``up``, of which the first ``u``
columns are units, and ``direction`` is 1 if they are those of the reversed sequence.
"""

from __future__ import annotations

import math

from skrnn._engine.native.compiling import inlined, kernel
from skrnn._engine.native.gather import length_of, sample_of
from skrnn._engine.native.pointers import at
from skrnn._engine.native.recurrent import offset_at


@kernel("FNNIFIFI")
def pool_mean(w, job, steps, first, h, up, out, row):
    """Write the mean of the states of each sequence to rows of length ``row``."""
    for i in range(steps[1]):
        length, to = length_of(job, sample_of(job, first + i)), at(out, i * row)
        for j in range(up):
            to[j] = 0.0
        for t in range(length):
            state = at(h, (offset_at(steps, t) + i) * up)
            for j in range(up):
                to[j] += state[j]
        for j in range(up):
            to[j] /= length


@kernel("FNNIFIIFIFIF")
def pool_mean_back(w, job, steps, first, h, up, u, state_gradient, direction, gradient, row, scratch):
    """Write the gradients of the states, given those of their means in rows of length ``row``."""
    for i in range(steps[1]):
        length, source = length_of(job, sample_of(job, first + i)), at(gradient, i * row)
        for t in range(length):
            to = at(state_gradient, (offset_at(steps, t) + i) * up)
            for j in range(up):
                to[j] = source[j] / length if j < u else 0.0


@inlined
def write_largest(steps, h, up, i, length, to):
    """Write the largest state of each unit in a sequence, or NaN if there is one."""
    for j in range(up):
        to[j] = h[i * up + j]
    for t in range(1, length):
        state = at(h, (offset_at(steps, t) + i) * up)
        for j in range(up):
            if state[j] > to[j] or math.isnan(state[j]):
                to[j] = state[j]


@kernel("FNNIFIFI")
def pool_max(w, job, steps, first, h, up, out, row):
    """Write the largest state of each unit in each sequence to rows of length ``row``."""
    for i in range(steps[1]):
        write_largest(steps, h, up, i, length_of(job, sample_of(job, first + i)), at(out, i * row))


@kernel("FNNIFIIFIFIF")
def pool_max_back(w, job, steps, first, h, up, u, state_gradient, direction, gradient, row, largest):
    """Write the gradients of the states: those of the maxima at the first step that has them, zero elsewhere."""
    for i in range(steps[1]):
        length, source = length_of(job, sample_of(job, first + i)), at(gradient, i * row)
        write_largest(steps, h, up, i, length, largest)
        for t in range(length):
            packed = offset_at(steps, length - 1 - t if direction else t) + i
            state, to = at(h, packed * up), at(state_gradient, packed * up)
            for j in range(up):
                is_first = j < u and state[j] == largest[j]
                to[j] = source[j] if is_first else 0.0
                if is_first:
                    largest[j] = math.inf
