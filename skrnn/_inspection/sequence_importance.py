"""Permutation importance of the time steps and features of sequences."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skrnn._common.arguments import named_arguments
from skrnn._common.frames import as_pandas
from skrnn._common.guide import see
from skrnn._common.nested_estimators import nested_estimators
from skrnn._common.typing import validate_params
from skrnn._data.checks import check_array_like, check_sample_weights
from skrnn._data.input_schema import learn_schema
from skrnn._data.layouts import is_list_of_sequences, n_dimensions
from skrnn._estimators.base import BaseRecurrent
from skrnn._forecasting.forecaster import SequenceForecaster
from skrnn._inspection.step_table import StepTable
from skrnn._outliers.outlier_detector import SequenceOutlierDetector
from skrnn._windows.windower import SequenceWindower

_NAME = "sequence_importance"


@named_arguments
@validate_params(
    {
        "estimator": [HasMethods(["fit"])],
        "by": [StrOptions({"feature", "step", "both"})],
        "scoring": [str, callable, None],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [Interval(Integral, None, None, closed="neither"), None],
    },
    prefer_skip_nested_validation=True,
)
def sequence_importance(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike | None,
    *,
    by: Literal["feature", "step", "both"] = "feature",
    scoring: Any = None,
    n_repeats: int = 5,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
    sample_weight: ArrayLike | None = None,
) -> Bunch:
    """Permutation importance of the features and time steps of sequences.

    The importance of a part of the input is the decrease of a score when the values of this part are permuted between
    the samples, so that they no longer have a relation to the target [1]_, as in
    :func:`sklearn.inspection.permutation_importance` for tables.

    Parameters
    ----------
    estimator : estimator
        Fitted estimator that takes `X`: a recurrent estimator, a Pipeline, a search, or any other.
    X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
        Sequences: an array, a list of arrays of different lengths, `Sequences`, or token ids. They may be the training
        data or, to find the parts that the estimator depends on in order to generalize, held-out data.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), or None
        Targets, as the scorer takes them.
    by : {"feature", "step", "both"}, default="feature"
        The parts of the input. "feature" permutes a feature of all time steps as a whole, "step" all features of a time
        step, and "both" one feature of one time step. Univariate sequences in a 2-D array, and token ids, require
        "step".
    scoring : str or callable, default=None
        Name of a scorer, or a function with the signature ``scorer(estimator, X, y)``, that returns a single number. If
        None, the ``score`` method of the estimator is used.
    n_repeats : int, default=5
        Number of permutations.
    random_state : int, RandomState instance or None, default=None
        Seed of the permutations, which are the same for all parts of the input.
    n_jobs : int, default=None
        Number of jobs that compute scores in parallel, one part of the input each. None means 1, and -1 all processors.
        The results do not depend on it.
    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights that are passed to the scorer.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        importances_mean : ndarray of shape (n_features,), (n_steps,) or (n_steps, n_features)
            Mean of the importances over the permutations.
        importances_std : ndarray of shape (n_features,), (n_steps,) or (n_steps, n_features)
            Standard deviation over the permutations.
        importances : ndarray of shape (..., n_repeats)
            Decrease of the score for each permutation.
        by : str
            The parameter `by`.

        The number of time steps, n_steps, is that of the longest sequence without its padding. The last time step has
        the index -1, whatever the length of a sequence.

    Raises
    ------
    ValueError
        If a parameter or `X` is invalid; if `X` has no features and `by` is not "step"; or if the scorer does not
        return a single number.
    TypeError
        If `X` is not array-like, contains non-numeric values, or is sparse; or if the estimator contains a
        `SequenceWindower`, a `SequenceForecaster` or a `SequenceOutlierDetector` of time steps, which take rows in time
        order instead of sequences.
    NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    integrated_gradients : Contributions of time steps and features to single predictions.
    ImportanceDisplay : Visualization of the importances.
    sklearn.inspection.permutation_importance : Permutation importance of the columns of a table.

    Notes
    -----
    Sequences keep their lengths and padded time steps. Time steps are counted from the last valid one, with which a
    prediction ends: a sequence takes the last time step of another sequence as its last, and so on. Where the other
    sequence is shorter, the remaining time steps are taken from the sequence whose values the shorter one takes. Each
    time step is therefore permuted among all sequences that have it; one that a single sequence has is not changed, so
    that its importance is 0.

    The values of correlated parts of the input, such as consecutive time steps of a smooth series, can replace each
    other: each of them may have a low importance although the estimator depends on them together. Conversely, a
    permutation combines values that never occur together, on which predictions are extrapolations [2]_.

    References
    ----------
    .. [1] L. Breiman, "Random forests", Machine Learning 45 (2001), 5-32. https://doi.org/10.1023/A:1010933404324
    .. [2] G. Hooker, L. Mentch and S. Zhou, "Unrestricted permutation forces extrapolation: variable importance
       requires at least one more model, or there is no free variable importance", Statistics and Computing 31 (2021),
       82. https://doi.org/10.1007/s11222-021-10057-z

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import GRURegressor
    >>> from skrnn.inspection import sequence_importance
    >>> X = np.random.default_rng(0).normal(size=(200, 4, 3))
    >>> y = X[:, -1, 1]  # the last time step of the second feature
    >>> reg = GRURegressor(units=8, epochs=50, optimizer__learning_rate=0.01, random_state=0).fit(X, y)
    >>> result = sequence_importance(reg, X, y, by="both", random_state=0)
    >>> result.importances_mean.shape
    (4, 3)
    >>> [int(i) for i in np.unravel_index(result.importances_mean.argmax(), (4, 3))]
    [3, 1]
    """
    check_is_fitted(estimator)
    _check_takes_sequences(estimator)
    table = StepTable.of(_read(estimator, X, by))
    n_samples, steps = len(table.data), range(table.n_steps)
    weights = check_sample_weights(sample_weight, n_samples, "float64", _NAME)
    scorer = check_scoring(estimator, scoring=scoring)
    baseline = _score(scorer, estimator, X, y, weights)
    random = check_random_state(random_state)
    permutations = [random.permutation(n_samples) for _ in range(n_repeats)]
    # Cells from the first time step to the last; the table counts from the last.
    parts_of_time = [range(step, step + 1) for step in reversed(steps)] if by != "feature" else [steps]
    parts_of_features = [slice(k, k + 1) for k in range(table.n_features)] if by != "step" else [slice(None)]
    scores = Parallel(n_jobs=n_jobs)(
        delayed(_permuted_scores)(scorer, estimator, table, y, weights, permutations, of_time, of_features)
        for of_time in parts_of_time
        for of_features in parts_of_features
    )
    shape = (len(parts_of_time), len(parts_of_features)) if by == "both" else (len(scores),)
    importances = (baseline - np.array(scores)).reshape(*shape, len(permutations))
    return Bunch(
        importances_mean=importances.mean(axis=-1),
        importances_std=importances.std(axis=-1),
        importances=importances,
        by=by,
    )


def _check_takes_sequences(estimator):
    """Raise for estimators that take rows in time order, between which a permutation has another meaning."""
    by_rows = nested_estimators(estimator, _takes_rows)
    if not by_rows:
        return
    name = type(by_rows[0]).__name__
    remedy = "sequence_importance(pipeline[-1], pipeline[:-1].transform(X), y), or fit on sliding_windows(...)"
    if name == "SequenceForecaster":
        remedy = "a regressor fitted on sliding_windows(...)"
    elif name == "SequenceOutlierDetector":
        remedy = "a detector with method='reconstruction' and window=None, fitted on sliding_windows(...)"
    raise TypeError(
        f"{_NAME} permutes sequences between samples, but {name} takes rows in time order. Pass windows: {remedy}."
        + see("explanations", "windows")
    )


def _takes_rows(part):
    """Return whether an estimator takes rows in time order."""
    if isinstance(part, SequenceOutlierDetector):
        return part._takes_rows
    return isinstance(part, (SequenceWindower, SequenceForecaster))


def _read(estimator, X, by):
    """Return `X` of any layout as an `Input`."""
    check_array_like(X, "X", _NAME)
    given = as_pandas(X)
    n_dims = 3 if is_list_of_sequences(given) else n_dimensions(given)
    if n_dims < 2:
        raise ValueError(
            f"{_NAME} takes sequences, 2-D (n_samples, n_timesteps) or 3-D (n_samples, n_timesteps, n_features). Got X "
            f"with {n_dims} dimension(s). Pass the output of the transformers of a Pipeline with its last step: "
            "sequence_importance(pipeline[-1], pipeline[:-1].transform(X), y)."
        )
    if n_dims == 2 and by != "step":
        raise ValueError(
            f"by={by!r} requires sequences with features, 3-D (n_samples, n_timesteps, n_features). Got X of shape "
            f"{np.shape(given)}, whose sequences are univariate or token ids. Set by='step'."
        )
    networks = nested_estimators(estimator, lambda part: isinstance(part, BaseRecurrent))
    has_tokens = n_dims == 2 and any(network.embedding_dim is not None for network in networks)
    # The errors of the reader name the class of an estimator: here, they name the function.
    reader = type(_NAME, (BaseEstimator,), {})()
    return learn_schema(reader, X, dtype=None, embedding_dim=1 if has_tokens else None)[1]


def _score(scorer, estimator, X, y, weights):
    """Return the score of an estimator, a single number."""
    score = scorer(estimator, X, y) if weights is None else scorer(estimator, X, y, sample_weight=weights)
    if not isinstance(score, Real):
        raise ValueError(
            f"The 'scoring' parameter of {_NAME} must return a single number. Got {score!r} of type "
            f"{type(score).__name__} instead."
        )
    return float(score)


def _permuted_scores(scorer, estimator, table, y, weights, permutations, steps, features):
    """Return the score for each permutation of a part of the input."""
    return [
        _score(scorer, estimator, table.permuted(permutation, steps, features), y, weights)
        for permutation in permutations
    ]
