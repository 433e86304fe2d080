"""Forecasts that continue other series than the fitted ones."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import make
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge
from sklearn.preprocessing import MinMaxScaler

from skrnn import SequenceForecaster

WINDOW, N_ROWS = 4, 60
DAYS = pd.date_range("2024-01-01", periods=N_ROWS + 20)


def series(seed=0, n_rows=N_ROWS, level=0.0):
    random = np.random.default_rng(seed)
    return level + np.sin(np.arange(n_rows) / 3) + 0.1 * random.normal(size=n_rows).cumsum()


def forecaster(estimator=None, **params):
    return SequenceForecaster(estimator or Ridge(), **{"window": WINDOW, **params})


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"window_scaling": None, "target_transformer": None},
        {"window_scaling": "standard"},
        {"differencing": (1, 7)},
        {"output_steps": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize("estimator", [Ridge(), make("GRURegressor")], ids=["rows", "network"])
def test_another_series_is_continued_as_the_fitted_one_is(estimator, params):
    """The same estimator in a forecaster that was fitted on the other series, with whose scale it is standardized."""
    fitted, other = forecaster(estimator, **params).fit(None, series()), series(seed=1, n_rows=45, level=50.0)
    before = fitted.forecast(5)
    expected = forecaster(estimator, **params).fit(None, other)
    expected._model = replace(expected._model, estimator=fitted.estimator_)
    assert_allclose(fitted.forecast(5, history=other), expected.forecast(5), rtol=1e-6)
    assert_allclose(fitted.predict(np.empty((5, 0)), history=other), expected.forecast(5), rtol=1e-6)
    assert_array_equal(fitted.forecast(5), before)


def test_a_history_in_another_unit():
    fitted, other = forecaster().fit(None, series()), series(seed=1)
    assert_allclose(fitted.forecast(5, history=1e6 * other + 7), 1e6 * fitted.forecast(5, history=other) + 7)
    assert_allclose(fitted.forecast(5, history=series()), fitted.forecast(5))


def test_indexes_of_a_history_are_its_own():
    fitted = forecaster().fit(None, series())
    history = pd.Series(series(seed=1), DAYS[:N_ROWS], name="load")
    forecast = fitted.forecast(3, history=history)
    assert forecast.index.equals(DAYS[N_ROWS : N_ROWS + 3])
    rows = pd.DataFrame(index=DAYS[N_ROWS - 2 : N_ROWS + 3])
    predicted = fitted.predict(rows, history=history)
    assert_allclose(predicted[2:], forecast)
    # Rows of the history are predicted one step ahead.
    assert_allclose(predicted[1], fitted.forecast(1, history=history[:-1].to_numpy()), rtol=0.05)


def test_covariates_of_a_history():
    y, X = series(), np.random.default_rng(0).normal(size=(N_ROWS + 3, 2))
    fitted = forecaster().fit(X[:N_ROWS], y + X[:N_ROWS, 0])
    other = series(seed=1)
    expected = forecaster().fit(X[:N_ROWS], y + X[:N_ROWS, 0])
    forecast = fitted.predict(X[N_ROWS:], history=other, history_X=X[:N_ROWS])
    assert forecast.shape == (3,)
    assert np.abs(forecast - expected.predict(X[N_ROWS:])).max() > 1e-3
    with pytest.raises(ValueError, match="requires those of the history: pass history_X"):
        fitted.predict(X[N_ROWS:], history=other)
    with pytest.raises(ValueError, match="but history is None"):
        fitted.predict(X[N_ROWS:], history_X=X[:N_ROWS])


# ---------------------------------------------------------------------- panels


def panel(**values):
    frame = pd.DataFrame({"shop": np.repeat(list(values), [len(of) for of in values.values()])})
    return frame.set_axis(np.concatenate([DAYS[: len(of)] for of in values.values()])), np.concatenate(
        [*values.values()]
    )


@pytest.mark.parametrize("transformer", ["standard", MinMaxScaler()], ids=["standard", "given"])
@pytest.mark.parametrize("per_series", [True, False])
def test_new_and_fitted_series_of_a_panel(per_series, transformer):
    params = {"groups": "shop", "per_series": per_series, "target_transformer": transformer}
    a, b, c = series(), series(seed=1, level=5.0), series(seed=2, n_rows=30, level=3.0)
    fitted = forecaster(**params).fit(*panel(a=a, b=b))
    before = fitted.forecast(4)
    X, y = panel(c=c, a=a[:40])
    both = fitted.forecast(4, history=y, history_X=X)
    assert set(both.index.get_level_values(0)) == {"a", "b", "c"}
    assert_allclose(both["b"], before["b"])
    assert np.abs(both["a"].to_numpy() - before["a"].to_numpy()).max() > 1e-6
    rows = pd.DataFrame({"shop": ["c"] * 4}, index=DAYS[30:34])
    assert_allclose(fitted.predict(rows, history=y, history_X=X), both["c"])
    alone = fitted.forecast(4, history=c, history_X=X[:30])
    assert_allclose(alone["c"], both["c"])
    assert_allclose(fitted.forecast(4), before)
    with pytest.raises(ValueError, match="belongs to series 'd', which SequenceForecaster was not fitted on"):
        fitted.predict(rows.assign(shop="d"), history=y, history_X=X)
    with pytest.raises(ValueError, match="pass history_X"):
        fitted.forecast(4, history=c)


def test_fitted_series_whose_times_are_of_another_kind_than_those_of_the_history():
    fitted = forecaster(groups="shop").fit(*panel(a=series(), b=series(seed=1)))
    history_X, history = panel(c=series(seed=2))
    history_X = history_X.set_axis(range(N_ROWS))
    rows = pd.DataFrame({"shop": ["c", "a"]}, index=[N_ROWS, N_ROWS])
    with pytest.raises(ValueError, match="the fitted series 'a' has times of another kind than the history"):
        fitted.predict(rows, history=history, history_X=history_X)
    with pytest.raises(ValueError, match="belongs to series 'd', which SequenceForecaster was not fitted on"):
        fitted.predict(rows[:1].assign(shop="d"), history=history, history_X=history_X)
    forecast = fitted.forecast(2, history=history, history_X=history_X)
    assert set(forecast.index.get_level_values(0)) == {"c"}
    assert_allclose(fitted.predict(rows[:1], history=history, history_X=history_X), forecast.iloc[:1])


@pytest.mark.parametrize(
    ("params", "history", "message"),
    [
        (
            {"differencing": 12},
            np.arange(12.0),
            r"history has 12 row\(s\), but window=4, differencing=\(12,\).* 13",
        ),
        ({"padding": None}, np.arange(3.0), r"history has 3 row\(s\), but window=4.*padding=None require at least 4"),
        ({}, np.full(9, np.nan), "Row 0 of y contains NaN, but there were no missing values in this column in fit"),
        (
            {},
            np.zeros((9, 2)),
            r"y has shape \(9, 2\), but SequenceForecaster was fitted on 1 series",
        ),
        ({}, "wave", "must be array-like"),
        ({"fits_missing": True}, np.full(9, np.nan), "history contains only NaN"),
    ],
)
def test_invalid_histories(params, history, message):
    with pytest.raises((TypeError, ValueError), match=message):
        y = series()
        y[7] = np.nan if params.pop("fits_missing", False) else y[7]
        forecaster(**params).fit(None, y).forecast(3, history=history)


def test_a_short_history_is_padded():
    fitted = forecaster(target_transformer=None, window_scaling=None).fit(None, series())
    assert_allclose(fitted.forecast(1, history=[2.0, 3.0]), fitted.estimator_.predict([[2.0, 2.0, 2.0, 3.0]]))
