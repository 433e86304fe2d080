"""Detection of planted and of labelled anomalies in series, by scores of their rows.

    pip install --no-deps --target FOLDER aeon
    python tests/benchmarks/anomalies.py [FOLDER] [--seeds 0 1 2 3 4]

A wave with noise has 20 faults, of five kinds; detectors are fitted on a stretch without faults, or, if unlabelled, on
the stretch with the faults that they score. The measure is the area under the ROC curve (AUC) over rows, without
adjustment of any kind; for one kind of fault, over its rows and those without a fault. Settings of all detectors were
chosen with the seeds 100 to 104.

The labelled series of arterial blood pressure, number 135 of the UCR anomaly archive, is read from the package aeon,
which is not imported. Detectors are fitted on its first 1200 rows, and score the others, 12 of which are anomalous.

Detectors of scikit-learn are fitted on flat windows. A row has the score of the window that ends with it, or, as with
reconstruction, the upper quartile of those of all windows that contain it.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skrnn import SequenceOutlierDetector, SequenceWindower

FAULTS = ("spike", "level shift", "flat line", "doubled frequency", "noise burst")
N_EACH = 4
PERIOD, NOISE = 40, 0.1
LABELLED = "aeon/datasets/data/KDD-TSAD_135/135_UCR_Anomaly_InternalBleeding16_TEST.csv"
N_TRAIN = 1200


def make_wave(seed, n_train=2000, n_test=5000):
    """Return a stretch of a sine wave with noise, a later one with faults, and the number of the fault of its rows.

    Spikes are of 1 row and add 1 to 2 to a wave of amplitude 1; the other faults last half a period to two. Shifts are
    by 0.5 to 1, bursts have five times the noise. Rows without a fault have the number 0.
    """
    rng = np.random.default_rng(seed)
    phase = 2 * np.pi * np.arange(n_train + n_test) / PERIOD + rng.uniform(0, 2 * np.pi)
    noise = rng.normal(0, NOISE, n_train + n_test)
    train, wave = np.sin(phase[:n_train]) + noise[:n_train], np.sin(phase[n_train:])
    phase, noise, faults = phase[n_train:], noise[n_train:], np.zeros(n_test, dtype=int)
    distance = n_test // (len(FAULTS) * N_EACH + 1)
    for number, kind in enumerate(rng.permutation(np.repeat(np.arange(len(FAULTS)), N_EACH)), start=1):
        length = 1 if kind == 0 else int(rng.integers(PERIOD // 2, 2 * PERIOD + 1))
        start = distance * number + int(rng.integers(-distance // 4, distance // 4))
        rows = slice(start, start + length)
        if kind == 0:
            wave[rows] += rng.choice([-1, 1]) * rng.uniform(1, 2)
        elif kind == 1:
            wave[rows] += rng.choice([-1, 1]) * rng.uniform(0.5, 1)
        elif kind == 2:
            wave[rows], noise[rows] = wave[start], noise[start]
        elif kind == 3:
            wave[rows] = np.sin(phase[start] + 2 * (phase[rows] - phase[start]))
        else:
            noise[rows] = rng.normal(0, 5 * NOISE, length)
        faults[rows] = kind + 1
    return train[:, None], (wave + noise)[:, None], faults


def flat(windows):
    """Return windows as one row each."""
    return np.asarray(windows).reshape(len(windows), -1)


def make_detectors(seed, window, window_of_others):
    """Return the detectors by name; `window` is that of reconstruction."""
    others = {
        "IsolationForest": IsolationForest(random_state=seed),
        "LocalOutlierFactor": LocalOutlierFactor(novelty=True),
    }
    detectors = {
        "prediction": SequenceOutlierDetector(method="prediction", random_state=seed),
        f"reconstruction, window={window}": SequenceOutlierDetector(window=window, random_state=seed),
    }
    for name, other in others.items():
        windower = SequenceWindower(window=window_of_others, flatten=True)
        detectors[f"{name}, windows that end with the row"] = make_pipeline(windower, other)
        of_windows = make_pipeline(FunctionTransformer(flat), other)
        detectors[f"{name}, windows that contain the row"] = SequenceOutlierDetector(
            of_windows, window=window_of_others
        )
    return detectors


def scored(detector, train, test):
    """Return outlier scores of the rows of `test`, and the time to fit and to score."""
    start = time.perf_counter()
    scores = -clone(detector).fit(train).score_samples(test)
    return scores, time.perf_counter() - start


def auc_by_fault(scores, faults):
    """Return the AUC over all rows, and for each kind of fault over its rows and those without a fault."""
    rows = {"all": faults >= 0} | {name: (faults == kind) | (faults == 0) for kind, name in enumerate(FAULTS, start=1)}
    return {name: roc_auc_score(faults[of] > 0, scores[of]) for name, of in rows.items()}


def compare_on_waves(seeds):
    """Print the mean AUC of each detector over waves of some seeds."""
    results = []
    for seed in seeds:
        train, test, faults = make_wave(seed)
        for trained_on, rows in (("without faults", train), ("unlabelled", test)):
            for name, detector in make_detectors(seed, window=PERIOD, window_of_others=PERIOD // 2).items():
                scores, seconds = scored(detector, rows, test)
                result = {"fitted on": trained_on, "detector": name, **auc_by_fault(scores, faults)}
                results.append(result | {"seconds": seconds})
    table = pd.DataFrame(results).groupby(["fitted on", "detector"], sort=False)
    print(f"Wave with {len(FAULTS) * N_EACH} faults: mean AUC of {len(seeds)} seeds, and its lowest value")
    summary = table.mean()
    summary.insert(1, "lowest", table["all"].min())
    print(as_markdown(summary))


def compare_on_labelled_series(folder):
    """Print the AUC of each detector on the labelled series."""
    table = pd.read_csv(Path(folder, LABELLED))
    X, is_anomaly = table[["value"]].to_numpy(), table["is_anomaly"].to_numpy()[N_TRAIN:]
    results = []
    for name, detector in make_detectors(0, window=40, window_of_others=20).items():
        scores, seconds = scored(detector, X[:N_TRAIN], X[N_TRAIN:])
        distance = np.abs(np.flatnonzero(is_anomaly) - scores.argmax()).min()
        auc = roc_auc_score(is_anomaly, scores)
        results.append({"detector": name, "AUC": auc, "distance of the top row": distance, "seconds": seconds})
    print(f"\nArterial blood pressure: {len(is_anomaly)} rows, {is_anomaly.sum()} of them anomalous")
    print(as_markdown(pd.DataFrame(results).set_index("detector")))


def as_markdown(table):
    """Return a table with its index as the first columns."""
    table = table.reset_index()
    cells = [
        [f"{value:.3f}" if isinstance(value, float) else str(value) for value in row]
        for row in table.itertuples(index=False)
    ]
    lines = [list(map(str, table.columns)), ["---"] * table.shape[1], *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", help="folder in which aeon is installed; if missing, waves only")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    arguments = parser.parse_args()
    compare_on_waves(arguments.seeds)
    if arguments.folder:
        compare_on_labelled_series(arguments.folder)


if __name__ == "__main__":
    main()
