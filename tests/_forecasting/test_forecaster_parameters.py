"""Parameters that contradict each other, or are of a type that Python would accept."""

import numpy as np
import pandas as pd
import pytest
from conftest import RAW, make
from numpy.testing import assert_allclose
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from test_covariates import Recorder

from skrnn import SequenceForecaster, SequenceScaler

N_ROWS = 40
DAYS = pd.date_range("2024-01-01", periods=N_ROWS)


def series():
    return np.random.default_rng(0).normal(size=N_ROWS).cumsum()


def forecaster(estimator=None, **params):
    return SequenceForecaster(estimator or Ridge(), **{"window": 4, **params})


@pytest.mark.parametrize("parameter", ["window", "output_steps", "differencing", "calibration_size"])
def test_a_boolean_is_no_int(parameter):
    message = f"The '{parameter}' parameter of SequenceForecaster must be an int of at least 1. Got True instead"
    with pytest.raises(ValueError, match=message):
        forecaster(**{parameter: True}).fit(None, series())


@pytest.mark.parametrize("parameter", ["lags", "differencing"])
@pytest.mark.parametrize("given", [[True, 2], [1.0], [], [-1], "12", [[1, 2]]], ids=str)
def test_lags_are_positive_ints(parameter, given):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of SequenceForecaster must "):
        forecaster(**{parameter: given}).fit(None, series())


def test_each_lag_is_given_once():
    with pytest.raises(ValueError, match=r"must contain each lag once. Got \[1, 1, 2\] instead"):
        forecaster(lags=[1, 1, 2]).fit(None, series())
    # Differences of differences are not a mistake.
    y = np.arange(N_ROWS) ** 2.0
    assert_allclose(forecaster(differencing=(1, 1), **RAW).fit(None, y).forecast(2), [1600, 1681])


@pytest.mark.parametrize("given", [[5, 1, 2], (2, 5, 1), np.array([1, 2, 5])], ids=str)
def test_lags_may_be_in_any_order(given):
    y = series()
    fitted = forecaster(lags=given).fit(None, y)
    assert_allclose(fitted.forecast(4), forecaster(lags=[1, 2, 5]).fit(None, y).forecast(4))


def test_a_boolean_is_no_number_of_steps():
    with pytest.raises(ValueError, match=r"steps must be an int of at least 1\. Got True instead"):
        forecaster().fit(None, series()).forecast(True)


# ---------------------------------------------------------------------- categories of the estimator


def data():
    X = pd.DataFrame({"code": np.arange(N_ROWS) % 3, "price": series()}, DAYS)
    return X, 2.0 * X["code"] + np.sin(np.arange(N_ROWS))


@pytest.mark.parametrize(
    "estimator",
    [
        make("GRURegressor", categorical_features=[1]),
        make("GRURegressor", categorical_features=["code"]),
        make_pipeline(SequenceScaler(categorical_features=[1]), make("GRURegressor", categorical_features=[1])),
        HistGradientBoostingRegressor(categorical_features=["code"]),
    ],
    ids=["positions", "labels", "pipeline", "trees"],
)
def test_categories_are_those_of_the_forecaster(estimator):
    with pytest.raises(ValueError, match=r"Set categorical_features on SequenceForecaster instead, as columns of X"):
        forecaster(estimator).fit(*data())


def test_categories_of_both():
    estimator = HistGradientBoostingRegressor(categorical_features=[4])
    X, y = data()
    with pytest.raises(ValueError, match=r"The estimator was passed categorical_features=\[4\]\. Set"):
        forecaster(estimator, categorical_features=["code"]).fit(X, y)
    # Without categories of the forecaster, positions in the flat rows are as before.
    fitted = forecaster(estimator, covariate_transformer=None).fit(X, y)
    assert fitted.estimator_.is_categorical_.tolist() == [False] * 4 + [True, False]


def test_other_errors_of_an_estimator_with_categories_are_its_own():
    class Failing(Recorder):
        message = "The device is busy."

        def fit(self, X, y, sample_weight=None):
            raise ValueError(self.message)

    with pytest.raises(ValueError, match=r"^The device is busy\.$"):
        forecaster(Failing(categorical_features=[4], three_d=False)).fit(*data())
    # Positions that the forecaster has set are not those of the user.
    Failing.message = "Too many categorical features."
    with pytest.raises(ValueError, match=r"^Too many categorical features\.$"):
        forecaster(Failing(three_d=False), categorical_features=["code"]).fit(*data())
