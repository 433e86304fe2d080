"""Intervals of networks that predict distributions: as they are, and conformalized (Romano et al., 2019)."""

import numpy as np
import pandas as pd
import pytest
from conftest import RAW
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skrnn import GRURegressor, SequenceForecaster, SequenceScaler

WINDOW, N_ROWS, N_HELD_OUT = 3, 90, 30
LEVELS = (0.1, 0.5, 0.9)
DAYS = pd.date_range("2024", periods=100)


def network(epochs=3, **params):
    params = {"loss": "quantile", "quantile": LEVELS} | params
    return GRURegressor(4, epochs=epochs, optimizer__learning_rate=0.02, random_state=0, **params)


def noise(n_rows=N_ROWS, seed=0):
    return np.random.default_rng(seed).normal(size=n_rows)


def steps(n):
    return np.empty((n, 0))


def quantiles_by_hand(fitted, values, n_steps, output_steps=1):
    """Quantiles of the steps after some values, (n_steps, n_levels), each from the medians before it."""
    values, found = list(values[-WINDOW:]), []
    while len(found) < n_steps:
        quantiles = fitted.predict_quantiles(np.array(values[-WINDOW:])[None, :, None])
        quantiles = quantiles.reshape(len(LEVELS), output_steps).T
        found.extend(quantiles)
        values.extend(quantiles[:, 1])
    return np.array(found[:n_steps])


@pytest.mark.parametrize("output_steps", [1, 2])
@pytest.mark.parametrize("coverage", [0.5, 0.8])
def test_quantiles_are_conformalized_by_hand(output_steps, coverage):
    y = noise()
    params = {"window": WINDOW, "output_steps": output_steps, **RAW}
    fitted = SequenceForecaster(network(30), calibration_size=N_HELD_OUT, **params).fit(None, y)
    calibrated = SequenceForecaster(network(30), **params).fit(None, y[:-N_HELD_OUT]).estimator_
    scores = [[] for _ in range(4)]
    for origin in range(N_ROWS - N_HELD_OUT, N_ROWS):
        quantiles = quantiles_by_hand(calibrated, y[:origin], 4, output_steps)
        for ahead in range(min(4, N_ROWS - origin)):
            true_value = y[origin + ahead]
            scores[ahead].append(max(quantiles[ahead, 0] - true_value, true_value - quantiles[ahead, 2]))
    widening = [sorted(of)[int(np.ceil((len(of) + 1) * coverage - 1e-9)) - 1] for of in scores]
    quantiles = quantiles_by_hand(fitted.estimator_, y, 4, output_steps)
    expected = np.column_stack([quantiles[:, 0] - widening, quantiles[:, 2] + widening])
    assert (np.sign(widening) == (-1 if coverage == 0.5 else 1)).any()  # narrowed for a coverage below that of the pair
    assert_allclose(fitted.predict_interval(steps(4), coverage), expected, rtol=1e-5, atol=1e-6)
    assert (expected[:, 0] < quantiles[:, 1]).all() and (quantiles[:, 1] < expected[:, 1]).all()


def test_an_interval_is_not_narrowed_beyond_its_middle():
    fitted = SequenceForecaster(network(), window=WINDOW, calibration_size=N_HELD_OUT).fit(None, noise())
    bounds = fitted.predict_interval(steps(3), 0.01)
    assert (bounds[:, 0] <= bounds[:, 1]).all()


def test_quantiles_without_calibration():
    y = np.cumsum(noise(300))
    fitted = SequenceForecaster(network(10), window=WINDOW, output_steps=2).fit(None, y)
    bounds = fitted.predict_interval(steps(12), 0.8)
    window = ((y[-WINDOW:] - y[-1]) / y.std())[None, :, None]
    pair = fitted.estimator_.predict_quantiles(window)[0, [0, 2]].T * y.std() + y[-1]
    assert_allclose(bounds[:2], pair, rtol=1e-5)
    # Later steps have quantiles of sample paths, which spread with the number of steps.
    paths = fitted.sample(steps(12), n_samples=2000, random_state=1)
    widths = np.diff(np.quantile(paths, [0.1, 0.9], axis=0), axis=0)[0]
    assert_allclose(np.diff(bounds)[2:, 0], widths[2:], rtol=0.25)
    assert np.diff(bounds)[11] > 1.5 * np.diff(bounds)[1]
    assert_array_equal(fitted.predict_interval(steps(12), 0.8), bounds)


def test_levels_without_calibration_are_those_of_the_coverage():
    fitted = SequenceForecaster(network(), window=WINDOW).fit(None, noise())
    message = (
        r"^The estimator predicts quantiles of levels 0.1 to 0.9, but coverage=0.9 requires 0.05 to 0.95\. .* set cal"
    )
    with pytest.raises(ValueError, match=message):
        fitted.predict_interval(steps(2), 0.9)
    single = SequenceForecaster(network(quantile=0.5), window=WINDOW).fit(None, noise())
    with pytest.raises(ValueError, match=r"^predict_interval requires errors on rows that were held out, or a network"):
        single.predict_interval(steps(2), 0.8)


@pytest.mark.parametrize("coverage", [0.5, 0.95])
def test_a_normal_distribution_has_intervals_of_any_coverage(coverage):
    y = 5 + 2 * noise()
    fitted = SequenceForecaster(network(loss="gaussian"), window=WINDOW).fit(None, y)
    window = ((y[-WINDOW:] - y[-1]) / y.std())[None, :, None]
    mean, std = (np.ravel(of)[0] * y.std() for of in fitted.estimator_.predict(window, return_std=True))
    half = norm.ppf((1 + coverage) / 2) * std
    (bounds,) = fitted.predict_interval(steps(1), coverage)
    assert_allclose(bounds, [y[-1] + mean - half, y[-1] + mean + half], rtol=1e-5)


def test_known_rows_are_one_step_ahead():
    y = pd.Series(noise())
    fitted = SequenceForecaster(network(), window=WINDOW, **RAW).fit(None, y)
    rows = pd.DataFrame(index=[0, 50, 90])
    bounds = fitted.predict_interval(rows, 0.8)
    assert np.isnan(bounds[0]).all()  # no value before it
    expected = [quantiles_by_hand(fitted.estimator_, y[:n].to_numpy(), 1)[0, [0, 2]] for n in (50, 90)]
    assert_allclose(bounds[1:], expected, rtol=1e-5)


@pytest.mark.parametrize("differencing", [None, 1])
@pytest.mark.parametrize("loss", ["quantile", "gaussian"])
def test_calibrated_bounds_of_rows_without_a_value_before_them(loss, differencing):
    """They are those of a forecast without an interval: the mean, and the absolute errors one step ahead."""
    y = noise()
    params = {"window": WINDOW, "differencing": differencing, "calibration_size": N_HELD_OUT, **RAW}
    fitted = SequenceForecaster(network(loss=loss), **params).fit(None, pd.Series(y, DAYS[:N_ROWS]))
    errors = np.sort(np.abs(fitted._calibration.errors[0, :, 0]))
    distance = errors[int(np.ceil((len(errors) + 1) * 0.8)) - 1]
    bounds = fitted.predict_interval(pd.DataFrame(index=DAYS[:5]), 0.8)
    assert_allclose(bounds[0], y.mean() + np.array([-distance, distance]))
    assert np.isfinite(bounds).all() and (np.diff(bounds) > 0).all()


@pytest.mark.parametrize(
    ("differencing", "output_steps", "n_direct"),
    [(None, 4, 4), (1, 4, 1), (2, 4, 2), (6, 4, 4), ((2, 3), 4, 1), ((6, 6), 4, 1)],
)
def test_steps_that_are_not_drawn(differencing, output_steps, n_direct):
    """Up to `n_direct`, bounds are the predicted ones, plus the differences; those of paths are not symmetric."""
    net = network(loss="gaussian")
    fitted = SequenceForecaster(net, window=WINDOW, output_steps=output_steps, differencing=differencing)
    fitted.fit(None, np.cumsum(noise()))
    bounds, centers = fitted.predict_interval(steps(6), 0.8), fitted.predict(steps(6))
    is_symmetric = np.isclose(bounds.mean(axis=1), centers, rtol=1e-6)
    assert_array_equal(is_symmetric, np.arange(1, 7) <= n_direct)


def test_known_rows_are_not_drawn(monkeypatch):
    """One later row must not multiply the memory of known ones by the number of paths."""
    from skrnn._forecasting import sampling

    rows = pd.DataFrame({"x": noise(N_ROWS + 6, 1)}, DAYS[: N_ROWS + 6])
    known, later = rows[:N_ROWS], rows[N_ROWS:]
    fitted = SequenceForecaster(network(), window=WINDOW, **RAW).fit(known, pd.Series(noise(), known.index))
    drawn, original = [], sampling._draw_block

    def draw(rng, model, windows, n_outputs):
        drawn.append(len(windows.X))
        return original(rng, model, windows, n_outputs)

    monkeypatch.setattr(sampling, "_draw_block", draw)
    bounds = fitted.predict_interval(rows, 0.8)
    assert drawn == [500] * 6
    assert_array_equal(bounds[N_ROWS:], fitted.predict_interval(later, 0.8))
    assert_array_equal(bounds[:N_ROWS], fitted.predict_interval(known, 0.8))
    # Covariates that are passed for known rows replace the fitted ones, also in the windows of later rows.
    again = fitted.predict_interval(pd.concat([-known, later]), 0.8)
    history = {"history": pd.Series(noise(), known.index), "history_X": -known}
    assert_array_equal(again[N_ROWS:], fitted.predict_interval(later, 0.8, **history))
    assert np.abs(again[N_ROWS:] - bounds[N_ROWS:]).max() > 1e-3


def test_differences_are_summed_in_paths():
    """Of a random walk the interval grows with the square root of the number of steps, also within a block."""
    y = np.cumsum(noise(400))
    params = {"window": WINDOW, "output_steps": 9, "window_scaling": None}
    fitted = SequenceForecaster(network(20), differencing=1, **params).fit(None, y)
    widths = np.diff(fitted.predict_interval(steps(9), 0.8))[:, 0]
    expected = 2 * norm.ppf(0.9) * np.diff(y).std()
    assert_allclose(widths, expected * np.sqrt(np.arange(1, 10)), rtol=0.25)
    # Seasonal differences of one season ahead are not summed: the interval is that of the quantiles.
    seasonal = SequenceForecaster(network(20), differencing=9, **params).fit(
        None, np.tile(noise(9), 30) + noise(270, 1)
    )
    drawn = seasonal.sample(steps(9), n_samples=4000, random_state=0)
    assert_allclose(seasonal.predict_interval(steps(9), 0.8), np.quantile(drawn, [0.1, 0.9], axis=0).T, atol=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["quantile", "gaussian"])
def test_coverage_of_noise_that_depends_on_the_past(loss):
    """The width follows the noise, as that of an interval around a point forecast cannot."""
    net = GRURegressor(
        8, loss=loss, quantile=(0.05, 0.5, 0.95), epochs=15, optimizer__learning_rate=0.01, random_state=0
    )
    forecaster = SequenceForecaster(net, window=2, window_scaling=None, calibration_size=500)
    coverages = []
    for seed in range(12):
        rng, y = np.random.default_rng(seed), [0.0]
        for _ in range(2999):
            y.append((0.5 + 0.5 * abs(y[-1])) * rng.normal())
        y = np.array(y)
        forecaster.fit(None, pd.Series(y[:1000])).update(None, pd.Series(y[1000:], index=range(1000, 3000)))
        low, high = forecaster.predict_interval(pd.DataFrame(index=range(1000, 3000)), 0.9).T
        coverages.append(np.mean((low <= y[1000:]) & (y[1000:] <= high)))
        assert np.corrcoef(high - low, np.abs(y[999:2999]))[0, 1] > 0.8
    assert 0.875 <= np.mean(coverages) <= 0.925  # two standard errors, of 0.04 per series


def test_panels_and_several_columns():
    series = {"small": noise(80), "large": 1000 * noise(80, 1)}
    index = pd.MultiIndex.from_product([series, range(80)], names=["series", "row"])
    frame, y = pd.DataFrame(index=index), np.concatenate([*series.values()])
    y = np.column_stack([y, 5 * y])
    fitted = SequenceForecaster(network(), window=WINDOW, groups="series", calibration_size=20).fit(frame, y)
    asked = pd.DataFrame(index=pd.MultiIndex.from_product([series, range(80, 84)], names=["series", "row"]))
    bounds = fitted.predict_interval(asked, 0.9)
    assert bounds.shape == (8, 2, 2)
    widths = (bounds[:, 1] - bounds[:, 0]).reshape(2, 4, 2)
    assert_allclose(widths[..., 1], 5 * widths[..., 0], rtol=0.4)
    assert_allclose(widths[1], 1000 * widths[0], rtol=0.4)


@pytest.mark.parametrize("wrap", ["pipeline", "search"])
def test_networks_inside_other_estimators(wrap):
    y = noise(120)
    inner = network()
    if wrap == "pipeline":
        estimator = make_pipeline(SequenceScaler(), clone(inner))
    else:
        estimator = GridSearchCV(clone(inner), {"units": [4]}, cv=2)
    fitted = SequenceForecaster(estimator, window=WINDOW, **RAW).fit(None, y)
    assert fitted.sample(steps(3), 20, random_state=0).shape == (20, 3)
    (bounds,) = fitted.predict_interval(steps(1), 0.8)
    window = y[None, -WINDOW:, None]
    if wrap == "pipeline":
        window = fitted.estimator_[0].transform(window)
    last = fitted.estimator_[-1] if wrap == "pipeline" else fitted.estimator_.best_estimator_
    assert_allclose(bounds, last.predict_quantiles(window)[0, [0, 2]], rtol=1e-5)
