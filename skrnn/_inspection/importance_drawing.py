"""Attributions as an array for `ImportanceDisplay`, and the parts of its plots."""

from __future__ import annotations

import numpy as np

from skrnn._data.checks import as_float_array, check_array_like


def numbers(values, parameter, name):
    """Return an array-like as float64; NaN is allowed."""
    return as_float_array(values, name, parameter=parameter, words=(), allow_nd=True)


def aligned(attributions, name):
    """Return attributions of all sequences, aligned at the last valid time step: (n_samples, n_steps, n_features)."""
    check_array_like(attributions, "attributions", name)
    given = attributions if isinstance(attributions, (list, tuple)) else np.asarray(attributions)
    if isinstance(given, np.ndarray) and given.dtype.kind != "O" and given.ndim > 1:
        parts = [*numbers(given, "attributions", name)]
    else:  # sequences that may differ in length
        parts = [numbers(part, f"attributions[{i}]", name) for i, part in enumerate(given)]
    parts = [part[:, None] if part.ndim == 1 else part for part in parts]
    if not parts or {part.ndim for part in parts} != {2} or len({part.shape[1] for part in parts}) > 1:
        raise ValueError(
            f"{name} takes attributions of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), or "
            f"a list of arrays of shape (n_timesteps, n_features). Got shapes {[part.shape for part in parts][:5]}."
        )
    parts = [part[~np.isnan(part).all(axis=1)] for part in parts]  # without padded time steps
    array = np.full((len(parts), max(map(len, parts)), parts[0].shape[1]), np.nan)
    for to, part in zip(array, parts, strict=True):
        to[len(to) - len(part) :] = part
    return array


def figure_size(by, shape):
    """Return the size of a new figure."""
    if by == "feature":
        return 6.4, float(np.clip(0.3 * shape[0] + 1.2, 2.4, 9.0))
    width = float(np.clip(0.25 * shape[0] + 3, 6.4, 12.0))
    return width, 3.6 if by == "step" else float(np.clip(0.35 * shape[1] + 1.2, 2.4, 9.0))


def draw_image(ax, importances, names, label):
    """Draw a heat map of time steps and features with a color bar, white at 0."""
    largest = np.nanmax(np.abs(importances), initial=0.0) or 1.0
    image = ax.imshow(
        importances.T,
        aspect="auto",
        cmap="RdBu_r",
        vmin=-largest,
        vmax=largest,
        interpolation="nearest",
        extent=(-len(importances) - 0.5, -0.5, importances.shape[1] - 0.5, -0.5),
    )
    ax.set_yticks(range(len(names)), labels=names)
    colorbar = ax.figure.colorbar(image, ax=ax, label=label)
    colorbar.ax.set_ylim(np.nanmin(importances, initial=0.0), np.nanmax(importances, initial=0.0) or largest)
    label_steps(ax)
    return image


def label_steps(ax):
    """Label the x-axis with integer time steps."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set_xlabel("time step (-1: last)")
