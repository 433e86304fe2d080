"""Prediction by stock Keras networks, where native kernels cannot run."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

import numpy as np

from skrnn._engine.backend_layers import compute_by_backend
from skrnn._engine.fallback import n_replicas
from skrnn._engine.keras_batches import as_keras_dataset, keras_inputs
from skrnn._engine.network import assign, build_network, network_variables

_SAMPLES_AT_ONCE = 2**13  # limits the memory of overlapping windows, which are copied
_BATCHES = {"tensorflow": 32, "jax": 64, "torch": 256}  # where calls take long, batches are larger
_STEPS_AT_ONCE = 2**18  # limits the memory of long sequences


def predict_with_keras(spec: Any, weights: Any, sequences: Any, mask_layer: str | None) -> Any:
    """Return outputs of a trained network, whose mask is left out for sequences without padded time steps."""
    tokens = spec.embedding is not None
    is_full = sequences.lengths == sequences.n_timesteps
    if tokens and sequences.n_timesteps % spec.patch_size:
        is_full[:] = False  # the first patch of token ids begins with padding
    chosen = [(None, np.flatnonzero(is_full)), (mask_layer, np.flatnonzero(~is_full))]
    parts, order = [], []
    for mask, indices in chosen:
        for part in np.split(indices, np.arange(_SAMPLES_AT_ONCE, len(indices), _SAMPLES_AT_ONCE)):
            if len(part):
                inputs = keras_inputs(sequences.take(part), np.arange(len(part)), tokens, patch_size=spec.patch_size)
                parts.append(_predictor(spec, mask).predict(weights, inputs))
                order.append(part)
    return np.concatenate(parts)[np.argsort(np.concatenate(order))]


@lru_cache(maxsize=16)
def _predictor(spec, mask_layer):
    return _Predictor(spec, mask_layer)


class _Predictor:
    """Stock model that is shared by the fits of an architecture, and gets their weights for each prediction."""

    def __init__(self, spec, mask_layer):
        self._model = build_network(spec, None, mask=mask_layer)
        compute_by_backend(self._model)
        self._shares_batches = _shares_batches()  # a model keeps the strategy in whose scope it was built
        self._lock = threading.Lock()

    def predict(self, weights, inputs):
        """Return the outputs for an input array."""
        size = _batch_size(inputs.shape[1])
        full = np.concatenate([inputs, np.repeat(inputs[:1], -len(inputs) % size, axis=0)])
        # Keras would first cast an array as a whole to its global dtype.
        batches = full.reshape(-1, size, *full.shape[1:])
        with self._lock:
            assign(network_variables(self._model), weights)
            if self._shares_batches or _shares_batches():
                outputs = self._model.predict(as_keras_dataset([(batch,) for batch in batches]), verbose=0)
            else:  # without a data pipeline, which takes longer than small batches
                outputs = np.concatenate([self._model.predict_on_batch(batch) for batch in batches])
        return outputs[: len(inputs)]


def _batch_size(n_timesteps):
    """Return the number of samples per batch, which depends on nothing else because rounding depends on it."""
    import keras

    smallest = min(_BATCHES.values())
    return max(smallest, min(_BATCHES[keras.backend.backend()], _STEPS_AT_ONCE // n_timesteps))


def _shares_batches():
    """Return whether several devices share each batch."""
    import keras

    return n_replicas() > 1 or keras.distribution.distribution() is not None
