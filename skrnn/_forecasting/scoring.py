"""Score of predictions of rows, of which some may have no true value."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import r2_score

from skrnn._data.target_scores import r2_of_known


def score_of_known(y_true, y_pred, sample_weight):
    """Return the coefficient of determination over the true values that are not missing, each column by itself."""
    if not np.asarray(pd.isna(y_true)).any():
        return float(r2_score(y_true, y_pred, sample_weight=sample_weight))
    y_true = pd.DataFrame(y_true).to_numpy(dtype=np.float64, na_value=np.nan)
    weights = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    return r2_of_known(y_true, np.asarray(y_pred), weights, "SequenceForecaster")
