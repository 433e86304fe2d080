"""The transformer that cuts time-ordered rows into windows, one per row."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_array, check_is_fitted

from skrnn._common.state import PlainStateMixin
from skrnn._common.typing import Container, MaxGap, Padding, available_if, fit_context
from skrnn._common.unchanged import unchanged_on_failure
from skrnn._common.warnings import warn
from skrnn._data.checks import as_numeric
from skrnn._data.sequences import Sequences
from skrnn._windows.history import continued, history_of
from skrnn._windows.sliding import (
    ROW_DTYPES,
    WINDOW_CONSTRAINTS,
    runs_of_rows,
    series_of_windows,
    strided_windows,
    windows_of_runs,
)
from skrnn._windows.windower_data import WindowerDataMixin, first_label, rows_before_the_first

Windower = TypeVar("Windower", bound="SequenceWindower")


def _flattens(windower):
    """Tell whether the output has columns that can carry names."""
    if not windower.flatten:
        raise AttributeError("3-D windows have no columns to name: feature names need flatten=True.")
    return True


class SequenceWindower(WindowerDataMixin, TransformerMixin, PlainStateMixin):
    """Cut time-ordered rows into windows, one window per row.

    Row ``i`` of the output is the window that ends with row ``i`` of `X`, so the number of rows never
    changes: `y` stays aligned with the windows, and every scorer and splitter of scikit-learn works.

    Parameters
    ----------
    window : int, default=20
        Number of time steps in a window.

    dilation : int, default=1
        Distance in rows between neighbouring time steps of a window. A window spans
        ``(window - 1) * dilation + 1`` rows.

    padding : {"mask", "edge", "zeros"} or None, default=None
        What stands before the first row, in the windows that reach beyond it.

        - "mask": absent time steps, rows of NaN, which recurrent estimators mask.
        - "edge": the first row, repeated.
        - "zeros": zeros.
        - None: "mask", or "edge" with ``flatten=True``, as few estimators that are not recurrent take NaN.

    context : {"index", "assume"} or None, default="index"
        Whether the last rows seen by :meth:`fit` stand before the first row that is transformed, where they come right
        before it. What was fitted never gets any.

        - "index": where the index of both, pandas objects, proves it: the first row is of the next period of the
          frequency of the fitted index (its own, or the one that pandas infers, or the constant step of whole
          numbers), and so is each row after it; with `max_gap`, where it comes no later than that. Each series has a
          frequency of its own.
        - "assume": the caller declares that whatever is transformed follows what was fitted, as the test folds of
          ``TimeSeriesSplit`` do with ``gap=0``. For arrays, which have no index.
        - None: never.

    max_gap : int, float, timedelta, str or None, default=None
        The largest difference of the index between neighbouring rows of a window; beyond it, earlier rows are absent
        (or what `padding` says), so that windows bridge no hole: one in the data, or one that a shuffled split has
        cut. An int for an index of periods or whole numbers, a float for one of floats, a timedelta, or text that
        pandas reads as one, such as "2h", for dates.

    groups : hashable or None, default=None
        The column, or the level of the index, that names the series a row belongs to; for arrays the number of a
        column. It is no feature. No window crosses from one series to another, whose rows may be interleaved.

    flatten : bool, default=False
        Whether to lay the time steps of a window side by side in one row, for estimators that are not
        recurrent. The columns are ordered by time step, oldest first, and within a time step like the
        features of `X`.

    Attributes
    ----------
    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, where `X` has feature names that are all strings.

    See Also
    --------
    make_supervised : Pair rows with a target that lies ahead of them.
    sliding_windows : Cut the same windows before splitting.

    Notes
    -----
    A window ends on its own row, and holds that row. So `y` must lie ahead of its row, or the estimator is
    shown what it is asked for. :func:`~skrnn.make_supervised` makes such a `y`.

    Where a Pipeline that holds the windower is cross-validated, the splits are cut before the windows are. With
    `context` the windows of a test fold that follows its training rows begin in these; the ones that would reach back
    further, and those of other folds, are padded. After a split with a gap, :func:`~skrnn.sliding_windows`, which
    cuts windows before any split, loses nothing.

    New rows are served one at a time by ``partial_fit``, which rolls the remembered rows forward::

        pipeline.predict(row)  # from the rows remembered so far
        pipeline["sequencewindower"].partial_fit(pipeline[:-2].transform(row))  # what comes before the next one

    With ``flatten=False`` the output is a read-only view of one padded copy of `X`, in which the windows
    overlap: the memory is that of `X`, whatever the `window`. Copying the output (``np.array(output)``,
    pickling) takes `window` times as much, as ``flatten=True`` does. With `groups` or `max_gap`, where windows do not
    lie at even distances, the output is a lazy :class:`Sequences`, for as little memory.

    ``Pipeline.set_output(transform="pandas")`` applies to flattened windows, and leaves 3-D ones arrays.

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import SequenceWindower
    >>> X = np.array([[1.0], [2.0], [3.0], [4.0]])
    >>> windows = SequenceWindower(window=3).fit_transform(X)
    >>> windows.shape
    (4, 3, 1)
    >>> windows[:, :, 0]
    array([[nan, nan,  1.],
           [nan,  1.,  2.],
           [ 1.,  2.,  3.],
           [ 2.,  3.,  4.]])

    For an estimator that is not recurrent:

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
        "groups": "no_validation",  # any label that a column or a level may have
        "flatten": ["boolean"],
    }

    n_features_in_: int
    feature_names_in_: NDArray[Any]

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
        """Check the parameters, and remember the features and the last rows of `X`.

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
            If `X` is not 2-D, or holds NaN or infinity, if times do not increase within a series, if there is no column
            or level that `groups` names, if `max_gap` cannot be compared with the index, or if a parameter is out of
            its range.

        TypeError
            If `X` is no array, list or frame, or holds what no number stands for; for sparse data; and if `groups` is
            no label, or a list names a series.

        Warns
        -----
        UserWarning
            If the index is a MultiIndex of series and times and `groups` is None, or if the times of a series have a
            hole and `max_gap` is None; not in the folds of scikit-learn's cross-validation, which have holes.
        """
        with unchanged_on_failure(self):
            rows, labels = self._read(X, reset=True)
            self._warn_of_rows(X, labels)
        self._history = history_of(rows, labels, self._n_remembered(), first_label(X))
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self: Windower, X: ArrayLike, y: object = None) -> Windower:
        """Roll the remembered rows forward, without fitting anything again.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The rows that follow those seen before, in time order.

        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        SequenceWindower
            The windower, which is fitted if it was not.

        Raises
        ------
        ValueError
            As :meth:`fit` does, and if the index of `X` says that its rows do not follow, or is of another kind.

        TypeError
            As :meth:`fit` does.

        Warns
        -----
        UserWarning
            With ``context="index"``, if `X` is an array and the index seen before has no frequency to continue.

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
        self._history = continued(before, rows, labels, self._n_remembered())
        if self.context == "index" and before.last_labels.time is not None and self._history.last_labels.time is None:
            warn(
                "partial_fit was given an array, and the index seen before has no frequency that tells the times of "
                "its rows: SequenceWindower no longer knows any times, so that the first windows will be padded. Pass "
                "rows with an index, or set context='assume'."
            )
        return self

    # Any: what set_output asked for.
    def transform(self, X: ArrayLike) -> NDArray[Any] | Sequences | Any:
        """Cut `X` into the windows that end with each of its rows.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows in time order.

        Returns
        -------
        ndarray or Sequences of shape (n_rows, window, n_features)
            The windows, oldest time step first: a read-only view, or with `groups` or `max_gap` a lazy
            :class:`Sequences`. With ``flatten=True`` an array, or the
            container that :meth:`set_output` asked for, of shape (n_rows, window * n_features). float32 where
            `X` is float32, else float64.

        Raises
        ------
        NotFittedError
            If the windower is not fitted.

        ValueError
            As :meth:`fit` does, and if `X` has other features than the `X` of :meth:`fit`.

        TypeError
            As :meth:`fit` does.

        Warns
        -----
        UserWarning
            With ``context="index"``, if neither index tells whether `X` follows what was fitted.
        """
        check_is_fitted(self)
        # Parameters may have been set since fit, and strides made from wrong ones read foreign memory.
        self._validate_params()
        rows, labels = self._read(X, reset=False)
        n_rows, n_features = rows.shape
        rows, labels = self._with_context(rows, labels, X)
        n_context = len(rows) - n_rows
        if self.groups is None and self.max_gap is None:
            # `window` may be smaller now than when rows were remembered.
            rows = rows[max(n_context - self._n_before(), 0) :]
            before = rows_before_the_first(rows, max(self._n_before() - n_context, 0), self._padding())
            windows = strided_windows(np.concatenate([before, rows]), self.window, self.dilation)
        else:
            windows = windows_of_runs(
                rows,
                *runs_of_rows(labels, self.max_gap),
                window=self.window,
                dilation=self.dilation,
                padding=self._padding(),
                series=series_of_windows(labels),
            )[n_context:]
        if not self.flatten:
            return windows
        # np.array before reshape: one copy, and a writable one also where window=1 would need none.
        return np.array(windows, order="C").reshape(n_rows, self.window * n_features)

    def inverse_transform(self, X: ArrayLike) -> NDArray[Any]:
        """Return the rows that windows were cut from: the last time step of each.

        Parameters
        ----------
        X : array-like of shape (n_rows, window, n_features)
            Windows as :meth:`transform` returns them; of shape (n_rows, window * n_features) with
            ``flatten=True``.

        Returns
        -------
        ndarray of shape (n_rows, n_features)
            The last time step of each window, a copy.

        Raises
        ------
        NotFittedError
            If the windower is not fitted.

        ValueError
            If `X` does not have the shape that :meth:`transform` returns.

        TypeError
            If `X` is no array or list, or holds what no number stands for.

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
        if isinstance(X, Sequences):
            X = np.asarray(X)
        # Checking the values would read every one of them `window` times, and the padding is NaN by design.
        windows = check_array(
            as_numeric(X, type(self).__name__, words=("row", "time step", "feature")),
            dtype=ROW_DTYPES,
            allow_nd=True,
            ensure_2d=False,
            ensure_all_finite=False,
            input_name="X",
        )
        wanted: tuple[int, ...]
        if self.flatten:
            wanted, wanted_text = (self.window * self.n_features_in_,), "window * n_features"
        else:
            wanted, wanted_text = (self.window, self.n_features_in_), "window, n_features"
        if windows.ndim != len(wanted) + 1 or windows.shape[1:] != wanted:
            sizes = ", ".join(str(size) for size in wanted)
            raise ValueError(
                f"SequenceWindower(flatten={self.flatten}).inverse_transform takes windows of shape "
                f"(n_rows, {wanted_text}) = (n_rows, {sizes}), but X has shape {windows.shape}. "
                "Pass what transform returned."
            )
        # Flattened or not, the last n_features numbers of a window are its last time step.
        last_step = windows[:, -self.n_features_in_ :] if self.flatten else windows[:, -1]
        return last_step.copy()

    @available_if(_flattens)
    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Return the names of the flattened columns.

        ``x0_lag3`` is feature ``x0`` of the row three rows before a window's own. Available with
        ``flatten=True`` only.

        Parameters
        ----------
        input_features : array-like of str of shape (`n_features_in_`,) or None, default=None
            Names of the features of `X`. None stands for ``feature_names_in_``, or ``x0``, ``x1``, ... where
            there are none; if ``feature_names_in_`` is defined, `input_features` must equal it.

        Returns
        -------
        ndarray of str of shape (window * `n_features_in_`,)
            Names in the order of the columns. Lags count rows: those of ``dilation=2`` are 0, 2, 4 and so on.

        Raises
        ------
        NotFittedError
            If the windower is not fitted.

        ValueError
            If `input_features` does not fit the features seen during `fit`.

        AttributeError
            With ``flatten=False``: 3-D windows have no columns to name.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        lags = range((self.window - 1) * self.dilation, -1, -self.dilation)
        return np.array([f"{name}_lag{lag}" for lag in lags for name in names], dtype=object)

    def set_output(self: Windower, *, transform: Container | None = None) -> Windower:
        """Set the container of flattened windows; 3-D windows stay arrays.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            What :meth:`transform` and ``fit_transform`` return with ``flatten=True``. None changes nothing.

        Returns
        -------
        SequenceWindower
            The windower.
        """
        # scikit-learn's own method is missing where there are no feature names, and Pipeline.set_output
        # raises on a step without it. The attribute is the one that it sets, that clone copies and that the
        # wrapper of transform reads; without feature names that wrapper leaves the output as it is.
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
