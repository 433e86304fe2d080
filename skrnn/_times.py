"""Times of rows: what has an order, how far apart two are, and which comes next."""

from __future__ import annotations

from numbers import Real

import numpy as np
import pandas as pd

from skrnn._frames import NO_INDEX

# What pandas calls the contents of an index that has an order in time, or may have one. Text is left out:
# nothing says that "row10" should come after "row9", or that a date starts with its year.
ORDERED_INDEXES = {
    "date",
    "datetime",
    "datetime64",
    "floating",
    "integer",
    "period",
    "timedelta",
    "timedelta64",
}


def is_ordered(index):
    """Tell whether an index has an order in time, or may have one. Text has none: nothing sorts dates in it."""
    return not isinstance(index, pd.MultiIndex) and index.inferred_type in ORDERED_INDEXES


def as_times(index):
    """Return an index of objects as one of what they are, so that they can be subtracted: dates, periods, numbers."""
    index = index.infer_objects() if index.dtype == object else index
    # pandas leaves datetime.date an object.
    return pd.DatetimeIndex(index) if index.inferred_type in {"date", "datetime"} else index


def time_values(time):
    """Return times as an array that can be compared and subtracted: datetimes, timedeltas, or numbers."""
    if isinstance(time, pd.PeriodIndex):
        return time.asi8
    return time.to_numpy() if getattr(time, "tz", None) is None else time.tz_convert("UTC").tz_localize(None).to_numpy()


def as_gap(max_gap, time):
    """Return the largest gap as what differences of `time_values` are compared with."""
    if time is None:
        raise ValueError(
            f"max_gap={max_gap!r} needs the times of the rows: pass a DataFrame of pandas whose index (or the level "
            f"beside that of groups) holds dates, periods or numbers. {NO_INDEX}"
        )
    is_number = isinstance(max_gap, Real) and not isinstance(max_gap, np.timedelta64)  # to numpy it is an Integral
    kind = time_values(time).dtype.kind
    if (
        is_number != (kind in "iuf")
        or (is_number and max_gap <= 0)
        or (not is_number and pd.Timedelta(max_gap).value <= 0)
    ):
        wanted = "a positive number" if kind in "iuf" else "a positive timedelta, such as pd.Timedelta('1D')"
        raise ValueError(f"max_gap must be {wanted} where the times of the rows are {time.dtype}. Got {max_gap!r}.")
    return max_gap if is_number else pd.Timedelta(max_gap).to_timedelta64()


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


def frequency_of(time):
    """Return the distance between distinct times: given, inferred by pandas, or constant; None where there is none."""
    if time is None:
        return None
    if getattr(time, "freq", None) is not None:
        return time.freq
    distinct = time.unique().sort_values()
    if isinstance(distinct, (pd.DatetimeIndex, pd.TimedeltaIndex)):
        # Not pd.infer_freq, which warns from pandas 3.1 on, and will return something else. Two times infer nothing.
        return type(distinct)(distinct, freq="infer").freq
    if isinstance(time, pd.RangeIndex):
        return time.step
    if distinct.dtype.kind in "iu" and len(distinct) > 2:
        steps = np.diff(distinct.to_numpy())
        return int(steps[0]) if (steps == steps[0]).all() else None
    return None


def periods_of(time, later, frequency):
    """Return the number of the period of a frequency at which each time lies: NaN, or a fraction, between two.

    Returns
    -------
    numbers, later_numbers : ndarray of float, one for each time
    """
    both = time.append(later)
    if frequency is None:
        numbers = np.full(len(both), np.nan)
    elif isinstance(both, pd.DatetimeIndex) and not _is_fixed(frequency):
        calendar = pd.date_range(both.min(), both.max(), freq=frequency)
        numbers = calendar.get_indexer(both).astype(float)
        numbers[numbers < 0] = np.nan
    else:
        values = time_values(both)
        if isinstance(both, pd.PeriodIndex):
            step = frequency.n
        else:
            step = pd.Timedelta(frequency).to_timedelta64() if values.dtype.kind in "mM" else frequency
        numbers = (values - values.min()) / step
    return numbers[: len(time)], numbers[len(time) :]


def _is_fixed(frequency):
    """Tell frequencies of so many hours, minutes or less: days differ in length where clocks change."""
    return isinstance(frequency, pd.offsets.Tick) and not isinstance(frequency, pd.offsets.Day)
