"""Transformer of raw texts to padded token ids."""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Iterable
from itertools import count, repeat
from numbers import Integral
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skrnn._common.arguments import NamedParametersMixin, named_arguments
from skrnn._common.state import PlainStateMixin
from skrnn._common.typing import Container, fit_context
from skrnn._data.checks import as_array_or_frame
from skrnn._preprocessing.texts import iterate_texts

Tokenizer = TypeVar("Tokenizer", bound="SequenceTokenizer")

# Ids with a fixed meaning, which the estimators know, and the first id of a word.
_PADDING, _UNKNOWN, _FIRST_WORD = 0, 1, 2

_UNKNOWN_MARKER = "<unk>"


class SequenceTokenizer(TransformerMixin, NamedParametersMixin, PlainStateMixin):
    r"""Convert raw texts to padded token ids, the input of estimators with ``embedding_dim``.

    Texts are split into words as in :class:`~sklearn.feature_extraction.text.CountVectorizer`, except that words of a
    single character are kept. Id 0 is padding and id 1 represents all words that are not in the vocabulary. From id 2,
    the words of the training texts are sorted by decreasing frequency, and in alphabetical order if frequencies are
    equal.

    Parameters
    ----------
    max_tokens : int or None, default=20000
        Maximum number of ids, including padding and unknown words: the vocabulary contains the ``max_tokens - 2`` most
        frequent words of the training texts, and all ids are less than `max_tokens`. Pass the same value as
        ``n_tokens`` of the estimator. If None, the vocabulary contains all words of the training texts.

    max_len : int or None, default=None
        Number of time steps of the output. If None, the number of words in the longest training text is used.

    padding : {"post", "pre"}, default="post"
        Where to pad texts shorter than `max_len`: after ("post") or before ("pre") their words.

    truncating : {"post", "pre"}, default="post"
        Where to remove words from texts longer than `max_len`: at the end ("post") or at the beginning ("pre").

    lowercase : bool, default=True
        Whether to convert texts to lower case before splitting.

    token_pattern : str, default=r"(?u)\b\w+\b"
        Regular expression that matches a word. If it has a capturing group, the captured text is the word. More than
        one capturing group is not permitted.

    Attributes
    ----------
    vocabulary_ : dict
        Mapping of words to ids, sorted by id. Padding and unknown words are not included.

    n_tokens_ : int
        Number of ids, including padding and unknown words: ``len(vocabulary_) + 2``.

    max_len_ : int
        Number of time steps of the output.

    See Also
    --------
    GRUClassifier : Classifier of token ids, with ``embedding_dim`` and ``n_tokens``.
    sklearn.feature_extraction.text.CountVectorizer : Transformer of texts to word counts, without their order.

    Notes
    -----
    A text without words, which is empty or contains only punctuation, is converted to a single unknown word, since
    estimators do not accept sequences that contain only padding.

    `padding` and `truncating` have the same meaning as in ``keras.utils.pad_sequences``, where both default to "pre".
    The side of the padding does not affect the predictions of recurrent estimators, which mask padding on both sides.

    `max_len` and `max_tokens` are used by :meth:`fit` only, the other parameters also by :meth:`transform`.

    The output is always an array, regardless of :meth:`set_output`: its columns are time steps, which have no names.

    Examples
    --------
    >>> from skrnn import SequenceTokenizer
    >>> texts = ["A good film.", "A bad film, a bad plot!", "..."]
    >>> tokenizer = SequenceTokenizer()
    >>> tokenizer.fit_transform(texts)
    array([[2, 5, 4, 0, 0, 0],
           [2, 3, 4, 2, 3, 6],
           [1, 0, 0, 0, 0, 0]], dtype=int32)
    >>> tokenizer.vocabulary_
    {'a': 2, 'bad': 3, 'film': 4, 'good': 5, 'plot': 6}
    >>> ids = tokenizer.transform(["A good actor"])
    >>> ids
    array([[2, 5, 1, 0, 0, 0]], dtype=int32)
    >>> tokenizer.inverse_transform(ids)
    ['a good <unk>']

    In front of an estimator:

    >>> from skrnn import GRUClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> classifier = make_pipeline(
    ...     SequenceTokenizer(max_tokens=5000, max_len=100), GRUClassifier(embedding_dim=32, n_tokens=5000)
    ... )
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "max_tokens": [Interval(Integral, _FIRST_WORD + 1, None, closed="left"), None],
        "max_len": [Interval(Integral, 1, None, closed="left"), None],
        "padding": [StrOptions({"post", "pre"})],
        "truncating": [StrOptions({"post", "pre"})],
        "lowercase": ["boolean"],
        "token_pattern": [str],
    }

    vocabulary_: dict[str, int]
    n_tokens_: int
    max_len_: int

    @named_arguments
    def __init__(
        self,
        max_tokens: int | None = 20000,
        *,
        max_len: int | None = None,
        padding: Literal["post", "pre"] = "post",
        truncating: Literal["post", "pre"] = "post",
        lowercase: bool = True,
        token_pattern: str = r"(?u)\b\w+\b",
    ) -> None:
        self.max_tokens = max_tokens
        self.max_len = max_len
        self.padding = padding
        self.truncating = truncating
        self.lowercase = lowercase
        self.token_pattern = token_pattern

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self: Tokenizer, X: Iterable[str], y: object = None) -> Tokenizer:
        """Learn the vocabulary, and the number of time steps if `max_len` is None.

        Parameters
        ----------
        X : iterable of str of length n_samples
            Training texts.

        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        SequenceTokenizer
            Fitted tokenizer.

        Raises
        ------
        ValueError
            If `X` is a single text or a set, has more than one dimension or contains no words, or if a parameter is
            invalid.

        TypeError
            If `X` is not iterable or contains elements that are not str.
        """
        self._learn(X)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Iterable[str], y: object = None) -> NDArray[np.int32]:
        """Learn the vocabulary and return the token ids of the training texts.

        Equivalent to :meth:`fit` followed by :meth:`transform`, but each text is split only once.

        Parameters
        ----------
        X : iterable of str of length n_samples
            Training texts.

        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        ndarray of shape (n_samples, `max_len_`)
            Token ids, int32.

        Raises
        ------
        ValueError
            If `X` is a single text or a set, has more than one dimension or contains no words, or if a parameter is
            invalid.

        TypeError
            If `X` is not iterable or contains elements that are not str.
        """
        return self._pad(*self._learn(X))

    def transform(self, X: Iterable[str]) -> NDArray[np.int32]:
        """Convert texts to token ids.

        Parameters
        ----------
        X : iterable of str of length n_samples
            Texts to convert.

        Returns
        -------
        ndarray of shape (n_samples, `max_len_`)
            Token ids, int32.

        Raises
        ------
        NotFittedError
            If the tokenizer is not fitted.

        ValueError
            If `X` is a single text or a set, or has more than one dimension, or if a parameter is invalid.

        TypeError
            If `X` is not iterable or contains elements that are not str.
        """
        check_is_fitted(self)
        self._validate_params()  # parameters may have been set after fit
        id_of = self.vocabulary_.get
        return self._pad(*self._encode(X, lambda words: map(id_of, words, repeat(_UNKNOWN))))

    def inverse_transform(self, X: ArrayLike) -> list[str]:
        """Convert token ids to texts of words separated by spaces.

        Case, punctuation and truncated words cannot be restored.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps)
            Token ids. Padding is removed at any position.

        Returns
        -------
        list of str of length n_samples
            Texts, with "<unk>" for each unknown word.

        Raises
        ------
        NotFittedError
            If the tokenizer is not fitted.

        ValueError
            If `X` is not 2-D or not numeric, or contains values that are not token ids of this tokenizer.

        TypeError
            If `X` is not array-like or a DataFrame, or is sparse.

        Examples
        --------
        >>> from skrnn import SequenceTokenizer
        >>> tokenizer = SequenceTokenizer(max_len=4).fit(["A good film.", "A bad film!"])
        >>> ids = tokenizer.transform(["Good film, bad actor", "A film"])
        >>> ids
        array([[5, 3, 4, 1],
               [2, 3, 0, 0]], dtype=int32)
        >>> tokenizer.inverse_transform(ids)
        ['good film bad <unk>', 'a film']
        """
        check_is_fitted(self)
        ids = np.asarray(as_array_or_frame(X, "X", type(self).__name__, ("sample", "time step")))
        if ids.ndim != 2 or ids.dtype.kind not in "iuf":
            raise ValueError(
                "SequenceTokenizer.inverse_transform takes token ids of shape (n_samples, n_timesteps), but X has "
                f"shape {ids.shape} and dtype {ids.dtype}. Pass the output of transform."
            )
        invalid = ~((ids >= 0) & (ids < self.n_tokens_) & (ids == np.floor(ids)))
        if invalid.any():
            row, column = np.argwhere(invalid)[0]
            raise ValueError(
                f"X contains {ids[row, column]} at sample {row}, time step {column}, but token ids are integers from 0 "
                f"to {self.n_tokens_ - 1}. Pass the output of transform of the same tokenizer."
            )
        words = np.array(["", _UNKNOWN_MARKER, *self.vocabulary_], dtype=object)
        return [" ".join(words[row[row != _PADDING]]) for row in ids.astype(np.intp)]

    def set_output(self: Tokenizer, *, transform: Container | None = None) -> Tokenizer:
        """Do nothing: the output is always an array.

        The method exists so that :meth:`~sklearn.pipeline.Pipeline.set_output` can be called on a Pipeline that
        contains the tokenizer.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            Ignored.

        Returns
        -------
        SequenceTokenizer
            The tokenizer itself.
        """
        # Without get_feature_names_out, scikit-learn's mixin provides no set_output, and Pipeline.set_output raises for
        # steps without it.
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []  # ids are int32
        return tags

    def _learn(self, X):
        """Set the fitted attributes; return the output of `_encode` for the training texts."""
        # Ids depend on frequencies, which are known after the last text. Until then, words are numbered in the order of
        # their first occurrence.
        number_of: defaultdict[str, int] = defaultdict(count().__next__)
        numbers, lengths = self._encode(X, lambda words: map(number_of.__getitem__, words))
        if not number_of:
            raise ValueError(
                f"Empty vocabulary: none of the {len(lengths)} texts of X contains a word that matches token_pattern="
                f"{self.token_pattern!r}. Pass texts with words, or change token_pattern."
            )
        if "" in number_of:
            raise ValueError(
                f"The 'token_pattern' parameter of SequenceTokenizer must match words. {self.token_pattern!r} matches "
                "words without characters, which would be tokens. Use '+' instead of '*', and a group that is part of "
                "every match."
            )
        words = list(number_of)
        frequencies = np.bincount(numbers, minlength=len(words)).tolist()
        ranked = sorted(range(len(words)), key=lambda number: (-frequencies[number], words[number]))
        if self.max_tokens is not None:
            ranked = ranked[: self.max_tokens - _FIRST_WORD]
        self.vocabulary_ = {words[number]: token for token, number in enumerate(ranked, start=_FIRST_WORD)}
        self.n_tokens_ = _FIRST_WORD + len(ranked)
        self.max_len_ = int(lengths.max() if self.max_len is None else self.max_len)
        id_of_number = np.full(len(words), _UNKNOWN, dtype=np.int32)
        id_of_number[ranked] = np.arange(_FIRST_WORD, self.n_tokens_)
        return id_of_number[numbers], lengths

    def _encode(self, X, encode_words):
        """Split texts and encode their words; return codes, (n_words,), and lengths of texts, (n_samples,)."""
        split = self._analyzer()
        # Four bytes per word; lists of the words themselves would take more than ten times as much memory.
        codes, lengths = array("i"), []
        for text in iterate_texts(X):
            words = split(text)
            codes.extend(encode_words(words))
            lengths.append(len(words))
        return np.asarray(codes, dtype=np.int32), np.array(lengths, dtype=np.intp)

    def _analyzer(self):
        """Return the function of scikit-learn that splits a text into a list of words."""
        try:
            n_groups = re.compile(self.token_pattern).groups
        except re.error as error:
            problem = f"is not a regular expression: {error}"
        else:
            if n_groups <= 1:
                return CountVectorizer(lowercase=self.lowercase, token_pattern=self.token_pattern).build_analyzer()
            problem = f"has {n_groups} capturing groups"
        raise ValueError(
            "The 'token_pattern' parameter of SequenceTokenizer must be a regular expression with at most one "
            f"capturing group. {self.token_pattern!r} {problem}. Use '(?:' for groups that do not capture."
        )

    def _pad(self, ids, lengths):
        """Truncate and pad the ids of texts: (n_words,), (n_samples,) -> (n_samples, max_len_)."""
        max_len = self.max_len_
        padded = np.full((len(lengths), max_len), _PADDING, dtype=np.int32)
        ends = np.cumsum(lengths)
        for row, start, end in zip(padded, ends - lengths, ends, strict=True):
            if self.truncating == "post":
                kept = ids[start : min(end, start + max_len)]
            else:
                kept = ids[max(start, end - max_len) : end]
            if self.padding == "post":
                row[: len(kept)] = kept
            else:
                row[max_len - len(kept) :] = kept
        padded[lengths == 0, 0 if self.padding == "post" else -1] = _UNKNOWN
        return padded
