"""Training plan of an estimator: its parameters, its network, and the state to continue from."""

from __future__ import annotations

from numbers import Integral

import numpy as np

from skrnn._engine.checkpoint import without_checkpoint
from skrnn._engine.other_libraries import check_loss_library
from skrnn._engine.training_plan import TrainingPlan, number_of_batches
from skrnn._estimators.default_optimizer import resolved_optimizer

AUTO_STEPS = 2000  # gradient steps with epochs="auto"
MIN_AUTO_STEPS = 1000  # before `tol` ends training: a loss may begin to fall after hundreds of steps only
MAX_AUTO_EPOCHS = 1000
_STEPS_WITHOUT_CHANGE = 100  # that a training loss does not fall for, at least, before training ends


def training_plan(estimator, spec, n_samples, *, state, epochs, first_epoch, partial):
    """Return the plan to train the network of an estimator.

    Parameters
    ----------
    estimator : BaseRecurrent
        Its targets, its seed and its schema are known.
    spec : NetworkSpec
    n_samples : int
        Number of training samples.
    state : TrainedState or None
        State to continue from.
    epochs : int or "auto"
        Largest number of epochs.
    first_epoch : int
        Number of epochs trained by earlier fits.
    partial : bool
        Whether the data are only a part of the training data.

    Raises
    ------
    ValueError
        If a checkpoint could not resume the fit, because its seed is not known; or if the loss is one of torch or
        scikit-learn.
    """
    name = type(estimator).__name__
    loss = estimator._targets.output()[2]
    check_loss_library(loss, name)
    callbacks, checkpoint = without_checkpoint(estimator.callbacks, name)
    if checkpoint is not None and state is None and not isinstance(estimator.random_state, Integral):
        raise ValueError(
            f"{checkpoint!r} can only resume a fit of {name} with a known seed. Set random_state to an int. Got "
            f"{estimator.random_state!r} instead."
        )
    batch_size = n_samples if estimator.batch_size is None else min(estimator.batch_size, n_samples)
    n_batches = number_of_batches(n_samples, batch_size)
    is_auto = isinstance(epochs, str)
    optimizer, routed = resolved_optimizer(estimator.optimizer, estimator._routed_for_keras())
    return TrainingPlan(
        name=name,
        spec=spec,
        optimizer=optimizer,
        loss=loss,
        metrics=estimator.metrics,
        callbacks=callbacks,
        routed=routed,
        seed=estimator._seed,
        mask_layer=estimator._mask_layer(),
        batch_size=batch_size,
        shuffle=estimator.shuffle,
        epochs=min(-(-AUTO_STEPS // n_batches), MAX_AUTO_EPOCHS) if is_auto else epochs,
        first_epoch=first_epoch,
        partial=partial,
        early_stopping=estimator.early_stopping and not partial,
        patience=estimator.patience,
        min_delta=estimator.min_delta,
        tol=estimator.tol if is_auto else None,
        n_epochs_no_change=max(estimator.patience, -(-_STEPS_WITHOUT_CHANGE // n_batches)),
        min_epochs=-(-MIN_AUTO_STEPS // n_batches),
        verbose=int(estimator.verbose),
        state=state,
        checkpoint=None if partial else checkpoint,
    )


def seed_of(random_state):
    """Return a seed for a random state; for None it comes from the operating system, not from a global state."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(np.iinfo(np.int32).max))
    return int(random_state)
