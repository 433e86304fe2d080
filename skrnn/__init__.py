"""Recurrent networks as scikit-learn estimators."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# Public name -> module that defines it. Names load on first use, so that importing skrnn costs nothing.
_HOME = {
    "CellComparison": "skrnn._comparison",
    "CellComparisonDisplay": "skrnn._comparison_display",
    "Checkpoint": "skrnn._checkpoint",
    "ForecastDisplay": "skrnn._forecast_display",
    "GRUClassifier": "skrnn._estimators",
    "GRURegressor": "skrnn._estimators",
    "LSTMClassifier": "skrnn._estimators",
    "LSTMRegressor": "skrnn._estimators",
    "LossCurveDisplay": "skrnn._loss_display",
    "PanelTimeSeriesSplit": "skrnn._splits",
    "RecurrentClassifier": "skrnn._estimators",
    "RecurrentRegressor": "skrnn._estimators",
    "SKOPS_TRUSTED": "skrnn._skops",
    "SequenceForecaster": "skrnn._forecaster",
    "SequenceScaler": "skrnn._scaler",
    "SequenceTokenizer": "skrnn._tokenizer",
    "SequenceWindower": "skrnn._windower",
    "Sequences": "skrnn._sequences",
    "backtest": "skrnn._backtest",
    "compare_cells": "skrnn._comparison",
    "datasets": "skrnn.datasets",
    "make_supervised": "skrnn._supervised",
    "sliding_windows": "skrnn._windows",
}

__all__ = sorted([*_HOME, "__version__"])


if TYPE_CHECKING:
    # The same names, for type checkers and editors, which run no `__getattr__`.
    from skrnn import datasets as datasets
    from skrnn._backtest import backtest as backtest
    from skrnn._checkpoint import Checkpoint as Checkpoint
    from skrnn._comparison import CellComparison as CellComparison
    from skrnn._comparison import compare_cells as compare_cells
    from skrnn._comparison_display import CellComparisonDisplay as CellComparisonDisplay
    from skrnn._estimators import GRUClassifier as GRUClassifier
    from skrnn._estimators import GRURegressor as GRURegressor
    from skrnn._estimators import LSTMClassifier as LSTMClassifier
    from skrnn._estimators import LSTMRegressor as LSTMRegressor
    from skrnn._estimators import RecurrentClassifier as RecurrentClassifier
    from skrnn._estimators import RecurrentRegressor as RecurrentRegressor
    from skrnn._forecast_display import ForecastDisplay as ForecastDisplay
    from skrnn._forecaster import SequenceForecaster as SequenceForecaster
    from skrnn._loss_display import LossCurveDisplay as LossCurveDisplay
    from skrnn._scaler import SequenceScaler as SequenceScaler
    from skrnn._sequences import Sequences as Sequences
    from skrnn._skops import SKOPS_TRUSTED as SKOPS_TRUSTED
    from skrnn._splits import PanelTimeSeriesSplit as PanelTimeSeriesSplit
    from skrnn._supervised import make_supervised as make_supervised
    from skrnn._tokenizer import SequenceTokenizer as SequenceTokenizer
    from skrnn._windower import SequenceWindower as SequenceWindower
    from skrnn._windows import sliding_windows as sliding_windows
else:

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module 'skrnn' has no attribute {name!r}")
        module = importlib.import_module(_HOME[name])
        return module if name == "datasets" else getattr(module, name)


def __dir__() -> list[str]:
    return __all__
