"""Panels with every combination of transformations, against a loop in plain numpy over one window at a time."""

import numpy as np
import pandas as pd
import pytest
from conftest import make
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge
from test_levels import differenced, scaled_window

from skrnn import SequenceForecaster

WINDOW, N_STEPS = 4, 7
LENGTHS = {"north": 40, "south": 33, "west": 51}
LEVELS = {"north": 10.0, "south": 2000.0, "west": -3.0}
DAYS = pd.date_range("2024-01-01", periods=80)


def walks(n_more=0):
    """A random walk for each series, at its own level and scale."""
    random = np.random.default_rng(0)
    scales = dict(zip(LENGTHS, (1.0, 50.0, 0.1), strict=True))
    walks = {name: LEVELS[name] + scales[name] * random.normal(size=60).cumsum() for name in LENGTHS}
    return {name: walk[: LENGTHS[name] + n_more] for name, walk in walks.items()}


def as_rows(parts, first=None):
    """Values of several series, with their names and times in the index, in the order of time."""
    frames = []
    for name, values in parts.items():
        start = 0 if first is None else first[name]
        index = pd.MultiIndex.from_product([[name], DAYS[start : start + len(values)]], names=["shop", "day"])
        frames.append(pd.Series(values, index))
    return pd.concat(frames).sort_index(level="day", sort_remaining=False, kind="stable")


class Reference:
    """The forecaster of a panel: what it learns of each series, and one window at a time."""

    def __init__(self, parts, lags, scaling, per_series, output_steps, is_3d=False):
        self.lags, self.scaling, self.output_steps, self.is_3d = lags, scaling, output_steps, is_3d
        values = {name: differenced(y[:, None], lags)[1] for name, y in parts.items()}
        pooled = np.concatenate(list(values.values()))
        of = {name: values[name] if per_series else pooled for name in parts}
        self.center = {name: of[name].mean(axis=0) for name in parts}
        self.scale = {name: of[name].std(axis=0) for name in parts}
        self.spread = {name: values[name].std(axis=0) / self.scale[name] for name in parts}

    def window(self, name, steps):
        """The window that ends with the last of some steps, and its center and scale."""
        window = np.array(steps[-WINDOW:])
        center, scale = scaled_window(window, self.scaling, self.spread[name])
        scaled = (window - center) / scale
        return scaled if self.is_3d else scaled.ravel(), center, scale

    def pairs(self, parts):
        windows, targets = [], []
        for name, y in parts.items():
            steps = (differenced(y[:, None], self.lags)[1] - self.center[name]) / self.scale[name]
            for now in range(WINDOW, len(steps) - self.output_steps + 1):
                window, center, scale = self.window(name, steps[:now])
                windows.append(window)
                targets.append(((steps[now : now + self.output_steps] - center) / scale).ravel())
        targets = np.array(targets)
        return np.array(windows), targets[:, 0] if self.output_steps == 1 else targets

    def forecast(self, estimator, name, y, n_steps):
        """The steps after the values `y` of a series."""
        levels, values = differenced(y[:, None], self.lags)
        steps = list((values - self.center[name]) / self.scale[name])
        while len(steps) < len(values) + n_steps:
            window, center, scale = self.window(name, steps)
            predicted = np.reshape(estimator.predict(window[None]), (self.output_steps, 1))
            steps += list(predicted * scale + center)
        path = np.array(steps[len(values) :][:n_steps]) * self.scale[name] + self.center[name]
        for lag, level in zip(reversed(self.lags), reversed(levels), strict=True):
            known = list(level)
            for step in path:
                known.append(step + known[-lag])
            path = np.array(known[len(level) :])
        return path[:, 0]


def check(fitted, reference, parts, rtol):
    """Compare the forecasts of all series, and predictions of known rows, with those of the reference."""
    estimator, forecast = fitted.estimator_, fitted.forecast(N_STEPS)
    first = sum(reference.lags) + WINDOW
    for name, y in parts.items():
        assert_allclose(forecast[name], reference.forecast(estimator, name, y, N_STEPS), rtol=rtol)
        rows = [first, first + 5, len(y) - 1]
        asked = pd.DataFrame(index=pd.MultiIndex.from_product([[name], DAYS[rows]], names=["shop", "day"]))
        # A known row is the first step of a block, from the true values before it.
        expected = [reference.forecast(estimator, name, y[:row], 1)[0] for row in rows]
        assert_allclose(fitted.predict(asked), expected, rtol=rtol)


@pytest.mark.parametrize("output_steps", [1, 3])
@pytest.mark.parametrize("per_series", [True, False])
@pytest.mark.parametrize("scaling", [None, "last", "mean", "standard"])
@pytest.mark.parametrize("lags", [(), (1,), (1, 7)], ids=str)
def test_forecasts_known_rows_and_updates(lags, scaling, per_series, output_steps):
    parts = walks()
    params = {"differencing": lags or None, "window_scaling": scaling, "per_series": per_series}
    model = SequenceForecaster(Ridge(), window=WINDOW, groups="shop", output_steps=output_steps, **params)
    fitted = model.fit(None, as_rows(parts))
    reference = Reference(parts, lags, scaling, per_series, output_steps)
    assert_allclose(fitted.estimator_.coef_, Ridge().fit(*reference.pairs(parts)).coef_, rtol=1e-6, atol=1e-9)
    check(fitted, reference, parts, rtol=1e-7)
    # New rows of two series are continued with the scales that were fitted.
    longer = walks(n_more=6) | {"south": parts["south"]}
    new = {name: longer[name][len(parts[name]) :] for name in ("north", "west")}
    fitted.update(None, as_rows(new, first=LENGTHS))
    check(fitted, reference, longer, rtol=1e-7)


@pytest.mark.parametrize(
    ("lags", "scaling", "per_series", "output_steps"),
    [((), "last", True, 1), ((1,), "standard", False, 2), ((7,), None, True, 1), ((), "mean", False, 3)],
    ids=str,
)
def test_networks(lags, scaling, per_series, output_steps):
    parts = walks()
    params = {"differencing": lags or None, "window_scaling": scaling, "per_series": per_series}
    network = make("GRURegressor")
    model = SequenceForecaster(network, window=WINDOW, groups="shop", output_steps=output_steps, **params)
    fitted = model.fit(None, as_rows(parts))
    reference = Reference(parts, lags, scaling, per_series, output_steps, is_3d=True)
    windows, targets = reference.pairs(parts)
    expected = make("GRURegressor").fit(windows, targets)
    assert_allclose(fitted.estimator_.predict(windows), expected.predict(windows), atol=1e-4)
    check(fitted, reference, parts, rtol=2e-3)


def test_series_keep_their_scale_in_the_other_order():
    """The scale of a series does not depend on the order in which series are passed."""
    parts = walks()
    model = SequenceForecaster(Ridge(), window=WINDOW, groups="shop", differencing=1, window_scaling=None)
    forecast = model.fit(None, as_rows(parts)).forecast(3)
    again = model.fit(None, as_rows(dict(reversed(parts.items())))).forecast(3)
    for name in parts:
        assert_allclose(again[name], forecast[name], rtol=1e-6)


# ---------------------------------------------------------------------- histories


@pytest.mark.parametrize("scaling", [None, "last", "standard"])
@pytest.mark.parametrize("lags", [(), (1, 7)], ids=str)
@pytest.mark.parametrize("per_series", [True, False])
def test_a_history_of_a_new_series(per_series, lags, scaling):
    """Its scale is its own with `per_series`, and that of all fitted series without."""
    parts = walks()
    params = {"differencing": lags or None, "window_scaling": scaling, "per_series": per_series}
    fitted = SequenceForecaster(Ridge(), window=WINDOW, groups="shop", **params).fit(None, as_rows(parts))
    new = 500 + 8 * np.random.default_rng(3).normal(size=30).cumsum()
    reference = Reference(parts, lags, scaling, per_series, 1)
    own = Reference({"east": new}, lags, scaling, True, 1)
    for learned in (reference.center, reference.scale):
        learned["east"] = learned["north"]  # the same for all series without per_series
    if per_series:
        reference.center["east"], reference.scale["east"] = own.center["east"], own.scale["east"]
    reference.spread["east"] = own.scale["east"] / reference.scale["east"]
    forecast = fitted.forecast(N_STEPS, history=as_rows({"east": new}))
    assert_allclose(forecast["east"], reference.forecast(fitted.estimator_, "east", new, N_STEPS), rtol=1e-7)
    assert_allclose(forecast["west"], fitted.forecast(N_STEPS)["west"])


@pytest.mark.parametrize("lags", [(), (1,)], ids=str)
def test_a_history_with_covariates(lags):
    """Covariates are standardized as in fit; those of the history are in windows of sequences only."""
    random = np.random.default_rng(0)
    X, new_X = 3 + random.normal(size=(40, 2)), 7 + random.normal(size=(35, 2))
    y, new = random.normal(size=40).cumsum() + X[:, 0], 100 + random.normal(size=30).cumsum()
    model = SequenceForecaster(Ridge(), window=WINDOW, window_scaling="last", differencing=lags or None)
    fitted = model.fit(X, y)
    scaled = (new_X - X.mean(axis=0)) / X.std(axis=0)
    values = differenced(new[:, None], lags)[1]
    center, scale = values.mean(), values.std()
    steps = list((values[:, 0] - center) / scale)
    for row in scaled[30:]:
        window = np.array(steps[-WINDOW:])
        steps.append(fitted.estimator_.predict([[*(window - window[-1]), *row]])[0] + window[-1])
    path = np.array(steps[len(values) :]) * scale + center
    expected = new[-1] + np.cumsum(path) if lags else path
    assert_allclose(fitted.predict(new_X[30:], history=new, history_X=new_X[:30]), expected)
    network = SequenceForecaster(make("GRURegressor"), window=WINDOW, window_scaling=None, target_transformer=None)
    network.fit(X, y)
    window = np.column_stack([new[-WINDOW:], scaled[31 - WINDOW : 31]])
    first = network.predict(new_X[30:31], history=new, history_X=new_X[:30])
    assert_allclose(first, network.estimator_.predict(window[None]), rtol=1e-5)
