"""Columns that are the time steps of univariate sequences, and columns that are features."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.preprocessing import StandardScaler

from skrnn._data.swapped_axes import are_time_steps

N_ROWS = 300
SEEDS = range(5)

SERIES = {
    "walk": lambda rng: np.cumsum(rng.normal(size=N_ROWS)),
    "noise": lambda rng: rng.normal(size=N_ROWS),
    "counts": lambda rng: rng.poisson(20, size=N_ROWS).astype(float),
    "wave": lambda rng: np.sin(np.arange(N_ROWS) / 7 + rng.random()),
}

TABLES = {
    "walks": lambda rng, n: np.cumsum(rng.normal(size=(N_ROWS, n)), axis=0),
    "noise": lambda rng, n: rng.normal(size=(N_ROWS, n)),
    "counts": lambda rng, n: rng.poisson(20, size=(N_ROWS, n)),
    "ratings": lambda rng, n: rng.integers(1, 6, size=(N_ROWS, n)),
    "ranks": lambda rng, n: rng.permuted(np.tile(np.arange(n), (N_ROWS, 1)), axis=1),
    "indicators": lambda rng, n: np.eye(n)[rng.integers(0, n, size=N_ROWS)],
    "common factor": lambda rng, n: TABLES["walks"](rng, 1) + rng.normal(size=(N_ROWS, n)),
    "own levels": lambda rng, n: np.linspace(0, 100, n) + rng.normal(size=(N_ROWS, n)),
    "constant": lambda rng, n: np.ones((N_ROWS, n)),
    "pairs of lags": lambda rng, n: np.hstack([(walks := TABLES["walks"](rng, n // 2))[1:], walks[:-1]]),
    "too large": lambda rng, n: rng.normal(size=(N_ROWS, n)) * 1e300,
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n_timesteps", [8, 20, 100])
@pytest.mark.parametrize("kind", SERIES)
def test_windows_of_one_series(kind, n_timesteps, seed):
    rng = np.random.default_rng(seed)
    windows = sliding_window_view(SERIES[kind](rng), n_timesteps)
    for given in (
        windows,
        windows[:, ::-1],  # newest first
        windows.astype(np.float32),
        rng.permutation(windows),
        rng.permutation(windows)[: len(windows) // 2],
        StandardScaler().fit_transform(windows),
    ):
        assert are_time_steps(given)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n_timesteps", [8, 20, 100])
def test_smooth_signals_that_are_independent(n_timesteps, seed):
    rng = np.random.default_rng(seed)
    phases = rng.random((40, 1))
    assert are_time_steps(np.sin(2 * np.pi * (np.arange(n_timesteps) / max(n_timesteps, 20) + phases)))
    assert are_time_steps(np.cumsum(rng.normal(size=(N_ROWS, n_timesteps)), axis=1))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n_features", [8, 9, 20])
@pytest.mark.parametrize("kind", TABLES)
def test_features(kind, n_features, seed):
    rng = np.random.default_rng(seed)
    table = TABLES[kind](rng, n_features)
    for given in (table, rng.permutation(table), table[:20], StandardScaler().fit_transform(np.clip(table, -1e9, 1e9))):
        assert not are_time_steps(given)


def test_ranks_of_many_samples():
    assert not are_time_steps(np.random.default_rng(0).permuted(np.tile(np.arange(8), (5000, 1)), axis=1))


def test_smooth_features_of_rows_in_time_order():
    rng = np.random.default_rng(0)
    level, slope = np.cumsum(rng.normal(size=(2, N_ROWS, 1)), axis=1)
    curves = level + slope * np.linspace(-1, 1, 9) + 0.1 * np.cumsum(rng.normal(size=(N_ROWS, 9)), axis=1)
    assert are_time_steps(rng.permutation(curves))  # nothing tells them from smooth signals
    assert not are_time_steps(curves)  # as of one day after the other


def test_too_few_samples():
    windows = sliding_window_view(np.arange(14.0) ** 2, 8)
    assert len(windows) == 7 and not are_time_steps(windows)
    assert are_time_steps(sliding_window_view(np.arange(15.0) ** 2, 8))
