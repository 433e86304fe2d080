"""Estimator and transformations of its data, fitted on a panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from skrnn._common.state import stored_as
from skrnn._estimators.gru_regressor import GRURegressor
from skrnn._forecasting.covariate_transform import CovariateBlock
from skrnn._forecasting.panel import PreparedPanel
from skrnn._forecasting.parameters import lags_of_differences, lags_to_select
from skrnn._forecasting.target_transform import TargetTransform
from skrnn._forecasting.warm_start import check_same_model, continued_estimator
from skrnn._forecasting.window_layout import (
    SET_ON_FORECASTER,
    WindowLayout,
    category_parameter,
    computes_in_float32,
    layout_of,
    own_categories,
    weight_parameter,
)
from skrnn._forecasting.windows import training_pairs


@stored_as("forecaster model")
@dataclass(frozen=True, eq=False)
class FittedModel:
    """Estimator that predicts the steps after a window, in units of its own.

    Parameters
    ----------
    estimator : estimator
        Fitted on the training pairs of a prepared panel.
    layout : WindowLayout
        Layout of the windows that the estimator takes.
    target : TargetTransform
    known, past : CovariateBlock
        Transformations of the covariates that are known in advance, and of those known up to the present only.
    has_missing : ndarray of bool, shape (n_outputs + n_past_covariates,)
        Whether a value, or a past covariate, had missing values in `fit`: then it has a column of indicators.
    """

    estimator: Any
    layout: WindowLayout
    target: TargetTransform
    known: CovariateBlock
    past: CovariateBlock
    has_missing: NDArray[Any]

    @property
    def n_past(self):
        """Number of covariates that are known up to the present only."""
        return len(self.past.n_categories)

    def prepare(self, panel):
        """Return a panel in the units of the estimator."""
        values, levels = self.target.transform(panel)
        parts = [values, self.past.transform(panel.past)] if self.n_past else [values]
        if self.has_missing.any():
            parts.append(np.isnan(np.concatenate([values, panel.past], axis=1))[:, self.has_missing])
        observed = np.concatenate(parts, axis=1) if len(parts) > 1 else values
        covariates = self.known.transform(panel.covariates)
        return PreparedPanel(observed, levels, covariates, panel.codes, values.shape[1], self.target.n_lost)


@dataclass(frozen=True, eq=False)
class Model:
    """Estimator and transformations to fit, as passed to the forecaster.

    Parameters
    ----------
    estimator : estimator or None
    target_transformer, covariate_transformer : "standard", transformer or None
    window_scaling : {"last", "mean", "standard"} or None
    differencing : tuple of int
        Lags of the differences.
    per_series : bool
    window, output_steps : int
    lags : tuple of int or None
    pads_short : bool
    columns : CovariateColumns
    n_calendar : int
        Number of covariates that are computed from the index, which come last.
    """

    estimator: Any
    target_transformer: Any
    covariate_transformer: Any
    window_scaling: str | None
    differencing: tuple[int, ...]
    per_series: bool
    window: int
    output_steps: int
    lags: tuple[int, ...] | None
    pads_short: bool
    columns: Any
    n_calendar: int = 0

    @property
    def n_required(self):
        """Number of rows of the shortest series that can be fitted on."""
        n_lost = sum(self.differencing)
        if self.pads_short:
            return n_lost + 1
        return n_lost + (self.window if self.lags is None else max(self.lags)) + self.output_steps

    @property
    def n_required_of_each(self):
        """Number of rows of the shortest series that has a window and the values to predict."""
        return max(self.n_required, sum(self.differencing) + 1 + self.output_steps)

    def check_lengths(self, panel, names):
        """Raise if a series is too short to be fitted on, or all are; names are those of several series, or None."""
        lengths = np.diff(panel.bounds())
        has_windows = lengths.max() >= self.n_required_of_each
        n_required = self.n_required if has_windows else self.n_required_of_each
        is_short = lengths < n_required
        if is_short.any():
            at = int(np.argmax(is_short))
            which = "" if names is None else f" of series {names.tolist()[at]!r}"
            given = [f"output_steps={self.output_steps}"]
            if not self.pads_short:
                given.insert(0, f"window={self.window}" if self.lags is None else f"lags={list(self.lags)}")
            if self.differencing:
                given.append(f"differencing={self.differencing}")
            shown = ", ".join(given[:-1]) + " and " * (len(given) > 1) + given[-1]
            raise ValueError(
                f"y has {lengths[at]} sample(s){which}, but {shown} require{'s' * (len(given) == 1)} at least "
                f"{n_required}. Pass a longer series"
                + (
                    "."
                    if self.pads_short
                    else f", decrease {'window' if self.lags is None else 'lags'}, or set padding='auto'."
                )
            )

    def fit(self, panel, weights=None, start=None):
        """Fit clones of the estimator and of the transformers on a panel in the units of ``y``.

        Parameters
        ----------
        panel : Panel
        weights : ndarray of shape (n_rows,), default=None
            Weights of the rows to predict.
        start : FittedModel, default=None
            Model whose estimator is fitted further, with the transformers that belong to all series.

        Returns
        -------
        FittedModel
        """
        given = default_if_none(self.estimator)
        layout = layout_of(given, self.window, self.output_steps, self.window_scaling, self.lags)
        if start is None:
            estimator = clone(given)
        else:
            check_same_model(self, given, layout, start)
            estimator = continued_estimator(given, start.estimator)
        parameter, n_categories = category_parameter(estimator), self.columns.n_categories
        own = own_categories(given)
        if parameter is not None and own is not None and n_categories.any():
            raise ValueError(SET_ON_FORECASTER.format(own=own))
        n_known = np.concatenate([n_categories[~self.columns.is_past], np.zeros(self.n_calendar, dtype=int)])
        n_past, one_hot = n_categories[self.columns.is_past], parameter is None
        if start is None:
            known, past = (
                CovariateBlock.fit(columns, n, self.covariate_transformer, one_hot=one_hot)
                for columns, n in ((panel.covariates, n_known), (panel.past, n_past))
            )
            target = TargetTransform.fit(self.target_transformer, self.differencing, panel, per_series=self.per_series)
            target.check_inverse(panel)
            has_missing = np.isnan(np.concatenate([panel.y, panel.past], axis=1)).any(axis=0)
        else:
            known, past, has_missing = start.known, start.past, start.has_missing
            target = start.target.of_series(panel)
        unfitted = FittedModel(estimator, layout, target, known, past, has_missing)
        prepared = unfitted.prepare(panel)
        if parameter is not None and n_categories.any():
            estimator.set_params(**{parameter: _category_positions(unfitted, prepared)})
        X, y, weights = training_pairs(unfitted, prepared, weights, pads_short=self.pads_short)
        if computes_in_float32(estimator):
            with np.errstate(over="ignore"):  # the estimator rejects overflow as infinity
                y = y.astype(np.float32)
        _fit(estimator, X, y, weights, self.target_transformer, own)
        return unfitted


def model_of(forecaster, schema):
    """Return the estimator and the transformations that the parameters of a forecaster define.

    Parameters
    ----------
    forecaster : SequenceForecaster
    schema : Schema
        Of the rows to fit on.
    """
    calendar = schema.calendar
    return Model(
        estimator=forecaster.estimator,
        target_transformer=forecaster.target_transformer,
        covariate_transformer=forecaster.covariate_transformer,
        window_scaling=forecaster.window_scaling,
        differencing=lags_of_differences(forecaster.differencing),
        per_series=forecaster.per_series,
        window=forecaster.window,
        output_steps=forecaster.output_steps,
        lags=lags_to_select(forecaster.lags),
        pads_short=forecaster.padding == "auto",
        columns=schema.columns,
        n_calendar=0 if calendar is None else len(calendar.get_feature_names_out()),
    )


def default_if_none(estimator):
    """Return the default estimator instead of None."""
    return GRURegressor() if estimator is None else estimator


def _fit(estimator, X, y, weights, target_transformer, own):
    """Fit an estimator; an error that parameters of the forecaster may have caused says so."""
    arguments = {} if weights is None else {weight_parameter(estimator): weights}
    try:
        estimator.fit(X, y, **arguments)
    except ValueError as error:
        if own is not None and "categorical" in str(error).lower():
            raise ValueError(f"{SET_ON_FORECASTER.format(own=own)} The estimator raised: {error}") from error
        if np.ndim(y) == 2 and "1d array" in str(error).lower():
            raise ValueError(
                f"The estimator predicts one number, but {y.shape[1]} are required: output_steps times the columns of "
                f"y. Wrap it, as in MultiOutputRegressor({type(estimator).__name__}()). The estimator raised: {error}"
            ) from error
        mentions_sign = any(word in str(error).lower() for word in ("negative", "positive", "valid range"))
        if isinstance(target_transformer, str) and (np.asarray(y) < 0).any() and mentions_sign:
            raise ValueError(
                f"{error} SequenceForecaster standardizes the target by default: pass target_transformer=None and "
                "window_scaling=None for an estimator that requires targets that are not negative."
            ) from error
        raise


def _category_positions(model, prepared):
    """Return the positions of columns of codes among the columns of the windows."""
    layout, n_outputs = model.layout, prepared.n_outputs
    n_observed, n_covariates = prepared.observed.shape[1], prepared.covariates.shape[1]
    n_transformed_past = n_observed - n_outputs - int(model.has_missing.sum())
    of_past = np.arange(n_outputs + model.past.n_numbers(n_transformed_past), n_outputs + n_transformed_past)
    of_known = np.arange(model.known.n_numbers(n_covariates), n_covariates)
    if layout.takes_3d:
        return [*of_past.tolist(), *(n_observed + of_known).tolist()]
    n_lags = layout.window if layout.lags is None else len(layout.lags)
    past = of_past + n_observed * np.arange(n_lags)[:, None]
    known = n_observed * n_lags + of_known + n_covariates * np.arange(layout.output_steps)[:, None]
    return [*past.ravel().tolist(), *known.ravel().tolist()]
