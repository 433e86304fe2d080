"""Keras's losses without importing Keras: their names and arguments, and the kernels that compute them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from skrnn._common.nearest import nearest
from skrnn._engine.loss_targets import OF_DISTRIBUTIONS, SHORT_NAMES, loss_name
from skrnn._engine.other_libraries import loss_of_keras

# Classes of Keras's losses, and their arguments in any version since 3.6, except those that all classes have.
CLASSES: dict[str, tuple[str, ...]] = {
    "BinaryCrossentropy": ("axis", "from_logits", "label_smoothing"),
    "BinaryFocalCrossentropy": ("alpha", "apply_class_balancing", "axis", "from_logits", "gamma", "label_smoothing"),
    "CTC": (),
    "CategoricalCrossentropy": ("axis", "from_logits", "label_smoothing"),
    "CategoricalFocalCrossentropy": ("alpha", "axis", "from_logits", "gamma", "label_smoothing"),
    "CategoricalHinge": (),
    "Circle": ("gamma", "margin", "remove_diagonal"),
    "CosineSimilarity": ("axis",),
    "Dice": ("axis",),
    "Hinge": (),
    "Huber": ("delta",),
    "KLDivergence": (),
    "LogCosh": (),
    "Loss": (),
    "MeanAbsoluteError": (),
    "MeanAbsolutePercentageError": (),
    "MeanSquaredError": (),
    "MeanSquaredLogarithmicError": (),
    "Poisson": (),
    "SparseCategoricalCrossentropy": ("axis", "from_logits", "ignore_class"),
    "SquaredHinge": (),
    "Tversky": ("alpha", "axis", "beta"),
}
_COMMON_ARGUMENTS = ("dtype", "name", "reduction")
_FUNCTIONS = ("ctc", "kl_divergence")  # for these names Keras returns the function, not the class
_FUNCTION_ARGUMENTS = ("y_pred", "y_true")


def _names():
    """Return the name of the class or function for each accepted name."""
    names = {name: name for name in CLASSES}
    names |= {loss_name(name): name for name in CLASSES if name != "Loss"} | {name: name for name in _FUNCTIONS}
    short = {name: names[long] for name, long in SHORT_NAMES.items() if name.isalpha()}
    return names | short | {name.upper(): found for name, found in short.items()}


NAMES: dict[str, str] = _names()


@dataclass(frozen=True)
class NativeLoss:
    """Loss computed by a kernel.

    Parameters
    ----------
    kernel : str
        Name of its kernel.
    wrt_logits : bool
        Whether the gradient is with respect to the logits instead of the outputs.
    parameters : tuple of float
        Scalar arguments of the kernel.
    """

    kernel: str
    wrt_logits: bool
    parameters: tuple[float, ...]


# Scalar arguments of the kernels, in order, with their defaults. "binary" means that targets are 0 and 1; Keras detects
# this in the data, and converts them to -1 and 1.
_PARAMETERS: dict[str, dict[str, float]] = {
    "binary_crossentropy": {"label_smoothing": 0.0},
    "binary_focal_crossentropy": {"label_smoothing": 0.0, "gamma": 2.0, "alpha": 0.25, "apply_class_balancing": False},
    "categorical_crossentropy": {"label_smoothing": 0.0},
    "categorical_focal_crossentropy": {"label_smoothing": 0.0, "gamma": 2.0, "alpha": 0.25},
    "categorical_hinge": {},
    "cosine_similarity": {},
    "hinge": {"binary": True},
    "huber": {"delta": 1.0},
    "kl_divergence": {},
    "log_cosh": {},
    "mean_absolute_error": {},
    "mean_absolute_percentage_error": {},
    "mean_squared_error": {},
    "mean_squared_logarithmic_error": {},
    "poisson": {},
    "sparse_categorical_crossentropy": {},
    "squared_hinge": {"binary": True},
}

# Losses that Keras computes from the logits if the outputs come from this activation.
_ACTIVATION_OF_LOGITS = {
    "binary_crossentropy": "sigmoid",
    "binary_focal_crossentropy": "sigmoid",
    "categorical_crossentropy": "softmax",
    "sparse_categorical_crossentropy": "softmax",
}
_HINGES = ("hinge", "squared_hinge")

# Values of other arguments with which kernels compute a loss, namely one value per row.
_SUPPORTED_VALUES: dict[str, tuple[Any, ...]] = {
    "axis": (-1,),
    "dtype": (None, "float32", "float64"),
    "from_logits": (False,),
    "ignore_class": (None,),
    "reduction": ("sum_over_batch_size", None),
}


def native_loss(loss: Any, arguments: dict[str, Any], activation: str | None) -> NativeLoss | None:
    """Return the kernel of a loss, or None if there is none.

    Parameters
    ----------
    loss : str, callable or keras.losses.Loss
        Loss parameter of the estimator, with "auto" replaced by a name.
    arguments : dict
        Routed arguments, such as ``{"delta": 2.0}``.
    activation : {"sigmoid", "softmax"} or None
        Activation of the output layer.
    """
    name = _long_name(loss)
    if name not in _PARAMETERS:
        return None
    if not (isinstance(loss, str) or inspect.isclass(loss)):
        held = _held_arguments(loss)
        if arguments or held is None:
            return None  # arguments cannot be routed to an instance or a function
        arguments = held
    expected = _ACTIVATION_OF_LOGITS.get(name)
    if not all(_is_native(name, argument, value) for argument, value in arguments.items()):
        return None
    if name in _HINGES and activation is None:
        return None  # whether all targets are 0 and 1, and so converted, may differ between batches
    if expected is not None and activation not in (expected, None):
        return None
    parameters = tuple(float(arguments.get(key, default)) for key, default in _PARAMETERS[name].items())
    of_logits = expected is not None and activation == expected
    return NativeLoss(f"loss_{name}_of_logits" if of_logits else f"loss_{name}", of_logits, parameters)


def check_loss_arguments(loss: str, arguments: Iterable[str], name: str) -> None:
    """Raise if Keras has no loss of this name, or if that loss does not accept the routed arguments.

    Parameters
    ----------
    loss : str
        Loss parameter of the estimator, with "auto" replaced by a name.
    arguments : iterable of str
        Names of routed arguments, without their prefix.
    name : str
        Class name of the estimator, for errors.
    """
    if loss not in NAMES:
        raise unknown_loss(loss, name)
    accepted = accepted_arguments(loss)
    for argument in arguments:
        if argument not in accepted and "__" not in argument:
            raise ValueError(
                f"loss__{argument} is not an argument of {NAMES[loss]}, the loss of {name}."
                f"{nearest(argument, accepted, prefix='loss__')}"
            )


def unknown_loss(loss: str, name: str) -> ValueError:
    """Return the error for a name that is not that of a loss, with the closest valid name."""
    same = loss_of_keras(loss)
    remedy = f" Did you mean {same!r}?" if same else nearest(loss, [*NAMES, *OF_DISTRIBUTIONS])
    return ValueError(
        f"The 'loss' parameter of {name} must be a name that Keras knows, or an instance. Got {loss!r} instead.{remedy}"
    )


def accepted_arguments(loss: str) -> set[str]:
    """Return the names of the arguments of a loss that is given by name."""
    found = NAMES[loss]
    return set(_FUNCTION_ARGUMENTS) if found in _FUNCTIONS else {*_COMMON_ARGUMENTS, *CLASSES[found]}


def _long_name(loss):
    """Return the full name of a loss if it is one of Keras's, else None."""
    if isinstance(loss, str):
        return loss_name(loss) if loss in NAMES else None
    owner = loss if inspect.isclass(loss) or inspect.isfunction(loss) else type(loss)
    return loss_name(loss) if owner.__module__.startswith("keras.src.losses") else None


def _held_arguments(loss):
    """Return the arguments of an instance, {} for a function, or None if they cannot be determined."""
    if inspect.isfunction(loss):
        return {}
    held = getattr(loss, "_fn_kwargs", None)  # in Keras 3.15 get_config() omits some, such as Huber's delta
    return None if held is None else {**held, "reduction": loss.reduction, "dtype": loss.dtype}


def _is_native(name, argument, value):
    """Return whether kernels support a value of an argument of a loss."""
    if argument in _PARAMETERS[name]:
        return isinstance(value, Real)
    if argument == "name":
        return True
    return isinstance(value, (str, Real, type(None))) and value in _SUPPORTED_VALUES.get(argument, ())
