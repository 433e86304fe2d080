"""Pictures of loss curves, forecasts and comparisons, as scikit-learn's Display objects."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

# Okabe and Ito's colours, which the colour-blind can tell apart. There is one marker and line style more than
# colours, so that 42 names go by before two look alike.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = ("s", "^", "D", "v", "P", "X", "<")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 3)))

_LOSS_NAMES = {"mse": "mean squared error", "mae": "mean absolute error", "auto": "cross-entropy"}


class LossCurveDisplay:
    """Loss of every epoch: solid on the training data, dashed on held-out data.

    Parameters
    ----------
    histories : dict of str to dict
        For each name a history, such as ``history_``: metric name to list of shape (n_epochs,). The names of metrics
        on held-out data begin with ``val_``.
    best_epochs : dict of str to int, default=None
        For each name, or some, the epoch to mark, as an index into its history.
    loss_name : str, default=None
        What the loss is, for the label of the axis.

    Attributes
    ----------
    lines_, validation_lines_, best_points_ : dict of str to matplotlib Line2D
        The curves and the marks of best epochs, for each name that has them.
    ax_, figure_ : matplotlib Axes and Figure
        Where they are drawn.

    Examples
    --------
    >>> from skrnn._displays import LossCurveDisplay
    >>> history = {"loss": [1.0, 0.5, 0.4], "val_loss": [1.1, 0.7, 0.8]}
    >>> display = LossCurveDisplay({"GRU": history}, best_epochs={"GRU": 1}).plot()
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['GRU: training', 'GRU: validation', 'best epoch']
    """

    def __init__(self, histories, *, best_epochs=None, loss_name=None):
        self.histories = histories
        self.best_epochs = best_epochs
        self.loss_name = loss_name

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None, metric="loss", logy=False):
        """Draw what an estimator, or several, recorded in fit.

        Parameters
        ----------
        estimator : estimator or dict of str to estimator
            A fitted estimator with ``history_``, or a Pipeline, a search or another estimator that holds one. A dict
            draws several into the same axes.
        name : str, default=None
            Name of a single estimator in the legend. None is its class.
        ax : matplotlib axes, default=None
            Where to draw; None makes a figure.
        metric : str, default="loss"
            What to draw, by its name in ``history_``.
        logy : bool, default=False
            Whether the vertical axis is logarithmic.

        Returns
        -------
        LossCurveDisplay
            The display, drawn. Where early stopping chose the best epoch, that epoch is marked.

        Raises
        ------
        NotFittedError
            If an estimator is not fitted.
        TypeError
            If an estimator holds nothing with ``history_``.
        ValueError
            If it holds several such parts, or if a history does not have one value of `metric` an epoch.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if isinstance(estimator, Mapping):
            if name is not None:
                raise ValueError(f"name={name!r} is for a single estimator; the keys of a dict are its names.")
            parts = {key: _recorder(value) for key, value in estimator.items()}
        else:
            part = _recorder(estimator)
            parts = {type(part).__name__ if name is None else name: part}
        losses = {loss if isinstance(loss := getattr(part, "loss", None), str) else None for part in parts.values()}
        loss = losses.pop() if len(losses) == 1 else None
        display = cls(
            {key: dict(part.history_) for key, part in parts.items()},
            best_epochs={k: part.best_epoch_ for k, part in parts.items() if getattr(part, "early_stopping", False)},
            loss_name=None if loss is None else _LOSS_NAMES.get(loss, loss.replace("_", " ")),
        )
        return display.plot(ax, metric=metric, logy=logy)

    def plot(self, ax=None, *, metric="loss", logy=False):
        """Draw the curves.

        Parameters
        ----------
        ax, metric, logy
            As in :meth:`from_estimator`.

        Returns
        -------
        LossCurveDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        curves = _curves(self.histories, metric)
        ax = _new_axes() if ax is None else ax
        self.lines_, self.validation_lines_, self.best_points_ = {}, {}, {}
        for number, (name, (training, validation)) in enumerate(curves.items()):
            epochs = np.arange(1, len(training) + 1)
            style = {"color": _COLORS[number % len(_COLORS)], "markersize": 5, "markevery": -(-len(epochs) // 10)}
            if len(curves) > 1 or len(epochs) == 1:  # a line through one point does not show
                style["marker"] = _MARKERS[number % len(_MARKERS)]
            (self.lines_[name],) = ax.plot(epochs, training, label=f"{name}: training", **style)
            if validation is None:
                continue
            (line,) = ax.plot(epochs, validation, linestyle="--", label=f"{name}: validation", **style)
            self.validation_lines_[name] = line
            best = (self.best_epochs or {}).get(name)
            if best is not None:
                label = "_again" if self.best_points_ else "best epoch"  # one entry in the legend is enough
                (point,) = ax.plot(epochs[best], validation[best], "o", color="black", ms=6, zorder=3, label=label)
                self.best_points_[name] = point
        _count_epochs(ax, logy)
        is_named = metric == "loss" and self.loss_name is not None
        ax.set_ylabel(f"loss ({self.loss_name})" if is_named else metric.replace("_", " "))
        _add_legend(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


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
        Fraction of the truth that the interval should hold, for the legend.
    name : str, default="forecast"
        What the forecast is called in the legend.

    Attributes
    ----------
    forecast_line_, truth_line_, history_line_ : matplotlib Line2D, or None for what is not given
        The series.
    interval_band_ : matplotlib PolyCollection, LineCollection for a single step, or None
        The interval.
    start_line_ : matplotlib Line2D
        The vertical line where the forecast begins.
    ax_, figure_ : matplotlib Axes and Figure
        Where they are drawn.

    Examples
    --------
    >>> from skrnn._displays import ForecastDisplay
    >>> display = ForecastDisplay.from_predictions(
    ...     [4.0, 5.0], history=[1.0, 2.0, 3.0], interval=[[3.0, 5.0], [3.0, 7.0]], coverage=0.9
    ... )
    >>> display.forecast_line_.get_xdata()
    array([3., 4.])
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['history', 'forecast', '90 % interval']
    """

    def __init__(self, forecast, *, truth=None, history=None, interval=None, coverage=None, name="forecast"):
        self.forecast = forecast
        self.truth = truth
        self.history = history
        self.interval = interval
        self.coverage = coverage
        self.name = name

    @classmethod
    def from_estimator(
        cls, forecaster, X, *, truth=None, history=None, coverage=None, name="forecast", ax=None, ylabel=None
    ):
        """Predict, and draw the forecast.

        Parameters
        ----------
        forecaster : estimator
            A fitted forecaster, whose ``predict(X)`` gives the steps to draw.
        X : array-like of shape (n_steps, n_features)
            What it takes. The index of a pandas object is that of the forecast.
        truth, history, name
            As in :class:`ForecastDisplay`.
        coverage : float, default=None
            Coverage of the interval, which ``predict_interval(X, coverage=coverage)`` of the forecaster gives as lower
            and upper bounds, of shape (n_steps, 2). None draws none.
        ax : matplotlib axes, default=None
            Where to draw; None makes a figure.
        ylabel : str, default=None
            What the series measures, with its unit. None is the name of the first Series that has one.

        Returns
        -------
        ForecastDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the forecaster is not fitted.
        TypeError
            If it lacks a method that is needed.
        ValueError
            If the shapes or indexes of the series do not fit together.
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
        cls, forecast, *, truth=None, history=None, interval=None, coverage=None, name="forecast", ax=None, ylabel=None
    ):
        """Draw a forecast.

        Parameters
        ----------
        forecast, truth, history, interval, coverage, name
            As in :class:`ForecastDisplay`.
        ax, ylabel
            As in :meth:`from_estimator`.

        Returns
        -------
        ForecastDisplay
            The display, drawn.
        """
        display = cls(forecast, truth=truth, history=history, interval=interval, coverage=coverage, name=name)
        return display.plot(ax, ylabel=ylabel)

    def plot(self, ax=None, *, ylabel=None):
        """Draw the series.

        Parameters
        ----------
        ax, ylabel
            As in :meth:`from_estimator`.

        Returns
        -------
        ForecastDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        if self.coverage is not None and not 0 < self.coverage < 1:
            raise ValueError(f"coverage must be a fraction between 0 and 1. Got {self.coverage!r} instead.")
        forecast, truth, history, interval = _aligned(self.forecast, self.truth, self.history, self.interval)
        ax = _new_axes((8, 4)) if ax is None else ax
        steps = _positions(forecast.index)
        self.start_line_ = ax.axvline(steps[0], color="0.6", linewidth=0.8, linestyle=":", zorder=0)
        self.history_line_ = _add_series(ax, history, "history", color="0.5", linewidth=1.2)
        self.truth_line_ = _add_series(ax, truth, "truth", color="black", linewidth=1.2)
        self.forecast_line_ = _add_series(ax, forecast, self.name, color=_COLORS[0], linestyle="--", zorder=3)
        self.interval_band_ = None
        if interval is not None:
            label = "interval" if self.coverage is None else f"{100 * self.coverage:g} % interval"
            style = {"color": _COLORS[5], "alpha": 0.35, "label": label}
            draw = ax.fill_between if len(steps) > 1 else ax.vlines  # the area over a single step is empty
            self.interval_band_ = draw(steps, *interval.T, linewidth=0 if len(steps) > 1 else 6, **style)
        _mark_steps(ax, forecast.index)
        names = [series.name for series in (history, truth, forecast) if series is not None and series.name is not None]
        ax.set_ylabel(str((*names, "value")[0]) if ylabel is None else ylabel)
        _add_legend(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


class CellComparisonDisplay:
    """Scores of estimators, and mean loss curves of those that are recurrent.

    Parameters
    ----------
    scores : DataFrame of shape (n_fits, n_columns)
        A row for each fit; columns estimator and score are drawn.
    histories : dict of str to list of dict
        For each recurrent estimator the ``history_`` of every fit. Their numbers of epochs may differ.
    scoring : str
        Name of the score.

    Attributes
    ----------
    points_, means_ : dict of str to matplotlib PathCollection and to Line2D
        The scores of each estimator, and the bar at their mean.
    lines_, bands_ : dict of str to matplotlib Line2D and to PolyCollection
        The mean training loss of each epoch, over the fits that reached it, and the range over these fits.
    ax_, figure_ : ndarray of matplotlib Axes, shape (2,), and Figure
        Where the scores and the losses are drawn.

    Examples
    --------
    >>> import pandas as pd
    >>> from skrnn._displays import CellComparisonDisplay
    >>> scores = pd.DataFrame({"estimator": ["gru", "gru", "lstm", "lstm"], "score": [0.9, 0.8, 0.7, 0.9]})
    >>> histories = {name: [{"loss": [1.0, 0.5]}, {"loss": [0.8, 0.3]}] for name in ("gru", "lstm")}
    >>> display = CellComparisonDisplay(scores, histories, "r2").plot()
    >>> display.lines_["gru"].get_ydata()
    array([0.9, 0.4])
    """

    def __init__(self, scores, histories, scoring):
        self.scores = scores
        self.histories = histories
        self.scoring = scoring

    @classmethod
    def from_comparison(cls, comparison, *, ax=None, logy=False):
        """Draw what `compare_cells` found.

        Parameters
        ----------
        comparison : CellComparison
            The comparison.
        ax : array-like of two matplotlib axes, default=None
            Where to draw the scores and the losses; None makes a figure.
        logy : bool, default=False
            Whether the axis of the losses is logarithmic.

        Returns
        -------
        CellComparisonDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there is nothing to draw, or if `ax` is not two axes.
        """
        return cls(comparison.scores, comparison.histories, comparison.scoring).plot(ax, logy=logy)

    def plot(self, ax=None, *, logy=False):
        """Draw both panels.

        Parameters
        ----------
        ax, logy
            As in :meth:`from_comparison`.

        Returns
        -------
        CellComparisonDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        if not len(self.scores) or not self.histories or not all(self.histories.values()):
            n_fits = {name: len(of_fits) for name, of_fits in self.histories.items()}
            raise ValueError(f"There must be scores and histories. Got {len(self.scores)} scores, histories {n_fits}.")
        losses = {name: _losses(of_fits, name) for name, of_fits in self.histories.items()}
        panels = None if ax is None else np.ravel(np.asarray(ax, dtype=object))
        if panels is not None and len(panels) != 2:
            raise ValueError(f"ax must be two axes, for the scores and the losses. Got {len(panels)} instead.")
        panels = _new_axes((10, 4), 2) if panels is None else panels
        scores = {name: s.to_numpy(dtype=float) for name, s in self.scores.groupby("estimator", sort=False)["score"]}
        self.points_, self.means_, self.lines_, self.bands_ = {}, {}, {}, {}
        for number, name in enumerate(dict.fromkeys([*scores, *losses])):
            color, marker = _COLORS[number % len(_COLORS)], _MARKERS[number % len(_MARKERS)]
            if name in scores:
                values = scores[name]
                # Multiples of the golden ratio spread evenly, however many there are.
                heights = number + 0.4 * ((0.618034 * np.arange(len(values)) + 0.5) % 1 - 0.5)
                style = {"color": color, "marker": marker, "alpha": 0.6, "linewidths": 0}
                self.points_[name] = panels[0].scatter(values, heights, s=25, **style)
                mean, ends = np.nanmean(values), [number - 0.35, number + 0.35]
                (self.means_[name],) = panels[0].plot([mean, mean], ends, color="black", linewidth=2)
            if name in losses:
                table = losses[name]
                epochs = np.arange(1, table.shape[1] + 1)
                style = {"color": color, "linestyle": _DASHES[number % len(_DASHES)], "label": str(name)}
                style["marker"] = marker if len(epochs) == 1 else None
                (self.lines_[name],) = panels[1].plot(epochs, table.mean(), **style)
                band = panels[1].fill_between(epochs, table.min(), table.max(), color=color, alpha=0.2, linewidth=0)
                self.bands_[name] = band
        panels[0].set_yticks(range(len(scores)), labels=[str(name) for name in scores])
        panels[0].set_ylim(len(scores) - 0.5, -0.5)  # the first one on top
        panels[0].set(xlabel=f"{self.scoring} (higher is better)", title="Score of each fit (bar: mean)")
        panels[1].set(ylabel="training loss", title="Mean loss (band: range over fits)")
        _count_epochs(panels[1], logy)
        _add_legend(panels[1])
        self.ax_, self.figure_ = panels, panels[0].figure
        return self


def _recorder(estimator):
    """Return the one fitted part of an estimator, or the estimator itself, that has a history."""
    found, seen, waiting = [], set(), [estimator]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(getattr(part, "history_", None), Mapping):
            found.append(part)
            continue
        inside = [value for name, value in getattr(part, "__dict__", {}).items() if name.endswith("_")]
        inside += [step for _, step in getattr(part, "steps", [])]
        inside += [element for value in inside if isinstance(value, list) for element in value]
        waiting += [value for value in inside if isinstance(value, BaseEstimator)]
    if not found:
        check_is_fitted(estimator)
        raise TypeError(
            "LossCurveDisplay needs an estimator with history_, a dict of metric name to one value an epoch, such as "
            f"a fitted GRURegressor, or one that holds such an estimator. {type(estimator).__name__} does not."
        )
    if len(found) > 1:
        raise ValueError(
            f"{type(estimator).__name__} holds {len(found)} estimators with history_: pass those to draw in a dict."
        )
    return found[0]


def _curves(histories, metric):
    """Return for each name the training and validation values of a metric; None for no validation."""
    if not histories:
        raise ValueError("There is no history to draw. Pass at least one.")
    curves = {}
    for name, history in histories.items():
        if metric not in history:
            raise ValueError(f"The history of {name!r} has no {metric!r}, but {sorted(history)}.")
        values = [np.asarray(history[key], dtype=float) for key in (metric, f"val_{metric}") if key in history]
        shapes = [value.shape for value in values]
        if len(set(shapes)) > 1 or len(shapes[0]) != 1 or not shapes[0][0]:
            raise ValueError(f"The {metric!r} of {name!r} must be one value an epoch. Got shapes {shapes} instead.")
        curves[name] = (*values, None)[:2]
    return curves


def _losses(of_fits, name):
    """Return training losses as a frame of shape (n_fits, n_epochs), NaN after the last epoch of a fit."""
    return pd.DataFrame({i: pd.Series(_curves({name: h}, "loss")[name][0]) for i, h in enumerate(of_fits)}).T


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


def _new_axes(size=None, n_columns=1):
    """Return the axes of a new figure, which pyplot knows."""
    import matplotlib.pyplot as plt

    return plt.subplots(ncols=n_columns, figsize=size, layout="constrained")[1]


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


def _count_epochs(ax, logy):
    """Label the horizontal axis with whole epochs, and set the scale of the vertical one."""
    from matplotlib.ticker import MaxNLocator

    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if logy:
        ax.set_yscale("log")


def _add_legend(ax):
    """Draw the legend where it hides least; among many points that takes matplotlib seconds to find."""
    n_points = sum(len(line.get_xdata()) for line in ax.get_lines())
    ax.legend(loc="best" if n_points < 20_000 else "upper left")
