"""Missing values beside differences: what a predicted difference is added to, against a loop over single rows."""

import numpy as np
import pandas as pd
import pytest
from conftest import RAW
from numpy.testing import assert_allclose
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from skrnn import SequenceForecaster, backtest

WINDOW, N_ROWS = 3, 40
PLAIN = {name: value for name, value in RAW.items() if name != "padding"}
DAYS = pd.DataFrame(index=pd.date_range("2024-01-01", periods=N_ROWS))


def series(missing, seed=0, n_rows=N_ROWS):
    y = 20 + np.random.default_rng(seed).normal(size=n_rows).cumsum()
    y[list(missing)] = np.nan
    return y


def level(y, row, lag):
    """What the difference of a row is added to: the last value at a multiple of the lag before, or a mean."""
    for before in range(row - lag, -1, -lag):
        if not np.isnan(y[before]):
            return y[before]
    known = y[row - lag : row]
    return np.nan if np.isnan(known).all() else np.nanmean(known)


def forecaster(lag, **params):
    """A forecaster that predicts the difference 0.5, in the units of `y`."""
    constant = DummyRegressor(strategy="constant", constant=0.5)
    return SequenceForecaster(constant, **{"window": WINDOW, "differencing": lag, **PLAIN, **params})


@pytest.mark.parametrize(
    ("lag", "missing"),
    [(1, (0,)), (1, (0, 1, 2)), (1, (0, 9, 10)), (7, (0, 2)), (7, (1, 2, 8, 9)), (7, range(7)), (7, (5, 12, 19))],
    ids=str,
)
def test_rows_after_missing_values_are_predicted(lag, missing):
    y = series(missing)
    # The row after the first one with a difference has one difference before it, and no estimator is asked before.
    differences = y[lag:] - y[:-lag]
    fitted = forecaster(lag).fit(DAYS, y)
    expected = np.full(N_ROWS, np.nanmean(y))
    for row in range(lag, N_ROWS):
        step = np.nanmean(differences) if row == lag else 0.5
        before = level(y, row, lag)
        expected[row] = np.nanmean(y) if np.isnan(before) else before + step
    assert_allclose(fitted.predict(DAYS), expected)
    is_known = ~np.isnan(y)
    assert fitted.score(DAYS, y) == pytest.approx(r2_score(y[is_known], expected[is_known]))


def test_no_prediction_depends_on_later_values():
    y = series((0, 1, 2, 9))
    fitted = forecaster(7).fit(DAYS, y)
    predicted = fitted.predict(DAYS)
    for row in (8, 9, 10, 20):
        changed = y.copy()
        changed[row:] += 100
        again = forecaster(7).fit(DAYS, changed)
        assert_allclose(again.predict(DAYS)[8 : row + 1], predicted[8 : row + 1])


@pytest.mark.parametrize("missing", [(4,), (4, 5, 6)], ids=str)
def test_forecasts_from_a_place_in_the_season_without_a_value(missing):
    """Of 10 rows, the last 7 are the season that is continued; its places 4, 5 and 6 have one row each."""
    y = series(missing, n_rows=10)
    season = np.where(np.isnan(y[3:]), np.nanmean(y[3:]), y[3:])
    expected = np.concatenate([season + 0.5, season + 1.0])
    assert_allclose(forecaster(7).fit(None, y).forecast(14), expected)


def test_several_lags_and_outputs():
    y = np.column_stack([series((0, 4)), series((), seed=1)])
    fitted = SequenceForecaster(Ridge(), window=WINDOW, differencing=(1, 7), **PLAIN).fit(DAYS, y)
    assert np.isfinite(fitted.predict(DAYS)).all()
    assert np.isfinite(fitted.forecast(20)).all()
    # Rows without differences of differences are predicted by the mean of each column.
    assert_allclose(fitted.predict(DAYS[:8]), np.tile(np.nanmean(y, axis=0), (8, 1)))


def test_series_of_a_panel_fill_their_own_values():
    y, other = series((0, 1, 10)), series((0,), seed=1) + 1000
    shops = pd.DataFrame({"shop": np.repeat(["a", "b"], N_ROWS)}, index=[*DAYS.index, *DAYS.index])
    fitted = forecaster(7, groups="shop").fit(shops, np.concatenate([y, other]))
    alone = forecaster(7).fit(DAYS, y).predict(DAYS)
    # The difference of the first row that has one is the mean of the series.
    assert_allclose(fitted.predict(shops)[:N_ROWS], alone)
    assert (fitted.predict(shops)[N_ROWS:] > 900).all()


def test_a_backtest_of_differences_with_missing_values():
    frame = backtest(forecaster(1), None, series((0, 5, 30)), initial_window=20, steps=3)
    assert np.isfinite(frame["y_pred"]).all()
