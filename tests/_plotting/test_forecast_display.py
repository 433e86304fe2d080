"""`ForecastDisplay` with quantiles, sample paths and several series: coordinates, labels, legends."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.dates import date2num
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression

from skrnn import ForecastDisplay, SequenceForecaster

DAYS = pd.date_range("2024-01-01", periods=60, freq="D", name="day")
QUANTILES = np.array([[1.0, 2.0, 3.0, 4.0, 5.0], [0.0, 2.0, 4.0, 6.0, 8.0]])

pytestmark = pytest.mark.usefixtures("close_figures")


def labels(legend):
    return [text.get_text() for text in legend.get_texts()]


def corners(band):
    """Lowest and highest point of a band at each of its positions."""
    points = pd.DataFrame(np.concatenate([path.vertices for path in band.get_paths()]), columns=["x", "y"])
    return points.groupby("x")["y"].agg(["min", "max"]).to_numpy()


def panel(n_shops, n_days=60):
    index = pd.MultiIndex.from_product([[f"shop {number}" for number in range(n_shops)], DAYS[:n_days]])
    days = np.tile(np.arange(n_days), n_shops)
    level = 10 * np.repeat(np.arange(n_shops), n_days)
    return pd.Series(level + np.sin(days / 3), index.set_names(["shop", "day"]), name="sold")


def split(series, day):
    """Rows before a day, and from it on."""
    days = series.index.get_level_values("day")
    return series[days < DAYS[day]], series[days >= DAYS[day]]


# ---------------------------------------------------------------------- quantiles


def test_quantiles_are_nested_bands_and_a_median():
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    display = ForecastDisplay.from_predictions([2.9, 4.1], quantiles=QUANTILES, quantile_levels=levels)
    outer, inner = display.quantile_bands_
    assert_array_equal(corners(outer), QUANTILES[:, [0, 4]])
    assert_array_equal(corners(inner), QUANTILES[:, [1, 3]])
    assert outer.get_alpha() < inner.get_alpha()
    assert_array_equal(display.median_line_.get_ydata(), [3.0, 4.0])
    assert labels(display.ax_.get_legend()) == ["forecast", "90% interval", "50% interval", "median"]


def test_median_that_is_the_forecast_is_drawn_once():
    display = ForecastDisplay.from_predictions(QUANTILES[:, 2], quantiles=QUANTILES)
    assert display.median_line_ is None
    assert len(display.quantile_bands_) == 2
    assert labels(display.ax_.get_legend()) == ["forecast", "quantiles"]


@pytest.mark.parametrize(
    ("columns", "levels", "n_bands", "expected"),
    [
        ([0, 4], [0.1, 0.9], 1, ["forecast", "80% interval"]),
        ([0, 4], [0.1, 0.8], 1, ["forecast", "quantiles 0.1 to 0.8"]),
        ([3], [0.75], 0, ["forecast", "quantile 0.75"]),
        ([2], None, 0, ["forecast", "median"]),
        ([0, 1, 3, 4], None, 2, ["forecast", "quantiles"]),
        ([0, 4], [1 / 30, 29 / 30], 1, ["forecast", "93.3333% interval"]),
    ],
)
def test_legend_of_quantiles(columns, levels, n_bands, expected):
    display = ForecastDisplay.from_predictions([9.0, 9.0], quantiles=QUANTILES[:, columns], quantile_levels=levels)
    assert len(display.quantile_bands_) == n_bands
    assert labels(display.ax_.get_legend()) == expected


def test_single_step():
    paths = [[1.0], [2.0], [4.0]]
    display = ForecastDisplay.from_predictions([3.0], quantiles=QUANTILES[:1], paths=paths)
    outer, inner = display.quantile_bands_
    assert isinstance(outer, LineCollection) and isinstance(inner, LineCollection)
    assert_array_equal(outer.get_segments()[0][:, 1], [1, 5])
    assert_array_equal(inner.get_segments()[0][:, 1], [2, 4])
    assert isinstance(display.path_lines_, PathCollection)
    assert_array_equal(display.path_lines_.get_offsets(), [[0, 1], [0, 2], [0, 4]])


# ---------------------------------------------------------------------- sample paths


def test_sample_paths():
    paths = np.array([[1.0, 2.0, -7.0], [3.0, np.nan, 5.0]])
    forecast = pd.Series([2.0, 2.0, 2.0], DAYS[:3])
    display = ForecastDisplay.from_predictions(forecast, paths=paths)
    first, second = display.path_lines_.get_segments()
    assert_allclose(first, np.column_stack([date2num(DAYS[:3]), paths[0]]))
    assert_allclose(second, np.column_stack([date2num(DAYS[:3]), paths[1]])[[0, 2]])  # matplotlib drops the gap
    assert display.ax_.get_ylim()[0] < -7
    assert labels(display.ax_.get_legend()) == ["forecast", "sample paths"]
    [*_, entry] = display.ax_.get_legend().legend_handles
    assert entry.get_alpha() == 0.8  # of the lines themselves it is less
    assert display.path_lines_.get_alpha() < 0.8
    assert display.path_lines_.get_zorder() < display.forecast_line_.get_zorder()


# ---------------------------------------------------------------------- several series


def test_one_axes_per_series():
    history, future = split(panel(5), 55)
    quantiles = future.to_numpy()[:, None] + [-1, -0.5, 0.5, 1]
    paths = future.to_numpy() + np.arange(3)[:, None]
    display = ForecastDisplay.from_predictions(
        future + 0.1, y_true=future, history=history, interval=quantiles[:, [0, 3]], quantiles=quantiles, paths=paths
    )
    shops = [f"shop {number}" for number in range(5)]
    assert [ax.get_title() for ax in display.ax_] == shops
    for number, shop in enumerate(shops):
        rows = slice(5 * number, 5 * number + 5)
        assert_array_equal(display.forecast_line_[shop].get_ydata(), future[rows] + 0.1)
        assert_allclose(display.forecast_line_[shop].get_xdata(), date2num(DAYS[55:]))
        assert_array_equal(display.true_line_[shop].get_ydata(), future[rows])
        assert_array_equal(display.history_line_[shop].get_ydata(), history.xs(shop, level="shop"))
        assert_array_equal(corners(display.interval_band_[shop]), quantiles[rows][:, [0, 3]])
        assert_array_equal(corners(display.quantile_bands_[shop][1]), quantiles[rows][:, 1:3])
        assert_array_equal(display.path_lines_[shop].get_segments()[2][:, 1], paths[2, rows])
        assert display.median_line_[shop] is None
        assert display.forecast_line_[shop].axes is display.ax_[number]
    # One legend for all, and labels at the margin: the third column has no second row.
    [legend] = display.figure_.legends
    assert labels(legend) == ["history", "true", "forecast", "sample paths", "interval", "quantiles"]
    assert all(ax.get_legend() is None for ax in display.ax_)
    assert [ax.get_ylabel() for ax in display.ax_] == ["sold", "", "", "sold", ""]
    assert [ax.get_xlabel() for ax in display.ax_] == ["", "", "day", "day", "day"]
    assert [ax.xaxis.get_tick_params()["labelbottom"] for ax in display.ax_] == [False, False, True, True, True]
    assert len(display.figure_.axes) == 5


def test_levels_in_another_order_and_series_without_history():
    history, future = split(panel(3), 50)
    swapped = future.swaplevel().sort_index()  # by day
    display = ForecastDisplay.from_predictions(swapped, history=history[:50], y_true=swapped[::-1].sort_index()[:3])
    assert_array_equal(display.forecast_line_["shop 2"].get_ydata(), future.xs("shop 2", level="shop"))
    assert {shop: line is None for shop, line in display.history_line_.items()} == {
        "shop 0": False,
        "shop 1": True,
        "shop 2": True,
    }
    assert_array_equal(display.true_line_["shop 1"].get_ydata(), future["shop 1"][:1])
    assert labels(display.figure_.legends[0]) == ["history", "true", "forecast"]


@pytest.mark.parametrize(("max_series", "title"), [(2, "first 2 of 12 series"), (9, "first 9 of 12 series"), (12, "")])
def test_number_of_series_is_limited(max_series, title):
    _, future = split(panel(12), 57)
    display = ForecastDisplay(future).plot(max_series=max_series)
    assert len(display.ax_) == max_series
    assert list(display.forecast_line_) == [f"shop {number}" for number in range(max_series)]
    assert display.figure_.legends[0].get_title().get_text() == title
    assert len(ForecastDisplay(future).plot().ax_) == 9


def test_several_series_in_given_axes():
    _, future = split(panel(2), 57)
    figure, axes = plt.subplots(2)
    display = ForecastDisplay.from_predictions(future, ax=axes, ylabel="units")
    assert display.figure_ is figure
    assert_array_equal(display.ax_, axes)
    assert labels(axes[0].get_legend()) == ["forecast"]
    assert axes[1].get_legend() is None
    assert [ax.get_ylabel() for ax in axes] == ["units", "units"]
    with pytest.raises(ValueError, match=r"ax must contain one axes for each of the 2 series\. Got 1"):
        ForecastDisplay.from_predictions(future, ax=axes[0])


@pytest.mark.parametrize("groups_are", ["a level", "a column", "a column, days in no index"])
def test_forecasts_of_a_panel_forecaster(groups_are):
    series = panel(3)
    frame = series.reset_index()
    X = series.to_frame()[[]]
    if groups_are != "a level":
        X = frame.set_index("day")[["shop"]] if groups_are == "a column" else frame[["shop"]]
    y = series.to_numpy()
    is_past = (frame["day"] < DAYS[50]).to_numpy()
    forecaster = SequenceForecaster(LinearRegression(), window=4, groups="shop", calibration_size=12)
    forecaster.fit(X[is_past], y[is_past])
    y_true = pd.Series(y[~is_past], X.index[~is_past])
    display = ForecastDisplay.from_estimator(forecaster, X[~is_past], y_true=y_true, coverage=0.5)
    predicted = forecaster.predict(X[~is_past])
    bounds = forecaster.predict_interval(X[~is_past], coverage=0.5)
    days = np.arange(1, 11) if groups_are.endswith("no index") else date2num(DAYS[50:])
    for number, shop in enumerate(["shop 0", "shop 1", "shop 2"]):
        rows = slice(10 * number, 10 * number + 10)
        assert_allclose(display.forecast_line_[shop].get_ydata(), predicted[rows])
        assert_allclose(display.forecast_line_[shop].get_xdata(), days)
        assert_array_equal(display.true_line_[shop].get_ydata(), y[~is_past][rows])
        assert_allclose(corners(display.interval_band_[shop]), bounds[rows])
    assert display.ax_[0].get_xlabel() == ("step" if groups_are.endswith("no index") else "day")


def test_output_of_forecast():
    series = panel(2)
    forecaster = SequenceForecaster(LinearRegression(), window=4, groups="shop").fit(None, series)
    display = ForecastDisplay.from_predictions(forecaster.forecast(3), history=series)
    assert_allclose(display.forecast_line_["shop 1"].get_ydata(), forecaster.forecast(3)["shop 1"])
    assert_allclose(display.history_line_["shop 1"].get_ydata(), series["shop 1"])
    assert display.ax_[0].get_ylabel() == "sold"


# ---------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantiles": QUANTILES.T}, r"quantiles must have shape \(2, n_quantiles\).*Got shape \(5, 2\)"),
        ({"quantiles": [1.0, 2.0]}, r"quantiles must have shape \(2, n_quantiles\).*Got shape \(2,\)"),
        ({"quantiles": QUANTILES[:, ::-1]}, "columns of quantiles must be in increasing order"),
        ({"paths": [[1.0], [2.0]]}, r"paths must have shape \(n_paths, 2\).*Got shape \(2, 1\)"),
        ({"paths": [1.0, 2.0]}, r"paths must have shape \(n_paths, 2\).*Got shape \(2,\)"),
        (
            {"quantiles": QUANTILES, "quantile_levels": [0.1, 0.9]},
            r"one for each column.*\(2, 5\)\. Got \[0\.1",
        ),
        ({"quantiles": QUANTILES[:, :2], "quantile_levels": [0.9, 0.1]}, "quantile_levels must be increasing numbers"),
        ({"quantiles": QUANTILES[:, :2], "quantile_levels": [10, 90]}, "numbers between 0 and 1"),
        ({"quantile_levels": [0.5]}, r"quantile_levels must be .* shape \(\)\. Got \[0\.5\]"),
        ({"max_series": 0}, "max_series must be an int of at least 1. Got 0"),
        ({"max_series": 2.0}, "max_series must be an int of at least 1. Got 2.0"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        ForecastDisplay.from_predictions([1.0, 2.0], **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"history": [1.0, 2.0]}, r"history must be a Series with the names of the series.*Got list of shape \(2,\)"),
        ({"y_true": [1.0, 2.0]}, r"y_true must have one row for each of the 6 rows.*Got shape \(2,\)"),
        ({"interval": np.ones((3, 2))}, r"interval must have one row for each of the 6 rows.*\(3, 2\)"),
        ({"interval": pd.DataFrame(np.ones((6, 2)))}, "interval must have the index of the forecast, with the same"),
        ({"paths": np.ones((6, 2))}, r"paths must have shape \(n_paths, 6\)"),
        ({"quantiles": np.ones((5, 2))}, "quantiles must have one row for each of the 6 rows"),
    ],
)
def test_wrong_arguments_of_several_series(options, message):
    _, future = split(panel(2), 57)
    with pytest.raises(ValueError, match=message):
        ForecastDisplay.from_predictions(future, **options)


def test_index_with_other_levels():
    index = pd.MultiIndex.from_tuples([("a", "b", 1), ("a", "c", 1)])
    with pytest.raises(ValueError, match=r"index of forecast must have two levels, of series and times\. Got the 3"):
        ForecastDisplay.from_predictions(pd.Series([1.0, 2.0], index))
    _, future = split(panel(2), 57)
    with pytest.raises(ValueError, match=r"forecast must have one column, of shape \(n_rows,\)\. Got shape \(6, 2\)"):
        ForecastDisplay.from_predictions(pd.DataFrame({"a": future, "b": future}))
