"""Attribution of predictions to time steps and features by integrated gradients."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from skrnn._common.arguments import named_arguments
from skrnn._common.guide import see
from skrnn._common.typing import validate_params
from skrnn._common.warnings import warn
from skrnn._data.targets import outputs_as_list
from skrnn._engine.cells import CELLS
from skrnn._engine.input_gradients import LinearOutputs
from skrnn._estimators.base import BaseRecurrent
from skrnn._estimators.members import members_of
from skrnn._inspection.baselines import Baseline
from skrnn._inspection.explained_output import NAME, output_coefficients
from skrnn._inspection.path_integral import PathIntegral


@named_arguments
@validate_params(
    {
        "estimator": "no_validation",
        "time_step": [Interval(Integral, None, None, closed="neither"), None],
        "n_steps": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def integrated_gradients(
    estimator: Any,
    X: ArrayLike,
    baseline: ArrayLike | float | None = None,
    target: Any = None,
    *,
    time_step: int | None = None,
    n_steps: int = 50,
) -> NDArray[Any]:
    r"""Attribute the predictions of a recurrent estimator to time steps and features, by integrated gradients.

    The attribution of an element of a sequence is its difference from the baseline, times the mean gradient of the
    explained output with respect to it on the straight line from the baseline to the sequence [1]_. The attributions of
    a sample add up to the difference of the outputs for the sequence and for the baseline (completeness).

    Parameters
    ----------
    estimator : estimator
        Fitted recurrent regressor or classifier, with a cell that has native kernels: all cells by name. Gradients are
        computed by the kernels, also where another engine predicts.
    X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
        Sequences in the layout of the training data.
    baseline : float or array-like, default=None
        Sequences at which the integral begins, with values that represent the absence of information. A number, an
        array that can be broadcast to the shape of `X`, such as the means of the features, or, for a list of
        sequences, a list of arrays of the same shapes. If None, zeros are used, which are the means of standardized
        features.
    target : int, str, or array-like of shape (n_samples,), default=None
        The output that is explained. For classifiers, one of the classes, or a class for each sample; if None, the
        predicted class of each sample. The output is the logit of the class, before the softmax; for two classes with
        a single output unit, the log odds of the class. For multilabel targets, the number of the label, which is
        required. For regressors, the number of the output of `y`, which is required if there are several. With
        ``loss="gaussian"`` it is the mean, and with ``loss="quantile"`` the output for the only quantile or the median.
        `predict` sorts quantiles: where they cross, it returns another of these outputs.
    time_step : int, default=None
        The time step whose output is explained. Required with ``return_sequences=True``: a position on the time axis of
        `X` or, if negative, counted from the last valid time step of each sequence, which is -1.
    n_steps : int, default=50
        Number of points at which gradients are computed, those of Gauss-Legendre quadrature. Where the attributions do
        not add up to the difference of the outputs, as on both sides of a kink of the network (dense layers,
        ``pooling="max"``), the interval is halved, up to twelve times, with a tenth of the points in each half. Only
        the sum is checked: single attributions next to a kink may be less exact than it, until `n_steps` is increased.

    Returns
    -------
    ndarray of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
        Attributions in the shape of `X`, in the units of the output, NaN at padded time steps. For a list of sequences,
        an object array of arrays of the same shapes. With ``n_members > 1``, the mean of the attributions for the
        members, which explains the mean of their outputs (of classifiers, of their logits).

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If the estimator is not a recurrent regressor or classifier of skrnn, for example a Pipeline that contains one;
        or if `X` is not array-like, contains non-numeric values, or is sparse.
    ValueError
        If a parameter or `X` is invalid; if the estimator was fitted on token ids or with categorical features, which
        have no gradient; or if its cell has no native kernel.

    Warns
    -----
    UserWarning
        If the attributions of a sample do not add up to the difference of the outputs to within 1%, or 0.01% of the sum
        of the absolute attributions where these cancel, since the gradient varies strongly between the baseline and the
        sequence. Increase `n_steps`.

    See Also
    --------
    sequence_importance : Importance of time steps and features for a score.
    ImportanceDisplay : Visualization of attributions.

    Notes
    -----
    For an output :math:`F`, a sequence :math:`x` and a baseline :math:`x'`, the attribution of the element :math:`i` is

    .. math::

        (x_i - x'_i) \int_0^1 \frac{\partial F(x' + \alpha (x - x'))}{\partial x_i} \, d\alpha.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly and Q. Yan, "Axiomatic attribution for deep networks", ICML 2017.
       https://arxiv.org/abs/1703.01365

    Examples
    --------
    >>> import numpy as np
    >>> from skrnn import GRURegressor
    >>> from skrnn.inspection import integrated_gradients
    >>> X = np.random.default_rng(0).normal(size=(200, 4, 3))
    >>> y = X[:, -1, 1]  # the last time step of the second feature
    >>> reg = GRURegressor(units=8, epochs=50, optimizer__learning_rate=0.01, random_state=0).fit(X, y)
    >>> attributions = integrated_gradients(reg, X)
    >>> attributions.shape
    (200, 4, 3)
    >>> mean = np.abs(attributions).mean(axis=0)
    >>> [int(i) for i in np.unravel_index(mean.argmax(), mean.shape)]
    [3, 1]
    >>> difference = reg.predict(X) - reg.predict(np.zeros_like(X))
    >>> bool(np.allclose(attributions.sum(axis=(1, 2)), difference, rtol=0.01, atol=1e-4))
    True
    """
    _check_estimator(estimator)
    data = estimator._schema.read(estimator, X)
    coefficients = output_coefficients(estimator, X, data, target, time_step)
    networks = [LinearOutputs(estimator._spec, member._state.weights) for member in members_of(estimator)]
    path = PathIntegral(networks, data.sequences, Baseline(baseline, data), coefficients, n_steps)
    attributions = path.attributions()
    _warn_if_incomplete(path, attributions)
    if data.table is not None:
        return attributions[..., 0]
    attributions = data.sequences.to_layout(attributions, np.nan)
    return outputs_as_list(attributions, data.given) if data.is_list else attributions


def _check_estimator(estimator):
    """Raise for estimators whose outputs have no gradient with respect to `X`, or none that kernels compute."""
    name = type(estimator).__name__
    if not isinstance(estimator, BaseRecurrent):
        remedy = ""
        if isinstance(estimator, Pipeline):
            remedy = (
                " Pass the last step of the Pipeline and its input: integrated_gradients(pipeline[-1], "
                "pipeline[:-1].transform(X))."
            )
        elif hasattr(estimator, "best_estimator_"):
            remedy = " Pass its best_estimator_."
        raise TypeError(f"{NAME} requires a recurrent regressor or classifier of skrnn. Got {name} instead.{remedy}")
    check_is_fitted(estimator)
    spec, page = estimator._spec, see("explanations", "integrated-gradients")
    if spec.embedding is not None:
        raise ValueError(
            f"This {name} was fitted on token ids, with respect to which outputs have no gradient: there is no token "
            "between two others. Use sequence_importance(..., by='step'), which permutes them." + page
        )
    if spec.categories:
        raise ValueError(
            f"This {name} was fitted with categorical_features, with respect to whose codes outputs have no gradient. "
            "Use sequence_importance, which permutes them." + page
        )
    if callable(spec.cell) or CELLS[spec.cell].native is None:
        cell = "a callable cell" if callable(spec.cell) else f"the cell {spec.cell!r}"
        raise ValueError(
            f"This {name} has {cell}, for which there are no native kernels. Use sequence_importance, or compute "
            "gradients of model_ with Keras's backend." + page
        )


def _warn_if_incomplete(path, attributions):
    """Warn if attributions do not add up to the difference of the outputs."""
    totals, differences = attributions.sum(axis=(1, 2)), path.differences
    excess = np.abs(totals - differences) - path.tolerances
    is_incomplete = ~(excess <= 0)
    if is_incomplete.any():
        worst = int(np.argmax(np.nan_to_num(excess, nan=np.inf)))
        warn(
            f"The attributions of {is_incomplete.sum()} of {len(totals)} samples do not add up to the difference of "
            f"the outputs to within 1%: for sample {worst}, the sum is {totals[worst]:.4g} and the difference "
            f"{differences[worst]:.4g}. Increase n_steps (currently {path.n_steps}), or choose a baseline closer to X."
        )
