"""Covariates that are computed from the times of rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import clone

from skrnn._common.frequencies import times_of_next_rows
from skrnn._common.times import comparable


def fitted_calendar(calendar, time):
    """Return the calendar fitted on the times of rows; None without a calendar."""
    if calendar is None:
        return None
    _check_dates(time)
    return clone(calendar).fit(pd.DataFrame(index=time))


def times_of_rows(labels, known):
    """Return the times of new rows: their own, or those of the next rows if they have none."""
    if comparable(known.labels.time, labels.time):
        return labels.time
    return times_of_next_rows(known.labels, known.codes_of(labels), known.frequencies)


def with_calendar(covariates, calendar, time):
    """Return covariates followed by the calendar features of the times of their rows."""
    if calendar is None:
        return covariates
    _check_dates(time)
    return np.concatenate([covariates, calendar._from_index(time)], axis=1)


def _check_dates(time):
    """Raise if rows have no dates."""
    if not isinstance(time, (pd.DatetimeIndex, pd.PeriodIndex)):
        raise ValueError(
            "calendar requires rows with an index of dates or periods, or new rows whose dates follow from the "
            "frequency of the fitted index. Pass X or y with such an index (pd.to_datetime converts text to dates), or "
            "set calendar=None."
        )
