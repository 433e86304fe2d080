"""Recurrent network of torch's layers, which use cuDNN on a GPU, with weights in the layout of Keras's variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from skrnn._engine.network import NetworkSpec
from skrnn._engine.torch.data import Inputs
from skrnn._engine.torch.session import Session
from skrnn._engine.torch.steps import last_step, maximum_of_steps, mean_of_steps, reversed_steps
from skrnn._engine.torch.weights import WeightLayout

_LAYERS: dict[Any, Any] = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM, "rnn": torch.nn.RNN}  # with tanh, its default
_KERNELS = {torch.nn.GRU: torch.gru, torch.nn.LSTM: torch.lstm, torch.nn.RNN: torch.rnn_tanh}
ACTIVATIONS: dict[str | None, Any] = {
    None: lambda z: z,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "softmax": lambda z: torch.softmax(z, dim=-1),
}


class TorchNetwork:
    """Network on a device.

    Padded steps follow the valid ones, so that they do not affect these in a forward direction. For the backward
    direction, and the encoder of an autoencoder, the valid steps of each sequence are reversed.

    Parameters
    ----------
    spec : NetworkSpec
    session : Session

    Attributes
    ----------
    layout : WeightLayout
    parameters : list of torch.Tensor
        Trained parameters, in the order of `layout`.
    """

    def __init__(self, spec: NetworkSpec, session: Session) -> None:
        assert isinstance(spec.cell, str)
        self.spec, self.layout, self._session = spec, WeightLayout(spec), session
        self._options: dict[str, Any] = {"device": session.device, "dtype": getattr(torch, spec.dtype)}
        self.parameters: list[torch.Tensor] = []
        tables = [spec.embedding] if spec.embedding is not None else [table for _, *table in spec.categories]
        self._tables = [self._new(*table) for table in tables]
        self._layers, n_inputs = [], spec.n_inputs
        for depth, units in enumerate(spec.recurrent_units):
            self._layers.append([self._recurrent(n_inputs, units) for _ in range(1 + spec.bidirectional)])
            n_inputs = units * (1 + spec.bidirectional)
            if depth == spec.bottleneck:
                self._codes = self._new(spec.n_components, n_inputs), self._new(spec.n_components)
                n_inputs = spec.n_components
        self._dense = []
        for units in (*spec.dense_units, spec.n_outputs):
            self._dense.append((self._new(units, n_inputs), self._new(units)))
            n_inputs = units

    def _new(self, *shape):
        """Return a new parameter."""
        parameter = torch.zeros(shape, **self._options).requires_grad_()
        self.parameters.append(parameter)
        return parameter

    def _recurrent(self, n_inputs, units):
        """Return a recurrent layer in one direction; its parameters are contiguous, as cuDNN requires."""
        # Initial values would be drawn from torch's global generator, whose state belongs to the user.
        layer: Any = _LAYERS[self.spec.cell](n_inputs, units, device="meta", dtype=self._options["dtype"])
        layer = layer.to_empty(device=self._session.device)
        trained = [layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0]
        if self.spec.cell == "gru":
            trained.append(layer.bias_hh_l0)
        else:  # Keras has a single bias
            layer.bias_hh_l0.requires_grad_(False).zero_()
        self.parameters += trained
        return layer

    def load(self, arrays: Sequence[Any]) -> None:
        """Set the weights from arrays in Keras's order."""
        with torch.no_grad():
            for parameter, value in zip(self.parameters, self.layout.to_torch(arrays), strict=True):
                parameter.copy_(torch.tensor(value))

    def logits(self, inputs: Inputs, *, trains: bool, generator: torch.Generator | None = None) -> torch.Tensor:
        """Return the outputs before the last activation: (n_samples, n_outputs), or a row per step and sample."""
        hidden, lengths = self._features(inputs), inputs.lengths
        n_steps = len(hidden)
        if self.spec.n_components is not None:
            hidden = reversed_steps(hidden, lengths)
        for depth, directions in enumerate(self._layers):
            hidden = self._layer(directions, hidden, lengths, self._reduction(depth), trains)
            if trains and self.spec.dropout:
                is_dropped = torch.rand(hidden.shape, generator=generator, **self._options) < self.spec.dropout
                hidden = hidden.masked_fill(is_dropped, 0) / (1 - self.spec.dropout)
            if depth == self.spec.bottleneck:
                hidden = torch.nn.functional.linear(hidden, *self._codes).repeat(n_steps, 1, 1)
        hidden = hidden.reshape(-1, hidden.shape[-1])
        for weight, bias in self._dense[:-1]:
            hidden = torch.relu(torch.nn.functional.linear(hidden, weight, bias))
        return torch.nn.functional.linear(hidden, *self._dense[-1])

    def activated(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the outputs after the last activation."""
        outputs: torch.Tensor = ACTIVATIONS[self.spec.output_activation](logits)
        return outputs

    def _features(self, inputs):
        """Return the inputs of the first layer, (n_steps, n_samples, n_inputs): numeric features, then embeddings."""
        parts = [] if inputs.values is None else [inputs.values]
        for k, table in enumerate(self._tables):
            # Its gradient, unlike that of an index, is deterministic on a GPU.
            parts.append(torch.nn.functional.embedding(inputs.codes[..., k], table))
        features = parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)
        if inputs.is_missing is not None:
            features = features.masked_fill(inputs.is_missing[..., None], 0)
        return features.flatten(2)

    def _reduction(self, depth):
        """Return what a layer passes on: the states of all steps, the last ones, or their mean or maximum."""
        if depth == self.spec.bottleneck:
            return "last"
        if depth < len(self._layers) - 1:
            return "all"
        return "all" if self.spec.pooling == "last" and self.spec.return_sequences else self.spec.pooling

    def _computed(self, layer, steps):
        """Return the outputs of a layer in one direction, (n_steps, n_samples, units), and its last states."""
        is_rounded = self._session.computes_in_bfloat16 and steps.dtype == torch.float32
        return _in_bfloat16(layer, steps) if is_rounded else layer(steps)

    def _layer(self, directions, hidden, lengths, reduction, trains):
        """Return the states of all steps of a layer, (n_steps, n_samples, width), or reduced to (n_samples, width)."""
        parts = []
        for direction, layer in enumerate(directions):
            layer.train(trains)
            states, last = self._computed(layer, reversed_steps(hidden, lengths) if direction else hidden)
            if reduction == "last":
                after_last = (last[0] if isinstance(last, tuple) else last)[0]
                parts.append(after_last if lengths is None else last_step(states, lengths))
            elif reduction == "mean":
                parts.append(mean_of_steps(states, lengths))
            else:
                states = reversed_steps(states, lengths) if direction else states
                parts.append(states if reduction == "all" else maximum_of_steps(states, lengths))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)


def _in_bfloat16(layer, steps):
    """Return the outputs of a layer in one direction and its last states, computed in bfloat16 and then cast back."""
    dtype, parameters = steps.dtype, [getattr(layer, name) for name in layer._all_weights[0]]
    # cuDNN takes parameters that are views of one vector without copying them.
    vector = torch.cat([parameter.reshape(-1) for parameter in parameters]).bfloat16()
    parts = vector.split([parameter.numel() for parameter in parameters])
    weights = [part.view(parameter.shape) for part, parameter in zip(parts, parameters, strict=True)]
    state = vector.new_zeros((1, steps.shape[1], layer.hidden_size))
    kernel: Any = _KERNELS[type(layer)]
    states = (state, state) if kernel is torch.lstm else state
    outputs, *last = kernel(steps.bfloat16(), states, weights, True, 1, 0.0, layer.training, False, False)
    return outputs.to(dtype), tuple(state.to(dtype) for state in last)


def flattened(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return a copy of all numbers of tensors as a vector, by one operation."""
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


def split_like(vector: torch.Tensor, tensors: Sequence[torch.Tensor]) -> list[NDArray[Any]]:
    """Return arrays in the shapes of tensors from a vector of all of their numbers, by one transfer."""
    numbers, ends = vector.cpu().numpy(), np.cumsum([tensor.numel() for tensor in tensors])
    parts = np.split(numbers, ends[:-1])
    return [part.reshape(tuple(tensor.shape)) for part, tensor in zip(parts, tensors, strict=True)]
