"""Vectors as values, which numba lacks: loads, stores and arithmetic.

They compile to LLVM's fixed vector types, so that code does not depend on LLVM's vectorizer. A vector holds `LANES`
numbers of the dtype of the pointer that it is loaded from.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from skrnn._engine.native.tables import LANES

INT, INT32 = ir.IntType(64), ir.IntType(32)
FUSED = ("contract",)  # allows fused multiply-add


class VectorType(types.Type):
    """Type of a vector in numba."""

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
    """Return a constant vector filled with a number."""
    return ir.Constant(kind.llvm, [float(value)] * LANES)


def filled(builder: Any, kind: Any, scalar: Any) -> Any:
    """Emit a vector filled with a scalar."""
    first = builder.insert_element(ir.Constant(kind.llvm, ir.Undefined), scalar, ir.Constant(INT32, 0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(INT32, LANES), [0] * LANES))


def load(builder: Any, kind: Any, pointer: Any) -> Any:
    """Emit the load of a vector."""
    return builder.load(builder.bitcast(pointer, kind.llvm.as_pointer()), align=4)


def store(builder: Any, value: Any, pointer: Any) -> None:
    """Emit the store of a vector."""
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer()), align=4)


# Operators on two vectors, or a vector and a number.

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
                return filled(builder, kind, value)

            return emit(builder, *(as_vector(v, k) for v, k in zip(args, sig.args, strict=True)))


for _operation, _emit in _OPERATIONS.items():
    _register(_operation, _emit)


@intrinsic
def vload(typingctx, base, index):
    """Return the vector at an offset from a pointer."""
    kind = VECTORS[base.dtype]

    def codegen(context, builder, sig, args):
        return load(builder, kind, builder.gep(args[0], [args[1]]))

    return kind(base, types.intp), codegen


@intrinsic
def vstore(typingctx, base, index, value):
    """Store a vector at an offset from a pointer."""

    def codegen(context, builder, sig, args):
        store(builder, args[2], builder.gep(args[0], [args[1]]))
        return context.get_dummy_value()

    return types.void(base, types.intp, value), codegen


@intrinsic
def splat(typingctx, base, number):
    """Return a vector filled with a number, of the dtype of a pointer."""
    kind = VECTORS[base.dtype]

    def codegen(context, builder, sig, args):
        return filled(builder, kind, args[1])

    return kind(base, kind.number), codegen


@intrinsic
def vsum(typingctx, vector):
    """Return the sum of the numbers of a vector, by pairwise summation."""

    def codegen(context, builder, sig, args):
        halves, n = args[0], LANES
        while n > 1:  # the same order on every machine
            n //= 2
            low, high = (ir.Constant(ir.VectorType(INT32, n), [*range(k, k + n)]) for k in (0, n))
            halves = builder.fadd(
                builder.shuffle_vector(halves, halves, low), builder.shuffle_vector(halves, halves, high)
            )
        return builder.extract_element(halves, ir.Constant(INT32, 0))

    return vector.number(vector), codegen


@intrinsic
def vsqrt(typingctx, vector):
    """Return the elementwise square root."""

    def codegen(context, builder, sig, args):
        letter = "f32" if vector.number is types.float32 else "f64"
        of_vectors = ir.FunctionType(vector.llvm, [vector.llvm])
        function = cgutils.get_or_insert_function(builder.module, of_vectors, f"llvm.sqrt.v{LANES}{letter}")
        return builder.call(function, [args[0]])

    return vector(vector), codegen


@intrinsic
def vmax(typingctx, vector, bound):
    """Return the elementwise maximum of a vector and a number."""

    def codegen(context, builder, sig, args):
        bounds = filled(builder, vector, args[1])
        return builder.select(builder.fcmp_ordered("<", args[0], bounds), bounds, args[0])

    return vector(vector, vector.number), codegen


@intrinsic
def vmaximum(typingctx, vector, other):
    """Return the elementwise maximum of two vectors."""

    def codegen(context, builder, sig, args):
        return builder.select(builder.fcmp_ordered("<", *args), args[1], args[0])

    return vector(vector, other), codegen


@intrinsic
def vsign(typingctx, vector):
    """Return the elementwise sign: -1, 0 or 1, or NaN for NaN."""

    def codegen(context, builder, sig, args):
        signs, zero = args[0], constant(vector, 0)
        for comparison, sign in ((">", 1), ("<", -1)):
            signs = builder.select(builder.fcmp_ordered(comparison, args[0], zero), constant(vector, sign), signs)
        return signs

    return vector(vector), codegen


@intrinsic
def vwhere_zero(typingctx, vector, number):
    """Return a vector with its zeros replaced by a number."""

    def codegen(context, builder, sig, args):
        is_zero = builder.fcmp_ordered("==", args[0], constant(vector, 0))
        return builder.select(is_zero, filled(builder, vector, args[1]), args[0])

    return vector(vector, vector.number), codegen


@intrinsic
def vpow(typingctx, vector, exponent):
    """Return elementwise powers, computed one by one because LLVM has no vector function for it."""

    def codegen(context, builder, sig, args):
        name = "powf" if vector.number is types.float32 else "pow"
        of_numbers = ir.FunctionType(vector.scalar, [vector.scalar, vector.scalar])
        function = cgutils.get_or_insert_function(builder.module, of_numbers, name)
        powers = args[0]
        for lane in (ir.Constant(INT32, k) for k in range(LANES)):
            power = builder.call(function, [builder.extract_element(args[0], lane), args[1]])
            powers = builder.insert_element(powers, power, lane)
        return powers

    return vector(vector, vector.number), codegen


@intrinsic
def vabs(typingctx, vector):
    """Return the elementwise absolute value."""

    def codegen(context, builder, sig, args):
        negative = builder.fsub(constant(vector, -0.0), args[0])
        return builder.select(builder.fcmp_ordered("<", args[0], constant(vector, 0)), negative, args[0])

    return vector(vector), codegen
