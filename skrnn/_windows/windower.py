"""The transformer that cuts time-ordered rows into windows, one per row."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from skrnn._common.arguments import NamedParametersMixin, named_arguments
from skrnn._common.frames import index_of
from skrnn._common.rollback import unchanged_on_failure
from skrnn._common.state import PlainStateMixin
from skrnn._common.typing import Container, MaxGap, Padding, available_if, fit_context
from skrnn._common.warnings import warn
from skrnn._data.checks import check_finite
from skrnn._data.sequences import Sequences
from skrnn._windows.context import with_context
from skrnn._windows.cutting import WINDOW_CONSTRAINTS, WindowSpec, cut_windows
from skrnn._windows.history import History, extend_history, remember_rows
from skrnn._windows.row_warnings import warn_of_rows
from skrnn._windows.rows import ROW_DTYPES, first_label, read_windows, split_rows

Windower = TypeVar("Windower", bound="SequenceWindower")


def _flattens(windower):
    """Return True if the output has columns; raise otherwise, as scikit-learn's ``available_if`` expects."""
    if not windower.flatten:
        raise AttributeError("3-D windows have no columns to name: feature names need flatten=True.")
    return True


class SequenceWindower(TransformerMixin, NamedParametersMixin, PlainStateMixin):
    """Cut time-ordered rows into windows, one window per row.

    Row ``i`` of the output is the window that ends with row ``i`` of `X`. The number of rows does not change: `y` stays
    aligned with the windows, and every scorer and splitter of scikit-learn works.

    Parameters
    ----------
    window : int, default=20
        Number of time steps in a window.

    dilation : int, default=1
        Distance in rows between consecutive time steps of a window. A window spans ``(window - 1) * dilation + 1``
        rows.

    padding : {"mask", "edge", "zeros"} or None, default=None
        Padding of windows that begin before the first row.

        - "mask": padded time steps (NaN), which recurrent estimators mask.
        - "edge": copies of the first row.
        - "zeros": zeros.
        - None: "mask", or "edge" with ``flatten=True``, because few estimators for 2-D input accept NaN.

    context : {"index", "assume"} or None, default="index"
        Whether windows of transformed rows may begin with the last rows seen by :meth:`fit`. Windows of the fitted rows
        themselves never do.

        - "index": If the index shows that `X` directly follows the fitted rows. Both must be pandas objects, the first
          row must be one period of the frequency of the fitted index after its last row, and the other rows of `X`
          must follow at that frequency. The frequency is that of the index, the one that pandas infers, or the constant
          step of integers, and may differ between series. With `max_gap`, the first row may be up to `max_gap` later.
        - "assume": Always; the caller asserts that transformed rows follow the fitted ones, as the test folds of
          ``TimeSeriesSplit`` with ``gap=0`` do. Use it for arrays, which have no index.
        - None: Never.

    max_gap : int, float, timedelta, str or None, default=None
        Maximum difference in the index between consecutive rows of a window. Rows before a larger gap, in the data or
        caused by a shuffled split, are replaced with padding. Pass an int for an index of periods or integers, a float
        for an index of floats, and for dates a timedelta, or a string that pandas parses as one, such as "2h".

    groups : hashable or None, default=None
        Column or index level that identifies the series of each row; for arrays, the index of a column. It is not used
        as a feature. Rows of different series may be interleaved; no window contains rows of more than one.

    flatten : bool, default=False
        Whether to return 2-D arrays, for non-recurrent estimators. The columns are ordered by time step, oldest first,
        and within a time step like the features of `X`.

    Attributes
    ----------
    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`. Only defined if `X` has feature names that are all strings.

    See Also
    --------
    make_supervised : Pair rows with a future value of the target.
    sliding_windows : Cut the same windows before splitting.

    Notes
    -----
    A window ends with its own row and contains it. The value of `y` must therefore come from a later row, as in the
    output of :func:`~skrnn.make_supervised`.

    If a Pipeline with a windower is cross-validated, data are split before windows are cut. With `context`, the first
    windows of a test fold that directly follows its training rows begin with the last training rows; otherwise, they
    are padded. For splits with a gap, use :func:`~skrnn.sliding_windows`, which cuts windows before any split.

    To serve predictions row by row, append each new row to the stored rows with ``partial_fit``::

        pipeline.predict(row)
        pipeline["sequencewindower"].partial_fit(pipeline[:-2].transform(row))  # context of the next row

    With ``flatten=False`` the output is lazy: windows share one copy of the rows, so that memory does not grow with
    `window`. ``np.asarray(output)`` and ``flatten=True`` return arrays, which require `window` times as much memory.

    ``Pipeline.set_output(transform="pandas")`` applies to flattened windows only.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import SequenceWindower
    >>> X = np.array([[1.0], [2.0], [3.0], [4.0]])
    >>> windows = SequenceWindower(window=3).fit_transform(X)
    >>> windows
    Sequences(shape=(4, 3, 1), dtype=float64)
    >>> windows[:, :, 0]
    array([[nan, nan,  1.],
           [nan,  1.,  2.],
           [ 1.,  2.,  3.],
           [ 2.,  3.,  4.]])

    For a non-recurrent estimator:

    >>> windower = SequenceWindower(window=3, flatten=True)
    >>> windower.fit_transform(X)
    array([[1., 1., 1.],
           [1., 1., 2.],
           [1., 2., 3.],
           [2., 3., 4.]])
    >>> windower.get_feature_names_out()
    array(['x0_lag2', 'x0_lag1', 'x0_lag0'], dtype=object)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **WINDOW_CONSTRAINTS,
        "context": [StrOptions({"index", "assume"}), None],
        "groups": "no_validation",  # any label of a column or an index level
        "flatten": ["boolean"],
    }

    n_features_in_: int
    feature_names_in_: NDArray[Any]
    _history: History

    @named_arguments
    def __init__(
        self,
        window: int = 20,
        *,
        dilation: int = 1,
        padding: Padding | None = None,
        context: Literal["index", "assume"] | None = "index",
        max_gap: MaxGap | None = None,
        groups: Hashable = None,
        flatten: bool = False,
    ) -> None:
        self.window = window
        self.dilation = dilation
        self.padding = padding
        self.context = context
        self.max_gap = max_gap
        self.groups = groups
        self.flatten = flatten

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self: Windower, X: ArrayLike, y: object = None) -> Windower:
        """Store the last rows of `X` as context for later rows.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows in time order.

        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        SequenceWindower
            The fitted windower.

        Raises
        ------
        ValueError
            If `X` is not 2-D or contains NaN or infinity; if timestamps are not increasing within a series; if `groups`
            is not a column or index level of `X`; if `max_gap` cannot be compared with the index; or if a parameter is
            out of range.
        TypeError
            If `X` is not array-like or a DataFrame, contains non-numeric values, or is sparse; or if `groups` is not
            hashable, or series names are lists.

        Warns
        -----
        UserWarning
            If the index is a MultiIndex of series and times and `groups` is None; if it contains numbers that decrease
            from row to row, such as years, or restart, as those of concatenated DataFrames; or if there is a gap in the
            time index of a series and `max_gap` is None, except during scikit-learn's cross-validation, whose splits
            create gaps.
        """
        with unchanged_on_failure(self):
            rows, labels = self._read(X, reset=True)
            if self._spec().n_earlier_rows:
                warn_of_rows(index_of(X), labels, self.groups, self.max_gap, type(self).__name__)
            self._history = remember_rows(rows, labels, self._spec().n_remembered_rows, first_label(X))
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self: Windower, X: ArrayLike, y: object = None) -> Windower:
        """Append rows to the stored context.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows that follow those seen before, in time order.

        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        SequenceWindower
            The windower; it is fitted on `X` if it was not fitted before.

        Raises
        ------
        ValueError
            As in :meth:`fit`, and if the index of `X` shows that its rows do not follow those seen before, or is of
            another kind.
        TypeError
            As in :meth:`fit`.

        Warns
        -----
        UserWarning
            If ``context="index"``, `X` is an array, and the index seen before has no frequency to continue.

        Examples
        --------
        >>> from skrnn import SequenceWindower
        >>> windower = SequenceWindower(window=3, context="assume").fit([[1.0], [2.0], [3.0]])
        >>> windower.transform([[4.0]])[0, :, 0]
        array([2., 3., 4.])
        >>> windower.partial_fit([[4.0]]).transform([[5.0]])[0, :, 0]
        array([3., 4., 5.])
        """
        if not hasattr(self, "n_features_in_"):
            return self.fit(X)
        rows, labels = self._read(X, reset=False)
        before = self._history
        self._history = extend_history(before, rows, labels, self._spec().n_remembered_rows)
        if self.context == "index" and before.last_labels.time is not None and self._history.last_labels.time is None:
            warn(
                "partial_fit was given an array, and the index seen before has no frequency from which the times of "
                "its rows follow: the times of the remembered rows are no longer known, and the first windows will be "
                "padded. Pass rows with an index, or set context='assume'."
            )
        return self

    # Any: the container that set_output asked for.
    def transform(self, X: ArrayLike) -> Sequences | NDArray[Any] | Any:
        """Cut the window that ends with each row of `X`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows in time order.

        Returns
        -------
        Sequences of shape (n_rows, window, n_features), or ndarray of shape (n_rows, window * n_features)
            The windows, oldest time step first; with ``flatten=True`` an array, or the container set by
            :meth:`set_output`. The dtype is float32 if `X` is float32, otherwise float64.

        Raises
        ------
        NotFittedError
            If the windower is not fitted.
        ValueError
            As in :meth:`fit`, and if the features of `X` differ from those seen during :meth:`fit`.
        TypeError
            As in :meth:`fit`.

        Warns
        -----
        UserWarning
            If ``context="index"`` and the indexes do not show whether `X` follows the fitted rows.
        """
        check_is_fitted(self)
        self._validate_params()  # which may have been set after fit
        spec = self._spec()
        rows, labels = self._read(X, reset=False)
        n_rows, n_features = rows.shape
        if self.context is not None and spec.n_earlier_rows:
            rows, labels = with_context(self._history, rows, labels, first_label(X), self.context, self.max_gap)
        windows = cut_windows(rows, labels, spec)[-n_rows:]
        if not self.flatten:
            return windows
        return np.asarray(windows).reshape(n_rows, self.window * n_features)

    def inverse_transform(self, X: ArrayLike) -> NDArray[Any]:
        """Return the last time step of each window, which is its original row.

        Parameters
        ----------
        X : array-like of shape (n_rows, window, n_features) or (n_rows, window * n_features)
            Windows as returned by :meth:`transform`.

        Returns
        -------
        ndarray of shape (n_rows, n_features)
            The last time step of each window.

        Raises
        ------
        NotFittedError
            If the windower is not fitted.
        ValueError
            If `X` does not have the shape that :meth:`transform` returns.
        TypeError
            If `X` is not array-like or contains non-numeric values.

        Examples
        --------
        >>> from skrnn import SequenceWindower
        >>> windower = SequenceWindower(window=3)
        >>> windows = windower.fit_transform([[1.0, -1.0], [2.0, -2.0]])
        >>> windows.shape
        (2, 3, 2)
        >>> windower.inverse_transform(windows)
        array([[ 1., -1.],
               [ 2., -2.]])
        """
        check_is_fitted(self)
        n_features = self.n_features_in_
        shape = (self.window * n_features,) if self.flatten else (self.window, n_features)
        windows = read_windows(X, shape, f"SequenceWindower(flatten={self.flatten}).inverse_transform")
        last_step = windows[:, -n_features:] if self.flatten else windows[:, -1]
        return last_step.copy()

    @available_if(_flattens)
    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Return the names of the flattened columns.

        ``x0_lag3`` is feature ``x0`` three rows before the row of the window. Only available if ``flatten=True``.

        Parameters
        ----------
        input_features : array-like of str of shape (`n_features_in_`,) or None, default=None
            Names of the features of `X`. If None, ``feature_names_in_`` is used, or ``x0``, ``x1``, ... if it is not
            defined. If ``feature_names_in_`` is defined, `input_features` must equal it.

        Returns
        -------
        ndarray of str of shape (window * `n_features_in_`,)
            Names in the order of the columns. Lags are numbers of rows: with ``dilation=2``, they are 0, 2, 4, ...

        Raises
        ------
        NotFittedError
            If the windower is not fitted.
        ValueError
            If `input_features` does not match the features seen during `fit`.
        AttributeError
            If ``flatten=False``.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        lags = range((self.window - 1) * self.dilation, -1, -self.dilation)
        return np.array([f"{name}_lag{lag}" for lag in lags for name in names], dtype=object)

    def set_output(self: Windower, *, transform: Container | None = None) -> Windower:
        """Set the output container of flattened windows; 3-D windows are not affected.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            Container returned by :meth:`transform` and ``fit_transform`` if ``flatten=True``. If None, it is not
            changed.

        Returns
        -------
        SequenceWindower
            The windower.
        """
        # scikit-learn's own method is only available with feature names, and Pipeline.set_output raises for a step
        # without it. This is the attribute that it sets; without feature names, the output is not wrapped.
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _spec(self) -> WindowSpec:
        """Return the parameters of the windows."""
        padding = self.padding or ("edge" if self.flatten else "mask")
        return WindowSpec(self.window, self.dilation, padding, self.max_gap)

    def _read(self, X, *, reset):
        """Return the rows of `X` and their labels; ``reset`` says whether to set or to check the features."""
        features, labels = split_rows(X, self.groups, self.max_gap, type(self).__name__)
        rows = validate_data(self, features, dtype=ROW_DTYPES, ensure_all_finite=False, reset=reset)
        check_finite(rows, type(self).__name__, columns=getattr(features, "columns", None))
        return rows, labels
