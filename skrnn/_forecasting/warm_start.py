"""Fits that continue an earlier one: ``warm_start=True``."""

from __future__ import annotations

import copy

import numpy as np


def check_warm_start(estimator):
    """Raise if an estimator does not continue its training in a second fit."""
    parameters = estimator.get_params()
    if not any(value for name, value in parameters.items() if name.split("__")[-1] == "warm_start"):
        raise ValueError(
            "warm_start=True of SequenceForecaster continues the training of its estimator, whose own warm_start must "
            f"be True. Got {estimator!r} instead. Set estimator__warm_start=True, or warm_start=False."
        )


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


def check_same_model(model, layout, fitted):
    """Raise if parameters that determine the inputs of the estimator differ from those of the fit that is continued.

    Parameters
    ----------
    model : Model
    layout : WindowLayout
        Of the model.
    fitted : FittedModel
    """
    target, is_standardized = fitted.target, isinstance(model.target_transformer, str)
    same = (
        layout == fitted.layout
        and model.differencing == target.lags
        and (model.per_series, is_standardized) == (target.is_per_series, target.is_standardized)
        and (model.target_transformer is None or is_standardized) == (not target.transformers)
    )
    if not same:
        raise ValueError(
            "warm_start=True continues an earlier fit, but a parameter that determines the windows or the "
            "transformation of the target has changed since. Set it back, or set warm_start=False."
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


def _equal(categories, fitted):
    """Return whether a column has the same categories, or none in both fits."""
    return np.array_equal([] if categories is None else categories, [] if fitted is None else fitted)
