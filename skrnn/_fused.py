"""Recurrent layers for CPU: Keras's own layers, computed by other loops.

Each is a subclass of the stock layer, with its weights, and differs only in how it runs: the product of all inputs
with the kernel comes before the loop; the gradient is written by hand, with a loop that holds the product with the
recurrent kernel alone; the gradients of the weights come after it. They are products batched over time and then
summed, for one contraction over batch and time would have other bits for every number of threads.

Arrays run time first inside: ``(time, batch, ...)``. A masked step keeps the state.
"""

from __future__ import annotations

import keras
import tensorflow as tf

# Numbers that the products of one sum over time may hold before the sum is taken in a loop instead.
_MAX_PRODUCTS = 2**24


def _reads(sequences):
    """Return an array to read steps from."""
    return tf.TensorArray(sequences.dtype, size=sequences.shape[0]).unstack(sequences)


def _writes(n_timesteps, shape, dtype):
    """Return an array to write steps to."""
    return tf.TensorArray(dtype, size=n_timesteps, element_shape=shape)


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


def _keep(mask, t, new, old):
    """Return the new state where the step is present, the old one where it is masked."""
    return new if mask is None else tf.where(mask[t], new, old)


def _split_by_mask(mask, t, gradient):
    """Return the part of a gradient that goes into a step, and the part that passes it by."""
    if mask is None:
        return gradient, 0
    zeros = tf.zeros_like(gradient)
    return tf.where(mask[t], gradient, zeros), tf.where(mask[t], zeros, gradient)


def _summed_products(left, right):
    """Sum over time of ``left[t].T @ right[t]``: (time, batch, m), (time, batch, n) -> (m, n)."""
    n_timesteps, _, m = left.shape
    n = right.shape[2]
    if n_timesteps * m * n <= _MAX_PRODUCTS:
        return tf.reduce_sum(tf.matmul(left, right, transpose_a=True), axis=0)
    lefts, rights = _reads(left), _reads(right)

    def step(t, total):
        return (total + tf.matmul(lefts.read(t), rights.read(t), transpose_a=True),)

    return _over_time(n_timesteps, step, (tf.zeros([m, n], left.dtype),))[0]


def _input_gradients(inputs, kernel, projection_gradient):
    """Return the gradients of inputs, kernel and bias from that of ``inputs @ kernel + bias``."""
    d_inputs = tf.matmul(projection_gradient, kernel, transpose_b=True)
    d_kernel = _summed_products(inputs, projection_gradient)
    d_bias = tf.reduce_sum(tf.reduce_sum(projection_gradient, axis=1), axis=0)
    return d_inputs, d_kernel, d_bias


def gru(inputs, initial, kernel, recurrent, bias, mask):
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

    Returns
    -------
    tensor of shape (time, batch, units)
        The state after every step.
    """

    @tf.custom_gradient
    def core(inputs, initial, kernel, recurrent, bias):
        n_timesteps, batch, _ = inputs.shape
        units, dtype = recurrent.shape[0], inputs.dtype
        projected = _reads(tf.matmul(inputs, kernel) + bias[0])

        def forward(t, h, states, gates):
            x, q = projected.read(t), tf.matmul(h, recurrent) + bias[1]
            sigmoids = tf.sigmoid(x[:, : 2 * units] + q[:, : 2 * units])
            u, r, q_n = sigmoids[:, :units], sigmoids[:, units:], q[:, 2 * units :]
            n = tf.tanh(x[:, 2 * units :] + r * q_n)
            h = _keep(mask, t, n + u * (h - n), h)
            return h, states.write(t, h), gates.write(t, tf.concat([u, r, n, q_n], axis=1))

        arrays = _writes(n_timesteps, [batch, units], dtype), _writes(n_timesteps, [batch, 4 * units], dtype)
        _, states, gates = _over_time(n_timesteps, forward, (initial, *arrays))

        def gradient(d_states):
            previous = _before(states, initial)
            gate_reads, previous_reads, d_reads = _reads(gates), _reads(previous), _reads(d_states)
            transposed = tf.transpose(recurrent)

            def backward(k, dh, d_projected, d_candidates):
                t = n_timesteps - 1 - k
                gate, h = gate_reads.read(t), previous_reads.read(t)
                u, r, n, q_n = (gate[:, i * units : (i + 1) * units] for i in range(4))
                dh, passing = _split_by_mask(mask, t, dh + d_reads.read(t))
                d_n = dh * (1 - u) * (1 - n * n)
                d_u = dh * (h - n) * u * (1 - u)
                d_r = d_n * q_n * r * (1 - r)
                d_qn = d_n * r
                into = tf.matmul(tf.concat([d_u, d_r, d_qn], axis=1), transposed)
                d_projected = d_projected.write(t, tf.concat([d_u, d_r, d_n], axis=1))
                return into + dh * u + passing, d_projected, d_candidates.write(t, d_qn)

            arrays = _writes(n_timesteps, [batch, 3 * units], dtype), _writes(n_timesteps, [batch, units], dtype)
            d_initial, d_projected, d_candidates = _over_time(
                n_timesteps, backward, (tf.zeros([batch, units], dtype), *arrays)
            )
            d_product = tf.concat([d_projected[:, :, : 2 * units], d_candidates], axis=2)
            d_inputs, d_kernel, d_bias = _input_gradients(inputs, kernel, d_projected)
            d_state_bias = tf.reduce_sum(tf.reduce_sum(d_product, axis=1), axis=0)
            d_recurrent = _summed_products(previous, d_product)
            return d_inputs, d_initial, d_kernel, d_recurrent, tf.stack([d_bias, d_state_bias])

        return states, gradient

    return core(inputs, initial, kernel, recurrent, bias)


def lstm(inputs, initial, kernel, recurrent, bias, mask):
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

    Returns
    -------
    states, cells : tensors of shape (time, batch, units)
        Hidden state and cell state after every step.
    """

    @tf.custom_gradient
    def core(inputs, initial_h, initial_c, kernel, recurrent, bias):
        n_timesteps, batch, _ = inputs.shape
        units, dtype = recurrent.shape[0], inputs.dtype
        projected = _reads(tf.matmul(inputs, kernel) + bias)

        def forward(t, h, c, states, cells, gates):
            z = projected.read(t) + tf.matmul(h, recurrent)
            i, f = tf.sigmoid(z[:, :units]), tf.sigmoid(z[:, units : 2 * units])
            g, o = tf.tanh(z[:, 2 * units : 3 * units]), tf.sigmoid(z[:, 3 * units :])
            new_c = f * c + i * g
            h = _keep(mask, t, o * tf.tanh(new_c), h)
            c = _keep(mask, t, new_c, c)
            gates = gates.write(t, tf.concat([i, f, g, o], axis=1))
            return h, c, states.write(t, h), cells.write(t, c), gates

        array = [_writes(n_timesteps, [batch, n * units], dtype) for n in (1, 1, 4)]
        _, _, states, cells, gates = _over_time(n_timesteps, forward, (initial_h, initial_c, *array))

        def gradient(d_states, d_cells):
            gate_reads, cell_reads = _reads(gates), _reads(cells)
            previous_reads = _reads(_before(cells, initial_c))
            dh_reads, dc_reads = _reads(d_states), _reads(d_cells)
            transposed = tf.transpose(recurrent)

            def backward(k, dh, dc, d_projected):
                t = n_timesteps - 1 - k
                gate = gate_reads.read(t)
                i, f, g, o = (gate[:, j * units : (j + 1) * units] for j in range(4))
                # At a masked step c is the state that passed by, not that of the gates; its part is zero there.
                tanh_c = tf.tanh(cell_reads.read(t))
                dh, h_passing = _split_by_mask(mask, t, dh + dh_reads.read(t))
                dc, c_passing = _split_by_mask(mask, t, dc + dc_reads.read(t))
                dc += dh * o * (1 - tanh_c * tanh_c)
                d_z = tf.concat(
                    [
                        dc * g * i * (1 - i),
                        dc * previous_reads.read(t) * f * (1 - f),
                        dc * i * (1 - g * g),
                        dh * tanh_c * o * (1 - o),
                    ],
                    axis=1,
                )
                return tf.matmul(d_z, transposed) + h_passing, dc * f + c_passing, d_projected.write(t, d_z)

            zeros = tf.zeros([batch, units], dtype)
            d_h, d_c, d_projected = _over_time(
                n_timesteps, backward, (zeros, zeros, _writes(n_timesteps, [batch, 4 * units], dtype))
            )
            d_inputs, d_kernel, d_bias = _input_gradients(inputs, kernel, d_projected)
            return d_inputs, d_h, d_c, d_kernel, _summed_products(_before(states, initial_h), d_projected), d_bias

        return (states, cells), gradient

    return core(inputs, *initial, kernel, recurrent, bias)


def simple_rnn(inputs, initial, kernel, recurrent, bias, mask):
    """Run a simple recurrent network (Elman 1990), ``h' = tanh(x U + h R + b)``.

    Parameters
    ----------
    inputs : tensor of shape (time, batch, features)
    initial : tensor of shape (batch, units)
    kernel : tensor of shape (features, units)
    recurrent : tensor of shape (units, units)
    bias : tensor of shape (units,)
    mask : tensor of bool, shape (time, batch, 1), or None

    Returns
    -------
    tensor of shape (time, batch, units)
        The state after every step.
    """

    @tf.custom_gradient
    def core(inputs, initial, kernel, recurrent, bias):
        n_timesteps, batch, _ = inputs.shape
        units, dtype = recurrent.shape[0], inputs.dtype
        projected = _reads(tf.matmul(inputs, kernel) + bias)

        def forward(t, h, states):
            h = _keep(mask, t, tf.tanh(projected.read(t) + tf.matmul(h, recurrent)), h)
            return h, states.write(t, h)

        _, states = _over_time(n_timesteps, forward, (initial, _writes(n_timesteps, [batch, units], dtype)))

        def gradient(d_states):
            state_reads, d_reads, transposed = _reads(states), _reads(d_states), tf.transpose(recurrent)

            def backward(k, dh, d_projected):
                t = n_timesteps - 1 - k
                h = state_reads.read(t)
                dh, passing = _split_by_mask(mask, t, dh + d_reads.read(t))
                d_z = dh * (1 - h * h)
                return tf.matmul(d_z, transposed) + passing, d_projected.write(t, d_z)

            d_initial, d_projected = _over_time(
                n_timesteps,
                backward,
                (tf.zeros([batch, units], dtype), _writes(n_timesteps, [batch, units], dtype)),
            )
            d_inputs, d_kernel, d_bias = _input_gradients(inputs, kernel, d_projected)
            return d_inputs, d_initial, d_kernel, _summed_products(_before(states, initial), d_projected), d_bias

        return states, gradient

    return core(inputs, initial, kernel, recurrent, bias)


class _Fused:
    """Run a stock recurrent layer of known batch size and length through a function of this module.

    The layer must have Keras's default activations, a bias and no dropout of its own.
    """

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Return the last output, all outputs and the last states, as Keras's own loop does."""
        del training  # nothing here depends on it
        cell = self.cell
        initial = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
        inputs = tf.transpose(sequences, [1, 0, 2])
        if mask is not None:
            mask = tf.transpose(mask, [1, 0])[:, :, None]
        if self.go_backwards:
            inputs = tf.reverse(inputs, [0])
            mask = None if mask is None else tf.reverse(mask, [0])
        weights = [tf.convert_to_tensor(w) for w in (cell.kernel, cell.recurrent_kernel, cell.bias)]
        states = self._states(inputs, initial, weights, mask)
        outputs = states[0]
        if mask is not None and self.zero_output_for_mask:
            outputs = tf.where(mask, outputs, tf.zeros_like(outputs))
        return states[0][-1], tf.transpose(outputs, [1, 0, 2]), [state[-1] for state in states]


@keras.saving.register_keras_serializable("skrnn")  # Bidirectional makes its layers anew by name
class FusedGRU(_Fused, keras.layers.GRU):
    """`keras.layers.GRU` through `gru`."""

    def _states(self, inputs, initial, weights, mask):
        return [gru(inputs, initial[0], *weights, mask)]


@keras.saving.register_keras_serializable("skrnn")  # Bidirectional makes its layers anew by name
class FusedLSTM(_Fused, keras.layers.LSTM):
    """`keras.layers.LSTM` through `lstm`."""

    def _states(self, inputs, initial, weights, mask):
        return list(lstm(inputs, tuple(initial), *weights, mask))


@keras.saving.register_keras_serializable("skrnn")  # Bidirectional makes its layers anew by name
class FusedSimpleRNN(_Fused, keras.layers.SimpleRNN):
    """`keras.layers.SimpleRNN` through `simple_rnn`."""

    def _states(self, inputs, initial, weights, mask):
        return [simple_rnn(inputs, initial[0], *weights, mask)]
