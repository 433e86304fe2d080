"""The constructor of the public estimators: one list of parameters, their constraints, and routed names."""

from __future__ import annotations

import difflib
import inspect
from numbers import Integral, Real

from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from skrnn._cells import CELLS

ROUTED_PREFIXES = ("optimizer__", "loss__", "callbacks__")

# Name -> default, in the order of the signature; the first two may be passed by position.
_DEFAULTS = {
    "cell": "gru",
    "units": 32,
    "bidirectional": False,
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "dense_units": (),
    "return_sequences": False,
    "embedding_dim": None,
    "n_tokens": None,
    "optimizer": "adam",
    "loss": "mse",
    "metrics": None,
    "class_weight": None,
    "epochs": 100,
    "batch_size": 32,
    "shuffle": True,
    "validation_split": None,
    "early_stopping": False,
    "patience": 10,
    "min_delta": 0.0,
    "callbacks": None,
    "warm_start": False,
    "random_state": None,
    "dtype": "float32",
    "verbose": 0,
}
_POSITIONAL = ("cell", "units")

CONSTRAINTS = {
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
    "callbacks": [list, tuple, dict, HasMethods(["on_epoch_end"]), type, None],
    "warm_start": ["boolean"],
    "random_state": ["random_state"],
    "dtype": [StrOptions({"float32", "float64"})],
    "verbose": ["verbose"],
}


def constructor(without=(), **defaults):
    """Make the ``__init__`` of an estimator from the list of parameters.

    Parameters
    ----------
    without : tuple of str
        Parameters that the estimator does not have.
    **defaults
        Defaults that differ from those of the list.

    Returns
    -------
    callable
        An ``__init__`` that stores what it is given, checks no value, refuses unknown names, and shows its
        parameters, routed ones left out, to `inspect.signature` as if it were written out.
    """
    self = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD if name in _POSITIONAL else inspect.Parameter.KEYWORD_ONLY,
            default=defaults.get(name, default),
        )
        for name, default in _DEFAULTS.items()
        if name not in without
    ]
    names = [p.name for p in parameters]
    signature = inspect.Signature([self, *parameters])

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

    __init__.__signature__ = signature
    return __init__


def constraints(without=()):
    """Return the constraints of the parameters that an estimator has."""
    return {name: rule for name, rule in CONSTRAINTS.items() if name not in without}


def is_routed(name):
    """Whether a parameter goes to the optimizer, the loss or the callbacks."""
    return name.startswith(ROUTED_PREFIXES) and not name.endswith("__")


def nearest(name, names, prefix=""):
    """Return a sentence that proposes the valid name most like a wrong one; empty where none is."""
    close = difflib.get_close_matches(name, sorted(names), n=1)
    if close:
        return f" Did you mean {prefix + close[0]!r}?"
    return f" Valid are: {', '.join(sorted(names))}."


def as_units(value, name, owner, *, may_be_empty=False):
    """Return an int or a sequence of ints as a tuple, each at least one."""
    units = (value,) if isinstance(value, Integral) else tuple(value)
    for unit in units or (() if may_be_empty else (None,)):
        if not isinstance(unit, Integral) or isinstance(unit, bool) or unit < 1:
            raise ValueError(
                f"The {name!r} parameter of {owner} must be an int of at least 1, or a tuple of such ints, one a "
                f"layer. Got {value!r} instead."
            )
    return tuple(int(unit) for unit in units)
