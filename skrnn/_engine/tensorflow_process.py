"""TensorFlow in this process: its number of threads, forks after it has run, and the kernels that it caches."""

from __future__ import annotations

import itertools
import os
import sys
import threading

from skrnn._common.guide import see

_NETWORKS_PER_CLEARING = 32
_N_BUILT = itertools.count(1)  # networks built in this process

_LOCK = threading.Lock()
_prepared = False
_forked_too_late = False


def prepare_process():
    """Raise in a process in which TensorFlow would hang, and limit its threads to the share of this process.

    Raises
    ------
    RuntimeError
        If the process was forked after TensorFlow had run.
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
            _limit_threads()
            _prepared = True


def _limit_threads():
    """Set TensorFlow's number of threads to ``OMP_NUM_THREADS``, which joblib and Dask set in their workers.

    TensorFlow itself does not read it. Numbers that are set already are kept, and those of a running TensorFlow cannot
    be changed.
    """
    import keras

    n_threads = os.environ.get("OMP_NUM_THREADS", "")
    if keras.backend.backend() != "tensorflow" or not n_threads.isdecimal() or int(n_threads) == 0 or _has_run():
        return
    from tensorflow import config

    for kind in ("intra", "inter"):
        if f"TF_NUM_{kind.upper()}OP_THREADS" in os.environ:
            continue
        if getattr(config.threading, f"get_{kind}_op_parallelism_threads")() == 0:  # not set
            getattr(config.threading, f"set_{kind}_op_parallelism_threads")(int(n_threads))


def _has_run():
    """Return whether TensorFlow has started its threads."""
    # All public functions that tell this have side effects (TensorFlow 2.21).
    eager = sys.modules.get("tensorflow.python.eager.context")
    return eager is not None and getattr(eager.context_safe(), "_context_handle", None) is not None


def clear_kernel_cache():
    """Clear TensorFlow's cache of kernels each time that a certain number of networks has been built.

    TensorFlow (2.17 to 2.21) keeps a kernel for each operation of each network that was ever built, about 0.2 to 0.7 MB
    per network, and can only clear all of them. It creates those in use again.
    """
    eager = sys.modules.get("tensorflow.python.eager.context")
    if next(_N_BUILT) % _NETWORKS_PER_CLEARING == 0 and eager is not None and _has_run():
        eager.context_safe().clear_kernel_cache()


def _after_fork():
    """Record in a new child process whether TensorFlow had run, and replace the lock, which may be held."""
    global _LOCK, _forked_too_late
    _LOCK = threading.Lock()
    _forked_too_late = _has_run()


if hasattr(os, "register_at_fork"):  # Windows has no forks
    os.register_at_fork(after_in_child=_after_fork)
