"""Targets of classifiers: from labels to what a loss takes, and from outputs to labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from skrnn._common.guide import see
from skrnn._common.state import stored_as
from skrnn._common.warnings import warn
from skrnn._data.checks import first_position
from skrnn._data.targets import check_target_columns, columns_of_targets, valid_in_layout
from skrnn._engine.loss_targets import CLASSES, INDICATORS, TWO_CLASSES, loss_name
from skrnn._estimators.labels import read_classes, read_labels

_SPARSE = "sparse_categorical_crossentropy"
_MIN_ONE_HOT = 20  # samples with exactly one label each, which is hardly chance


@stored_as("classification targets")
@dataclass(frozen=True, eq=False)
class ClassificationTargets:
    """Encoder of the labels of a classifier, learned from those of the training data.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The labels, sorted; for indicators of several labels their numbers.
    is_multilabel : bool
        Whether ``y`` contains indicators of several labels.
    most_frequent : scalar
        The most frequent label, which is predicted for padded time steps.
    per_step, loss, dtype, name
        As for `RegressionTargets`; the loss determines how several classes are encoded.
    columns : tuple of hashable, or None
        Columns of the indicators, or of the labels of time steps, of the training data, if they were a frame.
    """

    classes: NDArray[Any]
    is_multilabel: bool
    most_frequent: Any
    per_step: bool
    loss: Any
    dtype: str
    name: str
    columns: tuple[Any, ...] | None = None

    @classmethod
    def learn(cls, y, data, *, per_step, loss, dtype, name, classes=None):
        """Return the encoder for training labels, and these as an array; ``classes`` are all labels, if known."""
        columns = columns_of_targets(y)
        y = read_labels(y, data, per_step, name)
        if not per_step:
            check_classification_targets(y)
        kind = "multiclass" if per_step else type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError(
                f"{name} does not support multiclass-multioutput targets, got y of shape {y.shape}. Pass indicators "
                "(0 and 1) of shape (n_samples, n_labels), or fit one classifier per output."
            )
        if kind == "multilabel-indicator":
            if isinstance(loss, str) and loss == "auto":
                _warn_of_one_hot(y, name)
            return cls(np.arange(y.shape[1]), True, None, per_step, loss, dtype, name, columns), y
        labels, counts = np.unique(y[valid_in_layout(data.sequences)] if per_step else y, return_counts=True)
        known = labels
        if classes is not None:
            known = read_classes(classes, name)
            is_known = set(known.tolist())
            unknown = [label for label in labels.tolist() if label not in is_known]
            _check_no_unknown(np.array(unknown, dtype=object), known, name)
        if len(known) < 2:
            raise ValueError(f"{name} requires at least 2 classes, but y has only 1: {known.tolist()[0]!r}.")
        most_frequent = labels[np.argmax(counts)]
        return cls(known, False, most_frequent, per_step, loss, dtype, name, columns if per_step else None), y

    def with_loss(self, loss):
        """Return the encoder of the same labels for another loss."""
        return replace(self, loss=loss)

    @property
    def kind(self):
        """Kind of the targets, for which a loss must be defined."""
        return INDICATORS if self.is_multilabel else TWO_CLASSES if len(self.classes) == 2 else CLASSES

    @property
    def public_attributes(self):
        """Fitted attributes of the estimator that are learned from ``y``."""
        return {"classes_": self.classes}

    def read(self, y, data):
        """Return ``y`` as an array of labels, of the kind of the training data; `encode` rejects unknown labels."""
        if self.is_multilabel or self.per_step:
            check_target_columns(y, self.columns, self.name)
        y = read_labels(y, data, self.per_step, self.name)
        if not self.per_step and (y.ndim == 2) != self.is_multilabel:
            raise ValueError(
                f"{self.name} was fitted on {'indicators of several labels' if self.is_multilabel else 'labels'}, but "
                f"y has {y.ndim} dimension(s)."
            )
        return y

    def encode(self, y, sequences):
        """Return ``y`` that was read as the loss takes it; padded time steps get an arbitrary class."""
        if self.is_multilabel:
            return self._encoded_indicators(y)
        if self.per_step and sequences.has_padding:
            y = np.where(valid_in_layout(sequences), y, self.classes[0])
        try:
            codes = np.minimum(np.searchsorted(self.classes, y), len(self.classes) - 1)
        except TypeError:  # numbers among strings, or strings among numbers: all are unknown
            codes = np.zeros(y.shape, dtype=int)
        _check_no_unknown(np.unique(y[self.classes[codes] != y]), self.classes, self.name)
        if self._has_one_unit():
            return codes[..., None].astype(self.dtype)
        if self._loss_name() == _SPARSE:
            return codes[..., None].astype(np.int32)
        return np.eye(len(self.classes), dtype=self.dtype)[codes]

    def _encoded_indicators(self, y):
        if y.shape[1] != len(self.classes):
            raise ValueError(f"y has {y.shape[1]} labels, but {self.name} was fitted with {len(self.classes)}.")
        is_indicator = np.isin(y, (0, 1))
        if not is_indicator.all():
            at = first_position(~is_indicator)
            raise ValueError(
                f"{self.name} takes indicators of several labels, 0 or 1, but y contains {y[at].item()!r} at index "
                f"{at}."
            )
        return y.astype(self.dtype)

    def output(self):
        """Return the number of units and the activation of the output layer, and the loss for "auto"."""
        has_one_unit, loss = self._has_one_unit(), self.loss
        if isinstance(loss, str) and loss == "auto":
            loss = "binary_crossentropy" if has_one_unit or self.is_multilabel else _SPARSE
        n_units = 1 if has_one_unit else len(self.classes)
        return n_units, "sigmoid" if has_one_unit or self.is_multilabel else "softmax", loss

    def probabilities(self, outputs):
        """Return the probability of each class, or of each label: (..., n_classes)."""
        if self.is_multilabel or outputs.shape[-1] > 1:
            return outputs
        return np.concatenate([1 - outputs, outputs], axis=-1)

    def decode(self, outputs):
        """Return the most probable labels, or indicators of the labels with a probability above one half.

        Padded time steps, whose outputs are NaN, get the most frequent label.
        """
        if self.is_multilabel:
            return (outputs > 0.5).astype(int)
        labels = self.classes[np.argmax(self.probabilities(outputs), axis=-1)]
        return np.where(np.isnan(outputs[..., 0]), self.most_frequent, labels) if self.per_step else labels

    @property
    def n_exclusive_classes(self):
        """Number of classes of which each sample has one; None if samples do not have a single class."""
        return None if self.per_step or self.is_multilabel else len(self.classes)

    def class_codes(self, y):
        """Return the number of the class of each sample, or None if samples do not have a single class."""
        return None if self.per_step or self.is_multilabel else np.searchsorted(self.classes, y)

    def check_trainable(self, y, sequences):
        """Raise if samples with a weight are of one class only."""
        if self.is_multilabel:
            return
        seen = np.unique(y[valid_in_layout(sequences)] if self.per_step else y)
        if len(seen) < 2:
            raise ValueError(
                f"{self.name} requires at least 2 classes among the samples with non-zero weight, but there is only 1: "
                f"{seen.tolist()[0]!r}."
            )

    def check_held_out(self, y, train_rows, validation_rows):
        """Raise if the validation data have classes that the training data lack."""
        codes = self.class_codes(y)
        if codes is None:
            return
        missing = np.setdiff1d(codes[validation_rows], codes[train_rows])
        if len(missing):
            raise ValueError(
                f"The validation data contain classes that the training data lack: {self.classes[missing].tolist()}. "
                "Pass a stratified splitter as validation_split, such as StratifiedKFold(5), or a fraction."
            )

    def _has_one_unit(self):
        """Return True if two classes share one sigmoid unit, as for all losses but those of one-hot targets."""
        return not self.is_multilabel and len(self.classes) == 2 and "categorical" not in self._loss_name()

    def _loss_name(self):
        """Return the name of the loss; "auto" is that of the number of classes."""
        if isinstance(self.loss, str) and self.loss == "auto":
            return "binary_crossentropy" if len(self.classes) == 2 else _SPARSE
        return loss_name(self.loss)


def _warn_of_one_hot(y, name):
    """Warn of indicators with exactly one label per sample, which are probably one-hot encoded classes."""
    if len(y) >= _MIN_ONE_HOT and ((y == 1).sum(axis=1) == 1).all():
        warn(
            f"Each row of y has exactly one 1. {name} treats 2-D y as indicators of {y.shape[1]} independent labels, "
            "as scikit-learn does: probabilities do not sum to 1, and several labels or none may be predicted. If "
            "classes are exclusive, pass y.argmax(axis=1), or y.idxmax(axis=1) of a DataFrame; otherwise set "
            "loss='binary_crossentropy'." + see("faq", "my-labels-are-one-hot-encoded")
        )


def _check_no_unknown(labels, classes, name):
    if len(labels):
        raise ValueError(
            f"y contains labels that are unknown to {name}: {labels[:5].tolist()}; its classes are "
            f"{classes[:10].tolist()}."
        )
