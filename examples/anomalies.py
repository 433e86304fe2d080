"""Anomalies in blood pressure
===========================

Twelve rows of an arterial blood pressure are labelled as anomalous. Which detectors find them?

The series is number 135 of the UCR time series anomaly archive (R. Wu and E. Keogh, "Current Time Series Anomaly
Detection Benchmarks are Flawed and are Creating the Illusion of Progress", 2021): about 40 heartbeats, with noise in
one of them. The package ``aeon`` contains it. This example reads its file and does not import the package, so that it
is installed without dependencies: ``pip install --no-deps aeon``.

Detectors are fitted on the first 1200 rows, which are normal. ``SequenceOutlierDetector`` scores the other rows by the
error of their forecast from the 20 rows before them, and by the error of an autoencoder that reconstructs windows of 40
rows. Beside it, two detectors of scikit-learn are fitted on the same windows as flat rows: as reconstruction, a row has
the upper quartile of the scores of all windows that contain it.

The measure is the area under the ROC curve (AUC) over rows: the probability that an anomalous row has a higher outlier
score than a normal one. The table also contains the distance of the row with the highest score from the labelled ones,
and the fraction of normal rows that are flagged, with the same rule for all detectors: beyond Tukey's fence of the
training scores.

Run it with ``python examples/anomalies.py``. It writes ``anomalies.png`` into the working directory and takes about ten
seconds on 2 cores.
"""

import argparse
import importlib.util
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # writes plots to files, without a display

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skrnn import AnomalyDisplay, GRURegressor, SequenceAutoencoder, SequenceForecaster, SequenceOutlierDetector

FILE = "135_UCR_Anomaly_InternalBleeding16_TEST.csv"
N_TRAIN, WINDOW = 1200, 40


def find_data():
    """Return the folder of the series in the package aeon, which is not imported."""
    spec = importlib.util.find_spec("aeon")
    if spec is None:
        raise SystemExit("The series is part of the package aeon: pip install --no-deps aeon")
    return Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "KDD-TSAD_135"


def load_series(folder):
    """Return the blood pressure as a frame of one column, and whether each row is labelled as anomalous."""
    path = Path(folder) / FILE
    if not path.exists():
        raise SystemExit(f"{path} does not exist.")
    table = pd.read_csv(path)
    return table[["value"]].set_axis(["pressure"], axis=1), table["is_anomaly"].to_numpy(dtype=bool)


def flat(windows):
    """Return windows as one row each."""
    return np.asarray(windows).reshape(len(windows), -1)


def make_detectors(epochs):
    """Return the detectors by name; all of them score rows."""
    forecaster = SequenceForecaster(GRURegressor(epochs=epochs, random_state=0), window_scaling=None)
    autoencoder = SequenceAutoencoder(n_components=4, epochs=epochs, random_state=0)
    forest, factor = IsolationForest(random_state=0), LocalOutlierFactor(novelty=True)
    return {
        "prediction": SequenceOutlierDetector(forecaster, method="prediction"),
        "reconstruction": SequenceOutlierDetector(autoencoder, window=WINDOW),
        "IsolationForest": SequenceOutlierDetector(make_pipeline(FunctionTransformer(flat), forest), window=WINDOW),
        "LocalOutlierFactor": SequenceOutlierDetector(make_pipeline(FunctionTransformer(flat), factor), window=WINDOW),
    }


def draw(detector, X, is_anomaly, path):
    """Plot three heartbeats on each side of the anomaly, with the scores of a detector."""
    labelled = np.flatnonzero(is_anomaly)
    rows = slice(max(labelled[0] - 600, 0), labelled[-1] + 600)
    display = AnomalyDisplay.from_estimator(
        detector, X.iloc[rows], name="prediction", logy=True, ylabel="blood pressure (mmHg)"
    )
    for ax in (display.ax_, display.score_ax_):
        ax.axvline(X.index[labelled[0]], color="black", linewidth=0.8)
        ax.axvline(X.index[labelled[-1]], color="black", linewidth=0.8)
    display.figure_.suptitle("Outliers of the detector (shaded) and labelled rows (between the lines)")
    display.figure_.savefig(path, dpi=120)
    plt.close(display.figure_)


def main():
    """Fit the detectors, print their errors, and plot the scores of one of them."""
    parser = argparse.ArgumentParser(description="Anomalies in blood pressure")
    parser.add_argument("--data", type=Path, help="folder with the series; if missing, that of the package aeon")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--output", type=Path, default=Path("anomalies.png"))
    arguments = parser.parse_args()
    start = time.perf_counter()

    X, is_anomaly = load_series(find_data() if arguments.data is None else arguments.data)
    train, test, is_anomaly = X[:N_TRAIN], X[N_TRAIN:], is_anomaly[N_TRAIN:]
    print(f"{len(test)} rows to score, {is_anomaly.sum()} of them labelled as anomalous.\n")
    detectors, results = make_detectors(arguments.epochs), {}
    for name, detector in detectors.items():
        fitted = detector.fit(train)
        scores, is_outlier = -fitted.score_samples(test), fitted.predict(test) == -1
        results[name] = {
            "AUC": roc_auc_score(is_anomaly, scores),
            "distance": np.abs(np.flatnonzero(is_anomaly) - scores.argmax()).min(),
            "found": is_outlier[is_anomaly].mean(),
            "false alarms": is_outlier[~is_anomaly].mean(),
        }
    print(pd.DataFrame(results).T.astype({"distance": int}).to_string(float_format="%.3f"))
    draw(detectors["prediction"], test, is_anomaly, arguments.output)
    print(f"\nPlot: {arguments.output}   (total time: {time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    main()
