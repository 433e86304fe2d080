"""Warning for targets on a scale that the network takes many epochs to reach."""

from __future__ import annotations

import numpy as np

from skrnn._common.guide import see
from skrnn._common.warnings import warn
from skrnn._engine.loss_targets import SCALE_FREE, loss_name
from skrnn.exceptions import UnscaledTargetWarning

_MIN_ROWS = 20
_LARGEST_STD = 100.0
_SMALLEST_RATIO = 0.01  # of the standard deviation to the mean


def warn_of_unscaled_target(y, loss, name):
    """Warn of targets of shape (n_rows,) or (n_rows, n_outputs) with a large, or relative to the mean small, spread.

    NaN are left out.
    """
    columns = y.reshape(len(y), -1)
    if len(columns) < _MIN_ROWS or loss_name(loss) in SCALE_FREE:
        return
    n_valid = len(columns) - np.isnan(columns).sum(axis=0)
    if not n_valid.all():
        columns = np.where(n_valid > 0, columns, 0)
    mean = np.atleast_1d(np.nanmean(columns, axis=0, dtype=np.float64))
    std = np.atleast_1d(np.nanstd(columns, axis=0, dtype=np.float64))
    unscaled = (std > _LARGEST_STD) | (std < _SMALLEST_RATIO * np.abs(mean))
    unscaled &= (np.nanmin(columns, axis=0) < np.nanmax(columns, axis=0)) & (n_valid >= _MIN_ROWS)
    if not unscaled.any():
        return
    at = int(np.argmax(unscaled))
    which = "y" if columns.shape[1] == 1 else f"Output {at} of y"
    warn(
        f"{which} has mean {mean[at]:.3g} and standard deviation {std[at]:.3g}, a scale that {name} takes many epochs "
        "to reach. Standardize it: TransformedTargetRegressor(..., transformer=StandardScaler()), or the "
        "target_transformer of SequenceForecaster." + see("faq", "how-do-i-scale-the-target"),
        UnscaledTargetWarning,
    )
