"""Outputs of a trained network, and the network as a ``keras.Model``."""

from __future__ import annotations

import weakref
from typing import Any

from skrnn._engine.architecture import architecture_of
from skrnn._engine.fallback import fallback_reason
from skrnn._engine.keras_dtype_policy import default_dtype_policy
from skrnn._engine.keras_prediction import predict_with_keras
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


def fitted_model(spec, states, mask_layer, n_timesteps=None):
    """Return a new stock ``keras.Model`` of a trained network, or of the mean of several.

    Parameters
    ----------
    spec : NetworkSpec
    states : list of TrainedState
        States of networks of the same architecture.
    mask_layer : {"layer", None}
        How the model finds masked time steps, as in `build_network`.
    n_timesteps : int or None, default=None
        Static length of the time axis.
    """
    import keras

    if spec.embedding is not None and n_timesteps is not None:
        n_timesteps += -n_timesteps % spec.patch_size  # as `keras_inputs` arranges token ids
    names = ["recurrent_network"] if len(states) == 1 else [f"member_{k}" for k in range(len(states))]
    with default_dtype_policy():
        networks = [build_network(spec, None, mask=mask_layer, n_timesteps=n_timesteps, name=name) for name in names]
        model = networks[0]
        if len(networks) > 1:
            [first] = model.inputs
            inputs = keras.layers.Input(first.shape[1:], dtype=first.dtype, name=first.name)
            average = keras.layers.Average(dtype=spec.dtype, name="average")
            model = keras.Model(inputs, average([network(inputs) for network in networks]), name="recurrent_networks")
        # Keras exports only models that have been called. A symbolic call is enough and computes nothing; a call with
        # data would take time, and advance the generators of recurrent dropout.
        model(keras.KerasTensor(model.input_shape, dtype=model.inputs[0].dtype))
        for network, state in zip(networks, states, strict=True):
            assign(network_variables(network), state.weights)
    return model
