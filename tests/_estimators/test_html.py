"""What scikit-learn's HTML shows of estimators, in notebooks."""

import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from skrnn import GRUClassifier, RecurrentRegressor, SequenceForecaster, SequenceWindower
from skrnn._estimators.html import network_summary

WAVE = np.sin(np.arange(60) / 3)
SMALL = {"epochs": 3, "random_state": 0}


def captions_of(estimator):
    return re.findall(r'<div class="caption">(.*?)</div>', estimator_html_repr(estimator))


@pytest.fixture(scope="module")
def fitted():
    rows = WAVE[:, None]
    network = RecurrentRegressor("lstm", (4, 3), dense_units=2, **SMALL)
    return make_pipeline(StandardScaler(), SequenceWindower(5), network).fit(rows[:-1], WAVE[1:])


def test_a_fitted_network_says_what_it_is(fitted):
    n_parameters = fitted[-1].model_.count_params()
    expected = f"LSTM with 4 and 3 units, dense with 2 units; {n_parameters:,} parameters; 3 epochs"
    assert network_summary(fitted[-1]) == expected
    assert captions_of(fitted[-1]) == [expected]
    assert expected in captions_of(fitted)  # inside a Pipeline


def test_parameters_are_shown_and_an_unfitted_network_says_nothing(fitted):
    unfitted = clone(fitted[-1])
    assert captions_of(unfitted) == []
    for name in ("dense_units", "random_state"):
        assert name in estimator_html_repr(unfitted)


def test_what_else_shapes_a_network_is_told():
    ids = np.random.default_rng(0).integers(1, 7, size=(40, 5))
    classifier = GRUClassifier(
        4, embedding_dim=3, bidirectional=True, early_stopping=True, patience=1, validation_split=0.5, **SMALL
    )
    classifier.set_params(epochs=30, optimizer__learning_rate=0.5).fit(ids, (ids == 3).any(axis=1))
    assert classifier.n_iter_ < 30
    words = network_summary(classifier)
    assert words.startswith("embedding of dimension 3, bidirectional GRU with 4 units; ")
    assert words.endswith(f"{classifier.n_iter_} epochs, weights of epoch {classifier.best_epoch_ + 1}")
    assert f"; {classifier.model_.count_params():,} parameters; " in words


def test_showing_builds_no_keras_model(fitted):
    again = clone(fitted[-1]).fit(WAVE[None, :40, None].repeat(4, axis=0), np.arange(4.0))
    estimator_html_repr(again)
    assert "_model" not in vars(again)


def test_a_forecaster_shows_its_parts():
    forecaster = SequenceForecaster(LinearRegression(), window=3, target_transformer=StandardScaler())
    for shown in (forecaster, clone(forecaster).fit(None, WAVE)):
        html = estimator_html_repr(shown)
        assert "estimator: LinearRegression" in html
        assert "target_transformer: StandardScaler" in html
    network = SequenceForecaster(RecurrentRegressor("rnn", 4, **SMALL), window=3).fit(None, WAVE)
    assert captions_of(network) == [network_summary(network.estimator_)]
