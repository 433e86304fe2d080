"""Compilation of Python functions to object code with a C interface, by numba, each function separately.

Numba would compile a function into each of its callers. Kernels call each other by symbol instead, so that each is
compiled once and its object code is cached. `library` loads the code without numba.
"""

from __future__ import annotations

import inspect
import platform
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils, compiler
from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import lower_builtin, register_jitable

from skrnn._engine.native.cache import host_target, symbol_of

FLOATS = {number: types.CPointer(number) for number in (types.float32, types.float64)}
INTS, DOUBLES = types.CPointer(types.int64), types.CPointer(types.float64)
NUMBERS = {"float32": types.float32, "float64": types.float64}
_DTYPES = {number: dtype for dtype, number in NUMBERS.items()}

KERNELS: dict[str, Kernel] = {}

inlined = register_jitable  # compiled into the kernels that call it
# Numba also loads the functions themselves. The symbols that they call need an address then, but are never called.
_NOWHERE = 1
IS_X86 = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")


def _type_of(letter, number):
    return {
        "F": FLOATS[number],  # pointer to numbers of the kernel's dtype
        "N": INTS,
        "D": DOUBLES,
        "I": types.int64,
        "f": number,
        "d": types.float64,
        "v": types.void,
    }[letter]


@dataclass(frozen=True, eq=False)
class Kernel:
    """Function with a C interface, compiled for each dtype, which other kernels call like a function.

    Parameters
    ----------
    function : callable
    arguments, returns : str
        One letter per argument, and that of the result.
    """

    function: Any
    arguments: str
    returns: str

    def signature(self, number: Any) -> Any:
        """Return numba's signature for a dtype."""
        return signature(_type_of(self.returns, number), *(_type_of(letter, number) for letter in self.arguments))

    def __call__(self, *arguments: Any) -> Any:
        """Run the Python function, since numba requires a callable."""
        return self.function(*arguments)


def kernel(arguments: str, returns: str = "v") -> Any:
    """Register a function as a kernel; `_type_of` has the letters of its types."""

    def decorate(function):
        assert len(inspect.signature(function).parameters) == len(arguments), function.__name__
        made = Kernel(function, arguments, returns)
        KERNELS[function.__name__] = made

        def emit(context, builder, sig, args):
            symbol = symbol_of(function.__name__, _DTYPES[sig.args[arguments.index("F")].dtype])
            of_c = _c_type(context, sig.return_type, sig.args)
            llvm.add_symbol(symbol, _NOWHERE)
            return builder.call(cgutils.get_or_insert_function(builder.module, of_c, symbol), args)

        _make_callable(made, [made.signature(number) for number in FLOATS], emit)
        return made

    return decorate


class CallableAt:
    """Call of a function at an address: ``call(address, *arguments)``."""

    def __init__(self, arguments: str, returns: str = "v") -> None:
        def emit(context, builder, sig, args):
            of_c = _c_type(context, sig.return_type, sig.args[1:])
            return builder.call(builder.inttoptr(args[0], of_c.as_pointer()), args[1:])

        cases = [
            signature(_type_of(returns, number), types.int64, *(_type_of(letter, number) for letter in arguments))
            for number in FLOATS
        ]
        _make_callable(self, cases, emit)

    def __call__(self, address: int, *arguments: Any) -> Any:
        """Raise, because only kernels can call by address."""
        raise TypeError("Only kernels can call a kernel by its address.")


def _make_callable(made, signatures, emit):
    """Register an object as callable in numba, for some signatures, by code that ``emit`` writes."""
    key = object()

    @infer_global(made, typing_key=key)
    class _Typing(ConcreteTemplate):
        cases = signatures

    for case in signatures:

        @lower_builtin(key, *case.args)
        def _lower(context, builder, sig, args):
            result = emit(context, builder, sig, args)
            return context.get_dummy_value() if sig.return_type == types.void else result


def _c_type(context, result, arguments):
    """Return the LLVM type of a C function."""
    returned = ir.VoidType() if result == types.void else context.get_value_type(result)
    return ir.FunctionType(returned, [context.get_value_type(argument) for argument in arguments])


def max_rows_of(number: Any) -> int:
    """Return the largest number of rows of a tile of `MAX_VECTORS` vectors that fits the registers."""
    if not IS_X86 or "+avx512vl" in host_target()[1]:
        return 8  # 32 registers
    return 4 if number is types.float32 else 2


class _ObjectLibrary(CPUCodeLibrary):
    """Code that numba links and optimizes, but does not load."""

    def _finalize_final_module(self):
        self._finalized = True


@global_compiler_lock
def object_code(name: str, dtype: str) -> tuple[bytes, list[str]]:
    """Compile a kernel for a dtype; return its object code and the names of the kernels that it calls."""
    made, symbol = KERNELS[name], symbol_of(name, dtype)
    case, typing, target = made.signature(NUMBERS[dtype]), cpu_target.typing_context, cpu_target.target_context
    flags = compiler.Flags()
    flags.error_model = "numpy"
    flags.no_cpython_wrapper = flags.no_cfunc_wrapper = flags.no_compile = True
    library = _ObjectLibrary(target.codegen(), symbol)
    compiled = compiler.compile_extra(
        typing, target, made.function, case.args, case.return_type, flags, {}, library=library
    )

    # Numba's function also returns a status, which is never an error. Wrap it in a function with a C interface.
    module = target.create_module(symbol)
    inner_type = target.call_conv.get_function_type(compiled.fndesc.restype, compiled.fndesc.argtypes)
    inner = ir.Function(module, inner_type, compiled.fndesc.llvm_func_name)
    outer = ir.Function(module, _c_type(target, case.return_type, case.args), symbol)
    builder = ir.IRBuilder(outer.append_basic_block("entry"))
    _, value = target.call_conv.call_function(builder, inner, case.return_type, case.args, outer.args)
    if case.return_type == types.void:
        builder.ret_void()
    else:
        builder.ret(value)
    library.add_ir_module(module)
    library.finalize()
    module = llvm.parse_assembly(library.get_llvm_str())
    prefix = symbol_of("", dtype)
    declared = [function.name for function in module.functions if function.is_declaration]
    calls = sorted(other.removeprefix(prefix) for other in declared if other.startswith(prefix))
    return _emitted(module, symbol), calls


def _emitted(module, symbol):
    """Return the object code of a module that exports a single symbol."""
    for function in module.functions:
        if not function.is_declaration and function.name != symbol:
            function.linkage = llvm.Linkage.internal  # else, an equal name in another object would replace it
    for variable in module.global_variables:
        if not variable.is_declaration:
            variable.linkage = llvm.Linkage.internal
    name, features = host_target()
    machine = llvm.Target.from_default_triple().create_target_machine(cpu=name, features=features, opt=3, jit=True)
    return machine.emit_object(module)
