"""Forecasts, true values and histories with compatible indexes, of one or of several series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from skrnn._common.times import ORDERED_INDEXES
from skrnn._data.row_labels import column_or_level

_DATES = ORDERED_INDEXES - {"integer", "floating"}


@dataclass(frozen=True, eq=False)
class ForecastData:
    """Values to plot: as passed by the user, or, as returned by `aligned`, of one series.

    Parameters
    ----------
    forecast : Series of length n_steps
    y_true, history : Series or None
    interval : ndarray of shape (n_steps, 2), or None
    quantiles : ndarray of shape (n_steps, n_quantiles), or None
    paths : ndarray of shape (n_paths, n_steps), or None
    """

    forecast: Any
    y_true: Any = None
    history: Any = None
    interval: Any = None
    quantiles: Any = None
    paths: Any = None

    @property
    def name(self):
        """Name of the quantity: that of the first series with a name; None if there is none."""
        names = [getattr(series, "name", None) for series in (self.history, self.y_true, self.forecast)]
        return next((name for name in names if name is not None), None)


def has_series(forecast):
    """Return True for a pandas object whose index contains the names of series and the times."""
    return isinstance(forecast, (pd.Series, pd.DataFrame)) and isinstance(forecast.index, pd.MultiIndex)


def index_of_forecast(X, groups):
    """Return the index of the rows of a DataFrame; with groups, of their series and times.

    Rows whose index does not contain times are numbered within each series, from 1.
    """
    if groups is None:
        return X.index
    names, is_column = column_or_level(X, groups, "groups")
    times = X.index if is_column or X.index.nlevels == 1 else X.index.droplevel(groups)
    numbers_rows = times.inferred_type == "integer" and times.is_unique
    if numbers_rows or times.equals(names):
        codes = pd.Series(names.factorize()[0])
        times = pd.Index(codes.groupby(codes).cumcount() + 1, name="step")
    return pd.MultiIndex.from_arrays([names, times], names=[groups, times.name])


def by_series(given):
    """Return the data of each series that the index of the forecast names, as a dict of `ForecastData`.

    Parameters
    ----------
    given : ForecastData
        As passed by the user. The interval, the quantiles and the paths have a row, or a column, per row of the
        forecast, and so does an array of true values.
    """
    forecast = _squeezed(given.forecast, "forecast")
    names, times = _names_and_times(forecast.index, "forecast")
    interval, quantiles = (
        _rows_of(values, parameter, forecast.index)
        for parameter, values in (("interval", given.interval), ("quantiles", given.quantiles))
    )
    paths = None if given.paths is None else _paths(given.paths, len(forecast))
    y_true = given.y_true
    if y_true is not None and not has_series(y_true):
        values = single_series(_rows_of(y_true, "y_true", forecast.index), "y_true")[0]
        y_true = pd.Series(values, index=forecast.index, name=getattr(y_true, "name", None))
    true_values, histories = _parts(y_true, "y_true"), _parts(given.history, "history")
    codes, series = names.factorize()
    parts = {}
    for code, name in enumerate(series.tolist()):
        rows = np.flatnonzero(codes == code)
        parts[name] = ForecastData(
            forecast.iloc[rows].set_axis(times[rows]),
            true_values.get(name),
            histories.get(name),
            None if interval is None else interval[rows],
            None if quantiles is None else quantiles[rows],
            None if paths is None else paths[:, rows],
        )
    return parts


def _parts(values, parameter):
    """Return the values of each series as a dict of Series, indexed by time."""
    if values is None:
        return {}
    if not has_series(values):
        raise ValueError(
            f"{parameter} must be a Series with the names of the series and the times in its index, as the forecast. "
            f"Got {type(values).__name__} of shape {np.shape(values)} instead."
        )
    values = _squeezed(values, parameter)
    names, times = _names_and_times(values.index, parameter)
    codes, series = names.factorize()
    rows = (np.flatnonzero(codes == code) for code in range(len(series)))
    return {
        name: values.iloc[of_series].set_axis(times[of_series])
        for name, of_series in zip(series.tolist(), rows, strict=True)
    }


def _names_and_times(index, parameter):
    """Return the level with the names of the series, and that with the times: the only one of dates, or the last."""
    if index.nlevels != 2:
        raise ValueError(
            f"The index of {parameter} must have two levels, of series and times. Got the {index.nlevels} levels "
            f"{list(index.names)}."
        )
    dates = [number for number, level in enumerate(index.levels) if level.inferred_type in _DATES]
    times = dates[0] if len(dates) == 1 else 1
    return index.get_level_values(1 - times), index.get_level_values(times)


def _rows_of(values, parameter, index):
    """Return an array with one row per row of the forecast, or None; the index of a frame must be that one."""
    if values is None:
        return None
    if isinstance(values, (pd.Series, pd.DataFrame)) and not values.index.equals(index):
        raise ValueError(f"{parameter} must have the index of the forecast, with the same series and times.")
    if np.shape(values)[:1] != (len(index),):
        raise ValueError(
            f"{parameter} must have one row for each of the {len(index)} rows of the forecast. Got shape "
            f"{np.shape(values)} instead."
        )
    return np.asarray(values, dtype=float)


def _squeezed(values, parameter):
    """Return a Series, or the only column of a DataFrame."""
    if values.ndim == 2 and values.shape[1] != 1:
        raise ValueError(f"{parameter} must have one column, of shape (n_rows,). Got shape {values.shape} instead.")
    return values.squeeze("columns") if values.ndim == 2 else values


def aligned(given):
    """Return the data of one series as Series with compatible indexes, and as arrays.

    Parameters
    ----------
    given : ForecastData
        As passed by the user, or of one of several series.
    """
    forecast, steps, name = single_series(given.forecast, "forecast")
    n_steps, y_true, history, interval = len(forecast), given.y_true, given.history, given.interval
    y_true, true_steps, true_name = (None, None, None) if y_true is None else single_series(y_true, "y_true")
    interval_steps = _time_index(interval.index, "interval") if isinstance(interval, pd.DataFrame) else None
    interval = None if interval is None else np.asarray(interval, dtype=float)
    if interval is not None and interval.shape not in ((n_steps, 2), (n_steps, 2, 1)):
        raise ValueError(
            f"interval must have shape ({n_steps}, 2), a lower and an upper bound for each step of the forecast. Got "
            f"shape {interval.shape} instead."
        )
    if y_true is not None and len(y_true) > n_steps:
        raise ValueError(
            f"y_true of shape {y_true.shape} is longer than the forecast of shape {forecast.shape}. Pass true values "
            "before the forecast as history, and remove those after it."
        )
    known = [index for index in (steps, true_steps, interval_steps) if index is not None and len(index) == n_steps]
    steps = known[0] if known else None
    if history is None:
        steps = pd.RangeIndex(n_steps) if steps is None else steps
    else:
        values, earlier_steps, history_name = single_series(history, "history")
        steps, earlier_steps = _consecutive_indexes(steps, n_steps, earlier_steps, len(values))
        history = pd.Series(values, index=earlier_steps, name=history_name)
    for parameter, index in (("y_true", true_steps), ("interval", interval_steps)):
        if index is not None and not index.equals(steps[: len(index)]):
            raise ValueError(
                f"{parameter} must have the index of the forecast, {_span(steps)}. Got {_span(index)} instead."
            )
    return ForecastData(
        pd.Series(forecast, index=steps, name=name),
        None if y_true is None else pd.Series(y_true, index=steps[: len(y_true)], name=true_name),
        history,
        None if interval is None else interval.reshape(n_steps, 2),
        None if given.quantiles is None else _quantiles(given.quantiles, n_steps),
        None if given.paths is None else _paths(given.paths, n_steps),
    )


def _quantiles(quantiles, n_steps):
    """Return quantiles as an array, (n_steps, n_quantiles)."""
    quantiles = np.asarray(quantiles, dtype=float)
    if quantiles.ndim != 2 or len(quantiles) != n_steps or not quantiles.shape[1]:
        raise ValueError(
            f"quantiles must have shape ({n_steps}, n_quantiles), one row for each step of the forecast. Got shape "
            f"{quantiles.shape} instead."
        )
    if (np.diff(quantiles.mean(axis=0)) < 0).any():
        raise ValueError(
            "The columns of quantiles must be in increasing order, from the lowest to the highest quantile. Got the "
            f"means {quantiles.mean(axis=0).round(3).tolist()}."
        )
    return quantiles


def _paths(paths, n_steps):
    """Return sample paths as an array, (n_paths, n_steps)."""
    paths = np.asarray(paths, dtype=float)
    if paths.ndim != 2 or not len(paths) or paths.shape[1] != n_steps:
        raise ValueError(
            f"paths must have shape (n_paths, {n_steps}), one column for each step of the forecast. Got shape "
            f"{paths.shape} instead."
        )
    return paths


def single_series(values, parameter):
    """Return values of shape (n_steps,), their index or None, and their name or None."""
    shape = np.shape(values)
    if len(shape) not in (1, 2) or shape[1:] not in ((), (1,)) or not shape[0]:
        raise ValueError(f"{parameter} must be a single series, of shape (n_steps,). Got shape {shape} instead.")
    if not isinstance(values, (pd.DataFrame, pd.Series)):
        return np.asarray(values, dtype=float).ravel(), None, None
    values = values.squeeze("columns") if values.ndim == 2 else values
    return values.to_numpy(dtype=float, na_value=np.nan), _time_index(values.index, parameter), values.name


def _time_index(index, parameter):
    """Return an index as dates or numbers, after checking that they are increasing."""
    index = index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index
    is_time = isinstance(index, pd.DatetimeIndex) or pd.api.types.is_numeric_dtype(index.dtype)
    if not (is_time and index.is_monotonic_increasing):
        raise ValueError(
            f"The index of {parameter} must contain dates, periods or numbers of one series in increasing order. Got "
            f"{index.dtype} from {index[0]} to {index[-1]}, shape {index.shape}, instead."
        )
    return index


def _consecutive_indexes(steps, n_steps, earlier_steps, n_earlier_steps):
    """Return the indexes of the forecast and of the history; integers are continued if one of them is None."""
    if steps is None and earlier_steps is None:
        earlier_steps = pd.RangeIndex(n_earlier_steps)
    if steps is None and pd.api.types.is_integer_dtype(earlier_steps.dtype):
        steps = pd.RangeIndex(earlier_steps[-1] + 1, earlier_steps[-1] + 1 + n_steps)
    if earlier_steps is None and pd.api.types.is_integer_dtype(steps.dtype):
        earlier_steps = pd.RangeIndex(steps[0] - n_earlier_steps, steps[0])
    if steps is None or earlier_steps is None or _kind(steps) != _kind(earlier_steps) or earlier_steps[-1] >= steps[0]:
        raise ValueError(
            "history must end before the forecast begins, with an index of the same kind. Got a history with "
            f"{_span(earlier_steps)} and a forecast with {_span(steps)}. Pass both as Series, or both as arrays."
        )
    return steps, earlier_steps


def _kind(index):
    """Return whether an index contains dates, and whether it has no time zone."""
    return isinstance(index, pd.DatetimeIndex), getattr(index, "tz", None) is None


def _span(index):
    """Describe an index in an error."""
    return "no index" if index is None else f"{index[0]} to {index[-1]} ({index.dtype}, shape {index.shape})"
