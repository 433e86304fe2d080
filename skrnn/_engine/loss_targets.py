"""Names of Keras's losses, and the kinds of targets for which each is defined."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._data.checks import describe_position, first_position

SHORT_NAMES = {
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "k_l_divergence": "kl_divergence",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}

# Kinds of targets, as named in error messages.
REAL_NUMBERS = "numbers"
TWO_CLASSES = "labels of two classes"
CLASSES = "labels of several classes"
INDICATORS = "indicators of several labels"

_ANY = {REAL_NUMBERS, TWO_CLASSES, CLASSES, INDICATORS}
_ONE_CLASS_OF_SEVERAL = {TWO_CLASSES, CLASSES}
_YES_OR_NO = {TWO_CLASSES, INDICATORS}

# Kinds of targets for which a loss is defined. Losses that are not listed, such as custom ones, accept any.
_KINDS: dict[str, set[str]] = {
    "binary_crossentropy": _YES_OR_NO,
    "binary_focal_crossentropy": _YES_OR_NO,
    "categorical_crossentropy": _ONE_CLASS_OF_SEVERAL,
    "categorical_focal_crossentropy": _ONE_CLASS_OF_SEVERAL,
    "categorical_generalized_cross_entropy": set(),  # Keras 3.15 only computes it for labels without an axis
    "categorical_hinge": _ONE_CLASS_OF_SEVERAL,
    "circle": set(),  # for pairwise similarities
    "cosine_similarity": {REAL_NUMBERS, CLASSES, INDICATORS},
    "ctc": set(),  # for sequences to be aligned
    "dice": set(),  # for pixels
    "gaussian": {REAL_NUMBERS},
    "hinge": _YES_OR_NO,
    "huber": _ANY,
    "kl_divergence": {CLASSES},
    "log_cosh": _ANY,
    "mean_absolute_error": _ANY,
    "mean_absolute_percentage_error": {REAL_NUMBERS},
    "mean_squared_error": _ANY,
    "mean_squared_logarithmic_error": {REAL_NUMBERS},
    "poisson": {REAL_NUMBERS},
    "quantile": {REAL_NUMBERS},
    "sparse_categorical_crossentropy": _ONE_CLASS_OF_SEVERAL,
    "squared_hinge": _YES_OR_NO,
    "tversky": set(),  # for pixels
}

# Losses of regressors that are not losses of Keras, by name.
OF_DISTRIBUTIONS = ("quantile", "gaussian")

# Losses that replace negative targets by zero, or take their logarithm.
_NOT_NEGATIVE = {"mean_squared_logarithmic_error", "poisson"}

# Base classes of Keras: a loss that only inherits from these is a custom loss.
_BASES = {"Loss", "LossFunctionWrapper", "KerasSaveable"}

# Losses of a row that are the mean over its elements, so that missing targets can be left out.
ELEMENTWISE = {
    "gaussian",
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "quantile",
}

# Losses whose value does not depend on the unit of the target.
SCALE_FREE = {"mean_absolute_percentage_error", "mean_squared_logarithmic_error", "cosine_similarity"}


def loss_name(loss: Any) -> str:
    """Return the full name in snake case of a loss given by name, class, instance or function."""
    if not isinstance(loss, str):
        loss = _of_keras(loss) or loss
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    name = name.lower() if name.isupper() or "_" in name else _snake_case(name)
    return SHORT_NAMES.get(name, name)


def check_loss(loss: Any, kind: str, y: Any, n_outputs: int, routed: dict[str, Any], name: str) -> None:
    """Raise if one of Keras's losses is not defined for the targets or the outputs.

    Parameters
    ----------
    loss : str, callable or keras.losses.Loss
        Parameter of the estimator. "auto" is valid for all targets.
    kind : str
        One of `REAL_NUMBERS`, `TWO_CLASSES`, `CLASSES` and `INDICATORS`.
    y : ndarray
        Targets at valid time steps.
    n_outputs : int
        Number of units of the output layer.
    routed : dict
        Routed parameters of the estimator.
    name : str
        Class name of the estimator, for errors.
    """
    if isinstance(loss, str) and loss == "auto":
        return
    reduction = routed.get("loss__reduction", getattr(loss, "reduction", None))
    if reduction in ("sum", "none"):
        raise ValueError(
            f"{name} got a loss with reduction={reduction!r}, but divides the weighted sum of the loss itself. Do not "
            "set reduction."
        )
    if not isinstance(loss, str) and _of_keras(loss) is None:
        return
    long_name = loss_name(loss)
    kinds = _KINDS.get(long_name)
    given = f"{name} got loss={loss if inspect.isclass(loss) or callable(loss) else repr(loss)}"
    if kinds is not None and kind not in kinds:
        raise ValueError(f"{given}, which is not defined for {kind}. {_remedy(long_name, kind, y)}")
    if long_name == "cosine_similarity" and n_outputs == 1:
        raise ValueError(f"{given}, which for a single output is only its sign. Use another loss, or several outputs.")
    arguments = [key for key in routed if key.startswith("loss__")]
    if isinstance(loss, str) and loss in OF_DISTRIBUTIONS and arguments:
        raise ValueError(f"{arguments[0]} is not an argument of the loss {loss!r} of {name}, which has none.")
    if kind == REAL_NUMBERS and long_name in _NOT_NEGATIVE and (np.asarray(y) < 0).any():
        raise ValueError(f"{given}, which requires targets that are not negative. The smallest one is {np.nanmin(y)}.")
    if kind != REAL_NUMBERS and (routed.get("loss__from_logits") or _takes_logits(loss)):
        raise ValueError(
            f"{given} with from_logits=True, but the outputs of {name} are probabilities. Do not set from_logits."
        )


def check_missing_targets(loss: Any, y: NDArray[Any], name: str) -> None:
    """Raise if targets are missing, NaN, and the loss is not one of Keras's that are elementwise."""
    if y.dtype.kind == "f" and keras_name(loss) not in ELEMENTWISE and np.isnan(y).any():
        at = first_position(np.isnan(y))
        raise ValueError(
            f"Input y contains NaN, first{describe_position(at)}, but loss={loss!r} of {name} does not accept missing "
            f"targets. Drop samples with missing targets, or use one of {', '.join(sorted(ELEMENTWISE))}."
        )


def keras_name(function: Any) -> str | None:
    """Return the full name in snake case of one of Keras's losses or metrics, or None for a custom one."""
    if isinstance(function, str):
        return loss_name(function)
    owner = function if inspect.isclass(function) or inspect.isfunction(function) else type(function)
    return loss_name(owner.__name__) if _is_in_keras(owner) else None


def _remedy(loss, kind, y):
    """Return the advice for a loss that is not defined for the targets."""
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
    """Return the function, class or base class of Keras behind a loss, or None for a custom loss."""
    if isinstance(loss, functools.partial):
        return _of_keras(loss.func)
    if inspect.isfunction(loss):
        return loss if _is_in_keras(loss) else None
    classes = (loss if inspect.isclass(loss) else type(loss)).__mro__
    return next((cls for cls in classes if _is_in_keras(cls) and cls.__name__ not in _BASES), None)


def _is_in_keras(owner):
    return str(getattr(owner, "__module__", "")).startswith("keras.")


def _takes_logits(loss):
    """Return whether a loss expects logits instead of probabilities."""
    if isinstance(loss, functools.partial):
        return bool(loss.keywords.get("from_logits"))
    arguments = getattr(loss, "_fn_kwargs", None) or {}  # of a wrapped function; other classes have attributes
    return bool(arguments.get("from_logits") or getattr(loss, "from_logits", False) is True)


def _snake_case(name):
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))
