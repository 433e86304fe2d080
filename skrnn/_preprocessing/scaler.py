"""The transformer that scales the features of sequences."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import check_is_fitted, validate_data

from skrnn._common.frames import as_pandas
from skrnn._common.state import PlainStateMixin
from skrnn._common.typing import Container, fit_context
from skrnn._common.unchanged import unchanged_on_failure
from skrnn._data.checks import as_numeric, check_array_like, check_finite
from skrnn._data.layouts import are_windows, is_list_of_sequences, n_dimensions, rows_in_use, sequences_from_3d
from skrnn._data.sequences import Sequences

Scaler = TypeVar("Scaler", bound="SequenceScaler")

_ROWS_AT_ONCE = 2**16


class SequenceScaler(TransformerMixin, PlainStateMixin):
    """Scale the features of sequences with any column scaler of scikit-learn.

    The scaler sees the present time steps of all sequences as rows, so that every feature is scaled alike at each
    step, and absent steps count for nothing and stay absent. What comes out has the layout of what went in.

    Parameters
    ----------
    scaler : transformer, default=None
        What scales the rows, such as ``RobustScaler()``; it must treat each row by itself and keep the number of
        columns. None is ``StandardScaler()``.

    Attributes
    ----------
    scaler_ : transformer
        The fitted scaler.

    n_features_in_ : int
        Number of features of a time step; for 2-D input, whose rows are univariate sequences, of time steps.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of a 2-D frame that are all strings.

    See Also
    --------
    SequenceWindower : Cuts windows of rows that a scaler before it has scaled.

    Notes
    -----
    Where windows overlap, a row counts as often as windows hold it, so that lazy windows and the array that they stand
    for give the same numbers to the last bit. A scaler with ``partial_fit`` is shown the steps in blocks, and lazy
    windows are never expanded; any other is shown all steps of all windows at once.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import SequenceScaler
    >>> sequences = [np.array([[1.0], [3.0]]), np.array([[5.0]])]  # of different lengths
    >>> scaler = SequenceScaler()
    >>> [sequence.ravel().round(3).tolist() for sequence in scaler.fit_transform(sequences)]
    [[-1.225, 0.0], [1.225]]
    >>> scaler.scaler_.mean_
    array([3.])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {"scaler": [HasMethods(["fit", "transform"]), None]}

    scaler_: BaseEstimator
    n_features_in_: int
    feature_names_in_: NDArray[Any]

    def __init__(self, scaler: BaseEstimator | None = None) -> None:
        self.scaler = scaler

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self: Scaler, X: ArrayLike, y: object = None) -> Scaler:
        """Fit the scaler on the present steps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences: an array, a list of arrays of different lengths, or `Sequences`. Steps whose features are all
            NaN, at the head or the tail, are absent.

        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        SequenceScaler
            The fitted scaler.

        Raises
        ------
        ValueError
            If `X` is none of these, holds NaN between present steps or infinity, or if `scaler` is no transformer.

        TypeError
            If `X` is no array, list or frame, or holds what no number stands for; for sparse data.
        """
        with unchanged_on_failure(self):
            sequences, _ = self._read(X, reset=True)
            self.scaler_ = _fitted(StandardScaler() if self.scaler is None else clone(self.scaler), sequences)
        return self

    def transform(self, X: ArrayLike) -> NDArray[Any] | list[NDArray[Any]] | Sequences:
        """Scale the present steps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of :meth:`fit`.

        Returns
        -------
        ndarray, Sequences, or list or object array of ndarray
            The scaled sequences, in the layout and of the shape of `X`; absent steps of arrays are NaN.

        Raises
        ------
        NotFittedError
            If the scaler is not fitted.

        ValueError
            As :meth:`fit` does, if `X` has another number of axes or features, or if the scaler does not keep the
            number of columns.

        TypeError
            As :meth:`fit` does.
        """
        check_is_fitted(self)
        return self._apply(self.scaler_.transform, X)

    def inverse_transform(self, X: ArrayLike) -> NDArray[Any] | list[NDArray[Any]] | Sequences:
        """Undo the scaling.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Scaled sequences.

        Returns
        -------
        ndarray, Sequences, or list or object array of ndarray
            The sequences in their own units, in the layout and of the shape of `X`.

        Raises
        ------
        NotFittedError
            If the scaler is not fitted.

        ValueError
            As :meth:`transform` does.

        TypeError
            As :meth:`fit` does.

        AttributeError
            If `scaler` has no ``inverse_transform``.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import SequenceScaler
        >>> sequences = [np.array([[1.0], [3.0]]), np.array([[5.0]])]
        >>> scaler = SequenceScaler().fit(sequences)
        >>> back = scaler.inverse_transform(scaler.transform(sequences))
        >>> [sequence.ravel().round(6).tolist() for sequence in back]
        [[1.0, 3.0], [5.0]]
        """
        check_is_fitted(self)
        return self._apply(self.scaler_.inverse_transform, X)

    def set_output(self: Scaler, *, transform: Container | None = None) -> Scaler:
        """Do nothing: sequences stay what they are, so that a Pipeline can ask its other steps for frames.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            Ignored.

        Returns
        -------
        SequenceScaler
            The scaler.
        """
        return self

    def _read(self, X, *, reset):
        """Check sequences of any layout; return them, and the function that puts scaled ones back into it."""
        name = type(self).__name__
        check_array_like(X, "X", name)
        X = as_pandas(X)
        ndim = n_dimensions(X)
        if ndim > 3:
            raise ValueError(f"X has {ndim} dimensions, shape {np.shape(X)}; {name} takes 2-D or 3-D input.")
        if reset:
            self._ndim = 3 if ndim == 3 else 2
        elif self._ndim != (3 if ndim == 3 else 2):
            raise ValueError(f"{name} was fitted on {self._ndim}-D input, but X has {ndim} dimensions.")
        if ndim != 3:
            words = ("sample", "time step")
            X = as_numeric(X, name, words=words)
            columns = getattr(X, "columns", None)
            X = validate_data(self, X, dtype=[np.float64, np.float32], ensure_all_finite=False, reset=reset)
            check_finite(X, name, columns=columns, words=words)
            shape = X.shape
            return sequences_from_3d(X[..., None], X.dtype, name), lambda scaled: np.asarray(scaled).reshape(shape)
        sequences = sequences_from_3d(X, _dtype_of(X), name)
        if reset:
            self.n_features_in_ = sequences.n_features
            self.__dict__.pop("feature_names_in_", None)
        elif sequences.n_features != self.n_features_in_:
            raise ValueError(
                f"X has {sequences.n_features} features, but {name} is expecting {self.n_features_in_} features as "
                "input."
            )
        if isinstance(X, Sequences):
            return sequences, lambda scaled: scaled
        if is_list_of_sequences(X):
            return sequences, lambda scaled: _as_list(scaled, X)
        return sequences, partial(_as_array, writeable=not are_windows(X))

    def _apply(self, function, X):
        sequences, restore = self._read(X, reset=False)
        # A copy, which scalers with copy=False may change: rows are shared by whoever holds windows of them. Rows of no
        # sequence, and absent ones, may hold what a scaler refuses.
        used = rows_in_use(sequences)
        before = sequences.values[used]
        after = np.asarray(function(before))
        if after.shape != before.shape:
            raise ValueError(
                f"The scaler of SequenceScaler must keep the number of columns, but {type(self.scaler_).__name__} made "
                f"shape {after.shape} of {before.shape}. Use one that scales columns, such as StandardScaler."
            )
        values = np.full(sequences.values.shape, np.nan, dtype=after.dtype)
        values[used] = after
        return restore(replace(sequences, values=values))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _fitted(scaler, sequences):
    """Fit a scaler on all present steps, in blocks where it can."""
    if not hasattr(scaler, "partial_fit"):
        return scaler.fit(_present_rows(sequences, slice(None)))
    size = max(_ROWS_AT_ONCE // sequences.n_timesteps, 1)
    for first in range(0, len(sequences), size):
        scaler.partial_fit(_present_rows(sequences, slice(first, first + size)))
    return scaler


def _dtype_of(X):
    """Return the dtype of scaled sequences: float32 where every one of them is, float64 otherwise."""
    parts = X if is_list_of_sequences(X) else [X]
    return np.float32 if all(str(getattr(part, "dtype", "")) == "float32" for part in parts) else np.float64


def _present_rows(sequences, part):
    """Return the present steps of some sequences, one after another: (n_steps, n_features)."""
    some = sequences.take(part)
    indices = np.arange(len(some))
    return some.gather(indices)[some.valid(indices)]


def _as_array(sequences, writeable):
    """Return the scaled sequences of an array as one; windows of one series share its rows, as they did before.

    Windows of a read-only array are read-only, too: it tells windows from what a user has made.
    """
    n_samples, n_timesteps, _ = sequences.shape
    starts = sequences.starts[:2] - sequences.step * sequences.n_leading_padding[:2]
    stride = int(starts[1] - starts[0]) if n_samples > 1 else n_timesteps
    if (stride, sequences.step) == (n_timesteps, 1):
        array = sequences.values.reshape(sequences.shape)
        array.flags.writeable = writeable
        return array
    by_row, by_feature = sequences.values.strides
    strides = stride * by_row, sequences.step * by_row, by_feature
    return as_strided(sequences.values, sequences.shape, strides, writeable=False)


def _as_list(sequences, X):
    """Return scaled sequences as a list, or an object array, of arrays; absent steps of a sequence stay in it."""
    arrays = []
    for original, start, length, head in zip(
        X, sequences.starts, sequences.lengths, sequences.n_leading_padding, strict=True
    ):
        array = sequences.values[start : start + length]
        if length < len(original):
            absent = (head, len(original) - head - length), (0, 0)
            array = np.pad(array, absent, constant_values=np.nan)
        arrays.append(array)
    if isinstance(X, (list, tuple)):
        return arrays
    objects = np.empty(len(arrays), dtype=object)
    objects[:] = arrays
    return objects
