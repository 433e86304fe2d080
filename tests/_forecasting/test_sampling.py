"""Sample paths, against their distribution and against residuals cut by hand."""

import numpy as np
import pandas as pd
import pytest
from conftest import RAW
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.linear_model import LinearRegression, Ridge

from skrnn import GRURegressor, SequenceForecaster
from skrnn._forecasting import sampling
from skrnn._forecasting.distributions import Quantiles

WINDOW, N_ROWS = 3, 80


def series(n_rows=N_ROWS, seed=0):
    return np.random.default_rng(seed).normal(size=n_rows)


def steps(n):
    return np.empty((n, 0))


def test_paths_add_the_residuals_of_one_origin():
    y = series()
    fitted = SequenceForecaster(LinearRegression(), window=WINDOW, calibration_size=20, **RAW).fit(None, y)
    paths = fitted.sample(steps(4), n_samples=50, random_state=0)
    residuals = paths - fitted.predict(steps(4))
    errors = fitted._calibration.errors[:4, :, 0].T  # (n_origins, 4)
    model = LinearRegression().fit(np.lib.stride_tricks.sliding_window_view(y[:59], WINDOW), y[WINDOW:60])
    assert_allclose(errors[0, 0], y[60] - model.predict([y[57:60]])[0])
    for residual in residuals:
        assert np.isclose(errors, residual).all(axis=1).any()
    assert len(np.unique(residuals[:, 0].round(9))) > 5
    assert_array_equal(fitted.sample(steps(4), n_samples=50, random_state=0), paths)
    assert np.abs(fitted.sample(steps(4), n_samples=50, random_state=1) - paths).max() > 1e-3
    # Steps without residuals have those of the last step with some.
    later = fitted.sample(steps(30), random_state=0) - fitted.predict(steps(30))
    assert_allclose(later[:, 29], later[:, 28])


@pytest.mark.parametrize(
    "params",
    [{"loss": "gaussian"}, {"loss": "quantile", "quantile": (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)}],
    ids=["gaussian", "quantile"],
)
@pytest.mark.parametrize("output_steps", [1, 2])
def test_networks_are_sampled_from_their_distributions(params, output_steps):
    """The values of a random walk, relative to the last one, spread with the square root of the number of steps."""
    y = np.cumsum(np.random.default_rng(0).normal(size=600))
    network = GRURegressor(8, epochs=15, optimizer__learning_rate=0.01, random_state=0, **params)
    fitted = SequenceForecaster(network, window=WINDOW, output_steps=output_steps).fit(None, y)
    paths = fitted.sample(steps(16), n_samples=600, random_state=0)
    spread = paths.std(axis=0)
    assert 0.8 < spread[0] < 1.25
    assert 2.5 < spread[15] < 7
    first = fitted.estimator_
    window = (y[-WINDOW:] - y[-1]) / y.std()
    if params["loss"] == "gaussian":
        mean, std = first.predict(window[None, :, None], return_std=True)
        assert_allclose(paths[:, 0].mean(), np.ravel(mean)[0] * y.std() + y[-1], atol=4 * spread[0] / np.sqrt(600))
        assert_allclose(spread[0], np.ravel(std)[0] * y.std(), rtol=0.15)
    else:
        quantiles = first.predict_quantiles(window[None, :, None]).reshape(7, -1)[:, 0] * y.std() + y[-1]
        below = [np.mean(paths[:, 0] <= quantile) for quantile in quantiles[1:-1]]
        assert_allclose(below, params["quantile"][1:-1], atol=0.06)
        assert paths[:, 0].min() < quantiles[0] and quantiles[-1] < paths[:, 0].max()
    assert_array_equal(fitted.sample(steps(16), n_samples=600, random_state=0), paths)


def test_paths_of_a_panel_and_of_several_columns():
    days = pd.date_range("2024", periods=60)
    frame = pd.DataFrame({"shop": ["a"] * 60 + ["b"] * 60}, index=days.append(days))
    y = np.column_stack([series(120), 1000 * series(120, seed=1)])
    y[60:] *= 1e3
    fitted = SequenceForecaster(Ridge(), window=WINDOW, groups="shop", calibration_size=20).fit(frame, y)
    coming = pd.DataFrame({"shop": ["b", "a", "b"]}, index=pd.to_datetime(["2024-03-01", "2024-03-01", "2024-03-02"]))
    paths = fitted.sample(coming, n_samples=40, random_state=0)
    assert paths.shape == (40, 3, 2)
    spread = paths.std(axis=0)
    assert 200 < spread[0, 0] / spread[1, 0] < 5000
    assert 200 < spread[1, 1] / spread[1, 0] < 5000


def test_known_rows_count_among_those_drawn_together(monkeypatch):
    """Each path of a known row is a window of its own."""
    days = pd.date_range("2024", periods=N_ROWS + 2)
    network = GRURegressor(4, loss="gaussian", epochs=1, random_state=0)
    fitted = SequenceForecaster(network, window=WINDOW).fit(None, pd.Series(series(), days[:N_ROWS]))
    drawn, original = [], sampling._draw_block

    def draw(rng, model, windows, n_outputs):
        drawn.append(len(windows.X))
        return original(rng, model, windows, n_outputs)

    monkeypatch.setattr(sampling, "_draw_block", draw)
    monkeypatch.setattr(sampling, "_STEPS_AT_ONCE", 10 * N_ROWS * (WINDOW + 1))
    for rows in (days[:N_ROWS], days):
        drawn.clear()
        assert fitted.sample(pd.DataFrame(index=rows), n_samples=30, random_state=0).shape == (30, len(rows))
        assert max(drawn) <= 10 * (N_ROWS - 1)  # the first row has no window


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("period", [2, 7])
def test_regular_gaps(period, n_outputs):
    """Without weekends, or every second value, there is no origin with errors of all steps."""
    y = np.random.default_rng(0).normal(size=(120, n_outputs))
    y[np.arange(120) % period >= (period + 1) // 2] = np.nan
    fitted = SequenceForecaster(LinearRegression(), window=WINDOW, calibration_size=40, **RAW).fit(None, y)
    for n_steps in (1, 9, 20, 30):
        residuals = fitted.sample(steps(n_steps), n_samples=60, random_state=0) - fitted.predict(steps(n_steps))
        filled = fitted._calibration.errors[:n_steps].copy()
        assert n_steps < 9 or np.isnan(filled).any(axis=(0, 2)).all()
        for origin in np.ndindex(filled.shape[1:]):
            column = pd.Series(fitted._calibration.errors[(slice(None), *origin)])
            filled[(slice(None), *origin)] = (
                column.ffill().bfill().where(column.index <= column.last_valid_index())[:n_steps]
            )
        for path in residuals:
            shown = path[: len(filled)]
            assert np.isclose(filled, shown[:, None]).all(axis=(0, 2)).any()
        assert len(np.unique(residuals[:, 0].round(9))) > 5


def test_no_errors_to_sample():
    y = series()
    y[60:] = np.nan
    y[10] = np.nan
    fitted = SequenceForecaster(LinearRegression(), window=WINDOW, calibration_size=20).fit(None, y)
    with pytest.raises(
        ValueError, match="holds out contain no errors to sample: their values are missing, or constant"
    ):
        fitted.sample(steps(3))


@pytest.mark.parametrize("n_samples", [0, -1, 2.5, True, None, "many"])
def test_invalid_numbers_of_samples(n_samples):
    fitted = SequenceForecaster(Ridge(), window=WINDOW, calibration_size=20).fit(None, series())
    with pytest.raises(ValueError, match="n_samples must be an int of at least 1"):
        fitted.sample(steps(3), n_samples=n_samples)


def test_estimators_without_a_distribution():
    network = GRURegressor(4, loss="quantile", quantile=0.9, epochs=1, random_state=0)
    for estimator in (Ridge(), network):
        fitted = SequenceForecaster(estimator, window=WINDOW).fit(None, series())
        with pytest.raises(ValueError, match="sample requires an estimator that predicts distributions"):
            fitted.sample(steps(3))


def test_tails_of_narrow_quantiles():
    """Draws from three quantiles of a normal distribution are those of the distribution, tails included."""
    levels = np.array([0.25, 0.5, 0.75])
    values = np.tile((3 + 2 * norm.ppf(levels))[None, :, None], (40_000, 1, 1))
    drawn = Quantiles(values, levels).draw(np.random.default_rng(0))[:, 0]
    assert drawn.mean() == pytest.approx(3, abs=0.04) and drawn.std() == pytest.approx(2, abs=0.03)
