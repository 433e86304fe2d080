"""Names of recurrent cells and the Keras layers behind them: a new cell touches this file alone."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Held while Python's generator is seeded for one layer: threads may build at once, and a callable may build a network.
_GLOBAL_GENERATOR = threading.RLock()


@dataclass(frozen=True)
class CellVariables:
    """Variables of a layer of a cell, where they are laid out as in Keras's cells.

    These are a kernel of shape (n_inputs, n_gates * units), a recurrent kernel of shape (units, n_gates * units), a
    bias, and the state of one generator of random numbers, for dropout.

    Parameters
    ----------
    owner : str
        What Keras calls the cell in the paths of its weights.
    n_gates : int
        Number of gates, the candidate among them: kernels and bias hold so many columns per unit.
    bias_rows : int, default=1
        Number of biases per column. One is a vector, more are rows.
    """

    owner: str
    n_gates: int
    bias_rows: int = 1

    def weights(self, n_inputs, units):
        """Return the end of the path and the shape of each weight, in Keras's order."""
        n_columns = self.n_gates * units
        shapes = {
            "kernel": (n_inputs, n_columns),
            "recurrent_kernel": (units, n_columns),
            "bias": (n_columns,) if self.bias_rows == 1 else (self.bias_rows, n_columns),
        }
        return [(f"{self.owner}/{name}", shape) for name, shape in shapes.items()]


@dataclass(frozen=True)
class Cell:
    """What there is to know of a recurrent cell.

    Parameters
    ----------
    label : str
        What it is called in text.
    layer : str or callable
        Its Keras layer: a name in ``keras.layers``, or a function that takes the arguments of such a layer and
        returns one. Its weights are called ``kernel``, ``recurrent_kernel`` and ``bias``, or
        ``skrnn._engine.initializers.initial_value`` learns of others.
    fused : str or None, default=None
        The name in ``skrnn._fused`` of the same layer with a loop of its own for CPU. None runs `layer` everywhere.
    variables : CellVariables or None, default=None
        The variables of the layer. Where they are None, a network is built to find them.
    """

    label: str
    layer: str | Callable[..., Any]
    fused: str | None = None
    variables: CellVariables | None = None


# The values of the parameter `cell`.
CELLS = {
    "gru": Cell("GRU", "GRU", fused="FusedGRU", variables=CellVariables("gru_cell", n_gates=3, bias_rows=2)),
    "lstm": Cell("LSTM", "LSTM", fused="FusedLSTM", variables=CellVariables("lstm_cell", n_gates=4)),
    "rnn": Cell(
        "simple RNN", "SimpleRNN", fused="FusedSimpleRNN", variables=CellVariables("simple_rnn_cell", n_gates=1)
    ),
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
