"""Validation data on another scale than the training data: detected by the losses after the first epoch."""

from __future__ import annotations

from skrnn._common.guide import see
from skrnn._common.warnings import warn

_LARGEST_LOSS_RATIO = 100.0
_NEGLIGIBLE_LOSS = 1e-6


def may_be_on_another_scale(training_loss: float, validation_loss: float) -> bool:
    """Return whether the validation loss exceeds the mean training loss of the epoch, a necessary condition."""
    return validation_loss > max(training_loss, _NEGLIGIBLE_LOSS)


def warn_of_validation_scale(training_loss: float, validation_loss: float, name: str) -> None:
    """Warn if the validation loss is more than 100 times the training loss on the same weights."""
    if 0 <= _LARGEST_LOSS_RATIO * training_loss < validation_loss:
        warn(
            f"The validation loss of {name} after the first epoch, {validation_loss:.3g}, is more than 100 times the "
            f"training loss on the same weights, {training_loss:.3g}: they are probably on different scales. X_val "
            "and y_val, if passed, must be transformed as X and y are." + see("searching", "custom-validation-data")
        )
