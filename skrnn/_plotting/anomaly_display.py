"""Display object for anomalies of a series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils._optional_dependencies import check_matplotlib_support

from skrnn._common.arguments import named_arguments
from skrnn._common.frames import as_pandas
from skrnn._common.times import as_times, is_ordered
from skrnn._data.row_labels import split_labels
from skrnn._plotting.drawing import COLORS, DASHES, add_common_legend, add_legend
from skrnn._plotting.forecast_drawing import mark_steps, positions_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_MAX_NAMED = 6  # columns with an entry in the legend


class AnomalyDisplay:
    """Anomaly visualization: a series, the score of each of its rows, and the spans of rows that are outliers.

    The outlier score is drawn: the negative of `scores`, which is larger for more abnormal rows.

    Parameters
    ----------
    X : Series, DataFrame or array-like of shape (n_rows,) or (n_rows, n_columns)
        Values of the series, in time order. The index of a pandas object is drawn on the x-axis.
    scores : array-like of shape (n_rows,)
        Score of each row, as returned by ``score_samples``: lower is more abnormal.
    is_outlier : array-like of bool, shape (n_rows,), default=None
        Whether each row is an outlier. If None, it is one if its score is below `threshold`.
    threshold : float, default=None
        Score below which rows are outliers, such as ``offset_`` of a detector. If None, no line is drawn.
    name : str, default=None
        Name of the detector for the label of the scores.

    Attributes
    ----------
    lines_ : list of matplotlib Line2D
        Line of each column of the series.
    score_line_ : matplotlib Line2D
        Outlier scores.
    threshold_line_ : matplotlib Line2D or None
        Threshold.
    spans_ : matplotlib PolyCollection
        Spans of outliers in the axes of the series, one per run of consecutive outliers.
    ax_ : matplotlib Axes
        Axes with the series.
    score_ax_ : matplotlib Axes
        Axes with the scores.
    figure_ : matplotlib Figure
        Figure containing the axes.

    See Also
    --------
    SequenceOutlierDetector : Outlier detection in sequences and time series.

    Examples
    --------
    >>> from skrnn import AnomalyDisplay
    >>> display = AnomalyDisplay([1.0, 1.1, 9.0, 1.0], [-0.1, -0.2, -5.0, -0.1], threshold=-2.0).plot()
    >>> display.score_line_.get_ydata()
    array([0.1, 0.2, 5. , 0.1])
    >>> len(display.spans_.get_paths())
    1
    """

    lines_: list[Line2D]
    score_line_: Line2D
    threshold_line_: Line2D | None
    spans_: PolyCollection
    ax_: Axes
    score_ax_: Axes
    figure_: Figure | Any  # a SubFigure if the axes belong to one

    @named_arguments
    def __init__(
        self,
        X: ArrayLike,
        scores: ArrayLike,
        *,
        is_outlier: ArrayLike | None = None,
        threshold: float | None = None,
        name: str | None = None,
    ) -> None:
        self.X = X
        self.scores = scores
        self.is_outlier = is_outlier
        self.threshold = threshold
        self.name = name

    @classmethod
    @named_arguments
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        *,
        name: str | None = None,
        ax: Axes | Sequence[Axes] | NDArray[Any] | None = None,
        logy: bool = False,
        ylabel: str | None = None,
    ) -> AnomalyDisplay:
        """Create an anomaly display from a fitted outlier detector.

        Parameters
        ----------
        estimator : estimator
            Fitted outlier detector whose samples are the rows of a series, such as a
            :class:`~skrnn.SequenceOutlierDetector` with ``method="prediction"`` or with `window`, or a Pipeline that
            ends with one.
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Rows of one series, in time order. The column of `groups` is not drawn.
        name : str, default=None
            Name of the detector for the label of the scores. If None, the name of its class is used.
        ax : matplotlib Axes, or array-like of two Axes, default=None
            Axes of the series and of the scores. If there is only one, scores have a second y-axis. If None, a new
            figure is created.
        logy : bool, default=False
            Whether to use a logarithmic scale for the scores.
        ylabel : str, default=None
            Label of the y-axis of the series. If None, the name of its only column is used.

        Returns
        -------
        AnomalyDisplay
            Display object with the plot.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the detector is not fitted.
        TypeError
            If the estimator has no ``score_samples`` or no ``predict`` method.
        ValueError
            If the samples of the detector are sequences, if `X` contains several series, or if the detector raises a
            ValueError for `X`.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.ensemble import IsolationForest
        >>> from skrnn import AnomalyDisplay
        >>> X = np.array([0.0, 0.1, 0.2, 0.1, 0.0, 9.0, 0.1, 0.2])[:, None]
        >>> forest = IsolationForest(contamination=0.1, random_state=0).fit(X)
        >>> display = AnomalyDisplay.from_estimator(forest, X, ylabel="flow (l/s)")
        >>> int(display.score_line_.get_ydata().argmax())
        5
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        for method in ("score_samples", "predict"):
            if not hasattr(estimator, method):
                raise TypeError(
                    f"AnomalyDisplay requires an outlier detector with a {method} method. {type(estimator).__name__} "
                    "has none."
                )
        detector = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
        if getattr(detector, "method", None) == "reconstruction" and getattr(detector, "window", 1) is None:
            raise ValueError(
                f"The samples of {type(detector).__name__} with method='reconstruction' are sequences, and "
                "AnomalyDisplay draws the rows of a series. Set method='prediction', or window, so that rows are time "
                "steps."
            )
        scores = np.asarray(estimator.score_samples(X))
        groups = getattr(detector, "groups", None)
        if groups is None:
            groups = getattr(getattr(detector, "estimator_", None), "groups", None)
        features, labels = split_labels(X, groups)
        if len(labels.series) > 1:
            raise ValueError(
                f"AnomalyDisplay draws one series, but X contains {len(labels.series)}. Pass the rows of one of them."
            )
        is_level = np.shape(features)[1] == np.shape(X)[1]
        if groups is not None and is_level and isinstance(features.index, pd.MultiIndex):
            features = features.droplevel(groups)
        threshold = getattr(detector, "offset_", None)  # by which samples are scored only once
        display = cls(
            features,
            scores,
            is_outlier=np.asarray(estimator.predict(X)) == -1 if threshold is None else None,
            threshold=threshold,
            name=type(detector).__name__ if name is None else name,
        )
        return display.plot(ax, logy=logy, ylabel=ylabel)

    @classmethod
    @named_arguments
    def from_predictions(
        cls,
        X: ArrayLike,
        scores: ArrayLike,
        *,
        is_outlier: ArrayLike | None = None,
        threshold: float | None = None,
        name: str | None = None,
        ax: Axes | Sequence[Axes] | NDArray[Any] | None = None,
        logy: bool = False,
        ylabel: str | None = None,
    ) -> AnomalyDisplay:
        """Create an anomaly display from scores.

        Parameters
        ----------
        X : Series, DataFrame or array-like of shape (n_rows,) or (n_rows, n_columns)
            Values of the series, in time order.
        scores : array-like of shape (n_rows,)
            Score of each row: lower is more abnormal.
        is_outlier : array-like of bool, shape (n_rows,), default=None
            Whether each row is an outlier. If None, it is one if its score is below `threshold`.
        threshold : float, default=None
            Score below which rows are outliers. If None, no line is drawn.
        name : str, default=None
            Name of the detector for the label of the scores.
        ax : matplotlib Axes, or array-like of two Axes, default=None
            Axes of the series and of the scores. If there is only one, scores have a second y-axis. If None, a new
            figure is created.
        logy : bool, default=False
            Whether to use a logarithmic scale for the scores.
        ylabel : str, default=None
            Label of the y-axis of the series. If None, the name of its only column is used.

        Returns
        -------
        AnomalyDisplay
            Display object with the plot.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the shapes of `X`, `scores` and `is_outlier` are not compatible.

        Examples
        --------
        >>> from skrnn import AnomalyDisplay
        >>> is_outlier = [False, True, True]
        >>> display = AnomalyDisplay.from_predictions([1.0, 5.0, 6.0], [-1.0, -7.0, -8.0], is_outlier=is_outlier)
        >>> len(display.spans_.get_paths())
        1
        """
        display = cls(X, scores, is_outlier=is_outlier, threshold=threshold, name=name)
        return display.plot(ax, logy=logy, ylabel=ylabel)

    @named_arguments
    def plot(
        self,
        ax: Axes | Sequence[Axes] | NDArray[Any] | None = None,
        *,
        logy: bool = False,
        ylabel: str | None = None,
    ) -> AnomalyDisplay:
        """Plot the series, the scores and the outliers.

        Parameters
        ----------
        ax : matplotlib Axes, or array-like of two Axes, default=None
            Axes of the series and of the scores. If there is only one, scores have a second y-axis. If None, a new
            figure is created.
        logy : bool, default=False
            Whether to use a logarithmic scale for the scores.
        ylabel : str, default=None
            Label of the y-axis of the series. If None, the name of its only column is used.

        Returns
        -------
        AnomalyDisplay
            Display object with the plot.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the shapes of `X`, `scores` and `is_outlier` are not compatible, or if `ax` contains neither one nor two
            axes.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        table = _as_table(self.X)
        scores, is_outlier = _checked(self.scores, self.is_outlier, self.threshold, len(table))
        axes = _new_axes() if ax is None else np.ravel(np.asarray(ax, dtype=object))
        if len(axes) not in (1, 2):
            raise ValueError(f"ax must be one axes, or two: of the series and of the scores. Got {len(axes)}.")
        series_ax, score_ax = axes[0], axes[-1] if len(axes) == 2 else axes[0].twinx()
        steps = positions_of(table.index)
        self.lines_ = _add_columns(series_ax, steps, table)
        style = {"color": "0.35", "linewidth": 1.0}
        (self.score_line_,) = score_ax.plot(steps, -scores, label="outlier score", **style)
        self.threshold_line_ = None
        if self.threshold is not None:
            style = {"color": "black", "linestyle": ":", "linewidth": 1.0, "label": "threshold"}
            self.threshold_line_ = score_ax.axhline(-self.threshold, **style)
        spans = _spans(steps, is_outlier)
        self.spans_ = _add_spans(series_ax, spans, "outlier" if len(spans) else None)
        if len(axes) == 2:
            _add_spans(score_ax, spans, None)
        if logy:
            score_ax.set_yscale("log")
        # A second line would not fit between one axes and the edge of a figure.
        end = "" if self.name is None else f" ({self.name})" if len(axes) == 1 else f"\n({self.name})"
        score_ax.set_ylabel(f"outlier score{end}")
        only = table.columns[0] if table.shape[1] == 1 else None
        series_ax.set_ylabel(ylabel if ylabel is not None else "value" if only is None else str(only))
        mark_steps(score_ax if len(axes) == 2 else series_ax, table.index)
        if len(axes) == 1:
            add_common_legend([score_ax, series_ax], None, outside=False)
        else:
            add_legend(series_ax)
            add_legend(score_ax)
        self.ax_, self.score_ax_, self.figure_ = series_ax, score_ax, series_ax.figure
        return self


def _new_axes():
    """Return the axes of a new figure: of the series, and below, of the scores."""
    import matplotlib.pyplot as plt

    return plt.subplots(2, sharex=True, figsize=(9, 5), layout="constrained", height_ratios=(3, 2))[1]


def _as_table(X):
    """Return a series as a DataFrame whose index can be drawn: distinct times or numbers, or else row numbers."""
    X = as_pandas(X)
    if isinstance(X, pd.Series):
        table = X.to_frame("value" if X.name is None else X.name)
    elif isinstance(X, pd.DataFrame):
        table = X
    else:
        values = np.asarray(X, dtype=float)
        table = pd.DataFrame(values) if values.ndim == 2 else pd.Series(values).to_frame("value")
        if values.shape[1:] == (1,):
            table.columns = ["value"]
    if not len(table):
        raise ValueError("X must contain at least one row.")
    index: Any = table.index
    if not is_ordered(index) or not index.is_unique or isinstance(index, pd.TimedeltaIndex):
        return table.set_axis(pd.RangeIndex(len(table)))
    return table.set_axis(as_times(index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index))


def _checked(scores, is_outlier, threshold, n_rows):
    """Return scores and outliers as arrays with one value per row, or raise."""
    scores = np.asarray(scores, dtype=float)
    if is_outlier is None:
        is_outlier = np.zeros(len(scores), dtype=bool) if threshold is None else scores < threshold
    is_outlier = np.asarray(is_outlier)
    for name, values in (("scores", scores), ("is_outlier", is_outlier)):
        if values.shape != (n_rows,):
            raise ValueError(f"{name} must have one value per row of X, {n_rows}. Got shape {values.shape} instead.")
    if is_outlier.dtype != bool:
        raise ValueError(f"is_outlier must contain booleans, such as predict(X) == -1. Got {is_outlier.dtype} instead.")
    return scores, is_outlier


def _add_columns(ax, steps, table):
    """Plot the columns of a series; if there are several, the first ones are named in the legend."""
    lines = []
    for number, column in enumerate(table.columns):
        label = str(column) if number < _MAX_NAMED else f"_{column}"
        style = {"color": COLORS[number % len(COLORS)], "linestyle": DASHES[number // len(COLORS) % len(DASHES)]}
        marker = "o" if len(table) == 1 else None
        lines += ax.plot(steps, table.iloc[:, number], label=label, marker=marker, linewidth=1.0, zorder=2, **style)
    return lines


def _spans(steps, is_outlier):
    """Return start and width of each run of outliers, which reaches half of the way to the rows around it."""
    between = (steps[1:] + steps[:-1]) / 2
    first = steps[:1] - (between[:1] - steps[:1] if len(between) else 0.5)
    last = steps[-1:] + (steps[-1:] - between[-1:] if len(between) else 0.5)
    edges = np.concatenate([first, between, last])
    changes = np.diff(is_outlier.astype(int), prepend=0, append=0)
    starts, ends = edges[np.flatnonzero(changes == 1)], edges[np.flatnonzero(changes == -1)]
    return np.column_stack([starts, ends - starts])


def _add_spans(ax, spans, label):
    """Shade spans over the whole height of the axes."""
    style = {"facecolor": COLORS[1], "alpha": 0.25, "linewidth": 0, "zorder": 1}
    return ax.broken_barh(spans, (0, 1), transform=ax.get_xaxis_transform(), label=label, **style)
