"""The validation set: held out from the training data, or passed to ``fit``."""

from __future__ import annotations

import contextlib
import functools
import inspect
import reprlib
from collections.abc import Callable, Iterator
from numbers import Real
from typing import Any, TypeVar

import numpy as np

from skrnn._common.guide import see

Fit = TypeVar("Fit", bound=Callable[..., Any])

DEFAULT_FRACTION = 0.1  # with early stopping, where validation_split is None


def without_arguments_of_keras(fit: Fit) -> Fit:
    """Let ``fit`` say where arguments of Keras's ``fit`` belong: validation data, and parameters of the estimator."""
    targets = ", y_val=..." if "y_val" in inspect.signature(fit).parameters else ""

    @functools.wraps(fit)
    def checked(self: Any, *args: Any, **kwargs: Any) -> Any:
        if "validation_data" in kwargs:
            raise TypeError(
                f"{type(self).__name__}.fit has no argument 'validation_data'. Pass X_val=...{targets} and, for "
                "weights, sample_weight_val=...; a Pipeline transforms X_val if it has transform_input=['X_val']."
                + see("searching", "custom-validation-data")
            )
        for argument in kwargs:
            if argument in self._get_param_names():
                name = type(self).__name__
                raise TypeError(
                    f"{name}.fit has no argument {argument!r}, which is a parameter of the estimator: pass it to the "
                    f"constructor, {name}({argument}=...), or to set_params."
                )
        return fit(self, *args, **kwargs)

    same: Any = checked
    return same


def given_validation_data(X_val, y_val, sample_weight_val, name):
    """Return the validation data that ``fit`` got, or None; they must be complete."""
    if X_val is None and y_val is None and sample_weight_val is None:
        return None
    if X_val is None or y_val is None:
        missing = "X_val" if X_val is None else "y_val"
        raise ValueError(f"{name} requires X_val and y_val together as validation data, but {missing} is None.")
    return X_val, y_val, sample_weight_val


@contextlib.contextmanager
def naming_validation_data(parameters: str) -> Iterator[None]:
    """Let errors about validation data say that they are not about the training data."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"In {parameters}: {error} A Pipeline transforms X_val only with transform_input=['X_val']."
            + see("searching", "custom-validation-data")
        ) from error


def split_dataset(dataset, y, kept, targets, validation_split, early_stopping, name):
    """Split off a validation set as ``validation_split`` says, and leave out samples with zero weight.

    Parameters
    ----------
    dataset : Dataset
    y : ndarray of shape (n_samples, ...)
        The targets that `targets` has read.
    kept : ndarray of int
        Samples with non-zero weight. A fraction is taken of these; a splitter splits all samples.
    targets : RegressionTargets or ClassificationTargets
    validation_split, early_stopping
        Parameters of the estimator.
    name : str
        Name of the estimator, for errors.

    Returns
    -------
    training : Dataset
    validation : Dataset or None
    """
    rows = np.arange(len(dataset)) if hasattr(validation_split, "split") else kept
    codes, series = targets.class_codes(y[rows]), dataset.sequences.series
    groups = [group for group in (codes, None if series is None else series[rows]) if group is not None]
    parts = held_out(validation_split, early_stopping, len(rows), y[rows], groups, name)
    if parts is None:
        return dataset.take(kept) if len(kept) < len(dataset) else dataset, None
    train_rows, validation_rows = (rows[part][np.isin(rows[part], kept)] for part in parts)
    targets.check_held_out(y, train_rows, validation_rows)
    return dataset.take(train_rows), dataset.take(validation_rows)


def held_out(validation_split, early_stopping, n_samples, y, groups, name):
    """Split samples into a training and a validation part; nothing is shuffled.

    Parameters
    ----------
    validation_split : float, splitter or None
        Parameter of the estimator.
    early_stopping : bool
        Parameter of the estimator; if True, None means `DEFAULT_FRACTION`.
    n_samples : int
    y : ndarray of shape (n_samples, ...)
        Passed to a splitter.
    groups : list of ndarray of shape (n_samples,)
        The class and the series of each sample, if any. A fraction is taken of the samples of each class within each
        series.
    name : str
        Name of the estimator, for errors.

    Returns
    -------
    (train, validation) : tuple of ndarray of int, or None if no validation set is held out
    """
    if validation_split is None and early_stopping:
        validation_split = DEFAULT_FRACTION
    if validation_split is None or (isinstance(validation_split, Real) and validation_split == 0):
        return None
    if isinstance(validation_split, Real):
        validation = _last_of_each(validation_split, np.array([np.zeros(n_samples, dtype=int), *groups]))
        train = np.setdiff1d(np.arange(n_samples), validation)
    else:
        train, validation = _first_split(validation_split, n_samples, y, name)
    if not len(train) or not len(validation):
        reason = ""
        if len(groups) and isinstance(validation_split, Real):
            reason = " At least one sample of each class and of each series remains in the training set."
        raise ValueError(
            f"validation_split={validation_split!r} of {n_samples} samples results in {len(train)} training and "
            f"{len(validation)} validation samples; {name} requires at least one of each.{reason} Pass more samples, "
            "another fraction, or X_val and y_val to fit."
        )
    return train, validation


def _first_split(splitter, n_samples, y, name):
    """Return the positions of the training and test samples of the first split; empty ones if there is no split."""
    if isinstance(splitter, str):  # which has a method of that name
        raise ValueError(
            f"The 'validation_split' parameter of {name} must be a fraction, a splitter or None. Got {splitter!r} "
            "instead."
        )
    parts = next(iter(splitter.split(np.zeros((n_samples, 1)), y)), ((), ()))
    try:
        train, validation = (_positions(part, n_samples) for part in parts)
    except (IndexError, TypeError, ValueError) as error:
        raise ValueError(
            f"The 'validation_split' parameter of {name} must split {n_samples} samples into the positions of a "
            f"training and a validation set. {splitter!r} returned {reprlib.repr(parts)}: {error}."
        ) from error
    return train, validation


def _positions(part, n_samples):
    """Return part of the samples, a mask or positions, as positions."""
    part = np.asarray(part)
    return np.arange(n_samples)[part if part.size else part.astype(int)]


def _last_of_each(fraction, groups):
    """Return the last samples of each group, which are the distinct columns; at least one sample remains of each."""
    _, codes = np.unique(groups, axis=1, return_inverse=True)
    codes = codes.reshape(-1)  # numpy 2.0 returns it with another axis
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes)
    position = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    n_train = np.maximum(np.floor(sizes * (1 - fraction)).astype(int), 1)  # as Keras's validation_split rounds
    return np.sort(order[position >= n_train[codes[order]]])
