"""Tiles of matrices that fit the registers: products and transposes."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from skrnn._engine.native.compiling import max_rows_of
from skrnn._engine.native.tables import LANES, MAX_VECTORS
from skrnn._engine.native.vectors import FUSED, INT, INT32, VECTORS, constant, filled, load, store


@intrinsic
def max_rows(typingctx, base):
    """Return the largest number of rows of a tile that fits the registers of this machine."""
    n = max_rows_of(base.dtype)

    def codegen(context, builder, sig, args):
        return ir.Constant(INT, n)

    return types.intp(base), codegen


def _tile(builder, kind, rows, vectors, arguments):
    """Emit the code for a tile; the mode is that of `tile`."""
    a, a_row, a_step, a_segment, b, b_step, c, c_row, start, n, n_segments, mode = arguments
    totals = [[cgutils.alloca_once(builder, kind.llvm) for _ in range(vectors)] for _ in range(rows)]

    def moved(base, *offsets):
        for offset in offsets:
            base = builder.gep(base, [offset])
        return base

    def of_c(i, j):
        return moved(c, builder.mul(c_row, ir.Constant(INT, i)), ir.Constant(INT, j * LANES))

    def each(function):
        for i in range(rows):
            for j in range(vectors):
                function(i, j)

    from_zero, from_c, from_start, ready = (builder.append_basic_block(n) for n in ("zero", "c", "start", "ready"))
    switch = builder.switch(mode, from_start)
    switch.add_case(ir.Constant(INT, 0), from_zero)
    switch.add_case(ir.Constant(INT, 1), from_c)
    for block, initial in (
        (from_zero, lambda i, j: constant(kind, 0)),
        (from_c, lambda i, j: load(builder, kind, of_c(i, j))),
        (from_start, lambda i, j: load(builder, kind, moved(start, ir.Constant(INT, j * LANES)))),
    ):
        builder.position_at_end(block)
        each(lambda i, j, initial=initial: builder.store(initial(i, j), totals[i][j]))
        builder.branch(ready)
    builder.position_at_end(ready)
    a_rows = [builder.mul(a_row, ir.Constant(INT, i)) for i in range(rows)]
    with cgutils.for_range(builder, n_segments) as outer:
        a_base = moved(a, builder.mul(outer.index, a_segment))
        b_base = moved(b, builder.mul(builder.mul(outer.index, n), b_step))
        with cgutils.for_range(builder, n) as inner:
            a_k, b_k = moved(a_base, builder.mul(inner.index, a_step)), moved(b_base, builder.mul(inner.index, b_step))
            right = [load(builder, kind, moved(b_k, ir.Constant(INT, j * LANES))) for j in range(vectors)]
            for i in range(rows):
                left = filled(builder, kind, builder.load(moved(a_k, a_rows[i])))
                for j in range(vectors):
                    product = builder.fmul(left, right[j], flags=FUSED)
                    builder.store(builder.fadd(product, builder.load(totals[i][j]), flags=FUSED), totals[i][j])
    each(lambda i, j: store(builder, builder.load(totals[i][j]), of_c(i, j)))


@intrinsic
def tile(typingctx, rows, vectors, a, a_row, a_step, a_segment, b, b_step, c, c_row, start, n, n_segments, mode):
    """Compute C (+)= A @ B for a tile of ``rows`` times ``vectors``, of any size that fits the registers.

    The sum starts from zero (mode 0), from the values of C (1), or from the row ``start`` (2).
    """
    i, kind, largest = types.intp, VECTORS[a.dtype], max_rows_of(a.dtype)
    sig = types.void(i, i, a, i, i, i, a, i, a, i, a, i, i, i)

    def codegen(context, builder, sig, args):
        rows, vectors, *arguments = args
        end = builder.append_basic_block("end")
        key = builder.add(builder.mul(rows, ir.Constant(INT, MAX_VECTORS + 1)), vectors)
        switch = builder.switch(key, end)
        for r in range(1, largest + 1):
            for v in range(1, MAX_VECTORS + 1):
                block = builder.append_basic_block(f"tile_{r}_{v}")
                switch.add_case(ir.Constant(INT, r * (MAX_VECTORS + 1) + v), block)
                builder.position_at_end(block)
                _tile(builder, kind, r, v, arguments)
                builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    return sig, codegen


@intrinsic
def transpose_block(typingctx, source, source_row, to, to_row):
    """Write the transpose of a square block of `LANES` rows and columns."""
    kind = VECTORS[source.dtype]

    def codegen(context, builder, sig, args):
        source, source_row, to, to_row = args

        def row_of(base, row, i):
            return builder.gep(base, [builder.mul(row, ir.Constant(INT, i))])

        rows = [load(builder, kind, row_of(source, source_row, i)) for i in range(LANES)]
        distance = LANES // 2
        while distance:  # halves change offsets, then halves of these
            for first in (i for i in range(LANES) if not i & distance):
                low, high = rows[first], rows[first + distance]
                for position, shift in ((first, 0), (first + distance, distance)):
                    lanes = [
                        (lane + shift) if not lane & distance else LANES + lane - distance + shift
                        for lane in range(LANES)
                    ]
                    mask = ir.Constant(ir.VectorType(INT32, LANES), lanes)
                    rows[position] = builder.shuffle_vector(low, high, mask)
            distance //= 2
        for i, row in enumerate(rows):
            store(builder, row, row_of(to, to_row, i))
        return context.get_dummy_value()

    i = types.intp
    return types.void(source, i, source, i), codegen
