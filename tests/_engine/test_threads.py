"""Many fits at once, in threads of one process: each gives the bits of the same fit alone."""

import threading
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from conftest import needs_kernels
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV, KFold

import skrnn._engine.native_pass
from skrnn import RecurrentClassifier, RecurrentRegressor

N_THREADS, N_FITS = 8, 100

COMMON = {"epochs": 2, "optimizer__learning_rate": 0.05}
# Some share an architecture; the seeds and rates make their results differ.
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


@pytest.mark.slow
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


# ---------------------------------------------------------------------- one fit in several threads

SEVERAL = {
    "regressor": lambda: RecurrentRegressor("gru", (40, 9), batch_size=100, random_state=0, **COMMON),
    "steps-dropout": lambda: RecurrentRegressor(
        "lstm", 24, return_sequences=True, dropout=0.3, recurrent_dropout=0.2, batch_size=90, random_state=0, **COMMON
    ),
    "clipped-bidirectional": lambda: RecurrentRegressor(
        "rnn", 40, bidirectional=True, batch_size=None, random_state=0, optimizer__global_clipnorm=0.1, **COMMON
    ),
    "tokens": lambda: RecurrentClassifier(
        "gru", 30, embedding_dim=5, batch_size=150, optimizer__clipnorm=0.1, random_state=0, **COMMON
    ),
    "categories": lambda: RecurrentRegressor(
        "gru", 30, categorical_features=[0, 2], bidirectional=True, batch_size=150, random_state=0, **COMMON
    ),
}


def data_of_several(kind):
    """Sequences and targets of so many steps that a batch is cut into many shards."""
    rng = np.random.default_rng(0)
    if kind == "tokens":
        X = rng.integers(1, 20, size=(300, 30))
        return X, (X == 3).sum(axis=1) > 1
    lengths = rng.integers(5, 31, size=300)
    X = [rng.normal(size=(n, 3)) for n in lengths]
    if kind == "categories":
        X = [np.abs(x * [5, 1, 1] // [1, 1, 0.1]) for x in X]
    if kind == "steps-dropout":
        return X, [np.cumsum(x[:, 0]) / 5 for x in X]
    return X, np.array([x[:, 1].sum() / 5 for x in X])


def everything_of(estimator, X):
    """Weights, optimizer variables, predictions and history, as bytes."""
    outputs = estimator.predict_proba(X) if hasattr(estimator, "classes_") else estimator.predict(X)
    outputs = np.concatenate([np.ravel(of_sample) for of_sample in outputs])  # of lists, of as many steps as these have
    arrays = [*estimator._state.weights, *estimator._state.optimizer, outputs]
    return [array.tobytes() for array in arrays], estimator.history_


@needs_kernels
@pytest.mark.parametrize("kind", SEVERAL)
def test_any_number_of_threads_gives_the_same_bits(kind, monkeypatch):
    X, y = data_of_several(kind)
    used, run = [], skrnn._engine.native_pass.run_in_threads

    def counted(calls, stop):
        used.append(len(calls))
        return run(calls, stop)

    def fitted(n_threads, work_of_a_thread=1):
        monkeypatch.setattr(skrnn._engine.native_pass, "n_threads", lambda: n_threads)
        monkeypatch.setattr(skrnn._engine.native_pass, "WORK_OF_A_THREAD", work_of_a_thread)
        monkeypatch.setattr(skrnn._engine.native_pass, "run_in_threads", counted)
        used.clear()
        result = everything_of(SEVERAL[kind]().fit(X, y), X)
        return result, max(used, default=0)

    expected, n_used = fitted(1, 2**60)
    assert n_used == 0  # the calling thread has done it all
    for n_threads in (1, 2, 3, 7):
        result, n_used = fitted(n_threads)
        assert result == expected
        assert n_used == (n_threads if n_threads > 1 else 0)  # one thread is that of the caller, where it is soon done


@needs_kernels
def test_two_fits_of_several_threads_at_once_give_the_bits_of_one(monkeypatch):
    monkeypatch.setattr(skrnn._engine.native_pass, "n_threads", lambda: 2)
    monkeypatch.setattr(skrnn._engine.native_pass, "WORK_OF_A_THREAD", 1)
    data = {kind: data_of_several(kind) for kind in SEVERAL}
    serial = {kind: everything_of(SEVERAL[kind]().fit(*data[kind]), data[kind][0]) for kind in SEVERAL}
    start = threading.Barrier(len(SEVERAL))

    def fit(kind):
        start.wait(60)
        return everything_of(SEVERAL[kind]().fit(*data[kind]), data[kind][0])

    with ThreadPoolExecutor(len(SEVERAL)) as pool:
        together = dict(zip(SEVERAL, pool.map(fit, SEVERAL), strict=True))
    assert together == serial
