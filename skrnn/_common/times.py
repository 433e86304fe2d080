"""Times of rows: which types of index are ordered, and differences of times."""

from __future__ import annotations

from numbers import Real

import numpy as np
import pandas as pd

from skrnn._common.frames import NO_INDEX

# Values of ``Index.inferred_type`` that are ordered in time, or may be. Strings are not: "row10" would come before
# "row9", and dates need not start with the year.
_DATES = {"date", "datetime", "datetime64"}
_DURATIONS = {"timedelta", "timedelta64"}
_NUMBERS = {"floating", "integer"}
ORDERED_INDEXES = _DATES | _DURATIONS | _NUMBERS | {"period"}


def is_ordered(index):
    """Return True for an index of a type that is ordered in time, or may be: dates, periods, numbers, not strings."""
    return not isinstance(index, pd.MultiIndex) and index.inferred_type in ORDERED_INDEXES


def as_times(index):
    """Return an index of dates, periods or numbers in a dtype that can be subtracted.

    The dtype of objects is inferred. Timestamps, durations and numbers of pyarrow, and nullable numbers, are converted
    to dtypes of numpy.
    """
    index = index.infer_objects() if index.dtype == object else index
    kind = index.inferred_type
    if kind in _DATES and not isinstance(index, pd.DatetimeIndex):  # pandas does not convert datetime.date
        return pd.DatetimeIndex(index)
    if kind in _DURATIONS and not isinstance(index, pd.TimedeltaIndex):
        return pd.TimedeltaIndex(index)
    if kind in _NUMBERS and isinstance(index.dtype, pd.api.extensions.ExtensionDtype):
        values = index.to_numpy(dtype=float, na_value=np.nan) if index.hasnans else index.to_numpy()
        return pd.Index(values, name=index.name)
    return index


def same_labels(index, other):
    """Return True if two indexes contain the same labels, whether they are of numpy or of pyarrow."""
    if index.equals(other) or isinstance(index, pd.MultiIndex) or isinstance(other, pd.MultiIndex):
        return index.equals(other)
    times, others = as_times(index), as_times(other)
    if len(times) != len(others) or not is_ordered(times) or not comparable(times, others):
        return False
    return bool((time_values(times) == time_values(others)).all())  # equal also if the units differ


def time_values(time):
    """Return times as an array of datetimes, timedeltas or numbers, which can be compared and subtracted."""
    if isinstance(time, pd.PeriodIndex):
        return time.asi8
    return time.to_numpy() if getattr(time, "tz", None) is None else time.tz_convert("UTC").tz_localize(None).to_numpy()


def as_scalar(distance):
    """Return a difference of times as a scalar for messages."""
    return pd.Timedelta(distance) if isinstance(distance, np.timedelta64) else distance.item()


def as_gap(max_gap, time):
    """Return `max_gap` in a type that can be compared with differences of `time_values`, or raise."""
    if time is None:
        raise ValueError(
            f"max_gap={max_gap!r} requires the times of the rows: pass a pandas DataFrame whose index (or index level "
            f"beside that of groups) contains dates, periods or numbers. {NO_INDEX}"
        )
    kind = time_values(time).dtype.kind
    gap = _as_duration(max_gap) if isinstance(max_gap, str) else max_gap
    is_number = isinstance(gap, Real) and not isinstance(gap, np.timedelta64)  # to numpy it is an Integral
    if is_number != (kind in "iuf") or (is_number and gap <= 0) or (not is_number and not pd.Timedelta(gap).value > 0):
        wanted = "a positive number" if kind in "iuf" else "a positive timedelta, such as pd.Timedelta('1D') or '1D'"
        raise ValueError(f"max_gap must be {wanted} where the times of the rows are {time.dtype}. Got {max_gap!r}.")
    return gap if is_number else pd.Timedelta(gap).to_timedelta64()


def _as_duration(text):
    """Parse a string as pandas does, but raise for a number without a unit, which pandas reads as nanoseconds."""
    try:
        float(text)
    except ValueError:
        try:
            return pd.Timedelta(text)
        except ValueError as error:
            problem = str(error)
    else:
        problem = "it has no unit"
    raise ValueError(
        f"max_gap={text!r} cannot be parsed as a timedelta: {problem}. Pass a number and a unit, such as '2h' or '1D'."
    )


def comparable(time, other):
    """Return True if times are of one kind, so that they can be compared."""
    if time is None or other is None or (type(time) is not type(other) and not _both_numbers(time, other)):
        return False
    return time.dtype == other.dtype or _both_numbers(time, other) or _both_zoned_alike(time, other)


def _both_numbers(time, other):
    return all(np.asarray(t[:0]).dtype.kind in "iuf" and not isinstance(t, pd.PeriodIndex) for t in (time, other))


def _both_zoned_alike(time, other):
    """Return True for datetimes or timedeltas in one time zone, whatever their units."""
    kinds = (pd.DatetimeIndex, pd.TimedeltaIndex)
    # pandas < 3 converts a mix of time zones of pytz and of zoneinfo to objects, even if their names are equal.
    return isinstance(time, kinds) and isinstance(time[:0].append(other[:0]), kinds)
