"""Targets of regressors: from ``y`` to what a loss takes, and from outputs to predictions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from skrnn._common.state import stored_as
from skrnn._data.checks import as_numeric, describe_position, first_position
from skrnn._data.targets import (
    check_target_columns,
    check_target_shape,
    columns_of_listed_targets,
    columns_of_targets,
    targets_of_list,
    valid_in_layout,
)
from skrnn._engine.distribution_losses import outputs_per_target, point_predictions
from skrnn._engine.loss_targets import REAL_NUMBERS
from skrnn._estimators.target_scale import warn_of_unscaled_target


@stored_as("regression targets")
@dataclass(frozen=True, eq=False)
class RegressionTargets:
    """Encoder of the targets of a regressor, learned from those of the training data.

    Parameters
    ----------
    shape : tuple
        Shape of the outputs of one sample, or of one time step: () or (n_outputs,).
    per_step : bool
        Whether there is one output per time step.
    loss : str, callable, keras.losses.Loss or DistributionLoss
        The loss parameter of the estimator, or what it represents.
    dtype : str
        Dtype of computation.
    name : str
        Name of the estimator, for errors.
    columns : tuple of hashable, or None
        Columns of the training targets, if they were a frame, or a list of frames.
    """

    shape: tuple[int, ...]
    per_step: bool
    loss: Any
    dtype: str
    name: str
    columns: tuple[Any, ...] | None = None

    kind = REAL_NUMBERS
    n_exclusive_classes = None

    @classmethod
    def learn(cls, y, data, *, per_step, loss, dtype, name, classes=None):
        """Return the encoder for training targets, and these as an array; regressors have no ``classes``."""
        read = _read(y, data, per_step, dtype, name)
        columns = columns_of_listed_targets(y) if per_step and data.is_list else columns_of_targets(y)
        return cls(_output_shape(read, per_step), per_step, loss, dtype, name, columns), read

    def with_loss(self, loss):
        """Return the encoder of the same targets for another loss."""
        return replace(self, loss=loss)

    @property
    def n_outputs(self):
        """Number of outputs."""
        return self.shape[0] if self.shape else 1

    @property
    def public_attributes(self):
        """Fitted attributes of the estimator that are learned from ``y``."""
        return {}

    def read(self, y, data):
        """Return ``y`` as an array in the shape of the training targets; a single output may have an axis or none."""
        check_target_columns(y, self.columns, self.name)
        y = _read(y, data, self.per_step, self.dtype, self.name, self.columns)
        n_outputs = (*_output_shape(y, self.per_step), 1)[0]
        if n_outputs != self.n_outputs:
            raise ValueError(
                f"y has {n_outputs} output(s), but {self.name} was fitted with {self.n_outputs}. Pass y in the "
                "shape of the training targets, or call fit with warm_start=False."
            )
        return y.reshape(y.shape[: 2 if self.per_step else 1] + self.shape)

    def read_scored(self, y, data):
        """Return ``y`` of ``score``, as `read`, but with one target per sample as float64."""
        read = self.read(y, data)
        if self.per_step:
            return read
        exact = check_array(
            as_numeric(y, self.name, parameter="y", words=()),
            ensure_2d=False,
            dtype=np.float64,
            ensure_all_finite=False,
            input_name="y",
        )
        return exact.reshape(read.shape)

    def encode(self, y, sequences):
        """Return ``y`` that was read with an axis of outputs."""
        return np.ascontiguousarray(y if self.shape else y[..., None])

    def output(self):
        """Return the number of units and the activation of the output layer, and the loss."""
        return self.n_outputs * outputs_per_target(self.loss), None, self.loss

    def decode(self, outputs):
        """Return predictions in the shape of the training targets, as float64 like those of scikit-learn."""
        return self.in_shape(point_predictions(self.loss, outputs))

    def in_shape(self, numbers):
        """Return numbers with one column per output in the shape of the training targets, as float64."""
        numbers = numbers.astype(np.float64)
        return numbers if self.shape else numbers[..., 0]

    def class_codes(self, y):
        """Return None: samples have no class."""
        return None

    def check_trainable(self, y, sequences):
        """Warn of targets on a scale that takes many epochs to reach."""
        warn_of_unscaled_target(y[valid_in_layout(sequences)] if self.per_step else y, self.loss, self.name)

    def check_held_out(self, y, train_rows, validation_rows):
        """Accept any split."""


def _output_shape(y, per_step):
    """Return the shape of the outputs of one sample, or of one time step."""
    return y.shape[2 if per_step else 1 :]


def _read(y, data, per_step, dtype, name, columns=None):
    """Return ``y`` as a numeric array with a target for every sample or every valid time step; NaN are missing ones."""
    if per_step and data.is_list:
        y = targets_of_list(y, data.given, data.sequences.n_timesteps, name, columns)
    y = as_numeric(y, name, parameter="y", words=())
    y = check_array(y, ensure_2d=False, allow_nd=True, dtype="numeric", ensure_all_finite=False, input_name="y")
    check_target_shape(y, data, per_step, name)
    with np.errstate(over="ignore"):
        y = y.astype(dtype, copy=False)
    is_valid = np.ones(1, bool)
    if per_step and data.sequences.has_padding:
        is_valid = valid_in_layout(data.sequences)
        is_valid = is_valid.reshape(is_valid.shape + (1,) * (y.ndim - 2))
        y = np.where(is_valid, y, 0).astype(dtype)
    if np.isinf(y).any():
        raise ValueError(
            f"Input y contains infinity or a value too large for dtype {dtype!r}, first"
            f"{describe_position(first_position(np.isinf(y)))}. {name} takes finite targets, and NaN for missing ones."
        )
    is_missing = np.isnan(y)
    if not is_missing.any():
        return y
    if (is_missing | ~is_valid).all():
        raise ValueError(f"Input y contains only NaN. {name} requires at least one target that is not missing.")
    return np.where(is_missing, y.dtype.type(np.nan), y)  # all of the same bits, which identify a fit
