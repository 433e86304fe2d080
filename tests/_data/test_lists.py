"""Lists and object arrays of sequences, which may differ in length: every layout of them gives the same numbers."""

import pickle

import numpy as np
import pandas as pd
import pytest
from conftest import N_SAMPLES, make, weights_of
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold, cross_val_predict, cross_val_score

from skrnn import sliding_windows
from skrnn._estimators import validation_data
from skrnn._estimators.validation_data import held_out
from skrnn.datasets import load_japanese_vowels

NETWORKS = {
    "gru": ("GRURegressor", {}),
    "lstm": ("LSTMRegressor", {}),
    "rnn": ("RecurrentRegressor", {"cell": "rnn"}),
    "stacked": ("RecurrentRegressor", {"cell": "rnn", "units": (6, 4)}),
    "bidirectional": ("GRURegressor", {"bidirectional": True}),
}


@pytest.fixture
def sequences(X):
    """Sequences of 2 to 5 steps."""
    return [sequence[: 2 + i % 4] for i, sequence in enumerate(X)]


@pytest.fixture
def y(sequences):
    return np.array([sequence[-1, 0] - sequence[0, 1] for sequence in sequences])


@pytest.fixture
def labels(y):
    return np.array(["down", "flat", "up"])[np.digitize(y, [-0.7, 0.7])]


def as_objects(sequences):
    objects = np.empty(len(sequences), dtype=object)
    objects[:] = sequences
    return objects


def padded(sequences, where, n_timesteps=5):
    """The same sequences in a 3-D array."""
    array = np.full((len(sequences), n_timesteps, sequences[0].shape[1]), np.nan)
    for row, sequence in zip(array, sequences, strict=True):
        row[slice(len(sequence)) if where == "tail" else slice(n_timesteps - len(sequence), None)] = sequence
    return array


def assert_same_fit(one, other):
    assert_array_equal(weights_of(one), weights_of(other))
    assert one.history_ == other.history_


# ---------------------------------------------------------------------- layouts

LAYOUTS = {
    "tuple": tuple,
    "objects": as_objects,
    "series": lambda sequences: pd.Series(sequences, index=range(100, 100 + len(sequences))),
    "frames": lambda sequences: [pd.DataFrame(sequence) for sequence in sequences],
    "series of frames": lambda sequences: pd.Series([pd.DataFrame(sequence) for sequence in sequences]),
    "nested lists": lambda sequences: [sequence.tolist() for sequence in sequences],
    "objects of nested lists": lambda sequences: as_objects([sequence.tolist() for sequence in sequences]),
    "lists of arrays": lambda sequences: [list(sequence) for sequence in sequences],
    "numbers as objects": lambda sequences: [sequence.astype(object) for sequence in sequences],
    "all of these": lambda sequences: [
        (pd.DataFrame, np.asfortranarray, np.ndarray.tolist, np.float32)[i % 4](sequence)
        for i, sequence in enumerate(sequences)
    ],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_are_equal_to_the_bit(layout, sequences, y):
    sequences = [sequence.astype(np.float32).astype(np.float64) for sequence in sequences]
    expected = make("GRURegressor").fit(sequences, y)
    X = LAYOUTS[layout](sequences)
    fitted = make("GRURegressor").fit(X, y)
    assert_same_fit(fitted, expected)
    assert fitted.n_features_in_ == 3
    assert_array_equal(fitted.predict(X), expected.predict(sequences))
    assert expected.score(X, y) == expected.score(sequences, y)


@pytest.mark.parametrize("where", ["head", "tail"])
def test_a_fit_on_a_list_is_one_on_the_padded_array(where, sequences, y):
    expected = make("GRURegressor").fit(sequences, y)
    fitted = make("GRURegressor").fit(padded(sequences, where), y)
    assert_same_fit(fitted, expected)
    assert_array_equal(fitted.predict(sequences), expected.predict(padded(sequences, where)))
    other = make("GRURegressor").fit(sequences[::-1], y)
    assert np.abs(expected.predict(sequences) - other.predict(sequences)).max() > 0.01


@pytest.mark.slow
def test_a_list_is_as_long_as_its_longest_sequence(y):
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(17 - i % 4, 2)) for i in range(N_SAMPLES)]
    by_list = make("RecurrentRegressor", cell="rnn").fit(sequences, y)
    by_array = make("RecurrentRegressor", cell="rnn").fit(padded(sequences, "head", 17), y)
    assert by_list.model_input(sequences).shape == (N_SAMPLES, 17, 2)
    assert_allclose(by_list.history_["loss"], by_array.history_["loss"], rtol=1e-6)
    assert_allclose(weights_of(by_list), weights_of(by_array), rtol=0, atol=1e-6)
    expected = by_list.predict(sequences)
    assert_allclose(by_list.predict(padded(sequences, "head", 17)), expected, rtol=0, atol=1e-6)
    alike = [sequence[:13] for sequence in sequences]
    assert_allclose(by_list.predict(alike), by_list.predict(np.stack(alike)), rtol=0, atol=1e-6)


# ---------------------------------------------------------------------- prediction


def assert_sequences_are_alone(method, sequences):
    """A sequence's result depends on nothing beside it, not on its place, and not on how it is padded."""
    alone = np.concatenate([method(sequence[None]) for sequence in sequences[:8]])
    for X in (
        [*sequences],
        [sequence[None][0] for sequence in sequences[:8]],
        padded(sequences, "head"),
        padded(sequences, "tail"),
        padded(sequences[:8], "head", 8),
        padded(sequences[:8], "tail", 7),
        [np.pad(sequence, ((2, 1), (0, 0)), constant_values=np.nan) for sequence in sequences],
    ):
        assert_allclose(method(X)[:8], alone, rtol=0, atol=1e-6)
    assert_allclose(method(sequences[::-1])[-8:][::-1], alone, rtol=0, atol=1e-6)
    assert_allclose(np.concatenate([method([s]) for s in sequences[:8]]), alone, rtol=0, atol=1e-6)
    cut = np.concatenate([method([sequence[:2]]) for sequence in sequences[:8]])
    assert np.abs(cut - alone)[[1, 2, 3, 5, 6, 7]].min() > 1e-6  # samples 0 and 4 have two steps
    assert_allclose(cut[[0, 4]], alone[[0, 4]], rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
def test_a_sequence_predicts_alone_what_it_predicts_among_others(network, sequences, y, monkeypatch):
    name, params = NETWORKS[network]
    regressor = make(name, **params, epochs=1).fit(sequences, y)
    assert_sequences_are_alone(regressor.predict, sequences)
    expected = regressor.predict(sequences)
    if network in ("lstm", "bidirectional"):
        monkeypatch.setenv("SKRNN_ENGINE", "keras")
        for X in (sequences, padded(sequences, "head"), padded(sequences, "tail", 8)):
            assert_allclose(regressor.predict(X), expected, rtol=0, atol=1e-6)


def test_a_network_fitted_through_keras_reads_lists_alike(sequences, y, monkeypatch):
    by_kernels = make("RecurrentRegressor", cell="rnn").fit(sequences, y)
    monkeypatch.setenv("SKRNN_ENGINE", "keras")
    by_keras = make("RecurrentRegressor", cell="rnn").fit(sequences, y)
    assert_allclose(by_keras.history_["loss"], by_kernels.history_["loss"], rtol=1e-5)
    assert_same_fit(make("RecurrentRegressor", cell="rnn").fit(padded(sequences, "head"), y), by_keras)
    assert_sequences_are_alone(by_keras.predict, sequences)
    monkeypatch.delenv("SKRNN_ENGINE")
    assert_allclose(by_keras.predict(sequences), by_kernels.predict(sequences), rtol=0, atol=1e-5)


@pytest.mark.parametrize("longest", [1, 4, 5, 8])
def test_lists_may_be_longer_or_shorter_than_at_fit(longest, sequences, y):
    regressor = make("RecurrentRegressor", cell="rnn").fit(sequences, y)
    rng = np.random.default_rng(2)
    others = [rng.normal(size=(max(longest - i % 3, 1), 3)) for i in range(9)]
    assert regressor.model_input(others).shape == (9, longest, 3)
    network = regressor.model_.predict(regressor.model_input(others), verbose=0)[:, 0]
    assert_allclose(regressor.predict(others), network, rtol=0, atol=1e-6)
    assert_allclose(regressor.predict(others[:1]), network[:1], rtol=0, atol=1e-6)


def test_the_network_takes_the_input_of_a_list(sequences, y):
    regressor = make("GRURegressor").fit(sequences, y)
    inputs = regressor.model_input(sequences)
    assert inputs.shape == (N_SAMPLES, 5, 3)
    assert_array_equal(inputs[0, :2], sequences[0].astype(np.float32))
    assert (inputs[0, 2:] == np.finfo(np.float32).min).all()
    assert_allclose(regressor.predict(sequences), regressor.model_.predict(inputs, verbose=0)[:, 0], rtol=0, atol=1e-6)


def test_pickles_predict_to_the_bit(sequences, y):
    regressor = make("GRURegressor").fit(sequences, y)
    again, X = pickle.loads(pickle.dumps((regressor, as_objects(sequences))))
    assert_array_equal(again.predict(X), regressor.predict(sequences))


# ---------------------------------------------------------------------- training


def test_partial_fits_on_lists_of_different_lengths(sequences, y):
    short = [sequence[:3] for sequence in sequences]
    by_list = make("RecurrentRegressor", cell="rnn", epochs=1).fit(sequences, y)
    by_array = clone(by_list).fit(padded(sequences, "head"), y)
    for part, n_timesteps in ((short, 3), (sequences, 5), ([s.repeat(2, axis=0)[:8] for s in sequences], 8)):
        by_list.partial_fit(part, y)
        by_array.partial_fit(padded(part, "head", n_timesteps), y)
    assert by_list.n_iter_ == 4
    assert_same_fit(by_list, by_array)
    assert len(set(by_list.history_["loss"])) == 4
    single = by_list.predict(sequences[:1])
    assert by_list.partial_fit(sequences[:1], y[:1]).predict(sequences[:1]) != single


def test_a_present_fit_goes_on_with_a_list(X, sequences, y):
    """The first fit has no padded time step, and the second has some."""
    by_list = make("RecurrentRegressor", cell="rnn", epochs=1).fit(X, y).partial_fit(sequences, y)
    by_array = make("RecurrentRegressor", cell="rnn", epochs=1).fit([*X], y).partial_fit(padded(sequences, "tail"), y)
    assert_same_fit(by_list, by_array)


@pytest.mark.parametrize("validation_split", [0.25, KFold(4, shuffle=True, random_state=0)], ids=str)
def test_validation_is_held_out_of_lists(validation_split, sequences, y):
    X, last = as_objects(sequences), (np.arange(30), np.arange(30, 40))
    train, test = last if validation_split == 0.25 else next(validation_split.split(sequences))
    split = make("GRURegressor", validation_split=validation_split).fit(sequences, y)
    given = make("GRURegressor").fit(X[train], y[train], X_val=X[test], y_val=y[test])
    assert_same_fit(split, given)
    without = make("GRURegressor").fit(X[train], y[train])
    mse = np.mean((without.predict(X[test]) - y[test]) ** 2)
    assert split.history_["val_loss"][-1] == pytest.approx(mse, rel=1e-5)


def test_validation_data_longer_than_those_of_training(sequences, y):
    longer = [np.concatenate([sequence, sequence])[:8] for sequence in sequences[:10]]
    regressor = make("GRURegressor").fit(sequences, y, X_val=longer, y_val=y[:10])
    assert_array_equal(weights_of(regressor), weights_of(make("GRURegressor").fit(sequences, y)))
    mse = np.mean((regressor.predict(longer) - y[:10]) ** 2)
    assert regressor.history_["val_loss"][-1] == pytest.approx(mse, rel=1e-5)


@pytest.mark.slow
def test_early_stopping_on_utterances_sorted_by_speaker_trains_on_every_speaker(monkeypatch):
    X, X_test, y, _ = load_japanese_vowels()
    assert (np.diff(y) >= 0).all()
    splits = []

    def recorded(*arguments):
        splits.append(held_out(*arguments))
        return splits[-1]

    monkeypatch.setattr(validation_data, "held_out", recorded)
    classifier = make("RecurrentClassifier", cell="rnn", epochs=2, early_stopping=True).fit(X, y)
    [(train, validation)] = splits
    assert_array_equal(np.unique(y[train], return_counts=True), (np.arange(1, 10), np.full(9, 27)))
    assert_array_equal(np.unique(y[validation], return_counts=True), (np.arange(1, 10), np.full(9, 3)))
    assert_array_equal(validation.reshape(9, 3) % 30, np.tile([27, 28, 29], (9, 1)))  # the last ones of each
    assert classifier.classes_.tolist() == list(range(1, 10))
    probabilities = classifier.predict_proba(X_test)
    assert probabilities.shape == (370, 9)
    assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    probabilities = classifier.predict_proba([X[i] for i in validation])
    cross_entropy = -np.log(probabilities[np.arange(27), y[validation] - 1]).mean()
    assert classifier.history_["val_loss"][classifier.best_epoch_] == pytest.approx(cross_entropy, rel=1e-4)


# ---------------------------------------------------------------------- scikit-learn's tools


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["list", "objects", "series"])
def test_tools_of_scikit_learn_take_lists(layout, sequences, y):
    X = LAYOUTS.get(layout, list)(sequences)
    array = padded(sequences, "tail")
    shuffled = KFold(3, shuffle=True, random_state=0)
    expected = cross_val_score(make("GRURegressor"), array, y, cv=shuffled)
    assert_array_equal(cross_val_score(make("GRURegressor"), X, y, cv=shuffled), expected)
    assert len(set(expected)) == 3
    assert_array_equal(
        cross_val_predict(make("GRURegressor"), X, y, cv=shuffled),
        cross_val_predict(make("GRURegressor"), array, y, cv=shuffled),
    )
    search, by_array = (
        GridSearchCV(make("RecurrentRegressor", cell="rnn"), {"units": [4, 6]}, cv=shuffled).fit(data, y)
        for data in (X, array)
    )
    assert_array_equal(search.cv_results_["mean_test_score"], by_array.cv_results_["mean_test_score"])
    assert len(set(search.cv_results_["mean_test_score"])) == 2
    assert_array_equal(search.predict(X), by_array.predict(array))


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["list", "objects"])
def test_stratified_folds_of_lists(layout, sequences, labels):
    X, folds = LAYOUTS.get(layout, list)(sequences), StratifiedKFold(2, shuffle=True, random_state=0)
    classifier = make("RecurrentClassifier", cell="rnn")
    by_list = cross_val_predict(classifier, X, labels, cv=folds, method="predict_proba")
    by_array = cross_val_predict(classifier, padded(sequences, "head"), labels, cv=folds, method="predict_proba")
    assert_array_equal(by_list, by_array)
    assert by_list.shape == (N_SAMPLES, 3)
    assert_array_equal(cross_val_score(classifier, X, labels), cross_val_score(classifier, as_objects(X), labels))


# ---------------------------------------------------------------------- errors

HALF = np.array([[np.nan, 1.0, 2.0], [0.0, 1.0, 2.0]])
HOLE = np.array([[1.0] * 3, [np.nan] * 3, [1.0] * 3])
BAD_SEQUENCES = {
    "no step": (np.empty((0, 3)), "Sample {} of X has 0 time steps while GRURegressor requires at least 1"),
    "an empty list": ([], r"Sample {} of X has 1 dimension\(s\), shape \(0,\)"),
    "fewer features": (np.ones((2, 2)), "Sample {} of X has 2 features, but sample 0 has 3"),
    "no feature": (np.empty((2, 0)), "Sample {} of X has 0 features while GRURegressor requires at least 1"),
    "half a step": (HALF, "contains NaN, first at sample {}, time step 0, feature 0"),
    "a hole": (HOLE, "between valid time steps, first at sample {}, time step 1"),
    "infinity": (np.array([[0.0] * 3, [0.0, 0.0, -np.inf]]), "infinity, first at sample {}, time step 1, feature 2"),
    "too large": (np.full((1, 3), 1e39), r"1e\+39 \(a value too large for dtype float32\), first at sample {}"),
    "all padded": (np.full((3, 3), np.nan), "Sample {} of X has no valid time step: all its values are NaN"),
    "3-D": (np.ones((1, 2, 3)), r"Sample {} of X has 3 dimension\(s\), shape \(1, 2, 3\)"),
    "1-D": (np.ones(3), r"Sample {} of X has 1 dimension\(s\), shape \(3,\).*Reshape univariate ones"),
    "a number": (4.0, r"Sample {} of X has 0 dimension\(s\)"),
    "None": (None, r"Sample {} of X has 0 dimension\(s\)"),
    "None in a step": ([[1.0, 2.0, None]], "contains NaN, first at sample {}, time step 0, feature 2"),
    "ragged steps": ([[1.0, 2.0, 3.0], [1.0]], "Sample {} of X is a list whose time steps differ in length"),
    "text": ([[0.0, 1.0, 2.0], [0.0, "wave", 1.0]], "contains 'wave' at sample {}, time step 1, feature 1"),
    "a string": ("wave", "takes numbers, but X has dtype <U4, and contains 'wave' at sample {}"),
    "complex": (np.ones((2, 3)) + 1j, "Complex data not supported, got sample {} of X of dtype complex128"),
}


@pytest.mark.parametrize("case", BAD_SEQUENCES)
def test_the_first_bad_sequence_is_named(case, sequences, y):
    bad, message = BAD_SEQUENCES[case]
    regressor = make("GRURegressor").fit(sequences, y)
    weights = weights_of(regressor)
    X = [*sequences]
    X[7] = X[11] = bad
    for layout in (list, as_objects, LAYOUTS["series"]):
        for call in (regressor.fit, regressor.partial_fit, regressor.score):
            with pytest.raises(ValueError, match=message.format(7)):
                call(layout(X), y)
    assert_array_equal(weights_of(regressor), weights)


@pytest.mark.parametrize("case", BAD_SEQUENCES)
def test_the_last_of_very_many_sequences_is_named(case):
    bad, message = BAD_SEQUENCES[case]
    X = [np.ones((1 + i % 3, 3)) for i in range(99_999)]
    with pytest.raises(ValueError, match=message.format(99_999)):
        make("GRURegressor").fit([*X, bad], np.zeros(100_000))


@pytest.mark.parametrize("nothing", [[], (), np.empty(0, dtype=object), pd.Series([], dtype=object)], ids=repr)
def test_no_sample(nothing, sequences, y):
    regressor = make("GRURegressor").fit(sequences, y)
    for call in (lambda: make("GRURegressor").fit(nothing, []), lambda: regressor.predict(nothing)):
        with pytest.raises(ValueError, match=r"Found a list of 0 sample\(s\) while a minimum of 1 is required by GRU"):
            call()
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\) \(shape=\(0, 5, 3\)\)"):
        regressor.predict(sliding_windows(np.ones((4, 3)), 5)[:0])


def test_numbers_of_samples_and_features(sequences, y):
    regressor = make("GRURegressor").fit(sequences, y)
    with pytest.raises(ValueError, match="X has 2 features, but GRURegressor is expecting 3 features"):
        regressor.predict([sequence[:, :2] for sequence in sequences])
    with pytest.raises(ValueError, match="X has 40 samples, but y has 39"):
        regressor.fit(sequences, y[:-1])
    with pytest.raises(ValueError, match=r"was fitted on 3-D .* input, but X is 2-D"):
        regressor.predict([sequence[:2, 0] for sequence in sequences])
    with pytest.raises(ValueError, match=r"X has 4 dimensions, shape \(40, 1, 2, 3\)"):
        regressor.predict([sequence[None, :2] for sequence in sequences])


def test_token_ids_are_no_list_of_sequences_and_never_negative():
    regressor = make("GRURegressor", embedding_dim=3)
    with pytest.raises(
        ValueError, match=r"takes token ids of shape.*padded with 0. Got a list of seq.*pad_sequences pads"
    ):
        regressor.fit([[1, 2, 3], [4, 5]], [0.0, 1.0])
    tokens = np.ones((100_000, 3), dtype=int)
    tokens[-1, 1] = -4
    with pytest.raises(ValueError, match="must be non-negative, but X contains -4 at sample 99999, time step 1"):
        regressor.fit(tokens, np.zeros(100_000))
