"""Ends of windows of arrays, which are row numbers."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from skrnn import sliding_windows

ROWS = np.arange(30.0)[:, np.newaxis]


@pytest.mark.parametrize("ends", [[8, 0, 29], np.array([8, 0, 29], dtype="uint8"), pl.Series([8, 0, 29]), (8, 0, 29)])
def test_row_numbers(ends):
    windows = sliding_windows(ROWS, 3, padding="zeros", ends=ends)
    assert_array_equal(np.asarray(windows)[..., 0], [[6, 7, 8], [0, 0, 0], [27, 28, 29]])


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        ([2, 30], r"row numbers, 0 to 29\. Got 30 as ends\[1\]"),
        ([-1], r"ends\[0\] is -1, which is before the first row"),
        ([2.0, 3.7], r"row numbers, 0 to 29\. Got 3\.7 as ends\[1\]"),
        (["2"], r"ends, .* cannot be compared with the times of X"),
        (ROWS[:, 0] > 5, "Got a mask"),
    ],
    ids=str,
)
def test_what_is_not_a_row(ends, message):
    with pytest.raises(ValueError, match=message):
        sliding_windows(ROWS, 3, ends=ends)


def test_a_mask_and_times_after_the_last_row():
    frame = pd.DataFrame(ROWS)
    with pytest.raises(ValueError, match="Got a mask: pass it as the index of windows"):
        sliding_windows(frame, 3, ends=frame[0] > 5)
    assert_array_equal(sliding_windows(frame, 3, ends=[100])[0][:, 0], [27, 28, 29])  # the last row at or before
