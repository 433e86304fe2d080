"""Outputs before the last activation, and their gradients with respect to the inputs, by native kernels."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._data.sequences import Sequences
from skrnn._engine.architecture import Architecture, aligned_zeros
from skrnn._engine.native import tables
from skrnn._engine.native_pass import Job, Workers, evaluation_order, outputs_of
from skrnn._engine.network import NetworkSpec


class LinearOutputs:
    """Outputs of a trained network without dropout and without the activation of the output layer.

    Parameters
    ----------
    spec : NetworkSpec
        Network without embeddings whose cell has kernels.
    weights : list of ndarray
        Its weights, in Keras's order.
    """

    def __init__(self, spec: NetworkSpec, weights: Any) -> None:
        self._architecture = _architecture_of(spec)
        self._weights = self._architecture.pack(weights)

    def values(self, sequences: Sequences) -> NDArray[Any]:
        """Return outputs: (n_samples, n_outputs) or (n_samples, n_timesteps, n_outputs), valid time steps first."""
        return outputs_of(self._architecture, self._weights, sequences)

    def gradients(self, sequences: Sequences, of_outputs: NDArray[Any]) -> NDArray[Any]:
        """Return the gradients with respect to the inputs of a linear combination of the outputs of each sample.

        Parameters
        ----------
        sequences : Sequences
        of_outputs : ndarray, in the shape of `values`
            Coefficients of the outputs, zero at padded time steps.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, n_features)
            Gradients, valid time steps first, zero at padded ones.
        """
        architecture = self._architecture
        architecture.load("input_gradients")
        spec, n = architecture.spec, len(sequences)
        n_steps = sequences.n_timesteps if spec.return_sequences else 1
        job = Job(architecture, sequences, n * n_steps)
        gradients = aligned_zeros(sequences.size, spec.dtype)
        job.set(tables.INPUT_GRADIENTS, gradients)
        job.set(tables.OUTPUT_GRADIENTS, np.ascontiguousarray(of_outputs, spec.dtype))
        job.set_positions(tables.OUTPUT_STARTS, np.arange(n) * n_steps)
        job.set_positions(tables.ORDER, evaluation_order(job.lengths))
        job.set(tables.SYNC, np.zeros(tables.N_COUNTS, np.int64))
        rows_at_once = min(n, tables.PREDICTED_AT_ONCE)
        most = job.longest_total(rows_at_once)
        job.table[[tables.N_SAMPLES, tables.N_OUTPUTS, tables.TOKENS_PER_SHARD]] = n, spec.n_outputs, most
        n_blocks = -(-n // tables.PREDICTED_AT_ONCE)
        arguments = (sequences.n_timesteps,)
        workers = Workers(job, "input_gradients", rows_at_once, trains=True, max_threads=n_blocks, arguments=arguments)
        dense_size = int(architecture.table[tables.DENSE_SIZE])
        row = tables.padded(spec.n_inputs)
        job.set(tables.GRADIENTS, aligned_zeros(workers.n * dense_size, spec.dtype))
        job.set(tables.TOKEN_GRADIENTS, aligned_zeros(workers.n * most * row, spec.dtype))
        workers.run(self._weights)
        return gradients.reshape(sequences.shape)


@functools.lru_cache(maxsize=16)
def _architecture_of(spec):
    """Return the architecture of a network without dropout and output activation, with gradients of its inputs."""
    plain = replace(spec, dropout=0.0, recurrent_dropout=0.0, output_activation=None)
    return Architecture(plain, wants_input_gradients=True)
