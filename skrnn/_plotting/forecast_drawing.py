"""Drawing of the forecast of one series: lines, bands and sample paths."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skrnn._plotting.drawing import COLORS, PATHS


def draw_forecast(ax, data, name, coverage, levels):
    """Draw the forecast of one series, and return the artists by the name of the attribute of the display.

    Parameters
    ----------
    ax : matplotlib Axes
    data : ForecastData
        As returned by `aligned`.
    name : str
        Name of the forecast in the legend.
    coverage : float or None
        Nominal coverage of the interval.
    levels : sequence of float or None
        Levels of the quantiles.
    """
    steps = positions_of(data.forecast.index)
    artists = {
        "start_line_": ax.axvline(steps[0], color="0.6", linewidth=0.8, linestyle=":", zorder=0),
        "history_line_": _add_series(ax, data.history, "history", color="0.5", linewidth=1.2),
        "true_line_": _add_series(ax, data.y_true, "true", color="black", linewidth=1.2),
        "forecast_line_": _add_series(ax, data.forecast, name, color=COLORS[0], linestyle="--", zorder=3),
        "median_line_": None,
        "interval_band_": None,
        "quantile_bands_": [],
        "path_lines_": None if data.paths is None else _add_paths(ax, steps, data.paths),
    }
    if data.interval is not None:
        label = "interval" if coverage is None else f"{100 * coverage:g}% interval"
        artists["interval_band_"] = _add_band(ax, steps, *data.interval.T, color=COLORS[5], alpha=0.35, label=label)
    if data.quantiles is not None:
        artists["quantile_bands_"] = _add_quantile_bands(ax, steps, data.quantiles, levels)
        artists["median_line_"] = _add_median(ax, data.quantiles, data.forecast, levels)
    mark_steps(ax, data.forecast.index)
    return artists


def _add_series(ax, series, label, **style):
    """Plot a series, if there is one, as a line, or as a point if it has a single step."""
    if series is None:
        return None
    marker = "o" if len(series) == 1 else None
    return ax.plot(positions_of(series.index), series.to_numpy(), label=label, marker=marker, **style)[0]


def _add_band(ax, steps, lower, upper, **style):
    """Fill the area between two bounds; that of a single step would be empty, and is drawn as a bar."""
    if len(steps) > 1:
        return ax.fill_between(steps, lower, upper, linewidth=0, **style)
    return ax.vlines(steps, lower, upper, linewidth=6, **style)


def _add_quantile_bands(ax, steps, quantiles, levels):
    """Fill the areas between symmetric pairs of quantiles, which are nested, the inner ones darker."""
    n_bands = quantiles.shape[1] // 2
    bands = []
    for number in range(n_bands):
        label = "quantiles" if number == 0 else None
        if levels is not None:
            below, above = levels[number], levels[-1 - number]
            is_symmetric = abs(below + above - 1) < 1e-9
            label = f"{100 * (above - below):.6g}% interval" if is_symmetric else f"quantiles {below:g} to {above:g}"
        style = {"color": COLORS[0], "alpha": 0.15 + 0.15 * number / max(n_bands - 1, 1), "label": label}
        bands.append(_add_band(ax, steps, quantiles[:, number], quantiles[:, -1 - number], **style))
    return bands


def _add_median(ax, quantiles, forecast, levels):
    """Plot the middle quantile, unless there is none, or it is the forecast."""
    n_quantiles = quantiles.shape[1]
    median = pd.Series(quantiles[:, n_quantiles // 2], index=forecast.index)
    if n_quantiles % 2 == 0 or np.allclose(median, forecast, equal_nan=True):
        return None
    level = 0.5 if levels is None else levels[n_quantiles // 2]
    label = "median" if level == 0.5 else f"quantile {level:g}"
    return _add_series(ax, median, label, color=COLORS[1], linewidth=1.2, zorder=2.8)


def _add_paths(ax, steps, paths):
    """Plot sample paths as thin lines, or as points if they have a single step."""
    from matplotlib.collections import LineCollection

    style = {"color": COLORS[0], "alpha": float(np.clip(5 / len(paths), 0.15, 0.6)), "label": PATHS}
    if len(steps) == 1:
        return ax.scatter(np.repeat(steps, len(paths)), paths[:, 0], s=12, linewidths=0, **style)
    lines = np.stack([np.broadcast_to(steps, paths.shape), paths], axis=-1)  # (n_paths, n_steps, 2)
    drawn = ax.add_collection(LineCollection(list(lines), linewidths=0.7, zorder=1.5, **style))
    ax.autoscale_view()
    return drawn


def positions_of(index):
    """Return the coordinates of an index on the x-axis; dates are in days since 1970, as in matplotlib."""
    if not isinstance(index, pd.DatetimeIndex):
        return index.to_numpy(dtype=float)
    from matplotlib.dates import date2num

    return date2num((index if index.tz is None else index.tz_convert("UTC").tz_localize(None)).to_numpy())


def mark_steps(ax, index):
    """Label the x-axis with dates, or with integers if the index contains integers."""
    if isinstance(index, pd.DatetimeIndex):
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        ax.xaxis_date(index.tz)
        locator = AutoDateLocator(tz=index.tz)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=index.tz))
    elif pd.api.types.is_integer_dtype(index.dtype):
        ax.xaxis.get_major_locator().set_params(integer=True)
    default = "time" if isinstance(index, pd.DatetimeIndex) else "step"
    ax.set_xlabel(default if index.name is None else str(index.name))
