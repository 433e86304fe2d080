"""Contract of the outlier detector: offset, predictions, attributes, saving, parameters."""

import pickle

import numpy as np
import pandas as pd
import pytest
from conftest import SMALL
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM
from sklearn.utils import get_tags

from skrnn import (
    GRURegressor,
    SequenceAutoencoder,
    SequenceForecaster,
    SequenceOutlierDetector,
    SequenceScaler,
    sliding_windows,
)

SERIES = np.random.default_rng(0).normal(size=(120, 2))
SEQUENCES = np.random.default_rng(1).normal(size=(40, 6, 2))
LINEAR = SequenceForecaster(LinearRegression(), window=3)
SMALL_CODER = SequenceAutoencoder(n_components=2, **SMALL)

KINDS = {
    "sequences": (SequenceOutlierDetector(SMALL_CODER), SEQUENCES),
    "windows": (SequenceOutlierDetector(SMALL_CODER, window=5), SERIES),
    "prediction": (SequenceOutlierDetector(LINEAR, method="prediction"), SERIES),
}


@pytest.mark.parametrize("kind", KINDS)
def test_outliers_have_scores_below_the_offset(kind):
    detector, X = KINDS[kind]
    detector = clone(detector).set_params(contamination=0.2).fit(X)
    scores = detector.score_samples(X)
    assert scores.shape == (len(X),)
    assert scores.dtype == np.float64
    assert detector.offset_ == np.percentile(scores, 20)
    decision = detector.decision_function(X)
    assert decision.dtype == np.float64
    assert_array_equal(decision, scores - detector.offset_)
    predicted = detector.predict(X)
    assert predicted.dtype.kind == "i"
    assert_array_equal(predicted, np.where(decision < 0, -1, 1))
    assert 0 < (predicted == -1).sum() <= len(X) // 5  # rows of the same windows have equal scores
    assert_array_equal(clone(detector).fit_predict(X), predicted)


@pytest.mark.parametrize("kind", KINDS)
def test_offset_auto_is_the_lower_fence_of_tukey(kind):
    detector, X = KINDS[kind]
    detector = clone(detector).fit(X)
    lower, upper = np.percentile(detector.score_samples(X), [25, 75])
    assert detector.offset_ == lower - 1.5 * (upper - lower)


def test_sequences_have_the_scores_of_the_autoencoder():
    detector = SequenceOutlierDetector(SMALL_CODER).fit(SEQUENCES)
    coder = clone(SMALL_CODER).fit(SEQUENCES)
    assert_array_equal(detector.score_samples(SEQUENCES), coder.score_samples(SEQUENCES))
    assert isinstance(detector.estimator_, SequenceAutoencoder)
    assert detector.n_features_in_ == 2


def test_default_autoencoder_has_the_random_state_and_few_components():
    X = SEQUENCES[:8, :, 0]
    detector = SequenceOutlierDetector(random_state=3).fit(X)
    scaled = SequenceScaler().fit_transform(X)
    coder = SequenceAutoencoder(n_components=4, random_state=3).fit(scaled)
    assert_array_equal(detector.score_samples(X), coder.score_samples(scaled))


@pytest.mark.parametrize(
    "X",
    [
        pytest.param(SEQUENCES[..., 0], id="2-D"),
        pytest.param([sequence[: 2 + i % 4] for i, sequence in enumerate(SEQUENCES)], id="list"),
        pytest.param(sliding_windows(SERIES, 6), id="Sequences"),
    ],
)
def test_sequences_in_every_layout(X):
    detector = SequenceOutlierDetector(SMALL_CODER).fit(X)
    scores = detector.score_samples(X)
    assert scores.shape == (len(X),)
    assert np.isfinite(scores).all()
    assert_array_equal(scores, detector.estimator_.score_samples(X))


def test_any_estimator_that_scores_sequences():
    scaled = make_pipeline(SequenceScaler(), SMALL_CODER)
    scores = SequenceOutlierDetector(scaled).fit(SEQUENCES * 1000).score_samples(SEQUENCES * 1000)
    assert_array_equal(scores, clone(scaled).fit(SEQUENCES * 1000).score_samples(SEQUENCES * 1000))
    flat = SEQUENCES.reshape(40, -1)
    detector = SequenceOutlierDetector(PCA(3)).fit(flat)
    assert_array_equal(detector.score_samples(flat), PCA(3).fit(flat).score_samples(flat))


def test_feature_names_of_the_last_fit():
    frame = pd.DataFrame(SERIES, columns=["flow", "level"])
    for detector in (KINDS["windows"][0], KINDS["prediction"][0]):
        detector = clone(detector).fit(frame)
        assert detector.feature_names_in_.tolist() == ["flow", "level"]
        assert detector.n_features_in_ == 2
        with pytest.raises(ValueError, match="feature names should match"):
            detector.predict(frame[["level", "flow"]])
        assert not hasattr(detector.fit(SERIES), "feature_names_in_")
    detector = SequenceOutlierDetector(SMALL_CODER).fit(frame)
    assert detector.feature_names_in_.tolist() == ["flow", "level"]
    assert not hasattr(detector.fit(SEQUENCES), "feature_names_in_")


@pytest.mark.parametrize("kind", KINDS)
def test_a_pickled_detector_has_the_same_scores(kind):
    detector, X = KINDS[kind]
    detector = clone(detector).fit(X)
    again = pickle.loads(pickle.dumps(detector))
    assert_array_equal(again.decision_function(X), detector.decision_function(X))
    assert b"_outliers" not in pickle.dumps(detector)  # private modules may move


@pytest.mark.parametrize("params", [{}, {"window": 5}, {"method": "prediction"}])
def test_equal_random_states_give_equal_scores(params):
    X = SERIES[:60, :1]
    first, second, other = (
        SequenceOutlierDetector(random_state=seed, **params).fit(X).score_samples(X) for seed in (0, 0, 1)
    )
    assert_array_equal(first, second)
    assert (first != other).any()


def test_a_failed_fit_leaves_the_detector_unchanged():
    detector = SequenceOutlierDetector(LINEAR, method="prediction").fit(SERIES)
    expected = detector.decision_function(SERIES)
    with pytest.raises(ValueError, match="infinity"):
        detector.fit(np.where(SERIES > 2, np.inf, SERIES))
    assert_array_equal(detector.decision_function(SERIES), expected)


def test_html_shows_the_estimator():
    assert "LinearRegression" in clone(KINDS["prediction"][0])._repr_html_()
    assert "SequenceAutoencoder" in SequenceOutlierDetector().fit(SEQUENCES[:8])._repr_html_()


def test_tags_depend_on_the_method():
    assert get_tags(SequenceOutlierDetector()).estimator_type == "outlier_detector"
    for params, allow_nan, three_d in (
        ({}, False, True),
        ({"window": 3}, False, False),
        ({"method": "prediction"}, True, False),
    ):
        tags = get_tags(SequenceOutlierDetector(**params)).input_tags
        assert tags.allow_nan == allow_nan
        assert tags.three_d_array == three_d


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"method": "distance"}, ValueError, "The 'method' parameter of SequenceOutlierDetector must be a str among"),
        ({"method": None}, ValueError, "The 'method' parameter of SequenceOutlierDetector must be a str among"),
        ({"window": 0}, ValueError, "The 'window' parameter of SequenceOutlierDetector must be an int in the range"),
        ({"window": 2.5}, ValueError, "The 'window' parameter of SequenceOutlierDetector must be an int in the range"),
        ({"window": True}, ValueError, "The 'window' parameter .* must be an int of at least 1 or None. Got True"),
        ({"smoothing": 0}, ValueError, "The 'smoothing' parameter of SequenceOutlierDetector must be an int"),
        ({"smoothing": True}, ValueError, "The 'smoothing' parameter .* must be an int of at least 1 or None"),
        ({"smoothing": 3}, ValueError, "smoothing=3 is not available with method='reconstruction' and window=None: it"),
        ({"smoothing": 3, "window": 4}, ValueError, "and window=4: it requires method='prediction'"),
        ({"groups": "a"}, ValueError, "groups='a' is not available .* requires method='prediction', or set window"),
        ({"contamination": 0.0}, ValueError, "The 'contamination' parameter of SequenceOutlierDetector must be"),
        ({"contamination": 0.6}, ValueError, "The 'contamination' parameter of SequenceOutlierDetector must be"),
        ({"contamination": "some"}, ValueError, "The 'contamination' parameter of SequenceOutlierDetector must be"),
        ({"random_state": "a"}, ValueError, "The 'random_state' parameter of SequenceOutlierDetector must be"),
        ({"estimator": "gru"}, ValueError, "The 'estimator' parameter of SequenceOutlierDetector must be"),
        (
            {"estimator": GRURegressor()},
            TypeError,
            "method='reconstruction' requires an estimator with score_samples, .* Got GRURegressor instead",
        ),
        (
            {"estimator": GRURegressor(), "method": "prediction"},
            TypeError,
            "method='prediction' requires a SequenceForecaster .* Got GRURegressor instead",
        ),
        *(
            (
                {"estimator": SequenceForecaster(**{parameter: ["price"]}), "method": "prediction"},
                ValueError,
                rf"{parameter}=\['price'\] of the forecaster is not supported: .* predicts all columns of X",
            )
            for parameter in ("past_covariates", "categorical_features")
        ),
        (
            {"estimator": SequenceForecaster(lags=[1, 3]), "method": "prediction", "window": 5},
            ValueError,
            r"window=5 of SequenceOutlierDetector has no effect with lags=\[1, 3\] of the forecaster",
        ),
        ({"groups": "shop", "method": "prediction"}, ValueError, "groups='shop' is not a column of X"),
        ({"groups": [1], "window": 3}, TypeError, "groups must be the name of a column"),
    ],
)
def test_bad_parameters(params, error, message):
    with pytest.raises(error, match=message):
        SequenceOutlierDetector(**params).fit(SERIES)


def with_value(rows, value):
    """Rows with a value in row 5 and column 1."""
    rows = rows.copy()
    rows[5, 1] = value
    return rows


DAYS = pd.date_range("2024-01-01", periods=len(SERIES))
BAD_ROWS = [
    (None, TypeError, "X must be array-like or a DataFrame for SequenceOutlierDetector. Got None"),
    (SERIES[:, 0], ValueError, "Expected 2D array, got 1D array instead"),
    (SEQUENCES, ValueError, "Found array with dim 3"),
    (SERIES[:0], ValueError, "0 sample"),
    (np.where(SERIES > 2, np.inf, SERIES), ValueError, "contains infinity, first at row"),
    (with_value(SERIES, 1e160), ValueError, r"X contains 1e\+160 \(a value too large .*, first at row 5, column 1"),
    (np.full((9, 2), "low"), ValueError, "takes numbers, but X has dtype <U3, and contains .low. at row 0, column 0"),
    (pd.DataFrame(SERIES, index=DAYS[::-1]), ValueError, "The times of X must increase, but row 1"),
]


@pytest.mark.parametrize("kind", ["windows", "prediction"])
@pytest.mark.parametrize(("X", "error", "message"), BAD_ROWS)
def test_bad_rows(kind, X, error, message):
    detector, good = KINDS[kind]
    with pytest.raises(error, match=message):
        clone(detector).fit(X)
    fitted = clone(detector).fit(good)
    for method in ("score_samples", "decision_function", "predict"):
        with pytest.raises(error, match=message):
            getattr(fitted, method)(X)


@pytest.mark.parametrize("kind", ["windows", "prediction"])
def test_huge_values_of_a_frame(kind):
    frame = pd.DataFrame(with_value(SERIES, -1e300), columns=["x", "y"])
    message = r"-1e\+300 \(a value too large for squared errors\), first at row 5, column 'y'; .* up to 1e\+150"
    with pytest.raises(ValueError, match=message):
        clone(KINDS[kind][0]).fit(frame)


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_number_of_columns(kind):
    detector, X = KINDS[kind]
    fitted = clone(detector).fit(X)
    with pytest.raises(ValueError, match=r"X has 1 features?, but \w+ (is|was) (expecting|fitted)|1 feature"):
        fitted.predict(X[..., :1])


def test_nan_is_rejected_in_windows():
    X = SERIES.copy()
    X[7, 1] = np.nan
    message = r"Input X contains NaN, first at row 7, column 1; .* or set method='prediction', which accepts NaN\."
    with pytest.raises(ValueError, match=message):
        clone(KINDS["windows"][0]).fit(X)


@pytest.mark.parametrize("method", ["score_samples", "decision_function", "predict"])
@pytest.mark.parametrize("kind", KINDS)
def test_unfitted_detectors(kind, method):
    detector, X = KINDS[kind]
    with pytest.raises(NotFittedError, match="This SequenceOutlierDetector instance is not fitted yet"):
        getattr(clone(detector), method)(X)


def test_a_single_row_is_too_few_to_fit():
    message = "requires a series of at least 2 rows, .* The longest series has n_samples=1"
    with pytest.raises(ValueError, match=message):
        clone(KINDS["prediction"][0]).fit(SERIES[:1])
    with pytest.raises(ValueError, match=message):
        clone(KINDS["prediction"][0]).set_params(groups="name").fit(pd.DataFrame(SERIES[:3]).assign(name=list("abc")))


def test_rows_indexed_by_time_that_are_read_as_sequences():
    """Without `window`, two columns of a series would be sequences of two time steps."""
    frame = pd.DataFrame(SERIES, index=pd.date_range("2024-01-01", periods=len(SERIES), freq="h"))
    advice = r"SequenceOutlierDetector reads each row .* set method='prediction', or window\."
    scaled = make_pipeline(SequenceScaler(), SMALL_CODER)
    with pytest.warns(UserWarning, match=advice):
        SequenceOutlierDetector(scaled).fit(frame)
    SequenceOutlierDetector(SMALL_CODER, window=5).fit(frame)  # no warning
    SequenceOutlierDetector(scaled).fit(frame.reset_index(drop=True))
    SequenceOutlierDetector(scaled).fit(sliding_windows(frame, 6))


# ---------------------------------------------------------------------- estimators of tables


@pytest.mark.parametrize("table", [IsolationForest(), make_pipeline(StandardScaler(), OneClassSVM()), OneClassSVM()])
@pytest.mark.parametrize(("window", "X"), [(5, SERIES), (None, SEQUENCES)])
def test_estimators_of_tables_need_features_of_sequences(window, X, table):
    message = r"takes 2-D input only. Put a transformer of sequences before it, as in make_pipeline\(SequenceAuto"
    with pytest.raises(ValueError, match=message):
        SequenceOutlierDetector(table, window=window).fit(X)


def test_codes_are_scored_by_an_estimator_of_tables():
    forest = IsolationForest(random_state=0)
    fitted = SequenceOutlierDetector(make_pipeline(SMALL_CODER, forest)).fit(SEQUENCES)
    codes = clone(SMALL_CODER).fit_transform(SEQUENCES)
    assert_array_equal(fitted.score_samples(SEQUENCES), clone(forest).fit(codes).score_samples(codes))
    by_window = SequenceOutlierDetector(make_pipeline(SMALL_CODER, forest), window=5).fit(SERIES)
    assert by_window.score_samples(SERIES).shape == (len(SERIES),)
    table = SEQUENCES.reshape(len(SEQUENCES), -1)  # one univariate sequence per row
    assert_array_equal(SequenceOutlierDetector(forest).fit(table).predict(table).shape, [len(table)])


# ---------------------------------------------------------------------- huge values


def test_errors_too_large_to_square_have_finite_scores():
    """In double precision, autoencoders take such values."""
    coder = clone(SMALL_CODER).set_params(dtype="float64").fit(SEQUENCES)
    huge = SEQUENCES.copy()
    huge[3, 2, 0], huge[5, 0, 1] = 1e160, -1e300
    scores, by_step = coder.score_samples(huge), coder.score_samples(huge, per_step=True)
    assert np.isfinite(scores).all()
    assert np.isfinite(by_step).all()
    assert sorted(np.argsort(scores)[:2].tolist()) == [3, 5]
    assert np.flatnonzero(by_step.min(axis=0) < -1e200).tolist() == [0, 2]
    detector = SequenceOutlierDetector(clone(SMALL_CODER).set_params(dtype="float64")).fit(SEQUENCES)
    assert (detector.predict(huge)[[3, 5]] == -1).all()


def test_prediction_errors_too_large_to_square_have_finite_scores():
    forecaster = SequenceForecaster(LinearRegression(), window=3, target_transformer=None, window_scaling=None)
    tiny = 1e-20 * np.random.default_rng(0).normal(size=(100, 1))
    detector = SequenceOutlierDetector(forecaster, method="prediction", smoothing=1).fit(tiny)
    X = tiny.copy()
    X[50] = 1e149  # 1e169 training errors
    scores = detector.score_samples(X)
    assert np.isfinite(scores).all()
    assert (detector.predict(X)[50:53] == -1).all()
    assert scores[:50].min() > -100
