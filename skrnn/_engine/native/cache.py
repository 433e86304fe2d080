"""Cache of compiled kernels: a folder named by a hash of everything that determines the code.

This is all sources of this package, the versions of numba and llvmlite, and the processor and its features. So the code
is never outdated, and different machines can share a file system. Folders that have not been used for long are removed.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import shutil
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

CACHE_VARIABLE = "NUMBA_CACHE_DIR"
_NUMBA_VARIABLES = ("NUMBA_OPT", "NUMBA_ENABLE_AVX", "NUMBA_LOOP_VECTORIZE", "NUMBA_SLP_VECTORIZE")
_LOCK_TIMEOUT = 120.0  # seconds to wait for another process that compiles
_DAY = 24 * 60 * 60.0
_MAX_AGE = 30 * _DAY  # age at which a folder is removed
_SOURCES = Path(__file__).parent


@functools.cache
def host_target() -> tuple[str, str]:
    """Return the name and the features of the processor, or those set in the environment for numba."""
    name, features = os.environ.get("NUMBA_CPU_NAME"), os.environ.get("NUMBA_CPU_FEATURES")
    if name is None or name == "host":
        host = llvm.get_host_cpu_features()
        return llvm.get_host_cpu_name(), host.flatten() if features is None else features
    return name, features or ""


@functools.cache
def kernel_hash() -> str:
    """Return the hash of everything that determines the compiled code."""
    hasher = hashlib.sha256()
    for path in sorted(_SOURCES.glob("*.py")):
        hasher.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    versions = [importlib.metadata.version(name) for name in ("numba", "llvmlite")]
    variables = [os.environ.get(name) for name in _NUMBA_VARIABLES]
    hasher.update(json.dumps([versions, variables, host_target()]).encode())
    return hasher.hexdigest()


def symbol_of(name: str, dtype: str) -> str:
    """Return the symbol of a kernel, which is unique to this version of its code."""
    return f"skrnn_{kernel_hash()[:16]}_{dtype}_{name}"


def report(line: str) -> None:
    """Print a line to standard error."""
    print(line, file=sys.stderr, flush=True)


def _default_roots():
    """Return the folders in which to look for the cache, the preferred one first."""
    given = os.environ.get(CACHE_VARIABLE)
    if given:
        return [Path(given) / "skrnn"]
    roots = [_SOURCES / "__pycache__"]
    with contextlib.suppress(RuntimeError):  # there may be no home folder
        if sys.platform == "win32":
            roots.append(Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "skrnn")
        else:
            roots.append(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "skrnn")
    return roots


def _temporary_root():
    """Return the folder in the temporary files, or None if there is no writable folder on this machine."""
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError:
        return None
    return folder / f"skrnn-{os.getuid() if hasattr(os, 'getuid') else 'user'}"


def _is_private(root):
    """Return whether only the user can write to a folder, since code in it is executed."""
    try:
        found = root.lstat()
    except OSError:
        return False
    if not hasattr(os, "getuid"):
        return stat.S_ISDIR(found.st_mode)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def _folder_name(dtype):
    return f"native-{kernel_hash()[:32]}-{dtype}"


def _folders(dtype):
    """Return the folders that may contain kernels of a dtype, including those that only others can write to."""
    roots, temporary = _default_roots(), _temporary_root()
    if temporary is not None and _is_private(temporary):
        roots.append(temporary)
    return [root / _folder_name(dtype) for root in roots]


@functools.cache
def cache_folder(dtype: str) -> Path | None:
    """Return the folder for new kernels of a dtype, the first writable one, or None if there is none."""
    roots = _default_roots()
    for root in roots:
        folder = root / _folder_name(dtype)
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    temporary, tried = _temporary_folder(dtype), " and ".join(map(str, roots))
    if temporary is None:
        report(f"skrnn cannot cache its compiled kernels: neither {tried} nor temporary files are writable.")
    else:
        report(f"skrnn caches its compiled kernels in {temporary}, because {tried} cannot be written to.")
    return temporary


def _temporary_folder(dtype):
    """Create and return the folder of a dtype in the temporary files, or return None if it is not writable."""
    root = _temporary_root()
    if root is None:
        return None
    with contextlib.suppress(OSError):
        root.mkdir(mode=0o700)
    with contextlib.suppress(OSError):
        if not _is_private(root):
            root = Path(tempfile.mkdtemp(prefix="skrnn-"))
        folder = root / _folder_name(dtype)
        folder.mkdir(exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    return None


def read(dtype: str, name: str) -> tuple[dict[str, Any], bytes] | None:
    """Return header and code of a compiled kernel, or None if there is no complete file of it."""
    for folder in _folders(dtype):
        with contextlib.suppress(OSError):
            data = (folder / f"{name}.kernel").read_bytes()
            checksum, size, payload = data[:32], int.from_bytes(data[32:40], "little"), data[40:]
            if hashlib.sha256(payload).digest() == checksum:
                return json.loads(payload[:size]), payload[size:]
    return None


def write(folder: Path, name: str, header: dict[str, Any], code: bytes) -> None:
    """Write a compiled kernel to a folder atomically."""
    text = json.dumps(header).encode()
    payload = text + code
    file = folder / f"{name}.kernel"
    written = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
    try:
        written.write_bytes(hashlib.sha256(payload).digest() + len(text).to_bytes(8, "little") + payload)
        os.replace(written, file)
    finally:
        written.unlink(missing_ok=True)


def mark_used(dtype: str) -> None:
    """Update the modification time of the folders of a dtype, at most once per day."""
    for folder in _folders(dtype):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _DAY:
                os.utime(folder)


def remove_unused(root: Path) -> None:
    """Remove folders that have not been used for long, such as those of earlier versions."""
    for folder in root.glob("native-*-float*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _MAX_AGE:
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def only_process(folder: Path) -> Iterator[None]:
    """Hold a lock so that one process compiles at a time; after a timeout, continue without it, which is safe."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)  # another process may have removed it
    with open(folder / "lock", "a") as file:
        deadline = time.monotonic() + _LOCK_TIMEOUT
        while time.monotonic() < deadline:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.05)
            except OSError:  # the file system has no locks
                break
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_UN)  # a forked process may keep the file open
