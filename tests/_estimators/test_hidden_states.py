"""Recurrent estimators as transformers: the states of their last recurrent layer."""

import pickle

import keras
import numpy as np
import pandas as pd
import pytest
import skops.io
from children import run_code
from conftest import (
    CLASSIFIER_CELLS,
    CLASSIFIERS,
    N_TIMESTEPS,
    REGRESSOR_CELLS,
    REGRESSORS,
    cell_id,
    make,
    make_cell,
    needs_kernels,
    weights_of,
    with_padded_steps,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import StackingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import SKOPS_TRUSTED, SequenceForecaster, Sequences, SequenceScaler, sliding_windows
from skrnn._estimators.members import members_of

METHODS = ("transform", "hidden_states")

# Parameters, and the number of states of each network.
NETWORKS = {
    "one layer": ({}, 6),
    "two layers, dropout": ({"units": (5, 4), "dropout": 0.3, "recurrent_dropout": 0.2}, 4),
    "both directions": ({"units": (5, 4), "bidirectional": True}, 8),
    "dense layers": ({"dense_units": (7, 3)}, 6),
    "mean": ({"pooling": "mean", "bidirectional": True, "dense_units": 3}, 12),
    "max": ({"pooling": "max"}, 6),
    "patches": ({"patch_size": 2}, 6),
    "mean of patches": ({"patch_size": 2, "pooling": "mean"}, 6),
    "float64": ({"dtype": "float64"}, 6),
}
networks = pytest.mark.parametrize("network", NETWORKS)
CASES = [*REGRESSOR_CELLS, *CLASSIFIER_CELLS]
SLOW = pytest.mark.slow  # Keras traces every model
SHORT = [CASES[0], *(pytest.param(case, marks=SLOW) for case in CASES[1:])]


def by_keras(estimator, X):
    """Inputs of the first dense layer of the Keras model of each member, side by side."""
    inputs, parts = estimator.model_input(X), []
    for member in members_of(estimator):
        model = member.model_
        dense = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
        parts.append(keras.Model(model.inputs[0], dense.input).predict_on_batch(inputs))
    return np.concatenate(parts, axis=1)


def tolerance_of(estimator):
    return 1e-9 if estimator.dtype == "float64" else 1e-5


def as_ragged(X):
    """Sequences of different lengths: the last time steps of some."""
    return [x[i % 3 :] for i, x in enumerate(X)]


@pytest.fixture
def tokens():
    """Token ids, padded at either end."""
    tokens = np.random.default_rng(0).integers(1, 9, size=(40, 5))
    tokens[::4, :2] = 0
    tokens[1::4, 3:] = 0
    return tokens


@pytest.fixture
def X_codes(X):
    """Sequences whose second feature is a code."""
    X = X.copy()
    X[..., 1] = np.random.default_rng(1).integers(4, size=X.shape[:2])
    return X


# ---------------------------------------------------------------------- the Keras network, cut before its dense layers


@networks
@pytest.mark.parametrize("cell", SHORT, ids=lambda case: cell_id(case) if isinstance(case, tuple) else None)
def test_features_are_the_inputs_of_the_first_dense_layer(cell, network, X, labels):
    params, n_states = NETWORKS[network]
    y = labels if "Classifier" in cell[0] else X[:, -1, 0]
    X = with_padded_steps(X)
    estimator = make_cell(cell, **params).fit(X, y)
    features = estimator.transform(X)
    assert features.shape == (len(X), n_states)
    assert features.dtype == estimator.dtype
    assert_allclose(features, by_keras(estimator, X), atol=tolerance_of(estimator))
    assert np.ptp(features, axis=0).min() > 1e-3  # they depend on the sequences


@pytest.mark.parametrize("layout", ["2-D", "list", "windows", "tokens", "patches of tokens", "categories"])
def test_features_of_every_layout(layout, X, X_codes, y, tokens):
    given, params = {
        "2-D": (X[..., 0], {}),
        "list": (as_ragged(X), {}),
        "windows": (sliding_windows(X[:, 0], 4), {}),
        "tokens": (tokens, {"embedding_dim": 3, "bidirectional": True}),
        "patches of tokens": (tokens, {"embedding_dim": 3, "patch_size": 2}),
        "categories": (with_padded_steps(X_codes), {"categorical_features": [1]}),
    }[layout]
    regressor = make("GRURegressor", **params).fit(given, y)
    assert_allclose(regressor.transform(given), by_keras(regressor, given), atol=1e-5)


@pytest.mark.parametrize("params", [{}, {"bidirectional": True, "pooling": "max"}], ids=str)
def test_features_of_members_are_side_by_side(params, X_masked, labels):
    classifier = make("LSTMClassifier", n_members=3, units=4, **params).fit(X_masked, labels)
    features, states = classifier.transform(X_masked), classifier.hidden_states(X_masked)
    assert_allclose(features, by_keras(classifier, X_masked), atol=1e-5)
    assert_array_equal(features, np.hstack([member.transform(X_masked) for member in classifier.members_]))
    assert_array_equal(states, np.concatenate([m.hidden_states(X_masked) for m in classifier.members_], axis=2))
    assert len(classifier.get_feature_names_out()) == features.shape[1] == states.shape[2] == 3 * 4 * (1 + bool(params))


# ---------------------------------------------------------------------- all time steps


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_states_of_a_simple_network_by_numpy(pooling, bidirectional, X, y):
    X = with_padded_steps(X)
    params = {"cell": "rnn", "dtype": "float64", "pooling": pooling, "bidirectional": bidirectional}
    regressor = make("RecurrentRegressor", **params, dense_units=3).fit(X, y)

    def by_numpy(x, kernel, recurrent, bias):
        state, states = np.zeros(len(recurrent)), []
        for row in x:
            state = np.tanh(row @ kernel + state @ recurrent + bias)
            states.append(state)
        return np.array(states)

    weights, states = regressor._state.weights, regressor.hidden_states(X)
    for x, of_x in zip(X, states, strict=True):
        is_valid = ~np.isnan(x[:, 0])
        expected = by_numpy(x[is_valid], *weights[:3])
        if bidirectional:
            expected = np.hstack([expected, by_numpy(x[is_valid][::-1], *weights[3:6])[::-1]])
        assert_allclose(of_x[is_valid], expected, rtol=1e-9)
        assert np.isnan(of_x[~is_valid]).all()


@pytest.mark.parametrize("cell", CASES, ids=cell_id)
def test_a_state_is_the_feature_of_the_sequence_up_to_its_time_step(cell, X, labels):
    y = labels if "Classifier" in cell[0] else X[:, -1, 0]
    estimator = make_cell(cell, units=(5, 4)).fit(X, y)
    states = estimator.hidden_states(X)
    assert states.shape == (*X.shape[:2], 4)
    assert states.dtype == np.float32
    for t in range(X.shape[1]):
        assert_allclose(states[:, t], estimator.transform(X[:, : t + 1]), atol=1e-6)


def test_states_of_the_backward_direction_depend_on_later_time_steps(X, y):
    regressor = make("GRURegressor", bidirectional=True).fit(X, y)
    states = regressor.hidden_states(X)
    for t in range(X.shape[1]):
        assert_allclose(states[:, t, :6], regressor.transform(X[:, : t + 1])[:, :6], atol=1e-6)
        assert_allclose(states[:, t, 6:], regressor.transform(X[:, t:])[:, 6:], atol=1e-6)


@pytest.mark.parametrize("name", [*REGRESSORS, *CLASSIFIERS])
def test_predictions_per_time_step_are_those_of_the_dense_layer(name, X_masked, y_steps):
    is_classifier = name in CLASSIFIERS
    y = (y_steps > 0).astype(int) if is_classifier else y_steps
    estimator = make(name, return_sequences=True).fit(X_masked, y)
    states = estimator.hidden_states(X_masked)
    kernel, bias = (array for array in estimator.model_.layers[-1].get_weights())
    logits = (states @ kernel + bias)[..., 0]
    if is_classifier:
        assert_allclose(1 / (1 + np.exp(-logits)), estimator.predict_proba(X_masked)[..., 1], atol=1e-5)
    else:
        assert_allclose(logits, estimator.predict(X_masked), atol=1e-5)
    assert_array_equal(np.isnan(states).all(axis=2), np.isnan(X_masked[..., 0]))


def test_states_of_a_list_have_its_lengths(X, y):
    ragged = as_ragged(X)
    ragged[3] = np.vstack([np.full((2, 3), np.nan), ragged[3]])  # a padded time step within a sequence of the list
    regressor = make("LSTMRegressor", n_members=2).fit(ragged, y)
    states, features = regressor.hidden_states(ragged), regressor.transform(ragged)
    assert states.dtype == object
    assert [of.shape for of in states] == [(len(x), 12) for x in ragged]
    assert np.isnan(states[3][:2]).all()
    for x, of_x, feature in zip(ragged, states, features, strict=True):
        is_valid = ~np.isnan(x[:, 0])
        assert_allclose(of_x[is_valid], regressor.hidden_states(x[None, is_valid])[0], atol=1e-6)
        assert_allclose(feature, regressor.transform(x[None, is_valid])[0], atol=1e-6)
        assert_allclose(feature, of_x[-1], atol=1e-6)
    per_step = make("LSTMRegressor", return_sequences=True).fit(ragged, [np.arange(len(x)) / 5 for x in ragged])
    assert [of.shape for of in per_step.hidden_states(ragged)] == [(*of.shape, 6) for of in per_step.predict(ragged)]


def test_states_of_tokens_are_nan_at_padding(tokens, y):
    regressor = make("GRURegressor", embedding_dim=3).fit(tokens, y)
    states = regressor.hidden_states(tokens)
    is_padding = tokens == 0
    assert_array_equal(np.isnan(states).all(axis=2), is_padding)
    for row, of_row in enumerate(states):
        ids = tokens[row][tokens[row] > 0]
        for t, of_step in enumerate(of_row[~is_padding[row]]):
            until = np.zeros((1, 5), dtype=int)
            until[0, : t + 1] = ids[: t + 1]
            assert_allclose(of_step, regressor.transform(until)[0], atol=1e-6)


# ---------------------------------------------------------------------- patches


@pytest.fixture
def X_long():
    """Sequences of seven time steps: complete ones, and ones with padding at either end."""
    X = np.random.default_rng(2).normal(size=(40, 7, 2))
    X[1, :2] = np.nan
    X[2, -3:] = np.nan
    X[3, :2] = X[3, -2:] = np.nan
    X[4, 1:] = np.nan
    return X


@pytest.mark.parametrize("patch_size", [2, 3, 7])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_there_is_a_state_per_patch(bidirectional, patch_size, X_long, y):
    regressor = make("GRURegressor", patch_size=patch_size, bidirectional=bidirectional, dtype="float64").fit(X_long, y)
    states = regressor.hidden_states(X_long)
    n_patches = -(-7 // patch_size)
    assert states.shape == (40, n_patches, 6 * (1 + bidirectional))
    for x, of_x in zip(X_long, states, strict=True):
        valid = x[~np.isnan(x[:, 0])]
        n_valid, n_trailing = -(-len(valid) // patch_size), np.isnan(x[::-1, 0]).argmin() // patch_size
        first = n_patches - n_trailing - n_valid
        expected = np.full(of_x.shape, np.nan)
        for k in range(n_valid):
            end = len(valid) - patch_size * (n_valid - 1 - k)
            expected[first + k, :6] = regressor.transform(valid[None, :end])[0, :6]
            if bidirectional:
                padded = np.vstack([np.zeros((n_valid * patch_size - len(valid), 2)), valid])
                expected[first + k, 6:] = regressor.transform(padded[None, k * patch_size :])[0, 6:]
        assert_allclose(of_x, expected, rtol=1e-9)


def test_where_the_padding_of_patches_is(X_long, y):
    states = make("GRURegressor", patch_size=2).fit(X_long, y).hidden_states(X_long)
    assert np.isnan(states[:5, :, 0]).tolist() == [
        [False, False, False, False],
        [True, False, False, False],
        [True, False, False, True],
        [True, False, False, True],
        [False, True, True, True],
    ]


def test_patches_of_a_list(X_long, y):
    ragged = [x[~np.isnan(x[:, 0])] for x in X_long]
    regressor = make("GRURegressor", patch_size=3).fit(ragged, y)
    states = regressor.hidden_states(ragged)
    assert [of.shape for of in states[:5]] == [(3, 6), (2, 6), (2, 6), (1, 6), (1, 6)]
    assert_allclose(np.array([of[-1] for of in states]), regressor.transform(ragged), atol=1e-6)
    assert not any(np.isnan(of).any() for of in states)


# ---------------------------------------------------------------------- engines


def gru_layer(units, **options):
    """A callable cell."""
    return keras.layers.GRU(units, **options)


def wide_layer(units, **options):
    """A callable cell with one unit more than it is asked for, and a variable that is not trained."""
    layer = keras.layers.GRU(units + 1, **options)
    layer.add_weight(name="calls", shape=(), trainable=False, initializer="zeros")
    return layer


CALLABLE = [{}, {"bidirectional": True, "dense_units": 3, "dropout": 0.2}, {"pooling": "max"}]


@pytest.mark.parametrize("params", [CALLABLE[0], *(pytest.param(p, marks=SLOW) for p in CALLABLE[1:])], ids=str)
def test_features_of_a_callable_cell(params, X_masked, y):
    regressor = make("RecurrentRegressor", cell=gru_layer, epochs=1, **params).fit(X_masked, y)
    features = regressor.transform(X_masked)
    assert features.shape == (len(X_masked), 12 if "bidirectional" in params else 6)
    assert_allclose(features, by_keras(regressor, X_masked), atol=1e-6)
    states = regressor.hidden_states(X_masked)
    assert_array_equal(np.isnan(states).all(axis=2), np.isnan(X_masked[..., 0]))
    for t in range(N_TIMESTEPS if params == {} else 0):
        assert_allclose(states[5:, t], regressor.transform(X_masked[5:, : t + 1]), atol=1e-6)


def test_a_callable_cell_may_have_another_number_of_units(X, y):
    regressor = make("RecurrentRegressor", cell=wide_layer, epochs=1).fit(X, y)
    assert_allclose(regressor.transform(X), by_keras(regressor, X), atol=1e-6)
    assert len(regressor.get_feature_names_out()) == 7


ENGINES = [
    ("torch", {}),
    ("torch", {"units": (5, 4), "bidirectional": True, "dense_units": 3}),
    ("torch", {"patch_size": 2, "pooling": "mean"}),
    ("torch", {"patch_size": 3, "pooling": "max", "bidirectional": True}),
    ("keras", {}),
    pytest.param("keras", {"units": (5, 4), "bidirectional": True, "dense_units": 3}, marks=SLOW),
    pytest.param("keras", {"patch_size": 2, "pooling": "mean"}, marks=SLOW),
]


@pytest.mark.parametrize(("engine", "params"), ENGINES, ids=str)
def test_engines_return_the_same(engine, params, X_masked, y, monkeypatch):
    if engine == "torch":
        pytest.importorskip("torch", reason="Is about torch, which is optional and not installed.")
    regressor = make("LSTMRegressor", **params).fit(X_masked, y)
    given = [X_masked, X_masked[5:], as_ragged(X_masked[5:])]
    expected = [getattr(regressor, method)(X) for method in METHODS for X in given]
    monkeypatch.setenv("SKRNN_ENGINE", engine)
    found = [getattr(regressor, method)(X) for method in METHODS for X in given]
    for of, other in zip(found, expected, strict=True):
        assert of.shape == other.shape
        for part, wanted in zip(of, other, strict=True):
            assert_allclose(part, wanted, atol=1e-6)


NATIVE = """
import sys
import numpy as np
from skrnn import GRUClassifier

X = np.random.default_rng(0).normal(size=(24, 4, 2))
classifier = GRUClassifier(3, epochs=1, random_state=0).fit(X, X[:, -1, 0] > 0)
assert classifier.transform(X).shape == (24, 3) and classifier.hidden_states(X).shape == (24, 4, 3)
print([name for name in ("tensorflow", "keras", "torch") if name in sys.modules])
"""


@needs_kernels
def test_features_load_no_keras():
    assert run_code(NATIVE).stdout.strip() == "[]"


@needs_kernels
def test_windows_are_not_expanded(y, monkeypatch):
    windows = sliding_windows(np.random.default_rng(0).normal(size=(40, 2)), 8)
    regressor = make("GRURegressor").fit(windows, y)
    expected = regressor.transform(np.asarray(windows)), regressor.hidden_states(np.asarray(windows))
    for method in ("__array__", "gather"):
        monkeypatch.setattr(Sequences, method, lambda *args, **kwargs: pytest.fail("The windows were expanded."))
    assert_array_equal(regressor.transform(windows), expected[0])
    assert_array_equal(regressor.hidden_states(windows), expected[1])


# ---------------------------------------------------------------------- the contract of scikit-learn


@pytest.mark.parametrize("method", METHODS)
def test_a_row_does_not_depend_on_the_others(method, X_masked, labels):
    classifier = make("GRUClassifier", bidirectional=True, pooling="mean", units=(5, 4)).fit(X_masked, labels)
    states, order = getattr(classifier, method)(X_masked), np.random.default_rng(3).permutation(len(X_masked))
    assert_array_equal(getattr(classifier, method)(X_masked[order]), states[order])
    assert_array_equal(np.concatenate([getattr(classifier, method)(x[None]) for x in X_masked]), states)


@pytest.mark.parametrize("method", METHODS)
def test_saved_estimators_return_the_same(method, X_masked, y):
    regressor = make("GRURegressor", n_members=2).fit(X_masked, y).set_output(transform="default")
    expected = getattr(regressor, method)(X_masked)
    by_skops = skops.io.loads(skops.io.dumps(regressor), trusted=SKOPS_TRUSTED)
    for again in (pickle.loads(pickle.dumps(regressor)), by_skops):
        assert_array_equal(getattr(again, method)(X_masked), expected)


def test_features_follow_the_weights(X, y):
    regressor = make("GRURegressor", warm_start=True).fit(X, y)
    before = regressor.transform(X)
    assert_allclose(regressor.fit(X, y).transform(X), by_keras(regressor, X), atol=1e-5)
    assert np.abs(regressor.transform(X) - before).max() > 1e-3
    assert regressor.set_params(units=4, warm_start=False).fit(X, y).transform(X).shape == (len(X), 4)


def test_features_leave_the_estimator_as_it_is(X, y):
    regressor, expected = make("GRURegressor", dense_units=3).fit(X, y), make("GRURegressor", dense_units=3).fit(X, y)
    regressor.transform(X), regressor.hidden_states(X)
    assert vars(regressor).keys() == vars(expected).keys()
    assert_array_equal(weights_of(regressor), weights_of(expected))
    assert_array_equal(regressor.predict(X), expected.predict(X))


def test_fit_transform_and_names(X, labels):
    classifier = make("RecurrentClassifier", cell="lstm", units=3)
    features = classifier.fit_transform(X, labels)
    assert_array_equal(features, clone(classifier).fit(X, labels).transform(X))
    names = [f"recurrentclassifier{k}" for k in range(3)]
    assert classifier.get_feature_names_out().tolist() == names
    frame = pd.DataFrame(X[..., 0], index=np.arange(40) + 7)
    named = make("GRURegressor", units=2).set_output(transform="pandas").fit(frame, X[:, -1, 0]).transform(frame)
    assert list(named.columns) == ["gruregressor0", "gruregressor1"]
    assert named.index.equals(frame.index)
    assert set(named.dtypes) == {np.dtype("float32")}


@pytest.mark.parametrize("name", [*REGRESSORS, *CLASSIFIERS])
@pytest.mark.parametrize("method", [*METHODS, "get_feature_names_out"])
def test_estimators_that_are_not_fitted(method, name, X):
    with pytest.raises(NotFittedError, match=f"This {name} instance is not fitted yet"):
        getattr(make(name), method)(*([X] if method in METHODS else []))


def test_features_require_one_output_per_sequence(X, y_steps):
    regressor = make("GRURegressor", return_sequences=True).fit(X, y_steps)
    with pytest.raises(ValueError, match=r"GRURegressor was fitted with return_sequences=True.*hidden_states\(X\)"):
        regressor.transform(X)


@pytest.mark.parametrize("name", [*REGRESSORS, *CLASSIFIERS])
@pytest.mark.parametrize("method", METHODS)
def test_bad_input_raises_as_in_predict(method, name, X, labels):
    estimator = make(name).fit(X, labels if name in CLASSIFIERS else X[:, 0, 0])
    wrong = np.where(np.arange(3) == 1, np.nan, X)
    for given in (X[..., 0], X[..., :2], wrong, X[:0], [X[0], X[1, :, :2]], None, 3.0):
        with pytest.raises((TypeError, ValueError)) as expected:
            estimator.predict(given)
        with pytest.raises(type(expected.value)) as raised:
            getattr(estimator, method)(given)
        assert str(raised.value) == str(expected.value)


# ---------------------------------------------------------------------- composition


def test_a_network_inside_a_pipeline_in_a_search(X, labels):
    pipeline = make_pipeline(SequenceScaler(), make("GRUClassifier"), LogisticRegression())
    search = GridSearchCV(pipeline, {"gruclassifier__units": [3, (4, 5)]}, cv=2)
    for given in (X, with_padded_steps(X), as_ragged(X)):
        units = search.fit(given, labels).best_params_["gruclassifier__units"]
        scaled = SequenceScaler().fit_transform(given)
        features = make("GRUClassifier", units=units).fit(scaled, labels).transform(scaled)
        assert features.shape == (len(X), np.ravel(units)[-1])
        expected = LogisticRegression().fit(features, labels).predict_proba(features)
        assert_allclose(search.predict_proba(given), expected, atol=1e-6)


def test_features_of_a_network_that_was_fitted_on_other_rows(X, labels):
    X_network, X_rest, y_network, y_rest = train_test_split(X, labels, test_size=0.5, random_state=0, stratify=labels)
    network = make("GRUClassifier").fit(X_network, y_network)
    head = LogisticRegression().fit(network.transform(X_rest), y_rest)
    assert head.coef_.shape == (3, 6)
    assert head.predict(network.transform(X)).shape == (len(X),)


def test_a_stack_of_networks_is_fitted_on_probabilities(X, labels):
    network = make("GRUClassifier")
    stack = StackingClassifier([("gru", network)], LogisticRegression(), cv=2).fit(X, labels)
    assert stack.stack_method_ == ["predict_proba"]
    expected = cross_val_predict(network, X, labels, cv=2, method="predict_proba")
    assert_allclose(stack.final_estimator_.coef_, LogisticRegression().fit(expected, labels).coef_)


def test_a_forecaster_of_features():
    series = np.sin(np.arange(120) / 4)
    pipeline = make_pipeline(make("GRURegressor", units=16, epochs=30), Ridge(alpha=1e-3))
    forecaster = SequenceForecaster(pipeline, window=8).fit(None, series)
    assert_allclose(forecaster.forecast(3), np.sin(np.arange(120, 123) / 4), atol=0.05)


def test_other_compositions_are_unchanged(X, y):
    regressor = make("GRURegressor")
    pipeline = make_pipeline(SequenceScaler(), regressor).set_output(transform="pandas").fit(X, y)
    scaled = SequenceScaler().fit_transform(X)
    expected = clone(regressor).fit(scaled, y)
    assert_array_equal(pipeline.predict(X), expected.predict(scaled))
    assert_array_equal(pipeline.transform(X).to_numpy(), expected.transform(scaled))
    meta = TransformedTargetRegressor(pipeline, transformer=StandardScaler()).fit(X, y)
    assert not hasattr(meta, "transform")
    assert isinstance(meta.predict(X), np.ndarray)
