"""Rolling-origin evaluation of forecasters."""

from __future__ import annotations

from functools import partial
from numbers import Integral, Real

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.utils import _safe_indexing, check_consistent_length
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import _num_samples

from skrnn._common.arguments import named_arguments
from skrnn._common.frames import as_pandas, index_of
from skrnn._common.times import is_ordered
from skrnn._common.typing import validate_params
from skrnn._data.checks import as_array_or_frame, as_float_array, check_array_like
from skrnn._forecasting.schema import output_suffixes
from skrnn._model_selection.forecast_origins import SeriesRows, long_enough
from skrnn._windows.row_warnings import PASS_NAMES, warn_of_numbers


@named_arguments
@validate_params(
    {
        "forecaster": [HasMethods(["fit", "predict", "update"])],
        "initial_window": [Interval(Integral, 1, None, closed="left")],
        "steps": [Interval(Integral, 1, None, closed="left")],
        "step_length": [Interval(Integral, 1, None, closed="left")],
        "refit": ["boolean"],
        "season": [Interval(Integral, 1, None, closed="left"), None],
        "coverage": [Interval(Real, 0, 1, closed="neither"), None],
    },
    prefer_skip_nested_validation=False,  # the forecaster validates its own parameters
)
def backtest(
    forecaster: BaseEstimator,
    X: ArrayLike | None,
    y: ArrayLike,
    *,
    initial_window: int,
    steps: int,
    step_length: int = 1,
    refit: bool = False,
    season: int | None = None,
    coverage: float | None = None,
) -> pd.DataFrame:
    """Evaluate a forecaster at successive forecast origins (rolling-origin evaluation).

    At each forecast origin, the next `steps` steps are forecast from the rows up to the origin only.

    Parameters
    ----------
    forecaster : SequenceForecaster
        Forecaster to evaluate. It is cloned and not modified.

    X : array-like of shape (n_rows, n_covariates), or None
        Covariates of each row. None if there are none. If the forecaster has groups, `X` contains the series of each
        row as well, or has an index with this level; if it is None, this is the index of `y`.

    y : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Values of one series, or of several series that are predicted together, in time order; with groups, in time
        order within each series. Missing values (NaN) are kept as such in the true values.

    initial_window : int
        Number of rows up to and including the first forecast origin, on which the forecaster is fitted. With groups,
        number of distinct times of all series; if rows have no times that series share, number of rows of each series.

    steps : int
        Number of steps to forecast from each origin.

    step_length : int, default=1
        Number of rows between consecutive forecast origins; with groups, number of times, as for `initial_window`.

    refit : bool, default=False
        Whether to refit the forecaster at each origin on all rows up to it. If False, it is fitted once, and updated
        at each origin with the rows since the previous one, without refitting.

    season : int or None, default=None
        Number of rows per season, for a baseline: the seasonal naive forecast, which repeats the last `season` rows up
        to the origin. 1 repeats the last row. If None, there is no baseline.

    coverage : float or None, default=None
        Coverage of prediction intervals, between 0 and 1: those of ``predict_interval`` of the forecaster. If None, no
        intervals are predicted.

    Returns
    -------
    DataFrame of shape (n_origins * steps, n_columns)
        One row per origin and step, with the columns ``origin``, the index label of the last row before the forecast
        (for arrays its position); ``step``, where 1 is the first row after the origin; ``y_true`` and ``y_pred``; with
        `season`, ``y_naive``; with `coverage`, ``lower`` and ``upper``. For several outputs there is one column per
        output: ``y_true_a`` and ``y_true_b``, ``y_pred_a`` and ``y_pred_b`` for outputs ``a`` and ``b``. With groups,
        there is one row per origin, series and step. The first column contains the series, and has the name of
        `groups`.

    Raises
    ------
    ValueError
        If `X` and `y` differ in length, if rows passed to the forecaster contain NaN or infinity, if no forecast
        origin is followed by `steps` rows, if `season` exceeds `initial_window`, or if a parameter is invalid.
    TypeError
        If `X` or `y` is not array-like or a DataFrame, contains non-numeric values, or is sparse; or if `coverage` is
        not None and the forecaster has no method ``predict_interval``.

    See Also
    --------
    SequenceForecaster : Forecaster to evaluate.
    PanelTimeSeriesSplit : Cross-validation splitter for a forecaster with groups.
    metrics.mean_absolute_scaled_error : Error relative to the seasonal naive forecast.

    Notes
    -----
    With groups, the forecast origins are the same times for all series. A series is left out at an origin where fewer
    than `steps` of its rows follow, or where it has too few rows before to be fitted on. Without `refit`, the series
    are those that are long enough at the first origin. ``y_naive`` is NaN for a series with fewer than `season` rows up
    to the origin.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from skrnn import SequenceForecaster, backtest
    >>> forecaster = SequenceForecaster(LinearRegression(), window=2)
    >>> y = np.arange(12.0) ** 2
    >>> backtest(forecaster, None, y, initial_window=8, steps=2, step_length=2, season=1).round(3)
       origin  step  y_true  y_pred  y_naive
    0       7     1    64.0    64.0     49.0
    1       7     2    81.0    81.0     49.0
    2       9     1   100.0   100.0     81.0
    3       9     2   121.0   121.0     81.0
    """
    check_array_like(y, "y", "backtest")
    X, y = as_pandas(X), as_pandas(y)
    check_consistent_length(X, y)
    if coverage is not None and not hasattr(forecaster, "predict_interval"):
        raise TypeError(
            f"coverage={coverage} requires a forecaster with a predict_interval method. {type(forecaster).__name__} "
            "has none."
        )
    if season is not None and season > initial_window:
        raise ValueError(f"season={season} requires as many rows up to the first origin. Got {initial_window=}.")
    groups = getattr(forecaster, "groups", None)
    X, y, index, series = _series_of_one(X, y) if groups is None else _series_of_panel(X, y, groups)
    y_true = as_float_array(y, "backtest", parameter="y").reshape(len(index), -1)
    names = getattr(y, "columns", range(np.shape(y)[1])) if np.ndim(y) > 1 else None
    suffixes, model = output_suffixes(names), clone(forecaster)
    parts: list[pd.DataFrame] = []
    fits = (lambda counts: counts > 0) if groups is None else partial(long_enough, forecaster)
    for origin in series.origins(initial_window, steps, step_length, season or 1, fits, refit):
        if refit or not parts:
            model.fit(_rows(X, origin.rows), _rows(y, origin.rows))
        elif len(origin.rows):
            model.update(_rows(X, origin.rows), _rows(y, origin.rows))
        future = origin.future.ravel()
        # Without covariates, a frame without columns tells how many steps to forecast.
        X_future = pd.DataFrame(index=index.take(future)) if X is None else _rows(X, future)
        n_series = len(origin.series)
        part = pd.DataFrame(
            {"origin": [origin.label] * len(future), "step": np.tile(np.arange(1, steps + 1), n_series)}
        )
        if groups is not None:
            part.insert(0, groups, np.repeat([series.names[number] for number in origin.series], steps))
        values = {"y_true": y_true[future], "y_pred": model.predict(X_future)}
        if season is not None:
            before = origin.season_before.ravel()
            values["y_naive"] = np.where(before[:, np.newaxis] < 0, np.nan, y_true[before])
        if coverage is not None:
            bounds = np.asarray(model.predict_interval(X_future, coverage=coverage))
            values |= {"lower": bounds[:, 0], "upper": bounds[:, 1]}
        for name, column in values.items():
            part[[f"{name}{suffix}" for suffix in suffixes]] = np.reshape(column, (len(future), -1))
        parts.append(part)
    if not parts:
        raise ValueError(_why_no_origin(series, groups, initial_window, steps))
    return pd.concat(parts, ignore_index=True)


def _series_of_one(X, y):
    """Return `X`, `y`, the index that identifies their rows, and the rows of the only series."""
    n_rows = _num_samples(y)
    index = index_of(y)
    index = pd.RangeIndex(n_rows) if index is None else index
    series = SeriesRows.of_one(index)
    if not index.is_unique and index.nlevels == 1 and (index.inferred_type == "integer" or not is_ordered(index)):
        # Repeated labels that are not times do not identify rows: positions are used instead.
        warn_of_numbers(index, "backtest", PASS_NAMES)
        index = pd.RangeIndex(n_rows)
        X, y = (data.set_axis(index) if isinstance(data, (pd.Series, pd.DataFrame)) else data for data in (X, y))
    return X, y, index, series


def _series_of_panel(X, y, groups):
    """Return `X`, which has no columns if it was None, `y`, the index of `X`, and the rows of all series."""
    if {groups} & {"origin", "step"}:
        raise ValueError(f"groups={groups!r} is the name of another column of the output of backtest. Rename it.")
    if X is None and index_of(y) is not None:
        X = pd.DataFrame(index=y.index)
    if X is None:
        raise ValueError(
            f"The forecaster has groups={groups!r}, but X is None. Pass the series of each row as a column or an index "
            "level of X, or as an index level of y."
        )
    X = as_array_or_frame(X, "X", "backtest")
    index = index_of(X)
    return X, y, pd.RangeIndex(_num_samples(X)) if index is None else index, SeriesRows.of_panel(X, y, groups)


def _rows(data, positions):
    """Return the rows of an array or a frame at some positions."""
    return None if data is None else _safe_indexing(data, positions)


def _why_no_origin(series, groups, initial_window, steps):
    """Return the error message if there is no origin."""
    if groups is None:
        rows = f"y has {len(series.times)} rows"
    elif series.has_times:
        rows = f"The series have {len(series.times)} distinct times, and at most {max(map(len, series.rows))} rows each"
    else:
        rows = f"The longest series has {len(series.times)} rows"
    return f"{rows}, too few for initial_window={initial_window} and steps={steps}. Decrease one of them."
