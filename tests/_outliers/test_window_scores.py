"""Scores of time steps by the windows that contain them."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator

from skrnn import SequenceOutlierDetector
from skrnn._data.row_labels import split_labels
from skrnn._outliers import window_scores
from skrnn._outliers.window_scores import scores_of_rows, whole_windows

ROWS = np.random.default_rng(0).normal(size=(30, 2))


class Deviation(BaseEstimator):
    """Score of a window: minus the mean of its squares."""

    def fit(self, X, y=None):
        self.shape_ = X.shape
        return self

    def score_samples(self, X):
        return -np.nanmean(np.asarray(X) ** 2, axis=(1, 2))


def labels_of(groups):
    return split_labels(pd.DataFrame({"name": groups}), "name")[1]


def by_numpy(rows, groups, window):
    """Score of each row with a loop over series, windows and rows."""
    scores = np.empty(len(rows))
    for name in np.unique(groups):
        members = np.flatnonzero(np.asarray(groups) == name)
        starts = range(max(len(members) - window, 0) + 1)
        of_windows = [-(rows[members[start : start + window]] ** 2).mean() for start in starts]
        for place, row in enumerate(members):
            containing = [score for start, score in enumerate(of_windows) if start <= place < start + window]
            scores[row] = np.quantile(containing, 0.75)
    return scores


@pytest.mark.parametrize("window", [1, 2, 5, 40])
@pytest.mark.parametrize("groups", [["a"] * 30, ["a", "b"] * 15, ["b"] * 3 + ["a"] * 20 + ["c"] * 7])
def test_scores_are_quartiles_over_the_windows_that_contain_a_row(window, groups, monkeypatch):
    labels = labels_of(groups)
    windows = whole_windows(ROWS, labels, window)
    scores = Deviation().fit(windows).score_samples(windows)
    assert_allclose(scores_of_rows(scores, windows, labels), by_numpy(ROWS, groups, window), rtol=1e-12)
    monkeypatch.setattr(window_scores, "_NUMBERS_AT_ONCE", 8)
    assert_allclose(scores_of_rows(scores, windows, labels), by_numpy(ROWS, groups, window), rtol=1e-12)


def test_windows_are_whole_unless_their_series_is_short():
    windows = whole_windows(ROWS, labels_of(["a"] * 27 + ["b"] * 3), 5)
    assert windows.shape == (23 + 1, 5, 2)
    assert windows.lengths.tolist() == [5] * 23 + [3]
    assert_array_equal(windows[0], ROWS[:5])
    assert_array_equal(windows[23][2:], ROWS[27:])


def test_rows_are_standardized_by_the_fitted_ones():
    train = ROWS * [1.0, 1000.0] + [0.0, 5e4]
    fitted = SequenceOutlierDetector(Deviation(), window=4).fit(train)
    assert fitted.estimator_.shape_ == (27, 4, 2)
    standard = (train - train.mean(axis=0)) / train.std(axis=0)
    assert_allclose(fitted.score_samples(train), by_numpy(standard, ["a"] * 30, 4), rtol=1e-9)
    later = (train[:10] + 3 - train.mean(axis=0)) / train.std(axis=0)
    assert_allclose(fitted.score_samples(train[:10] + 3), by_numpy(later, ["a"] * 10, 4), rtol=1e-9)


@pytest.mark.parametrize("value", [7.0, 0.1])  # the mean of 30 times 0.1 is rounded
def test_columns_without_variance(value):
    train = np.column_stack([ROWS[:, 0], np.full(30, value)])
    fitted = SequenceOutlierDetector(Deviation(), window=4).fit(train)
    standard = (train - train.mean(axis=0)) / [train[:, 0].std(), 1.0]
    assert_allclose(fitted.score_samples(train), by_numpy(standard, ["a"] * 30, 4), rtol=1e-9)


def test_rows_next_to_an_outlier_are_not_outliers():
    """A row is an outlier if most windows are that contain it: the mean over windows would flag more neighbors."""
    X = np.random.default_rng(1).normal(scale=0.1, size=(200, 1))
    X[100:120] += 10
    fitted = SequenceOutlierDetector(Deviation(), window=20).fit(X[:90])
    scores = fitted.score_samples(X)
    assert (scores[100:120] < -10).all()
    assert (scores[[*range(95), *range(125, 200)]] > -10).all()  # mean squares of the noise are about 1


def test_groups_and_row_order():
    groups = ["b", "a"] * 15
    frame = pd.DataFrame({"x": ROWS[:, 0], "y": ROWS[:, 1], "name": groups})
    fitted = SequenceOutlierDetector(Deviation(), window=4, groups="name").fit(frame)
    assert fitted.n_features_in_ == 2
    standard = (ROWS - ROWS.mean(axis=0)) / ROWS.std(axis=0)
    assert_allclose(fitted.score_samples(frame), by_numpy(standard, groups, 4), rtol=1e-9)


def test_a_gap_in_the_index_is_warned_of():
    days = pd.date_range("2024-01-01", periods=90)
    whole = pd.DataFrame(ROWS, index=days[:30])
    with_gap = pd.DataFrame(ROWS, index=days.delete(range(10, 70)))
    with pytest.warns(UserWarning, match="Windows span the gap"):
        SequenceOutlierDetector(Deviation(), window=4).fit(with_gap)
    fitted = SequenceOutlierDetector(Deviation(), window=4).fit(whole)
    with pytest.warns(UserWarning, match="Windows span the gap"):
        fitted.score_samples(with_gap)


def test_a_series_that_is_shorter_than_a_window_is_warned_of():
    fitted = SequenceOutlierDetector(Deviation(), window=4).fit(ROWS)
    fitted.score_samples(ROWS[:4])  # no warning
    with pytest.warns(UserWarning, match=r"X has fewer rows, 3, than window=4 of SequenceOutlierDetector"):
        assert fitted.score_samples(ROWS[:3]).shape == (3,)
    with pytest.warns(UserWarning, match=r"X has fewer rows, 30, than window=31"):
        SequenceOutlierDetector(Deviation(), window=31).fit(ROWS)
    frame = pd.DataFrame(ROWS).assign(name=["a"] * 27 + ["b"] * 3)
    with pytest.warns(UserWarning, match=r"Series 'b' of X has fewer rows, 3, than window=4"):
        SequenceOutlierDetector(Deviation(), window=4, groups="name").fit(frame)


class LogDensity(Deviation):
    """Logarithm of the density of a window, which is 0 far from the others."""

    def score_samples(self, X):
        return np.where(np.abs(np.asarray(X)).max(axis=(1, 2)) > 5, -np.inf, 0.0)


def test_infinite_scores_are_those_of_outliers():
    X = np.random.default_rng(1).normal(size=(60, 2))
    fitted = SequenceOutlierDetector(LogDensity(), window=4).fit(X)
    X[30] = 9
    scores = fitted.score_samples(X)
    assert np.isfinite(scores).all()
    assert np.flatnonzero(scores < -1).tolist() == [29, 30, 31]  # three of four windows of a neighbor contain row 30
    assert np.flatnonzero(fitted.predict(X) == -1).tolist() == [29, 30, 31]
