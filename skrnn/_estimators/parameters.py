"""The constructor of the public estimators: one list of parameters, their constraints, and routed names."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from skrnn._common.typing import Splitter
from skrnn._engine.cells import CELLS
from skrnn._engine.checkpoint import Checkpoint

if TYPE_CHECKING:
    import keras

Signature = ParamSpec("Signature")
Routed = TypeVar("Routed", bound="RoutedParametersMixin")

LEARNING_RATE = "optimizer__learning_rate"
ROUTED_PREFIXES = ("optimizer__", "loss__", "callbacks__")


def any_cell(
    self: Any,
    cell: str | Callable[..., Any] = "gru",
    units: int | Sequence[int] = 32,
    *,
    bidirectional: bool = False,
    dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
    dense_units: int | Sequence[int] = (),
    return_sequences: bool = False,
    embedding_dim: int | None = None,
    n_tokens: int | None = None,
    optimizer: str | keras.optimizers.Optimizer | type = "adam",
    loss: str | Callable[..., Any] = "mse",
    metrics: str | Sequence[Any] | Callable[..., Any] | None = None,
    class_weight: Literal["balanced"] | dict[Any, float] | list[dict[Any, float]] | None = None,
    epochs: int = 100,
    batch_size: int | None = 32,
    shuffle: bool = True,
    validation_split: float | Splitter | None = None,
    early_stopping: bool = False,
    patience: int = 10,
    min_delta: float = 0.0,
    callbacks: Sequence[Any] | dict[str, Any] | keras.callbacks.Callback | Checkpoint | type | None = None,
    warm_start: bool = False,
    random_state: int | np.random.RandomState | None = None,
    dtype: Literal["float32", "float64"] = "float32",
    verbose: int = 0,
    **routed: Any,
) -> None:
    """List the parameters of all estimators: their order, types and defaults. It is never called."""


def _without_cell(
    form: Callable[Concatenate[Any, Any, Signature], None],
) -> Callable[Concatenate[Any, Signature], None]:
    """Return the same, without its second parameter in the eyes of type checkers."""
    same: Any = form
    return same


# mypy wants the two parameters that are dropped to be positional-only.
fixed_cell = _without_cell(any_cell)  # type: ignore[arg-type]

CONSTRAINTS: dict[str, list[Any]] = {
    "cell": [StrOptions(set(CELLS)), callable],
    "units": [Interval(Integral, 1, None, closed="left"), tuple, list],
    "bidirectional": ["boolean"],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "recurrent_dropout": [Interval(Real, 0, 1, closed="left")],
    "dense_units": [Interval(Integral, 1, None, closed="left"), tuple, list],
    "return_sequences": ["boolean"],
    "embedding_dim": [Interval(Integral, 1, None, closed="left"), None],
    "n_tokens": [Interval(Integral, 2, None, closed="left"), None],
    "optimizer": [str, HasMethods(["get_config"])],
    "loss": [str, callable],
    "metrics": [str, list, tuple, callable, None],
    "class_weight": [StrOptions({"balanced"}), dict, list, None],
    "epochs": [Interval(Integral, 1, None, closed="left")],
    "batch_size": [Interval(Integral, 1, None, closed="left"), None],
    "shuffle": ["boolean"],
    "validation_split": [Interval(Real, 0, 1, closed="left"), HasMethods(["split"]), None],
    "early_stopping": ["boolean"],
    "patience": [Interval(Integral, 0, None, closed="left")],
    "min_delta": [Interval(Real, 0, None, closed="left")],
    "callbacks": [list, tuple, dict, HasMethods(["on_epoch_end"]), type, Checkpoint, None],
    "warm_start": ["boolean"],
    "random_state": ["random_state"],
    "dtype": [StrOptions({"float32", "float64"})],
    "verbose": ["verbose"],
}


def constructor(
    form: Callable[Signature, None], without: Sequence[str] = (), **defaults: Any
) -> Callable[[Callable[..., None]], Callable[Signature, None]]:
    """Make the ``__init__`` of an estimator from the list of parameters.

    Parameters
    ----------
    form : callable
        `any_cell` or `fixed_cell`: what type checkers take for the signature. Whatever is in `without`, they let pass.
    without : tuple of str
        Parameters that the estimator does not have.
    **defaults
        Defaults that differ from those of the list.

    Returns
    -------
    callable
        A decorator that puts an ``__init__`` in the place of another, empty one: type checkers know the parameters of
        no class whose ``__init__`` is assigned. It stores what it is given, checks no value, refuses unknown names, and
        shows its parameters, routed ones left out, to `inspect.signature` as if it were written out.
    """
    del form  # which says nothing that `without` does not
    self = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [
        parameter.replace(default=defaults.get(name, parameter.default))
        for name, parameter in inspect.signature(any_cell).parameters.items()
        if name not in ("self", "routed", *without)
    ]
    names = [p.name for p in parameters]
    signature = inspect.Signature([self, *parameters], return_annotation="None")

    def __init__(self, *args, **kwargs):
        routed = {name: kwargs.pop(name) for name in list(kwargs) if is_routed(name)}
        for name in kwargs:
            if name not in names:
                raise TypeError(f"{type(self).__name__} got an unknown parameter {name!r}.{nearest(name, names)}")
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        for name in names:
            setattr(self, name, bound.arguments[name])
        for name, value in routed.items():
            setattr(self, name, value)

    made: Any = __init__
    made.__signature__ = signature
    made.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": "None"}
    return lambda placeholder: made


def constraints(without: Sequence[str] = ()) -> dict[str, Any]:
    """Return the constraints of the parameters that an estimator has."""
    return {name: rule for name, rule in CONSTRAINTS.items() if name not in without}


def is_routed(name: str) -> bool:
    """Whether a parameter goes to the optimizer, the loss or the callbacks."""
    return name.startswith(ROUTED_PREFIXES) and not name.endswith("__")


def check_learning_rate(rate: Any, what: str) -> None:
    """Raise for a negative learning rate, which climbs; schedules and callables are left to the optimizer."""
    if isinstance(rate, Real) and rate < 0:
        raise ValueError(f"The {what} must not be negative. Got {rate!r} instead.")


def nearest(name: str, names: Iterable[str], prefix: str = "") -> str:
    """Return a sentence that proposes the valid name most like a wrong one; empty where none is."""
    close = difflib.get_close_matches(name, sorted(names), n=1)
    if close:
        return f" Did you mean {prefix + close[0]!r}?"
    return f" Valid are: {', '.join(sorted(names))}."


def as_units(value: Any, name: str, owner: str, *, may_be_empty: bool = False) -> tuple[int, ...]:
    """Return an int or a sequence of ints as a tuple, each at least one."""
    units = (value,) if isinstance(value, Integral) else tuple(value)
    for unit in units or (() if may_be_empty else (None,)):
        if not isinstance(unit, Integral) or isinstance(unit, bool) or unit < 1:
            raise ValueError(
                f"The {name!r} parameter of {owner} must be an int of at least 1, or a tuple of such ints, one a "
                f"layer. Got {value!r} instead."
            )
    return tuple(int(unit) for unit in units)


class RoutedParametersMixin(BaseEstimator):
    """Parameters of an estimator that routes some to its optimizer, its loss and its callbacks."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get parameters, those routed to the optimizer, the loss and the callbacks included.

        Parameters
        ----------
        deep : bool, default=True
            Whether parameters of parameters that are estimators are included.

        Returns
        -------
        dict
            Parameter name to value.
        """
        return super().get_params(deep) | self._routed()

    def set_params(self: Routed, **params: Any) -> Routed:
        """Set parameters.

        Parameters
        ----------
        **params : dict
            Parameter name to value; ``optimizer__learning_rate`` and the like are routed. Values are checked by `fit`.

        Returns
        -------
        object
            The estimator itself.

        Raises
        ------
        ValueError
            For a name that is no parameter.
        """
        names = self._get_param_names()
        for name in params:
            if not is_routed(name) and name.split("__")[0] not in names:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {type(self).__name__}.{nearest(name, names)}"
                )
        for name in [name for name in params if is_routed(name)]:
            setattr(self, name, params.pop(name))
        return super().set_params(**params)

    def _routed(self):
        return {name: value for name, value in vars(self).items() if is_routed(name)}

    def _routed_for_keras(self):
        """Routed parameters as Keras takes them: Python's numbers for numpy's, and a learning rate that is a float."""
        routed = {k: v.item() if isinstance(v, np.generic) else v for k, v in self._routed().items()}
        rate = routed.get(LEARNING_RATE)
        if isinstance(rate, Integral) and not isinstance(rate, bool):
            routed[LEARNING_RATE] = float(rate)
        check_learning_rate(rate, f"{LEARNING_RATE!r} parameter of {type(self).__name__}")
        return routed
