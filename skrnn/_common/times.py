"""Times of rows: what has an order, how far apart two are, and which comes next."""

from __future__ import annotations

from numbers import Real

import numpy as np
import pandas as pd

from skrnn._common.frames import NO_INDEX

# What pandas calls the contents of an index that has an order in time, or may have one. Text is left out:
# nothing says that "row10" should come after "row9", or that a date starts with its year.
_DATES = {"date", "datetime", "datetime64"}
_DURATIONS = {"timedelta", "timedelta64"}
_NUMBERS = {"floating", "integer"}
ORDERED_INDEXES = _DATES | _DURATIONS | _NUMBERS | {"period"}


def is_ordered(index):
    """Tell whether an index has an order in time, or may have one. Text has none: nothing sorts dates in it."""
    return not isinstance(index, pd.MultiIndex) and index.inferred_type in ORDERED_INDEXES


def as_times(index):
    """Return an index as one of numpy's dtypes, that can be subtracted: dates, periods, numbers.

    Objects become what they are; timestamps, durations and numbers of pyarrow, and numbers that may be missing, lose
    their extension dtype.
    """
    index = index.infer_objects() if index.dtype == object else index
    kind = index.inferred_type
    if kind in _DATES and not isinstance(index, pd.DatetimeIndex):  # pandas leaves datetime.date an object
        return pd.DatetimeIndex(index)
    if kind in _DURATIONS and not isinstance(index, pd.TimedeltaIndex):
        return pd.TimedeltaIndex(index)
    if kind in _NUMBERS and isinstance(index.dtype, pd.api.extensions.ExtensionDtype):
        values = index.to_numpy(dtype=float, na_value=np.nan) if index.hasnans else index.to_numpy()
        return pd.Index(values, name=index.name)
    return index


def same_labels(index, other):
    """Tell whether two indexes hold the same labels, be they of numpy or of pyarrow."""
    if index.equals(other) or isinstance(index, pd.MultiIndex) or isinstance(other, pd.MultiIndex):
        return index.equals(other)
    times, others = as_times(index), as_times(other)
    if len(times) != len(others) or not is_ordered(times) or not comparable(times, others):
        return False
    return bool((time_values(times) == time_values(others)).all())  # of other units, too


def time_values(time):
    """Return times as an array that can be compared and subtracted: datetimes, timedeltas, or numbers."""
    if isinstance(time, pd.PeriodIndex):
        return time.asi8
    return time.to_numpy() if getattr(time, "tz", None) is None else time.tz_convert("UTC").tz_localize(None).to_numpy()


def as_scalar(distance):
    """Return a distance of numpy as what reads well in a message."""
    return pd.Timedelta(distance) if isinstance(distance, np.timedelta64) else distance.item()


def as_gap(max_gap, time):
    """Return the largest gap as what differences of `time_values` are compared with."""
    if time is None:
        raise ValueError(
            f"max_gap={max_gap!r} needs the times of the rows: pass a DataFrame of pandas whose index (or the level "
            f"beside that of groups) holds dates, periods or numbers. {NO_INDEX}"
        )
    kind = time_values(time).dtype.kind
    gap = _as_duration(max_gap) if isinstance(max_gap, str) else max_gap
    is_number = isinstance(gap, Real) and not isinstance(gap, np.timedelta64)  # to numpy it is an Integral
    if is_number != (kind in "iuf") or (is_number and gap <= 0) or (not is_number and not pd.Timedelta(gap).value > 0):
        wanted = "a positive number" if kind in "iuf" else "a positive timedelta, such as pd.Timedelta('1D') or '1D'"
        raise ValueError(f"max_gap must be {wanted} where the times of the rows are {time.dtype}. Got {max_gap!r}.")
    return gap if is_number else pd.Timedelta(gap).to_timedelta64()


def _as_duration(text):
    """Read text as pandas does, which takes a number without a unit for nanoseconds: here it is an error."""
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
        f"max_gap={text!r} cannot be read as a timedelta: {problem}. Pass a number and a unit, such as '2h' or '1D'."
    )


def comparable(time, other):
    """Tell whether times are of one kind."""
    if time is None or other is None or (type(time) is not type(other) and not _both_numbers(time, other)):
        return False
    return time.dtype == other.dtype or _both_numbers(time, other) or _both_zoned_alike(time, other)


def _both_numbers(time, other):
    return all(np.asarray(t[:0]).dtype.kind in "iuf" and not isinstance(t, pd.PeriodIndex) for t in (time, other))


def _both_zoned_alike(time, other):
    """Tell datetimes or timedeltas of different units, in one time zone."""
    kinds = (pd.DatetimeIndex, pd.TimedeltaIndex)
    # pandas < 3 makes objects of one time zone of pytz and one of zoneinfo, whatever their names.
    return isinstance(time, kinds) and isinstance(time[:0].append(other[:0]), kinds)
