"""Closed loops of recurrent estimators as compiled programs: predictions are fed back without leaving them."""

from __future__ import annotations

from functools import partial

import numpy as np

from skrnn._engine.limits import PREDICTION_BATCH, has_gpu, network_obstacle
from skrnn._programs import CACHE, program_network

_BLOCKS_A_CALL = 64  # few enough that a signal need not wait for long


class ClosedLoopProgram:
    """Blocks of steps that a network predicts, each from the ones before it.

    Parameters
    ----------
    network : keras.Model
        Takes (batch, window, n_series + n_covariates) and, where ``masked``, the mask of present steps.
    masked : bool
    output_steps, n_series : int
        What a prediction holds.
    """

    def __init__(self, network, masked, output_steps, n_series):
        import tensorflow as tf

        self._network, self._masked = network, masked
        self._output_steps, self._n_series = output_steps, n_series
        self.n_weights = len(network.weights)
        self._run = tf.function(partial(self._blocks), jit_compile=not has_gpu(), autograph=False)

    def run(self, weights, seen, covariates, n_blocks):
        """Return blocks, (n_blocks, batch, output_steps * n_series), and what is seen after them."""
        blocks, seen = self._run(weights, seen, covariates, np.int32(n_blocks))
        return blocks.numpy()[:n_blocks], seen

    def _blocks(self, weights, seen, covariates, n_blocks):
        import tensorflow as tf

        network, ahead = self._network, self._output_steps
        n_trainable = len(network.trainable_variables)
        others = [
            *weights[n_trainable:],
            *(v.value for v in network.non_trainable_variables[len(weights) - n_trainable :]),
        ]
        batch, window = seen.shape[:2]
        present = tf.ones((batch, window), dtype=tf.bool)

        def body(index, seen, blocks):
            known = tf.slice(covariates, [0, (index + 1) * ahead, 0], [batch, window, covariates.shape[2]])
            steps = tf.concat([seen, known], axis=2)
            inputs = [steps, present] if self._masked else steps
            block, _ = network.stateless_call(weights[:n_trainable], others, inputs, training=False)
            later = tf.reshape(block, (batch, ahead, self._n_series))
            return index + 1, tf.concat([seen, later], axis=1)[:, -window:], blocks.write(index, block)

        blocks = tf.TensorArray(seen.dtype, size=_BLOCKS_A_CALL, element_shape=(batch, ahead * self._n_series))
        _, seen, blocks = tf.while_loop(lambda index, *_: index < n_blocks, body, (tf.constant(0), seen, blocks))
        return blocks.stack(), seen


def loop_with_program(spec, state, masked, seen, covariates, output_steps, n_blocks):
    """Continue series with a trained network.

    Parameters
    ----------
    spec : NetworkSpec
    state : TrainedState
    masked : bool
        Whether the network was trained with a mask.
    seen : ndarray of shape (n, window, n_series)
        The last values of each series.
    covariates : ndarray of shape (n, window + n_blocks * output_steps, n_covariates)
    output_steps, n_blocks : int

    Returns
    -------
    ndarray of shape (n, n_blocks * output_steps, n_series), or None where programs cannot run the network
    """
    n, window, n_series = seen.shape
    if network_obstacle(spec) is not None or spec.return_sequences:
        return None
    program = CACHE.get(
        "closed loop",
        (spec, masked, window, output_steps, n_series),
        lambda: ClosedLoopProgram(
            program_network(spec, masked, PREDICTION_BATCH, window), masked, output_steps, n_series
        ),
    )
    weights = state.weights[: program.n_weights]
    n_rows = -(-n // PREDICTION_BATCH) * PREDICTION_BATCH
    rows = np.minimum(np.arange(n_rows), n - 1).reshape(-1, PREDICTION_BATCH)
    n_calls = -(-n_blocks // _BLOCKS_A_CALL)
    reach = _BLOCKS_A_CALL * output_steps
    missing = window + n_calls * reach - covariates.shape[1]
    covariates = np.pad(covariates.astype(spec.dtype), ((0, 0), (0, missing), (0, 0)))
    batches = []
    for batch in rows:
        last, blocks = seen[batch].astype(spec.dtype), []
        for first in range(0, n_blocks, _BLOCKS_A_CALL):
            part = covariates[batch, first * output_steps : first * output_steps + window + reach]
            some, last = program.run(weights, last, part, min(n_blocks - first, _BLOCKS_A_CALL))
            blocks.append(some)
        batches.append(np.concatenate(blocks).swapaxes(0, 1))
    return np.concatenate(batches)[:n].reshape(n, n_blocks * output_steps, n_series).astype(np.float64)
