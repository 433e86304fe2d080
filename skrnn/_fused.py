"""Recurrent layers for CPU: Keras's own layers, computed by other loops.

Each is a subclass of the stock layer, with its weights, and differs only in how it runs. Forward, the product of all
inputs with the kernel comes before the loop. The gradient is written by hand: of every step, all that does not depend
on the gradient coming back through time is a factor of it, and the forward loop writes these factors rather than its
gates. So the backward loop holds a product with the factors and the one with the recurrent kernel, and the gradients of
the weights come after it, as products batched over time and then summed, for one contraction over batch and time would
have other bits for every number of threads.

Three things make such loops fast in XLA on CPU (each was measured, at 300 steps of 50 sequences and 50 units): all
gates in one elementwise expression, not one a gate (2.5 times in the forward loop of an LSTM); few arrays in an
expression, since LLVM leaves a loop over many of them unvectorized; and arrays written in place of what was read from
them, so that few have to be allocated and filled.

Arrays run time first inside: ``(time, batch, ...)``. A masked step keeps the state.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

# Numbers that the products of one sum over time may hold before the sum is taken in a loop instead.
_MAX_PRODUCTS = 2**21

# Rows that one product sums over, if they divide: more would be faster, but from some 250 on it has other bits for
# every number of threads.
_ROWS_A_PRODUCT = range(100, 24, -1)


def _steps(sequences):
    """Return an array of time steps, to read from and to write over."""
    steps = tf.TensorArray(
        sequences.dtype, size=sequences.shape[0], element_shape=sequences.shape[1:], clear_after_read=False
    )
    return steps.unstack(sequences)


def _blank(n_timesteps, batch, units, filling):
    """Return an array of time steps to write to.

    The filling is a number of the weights, each used once: equal constants would be one array to XLA, which then
    copies it.
    """
    return _steps(tf.broadcast_to(filling, [n_timesteps, batch, units]))


def _over_time(n_timesteps, step, init):
    """Run ``step(t, *state)`` for every time step; return the last state, arrays as tensors."""
    result = tf.while_loop(
        lambda t, *_: t < n_timesteps,
        lambda t, *state: (t + 1, *step(t, *state)),
        (0, *init),
        maximum_iterations=n_timesteps,
    )
    return [part.stack() if isinstance(part, tf.TensorArray) else part for part in result[1:]]


def _before(states, initial):
    """Return the state that each step started from."""
    return tf.concat([initial[None], states[:-1]], axis=0)


def _where(mask, new, old):
    """Return the new value where a step is present, the old one where it is masked."""
    return new if mask is None else tf.where(mask, new, old)


def _step_of(mask, t):
    """Return the mask of a step."""
    return None if mask is None else mask[t]


class _Incoming:
    """The gradient that reaches the states from outside: at every step, or at the last one alone."""

    def __init__(self, gradient, every_step):
        self._steps = _steps(gradient) if every_step else None
        self.last = tf.zeros_like(gradient[0]) if every_step else gradient

    def add(self, t, gradient):
        """Return the gradient of a step's state from that which came back through time."""
        return gradient if self._steps is None else gradient + self._steps.read(t)


def _summed_products(left, right):
    """Sum over time of ``left[t].T @ right[t]``: (time, batch, m), (time, batch, n) -> (m, n)."""
    n_timesteps, batch, m = left.shape
    n = right.shape[2]
    rows = next((rows for rows in _ROWS_A_PRODUCT if n_timesteps * batch % rows == 0), batch)
    n_products = n_timesteps * batch // rows
    left, right = (tf.reshape(a, [n_products, rows, a.shape[2]]) for a in (left, right))
    if n_products * m * n <= _MAX_PRODUCTS:
        return tf.reduce_sum(tf.matmul(left, right, transpose_a=True), axis=0)
    lefts, rights = _steps(left), _steps(right)

    def step(t, total):
        return (total + tf.matmul(lefts.read(t), rights.read(t), transpose_a=True),)

    return _over_time(n_products, step, (tf.zeros([m, n], left.dtype),))[0]


def _summed(gradient):
    """Sum over time and batch."""
    return tf.reduce_sum(tf.reduce_sum(gradient, axis=1), axis=0)


def _input_gradients(inputs, kernel, projection_gradient):
    """Return the gradients of inputs and kernel from that of ``inputs @ kernel``."""
    d_inputs = tf.matmul(projection_gradient, kernel, transpose_b=True)
    return d_inputs, _summed_products(inputs, projection_gradient)


def _gate_constants(kinds, units, dtype):
    """Return ``scale, shift`` with which ``tanh(z * scale) * scale + shift`` is every gate: "s"igmoid or "t"anh."""
    scale = np.repeat([0.5 if kind == "s" else 1.0 for kind in kinds], units).astype(dtype.as_numpy_dtype)
    return scale, 1 - scale


def gru(inputs, initial, kernel, recurrent, bias, mask, every_step):
    """Run a gated recurrent unit with the reset gate after the product (Cho et al. 2014, in cuDNN's variant).

    Gates, in the order of the columns: update u, reset r, candidate n::

        u = sigmoid(x U_u + h R_u + b),  r = sigmoid(x U_r + h R_r + b)
        n = tanh(x U_n + b_n + r * (h R_n + c_n)),  h' = u * h + (1 - u) * n

    Parameters
    ----------
    inputs : tensor of shape (time, batch, features)
    initial : tensor of shape (batch, units)
    kernel : tensor of shape (features, 3 * units)
    recurrent : tensor of shape (units, 3 * units)
    bias : tensor of shape (2, 3 * units)
        That of the inputs and that of the state.
    mask : tensor of bool, shape (time, batch, 1), or None
    every_step : bool
        Whether the states of all steps are wanted, or the last alone.

    Returns
    -------
    tensor of shape (time, batch, units), or (batch, units)
        The state after every step, or after the last.
    """

    @tf.custom_gradient
    def core(inputs, initial, kernel, recurrent, bias):
        n_timesteps, batch, _ = inputs.shape
        units = recurrent.shape[0]
        scale, shift = _gate_constants("ss", units, inputs.dtype)

        def forward(t, h, factors, states, through, candidates):
            x, q = factors.read(t), tf.matmul(h, recurrent) + bias[1]
            sigmoids = tf.tanh((x[:, : 2 * units] + q[:, : 2 * units]) * scale) * scale + shift
            u, r, q_n = sigmoids[:, :units], sigmoids[:, units:], q[:, 2 * units :]
            n = tf.tanh(x[:, 2 * units :] + r * q_n)
            d_n = (1 - u) * (1 - n * n)
            d_q = tf.concat([(h - n) * u * (1 - u), d_n * r * q_n * (1 - r), d_n * r], axis=1)
            present = _step_of(mask, t)
            h = _where(present, n + u * (h - n), h)
            return (
                h,
                factors.write(t, _where(present, d_q, tf.zeros_like(d_q))),
                states.write(t, h),
                through.write(t, _where(present, u, tf.ones_like(u))),
                candidates.write(t, _where(present, d_n, tf.zeros_like(d_n))),
            )

        projected = _steps(tf.matmul(inputs, kernel) + bias[0])
        arrays = [_blank(n_timesteps, batch, units, bias[0, k]) for k in range(3)]
        last, factors, states, through, candidates = _over_time(n_timesteps, forward, (initial, projected, *arrays))

        def gradient(d_outputs):
            incoming, transposed = _Incoming(d_outputs, every_step), tf.transpose(recurrent)
            through_reads = _steps(through)

            def backward(k, dh, d_product, d_candidates):
                t = n_timesteps - 1 - k
                dh = incoming.add(t, dh)
                d_q = tf.concat([dh, dh, dh], axis=1) * d_product.read(t)
                into = tf.matmul(d_q, transposed) + dh * through_reads.read(t)
                return into, d_product.write(t, d_q), d_candidates.write(t, dh * d_candidates.read(t))

            d_initial, d_product, d_candidates = _over_time(
                n_timesteps, backward, (incoming.last, _steps(factors), _steps(candidates))
            )
            d_projected = tf.concat([d_product[:, :, : 2 * units], d_candidates], axis=2)
            d_inputs, d_kernel = _input_gradients(inputs, kernel, d_projected)
            d_recurrent = _summed_products(_before(states, initial), d_product)
            return d_inputs, d_initial, d_kernel, d_recurrent, tf.stack([_summed(d_projected), _summed(d_product)])

        return states if every_step else last, gradient

    return core(inputs, initial, kernel, recurrent, bias)


def lstm(inputs, initial, kernel, recurrent, bias, mask, every_step):
    """Run long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000).

    Gates, in the order of the columns: input i, forget f, candidate g, output o::

        i, f, o = sigmoid(x U + h R + b),  g = tanh(x U_g + h R_g + b_g)
        c' = f * c + i * g,  h' = o * tanh(c')

    Parameters
    ----------
    inputs : tensor of shape (time, batch, features)
    initial : tuple of two tensors of shape (batch, units)
        Hidden state and cell state.
    kernel : tensor of shape (features, 4 * units)
    recurrent : tensor of shape (units, 4 * units)
    bias : tensor of shape (4 * units,)
    mask : tensor of bool, shape (time, batch, 1), or None
    every_step : bool
        Whether the hidden states of all steps are wanted, or the last alone.

    Returns
    -------
    states : tensor of shape (time, batch, units), or (batch, units)
        Hidden state after every step, or after the last.
    cell : tensor of shape (batch, units)
        Cell state after the last step.
    """

    @tf.custom_gradient
    def core(inputs, initial_h, initial_c, kernel, recurrent, bias):
        n_timesteps, batch, _ = inputs.shape
        units = recurrent.shape[0]
        scale, shift = _gate_constants("ssts", units, inputs.dtype)

        def forward(t, h, c, factors, states, into_cell, through_cell):
            gate = tf.tanh((factors.read(t) + tf.matmul(h, recurrent)) * scale) * scale + shift
            i, f, g, o = tf.split(gate, 4, axis=1)
            new_c = f * c + i * g
            tanh_c = tf.tanh(new_c)
            new_h = o * tanh_c
            d_z = tf.concat([g * i * (1 - i), c * f * (1 - f), i * (1 - g * g), new_h * (1 - o)], axis=1)
            d_c = o * (1 - tanh_c * tanh_c)
            present = _step_of(mask, t)
            h = _where(present, new_h, h)
            return (
                h,
                _where(present, new_c, c),
                factors.write(t, _where(present, d_z, tf.zeros_like(d_z))),
                states.write(t, h),
                into_cell.write(t, _where(present, d_c, tf.zeros_like(d_c))),
                through_cell.write(t, _where(present, f, tf.ones_like(f))),
            )

        projected = _steps(tf.matmul(inputs, kernel) + bias)
        arrays = [_blank(n_timesteps, batch, units, bias[k]) for k in range(3)]
        last, last_c, factors, states, into_cell, through_cell = _over_time(
            n_timesteps, forward, (initial_h, initial_c, projected, *arrays)
        )

        def gradient(d_outputs, d_last_c):
            incoming, transposed = _Incoming(d_outputs, every_step), tf.transpose(recurrent)
            into_reads, through_reads = _steps(into_cell), _steps(through_cell)

            def backward(k, dh, dc, d_projected):
                t = n_timesteps - 1 - k
                dh = incoming.add(t, dh)
                dc += dh * into_reads.read(t)
                d_z = tf.concat([dc, dc, dc, dh], axis=1) * d_projected.read(t)
                into = tf.matmul(d_z, transposed)
                if mask is not None:
                    into += tf.where(mask[t], tf.zeros_like(dh), dh)
                return into, dc * through_reads.read(t), d_projected.write(t, d_z)

            d_h, d_c, d_projected = _over_time(n_timesteps, backward, (incoming.last, d_last_c, _steps(factors)))
            d_inputs, d_kernel = _input_gradients(inputs, kernel, d_projected)
            d_recurrent = _summed_products(_before(states, initial_h), d_projected)
            return d_inputs, d_h, d_c, d_kernel, d_recurrent, _summed(d_projected)

        return (states if every_step else last, last_c), gradient

    return core(inputs, *initial, kernel, recurrent, bias)


def simple_rnn(inputs, initial, kernel, recurrent, bias, mask, every_step):
    """Run a simple recurrent network (Elman 1990), ``h' = tanh(x U + h R + b)``.

    Parameters
    ----------
    inputs : tensor of shape (time, batch, features)
    initial : tensor of shape (batch, units)
    kernel : tensor of shape (features, units)
    recurrent : tensor of shape (units, units)
    bias : tensor of shape (units,)
    mask : tensor of bool, shape (time, batch, 1), or None
    every_step : bool
        Whether the states of all steps are wanted, or the last alone.

    Returns
    -------
    tensor of shape (time, batch, units), or (batch, units)
        The state after every step, or after the last.
    """

    @tf.custom_gradient
    def core(inputs, initial, kernel, recurrent, bias):
        n_timesteps = inputs.shape[0]

        def forward(t, h, states):
            h = _where(_step_of(mask, t), tf.tanh(states.read(t) + tf.matmul(h, recurrent)), h)
            return h, states.write(t, h)

        projected = _steps(tf.matmul(inputs, kernel) + bias)
        last, states = _over_time(n_timesteps, forward, (initial, projected))

        def gradient(d_outputs):
            factors = _steps(_where(mask, 1 - states * states, tf.zeros_like(states)))
            incoming, transposed = _Incoming(d_outputs, every_step), tf.transpose(recurrent)

            def backward(k, dh, d_projected):
                t = n_timesteps - 1 - k
                dh = incoming.add(t, dh)
                d_z = dh * d_projected.read(t)
                into = tf.matmul(d_z, transposed)
                if mask is not None:
                    into += tf.where(mask[t], tf.zeros_like(dh), dh)
                return into, d_projected.write(t, d_z)

            d_initial, d_projected = _over_time(n_timesteps, backward, (incoming.last, factors))
            d_inputs, d_kernel = _input_gradients(inputs, kernel, d_projected)
            d_recurrent = _summed_products(_before(states, initial), d_projected)
            return d_inputs, d_initial, d_kernel, d_recurrent, _summed(d_projected)

        return states if every_step else last, gradient

    return core(inputs, initial, kernel, recurrent, bias)


class _Fused:
    """Run a stock recurrent layer of known batch size and length through a function of this module.

    The layer must have Keras's default activations, a bias and no dropout of its own.
    """

    # Of the stock layer, which stands right of this one among the bases.
    cell: Any
    go_backwards: bool
    return_sequences: bool
    zero_output_for_mask: bool

    def _run(self, inputs: Any, initial: Any, weights: tuple[Any, Any, Any], mask: Any, every_step: bool) -> Any:
        """Return the outputs, of every step or of the last one, and the last states but the outputs."""
        raise NotImplementedError  # each cell has its own

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Return the last output, all outputs (the last alone, where no more are asked for) and the last states."""
        del training  # nothing here depends on it
        cell = self.cell
        initial = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
        inputs = tf.transpose(sequences, [1, 0, 2])
        if mask is not None:
            mask = tf.transpose(mask, [1, 0])[:, :, None]
        if self.go_backwards:
            inputs = tf.reverse(inputs, [0])
            mask = None if mask is None else tf.reverse(mask, [0])
        weights = tuple(tf.convert_to_tensor(w) for w in (cell.kernel, cell.recurrent_kernel, cell.bias))
        outputs, others = self._run(inputs, initial, weights, mask, self.return_sequences)
        if not self.return_sequences:
            return outputs, outputs[:, None], [outputs, *others]
        last = outputs[-1]
        if mask is not None and self.zero_output_for_mask:
            outputs = tf.where(mask, outputs, tf.zeros_like(outputs))
        return last, tf.transpose(outputs, [1, 0, 2]), [last, *others]


@keras.saving.register_keras_serializable("skrnn")  # Bidirectional makes its layers anew by name
class FusedGRU(_Fused, keras.layers.GRU):
    """`keras.layers.GRU` through `gru`."""

    def _run(self, inputs: Any, initial: Any, weights: tuple[Any, Any, Any], mask: Any, every_step: bool) -> Any:
        return gru(inputs, initial[0], *weights, mask, every_step), []


@keras.saving.register_keras_serializable("skrnn")  # Bidirectional makes its layers anew by name
class FusedLSTM(_Fused, keras.layers.LSTM):
    """`keras.layers.LSTM` through `lstm`."""

    def _run(self, inputs: Any, initial: Any, weights: tuple[Any, Any, Any], mask: Any, every_step: bool) -> Any:
        outputs, cell = lstm(inputs, tuple(initial), *weights, mask, every_step)
        return outputs, [cell]


@keras.saving.register_keras_serializable("skrnn")  # Bidirectional makes its layers anew by name
class FusedSimpleRNN(_Fused, keras.layers.SimpleRNN):
    """`keras.layers.SimpleRNN` through `simple_rnn`."""

    def _run(self, inputs: Any, initial: Any, weights: tuple[Any, Any, Any], mask: Any, every_step: bool) -> Any:
        return simple_rnn(inputs, initial[0], *weights, mask, every_step), []


class FusedDropout(keras.layers.Dropout):
    """Keras's dropout, drawn by the Philox generator.

    Left to choose, TensorFlow takes it too, but by operations that XLA runs far slower on CPU: 119 ms against 4 ms for
    64 sequences of 60 steps and 50 units (TensorFlow 2.21). The bits are the same.
    """

    def call(self, inputs, training=False):
        """Zero a part of the inputs in training, and scale up the rest."""
        if not training or not self.rate:
            return inputs
        seed = tf.cast(self.seed_generator.next() % (tf.int32.max - 1), "int32")  # XLA takes no other
        return tf.nn.experimental.stateless_dropout(inputs, rate=self.rate, seed=seed, rng_alg="philox")
