"""Metrics of forecasts that scikit-learn does not contain."""

from __future__ import annotations

from itertools import pairwise
from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval

from skrnn._common.arguments import named_arguments
from skrnn._common.frames import as_pandas
from skrnn._common.typing import validate_params
from skrnn._data.checks import as_float_array, check_array_like, first_position

__all__ = ["mean_absolute_scaled_error"]

_NAME = "mean_absolute_scaled_error"


@named_arguments
@validate_params({"season": [Interval(Integral, 1, None, closed="left")]}, prefer_skip_nested_validation=True)
def mean_absolute_scaled_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    y_train: ArrayLike,
    season: int = 1,
    groups: ArrayLike | None = None,
    groups_train: ArrayLike | None = None,
) -> float:
    r"""Mean absolute scaled error (MASE) of forecasts.

    The mean absolute error is divided by that of the seasonal naive forecast of the training data, which repeats the
    value of one season before [1]_. The result has no unit, and can be compared and averaged over series of different
    scales. Forecasts with a value below 1 have smaller errors than the naive forecast had, one season ahead, in the
    training data.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,) or (n_rows, n_outputs)
        True values. Missing values (NaN) are left out.

    y_pred : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Forecasts of these values.

    y_train : array-like of shape (n_train_rows,) or (n_train_rows, n_outputs)
        Values that precede the forecasts, in time order within each series. Differences to missing values (NaN) are
        left out.

    season : int, default=1
        Number of rows per season: 12 for monthly rows with a yearly season, 1 for series without a season.

    groups : array-like of shape (n_rows,), default=None
        Series of each row of `y_true` and `y_pred`. If None, all rows belong to one series.

    groups_train : array-like of shape (n_train_rows,), default=None
        Series of each row of `y_train`. Required if `groups` is given. It may contain further series.

    Returns
    -------
    float
        Error, non-negative; 0.0 is the best value. It is computed for each output of each series, and averaged over
        those with a true value, so that all series have the same weight, whatever their length.

    Raises
    ------
    TypeError
        If an argument is not array-like, contains non-numeric values, or is sparse.

    ValueError
        If shapes or columns differ; if an array contains infinity, `y_pred` contains NaN, or `y_true` contains nothing
        else; if only one of `groups` and `groups_train` is given, contains a missing value, or `groups` contains a
        series that `groups_train` does not; or if the error of the naive forecast is zero or not defined, since the
        training data of a series are constant, periodic, or not longer than `season`.

    See Also
    --------
    backtest : Rolling-origin evaluation of forecasts.
    sklearn.metrics.mean_absolute_error : Mean absolute error, in the units of the series.

    Notes
    -----
    For a series with training values :math:`y_1, \dots, y_n` and a season of :math:`m` rows, the error is

    .. math::

        \frac{\operatorname{mean}(|y_t - \hat y_t|)}{\frac{1}{n - m} \sum_{i=m+1}^{n} |y_i - y_{i-m}|}.

    References
    ----------
    .. [1] R. J. Hyndman and A. B. Koehler, "Another look at measures of forecast accuracy", International Journal of
       Forecasting 22 (2006), 679-688. https://doi.org/10.1016/j.ijforecast.2006.03.001

    Examples
    --------
    >>> from skrnn.metrics import mean_absolute_scaled_error
    >>> mean_absolute_scaled_error([3.0, 5.0], [4.0, 4.0], y_train=[1.0, 3.0, 5.0])
    0.5

    The mean of several series, of which the second has errors of 3 and naive errors of 10:

    >>> mean_absolute_scaled_error(
    ...     [3.0, 5.0, 50.0],
    ...     [4.0, 4.0, 53.0],
    ...     y_train=[1.0, 3.0, 5.0, 20.0, 30.0, 40.0],
    ...     groups=["a", "a", "b"],
    ...     groups_train=["a", "a", "a", "b", "b", "b"],
    ... )
    0.4
    """
    true, predicted, training = _read(y_true, y_pred, y_train)
    codes, codes_train, names = _read_groups(groups, groups_train, len(true), len(training))
    scales = np.stack([_scale(rows, season) for rows in _by_series(training, codes_train, len(names))])
    errors = np.stack([_mean(rows) for rows in _by_series(np.abs(true - predicted), codes, len(names))])
    counts = ~np.isnan(errors)
    if not counts.any():
        raise ValueError(f"y_true of {_NAME} contains no value other than NaN.")
    if (counts & ~(scales > 0)).any():
        code, output = first_position(counts & ~(scales > 0))
        which = "" if groups is None else f" of series {names[code]!r}"
        which += "" if true.shape[1] == 1 else f" in column {output}"
        problem = (
            f"must have at least {season + 1} rows, two of them, one season apart, without NaN"
            if np.isnan(scales[code, output])
            else "must not be constant, or the same in each season, because the error of the naive forecast is then 0"
        )
        raise ValueError(
            f"y_train{which} {problem}: the mean absolute scaled error with season={season} is not defined. Pass more "
            "rows, leave the series out, or use another metric, such as the mean absolute error."
        )
    return float(np.mean(errors[counts] / scales[counts]))


def _read(y_true, y_pred, y_train):
    """Return the three arrays as columns, (n_rows, n_outputs), after checks of their values and shapes."""
    given = {"y_true": y_true, "y_pred": y_pred, "y_train": y_train}
    arrays = {}
    for parameter, values in given.items():
        array = as_float_array(values, _NAME, parameter=parameter, finite=parameter == "y_pred")
        if np.isinf(array).any():
            row = first_position(np.isinf(array))[0]
            raise ValueError(f"Input {parameter} contains infinity, first at row {row}; {_NAME} takes finite numbers.")
        arrays[parameter] = array if array.ndim == 2 else array[:, np.newaxis]
    shapes = [array.shape for array in arrays.values()]
    if shapes[0] != shapes[1] or shapes[0][1] != shapes[2][1]:
        raise ValueError(
            "y_true and y_pred must have the same shape, and y_train the same number of columns. Got the shapes "
            f"{', '.join(f'{np.shape(values)} of {parameter}' for parameter, values in given.items())}."
        )
    frames = {name: as_pandas(values) for name, values in given.items()}
    columns = {name: list(frame.columns) for name, frame in frames.items() if isinstance(frame, pd.DataFrame)}
    for name, found in columns.items():
        if found != columns.get("y_true", found):
            raise ValueError(f"y_true has the columns {columns['y_true']}, but {name} has {found}. Reorder them.")
    return tuple(arrays.values())


def _read_groups(groups, groups_train, n_rows, n_train_rows):
    """Return the number of the series of each row, and of each row of training data, and the names of the series."""
    if groups is None and groups_train is None:
        return np.zeros(n_rows, dtype=int), np.zeros(n_train_rows, dtype=int), [None]
    if groups is None or groups_train is None:
        lacking = "groups" if groups is None else "groups_train"
        raise ValueError(
            f"{lacking} is None. Pass both, or none: groups, the series of each row of y_true, and groups_train, the "
            "series of each row of y_train."
        )
    labels = _labels(groups, "groups", n_rows, "y_true")
    labels_train = _labels(groups_train, "groups_train", n_train_rows, "y_train")
    codes, names = labels.factorize()
    codes_train = names.get_indexer(labels_train)
    has_rows = np.isin(np.arange(len(names)), codes_train)
    if not has_rows.all():
        raise ValueError(
            f"groups contains the series {names.tolist()[int(np.argmin(has_rows))]!r}, of which groups_train contains "
            "no row. Pass the training data of all series."
        )
    return codes, codes_train, names.tolist()


def _labels(groups, parameter, n_rows, rows):
    """Return the series of rows as an Index of length n_rows."""
    check_array_like(groups, parameter, _NAME)
    groups = as_pandas(groups)
    if np.shape(groups) != (n_rows,):
        raise ValueError(
            f"{parameter} must contain the series of each row of {rows}, shape ({n_rows},). Got shape "
            f"{np.shape(groups)} instead."
        )
    labels = pd.Index(groups)
    if labels.hasnans:
        raise ValueError(f"{parameter} contains a missing value in row {int(np.argmax(labels.isna()))}.")
    return labels


def _by_series(rows, codes, n_series):
    """Return the rows of each series, in their order, as a list of arrays; those with other codes are left out."""
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(n_series + 1))
    return [rows[order[first:end]] for first, end in pairwise(bounds)]


def _scale(rows, season):
    """Return the mean absolute error of the seasonal naive forecast of a series, (n_outputs,)."""
    return _mean(np.abs(rows[season:] - rows[:-season]))


def _mean(errors):
    """Return the mean of each column, (n_outputs,), without NaN; NaN for a column without values."""
    counts = (~np.isnan(errors)).sum(axis=0)
    return np.divide(np.nansum(errors, axis=0), counts, out=np.full(errors.shape[1], np.nan), where=counts > 0)
