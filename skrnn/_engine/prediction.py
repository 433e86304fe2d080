"""Outputs of a trained network, and the network as a ``keras.Model``."""

from __future__ import annotations

import weakref
from typing import Any

from skrnn._engine.architecture import architecture_of
from skrnn._engine.fallback import fallback_reason
from skrnn._engine.keras_dtype_policy import default_dtype_policy
from skrnn._engine.keras_loop import predict_with_keras
from skrnn._engine.native_pass import outputs_of
from skrnn._engine.network import assign, build_network, network_variables
from skrnn._engine.torch.device import prediction_device

# Packed weights of trained states that still exist, so that predicting row by row packs them once.
_PACKED: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


def predict(spec, state, sequences, *, mask_layer):
    """Return outputs of a trained network: (n_samples, n_outputs) or (n_samples, n_timesteps, n_outputs)."""
    if fallback_reason(spec) is None:
        device = prediction_device(spec, len(sequences), int(sequences.lengths.sum()), sequences.values.size)
        if device is not None:
            from skrnn._engine.torch.prediction import torch_outputs

            return torch_outputs(spec, state, sequences, device)
        return outputs_of(architecture_of(spec), packed_weights(spec, state), sequences)
    with default_dtype_policy():
        return predict_with_keras(spec, state.weights, sequences, mask_layer)


def packed_weights(spec, state):
    """Return the packed weights of a state, as kernels read them."""
    packed = _PACKED.get(state)
    if packed is None:
        packed = _PACKED[state] = architecture_of(spec).pack(state.weights)
    return packed


def fitted_model(spec, weights, mask_layer, n_timesteps=None):
    """Return a new stock ``keras.Model`` with trained weights, with a static time axis if a length is given."""
    import keras

    if spec.embedding is not None and n_timesteps is not None:
        n_timesteps += -n_timesteps % spec.patch_size  # as `keras_inputs` arranges token ids
    with default_dtype_policy():
        model = build_network(spec, None, mask=mask_layer, n_timesteps=n_timesteps)
        # Keras exports only models that have been called. A symbolic call is enough and computes nothing; a call with
        # data would take time, and advance the generators of recurrent dropout.
        model(keras.KerasTensor(model.input_shape, dtype=model.inputs[0].dtype))
        assign(network_variables(model), weights)
    return model
