"""Warnings name the line of the user's own code."""

import inspect

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skrnn._warnings import in_cross_validation, silenced, warn


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


def _of_skrnn():
    """Return an estimator whose code says that it is of a module of skrnn."""
    module = {"__name__": "skrnn.of_test", "BaseEstimator": BaseEstimator, "warn": warn}
    source = (
        "class Estimator(BaseEstimator):\n    def fit(self, X, y):\n        warn('something')\n        return self\n"
    )
    exec(compile(source, "skrnn_of_test.py", "exec"), module)
    return module["Estimator"]()
