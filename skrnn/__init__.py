"""Recurrent networks as scikit-learn estimators."""

import importlib

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


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module 'skrnn' has no attribute {name!r}")
    module = importlib.import_module(_HOME[name])
    return module if name == "datasets" else getattr(module, name)


def __dir__():
    return __all__
