"""Squares of errors, which float64 can represent."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 1e150  # the sum of the squares of many such numbers is finite


def finite_squares(errors: NDArray[Any]) -> NDArray[np.float64]:
    """Return the squares of errors, of which those that are too large count as the largest."""
    squares: NDArray[np.float64] = np.clip(errors, -LARGEST, LARGEST) ** 2
    return squares
