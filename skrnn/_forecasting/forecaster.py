"""Forecaster that continues series with a regressor fitted on windows."""

from __future__ import annotations

from collections.abc import Hashable
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted

from skrnn._common.rollback import unchanged_on_failure
from skrnn._common.state import PlainStateMixin
from skrnn._common.typing import fit_context
from skrnn._estimators.html import meta_estimator_block
from skrnn._forecasting.intervals import Calibration, calibrate, check_coverage, predict_bounds
from skrnn._forecasting.known_rows import KnownRows
from skrnn._forecasting.location import learned_frequencies, locate_rows_to_append, locate_rows_to_predict
from skrnn._forecasting.model import FittedModel, Model, default_if_none
from skrnn._forecasting.panel import sorted_by_series
from skrnn._forecasting.reading import read_new_rows, read_rows_to_predict, read_training_rows, read_true_values
from skrnn._forecasting.recursion import check_steps, forecast_all, predict_rows
from skrnn._forecasting.schema import Schema
from skrnn._forecasting.training_pairs import WindowLayout, check_not_classifier

Forecaster = TypeVar("Forecaster", bound="SequenceForecaster")


class SequenceForecaster(MetaEstimatorMixin, RegressorMixin, PlainStateMixin):
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
    output_steps : int, default=1
        Number of steps that the regressor predicts at once. Longer forecasts are made in blocks of `output_steps`. If
        the last block exceeds the covariates that are passed, the last row of covariates is repeated.
    target_transformer : transformer, default=None
        Transformer that is fitted on `y`, such as ``StandardScaler()``. Its inverse is applied to predictions. If None,
        `y` is not transformed.
    groups : hashable or None, default=None
        Column of `X`, or level of its index, that identifies the series of each row. One regressor is fitted on all
        series, and each forecast starts after the end of its series. If None, all rows belong to one series.
    calibration_size : int, float or None, default=None
        Number (int) or fraction (float) of the last rows of each series to hold out. The errors of a regressor that is
        fitted without them calibrate :meth:`predict_interval`. If None, prediction intervals are not available.

    Attributes
    ----------
    estimator_ : estimator
        Fitted regressor.
    transformer_ : transformer or None
        Fitted `target_transformer`, or None if there is none.
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
    Intervals are computed by split conformal prediction [1]_: the forecast plus and minus the quantile of the absolute
    residuals on the held-out rows, at the same number of steps ahead. Their coverage is guaranteed if these and future
    residuals are exchangeable, which is not the case for non-stationary series. The forecast is that of a regressor
    fitted again on all rows, which is usually more accurate than the calibrated one. Residuals are computed for up to
    half as many steps ahead as rows were held out. For steps further ahead, and for steps with too few residuals for
    the coverage, the width of the last interval available is used.

    With `groups`, quantiles are computed per series, separately below and above the forecast if there are enough
    residuals of both. As the bias for a series may change in the second fit, bounds are placed around the forecast of
    the calibrated regressor, and the prediction is not necessarily in the middle. A series with too few residuals for
    the coverage uses those of all series, each relative to the mean and the spread of its series.

    References
    ----------
    .. [1] J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani and L. Wasserman, "Distribution-Free Predictive Inference for
       Regression", Journal of the American Statistical Association 113 (2018), 1094-1111.
       https://doi.org/10.1080/01621459.2017.1307116

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
        "target_transformer": [HasMethods(["fit", "transform", "inverse_transform"]), None],
        "groups": "no_validation",  # any label of a column or a level
        "calibration_size": [Interval(Integral, 1, None, closed="left"), Interval(Real, 0, 1, closed="neither"), None],
    }

    estimator_: BaseEstimator
    transformer_: BaseEstimator | None
    n_outputs_: int
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    _schema: Schema
    _layout: WindowLayout
    _known: KnownRows
    _calibration: Calibration | None

    def __init__(
        self,
        estimator: BaseEstimator | None = None,
        *,
        window: int = 20,
        output_steps: int = 1,
        target_transformer: BaseEstimator | None = None,
        groups: Hashable = None,
        calibration_size: float | None = None,
    ) -> None:
        self.estimator = estimator
        self.window = window
        self.output_steps = output_steps
        self.target_transformer = target_transformer
        self.groups = groups
        self.calibration_size = calibration_size

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self: Forecaster, X: ArrayLike | None, y: ArrayLike) -> Forecaster:
        """Fit the regressor on all windows of the series.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_covariates), or None
            Covariates that are known in advance for each step, such as calendar features, in time order. None, or a
            DataFrame without columns, if there are none.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            Values of the series, in time order. If `X` has no index, the times of the rows are taken from that of `y`.

        Returns
        -------
        SequenceForecaster
            Fitted forecaster.

        Raises
        ------
        ValueError
            If a series has fewer than ``window + output_steps`` rows, or too few for `calibration_size`; if `X` or `y`
            contains NaN or infinity; if they differ in length or index; if times do not increase within a series; if
            `estimator` is a classifier, or a parameter is invalid.
        TypeError
            If `X` or `y` is not array-like or a DataFrame, contains non-numeric values, or is sparse; if `groups` is
            not hashable, or the name of a series is not hashable.
        """
        with unchanged_on_failure(self):
            check_not_classifier(self.estimator)
            rows, self._schema = read_training_rows(self, X, y)
            panel, labels = sorted_by_series(rows.values, rows.covariates, rows.labels)
            model = Model(self.estimator, self.target_transformer, self.window, self.output_steps)
            model.check_lengths(panel, None if self.groups is None else labels.series)
            self._calibration = calibrate(model, panel, self.calibration_size, has_groups=self.groups is not None)
            fitted, panel = model.fit(panel)
            self.estimator_, self.transformer_, self._layout = fitted.estimator, fitted.transformer, fitted.layout
            self._known = KnownRows.of_fit(panel, labels, learned_frequencies(rows.labels), rows.unordered_labels)
            self.n_outputs_ = self._schema.n_outputs
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict one step of the series for each row of `X`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_covariates), or a DataFrame without columns
            Covariates of the steps to predict, in time order within each series. Rows of an array, and rows with an
            index that continues the fitted one, are the steps after the end of the series, predicted recursively. Rows
            of the fitted index are predicted one step ahead, from the true values before them and the covariates that
            are passed. If an index of dates has no frequency, the distance of a row from the previous one may be up to
            twice the largest distance between fitted rows. After a fit on an index of numbers, a default index (0, 1,
            2, ...) is ambiguous: it is accepted for the fitted rows if all of them are passed with the same values, and
            raises an error otherwise. A warning is emitted if later steps could have the same values: if there are no
            covariates, or only integers or a repeated pattern. Rows with unordered labels, such as text or several
            index levels, are treated as the next steps; an error is raised if these labels were seen in fit.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_outputs)
            Predictions, in the units of the fitted `y` and with the same number of dimensions.

        Raises
        ------
        NotFittedError
            If the forecaster is not fitted.
        ValueError
            If the columns of `X`, or their order, differ from those seen in fit; if its index does not continue the
            fitted one, is of another kind (such as dates with a time zone, periods or text instead of dates), or is
            ambiguous; if a series was not seen in fit; if `X` is None, since the number of steps is then unknown.
        TypeError
            If `X` is not array-like or a DataFrame, contains non-numeric values, or is sparse.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import SequenceForecaster
        >>> price = np.random.default_rng(0).integers(1, 5, size=(24, 1))  # known in advance
        >>> forecaster = SequenceForecaster(window=2).fit(price[:21], 10.0 - 2 * price[:21, 0])
        >>> forecaster.predict(price[21:]).shape
        (3,)
        """
        check_is_fitted(self, "estimator_")
        covariates, location = self._read_and_locate(X)
        values = predict_rows(self._model, self._known, covariates, location)
        return self._schema.in_shape_of_y(values)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the coefficient of determination of the predictions.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_covariates), or a DataFrame without columns
            Covariates, see :meth:`predict`.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            True values. Named columns are matched with those of the fitted `y`; a single column may have any name.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows.

        Returns
        -------
        float
            R^2, averaged over the columns of `y`. The best possible value is 1.0.

        Raises
        ------
        NotFittedError
            If the forecaster is not fitted.
        ValueError
            If `X` is not accepted by :meth:`predict`; if the columns of `y` differ from fit, or its index from `X`.
        TypeError
            If `X` or `y` is not array-like or a DataFrame, contains non-numeric values, or is sparse.
        """
        check_is_fitted(self, "estimator_")
        y = read_true_values(X, y, self._schema)
        covariates, location = self._read_and_locate(X, warns=False)
        values = predict_rows(self._model, self._known, covariates, location)
        return float(r2_score(y, self._schema.in_shape_of_y(values), sample_weight=sample_weight))

    def forecast(self, steps: int) -> NDArray[Any] | pd.Series | pd.DataFrame:
        """Forecast the steps after the end of the series, if there are no covariates.

        Parameters
        ----------
        steps : int
            Number of steps; with `groups`, number of steps per series.

        Returns
        -------
        ndarray, Series or DataFrame of shape (steps,) or (steps, n_outputs)
            Forecast, in the units of `y`. If the fitted `y` was a pandas object, the forecast is one as well, and its
            index continues the fitted one. With `groups`, it is always pandas, indexed by series and time or step.

        Raises
        ------
        NotFittedError
            If the forecaster is not fitted.
        ValueError
            If the forecaster was fitted with covariates, or `steps` is not a positive int.

        Examples
        --------
        >>> import pandas as pd
        >>> from sklearn.linear_model import LinearRegression
        >>> from skrnn import SequenceForecaster
        >>> shops = pd.DataFrame({"shop": ["a"] * 5 + ["b"] * 5})
        >>> sold = [1.0, 2.0, 3.0, 4.0, 5.0, 20.0, 30.0, 40.0, 50.0, 60.0]
        >>> forecaster = SequenceForecaster(LinearRegression(), window=2, groups="shop").fit(shops, sold)
        >>> forecaster.forecast(2).round(6)
        shop  step
        a     1        6.0
              2        7.0
        b     1       70.0
              2       80.0
        dtype: float64
        """
        check_is_fitted(self, "estimator_")
        check_steps(steps, n_covariates=self.n_features_in_)
        values = forecast_all(self._model, self._known, steps)
        return self._schema.as_forecast(values, steps, self._known)

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
            name of `y` differ from those seen in fit; if `X` or `y` contains NaN or infinity.
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
        check_is_fitted(self, "estimator_")
        rows = read_new_rows(self, X, y, self._schema, self._known)
        location = locate_rows_to_append(rows.labels, self._known)
        self._known = self._known.appended(rows, location.codes, self._model)
        return self

    def predict_interval(self, X: ArrayLike, coverage: float = 0.9) -> NDArray[Any]:
        """Predict intervals that contain the true values with a given probability, by split conformal prediction.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_covariates), or a DataFrame without columns
            Covariates of the steps to predict, see :meth:`predict`.
        coverage : float in (0, 1), default=0.9
            Probability that the true value of a step lies between its bounds.

        Returns
        -------
        ndarray of shape (n_rows, 2) or (n_rows, 2, n_outputs)
            Lower and upper bound of each step, in the units of `y`.

        Raises
        ------
        NotFittedError
            If the forecaster is not fitted.
        ValueError
            If `calibration_size` was None in fit, or left too few rows for `coverage`; if `coverage` is not a number
            between 0 and 1; if `X` is not accepted by :meth:`predict`.
        TypeError
            If `X` is not array-like or a DataFrame, contains non-numeric values, or is sparse.

        Examples
        --------
        >>> import pandas as pd
        >>> from sklearn.linear_model import LinearRegression
        >>> from skrnn import SequenceForecaster
        >>> from skrnn.datasets import load_sunspots
        >>> forecaster = SequenceForecaster(LinearRegression(), window=12, calibration_size=0.3)
        >>> forecaster = forecaster.fit(None, load_sunspots()["sunspots"])  # up to 2008
        >>> coming = pd.DataFrame(index=pd.period_range("2009", periods=3, freq="Y"))
        >>> forecaster.predict_interval(coming, coverage=0.8).round()
        array([[  9.,  54.],
               [ 35.,  91.],
               [ 58., 122.]])
        """
        check_is_fitted(self, "estimator_")
        check_coverage(coverage, self._calibration)
        covariates, location = self._read_and_locate(X)
        bounds = predict_bounds(self._calibration, coverage, self._model, self._known, covariates, location)
        return self._schema.in_shape_of_y(bounds)

    @property
    def _model(self):
        return FittedModel(self.estimator_, self.transformer_, self._layout)

    def _read_and_locate(self, X, warns=True):
        """Return the covariates of rows to predict, and the location of these rows relative to the known ones."""
        rows = read_rows_to_predict(self, X, self._schema, self._known)
        return rows.covariates, locate_rows_to_predict(rows, self._known, self._schema.groups is not None, warns)

    def _sk_visual_block_(self):
        """Return the parts that scikit-learn shows in HTML: the fitted ones, if there are any."""
        parts = (default_if_none(self.estimator), self.target_transformer)
        if hasattr(self, "estimator_"):
            parts = (self.estimator_, self.transformer_)
        return meta_estimator_block(estimator=parts[0], target_transformer=parts[1])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.regressor_tags.poor_score = True  # the rows of scikit-learn's checks are independent of past ones
        return tags
