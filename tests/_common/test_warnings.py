"""Warnings name the line of the user's own code."""

import inspect
import warnings

import numpy as np
import pytest
from children import workers_within
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skrnn._common.warnings import in_cross_validation, silenced, warn


class Warner(RegressorMixin, BaseEstimator):
    """Warns as an estimator of skrnn does."""

    def fit(self, X, y):
        warn("something")
        self.in_fold_ = in_cross_validation()
        return self

    def predict(self, X):
        return np.full(len(X), float(self.in_fold_))


def test_points_at_the_call_of_the_user():
    with pytest.warns(UserWarning, match="something") as caught:
        line = inspect.currentframe().f_lineno + 1
        warn("something")
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)


def test_skips_scikit_learn_and_its_own_modules():
    source = "def through(pipeline, X, y):\n\n    return pipeline.fit(X, y)\n"
    user = {"__name__": "user_of_skrnn"}
    exec(compile(source, "user.py", "exec"), user)
    with pytest.warns(UserWarning, match="something") as caught:
        user["through"](make_pipeline(_of_skrnn()), np.zeros((4, 1)), np.zeros(4))
    assert (caught[0].filename, caught[0].lineno) == ("user.py", 3)


def test_in_threads_of_joblib():
    fit = _of_skrnn().fit
    with pytest.warns(UserWarning, match="something") as caught:
        Parallel(n_jobs=2, backend="threading")(delayed(fit)([], []) for _ in range(2))
    assert {(warning.filename, warning.lineno) for warning in caught} == {("skrnn_of_test.py", 3)}  # no line of a user


def test_in_threads_that_run_a_function_of_the_user():
    X, y = np.zeros((6, 1)), np.zeros(6)
    with pytest.warns(UserWarning, match="something") as caught:
        Parallel(n_jobs=2, backend="threading")(delayed(Warner().fit)(X, y) for _ in range(2))
    assert {warning.filename for warning in caught} == {__file__}


def test_in_processes_of_joblib():
    report = _module_of_skrnn()["report"]
    with workers_within():
        reports = Parallel(n_jobs=2, backend="loky")(delayed(report)() for _ in range(2))
    assert reports == [([True], [3])] * 2


def test_a_spawned_process_begins_with_a_command_that_is_not_the_users():
    fit = _of_skrnn().fit
    for module, filename in (("concurrent.futures.thread", __file__), ("multiprocessing.spawn", "skrnn_of_test.py")):
        worker = {"__name__": module}
        exec(compile("def call(function):\n    function([], [])\n", "worker.py", "exec"), worker)
        with pytest.warns(UserWarning, match="something") as caught:
            worker["call"](fit)
        assert [warning.filename for warning in caught] == [filename]


def test_silenced_for_a_while():
    with silenced():
        warn("something")  # as an error of the tests it would fail
    with pytest.raises(KeyError), silenced():
        raise KeyError
    with pytest.warns(UserWarning, match="something"):
        warn("something")


def test_tells_the_fit_of_a_fold():
    X, y = np.zeros((6, 1)), np.arange(6.0)
    with pytest.warns(UserWarning, match="something"):
        model = Warner().fit(X, y)
        scores = cross_val_score(Warner(), X, y, cv=2, scoring=lambda model, X, y: model.predict(X)[0])
    assert model.predict(X)[0] == 0.0
    assert scores.tolist() == [1.0, 1.0]


SOURCE = """class Estimator(BaseEstimator):
    def fit(self, X, y):
        warn("something")
        return self

def report():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Estimator().fit([], [])
    is_here = [warning.filename == report.__code__.co_filename for warning in caught]
    return is_here, [warning.lineno for warning in caught]
"""


def _module_of_skrnn():
    """Return what a module holds whose code says that it is of skrnn."""
    module = {"__name__": "skrnn.of_test", "BaseEstimator": BaseEstimator, "warn": warn, "warnings": warnings}
    exec(compile(SOURCE, "skrnn_of_test.py", "exec"), module)
    return module


def _of_skrnn():
    return _module_of_skrnn()["Estimator"]()
