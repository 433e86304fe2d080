"""The losses of Keras: which names and arguments it knows, and the kernels that compute them; Keras is not imported."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from skrnn._common.nearest import nearest
from skrnn._engine.loss_names import SHORT_NAMES, loss_name

# The classes of Keras's losses, and their arguments beside those that all have; some have more since Keras 3.6.
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
_OF_ALL = ("dtype", "name", "reduction")
_FUNCTIONS = ("ctc", "kl_divergence")  # by these names functions are found, whose class is spelled in another way
_OF_FUNCTIONS = ("y_pred", "y_true")


def _names():
    """Return the class or function that each name stands for."""
    names = {name: name for name in CLASSES}
    names |= {loss_name(name): name for name in CLASSES if name != "Loss"} | {name: name for name in _FUNCTIONS}
    short = {name: names[long] for name, long in SHORT_NAMES.items() if name.isalpha()}
    return names | short | {name.upper(): found for name, found in short.items()}


NAMES: dict[str, str] = _names()


@dataclass(frozen=True)
class NativeLoss:
    """A loss as kernels compute it.

    Parameters
    ----------
    kernel : str
        Name of its kernel.
    wrt_logits : bool
        Whether its gradient is the one with respect to the logits, instead of the outputs.
    parameters : tuple of float
        What the kernel takes beside arrays.
    """

    kernel: str
    wrt_logits: bool
    parameters: tuple[float, ...]


# The arguments that a kernel takes, in order, with their defaults; "binary" says that targets are 0 and 1, which Keras
# finds out, and takes for -1 and 1.
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

# The activation from whose arguments, the logits, Keras computes a loss.
_ACTIVATIONS = {
    "binary_crossentropy": "sigmoid",
    "binary_focal_crossentropy": "sigmoid",
    "categorical_crossentropy": "softmax",
    "sparse_categorical_crossentropy": "softmax",
}
_HINGES = ("hinge", "squared_hinge")

# Values of other arguments with which a loss is what its kernel computes: one value a row.
_PLAIN: dict[str, tuple[Any, ...]] = {
    "axis": (-1,),
    "dtype": (None, "float32", "float64"),
    "from_logits": (False,),
    "ignore_class": (None,),
    "reduction": ("sum_over_batch_size", None),
}


def native_loss(loss: Any, arguments: dict[str, Any], activation: str | None) -> NativeLoss | None:
    """Return how kernels compute a loss, or None where none does.

    Parameters
    ----------
    loss : str, callable or keras.losses.Loss
        The loss parameter, with "auto" resolved.
    arguments : dict
        Its routed arguments, such as ``{"delta": 2.0}``.
    activation : {"sigmoid", "softmax"} or None
        Activation of the output layer.
    """
    name = _long_name(loss)
    if name not in _PARAMETERS:
        return None
    if not (isinstance(loss, str) or inspect.isclass(loss)):
        held = _held_arguments(loss)
        if arguments or held is None:
            return None  # there is nothing to route arguments to
        arguments = held
    expected = _ACTIVATIONS.get(name)
    if not all(_is_native(name, argument, value) for argument, value in arguments.items()):
        return None
    if name in _HINGES and activation is None:
        return None  # numbers may be all 0 and 1 in one batch, and then count as -1 and 1, but not in another
    if expected is not None and activation not in (expected, None):
        return None
    parameters = tuple(float(arguments.get(key, default)) for key, default in _PARAMETERS[name].items())
    of_logits = expected is not None and activation == expected
    return NativeLoss(f"loss_{name}_of_logits" if of_logits else f"loss_{name}", of_logits, parameters)


def check_loss_arguments(loss: str, arguments: Iterable[str], name: str) -> None:
    """Raise where Keras knows no loss of a name, or that loss not all of the routed arguments.

    Parameters
    ----------
    loss : str
        The loss parameter, with "auto" resolved.
    arguments : iterable of str
        Names of routed arguments, without their prefix.
    name : str
        Name of the estimator, for errors.
    """
    if loss not in NAMES:
        raise ValueError(
            f"The 'loss' parameter of {name} must be a name that Keras knows, or an instance. Got {loss!r} instead."
            f"{nearest(loss, NAMES)}"
        )
    accepted = accepted_arguments(loss)
    for argument in arguments:
        if argument not in accepted and "__" not in argument:
            raise ValueError(
                f"loss__{argument} is not an argument of {NAMES[loss]}, the loss of {name}."
                f"{nearest(argument, accepted, prefix='loss__')}"
            )


def accepted_arguments(loss: str) -> set[str]:
    """Return the names of the arguments that the loss of a name takes."""
    found = NAMES[loss]
    return set(_OF_FUNCTIONS) if found in _FUNCTIONS else {*_OF_ALL, *CLASSES[found]}


def _long_name(loss):
    """Return the name of one of Keras's losses, or None for any other."""
    if isinstance(loss, str):
        return loss_name(loss) if loss in NAMES else None
    owner = loss if inspect.isclass(loss) or inspect.isfunction(loss) else type(loss)
    return loss_name(loss) if owner.__module__.startswith("keras.src.losses") else None


def _held_arguments(loss):
    """Return the arguments that an instance holds, none for a function; None where they cannot be found."""
    if inspect.isfunction(loss):
        return {}
    held = getattr(loss, "_fn_kwargs", None)  # get_config() of Keras 3.15 leaves some out, as Huber's delta
    return None if held is None else {**held, "reduction": loss.reduction, "dtype": loss.dtype}


def _is_native(name, argument, value):
    """Tell whether a kernel computes a loss with a value of an argument."""
    if argument in _PARAMETERS[name]:
        return isinstance(value, Real)
    if argument == "name":
        return True
    return isinstance(value, (str, Real, type(None))) and value in _PLAIN.get(argument, ())
