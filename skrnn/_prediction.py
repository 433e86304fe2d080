"""Outputs of a trained network, through a compiled program or through Keras."""

from __future__ import annotations

import numpy as np

from skrnn._batches import batch_order, keras_inputs, program_inputs
from skrnn._network import assign, build_network, network_variables
from skrnn._programs import (
    CACHE,
    PREDICTION_BATCH,
    PredictionProgram,
    batches_a_call,
    network_obstacle,
    program_network,
)


def predict(spec, weights, sequences, *, masked, mask_layer):
    """Outputs of a trained network: (n_samples, n_outputs) or (n_samples, n_timesteps, n_outputs)."""
    tokens = spec.embedding is not None
    if network_obstacle(spec) is not None:
        model = fitted_model(spec, weights, mask_layer)
        parts = [
            model.predict_on_batch(keras_inputs(sequences, indices[indices >= 0], spec.dtype, tokens))
            for indices in batch_order(len(sequences), 1024)
        ]
        return np.concatenate(parts)
    size = batches_a_call(PREDICTION_BATCH, sequences.n_timesteps, sequences.n_features)
    program = CACHE.get(
        "predict",
        (spec, masked, sequences.n_timesteps),
        lambda: PredictionProgram(program_network(spec, masked, PREDICTION_BATCH, sequences.n_timesteps), masked),
    )
    order = batch_order(len(sequences), PREDICTION_BATCH)
    weights = weights[: program.n_weights]
    parts = []
    for first in range(0, len(order), size):
        part = np.full((size, PREDICTION_BATCH), -1)
        n_batches = min(size, len(order) - first)
        part[:n_batches] = order[first : first + n_batches]
        outputs = program.predict(weights, program_inputs(sequences, part, tokens), n_batches)
        parts.append(outputs.reshape(-1, *outputs.shape[2:]))
    return np.concatenate(parts)[: len(sequences)]


def fitted_model(spec, weights, mask_layer):
    """A new stock ``keras.Model`` with trained weights."""
    model = build_network(spec, 0, mask=mask_layer)
    assign(network_variables(model), weights)
    return model
