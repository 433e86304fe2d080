"""Reading of `X` and `y`: `fit` learns their schema, later calls are checked against it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import _num_samples, validate_data

from skrnn._common.frames import index_of
from skrnn._common.judged_rows import are_judged_by_caller
from skrnn._data.checks import (
    as_array_or_frame,
    as_float_array,
    as_numeric,
    check_finite,
    check_sample_weights,
    first_position,
)
from skrnn._data.row_labels import RowLabels, split_labels
from skrnn._forecasting.calendar import fitted_calendar, times_of_rows, with_calendar
from skrnn._forecasting.covariate_columns import CovariateColumns
from skrnn._forecasting.row_index import (
    check_kind,
    check_not_known,
    check_same_index,
    kind_of,
    labels_within_series,
    row_index,
    rows_with_index_of,
)
from skrnn._forecasting.schema import Schema
from skrnn._windows.row_warnings import (
    PASS_GROUPS,
    PASS_NAMES,
    warn_of_gap,
    warn_of_numbers,
    warn_of_panel,
    warn_of_text,
)

_NAME = "SequenceForecaster"
_FOR_CATEGORIES = (
    " If column {column!r} contains categories, convert it to categorical dtype or set categorical_features."
)


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of `X` and `y`, as arrays, and their labels.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_outputs), or None
        Values of `y`; None if it was not passed.
    covariates : ndarray of shape (n_rows, n_covariates)
        Columns of `X` that are known in advance.
    past : ndarray of shape (n_rows, n_past_covariates)
        Columns of `X` that are known up to the present only; NaN where missing.
    labels : RowLabels
        Series and times of the rows.
    unordered_labels : MultiIndex or None
        Series and labels of rows whose labels have no order in time, as returned by `labels_within_series`.
    """

    values: NDArray[Any] | None
    covariates: NDArray[Any]
    past: NDArray[Any]
    labels: RowLabels
    unordered_labels: pd.MultiIndex | None


@dataclass(frozen=True, eq=False)
class _Input:
    """`X` and `y` as passed, arrays or pandas objects, with the labels of their rows but before any check of values."""

    X: Any
    y: Any
    features: Any  # `X` without the column of `groups`
    labels: RowLabels
    index: pd.Index | None  # without the level of `groups`

    @property
    def n_rows(self):
        return _num_samples(self.y if self.X is None else self.X)


def read_training_rows(forecaster, X, y):
    """Read the data passed to `fit`; return the rows and their schema.

    Sets ``n_features_in_`` and ``feature_names_in_`` of the forecaster.
    """
    _check_y_passed(y)
    groups = forecaster.groups
    given = _with_labels(X, y, groups)
    labels = given.labels
    unordered_labels = labels_within_series(given.index, labels.codes) if labels.time is None else None
    columns = CovariateColumns.learn(
        given.features, forecaster.past_covariates, forecaster.categorical_features, groups
    )
    covariates, past = _read_covariates(forecaster, given, groups, columns, reset=True)
    values = _read_values(given.y)
    _check_consistent(values, given)
    is_2d = values.ndim == 2
    schema = Schema(
        groups=groups,
        index_kind=kind_of(given.index),
        names=getattr(given.y, "columns" if is_2d else "name", None),
        n_outputs=values.shape[1] if is_2d else 1,
        is_2d=is_2d,
        is_pandas=index_of(given.y) is not None,
        columns=columns,
        has_group_column=groups is not None and groups in getattr(given.X, "columns", ()),
        calendar=fitted_calendar(forecaster.calendar, labels.time),
    )
    _warn_of_rows(given, groups)
    covariates = with_calendar(covariates, schema.calendar, labels.time)
    return Rows(_as_columns(values), covariates, past, labels, unordered_labels), schema


def read_history(forecaster, X, y, schema):
    """Read the rows of series that a prediction continues instead of the fitted ones.

    Parameters
    ----------
    forecaster : SequenceForecaster
    X, y : array-like or None
        Parameters `history_X` and `history` of the prediction.
    schema : Schema
        Of the fitted rows.

    Returns
    -------
    rows : Rows
    schema : Schema
        The fitted one with the kind of index of these rows.
    """
    given = _with_labels(X, y, schema.groups)
    covariates, past = _read_covariates(forecaster, given, schema.groups, schema.columns, reset=False)
    covariates = with_calendar(covariates, schema.calendar, given.labels.time)
    values = _read_values(_columns_as_fitted(given.y, schema.names if schema.is_2d else None))
    _check_consistent(values, given)
    _check_shape(values.shape, schema)
    if schema.groups is None and not are_judged_by_caller():
        warn_of_numbers(given.index, _NAME, PASS_NAMES)
    unordered_labels = labels_within_series(given.index, given.labels.codes) if given.labels.time is None else None
    rows = Rows(_as_columns(values), covariates, past, given.labels, unordered_labels)
    return rows, replace(schema, index_kind=kind_of(given.index), is_pandas=index_of(given.y) is not None)


def read_rows_to_predict(forecaster, X, schema, known):
    """Read the `X` of a prediction, as `read_new_rows` does."""
    if X is None:
        raise ValueError(
            "X=None does not define the number of steps to predict: call forecast(steps), or pass a DataFrame without "
            "columns."
        )
    if isinstance(X, Integral):
        raise TypeError(
            f"X must be array-like or a DataFrame for {_NAME}. Got {X} of type "
            f"{type(X).__name__} instead. Without covariates, call forecast({X}), or forecast({X}, coverage=0.9) "
            f"for intervals; for samples, pass X=pd.DataFrame(index=forecast({X}).index)."
        )
    return _read_checked(forecaster, X, None, schema, known)


def read_new_rows(forecaster, X, y, schema, known):
    """Read the data passed to `update`, and check them against the fitted schema and the known rows.

    Parameters
    ----------
    forecaster : SequenceForecaster
    X, y : array-like or None
    schema : Schema
    known : KnownRows

    Returns
    -------
    Rows
    """
    _check_y_passed(y)
    return _read_checked(forecaster, X, y, schema, known)


def _read_checked(forecaster, X, y, schema, known):
    given = _with_labels(X, y, schema.groups)
    labels, parameter = given.labels, "y" if index_of(given.X) is None else "X"
    check_kind(kind_of(given.index), labels.time, known, schema.index_kind, parameter)
    unordered_labels = None
    if known.unordered_labels is not None:
        unordered_labels = labels_within_series(given.index, known.codes_of(labels))
        check_not_known(unordered_labels, known, parameter, schema.groups is not None)
    covariates, past = _read_covariates(forecaster, given, schema.groups, schema.columns, reset=False)
    if schema.calendar is not None:
        covariates = with_calendar(covariates, schema.calendar, times_of_rows(labels, known))
    if given.y is None:
        return Rows(None, covariates, past, labels, unordered_labels)
    values = _read_values(_columns_as_fitted(given.y, schema.names))
    _check_consistent(values, given)
    _check_shape(values.shape, schema)
    return Rows(_as_columns(values), covariates, past, labels, unordered_labels)


def read_true_values(X, y, schema):
    """Read the `y` of a score, whose columns are matched by name if there are several; return an array or a frame."""
    y = as_array_or_frame(y, "y", _NAME)
    check_same_index(X, y)
    return y if schema.n_outputs == 1 else _columns_as_fitted(y, schema.names)


def _columns_as_fitted(y: Any, names: Any) -> Any:
    """Return `y` with its columns in the fitted order, matched by name; raise for other names.

    Columns without names, of arrays or with the default names of pandas, are matched by position.
    """
    if isinstance(y, pd.Series):
        if names is None or isinstance(names, pd.Index) or y.name is None or y.name == names:
            return y
        raise ValueError(
            f"y has the name {y.name!r}, but SequenceForecaster was fitted on {names!r}. Pass the same series, or, if "
            "it is the same under another name, rename it with y.rename(...)."
        )
    if not isinstance(y, pd.DataFrame) or not isinstance(names, pd.Index) or y.columns.equals(names):
        return y
    are_unique = y.columns.is_unique and names.is_unique
    if are_unique and len(names) == y.shape[1] and names.isin(y.columns).all():
        return y[names.tolist()]
    default = pd.RangeIndex(len(names))
    if y.shape[1] != len(names) or y.columns.equals(default) or names.equals(default):
        return y  # `_check_shape` raises for another number of columns
    raise ValueError(
        f"y has the columns {y.columns.tolist()}, but SequenceForecaster was fitted on {names.tolist()}. Pass the same "
        "columns, in any order."
    )


def _with_labels(X, y, groups):
    """Return `X` and `y` as arrays or pandas objects with the labels of their rows, from the index of either."""
    X = None if X is None else as_array_or_frame(X, "X", _NAME)
    y = None if y is None else as_array_or_frame(y, "y", _NAME)
    features = pd.DataFrame(index=y.index) if X is None and index_of(y) is not None else X
    indexed = y if index_of(features) is None and groups is None else features
    n_rows = _num_samples(y if features is None else features)
    if groups is None:
        labels = split_labels(np.empty((n_rows, 1)) if index_of(indexed) is None else indexed, None)[1]
        return _Input(X, y, features, labels, row_index(indexed, None))
    features, labels = split_labels(indexed, groups)
    if index_of(indexed) is None:
        rows = rows_with_index_of(y, labels, groups)
        if rows is not None:
            indexed, labels = rows, split_labels(rows, groups)[1]
    return _Input(X, y, features, labels, row_index(indexed, groups))


def _read_covariates(forecaster, given, groups, columns, reset):
    """Return the covariates of rows that are known in advance, and those known up to the present only.

    Returns
    -------
    covariates : ndarray of shape (n_rows, n_covariates)
    past : ndarray of shape (n_rows, n_past_covariates)
        NaN if `y` is not passed: in a prediction, past covariates are not known, and not read.
    """
    past_is_known = given.y is not None
    features = given.features if past_is_known else columns.with_past_columns(given.features)
    # In fit, an array without columns is an error, unless its only column identified the series.
    may_be_empty = not reset or groups is not None or hasattr(features, "columns")
    if features is None or (may_be_empty and getattr(features, "shape", ())[1:] == (0,)):
        if reset:
            forecaster.n_features_in_ = 0
            vars(forecaster).pop("feature_names_in_", None)
        elif forecaster.n_features_in_:
            raise ValueError(f"X has no columns, but {_NAME} is expecting {forecaster.n_features_in_} covariates.")
        return np.empty((given.n_rows, 0)), np.empty((given.n_rows, 0))
    if not reset and not forecaster.n_features_in_:
        raise ValueError(
            f"X has columns, shape {np.shape(features)}, but {_NAME} was fitted without covariates. Pass a DataFrame "
            "without columns, whose index contains the times of the rows, or call forecast(steps)."
        )
    if len(getattr(features, "shape", ())) == 1:
        raise ValueError(
            f"Expected 2D array, got 1D array instead: X has shape {np.shape(features)}. X contains covariates, and y "
            "the values of the series; without covariates, pass X=None. Reshape your data if it is a single covariate: "
            "X.to_frame() or X.reshape(-1, 1)."
        )
    if not reset:
        columns.check_order(features)
    features = as_numeric(columns.encoded(features, past_is_known=past_is_known), _NAME, for_text=_FOR_CATEGORIES)
    covariates = validate_data(forecaster, features, dtype=np.float64, ensure_all_finite=False, reset=reset)
    # Past covariates may have missing values, as the series may, but no infinite ones.
    checked = np.where(columns.is_past & np.isnan(covariates), 0.0, covariates) if columns.n_past else covariates
    check_finite(checked, _NAME, columns=getattr(features, "columns", None))
    return covariates[:, ~columns.is_past], covariates[:, columns.is_past]


def _read_values(y):
    """Return `y` as float64, NaN where missing; raise for infinity."""
    values = as_float_array(y, _NAME, parameter="y")
    check_finite(np.where(np.isnan(values), 0.0, values), _NAME, columns=getattr(y, "columns", None), parameter="y")
    return values


def read_weights(sample_weight, n_rows):
    """Return sample weights of rows, of shape (n_rows,), or None."""
    return check_sample_weights(sample_weight, n_rows, np.float64, _NAME)


def check_missing(rows, has_missing):
    """Raise if new rows have missing values in a column that had none in `fit`.

    Parameters
    ----------
    rows : Rows
    has_missing : ndarray of bool, shape (n_outputs + n_past_covariates,)
    """
    is_missing = np.isnan(np.concatenate([rows.values, rows.past], axis=1)) & ~has_missing
    if is_missing.any():
        row, column = first_position(is_missing)
        which = "y" if column < rows.values.shape[1] else "a past covariate"
        raise ValueError(
            f"Row {row} of {which} contains NaN, but there were no missing values in this column in fit. Fill it, or "
            "fit again on rows with missing values."
        )


def _check_y_passed(y):
    """Raise if `y` is None."""
    if y is None:
        raise ValueError(
            f"This {_NAME} estimator requires y to be passed, but the target y is None. The values of the series are "
            "y; without covariates, pass X=None."
        )


def _check_consistent(values, given):
    """Raise if `X` and `y` have different lengths or indexes."""
    if len(values) != given.n_rows:
        raise ValueError(f"X has {given.n_rows} rows, but y has {len(values)}: inconsistent numbers of samples.")
    check_same_index(given.X, given.y)


def _check_shape(shape, schema):
    """Raise if `y` has another number of dimensions or columns than the fitted one."""
    if (len(shape) == 2) == schema.is_2d and (not schema.is_2d or shape[1] == schema.n_outputs):
        return
    fitted = f"{schema.n_outputs} series"
    if schema.n_outputs == 1 and shape[1:] in ((), (1,)):
        fitted = "a 2-D y, of shape (n_rows, 1)" if schema.is_2d else "a 1-D y, of shape (n_rows,)"
        fitted += ". Pass y in that shape, for example as a " + ("DataFrame" if schema.is_2d else "Series")
    raise ValueError(f"y has shape {shape}, but {_NAME} was fitted on {fitted}.")


def _as_columns(values):
    return values if values.ndim == 2 else values[:, None]


def _warn_of_rows(given, groups):
    """Warn of rows that are probably of different series, without dates, or with a gap in time between them."""
    if are_judged_by_caller():
        return
    if groups is None:
        warn_of_panel(given.index, _NAME, PASS_GROUPS)
        warn_of_numbers(given.index, _NAME, PASS_NAMES)
    parameter = "y" if index_of(given.X) is None else "X"
    warn_of_text(given.index, given.labels.codes, _NAME, parameter, "those of a forecast are numbered")
    warn_of_gap(
        given.labels,
        _NAME,
        "The forecaster treats consecutive rows as consecutive steps: fill the gap (y.asfreq adds the rows), or fit "
        "on the rows after it; if only the order of the rows matters, drop the index (reset_index(drop=True)).",
    )
