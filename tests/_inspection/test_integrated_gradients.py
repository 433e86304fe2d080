"""Integrated gradients: completeness, targets, baselines, layouts, and estimators that have none."""

import numpy as np
import pandas as pd
import pytest
from conftest import CLASSIFIER_CELLS, REGRESSOR_CELLS, cell_id, make, make_cell, needs_kernels
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrnn import GRUClassifier, GRURegressor, RecurrentRegressor, Sequences, SequenceScaler, sliding_windows
from skrnn._inspection import path_integral
from skrnn.inspection import integrated_gradients

pytestmark = needs_kernels

NETWORKS = [
    {},
    {"units": (5, 9), "bidirectional": True, "dense_units": (6,), "dropout": 0.3, "recurrent_dropout": 0.2},
    {"patch_size": 2, "pooling": "max"},
    {"pooling": "mean", "n_members": 2},
]


def totals(attributions):
    """Return the sum of the attributions of each sample."""
    return np.array([np.nansum(np.asarray(of_sample, float)) for of_sample in attributions])


def softmax_logits(model, X):
    """Return the logits of a classifier, of which softmax knows all but a constant."""
    return np.log(model.predict_proba(X))


# ---------------------------------------------------------------------- values


@pytest.mark.parametrize("params", NETWORKS, ids=str)
@pytest.mark.parametrize("cell", REGRESSOR_CELLS, ids=cell_id)
def test_completeness(cell, params, X_masked, y):
    model = make_cell(cell, **params).fit(X_masked, y)
    attributions = integrated_gradients(model, X_masked)
    is_padded = np.isnan(X_masked)
    assert attributions.shape == X_masked.shape
    assert_array_equal(np.isnan(attributions), is_padded)
    difference = model.predict(X_masked) - model.predict(np.where(is_padded, np.nan, 0))
    assert np.abs(difference).max() > 0.05
    assert_allclose(totals(attributions), difference, rtol=0.01, atol=1e-5)


def test_attributions_equal_integrals_of_finite_differences(X, y):
    """The definition of Sundararajan et al., with gradients and the integral computed from predictions only."""
    model = make("GRURegressor", dtype="float64", epochs=30, optimizer__learning_rate=0.02).fit(X, y)
    baseline, size, expected = np.array([0.5, -0.3, 0.1]), 1e-5, np.zeros_like(X)
    nodes = (np.arange(200) + 0.5) / 200
    for step, feature in np.ndindex(5, 3):
        change = np.zeros((5, 3))
        change[step, feature] = size
        path = baseline + nodes[:, None, None, None] * (X - baseline)
        above, below = (model.predict((path + s * change).reshape(-1, 5, 3)).reshape(200, -1) for s in (1, -1))
        expected[:, step, feature] = ((above - below) / (2 * size)).mean(axis=0)
    expected *= X - baseline
    assert_allclose(integrated_gradients(model, X, baseline), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("cell", CLASSIFIER_CELLS, ids=cell_id)
def test_predicted_class_of_several(cell, X, labels):
    model = make_cell(cell, epochs=20, optimizer__learning_rate=0.02).fit(X, labels)
    predicted = model.predict(X)
    assert len({*predicted}) == 3
    attributions = integrated_gradients(model, X)
    assert_array_equal(attributions, integrated_gradients(model, X, target=predicted))
    of_class = {label: integrated_gradients(model, X, target=label) for label in model.classes_}
    for label in model.classes_:
        assert_array_equal(attributions[predicted == label], of_class[label][predicted == label])
    # Differences of logits are those of log probabilities.
    change = softmax_logits(model, X) - softmax_logits(model, np.zeros_like(X))
    assert_allclose(totals(of_class["up"] - of_class["down"]), change[:, 2] - change[:, 0], rtol=0.01, atol=1e-4)


def test_two_classes_have_one_logit(X, binary_labels):
    model = make("GRUClassifier", epochs=20, optimizer__learning_rate=0.02).fit(X, binary_labels)
    up, down = (integrated_gradients(model, X, target=label) for label in ("up", "down"))
    assert_array_equal(up, -down)
    log_odds = [np.log(p[:, 1] / p[:, 0]) for p in (model.predict_proba(X), model.predict_proba(np.zeros_like(X)))]
    assert_allclose(totals(up), log_odds[0] - log_odds[1], rtol=0.01, atol=1e-4)
    predicted = model.predict(X)
    assert_array_equal(integrated_gradients(model, X), np.where((predicted == "up")[:, None, None], up, down))
    with_loss = make("GRUClassifier", loss="categorical_crossentropy").fit(X, binary_labels)
    assert_array_equal(
        integrated_gradients(with_loss, X), integrated_gradients(with_loss, X, target=with_loss.predict(X))
    )


def test_classes_that_are_not_text(X):
    y = np.arange(40) % 3 * 10
    model = make("GRUClassifier").fit(X, y)
    assert_array_equal(
        integrated_gradients(model, X, target=np.int64(10)), integrated_gradients(model, X, target=[10] * 40)
    )
    of_bool = make("GRUClassifier").fit(X, y > 0)
    assert_array_equal(
        integrated_gradients(of_bool, X, target=True), -integrated_gradients(of_bool, X, target=np.False_)
    )


def test_several_labels(X):
    y = (X[:, -1, :2] > 0).astype(int)
    model = make("GRUClassifier").fit(X, y)
    probabilities = [model.predict_proba(X), model.predict_proba(np.zeros_like(X))]
    logits = [np.log(p / (1 - p)) for p in probabilities]
    for label in range(2):
        found = totals(integrated_gradients(model, X, target=label))
        assert_allclose(found, (logits[0] - logits[1])[:, label], rtol=0.01, atol=1e-4)
    with pytest.raises(ValueError, match=r"predicts 2 labels. Set target to the one that is explained, from 0 to 1"):
        integrated_gradients(model, X)


def test_several_outputs(X):
    model = make("GRURegressor").fit(X, X[:, -1, :2])
    difference = model.predict(X) - model.predict(np.zeros_like(X))
    for output in range(2):
        found = totals(integrated_gradients(model, X, target=output))
        assert_allclose(found, difference[:, output], rtol=0.01, atol=1e-4)
    with pytest.raises(ValueError, match=r"has 2 outputs. Set target to the one that is explained, from 0 to 1"):
        integrated_gradients(model, X)


def test_means_and_medians_are_explained(X):
    y, zeros = X[:, -1, :2], np.zeros_like(X)
    gaussian = make("GRURegressor", loss="gaussian").fit(X, y)
    quantiles = make("GRURegressor", loss="quantile", quantile=(0.1, 0.5, 0.9)).fit(X, y)
    medians = slice(2, 4)  # after the first quantile of both outputs
    differences = {
        gaussian: gaussian.predict(X) - gaussian.predict(zeros),
        quantiles: (quantiles._outputs(X)[0] - quantiles._outputs(zeros)[0])[:, medians],
    }
    for model, difference in differences.items():
        for output in range(2):
            found = totals(integrated_gradients(model, X, target=output))
            assert_allclose(found, difference[:, output], rtol=0.01, atol=1e-4)


def test_members_are_averaged(X, y):
    model = make("GRURegressor", n_members=3).fit(X, y)
    of_members = [integrated_gradients(member, X) for member in model.members_]
    assert_allclose(integrated_gradients(model, X), np.mean(of_members, axis=0), rtol=1e-5, atol=1e-8)
    assert np.abs(of_members[0] - of_members[1]).max() > 1e-3


@pytest.mark.parametrize("time_step", [2, -2])
def test_one_output_per_step(time_step, X, y_steps):
    model = make("GRURegressor", return_sequences=True, bidirectional=True).fit(X, y_steps)
    difference = model.predict(X) - model.predict(np.zeros_like(X))
    found = totals(integrated_gradients(model, X, time_step=time_step))
    assert_allclose(found, difference[:, time_step], rtol=0.01, atol=1e-4)
    forward = make("GRURegressor", return_sequences=True).fit(X, y_steps)
    attributions = integrated_gradients(forward, X, time_step=2)
    assert_array_equal(attributions[:, 3:], 0)  # the past does not depend on the future
    assert np.abs(attributions[:, :3]).max(axis=(1, 2)).min() > 1e-4


def test_steps_of_padded_sequences(X_masked, y_steps):
    model = make("GRURegressor", return_sequences=True).fit(X_masked, y_steps)
    last = integrated_gradients(model, X_masked, time_step=-1)
    difference = model.predict(X_masked) - model.predict(np.where(np.isnan(X_masked), np.nan, 0))
    at = np.full(40, 4)
    at[4] = 1  # the last three time steps are padded
    assert_allclose(totals(last), difference[np.arange(40), at], rtol=0.01, atol=1e-4)
    with pytest.raises(ValueError, match=r"time_step=1 is not .* of sample 1, .* time steps are 2 to 4"):
        integrated_gradients(model, X_masked, time_step=1)
    with pytest.raises(ValueError, match=r"time_step=-3 is not .* of sample 4, .* time steps are 0 to 1"):
        integrated_gradients(model, X_masked, time_step=-3)


def test_classes_per_step(X, y_steps):
    labels = np.where(y_steps > 0, "up", "down")
    model = make("GRUClassifier", return_sequences=True, epochs=20).fit(X, labels)
    attributions = integrated_gradients(model, X, time_step=3)
    assert_array_equal(attributions, integrated_gradients(model, X, target=model.predict(X)[:, 3], time_step=3))


# ---------------------------------------------------------------------- layouts and baselines


def test_layouts(X_masked, y):
    model = make("LSTMRegressor").fit(X_masked, y)
    expected = integrated_gradients(model, X_masked)
    lists = [sequence[~np.isnan(sequence).any(axis=1)] for sequence in X_masked]
    found = integrated_gradients(model, lists)
    assert found.dtype == object
    assert [part.shape for part in found] == [part.shape for part in lists]
    assert_array_equal(np.concatenate(found), expected[~np.isnan(expected)].reshape(-1, 3))
    padded = integrated_gradients(model, [*X_masked])
    assert_array_equal(np.stack(padded), expected)

    rows = np.random.default_rng(1).normal(size=(50, 3))
    windows = sliding_windows(rows, 5)
    assert isinstance(windows, Sequences)
    assert_array_equal(integrated_gradients(model, windows), integrated_gradients(model, np.asarray(windows)))


def test_univariate_sequences(X, y):
    table = X[:, :, 0].copy()
    model, same = make("GRURegressor").fit(table, y), make("GRURegressor").fit(table[:, :, None], y)
    attributions = integrated_gradients(model, table)
    assert attributions.shape == (40, 5)
    assert_array_equal(attributions, integrated_gradients(same, table[:, :, None])[..., 0])
    frame = pd.DataFrame(table, columns=list("abcde"))
    of_frame = make("GRURegressor").fit(frame, y)
    assert_array_equal(integrated_gradients(of_frame, frame), attributions)
    baseline = table.mean(axis=0)
    of_rows = integrated_gradients(model, table, np.tile(baseline, (40, 1)))
    assert_array_equal(integrated_gradients(model, table, baseline), of_rows)


def test_baselines(X_masked, y):
    model = make("GRURegressor").fit(X_masked, y)
    is_padded = np.isnan(X_masked)
    baselines = [2, 0.5, np.array([1.0, -1.0, 0.5]), np.arange(15.0).reshape(5, 3) / 10, np.nan_to_num(X_masked[::-1])]
    for baseline in baselines:
        start = np.where(is_padded, np.nan, baseline)
        attributions = integrated_gradients(model, X_masked, baseline)
        difference = model.predict(X_masked) - model.predict(start)
        assert_allclose(totals(attributions), difference, rtol=0.01, atol=1e-4)
        assert_array_equal(integrated_gradients(model, X_masked, start), attributions)
        lists, starts = [*X_masked], [*start]
        assert_array_equal(np.stack(integrated_gradients(model, lists, starts)), attributions)
    assert_array_equal(integrated_gradients(model, X_masked, 0), integrated_gradients(model, X_masked))
    assert_array_equal(integrated_gradients(model, X_masked, X_masked)[~is_padded], 0)
    of_features = integrated_gradients(model, [*X_masked], baselines[2])
    assert_array_equal(np.stack(of_features), integrated_gradients(model, X_masked, baselines[2]))
    windows = sliding_windows(np.random.default_rng(1).normal(size=(50, 3)), 5)
    others = sliding_windows(np.random.default_rng(2).normal(size=(50, 3)), 5)
    expected = integrated_gradients(model, np.asarray(windows), np.asarray(others))
    assert_array_equal(integrated_gradients(model, windows, others), expected)


def test_blocks_do_not_change_the_result(X_masked, y, monkeypatch):
    model = make("GRURegressor", dtype="float64").fit(X_masked, y)
    expected, before = integrated_gradients(model, X_masked), X_masked.copy()
    assert_array_equal(integrated_gradients(model, X_masked), expected)
    assert_array_equal(X_masked, before)
    for size in (1, 100, 2000):  # a point of a sample at once, some points of one, all points of some
        monkeypatch.setattr(path_integral, "_NUMBERS_AT_ONCE", size)
        assert_allclose(integrated_gradients(model, X_masked), expected, rtol=1e-10, atol=1e-14)


def test_the_engine_does_not_matter(X, y, monkeypatch):
    model = make("GRURegressor").fit(X, y)
    expected = integrated_gradients(model, X)
    monkeypatch.setenv("SKRNN_ENGINE", "keras")
    assert_array_equal(integrated_gradients(model, X), expected)


def test_intervals_are_halved_until_attributions_add_up(X, y, monkeypatch):
    model = make("GRURegressor", epochs=60, optimizer__learning_rate=0.05).fit(X, y)
    far = 30 * X
    difference = model.predict(far) - model.predict(np.zeros_like(far))
    for n_steps in (2, 50):
        attributions = integrated_gradients(model, far, n_steps=n_steps)  # a warning would be an error
        assert_allclose(totals(attributions), difference, rtol=0.01, atol=1e-3)
    monkeypatch.setattr(path_integral, "_MAX_HALVINGS", 0)
    with pytest.warns(UserWarning, match=r"of 40 samples do not add up .* Increase n_steps \(currently 2\)"):
        incomplete = integrated_gradients(model, far, n_steps=2)
    assert np.abs(totals(incomplete) - difference).max() > 0.1


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"baseline": np.ones(4)},
            r"broadcast to the shape of X, \(40, 5, 3\). Got shape \(4,\)",
        ),
        ({"baseline": np.nan}, "'baseline' parameter .* contains NaN, first at sample 0, time step 0, feature 0"),
        ({"baseline": [0.0, np.inf, 0.0]}, "contains infinity, first at sample 0, time step 0, feature 1"),
        ({"baseline": ["a", "b", "c"]}, "takes numbers, but baseline"),
        ({"target": 1}, "'target' parameter .* an int from 0 to 0. Got 1 instead"),
        ({"target": -1}, "Got -1 instead"),
        ({"target": True}, "Got True instead"),
        ({"target": "up"}, "Got 'up' instead"),
        ({"time_step": -1}, "time_step=-1 requires an estimator with one output per time step"),
        ({"time_step": 1.5}, "The 'time_step' parameter of integrated_gradients must be"),
        ({"n_steps": 0}, "The 'n_steps' parameter of integrated_gradients must be an int in the range"),
        ({"n_steps": 2.0}, "The 'n_steps' parameter"),
    ],
    ids=str,
)
def test_bad_parameters(X, y, params, message):
    model = make("GRURegressor", epochs=1).fit(X, y)
    with pytest.raises(ValueError, match=message):
        integrated_gradients(model, X, **params)


def test_bad_targets_of_classifiers(X, labels, y_steps):
    model = make("GRUClassifier", epochs=1).fit(X, labels)
    with pytest.raises(ValueError, match=r"must be one of the classes \['down', 'flat', 'up'\]. Got 'left' instead"):
        integrated_gradients(model, X, target="left")
    with pytest.raises(ValueError, match=r"must be one of the classes .* Got {} instead"):
        integrated_gradients(model, X, target={})
    with pytest.raises(ValueError, match="Got 0 instead"):
        integrated_gradients(model, X, target=0)
    with pytest.raises(ValueError, match=r"a class, or array-like of shape \(40,\). Got shape \(2,\)"):
        integrated_gradients(model, X, target=["up", "down"])
    per_step = make("GRURegressor", return_sequences=True, epochs=1).fit(X, y_steps)
    with pytest.raises(ValueError, match=r"one output per time step. Set time_step to .* -1 for the last one"):
        integrated_gradients(per_step, X)


def test_bad_sequences(X, y):
    model = make("GRURegressor", epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="X has 2 features, but GRURegressor is expecting 3"):
        integrated_gradients(model, X[..., :2])
    with pytest.raises(ValueError, match="was fitted on 3-D"):
        integrated_gradients(model, X[..., 0])
    with pytest.raises(TypeError, match="X must be array-like"):
        integrated_gradients(model, None)
    lists = [*X]
    with pytest.raises(ValueError, match=r"one array per sample, 40. Got 2 instead"):
        integrated_gradients(model, lists, lists[:2])
    with pytest.raises(ValueError, match=r"Got shape \(4, 3\) for sample 1, whose sequence has shape \(5, 3\)"):
        integrated_gradients(model, lists, [lists[0], lists[1][:4], *lists[2:]])
    with pytest.raises(ValueError, match=r"array-like of shape \(3,\), or a list of arrays .* Got shape \(5,\)"):
        integrated_gradients(model, lists, np.ones(5))


def test_estimators_without_gradients(X, y):
    with pytest.raises(TypeError, match=r"requires a recurrent regressor or classifier of skrnn. Got Ridge instead"):
        integrated_gradients(Ridge(), X)
    pipeline = make_pipeline(SequenceScaler(), make("GRURegressor", epochs=1)).fit(X, y)
    with pytest.raises(TypeError, match=r"Got Pipeline instead. Pass the last step .*pipeline\[:-1\].transform\(X\)"):
        integrated_gradients(pipeline, X)
    assert integrated_gradients(pipeline[-1], pipeline[:-1].transform(X)).shape == X.shape
    search = GridSearchCV(make("GRURegressor", epochs=1), {"units": [2, 3]}, cv=2).fit(X, y)
    with pytest.raises(TypeError, match=r"Got GridSearchCV instead. Pass its best_estimator_"):
        integrated_gradients(search, X)
    with pytest.raises(NotFittedError):
        integrated_gradients(GRURegressor(), X)
    ids = np.arange(1, 41)[:, None] % 5 + 1
    tokens = GRUClassifier(3, embedding_dim=2, epochs=1).fit(ids, ids[:, 0] > 2)
    with pytest.raises(ValueError, match="fitted on token ids, with respect to which outputs have no gradient"):
        integrated_gradients(tokens, ids)
    codes = X.copy()
    codes[..., 0] = np.arange(200).reshape(40, 5) % 3
    categorical = make("GRURegressor", epochs=1, categorical_features=[0]).fit(codes, y)
    with pytest.raises(ValueError, match="fitted with categorical_features, with respect to whose codes"):
        integrated_gradients(categorical, codes)


def gru_layer(units, **options):
    """A custom cell, for which there are no kernels."""
    import keras

    return keras.layers.GRU(units, **{name: options[name] for name in ("return_sequences", "dtype", "name")})


@pytest.mark.slow
def test_a_callable_cell_has_no_kernels(X, y):
    model = RecurrentRegressor(gru_layer, 3, epochs=1, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="has a callable cell, for which there are no native kernels"):
        integrated_gradients(model, X)
