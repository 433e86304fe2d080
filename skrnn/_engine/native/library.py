"""The compiled kernels: read where they are kept, compiled where they are not there, and loaded.

Loading needs llvmlite alone; numba is imported where something has to be compiled.
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
    say,
    symbol_of,
    write,
)
from skrnn._engine.native.layout import DTYPES

_SILENCE = 1.0  # seconds of compiling before a line says so


class Library:
    """The kernels of one dtype."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.n_compiled = 0
        self._functions: dict[str, Any] = {}
        self._headers: dict[str, Any] = {}
        self._unfinished: dict[str, Any] = {}
        self._added: set[str] = set()
        self._engine: Any = None
        self._said: set[str] = set()
        self._lock = threading.RLock()

    def function(self, name: str) -> Any:
        """Return a kernel as ctypes calls it; the call releases the GIL."""
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
        """Load all kernels, compiled where they are not yet; return how many there are."""
        from skrnn._engine.native import kernels
        from skrnn._engine.native.compiling import KERNELS

        assert kernels
        self.load(list(KERNELS))
        return len(KERNELS)

    def load(self, names: Sequence[str]) -> None:
        """Load kernels that are needed together: what has to be compiled is compiled at once."""
        if not all(name in self._headers for name in names):
            with self._lock:
                self._load(names)

    def _load(self, names):
        """Load kernels and those that they call."""
        self._start()
        found = self._kept(names)
        if found is None:
            found = self._compiled(names)
        # An interrupt may come at any line, and code that calls what is not there ends the process: what is left is
        # added by the next call.
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
        """Return header and code of kernels and of those that they call, but for those that are loaded.

        ``get`` returns them for one kernel. Where it has None, so has this.
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

    def _kept(self, names):
        return self._with_called(names, lambda other: read(self.dtype, other))

    def _compiled(self, names):
        """As `_with_called`, compiling what is not there, unless another process has just done so."""
        folder = cache_folder(self.dtype)
        with contextlib.nullcontext() if folder is None else only_process(folder):
            found = self._kept(names)
            if found is not None:
                return found
            with self._announced():
                if folder is not None:
                    remove_unused(folder.parent)
                return self._with_called(names, lambda other: read(self.dtype, other) or self._compile(other))

    def _compile(self, name):
        """Compile a kernel and keep it; return its header and code."""
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
                self._say_once("failure", f"skrnn cannot keep its compiled kernels: {error}.")
        return header, code

    def _say_once(self, what, line):
        if what not in self._said:
            self._said.add(what)
            say(line)

    @contextlib.contextmanager
    def _announced(self) -> Iterator[None]:
        """Say once what takes so long, where it takes longer than a second."""

        def announce():
            line = f"skrnn compiles kernels for {self.dtype}, which takes up to some ten seconds"
            folder = cache_folder(self.dtype)
            kept = "." if folder is None else f", once on this machine. They are kept in {folder}."
            self._say_once("compiling", line + kept)

        timer = threading.Timer(_SILENCE, announce)
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
    """Give a new child locks that nobody holds."""
    for library in LIBRARIES.values():
        library._lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # Windows has no forks
    os.register_at_fork(after_in_child=_after_fork)
