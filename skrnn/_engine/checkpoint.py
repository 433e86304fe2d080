"""The public `Checkpoint` callback, with which an interrupted fit is resumed."""

from __future__ import annotations

import os
from numbers import Integral

from sklearn.utils._param_validation import Interval, validate_parameter_constraints

from skrnn._common.arguments import named_arguments
from skrnn._common.state import PublicNameMixin


class Checkpoint(PublicNameMixin):
    """Callback that saves the state of training periodically, so that an interrupted fit can be resumed.

    Pass an instance in the ``callbacks`` of an estimator. If an earlier call of `fit` with the same data and parameters
    was interrupted, `fit` resumes from its checkpoint. The result equals that of an uninterrupted fit, bit for bit:
    weights, the state of the optimizer and of dropout, the order of samples, the history and the state of early
    stopping are all saved. Files are replaced atomically, so that a complete file remains if the process is killed at
    any time.

    Parameters
    ----------
    folder : str or path-like
        Folder of the checkpoint files, created if it does not exist. Each fit has its own file, named after a hash of
        its data and parameters, so that the folds and candidates of a search can share a folder.
    every : int, default=10
        Number of epochs between saves.
    keep : bool, default=False
        Whether to keep the file when the fit ends. If True, a later call of the same fit loads the result from the file
        instead of training again, so that a search that was killed does not repeat completed fits. If False, the file
        is removed at the end of the fit, and the next `fit` trains again.

    Raises
    ------
    ValueError
        If a parameter is out of range. `fit` raises it if a checkpoint file is truncated or has been altered.

    See Also
    --------
    GRURegressor : Estimator that accepts a checkpoint in ``callbacks``, as do all recurrent estimators.

    Notes
    -----
    A fit is resumed if its data, sample weights and all parameters except ``verbose`` are the same, with the same
    versions of skrnn and Keras, and the same engine: Keras's built-in training loop, or native kernels built from the
    same source code for the same type of processor. Functions are compared by name and code, other callbacks by class.
    Any other fit starts from its first epoch. `random_state` must be set to an int, because None draws a new seed in
    each fit.

    The attributes of other callbacks are saved and restored if they are numbers, strings, arrays, or lists and dicts of
    these; other state of callbacks is not saved. ``partial_fit`` does not save checkpoints.

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

    @named_arguments
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
    """Return the callbacks without a `Checkpoint`, or None if there are no others, and the `Checkpoint` or None."""
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
        raise ValueError(f"{name} got {len(found)} callbacks that are a Checkpoint. Pass one at most.")
    return (rest or None, found[0]) if found else (callbacks, None)
