"""Where compiled kernels are kept: a folder of this machine, named by a hash of all that shapes the code.

That is every source of this package, the versions of numba and llvmlite, the processor and its features. So code can
never be stale, and places can be shared by unlike machines. Folders that nobody has used for long are removed.
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
_PATIENCE = 120.0  # seconds to wait for another process that compiles
_DAY = 24 * 60 * 60.0
_UNUSED = 30 * _DAY  # after which a folder is removed
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


def say(line: str) -> None:
    """Write a line to standard error."""
    print(line, file=sys.stderr, flush=True)


def _usual_places():
    """Return where compiled kernels lie, the best place first."""
    given = os.environ.get(CACHE_VARIABLE)
    if given:
        return [Path(given) / "skrnn"]
    places = [_SOURCES / "__pycache__"]
    with contextlib.suppress(RuntimeError):  # there may be no home
        if sys.platform == "win32":
            places.append(Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "skrnn")
        else:
            places.append(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "skrnn")
    return places


def _temporary_place():
    """Return the place among temporary files, or None where nothing on this machine can be written to."""
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError:
        return None
    return folder / f"skrnn-{os.getuid() if hasattr(os, 'getuid') else 'user'}"


def _is_ours(place):
    """Return whether a folder is the user's and nobody else writes there: code is read from it that will run."""
    try:
        found = place.lstat()
    except OSError:
        return False
    if not hasattr(os, "getuid"):
        return stat.S_ISDIR(found.st_mode)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def _folder_name(dtype):
    return f"native-{kernel_hash()[:32]}-{dtype}"


def _folders(dtype):
    """Return the folders in which kernels of a dtype may lie, those included that only somebody else can write to."""
    places, temporary = _usual_places(), _temporary_place()
    if temporary is not None and _is_ours(temporary):
        places.append(temporary)
    return [place / _folder_name(dtype) for place in places]


@functools.cache
def cache_folder(dtype: str) -> Path | None:
    """Return the folder to keep kernels of a dtype in, the first that can be written to, or None where none can."""
    places = _usual_places()
    for place in places:
        folder = place / _folder_name(dtype)
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    temporary, tried = _temporary_folder(dtype), " and ".join(map(str, places))
    if temporary is None:
        say(f"skrnn cannot keep its compiled kernels: neither {tried} nor temporary files can be written to.")
    else:
        say(f"skrnn keeps its compiled kernels in {temporary}, because {tried} cannot be written to.")
    return temporary


def _temporary_folder(dtype):
    """Make and return the folder of a dtype among temporary files, or return None where it cannot be written to."""
    place = _temporary_place()
    if place is None:
        return None
    with contextlib.suppress(OSError):
        place.mkdir(mode=0o700)
    with contextlib.suppress(OSError):
        if not _is_ours(place):
            place = Path(tempfile.mkdtemp(prefix="skrnn-"))
        folder = place / _folder_name(dtype)
        folder.mkdir(exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    return None


def read(dtype: str, name: str) -> tuple[dict[str, Any], bytes] | None:
    """Return header and code of a compiled kernel, or None where there is no whole file of it."""
    for folder in _folders(dtype):
        with contextlib.suppress(OSError):
            data = (folder / f"{name}.kernel").read_bytes()
            checksum, size, payload = data[:32], int.from_bytes(data[32:40], "little"), data[40:]
            if hashlib.sha256(payload).digest() == checksum:
                return json.loads(payload[:size]), payload[size:]
    return None


def write(folder: Path, name: str, header: dict[str, Any], code: bytes) -> None:
    """Keep a compiled kernel in a folder: a whole file, or none."""
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
    """Set the time of the folders of a dtype to now, where it is older than a day."""
    for folder in _folders(dtype):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _DAY:
                os.utime(folder)


def remove_unused(place: Path) -> None:
    """Remove the folders of a place that nobody has used for long: those of other versions, mostly."""
    for folder in place.glob("native-*-float*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _UNUSED:
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def only_process(folder: Path) -> Iterator[None]:
    """Let one process compile at a time; who has waited too long compiles as well, which is no harm."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)  # somebody may have removed it
    with open(folder / "lock", "a") as file:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.05)
            except OSError:  # a file system without locks
                break
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_UN)  # a fork may keep the file open
