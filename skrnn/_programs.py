"""Compiled training and prediction programs, shared by every fit of the same architecture.

A program owns a network of its own, and nothing that belongs to a fit: weights, optimizer state and batches go in
as arguments of every call, and what training made of them comes out. So folds, clones and repeated fits compile
nothing, a fit through a warm program gives the bits of a fit through a cold one, and threads may share a program.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict

import numpy as np

from skrnn._network import build_network, network_variables

ENGINE_VARIABLE = "SKRNN_ENGINE"  # "keras" trains and predicts through Keras's own loop

MAX_PROGRAMS = 64

# Numbers of a call: enough batches to make its overhead small, not so many that a signal would wait for long.
_MAX_BATCHES_A_CALL = 64
_MAX_VALUES_A_CALL = 2**18

# Rows a prediction is made in: one shape, so that a row's bits do not depend on the rows beside it.
PREDICTION_BATCH = 32


class ProgramCache:
    """A bounded cache of programs; the least recently used one goes first.

    Attributes
    ----------
    n_compiled : dict
        How many programs were built so far, by kind.
    """

    def __init__(self, max_programs):
        self.max_programs = max_programs
        self.n_compiled = {"train": 0, "predict": 0, "keras": 0}
        self._lock = threading.Lock()
        self._programs = OrderedDict()
        self._building = {}

    def get(self, kind, key, build):
        """Return the program of a key, built by the first who asks; others who ask meanwhile wait for it."""
        key = (kind, key)
        with self._lock:
            if key in self._programs:
                self._programs.move_to_end(key)
                return self._programs[key]
            building = self._building.setdefault(key, threading.Lock())
        with building:
            with self._lock:
                if key in self._programs:
                    return self._programs[key]
            program = build()
            with self._lock:
                self.n_compiled[kind] += 1
                self._programs[key] = program
                self._building.pop(key, None)
                while len(self._programs) > self.max_programs:
                    self._programs.popitem(last=False)
        return program

    def clear(self):
        """Forget every program."""
        with self._lock:
            self._programs.clear()


CACHE = ProgramCache(MAX_PROGRAMS)


def batches_a_call(batch_size, n_timesteps, n_features):
    """How many batches one compiled call may take; part of its shape."""
    return int(np.clip(_MAX_VALUES_A_CALL // (batch_size * n_timesteps * n_features), 1, _MAX_BATCHES_A_CALL))


def network_obstacle(spec):
    """Why programs cannot run a network, or None where they can."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return f"the backend of Keras is {keras.backend.backend()}"
    if os.environ.get(ENGINE_VARIABLE) == "keras":
        return f"the environment sets {ENGINE_VARIABLE}=keras"
    if callable(spec.cell):
        return "the cell is a callable"
    return None


def program_network(spec, masked, batch_size, n_timesteps):
    """Return the network that a program compiles: static shapes, and the mask as an input of its own."""
    return build_network(spec, 0, mask="input" if masked else None, batch_size=batch_size, n_timesteps=n_timesteps)


def loss_per_row(loss, y_true, y_pred):
    """Values of a Keras loss, not reduced over samples and time steps."""
    import keras

    loss = keras.losses.get(loss)
    return loss.call(y_true, y_pred) if isinstance(loss, keras.losses.Loss) else loss(y_true, y_pred)


class TrainingProgram:
    """Training and evaluation of one architecture at one shape of batch.

    Parameters
    ----------
    network : keras.Model
        Compiled; takes sequences and, where ``masked``, the mask of present steps.
    masked : bool
        Whether sequences may hold absent steps.
    target_shape : tuple of int
        Shape of the targets of one batch.
    weight_shape : tuple of int
        Shape of their weights.
    """

    def __init__(self, network, masked, target_shape, weight_shape):
        import tensorflow as tf

        self._network, self._masked = network, masked
        self._lock = threading.Lock()
        network.optimizer.build(network.trainable_variables)
        self._metrics = self._build_metrics(target_shape, weight_shape)
        self._variables = [
            *network_variables(network),
            *network.optimizer.variables,
            *(v for metric in self._metrics for v in metric.variables),
        ]
        self.fresh_metrics = [np.array(v) for metric in self._metrics for v in metric.variables]
        self._train = tf.function(self._train_batches, jit_compile=True, autograph=False)
        self._evaluate = tf.function(self._evaluate_batches, jit_compile=True, autograph=False)

    def train(self, state, batches, n_batches):
        """Train on the first batches of a call.

        Parameters
        ----------
        state : list of array
            Values of the network's variables, the optimizer's and the metrics'.
        batches : tuple of ndarray
            Sequences, their mask, targets, weights, each with a leading axis of batches, and samples in each batch.
        n_batches : int
            How many of them hold anything.

        Returns
        -------
        state : list of tensor
        loss : float
            Sum over batches of mean loss times samples.
        metrics : dict of str to float
        """
        return self._call(self._train, state, batches, n_batches)

    def evaluate(self, state, batches, n_batches):
        """As `train`, but nothing of the state changes except the metrics."""
        return self._call(self._evaluate, state, batches, n_batches)

    def _call(self, function, state, batches, n_batches):
        with self._lock:  # the function works on the program's own variables
            state, loss, metrics = function(state, batches, np.int32(n_batches))
        return state, float(loss), {name: float(value) for name, value in metrics.items()}

    def _build_metrics(self, target_shape, weight_shape):
        """Metrics of the compiled network, their variables created by a first, empty update."""
        network = self._network
        y = np.zeros(target_shape, dtype="float32")
        outputs = np.zeros((*target_shape[:-1], network.output.shape[-1]), dtype=network.output.dtype)
        network.compute_metrics(None, y, outputs, np.ones(weight_shape, dtype="float32"))
        network.reset_metrics()
        return [metric for metric in network.metrics if metric.name != "loss"]

    def _forward(self, sequences, present, training):
        return self._network([sequences, present] if self._masked else sequences, training=training)

    def _loss(self, sequences, present, y, weights, training):
        """Mean of the weighted loss over a batch, and the metrics that it leads to."""
        import tensorflow as tf

        outputs = self._forward(sequences, present, training)
        values = tf.cast(loss_per_row(self._network.loss, y, outputs), weights.dtype)
        loss = tf.math.divide_no_nan(tf.reduce_sum(values * weights), tf.reduce_sum(weights))
        metrics = self._network.compute_metrics(None, y, outputs, weights)
        return loss, {name: value for name, value in metrics.items() if name != "loss"}

    def _train_batches(self, state, batches, n_batches):
        import tensorflow as tf

        network = self._network

        def step(sequences, present, y, weights):
            with tf.GradientTape() as tape:
                loss, metrics = self._loss(sequences, present, y, weights, training=True)
            gradients = tape.gradient(loss, network.trainable_variables)
            network.optimizer.apply(gradients, network.trainable_variables)
            return loss, metrics

        return self._loop(step, state, batches, n_batches)

    def _evaluate_batches(self, state, batches, n_batches):
        def step(sequences, present, y, weights):
            return self._loss(sequences, present, y, weights, training=False)

        return self._loop(step, state, batches, n_batches)

    def _loop(self, step, state, batches, n_batches):
        """Load the state, run a step for each batch, and return the state."""
        import tensorflow as tf

        for variable, value in zip(self._variables, state, strict=True):
            variable.assign(value)
        *arrays, counts = batches

        def body(index, total):
            loss, _ = step(*(a[index] for a in arrays))
            return index + 1, total + loss * counts[index]

        start = (tf.constant(0), tf.zeros([], counts.dtype))
        _, total = tf.while_loop(lambda index, _: index < n_batches, body, start)
        results = {}
        for metric in self._metrics:
            value = metric.result()
            results.update(value if isinstance(value, dict) else {metric.name: value})
        return [tf.identity(v.value) for v in self._variables], total, results


class PredictionProgram:
    """Outputs of one architecture for batches of one shape.

    Parameters
    ----------
    network : keras.Model
        Takes sequences and, where ``masked``, the mask of present steps.
    masked : bool
        Whether sequences may hold absent steps.
    """

    def __init__(self, network, masked):
        import tensorflow as tf

        self._network, self._masked = network, masked
        self._lock = threading.Lock()
        self._variables = list(network.weights)
        self.n_weights = len(self._variables)
        self._run = tf.function(self._predict_batches, jit_compile=True, autograph=False)

    def predict(self, weights, batches, n_batches):
        """Return the outputs of the first batches of a call: (n_batches, batch_size, ...)."""
        with self._lock:  # the function works on the program's own variables
            outputs = self._run(weights, batches, np.int32(n_batches))
        return outputs.numpy()[:n_batches]

    def _predict_batches(self, weights, batches, n_batches):
        import tensorflow as tf

        for variable, value in zip(self._variables, weights, strict=True):
            variable.assign(value)
        sequences, present = batches

        def body(index, outputs):
            inputs = [sequences[index], present[index]] if self._masked else sequences[index]
            return index + 1, outputs.write(index, self._network(inputs, training=False))

        shape = (sequences.shape[1], *self._network.output.shape[1:])
        outputs = tf.TensorArray(self._network.output.dtype, size=sequences.shape[0], element_shape=shape)
        _, outputs = tf.while_loop(lambda index, _: index < n_batches, body, (tf.constant(0), outputs))
        return outputs.stack()
