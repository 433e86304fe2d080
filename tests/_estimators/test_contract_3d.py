"""The contract of scikit-learn's estimators, for 3-D input, which its own checks do not cover."""

import numpy as np
import pytest
from conftest import (
    CLASSIFIER_CELLS,
    N_FEATURES,
    N_SAMPLES,
    N_TIMESTEPS,
    REGRESSOR_CELLS,
    cell_id,
    make,
    make_cell,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import accuracy_score, r2_score

pytestmark = pytest.mark.slow

REGRESSORS = pytest.mark.parametrize("cell", REGRESSOR_CELLS, ids=cell_id)
CLASSIFIERS = pytest.mark.parametrize("cell", CLASSIFIER_CELLS, ids=cell_id)

# With these a fit is a plain function of the weighted data.
EXACT = {"dtype": "float64", "batch_size": None, "shuffle": False}


def weights_of(estimator):
    """Trained weights, as one vector."""
    return np.concatenate([np.ravel(w) for w in estimator.model_.get_weights()])


@REGRESSORS
def test_regressor_fits_predicts_and_scores(cell, X, y):
    regressor = make_cell(cell, epochs=60, optimizer__learning_rate=0.02)
    assert regressor.fit(X, y) is regressor
    predictions = regressor.predict(X)
    assert predictions.shape == (N_SAMPLES,)
    assert predictions.dtype == np.float64
    assert regressor.score(X, y) == r2_score(y, predictions)
    assert regressor.score(X, y) > 0.8
    weight = np.arange(1, N_SAMPLES + 1)
    assert regressor.score(X, y, weight) == r2_score(y, predictions, sample_weight=weight)
    assert regressor.n_features_in_ == N_FEATURES
    assert regressor.n_outputs_ == 1
    assert regressor.n_iter_ == 60


@CLASSIFIERS
def test_classifier_fits_predicts_and_scores(cell, X, labels):
    classifier = make_cell(cell, epochs=60, optimizer__learning_rate=0.02)
    assert classifier.fit(X, labels) is classifier
    predictions = classifier.predict(X)
    assert predictions.shape == (N_SAMPLES,)
    assert predictions.dtype == labels.dtype
    assert classifier.classes_.tolist() == ["down", "flat", "up"]
    probabilities = classifier.predict_proba(X)
    assert_array_equal(predictions, classifier.classes_[probabilities.argmax(axis=1)])
    assert classifier.score(X, labels) == accuracy_score(labels, predictions)
    assert classifier.score(X, labels) > 0.8
    weight = np.arange(1, N_SAMPLES + 1)
    assert classifier.score(X, labels, weight) == accuracy_score(labels, predictions, sample_weight=weight)
    assert classifier.n_features_in_ == N_FEATURES
    assert classifier.n_outputs_ == 3


@REGRESSORS
def test_regressor_is_idempotent(cell, X, y):
    regressor = make_cell(cell).fit(X, y)
    first, history = weights_of(regressor), regressor.history_
    assert_array_equal(weights_of(regressor.fit(X, y)), first)
    assert regressor.history_ == history
    assert_array_equal(weights_of(make_cell(cell).fit(X, y)), first)
    assert (weights_of(make_cell(cell, random_state=1).fit(X, y)) != first).any()


@CLASSIFIERS
def test_classifier_is_idempotent(cell, X, labels):
    classifier = make_cell(cell).fit(X, labels)
    first, history = weights_of(classifier), classifier.history_
    assert_array_equal(weights_of(classifier.fit(X, labels)), first)
    assert classifier.history_ == history
    assert_array_equal(weights_of(make_cell(cell).fit(X, labels)), first)
    assert (weights_of(make_cell(cell, random_state=1).fit(X, labels)) != first).any()


def assert_rows_are_alone(method, X):
    """A row's result does not depend on the rows beside it, nor on its place among them."""
    # Kernels give equal bits; Keras's own loop (SKRNN_ENGINE=keras) may round otherwise in other places of a batch.
    together = method(X)
    order = np.random.default_rng(0).permutation(len(X))
    assert_allclose(method(X[order]), together[order], rtol=0, atol=1e-6)
    assert_allclose(np.concatenate([method(X[i : i + 1]) for i in range(len(X))]), together, rtol=0, atol=1e-6)
    assert_allclose(np.concatenate([method(part) for part in np.array_split(X, 3)]), together, rtol=0, atol=1e-6)
    # 200 rows take several batches.
    assert_allclose(method(np.concatenate([X] * 5)), np.concatenate([together] * 5), rtol=0, atol=1e-6)


@REGRESSORS
def test_regressor_predicts_each_row_alone(cell, X, y):
    assert_rows_are_alone(make_cell(cell).fit(X, y).predict, X)


@CLASSIFIERS
def test_classifier_predicts_each_row_alone(cell, X, labels):
    classifier = make_cell(cell).fit(X, labels)
    assert_rows_are_alone(classifier.predict_proba, X)
    assert_array_equal(classifier.predict(X[::-1]), classifier.predict(X)[::-1])


@pytest.mark.parametrize("fitted_on", ["valid", "padded"])
def test_padded_steps_of_other_rows_change_nothing(fitted_on, X, X_masked, y):
    regressor = make("GRURegressor").fit(X if fitted_on == "present" else X_masked, y)
    alone = np.concatenate([regressor.predict(X_masked[i : i + 1]) for i in range(N_SAMPLES)])
    assert_allclose(regressor.predict(X_masked), alone, atol=1e-6)


@pytest.mark.parametrize("masked", [False, True], ids=["valid", "padded"])
def test_regressor_weights_are_repetitions(masked, X, X_masked, y):
    X, cell = X_masked if masked else X, REGRESSOR_CELLS[0]
    repetitions = np.tile([1, 3, 0, 1], N_SAMPLES // 4)
    weighted = make_cell(cell, **EXACT).fit(X, y, sample_weight=repetitions)
    repeated = make_cell(cell, **EXACT).fit(np.repeat(X, repetitions, axis=0), np.repeat(y, repetitions))
    assert_allclose(weighted.predict(X), repeated.predict(X), rtol=0, atol=1e-7)
    assert_allclose(weighted.history_["loss"], repeated.history_["loss"], rtol=1e-7)
    unweighted = make_cell(cell, **EXACT).fit(X, y)
    assert np.abs(weighted.predict(X) - unweighted.predict(X)).max() > 1e-4


def test_float32_weights_are_repetitions_up_to_rounding(X, y):
    params = {"batch_size": None, "shuffle": False}
    repetitions = np.tile([1, 3, 0, 1], N_SAMPLES // 4)
    weighted = make("GRURegressor", **params).fit(X, y, sample_weight=repetitions)
    repeated = make("GRURegressor", **params).fit(np.repeat(X, repetitions, axis=0), np.repeat(y, repetitions))
    assert_allclose(weighted.predict(X), repeated.predict(X), rtol=0, atol=1e-6)


def test_classifier_weights_are_repetitions(X, labels):
    repetitions = np.tile([1, 3, 0, 1], N_SAMPLES // 4)
    weighted = make("GRUClassifier", **EXACT).fit(X, labels, sample_weight=repetitions)
    repeated = make("GRUClassifier", **EXACT).fit(np.repeat(X, repetitions, axis=0), np.repeat(labels, repetitions))
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=0, atol=1e-7)
    assert_allclose(weighted.history_["loss"], repeated.history_["loss"], rtol=1e-7)
    unweighted = make("GRUClassifier", **EXACT).fit(X, labels)
    assert np.abs(weighted.predict_proba(X) - unweighted.predict_proba(X)).max() > 1e-4


@pytest.mark.parametrize("shuffle", [False, True])
@REGRESSORS
def test_regressor_weight_zero_is_removal(cell, shuffle, X, y):
    kept = np.arange(N_SAMPLES) % 8 != 3  # 35 samples: two batches, one of them not full
    y_out = np.where(kept, y, 1e6)
    weighted = make_cell(cell, shuffle=shuffle).fit(X, y_out, sample_weight=kept)
    removed = make_cell(cell, shuffle=shuffle).fit(X[kept], y[kept])
    assert_array_equal(weights_of(weighted), weights_of(removed))
    assert weighted.history_ == removed.history_


@CLASSIFIERS
def test_classifier_weight_zero_is_removal(cell, X, labels):
    kept = np.arange(N_SAMPLES) % 8 != 3
    weighted = make_cell(cell).fit(X, labels, sample_weight=kept)
    removed = make_cell(cell).fit(X[kept], labels[kept])
    assert_array_equal(weights_of(weighted), weights_of(removed))
    assert weighted.history_ == removed.history_


def test_scaling_all_weights_changes_nothing(X, y):
    # The loss is divided by the sum of the weights, here a power of two so that no bit is rounded.
    weights = np.tile([1.0, 3.0], N_SAMPLES // 2)
    small = make("GRURegressor").fit(X, y, sample_weight=weights)
    large = make("GRURegressor").fit(X, y, sample_weight=1024 * weights)
    assert_array_equal(weights_of(large), weights_of(small))


@REGRESSORS
def test_regressor_takes_other_lengths_at_predict(cell, X, y):
    regressor = make_cell(cell).fit(X, y)
    longer = np.concatenate([X, X], axis=1)[:, : N_TIMESTEPS + 2]
    assert regressor.predict(longer).shape == (N_SAMPLES,)
    assert regressor.predict(X[:, :1]).shape == (N_SAMPLES,)
    # The longer sequences, their tail padded, are the short ones.
    longer[:, N_TIMESTEPS:] = np.nan
    assert_allclose(regressor.predict(longer), regressor.predict(X), atol=1e-6)


@pytest.mark.parametrize(
    "convert",
    [
        lambda X, path: X.astype(np.float32),
        lambda X, path: X.astype(np.float64),
        lambda X, path: np.asfortranarray(X),
        lambda X, path: np.repeat(X, 2, axis=1)[:, ::2],
        lambda X, path: np.repeat(X, 2, axis=0)[::2],
        lambda X, path: np.repeat(X, 2, axis=2)[:, :, ::2],
        lambda X, path: np.ascontiguousarray(X[:, ::-1])[:, ::-1],
        lambda X, path: np.ascontiguousarray(X[::-1])[::-1],
        lambda X, path: np.ascontiguousarray(X.transpose(1, 0, 2)).transpose(1, 0, 2),
        lambda X, path: X.astype(object),
        lambda X, path: X.astype(">f8"),
        lambda X, path: X.tolist(),
        lambda X, path: read_only_memmap(X, path),
    ],
    ids=[
        "float32",
        "float64",
        "fortran",
        "every-second-step",
        "every-second-sample",
        "every-second-feature",
        "steps-backwards",
        "samples-backwards",
        "time-first",
        "object",
        "big-endian",
        "list",
        "read-only-memmap",
    ],
)
def test_memory_layout_and_dtype_change_nothing(convert, X, y, tmp_path):
    X = X.astype(np.float32).astype(np.float64)  # values that every dtype holds
    expected = make("GRURegressor").fit(X, y)
    other = convert(X, tmp_path / "X.npy")
    assert_array_equal(weights_of(make("GRURegressor").fit(other, y)), weights_of(expected))
    assert_array_equal(expected.predict(other), expected.predict(X))


def read_only_memmap(X, path):
    np.save(path, X)
    return np.load(path, mmap_mode="r")


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int32, np.int64, np.float16])
def test_whole_numbers_of_any_dtype_are_equal(dtype, X, y):
    X = (X > 0).astype(np.float64)
    expected = make("GRURegressor").fit(X, y)
    assert_array_equal(weights_of(make("GRURegressor").fit(X.astype(dtype), y)), weights_of(expected))
    assert_array_equal(expected.predict(X.astype(dtype)), expected.predict(X))


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 7])
def test_strided_windows_are_their_copies(dilation, stride, X, y):
    series = np.random.default_rng(1).normal(size=(stride * (N_SAMPLES - 1) + dilation * (N_TIMESTEPS - 1) + 1, 3))
    by_row, by_feature = series.strides
    windows = np.lib.stride_tricks.as_strided(
        series, (N_SAMPLES, N_TIMESTEPS, 3), (stride * by_row, dilation * by_row, by_feature), writeable=False
    )
    regressor = make("GRURegressor").fit(X, y)
    assert_array_equal(regressor.predict(windows), regressor.predict(np.array(windows)))
    fitted = make("GRURegressor").fit(windows, y)
    assert_array_equal(weights_of(fitted), weights_of(make("GRURegressor").fit(np.array(windows), y)))


@pytest.mark.parametrize("dilation", [1, 2])
def test_strided_windows_with_padded_steps_are_their_copies(dilation, X, y):
    n_rows = N_SAMPLES - 1 + dilation * (N_TIMESTEPS - 1) + 1
    series = np.random.default_rng(1).normal(size=(n_rows, 3))
    series[: dilation * 2] = np.nan
    series[-1:] = np.nan
    by_row, by_feature = series.strides
    windows = np.lib.stride_tricks.as_strided(
        series, (N_SAMPLES, N_TIMESTEPS, 3), (by_row, dilation * by_row, by_feature), writeable=False
    )
    regressor = make("GRURegressor").fit(X, y)
    assert_array_equal(regressor.predict(windows), regressor.predict(np.array(windows)))


@REGRESSORS
def test_absent_head_or_tail_is_a_shorter_sequence(cell, X, X_masked, y):
    regressor = make_cell(cell).fit(X_masked, y)
    short = X[:, :3]
    alone = regressor.predict(short)
    head, middle, tail = (np.full((N_SAMPLES, N_TIMESTEPS, N_FEATURES), np.nan) for _ in range(3))
    head[:, 2:], middle[:, 1:4], tail[:, :3] = short, short, short
    for padded in (head, middle, tail):
        assert_allclose(regressor.predict(padded), alone, rtol=0, atol=1e-6)
    assert_array_equal(regressor.predict(head), regressor.predict(tail))
    assert np.abs(regressor.predict(X) - alone).max() > 1e-4


@REGRESSORS
def test_where_padded_steps_stand_does_not_change_the_fit(cell, X, y):
    head, tail = X.copy(), X.copy()
    head[::2, :2] = np.nan
    tail[::2, :3], tail[::2, 3:] = X[::2, 2:], np.nan
    assert_array_equal(weights_of(make_cell(cell).fit(head, y)), weights_of(make_cell(cell).fit(tail, y)))


def test_padded_steps_of_a_classifier(X, X_masked, labels):
    classifier = make("GRUClassifier").fit(X_masked, labels)
    padded = X.copy()
    padded[:, :2] = np.nan
    assert_allclose(classifier.predict_proba(padded), classifier.predict_proba(X[:, 2:]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("options", [{"bidirectional": True}, {"units": (6, 4)}], ids=["bidirectional", "stacked"])
def test_padded_steps_of_deeper_networks(options, X, X_masked, y):
    regressor = make("GRURegressor", **options).fit(X_masked, y)
    padded = X.copy()
    padded[:, :2] = np.nan
    assert_allclose(regressor.predict(padded), regressor.predict(X[:, 2:]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("read_only", [False, True])
def test_fit_and_predict_change_no_argument(read_only, X_masked, y):
    weights = np.ones(N_SAMPLES)
    weights[3] = 0
    held_out = (X_masked[:10].copy(), y[:10].copy())
    arguments = (X_masked, y, weights, *held_out)
    copies = [argument.copy() for argument in arguments]
    for argument in arguments:
        argument.flags.writeable = not read_only
    regressor = make("GRURegressor").fit(X_masked, y, weights, X_val=held_out[0], y_val=held_out[1])
    regressor.predict(X_masked)
    regressor.score(X_masked, y, weights)
    regressor.partial_fit(X_masked, y, weights)
    for argument, copy in zip(arguments, copies, strict=True):
        assert_array_equal(argument, copy)


@pytest.mark.parametrize("read_only", [False, True])
def test_class_weight_changes_no_argument(read_only, X, labels):
    class_weight = {"down": 2.0, "up": 0.5}
    weights = np.arange(1.0, N_SAMPLES + 1)
    arguments = (X, labels, weights)
    copies = [argument.copy() for argument in arguments]
    for argument in arguments:
        argument.flags.writeable = not read_only
    classifier = make("GRUClassifier", class_weight=class_weight).fit(X, labels, weights)
    classifier.score(X, labels, weights)
    for argument, copy in zip(arguments, copies, strict=True):
        assert_array_equal(argument, copy)
    assert class_weight == {"down": 2.0, "up": 0.5}
