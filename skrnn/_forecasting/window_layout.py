"""Layout of the windows that an estimator takes, found from its tags and those of the estimators inside it."""

from __future__ import annotations

from dataclasses import dataclass

from sklearn.base import BaseEstimator, is_classifier, is_outlier_detector
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from skrnn._common.state import stored_as
from skrnn._estimators.base import BaseRecurrent

SET_ON_FORECASTER = (
    "The estimator was passed {own}. Set categorical_features on SequenceForecaster instead, as columns of X: it "
    "transforms the other columns, and passes codes and their positions in the windows to the estimator."
)


@stored_as("window layout")
@dataclass(frozen=True)
class WindowLayout:
    """Layout of the windows that an estimator takes.

    Parameters
    ----------
    window : int
        Number of past steps in a window.
    output_steps : int
        Number of steps that are predicted at once.
    takes_3d : bool
        Whether a window is passed as (window, n_features) time steps, or as one flat row.
    takes_lazy : bool
        Whether windows are passed as `Sequences`, which do not copy the series, or as an array.
    takes_missing : bool
        Whether targets may be NaN.
    scaling : {"last", "mean", "standard"} or None
        Scaling of each window by itself.
    lags : tuple of int or None
        Lags that a flat row contains; None for all of the window.
    """

    window: int
    output_steps: int
    takes_3d: bool
    takes_lazy: bool
    takes_missing: bool = False
    scaling: str | None = None
    lags: tuple[int, ...] | None = None


def layout_of(estimator, window, output_steps, scaling=None, lags=None):
    """Return the layout of the windows that an estimator takes; Pipelines, searches and other wrappers are searched.

    Estimators that accept 3-D input, according to their tags, get time steps; only those of skrnn get lazy `Sequences`.
    """
    parts = _parts(estimator)
    takes_3d = any(get_tags(part).input_tags.three_d_array for part in parts)
    if lags is not None and takes_3d:
        raise ValueError(
            f"lags={list(lags)} selects columns of flat windows, but {type(estimator).__name__} takes sequences of "
            "consecutive time steps. Set window instead, or pass an estimator of flat rows, such as Ridge()."
        )
    return WindowLayout(
        window if lags is None else max(lags),
        output_steps,
        takes_3d=takes_3d,
        takes_lazy=any(isinstance(part, BaseRecurrent) for part in parts),
        takes_missing=isinstance(_last_step(estimator), BaseRecurrent),
        scaling=scaling,
        lags=lags,
    )


def computes_in_float32(estimator):
    """Return whether an estimator, or the last step of a Pipeline, is a network that converts targets to float32."""
    network = _last_step(estimator)
    return isinstance(network, BaseRecurrent) and network.dtype == "float32"


def check_predicts_numbers(estimator):
    """Raise for a classifier or an outlier detector, and for a Pipeline, a search or another wrapper of one."""
    if estimator is not None and is_outlier_detector(estimator):
        raise ValueError(
            "The 'estimator' parameter of SequenceForecaster must be a regressor, such as GRURegressor(). Got the "
            f"outlier detector {type(estimator).__name__} instead. For outliers in a series, use "
            "SequenceOutlierDetector(method='prediction')."
        )
    if estimator is not None and is_classifier(estimator):
        innermost = [part for part in _classifiers_inside(estimator) if not _classifiers_inside(part)]
        inside = f" with {type(innermost[0]).__name__}" if innermost else ""
        raise ValueError(
            "The 'estimator' parameter of SequenceForecaster must be a regressor, such as GRURegressor(). "
            f"Got the classifier {type(estimator).__name__}{inside} instead."
        )


def weight_parameter(estimator):
    """Return the name of the parameter of ``fit`` for sample weights; that of the last step for a Pipeline.

    Raises
    ------
    TypeError
        If the estimator does not take sample weights.
    """
    prefix, innermost = "", estimator
    while isinstance(innermost, Pipeline) or hasattr(innermost, "param_grid") or hasattr(innermost, "estimator"):
        if isinstance(innermost, Pipeline):
            prefix += f"{innermost.steps[-1][0]}__"
            innermost = innermost.steps[-1][1]
        elif has_fit_parameter(innermost, "sample_weight"):
            break
        else:
            innermost = innermost.estimator
    if not has_fit_parameter(innermost, "sample_weight"):
        raise TypeError(
            f"SequenceForecaster got sample_weight, but {type(innermost).__name__}.fit does not take it. Fit without "
            "weights, or pass an estimator that takes them."
        )
    return f"{prefix}sample_weight"


def category_parameter(estimator):
    """Return the name of the estimator's parameter for the positions of categories; None if it has none."""
    parameters = estimator.get_params(deep=True)
    for name in ("categorical_features", "estimator__categorical_features"):
        if name in parameters:
            return name
    return None


def own_categories(estimator):
    """Return the parameter of an estimator, or of one inside it, that names categories itself, as text; or None."""
    for name, value in estimator.get_params(deep=True).items():
        if name.endswith("categorical_features") and value is not None and not isinstance(value, str):
            return f"{name}={value!r}"
    return None


def _last_step(estimator):
    """Return the last step of a Pipeline, and any other estimator itself."""
    return _last_step(estimator.steps[-1][1]) if isinstance(estimator, Pipeline) else estimator


def _parts(estimator):
    """Return an estimator and all estimators among its parameters."""
    parameters = estimator.get_params(deep=True).values()
    return [estimator, *(part for part in parameters if isinstance(part, BaseEstimator))]


def _classifiers_inside(estimator):
    """Return the classifiers among the parameters of an estimator."""
    return [part for part in _parts(estimator)[1:] if is_classifier(part)]
