"""Masked arrays of numpy: masked values raise an error, since their data would be read as if they were valid."""

import numpy as np
import pytest
from conftest import make
from sklearn.linear_model import Ridge

from skrnn import SequenceAutoencoder, SequenceForecaster, SequenceScaler, SequenceWindower, sliding_windows
from skrnn.metrics import mean_absolute_scaled_error

X = np.random.default_rng(0).normal(size=(20, 5, 2))
Y, LABELS = X[:, -1, 0], np.where(X[:, -1, 0] > 0, "up", "down")


def masked(array):
    """Return an array of which the last element is masked."""
    array = np.ma.masked_array(array)
    array[(-1,) * array.ndim] = np.ma.masked
    return array


def forecaster():
    return SequenceForecaster(Ridge(), window=3)


CALLS = [
    ("X", lambda: make("GRURegressor").fit(masked(X), Y)),
    ("X", lambda: make("GRURegressor").fit(X, Y).predict(masked(X))),
    ("X", lambda: make("GRURegressor").fit(masked(X[..., 0]), Y)),
    ("y", lambda: make("GRURegressor").fit(X, masked(Y))),
    ("y", lambda: make("GRUClassifier").fit(X, masked(LABELS))),
    ("y", lambda: make("GRURegressor").fit(X, Y).score(X, masked(Y))),
    ("y", lambda: make("GRURegressor").fit(X, Y, X_val=X, y_val=masked(Y))),
    ("sample_weight", lambda: make("GRURegressor").fit(X, Y, masked(np.ones(20)))),
    ("sample 19 of X", lambda: make("GRURegressor").fit([*X[:19], masked(X[19])], Y)),
    ("sample 1 of y", lambda: make("GRURegressor", return_sequences=True).fit([*X[:2]], [X[0], masked(X[1])])),
    ("X", lambda: SequenceAutoencoder().fit(masked(X))),
    ("X", lambda: SequenceScaler().fit(masked(X))),
    ("X", lambda: SequenceWindower(3).fit(masked(X[0]))),
    ("X", lambda: sliding_windows(masked(X[0]), 3)),
    ("y", lambda: forecaster().fit(None, masked(Y))),
    ("X", lambda: forecaster().fit(masked(X[:, 0]), Y)),
    ("y", lambda: forecaster().fit(None, Y).forecast(2, history=masked(Y))),
    ("y_true", lambda: mean_absolute_scaled_error(masked(Y), Y, y_train=Y)),
]


@pytest.mark.parametrize(("what", "call"), CALLS)
def test_masked_values(what, call):
    with pytest.raises(ValueError, match=rf"{what} is a masked array with masked values.* array\.filled\(np\.nan\)"):
        call()


def test_masked_arrays_without_masked_values():
    expected = make("GRURegressor").fit(X, Y).predict(X)
    given = np.ma.masked_array(X)
    np.testing.assert_array_equal(make("GRURegressor").fit(given, Y).predict(given), expected)
