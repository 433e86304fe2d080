"""Recurrent layers of Keras that torch's kernels compute (cuDNN on a GPU), also if time steps are masked.

Keras on torch calls the cell once per time step, except on a GPU and without a mask (Keras 3.15).
"""

from __future__ import annotations

from typing import Any

import keras
import torch

from skrnn._engine.torch.steps import reversed_steps, steps_at
from skrnn._engine.torch.weights import GATES

_KERNELS: dict[type, Any] = {
    keras.layers.GRU: torch.gru,
    keras.layers.LSTM: torch.lstm,
    keras.layers.SimpleRNN: torch.rnn_tanh,
}


def compute_by_torch(network: Any) -> None:
    """Let torch compute the stock recurrent layers of a network that its kernels know.

    Parameters
    ----------
    network : keras.Model
        Its layers get another ``inner_loop``, which is neither saved nor copied with a configuration.
    """
    for layer in _recurrent_layers(network):
        if _has_kernel(layer):
            layer.inner_loop = _loop(layer, layer.inner_loop)


def _recurrent_layers(network):
    """Return the recurrent layers of a network, with both directions of bidirectional ones."""
    layers = []
    for layer in network.layers:
        is_pair = type(layer) is keras.layers.Bidirectional
        layers += [layer.forward_layer, layer.backward_layer] if is_pair else [layer]
    return [layer for layer in layers if type(layer) in _KERNELS]


def _has_kernel(layer):
    """Return whether a kernel of torch computes what a layer does."""
    cell = layer.cell
    if layer.stateful or layer.return_state or layer.unroll or cell.dropout or cell.recurrent_dropout:
        return False
    if not cell.use_bias or cell.activation is not keras.activations.tanh:
        return False
    if type(layer) is not keras.layers.SimpleRNN and cell.recurrent_activation is not keras.activations.sigmoid:
        return False
    if type(layer) is keras.layers.GRU and not cell.reset_after:
        return False
    return cell.compute_dtype in ("float32", "float64")


def _loop(layer, by_keras):
    """Return a replacement of ``inner_loop`` of a layer, which calls the given one for inputs without a kernel."""
    kernel = _KERNELS[type(layer)]
    jit: Any = torch.jit  # without this function in its type hints

    def inner_loop(sequences, initial_state, mask=None, training=False):
        lengths, has_kernel = None, sequences.device.type in ("cpu", "cuda") and not jit.is_tracing()
        if has_kernel and mask is not None:
            lengths = _lengths(mask[0] if isinstance(mask, (list, tuple)) else mask)
            has_kernel = lengths is not None
        if not has_kernel:
            return by_keras(sequences, initial_state, mask, training=training)
        steps = sequences.transpose(0, 1)
        if layer.go_backwards:
            steps = reversed_steps(steps, lengths)
        states = initial_state if isinstance(initial_state, (list, tuple)) else [initial_state]
        hx = [state[None] for state in states]
        hx = hx if len(hx) > 1 else hx[0]
        outputs, *_ = kernel(steps, hx, _parameters(layer), True, 1, 0.0, torch.is_grad_enabled(), False, False)
        outputs, last = _as_keras(outputs, lengths, layer)
        return last, outputs, []  # states are returned by layers with `return_state` only

    return inner_loop


def _lengths(mask):
    """Return the numbers of valid time steps, or None if not all padded ones follow the valid ones."""
    mask = mask.bool()
    lengths = mask.sum(1)
    is_right_padded = (torch.arange(mask.shape[1], device=mask.device) < lengths[:, None]) == mask
    return lengths if is_right_padded.all() else None


def _parameters(layer):
    """Return the parameters of a layer in torch's layout: weights of inputs and states, and their biases."""
    cell = layer.cell
    kernel, recurrent, bias = (
        keras.ops.convert_to_tensor(weight) for weight in (cell.kernel, cell.recurrent_kernel, cell.bias)
    )
    if type(layer) is keras.layers.GRU:
        kernel, recurrent, bias = (
            torch.cat([weight.chunk(3, dim=-1)[gate] for gate in GATES["gru"]], dim=-1)
            for weight in (kernel, recurrent, bias)
        )
        biases = [bias[0], bias[1]]
    else:
        biases = [bias, torch.zeros_like(bias)]
    return [kernel.T.contiguous(), recurrent.T.contiguous(), *biases]


def _as_keras(outputs, lengths, layer):
    """Return the outputs as Keras does, with those at padded time steps, and the last ones.

    Keras repeats the last output at padded time steps, or returns zeros in bidirectional layers. Backwards, it
    processes the padded time steps first.
    """
    n_timesteps = len(outputs)
    if lengths is None:
        return outputs.transpose(0, 1), outputs[-1]
    if not layer.return_sequences:
        last = _outputs_at(outputs, (lengths - 1)[None])[0]
        return last[:, None], last
    time_steps = torch.arange(n_timesteps, device=outputs.device)[:, None]
    if layer.go_backwards:
        positions = time_steps - (n_timesteps - lengths)
    elif layer.zero_output_for_mask:
        positions = torch.where(time_steps < lengths, time_steps, -1)
    else:
        positions = torch.minimum(time_steps, lengths - 1)
    outputs = _outputs_at(outputs, positions)
    return outputs.transpose(0, 1), outputs[-1]


def _outputs_at(outputs, positions):
    """Return the outputs at time steps of each sequence, (n, n_samples, units), zeros at negative ones."""
    return steps_at(outputs, positions.clamp(min=0)).masked_fill((positions < 0)[..., None], 0)
