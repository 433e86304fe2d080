"""Iteration over raw texts, with errors for input that is not texts."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping

from skrnn._common.frames import as_pandas


def iterate_texts(X):
    """Yield the texts of an iterable; raise for the first element that is not a str."""
    shape = getattr(X, "shape", None)
    if shape is not None and len(shape) != 1:
        raise ValueError(
            f"SequenceTokenizer takes texts of shape (n_samples,), but X is of type {type(X).__name__} and has shape "
            f"{tuple(shape)}. Pass a single column: X['text'] for a DataFrame, X.ravel() for an array of shape "
            "(n_samples, 1)."
        )
    if isinstance(X, (str, bytes, Mapping)):
        # All three are iterable: over characters, integers and keys.
        raise ValueError(
            f"SequenceTokenizer takes an iterable of texts, but X is a single {type(X).__name__}, {reprlib.repr(X)}. "
            "Pass a list of texts: [text] for a single text."
        )
    if isinstance(X, (set, frozenset)):
        raise ValueError(
            f"SequenceTokenizer takes an iterable of texts, but X is a {type(X).__name__}, which has no order: rows of "
            "the output would not be those of y. Pass a list."
        )
    try:
        texts = iter(as_pandas(X))
    except TypeError:
        raise TypeError(
            f"SequenceTokenizer takes an iterable of texts, but X is {reprlib.repr(X)} of type {type(X).__name__}. "
            "Pass a list, an array or a Series of str."
        ) from None
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(
                f"SequenceTokenizer takes texts of type str, but text {index} of X is {reprlib.repr(text)} of type "
                f"{type(text).__name__}. Convert it to str, and missing texts to ''."
            )
        yield text
