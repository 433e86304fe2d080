"""What a windower reads and remembers: rows with the labels of their series and times, and the rows before them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from skrnn._common.frames import as_pandas, index_of
from skrnn._common.guide import see
from skrnn._common.times import comparable
from skrnn._common.warnings import warn
from skrnn._data.checks import as_array_or_frame, as_numeric, check_finite
from skrnn._data.row_labels import split_labels
from skrnn._windows.history import joined, proves_nothing, rows_before
from skrnn._windows.row_warnings import PASS_GROUPS, SET_MAX_GAP, warn_of_hole, warn_of_panel
from skrnn._windows.sliding import ROW_DTYPES


class WindowerDataMixin:
    """Reading and remembering rows, for `SequenceWindower`."""

    window: int
    dilation: int
    padding: str | None
    context: str | None
    max_gap: Any
    groups: Any
    flatten: bool
    _history: Any

    def _padding(self):
        """Resolve ``padding=None``."""
        if self.padding is not None:
            return self.padding
        return "edge" if self.flatten else "mask"

    def _n_before(self):
        """Return how many rows a window reaches back before its own."""
        return (self.window - 1) * self.dilation

    def _n_remembered(self):
        """Return how many rows of a series to remember: the last one in any case, which tells what follows it."""
        return max(self._n_before(), 1)

    def _read(self, X, *, reset):
        """Check rows, and tell their series and times."""
        X = as_pandas(X)
        if self.groups is None:
            rows = self._numbers(X, reset)
            return rows, split_labels(X, None, self.max_gap)[1]
        X = as_array_or_frame(X, "X", type(self).__name__)
        features, labels = split_labels(X, self.groups, self.max_gap)
        return self._numbers(features, reset), labels

    def _warn_of_rows(self, X, labels):
        """Warn where windows reach over what rows of one series do not have."""
        if not self._n_before():
            return
        if self.groups is None:
            warn_of_panel(getattr(X, "index", None), type(self).__name__, PASS_GROUPS)
        if self.max_gap is None:
            warn_of_hole(labels, type(self).__name__, SET_MAX_GAP)

    def _numbers(self, X, reset):
        """Check that rows are finite numbers."""
        X = as_numeric(X, type(self).__name__)
        rows = validate_data(self, X, dtype=ROW_DTYPES, ensure_all_finite=False, reset=reset)
        check_finite(rows, type(self).__name__, columns=getattr(X, "columns", None))
        return rows

    def _with_context(self, rows, labels, X):
        """Put the remembered rows before `rows` that come right before them."""
        history = self._history
        if self.context is None or not self._n_before():
            return rows, labels
        if self.context == "assume" and self.max_gap is not None:
            self._check_same_times(history.last_labels.time, labels.time)
        if self.context == "index" and proves_nothing(history, index_of(X), labels, self.max_gap):
            warn(
                "The index of X does not tell whether its first row comes right after the rows that SequenceWindower "
                "was fitted on, so that the first windows are padded. Give both an index of one frequency, or set "
                "max_gap; or set context='assume' where X always follows, or context=None to pad without this warning."
                + see("windows", "context-the-rows-before-a-test-fold")
            )
        return joined(history, rows_before(history, rows, labels, self.context, self.max_gap), rows, labels)

    def _check_same_times(self, fitted, time):
        if not comparable(fitted, time):
            known = "rows without times" if fitted is None else f"an index of {fitted.dtype}"
            raise ValueError(
                f"max_gap={self.max_gap!r} needs times of one kind, but SequenceWindower was fitted on {known}, "
                f"and the index of X is of {time.dtype}."
            )


def first_label(X):
    """Return the label of the first row of a pandas object."""
    index = index_of(X)
    return None if index is None else index[0]


def rows_before_the_first(rows, n_before, padding):
    """Return the padding that stands before ``rows``: (n_before, n_features)."""
    if padding == "edge":
        return np.broadcast_to(rows[:1], (n_before, rows.shape[1]))
    return np.full((n_before, rows.shape[1]), np.nan if padding == "mask" else 0.0, dtype=rows.dtype)
