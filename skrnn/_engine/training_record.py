"""History of a fit, its best epoch, when to stop, and its checkpoint file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skrnn._common.guide import see
from skrnn._engine.progress import ProgressLine
from skrnn._engine.saved_fit import SavedFit, restore_callbacks, state_of_callbacks
from skrnn._engine.trained_state import TrainedState
from skrnn._engine.training_plan import TrainingPlan


@dataclass
class TrainingRecord:
    """Progress of a fit, epoch by epoch.

    Parameters
    ----------
    plan : TrainingPlan

    Attributes
    ----------
    history : dict of str to list of float
    n_epochs : int
        Number of epochs trained by this fit.
    best_epoch : int
        Index of the best epoch, counted from the first epoch of this fit.
    best_loss : float
        Validation loss of that epoch.
    best_state : TrainedState, callable or None
        State after that epoch, with early stopping, or a function that copies it from a device.
    file : SavedFit or None
        Checkpoint file.
    files : list of SavedFit
        All checkpoint files, of a fit that trains twice.
    saved : dict or None
        Content of that file when the fit began.
    callbacks : list
        Callbacks whose state is saved along.
    result : TrainedState or None
        State at the end of the fit.
    """

    plan: TrainingPlan
    history: dict[str, list[float]] = field(default_factory=dict)
    n_epochs: int = 0
    best_epoch: int = -1
    best_loss: float = np.inf
    best_state: TrainedState | Callable[[], TrainedState] | None = None
    file: SavedFit | None = None
    files: list[SavedFit] = field(default_factory=list)
    saved: dict[str, Any] | None = None
    callbacks: list[Any] = field(default_factory=list)
    result: TrainedState | None = None

    def __post_init__(self):
        self.progress = ProgressLine(self.plan.epochs, self.plan.verbose)

    def resume_from(self, file):
        """Set the checkpoint file, and resume from its content if it exists."""
        self.file, self.saved = file, file.read()
        self.files.append(file)
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
        """Restore the saved state of the callbacks, and return the saved weights and optimizer variables."""
        assert self.saved is not None
        restore_callbacks(self.callbacks, self.saved["callbacks"])
        return [*self.saved["state"]["weights"], *self.saved["state"]["optimizer"]]

    def save(self, state):
        """Write the checkpoint file."""
        assert self.file is not None
        self.best_state = _on_host(self.best_state)
        self.file.write(
            {
                "finished": self.result is not None,
                "state": vars(_on_host(state)),
                "history": self.history,
                "n_epochs": self.n_epochs,
                "best_epoch": self.best_epoch,
                "best_loss": float(self.best_loss),
                "best_state": None if self.best_state is None else vars(self.best_state),
                "callbacks": state_of_callbacks(self.callbacks),
            }
        )

    def after_epoch(self, logs, get_state, stop_requested):
        """Record an epoch, and return whether training stops.

        Parameters
        ----------
        logs : dict of str to float
        get_state : callable
            Returns the current `TrainedState`, or a function that copies it from a device; it is only called where the
            state is kept.
        stop_requested : bool
            Whether a callback has stopped training.
        """
        plan, stops = self.plan, stop_requested
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        if not np.isfinite(logs["loss"]):
            raise ValueError(_divergence_message(plan, "loss", logs["loss"], self.n_epochs))
        self.n_epochs += 1
        self.progress.update(self.n_epochs, logs)
        if not plan.early_stopping:
            self.best_epoch = self.n_epochs - 1
        else:
            if logs["val_loss"] < self.best_loss - plan.min_delta or self.best_epoch < 0:
                # No loss compares as less than NaN: if the first one is NaN, it must not remain the best.
                self.best_loss = np.inf if np.isnan(logs["val_loss"]) else logs["val_loss"]
                self.best_epoch, self.best_state = self.n_epochs - 1, get_state()
            stops = stops or self.n_epochs - 1 - self.best_epoch >= max(plan.patience, 1)
        stops = stops or self._no_longer_falls()
        if self.file is not None and self.n_epochs % self.file.every == 0 and not stops and self.n_epochs < plan.epochs:
            self.save(get_state())
        return stops

    def _no_longer_falls(self):
        """Return whether the training loss has not fallen by the tolerance for some epochs."""
        losses, n = self.history["loss"], self.plan.n_epochs_no_change
        if self.plan.tol is None or len(losses) < self.plan.min_epochs or len(losses) <= n:
            return False
        return min(losses[-n:]) > min(losses[:-n]) - self.plan.tol * abs(losses[0])

    def end(self, state):
        """Set the result, the best state or else the last one, and save or remove the checkpoint file."""
        self.best_state = _on_host(self.best_state)
        result: TrainedState = _on_host(state if self.best_state is None else self.best_state)
        self.result = result
        if not all(np.isfinite(weight).all() for weight in result.weights):
            raise ValueError(_divergence_message(self.plan, "weights", "NaN or infinite", self.best_epoch))
        if self.file is not None and self.file.keep:
            self.save(self.result)
        elif self.file is not None:
            self.file.remove()


def _on_host(state):
    """Return a state, copied from a device if it is not yet."""
    return state() if callable(state) else state


def _divergence_message(plan, diverged, value, epoch):
    """Return the error message for a loss or weights that are not finite after an epoch, counted from 0."""
    return (
        f"The {diverged} of {plan.name} became {value} in epoch {plan.first_epoch + epoch + 1}: training diverges. "
        "Clip the gradient (optimizer__clipnorm=1.0), lower optimizer__learning_rate, or scale X and y."
        + see("faq", "my-loss-is-nan")
    )
