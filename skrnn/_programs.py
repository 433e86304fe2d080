"""Compiled training and prediction programs, shared by every fit of the same architecture.

A program owns a network of its own, and nothing that belongs to a fit: weights, optimizer state and batches go in
as arguments of every call, and what training made of them comes out. So folds, clones and repeated fits compile
nothing, a fit through a warm program gives the bits of a fit through a cold one, and threads may share a program.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from functools import partial
from typing import Any

import numpy as np

from skrnn._engine.limits import has_gpu
from skrnn._network import build_network, network_variables

# TensorFlow (2.21) keeps what it compiled for a program that is forgotten, and compiles it anew when it comes again: a
# search over more architectures than this grows with every fit.
MAX_PROGRAMS = 256
_STEPS_OF_A_LARGE_PROGRAM = 512  # time steps from which memory may run out in a single shard, whose rows are few


class ProgramCache:
    """A bounded cache of programs; the least recently used one goes first.

    Attributes
    ----------
    n_compiled : Counter
        How many programs were built so far, by kind.
    """

    def __init__(self, max_programs):
        self.max_programs = max_programs
        self.n_compiled: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._programs: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._building: dict[tuple[Any, ...], threading.Lock] = {}

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


def program_network(spec, masked, batch_size, n_timesteps):
    """Return the network that a program compiles: static shapes, and the mask as an input of its own."""
    return build_network(
        spec,
        None,
        mask="input" if masked else None,
        batch_size=batch_size,
        n_timesteps=n_timesteps,
        fused=not has_gpu(),
    )


def clipping_of(optimizer):
    """Return the name of the bound that an optimizer puts on gradients, or None; Keras allows one at most."""
    return next((name for name in ("clipnorm", "global_clipnorm", "clipvalue") if getattr(optimizer, name)), None)


def loss_per_row(loss, y_true, y_pred):
    """Values of a Keras loss, not reduced over samples and time steps."""
    import keras

    loss = keras.losses.get(loss)
    return loss.call(y_true, y_pred) if isinstance(loss, keras.losses.Loss) else loss(y_true, y_pred)


def built_metrics(network, target_shape):
    """Return metrics of a compiled network, their variables created by a first, empty update."""
    y = np.zeros(target_shape, dtype="float32")
    outputs = np.zeros((*target_shape[:-1], network.output.shape[-1]), dtype=network.output.dtype)
    network.compute_metrics(None, y, outputs, np.ones(target_shape[:-1], dtype="float32"))
    network.reset_metrics()
    return [metric for metric in network.metrics if metric.name != "loss"]


class TrainingProgram:
    """Training and evaluation of one architecture at one shape of batch.

    Parameters
    ----------
    network : keras.Model
        Compiled; takes one shard of sequences and, where ``masked``, the mask of present steps.
    masked : bool
        Whether sequences may hold absent steps.
    shards : int
        How many shards make a batch.
    target_shape : tuple of int
        Shape of the targets of one shard.
    """

    def __init__(self, network, masked, shards, target_shape):
        import tensorflow as tf

        self._network, self._masked, self.shards = network, masked, shards
        self._lock = threading.Lock()
        network.optimizer.build(network.trainable_variables)
        self._clipping = clipping_of(network.optimizer)
        if self._clipping is not None:
            setattr(network.optimizer, self._clipping, None)  # the bound comes with every call
        self._metrics = built_metrics(network, target_shape)
        self._variables = [
            *network_variables(network),
            *network.optimizer.variables,
            *(v for metric in self._metrics for v in metric.variables),
        ]
        self.fresh_metrics = [v.numpy() for metric in self._metrics for v in metric.variables]
        # One shard: XLA compiles the loop over batches. Several: it compiles a shard and the update, and the loop is
        # TensorFlow's own, which runs the shards at once. On a GPU nothing goes through XLA.
        xla = not has_gpu()
        in_parts = xla and shards > 1
        self._is_large = xla and not in_parts and network.inputs[0].shape[1] >= _STEPS_OF_A_LARGE_PROGRAM

        def part(function):
            return tf.function(partial(function), jit_compile=True, autograph=False) if in_parts else function

        self._gradients = part(self._shard_gradients)
        self._losses = part(self._shard_loss)
        self._update = part(self._apply_gradients)
        # partial: TensorFlow counts the traces of one function over all programs, and would warn that they are many.
        whole = {"jit_compile": xla and not in_parts, "autograph": False}
        self._train = tf.function(partial(self._train_batches), **whole)
        self._evaluate = tf.function(partial(self._evaluate_batches), **whole)

    def train(self, state, batches, n_batches, clip):
        """Train on the first batches of a call.

        Parameters
        ----------
        state : list of array
            Values of the network's variables, the optimizer's and the metrics'.
        batches : tuple of ndarray
            Sequences, their mask, targets, weights, each with leading axes of batches and shards; by what the loss
            of each batch is divided; samples in each batch.
        n_batches : int
            How many of them hold anything.
        clip : float
            Bound of the gradient, where the optimizer has one.

        Returns
        -------
        state : list of tensor
        loss : float
            Sum over batches of mean loss times samples.
        metrics : dict of str to float
        """
        return self._call(self._train, state, batches, n_batches, clip)

    def evaluate(self, state, batches, n_batches, clip):
        """As `train`, but nothing of the state changes except the metrics."""
        return self._call(self._evaluate, state, batches, n_batches, clip)

    def _call(self, function, state, batches, n_batches, clip):
        with self._lock:  # the function works on the program's own variables
            held = self._held_buffers() if self._is_large else None
            state, loss, metrics = function(state, batches, np.int32(n_batches), np.float64(clip))
            del held
        return state, float(loss), {name: float(value) for name, value in metrics.items()}

    def _held_buffers(self):
        """Hold the buffers of the variables, so that XLA does not update them in place.

        Where it runs out of memory it has freed those by then, and TensorFlow (2.21) frees them again, which ends the
        process.
        """
        import tensorflow as tf

        variables = [variable.value for variable in self._variables]
        return [tf.raw_ops.ReadVariableOp(resource=v.handle, dtype=v.dtype) for v in variables]

    # What XLA compiles; functions of their arguments alone, but for the update.

    def _shard_loss(self, values, shard, training=False):
        """Return the weighted sum of the loss over a shard, the outputs, and the states of random generators."""
        import tensorflow as tf

        sequences, present, y, weights = shard
        n_trainable = len(self._network.trainable_variables)
        inputs = [sequences, present] if self._masked else sequences
        outputs, others = self._network.stateless_call(
            values[:n_trainable], values[n_trainable:], inputs, training=training
        )
        loss = tf.cast(loss_per_row(self._network.loss, y, outputs), weights.dtype)
        return tf.reduce_sum(loss * weights), outputs, others

    def _shard_gradients(self, values, shard):
        """As `_shard_loss`, in training, with the gradients."""
        import tensorflow as tf

        trainable = values[: len(self._network.trainable_variables)]
        with tf.GradientTape() as tape:
            tape.watch(trainable)
            loss, outputs, others = self._shard_loss(values, shard, training=True)
        return tape.gradient(loss, trainable), loss, outputs, others

    def _apply_gradients(self, gradients, normalizer, clip):
        """Change the program's variables by the gradients of the shards."""
        import tensorflow as tf

        means = [tf.math.divide_no_nan(tf.add_n(list(parts)), normalizer) for parts in zip(*gradients, strict=True)]
        clip = tf.cast(clip, means[0].dtype)
        if self._clipping == "clipnorm":
            means = [tf.clip_by_norm(mean, clip) for mean in means]
        elif self._clipping == "global_clipnorm":
            means, _ = tf.clip_by_global_norm(means, clip)
        elif self._clipping == "clipvalue":
            means = [tf.clip_by_value(mean, -clip, clip) for mean in means]
        self._network.optimizer.apply(means, self._network.trainable_variables)

    # What makes a call of them.

    def _train_batches(self, state, batches, n_batches, clip):
        def step(shards, normalizer):
            values = self._values()
            results = [self._gradients(self._with_seeds_of(values, k), shard) for k, shard in enumerate(shards)]
            gradients, losses, outputs, others = zip(*results, strict=True)
            self._update(list(gradients), normalizer, clip)
            for variable, value in zip(self._network.non_trainable_variables, others[0], strict=True):
                variable.assign(value)
            return losses, outputs

        return self._loop(step, state, batches, n_batches)

    def _evaluate_batches(self, state, batches, n_batches, clip):
        del clip  # there is no gradient

        def step(shards, normalizer):
            values = self._values()
            losses, outputs, _ = zip(*(self._losses(values, shard) for shard in shards), strict=True)
            return losses, outputs

        return self._loop(step, state, batches, n_batches)

    def _loop(self, step, state, batches, n_batches):
        """Load the state, run a step for each batch, and return the state."""
        import tensorflow as tf

        for variable, value in zip(self._variables, state, strict=True):
            variable.assign(value)
        *arrays, normalizers, counts = batches

        def body(index, total):
            batch = [array[index] for array in arrays]
            shards = [tuple(array[k] for array in batch) for k in range(self.shards)]
            normalizer = normalizers[index]
            losses, outputs = step(shards, normalizer)
            self._update_metrics(shards, outputs)
            return index + 1, total + tf.math.divide_no_nan(tf.add_n(list(losses)), normalizer) * counts[index]

        start = (tf.constant(0), tf.zeros([], counts.dtype))
        _, total = tf.while_loop(lambda index, _: index < n_batches, body, start)
        results = {}
        for metric in self._metrics:
            value = metric.result()
            results.update(value if isinstance(value, dict) else {metric.name: value})
        return [tf.identity(v.value) for v in self._variables], total, results

    def _update_metrics(self, shards, outputs):
        if self._metrics:
            for (_, _, y, weights), output in zip(shards, outputs, strict=True):
                self._network.compute_metrics(None, y, output, weights)

    def _values(self):
        """Return the current values of the network's variables, trainable ones first."""
        import tensorflow as tf

        variables = [*self._network.trainable_variables, *self._network.non_trainable_variables]
        return [tf.identity(v.value) for v in variables]

    def _with_seeds_of(self, values, shard):
        """Give a shard's random generators, whose state is a seed and a counter, numbers of their own."""
        n_trainable = len(self._network.trainable_variables)
        offset = np.array([0, shard << 24], dtype=np.uint32)
        return [*values[:n_trainable], *(state + offset for state in values[n_trainable:])]


class PredictionProgram:
    """Outputs of one architecture for batches of one shape.

    It changes nothing, so threads may run it at once.

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
        self.n_weights = len(network.weights)
        self._run = tf.function(partial(self._predict_batches), jit_compile=not has_gpu(), autograph=False)
        self._traced = None  # called directly, which spares a tenth of a millisecond
        self._lock = threading.Lock()
        self._loaded: tuple[list[Any], list[Any]] = [], []

    def predict(self, weights, batches, n_batches):
        """Return the outputs of the first batches of a call: (n_batches, batch_size, ...)."""
        arguments = self._as_tensors(weights), batches, np.int32(n_batches)
        with self._lock:
            if self._traced is None:
                self._traced = self._run.get_concrete_function(*arguments)
        return self._traced(*arguments).numpy()[:n_batches]

    def _as_tensors(self, weights):
        """Return weights as tensors; those of the call before need not be copied again."""
        import tensorflow as tf

        arrays, tensors = self._loaded
        if len(arrays) != len(weights) or any(a is not b for a, b in zip(arrays, weights, strict=True)):
            tensors = [tf.constant(weight) for weight in weights]
            self._loaded = list(weights), tensors
        return tensors

    def _predict_batches(self, weights, batches, n_batches):
        import tensorflow as tf

        network = self._network
        n_trainable = len(network.trainable_variables)
        others = [
            *weights[n_trainable:],
            *(v.value for v in network.non_trainable_variables[len(weights) - n_trainable :]),
        ]
        sequences, present = batches

        def body(index, outputs):
            inputs = [sequences[index], present[index]] if self._masked else sequences[index]
            result, _ = network.stateless_call(weights[:n_trainable], others, inputs, training=False)
            return index + 1, outputs.write(index, result)

        shape = (sequences.shape[1], *network.output.shape[1:])
        outputs = tf.TensorArray(network.output.dtype, size=sequences.shape[0], element_shape=shape)
        _, outputs = tf.while_loop(lambda index, _: index < n_batches, body, (tf.constant(0), outputs))
        return outputs.stack()
