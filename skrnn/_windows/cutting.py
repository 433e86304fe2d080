"""Windows of time-ordered rows as lazy `Sequences`: one window per row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from skrnn._common.times import as_gap, time_values
from skrnn._common.typing import MaxGap, Padding
from skrnn._data.row_labels import positions_dtype
from skrnn._data.sequences import Sequences

_ROWS_AT_ONCE = 2**12

WINDOW_CONSTRAINTS: dict[str, list[Any]] = {
    "window": [Interval(Integral, 1, None, closed="left")],
    "dilation": [Interval(Integral, 1, None, closed="left")],
    "padding": [StrOptions({"mask", "edge", "zeros"}), None],
    # The Interval comes last: numpy.timedelta64 is registered as a number, but cannot be compared with its bounds.
    "max_gap": [str, timedelta, np.timedelta64, Interval(Real, 0, None, closed="neither"), None],
}


@dataclass(frozen=True)
class WindowSpec:
    """Parameters of windows, as in `sliding_windows`, with ``padding=None`` resolved."""

    window: int
    dilation: int
    padding: Padding
    max_gap: MaxGap | None

    @property
    def n_earlier_rows(self) -> int:
        """Number of rows that a window reaches back before its own row."""
        return (self.window - 1) * self.dilation

    @property
    def n_remembered_rows(self) -> int:
        """Number of rows per series to remember as context: at least one, whose time tells which row comes next."""
        return max(self.n_earlier_rows, 1)


def cut_windows(rows, labels, spec):
    """Cut the window that ends with each row.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
    labels : RowLabels
    spec : WindowSpec

    Returns
    -------
    Sequences of shape (n_rows, window, n_features)
        The windows, over one copy of the rows.
    """
    order, run_starts = _runs(labels, spec.max_gap)
    series = _series_of_windows(labels)
    if spec.padding == "mask" or spec.window == 1:
        sources, positions, first_positions = order, np.arange(len(order), dtype=order.dtype), run_starts
        is_padding = None
    else:
        sources, positions, first_positions = _with_padding_rows(run_starts, spec.n_earlier_rows)
        is_padding = np.ones(len(sources), dtype=bool) if spec.padding == "zeros" else None
        if is_padding is not None:
            is_padding[positions] = False
        sources = order[sources]
    n_steps = np.minimum((positions - first_positions) // spec.dilation + 1, spec.window)
    starts, lengths = np.empty_like(positions), np.empty_like(positions)
    starts[order], lengths[order] = positions - spec.dilation * (n_steps - 1), n_steps
    del order, run_starts, first_positions, positions, n_steps  # before the rows are copied, for a lower peak of memory
    values = _rows_in_order(rows, sources)
    if is_padding is not None:
        values[is_padding] = 0
    return Sequences(
        values=values,
        starts=starts,
        lengths=lengths,
        n_leading_padding=spec.window - lengths,
        step=spec.dilation,
        n_timesteps=spec.window,
        series=series,
    )


def _runs(labels, max_gap):
    """Find the runs of rows that windows do not cross: rows of one series without a gap larger than `max_gap`.

    Returns
    -------
    order : ndarray of int, shape (n_rows,)
        Positions of the rows, sorted by series.
    run_starts : ndarray of int, shape (n_rows,)
        For each of them, the position in `order` of the first row of its run.
    """
    order = labels.by_series()
    codes = labels.codes[order]
    is_start = np.ones(len(order), dtype=bool)
    np.not_equal(codes[1:], codes[:-1], out=is_start[1:])
    if max_gap is not None:
        steps = np.diff(time_values(labels.time)[order])
        # A step back in time is possible with context="assume", where the remembered rows may be later ones.
        is_start[1:] |= (steps > as_gap(max_gap, labels.time)) | (steps < np.zeros(1, dtype=steps.dtype))
    return order, np.maximum.accumulate(np.where(is_start, np.arange(len(order), dtype=order.dtype), 0))


def _series_of_windows(labels):
    """Return the number of the series of each window in the smallest dtype; None if there is a single series."""
    if len(labels.series) < 2:
        return None
    return labels.codes.astype(np.min_scalar_type(len(labels.series)))


def _with_padding_rows(run_starts, n_padding):
    """Insert `n_padding` copies of the first row of each run before it.

    Returns
    -------
    sources : ndarray of shape (n_rows + n_runs * n_padding,)
        The row that is copied to each position.
    positions, first_positions : ndarray of shape (n_rows,)
        The new position of each row, and the first position that its window can reach.
    """
    n_rows = len(run_starts)
    is_start = run_starts == np.arange(n_rows)
    run = np.cumsum(is_start) - 1
    dtype = positions_dtype(n_rows + n_padding * int(is_start.sum()))
    positions = (np.arange(n_rows) + n_padding * (run + 1)).astype(dtype)
    repeats = np.where(is_start, n_padding + 1, 1)
    return np.repeat(np.arange(n_rows, dtype=dtype), repeats), positions, positions[run_starts] - n_padding


def _rows_in_order(rows, order):
    """Copy rows in another order, in blocks: numpy's indexing would first copy rows that a frame stores by column."""
    if len(order) == len(rows) and (order[1:] > order[:-1]).all():
        return np.array(rows, order="C")
    copy = np.empty((len(order), rows.shape[1]), dtype=rows.dtype)
    for first in range(0, len(order), _ROWS_AT_ONCE):
        part = slice(first, first + _ROWS_AT_ONCE)
        copy[part] = rows[order[part]]
    return copy
