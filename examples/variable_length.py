"""Utterances of different lengths
===============================

Classification of nine speakers by utterances of different lengths, without padding.

The data are the Japanese Vowels: 640 utterances of 7 to 29 frames of 12 cepstrum coefficients, in their published
split into 270 for training and 370 for testing (Kudo, Toyama and Shimbo, "Multidimensional curve classification using
passing-through regions", Pattern Recognition Letters, 1999). They are included in skrnn.

Run it with ``python examples/variable_length.py``. It writes ``variable_length.png`` into the working directory and
takes less than half a minute on 2 cores.
"""

import argparse
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # writes plots to files, without a display

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skrnn import RecurrentClassifier, SequenceScaler
from skrnn.datasets import load_japanese_vowels


def mean_and_std(utterances):
    """Return mean and standard deviation over the frames of each utterance: (n_samples, 24)."""
    return np.array([np.concatenate([frames.mean(axis=0), frames.std(axis=0)]) for frames in utterances])


def draw(X_train, X_test, y_test, predicted, title, path):
    """Plot the distribution of lengths and the confusion matrix."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained", width_ratios=[1, 1.1])
    bins = np.arange(6.5, 30)
    for utterances, color, hatch, label in ((X_test, "#56B4E9", "", "test"), (X_train, "#D55E00", "//", "training")):
        left.hist([len(frames) for frames in utterances], bins, color=color, hatch=hatch, alpha=0.75, label=label)
    left.set(xlabel="length (frames of 6.4 ms)", ylabel="utterances", title="Lengths of utterances")
    left.legend(frameon=False)
    ConfusionMatrixDisplay.from_predictions(y_test, predicted, ax=right, cmap="Blues", colorbar=False)
    right.set(xlabel="predicted speaker", ylabel="speaker", title=title)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main():
    """Search on the training set, score the best candidate on the test set with several seeds, and plot the results."""
    parser = argparse.ArgumentParser(description="Utterances of different lengths")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("variable_length.png"))
    arguments = parser.parse_args()
    start = time.perf_counter()

    X_train, X_test, y_train, y_test = load_japanese_vowels()
    network = RecurrentClassifier(bidirectional=True, dropout=0.3, epochs=arguments.epochs, random_state=0)
    search = GridSearchCV(
        make_pipeline(SequenceScaler(), network),
        {"recurrentclassifier__cell": ["gru", "lstm"]},
        cv=StratifiedKFold(3, shuffle=True, random_state=0),  # the utterances are sorted by speaker
    )
    search.fit(X_train, y_train)
    print("Mean accuracy over three folds of the training set:")
    candidates = pd.DataFrame(search.cv_results_["params"]).rename(columns=lambda name: name.split("__")[-1])
    candidates["accuracy"] = search.cv_results_["mean_test_score"]
    candidates["fit time (s)"] = search.cv_results_["mean_fit_time"]
    print(candidates.to_string(index=False, float_format="%.3f"))

    accuracies, seconds = [], []
    for seed in range(arguments.seeds):
        model = search.best_estimator_.set_params(recurrentclassifier__random_state=seed)
        before = time.perf_counter()
        model.fit(X_train, y_train)
        seconds.append(time.perf_counter() - before)
        accuracies.append(model.score(X_test, y_test))
    baseline = make_pipeline(
        FunctionTransformer(mean_and_std), StandardScaler(), LogisticRegression(max_iter=1000)
    ).fit(X_train, y_train)
    cell = search.best_params_["recurrentclassifier__cell"].upper()
    print(f"\n370 test utterances, {cell}, {arguments.seeds} seeds:")
    print(f"  mean accuracy {np.mean(accuracies):.4f}, {min(accuracies):.4f} to {max(accuracies):.4f}")
    print(f"  {np.mean(seconds):.1f} s per fit")
    print(f"Logistic regression on means and standard deviations: accuracy {baseline.score(X_test, y_test):.4f}")
    draw(
        X_train,
        X_test,
        y_test,
        model.predict(X_test),
        f"{cell}: test accuracy {accuracies[-1]:.3f}",
        arguments.output,
    )
    print(f"\nPlot: {arguments.output}   (total time: {time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    main()
