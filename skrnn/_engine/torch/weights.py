"""Conversion between Keras's weights and the parameters of torch's recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._engine.network import NetworkSpec

# For each gate of torch's cells, its position in Keras's. GRU: reset, update, candidate in torch, but update, reset,
# candidate in Keras; LSTM: input, forget, candidate, output in both.
GATES = {"gru": (1, 0, 2), "lstm": (0, 1, 2, 3), "rnn": (0,)}
CELLS = tuple(GATES)


@dataclass(frozen=True)
class _Parameter:
    """Parameter of torch as a part of a variable of Keras.

    Parameters
    ----------
    variable : int
        Index of the variable.
    columns : ndarray of int or None, default=None
        Columns of the variable, in torch's order. If None, their order is the same.
    row : int or None, default=None
        Row of the variable, or None for all of it.
    transposed : bool, default=False
        Whether torch stores the matrix transposed.
    """

    variable: int
    columns: Any = None
    row: int | None = None
    transposed: bool = False

    def of(self, array):
        """Return the parameter from its variable."""
        if self.row is not None:
            array = array[self.row]
        if self.columns is not None:
            array = array[..., self.columns]
        return np.ascontiguousarray(array.T if self.transposed else array)

    def variable_of(self, value):
        """Return the variable, or its row, from the parameter."""
        array = value.T if self.transposed else value
        if self.columns is not None:
            array = array[..., np.argsort(self.columns)]
        return np.ascontiguousarray(array)


class WeightLayout:
    """Parameters of torch in the order of Keras's variables: embeddings, recurrent layers, dense layers.

    The dense layer of an autoencoder's codes comes after the layers of the encoder. The parameters of a recurrent layer
    in one direction are the weights of its inputs and of its state, and their bias. A GRU has a second bias, that of
    the state. Those of torch's other cells are fixed at zero, and not among these.

    Parameters
    ----------
    spec : NetworkSpec

    Attributes
    ----------
    variables : list of int
        For each parameter, the index of its variable in Keras.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        assert isinstance(spec.cell, str)
        self._parameters: list[_Parameter] = []
        variable = 0
        for _ in range(len(spec.categories) + (spec.embedding is not None)):
            self._parameters.append(_Parameter(variable))
            variable += 1
        for depth, units in enumerate(spec.recurrent_units):
            columns = np.concatenate([gate * units + np.arange(units) for gate in GATES[spec.cell]])
            for _ in range(1 + spec.bidirectional):
                self._parameters += [
                    _Parameter(variable, columns, transposed=True),
                    _Parameter(variable + 1, columns, transposed=True),
                    *(_Parameter(variable + 2, columns, row) for row in ((0, 1) if spec.cell == "gru" else (None,))),
                ]
                variable += 3
            if depth == spec.bottleneck:
                variable = self._add_dense(variable)
        for _ in range(len(spec.dense_units) + 1):
            variable = self._add_dense(variable)
        self._n_variables = variable
        self.variables = [parameter.variable for parameter in self._parameters]

    def _add_dense(self, variable):
        """Add the parameters of a dense layer; return the index of the variable after them."""
        self._parameters += [_Parameter(variable, transposed=True), _Parameter(variable + 1)]
        return variable + 2

    def to_torch(self, arrays: Sequence[Any]) -> list[NDArray[Any]]:
        """Return the parameters, or slots of an optimizer, from arrays in Keras's order."""
        return [parameter.of(np.asarray(arrays[parameter.variable])) for parameter in self._parameters]

    def to_keras(self, values: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """Return the arrays in Keras's order from the parameters, or from slots of an optimizer."""
        rows: list[list[Any]] = [[] for _ in range(self._n_variables)]
        stacked = set()
        for parameter, value in zip(self._parameters, values, strict=True):
            rows[parameter.variable].append(parameter.variable_of(value))
            if parameter.row is not None:
                stacked.add(parameter.variable)
        return [np.stack(parts) if k in stacked else parts[0] for k, parts in enumerate(rows)]
