"""Names of recurrent cells and the Keras layers behind them: a new cell touches this file alone."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# Held while Python's generator is seeded for one layer: threads may build at once, and a callable may build a network.
_GLOBAL_GENERATOR = threading.RLock()


@dataclass(frozen=True)
class Cell:
    """What there is to know of a recurrent cell.

    Parameters
    ----------
    label : str
        What it is called in text.
    layer : str or callable
        Its Keras layer: a name in ``keras.layers``, or a function that takes the arguments of such a layer and
        returns one. Its weights are called ``kernel``, ``recurrent_kernel`` and ``bias``, or `initial_value` learns of
        others.
    fused : str or None, default=None
        The name in ``skrnn._fused`` of the same layer with a loop of its own for CPU. None runs `layer` everywhere.
    """

    label: str
    layer: str | Callable[..., Any]
    fused: str | None = None


# The values of the parameter `cell`.
CELLS = {
    "gru": Cell("GRU", "GRU", fused="FusedGRU"),
    "lstm": Cell("LSTM", "LSTM", fused="FusedLSTM"),
    "rnn": Cell("simple RNN", "SimpleRNN", fused="FusedSimpleRNN"),
}


def label_of(cell):
    """Return what a value of the parameter `cell` is called in text."""
    return getattr(cell, "__name__", "own cell") if callable(cell) else CELLS[cell].label


def recurrent_layer(cell, units, *, return_sequences, recurrent_dropout, seeds, dtype, name, fused=False):
    """One recurrent Keras layer.

    Parameters
    ----------
    cell : str or callable
        A name in `CELLS`, or a callable ``cell(units, return_sequences=..., dtype=..., name=...)`` that returns
        a Keras recurrent layer.
    units : int
        Number of hidden units.
    return_sequences, recurrent_dropout, dtype, name
        As in Keras.
    seeds : iterator of int
        Where the seeds of its initializers and of its dropout come from.
    fused : bool, default=False
        Whether the layer runs through our own loops for CPU instead of Keras's; those know no recurrent dropout.
    """
    import keras

    options = {"return_sequences": return_sequences, "dtype": dtype, "name": name}
    if callable(cell):
        with _default_seeds_from(next(seeds)):
            return cell(units, **options)
    cell = CELLS[cell]
    if fused and cell.fused and not recurrent_dropout:
        from skrnn import _fused

        layer = getattr(_fused, cell.fused)
    else:
        layer = cell.layer if callable(cell.layer) else getattr(keras.layers, cell.layer)
    return layer(
        units,
        kernel_initializer=keras.initializers.GlorotUniform(seed=next(seeds)),
        recurrent_initializer=keras.initializers.Orthogonal(seed=next(seeds)),
        recurrent_dropout=recurrent_dropout,
        seed=next(seeds),
        **options,
    )


def initial_value(path, shape, dtype, seed):
    """Return the value that a variable of a fresh network has: that of Keras's default initializers.

    Parameters
    ----------
    path : str
        Keras's path of the variable, which ends in its name.
    shape : tuple of int
    dtype : str
    seed : int
    """
    import keras

    name = path.rsplit("/", 1)[-1]
    if name == "seed_generator_state":
        return np.array([seed, 0], dtype=dtype)
    if name == "bias":
        value = np.zeros(shape, dtype=dtype)
        if "lstm_cell" in path:  # so that it remembers at first; Jozefowicz et al. 2015
            units = shape[0] // 4
            value[units : 2 * units] = 1
        return value
    initializer = {
        "kernel": keras.initializers.GlorotUniform,
        "recurrent_kernel": keras.initializers.Orthogonal,
        "embeddings": keras.initializers.RandomUniform,
    }[name]
    return keras.ops.convert_to_numpy(initializer(seed=seed)(shape, dtype=dtype))


@contextlib.contextmanager
def _default_seeds_from(seed):
    """Make the seeds that Keras draws for unseeded layers, from Python's generator, depend on `seed` alone."""
    with _GLOBAL_GENERATOR:
        state = random.getstate()
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(state)
