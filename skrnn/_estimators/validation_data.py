"""Which of the training samples are held out to validate on."""

from __future__ import annotations

import functools
import reprlib
from collections.abc import Callable
from numbers import Real
from typing import Any, TypeVar

import numpy as np

from skrnn._common.guide import see

Fit = TypeVar("Fit", bound=Callable[..., Any])

DEFAULT_FRACTION = 0.1  # with early stopping, where validation_split is None


def without_validation_data(fit: Fit) -> Fit:
    """Make ``fit`` name the arguments that replace Keras's ``validation_data``, which no Pipeline would transform."""

    @functools.wraps(fit)
    def checked(self: Any, *args: Any, **kwargs: Any) -> Any:
        if "validation_data" in kwargs:
            raise TypeError(
                f"{type(self).__name__}.fit has no argument 'validation_data'. Pass X_val=..., y_val=... and, for "
                "weights, sample_weight_val=...; a Pipeline must be told to transform X_val."
                + see("searching", "validation-data-of-your-own")
            )
        return fit(self, *args, **kwargs)

    same: Any = checked
    return same


def given_validation_data(X, y, sample_weight, name):
    """Return the validation data that fit was given, or None; half of them is a mistake."""
    if X is None and y is None and sample_weight is None:
        return None
    if X is None or y is None:
        missing = "X_val" if X is None else "y_val"
        raise ValueError(f"{name} needs X_val and y_val together, to validate on. {missing} is None.")
    return X, y, sample_weight


def held_out(validation_split, early_stopping, n_samples, y, groups, name):
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
    groups : list of ndarray of shape (n_samples,)
        The class and the series of each sample, where they have some. A fraction is taken of the samples of each
        class within each series.
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
        validation = _last_of_each(validation_split, np.array([np.zeros(n_samples, dtype=int), *groups]))
        train = np.setdiff1d(np.arange(n_samples), validation)
    else:
        train, validation = _first_fold(validation_split, n_samples, y, name)
    if not len(train) or not len(validation):
        remaining = ""
        if len(groups) and isinstance(validation_split, Real):
            remaining = " One sample of each class, and of each series, always remains to train on."
        raise ValueError(
            f"validation_split={validation_split!r} of {n_samples} samples leaves {len(train)} to train on and "
            f"{len(validation)} to validate on; {name} needs at least one of each.{remaining} Pass more samples, "
            "another fraction, or X_val and y_val to fit."
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


def _last_of_each(fraction, groups):
    """Return the last samples of each group, of which one always remains; groups are the distinct columns."""
    _, codes = np.unique(groups, axis=1, return_inverse=True)
    codes = codes.reshape(-1)  # numpy 2.0 gives it another axis
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes)
    place = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    n_train = np.maximum(np.floor(sizes * (1 - fraction)).astype(int), 1)  # as Keras's validation_split rounds
    return np.sort(order[place >= n_train[codes[order]]])
