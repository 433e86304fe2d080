"""Matrix products, in tiles that fill the registers.

The right factor is stored in panels of up to `PANEL` columns, each contiguous in row-major order, so that it is read in
order. The last panel may have fewer columns.
"""

from __future__ import annotations

from skrnn._engine.native.compiling import inlined, kernel
from skrnn._engine.native.pointers import at
from skrnn._engine.native.tables import LANES, MAX_VECTORS, PANEL
from skrnn._engine.native.tiles import max_rows, tile, transpose_block
from skrnn._engine.native.vectors import splat, vload, vstore

_ROWS_PER_SUM = 96  # rows of a sum over time whose operands fit the L1 cache


@kernel("FIIIFIIFIIIFIIIII")
def gemm(a, a_row, a_step, a_segment, b, b_panel, b_step, c, c_panel, c_row, c_first, start, m, vectors, n, n_segments, mode):  # fmt: skip  # noqa: E501
    """Compute C (+)= A @ B for C of m rows and a number of vectors, tile by tile.

    The sum runs over segments of n terms, which are ``a_segment`` apart in A and contiguous in B. Panels of B and C are
    ``b_panel`` and ``c_panel`` apart; if ``b_step`` or ``c_row`` is 0, the rows of a panel are contiguous. C begins at
    row ``c_first`` of its panels. The sum starts from zero (mode 0), from C (1), or from the row ``start`` (2). It is
    computed in order, so that a row of C depends on its row of A alone.
    """
    most = max_rows(a)
    blocks = -(-m // most)
    if blocks > 0:
        few, more = m // blocks, m % blocks
        for j in range(0, vectors, MAX_VECTORS):
            width = min(MAX_VECTORS, vectors - j)
            panel = j // MAX_VECTORS
            b_rows, c_rows = (b_step or width * LANES), (c_row or width * LANES)
            i = 0
            for block in range(blocks):
                rows = few + (1 if block < more else 0)
                tile(
                    rows, width, at(a, i * a_row), a_row, a_step, a_segment, at(b, panel * b_panel), b_rows,
                    at(c, panel * c_panel + (c_first + i) * c_rows), c_rows, at(start, j * LANES), n, n_segments, mode,
                )  # fmt: skip
                i += rows


@kernel("FIIFIFIIIII")
def products(a, a_row, a_columns, d, d_row, c, c_rows, c_first, vectors, n_rows, adds):
    """Compute C (+)= A.T @ D, the gradient of weights.

    C is stored in panels of ``c_rows`` rows, in which the result begins at row ``c_first``.
    """
    for first in range(0, n_rows, _ROWS_PER_SUM):
        n = min(_ROWS_PER_SUM, n_rows - first)
        gemm(
            at(a, first * a_row), 1, a_row, 0, at(d, first * d_row), PANEL, d_row, c, PANEL * c_rows, 0, c_first, c,
            a_columns, vectors, n, 1, 1 if adds or first else 0,
        )  # fmt: skip


@kernel("FIFIII")
def column_sums(d, d_row, c, vectors, n_rows, adds):
    """Compute C (+)= the column sums of D, the gradient of a bias."""
    for j in range(0, vectors * LANES, LANES):
        total = vload(c, j) if adds else splat(c, 0.0)
        for i in range(n_rows):
            total = total + vload(d, i * d_row + j)
        vstore(c, j, total)


@kernel("FIIIIFI")
def transposed(w, rows, gate_width, gates, units, to, out_columns):
    """Write the transpose of a matrix; both are stored in panels.

    The matrix has ``gate_width`` columns per gate, of which the first ``units`` are used. The transpose has one row per
    gate and unit, and ``out_columns`` columns, which are zero beyond the number of rows of the matrix.
    """
    columns = gates * gate_width
    for gate in range(gates):
        for unit in range(0, units, LANES):
            row, column = gate * units + unit, gate * gate_width + unit
            panel = column // PANEL * PANEL
            step = min(PANEL, columns - panel)
            source, n_units = panel * rows + column - panel, min(LANES, units - unit)
            for i in range(0, out_columns, LANES):
                start = i // PANEL * PANEL
                width = min(PANEL, out_columns - start)
                target = start * gates * units + row * width + i - start
                if n_units == LANES and i + LANES <= rows:
                    transpose_block(at(w, source + i * step), step, at(to, target), width)
                else:
                    for k in range(n_units):
                        for j in range(LANES):
                            to[target + k * width + j] = w[source + (i + j) * step + k] if i + j < rows else 0.0


@inlined
def fill(memory, n):
    """Set numbers to zero."""
    for i in range(n):
        memory[i] = 0.0
