"""Workloads: shapes, learnable data, and the estimator of skrnn for each."""

import numpy as np

#            T   F  units      B    n     output per time step, timed epochs per round
WORKLOADS = {
    "damped": (20, 1, (40,), 10, 162, True, 40),
    "generic": (50, 8, (64,), 32, 2000, False, 4),
    "btc": (60, 1, (50, 100), 64, 1024, False, 3),
    "imdb": (300, 1, (50,), 100, 600, False, 3),
}
TOKENS = (300, 30_000, 64, 64, 100, 600, 2)  # longest, ids, embedding, units, batch, samples, epochs

# Long sequences: sequences, time steps, units, timed epochs per round; one batch, Adam with gradient clipping.
LONG = (40, 20_000, 16, 6)

# Whole program, from the start of its process to one prediction; a GRU.
START = {"samples": 200, "timesteps": 20, "units": 32, "epochs": 20, "batch_size": 32}

# Grid search: cells, units and folds make 30 fits.
SEARCH = {"cells": ("LSTM", "GRU"), "units": (8, 16, 40), "folds": 5, "epochs": 20, "batch_size": 10, "window": 20}


def workload_data(name):
    """Return learnable sequences and targets in the shapes of a workload."""
    n_timesteps, n_features, _, _, n, *_ = WORKLOADS[name]
    if name == "damped":
        return damped_windows(n_timesteps)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, n_timesteps, n_features)).astype("float32")
    return X, (X[:, -5:, 0].mean(axis=1) + 0.1 * rng.normal(size=n)).astype("float32")


def damped_windows(window):
    """Return windows of the damped oscillation, and the windows one time step later as targets."""
    from skrnn.datasets import make_damped_oscillation

    curve = make_damped_oscillation()[1].astype("float32")
    windows = np.lib.stride_tricks.sliding_window_view(curve, window)
    return np.ascontiguousarray(windows[:162, :, None]), np.ascontiguousarray(windows[1:163])


def tokens_data():
    longest, n_ids, _, _, _, n, _ = TOKENS
    rng = np.random.default_rng(0)
    X = np.zeros((n, longest), dtype="int32")
    for row, length in zip(X, rng.integers(100, longest + 1, size=n), strict=True):
        row[:length] = rng.integers(2, n_ids, size=length)
    return X, (X[:, :50] % 2).mean(axis=1) > 0.5


def long_data():
    """Return noisy slow waves, with their phase as target."""
    n, n_timesteps, _, _ = LONG
    rng = np.random.default_rng(0)
    phase = rng.uniform(0, np.pi, size=n)
    steps = np.arange(n_timesteps) / n_timesteps
    X = np.sin(2 * np.pi * steps + phase[:, None]) + 0.1 * rng.normal(size=(n, n_timesteps))
    return X[..., None].astype("float32"), np.cos(phase).astype("float32")


def start_data():
    """Return noise, with sums of its last time steps as target; requires numpy only."""
    X = np.random.default_rng(0).normal(size=(START["samples"], START["timesteps"], 1)).astype("float32")
    return X, X[:, -5:, 0].sum(axis=1)


def estimator_of(cell, name):
    from skrnn import RecurrentRegressor

    _, _, units, batch_size, _, every_step, _ = WORKLOADS[name]
    return RecurrentRegressor(
        cell.lower(), units, batch_size=batch_size, return_sequences=every_step, shuffle=False, random_state=0
    )
