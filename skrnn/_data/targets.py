"""From ``y`` to what a loss takes, and from the network's outputs back to what a user expects."""

from __future__ import annotations

import reprlib
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_array

from skrnn._common.frames import as_pandas
from skrnn._common.state import stored_as
from skrnn._common.warnings import warn
from skrnn._data.checks import NUMBERS, as_numeric, check_array_like, describe_position, describe_value, first_bytes
from skrnn._data.loss_targets import CLASSES, INDICATORS, REAL_NUMBERS, TWO_CLASSES, loss_name

_SPARSE = "sparse_categorical_crossentropy"


@dataclass(frozen=True, eq=False)
class Targets:
    """Encoded targets and their weights, as rows of a buffer like those of `Sequences`.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_outputs)
        What the loss takes: a row for each sample or, with one output per time step, for each step.
    weights : ndarray of shape (n_rows,)
        Weight of each row in the loss.
    starts : ndarray of shape (n_samples,)
        The row of each sample, or of its first present step.
    per_step : bool
        Whether there is a row for each time step.
    """

    values: NDArray[Any]
    weights: NDArray[Any]
    starts: NDArray[Any]
    per_step: bool

    def take(self, indices):
        """Return the targets of the chosen samples, over the same buffer."""
        return replace(self, starts=self.starts[np.asarray(indices)])

    def gather(self, indices, present):
        """Targets and weights of a batch, in the order of `Sequences.gather`.

        Parameters
        ----------
        indices : ndarray of int
            Samples.
        present : ndarray of bool, shape ``indices.shape + (n_timesteps,)``
            Their present steps.

        Returns
        -------
        values : ndarray of shape ``indices.shape + (n_outputs,)`` or ``indices.shape + (n_timesteps, n_outputs)``
        weights : ndarray of shape ``indices.shape`` or ``indices.shape + (n_timesteps,)``
            Zero at absent steps.
        """
        rows = self.starts[indices]
        if not self.per_step:
            return self.values[rows], self.weights[rows]
        steps = np.minimum(np.arange(present.shape[-1]), present.sum(axis=-1, keepdims=True) - 1)
        rows = rows[..., None] + steps
        return self.values[rows], np.where(present, self.weights[rows], 0)

    def mean_weight(self, lengths):
        """Return the mean over samples of their weight, or of the sum of those of their valid time steps."""
        if not self.per_step:
            return float(np.mean(self.weights[self.starts], dtype=np.float64))
        upto = np.concatenate([[0.0], np.cumsum(self.weights, dtype=np.float64)])
        return float(np.mean(upto[self.starts + lengths] - upto[self.starts]))


def make_targets(values, sequences, weights, per_step):
    """Lay encoded targets of shape (n_samples, n_outputs) or (n_samples, n_timesteps, n_outputs) out as rows.

    ``weights`` has shape (n_samples,) or, with one output per time step, (n_samples, n_timesteps).
    """
    n_samples = len(sequences)
    if not per_step:
        return Targets(values, weights, np.arange(n_samples), per_step)
    starts = np.arange(n_samples) * sequences.n_timesteps + sequences.n_leading_padding
    return Targets(values.reshape(-1, values.shape[-1]), weights.reshape(-1), starts, per_step)


def valid_in_layout(sequences):
    """Mask of the present steps where they stand in the user's layout: (n_samples, n_timesteps)."""
    offsets = np.arange(sequences.n_timesteps) - sequences.n_leading_padding[:, None]
    return (offsets >= 0) & (offsets < sequences.lengths[:, None])


def weights_of_steps(sample_weight, present):
    """Return the weights of samples, or None, as those of their present steps: (n_present_steps,)."""
    if sample_weight is None:
        return None
    return np.broadcast_to(np.asarray(sample_weight)[:, None], present.shape)[present]


def targets_of_list(y, X, n_timesteps, name):
    """Lay targets of the steps of a list of sequences out as an array: (n_samples, n_timesteps, ...).

    What stands beyond the end of a sequence is some target; it is absent, and weighs nothing.
    """
    check_array_like(y, "y", name)
    y = as_pandas(y)
    if len(y) != len(X):
        return np.empty(len(y))  # which is refused as too few or too many, as any other target
    targets = []
    for sample, steps in enumerate(y):
        try:
            targets.append(np.asarray(as_pandas(steps)))
        except ValueError:
            raise ValueError(
                f"Sample {sample} of y is a list whose steps differ in length; {name} takes (n_timesteps,) or "
                "(n_timesteps, n_outputs)."
            ) from None
    shape = targets[0].shape[1:]
    for sample, (steps, sequence) in enumerate(zip(targets, X, strict=True)):
        if steps.ndim not in (1, 2) or len(steps) != len(sequence) or steps.shape[1:] != shape:
            raise ValueError(
                f"Sample {sample} of y has shape {steps.shape}, but sample {sample} of X has {len(sequence)} time "
                f"steps; {name} with return_sequences=True needs a target for each, of as many outputs as in sample 0."
            )
    kinds = {steps.dtype.kind: sample for sample, steps in reversed([*enumerate(targets)])}
    if not (kinds.keys() <= set(NUMBERS) or len(kinds) == 1):
        named = ", ".join(f"{targets[sample].dtype} in sample {sample}" for sample in sorted(kinds.values()))
        raise TypeError(f"The targets of all samples must be of one kind, for {name}. y holds {named}.")
    rows = np.concatenate(targets)
    laid_out = np.full((len(X), n_timesteps, *shape), rows[0], dtype=rows.dtype)
    laid_out[np.arange(n_timesteps) < np.array([[len(steps)] for steps in targets])] = rows
    return laid_out


def outputs_as_list(outputs, X):
    """Return outputs of the steps of a list of sequences as an object array of arrays, each as long as its sequence."""
    arrays = np.empty(len(X), dtype=object)
    for sample, sequence in enumerate(X):
        arrays[sample] = outputs[sample, : len(sequence)]
    return arrays


@stored_as("regression targets")
class RegressionEncoder:
    """Targets of a regressor: remembers the shape that predictions get.

    Parameters
    ----------
    per_step : bool
        Whether there is one output per time step.
    dtype : str
        Dtype of the loss.
    name : str
        Name of the estimator, for errors.
    """

    kind = REAL_NUMBERS

    def __init__(self, per_step, dtype, name):
        self.per_step, self.dtype, self.name = per_step, dtype, name

    def with_loss(self, loss):
        """Return the encoder for another loss: targets of regressors are the same for all."""
        return self

    def fit(self, y):
        """Learn the number of outputs from checked ``y``."""
        self.shape = y.shape[2:] if self.per_step else y.shape[1:]  # () or (n_outputs,)
        self.n_outputs = self.shape[0] if self.shape else 1
        return self

    def check(self, y, sequences):
        """``y`` as an array of numbers of the right shape, finite at every present step."""
        y = as_numeric(y, self.name, parameter="y", words=())
        y = check_array(y, ensure_2d=False, allow_nd=True, dtype="numeric", ensure_all_finite=False, input_name="y")
        _check_target_shape(y, sequences, self.per_step, self.name)
        with np.errstate(over="ignore"):
            y = y.astype(self.dtype, copy=False)
        finite = np.isfinite(y)
        if self.per_step and sequences.has_padding:
            absent = ~valid_in_layout(sequences)
            y = np.where(absent.reshape(absent.shape + (1,) * (y.ndim - 2)), 0, y).astype(self.dtype)
            finite = np.isfinite(y)
        if not finite.all():
            at = tuple(int(i) for i in np.argwhere(~finite)[0])
            what = "NaN" if np.isnan(y[at]) else f"infinity or a value too large for dtype {self.dtype!r}"
            raise ValueError(
                f"Input y contains {what}, first{describe_position(at)}. {self.name} takes finite targets; drop those "
                "samples, or fill them."
            )
        return y

    def check_again(self, y):
        """Return ``y`` in the shape of the fitted one, which a single output may have with or without an axis."""
        shape = y.shape[2:] if self.per_step else y.shape[1:]
        if (*shape, 1)[0] != self.n_outputs:
            raise ValueError(
                f"y has {shape or 'no'} output axis, but {self.name} was fitted with {self.shape or 'none'}. Pass y "
                "in the shape of fit, or call fit without warm_start to start anew."
            )
        return y.reshape(y.shape[: 2 if self.per_step else 1] + self.shape)

    def encode(self, y):
        """Return checked ``y`` with an axis of outputs."""
        return np.ascontiguousarray(y if self.shape else y[..., None])

    def output(self, loss):
        """Units and activation of the output layer, and the loss itself."""
        return self.n_outputs, None, loss

    def decode(self, outputs):
        """Predictions in the shape of the fitted ``y``; float64, as those of all scikit-learn's regressors."""
        outputs = outputs.astype(np.float64)
        return outputs if self.shape else outputs[..., 0]


@stored_as("classification targets")
class ClassificationEncoder:
    """Targets of a classifier: labels, one per sample or per time step, or indicators of several labels.

    Parameters
    ----------
    per_step, dtype, name
        As for `RegressionEncoder`.
    loss : str, callable or keras.losses.Loss
        The loss parameter of the classifier, which decides how several classes are encoded.
    """

    def __init__(self, per_step, dtype, name, loss):
        self.per_step, self.dtype, self.name, self.loss = per_step, dtype, name, loss

    @property
    def kind(self):
        """Kind of the targets, which a loss must be defined for."""
        return INDICATORS if self.multilabel else TWO_CLASSES if len(self.classes) == 2 else CLASSES

    def with_loss(self, loss):
        """Return the encoder of the same labels for another loss."""
        other = copy(self)
        other.loss = loss
        return other

    def fit(self, y, present, classes=None):
        """Learn the classes from checked ``y``, or take those given."""
        if not self.per_step:
            check_classification_targets(y)
        kind = "multiclass" if self.per_step else type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError(
                f"{self.name} does not take several multiclass targets, got y of shape {y.shape}. Pass indicators "
                "(0 and 1) of shape (n_samples, n_labels), or fit one classifier per target."
            )
        self.multilabel = kind == "multilabel-indicator"
        if self.multilabel:
            self.classes = np.arange(y.shape[1])
        else:
            self.classes = np.unique(y[present] if self.per_step else y)
            if classes is not None:
                classes = np.asarray(_array_of_labels(classes, self.name, "classes"))
                _check_labels(classes, np.ones(classes.shape, dtype=bool), self.name, "classes")
                self.classes, seen = np.unique(classes), self.classes
                known = set(self.classes.tolist())
                self._check_known(np.array([label for label in seen.tolist() if label not in known], dtype=object))
        if len(self.classes) < 2 and not self.multilabel:
            raise ValueError(
                f"{self.name} needs at least two classes, but y holds one class only: {self.classes.tolist()[0]!r}."
            )
        return self

    def check(self, y, sequences):
        """``y`` as an array of labels of the right shape, that can be sorted."""
        check_array_like(y, "y", self.name)
        if self.per_step:
            y = np.asarray(_array_of_labels(y, self.name))
            _check_target_shape(y, sequences, True, self.name)
            if y.ndim != 2:
                raise ValueError(
                    f"{self.name} with return_sequences=True takes one label per time step, y of shape "
                    f"(n_samples, n_timesteps); got {y.shape}."
                )
            present = valid_in_layout(sequences)
            _check_labels(y, present, self.name)
            if y.dtype.kind == "f":
                check_classification_targets(y[present])
            return y
        y = _array_of_labels(y, self.name)
        y = check_array(y, ensure_2d=False, dtype=None, ensure_all_finite=False, input_name="y")
        _check_labels(y, np.ones(y.shape, dtype=bool), self.name)
        if y.ndim == 2 and y.shape[1] == 1:
            warn(
                "A column-vector y was passed when a 1d array was expected. Please change the shape of y to "
                "(n_samples, ), for example using ravel().",
                DataConversionWarning,
            )
            y = y[:, 0]
        _check_target_shape(y, sequences, False, self.name)
        return y

    def check_again(self, y):
        """Refuse ``y`` of another kind than the fitted one; unknown labels are found by `encode`."""
        if not self.per_step and (y.ndim == 2) != self.multilabel:
            raise ValueError(
                f"{self.name} was fitted on {'indicators of several labels' if self.multilabel else 'labels'}, "
                f"but y has {y.ndim} dimension(s)."
            )

    def encode(self, y, present=None):
        """Return checked ``y`` as the loss takes it; absent steps get any class."""
        if self.multilabel:
            if y.shape[1] != len(self.classes):
                raise ValueError(f"y has {y.shape[1]} labels, but {self.name} was fitted with {len(self.classes)}.")
            is_indicator = np.isin(y, (0, 1))
            if not is_indicator.all():
                at = tuple(int(i) for i in np.argwhere(~is_indicator)[0])
                raise ValueError(
                    f"{self.name} takes indicators of several labels, 0 or 1, but y holds {y[at].item()!r} at index "
                    f"{at}."
                )
            return y.astype(self.dtype)
        if self.per_step and not present.all():
            y = np.where(present, y, self.classes[0])
        try:
            codes = np.minimum(np.searchsorted(self.classes, y), len(self.classes) - 1)
        except TypeError:  # numbers among text, or text among numbers: none of them is known
            codes = np.zeros(y.shape, dtype=int)
        unknown = self.classes[codes] != y
        self._check_known(np.unique(y[unknown]))
        if self._one_unit():
            return codes[..., None].astype(self.dtype)
        if self._loss_name() == _SPARSE:
            return codes[..., None].astype(np.int32)
        return np.eye(len(self.classes), dtype=self.dtype)[codes]

    def output(self, loss):
        """Units and activation of the output layer, and the loss, with ``"auto"`` resolved."""
        if loss == "auto":
            loss = "binary_crossentropy" if self._one_unit() or self.multilabel else _SPARSE
        if self.multilabel:
            return len(self.classes), "sigmoid", loss
        return (1, "sigmoid", loss) if self._one_unit() else (len(self.classes), "softmax", loss)

    def probabilities(self, outputs):
        """Probabilities of every class, or of every label: (..., n_classes)."""
        if self.multilabel or outputs.shape[-1] > 1:
            return outputs
        return np.concatenate([1 - outputs, outputs], axis=-1)

    def decode(self, outputs):
        """Return the most probable label, or indicators of the labels with a probability above one half."""
        if self.multilabel:
            return (outputs > 0.5).astype(int)
        return self.classes[np.argmax(self.probabilities(outputs), axis=-1)]

    def _one_unit(self):
        """Whether two classes share one sigmoid unit, as all losses but those on one-hot targets have it."""
        return not self.multilabel and len(self.classes) == 2 and "categorical" not in self._loss_name()

    def _loss_name(self):
        """Return the name of the loss; the default is that of the number of classes."""
        if isinstance(self.loss, str) and self.loss == "auto":
            return "binary_crossentropy" if len(self.classes) == 2 else _SPARSE
        return loss_name(self.loss)

    def _check_known(self, labels):
        if len(labels):
            raise ValueError(
                f"y holds labels that {self.name} does not know: {labels[:5].tolist()}; its classes are "
                f"{self.classes[:10].tolist()}."
            )


def _array_of_labels(y, name, parameter="y"):
    """Return labels as something with a dtype, unless they are complex, or lists of different lengths."""
    y = as_pandas(y)
    try:
        y = y if hasattr(y, "dtype") or hasattr(y, "iloc") else np.asarray(y)
    except ValueError:
        raise ValueError(f"{parameter} is a list of lists that differ in length, which {name} does not take.") from None
    kind = getattr(getattr(y, "dtype", None), "kind", None)
    if first_bytes(y) is not None:
        dtype = np.asarray(y).dtype
        raise TypeError(f"{name} takes text and numbers, got {parameter} of bytes, dtype {dtype}. Decode them to str.")
    if kind == "c":
        raise ValueError(
            f"Complex data not supported, got {parameter} of dtype {y.dtype}. {name} takes text and real numbers."
        )
    return y


def _check_labels(y, counts, name, parameter="y"):
    """Raise where a label that counts is missing, is infinite, or cannot be compared with others."""
    if y.dtype.kind in "fOmM":
        missing = counts & (pd.isna(y) | (np.abs(y) == np.inf if y.dtype.kind == "f" else False))
        if missing.any():
            at = tuple(int(i) for i in np.argwhere(missing)[0])
            raise ValueError(
                f"Input {parameter} contains {describe_value(y[at])}, first{describe_position(at)}; {name} needs "
                "labels."
            )
    if y.dtype.kind == "O":
        labels = y[counts]
        try:
            np.unique(labels)
        except (TypeError, ValueError):  # ValueError for arrays, whose comparisons are neither true nor false
            kinds = {type(label).__name__: label for label in reversed(labels.tolist())}
            named = " and ".join(f"{reprlib.repr(label)} of type {kind}" for kind, label in kinds.items())
            raise TypeError(
                f"The labels of {parameter} must be of one kind that can be sorted, for {name}: all str, or all "
                f"numbers. Got {named}."
            ) from None


def _check_target_shape(y, sequences, per_step, name):
    """Refuse ``y`` that does not have a target for every sample, or for every step."""
    n_samples, n_timesteps = len(sequences), sequences.n_timesteps
    if len(y) != n_samples:
        raise ValueError(
            f"X has {n_samples} samples, but y has {len(y)}: inconsistent numbers of samples. {name} needs one "
            "target for each sequence."
        )
    if per_step and (y.ndim not in (2, 3) or y.shape[1] != n_timesteps):
        raise ValueError(
            f"{name} with return_sequences=True needs a target for every time step, y of shape ({n_samples}, "
            f"{n_timesteps}) or ({n_samples}, {n_timesteps}, n_outputs); got {y.shape}."
        )
    if not per_step and y.ndim > 2:
        raise ValueError(
            f"y has {y.ndim} dimensions, shape {y.shape}, but {name} takes (n_samples,) or (n_samples, "
            "n_outputs). For one output per time step set return_sequences=True."
        )
