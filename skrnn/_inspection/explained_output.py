"""The output of a network that is explained, as a linear combination of all outputs of a sample."""

from __future__ import annotations

from collections.abc import Hashable
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._engine.distribution_losses import DISTRIBUTION_LOSSES, outputs_per_target
from skrnn._estimators.classification_targets import ClassificationTargets

NAME = "integrated_gradients"


def output_coefficients(estimator: Any, X: Any, data: Any, target: Any, time_step: Any) -> NDArray[np.float64]:
    """Return the coefficients of the outputs of each sample, whose sum is explained.

    Parameters
    ----------
    estimator : BaseRecurrent
        Fitted estimator.
    X : array-like
        Sequences.
    data : Input
        The same as they were read.
    target, time_step
        As in `integrated_gradients`.

    Returns
    -------
    ndarray of shape (n_samples, n_outputs) or (n_samples, n_timesteps, n_outputs)
        Coefficients, valid time steps first.
    """
    targets, sequences = estimator._targets, data.sequences
    steps = _steps(estimator, sequences, time_step)
    if isinstance(targets, ClassificationTargets):
        columns, signs = _logits(estimator, X, sequences, target, steps)
    else:
        columns, signs = np.full(len(data), _column(estimator, target)), np.ones(len(data))
    samples, n_outputs = np.arange(len(data)), estimator._spec.n_outputs
    if steps is None:
        coefficients = np.zeros((len(data), n_outputs))
        coefficients[samples, columns] = signs
    else:
        coefficients = np.zeros((len(data), sequences.n_timesteps, n_outputs))
        coefficients[samples, steps, columns] = signs
    return coefficients


def _steps(estimator, sequences, time_step):
    """Return the valid time step of each sample whose output is explained; None if there is one output per sample."""
    name = type(estimator).__name__
    if not estimator._spec.return_sequences:
        if time_step is not None:
            raise ValueError(
                f"time_step={time_step} requires an estimator with one output per time step, but this {name} was "
                "fitted with return_sequences=False. Leave time_step at None."
            )
        return None
    if time_step is None:
        raise ValueError(
            f"This {name} was fitted with return_sequences=True and has one output per time step. Set time_step to the "
            "time step whose output is explained, -1 for the last one."
        )
    steps = time_step - sequences.n_leading_padding if time_step >= 0 else time_step + sequences.lengths
    is_valid = (steps >= 0) & (steps < sequences.lengths)
    if not is_valid.all():
        sample = int(np.argmin(is_valid))
        first = int(sequences.n_leading_padding[sample])
        raise ValueError(
            f"time_step={time_step} is not a valid time step of sample {sample}, whose valid time steps are {first} to "
            f"{first + int(sequences.lengths[sample]) - 1}. Negative numbers count from the last valid one, -1."
        )
    return steps


def _column(estimator, target):
    """Return the column of the output of a regressor."""
    targets = estimator._targets
    n_targets = targets.n_outputs
    if target is None and n_targets > 1:
        raise ValueError(
            f"This {type(estimator).__name__} has {n_targets} outputs. Set target to the one that is explained, from 0 "
            f"to {n_targets - 1}."
        )
    target = 0 if target is None else target
    if not isinstance(target, Integral) or isinstance(target, bool) or not 0 <= int(target) < n_targets:
        raise ValueError(
            f"The 'target' parameter of {NAME} must be an output of the regressor, an int from 0 to {n_targets - 1}. "
            f"Got {target!r} instead."
        )
    block = 0  # a single quantile, or means
    if isinstance(targets.loss, DISTRIBUTION_LOSSES["quantile"]) and outputs_per_target(targets.loss) > 1:
        block = targets.loss.quantiles.index(0.5)
    return block * n_targets + int(target)


def _logits(estimator, X, sequences, target, steps):
    """Return the column of the explained logit of each sample, and -1 where it is that of the first of two classes."""
    targets = estimator._targets
    if target is not None:
        codes = _codes(targets.classes, target, len(sequences))
    elif targets.is_multilabel:
        raise ValueError(
            f"This {type(estimator).__name__} predicts {len(targets.classes)} labels. Set target to the one that is "
            f"explained, from 0 to {len(targets.classes) - 1}."
        )
    else:
        outputs = estimator._outputs(X)[0]
        if steps is not None:
            outputs = outputs[np.arange(len(sequences)), steps + sequences.n_leading_padding]
        codes = np.argmax(targets.probabilities(outputs), axis=-1)
    if estimator._spec.n_outputs > 1 or targets.is_multilabel:
        return codes, np.ones(len(codes))
    return np.zeros(len(codes), int), np.where(codes == 1, 1.0, -1.0)


def _codes(classes, target, n_samples):
    """Return the positions of one class, or of a class per sample, among the classes."""
    known = {label: code for code, label in enumerate(classes.tolist())}
    labels = np.asarray(target).tolist()
    if np.ndim(target) and np.shape(target) != (n_samples,):
        raise ValueError(
            f"The 'target' parameter of {NAME} must be a class, or array-like of shape ({n_samples},). Got shape "
            f"{np.shape(target)} instead."
        )
    labels = labels if np.ndim(target) else [labels]
    unknown = [label for label in labels if not isinstance(label, Hashable) or label not in known]
    if unknown:
        raise ValueError(
            f"The 'target' parameter of {NAME} must be one of the classes {classes[:10].tolist()}. Got {unknown[0]!r} "
            "instead."
        )
    codes = np.array([known[label] for label in labels])
    return codes if np.ndim(target) else np.repeat(codes, n_samples)
