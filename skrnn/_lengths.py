"""How long the time axis is that a sequence is computed on: few lengths, so that few programs are compiled."""

from __future__ import annotations

import numpy as np

_QUARTERS = 4  # sequences are computed on quarters of the longest time axis

# Share of all steps, and steps times units, that must be saved for grouping by length: below, compiling a program for
# each length costs more than the padding.
_MIN_SHARE = 0.15
MIN_TRAINING_WORK = 2**24
MIN_PREDICTION_WORK = 2**26


def length_on_grid(length):
    """Return the next length of the grid 1, 2, ... 8, 12, 16, ... 64, 72, 80, ... 128, 144, ...

    Lists of sequences are padded to it, so that folds whose longest sequences differ a little share a program. It is
    at most three steps, or an eighth, longer.
    """
    if length <= 8:
        return length
    step = max(4, 1 << (length - 1).bit_length() - 4)
    return -(-length // step) * step


def program_lengths(sequences, units, min_work, *, masked, fitted=None):
    """Choose for each sequence the length of the time axis on which it is computed.

    Parameters
    ----------
    sequences : Sequences
    units : tuple of int
        Units of the recurrent layers.
    min_work : int
        The work, in steps times units, that makes up for compiling a program of another length.
    masked : bool
        Whether programs take a mask; without one there is nothing to choose.
    fitted : int or None, default=None
        The longest axis that training used, which is compiled already.

    Returns
    -------
    ndarray of int, shape (n_samples,)
    """
    n_samples, longest = len(sequences), int(sequences.lengths.max())
    if not masked:
        return np.full(n_samples, sequences.n_timesteps)
    axis = min(sequences.n_timesteps, length_on_grid(longest))
    if fitted is not None and longest <= fitted and (fitted - axis) * n_samples * sum(units) < min_work:
        axis = fitted
    quarters = -(-axis * np.arange(1, _QUARTERS + 1) // _QUARTERS)
    chosen = quarters[np.searchsorted(quarters, sequences.lengths)]
    saved = axis * n_samples - int(chosen.sum())
    if saved < _MIN_SHARE * axis * n_samples or saved * sum(units) < min_work:
        return np.full(n_samples, axis)
    return chosen
