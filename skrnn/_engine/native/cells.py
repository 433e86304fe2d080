"""One time step of each cell, for all rows of a shard, forward and backward.

A forward step stores a *record*: the factors of its gradient that do not depend on later time steps, so that a backward
step only multiplies. Arguments of a forward step: ``x`` and ``q``, the projections of inputs and state, one row of
gates per sequence; ``old`` and ``new``, the states before and after the step; ``c``, the internal state of the cell;
``g``, the record; ``m``, the number of rows; ``up``, the number of units, padded to whole vectors; ``keeps``, whether
to store the record. Arguments of a backward step: ``dh`` and ``dc``, the gradients of the states, which are replaced by
those of the states before the step, except the part through the projection; ``incoming``, gradients that are added to
the rows from ``first`` on; ``d``, the gradients of the projections.
"""

from __future__ import annotations

from skrnn._engine.native.compiling import inlined, kernel
from skrnn._engine.native.pointers import at
from skrnn._engine.native.tables import LANES
from skrnn._engine.native.tanh import vtanh
from skrnn._engine.native.vectors import vload, vstore


@inlined
def sigmoid(x):
    """Return the logistic sigmoid of a vector."""
    return vtanh(x * 0.5) * 0.5 + 0.5


@inlined
def received(dh, incoming, first, i, up, j):
    """Return the gradient of a state, including the incoming one."""
    v = vload(dh, i * up + j)
    if i >= first:
        v = v + vload(incoming, i * up + j)
    return v


# Gated recurrent unit with the reset gate after the projection (Cho et al. 2014, in cuDNN's variant). The columns of
# the kernel are u, r, n as in Keras; those of the recurrent kernel are reordered to n, u, r. Gradients are d_n r, d_u,
# d_r, d_n: the first three belong to the columns of the recurrent kernel, the last three to those of the kernel.
#   u = sigmoid(x U_u + h R_u + b),  r = sigmoid(x U_r + h R_r + b),  n = tanh(x U_n + b_n + r * (h R_n + c_n))
#   h' = u * h + (1 - u) * n


@kernel("FFFFFFIII")
def gru_step(x, q, old, new, c, g, m, up, keeps):
    """Compute the states after a step of a gated recurrent unit."""
    for i in range(m):
        xi, qi, gi = at(x, i * 3 * up), at(q, i * 3 * up), at(g, i * 5 * up)
        for j in range(0, up, LANES):
            u = sigmoid(vload(xi, j) + vload(qi, up + j))
            r = sigmoid(vload(xi, up + j) + vload(qi, 2 * up + j))
            q_n, h = vload(qi, j), vload(old, i * up + j)
            n = vtanh(vload(xi, 2 * up + j) + r * q_n)
            vstore(new, i * up + j, n + u * (h - n))
            if keeps:
                d_n = (1.0 - u) * (1.0 - n * n)
                d_q = d_n * r
                vstore(gi, j, d_q)
                vstore(gi, up + j, (h - n) * u * (1.0 - u))
                vstore(gi, 2 * up + j, d_q * q_n * (1.0 - r))
                vstore(gi, 3 * up + j, d_n)
                vstore(gi, 4 * up + j, u)


@kernel("FFFIFFII")
def gru_step_back(dh, dc, incoming, first, g, d, m, up):
    """Compute the gradients of the projections and of the states before a step of a gated recurrent unit."""
    for i in range(m):
        gi, di = at(g, i * 5 * up), at(d, i * 4 * up)
        for j in range(0, up, LANES):
            v = received(dh, incoming, first, i, up, j)
            vstore(di, j, v * vload(gi, j))
            vstore(di, up + j, v * vload(gi, up + j))
            vstore(di, 2 * up + j, v * vload(gi, 2 * up + j))
            vstore(di, 3 * up + j, v * vload(gi, 3 * up + j))
            vstore(dh, i * up + j, v * vload(gi, 4 * up + j))


# Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000). The columns
# are i, f, g, o. The record holds the factors of their gradients, of that of the cell's state, and f.
#   i, f, o = sigmoid(x U + h R + b),  g = tanh(x U_g + h R_g + b_g),  c' = f * c + i * g,  h' = o * tanh(c')


@kernel("FFFFFFIII")
def lstm_step(x, q, old, new, c, g, m, up, keeps):
    """Compute the states after a step of a long short-term memory; ``x`` includes the projection of the state."""
    for i in range(m):
        xi, gi = at(x, i * 4 * up), at(g, i * 6 * up)
        for j in range(0, up, LANES):
            a = sigmoid(vload(xi, j))
            f = sigmoid(vload(xi, up + j))
            b = vtanh(vload(xi, 2 * up + j))
            o = sigmoid(vload(xi, 3 * up + j))
            before = vload(c, i * up + j)
            after = f * before + a * b
            t = vtanh(after)
            h = o * t
            vstore(c, i * up + j, after)
            vstore(new, i * up + j, h)
            if keeps:
                vstore(gi, j, b * a * (1.0 - a))
                vstore(gi, up + j, before * f * (1.0 - f))
                vstore(gi, 2 * up + j, a * (1.0 - b * b))
                vstore(gi, 3 * up + j, h * (1.0 - o))
                vstore(gi, 4 * up + j, o * (1.0 - t * t))
                vstore(gi, 5 * up + j, f)


@kernel("FFFIFFII")
def lstm_step_back(dh, dc, incoming, first, g, d, m, up):
    """Compute the gradients of the projections and of the cell's state before a step of a long short-term memory."""
    for i in range(m):
        gi, di = at(g, i * 6 * up), at(d, i * 4 * up)
        for j in range(0, up, LANES):
            v = received(dh, incoming, first, i, up, j)
            vc = vload(dc, i * up + j) + v * vload(gi, 4 * up + j)
            vstore(di, j, vc * vload(gi, j))
            vstore(di, up + j, vc * vload(gi, up + j))
            vstore(di, 2 * up + j, vc * vload(gi, 2 * up + j))
            vstore(di, 3 * up + j, v * vload(gi, 3 * up + j))
            vstore(dc, i * up + j, vc * vload(gi, 5 * up + j))


# Simple recurrent network (Elman 1990): h' = tanh(x U + h R + b).


@kernel("FFFFFFIII")
def rnn_step(x, q, old, new, c, g, m, up, keeps):
    """Compute the states after a step of a simple recurrent network; ``x`` includes the projection of the state."""
    for i in range(0, m * up, LANES):
        h = vtanh(vload(x, i))
        vstore(new, i, h)
        if keeps:
            vstore(g, i, 1.0 - h * h)


@kernel("FFFIFFII")
def rnn_step_back(dh, dc, incoming, first, g, d, m, up):
    """Compute the gradients of the projections of a step of a simple recurrent network."""
    for i in range(m):
        for j in range(0, up, LANES):
            vstore(d, i * up + j, received(dh, incoming, first, i, up, j) * vload(g, i * up + j))
