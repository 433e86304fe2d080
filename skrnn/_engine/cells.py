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
class NativeCell:
    """What native kernels know of a cell.

    Parameters
    ----------
    gates : int
        Products for each unit.
    record, slopes : int
        Numbers for each unit and step that the step forward keeps, and that the step back computes.
    order : tuple of int
        For each gate, in Keras's order, its place among the columns of the recurrent kernel.
    input_slopes : int, default=0
        Which of the slopes is the first that belongs to the products of the inputs.
    separate : bool, default=False
        Whether the product of the state has a bias of its own and is not added to that of the inputs, and the state
        passes a step by itself as well.
    """

    gates: int
    record: int
    slopes: int
    order: tuple[int, ...]
    input_slopes: int = 0
    separate: bool = False


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
    native : NativeCell or None, default=None
        What native kernels know of the cell, called ``<name>_step`` and ``<name>_step_back``. None trains and predicts
        through Keras's own loop.
    variables : CellVariables or None, default=None
        The variables of the layer. Where they are None, a network is built to find them.
    """

    label: str
    layer: str | Callable[..., Any]
    native: NativeCell | None = None
    variables: CellVariables | None = None


# The values of the parameter `cell`.
CELLS = {
    "gru": Cell(
        "GRU",
        "GRU",
        native=NativeCell(gates=3, record=5, slopes=4, input_slopes=1, separate=True, order=(1, 2, 0)),
        variables=CellVariables("gru_cell", n_gates=3, bias_rows=2),
    ),
    "lstm": Cell(
        "LSTM",
        "LSTM",
        native=NativeCell(gates=4, record=6, slopes=4, order=(0, 1, 2, 3)),
        variables=CellVariables("lstm_cell", n_gates=4),
    ),
    "rnn": Cell(
        "simple RNN",
        "SimpleRNN",
        native=NativeCell(gates=1, record=1, slopes=1, order=(0,)),
        variables=CellVariables("simple_rnn_cell", n_gates=1),
    ),
}


def label_of(cell):
    """Return what a value of the parameter `cell` is called in text."""
    return getattr(cell, "__name__", "own cell") if callable(cell) else CELLS[cell].label


def recurrent_layer(cell, units, *, return_sequences, recurrent_dropout, seeds, dtype, name):
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
    """
    import keras

    options = {"return_sequences": return_sequences, "dtype": dtype, "name": name}
    if callable(cell):
        with _default_seeds_from(next(seeds)):
            return cell(units, **options)
    cell = CELLS[cell]
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
