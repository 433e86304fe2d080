"""Fits that continue an earlier one: ``warm_start=True``."""

from __future__ import annotations

import copy

import numpy as np
from sklearn.pipeline import Pipeline

from skrnn._common.same_parameters import same_parameters

# Fields of the layout of windows, and the parameters that determine them. The other fields are properties of the
# estimator.
_LAYOUT_PARAMETERS = {"window": "window", "output_steps": "output_steps", "scaling": "window_scaling", "lags": "lags"}


def check_warm_start(estimator):
    """Raise if an estimator, or the last step of a Pipeline, does not continue its training in a second fit."""
    last = estimator
    while isinstance(last, Pipeline):
        last = last.steps[-1][1]
    parameters = last.get_params() if hasattr(last, "get_params") else {}
    if parameters.get("warm_start"):
        return
    message = (
        "warm_start=True of SequenceForecaster continues the training of its estimator, whose own warm_start must be "
        f"True. Got {estimator!r} instead. "
    )
    inner = [name for name, value in parameters.items() if name.endswith("__warm_start") and value]
    if inner and "warm_start" not in parameters:
        name = type(last).__name__
        raise ValueError(
            f"{message}{name} has no parameter warm_start: each fit trains new clones of the estimator inside it, also "
            f"with {inner[0]}=True. Pass that estimator without {name}, or set warm_start=False."
        )
    raise ValueError(f"{message}Set estimator__warm_start=True, or warm_start=False.")


def check_same_data(schema, fitted_schema):
    """Raise if the columns of `X` or `y` differ from those of the fit that is continued."""
    columns, fitted = schema.columns, fitted_schema.columns
    same = (
        schema.n_outputs == fitted_schema.n_outputs
        and columns.names == fitted.names
        and np.array_equal(columns.is_past, fitted.is_past)
        and len(columns.categories) == len(fitted.categories)
        and all(_equal(ours, theirs) for ours, theirs in zip(columns.categories, fitted.categories, strict=True))
    )
    if not same:
        raise ValueError(
            "warm_start=True continues an earlier fit, but the columns of X, their categories or the number of columns "
            "of y differ from that fit. Pass the same columns, or set warm_start=False."
        )
    calendar, fitted_calendar = schema.calendar, fitted_schema.calendar
    if _features_of(calendar) != _features_of(fitted_calendar):
        raise ValueError(
            f"warm_start=True continues an earlier fit with the calendar features {_features_of(fitted_calendar)}, but "
            f"those of this fit are {_features_of(calendar)}. Set calendar to the same features, by name instead of "
            "'auto' if they depend on the rows, or set warm_start=False."
        )


def check_same_model(model, estimator, layout, fitted):
    """Raise if parameters that determine the inputs of the estimator differ from those of the fit that is continued.

    Parameters
    ----------
    model : Model
    estimator : estimator
        Of the model, not fitted.
    layout : WindowLayout
        Of the model.
    fitted : FittedModel
    """
    changed = [name for field, name in _LAYOUT_PARAMETERS.items() if _differ(layout, fitted.layout, field)]
    if "lags" in changed:
        changed = [name for name in changed if name != "window"]  # the largest lag
    if not _is_same_estimator(estimator, fitted.estimator) or (layout != fitted.layout and not changed):
        changed.append("estimator")
    if not _is_same_target(model.target_transformer, fitted.target):
        changed.append("target_transformer")
    if model.differencing != fitted.target.lags:
        changed.append("differencing")
    if model.per_series != fitted.target.is_per_series:
        changed.append("per_series")
    if not all(block.is_fit_of(model.covariate_transformer) for block in (fitted.known, fitted.past)):
        changed.append("covariate_transformer")
    if changed:
        raise ValueError(
            "warm_start=True continues an earlier fit, but a parameter that determines the inputs or the targets of "
            f"the estimator has changed since: {', '.join(changed)}. Set it back, or set warm_start=False."
        )


def _differ(layout, fitted, field):
    return getattr(layout, field) != getattr(fitted, field)


def _is_same_target(transformer, fitted):
    """Return whether a `TargetTransform` was fitted with a transformer: "standard", an estimator or None."""
    if transformer is None or isinstance(transformer, str):
        return not fitted.transformers and isinstance(transformer, str) == fitted.is_standardized
    return bool(fitted.transformers) and same_parameters(transformer, fitted.transformers[0])


def _is_same_estimator(estimator, fitted):
    """Return whether a fitted estimator, and those inside it, are of the same classes; other parameters may differ."""
    ours, theirs = estimator.get_params(), fitted.get_params()
    return type(estimator) is type(fitted) and all(
        name in theirs and (type(value) is type(theirs[name]) or not _has_estimators([value, theirs[name]]))
        for name, value in ours.items()
    )


def continued_estimator(estimator, fitted):
    """Return a copy of a fitted estimator with the parameters that an unfitted one has now."""
    continued = copy.deepcopy(fitted)
    parameters = estimator.get_params()
    return continued.set_params(**{name: value for name, value in parameters.items() if not _has_estimators(value)})


def _has_estimators(value):
    """Return whether a parameter is an estimator, or a list of named ones as in a Pipeline."""
    if isinstance(value, (list, tuple)):
        return any(_has_estimators(item) for item in value)
    return hasattr(value, "get_params")


def _features_of(calendar):
    """Return the names of the features of a fitted calendar."""
    return [] if calendar is None else list(calendar.features_)


def _equal(categories, fitted):
    """Return whether a column has the same categories, or none in both fits."""
    return np.array_equal([] if categories is None else categories, [] if fitted is None else fitted)
