"""The types that a file of skops may build for an estimator of skrnn, fitted or not."""

from __future__ import annotations

# They hold parameters, arrays and plain values, and their creation runs no code that a file could choose.
SKOPS_TRUSTED = [
    "skrnn._conformal.Residuals",
    "skrnn._context.History",
    "skrnn._estimators.GRUClassifier",
    "skrnn._estimators.GRURegressor",
    "skrnn._estimators.LSTMClassifier",
    "skrnn._estimators.LSTMRegressor",
    "skrnn._estimators.RecurrentClassifier",
    "skrnn._estimators.RecurrentRegressor",
    "skrnn._forecaster.SequenceForecaster",
    "skrnn._forecasting.Layout",
    "skrnn._forecasting.Series",
    "skrnn._network.NetworkSpec",
    "skrnn._record.TrainedState",
    "skrnn._scaler.SequenceScaler",
    "skrnn._series.RowLabels",
    "skrnn._splits.PanelTimeSeriesSplit",
    "skrnn._targets.ClassificationEncoder",
    "skrnn._targets.RegressionEncoder",
    "skrnn._tokenizer.SequenceTokenizer",
    "skrnn._windower.SequenceWindower",
]
