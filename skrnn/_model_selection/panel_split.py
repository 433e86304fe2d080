"""Cross-validation splitter over time for panels of series."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import TimeSeriesSplit
from sklearn.utils._param_validation import Interval, validate_parameter_constraints

from skrnn._common.arguments import named_arguments
from skrnn._common.frames import NO_INDEX, Rows, as_pandas
from skrnn._common.state import PublicNameMixin
from skrnn._common.times import ORDERED_INDEXES, as_times
from skrnn._data.checks import as_array_or_frame
from skrnn._data.row_labels import column_or_level

# TimeSeriesSplit does not validate these parameters, and a negative gap would put test rows into the training set.
_PARAMETER_CONSTRAINTS = {
    "test_size": [Interval(Integral, 1, None, closed="left"), None],
    "gap": [Interval(Integral, 0, None, closed="left")],
    "max_train_size": [Interval(Integral, 1, None, closed="left"), None],
}

# Integers in a MultiIndex may also be the identifiers of the series.
_DATETIME_LIKE = ORDERED_INDEXES - {"integer", "floating"}


def _times_of_rows(X, time):
    """Return the times of the rows as an Index of length n_rows; raise if one is missing or they have no order."""
    X = as_pandas(X)
    if isinstance(X, Rows) and time is None:
        raise ValueError(
            f"time=None takes the times from the index of X: pass the name of the time column as time. {NO_INDEX}"
        )
    if isinstance(X, (pd.DataFrame, pd.Series)):
        times = _times_of_index(X.index) if time is None else column_or_level(X, time, "time")[0]
    elif not isinstance(X, np.ndarray) or X.ndim != 2:
        shape = f" of shape {X.shape}" if hasattr(X, "shape") else ""
        raise ValueError(
            f"X must be a pandas object or a 2-D array that contains the times of its rows. Got {type(X).__name__}"
            f"{shape} instead. Split the DataFrame with the times, and pass the result: cv=list(splitter.split(frame))."
        )
    elif time is None:
        raise ValueError(
            f"time=None takes the times from the index of X, but X is an array of shape {X.shape}. Pass the number of "
            "the time column as time, or split a DataFrame with the times: cv=list(splitter.split(frame))."
        )
    else:
        times = column_or_level(as_array_or_frame(X, "X", "PanelTimeSeriesSplit"), time, "time")[0]
    _check_order(times, "The index of X" if time is None else f"time={time!r}")
    return as_times(times)


def _times_of_index(index):
    """Return the times in an index for ``time=None``."""
    if isinstance(index, pd.MultiIndex):
        found = [number for number, level in enumerate(index.levels) if level.inferred_type in _DATETIME_LIKE]
        if len(found) != 1:
            raise ValueError(
                f"time=None takes the times from the only level of the index of X that contains dates, but "
                f"{len(found)} of the levels {list(index.names)} contain dates. Pass the name or number of a level, or "
                "the name of a column, as time."
            )
        return index.get_level_values(found[0])
    if index.inferred_type == "integer" and index.is_unique:
        raise ValueError(
            "time=None takes the times from the index of X, but the index contains a different integer for each row, "
            "as an index of row numbers does. Pass the name of the time column as time. If the integers are times, "
            "pass the name of the index (X.rename_axis('step') names it)."
        )
    return index


def _check_order(times, source):
    """Raise if a time is missing or if the values have no order in time."""
    missing = times.isna()
    if missing.any():
        raise ValueError(
            f"{source} must contain a time for every row, but the time of row {int(np.argmax(missing))} is missing. "
            "Drop the rows without a time, or fill in the times."
        )
    if len(times) and times.inferred_type not in ORDERED_INDEXES:
        raise ValueError(
            f"{source} must contain dates or numbers, which have an order in time, but contains {times.inferred_type} "
            f"values such as {times[0]!r}. Convert them, for example with pd.to_datetime, or pass another column or "
            "level as time."
        )


class PanelTimeSeriesSplit(PublicNameMixin, TimeSeriesSplit):
    """Time series cross-validator for panels: all training rows precede all test rows.

    Variant of :class:`~sklearn.model_selection.TimeSeriesSplit` for many series in one DataFrame, whose rows may be in
    any order. While TimeSeriesSplit splits the rows, this cross-validator splits the sorted distinct times in the same
    way, and each fold contains the rows of all series at its times.

    Parameters
    ----------
    n_splits : int, default=5
        Number of splits, at least 2.

    time : column name, level name or int, default=None
        Column or index level with the time of each row: the name of a column of `X`, or the name or number of a level
        of its MultiIndex; for an array, the number of a column. Times are dates, periods, time differences or numbers,
        not text.

        If None, the index is used, or the only level of a MultiIndex that contains dates, periods or time differences.
        An index of distinct integers is not accepted, as it may contain row numbers: name the index, and pass its name.

    test_size : int, default=None
        Number of distinct times in each test set. If None, ``n_times // (n_splits + 1)``.

    gap : int, default=0
        Number of distinct times to exclude between the end of each training set and its test set.

    max_train_size : int, default=None
        Maximum number of distinct times in a training set: the latest are kept. If None, there is no limit.

    Raises
    ------
    ValueError
        If a parameter other than `time`, which is checked in :meth:`split`, is invalid.

    See Also
    --------
    sklearn.model_selection.TimeSeriesSplit : Cross-validator for a single series whose rows are in time order.
    SequenceWindower : Transformer of rows to windows, each within one series.

    Notes
    -----
    `test_size`, `gap` and `max_train_size` are numbers of distinct times, not of rows, and correspond to durations only
    if the times are evenly spaced. Series that start late or end early have no rows in some folds.

    If the times are a column of `X`, this column is passed to the estimator with the others. Times in the index are
    not passed.

    Windows created before splitting are :class:`Sequences`, which have no times. Split the DataFrame from which they
    were created, which has the same number of rows, and pass the splits::

        cross_val_score(GRURegressor(), windows, y, cv=list(splitter.split(frame)))

    Examples
    --------
    >>> import pandas as pd
    >>> from skrnn import PanelTimeSeriesSplit
    >>> frame = pd.DataFrame(
    ...     {
    ...         "day": pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-02", "2024-01-02", "2024-01-03"]),
    ...         "shop": ["a", "b", "b", "a", "b"],
    ...         "sales": [10, 20, 21, 11, 22],
    ...     }
    ... )
    >>> splitter = PanelTimeSeriesSplit(n_splits=2, time="day")
    >>> for train, test in splitter.split(frame):
    ...     print(train, test)
    [0 1] [2 3]
    [0 1 2 3] [4]

    With the times in the index, `time` is not needed:

    >>> splitter = PanelTimeSeriesSplit(n_splits=2)
    >>> for train, test in splitter.split(frame.set_index(["shop", "day"])):
    ...     print(train, test)
    [0 1] [2 3]
    [0 1 2 3] [4]
    """

    @named_arguments
    def __init__(
        self,
        n_splits: int = 5,
        *,
        time: Hashable = None,
        test_size: int | None = None,
        gap: int = 0,
        max_train_size: int | None = None,
    ) -> None:
        super().__init__(n_splits, max_train_size=max_train_size, test_size=test_size, gap=gap)
        self.time = time
        sizes = {name: getattr(self, name) for name in _PARAMETER_CONSTRAINTS}
        validate_parameter_constraints(_PARAMETER_CONSTRAINTS, sizes, caller_name=type(self).__name__)

    def split(
        self, X: pd.DataFrame | pd.Series | NDArray[Any], y: object = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Generate indices to split data into training and test sets.

        Parameters
        ----------
        X : DataFrame, Series or ndarray of shape (n_rows, n_columns)
            Rows of all series, in any order.

        y : array-like of shape (n_rows,), default=None
            Ignored, present for API consistency by convention.

        groups : array-like of shape (n_rows,), default=None
            Ignored with a warning, as in TimeSeriesSplit: splits do not depend on the series of a row.

        Yields
        ------
        train : ndarray of shape (n_train,)
            Positions of the training rows, in ascending order.

        test : ndarray of shape (n_test,)
            Positions of the test rows, in ascending order.

        Raises
        ------
        ValueError
            If `X` does not contain the times that `time` names, if a time is missing or is text, or if there are too
            few distinct times. It is raised when this method is called, not when the first split is generated.
        """
        times = _times_of_rows(X, self.time)
        order, distinct = times.factorize(sort=True)  # (n_rows,), (n_times,)
        try:
            folds = list(super().split(distinct, groups=groups))
        except ValueError as error:
            # The message of TimeSeriesSplit is about samples, which here are the distinct times and not the rows of X.
            raise ValueError(
                f"X has {len(distinct)} distinct times in {len(times)} rows, too few for n_splits={self.n_splits}, "
                f"test_size={self.test_size} and gap={self.gap}. Decrease one of them."
            ) from error
        # Not a generator function, so that an invalid X raises when split is called.
        return ((np.flatnonzero(np.isin(order, train)), np.flatnonzero(np.isin(order, test))) for train, test in folds)
