"""Checks of the number and the lengths of the sequences that a network is first fitted to."""

from __future__ import annotations


def check_first_data(estimator, sequences, partial):
    """Raise if an estimator cannot be fitted to sequences, or if their lengths do not match its parameters.

    Parameters
    ----------
    estimator : BaseRecurrent
    sequences : Sequences
    partial : bool
        Whether they are only a part of the training data, as in ``partial_fit``.
    """
    name, per_step = type(estimator).__name__, bool(estimator.return_sequences)
    patch_size, pooling = estimator.patch_size, estimator.pooling
    if len(sequences) < 2 and not (partial or per_step):
        raise ValueError(
            f"Found array with 1 sample (n_samples=1) while {name} requires at least 2 in fit. Use partial_fit for "
            "single samples."
        )
    for parameter, value, only in (("patch_size", patch_size, 1), ("pooling", pooling, "last")):
        if per_step and value != only:
            raise ValueError(
                f"The {parameter!r} parameter of {name} must be {only!r} with return_sequences=True, which predicts "
                f"one output per time step. Got {value!r} instead. Set {parameter}={only!r}, or return_sequences=False."
            )
    longest = int(sequences.lengths.max())
    if patch_size > longest:
        raise ValueError(
            f"The 'patch_size' parameter of {name} must be at most {longest}, the number of valid time steps of the "
            f"longest sequence. Got {patch_size!r} instead. Decrease it, or pass longer sequences."
        )
