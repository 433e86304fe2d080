"""What the regressors share."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from skrnn._common.typing import fit_context
from skrnn._data.checks import check_sample_weights
from skrnn._data.targets import RegressionEncoder, valid_in_layout, weights_of_steps
from skrnn._engine.architecture import architecture_of
from skrnn._engine.closed_loop import closed_loop
from skrnn._engine.fallback import fallback_reason
from skrnn._engine.prediction import packed_weights
from skrnn._estimators.base import BaseRecurrent
from skrnn._estimators.parameters import any_cell, constraints, constructor
from skrnn._estimators.scale import warn_of_unscaled_target

Regressor = TypeVar("Regressor", bound="BaseRecurrentRegressor")


class BaseRecurrentRegressor(RegressorMixin, BaseRecurrent):
    """A recurrent network with a linear output layer."""

    _parameter_constraints: ClassVar[dict[str, Any]] = constraints(without=("class_weight",))

    @constructor(any_cell, without=("class_weight",))
    def __init__(self) -> None: ...

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of fit.

        Returns
        -------
        ndarray
            Predictions in the shape of the fitted ``y``: (n_samples,) or (n_samples, n_outputs); with
            ``return_sequences=True`` (n_samples, n_timesteps) or (n_samples, n_timesteps, n_outputs), NaN at
            absent steps; for a list of sequences an object array of arrays as long as they are.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` has another layout or number of features than at fit, or holds what `fit` refuses.
        TypeError
            If `X` is no array, list or frame, or is sparse.
        """
        outputs, _ = self._outputs(X)
        return self._as_given(self._encoder.decode(outputs), X)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Coefficient of determination of the predictions, over the present time steps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of fit.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True targets in the shape of fit.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        float
            R squared of ``self.predict(X)``, the mean over outputs where there are several; 1.0 at best.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `X` is what `predict` refuses, or `y` or `sample_weight` does not fit to it.
        TypeError
            If `X`, `y` or `sample_weight` is no array, list or frame, or is sparse.
        """
        outputs, sequences = self._outputs(X)
        checked = self._check_targets(y, X, sequences)
        weights = check_sample_weights(sample_weight, len(sequences), "float64", type(self).__name__)
        if not self._per_step:
            return r2_score(y, self._encoder.decode(outputs), sample_weight=weights)
        present = valid_in_layout(sequences)
        y = self._encode(checked, sequences)[present]
        return r2_score(y, outputs[present], sample_weight=weights_of_steps(weights, present))

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self: Regressor, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Regressor:
        """Train one more epoch on what is passed, with the optimizer's state kept.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, as in `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        object
            The fitted estimator. `n_iter_` is one more than before.

        Raises
        ------
        ValueError
            As `fit` does, and if the layout, the number of features or outputs, the optimizer, or a parameter that
            shapes the network is another one than before.
        TypeError
            As `fit` does.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import GRURegressor
        >>> X = np.random.default_rng(0).normal(size=(80, 5, 2))
        >>> y = X[:, -1, 0]
        >>> reg = GRURegressor(units=8, random_state=0)
        >>> for rows in np.split(np.arange(80), 4):
        ...     reg = reg.partial_fit(X[rows], y[rows])
        >>> reg.n_iter_
        4
        """
        return self._partial_fit(X, y, sample_weight)

    def _closed_loop(self, seen, covariates, output_steps, n_blocks):
        """Predict blocks of steps, each from the ones before it, by native kernels; None where they cannot."""
        spec = self._spec
        if spec.return_sequences or fallback_reason(spec) is not None:
            return None
        if spec.embedding is not None:  # windows hold numbers: predict raises for them
            return None
        weights = packed_weights(spec, self._state)
        return closed_loop(architecture_of(spec), weights, seen, covariates, output_steps, n_blocks)

    def _check_y(self, y, sequences, *, reset, classes=None):
        encoder = RegressionEncoder(self._per_step, self._dtype, type(self).__name__) if reset else self._encoder
        y = encoder.check(y, sequences)
        if reset:
            self._encoder = encoder.fit(y)
        else:
            y = encoder.check_again(y)
        return y

    def _encode(self, y, sequences):
        return self._encoder.encode(y)

    def _class_codes(self, y):
        return None

    def _check_trainable(self, y, sequences, partial):
        """Any finite targets can be learned from, but some only slowly."""
        if not partial:
            valid = y[valid_in_layout(sequences)] if self._per_step else y
            warn_of_unscaled_target(valid, self.loss, type(self).__name__)

    def _check_held_out(self, y, train_rows, validation_rows):
        """Any split of finite targets can be learned from."""

    def __sklearn_tags__(self):
        """Tags of scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        # check_regressors_train wants R2 > 0.5 on ten independent columns of which one matters. Read as a sequence
        # that is a step to be remembered by its place alone, for which 100 epochs of 7 batches are too few: GRU
        # 0.46, LSTM 0.37; with 400 epochs 0.94 and 0.88.
        tags.regressor_tags.poor_score = True
        return tags
