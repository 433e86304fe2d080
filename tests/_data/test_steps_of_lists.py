"""One output per time step of sequences of different lengths: targets and predictions are lists too."""

import numpy as np
import pytest
from conftest import SMALL
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import KFold, cross_val_predict, cross_val_score

from skrnn import GRUClassifier, GRURegressor

pytestmark = pytest.mark.slow

LENGTHS = [3, 8, 5, 8, 1, 6, 4, 7] * 4


@pytest.fixture
def sequences():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(length, 2)) for length in LENGTHS]


@pytest.fixture
def sums(sequences):
    return [np.cumsum(sequence[:, 0]) for sequence in sequences]


@pytest.fixture
def padded(sequences):
    array = np.full((len(LENGTHS), 8, 2), np.nan)
    for row, sequence in zip(array, sequences, strict=True):
        row[: len(sequence)] = sequence
    return array


@pytest.fixture
def padded_sums(sums):
    array = np.full((len(LENGTHS), 8), np.nan)
    for row, steps in zip(array, sums, strict=True):
        row[: len(steps)] = steps
    return array


def test_a_list_is_its_padded_array(sequences, sums, padded, padded_sums):
    by_list = GRURegressor(return_sequences=True, **SMALL).fit(sequences, sums)
    by_array = GRURegressor(return_sequences=True, **SMALL).fit(padded, padded_sums)
    assert by_list.history_ == by_array.history_
    predictions = by_list.predict(sequences)
    assert predictions.dtype == object
    assert [len(steps) for steps in predictions] == LENGTHS
    assert_array_equal(np.concatenate(predictions), by_array.predict(padded)[~np.isnan(padded_sums)])
    expected = r2_score(np.concatenate(sums), np.concatenate(predictions))
    assert_allclose(by_list.score(sequences, sums), expected, rtol=1e-6)
    assert by_list.score(padded, padded_sums) == by_list.score(sequences, sums)


def test_several_outputs_a_step(sequences):
    targets = [np.cumsum(sequence, axis=0) for sequence in sequences]
    regressor = GRURegressor(return_sequences=True, **SMALL).fit(sequences, targets)
    assert [steps.shape for steps in regressor.predict(sequences[:3])] == [(3, 2), (8, 2), (5, 2)]


def test_labels_of_steps(sequences, sums):
    labels = [np.where(steps > 0, "above", "below") for steps in sums]
    classifier = GRUClassifier(return_sequences=True, **SMALL).fit(sequences, labels)
    predicted = classifier.predict(sequences)
    assert [len(steps) for steps in predicted] == LENGTHS
    expected = accuracy_score(np.concatenate(labels), np.concatenate(predicted))
    assert_allclose(classifier.score(sequences, labels), expected)
    probabilities = classifier.predict_proba(sequences)
    assert [steps.shape for steps in probabilities[:2]] == [(3, 2), (8, 2)]
    assert_allclose(np.concatenate(probabilities).sum(axis=1), 1, rtol=1e-6)


def test_validation_data_and_cross_validation(sequences, sums):
    regressor = GRURegressor(return_sequences=True, **SMALL)
    fitted = regressor.fit(sequences[8:], sums[8:], X_val=sequences[:8], y_val=sums[:8])
    truth = np.concatenate(sums[:8])
    squares = (np.concatenate(fitted.predict(sequences[:8])) - truth) ** 2
    assert_allclose(fitted.history_["val_loss"][-1], squares.mean(), rtol=1e-5)
    folds = KFold(2, shuffle=True, random_state=0)
    assert np.isfinite(cross_val_score(regressor, sequences, sums, cv=folds)).all()
    assert [len(steps) for steps in cross_val_predict(regressor, sequences, sums, cv=folds)] == LENGTHS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: [*y[:3], y[3][:-1], *y[4:]], "Sample 3 of y has shape (7,), but sample 3 of X has 8 time steps"),
        (lambda y: [*y[:2], np.stack([y[2]] * 2, axis=1), *y[3:]], "Sample 2 of y has shape (5, 2)"),
        (lambda y: y[:-1], "X has 32 samples, but y has 31"),
        (lambda y: np.zeros(len(y)), "Sample 0 of y has shape ()"),
    ],
    ids=["too short", "more outputs", "too few", "one a sample"],
)
def test_targets_that_do_not_fit(change, message, sequences, sums):
    with pytest.raises(ValueError) as caught:
        GRURegressor(return_sequences=True, **SMALL).fit(sequences, change(sums))
    assert message in str(caught.value)
