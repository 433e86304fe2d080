"""Forecasts of a fitted `SequenceForecaster`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skrnn._common.arguments import named_arguments
from skrnn._common.frames import index_of
from skrnn._forecasting.history import continued_series
from skrnn._forecasting.horizon import check_steps_given, n_steps_of, next_steps
from skrnn._forecasting.intervals import Calibration, check_coverage, predict_with_bounds
from skrnn._forecasting.known_rows import KnownRows
from skrnn._forecasting.location import locate_rows_to_predict
from skrnn._forecasting.model import FittedModel
from skrnn._forecasting.reading import read_rows_to_predict, read_true_values, read_weights
from skrnn._forecasting.recursion import predict_rows
from skrnn._forecasting.sampling import check_n_samples, sample_paths
from skrnn._forecasting.schema import Schema
from skrnn._forecasting.scoring import score_of_known


class ForecastsMixin:
    """Predictions, forecasts and intervals of a fitted forecaster."""

    estimator_: BaseEstimator
    n_features_in_: int
    _schema: Schema
    _model: FittedModel
    _known: KnownRows
    _calibration: Calibration | None

    @named_arguments
    def predict(
        self, X: ArrayLike, history: ArrayLike | None = None, history_X: ArrayLike | None = None
    ) -> NDArray[Any]:
        """Predict one step of the series for each row of `X`.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_covariates), or a DataFrame without columns
            Covariates of the steps to predict, in time order within each series. Rows of an array, and rows with an
            index that continues the fitted one, are the steps after the end of the series, predicted recursively. Rows
            of the fitted index are predicted one step ahead, from the true values before them and the covariates that
            are passed; rows without a value before them by the mean of their series. If an index of dates has no
            frequency, the distance of a row from the previous one may be up to twice the largest distance between
            fitted rows. After a fit on an index of numbers, a default index (0, 1, 2, ...) is ambiguous: it is accepted
            for the fitted rows if all of them are passed with the same values, and raises an error otherwise. A warning
            is emitted if later steps could have the same values: if there are no covariates, or only integers or a
            repeated pattern. Rows with unordered labels, such as text or several index levels, are treated as the next
            steps; an error is raised if these labels were seen in fit.
        history : array-like of shape (n_history_rows,) or (n_history_rows, n_outputs), default=None
            Values of other series, which the predictions continue instead of the fitted ones; nothing fitted changes.
            What is fitted on single series, such as their standardization, is fitted on the history.
        history_X : array-like of shape (n_history_rows, n_covariates), default=None
            Covariates of the history, if there are any. With `groups`, the history names its series as `X` does; fitted
            series that are not part of it are continued from their ends, if its index is of the fitted kind.

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
            ambiguous; if a series was not seen in fit, and is not part of the history; if `X` is None, since the number
            of steps is then unknown; if the history is too short, or does not have the fitted columns.
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
        check_is_fitted(self, "_model")
        series = continued_series(self, history, history_X)
        covariates, location = self._read_and_locate(X, series)
        return self._schema.in_shape_of_y(predict_rows(series.model, series.known, covariates, location))

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the coefficient of determination of the predictions.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_covariates), or a DataFrame without columns
            Covariates, see :meth:`predict`.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            True values. Named columns are matched with those of the fitted `y`; a single column may have any name.
            Missing values, NaN, are left out, each column by itself.
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
            If `X` is not accepted by :meth:`predict`; if the columns of `y` differ from fit, or its index from `X`; if
            `y` contains only NaN; if weights are negative or not finite, or their number is not that of rows.
        TypeError
            If `X` or `y` is not array-like or a DataFrame, contains non-numeric values, or is sparse.
        """
        check_is_fitted(self, "_model")
        y = read_true_values(X, y, self._schema)
        covariates, location = self._read_and_locate(X, continued_series(self, None, None), warns=False)
        sample_weight = read_weights(sample_weight, len(location.codes))
        values = self._schema.in_shape_of_y(predict_rows(self._model, self._known, covariates, location))
        return score_of_known(y, values, sample_weight)

    @named_arguments
    def forecast(
        self,
        steps: int | None = None,
        *,
        until: Any = None,
        X: ArrayLike | None = None,
        coverage: float | None = None,
        history: ArrayLike | None = None,
        history_X: ArrayLike | None = None,
    ) -> NDArray[Any] | pd.Series | pd.DataFrame:
        """Forecast the steps after the end of the series, with their index, and with intervals if required.

        Parameters
        ----------
        steps : int, default=None
            Number of steps; with `groups`, number of steps per series.
        until : timestamp, period or number, default=None
            Time of the last step to forecast, instead of `steps`. Each series is continued until this time, so that
            series that end earlier have more steps.
        X : array-like of shape (n_rows, n_covariates), or a DataFrame without columns, default=None
            Covariates of the steps to forecast, as in :meth:`predict`, instead of `steps`. Required if the forecaster
            was fitted with covariates other than those of `calendar` and `past_covariates`.
        coverage : float in (0, 1), default=None
            Probability that the true value of a step lies between its bounds, see :meth:`predict_interval`. If None, no
            bounds are predicted.
        history, history_X : array-like, default=None
            Other series to continue instead of the fitted ones, see :meth:`predict`.

        Returns
        -------
        ndarray, Series or DataFrame of shape (n_steps,) or (n_steps, n_outputs)
            Forecast, in the units of `y`. If the fitted `y` was a pandas object, the forecast is one as well, and its
            index continues the fitted one. With `groups`, it is always pandas, indexed by series and time or step. With
            `coverage`, it is a DataFrame with columns ``y_pred``, ``lower`` and ``upper``; for several outputs, with
            one column per output: ``y_pred_a`` and ``y_pred_b`` for outputs ``a`` and ``b``, then their bounds.

        Raises
        ------
        NotFittedError
            If the forecaster is not fitted.
        ValueError
            If `X` is required, but is None; if `X` or the history is not accepted by :meth:`predict`, or `X` contains
            fitted rows; if there are past covariates, and more than `output_steps` steps; if `steps` is not a positive
            int; if not exactly one of `steps`, `until` and `X` is given; if `until` is not after the end of a series,
            or the fitted index has no frequency; if `coverage` is not accepted by :meth:`predict_interval`.
        TypeError
            If `X` is not array-like or a DataFrame, contains non-numeric values, or is sparse.

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
        check_is_fitted(self, "_model")
        check_steps_given(steps, until, X)
        if coverage is not None:
            check_coverage(coverage, self.estimator_, self._calibration)
        series = continued_series(self, history, history_X)
        if X is None:
            n_steps = n_steps_of(steps, until, series.known, self.n_features_in_ - self._schema.columns.n_past)
            covariates, location, index = next_steps(n_steps, series)
        else:
            covariates, location, index = self._read_next_steps(X, series)
        if coverage is None:
            return series.schema.as_forecast(predict_rows(series.model, series.known, covariates, location), index)
        values, bounds = predict_with_bounds(self._calibration, coverage, series, covariates, location)
        return series.schema.as_forecast(values, index, bounds)

    @named_arguments
    def predict_interval(
        self,
        X: ArrayLike,
        coverage: float = 0.9,
        *,
        history: ArrayLike | None = None,
        history_X: ArrayLike | None = None,
    ) -> NDArray[Any]:
        """Predict intervals that contain the true values with a given probability.

        With `calibration_size`, these are conformal prediction intervals, see the Notes of the class. Without it, they
        are those that the estimator predicts: the quantiles of a normal distribution, or the outermost quantiles of a
        network, which must be those of levels ``(1 - coverage) / 2`` and ``(1 + coverage) / 2``. Steps beyond
        `output_steps` have the quantiles of 500 sample paths; with `differencing`, also those beyond its lag or, if it
        has several lags, beyond the first step.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_covariates), or a DataFrame without columns
            Covariates of the steps to predict, see :meth:`predict`.
        coverage : float in (0, 1), default=0.9
            Probability that the true value of a step lies between its bounds.
        history, history_X : array-like, default=None
            Other series to continue instead of the fitted ones, see :meth:`predict`.

        Returns
        -------
        ndarray of shape (n_rows, 2) or (n_rows, 2, n_outputs)
            Lower and upper bound of each step, in the units of `y`. Rows without a value before them have the mean of
            their series plus and minus a quantile of the errors one step ahead, and NaN without calibration. NaN also
            if the scale of a history with fewer than two values is not known.

        Raises
        ------
        NotFittedError
            If the forecaster is not fitted.
        ValueError
            If `calibration_size` was None in fit and the estimator does not predict these intervals, or left too few
            rows for `coverage`; if `coverage` is not a number between 0 and 1; if `X` or the history is not accepted by
            :meth:`predict`.
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
        array([[  7.,  57.],
               [ 34.,  95.],
               [ 55., 129.]])
        """
        check_is_fitted(self, "_model")
        check_coverage(coverage, self.estimator_, self._calibration)
        series = continued_series(self, history, history_X)
        covariates, location = self._read_and_locate(X, series)
        _, bounds = predict_with_bounds(self._calibration, coverage, series, covariates, location)
        return self._schema.in_shape_of_y(bounds)

    @named_arguments
    def sample(
        self,
        X: ArrayLike,
        n_samples: int = 100,
        random_state: int | np.random.RandomState | None = None,
        *,
        history: ArrayLike | None = None,
        history_X: ArrayLike | None = None,
    ) -> NDArray[Any]:
        """Draw sample paths of the rows of `X`.

        A network with ``loss="gaussian"``, or with several quantiles, is sampled step by step: each drawn block of
        `output_steps` is an input of the next one. Within a block, draws are independent. For other estimators, the
        errors of a random forecast origin of the calibration are added to the forecast; with `groups`, it is one of any
        series, and its errors are multiplied by the ratio of the scales of both series. The error of a value that was
        missing is that of the step before.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_covariates), or a DataFrame without columns
            Covariates of the steps to predict, see :meth:`predict`.
        n_samples : int, default=100
            Number of paths.
        random_state : int, RandomState or None, default=None
            Determines the draws. Pass an int for reproducible results.
        history, history_X : array-like, default=None
            Other series to continue instead of the fitted ones, see :meth:`predict`.

        Returns
        -------
        ndarray of shape (n_samples, n_rows) or (n_samples, n_rows, n_outputs)
            Sample paths, in the units of `y`.

        Raises
        ------
        NotFittedError
            If the forecaster is not fitted.
        ValueError
            If the estimator predicts no distribution and `calibration_size` was None in fit, or the rows that it held
            out contain no errors; if `n_samples` is not a positive int; if `X` or the history is not accepted by
            :meth:`predict`.
        TypeError
            If `X` is not array-like or a DataFrame, contains non-numeric values, or is sparse.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.linear_model import LinearRegression
        >>> from skrnn import SequenceForecaster
        >>> y = np.random.default_rng(0).normal(size=60)
        >>> forecaster = SequenceForecaster(LinearRegression(), window=3, calibration_size=20).fit(None, y)
        >>> forecaster.sample(np.empty((5, 0)), random_state=0).shape
        (100, 5)
        """
        check_is_fitted(self, "_model")
        check_n_samples(n_samples)
        series = continued_series(self, history, history_X)
        covariates, location = self._read_and_locate(X, series)
        rng = np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))
        paths = sample_paths(series, self._calibration, covariates, location, n_samples, rng)
        return self._schema.in_shape_of_y(paths)

    def _read_and_locate(self, X, series, warns=True):
        """Return the covariates of rows to predict, and the location of these rows relative to the known ones."""
        rows, location = self._read_rows(X, series, warns)
        return rows.covariates, location

    def _read_next_steps(self, X, series):
        """Return the covariates, the location and the index of rows, which have to be later than the known ones."""
        rows, location = self._read_rows(X, series)
        if (location.steps_ahead == 0).any():
            row = int(np.argmax(location.steps_ahead == 0))
            raise ValueError(
                f"Row {row} of X ({rows.labels.time[row]}) is part of the series, but forecast takes the steps after "
                "its end. Call predict(X) to predict fitted rows one step ahead."
            )
        return rows.covariates, location, series.schema.index_of_rows(index_of(X), rows.labels, location)

    def _read_rows(self, X, series, warns=True):
        """Return rows to predict, and their location relative to the known ones."""
        rows = read_rows_to_predict(self, X, series.schema, series.known)
        series.check_series(rows.labels)
        return rows, locate_rows_to_predict(rows, series.known, series.schema.groups is not None, warns)
