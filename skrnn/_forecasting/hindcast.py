"""Predictions of all rows of series, each one step ahead, from the rows before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skrnn._forecasting.panel import Panel, sorted_rows
from skrnn._forecasting.reading import read_history
from skrnn._forecasting.recursion import predict_one_step_ahead
from skrnn._forecasting.target_transform import moments


def errors_of_all_rows(forecaster, X, y):
    """Return the errors of all rows of series, predicted one step ahead, without the rows that were fitted on.

    Series of the same names as fitted ones are transformed as in `fit`. Missing values in a column that had none in
    `fit` are replaced by the last value before them, or else by the next one.

    Parameters
    ----------
    forecaster : SequenceForecaster
        Fitted forecaster without covariates, except those of its calendar.
    X : DataFrame without covariates, or None
        Labels of the rows, as in `SequenceForecaster.fit`.
    y : DataFrame or ndarray of shape (n_rows, n_outputs)
        Values of the rows, NaN where missing.

    Returns
    -------
    errors : ndarray of shape (n_rows, n_outputs)
        In units of the standard deviation of the series: of its fitted rows or, if there are none, of the rows of
        ``y``. NaN for missing values, and for rows without a value before them.
    n_before : ndarray of int, shape (n_rows,)
        Number of rows of the series before each row.
    """
    rows, _ = read_history(forecaster, X, y, forecaster._schema)
    order = rows.labels.by_series()
    panel, labels, _ = sorted_rows(rows, None)
    numbers = forecaster._known.labels.series.get_indexer(labels.series)
    errors, n_before = np.empty_like(panel.y), np.empty(len(panel), dtype=int)
    errors[order], n_before[order] = _errors(forecaster, panel, numbers), panel.positions_in_series()
    return errors, n_before


def errors_after_cuts(forecaster, n_rows, n_cuts):
    """Return the errors of the first rows of a series, as if series began at some of the fitted rows.

    Parameters
    ----------
    forecaster : SequenceForecaster
    n_rows : int
        Number of rows after each cut.
    n_cuts : int
        Maximum number of cuts, which are evenly distributed over all series.

    Returns
    -------
    ndarray of shape (n_cuts, n_rows, n_outputs)
        As returned by `errors_of_all_rows`.
    """
    panel = forecaster._known.panel
    starts = np.arange(max(len(panel) - n_rows + 1, 0))
    starts = starts[panel.codes[starts] == panel.codes[starts + n_rows - 1]]
    starts = starts[np.linspace(0, len(starts) - 1, min(n_cuts, len(starts)), dtype=int)]
    rows = (starts[:, None] + np.arange(n_rows)).ravel()
    codes = np.repeat(np.arange(len(starts)), n_rows)
    if not len(rows):
        return np.empty((0, n_rows, panel.y.shape[1]))
    parts = Panel(panel.y[rows], panel.covariates[rows], panel.past[rows], codes)
    return _errors(forecaster, parts, panel.codes[starts]).reshape(len(starts), n_rows, -1)


def fitted_values(forecaster):
    """Return the values of the fitted rows in the units of `errors_of_all_rows`: (n_rows, n_outputs).

    They are relative to the mean of their series, unless the series is constant.
    """
    panel = forecaster._known.panel
    means, deviations = (moment[panel.codes] for moment in moments(panel.y, panel.codes))
    return np.where(deviations > 0, panel.y - means, panel.y) / _deviations(panel)[panel.codes]


def _errors(forecaster, panel, numbers):
    """Return the errors of the rows of a panel, whose series have these numbers among the fitted ones, or -1."""
    known, model = forecaster._known.panel, forecaster._model
    filled = _filled(panel, model.has_missing[: panel.y.shape[1]], known)
    model = replace(model, target=model.target.of_known_series(filled, numbers))
    prepared = model.prepare(filled)
    positions = np.arange(len(panel))
    n_rows = np.diff(panel.bounds())
    predicted = predict_one_step_ahead(model, filled, prepared, n_rows, positions)[0]
    predicted[prepared.n_usable(positions) < 2] = np.nan
    spreads = np.where((numbers >= 0)[:, None], _deviations(known)[numbers], _deviations(panel))
    return (panel.y - predicted) / spreads[panel.codes]


def _filled(panel, has_missing, fitted):
    """Return a panel without missing values in columns that had none in `fit`."""
    if not (np.isnan(panel.y) & ~has_missing).any():
        return panel
    y = panel.y.copy()
    for rows in np.split(np.arange(len(panel)), panel.bounds()[1:-1]):
        for column in np.flatnonzero(~has_missing):
            is_valid = ~np.isnan(y[rows, column])
            if not is_valid.any():
                y[rows, column] = fitted.y[:, column].mean()
                continue
            last = np.maximum.accumulate(np.where(is_valid, np.arange(len(rows)), 0))
            last[: int(np.argmax(is_valid))] = int(np.argmax(is_valid))
            y[rows, column] = y[rows[last], column]
    return replace(panel, y=y)


def _deviations(panel):
    """Return the standard deviation of the values of each series, (n_series, n_outputs); 1 where it is not positive."""
    deviations = moments(panel.y, panel.codes)[1]
    return np.where(deviations > 0, deviations, 1.0)
