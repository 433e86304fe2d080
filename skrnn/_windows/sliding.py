"""Lazy windows of time-ordered rows, cut before any split: one window per row, or one per requested time."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from skrnn._common.arguments import named_arguments
from skrnn._common.frames import NO_INDEX, as_pandas, index_of
from skrnn._common.times import as_times
from skrnn._common.typing import MaxGap, Padding, validate_params
from skrnn._data.checks import check_array_like, check_finite
from skrnn._data.sequences import Sequences
from skrnn._windows.cutting import WINDOW_CONSTRAINTS, WindowSpec, cut_windows
from skrnn._windows.row_warnings import warn_of_rows
from skrnn._windows.rows import ROW_DTYPES, split_rows


@named_arguments
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
    """Cut time-ordered rows into lazy windows, before any split.

    A window contains its own row and earlier rows only. Windows can therefore be split in time, and the first windows
    of a test set are complete even after a gap, where those of a :class:`SequenceWindower` in a Pipeline are padded.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        Rows in time order.

    window : int
        Number of time steps in a window.

    dilation : int, default=1
        Distance in rows between consecutive time steps of a window.

    padding : {"mask", "edge", "zeros"} or None, default=None
        Padding before the first row of a series: padded time steps (NaN), which recurrent estimators mask, copies of
        the first row, or zeros. If None, "mask" is used. "mask" requires no additional memory; the others add
        ``(window - 1) * dilation`` rows to each series.

    max_gap : int, float, timedelta, str or None, default=None
        Maximum difference in the index between consecutive rows of a window. Rows before a larger gap are replaced with
        padding. Pass an int for an index of periods or integers, a float for an index of floats, and for dates a
        timedelta, or a string that pandas parses as one, such as "2h".

    groups : hashable or None, default=None
        Column or index level that identifies the series of each row; for arrays, the index of a column. It is not used
        as a feature. Rows of different series may be interleaved; no window contains rows of more than one.

    ends : array-like of shape (n_windows,) or None, default=None
        Times at which windows end: each window ends with the last row at or before its time. If None, there is one
        window per row. With `groups`, pass a MultiIndex of series and times; for arrays, which have no times, pass row
        numbers.

    Returns
    -------
    Sequences
        The windows, of shape (n_rows, window, n_features), or (n_windows, window, n_features) with `ends`. They share
        one copy of the rows.

    Raises
    ------
    ValueError
        If `X` is not 2-D or contains NaN or infinity; if timestamps are not increasing within a series; if `groups`
        is not a column or index level of `X`; if `max_gap` or `ends` cannot be compared with the index, or `ends`
        contains a time before the first row, or a number that is not that of a row of an array; or if a parameter is
        out of range.
    TypeError
        If `X` or `ends` is not array-like or a DataFrame; if `X` contains non-numeric values or is sparse; or if
        `groups` is not hashable, or series names are lists.

    Warns
    -----
    UserWarning
        If the index is a MultiIndex of series and times and `groups` is None, if it contains numbers that decrease from
        row to row, such as years, or restart, as those of concatenated DataFrames, or if there is a gap in the time
        index of a series and `max_gap` is None.

    See Also
    --------
    SequenceWindower : Transformer that cuts the same windows.
    make_supervised : Pair rows with a future value of the target.
    PanelTimeSeriesSplit : Time series splits of panel data.

    Notes
    -----
    A window ends with its own row and contains it: the value of `y` must come from a later row.

    Examples
    --------
    Hourly measurements, and a target that is known once per day:

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
    spec = WindowSpec(window, dilation, padding or "mask", max_gap)
    features, labels = split_rows(X, groups, max_gap, name)
    rows = check_array(features, dtype=ROW_DTYPES, ensure_all_finite=False, input_name="X", estimator=name)
    check_finite(rows, name, columns=getattr(features, "columns", None))
    if spec.n_earlier_rows:
        warn_of_rows(index_of(X), labels, groups, max_gap, name)
    end_rows = None if ends is None else _end_rows(ends, labels, groups)
    windows = cut_windows(rows, labels, spec)
    return windows if end_rows is None else windows[end_rows]


def _end_rows(ends, labels, groups):
    """Return the last row at or before each of the times, in their series."""
    if groups is None:
        if labels.is_pandas and labels.time is None:
            raise ValueError("ends requires an index of X with dates, periods or numbers.")
        time = labels.time if labels.is_pandas else pd.RangeIndex(len(labels.codes))
        if not time.is_monotonic_increasing:
            raise ValueError("ends requires an increasing index of X. Sort X by time: X.sort_index().")
        ends = as_times(_as_index(ends))
        if not labels.is_pandas:
            _check_row_numbers(ends, len(labels.codes))
        rows = _last_at_or_before(time, ends)
    else:
        if labels.time is None:
            raise ValueError(
                f"ends requires the times of the rows: an index of X, or an index level beside that of groups. "
                f"{NO_INDEX}"
            )
        if not isinstance(ends, pd.MultiIndex) or ends.nlevels != 2:
            raise ValueError(
                f"With groups={groups!r}, ends must be a MultiIndex of two levels, series and time, such as "
                f"pd.MultiIndex.from_arrays returns. Got {type(ends).__name__} of "
                f"{ends.nlevels if isinstance(ends, pd.Index) else 'no'} level(s) instead."
            )
        level = groups if groups in ends.names else 0
        names, ends = ends.get_level_values(level), as_times(ends.droplevel(level))
        rows = _last_of_series_at_or_before(labels, names, ends)
    if (rows < 0).any():
        at = int(np.argmax(rows < 0))
        raise ValueError(f"ends[{at}] is {ends[at]}, which is before the first row: no window can end there.")
    return rows


def _as_index(ends):
    """Return an array-like of times as an index."""
    check_array_like(ends, "ends", "sliding_windows")
    ends = as_pandas(ends)
    try:
        index = ends if isinstance(ends, pd.Index) else pd.Index(ends)
    except (TypeError, ValueError):
        raise ValueError(f"ends must be times, of shape (n_windows,). Got shape {np.shape(ends)} instead.") from None
    if isinstance(index, pd.MultiIndex):
        raise ValueError("Without groups, ends must be times of one level. Got a MultiIndex instead.")
    if index.inferred_type == "boolean":
        raise ValueError("ends must be times, or row numbers of an array. Got a mask: pass it as the index of windows.")
    return index


def _check_row_numbers(ends, n_rows):
    """Raise for numbers that are not row numbers of an array; negative ones and other values are rejected later."""
    if ends.inferred_type not in {"integer", "floating"}:
        return
    is_wrong = np.asarray((ends >= n_rows) | ((ends % 1 != 0) & ~ends.isna()))
    if is_wrong.any():
        at = int(np.argmax(is_wrong))
        raise ValueError(
            f"X has no index, so that ends must be row numbers, 0 to {n_rows - 1}. Got {ends.tolist()[at]} as "
            f"ends[{at}]."
        )


def _last_of_series_at_or_before(labels, names, times):
    """Return the last row of each named series at or before each time, -1 if there is none."""
    codes = labels.series.get_indexer(names)
    if (codes < 0).any():
        at = int(np.argmax(codes < 0))
        raise ValueError(f"ends[{at}] is of series {names.tolist()[at]!r}, which has no row in X.")
    order = labels.by_series()
    bounds = np.searchsorted(labels.codes[order], np.arange(len(labels.series) + 1))
    rows = np.empty(len(times), dtype=np.intp)
    for code in np.unique(codes):
        series_rows, requested = order[bounds[code] : bounds[code + 1]], np.flatnonzero(codes == code)
        positions = _last_at_or_before(labels.time[series_rows], times[requested])
        rows[requested] = np.where(positions >= 0, series_rows[positions], -1)
    return rows


def _last_at_or_before(time, ends):
    """Return the position of the last time at or before each end, -1 if there is none."""
    if ends.isna().any():
        raise ValueError(f"ends contains {ends[ends.isna()][0]}. Drop missing times.")
    try:
        return np.asarray(time.searchsorted(ends, side="right")) - 1
    except (TypeError, ValueError) as error:  # ValueError for periods of another frequency, pandas < 3
        raise ValueError(
            f"ends, {ends.dtype}, cannot be compared with the times of X, {time.dtype}: {error}"
        ) from error
