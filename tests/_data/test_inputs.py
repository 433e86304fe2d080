"""Warnings of input that can be read, and is hardly meant."""

import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import make
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import KFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skrnn import SequenceForecaster, SequenceScaler, SequenceWindower, sliding_windows

N_SAMPLES, N_STEPS = 40, 8
ROWS = np.random.default_rng(0).normal(size=(N_SAMPLES, N_STEPS))
LAGS = sliding_window_view(ROWS.ravel(), N_STEPS)[:N_SAMPLES].copy()  # windows of one series
Y = ROWS[:, -1]
TRANSPOSE = r"1 time step of 8 features, which look like .*8 time steps of 1 feature, pass X\.transpose\(0, 2, 1\)"


def tiny(**params):
    return make("RecurrentRegressor", cell="rnn", **{"epochs": 1, **params})


def caught_from(function):
    """Return the warnings of a call, which may raise."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
    return caught


# ---------------------------------------------------------------------- axes in another order


def test_one_time_step_of_many_features():
    shuffled = np.random.default_rng(0).permutation(LAGS)
    for given in (LAGS, LAGS[:, ::-1], shuffled, shuffled[::2], LAGS.astype(np.float32)):
        with pytest.warns(UserWarning, match=TRANSPOSE):
            model = tiny().fit(given[:, None, :], Y[: len(given)])
    model.predict(LAGS[:, None, :])  # once, in fit
    tiny().fit(LAGS[:, None, :-1], Y)  # fewer features may well be meant
    tiny().fit(LAGS[:, None, :].transpose(0, 2, 1), Y)


def test_windows_of_one_series_that_share_its_memory():
    lags = sliding_window_view(ROWS.ravel(), N_STEPS)[:N_SAMPLES]
    assert not lags.flags.writeable
    for pipeline in (tiny(), make_pipeline(SequenceScaler(), tiny())):
        with pytest.warns(UserWarning, match=TRANSPOSE):
            pipeline.fit(np.expand_dims(lags, 1), Y)


def test_read_only_views_of_rows_are_meant():
    rows = np.cumsum(np.random.default_rng(0).normal(size=(N_SAMPLES, N_STEPS)), axis=1)  # smooth along the features
    views = sliding_window_view(rows, 1, axis=0).transpose(0, 2, 1)
    assert views.shape == (N_SAMPLES, 1, N_STEPS)
    tiny().fit(views, Y)
    with pytest.warns(UserWarning, match=TRANSPOSE):
        tiny().fit(views.copy(), Y)


def test_independent_signals():
    phases = np.random.default_rng(0).random((N_SAMPLES, 1))
    signals = np.sin(2 * np.pi * (np.arange(20) / 20 + phases))
    with pytest.warns(UserWarning, match="has 1 time step of 20 features, .* if these are 20 time steps of 1 feature"):
        tiny().fit(signals.reshape(N_SAMPLES, 1, 20), Y)


def test_a_list_of_sequences_of_one_time_step():
    sequences = [row[None, :] for row in LAGS]
    with pytest.warns(UserWarning, match=r"pass \[sequence\.T for sequence in X\]\. For details, run"):
        tiny().fit(sequences, Y)
    tiny().fit([*sequences[:-1], LAGS[:2]], Y)  # one is longer
    tiny().fit([row[None, :] for row in ROWS], Y)


def test_windows_of_one_row_are_meant():
    windower = SequenceWindower(window=1)
    for pipeline in (
        make_pipeline(windower, tiny()),
        make_pipeline(windower, SequenceScaler(), tiny()),
        make_pipeline(SequenceWindower(window=1, max_gap=1), tiny()),
    ):
        pipeline.fit(pd.DataFrame(ROWS), Y)
    tiny().fit(sliding_windows(ROWS, window=1), Y)
    SequenceForecaster(tiny(), window=1).fit(ROWS, Y)
    make_pipeline(windower, tiny()).fit(LAGS, Y)  # lags as features
    with pytest.warns(UserWarning, match=TRANSPOSE):
        make_pipeline(SequenceScaler(), tiny()).fit(LAGS[:, None, :], Y)


@pytest.mark.parametrize("kind", ["walks", "noise", "counts", "indicators"])
def test_copies_of_windows_of_one_row_are_meant(kind):
    rng, shape = np.random.default_rng(0), (90, 9)
    table = {
        "walks": np.cumsum(rng.normal(size=shape), axis=0),
        "noise": rng.normal(size=shape),
        "counts": rng.poisson(5, size=shape),
        "indicators": np.eye(9)[rng.integers(0, 9, size=90)],
    }[kind]
    windows, t = SequenceWindower(window=1).fit_transform(table), np.arange(90.0) / 90
    for shuffle in (True, False):
        train, _, t_train, _ = train_test_split(windows, t, shuffle=shuffle, random_state=0 if shuffle else None)
        tiny().fit(train, t_train)
    assert np.isfinite(cross_val_score(tiny(), windows, t, cv=KFold(2), error_score="raise")).all()


def test_lists_of_sequences_whose_features_come_first():
    sequences = [ROWS[:2, :5], ROWS[:2, :5], ROWS[:2, :7]]
    remedy = (
        r"Sample 2 of X has 7 features, but sample 0 has 5; .* The first axis of each has length 2: if the "
        r"sequences are of shape \(n_features, n_timesteps\), pass \[sequence\.T for sequence in X\]\. For details, run"
    )
    for refused in (lambda: tiny().fit(sequences, Y[:3]), lambda: SequenceScaler().fit(sequences)):
        with pytest.raises(ValueError, match=remedy):
            refused()
    with pytest.raises(ValueError, match=remedy):
        tiny().fit([pd.DataFrame(sequence) for sequence in sequences], Y[:3])
    with pytest.raises(ValueError, match=r"requires sequences with the same number of features\.$"):
        tiny().fit([*sequences, ROWS[:3, :5]], Y[:4])
    assert SequenceScaler().fit([sequence.T for sequence in sequences]).n_features_in_ == 2


# ---------------------------------------------------------------------- padding between tokens


def test_padding_between_tokens():
    ids = np.full((N_SAMPLES, 5), 2)
    ids[:, 0], ids[:, -1] = 0, 0  # before and after
    tiny(embedding_dim=2).fit(ids, Y)
    ids[3, 2] = 0
    ids[7, 3] = 0  # at the end of what is there
    message = "Token id 0 occurs between other ids, first at sample 3, time step 2 of X. RecurrentRegressor treats 0 as"
    caught = caught_from(lambda: tiny(embedding_dim=2).fit(ids, Y, X_val=ids, y_val=Y).predict(ids))
    assert len(caught) == 1
    assert str(caught[0].message).startswith(message)
    assert caught[0].category is UserWarning


def test_padding_changes_nothing_wherever_it_stands():
    ids = np.tile([2, 3, 4, 0, 0], (N_SAMPLES, 1))
    model = tiny(embedding_dim=2).fit(ids, Y)
    np.testing.assert_array_equal(model.predict([[2, 0, 3, 0, 4]]), model.predict([[2, 3, 4, 0, 0]]))


@pytest.mark.parametrize("method", ["fit", "partial_fit", "validation", "predict", "score", "hidden_states"])
def test_padding_between_tokens_where_each_time_step_has_an_output(method):
    ids = np.tile([0, 2, 3, 4, 0], (N_SAMPLES, 1))
    with_gap = ids.copy()
    with_gap[3, 2] = 0
    y = np.ones((N_SAMPLES, 5))
    model = tiny(embedding_dim=2, return_sequences=True).fit(ids, y, X_val=ids, y_val=y)
    assert np.isnan(model.predict(ids)[3]).tolist() == [True, False, False, False, True]
    calls = {
        "fit": lambda: model.fit(with_gap, y),
        "partial_fit": lambda: model.partial_fit(with_gap, y),
        "validation": lambda: model.fit(ids, y, X_val=with_gap, y_val=y),
        "predict": lambda: model.predict(with_gap),
        "score": lambda: model.score(with_gap, y),
        "hidden_states": lambda: tiny(embedding_dim=2).fit(ids, Y).hidden_states(with_gap),
    }
    message = "Token id 0 occurs between other ids, first at sample 3, time step 2 of X.* each time step has an output"
    with pytest.raises(ValueError, match=message):
        calls[method]()


# ---------------------------------------------------------------------- token ids without an embedding


def padded_ids(seed=0):
    rng = np.random.default_rng(seed)
    ids = rng.integers(1, 100, size=(N_SAMPLES, N_STEPS))
    ids[np.arange(N_STEPS) >= rng.integers(2, N_STEPS + 1, size=(N_SAMPLES, 1))] = 0
    return ids


def test_token_ids_without_an_embedding():
    ids = padded_ids()
    message = r"RecurrentRegressor reads the integers of X as quantities.* set embedding_dim.* pass X.astype\(float\)"
    for given in (ids, ids[:, ::-1].astype(np.int32)):
        with pytest.warns(UserWarning, match=message) as caught:
            model = tiny().fit(given, Y)
        assert len(caught) == 1
        model.predict(given)  # once, in fit
    tiny(embedding_dim=2).fit(ids, Y)
    with pytest.warns(UserWarning, match=message):
        tiny().fit(pd.DataFrame(ids).to_numpy(), Y)


def test_integers_that_are_no_token_ids():
    ids = padded_ids()
    inner = ids.copy()
    inner[0, 0] = 0
    negative = ids.copy()
    negative[0, 0] = -1
    counts = np.sort(ids, axis=1).astype(np.uint16)
    for given in (inner, negative, ids.astype(float), np.minimum(ids, 19), np.maximum(ids, 1), counts, counts[:, ::-1]):
        tiny().fit(given, Y)


# ---------------------------------------------------------------------- errors that tell what to do


@pytest.mark.parametrize("texts", [["a film", "a plot"], np.array(["a film", "a plot"], dtype=object)], ids=type)
def test_texts(texts):
    with pytest.raises(ValueError, match=r"'a film' at sample 0\. Convert texts to token ids with SequenceTok"):
        tiny().fit(texts, Y[:2])
    with pytest.raises(ValueError, match=r"contains 'a' at sample 0, time step 0\. Convert texts to token ids"):
        tiny(embedding_dim=2).fit([["a", "film"]] * 2, Y[:2])
    with pytest.raises(ValueError, match=r"contains 'a' at sample 0, time step 0\.$"):  # no texts
        tiny().fit([["a", "film"]] * 2, Y[:2])


def test_a_single_sequence():
    model = tiny().fit(ROWS.reshape(N_SAMPLES, 4, 2), Y)
    with pytest.raises(ValueError, match=r"layout of the training data, a single sequence as X\[np\.newaxis\]\."):
        model.predict(ROWS[0].reshape(4, 2))
    with pytest.raises(ValueError, match=r"layout of the training data\. For"):
        model.predict(ROWS)


def test_sequences_in_one_frame():
    frame = pd.concat({name: pd.DataFrame(ROWS[:3]) for name in "abcd"})
    with pytest.raises(
        ValueError, match=r"12 samples, but y has 4: .* pass \[rows for _, rows in X\.groupby\(level=0\)"
    ):
        tiny().fit(frame, Y[:4])
    for given in (frame, frame.reset_index(drop=True)):
        with pytest.raises(ValueError, match=r"12 samples, but y has 5: .* requires one target per sequence\.$"):
            tiny().fit(given, Y[:5])
    tiny().fit([rows for _, rows in frame.groupby(level=0)], Y[:4])


def test_padding_along_the_features():
    """As aeon and sktime pad sequences, whose last axis is time."""
    X = np.random.default_rng(0).normal(size=(N_SAMPLES, 2, 9))
    X[3, :, 5:] = np.nan
    X[4, :, :2] = np.nan
    with pytest.raises(
        ValueError, match=r"sample 3, time step 0, feature 5; .* transpose each, X\.transpose\(0, 2, 1\)"
    ):
        tiny().fit(X, Y)
    tiny().fit(X.transpose(0, 2, 1), Y)
    for value, at in ((1.0, (3, 0, 5)), (np.inf, (0, 0, 0)), (np.nan, (0, slice(None), 4))):
        invalid = X.copy()
        invalid[at] = value
        with pytest.raises(ValueError, match=r"of a sequence\. For details, .* padded-time-steps"):
            tiny().fit(invalid, Y)
    with pytest.raises(ValueError, match="transpose each"):
        tiny().fit(list(X), Y)
    with pytest.raises(ValueError, match=r"of a sequence\. For details, .* padded-time-steps"):
        tiny().fit([X[3], X[0], X[1][:1]], Y[:3])  # lengths differ


# ---------------------------------------------------------------------- whose line


def read_by_time():
    frame = pd.DataFrame(ROWS, index=pd.date_range("2024", periods=N_SAMPLES))
    return make_pipeline(FunctionTransformer(), tiny()), frame, "rows of X are indexed by time"


def read_in_another_order():
    return make_pipeline(SequenceScaler(), tiny()), LAGS[:, None, :], "has 1 time step of 8 features"


def read_with_padding_inside():
    ids = np.tile([2, 0, 3], (N_SAMPLES, 1))
    return make_pipeline(FunctionTransformer(), tiny(embedding_dim=2)), ids, "Token id 0 occurs between"


@pytest.mark.parametrize("case", [read_by_time, read_in_another_order, read_with_padding_inside])
def test_warnings_of_fit_name_the_line_of_the_caller(case):
    pipeline, X, message = case()
    with pytest.warns(UserWarning, match=message) as caught:
        line = inspect.currentframe().f_lineno + 1
        pipeline.fit(X, Y)
    assert [(warning.filename, warning.lineno) for warning in caught] == [(__file__, line)]


def test_warnings_of_transform_name_the_line_of_the_caller():
    pipeline = make_pipeline(FunctionTransformer(), SequenceWindower(2))
    pipeline.fit(pd.DataFrame(ROWS, index=[f"row {row}" for row in range(N_SAMPLES)]))
    with pytest.warns(UserWarning, match="index of X does not tell") as caught:
        line = inspect.currentframe().f_lineno + 1
        pipeline.transform(pd.DataFrame(ROWS, index=[f"later {row}" for row in range(N_SAMPLES)]))
    assert [(warning.filename, warning.lineno) for warning in caught] == [(__file__, line)]


def test_warnings_of_a_column_for_labels_name_the_line_of_the_caller():
    labels = np.tile([["a"], ["b"]], (N_SAMPLES // 2, 1))
    classifier = make("RecurrentClassifier", cell="rnn", epochs=1)
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed") as caught:
        line = inspect.currentframe().f_lineno + 1
        make_pipeline(FunctionTransformer(), classifier).fit(ROWS, labels)
    assert [(warning.filename, warning.lineno) for warning in caught] == [(__file__, line)]


def test_lags_are_sequences():
    series = pd.Series(np.cumsum(ROWS.ravel()), pd.date_range("2024", periods=ROWS.size, freq="h"))
    frame = pd.DataFrame({f"x(t-{lag})": series.shift(lag) for lag in range(N_STEPS, 0, -1)}).dropna()[:N_SAMPLES]
    tiny().fit(frame, Y)
    with pytest.warns(UserWarning, match="indexed by time"):
        tiny().fit(frame.sample(n=5, random_state=0), Y[:5])
