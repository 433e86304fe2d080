"""The public estimators."""

from __future__ import annotations

from skrnn._classifier import BaseRecurrentClassifier
from skrnn._parameters import constraints, constructor
from skrnn._regressor import BaseRecurrentRegressor

_NO_CELL = ("cell",)
_NO_CELL_NO_CLASSES = ("cell", "class_weight")


class RecurrentRegressor(BaseRecurrentRegressor):
    """Recurrent network for regression."""


class RecurrentClassifier(BaseRecurrentClassifier):
    """Recurrent network for classification."""


class GRURegressor(BaseRecurrentRegressor):
    """GRU."""

    _cell = "gru"
    _parameter_constraints: dict = constraints(without=_NO_CELL_NO_CLASSES)  # noqa: RUF012
    __init__ = constructor(without=_NO_CELL_NO_CLASSES)


class LSTMRegressor(BaseRecurrentRegressor):
    """LSTM."""

    _cell = "lstm"
    _parameter_constraints: dict = constraints(without=_NO_CELL_NO_CLASSES)  # noqa: RUF012
    __init__ = constructor(without=_NO_CELL_NO_CLASSES)


class GRUClassifier(BaseRecurrentClassifier):
    """GRU."""

    _cell = "gru"
    _parameter_constraints: dict = constraints(without=_NO_CELL)  # noqa: RUF012
    __init__ = constructor(without=_NO_CELL, loss="auto")


class LSTMClassifier(BaseRecurrentClassifier):
    """LSTM."""

    _cell = "lstm"
    _parameter_constraints: dict = constraints(without=_NO_CELL)  # noqa: RUF012
    __init__ = constructor(without=_NO_CELL, loss="auto")
