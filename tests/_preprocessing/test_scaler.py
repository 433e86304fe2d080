"""Scaling of sequences in every layout, compared with scikit-learn's scalers on the valid time steps."""

import pickle
import tracemalloc
from unittest import SkipTest

import numpy as np
import pandas as pd
import pytest
from conftest import make, with_padded_steps
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator

from skrnn import Sequences, SequenceScaler, sliding_windows

SCALERS = [None, StandardScaler(), StandardScaler(with_mean=False), MinMaxScaler(), MaxAbsScaler(), RobustScaler()]
scalers = pytest.mark.parametrize("scaler", SCALERS, ids=str)


@pytest.fixture
def sequences(X):
    """Sequences of 2 to 5 steps, each feature on a scale of its own."""
    X = X * [1.0, 10.0, 0.1] + [0.0, 100.0, -5.0]
    return [sequence[: 2 + i % 4] for i, sequence in enumerate(X)]


@pytest.fixture
def windows():
    """Overlapping windows, the first ones with leading padding."""
    series = np.random.default_rng(1).normal(size=(40, 3)) * [1.0, 10.0, 0.1]
    return sliding_windows(series, 6, dilation=2)


def as_objects(sequences):
    objects = np.empty(len(sequences), dtype=object)
    objects[:] = sequences
    return objects


def padded(sequences, where):
    array = np.full((len(sequences), 7, sequences[0].shape[1]), np.nan)
    for row, sequence in zip(array, sequences, strict=True):
        row[slice(len(sequence)) if where == "tail" else slice(7 - len(sequence), None)] = sequence
    return array


def rows_of(sequences):
    """The valid time steps, one after another: the rows that a scaler is fitted on."""
    rows = np.concatenate([np.asarray(sequence) for sequence in sequences])
    return rows[~np.isnan(rows).all(axis=1)]


# ---------------------------------------------------------------------- values


@scalers
def test_lists_are_scaled_as_their_rows(scaler, sequences):
    expected = clone(scaler or StandardScaler()).fit(rows_of(sequences))
    scaled = SequenceScaler(scaler).fit(sequences).transform(sequences)
    assert isinstance(scaled, list)
    assert [s.shape for s in scaled] == [s.shape for s in sequences]
    for before, after in zip(sequences, scaled, strict=True):
        assert_allclose(after, expected.transform(before), rtol=1e-12, atol=1e-12)
    assert np.abs(scaled[0] - sequences[0]).max() > 0.1


@scalers
@pytest.mark.parametrize("where", ["head", "tail"])
def test_padded_steps_stay_where_they_are(scaler, where, sequences):
    X = padded(sequences, where)
    expected = clone(scaler or StandardScaler()).fit(rows_of(sequences))
    scaled = SequenceScaler(scaler).fit_transform(X)
    assert isinstance(scaled, np.ndarray)
    assert_array_equal(np.isnan(scaled), np.isnan(X))
    for before, after in zip(X, scaled, strict=True):
        present = ~np.isnan(before[:, 0])
        assert_allclose(after[present], expected.transform(before[present]), rtol=1e-12, atol=1e-12)


def test_padded_steps_of_a_listed_sequence_stay_in_it(sequences):
    holed = [*sequences]
    holed[2] = np.concatenate([np.full((2, 3), np.nan), sequences[2], np.full((1, 3), np.nan)])
    expected = SequenceScaler().fit_transform(sequences)
    scaled = SequenceScaler().fit_transform(holed)
    assert scaled[2].shape == holed[2].shape
    assert_array_equal(np.isnan(scaled[2]), np.isnan(holed[2]))
    assert_allclose(scaled[2][2:-1], expected[2], rtol=1e-12)
    assert_allclose(scaled[3], expected[3], rtol=1e-12)


@scalers
def test_lazy_windows_are_scaled_as_their_array(scaler, windows):
    array = np.asarray(windows)
    lazy, eager = SequenceScaler(scaler).fit(windows), SequenceScaler(scaler).fit(array)
    scaled = lazy.transform(windows)
    assert isinstance(scaled, Sequences)
    assert scaled.values.shape == windows.values.shape
    assert_array_equal(np.asarray(scaled), eager.transform(array))
    # A row counts as often as windows hold it.
    expected = clone(scaler or StandardScaler()).fit(rows_of(array))
    present = ~np.isnan(array).all(axis=-1)
    assert_allclose(np.asarray(scaled)[present], expected.transform(array[present]), rtol=1e-12, atol=1e-12)


def test_many_steps_are_shown_in_blocks_that_no_layout_changes():
    series = np.random.default_rng(0).normal(3.0, 2.0, size=(3000, 2))
    windows = sliding_windows(series, 50)  # three blocks of steps
    lazy, eager = SequenceScaler().fit(windows), SequenceScaler().fit(np.asarray(windows))
    n_present = 3000 * 50 - 49 * 50 // 2
    assert lazy.scaler_.n_samples_seen_ == n_present
    assert_array_equal(lazy.scaler_.mean_, eager.scaler_.mean_)
    assert_array_equal(lazy.scaler_.var_, eager.scaler_.var_)
    assert_allclose(lazy.scaler_.mean_, np.nanmean(np.asarray(windows), axis=(0, 1)), rtol=1e-12)
    assert_allclose(lazy.scaler_.var_, np.nanvar(np.asarray(windows), axis=(0, 1)), rtol=1e-12)


def test_lazy_windows_are_never_expanded():
    windows = sliding_windows(np.random.default_rng(0).normal(size=(10_000, 4)), 256)
    tracemalloc.start()
    try:
        SequenceScaler().fit(windows).transform(windows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < windows.values.nbytes * 256 / 4


def test_rows_of_no_sequence_count_for_nothing(windows):
    part = windows[10:20]
    rows = part.values.copy()
    used = np.unique(part.starts[:, None] + part.step * np.arange(6))
    rows[np.setdiff1d(np.arange(len(rows)), used)] = np.nan
    rows[-1] = -np.inf
    holed = Sequences(rows, part.starts, part.lengths, part.n_leading_padding, part.step, part.n_timesteps)
    expected = SequenceScaler().fit_transform(np.asarray(part))
    assert_array_equal(np.asarray(SequenceScaler().fit_transform(holed)), expected)


@pytest.mark.parametrize(
    "scaler", [PowerTransformer("box-cox"), FunctionTransformer(np.log, inverse_func=np.exp)], ids=["box-cox", "log"]
)
def test_padded_steps_and_unused_rows_are_not_shown_to_the_scaler(scaler, X):
    """Neither of these takes zeros, nor the first of them negative numbers."""
    X = with_padded_steps(np.exp(X))
    scaled = SequenceScaler(scaler).fit(X).transform(X)
    present = ~np.isnan(X[..., 0])
    assert_allclose(scaled[present], clone(scaler).fit(X[present]).transform(X[present]), rtol=1e-12)
    windows = sliding_windows(np.concatenate([-np.ones((5, 3)), X[0]]), 3)[7:]  # in none of which a row is negative
    rows = np.asarray(windows).reshape(-1, 3)
    scaled = np.asarray(SequenceScaler(scaler).fit_transform(windows)).reshape(-1, 3)
    assert_allclose(scaled, clone(scaler).fit_transform(rows), rtol=1e-9)


def test_rows_of_2d_input_are_univariate_sequences(X):
    X = X[..., 0] * np.arange(1, 6)
    scaler = SequenceScaler().fit(X)
    assert scaler.n_features_in_ == 5
    assert_allclose(scaler.scaler_.mean_, [X.mean()])
    assert_allclose(scaler.transform(X), (X - X.mean()) / X.std(), rtol=1e-12)
    frame = pd.DataFrame(X, columns=list("abcde"))
    assert SequenceScaler().fit(frame).feature_names_in_.tolist() == list("abcde")
    assert_array_equal(SequenceScaler().fit_transform(frame), scaler.transform(X))


def test_a_refit_on_another_layout_forgets_the_names_of_columns(X):
    scaler = SequenceScaler().fit(pd.DataFrame(X[..., 0], columns=list("abcde"))).fit(X)
    assert not hasattr(scaler, "feature_names_in_")
    assert scaler.n_features_in_ == 3


# ---------------------------------------------------------------------- layouts and dtypes

LAYOUTS = {
    "list": lambda sequences: sequences,
    "tuple": tuple,
    "objects": as_objects,
    "series": lambda sequences: pd.Series(sequences, index=range(100, 100 + len(sequences))),
    "frames": lambda sequences: [pd.DataFrame(sequence) for sequence in sequences],
    "nested": lambda sequences: [sequence.tolist() for sequence in sequences],
    "3-D": lambda sequences: padded(sequences, "tail"),
    "2-D": lambda sequences: padded(sequences, "tail")[:, :2, 0],
    "lazy": lambda sequences: sliding_windows(np.concatenate(sequences), 4),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), RobustScaler()], ids=str)
def test_layout_out_is_layout_in_and_comes_back(layout, scaler, sequences):
    X = LAYOUTS[layout](sequences)
    scaler = SequenceScaler(scaler)
    scaled = scaler.fit_transform(X)
    back = scaler.inverse_transform(scaled)
    kind = {"tuple": list, "nested": list, "frames": list, "series": np.ndarray}.get(layout, type(X))
    assert type(scaled) is type(back) is kind
    assert len(scaled) == len(back) == len(X)
    for before, between, after in zip(X, scaled, back, strict=True):
        assert np.shape(between) == np.shape(before)
        assert np.nanmax(np.abs(between - np.asarray(before))) > 0.1
        assert_allclose(after, before, rtol=1e-10, atol=1e-10)
    if layout in ("objects", "series"):
        assert scaled.dtype == object and scaled.ndim == 1


@pytest.mark.parametrize("layout", ["list", "objects", "3-D", "2-D", "lazy"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(layout, dtype, sequences):
    X = LAYOUTS[layout]([sequence.astype(dtype) for sequence in sequences])
    X = X.astype(dtype) if layout in ("2-D", "3-D") else X
    scaler = SequenceScaler().fit(X)
    for scaled in (scaler.transform(X), scaler.inverse_transform(X)):
        assert np.asarray(scaled[0]).dtype == dtype
        assert np.asarray(scaled[-1]).dtype == dtype


@pytest.mark.parametrize("dtype", [np.int32, np.float16, bool])
def test_other_dtypes_become_float64(dtype):
    X = [np.array([[0], [1]], dtype=dtype), np.array([[1]], dtype=dtype)]
    scaled = SequenceScaler(MinMaxScaler((-1, 1))).fit_transform(X)
    assert [s.dtype for s in scaled] == [np.float64] * 2
    assert_array_equal(np.concatenate(scaled), [[-1.0], [1.0], [1.0]])
    mixed = [np.zeros((1, 1), np.float32), np.ones((2, 1), np.float64)]
    assert SequenceScaler().fit_transform(mixed)[0].dtype == np.float64


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_argument_is_changed_even_by_a_scaler_that_works_in_place(layout, sequences):
    X = LAYOUTS[layout](sequences)
    before = pickle.loads(pickle.dumps(X))
    SequenceScaler(StandardScaler(copy=False)).fit(X).transform(X)
    for one, other in zip(X, before, strict=True):
        assert_array_equal(one, other)


# ---------------------------------------------------------------------- as an estimator


def test_the_argument_is_cloned(X):
    scaler = StandardScaler()
    fitted = SequenceScaler(scaler).fit(X)
    assert not hasattr(scaler, "mean_")
    assert fitted.scaler is scaler and fitted.scaler_ is not scaler
    again = fitted.scaler_
    assert fitted.fit(X + 1).scaler_ is not again  # no fit goes on from the one before
    assert_allclose(fitted.scaler_.mean_, (X + 1).mean(axis=(0, 1)))


@pytest.mark.slow
def test_nested_parameters_are_searched_over(X, y):
    pipeline = Pipeline([("scale", SequenceScaler(StandardScaler())), ("rnn", make("GRURegressor"))])
    assert pipeline.get_params()["scale__scaler__with_mean"] is True
    cv = KFold(2, shuffle=True, random_state=0)
    search = GridSearchCV(pipeline, {"scale__scaler__with_mean": [True, False]}, cv=cv).fit(X + 2, y)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] != scores[1]
    for score, with_mean in zip(scores, (True, False), strict=True):
        single = []
        for train, test in cv.split(X):
            scaler = StandardScaler(with_mean=with_mean).fit((X[train] + 2).reshape(-1, 3))
            scaled = scaler.transform((X + 2).reshape(-1, 3)).reshape(X.shape)
            single.append(make("GRURegressor").fit(scaled[train], y[train]).score(scaled[test], y[test]))
        assert score == pytest.approx(np.mean(single), abs=1e-4)


def test_clone_pickle_and_output_configuration(windows):
    scaler = SequenceScaler(MinMaxScaler())
    assert clone(scaler).scaler is not scaler.scaler
    fitted = scaler.fit(windows)
    expected = np.asarray(fitted.transform(windows))
    assert_array_equal(np.asarray(pickle.loads(pickle.dumps(fitted)).transform(windows)), expected)
    assert fitted.set_output(transform="pandas") is fitted
    with config_context(transform_output="pandas"):
        scaled = SequenceScaler(MinMaxScaler()).fit_transform(windows)
        assert type(scaled.values) is np.ndarray
        assert_array_equal(np.asarray(scaled), expected)
    assert get_tags(scaler).input_tags.three_d_array
    assert get_tags(scaler).transformer_tags.preserves_dtype == ["float64", "float32"]


def test_feature_names_of_a_pipeline():
    X = np.random.default_rng(0).normal(size=(20, 5, 3))
    pipeline = make_pipeline(SequenceScaler(), make("GRURegressor", units=2)).set_output(transform="pandas")
    assert pipeline.fit(X, X[:, 0, 0]).transform(X).columns.tolist() == ["gruregressor0", "gruregressor1"]
    assert pipeline.get_feature_names_out().tolist() == ["gruregressor0", "gruregressor1"]
    assert pipeline[0].get_feature_names_out().tolist() == ["x0", "x1", "x2"]
    assert pipeline[0].get_feature_names_out(["a", "b", "c"]).tolist() == ["a", "b", "c"]
    frame = pd.DataFrame(X[:, :, 0], columns=list("vwxyz"))
    assert SequenceScaler().fit(frame).get_feature_names_out().tolist() == list("vwxyz")
    with pytest.raises(NotFittedError):
        SequenceScaler().get_feature_names_out()


@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        pytest.param(estimator, check, id=f"{check.func.__name__}-{i}")
        for i, (estimator, check) in enumerate(estimator_checks_generator(SequenceScaler()))
    ],
)
def test_checks_of_scikit_learn(estimator, check):
    try:
        check(estimator)
    except SkipTest as reason:
        if "SCIPY_ARRAY_API is not set" not in str(reason):
            raise AssertionError(f"{check.func.__name__} was skipped: {reason}") from reason
        pytest.skip(str(reason))


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize("layout", ["list", "objects", "3-D", "lazy"])
def test_another_number_of_features(layout, sequences):
    scaler = SequenceScaler().fit(LAYOUTS[layout](sequences))
    narrow = LAYOUTS[layout]([sequence[:, :2] for sequence in sequences])
    for method in (scaler.transform, scaler.inverse_transform):
        with pytest.raises(ValueError, match="X has 2 features, but SequenceScaler is expecting 3 features"):
            method(narrow)


@pytest.mark.parametrize("method", ["fit", "transform", "inverse_transform"])
def test_bad_values_and_shapes(method, X, sequences):
    call = getattr(SequenceScaler().fit(X), method)
    hole, infinite, ragged = X.copy(), X.copy(), [*sequences]
    hole[6, 1:3], infinite[7, 2, 1] = np.nan, np.inf
    ragged[2] = ragged[2][:, :1]
    for bad, message in [
        (hole, "contains NaN between valid time steps, first at sample 6, time step 1"),
        ([*hole], "contains NaN between valid time steps, first at sample 6, time step 1"),
        (infinite, "contains infinity, first at sample 7, time step 2, feature 1"),
        (
            X[None],
            r"X has 4 dimensions, shape \(1, 40, 5, 3\); SequenceScaler takes 2-D \(n_samples, n_timesteps",
        ),
        (X[:0], r"Found array with 0 sample\(s\) \(shape=\(0, 5, 3\)\) while a minimum of 1 is required"),
        ([], r"Found a list of 0 sample\(s\) while a minimum of 1 is required by SequenceScaler"),
        (ragged, "Sample 2 of X has 1 features, but sample 0 has 3; SequenceScaler requires sequences with"),
    ]:
        with pytest.raises(ValueError, match=message):
            call(bad)


def test_nan_in_2d_input_and_another_layout_than_fitted(X):
    with pytest.raises(ValueError, match="Input X contains NaN"):
        SequenceScaler().fit(np.where(X > 0, X, np.nan)[..., 0])
    with pytest.raises(ValueError, match=r"was fitted on 3-D .* input, but X is 2-D"):
        SequenceScaler().fit(X).transform(X[..., 0])
    with pytest.raises(ValueError, match=r"was fitted on 2-D .* input, but X is 3-D"):
        SequenceScaler().fit(X[..., 0]).transform(X)


def test_before_fit(X):
    for method in (SequenceScaler().transform, SequenceScaler().inverse_transform):
        with pytest.raises(NotFittedError, match="This SequenceScaler instance is not fitted yet"):
            method(X)


@pytest.mark.parametrize("scaler", ["standard", 3, object()], ids=["name", "number", "object"])
def test_scalers_of_a_wrong_type(scaler, X):
    with pytest.raises(ValueError, match="'scaler' parameter of SequenceScaler must be an object implementing 'fit'"):
        SequenceScaler(scaler).fit(X)


@pytest.mark.parametrize(
    ("scaler", "made"), [(PCA(1), "200, 1"), (FunctionTransformer(np.ravel), "600,")], ids=["PCA", "ravel"]
)
def test_scalers_that_change_the_columns(scaler, made, X):
    fitted = SequenceScaler(scaler).fit(X)
    with pytest.raises(ValueError, match=rf"keep the number of columns, .* transformed shape \(200, 3\) to \({made}"):
        fitted.transform(X)


def test_scalers_that_cannot_go_back(X):
    with pytest.raises(AttributeError, match="'Normalizer' object has no attribute 'inverse_transform'"):
        SequenceScaler(Normalizer()).fit(X).inverse_transform(X)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64])
@pytest.mark.parametrize("layout", ["3-D", "list", "2-D", "lazy"])
def test_scalers_that_return_integers(dtype, layout, sequences, windows):
    X = {"3-D": padded(sequences, "tail"), "list": sequences, "2-D": np.ones((4, 3)), "lazy": windows}[layout]
    scaled = SequenceScaler(FunctionTransformer(lambda rows: (rows > 0).astype(dtype))).fit_transform(X)
    for before, after in zip(X, scaled, strict=True):
        assert after.dtype == np.float64
        assert_array_equal(np.isnan(after), np.isnan(before))  # integers have no NaN for padded time steps
        assert_array_equal(after[~np.isnan(after)], (before > 0)[~np.isnan(before)])


def test_scalers_that_return_sparse_rows(X):
    scaler = FunctionTransformer(csr_array, lambda rows: csr_array(2 * rows), check_inverse=False)
    assert_array_equal(SequenceScaler(scaler).fit_transform(X), X)
    assert_array_equal(SequenceScaler(scaler).fit(X).inverse_transform(X), 2 * X)
    with pytest.raises(ValueError, match=r"transformed shape \(200, 3\) to \(200, 15\)"):
        SequenceScaler(KBinsDiscretizer(5, strategy="uniform")).fit_transform(X)


@pytest.mark.parametrize("layout", ["list", "3-D"])
def test_scalers_that_are_not_defined_for_all_values(layout, sequences):
    def log(rows):
        with np.errstate(invalid="ignore"):
            return np.log(rows)

    sequences = [np.abs(sequence) for sequence in sequences]
    scaler = SequenceScaler(FunctionTransformer(log)).fit(LAYOUTS[layout](sequences))
    sequences[2][1, 0] = -1.0
    assert np.isnan(scaler.transform(LAYOUTS[layout](sequences))[2][1]).sum() == 1  # which estimators reject
    sequences[2][1] = -1.0
    with pytest.raises(ValueError, match=r"FunctionTransformer, .* to NaN, first at sample 2, time step 1"):
        scaler.transform(LAYOUTS[layout](sequences))


def test_codes_are_exact_beside_scaled_features_in_float16():
    X = np.array([[[0.5, 2049.0]], [[1.5, 2051.0]]])
    scaler = FunctionTransformer(lambda rows: rows.astype(np.float16))
    assert_array_equal(SequenceScaler(scaler, categorical_features=[1]).fit_transform(X), X)


# ---------------------------------------------------------------------- categorical features


@pytest.mark.parametrize("layout", ["list", "objects", "3-D", "lazy"])
@pytest.mark.parametrize("scaler", [None, RobustScaler(), MinMaxScaler()], ids=str)
def test_categorical_features_pass_unchanged_in_their_place(scaler, layout, sequences):
    X = LAYOUTS[layout](sequences)
    ours = SequenceScaler(scaler, categorical_features=[1]).fit(X)
    inner = clone(scaler or StandardScaler())
    after, before = rows_of(ours.transform(X)), rows_of(X)
    assert_array_equal(after[:, 1], before[:, 1])
    assert_allclose(after[:, [0, 2]], inner.fit_transform(before[:, [0, 2]]), rtol=1e-12)
    assert ours.scaler_.n_features_in_ == 2
    assert_allclose(rows_of(ours.inverse_transform(ours.transform(X))), before, rtol=1e-9, atol=1e-9)
    by_mask = SequenceScaler(scaler, categorical_features=np.array([False, True, False])).fit(X)
    assert_array_equal(rows_of(by_mask.transform(X)), after)


def test_only_categorical_features(X):
    scaler = SequenceScaler(categorical_features=[0, 1, 2]).fit(X)
    assert_array_equal(scaler.transform(X), X)
    assert_array_equal(scaler.inverse_transform(X), X)


def test_no_categorical_features(X):
    expected = SequenceScaler().fit_transform(X)
    assert_array_equal(SequenceScaler(categorical_features=[]).fit_transform(X), expected)


def test_categorical_features_that_do_not_exist(X):
    with pytest.raises(ValueError, match=r"contains the position 3, but X has 3 feature\(s\)"):
        SequenceScaler(categorical_features=[3]).fit(X)
    with pytest.raises(ValueError, match="a mask of 2 features, but X has 3"):
        SequenceScaler(categorical_features=[True, False]).fit(X)
    with pytest.raises(ValueError, match="categorical_features of SequenceScaler requires sequences with features"):
        SequenceScaler(categorical_features=[1]).fit(X[..., 0])
    with pytest.raises(ValueError, match="'categorical_features' parameter of SequenceScaler must be an array-like"):
        SequenceScaler(categorical_features=1).fit(X)
