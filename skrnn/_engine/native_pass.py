"""One call of native kernels: the table of its data (`Job`), and its threads and their memory (`Workers`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._data.row_labels import positions_dtype
from skrnn._data.sequences import Sequences
from skrnn._engine.architecture import Architecture, aligned_zeros
from skrnn._engine.dataset import sample_order
from skrnn._engine.native import tables
from skrnn._engine.native.library import LIBRARIES
from skrnn._engine.threads import n_threads, raise_if_stopped, run_in_threads

_KINDS = {"float32": tables.SINGLE, "float64": tables.DOUBLE, "int32": tables.INT32, "int64": tables.INT64}
# Numbers of multiplications: about half a millisecond of work, and about ten milliseconds, which a signal may wait.
WORK_OF_A_THREAD, _WORK_OF_THE_CALLER = 2**24, 2**28
_KINDS_OF_TOKENS = ("int32", "int64")


class Job:
    """Table of the data of a call, and references to the arrays whose addresses the table contains.

    Parameters
    ----------
    architecture : Architecture
    sequences : Sequences
    n_rows : int, default=0
        Number of rows of targets or outputs.
    """

    def __init__(self, architecture: Architecture, sequences: Sequences, n_rows: int = 0) -> None:
        self.architecture = architecture
        self._arrays: dict[int, NDArray[Any]] = {}
        self.table = np.zeros(tables.N_JOB, np.int64)
        self.numbers = np.zeros(tables.N_NUMBERS)
        self.stop = np.zeros(8, np.int64)
        values = sequences.values
        is_token = architecture.spec.embedding is not None
        is_readable = values.dtype.name in _KINDS and (values.dtype.name in _KINDS_OF_TOKENS) == is_token
        if not is_readable or not values.dtype.isnative:
            values = values.astype(np.int64 if is_token else architecture.spec.dtype)
        if any(stride % values.itemsize for stride in values.strides):
            values = values.copy()
        self.set(tables.VALUES, values)
        self.table[tables.VALUES_KIND] = _KINDS[values.dtype.name]
        self.table[[tables.ROW_STRIDE, tables.COLUMN_STRIDE]] = np.array(values.strides) // values.itemsize
        self.table[tables.STRIDE] = sequences.step
        self._positions_dtype = positions_dtype(max(len(values), len(sequences), sequences.n_timesteps, n_rows))
        self.table[tables.IS_WIDE] = self._positions_dtype == np.int64
        n_timesteps = self.set_positions(tables.N_TIMESTEPS, sequences.lengths)
        patch_size, self.lengths = architecture.spec.patch_size, n_timesteps
        if patch_size > 1:
            self.lengths = self.set_positions(tables.LENGTHS, -(-n_timesteps // patch_size))  # in steps: patches
        else:
            self.table[tables.LENGTHS] = self.table[tables.N_TIMESTEPS]
        self.set_positions(tables.STARTS, sequences.starts)
        if sequences.shifts is not None and sequences.scales is not None:
            self.set(tables.SHIFTS, np.ascontiguousarray(sequences.shifts, np.float64))
            if (sequences.scales != 1).any():
                self.set(tables.SCALES, np.ascontiguousarray(sequences.scales, np.float64))
            self.table[tables.N_SCALED] = sequences.shifts.shape[1]
        self.set(tables.NUMBERS, self.numbers)
        self.set(tables.STOP, self.stop)

    def set(self, column: int, array: NDArray[Any]) -> None:
        """Write the address of an array into the table, and keep a reference to the array."""
        self._arrays[column] = array
        self.table[column] = array.ctypes.data

    def set_positions(self, column: int, array: NDArray[Any]) -> NDArray[Any]:
        """Set one number per sample, such as a position, in the dtype that kernels read; return the array in it."""
        array = np.ascontiguousarray(array, self._positions_dtype)
        self.set(column, array)
        return array

    def array(self, column: int) -> NDArray[Any]:
        """Return the array whose address is in a column of the table."""
        return self._arrays[column]

    def longest_total(self, n_rows: int) -> int:
        """Return the largest total length of a number of sequences."""
        if n_rows >= len(self.lengths):
            return int(self.lengths.sum())
        longest = int(self.lengths.max())
        if longest == int(self.lengths.min()):
            return n_rows * longest
        return int(np.partition(self.lengths, len(self.lengths) - n_rows)[-n_rows:].sum())

    def work(self) -> int:
        """Return the approximate number of multiplications of a forward and backward pass over all sequences."""
        return self.architecture.work_per_step() * int(self.lengths.sum())


class Workers:
    """Threads that run a kernel on a job, each with memory of its own.

    Parameters
    ----------
    job : Job
    kernel : str
        Name of the kernel.
    n_rows : int
        Largest number of rows of a shard.
    max_threads : int
        Largest number of threads that there is work for.
    trains : bool, default=False
        Whether the kernel computes gradients.
    n_passes : int, default=1
        Number of passes over the sequences in each call.
    arguments : tuple of int, default=()
        Further arguments of the kernel.
    n_shards : int, default=0
        Number of shards with memory of their own, which they need from the forward to the backward pass.
    """

    def __init__(
        self,
        job: Job,
        kernel: str,
        n_rows: int,
        *,
        max_threads: int,
        trains: bool = False,
        n_passes: int = 1,
        arguments: tuple[int, ...] = (),
        n_shards: int = 0,
    ) -> None:
        architecture, work = job.architecture, job.work() * n_passes
        dtype = architecture.spec.dtype
        size = architecture.memory_size(job.longest_total(n_rows), n_rows, trains=trains)
        self._job, self._arguments = job, arguments
        self._function = LIBRARIES[dtype].function(kernel)
        self.n = threads_for(work, max_threads)
        self._runs_in_caller = self.n == 1 and work < _WORK_OF_THE_CALLER
        n_steps = 3 + 2 * int(job.lengths.max())
        tokens_per_step = int(architecture.table[tables.TOKENS_PER_STEP])
        n_tokens = job.longest_total(n_rows) * tokens_per_step if tokens_per_step and not trains else 1

        def memory(size):
            tokens = np.zeros(n_tokens, np.int64)
            return np.zeros(n_steps, np.int64), architecture.new_offsets(), aligned_zeros(size, dtype), tokens

        self._memories = [memory(1 if n_shards else size) for _ in range(self.n)]
        self._shard_memories = [memory(size) for _ in range(n_shards)]
        if n_shards:
            of_shards = [arrays[: tables.N_SHARD_MEMORY] for arrays in self._shard_memories]
            addresses = [[array.ctypes.data for array in arrays] for arrays in of_shards]
            job.set(tables.SHARD_MEMORIES, np.array(addresses, np.int64))

    def run(self, weights: NDArray[Any]) -> None:
        """Run the kernel with the given weights."""
        raise_if_stopped()
        job = self._job
        fixed = weights, job.architecture.table, job.table

        def call(memory):
            # The function refers to the arrays, not to their addresses: after a second interrupt, they must outlive the
            # threads, which may still be running.
            return lambda: self._function(*(array.ctypes.data for array in (*fixed, *memory)), *self._arguments)

        if self._runs_in_caller:
            call(self._memories[0])()
        else:
            run_in_threads([call(memory) for memory in self._memories], job.stop)


def threads_for(work: int, max_threads: int) -> int:
    """Return the number of threads to use for an amount of work, in multiplications."""
    return min(n_threads(), max_threads) if work >= WORK_OF_A_THREAD and max_threads > 1 else 1


def outputs_of(architecture: Architecture, weights: NDArray[Any], sequences: Sequences) -> NDArray[Any]:
    """Return outputs: (n_samples, n_outputs) or (n_samples, n_steps, n_outputs), zero at masked steps."""
    architecture.load()
    spec, n = architecture.spec, len(sequences)
    n_steps = -(-sequences.n_timesteps // spec.patch_size) if spec.return_sequences else 1
    job = Job(architecture, sequences, n * n_steps)
    steps = (n_steps,) if spec.return_sequences else ()
    outputs = np.zeros((n, *steps, spec.n_outputs), spec.dtype)
    workers = prepare_evaluation(job)
    job.set(tables.OUTPUTS, outputs)
    job.set_positions(tables.OUTPUT_STARTS, np.arange(n) * n_steps)
    workers.run(weights)
    return outputs


def prepare_evaluation(job: Job) -> Workers:
    """Set a job up to compute the outputs of all samples, longest first, and return its workers."""
    n = len(job.lengths)
    n_blocks = -(-n // tables.PREDICTED_AT_ONCE)
    job.set_positions(tables.ORDER, evaluation_order(job.lengths))
    job.set(tables.LOSSES, np.zeros(n_blocks))
    job.set(tables.SYNC, np.zeros(tables.N_COUNTS, np.int64))
    job.table[[tables.N_SAMPLES, tables.N_OUTPUTS]] = n, job.architecture.spec.n_outputs
    return Workers(job, "evaluate", min(n, tables.PREDICTED_AT_ONCE), max_threads=n_blocks)


def evaluation_order(lengths: NDArray[Any]) -> NDArray[Any]:
    """Return the order of samples in which kernels read them, longest first."""
    if (lengths != lengths[0]).any():
        return np.argsort(-lengths, kind="stable")
    return sample_order(len(lengths), None)
