"""Everything that a fit needs except its data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from skrnn._engine.checkpoint import Checkpoint
from skrnn._engine.dataset import Dataset
from skrnn._engine.fit_digest import callback_classes
from skrnn._engine.network import NetworkSpec
from skrnn._engine.trained_state import TrainedState


@dataclass
class TrainingPlan:
    """Network, parameters of the estimator, and the state to continue from.

    Parameters
    ----------
    name : str
        Class name of the estimator, for messages.
    spec : NetworkSpec
    optimizer, loss, metrics, callbacks
        Parameters of the estimator; ``"auto"`` is replaced by the name of a loss, and a `Checkpoint` is left out.
    routed : dict
        Routed parameters, such as ``{"optimizer__learning_rate": 0.01}``.
    seed : int
    mask_layer : {"layer", None}
        How the stock network finds masked time steps, as in `build_network`.
    batch_size : int
    shuffle : bool
    epochs : int
        Largest number of epochs.
    first_epoch : int
        Number of epochs trained by earlier fits.
    partial : bool
        Whether the data are only a part of the training data, as in ``partial_fit``.
    early_stopping : bool
    patience : int
    min_delta : float
    tol : float or None
        Fraction of the first training loss by which the training loss must fall within `n_epochs_no_change` epochs, or
        training ends; None to train for all epochs.
    n_epochs_no_change : int
    min_epochs : int
        Number of epochs before `tol` may end training.
    verbose : int
    state : TrainedState or None, default=None
        State to continue training from.
    checkpoint : Checkpoint or None, default=None
    is_refit : bool, default=False
        Whether this training follows another one, without the validation data of that.
    """

    name: str
    spec: NetworkSpec
    optimizer: Any
    loss: Any
    metrics: Any
    callbacks: Any
    routed: dict[str, Any]
    seed: int
    mask_layer: str | None
    batch_size: int
    shuffle: bool
    epochs: int
    first_epoch: int
    partial: bool
    early_stopping: bool
    patience: int
    min_delta: float
    tol: float | None
    n_epochs_no_change: int
    min_epochs: int
    verbose: int
    state: TrainedState | None = None
    checkpoint: Checkpoint | None = None
    is_refit: bool = False

    def mean_weight(self, dataset: Dataset) -> float:
        """Return the number by which the loss of a batch is divided for each of its samples."""
        # The data of partial_fit are not all training data: relative to the total weight of a single sample, its weight
        # would have no effect.
        return float(dataset.mean_terms if self.partial else dataset.mean_weight)

    def starting_values(
        self,
        weights: Callable[[], list[Any]],
        optimizer_name: str,
        optimizer: Sequence[Any],
        is_rate: Sequence[bool],
    ) -> list[Any]:
        """Return weights and optimizer variables at the start: fresh ones, or those of the state to continue from.

        Parameters
        ----------
        weights : callable
            Returns fresh weights.
        optimizer_name : str
            Class name of the optimizer.
        optimizer : sequence of ndarray
            Fresh variables of the optimizer.
        is_rate : sequence of bool
            Which of these is the learning rate; it is never taken from the earlier state.

        Returns
        -------
        list of ndarray
        """
        state = self.state
        if state is None:
            return [*weights(), *optimizer]
        if optimizer_name != state.optimizer_name or [*map(np.shape, optimizer)] != [*map(np.shape, state.optimizer)]:
            raise ValueError(
                f"{self.name} cannot continue training with the optimizer {optimizer_name}: the network was trained "
                f"with {state.optimizer_name}, whose state does not match. Keep the optimizer, or set warm_start=False."
            )
        kept = (fresh if rate else old for fresh, old, rate in zip(optimizer, state.optimizer, is_rate, strict=True))
        return [*state.weights, *kept]


def number_of_batches(n_samples: int, batch_size: int) -> int:
    """Return the number of batches of an epoch, the last of which may be smaller."""
    return -(-n_samples // batch_size)


def fit_identity(plan: TrainingPlan, dataset: Dataset, validation: Dataset | None) -> list[Any]:
    """Return everything that distinguishes a fit from others, for the name of its checkpoint file."""
    parameters = {field.name: getattr(plan, field.name) for field in fields(plan)}
    for name in ("checkpoint", "verbose", "is_refit"):
        del parameters[name]
    parameters["callbacks"] = callback_classes(plan.callbacks)
    data = [None if d is None else [vars(d.sequences), vars(d.targets)] for d in (dataset, validation)]
    return [parameters, data]
