"""Which layout ``X`` has, and whether it agrees with that of fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from skrnn._common.frames import as_pandas, index_of
from skrnn._common.guide import see
from skrnn._common.warnings import warn
from skrnn._data.checks import as_numeric, check_array_like, describe_value
from skrnn._data.lag_columns import is_series_of_rows
from skrnn._data.layouts import (
    TRANSPOSE_EACH,
    are_windows,
    is_list_of_sequences,
    n_dimensions,
    sequences_from_2d,
    sequences_from_3d,
    sequences_from_tokens,
)
from skrnn._data.sequences import Sequences
from skrnn._data.swapped_axes import are_time_steps

_MAX_TOKENS = 2**31 - 1  # ids are int32
_MAX_FLOAT = 2.0**53  # whole numbers up to here are exact as float64, and all fit into int64
_MANY_FEATURES = 8  # of a single time step: hardly meant
_LAYOUTS = {2: "2-D (n_samples, n_timesteps)", 3: "3-D (n_samples, n_timesteps, n_features)"}


class SequenceInputMixin:
    """Read ``X`` of any layout; remember at fit what later calls must agree with.

    Sets ``n_features_in_`` and ``feature_names_in_``, and what parameters set after fit must not change: the layout,
    the dtype, whether there is one output a step, and for token ids ``_vocabulary`` and whether it was inferred.
    """

    # Parameters of the estimator.
    dtype: str
    return_sequences: bool
    embedding_dim: int | None
    n_tokens: int | None

    _vocabulary: Any  # an int where X holds token ids

    n_features_in_: int
    feature_names_in_: NDArray[Any]

    def _check_X(self, X, *, reset):
        """Sequences of any layout, checked against those of fit unless ``reset``."""
        name = type(self).__name__
        check_array_like(X, "X", name)
        X = as_pandas(X)
        ndim = n_dimensions(X)
        if ndim > 3:
            raise ValueError(
                f"X has {ndim} dimensions, shape {np.shape(X)}; {name} takes {_LAYOUTS[2]} or {_LAYOUTS[3]}."
            )
        layout = 3 if ndim == 3 else 2
        if reset:
            self._layout, self._dtype = layout, self.dtype
            self._per_step, self._tokens = bool(self.return_sequences), self.embedding_dim is not None
        elif layout != self._layout:
            raise ValueError(
                f"{name} was fitted on {_LAYOUTS[self._layout]} input, but X {_what_it_is(X, ndim)}. Pass X in the "
                "layout of fit." + see("layouts", "shapes-of-x-and-y")
            )
        if layout == 3:
            if self._tokens:
                got = "a list of sequences" if is_list_of_sequences(X) else f"3 dimensions, shape {np.shape(X)}"
                raise ValueError(
                    f"{name} with embedding_dim={self.embedding_dim} takes token ids of shape (n_samples, "
                    f"n_timesteps), shorter ones padded with 0; got {got}. SequenceTokenizer makes them from text."
                )
            return self._check_3d(X, reset)
        index, names = index_of(X), getattr(X, "columns", ())
        dtype = "numeric" if self._tokens else self._numeric_dtypes(X)
        X = as_numeric(X, name, words=("sample", "time step"))
        X = validate_data(self, X, reset=reset, dtype=dtype, ensure_all_finite=False)
        if reset and is_series_of_rows(X, index, names):
            warn(
                f"{name} reads each row of 2-D input as a sequence of its own, but the rows of X are indexed by time. "
                "To predict from the rows before each row, put a SequenceWindower before it in a Pipeline."
            )
        return self._check_tokens(X, reset) if self._tokens else sequences_from_2d(X, self._dtype, name)

    def _check_3d(self, X, reset):
        name = type(self).__name__
        sequences = sequences_from_3d(X, self._dtype, name)
        if reset:
            _warn_of_other_axes(X, sequences, name)
            self.n_features_in_ = sequences.n_features
            vars(self).pop("feature_names_in_", None)
        elif sequences.n_features != self.n_features_in_:
            raise ValueError(
                f"X has {sequences.n_features} features, but {name} is expecting {self.n_features_in_} features as "
                f"input (shape {sequences.shape})."
            )
        return sequences

    def _check_tokens(self, X, reset):
        name = type(self).__name__
        if X.dtype.kind not in "biu":
            whole = np.isfinite(X) & (np.floor(X) == X)
            if not whole.all():
                row, column = np.argwhere(~whole)[0]
                raise ValueError(
                    f"{name} with embedding_dim={self.embedding_dim} takes whole token ids, got "
                    f"{describe_value(X[row, column])} at sample {row}, time step {column}."
                )
            X = np.clip(X, -_MAX_FLOAT, _MAX_FLOAT).astype(np.int64)  # beyond any vocabulary, but of the same sign
        if reset and self.n_tokens is None and (X >= _MAX_TOKENS).any():
            row, column = np.argwhere(X >= _MAX_TOKENS)[0]
            raise ValueError(
                f"Token id {X[row, column]} at sample {row}, time step {column} is too large for {name}, whose "
                "embedding has a row for every id up to the largest. Number the tokens from 2 on."
            )
        if reset:
            self._infers_tokens = self.n_tokens is None
            self._vocabulary = max(int(X.max()) + 1, 2) if self._infers_tokens else self.n_tokens
        elif self._infers_tokens:
            X = np.where(self._vocabulary <= X, 1, X)  # unknown, as ids that were never trained on are
        if reset:
            _warn_of_padding_inside(X, name)
        return sequences_from_tokens(X, self._vocabulary, name)

    def _numeric_dtypes(self, X):
        """Float dtypes as they are, whole numbers as the dtype of computation; of objects and text any may overflow."""
        of_other = self._dtype if getattr(getattr(X, "dtype", None), "kind", None) in ("b", "i", "u") else np.float64
        return [np.dtype(of_other), np.dtype(np.float64), np.dtype(np.float32)]


def _warn_of_padding_inside(X, name):
    """Warn of token ids 0 between other ones, which a vocabulary that numbers tokens from 0 would give."""
    tokens = X != 0
    inside = np.logical_or.accumulate(tokens, axis=1) & ~tokens
    inside &= np.logical_or.accumulate(tokens[:, ::-1], axis=1)[:, ::-1]
    if inside.any():
        row, column = np.argwhere(inside)[0]
        warn(
            f"Token id 0 stands between other ids, first at sample {row}, time step {column} of X. To {name} 0 is "
            "padding, which is skipped as if it were absent. If it is a token, number the tokens from 2 on: 1 is an "
            "unknown one." + see("layouts", "token-ids")
        )


def _warn_of_other_axes(X, sequences, name):
    """Warn of samples of one time step whose many features look like time steps: their axes are in another order."""
    n_features = sequences.n_features
    if n_features < _MANY_FEATURES or (sequences.lengths > 1).any() or isinstance(X, Sequences):
        return
    if is_list_of_sequences(X):
        has_one_step, remedy = all(len(sequence) == 1 for sequence in X), TRANSPOSE_EACH
    else:
        # The windows of a SequenceWindower are a read-only view; whoever copies some of them makes them writeable.
        has_one_step, remedy = np.shape(X)[1] == 1 and not are_windows(X), "X.transpose(0, 2, 1)"
    if has_one_step and are_time_steps(sequences.values):
        warn(
            f"Each sample of X has 1 time step of {n_features} features, which look like time steps. {name} takes 3-D "
            f"input of shape (n_samples, n_timesteps, n_features): if these are {n_features} time steps of 1 feature, "
            f"pass {remedy}." + see("layouts", "axes-in-another-order")
        )


def _what_it_is(X, ndim):
    """Say which layout X has, and its shape."""
    if is_list_of_sequences(X):
        return f"is {_LAYOUTS[3]}, a list of {len(X)} sequences"
    of_shape = f"of shape {np.shape(X)}"
    return f"is {_LAYOUTS[ndim]}, {of_shape}" if ndim in _LAYOUTS else f"has {ndim} dimension(s), {of_shape}"
