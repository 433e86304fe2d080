"""Recurrent cells, and other estimators, on the same folds and seeds."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_random_state

from skrnn._common.frames import as_pandas
from skrnn._common.nested_estimators import nested_estimators
from skrnn._common.typing import Splitter, validate_params
from skrnn._engine.native.library import LIBRARIES
from skrnn._estimators.base import BaseRecurrent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from skrnn._plotting.cell_comparison_display import CellComparisonDisplay


@dataclass(frozen=True, eq=False)
class CellComparison:
    """What `compare_cells` found; its parameters are its attributes.

    Parameters
    ----------
    summary : DataFrame of shape (n_estimators, 7)
        A row for each cell and baseline: number of ``parameters``; mean ``seconds a fit`` and
        ``milliseconds an epoch``, without compiling; mean ``final loss`` in training; ``volatility of the loss``, which
        is the standard deviation of its change from one epoch to the next, divided by its mean; ``mean score`` and
        ``standard deviation of the score`` over folds and seeds. What a baseline does not have is missing.
    scores : DataFrame of shape (n_fits, 4)
        A row for each fit: ``estimator``, ``seed`` and ``fold``, both counted from 0, and ``score``.
    differences : DataFrame of shape (n_pairs, 4)
        A row for each pair of estimators, which are its index: mean ``difference`` of their scores, first minus second,
        ``low`` and ``high`` end of its 95 % interval, and ``p``, the p-value of no difference, by the corrected
        resampled t test.
    histories : dict of str to list of dict
        For each cell the ``history_`` of every fit, in the order of `scores`.
    scoring : str, default="score"
        Name of the score.

    See Also
    --------
    compare_cells : Makes it, and says what the test is.
    CellComparisonDisplay : Draws it.

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

    def plot(self, *, ax: Sequence[Axes] | NDArray[Any] | None = None) -> CellComparisonDisplay:
        """Draw the scores and the loss curves.

        Parameters
        ----------
        ax : array-like of matplotlib Axes of shape (2,), default=None
            Where to draw the scores and the losses; None makes a figure.

        Returns
        -------
        CellComparisonDisplay
            The display, drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `ax` is not two axes.
        """
        from skrnn._plotting.cell_comparison_display import CellComparisonDisplay

        return CellComparisonDisplay.from_comparison(self, ax=ax)


@validate_params(
    {
        "estimator": [HasMethods(["fit", "predict"])],
        "cells": ["array-like"],
        "baselines": [dict, None],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=False,  # of the estimator nothing is validated yet
)
def compare_cells(
    estimator: BaseEstimator,
    X: ArrayLike,
    y: ArrayLike,
    *,
    cells: Sequence[str | Callable[..., Any]] = ("gru", "lstm"),
    baselines: dict[str, Any] | None = None,
    cv: int | Splitter | Iterable[Any],
    n_repeats: int = 5,
    scoring: str | Callable[..., float] | None = None,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> CellComparison:
    """Compare recurrent cells on the same data, folds and seeds.

    Parameters
    ----------
    estimator : estimator
        A `RecurrentRegressor` or `RecurrentClassifier`, or a Pipeline, a TransformedTargetRegressor or another
        estimator that holds exactly one. Each cell takes the place of its ``cell``, each seed that of its
        ``random_state``.

    X : array-like of shape (n_samples, ...)
        Sequences, or the rows that a Pipeline makes them of.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets, as the estimator takes them.

    cells : array-like of str or callable, default=("gru", "lstm")
        Cells to compare, as the ``cell`` parameter of the estimator takes them. A callable goes by its name.

    baselines : dict of str to estimator, default=None
        Other estimators, fitted and scored on the same folds: once a fold, or, where they have a ``random_state`` of
        None, once a seed.

    cv : int, splitter or iterable
        Folds, as in ``cross_val_score``.

    n_repeats : int, default=5
        Number of seeds.

    scoring : str or callable, default=None
        The score, as in ``cross_val_score``. None is the estimator's own.

    n_jobs : int, default=None
        Number of processes. The times are those of fits that share the cores.

    random_state : int, RandomState instance or None, default=None
        Determines the seeds. Every cell gets the same ones.

    Returns
    -------
    CellComparison
        Scores, times, losses, and the differences between the estimators.

    Raises
    ------
    ValueError
        If `estimator` does not hold exactly one recurrent estimator whose cell is a parameter, if two cells or
        baselines have one name, or if a parameter is out of its range.

    See Also
    --------
    CellComparison : What it returns.
    RecurrentRegressor, RecurrentClassifier : Have the cell as a parameter, to search over.

    Notes
    -----
    A fit that compiled kernels is repeated for its time, so that times leave compiling out.

    Folds share training data, so that their scores are not independent, and the variance of a plain t test is too
    small. The corrected test [1]_ takes ``(1 / n + n_test / n_train)`` times the variance of the ``n`` differences,
    over folds and seeds. With growing training sets, as those of TimeSeriesSplit, the mean ratio of sizes stands for
    theirs.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio, "Inference for the Generalization Error", Machine Learning 52 (2003), 239-281.
       https://doi.org/10.1023/A:1024068626366

    Examples
    --------
    >>> from sklearn.model_selection import KFold
    >>> from skrnn import RecurrentRegressor, compare_cells
    >>> from skrnn.datasets import make_damped_oscillation
    >>> from skrnn import sliding_windows
    >>> _, y = make_damped_oscillation(60)
    >>> windows = sliding_windows(y[:-1, None], window=5)
    >>> network = RecurrentRegressor(units=4, epochs=2)
    >>> comparison = compare_cells(network, windows, y[1:], cv=KFold(2), n_repeats=2, random_state=0)
    >>> comparison.summary["parameters"]
    gru      89
    lstm    101
    Name: parameters, dtype: Int64
    """
    path = _path_to_recurrent(estimator)
    X, y = indexable(as_pandas(X), as_pandas(y))
    folds = list(check_cv(cv, y, classifier=is_classifier(estimator)).split(X, y))
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=n_repeats)
    candidates = {}
    for cell in cells:
        name = cell if isinstance(cell, str) else getattr(cell, "__name__", repr(cell))
        if name in candidates:
            raise ValueError(f"{name!r} is the name of two cells: give one of them another one.")
        candidates[name] = _Candidate(clone(estimator).set_params(**{f"{path}cell": cell}), f"{path}random_state", path)
    for name, baseline in (baselines or {}).items():
        if name in candidates:
            raise ValueError(f"{name!r} is the name of a cell and of a baseline: give the baseline another one.")
        free = [p for p, value in baseline.get_params().items() if p.endswith("random_state") and value is None]
        candidates[name] = _Candidate(clone(baseline), free[0] if free else None, None)
    scorer = check_scoring(estimator, scoring)
    fits = [
        (name, seed, fold)
        for name, candidate in candidates.items()
        for seed in (range(n_repeats) if candidate.seed_parameter else (0,))
        for fold in range(len(folds))
    ]
    results = Parallel(n_jobs=n_jobs)(
        delayed(_fit_and_score)(candidates[name], int(seeds[seed]), X, y, *folds[fold], scorer)
        for name, seed, fold in fits
    )
    table = pd.DataFrame(results, index=pd.MultiIndex.from_tuples(fits, names=["estimator", "seed", "fold"]))
    ratio = float(np.mean([len(test) / len(train) for train, test in folds]))
    return CellComparison(
        summary=_summary(table),
        scores=table["score"].reset_index(),
        differences=_differences(table["score"], list(candidates), ratio),
        histories={name: table.xs(name)["history"].tolist() for name, c in candidates.items() if c.path is not None},
        scoring="score" if scoring is None else str(scoring),
    )


@dataclass(frozen=True)
class _Candidate:
    """An estimator to compare, and the names of its parameters that matter here."""

    estimator: BaseEstimator
    seed_parameter: str | None
    path: str | None  # to the recurrent estimator in it; None for a baseline


def _path_to_recurrent(estimator):
    """Return the prefix of the parameters of the one recurrent estimator that another holds."""
    found = [
        f"{name}__" if name else ""
        for name, part in {"": estimator, **estimator.get_params(deep=True)}.items()
        if isinstance(part, BaseRecurrent)
    ]
    if len(found) == 1 and f"{found[0]}cell" in estimator.get_params(deep=True):
        return found[0]
    what = f"{len(found)} recurrent estimators" if len(found) != 1 else "one whose cell is no parameter"
    raise ValueError(
        f"compare_cells takes a RecurrentRegressor or RecurrentClassifier, or an estimator that holds exactly one. "
        f"{type(estimator).__name__} holds {what}."
    )


def _fit_and_score(candidate, seed, X, y, train, test, scorer):
    """Fit a candidate on one fold with one seed; return what there is to say of it."""
    estimator = clone(candidate.estimator)
    if candidate.seed_parameter:
        estimator.set_params(**{candidate.seed_parameter: seed})
    estimator, seconds = _timed_fit(estimator, _safe_indexing(X, train), _safe_indexing(y, train))
    result = {"seconds": seconds, "score": scorer(estimator, _safe_indexing(X, test), _safe_indexing(y, test))}
    if candidate.path is None:
        return result
    [network] = nested_estimators(estimator, lambda part: isinstance(part, BaseRecurrent) and hasattr(part, "n_iter_"))
    loss = np.array(network.history_["loss"])
    return result | {
        "parameters": network._n_parameters(),
        "epochs": network.n_iter_,
        "loss": loss[-1],
        "volatility": np.diff(loss).std() / loss.mean() if len(loss) > 1 else np.nan,
        "history": network.history_,
    }


def _timed_fit(estimator, X, y):
    """Fit a clone, and another where that compiled kernels; return the last one, and the seconds of its fit."""
    for _ in range(2):
        fitted = clone(estimator)
        n_compiled = _n_compiled()
        start = time.perf_counter()
        fitted.fit(X, y)
        seconds = time.perf_counter() - start
        if _n_compiled() == n_compiled:
            break
    return fitted, seconds


def _n_compiled():
    return sum(library.n_compiled for library in LIBRARIES.values())


def _summary(table):
    """Return a row for each estimator."""
    table = table.reindex(columns=[*table.columns, *{"parameters", "epochs", "loss", "volatility"} - {*table.columns}])
    table["milliseconds"] = 1e3 * table["seconds"] / table["epochs"]
    by_name = table.groupby("estimator", sort=False)
    mean = by_name[["seconds", "milliseconds", "loss", "volatility", "score"]].mean()
    return pd.DataFrame(
        {
            "parameters": by_name["parameters"].first().astype("Int64"),
            "seconds a fit": mean["seconds"],
            "milliseconds an epoch": mean["milliseconds"],
            "final loss": mean["loss"],
            "volatility of the loss": mean["volatility"],
            "mean score": mean["score"],
            "standard deviation of the score": by_name["score"].std(),
        }
    ).rename_axis(None)


def _differences(scores, names, ratio):
    """Return a row for each pair of estimators: the corrected resampled t test of their scores."""
    rows = {}
    for first, second in itertools.combinations(names, 2):
        n_seeds = max(scores.xs(name).index.get_level_values("seed").nunique() for name in (first, second))
        differences = (_over_seeds(scores.xs(first), n_seeds) - _over_seeds(scores.xs(second), n_seeds)).to_numpy()
        n = len(differences)
        mean = differences.mean()
        error = np.sqrt((1 / n + ratio) * differences.var(ddof=1)) if n > 1 else np.nan
        reach = stats.t.ppf(0.975, n - 1) * error
        with np.errstate(divide="ignore", invalid="ignore"):
            p_value = 2 * stats.t.sf(abs(mean / error), n - 1)
        rows[first, second] = {"difference": mean, "low": mean - reach, "high": mean + reach, "p": p_value}
    index = pd.MultiIndex.from_tuples(rows, names=["first", "second"]) if rows else None
    return pd.DataFrame(list(rows.values()), index=index, columns=["difference", "low", "high", "p"])


def _over_seeds(scores, n_seeds):
    """Return scores by seed and fold; those of an estimator without a seed stand for every seed."""
    if scores.index.get_level_values("seed").nunique() == n_seeds:
        return scores
    return pd.concat({seed: scores.xs(0, level="seed") for seed in range(n_seeds)}, names=["seed"])
