"""Warnings of training data whose axes or token ids probably mean something else."""

from __future__ import annotations

import numpy as np

from skrnn._common.frames import index_of
from skrnn._common.guide import see
from skrnn._common.judged_rows import are_judged_by_caller
from skrnn._common.warnings import warn
from skrnn._data.lag_columns import is_series_of_rows
from skrnn._data.layouts import TRANSPOSE_EACH
from skrnn._data.quantity_columns import columns_of_different_quantities
from skrnn._data.sequences import Sequences
from skrnn._data.swapped_axes import are_time_steps

_MANY_LENGTHS, _MANY_TOKENS = 3, 20  # of rows of token ids, and of a vocabulary
_MANY_FEATURES = 8  # of samples with a single time step


def warn_of_layout(data, schema, name, purpose="predict from the rows before each row"):
    """Warn if the layout of training data looks like a mistake.

    Parameters
    ----------
    data : Input
    schema : InputSchema
    name : str
        Name of the estimator.
    purpose : str
        Purpose of windows of rows, for the remedy.
    """
    if data.table is None:
        _warn_of_swapped_axes(data, name)
        return
    reason = None if are_judged_by_caller() else why_rows_are_time_steps(data.table, data.given)
    if reason is not None:
        warn(
            f"{name} reads each row of 2-D input as a separate sequence, but {reason}. To {purpose}, put a "
            "SequenceWindower before it in a Pipeline."
        )
    if schema.has_tokens:
        _warn_of_inner_padding(data.table, name)


def why_rows_are_time_steps(table, given):
    """Return why the rows of 2-D input are probably time steps of a series, not sequences; None if they are not.

    Parameters
    ----------
    table : ndarray of shape (n_rows, n_columns)
    given : ndarray or DataFrame
        The same as it was passed.
    """
    names = getattr(given, "columns", ())
    if is_series_of_rows(table, index_of(given), names):
        return "the rows of X are indexed by time"
    quantities = columns_of_different_quantities(table, names)
    if quantities is None:
        return None
    (small, small_size), (large, large_size) = quantities
    return (
        "the columns of X seem to be different quantities: the mean absolute value of nonzero numbers is "
        f"{small_size:.3g} in {small!r}, and {large_size:.3g} in {large!r}. If they are time steps of one quantity, "
        "pass X.to_numpy()"
    )


def warn_of_padded_ids(data, schema, name):
    """Warn of integers padded with 0, which are read as quantities: token ids, or sequences of different lengths.

    Parameters
    ----------
    data : Input
    schema : InputSchema
    name : str
        Name of the estimator.
    """
    if not schema.has_tokens and data.table is not None and _are_padded_ids(data.given):
        warn(
            f"{name} reads the integers of X as quantities, but they look like sequences padded with 0. For token ids, "
            "set embedding_dim, for example to 32; for quantities, pad with NaN in 3-D input, which is masked; if 0 is "
            "a value like any other, pass X.astype(float)." + see("layouts", "token-ids")
        )


def _are_padded_ids(X):
    """Return True for 2-D integers of which only the first or the last ones of rows are 0, in rows of many lengths."""
    if getattr(X, "ndim", None) != 2 or getattr(getattr(X, "dtype", None), "kind", "f") not in "iu":
        return False
    X = np.asarray(X)
    lengths = np.count_nonzero(X, axis=1)
    if len(np.unique(lengths)) < _MANY_LENGTHS or X.min() < 0 or X.max() < _MANY_TOKENS:
        return False
    if (X[:, 1:] >= X[:, :-1]).all() or (X[:, 1:] <= X[:, :-1]).all():
        return False  # cumulative or sorted counts
    is_token = X != 0
    ends = np.arange(X.shape[1]) < lengths[:, None]
    return bool((is_token == ends).all() or (is_token == ends[:, ::-1]).all())


def check_no_inner_padding(data, schema, name):
    """Raise for token id 0 between other ids, where each time step has an output: skipping it would shift later ones.

    Parameters
    ----------
    data : Input
    schema : InputSchema
    name : str
        Name of the estimator.
    """
    position = _first_inner_padding(data.table) if schema.has_tokens else None
    if position is not None:
        raise ValueError(
            f"Token id 0 occurs between other ids, first at sample {position[0]}, time step {position[1]} of X. {name} "
            "treats 0 as padding, which is supported only before the first and after the last token where each time "
            "step has an output. If it is a token, number the tokens from 2: 1 represents unknown tokens."
            + see("layouts", "token-ids")
        )


def _warn_of_inner_padding(ids, name):
    """Warn of id 0 between other ids, which occurs if the vocabulary is numbered from 0."""
    position = _first_inner_padding(ids)
    if position is not None:
        warn(
            f"Token id 0 occurs between other ids, first at sample {position[0]}, time step {position[1]} of X. {name} "
            "treats 0 as padding and skips it. If it is a token, number the tokens from 2: 1 represents unknown tokens."
            + see("layouts", "token-ids")
        )


def _first_inner_padding(ids):
    """Return the sample and the time step of the first id 0 between other ids, or None."""
    is_token = ids != 0
    is_inner = np.logical_or.accumulate(is_token, axis=1) & ~is_token
    is_inner &= np.logical_or.accumulate(is_token[:, ::-1], axis=1)[:, ::-1]
    return np.argwhere(is_inner)[0] if is_inner.any() else None


def _are_views(X):
    """Return True for a read-only view of rows, such as windows made by numpy, whose last axis is not time.

    Samples that overlap along their last axis are windows of a single series, and this axis is time.
    """
    if getattr(getattr(X, "flags", None), "writeable", True):
        return False
    by_sample, *_, by_feature = np.asarray(X).strides
    return abs(by_sample) >= abs(by_feature) * np.shape(X)[-1]


def _warn_of_swapped_axes(data, name):
    """Warn of samples of one time step whose many features look like time steps: their axes are probably swapped."""
    n_features = data.sequences.n_features
    if n_features < _MANY_FEATURES or (data.sequences.lengths > 1).any() or isinstance(data.given, Sequences):
        return
    if data.is_list:
        has_one_step, remedy = all(len(sequence) == 1 for sequence in data.given), TRANSPOSE_EACH
    else:
        has_one_step, remedy = np.shape(data.given)[1] == 1 and not _are_views(data.given), "X.transpose(0, 2, 1)"
    if has_one_step and are_time_steps(data.sequences.values):
        warn(
            f"Each sample of X has 1 time step of {n_features} features, which look like time steps. {name} takes 3-D "
            f"input of shape (n_samples, n_timesteps, n_features): if these are {n_features} time steps of 1 feature, "
            f"pass {remedy}." + see("layouts", "axes-in-another-order")
        )
