"""Recursive multi-step forecasts (closed loop): each block of time steps is predicted from the ones before it."""

from __future__ import annotations

import numpy as np

from skrnn._engine.native.atomics import atomic_add, atomic_load
from skrnn._engine.native.compiling import inlined, kernel
from skrnn._engine.native.gather import n_timesteps_of, sample_number, sample_of
from skrnn._engine.native.memory_layout import dense_of, offsets_of_dense
from skrnn._engine.native.pointers import at, floats_at, ints_at, narrow_ints_at
from skrnn._engine.native.shard import forward
from skrnn._engine.native.tables import (
    AFTER,
    COLUMN_STRIDE,
    IS_WIDE,
    N_DENSE,
    N_SAMPLES,
    ROW_STRIDE,
    SHARDS_TAKEN,
    STARTS,
    STOP,
    SYNC,
    UNITS,
    VALUES,
    WIDTH,
)


@inlined
def append(w, net, job, first, m, output_steps, offsets, memory):
    """Write the predictions for windows into the rows that follow them, and advance the windows."""
    last = net[N_DENSE] - 1
    row, column, values = job[ROW_STRIDE], job[COLUMN_STRIDE], floats_at(w, job[VALUES])
    n_outputs, width = dense_of(net, last)[UNITS], dense_of(net, last)[WIDTH]
    n_series, outputs = n_outputs // output_steps, at(memory, offsets_of_dense(net, offsets, last)[AFTER])
    for i in range(m):
        sample = sample_of(job, first + i)
        end = sample_number(job, STARTS, sample) + n_timesteps_of(job, sample)
        source, to = at(outputs, i * width), at(values, end * row)
        for step in range(output_steps):
            for k in range(n_series):
                to[step * row + k * column] = source[step * n_series + k]
        if job[IS_WIDE]:
            ints_at(job[STARTS])[sample] += output_steps
        else:
            narrow_ints_at(job[STARTS])[sample] += np.int32(output_steps)


@kernel("FNNNNFNIII")
def closed_loop(w, net, job, steps, offsets, memory, unused, series_at_once, n_blocks, output_steps):
    """Forecast ``n_blocks`` blocks of all series of a job; each thread computes a part of the series.

    The values of the job are of the kernel's dtype, and have a row for each time step, including those to forecast. The
    forecast series are the first columns. The starts of the job are those of the last known windows; they advance.
    """
    stop, counters, n = ints_at(job[STOP]), ints_at(job[SYNC]), job[N_SAMPLES]
    while atomic_load(stop, 0) == 0:
        first = atomic_add(counters, SHARDS_TAKEN, 1) * series_at_once
        if first >= n:
            break
        m = min(series_at_once, n - first)
        for _ in range(n_blocks):
            # The last argument is for tokens, which the network does not have.
            if atomic_load(stop, 0) or forward(w, net, job, first, m, 0, steps, offsets, memory, steps):
                break
            append(w, net, job, first, m, output_steps, offsets, memory)
