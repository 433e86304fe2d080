"""Encoder and decoder of a trained autoencoder, as networks of their own."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._data.row_labels import positions_dtype
from skrnn._data.sequences import Sequences
from skrnn._engine.network import NetworkSpec, variables_of
from skrnn._engine.prediction import predict
from skrnn._engine.trained_state import TrainedState

# States of encoder and decoder of trained states that still exist, so that the weights of each are packed once.
_PARTS: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


def encoder_of(spec: NetworkSpec) -> NetworkSpec:
    """Return the network from reversed sequences to codes."""
    assert spec.n_components is not None
    return replace(spec, n_components=None, return_sequences=False, n_outputs=spec.n_components)


def decoder_of(spec: NetworkSpec) -> NetworkSpec:
    """Return the network from codes, repeated at each time step, to sequences."""
    assert spec.n_components is not None
    return replace(spec, n_components=None, units=spec.units[::-1], n_features=spec.n_components)


def encoded(spec: NetworkSpec, state: TrainedState, sequences: Sequences, mask_layer: str | None) -> NDArray[Any]:
    """Return the codes of sequences: (n_samples, n_components)."""
    encoder, _ = _parts(spec, state)
    return predict(encoder_of(spec), encoder, _reversed(sequences), mask_layer=mask_layer)


def decoded(
    spec: NetworkSpec, state: TrainedState, codes: NDArray[Any], n_timesteps: int, mask_layer: str | None
) -> NDArray[Any]:
    """Return the sequences of codes: (n_samples, n_timesteps, n_features)."""
    n_samples = len(codes)
    _, decoder = _parts(spec, state)
    repeated = Sequences(
        values=codes,
        starts=np.arange(n_samples, dtype=positions_dtype(n_samples)),
        lengths=np.full(n_samples, n_timesteps),
        n_leading_padding=np.zeros(n_samples, dtype=int),
        step=0,  # every time step is the same row
        n_timesteps=n_timesteps,
    )
    return predict(decoder_of(spec), decoder, repeated, mask_layer=mask_layer)


def _reversed(sequences):
    """Return sequences with their valid time steps in reverse, over the same rows."""
    last = sequences.starts + sequences.step * (sequences.lengths - 1)
    return replace(sequences, starts=last, step=-sequences.step)


def _parts(spec, state):
    """Return the trained states of encoder and decoder."""
    parts = _PARTS.get(state)
    if parts is None:
        weights = list(state.weights)
        of_encoder = _n_weights(encoder_of(spec))
        of_decoder = _n_weights(decoder_of(spec))
        middle, end = of_encoder[0], of_encoder[0] + of_decoder[0]
        # States of random generators follow the weights; they have no effect on predictions.
        generators = weights[end:]
        parts = _PARTS[state] = (
            TrainedState([*weights[:middle], *generators[: of_encoder[1]]], [], ""),
            TrainedState([*weights[middle:end], *generators[: of_decoder[1]]], [], ""),
        )
    return parts


def _n_weights(spec):
    """Return the number of weights of a network, and the number of states of its random generators."""
    are_states = [path.endswith("seed_generator_state") for path, _, _ in variables_of(spec)]
    return len(are_states) - sum(are_states), sum(are_states)
