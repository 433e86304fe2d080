"""Utterances of different lengths
===============================

Tell nine speakers apart by utterances of different lengths, which nobody has to pad.

The Japanese Vowels: 640 utterances of 7 to 29 frames of 12 cepstrum coefficients, in their published split of 270 to
train on and 370 to test on (Kudo, Toyama and Shimbo, "Multidimensional curve classification using passing-through
regions", Pattern Recognition Letters, 1999). They are shipped with skrnn.

Run it with ``python examples/variable_length.py``; it writes ``variable_length.png`` into the working directory and
takes less than half a minute on two cores.
"""

import argparse
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # a picture in a file, wherever this runs

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


def mean_and_spread(utterances):
    """What is left of utterances without the order of their frames: (n_samples, 24)."""
    return np.array([np.concatenate([frames.mean(axis=0), frames.std(axis=0)]) for frames in utterances])


def draw(X_train, X_test, y_test, predicted, title, path):
    """How long the utterances are, and who is taken for whom."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained", width_ratios=[1, 1.1])
    bins = np.arange(6.5, 30)
    for utterances, color, hatch, label in ((X_test, "#56B4E9", "", "test"), (X_train, "#D55E00", "//", "training")):
        left.hist([len(frames) for frames in utterances], bins, color=color, hatch=hatch, alpha=0.75, label=label)
    left.set(xlabel="length (frames of 6.4 ms)", ylabel="utterances", title="Utterances differ in length")
    left.legend(frameon=False)
    ConfusionMatrixDisplay.from_predictions(y_test, predicted, ax=right, cmap="Blues", colorbar=False)
    right.set(xlabel="predicted speaker", ylabel="speaker", title=title)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main():
    """Search on the training half, score the best on the test half with several seeds, draw."""
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
    print("Accuracy over three folds of the training utterances:")
    candidates = pd.DataFrame(search.cv_results_["params"]).rename(columns=lambda name: name.split("__")[-1])
    candidates["accuracy"] = search.cv_results_["mean_test_score"]
    candidates["seconds a fit"] = search.cv_results_["mean_fit_time"]
    print(candidates.to_string(index=False, float_format="%.3f"))

    accuracies, seconds = [], []
    for seed in range(arguments.seeds):
        model = search.best_estimator_.set_params(recurrentclassifier__random_state=seed)
        before = time.perf_counter()
        model.fit(X_train, y_train)
        seconds.append(time.perf_counter() - before)
        accuracies.append(model.score(X_test, y_test))
    counted = make_pipeline(
        FunctionTransformer(mean_and_spread), StandardScaler(), LogisticRegression(max_iter=1000)
    ).fit(X_train, y_train)
    cell = search.best_params_["recurrentclassifier__cell"].upper()
    print(f"\nOn the 370 test utterances, {cell}, {arguments.seeds} seeds:")
    print(f"  accuracy {np.mean(accuracies):.4f} on average, {min(accuracies):.4f} to {max(accuracies):.4f}")
    print(f"  {np.mean(seconds):.1f} s a fit")
    print(f"Mean and spread of each utterance, logistic regression: accuracy {counted.score(X_test, y_test):.4f}")
    draw(
        X_train,
        X_test,
        y_test,
        model.predict(X_test),
        f"{cell}: accuracy {accuracies[-1]:.3f} on the test utterances",
        arguments.output,
    )
    print(f"\nPicture: {arguments.output}   ({time.perf_counter() - start:.0f} s in all)")


if __name__ == "__main__":
    main()
