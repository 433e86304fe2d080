"""Display object for loss curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from skrnn._common.arguments import named_arguments
from skrnn._common.nested_estimators import nested_estimators
from skrnn._plotting.drawing import COLORS, MARKERS, add_legend, curves_of, format_axes, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_LOSS_NAMES = {"mse": "mean squared error", "mae": "mean absolute error", "auto": "cross-entropy"}


class LossCurveDisplay:
    """Loss curve visualization: training and validation loss per epoch.

    Training losses are drawn as solid lines, validation losses as dashed lines.

    Parameters
    ----------
    histories : dict of str to dict
        History for each name, such as the ``history_`` of an estimator: a dict of metric name to list of shape
        (n_epochs,). Names of validation metrics start with ``val_``.
    best_epochs : dict of str to int, default=None
        Epoch to mark for each name, or for some of them, as an index into the history.
    loss_name : str, default=None
        Name of the loss for the axis label.

    Attributes
    ----------
    lines_ : dict of str to matplotlib Line2D
        Training curve for each name.
    validation_lines_ : dict of str to matplotlib Line2D
        Validation curve for each name with validation values.
    best_points_ : dict of str to matplotlib Line2D
        Marker of the best epoch for each name with validation values and a best epoch.
    ax_ : matplotlib Axes
        Axes with the curves.
    figure_ : matplotlib Figure
        Figure containing the axes.

    See Also
    --------
    CellComparisonDisplay : Visualization of the mean loss curves and the scores of compared cells.

    Examples
    --------
    >>> from skrnn import LossCurveDisplay
    >>> history = {"loss": [1.0, 0.5, 0.4], "val_loss": [1.1, 0.7, 0.8]}
    >>> display = LossCurveDisplay({"GRU": history}, best_epochs={"GRU": 1}).plot()
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['GRU: training', 'GRU: validation', 'best epoch']
    """

    lines_: dict[str, Line2D]
    validation_lines_: dict[str, Line2D]
    best_points_: dict[str, Line2D]
    ax_: Axes
    figure_: Figure | Any  # a SubFigure if the axes belong to one

    @named_arguments
    def __init__(
        self,
        histories: Mapping[str, Mapping[str, Sequence[float]]],
        *,
        best_epochs: Mapping[str, int] | None = None,
        loss_name: str | None = None,
    ) -> None:
        self.histories = histories
        self.best_epochs = best_epochs
        self.loss_name = loss_name

    @classmethod
    @named_arguments
    def from_estimator(
        cls,
        estimator: BaseEstimator | Mapping[str, BaseEstimator],
        *,
        name: str | None = None,
        ax: Axes | None = None,
        metric: str = "loss",
        logy: bool = False,
    ) -> LossCurveDisplay:
        """Create a loss curve display from one or several fitted estimators.

        Parameters
        ----------
        estimator : estimator or dict of str to estimator
            Fitted estimator with ``history_``, or a fitted Pipeline, search or other estimator that contains one. The
            estimators of a dict are plotted on the same axes.
        name : str, default=None
            Name of a single estimator in the legend. If None, the name of its class is used.
        ax : matplotlib Axes, default=None
            Axes to plot on. If None, a new figure is created.
        metric : str, default="loss"
            Name in ``history_`` of the metric to plot.
        logy : bool, default=False
            Whether to use a logarithmic scale for the y-axis.

        Returns
        -------
        LossCurveDisplay
            Display object with the plot. For estimators with ``early_stopping=True`` the best epoch is marked.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If an estimator is not fitted.
        TypeError
            If an estimator does not contain an estimator with ``history_``.
        ValueError
            If an estimator contains several estimators with ``history_``, if a history does not have one value of
            `metric` per epoch, or if `name` is passed with a dict.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import GRURegressor, LossCurveDisplay
        >>> X = np.random.default_rng(0).normal(size=(80, 5, 2))
        >>> reg = GRURegressor(units=8, epochs=3, early_stopping=True, random_state=0).fit(X, X[:, -1, 0])
        >>> display = LossCurveDisplay.from_estimator(reg, name="GRU")
        >>> bool((display.validation_lines_["GRU"].get_ydata() == reg.history_["val_loss"]).all())
        True
        >>> bool(display.best_points_["GRU"].get_xdata()[0] == reg.best_epoch_ + 1)
        True
        >>> display.ax_.get_ylabel()
        'loss (mean squared error)'
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if isinstance(estimator, Mapping):
            if name is not None:
                raise ValueError(
                    f"name={name!r} is not supported for a dict of estimators, which are named by its keys."
                )
            parts = {key: _part_with_history(value) for key, value in estimator.items()}
        else:
            part = _part_with_history(estimator)
            parts = {type(part).__name__ if name is None else name: part}
        losses = {loss if isinstance(loss := getattr(part, "loss", None), str) else None for part in parts.values()}
        loss = losses.pop() if len(losses) == 1 else None
        display = cls(
            {key: dict(part.history_) for key, part in parts.items()},
            best_epochs={k: part.best_epoch_ for k, part in parts.items() if getattr(part, "early_stopping", False)},
            loss_name=None if loss is None else _LOSS_NAMES.get(loss, loss.replace("_", " ")),
        )
        return display.plot(ax, metric=metric, logy=logy)

    @named_arguments
    def plot(self, ax: Axes | None = None, *, metric: str = "loss", logy: bool = False) -> LossCurveDisplay:
        """Plot the loss curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. If None, a new figure is created.
        metric : str, default="loss"
            Name in the histories of the metric to plot.
        logy : bool, default=False
            Whether to use a logarithmic scale for the y-axis.

        Returns
        -------
        LossCurveDisplay
            Display object with the plot.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is no history, or if a history does not have one value of `metric` per epoch.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        curves = curves_of(self.histories, metric)
        ax = new_axes() if ax is None else ax
        self.lines_, self.validation_lines_, self.best_points_ = {}, {}, {}
        for number, (name, (training, validation)) in enumerate(curves.items()):
            epochs = np.arange(1, len(training) + 1)
            style: dict[str, Any] = {
                "color": COLORS[number % len(COLORS)],
                "markersize": 5,
                "markevery": -(-len(epochs) // 10),
            }
            if len(curves) > 1 or len(epochs) == 1:  # a line with a single point is not visible
                style["marker"] = MARKERS[number % len(MARKERS)]
            (self.lines_[name],) = ax.plot(epochs, training, label=f"{name}: training", **style)
            if validation is None:
                continue
            (line,) = ax.plot(epochs, validation, linestyle="--", label=f"{name}: validation", **style)
            self.validation_lines_[name] = line
            best = (self.best_epochs or {}).get(name)
            if best is not None:
                label = "_again" if self.best_points_ else "best epoch"  # a single legend entry for all
                (point,) = ax.plot(epochs[best], validation[best], "o", color="black", ms=6, zorder=3, label=label)
                self.best_points_[name] = point
        format_axes(ax, logy)
        is_named = metric == "loss" and self.loss_name is not None
        ax.set_ylabel(f"loss ({self.loss_name})" if is_named else metric.replace("_", " "))
        add_legend(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _part_with_history(estimator):
    """Return the only fitted estimator with a history in an estimator, or the estimator itself."""
    found = nested_estimators(estimator, lambda part: isinstance(getattr(part, "history_", None), Mapping))
    if not found:
        check_is_fitted(estimator)
        raise TypeError(
            "LossCurveDisplay requires an estimator with history_ (a dict of metric name to one value per epoch), such "
            f"as GRURegressor, or an estimator that contains one. Got {type(estimator).__name__} instead."
        )
    if len(found) > 1:
        raise ValueError(
            f"{type(estimator).__name__} contains {len(found)} estimators with history_. Pass those to plot as a dict."
        )
    return found[0]
