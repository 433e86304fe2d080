"""Plots of the displays: coordinates, labels, legends, dates."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from children import run
from conftest import legend_of
from matplotlib.dates import ConciseDateFormatter, date2num
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from skrnn import (
    CellComparison,
    CellComparisonDisplay,
    ForecastDisplay,
    GRURegressor,
    LossCurveDisplay,
    SequenceForecaster,
    SequenceScaler,
)

HISTORY = {"loss": [1.0, 0.5, 0.25], "val_loss": [1.2, 0.6, 0.7], "mae": [0.9, 0.8, 0.7]}

pytestmark = pytest.mark.usefixtures("close_figures")


class Recorded(LinearRegression):
    """Regressor with a history."""

    loss = "mse"
    early_stopping = True

    def fit(self, X, y):
        self.history_, self.best_epoch_ = HISTORY, 1
        return super().fit(X, y)


# ---------------------------------------------------------------------- loss curves


def test_loss_curves_of_several_estimators():
    X, y = np.arange(8.0).reshape(-1, 1), np.arange(8.0)
    models = {
        "alone": Recorded().fit(X, y),
        "held": TransformedTargetRegressor(make_pipeline(Recorded())).fit(X, y),
    }
    display = LossCurveDisplay.from_estimator(models, logy=True)
    for name in models:
        assert_array_equal(display.lines_[name].get_xdata(), [1, 2, 3])
        assert_array_equal(display.lines_[name].get_ydata(), HISTORY["loss"])
        assert_array_equal(display.validation_lines_[name].get_ydata(), HISTORY["val_loss"])
        assert display.lines_[name].get_linestyle() == "-"
        assert display.validation_lines_[name].get_linestyle() == "--"
        assert display.lines_[name].get_color() == display.validation_lines_[name].get_color()
        assert (*display.best_points_[name].get_xdata(), *display.best_points_[name].get_ydata()) == (2, 0.6)
    assert display.lines_["alone"].get_color() != display.lines_["held"].get_color()
    assert display.lines_["alone"].get_marker() != display.lines_["held"].get_marker()
    assert display.ax_.get_xlabel() == "epoch"
    assert display.ax_.get_ylabel() == "loss (mean squared error)"
    assert display.ax_.get_yscale() == "log"
    assert legend_of(display.ax_) == [
        "alone: training",
        "alone: validation",
        "best epoch",
        "held: training",
        "held: validation",
    ]


def test_loss_curve_of_a_network(X, y):
    model = make_pipeline(SequenceScaler(), GRURegressor(units=6, epochs=3, random_state=0)).fit(X, y)
    display = LossCurveDisplay.from_estimator(model, name="network")
    assert_array_equal(display.lines_["network"].get_ydata(), model[-1].history_["loss"])
    assert display.validation_lines_ == {}


def test_loss_curve_of_another_metric_in_given_axes():
    figure, ax = plt.subplots()
    display = LossCurveDisplay({"a": HISTORY}).plot(ax, metric="mae")
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert_array_equal(display.lines_["a"].get_ydata(), HISTORY["mae"])
    assert ax.get_ylabel() == "mae"


@pytest.mark.parametrize(
    ("estimator", "options", "error", "message"),
    [
        (GRURegressor(), {}, NotFittedError, "not fitted"),
        (LinearRegression().fit([[0], [1]], [0, 1]), {}, TypeError, "Got LinearRegression instead"),
        ({"a": Recorded().fit([[0]], [0])}, {"name": "b"}, ValueError, "not supported for a dict of estimators"),
        (Recorded().fit([[0]], [0]), {"metric": "auc"}, ValueError, r"does not contain 'auc'\. It contains"),
        ({}, {}, ValueError, "no history to plot"),
    ],
)
def test_loss_curves_that_cannot_be_drawn(estimator, options, error, message):
    with pytest.raises(error, match=message):
        LossCurveDisplay.from_estimator(estimator, **options)


# ---------------------------------------------------------------------- forecasts


def test_forecast_on_dates():
    months = pd.period_range("2024-01", periods=6, freq="M", name="month")
    series = pd.Series(np.arange(6.0), months, name="passengers")
    interval = np.array([[3.0, 5.0], [3.5, 6.5]])
    display = ForecastDisplay.from_predictions(
        series[4:] + 0.5, y_true=series[4:], history=series[:4], interval=interval, coverage=0.8
    )
    assert_allclose(display.history_line_.get_xdata(), date2num(months[:4].to_timestamp()))
    assert_allclose(display.forecast_line_.get_xdata(), date2num(months[4:].to_timestamp()))
    assert_array_equal(display.forecast_line_.get_ydata(), [4.5, 5.5])
    assert_array_equal(display.true_line_.get_ydata(), [4, 5])
    assert display.start_line_.get_xdata()[0] == display.forecast_line_.get_xdata()[0]
    band = display.interval_band_.get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (3, 6.5)
    assert isinstance(display.ax_.xaxis.get_major_formatter(), ConciseDateFormatter)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("month", "passengers")
    assert legend_of(display.ax_) == ["history", "true", "forecast", "80% interval"]


def test_forecast_of_arrays_follows_on_their_history():
    display = ForecastDisplay.from_predictions([4.0, 5.0], history=[1.0, 2.0, 3.0], y_true=[4.5], name="GRU")
    assert_array_equal(display.history_line_.get_xdata(), [0, 1, 2])
    assert_array_equal(display.forecast_line_.get_xdata(), [3, 4])
    assert_array_equal(display.true_line_.get_xdata(), [3])
    assert display.interval_band_ is None
    assert legend_of(display.ax_) == ["history", "true", "GRU"]


def test_forecast_of_a_forecaster():
    days = pd.date_range("2024-01-01", periods=60, freq="D")
    y = pd.Series(np.sin(np.arange(60) / 3), days, name="tide (m)")
    frame = pd.DataFrame(index=days)
    forecaster = SequenceForecaster(LinearRegression(), window=3, calibration_size=30).fit(frame[:55], y[:55])
    display = ForecastDisplay.from_estimator(forecaster, frame[55:], y_true=y[55:], history=y[:55], coverage=0.5)
    assert_allclose(display.forecast_line_.get_ydata(), forecaster.predict(frame[55:]))
    assert_allclose(display.forecast_line_.get_xdata(), date2num(days[55:]))
    assert display.ax_.get_ylabel() == "tide (m)"
    assert "50% interval" in legend_of(display.ax_)
    with pytest.raises(TypeError, match="requires a forecaster with a predict_interval method"):
        ForecastDisplay.from_estimator(LinearRegression(), frame[55:], coverage=0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": [[0.0, 1.0]]}, r"interval must have shape \(2, 2\).*Got shape \(1, 2\)"),
        ({"y_true": [1.0, 2.0, 3.0]}, r"y_true of shape \(3,\) is longer than the forecast of shape \(2,\)"),
        ({"history": [[1.0, 2.0]]}, r"history must be a single series.*\(1, 2\)"),
        ({"coverage": 90, "interval": [[0.0, 1.0]] * 2}, "coverage must be a fraction between 0 and 1. Got 90"),
        ({"history": pd.Series([1.0], index=["a"])}, "index of history must contain dates, periods or numbers"),
    ],
)
def test_forecasts_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        ForecastDisplay.from_predictions([1.0, 2.0], **options)


def test_history_must_end_before_the_forecast():
    series = pd.Series([1.0, 2.0], index=pd.date_range("2024-01-01", periods=2))
    with pytest.raises(ValueError, match="history must end before the forecast begins"):
        ForecastDisplay.from_predictions(series, history=series)


# ---------------------------------------------------------------------- comparisons


@pytest.fixture
def comparison():
    scores = pd.DataFrame(
        {"estimator": ["gru", "gru", "lstm", "lstm", "mean"], "test_score": [0.9, 0.7, 0.6, 0.5, 0.1]}
    )
    histories = {"gru": [{"loss": [1.0, 0.5]}, {"loss": [0.8, 0.3]}], "lstm": [{"loss": [1.0]}, {"loss": [2.0, 1.0]}]}
    return CellComparison(pd.DataFrame(), scores, pd.DataFrame(), histories, scoring="r2")


def test_comparison_draws_scores_and_losses(comparison):
    display = comparison.plot()
    assert isinstance(display, CellComparisonDisplay)
    assert list(display.points_) == ["gru", "lstm", "mean"]
    assert_array_equal(display.points_["gru"].get_offsets()[:, 0], [0.9, 0.7])
    assert_allclose(display.means_["gru"].get_xdata(), [0.8, 0.8])
    assert_allclose(display.lines_["gru"].get_ydata(), [0.9, 0.4])
    assert_allclose(display.lines_["lstm"].get_ydata(), [1.5, 1.0])  # the second epoch of the one fit that had it
    assert list(display.lines_) == ["gru", "lstm"]
    scores, losses = display.ax_
    assert [label.get_text() for label in scores.get_yticklabels()] == ["gru", "lstm", "mean"]
    assert scores.get_xlabel() == "r2 (higher is better)"
    assert (losses.get_xlabel(), losses.get_ylabel()) == ("epoch", "training loss")
    assert legend_of(losses) == ["gru", "lstm"]


def test_comparison_in_given_axes(comparison):
    figure, axes = plt.subplots(2)
    display = comparison.plot(ax=axes)
    assert_array_equal(display.ax_, axes)
    assert display.figure_ is figure
    with pytest.raises(ValueError, match="ax must contain two axes"):
        comparison.plot(ax=axes[0])


def test_displays_load_no_matplotlib():
    code = (
        "import sys; from skrnn import CellComparisonDisplay, ForecastDisplay, LossCurveDisplay;"
        "assert not {'matplotlib', 'tensorflow', 'keras'} & set(sys.modules)"
    )
    process = run("-c", code)
    assert process.returncode == 0, process.stderr
