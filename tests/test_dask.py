"""Searches on a Dask cluster of two worker processes: the results of one process, even where a worker dies."""

import itertools
import os
import runpy
import signal
from pathlib import Path

import joblib
import numpy as np
import pytest
from conftest import data
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

import skrnn
from skrnn import RecurrentRegressor

pytestmark = pytest.mark.slow

distributed = pytest.importorskip("distributed", reason="Dask clusters need the extra 'dask'.")

EXAMPLE = Path(skrnn.__file__).parents[1] / "examples" / "distributed_search.py"


def regressor(**changes):
    return RecurrentRegressor("rnn", 4, **({"epochs": 2, "random_state": 0} | changes))


@pytest.fixture(scope="module")
def client():
    """A cluster that the loopback interface alone can reach."""
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", memory_limit=0
    )
    with cluster, distributed.Client(cluster) as client:
        yield client


class NotingScorer:
    """Mean squared error, negated; notes each call in a folder, and ends its process in one of them.

    Parameters
    ----------
    folder : Path
    fatal_rate : float or None
        The process that scores this learning rate first is killed.
    """

    def __init__(self, folder, fatal_rate=None):
        self.folder, self.fatal_rate = folder, fatal_rate

    def __call__(self, estimator, X, y):
        rate = estimator.get_params()["optimizer__learning_rate"]
        if rate == self.fatal_rate and self._is_first("killed"):
            os.kill(os.getpid(), signal.SIGKILL)
        self._is_first(f"{os.getpid()}-{rate}-{X[0, 0, 0]}")
        return -np.mean((estimator.predict(X) - y) ** 2)

    def _is_first(self, name):
        try:
            with open(self.folder / name, "x") as file:
                file.write(str(os.getpid()))
        except FileExistsError:
            return False
        return True


def scores_of(search):
    return np.stack([search.cv_results_[f"split{fold}_test_score"] for fold in range(2)])


def test_a_search_and_its_folds_give_the_results_of_one_process(client, tmp_path):
    X, y = data()
    search = GridSearchCV(
        regressor(), {"optimizer__learning_rate": [0.001, 0.05]}, cv=KFold(2), scoring=NotingScorer(tmp_path)
    )
    serial = scores_of(search.fit(X, y))
    predictions = search.predict(X)
    folds = cross_val_score(regressor(), X, y, cv=KFold(2))
    with client.as_current(), joblib.parallel_config("dask"):
        scores = scores_of(search.fit(X, y))
        assert_array_equal(cross_val_score(regressor(), X, y, cv=KFold(2)), folds)
    assert len(np.unique(serial)) == 4
    assert_array_equal(scores, serial)
    assert_array_equal(search.predict(X), predictions)
    workers = {int(name.name.split("-")[0]) for name in tmp_path.iterdir()} - {os.getpid()}
    assert 1 <= len(workers) <= 2
    assert workers <= set(client.run(os.getpid).values())


def test_the_example_searches_on_a_running_cluster(client, capsys):
    example = runpy.run_path(EXAMPLE)
    example["main"](["--scheduler", client.scheduler.address, "--epochs", "2", "--units", "4"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 workers"
    assert sorted(line.split()[0] for line in lines[2:4]) == ["gru", "lstm"]
    assert lines[-1].startswith("Last 40 years, held out: RMSE ")


# The last one, for it leaves the cluster with one worker until the other has started again.
def test_a_worker_killed_in_the_middle_of_a_search_loses_nothing(client, tmp_path):
    X, y = data(400)
    folds = list(KFold(2).split(X))
    rates = [0.001, 0.01, 0.03, 0.1]
    (serial_notes := tmp_path / "serial").mkdir()
    (notes := tmp_path / "dask").mkdir()

    def search(scorer):
        return GridSearchCV(regressor(), {"optimizer__learning_rate": rates}, cv=folds, scoring=scorer)

    serial = scores_of(search(NotingScorer(serial_notes)).fit(X, y))
    before = set(client.run(os.getpid).values())
    # What is larger than a kilobyte joblib would give to one worker alone, and with it lose the fits that need it.
    scattered = [X, y, *itertools.chain.from_iterable(folds)]
    with client.as_current(), joblib.parallel_config("dask", scatter=scattered):
        scores = scores_of(search(NotingScorer(notes, fatal_rate=0.03)).fit(X, y))
    killed = int((notes / "killed").read_text())
    assert killed in before
    assert killed not in client.run(os.getpid).values()
    assert len(np.unique(serial)) == 8
    assert_array_equal(scores, serial)  # and so each fit of the dead worker was run again
