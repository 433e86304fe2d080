"""The types that a file of skops may build for an estimator of skrnn, fitted or not."""

from __future__ import annotations

# They hold parameters, arrays and plain values, and their creation runs no code that a file could choose.
SKOPS_TRUSTED = [
    "skrnn._estimators.recurrent_regressor.GRUClassifier",
    "skrnn._estimators.recurrent_regressor.GRURegressor",
    "skrnn._estimators.recurrent_regressor.LSTMClassifier",
    "skrnn._estimators.recurrent_regressor.LSTMRegressor",
    "skrnn._estimators.recurrent_regressor.RecurrentClassifier",
    "skrnn._estimators.recurrent_regressor.RecurrentRegressor",
    "skrnn._forecasting.forecaster.SequenceForecaster",
    "skrnn._model_selection.panel_split.PanelTimeSeriesSplit",
    "skrnn._preprocessing.scaler.SequenceScaler",
    "skrnn._preprocessing.tokenizer.SequenceTokenizer",
    "skrnn._windows.windower.SequenceWindower",
]
