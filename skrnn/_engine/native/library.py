"""Compiled kernels: read from the cache or else compiled, and loaded.

Loading only needs llvmlite; numba is imported if something has to be compiled.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import llvmlite.binding as llvm

from skrnn._engine.native.cache import (
    cache_folder,
    host_target,
    mark_used,
    only_process,
    read,
    remove_unused,
    report,
    symbol_of,
    write,
)
from skrnn._engine.native.tables import DTYPES

_REPORT_AFTER = 1.0  # seconds of compilation after which a line reports it


class Library:
    """Kernels of one dtype."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.n_compiled = 0
        self._functions: dict[str, Any] = {}
        self._headers: dict[str, Any] = {}
        self._unfinished: dict[str, Any] = {}
        self._added: set[str] = set()
        self._engine: Any = None
        self._reported: set[str] = set()
        self._lock = threading.RLock()

    def function(self, name: str) -> Any:
        """Return a kernel as a ctypes function, which releases the GIL."""
        found = self._functions.get(name)
        if found is None:
            with self._lock:
                self._load([name])
                header = self._headers[name]
                types = [
                    _CTYPES.get(letter, _NUMBERS[self.dtype]) for letter in header["returns"] + header["arguments"]
                ]
                found = ctypes.CFUNCTYPE(*types)(self._engine.get_function_address(symbol_of(name, self.dtype)))
                self._functions[name] = found
        return found

    def address(self, name: str) -> int:
        """Return the address of a kernel."""
        return ctypes.cast(self.function(name), ctypes.c_void_p).value or 0

    def compile_all(self) -> int:
        """Load all kernels, compile those that are not cached, and return their number."""
        from skrnn._engine.native import kernels
        from skrnn._engine.native.compiling import KERNELS

        assert kernels
        self.load(list(KERNELS))
        return len(KERNELS)

    def load(self, names: Sequence[str]) -> None:
        """Load kernels; those that have to be compiled are compiled together."""
        if not all(name in self._headers for name in names):
            with self._lock:
                self._load(names)

    def _load(self, names):
        """Load kernels and all kernels that they call."""
        self._start()
        found = self._cached(names)
        if found is None:
            found = self._compiled(names)
        # An interrupt may come at any line, and calling a kernel that is not loaded would crash the process: the next
        # call adds what an interrupted one has left.
        self._unfinished |= found
        for other, (_, code) in self._unfinished.items():
            if other not in self._added:
                self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
                self._added.add(other)
        self._engine.finalize_object()
        self._headers |= {other: header for other, (header, _) in self._unfinished.items()}
        self._unfinished = {}

    def _start(self):
        if self._engine is None:
            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
            name, features = host_target()
            machine = llvm.Target.from_default_triple().create_target_machine(cpu=name, features=features, jit=True)
            self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
            mark_used(self.dtype)

    def _with_called(self, names, get):
        """Return header and code of kernels and of all kernels that they call, except those that are loaded.

        ``get`` returns them for one kernel. If it returns None for any, so does this method.
        """
        found: dict[str, Any] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in found or name in self._headers:
                continue
            one = get(name)
            if one is None:
                return None
            found[name] = one
            waiting += one[0]["calls"]
        return found

    def _cached(self, names):
        return self._with_called(names, lambda other: read(self.dtype, other))

    def _compiled(self, names):
        """Return the same as `_cached`, and compile missing kernels unless another process has just done so."""
        folder = cache_folder(self.dtype)
        with contextlib.nullcontext() if folder is None else only_process(folder):
            found = self._cached(names)
            if found is not None:
                return found
            with self._announced():
                if folder is not None:
                    remove_unused(folder.parent)
                return self._with_called(names, lambda other: read(self.dtype, other) or self._compile(other))

    def _compile(self, name):
        """Compile and cache a kernel; return its header and code."""
        from skrnn._engine.native import kernels
        from skrnn._engine.native.compiling import KERNELS, object_code

        assert kernels
        code, calls = object_code(name, self.dtype)
        header = {"calls": calls, "arguments": KERNELS[name].arguments, "returns": KERNELS[name].returns}
        self.n_compiled += 1
        folder = cache_folder(self.dtype)
        if folder is not None:
            try:
                write(folder, name, header, code)
            except OSError as error:  # the disk may be full
                self._report_once("failure", f"skrnn cannot cache its compiled kernels: {error}.")
        return header, code

    def _report_once(self, event, line):
        if event not in self._reported:
            self._reported.add(event)
            report(line)

    @contextlib.contextmanager
    def _announced(self) -> Iterator[None]:
        """Report once that kernels are compiled, if this takes longer than a second."""

        def announce():
            line = f"skrnn compiles kernels for {self.dtype}, which takes about ten seconds"
            folder = cache_folder(self.dtype)
            where = "." if folder is None else f", once on this machine. They are cached in {folder}."
            self._report_once("compiling", line + where)

        timer = threading.Timer(_REPORT_AFTER, announce)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


_CTYPES: dict[str, Any] = {
    **dict.fromkeys("FND", ctypes.c_void_p),
    "I": ctypes.c_int64,
    "d": ctypes.c_double,
    "v": None,
}
_NUMBERS: dict[str, Any] = {"float32": ctypes.c_float, "float64": ctypes.c_double}


LIBRARIES = {dtype: Library(dtype) for dtype in DTYPES}


def _after_fork():
    """Replace the locks in a new child process, because other threads may have held them."""
    for library in LIBRARIES.values():
        library._lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # Windows has no forks
    os.register_at_fork(after_in_child=_after_fork)
