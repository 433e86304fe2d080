"""All kernels: importing this module makes them known to `compiling`."""

# ruff: noqa: F401
from skrnn._engine.native import (
    activations,
    cells,
    closed_loop,
    dense,
    dropout,
    epoch,
    gather,
    losses,
    optimizers,
    places,
    probability_losses,
    products,
    recurrent,
    shard,
)
