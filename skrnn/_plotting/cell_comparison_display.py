"""Scores and loss curves of compared cells, as one of scikit-learn's Display objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils._optional_dependencies import check_matplotlib_support

from skrnn._plotting.drawing import COLORS, DASHES, MARKERS, add_legend, count_epochs, curves_of, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection, PolyCollection
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D


class Compared(Protocol):
    """What is drawn of a `CellComparison`, which knows its display, and so cannot be known here."""

    @property
    def scores(self) -> pd.DataFrame:
        """A row for each fit."""

    @property
    def histories(self) -> Mapping[str, Any]:
        """The histories of the fits of each recurrent estimator."""

    @property
    def scoring(self) -> str:
        """Name of the score."""


class CellComparisonDisplay:
    """Scores of estimators, and mean loss curves of those that are recurrent.

    Parameters
    ----------
    scores : DataFrame of shape (n_fits, n_columns)
        A row for each fit; columns ``estimator`` and ``score`` are drawn.
    histories : dict of str to list of dict
        For each recurrent estimator the ``history_`` of every fit. Their numbers of epochs may differ.
    scoring : str
        Name of the score, of which higher is better.

    Attributes
    ----------
    points_ : dict of str to matplotlib PathCollection
        The scores of each estimator.
    means_ : dict of str to matplotlib Line2D
        The bar at the mean of its scores.
    lines_ : dict of str to matplotlib Line2D
        The mean training loss of each epoch, over the fits that reached it.
    bands_ : dict of str to matplotlib PolyCollection
        The range of the loss over these fits.
    ax_ : ndarray of matplotlib Axes, shape (2,)
        Where the scores and the losses are drawn.
    figure_ : matplotlib Figure
        The figure that holds both.

    See Also
    --------
    compare_cells : Makes what it draws.
    LossCurveDisplay : The losses of single fits, on held-out data too.

    Examples
    --------
    >>> import pandas as pd
    >>> from skrnn import CellComparisonDisplay
    >>> scores = pd.DataFrame({"estimator": ["gru", "gru", "lstm", "lstm"], "score": [0.9, 0.8, 0.7, 0.9]})
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
    figure_: Figure

    def __init__(
        self, scores: pd.DataFrame, histories: Mapping[str, Sequence[Mapping[str, Sequence[float]]]], scoring: str
    ) -> None:
        self.scores = scores
        self.histories = histories
        self.scoring = scoring

    @classmethod
    def from_comparison(
        cls, comparison: Compared, *, ax: Sequence[Axes] | NDArray[Any] | None = None, logy: bool = False
    ) -> CellComparisonDisplay:
        """Draw what `compare_cells` found.

        Parameters
        ----------
        comparison : CellComparison
            The comparison.
        ax : array-like of matplotlib Axes of shape (2,), default=None
            Where to draw the scores and the losses; None makes a figure.
        logy : bool, default=False
            Whether the axis of the losses is logarithmic.

        Returns
        -------
        CellComparisonDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is nothing to draw, or if `ax` is not two axes.

        Examples
        --------
        >>> import pandas as pd
        >>> from skrnn import CellComparison, CellComparisonDisplay
        >>> comparison = CellComparison(  # as compare_cells would return it
        ...     summary=pd.DataFrame(),
        ...     scores=pd.DataFrame({"estimator": ["gru", "lstm"], "score": [0.9, 0.8]}),
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

    def plot(self, ax: Sequence[Axes] | NDArray[Any] | None = None, *, logy: bool = False) -> CellComparisonDisplay:
        """Draw both panels.

        Parameters
        ----------
        ax : array-like of matplotlib Axes of shape (2,), default=None
            Where to draw the scores and the losses; None makes a figure.
        logy : bool, default=False
            Whether the axis of the losses is logarithmic.

        Returns
        -------
        CellComparisonDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is nothing to draw, or if `ax` is not two axes.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        if not len(self.scores) or not self.histories or not all(self.histories.values()):
            n_fits = {name: len(of_fits) for name, of_fits in self.histories.items()}
            raise ValueError(f"There must be scores and histories. Got {len(self.scores)} scores, histories {n_fits}.")
        losses = {name: _losses(of_fits, name) for name, of_fits in self.histories.items()}
        panels = None if ax is None else np.ravel(np.asarray(ax, dtype=object))
        if panels is not None and len(panels) != 2:
            raise ValueError(f"ax must be two axes, for the scores and the losses. Got {len(panels)} instead.")
        panels = new_axes((10, 4), 2) if panels is None else panels
        scores = {name: s.to_numpy(dtype=float) for name, s in self.scores.groupby("estimator", sort=False)["score"]}
        self.points_, self.means_, self.lines_, self.bands_ = {}, {}, {}, {}
        for number, name in enumerate(dict.fromkeys([*scores, *losses])):
            color, marker = COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]
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
                style = {"color": color, "linestyle": DASHES[number % len(DASHES)], "label": str(name)}
                style["marker"] = marker if len(epochs) == 1 else None
                (self.lines_[name],) = panels[1].plot(epochs, table.mean(), **style)
                band = panels[1].fill_between(epochs, table.min(), table.max(), color=color, alpha=0.2, linewidth=0)
                self.bands_[name] = band
        panels[0].set_yticks(range(len(scores)), labels=[str(name) for name in scores])
        panels[0].set_ylim(len(scores) - 0.5, -0.5)  # the first one on top
        panels[0].set(xlabel=f"{self.scoring} (higher is better)", title="Score of each fit (bar: mean)")
        panels[1].set(ylabel="training loss", title="Mean loss (band: range over fits)")
        count_epochs(panels[1], logy)
        add_legend(panels[1])
        self.ax_, self.figure_ = panels, panels[0].figure
        return self


def _losses(of_fits, name):
    """Return training losses as a frame of shape (n_fits, n_epochs), NaN after the last epoch of a fit."""
    return pd.DataFrame({i: pd.Series(curves_of({name: h}, "loss")[name][0]) for i, h in enumerate(of_fits)}).T
