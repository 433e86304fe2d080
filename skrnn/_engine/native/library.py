"""The compiled kernels: looked for in a folder of this machine, compiled where they are not there, and loaded.

The folder is named by a hash of all that shapes the code: every source of this package, the versions of numba and
llvmlite, the processor and its features. So code can never be stale, and folders can be shared by unlike machines.
Loading needs llvmlite alone; numba is imported where something has to be compiled.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import importlib.metadata
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from skrnn._engine.native.layout import DTYPES

CACHE_VARIABLE = "NUMBA_CACHE_DIR"
_NUMBA_VARIABLES = ("NUMBA_OPT", "NUMBA_ENABLE_AVX", "NUMBA_LOOP_VECTORIZE", "NUMBA_SLP_VECTORIZE")
_PATIENCE = 120.0  # seconds to wait for another process that compiles
_SOURCES = Path(__file__).parent


@functools.cache
def host_target() -> tuple[str, str]:
    """Return the name of the processor and its features, or those that numba is told to compile for."""
    name, features = os.environ.get("NUMBA_CPU_NAME"), os.environ.get("NUMBA_CPU_FEATURES")
    if name is None or name == "host":
        host = llvm.get_host_cpu_features()
        return llvm.get_host_cpu_name(), host.flatten() if features is None else features
    return name, features or ""


@functools.cache
def kernel_hash() -> str:
    """Return the hash of all that shapes the compiled code."""
    hasher = hashlib.sha256()
    for path in sorted(_SOURCES.glob("*.py")):
        hasher.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    versions = [importlib.metadata.version(name) for name in ("numba", "llvmlite")]
    variables = [os.environ.get(name) for name in _NUMBA_VARIABLES]
    hasher.update(json.dumps([versions, variables, host_target()]).encode())
    return hasher.hexdigest()


def symbol_of(name: str, dtype: str) -> str:
    """Return the symbol of a kernel: no other version of it has the same."""
    return f"skrnn_{kernel_hash()[:16]}_{dtype}_{name}"


@functools.cache
def cache_folder(dtype: str) -> Path:
    """Return the folder of the compiled kernels of a dtype, the first of some that can be written to."""
    given = os.environ.get(CACHE_VARIABLE)
    places = [Path(given) / "skrnn"] if given else [_SOURCES / "__pycache__", _user_cache() / "skrnn"]
    name = f"native-{kernel_hash()[:32]}-{dtype}"
    for place in places:
        folder = place / name
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    for place in places:  # kernels that somebody else has compiled, who could write there
        if (place / name).is_dir() and any((place / name).iterdir()):
            return place / name
    folder = Path(tempfile.gettempdir()) / f"skrnn-{os.getuid() if hasattr(os, 'getuid') else 'user'}" / name
    folder.mkdir(parents=True, exist_ok=True)
    _say(
        f"skrnn keeps its compiled kernels in {folder}, because {' and '.join(map(str, places))} cannot be written to."
    )
    return folder


def _user_cache():
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _say(line):
    print(line, file=sys.stderr, flush=True)


class Library:
    """The kernels of one dtype."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.n_compiled = 0
        self._functions: dict[str, Any] = {}
        self._engine: Any = None
        self._lock = threading.RLock()

    def function(self, name: str) -> Any:
        """Return a kernel as ctypes calls it; the call releases the GIL."""
        found = self._functions.get(name)
        if found is None:
            with self._lock:
                header = self._load(name)
                types = [_CTYPES.get(letter) or _CTYPES[DTYPES[self.dtype]] for letter in header["arguments"]]
                result = None if header["returns"] == "v" else _CTYPES[header["returns"]]
                found = ctypes.CFUNCTYPE(result, *types)(self._engine.get_function_address(symbol_of(name, self.dtype)))
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
        with self._lock:
            self._load(*names)

    def _load(self, *names):
        """Load kernels and those that they call; return the header of the first."""
        self._start()
        loaded: dict[str, Any] = {}
        waiting = list(names)
        missing = []
        while waiting:
            name = waiting.pop()
            if name in loaded or name in self._headers:
                continue
            found = _read(self.dtype, name)
            if found is None:
                missing.append(name)
                break
            loaded[name] = found
            waiting += found[0]["calls"]
        if missing:
            self._compile(names)
            return self._load(*names)
        for name, (header, code) in loaded.items():
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
            self._headers[name] = header
        self._engine.finalize_object()
        return self._headers[names[0]]

    def _start(self):
        if self._engine is None:
            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
            name, features = host_target()
            machine = llvm.Target.from_default_triple().create_target_machine(cpu=name, features=features, jit=True)
            self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
            self._headers: dict[str, Any] = {}

    def _compile(self, names):
        """Compile kernels and those that they call, where their files are not there."""
        with _only_process(cache_folder(self.dtype)), _announced(self.dtype):
            from skrnn._engine.native import kernels
            from skrnn._engine.native.compiling import KERNELS, object_code

            assert kernels
            waiting = list(names)
            seen = set()
            while waiting:
                name = waiting.pop()
                if name in seen:
                    continue
                seen.add(name)
                found = _read(self.dtype, name)
                if found is None:
                    code, calls = object_code(name, self.dtype)
                    header = {"calls": calls, "arguments": KERNELS[name].arguments, "returns": KERNELS[name].returns}
                    _write(self.dtype, name, header, code)
                    self.n_compiled += 1
                else:
                    calls = found[0]["calls"]
                waiting += calls


_CTYPES = {
    **dict.fromkeys("FND", ctypes.c_void_p),
    "I": ctypes.c_int64,
    "d": ctypes.c_double,
}


def _read(dtype, name):
    """Return header and code of a compiled kernel, or None where there is no whole file of it."""
    try:
        data = (cache_folder(dtype) / f"{name}.kernel").read_bytes()
    except FileNotFoundError:
        return None
    checksum, size, payload = data[:32], int.from_bytes(data[32:40], "little"), data[40:]
    if hashlib.sha256(payload).digest() != checksum:
        return None
    return json.loads(payload[:size]), payload[size:]


def _write(dtype, name, header, code):
    """Keep a compiled kernel: a whole file, or none."""
    text = json.dumps(header).encode()
    payload = text + code
    file = cache_folder(dtype) / f"{name}.kernel"
    written = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
    written.write_bytes(hashlib.sha256(payload).digest() + len(text).to_bytes(8, "little") + payload)
    os.replace(written, file)


@contextlib.contextmanager
def _announced(dtype: str) -> Iterator[None]:
    """Say what takes so long, where it takes longer than a second."""
    line = (
        f"skrnn compiles its kernels for {dtype}, once on this machine: some ten seconds. They are kept in "
        f"{cache_folder(dtype)}."
    )
    timer = threading.Timer(1.0, _say, [line])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextlib.contextmanager
def _only_process(folder: Path) -> Iterator[None]:
    """Let one process compile at a time; who has waited too long compiles as well, which is no harm."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    with open(folder / "lock", "a") as file:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.05)
        yield


LIBRARIES = {dtype: Library(dtype) for dtype in DTYPES}


def _after_fork():
    """Give a new child locks that nobody holds."""
    for library in LIBRARIES.values():
        library._lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # Windows has no forks
    os.register_at_fork(after_in_child=_after_fork)
