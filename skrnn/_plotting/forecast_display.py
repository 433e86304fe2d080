"""Display object for forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils._optional_dependencies import check_matplotlib_support

from skrnn._common.arguments import named_arguments
from skrnn._plotting.drawing import add_common_legend, add_legend, label_outer, new_axes, new_panels
from skrnn._plotting.forecast_data import ForecastData, aligned, by_series, has_series, index_of_forecast, single_series
from skrnn._plotting.forecast_drawing import draw_forecast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection, PathCollection, PolyCollection
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D


class ForecastDisplay:
    """Forecast visualization: a forecast, its uncertainty, and true values.

    A forecast of several series, a Series whose index has two levels, of series and times, is plotted with one axes per
    series. `y_true` and `history` then have such an index as well; the other arrays have a row (or, for `paths`, a
    column) per row of the forecast.

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
    quantiles : array-like of shape (n_steps, n_quantiles), default=None
        Predicted quantiles in increasing order. The areas between the first and the last, the second and the last but
        one, and so on, are nested bands; the middle one of an odd number is a line, unless it is the forecast.
    quantile_levels : array-like of shape (n_quantiles,), default=None
        Levels of the quantiles for the legend, such as ``[0.1, 0.5, 0.9]``.
    paths : array-like of shape (n_paths, n_steps), default=None
        Sample paths: simulated futures of the series.
    name : str, default="forecast"
        Name of the forecast in the legend.

    Attributes
    ----------
    forecast_line_ : matplotlib Line2D
        Forecast. For several series, this attribute and the following ones are dicts with the name of each series.
    true_line_ : matplotlib Line2D or None
        True values at the steps of the forecast; None if `y_true` is None.
    history_line_ : matplotlib Line2D or None
        True values before the forecast; None if `history` is None.
    interval_band_ : matplotlib PolyCollection, LineCollection for a single step, or None
        Prediction interval; None if `interval` is None.
    quantile_bands_ : list of matplotlib PolyCollection, or LineCollection for a single step
        Bands between pairs of quantiles, the widest first; empty if `quantiles` is None.
    median_line_ : matplotlib Line2D or None
        Middle quantile; None if there is none, or if it equals the forecast.
    path_lines_ : matplotlib LineCollection, PathCollection for a single step, or None
        Sample paths; None if `paths` is None.
    start_line_ : matplotlib Line2D
        Vertical line at the first step of the forecast.
    ax_ : matplotlib Axes, or ndarray of them of shape (n_series,)
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

    # For several series, dicts of these, and an array of axes.
    forecast_line_: Line2D
    true_line_: Line2D | None
    history_line_: Line2D | None
    interval_band_: PolyCollection | LineCollection | None
    quantile_bands_: list[PolyCollection | LineCollection]
    median_line_: Line2D | None
    path_lines_: LineCollection | PathCollection | None
    start_line_: Line2D
    ax_: Axes
    figure_: Figure | Any  # a SubFigure if the axes belong to one

    @named_arguments
    def __init__(
        self,
        forecast: ArrayLike,
        *,
        y_true: ArrayLike | None = None,
        history: ArrayLike | None = None,
        interval: ArrayLike | None = None,
        coverage: float | None = None,
        quantiles: ArrayLike | None = None,
        quantile_levels: ArrayLike | None = None,
        paths: ArrayLike | None = None,
        name: str = "forecast",
    ) -> None:
        self.forecast = forecast
        self.y_true = y_true
        self.history = history
        self.interval = interval
        self.coverage = coverage
        self.quantiles = quantiles
        self.quantile_levels = quantile_levels
        self.paths = paths
        self.name = name

    @classmethod
    @named_arguments
    def from_estimator(
        cls,
        forecaster: BaseEstimator,
        X: ArrayLike,
        *,
        y_true: ArrayLike | None = None,
        history: ArrayLike | None = None,
        coverage: float | None = None,
        quantiles: ArrayLike | None = None,
        quantile_levels: ArrayLike | None = None,
        paths: ArrayLike | None = None,
        name: str = "forecast",
        ax: Axes | Sequence[Axes] | NDArray[Any] | None = None,
        ylabel: str | None = None,
        max_series: int = 9,
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
        quantiles : array-like of shape (n_steps, n_quantiles), default=None
            Predicted quantiles in increasing order, plotted as nested bands and the median.
        quantile_levels : array-like of shape (n_quantiles,), default=None
            Levels of the quantiles for the legend, such as ``[0.1, 0.5, 0.9]``.
        paths : array-like of shape (n_paths, n_steps), default=None
            Sample paths: simulated futures of the series.
        name : str, default="forecast"
            Name of the forecast in the legend.
        ax : matplotlib Axes, or array-like of them, default=None
            Axes to plot on; for several series, one per series. If None, a new figure is created.
        ylabel : str, default=None
            Label of the y-axis, such as the quantity and its unit. If None, the name of the first Series with a name is
            used.
        max_series : int, default=9
            Maximum number of series to plot: the first ones. The legend says how many there are.

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
            values = single_series(forecast, "forecast")[0]
            if len(values) != len(X):
                raise ValueError(
                    f"The forecast must have one step per row of X. Got {len(values)} steps for X of shape {X.shape}."
                )
            forecast = pd.Series(values, index=index_of_forecast(X, getattr(forecaster, "groups", None)))
            if isinstance(y_true, (pd.DataFrame, pd.Series)) and y_true.index.equals(X.index):
                y_true = y_true.set_axis(forecast.index)
        display = cls(
            forecast,
            y_true=y_true,
            history=history,
            interval=interval,
            coverage=coverage,
            quantiles=quantiles,
            quantile_levels=quantile_levels,
            paths=paths,
            name=name,
        )
        return display.plot(ax, ylabel=ylabel, max_series=max_series)

    @classmethod
    @named_arguments
    def from_predictions(
        cls,
        forecast: ArrayLike,
        *,
        y_true: ArrayLike | None = None,
        history: ArrayLike | None = None,
        interval: ArrayLike | None = None,
        coverage: float | None = None,
        quantiles: ArrayLike | None = None,
        quantile_levels: ArrayLike | None = None,
        paths: ArrayLike | None = None,
        name: str = "forecast",
        ax: Axes | Sequence[Axes] | NDArray[Any] | None = None,
        ylabel: str | None = None,
        max_series: int = 9,
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
        quantiles : array-like of shape (n_steps, n_quantiles), default=None
            Predicted quantiles in increasing order, plotted as nested bands and the median.
        quantile_levels : array-like of shape (n_quantiles,), default=None
            Levels of the quantiles for the legend, such as ``[0.1, 0.5, 0.9]``.
        paths : array-like of shape (n_paths, n_steps), default=None
            Sample paths: simulated futures of the series.
        name : str, default="forecast"
            Name of the forecast in the legend.
        ax : matplotlib Axes, or array-like of them, default=None
            Axes to plot on; for several series, one per series. If None, a new figure is created.
        ylabel : str, default=None
            Label of the y-axis, such as the quantity and its unit. If None, the name of the first Series with a name is
            used.
        max_series : int, default=9
            Maximum number of series to plot: the first ones. The legend says how many there are.

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
        display = cls(
            forecast,
            y_true=y_true,
            history=history,
            interval=interval,
            coverage=coverage,
            quantiles=quantiles,
            quantile_levels=quantile_levels,
            paths=paths,
            name=name,
        )
        return display.plot(ax, ylabel=ylabel, max_series=max_series)

    @named_arguments
    def plot(
        self,
        ax: Axes | Sequence[Axes] | NDArray[Any] | None = None,
        *,
        ylabel: str | None = None,
        max_series: int = 9,
    ) -> ForecastDisplay:
        """Plot the forecast.

        Parameters
        ----------
        ax : matplotlib Axes, or array-like of them, default=None
            Axes to plot on; for several series, one per series. If None, a new figure is created.
        ylabel : str, default=None
            Label of the y-axis, such as the quantity and its unit. If None, the name of the first Series with a name is
            used.
        max_series : int, default=9
            Maximum number of series to plot: the first ones. The legend says how many there are.

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
        levels = _checked_levels(self.quantile_levels, self.quantiles)
        if not isinstance(max_series, Integral) or max_series < 1:
            raise ValueError(f"max_series must be an int of at least 1. Got {max_series!r} instead.")
        given = ForecastData(self.forecast, self.y_true, self.history, self.interval, self.quantiles, self.paths)
        if not has_series(self.forecast):
            data = aligned(given)
            ax = new_axes((8, 4)) if ax is None else ax
            vars(self).update(draw_forecast(ax, data, self.name, self.coverage, levels))
            ax.set_ylabel(str("value" if data.name is None else data.name) if ylabel is None else ylabel)
            add_legend(ax)
            self.ax_, self.figure_ = ax, ax.figure
            return self
        parts = by_series(given)
        shown = {name: aligned(part) for name, part in list(parts.items())[:max_series]}
        panels = new_panels(len(shown)) if ax is None else np.ravel(np.asarray(ax, dtype=object))
        if len(panels) != len(shown):
            raise ValueError(
                f"ax must contain one axes for each of the {len(shown)} series. Got {len(panels)} instead."
            )
        drawn = {}
        for panel, (name, data) in zip(panels, shown.items(), strict=True):
            drawn[name] = draw_forecast(panel, data, self.name, self.coverage, levels)
            panel.set_title(str(name))
            panel.set_ylabel(str("value" if data.name is None else data.name) if ylabel is None else ylabel)
        for attribute in next(iter(drawn.values())):
            setattr(self, attribute, {name: artists[attribute] for name, artists in drawn.items()})
        if ax is None:
            label_outer(panels)
        title = None if len(shown) == len(parts) else f"first {len(shown)} of {len(parts)} series"
        add_common_legend(panels, title, outside=ax is None)
        self.ax_, self.figure_ = panels, panels[0].figure
        return self


def _checked_levels(levels, quantiles):
    """Return the levels of the quantiles as a list, or None."""
    if levels is None:
        return None
    values = np.asarray(levels, dtype=float)
    shape = np.shape(quantiles)[1:]
    if values.shape != shape or not ((values > 0) & (values < 1)).all() or (np.diff(values) <= 0).any():
        raise ValueError(
            "quantile_levels must be increasing numbers between 0 and 1, one for each column of quantiles, which has "
            f"shape {np.shape(quantiles)}. Got {levels!r} instead."
        )
    return values.tolist()
