import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import TimeSeriesSplit, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_estimator,
    check_transformer_get_feature_names_out,
    check_transformer_get_feature_names_out_pandas,
)

from skrnn import Sequences, SequenceWindower

EXPECTED_FAILURES = {
    "check_methods_subset_invariance": "a window reads the rows before it, which a subset may lack",
    "check_methods_sample_order_invariance": "a window reads the rows before it, which a new order changes",
}


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(13, 3))


@pytest.fixture
def frame(X):
    return pd.DataFrame(X, columns=["a", "b", "c"], index=pd.date_range("2024-01-01", periods=13, freq="D"))


def loop_windows(X, window, dilation, padding):
    """The definition, one number at a time."""
    windows = np.empty((len(X), window, X.shape[1]))
    for row in range(len(X)):
        for step in range(window):
            source = row - (window - 1 - step) * dilation
            if source >= 0:
                windows[row, step] = X[source]
            else:
                windows[row, step] = {"mask": np.nan, "edge": X[0], "zeros": 0.0}[padding]
    return windows


@pytest.mark.parametrize("padding", ["mask", "edge", "zeros"])
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("window", [1, 2, 5, 20])
def test_windows_equal_a_plain_loop(X, window, dilation, padding):
    expected = loop_windows(X, window, dilation, padding)
    windower = SequenceWindower(window, dilation=dilation, padding=padding)
    windows = windower.fit(X).transform(X)
    assert windows.shape == (13, window, 3)
    assert_array_equal(windows, expected)
    assert_array_equal(windower.fit_transform(X), expected)
    flat = windower.set_params(flatten=True).transform(X)
    assert_array_equal(flat, expected.reshape(13, window * 3))


def test_one_row():
    windows = SequenceWindower(3).fit_transform([[1.0, 2.0]])
    assert_array_equal(windows, [[[np.nan, np.nan], [np.nan, np.nan], [1.0, 2.0]]])


def test_default_parameters(X):
    assert SequenceWindower().get_params() == {
        "window": 20,
        "dilation": 1,
        "padding": None,
        "context": "index",
        "max_gap": None,
        "groups": None,
        "flatten": False,
    }
    assert SequenceWindower().fit_transform(X).shape == (13, 20, 3)


def test_padding_none_is_mask_or_edge_when_flattened(X):
    windows = SequenceWindower(4).fit_transform(X)
    assert_array_equal(windows, loop_windows(X, 4, 1, "mask"))
    assert np.isnan(windows).sum() == (3 + 2 + 1) * 3
    flat = SequenceWindower(4, flatten=True).fit_transform(X)
    assert_array_equal(flat, loop_windows(X, 4, 1, "edge").reshape(13, 12))


@pytest.mark.parametrize("dilation", [1, 2])
def test_masked_windows_take_no_padded_rows(X, dilation):
    windows = SequenceWindower(4, dilation=dilation).fit_transform(X)
    assert isinstance(windows, Sequences)
    assert_array_equal(windows.values, X)
    assert windows.series is None
    assert (windows.step, windows.n_timesteps) == (dilation, 4)
    assert_array_equal(windows.starts[:7], [0, 0, 0, 0, 1, 2, 3] if dilation == 1 else [0, 1, 0, 1, 0, 1, 0])
    assert_array_equal(windows.n_leading_padding[:7], [3, 2, 1, 0, 0, 0, 0] if dilation == 1 else [3, 3, 2, 2, 1, 1, 0])
    assert_array_equal(windows.lengths + windows.n_leading_padding, np.full(13, 4))


def test_context_rows_come_before_the_rows(X):
    windows = SequenceWindower(3, context="assume").fit(X[:8]).transform(X[8:])
    assert_array_equal(windows.values, X[6:])
    assert_array_equal(windows.starts, np.arange(5))
    assert not windows.has_padding


@pytest.mark.parametrize("padding", ["edge", "zeros"])
def test_other_padding_adds_the_rows_before_the_first(X, padding):
    windows = SequenceWindower(4, dilation=2, padding=padding).fit_transform(X)
    assert not windows.has_padding
    first = np.broadcast_to(X[0], (6, 3)) if padding == "edge" else np.zeros((6, 3))
    assert_array_equal(windows.values, np.concatenate([first, X]))


def test_memory_does_not_grow_with_the_window():
    X = np.ones((200_000, 8))
    windower = SequenceWindower(512).fit(X)
    tracemalloc.start()
    try:
        windows = windower.transform(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert windows.size > 500 * X.size
    assert windows.values.nbytes == X.nbytes
    assert peak < 2 * X.nbytes


def test_windows_are_a_copy_of_the_input(X):
    windows = SequenceWindower(2).fit_transform(X)
    expected = np.array(windows)
    X[:] = 0.0
    assert_array_equal(windows, expected)


@pytest.mark.parametrize("window", [1, 3])
def test_flattened_windows_are_writable_and_contiguous(X, window):
    flat = SequenceWindower(window, flatten=True).fit_transform(X)
    assert flat.flags.writeable and flat.flags.c_contiguous
    assert not np.shares_memory(flat, X)


@pytest.mark.parametrize("padding", ["mask", "edge", "zeros"])
@pytest.mark.parametrize("flatten", [False, True])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("float32", "float32"),
        ("float64", "float64"),
        ("float16", "float64"),
        ("int64", "float64"),
        ("uint8", "float64"),
        ("bool", "float64"),
    ],
)
def test_dtypes(given, expected, flatten, padding):
    X = np.arange(6).reshape(3, 2).astype(given)
    windower = SequenceWindower(2, flatten=flatten, padding=padding)
    windows = windower.fit_transform(X)
    assert windows.dtype == expected
    assert windower.inverse_transform(windows).dtype == expected
    assert_array_equal(windower.inverse_transform(windows), X)


def test_fortran_order_and_frames_give_the_same_windows(X, frame):
    expected = SequenceWindower(4).fit_transform(X)
    assert_array_equal(SequenceWindower(4).fit_transform(np.asfortranarray(X)), expected)
    assert_array_equal(SequenceWindower(4).fit_transform(frame), expected)


def test_fitted_attributes(X, frame):
    windower = SequenceWindower(4).fit(X)
    assert windower.n_features_in_ == 3
    assert not hasattr(windower, "feature_names_in_")
    assert_array_equal(windower.fit(frame).feature_names_in_, ["a", "b", "c"])


# Feature names


@pytest.mark.parametrize("dilation", [1, 2])
def test_feature_names_are_those_of_the_columns(frame, dilation):
    windower = SequenceWindower(3, dilation=dilation, flatten=True).set_output(transform="pandas")
    flat = windower.fit_transform(frame)
    assert list(flat.columns) == list(windower.get_feature_names_out())
    for name in frame.columns:
        for lag in (0, dilation, 2 * dilation):
            # The row itself has lag 0; the rows before the first repeat it.
            expected = frame[name].shift(lag).fillna(frame[name].iloc[0])
            assert_array_equal(flat[f"{name}_lag{lag}"], expected)


def test_feature_names_without_input_names(X):
    windower = SequenceWindower(4, flatten=True).fit(X[:, :2])
    expected = ["x0_lag3", "x1_lag3", "x0_lag2", "x1_lag2", "x0_lag1", "x1_lag1", "x0_lag0", "x1_lag0"]
    assert windower.get_feature_names_out().tolist() == expected
    assert windower.get_feature_names_out(["u", "v"]).tolist()[:3] == ["u_lag3", "v_lag3", "u_lag2"]
    with pytest.raises(ValueError, match="input_features should have length equal to"):
        windower.get_feature_names_out(["u"])


def test_feature_names_exist_only_when_flattened(X):
    windower = SequenceWindower(4).fit(X)
    assert not hasattr(windower, "get_feature_names_out")
    with pytest.raises(AttributeError, match="get_feature_names_out") as caught:
        windower.get_feature_names_out()
    assert "need flatten=True" in str(caught.value.__cause__)
    assert hasattr(windower.set_params(flatten=True), "get_feature_names_out")


# Output containers


def test_set_output_wraps_flattened_windows(frame):
    windower = SequenceWindower(2, flatten=True)
    expected = windower.fit_transform(frame)
    assert windower.set_output(transform="pandas") is windower
    flat = windower.transform(frame)
    assert isinstance(flat, pd.DataFrame)
    pd.testing.assert_index_equal(flat.index, frame.index)
    assert_array_equal(flat, expected)
    assert isinstance(windower.set_output(transform=None).transform(frame), pd.DataFrame)
    assert isinstance(windower.set_output(transform="default").transform(frame), np.ndarray)


def test_set_output_leaves_3d_windows_alone(frame):
    windower = SequenceWindower(2)
    assert windower.set_output(transform="pandas") is windower
    windows = windower.fit_transform(frame)
    assert isinstance(windows, Sequences)
    assert windows.shape == (13, 2, 3)
    # Remembered all the same, for the day the windows are flattened.
    assert isinstance(windower.set_params(flatten=True).transform(frame), pd.DataFrame)


@pytest.mark.parametrize("copied", [clone, lambda windower: pickle.loads(pickle.dumps(windower))])
def test_set_output_survives_clone_and_pickle(frame, copied):
    windower = copied(SequenceWindower(2, flatten=True).set_output(transform="pandas"))
    assert isinstance(windower.fit_transform(frame), pd.DataFrame)
    # The copy has its own configuration.
    again = copied(windower).set_output(transform="default")
    assert isinstance(again.fit_transform(frame), np.ndarray)
    assert isinstance(windower.fit_transform(frame), pd.DataFrame)


def test_global_configuration(frame):
    with config_context(transform_output="pandas"):
        assert isinstance(SequenceWindower(2, flatten=True).fit_transform(frame), pd.DataFrame)
        assert isinstance(SequenceWindower(2).fit_transform(frame), Sequences)


@pytest.mark.parametrize("container", ["pandas", "default"])
def test_pipeline_set_output(frame, container):
    scaled = StandardScaler().fit_transform(frame)

    pipeline = make_pipeline(StandardScaler(), SequenceWindower(3)).set_output(transform=container)
    windows = pipeline.fit_transform(frame)
    assert isinstance(windows, Sequences)
    assert_array_equal(windows, loop_windows(scaled, 3, 1, "mask"))

    pipeline = make_pipeline(StandardScaler(), SequenceWindower(3, flatten=True))
    pipeline = clone(pipeline.set_output(transform=container))
    flat = pipeline.fit_transform(frame)
    assert_array_equal(flat, loop_windows(scaled, 3, 1, "edge").reshape(13, 9))
    assert isinstance(flat, pd.DataFrame) == (container == "pandas")
    if container == "pandas":
        pd.testing.assert_index_equal(flat.index, frame.index)
        assert flat.columns[0] == "a_lag2"
        assert flat.columns[-1] == "c_lag0"


def test_polars_output(X):
    pl = pytest.importorskip("polars")
    flat = SequenceWindower(2, flatten=True).set_output(transform="polars").fit_transform(X)
    assert isinstance(flat, pl.DataFrame)
    assert flat.columns == ["x0_lag1", "x1_lag1", "x2_lag1", "x0_lag0", "x1_lag0", "x2_lag0"]


# Inverse


@pytest.mark.parametrize("padding", ["mask", "edge", "zeros"])
@pytest.mark.parametrize("flatten", [False, True])
@pytest.mark.parametrize("window", [1, 4, 20])
def test_inverse_transform(X, window, flatten, padding):
    windower = SequenceWindower(window, flatten=flatten, padding=padding).fit(X)
    rows = windower.inverse_transform(windower.transform(X))
    assert_array_equal(rows, X)
    rows[:] = 0.0  # a copy


def test_inverse_transform_of_a_frame(frame):
    windower = SequenceWindower(4, flatten=True).set_output(transform="pandas").fit(frame)
    assert_array_equal(windower.inverse_transform(windower.transform(frame)), frame)


@pytest.mark.parametrize(
    ("flatten", "shape", "message"),
    [
        (False, (5, 4, 2), r"\(n_rows, window, n_features\) = \(n_rows, 4, 3\), but X has shape \(5, 4, 2\)"),
        (False, (5, 3, 3), r"= \(n_rows, 4, 3\), but X has shape \(5, 3, 3\)"),
        (False, (5, 12), r"flatten=False.*= \(n_rows, 4, 3\), but X has shape \(5, 12\)"),
        (True, (5, 11), r"\(n_rows, window \* n_features\) = \(n_rows, 12\), but X has shape \(5, 11\)"),
        (True, (5, 4, 3), r"flatten=True.*= \(n_rows, 12\), but X has shape \(5, 4, 3\)"),
        (True, (12,), r"= \(n_rows, 12\), but X has shape \(12,\)"),
    ],
)
def test_inverse_transform_of_a_wrong_shape(X, flatten, shape, message):
    windower = SequenceWindower(4, flatten=flatten).fit(X)
    with pytest.raises(ValueError, match=message):
        windower.inverse_transform(np.zeros(shape))


# Errors


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_missing_and_infinite_values_are_refused(X, bad):
    good = X.copy()
    X[7, 1] = bad
    message = "Input X contains NaN" if np.isnan(bad) else "Input X contains infinity"
    with pytest.raises(ValueError, match=message):
        SequenceWindower().fit(X)
    with pytest.raises(ValueError, match=message):
        SequenceWindower().fit(good).transform(X)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"window": 0}, r"The 'window' parameter of SequenceWindower must be an int in the range \[1, inf\)"),
        ({"window": 2.5}, "The 'window' parameter of SequenceWindower must be an int"),
        ({"dilation": 0}, "The 'dilation' parameter of SequenceWindower must be an int"),
        ({"dilation": -1}, "The 'dilation' parameter of SequenceWindower must be an int"),
        ({"padding": "wrap"}, "The 'padding' parameter of SequenceWindower must be a str among"),
        ({"flatten": "yes"}, "The 'flatten' parameter of SequenceWindower must be an instance of 'bool'"),
    ],
)
def test_parameters_are_validated(X, params, message):
    with pytest.raises(ValueError, match=message):
        SequenceWindower(**params).fit(X)
    with pytest.raises(ValueError, match=message):
        SequenceWindower().fit(X).set_params(**params).transform(X)


@pytest.mark.parametrize("method", ["transform", "inverse_transform", "get_feature_names_out"])
def test_unfitted(X, method):
    with pytest.raises(NotFittedError, match="This SequenceWindower instance is not fitted yet"):
        getattr(SequenceWindower(flatten=True), method)(X)


def test_other_features_than_at_fit(X, frame):
    windower = SequenceWindower().fit(frame)
    with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
        windower.transform(frame[["b", "a", "c"]])
    with pytest.raises(ValueError, match="X has 2 features, but SequenceWindower is expecting 3 features"):
        SequenceWindower().fit(X).transform(X[:, :2])


# With scikit-learn


@pytest.mark.parametrize("function", [np.asarray, np.nan_to_num, lambda X: np.asarray(X)[:, -2:]])
def test_functions_of_numpy_after_the_windower(X, function):
    pipeline = make_pipeline(SequenceWindower(3), FunctionTransformer(function))
    output = pipeline.fit_transform(X)
    assert type(output) is np.ndarray
    assert_array_equal(output, function(loop_windows(X, 3, 1, "mask")))


def test_windows_in_the_cache_of_a_pipeline(X, tmp_path):
    pipeline = Pipeline([("windows", SequenceWindower(3)), ("last", FunctionTransformer(lambda X: X[:, -1]))])
    pipeline.set_params(memory=str(tmp_path))
    for _ in range(2):  # cut, and loaded
        assert_array_equal(pipeline.fit_transform(X), X)


@pytest.mark.parametrize("flatten", [False, True])
def test_scikit_learn_checks(flatten):
    results = check_estimator(
        SequenceWindower(flatten=flatten),
        expected_failed_checks=EXPECTED_FAILURES,
        on_skip=None,
        on_fail=None,
    )
    by_status = {status: set() for status in ("passed", "skipped", "failed", "xfail")}
    for result in results:
        by_status[result["status"]].add(result["check_name"])
    assert by_status["failed"] == set()
    assert by_status["xfail"] == set(EXPECTED_FAILURES)
    # scikit-learn 1.9 skips this one for every estimator unless SCIPY_ARRAY_API is set in the environment.
    assert by_status["skipped"] <= {"check_array_api_input"}
    assert len(by_status["passed"]) > 35


def test_tags():
    tags = get_tags(SequenceWindower())
    assert tags.transformer_tags.preserves_dtype == ["float64", "float32"]
    assert not tags.input_tags.allow_nan


@pytest.mark.parametrize(
    "check", [check_transformer_get_feature_names_out, check_transformer_get_feature_names_out_pandas]
)
def test_scikit_learn_checks_of_feature_names(check):
    check("SequenceWindower", SequenceWindower(3, flatten=True))


def test_ridge_on_flattened_windows_is_ridge_on_lags():
    rng = np.random.default_rng(1)
    series = np.cumsum(rng.normal(size=60))
    X, y = series[:-1, np.newaxis], series[1:]
    pipeline = make_pipeline(SequenceWindower(3, dilation=2, flatten=True), Ridge(alpha=0.5))
    lags = np.array([[series[max(row - 4, 0)], series[max(row - 2, 0)], series[row]] for row in range(59)])
    ridge = Ridge(alpha=0.5).fit(lags, y)
    assert_allclose(pipeline.fit(X, y).predict(X), ridge.predict(lags), rtol=1e-12)
    assert_allclose(pipeline[-1].coef_, ridge.coef_, rtol=1e-12)


def test_splits_inside_a_pipeline_pad_the_head_of_each_test_fold():
    X = np.arange(12.0)[:, np.newaxis]
    seen = []

    class Recorder(Ridge):
        def predict(self, X):
            seen.append(np.array(X))
            return super().predict(X)

    pipeline = make_pipeline(SequenceWindower(3, padding="zeros", flatten=True), Recorder())
    for train, test in TimeSeriesSplit(2).split(X):
        pipeline.fit(X[train], X[train].ravel()).predict(X[test])
    assert_array_equal(seen[0], [[0, 0, 4], [0, 4, 5], [4, 5, 6], [5, 6, 7]])
    assert_array_equal(seen[1], [[0, 0, 8], [0, 8, 9], [8, 9, 10], [9, 10, 11]])


def test_windows_keep_one_row_per_sample_for_scikit_learn(X):
    y = X[:, 0]
    pipeline = make_pipeline(StandardScaler(), SequenceWindower(3, flatten=True), Ridge())
    assert cross_val_predict(pipeline, X, y, cv=3).shape == (13,)
