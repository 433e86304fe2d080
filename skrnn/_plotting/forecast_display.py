"""Display object for forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils._optional_dependencies import check_matplotlib_support

from skrnn._plotting.drawing import COLORS, add_legend, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection, PolyCollection
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D


class ForecastDisplay:
    """Forecast visualization: a forecast, its prediction interval, and true values.

    Parameters
    ----------
    forecast : Series or array-like of shape (n_steps,)
        Predictions, in the units of the series. An array takes the index of `y_true` or `interval` if one of them has
        an index and the same length. Otherwise, its steps are numbered from the end of `history`.
    y_true : Series or array-like of shape (n_true_steps,), default=None
        True values at the steps of the forecast, or at the first of these steps.
    history : Series or array-like of shape (n_earlier_steps,), default=None
        True values before the forecast. An array ends at the step before the forecast.
    interval : DataFrame or array-like of shape (n_steps, 2), default=None
        Lower and upper bounds of the prediction interval at each step.
    coverage : float, default=None
        Nominal coverage of the interval for the legend: the expected fraction of true values inside, between 0 and 1.
    name : str, default="forecast"
        Name of the forecast in the legend.

    Attributes
    ----------
    forecast_line_ : matplotlib Line2D
        Forecast.
    true_line_ : matplotlib Line2D or None
        True values at the steps of the forecast; None if `y_true` is None.
    history_line_ : matplotlib Line2D or None
        True values before the forecast; None if `history` is None.
    interval_band_ : matplotlib PolyCollection, LineCollection for a single step, or None
        Prediction interval; None if `interval` is None.
    start_line_ : matplotlib Line2D
        Vertical line at the first step of the forecast.
    ax_ : matplotlib Axes
        Axes with the series.
    figure_ : matplotlib Figure
        Figure containing the axes.

    See Also
    --------
    SequenceForecaster : Forecaster with prediction intervals.

    Examples
    --------
    >>> from skrnn import ForecastDisplay
    >>> display = ForecastDisplay.from_predictions(
    ...     [4.0, 5.0], history=[1.0, 2.0, 3.0], interval=[[3.0, 5.0], [3.0, 7.0]], coverage=0.9
    ... )
    >>> display.forecast_line_.get_xdata()
    array([3., 4.])
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['history', 'forecast', '90% interval']
    """

    forecast_line_: Line2D
    true_line_: Line2D | None
    history_line_: Line2D | None
    interval_band_: PolyCollection | LineCollection | None
    start_line_: Line2D
    ax_: Axes
    figure_: Figure | Any  # a SubFigure if the axes belong to one

    def __init__(
        self,
        forecast: ArrayLike,
        *,
        y_true: ArrayLike | None = None,
        history: ArrayLike | None = None,
        interval: ArrayLike | None = None,
        coverage: float | None = None,
        name: str = "forecast",
    ) -> None:
        self.forecast = forecast
        self.y_true = y_true
        self.history = history
        self.interval = interval
        self.coverage = coverage
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        forecaster: BaseEstimator,
        X: ArrayLike,
        *,
        y_true: ArrayLike | None = None,
        history: ArrayLike | None = None,
        coverage: float | None = None,
        name: str = "forecast",
        ax: Axes | None = None,
        ylabel: str | None = None,
    ) -> ForecastDisplay:
        """Create a forecast display from a fitted forecaster.

        Parameters
        ----------
        forecaster : estimator
            Fitted forecaster, whose ``predict(X)`` returns the forecast.
        X : array-like of shape (n_steps, n_features), or a DataFrame without columns
            Input of the forecaster. The index of a pandas object is the index of the forecast.
        y_true : Series or array-like of shape (n_true_steps,), default=None
            True values at the steps of the forecast, or at the first of these steps.
        history : Series or array-like of shape (n_earlier_steps,), default=None
            True values before the forecast. An array ends at the step before the forecast.
        coverage : float, default=None
            Nominal coverage, between 0 and 1, of the prediction interval to plot, which is the output of
            ``forecaster.predict_interval(X, coverage=coverage)``. If None, no interval is plotted.
        name : str, default="forecast"
            Name of the forecast in the legend.
        ax : matplotlib Axes, default=None
            Axes to plot on. If None, a new figure is created.
        ylabel : str, default=None
            Label of the y-axis, such as the quantity and its unit. If None, the name of the first Series with a name is
            used.

        Returns
        -------
        ForecastDisplay
            Display object with the plot.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the forecaster is not fitted.
        TypeError
            If the forecaster has no ``predict`` method, or no ``predict_interval`` method and `coverage` is not None.
        ValueError
            If the shapes or indexes of the series are not compatible, or if the forecaster raises a ValueError for `X`.

        Examples
        --------
        >>> import pandas as pd
        >>> from sklearn.linear_model import LinearRegression
        >>> from skrnn import ForecastDisplay, SequenceForecaster
        >>> months = pd.period_range("2020-01", periods=24, freq="M")
        >>> y = pd.Series(range(24), index=months, name="load (MW)", dtype=float)
        >>> forecaster = SequenceForecaster(LinearRegression(), window=3, calibration_size=8).fit(None, y[:20])
        >>> coming = pd.DataFrame(index=months[20:])  # no covariates, only the index
        >>> display = ForecastDisplay.from_estimator(forecaster, coming, y_true=y[20:], history=y[:20], coverage=0.5)
        >>> display.forecast_line_.get_ydata().round(6)
        array([20., 21., 22., 23.])
        >>> display.ax_.get_ylabel()
        'load (MW)'
        """
        for method in ["predict"] if coverage is None else ["predict", "predict_interval"]:
            if not hasattr(forecaster, method):
                raise TypeError(
                    f"ForecastDisplay with coverage={coverage} requires a forecaster with a {method} method. "
                    f"{type(forecaster).__name__} has none."
                )
        forecast = forecaster.predict(X)
        interval = None if coverage is None else forecaster.predict_interval(X, coverage=coverage)
        if isinstance(X, (pd.DataFrame, pd.Series)) and not isinstance(forecast, (pd.DataFrame, pd.Series)):
            values = _single_series(forecast, "forecast")[0]
            if len(values) != len(X):
                raise ValueError(
                    f"The forecast must have one step per row of X. Got {len(values)} steps for X of shape {X.shape}."
                )
            forecast = pd.Series(values, index=X.index)
        display = cls(forecast, y_true=y_true, history=history, interval=interval, coverage=coverage, name=name)
        return display.plot(ax, ylabel=ylabel)

    @classmethod
    def from_predictions(
        cls,
        forecast: ArrayLike,
        *,
        y_true: ArrayLike | None = None,
        history: ArrayLike | None = None,
        interval: ArrayLike | None = None,
        coverage: float | None = None,
        name: str = "forecast",
        ax: Axes | None = None,
        ylabel: str | None = None,
    ) -> ForecastDisplay:
        """Create a forecast display from predictions.

        Parameters
        ----------
        forecast : Series or array-like of shape (n_steps,)
            Predictions, in the units of the series. See :class:`ForecastDisplay` for the index of an array.
        y_true : Series or array-like of shape (n_true_steps,), default=None
            True values at the steps of the forecast, or at the first of these steps.
        history : Series or array-like of shape (n_earlier_steps,), default=None
            True values before the forecast. An array ends at the step before the forecast.
        interval : DataFrame or array-like of shape (n_steps, 2), default=None
            Lower and upper bounds of the prediction interval at each step.
        coverage : float, default=None
            Nominal coverage of the interval for the legend: the expected fraction of true values inside, between 0
            and 1.
        name : str, default="forecast"
            Name of the forecast in the legend.
        ax : matplotlib Axes, default=None
            Axes to plot on. If None, a new figure is created.
        ylabel : str, default=None
            Label of the y-axis, such as the quantity and its unit. If None, the name of the first Series with a name is
            used.

        Returns
        -------
        ForecastDisplay
            Display object with the plot.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the shapes or indexes of the series are not compatible, or if `coverage` is not between 0 and 1.

        Examples
        --------
        >>> import pandas as pd
        >>> from skrnn import ForecastDisplay
        >>> history = pd.Series([3.0, 4.0], index=[2001, 2002])
        >>> display = ForecastDisplay.from_predictions([5.0, 6.0], y_true=[5.5], history=history, ylabel="load (MW)")
        >>> display.forecast_line_.get_xdata()
        array([2003., 2004.])
        >>> display.true_line_.get_xdata()
        array([2003.])
        """
        display = cls(forecast, y_true=y_true, history=history, interval=interval, coverage=coverage, name=name)
        return display.plot(ax, ylabel=ylabel)

    def plot(self, ax: Axes | None = None, *, ylabel: str | None = None) -> ForecastDisplay:
        """Plot the forecast.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. If None, a new figure is created.
        ylabel : str, default=None
            Label of the y-axis, such as the quantity and its unit. If None, the name of the first Series with a name is
            used.

        Returns
        -------
        ForecastDisplay
            Display object with the plot.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the shapes or indexes of the series are not compatible, or if `coverage` is not between 0 and 1.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        if self.coverage is not None and not 0 < self.coverage < 1:
            raise ValueError(f"coverage must be a fraction between 0 and 1. Got {self.coverage!r} instead.")
        forecast, y_true, history, interval = _align(self.forecast, self.y_true, self.history, self.interval)
        ax = new_axes((8, 4)) if ax is None else ax
        steps = _positions(forecast.index)
        self.start_line_ = ax.axvline(steps[0], color="0.6", linewidth=0.8, linestyle=":", zorder=0)
        self.history_line_ = _add_series(ax, history, "history", color="0.5", linewidth=1.2)
        self.true_line_ = _add_series(ax, y_true, "true", color="black", linewidth=1.2)
        self.forecast_line_ = _add_series(ax, forecast, self.name, color=COLORS[0], linestyle="--", zorder=3)
        self.interval_band_ = None
        if interval is not None:
            label = "interval" if self.coverage is None else f"{100 * self.coverage:g}% interval"
            style: dict[str, Any] = {"color": COLORS[5], "alpha": 0.35, "label": label}
            draw = ax.fill_between if len(steps) > 1 else ax.vlines  # the area of a single step is empty
            self.interval_band_ = draw(steps, *interval.T, linewidth=0 if len(steps) > 1 else 6, **style)
        _mark_steps(ax, forecast.index)
        names = [
            series.name for series in (history, y_true, forecast) if series is not None and series.name is not None
        ]
        ax.set_ylabel(str((*names, "value")[0]) if ylabel is None else ylabel)
        add_legend(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _single_series(values, parameter):
    """Return values of shape (n_steps,), their index or None, and their name or None."""
    shape = np.shape(values)
    if len(shape) not in (1, 2) or shape[1:] not in ((), (1,)) or not shape[0]:
        raise ValueError(f"{parameter} must be a single series, of shape (n_steps,). Got shape {shape} instead.")
    if not isinstance(values, (pd.DataFrame, pd.Series)):
        return np.asarray(values, dtype=float).ravel(), None, None
    values = values.squeeze("columns") if values.ndim == 2 else values
    return values.to_numpy(dtype=float, na_value=np.nan), _time_index(values.index, parameter), values.name


def _time_index(index, parameter):
    """Return an index as dates or numbers, after checking that they are increasing."""
    index = index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index
    is_time = isinstance(index, pd.DatetimeIndex) or pd.api.types.is_numeric_dtype(index.dtype)
    if not (is_time and index.is_monotonic_increasing):
        raise ValueError(
            f"The index of {parameter} must contain dates, periods or numbers of one series in increasing order. Got "
            f"{index.dtype} from {index[0]} to {index[-1]}, shape {index.shape}, instead."
        )
    return index


def _align(forecast, y_true, history, interval):
    """Return the series as Series with compatible indexes, and the interval as an array of shape (n_steps, 2)."""
    forecast, steps, name = _single_series(forecast, "forecast")
    n_steps = len(forecast)
    y_true, true_steps, true_name = (None, None, None) if y_true is None else _single_series(y_true, "y_true")
    interval_steps = _time_index(interval.index, "interval") if isinstance(interval, pd.DataFrame) else None
    interval = None if interval is None else np.asarray(interval, dtype=float)
    if interval is not None and interval.shape not in ((n_steps, 2), (n_steps, 2, 1)):
        raise ValueError(
            f"interval must have shape ({n_steps}, 2), a lower and an upper bound for each step of the forecast. Got "
            f"shape {interval.shape} instead."
        )
    if y_true is not None and len(y_true) > n_steps:
        raise ValueError(
            f"y_true of shape {y_true.shape} is longer than the forecast of shape {forecast.shape}. Pass true values "
            "before the forecast as history, and remove those after it."
        )
    known = [index for index in (steps, true_steps, interval_steps) if index is not None and len(index) == n_steps]
    steps = known[0] if known else None
    if history is None:
        steps = pd.RangeIndex(n_steps) if steps is None else steps
    else:
        values, earlier_steps, history_name = _single_series(history, "history")
        steps, earlier_steps = _consecutive_indexes(steps, n_steps, earlier_steps, len(values))
        history = pd.Series(values, index=earlier_steps, name=history_name)
    for parameter, index in (("y_true", true_steps), ("interval", interval_steps)):
        if index is not None and not index.equals(steps[: len(index)]):
            raise ValueError(
                f"{parameter} must have the index of the forecast, {_span(steps)}. Got {_span(index)} instead."
            )
    y_true = None if y_true is None else pd.Series(y_true, index=steps[: len(y_true)], name=true_name)
    interval = None if interval is None else interval.reshape(n_steps, 2)
    return pd.Series(forecast, index=steps, name=name), y_true, history, interval


def _consecutive_indexes(steps, n_steps, earlier_steps, n_earlier_steps):
    """Return the indexes of the forecast and of the history; integers are continued if one of them is None."""
    if steps is None and earlier_steps is None:
        earlier_steps = pd.RangeIndex(n_earlier_steps)
    if steps is None and pd.api.types.is_integer_dtype(earlier_steps.dtype):
        steps = pd.RangeIndex(earlier_steps[-1] + 1, earlier_steps[-1] + 1 + n_steps)
    if earlier_steps is None and pd.api.types.is_integer_dtype(steps.dtype):
        earlier_steps = pd.RangeIndex(steps[0] - n_earlier_steps, steps[0])
    if steps is None or earlier_steps is None or _kind(steps) != _kind(earlier_steps) or earlier_steps[-1] >= steps[0]:
        raise ValueError(
            "history must end before the forecast begins, with an index of the same kind. Got a history with "
            f"{_span(earlier_steps)} and a forecast with {_span(steps)}. Pass both as Series, or both as arrays."
        )
    return steps, earlier_steps


def _kind(index):
    """Return whether an index contains dates, and whether it has no time zone."""
    return isinstance(index, pd.DatetimeIndex), getattr(index, "tz", None) is None


def _span(index):
    """Describe an index in an error."""
    return "no index" if index is None else f"{index[0]} to {index[-1]} ({index.dtype}, shape {index.shape})"


def _positions(index):
    """Return the coordinates of an index on the x-axis; dates are in days since 1970, as in matplotlib."""
    if not isinstance(index, pd.DatetimeIndex):
        return index.to_numpy(dtype=float)
    from matplotlib.dates import date2num

    return date2num((index if index.tz is None else index.tz_convert("UTC").tz_localize(None)).to_numpy())


def _add_series(ax, series, label, **style):
    """Plot a series, if there is one, as a line, or as a point if it has a single step."""
    if series is None:
        return None
    marker = "o" if len(series) == 1 else None
    return ax.plot(_positions(series.index), series.to_numpy(), label=label, marker=marker, **style)[0]


def _mark_steps(ax, index):
    """Label the x-axis with dates, or with integers if the index contains integers."""
    if isinstance(index, pd.DatetimeIndex):
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        ax.xaxis_date(index.tz)
        locator = AutoDateLocator(tz=index.tz)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=index.tz))
    elif pd.api.types.is_integer_dtype(index.dtype):
        ax.xaxis.get_major_locator().set_params(integer=True)
    default = "time" if isinstance(index, pd.DatetimeIndex) else "step"
    ax.set_xlabel(default if index.name is None else str(index.name))
