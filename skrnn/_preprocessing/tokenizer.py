"""The transformer that turns raw texts into padded token ids."""

from __future__ import annotations

import re
import reprlib
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import count, repeat
from numbers import Integral
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skrnn._common.frames import as_pandas
from skrnn._common.state import PlainStateMixin
from skrnn._common.typing import Container, fit_context
from skrnn._data.checks import as_array_or_frame

Tokenizer = TypeVar("Tokenizer", bound="SequenceTokenizer")

# The ids that the estimators reserve, and the first one that is left for words.
_PADDING, _UNKNOWN, _FIRST_WORD = 0, 1, 2

_UNKNOWN_MARKER = "<unk>"


def _texts(X):
    """Yield texts one by one; what is not a text is an error that says where it stands."""
    shape = getattr(X, "shape", None)
    if shape is not None and len(shape) != 1:
        raise ValueError(
            f"SequenceTokenizer takes texts of shape (n_samples,), but X is of type {type(X).__name__} and has shape "
            f"{tuple(shape)}. Pass one column: X['text'] of a frame, X.ravel() of an array of shape (n_samples, 1)."
        )
    if isinstance(X, (str, bytes, Mapping)):
        # All three are iterable: over characters, numbers and keys.
        raise ValueError(
            f"SequenceTokenizer takes an iterable of texts, but X is a single {type(X).__name__}, {reprlib.repr(X)}. "
            "Pass a list of texts: [text] where there is one."
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


class SequenceTokenizer(TransformerMixin, PlainStateMixin):
    r"""Turn raw texts into padded token ids, the input of estimators with ``embedding_dim``.

    Texts are split into words as :class:`~sklearn.feature_extraction.text.CountVectorizer` splits them, but words
    of one letter count. Id 0 is padding, 1 is any word that is not in the vocabulary, and from 2 on come the words
    of the training texts by decreasing frequency, those of equal frequency in alphabetical order.

    Parameters
    ----------
    max_tokens : int or None, default=20000
        Number of ids, padding and unknown words included: the ``max_tokens - 2`` most frequent words of the training
        texts get an id of their own, and all ids are below `max_tokens`. It is the ``n_tokens`` of the estimator.
        None sets no limit.

    max_len : int or None, default=None
        Number of time steps of the output. None is the number of words in the longest training text.

    padding : {"post", "pre"}, default="post"
        Whether the padding of a text shorter than `max_len` stands after its words or before them.

    truncating : {"post", "pre"}, default="post"
        Whether a text longer than `max_len` loses its last words or its first ones.

    lowercase : bool, default=True
        Whether texts are put in lower case before they are split.

    token_pattern : str, default=r"(?u)\b\w+\b"
        Regular expression of a word. Where it has a capturing group, the group is the word; more than one is an
        error.

    Attributes
    ----------
    vocabulary_ : dict
        Word to id, in the order of the ids, without padding and unknown words.

    n_tokens_ : int
        Number of ids, padding and unknown words included: ``len(vocabulary_) + 2``.

    max_len_ : int
        Number of time steps of the output.

    See Also
    --------
    GRUClassifier : Takes token ids, with ``embedding_dim`` and ``n_tokens``.
    sklearn.feature_extraction.text.CountVectorizer : Counts words and forgets their order.

    Notes
    -----
    A text without any word, empty or made of punctuation alone, becomes one unknown word: estimators refuse
    sequences that are all padding.

    `padding` and `truncating` mean what they mean in ``keras.utils.pad_sequences``, whose default is "pre" for both.
    Which side is padded does not change what a recurrent estimator predicts, as it masks padding on either side.

    `max_len` and `max_tokens` are read by :meth:`fit`, the other parameters by :meth:`transform` as well.

    The output is an array whatever :meth:`set_output` asks for, as its columns are positions and have no names.

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
        """Learn the vocabulary, and the number of time steps where `max_len` is None.

        Parameters
        ----------
        X : iterable of str of length n_samples
            The training texts.

        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        SequenceTokenizer
            The fitted tokenizer.

        Raises
        ------
        ValueError
            If `X` is a single text or has more than one dimension, if there is no word in it, or if a parameter is
            out of its range.

        TypeError
            If `X` is not iterable, or holds anything that is not a str.
        """
        self._learn(X)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Iterable[str], y: object = None) -> NDArray[np.int32]:
        """Learn the vocabulary and return the ids of the training texts, which are split only once.

        Parameters
        ----------
        X : iterable of str of length n_samples
            The training texts.

        y : Ignored
            Not used, present for API consistency by convention.

        Returns
        -------
        ndarray of shape (n_samples, `max_len_`)
            Token ids, int32.

        Raises
        ------
        ValueError
            If `X` is a single text or has more than one dimension, if there is no word in it, or if a parameter is
            out of its range.

        TypeError
            If `X` is not iterable, or holds anything that is not a str.
        """
        return self._pad(*self._learn(X))

    def transform(self, X: Iterable[str]) -> NDArray[np.int32]:
        """Return the ids of texts.

        Parameters
        ----------
        X : iterable of str of length n_samples
            Texts.

        Returns
        -------
        ndarray of shape (n_samples, `max_len_`)
            Token ids, int32.

        Raises
        ------
        NotFittedError
            If the tokenizer is not fitted.

        ValueError
            If `X` is a single text or has more than one dimension, or if a parameter is out of its range.

        TypeError
            If `X` is not iterable, or holds anything that is not a str.
        """
        check_is_fitted(self)
        self._validate_params()  # they may have been set since fit
        id_of = self.vocabulary_.get
        return self._pad(*self._encode(X, lambda words: map(id_of, words, repeat(_UNKNOWN))))

    def inverse_transform(self, X: ArrayLike) -> list[str]:
        """Return the words of ids, joined by spaces.

        Case, punctuation and what was truncated are lost.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps)
            Token ids; padding may stand anywhere, and is left out.

        Returns
        -------
        list of str of length n_samples
            The texts, with "<unk>" for each unknown word.

        Raises
        ------
        NotFittedError
            If the tokenizer is not fitted.

        ValueError
            If `X` is not 2-D, or holds anything that is not an id of the vocabulary.

        TypeError
            If `X` is no array, list or frame.

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
                f"shape {ids.shape} and dtype {ids.dtype}. Pass what transform returned."
            )
        wrong = ~((ids >= 0) & (ids < self.n_tokens_) & (ids == np.floor(ids)))
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise ValueError(
                f"X holds {ids[row, column]} at sample {row}, time step {column}, but token ids are whole numbers from "
                f"0 to {self.n_tokens_ - 1}. Pass what transform of this tokenizer returned."
            )
        words = np.array(["", _UNKNOWN_MARKER, *self.vocabulary_], dtype=object)
        return [" ".join(words[row[row != _PADDING]]) for row in ids.astype(np.intp)]

    def set_output(self: Tokenizer, *, transform: Container | None = None) -> Tokenizer:
        """Do nothing: ids stay an array, so that a Pipeline can ask its other steps for frames.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            Ignored.

        Returns
        -------
        SequenceTokenizer
            The tokenizer.
        """
        # scikit-learn's own method is missing where there are no feature names, and Pipeline.set_output raises on a
        # step without it.
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []  # ids are int32
        return tags

    def _learn(self, X):
        """Set the fitted attributes; return what `_encode` does for the training texts."""
        # Ids follow frequency, which is known after the last text: until then words are numbered as they come.
        number_of: defaultdict[str, int] = defaultdict(count().__next__)
        numbers, lengths = self._encode(X, lambda words: map(number_of.__getitem__, words))
        if not number_of:
            raise ValueError(
                f"Empty vocabulary: none of the {len(lengths)} texts of X has a word that matches token_pattern="
                f"{self.token_pattern!r}. Pass texts with words in them, or another token_pattern."
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
        """Split texts and encode their words: (n_words,), all texts after one another, and lengths: (n_samples,)."""
        split = self._analyzer()
        # Four bytes a word, where lists of the words themselves would take more than ten times as much.
        codes, lengths = array("i"), []
        for text in _texts(X):
            words = split(text)
            codes.extend(encode_words(words))
            lengths.append(len(words))
        return np.asarray(codes, dtype=np.int32), np.array(lengths, dtype=np.intp)

    def _analyzer(self):
        """Return scikit-learn's function from a text to the list of its words."""
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
            f"capturing group. {self.token_pattern!r} {problem}. Groups that need not capture start with '(?:'."
        )

    def _pad(self, ids, lengths):
        """Lay the ids of texts out in rows: (n_words,), (n_samples,) -> (n_samples, max_len_)."""
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
