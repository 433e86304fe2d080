"""Closed loops: series that a network continues, each block of steps predicted from the ones before it."""

from __future__ import annotations

from skrnn._engine.native.compiling import inlined, kernel
from skrnn._engine.native.gather import length_of
from skrnn._engine.native.layout import (
    AFTER,
    COLUMN_STRIDE,
    N_DENSE,
    N_SAMPLES,
    ORDER,
    ROW_STRIDE,
    SHARDS_TAKEN,
    STARTS,
    STOP,
    SYNC,
    UNITS,
    VALUES,
    WIDTH,
)
from skrnn._engine.native.places import dense_of, places_of_dense
from skrnn._engine.native.shard import forward
from skrnn._engine.native.vectors import at, atomic_add, atomic_load, floats_at, ints_at


@inlined
def append(w, net, job, first, m, output_steps, places, memory):
    """Write the predictions of some windows into the rows that follow them, and move the windows on."""
    order, starts, last = ints_at(job[ORDER]), ints_at(job[STARTS]), net[N_DENSE] - 1
    row, column, values = job[ROW_STRIDE], job[COLUMN_STRIDE], floats_at(w, job[VALUES])
    n_outputs, width = dense_of(net, last)[UNITS], dense_of(net, last)[WIDTH]
    n_series, outputs = n_outputs // output_steps, at(memory, places_of_dense(net, places, last)[AFTER])
    for i in range(m):
        sample = order[first + i]
        source, to = at(outputs, i * width), at(values, (starts[sample] + length_of(job, sample)) * row)
        for step in range(output_steps):
            for k in range(n_series):
                to[step * row + k * column] = source[step * n_series + k]
        starts[sample] += output_steps


@kernel("FNNIIINNF")
def closed_loop(w, net, job, series_at_once, n_blocks, output_steps, steps, places, memory):
    """Continue all series of a job by so many blocks: a thread's part of it.

    The values of the job are of the kernel's dtype, and hold a row for each step, also of those to predict. The columns
    that begin a row are predicted. The starts of the job are those of the last windows that are known; they move.
    """
    stop, counters, n = ints_at(job[STOP]), ints_at(job[SYNC]), job[N_SAMPLES]
    while atomic_load(stop, 0) == 0:
        first = atomic_add(counters, SHARDS_TAKEN, 1) * series_at_once
        if first >= n:
            break
        m = min(series_at_once, n - first)
        for _ in range(n_blocks):
            # Nothing reads tokens: these are numbers.
            if atomic_load(stop, 0) or forward(w, net, job, first, m, 0, steps, places, memory, steps):
                break
            append(w, net, job, first, m, output_steps, places, memory)
