"""All kernels: importing this module makes them known to `compiling`."""

# ruff: noqa: F401
from skrnn._engine.native import cells, dense, dropout, epoch, gather, optimizers, places, products, recurrent, shard
