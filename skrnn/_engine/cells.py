"""Registry of recurrent cells: their Keras layers, variables and kernels. A new cell is an entry here."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Held while Python's generator is seeded for a layer, because several threads may build networks. It is reentrant,
# because a callable cell may build a network.
_GLOBAL_GENERATOR = threading.RLock()


@dataclass(frozen=True)
class CellVariables:
    """Variables of a recurrent layer whose shapes follow Keras's cells.

    These are a kernel of shape (n_inputs, n_gates * units), a recurrent kernel of shape (units, n_gates * units), a
    bias, and the state of one random generator for dropout.

    Parameters
    ----------
    owner : str
        Name of the cell in the paths of its weights.
    n_gates : int
        Number of gates, including the candidate. Kernels and bias have this number of columns per unit.
    bias_rows : int, default=1
        Number of biases per column. If 1, the bias is a vector, otherwise a matrix.
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
    """Properties of a cell that native kernels need.

    Parameters
    ----------
    gates : int
        Number of gates.
    record, slopes : int
        Numbers per unit and time step that the forward step stores, and gradients that the backward step computes.
    order : tuple of int
        For each gate in Keras's order, its position in the columns of the recurrent kernel.
    input_slopes : int, default=0
        Index of the first gradient that belongs to the projection of the inputs.
    separate : bool, default=False
        Whether the projection of the state has its own bias and is not added to that of the inputs. The old state then
        also contributes directly to the new one.
    """

    gates: int
    record: int
    slopes: int
    order: tuple[int, ...]
    input_slopes: int = 0
    separate: bool = False


@dataclass(frozen=True)
class Cell:
    """Recurrent cell.

    Parameters
    ----------
    label : str
        Name in text.
    layer : str or callable
        Keras layer: a name in ``keras.layers``, or a function that takes the arguments of such a layer and returns one.
        Its weights are called ``kernel``, ``recurrent_kernel`` and ``bias``; other names have to be added to
        ``skrnn._engine.initializers.initial_value``.
    native : NativeCell or None, default=None
        Properties for the kernels ``<name>_step`` and ``<name>_step_back``. If None, Keras trains and predicts.
    variables : CellVariables or None, default=None
        Variables of the layer. If None, a network is built to find them.
    """

    label: str
    layer: str | Callable[..., Any]
    native: NativeCell | None = None
    variables: CellVariables | None = None


# Values of the parameter `cell`.
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
    """Return the name in text of a value of the parameter `cell`."""
    return getattr(cell, "__name__", "custom cell") if callable(cell) else CELLS[cell].label


def recurrent_layer(cell, units, *, return_sequences, recurrent_dropout, seeds, dtype, name):
    """Return a recurrent Keras layer.

    Parameters
    ----------
    cell : str or callable
        Name in `CELLS`, or callable ``cell(units, return_sequences=..., dtype=..., name=...)`` that returns
        a Keras recurrent layer.
    units : int
        Number of hidden units.
    return_sequences, recurrent_dropout, dtype, name
        As in Keras.
    seeds : iterator of int
        Source of the seeds of its initializers and of its dropout.
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
    """Seed Python's generator, from which Keras draws the seeds of unseeded layers, and restore it at the end."""
    with _GLOBAL_GENERATOR:
        state = random.getstate()
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(state)
