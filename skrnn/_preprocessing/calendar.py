"""The transformer that computes calendar features from a time index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import TransformerMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from skrnn._common.arguments import NamedParametersMixin, named_arguments
from skrnn._common.frames import NO_INDEX, as_pandas, index_of
from skrnn._common.rollback import unchanged_on_failure
from skrnn._common.state import PlainStateMixin
from skrnn._common.times import as_times
from skrnn._common.typing import fit_context

Calendar = TypeVar("Calendar", bound="CalendarFeatures")

Feature = Literal["hour", "weekday", "day_of_year", "month"]

_NAME = "CalendarFeatures"
_DATES = {"date", "datetime", "datetime64", "period"}


class CalendarFeatures(TransformerMixin, NamedParametersMixin, PlainStateMixin):
    """Compute cyclical calendar features from the time index.

    Each feature is encoded as a point on a circle, by its sine and its cosine, so that the end of a cycle is next to
    its beginning: December next to January, 23:00 next to midnight. The columns of `X` are not used, and are not part
    of the output. To keep them, combine the transformer with ``"passthrough"`` in a
    :class:`~sklearn.pipeline.FeatureUnion`.

    Parameters
    ----------
    features : "auto", or tuple or list of str, default="auto"
        Features to compute:

        - ``"hour"``: time of the day, including minutes and seconds,
        - ``"weekday"``: day of the week,
        - ``"day_of_year"``: day of the year,
        - ``"month"``: month of the year.

        If ``"auto"``, ``"hour"`` is selected if there are different times within a day, ``"weekday"`` if there are
        different days within a week, and ``"month"`` if there are different months in the index passed to :meth:`fit`.

    Attributes
    ----------
    features_ : tuple of str
        Selected features. Each has two columns, such as ``hour_sin`` and ``hour_cos``.

    See Also
    --------
    SequenceForecaster : Forecaster with covariates that are known in advance.
    sklearn.preprocessing.SplineTransformer : Splines, which can be periodic (``extrapolation="periodic"``).

    Notes
    -----
    Times with a time zone are read in this time zone, as local time. The zone must be the same in :meth:`transform` as
    in :meth:`fit`, because a time has another hour in another zone. A period, such as a month, is represented by its
    start.

    Examples
    --------
    >>> import pandas as pd
    >>> from skrnn import CalendarFeatures
    >>> hours = pd.date_range("2024-01-01", periods=4, freq="6h")
    >>> frame = pd.DataFrame({"load": [5.0, 7.0, 9.0, 8.0]}, index=hours)
    >>> CalendarFeatures().fit_transform(frame).round(3) + 0.0
                         hour_sin  hour_cos
    2024-01-01 00:00:00       0.0       1.0
    2024-01-01 06:00:00       1.0       0.0
    2024-01-01 12:00:00       0.0      -1.0
    2024-01-01 18:00:00      -1.0       0.0

    The columns of `X` are kept by a FeatureUnion:

    >>> from sklearn.pipeline import make_union
    >>> union = make_union("passthrough", CalendarFeatures(["hour"])).set_output(transform="pandas")
    >>> union.fit_transform(frame).columns.tolist()
    ['passthrough__load', 'calendarfeatures__hour_sin', 'calendarfeatures__hour_cos']
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {"features": [StrOptions({"auto"}), tuple, list]}

    features_: tuple[str, ...]
    _zone: str | None = None  # of the fitted index; also None in estimators saved before it was known

    @named_arguments
    def __init__(self, features: Literal["auto"] | Sequence[Feature] = "auto") -> None:
        self.features = features

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self: Calendar, X: pd.DataFrame | pd.Series, y: object = None) -> Calendar:
        """Select the features.

        Parameters
        ----------
        X : DataFrame or Series of length n_rows
            Rows with an index of dates or periods, or with a MultiIndex that has one such level. It may have no
            columns.

        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        CalendarFeatures
            The fitted transformer.

        Raises
        ------
        TypeError
            If `X` is not a pandas object.

        ValueError
            If the index does not contain dates or periods, or one is missing; if `features` contains unknown or
            repeated names or is empty; or if it is ``"auto"`` and no feature varies.
        """
        with unchanged_on_failure(self):
            index = _index_of(X)
            times = _wall_clock(index)
            self.features_ = _varying(times) if isinstance(self.features, str) else _checked(self.features)
            self._zone = _zone_of(index)
        return self

    def transform(self, X: pd.DataFrame | pd.Series) -> pd.DataFrame:
        """Compute the features.

        Parameters
        ----------
        X : DataFrame or Series of length n_rows
            Rows with an index as in :meth:`fit`.

        Returns
        -------
        DataFrame of shape (n_rows, 2 * n_features)
            Sine and cosine of each feature, with the index of `X`.

        Raises
        ------
        NotFittedError
            If the transformer is not fitted.

        TypeError
            If `X` is not a pandas object.

        ValueError
            If the index does not contain dates or periods, or one is missing; or if it has another time zone than in
            :meth:`fit`.
        """
        check_is_fitted(self)
        index = _index_of(X)
        return pd.DataFrame(self._from_index(index), index=index, columns=self.get_feature_names_out())

    def get_feature_names_out(self, input_features: object = None) -> NDArray[Any]:
        """Return the names of the output columns.

        Parameters
        ----------
        input_features : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        ndarray of shape (2 * n_features,)
            Names such as ``"hour_sin"`` and ``"hour_cos"``.

        Raises
        ------
        NotFittedError
            If the transformer is not fitted.
        """
        check_is_fitted(self)
        return np.array([f"{name}_{wave}" for name in self.features_ for wave in ("sin", "cos")], dtype=object)

    def _from_index(self, index):
        """Return the features of the times in an index: (n_rows, 2 * n_features)."""
        times, zone = _wall_clock(index), _zone_of(index)
        if zone is not None and self._zone is not None and zone != self._zone:
            raise ValueError(
                f"The index of X has the time zone {zone}, but {_NAME} was fitted on {self._zone}, and features are "
                f"those of local times. Convert it: X.tz_convert({self._zone!r})."
            )
        angles = np.column_stack([2 * np.pi * _FRACTIONS[name](times) for name in self.features_])
        return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(len(index), 2 * len(self.features_))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.no_validation = True  # columns are not read: they may contain anything, and may differ from fit
        tags.input_tags.two_d_array = False  # arrays have no index
        tags.transformer_tags.preserves_dtype = []
        return tags


def _time_of_day(times):
    """Return the fraction of the day that has passed at each time."""
    return ((times - times.normalize()) / pd.Timedelta(days=1)).to_numpy(dtype=float)


# Fraction of its cycle that has passed at the beginning of the hour, day or month.
_FRACTIONS = {
    "hour": _time_of_day,
    "weekday": lambda times: times.day_of_week.to_numpy() / 7,
    "day_of_year": lambda times: (times.day_of_year.to_numpy() - 1) / np.where(times.is_leap_year, 366, 365),
    "month": lambda times: (times.month.to_numpy() - 1) / 12,
}


def _varying(times):
    """Return the features that vary in the fitted index: of hour and weekday, those that vary within their cycle."""
    days = times.normalize().unique()
    weeks = (days - pd.to_timedelta(days.day_of_week, unit="D")).unique()
    varies = {
        "hour": len(days) < len(times.unique()),
        "weekday": len(weeks) < len(days),  # not that of the first days of months
        "month": len(times.month.unique()) > 1,
    }
    if not any(varies.values()):
        shown = f"{times[0]} to {times[-1]}, {len(times)} rows" if len(times) else "no rows"
        raise ValueError(
            f"features='auto' of {_NAME} selects the features that vary in the index of X, but the hour, the weekday "
            f"and the month are the same in all rows, or their cycle is shorter than the distance between rows "
            f"({shown}). Name the features, such as features=('month',), or remove the transformer."
        )
    return tuple(name for name, does_vary in varies.items() if does_vary)


def _checked(features):
    """Return the features that the user named, as a tuple, after a check of their names."""
    known = [name in _FRACTIONS for name in map(str, features)]
    if not features or not all(known) or len(set(features)) < len(features):
        names = ", ".join(repr(name) for name in _FRACTIONS)
        raise ValueError(
            f"The 'features' parameter of {_NAME} must be 'auto' or a tuple of different names out of {names}. Got "
            f"{features!r} instead."
        )
    return tuple(features)


def _index_of(X):
    """Return the index of a pandas object, or raise."""
    index = index_of(as_pandas(X))
    if index is None:
        raise TypeError(
            f"{_NAME} requires a DataFrame or Series of pandas with an index of dates. Got {type(X).__name__} instead. "
            f"Arrays have no index. {NO_INDEX}"
        )
    return index


def _zone_of(index):
    """Return the name of the time zone of an index; None without one, or if it may be one of several local offsets."""
    times = _times_of(index)
    zone = getattr(times, "tz", None)
    if zone is None:
        return None
    # The local times of a place are parsed as +01:00 in winter and +02:00 in summer.
    return None if zone.utcoffset(None) else str(zone)


def _wall_clock(index):
    """Return the local times in an index as a DatetimeIndex without a time zone, periods as their start."""
    times = _times_of(index)
    times = times.to_timestamp() if isinstance(times, pd.PeriodIndex) else times
    return times if times.tz is None else times.tz_localize(None)


def _times_of(index):
    """Return the times in an index as a DatetimeIndex or PeriodIndex; raise if there are none, or one is missing."""
    if isinstance(index, pd.MultiIndex):
        dates = [number for number, level in enumerate(index.levels) if level.inferred_type in _DATES]
        if len(dates) != 1:
            raise ValueError(
                f"{_NAME} requires an index in which exactly one level contains dates. Got {len(dates)} of the levels "
                f"{list(index.names)}."
            )
        index = index.get_level_values(dates[0])
    if len(index) and index.inferred_type not in _DATES:
        raise ValueError(
            f"{_NAME} requires an index of dates or periods. Got an index that contains {index.inferred_type} values "
            f"such as {index[0]!r}. Convert it, for example with pd.to_datetime, or set the column of the dates as the "
            "index (set_index)."
        )
    times = as_times(index) if len(index) else pd.DatetimeIndex(index)
    if times.hasnans:
        raise ValueError(
            f"{_NAME} requires the time of each row, but that of row {int(np.argmax(times.isna()))} of X is missing. "
            "Drop such rows, or fill it."
        )
    return times
