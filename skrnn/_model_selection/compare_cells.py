"""Comparison of recurrent cells, and other estimators, on the same folds and seeds."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from scipy import stats
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_random_state

from skrnn._common.arguments import named_arguments
from skrnn._common.frames import as_pandas
from skrnn._common.nested_estimators import nested_estimators
from skrnn._common.typing import Splitter, validate_params
from skrnn._engine.native.library import LIBRARIES
from skrnn._estimators.base import BaseRecurrent
from skrnn._model_selection.cell_comparison import CellComparison


@named_arguments
@validate_params(
    {
        "estimator": [HasMethods(["fit", "predict"])],
        "cells": ["array-like"],
        "baselines": [dict, None],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=False,  # the estimators validate their own parameters
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
        `RecurrentRegressor` or `RecurrentClassifier`, or a Pipeline, TransformedTargetRegressor or other estimator that
        contains exactly one of them. Its ``cell`` is set to each cell, and its ``random_state`` to each seed.

    X : array-like of shape (n_samples, ...)
        Sequences, or the input that the Pipeline converts to sequences.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Target values.

    cells : array-like of str or callable, default=("gru", "lstm")
        Cells to compare: values of the ``cell`` parameter of the estimator. A callable is listed by its ``__name__``.

    baselines : dict of str to estimator, default=None
        Other estimators to compare, by name. They are fitted and scored on the same folds: once per fold and seed if
        they have a parameter ``random_state`` that is None, and once per fold otherwise.

    cv : int, splitter or iterable
        Cross-validation splitting strategy, as in :func:`~sklearn.model_selection.cross_val_score`.

    n_repeats : int, default=5
        Number of seeds.

    scoring : str or callable, default=None
        Scoring metric, as in :func:`~sklearn.model_selection.cross_val_score`. If None, the ``score`` method of the
        estimator is used.

    n_jobs : int, default=None
        Number of fits to run in parallel. Parallel fits share the cores, so each of them takes longer.

    random_state : int, RandomState instance or None, default=None
        Determines the seeds, which are the same for all cells. Pass an int for reproducible results.

    Returns
    -------
    CellComparison
        Scores, fit times and losses of all estimators, and the differences between their scores.

    Raises
    ------
    ValueError
        If `estimator` does not contain exactly one recurrent estimator with a ``cell`` parameter, if the names of cells
        and baselines are not unique, or if a parameter is invalid.

    See Also
    --------
    CellComparison : Result of a comparison.
    RecurrentRegressor, RecurrentClassifier : Estimators with the cell as a hyperparameter.

    Notes
    -----
    If a fit compiles kernels, it is repeated, so that compilation is not part of the fit times.

    Training sets of different folds overlap, so scores are not independent and the variance of the standard t test
    is too small. The corrected resampled t test [1]_ multiplies the variance of the ``n`` differences over folds and
    seeds by ``1 / n + n_test / n_train``. If training sets differ in size, as in TimeSeriesSplit, the mean of
    ``n_test / n_train`` over the folds is used.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio, "Inference for the Generalization Error", Machine Learning 52 (2003), 239-281.
       https://doi.org/10.1023/A:1024068626366

    Examples
    --------
    >>> from sklearn.model_selection import KFold
    >>> from skrnn import RecurrentRegressor, compare_cells, sliding_windows
    >>> from skrnn.datasets import make_damped_oscillation
    >>> _, y = make_damped_oscillation(60)
    >>> windows = sliding_windows(y[:-1, None], window=5)
    >>> network = RecurrentRegressor(units=4, epochs=2)
    >>> comparison = compare_cells(network, windows, y[1:], cv=KFold(2), n_repeats=2, random_state=0)
    >>> comparison.summary["n_parameters"]
    gru      89
    lstm    101
    Name: n_parameters, dtype: Int64
    """
    path = _path_to_recurrent(estimator)
    X, y = indexable(as_pandas(X), as_pandas(y))
    folds = list(check_cv(cv, y, classifier=is_classifier(estimator)).split(X, y))
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=n_repeats)
    candidates = {}
    for cell in cells:
        name = cell if isinstance(cell, str) else getattr(cell, "__name__", repr(cell))
        if name in candidates:
            raise ValueError(f"Names of cells must be unique, but two cells are named {name!r}. Rename one of them.")
        candidates[name] = _Candidate(clone(estimator).set_params(**{f"{path}cell": cell}), f"{path}random_state", path)
    for name, baseline in (baselines or {}).items():
        if name in candidates:
            raise ValueError(
                f"Names of baselines must differ from those of cells, but {name!r} names both. Rename the baseline."
            )
        unset = [p for p, value in baseline.get_params().items() if p.endswith("random_state") and value is None]
        candidates[name] = _Candidate(clone(baseline), unset[0] if unset else None, None)
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
        scores=table["test_score"].reset_index(),
        differences=_differences(table["test_score"], list(candidates), ratio),
        histories={name: table.xs(name)["history"].tolist() for name, c in candidates.items() if c.path is not None},
        scoring="score" if scoring is None else str(scoring),
    )


@dataclass(frozen=True)
class _Candidate:
    """An estimator to compare."""

    estimator: BaseEstimator
    seed_parameter: str | None  # name of the parameter that is set to the seed, if any
    path: str | None  # prefix of the parameters of the recurrent estimator in it; None for a baseline


def _path_to_recurrent(estimator):
    """Return the prefix of the parameters of the one recurrent estimator in an estimator."""
    found = [
        f"{name}__" if name else ""
        for name, part in {"": estimator, **estimator.get_params(deep=True)}.items()
        if isinstance(part, BaseRecurrent)
    ]
    if len(found) == 1 and f"{found[0]}cell" in estimator.get_params(deep=True):
        return found[0]
    what = f"{len(found)} recurrent estimators" if len(found) != 1 else "one without a 'cell' parameter"
    raise ValueError(
        "compare_cells takes a RecurrentRegressor or RecurrentClassifier, or an estimator that contains exactly one. "
        f"{type(estimator).__name__} contains {what}."
    )


def _fit_and_score(candidate, seed, X, y, train, test, scorer):
    """Fit a candidate on one fold with one seed; return its score, its fit time and what its training recorded."""
    estimator = clone(candidate.estimator)
    if candidate.seed_parameter:
        estimator.set_params(**{candidate.seed_parameter: seed})
    estimator, fit_time = _timed_fit(estimator, _safe_indexing(X, train), _safe_indexing(y, train))
    test_score = scorer(estimator, _safe_indexing(X, test), _safe_indexing(y, test))
    result = {"fit_time": fit_time, "test_score": test_score}
    if candidate.path is None:
        return result
    [network] = nested_estimators(estimator, lambda part: isinstance(part, BaseRecurrent) and hasattr(part, "n_iter_"))
    loss = np.array(network.history_["loss"])
    return result | {
        "n_parameters": network._n_parameters(),
        "epoch_time": fit_time / network.n_iter_,
        "final_loss": loss[-1],
        "loss_volatility": np.diff(loss).std() / loss.mean() if len(loss) > 1 else np.nan,
        "history": network.history_,
    }


def _timed_fit(estimator, X, y):
    """Fit a clone, and once more if that compiled kernels; return the last clone and its fit time in seconds."""
    for _ in range(2):
        fitted = clone(estimator)
        n_compiled = _n_compiled()
        start = time.perf_counter()
        fitted.fit(X, y)
        fit_time = time.perf_counter() - start
        if _n_compiled() == n_compiled:
            break
    return fitted, fit_time


def _n_compiled():
    """Return the number of kernels that this process has compiled."""
    return sum(library.n_compiled for library in LIBRARIES.values())


def _summary(table):
    """Return a row for each estimator."""
    of_networks = {"n_parameters", "epoch_time", "final_loss", "loss_volatility"}  # missing if there are only baselines
    table = table.reindex(columns=[*table.columns, *of_networks - {*table.columns}])
    by_name = table.groupby("estimator", sort=False)
    mean = by_name[["fit_time", "epoch_time", "final_loss", "loss_volatility", "test_score"]].mean()
    return pd.DataFrame(
        {
            "n_parameters": by_name["n_parameters"].first().astype("Int64"),
            "mean_fit_time": mean["fit_time"],
            "mean_epoch_time": mean["epoch_time"],
            "mean_final_loss": mean["final_loss"],
            "loss_volatility": mean["loss_volatility"],
            "mean_test_score": mean["test_score"],
            "std_test_score": by_name["test_score"].std(),
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
        standard_error = np.sqrt((1 / n + ratio) * differences.var(ddof=1)) if n > 1 else np.nan
        half_width = stats.t.ppf(0.975, n - 1) * standard_error
        with np.errstate(divide="ignore", invalid="ignore"):
            p_value = 2 * stats.t.sf(abs(mean / standard_error), n - 1)
        rows[first, second] = [mean, mean - half_width, mean + half_width, p_value]
    index = pd.MultiIndex.from_tuples(rows, names=["first", "second"]) if rows else None
    columns = ["mean_difference", "ci_low", "ci_high", "p_value"]
    return pd.DataFrame(list(rows.values()), index=index, columns=columns)


def _over_seeds(scores, n_seeds):
    """Return scores by seed and fold; those of an estimator without a seed are repeated for each seed."""
    if scores.index.get_level_values("seed").nunique() == n_seeds:
        return scores
    return pd.concat({seed: scores.xs(0, level="seed") for seed in range(n_seeds)}, names=["seed"])
