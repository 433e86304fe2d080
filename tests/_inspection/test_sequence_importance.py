"""Permutation importance: values of a known model, layouts, permutations of sequences of different lengths."""

import joblib
import numpy as np
import pandas as pd
import pytest
from conftest import make
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer, mean_squared_error
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skrnn import (
    GRUClassifier,
    GRURegressor,
    SequenceAutoencoder,
    SequenceForecaster,
    SequenceOutlierDetector,
    Sequences,
    SequenceScaler,
    SequenceTokenizer,
    SequenceWindower,
    sliding_windows,
)
from skrnn.inspection import integrated_gradients, sequence_importance

SHAPES = {"feature": (3,), "step": (5,), "both": (5, 3)}


class Weighted(RegressorMixin, BaseEstimator):
    """Model that is known: the sum of all elements, each times its weight, counted from the last time step."""

    def __init__(self, weights=None):
        self.weights = weights

    def fit(self, X, y):
        self.is_fitted_ = True
        return self

    def predict(self, X):
        X = [np.asarray(sequence) for sequence in X]
        X = [sequence[~np.isnan(sequence).all(axis=1)] for sequence in X]
        return np.array([np.sum(sequence * self.weights[-len(sequence) :]) for sequence in X])


class Seen(BaseEstimator):
    """Estimator that keeps everything that it is asked to score."""

    def fit(self, X, y=None):
        self.seen_ = []
        return self

    def score(self, X, y=None, sample_weight=None):
        self.seen_.append((X, sample_weight))
        return 1.0


# ---------------------------------------------------------------------- values


@pytest.mark.parametrize("by", SHAPES)
def test_importance_of_a_known_model(X, by):
    """Without an error before, the importance is the mean squared change of the predictions."""
    weights = np.arange(15.0).reshape(5, 3) - 4
    model = Weighted(weights).fit(X, None)
    y = model.predict(X)
    result = sequence_importance(model, X, y, by=by, scoring="neg_mean_squared_error", n_repeats=4, random_state=3)

    random, expected = np.random.RandomState(3), []
    for _ in range(4):
        change = (X[random.permutation(len(X))] - X) * weights  # (n_samples, n_steps, n_features)
        change = {"feature": change.sum(axis=1), "step": change.sum(axis=2), "both": change}[by]
        expected.append(np.mean(change**2, axis=0))
    expected = np.stack(expected, axis=-1)
    assert result.importances.shape == (*SHAPES[by], 4)
    assert_allclose(result.importances, expected, rtol=1e-10)
    assert_allclose(result.importances_mean, expected.mean(axis=-1))
    assert_allclose(result.importances_std, expected.std(axis=-1))
    assert result.by == by


def test_the_default_is_by_feature_with_the_score_of_the_estimator(X, y):
    model = make("GRURegressor").fit(X, y)
    result = sequence_importance(model, X, y, random_state=0)
    again = sequence_importance(model, X, y, by="feature", scoring="r2", n_repeats=5, random_state=0)
    assert_allclose(result.importances, again.importances, rtol=1e-6, atol=1e-9)
    assert result.importances.shape == (3, 5)


def test_weights_and_scorers_are_passed_on(X, y):
    model, weights = Weighted(np.eye(5, 3)).fit(X, y), np.arange(40.0)
    result = sequence_importance(model, X, y, by="step", sample_weight=weights, n_repeats=1, random_state=0)
    permuted = X.copy()
    permuted[:, 2] = X[np.random.RandomState(0).permutation(40), 2]
    assert result.importances[2, 0] == pytest.approx(model.score(X, y, weights) - model.score(permuted, y, weights))

    scorer = make_scorer(mean_squared_error, greater_is_better=False)
    by_scorer = sequence_importance(model, X, y, scoring=scorer, random_state=0)
    by_name = sequence_importance(model, X, y, scoring="neg_mean_squared_error", random_state=0)
    assert_array_equal(by_scorer.importances, by_name.importances)
    assert not np.array_equal(by_scorer.importances, sequence_importance(model, X, y, random_state=0).importances)


def test_seeds_and_jobs(X, y):
    model = make("GRURegressor").fit(X, y)
    first = sequence_importance(model, X, y, by="both", random_state=7)
    with joblib.parallel_config("threading"):
        threads = sequence_importance(model, X, y, by="both", random_state=7, n_jobs=2)
    assert_array_equal(first.importances, threads.importances)
    state = sequence_importance(model, X, y, by="both", random_state=np.random.RandomState(7))
    assert_array_equal(first.importances, state.importances)
    assert not np.array_equal(first.importances, sequence_importance(model, X, y, by="both", random_state=8))


@pytest.mark.slow
def test_processes(X, y):
    model = make("GRURegressor").fit(X, y)
    expected = sequence_importance(model, X, y, random_state=7).importances
    assert_array_equal(sequence_importance(model, X, y, random_state=7, n_jobs=2).importances, expected)


# ---------------------------------------------------------------------- layouts


def ragged(n_samples=9, n_features=2):
    """Sequences whose values tell sample, feature, and position from the last time step, and their lengths."""
    lengths = np.random.default_rng(0).integers(2, 7, n_samples)
    lengths[4] = 8  # the only one with its first time step
    steps = [np.arange(length)[::-1, None] for length in lengths]
    return [1000.0 * i + 100 * np.arange(n_features) + step for i, step in enumerate(steps)], lengths


def layouts(sequences):
    """The same sequences in every 3-D layout, and how to get a list of their valid time steps from it."""
    lengths = [len(sequence) for sequence in sequences]
    longest, shape = max(lengths), (len(lengths), max(lengths), sequences[0].shape[1])
    trailing, leading = np.full(shape, np.nan), np.full(shape, np.nan)
    for i, sequence in enumerate(sequences):
        trailing[i, : len(sequence)], leading[i, longest - len(sequence) :] = sequence, sequence
    starts = np.cumsum(lengths) - lengths
    lazy = Sequences(np.concatenate(sequences), starts, np.array(lengths), longest - np.array(lengths), 1, longest)
    objects = np.empty(len(sequences), dtype=object)
    objects[:] = sequences
    padded = [trailing[i, : len(sequence) + i % 2] for i, sequence in enumerate(sequences)]
    padded[4] = sequences[4]
    return {
        "list": sequences,
        "objects": objects,
        "padded list": padded,
        "trailing": trailing,
        "leading": leading,
        "lazy": lazy,
    }


def valid_steps(X):
    return [sequence[~np.isnan(sequence).all(axis=1)] for sequence in map(np.asarray, X)]


LAYOUTS = [*layouts(ragged()[0])]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_steps_are_permuted_among_the_sequences_that_have_them(layout):
    sequences, lengths = ragged()
    X = layouts(sequences)[layout]
    model = Seen().fit(X)
    sequence_importance(model, X, None, by="feature", n_repeats=3, random_state=0)
    random = np.random.RandomState(0)
    permutations = [random.permutation(9) for _ in range(3)]
    assert len(model.seen_) == 1 + 2 * 3
    assert model.seen_[0][0] is X
    for feature in range(2):
        for permutation, (permuted, _) in zip(permutations, model.seen_[1 + 3 * feature :], strict=False):
            assert type(permuted) is type(X)
            assert [len(sequence) for sequence in permuted] == [len(sequence) for sequence in X]
            found = valid_steps(permuted)
            assert [len(sequence) for sequence in found] == lengths.tolist()
            for sample, sequence in enumerate(found):
                for step in range(len(sequence)):
                    source = permutation[sample]
                    while lengths[source] <= step:
                        source = permutation[source]
                    expected = sequences[sample][-1 - step].copy()
                    expected[feature] = 1000 * source + 100 * feature + step
                    assert_array_equal(sequence[-1 - step], expected)
            for step in range(8):  # nothing is lost, and nothing used twice
                values = [sequence[-1 - step, feature] for sequence in found if len(sequence) > step]
                assert len({*values}) == (lengths > step).sum()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_step_and_a_cell_of_sequences_that_differ_in_length(layout):
    sequences, lengths = ragged()
    X = layouts(sequences)[layout]
    model = Seen().fit(X)
    sequence_importance(model, X, None, by="both", n_repeats=1, random_state=0)
    assert len(model.seen_) == 1 + 8 * 2
    for number, (permuted, _) in enumerate(model.seen_[1:]):
        step, feature = 7 - number // 2, number % 2
        for sample, sequence in enumerate(valid_steps(permuted)):
            changed = np.argwhere(sequence != sequences[sample]).tolist()
            assert changed in ([], [[lengths[sample] - 1 - step, feature]])
    assert_array_equal(np.concatenate(valid_steps(model.seen_[1][0])), np.concatenate(sequences))  # of one sequence

    weights = np.random.default_rng(0).normal(size=(8, 2))
    known = Weighted(weights).fit(X, None)
    y = known.predict(X)
    expected = sequence_importance(known, sequences, y, by="step", random_state=0).importances
    found = sequence_importance(known, X, y, by="step", random_state=0).importances
    assert found.shape == (8, 5)
    assert_array_equal(found[0], 0)
    assert (found[-2:] > 0).all()
    assert_allclose(found, expected)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("by", ["feature", "step", "both"])
def test_the_input_is_not_changed(layout, by):
    X, before = layouts(ragged()[0])[layout], layouts(ragged()[0])[layout]
    y = np.arange(9.0)
    sequence_importance(Weighted(np.ones((8, 2))).fit(X, y), X, y, by=by, n_repeats=2)
    for sequence, expected in zip(X, before, strict=True):
        assert_array_equal(sequence, expected)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_estimators_take_every_layout(layout):
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(length, 2)) for length in ragged(20)[1]]
    X, y = layouts(sequences)[layout], np.array([sequence[-1, 0] for sequence in sequences])
    model = make_pipeline(SequenceScaler(), GRURegressor(6, epochs=3, random_state=0)).fit(X, y)
    result = sequence_importance(model, X, y, by="both", random_state=0)
    expected = sequence_importance(model, sequences, y, by="both", random_state=0)
    assert_allclose(result.importances, expected.importances, rtol=1e-4, atol=1e-6)


def test_overlapping_windows_stay_lazy():
    rows = np.random.default_rng(0).normal(size=(30, 2))
    X = sliding_windows(rows, 4)
    model = Seen().fit(X)
    sequence_importance(model, X, None, by="step", n_repeats=1, random_state=0)
    permuted = model.seen_[-1][0]  # of the last time step
    expected = np.asarray(X)
    expected[:, -1] = rows[np.random.RandomState(0).permutation(30)]
    assert isinstance(permuted, Sequences)
    assert_array_equal(permuted, expected)


def test_univariate_sequences_in_a_table_and_in_a_frame():
    X = np.random.default_rng(0).normal(size=(40, 5))
    y = X[:, 3]
    frame = pd.DataFrame(X, columns=list("abcde"), index=np.arange(40) * 2)
    model = GRURegressor(8, epochs=60, optimizer__learning_rate=0.02, random_state=0).fit(frame, y)
    result = sequence_importance(model, frame, y, by="step", random_state=0)  # names of columns are kept
    assert result.importances_mean.argmax() == 3
    of_array = sequence_importance(GRURegressor(8, epochs=1).fit(X, y), X, y, by="step")
    assert of_array.importances.shape == (5, 5)
    seen = Seen().fit(frame)
    sequence_importance(seen, frame, None, by="step", n_repeats=1, random_state=0)
    permuted = seen.seen_[1][0]
    assert permuted.index.equals(frame.index)
    assert_array_equal(permuted["a"], X[np.random.RandomState(0).permutation(40), 0])
    assert_array_equal(permuted[["b", "c", "d", "e"]], X[:, 1:])


def test_tokens_keep_their_lengths():
    ids = np.array([[5, 0, 0], [2, 3, 0], [4, 6, 7], [0, 8, 9]])
    y = np.array([0, 1, 0, 1])
    model = GRUClassifier(4, embedding_dim=2, n_tokens=10, epochs=1, random_state=0).fit(ids, y)
    seen = []

    def scorer(estimator, X, y):
        seen.append(X)
        return estimator.score(X, y)

    result = sequence_importance(model, ids, y, by="step", scoring=scorer, n_repeats=6, random_state=0)
    assert result.importances.shape == (3, 6)
    for permuted in seen:
        assert_array_equal(permuted == 0, ids == 0)
        assert {permuted[0, 0], permuted[1, 1], permuted[2, 2], permuted[3, 2]} == {5, 3, 7, 9}
        assert {permuted[1, 0], permuted[2, 1], permuted[3, 1]} == {2, 6, 8}
        assert permuted[2, 0] == 4
    assert len({tuple(permuted.ravel()) for permuted in seen}) > 2


def test_one_output_per_step(X_masked, y_steps):
    model = make("GRURegressor", return_sequences=True, epochs=60, optimizer__learning_rate=0.02)
    model.fit(X_masked, y_steps)
    result = sequence_importance(model, X_masked, y_steps, by="both", random_state=0)
    assert result.importances.shape == (5, 3, 5)
    assert result.importances_mean[:3, 0].min() > 0.05  # of the feature that is summed
    assert (result.importances_mean[:3, 0] > 2 * np.abs(result.importances_mean[:3, 1:]).max(axis=1)).all()


def test_searches_and_other_estimators(X, y):
    search = GridSearchCV(GRURegressor(4, epochs=1, random_state=0), {"units": [2, 3]}, cv=2).fit(X, y)
    expected = sequence_importance(search.best_estimator_, X, y, random_state=0).importances
    assert_array_equal(sequence_importance(search, X, y, random_state=0).importances, expected)

    flat = make_pipeline(FunctionTransformer(lambda X: X.reshape(len(X), -1)), Ridge(1e-6)).fit(X, y)
    importances = sequence_importance(flat, X, y, by="both", random_state=0).importances_mean
    assert importances[-1, 0] > 0.5
    assert importances[-2, 1] > 0.5
    others = np.delete(importances.ravel(), [12, 10])
    assert np.abs(others).max() < 1e-6


# ---------------------------------------------------------------------- both methods find what matters


def first_cells(importances):
    """Return the two largest cells as pairs of time step and feature."""
    cells = np.argsort(importances.ravel())[-2:]
    return {tuple(int(i) for i in np.unravel_index(cell, importances.shape)) for cell in cells}


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 20))])
def test_the_steps_that_matter_are_first(seed):
    X = np.random.default_rng(seed).normal(size=(800, 10, 3))
    y = X[:, 3, 1] + X[:, 7, 1]
    model = GRURegressor(16, epochs=100, optimizer__learning_rate=0.01, random_state=seed).fit(X, y)
    result = sequence_importance(model, X, y, by="both", random_state=seed)
    assert first_cells(result.importances_mean) == {(3, 1), (7, 1)}
    assert first_cells(np.abs(integrated_gradients(model, X)).mean(axis=0)) == {(3, 1), (7, 1)}
    assert sequence_importance(model, X, y, random_state=seed).importances_mean.argmax() == 1


# ---------------------------------------------------------------------- bad input


@pytest.fixture(scope="module")
def fitted():
    X = np.random.default_rng(0).normal(size=(20, 4, 2))
    return GRURegressor(3, epochs=1, random_state=0).fit(X, X[:, 0, 0]), X, X[:, 0, 0]


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("by", "time", "The 'by' parameter of sequence_importance must be a str among"),
        ("by", None, "The 'by' parameter"),
        ("scoring", "r3", "The 'scoring' parameter of check_scoring must be|'r3' is not a valid scoring value"),
        ("scoring", 3, "The 'scoring' parameter of sequence_importance must be"),
        ("scoring", lambda *_: {"a": 1.0}, "must return a single number. Got {'a': 1.0} of type dict instead"),
        ("n_repeats", 0, "The 'n_repeats' parameter of sequence_importance must be an int in the range"),
        ("n_repeats", 1.5, "The 'n_repeats' parameter"),
        ("random_state", "a", "The 'random_state' parameter"),
        ("n_jobs", 1.5, "The 'n_jobs' parameter"),
        ("sample_weight", np.ones(19), "sample_weight.shape == "),
        ("sample_weight", -np.ones(20), "Negative values in data passed to `sample_weight`"),
    ],
)
def test_bad_parameters(fitted, parameter, value, message):
    model, X, y = fitted
    with pytest.raises(ValueError, match=message):
        sequence_importance(model, X, y, **{parameter: value})


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (3.0, TypeError, "X must be array-like or a DataFrame for sequence_importance. Got 3.0"),
        (np.ones((20, 4, 1)), ValueError, "X has 1 features, but GRURegressor is expecting 2"),
        (np.ones((20, 4)), ValueError, r"by='feature' requires sequences with features.*shape \(20, 4\).*by='step'"),
        (np.ones(20), ValueError, r"takes sequences, .* Got X with 1 dimension\(s\). .*pipeline\[:-1\].transform"),
        (["a text"] * 20, ValueError, r"Got X with 1 dimension\(s\)"),
        (np.ones((2, 2, 2, 2)), ValueError, "X has 4 dimensions"),
        (np.full((20, 4, 2), np.inf), ValueError, "contains infinity, first at sample 0.*sequence_importance"),
        (np.full((20, 4, 2), "a"), ValueError, "sequence_importance takes numbers"),
        (np.full((20, 4, 2), np.nan), ValueError, "Sample 0 of X has no valid time step"),
    ],
)
def test_bad_sequences(fitted, X, error, message):
    model, _, y = fitted
    with pytest.raises(error, match=message):
        sequence_importance(model, X, y)


def test_bad_targets_and_estimators(fitted):
    model, X, y = fitted
    with pytest.raises(ValueError, match="X has 20 samples, but y has 10"):
        sequence_importance(model, X, y[:10])
    with pytest.raises(NotFittedError):
        sequence_importance(GRURegressor(), X, y)
    with pytest.raises(ValueError, match="The 'estimator' parameter of sequence_importance must be"):
        sequence_importance("gru", X, y)


def test_estimators_of_rows_in_time_order():
    rows = np.random.default_rng(0).normal(size=(30, 2))
    model = make_pipeline(SequenceWindower(4), GRURegressor(3, epochs=1)).fit(rows, rows[:, 0])
    with pytest.raises(TypeError, match=r"but SequenceWindower takes rows in time order.*pipeline\[:-1\].transform"):
        sequence_importance(model, rows, rows[:, 0])
    windows = model[:-1].transform(rows)
    assert sequence_importance(model[-1], windows, rows[:, 0], by="step").importances.shape == (4, 5)
    forecaster = SequenceForecaster(GRURegressor(3, epochs=1), window=4).fit(None, rows[:, 0])
    with pytest.raises(TypeError, match="but SequenceForecaster takes rows in time order"):
        sequence_importance(forecaster, rows, rows[:, 0])
    for params in ({"method": "prediction"}, {"window": 4}):
        detector = SequenceOutlierDetector(random_state=0, **params).fit(rows)
        with pytest.raises(TypeError, match=r"but SequenceOutlierDetector takes rows in time order.* window=None"):
            sequence_importance(detector, rows, None, by="step", scoring=lambda model, X, y: 0.0)
    autoencoder = SequenceAutoencoder(units=3, epochs=1, random_state=0)
    detector = SequenceOutlierDetector(autoencoder).fit(windows)
    scores = sequence_importance(detector, windows, None, scoring=lambda model, X, y: model.score_samples(X).mean())
    assert scores.importances_mean.shape == (2,)
    texts = ["a good film", "a bad film"] * 5
    classifier = make_pipeline(SequenceTokenizer(), GRUClassifier(3, embedding_dim=2, epochs=1))
    classifier.fit(texts, [1, 0] * 5)
    with pytest.raises(ValueError, match="takes sequences"):
        sequence_importance(classifier, texts, [1, 0] * 5, by="step")
    ids = classifier[:-1].transform(texts)
    assert sequence_importance(classifier[-1], ids, [1, 0] * 5, by="step").importances.shape == (3, 5)
