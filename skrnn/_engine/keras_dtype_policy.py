"""Keras's global dtype and dtype policy, set to their defaults while skrnn uses Keras.

Layers have the dtype of their estimator. But variables of optimizers and metrics use Keras's global ``floatx``, and
models its global policy: results would change after ``keras.config.set_floatx("float16")``.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from skrnn._engine.tensorflow_process import prepare_process

_DEFAULT, _POLICY = "float32", "dtype_policy"


class _SharedFloatx:
    """Global ``floatx``, shared by all threads: the first that needs the default sets it, the last restores it."""

    def __init__(self) -> None:
        self._lock, self._n_users, self._before = threading.Lock(), 0, _DEFAULT

    def acquire(self) -> None:
        import keras

        with self._lock:
            if not self._n_users:
                self._before = keras.config.floatx()
                keras.config.set_floatx(_DEFAULT)
            self._n_users += 1

    def release(self) -> None:
        import keras

        with self._lock:
            self._n_users -= 1
            if not self._n_users:
                keras.config.set_floatx(self._before)


_FLOATX = _SharedFloatx()


@contextlib.contextmanager
def default_dtype_policy() -> Iterator[None]:
    """Set Keras's default dtype and the dtype policy of this thread, and restore them at the end.

    Raises
    ------
    RuntimeError
        If the process was forked after TensorFlow had run.
    """
    prepare_process()
    import keras
    from keras.src.backend.common import global_state  # keras.config.dtype_policy() would set a policy if there is none

    policy = global_state.get_global_attribute(_POLICY)
    _FLOATX.acquire()
    try:
        keras.config.set_dtype_policy(_DEFAULT)
        yield
    finally:
        global_state.set_global_attribute(_POLICY, policy)
        _FLOATX.release()
