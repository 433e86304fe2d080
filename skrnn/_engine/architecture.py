"""From a network's specification to the table that kernels read, and between Keras's arrays and their layout.

Kernels keep all weights in one array: each matrix in panels of up to `PANEL` columns, each gate filled up to whole
vectors with zeros, which stay zero. Whatever an optimizer keeps of the weights lies in the same layout.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._engine.cells import CELLS
from skrnn._engine.native import layout as at
from skrnn._engine.native.layout import NUMBERS_A_PIECE, PANEL, padded
from skrnn._engine.native.library import LIBRARIES


@dataclass(frozen=True)
class _Block:
    """A variable, or a part of it, and how its numbers lie.

    Parameters
    ----------
    variable : int
        Index of the variable.
    start : int
        Where it begins among all weights.
    n_rows, width : int
        Its shape, columns of zeros included.
    columns : ndarray of int, or slice
        Which of these hold its columns.
    panel : int
        Columns of a panel: of each, the rows follow each other.
    """

    variable: int
    start: int
    n_rows: int
    width: int
    columns: Any
    panel: int

    @property
    def size(self):
        """How many numbers it takes."""
        return self.n_rows * self.width

    def _panels(self, packed):
        """Yield the first column of each panel, and the panel as a view of packed weights."""
        for first in range(0, self.width, self.panel):
            width = min(self.panel, self.width - first)
            start = self.start + first * self.n_rows
            yield first, packed[start : start + self.n_rows * width].reshape(self.n_rows, width)

    def write(self, packed, array):
        """Lay an array of shape (n_rows, n_columns) out."""
        full = np.zeros((self.n_rows, self.width), packed.dtype)
        full[:, self.columns] = array
        for first, panel in self._panels(packed):
            panel[:] = full[:, first : first + panel.shape[1]]

    def read(self, packed):
        """Return the array of shape (n_rows, n_columns) that was laid out."""
        full = np.empty((self.n_rows, self.width), packed.dtype)
        for first, panel in self._panels(packed):
            full[:, first : first + panel.shape[1]] = panel
        return full[:, self.columns].copy()


class Architecture:
    """A network as kernels see it.

    Parameters
    ----------
    spec : NetworkSpec
        Of a cell that kernels know.

    Attributes
    ----------
    table : ndarray of int64
        What kernels read.
    size : int
        Numbers that the weights take.
    n_variables : int
        Arrays of weights, in Keras's order.
    """

    def __init__(self, spec: Any) -> None:
        self.spec = spec
        cell = CELLS[spec.cell].native
        assert cell is not None  # who asks has looked at `choice`
        self._cell = cell
        self._library = LIBRARIES[spec.dtype]
        directions = 2 if spec.bidirectional else 1
        n_layers, n_dense = len(spec.units), len(spec.dense_units) + 1
        table = np.zeros(at.N_HEAD + (n_layers * directions + n_dense) * at.N_ROW, np.int64)
        self._size, self.n_variables = 0, int(spec.embedding is not None)
        self._blocks: list[_Block] = []
        self._vectors: set[int] = set()  # variables of one axis; the others have two
        self.directions, self.n_layers, self.n_dense = directions, n_layers, n_dense
        rows = table[at.N_HEAD :].reshape(-1, at.N_ROW)
        n_inputs = spec.n_features if spec.embedding is None else spec.embedding[1]
        table[[at.N_LAYERS, at.DIRECTIONS, at.EVERY_STEP]] = n_layers, directions, spec.return_sequences
        table[[at.N_DENSE, at.N_FEATURES]] = n_dense, n_inputs
        table[[at.GATES, at.RECORD, at.SLOPES]] = cell.gates, cell.record, cell.slopes
        table[[at.INPUT_SLOPES, at.SEPARATE]] = cell.input_slopes, cell.separate
        table[[at.DROPS, at.DROPS_STATE]] = spec.dropout > 0, spec.recurrent_dropout > 0
        for depth, units in enumerate(spec.units):
            for direction in range(directions):
                self._add_recurrent(rows[depth * directions + direction], n_inputs, units)
            n_inputs = directions * units
        activations = ["relu"] * len(spec.dense_units) + [spec.output_activation]
        self._activations = activations
        for depth, units in enumerate((*spec.dense_units, spec.n_outputs)):
            self._add_dense(rows[n_layers * directions + depth], n_inputs, units)
            n_inputs = units
        table[at.DENSE_SIZE] = self._size
        table[at.EMBEDDING] = -1
        if spec.embedding is not None:
            n_tokens, dim = spec.embedding
            table[at.EMBEDDING], table[at.EMBEDDING_ROW] = self._size, padded(dim)
            self._take(0, n_tokens, padded(dim), slice(0, dim), panel=padded(dim))
        table[at.SIZE] = self.size = self._size
        self._blocks_of: list[list[_Block]] = [[] for _ in range(self.n_variables)]
        for block in self._blocks:
            self._blocks_of[block.variable].append(block)
        self.table = table
        self.pieces = self._pieces()

    def _take(self, variable, n_rows, width, columns, panel=PANEL):
        self._blocks.append(_Block(variable, self._size, n_rows, width, columns, panel))
        self._size += n_rows * width

    def _add_recurrent(self, row, n_inputs, units):
        width = padded(units)
        columns, gates = self._cell.gates * width, np.arange(self._cell.gates)
        row[[at.INPUTS, at.UNITS, at.WIDTH]] = n_inputs, units, width
        of_inputs = (gates[:, None] * width + np.arange(units)).ravel()
        of_state = (np.array(self._cell.order)[:, None] * width + np.arange(units)).ravel()
        for column, n_rows, name in ((of_inputs, n_inputs, at.KERNEL), (of_state, units, at.RECURRENT)):
            row[name] = self._size
            self._take(self.n_variables, n_rows, columns, column)
            self.n_variables += 1
        row[at.BIAS] = self._size
        self._take(self.n_variables, 1, columns, of_inputs)
        row[at.STATE_BIAS] = self._size
        if self._cell.separate:
            self._take(self.n_variables, 1, columns, of_state)
        else:
            self._vectors.add(self.n_variables)
        self.n_variables += 1

    def _add_dense(self, row, n_inputs, units):
        width = padded(units)
        row[[at.INPUTS, at.UNITS, at.WIDTH, at.KERNEL]] = n_inputs, units, width, self._size
        self._take(self.n_variables, n_inputs, width, slice(0, units))
        row[at.BIAS] = self._size
        self._take(self.n_variables + 1, 1, width, slice(0, units))
        self._vectors.add(self.n_variables + 1)
        self.n_variables += 2

    def _pieces(self):
        """Return start, size and variable of each piece of the weights that one thread updates at a time."""
        return np.array(
            [
                (start, min(NUMBERS_A_PIECE, block.start + block.size - start), block.variable)
                for block in self._blocks
                for start in range(block.start, block.start + block.size, NUMBERS_A_PIECE)
            ],
            np.int64,
        )

    def load(self, *others: str) -> None:
        """Load the kernels of this network, and others, and write the addresses that the table holds."""
        kernels, address = self._kernels(), self._library.address
        of_dense = {kind: f"activation_{kind}" for kind in self._activations if kind is not None}
        back = {kind: f"activation_back_{kind}" for kind in of_dense}
        names = [*kernels.values(), *of_dense.values(), *back.values()]
        self._library.load(["arrange", "evaluate", *names, *others])
        for column, name in kernels.items():
            self.table[column] = address(name)
        rows = self.table[at.N_HEAD :].reshape(-1, at.N_ROW)[self.n_layers * self.directions :]
        for row, kind in zip(rows, self._activations, strict=True):
            if kind is not None:
                row[at.ACTIVATION], row[at.ACTIVATION_BACK] = address(of_dense[kind]), address(back[kind])

    def _kernels(self):
        """Return the kernel of each column of the table's head that has the address of one."""
        spec = self.spec
        kernels = {at.STEP: f"{spec.cell}_step", at.STEP_BACK: f"{spec.cell}_step_back", at.GATHER: "gather_inputs"}
        if spec.embedding is not None:
            kernels |= {at.GATHER: "gather_tokens", at.SUM_TOKENS: "sum_token_gradients"}
        if spec.bidirectional:
            kernels |= {at.REVERSE: "reverse", at.ADD_REVERSED: "add_reversed"}
        if spec.bidirectional or spec.dropout:
            kernels[at.DISTRIBUTE] = "distribute"
        return kernels

    def pack(self, arrays: Any) -> NDArray[Any]:
        """Lay arrays in the shapes of the weights out as kernels have them."""
        packed = aligned_zeros(self.size, self.spec.dtype)
        self.pack_into(packed, arrays)
        return packed

    def pack_into(self, packed: NDArray[Any], arrays: Any) -> None:
        """As `pack`, into memory that was packed before."""
        for variable, blocks in enumerate(self._blocks_of):
            rows = np.asarray(arrays[variable])
            if len(blocks) > 1:  # the rows of a bias lie apart
                for block, row in zip(blocks, rows, strict=True):
                    block.write(packed, row)
            else:
                blocks[0].write(packed, rows)

    def unpack(self, packed: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the arrays that were packed, in Keras's order."""
        arrays = [np.concatenate([block.read(packed) for block in blocks]) for blocks in self._blocks_of]
        return [array[0] if k in self._vectors else array for k, array in enumerate(arrays)]

    def work_a_step(self) -> int:
        """Return about how many products of numbers a step of one sequence takes, forward and back."""
        sizes = self.table[at.N_HEAD :].reshape(-1, at.N_ROW)[: self.n_layers * self.directions]
        return int(3 * self._cell.gates * (sizes[:, at.WIDTH] * (sizes[:, at.INPUTS] + sizes[:, at.UNITS])).sum())

    def memory_size(self, n_packed: int, n_rows: int, *, trains: bool) -> int:
        """Return how many numbers a thread works in that computes so many rows and packed steps at once."""
        places = self.new_places()
        arrange = self._library.function("arrange")
        address = places.ctypes.data  # of the weights, nothing is read
        return int(arrange(address, self.table.ctypes.data, n_packed, n_rows, int(trains), address))

    def new_places(self) -> NDArray[Any]:
        """Return an empty table of where things lie in the memory of a thread."""
        return np.zeros(at.n_places(self.n_layers, self.directions, self.n_dense), np.int64)


def aligned_zeros(n: int, dtype: Any) -> NDArray[Any]:
    """Return zeros that begin with a cache line; memory that nobody writes to is not taken."""
    size = np.dtype(dtype).itemsize
    raw = np.zeros(n * size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + n * size].view(dtype)


@functools.lru_cache(maxsize=64)
def architecture_of(spec: Any) -> Architecture:
    """Return the architecture of a network, which its fits and predictions share."""
    return Architecture(spec)
