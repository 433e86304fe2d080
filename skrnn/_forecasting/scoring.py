"""Score of predictions of rows, of which some may have no true value."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import r2_score


def score_of_valid_rows(y_true, y_pred, sample_weight):
    """Return the coefficient of determination over the rows without missing true values."""
    is_missing = np.asarray(pd.isna(y_true))
    if is_missing.any():
        kept = ~(is_missing.any(axis=1) if is_missing.ndim == 2 else is_missing)
        y_true, y_pred = np.asarray(y_true, dtype=np.float64)[kept], y_pred[kept]
        sample_weight = None if sample_weight is None else sample_weight[kept]
    return float(r2_score(y_true, y_pred, sample_weight=sample_weight))
