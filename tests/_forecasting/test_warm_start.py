"""A second fit that continues the first one."""

import numpy as np
import pandas as pd
import pytest
from conftest import RAW
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import GRURegressor, SequenceForecaster

WINDOW = 3


def values(n_rows=60, seed=0):
    return np.random.default_rng(seed).normal(size=n_rows)


def windows(y):
    return np.lib.stride_tricks.sliding_window_view(y[:-1], WINDOW)[..., None], y[WINDOW:]


def gru(**params):
    return GRURegressor(4, random_state=0, **{"epochs": 2, "warm_start": True, **params})


def test_the_network_is_trained_further():
    y = values()
    forecaster = SequenceForecaster(gru(), window=WINDOW, warm_start=True, **RAW)
    first = forecaster.fit(None, y).estimator_
    once = first.predict(windows(y)[0])
    forecaster.fit(None, y)
    by_hand = gru().fit(*windows(y))
    assert_array_equal(once, by_hand.predict(windows(y)[0]))
    by_hand.fit(*windows(y))
    assert_array_equal(forecaster.estimator_.predict(windows(y)[0]), by_hand.predict(windows(y)[0]))
    assert forecaster.estimator_.n_iter_ == 4
    assert_array_equal(first.predict(windows(y)[0]), once)  # the estimator of the first fit is not changed
    cold = SequenceForecaster(gru(), window=WINDOW, **RAW).fit(None, y).fit(None, y)
    assert cold.estimator_.n_iter_ == 2


def test_parameters_that_changed_count():
    y = values()
    forecaster = SequenceForecaster(
        GradientBoostingRegressor(n_estimators=3, warm_start=True, random_state=0), window=WINDOW, warm_start=True
    ).fit(None, y)
    kept = forecaster.estimator_.estimators_[:, 0]
    forecaster.set_params(estimator__n_estimators=5).fit(None, y)
    assert len(forecaster.estimator_.estimators_) == 5
    X = np.zeros((1, WINDOW), dtype=np.float32)
    for before, after in zip(kept, forecaster.estimator_.estimators_[:3, 0], strict=True):
        assert_array_equal(before.predict(X), after.predict(X))
    pipeline = make_pipeline(StandardScaler(), GradientBoostingRegressor(n_estimators=2, warm_start=True))
    forecaster = SequenceForecaster(pipeline, window=WINDOW, warm_start=True).fit(None, y)
    forecaster.set_params(estimator__gradientboostingregressor__n_estimators=4).fit(None, y)
    assert len(forecaster.estimator_[-1].estimators_) == 4


def test_shared_transformers_are_kept_and_those_of_series_are_not():
    first, second = 10 + values(), 1000 + 50 * values(seed=1)
    shared = SequenceForecaster(
        gru(), window=WINDOW, warm_start=True, target_transformer=StandardScaler(), per_series=False
    )
    assert shared.fit(None, first).fit(None, second).transformer_.mean_.item() == pytest.approx(first.mean())
    own = SequenceForecaster(gru(), window=WINDOW, warm_start=True, target_transformer=StandardScaler())
    assert own.fit(None, first).fit(None, second).transformer_.mean_.item() == pytest.approx(second.mean())
    x = pd.DataFrame({"price": values(seed=2)})
    covariates = SequenceForecaster(gru(), window=WINDOW, warm_start=True).fit(x, first)
    covariates.fit(1000 * x, first)
    assert covariates._model.known.transformer.scale_.item() == pytest.approx(x["price"].std(ddof=0))


def test_calibrated_estimators_are_continued_too():
    y = values(80)
    forecaster = SequenceForecaster(gru(), window=WINDOW, warm_start=True, calibration_size=20, **RAW)
    forecaster.fit(None, y).fit(None, y)
    by_hand = gru().fit(*windows(y[:60])).fit(*windows(y[:60]))
    errors = y[60:] - by_hand.predict(windows(y)[0][57:])
    assert_allclose(forecaster._calibration.errors[0, :, 0], errors, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("estimator", [Ridge(), gru(warm_start=False), None], ids=["none", "off", "default"])
def test_the_estimator_must_have_it_too(estimator):
    forecaster = SequenceForecaster(estimator, window=WINDOW, warm_start=True)
    with pytest.raises(ValueError, match=r"continues the training of its estimator, whose own warm_start must be True"):
        forecaster.fit(None, values())


@pytest.mark.parametrize(
    "params",
    [
        {"window": 4},
        {"output_steps": 2},
        {"window_scaling": "mean"},
        {"differencing": 1},
        {"target_transformer": None},
        {"target_transformer": StandardScaler()},
        {"per_series": False},
    ],
    ids=str,
)
def test_parameters_that_must_not_change(params):
    forecaster = SequenceForecaster(gru(), window=WINDOW, warm_start=True).fit(None, values())
    before = forecaster.forecast(2)
    with pytest.raises(ValueError, match="a parameter that determines the windows or the transformation of the target"):
        forecaster.set_params(**params).fit(None, values())
    assert_array_equal(forecaster.forecast(2), before)


def test_data_that_must_not_change():
    frame = pd.DataFrame({"price": values(), "kind": pd.Categorical(["a", "b"] * 30)})
    forecaster = SequenceForecaster(gru(), window=WINDOW, warm_start=True).fit(frame, values())
    other = frame.assign(kind=pd.Categorical(["a", "c"] * 30))
    for changed, y in (
        (frame[["price"]], values()),
        (other, values()),
        (frame, np.column_stack([values(), values()])),
    ):
        with pytest.raises(ValueError, match="the columns of X, their categories or the number of columns of y differ"):
            forecaster.fit(changed, y)
    gap = values()
    gap[5] = np.nan
    with pytest.raises(ValueError, match="there were no missing values in this column in fit"):
        forecaster.fit(frame, gap)
    assert forecaster.fit(frame, values()).estimator_.n_iter_ == 4
