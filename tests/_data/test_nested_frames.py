"""Frames whose cells contain sequences."""

import numpy as np
import pandas as pd
import pytest
from conftest import make
from numpy.testing import assert_array_equal

from skrnn import SequenceAutoencoder, SequenceOutlierDetector, SequenceScaler
from skrnn.inspection import sequence_importance

CELLS = {"Series": pd.Series, "ndarray": np.asarray, "list": list}


def nested(X, cell=pd.Series):
    """Sequences as a frame with one row per sample and one column per feature."""
    return pd.DataFrame({f"x{k}": [cell(sequence[:, k]) for sequence in X] for k in range(X.shape[2])})


@pytest.mark.parametrize("kind", CELLS)
def test_error_names_the_conversion(kind, X, y):
    frame = nested(X, CELLS[kind])
    message = (
        rf" does not take frames whose cells contain sequences \(nested_univ of sktime\). Got a {kind} of 5 values at "
        r"sample 0, column 'x0'\. .*: \[pd\.DataFrame\(dict\(row\)\) for _, row in X\.iterrows\(\)\]\."
    )
    for name, target in {"GRURegressor": y, "LSTMClassifier": y > 0}.items():
        fitted = make(name).fit(X, target)
        with pytest.raises(TypeError, match=name + message):
            fitted.fit(frame, target)
        with pytest.raises(TypeError, match=name + message):
            fitted.predict(frame)
        with pytest.raises(TypeError, match=f"In X_val.*{name}{message}"):
            fitted.fit(X, target, X_val=frame, y_val=target)
    for estimator in (SequenceAutoencoder(), SequenceScaler(), SequenceOutlierDetector(window=None)):
        with pytest.raises(TypeError, match=message):
            estimator.fit(frame)
    with pytest.raises(TypeError, match="sequence_importance" + message):
        sequence_importance(fitted, frame, y > 0, by="step")
    # The columns may follow others.
    with pytest.raises(TypeError, match="column 'x0'"):
        make("GRURegressor").fit(frame.assign(age=1)[["age", "x0"]], y)


def test_conversion_of_the_error(X, y):
    frame = nested(X)
    sequences = [pd.DataFrame(dict(row)) for _, row in frame.iterrows()]
    expected = make("GRURegressor").fit(X, y).predict(X)
    assert_array_equal(make("GRURegressor").fit(sequences, y).predict(sequences), expected)


def test_series_of_series(X, y):
    column = nested(X)["x0"]
    with pytest.raises(TypeError, match=r"sample 0\. .* \[sequence\.to_frame\(\) for sequence in X\]"):
        make("GRURegressor").fit(column, y)
    sequences = [sequence.to_frame() for sequence in column]
    expected = make("GRURegressor").fit(X[..., :1], y).predict(X[..., :1])
    assert_array_equal(make("GRURegressor").fit(sequences, y).predict(sequences), expected)
