"""Fits that survive a kill: what training has come to is saved every few epochs, and gone on from."""

from __future__ import annotations

import hashlib
import inspect
import io
import json
import logging
import os
import threading
from functools import partial
from importlib.metadata import version
from numbers import Integral, Number
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, validate_parameter_constraints

from skrnn._common.guide import see

logger = logging.getLogger("skrnn")

_MAGIC = b"skrnn checkpoint 1\n"  # then the SHA-256 of the rest, then an npz archive


class Checkpoint:
    """Save a fit every few epochs, and go on from the last save where a fit was cut off.

    It is given to an estimator among its ``callbacks``. `fit` then looks for what an earlier call of the same fit has
    saved, goes on from there, and ends with what an unbroken run gives, bit for bit: weights, the state of the
    optimizer and of dropout, the order of samples, the history and the state of early stopping are all saved. A file is
    written beside the old one and then takes its place, so that a kill at any time leaves a whole one.

    Parameters
    ----------
    folder : str or path-like
        Where the files are; it is made where there is none. Every fit has a file of its own, named after its data and
        parameters, so that the folds and candidates of a search may share a folder.
    every : int, default=10
        Epochs from one save to the next.
    keep : bool, default=False
        Whether the file of a fit stays when it ends. Then the same fit is not trained a second time but read, which
        lets a search that is killed repeat no fit that had ended. Otherwise the file is removed, and the next `fit`
        trains anew.

    Raises
    ------
    ValueError
        If a parameter is out of its range. A file that is cut short or altered is refused by `fit`.

    See Also
    --------
    GRURegressor : Takes it in ``callbacks``, as all recurrent estimators do.

    Notes
    -----
    Two fits are the same where their data, their weights, and all parameters but ``verbose`` are equal, in the same
    versions of skrnn and Keras, trained by the same engine: Keras's own loop, or native kernels of the same sources and
    kind of processor. Functions count by their name and code, other callbacks by their class. A fit that
    is not the same starts from its first epoch. `random_state` must not be None, which is another seed every time.

    Of other callbacks, attributes that are numbers, text, arrays, or lists and dicts of them are saved and restored;
    what they keep elsewhere is not. ``partial_fit`` saves nothing.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from skrnn import Checkpoint, GRURegressor
    >>> X = np.random.default_rng(0).normal(size=(80, 5, 2))
    >>> y = X[:, -1, 0] - X[:, -2, 1]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = Checkpoint(folder, every=2, keep=True)
    ...     reg = GRURegressor(units=8, epochs=4, callbacks=[checkpoint], random_state=0)
    ...     trained = reg.fit(X, y).history_
    ...     read = reg.fit(X, y).history_  # from the file of the first fit
    >>> len(read["loss"]), read == trained
    (4, True)
    """

    def __init__(self, folder: str | os.PathLike[str], *, every: int = 10, keep: bool = False) -> None:
        rules = {
            "folder": [str, os.PathLike],
            "every": [Interval(Integral, 1, None, closed="left")],
            "keep": ["boolean"],
        }
        validate_parameter_constraints(rules, {"folder": folder, "every": every, "keep": keep}, "Checkpoint")
        self.folder, self.every, self.keep = folder, every, keep

    def __repr__(self) -> str:
        return f"Checkpoint({os.fspath(self.folder)!r}, every={self.every}, keep={self.keep})"


def without_checkpoint(callbacks, name):
    """Return callbacks without the `Checkpoint` among them, None where none is left, and that one or None."""
    found = []

    def others(item):
        if item is Checkpoint:
            raise TypeError(f"{name} got the class Checkpoint as a callback. Pass an instance: Checkpoint(folder).")
        if isinstance(item, dict):
            return {key: others(value) for key, value in item.items() if not is_checkpoint(value)}
        if isinstance(item, (list, tuple)):
            return type(item)(others(value) for value in item if not is_checkpoint(value))
        return item

    def is_checkpoint(item):
        if isinstance(item, Checkpoint):
            found.append(item)
        return isinstance(item, Checkpoint)

    if is_checkpoint(callbacks):
        return None, callbacks
    rest = others(callbacks)
    if len(found) > 1:
        raise ValueError(f"{name} got {len(found)} callbacks that are a Checkpoint; it takes one at most.")
    return (rest or None, found[0]) if found else (callbacks, None)


class SavedFit:
    """The file of one fit.

    Parameters
    ----------
    checkpoint : Checkpoint
    name : str
        Name of the estimator.
    identity : object
        What tells the fit from others, as `digest` takes it.
    """

    def __init__(self, checkpoint, name, identity):
        from skrnn import __version__

        self.every, self.keep = checkpoint.every, checkpoint.keep
        self.path = Path(checkpoint.folder) / f"{name}-{digest([__version__, version('keras'), identity])}.checkpoint"
        self.path.parent.mkdir(parents=True, exist_ok=True)  # now: a fit should not train in vain

    def read(self):
        """Return what was saved, or None where there is no file."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        checksum, payload = data[len(_MAGIC) :][:32], data[len(_MAGIC) + 32 :]
        if not data.startswith(_MAGIC) or hashlib.sha256(payload).digest() != checksum:
            raise ValueError(
                f"The checkpoint {self.path} is cut short or has been altered, {len(data)} bytes long. Delete it to "
                "start from the first epoch." + see("resuming", "what-is-the-same-fit")
            )
        with np.load(io.BytesIO(payload), allow_pickle=False) as archive:
            arrays = [archive[f"array_{k}"] for k in range(len(archive.files) - 1)]
            content = _unpacked(json.loads(archive["content"].tobytes()), arrays)
        logger.info("Goes on from epoch %d of %s", content["n_epochs"], self.path)
        return content

    def write(self, content):
        """Save numbers, text, arrays, lists and dicts: whole, or not at all."""
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
        """Remove the file, and what kills in the midst of writing have left of others."""
        for file in [self.path, *self.path.parent.glob(f"{self.path.name}.*.part")]:
            file.unlink(missing_ok=True)


# ---------------------------------------------------------------------- what tells fits apart


def classes_of(callbacks):
    """Return the classes of callbacks, in their arrangement; their attributes change in the course of a fit."""
    if isinstance(callbacks, dict):
        return {key: classes_of(callback) for key, callback in callbacks.items()}
    if isinstance(callbacks, (list, tuple)):
        return [classes_of(callback) for callback in callbacks]
    return callbacks if inspect.isclass(callbacks) else type(callbacks)


def digest(value):
    """Return a hash of parameters and arrays that is the same in every process."""
    hasher = hashlib.sha256()
    _feed(hasher, value)
    return hasher.hexdigest()[:24]


def _feed(hasher, value):
    """Feed a value to a hash, its kind and its length before it."""
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        hasher.update(f"array {value.dtype.str} {value.shape}".encode())
        hasher.update(np.ascontiguousarray(value).data)
    elif isinstance(value, dict):
        _feed(hasher, [[key, value[key]] for key in sorted(value, key=str)])
    elif isinstance(value, (list, tuple)):
        hasher.update(f"list {len(value)} ".encode())
        for item in value:
            _feed(hasher, item)
    elif value is None or isinstance(value, (str, bytes, Number)):
        text = repr(value)
        hasher.update(f"{type(value).__name__} {len(text)} {text}".encode())
    else:
        _feed(hasher, _description(value))


def _description(value):
    """Describe a class, a function or an object by what can be hashed."""
    if isinstance(value, CodeType):
        # A set among the constants has no order of its own, and neither has its repr.
        constants = [sorted(map(repr, c)) if isinstance(c, frozenset) else c for c in value.co_consts]
        return ["code", value.co_code, value.co_names, constants]
    named = value if inspect.isclass(value) or inspect.isroutine(value) else type(value)
    name = f"{named.__module__}.{named.__qualname__}"
    if inspect.ismethod(value):
        return [value.__func__, value.__self__]
    if inspect.isfunction(value):
        return [name, value.__code__, value.__defaults__, [cell.cell_contents for cell in value.__closure__ or ()]]
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    if inspect.isclass(value) or inspect.isroutine(value):
        return name
    if hasattr(value, "get_config") and not hasattr(value, "call"):  # the configuration of some losses is not whole
        config = value.get_config()
        return [name, {key: config[key] for key in config if key != "name"}]  # which may count instances
    return [name, vars(value) if hasattr(value, "__dict__") else repr(value)]


# ---------------------------------------------------------------------- what is saved


def state_of_callbacks(callbacks):
    """Return the attributes of each callback that are plain values."""
    return [{name: value for name, value in vars(c).items() if _is_plain(value)} for c in callbacks]


def restore_callbacks(callbacks, states):
    """Give callbacks the attributes that others of their classes had."""
    for callback, state in zip(callbacks, states, strict=True):
        # Keras's callbacks that monitor a value look up its direction when the first epoch ends, and then may change
        # the sign of min_delta: not once more, after it is restored.
        if getattr(callback, "monitor_op", True) is None:
            callback._set_monitor_op()
        for name, value in state.items():
            setattr(callback, name, value)


def _is_plain(value):
    """Whether a value is a number, text, an array, or a list or dict of them."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, (np.ndarray, np.generic)):
        return not value.dtype.hasobject
    return value is None or isinstance(value, (bool, int, float, str))


def _packed(value, arrays):
    """Return a plain value as JSON holds it; its arrays go to a list."""
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
