"""Recurrent layers of Keras that torch's kernels compute (cuDNN on a GPU), also if time steps are masked.

Keras on torch calls the cell once per time step, except on a GPU and without a mask (Keras 3.15).
"""

from __future__ import annotations

from typing import Any

import keras
import torch

from skrnn._engine.torch.steps import reversed_steps

_KERNELS: dict[type, Any] = {
    keras.layers.GRU: torch.gru,
    keras.layers.LSTM: torch.lstm,
    keras.layers.SimpleRNN: torch.rnn_tanh,
}
# Position of each gate of torch's GRU (reset, update, candidate) among those of Keras (update, reset, candidate).
_GRU_ORDER = (1, 0, 2)


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
    is_plain = not (layer.stateful or layer.return_state or layer.unroll or cell.dropout or cell.recurrent_dropout)
    activations = [cell.activation]
    if type(layer) is not keras.layers.SimpleRNN:
        is_plain = is_plain and cell.recurrent_activation is keras.activations.sigmoid
    if type(layer) is keras.layers.GRU:
        is_plain = is_plain and cell.reset_after
    is_float = cell.compute_dtype in ("float32", "float64")
    return is_plain and cell.use_bias and activations == [keras.activations.tanh] and is_float


def _loop(layer, by_keras):
    """Return a replacement of ``inner_loop`` of a layer, which calls the given one for inputs without a kernel."""
    kernel = _KERNELS[type(layer)]
    is_traced = torch.jit.is_tracing  # type: ignore[attr-defined]

    def inner_loop(sequences, initial_state, mask=None, training=False):
        lengths, has_kernel = None, sequences.device.type in ("cpu", "cuda") and not is_traced()
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
            torch.cat([weight.chunk(3, dim=-1)[gate] for gate in _GRU_ORDER], dim=-1)
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
        last = _taken(outputs, (lengths - 1)[None])[0]
        return last[:, None], last
    step = torch.arange(n_timesteps, device=outputs.device)[:, None]
    if layer.go_backwards:
        source = step - (n_timesteps - lengths)
    elif layer.zero_output_for_mask:
        source = torch.where(step < lengths, step, -1)
    else:
        source = torch.minimum(step, lengths - 1)
    outputs = _taken(outputs, source)
    return outputs.transpose(0, 1), outputs[-1]


def _taken(outputs, source):
    """Return the outputs at given time steps of each sequence, (n, n_samples, units), or zeros before the first."""
    index = source.clamp(min=0)[..., None].expand(-1, -1, outputs.shape[2])
    return outputs.gather(0, index).masked_fill((source < 0)[..., None], 0)
