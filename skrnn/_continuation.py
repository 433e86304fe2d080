"""Where rows stand to the series that were fitted, and at what times these go on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skrnn._times import comparable, frequency_of, periods_of, time_values


def locate(bounds, known, frequency, labels):
    """Tell where rows stand: in the series that were fitted, or so many steps after.

    Parameters
    ----------
    bounds : ndarray of int, shape (n_series + 1,)
        The first row of each fitted series, and the end of the last.
    known : RowLabels
        Labels of the fitted rows.
    frequency : DateOffset, int or None
        Distance between fitted times.
    labels : RowLabels
        Labels of the rows to locate.

    Returns
    -------
    codes : ndarray of shape (n_rows,)
        The number of the fitted series of each row.
    ahead : ndarray of int, shape (n_rows,)
        How many steps after the end of its series a row is; 0 for rows of the series itself.
    position : ndarray of int, shape (n_rows,)
        For these, the fitted row.
    """
    codes = known.series.get_indexer(labels.series)[labels.codes]
    if (codes < 0).any():
        row = int(np.argmax(codes < 0))
        series = labels.series.tolist()[labels.codes[row]]
        raise ValueError(f"Row {row} of X is of a series that was not fitted: {series!r}.")
    position = np.full(len(codes), -1)
    inside = np.zeros(len(codes), dtype=bool)
    if comparable(known.time, labels.time):
        times, fitted = time_values(labels.time), time_values(known.time)
        inside = times <= fitted[bounds[codes + 1] - 1]
        for code in np.unique(codes[inside]):
            mine = inside & (codes == code)
            of_series = fitted[bounds[code] : bounds[code + 1]]
            # Rows of one time are those of that time, in their order.
            found = np.searchsorted(of_series, times[mine]) + _repetitions(times[mine])
            at = np.minimum(found, len(of_series) - 1)
            position[mine] = np.where((at == found) & (of_series[at] == times[mine]), bounds[code] + at, -1)
        if (inside & (position < 0)).any():
            row = int(np.argmax(inside & (position < 0)))
            why = "does not lie after the fitted series, and is none of its rows"
            if (fitted[bounds[codes[row]] : bounds[codes[row] + 1]] == times[row]).any():
                why = "stands there more often than in the fitted series"
            raise ValueError(f"Row {row} of X ({labels.time[row]}) {why}.")
    ahead = np.zeros(len(codes), dtype=int)
    after = np.flatnonzero(~inside)
    in_order = after[np.argsort(codes[after], kind="stable")]
    ahead[in_order] = np.arange(len(after)) - np.searchsorted(codes[in_order], codes[in_order]) + 1
    if len(after) and frequency is not None and comparable(known.time, labels.time):
        ends, periods = periods_of(known.time, labels.time, frequency)
        wrong = ~inside & (periods - ends[bounds[codes + 1] - 1] != ahead)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(
                f"Row {row} of X ({labels.time[row]}) does not continue the series, whose last row is of "
                f"{known.time[bounds[codes[row] + 1] - 1]}: the steps to predict must follow it one by one."
            )
    return codes, ahead, position


def _repetitions(times):
    """Return for each of sorted times how many rows of the same time stand before it."""
    return np.arange(len(times)) - np.searchsorted(times, times)


def distance_of(labels):
    """Return the distance between neighbouring times of a series; None where there is none, or nothing tells it."""
    time = labels.time
    # Of several series: whole numbers that differ for every row are those of the rows, and count no time.
    if time is not None and len(labels.series) > 1 and time.inferred_type == "integer" and time.is_unique:
        return None
    return frequency_of(time)


def next_times(last, frequency, n_steps):
    """Return the times of the steps after the last one; their numbers where there is no frequency."""
    if last is None or frequency is None:
        return pd.RangeIndex(1, n_steps + 1, name="step")
    if isinstance(last, pd.PeriodIndex):
        return pd.PeriodIndex([last[0] + frequency * i for i in range(1, n_steps + 1)], freq=last.freq, name=last.name)
    if isinstance(last, pd.DatetimeIndex):
        return pd.date_range(last[0], periods=n_steps + 1, freq=frequency, name=last.name)[1:]
    return pd.Index([last[0] + frequency * i for i in range(1, n_steps + 1)], name=last.name)
