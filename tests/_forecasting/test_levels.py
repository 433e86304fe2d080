"""Transformations of the target and of each window, against a loop in plain numpy that predicts step by step."""

import pickle

import numpy as np
import pandas as pd
import pytest
from conftest import RAW, make
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, PoissonRegressor, Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler

from skrnn import SequenceForecaster, backtest

WINDOW, N_ROWS, N_STEPS = 5, 70, 7
LOG = FunctionTransformer(np.log, np.exp)
SCALINGS = [None, "last", "mean", "standard"]


def series(n_outputs=None, seed=0, level=50.0):
    random = np.random.default_rng(seed)
    shape = N_ROWS if n_outputs is None else (N_ROWS, n_outputs)
    return level + np.cumsum(random.normal(size=shape), axis=0) + 0.3 * random.normal(size=shape)


def forecaster(estimator=None, **params):
    return SequenceForecaster(estimator or Ridge(), **{"window": WINDOW, **params})


# ---------------------------------------------------------------------- the reference


def differenced(values, lags):
    """The values before each difference, and the differences, without the rows that have none."""
    levels = []
    for lag in lags:
        levels.append(values)
        values = values[lag:] - values[:-lag]
    return levels, values


def scaled_window(window, kind, spread):
    """Center and scale of one window, (window, n_outputs)."""
    zero, one = np.zeros(window.shape[1]), np.ones(window.shape[1])
    if kind is None:
        return zero, one
    if kind == "last":
        return window[-1], one
    if kind == "mean":
        return window.mean(axis=0), one
    return window.mean(axis=0), np.sqrt(window.var(axis=0) + (0.1 * spread) ** 2)


class Reference:
    """The same forecaster for one series, one window at a time."""

    def __init__(self, y, lags, transformer, scaling, output_steps):
        self.lags, self.scaling, self.output_steps, self.transformer = lags, scaling, output_steps, transformer
        y = y.reshape(len(y), -1)
        self.n_outputs = y.shape[1]
        self.log = transformer is LOG
        values = np.log(y) if self.log else y
        self.levels, values = differenced(values, lags)
        self.center, self.scale = np.zeros(self.n_outputs), np.ones(self.n_outputs)
        if transformer == "standard":
            self.center, self.scale = values.mean(axis=0), values.std(axis=0)
        self.values = (values - self.center) / self.scale
        self.spread = self.values.std(axis=0)
        windows, targets = [], []
        for now in range(WINDOW, len(self.values) - output_steps + 1):
            center, scale = scaled_window(self.values[now - WINDOW : now], scaling, self.spread)
            windows.append(((self.values[now - WINDOW : now] - center) / scale).ravel())
            targets.append(((self.values[now : now + output_steps] - center) / scale).ravel())
        targets = np.array(targets)
        self.ridge = Ridge().fit(windows, targets[:, 0] if targets.shape[1] == 1 else targets)

    def forecast(self, n_steps):
        timeline = list(self.values)
        while len(timeline) < len(self.values) + n_steps:
            window = np.array(timeline[-WINDOW:])
            center, scale = scaled_window(window, self.scaling, self.spread)
            steps = self.ridge.predict(((window - center) / scale).reshape(1, -1)).reshape(-1, self.n_outputs)
            timeline += list(steps * scale + center)
        path = np.array(timeline[len(self.values) : len(self.values) + n_steps]) * self.scale + self.center
        for lag, level in zip(reversed(self.lags), reversed(self.levels), strict=True):
            known = list(level)
            for step in path:
                known.append(step + known[-lag])
            path = np.array(known[len(level) :])
        return np.exp(path) if self.log else path


# ---------------------------------------------------------------------- one series


@pytest.mark.parametrize("output_steps", [1, 3])
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("transformer", [None, "standard", LOG], ids=["none", "standard", "log"])
@pytest.mark.parametrize("lags", [(), (1,), (1, 12)], ids=str)
@pytest.mark.parametrize("n_outputs", [None, 2])
def test_forecasts(lags, transformer, scaling, output_steps, n_outputs):
    y = series(n_outputs)
    params = {"differencing": lags or None, "target_transformer": transformer, "window_scaling": scaling}
    fitted = forecaster(**params, output_steps=output_steps).fit(None, y)
    reference = Reference(y, lags, transformer, scaling, output_steps)
    expected = reference.forecast(N_STEPS)
    assert_allclose(fitted.forecast(N_STEPS), expected if n_outputs else expected[:, 0], rtol=1e-8)
    # Known rows are predicted one step ahead, as the first step of a forecast from the row before.
    if output_steps == 1:
        days = pd.DataFrame(index=pd.date_range("2024", periods=N_ROWS))
        known = forecaster(**params).fit(days, y).predict(days)
        for row in (WINDOW + sum(lags) + 3, N_ROWS - 1):
            before = forecaster(**params).fit(None, y[:row])
            before._model = fitted._model
            assert_allclose(before.forecast(1)[0], known[row], rtol=1e-8)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("lags", [None, 1, (1, 12)], ids=str)
def test_updates_continue_the_differences(lags, scaling):
    y = series()
    fitted = forecaster(differencing=lags, window_scaling=scaling).fit(None, y[:60])
    expected = fitted._model
    longer = forecaster(differencing=lags, window_scaling=scaling).fit(None, y)
    longer._model = expected
    assert_allclose(fitted.update(None, y[60:]).forecast(N_STEPS), longer.forecast(N_STEPS))


@pytest.mark.parametrize("scaling", ["last", "mean", "standard"])
def test_forecasts_do_not_depend_on_the_level_of_the_series(scaling):
    y = series()
    params = {"window_scaling": scaling, "target_transformer": None}
    forecast = forecaster(**params).fit(None, y).forecast(N_STEPS)
    assert_allclose(forecaster(**params).fit(None, y + 1e6).forecast(N_STEPS), forecast + 1e6, rtol=1e-9)


@pytest.mark.parametrize("scaling", ["last", "mean", "standard"])
@pytest.mark.parametrize("output_steps", [1, 3])
def test_networks_see_the_same_windows_as_arrays(scaling, output_steps):
    """The windows that a network reads without a copy are those that other estimators are passed."""
    y = series(level=1e6)
    fitted = forecaster(make("GRURegressor"), window_scaling=scaling, output_steps=output_steps).fit(None, y)
    values = (y - y.mean()) / y.std()
    windows, targets = [], []
    for now in range(WINDOW, N_ROWS - output_steps + 1):
        window = values[now - WINDOW : now, None]
        center, scale = scaled_window(window, scaling, 1.0)
        windows.append((window - center) / scale)
        targets.append((values[now : now + output_steps] - center) / scale)
    targets = np.array(targets)
    network = make("GRURegressor").fit(np.array(windows), targets if output_steps > 1 else targets[:, 0])
    assert_allclose(fitted.estimator_.predict(np.array(windows)), network.predict(np.array(windows)), atol=1e-4)
    window = values[-WINDOW:, None]
    center, scale = scaled_window(window, scaling, 1.0)
    first = network.predict(((window - center) / scale)[None]).ravel() * scale + center
    assert_allclose(fitted.forecast(output_steps), first * y.std() + y.mean(), atol=1e-3)


def test_almost_constant_windows_do_not_dominate():
    y = np.concatenate([np.full(60, 5.0) + 1e-9 * np.arange(60), series(level=5.0)])
    fitted = forecaster(window_scaling="standard", output_steps=2).fit(None, y)
    assert np.abs(fitted.forecast(4) - y[-1]).max() < 10


def test_a_constant_series_is_continued():
    for scaling in SCALINGS:
        fitted = forecaster(window_scaling=scaling).fit(None, np.full(30, 7.0))
        assert_allclose(fitted.forecast(3), 7.0)


def test_a_transformer_is_fitted_before_differences_are_taken():
    y = np.exp(0.1 * np.arange(40.0))
    fitted = forecaster(target_transformer=LOG, differencing=1, window_scaling=None).fit(None, y)
    assert_allclose(fitted.forecast(3), np.exp(0.1 * np.arange(40, 43)))
    assert fitted.transformer_ is not LOG
    assert forecaster().fit(None, y).transformer_ is None


def test_nothing_is_changed_without_transformations():
    y = series()
    windows = np.lib.stride_tricks.sliding_window_view(y[:-1], WINDOW)
    fitted = forecaster(LinearRegression(), **RAW).fit(None, y)
    assert_array_equal(fitted.estimator_.coef_, LinearRegression().fit(windows, y[WINDOW:]).coef_)


# ---------------------------------------------------------------------- panels


def panel(levels):
    values = {f"s{i}": series(seed=i, level=level) * level for i, level in enumerate(levels)}
    frame = pd.DataFrame({"name": np.repeat(list(values), N_ROWS)})
    return frame, np.concatenate(list(values.values())), values


@pytest.mark.parametrize("lags", [None, 1])
@pytest.mark.parametrize("scaling", [None, "last", "standard"])
def test_each_series_has_its_own_scale(scaling, lags):
    X, y, values = panel([1.0, 1e3, 1e-3])
    fitted = forecaster(groups="name", window_scaling=scaling, differencing=lags).fit(X, y)
    # Series that differ in their unit only have forecasts that differ in the unit only.
    _, _, again = panel([1.0, 1.0, 1.0])
    other_units = np.concatenate([again["s0"], 3e5 * again["s0"] + 17])
    two = forecaster(groups="name", window_scaling=scaling, differencing=lags)
    two.fit(X[: 2 * N_ROWS], other_units)
    forecast = two.forecast(N_STEPS)
    assert_allclose(forecast["s1"], 3e5 * forecast["s0"] + 17, rtol=1e-6)
    assert fitted.transformer_ is None
    for name, of_series in values.items():
        assert np.abs(fitted.forecast(2)[name] - of_series[-1]).max() < 8 * np.std(np.diff(of_series))


def test_a_shared_transformer_or_one_per_series():
    X, y, values = panel([1.0, 10.0])
    shared = forecaster(groups="name", target_transformer=MinMaxScaler(), per_series=False).fit(X, y)
    own = forecaster(groups="name", target_transformer=MinMaxScaler()).fit(X, y)
    assert shared.transformer_.data_max_ == [y.max()]
    assert [t.data_max_[0] for t in own.transformer_] == [of_series.max() for of_series in values.values()]


# ---------------------------------------------------------------------- scikit-learn


def test_every_parameter_can_be_searched_over():
    y = series()
    grid = {"window_scaling": SCALINGS, "differencing": [None, 1, (1, 12)], "target_transformer": [None, "standard"]}
    search = GridSearchCV(forecaster(), grid, cv=TimeSeriesSplit(2, test_size=6))
    search.fit(pd.DataFrame(index=pd.date_range("2024", periods=N_ROWS)), y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_
    assert_array_equal(pickle.loads(pickle.dumps(best)).forecast(3), best.forecast(3))
    assert clone(best).get_params().keys() == best.get_params().keys()
    assert "window_scaling" in best._repr_html_()


def test_a_backtest_of_differences():
    y = series()
    frame = backtest(forecaster(differencing=1), None, y, initial_window=50, steps=3, step_length=8)
    for origin in frame["origin"].unique():
        fitted = forecaster(differencing=1).fit(None, y[:50])
        if origin >= 50:
            fitted.update(None, y[50 : origin + 1])
        assert_allclose(frame.loc[frame["origin"] == origin, "y_pred"], fitted.forecast(3))


@pytest.mark.slow
@pytest.mark.parametrize("params", [{"differencing": 1, "window_scaling": None}, {"window_scaling": "last"}], ids=str)
def test_intervals_of_a_trend_cover_it(params):
    random, covered = np.random.default_rng(0), []
    for _ in range(10):
        y = np.cumsum(0.5 + random.normal(size=900))
        fitted = forecaster(calibration_size=300, **params)
        frame = backtest(fitted, None, y, initial_window=500, steps=6, step_length=7, coverage=0.9)
        covered.append((frame["lower"] <= frame["y_true"]) & (frame["y_true"] <= frame["upper"]))
    assert 0.86 < np.mean(covered) < 0.94


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"window_scaling": "median"}, "The 'window_scaling' parameter of SequenceForecaster must be"),
        ({"target_transformer": "robust"}, "The 'target_transformer' parameter of SequenceForecaster must be"),
        ({"covariate_transformer": Ridge()}, "The 'covariate_transformer' parameter of SequenceForecaster must be"),
        ({"per_series": "yes"}, "The 'per_series' parameter of SequenceForecaster must be"),
        ({"differencing": 0}, "The 'differencing' parameter of SequenceForecaster must be"),
        (
            {"differencing": (1, 0)},
            "The 'differencing' parameter of SequenceForecaster must contain ints of at least 1",
        ),
        ({"differencing": ()}, "The 'differencing' parameter of SequenceForecaster must contain ints of at least 1"),
        ({"differencing": (1, 80)}, r"y has 70 sample\(s\), but output_steps=1 and differencing=\(1, 80\) require at"),
        ({"padding": "edge"}, "The 'padding' parameter of SequenceForecaster must be"),
    ],
)
def test_invalid_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        forecaster(**params).fit(None, series())


def test_an_estimator_that_rejects_negative_targets_says_what_to_do():
    y = np.random.default_rng(0).poisson(5, size=60)
    with pytest.raises(ValueError, match="pass target_transformer=None and window_scaling=None"):
        forecaster(PoissonRegressor()).fit(None, y)
    forecast = forecaster(PoissonRegressor(), target_transformer=None, window_scaling=None).fit(None, y).forecast(3)
    assert (forecast > 0).all()
