"""Result of training: weights and optimizer state as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from skrnn._common.state import stored_as


@stored_as("trained state")
@dataclass(eq=False)
class TrainedState:
    """Weights and optimizer state as numpy arrays only, so that an estimator pickles and copies like any other.

    Parameters
    ----------
    weights : list of ndarray
        Weights of the network, followed by the states of its random generators.
    optimizer : list of ndarray
        Variables of the optimizer.
    optimizer_name : str
        Class name of that optimizer.
    """

    weights: list[NDArray[Any]]
    optimizer: list[NDArray[Any]]
    optimizer_name: str
