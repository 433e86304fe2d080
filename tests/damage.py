"""What the suites of bad input share: damage to arrays, and checks of what it leads to."""

from functools import cache

import pytest
from conftest import make
from numpy.testing import assert_array_equal
from sklearn.linear_model import LinearRegression

from skrnn import SequenceForecaster


def at(array, index, value):
    """A copy of an array with one value, or several, replaced."""
    array = array.copy()
    array[index] = value
    return array


def ids(cases):
    """One parameter set for every case, called after its first entry."""
    return [pytest.param(*case[1:], id=case[0]) for case in cases]


def forecaster(**params):
    """A forecaster that fits in no time."""
    return SequenceForecaster(LinearRegression(), **{"window": 3, "padding": None, **params})


def fits_once(kinds):
    """Return a function from a kind, a key of (name, parameters, X, y), to its fitted estimator and its predictions."""

    @cache
    def fit(kind):
        name, params, X, y = kinds[kind]
        estimator = make(name, **params, epochs=1).fit(X, y)
        return estimator, estimator.predict(X)

    return fit


def assert_refused(error, message, function):
    """Check the error, and that its message says what it must."""
    with pytest.raises(error) as caught:
        function()
    assert message in str(caught.value), f"{message!r} is not in {str(caught.value)!r}"


def assert_refused_by(estimator, X, expected, error, message, function):
    """Check the error, and that the estimator is what it was: its attributes, and its predictions to the bit."""
    before = dict(vars(estimator))
    assert_refused(error, message.replace("NAME", type(estimator).__name__), lambda: function(estimator))
    assert vars(estimator).keys() == before.keys()
    assert all(vars(estimator)[name] is value for name, value in before.items())
    assert_array_equal(estimator.predict(X), expected)
