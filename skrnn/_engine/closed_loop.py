"""Recursive multi-step forecasts (closed loop) by native kernels, which feed predictions back to the network."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._data.sequences import Sequences
from skrnn._engine.architecture import Architecture
from skrnn._engine.native import tables
from skrnn._engine.native_pass import Job, Workers, threads_for


def closed_loop(
    architecture: Architecture,
    weights: NDArray[Any],
    seen: NDArray[Any],
    covariates: NDArray[Any],
    output_steps: int,
    n_blocks: int,
) -> NDArray[Any]:
    """Forecast series recursively, in blocks of time steps.

    Parameters
    ----------
    architecture : Architecture
        Network without an embedding, with ``output_steps * n_series`` outputs per sequence.
    weights : ndarray
        Packed weights.
    seen : ndarray of shape (n, window, n_series)
        Last values of each series.
    covariates : ndarray of shape (n, window + n_blocks * output_steps, n_covariates)
        Covariates of the same time steps and of those to forecast.
    output_steps, n_blocks : int

    Returns
    -------
    ndarray of float64, shape (n, n_blocks * output_steps, n_series)
    """
    architecture.load()
    dtype, (n, window, n_series) = architecture.spec.dtype, seen.shape
    n_rows = window + n_blocks * output_steps
    # One row per time step. Covariates are shifted by `output_steps`: the last row of a window, which holds the values
    # before the forecast, holds the covariates of its last time step.
    table = np.zeros((n, n_rows, n_series + covariates.shape[2]), dtype)
    table[:, :window, :n_series] = seen
    table[:, : n_rows - output_steps, n_series:] = covariates[:, output_steps:]
    windows = Sequences(
        values=table.reshape(n * n_rows, -1),
        starts=np.arange(n) * n_rows,
        lengths=np.full(n, window),
        n_leading_padding=np.zeros(n, np.int64),
        step=1,
        n_timesteps=window,
    )
    _continue(architecture, weights, windows, output_steps, n_blocks)
    return table[:, window:, :n_series].astype(np.float64)


def _continue(architecture, weights, windows, output_steps, n_blocks):
    """Write the predictions into the rows of the table that follow each window."""
    n, job = len(windows), Job(architecture, windows)
    job.set_positions(tables.ORDER, np.arange(n))
    job.set(tables.SYNC, np.zeros(tables.N_COUNTS, np.int64))
    job.table[tables.N_SAMPLES] = n
    # The results do not depend on how many series are computed at once: a row of a product depends on no other row.
    series_at_once = min(tables.PREDICTED_AT_ONCE, -(-n // threads_for(job.work() * n_blocks, n)))
    workers = Workers(
        job,
        "closed_loop",
        series_at_once,
        max_threads=-(-n // series_at_once),
        n_passes=n_blocks,
        arguments=(series_at_once, n_blocks, output_steps),
    )
    workers.run(weights)
