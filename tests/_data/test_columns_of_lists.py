"""Frames in a list of sequences: their columns must be in the order of those seen in fit."""

import pickle
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import make

from skrnn import SequenceAutoencoder, SequenceOutlierDetector, SequenceScaler
from skrnn.inspection import integrated_gradients, sequence_importance

VALUES = np.random.default_rng(0).normal(size=(4, 6, 2))
Y = [1.0, 2.0, 3.0, 5.0]


def frames(library, columns):
    """Return the sequences as frames; the values of a column do not depend on its place."""
    return [library({name: one[:, ["load", "wind"].index(name)] for name in columns}) for one in VALUES]


READERS = {
    "scaler": lambda X: SequenceScaler().fit(X).transform,
    "regressor": lambda X: make("GRURegressor").fit(X, Y).predict,
    "restored": lambda X: pickle.loads(pickle.dumps(make("GRURegressor").fit(X, Y))).transform,
    "more training": lambda X: partial(make("GRURegressor").fit(X, Y).partial_fit, y=Y),
    "validation": lambda X: lambda Z: make("GRURegressor").fit(X, Y, X_val=Z, y_val=Y),
    "classifier": lambda X: make("GRUClassifier").fit(X, ["a", "b", "b", "a"]).predict_proba,
    "autoencoder": lambda X: SequenceAutoencoder(n_components=2, epochs=1, random_state=0).fit(X).score_samples,
    "detector": lambda X: SequenceOutlierDetector(random_state=0).fit(X).score_samples,
    "importance": lambda X: partial(sequence_importance, make("GRURegressor").fit(X, Y), y=Y),
    "gradients": lambda X: partial(integrated_gradients, make("GRURegressor").fit(X, Y)),
}


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_another_order_than_in_fit(reader, library):
    X = frames(library, ["load", "wind"])
    read = reader([VALUES[0], *X[1:]])  # an array has no columns
    message = r"Sample 0 of X has columns \['wind', 'load'\], but those seen in fit are \['load', 'wind'\]"
    with pytest.raises(ValueError, match=message):
        read(frames(library, ["wind", "load"]))
    read(X)
    read([*VALUES])


def test_other_names_and_later_fits():
    X = frames(pd.DataFrame, ["load", "wind"])
    fitted = make("GRURegressor").fit(X, Y)
    renamed = [frame.rename(columns={"load": "power", "wind": "sun"}) for frame in X]  # positions identify features
    np.testing.assert_array_equal(fitted.predict(renamed), fitted.predict(X))
    other = frames(pd.DataFrame, ["wind", "load"])
    assert fitted.fit(other, Y).predict(other).shape == (4,)
    assert make("GRURegressor").fit([*VALUES], Y).predict(other).shape == (4,)
