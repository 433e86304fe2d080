"""Sizes and columns of tables that kernels and their callers agree on."""

from __future__ import annotations

LANES = 8  # numbers in a vector
MAX_VECTORS = 3  # vectors in a row of a tile
PANEL = LANES * MAX_VECTORS  # columns of a panel of weights
N_HYPER = 10  # hyper-parameters of a step of an optimizer

DTYPES = {"float32": "f", "float64": "d"}


def padded(n: int) -> int:
    """Return a length filled up to whole vectors."""
    return -(-n // LANES) * LANES
