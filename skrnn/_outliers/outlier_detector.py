"""Outlier detector for sequences, and for the time steps of series."""

from __future__ import annotations

from collections.abc import Hashable
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, OutlierMixin
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skrnn._common.arguments import NamedParametersMixin, named_arguments
from skrnn._common.rollback import unchanged_on_failure
from skrnn._common.state import PlainStateMixin
from skrnn._common.typing import fit_context
from skrnn._estimators.html import meta_estimator_block
from skrnn._outliers.prediction import PredictionScorer
from skrnn._outliers.reconstruction import SequenceScorer, WindowScorer
from skrnn._outliers.row_scores import without_unknown

Detector = TypeVar("Detector", bound="SequenceOutlierDetector")

_INTEGERS = ("window", "smoothing")


class SequenceOutlierDetector(OutlierMixin, MetaEstimatorMixin, NamedParametersMixin, PlainStateMixin):
    """Outlier detector for sequences, and for the time steps of series.

    An autoencoder or a forecaster is fitted on normal data, or on data with few outliers. Samples that it reconstructs
    or predicts badly are outliers.

    Parameters
    ----------
    estimator : estimator, default=None
        With ``method="reconstruction"``, a :class:`~skrnn.SequenceAutoencoder`, or any estimator whose
        ``score_samples`` scores sequences, such as a Pipeline that ends with one, or a Pipeline in which one computes
        the codes that :class:`~sklearn.ensemble.IsolationForest` scores. If None,
        ``SequenceAutoencoder(n_components=4, random_state=random_state)`` is used, after a
        :class:`~skrnn.SequenceScaler` or, with `window`, for rows that are standardized. With ``method="prediction"``,
        a :class:`~skrnn.SequenceForecaster`. If None, it is one with ``GRURegressor(random_state=random_state)`` whose
        windows are not scaled, so that it detects shifts of the level.
    method : {"reconstruction", "prediction"}, default="reconstruction"
        Method of scoring.

        - "reconstruction": sequences, by their reconstruction error. Each sample of `X` is a sequence. With `window`,
          each row of `X` is a time step of a series, and its score is the upper quartile of those of all windows that
          contain it: a row is an outlier if most of its windows are.
        - "prediction": time steps, by the error of their forecast from the time steps before them. Each row of `X` is a
          time step of a series. Errors are divided by the spread of those of the training rows, a median absolute
          error, squared, and averaged over the columns and over `smoothing` rows.
    window : int, default=None
        Number of time steps per window. With ``method="reconstruction"``, `estimator` is fitted on all windows of the
        rows, standardized with the mean and the standard deviation of the training rows; if None, each sample is a
        sequence. With ``method="prediction"``, it replaces the `window` of `estimator`, which must have no `lags`; if
        both are None, it is 20, or half the length of the longest series if it has fewer than 40 rows.
    smoothing : int, default=None
        Number of rows of the centered moving average of prediction errors. With 1, scores depend on the row and earlier
        ones only, and isolated outliers stand out most; larger numbers detect outliers that last several rows. If None,
        it is 11. Only available with ``method="prediction"``.
    groups : hashable or None, default=None
        Column of `X`, or level of its index, that identifies the series of each row; for arrays, the number of a
        column. If None, the `groups` of a forecaster, or else all rows belong to one series. Only available if rows are
        time steps.
    contamination : "auto" or float in (0, 0.5], default="auto"
        Fraction of outliers among the training samples, which determines `offset_`. If "auto", samples are outliers
        whose score is below the lower quartile of the training scores minus 1.5 interquartile ranges [1]_.
    random_state : int, RandomState or None, default=None
        Determines the initial weights and the order of training samples of the default estimator. Pass an int for
        reproducible results. Not used if `estimator` is not None, which has its own.

    Attributes
    ----------
    estimator_ : estimator
        Fitted autoencoder or forecaster.
    offset_ : float
        Score below which samples are outliers.
    n_features_in_ : int
        Number of features seen during `fit`: of columns, without that of `groups`, if rows are time steps.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`. Only defined if `X` has feature names that are all strings.

    See Also
    --------
    AnomalyDisplay : Anomaly visualization: a series, its scores and spans of outliers.
    SequenceForecaster : Forecaster for series.
    sklearn.ensemble.IsolationForest : Outlier detector for samples without an order in time.

    Notes
    -----
    If rows are time steps, `X` is scored by itself: it does not continue the training series. With
    ``method="prediction"`` its first rows are predicted from padded windows, and their errors are divided by those of
    training rows that are predicted from windows with as much padding. The first row of each series, which has no past,
    has the median score. To score new rows with their past, pass it as the first rows of `X`, and ignore its scores.
    In windows, the last known value takes the place of a missing one: after several missing rows, normal rows may have
    low scores, until the window has passed.

    With `window`, the rows of a series shorter than it have the score of one padded window, and a warning is issued.

    A fault that is easy to predict has small prediction errors: a flat line near the mean of an oscillation is an
    example. Reconstructions of windows do not depend on the rows before.

    References
    ----------
    .. [1] J. W. Tukey, "Exploratory Data Analysis", Addison-Wesley (1977).
    .. [2] P. Malhotra, L. Vig, G. Shroff and P. Agarwal, "Long Short Term Memory Networks for Anomaly Detection in Time
       Series", European Symposium on Artificial Neural Networks (2015).
    .. [3] P. Malhotra, A. Ramakrishnan, G. Anand, L. Vig, P. Agarwal and G. Shroff, "LSTM-based Encoder-Decoder for
       Multi-sensor Anomaly Detection", ICML Anomaly Detection Workshop (2016). https://arxiv.org/abs/1607.00148

    Examples
    --------
    A series with a fault, in which 10 rows have the same value:

    >>> import numpy as np
    >>> from skrnn import SequenceOutlierDetector
    >>> wave = np.sin(np.arange(600.0) / 5)[:, None] + np.random.default_rng(0).normal(scale=0.05, size=(600, 1))
    >>> detector = SequenceOutlierDetector(method="prediction", window=10, random_state=0).fit(wave[:400])
    >>> wave[500:510] = wave[500]
    >>> is_outlier = detector.predict(wave[400:]) == -1
    >>> bool(is_outlier[103:107].all())
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [HasMethods(["fit"]), None],
        "method": [StrOptions({"reconstruction", "prediction"})],
        "window": [Interval(Integral, 1, None, closed="left"), None],
        "smoothing": [Interval(Integral, 1, None, closed="left"), None],
        "groups": "no_validation",  # any label of a column or an index level
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
        "random_state": ["random_state"],
    }

    estimator_: BaseEstimator
    offset_: float
    n_features_in_: int
    feature_names_in_: NDArray[Any]

    @named_arguments
    def __init__(
        self,
        estimator: BaseEstimator | None = None,
        *,
        method: Literal["reconstruction", "prediction"] = "reconstruction",
        window: int | None = None,
        smoothing: int | None = None,
        groups: Hashable = None,
        contamination: float | Literal["auto"] = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.window = window
        self.smoothing = smoothing
        self.groups = groups
        self.contamination = contamination
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self: Detector, X: ArrayLike, y: object = None) -> Detector:
        """Fit the estimator, and determine the offset from the scores of the training samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), list or Sequences
            Sequences, as for :class:`~skrnn.SequenceAutoencoder`. If rows are time steps, an array-like of shape
            (n_rows, n_columns) in time order, within each series; with ``method="prediction"``, NaN where missing.
        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        SequenceOutlierDetector
            Fitted detector.

        Raises
        ------
        ValueError
            If `X` contains infinity, absolute values above 1e150 if rows are time steps, or NaN where it is not
            supported; if it has too few samples; if a parameter is invalid, or not available for the method; if the
            estimator takes 2-D input only; if times do not increase within a series; if `groups` is not a column or
            index level of `X`.
        TypeError
            If `X` is not array-like or a DataFrame, contains non-numeric values, or is sparse; if `estimator` is not
            of the kind that `method` requires.

        Warns
        -----
        UserWarning
            If the rows of a DataFrame are read as sequences, but are indexed by dates or periods, or have columns of
            different quantities: they are probably the time steps of a series. If rows are time steps, and there is a
            gap in a regular time index, a series that is shorter than `window`, or an index of dates as text; or if
            `groups` is None and the index contains several series.
        """
        with unchanged_on_failure(self):
            self._check_parameters()
            self.estimator_, self._scorer, scores = self._scorer_class().fit(self, X)
            is_known = ~np.isnan(scores)
            self._median_score = float(np.median(scores[is_known])) if is_known.any() else 0.0
            self.offset_ = _offset(without_unknown(scores, self._median_score), self.contamination)
        return self

    def score_samples(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the score of each sample: minus its reconstruction error or prediction error.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), list or Sequences
            Sequences; or an array-like of shape (n_rows, n_columns) if rows are time steps, as in `fit`. Rows of
            missing values only have the median score.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores. Lower is more abnormal.

        Raises
        ------
        NotFittedError
            If the detector is not fitted.
        ValueError
            If `X` contains infinity, absolute values above 1e150 if rows are time steps, or NaN where it is not
            supported, or does not have the features seen in fit.
        TypeError
            If `X` is not array-like or a DataFrame, contains non-numeric values, or is sparse.

        Examples
        --------
        The errors of a forecast of each row, in units of those of most training rows:

        >>> import numpy as np
        >>> from sklearn.linear_model import LinearRegression
        >>> from skrnn import SequenceForecaster, SequenceOutlierDetector
        >>> forecaster = SequenceForecaster(LinearRegression(), window=2)
        >>> X = np.random.default_rng(0).normal(size=(200, 1))
        >>> detector = SequenceOutlierDetector(forecaster, method="prediction", smoothing=1).fit(X)
        >>> X[100] = 9
        >>> int(detector.score_samples(X).argmin())
        100
        """
        check_is_fitted(self)
        return without_unknown(self._scorer.score(self, X), self._median_score)

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the score of each sample minus `offset_`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), list or Sequences
            Sequences; or an array-like of shape (n_rows, n_columns) if rows are time steps, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Negative for outliers.

        Raises
        ------
        NotFittedError
            If the detector is not fitted.
        ValueError
            If `X` is not accepted by :meth:`score_samples`.
        TypeError
            If `X` is not array-like or a DataFrame, contains non-numeric values, or is sparse.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.linear_model import LinearRegression
        >>> from skrnn import SequenceForecaster, SequenceOutlierDetector
        >>> forecaster = SequenceForecaster(LinearRegression(), window=2)
        >>> X = np.random.default_rng(0).normal(size=(200, 1))
        >>> detector = SequenceOutlierDetector(forecaster, method="prediction", contamination=0.1).fit(X)
        >>> int((detector.decision_function(X) < 0).sum())
        20
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: ArrayLike) -> NDArray[np.int_]:
        """Predict which samples are outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features), list or Sequences
            Sequences; or an array-like of shape (n_rows, n_columns) if rows are time steps, as in `fit`.

        Returns
        -------
        ndarray of int, shape (n_samples,)
            -1 for outliers, 1 for other samples.

        Raises
        ------
        NotFittedError
            If the detector is not fitted.
        ValueError
            If `X` is not accepted by :meth:`score_samples`.
        TypeError
            If `X` is not array-like or a DataFrame, contains non-numeric values, or is sparse.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _check_parameters(self):
        """Raise for booleans where an int is required, which Python treats as 0 or 1, and for unused parameters."""
        for name in _INTEGERS:
            if isinstance(value := getattr(self, name), bool):
                raise ValueError(
                    f"The {name!r} parameter of {type(self).__name__} must be an int of at least 1 or None. Got "
                    f"{value!r} instead."
                )
        if self.method == "prediction":
            return
        unused = {"smoothing": self.smoothing} | ({"groups": self.groups} if self.window is None else {})
        for name, value in unused.items():
            if value is not None:
                remedy = "method='prediction'" + (", or set window" if name == "groups" else "")
                raise ValueError(
                    f"{name}={value!r} is not available with method='reconstruction' and window={self.window!r}: it "
                    f"requires {remedy}."
                )

    def _scorer_class(self):
        if self.method == "prediction":
            return PredictionScorer
        return SequenceScorer if self.window is None else WindowScorer

    @property
    def _takes_rows(self):
        """Whether samples are time steps of series, not sequences."""
        return self.method == "prediction" or self.window is not None

    def _sk_visual_block_(self):
        """Return the estimator that scikit-learn shows in HTML: the fitted one, if there is one."""
        return meta_estimator_block(estimator=getattr(self, "estimator_", self.estimator))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.method == "prediction"
        tags.input_tags.three_d_array = not self._takes_rows
        return tags


def _offset(scores, contamination):
    """Return the score below which samples are outliers."""
    if contamination != "auto":
        return float(np.percentile(scores, 100 * contamination))
    lower, upper = np.percentile(scores, [25, 75])
    return float(lower - 1.5 * (upper - lower))
