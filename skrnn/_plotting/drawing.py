"""Colors, axes and legends of the displays."""

from __future__ import annotations

import numpy as np

# The colors of Okabe and Ito, which can be told apart with color vision deficiency. There is one marker and one line
# style more than colors, so that 42 combinations are used before one is repeated.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("s", "^", "D", "v", "P", "X", "<")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 3)))


def new_axes(size=None, n_columns=1):
    """Return the axes of a new figure of pyplot."""
    import matplotlib.pyplot as plt

    return plt.subplots(ncols=n_columns, figsize=size, layout="constrained")[1]


def format_axes(ax, logy):
    """Label the x-axis with integer epochs, and set the scale of the y-axis."""
    from matplotlib.ticker import MaxNLocator

    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if logy:
        ax.set_yscale("log")


def add_legend(ax):
    """Draw the legend at the best location, unless matplotlib would take seconds to find it among many points."""
    n_points = sum(len(line.get_xdata()) for line in ax.get_lines())
    ax.legend(loc="best" if n_points < 20_000 else "upper left")


def curves_of(histories, metric):
    """Return the training and validation values of a metric for each name; None without validation."""
    if not histories:
        raise ValueError("There is no history to plot. Pass at least one.")
    curves = {}
    for name, history in histories.items():
        if metric not in history:
            raise ValueError(f"The history of {name!r} does not contain {metric!r}. It contains {sorted(history)}.")
        values = [np.asarray(history[key], dtype=float) for key in (metric, f"val_{metric}") if key in history]
        shapes = [value.shape for value in values]
        if len(set(shapes)) > 1 or len(shapes[0]) != 1 or not shapes[0][0]:
            raise ValueError(f"The {metric!r} of {name!r} must have one value per epoch. Got shapes {shapes} instead.")
        curves[name] = (*values, None)[:2]
    return curves
