"""Many fits at once, in threads of one process: each gives the bits of the same fit alone."""

import threading
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV, KFold

from skrnn import RecurrentClassifier, RecurrentRegressor

pytestmark = pytest.mark.slow

N_THREADS, N_FITS = 8, 100

COMMON = {"epochs": 2, "optimizer__learning_rate": 0.05}
# Some share a program, some a prototype, and some nothing; the seeds and rates make their results differ.
KINDS = {
    "regressor": lambda: RecurrentRegressor("rnn", 4, random_state=0, **COMMON),
    "regressor-other-seed": lambda: RecurrentRegressor("rnn", 4, random_state=1, **COMMON),
    "regressor-other-rate": lambda: RecurrentRegressor("rnn", 4, random_state=0, epochs=3),
    "classifier-dropout": lambda: RecurrentClassifier("rnn", 4, dropout=0.3, random_state=0, **COMMON),
    "classifier-dropout-other-seed": lambda: RecurrentClassifier("rnn", 4, dropout=0.3, random_state=1, **COMMON),
}


def data():
    X = np.random.default_rng(0).normal(size=(40, 5, 2))
    return X, X[:, -1, 0] - X[:, -2, 1]


def outcome(kind):
    """Fit an estimator twice over, in part; return its predictions, its losses and its weights in one row."""
    X, y = data()
    estimator = KINDS[kind]()
    classifies = kind.startswith("classifier")
    target = np.where(y > 0, "up", "down") if classifies else y
    estimator.fit(X, target).partial_fit(X, target)
    predictions = estimator.predict_proba(X) if classifies else estimator.predict(X)
    weights = [np.ravel(weight) for weight in estimator._state.weights]
    return np.concatenate([np.ravel(predictions), estimator.history_["loss"], *weights])


def test_a_hundred_fits_in_eight_threads_give_the_bits_of_serial_fits():
    serial = {kind: outcome(kind) for kind in KINDS}
    assert len({row.tobytes() for row in serial.values()}) == len(KINDS)
    kinds = [list(KINDS)[number % len(KINDS)] for number in range(N_FITS)]
    start = threading.Barrier(N_THREADS)
    waiting = threading.local()

    def fit(kind):
        if not hasattr(waiting, "over"):
            waiting.over = start.wait(60)  # so that every thread takes part
        return threading.get_ident(), outcome(kind)

    with ThreadPoolExecutor(N_THREADS) as pool:
        results = list(pool.map(fit, kinds))
    assert len({thread for thread, _ in results}) == N_THREADS
    for kind, (_, row) in zip(kinds, results, strict=True):
        assert_array_equal(row, serial[kind], err_msg=kind)


def test_a_search_in_threads_gives_the_scores_of_one():
    X, y = data()
    search = GridSearchCV(KINDS["regressor"](), {"optimizer__learning_rate": [0.001, 0.05]}, cv=KFold(2))
    serial = search.fit(X, y).cv_results_
    with joblib.parallel_config("threading", n_jobs=4):
        threaded = search.fit(X, y).cv_results_
    for name in ("split0_test_score", "split1_test_score"):
        assert len(set(serial[name])) == 2
        assert_array_equal(threaded[name], serial[name])
