"""Result of a comparison of recurrent cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd
from numpy.typing import NDArray

from skrnn._common.arguments import named_arguments
from skrnn._common.state import PublicNameMixin
from skrnn._plotting.cell_comparison_display import CellComparisonDisplay

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class CellComparison(PublicNameMixin):
    """Result of :func:`compare_cells`.

    The parameters are available as attributes.

    Parameters
    ----------
    summary : DataFrame of shape (n_estimators, 7)
        One row per cell and baseline: ``n_parameters``, the number of trainable parameters; ``mean_fit_time`` and
        ``mean_epoch_time`` in seconds, excluding compilation; ``mean_final_loss``, the training loss of the last epoch;
        ``loss_volatility``, the standard deviation of the change of the training loss between epochs, divided by the
        mean loss; ``mean_test_score`` and ``std_test_score``. Means and the standard deviation are computed over folds
        and seeds. Values that are defined only for networks are missing for baselines.
    scores : DataFrame of shape (n_fits, 4)
        One row per fit: ``estimator``, ``seed`` and ``fold``, both numbered from 0, and ``test_score``.
    differences : DataFrame of shape (n_pairs, 4)
        One row per pair of estimators, which form the index: ``mean_difference`` of their scores, first minus second;
        ``ci_low`` and ``ci_high``, the bounds of its 95% confidence interval; and ``p_value`` of the null hypothesis
        that there is no difference, by the corrected resampled t test.
    histories : dict of str to list of dict
        For each cell, the ``history_`` of each fit, in the order of `scores`.
    scoring : str, default="score"
        Name of the scoring metric.

    See Also
    --------
    compare_cells : Compare recurrent cells on the same data, folds and seeds.
    CellComparisonDisplay : Visualization of a comparison.

    Examples
    --------
    >>> from sklearn.model_selection import KFold
    >>> from skrnn import RecurrentRegressor, compare_cells, sliding_windows
    >>> from skrnn.datasets import make_damped_oscillation
    >>> _, y = make_damped_oscillation(60)
    >>> windows = sliding_windows(y[:-1, None], window=5)
    >>> network = RecurrentRegressor(units=4, epochs=2)
    >>> comparison = compare_cells(network, windows, y[1:], cv=KFold(2), n_repeats=2, random_state=0)
    >>> comparison.scores[["estimator", "seed", "fold"]].tail(2)
      estimator  seed  fold
    6      lstm     1     0
    7      lstm     1     1
    >>> comparison.differences.index.tolist()
    [('gru', 'lstm')]
    >>> [len(history["loss"]) for history in comparison.histories["gru"]]
    [2, 2, 2, 2]
    """

    summary: pd.DataFrame
    scores: pd.DataFrame
    differences: pd.DataFrame
    histories: dict[str, list[dict[str, list[float]]]] = field(repr=False)
    scoring: str = "score"

    @named_arguments
    def plot(self, *, ax: Sequence[Axes] | NDArray[Any] | None = None) -> CellComparisonDisplay:
        """Plot the scores and the loss curves.

        Parameters
        ----------
        ax : array-like of matplotlib Axes of shape (2,), default=None
            Axes for the scores and for the losses. If None, a new figure is created.

        Returns
        -------
        CellComparisonDisplay
            Display object with the plot.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `ax` does not contain two axes.
        """
        return CellComparisonDisplay.from_comparison(self, ax=ax)
