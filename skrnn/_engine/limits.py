"""What runs a network on this machine: programs or Keras, in how many shards and threads, how much at a time."""

from __future__ import annotations

import contextlib
import os
import sys

import joblib
import numpy as np

from skrnn._guide import see

ENGINE_VARIABLE = "SKRNN_ENGINE"  # "keras" trains and predicts through Keras's own loop

# Numbers of a call: enough batches to make its overhead small, not so many that a signal would wait for long, or that
# the prediction of a single sample would spend its time on batches that hold nothing.
_MAX_BATCHES_A_CALL = 64
TRAINING_VALUES_A_CALL = 2**18
PREDICTION_VALUES_A_CALL = 2**14

# Rows times units below which a shard of a batch costs more to start than it saves.
_MIN_WORK_A_SHARD = 1024
_MAX_SHARDS = 4

# Rows that are predicted at once: always this many, so that no result depends on how many rows there are. Nor on a
# row's place among them: bit for bit with TensorFlow 2.21, within rounding with 2.17. Many rows take no longer in
# blocks of 8 than in blocks of 32, and a single one a half or less.
PREDICTION_BATCH = 8


def batches_a_call(max_values, batch_size, n_timesteps, n_features):
    """How many batches one compiled call may take; part of its shape."""
    return int(np.clip(max_values // (batch_size * n_timesteps * n_features), 1, _MAX_BATCHES_A_CALL))


def process_obstacle():
    """Why programs cannot run in this process, or None where they can."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return f"the backend of Keras is {keras.backend.backend()}"
    if os.environ.get(ENGINE_VARIABLE) == "keras":
        return f"the environment sets {ENGINE_VARIABLE}=keras"
    if n_replicas() > 1:
        return "a strategy of tf.distribute is in scope"
    return None


def network_obstacle(spec):
    """Why programs cannot run a network, or None where they can."""
    return "the cell is a callable" if callable(spec.cell) else process_obstacle()


def n_replicas():
    """How many devices share each batch: those of the ``tf.distribute`` strategy in scope, where there is one."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def has_gpu():
    """Whether TensorFlow has a GPU: there the stock layers are cuDNN's, which XLA cannot compile."""
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def prediction_threads():
    """How many threads may run a prediction program at once; no result depends on it."""
    import tensorflow as tf

    if has_gpu():
        return 1
    return tf.config.threading.get_intra_op_parallelism_threads() or joblib.cpu_count()


def n_shards(batch_size, units):
    """Into how many shards, which run at once, a batch is cut.

    On CPU it depends on the batch alone and never on the cores at hand, so that these do not change a bit.
    """
    if has_gpu():
        return 1
    work = batch_size * sum(units)
    return int(np.clip(work // _MIN_WORK_A_SHARD, 1, min(_MAX_SHARDS, batch_size)))


@contextlib.contextmanager
def memory_error(name, batch_size, n_timesteps, remedy):
    """Say of which batches the memory ran out, whoever noticed: numpy, TensorFlow or XLA."""
    try:
        yield
    except Exception as error:  # what TensorFlow raises has no class before it is imported; all else goes on below
        tensorflow = sys.modules.get("tensorflow")
        if not isinstance(error, (MemoryError, *([tensorflow.errors.ResourceExhaustedError] if tensorflow else []))):
            raise
        raise MemoryError(
            f"{name} ran out of memory with batches of {batch_size} sequences of {n_timesteps} time steps. {remedy}"
            + see("speed", "memory")
        ) from error
