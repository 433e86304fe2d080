"""Estimators and scikit-learn's tools on `Sequences`: the numbers of the array that they stand for, not its memory."""

import pickle
import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import N_FEATURES, N_SAMPLES, N_TIMESTEPS, make, needs_kernels, weights_of
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
    train_test_split,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skrnn import Sequences, SequenceScaler, SequenceWindower, sliding_windows
from skrnn._data import layouts

SHUFFLED = KFold(3, shuffle=True, random_state=0)


@pytest.fixture
def series():
    return np.random.default_rng(3).normal(2.0, 3.0, size=(N_SAMPLES, N_FEATURES))


@pytest.fixture
def windows(series):
    """One window a row, padded time steps at the head of the first ones."""
    return sliding_windows(series, N_TIMESTEPS)


@pytest.fixture
def y(series):
    return series[:, 0] - np.roll(series[:, 1], 1)


@pytest.fixture
def panel():
    """Rows of two series, interleaved."""
    rng = np.random.default_rng(4)
    store = np.tile(["b", "a"], N_SAMPLES // 2)
    return pd.DataFrame(rng.normal(size=(N_SAMPLES, N_FEATURES)), columns=["x", "y", "z"]).assign(store=store)


def scaled_regressor():
    regressor = make_pipeline(SequenceScaler(), make("GRURegressor"))
    return TransformedTargetRegressor(regressor, transformer=StandardScaler())


# ---------------------------------------------------------------------- as an array


@pytest.mark.parametrize(
    "key",
    [
        3,
        -1,
        np.uint8(7),
        slice(2, 9, 3),
        slice(None, None, -1),
        [5, 5, -2],
        np.array([7, 1]),
        pd.Series([2, 30], index=[8, 9]),
        np.arange(N_SAMPLES) % 3 == 0,
        [True] * N_SAMPLES,
        ...,
        (),
        ([4, 2], ...),
        (slice(3), slice(None), slice(None)),
        (slice(None), 2),
        (..., 0),
        (6, -1, 1),
        (slice(2), slice(1, 3), 0),
        (slice(2, 9, 3), ..., [0, 1]),
        (4, ..., 0),
        (4, slice(None), [0, 1]),
        (4, [1, 2], slice(None)),
        (4, [1, 2], [0, 1]),
        (4, None),
    ],
    ids=lambda key: repr(key)[:20],
)
def test_indexing_is_that_of_the_array(key, windows):
    array = np.asarray(windows)
    assert array.shape == windows.shape == (N_SAMPLES, N_TIMESTEPS, N_FEATURES)
    assert_array_equal(np.asarray(windows[key]), array[key])


@pytest.mark.parametrize("key", [N_SAMPLES, -N_SAMPLES - 1, [0, N_SAMPLES], [True] * 3, [0.5], "a", [[1]], None, True])
def test_bad_keys(key, windows):
    with pytest.raises(IndexError):
        windows[key]


def test_only_the_selected_samples_are_expanded():
    windows = sliding_windows(np.arange(200_000.0)[:, None], 256)
    tracemalloc.start()
    try:
        assert windows[150_000, -3:, 0].tolist() == [149_998.0, 149_999.0, 150_000.0]
        assert windows[150_000:150_002, -1, 0].tolist() == [150_000.0, 150_001.0]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < windows.values.nbytes


def test_an_array_is_made_block_by_block():
    windows = sliding_windows(np.random.default_rng(0).normal(size=(50_000, 1)), 64)
    tracemalloc.start()
    try:
        array = np.asarray(windows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * array.nbytes
    for step in range(64):
        assert_array_equal(array[63:, step], windows.values[step : step - 63 or None])
    assert np.isnan(array[:63, :, 0]).sum(axis=1).tolist() == list(range(63, 0, -1))


def test_no_window(windows):
    for nothing in (windows[:0], windows[[]], windows[np.zeros(N_SAMPLES, dtype=bool)]):
        assert len(nothing) == 0
        assert np.asarray(nothing).shape == nothing.shape == (0, N_TIMESTEPS, N_FEATURES)


def test_indexing_copies_no_series(windows, y):
    for part in (windows[3:], windows[[1, 2]], windows[y > 0], windows[[4], ...], windows[...], windows.take([2])):
        assert isinstance(part, Sequences)
        assert part.values is windows.values
    for part in train_test_split(windows, random_state=0):
        assert part.values is windows.values
    assert_array_equal(list(windows), np.asarray(windows))


def test_arrays_and_pickles(windows):
    array = np.asarray(windows)
    for row in range(N_SAMPLES):
        expected = windows.values[max(row - N_TIMESTEPS + 1, 0) : row + 1]
        assert_array_equal(array[row, -len(expected) :], expected)
        assert np.isnan(array[row, : -len(expected)]).all()
    assert np.asarray(windows, dtype=np.float32).dtype == np.float32
    assert_array_equal(np.asarray(pickle.loads(pickle.dumps(windows[::3]))), array[::3])
    assert repr(windows) == f"Sequences(shape={windows.shape}, dtype=float64)"
    assert windows.size == array.size == N_SAMPLES * N_TIMESTEPS * N_FEATURES
    with pytest.raises(ValueError, match="an array of them is always a copy"):
        windows.__array__(copy=False)  # as numpy 2 calls it


# ---------------------------------------------------------------------- estimators


@pytest.mark.parametrize("padding", ["mask", "edge", "zeros"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_fit_is_that_on_the_array(padding, dtype, series, y):
    windows = sliding_windows(series.astype(dtype), N_TIMESTEPS, padding=padding)
    assert windows.dtype == dtype
    array = np.asarray(windows)
    assert np.isnan(array).any() == (padding == "mask")
    lazy, eager = make("GRURegressor").fit(windows, y), make("GRURegressor").fit(array, y)
    assert_array_equal(weights_of(lazy), weights_of(eager))
    assert lazy.history_ == eager.history_
    assert_array_equal(lazy.predict(windows), eager.predict(array))
    assert_array_equal(lazy.predict(windows[::2]), lazy.predict(array[::2]))
    assert_allclose(lazy.predict(windows[::-1])[::-1], lazy.predict(windows), rtol=0, atol=1e-6)
    assert_array_equal(lazy.model_input(windows), eager.model_input(array))
    assert lazy.score(windows, y) == eager.score(array, y)
    assert_array_equal(pickle.loads(pickle.dumps(lazy)).predict(windows), eager.predict(array))


def test_rows_of_no_sequence_may_hold_anything(windows, y):
    part = windows[10:][y[10:] > 0]
    rows = windows.values.copy()
    used = np.unique(part.starts[:, None] + np.arange(N_TIMESTEPS))
    unused = np.setdiff1d(np.arange(N_SAMPLES), used)
    assert len(unused) > 2
    rows[unused] = np.resize([np.nan, np.inf, -np.inf], (len(unused), 1))
    rows[unused[1], 0] = np.nan
    holed = replace(part, values=rows)
    lazy = scaled_regressor().fit(holed, y[: len(part)])
    eager = scaled_regressor().fit(np.asarray(part), y[: len(part)])
    assert_array_equal(lazy.predict(holed), eager.predict(np.asarray(part)))


def test_rows_of_nan_in_a_sequence_are_padded_steps_or_errors(windows, y):
    rows = windows.values.copy()
    rows[[0, 1, -1]] = np.nan  # windows 0 and 1 are left with nothing, some later ones with less
    part = replace(windows, values=rows)[2:]
    assert_array_equal(np.isnan(np.asarray(part))[:4, :, 0].sum(axis=1), [4, 3, 2, 1])
    lazy, eager = make("GRURegressor").fit(part, y[2:]), make("GRURegressor").fit(np.asarray(part), y[2:])
    assert_array_equal(lazy.predict(part), eager.predict(np.asarray(part)))
    with pytest.raises(ValueError, match="Sample 0 of X has no valid time step"):
        lazy.predict(replace(windows, values=rows))
    rows[20] = np.nan
    with pytest.raises(ValueError, match="contains NaN between valid time steps, first at sample 19, time step 3"):
        lazy.predict(replace(windows, values=rows)[2:])
    rows[20] = [0.0, np.nan, 0.0]
    with pytest.raises(ValueError, match="contains NaN, first at sample 18, time step 4, feature 1"):
        lazy.predict(replace(windows, values=rows)[2:])


@pytest.mark.parametrize("n_at_once", [2, 2**16])
@pytest.mark.parametrize(
    ("place", "value", "match"),
    [
        ("starts", N_SAMPLES - N_TIMESTEPS + 1, f"Sample 3 of X starts at row {N_SAMPLES - N_TIMESTEPS + 1}"),
        ("starts", 10**9, "Sample 3 of X starts at row 1000000000"),
        ("starts", -1, "starts at row -1"),
        ("lengths", 0, r"with 0 valid time step\(s\)"),
        ("lengths", N_TIMESTEPS + 1, rf"with {N_TIMESTEPS + 1} valid time step\(s\)"),
        ("n_leading_padding", 1, r"after 1 padded one\(s\)"),
        ("n_leading_padding", -1, r"after -1 padded one\(s\)"),
    ],
)
def test_steps_that_are_not_there_are_refused(place, value, match, n_at_once, series, monkeypatch):
    monkeypatch.setattr(layouts, "_CHECKED_AT_ONCE", n_at_once)
    windows = sliding_windows(series, N_TIMESTEPS)[N_TIMESTEPS:]
    regressor = make("GRURegressor").fit(windows, np.arange(len(windows)))
    array = getattr(windows, place).copy()
    array[3] = value
    with pytest.raises(ValueError, match=match):
        regressor.predict(replace(windows, **{place: array}))
    with pytest.raises(ValueError, match="must be arrays of integers, one per sample"):
        regressor.predict(
            replace(windows, **{place: array[:-1] if place == "n_leading_padding" else array.astype(float)})
        )


def test_dilated_windows_of_chosen_ends(series, y):
    ends = [38, 9, 9, 25]
    windows = sliding_windows(series, N_TIMESTEPS, dilation=3, ends=ends)
    array = np.full((4, N_TIMESTEPS, N_FEATURES), np.nan)
    for window, end in zip(array, ends, strict=True):
        for step in range(N_TIMESTEPS):
            row = end - 3 * (N_TIMESTEPS - 1 - step)
            if row >= 0:
                window[step] = series[row]
    assert_array_equal(np.asarray(windows), array)
    regressor = scaled_regressor().fit(sliding_windows(series, N_TIMESTEPS, dilation=3), y)
    assert_array_equal(regressor.predict(windows), regressor.predict(array))


@pytest.mark.slow
@needs_kernels
def test_a_fit_never_expands_windows():
    rng = np.random.default_rng(0)
    windows = sliding_windows(rng.normal(size=(8_000, 4)), 256)
    y = windows.values[:, 0]
    params = {"cell": "rnn", "units": 2, "batch_size": 512, "epochs": 1, "validation_split": 0.1}
    regressor = make_pipeline(SequenceScaler(), make("RecurrentRegressor", **params))
    regressor.fit(windows[:600], y[:600]).predict(windows[:600])  # compiles
    expanded = 8_000 * 256 * 4 * 8
    tracemalloc.start()
    try:
        chosen = windows[np.random.default_rng(1).permutation(8_000)]
        regressor.fit(chosen, y).predict(chosen)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < expanded / 4


# ---------------------------------------------------------------------- scikit-learn's tools


@pytest.mark.parametrize("padding", [None, "edge"], ids=["mask", "edge"])
def test_tools_of_scikit_learn_take_windows_as_they_are(padding, series, y):
    windows = sliding_windows(series, N_TIMESTEPS, padding=padding)
    array = np.asarray(windows)
    scores = cross_val_score(scaled_regressor(), windows, y, cv=SHUFFLED)
    assert_array_equal(scores, cross_val_score(scaled_regressor(), array, y, cv=SHUFFLED))
    assert len(set(scores)) == 3
    train, test = next(SHUFFLED.split(array))
    assert scores[0] == scaled_regressor().fit(array[train], y[train]).score(array[test], y[test])
    predictions = cross_val_predict(scaled_regressor(), windows, y, cv=SHUFFLED)
    assert_array_equal(predictions, cross_val_predict(scaled_regressor(), array, y, cv=SHUFFLED))
    assert_array_equal(
        cross_val_score(scaled_regressor(), windows, y, cv=TimeSeriesSplit(3, gap=2)),
        cross_val_score(scaled_regressor(), array, y, cv=TimeSeriesSplit(3, gap=2)),
    )


@pytest.mark.parametrize(
    "grid",
    [
        {"regressor__grur__optimizer__learning_rate": [0.001, 0.03]},
        {"regressor__scale__scaler": [None, MinMaxScaler()], "regressor__grur__epochs": [1, 3]},
    ],
    ids=["routed", "steps"],
)
def test_searches_take_windows_as_they_are(grid, windows, y):
    pipeline = Pipeline([("scale", SequenceScaler()), ("grur", make("GRURegressor"))])
    model = TransformedTargetRegressor(pipeline, transformer=StandardScaler())
    array = np.asarray(windows)
    lazy = GridSearchCV(model, grid, cv=SHUFFLED).fit(windows, y)
    eager = GridSearchCV(model, grid, cv=SHUFFLED).fit(array, y)
    assert_array_equal(lazy.cv_results_["mean_test_score"], eager.cv_results_["mean_test_score"])
    assert len(set(lazy.cv_results_["mean_test_score"])) == len(lazy.cv_results_["params"])
    assert lazy.best_params_.keys() == grid.keys()
    assert_array_equal(lazy.predict(windows[5:9]), eager.predict(array[5:9]))


# ---------------------------------------------------------------------- panels


def windows_of_panel(panel):
    """The definition: the last rows of the same store, one window after another."""
    array = np.full((len(panel), N_TIMESTEPS, N_FEATURES), np.nan)
    for row, store in enumerate(panel["store"]):
        rows = panel[["x", "y", "z"]].to_numpy()[: row + 1][panel["store"][: row + 1] == store][-N_TIMESTEPS:]
        array[row, -len(rows) :] = rows
    return array


def test_windows_of_a_panel_are_fitted_and_predicted(panel):
    windows, array = sliding_windows(panel, N_TIMESTEPS, groups="store"), windows_of_panel(panel)
    assert_array_equal(np.asarray(windows), array)
    y = np.nanmean(array[..., 0], axis=1)
    lazy, eager = make("GRURegressor").fit(windows, y), make("GRURegressor").fit(array, y)
    assert_array_equal(weights_of(lazy), weights_of(eager))
    assert_array_equal(lazy.predict(windows), eager.predict(array))
    assert_array_equal(
        cross_val_predict(make("GRURegressor"), windows, y, cv=GroupKFold(2), groups=panel["store"]),
        cross_val_predict(make("GRURegressor"), array, y, cv=GroupKFold(2), groups=panel["store"]),
    )


@pytest.mark.parametrize("padding", ["mask", "edge"])
def test_a_pipeline_that_cuts_a_panel(padding, panel):
    y = panel["x"].to_numpy()
    windower = SequenceWindower(N_TIMESTEPS, padding=padding, context=None, groups="store")
    pipeline = make_pipeline(windower, SequenceScaler(), make("GRURegressor")).fit(panel, y)
    assert isinstance(clone(windower).fit_transform(panel), Sequences)
    array = np.asarray(sliding_windows(panel, N_TIMESTEPS, padding=padding, groups="store"))
    expected = make_pipeline(SequenceScaler(), make("GRURegressor")).fit(array, y)
    assert_array_equal(pipeline.predict(panel), expected.predict(array))
    alone = panel[panel["store"] == "a"]
    assert_allclose(pipeline.predict(alone), pipeline.predict(panel)[1::2], rtol=0, atol=1e-6)


def test_operators_and_functions_of_numpy_apply_to_the_values(series):
    windows = sliding_windows(series, N_TIMESTEPS)[N_TIMESTEPS:]
    array = np.asarray(windows)
    assert_array_equal(windows - 1, array - 1)
    assert_array_equal(2 * windows, 2 * array)
    assert_array_equal(windows == array[0, 0, 0], array == array[0, 0, 0])
    assert_array_equal(windows != windows, np.zeros(array.shape, dtype=bool))
    assert_array_equal(np.maximum(windows, 0), np.maximum(array, 0))
    assert array[3, 1, 0] in windows
    assert 1e9 not in windows
    assert_array_equal(windows.to_numpy(), array)
    with pytest.raises(TypeError, match=r"Sequences are immutable\. Convert them by np\.asarray"):
        windows += 1
    with pytest.raises(AttributeError, match=r"no attribute 'mean', which arrays have: convert them by np\.asarray"):
        windows.mean()
    with pytest.raises(AttributeError, match=r"Sequences have no attribute 'median'\.$"):
        windows.median()


def test_windows_are_plotted_as_the_array_that_they_are(series):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure, ax = pyplot.subplots()
    [line] = ax.plot(sliding_windows(series[:, :1], 4)[10:20][:, -1, 0])
    assert_array_equal(line.get_ydata(), series[10:20, 0])
    lines = ax.plot(sliding_windows(series[:, :1], 4).to_numpy()[:, :, 0])
    assert len(lines) == 4
    with pytest.raises(ValueError, match=r"must have same first dimension|must be a scalar|x and y can be no greater"):
        ax.plot(sliding_windows(series, 4))
    pyplot.close(figure)
