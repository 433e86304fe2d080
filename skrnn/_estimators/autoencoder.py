"""Base class of autoencoders: fit without targets, codes and reconstructions."""

from __future__ import annotations

from abc import ABCMeta
from numbers import Integral
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from skrnn._common.arguments import named_arguments
from skrnn._common.rollback import unchanged_on_failure
from skrnn._common.typing import fit_context
from skrnn._data.checks import as_numeric
from skrnn._data.input_schema import learn_schema
from skrnn._data.layout_warnings import warn_of_layout
from skrnn._engine.bottleneck import decoded, encoded
from skrnn._estimators.early_stopping import check_refit_full, check_validation
from skrnn._estimators.network_estimator import NetworkEstimator
from skrnn._estimators.network_spec import autoencoder_spec
from skrnn._estimators.reconstruction_scores import ReconstructionScoresMixin
from skrnn._estimators.reconstruction_targets import ReconstructionTargets
from skrnn._estimators.validation_data import naming_validation_data, split_dataset, without_arguments_of_keras
from skrnn._estimators.weights import check_totals, loss_weights, relative, samples_with_weight

Autoencoder = TypeVar("Autoencoder", bound="BaseAutoencoder")

_OF_SUPERVISED = {
    "categorical_features",
    "dense_units",
    "embedding_dim",
    "loss",
    "metrics",
    "n_members",
    "n_tokens",
    "patch_size",
    "pooling",
    "return_sequences",
}
_OF_CODES = ("embedding_dim", "n_tokens", "categorical_features")


class BaseAutoencoder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, ReconstructionScoresMixin, NetworkEstimator, metaclass=ABCMeta
):
    """Recurrent encoder of sequences to codes, and recurrent decoder of codes to sequences."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **{name: c for name, c in NetworkEstimator._parameter_constraints.items() if name not in _OF_SUPERVISED},
        "n_components": [Interval(Integral, 1, None, closed="left")],
    }

    metrics: ClassVar[None] = None  # the loss is the error of reconstruction

    n_components: Any
    _n_timesteps: int | None  # length of all training sequences, None if they differ

    def _set_routed(self, routed):
        """Set the routed parameters; raise for parameters of sequences of codes."""
        for name in _OF_CODES:
            if name in routed:
                raise TypeError(
                    f"{type(self).__name__} got an unknown parameter {name!r}: it reconstructs numbers, and supports "
                    "neither token ids nor categorical features. Encode categories by scikit-learn's OneHotEncoder."
                )
        super()._set_routed(routed)

    # ------------------------------------------------------------------ fitting

    @without_arguments_of_keras
    @named_arguments
    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self: Autoencoder,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Autoencoder:
        """Fit encoder and decoder to sequences.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Training sequences. Each row of a 2-D array is a univariate sequence. Multivariate sequences are passed as a
            3-D array, as a list of arrays of shape (n_timesteps, n_features) that may differ in length, or as
            `Sequences`, which are not copied.
        y : None, default=None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the samples in the loss. Samples with zero weight are ignored.
        X_val : array-like of shape (n_val, n_timesteps) or (n_val, n_timesteps, n_features), default=None
            Validation sequences, used instead of those that ``validation_split`` holds out. A Pipeline transforms them
            like `X` if it has ``transform_input=["X_val"]``.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the samples of `X_val` in the validation loss.

        Returns
        -------
        object
            The fitted estimator.

        Raises
        ------
        ValueError
            If data or parameters are invalid, or if the loss or a weight of the network becomes NaN or infinite.
        TypeError
            If data are not array-like or a DataFrame, contain non-numeric values, or are sparse.

        Warns
        -----
        UserWarning
            As the ``fit`` of `GRURegressor`, for unusual layouts of `X` and validation data.
        UnscaledTargetWarning
            If the scale of a feature requires many epochs of training. See :mod:`skrnn.exceptions`.
        ConvergenceWarning
            If the training loss is not 1% below that of the best constant reconstruction, after at least 20 gradient
            steps and 10 epochs without early stopping; if ``epochs="auto"`` is cut off at 1000 epochs.
        """
        with unchanged_on_failure(self):
            resumes = self.warm_start and hasattr(self, "n_iter_")
            self._fit(X, sample_weight, X_val, sample_weight_val, resumes=resumes, epochs=self.epochs)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self: Autoencoder, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> Autoencoder:
        """Train the network for one more epoch on a part of the data.

        The state of the optimizer is kept between calls.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Training sequences.
        y : None, default=None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        object
            The fitted estimator, whose `n_iter_` has increased by one.

        Raises
        ------
        ValueError
            As in `fit`, and if the layout, the number of features, the optimizer, or a parameter that determines the
            architecture has changed since the last call.
        TypeError
            As in `fit`.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import SequenceAutoencoder
        >>> X = np.random.default_rng(0).normal(size=(80, 5, 2))
        >>> autoencoder = SequenceAutoencoder(units=8, n_components=2, random_state=0)
        >>> for rows in np.split(np.arange(80), 4):
        ...     autoencoder = autoencoder.partial_fit(X[rows])
        >>> autoencoder.n_iter_
        4
        """
        with unchanged_on_failure(self):
            self._fit(X, sample_weight, None, None, resumes=hasattr(self, "n_iter_"), epochs=1, partial=True)
        return self

    def _fit(self, X, sample_weight, X_val, sample_weight_val, *, resumes, epochs, partial=False):
        name = type(self).__name__
        if resumes:
            data = self._schema.read(self, X)
        else:
            self._schema, data = learn_schema(self, X, dtype=self.dtype)
            self._targets = ReconstructionTargets(self._schema.n_features, self.dtype, name)
            warn_of_layout(data, self._schema, name, purpose="encode windows of rows")
        lengths = data.sequences.lengths
        n_timesteps = int(lengths[0]) if (lengths == lengths[0]).all() else None
        self._n_timesteps = None if resumes and self._n_timesteps != n_timesteps else n_timesteps
        weights = loss_weights(sample_weight, data.sequences, False, self.dtype if partial else "float64", name)
        validation = self._validation_dataset(X_val, sample_weight_val)
        training, validation, all_samples = self._training_data(data.sequences, weights, validation, partial)
        check_totals(training, validation, name)
        if self.early_stopping and not partial:
            check_validation(self, validation)
        self._train(training, validation, all_samples, resumes=resumes, epochs=epochs, partial=partial)

    def _training_data(self, sequences, weights, validation, partial):
        """Return training and validation set, and all samples for `refit_full`."""
        # Weights of partial_fit are absolute: those of the other parts of the data are unknown.
        dataset = self._targets.dataset(sequences, weights if partial else relative(weights))
        kept = samples_with_weight(weights)
        training = dataset.take(kept) if len(kept) < len(dataset) else dataset
        if partial:
            return training, None, None
        self._targets.check_trainable(training)
        if self.refit_full:
            check_refit_full(self, has_validation_data=validation is not None)
        if validation is not None:
            return training, validation, None
        rows = np.arange(len(dataset))
        parts = split_dataset(
            dataset, rows, kept, self._targets, self.validation_split, self.early_stopping, type(self).__name__
        )
        return *parts, training if self.refit_full else None

    def _validation_dataset(self, X_val, sample_weight_val):
        """Return the dataset of ``X_val`` and ``sample_weight_val``, or None."""
        name = type(self).__name__
        if X_val is None and sample_weight_val is not None:
            raise ValueError(f"{name} requires X_val together with sample_weight_val, but X_val is None.")
        if X_val is None:
            return None
        with naming_validation_data("X_val"):
            sequences = self._schema.read(self, X_val).sequences
            weights = loss_weights(sample_weight_val, sequences, False, "float64", name)
            return self._targets.dataset(sequences, relative(weights))

    def _network_spec(self):
        """Return the specification of the network that the parameters and the data describe."""
        return autoencoder_spec(self, self._targets)

    # ------------------------------------------------------------------ codes and reconstructions

    @property
    def _n_features_out(self):
        """Number of columns of the output of `transform`, for ``get_feature_names_out``."""
        return self._spec.n_components

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Encode sequences.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of the training data. Their lengths may differ from those in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Codes of the sequences.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If the layout or number of features of `X` differs from the training data, or if it contains invalid values.
        TypeError
            If `X` is not array-like or a DataFrame, contains non-numeric values, or is sparse.
        """
        check_is_fitted(self)
        sequences = self._schema.read(self, X).sequences
        with self._memory_error(len(sequences), sequences.n_timesteps):
            codes = encoded(self._spec, self._state, sequences, self._mask_layer())
        return codes.astype(np.float64)

    def inverse_transform(self, codes: ArrayLike, n_timesteps: int | None = None) -> NDArray[np.float64]:
        """Decode sequences.

        Parameters
        ----------
        codes : array-like of shape (n_samples, n_components)
            Codes, as `transform` returns them.
        n_timesteps : int or None, default=None
            Number of time steps of the decoded sequences. If None, the length of the training sequences is used, which
            must have been equal.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Decoded sequences: 2-D if the estimator was fitted to a 2-D `X`, 3-D otherwise.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `codes` does not have `n_components` columns or contains NaN or infinity, or is a DataFrame with the
            columns of `transform` in another order; if `n_timesteps` is less than 1, or None although the training
            sequences differed in length.
        TypeError
            If `codes` is not array-like or a DataFrame, contains non-numeric values, or is sparse, or if `n_timesteps`
            is not an int.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import SequenceAutoencoder
        >>> X = np.random.default_rng(0).normal(size=(80, 5, 2))
        >>> autoencoder = SequenceAutoencoder(units=8, n_components=2, epochs=1, random_state=0).fit(X)
        >>> codes = autoencoder.transform(X)
        >>> autoencoder.inverse_transform(codes, n_timesteps=7).shape
        (80, 7, 2)
        >>> bool(np.allclose(autoencoder.inverse_transform(codes), autoencoder.reconstruct(X), atol=1e-5))
        True
        """
        check_is_fitted(self)
        name, n_components = type(self).__name__, self._spec.n_components
        codes = as_numeric(codes, name, parameter="codes")
        with np.errstate(over="ignore"):
            array = check_array(codes, dtype=self._spec.dtype, input_name="codes", estimator=name)
        if array.shape[1] != n_components:
            raise ValueError(
                f"codes has {array.shape[1]} columns, but {name} was fitted with n_components={n_components}. Pass "
                "codes that transform has returned."
            )
        _check_order_of_codes(codes, self.get_feature_names_out(), name)
        n_timesteps = self._n_timesteps if n_timesteps is None else n_timesteps
        if n_timesteps is None:
            raise ValueError(
                f"The sequences that {name} was fitted to differ in length, so that inverse_transform requires "
                "n_timesteps. Pass it, or use reconstruct."
            )
        if not isinstance(n_timesteps, Integral) or isinstance(n_timesteps, bool):
            raise TypeError(f"n_timesteps must be an int or None. Got {n_timesteps!r} instead.")
        if n_timesteps < 1:
            raise ValueError(f"n_timesteps must be at least 1. Got {n_timesteps!r} instead.")
        with self._memory_error(len(array), int(n_timesteps)):
            outputs = decoded(self._spec, self._state, array, int(n_timesteps), self._mask_layer())
        return self._in_dimensions(outputs)

    def reconstruct(self, X: ArrayLike) -> NDArray[Any]:
        """Encode and decode sequences.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of the training data.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Reconstructions in the shape of `X`, NaN at padded time steps. For a list of sequences, the result is an
            object array of arrays of the same lengths.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As in `transform`.
        TypeError
            As in `transform`.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import SequenceAutoencoder
        >>> sequences = [np.zeros((n, 2)) for n in (3, 5, 4)]
        >>> autoencoder = SequenceAutoencoder(units=8, n_components=2, epochs=1, random_state=0).fit(sequences)
        >>> [sequence.shape for sequence in autoencoder.reconstruct(sequences)]
        [(3, 2), (5, 2), (4, 2)]
        """
        outputs, data = self._outputs(X)
        return self._in_layout(self._in_dimensions(outputs), data)

    def _in_dimensions(self, outputs):
        """Return sequences with as many dimensions as the training data, as float64."""
        return (outputs[..., 0] if self._schema.n_dimensions == 2 else outputs).astype(np.float64)


def _check_order_of_codes(codes, names, estimator):
    """Raise for a frame of codes that has the columns that `transform` returns in another order."""
    columns = list(getattr(codes, "columns", ()))
    if columns != list(names) and sorted(map(str, columns)) == sorted(names):
        raise ValueError(
            f"codes has the columns {columns}, but {estimator}.transform returns {list(names)}: codes are identified "
            "by position. Select the columns in this order."
        )
