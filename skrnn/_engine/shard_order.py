"""Order of samples in batches and shards, the parts of a batch that threads compute."""

from __future__ import annotations

import numpy as np

# A shard has enough work to be worth a thread's attention, and enough rows to fill the tiles of matrix products.
_WORK_OF_A_SHARD, _ROWS_OF_A_SHARD, _MAX_SHARDS = 2**20, 16, 64


class ShardOrder:
    """Order of the samples of an epoch in its batches, and in the shards of each batch.

    Shards depend on the batch alone, not on the number of threads, so that results do not either. If lengths differ,
    the samples of a batch are sorted by length, longest first, and dealt to its shards in turn.

    Parameters
    ----------
    lengths : ndarray of int
        Lengths of the sequences.
    batch_size : int
    work_per_step : int
        Number of multiplications per time step of a sequence.

    Attributes
    ----------
    batches : ndarray of shape (n_batches, 3)
        First sample, end, and number of shards of each batch.
    max_shard_size : int
        Number of samples of the largest shard.
    """

    def __init__(self, lengths, batch_size, work_per_step):
        n = len(lengths)
        self._lengths = lengths
        starts = np.arange(0, n, batch_size)
        ends = np.minimum(starts + batch_size, n)
        work = work_per_step * int(lengths.max())
        shards = np.array([_n_shards(end - start, work) for start, end in zip(starts, ends, strict=True)])
        self.batches = np.stack([starts, ends, shards], axis=1)
        self.max_shard_size = int((-(-(ends - starts) // shards)).max())
        self._dealt = None
        if (lengths != lengths[0]).any():
            self._batch_of = np.arange(n) // batch_size
            rank = np.arange(n) - starts[self._batch_of]
            n_shards = shards[self._batch_of]
            self._dealt = np.lexsort((rank // n_shards, rank % n_shards, self._batch_of))

    def of_epoch(self, order):
        """Return the samples of an epoch in the order of the shards, and the position of each in the given order.

        The positions are None if the order is the given one.
        """
        if self._dealt is None:
            return order, None
        positions = np.lexsort((-self._lengths[order], self._batch_of))[self._dealt]
        return order[positions], positions


def _n_shards(n_rows, work):
    """Return the number of shards of a batch, given the work per sequence."""
    return int(np.clip(min(n_rows * work // _WORK_OF_A_SHARD, n_rows // _ROWS_OF_A_SHARD), 1, _MAX_SHARDS))
