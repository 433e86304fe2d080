"""Hidden states of fitted networks: recurrent estimators as transformers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skrnn._common.frames import as_objects
from skrnn._common.guide import see
from skrnn._data.layout_warnings import check_no_inner_padding
from skrnn._engine.hidden_states import hidden_states, n_hidden_states
from skrnn._estimators.members import members_of


class HiddenStatesMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Mixin of recurrent estimators that returns the states of their last recurrent layer as features."""

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Return the outputs of the last recurrent layer that the dense layers get, as features of the sequences.

        They are the states after the last valid time step or, with another `pooling` than "last", the pooled states,
        without dropout. Features of sequences that the network was fitted on are optimistic: fit an estimator of
        features on other sequences, as `StackingClassifier` does with predictions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of the training data.

        Returns
        -------
        ndarray of shape (n_samples, n_states)
            Features, in the `dtype` of the estimator. Their number is that of the units of the last recurrent layer;
            in a bidirectional one, twice as many: those of the forward direction come first. With ``n_members > 1``,
            the features of all members, one member after the other.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As in `predict`, and if the estimator was fitted with ``return_sequences=True``, whose dense layers get the
            states of all time steps: `hidden_states` returns them.
        TypeError
            As in `predict`.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import GRURegressor
        >>> X = np.random.default_rng(0).normal(size=(80, 5, 2))
        >>> reg = GRURegressor(units=3, dense_units=8, random_state=0).fit(X, X[:, -1, 0] - X[:, -2, 1])
        >>> reg.transform(X).shape
        (80, 3)
        >>> reg.get_feature_names_out().tolist()
        ['gruregressor0', 'gruregressor1', 'gruregressor2']
        """
        check_is_fitted(self)
        if self._spec.return_sequences:
            raise ValueError(
                f"transform requires return_sequences=False, but this {type(self).__name__} was fitted with "
                "return_sequences=True: it has no features of a sequence as a whole. Use hidden_states(X), which "
                "returns the states at all time steps." + see("features", "states-at-all-time-steps")
            )
        data = self._schema.read(self, X)
        return _side_by_side(self._outputs_of_sequences(data.sequences, hidden_states, every_step=False))

    def hidden_states(self, X: ArrayLike) -> NDArray[Any]:
        """Return the outputs of the last recurrent layer at all time steps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of the training data.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, n_states)
            States, in the `dtype` of the estimator and in the order of the features of `transform`; NaN at padded time
            steps. For a list of sequences, the result is an object array of arrays of shape (n_timesteps, n_states) of
            the same lengths. With `patch_size` above 1, there is one state per patch, and the shape is (n_samples,
            ceil(n_timesteps / patch_size), n_states): the last patch ends at the last valid time step, and the patches
            of trailing padding follow it, as many as it fills. In a bidirectional layer, the states of the backward
            direction at a time step depend on this time step and all later ones.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As in `predict`, and if token id 0, which is padding, occurs between other ids.
        TypeError
            As in `predict`.

        Examples
        --------
        >>> import numpy as np
        >>> from skrnn import GRURegressor
        >>> X = np.random.default_rng(0).normal(size=(80, 5, 2))
        >>> reg = GRURegressor(units=3, random_state=0).fit(X, X[:, -1, 0] - X[:, -2, 1])
        >>> states = reg.hidden_states(X)
        >>> states.shape
        (80, 5, 3)
        >>> bool((states[:, -1] == reg.transform(X)).all())
        True
        """
        check_is_fitted(self)
        data = self._schema.read(self, X)
        check_no_inner_padding(data, self._schema, type(self).__name__)
        states = self._outputs_of_sequences(data.sequences, hidden_states, every_step=True)
        return _in_layout(_side_by_side(states), data, self._spec.patch_size)

    @property
    def _n_features_out(self):
        """Number of features that `transform` returns."""
        return sum(n_hidden_states(member._spec, member._state) for member in members_of(self))

    def __sklearn_tags__(self):
        """Return the estimator tags."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


def _side_by_side(states):
    """Return the states of all members as one array."""
    return states[0] if len(states) == 1 else np.concatenate(states, axis=-1)


def _in_layout(states, data, patch_size):
    """Return states of patches, valid ones first, in the layout of the input, with NaN at padded ones."""
    sequences = data.sequences
    n_timesteps = np.array([len(sequence) for sequence in data.given]) if data.is_list else sequences.n_timesteps
    n_patches, n_valid = -(-n_timesteps // patch_size), -(-sequences.lengths // patch_size)
    n_trailing = (n_timesteps - sequences.n_leading_padding - sequences.lengths) // patch_size
    patches = replace(
        sequences,
        lengths=n_valid,
        n_leading_padding=n_patches - n_trailing - n_valid,
        n_timesteps=states.shape[1],
    )
    states = patches.to_layout(states, np.nan)
    if not data.is_list:
        return states
    return as_objects([of_sample[:n] for of_sample, n in zip(states, n_patches, strict=True)])
