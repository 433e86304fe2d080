"""Early stopping: whether the validation set suffices, and the training on all samples that may follow."""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import replace

import numpy as np

from skrnn._common.guide import see
from skrnn._common.warnings import warn
from skrnn._engine.checkpoint import Checkpoint
from skrnn._engine.training import train
from skrnn._engine.training_plan import number_of_batches

_MIN_SAMPLES, _MIN_OF_CLASS = 20, 2
# Beginnings of the warnings of Keras's callbacks that monitor a validation value.
_NO_VALIDATION = (
    "Early stopping conditioned on metric `val_",
    "Learning rate reduction is conditioned on metric `val_",
)


def check_refit_full(estimator, *, has_validation_data):
    """Raise if there is nothing that a training on all samples would add."""
    name = type(estimator).__name__
    if not estimator.early_stopping:
        raise ValueError(
            f"refit_full=True of {name} follows early stopping. Set early_stopping=True, or refit_full=False."
        )
    if estimator.warm_start:
        raise ValueError(
            f"refit_full=True of {name} trains on the validation samples, which a later fit with warm_start=True would "
            "compare epochs on. Set warm_start=False, or refit_full=False."
        )
    if has_validation_data:
        raise ValueError(
            f"refit_full=True of {name} trains on the samples of X that were held out, but X_val was passed instead. "
            "Set refit_full=False, or pass all samples as X without X_val."
        )


def check_validation(estimator, validation):
    """Raise if there is no validation set for early stopping, and warn if it has too few samples.

    Parameters
    ----------
    estimator : BaseRecurrent
        Its targets are known.
    validation : Dataset or None
    """
    name, n_classes = type(estimator).__name__, estimator._targets.n_exclusive_classes
    if validation is None:
        raise ValueError(
            f"early_stopping=True requires a validation set, but {name} got validation_split="
            f"{estimator.validation_split!r} and no X_val. Set validation_split to a fraction above 0, or pass X_val "
            "to fit."
        )
    reason, n_targets, targets = None, validation.n_known_targets, validation.targets
    if n_targets < _MIN_SAMPLES:
        reason = f"{n_targets} validation {'targets' if targets.per_step and not targets.are_inputs else 'samples'}"
    elif n_classes is not None:
        _, counts = np.unique(validation.terms[0], axis=0, return_counts=True)
        if len(counts) < n_classes or counts.min() < _MIN_OF_CLASS:
            reason = f"{n_targets} validation samples with fewer than {_MIN_OF_CLASS} of a class"
    if reason is not None:
        warn(
            f"early_stopping=True of {name} compares epochs on {reason}, which are too few to find the best one. Set "
            "epochs instead, for example epochs='auto' with early_stopping=False, or increase validation_split."
            + see("faq", "early-stopping-on-few-samples")
        )


def train_with_early_stopping(plan, training, validation, all_samples, batch_size):
    """Train until early stopping, then again on all samples with as many gradient steps as the best epoch had.

    Parameters
    ----------
    plan : TrainingPlan
    training, validation : Dataset
        All samples, split into two parts.
    all_samples : Dataset
    batch_size : int or None
        Parameter of the estimator.

    Returns
    -------
    state : TrainedState
        After the second training.
    record : TrainingRecord
        Of the first one; its files are those of both.
    """
    checkpoint = plan.checkpoint
    if checkpoint is not None:  # so that a fit that is interrupted in the second training does not repeat the first
        plan = replace(plan, checkpoint=Checkpoint(checkpoint.folder, every=checkpoint.every, keep=True))
    _, record = train(plan, training, validation)
    n_steps = (record.best_epoch + 1) * number_of_batches(len(training), plan.batch_size)
    size = len(all_samples) if batch_size is None else min(batch_size, len(all_samples))
    epochs = max(round(n_steps / number_of_batches(len(all_samples), size)), 1)
    plan = replace(
        plan, batch_size=size, epochs=epochs, early_stopping=False, tol=None, checkpoint=checkpoint, is_refit=True
    )
    with _without_validation_values(plan.callbacks):
        state, second = train(plan, all_samples)
    record.files.extend(second.files)
    if checkpoint is not None and not checkpoint.keep:
        for file in record.files:
            file.remove()
    return state, record


@contextlib.contextmanager
def _without_validation_values(callbacks):
    """Suppress the warnings that callbacks emit in each epoch of a training without validation data."""
    if not callbacks:
        yield  # members without callbacks are trained in threads, which share the filters of warnings
        return
    with warnings.catch_warnings():
        for message in _NO_VALIDATION:  # which the second training does not need
            warnings.filterwarnings("ignore", message)
        yield
