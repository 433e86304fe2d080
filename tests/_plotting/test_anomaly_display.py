"""Plots of series, outlier scores and spans of outliers."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import legend_of
from matplotlib.dates import date2num
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import AnomalyDisplay, SequenceForecaster, SequenceOutlierDetector

VALUES = np.array([1.0, 1.1, 9.0, 8.0, 1.0, 1.2, 7.0, 1.0])
SCORES = np.array([-0.1, -0.2, -5.0, -4.0, -0.1, -0.1, -3.0, -0.1])

pytestmark = pytest.mark.usefixtures("close_figures")


def spans_of(display):
    """Start and end of each span."""
    return [tuple(path.vertices[:, 0][[0, 2]]) for path in display.spans_.get_paths()]


def small_detector(**params):
    forecaster = SequenceForecaster(LinearRegression(), window=2)
    return SequenceOutlierDetector(forecaster, method="prediction", **params)


def test_series_scores_threshold_and_spans():
    display = AnomalyDisplay(VALUES, SCORES, threshold=-2.0).plot()
    assert_array_equal(display.lines_[0].get_xydata(), np.column_stack([np.arange(8), VALUES]))
    assert_array_equal(display.score_line_.get_ydata(), -SCORES)
    assert display.threshold_line_.get_ydata()[0] == 2.0
    assert sorted(map(sorted, spans_of(display))) == [[1.5, 3.5], [5.5, 6.5]]
    assert display.figure_.axes == [display.ax_, display.score_ax_]
    assert legend_of(display.ax_) == ["value", "outlier"]
    assert legend_of(display.score_ax_) == ["outlier score", "threshold"]
    assert display.score_ax_.get_ylabel() == "outlier score"
    assert display.score_ax_.get_xlabel() == "step"


def test_outliers_may_be_given():
    is_outlier = np.array([True, *[False] * 6, True])
    display = AnomalyDisplay.from_predictions(VALUES, SCORES, is_outlier=is_outlier, name="forest", logy=True)
    assert sorted(map(sorted, spans_of(display))) == [[-0.5, 0.5], [6.5, 7.5]]
    assert display.threshold_line_ is None
    assert display.score_ax_.get_yscale() == "log"
    assert display.score_ax_.get_ylabel() == "outlier score\n(forest)"
    assert spans_of(AnomalyDisplay.from_predictions(VALUES, SCORES)) == []


def test_dates_and_columns_of_a_frame():
    days = pd.period_range("2024-01-01", periods=8, freq="D", name="day")
    frame = pd.DataFrame({"flow": VALUES, "level": -VALUES}, index=days)
    display = AnomalyDisplay.from_predictions(frame, SCORES, threshold=-2)
    assert_allclose(display.lines_[1].get_xdata(), date2num(days.to_timestamp().to_numpy()))
    assert_array_equal(display.lines_[1].get_ydata(), -VALUES)
    assert legend_of(display.ax_) == ["flow", "level", "outlier"]
    assert display.ax_.get_ylabel() == "value"
    assert display.score_ax_.get_xlabel() == "day"


@pytest.mark.parametrize("index", [list("abcdefgh"), pd.timedelta_range("1h", periods=8), np.arange(8) // 2])
def test_labels_that_are_not_drawn(index):
    display = AnomalyDisplay.from_predictions(pd.Series(VALUES, index=index, name="flow"), SCORES)
    assert_array_equal(display.lines_[0].get_xdata(), np.arange(8))
    assert display.ax_.get_ylabel() == "flow"


def test_only_the_first_columns_are_named():
    table = np.random.default_rng(0).normal(size=(8, 9))
    display = AnomalyDisplay.from_predictions(table, SCORES)
    assert len(display.lines_) == 9
    assert legend_of(display.ax_) == ["0", "1", "2", "3", "4", "5"]


def test_one_axes_has_the_scores_on_a_second_scale():
    figure, ax = plt.subplots()
    frame = pd.DataFrame({"flow": VALUES, "level": -VALUES})
    display = AnomalyDisplay.from_predictions(frame, SCORES, threshold=-2, name="forest", ax=ax, ylabel="flow (l/s)")
    assert display.ax_ is ax
    assert display.score_ax_ is not ax
    assert display.score_ax_.get_position().bounds == ax.get_position().bounds
    assert legend_of(display.score_ax_) == ["outlier score", "threshold", "flow", "level", "outlier"]
    assert display.score_line_.get_color() not in [line.get_color() for line in display.lines_]
    assert display.score_ax_.get_ylabel() == "outlier score (forest)"
    assert ax.get_ylabel() == "flow (l/s)"
    assert display.figure_ is figure


def test_two_axes():
    _, axes = plt.subplots(2)
    display = AnomalyDisplay.from_predictions(VALUES, SCORES, ax=axes)
    assert [display.ax_, display.score_ax_] == axes.tolist()


def test_a_single_row():
    display = AnomalyDisplay.from_predictions([3.0], [-9.0], threshold=-1)
    assert sorted(map(sorted, spans_of(display))) == [[-0.5, 0.5]]
    assert display.lines_[0].get_marker() == "o"


def test_from_estimator_draws_what_the_detector_returns():
    series = pd.DataFrame({"flow": np.random.default_rng(0).normal(size=60)})
    detector = small_detector(contamination=0.1).fit(series)
    display = AnomalyDisplay.from_estimator(detector, series)
    assert_array_equal(display.score_line_.get_ydata(), -detector.score_samples(series))
    assert display.threshold_line_.get_ydata()[0] == -detector.offset_
    changes = np.diff(detector.predict(series), prepend=1)
    assert len(spans_of(display)) == (changes == -2).sum() > 0
    assert display.score_ax_.get_ylabel() == "outlier score\n(SequenceOutlierDetector)"


def test_rows_below_the_offset_are_those_that_predict_flags(monkeypatch):
    X = np.random.default_rng(0).normal(size=(100, 1))
    X[60:63] = 8
    detector = small_detector(contamination=0.05).fit(X)
    is_outlier = detector.predict(X) == -1
    expected = AnomalyDisplay.from_predictions(X, detector.score_samples(X), is_outlier=is_outlier)
    calls = []
    score = SequenceOutlierDetector.score_samples
    monkeypatch.setattr(SequenceOutlierDetector, "score_samples", lambda self, X: calls.append(X) or score(self, X))
    assert spans_of(AnomalyDisplay.from_estimator(detector, X)) == spans_of(expected)
    assert len(calls) == 1


def test_a_pipeline_has_the_threshold_of_its_last_step():
    series = pd.DataFrame({"flow": np.random.default_rng(0).normal(size=60)})
    pipeline = make_pipeline(StandardScaler(), small_detector()).fit(series)
    display = AnomalyDisplay.from_estimator(pipeline, series)
    assert_array_equal(display.score_line_.get_ydata(), -pipeline.score_samples(series))
    assert_array_equal(display.lines_[0].get_ydata(), series["flow"])
    assert display.threshold_line_.get_ydata()[0] == -pipeline[-1].offset_
    assert display.score_ax_.get_ylabel() == "outlier score\n(SequenceOutlierDetector)"
    with pytest.raises(ValueError, match="are sequences"):
        AnomalyDisplay.from_estimator(make_pipeline(StandardScaler(), SequenceOutlierDetector()), series)


@pytest.mark.parametrize("level", [False, True])
def test_the_column_of_groups_is_not_drawn(level):
    frame = pd.DataFrame({"name": np.repeat(["a", "b"], 30), "flow": np.random.default_rng(0).normal(size=60)})
    if level:
        frame = frame.set_index("name", append=True)
    detector = small_detector(groups="name").fit(frame)
    of_one = frame[frame.index.get_level_values("name") == "b"] if level else frame[frame["name"] == "b"]
    display = AnomalyDisplay.from_estimator(detector, of_one)
    assert len(display.lines_) == 1
    assert_array_equal(display.lines_[0].get_ydata(), of_one["flow"])
    assert_array_equal(display.lines_[0].get_xdata(), np.arange(30, 60))
    with pytest.raises(ValueError, match=r"draws one series, but X contains 2\. Pass the rows of one of them"):
        AnomalyDisplay.from_estimator(detector, frame)


def test_a_column_of_groups_beside_index_levels():
    frame = pd.DataFrame({"name": "a", "flow": np.random.default_rng(0).normal(size=30)})
    frame.index = pd.MultiIndex.from_product([["x"], range(30)], names=["site", "hour"])
    display = AnomalyDisplay.from_estimator(small_detector(groups="name").fit(frame), frame)
    assert_array_equal(display.lines_[0].get_ydata(), frame["flow"])


def test_detectors_of_scikit_learn():
    forest = IsolationForest(random_state=0).fit(VALUES[:, None])
    display = AnomalyDisplay.from_estimator(forest, VALUES[:, None], name="forest")
    assert_array_equal(display.score_line_.get_ydata(), -forest.score_samples(VALUES[:, None]))
    assert display.threshold_line_.get_ydata()[0] == -forest.offset_


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda: AnomalyDisplay(VALUES, SCORES[:3]).plot(), ValueError, r"scores must have one value per row of X, 8"),
        (
            lambda: AnomalyDisplay(VALUES, SCORES, is_outlier=[True]).plot(),
            ValueError,
            r"is_outlier must have one value per row of X, 8\. Got shape \(1,\)",
        ),
        (
            lambda: AnomalyDisplay(VALUES, SCORES, is_outlier=[-1] * 8).plot(),
            ValueError,
            r"is_outlier must contain booleans, such as predict\(X\) == -1",
        ),
        (lambda: AnomalyDisplay([], []).plot(), ValueError, "at least one row"),
        (
            lambda: AnomalyDisplay(VALUES, SCORES).plot(plt.subplots(3)[1]),
            ValueError,
            r"ax must be one axes, or two: of the series and of the scores\. Got 3",
        ),
        (
            lambda: AnomalyDisplay.from_estimator(LinearRegression(), VALUES[:, None]),
            TypeError,
            "requires an outlier detector with a score_samples method. LinearRegression has none",
        ),
        (
            lambda: AnomalyDisplay.from_estimator(small_detector(), VALUES[:, None]),
            NotFittedError,
            "This SequenceOutlierDetector instance is not fitted yet",
        ),
        (
            lambda: AnomalyDisplay.from_estimator(SequenceOutlierDetector(), VALUES[:, None]),
            ValueError,
            "are sequences, and AnomalyDisplay draws the rows of a series. Set method='prediction', or window",
        ),
    ],
)
def test_bad_input(function, error, message):
    with pytest.raises(error, match=message):
        function()
