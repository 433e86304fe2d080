"""Rows that are points in time, and columns that are lags, whatever they are called."""

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from skrnn._data.lag_columns import is_series_of_rows

N_ROWS = 300
RNG = np.random.default_rng(0)
STEPS = np.arange(N_ROWS)
HOURS = pd.date_range("2024-01-01", periods=N_ROWS, freq="h")

SERIES = {
    "walk": np.cumsum(RNG.normal(size=N_ROWS)),
    "noise": RNG.normal(size=N_ROWS),
    "counts": RNG.poisson(20, size=N_ROWS).astype(float),
    "wave": np.sin(STEPS / 7) + 0.01 * RNG.normal(size=N_ROWS),
}

# All of them are made by hand or by other libraries.
NAMES = {
    "x(t-1)": "x(t-{})",
    "lag_1": "lag_{}",
    "y_l1": "y_l{}",
    "price-3": "price-{}",
    "lag1": "lag{}",
    "shift_3": "shift_{}",
    "number": "{}",
}


def lags(y, index, name="y_l{}", by=range(8, 0, -1)):
    series = pd.Series(y, index)
    return pd.DataFrame({name.format(lag): series.shift(lag) for lag in by}).dropna()


def warns(frame):
    return is_series_of_rows(frame.to_numpy(), frame.index, frame.columns)


@pytest.mark.parametrize("y", SERIES.values(), ids=SERIES)
@pytest.mark.parametrize("freq", ["h", "B", "MS"])
def test_lags_are_known_by_their_content(y, freq):
    index = pd.date_range("1990-01-01", periods=N_ROWS, freq=freq)
    frame = lags(y, index)
    scaled = pd.DataFrame(StandardScaler().fit_transform(frame), frame.index, frame.columns)
    for given in (
        frame,
        frame[frame.columns[::-1]],
        frame.astype(np.float32),
        frame.iloc[:12],
        frame.sample(frac=0.7, random_state=0),  # a shuffled split
        frame.set_axis(frame.index.to_period("M" if freq == "MS" else freq if freq == "h" else "D")),
        lags(y, index, by=(1, 7, 28)),
        frame.join(lags(RNG.normal(size=N_ROWS), index, name="other_l{}")),
        frame.assign(price=RNG.normal(size=len(frame))),
        scaled,
    ):
        assert not warns(given)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_whatever_lags_are_called(name):
    assert not warns(lags(SERIES["walk"], HOURS, name))


def test_names_tell_where_rows_are_too_few():
    frame = lags(SERIES["walk"], HOURS).iloc[:4]
    assert warns(frame)
    for name in ("x0_lag{}", "Lag {}", "shift{}"):
        assert not warns(frame.set_axis([name.format(lag) for lag in range(8)], axis=1))
    assert warns(frame.set_axis([f"flag{n}" for n in range(8)], axis=1))


def calendar():
    angle = 2 * np.pi * HOURS.hour / 24
    return pd.DataFrame({"load": SERIES["noise"], "sin": np.sin(angle), "cos": np.cos(angle)}, index=HOURS)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"load": SERIES["noise"]}, index=HOURS),
        pd.DataFrame({name: SERIES[name] for name in ("walk", "noise", "counts")}, index=HOURS),
        pd.DataFrame(RNG.poisson(20, size=(N_ROWS, 3)), index=HOURS),
        pd.DataFrame({"load": SERIES["walk"], "same": SERIES["walk"]}, index=HOURS),  # shifted by nothing
        pd.DataFrame({"load": SERIES["walk"], "hour": HOURS.hour, "day": HOURS.day, "trend": STEPS}, index=HOURS),
        calendar(),
        pd.get_dummies(HOURS.hour % 4).set_index(HOURS).astype(float).assign(load=SERIES["walk"]),
        pd.DataFrame(np.cumsum(RNG.normal(size=(N_ROWS, 60)), axis=0), index=HOURS),
        pd.DataFrame({"load": SERIES["walk"], "lag": SERIES["noise"]}, index=HOURS.to_period("h")),
    ],
    ids=["one", "several", "counts", "twice", "calendar", "sine and cosine", "dummies", "sensors", "periods"],
)
def test_rows_of_series(frame):
    assert warns(frame)


def test_only_dates_and_periods_are_times():
    frame = pd.DataFrame({"load": SERIES["noise"]})
    assert not warns(frame)
    assert not is_series_of_rows(frame.to_numpy(), None, ())
