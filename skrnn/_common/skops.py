"""Types to trust when loading an estimator of skrnn, fitted or not, with skops."""

from __future__ import annotations

# Their instances contain parameters, arrays and plain values; creating them cannot run code from the file.
SKOPS_TRUSTED = [
    "skrnn._estimators.gru_classifier.GRUClassifier",
    "skrnn._estimators.gru_regressor.GRURegressor",
    "skrnn._estimators.lstm_classifier.LSTMClassifier",
    "skrnn._estimators.lstm_regressor.LSTMRegressor",
    "skrnn._estimators.recurrent_classifier.RecurrentClassifier",
    "skrnn._estimators.recurrent_regressor.RecurrentRegressor",
    "skrnn._estimators.sequence_autoencoder.SequenceAutoencoder",
    "skrnn._forecasting.forecaster.SequenceForecaster",
    "skrnn._model_selection.panel_split.PanelTimeSeriesSplit",
    "skrnn._outliers.outlier_detector.SequenceOutlierDetector",
    "skrnn._preprocessing.calendar.CalendarFeatures",
    "skrnn._preprocessing.scaler.SequenceScaler",
    "skrnn._preprocessing.tokenizer.SequenceTokenizer",
    "skrnn._windows.windower.SequenceWindower",
]
