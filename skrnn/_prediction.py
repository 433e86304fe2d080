"""Outputs of a trained network, through a compiled program or through Keras."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from skrnn._batches import batch_order, keras_inputs, program_inputs
from skrnn._engine.limits import (
    PREDICTION_BATCH,
    PREDICTION_VALUES_A_CALL,
    batches_a_call,
    network_obstacle,
    prediction_threads,
)
from skrnn._keras import as_keras_dataset
from skrnn._keras_defaults import keras_defaults
from skrnn._lengths import MIN_PREDICTION_WORK, program_lengths
from skrnn._network import assign, build_network, network_variables
from skrnn._processes import prepare_process
from skrnn._programs import CACHE, PredictionProgram, program_network

_ROWS_AT_ONCE = 2**13  # through Keras: windows of one series are laid out in full


def predict(spec, state, sequences, *, masked, mask_layer):
    """Return outputs of a trained network: (n_samples, n_outputs) or (n_samples, n_timesteps, n_outputs)."""
    prepare_process()
    with keras_defaults():
        return _predict(spec, state, sequences, masked, mask_layer)


def _predict(spec, state, sequences, masked, mask_layer):
    """Choose what predicts, and on time axes of which lengths."""
    if network_obstacle(spec) is not None:
        predictor = CACHE.get("keras", (spec, mask_layer), lambda: _KerasPredictor(spec, mask_layer))
        return np.concatenate(
            [
                predictor.predict(state.weights, keras_inputs(sequences, part, spec.embedding is not None))
                for part in np.split(np.arange(len(sequences)), np.arange(_ROWS_AT_ONCE, len(sequences), _ROWS_AT_ONCE))
            ]
        )
    lengths = program_lengths(sequences, spec.units, MIN_PREDICTION_WORK, masked=masked, fitted=state.longest)
    axes = np.unique(lengths)
    if len(axes) == 1 and (not spec.return_sequences or axes[0] == sequences.n_timesteps):
        return _predict_at(axes[0], spec, state.weights, sequences, masked)
    steps = (sequences.n_timesteps,) if spec.return_sequences else ()
    outputs = np.zeros((len(sequences), *steps, spec.n_outputs), dtype=spec.dtype)
    for n_timesteps in axes:
        rows = np.flatnonzero(lengths == n_timesteps)
        part = _predict_at(n_timesteps, spec, state.weights, sequences.take(rows), masked)
        if spec.return_sequences:
            n_timesteps = min(n_timesteps, sequences.n_timesteps)
            outputs[rows, :n_timesteps] = part[:, :n_timesteps]
        else:
            outputs[rows] = part
    return outputs


def _predict_at(n_timesteps, spec, weights, sequences, masked):
    """Return outputs of sequences computed on a time axis of one length."""
    n_timesteps, tokens = int(n_timesteps), spec.embedding is not None
    size = batches_a_call(PREDICTION_VALUES_A_CALL, PREDICTION_BATCH, n_timesteps, sequences.n_features)
    program = CACHE.get(
        "predict",
        (spec, masked, n_timesteps),
        lambda: PredictionProgram(program_network(spec, masked, PREDICTION_BATCH, n_timesteps), masked),
    )
    weights = weights[: program.n_weights]

    def outputs_of(call):
        _, samples, n_batches = call
        outputs = program.predict(weights, program_inputs(sequences, samples, n_timesteps, tokens), n_batches)
        return outputs.reshape(-1, *outputs.shape[2:])

    order = batch_order(np.full(len(sequences), n_timesteps), PREDICTION_BATCH)
    calls = list(order.calls(lambda _: size))
    n_threads = min(prediction_threads(), len(calls))
    if n_threads == 1:
        outputs = [outputs_of(call) for call in calls]
    else:
        with ThreadPoolExecutor(n_threads) as pool:
            outputs = list(pool.map(outputs_of, calls))
    return np.concatenate(outputs)[: len(sequences)]


class _KerasPredictor:
    """A stock model that predicts with the weights of whoever asks, in full batches: rounding depends on their size."""

    BATCH = 32

    def __init__(self, spec, mask_layer):
        self._model = build_network(spec, None, mask=mask_layer)
        self._lock = threading.Lock()

    def predict(self, weights, inputs):
        full = np.concatenate([inputs, np.repeat(inputs[:1], -len(inputs) % self.BATCH, axis=0)])
        with self._lock:
            assign(network_variables(self._model), weights)
            # Batches, for Keras casts a whole array to its own dtype first.
            batches = full.reshape(-1, self.BATCH, *full.shape[1:])
            return self._model.predict(as_keras_dataset(lambda index: (batches[index],), len(batches)), verbose=0)[
                : len(inputs)
            ]


def fitted_model(spec, weights, mask_layer, n_timesteps=None):
    """Return a new stock ``keras.Model`` with trained weights, its time axis of a fixed length where one is given."""
    import keras

    prepare_process()
    with keras_defaults():
        model = build_network(spec, None, mask=mask_layer, n_timesteps=n_timesteps)
        # Keras exports only models that have been called. It takes a symbolic call, which computes nothing: a call with
        # numbers would take its time, and draw from the generators of recurrent dropout.
        model(keras.KerasTensor(model.input_shape, dtype=model.inputs[0].dtype))
        assign(network_variables(model), weights)
    return model
