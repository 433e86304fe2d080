"""The weight of a sample, a class or a time step in the loss, whatever batch it is in."""

import numpy as np
import pytest
from conftest import N_SAMPLES, make
from numpy.testing import assert_allclose
from sklearn.model_selection import PredefinedSplit

from skrnn import GRUClassifier

# Steps so small that all batches of an epoch see the initial weights: the update is a sum of gradients.
RATE = 1e-7
PARAMS = {
    "cell": "rnn",
    "epochs": 1,
    "shuffle": False,
    "dtype": "float64",
    "optimizer": "sgd",
    "optimizer__learning_rate": RATE,
}
WEIGHTS = np.random.default_rng(1).uniform(0.2, 1, size=N_SAMPLES) * np.tile([1, 19], N_SAMPLES // 2)


def bias_of(estimator):
    """Bias of the output layer, whose gradient for squared errors is twice the error."""
    return float(estimator.model_.get_weights()[-1][0])


def terms(estimator, X, y):
    """Errors and their weights, per sample or per valid time step, as lists of one array for each sample."""
    errors = (estimator.predict(X) - y).reshape(len(X), -1)
    valid = ~np.isnan(errors)
    return [e[v] for e, v in zip(errors, valid, strict=True)], [
        np.full(v.sum(), w) for w, v in zip(WEIGHTS, valid, strict=False)
    ]


def expected_update(errors, weights, batch_size, divisor):
    """Update of the bias in one epoch: each batch divides its weighted sum by its samples and the divisor."""
    update = 0.0
    for first in range(0, len(errors), batch_size):
        batch = range(first, min(first + batch_size, len(errors)))
        update -= RATE * sum(2 * weights[i] @ errors[i] for i in batch) / (len(batch) * divisor)
    return update


@pytest.fixture(params=["sample", "step"])
def per_step(request):
    return request.param == "step"


@pytest.fixture
def target(per_step, y, y_steps):
    return y_steps if per_step else y


@pytest.mark.parametrize(
    ("engine", "batch_size"),
    [
        ("", 1),
        ("", 7),
        pytest.param("", 32, marks=pytest.mark.slow),
        pytest.param("", None, marks=pytest.mark.slow),
        pytest.param("keras", 1, marks=pytest.mark.slow),
        ("keras", 7),
        pytest.param("keras", None, marks=pytest.mark.slow),
    ],
)
def test_weights_mean_the_same_at_every_batch_size(engine, batch_size, per_step, X_masked, target, use_engine):
    use_engine(engine)
    params = {**PARAMS, "batch_size": batch_size, "return_sequences": per_step, "metrics": ["mae"], "warm_start": True}
    held_out = X_masked[::-1][:15], target[::-1][:15]
    regressor = make("RecurrentRegressor", **params).fit(
        X_masked, target, WEIGHTS, X_val=held_out[0], y_val=held_out[1], sample_weight_val=WEIGHTS[:15]
    )
    errors, weights = terms(regressor, X_masked, target)
    all_errors, all_weights = np.concatenate(errors), np.concatenate(weights)
    update = expected_update(errors, weights, batch_size or N_SAMPLES, all_weights.sum() / N_SAMPLES)
    assert bias_of(regressor) == pytest.approx(update, rel=1e-4)
    assert regressor.history_["loss"] == pytest.approx([np.average(all_errors**2, weights=all_weights)], rel=1e-4)
    assert regressor.history_["mae"] == pytest.approx([np.average(np.abs(all_errors), weights=all_weights)], rel=1e-4)
    errors, weights = (np.concatenate(part) for part in terms(regressor, *held_out))
    assert regressor.history_["val_loss"] == pytest.approx([np.average(errors**2, weights=weights)], rel=1e-4)
    assert regressor.history_["val_mae"] == pytest.approx([np.average(np.abs(errors), weights=weights)], rel=1e-4)

    assert bias_of(regressor.fit(X_masked, target, WEIGHTS)) == pytest.approx(2 * update, rel=1e-4)  # warm start


@pytest.mark.parametrize("engine", ["", "keras"])
def test_a_partial_fit_divides_by_the_number_of_terms(engine, per_step, X_masked, target, use_engine):
    use_engine(engine)
    params = {**PARAMS, "batch_size": 7, "return_sequences": per_step}
    regressor = make("RecurrentRegressor", **params).partial_fit(X_masked, target, WEIGHTS)
    errors, weights = terms(regressor, X_masked, target)
    n_terms = len(np.concatenate(errors))
    assert bias_of(regressor) == pytest.approx(expected_update(errors, weights, 7, n_terms / N_SAMPLES), rel=1e-4)
    alone = make("RecurrentRegressor", **params).partial_fit(X_masked[:1], target[:1], [19.0])
    once = make("RecurrentRegressor", **params).partial_fit(X_masked[:1], target[:1])
    assert bias_of(alone) == pytest.approx(19 * bias_of(once), rel=1e-4)


def test_sequences_of_different_lengths_in_a_list(X, y_steps):
    lengths = np.random.default_rng(2).integers(1, 6, size=N_SAMPLES)
    sequences = [x[:length] for x, length in zip(X, lengths, strict=True)]
    targets = [steps[:length] for steps, length in zip(y_steps, lengths, strict=True)]
    params = {**PARAMS, "batch_size": 7, "return_sequences": True}
    regressor = make("RecurrentRegressor", **params).fit(sequences, targets, WEIGHTS)
    errors = [p - t for p, t in zip(regressor.predict(sequences), targets, strict=True)]
    weights = [np.full(length, weight) for weight, length in zip(WEIGHTS, lengths, strict=True)]
    update = expected_update(errors, weights, 7, (WEIGHTS * lengths).sum() / N_SAMPLES)
    assert bias_of(regressor) == pytest.approx(update, rel=1e-4)


def test_unweighted_batches_are_divided_by_their_samples(X, y):
    regressor = make("RecurrentRegressor", **PARAMS, batch_size=7).fit(X, y)
    errors = list((regressor.predict(X) - y).reshape(-1, 1))
    update = expected_update(errors, [np.ones(1)] * N_SAMPLES, 7, 1.0)
    assert bias_of(regressor) == pytest.approx(update, rel=1e-4)


@pytest.mark.parametrize("batch_size", [1, 32])
def test_balanced_classes_of_different_size_are_told_apart_evenly(batch_size):
    # Features that say nothing: with balanced classes the probability that minimizes the loss is one half.
    random = np.random.default_rng(0)
    X, y = np.ones((640, 1, 1)), np.zeros(640, dtype=int)
    y[random.choice(640, 32, replace=False)] = 1
    params = {"units": 2, "class_weight": "balanced", "epochs": 5, "optimizer": "sgd", "random_state": 0}
    params["optimizer__learning_rate"] = 0.01 * batch_size**0.5
    classifier = GRUClassifier(batch_size=batch_size, **params)
    assert_allclose(classifier.fit(X, y).predict_proba(X)[:, 1], 0.5, atol=0.05)


def test_weights_that_are_all_zero(X, y, labels):
    with pytest.raises(ValueError, match="at least one"):
        make("GRURegressor").fit(X, y, np.zeros(N_SAMPLES))
    with pytest.raises(ValueError, match=r"In X_val and y_val: .* at least one"):
        make("GRURegressor").fit(X, y, X_val=X, y_val=y, sample_weight_val=np.zeros(N_SAMPLES))
    nothing = {"up": 0, "down": 0, "flat": 0}
    with pytest.raises(ValueError, match="gives all samples zero weight"):
        make("GRUClassifier", class_weight=nothing).fit(X, labels)
    # No class has weight zero everywhere, but no sample has any.
    with pytest.raises(ValueError, match="gives all samples zero weight"):
        make("GRUClassifier", class_weight={"up": 0}).fit(X, labels, (labels == "up").astype(float))


def test_padded_time_steps_have_no_weight(X_masked):
    # Only padded steps would have a weight: of the class that has one there is no valid step.
    labels = np.where(np.isnan(X_masked[..., 0]), 1, 0)
    labels[0, 0], class_weight = 2, {0: 0, 1: 1, 2: 0}
    with pytest.raises(ValueError, match="gives all samples zero weight"):
        make("GRUClassifier", return_sequences=True, class_weight=class_weight).fit(X_masked, labels)


def test_a_part_of_the_data_without_weight(X, y_steps):
    labels = (y_steps > 0).astype(int)
    labels[-4:] = 0  # what is held out
    classifier = make("GRUClassifier", return_sequences=True, class_weight={0: 0, 1: 1}, early_stopping=True)
    classifier.fit(X, labels)  # samples without weight are left out before a fraction is held out
    assert classifier.history_["val_loss"][0] > 0
    classifier.set_params(validation_split=PredefinedSplit(np.r_[np.full(36, -1), np.zeros(4, dtype=int)]))
    with pytest.raises(ValueError, match="The validation data of GRUClassifier have zero total weight"):
        classifier.fit(X, labels)


def test_a_splitter_knows_samples_of_zero_weight(X, y):
    test_fold = np.r_[np.full(30, -1), np.zeros(10, dtype=int)]
    weights = np.ones(N_SAMPLES)
    weights[[3, 35]] = 0
    regressor = make("GRURegressor", validation_split=PredefinedSplit(test_fold)).fit(X, y, weights)
    train, validation = np.delete(np.arange(30), 3), np.delete(np.arange(30, 40), 5)
    expected = make("GRURegressor").fit(X[train], y[train], X_val=X[validation], y_val=y[validation])
    assert regressor.history_ == expected.history_


@pytest.mark.parametrize("scale", [1e-38, 1e-300, 1e30, 1e300])
def test_only_ratios_of_weights_count(scale, X, y):
    expected = make("GRURegressor").fit(X, y, WEIGHTS, X_val=X, y_val=y, sample_weight_val=WEIGHTS)
    scaled = make("GRURegressor").fit(X, y, scale * WEIGHTS, X_val=X, y_val=y, sample_weight_val=scale * WEIGHTS)
    assert_allclose(scaled.history_["loss"], expected.history_["loss"], rtol=1e-6)
    assert_allclose(scaled.history_["val_loss"], expected.history_["val_loss"], rtol=1e-6)
    assert_allclose(scaled.predict(X), expected.predict(X), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["", "keras"])
def test_metrics_that_count(engine, X_masked, y_steps, use_engine):
    use_engine(engine)
    labels, valid = (y_steps > 0).astype(int), ~np.isnan(X_masked[..., 0])
    classifier = make("GRUClassifier", return_sequences=True, metrics=["TruePositives"], epochs=1, optimizer="sgd")
    classifier.set_params(optimizer__learning_rate=1e-12).fit(X_masked, labels, np.full(N_SAMPLES, 3.0))
    positives = (classifier.predict(X_masked) == 1) & (labels == 1) & valid
    assert next(v for k, v in classifier.history_.items() if k != "loss") == pytest.approx([positives.sum()])


def test_balanced_weights_are_those_of_the_training_samples_that_count(X, labels):
    weights = np.ones(N_SAMPLES)
    weights[:15] = 0
    rows = np.arange(15, N_SAMPLES)
    balanced = make("GRUClassifier", class_weight="balanced").fit(X, labels, weights, X_val=X[:9], y_val=labels[:9])
    classes, counts = np.unique(labels[rows], return_counts=True)
    by_hand = dict(zip(classes.tolist(), len(rows) / (len(classes) * counts), strict=True))
    expected = make("GRUClassifier", class_weight=by_hand).fit(X[rows], labels[rows], X_val=X[:9], y_val=labels[:9])
    assert_allclose(balanced.history_["loss"], expected.history_["loss"], rtol=1e-5)
    assert_allclose(balanced.history_["val_loss"], expected.history_["val_loss"], rtol=1e-5)
    probability = expected.predict_proba(X[:9])[np.arange(9), np.searchsorted(expected.classes_, labels[:9])]
    loss = np.average(-np.log(probability), weights=[by_hand[label] for label in labels[:9]])
    assert expected.history_["val_loss"][-1] == pytest.approx(loss, rel=1e-4)


@pytest.mark.slow
def test_balanced_weights_of_several_labels(X):
    indicators = (X[:, -1] > 0.5).astype(int)
    classifier = make("GRUClassifier", class_weight="balanced").fit(X, indicators)
    by_hand = [{0: 20 / (1 - column).sum(), 1: 20 / column.sum()} for column in indicators.T]
    expected = make("GRUClassifier", class_weight=by_hand).fit(X, indicators)
    assert_allclose(classifier.history_["loss"], expected.history_["loss"], rtol=1e-6)


@pytest.mark.parametrize("per_step", [False, True])
def test_class_weight_of_labels_that_are_digits(per_step, X, y, y_steps):
    numbers = np.digitize(y_steps if per_step else y, [-0.5, 0.5])
    by_number = {0: 1.0, 1: 5.0, 2: 0.25}
    params = {"return_sequences": per_step}
    expected = make("GRUClassifier", class_weight=by_number, **params).fit(X, numbers)
    by_text = {str(number): weight for number, weight in by_number.items()}
    classifier = make("GRUClassifier", class_weight=by_text, **params).fit(X, numbers.astype(str))
    assert classifier.history_ == expected.history_
    balanced = [make("GRUClassifier", class_weight="balanced", **params) for _ in range(2)]
    assert balanced[0].fit(X, numbers).history_ == balanced[1].fit(X, numbers.astype(str)).history_


def test_class_weight_of_a_class_that_a_part_of_the_data_lacks(X, labels):
    class_weight = {"up": 3.0}  # the other classes have weight 1
    rows = np.flatnonzero(labels != "up")
    held_out = {"X_val": X[rows[:6]], "y_val": labels[rows[:6]]}
    weighted = make("GRUClassifier", class_weight=class_weight).fit(X, labels, **held_out)
    expected = make("GRUClassifier").fit(X, labels, np.where(labels == "up", 3.0, 1.0), **held_out)
    assert weighted.history_ == expected.history_
    parts = [make("GRUClassifier", **params) for params in ({"class_weight": class_weight}, {})]
    for part in parts:
        part.partial_fit(X[rows], labels[rows], classes=np.unique(labels))
    assert parts[0].history_ == parts[1].history_


def test_class_weight_of_other_kinds_of_labels(X, labels):
    indicators = (X[:, -1] > 0.5).astype(int)
    with pytest.raises(ValueError, match=r"must be a list of \d dicts, one per label, or 'balanced'.* Got a dict"):
        make("GRUClassifier", class_weight={0: 1, 1: 2}).fit(X, indicators)
    with pytest.raises(ValueError, match=r"must be a dict or 'balanced' for this y\. Got a list of 1"):
        make("GRUClassifier", class_weight=[{"up": 2}]).fit(X, labels)
    with pytest.raises(ValueError, match=r"contains \['sideways'\], which are not labels of y"):
        make("GRUClassifier", class_weight={"sideways": 2}).fit(X, labels)
