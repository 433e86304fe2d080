"""What the displays draw with: colours, axes, legends."""

from __future__ import annotations

import numpy as np

# Okabe and Ito's colours, which the colour-blind can tell apart. There is one marker and line style more than
# colours, so that 42 names go by before two look alike.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("s", "^", "D", "v", "P", "X", "<")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 3)))


def new_axes(size=None, n_columns=1):
    """Return the axes of a new figure, which pyplot knows."""
    import matplotlib.pyplot as plt

    return plt.subplots(ncols=n_columns, figsize=size, layout="constrained")[1]


def count_epochs(ax, logy):
    """Label the horizontal axis with whole epochs, and set the scale of the vertical one."""
    from matplotlib.ticker import MaxNLocator

    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if logy:
        ax.set_yscale("log")


def add_legend(ax):
    """Draw the legend where it hides least; among many points that takes matplotlib seconds to find."""
    n_points = sum(len(line.get_xdata()) for line in ax.get_lines())
    ax.legend(loc="best" if n_points < 20_000 else "upper left")


def curves_of(histories, metric):
    """Return for each name the training and validation values of a metric; None for no validation."""
    if not histories:
        raise ValueError("There is no history to draw. Pass at least one.")
    curves = {}
    for name, history in histories.items():
        if metric not in history:
            raise ValueError(f"The history of {name!r} has no {metric!r}, but {sorted(history)}.")
        values = [np.asarray(history[key], dtype=float) for key in (metric, f"val_{metric}") if key in history]
        shapes = [value.shape for value in values]
        if len(set(shapes)) > 1 or len(shapes[0]) != 1 or not shapes[0][0]:
            raise ValueError(f"The {metric!r} of {name!r} must be one value an epoch. Got shapes {shapes} instead.")
        curves[name] = (*values, None)[:2]
    return curves
