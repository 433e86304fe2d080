"""Which of the training samples are held out to validate on."""

from __future__ import annotations

import reprlib
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
        train, validation = _first_fold(validation_split, n_samples, y, name)
    if not len(train) or not len(validation):
        raise ValueError(
            f"validation_split={validation_split!r} of {n_samples} samples leaves {len(train)} to train on and "
            f"{len(validation)} to validate on; {name} needs at least one of each. Pass more samples, another "
            "fraction, or validation_data to fit."
        )
    return train, validation


def _first_fold(splitter, n_samples, y, name):
    """Return the positions that the first split of a splitter trains and validates on; none where it has no split."""
    if isinstance(splitter, str):  # which has a split of its own
        raise ValueError(
            f"The 'validation_split' parameter of {name} must be a fraction, a splitter or None. Got {splitter!r} "
            "instead."
        )
    fold = next(iter(splitter.split(np.zeros((n_samples, 1)), y)), ((), ()))
    try:
        train, validation = (_positions(part, n_samples) for part in fold)
    except (IndexError, TypeError, ValueError) as error:
        raise ValueError(
            f"The 'validation_split' parameter of {name} must split {n_samples} samples into the positions of two "
            f"parts, to train and to validate on. {splitter!r} made {reprlib.repr(fold)}: {error}."
        ) from error
    return train, validation


def _positions(part, n_samples):
    """Return a part of the samples, be it a mask or positions, as positions."""
    part = np.asarray(part)
    return np.arange(n_samples)[part if part.size else part.astype(int)]


def _last_of_each(fraction, codes):
    """Return the last samples of every class, as many as Keras's validation_split takes of all."""
    parts = []
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code)
        n_train = int(np.floor(len(members) * (1 - fraction)))
        parts.append(members[max(n_train, 1) :])
    return np.sort(np.concatenate(parts))
