"""Warnings of skrnn that can be filtered by their class."""

from __future__ import annotations

__all__ = ["UnscaledTargetWarning"]


class UnscaledTargetWarning(UserWarning):
    """Warning of a regression target on a scale that a network takes many epochs to reach.

    The weights of a network start small, and each update changes them by about the learning rate: outputs of hundreds,
    or a spread that is small beside the mean, take thousands of updates.

    Examples
    --------
    >>> import warnings
    >>> from skrnn.exceptions import UnscaledTargetWarning
    >>> warnings.simplefilter("ignore", UnscaledTargetWarning)
    """
