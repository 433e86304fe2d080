"""Pointers: offsets, and addresses in tables as pointers."""

from __future__ import annotations

from numba import types
from numba.extending import intrinsic

from skrnn._engine.native.compiling import DOUBLES, FLOATS, INTS


@intrinsic
def at(typingctx, base, index):
    """Return a pointer plus an offset."""

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
    """Return an address as a pointer of the same type as another."""

    def codegen(context, builder, sig, args):
        return builder.inttoptr(args[1], context.get_value_type(like))

    return like(like, types.int64), codegen
