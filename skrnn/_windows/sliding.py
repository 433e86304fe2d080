"""Windows of time-ordered rows, cut lazily: one per row, or one per time that is asked for."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import timedelta
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import as_strided
from numpy.typing import ArrayLike
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, StrOptions

from skrnn._common.frames import NO_INDEX, as_pandas
from skrnn._common.times import as_gap, as_times, time_values
from skrnn._common.typing import MaxGap, Padding, validate_params
from skrnn._data.checks import as_array_or_frame, as_numeric, check_array_like, check_finite
from skrnn._data.row_labels import positions_dtype, split_labels
from skrnn._data.sequences import Sequences
from skrnn._windows.row_warnings import PASS_GROUPS, SET_MAX_GAP, warn_of_hole, warn_of_panel

# The first is what every other numeric type becomes.
ROW_DTYPES = [np.float64, np.float32]

_ROWS_AT_ONCE = 2**12

WINDOW_CONSTRAINTS: dict[str, list[Any]] = {
    "window": [Interval(Integral, 1, None, closed="left")],
    "dilation": [Interval(Integral, 1, None, closed="left")],
    "padding": [StrOptions({"mask", "edge", "zeros"}), None],
    # An Interval last: numpy.timedelta64 is registered as a number, but cannot be compared with its bounds.
    "max_gap": [str, timedelta, np.timedelta64, Interval(Real, 0, None, closed="neither"), None],
}


@validate_params(WINDOW_CONSTRAINTS, prefer_skip_nested_validation=True)
def sliding_windows(
    X: ArrayLike,
    window: int,
    *,
    dilation: int = 1,
    padding: Padding | None = None,
    max_gap: MaxGap | None = None,
    groups: Hashable = None,
    ends: ArrayLike | pd.Index | None = None,
) -> Sequences:
    """Cut time-ordered rows into windows, lazily and before any split.

    A window holds its own row and earlier ones only. So, unlike the rows of a :class:`SequenceWindower` in a
    Pipeline, windows can be split in time without losing the history of the first ones, with a gap or without.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        Rows in time order.

    window : int
        Number of time steps in a window.

    dilation : int, default=1
        Distance in rows between neighbouring time steps of a window.

    padding : {"mask", "edge", "zeros"} or None, default=None
        What stands before the first row of a series: absent steps, the first row repeated, or zeros. None is "mask",
        which takes no memory; the others add ``(window - 1) * dilation`` rows to each series.

    max_gap : int, float, timedelta, str or None, default=None
        The largest difference of the index between neighbouring rows of a window; beyond it, earlier rows are absent
        (or what `padding` says). An int for an index of periods or whole numbers, a float for one of floats,
        a timedelta, or text that pandas reads as one, such as "2h", for dates.

    groups : hashable or None, default=None
        The column, or the level of the index, that names the series a row belongs to; for arrays the number of a
        column. It is no feature. No window crosses from one series to another, whose rows may be interleaved.

    ends : array-like of shape (n_windows,) or None, default=None
        Times at which windows end: each ends with the last row at or before its time, never later. None is the time
        of every row. With `groups` a MultiIndex of series and times; for arrays, which have no times, numbers of rows.

    Returns
    -------
    Sequences
        The windows: of shape (n_rows, window, n_features), or (n_windows, window, n_features) with `ends`. They share
        one copy of the rows.

    Raises
    ------
    ValueError
        If `X` is not 2-D, or holds NaN or infinity; if times do not increase within a series; if there is no column or
        level that `groups` names; if `max_gap` or `ends` cannot be compared with the index, or `ends` has a time before
        the first row; if a parameter is out of its range.
    TypeError
        If `X` or `ends` is no array, list or frame, or `X` holds what no number stands for; for sparse data; and if
        `groups` is no label, or a list names a series.

    Warns
    -----
    UserWarning
        If the index is a MultiIndex of series and times and `groups` is None, or if the times of a series have a hole
        and `max_gap` is None.

    See Also
    --------
    SequenceWindower : The same as a transformer.
    make_supervised : Pairs rows with a target that lies ahead of them.
    PanelTimeSeriesSplit : Folds over time for the rows of many series.

    Notes
    -----
    A window ends on its own row, and holds that row: `y` must lie ahead of it.

    Examples
    --------
    Measurements every hour, and a target that is known once a day:

    >>> import pandas as pd
    >>> from skrnn import sliding_windows
    >>> hours = pd.date_range("2024-01-01", periods=72, freq="h")
    >>> frame = pd.DataFrame({"load": range(72)}, index=hours)
    >>> windows = sliding_windows(frame, window=3, ends=pd.to_datetime(["2024-01-02 00:00", "2024-01-03 12:30"]))
    >>> windows.shape
    (2, 3, 1)
    >>> windows[1][:, 0]
    array([58., 59., 60.])
    """
    name = "sliding_windows"
    X = as_array_or_frame(X, "X", name)
    features, labels = split_labels(X, groups, max_gap)
    features = as_numeric(features, name)
    rows = check_array(features, dtype=ROW_DTYPES, ensure_all_finite=False, input_name="X", estimator=name)
    check_finite(rows, name, columns=getattr(features, "columns", None))
    if window > 1 and groups is None:
        warn_of_panel(getattr(X, "index", None), name, PASS_GROUPS)
    if window > 1 and max_gap is None:
        warn_of_hole(labels, name, SET_MAX_GAP)
    at = None if ends is None else _rows_at(ends, labels, groups)
    runs, series = runs_of_rows(labels, max_gap), series_of_windows(labels)
    del features, labels  # which a panel in a MultiIndex makes large
    windows = windows_of_runs(rows, *runs, window=window, dilation=dilation, padding=padding or "mask", series=series)
    return windows if ends is None else windows[at]


def runs_of_rows(labels, max_gap):
    """Find the runs of rows that windows do not cross: one series, without too large a gap.

    Returns
    -------
    order : ndarray of int, shape (n_rows,)
        Positions of the rows, those of one series after another.
    first : ndarray of int, shape (n_rows,)
        For each of them, the place in `order` at which its run begins.
    """
    order = labels.by_series()
    codes = labels.codes[order]
    breaks = np.ones(len(order), dtype=bool)
    np.not_equal(codes[1:], codes[:-1], out=breaks[1:])
    if max_gap is not None:
        steps = np.diff(time_values(labels.time)[order])
        # Remembered rows that are only assumed to come before these may be later ones.
        breaks[1:] |= (steps > as_gap(max_gap, labels.time)) | (steps < np.zeros(1, dtype=steps.dtype))
    return order, np.maximum.accumulate(np.where(breaks, np.arange(len(order), dtype=order.dtype), 0))


def series_of_windows(labels):
    """Return the number of the series of each window, in the smallest type; None where there is one series only."""
    if len(labels.series) < 2:
        return None
    return labels.codes.astype(np.min_scalar_type(len(labels.series)))


def windows_of_runs(rows, order, first, *, window, dilation, padding, series):
    """Cut the window that ends with each row.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
    order, first : ndarray of shape (n_rows,)
        As `runs_of_rows` returns them.
    window, dilation, padding
        As in `sliding_windows`.
    series : ndarray of int, shape (n_rows,), or None
        As `series_of_windows` returns it.

    Returns
    -------
    Sequences of shape (n_rows, window, n_features)
    """
    sources, positions, is_room = order, np.arange(len(order), dtype=order.dtype), None
    if padding != "mask" and window > 1:
        sources, positions, first = _with_room(first, (window - 1) * dilation)
        if padding == "zeros":
            is_room = np.ones(len(sources), dtype=bool)
            is_room[positions] = False
        sources = order[sources]
    n_steps = np.minimum((positions - first) // dilation + 1, window)
    starts, lengths = np.empty_like(positions), np.empty_like(positions)
    starts[order], lengths[order] = positions - dilation * (n_steps - 1), n_steps
    del order, first, positions, n_steps  # before the rows are copied: the memory of both would add up
    values = _rows_in_order(rows, sources)
    if is_room is not None:
        values[is_room] = 0
    return Sequences(
        values=values,
        starts=starts,
        lengths=lengths,
        n_leading_padding=window - lengths,
        step=dilation,
        n_timesteps=window,
        series=series,
    )


def _rows_in_order(rows, order):
    """Copy rows in another order; numpy's own indexing would first make a copy of rows that a frame holds by column."""
    copy = np.empty((len(order), rows.shape[1]), dtype=rows.dtype)
    for first in range(0, len(order), _ROWS_AT_ONCE):
        part = slice(first, first + _ROWS_AT_ONCE)
        copy[part] = rows[order[part]]
    return copy


def strided_windows(series, window, dilation):
    """View a series as all its full windows: (n_windows, window, n_features), read-only, no copy."""
    row_stride, feature_stride = series.strides
    n_windows = series.shape[0] - (window - 1) * dilation
    # numpy's sliding_window_view knows no dilation, and puts the window axis last.
    return as_strided(
        series,
        shape=(n_windows, window, series.shape[1]),
        strides=(row_stride, dilation * row_stride, feature_stride),
        writeable=False,  # one number lies in many windows
    )


def _with_room(first, n_before):
    """Make room for padding before each run of rows.

    Returns
    -------
    sources : ndarray of shape (n_rows + n_runs * n_before,)
        The row that each place is filled with: in the room before a run, its first row.
    positions, first : ndarray of shape (n_rows,)
        Where each row stands now, and the first place that its window can reach back to.
    """
    is_first = first == np.arange(len(first))
    run = np.cumsum(is_first) - 1
    dtype = positions_dtype(len(first) + n_before * int(is_first.sum()))
    positions = (np.arange(len(first)) + n_before * (run + 1)).astype(dtype)
    repeats = np.where(is_first, n_before + 1, 1)
    return np.repeat(np.arange(len(first), dtype=dtype), repeats), positions, positions[first] - n_before


def _rows_at(ends, labels, groups):
    """Return the last row at or before each of the times, in their series."""
    if groups is None:
        if labels.is_pandas and labels.time is None:
            raise ValueError(
                "ends needs an index of X that holds dates, periods or numbers, in which times can be found."
            )
        time = labels.time if labels.is_pandas else pd.RangeIndex(len(labels.codes))
        if not time.is_monotonic_increasing:
            raise ValueError("ends needs an index of X that increases: sort X by time, X.sort_index().")
        ends = as_times(_as_index(ends))
        return _found(_searched(time, ends), ends)
    if labels.time is None:
        raise ValueError(
            f"ends needs the times of the rows: an index, or a level of it beside that of groups. {NO_INDEX}"
        )
    if not isinstance(ends, pd.MultiIndex) or ends.nlevels != 2:
        raise ValueError(
            f"With groups={groups!r}, ends must be a MultiIndex of two levels, series and time, as "
            "pd.MultiIndex.from_arrays makes one. Got "
            f"{type(ends).__name__} of {ends.nlevels if isinstance(ends, pd.Index) else 'no'} level(s) instead."
        )
    level = groups if groups in ends.names else 0
    codes = labels.series.get_indexer(ends.get_level_values(level))
    if (codes < 0).any():
        at = int(np.argmax(codes < 0))
        raise ValueError(
            f"ends[{at}] is of the series {ends.get_level_values(level).tolist()[at]!r}, of which X has no row."
        )
    times = as_times(ends.droplevel(level))
    order = labels.by_series()
    bounds = np.searchsorted(labels.codes[order], np.arange(len(labels.series) + 1))
    rows = np.empty(len(ends), dtype=np.intp)
    for code in np.unique(codes):
        mine, asked = order[bounds[code] : bounds[code + 1]], np.flatnonzero(codes == code)
        found = _searched(labels.time[mine], times[asked])
        rows[asked] = np.where(found >= 0, mine[found], -1)
    return _found(rows, times)


def _as_index(ends):
    """Return an array-like of times as an index."""
    check_array_like(ends, "ends", "sliding_windows")
    ends = as_pandas(ends)
    try:
        index = ends if isinstance(ends, pd.Index) else pd.Index(ends)
    except (TypeError, ValueError):
        raise ValueError(f"ends must be times, of shape (n_windows,). Got shape {np.shape(ends)} instead.") from None
    if isinstance(index, pd.MultiIndex):
        raise ValueError("ends must be times, of one level, where there are no groups. Got a MultiIndex instead.")
    return index


def _searched(time, ends):
    """Return the position of the last time at or before each end, -1 where there is none."""
    if ends.isna().any():
        raise ValueError(f"ends must be times, but ends has {ends[ends.isna()][0]}: leave it out.")
    try:
        return np.asarray(time.searchsorted(ends, side="right")) - 1
    except (TypeError, ValueError) as error:  # ValueError for periods of another frequency, pandas < 3
        raise ValueError(
            f"ends, {ends.dtype}, cannot be compared with the times of X, {time.dtype}: {error}"
        ) from error


def _found(rows, ends):
    if (rows < 0).any():
        at = int(np.argmax(rows < 0))
        raise ValueError(f"ends[{at}] is {ends[at]}, which is before the first row: no window can end there.")
    return rows
