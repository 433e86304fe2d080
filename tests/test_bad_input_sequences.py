"""Scalers of sequences and tokenizers of texts, with every kind of damage: the error, and what it leaves behind."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from damage import assert_refused, at, ids
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.preprocessing import MinMaxScaler

from skrnn import SequenceScaler, SequenceTokenizer, sliding_windows

ROWS = np.random.default_rng(0).normal(size=(20, 3))
SEQUENCES = np.random.default_rng(1).normal(size=(8, 4, 2))
LIST = [sequence[: 1 + i % 4] for i, sequence in enumerate(SEQUENCES)]
TEXTS = ["a good film", "a bad film", ""]


# ---------------------------------------------------------------------- scaled sequences

AT_STEP = "at sample 5, time step 2"
BAD_SEQUENCES = [
    ("NaN", at(SEQUENCES, (5, 2, 1), np.nan), ValueError, f"Input X contains NaN, first {AT_STEP}, feature 1"),
    (
        "infinity",
        at(SEQUENCES, (5, 2, 1), np.inf),
        ValueError,
        f"Input X contains infinity, first {AT_STEP}, feature 1",
    ),
    ("a hole", at(SEQUENCES, (5, 2), np.nan), ValueError, f"contains NaN between valid time steps, first {AT_STEP}"),
    ("all padded", at(SEQUENCES, 5, np.nan), ValueError, "Sample 5 of X has no valid time step"),
    (
        "text",
        at(SEQUENCES.astype(object), (5, 2, 1), "a"),
        ValueError,
        f"dtype object, and contains 'a' {AT_STEP}, feature 1",
    ),
    (
        "an object",
        at(SEQUENCES.astype(object), (5, 2, 1), {}),
        TypeError,
        f"contains {{}} {AT_STEP}, feature 1: float()",
    ),
    ("a huge int", at(SEQUENCES.astype(object), (5, 2, 1), 10**400), ValueError, f"{AT_STEP}, feature 1"),
    ("complex", SEQUENCES + 1j, ValueError, "Complex data not supported, got X of dtype complex128"),
    ("dates", SEQUENCES.astype("M8[s]"), TypeError, "SequenceScaler takes numbers, but X has dtype datetime64[s]"),
    ("no sample", SEQUENCES[:0], ValueError, "Found array with 0 sample(s) (shape=(0, 4, 2))"),
    ("no time step", SEQUENCES[:, :0], ValueError, "Found array with 0 time steps (shape=(8, 0, 2))"),
    ("no feature", SEQUENCES[..., :0], ValueError, "Found array with 0 feature(s) (shape=(8, 4, 0))"),
    ("an empty list", [], ValueError, "Found a list of 0 sample(s)"),
    (
        "four dimensions",
        SEQUENCES[..., None],
        ValueError,
        "X has 4 dimensions, shape (8, 4, 2, 1); SequenceScaler takes",
    ),
    ("a list with NaN", [*LIST[:5], at(SEQUENCES[5], (2, 1), np.nan)], ValueError, f"NaN, first {AT_STEP}, feature 1"),
    ("a list with text", [*LIST[:5], [["a", 1.0]]], ValueError, "contains 'a' at sample 5, time step 0, feature 0"),
    ("a list with None", [*LIST[:5], None], ValueError, "Sample 5 of X has 0 dimension(s), shape ()"),
    ("a sparse sequence", [*LIST[:5], csr_array(SEQUENCES[5])], TypeError, "for sample 5 of X, of shape (4, 2), but"),
    (
        "a shorter step",
        [*LIST[:5], [[1.0, 2.0], [1.0]]],
        ValueError,
        "Sample 5 of X is a list whose time steps differ in le",
    ),
    (
        "fewer features in a list",
        [*LIST[:5], np.ones((2, 1))],
        ValueError,
        "Sample 5 of X has 1 features, but sample 0",
    ),
]
UNLIKE_SEQUENCES = [
    ("more features", np.tile(SEQUENCES, 2), "X has 4 features, but SequenceScaler is expecting 2 features as input"),
    ("2-D", SEQUENCES[0], "input, but X is 2-D (n_samples, n_timesteps), of shape"),
    ("1-D", SEQUENCES[0, 0], "input, but X has 1 dimension(s), of shape"),
]
BAD_2D = [
    (
        "NaN",
        at(SEQUENCES[..., 0], (5, 2), np.nan),
        ValueError,
        f"Input X contains NaN, first {AT_STEP}; SequenceScaler",
    ),
    (
        "text",
        at(SEQUENCES[..., 0].astype(object), (5, 2), "a"),
        ValueError,
        f"X has dtype object, and contains 'a' {AT_STEP}",
    ),
    ("dates", SEQUENCES[..., 0].astype("M8[s]"), TypeError, "takes numbers, but X has dtype datetime64[s]"),
    ("complex", SEQUENCES[..., 0] + 1j, ValueError, "Complex data not supported, got X of dtype complex128"),
    ("one dimension", SEQUENCES[0, 0], ValueError, "Expected 2D array, got 1D array instead"),
    ("an empty frame", pd.DataFrame(), ValueError, "Found array with 0 feature(s) (shape=(0, 0))"),
]


@pytest.mark.parametrize(
    ("layout", "bad", "error", "message"),
    ids([(f"3-D-{case[0]}", "3-D", *case[1:]) for case in BAD_SEQUENCES])
    + ids([(f"2-D-{case[0]}", "2-D", *case[1:]) for case in BAD_2D]),
)
def test_damaged_sequences_to_scale(layout, bad, error, message):
    good = SEQUENCES if layout == "3-D" else SEQUENCES[..., 0]
    scaler = SequenceScaler().fit(good)
    before, expected = dict(vars(scaler)), scaler.transform(good)
    for function in (
        SequenceScaler().fit,
        scaler.fit,
        scaler.fit_transform,
        scaler.transform,
        scaler.inverse_transform,
    ):
        assert_refused(error, message, lambda function=function: function(bad))
    assert vars(scaler).keys() == before.keys()
    assert all(vars(scaler)[name] is value for name, value in before.items())
    assert_array_equal(scaler.transform(good), expected)


@pytest.mark.parametrize(("bad", "message"), ids(UNLIKE_SEQUENCES))
@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
def test_sequences_unlike_scaled_ones(method, bad, message):
    scaler = SequenceScaler().fit(SEQUENCES)
    assert_refused(ValueError, message, lambda: getattr(scaler, method)(bad))


def test_windows_with_a_bad_row_to_scale():
    windows = sliding_windows(ROWS, 3)
    broken = replace(windows, values=at(windows.values, (7, 1), np.nan))
    assert_refused(ValueError, "first at sample 7, time step 2, feature 1", lambda: SequenceScaler().fit(broken))


@pytest.mark.parametrize(
    ("scaler", "message"),
    ids(
        [
            ("a number", 3, "The 'scaler' parameter of SequenceScaler must be an object implementing 'fit'"),
            ("text", "standard", "Got 'standard' instead"),
            ("what refuses its parameters", MinMaxScaler((1, 0)), "Minimum of desired feature range must be smaller"),
        ]
    ),
)
def test_bad_scalers(scaler, message):
    fitted = SequenceScaler().fit(SEQUENCES)
    expected = fitted.transform(SEQUENCES)
    assert_refused(ValueError, message, lambda: fitted.set_params(scaler=scaler).fit(SEQUENCES))
    assert_array_equal(fitted.transform(SEQUENCES), expected)


# ---------------------------------------------------------------------- texts

BAD_TEXTS = [
    ("None", None, TypeError, "SequenceTokenizer takes an iterable of texts, but X is None of type NoneType"),
    ("a number", 5, TypeError, "but X is 5 of type int"),
    ("a text", "a film", ValueError, "but X is a single str, 'a film'"),
    ("bytes", b"a film", ValueError, "but X is a single bytes"),
    ("a mapping", {"a": "film"}, ValueError, "but X is a single dict"),
    ("a column", np.array([["a"], ["film"]]), ValueError, "but X is of type ndarray and has shape (2, 1)"),
    ("a frame", pd.DataFrame({"text": TEXTS}), ValueError, "but X is of type DataFrame and has shape (3, 1)"),
    ("a missing text", ["a", None], TypeError, "but text 1 of X is None of type NoneType"),
    ("NaN", pd.Series(["a", np.nan], dtype=object), TypeError, "but text 1 of X is nan of type float"),
    ("numbers", np.arange(3), TypeError, "but text 0 of X is"),
    ("bytes among texts", ["a", b"film"], TypeError, "but text 1 of X is b'film' of type bytes"),
    ("lists of words", [["a", "film"]], TypeError, "but text 0 of X is ['a', 'film'] of type list"),
    ("sparse", csr_array(ROWS), ValueError, "but X is of type csr_array and has shape (20, 3)"),
]


@pytest.mark.parametrize(("bad", "error", "message"), ids(BAD_TEXTS))
def test_damaged_texts(bad, error, message):
    tokenizer = SequenceTokenizer().fit(TEXTS)
    before, expected = dict(vars(tokenizer)), tokenizer.transform(TEXTS)
    for function in (SequenceTokenizer().fit, tokenizer.fit, tokenizer.fit_transform, tokenizer.transform):
        assert_refused(error, message, lambda function=function: function(bad))
    assert vars(tokenizer) == before
    assert_array_equal(tokenizer.transform(TEXTS), expected)


@pytest.mark.parametrize(
    ("params", "texts", "message"),
    ids(
        [
            ("no text", {}, [], "Empty vocabulary: none of the 0 texts of X contains a word"),
            (
                "no word",
                {},
                ["", "..."],
                "Empty vocabulary: none of the 2 texts of X contains a word that matches tok",
            ),
            ("no room", {"max_tokens": 2}, TEXTS, "The 'max_tokens' parameter of SequenceTokenizer must be an int in"),
            ("no length", {"max_len": 0}, TEXTS, "The 'max_len' parameter of SequenceTokenizer must be an int in"),
            ("padding", {"padding": "head"}, TEXTS, "The 'padding' parameter of SequenceTokenizer must be a str among"),
            ("truncating", {"truncating": 1}, TEXTS, "The 'truncating' parameter of SequenceTokenizer must be a str"),
            ("lowercase", {"lowercase": "no"}, TEXTS, "The 'lowercase' parameter of SequenceTokenizer must be"),
            ("an open bracket", {"token_pattern": "("}, TEXTS, "is not a regular expression"),
            ("two groups", {"token_pattern": "(a)(b)"}, TEXTS, "'(a)(b)' has 2 capturing groups"),
            (
                "no pattern",
                {"token_pattern": None},
                TEXTS,
                "The 'token_pattern' parameter of SequenceTokenizer must be",
            ),
        ]
    ),
)
def test_bad_parameters_of_tokenizers(params, texts, message):
    tokenizer = SequenceTokenizer().fit(TEXTS)
    expected = tokenizer.transform(TEXTS)
    defaults = {name: value for name, value in tokenizer.get_params().items() if name in params}
    assert_refused(ValueError, message, lambda: tokenizer.set_params(**params).fit(texts))
    assert_array_equal(tokenizer.set_params(**defaults).transform(TEXTS), expected)


@pytest.mark.parametrize(
    ("bad", "message"),
    ids(
        [
            ("no dimension", np.array(5), "of shape (n_samples, n_timesteps), but X has shape () and dtype int64"),
            ("one dimension", [1, 2], "but X has shape (2,) and dtype int64"),
            ("texts", [["a"]], "but X has shape (1, 1) and dtype <U1"),
            ("beyond", [[2, 99]], "X contains 99 at sample 0, time step 1, but token ids are integers from 0 to"),
            ("negative", [[2, -1]], "X contains -1 at sample 0, time step 1"),
            ("fraction", [[2, 2.5]], "X contains 2.5 at sample 0, time step 1"),
            ("NaN", [[2, np.nan]], "X contains nan at sample 0, time step 1"),
            (
                "two lengths",
                [[2], [2, 3]],
                "X is a list of lists of different lengths, which SequenceTokenizer does not",
            ),
        ]
    ),
)
def test_ids_that_are_no_tokens(bad, message):
    tokenizer = SequenceTokenizer().fit(TEXTS)
    assert_refused(ValueError, message, lambda: tokenizer.inverse_transform(bad))
