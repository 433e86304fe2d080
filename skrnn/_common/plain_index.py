"""Conversion of indexes and frequencies of pandas to arrays and plain values, and back.

A pickle of a pandas index refers to private classes of pandas, which formats with a list of trusted types cannot load.
"""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset


def index_to_plain(index: pd.Index | None) -> dict[str, Any] | None:
    """Return an index as a dict of arrays and plain values, with its names, without what pandas caches in it."""
    if index is None:
        return None
    if isinstance(index, pd.MultiIndex):
        levels = [index_to_plain(index.get_level_values(level)) for level in range(index.nlevels)]
        return {"kind": "levels", "levels": levels}
    plain: dict[str, Any] = {"kind": "values", "name": label_to_plain(index.name)}
    if isinstance(index, pd.RangeIndex):
        return plain | {"kind": "range", "bounds": [index.start, index.stop, index.step]}
    if isinstance(index, pd.PeriodIndex):
        return plain | {"kind": "periods", "values": index.asi8, "frequency": index.freqstr}
    if isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)):
        is_date = isinstance(index, pd.DatetimeIndex)
        plain |= {"kind": "dates" if is_date else "durations", "values": index.asi8, "unit": index.unit}
        plain["frequency"] = alias_of(index.freq)
        return plain | ({"zone": _plain_zone(index.tz)} if is_date else {})
    if index.dtype.kind in "biuf" and isinstance(index.dtype, np.dtype):
        return plain | {"values": index.to_numpy()}
    return plain | {"kind": "labels", "values": [label_to_plain(label) for label in index], "dtype": str(index.dtype)}


def index_from_plain(plain: dict[str, Any] | None) -> pd.Index | None:
    """Return the index of the output of `index_to_plain`."""
    if plain is None:
        return None
    if plain["kind"] == "levels":
        return pd.MultiIndex.from_arrays([index_from_plain(level) for level in plain["levels"]])
    kind, name = plain["kind"], label_from_plain(plain["name"])
    if kind == "range":
        return pd.RangeIndex(*plain["bounds"], name=name)
    if kind == "periods":
        return pd.PeriodIndex.from_ordinals(plain["values"], freq=plain["frequency"], name=name)
    if kind == "values":
        return pd.Index(plain["values"], name=name)
    if kind == "labels":
        labels = [label_from_plain(label) for label in plain["values"]]
        # pandas would infer dates from objects, and levels from tuples.
        return pd.Index(labels, dtype=_dtype(plain["dtype"]), name=name, tupleize_cols=False)
    values = plain["values"].view(f"{'M' if kind == 'dates' else 'm'}8[{plain['unit']}]")
    index = pd.DatetimeIndex(values, name=name) if kind == "dates" else pd.TimedeltaIndex(values, name=name)
    if plain.get("zone") is not None:
        index = index.tz_localize("UTC").tz_convert(_zone(plain["zone"]))
    index.freq = plain["frequency"]
    return index


def _dtype(name):
    """Return the dtype of labels from its name; object for those of pyarrow that pandas cannot read from a name."""
    try:
        return pd.api.types.pandas_dtype(name)
    except (TypeError, ValueError, NotImplementedError):  # dictionaries; parameters such as time zones
        return np.dtype(object)


def alias_of(offset: Any) -> Any:
    """Return the alias of an offset; None, and an offset that its alias does not fully describe, as they are."""
    if offset is None:
        return None
    try:
        return offset.freqstr if to_offset(offset.freqstr) == offset else offset
    except ValueError:  # such as a DateOffset of several units, or a custom offset
        return offset


def label_to_plain(label: Any) -> Any:
    """Return the label of an index or a row as plain values: a time as an index of length one, a tuple as a list."""
    if isinstance(label, (pd.Timestamp, pd.Timedelta, pd.Period)):
        return {"time": index_to_plain(pd.Index([label]))}
    if isinstance(label, datetime.date) and not isinstance(label, datetime.datetime):
        return {"date": label.isoformat()}
    if isinstance(label, tuple):
        return {"levels": [label_to_plain(part) for part in label]}
    return label


def label_from_plain(plain: Any) -> Any:
    """Return the label of the output of `label_to_plain`."""
    if not isinstance(plain, dict):
        return plain
    if "levels" in plain:
        return tuple(label_from_plain(part) for part in plain["levels"])
    if "date" in plain:
        return datetime.date.fromisoformat(plain["date"])
    index = index_from_plain(plain["time"])
    assert index is not None  # None is the output for None only
    return index[0]


def _plain_zone(zone: Any) -> Any:
    """Return the name of a time zone, or the seconds of a fixed offset; other time zones as they are."""
    name = getattr(zone, "key", getattr(zone, "zone", None))  # of zoneinfo, of pytz
    if zone is None or name is not None:
        return name
    if isinstance(zone, datetime.timezone):
        return zone.utcoffset(None).total_seconds()
    return zone


def _zone(plain: Any) -> Any:
    """Return the time zone of the output of `_plain_zone`."""
    return datetime.timezone(datetime.timedelta(seconds=plain)) if isinstance(plain, float) else plain
