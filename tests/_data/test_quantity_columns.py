"""Frames whose columns are different quantities, which are not the time steps of sequences."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import make

from skrnn import SequenceAutoencoder, SequenceOutlierDetector
from skrnn._data.quantity_columns import columns_of_different_quantities

N_ROWS = 40
RNG = np.random.default_rng(0)
MARKET = pd.DataFrame({"open": RNG.uniform(9, 11, N_ROWS), "volume": RNG.uniform(1e5, 3e5, N_ROWS), "flag": 0.0})
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def found(frame):
    return columns_of_different_quantities(frame.to_numpy(), frame.columns)


def test_names_and_scales_of_quantities():
    (small, small_size), (large, large_size) = found(MARKET)
    assert (small, large) == ("open", "volume")  # a column of zeros has no scale
    assert small_size == pytest.approx(MARKET["open"].mean(), rel=1e-12)
    assert large_size == pytest.approx(MARKET["volume"].mean(), rel=1e-12)
    assert found(-MARKET)[0][0] == "open"
    assert found(MARKET.mask(MARKET > 2.9e5)) == (("open", small_size), ("volume", pytest.approx(large_size, rel=0.1)))


def test_names_that_contain_those_of_time_steps():
    for name in ("next_close", "may_rain", "stone", "winter_rate"):
        assert found(MARKET.rename(columns={"open": name}))[0][0] == name


def growth(names):
    """A quantity that grows by orders of magnitude, with these names of time steps."""
    return pd.DataFrame(RNG.uniform(1, 2, (N_ROWS, len(names))) * 10.0 ** np.arange(len(names)), columns=names)


@pytest.mark.parametrize(
    "frame",
    [
        MARKET.to_numpy(),
        MARKET.set_axis([0, 1, 2], axis=1),
        MARKET[:9],
        MARKET[["open", "flag"]],
        0 * MARKET,
        MARKET[["volume"]],
        MARKET.assign(volume=MARKET["volume"] / 1000),  # prices in another unit
        MARKET[["open"]].assign(high=MARKET["open"].mask(MARKET["open"] > 10)),  # NaN
        growth(["t0", "t1", "t2", "t3", "t4"]),
        growth(["x(t-5)", "x(t-4)", "x(t-3)", "x(t-2)", "x(t-1)"]),
        growth(["2020-01", "2020-02", "2020-03", "2020-04", "2020-05"]),
        growth(MONTHS),
        growth(["monday", "Tuesday", "wed", "thurs", "fri"]),
        growth(["yesterday", "today", "tomorrow", "lag a", "last step"]),
        growth(["before", "during", "after", "post", "future"]),
        growth(["first", "second", "Third", "T minus one", "step_two"]),
        growth(["night", "morning", "noon", "evening", "midnight"]),
        growth(["winter", "spring", "summer", "autumn", "fall"]),
        pd.DataFrame(RNG.uniform(1, 900, (N_ROWS, 3)), columns=["low", "middle", "high"]),
        pd.DataFrame({"rare": np.eye(2000)[3], "common": 1.0}),  # events of a size, but not of a frequency
    ],
    ids=lambda frame: ",".join(map(str, getattr(frame, "columns", ["array"]))),
)
def test_sequences_are_no_quantities(frame):
    assert columns_of_different_quantities(np.asarray(frame), getattr(frame, "columns", ())) is None


def test_estimators_warn_once_of_fitted_frames():
    y = np.arange(N_ROWS) / N_ROWS
    message = (
        r"reads each row of 2-D input as a separate sequence, but the columns of X seem to be different quantities: "
        r"the mean absolute value of nonzero numbers is 10.* in 'open', and 1.98e\+05 in 'volume'. If they are "
        r"time steps of one quantity, pass X.to_numpy\(\)\. "
    )
    with pytest.warns(UserWarning, match=message + "To predict .* put a SequenceWindower before it") as caught:
        regressor = make("GRURegressor", epochs=1).fit(MARKET, y)
    assert len(caught) == 1
    regressor.predict(MARKET)
    make("GRURegressor", epochs=1).fit(MARKET.to_numpy(), y)
    scaled = (MARKET - MARKET.mean()) / MARKET.mean().replace(0, 1)
    coder = SequenceAutoencoder(units=2, epochs=1, n_components=2)
    coder.fit(scaled)  # says nothing
    small = MARKET / 1e5  # which needs no warning of the scale
    with pytest.warns(UserWarning, match=r"seem to be different quantities.*To encode windows of rows, put a"):
        coder.fit(small)
    detector = SequenceOutlierDetector(Constant())
    for market in (MARKET, MARKET.astype(str), pl.from_pandas(MARKET)):
        with pytest.warns(UserWarning, match=r"seem to be different quantities.* set method='prediction', or window"):
            detector.fit(market)
    detector.fit(MARKET.assign(flag="text"))  # for an estimator that takes it
    with pytest.warns(UserWarning, match="^SequenceOutlierDetector reads each row .* different quantities") as caught:
        SequenceOutlierDetector(coder).fit(small)
    assert len(caught) == 1  # the autoencoder inside, which is given the same rows, says nothing


class Constant:
    """Estimator that scores all samples equally."""

    def get_params(self, deep=True):
        return {}

    def fit(self, X, y=None):
        return self

    def score_samples(self, X):
        return np.zeros(len(X))
