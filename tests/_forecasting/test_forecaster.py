"""Forecasts against a loop in plain numpy that feeds an estimator its own predictions, one window at a time."""

import pickle
from unittest import SkipTest

import numpy as np
import pandas as pd
import pytest
from conftest import RAW, make
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_series_equal
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import skrnn
from skrnn import GRURegressor, SequenceForecaster, SequenceScaler, backtest

WINDOW, N_ROWS, N_STEPS = 4, 60, 25


class SequenceRidge(RegressorMixin, BaseEstimator):
    """A Ridge of all time steps of a 3-D window, padded ones being zeros."""

    def fit(self, X, y):
        self.ridge_ = Ridge().fit(self._rows(X), y)
        return self

    def predict(self, X):
        return self.ridge_.predict(self._rows(X))

    def _rows(self, X):
        assert isinstance(X, np.ndarray) and X.ndim == 3
        return np.nan_to_num(X).reshape(len(X), -1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


ESTIMATORS = {
    "rows": Ridge(),
    "sequences": SequenceRidge(),
    "network": make("GRURegressor"),
    "pipeline": make_pipeline(SequenceScaler(), make("GRURegressor")),
}


def forecaster(estimator=None, **params):
    return SequenceForecaster(estimator or Ridge(), **{"window": WINDOW, **RAW, **params})


def data(n_rows, n_series=None, n_covariates=2, seed=0):
    """Random walks, (n_rows,) or (n_rows, n_series), and covariates."""
    rng = np.random.default_rng(seed)
    y = 0.3 * rng.normal(size=(n_rows, n_series or 1)).cumsum(axis=0)
    return rng.normal(size=(n_rows, n_covariates)), y if n_series else y[:, 0]


def one_window(values, covariates, now, window, output_steps, is_3d):
    """What an estimator sees that predicts row `now` and those after it, from lists of rows."""
    if is_3d:
        return np.array([[[*values[t], *covariates[t + output_steps]] for t in range(now - window, now)]])
    lags = [value for row in values[now - window : now] for value in row]
    return np.array([lags + [value for row in covariates[now : now + output_steps] for value in row]])


def training_set(y, covariates, window, output_steps, is_3d=False):
    values, covariates = np.reshape(y, (len(y), -1)).tolist(), covariates.tolist()
    nows = range(window, len(values) - output_steps + 1)
    X = np.concatenate([one_window(values, covariates, now, window, output_steps, is_3d) for now in nows])
    targets = np.array([np.ravel(values[now : now + output_steps]) for now in nows])
    return X, targets[:, 0] if targets.shape[1] == 1 else targets


def continued(estimator, y, covariates, n_steps, *, window=WINDOW, output_steps=1, is_3d=False):
    """Continue y, with the covariates of its rows and of the steps to predict."""
    values = np.reshape(y, (len(y), -1)).tolist()
    n_series = len(values[0])
    known = covariates.tolist() + [covariates[-1].tolist()] * output_steps
    while len(values) < len(y) + n_steps:
        X = one_window(values, known, len(values), window, output_steps, is_3d)
        values += np.reshape(estimator.predict(X), (output_steps, n_series)).astype(float).tolist()
    return np.array(values[len(y) : len(y) + n_steps]).reshape(n_steps, *np.shape(y)[1:])


# ---------------------------------------------------------------- closed loop, direct and mixed


@pytest.mark.parametrize("n_covariates", [0, 2])
@pytest.mark.parametrize("n_series", [None, 2])
@pytest.mark.parametrize("output_steps", [1, 3, 12])
@pytest.mark.parametrize("name", ["rows", "sequences"])
def test_fits_windows_and_feeds_predictions_back(name, output_steps, n_series, n_covariates):
    covariates, y = data(N_ROWS + N_STEPS, n_series, n_covariates)
    is_3d, past = name == "sequences", covariates[:N_ROWS]
    fitted = forecaster(ESTIMATORS[name], output_steps=output_steps).fit(past if n_covariates else None, y[:N_ROWS])
    by_hand = clone(ESTIMATORS[name]).fit(*training_set(y[:N_ROWS], past, WINDOW, output_steps, is_3d))
    expected = continued(by_hand, y[:N_ROWS], covariates, N_STEPS, output_steps=output_steps, is_3d=is_3d)
    assert_allclose(fitted.predict(covariates[N_ROWS:]), expected, rtol=1e-8)
    if not n_covariates:
        assert_array_equal(fitted.forecast(N_STEPS), fitted.predict(pd.DataFrame(index=range(N_STEPS))))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["network", "pipeline"])
@pytest.mark.parametrize(
    ("output_steps", "n_series", "n_covariates", "n_steps"),
    [(1, None, 0, N_STEPS), (3, 2, 2, 200), (12, None, 1, N_STEPS)],
)
def test_loops_of_networks(name, output_steps, n_series, n_covariates, n_steps, monkeypatch):
    covariates, y = data(N_ROWS + n_steps, n_series, n_covariates)
    past, later = covariates[:N_ROWS], covariates[N_ROWS:]
    fitted = forecaster(ESTIMATORS[name], output_steps=output_steps)
    fitted.fit(past if n_covariates else None, y[:N_ROWS])
    expected = continued(fitted.estimator_, y[:N_ROWS], covariates, n_steps, output_steps=output_steps, is_3d=True)
    assert_allclose(fitted.predict(later), expected, rtol=0, atol=1e-5)
    assert np.ptp(expected) > 1e-3  # goes somewhere
    monkeypatch.setattr(GRURegressor, "_closed_loop", lambda *args: None)
    assert_allclose(fitted.predict(later), expected, rtol=0, atol=1e-5)


def test_loop_through_keras(monkeypatch):
    fitted = forecaster(ESTIMATORS["network"]).fit(None, data(N_ROWS)[1])
    expected = fitted.forecast(6)
    monkeypatch.setenv("SKRNN_ENGINE", "keras")
    monkeypatch.setattr(skrnn._estimators.regressor, "closed_loop", None)
    assert_allclose(fitted.forecast(6), expected, rtol=0, atol=1e-5)


def test_any_number_of_steps_and_series():
    n_series = 20
    frame = pd.DataFrame({"series": np.repeat(np.arange(n_series), 20)})
    y = data(n_series * 20)[1]
    fitted = forecaster(ESTIMATORS["network"], groups="series").fit(frame, y)
    forecast = fitted.forecast(1000)
    assert_array_equal(fitted.forecast(3)[7], forecast[7].iloc[:3])
    assert forecast.shape == (n_series * 1000,)
    for number in (0, 19):
        expected = continued(fitted.estimator_, y[20 * number :][:20], np.empty((90, 0)), 70, is_3d=True)
        assert_allclose(forecast[number].iloc[:70], expected, rtol=0, atol=1e-5)
    last = continued(fitted.estimator_, forecast[19].to_numpy()[:990], np.empty((1000, 0)), 10, is_3d=True)
    assert_allclose(forecast[19].iloc[990:], last, rtol=0, atol=1e-5)


# ---------------------------------------------------------------- scikit-learn around it

INDEXES = {
    "array": None,
    "dates": pd.date_range("2020-01-31", periods=120, freq="ME"),
    "dates without a frequency": pd.DatetimeIndex(pd.date_range("2020-01-01", periods=120, freq="B").to_numpy()),
    "periods": pd.period_range("2020-01", periods=120, freq="M"),
    "numbers of rows": pd.RangeIndex(120),
}


def scores_by_hand(X, y, alpha=1.0, window=WINDOW, scaler=None):
    scores = []
    for train, test in TimeSeriesSplit(5).split(X):
        scaled = y[train] if scaler is None else scaler.fit_transform(y[train, None])[:, 0]
        ridge = Ridge(alpha=alpha).fit(*training_set(scaled, X[train], window, 1))
        steps = continued(ridge, scaled, X[: test[-1] + 1], len(test), window=window)
        scores.append(r2_score(y[test], steps if scaler is None else scaler.inverse_transform(steps[:, None])[:, 0]))
    return scores


@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_cross_validation_is_of_the_closed_loop(index):
    X, y = data(120)
    given = (X, y) if index is None else (pd.DataFrame(X, index, columns=["a", "b"]), pd.Series(y, index))
    assert_allclose(cross_val_score(forecaster(), *given, cv=TimeSeriesSplit(5)), scores_by_hand(X, y))


def test_scaled_targets():
    X, y = data(120)
    y = 1000 + 50 * y
    expected = scores_by_hand(X, y, scaler=StandardScaler())
    within = forecaster(target_transformer=StandardScaler())
    around = TransformedTargetRegressor(forecaster(), transformer=StandardScaler())
    for scaled in (within, around):
        assert_allclose(cross_val_score(scaled, X, y, cv=TimeSeriesSplit(5)), expected)
    assert abs(np.subtract(expected, scores_by_hand(X, y))).min() > 1e-6  # alpha is of other units without
    two = np.column_stack([y, y[::-1] / 7])
    forecast = within.fit(None, two).forecast(3)
    means, scales = two.mean(axis=0), two.std(axis=0)
    assert_allclose(forecast, forecaster().fit(None, (two - means) / scales).forecast(3) * scales + means)
    assert_allclose(within.transformer_.mean_, means)


def test_grid_search():
    X, y = data(120)
    search = GridSearchCV(forecaster(), {"estimator__alpha": [0.1, 50.0], "window": [2, 6]}, cv=TimeSeriesSplit(5))
    search.fit(X, y)
    for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        expected = np.mean(scores_by_hand(X, y, params["estimator__alpha"], params["window"]))
        assert score == pytest.approx(expected)
    assert len(set(search.cv_results_["mean_test_score"])) == 4
    assert search.best_estimator_.estimator_.coef_.shape == (search.best_params_["window"] + 2,)


ASSUMES_ROWS = {
    "check_methods_sample_order_invariance": "rows are steps after the series, by their place alone",
    "check_methods_subset_invariance": "the first row is the next step of the series, whichever row it is",
    "check_sample_weight_equivalence_on_dense_data": "rows are consecutive: a row that is removed is in no window",
    "check_regressor_data_not_an_array": "the index of a frame says that its rows were fitted, an array says nothing",
}


def sklearn_checks():
    for estimator, check in estimator_checks_generator(SequenceForecaster(Ridge(), window=3)):
        reason = ASSUMES_ROWS.get(check.func.__name__)
        marks = [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True, raises=AssertionError)]
        yield pytest.param(estimator, check, id=check.func.__name__, marks=marks)


@pytest.mark.parametrize(("estimator", "check"), [*sklearn_checks()])
def test_check_of_scikit_learn(estimator, check):
    try:
        check(estimator)
    except SkipTest as reason:
        assert "SCIPY_ARRAY_API is not set" in str(reason)
        pytest.skip(str(reason))


def test_clone_and_pickle():
    X, y = data(N_ROWS + 3)
    unfitted = forecaster(Ridge(alpha=3.0), output_steps=2, target_transformer=StandardScaler(), calibration_size=9)
    assert repr(clone(unfitted)) == repr(unfitted)
    fitted = clone(unfitted).fit(X[:N_ROWS], y[:N_ROWS])
    assert unfitted.estimator.alpha == 3.0 and not hasattr(unfitted.estimator, "coef_")
    loaded = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(loaded.predict(X[N_ROWS:]), fitted.predict(X[N_ROWS:]))
    assert_array_equal(loaded.predict_interval(X[N_ROWS:], 0.5), fitted.predict_interval(X[N_ROWS:], 0.5))


def test_parameters_set_after_fit_change_no_prediction():
    _, _, frame = panel(2, 30)
    X, y = frame[["x"]], frame["y"]
    days = frame.index.get_level_values("day")
    past, later = days < "2024-01-26", days >= "2024-01-26"
    fitted = forecaster(groups="shop", target_transformer=StandardScaler(), calibration_size=9).fit(X[past], y[past])
    expected, bounds = fitted.predict(X[later]), fitted.predict_interval(X[later], 0.7)
    fitted.set_params(groups=None, window=9, output_steps=3, target_transformer=None, calibration_size=None)
    assert_array_equal(fitted.predict(X[later]), expected)
    assert_array_equal(fitted.predict_interval(X[later], 0.7), bounds)


def test_update_leaves_what_was_known_as_it_was():
    fitted = forecaster(window=2).fit(None, pd.Series(np.arange(10.0), [f"row {i}" for i in range(10)]))
    known = fitted._known
    fitted.update(None, pd.Series([10.0, 11.0], ["row 10", "row 11"]))
    assert_array_equal(known.panel.y[:, 0], np.arange(10.0))
    assert_array_equal(fitted._known.panel.y[:, 0], np.arange(12.0))
    assert [len(rows.unordered_labels) for rows in (known, fitted._known)] == [10, 12]
    assert known.n_fitted.tolist() == fitted._known.n_fitted.tolist() == [10]


# ---------------------------------------------------------------- rows of the fitted index


@pytest.mark.parametrize("n_series", [None, 2])
@pytest.mark.parametrize("output_steps", [1, 3])
@pytest.mark.parametrize("name", ["rows", "sequences"])
def test_fitted_rows_are_predicted_one_step_ahead(name, output_steps, n_series):
    X, y = data(30, n_series)
    frame = pd.DataFrame(X, pd.date_range("2024-01-01", periods=30), columns=["a", "b"])
    fitted = forecaster(ESTIMATORS[name], output_steps=output_steps).fit(frame.iloc[:26], y[:26])
    is_3d, values, n_columns = name == "sequences", y[:26].reshape(26, -1).tolist(), n_series or 1
    # Before the series there are padded time steps, or the first value if the estimator takes flat rows.
    padded = [[0.0] * n_columns if is_3d else values[0]] * WINDOW + values
    known = [[0.0, 0.0]] * WINDOW + X[:26].tolist() + [X[25].tolist()] * output_steps
    expected = [np.mean(values, axis=0)]
    for now in range(1, 26):
        window = one_window(padded, known, WINDOW + now, WINDOW, output_steps, is_3d)
        if is_3d:
            window[:, : max(WINDOW - now, 0)] = 0
        expected.append(fitted.estimator_.predict(window).reshape(output_steps, -1)[0])
    expected = np.reshape(expected, y[:26].shape)
    assert_allclose(fitted.predict(frame.iloc[:26]), expected)
    assert_allclose(fitted.predict(frame.iloc[[2, 7, 25]]), expected[[2, 7, 25]])
    after = continued(fitted.estimator_, y[:26], X, 4, output_steps=output_steps, is_3d=is_3d)
    assert_allclose(fitted.predict(frame.iloc[20:]), np.concatenate([expected[20:], after]))


def test_networks_see_padded_steps_before_the_series():
    y = data(30)[1]
    fitted = forecaster(ESTIMATORS["network"]).fit(None, pd.Series(y))
    window = np.array([np.nan, np.nan, y[0], y[1]]).reshape(1, 4, 1)
    assert_allclose(fitted.predict(pd.DataFrame(index=[2])), fitted.estimator_.predict(window), rtol=0, atol=1e-6)


def autoregression(n_rows, seed=0):
    """y_t = 1.4 y_{t-1} - 0.7 y_{t-2} + noise."""
    noise, y = np.random.default_rng(seed).normal(size=n_rows), [0.0, 0.0]
    for value in noise:
        y.append(1.4 * y[-1] - 0.7 * y[-2] + value)
    return np.array(y[2:])


def test_training_score_is_that_of_one_step():
    y = pd.Series(autoregression(400))
    fitted = forecaster(LinearRegression(), window=2).fit(None, y)
    assert_allclose(fitted.estimator_.coef_, [-0.7, 1.4], atol=0.1)
    # Noise of variance 1 in a process of variance (1 + 0.7) / (1 - 0.7) / ((1 + 0.7)**2 - 1.4**2), which is 6.1.
    assert fitted.score(pd.DataFrame(index=y.index), y) == pytest.approx(1 - 1 / 6.1, abs=0.05)


# ---------------------------------------------------------------- forecast and update

# The last two of each are to be found.
NEXT = {
    "month ends": pd.date_range("2023-12-31", periods=14, freq="ME"),
    "a business week": pd.date_range("2024-01-01", periods=7, freq="B"),
    "inferred": pd.DatetimeIndex(pd.date_range("2024-01-01", periods=14, freq="B").to_numpy()),
    "a clock that changes": pd.date_range("2024-03-25", periods=8, freq="D", tz="Europe/Berlin"),
    "periods": pd.period_range("2024-01", periods=13, freq="M"),
    "even numbers": pd.RangeIndex(0, 20, 2),
    "numbers": pd.Index([3, 4, 5, 6, 7, 8, 9]),
    "durations": pd.timedelta_range("1h", periods=8, freq="h"),
}


@pytest.mark.parametrize("index", NEXT.values(), ids=NEXT)
def test_index_goes_on(index):
    index = index.rename("when")
    fitted = forecaster(window=2).fit(None, pd.Series(data(len(index) - 2)[1], index[:-2], name="sales"))
    forecast = fitted.forecast(2)
    assert type(forecast.index) is type(index) or isinstance(index, pd.RangeIndex)
    assert forecast.index.tolist() == index[-2:].tolist()
    assert (forecast.index.name, forecast.name) == ("when", "sales")
    assert_allclose(forecast, fitted.predict(pd.DataFrame(index=index[-2:])))
    assert fitted.update(None, forecast.iloc[:1]).forecast(1).index.tolist() == [index[-1]]


def test_shape_and_names_of_forecasts():
    _, y = data(20, 2)
    array = forecaster().fit(None, y).forecast(3)
    assert isinstance(array, np.ndarray) and array.shape == (3, 2)
    frame = forecaster().fit(None, pd.DataFrame(y, columns=["a", "b"])).forecast(3)
    assert frame.columns.tolist() == ["a", "b"] and frame.index.tolist() == [20, 21, 22]
    assert_allclose(frame, array)
    unordered = forecaster().fit(None, pd.Series(y[:, 0], list("zyxwvutsrqponmlkjihg"))).forecast(2)
    assert unordered.index.tolist() == [1, 2] and unordered.index.name == "step"
    column = forecaster().fit(None, y[:, :1])
    assert column.forecast(3).shape == column.predict(np.empty((3, 0))).shape == (3, 1)


@pytest.mark.parametrize("kind", ["array", "frame"])
def test_update_appends_what_was_observed(kind):
    X, y = data(50)
    y = 100 + 10 * y
    if kind == "frame":
        X = pd.DataFrame(X, pd.date_range("2024-01-01", periods=50), columns=["a", "b"])
        y = pd.Series(y, X.index)
    fitted = forecaster(target_transformer=StandardScaler()).fit(X[:30], y[:30])
    estimator, mean, scale = fitted.estimator_, np.mean(y[:30]), np.std(y[:30])
    assert fitted.update(X[30:31], y[30:31]).update(X[31:40], y[31:40]) is fitted
    expected = continued(estimator, (np.asarray(y)[:40] - mean) / scale, np.asarray(X), 10) * scale + mean
    assert_allclose(fitted.predict(X[40:]), expected)
    assert fitted.estimator_ is estimator
    if kind == "frame":  # what was observed has become a part of the series
        row = one_window((np.asarray(y)[:, None] - mean) / scale, X.to_numpy(), 35, WINDOW, 1, False)
        assert_allclose(fitted.predict(X[35:36]), estimator.predict(row) * scale + mean)


# ---------------------------------------------------------------- many series


def panel(n_series, n_rows):
    """Values (n_series, n_rows), covariates (n_series, n_rows, 1), and a frame in order of series, then of days."""
    X, y = data(n_series * n_rows, n_covariates=1)
    y = y.reshape(n_series, n_rows) + 10 * np.arange(n_series)[:, None]
    names = [f"shop {number}" for number in range(n_series)][::-1]
    days = pd.date_range("2024-01-01", periods=n_rows)
    index = pd.MultiIndex.from_product([names, days], names=["shop", "day"])
    return y, X.reshape(n_series, n_rows, 1), pd.DataFrame({"x": X[:, 0], "y": y.ravel()}, index)


def test_fifty_series_from_one_fit():
    y, _, frame = panel(50, 300)
    fitted = forecaster(groups="shop").fit(frame[[]], frame["y"])
    pairs = [training_set(of_series, np.empty((300, 0)), WINDOW, 1) for of_series in y]
    ridge = Ridge().fit(np.concatenate([X for X, _ in pairs]), np.concatenate([targets for _, targets in pairs]))
    assert_allclose(fitted.estimator_.coef_, ridge.coef_)
    forecast = fitted.forecast(14)
    assert forecast.index.names == ["shop", "day"] and forecast.name == "y"
    for number, name in enumerate(frame.index.unique("shop")):
        assert_allclose(forecast[name], continued(ridge, y[number], np.empty((314, 0)), 14), rtol=1e-6)
        assert forecast[name].index.equals(pd.date_range("2024-10-27", periods=14))
    assert_allclose(fitted.predict(forecast.to_frame()[[]]), forecast)


LAYOUTS = {
    "levels": lambda frame: frame,
    "column and days": lambda frame: frame.reset_index("shop"),
    "column and row numbers": lambda frame: frame.reset_index("day", drop=True).reset_index(),
    "array": lambda frame: frame.reset_index()[["shop", "x"]].to_numpy(),
}


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_groups(layout, interleaved):
    y, X, frame = panel(3, 40)
    frame = frame.sort_index(level="day", sort_remaining=False, kind="stable") if interleaved else frame
    days = frame.index.get_level_values("day")
    whole, groups = LAYOUTS[layout](frame), 0 if layout == "array" else "shop"
    if layout != "array":
        whole = whole.drop(columns="y")
    past, later = days < "2024-02-05", days >= "2024-02-05"  # 35 days, and 5
    fitted = forecaster(groups=groups).fit(whole[past], frame["y"].to_numpy()[past])
    expected = pd.Series(0.0, frame.index[later])
    for number, name in enumerate(frame.index.unique("shop")):
        expected[name] = continued(fitted.estimator_, y[number, :35], X[number], 5)
    assert fitted.n_features_in_ == 1
    assert_allclose(fitted.predict(whole[later]), expected)
    if layout != "array":  # two rows of one series, three of another
        few = np.flatnonzero(later & (frame.index.get_level_values("shop") == "shop 1"))[:2].tolist()
        few += np.flatnonzero(later & (frame.index.get_level_values("shop") == "shop 0"))[:3].tolist()
        assert_allclose(fitted.predict(whole.iloc[few]), expected[frame.index[few]])
        first = fitted.predict(whole[past])[days[past] == "2024-01-01"]
        assert_allclose(first, y[:, :35].mean(axis=1))
        row = np.flatnonzero(frame.index == ("shop 1", pd.Timestamp("2024-01-20")))
        window = one_window(y[1][:, None], X[1], 19, WINDOW, 1, False)
        assert_allclose(fitted.predict(whole.iloc[row]), fitted.estimator_.predict(window))


def test_series_that_end_at_different_times():
    y, _, frame = panel(2, 40)
    short, long = frame.index.unique("shop")[::-1]
    past = frame.drop(frame.loc[[short]].index[30:])
    fitted = forecaster(groups="shop").fit(past[[]], past["y"])
    forecast = fitted.forecast(2)
    assert forecast[short].index.tolist() == [pd.Timestamp("2024-01-31"), pd.Timestamp("2024-02-01")]
    assert forecast[long].index.tolist() == [pd.Timestamp("2024-02-10"), pd.Timestamp("2024-02-11")]
    assert_allclose(forecast[short], continued(fitted.estimator_, y[1, :30], np.empty((32, 0)), 2))
    assert_allclose(forecast[long], continued(fitted.estimator_, y[0], np.empty((42, 0)), 2))
    observed = frame.loc[[short]].iloc[30:]
    updated = fitted.update(observed[[]], observed["y"]).forecast(2)
    assert_allclose(updated[short], continued(fitted.estimator_, y[1], np.empty((42, 0)), 2))
    assert_series_equal(updated[long], forecast[long])


# ---------------------------------------------------------------- errors


def days(start, periods=2, freq="D"):
    return pd.DataFrame(index=pd.date_range(start, periods=periods, freq=freq))


@pytest.mark.parametrize(
    ("X", "y", "params", "message"),
    [
        (None, np.ones(6), {"output_steps": 3}, r"6 sample\(s\), but window=4 and output_steps=3 require at least 7"),
        (np.ones((9, 1)), np.ones(8), {}, "X has 9 rows, but y has 8"),
        (
            days("2024-01-01", 9),
            pd.Series(np.ones(9), days("2024-01-02", 9).index),
            {},
            "X and y have different indexes",
        ),
        (None, [*range(9), np.inf], {}, "y contains infinity"),
        (None, [*range(9), np.inf], {}, "y contains infinity"),
        (np.full((9, 1), np.nan), np.ones(9), {}, "X contains NaN"),
        (days("2024-01-01", 9)[::-1], np.ones(9), {}, "The times of X must increase, but row 1"),
        (None, None, {}, "the target y is None"),
        (None, np.ones(9), {"groups": "shop"}, "groups='shop' requires rows"),
        (pd.DataFrame({"shop": list("aaaaaab")}), np.ones(7), {"groups": "shop"}, r"1 sample\(s\) of series 'b'"),
        (pd.DataFrame({"shop": [*"aaaaaa", None]}), np.ones(7), {"groups": "shop"}, "a missing value in row 6"),
        (None, np.ones(9), {"window": 0}, "'window' parameter"),
        (None, np.ones(9), {"output_steps": 1.5}, "'output_steps' parameter"),
        (None, np.ones(9), {"target_transformer": "log"}, "'target_transformer' parameter"),
    ],
)
def test_what_cannot_be_fitted(X, y, params, message):
    with pytest.raises(ValueError, match=message):
        forecaster(**params).fit(X, y)


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        (
            "predict",
            [days("2024-01-22")],
            r"Row 0 of X \(2024-01-22.*does not continue .*, which ends at .*01-20",
        ),
        ("predict", [days("2024-01-21", freq="2D")], r"Row 1 of X \(2024-01-23.*does not continue"),
        ("predict", [days("2024-01-19 12:00", freq="h")], r"Row 0 of X \(2024-01-19 12.*is not one of its rows"),
        ("predict", [days("2023-12-31")], r"Row 0 of X \(2023-12-31.*is not one of its rows"),
        ("predict", [days("2024-01-21").assign(x=1.0)], r"X has columns, .* was fitted without covariates"),
        ("predict", [np.ones((2, 1))], r"X has columns, .* was fitted without covariates"),
        ("predict", [None], r"X=None does not define the number of steps to predict: call forecast\(steps\)"),
        ("forecast", [0], r"^steps must be an int of at least 1. Got 0"),
        ("forecast", [1.5], r"^steps must be an int of at least 1. Got 1.5"),
        (
            "update",
            [days("2024-01-20"), [1.0, 2.0]],
            r"^update requires new rows, but row 0 \(2024-01-20.* is already part of the",
        ),
        ("update", [days("2024-01-22"), [1.0, 2.0]], "does not continue"),
        ("update", [days("2024-01-21"), np.ones((2, 2))], r"y has shape \(2, 2\), but .* was fitted on 1 series"),
        ("update", [days("2024-01-21"), [1.0, np.nan]], "y contains NaN"),
        ("update", [days("2024-01-21"), None], "the target y is None"),
    ],
)
def test_what_does_not_continue(method, arguments, message):
    fitted = forecaster().fit(None, pd.Series(data(20)[1], days("2024-01-01", 20).index))
    with pytest.raises(ValueError, match=message):
        getattr(fitted, method)(*arguments)
    assert fitted.forecast(1).index[0] == pd.Timestamp("2024-01-21")  # it is as it was


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X.rename(columns={"b": "c"}), "feature names should match"),
        (lambda X: X[[]], r"X has no columns, but .* expecting 2 covariates"),
        (lambda X: X.assign(b=[1, np.nan]), "X contains NaN"),
        (lambda X: X.assign(c=1.0), "feature names should match"),
    ],
)
def test_wrong_covariates(change, message):
    X, y = data(22)
    frame = pd.DataFrame(X, days("2024-01-01", 22).index, columns=["a", "b"])
    fitted = forecaster().fit(frame[:20], y[:20])
    with pytest.raises(ValueError, match=message):
        fitted.predict(change(frame[20:]))
    with pytest.raises(ValueError, match=r"was fitted with 2 covariates: pass those of the steps to forecast as X"):
        fitted.forecast(2)


class ThirdPartyClassifier(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        raise AssertionError("is not to be fitted")

    predict = fit


@pytest.mark.parametrize(
    ("estimator", "named"),
    [
        (LogisticRegression(), "LogisticRegression"),
        (make("GRUClassifier"), "GRUClassifier"),
        (ThirdPartyClassifier(), "ThirdPartyClassifier"),
        (make_pipeline(StandardScaler(), LogisticRegression()), "Pipeline with LogisticRegression"),
        (GridSearchCV(LogisticRegression(), {"C": [1.0]}), "GridSearchCV with LogisticRegression"),
        (
            GridSearchCV(make_pipeline(SequenceScaler(), make("GRUClassifier")), {}),
            "GridSearchCV with GRUClassifier",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_classifier_inside(estimator, named):
    y = np.tile([0.0, 1.0, 1.0], 10)
    fitted = forecaster(LinearRegression(), calibration_size=9).fit(None, y)
    expected, before = fitted.forecast(3), dict(vars(fitted))
    message = rf"^The 'estimator' parameter of SequenceForecaster must be a .* Got the classifier {named} instead"
    with pytest.raises(ValueError, match=message):
        forecaster(estimator).fit(None, y)
    with pytest.raises(ValueError, match=message):
        backtest(forecaster(estimator), None, y, initial_window=20, steps=2)
    with pytest.raises(ValueError, match=message):
        fitted.set_params(estimator=estimator).fit(None, y)
    assert all(vars(fitted)[name] is value for name, value in before.items() if name != "estimator")
    assert_array_equal(fitted.forecast(3), expected)


@pytest.mark.parametrize("estimator", [IsolationForest(), make_pipeline(StandardScaler(), IsolationForest())])
def test_an_outlier_detector_inside(estimator):
    message = r"Got the outlier detector \w+ instead. .* use SequenceOutlierDetector\(method='prediction'\)"
    with pytest.raises(ValueError, match=message):
        SequenceForecaster(estimator, window=WINDOW).fit(None, np.arange(30.0))


def test_unknown_series_and_unfitted():
    _, _, frame = panel(2, 20)
    fitted = forecaster(groups="shop").fit(frame[["x"]], frame["y"])
    other = frame[["x"]].rename(index={"shop 0": "shop 7"}).iloc[[0, 20]]
    with pytest.raises(ValueError, match=r"Row 1 of X belongs to series 'shop 7', which .* was not fitted on"):
        fitted.predict(other)
    failed = forecaster(window=30)
    with pytest.raises(ValueError, match="window=30"):
        failed.fit(None, np.ones(9))
    with pytest.raises(NotFittedError):
        failed.predict(np.empty((2, 0)))
