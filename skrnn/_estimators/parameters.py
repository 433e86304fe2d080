"""Parameters that all estimators share: their constraints, and the names that are routed."""

from __future__ import annotations

import inspect
import itertools
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from skrnn._common.arguments import check_parameter_names
from skrnn._common.guide import see
from skrnn._common.nearest import nearest
from skrnn._engine.checkpoint import Checkpoint
from skrnn._engine.optimizer_arguments import OPTIMIZERS
from skrnn._engine.routing import LEARNING_RATE, check_learning_rate, is_routed

Estimator = TypeVar("Estimator", bound="ParametersMixin")

_RATES = ("learning_rate", "learning_rate_init", "lr")  # of scikit-learn and skorch
_NUMBERS_OF_LAYERS = ("encoder_n_layers", "layers", "n_layers", "n_rnn_layers", "num_layers")  # of torch, darts, ...
_SHAPES = (
    "in_channels", "input_dim", "input_shape", "input_size", "n_classes", "n_features", "n_outputs", "num_classes",
    "out_channels", "output_dim", "output_size",
)  # fmt: skip
_CLIPPING = ("clip_grad_norm", "gradient_clip_val", "gradient_clipping", "max_grad_norm")
_WINDOWS = (
    "input_chunk_length", "lags", "lookback", "seq_len", "sequence_length", "window", "window_length", "window_size",
)  # fmt: skip
_CELLS = ("cell", "cell_type", "model", "rnn", "rnn_layer", "rnn_type")
_ARGUMENTS = {argument for arguments in OPTIMIZERS.values() for argument in arguments} - {"name"}


class ParametersMixin(BaseEstimator):
    """Parameters of an estimator, some of which are routed to its optimizer, its loss and its callbacks."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "units": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "bidirectional": ["boolean"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "recurrent_dropout": [Interval(Real, 0, 1, closed="left")],
        "dense_units": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "return_sequences": ["boolean"],
        "patch_size": [Interval(Integral, 1, None, closed="left")],
        "pooling": [StrOptions({"last", "mean", "max"})],
        "embedding_dim": [Interval(Integral, 1, None, closed="left"), None],
        "n_tokens": [Interval(Integral, 2, None, closed="left"), None],
        "categorical_features": ["array-like", None],
        "optimizer": [str, HasMethods(["get_config"])],
        "loss": [str, callable],
        "metrics": [str, list, tuple, callable, None],
        "epochs": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "shuffle": ["boolean"],
        "validation_split": [Interval(Real, 0, 1, closed="left"), HasMethods(["split"]), None],
        "early_stopping": ["boolean"],
        "patience": [Interval(Integral, 0, None, closed="left")],
        "min_delta": [Interval(Real, 0, None, closed="left")],
        "refit_full": ["boolean"],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "callbacks": [list, tuple, dict, HasMethods(["on_epoch_end"]), type, Checkpoint, None],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "dtype": [StrOptions({"float32", "float64"})],
        "verbose": ["verbose"],
    }

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # scikit-learn's checks pass every parameter in the signature of a class by name: leave out `**routed`.
        signature = inspect.signature(cls.__init__)
        named = [p for p in signature.parameters.values() if p.name != "self" and p.kind != p.VAR_KEYWORD]
        cls.__signature__ = signature.replace(parameters=named)

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """Return the sorted names of parameters, from the signature that scikit-learn would inspect in each call."""
        return sorted(cls.__signature__.parameters)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters, including those routed to the optimizer, the loss and the callbacks.

        Parameters
        ----------
        deep : bool, default=True
            Whether to also return the parameters of parameters that are estimators.

        Returns
        -------
        dict
            Parameter names mapped to their values.
        """
        return super().get_params(deep) | self._routed()

    def set_params(self: Estimator, **params: Any) -> Estimator:
        """Set the parameters.

        Parameters
        ----------
        **params : dict
            Parameter names and values, including routed parameters such as ``optimizer__learning_rate``. Values are
            validated by `fit`.

        Returns
        -------
        object
            The estimator itself.

        Raises
        ------
        ValueError
            If a parameter name is unknown.
        """
        routed = [name for name in params if is_routed(name)]
        check_parameter_names(self, [name for name in params if name not in routed], _suggestion)
        for name in routed:
            setattr(self, name, params.pop(name))
        return super().set_params(**params)

    def _set_routed(self, routed):
        """Set the keyword arguments that a constructor has no parameter for; raise for those that are not routed."""
        for name, value in routed.items():
            if not is_routed(name):
                names = self._get_param_names()
                raise TypeError(f"{type(self).__name__} got an unknown parameter {name!r}.{_suggestion(name, names)}")
            setattr(self, name, value)

    def _routed(self):
        return {name: value for name, value in vars(self).items() if is_routed(name)}

    def _routed_for_keras(self):
        """Return routed parameters as Keras takes them: Python numbers for NumPy's, a float as the learning rate."""
        routed = {k: v.item() if isinstance(v, np.generic) else v for k, v in self._routed().items()}
        rate = routed.get(LEARNING_RATE)
        if isinstance(rate, Integral) and not isinstance(rate, bool):
            routed[LEARNING_RATE] = float(rate)
        check_learning_rate(rate, f"{LEARNING_RATE!r} parameter of {type(self).__name__}")
        return routed


def _suggestion(name, names):
    """Return a sentence that suggests a valid name instead of an unknown one, or lists all if none is close."""
    if name in _RATES:
        return f" Did you mean {LEARNING_RATE!r}?"
    if name in _ARGUMENTS:
        return f" Did you mean {'optimizer__' + name!r}, an argument of the optimizer?"
    if name in _NUMBERS_OF_LAYERS and "units" in names:
        return " Did you mean 'units'? A tuple stacks layers, as in units=(32, 32)."
    if name in _CLIPPING:
        return " Did you mean 'optimizer__clipnorm', an argument of the optimizer?"
    if name in _SHAPES:
        return " It is determined by the data that are passed to fit."
    if name in _WINDOWS:
        return " To cut series into windows, put a SequenceWindower(window=...) before the network in a Pipeline."
    if name in _CELLS and "cell" not in names:
        return " RecurrentRegressor and RecurrentClassifier have the parameter 'cell'."
    if name == "validation_data":
        return " Pass X_val and y_val to fit, or set 'validation_split'."
    if name == "device":
        return " Networks are trained on a GPU without a parameter." + see("speed", "gpu")
    return nearest(name, names)


def as_quantiles(value: Any, owner: str) -> tuple[float, ...]:
    """Return the `quantile` parameter, a float or several in ascending order around 0.5, as a tuple."""
    quantiles: tuple[Any, ...] = (value,) if isinstance(value, Real) else tuple(value)
    are_levels = all(isinstance(q, Real) and not isinstance(q, bool) and 0 < float(q) < 1 for q in quantiles)
    is_increasing = are_levels and all(a < b for a, b in itertools.pairwise(quantiles))
    if not is_increasing or (not isinstance(value, Real) and 0.5 not in quantiles):
        raise ValueError(
            f"The 'quantile' parameter of {owner} must be a float in the range (0, 1), or a strictly increasing tuple "
            f"of such floats that contains 0.5. Got {value!r} instead."
        )
    return tuple(map(float, quantiles))


def as_units(value: Any, name: str, owner: str, *, may_be_empty: bool = False) -> tuple[int, ...]:
    """Return an int or a sequence of ints, each of them at least 1, as a tuple."""
    units = (value,) if isinstance(value, Integral) else tuple(value)
    for unit in units or (() if may_be_empty else (None,)):
        if not isinstance(unit, Integral) or isinstance(unit, bool) or unit < 1:
            raise ValueError(
                f"The {name!r} parameter of {owner} must be an int of at least 1, or a tuple of such ints, one per "
                f"layer. Got {value!r} instead."
            )
    return tuple(int(unit) for unit in units)
