"""Custom warnings, which can be filtered by their class."""

from __future__ import annotations

__all__ = ["UnscaledTargetWarning"]


class UnscaledTargetWarning(UserWarning):
    """Warning issued when the scale of a regression target requires many epochs of training.

    The initial weights of a network are small, and each update changes them by approximately the learning rate.
    Reaching outputs in the hundreds, or a standard deviation that is small compared to the mean, takes thousands of
    updates.

    Examples
    --------
    >>> import warnings
    >>> from skrnn.exceptions import UnscaledTargetWarning
    >>> warnings.simplefilter("ignore", UnscaledTargetWarning)
    """
