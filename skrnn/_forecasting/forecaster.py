"""The regressor that continues the series it was fitted on."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted

from skrnn._common.guide import see
from skrnn._common.state import PlainStateMixin
from skrnn._common.typing import fit_context
from skrnn._common.unchanged import unchanged_on_failure
from skrnn._common.warnings import silenced
from skrnn._estimators.description import block_of_parts
from skrnn._estimators.recurrent import GRURegressor
from skrnn._forecasting.intervals import conformal_bounds, held_out_residuals
from skrnn._forecasting.known_rows import ForecasterRowsMixin
from skrnn._forecasting.location import distance_of
from skrnn._forecasting.reading import sorted_by_series
from skrnn._forecasting.recursion import (
    check_not_classifier,
    continue_series,
    layout_of,
    restored,
    training_pairs,
    transformed,
)

Forecaster = TypeVar("Forecaster", bound="SequenceForecaster")


class SequenceForecaster(ForecasterRowsMixin, MetaEstimatorMixin, RegressorMixin, PlainStateMixin):
    """Continue a series, or many, with any regressor that predicts from a window.

    Each prediction sees the last `window` values of the series and the covariates of the steps that it predicts, and
    becomes a value that later predictions see: a closed loop. So ``cross_val_score`` with ``TimeSeriesSplit`` is an
    honest evaluation of as many steps ahead as a fold has rows.

    Parameters
    ----------
    estimator : estimator, default=None
        Any regressor of scikit-learn's kind, not a classifier; None is ``GRURegressor()``. One that takes sequences (by
        its tags, or those of what it holds) sees steps of shape (window, n_series + n_covariates), whose covariates are
        those of `output_steps` later, so that the last ones belong to the steps to predict (the last `window` of them,
        where there are more). Any other sees a row: the last values, oldest first, and then those covariates.

    window : int, default=20
        Number of values that a prediction sees.

    output_steps : int, default=1
        Number of steps that are predicted at once. Longer forecasts go on in blocks of that many; beyond the covariates
        that are passed, a last, incomplete block sees the last ones.

    target_transformer : transformer, default=None
        What scales `y`, such as ``StandardScaler()``: fitted on `y`, and undone in what comes out.

    groups : hashable or None, default=None
        The column of `X`, or the level of its index, that names the series a row belongs to: one model for many series,
        each of which is continued from its own end.

    calibration_size : int, float or None, default=None
        What `predict_interval` needs: how many of the last rows of each series, or what share of them, are forecast by
        an estimator that is fitted without them. None calibrates nothing.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.

    transformer_ : transformer or None
        The fitted `target_transformer`; None where there is none.

    n_outputs_ : int
        Number of series that are predicted together: columns of `y`.

    n_features_in_ : int
        Number of covariates.

    feature_names_in_ : ndarray of str, shape (`n_features_in_`,)
        Names of the covariates; only where they are all strings.

    See Also
    --------
    backtest : Evaluates forecasts from many origins.
    PanelTimeSeriesSplit : Folds over time for many series, to cross-validate with `groups`.
    ForecastDisplay : Draws a forecast.

    Notes
    -----
    Intervals are those of split conformal prediction [1]_: the forecast, plus and minus the quantile of the absolute
    residuals of as many steps ahead, taken on rows that were held out. They cover as promised if those residuals and
    the new ones are exchangeable, which those of a series that changes its ways are not; the forecasts are those of an
    estimator that is fitted again on all rows, which as a rule errs less than the one that was calibrated. Residuals
    are known up to half as many steps ahead as rows were held out, or as far as there are enough for the coverage:
    steps further ahead get the width of the last one.

    With `groups` each series has quantiles of its own residuals, of those below and of those above the forecast where
    there are enough for both. As one estimator may err to one side for a series, and otherwise after another fit, they
    are put around the forecast of the estimator that was calibrated: the prediction, of the one that is fitted on all
    rows, need not lie in the middle. Where a series has too few residuals for the coverage, those of all series stand
    in, each relative to the mean and the spread of its series.

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
        "groups": "no_validation",  # any label that a column or a level may have
        "calibration_size": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="neither"),
            None,
        ],
    }

    estimator_: BaseEstimator
    transformer_: BaseEstimator | None
    n_outputs_: int
    n_features_in_: int
    feature_names_in_: NDArray[Any]

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
        """Fit the estimator on all windows of the series.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_covariates), or None
            What is known of each step in advance, such as the calendar; rows in time order. None, or a frame without
            columns, says that there is nothing.

        y : array-like of shape (n_rows,) or (n_rows, n_series)
            The series, in time order. Its index tells the times of the rows where `X` has none.

        Returns
        -------
        SequenceForecaster
            The fitted forecaster.

        Raises
        ------
        ValueError
            If a series has fewer than ``window + output_steps`` rows, or too few to hold out as many as
            `calibration_size` says; if `X` or `y` holds NaN or infinity; if they differ in length or index; if times do
            not increase within a series; if `estimator` is a classifier, or a parameter is out of its range.

        TypeError
            If `X` or `y` is no array, list or frame, or holds what no number stands for; for sparse data; and if
            `groups` is no label, or a list names a series.
        """
        with unchanged_on_failure(self):
            self._fit(X, y)
        return self

    def _fit(self, X, y):
        self._check_given(y)
        if self.estimator is not None:
            check_not_classifier(self.estimator)
        values, covariates, labels, _ = self._read(X, y, reset=True)
        self._warn_of_rows(X, y, labels)
        series, self._labels = sorted_by_series(values, covariates, labels)
        self._check_lengths(series)
        self._calibrated = None
        if self.calibration_size is not None:
            with silenced():  # the fit on all rows warns
                calibrated = held_out_residuals(
                    lambda head: self._fit_on(head)[:2], series, self.calibration_size, self.window, self.output_steps
                )
            # One estimator of many series may err to one side for one of them, and otherwise when it is fitted again:
            # their bounds lie around the forecasts of the estimator that was calibrated.
            self._calibrated = calibrated[2:] if self.groups is None else calibrated
        self.estimator_, self.transformer_, self._series = self._fit_on(series)
        self._layout = layout_of(self.estimator_, self.window, self.output_steps)
        self._frequencies = distance_of(labels)
        bounds = self._series.bounds()
        self._n_fitted = np.diff(bounds)
        self._means = np.add.reduceat(self._series.y, bounds[:-1]) / np.diff(bounds)[:, None]  # (n_codes, n_series)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Continue the series, one step for each row.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_covariates), or a frame without columns
            Covariates of the steps to predict, those of a series in time order. Rows of an index that continues the
            fitted one, and rows of an array, are the steps after the end of the series. Rows of the fitted index get
            predictions one step ahead, from the true values before them and the covariates that are passed. Dates
            without a frequency continue it up to twice the largest fitted distance from the row before. A default index
            (0, 1, 2, ...) does not tell which of these its rows are: after a fit on an index of numbers, it is that of
            the fitted rows where they are all there, with the same values, and raises otherwise. A warning says so
            where the steps after may have the same values: there are none, or whole numbers, or a pattern that repeats.
            Labels without an order, such as text or the levels of a MultiIndex, are the next steps, or raise where
            they are those of fitted rows.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_series)
            Predictions in the units and the shape of the fitted `y`.

        Raises
        ------
        NotFittedError
            If the forecaster is not fitted.

        ValueError
            If `X` has other columns than at fit, or in another order; if its index does not continue the fitted one, is
            of another kind, such as dates with a time zone, periods or text instead of dates, or does not tell where
            its rows lie; for a series that was not fitted; if `X` is None, which does not say how many steps there are.

        TypeError
            If `X` is no array, list or frame, or holds what no number stands for; for sparse data.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.linear_model import LinearRegression
        >>> from skrnn import SequenceForecaster
        >>> price = np.random.default_rng(0).integers(1, 5, size=(24, 1))  # known in advance
        >>> sold = 10.0 - 2 * price[:, 0]
        >>> forecaster = SequenceForecaster(LinearRegression(), window=2).fit(price[:21], sold[:21])
        >>> price[21:, 0], forecaster.predict(price[21:]).round(6)
        (array([4, 3, 1]), array([2., 4., 8.]))
        """
        check_is_fitted(self, "estimator_")
        return self._as_fitted(self._predict(X)[0])

    def forecast(self, steps: int) -> NDArray[Any] | pd.Series | pd.DataFrame:
        """Continue the series where there are no covariates.

        Parameters
        ----------
        steps : int
            Number of steps after the end of the series; of each series, where there are groups.

        Returns
        -------
        ndarray, Series or DataFrame of shape (steps,) or (steps, n_series)
            The forecast: pandas, with the index going on, where the fitted `y` was. With groups a Series indexed by
            series and step, or time. In the units of `y`.

        Raises
        ------
        NotFittedError
            If the forecaster is not fitted.

        ValueError
            If there are covariates, or `steps` is not a positive int.

        Examples
        --------
        >>> import pandas as pd
        >>> from sklearn.linear_model import LinearRegression
        >>> from skrnn import SequenceForecaster
        >>> frame = pd.DataFrame({"shop": ["a"] * 5 + ["b"] * 5})
        >>> sold = pd.Series([1.0, 2.0, 3.0, 4.0, 5.0, 20.0, 30.0, 40.0, 50.0, 60.0])
        >>> forecaster = SequenceForecaster(LinearRegression(), window=2, groups="shop").fit(frame, sold)
        >>> forecaster.forecast(2).round(6)
        shop  step
        a     1        6.0
              2        7.0
        b     1       70.0
              2       80.0
        dtype: float64
        """
        check_is_fitted(self, "estimator_")
        if not isinstance(steps, Integral) or steps < 1:
            raise ValueError(f"steps must be an int of at least 1. Got {steps!r}.")
        if self.n_features_in_:
            raise ValueError(
                f"SequenceForecaster was fitted with {self.n_features_in_} covariates: pass those of the steps to "
                "predict to predict(X)."
            )
        n_codes = len(self._labels.series)
        ahead = np.tile(np.arange(1, steps + 1), n_codes)
        codes = np.repeat(np.arange(n_codes), steps)
        none = np.empty((len(ahead), 0))
        values = continue_series(self.estimator_, self._series, self._layout, none, codes, ahead)
        return self._with_index(self._as_fitted(restored(self.transformer_, values)), steps)

    def update(self: Forecaster, X: ArrayLike | None, y: ArrayLike) -> Forecaster:
        """Append what was observed since, without fitting anything again; forecasts start after it.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_covariates), or None
            Covariates of the new rows.

        y : array-like of shape (n_rows,) or (n_rows, n_series)
            Observed values, in time order, of as many dimensions as the fitted `y`. Columns of a DataFrame are matched
            by name with those of the fitted `y`.
            Rows of arrays continue the fitted index by its frequency; where it has none, a warning says that times are
            no longer known, and :meth:`predict` then takes arrays only.

        Returns
        -------
        SequenceForecaster
            The forecaster.

        Raises
        ------
        NotFittedError
            If the forecaster is not fitted.

        ValueError
            If the rows do not continue the series, or have an index of another kind; if the columns or the name of `y`
            are not the fitted ones; and for values that :meth:`fit` does not take.

        TypeError
            If `X` or `y` is no array, list or frame, or holds what no number stands for; for sparse data.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.linear_model import LinearRegression
        >>> from skrnn import SequenceForecaster
        >>> forecaster = SequenceForecaster(LinearRegression(), window=2).fit(None, np.arange(10.0))
        >>> forecaster.forecast(2).round(6)
        array([10., 11.])
        >>> forecaster.update(None, [20.0, 21.0]).forecast(2).round(6)
        array([22., 23.])
        """
        check_is_fitted(self, "estimator_")
        self._check_given(y)
        values, covariates, labels, unordered = self._read(X, y, reset=False)
        self._append(transformed(self.transformer_, values), covariates, labels, unordered)
        return self

    def predict_interval(self, X: ArrayLike, coverage: float = 0.9) -> NDArray[Any]:
        """Predict bounds between which the steps lie with a given probability, by split conformal prediction.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_covariates), or a frame without columns
            As :meth:`predict` takes it.

        coverage : float in (0, 1), default=0.9
            Probability that a step lies between its bounds.

        Returns
        -------
        ndarray of shape (n_rows, 2) or (n_rows, 2, n_series)
            Lower and upper bound of each step, in the units of `y`.

        Raises
        ------
        NotFittedError
            If the forecaster is not fitted.

        ValueError
            If it was fitted without `calibration_size`, or with too few rows for `coverage`; if `coverage` is no number
            between 0 and 1; and for what :meth:`predict` refuses.

        TypeError
            As :meth:`predict` does.

        Examples
        --------
        >>> import pandas as pd
        >>> from sklearn.linear_model import LinearRegression
        >>> from skrnn import SequenceForecaster
        >>> from skrnn.datasets import load_sunspots
        >>> forecaster = SequenceForecaster(LinearRegression(), window=12, calibration_size=0.3)
        >>> forecaster = forecaster.fit(None, load_sunspots()["sunspots"])  # up to 2008
        >>> coming = pd.DataFrame(index=pd.period_range("2009", periods=3, freq="Y"))
        >>> forecaster.predict(coming).round()
        array([31., 63., 90.])
        >>> forecaster.predict_interval(coming, coverage=0.8).round()
        array([[  9.,  54.],
               [ 35.,  91.],
               [ 58., 122.]])
        """
        check_is_fitted(self, "estimator_")
        if not isinstance(coverage, Real) or not 0 < coverage < 1:
            raise ValueError(f"coverage must be a number between 0 and 1. Got {coverage!r}.")
        if self._calibrated is None:
            raise ValueError(
                "predict_interval needs residuals of rows that were not fitted on: set calibration_size, say to 0.2, "
                "and fit again." + see("forecasting", "how-far-off")
            )
        *fitted, residuals = self._calibrated
        values, codes, ahead = self._predict(X, *fitted)
        present, number = np.unique(codes, return_inverse=True)
        residuals = replace(residuals, errors=residuals.errors[: ahead.max(initial=1)])
        reach = conformal_bounds(residuals, coverage, present, signed=bool(fitted))  # (n_present, n_steps, 2, n_series)
        bounds = values[:, None] + reach[number, np.clip(ahead, 1, reach.shape[1]) - 1]
        return bounds if self._is_2d else bounds[..., 0]

    # ------------------------------------------------------------------ computing

    def _fit_on(self, series):
        """Return a fitted estimator, a fitted transformer, and the series as they see them."""
        transformer = None if self.target_transformer is None else clone(self.target_transformer).fit(series.y)
        series = replace(series, y=transformed(transformer, series.y))
        estimator = GRURegressor() if self.estimator is None else clone(self.estimator)
        layout = layout_of(estimator, self.window, self.output_steps)
        return estimator.fit(*training_pairs(series, layout)), transformer, series

    def _sk_visual_block_(self):
        """Return what scikit-learn's HTML shows: the fitted parts, once there are some."""
        fitted = hasattr(self, "estimator_")
        return block_of_parts(
            estimator=self.estimator_ if fitted else self.estimator or GRURegressor(),
            target_transformer=self.transformer_ if fitted else self.target_transformer,
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.regressor_tags.poor_score = True  # rows of the checks' data are independent: no past predicts them
        return tags
