"""A forecast beside history and truth, as one of scikit-learn's Display objects."""

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
    """A forecast with its interval, what came before, and what came true.

    Parameters
    ----------
    forecast : Series or array-like of shape (n_steps,)
        Predictions, in the units of the series. An array has the index of `truth` or `interval`, if one of them has
        one and is as long. Else it follows on `history`, and steps are counted.
    truth : Series or array-like of shape (n_true_steps,), default=None
        What was observed at the steps of the forecast, or at the first of them.
    history : Series or array-like of shape (n_earlier_steps,), default=None
        What was observed before; an array ends where the forecast begins.
    interval : DataFrame or array-like of shape (n_steps, 2), default=None
        Lower and upper bound of each step.
    coverage : float, default=None
        Fraction of the truth that the interval should hold, between 0 and 1, for the legend.
    name : str, default="forecast"
        What the forecast is called in the legend.

    Attributes
    ----------
    forecast_line_ : matplotlib Line2D
        The forecast.
    truth_line_ : matplotlib Line2D or None
        What came true; None where it is not given.
    history_line_ : matplotlib Line2D or None
        What came before; None where it is not given.
    interval_band_ : matplotlib PolyCollection, LineCollection for a single step, or None
        The interval; None where it is not given.
    start_line_ : matplotlib Line2D
        The vertical line where the forecast begins.
    ax_ : matplotlib Axes
        Where they are drawn.
    figure_ : matplotlib Figure
        The figure that holds them.

    See Also
    --------
    SequenceForecaster : Makes forecasts and their intervals.

    Examples
    --------
    >>> from skrnn import ForecastDisplay
    >>> display = ForecastDisplay.from_predictions(
    ...     [4.0, 5.0], history=[1.0, 2.0, 3.0], interval=[[3.0, 5.0], [3.0, 7.0]], coverage=0.9
    ... )
    >>> display.forecast_line_.get_xdata()
    array([3., 4.])
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['history', 'forecast', '90 % interval']
    """

    forecast_line_: Line2D
    truth_line_: Line2D | None
    history_line_: Line2D | None
    interval_band_: PolyCollection | LineCollection | None
    start_line_: Line2D
    ax_: Axes
    figure_: Figure | Any  # of axes in a SubFigure, that

    def __init__(
        self,
        forecast: ArrayLike,
        *,
        truth: ArrayLike | None = None,
        history: ArrayLike | None = None,
        interval: ArrayLike | None = None,
        coverage: float | None = None,
        name: str = "forecast",
    ) -> None:
        self.forecast = forecast
        self.truth = truth
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
        truth: ArrayLike | None = None,
        history: ArrayLike | None = None,
        coverage: float | None = None,
        name: str = "forecast",
        ax: Axes | None = None,
        ylabel: str | None = None,
    ) -> ForecastDisplay:
        """Predict, and draw the forecast.

        Parameters
        ----------
        forecaster : estimator
            A fitted forecaster, whose ``predict(X)`` gives the steps to draw.
        X : array-like of shape (n_steps, n_features), or a frame without columns
            What it takes. The index of a pandas object is that of the forecast.
        truth : Series or array-like of shape (n_true_steps,), default=None
            What was observed at the steps of the forecast, or at the first of them.
        history : Series or array-like of shape (n_earlier_steps,), default=None
            What was observed before; an array ends where the forecast begins.
        coverage : float, default=None
            Coverage of the interval, between 0 and 1, which ``predict_interval(X, coverage=coverage)`` of the
            forecaster gives as lower and upper bounds, of shape (n_steps, 2). None draws none.
        name : str, default="forecast"
            What the forecast is called in the legend.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        ylabel : str, default=None
            What the series measures, with its unit. None is the name of the first Series that has one.

        Returns
        -------
        ForecastDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the forecaster is not fitted.
        TypeError
            If it lacks a method that is needed.
        ValueError
            If the shapes or indexes of the series do not fit together, and for what the forecaster refuses.

        Examples
        --------
        >>> import pandas as pd
        >>> from sklearn.linear_model import LinearRegression
        >>> from skrnn import ForecastDisplay, SequenceForecaster
        >>> months = pd.period_range("2020-01", periods=24, freq="M")
        >>> y = pd.Series(range(24), index=months, name="load (MW)", dtype=float)
        >>> forecaster = SequenceForecaster(LinearRegression(), window=3, calibration_size=8).fit(None, y[:20])
        >>> coming = pd.DataFrame(index=months[20:])  # no covariates: the index alone
        >>> display = ForecastDisplay.from_estimator(forecaster, coming, truth=y[20:], history=y[:20], coverage=0.5)
        >>> display.forecast_line_.get_ydata().round(6)
        array([20., 21., 22., 23.])
        >>> display.ax_.get_ylabel()
        'load (MW)'
        """
        for method in ["predict"] if coverage is None else ["predict", "predict_interval"]:
            if not hasattr(forecaster, method):
                raise TypeError(
                    f"ForecastDisplay needs a forecaster with {method}, for coverage={coverage}. "
                    f"{type(forecaster).__name__} has none."
                )
        forecast = forecaster.predict(X)
        interval = None if coverage is None else forecaster.predict_interval(X, coverage=coverage)
        if isinstance(X, (pd.DataFrame, pd.Series)) and not isinstance(forecast, (pd.DataFrame, pd.Series)):
            values = _one_series(forecast, "forecast")[0]
            if len(values) != len(X):
                raise ValueError(
                    f"predict made {len(values)} steps of X of shape {X.shape}: one for each row is drawn."
                )
            forecast = pd.Series(values, index=X.index)
        display = cls(forecast, truth=truth, history=history, interval=interval, coverage=coverage, name=name)
        return display.plot(ax, ylabel=ylabel)

    @classmethod
    def from_predictions(
        cls,
        forecast: ArrayLike,
        *,
        truth: ArrayLike | None = None,
        history: ArrayLike | None = None,
        interval: ArrayLike | None = None,
        coverage: float | None = None,
        name: str = "forecast",
        ax: Axes | None = None,
        ylabel: str | None = None,
    ) -> ForecastDisplay:
        """Draw a forecast.

        Parameters
        ----------
        forecast : Series or array-like of shape (n_steps,)
            Predictions, with the index that :class:`ForecastDisplay` says.
        truth : Series or array-like of shape (n_true_steps,), default=None
            What was observed at the steps of the forecast, or at the first of them.
        history : Series or array-like of shape (n_earlier_steps,), default=None
            What was observed before; an array ends where the forecast begins.
        interval : DataFrame or array-like of shape (n_steps, 2), default=None
            Lower and upper bound of each step.
        coverage : float, default=None
            Fraction of the truth that the interval should hold, between 0 and 1, for the legend.
        name : str, default="forecast"
            What the forecast is called in the legend.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        ylabel : str, default=None
            What the series measures, with its unit. None is the name of the first Series that has one.

        Returns
        -------
        ForecastDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the shapes or indexes of the series do not fit together, or `coverage` is no fraction between 0 and 1.

        Examples
        --------
        >>> import pandas as pd
        >>> from skrnn import ForecastDisplay
        >>> history = pd.Series([3.0, 4.0], index=[2001, 2002])
        >>> display = ForecastDisplay.from_predictions([5.0, 6.0], truth=[5.5], history=history, ylabel="load (MW)")
        >>> display.forecast_line_.get_xdata()
        array([2003., 2004.])
        >>> display.truth_line_.get_xdata()
        array([2003.])
        """
        display = cls(forecast, truth=truth, history=history, interval=interval, coverage=coverage, name=name)
        return display.plot(ax, ylabel=ylabel)

    def plot(self, ax: Axes | None = None, *, ylabel: str | None = None) -> ForecastDisplay:
        """Draw the series.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        ylabel : str, default=None
            What the series measures, with its unit. None is the name of the first Series that has one.

        Returns
        -------
        ForecastDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the shapes or indexes of the series do not fit together, or `coverage` is no fraction between 0 and 1.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        if self.coverage is not None and not 0 < self.coverage < 1:
            raise ValueError(f"coverage must be a fraction between 0 and 1. Got {self.coverage!r} instead.")
        forecast, truth, history, interval = _aligned(self.forecast, self.truth, self.history, self.interval)
        ax = new_axes((8, 4)) if ax is None else ax
        steps = _positions(forecast.index)
        self.start_line_ = ax.axvline(steps[0], color="0.6", linewidth=0.8, linestyle=":", zorder=0)
        self.history_line_ = _add_series(ax, history, "history", color="0.5", linewidth=1.2)
        self.truth_line_ = _add_series(ax, truth, "truth", color="black", linewidth=1.2)
        self.forecast_line_ = _add_series(ax, forecast, self.name, color=COLORS[0], linestyle="--", zorder=3)
        self.interval_band_ = None
        if interval is not None:
            label = "interval" if self.coverage is None else f"{100 * self.coverage:g} % interval"
            style: dict[str, Any] = {"color": COLORS[5], "alpha": 0.35, "label": label}
            draw = ax.fill_between if len(steps) > 1 else ax.vlines  # the area over a single step is empty
            self.interval_band_ = draw(steps, *interval.T, linewidth=0 if len(steps) > 1 else 6, **style)
        _mark_steps(ax, forecast.index)
        names = [series.name for series in (history, truth, forecast) if series is not None and series.name is not None]
        ax.set_ylabel(str((*names, "value")[0]) if ylabel is None else ylabel)
        add_legend(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _one_series(values, what):
    """Return numbers of shape (n_steps,), the index that they came with or None, and their name."""
    shape = np.shape(values)
    if len(shape) not in (1, 2) or shape[1:] not in ((), (1,)) or not shape[0]:
        raise ValueError(f"{what} must be a single series, of shape (n_steps,). Got shape {shape} instead.")
    if not isinstance(values, (pd.DataFrame, pd.Series)):
        return np.asarray(values, dtype=float).ravel(), None, None
    values = values.squeeze("columns") if values.ndim == 2 else values
    return values.to_numpy(dtype=float, na_value=np.nan), _time_index(values.index, what), values.name


def _time_index(index, what):
    """Return an index as dates or numbers, in rising order."""
    index = index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index
    is_time = isinstance(index, pd.DatetimeIndex) or pd.api.types.is_numeric_dtype(index.dtype)
    if not (is_time and index.is_monotonic_increasing):
        raise ValueError(
            f"The index of {what} must hold dates, periods or numbers, sorted, of one series. Got {index.dtype} from "
            f"{index[0]} to {index[-1]}, shape {index.shape}, instead."
        )
    return index


def _aligned(forecast, truth, history, interval):
    """Return the series, each on its steps or dates, and the interval of shape (n_steps, 2)."""
    forecast, steps, name = _one_series(forecast, "forecast")
    n_steps = len(forecast)
    truth, truth_steps, truth_name = (None, None, None) if truth is None else _one_series(truth, "truth")
    interval_steps = _time_index(interval.index, "interval") if isinstance(interval, pd.DataFrame) else None
    interval = None if interval is None else np.asarray(interval, dtype=float)
    if interval is not None and interval.shape not in ((n_steps, 2), (n_steps, 2, 1)):
        raise ValueError(
            f"interval must have shape ({n_steps}, 2), a lower and an upper bound for each step of the forecast. Got "
            f"shape {interval.shape} instead."
        )
    if truth is not None and len(truth) > n_steps:
        raise ValueError(
            f"truth of shape {truth.shape} is longer than the forecast of shape {forecast.shape}: pass what came "
            "before as history, and leave out what comes after."
        )
    known = [index for index in (steps, truth_steps, interval_steps) if index is not None and len(index) == n_steps]
    steps = known[0] if known else None
    if history is None:
        steps = pd.RangeIndex(n_steps) if steps is None else steps
    else:
        numbers, earlier, history_name = _one_series(history, "history")
        steps, earlier = _one_after_the_other(steps, n_steps, earlier, len(numbers))
        history = pd.Series(numbers, index=earlier, name=history_name)
    for what, index in (("truth", truth_steps), ("interval", interval_steps)):
        if index is not None and not index.equals(steps[: len(index)]):
            raise ValueError(f"{what} must have the index of the forecast, but has {_span(index)}, not {_span(steps)}.")
    truth = None if truth is None else pd.Series(truth, index=steps[: len(truth)], name=truth_name)
    interval = None if interval is None else interval.reshape(n_steps, 2)
    return pd.Series(forecast, index=steps, name=name), truth, history, interval


def _one_after_the_other(steps, n_steps, earlier, n_earlier):
    """Return the indexes of forecast and history; whole numbers are counted on where one of them is None."""
    if steps is None and earlier is None:
        earlier = pd.RangeIndex(n_earlier)
    if steps is None and pd.api.types.is_integer_dtype(earlier.dtype):
        steps = pd.RangeIndex(earlier[-1] + 1, earlier[-1] + 1 + n_steps)
    if earlier is None and pd.api.types.is_integer_dtype(steps.dtype):
        earlier = pd.RangeIndex(steps[0] - n_earlier, steps[0])
    if steps is None or earlier is None or _kind(steps) != _kind(earlier) or earlier[-1] >= steps[0]:
        raise ValueError(
            "history must end before the forecast begins, on an index of the same kind: history has "
            f"{_span(earlier)}, the forecast {_span(steps)}. Pass both as Series, or both as arrays."
        )
    return steps, earlier


def _kind(index):
    """Tell dates, dates with a time zone, and numbers apart."""
    return isinstance(index, pd.DatetimeIndex), getattr(index, "tz", None) is None


def _span(index):
    """Describe an index."""
    return "no index" if index is None else f"{index[0]} to {index[-1]} ({index.dtype}, shape {index.shape})"


def _positions(index):
    """Return where an index lies on the axis; dates in matplotlib's days since 1970."""
    if not isinstance(index, pd.DatetimeIndex):
        return index.to_numpy(dtype=float)
    from matplotlib.dates import date2num

    return date2num((index if index.tz is None else index.tz_convert("UTC").tz_localize(None)).to_numpy())


def _add_series(ax, series, label, **style):
    """Draw a series, if there is one; a point where it has but one step."""
    if series is None:
        return None
    marker = "o" if len(series) == 1 else None
    return ax.plot(_positions(series.index), series.to_numpy(), label=label, marker=marker, **style)[0]


def _mark_steps(ax, index):
    """Label the horizontal axis with dates, or with whole numbers where the index holds such."""
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
