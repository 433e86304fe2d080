"""Forecasts from many origins, set beside what came."""

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
        "initial": [Interval(Integral, 1, None, closed="left")],
        "steps": [Interval(Integral, 1, None, closed="left")],
        "stride": [Interval(Integral, 1, None, closed="left")],
        "refit": ["boolean"],
    },
    prefer_skip_nested_validation=False,  # of the forecaster nothing is validated yet
)
def backtest(
    forecaster: BaseEstimator,
    X: ArrayLike | None,
    y: ArrayLike,
    *,
    initial: int,
    steps: int,
    stride: int = 1,
    refit: bool = False,
) -> pd.DataFrame:
    """Forecast from one origin after another, as if the rest were not known yet.

    Parameters
    ----------
    forecaster : SequenceForecaster
        What to evaluate; it is cloned.

    X : array-like of shape (n_rows, n_covariates), or None
        Covariates of every row.

    y : array-like of shape (n_rows,) or (n_rows, n_series)
        One series, or several that are predicted together, in time order.

    initial : int
        Rows before the first origin, which the forecaster is fitted on.

    steps : int
        Steps to forecast from each origin.

    stride : int, default=1
        Rows between one origin and the next.

    refit : bool, default=False
        Whether the forecaster is fitted again at every origin, on all rows before it. Otherwise it is fitted once, and
        updated with the rows that come in between.

    Returns
    -------
    DataFrame
        A row for each origin and step: the origin (the index of the last row that was known; for arrays its number),
        the step (1 is the row after the origin), truth and prediction. With several series, columns of both for each,
        named ``truth_a`` and ``prediction_a`` for a series ``a``.

    Raises
    ------
    ValueError
        If `X` and `y` differ in length, no origin has `steps` rows after it, the forecaster has groups, or a parameter
        is out of its range.
    TypeError
        If `y` is no array, list or frame.

    See Also
    --------
    SequenceForecaster : What it evaluates.
    PanelTimeSeriesSplit : Folds of many series, to cross-validate a forecaster that has groups.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from skrnn import SequenceForecaster, backtest
    >>> forecaster = SequenceForecaster(LinearRegression(), window=2)
    >>> y = np.arange(12.0) ** 2
    >>> backtest(forecaster, None, y, initial=8, steps=2, stride=2).round(3)
       origin  step  truth  prediction
    0       7     1   64.0        64.0
    1       7     2   81.0        81.0
    2       9     1  100.0       100.0
    3       9     2  121.0       121.0
    """
    if getattr(forecaster, "groups", None) is not None:
        raise ValueError(
            f"backtest takes one series, but the forecaster has groups={forecaster.groups!r}. Pass the series one by "
            "one, or cross-validate with PanelTimeSeriesSplit."
        )
    check_array_like(y, "y", "backtest")
    X, y = as_pandas(X), as_pandas(y)
    check_consistent_length(X, y)
    n_rows = _num_samples(y)
    origins = range(initial, n_rows - steps + 1, stride)
    if not len(origins):
        raise ValueError(f"y has {n_rows} rows, too few for initial={initial} and steps={steps}: lower one of them.")

    def rows(data, first, end):
        return None if data is None else _safe_indexing(data, np.arange(first, end))

    columns = _columns(y)
    index = index_of(y)
    index = pd.RangeIndex(n_rows) if index is None else index
    places = index
    if not index.is_unique and index.nlevels == 1 and (index.inferred_type == "integer" or not is_ordered(index)):
        places = pd.RangeIndex(n_rows)  # labels that repeat, and are no times, do not tell one row from another
        X, y = (data.set_axis(places) if isinstance(data, (pd.Series, pd.DataFrame)) else data for data in (X, y))
    truth = as_float_array(y, "backtest", parameter="y").reshape(n_rows, -1)
    model, known, parts = clone(forecaster), 0, []
    for origin in origins:
        if refit or not known:
            model.fit(rows(X, 0, origin), rows(y, 0, origin))
        else:
            model.update(rows(X, known, origin), rows(y, known, origin))
        known = origin
        # A frame without columns says how many steps there are where there are no covariates.
        asked = pd.DataFrame(index=places[origin : origin + steps]) if X is None else rows(X, origin, origin + steps)
        part = pd.DataFrame({"origin": [index[origin - 1]] * steps, "step": np.arange(1, steps + 1)})
        for kind, values in (("truth", truth[origin : origin + steps]), ("prediction", model.predict(asked))):
            part[[f"{kind}{column}" for column in columns]] = np.reshape(values, (steps, -1))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _columns(y):
    """Return what is put after "truth" and "prediction" for each series."""
    if np.ndim(y) == 1:
        return [""]
    return [f"_{name}" for name in getattr(y, "columns", range(np.shape(y)[1]))]
