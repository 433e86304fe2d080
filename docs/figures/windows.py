"""Figure of the rows in each window, and of the rows in the windows of a test fold.

``python docs/figures/windows.py out.png`` saves the figure; the documentation includes it with matplotlib's plot
directive.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from sklearn.model_selection import TimeSeriesSplit

from skrnn import SequenceWindower, make_supervised, sliding_windows

WINDOW = 4
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#999999"  # distinguishable with color blindness
# Styles of the squares.
OWN, EARLIER = {"facecolor": BLUE}, {"facecolor": BLUE, "alpha": 0.5}
PADDED = {"facecolor": "none", "edgecolor": GREY, "hatch": "////"}
TARGET = {"facecolor": ORANGE}
TRAIN, TEST, GAP = {"facecolor": BLUE}, {"facecolor": GREEN}, {"facecolor": GREY, "alpha": 0.4}
HELD = {"marker": "o", "color": "white", "markeredgecolor": "black", "markersize": 5, "linestyle": "none"}


def numbered_rows(n_rows):
    """Return rows that contain their own number, which identifies them in windows."""
    return pd.DataFrame({"row": np.arange(n_rows, dtype=float)})


def square(axes, row, lane, kind):
    """Draw one row in one lane of the figure."""
    axes.add_patch(plt.Rectangle((row - 0.42, lane - 0.38), 0.84, 0.76, **kind))


def draw_windows(axes):
    """Draw one lane per window: its rows, its padded time steps, and the row of its target."""
    X, y, _ = make_supervised(numbered_rows(9), "row", steps_ahead=1)
    windows = SequenceWindower(WINDOW).fit_transform(X)[..., 0]  # (n_rows, window), padded time steps are NaN
    for lane, (window, target) in enumerate(zip(windows, y, strict=True)):
        for back, row in enumerate(window[::-1]):
            if np.isnan(row):
                square(axes, lane - back, lane, PADDED)
            else:
                square(axes, row, lane, EARLIER if back else OWN)
        square(axes, target, lane, TARGET)
    axes.set(xlim=(-WINDOW + 0.4, 8.6), ylim=(len(windows) - 0.4, -0.6), xticks=range(9), yticks=range(len(windows)))
    axes.set(xlabel="row", ylabel="window", title=f"SequenceWindower(window={WINDOW})")


def rows_of(windows):
    """Return the numbers of the rows that the windows contain."""
    numbers = np.asarray(windows)[..., 0]
    return np.unique(numbers[~np.isnan(numbers)])


def draw_folds(axes):
    """Draw one lane per fold: its training and test rows, with dots for the rows in windows of test rows."""
    X = numbered_rows(14)
    before_splitting = sliding_windows(X, WINDOW)

    def in_pipeline(train, test):
        return SequenceWindower(WINDOW).fit(X.iloc[train]).transform(X.iloc[test])

    def cut_before(train, test):
        return before_splitting[test]

    lane, ticks = 0.0, {}
    for title, gap, windows_of in (
        ("in a Pipeline, gap=0", 0, in_pipeline),
        ("in a Pipeline, gap=2", 2, in_pipeline),
        ("sliding_windows, gap=2", 2, cut_before),
    ):
        axes.text(-0.5, lane - 0.05, title, va="center", fontsize=9)
        for fold, (train, test) in enumerate(TimeSeriesSplit(2, test_size=3, gap=gap).split(X), start=1):
            lane += 1
            for row in range(test[-1] + 1):
                square(axes, row, lane, TRAIN if row in train else TEST if row in test else GAP)
            held = rows_of(windows_of(train, test))
            axes.plot(held, np.full(len(held), lane), **HELD)
            ticks[lane] = f"fold {fold}"
        lane += 1.15
    axes.set(xlim=(-0.6, len(X) - 0.4), ylim=(lane - 0.5, -0.6), xticks=range(len(X)))
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.set(xlabel="row", title="TimeSeriesSplit(2, test_size=3)")


def draw_legend(axes, kinds, *more):
    """Draw a legend below the axes."""
    handles = [Patch(**kind, label=label) for label, kind in kinds.items()]
    axes.legend(
        handles=[*handles, *more], loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, fontsize=9, frameon=False
    )


def draw():
    """Draw the whole figure."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 4.6), layout="constrained", width_ratios=[1, 1.2])
    draw_windows(left)
    draw_folds(right)
    draw_legend(left, {"own row": OWN, "earlier rows": EARLIER, "padded time steps": PADDED, "target row": TARGET})
    held = Line2D([], [], **HELD, label="in a window of a test row")
    draw_legend(right, {"training row": TRAIN, "gap": GAP, "test row": TEST}, held)
    for axes in (left, right):
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelsize=9)
        axes.title.set_fontsize(10)
    return figure


figure = draw()
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=150)
