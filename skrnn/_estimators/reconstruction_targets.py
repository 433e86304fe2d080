"""Targets of an autoencoder: the sequences that it is fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from skrnn._common.state import stored_as
from skrnn._data.input_targets import InputTargets
from skrnn._engine.dataset import Dataset
from skrnn._estimators.target_scale import warn_of_unscaled_features


@stored_as("reconstruction targets")
@dataclass(frozen=True)
class ReconstructionTargets:
    """Number of features to reconstruct, with the interface of the encoders of ``y``.

    Parameters
    ----------
    n_features : int
        Number of features per time step.
    dtype : str
        Dtype of computation.
    name : str
        Name of the estimator, for warnings.
    """

    n_features: int
    dtype: str
    name: str

    per_step: ClassVar[bool] = True
    n_exclusive_classes: ClassVar[None] = None

    def output(self):
        """Return the number of units and the activation of the output layer, and the loss."""
        return self.n_features, None, "mse"

    def dataset(self, sequences, weights):
        """Return sequences with themselves as targets, and the weight of each sample."""
        return Dataset(sequences, InputTargets(sequences, weights.astype(self.dtype)))

    def check_trainable(self, dataset):
        """Warn of features on a scale that takes many epochs to reach."""
        warn_of_unscaled_features(dataset.distinct_terms[0], self.output()[2], self.name)

    def class_codes(self, y):
        """Return None: samples have no class."""
        return None

    def check_held_out(self, y: Any, train_rows: Any, validation_rows: Any) -> None:
        """Accept any split."""
