"""Network as a ``keras.Model`` of stock layers, and its variables without Keras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._common.state import stored_as
from skrnn._data.categories import numeric_columns
from skrnn._engine.cells import CELLS, recurrent_layer
from skrnn._engine.initializers import initial_value
from skrnn._engine.keras_steps import MASK_VALUE, patched, pooled, repeated, reversed_steps, valid_steps
from skrnn._engine.tensorflow_process import clear_kernel_cache


@stored_as("network")
@dataclass(frozen=True)
class NetworkSpec:
    """Architecture of a network: equal specifications mean equal architectures."""

    cell: str | Callable[..., Any]
    units: tuple[int, ...]
    bidirectional: bool
    dropout: float
    recurrent_dropout: float
    dense_units: tuple[int, ...]
    return_sequences: bool
    n_features: int
    embedding: tuple[int, int] | None  # (n_tokens, embedding_dim), for token ids
    n_outputs: int
    output_activation: str | None
    dtype: str
    categories: tuple[tuple[int, int, int], ...] = ()  # (column, n_rows, embedding_dim) of each categorical feature
    patch_size: int = 1  # time steps per step of the recurrent layers
    pooling: str = "last"  # or "mean" or "max"
    n_components: int | None = None  # size of the codes between encoder and decoder; `units` are those of the encoder

    @property
    def recurrent_units(self):
        """Units of all recurrent layers: those of the encoder, then those of the decoder, which mirror them."""
        return self.units if self.n_components is None else self.units + self.units[::-1]

    @property
    def bottleneck(self):
        """Index of the last layer of the encoder, or -1 if there is no decoder."""
        return -1 if self.n_components is None else len(self.units) - 1

    @property
    def n_inputs(self):
        """Number of inputs of the first recurrent layer per step."""
        return self.patch_size * self.n_inputs_per_time_step

    @property
    def n_inputs_per_time_step(self):
        """Number of inputs of the first recurrent layer that each time step contributes."""
        if self.embedding is not None:
            return self.embedding[1]
        return self.n_features + sum(dim - 1 for _, _, dim in self.categories)


def build_network(spec, seed, *, mask="layer", n_timesteps=None, name="recurrent_network"):
    """Build the network with fresh weights.

    Parameters
    ----------
    spec : NetworkSpec
        Architecture.
    seed : int or None
        Seed of all initializers and dropout layers. None if the initial weights will be replaced.
    mask : {"layer", None}, default="layer"
        Whether a stock masking layer finds the masked time steps in the input.
    n_timesteps : int or None, default=None
        Static length of the time axis, which some export formats need.
    name : str, default="recurrent_network"

    Returns
    -------
    keras.Model
    """
    import keras

    clear_kernel_cache()
    seeds = iter(_seeds(0 if seed is None else seed, 256))
    if spec.embedding is not None:
        inputs = keras.layers.Input((n_timesteps,), dtype="int32", name="tokens")
        hidden = keras.layers.Embedding(
            *spec.embedding,
            embeddings_initializer=keras.initializers.RandomUniform(seed=next(seeds)),
            mask_zero=mask == "layer" and spec.patch_size == 1,
            dtype=spec.dtype,
            name="embedding",
        )(inputs)
    else:
        hidden = inputs = keras.layers.Input((n_timesteps, spec.n_features), dtype=spec.dtype, name="sequences")
        if spec.categories:
            hidden = _with_embeddings(inputs, spec, seeds, mask)
    is_valid = None
    if mask == "layer" and (spec.patch_size > 1 or spec.pooling == "max" or spec.n_components is not None):
        is_valid = valid_steps(inputs, hidden, spec)
    if spec.patch_size > 1:
        hidden, is_valid = patched(hidden, is_valid, spec, n_timesteps)
    if spec.n_components is not None:
        hidden = reversed_steps(hidden, is_valid)
    if mask == "layer" and (spec.embedding is None or spec.patch_size > 1):
        hidden = keras.layers.Masking(mask_value=MASK_VALUE, dtype=spec.dtype, name="masking")(hidden)
    last = len(spec.recurrent_units) - 1
    for depth, units in enumerate(spec.recurrent_units):
        is_pooled = spec.pooling != "last" and depth == last
        every_step = depth != spec.bottleneck and (spec.return_sequences or is_pooled or depth < last)
        hidden = _recurrent(spec, units, every_step, seeds, depth)(hidden)
        if is_pooled:
            hidden = pooled(hidden, is_valid, spec)
        if spec.dropout:
            layer = keras.layers.Dropout(spec.dropout, seed=next(seeds), dtype=spec.dtype, name=f"dropout_{depth}")
            hidden = layer(hidden)
        if depth == spec.bottleneck:
            codes = _dense(spec.n_components, None, spec, seeds, "codes")(hidden)
            hidden = repeated(codes, inputs, is_valid, spec, n_timesteps)
    for depth, units in enumerate(spec.dense_units):
        hidden = _dense(units, "relu", spec, seeds, f"dense_{depth}")(hidden)
    outputs = _dense(spec.n_outputs, spec.output_activation, spec, seeds, "output")(hidden)
    network = keras.Model(inputs, outputs, name=name)
    if seed is not None and not callable(spec.cell):
        assign(network_variables(network), fresh_values(signature(network), seed))
    return network


def _with_embeddings(inputs, spec, seeds, mask):
    """Return the numeric features, followed by the embedding of each categorical one; masked time steps stay so."""
    import keras

    numeric = numeric_columns(spec.n_features, tuple(column for column, _, _ in spec.categories)).tolist()
    parts = [keras.ops.take(inputs, numeric, axis=-1)] if numeric else []
    for column, n_rows, dim in spec.categories:
        codes = keras.ops.take(inputs, column, axis=-1)
        is_known = keras.ops.logical_and(codes >= 0, codes < n_rows - 1)
        rows = keras.ops.cast(keras.ops.where(is_known, codes + 1, 0), "int32")
        embedding = keras.layers.Embedding(
            n_rows,
            dim,
            embeddings_initializer=keras.initializers.RandomUniform(seed=next(seeds)),
            dtype=spec.dtype,
            name=f"embedding_{column}",
        )
        parts.append(embedding(rows))
    features = keras.layers.Concatenate(dtype=spec.dtype, name="features")(parts) if len(parts) > 1 else parts[0]
    if mask is None:
        return features
    is_valid = keras.ops.any(keras.ops.not_equal(inputs, MASK_VALUE), axis=-1, keepdims=True)
    return keras.ops.where(is_valid, features, MASK_VALUE)


def _recurrent(spec, units, every_step, seeds, depth):
    """Return a recurrent layer, unidirectional or bidirectional."""
    import keras

    def layer(name):
        return recurrent_layer(
            spec.cell,
            units,
            return_sequences=every_step,
            recurrent_dropout=spec.recurrent_dropout,
            seeds=seeds,
            dtype=spec.dtype,
            name=name,
        )

    if not spec.bidirectional:
        return layer(f"recurrent_{depth}")
    forward, backward = layer(f"forward_{depth}"), layer(f"backward_{depth}")
    backward.go_backwards = True
    return keras.layers.Bidirectional(forward, backward_layer=backward, dtype=spec.dtype, name=f"bidirectional_{depth}")


def _dense(units, activation, spec, seeds, name):
    import keras

    initializer = keras.initializers.GlorotUniform(seed=next(seeds))
    return keras.layers.Dense(units, activation=activation, kernel_initializer=initializer, dtype=spec.dtype, name=name)


def network_variables(network):
    """Return the variables that a fit changes: weights, then the states of random generators."""
    weights = list(network.weights)
    return weights + [v for v in network.variables if v.path.endswith("seed_generator_state")]


def signature(network):
    """Return path, shape and dtype of each variable of `network_variables`."""
    return tuple((v.path, tuple(v.shape), str(v.dtype)) for v in network_variables(network))


def variables_of(spec):
    """Return the `signature` of a network, which is built only if the registry lacks the variables of its cell.

    In paths, Keras numbers all random generators of a process. Here they are numbered within the network.
    """
    cell = None if callable(spec.cell) else CELLS[spec.cell].variables
    if cell is None:
        return signature(build_network(spec, None))
    weights, n_generators, n_inputs = [], 0, spec.n_inputs
    if spec.embedding is not None:
        weights.append(("embedding/embeddings", spec.embedding))
    weights += [(f"embedding_{column}/embeddings", (n_rows, dim)) for column, n_rows, dim in spec.categories]
    for depth, units in enumerate(spec.recurrent_units):
        layers = [f"recurrent_{depth}"]
        if spec.bidirectional:
            layers = [f"bidirectional_{depth}/{direction}_{depth}" for direction in ("forward", "backward")]
        weights += [(f"{layer}/{path}", shape) for layer in layers for path, shape in cell.weights(n_inputs, units)]
        n_generators += len(layers) + bool(spec.dropout)
        n_inputs = len(layers) * units
        if depth == spec.bottleneck:
            weights += [("codes/kernel", (n_inputs, spec.n_components)), ("codes/bias", (spec.n_components,))]
            n_inputs = spec.n_components
    names = [f"dense_{depth}" for depth in range(len(spec.dense_units))]
    for name, units in zip([*names, "output"], [*spec.dense_units, spec.n_outputs], strict=True):
        weights += [(f"{name}/kernel", (n_inputs, units)), (f"{name}/bias", (units,))]
        n_inputs = units
    generators = ["seed_generator", *(f"seed_generator_{i}" for i in range(1, n_generators))]
    states = [(f"{generator}/seed_generator_state", (2,), "int64") for generator in generators]
    return (*((path, shape, spec.dtype) for path, shape in weights), *states)


def fresh_values(variables: Sequence[tuple[str, tuple[int, ...], str]], seed: int) -> list[NDArray[Any]]:
    """Return the initial values of variables, without building a network."""
    seeds = _seeds(seed, len(variables))
    return [initial_value(*variable, seed) for variable, seed in zip(variables, seeds, strict=True)]


def _seeds(seed, n):
    return [int(s) for s in np.random.SeedSequence(seed).generate_state(n, np.uint32) >> 1]


def assign(variables, values):
    """Assign values to variables."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
