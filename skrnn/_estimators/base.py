"""The estimator contract: parameters, tags, ``fit`` as a template, fitted attributes, pickling."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skrnn._common.frames import as_pandas
from skrnn._common.guide import see
from skrnn._common.state import PlainStateMixin
from skrnn._common.typing import fit_context
from skrnn._common.unchanged import unchanged_on_failure
from skrnn._data.input_schema import SequenceInputMixin
from skrnn._data.layouts import is_list_of_sequences
from skrnn._data.loss_targets import check_loss
from skrnn._data.targets import make_targets, outputs_as_list, targets_of_list, valid_in_layout
from skrnn._engine.checkpoint import without_checkpoint
from skrnn._engine.dataset import Dataset
from skrnn._engine.keras_batches import keras_inputs
from skrnn._engine.memory_error import memory_error
from skrnn._engine.native.tables import PREDICTED_AT_ONCE
from skrnn._engine.network import NetworkSpec
from skrnn._engine.prediction import fitted_model, predict
from skrnn._engine.trained_state import TrainedState
from skrnn._engine.training import train
from skrnn._engine.training_plan import TrainingPlan
from skrnn._estimators.description import Model, block_of_network
from skrnn._estimators.parameters import RoutedParametersMixin, as_units
from skrnn._estimators.validation_data import given_validation_data, held_out, without_validation_data
from skrnn._estimators.weights import check_total, class_weighted, relative, resolved_class_weight, sample_weights

if TYPE_CHECKING:
    import keras

Estimator = TypeVar("Estimator", bound="BaseRecurrent")


class BaseRecurrent(RoutedParametersMixin, SequenceInputMixin, PlainStateMixin, metaclass=ABCMeta):
    """What regressors and classifiers share; subclasses say how ``y`` is encoded.

    Subclasses set ``_parameter_constraints``, ``__init__`` and, where the cell is fixed, ``_cell``.
    """

    _cell: ClassVar[str | Callable[..., Any] | None] = None

    history_: dict[str, list[float]]
    n_iter_: int
    best_epoch_: int
    n_outputs_: int
    _spec: NetworkSpec
    _state: TrainedState
    _encoder: Any  # of regression or classification

    # ------------------------------------------------------------------ fitting

    @without_validation_data
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
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences: univariate ones, one per row; multivariate ones, in an array, in a list of arrays of shape
            (n_timesteps, n_features) that may differ in length, or as `Sequences`; or, where ``embedding_dim`` is
            set, token ids of shape (n_samples, n_timesteps).
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers for regressors; for classifiers labels, or indicators, 0 and 1, of several labels. With
            ``return_sequences=True`` one target per time step: (n_samples, n_timesteps) or, of numbers,
            (n_samples, n_timesteps, n_outputs); for a list of sequences, a list of as long ones.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples in the loss, not negative. Those of weight zero count as not passed.
        X_val : array-like of shape (n_val, n_timesteps) or (n_val, n_timesteps, n_features), default=None
            Sequences to validate on after each epoch, instead of those that ``validation_split`` holds out. A
            Pipeline transforms them as it does `X` if it has ``transform_input=["X_val"]``.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of `X_val`, in the shape and the units of `y`.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the samples of `X_val` in the validation loss.

        Returns
        -------
        object
            The fitted estimator.

        Raises
        ------
        ValueError
            For data or parameters that are not as described, and where the loss or a weight of the network becomes NaN
            or infinite.
        TypeError
            For data that are no array, list or frame, or hold what no number stands for; for sparse data.

        Warns
        -----
        UserWarning
            If `X` is a 2-D frame whose index is dates or periods, and whose columns are not lags of each other: it was
            probably meant for a `SequenceWindower`. If `X` is 3-D with one time step and eight or more features that
            look like time steps: its axes are probably in another order. If token id 0, which is padding, stands
            between other ids. If the validation loss of the first epoch exceeds 100 times the training loss on the
            same weights: the validation data are probably on another scale.
        UnscaledTargetWarning
            If a regression target is on a scale that the network takes many epochs to reach, from
            :mod:`skrnn.exceptions`.
        """
        with unchanged_on_failure(self):
            again = self.warm_start and hasattr(self, "n_iter_")
            validation = given_validation_data(X_val, y_val, sample_weight_val, type(self).__name__)
            self._fit(X, y, sample_weight, validation, reset=not again, epochs=self.epochs)
        return self

    def _partial_fit(self, X, y, sample_weight, classes=None):
        """One more epoch on what is passed, with the optimizer's state kept."""
        with unchanged_on_failure(self):
            reset = not hasattr(self, "n_iter_")
            self._fit(X, y, sample_weight, None, reset=reset, epochs=1, classes=classes, partial=True)
        return self

    def _fit(self, X, y, sample_weight, validation_data, *, reset, epochs, classes=None, partial=False):
        early_stopping = self.early_stopping and not partial
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        sequences = self._check_X(X, reset=reset)
        if not reset:
            self._encoder = self._encoder.with_loss(self.loss)
        if len(sequences) < 2 and not (partial or self._per_step):
            raise ValueError(
                f"Found array with 1 sample (n_samples=1) while {type(self).__name__} needs at least 2 to fit. Use "
                "partial_fit for single samples."
            )
        y = self._check_targets(y, X, sequences, reset=reset, classes=classes)
        self._check_loss(y, sequences)
        # Of partial_fit weights are absolute: of the data they are a part of, the others are not known.
        weight_dtype = self._dtype if partial else "float64"
        weights = sample_weights(sample_weight, sequences, self._per_step, weight_dtype, type(self).__name__)
        class_weight = resolved_class_weight(getattr(self, "class_weight", None), y, weights)
        weights = class_weighted(weights, y, class_weight)
        dataset = self._dataset(sequences, y, weights if partial else relative(weights))
        kept = np.flatnonzero(weights.reshape(len(weights), -1).any(axis=1))
        self._check_trainable(y[kept], sequences.take(kept), partial)
        validation = None
        if validation_data is not None:
            validation = self._validation_dataset(validation_data, class_weight)
        if validation_data is not None or partial:
            dataset = dataset.take(kept) if len(kept) < len(dataset) else dataset
        else:
            dataset, validation = self._split(dataset, y, kept, early_stopping)
        check_total(dataset, "training", type(self).__name__)
        check_total(validation, "validation", type(self).__name__)
        if early_stopping and validation is None:
            raise ValueError(
                f"early_stopping=True watches the loss on held-out data, but {type(self).__name__} got "
                f"validation_split={self.validation_split!r} and no X_val. Pass a fraction above 0, or X_val and y_val "
                "to fit."
            )
        self._train(dataset, validation, reset=reset, epochs=epochs, early_stopping=early_stopping, partial=partial)

    def _train(self, dataset, validation, *, reset, epochs, early_stopping, partial):
        """Train the network on checked data, and keep what comes of it."""
        if reset:
            self._seed = _seed(self.random_state)
        spec = self._network_spec()
        if not reset and spec != self._spec:
            raise ValueError(
                f"{type(self).__name__} goes on from a fitted network, but a parameter that shapes the network has "
                "changed since. Call fit with warm_start=False to start anew."
            )
        first_epoch = 0 if reset else self.n_iter_
        callbacks, checkpoint = without_checkpoint(self.callbacks, type(self).__name__)
        if checkpoint is not None and reset and self.random_state is None:
            raise ValueError(
                f"{checkpoint!r} can only go on with a fit of {type(self).__name__} whose seed it knows. Set "
                "random_state to an int. Got None instead."
            )
        plan = TrainingPlan(
            name=type(self).__name__,
            spec=spec,
            optimizer=self.optimizer,
            loss=self._encoder.output(self.loss)[2],
            metrics=self.metrics,
            callbacks=callbacks,
            routed=self._routed_for_keras(),
            seed=self._seed,
            mask_layer=self._mask_layer(),
            batch_size=_batch_size(self.batch_size, len(dataset)),
            shuffle=self.shuffle,
            epochs=epochs,
            first_epoch=first_epoch,
            partial=partial,
            early_stopping=early_stopping,
            patience=self.patience,
            min_delta=self.min_delta,
            verbose=int(self.verbose),
            state=None if reset else self._state,
            checkpoint=None if partial else checkpoint,
        )
        self._state, record = train(plan, dataset, validation)
        self._spec = spec
        self.__dict__.pop("_model", None)
        self.history_ = _joined({} if reset else self.history_, record.history, first_epoch, record.n_epochs)
        self.n_iter_ = first_epoch + record.n_epochs
        self.best_epoch_ = first_epoch + record.best_epoch
        self.n_outputs_ = spec.n_outputs

    def _split(self, dataset, y, kept, early_stopping):
        """Hold out validation data as ``validation_split`` says, and leave out samples that are not kept.

        A splitter knows all samples, a fraction those that are kept.
        """
        of_splitter = hasattr(self.validation_split, "split")
        rows = np.arange(len(dataset)) if of_splitter else kept
        codes, series = self._class_codes(y[rows]), dataset.sequences.series
        groups = [g for g in (codes, None if series is None else series[rows]) if g is not None]
        train_rows, validation_rows = held_out(
            self.validation_split, early_stopping, len(rows), y[rows], groups, type(self).__name__
        )
        if train_rows is None:
            return dataset.take(kept) if len(kept) < len(dataset) else dataset, None
        parts = rows[train_rows], rows[validation_rows]
        train_rows, validation_rows = (part[np.isin(part, kept)] for part in parts)
        self._check_held_out(y, train_rows, validation_rows)
        return dataset.take(train_rows), dataset.take(validation_rows)

    def _validation_dataset(self, given, class_weight):
        """Return the dataset of ``X_val``, ``y_val`` and ``sample_weight_val``."""
        X, y, sample_weight = given
        try:
            sequences = self._check_X(X, reset=False)
            y = self._check_targets(y, X, sequences)
            self._check_loss(y, sequences)
            weights = sample_weights(sample_weight, sequences, self._per_step, "float64", type(self).__name__)
            return self._dataset(sequences, y, relative(class_weighted(weights, y, class_weight)))
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            page = see("searching", "validation-data-of-your-own")
            raise kind(f"In X_val and y_val: {error} A Pipeline must be told to transform X_val.{page}") from error

    def _check_targets(self, y, X, sequences, *, reset=False, classes=None):
        """``y`` as an array of the right shape; what belongs to the steps of a list of sequences is laid out."""
        X = as_pandas(X)
        if self._per_step and is_list_of_sequences(X):
            y = targets_of_list(y, X, sequences.n_timesteps, type(self).__name__)
        return self._check_y(y, sequences, reset=reset, classes=classes)

    def _check_loss(self, y, sequences):
        """Raise where the loss is not defined for the targets."""
        valid = y[valid_in_layout(sequences)] if self._per_step else y
        n_outputs = self._encoder.output(self.loss)[0]
        check_loss(self.loss, self._encoder.kind, valid, n_outputs, self._routed(), type(self).__name__)

    def _dataset(self, sequences, y, weights):
        weights = weights.astype(self._dtype, copy=False)
        targets = make_targets(self._encode(y, sequences), sequences, weights, self._per_step)
        return Dataset(sequences, targets)

    def _network_spec(self):
        name = type(self).__name__
        if callable(self._cell or self.cell) and self.recurrent_dropout:
            raise ValueError(
                f"{name} got recurrent_dropout={self.recurrent_dropout} and a callable cell, whose layer says itself "
                "what it drops. Set it in the layer that the callable returns, and leave the parameter at 0."
            )
        n_outputs, activation, _ = self._encoder.output(self.loss)
        return NetworkSpec(
            cell=self._cell or self.cell,
            units=as_units(self.units, "units", name),
            bidirectional=bool(self.bidirectional),
            dropout=float(self.dropout),
            recurrent_dropout=float(self.recurrent_dropout),
            dense_units=as_units(self.dense_units, "dense_units", name, may_be_empty=True),
            return_sequences=bool(self.return_sequences),
            n_features=1 if self._layout == 2 else self.n_features_in_,
            embedding=None if self.embedding_dim is None else (self._vocabulary, self.embedding_dim),
            n_outputs=n_outputs,
            output_activation=activation,
            dtype=self.dtype,
        )

    def _mask_layer(self):
        """How the stock network finds absent steps; 2-D numbers have none."""
        return "layer" if self._layout == 3 or self._tokens else None

    # ------------------------------------------------------------------ prediction

    def _outputs(self, X):
        """Return what the network puts out, in the layout of ``X``; absent steps give NaN."""
        check_is_fitted(self)
        sequences = self._check_X(X, reset=False)
        remedy = "Cut the sequences into shorter windows, or fit with fewer units."
        with memory_error(type(self).__name__, min(PREDICTED_AT_ONCE, len(sequences)), sequences.n_timesteps, remedy):
            outputs = predict(self._spec, self._state, sequences, mask_layer=self._mask_layer())
        if self._per_step:
            outputs = sequences.to_layout(outputs, np.nan)
        return outputs, sequences

    def _as_given(self, predictions, X):
        """Return predictions in the layout of ``X``: those of the steps of a list of sequences as such a list."""
        X = as_pandas(X)
        return outputs_as_list(predictions, X) if self._per_step and is_list_of_sequences(X) else predictions

    def model_input(self, X: ArrayLike) -> NDArray[Any]:
        """Get the array that ``model_`` takes for sequences.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of fit.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, n_features), or (n_samples, n_timesteps) for token ids
            Present steps first; absent ones follow, filled with the number that the first layer of ``model_``
            masks. Of univariate sequences, one a row of `X`, n_features is 1.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            For sequences that `predict` refuses.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import GRURegressor
        >>> X = np.random.default_rng(0).normal(size=(80, 5, 2))
        >>> X[0, :2] = np.nan  # the first sequence begins two steps later
        >>> reg = GRURegressor(units=8, epochs=1, random_state=0).fit(X, np.arange(80.0) / 80)
        >>> inputs = reg.model_input(X)
        >>> bool(np.allclose(inputs[0, :3], X[0, 2:]))
        True
        >>> outputs = reg.model_.predict_on_batch(inputs)
        >>> bool(np.allclose(outputs[:, 0], reg.predict(X), atol=1e-5))
        True
        """
        check_is_fitted(self)
        sequences = self._check_X(X, reset=False)
        return keras_inputs(sequences, np.arange(len(sequences)), self._tokens)

    @property
    def model_(self) -> keras.Model:
        """The network as a plain ``keras.Model`` of stock layers, built when first asked for.

        It can be exported at once, to ONNX for instance. For 2-D `X` the length of its time axis is fixed.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        if not hasattr(self, "n_iter_"):
            raise NotFittedError(f"This {type(self).__name__} instance is not fitted yet. Call fit first.")
        if "_model" not in vars(self):
            n_timesteps = self.n_features_in_ if self._layout == 2 else None
            self._model = fitted_model(self._spec, self._state.weights, self._mask_layer(), n_timesteps)
        return self._model

    def _n_parameters(self):
        """Return the number of weights that are trained."""
        return sum(weights.size for weights in self._state.weights if weights.dtype.kind == "f")

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the Keras model, which is built again when asked for."""
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_model"}

    def _sk_visual_block_(self):
        """Return what scikit-learn's HTML shows of the estimator."""
        return block_of_network(self)

    def _get_fitted_attr_html(self, doc_link=""):
        """Return what scikit-learn's HTML, from 1.9 on, shows of fitted attributes; `model_` is not built for it."""
        shown = copy(self)
        shown._model = Model()
        return super(BaseRecurrent, shown)._get_fitted_attr_html(doc_link)

    def __sklearn_is_fitted__(self) -> bool:
        """Whether `fit` or ``partial_fit`` has been called."""
        return hasattr(self, "n_iter_")

    def __sklearn_tags__(self):
        """Tags of scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    # ------------------------------------------------------------------ what subclasses say

    @abstractmethod
    def _check_y(self, y, sequences, *, reset, classes=None):
        """Check ``y`` and, if ``reset``, learn how to encode it."""

    @abstractmethod
    def _encode(self, y, sequences):
        """Return checked ``y`` as the loss takes it."""

    @abstractmethod
    def _class_codes(self, y):
        """Return the class of each sample, or None where samples have no single class."""

    @abstractmethod
    def _check_trainable(self, y, sequences, partial):
        """Refuse data that nothing can be learned from."""

    @abstractmethod
    def _check_held_out(self, y, train_rows, validation_rows):
        """Refuse a split that cannot be learned from."""


def _seed(random_state):
    """Return an int that stands for a random state; None draws from the operating system, not from a global state."""
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(np.iinfo(np.int32).max))
    return int(random_state)


def _batch_size(batch_size, n_samples):
    """Return the size of a full batch: the parameter, but no more than there are samples."""
    return n_samples if batch_size is None else min(batch_size, n_samples)


def _joined(history, new, n_before, n_new):
    """Histories one after the other, NaN where one of them lacks a value."""
    gap_before, gap_new = [np.nan] * n_before, [np.nan] * n_new
    return {name: history.get(name, gap_before) + new.get(name, gap_new) for name in {**history, **new}}
