"""Checkpoint file of a fit: its name, its content, and the state of callbacks that it holds."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from skrnn._common.guide import see
from skrnn._engine.fit_digest import digest

logger = logging.getLogger("skrnn")

_MAGIC = b"skrnn checkpoint 1\n"  # followed by the SHA-256 of the rest, and an npz archive


class SavedFit:
    """Checkpoint file of one fit.

    Parameters
    ----------
    checkpoint : Checkpoint
    name : str
        Class name of the estimator.
    identity : object
        Everything that distinguishes the fit from others, hashed by `digest`.
    """

    def __init__(self, checkpoint, name, identity):
        from skrnn import __version__

        self.every, self.keep = checkpoint.every, checkpoint.keep
        self.path = Path(checkpoint.folder) / f"{name}-{digest([__version__, version('keras'), identity])}.checkpoint"
        self.path.parent.mkdir(parents=True, exist_ok=True)  # now, so that a fit does not train in vain

    def read(self):
        """Return the content of the file, or None if there is none."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        checksum, payload = data[len(_MAGIC) :][:32], data[len(_MAGIC) + 32 :]
        if not data.startswith(_MAGIC) or hashlib.sha256(payload).digest() != checksum:
            raise ValueError(
                f"The checkpoint {self.path} is cut short or has been altered, {len(data)} bytes long. Delete it to "
                "start from the first epoch." + see("resuming", "which-fits-are-resumed")
            )
        with np.load(io.BytesIO(payload), allow_pickle=False) as archive:
            arrays = [archive[f"array_{k}"] for k in range(len(archive.files) - 1)]
            content = _unpacked(json.loads(archive["content"].tobytes()), arrays)
        logger.info("Resuming from epoch %d of %s", content["n_epochs"], self.path)
        return content

    def write(self, content):
        """Replace the file atomically by one that holds numbers, strings, arrays, lists and dicts."""
        arrays: list[Any] = []
        text = json.dumps(_packed(content, arrays)).encode()
        buffer = io.BytesIO()
        named = {f"array_{k}": array for k, array in enumerate(arrays)}
        np.savez(buffer, content=np.frombuffer(text, dtype=np.uint8), **named)
        payload = buffer.getvalue()
        written = self.path.with_name(f"{self.path.name}.{os.getpid()}-{threading.get_ident()}.part")
        try:
            with open(written, "wb") as file:
                file.write(_MAGIC + hashlib.sha256(payload).digest() + payload)
                file.flush()
                os.fsync(file.fileno())
            os.replace(written, self.path)
        finally:
            written.unlink(missing_ok=True)

    def remove(self):
        """Remove the file, and incomplete ones that killed processes have left."""
        for file in [self.path, *self.path.parent.glob(f"{self.path.name}.*.part")]:
            file.unlink(missing_ok=True)


def state_of_callbacks(callbacks):
    """Return the attributes of each callback that are plain values."""
    return [{name: value for name, value in vars(c).items() if _is_plain(value)} for c in callbacks]


def restore_callbacks(callbacks, states):
    """Set the saved attributes of callbacks."""
    for callback, state in zip(callbacks, states, strict=True):
        # Callbacks of Keras that monitor a value look up its direction after the first epoch, and may then change the
        # sign of min_delta. Look it up now, so that the restored min_delta is not changed again.
        if getattr(callback, "monitor_op", True) is None:
            callback._set_monitor_op()
        for name, value in state.items():
            setattr(callback, name, value)


def _is_plain(value):
    """Return whether a value is a number, a string, an array, or a list or dict of these."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, (np.ndarray, np.generic)):
        return not value.dtype.hasobject
    return value is None or isinstance(value, (bool, int, float, str))


def _packed(value, arrays):
    """Return a plain value in a form for JSON; its arrays are appended to a list."""
    if isinstance(value, (np.ndarray, np.generic)):
        arrays.append(value)
        return {"array": len(arrays) - 1, "scalar": isinstance(value, np.generic)}
    if isinstance(value, dict):
        return {"dict": {key: _packed(item, arrays) for key, item in value.items()}}
    return [_packed(item, arrays) for item in value] if isinstance(value, list) else value


def _unpacked(value, arrays):
    """Undo `_packed`."""
    if isinstance(value, list):
        return [_unpacked(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if "dict" in value:
        return {key: _unpacked(item, arrays) for key, item in value["dict"].items()}
    return arrays[value["array"]][()] if value["scalar"] else arrays[value["array"]]
