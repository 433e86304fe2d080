"""Recurrent networks as scikit-learn estimators."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Public name -> module that defines it. Modules are imported on first use, so that `import skrnn` is fast.
_HOME = {
    "AnomalyDisplay": "skrnn._plotting.anomaly_display",
    "CalendarFeatures": "skrnn._preprocessing.calendar",
    "CellComparison": "skrnn._model_selection.cell_comparison",
    "CellComparisonDisplay": "skrnn._plotting.cell_comparison_display",
    "Checkpoint": "skrnn._engine.checkpoint",
    "ForecastDisplay": "skrnn._plotting.forecast_display",
    "GRUClassifier": "skrnn._estimators.gru_classifier",
    "GRURegressor": "skrnn._estimators.gru_regressor",
    "LSTMClassifier": "skrnn._estimators.lstm_classifier",
    "LSTMRegressor": "skrnn._estimators.lstm_regressor",
    "LossCurveDisplay": "skrnn._plotting.loss_curve_display",
    "PanelTimeSeriesSplit": "skrnn._model_selection.panel_split",
    "RecurrentClassifier": "skrnn._estimators.recurrent_classifier",
    "RecurrentRegressor": "skrnn._estimators.recurrent_regressor",
    "SKOPS_TRUSTED": "skrnn._common.skops",
    "SequenceAutoencoder": "skrnn._estimators.sequence_autoencoder",
    "SequenceForecaster": "skrnn._forecasting.forecaster",
    "SequenceOutlierDetector": "skrnn._outliers.outlier_detector",
    "SequenceScaler": "skrnn._preprocessing.scaler",
    "SequenceTokenizer": "skrnn._preprocessing.tokenizer",
    "SequenceWindower": "skrnn._windows.windower",
    "Sequences": "skrnn._data.sequences",
    "backtest": "skrnn._model_selection.backtest",
    "compare_cells": "skrnn._model_selection.compare_cells",
    "datasets": "skrnn.datasets",
    "inspection": "skrnn.inspection",
    "make_supervised": "skrnn._windows.supervised",
    "metrics": "skrnn.metrics",
    "sliding_windows": "skrnn._windows.sliding",
}

__all__ = sorted([*_HOME, "__version__"])


if TYPE_CHECKING:
    # The same names for type checkers and editors, which do not evaluate `__getattr__`.
    from skrnn import datasets as datasets
    from skrnn import inspection as inspection
    from skrnn import metrics as metrics
    from skrnn._common.skops import SKOPS_TRUSTED as SKOPS_TRUSTED
    from skrnn._data.sequences import Sequences as Sequences
    from skrnn._engine.checkpoint import Checkpoint as Checkpoint
    from skrnn._estimators.gru_classifier import GRUClassifier as GRUClassifier
    from skrnn._estimators.gru_regressor import GRURegressor as GRURegressor
    from skrnn._estimators.lstm_classifier import LSTMClassifier as LSTMClassifier
    from skrnn._estimators.lstm_regressor import LSTMRegressor as LSTMRegressor
    from skrnn._estimators.recurrent_classifier import RecurrentClassifier as RecurrentClassifier
    from skrnn._estimators.recurrent_regressor import RecurrentRegressor as RecurrentRegressor
    from skrnn._estimators.sequence_autoencoder import SequenceAutoencoder as SequenceAutoencoder
    from skrnn._forecasting.forecaster import SequenceForecaster as SequenceForecaster
    from skrnn._model_selection.backtest import backtest as backtest
    from skrnn._model_selection.cell_comparison import CellComparison as CellComparison
    from skrnn._model_selection.compare_cells import compare_cells as compare_cells
    from skrnn._model_selection.panel_split import PanelTimeSeriesSplit as PanelTimeSeriesSplit
    from skrnn._outliers.outlier_detector import SequenceOutlierDetector as SequenceOutlierDetector
    from skrnn._plotting.anomaly_display import AnomalyDisplay as AnomalyDisplay
    from skrnn._plotting.cell_comparison_display import CellComparisonDisplay as CellComparisonDisplay
    from skrnn._plotting.forecast_display import ForecastDisplay as ForecastDisplay
    from skrnn._plotting.loss_curve_display import LossCurveDisplay as LossCurveDisplay
    from skrnn._preprocessing.calendar import CalendarFeatures as CalendarFeatures
    from skrnn._preprocessing.scaler import SequenceScaler as SequenceScaler
    from skrnn._preprocessing.tokenizer import SequenceTokenizer as SequenceTokenizer
    from skrnn._windows.sliding import sliding_windows as sliding_windows
    from skrnn._windows.supervised import make_supervised as make_supervised
    from skrnn._windows.windower import SequenceWindower as SequenceWindower
else:

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module 'skrnn' has no attribute {name!r}")
        module = importlib.import_module(_HOME[name])
        return module if _HOME[name] == f"skrnn.{name}" else getattr(module, name)


def _new(name: str) -> object:
    """Return an uninitialized instance of a public class; pickles refer to it, so that the class's module may move."""
    cls: Any = getattr(importlib.import_module(_HOME[name]), name)
    return cls.__new__(cls)


def __dir__() -> list[str]:
    return __all__
