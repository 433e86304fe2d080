"""Explanations: which features, and when
=======================================

Permutation importance and integrated gradients of a network that recognizes nine speakers.

The data are the Japanese Vowels: 640 utterances of 7 to 29 frames of 12 cepstrum coefficients (Kudo, Toyama and Shimbo,
"Multidimensional curve classification using passing-through regions", Pattern Recognition Letters, 1999). They are
included in skrnn.

- Permutation importance (Breiman, "Random forests", Machine Learning, 2001) is the decrease of the test accuracy when a
  part of the input is exchanged between utterances.
- Integrated gradients (Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", ICML 2017) divide the
  logit of the predicted speaker among all frames and coefficients of an utterance.

Run it with ``python examples/explain.py``. It writes ``explain.png`` into the working directory and takes about 10
seconds on 2 cores.
"""

import argparse
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # writes plots to files, without a display

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from skrnn import GRUClassifier, SequenceScaler
from skrnn.datasets import load_japanese_vowels
from skrnn.inspection import ImportanceDisplay, integrated_gradients, sequence_importance

NAMES = [f"coefficient {k}" for k in range(1, 13)]


def draw(by_feature, attributions, utterance, path):
    """Plot importances of coefficients, mean attributions, and the attributions for one utterance."""
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(16, 4.6), layout="constrained", width_ratios=[1, 1.5, 1.4]
    )
    ImportanceDisplay.from_importances(by_feature, feature_names=NAMES, ax=left)
    left.set(title="Permutation importance", xlabel="decrease of the test accuracy")
    ImportanceDisplay.from_attributions(attributions, feature_names=NAMES, ax=middle)
    middle.set_title("Integrated gradients, all test utterances")
    ImportanceDisplay(attributions[utterance], feature_names=NAMES, name="attribution to the logit").plot(right)
    right.set_title(f"Integrated gradients, test utterance {utterance}")
    for ax in (middle, right):
        ax.set_xlabel("frame (-1: last)")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main():
    """Fit on the training set, explain predictions for the test set, and plot the results."""
    parser = argparse.ArgumentParser(description="Explanations of a network that recognizes speakers")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=10, help="number of permutations")
    parser.add_argument("--utterance", type=int, default=0, help="test utterance of the last plot")
    parser.add_argument("--output", type=Path, default=Path("explain.png"))
    arguments = parser.parse_args()
    start = time.perf_counter()

    X_train, X_test, y_train, y_test = load_japanese_vowels()
    model = make_pipeline(SequenceScaler(), GRUClassifier(dropout=0.3, epochs=arguments.epochs, random_state=0))
    model.fit(X_train, y_train)
    print(f"Test accuracy: {model.score(X_test, y_test):.3f}")

    options = {"n_repeats": arguments.repeats, "random_state": 0}
    by_feature = sequence_importance(model, X_test, y_test, by="feature", **options)
    by_step = sequence_importance(model, X_test, y_test, by="step", **options)

    # Gradients are those of the network, with respect to its input: the standardized coefficients.
    network, Z_test = model[-1], model[:-1].transform(X_test)
    attributions = integrated_gradients(network, Z_test)
    total = np.mean([np.abs(of_utterance).sum(axis=0) for of_utterance in attributions], axis=0)

    table = pd.DataFrame(
        {
            "permutation importance": by_feature.importances_mean,
            "std": by_feature.importances_std,
            "mean absolute attribution": total,
        },
        index=NAMES,
    )
    print(table.to_string(float_format="%.3f"))
    correlation = table["permutation importance"].corr(table["mean absolute attribution"], method="spearman")
    print(f"\nRank correlation of the two methods: {correlation:.2f}")

    largest = by_step.importances_mean.max()
    print(
        f"Largest decrease of the accuracy by a coefficient of all frames: {by_feature.importances_mean.max():.3f}, "
        f"by all coefficients of a frame: {largest:.3f}.\n"
        "Neighboring frames are similar, so that the others replace a frame that is permuted: that the importance of\n"
        "each frame is low does not mean that the network does not use it."
    )

    utterance = arguments.utterance
    logit = attributions[utterance].sum()
    print(
        f"\nTest utterance {utterance}, speaker {y_test[utterance]}, predicted: {network.predict(Z_test)[utterance]}. "
        f"The attributions add up to {logit:.2f}, the difference of the logit from that of an utterance of means."
    )
    draw(by_feature, attributions, utterance, arguments.output)
    print(f"\nPlot: {arguments.output}   (total time: {time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    main()
