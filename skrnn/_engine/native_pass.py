"""One pass over sequences by native kernels: the table of a job, the memory of its threads, and the call."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._engine.architecture import Architecture, aligned_zeros
from skrnn._engine.native import layout as at
from skrnn._engine.native.library import LIBRARIES
from skrnn._engine.threads import n_threads, run

_KINDS = {"float32": at.SINGLE, "float64": at.DOUBLE, "int32": at.INT32, "int64": at.INT64}
# Products of numbers: some half a millisecond of work, and some ten milliseconds, for which a signal may wait.
WORK_OF_A_THREAD, _WORK_OF_THE_CALLER = 2**24, 2**28
_KINDS_OF_TOKENS = ("int32", "int64")


class Job:
    """A table of what kernels work on, and what keeps the arrays alive whose addresses it holds.

    Parameters
    ----------
    architecture : Architecture
    sequences : Sequences
    """

    def __init__(self, architecture: Architecture, sequences: Any) -> None:
        self.architecture = architecture
        self._kept: dict[int, NDArray[Any]] = {}
        self.table = np.zeros(at.N_JOB, np.int64)
        self.numbers = np.zeros(at.N_NUMBERS)
        self.stop = np.zeros(8, np.int64)
        values = sequences.values
        is_token = architecture.spec.embedding is not None
        is_read = values.dtype.name in _KINDS and (values.dtype.name in _KINDS_OF_TOKENS) == is_token
        if not is_read or not values.dtype.isnative:
            values = values.astype(np.int64 if is_token else architecture.spec.dtype)
        if any(stride % values.itemsize for stride in values.strides):
            values = values.copy()
        self.set(at.VALUES, values)
        self.table[at.VALUES_KIND] = _KINDS[values.dtype.name]
        self.table[[at.ROW_STRIDE, at.COLUMN_STRIDE]] = np.array(values.strides) // values.itemsize
        self.table[at.STRIDE] = sequences.step
        self.lengths = np.ascontiguousarray(sequences.lengths, np.int64)
        self.set(at.STARTS, np.ascontiguousarray(sequences.starts, np.int64))
        self.set(at.LENGTHS, self.lengths)
        self.set(at.NUMBERS, self.numbers)
        self.set(at.STOP, self.stop)

    def set(self, column: int, array: NDArray[Any]) -> None:
        """Write the address of an array, which stays alive as long as it stands there."""
        self._kept[column] = array
        self.table[column] = array.ctypes.data

    def kept(self, column: int) -> NDArray[Any]:
        """Return the array whose address was written."""
        return self._kept[column]

    def longest_total(self, n_rows: int) -> int:
        """Return the most steps that so many sequences have together."""
        if n_rows >= len(self.lengths):
            return int(self.lengths.sum())
        longest = int(self.lengths.max())
        if longest == int(self.lengths.min()):
            return n_rows * longest
        return int(np.partition(self.lengths, len(self.lengths) - n_rows)[-n_rows:].sum())

    def work(self) -> int:
        """Return about how many products of numbers a pass over all sequences takes, forward and back."""
        return self.architecture.work_a_step() * int(self.lengths.sum())


class Workers:
    """What threads of a job work in: tables of steps and places, and memory for one shard each.

    Parameters
    ----------
    job : Job
    n_rows : int
        The most rows of a shard.
    trains : bool
    most : int
        The most threads that find work.
    n_shards : int, default=0
        Shards that have memory of their own instead, from the end of their forward pass to that of the one back.
    """

    def __init__(self, job: Job, n_rows: int, *, trains: bool, most: int, n_shards: int = 0) -> None:
        self._job = job
        architecture = job.architecture
        dtype = architecture.spec.dtype
        size = architecture.memory_size(job.longest_total(n_rows), n_rows, trains=trains)
        self._function = LIBRARIES[dtype].function("train" if trains else "evaluate")
        work = job.work()
        self.n = min(n_threads(), most) if work >= WORK_OF_A_THREAD and most > 1 else 1
        self._alone = self.n == 1 and work < _WORK_OF_THE_CALLER
        n_steps = 3 + 2 * int(job.lengths.max())
        n_tokens = job.longest_total(n_rows) if architecture.spec.embedding is not None and not trains else 1

        def memory(size):
            tokens = np.zeros(n_tokens, np.int64)
            return np.zeros(n_steps, np.int64), architecture.new_places(), aligned_zeros(size, dtype), tokens

        self._memories = [memory(1 if n_shards else size) for _ in range(self.n)]
        self._of_shards = [memory(size) for _ in range(n_shards)]
        if n_shards:
            addresses = [[array.ctypes.data for array in arrays[: at.N_SHARD_MEMORY]] for arrays in self._of_shards]
            job.set(at.SHARD_MEMORIES, np.array(addresses, np.int64))

    def run(self, weights: NDArray[Any]) -> None:
        """Make a pass with some weights."""
        job = self._job
        fixed = weights, job.architecture.table, job.table

        def call(memory):
            # The arrays, not their addresses: who interrupts twice may go on before the threads have ended.
            return lambda: self._function(*(array.ctypes.data for array in (*fixed, *memory)))

        if self._alone:
            call(self._memories[0])()
        else:
            run([call(memory) for memory in self._memories], job.stop)


def outputs_of(architecture: Architecture, weights: NDArray[Any], sequences: Any) -> NDArray[Any]:
    """Return outputs: (n_samples, n_outputs) or (n_samples, n_timesteps, n_outputs), zero at padding."""
    architecture.load()
    spec, n = architecture.spec, len(sequences)
    job = Job(architecture, sequences)
    steps = (sequences.n_timesteps,) if spec.return_sequences else ()
    outputs = np.zeros((n, *steps, spec.n_outputs), spec.dtype)
    workers = prepare_evaluation(job)
    job.set(at.OUTPUTS, outputs)
    job.set(at.OUTPUT_STARTS, np.arange(n) * (sequences.n_timesteps if spec.return_sequences else 1))
    workers.run(weights)
    return outputs


def prepare_evaluation(job: Job) -> Workers:
    """Write into a job that all samples are computed, longest first, and return the workers."""
    n = len(job.lengths)
    order = np.argsort(-job.lengths, kind="stable") if (job.lengths != job.lengths[0]).any() else np.arange(n)
    n_blocks = -(-n // at.PREDICTED_AT_ONCE)
    job.set(at.ORDER, order)
    job.set(at.POSITIONS, order)
    job.set(at.LOSSES, np.zeros(n_blocks))
    job.set(at.SYNC, np.zeros(at.N_COUNTS, np.int64))
    job.table[[at.N_SAMPLES, at.N_OUTPUTS]] = n, job.architecture.spec.n_outputs
    return Workers(job, min(n, at.PREDICTED_AT_ONCE), trains=False, most=n_blocks)
