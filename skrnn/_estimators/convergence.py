"""Warning of a training that did not get anywhere, or that was cut off while it did."""

from __future__ import annotations

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skrnn._common.guide import see
from skrnn._common.warnings import warn
from skrnn._data.categories import numeric_columns
from skrnn._engine.constant_predictions import LossTerms, mean_loss
from skrnn._engine.distribution_losses import GaussianLoss
from skrnn._engine.prediction import predict
from skrnn._engine.routing import routed_to
from skrnn._engine.training_plan import number_of_batches
from skrnn._estimators.target_scale import TARGET_SCALERS
from skrnn._estimators.training_plan import AUTO_STEPS, MAX_AUTO_EPOCHS

_MIN_STEPS, _MIN_EPOCHS = 20, 10  # of fits that are expected to have learned something
_MARGIN = 0.01  # by which the loss of the best constant is to be undercut
_LONG = 100  # time steps, over which the state of a cell is hard to train
_FEW_STEPS = 1000
_LARGEST_STD, _LARGEST_MEAN = 100.0, 10.0  # of features that a network learns from; the mean in standard deviations
_SAMPLES_FOR_SCALE = 1000
_LARGEST_TARGET_STD, _LARGEST_TARGET_MEAN = 10.0, 3.0  # of outputs; the mean in standard deviations
_NOTHING_TO_LEARN = 1e-3  # loss of the best constant, relative to that of the first epoch
_LAST_EPOCHS, _STILL_FALLS = 0.1, 0.01  # fraction of epochs, and by which fraction of the first loss it falls in these


def warn_of_convergence(plan, training, state, record):
    """Emit a `ConvergenceWarning` if the network is no better than a constant, or was still learning at the end.

    Custom losses, fits of few steps or epochs, and fits with early stopping are not judged.

    Parameters
    ----------
    plan : TrainingPlan
    training : Dataset
    state : TrainedState
    record : TrainingRecord
    """
    n_batches = number_of_batches(len(training), plan.batch_size)
    n_steps = n_batches * record.n_epochs
    if plan.partial or plan.early_stopping or n_steps < _MIN_STEPS or record.n_epochs < _MIN_EPOCHS:
        return
    losses = record.history["loss"]
    constant = _loss_of_best_constant(plan, training)
    # The scale of y adds a constant to a log-likelihood, of which 1% means nothing: 1% less variance is this much less.
    is_likelihood = isinstance(plan.loss, GaussianLoss)
    margin = 0.0 if constant is None else _MARGIN / 2 if is_likelihood else _MARGIN * abs(constant)
    is_judged = constant is not None and (
        not 0 <= constant <= _NOTHING_TO_LEARN * losses[0] or _unsuitable_target(plan, training) is not None
    )
    if is_judged and min(losses) > constant - margin:
        loss = _loss_without_dropout(plan, training, state, min(losses))
        if loss > constant - margin:
            warn(_nothing_learned(plan, training, n_steps, loss, constant), ConvergenceWarning)
            return
    is_cut_off = plan.epochs == MAX_AUTO_EPOCHS and n_steps < AUTO_STEPS
    if plan.tol is not None and is_cut_off and record.n_epochs == plan.epochs and _still_falls(losses):
        warn(
            f"{plan.name} with epochs='auto' reached the limit of {MAX_AUTO_EPOCHS} epochs while its training loss was "
            f"still falling, after {n_steps} gradient steps. Lower batch_size, raise optimizer__learning_rate, or set "
            "epochs to a larger int." + see("faq", "training-does-not-converge"),
            ConvergenceWarning,
        )


def _still_falls(losses):
    """Return whether the losses of epochs have noticeably fallen in the last ones."""
    n = int(_LAST_EPOCHS * len(losses))
    return min(losses[-n:]) < min(losses[:-n]) - _STILL_FALLS * abs(losses[0])


def _as_float64(terms):
    """Return targets and their weights in double precision."""
    return tuple(array.astype(np.float64) for array in terms)


def _terms(plan):
    """Return the terms of the loss of a plan, or None if it is not judged."""
    return LossTerms.of(plan.loss, routed_to("loss", plan.routed), plan.spec.output_activation)


def _loss_of_best_constant(plan, training):
    """Return the loss of the best constant prediction; None if it is not known, or if targets do not vary."""
    terms = _terms(plan)
    if terms is None:
        return None
    y, weights = _as_float64(training.distinct_terms)
    known = y[:, ~np.isnan(y).all(axis=0)]
    if (np.nanmin(known, axis=0) == np.nanmax(known, axis=0)).all():
        return None
    return mean_loss(terms(y, terms.best_constant(y, weights, plan.spec.n_outputs)), weights)


def _loss_without_dropout(plan, training, state, loss):
    """Return the loss of the trained network without dropout, or the one in training if there is no dropout."""
    spec = plan.spec
    if not (spec.dropout or spec.recurrent_dropout or spec.categories):
        return loss
    outputs = predict(spec, state, training.sequences, mask_layer=plan.mask_layer)
    if training.targets.per_step:
        lengths = training.sequences.lengths
        outputs = outputs[np.arange(outputs.shape[1]) < lengths[:, None]]
    y, weights = _as_float64(training.terms)
    return min(loss, mean_loss(_terms(plan)(y, outputs.astype(np.float64)), weights))


def _unsuitable_scale(spec, sequences):
    """Return a description of the first numeric feature of `X` that is far from standardized, or None."""
    if spec.embedding is not None:
        return None
    few = np.linspace(0, len(sequences) - 1, min(len(sequences), _SAMPLES_FOR_SCALE)).astype(int)
    values = np.asarray(sequences.take(few), dtype=np.float64).reshape(-1, spec.n_features)
    values = values[~np.isnan(values).all(axis=1)]  # without padded time steps
    for column in numeric_columns(spec.n_features, tuple(column for column, _, _ in spec.categories)):
        mean, std = values[:, column].mean(), values[:, column].std()
        if std > 0 and (std > _LARGEST_STD or abs(mean) > _LARGEST_MEAN * std):
            which = "X" if spec.n_features == 1 else f"Feature {column} of X"
            return f"{which} has mean {mean:.3g} and standard deviation {std:.3g}"
    return None


def _unsuitable_target(plan, training):
    """Return a description of the first output of `y` that is far from standardized, or None."""
    if plan.spec.output_activation is not None or training.targets.are_inputs:
        return None
    y, _ = _as_float64(training.distinct_terms)
    for output in range(y.shape[1]):
        values = y[~np.isnan(y[:, output]), output]
        mean, std = (values.mean(), values.std()) if len(values) else (0.0, 0.0)
        if abs(mean) > _LARGEST_TARGET_MEAN * std > 0 or std > _LARGEST_TARGET_STD:
            which = "y" if y.shape[1] == 1 else f"Output {output} of y"
            return f"{which} has mean {mean:.3g} and standard deviation {std:.3g}"
    return None


def _nothing_learned(plan, training, n_steps, loss, constant):
    """Return the message for a network that is no better than a constant, with the remedy that fits."""
    longest = int(training.sequences.lengths.max())
    scale = _unsuitable_scale(plan.spec, training.sequences)
    target = _unsuitable_target(plan, training)
    if target is not None:
        remedy = f"{target}, a scale that takes many epochs to reach: standardize it by {TARGET_SCALERS}."
        remedy += "" if scale is None else f" {scale}: standardize X as well."
    elif scale is not None:
        remedy = f"{scale}, on which a network hardly learns: standardize X, for example with SequenceScaler."
    elif n_steps < _FEW_STEPS:
        remedy = f"It trained for {n_steps} gradient steps only: increase epochs, or lower batch_size."
    elif longest > _LONG and plan.spec.patch_size == 1:
        remedy = (
            f"Sequences of {longest} time steps are hard to learn from: set patch_size, for example to "
            f"{longest // 25}, or pooling='mean'."
        )
    else:
        remedy = "Raise optimizer__learning_rate, for example to 0.01, or set optimizer__clipnorm=1.0."
    constant_kind, otherwise = "prediction", "If y does not depend on X, no setting helps."
    if training.targets.are_inputs:
        constant_kind, otherwise = "reconstruction", "If sequences have nothing in common, increase n_components."
    return (
        f"The training loss of {plan.name}, {loss:.4g}, is not 1% below that of the best constant {constant_kind}, "
        f"{constant:.4g}: the network has learned nothing from X. {remedy} {otherwise}"
        + see("faq", "training-does-not-converge")
    )
