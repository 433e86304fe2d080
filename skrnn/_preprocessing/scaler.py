"""The transformer that scales the features of sequences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skrnn._common.arguments import NamedParametersMixin, named_arguments
from skrnn._common.frames import as_objects
from skrnn._common.rollback import unchanged_on_failure
from skrnn._common.state import PlainStateMixin
from skrnn._common.typing import Container, fit_context
from skrnn._data.categories import categorical_columns, numeric_columns
from skrnn._data.input_schema import InputSchema, check_has_features, learn_schema
from skrnn._data.padding import locate, rows_in_use
from skrnn._data.sequences import Sequences

Scaler = TypeVar("Scaler", bound="SequenceScaler")

_ROWS_AT_ONCE = 2**16


# Sequences are not put into the containers of set_output. mypy does not see the keywords of scikit-learn's mixins.
class SequenceScaler(TransformerMixin, NamedParametersMixin, PlainStateMixin, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Scale the features of sequences with a scikit-learn scaler.

    The scaler is fitted on the valid time steps of all sequences as rows, so that a feature is scaled in the same way
    at every time step. Padded time steps are ignored and stay padded. The output has the layout of the input.

    Parameters
    ----------
    scaler : transformer, default=None
        Scaler of the rows, such as ``RobustScaler()``. It must transform each row independently and keep the number of
        columns. If None, ``StandardScaler()`` is used.
    categorical_features : array-like of int or bool, or None, default=None
        Features of 3-D `X` that contain categories, as in estimators with a parameter of this name: their positions, or
        a boolean mask of all features. They are returned unchanged, in their place; `scaler` gets all other features.
        If None, all features are scaled.

    Attributes
    ----------
    scaler_ : transformer
        The fitted scaler. If all features are categorical, it is not fitted.

    n_features_in_ : int
        Number of features of a time step; for 2-D input, whose rows are univariate sequences, number of time steps.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`. Only defined if `X` is a 2-D frame with column names that are all strings.

    See Also
    --------
    SequenceWindower : Transformer that cuts rows into windows; rows can be scaled by a scaler before it.

    Notes
    -----
    A row shared by overlapping windows is counted once per window, so that lazy windows and the same windows as an
    array are scaled identically. A scaler with ``partial_fit`` is fitted in blocks, without expanding lazy windows; any
    other is fitted on all time steps of all windows at once.

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

    A code at each time step, which is not scaled:

    >>> X = np.array([[[10.0, 0], [20.0, 2]], [[30.0, 1], [40.0, 2]]])
    >>> SequenceScaler(categorical_features=[1]).fit_transform(X).round(3).tolist()
    [[[-1.342, 0.0], [-0.447, 2.0]], [[0.447, 1.0], [1.342, 2.0]]]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "scaler": [HasMethods(["fit", "transform"]), None],
        "categorical_features": ["array-like", None],
    }

    scaler_: BaseEstimator
    _schema: InputSchema
    _scaled: NDArray[np.int64] | None = None  # positions of the features that are scaled, None for all
    n_features_in_: int
    feature_names_in_: NDArray[Any]

    @named_arguments
    def __init__(self, scaler: BaseEstimator | None = None, *, categorical_features: ArrayLike | None = None) -> None:
        self.scaler = scaler
        self.categorical_features = categorical_features

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self: Scaler, X: ArrayLike, y: object = None) -> Scaler:
        """Fit the scaler on the valid time steps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences: an array, a list of arrays of different lengths, or `Sequences`. Leading and trailing time steps
            whose features are all NaN are padding.

        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        SequenceScaler
            The fitted scaler.

        Raises
        ------
        ValueError
            If `X` is neither 2-D nor 3-D, or contains infinity, or NaN other than padding; if `scaler` is not a
            transformer; or if `categorical_features` are not features of `X`.

        TypeError
            If `X` is not array-like or a DataFrame, contains non-numeric values, or is sparse.
        """
        with unchanged_on_failure(self):
            self._schema, data = learn_schema(self, X, dtype=None)
            self._scaled = self._scaled_features()
            scaler = StandardScaler() if self.scaler is None else clone(self.scaler)
            has_features = self._scaled is None or len(self._scaled)
            self.scaler_ = _fitted(scaler, data.sequences, self._scaled) if has_features else scaler
        return self

    def _scaled_features(self):
        """Return the positions of the features that are not categorical, or None if all are scaled."""
        if self.categorical_features is None:
            return None
        name, n_features = type(self).__name__, self._schema.n_features
        check_has_features(name, self._schema.n_dimensions)
        columns = categorical_columns(self.categorical_features, n_features, name)
        return numeric_columns(n_features, columns) if columns else None

    def transform(self, X: ArrayLike) -> NDArray[Any] | list[NDArray[Any]] | Sequences:
        """Scale the valid time steps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of :meth:`fit`.

        Returns
        -------
        ndarray, Sequences, or list or object array of ndarray
            The scaled sequences, in the layout and shape of `X`. Padded time steps of arrays are NaN.

        Raises
        ------
        NotFittedError
            If the scaler is not fitted.

        ValueError
            As in :meth:`fit`, if the number of dimensions or features differs from that seen during :meth:`fit`, or if
            the scaler does not keep the number of columns, or transforms all features of a valid time step to NaN.

        TypeError
            As in :meth:`fit`.
        """
        return self._apply("transform", X)

    def inverse_transform(self, X: ArrayLike) -> NDArray[Any] | list[NDArray[Any]] | Sequences:
        """Undo the scaling.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Scaled sequences.

        Returns
        -------
        ndarray, Sequences, or list or object array of ndarray
            The sequences on their original scale, in the layout and shape of `X`.

        Raises
        ------
        NotFittedError
            If the scaler is not fitted.

        ValueError
            As in :meth:`transform`, except for NaN.

        TypeError
            As in :meth:`fit`.

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
        return self._apply("inverse_transform", X)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Return the names of the features, which are those of the input.

        Parameters
        ----------
        input_features : array-like of str of shape (`n_features_in_`,) or None, default=None
            Names of the features of `X`. If None, ``feature_names_in_`` is used, or ``x0``, ``x1``, ... if it is not
            defined. If ``feature_names_in_`` is defined, `input_features` must equal it.

        Returns
        -------
        ndarray of str of shape (`n_features_in_`,)
            Names of the features of a time step; for 2-D input, of the time steps.

        Raises
        ------
        NotFittedError
            If the scaler is not fitted.
        ValueError
            If `input_features` does not match the features seen during `fit`.
        """
        check_is_fitted(self)
        return _check_feature_names_in(self, input_features)

    def set_output(self: Scaler, *, transform: Container | None = None) -> Scaler:
        """Do nothing: the output always has the layout of the input.

        The method exists so that :meth:`~sklearn.pipeline.Pipeline.set_output` can be called on a Pipeline that
        contains the scaler.

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

    def _apply(self, method, X):
        """Return the valid time steps of `X` transformed by a method of the scaler, in the layout of `X`."""
        check_is_fitted(self)
        data = self._schema.read(self, X)
        sequences = data.sequences.with_applied_scales()
        # A copy, which scalers with copy=False may change: windows share their rows. Rows of no sequence, and padded
        # ones, may contain values that a scaler rejects.
        in_use = rows_in_use(sequences)
        after = self._scale(method, sequences.values[in_use])
        if method == "transform":
            _check_stays_valid(after, sequences, in_use, self.scaler_)
        values = np.full(sequences.values.shape, np.nan, dtype=after.dtype)
        values[in_use] = after
        return _in_layout(replace(sequences, values=values), data)

    def _scale(self, method, rows):
        """Return rows transformed by a method of the scaler, with categorical features unchanged."""
        before = rows if self._scaled is None else rows[:, self._scaled]
        if not before.shape[1]:
            return rows
        after = getattr(self.scaler_, method)(before)
        after = after.toarray() if issparse(after) else np.asarray(after)
        if after.shape != before.shape:
            raise ValueError(
                f"The scaler of SequenceScaler must keep the number of columns, but {type(self.scaler_).__name__} "
                f"transformed shape {before.shape} to {after.shape}. Use one that scales columns, such as "
                "StandardScaler."
            )
        if after.dtype.kind != "f":  # integers have no NaN for padded time steps
            after = after.astype(np.float64)
        if self._scaled is None:
            return after
        scaled = rows.astype(np.result_type(after.dtype, np.float32))  # float16 rounds codes above 2048
        scaled[:, self._scaled] = after
        return scaled

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _fitted(scaler, sequences, features):
    """Fit a scaler on features (None for all) of all valid time steps, in blocks if it has ``partial_fit``."""
    columns = slice(None) if features is None else features
    if not hasattr(scaler, "partial_fit"):
        return scaler.fit(_valid_rows(sequences, slice(None))[:, columns])
    size = max(_ROWS_AT_ONCE // sequences.n_timesteps, 1)
    for first in range(0, len(sequences), size):
        scaler.partial_fit(_valid_rows(sequences, slice(first, first + size))[:, columns])
    return scaler


def _check_stays_valid(rows, sequences, in_use, scaler):
    """Raise if a scaler has made all features of a valid time step NaN, as those of padded time steps are."""
    became_nan = np.isnan(rows).all(axis=1)
    if became_nan.any():
        sample, time_step = locate(sequences, np.flatnonzero(in_use)[np.argmax(became_nan)])
        raise ValueError(
            f"{type(scaler).__name__}, the scaler of SequenceScaler, transformed finite values to NaN, first at sample "
            f"{sample}, time step {time_step}: estimators would treat this time step as padding. Use a scaler that is "
            "defined for all values of X."
        )


def _valid_rows(sequences, part):
    """Return the valid time steps of some sequences, one after another: (n_steps, n_features)."""
    some = sequences.take(part)
    indices = np.arange(len(some))
    return some.gather(indices)[some.valid(indices)]


def _in_layout(sequences, data):
    """Return scaled sequences in the layout in which they were passed."""
    if isinstance(data.given, Sequences):
        return sequences
    if data.is_list:
        return _as_list(sequences, data.given)
    if data.table is not None:
        return np.asarray(sequences).reshape(data.table.shape)
    return _as_array(sequences)


def _as_array(sequences):
    """Return the scaled sequences of an array as an array; windows that overlap in memory still do."""
    n_samples, n_timesteps, _ = sequences.shape
    starts = sequences.starts[:2] - sequences.step * sequences.n_leading_padding[:2]
    stride = int(starts[1] - starts[0]) if n_samples > 1 else n_timesteps
    if (stride, sequences.step) == (n_timesteps, 1):
        return sequences.values.reshape(sequences.shape)
    by_row, by_feature = sequences.values.strides
    strides = stride * by_row, sequences.step * by_row, by_feature
    return as_strided(sequences.values, sequences.shape, strides, writeable=False)


def _as_list(sequences, X):
    """Return scaled sequences as a list, or an object array, of arrays, with the padded time steps of each."""
    arrays = []
    for original, start, length, n_leading in zip(
        X, sequences.starts, sequences.lengths, sequences.n_leading_padding, strict=True
    ):
        array = sequences.values[start : start + length]
        if length < len(original):
            padding = (n_leading, len(original) - n_leading - length), (0, 0)
            array = np.pad(array, padding, constant_values=np.nan)
        arrays.append(array)
    return arrays if isinstance(X, (list, tuple)) else as_objects(arrays)
