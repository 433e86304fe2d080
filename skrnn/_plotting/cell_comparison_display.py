"""Display object for comparisons of cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils._optional_dependencies import check_matplotlib_support

from skrnn._common.arguments import named_arguments
from skrnn._plotting.drawing import COLORS, DASHES, MARKERS, add_legend, curves_of, format_axes, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection, PolyCollection
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D


class CellComparisonDisplay:
    """Cell comparison visualization: scores and mean loss curves.

    The left axes show the score of each fit. The right axes show the training loss of recurrent estimators per epoch:
    its mean over the fits as a line, and its range as a band.

    Parameters
    ----------
    scores : DataFrame of shape (n_fits, n_columns)
        One row per fit, with the columns ``estimator`` and ``test_score``.
    histories : dict of str to list of dict
        For each recurrent estimator, the ``history_`` of each fit. Numbers of epochs may differ.
    scoring : str
        Name of the scoring metric. Greater scores are better.

    Attributes
    ----------
    points_ : dict of str to matplotlib PathCollection
        Scores of each estimator.
    means_ : dict of str to matplotlib Line2D
        Bar at the mean score of each estimator.
    lines_ : dict of str to matplotlib Line2D
        Mean training loss per epoch, over the fits that trained for this epoch.
    bands_ : dict of str to matplotlib PolyCollection
        Range of the training loss over these fits.
    ax_ : ndarray of matplotlib Axes, shape (2,)
        Axes with the scores and axes with the losses.
    figure_ : matplotlib Figure
        Figure containing the axes.

    See Also
    --------
    compare_cells : Compare recurrent cells on the same data, folds and seeds.
    LossCurveDisplay : Visualization of the training and validation losses of single fits.

    Examples
    --------
    >>> import pandas as pd
    >>> from skrnn import CellComparisonDisplay
    >>> scores = pd.DataFrame({"estimator": ["gru", "gru", "lstm", "lstm"], "test_score": [0.9, 0.8, 0.7, 0.9]})
    >>> histories = {name: [{"loss": [1.0, 0.5]}, {"loss": [0.8, 0.3]}] for name in ("gru", "lstm")}
    >>> display = CellComparisonDisplay(scores, histories, "r2").plot()
    >>> display.lines_["gru"].get_ydata()
    array([0.9, 0.4])
    """

    points_: dict[Any, PathCollection]
    means_: dict[Any, Line2D]
    lines_: dict[Any, Line2D]
    bands_: dict[Any, PolyCollection]
    ax_: NDArray[Any]
    figure_: Figure | Any  # a SubFigure if the axes belong to one

    @named_arguments
    def __init__(
        self, scores: pd.DataFrame, histories: Mapping[str, Sequence[Mapping[str, Sequence[float]]]], scoring: str
    ) -> None:
        self.scores = scores
        self.histories = histories
        self.scoring = scoring

    @classmethod
    @named_arguments
    def from_comparison(
        cls, comparison: Any, *, ax: Sequence[Axes] | NDArray[Any] | None = None, logy: bool = False
    ) -> CellComparisonDisplay:
        """Create a display from the result of :func:`compare_cells`.

        Parameters
        ----------
        comparison : CellComparison
            Comparison to plot.
        ax : array-like of matplotlib Axes of shape (2,), default=None
            Axes for the scores and for the losses. If None, a new figure is created.
        logy : bool, default=False
            Whether to use a logarithmic scale for the losses.

        Returns
        -------
        CellComparisonDisplay
            Display object with the plot.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are no scores or histories, or if `ax` does not contain two axes.

        Examples
        --------
        >>> import pandas as pd
        >>> from skrnn import CellComparison, CellComparisonDisplay
        >>> comparison = CellComparison(  # as compare_cells would return it
        ...     summary=pd.DataFrame(),
        ...     scores=pd.DataFrame({"estimator": ["gru", "lstm"], "test_score": [0.9, 0.8]}),
        ...     differences=pd.DataFrame(),
        ...     histories={"gru": [{"loss": [1.0, 0.5, 0.4]}], "lstm": [{"loss": [0.9, 0.6]}]},
        ... )
        >>> display = CellComparisonDisplay.from_comparison(comparison, logy=True)
        >>> [label.get_text() for label in display.ax_[0].get_yticklabels()]
        ['gru', 'lstm']
        >>> display.ax_[1].get_yscale()
        'log'
        """
        return cls(comparison.scores, comparison.histories, comparison.scoring).plot(ax, logy=logy)

    @named_arguments
    def plot(self, ax: Sequence[Axes] | NDArray[Any] | None = None, *, logy: bool = False) -> CellComparisonDisplay:
        """Plot the scores and the loss curves.

        Parameters
        ----------
        ax : array-like of matplotlib Axes of shape (2,), default=None
            Axes for the scores and for the losses. If None, a new figure is created.
        logy : bool, default=False
            Whether to use a logarithmic scale for the losses.

        Returns
        -------
        CellComparisonDisplay
            Display object with the plot.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are no scores or histories, or if `ax` does not contain two axes.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        if not len(self.scores) or not self.histories or not all(self.histories.values()):
            n_fits = {name: len(of_fits) for name, of_fits in self.histories.items()}
            raise ValueError(
                f"Scores and histories must not be empty. Got {len(self.scores)} scores and histories of {n_fits} fits."
            )
        losses = {name: _losses(of_fits, name) for name, of_fits in self.histories.items()}
        panels = None if ax is None else np.ravel(np.asarray(ax, dtype=object))
        if panels is not None and len(panels) != 2:
            raise ValueError(f"ax must contain two axes, for the scores and for the losses. Got {len(panels)} instead.")
        panels = new_axes((10, 4), 2) if panels is None else panels
        scores = {
            name: s.to_numpy(dtype=float) for name, s in self.scores.groupby("estimator", sort=False)["test_score"]
        }
        self.points_, self.means_, self.lines_, self.bands_ = {}, {}, {}, {}
        for number, name in enumerate(dict.fromkeys([*scores, *losses])):
            color, marker = COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]
            if name in scores:
                values = scores[name]
                # Vertical jitter: multiples of the golden ratio are evenly spread for any number of points.
                heights = number + 0.4 * ((0.618034 * np.arange(len(values)) + 0.5) % 1 - 0.5)
                style = {"color": color, "marker": marker, "alpha": 0.6, "linewidths": 0}
                self.points_[name] = panels[0].scatter(values, heights, s=25, **style)
                mean, ends = np.nanmean(values), [number - 0.35, number + 0.35]
                (self.means_[name],) = panels[0].plot([mean, mean], ends, color="black", linewidth=2)
            if name in losses:
                table = losses[name]
                epochs = np.arange(1, table.shape[1] + 1)
                style = {"color": color, "linestyle": DASHES[number % len(DASHES)], "label": str(name)}
                style["marker"] = marker if len(epochs) == 1 else None
                (self.lines_[name],) = panels[1].plot(epochs, table.mean(), **style)
                band = panels[1].fill_between(epochs, table.min(), table.max(), color=color, alpha=0.2, linewidth=0)
                self.bands_[name] = band
        panels[0].set_yticks(range(len(scores)), labels=[str(name) for name in scores])
        panels[0].set_ylim(len(scores) - 0.5, -0.5)  # the first estimator on top
        panels[0].set(xlabel=f"{self.scoring} (higher is better)", title="Score per fit (bar: mean)")
        panels[1].set(ylabel="training loss", title="Mean loss over fits (band: range)")
        format_axes(panels[1], logy)
        add_legend(panels[1])
        self.ax_, self.figure_ = panels, panels[0].figure
        return self


def _losses(of_fits, name):
    """Return training losses as a frame of shape (n_fits, n_epochs), NaN after the last epoch of a fit."""
    return pd.DataFrame({i: pd.Series(curves_of({name: h}, "loss")[name][0]) for i, h in enumerate(of_fits)}).T
