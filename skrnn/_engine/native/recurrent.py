"""A recurrent layer in one direction: all time steps of a shard, forward and backward.

Time steps are packed: rows are sorted by length, longest first, and step t consists of the first ``counts[t]`` rows,
which begin at row ``starts[t]`` of the packed ones, so that padding costs nothing. The table ``steps`` holds the number
of steps, the number of rows, the counts, and the starts.

Inputs are projected, and gradients of weights summed, for several steps at a time, which fit the cache.
"""

from __future__ import annotations

from skrnn._engine.native.atomics import atomic_load
from skrnn._engine.native.compiling import CallableAt, inlined, kernel
from skrnn._engine.native.dropout import drop
from skrnn._engine.native.pointers import at
from skrnn._engine.native.products import column_sums, fill, gemm, products
from skrnn._engine.native.tables import (
    BIAS,
    GATES,
    INPUT_SLOPES,
    INPUTS,
    KERNEL,
    LANES,
    PANEL,
    PROJECTED_AT_ONCE,
    RECORD,
    RECURRENT,
    SEPARATE,
    SLOPES,
    STATE_BIAS,
    STEP,
    STEP_BACK,
    UNITS,
    WIDTH,
)
from skrnn._engine.native.vectors import vload, vstore

_step = CallableAt("FFFFFFIII")
_step_back = CallableAt("FFFIFFII")


@inlined
def count_at(steps, t):
    """Return the number of rows of a step."""
    return steps[2 + t]


@inlined
def offset_at(steps, t):
    """Return the first packed row of a step."""
    return steps[2 + steps[0] + t]


@inlined
def rows_at_once(columns, m):
    """Return the number of rows whose inputs are projected at a time, at least those of one step."""
    return max(m, PROJECTED_AT_ONCE // columns)


@inlined
def scratch_size(net, layer, m):
    """Return the size of the scratch memory of `forward_layer` and `backward_layer`."""
    up, widest = layer[WIDTH], max(net[GATES], net[SLOPES])
    return 2 * (PROJECTED_AT_ONCE + m * widest * up) + m * (widest + 4) * up


@inlined
def last_of_chunk(steps, first, most):
    """Return the end of the steps from ``first`` on that have at most ``most`` rows in total, at least one step."""
    t, begin = first + 1, offset_at(steps, first)
    while t < steps[0] and offset_at(steps, t + 1) - begin <= most:
        t += 1
    return t


@inlined
def before(steps, h, t, up):
    """Return the states before a step; ``h`` begins with zeros for the first step."""
    return h if t == 0 else at(h, (steps[1] + offset_at(steps, t - 1)) * up)


@kernel("FNNNFIFFFIFN", "I")
def forward_layer(w, net, layer, steps, x, x_row, h, g, scratch, keeps, kept, stop):
    """Compute the states after each step; return whether the computation was stopped.

    Parameters
    ----------
    x : packed inputs of row length ``x_row``
    h : zeros for the rows of the first step, followed by the packed states
    g : records
    keeps : 0 without records, 1 with records, 2 with records and recurrent dropout
    kept : factors of the states for recurrent dropout, one row per sequence
    """
    n_steps, m = steps[0], steps[1]
    f, u, up = layer[INPUTS], layer[UNITS], layer[WIDTH]
    gates, record = net[GATES], net[RECORD] * up if keeps else 0
    columns = gates * up
    vectors, most = columns // LANES, rows_at_once(columns, m)
    projected, q = scratch, at(scratch, most * columns)
    c = at(q, m * columns)
    dropped = at(c, m * up)
    kernel_h = at(w, layer[RECURRENT])
    fill(h, m * up)
    fill(c, m * up)
    first = 0
    while first < n_steps:
        last = last_of_chunk(steps, first, most)
        begin = offset_at(steps, first)
        gemm(
            at(x, begin * x_row), x_row, 1, 0, at(w, layer[KERNEL]), PANEL * f, 0, projected, PANEL, columns, 0,
            at(w, layer[BIAS]), offset_at(steps, last) - begin, vectors, f, 1, 2,
        )  # fmt: skip
        for t in range(first, last):
            if atomic_load(stop, 0):
                return 1
            n, row = count_at(steps, t), offset_at(steps, t)
            old, xt = before(steps, h, t, up), at(projected, (row - begin) * columns)
            source = old
            if keeps == 2:
                drop(old, kept, dropped, n * up)
                source = dropped
            if net[SEPARATE]:
                gemm(
                    source, up, 1, 0, kernel_h, PANEL * u, 0, q, PANEL, columns, 0, at(w, layer[STATE_BIAS]), n,
                    vectors, u, 1, 2,
                )  # fmt: skip
            else:
                gemm(source, up, 1, 0, kernel_h, PANEL * u, 0, xt, PANEL, columns, 0, xt, n, vectors, u, 1, 1)
            _step(net[STEP], xt, q, old, at(h, (m + row) * up), c, at(g, row * record), n, up, keeps)
        first = last
    return 0


@kernel("FNNNFIFFFIFIFFFFIN", "I")
def backward_layer(
    grad, net, layer, steps, x, x_row, h, g, incoming, every_step, below, below_row, transposed_x, transposed_h,
    scratch, kept, drops, stop,
):  # fmt: skip
    """Compute the gradients of a layer's weights, ``grad``, and of its inputs; return whether it was stopped.

    Parameters
    ----------
    incoming : gradients of the states, packed for all steps, or one row per sequence for its last step
    below : packed gradients of the inputs of row length ``below_row``, or 0 if they are not needed
    transposed_x, transposed_h : transposed kernels
    kept : as in `forward_layer`, if ``drops``
    """
    n_steps, m = steps[0], steps[1]
    f, u, up = layer[INPUTS], layer[UNITS], layer[WIDTH]
    gates, slopes, record = net[GATES], net[SLOPES], net[RECORD] * up
    columns, vectors = slopes * up, gates * up // LANES
    most = rows_at_once(columns, m)
    d = scratch  # gradients of the projections of several steps
    dx = at(d, net[INPUT_SLOPES] * up)
    states = at(d, most * columns)  # the states before these steps, if they are not contiguous
    dh = at(states, most * up)
    dc = at(dh, m * up)
    through = at(dc, m * up)
    fill(dh, m * up)
    fill(dc, m * up)
    last = n_steps
    adds = 0
    while last > 0:
        first = last - 1
        while first > 0 and offset_at(steps, last) - offset_at(steps, first - 1) <= most:
            first -= 1
        begin = offset_at(steps, first)
        for t in range(last - 1, first - 1, -1):
            if atomic_load(stop, 0):
                return 1
            n, row = count_at(steps, t), offset_at(steps, t)
            following = count_at(steps, t + 1) if t < n_steps - 1 else 0
            dt = at(d, (row - begin) * columns)
            if every_step:
                _step_back(net[STEP_BACK], dh, dc, at(incoming, row * up), 0, at(g, row * record), dt, n, up)
            else:
                _step_back(net[STEP_BACK], dh, dc, incoming, following, at(g, row * record), dt, n, up)
            if drops:
                gemm(
                    dt, columns, 1, up, transposed_h, PANEL * gates * u, 0, through, PANEL, up, 0, dh, n, up // LANES,
                    u, gates, 0,
                )  # fmt: skip
                for i in range(0, n * up, LANES):
                    v = vload(through, i) * vload(kept, i)
                    vstore(dh, i, vload(dh, i) + v if net[SEPARATE] else v)
            else:
                gemm(
                    dt, columns, 1, up, transposed_h, PANEL * gates * u, 0, dh, PANEL, up, 0, dh, n, up // LANES, u,
                    gates, net[SEPARATE],
                )  # fmt: skip
        n_rows = offset_at(steps, last) - begin
        source = at(h, begin * up)  # the zeros come first: these are the states before the steps, if all have m rows
        if drops or count_at(steps, last - 1) < m:
            for t in range(first, last):
                n, to = count_at(steps, t), at(states, (offset_at(steps, t) - begin) * up)
                if drops:
                    drop(before(steps, h, t, up), kept, to, n * up)
                else:
                    copy(before(steps, h, t, up), to, n * up)
            source = states
        products(source, up, u, d, columns, at(grad, layer[RECURRENT]), u, 0, vectors, n_rows, adds)
        products(at(x, begin * x_row), x_row, f, dx, columns, at(grad, layer[KERNEL]), f, 0, vectors, n_rows, adds)
        column_sums(dx, columns, at(grad, layer[BIAS]), vectors, n_rows, adds)
        if net[SEPARATE]:
            column_sums(d, columns, at(grad, layer[STATE_BIAS]), vectors, n_rows, adds)
        if below_row:
            gemm(
                dx, columns, 1, up, transposed_x, PANEL * gates * u, 0, at(below, begin * below_row), PANEL, below_row,
                0, dh, n_rows, below_row // LANES, u, gates, 0,
            )  # fmt: skip
        adds, last = 1, first
    return 0


@inlined
def copy(source, to, n):
    """Copy numbers, in whole vectors."""
    for i in range(0, n, LANES):
        vstore(to, i, vload(source, i))
