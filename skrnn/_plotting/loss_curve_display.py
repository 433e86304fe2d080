"""Loss curves of estimators, as one of scikit-learn's Display objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from skrnn._common.nested_estimators import nested_estimators
from skrnn._plotting.drawing import COLORS, MARKERS, add_legend, count_epochs, curves_of, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

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
    lines_ : dict of str to matplotlib Line2D
        The curve on the training data, for each name.
    validation_lines_ : dict of str to matplotlib Line2D
        The curve on held-out data, for each name that has one.
    best_points_ : dict of str to matplotlib Line2D
        The mark of the best epoch, for each name that has one.
    ax_ : matplotlib Axes
        Where they are drawn.
    figure_ : matplotlib Figure
        The figure that holds them.

    See Also
    --------
    CellComparisonDisplay : The mean loss of many fits, and their scores.

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
    figure_: Figure | Any  # of axes in a SubFigure, that

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
    def from_estimator(
        cls,
        estimator: BaseEstimator | Mapping[str, BaseEstimator],
        *,
        name: str | None = None,
        ax: Axes | None = None,
        metric: str = "loss",
        logy: bool = False,
    ) -> LossCurveDisplay:
        """Draw what an estimator, or several, recorded in fit.

        Parameters
        ----------
        estimator : estimator or dict of str to estimator
            A fitted estimator with ``history_``, or a Pipeline, a search or another estimator that holds one. A dict
            draws several into the same axes.
        name : str, default=None
            Name of a single estimator in the legend. None is its class.
        ax : matplotlib Axes, default=None
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
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If an estimator is not fitted.
        TypeError
            If an estimator holds nothing with ``history_``.
        ValueError
            If it holds several such parts, if a history does not have one value of `metric` an epoch, or if there is a
            `name` for a dict.

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

    def plot(self, ax: Axes | None = None, *, metric: str = "loss", logy: bool = False) -> LossCurveDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        metric : str, default="loss"
            What to draw, by its name in the histories.
        logy : bool, default=False
            Whether the vertical axis is logarithmic.

        Returns
        -------
        LossCurveDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is no history, or one does not have one value of `metric` an epoch.
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
            if len(curves) > 1 or len(epochs) == 1:  # a line through one point does not show
                style["marker"] = MARKERS[number % len(MARKERS)]
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
        count_epochs(ax, logy)
        is_named = metric == "loss" and self.loss_name is not None
        ax.set_ylabel(f"loss ({self.loss_name})" if is_named else metric.replace("_", " "))
        add_legend(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _recorder(estimator):
    """Return the one fitted part of an estimator, or the estimator itself, that has a history."""
    found = nested_estimators(estimator, lambda part: isinstance(getattr(part, "history_", None), Mapping))
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
