"""Names of losses, and which kinds of targets each of Keras's losses is defined for."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np

SHORT_NAMES = {
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "k_l_divergence": "kl_divergence",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}

# Kinds of targets, and how errors name them.
REAL_NUMBERS = "numbers"
TWO_CLASSES = "labels of two classes"
CLASSES = "labels of several classes"
INDICATORS = "indicators of several labels"

_ANY = {REAL_NUMBERS, TWO_CLASSES, CLASSES, INDICATORS}
_ONE_CLASS_OF_SEVERAL = {TWO_CLASSES, CLASSES}
_YES_OR_NO = {TWO_CLASSES, INDICATORS}

# The kinds of targets that a loss is defined for. Those that are not listed, one's own included, take any.
_KINDS: dict[str, set[str]] = {
    "binary_crossentropy": _YES_OR_NO,
    "binary_focal_crossentropy": _YES_OR_NO,
    "categorical_crossentropy": _ONE_CLASS_OF_SEVERAL,
    "categorical_focal_crossentropy": _ONE_CLASS_OF_SEVERAL,
    "categorical_generalized_cross_entropy": set(),  # Keras 3.15 computes it for labels without an axis only
    "categorical_hinge": _ONE_CLASS_OF_SEVERAL,
    "circle": set(),  # of pairwise similarities
    "cosine_similarity": {REAL_NUMBERS, CLASSES, INDICATORS},
    "ctc": set(),  # of sequences that are to be aligned
    "dice": set(),  # of pixels
    "hinge": _YES_OR_NO,
    "huber": _ANY,
    "kl_divergence": {CLASSES},
    "log_cosh": _ANY,
    "mean_absolute_error": _ANY,
    "mean_absolute_percentage_error": {REAL_NUMBERS},
    "mean_squared_error": _ANY,
    "mean_squared_logarithmic_error": {REAL_NUMBERS},
    "poisson": {REAL_NUMBERS},
    "sparse_categorical_crossentropy": _ONE_CLASS_OF_SEVERAL,
    "squared_hinge": _YES_OR_NO,
    "tversky": set(),  # of pixels
}

# Losses which replace negative targets by zero, or take their logarithm.
_NOT_NEGATIVE = {"mean_squared_logarithmic_error", "poisson"}

# Classes of Keras that stand for no loss: subclasses of these alone are a user's own.
_BASES = {"Loss", "LossFunctionWrapper", "KerasSaveable"}

# Relative losses: their value does not depend on the unit of the target.
SCALE_FREE = {"mean_absolute_percentage_error", "mean_squared_logarithmic_error", "cosine_similarity"}


def loss_name(loss: Any) -> str:
    """Return the long name of a loss in snake case, be it given by name, as a class, an instance or a function."""
    if not isinstance(loss, str):
        loss = _of_keras(loss) or loss
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    name = name.lower() if name.isupper() or "_" in name else _snake_case(name)
    return SHORT_NAMES.get(name, name)


def check_loss(loss: Any, kind: str, y: Any, n_outputs: int, routed: dict[str, Any], name: str) -> None:
    """Raise where one of Keras's losses is not defined for the targets, or for what the output layer computes.

    Parameters
    ----------
    loss : str, callable or keras.losses.Loss
        The parameter of the estimator; "auto" fits any labels.
    kind : str
        One of `REAL_NUMBERS`, `TWO_CLASSES`, `CLASSES` and `INDICATORS`.
    y : ndarray
        Targets that are not padding.
    n_outputs : int
        Number of units of the output layer.
    routed : dict
        Routed parameters of the estimator.
    name : str
        Name of the estimator, for errors.
    """
    if isinstance(loss, str) and loss == "auto":
        return
    reduction = routed.get("loss__reduction", getattr(loss, "reduction", None))
    if reduction in ("sum", "none"):
        raise ValueError(
            f"{name} got a loss with reduction={reduction!r}, but divides the weighted sum of the loss itself. Leave "
            "reduction out."
        )
    if not isinstance(loss, str) and _of_keras(loss) is None:
        return
    long_name = loss_name(loss)
    kinds = _KINDS.get(long_name)
    given = f"{name} got loss={loss if inspect.isclass(loss) or callable(loss) else repr(loss)}"
    if kinds is not None and kind not in kinds:
        raise ValueError(f"{given}, which is not defined for {kind}. {_remedy(long_name, kind, y)}")
    if long_name == "cosine_similarity" and n_outputs == 1:
        raise ValueError(
            f"{given}, which of a single output is no more than its sign. Use another loss, or several outputs."
        )
    if kind == REAL_NUMBERS and long_name in _NOT_NEGATIVE and (np.asarray(y) < 0).any():
        raise ValueError(f"{given}, which takes targets that are not negative. The smallest one is {np.min(y)}.")
    if kind != REAL_NUMBERS and (routed.get("loss__from_logits") or _takes_logits(loss)):
        raise ValueError(
            f"{given} with from_logits=True, but the outputs of {name} are probabilities. Leave from_logits out."
        )


def _remedy(loss, kind, y):
    """Return the sentence that says what to do about a loss that does not fit."""
    if kind == REAL_NUMBERS:
        is_class_loss = _KINDS[loss] & {TWO_CLASSES, CLASSES}
        return "For labels use a classifier." if is_class_loss else "Use a loss of numbers, such as 'mse'."
    if kind == INDICATORS and _KINDS[loss] == _ONE_CLASS_OF_SEVERAL:
        if (np.asarray(y).sum(axis=1) == 1).all():
            return (
                "Each row of y has a single 1: pass the labels, y.argmax(axis=1), or of a DataFrame y.idxmax(axis=1)."
            )
        return "Use loss='auto', which is the binary cross-entropy of each label."
    return "Use loss='auto'."


def _of_keras(loss):
    """Return the loss of Keras that a loss is, a function or a class of it or of its bases; None for others."""
    if isinstance(loss, functools.partial):
        return _of_keras(loss.func)
    if inspect.isfunction(loss):
        return loss if _is_in_keras(loss) else None
    classes = (loss if inspect.isclass(loss) else type(loss)).__mro__
    return next((cls for cls in classes if _is_in_keras(cls) and cls.__name__ not in _BASES), None)


def _is_in_keras(owner):
    return str(getattr(owner, "__module__", "")).startswith("keras.")


def _takes_logits(loss):
    """Tell an instance of a loss that expects outputs which no sigmoid or softmax was applied to."""
    if isinstance(loss, functools.partial):
        return bool(loss.keywords.get("from_logits"))
    arguments = getattr(loss, "_fn_kwargs", None) or {}  # those of a wrapped function; others are attributes
    return bool(arguments.get("from_logits") or getattr(loss, "from_logits", False) is True)


def _snake_case(name):
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))
