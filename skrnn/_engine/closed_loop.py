"""Series that a trained network continues by native kernels: its predictions are fed back without leaving them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._data.sequences import Sequences
from skrnn._engine.architecture import Architecture, aligned_zeros
from skrnn._engine.native import layout as at
from skrnn._engine.native.library import LIBRARIES
from skrnn._engine.native_pass import WORK_OF_A_THREAD, Job
from skrnn._engine.threads import n_threads, run


def closed_loop(
    architecture: Architecture,
    weights: NDArray[Any],
    seen: NDArray[Any],
    covariates: NDArray[Any],
    output_steps: int,
    n_blocks: int,
) -> NDArray[Any]:
    """Continue series, each block of steps predicted from the ones before it.

    Parameters
    ----------
    architecture : Architecture
        Of a network that takes numbers, and puts out ``output_steps * n_series`` of them for a sequence.
    weights : ndarray
        Packed ones.
    seen : ndarray of shape (n, window, n_series)
        The last values of each series.
    covariates : ndarray of shape (n, window + n_blocks * output_steps, n_covariates)
        Those of the same steps, and of the ones to predict.
    output_steps, n_blocks : int

    Returns
    -------
    ndarray of float64, shape (n, n_blocks * output_steps, n_series)
    """
    architecture.load()
    dtype, (n, window, n_series) = architecture.spec.dtype, seen.shape
    n_rows = window + n_blocks * output_steps
    # A row for each step. The network sees the covariates of a step beside the values so many steps before it: windows
    # end where predictions begin, and the covariates that they hold end with the predictions.
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
    """Write the predictions into the values of the windows, after each of them."""
    n, job = len(windows), Job(architecture, windows)
    job.set(at.ORDER, np.arange(n))
    job.set(at.POSITIONS, job.kept(at.ORDER))
    job.set(at.SYNC, np.zeros(at.N_COUNTS, np.int64))
    job.table[at.N_SAMPLES] = n
    alone = job.work() * n_blocks < WORK_OF_A_THREAD
    most = 1 if alone else n_threads()
    series_at_once = min(at.PREDICTED_AT_ONCE, -(-n // most))  # a row of a product depends on no other
    kernel = LIBRARIES[architecture.spec.dtype].function("closed_loop")

    def call():
        steps, places = np.zeros(3 + 2 * windows.n_timesteps, np.int64), architecture.new_places()
        size = architecture.memory_size(series_at_once * windows.n_timesteps, series_at_once, trains=False)
        memory = aligned_zeros(size, architecture.spec.dtype)
        tables = architecture.table.ctypes.data, job.table.ctypes.data
        numbers = series_at_once, n_blocks, output_steps
        kernel(weights.ctypes.data, *tables, *numbers, steps.ctypes.data, places.ctypes.data, memory.ctypes.data)

    if alone:
        call()
    else:
        run([call] * min(most, -(-n // series_at_once)), job.stop)
