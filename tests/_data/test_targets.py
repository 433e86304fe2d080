"""Every kind of target: shapes, labels, weights; partial_fit and warm_start."""

from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from conftest import (
    CLASSIFIER_CELLS,
    N_SAMPLES,
    N_TIMESTEPS,
    REGRESSOR_CELLS,
    cell_id,
    make,
    make_cell,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.class_weight import compute_sample_weight

REGRESSORS = pytest.mark.parametrize("cell", REGRESSOR_CELLS, ids=cell_id)
CLASSIFIERS = pytest.mark.parametrize("cell", CLASSIFIER_CELLS, ids=cell_id)


# ---------------------------------------------------------------------- regression


@pytest.mark.parametrize("n_outputs", [None, 1, 3])
def test_predictions_have_the_shape_of_y(n_outputs, X, y):
    target = y if n_outputs is None else np.column_stack([y * (k + 1) for k in range(n_outputs)])
    regressor = make("GRURegressor").fit(X, target)
    assert regressor.predict(X).shape == target.shape
    assert regressor.predict(X[:1]).shape == (1, *target.shape[1:])
    assert regressor.n_outputs_ == (n_outputs or 1)
    assert regressor.score(X, target) == r2_score(target, regressor.predict(X))


def test_a_single_output_may_have_an_axis_or_none_later(X, y):
    regressor = make("GRURegressor").fit(X, y)
    assert regressor.score(X, y[:, None]) == regressor.score(X, y)
    expected = deepcopy(regressor).partial_fit(X, y).predict(X)
    assert_array_equal(deepcopy(regressor).partial_fit(X, y[:, None]).predict(X), expected)  # (n_samples,), as at fit
    column = make("GRURegressor").fit(X, y[:, None])
    assert column.score(X, y) == regressor.score(X, y)


def test_a_column_is_fitted_as_a_vector_is(X, y):
    vector, column = make("GRURegressor").fit(X, y), make("GRURegressor").fit(X, y[:, None])
    assert_array_equal(column.predict(X)[:, 0], vector.predict(X))


@pytest.mark.parametrize("container", [list, pd.Series, lambda y: pd.Series(y, index=np.arange(len(y))[::-1])])
def test_y_is_any_array_like(container, X, y):
    y = y.astype(np.float32)
    fitted = make("GRURegressor").fit(X, container(y))
    assert_array_equal(fitted.predict(X), make("GRURegressor").fit(X, y).predict(X))


@pytest.mark.slow
def test_outputs_are_in_the_order_of_y(X):
    y = np.stack([X[:, -1, 0], -3 * X[:, -1, 1]], axis=1)
    regressor = make("GRURegressor", epochs=150, optimizer__learning_rate=0.03).fit(X, y)
    assert (r2_score(y, regressor.predict(X), multioutput="raw_values") > 0.8).all()


@REGRESSORS
def test_one_number_per_step(cell, X, y_steps):
    regressor = make_cell(cell, return_sequences=True, epochs=150, optimizer__learning_rate=0.03).fit(X, y_steps)
    predictions = regressor.predict(X)
    assert predictions.shape == (N_SAMPLES, N_TIMESTEPS)
    assert regressor.score(X, y_steps) == pytest.approx(r2_score(y_steps.ravel(), predictions.ravel()))
    assert regressor.score(X, y_steps) > 0.8
    # A step's output depends on the steps up to it.
    changed = X.copy()
    changed[:, 3:] += 1
    assert_allclose(regressor.predict(changed)[:, :3], predictions[:, :3], atol=1e-6)
    assert np.abs(regressor.predict(changed)[:, 3:] - predictions[:, 3:]).max() > 1e-3


def test_several_numbers_per_step(X_masked, y_steps):
    target = np.stack([y_steps, -3 * y_steps], axis=-1)
    regressor = make("GRURegressor", return_sequences=True).fit(X_masked, target)
    predictions = regressor.predict(X_masked)
    assert predictions.shape == target.shape
    assert regressor.n_outputs_ == 2
    present = ~np.isnan(X_masked).all(axis=-1)
    assert_array_equal(np.isnan(predictions).any(axis=-1), ~present)
    assert regressor.score(X_masked, target) == pytest.approx(r2_score(target[present], predictions[present]))


def test_padded_steps_weigh_nothing_and_predict_nan(X_masked, y_steps):
    present = ~np.isnan(X_masked).all(axis=-1)
    params = {"return_sequences": True}
    fitted = make("GRURegressor", **params).fit(X_masked, y_steps)
    predictions = fitted.predict(X_masked)
    assert_array_equal(np.isnan(predictions), ~present)
    for fill in (np.nan, np.inf, 1e6):
        other = np.where(present, y_steps, fill)
        assert_array_equal(make("GRURegressor", **params).fit(X_masked, other).predict(X_masked), predictions)
        assert fitted.score(X_masked, other) == pytest.approx(r2_score(y_steps[present], predictions[present]))
    weight = np.arange(1.0, N_SAMPLES + 1)
    by_step = np.repeat(weight[:, None], N_TIMESTEPS, axis=1)[present]
    expected = r2_score(y_steps[present], predictions[present], sample_weight=by_step)
    assert fitted.score(X_masked, y_steps, weight) == pytest.approx(expected)


def test_padded_steps_stand_where_they_stood(X, y_steps):
    # The outputs of valid time steps are those of the sequence without the padded ones, in their places.
    regressor = make("GRURegressor", return_sequences=True).fit(X, y_steps)
    alone = regressor.predict(X[:, :3])
    padded = np.full_like(X, np.nan)
    padded[:, 1:4] = X[:, :3]
    predictions = regressor.predict(padded)
    assert_allclose(predictions[:, 1:4], alone, atol=1e-6)
    assert np.isnan(predictions[:, [0, 4]]).all()


# ---------------------------------------------------------------------- classification


@pytest.mark.slow
@CLASSIFIERS
@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_probabilities_are_those_of_the_classes(cell, kind, X, labels, binary_labels):
    target = binary_labels if kind == "binary" else labels
    classifier = make_cell(cell, epochs=60, optimizer__learning_rate=0.02).fit(X, target)
    n_classes = len(np.unique(target))
    probabilities = classifier.predict_proba(X)
    assert probabilities.shape == (N_SAMPLES, n_classes)
    assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    # Each class is most probable where it is the truth: columns are in the order of classes_.
    for column, label in enumerate(classifier.classes_):
        assert probabilities[target == label, column].mean() > probabilities[target != label, column].mean() + 0.3
    one = classifier.predict_proba(X[:1])
    assert one.shape == (1, n_classes)
    assert_array_equal(one, probabilities[:1])
    assert classifier.n_outputs_ == (1 if kind == "binary" else 3)


@pytest.mark.parametrize(
    "convert",
    [
        lambda y: y == "up",
        lambda y: np.where(y == "up", 7, -3),
        lambda y: np.where(y == "up", 1.0, 0.0),
        lambda y: y.astype(object),
        lambda y: pd.Series(y, dtype="category"),
        list,
        lambda y: pd.Series(y, index=np.arange(len(y))[::-1]),
    ],
    ids=["bool", "int", "float", "object", "category", "list", "series"],
)
def test_labels_of_any_type(convert, X, binary_labels):
    target = convert(binary_labels)
    classifier = make("GRUClassifier").fit(X, target)
    expected = make("GRUClassifier").fit(X, binary_labels)
    assert_array_equal(classifier.predict_proba(X), expected.predict_proba(X))
    assert_array_equal(classifier.classes_, np.unique(np.asarray(target)))
    predictions = classifier.predict(X)
    assert predictions.dtype == classifier.classes_.dtype
    assert classifier.score(X, target) == expected.score(X, binary_labels)
    assert_array_equal(predictions == classifier.classes_[1], expected.predict(X) == "up")


@pytest.mark.parametrize("kind", ["array", "frame", "bool", "two classes"])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_one_hot_classes_are_warned_of(method, kind, X):
    n_classes = 2 if kind == "two classes" else 3
    y = np.eye(n_classes)[np.arange(len(X)) % n_classes]
    y = pd.DataFrame(y) if kind == "frame" else y.astype(bool) if kind == "bool" else y
    message = rf"has exactly one 1. GRUClassifier .*{n_classes} independent labels.*pass y.argmax\(axis=1\)"
    with pytest.warns(UserWarning, match=message) as caught:
        classifier = getattr(make("GRUClassifier"), method)(X, y)
    assert len(caught) == 1
    assert classifier.predict_proba(X).sum(axis=1).min() != pytest.approx(1, abs=1e-3)
    make("GRUClassifier").fit(X, np.asarray(y).argmax(axis=1))


def test_indicators_that_are_meant_are_not_warned_of(X):
    one_hot = np.eye(3)[np.arange(len(X)) % 3]
    make("GRUClassifier", loss="binary_crossentropy").fit(X, one_hot)
    make("GRUClassifier").fit(X[:19], one_hot[:19])  # which may be chance
    for changed in (0, 1):  # a row without a label, and a row with two
        y = one_hot.copy()
        y[7] = [changed, 0, changed]
        make("GRUClassifier").fit(X, y)


def test_one_hot_classes_of_time_steps(X):
    y = np.eye(3)[np.zeros(X.shape[:2], dtype=int)]
    message = r"Got shape \(40, 5, 3\)\. If classes are one-hot encoded, pass y\.argmax\(axis=-1\)"
    with pytest.raises(ValueError, match=message):
        make("GRUClassifier", return_sequences=True).fit(X, y)


def test_indicators_of_several_labels(X):
    indicators = (X[:, -1] > 0).astype(int)
    classifier = make("GRUClassifier", epochs=100, optimizer__learning_rate=0.03).fit(X, indicators)
    probabilities, predictions = classifier.predict_proba(X), classifier.predict(X)
    assert probabilities.shape == indicators.shape
    assert_array_equal(predictions, probabilities > 0.5)
    assert predictions.dtype.kind == "i"
    assert classifier.classes_.tolist() == [0, 1, 2]
    assert classifier.n_outputs_ == 3
    assert classifier.score(X, indicators) == accuracy_score(indicators, predictions)
    assert (predictions == indicators).mean() > 0.9
    assert np.abs(probabilities.sum(axis=1) - 1).max() > 0.5  # labels do not exclude one another
    assert classifier.predict_proba(X[:1]).shape == (1, 3)


def step_labels(X):
    return np.array(["down", "flat", "up"])[np.digitize(X[..., 0], [-0.4, 0.4])]


def test_a_label_per_step(X, X_masked):
    target = step_labels(X)
    present = ~np.isnan(X_masked).all(axis=-1)
    classifier = make("GRUClassifier", return_sequences=True, epochs=100, optimizer__learning_rate=0.03)
    classifier.fit(X_masked, target)
    predictions, probabilities = classifier.predict(X_masked), classifier.predict_proba(X_masked)
    assert predictions.shape == target.shape
    assert probabilities.shape == (*target.shape, 3)
    assert_allclose(probabilities[present].sum(axis=-1), 1, atol=1e-6)
    assert np.isnan(probabilities[~present]).all()
    names, counts = np.unique(target[present], return_counts=True)
    assert (predictions[~present] == names[counts.argmax()]).all()
    assert classifier.score(X_masked, target) == accuracy_score(target[present], predictions[present])
    assert classifier.score(X_masked, target) > 0.8
    weight = np.arange(1.0, N_SAMPLES + 1)
    by_step = np.repeat(weight[:, None], N_TIMESTEPS, axis=1)[present]
    expected = accuracy_score(target[present], predictions[present], sample_weight=by_step)
    assert classifier.score(X_masked, target, weight) == pytest.approx(expected)


@pytest.mark.parametrize(
    "class_weight",
    [
        None,
        "balanced",
        {"up": 3.0},
    ],
)
def test_labels_of_padded_steps_do_not_count(class_weight, X, X_masked):
    present = ~np.isnan(X_masked).all(axis=-1)
    params = {"return_sequences": True, "class_weight": class_weight}
    target = step_labels(X).astype(object)
    expected = make("GRUClassifier", **params).fit(X_masked, target)
    for fill in ("down", "never seen elsewhere"):
        other = np.where(present, target, fill)
        classifier = make("GRUClassifier", **params).fit(X_masked, other)
        assert classifier.classes_.tolist() == ["down", "flat", "up"]
        assert_array_equal(classifier.predict_proba(X_masked), expected.predict_proba(X_masked))


@pytest.mark.slow
def test_number_labels_of_padded_steps_may_be_nan(X, X_masked):
    present = ~np.isnan(X_masked).all(axis=-1)
    target = (X[..., 0] > 0).astype(float)
    params = {"return_sequences": True}
    expected = make("GRUClassifier", **params).fit(X_masked, target)
    classifier = make("GRUClassifier", **params).fit(X_masked, np.where(present, target, np.nan))
    assert classifier.classes_.tolist() == [0.0, 1.0]
    assert_array_equal(classifier.predict_proba(X_masked), expected.predict_proba(X_masked))


@pytest.mark.slow
def test_zeros_and_ones_per_step_are_labels(X):
    # With as many columns as steps they could be indicators: return_sequences decides.
    target = (X[..., 0] > 0).astype(int)
    per_step = make("GRUClassifier", return_sequences=True).fit(X, target)
    assert per_step.classes_.tolist() == [0, 1]
    assert per_step.predict_proba(X).shape == (N_SAMPLES, N_TIMESTEPS, 2)
    indicators = make("GRUClassifier").fit(X, target)
    assert indicators.classes_.tolist() == list(range(N_TIMESTEPS))


@pytest.mark.parametrize("class_weight", ["balanced", {"down": 3.0, "up": 0.25}])
@CLASSIFIERS
def test_class_weight_is_a_sample_weight(cell, class_weight, X, labels):
    own = np.tile([1.0, 2.0], N_SAMPLES // 2)
    weighted = make_cell(cell, class_weight=class_weight).fit(X, labels, sample_weight=own)
    weights = (own * compute_sample_weight(class_weight, labels)).astype(np.float32)
    expected = make_cell(cell).fit(X, labels, sample_weight=weights)
    assert_allclose(weighted.predict_proba(X), expected.predict_proba(X), rtol=0, atol=1e-6)
    plain = make_cell(cell).fit(X, labels, sample_weight=own)
    assert np.abs(weighted.predict_proba(X) - plain.predict_proba(X)).max() > 1e-4


@pytest.mark.slow
def test_class_weight_of_steps(X):
    target = step_labels(X)
    params = {"return_sequences": True, "epochs": 40, "optimizer__learning_rate": 0.03}
    plain = make("GRUClassifier", **params).fit(X, target)
    weighted = make("GRUClassifier", class_weight={"up": 50.0}, **params).fit(X, target)
    assert (weighted.predict(X) == "up").mean() > (plain.predict(X) == "up").mean() + 0.1


# ---------------------------------------------------------------------- partial_fit and warm_start


def test_partial_fits_are_epochs(X, y):
    # In one batch, without shuffling, an epoch is a step of the optimizer.
    params = {"batch_size": None, "shuffle": False}
    expected = make("GRURegressor", epochs=2, **params).fit(X, y)
    regressor = make("GRURegressor", **params).partial_fit(X, y).partial_fit(X, y)
    assert_array_equal(regressor.predict(X), expected.predict(X))
    assert regressor.n_iter_ == 2
    assert regressor.history_ == expected.history_


@pytest.mark.parametrize("batch_size", [16, 32])
def test_partial_fits_shuffle_as_a_fit_does(batch_size, X, y):
    expected = make("GRURegressor", epochs=2, batch_size=batch_size).fit(X, y)
    regressor = make("GRURegressor", batch_size=batch_size).partial_fit(X, y).partial_fit(X, y)
    assert_array_equal(regressor.predict(X), expected.predict(X))


def test_partial_fit_takes_one_sample(X, y):
    regressor = make("GRURegressor").partial_fit(X[:1], y[:1])
    before = regressor.predict(X)
    regressor.partial_fit(X[1:2], y[1:2])
    assert regressor.n_iter_ == 2
    assert (regressor.predict(X) != before).any()


@pytest.mark.slow
def test_partial_fit_takes_classes(X, labels):
    classes = ["up", "flat", "down", "crash"]
    only = labels != "flat"
    classifier = make("GRUClassifier").partial_fit(X[only], labels[only], classes=classes)
    assert classifier.classes_.tolist() == sorted(classes)
    classifier.partial_fit(X, labels).partial_fit(X[labels == "up"], labels[labels == "up"], classes=classes)
    assert classifier.n_iter_ == 3
    assert classifier.predict_proba(X).shape == (N_SAMPLES, 4)
    with pytest.raises(ValueError, match="not the same as on the last call"):
        classifier.partial_fit(X, labels, classes=["up", "down"])
    with pytest.raises(ValueError, match=r"unknown to GRUClassifier: \['boom'\].*\['crash', 'down', 'flat', 'up'\]"):
        classifier.partial_fit(X, np.where(labels == "up", "boom", labels))
    assert classifier.n_iter_ == 3


def test_first_partial_fit_refuses_labels_beyond_classes(X, labels):
    with pytest.raises(ValueError, match=r"unknown to GRUClassifier: \['flat'\]"):
        make("GRUClassifier").partial_fit(X, labels, classes=["up", "down"])


def test_partial_fit_does_not_take_balanced(X, labels):
    with pytest.raises(ValueError, match="class_weight='balanced' is not supported by"):
        make("GRUClassifier", class_weight="balanced").partial_fit(X, labels)


@pytest.mark.parametrize(
    ("cell", "optimizer"),
    [(cell, "adam") for cell in REGRESSOR_CELLS] + [(REGRESSOR_CELLS[0], "sgd"), (REGRESSOR_CELLS[0], "rmsprop")],
    ids=["gru-adam", "lstm-adam", "rnn-adam", "gru-sgd", "gru-rmsprop"],
)
def test_warm_start_goes_on(cell, optimizer, X, y):
    expected = make_cell(cell, epochs=5, optimizer=optimizer).fit(X, y)
    regressor = make_cell(cell, epochs=3, optimizer=optimizer, warm_start=True).fit(X, y)
    regressor.set_params(epochs=2).fit(X, y)
    assert_array_equal(regressor.predict(X), expected.predict(X))
    assert regressor.history_ == expected.history_
    assert regressor.n_iter_ == 5


def test_warm_start_of_a_classifier_goes_on(X, labels):
    expected = make("LSTMClassifier", epochs=5).fit(X, labels)
    classifier = make("LSTMClassifier", epochs=3, warm_start=True).fit(X, labels)
    classifier.set_params(epochs=2).fit(X, labels)
    assert_array_equal(classifier.predict_proba(X), expected.predict_proba(X))


@pytest.mark.slow
def test_warm_start_with_dropout_goes_on(X, y):
    params = {"dropout": 0.3, "recurrent_dropout": 0.2}
    expected = make("GRURegressor", epochs=5, **params).fit(X, y)
    regressor = make("GRURegressor", epochs=3, warm_start=True, **params).fit(X, y)
    regressor.set_params(epochs=2).fit(X, y)
    assert_array_equal(regressor.predict(X), expected.predict(X))


def test_without_warm_start_a_fit_starts_anew(X, y):
    regressor = make("GRURegressor").fit(X, y)
    first = regressor.predict(X)
    assert_array_equal(regressor.fit(X, y).predict(X), first)
    assert regressor.n_iter_ == 3
    assert len(regressor.history_["loss"]) == 3


def test_warm_start_takes_another_learning_rate(X, y):
    regressor = make("GRURegressor", warm_start=True).fit(X, y)
    before = regressor.predict(X)
    regressor.set_params(optimizer__learning_rate=1e-12).fit(X, y)
    assert_allclose(regressor.predict(X), before, atol=1e-6)
    assert regressor.n_iter_ == 6
