"""Covariates of every kind: known in advance, up to the present only, categorical, and computed from the calendar."""

import numpy as np
import pandas as pd
import pytest
from conftest import RAW, make
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from skrnn import CalendarFeatures, SequenceForecaster

WINDOW, N_ROWS = 4, 60
DAYS = pd.date_range("2024-01-01", periods=N_ROWS + 10)
SHOPS = np.array(["north", "south", "west"])


def data(seed=0):
    random = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "price": random.uniform(1, 3, size=len(DAYS)),
            "visitors": random.normal(100, 10, size=len(DAYS)),
            "shop": SHOPS[np.arange(len(DAYS)) % 3],
        },
        index=DAYS,
    )
    y = 10 - 2 * X["price"] + np.sin(np.arange(len(DAYS)) / 3) + (X["shop"] == "south")
    return X, y.rename("sales")


def forecaster(estimator=None, **params):
    return SequenceForecaster(estimator or Ridge(), **{"window": WINDOW, **params})


class Recorder(RegressorMixin, BaseEstimator):
    """Remembers what it is fitted on, and predicts the last column."""

    def __init__(self, categorical_features=None, three_d=True):
        self.categorical_features = categorical_features
        self.three_d = three_d

    def fit(self, X, y, sample_weight=None):
        self.X_, self.y_, self.weights_ = np.asarray(X), y, sample_weight
        return self

    def predict(self, X):
        self.predicted_ = np.asarray(X)
        return np.zeros((len(X), *np.shape(self.y_)[1:]))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = self.three_d
        tags.input_tags.allow_nan = True
        return tags


# ---------------------------------------------------------------------- known in advance


def test_numbers_are_standardized_and_constants_are_zero():
    X, y = data()
    X = X[["price"]].assign(constant=3.0)[:N_ROWS]
    fitted = forecaster(Recorder(three_d=False)).fit(X, y[:N_ROWS])
    columns = fitted.estimator_.X_[:, WINDOW:]
    expected = ((X["price"] - X["price"].mean()) / X["price"].std(ddof=0)).to_numpy()[WINDOW:]
    assert_allclose(columns[:, 0], expected)
    assert_array_equal(columns[:, 1], 0.0)
    fitted = forecaster(Recorder(three_d=False), covariate_transformer=None).fit(X, y[:N_ROWS])
    assert_array_equal(fitted.estimator_.X_[:, WINDOW], X["price"].to_numpy()[WINDOW:])


# ---------------------------------------------------------------------- up to the present only


@pytest.mark.parametrize("output_steps", [1, 3])
@pytest.mark.parametrize("estimator", [Ridge(), make("GRURegressor")], ids=["rows", "network"])
def test_past_covariates_of_the_future_are_never_read(estimator, output_steps):
    X, y = data()
    X = X[["price", "visitors"]]
    params = {"past_covariates": ["visitors"], "output_steps": output_steps}
    fitted = forecaster(estimator, **params).fit(X[:N_ROWS], y[:N_ROWS])
    later = X[N_ROWS : N_ROWS + output_steps]
    expected = fitted.predict(later)
    for given in (later.assign(visitors=1e9), later.assign(visitors=np.nan), later[["price"]]):
        assert_array_equal(fitted.predict(given), expected)
    known = X[:N_ROWS]
    assert_array_equal(fitted.predict(known.assign(visitors=np.inf)), fitted.predict(known))
    # Those of the known rows matter.
    changed = forecaster(estimator, **params).fit(
        X[:N_ROWS].assign(visitors=X["visitors"].to_numpy()[::-1][:N_ROWS]), y[:N_ROWS]
    )
    assert np.abs(changed.predict(later) - expected).max() > 1e-6
    with pytest.raises(ValueError, match=f"requires output_steps of at least 5, but it is {output_steps}"):
        fitted.predict(X[N_ROWS : N_ROWS + 5])


def test_past_covariates_are_lags_of_the_window():
    X, y = data()
    X = X[["price", "visitors"]]
    params = RAW | {"past_covariates": ["visitors"]}
    flat = forecaster(Recorder(three_d=False), **params).fit(X[:N_ROWS], y[:N_ROWS]).estimator_.X_
    lagged = np.column_stack([y, X["visitors"]])
    expected = [[*lagged[now - WINDOW : now].ravel(), X["price"].iloc[now]] for now in range(WINDOW, N_ROWS)]
    assert_array_equal(flat, expected)
    steps = forecaster(Recorder(), **params).fit(X[:N_ROWS], y[:N_ROWS]).estimator_.X_
    assert_array_equal(steps[..., :2], [lagged[now - WINDOW : now] for now in range(WINDOW, N_ROWS)])
    assert_array_equal(steps[..., 2], [X["price"].iloc[now - WINDOW + 1 : now + 1] for now in range(WINDOW, N_ROWS)])


def test_past_covariates_of_arrays_and_of_updates():
    X, y = data()
    table = X[["price", "visitors"]].to_numpy()
    fitted = forecaster(past_covariates=[1]).fit(table[:N_ROWS], y[:N_ROWS].to_numpy())
    unknown = table.copy()
    unknown[N_ROWS:, 1] = np.nan
    first = fitted.predict(unknown[N_ROWS : N_ROWS + 1])
    fitted.update(table[N_ROWS : N_ROWS + 1], y[N_ROWS : N_ROWS + 1].to_numpy())
    second = fitted.predict(unknown[N_ROWS + 1 : N_ROWS + 2])
    whole = forecaster(past_covariates=[1]).fit(table[:N_ROWS], y[:N_ROWS].to_numpy())
    frame = pd.DataFrame(table, index=DAYS)
    by_date = forecaster(past_covariates=[1]).fit(frame[:N_ROWS], y[:N_ROWS])
    assert_allclose(first, by_date.predict(frame[N_ROWS : N_ROWS + 1]))
    changed = table.copy()
    changed[N_ROWS, 1] += 50
    whole.update(changed[N_ROWS : N_ROWS + 1], y[N_ROWS : N_ROWS + 1].to_numpy())
    assert np.abs(whole.predict(unknown[N_ROWS + 1 : N_ROWS + 2]) - second).max() > 1e-9


# ---------------------------------------------------------------------- categories


@pytest.mark.parametrize("given", ["from_dtype", ["shop"]], ids=str)
def test_categories_are_indicators_for_most_estimators(given):
    X, y = data()
    X = X[["shop", "price"]].astype({"shop": "category"} if given == "from_dtype" else {})
    fitted = forecaster(categorical_features=given, **RAW).fit(X[:N_ROWS], y[:N_ROWS])
    lagged = np.lib.stride_tricks.sliding_window_view(y[: N_ROWS - 1], WINDOW)
    ahead = X[WINDOW:N_ROWS]
    indicators = np.asarray(ahead["shop"])[:, None] == SHOPS
    expected = Ridge().fit(np.column_stack([lagged, ahead["price"], indicators]), y[WINDOW:N_ROWS])
    assert_allclose(fitted.estimator_.coef_, expected.coef_)
    # An unknown category has no indicator.
    later = X[N_ROWS : N_ROWS + 1].assign(shop=["harbor"])
    row = [*y[N_ROWS - WINDOW : N_ROWS], later["price"].iloc[0], 0, 0, 0]
    assert_allclose(fitted.predict(later), expected.predict([row]))


@pytest.mark.parametrize("output_steps", [1, 2])
@pytest.mark.parametrize("three_d", [True, False])
def test_estimators_are_passed_the_positions_of_codes(three_d, output_steps):
    X, y = data()
    model = forecaster(Recorder(three_d=three_d), categorical_features=["shop"], output_steps=output_steps)
    fitted = model.fit(X[:N_ROWS], y[:N_ROWS]).estimator_
    codes = np.arange(len(DAYS)) % 3
    for now in (0, 7):
        row = fitted.X_[now][..., fitted.categorical_features]
        first = now + WINDOW
        if three_d:
            assert fitted.categorical_features == [3]
            expected = codes[now + output_steps : first + output_steps][:, None]
        else:
            assert fitted.categorical_features == [WINDOW + 2 + 3 * step for step in range(output_steps)]
            expected = codes[first : first + output_steps]
        assert_array_equal(row, expected)
    assert model.estimator.categorical_features is None


def test_boosted_trees_and_networks_take_codes():
    X, y = data()
    X = X[["shop"]].astype("category")
    for estimator, n_lags in ((HistGradientBoostingRegressor(random_state=0), WINDOW), (make("GRURegressor"), 1)):
        fitted = forecaster(estimator).fit(X[:N_ROWS], y[:N_ROWS])
        assert fitted.estimator_.categorical_features == [n_lags]
        assert np.isfinite(fitted.predict(X[N_ROWS:])).all()
    search = GridSearchCV(HistGradientBoostingRegressor(max_iter=5), {"max_depth": [2, 3]}, cv=2)
    fitted = forecaster(search).fit(X[:N_ROWS], y[:N_ROWS])
    assert fitted.estimator_.best_estimator_.categorical_features == [WINDOW]


@pytest.mark.parametrize(
    ("params", "change", "message"),
    [
        ({"categorical_features": ["city"]}, {}, "categorical_features contains 'city', which is not a column of X"),
        ({"categorical_features": "shop"}, {}, "The 'categorical_features' parameter of SequenceForecaster must be"),
        ({"past_covariates": ["city"]}, {}, "past_covariates contains 'city', which is not a column of X. Choose from"),
        ({"past_covariates": "price"}, {}, "The 'past_covariates' parameter of SequenceForecaster must be"),
        (
            {"categorical_features": ["shop"]},
            {"shop": None},
            "Column 'shop' of X is categorical, but row 0 contains",
        ),
        ({"categorical_features": None}, {}, "SequenceForecaster takes numbers, but X"),
        ({"categorical_features": ["shop"]}, {"price": np.nan}, "Input X contains NaN, first at row 0, column 'price'"),
        ({"categorical_features": ["shop"], "past_covariates": ["price"]}, {"price": np.inf}, "contains infinity"),
    ],
)
def test_invalid_columns(params, change, message):
    X, y = data()
    with pytest.raises((TypeError, ValueError), match=message):
        forecaster(**params).fit(X.assign(**change), y)


# ---------------------------------------------------------------------- calendar


def test_a_calendar_needs_no_future_rows():
    y = pd.Series(np.tile([5.0, 1.0, 2.0, 3.0, 4.0, 9.0, 8.0], 10), pd.date_range("2024-01-01", periods=70))
    calendar = CalendarFeatures(features=("weekday",))
    fitted = forecaster(window=1, calendar=calendar, **RAW).fit(None, y)
    angles = 2 * np.pi * y.index.day_of_week / 7
    X = np.column_stack([y[:-1], np.sin(angles)[1:], np.cos(angles)[1:]])
    expected = Ridge().fit(X, y[1:])
    assert_allclose(fitted.estimator_.coef_, expected.coef_)
    forecast = fitted.forecast(14)
    assert_allclose(fitted.predict(pd.DataFrame(index=forecast.index)), forecast)
    assert_allclose(fitted.predict(np.empty((14, 0))), forecast)
    first = 2 * np.pi * forecast.index[0].day_of_week / 7
    assert_allclose(forecast.iloc[0], expected.predict([[y.iloc[-1], np.sin(first), np.cos(first)]])[0])
    with pytest.raises(ValueError, match="calendar requires rows with an index of dates or periods"):
        forecaster(calendar=calendar).fit(None, y.to_numpy())


# ---------------------------------------------------------------------- until


def test_forecasts_until_a_time():
    y = pd.Series(np.arange(30.0), pd.date_range("2024-01-01", periods=30))
    fitted = forecaster().fit(None, y)
    pd.testing.assert_series_equal(fitted.forecast(until="2024-02-05"), fitted.forecast(6))
    pd.testing.assert_series_equal(fitted.forecast(until=pd.Timestamp("2024-01-31")), fitted.forecast(1))
    months = y.set_axis(pd.period_range("2024-01", periods=30, freq="M"))
    fitted_months = forecaster().fit(None, months)
    pd.testing.assert_series_equal(fitted_months.forecast(until=pd.Period("2026-08", "M")), fitted_months.forecast(2))
    for until in ("2024-01-30", "2023-01-01", "2024-02-05 12:00"):
        with pytest.raises(ValueError, match="must be a time of the index after the ends of all series"):
            fitted.forecast(until=until)
    with pytest.raises(ValueError, match="until must be a time like those of the fitted index"):
        fitted.forecast(until="soon")
    with pytest.raises(ValueError, match="Got steps and until"):
        fitted.forecast(3, until="2024-02-05")
    with pytest.raises(ValueError, match="requires a fitted index with a frequency"):
        forecaster().fit(None, y.to_numpy()).forecast(until=33)


def test_series_of_a_panel_end_at_different_times():
    rows = pd.MultiIndex.from_tuples(
        [("a", day) for day in DAYS[:20]] + [("b", day) for day in DAYS[:18]], names=["shop", "day"]
    )
    y = pd.Series(np.arange(38.0), rows)
    fitted = forecaster(groups="shop").fit(None, y)
    forecast = fitted.forecast(until=DAYS[21])
    assert forecast.loc["b"].index[-1] == DAYS[21]
    assert forecast.loc["a"].index.tolist() == DAYS[20:22].tolist()
    assert forecast.loc["b"].index.tolist() == DAYS[18:22].tolist()
    pd.testing.assert_series_equal(forecast, fitted.forecast(4).iloc[[0, 1, 4, 5, 6, 7]])
