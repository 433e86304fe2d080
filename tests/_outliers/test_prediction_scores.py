"""Scores of time steps by the error of their forecast."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from skrnn import CalendarFeatures, SequenceForecaster, SequenceOutlierDetector
from skrnn._outliers.row_scores import error_scales, row_errors, without_unknown

WINDOW = 3
RAW = {"target_transformer": None, "window_scaling": None}
RNG = np.random.default_rng(0)


def series(n=300, n_columns=2, seed=0):
    """Autoregressive series, whose columns have different scales."""
    noise = np.random.default_rng(seed).normal(size=(n, n_columns))
    values = np.zeros((n, n_columns))
    for row in range(2, n):
        values[row] = 1.5 * values[row - 1] - 0.7 * values[row - 2] + noise[row]
    return values * [1.0, 100.0][:n_columns] + [0.0, 5.0][:n_columns]


def detector(smoothing=1, **params):
    forecaster = SequenceForecaster(LinearRegression(), window=WINDOW, **RAW)
    return SequenceOutlierDetector(forecaster, method="prediction", smoothing=smoothing, **params)


def lagged(values):
    """Last `WINDOW` rows before each row from row `WINDOW` on."""
    return np.hstack([values[lag : len(values) - WINDOW + lag] for lag in range(WINDOW)])


def errors_by_numpy(train, values):
    """Standardized errors of the rows from `WINDOW` on, of a linear model fitted by least squares."""

    def design(rows):
        return np.column_stack([np.ones(len(rows) - WINDOW), lagged(rows)])

    weights = np.linalg.lstsq(design(train), train[WINDOW:], rcond=None)[0]
    fitted = train[WINDOW:] - design(train) @ weights
    return (values[WINDOW:] - design(values) @ weights) / (np.median(np.abs(fitted), axis=0) / 0.6744897501960817)


def test_scores_are_squared_errors_in_units_of_the_median_error():
    train, test = series(), series(seed=1)
    test[50] += [8.0, 0.0]
    scores = detector().fit(train).score_samples(test)
    expected = -(errors_by_numpy(train, test) ** 2).mean(axis=1)
    # The first rows of the training series, predicted from padded windows, hardly change the median of all errors.
    assert_allclose(scores[WINDOW:], expected, rtol=0.05)
    assert scores.argmin() in (50, 51)  # the forecast of the next row is wrong as well


def test_smoothing_averages_neighboring_rows():
    train, test = series(), series(seed=1)
    by_row = -detector(1).fit(train).score_samples(test)
    smooth = -detector(5).fit(train).score_samples(test)
    expected = [by_row[row - 2 : row + 3].mean() for row in range(10, 290)]
    assert_allclose(smooth[10:290], expected, rtol=1e-10)
    assert_allclose(smooth[-1], by_row[-3:].mean(), rtol=1e-10)  # fewer rows at the end


def test_the_first_row_has_the_median_score():
    fitted = detector().fit(series())
    scores = fitted.score_samples(series(seed=1))
    assert scores[0] == np.median(scores[1:])
    shown = fitted.score_samples(series()[:1])
    assert_array_equal(shown, [np.median(fitted.score_samples(series())[1:])])  # no other row: that of training rows


def test_X_is_scored_by_itself():
    train = series()
    fitted = detector(3).fit(train[:200])
    following = fitted.score_samples(train[200:])
    assert following[0] == np.median(following[1:])
    of_all = fitted.score_samples(train)
    n_padded = WINDOW + 1  # rows whose average contains a padded window, after the first one
    assert_allclose(following[n_padded:], of_all[200 + n_padded :], rtol=1e-10)
    assert not np.allclose(following[1:n_padded], of_all[201 : 200 + n_padded])


def test_early_rows_are_compared_with_training_rows_of_windows_as_short():
    # Without the row before the last one, a steep line cannot be continued: errors of the second row are large.
    slopes = np.repeat(RNG.choice([-1.0, 1.0], 40), 25)
    train = (np.cumsum(slopes) + RNG.normal(scale=0.01, size=1000))[:, None]
    fitted = detector().fit(train)
    n_before = np.arange(WINDOW + 1)
    assert (fitted._scorer.scales[n_before[1], 0] > 5 * fitted._scorer.scales[-1, 0]).all()
    beginning = np.arange(0.0, 10.0)[:, None]
    assert (fitted.predict(beginning) == 1).all()


def test_a_shift_of_a_short_series_is_in_units_of_the_fitted_one():
    train = series(n_columns=1)
    standard = SequenceForecaster(LinearRegression(), window=WINDOW, window_scaling=None)
    fitted = SequenceOutlierDetector(standard, method="prediction", smoothing=1).fit(train)
    raw = detector().fit(train)
    X = series(n=12, n_columns=1, seed=2) + 20
    assert_allclose(fitted.score_samples(X), raw.score_samples(X), rtol=1e-6)


def test_series_of_a_panel_do_not_touch():
    a, b = series(n_columns=1, seed=3), 50 * series(n_columns=1, seed=4)
    frame = pd.DataFrame({"v": np.column_stack([a[:, 0], b[:, 0]]).ravel(), "name": ["a", "b"] * 300})
    fitted = detector(3, groups="name").fit(frame)
    assert fitted.n_features_in_ == 1
    assert fitted.estimator_.groups == "name"
    scores = fitted.score_samples(frame)
    for name in "ab":
        one = frame[frame["name"] == name]
        alone = fitted.score_samples(one)
        assert_allclose(scores[frame["name"] == name][1:], alone[1:], rtol=1e-9)
        assert alone[0] == np.median(alone[1:])
    assert scores[0] == scores[1] == np.median(scores[2:])


def test_series_of_a_panel_are_in_units_of_their_own():
    a = series(n_columns=1)[:, 0]
    frame = pd.DataFrame({"v": [*a, *(50 * a + 3)], "name": np.repeat(["a", "b"], 300)})
    standard = SequenceForecaster(LinearRegression(), window=WINDOW, window_scaling=None)
    fitted = SequenceOutlierDetector(standard, method="prediction", groups="name", smoothing=1).fit(frame)
    scores = fitted.score_samples(frame)
    assert_allclose(scores[:300], scores[300:], rtol=1e-6)
    # Also a single row beyond the range of its series, which has no spread of its own.
    later = frame.iloc[[298, 299, 598, 599]].assign(v=[0.0, 9.0, 3.0, 453.0])
    assert_allclose(fitted.score_samples(later)[1], fitted.score_samples(later)[3], rtol=1e-6)


@pytest.mark.parametrize("kind", ["column", "level", "array"])
def test_groups_in_every_kind_of_rows(kind):
    names = np.repeat(["a", "b"], 50)
    values = series(100, n_columns=1, seed=5)[:, 0]
    expected = detector(groups="name").fit(frame := pd.DataFrame({"name": names, "v": values})).score_samples(frame)
    groups = "name"
    if kind == "level":
        frame = pd.DataFrame(
            {"v": values}, index=pd.MultiIndex.from_arrays([names, [*range(50)] * 2], names=["name", "t"])
        )
    elif kind == "array":
        frame, groups = np.column_stack([np.repeat([7.0, 9.0], 50), values]), 0
    fitted = detector(groups=groups).fit(frame)
    assert_allclose(fitted.score_samples(frame), expected, rtol=1e-9)


def test_groups_of_the_forecaster_are_used():
    frame = pd.DataFrame({"name": np.repeat(["a", "b"], 50), "v": series(100, n_columns=1)[:, 0]})
    forecaster = SequenceForecaster(LinearRegression(), window=WINDOW, groups="name", **RAW)
    of_forecaster = SequenceOutlierDetector(forecaster, method="prediction", smoothing=1).fit(frame)
    assert_array_equal(of_forecaster.score_samples(frame), detector(groups="name").fit(frame).score_samples(frame))


def test_an_unknown_series_is_scored():
    frame = pd.DataFrame({"name": np.repeat(["a", "b"], 50), "v": series(100, n_columns=1)[:, 0]})
    fitted = detector(groups="name").fit(frame)
    scores = fitted.score_samples(frame.assign(name="c"))
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("transformer", ["standard", StandardScaler()])
def test_known_and_unknown_series_in_one_frame(transformer):
    a = series(n_columns=1)[:, 0]
    frame = pd.DataFrame({"v": [*a, *(50 * a + 3)], "name": np.repeat(["a", "b"], 300)})
    forecaster = SequenceForecaster(
        LinearRegression(), window=WINDOW, window_scaling=None, target_transformer=transformer
    )
    fitted = SequenceOutlierDetector(forecaster, method="prediction", groups="name", smoothing=1).fit(frame)
    # Series "c" is "b" in other units: it is standardized by itself, "a" as in fit, of which there is a part here.
    X = pd.DataFrame({"v": [*(7 * a), *(a[:50] + 10)], "name": ["c"] * 300 + ["a"] * 50})
    scores = fitted.score_samples(X)
    assert_allclose(scores[1:300], fitted.score_samples(frame)[1:300], rtol=1e-6)
    alone = SequenceOutlierDetector(forecaster, method="prediction", smoothing=1).fit(a[:, None])
    assert np.median(scores[300:]) < 3 * np.median(fitted.score_samples(frame)) < 0  # beyond the fitted range
    assert_allclose(alone.score_samples((a[:50] + 10)[:, None])[1:], scores[301:], rtol=0.3)


def test_differences():
    """Rows before the first difference have no forecast, and the median score."""
    walk = np.cumsum(RNG.normal(size=(300, 1)), axis=0)
    forecaster = SequenceForecaster(LinearRegression(), window=WINDOW, differencing=2)
    fitted = SequenceOutlierDetector(forecaster, method="prediction", smoothing=1).fit(walk)
    walk[200] += 30
    scores = fitted.score_samples(walk)
    assert scores[0] == scores[1] == scores[2] == np.median(scores[3:])
    assert scores.argmin() in range(200, 204)


def test_frames_of_polars():
    polars = pytest.importorskip("polars")
    values = series()
    fitted = detector().fit(polars.DataFrame({"a": values[:, 0], "b": values[:, 1]}))
    assert fitted.feature_names_in_.tolist() == ["a", "b"]
    assert_array_equal(
        fitted.score_samples(polars.DataFrame({"a": values[:, 0], "b": values[:, 1]})),
        detector().fit(values).score_samples(values),
    )


def test_window_replaces_that_of_the_forecaster():
    fitted = detector(window=5).fit(series())
    assert fitted.estimator_.window == 5
    assert detector().fit(series()).estimator_.window == WINDOW


@pytest.mark.parametrize(("n_rows", "window"), [(60, 20), (30, 15), (5, 2), (3, 1)])
def test_window_of_the_default_forecaster(n_rows, window):
    fitted = SequenceOutlierDetector(method="prediction", random_state=0)
    fitted.fit(series()[:n_rows])
    assert fitted.estimator_.window == window
    assert fitted.estimator_.window_scaling is None
    assert np.isfinite(fitted.score_samples(series()[:n_rows])).all()


def test_times_of_the_index_reach_the_calendar():
    days = pd.date_range("2024-01-01", periods=300, freq="h")
    frame = pd.DataFrame({"v": np.sin(2 * np.pi * days.hour / 24) + RNG.normal(scale=0.1, size=300)}, index=days)
    forecaster = SequenceForecaster(LinearRegression(), window=1, calendar=CalendarFeatures(["hour"]), **RAW)
    fitted = SequenceOutlierDetector(forecaster, method="prediction", smoothing=1).fit(frame)
    at_wrong_hours = frame.set_axis(days + pd.Timedelta("12h"))
    assert np.median(fitted.score_samples(at_wrong_hours)) < 10 * np.median(fitted.score_samples(frame))


@pytest.mark.parametrize("has_missing", [False, True])
def test_missing_values(has_missing):
    train, X = series(), series(seed=1)
    if has_missing:
        train[[20, 21], [0, 1]] = np.nan
    fitted = detector().fit(train)
    complete = fitted.score_samples(X)
    X[60], X[80, 0] = np.nan, np.nan
    scores = fitted.score_samples(X)
    assert np.isfinite(scores).all()
    others = np.delete(scores, [0, 60])
    assert scores[60] == scores[0] == np.median(others)
    # One of two columns is missing: the score is the squared error of the other.
    errors = errors_by_numpy(train, np.where(np.isnan(X), 0.0, X)) if not has_missing else None
    if errors is not None:
        assert_allclose(scores[80], -(errors[80 - WINDOW, 1] ** 2), rtol=0.05)
    far = np.r_[10:60, 70:80, 90:300]
    assert_allclose(scores[far], complete[far], rtol=0.2 if has_missing else 1e-9)


def test_a_column_of_missing_values_only():
    fitted = detector().fit(series())
    X = series(seed=1)
    X[:, 1] = np.nan
    assert np.isfinite(fitted.score_samples(X)).all()
    X[:] = np.nan
    assert_array_equal(fitted.score_samples(X), np.full(300, np.median(fitted.score_samples(series())[1:])))


def test_a_constant_column_that_changes_is_an_outlier():
    train = np.column_stack([series(n_columns=1)[:, 0], np.full(300, 5.0)])
    fitted = detector().fit(train)
    assert (fitted.predict(train) == 1).mean() > 0.9
    X = train.copy()
    X[100, 1] = 5.1
    assert fitted.score_samples(X).argmin() in (100, 101, 102, 103)


def test_a_constant_column_whose_mean_is_rounded():
    """The deviations of 300 times 0.1 from their mean are rounding errors, not a scale."""
    of_wave = series(n_columns=1)
    exact, rounded = (
        detector()
        .fit(np.column_stack([of_wave, np.full(300, value)]))
        .score_samples(np.column_stack([of_wave, np.where(np.arange(300) == 100, value + 1e-6, value)]))
        for value in (0.125, 0.1)
    )
    assert_allclose(rounded, exact, rtol=0.7)  # the unit of a constant is a rounding error of its value
    assert rounded.argmin() in (100, 101, 102, 103)


@pytest.mark.parametrize(("scale", "offset"), [(1e-9, 0.0), (1e9, 0.0), (1.0, 1e8)])
def test_scores_do_not_depend_on_the_units_of_columns(scale, offset):
    train, test = series(), series(seed=1)
    test[50] += [8.0, 0.0]
    forecaster = SequenceForecaster(LinearRegression(), window=WINDOW)  # which standardizes
    fitted = SequenceOutlierDetector(forecaster, method="prediction", smoothing=1).fit(train)
    expected = fitted.score_samples(test)
    train, test = (rows * [scale, 1.0] + [offset, 0.0] for rows in (train, test))
    assert_allclose(clone(fitted).fit(train).score_samples(test), expected, rtol=1e-4)


# ---------------------------------------------------------------------- errors


def test_error_scale_is_robust():
    errors = RNG.normal(scale=3.0, size=(10_000, 1))
    errors[:500] = 1e6
    assert_allclose(error_scales(errors, errors), 3.0 * np.ones(1), rtol=0.1)


def test_error_scale_without_a_median():
    errors = np.zeros((100, 3))
    errors[:10, 1] = 2.0
    errors[:, 2] = np.nan
    values = np.full((100, 3), 50.0)
    smallest = 50 * np.finfo(np.float32).eps
    assert_allclose(error_scales(errors, values), [smallest, np.sqrt(0.4), 1.0], rtol=1e-6)
    assert error_scales(np.zeros((5, 1)), np.zeros((5, 1)))[0] == np.finfo(np.float32).eps


def test_row_errors_leave_out_unknown_ones():
    errors = np.array([[1.0, np.nan], [2.0, 4.0], [np.nan, np.nan], [3.0, 3.0], [10.0, 10.0]])
    codes = np.array([0, 0, 0, 0, 1])
    assert_array_equal(row_errors(errors, codes, 1), [1.0, 10.0, np.nan, 9.0, 100.0])
    assert_allclose(row_errors(errors, codes, 3), [5.5, 5.5, np.nan, 9.0, 100.0])


def test_unknown_scores_become_the_median():
    assert_array_equal(without_unknown(np.array([np.nan, 1.0, 3.0]), 7.0), [2.0, 1.0, 3.0])
    assert_array_equal(without_unknown(np.array([np.nan]), 7.0), [7.0])


# ---------------------------------------------------------------------- warnings of the rows


DAYS = pd.date_range("2024-01-01", periods=360)
WITH_GAP = DAYS.delete(range(100, 160))


def of_panel(times):
    """Rows of two series, with their names in the index."""
    index = pd.MultiIndex.from_product([["a", "b"], times], names=["shop", "day"])
    return pd.DataFrame(np.tile(series(len(times), 1), (2, 1)), index=index)


@pytest.mark.parametrize(
    ("X", "groups", "message"),
    [
        (pd.DataFrame(series(300), index=WITH_GAP), None, r"rows are missing between 2024-04-09 .* 60 days|X.asfreq"),
        (of_panel(WITH_GAP), "shop", r"rows of series 'a' are missing between"),
        (of_panel(DAYS), None, r"treats all rows as one series.*Pass groups='shop'"),
        (pd.DataFrame(series(300), index=DAYS[:300].astype(str)), None, r"the index of X contains dates as text"),
        (pd.DataFrame(series(300), index=DAYS[:300].astype(str)[::-1]), None, r"the index of X .*row 1 .*after row 0"),
        (of_panel(DAYS[:300].astype(str)), "shop", r"the index of X .*Convert the index to dates \(pd.to_datetime\)"),
    ],
)
def test_warnings_of_rows_name_the_detector(X, groups, message):
    with pytest.warns(UserWarning, match=message) as caught:
        detector(groups=groups).fit(X)
    [warning] = caught
    assert str(warning.message).startswith("SequenceOutlierDetector")
    assert "Forecaster" not in str(warning.message)
    forecaster = SequenceForecaster(LinearRegression(), window=WINDOW, groups=groups, **RAW)
    with pytest.warns(UserWarning, match="^SequenceForecaster"):  # which still warns of its own rows
        forecaster.fit(None if groups is None else pd.DataFrame(index=X.index), X)
