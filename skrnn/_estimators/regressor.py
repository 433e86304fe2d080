"""Base class of regressors."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, Literal, TypeVar, overload

from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from skrnn._common.typing import fit_context
from skrnn._data.checks import check_sample_weights
from skrnn._data.target_scores import r2_of_known
from skrnn._data.targets import valid_in_layout, weights_of_steps
from skrnn._engine.architecture import architecture_of
from skrnn._engine.closed_loop import closed_loop
from skrnn._engine.distribution_losses import (
    DISTRIBUTION_LOSSES,
    GaussianLoss,
    QuantileLoss,
    outputs_per_target,
    point_predictions,
)
from skrnn._engine.fallback import chosen_engine, fallback_reason
from skrnn._engine.prediction import packed_weights
from skrnn._estimators.base import BaseRecurrent
from skrnn._estimators.members import mean_outputs, std_of_outputs
from skrnn._estimators.parameters import as_quantiles
from skrnn._estimators.regression_targets import RegressionTargets

Regressor = TypeVar("Regressor", bound="BaseRecurrentRegressor")


class BaseRecurrentRegressor(RegressorMixin, BaseRecurrent):
    """Recurrent network with a linear output layer."""

    _targets_class = RegressionTargets

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseRecurrent._parameter_constraints,
        "quantile": [Interval(Real, 0, 1, closed="neither"), tuple, list],
    }

    loss: Any
    quantile: Any

    def _resolved_loss(self):
        """Return the loss that the parameters `loss` and `quantile` describe."""
        quantiles = as_quantiles(self.quantile, type(self).__name__)
        if not isinstance(self.loss, str):
            return self.loss
        return {"quantile": QuantileLoss(quantiles), "gaussian": GaussianLoss()}.get(self.loss, self.loss)

    @overload
    def predict(self, X: ArrayLike, return_std: Literal[False] = False) -> NDArray[Any]: ...

    @overload
    def predict(self, X: ArrayLike, return_std: Literal[True]) -> tuple[NDArray[Any], NDArray[Any]]: ...

    def predict(self, X: ArrayLike, return_std: bool = False) -> NDArray[Any] | tuple[NDArray[Any], NDArray[Any]]:
        """Predict target values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of the training data.
        return_std : bool, default=False
            Whether to also return the standard deviation of each prediction. Only available if the estimator was fitted
            with ``loss="gaussian"`` or ``n_members > 1``.

        Returns
        -------
        y : ndarray
            Predictions, in the layout of the training targets: (n_samples,) or (n_samples, n_outputs). With
            ``return_sequences=True``, the shape is (n_samples, n_timesteps) or (n_samples, n_timesteps, n_outputs), and
            predictions at padded time steps are NaN; for a list of sequences, the result is an object array of arrays
            of the same lengths. With ``loss="quantile"``, the predictions are the quantile, or the medians if there are
            several; with ``loss="gaussian"``, the means.
        y_std : ndarray
            Standard deviations, in the same shape. Only returned if ``return_std=True``. With ``loss="gaussian"``, the
            standard deviation of the predicted distribution. With ``n_members > 1``, the standard deviation of the
            predictions of the members, as in ``np.std`` (``ddof=0``): their disagreement, without the noise of the
            targets. With both, the standard deviation of the mixture of the distributions of all members, ``sqrt(mean
            of std_k**2 + variance of mean_k)`` [1]_.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If the layout or number of features of `X` differs from the training data, or if it contains invalid values;
            with ``return_std=True``, if the estimator was fitted with another loss than "gaussian" and ``n_members=1``.
        TypeError
            If `X` is not array-like or a DataFrame, contains non-numeric values, or is sparse.

        References
        ----------
        .. [1] B. Lakshminarayanan, A. Pritzel and C. Blundell, "Simple and scalable predictive uncertainty estimation
           using deep ensembles", NeurIPS 2017.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import GRURegressor
        >>> X = np.random.default_rng(0).normal(size=(80, 5, 2))
        >>> y = X[:, -1, 0] - X[:, -2, 1]
        >>> reg = GRURegressor(units=8, loss="gaussian", random_state=0).fit(X, y)
        >>> mean, std = reg.predict(X, return_std=True)
        >>> mean.shape, std.shape
        ((80,), (80,))
        """
        if return_std and not hasattr(self, "members_"):
            self._loss_of_fit("gaussian", "return_std=True", " or n_members > 1")
        outputs, data = self._outputs_of_members(X)
        y = self._in_layout(self._targets.decode(mean_outputs(outputs)), data)
        if not return_std:
            return y
        return y, self._in_layout(self._targets.in_shape(std_of_outputs(self._targets.loss, outputs)), data)

    def predict_quantiles(self, X: ArrayLike) -> NDArray[Any]:
        """Predict the quantiles of the target values, of an estimator that was fitted with ``loss="quantile"``.

        Each quantile is an output of the network; outputs that are not in ascending order are sorted, which makes them
        no less accurate [1]_.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of the training data.

        Returns
        -------
        ndarray of shape (n_samples, n_quantiles) or (n_samples, n_quantiles, n_outputs)
            Quantiles in the order of the parameter `quantile`, ascending; n_quantiles is 1 if it is a float. The
            medians are those that `predict` returns. With ``return_sequences=True``, the axis of time steps follows the
            first axis, and quantiles at padded time steps are NaN; for a list of sequences, the result is an object
            array of arrays of the same lengths.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As in `predict`, and if the estimator was fitted with another loss than "quantile".
        TypeError
            As in `predict`.

        References
        ----------
        .. [1] V. Chernozhukov, I. Fernández-Val and A. Galichon, "Quantile and probability curves without crossing",
           Econometrica 78(3), 2010.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import GRURegressor
        >>> X = np.random.default_rng(0).normal(size=(80, 5, 2))
        >>> y = X[:, -1, 0] - X[:, -2, 1]
        >>> reg = GRURegressor(units=8, loss="quantile", quantile=(0.1, 0.5, 0.9), random_state=0).fit(X, y)
        >>> quantiles = reg.predict_quantiles(X)
        >>> quantiles.shape
        (80, 3)
        >>> bool((quantiles[:, 1] == reg.predict(X)).all())
        True
        """
        loss = self._loss_of_fit("quantile", "predict_quantiles")
        outputs, data = self._outputs(X)
        return self._in_layout(self._targets.in_shape(loss.sorted(outputs)), data)

    def _loss_of_fit(self, required, request, alternative=""):
        """Return the `DistributionLoss` of the fit; raise if it is not the one that a request requires."""
        check_is_fitted(self)
        loss = self._targets.loss
        if not isinstance(loss, DISTRIBUTION_LOSSES[required]):
            fitted = {cls: name for name, cls in DISTRIBUTION_LOSSES.items()}.get(type(loss), loss)
            raise ValueError(
                f"{request} requires loss={required!r}{alternative}, but this {type(self).__name__} was fitted with "
                f"loss={fitted!r}."
            )
        return loss

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the coefficient of determination of the predictions at valid time steps.

        Missing targets are left out, each output and time step by itself, and so are outputs without any target.

        A quantile is scored by its pinball loss instead: pass ``make_scorer(mean_pinball_loss, alpha=quantile,
        greater_is_better=False)``, with both functions from :mod:`sklearn.metrics`, as ``scoring`` to a search.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of the training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True target values, in the shape of the training targets. Missing ones are NaN.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        float
            R^2 of ``self.predict(X)`` with respect to `y`, averaged uniformly over the outputs. The best possible value
            is 1.0.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As in `predict`, and if the shape of `y` or `sample_weight` does not match `X`, or if no target
            with a weight other than zero is known.
        TypeError
            If `X`, `y` or `sample_weight` is not array-like or a DataFrame, contains non-numeric values, or is sparse.
        """
        outputs, data = self._outputs(X)
        name = type(self).__name__
        y_true = self._targets.read_scored(y, data)
        weights = check_sample_weights(sample_weight, len(data), "float64", name)
        if not self._targets.per_step:
            return r2_of_known(y_true, self._targets.decode(outputs), weights, name)
        is_valid = valid_in_layout(data.sequences)
        y_true = self._targets.encode(y_true, data.sequences)[is_valid]
        y_pred = point_predictions(self._targets.loss, outputs[is_valid])
        return r2_of_known(y_true, y_pred, weights_of_steps(weights, is_valid), name)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self: Regressor, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Regressor:
        """Train the network for one more epoch on a part of the data.

        The state of the optimizer is kept between calls.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Training sequences.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target values, as in `fit`. Missing ones are NaN.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        object
            The fitted estimator, whose `n_iter_` has increased by one.

        Raises
        ------
        ValueError
            As in `fit`, and if the layout, the number of features or outputs, the optimizer, or a parameter that
            determines the architecture has changed since the last call.
        TypeError
            As in `fit`.

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
        if hasattr(self, "members_"):  # each block is predicted from the mean of their predictions
            return None
        spec = self._spec
        if spec.return_sequences or fallback_reason(spec) is not None or chosen_engine() == "torch":
            return None
        if outputs_per_target(self._targets.loss) > 1:  # kernels feed the outputs back
            return None
        if spec.embedding is not None or spec.categories:  # predict checks that codes are valid
            return None
        weights = packed_weights(spec, self._state)
        return closed_loop(architecture_of(spec), weights, seen, covariates, output_steps, n_blocks)

    def __sklearn_tags__(self):
        """Tags of scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        # check_regressors_train wants R2 > 0.5 on ten independent columns of which one matters. Read as a sequence
        # that is a step to be remembered by its place alone, for which 100 epochs of 7 batches are too few: GRU
        # 0.46, LSTM 0.37; with 400 epochs 0.94 and 0.88.
        tags.regressor_tags.poor_score = True
        return tags
