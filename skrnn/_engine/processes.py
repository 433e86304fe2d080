"""What TensorFlow needs of a process: no fork after it ran, a share of the cores; and what it would keep for good."""

from __future__ import annotations

import itertools
import os
import sys
import threading

from skrnn._common.guide import see

_BUILT_BEFORE_FORGETTING = 32
_BUILT = itertools.count(1)  # networks

_LOCK = threading.Lock()
_prepared = False
_forked_too_late = False


def prepare_process():
    """Refuse a process in which TensorFlow would hang, and let it take that process's share of the cores.

    Raises
    ------
    RuntimeError
        In a process that was forked after TensorFlow had run.
    """
    global _prepared
    if _forked_too_late:
        raise RuntimeError(
            f"Process {os.getpid()} was forked after TensorFlow had run in process {os.getppid()}: its threads do not "
            "survive a fork, and training or predicting would hang. Start workers with joblib's 'loky' backend or "
            "multiprocessing's 'spawn' or 'forkserver' method, or fork before the first fit." + see("scaling", "forks")
        )
    with _LOCK:
        if not _prepared:
            _share_cores()
            _prepared = True


def _share_cores():
    """Let TensorFlow run as many threads as ``OMP_NUM_THREADS`` says, which joblib and Dask set in their workers.

    TensorFlow itself does not read it. Whatever was said to TensorFlow stays, and a running one cannot be told.
    """
    import keras

    share = os.environ.get("OMP_NUM_THREADS", "")
    if keras.backend.backend() != "tensorflow" or not share.isdecimal() or int(share) == 0 or _has_run():
        return
    from tensorflow import config

    for kind in ("intra", "inter"):
        if f"TF_NUM_{kind.upper()}OP_THREADS" in os.environ:
            continue
        if getattr(config.threading, f"get_{kind}_op_parallelism_threads")() == 0:  # nobody has set it
            getattr(config.threading, f"set_{kind}_op_parallelism_threads")(int(share))


def _has_run():
    """Whether TensorFlow has started its threads."""
    # No public function says so without changing something (TensorFlow 2.21).
    eager = sys.modules.get("tensorflow.python.eager.context")
    return eager is not None and getattr(eager.context_safe(), "_context_handle", None) is not None


def forget_kernels():
    """Let TensorFlow forget its kernels, once in so many networks that are built; whatever is in use it makes again.

    TensorFlow (2.17 to 2.21) keeps a kernel for each operation of each network that was ever built, some 0.2 to 0.7 MB
    per network, and only forgets all of them.
    """
    eager = sys.modules.get("tensorflow.python.eager.context")
    if next(_BUILT) % _BUILT_BEFORE_FORGETTING == 0 and eager is not None and _has_run():
        eager.context_safe().clear_kernel_cache()


def _after_fork():
    """Note in a new child whether it may use TensorFlow; whoever held the lock is not in it."""
    global _LOCK, _forked_too_late
    _LOCK = threading.Lock()
    _forked_too_late = _has_run()


if hasattr(os, "register_at_fork"):  # Windows has no forks
    os.register_at_fork(after_in_child=_after_fork)
