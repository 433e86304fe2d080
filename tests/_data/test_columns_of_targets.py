"""Frames of several targets: their columns must be in the order of those seen in fit."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import make

X = np.random.default_rng(0).normal(size=(30, 5, 2))
NUMBERS = {"load": X[:, -1, 0], "wind": 3 * X[:, -1, 1] + 1}
INDICATORS = {name: (values > 0.5).astype(int) for name, values in NUMBERS.items()}

CALLS = {
    "score": lambda fitted, y: fitted.score(X, y),
    "restored": lambda fitted, y: pickle.loads(pickle.dumps(fitted)).score(X, y),
    "partial_fit": lambda fitted, y: fitted.partial_fit(X, y),
    "warm start": lambda fitted, y: fitted.set_params(warm_start=True).fit(X, y),
}


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
@pytest.mark.parametrize(("name", "columns"), [("GRURegressor", NUMBERS), ("GRUClassifier", INDICATORS)])
def test_another_order_than_in_fit(name, columns, library):
    y = library(columns)
    exchanged = library({"wind": columns["wind"], "load": columns["load"]})
    message = rf"y has the columns \['wind', 'load'\], but {name} was fitted on \['load', 'wind'\]"
    for call in CALLS.values():
        fitted = make(name).fit(X, y)
        with pytest.raises(ValueError, match=message):
            call(fitted, exchanged)
        call(fitted, y)
    with pytest.raises(ValueError, match=message):
        make(name).fit(X, y, X_val=X, y_val=exchanged)
    fitted = make(name).fit(X, y)
    expected = fitted.score(X, y)
    assert fitted.score(X, np.column_stack([*columns.values()])) == pytest.approx(expected)
    assert fitted.score(X, library({"a": columns["load"], "b": columns["wind"]})) == expected  # by position
    assert fitted.fit(X, exchanged).score(X, exchanged) > -10


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_frames_of_the_time_steps_of_a_list(library):
    sequences = [x[: 2 + i % 4] for i, x in enumerate(X)]
    y = [library({"load": x[:, 0], "wind": 3 * x[:, 1]}) for x in sequences]
    exchanged = [*y[:3], library({"wind": y[3]["wind"], "load": y[3]["load"]}), *y[4:]]
    message = (
        r"Sample 3 of y has the columns \['wind', 'load'\], but those of the training targets are \['load', 'wind'\]"
    )
    regressor = make("GRURegressor", return_sequences=True)
    with pytest.raises(ValueError, match=message):
        regressor.fit(sequences, exchanged)
    with pytest.raises(ValueError, match=message):
        regressor.fit(sequences, y, X_val=sequences, y_val=exchanged)
    regressor.fit(sequences, y)
    for call in (regressor.score, regressor.partial_fit):
        with pytest.raises(ValueError, match=message):
            call(sequences, exchanged)
    with pytest.raises(ValueError, match="Sample 0 of y has the columns"):
        regressor.score(sequences[3:4], exchanged[3:4])
    expected = regressor.score(sequences, y)
    assert regressor.score(sequences, [np.asarray(steps) for steps in y]) == expected
    assert regressor.score(sequences, [library({"a": s["load"], "b": s["wind"]}) for s in y]) == expected  # by position


@pytest.mark.parametrize("name", ["GRURegressor", "GRUClassifier"])
def test_time_steps_in_another_order_than_in_fit(name):
    features = pd.DataFrame(X[:, :, 0], columns=["t1", "t2", "t3", "t4", "t5"])
    y = (features > 0).astype(int)
    fitted = make(name, return_sequences=True).fit(features, y)
    for call in (fitted.score, fitted.partial_fit):
        with pytest.raises(ValueError, match=r"y has the columns \['t5', .* was fitted on \['t1',"):
            call(features, y[["t5", "t4", "t3", "t2", "t1"]])
    assert fitted.score(features, y) == fitted.score(features, y.to_numpy())
    longer = make(name, return_sequences=True).fit(X, y)
    assert longer.score(X[:, :3], y[["t1", "t2", "t3"]]) == longer.score(X[:, :3], y.to_numpy()[:, :3])
