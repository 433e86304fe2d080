"""Primitives that numba lacks: vectors as values, a tile of a matrix product, pointers, atomics, calls by address.

All become LLVM IR of fixed vector types, so that nothing is left to a vectorizer. A vector holds `LANES` numbers of the
dtype of the pointer that it was loaded from. No file knows of LLVM but this one and `tanh`.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from skrnn._engine.native.compiling import DOUBLES, FLOATS, INTS, IS_X86, max_rows_of
from skrnn._engine.native.layout import LANES, MAX_VECTORS

_INT, _INT32 = ir.IntType(64), ir.IntType(32)
FUSED = ("contract",)  # a product and a sum may become one fused operation


class VectorType(types.Type):
    """Numba's type of a vector."""

    def __init__(self, number: Any, scalar: Any) -> None:
        super().__init__(name=f"{number}x{LANES}")
        self.number, self.scalar = number, scalar
        self.llvm = ir.VectorType(scalar, LANES)


VECTORS = {
    types.float32: VectorType(types.float32, ir.FloatType()),
    types.float64: VectorType(types.float64, ir.DoubleType()),
}


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, fe_type.llvm)


def constant(kind: Any, value: float) -> Any:
    """Return a vector of one number."""
    return ir.Constant(kind.llvm, [float(value)] * LANES)


def _filled(builder, kind, scalar):
    first = builder.insert_element(ir.Constant(kind.llvm, ir.Undefined), scalar, ir.Constant(_INT32, 0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(_INT32, LANES), [0] * LANES))


def _load(builder, kind, pointer):
    return builder.load(builder.bitcast(pointer, kind.llvm.as_pointer()), align=4)


def _store(builder, value, pointer):
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer()), align=4)


# Arithmetic of vectors, and of vectors and numbers.

_OPERATIONS = {
    operator.add: lambda b, x, y: b.fadd(x, y, flags=FUSED),
    operator.sub: lambda b, x, y: b.fsub(x, y, flags=FUSED),
    operator.mul: lambda b, x, y: b.fmul(x, y, flags=FUSED),
    operator.truediv: lambda b, x, y: b.fdiv(x, y),
}


def _register(operation, emit):
    cases = [
        (kind, *operands)
        for kind in VECTORS.values()
        for operands in ((kind, kind), (kind, types.float64), (types.float64, kind), (kind, types.float32))
    ]

    @infer_global(operation)
    class _Typing(ConcreteTemplate):
        pass

    _Typing.cases = [signature(*case) for case in cases]
    for kind, *operands in cases:

        @lower_builtin(operation, *operands)
        def _lower(context, builder, sig, args, kind=kind):
            def as_vector(value, given):
                if given is kind:
                    return value
                if given is not kind.number:
                    convert = builder.fptrunc if kind.number is types.float32 else builder.fpext
                    value = convert(value, kind.scalar)
                return _filled(builder, kind, value)

            return emit(builder, *(as_vector(v, k) for v, k in zip(args, sig.args, strict=True)))


for _operation, _emit in _OPERATIONS.items():
    _register(_operation, _emit)


@intrinsic
def vload(typingctx, base, index):
    """Return the vector that begins some numbers after a pointer."""
    kind = VECTORS[base.dtype]

    def codegen(context, builder, sig, args):
        return _load(builder, kind, builder.gep(args[0], [args[1]]))

    return kind(base, types.intp), codegen


@intrinsic
def vstore(typingctx, base, index, value):
    """Store a vector some numbers after a pointer."""

    def codegen(context, builder, sig, args):
        _store(builder, args[2], builder.gep(args[0], [args[1]]))
        return context.get_dummy_value()

    return types.void(base, types.intp, value), codegen


@intrinsic
def splat(typingctx, base, number):
    """Return a vector of one number, of the dtype that a pointer points to."""
    kind = VECTORS[base.dtype]

    def codegen(context, builder, sig, args):
        return _filled(builder, kind, args[1])

    return kind(base, kind.number), codegen


@intrinsic
def vsum(typingctx, vector):
    """Return the sum of the numbers of a vector, in an order of its own."""

    def codegen(context, builder, sig, args):
        halves, n = args[0], LANES
        while n > 1:  # a tree: the same order on every machine
            n //= 2
            low, high = (ir.Constant(ir.VectorType(_INT32, n), [*range(k, k + n)]) for k in (0, n))
            halves = builder.fadd(
                builder.shuffle_vector(halves, halves, low), builder.shuffle_vector(halves, halves, high)
            )
        return builder.extract_element(halves, ir.Constant(_INT32, 0))

    return vector.number(vector), codegen


@intrinsic
def vsqrt(typingctx, vector):
    """Return the square roots."""

    def codegen(context, builder, sig, args):
        letter = "f32" if vector.number is types.float32 else "f64"
        of_vectors = ir.FunctionType(vector.llvm, [vector.llvm])
        function = cgutils.get_or_insert_function(builder.module, of_vectors, f"llvm.sqrt.v{LANES}{letter}")
        return builder.call(function, [args[0]])

    return vector(vector), codegen


@intrinsic
def vmax(typingctx, vector, bound):
    """Return the larger ones of a vector's numbers and a bound."""

    def codegen(context, builder, sig, args):
        bounds = _filled(builder, vector, args[1])
        return builder.select(builder.fcmp_ordered("<", args[0], bounds), bounds, args[0])

    return vector(vector, vector.number), codegen


@intrinsic
def vmaximum(typingctx, vector, other):
    """Return the larger ones of the numbers of two vectors."""

    def codegen(context, builder, sig, args):
        return builder.select(builder.fcmp_ordered("<", *args), args[1], args[0])

    return vector(vector, other), codegen


@intrinsic
def vsign(typingctx, vector):
    """Return -1, 0 or 1 by the signs; NaN stays NaN."""

    def codegen(context, builder, sig, args):
        signs, zero = args[0], constant(vector, 0)
        for comparison, sign in ((">", 1), ("<", -1)):
            signs = builder.select(builder.fcmp_ordered(comparison, args[0], zero), constant(vector, sign), signs)
        return signs

    return vector(vector), codegen


@intrinsic
def vwhere_zero(typingctx, vector, number):
    """Return a vector with another number where its own is zero."""

    def codegen(context, builder, sig, args):
        is_zero = builder.fcmp_ordered("==", args[0], constant(vector, 0))
        return builder.select(is_zero, _filled(builder, vector, args[1]), args[0])

    return vector(vector, vector.number), codegen


@intrinsic
def vpow(typingctx, vector, exponent):
    """Return powers, one number after the other: vectors have no function of their own for it."""

    def codegen(context, builder, sig, args):
        name = "powf" if vector.number is types.float32 else "pow"
        of_numbers = ir.FunctionType(vector.scalar, [vector.scalar, vector.scalar])
        function = cgutils.get_or_insert_function(builder.module, of_numbers, name)
        powers = args[0]
        for lane in (ir.Constant(_INT32, k) for k in range(LANES)):
            power = builder.call(function, [builder.extract_element(args[0], lane), args[1]])
            powers = builder.insert_element(powers, power, lane)
        return powers

    return vector(vector, vector.number), codegen


@intrinsic
def vabs(typingctx, vector):
    """Return the absolute values."""

    def codegen(context, builder, sig, args):
        negative = builder.fsub(constant(vector, -0.0), args[0])
        return builder.select(builder.fcmp_ordered("<", args[0], constant(vector, 0)), negative, args[0])

    return vector(vector), codegen


@intrinsic
def vwhere_positive(typingctx, condition, value):
    """Return the numbers of a vector where those of another are above zero, and zero elsewhere."""

    def codegen(context, builder, sig, args):
        zero = constant(condition, 0)
        return builder.select(builder.fcmp_ordered(">", args[0], zero), args[1], zero)

    return condition(condition, value), codegen


# Pointers.


@intrinsic
def at(typingctx, base, index):
    """Return the pointer some numbers further on."""

    def codegen(context, builder, sig, args):
        return builder.gep(args[0], [args[1]])

    return base(base, types.intp), codegen


def _address_intrinsic(to):
    def pointer(typingctx, address):
        def codegen(context, builder, sig, args):
            return builder.inttoptr(args[0], context.get_value_type(to))

        return to(types.int64), codegen

    return intrinsic(pointer)


ints_at = _address_intrinsic(INTS)
doubles_at = _address_intrinsic(DOUBLES)
singles_at = _address_intrinsic(FLOATS[types.float32])
narrow_ints_at = _address_intrinsic(types.CPointer(types.int32))


@intrinsic
def floats_at(typingctx, like, address):
    """Return an address as a pointer to what another pointer points to."""

    def codegen(context, builder, sig, args):
        return builder.inttoptr(args[1], context.get_value_type(like))

    return like(like, types.int64), codegen


@intrinsic
def transpose_block(typingctx, source, source_row, to, to_row):
    """Write the transpose of a square of `LANES` rows and columns."""
    kind = VECTORS[source.dtype]

    def codegen(context, builder, sig, args):
        source, source_row, to, to_row = args

        def row_of(base, row, i):
            return builder.gep(base, [builder.mul(row, ir.Constant(_INT, i))])

        rows = [_load(builder, kind, row_of(source, source_row, i)) for i in range(LANES)]
        distance = LANES // 2
        while distance:  # halves change places, then halves of these
            for first in (i for i in range(LANES) if not i & distance):
                low, high = rows[first], rows[first + distance]
                for place, shift in ((first, 0), (first + distance, distance)):
                    lanes = [
                        (lane + shift) if not lane & distance else LANES + lane - distance + shift
                        for lane in range(LANES)
                    ]
                    mask = ir.Constant(ir.VectorType(_INT32, LANES), lanes)
                    rows[place] = builder.shuffle_vector(low, high, mask)
            distance //= 2
        for i, row in enumerate(rows):
            _store(builder, row, row_of(to, to_row, i))
        return context.get_dummy_value()

    i = types.intp
    return types.void(source, i, source, i), codegen


@intrinsic
def max_rows(typingctx, base):
    """Return how many rows of a tile the registers of this machine hold."""
    n = max_rows_of(base.dtype)

    def codegen(context, builder, sig, args):
        return ir.Constant(_INT, n)

    return types.intp(base), codegen


# The tile. `mode` says what the sum starts from: 0 from zero, 1 from what C holds, 2 from a row of numbers, `start`.


def _tile(builder, kind, rows, vectors, arguments):
    a, a_row, a_step, a_segment, b, b_step, c, c_row, start, n, n_segments, mode = arguments
    totals = [[cgutils.alloca_once(builder, kind.llvm) for _ in range(vectors)] for _ in range(rows)]

    def moved(base, *offsets):
        for offset in offsets:
            base = builder.gep(base, [offset])
        return base

    def of_c(i, j):
        return moved(c, builder.mul(c_row, ir.Constant(_INT, i)), ir.Constant(_INT, j * LANES))

    def each(function):
        for i in range(rows):
            for j in range(vectors):
                function(i, j)

    from_zero, from_c, from_start, ready = (builder.append_basic_block(n) for n in ("zero", "c", "start", "ready"))
    switch = builder.switch(mode, from_start)
    switch.add_case(ir.Constant(_INT, 0), from_zero)
    switch.add_case(ir.Constant(_INT, 1), from_c)
    for block, initial in (
        (from_zero, lambda i, j: constant(kind, 0)),
        (from_c, lambda i, j: _load(builder, kind, of_c(i, j))),
        (from_start, lambda i, j: _load(builder, kind, moved(start, ir.Constant(_INT, j * LANES)))),
    ):
        builder.position_at_end(block)
        each(lambda i, j, initial=initial: builder.store(initial(i, j), totals[i][j]))
        builder.branch(ready)
    builder.position_at_end(ready)
    a_rows = [builder.mul(a_row, ir.Constant(_INT, i)) for i in range(rows)]
    with cgutils.for_range(builder, n_segments) as outer:
        a_base = moved(a, builder.mul(outer.index, a_segment))
        b_base = moved(b, builder.mul(builder.mul(outer.index, n), b_step))
        with cgutils.for_range(builder, n) as inner:
            a_k, b_k = moved(a_base, builder.mul(inner.index, a_step)), moved(b_base, builder.mul(inner.index, b_step))
            right = [_load(builder, kind, moved(b_k, ir.Constant(_INT, j * LANES))) for j in range(vectors)]
            for i in range(rows):
                left = _filled(builder, kind, builder.load(moved(a_k, a_rows[i])))
                for j in range(vectors):
                    product = builder.fmul(left, right[j], flags=FUSED)
                    builder.store(builder.fadd(product, builder.load(totals[i][j]), flags=FUSED), totals[i][j])
    each(lambda i, j: _store(builder, builder.load(totals[i][j]), of_c(i, j)))


@intrinsic
def tile(typingctx, rows, vectors, a, a_row, a_step, a_segment, b, b_step, c, c_row, start, n, n_segments, mode):
    """C (+)= A @ B for one tile of ``rows`` times ``vectors``, any of the sizes that fit the registers."""
    i, kind, largest = types.intp, VECTORS[a.dtype], max_rows_of(a.dtype)
    sig = types.void(i, i, a, i, i, i, a, i, a, i, a, i, i, i)

    def codegen(context, builder, sig, args):
        rows, vectors, *arguments = args
        end = builder.append_basic_block("end")
        key = builder.add(builder.mul(rows, ir.Constant(_INT, MAX_VECTORS + 1)), vectors)
        switch = builder.switch(key, end)
        for r in range(1, largest + 1):
            for v in range(1, MAX_VECTORS + 1):
                block = builder.append_basic_block(f"tile_{r}_{v}")
                switch.add_case(ir.Constant(_INT, r * (MAX_VECTORS + 1) + v), block)
                builder.position_at_end(block)
                _tile(builder, kind, r, v, arguments)
                builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    return sig, codegen


# Threads.


@intrinsic
def atomic_add(typingctx, base, index, value):
    """Add to a number; return what it was before."""

    def codegen(context, builder, sig, args):
        return builder.atomic_rmw("add", builder.gep(args[0], [args[1]]), args[2], "seq_cst")

    return types.int64(INTS, types.intp, types.int64), codegen


@intrinsic
def atomic_load(typingctx, base, index):
    """Return a number that other threads write."""

    def codegen(context, builder, sig, args):
        return builder.load_atomic(builder.gep(args[0], [args[1]]), "seq_cst", 8)

    return types.int64(INTS, types.intp), codegen


@intrinsic
def pause(typingctx):
    """Tell the core that this thread spins."""

    def codegen(context, builder, sig, args):
        if IS_X86:
            nothing = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, nothing, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.void(), codegen


sleep_microseconds = types.ExternalFunction("usleep", types.int32(types.uint32))
