"""Colors, axes and legends of the displays."""

from __future__ import annotations

from typing import Any

import numpy as np

# The colors of Okabe and Ito, which can be told apart with color vision deficiency. There is one marker and one line
# style more than colors, so that 42 combinations are used before one is repeated.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("s", "^", "D", "v", "P", "X", "<")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 3)))

PATHS = "sample paths"  # label in legends


def new_axes(size=None, n_columns=1):
    """Return the axes of a new figure of pyplot."""
    import matplotlib.pyplot as plt

    return plt.subplots(ncols=n_columns, figsize=size, layout="constrained")[1]


def new_panels(n_panels):
    """Return the axes of a new figure with small multiples, up to three in a row, which share the x-axis."""
    import matplotlib.pyplot as plt

    n_columns = n_panels if n_panels <= 3 else 2 if n_panels == 4 else 3
    n_rows = -(-n_panels // n_columns)
    size = (8, 4) if n_panels == 1 else (4 * n_columns, 2.6 * n_rows + 0.8)
    grid = plt.subplots(n_rows, n_columns, figsize=size, layout="constrained", sharex=True, squeeze=False)[1].ravel()
    for ax in grid[n_panels:]:
        ax.remove()
    return grid[:n_panels]


def label_outer(panels):
    """Keep the labels of the x-axis in the lowest panel of each column only, those of the y-axis in the first column.

    Unlike the method of matplotlib, this takes into account that the last row may not be full.
    """
    for number, ax in enumerate(panels):
        place = ax.get_subplotspec()
        is_lowest = number + place.get_gridspec().ncols >= len(panels)
        ax.tick_params(labelbottom=is_lowest)
        ax.xaxis.get_offset_text().set_visible(is_lowest)
        if not is_lowest:
            ax.set_xlabel("")
        if place.colspan.start:
            ax.set_ylabel("")


def add_common_legend(panels, title, outside):
    """Draw one legend for the artists of several axes: below all of them, or inside the first."""
    entries: dict[str, Any] = {}
    for ax in panels:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if outside:
        place = {"loc": "outside lower center", "ncols": min(len(entries), 6)}
        legend = panels[0].figure.legend(entries.values(), entries.keys(), title=title, **place)
    else:
        legend = panels[0].legend(entries.values(), entries.keys(), title=title)
    _show_paths(legend)


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
    _show_paths(ax.legend(loc="best" if n_points < 20_000 else "upper left"))


def _show_paths(legend):
    """Draw the entry of sample paths almost opaquely: each of many lines that overlap is hardly visible."""
    for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
        if text.get_text() == PATHS:
            handle.set_alpha(0.8)


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
