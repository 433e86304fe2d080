"""Parameters of the forecaster together: weights, lags with missing values, covariates of two kinds, and searches."""

import numpy as np
import pandas as pd
import pytest
from conftest import RAW, make
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from test_covariates import Recorder
from test_missing_values import filled

from skrnn import CalendarFeatures, GRURegressor, PanelTimeSeriesSplit, SequenceForecaster

WINDOW, N_ROWS = 4, 60
PLAIN = {name: value for name, value in RAW.items() if name != "padding"}
DAYS = pd.date_range("2024-01-01", periods=N_ROWS + 10)


def series(missing=(), seed=0, n_rows=N_ROWS):
    y = 20 + np.random.default_rng(seed).normal(size=n_rows).cumsum()
    y[list(missing)] = np.nan
    return y


def forecaster(estimator=None, **params):
    return SequenceForecaster(estimator or Ridge(), **{"window": WINDOW, **params})


def shops(n_rows=N_ROWS):
    """Rows of two series, in the order of time, and their values."""
    index = pd.MultiIndex.from_product([DAYS[:n_rows], ["a", "b"]], names=["day", "shop"])
    return pd.Series(np.column_stack([series(n_rows=n_rows), series(seed=1, n_rows=n_rows)]).ravel(), index)


# ---------------------------------------------------------------------- weights


@pytest.mark.parametrize("output_steps", [1, 3])
@pytest.mark.parametrize("lags", [None, 1, 7])
def test_weights_follow_the_rows_of_their_series(lags, output_steps):
    y = shops()
    weights = np.random.default_rng(1).uniform(size=len(y))
    params = {**PLAIN, "groups": "shop", "differencing": lags, "output_steps": output_steps}
    fitted = forecaster(Recorder(three_d=False), **params).fit(None, y, sample_weight=weights).estimator_
    first, expected = WINDOW + (lags or 0), []
    for name in "ab":
        own = weights[y.index.get_level_values("shop") == name]
        expected += [own[row : row + output_steps].mean() for row in range(first, N_ROWS - output_steps + 1)]
    assert_allclose(fitted.weights_, expected)


def test_weights_of_windows_without_missing_values():
    y, weights = series(missing=(20, 33)), np.random.default_rng(1).uniform(size=N_ROWS)
    fitted = forecaster(Recorder(three_d=False), **PLAIN).fit(None, y, sample_weight=weights).estimator_
    assert_array_equal(fitted.weights_, np.delete(weights[WINDOW:], [20 - WINDOW, 33 - WINDOW]))


def test_weights_in_the_calibration():
    """The regressor that is calibrated is fitted with the weights of its rows."""
    y, weights = series(), np.random.default_rng(1).uniform(size=N_ROWS)
    fitted = forecaster(calibration_size=21, **RAW).fit(None, y, sample_weight=weights)
    windows = np.lib.stride_tricks.sliding_window_view(y[:-1], WINDOW)
    n_fitted = N_ROWS - 21 - WINDOW
    ridge = Ridge().fit(windows[:n_fitted], y[WINDOW:][:n_fitted], weights[WINDOW:][:n_fitted])
    errors = np.sort(np.abs(y[WINDOW:] - ridge.predict(windows))[n_fitted:])
    value = Ridge().fit(windows, y[WINDOW:], weights[WINDOW:]).predict([y[-WINDOW:]])[0]
    assert_allclose(fitted.forecast(1), [value])
    # The 11th smallest of 21 absolute errors, (21 + 1) * 0.5.
    assert_allclose(fitted.predict_interval(np.empty((1, 0)), 0.5)[0], [value - errors[10], value + errors[10]])
    unweighted = Ridge().fit(windows[:n_fitted], y[WINDOW:][:n_fitted])
    assert abs(np.sort(np.abs(y[WINDOW:] - unweighted.predict(windows))[n_fitted:])[10] - errors[10]) > 1e-6


# ---------------------------------------------------------------------- lags


@pytest.mark.parametrize("scaling", [None, "last", "mean"])
@pytest.mark.parametrize("differencing", [1, (1, 7)], ids=str)
def test_lags_of_differences(differencing, scaling):
    y, lags = series(), [1, 3, 9]
    fitted = forecaster(lags=lags, differencing=differencing, **PLAIN | {"window_scaling": scaling}).fit(None, y)
    values, levels = y, []
    for lag in np.atleast_1d(differencing):
        levels.append(values)
        values = values[lag:] - values[:-lag]

    def row_and_center(timeline):
        window = np.array(timeline[-9:])
        center = {None: 0.0, "last": window[-1], "mean": window.mean()}[scaling]
        return [timeline[-9] - center, timeline[-3] - center, timeline[-1] - center], center

    rows, centers = zip(*(row_and_center(values[:now]) for now in range(9, len(values))), strict=True)
    expected = Ridge().fit(rows, values[9:] - centers)
    assert_allclose(fitted.estimator_.coef_, expected.coef_)
    timeline = list(values)
    for _ in range(5):
        row, center = row_and_center(timeline)
        timeline.append(expected.predict([row])[0] + center)
    path = timeline[len(values) :]
    for lag, level in zip(reversed(np.atleast_1d(differencing)), reversed(levels), strict=True):
        known = list(level)
        for step in path:
            known.append(step + known[-lag])
        path = known[len(level) :]
    assert_allclose(fitted.forecast(5), path)


def test_lags_of_windows_with_missing_values():
    """A missing lag has the last value before it in the window, whether that is a lag or not, and an indicator."""
    y, lags = series(missing=(10, 11, 25, 57)), [1, 2, 6]
    fitted = forecaster(Recorder(three_d=False), lags=lags, **PLAIN).fit(None, y).estimator_

    def row(window):
        return np.column_stack([filled(window), np.isnan(window)])[[-6, -2, -1]].ravel()

    kept = [now for now in range(6, N_ROWS) if not np.isnan(y[now])]
    assert_array_equal(fitted.X_, [row(y[now - 6 : now]) for now in kept])
    ridge = forecaster(lags=lags, **PLAIN).fit(None, y)
    timeline = list(y)
    for _ in range(4):
        timeline.append(ridge.estimator_.predict([row(np.array(timeline[-6:]))])[0])
    assert_allclose(ridge.forecast(4), timeline[N_ROWS:])


# ---------------------------------------------------------------------- categorical past covariates

SKIES = np.array(["clear", "cloud", "rain"])


def weather():
    sky = SKIES[np.random.default_rng(2).integers(3, size=len(DAYS))]
    return pd.DataFrame({"sky": sky, "price": np.arange(len(DAYS)) % 7.0}, DAYS), series(n_rows=len(DAYS))


def test_past_categories_are_indicators_of_each_lag():
    X, y = weather()
    params = PLAIN | {"past_covariates": ["sky"], "categorical_features": ["sky"], "output_steps": 2}
    fitted = forecaster(**params).fit(X[:N_ROWS], y[:N_ROWS])
    observed = np.column_stack([y, np.asarray(X["sky"])[:, None] == SKIES])

    def row(now):
        return np.concatenate([observed[now - WINDOW : now].ravel(), X["price"].to_numpy()[now : now + 2]])

    nows = range(WINDOW, N_ROWS - 1)
    expected = Ridge().fit([row(now) for now in nows], [y[now : now + 2] for now in nows])
    assert_allclose(fitted.estimator_.coef_, expected.coef_, atol=1e-12)
    assert_allclose(fitted.predict(X[["price"]][N_ROWS : N_ROWS + 2]), expected.predict([row(N_ROWS)])[0])
    # What is passed for the steps to predict is not read; a category that fit did not see has no indicator.
    unknown = X[N_ROWS : N_ROWS + 2].assign(sky="hail")
    assert_allclose(fitted.predict(unknown), expected.predict([row(N_ROWS)])[0])
    fitted.update(unknown, y[N_ROWS : N_ROWS + 2])
    observed[N_ROWS : N_ROWS + 2, 1:] = 0
    assert_allclose(fitted.predict(X[N_ROWS + 2 : N_ROWS + 4]), expected.predict([row(N_ROWS + 2)])[0])


@pytest.mark.parametrize("three_d", [True, False])
def test_past_categories_as_codes(three_d):
    X, y = weather()
    params = PLAIN | {"past_covariates": ["sky"], "categorical_features": ["sky"]}
    fitted = forecaster(Recorder(three_d=three_d), **params).fit(X[:N_ROWS], y[:N_ROWS]).estimator_
    codes = np.searchsorted(SKIES, np.asarray(X["sky"], dtype=SKIES.dtype))
    assert fitted.categorical_features == ([1] if three_d else [1, 3, 5, 7])
    found = fitted.X_[:, :, 1] if three_d else fitted.X_[:, fitted.categorical_features]
    assert_array_equal(found, [codes[now - WINDOW : now] for now in range(WINDOW, N_ROWS)])


# ---------------------------------------------------------------------- calendar


@pytest.mark.parametrize("calendar", ["weekday", StandardScaler(), CalendarFeatures], ids=str)
def test_a_calendar_of_another_type(calendar):
    with pytest.raises(ValueError, match=r"The 'calendar' parameter .* must be an instance of '.*CalendarFeatures' or"):
        forecaster(calendar=calendar).fit(None, pd.Series(series(), DAYS[:N_ROWS]))


@pytest.mark.parametrize(
    ("calendar", "index", "message"),
    [
        (CalendarFeatures(features=("week",)), DAYS, "The 'features' parameter of CalendarFeatures must be"),
        (CalendarFeatures(), DAYS[::1000].repeat(N_ROWS), "The times of y must increase|repeats the time"),
        (CalendarFeatures(), pd.RangeIndex(N_ROWS), "calendar requires rows with an index of dates or periods"),
        (
            CalendarFeatures(),
            pd.timedelta_range("1h", periods=N_ROWS, freq="h"),
            "calendar requires rows with an index",
        ),
        (
            CalendarFeatures(),
            pd.date_range("2000", periods=N_ROWS, freq="YS"),
            "features='auto' .* selects the features",
        ),
    ],
    ids=["feature", "one date", "numbers", "durations", "years"],
)
def test_a_calendar_that_cannot_be_computed(calendar, index, message):
    with pytest.raises(ValueError, match=message):
        forecaster(calendar=calendar).fit(None, pd.Series(series(), index[:N_ROWS]))


def test_an_update_and_a_prediction_without_dates_after_a_calendar():
    irregular = DAYS[:N_ROWS].delete([3, 9, 10, 31, 32, 40, 44, 50, 51, 52])
    fitted = forecaster(calendar=CalendarFeatures()).fit(None, pd.Series(series()[: len(irregular)], irregular))
    for method in (lambda: fitted.predict(np.empty((2, 0))), lambda: fitted.update(None, [1.0])):
        with pytest.raises(ValueError, match=r"calendar requires .* new rows whose dates follow from the frequency"):
            method()
    dated = fitted.predict(pd.DataFrame(index=DAYS[N_ROWS : N_ROWS + 2]))
    assert np.isfinite(dated).all()


# ---------------------------------------------------------------------- searches

GRIDS = {
    "levels": {"differencing": [None, 1, (1, 7)], "window_scaling": [None, "standard"], "per_series": [True, False]},
    "inputs": {"lags": [None, [1, 7]], "calendar": [None, CalendarFeatures(features=("weekday",))], "padding": [None]},
    "steps": {"output_steps": [1, 3], "target_transformer": [None, "standard", MinMaxScaler()]},
}


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_a_search_over_a_panel(grid):
    y = shops()
    X = pd.DataFrame(index=y.index)
    cv = PanelTimeSeriesSplit(n_splits=2, test_size=6)
    search = GridSearchCV(forecaster(groups="shop"), grid, cv=cv).fit(X, y)
    splits = list(cv.split(X))
    for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        scores = []
        for train, test in splits:
            predicted = forecaster(groups="shop", **params).fit(X.iloc[train], y.iloc[train]).forecast(6)
            truth = y.iloc[test].swaplevel().loc[predicted.index]
            scores.append(r2_score(truth, predicted))
        assert score == pytest.approx(np.mean(scores))
    assert len(np.unique(search.cv_results_["mean_test_score"].round(9))) > len(search.cv_results_["params"]) // 2


def test_a_search_over_parameters_that_some_estimators_do_not_take():
    grid = {"estimator": [Ridge(), make("GRURegressor")], "lags": [[1, 2]]}
    search = GridSearchCV(forecaster(), grid, cv=TimeSeriesSplit(2), error_score="raise")
    with pytest.raises(ValueError, match="selects columns of flat windows, but GRURegressor takes sequences"):
        search.fit(pd.DataFrame(index=DAYS[:N_ROWS]), series())


# ---------------------------------------------------------------------- transformed targets


def test_transformed_targets_of_a_forecaster():
    y = np.exp(series() / 10)
    around = TransformedTargetRegressor(forecaster(LinearRegression(), **RAW), func=np.log, inverse_func=np.exp)
    expected = np.exp(forecaster(LinearRegression(), **RAW).fit(None, np.log(y)).forecast(4))
    X = pd.DataFrame(index=DAYS[: N_ROWS + 4])
    assert_allclose(around.fit(X[:N_ROWS], y).predict(X[N_ROWS:]), expected)
    # scikit-learn passes on predictions only: what a distribution or an update needs is on the fitted regressor.
    assert_allclose(np.exp(around.regressor_.forecast(4)), expected)
    network = GRURegressor(4, epochs=1, loss="quantile", quantile=(0.1, 0.5, 0.9), random_state=0)
    windows = np.lib.stride_tricks.sliding_window_view(y[:-1], WINDOW)[:, :, None]
    wrapped = TransformedTargetRegressor(network, transformer=StandardScaler()).fit(windows, y[WINDOW:])
    with pytest.raises(AttributeError, match="'TransformedTargetRegressor' object has no attribute"):
        wrapped.predict_quantiles(windows)
    medians = wrapped.regressor_.predict_quantiles(windows)[:, 1]
    assert_allclose(wrapped.transformer_.inverse_transform(medians[:, None])[:, 0], wrapped.predict(windows), rtol=1e-5)
