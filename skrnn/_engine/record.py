"""What a fit is given beside its data, what it records of its epochs, and the file that it goes on from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._common.guide import see
from skrnn._common.state import stored_as
from skrnn._engine.checkpoint import Checkpoint, SavedFit, classes_of, restore_callbacks, state_of_callbacks
from skrnn._engine.network import NetworkSpec
from skrnn._engine.progress import ProgressLine


@stored_as("trained state")
@dataclass(eq=False)
class TrainedState:
    """What training leaves: numpy arrays only, so that an estimator pickles and copies like any other.

    Parameters
    ----------
    weights : list of ndarray
        Values of the network's weights, then the states of its random generators.
    optimizer : list of ndarray
        Values of the optimizer's variables.
    optimizer_name : str
        Class of the optimizer that they belong to.
    """

    weights: list[NDArray[Any]]
    optimizer: list[NDArray[Any]]
    optimizer_name: str


@dataclass
class TrainingPlan:
    """Everything a fit needs beside its data."""

    spec: NetworkSpec
    seed: int
    mask_layer: str | None  # how the stock network finds absent steps, as in build_network
    compile_arguments: dict[str, Any]  # optimizer, loss, metrics, callbacks, routed, name
    batch_size: int
    shuffle: bool
    epochs: int
    first_epoch: int
    partial: bool  # whether the data are a part of them, as partial_fit gets
    early_stopping: bool
    patience: int
    min_delta: float
    verbose: int
    state: TrainedState | None = None  # where training goes on from
    checkpoint: Checkpoint | None = None


@dataclass
class TrainingRecord:
    """History of a fit, its best epoch, and when to stop."""

    plan: TrainingPlan
    history: dict[str, list[float]] = field(default_factory=dict)
    n_epochs: int = 0
    best_epoch: int = -1  # counted from the first epoch of this fit
    best_loss: float = np.inf
    best_state: TrainedState | None = None
    file: SavedFit | None = None
    saved: dict[str, Any] | None = None  # what the file held when the fit began
    callbacks: list[Any] = field(default_factory=list)  # other ones, whose state is saved too
    result: TrainedState | None = None

    def __post_init__(self):
        self.progress = ProgressLine(self.plan.epochs, self.plan.verbose)

    def resume_from(self, file):
        """Use the file of this fit, and what it holds already."""
        self.file, self.saved = file, file.read()
        if self.saved is None:
            return
        for name in ("history", "n_epochs", "best_epoch", "best_loss"):
            setattr(self, name, self.saved[name])
        if self.saved["best_state"] is not None:
            self.best_state = TrainedState(**self.saved["best_state"])
        self.progress.skip(self.n_epochs)
        if self.saved["finished"]:
            self.result = TrainedState(**self.saved["state"])

    def restored_values(self):
        """Give callbacks the state that was saved, and return the values to go on from."""
        assert self.saved is not None  # what went on from nothing has nothing to restore
        restore_callbacks(self.callbacks, self.saved["callbacks"])
        return [*self.saved["state"]["weights"], *self.saved["state"]["optimizer"]]

    def save(self, state):
        """Write the file of this fit."""
        assert self.file is not None  # who calls has looked
        self.file.write(
            {
                "finished": self.result is not None,
                "state": vars(state),
                "history": self.history,
                "n_epochs": self.n_epochs,
                "best_epoch": self.best_epoch,
                "best_loss": float(self.best_loss),
                "best_state": None if self.best_state is None else vars(self.best_state),
                "callbacks": state_of_callbacks(self.callbacks),
            }
        )

    def after_epoch(self, logs, state, stops):
        """Record an epoch; ``state()`` gives what to restore. Return whether training stops, as a callback may say."""
        plan = self.plan
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        if not np.isfinite(logs["loss"]):
            raise ValueError(diverges(plan, "loss", logs["loss"], self.n_epochs))
        self.n_epochs += 1
        self.progress.update(self.n_epochs, logs)
        if not plan.early_stopping:
            self.best_epoch = self.n_epochs - 1
        else:
            if logs["val_loss"] < self.best_loss - plan.min_delta or self.best_epoch < 0:
                # A first loss that is NaN, which nothing is below, must not stay the best.
                self.best_loss = np.inf if np.isnan(logs["val_loss"]) else logs["val_loss"]
                self.best_epoch, self.best_state = self.n_epochs - 1, state()
            stops = stops or self.n_epochs - 1 - self.best_epoch >= max(plan.patience, 1)
        if self.file is not None and self.n_epochs % self.file.every == 0 and not stops and self.n_epochs < plan.epochs:
            self.save(state())
        return stops

    def end(self, state):
        """Choose the result, the state after the last epoch or that of the best one, and end with the file."""
        self.result = state if self.best_state is None else self.best_state
        if not all(np.isfinite(weight).all() for weight in self.result.weights):
            raise ValueError(diverges(self.plan, "weights", "NaN or infinite", self.best_epoch))
        if self.file is not None and self.file.keep:
            self.save(self.result)
        elif self.file is not None:
            self.file.remove()


def mean_weight_of(plan: TrainingPlan, dataset: Any) -> float:
    """Return what the loss of a batch is divided by for each of its samples."""
    # What partial_fit is passed is not all there is: relative to its own total, the weight of a single sample is lost.
    return float(dataset.mean_terms if plan.partial else dataset.mean_weight)


def first_values(
    plan: TrainingPlan, weights: Callable[[], list[Any]], optimizer_name: str, optimizer: Sequence[Any], is_rate: Any
) -> list[Any]:
    """Return the values that training starts from: fresh ones, or those of the state that it goes on from.

    The learning rate stays what the estimator's parameters say.
    """
    state = plan.state
    if state is None:
        return [*weights(), *optimizer]
    if optimizer_name != state.optimizer_name or [*map(np.shape, optimizer)] != [*map(np.shape, state.optimizer)]:
        raise ValueError(
            f"{plan.compile_arguments['name']} goes on from a network trained with {state.optimizer_name}, whose "
            f"state does not fit the optimizer set since, {optimizer_name}. Keep the optimizer, or set "
            "warm_start=False."
        )
    kept = (old if rate else new for old, new, rate in zip(optimizer, state.optimizer, is_rate, strict=True))
    return [*state.weights, *kept]


def diverges(plan, what, value, epoch):
    """Say what became of the loss or the weights in an epoch of a fit, counted from 0."""
    return (
        f"The {what} of {plan.compile_arguments['name']} became {value} in epoch {plan.first_epoch + epoch + 1}: "
        "training diverges. Clip the gradient (optimizer__clipnorm=1.0), lower optimizer__learning_rate, or scale X "
        "and y." + see("faq", "my-loss-is-nan")
    )


def identity_of(plan, dataset, validation):
    """Return what tells a fit from others, for `SavedFit`."""
    compiled = dict(plan.compile_arguments)
    compiled["callbacks"] = classes_of(compiled["callbacks"])
    others = {f.name: getattr(plan, f.name) for f in fields(plan)}
    for name in ("compile_arguments", "checkpoint", "verbose"):
        del others[name]
    parts = [None if d is None else [vars(d.sequences), vars(d.targets)] for d in (dataset, validation)]
    return [compiled, others, parts]
