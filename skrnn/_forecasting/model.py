"""Estimator and target transformer, fitted on a panel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone

from skrnn._common.state import stored_as
from skrnn._estimators.gru_regressor import GRURegressor
from skrnn._forecasting.training_pairs import WindowLayout, layout_of, training_pairs


@stored_as("forecaster model")
@dataclass(frozen=True, eq=False)
class FittedModel:
    """Estimator that predicts the steps after a window, in units of its own.

    Parameters
    ----------
    estimator : estimator
        Fitted on the training pairs of a transformed panel.
    transformer : transformer or None
        Fitted on the values of the panel; None if these are not transformed.
    layout : WindowLayout
        Layout of the windows that the estimator takes.
    """

    estimator: Any
    transformer: Any
    layout: WindowLayout

    def transform(self, values):
        """Return values of shape (..., n_outputs) in the units of the estimator."""
        return _transformed(self.transformer, values)

    def inverse_transform(self, values):
        """Return values of shape (..., n_outputs) in the units of ``y``."""
        return values if self.transformer is None else _by_row(self.transformer.inverse_transform, values)


@dataclass(frozen=True, eq=False)
class Model:
    """Estimator and target transformer to fit, as passed to the forecaster.

    Parameters
    ----------
    estimator : estimator or None
    target_transformer : transformer or None
    window, output_steps : int
    """

    estimator: Any
    target_transformer: Any
    window: int
    output_steps: int

    @property
    def n_required(self):
        """Number of rows of the shortest series that can be fitted on."""
        return self.window + self.output_steps

    def check_lengths(self, panel, names):
        """Raise if a series is too short to be fitted on; names are those of several series, or None."""
        lengths = np.diff(panel.bounds())
        is_short = lengths < self.n_required
        if is_short.any():
            at = int(np.argmax(is_short))
            which = "" if names is None else f" of series {names.tolist()[at]!r}"
            raise ValueError(
                f"y has {lengths[at]} sample(s){which}, but window={self.window} and output_steps={self.output_steps} "
                f"require at least {self.n_required}. Pass a longer series, or decrease window."
            )

    def fit(self, panel):
        """Fit clones of the estimator and the transformer on a panel in the units of ``y``.

        Returns
        -------
        model : FittedModel
        panel : Panel
            The panel in the units of the estimator.
        """
        transformer = None if self.target_transformer is None else clone(self.target_transformer).fit(panel.y)
        panel = replace(panel, y=_transformed(transformer, panel.y))
        estimator = clone(default_if_none(self.estimator))
        layout = layout_of(estimator, self.window, self.output_steps)
        return FittedModel(estimator.fit(*training_pairs(panel, layout)), transformer, layout), panel


def default_if_none(estimator):
    """Return the default estimator instead of None."""
    return GRURegressor() if estimator is None else estimator


def _transformed(transformer, values):
    return values if transformer is None else _by_row(transformer.transform, values)


def _by_row(function, values):
    """Apply a function of rows of shape (n_rows, n_outputs) to values of shape (..., n_outputs)."""
    rows = values.reshape(-1, values.shape[-1])
    return np.asarray(function(rows)).reshape(values.shape) if len(rows) else values
