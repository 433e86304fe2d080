"""Outputs of a trained network, and the network as a ``keras.Model``."""

from __future__ import annotations

import weakref
from typing import Any

from skrnn._engine.architecture import architecture_of
from skrnn._engine.choice import fallback_reason
from skrnn._engine.keras_defaults import keras_defaults
from skrnn._engine.keras_loop import predict_with_keras
from skrnn._engine.native_pass import outputs_of
from skrnn._engine.network import assign, build_network, network_variables

# Weights as kernels have them, of states that are alive: serving one row after the other lays them out once.
_PACKED: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


def predict(spec, state, sequences, *, mask_layer):
    """Return outputs of a trained network: (n_samples, n_outputs) or (n_samples, n_timesteps, n_outputs)."""
    if fallback_reason(spec) is None:
        return outputs_of(architecture_of(spec), packed_weights(spec, state), sequences)
    with keras_defaults():
        return predict_with_keras(spec, state.weights, sequences, mask_layer)


def packed_weights(spec, state):
    """Return the weights of a state as kernels have them."""
    packed = _PACKED.get(state)
    if packed is None:
        packed = _PACKED[state] = architecture_of(spec).pack(state.weights)
    return packed


def fitted_model(spec, weights, mask_layer, n_timesteps=None):
    """Return a new stock ``keras.Model`` with trained weights, its time axis of a fixed length where one is given."""
    import keras

    with keras_defaults():
        model = build_network(spec, None, mask=mask_layer, n_timesteps=n_timesteps)
        # Keras exports only models that have been called. It takes a symbolic call, which computes nothing: a call with
        # numbers would take its time, and draw from the generators of recurrent dropout.
        model(keras.KerasTensor(model.input_shape, dtype=model.inputs[0].dtype))
        assign(network_variables(model), weights)
    return model
