"""Indexes and frequencies as plain values, and back."""

import datetime
import decimal
import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression

from skrnn import SequenceForecaster
from skrnn._common.plain_index import alias_of, index_from_plain, index_to_plain

DAYS = pd.date_range("2024-03-29", periods=4, name="day")

INDEXES = {
    "days": DAYS,
    "no frequency": DAYS[[0, 1, 3]],
    "a zone": DAYS.tz_localize("Europe/Berlin"),
    "utc": DAYS.tz_localize("UTC"),
    "datetime's utc": DAYS.tz_localize(datetime.timezone.utc),
    "a fixed offset": DAYS.tz_localize(datetime.timezone(datetime.timedelta(hours=5, minutes=30))),
    "seconds": DAYS.as_unit("s"),
    "business months": pd.date_range("2024-01-01", periods=5, freq="BMS"),
    "weeks": pd.date_range("2024-01-01", periods=5, freq="2W-THU"),
    "periods": pd.period_range("2024-01", periods=4, freq="M", name="month"),
    "quarters that end in January": pd.period_range("2024Q1", periods=4, freq="Q-JAN"),
    "durations": pd.timedelta_range("1h", periods=3, freq="90min"),
    "range": pd.RangeIndex(5, 20, 3, name=("a", 1)),
    "whole numbers": pd.Index([3, 1, 2], dtype="int8"),
    "numbers": pd.Index([0.5, np.nan, 2]),
    "truth": pd.Index([True, False]),
    "text": pd.Index(["b", "a", "b"], name="shop"),
    "objects": pd.Index(["a", 1, (2, "b"), None], dtype=object),
    "timestamps as objects": pd.Index([DAYS[0], pd.Timestamp("2024-05-01", tz="UTC"), 7], dtype=object),
    "dates as objects": pd.Index([datetime.date(2024, 1, 1), "a", ("b", DAYS[0])], dtype=object),
    "a name that is a time": pd.Index([1, 2], name=DAYS[0]),
    "missing times": pd.DatetimeIndex(["2024-01-01", pd.NaT]),
    "levels": pd.MultiIndex.from_arrays([["a", "a", "b"], DAYS[[0, 1, 0]]], names=["shop", "day"]),
    "nothing": pd.DatetimeIndex([]),
}


def plain_types(value):
    """All types that a plain value is made of."""
    yield type(value)
    if isinstance(value, dict):
        for key, part in value.items():
            yield type(key)
            yield from plain_types(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from plain_types(part)


@pytest.mark.parametrize("name", INDEXES)
def test_indexes(name):
    index = INDEXES[name]
    plain = index_to_plain(index)
    assert set(plain_types(plain)) <= {dict, list, tuple, str, int, float, bool, type(None), np.ndarray}
    again = index_from_plain(plain)
    pd.testing.assert_index_equal(again, index, exact=True)
    assert again.dtype == index.dtype
    assert getattr(again, "freq", None) == getattr(index, "freq", None)
    assert list(again.names) == list(index.names)


def test_no_index():
    assert index_from_plain(index_to_plain(None)) is None


@pytest.mark.parametrize("text", ["D", "3MS", "W-THU", "QE-JAN", "90min", "BME", "YE-JUN"])
def test_frequencies(text):
    offset = pd.tseries.frequencies.to_offset(text)
    plain = alias_of(offset)
    assert set(plain_types(plain)) <= {str}
    assert pd.tseries.frequencies.to_offset(plain) == offset


@pytest.mark.parametrize("frequency", [None, pd.offsets.CustomBusinessDay(holidays=["2024-05-01"])])
def test_frequencies_that_no_text_stands_for(frequency):
    assert alias_of(frequency) == frequency


@pytest.mark.parametrize(
    ("dtype", "labels"),
    [
        (pa.dictionary(pa.int32(), pa.string()), ["b", "a", "b"]),
        (pa.decimal128(5, 2), [decimal.Decimal("1.50"), decimal.Decimal("2.00")]),
        (pa.timestamp("us", tz="Europe/Berlin"), [*DAYS.tz_localize("Europe/Berlin")]),
    ],
    ids=str,
)
def test_types_of_pyarrow_that_have_no_name(dtype, labels):
    index = pd.Index(pd.array(labels, dtype=pd.ArrowDtype(dtype)), name="shop")
    again = index_from_plain(index_to_plain(index))
    assert again.tolist() == labels and again.name == "shop"


def test_a_forecaster_of_series_that_a_dictionary_of_pyarrow_names():
    names = pd.Series(["b"] * 20 + ["a"] * 20).astype(pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string())))
    X = pd.DataFrame({"shop": names})
    fitted = SequenceForecaster(LinearRegression(), window=2, groups="shop").fit(X, np.r_[0.0:20.0, 100.0:120.0])
    restored = pickle.loads(pickle.dumps(fitted))
    for coming in (X.iloc[[0, 20]], X.iloc[[0, 20]].astype(object)):
        np.testing.assert_allclose(restored.predict(coming.set_axis([40, 41])), [20, 120])
