"""All modules with kernels: importing this one registers the kernels in `compiling.KERNELS`."""

# ruff: noqa: F401
from skrnn._engine.native import (
    activations,
    bottleneck,
    categories,
    cells,
    closed_loop,
    dense,
    distribution_losses,
    dropout,
    epoch,
    gather,
    losses,
    memory_layout,
    optimizers,
    pooling,
    probability_losses,
    products,
    recurrent,
    shard,
)
