"""Figure of two windows of a series and their forecasts, before and after each `window_scaling`.

``python docs/figures/window_scaling.py out.png`` saves the figure; the documentation includes it with matplotlib's plot
directive.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from sklearn.linear_model import Ridge

from skrnn import SequenceForecaster
from skrnn.datasets import load_airline

WINDOW, STEPS = 12, 6
PAST, COMING = np.arange(1 - WINDOW, 1), np.arange(1, STEPS + 1)
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"  # distinguishable with color blindness
WINDOWS = {"1951": BLUE, "1958": ORANGE}  # the months of these years, and their colors
# Styles of lines and areas.
OBSERVED, FORECAST = {"linewidth": 1.8}, {"linewidth": 1.8, "linestyle": (0, (2.5, 1))}
SUBTRACTED, DEVIATION = {"linewidth": 1.2, "linestyle": ":"}, {"alpha": 0.15, "linewidth": 0}
SCALINGS = {
    "last": "minus the last value",
    "mean": "minus the mean",
    "standard": "minus the mean, divided by\nthe standard deviation",
}


class RecordingRidge(Ridge):
    """Ridge regression that keeps the last window that it predicted from, and its prediction."""

    def predict(self, X):
        """Predict, and keep the first row and its prediction."""
        predictions = super().predict(X)
        self.window_, self.prediction_ = X[0], predictions[0]
        return predictions


def mark_statistics(axes, kind, window, color):
    """Draw what is subtracted from a window, and what it is divided by."""
    center, deviation = window[-1] if kind == "last" else window.mean(), window.std()
    axes.hlines(center, PAST[0], PAST[-1], color=color, **SUBTRACTED)
    if kind == "last":
        axes.plot(0, center, marker="o", markersize=6, color=color, zorder=4)
    if kind == "standard":
        axes.fill_between(PAST[[0, -1]], center - deviation, center + deviation, color=color, **DEVIATION)


def draw_window(axes, window, forecast, color):
    """Draw the values of a window, and the steps that are predicted from it."""
    axes.plot(PAST, window, color=color, **OBSERVED)
    axes.plot([0, *COMING], [window[-1], *forecast], color=color, **FORECAST)


def draw_scaling(top, bottom, kind, passengers):
    """Draw the windows of one scaling: in the units of the series, and as the regressor is passed them."""
    forecaster = SequenceForecaster(
        RecordingRidge(), window=WINDOW, output_steps=STEPS, target_transformer=None, window_scaling=kind
    ).fit(None, passengers[:"1958"])
    for year, color in WINDOWS.items():
        window = passengers[year].to_numpy()
        forecast = forecaster.forecast(STEPS, history=passengers[:year]).to_numpy()
        draw_window(top, window, forecast, color)
        mark_statistics(top, kind, window, color)
        regressor = forecaster.estimator_
        draw_window(bottom, regressor.window_, regressor.prediction_, color)
    bottom.axhline(0, color=GREY, linewidth=0.8, linestyle=":", zorder=0)
    top.set_title(f'"{kind}"', fontweight="bold", fontsize=11)
    bottom.set_title(SCALINGS[kind], fontsize=9.5)


def draw():
    """Draw the whole figure."""
    passengers = load_airline()["passengers"].astype(float)
    figure, rows = plt.subplots(2, 3, figsize=(8, 5.2), layout="constrained", sharex=True)
    for kind, top, bottom in zip(SCALINGS, *rows, strict=True):
        draw_scaling(top, bottom, kind, passengers)
    for axes in rows[0]:
        axes.set_ylim(100, 560)
        axes.label_outer()
    for axes in rows[1]:
        axes.set_xlabel("months after the window", fontsize=9.5)
    for axes in rows[1, :2]:
        axes.set_ylim(-100, 190)
        axes.label_outer()
    for axes in rows.flat:
        axes.axvline(0.5, color=GREY, linewidth=0.6, zorder=0)
        axes.set_xticks([-9, -6, -3, 0, 3, 6])
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=9)
    rows[0, 0].set_ylabel("series\n(thousand passengers)", fontsize=9.5)
    rows[1, 0].set_ylabel("passed to the regressor\nand predicted by it", fontsize=9.5)
    handles = [
        *(Line2D([], [], color=color, **OBSERVED, label=f"window {year}") for year, color in WINDOWS.items()),
        Line2D([], [], color=GREY, **FORECAST, label="forecast"),
        Line2D([], [], color=GREY, **SUBTRACTED, label="subtracted value"),
        Patch(color=GREY, **DEVIATION, label="standard deviation"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize=9, columnspacing=1.5)
    return figure


figure = draw()
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=150)
