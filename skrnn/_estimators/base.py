"""The estimator contract: ``fit`` with targets as a template."""

from __future__ import annotations

from abc import ABCMeta
from typing import Any, ClassVar, TypeVar

from numpy.typing import ArrayLike

from skrnn._common.arguments import named_arguments
from skrnn._common.rollback import unchanged_on_failure
from skrnn._common.typing import fit_context
from skrnn._data.input_schema import learn_schema
from skrnn._data.layout_warnings import check_no_inner_padding, warn_of_layout, warn_of_padded_ids
from skrnn._data.targets import make_targets, valid_in_layout
from skrnn._engine.dataset import Dataset
from skrnn._engine.loss_targets import REAL_NUMBERS, check_loss, check_missing_targets
from skrnn._estimators.early_stopping import check_refit_full, check_validation
from skrnn._estimators.first_data import check_first_data
from skrnn._estimators.hidden_states import HiddenStatesMixin
from skrnn._estimators.members import train_members
from skrnn._estimators.network_estimator import NetworkEstimator
from skrnn._estimators.validation_data import (
    given_validation_data,
    naming_validation_data,
    split_dataset,
    without_arguments_of_keras,
)
from skrnn._estimators.weights import (
    check_totals,
    class_weighted,
    loss_weights,
    relative,
    resolved_class_weight,
    samples_with_weight,
    without_missing,
)

Estimator = TypeVar("Estimator", bound="BaseRecurrent")


class BaseRecurrent(HiddenStatesMixin, NetworkEstimator, metaclass=ABCMeta):
    """Base class of regressors and classifiers.

    Subclasses define ``__init__``, ``_targets_class`` and either ``_cell`` or the parameter `cell`.
    """

    _targets_class: ClassVar[Any]  # of the encoder of ``y``

    n_outputs_: int
    members_: list[Any]

    @without_arguments_of_keras
    @named_arguments
    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self: Estimator,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Estimator:
        """Fit the network to sequences `X` and targets `y`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Training sequences. Each row of a 2-D array is a univariate sequence or, if ``embedding_dim`` is set, a
            sequence of token ids. Multivariate sequences are passed as a 3-D array, as a list of arrays of shape
            (n_timesteps, n_features) that may differ in length, or as `Sequences`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target values for regressors; class labels or multilabel indicators for classifiers, not one-hot encoded
            classes. With ``return_sequences=True``, there is one target per time step, and the shape is (n_samples,
            n_timesteps) or, for regressors, (n_samples, n_timesteps, n_outputs). For a list of sequences, it is a list
            of targets of the same lengths. For regressors, NaN is a missing target: each one is left out of the loss by
            itself, and samples without any target are ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples in the loss. Samples with zero weight are ignored.
        X_val : array-like of shape (n_val, n_timesteps) or (n_val, n_timesteps, n_features), default=None
            Validation sequences, used instead of those that ``validation_split`` holds out. A Pipeline transforms them
            like `X` if it has ``transform_input=["X_val"]``.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of `X_val`, in the layout and the units of `y`. Missing targets are left out as in `y`.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the samples of `X_val` in the validation loss.

        Returns
        -------
        object
            The fitted estimator.

        Raises
        ------
        ValueError
            If data or parameters are invalid; if the loss or a weight of the network becomes NaN or infinite; if `y` is
            NaN everywhere or, for classifiers, anywhere; if token id 0, which is padding, occurs between other ids, and
            ``return_sequences=True``; if targets are missing and the loss, or with several outputs a
            metric, is not elementwise, as "mse", "mae", "huber" and "quantile" are.
        TypeError
            If data are not array-like or a DataFrame, contain non-numeric values, or are sparse.

        Warns
        -----
        UserWarning
            If `X` is a 2-D frame indexed by dates or periods whose columns are not lags of each other, or a frame with
            columns of different quantities, according to names without numbers and scales that differ by a factor of
            1000: it was probably meant for a `SequenceWindower`. If `X` is 3-D with one time step and eight or more
            features that look like time steps: its axes are probably swapped. If token id 0, which is padding, occurs
            between other ids, or if ``embedding_dim`` is None and `X` looks like padded token ids. If the validation
            loss of the first epoch exceeds 100 times the training loss of the same weights: the validation data are
            probably on a different scale.
            If ``early_stopping=True`` with fewer than 20 validation samples, or fewer than 2 of a class.
            If `y` of a classifier with ``loss="auto"`` has 20 or more rows of indicators with exactly one 1 each: they
            are treated as labels that are independent of each other, but are probably one-hot encoded classes. For
            exclusive classes, pass ``y.argmax(axis=1)``.
        UnscaledTargetWarning
            If the scale of a regression target requires many epochs of training. See :mod:`skrnn.exceptions`.
        ConvergenceWarning
            If the training loss is not 1% below that of the best constant prediction, after at least 20 gradient steps
            and 10 epochs without early stopping; if ``epochs="auto"`` is cut off at 1000 epochs.
        """
        with unchanged_on_failure(self):
            resumes = self.warm_start and hasattr(self, "n_iter_")
            validation_data = given_validation_data(X_val, y_val, sample_weight_val, type(self).__name__)
            self._fit(X, y, sample_weight, validation_data, resumes=resumes, epochs=self.epochs)
        return self

    def _partial_fit(self, X, y, sample_weight, classes=None):
        """Train one more epoch on part of the data, with the optimizer's state kept."""
        with unchanged_on_failure(self):
            resumes = hasattr(self, "n_iter_")
            self._fit(X, y, sample_weight, None, resumes=resumes, epochs=1, classes=classes, partial=True)
        return self

    def _fit(self, X, y, sample_weight, validation_data, *, resumes, epochs, classes=None, partial=False):
        name = type(self).__name__
        if y is None:
            raise ValueError(f"This {name} estimator requires y to be passed, but the target y is None.")
        data = self._training_data(X, y, sample_weight, validation_data, resumes, classes, partial)
        training, validation, _ = data
        check_totals(training, validation, name)
        if self.early_stopping and not partial:
            check_validation(self, validation)
        train_members(self, *data, resumes=resumes, epochs=epochs, partial=partial)

    def _training_data(self, X, y, sample_weight, validation_data, resumes, classes, partial):
        """Read the data passed to `fit`; return training and validation set, and all samples for `refit_full`."""
        name = type(self).__name__
        data, y = self._read_again(X, y) if resumes else self._learn(X, y, classes, partial)
        self._check_loss(y, data.sequences)
        # Weights of partial_fit are absolute: those of the other parts of the data are unknown.
        weights_dtype = self._targets.dtype if partial else "float64"
        weights = loss_weights(sample_weight, data.sequences, self._targets.per_step, weights_dtype, name)
        given, classes = getattr(self, "class_weight", None), getattr(self, "classes_", None)
        class_weight = resolved_class_weight(given, y, weights, classes)
        weights = without_missing(class_weighted(weights, y, class_weight), y)
        training = self._dataset(data.sequences, y, weights if partial else relative(weights))
        kept = samples_with_weight(weights)
        if not partial:
            rows = kept if len(kept) < len(y) else slice(None)
            self._targets.check_trainable(y[rows], data.sequences.take(rows))
            if self.refit_full:
                check_refit_full(self, has_validation_data=validation_data is not None)
        kept_training = training.take(kept) if len(kept) < len(training) else training
        if validation_data is None and not partial:
            parts = split_dataset(training, y, kept, self._targets, self.validation_split, self.early_stopping, name)
            return *parts, kept_training if self.refit_full else None
        given = None if validation_data is None else self._validation_dataset(validation_data, class_weight)
        return kept_training, given, None

    def _learn(self, X, y, classes, partial):
        """Learn the layout of `X` and the kind of `y`; return both as they were read."""
        name = type(self).__name__
        self._schema, data = learn_schema(
            self,
            X,
            dtype=self.dtype,
            embedding_dim=self.embedding_dim,
            n_tokens=self.n_tokens,
            categorical_features=self.categorical_features,
        )
        per_step = bool(self.return_sequences)
        if per_step:
            check_no_inner_padding(data, self._schema, name)
        warn_of_layout(data, self._schema, name)
        warn_of_padded_ids(data, self._schema, name)
        check_first_data(self, data.sequences, partial)
        self._targets, y = self._targets_class.learn(
            y, data, per_step=per_step, loss=self._resolved_loss(), dtype=self.dtype, name=name, classes=classes
        )
        self.__dict__.update(self._targets.public_attributes)
        return data, y

    def _read_again(self, X, y):
        """Read further training data, in the layout of the first ones; the loss may have changed."""
        data = self._read(X)
        self._targets = self._targets.with_loss(self._resolved_loss())
        return data, self._targets.read(y, data)

    def _resolved_loss(self):
        """Return the loss that the parameters describe."""
        return self.loss

    def _check_loss(self, y, sequences):
        """Raise if the loss is not defined for the targets."""
        valid = y[valid_in_layout(sequences)] if self._targets.per_step else y
        check_loss(self.loss, self._targets.kind, valid, self._targets.output()[0], self._routed(), type(self).__name__)
        if self._targets.kind == REAL_NUMBERS:  # padded time steps may have NaN as labels
            check_missing_targets(self.loss, y, type(self).__name__)

    def _dataset(self, sequences, y, weights):
        weights = weights.astype(self._targets.dtype, copy=False)
        encoded = self._targets.encode(y, sequences)
        return Dataset(sequences, make_targets(encoded, sequences, weights, self._targets.per_step))

    def _validation_dataset(self, given, class_weight):
        """Return the dataset of ``X_val``, ``y_val`` and ``sample_weight_val``."""
        X_val, y_val, sample_weight_val = given
        name, per_step = type(self).__name__, self._targets.per_step
        with naming_validation_data("X_val and y_val"):
            data = self._read(X_val)
            y = self._targets.read(y_val, data)
            self._check_loss(y, data.sequences)
            weights = loss_weights(sample_weight_val, data.sequences, per_step, "float64", name)
            weights = without_missing(class_weighted(weights, y, class_weight), y)
            return self._dataset(data.sequences, y, relative(weights))

    def _train(self, training, validation, all_samples, **options):
        """Train one network, as `NetworkEstimator._train`."""
        record = super()._train(training, validation, all_samples, **options)
        self.n_outputs_ = self._spec.n_outputs
        return record
