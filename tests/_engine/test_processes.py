"""Workers and forks: equal bits in other processes, their share of the cores, no hang where TensorFlow cannot run."""

import os
import sys
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest
from children import LONG, VERY_LONG, answer_of, run_code, workers_within
from conftest import data, needs_kernels
from joblib.externals.loky import get_reusable_executor
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV, KFold

from skrnn import RecurrentRegressor

pytestmark = pytest.mark.slow

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="This platform has no forks.")
# Python 3.12 and newer warn of what the test is about.
forks = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")


def regressor(**changes):
    return RecurrentRegressor("rnn", 4, **({"epochs": 2, "random_state": 0} | changes))


@pytest.fixture(scope="module")
def fitted():
    return regressor().fit(*data())


@pytest.fixture
def keras_has_run(monkeypatch):
    """Keras's loop for all, and a fit by it, after which TensorFlow runs in this process."""
    monkeypatch.setenv("SKRNN_ENGINE", "keras")
    return regressor().fit(*data())


# ---------------------------------------------------------------- workers of joblib


def about_this_worker():
    """Process id of a worker, its share of the cores, and the threads that kernels take."""
    from skrnn._engine.threads import n_threads

    return os.getpid(), int(os.environ["OMP_NUM_THREADS"]), n_threads()


def test_tensorflow_takes_the_share_of_its_process():
    code = """
from skrnn._engine.tensorflow_process import prepare_process
from tensorflow.config import threading

prepare_process()
print(threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads())
"""
    process = run_code(code, env={"OMP_NUM_THREADS": "3"})
    assert process.stdout.split() == ["3", "3"]


def children(parent):
    """State of each child process, by its id: Z is a zombie."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, its_parent = status.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):  # it has ended since
            continue
        if int(its_parent) == parent:
            found[int(status.parent.name)] = state
    return found


def test_searches_in_two_workers_give_the_results_of_one_twice():
    X, y = data()
    search = GridSearchCV(regressor(), {"optimizer__learning_rate": [0.001, 0.05]}, cv=KFold(2))
    serial = search.fit(X, y)
    scores, predictions = serial.cv_results_, serial.predict(X)
    search.set_params(n_jobs=2)
    get_reusable_executor().shutdown(wait=True)  # whoever used workers before gave them other shares
    for _ in range(2):
        with workers_within():
            search.fit(X, y)
        for name in ("split0_test_score", "split1_test_score"):
            assert len(set(scores[name])) == 2
            assert_array_equal(search.cv_results_[name], scores[name])
        assert_array_equal(search.predict(X), predictions)

    reports = joblib.Parallel(n_jobs=2, timeout=LONG)(joblib.delayed(about_this_worker)() for _ in range(4))
    for _, *shares in reports:
        assert set(shares) == {max(joblib.cpu_count() // 2, 1)}
    workers = {pid for pid, *_ in reports}
    assert os.getpid() not in workers
    if Path("/proc").exists():
        assert workers <= set(children(os.getpid()))
        get_reusable_executor().shutdown(wait=True)
        left = children(os.getpid())
        assert not workers & set(left)
        assert "Z" not in left.values()


# ---------------------------------------------------------------- forks


def errors_of(actions, connection):
    """Send the error of each action, or None."""
    errors = []
    for action in actions:
        try:
            action()
            errors.append(None)
        except RuntimeError as error:
            errors.append(str(error))
    connection.send(errors)


@needs_fork
@forks
def test_a_child_forked_after_keras_has_run_says_so_and_does_not_hang(keras_has_run):
    X, y = data()
    actions = [
        lambda: regressor().fit(X, y),
        lambda: keras_has_run.partial_fit(X, y),
        lambda: keras_has_run.predict(X),
        lambda: keras_has_run.model_,
    ]
    errors = answer_of(partial(errors_of, actions), "fork")
    assert len(errors) == len(actions)
    for error in errors:
        assert "forked after TensorFlow had run in process" in error
        assert all(remedy in error for remedy in ("'loky'", "'spawn'", "'forkserver'", "before the first fit"))
    keras_has_run.predict(X)  # the parent works as before


@needs_fork
@forks
def test_the_multiprocessing_backend_of_joblib_says_so_too(keras_has_run):
    X, y = data()
    with (
        pytest.raises(RuntimeError, match="forked after TensorFlow had run"),
        joblib.parallel_config("multiprocessing"),
    ):
        joblib.Parallel(n_jobs=2, timeout=LONG)(joblib.delayed(regressor().fit)(X, y) for _ in range(2))


def send_bits(fitted, connection):
    """Send the bits of what a child trains and predicts, in one thread and in two."""
    from skrnn._engine import native_pass

    X, y = data()
    native_pass.WORK_OF_A_THREAD = 1
    predictions = [fitted.predict(X), fitted.partial_fit(X, y).predict(X), regressor().fit(X, y).predict(X)]
    native_pass.n_threads = lambda: 2
    predictions.append(wide().fit(*many()).predict(many()[0]))
    connection.send([p.tobytes() for p in predictions])


def many():
    """Sequences and targets of which a batch is cut into shards."""
    X = np.random.default_rng(1).normal(size=(200, 20, 2))
    return X, X[:, -1, 0] - X[:, -2, 1]


def wide():
    return RecurrentRegressor("gru", 40, batch_size=100, epochs=2, random_state=0)


@needs_kernels
@needs_fork
@forks
def test_a_child_forked_after_a_fit_trains_and_predicts_the_same_bits(monkeypatch):
    X, y = data()
    original = regressor().fit(X, y)
    bits = answer_of(partial(send_bits, original), "fork")
    first, second, anew, of_threads = bits
    assert first == anew == original.predict(X).tobytes()  # what the child trained on did not change it here
    assert second == original.partial_fit(X, y).predict(X).tobytes() != first
    assert of_threads == wide().fit(*many()).predict(many()[0]).tobytes()


@needs_kernels
@needs_fork
@forks
@pytest.mark.parametrize("backend", ["multiprocessing", "loky", "threading"])
def test_every_backend_of_joblib_gives_the_bits_of_this_process(backend, fitted):
    X, y = data()
    with joblib.parallel_config(backend), workers_within():
        estimators = joblib.Parallel(n_jobs=2, timeout=LONG)(
            joblib.delayed(regressor(random_state=seed).fit)(X, y) for seed in (0, 1)
        )
    for seed, estimator in enumerate(estimators):
        assert_array_equal(estimator.predict(X), regressor(random_state=seed).fit(X, y).predict(X))
    assert_array_equal(estimators[0].predict(X), fitted.predict(X))


@needs_kernels
@pytest.mark.parametrize("n_threads", ["1", "2"])
def test_shares_of_the_cores_change_no_bit(n_threads, tmp_path):
    code = """
import sys
import numpy as np
from test_processes import many, wide
from skrnn._engine import native_pass

native_pass.WORK_OF_A_THREAD = 1
assert native_pass.n_threads() == int(sys.argv[2])
np.save(sys.argv[1], wide().fit(*many()).predict(many()[0]))
"""
    run_code(code, tmp_path / "predictions.npy", n_threads, env={"OMP_NUM_THREADS": n_threads})
    assert_array_equal(np.load(tmp_path / "predictions.npy"), wide().fit(*many()).predict(many()[0]))


def send_bits_of_a_fit(connection):
    connection.send(wide().fit(*many()).predict(many()[0]).tobytes())


@needs_kernels
def test_a_spawned_process_gives_the_same_bits():
    assert answer_of(send_bits_of_a_fit, "spawn") == wide().fit(*many()).predict(many()[0]).tobytes()


@needs_fork
def test_a_child_forked_before_the_first_fit_works(tmp_path, fitted):
    code = """
import multiprocessing, sys
import numpy as np
from conftest import data
from test_processes import regressor

def fit():
    X, y = data()
    np.save(sys.argv[1], regressor().fit(X, y).predict(X))

child = multiprocessing.get_context("fork").Process(target=fit)
child.start()
child.join(float(sys.argv[2]))
if child.is_alive():
    child.kill()
    raise SystemExit("the child hangs")
raise SystemExit(child.exitcode)
"""
    run_code(code, tmp_path / "predictions.npy", LONG - 60)
    assert_array_equal(np.load(tmp_path / "predictions.npy"), fitted.predict(data()[0]))


# ---------------------------------------------------------------- what would be kept for good


@pytest.mark.skipif(sys.platform != "linux", reason="Reads /proc for the memory in use.")
def test_networks_that_are_built_leave_no_memory_behind():
    code = """
from skrnn._engine.network import build_network
from test_network import PLAIN

def megabytes():
    [line] = [line for line in open("/proc/self/status") if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024

def build(n):
    for seed in range(n):
        build_network(PLAIN, seed)

build(64)
before = megabytes()
build(192)
print(megabytes() - before)
"""
    process = run_code(code, seconds=VERY_LONG)
    assert float(process.stdout) < 30  # some 100 where TensorFlow keeps what each network needed
