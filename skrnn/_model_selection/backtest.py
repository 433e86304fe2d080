"""Rolling-origin evaluation of forecasters."""

from __future__ import annotations

from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.utils import _safe_indexing, check_consistent_length
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import _num_samples

from skrnn._common.frames import as_pandas, index_of
from skrnn._common.times import is_ordered
from skrnn._common.typing import validate_params
from skrnn._data.checks import as_float_array, check_array_like


@validate_params(
    {
        "forecaster": [HasMethods(["fit", "predict", "update"])],
        "initial_window": [Interval(Integral, 1, None, closed="left")],
        "steps": [Interval(Integral, 1, None, closed="left")],
        "step_length": [Interval(Integral, 1, None, closed="left")],
        "refit": ["boolean"],
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
) -> pd.DataFrame:
    """Evaluate a forecaster at successive forecast origins (rolling-origin evaluation).

    At each forecast origin, the next `steps` steps are forecast from the rows up to the origin only.

    Parameters
    ----------
    forecaster : SequenceForecaster
        Forecaster to evaluate. It is cloned and not modified.

    X : array-like of shape (n_rows, n_covariates), or None
        Covariates of each row. None if there are none.

    y : array-like of shape (n_rows,) or (n_rows, n_series)
        Values of one series, or of several series that are predicted together, in time order.

    initial_window : int
        Number of rows up to and including the first forecast origin, on which the forecaster is fitted.

    steps : int
        Number of steps to forecast from each origin.

    step_length : int, default=1
        Number of rows between consecutive forecast origins.

    refit : bool, default=False
        Whether to refit the forecaster at each origin on all rows up to it. If False, it is fitted once, and updated
        at each origin with the rows since the previous one, without refitting.

    Returns
    -------
    DataFrame of shape (n_origins * steps, 4)
        One row per origin and step, with the columns ``origin``, the index label of the last row before the forecast
        (for arrays its position); ``step``, where 1 is the first row after the origin; ``y_true`` and ``y_pred``. For
        several series there are two columns per series: ``y_true_a`` and ``y_pred_a`` for a series ``a``.

    Raises
    ------
    ValueError
        If `X` and `y` differ in length, if rows passed to the forecaster contain NaN or infinity, if no forecast
        origin is followed by `steps` rows, if the forecaster has groups, or if a parameter is invalid.
    TypeError
        If `X` or `y` is not array-like or a DataFrame, contains non-numeric values, or is sparse.

    See Also
    --------
    SequenceForecaster : Forecaster to evaluate.
    PanelTimeSeriesSplit : Cross-validation splitter for a forecaster with groups.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from skrnn import SequenceForecaster, backtest
    >>> forecaster = SequenceForecaster(LinearRegression(), window=2)
    >>> y = np.arange(12.0) ** 2
    >>> backtest(forecaster, None, y, initial_window=8, steps=2, step_length=2).round(3)
       origin  step  y_true  y_pred
    0       7     1    64.0    64.0
    1       7     2    81.0    81.0
    2       9     1   100.0   100.0
    3       9     2   121.0   121.0
    """
    if getattr(forecaster, "groups", None) is not None:
        raise ValueError(
            f"backtest evaluates a single series, but the forecaster has groups={forecaster.groups!r}. Backtest each "
            "series with a forecaster without groups, or cross-validate with PanelTimeSeriesSplit."
        )
    check_array_like(y, "y", "backtest")
    X, y = as_pandas(X), as_pandas(y)
    check_consistent_length(X, y)
    n_rows = _num_samples(y)
    origins = range(initial_window, n_rows - steps + 1, step_length)
    if not len(origins):
        raise ValueError(
            f"y has {n_rows} rows, too few for initial_window={initial_window} and steps={steps}. Decrease one of them."
        )

    def rows(data, first, end):
        return None if data is None else _safe_indexing(data, np.arange(first, end))

    suffixes = _suffixes(y)
    index = index_of(y)
    index = pd.RangeIndex(n_rows) if index is None else index
    row_labels = index
    if not index.is_unique and index.nlevels == 1 and (index.inferred_type == "integer" or not is_ordered(index)):
        # Repeated labels that are not times do not identify rows: positions are used instead.
        row_labels = pd.RangeIndex(n_rows)
        X, y = (data.set_axis(row_labels) if isinstance(data, (pd.Series, pd.DataFrame)) else data for data in (X, y))
    y_true = as_float_array(y, "backtest", parameter="y").reshape(n_rows, -1)
    model, n_known, parts = clone(forecaster), 0, []
    for origin in origins:
        if refit or not n_known:
            model.fit(rows(X, 0, origin), rows(y, 0, origin))
        else:
            model.update(rows(X, n_known, origin), rows(y, n_known, origin))
        n_known = origin
        end = origin + steps
        # Without covariates, a frame without columns tells how many steps to forecast.
        X_future = pd.DataFrame(index=row_labels[origin:end]) if X is None else rows(X, origin, end)
        part = pd.DataFrame({"origin": [index[origin - 1]] * steps, "step": np.arange(1, steps + 1)})
        for name, values in (("y_true", y_true[origin:end]), ("y_pred", model.predict(X_future))):
            part[[f"{name}{suffix}" for suffix in suffixes]] = np.reshape(values, (steps, -1))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _suffixes(y):
    """Return the suffix of the columns ``y_true`` and ``y_pred`` of each series."""
    if np.ndim(y) == 1:
        return [""]
    return [f"_{name}" for name in getattr(y, "columns", range(np.shape(y)[1]))]
