"""Atomic operations and waiting, by which threads share work."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from skrnn._engine.native.compiling import INTS, IS_X86


@intrinsic
def atomic_add(typingctx, base, index, value):
    """Add to a number atomically, and return its previous value."""

    def codegen(context, builder, sig, args):
        return builder.atomic_rmw("add", builder.gep(args[0], [args[1]]), args[2], "seq_cst")

    return types.int64(INTS, types.intp, types.int64), codegen


@intrinsic
def atomic_load(typingctx, base, index):
    """Return a number that other threads may write."""

    def codegen(context, builder, sig, args):
        return builder.load_atomic(builder.gep(args[0], [args[1]]), "seq_cst", 8)

    return types.int64(INTS, types.intp), codegen


@intrinsic
def pause(typingctx):
    """Tell the core that this thread is in a spin loop."""

    def codegen(context, builder, sig, args):
        if IS_X86:
            nothing = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, nothing, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.void(), codegen


sleep_microseconds = types.ExternalFunction("usleep", types.int32(types.uint32))
