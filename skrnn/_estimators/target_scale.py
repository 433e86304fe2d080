"""Warning for targets on a scale that the network takes many epochs to reach."""

from __future__ import annotations

import numpy as np

from skrnn._common.guide import see
from skrnn._common.warnings import warn
from skrnn._engine.loss_targets import SCALE_FREE, loss_name
from skrnn.exceptions import UnscaledTargetWarning

TARGET_SCALERS = (
    "TransformedTargetRegressor(..., transformer=StandardScaler()), or the target_transformer of SequenceForecaster"
)
_MIN_ROWS = 20
_LARGEST_STD = 100.0
_SMALLEST_RATIO = 0.01  # of the standard deviation to the mean


def warn_of_unscaled_target(y, loss, name):
    """Warn of targets of shape (n_rows,) or (n_rows, n_outputs) with a large, or relative to the mean small, spread.

    NaN are left out.
    """
    columns = y.reshape(len(y), -1)
    found = _unscaled(columns, loss)
    if found is not None:
        at, mean, std = found
        which = "y" if columns.shape[1] == 1 else f"Output {at} of y"
        _warn(which, mean, std, name, f"{TARGET_SCALERS}.{see('faq', 'how-do-i-scale-the-target')}")


def warn_of_unscaled_features(rows, loss, name):
    """Warn of features that are targets, of shape (n_rows, n_features), with such a spread."""
    found = _unscaled(rows, loss)
    if found is not None:
        at, mean, std = found
        remedy = "put a SequenceScaler before it in a Pipeline." + see("autoencoders", "scale-of-features")
        _warn("X" if rows.shape[1] == 1 else f"Feature {at} of X", mean, std, name, remedy)


def _warn(which, mean, std, name, remedy):
    warn(
        f"{which} has mean {mean:.3g} and standard deviation {std:.3g}, a scale that {name} takes many epochs to "
        f"reach. Standardize it: {remedy}",
        UnscaledTargetWarning,
    )


def _unscaled(columns, loss):
    """Return position, mean and standard deviation of the first column on such a scale, or None if there is none."""
    if len(columns) < _MIN_ROWS or loss_name(loss) in SCALE_FREE:
        return None
    n_valid = len(columns) - np.isnan(columns).sum(axis=0)
    if not n_valid.all():
        columns = np.where(n_valid > 0, columns, 0)
    mean = np.atleast_1d(np.nanmean(columns, axis=0, dtype=np.float64))
    std = np.atleast_1d(np.nanstd(columns, axis=0, dtype=np.float64))
    unscaled = (std > _LARGEST_STD) | (std < _SMALLEST_RATIO * np.abs(mean))
    unscaled &= (np.nanmin(columns, axis=0) < np.nanmax(columns, axis=0)) & (n_valid >= _MIN_ROWS)
    if not unscaled.any():
        return None
    at = int(np.argmax(unscaled))
    return at, mean[at], std[at]
