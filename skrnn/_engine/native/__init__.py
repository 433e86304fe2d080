"""Kernels that train and predict on the CPU, compiled once per machine by numba, and the cache that keeps them.

Imports nothing else of skrnn; imported by `_engine`. Only `library` and `cache` are also imported elsewhere, to compile
all kernels and to report where they are cached.

Kernels are functions marked by `@kernel`; `kernels` imports all of them. Start reading at `epoch`, which calls `shard`.

Most kernels have the arguments ``w``, packed weights; ``net``, the table of the network, and ``job``, that of the data
(see `tables`); ``steps``, the time steps of a shard (see `recurrent`); ``offsets`` and ``memory``, the memory of a
thread (see `memory_layout`).
"""
