"""Warnings of rows whose index contains numbers that decrease, such as years, or that restart."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge

from skrnn import SequenceForecaster, SequenceOutlierDetector, SequenceWindower, backtest, sliding_windows

YEARS = pd.Series(np.arange(60.0), np.arange(1960, 2020), name="value")
DECREASE = r"treats rows as being in time order, but the numbers in their index decrease, from 2019(\.0)? in .* to 19"


def forecaster():
    return SequenceForecaster(Ridge(1e-9), window=3)


CALLS = {
    "SequenceForecaster": lambda y: forecaster().fit(None, y),
    "history": lambda y: forecaster().fit(None, YEARS).forecast(2, history=y),
    "backtest": lambda y: backtest(forecaster(), None, y, initial_window=50, steps=2),
    "SequenceWindower": lambda y: SequenceWindower(3).fit(y.to_frame()),
    "sliding_windows": lambda y: sliding_windows(y.to_frame(), 3),
    "prediction": lambda y: SequenceOutlierDetector(forecaster(), method="prediction").fit(y.to_frame()),
    "reconstruction": lambda y: SequenceOutlierDetector(window=4, random_state=0).fit(y.to_frame()),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_a_warning_of_numbers_that_decrease(call, dtype):
    falling = YEARS[::-1].set_axis(YEARS.index[::-1].astype(dtype))
    with pytest.warns(UserWarning, match=DECREASE) as caught:
        call(falling)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("params", [{"estimator": forecaster(), "method": "prediction"}, {"window": 4}])
def test_outlier_detectors_warn_once_in_their_own_name(params):
    falling = YEARS[::-1].to_frame()
    detector = SequenceOutlierDetector(**params, random_state=0)
    with pytest.warns(UserWarning, match=f"SequenceOutlierDetector {DECREASE}") as of_fit:
        detector.fit(falling)
    detector.fit(YEARS.to_frame())
    with pytest.warns(UserWarning, match=f"SequenceOutlierDetector {DECREASE}") as of_scores:
        detector.score_samples(falling)
    assert [sum("decrease" in str(warning.message) for warning in caught) for caught in (of_fit, of_scores)] == [1, 1]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_warning_of_concatenated_frames(call):
    parts = [pd.Series(np.arange(20.0)), pd.Series(100 + np.arange(40.0), name="value")]
    both = pd.concat([part.rename("value") for part in parts])
    message = "treats all rows as one series, but their index restarts at 0 in row 20.*pass it as groups.*drop the"
    with pytest.warns(UserWarning, match=message) as caught:
        call(both)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call(both.reset_index(drop=True))


def test_the_remedies():
    falling = YEARS[::-1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rising = forecaster().fit(None, falling.sort_index())
        in_their_order = forecaster().fit(None, falling.reset_index(drop=True))
    assert_allclose(rising.forecast(2), [60, 61])
    assert_allclose(in_their_order.forecast(2), [-1, -2], atol=1e-6)


@pytest.mark.parametrize(
    "rows",
    [
        np.arange(60),
        np.random.default_rng(0).permutation(60),
        np.random.default_rng(0).integers(0, 9, size=60),
        [4, 2, 1, 0],
        [0, 1, 2, 0, 1, 2, 3],
        np.repeat([3, 2, 1], 20),
        [*range(20), *range(5, 20)],
    ],
    ids=["increasing", "shuffled", "sampled", "few", "few that restart", "repeated", "at another number"],
)
def test_other_numbers_are_not_warned_of(rows):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sliding_windows(YEARS.iloc[rows].to_frame(), 3)
