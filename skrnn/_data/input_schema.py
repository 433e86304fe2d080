"""What ``fit`` learns of the layout of ``X``, and later calls read ``X`` with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from skrnn._common.frames import as_pandas, index_of
from skrnn._common.guide import see
from skrnn._common.state import stored_as
from skrnn._data.categories import Category, categorical_columns, learn_categories, with_known_codes
from skrnn._data.checks import as_numeric, check_array_like, describe_value
from skrnn._data.layouts import (
    checked_sequences,
    columns_of_list,
    is_list_of_sequences,
    n_dimensions,
    sequences_from_2d,
    sequences_from_3d,
    sequences_from_list,
    sequences_from_tokens,
)
from skrnn._data.nested_frames import check_not_nested
from skrnn._data.sequences import Sequences

UNKNOWN_TOKEN = 1

_MAX_TOKENS = 2**31 - 1  # ids are int32
_MAX_FLOAT = 2.0**53  # integers up to here are exact as float64, and all fit into int64
_FOR_TEXTS = " Convert texts to token ids with SequenceTokenizer, and set embedding_dim." + see("text", "token-ids")
_LAYOUTS = {2: "2-D (n_samples, n_timesteps)", 3: "3-D (n_samples, n_timesteps, n_features)"}


@dataclass(frozen=True, eq=False)
class Input:
    """``X`` of one call.

    Parameters
    ----------
    given : ndarray, DataFrame, Sequences, or list or object array of sequences
        ``X`` as it was passed; frames of other libraries as those of pandas.
    is_list : bool
        Whether it is a list of sequences.
    sequences : Sequences
        Its valid time steps.
    table : ndarray of shape (n_samples, n_timesteps), or None
        2-D ``X`` as an array of numbers.
    """

    given: Any
    is_list: bool
    sequences: Sequences
    table: NDArray[Any] | None = None

    def __len__(self):
        return len(self.sequences)


@stored_as("input schema")
@dataclass(frozen=True)
class InputSchema:
    """Layout of the training data, which all later ``X`` must have.

    Parameters
    ----------
    n_dimensions : int
        2 for univariate sequences, one per row, and for token ids; 3 otherwise.
    dtype : str or None
        Dtype of computation; None keeps float32, and makes float64 of all else.
    n_features : int
        Number of features per time step.
    embedding_dim : int or None
        Given for token ids.
    n_tokens : int or None
        Size of their vocabulary.
    is_inferred : bool
        Whether the vocabulary was inferred from the training data, so that other ids are unknown tokens, no errors.
    categories : tuple of Category
        Categorical features of 3-D input.
    columns : tuple of hashable, or None
        Columns of the frames in a list of sequences, if there were any.
    """

    n_dimensions: int
    dtype: str | None
    n_features: int
    embedding_dim: int | None = None
    n_tokens: int | None = None
    is_inferred: bool = False
    categories: tuple[Category, ...] = ()
    columns: tuple[Any, ...] | None = None

    @property
    def has_tokens(self):
        """Whether ``X`` contains token ids."""
        return self.embedding_dim is not None

    @property
    def supports_padding(self):
        """Whether sequences may have padded time steps."""
        return self.n_dimensions == 3 or self.has_tokens

    def _is_single_sequence(self, given, n_dims):
        """Return True for an array of the time steps of one sequence, where samples of 3-D input were expected."""
        return n_dims == 2 and self.n_dimensions == 3 and np.shape(given)[1] == self.n_features

    def read(self, estimator, X):
        """Return `X` as an `Input`, or raise if it has another layout or other features than in ``fit``.

        Parameters
        ----------
        estimator : estimator
            The fitted estimator, for its public attributes and its name.
        X : array-like
            Sequences.
        """
        name = type(estimator).__name__
        given, is_list, n_dims = _given(X, name)
        if max(n_dims, 2) != self.n_dimensions:
            raise ValueError(
                f"{name} was fitted on {_LAYOUTS[self.n_dimensions]} input, but X "
                f"{_described(given, is_list, n_dims)}. Pass X in the layout of the training data"
                f"{', a single sequence as X[np.newaxis]' if self._is_single_sequence(given, n_dims) else ''}."
                + see("layouts", "shapes-of-x-and-y")
            )
        if n_dims == 3:
            sequences = _sequences_of(given, is_list, self.dtype, name, self.columns)
            if sequences.n_features != self.n_features:
                raise ValueError(
                    f"X has {sequences.n_features} features, but {name} is expecting {self.n_features} features as "
                    f"input (shape {sequences.shape})."
                )
            sequences = _with_plain_codes(sequences, tuple(category.column for category in self.categories))
            return Input(given, is_list, with_known_codes(sequences, self.categories, name))
        table = _read_table(estimator, given, self.dtype, self.has_tokens, reset=False)
        if not self.has_tokens:
            return Input(given, is_list, sequences_from_2d(table, self.dtype or table.dtype, name), table)
        table = _read_ids(table, self.embedding_dim, name)
        known = np.where(table < self.n_tokens, table, UNKNOWN_TOKEN) if self.is_inferred else table
        return Input(given, is_list, sequences_from_tokens(known, self.n_tokens, name), table)


def learn_schema(estimator, X, *, dtype, embedding_dim=None, n_tokens=None, categorical_features=None):
    """Read training data, and learn their layout.

    Sets the public attributes ``n_features_in_`` and ``feature_names_in_`` of the estimator.

    Parameters
    ----------
    estimator : estimator
    X : array-like
        Sequences in any layout.
    dtype, embedding_dim, n_tokens
        As in `InputSchema`; ``n_tokens=None`` infers it.
    categorical_features : array-like of int or bool, or None, default=None
        Features of 3-D input that contain codes.

    Returns
    -------
    schema : InputSchema
    data : Input
    """
    name = type(estimator).__name__
    given, is_list, n_dims = _given(X, name)
    has_tokens = embedding_dim is not None
    if categorical_features is not None:
        check_has_features(name, n_dims, embedding_dim)
    if n_dims == 3:
        if has_tokens:
            got = "a list of sequences" if is_list else f"3 dimensions, shape {np.shape(given)}"
            raise ValueError(
                f"{name} with embedding_dim={embedding_dim} takes token ids of shape (n_samples, n_timesteps), shorter "
                f"sequences padded with 0. Got {got}. SequenceTokenizer makes token ids of text, and "
                "keras.utils.pad_sequences pads lists of token ids."
            )
        sequences = _sequences_of(given, is_list, dtype, name)
        columns = categorical_columns(categorical_features, sequences.n_features, name)
        sequences = _with_plain_codes(sequences, columns)
        categories = learn_categories(sequences, columns, name)
        estimator.n_features_in_ = sequences.n_features
        vars(estimator).pop("feature_names_in_", None)
        names = columns_of_list(given) if is_list else None
        schema = InputSchema(3, dtype, sequences.n_features, categories=categories, columns=names)
        return schema, Input(given, is_list, sequences)
    table = _read_table(estimator, given, dtype, has_tokens, reset=True)
    if not has_tokens:
        sequences = sequences_from_2d(table, dtype or table.dtype, name)
        return InputSchema(2, dtype, 1), Input(given, is_list, sequences, table)
    table = _read_ids(table, embedding_dim, name)
    is_inferred = n_tokens is None
    if is_inferred:
        n_tokens = _inferred_vocabulary(table, name)
    sequences = sequences_from_tokens(table, n_tokens, name)
    return InputSchema(2, dtype, 1, embedding_dim, n_tokens, is_inferred), Input(given, is_list, sequences, table)


def check_has_features(name, n_dims, embedding_dim=None):
    """Raise for categorical features of input that has no features, 2-D input and token ids."""
    if embedding_dim is not None:
        raise ValueError(
            f"The parameters 'categorical_features' and 'embedding_dim' of {name} cannot be combined: with "
            f"embedding_dim={embedding_dim}, X contains token ids, which have no features. Set one of them to None."
        )
    if n_dims < 3:
        raise ValueError(
            f"categorical_features of {name} requires sequences with features, {_LAYOUTS[3]}. X is "
            f"{_LAYOUTS[2]}: set categorical_features=None, or pass X[:, :, None] if its values are codes."
        )


def _given(X, name):
    """Return `X` (frames of other libraries as those of pandas), whether it is a list, and its number of dimensions."""
    check_array_like(X, "X", name)
    given = as_pandas(X)
    check_not_nested(given, name)
    is_list = is_list_of_sequences(given)
    n_dims = 3 if is_list else n_dimensions(given)
    if n_dims > 3:
        raise ValueError(
            f"X has {n_dims} dimensions, shape {np.shape(given)}; {name} takes {_LAYOUTS[2]} or {_LAYOUTS[3]}."
        )
    return given, is_list, n_dims


def _sequences_of(given, is_list, dtype, name, fitted_columns=None):
    """Return the sequences of 3-D input, of which a list may contain frames with the columns seen in fit."""
    dtype = dtype or _float_dtype(given if is_list else [given])
    if isinstance(given, Sequences):
        return checked_sequences(given, dtype, name)
    return sequences_from_list(given, dtype, name, fitted_columns) if is_list else sequences_from_3d(given, dtype, name)


def _with_plain_codes(sequences, columns):
    """Return sequences whose rows contain the codes: those with shifts and scales of codes are copied."""
    has_scaled_codes = sequences.shifts is not None and any(k < sequences.shifts.shape[1] for k in columns)
    return sequences.with_applied_scales() if has_scaled_codes else sequences


def _float_dtype(arrays):
    """Return float32 if all arrays have it, else float64."""
    return np.float32 if all(str(getattr(array, "dtype", "")) == "float32" for array in arrays) else np.float64


def _read_table(estimator, given, dtype, has_tokens, *, reset):
    """Return 2-D input as an array, checked by scikit-learn, which sets or compares names and number of features."""
    name = type(estimator).__name__
    is_row = n_dimensions(given) == 1
    given = as_numeric(given, name, words=("sample", "time step"), for_text=_FOR_TEXTS if has_tokens or is_row else "")
    if is_row:
        _raise_one_dimensional(given, name)
    # Floats keep their dtype, for errors; integers get that of computation; objects and text may hold any number.
    is_integer = getattr(getattr(given, "dtype", None), "kind", None) in ("b", "i", "u")
    of_others = np.dtype(dtype) if is_integer and dtype is not None else np.dtype(np.float64)
    dtypes = "numeric" if has_tokens else [of_others, np.dtype(np.float64), np.dtype(np.float32)]
    return validate_data(estimator, given, reset=reset, dtype=dtypes, ensure_all_finite=False)


def _raise_one_dimensional(given, name):
    """Raise for 1-D input: scikit-learn's advice would make a sequence of one time step of each number."""
    as_row, as_column = "X.reshape(1, -1)", "X.reshape(-1, 1)"
    if index_of(given) is not None:
        as_row, as_column = "X.to_frame().T", "X.to_frame()"
    raise ValueError(
        f"Expected 2D array, got 1D array instead: X has shape {np.shape(given)}, and {name} reads each row of 2-D "
        f"input as a sequence. Reshape your data: a single sequence is {as_row}. A series with one value per time step "
        f"has to be cut into windows: pass {as_column} to a SequenceWindower before {name} in a Pipeline, or to "
        "sliding_windows." + see("windows", "from-a-series-to-a-score")
    )


def _read_ids(table, embedding_dim, name):
    """Return token ids as integers."""
    if table.dtype.kind in "biu":
        return table
    is_integer = np.isfinite(table) & (np.floor(table) == table)
    if not is_integer.all():
        row, column = np.argwhere(~is_integer)[0]
        raise ValueError(
            f"{name} with embedding_dim={embedding_dim} takes token ids, which are integers. Got "
            f"{describe_value(table[row, column])} at sample {row}, time step {column}."
        )
    return np.clip(table, -_MAX_FLOAT, _MAX_FLOAT).astype(np.int64)  # beyond any vocabulary, but of the same sign


def _inferred_vocabulary(table, name):
    """Return the number of tokens that the training data have."""
    if (table >= _MAX_TOKENS).any():
        row, column = np.argwhere(table >= _MAX_TOKENS)[0]
        raise ValueError(
            f"Token id {table[row, column]} at sample {row}, time step {column} is too large for {name}, whose "
            "embedding has one row for each id up to the largest. Number the tokens from 2."
        )
    return max(int(table.max()) + 1, UNKNOWN_TOKEN + 1)


def _described(given, is_list, n_dims):
    """Return the layout of ``X`` and its shape, for errors."""
    if is_list:
        return f"is {_LAYOUTS[3]}, a list of {len(given)} sequences"
    shape = f"of shape {np.shape(given)}"
    return f"is {_LAYOUTS[n_dims]}, {shape}" if n_dims in _LAYOUTS else f"has {n_dims} dimension(s), {shape}"
