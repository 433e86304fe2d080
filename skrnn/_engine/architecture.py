"""Table that describes a network to kernels, and conversion between Keras's weights and the packed layout of kernels.

Kernels store all weights in one array: each matrix in panels of up to `PANEL` columns, each gate padded to whole
vectors with zeros, which remain zero. The slots of an optimizer have the same layout.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._data.categories import numeric_columns
from skrnn._engine.cells import CELLS
from skrnn._engine.native import tables
from skrnn._engine.native.library import LIBRARIES
from skrnn._engine.native.tables import PANEL, PIECE_LENGTH, padded
from skrnn._engine.network import NetworkSpec


@dataclass(frozen=True)
class _Block:
    """Location and layout of a variable, or a part of it, in the packed weights.

    Parameters
    ----------
    variable : int
        Index of the variable.
    start : int
        Offset in the packed weights.
    n_rows, width : int
        Shape, including columns of zeros.
    columns : ndarray of int, or slice
        Positions of its columns among these.
    panel : int
        Number of columns of a panel, whose rows are contiguous.
    """

    variable: int
    start: int
    n_rows: int
    width: int
    columns: Any
    panel: int

    @property
    def size(self):
        """Size, including columns of zeros."""
        return self.n_rows * self.width

    def _panels(self, packed):
        """Yield the first column of each panel, and the panel as a view of packed weights."""
        for first in range(0, self.width, self.panel):
            width = min(self.panel, self.width - first)
            start = self.start + first * self.n_rows
            yield first, packed[start : start + self.n_rows * width].reshape(self.n_rows, width)

    def write(self, packed, array):
        """Write an array of shape (n_rows, n_columns) into packed weights."""
        full = np.zeros((self.n_rows, self.width), packed.dtype)
        full[:, self.columns] = array
        for first, panel in self._panels(packed):
            panel[:] = full[:, first : first + panel.shape[1]]

    def read(self, packed):
        """Return the array of shape (n_rows, n_columns) in packed weights."""
        full = np.empty((self.n_rows, self.width), packed.dtype)
        for first, panel in self._panels(packed):
            full[:, first : first + panel.shape[1]] = panel
        return full[:, self.columns].copy()


class Architecture:
    """Description of a network for kernels.

    Parameters
    ----------
    spec : NetworkSpec
        Network whose cell has kernels.

    Attributes
    ----------
    table : ndarray of int64
        Table that kernels read.
    size : int
        Size of the packed weights.
    n_variables : int
        Number of weight arrays in Keras.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        self.spec = spec
        assert not callable(spec.cell)  # the caller has checked `fallback_reason`
        cell = CELLS[spec.cell].native
        assert cell is not None
        self._cell = cell
        self._library = LIBRARIES[spec.dtype]
        directions = 2 if spec.bidirectional else 1
        n_layers, n_dense = len(spec.recurrent_units), len(spec.dense_units) + 1
        has_bottleneck = spec.n_components is not None
        table = np.zeros(tables.N_HEAD + (n_layers * directions + n_dense + has_bottleneck) * tables.N_ROW, np.int64)
        self._size, self.n_variables = 0, int(spec.embedding is not None) + len(spec.categories)
        self._blocks: list[_Block] = []
        self._vectors: set[int] = set()  # variables with one axis; all others have two
        self.directions, self.n_layers, self._n_dense = directions, n_layers, n_dense + has_bottleneck
        rows = table[tables.N_HEAD :].reshape(-1, tables.N_ROW)
        n_inputs = spec.n_inputs
        table[[tables.N_LAYERS, tables.DIRECTIONS, tables.EVERY_STEP]] = n_layers, directions, spec.return_sequences
        table[[tables.N_DENSE, tables.N_FEATURES]] = n_dense, n_inputs
        table[[tables.PATCH_SIZE, tables.PATCH_STRIDE]] = spec.patch_size, spec.n_inputs_per_time_step
        table[[tables.GATES, tables.RECORD, tables.SLOPES]] = cell.gates, cell.record, cell.slopes
        table[[tables.INPUT_SLOPES, tables.SEPARATE]] = cell.input_slopes, cell.separate
        table[[tables.DROPS, tables.DROPS_STATE]] = spec.dropout > 0, spec.recurrent_dropout > 0
        table[tables.BOTTLENECK] = spec.bottleneck
        for depth, units in enumerate(spec.recurrent_units):
            for direction in range(directions):
                self._add_recurrent(rows[depth * directions + direction], n_inputs, units)
            n_inputs = directions * units
            if depth == spec.bottleneck:
                self._add_dense(rows[-1], n_inputs, spec.n_components)
                n_inputs = spec.n_components
        self._activations = ["relu"] * len(spec.dense_units) + [spec.output_activation] + [None] * has_bottleneck
        for depth, units in enumerate((*spec.dense_units, spec.n_outputs)):
            self._add_dense(rows[n_layers * directions + depth], n_inputs, units)
            n_inputs = units
        table[tables.DENSE_SIZE] = self._size
        table[tables.EMBEDDING] = -1
        if spec.embedding is not None:
            table[tables.EMBEDDING], table[tables.EMBEDDING_ROW] = self._size, padded(spec.embedding[1])
            table[tables.TOKENS_PER_STEP] = spec.patch_size
            self._add_table(0, *spec.embedding)
        if spec.categories:
            self._add_categories(table)
        table[tables.SIZE] = self.size = self._size
        self._blocks_of: list[list[_Block]] = [[] for _ in range(self.n_variables)]
        for block in self._blocks:
            self._blocks_of[block.variable].append(block)
        self.table = table
        self.pieces = self._pieces()

    def _add_block(self, variable, n_rows, width, columns, panel=PANEL):
        """Append a block to the packed weights."""
        self._blocks.append(_Block(variable, self._size, n_rows, width, columns, panel))
        self._size += n_rows * width

    def _add_recurrent(self, row, n_inputs, units):
        """Add the weights of a recurrent layer in one direction."""
        width = padded(units)
        columns, gates = self._cell.gates * width, np.arange(self._cell.gates)
        row[[tables.INPUTS, tables.UNITS, tables.WIDTH]] = n_inputs, units, width
        of_inputs = (gates[:, None] * width + np.arange(units)).ravel()
        of_state = (np.array(self._cell.order)[:, None] * width + np.arange(units)).ravel()
        for column, n_rows, name in ((of_inputs, n_inputs, tables.KERNEL), (of_state, units, tables.RECURRENT)):
            row[name] = self._size
            self._add_block(self.n_variables, n_rows, columns, column)
            self.n_variables += 1
        row[tables.BIAS] = self._size
        self._add_block(self.n_variables, 1, columns, of_inputs)
        row[tables.STATE_BIAS] = self._size
        if self._cell.separate:
            self._add_block(self.n_variables, 1, columns, of_state)
        else:
            self._vectors.add(self.n_variables)
        self.n_variables += 1

    def _add_dense(self, row, n_inputs, units):
        """Add the weights of a dense layer."""
        width = padded(units)
        row[[tables.INPUTS, tables.UNITS, tables.WIDTH, tables.KERNEL]] = n_inputs, units, width, self._size
        self._add_block(self.n_variables, n_inputs, width, slice(0, units))
        row[tables.BIAS] = self._size
        self._add_block(self.n_variables + 1, 1, width, slice(0, units))
        self._vectors.add(self.n_variables + 1)
        self.n_variables += 2

    def _add_table(self, variable, n_rows, dim):
        """Add the weights of an embedding, whose rows are contiguous."""
        self._add_block(variable, n_rows, padded(dim), slice(0, dim), panel=padded(dim))

    def _add_categories(self, table):
        """Add the embeddings of categorical features, and describe all features."""
        spec, first = self.spec, self._size
        # The network's table contains the addresses of these arrays.
        self._numeric = numeric_columns(spec.n_features, tuple(column for column, _, _ in spec.categories))
        self._categories = np.zeros((len(spec.categories), tables.N_CATEGORY), np.int64)
        for variable, (column, n_rows, dim) in enumerate(spec.categories):
            self._categories[variable] = column, n_rows - 1, self._size - first, padded(dim), dim
            self._add_table(variable, n_rows, dim)
        table[[tables.EMBEDDING, tables.N_CATEGORIES]] = first, len(spec.categories)
        table[tables.TOKENS_PER_STEP] = spec.patch_size * len(spec.categories)
        table[[tables.N_NUMERIC, tables.NUMERIC]] = len(self._numeric), self._numeric.ctypes.data
        table[tables.CATEGORIES] = self._categories.ctypes.data

    def _pieces(self):
        """Return start, size and variable of each piece, the part of the weights that a thread updates at a time."""
        return np.array(
            [
                (start, min(PIECE_LENGTH, block.start + block.size - start), block.variable)
                for block in self._blocks
                for start in range(block.start, block.start + block.size, PIECE_LENGTH)
            ],
            np.int64,
        )

    def load(self, *others: str) -> None:
        """Load the kernels of this network and others, and write their addresses into the table."""
        kernels, address = self._kernels(), self._library.address
        of_dense = {kind: f"activation_{kind}" for kind in self._activations if kind is not None}
        back = {kind: f"activation_back_{kind}" for kind in of_dense}
        names = [*kernels.values(), *of_dense.values(), *back.values()]
        self._library.load(["lay_out_memory", "evaluate", *names, *others])
        for column, name in kernels.items():
            self.table[column] = address(name)
        rows = self.table[tables.N_HEAD :].reshape(-1, tables.N_ROW)[self.n_layers * self.directions :]
        for row, kind in zip(rows, self._activations, strict=True):
            if kind is not None:
                row[tables.ACTIVATION], row[tables.ACTIVATION_BACK] = address(of_dense[kind]), address(back[kind])

    def _kernels(self):
        """Return the name of the kernel for each column of the table's head that holds an address."""
        spec = self.spec
        kernels = {
            tables.STEP: f"{spec.cell}_step",
            tables.STEP_BACK: f"{spec.cell}_step_back",
            tables.GATHER: "gather_inputs",
        }
        if spec.embedding is not None:
            kernels |= {tables.GATHER: "gather_tokens", tables.SUM_TOKENS: "sum_token_gradients"}
        if spec.categories:
            kernels |= {tables.GATHER: "gather_categories", tables.SUM_TOKENS: "sum_category_gradients"}
        if spec.bidirectional:
            kernels |= {tables.REVERSE: "reverse", tables.ADD_REVERSED: "add_reversed"}
        if spec.pooling != "last":
            kernels |= {tables.POOL: f"pool_{spec.pooling}", tables.POOL_BACK: f"pool_{spec.pooling}_back"}
        if spec.n_components is not None:
            kernels |= {tables.REPEAT: "repeat_codes", tables.REPEAT_BACK: "repeat_codes_back"}
            kernels[tables.REVERSE] = "reverse"
        if spec.bidirectional or spec.dropout or spec.pooling != "last":
            kernels[tables.DISTRIBUTE] = "distribute"
        return kernels

    def pack(self, arrays: Any) -> NDArray[Any]:
        """Return packed weights, or slots of an optimizer, from arrays in Keras's order."""
        packed = aligned_zeros(self.size, self.spec.dtype)
        self.pack_into(packed, arrays)
        return packed

    def pack_into(self, packed: NDArray[Any], arrays: Any) -> None:
        """Write arrays in Keras's order into existing packed weights."""
        for variable, blocks in enumerate(self._blocks_of):
            rows = np.asarray(arrays[variable])
            if len(blocks) > 1:  # the rows of a GRU's bias are separate blocks
                for block, row in zip(blocks, rows, strict=True):
                    block.write(packed, row)
            else:
                blocks[0].write(packed, rows)

    def unpack(self, packed: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the arrays in Keras's order from packed weights."""
        arrays = [np.concatenate([block.read(packed) for block in blocks]) for blocks in self._blocks_of]
        return [array[0] if k in self._vectors else array for k, array in enumerate(arrays)]

    def work_per_step(self) -> int:
        """Return the approximate number of multiplications per step of one sequence, forward and backward."""
        sizes = self.table[tables.N_HEAD :].reshape(-1, tables.N_ROW)[: self.n_layers * self.directions]
        return int(
            3 * self._cell.gates * (sizes[:, tables.WIDTH] * (sizes[:, tables.INPUTS] + sizes[:, tables.UNITS])).sum()
        )

    def memory_size(self, n_packed: int, n_rows: int, *, trains: bool) -> int:
        """Return the size of the memory of a thread that computes a number of rows and packed time steps at once."""
        offsets = self.new_offsets()
        lay_out = self._library.function("lay_out_memory")
        address = offsets.ctypes.data  # also passed for the weights, which are not read
        return int(lay_out(address, self.table.ctypes.data, n_packed, n_rows, int(trains), address))

    def new_offsets(self) -> NDArray[Any]:
        """Return an empty table for the offsets of arrays in the memory of a thread."""
        return np.zeros(tables.n_offsets(self.n_layers, self.directions, self._n_dense), np.int64)


def aligned_zeros(n: int, dtype: Any) -> NDArray[Any]:
    """Return zeros aligned to a cache line; the system allocates the memory when it is written to."""
    size = np.dtype(dtype).itemsize
    raw = np.zeros(n * size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + n * size].view(dtype)


@functools.lru_cache(maxsize=64)
def architecture_of(spec: NetworkSpec) -> Architecture:
    """Return the architecture of a network, shared by all its fits and predictions."""
    return Architecture(spec)
