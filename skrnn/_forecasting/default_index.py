"""Rows with a default index (0, 1, 2, ...): whether they are known rows or the steps after them."""

from __future__ import annotations

import numpy as np

from skrnn._common.times import comparable, time_values
from skrnn._common.warnings import in_score, warn


def is_default(labels):
    """Return True if the index of rows only counts them, all together or within each series."""
    time = labels.time
    if not labels.is_pandas or time is None or time.inferred_type != "integer" or not len(time):
        return False
    numbers = np.asarray(time_values(time))
    counts = np.arange(len(numbers))
    if (numbers == counts).all():
        return True
    order = labels.by_series()
    codes = labels.codes[order]
    return bool((numbers[order] == counts - np.searchsorted(codes, codes)).all())


def check_rows_to_predict(rows, known, has_groups, warns):
    """Raise or warn if a default index does not tell whether rows are known ones or the steps after them.

    Rows of a series are taken for known ones only if they are all of its fitted rows, or all known ones, with equal
    covariates. A warning is emitted if later steps may have the same covariates.

    Parameters
    ----------
    rows : Rows
    known : KnownRows
    has_groups : bool
        Whether rows belong to several series: then an array cannot be passed instead.
    warns : bool
        Whether to emit the warning.
    """
    labels = rows.labels
    if not comparable(known.labels.time, labels.time) or not is_default(labels):
        return
    times, known_times, bounds = time_values(labels.time), time_values(known.labels.time), known.panel.bounds()
    codes = known.labels.series.get_indexer(labels.series)
    counts = np.bincount(labels.codes, minlength=len(codes))
    rows_of_series = np.split(labels.by_series(), np.cumsum(counts)[:-1])
    rounding = np.finfo(np.float64).eps ** (2 / 3) * np.abs(known.panel.covariates).max(axis=0, initial=0)
    has_covariates = known.panel.covariates.shape[1] > 0
    remedy = f"an index that continues the fitted one, such as X.index + {int(known_times.max()) + 1}"
    remedy += "" if has_groups else ", or an array"
    ambiguous = []
    for code, at in zip(codes, rows_of_series, strict=True):
        if code < 0 or not len(at) or times[at[0]] > known_times[bounds[code + 1] - 1]:
            continue  # unknown series are reported by `locate`, and rows after the end are not ambiguous
        first = slice(bounds[code], bounds[code] + len(at))
        are_known = (
            len(at) in (known.n_fitted[code], bounds[code + 1] - bounds[code])
            and np.array_equal(known_times[first], times[at])
            and (np.abs(known.panel.covariates[first] - rows.covariates[at]) <= rounding).all()
        )
        if not are_known:
            which = "" if len(known.labels.series) == 1 else f" of series {known.labels.series.tolist()[code]!r}"
            call = "" if has_covariates else f", or call forecast({len(at)})"
            raise ValueError(
                f"X has a default index, 0, 1, 2, ..., which does not tell whether its {len(at)} rows{which} are the "
                f"{known.n_fitted[code]} fitted rows or the steps after them. For the steps after them, pass {remedy}"
                f"{call}. For the fitted rows, pass all of them, with the same values as in fit."
            )
        if _may_recur(known.panel.covariates[first], rounding):
            ambiguous.append(code)
    if ambiguous and warns and not in_score():
        names = known.labels.series.tolist()
        which = f" of {len(ambiguous)} series" if len(ambiguous) > 1 else f" of series {names[ambiguous[0]]!r}"
        call = "" if has_covariates else f", or call forecast({counts.max()})"
        warn(
            "X has a default index, 0, 1, 2, ..., which does not tell whether its rows are fitted ones. Its rows"
            f"{'' if len(names) == 1 else which} are as many as the fitted rows"
            f"{', with the same values' if has_covariates else ''}, and are assumed to be these: they are predicted "
            f"one step ahead, from the true values before each row. For the steps after them, pass {remedy}{call}. An "
            "index of dates avoids the ambiguity."
        )


def check_rows_to_append(labels, known):
    """Raise if a default index numbers new rows like known ones."""
    if not comparable(known.labels.time, labels.time) or not is_default(labels):
        return
    codes, known_times = known.codes_of(labels), time_values(known.labels.time)
    last_rows = known.panel.bounds()[codes + 1] - 1
    is_early = (codes >= 0) & (time_values(labels.time) <= known_times[last_rows])
    if is_early.any():
        row = int(np.argmax(is_early))
        raise ValueError(
            f"update requires new rows, but row {row} ({labels.time[row]}) is already part of the series, according "
            "to its default index, 0, 1, 2, .... For the steps after the series, pass an index that continues it, such "
            f"as index + {int(known_times.max()) + 1}, or arrays. Rows of the series cannot be changed."
        )


def _may_recur(covariates, rounding):
    """Return True if later rows may have equal covariates: if there are none, only integers, or a repeated pattern."""
    if (covariates == np.round(covariates)).all():
        return True
    n_rows = len(covariates)
    periods = [period for period in range(1, n_rows // 2 + 1) if n_rows % period == 0]
    return any((np.abs(covariates[period:] - covariates[:-period]) <= rounding).all() for period in periods)
