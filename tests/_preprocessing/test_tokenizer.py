import pickle
import re
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_do_not_raise_errors_in_init_or_set_params,
    check_estimator,
    check_estimator_repr,
    check_estimator_tags_renamed,
    check_get_params_invariance,
    check_mixin_order,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_set_params,
    check_valid_tag_types,
    estimator_checks_generator,
)

from skrnn._preprocessing.tokenizer import SequenceTokenizer

REVIEWS = Path(__file__).parents[3] / "shared" / "data" / "rt-polarity.pos"

TEXTS = [
    "A good film, a GOOD plot.",
    "The plot is bad; the film is not good!",
    "I like it",
]
# By hand: good 3, a film is plot the 2, bad i it like not 1.
VOCABULARY = {
    "good": 2,
    "a": 3,
    "film": 4,
    "is": 5,
    "plot": 6,
    "the": 7,
    "bad": 8,
    "i": 9,
    "it": 10,
    "like": 11,
    "not": 12,
}
IDS = [
    [3, 2, 4, 3, 2, 6, 0, 0, 0],
    [7, 6, 5, 8, 7, 4, 5, 12, 2],
    [9, 11, 10, 0, 0, 0, 0, 0, 0],
]


def words_of(text):
    """What the default parameters split a text into, without scikit-learn."""
    return re.findall(r"\w+", text.lower())


def ranked_words(texts):
    """Words by decreasing frequency, ties in alphabetical order."""
    counter = Counter(word for text in texts for word in words_of(text))
    return [word for word, _ in sorted(sorted(counter.items()), key=lambda item: item[1], reverse=True)]


# ---------------------------------------------------------------------- vocabulary


def test_ids_by_hand():
    tokenizer = SequenceTokenizer()
    ids = tokenizer.fit_transform(TEXTS)
    assert tokenizer.vocabulary_ == VOCABULARY
    assert list(tokenizer.vocabulary_) == list(VOCABULARY)  # in the order of the ids
    assert (tokenizer.n_tokens_, tokenizer.max_len_) == (13, 9)
    assert_array_equal(ids, IDS)
    assert ids.dtype == np.int32
    assert ids.flags.writeable and ids.flags.c_contiguous


def test_default_parameters():
    assert SequenceTokenizer().get_params() == {
        "max_tokens": 20000,
        "max_len": None,
        "padding": "post",
        "truncating": "post",
        "lowercase": True,
        "token_pattern": r"(?u)\b\w+\b",
    }
    assert SequenceTokenizer(7).max_tokens == 7


@pytest.mark.parametrize(
    ("max_tokens", "n_words"), [(3, 1), (4, 2), (8, 6), (12, 10), (13, 11), (14, 11), (None, 11), (np.int64(5), 3)]
)
def test_max_tokens_counts_padding_and_unknown(max_tokens, n_words):
    tokenizer = SequenceTokenizer(max_tokens)
    ids = tokenizer.fit_transform(TEXTS)
    assert tokenizer.vocabulary_ == dict(list(VOCABULARY.items())[:n_words])
    assert tokenizer.n_tokens_ == n_words + 2
    assert ids.max() == n_words + 1
    assert_array_equal(ids, np.where(np.array(IDS) > n_words + 1, 1, IDS))
    assert_array_equal(tokenizer.transform(TEXTS), ids)


def test_ties_do_not_depend_on_the_order_of_texts():
    texts = ["b c", "d a", "c b", "e f g h"]
    expected = {"b": 2, "c": 3, "a": 4, "d": 5, "e": 6}
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]):
        assert SequenceTokenizer(7).fit([texts[i] for i in order]).vocabulary_ == expected


def test_words_that_truncation_drops_count():
    tokenizer = SequenceTokenizer(max_len=1)
    assert_array_equal(tokenizer.fit_transform(["a z z", "b z"]), [[3], [4]])
    assert tokenizer.vocabulary_ == {"z": 2, "a": 3, "b": 4}


def test_unknown_words():
    tokenizer = SequenceTokenizer(max_len=4).fit(TEXTS)
    assert_array_equal(
        tokenizer.transform(["a bad actor", "Hitchcock", "unseen goods"]), [[3, 8, 1, 0], [1, 0, 0, 0], [1, 1, 0, 0]]
    )
    assert tokenizer.vocabulary_ == VOCABULARY  # transform learns nothing


def test_lowercase():
    assert SequenceTokenizer(lowercase=False).fit(["Go go GO go"]).vocabulary_ == {"go": 2, "GO": 3, "Go": 4}
    assert SequenceTokenizer().fit(["Go go GO go"]).vocabulary_ == {"go": 2}


@pytest.mark.parametrize(
    ("token_pattern", "expected"),
    [
        (r"(?u)\b\w\w+\b", {"bc": 2, "def": 3}),  # scikit-learn's own: no words of one letter
        (r"#(\w+)", {"def": 2}),  # the group is the word
        (r"\S+", {"#def": 2, "a": 3, "bc,": 4}),
        (r"(?:a|b)", {"a": 2, "b": 3}),
    ],
)
def test_token_pattern(token_pattern, expected):
    tokenizer = SequenceTokenizer(token_pattern=token_pattern).fit(["a bc, #def"])
    assert tokenizer.vocabulary_ == expected
    # The same words as scikit-learn's, for the same pattern.
    assert set(expected) == set(CountVectorizer(token_pattern=token_pattern).fit(["a bc, #def"]).vocabulary_)


def test_words_are_unicode():
    tokenizer = SequenceTokenizer().fit(["Čapek ČAPEK naïve 映画"])
    assert tokenizer.vocabulary_ == {"čapek": 2, "naïve": 3, "映画": 4}


# ---------------------------------------------------------------------- padding


@pytest.mark.parametrize("max_len", [1, 3, 6, 9, 12])
@pytest.mark.parametrize("truncating", ["post", "pre"])
@pytest.mark.parametrize("padding", ["post", "pre"])
def test_padding_and_truncating_are_those_of_keras(padding, truncating, max_len):
    from keras.utils import pad_sequences

    sequences = [[token for token in row if token] for row in IDS]
    expected = pad_sequences(sequences, maxlen=max_len, padding=padding, truncating=truncating)
    tokenizer = SequenceTokenizer(max_len=max_len, padding=padding, truncating=truncating)
    ids = tokenizer.fit_transform(TEXTS)
    assert_array_equal(ids, expected)
    assert ids.dtype == expected.dtype
    assert_array_equal(tokenizer.transform(TEXTS), expected)
    assert tokenizer.max_len_ == max_len


@pytest.mark.parametrize(
    ("padding", "truncating", "expected"),
    [
        ("post", "post", [[2, 3], [4, 0]]),
        ("post", "pre", [[3, 2], [4, 0]]),
        ("pre", "post", [[2, 3], [0, 4]]),
        ("pre", "pre", [[3, 2], [0, 4]]),
    ],
)
def test_padding_and_truncating_by_hand(padding, truncating, expected):
    tokenizer = SequenceTokenizer(max_len=2, padding=padding, truncating=truncating)
    assert_array_equal(tokenizer.fit_transform(["a b a", "c"]), expected)


def test_max_len_is_that_of_the_longest_training_text():
    tokenizer = SequenceTokenizer().fit(["a b", "a b c", ""])
    assert tokenizer.max_len_ == 3
    assert_array_equal(tokenizer.transform(["c b a b", "c"]), [[4, 3, 2], [4, 0, 0]])


@pytest.mark.parametrize("empty", ["", " \n\t", "?!...", "-- ' --"])
@pytest.mark.parametrize(("padding", "row"), [("post", [1, 0, 0]), ("pre", [0, 0, 1])])
def test_a_text_without_words_is_one_unknown_word(padding, row, empty):
    tokenizer = SequenceTokenizer(max_len=3, padding=padding)
    ids = tokenizer.fit_transform([empty, "a b c", empty])
    assert_array_equal(ids, [row, [2, 3, 4], row])
    assert tokenizer.vocabulary_ == {"a": 2, "b": 3, "c": 4}
    assert_array_equal(tokenizer.transform([empty]), [row])
    assert ids.any(axis=1).all()  # estimators do not accept rows of only padding


def test_no_texts_to_transform():
    ids = SequenceTokenizer().fit(TEXTS).transform([])
    assert ids.shape == (0, 9)
    assert ids.dtype == np.int32


# ---------------------------------------------------------------------- containers of texts


@pytest.mark.parametrize(
    "container",
    [
        list,
        tuple,
        iter,
        np.array,
        lambda texts: np.array(texts, dtype=object),
        lambda texts: pd.Series(texts, index=[2, 0, 1]),  # in the order of the rows, not of the labels
        lambda texts: pd.Series(texts, dtype="string"),
        lambda texts: pd.Series(texts, dtype="category"),
        pd.Index,
        lambda texts: pd.DataFrame({"text": texts})["text"],
    ],
)
def test_containers(container):
    tokenizer = SequenceTokenizer()
    assert_array_equal(tokenizer.fit_transform(container(TEXTS)), IDS)
    assert_array_equal(tokenizer.fit(container(TEXTS)).transform(container(TEXTS)), IDS)
    assert all(type(word) is str for word in tokenizer.vocabulary_)


def test_fit_transform_splits_each_text_once():
    lowered = []

    class Text(str):
        __slots__ = ()

        def lower(self):
            lowered.append(str(self))
            return super().lower()

    SequenceTokenizer().fit_transform([Text(text) for text in TEXTS])
    assert lowered == TEXTS


# ---------------------------------------------------------------------- inverse


def test_inverse_transform():
    tokenizer = SequenceTokenizer(10).fit(TEXTS)
    ids = tokenizer.transform([*TEXTS, "An unseen good word", "!"])
    expected = [
        "a good film a good plot",
        "the plot is bad the film is <unk> good",
        "i <unk> <unk>",
        "<unk> <unk> good <unk>",
        "<unk>",
    ]
    assert tokenizer.inverse_transform(ids) == expected
    assert tokenizer.inverse_transform(ids.tolist()) == expected
    assert tokenizer.inverse_transform(ids.astype(float)) == expected
    assert tokenizer.inverse_transform(ids.astype(np.uint8)) == expected
    assert tokenizer.inverse_transform([[0, 2, 0, 3], [0, 0, 0, 0]]) == ["good a", ""]
    assert tokenizer.inverse_transform(np.empty((0, 9), dtype=int)) == []


# ---------------------------------------------------------------------- errors

BAD_TEXTS = {
    "a text": ("one text", ValueError, "an iterable of texts, but X is a single str, 'one text'"),
    "bytes": (b"one text", ValueError, "an iterable of texts, but X is a single bytes"),
    "a dict": ({"text": TEXTS}, ValueError, "an iterable of texts, but X is a single dict"),
    "a set": ({"a", "b"}, ValueError, "an iterable of texts, but X is a set, which has no order"),
    "None": (None, TypeError, "an iterable of texts, but X is None of type NoneType"),
    "a number": (3, TypeError, "an iterable of texts, but X is 3 of type int"),
    "missing": (["a", "b", None, None], TypeError, "type str, but text 2 of X is None of type NoneType"),
    "NaN": (pd.Series(["a", np.nan], dtype=object), TypeError, "text 1 of X is nan of type float"),
    "NA": (pd.Series(["a", None], dtype="string"), TypeError, "text 1 of X is <NA> of type NAType"),
    "encoded": (["a", b"b"], TypeError, "text 1 of X is b'b' of type bytes"),
    "not text": (np.arange(3), TypeError, "text 0 of X is "),
    "split already": ([["a", "b"], ["c"]], TypeError, "text 0 of X is ['a', 'b'] of type list"),
    "2-D": (np.array([["a"], ["b"]], dtype=object), ValueError, "X is of type ndarray and has shape (2, 1). Pass a s"),
    "0-D": (np.array("a"), ValueError, "X is of type ndarray and has shape ()"),
    "a frame": (pd.DataFrame({"text": TEXTS}), ValueError, "X is of type DataFrame and has shape (3, 1). Pass a sing"),
}


@pytest.mark.parametrize("method", ["fit", "fit_transform", "transform"])
@pytest.mark.parametrize("case", BAD_TEXTS)
def test_bad_texts(case, method):
    X, error, message = BAD_TEXTS[case]
    tokenizer = SequenceTokenizer()
    if method == "transform":
        tokenizer.fit(TEXTS)
    with pytest.raises(error, match=re.escape(message)):
        getattr(tokenizer, method)(X)
    # What failed learned nothing.
    assert getattr(tokenizer, "vocabulary_", None) == (VOCABULARY if method == "transform" else None)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["", "?!", "..."], r"Empty vocabulary: none of the 3 texts of X contains a word that matches token_pattern="),
        ([], "Empty vocabulary: none of the 0 texts"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_empty_vocabulary(method, texts, message):
    tokenizer = SequenceTokenizer()
    with pytest.raises(ValueError, match=re.escape(message)):
        getattr(tokenizer, method)(texts)
    assert not hasattr(tokenizer, "vocabulary_")


@pytest.mark.parametrize("token_pattern", [r"\w*", "", r"\w+(!)?", "(!?)"])
@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_token_pattern_of_words_without_characters(token_pattern, method):
    tokenizer = SequenceTokenizer(token_pattern=token_pattern)
    with pytest.raises(ValueError, match=f"must match words. {re.escape(repr(token_pattern))} matches words without"):
        getattr(tokenizer, method)(["one two", "three!"])
    assert not hasattr(tokenizer, "vocabulary_")


BAD_PARAMETERS = [
    ("max_tokens", 2, "an int in the range [3, inf) or None. Got 2 instead"),
    ("max_tokens", 100.0, "Got 100.0 instead"),
    ("max_len", 0, "an int in the range [1, inf) or None. Got 0 instead"),
    ("max_len", "longest", "Got 'longest' instead"),
    ("padding", "left", "Got 'left' instead"),
    ("truncating", None, "Got None instead"),
    ("lowercase", "yes", "Got 'yes' instead"),
    ("token_pattern", None, "an instance of 'str'. Got None instead"),
    ("token_pattern", r"(\w)(\w)", r"at most one capturing group. '(\\w)(\\w)' has 2 capturing groups"),
    ("token_pattern", "(a", "'(a' is not a regular expression: missing ), unterminated subpattern at position 0"),
]


@pytest.mark.parametrize("method", ["fit", "fit_transform", "transform"])
@pytest.mark.parametrize(("name", "value", "message"), BAD_PARAMETERS)
def test_bad_parameters(name, value, message, method):
    tokenizer = SequenceTokenizer()
    if method == "transform":
        tokenizer.fit(TEXTS)
    tokenizer.set_params(**{name: value})
    with pytest.raises(ValueError, match=f"The '{name}' parameter of SequenceTokenizer must be .*{re.escape(message)}"):
        getattr(tokenizer, method)(TEXTS)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([[2, 12], [2, 13]], "X contains 13 at sample 1, time step 1, but token ids are integers from 0 to 12"),
        ([[2, -1]], "X contains -1 at sample 0, time step 1"),
        ([[2.0, 2.5]], "X contains 2.5 at sample 0, time step 1"),
        ([[np.nan, 2]], "X contains nan at sample 0, time step 0"),
        ([[2, np.inf]], "X contains inf at sample 0, time step 1"),
        ([2, 3], "shape (n_samples, n_timesteps), but X has shape (2,) and dtype int64"),
        ([["good", "film"]], "but X has shape (1, 2) and dtype <U4"),
        ([[True, False]], "dtype bool"),
        ([[[2]]], "but X has shape (1, 1, 1)"),
    ],
)
def test_bad_ids(ids, message):
    tokenizer = SequenceTokenizer().fit(TEXTS)
    with pytest.raises(ValueError, match=re.escape(message)):
        tokenizer.inverse_transform(ids)


@pytest.mark.parametrize(("method", "X"), [("transform", TEXTS), ("inverse_transform", IDS)])
def test_not_fitted(method, X):
    with pytest.raises(NotFittedError, match="SequenceTokenizer instance is not fitted yet"):
        getattr(SequenceTokenizer(), method)(X)


# ---------------------------------------------------------------------- as an estimator of scikit-learn

with warnings.catch_warnings():
    # scikit-learn says that for whoever takes no 2-D arrays it skips all checks but that of clone.
    warnings.simplefilter("ignore", SkipTestWarning)
    CHECKS = list(estimator_checks_generator(SequenceTokenizer()))


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "check",
    [
        check_do_not_raise_errors_in_init_or_set_params,
        check_estimator_repr,
        check_estimator_tags_renamed,
        check_get_params_invariance,
        check_mixin_order,
        check_no_attributes_set_in_init,
        check_parameters_default_constructible,
        check_set_params,
        check_valid_tag_types,
    ],
)
def test_check_that_needs_no_input(check):
    check("SequenceTokenizer", SequenceTokenizer())


def test_check_estimator():
    with pytest.warns(SkipTestWarning, match="requires input"):
        check_estimator(SequenceTokenizer())


def test_tags():
    tags = get_tags(SequenceTokenizer())
    assert tags.input_tags.string and tags.input_tags.one_d_array and not tags.input_tags.two_d_array
    assert tags.requires_fit and not tags.no_validation
    assert tags.transformer_tags.preserves_dtype == []


def test_clone_and_pickle():
    tokenizer = SequenceTokenizer(10, max_len=4, padding="pre", truncating="pre", lowercase=False, token_pattern=r"\w+")
    params = tokenizer.get_params()
    assert clone(tokenizer).get_params() == params
    expected = tokenizer.fit_transform(TEXTS)
    loaded = pickle.loads(pickle.dumps(tokenizer))
    assert loaded.get_params() == params
    assert loaded.vocabulary_ == tokenizer.vocabulary_
    assert_array_equal(loaded.transform(TEXTS), expected)
    assert loaded.inverse_transform(expected) == tokenizer.inverse_transform(expected)
    assert not hasattr(clone(tokenizer), "vocabulary_")


def test_refit_forgets():
    tokenizer = SequenceTokenizer().fit(TEXTS).fit(["b b a"])
    assert tokenizer.vocabulary_ == {"b": 2, "a": 3}
    assert (tokenizer.n_tokens_, tokenizer.max_len_) == (4, 3)


def test_output_is_an_array_whatever_is_asked_for():
    pipeline = make_pipeline(SequenceTokenizer(max_len=9), StandardScaler()).set_output(transform="pandas")
    frame = pipeline.fit_transform(TEXTS)
    assert isinstance(frame, pd.DataFrame) and frame.shape == (3, 9)
    ids = pipeline[0].transform(TEXTS)
    assert isinstance(ids, np.ndarray)
    assert_array_equal(ids, IDS)
    tokenizer = SequenceTokenizer()
    assert tokenizer.set_output(transform="pandas") is tokenizer
    with config_context(transform_output="pandas"):
        assert_array_equal(SequenceTokenizer().fit_transform(TEXTS), IDS)
        assert isinstance(SequenceTokenizer().fit(TEXTS).transform(TEXTS), np.ndarray)


@pytest.mark.slow
def test_search_over_the_length_with_a_classifier():
    from skrnn import GRUClassifier

    texts = ["good film", "a good good plot", "bad film, so bad", "a bad plot"] * 3
    sentiments = ["positive", "positive", "negative", "negative"] * 3
    pipeline = make_pipeline(
        SequenceTokenizer(max_tokens=50, max_len=8),
        GRUClassifier(
            units=4, embedding_dim=4, n_tokens=50, epochs=30, random_state=0, optimizer__learning_rate=0.1, batch_size=4
        ),
    )
    search = GridSearchCV(pipeline, {"sequencetokenizer__max_len": [1, 8]}, cv=2, error_score="raise")
    search.fit(texts, sentiments)
    # The first words do not tell the sentiment of half of the texts, the whole texts do.
    assert search.best_params_ == {"sequencetokenizer__max_len": 8}
    assert search.best_score_ == 1.0
    assert search.predict(["so good", "the bad actor"]).tolist() == ["positive", "negative"]
    assert search.predict_proba(["", "unseen words"]).shape == (2, 2)  # texts without a word they know

    tokenizer, classifier = search.best_estimator_
    before = clone(tokenizer).set_params(padding="pre").fit_transform(texts)
    assert (before[:, 0] == 0).all()
    assert_allclose(classifier.predict_proba(before), search.predict_proba(texts), atol=1e-6)


# ---------------------------------------------------------------------- real reviews


@pytest.mark.skipif(not REVIEWS.exists(), reason=f"{REVIEWS} is not there.")
def test_reviews():
    texts = REVIEWS.read_text(encoding="latin-1").split("\n")[:-1]
    assert len(texts) == 5331
    tokenizer = SequenceTokenizer(5000, max_len=20)
    ids = tokenizer.fit_transform(texts)
    assert ids.shape == (5331, 20)

    expected = ranked_words(texts)[:4998]
    assert list(tokenizer.vocabulary_) == expected
    assert list(tokenizer.vocabulary_.values()) == list(range(2, 5000))
    assert expected[:3] == ["the", "a", "and"]
    known = set(expected)
    for text, row in zip(texts, tokenizer.inverse_transform(ids), strict=True):
        assert (
            row.split() == [word if word in known else "<unk>" for word in words_of(text)[:20]] or words_of(text) == []
        )
    assert_array_equal(tokenizer.transform(texts), ids)

    # Every word of every text, against scikit-learn's counts.
    whole = SequenceTokenizer(None).fit(texts)
    counts = CountVectorizer(token_pattern=whole.token_pattern, vocabulary=list(whole.vocabulary_)).transform(texts)
    ids = whole.transform(texts)
    assert whole.max_len_ == counts.sum(axis=1).max()
    assert_array_equal(np.bincount(ids.ravel())[2:], np.asarray(counts.sum(axis=0)).ravel())
