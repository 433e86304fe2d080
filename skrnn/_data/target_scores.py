"""Scores of predictions, of whose targets some may be missing."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import r2_score
from sklearn.utils import check_consistent_length


def r2_of_known(y_true, y_pred, sample_weight, name):
    """Return the coefficient of determination over the targets that are not missing, each output by itself.

    Parameters
    ----------
    y_true : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Targets, of which NaN are missing.
    y_pred : ndarray of the same shape
        Predictions.
    sample_weight : ndarray of shape (n_rows,) or None
        Weights of the rows.
    name : str
        Name of the estimator, for errors.

    Returns
    -------
    float
        Uniform average over the outputs that have a target, as in :func:`sklearn.metrics.r2_score`.

    Raises
    ------
    ValueError
        If no target has a weight other than zero.
    """
    if not np.isnan(y_true).any():
        return float(r2_score(y_true, y_pred, sample_weight=sample_weight))
    check_consistent_length(y_true, y_pred, sample_weight)
    y_true, y_pred = y_true.reshape(len(y_true), -1), y_pred.reshape(len(y_pred), -1)
    if y_true.shape != y_pred.shape:
        raise ValueError(f"y has {y_true.shape[1]} output(s), but {name} predicts {y_pred.shape[1]}.")
    known = ~np.isnan(y_true)
    if sample_weight is not None:
        known &= (sample_weight != 0)[:, None]
    if not known.any():
        which = "" if sample_weight is None else " where the weight is not zero"
        raise ValueError(f"Input y contains only NaN{which}. {name} requires at least one target that is not missing.")
    scores = []
    for rows, y, p in zip(known.T, y_true.T, y_pred.T, strict=True):  # those of one output
        if rows.any():
            weights = None if sample_weight is None else sample_weight[rows]
            scores.append(r2_score(y[rows], p[rows], sample_weight=weights))
    return float(np.mean(scores))
