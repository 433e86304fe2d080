"""Arithmetic without denormal numbers, which some processors compute a hundred times more slowly than others.

Gradients of long sequences decay to such numbers (below 1e-38 in float32) on their way back. They are replaced by zero,
which changes no weight that is not as small itself.
"""

from __future__ import annotations

import llvmlite.ir as ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from skrnn._engine.native.compiling import IS_X86

_FLUSH_RESULTS_AND_OPERANDS = 0x8040  # bits of the control register MXCSR


@intrinsic
def without_denormals(typingctx):
    """Let the thread compute without denormal numbers; return what `set_floating_point` takes to undo it."""

    def codegen(context, builder, sig, args):
        if not IS_X86:
            return ir.Constant(ir.IntType(32), 0)
        before = _read(builder)
        _write(builder, builder.or_(before, ir.Constant(ir.IntType(32), _FLUSH_RESULTS_AND_OPERANDS)))
        return before

    return types.int32(), codegen


@intrinsic
def set_floating_point(typingctx, before):
    """Set the thread's control register for floating-point numbers."""

    def codegen(context, builder, sig, args):
        if IS_X86:
            _write(builder, args[0])
        return context.get_dummy_value()

    return types.void(types.int32), codegen


def _call(builder, name, place):
    """Call an LLVM intrinsic that takes the address of the control register's value."""
    address = builder.bitcast(place, cgutils.voidptr_t)
    of_pointer = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t])
    builder.call(cgutils.get_or_insert_function(builder.module, of_pointer, f"llvm.x86.sse.{name}"), [address])


def _read(builder):
    """Return the value of the control register."""
    place = cgutils.alloca_once(builder, ir.IntType(32))
    _call(builder, "stmxcsr", place)
    return builder.load(place)


def _write(builder, value):
    """Set the control register."""
    _call(builder, "ldmxcsr", cgutils.alloca_once_value(builder, value))
