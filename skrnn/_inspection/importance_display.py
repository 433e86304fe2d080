"""Display object for importances and attributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch
from sklearn.utils._optional_dependencies import check_matplotlib_support

from skrnn._common.arguments import named_arguments
from skrnn._inspection.importance_drawing import aligned, draw_image, figure_size, label_steps, numbers
from skrnn._inspection.sequence_importance import sequence_importance
from skrnn._plotting.drawing import COLORS, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_AXES = {"feature": ("feature",), "step": ("time step",), "both": ("time step", "feature")}


class ImportanceDisplay:
    """Visualization of the importance of time steps and features.

    Importances of features or of time steps are drawn as bars, those of each feature at each time step as a heat map,
    white at 0. Time steps are numbered from the last one, -1.

    Parameters
    ----------
    importances : array-like of shape (n_features,), (n_steps,) or (n_steps, n_features)
        Importances, or the attributions of a single sequence. NaN is left blank.
    by : {"feature", "step", "both"}, default="both"
        The axes of `importances`.
    std : array-like of shape (n_features,) or (n_steps,), default=None
        Standard deviations, drawn as error bars. Not drawn in a heat map.
    feature_names : list of str, default=None
        Names of the features. If None, their positions are used.
    name : str, default="importance"
        Label of the importances.

    Attributes
    ----------
    image_ : matplotlib AxesImage or None
        The heat map, if `by` is "both".
    bars_ : matplotlib BarContainer or None
        The bars, if `by` is "feature" or "step".
    ax_ : matplotlib Axes
        Axes with the plot.
    figure_ : matplotlib Figure
        Figure containing the axes.

    See Also
    --------
    sequence_importance : Permutation importance of time steps and features.
    integrated_gradients : Attribution of predictions to time steps and features.

    Examples
    --------
    >>> from skrnn.inspection import ImportanceDisplay
    >>> display = ImportanceDisplay([0.1, 0.6], by="feature", feature_names=["load", "price"]).plot()
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['load', 'price']
    """

    image_: AxesImage | None
    bars_: BarContainer | None
    ax_: Axes
    figure_: Figure | Any  # a SubFigure if the axes belong to one

    @named_arguments
    def __init__(
        self,
        importances: ArrayLike,
        *,
        by: Literal["feature", "step", "both"] = "both",
        std: ArrayLike | None = None,
        feature_names: Sequence[str] | None = None,
        name: str = "importance",
    ) -> None:
        self.importances = importances
        self.by = by
        self.std = std
        self.feature_names = feature_names
        self.name = name

    @classmethod
    @named_arguments
    def from_importances(
        cls, result: Bunch, *, feature_names: Sequence[str] | None = None, ax: Axes | None = None
    ) -> ImportanceDisplay:
        """Create a display from the result of `sequence_importance`.

        Parameters
        ----------
        result : :class:`~sklearn.utils.Bunch`
            Permutation importances.
        feature_names : list of str, default=None
            Names of the features. If None, their positions are used.
        ax : matplotlib Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        ImportanceDisplay
            Display object with the plot: the mean of the importances and, for bars, their standard deviation.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `result` is not a result of `sequence_importance`.
        ValueError
            If there is not one name per feature.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import GRURegressor
        >>> from skrnn.inspection import ImportanceDisplay, sequence_importance
        >>> X = np.random.default_rng(0).normal(size=(80, 5, 2))
        >>> reg = GRURegressor(units=8, epochs=20, random_state=0).fit(X, X[:, -1, 0])
        >>> result = sequence_importance(reg, X, X[:, -1, 0], by="both", random_state=0)
        >>> display = ImportanceDisplay.from_importances(result, feature_names=["load", "price"])
        >>> display.image_.get_array().shape  # (n_features, n_steps)
        (2, 5)
        """
        if not isinstance(result, Bunch) or not {"importances_mean", "importances_std", "by"} <= result.keys():
            raise TypeError(
                f"result must be a result of sequence_importance. Got {type(result).__name__} instead. Attributions of "
                "integrated_gradients are plotted by from_attributions."
            )
        display = cls(
            result.importances_mean,
            by=result.by,
            std=None if result.by == "both" else result.importances_std,
            feature_names=feature_names,
            name="decrease of the score",
        )
        return display.plot(ax)

    @classmethod
    @named_arguments
    def from_attributions(
        cls,
        attributions: ArrayLike,
        *,
        by: Literal["feature", "step", "both"] = "both",
        feature_names: Sequence[str] | None = None,
        ax: Axes | None = None,
    ) -> ImportanceDisplay:
        """Create a display of the mean absolute attributions of many sequences.

        To plot the attributions of a single sequence with their signs, pass them to the constructor.

        Parameters
        ----------
        attributions : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Attributions that `integrated_gradients` returns. Sequences of different lengths are aligned at their last
            valid time step.
        by : {"feature", "step", "both"}, default="both"
            Axes of the plot. Absolute attributions are added over the other axis, and averaged over the sequences that
            have the time step; by feature, over all sequences.
        feature_names : list of str, default=None
            Names of the features. If None, their positions are used.
        ax : matplotlib Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        ImportanceDisplay
            Display object with the plot.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `attributions` are neither 2-D nor 3-D; if `by` is not an option; or if there is not one name per
            feature.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn.inspection import ImportanceDisplay
        >>> attributions = np.array([[[0.2, -1.0], [0.1, 3.0]], [[np.nan, np.nan], [0.3, 1.0]]])
        >>> display = ImportanceDisplay.from_attributions(attributions)
        >>> display.importances
        array([[0.2, 1. ],
               [0.2, 2. ]])
        """
        _check_by(by, cls.__name__)
        absolute = np.abs(aligned(attributions, f"{cls.__name__}.from_attributions"))
        if by == "feature":
            importances = np.nansum(absolute, axis=1).mean(axis=0)
        else:
            importances = np.nanmean(absolute, axis=0)
            importances = importances.sum(axis=-1) if by == "step" else importances
        return cls(importances, by=by, feature_names=feature_names, name="mean absolute attribution").plot(ax)

    @classmethod
    @named_arguments
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None,
        *,
        by: Literal["feature", "step", "both"] = "both",
        feature_names: Sequence[str] | None = None,
        ax: Axes | None = None,
        scoring: Any = None,
        n_repeats: int = 5,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> ImportanceDisplay:
        """Compute permutation importances by `sequence_importance`, and plot them.

        Parameters
        ----------
        estimator : estimator
            Fitted estimator that takes `X`.
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), or None
            Targets.
        by : {"feature", "step", "both"}, default="both"
            The parts of the input.
        feature_names : list of str, default=None
            Names of the features. If None, their positions are used.
        ax : matplotlib Axes, default=None
            Axes to plot on. If None, a new figure is created.
        scoring : str or callable, default=None
            Scorer, as in `sequence_importance`.
        n_repeats : int, default=5
            Number of permutations.
        random_state : int, RandomState instance or None, default=None
            Seed of the permutations.
        n_jobs : int, default=None
            Number of jobs that compute scores in parallel.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights that are passed to the scorer.

        Returns
        -------
        ImportanceDisplay
            Display object with the plot.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            As in `sequence_importance`.
        ValueError
            As in `sequence_importance`, and if there is not one name per feature.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import GRURegressor
        >>> from skrnn.inspection import ImportanceDisplay
        >>> X = np.random.default_rng(0).normal(size=(80, 5, 2))
        >>> reg = GRURegressor(units=8, epochs=20, random_state=0).fit(X, X[:, -1, 0])
        >>> display = ImportanceDisplay.from_estimator(reg, X, X[:, -1, 0], by="step", random_state=0)
        >>> len(display.bars_)
        5
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        result = sequence_importance(
            estimator,
            X,
            y,
            by=by,
            scoring=scoring,
            n_repeats=n_repeats,
            random_state=random_state,
            n_jobs=n_jobs,
            sample_weight=sample_weight,
        )
        return cls.from_importances(result, feature_names=feature_names, ax=ax)

    @named_arguments
    def plot(self, ax: Axes | None = None) -> ImportanceDisplay:
        """Plot the importances.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. If None, a new figure is created.

        Returns
        -------
        ImportanceDisplay
            Display object with the plot.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If importances are not array-like or contain non-numeric values.
        ValueError
            If `by` is not an option; if `importances` or `std` do not have the axes of `by`; or if there is not one
            name per feature.
        """
        name = type(self).__name__
        check_matplotlib_support(f"{name}.plot")
        _check_by(self.by, name)
        importances = numbers(self.importances, "importances", name)
        axes = _AXES[self.by]
        if importances.ndim != len(axes) or not importances.size:
            raise ValueError(
                f"The importances of {name} must have one axis per part of the input, {' and '.join(axes)}, for "
                f"by={self.by!r}. Got shape {importances.shape} instead."
            )
        names = None if self.by == "step" else self._names(importances.shape[-1])
        std = self._std(importances)
        ax = new_axes(figure_size(self.by, importances.shape)) if ax is None else ax
        self.image_ = self.bars_ = None
        if self.by == "both":
            self.image_ = draw_image(ax, importances, names, self.name)
        elif self.by == "feature":
            self.bars_ = ax.barh(np.arange(len(importances)), importances, xerr=std, color=COLORS[0])
            ax.set_yticks(range(len(importances)), labels=names)
            ax.set_ylim(len(importances) - 0.5, -0.5)  # the first feature on top
            ax.axvline(0, color="black", linewidth=0.8)
            ax.set_xlabel(self.name)
        else:
            self.bars_ = ax.bar(np.arange(-len(importances), 0), importances, yerr=std, color=COLORS[0])
            ax.axhline(0, color="black", linewidth=0.8)
            ax.set_ylabel(self.name)
            label_steps(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _names(self, n_features):
        """Return one name per feature."""
        if self.feature_names is None:
            return [f"feature {k}" for k in range(n_features)] if n_features > 1 or self.by == "feature" else [""]
        names = [str(feature) for feature in self.feature_names]
        if isinstance(self.feature_names, str) or len(names) != n_features:
            raise ValueError(
                f"feature_names must contain one name for each of the {n_features} features. Got "
                f"{self.feature_names!r} instead."
            )
        return names

    def _std(self, importances):
        """Return the standard deviations, which have the shape of the importances."""
        if self.std is None:
            return None
        std = numbers(self.std, "std", type(self).__name__)
        if std.shape != importances.shape:
            raise ValueError(
                f"The std of {type(self).__name__} must have the shape of its importances, {importances.shape}. Got "
                f"shape {std.shape} instead."
            )
        return std


def _check_by(by, name):
    if not isinstance(by, str) or by not in _AXES:
        raise ValueError(f"The 'by' parameter of {name} must be one of {[*_AXES]}. Got {by!r} instead.")
