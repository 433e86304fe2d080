"""Forecaster that continues series with a regressor fitted on windows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skrnn._common.arguments import NamedParametersMixin, named_arguments
from skrnn._common.rollback import unchanged_on_failure
from skrnn._common.state import PlainStateMixin
from skrnn._common.typing import fit_context
from skrnn._estimators.html import meta_estimator_block
from skrnn._forecasting.forecasts import ForecastsMixin
from skrnn._forecasting.intervals import calibrate
from skrnn._forecasting.known_rows import KnownRows
from skrnn._forecasting.location import learned_frequencies, locate_rows_to_append
from skrnn._forecasting.model import default_if_none, model_of
from skrnn._forecasting.panel import sorted_rows
from skrnn._forecasting.parameters import check_no_booleans, naming_missing_arguments
from skrnn._forecasting.reading import check_missing, read_new_rows, read_training_rows, read_weights
from skrnn._forecasting.warm_start import check_same_data, check_warm_start
from skrnn._forecasting.window_layout import check_predicts_numbers
from skrnn._preprocessing.calendar import CalendarFeatures

Forecaster = TypeVar("Forecaster", bound="SequenceForecaster")


class SequenceForecaster(ForecastsMixin, MetaEstimatorMixin, RegressorMixin, NamedParametersMixin, PlainStateMixin):
    """Recursive multi-step forecaster for one or several series, with any regressor.

    The regressor is fitted on sliding windows: it predicts from the last `window` values of a series and the covariates
    of the steps to predict. Multi-step forecasts are recursive: earlier predictions are inputs for later ones.
    Therefore, ``cross_val_score`` with ``TimeSeriesSplit`` evaluates forecasts whose horizon is the length of the test
    fold.

    Parameters
    ----------
    estimator : estimator, default=None
        Scikit-learn regressor. If None, ``GRURegressor()`` is used. A regressor that accepts 3-D input, according to
        its tags or to those of an estimator inside it, is passed windows of shape (window, n_outputs + n_covariates),
        with covariates shifted by `output_steps`: the last ones are those of the steps to predict (only of the last
        `window` steps if `output_steps` is larger). Any other regressor is passed one row per window: the past values,
        oldest first, followed by the covariates of the steps to predict.
    window : int, default=20
        Number of past values that each prediction uses.
    lags : sequence of int, default=None
        Lags that each prediction uses instead of the last `window` values, in any order, such as ``[1, 2, 24]``, where
        1 is the present value. Only for estimators that take flat rows.
    output_steps : int, default=1
        Number of steps that the regressor predicts at once. Longer forecasts are made in blocks of `output_steps`. If
        the last block exceeds the covariates that are passed, the last row of covariates is repeated.
    target_transformer : "standard", transformer or None, default="standard"
        Transformation of `y`; its inverse is applied to predictions. If "standard", values are standardized, after
        `differencing`. A transformer, such as ``FunctionTransformer(np.log, np.exp)``, is applied before it. If None,
        `y` is not transformed.
    differencing : int, sequence of int or None, default=None
        Lags of the differences that are predicted instead of the values, such as 1 or ``(1, 12)``. Predicted
        differences are added to the value `lag` steps before. If it is missing, it is replaced by the last value at a
        multiple of `lag` steps before, or, if there is none, by the mean of the last `lag` values.
    window_scaling : {"last", "mean", "standard"} or None, default="last"
        Scaling of each window by itself, undone in its predictions: its last value or its mean is subtracted [2]_, or
        it is standardized [3]_, with a variance that is increased by 1% of that of the series. Longer forecasts scale
        each block of `output_steps` anew, predictions included. If None, windows are not scaled.
    per_series : bool, default=True
        Whether `target_transformer` is fitted on each series of `groups` by itself, or on all of them. If "standard", a
        series without values is standardized like all of them together.
    covariate_transformer : "standard", transformer or None, default="standard"
        Transformation of the covariates that are numbers. If "standard", they are standardized.
    past_covariates : list of hashable, default=None
        Columns of `X` that are known up to the present only, such as measurements: column labels, or column numbers of
        arrays, counted with the column of `groups`. Predictions never read the values of the steps to predict, and a
        DataFrame need not contain them. Forecasts of more than `output_steps` steps are not possible.
    categorical_features : list of hashable, "from_dtype" or None, default="from_dtype"
        Columns of `X` that contain categories, or those of categorical dtype. An estimator with a parameter
        `categorical_features` is passed codes and their positions, any other one indicator column per category.
    calendar : CalendarFeatures or None, default=None
        Transformer that computes covariates from the dates of the index.
    padding : {"auto"} or None, default="auto"
        If "auto", windows of series shorter than ``window + output_steps`` are padded, as those at the beginning of a
        series are in predictions. If None, such series raise an error.
    groups : hashable or None, default=None
        Column of `X`, or level of its index, that identifies the series of each row. One regressor is fitted on all
        series, and each forecast starts after the end of its series. If None, all rows belong to one series.
    calibration_size : int, float or None, default=None
        Number (int) or fraction (float) of the last rows of each series to hold out. The errors of a regressor that is
        fitted without them calibrate :meth:`predict_interval`. If None, intervals are available for networks that
        predict distributions only.
    warm_start : bool, default=False
        Whether `fit` continues the training of the estimator of the previous fit, with the transformers that are not
        those of single series. The own `warm_start` of the estimator, or of the last step of a Pipeline, must be True.
        Parameters that determine its inputs and targets must not change, and `calibration_size` cannot hold out rows
        that the model of an earlier fit was trained on. If False, a new clone is fitted.

    Attributes
    ----------
    estimator_ : estimator
        Fitted regressor.
    transformer_ : transformer, list of transformer or None
        Fitted `target_transformer`; with `groups` and `per_series`, one per series, in the order of their first rows.
        None if it is None or "standard".
    n_outputs_ : int
        Number of columns of `y`, which are predicted together.
    n_features_in_ : int
        Number of covariates.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the covariates. Only available if all column names of `X` are strings.

    See Also
    --------
    backtest : Rolling-origin evaluation of forecasts.
    PanelTimeSeriesSplit : Cross-validator over time for panels, for use with `groups`.
    ForecastDisplay : Forecast visualization.

    Notes
    -----
    Intervals are computed by split conformal prediction [1]_: the forecast plus and minus a quantile of the absolute
    errors on the held-out rows, at the same number of steps ahead. Their coverage is guaranteed if these and future
    errors are exchangeable, which is not the case for non-stationary series. The forecast is that of a regressor fitted
    again on all rows, which is usually more accurate than the calibrated one. Errors are computed for up to half as
    many steps ahead as rows were held out. For steps further ahead, and for steps with too few errors for the coverage,
    the quantile of the last step with enough of them is used.

    If the estimator is a network that predicts quantiles, or a normal distribution, the interval between its outermost
    quantiles (5% and 95% of a normal distribution) is widened or narrowed instead, by a quantile of the distances of
    true values from it [4]_.

    With `groups`, the errors of all series are used together: each is divided by a scale of its series, the mean
    absolute difference between neighboring values before the held-out rows, or the spread of the window if
    ``window_scaling="standard"`` and `target_transformer` is "standard" or None, and quantiles are multiplied by that
    of the series to predict. The spread of windows of transformed values is not used, as its units are not those of
    `y`. The interval of a series that was constant is its forecast.

    References
    ----------
    .. [1] J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani and L. Wasserman, "Distribution-Free Predictive Inference for
       Regression", Journal of the American Statistical Association 113 (2018), 1094-1111.
       https://doi.org/10.1080/01621459.2017.1307116
    .. [2] A. Zeng, M. Chen, L. Zhang and Q. Xu, "Are Transformers Effective for Time Series Forecasting?", AAAI
       Conference on Artificial Intelligence 37 (2023), 11121-11128.
    .. [3] T. Kim, J. Kim, Y. Tae, C. Park, J.-H. Choi and J. Choo, "Reversible Instance Normalization for Accurate
       Time-Series Forecasting against Distribution Shift", ICLR (2022).
    .. [4] Y. Romano, E. Patterson and E. Candès, "Conformalized Quantile Regression", Advances in Neural Information
       Processing Systems 32 (2019).

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.linear_model import LinearRegression
    >>> from skrnn import SequenceForecaster
    >>> months = pd.date_range("2020-01-01", periods=24, freq="MS")
    >>> y = pd.Series(range(24), index=months, dtype=float)
    >>> forecaster = SequenceForecaster(LinearRegression(), window=3).fit(None, y)
    >>> forecaster.forecast(2).round(6)
    2022-01-01    24.0
    2022-02-01    25.0
    Freq: MS, dtype: float64
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "window": [Interval(Integral, 1, None, closed="left")],
        "output_steps": [Interval(Integral, 1, None, closed="left")],
        "lags": ["array-like", None],
        "target_transformer": [StrOptions({"standard"}), HasMethods(["fit", "transform", "inverse_transform"]), None],
        "differencing": [Interval(Integral, 1, None, closed="left"), "array-like", None],
        "window_scaling": [StrOptions({"last", "mean", "standard"}), None],
        "per_series": ["boolean"],
        "covariate_transformer": [StrOptions({"standard"}), HasMethods(["fit", "transform"]), None],
        "past_covariates": ["array-like", None],
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "calendar": [CalendarFeatures, None],
        "padding": [StrOptions({"auto"}), None],
        "groups": "no_validation",  # any label of a column or a level
        "calibration_size": [Interval(Integral, 1, None, closed="left"), Interval(Real, 0, 1, closed="neither"), None],
        "warm_start": ["boolean"],
    }

    transformer_: BaseEstimator | list[BaseEstimator] | None
    n_outputs_: int
    feature_names_in_: NDArray[Any]

    @named_arguments
    def __init__(
        self,
        estimator: BaseEstimator | None = None,
        *,
        window: int = 20,
        lags: Sequence[int] | None = None,
        output_steps: int = 1,
        target_transformer: BaseEstimator | str | None = "standard",
        differencing: int | Sequence[int] | None = None,
        window_scaling: str | None = "last",
        per_series: bool = True,
        covariate_transformer: BaseEstimator | str | None = "standard",
        past_covariates: Sequence[Hashable] | None = None,
        categorical_features: Sequence[Hashable] | str | None = "from_dtype",
        calendar: BaseEstimator | None = None,
        padding: str | None = "auto",
        groups: Hashable = None,
        calibration_size: float | None = None,
        warm_start: bool = False,
    ) -> None:
        self.estimator = estimator
        self.window = window
        self.lags = lags
        self.output_steps = output_steps
        self.target_transformer = target_transformer
        self.differencing = differencing
        self.window_scaling = window_scaling
        self.per_series = per_series
        self.covariate_transformer = covariate_transformer
        self.past_covariates = past_covariates
        self.categorical_features = categorical_features
        self.calendar = calendar
        self.padding = padding
        self.groups = groups
        self.calibration_size = calibration_size
        self.warm_start = warm_start

    @naming_missing_arguments
    @named_arguments
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self: Forecaster, X: ArrayLike | None, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Forecaster:
        """Fit the regressor on all windows of the series.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_covariates), or None
            Covariates that are known in advance for each step, such as calendar features, in time order, and those of
            `past_covariates`. None, or a DataFrame without columns, if there are none.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            Values of the series, in time order; NaN where missing. If `X` has no index, the times of the rows are taken
            from that of `y`. Recurrent estimators leave missing values out of the loss; other estimators are fitted on
            the windows that are followed by complete values. In a window, a missing value is replaced by the last one
            before it, or by zero, and there is a column of indicators. A difference is missing if one of its two values
            is.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows to predict, passed to the estimator as `sample_weight`. A prediction of several steps
            has the mean of their weights.

        Returns
        -------
        SequenceForecaster
            Fitted forecaster.

        Raises
        ------
        ValueError
            If a series, or with ``padding="auto"`` each of them, has too few rows; if `X` contains NaN, except in
            past covariates, or `X` or `y` infinity; if they differ in length or index; if times do not increase within
            a series; if `target_transformer` returns NaN or infinity for values of `y`; if `estimator` is a
            classifier, or a parameter is invalid; with `warm_start`, if the estimator does not continue its training,
            or a parameter or the data do not allow it.
        TypeError
            If `X` or `y` is not array-like or a DataFrame, contains non-numeric values, or is sparse; if `groups` is
            not hashable, or the name of a series is not hashable; if the estimator does not take `sample_weight`.
        """
        with unchanged_on_failure(self):
            check_predicts_numbers(self.estimator)
            check_no_booleans(self)
            start, calibration = self._fit_to_continue()
            rows, schema = read_training_rows(self, X, y)
            if start is not None:
                check_same_data(schema, self._schema)
                check_missing(rows, start.has_missing)
            self._schema = schema
            panel, labels, weights = sorted_rows(rows, read_weights(sample_weight, len(rows.values)))
            model = model_of(self, self._schema)
            model.check_lengths(panel, None if self.groups is None else labels.series)
            has_groups = self.groups is not None
            self._calibration = calibrate(model, panel, labels, weights, self.calibration_size, calibration)
            self._model = model.fit(panel, weights, start)
            self.estimator_ = self._model.estimator
            transformers = list(self._model.target.transformers) or [None]
            self.transformer_ = transformers if has_groups and self.per_series and transformers[0] else transformers[0]
            self._known = KnownRows.of_fit(panel, labels, learned_frequencies(rows.labels), rows.unordered_labels)
            self.n_outputs_ = self._schema.n_outputs
        return self

    @named_arguments
    def update(self: Forecaster, X: ArrayLike | None, y: ArrayLike) -> Forecaster:
        """Append new observations without refitting; later forecasts start after them.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_covariates), or None
            Covariates of the new rows.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            Observed values, in time order, with as many dimensions as the fitted `y`. Columns of a DataFrame are
            matched by name with those of the fitted `y`. Rows of arrays continue the fitted index at its frequency. If
            it has none, a warning is emitted: their times are unknown, and only arrays are accepted from then on.

        Returns
        -------
        SequenceForecaster
            Updated forecaster.

        Raises
        ------
        NotFittedError
            If the forecaster is not fitted.
        ValueError
            If the rows do not continue the series, or have an index of another kind; if the columns or the
            name of `y` differ from those seen in fit; if `X` or `y` contains infinity, or NaN where there was none in
            fit.
        TypeError
            If `X` or `y` is not array-like or a DataFrame, contains non-numeric values, or is sparse.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.linear_model import LinearRegression
        >>> from skrnn import SequenceForecaster
        >>> forecaster = SequenceForecaster(LinearRegression(), window=2).fit(None, np.arange(10.0))
        >>> forecaster.update(None, [20.0, 21.0]).forecast(2).round(6)
        array([22., 23.])
        """
        check_is_fitted(self, "_model")
        rows = read_new_rows(self, X, y, self._schema, self._known)
        location = locate_rows_to_append(rows.labels, self._known)
        check_missing(rows, self._model.has_missing)
        self._known = self._known.appended(rows, location.codes)
        return self

    def _fit_to_continue(self):
        """Return the fitted model and the calibration whose training `fit` continues; None for new ones."""
        if not self.warm_start:
            return None, None
        check_warm_start(default_if_none(self.estimator))
        return (self._model, self._calibration) if hasattr(self, "_model") else (None, None)

    def _sk_visual_block_(self):
        """Return the parts that scikit-learn shows in HTML: the fitted ones, if there are any."""
        parts = (default_if_none(self.estimator), self.target_transformer)
        if hasattr(self, "estimator_"):
            parts = (self.estimator_, self.transformer_)
        transformer = None if isinstance(parts[1], (str, list)) else parts[1]
        return meta_estimator_block(estimator=parts[0], target_transformer=transformer)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.regressor_tags.poor_score = True  # the rows of scikit-learn's checks are independent of past ones
        return tags
