"""The cross-validation splitter that cuts a panel of series over time."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import TimeSeriesSplit
from sklearn.utils._param_validation import Interval, validate_parameter_constraints

from skrnn._common.frames import NO_INDEX, Rows, as_pandas
from skrnn._common.times import ORDERED_INDEXES, as_times
from skrnn._data.checks import as_array_or_frame
from skrnn._data.row_labels import column_or_level

# TimeSeriesSplit checks none of them, and a negative gap would put test rows into the training set.
_PARAMETER_CONSTRAINTS = {
    "test_size": [Interval(Integral, 1, None, closed="left"), None],
    "gap": [Interval(Integral, 0, None, closed="left")],
    "max_train_size": [Interval(Integral, 1, None, closed="left"), None],
}

# Whole numbers in a MultiIndex may as well be the names of the series.
_DATETIME_LIKE = ORDERED_INDEXES - {"integer", "floating"}


def _times_of_rows(X, time):
    """Return the time of each row, checked to be present and to have an order: an Index of length n_rows."""
    X = as_pandas(X)
    if isinstance(X, Rows) and time is None:
        raise ValueError(
            f"time=None takes the index of X for time: pass the name of the column that holds it. {NO_INDEX}"
        )
    if isinstance(X, (pd.DataFrame, pd.Series)):
        times = _times_of_index(X.index) if time is None else column_or_level(X, time, "time")[0]
    elif not isinstance(X, np.ndarray) or X.ndim != 2:
        shape = f" of shape {X.shape}" if hasattr(X, "shape") else ""
        raise ValueError(
            f"X must be a pandas object or a 2-D array to have times. Got {type(X).__name__}{shape} instead: split the "
            "frame that has the times of its rows, and pass the result, cv=list(splitter.split(frame))."
        )
    elif time is None:
        raise ValueError(
            f"X is an array of shape {X.shape}, without an index to take the times from: pass the number of the column "
            "that holds them as time, or split the frame that has them, cv=list(splitter.split(frame))."
        )
    else:
        times = column_or_level(as_array_or_frame(X, "X", "PanelTimeSeriesSplit"), time, "time")[0]
    _check_order(times, "The index of X" if time is None else f"time={time!r}")
    return as_times(times)


def _times_of_index(index):
    """Return the times that an index holds where no parameter names them."""
    if isinstance(index, pd.MultiIndex):
        found = [number for number, level in enumerate(index.levels) if level.inferred_type in _DATETIME_LIKE]
        if len(found) != 1:
            raise ValueError(
                f"time=None takes the one level of the index of X that holds dates, but {len(found) or 'none'} of the "
                f"levels {list(index.names)} {'do' if found else 'does'}: pass the name or number of a level, or the "
                "name of a column, as time."
            )
        return index.get_level_values(found[0])
    if index.inferred_type == "integer" and index.is_unique:
        raise ValueError(
            "time=None takes the index of X for time, but it holds a different integer for each row, as an index that "
            "only numbers rows does: pass the name of the column that holds the times as time. If the integers are "
            "times, pass the name of the index (X.rename_axis('step') gives it one)."
        )
    return index


def _check_order(times, source):
    """Raise where a time is missing, or where nothing says which time is the later one."""
    missing = times.isna()
    if missing.any():
        raise ValueError(
            f"{source} must hold a time for every row, but that of row {int(np.argmax(missing))} is missing: "
            "drop the rows without one, or fill them in."
        )
    if len(times) and times.inferred_type not in ORDERED_INDEXES:
        raise ValueError(
            f"{source} must hold dates or numbers, which have an order in time, but holds {times.inferred_type} values "
            f"such as {times[0]!r}: convert them, for example with pd.to_datetime, or name another column or level "
            "as time."
        )


class PanelTimeSeriesSplit(TimeSeriesSplit):
    """Split a panel of series over time, so that no training row is as late as a test row.

    :class:`~sklearn.model_selection.TimeSeriesSplit` for many series in one frame, whose rows may be in any
    order. It cuts rows; this one cuts the sorted distinct times in the same way, and each fold takes all rows,
    of all series, whose time lies in it.

    Parameters
    ----------
    n_splits : int, default=5
        Number of splits, at least 2.

    time : column name, level name or int, default=None
        What holds the time of a row: the name of a column of `X`, or the name or number of a level of its
        MultiIndex; for an array the number of a column. Dates, periods, time differences and numbers are times,
        text is not.

        None takes the index: all of it, or that level of a MultiIndex which alone holds dates, periods or time
        differences. An index of integers that are all different is refused, as it may be no more than row
        numbers: name it, and pass the name.

    test_size : int, default=None
        Number of distinct times in a test fold. None is ``n_times // (n_splits + 1)``.

    gap : int, default=0
        Number of distinct times to leave out between the end of a training set and its test fold.

    max_train_size : int, default=None
        Largest number of distinct times in a training set: its latest ones are kept. None keeps all.

    Raises
    ------
    ValueError
        If a parameter but `time` is out of its range. `time` is looked up in :meth:`split`.

    See Also
    --------
    sklearn.model_selection.TimeSeriesSplit : The same for one series whose rows are in time order.
    SequenceWindower : Cut rows into windows, each within its own series.

    Notes
    -----
    `test_size`, `gap` and `max_train_size` count distinct times, not rows, and not the time between them: they
    are durations where times are evenly spaced. Series that start late or end early have no rows in some
    folds.

    Times in a column of `X` are passed on to the estimator with the other columns. Times in the index are not.

    Windows that were cut before splitting are a :class:`Sequences`, which has no times. Split the frame that they
    were cut from, which has as many rows, and pass what comes out::

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

    The same with times in the index, where they are found without being named:

    >>> splitter = PanelTimeSeriesSplit(n_splits=2)
    >>> for train, test in splitter.split(frame.set_index(["shop", "day"])):
    ...     print(train, test)
    [0 1] [2 3]
    [0 1 2 3] [4]
    """

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
        """Generate the positions of the rows of each training set and test fold.

        Parameters
        ----------
        X : DataFrame, Series or ndarray of shape (n_rows, n_columns)
            The rows of all series, in any order.

        y : array-like of shape (n_rows,), default=None
            Ignored, present for API consistency by convention.

        groups : array-like of shape (n_rows,), default=None
            Ignored with a warning, as in TimeSeriesSplit: which series a row belongs to changes nothing.

        Yields
        ------
        train : ndarray of shape (n_train,)
            Positions of the training rows, ascending.

        test : ndarray of shape (n_test,)
            Positions of the test rows, ascending.

        Raises
        ------
        ValueError
            If `X` has no times where `time` says, if a time is missing or is text, or if there are too few
            distinct times. Raised where this is called, not where the first fold is asked for.
        """
        times = _times_of_rows(X, self.time)
        order, distinct = times.factorize(sort=True)  # (n_rows,), (n_times,)
        try:
            folds = list(super().split(distinct, groups=groups))
        except ValueError as error:
            # It speaks of samples, which here are not the rows of X.
            raise ValueError(
                f"X has {len(distinct)} distinct times in {len(times)} rows, too few for n_splits={self.n_splits}, "
                f"test_size={self.test_size} and gap={self.gap}: lower one of them."
            ) from error
        # Not a generator function, so that a wrong X raises where split is called.
        return ((np.flatnonzero(np.isin(order, train)), np.flatnonzero(np.isin(order, test))) for train, test in folds)
