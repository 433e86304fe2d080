"""Self-test of an installation: compilation, training, prediction, reproducibility and pickling."""

from __future__ import annotations

import pickle
import time

import numpy as np
from sklearn.model_selection import TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline

from skrnn._engine.choice import process_reason
from skrnn._engine.native.library import LIBRARIES
from skrnn._estimators.gru_regressor import GRURegressor
from skrnn._estimators.lstm_classifier import LSTMClassifier
from skrnn._windows.windower import SequenceWindower


def checks():
    """Yield whether each check passed, and a description of its result."""
    if process_reason() is None:
        for dtype, library in LIBRARIES.items():
            start, n_before = time.perf_counter(), library.n_compiled
            n_kernels, seconds = library.compile_all(), time.perf_counter() - start
            n_compiled = library.n_compiled - n_before
            yield True, f"{n_kernels} kernels for {dtype} ({n_compiled} newly compiled), {seconds:.1f} s"

    wave = np.sin(np.arange(121) / 4)
    X, y = wave[:-1, None], wave[1:]
    windows = SequenceWindower(8).fit_transform(X)[8:]

    start = time.perf_counter()
    network = GRURegressor(8, epochs=20, optimizer__learning_rate=0.01, random_state=0).fit(windows, y[8:])
    score, seconds = network.score(windows, y[8:]), time.perf_counter() - start
    yield score > 0.9, f"GRURegressor learns a sine: R2 {score:.3f}, {seconds:.1f} s"

    repeated = GRURegressor(**network.get_params()).fit(windows, y[8:])
    predictions = network.predict(windows)
    yield np.array_equal(repeated.predict(windows), predictions), "a repeated fit returns identical predictions"

    loaded = pickle.loads(pickle.dumps(network))
    yield np.array_equal(loaded.predict(windows), predictions), "a pickled estimator returns identical predictions"

    rising = np.where(np.diff(wave, append=0)[8:-1] > 0, "up", "down")
    classifier = LSTMClassifier(8, epochs=20, optimizer__learning_rate=0.01, random_state=0).fit(windows, rising)
    accuracy = classifier.score(windows, rising)
    yield accuracy > 0.9, f"LSTMClassifier predicts the direction of the next step: accuracy {accuracy:.2f}"

    in_float64 = LSTMClassifier(**classifier.get_params()).set_params(dtype="float64").fit(windows, rising)
    for estimator, outputs, bound in (
        (network, predictions, 1e-5),
        (in_float64, in_float64.predict_proba(windows)[:, 1], 1e-12),
    ):
        keras_predictions = np.asarray(estimator.model_.predict_on_batch(estimator.model_input(windows)))[:, 0]
        difference = np.abs(keras_predictions - outputs).max()
        yield difference < bound, f"the Keras model in {estimator.dtype} predicts the same, to {difference:.0e}"

    pipeline = make_pipeline(SequenceWindower(8, context="assume"), repeated)
    scores = cross_val_score(pipeline, X, y, cv=TimeSeriesSplit(3))
    yield bool(np.isfinite(scores).all()), f"time series cross-validation: R2 {', '.join(f'{s:.2f}' for s in scores)}"
