"""Errors of the reconstructions of sequences as scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from skrnn._common.squares import finite_squares
from skrnn._data.checks import check_sample_weights
from skrnn._engine.native.tables import PREDICTED_AT_ONCE

_NUMBERS_AT_ONCE = 2**20  # of reconstructions whose errors are computed, because windows may overlap


class ReconstructionScoresMixin:
    """Mixin of autoencoders that scores sequences, and their time steps."""

    _schema: Any
    _outputs_of_sequences: Any

    def score_samples(self, X: ArrayLike, per_step: bool = False) -> NDArray[np.float64]:
        """Return the negative errors of the reconstructions of sequences, or of their time steps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of the training data.
        per_step : bool, default=False
            Whether to return one number per time step.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_timesteps)
            Minus the mean squared error over all features and valid time steps of a sequence or, with
            ``per_step=True``, over all features of a time step, NaN at padded ones. For a list of sequences,
            n_timesteps is the length of the longest one.

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
        >>> X = np.random.default_rng(0).normal(size=(80, 5, 2))
        >>> autoencoder = SequenceAutoencoder(units=8, n_components=2, epochs=1, random_state=0).fit(X)
        >>> autoencoder.score_samples(X).shape, autoencoder.score_samples(X, per_step=True).shape
        ((80,), (80, 5))
        """
        check_is_fitted(self)
        sequences = self._schema.read(self, X).sequences
        n_samples, n_timesteps, n_features = sequences.shape
        scores = np.full((n_samples, n_timesteps) if per_step else n_samples, np.nan)
        size = max(_NUMBERS_AT_ONCE // (n_timesteps * n_features), PREDICTED_AT_ONCE)
        for first in range(0, n_samples, size):
            part = slice(first, first + size)
            scores[part] = self._scores(sequences.take(part), per_step)
        return scores

    def _scores(self, sequences, per_step):
        """Return the negative errors of sequences, or of their time steps in the layout of ``X``."""
        [outputs] = self._outputs_of_sequences(sequences)
        errors = outputs.astype(np.float64) - sequences.gather(np.arange(len(sequences)))
        errors = finite_squares(errors).mean(axis=-1)  # with dtype="float64", errors may be too large to square
        if per_step:
            return -sequences.to_layout(errors, np.nan)
        return -np.where(sequences.valid(), errors, 0).sum(axis=1) / sequences.lengths

    def score(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the mean of `score_samples`, for searches.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps) or (n_samples, n_timesteps, n_features)
            Sequences in the layout of the training data.
        y : None, default=None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        float
            Minus the mean squared error of the reconstructions, averaged over sequences. The best possible value is 0.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As in `transform`, and if `sample_weight` does not match `X` or is invalid.
        TypeError
            As in `transform`, and if `sample_weight` is not array-like or contains non-numeric values.
        """
        scores = self.score_samples(X)
        weights = check_sample_weights(sample_weight, len(scores), "float64", type(self).__name__)
        return float(scores.mean() if weights is None else np.average(scores, weights=weights))
