"""A network that an estimator consists of: its training, outputs, fitted attributes, saved state, tags."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skrnn._common.state import PlainStateMixin
from skrnn._data.input_schema import InputSchema
from skrnn._data.layout_warnings import check_no_inner_padding
from skrnn._data.targets import outputs_as_list
from skrnn._engine.keras_batches import keras_inputs
from skrnn._engine.memory_error import memory_error
from skrnn._engine.native.tables import PREDICTED_AT_ONCE
from skrnn._engine.network import NetworkSpec
from skrnn._engine.prediction import fitted_model, predict
from skrnn._engine.trained_state import TrainedState
from skrnn._engine.training import train
from skrnn._estimators.convergence import warn_of_convergence
from skrnn._estimators.early_stopping import train_with_early_stopping
from skrnn._estimators.html import Model, network_block
from skrnn._estimators.members import mean_outputs, members_of
from skrnn._estimators.network_spec import network_spec
from skrnn._estimators.parameters import ParametersMixin
from skrnn._estimators.training_plan import seed_of, training_plan

if TYPE_CHECKING:
    import keras


class NetworkEstimator(ParametersMixin, PlainStateMixin):
    """Base class of all estimators that consist of a recurrent network.

    Subclasses define ``__init__``, a ``fit`` that calls `_train`, and either ``_cell`` or the parameter `cell`.
    """

    _cell: ClassVar[str | Callable[..., Any] | None] = None

    history_: dict[str, list[float]]
    n_iter_: int
    best_epoch_: int
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    _schema: InputSchema  # what fit has learned of X
    _targets: Any  # and of y
    _spec: NetworkSpec
    _seed: int
    _state: TrainedState

    # ------------------------------------------------------------------ training

    def _train(self, training, validation, all_samples, *, resumes, epochs, partial):
        """Train one network, set the fitted attributes, and return the record of the fit.

        If `all_samples` is not None, the network is trained again on these after early stopping.
        """
        name = type(self).__name__
        if not resumes:
            self._seed = seed_of(self.random_state)
        spec = self._network_spec()
        if resumes and spec != self._spec:
            raise ValueError(
                f"{name} cannot resume training: a parameter that determines the architecture of the network has "
                "changed since it was fitted. Call fit with warm_start=False."
            )
        first_epoch = self.n_iter_ if resumes else 0
        plan = training_plan(
            self,
            spec,
            len(training),
            state=self._state if resumes else None,
            epochs=epochs,
            first_epoch=first_epoch,
            partial=partial,
        )
        if all_samples is None:
            self._state, record = train(plan, training, validation)
        else:
            self._state, record = train_with_early_stopping(plan, training, validation, all_samples, self.batch_size)
        warn_of_convergence(plan, training, self._state, record)
        self._spec = spec
        self.__dict__.pop("_model", None)
        history = self.history_ if resumes else {}
        self.history_ = _concatenated(history, record.history, first_epoch, record.n_epochs)
        self.n_iter_ = first_epoch + record.n_epochs
        self.best_epoch_ = first_epoch + record.best_epoch
        return record

    def _network_spec(self):
        """Return the specification of the network that the parameters and the data describe."""
        return network_spec(self, self._schema, self._targets)

    # ------------------------------------------------------------------ prediction

    def _outputs(self, X):
        """Return the outputs in the layout of `X`, NaN at padded time steps, and `X` as it was read."""
        outputs, data = self._outputs_of_members(X)
        return mean_outputs(outputs), data

    def _outputs_of_members(self, X):
        """Return a list of the outputs of each member, as `_outputs` averages them, and `X` as it was read."""
        check_is_fitted(self)
        data = self._read(X)
        outputs = self._outputs_of_sequences(data.sequences)
        return [data.sequences.to_layout(of, np.nan) for of in outputs] if self._targets.per_step else outputs, data

    def _read(self, X):
        """Return `X` in the layout of the training data as an `Input`."""
        data = self._schema.read(self, X)
        if self._targets.per_step:
            check_no_inner_padding(data, self._schema, type(self).__name__)
        return data

    def _outputs_of_sequences(self, sequences, compute=predict, **options):
        """Return a list of the outputs of each member, valid time steps first, computed as by `predict`."""
        states, mask_layer = [member._state for member in members_of(self)], self._mask_layer()
        with self._memory_error(len(sequences), sequences.n_timesteps):
            return [compute(self._spec, state, sequences, mask_layer=mask_layer, **options) for state in states]

    def _memory_error(self, n_samples, n_timesteps):
        """Return a context in which an error of memory says what to do."""
        remedy = "Cut the sequences into shorter windows, or fit with fewer units."
        return memory_error(type(self).__name__, min(PREDICTED_AT_ONCE, n_samples), n_timesteps, remedy)

    def _in_layout(self, predictions, data):
        """Return predictions for the time steps of a list of sequences as such a list."""
        is_list = self._targets.per_step and data.is_list
        return outputs_as_list(predictions, data.given) if is_list else predictions

    def _mask_layer(self):
        """Return how the stock network finds padded time steps, as in `build_network`."""
        return "layer" if self._schema.supports_padding else None

    def model_input(self, X: ArrayLike) -> NDArray[Any]:
        """Convert sequences to the input array of ``model_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of the training data.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, n_features), or (n_samples, n_timesteps) for token ids
            Valid time steps first, then padded ones, filled with the value that the first layer of ``model_`` masks.
            For univariate sequences, one per row of `X`, n_features is 1. Codes of categorical features below the
            largest one that did not occur in the training data are -1, which the network treats as unknown. With
            `patch_size` above 1, and lengths that differ or token ids, n_timesteps is rounded up to whole patches, and
            the padded time steps that the first patch of a sequence lacks come before its valid ones.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As in `predict`.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import GRURegressor
        >>> X = np.random.default_rng(0).normal(size=(80, 5, 2))
        >>> X[0, :2] = np.nan  # the first sequence has two padded time steps
        >>> reg = GRURegressor(units=8, epochs=1, random_state=0).fit(X, np.arange(80.0) / 80)
        >>> inputs = reg.model_input(X)
        >>> bool(np.allclose(inputs[0, :3], X[0, 2:]))
        True
        >>> outputs = reg.model_.predict_on_batch(inputs)
        >>> bool(np.allclose(outputs[:, 0], reg.predict(X), atol=1e-5))
        True
        """
        check_is_fitted(self)
        data = self._schema.read(self, X)
        return keras_inputs(data.sequences, np.arange(len(data)), self._schema.has_tokens, None, self._spec.patch_size)

    @property
    def model_(self) -> keras.Model:
        """Trained network as a ``keras.Model`` with built-in Keras layers only, created on first access.

        With ``n_members > 1``, it consists of the networks of all members and the average of their outputs.
        It can be exported, for example to ONNX. For 2-D `X`, the length of its time axis is fixed.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        if not hasattr(self, "n_iter_"):
            raise NotFittedError(f"This {type(self).__name__} instance is not fitted yet. Call fit first.")
        if "_model" not in vars(self):
            n_timesteps = self.n_features_in_ if self._schema.n_dimensions == 2 else None
            states = [member._state for member in members_of(self)]
            self._model = fitted_model(self._spec, states, self._mask_layer(), n_timesteps)
        return self._model

    def _n_parameters(self):
        """Return the number of trained weights of all members."""
        return sum(weights.size for m in members_of(self) for weights in m._state.weights if weights.dtype.kind == "f")

    # ------------------------------------------------------------------ for scikit-learn

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the Keras model, which is built again on access."""
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_model"}

    def _sk_visual_block_(self):
        """Return the HTML representation."""
        return network_block(self)

    def _get_fitted_attr_html(self, doc_link=""):
        """Return the HTML table of fitted attributes (scikit-learn 1.9), without building `model_` for it."""
        shown = copy(self)
        shown._model = Model()
        return super(NetworkEstimator, shown)._get_fitted_attr_html(doc_link)

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether `fit` or ``partial_fit`` has been called."""
        return hasattr(self, "n_iter_")

    def __sklearn_tags__(self):
        """Return the estimator tags."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _concatenated(history, new, n_before, n_new):
    """Return two histories as one, with NaN for metrics that one of them lacks."""
    gap_before, gap_new = [np.nan] * n_before, [np.nan] * n_new
    return {name: history.get(name, gap_before) + new.get(name, gap_new) for name in {**history, **new}}
