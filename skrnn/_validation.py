"""Which of the training samples are held out to validate on."""

from __future__ import annotations

from numbers import Real

import numpy as np

DEFAULT_FRACTION = 0.1  # with early stopping, where validation_split is None


def held_out(validation_split, early_stopping, n_samples, y, codes, name):
    """Split samples into those to train on and those to validate on; nothing is shuffled.

    Parameters
    ----------
    validation_split : float, splitter or None
        The parameter of the estimator.
    early_stopping : bool
        Whether None stands for a tenth.
    n_samples : int
    y : ndarray of shape (n_samples, ...)
        What a splitter sees.
    codes : ndarray of shape (n_samples,) or None
        The class of each sample, where a fraction is taken from every class.
    name : str
        Name of the estimator, for errors.

    Returns
    -------
    train, validation : ndarray of int, or (None, None) where nothing is held out
    """
    if validation_split is None and early_stopping:
        validation_split = DEFAULT_FRACTION
    if validation_split is None or (isinstance(validation_split, Real) and validation_split == 0):
        return None, None
    if isinstance(validation_split, Real):
        validation = _last_of_each(validation_split, np.zeros(n_samples, int) if codes is None else codes)
        train = np.setdiff1d(np.arange(n_samples), validation)
    else:
        train, validation = next(iter(validation_split.split(np.zeros((n_samples, 1)), y)))
    if not len(train) or not len(validation):
        raise ValueError(
            f"validation_split={validation_split!r} of {n_samples} samples leaves {len(train)} to train on and "
            f"{len(validation)} to validate on; {name} needs at least one of each. Pass more samples, another "
            "fraction, or validation_data to fit."
        )
    return train, validation


def _last_of_each(fraction, codes):
    """Return the last samples of every class, as many as Keras's validation_split takes of all."""
    parts = []
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code)
        n_train = int(np.floor(len(members) * (1 - fraction)))
        parts.append(members[max(n_train, 1) :])
    return np.sort(np.concatenate(parts))
