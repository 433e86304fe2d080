"""Forecasts that continue other series than the fitted ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skrnn._common.times import comparable
from skrnn._data.row_labels import RowLabels
from skrnn._forecasting.known_rows import KnownRows
from skrnn._forecasting.location import learned_frequencies
from skrnn._forecasting.model import FittedModel
from skrnn._forecasting.panel import Panel, sorted_rows
from skrnn._forecasting.reading import check_missing, read_history
from skrnn._forecasting.schema import Schema


@dataclass(frozen=True, eq=False)
class Continued:
    """Model, rows and schema of the series that a forecast continues.

    Parameters
    ----------
    model : FittedModel
    known : KnownRows
    schema : Schema
    fitted_numbers : ndarray of int, shape (n_series,)
        Number of each series among the fitted ones; -1 for those of the history.
    left_out : Index or None, default=None
        Fitted series that cannot be continued together with a history, because its times are of another kind.
    """

    model: FittedModel
    known: KnownRows
    schema: Schema
    fitted_numbers: NDArray[Any]
    left_out: Any = None

    def check_series(self, labels):
        """Raise for rows to predict of fitted series that cannot be continued together with the history."""
        is_left_out = np.zeros(len(labels.series), dtype=bool)
        if self.left_out is not None:
            is_left_out = labels.series.isin(self.left_out)
        if is_left_out.any():
            name = labels.series[is_left_out].tolist()[0]
            raise ValueError(
                f"X contains the series {name!r}, which is not part of the history, and the fitted series {name!r} has "
                "times of another kind than the history. Pass a history with an index of the fitted kind, or predict "
                "the fitted series without a history."
            )


def continued_series(forecaster, history, history_X):
    """Return the series that a forecast continues: the fitted ones, or those of a history.

    With groups, fitted series that the history does not contain are continued from their ends, if their times are of
    the same kind.

    Parameters
    ----------
    forecaster : SequenceForecaster
    history, history_X : array-like or None
        Parameters of `predict`.

    Raises
    ------
    ValueError
        If the history is too short, has other columns than the fitted series, or NaN where these have none.
    """
    known = forecaster._known
    fitted = Continued(forecaster._model, known, forecaster._schema, np.arange(known.panel.n_series))
    if history is None:
        if history_X is not None:
            raise ValueError("history_X contains the covariates of a history, but history is None. Pass both.")
        return fitted
    model = fitted.model
    if history_X is None and (forecaster.n_features_in_ or fitted.schema.has_group_column):
        raise ValueError(
            "SequenceForecaster was fitted with columns of X, and requires those of the history: pass history_X, with "
            "the same columns as X in fit."
        )
    rows, schema = read_history(forecaster, history_X, history, fitted.schema)
    check_missing(rows, model.has_missing)
    panel, labels, _ = sorted_rows(rows, None)
    _check_lengths(panel, labels, model, forecaster)
    known = KnownRows.of_fit(panel, labels, learned_frequencies(rows.labels), rows.unordered_labels)
    target, joined, left_out = model.target.of_series(panel), np.empty(0, dtype=int), None
    if schema.groups is not None:
        others = np.flatnonzero(~fitted.known.labels.series.isin(labels.series))
        if not _can_be_joined(fitted.known.labels.time, labels.time):
            left_out = fitted.known.labels.series[others]
        elif len(others):
            joined, known = others, _joined(known, fitted.known, others)
            target = target.with_series_of(model.target, others)
    numbers = np.concatenate([np.full(panel.n_series, -1), joined])
    return Continued(replace(model, target=target), known, schema, numbers, left_out)


def _check_lengths(panel, labels, model, forecaster):
    """Raise if a series of the history has too few rows, or none with a value."""
    for code, values in enumerate(np.split(panel.y, panel.bounds()[1:-1])):
        if len(values) and np.isnan(values).all(axis=0).any():
            which = "" if len(labels.series) == 1 else f", series {labels.series.tolist()[code]!r},"
            raise ValueError(f"history{which} contains only NaN, so that there is nothing to continue.")
    lengths, n_required = np.diff(panel.bounds()), model.target.n_lost + 1
    if forecaster.padding is None:
        n_required = model.target.n_lost + model.layout.window
    if (lengths < n_required).any():
        at = int(np.argmax(lengths < n_required))
        which = "" if len(labels.series) == 1 else f" of series {labels.series.tolist()[at]!r}"
        raise ValueError(
            f"history has {lengths[at]} row(s){which}, but window={model.layout.window}, "
            f"differencing={model.target.lags} and padding={forecaster.padding!r} require at least {n_required}."
        )


def _can_be_joined(time, other):
    """Return True if the times of known rows and of a history are of one kind, or both are unknown."""
    return comparable(time, other) or (time is None and other is None)


def _joined(history, known, others):
    """Return the rows of a history followed by those of some known series."""
    chosen = np.isin(known.panel.codes, others)
    kept = known.panel.subset(chosen)
    codes = np.searchsorted(others, kept.codes) + history.panel.n_series
    panel = Panel(
        *(
            np.concatenate([ours, theirs])
            for ours, theirs in (
                (history.panel.y, kept.y),
                (history.panel.covariates, kept.covariates),
                (history.panel.past, kept.past),
                (history.panel.codes, codes),
            )
        )
    )
    time: Any = history.labels.time
    labels = RowLabels(
        history.labels.series.append(known.labels.series[others]),
        panel.codes,
        None if time is None else time.append(known.labels.time[chosen]),
        history.labels.is_pandas,
    )
    frequencies = (*history.frequencies, *(known.frequencies[code] for code in others))
    n_fitted: NDArray[Any] = np.concatenate([history.n_fitted, known.n_fitted[others]])
    # Labels without an order cannot be compared with those of other series, which have their own numbers.
    return KnownRows(panel, labels, frequencies, None, n_fitted)
