"""Outputs of the last recurrent layer, as the outputs of a network whose head is the identity."""

from __future__ import annotations

import functools
import weakref
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._data.sequences import Sequences
from skrnn._engine.network import NetworkSpec, variables_of
from skrnn._engine.prediction import predict
from skrnn._engine.trained_state import TrainedState

# States of the networks with an identity, by the trained state that still exists, and by whether they return all steps:
# engines keep a network per state.
_WITH_IDENTITY: weakref.WeakKeyDictionary[TrainedState, dict[bool, TrainedState]] = weakref.WeakKeyDictionary()


def hidden_states(
    spec: NetworkSpec, state: TrainedState, sequences: Sequences, *, mask_layer: str | None, every_step: bool
) -> NDArray[Any]:
    """Return what the last recurrent layer of a trained network passes to its dense layers, or all of its outputs.

    The network without its dense layers computes them, on the engine that predicts. It ends with a linear layer, the
    identity, which every engine has: products with one and sums with zero are exact, except on a GPU if torch is set to
    round products to TF32.

    Parameters
    ----------
    spec : NetworkSpec
    state : TrainedState
    sequences : Sequences
    mask_layer : {"layer", None}
        How the network of Keras finds padded time steps, as in `build_network`.
    every_step : bool
        Whether to return the outputs at all steps instead of the last or pooled ones.

    Returns
    -------
    ndarray of shape (n_samples, n_states) or (n_samples, n_steps, n_states)
        Steps are patches if there are any. Valid ones come first; the values at the others are arbitrary.
    """
    kept = _WITH_IDENTITY.setdefault(state, {})
    if every_step not in kept:
        kept[every_step] = _with_identity(spec, state)
    cut = replace(
        spec,
        dense_units=(),
        n_outputs=n_hidden_states(spec, state),
        output_activation=None,
        return_sequences=every_step,
        pooling="last" if every_step else spec.pooling,
    )
    return predict(cut, kept[every_step], sequences, mask_layer=mask_layer)


def n_hidden_states(spec: NetworkSpec, state: TrainedState) -> int:
    """Return the number of outputs of the last recurrent layer, of both directions if it is bidirectional."""
    return int(state.weights[_first_of_dense(spec)].shape[0])


def _with_identity(spec, state):
    """Return the state of the network with the identity in the place of its dense layers."""
    first, n_states = _first_of_dense(spec), n_hidden_states(spec, state)
    n_arrays = 2 * (len(spec.dense_units) + 1)
    identity = [np.eye(n_states, dtype=spec.dtype), np.zeros(n_states, spec.dtype)]
    weights = [*state.weights[:first], *identity, *state.weights[first + n_arrays :]]
    return TrainedState(weights, optimizer=[], optimizer_name="")


@functools.lru_cache(maxsize=64)
def _first_of_dense(spec):
    """Return the position of the kernel of the first dense layer among the variables of a network."""
    layer = "dense_0" if spec.dense_units else "output"
    return [path for path, *_ in variables_of(spec)].index(f"{layer}/kernel")
