"""Frames and columns of polars and pyarrow are read as those of pandas are."""

import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from conftest import make
from numpy.testing import assert_array_equal
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import (
    PanelTimeSeriesSplit,
    SequenceForecaster,
    SequenceScaler,
    SequenceTokenizer,
    SequenceWindower,
    backtest,
    compare_cells,
    make_supervised,
    sliding_windows,
)
from skrnn._common.frames import Rows, as_pandas, index_of

N_ROWS = 24
RNG = np.random.default_rng(0)
NUMBERS = {"load": RNG.normal(size=N_ROWS), "wind": RNG.normal(size=N_ROWS)}
SHOPS = ["north", "south", "south"] * (N_ROWS // 3)
DAYS = [datetime.date(2024, 1, 1) + datetime.timedelta(days=day) for day in range(N_ROWS)]
DAYS_AFTER = pd.Timestamp("2024-01-13")  # of two shops, which have every other row
ROWS = np.column_stack([*NUMBERS.values()])

FRAMES = {"polars": pl.DataFrame, "pyarrow": pa.table, "batch": pa.RecordBatch.from_pydict}
COLUMNS = {"polars": pl.Series, "pyarrow": lambda values: pa.chunked_array([values]), "array": pa.array}

# What is no number, as an object that both libraries make a column of their own dtype of.
NO_NUMBERS = {
    "dates": DAYS[:2],
    "times": [datetime.datetime(2024, 1, 1, hour) for hour in (0, 1)],
    "zoned": [datetime.datetime(2024, 1, 1, hour, tzinfo=datetime.timezone.utc) for hour in (0, 1)],
    "durations": [datetime.timedelta(hours=1), None],
    "of day": [datetime.time(1), datetime.time(2)],
    "text": ["a", "b"],
    "lists": [[1.0], [2.0]],
    "structs": [{"x": 1}, {"x": 2}],
}

every_frame = pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
every_column = pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)


def forecaster(**params):
    return SequenceForecaster(LinearRegression(), window=3, **params)


# ---------------------------------------------------------------------- the conversion


@every_frame
def test_a_frame_becomes_rows_without_an_index(frame):
    rows = as_pandas(frame({"a": [1, 2], "b": [0.5, None], "c": [True, False]}))
    assert isinstance(rows, Rows) and index_of(rows) is None
    assert rows.columns.tolist() == ["a", "b", "c"]
    assert_array_equal(rows.to_numpy(dtype=float), [[1, 0.5, 1], [2, np.nan, 0]])
    assert index_of(rows.iloc[:1]) is None and index_of(rows.drop(columns=["a"])) is None


def test_pandas_objects_keep_their_index():
    given = pd.DataFrame(NUMBERS, index=pd.period_range("2024", periods=N_ROWS, freq="D"))
    assert as_pandas(given) is given and index_of(given) is given.index
    assert index_of(ROWS) is None


@every_column
def test_a_column_becomes_an_array(column):
    assert_array_equal(as_pandas(column([1, None, 3])), [1, np.nan, 3])
    assert as_pandas(column([1, 2])).dtype.kind == "i"
    assert as_pandas(column(["a", "b"])).tolist() == ["a", "b"]
    assert as_pandas(column(DAYS[:2])).dtype.kind == "M"
    assert as_pandas(column([[1.0], [2.0]])).tolist() == [[1.0], [2.0]]


def test_dtypes_that_only_one_library_has():
    assert as_pandas(pl.Series(["a", None, "a"], dtype=pl.Categorical)).tolist() == ["a", None, "a"]
    assert as_pandas(pl.Series([1, 2**70], dtype=pl.Int128)).tolist() == [1, 2**70]
    assert as_pandas(pa.array(["a", "b", "a"]).dictionary_encode()).tolist() == ["a", "b", "a"]
    assert as_pandas(pa.array([1.5], type=pa.float64()).cast(pa.float16())).dtype == np.float64
    utc = as_pandas(pa.array([datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)]))
    assert utc.dtype.kind == "M" and utc[0] == np.datetime64("2024-01-01")


def test_a_table_may_repeat_a_name():
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert as_pandas(table).to_numpy().tolist() == [[1, 2]]


# ---------------------------------------------------------------------- what is no number


def readers(frame):
    """Calls that read a frame of rows, or of sequences, each with the name that errors give it."""
    y = np.zeros(2)
    return {
        "SequenceWindower": lambda: SequenceWindower(2).fit(frame),
        "SequenceScaler": lambda: SequenceScaler().fit(frame),
        "sliding_windows": lambda: sliding_windows(frame, 2),
        "SequenceForecaster": lambda: forecaster().fit(frame, y),
        "GRURegressor": lambda: make("GRURegressor").fit(frame, y),
        "LSTMClassifier": lambda: make("LSTMClassifier").fit(frame, ["a", "b"]),
    }


@every_frame
@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_what_is_no_number_is_refused_as_in_pandas(frame, kind):
    given = {"load": [1.0, 2.0], "when": NO_NUMBERS[kind]}
    of_pandas = pd.DataFrame(given)
    if kind == "dates":
        of_pandas["when"] = pd.to_datetime(of_pandas["when"])
    if kind == "zoned":
        of_pandas["when"] = of_pandas["when"].dt.tz_localize(None)
    theirs = readers(frame(given))
    for name, call in readers(of_pandas).items():
        with pytest.raises((TypeError, ValueError)) as expected:
            call()
        with pytest.raises(type(expected.value)) as raised:
            theirs[name]()
        assert name in str(raised.value)
        assert without_unit(raised) == without_unit(expected)


def without_unit(error):
    """The text of an error; how fine the units of its dates are is each library's own."""
    text = str(error.value)
    for unit in ("[s]", "[ms]", "[us]", "[ns]"):
        text = text.replace(unit, "")
    return text


@pytest.mark.parametrize("frame", [*FRAMES.values(), pd.DataFrame], ids=[*FRAMES, "pandas"])
def test_bytes_are_no_numbers(frame):
    refused = r"takes numbers, but (sample 1 of )?X\['code'\] has dtype object, and contains bytes, first b'1'\. Decode"
    given = frame({"load": [1.0, 2.0], "code": [b"1", b"2"]})
    for name, call in readers(given).items():
        with pytest.raises(TypeError, match=f"{name} {refused}"):
            call()
    with pytest.raises(TypeError, match=f"GRURegressor {refused}"):
        make("GRURegressor").fit([frame({"load": [1.0], "code": [2.0]}), given], [0.0, 1.0])


@pytest.mark.parametrize(
    "column",
    [*COLUMNS.values(), np.array, lambda values: np.array(values, dtype=object), list, pd.Series],
    ids=[*COLUMNS, "bytes", "objects", "list", "pandas"],
)
def test_a_column_of_bytes(column):
    X, codes = np.zeros((2, 3)), column([b"1", b"2"])
    with pytest.raises(TypeError, match=r"but y has dtype .* and contains bytes, first b'1'\. Decode"):
        make("GRURegressor").fit(X, codes)
    with pytest.raises(TypeError, match=r"but sample_weight has dtype .* and contains bytes, first b'1'\. Decode"):
        make("GRURegressor").fit(X, [0.0, 1.0], sample_weight=codes)
    with pytest.raises(TypeError, match=r"GRUClassifier takes strings and numbers as labels\. Got y of bytes"):
        make("GRUClassifier").fit(X, codes)


@pytest.mark.parametrize("value", [b"1", bytearray(b"1"), memoryview(b"1")])
def test_bytes_in_arrays(value):
    flat = np.empty((2, 3), dtype=object)
    flat[:] = 1.0
    flat[1, 1] = value
    for given in (flat, flat[..., None], [flat, flat]):
        with pytest.raises(TypeError, match="X has dtype object, and contains bytes, first "):
            SequenceScaler().fit(given)


@every_frame
def test_dates_in_a_list_of_frames(frame):
    good, bad = frame(NUMBERS), frame({"load": NUMBERS["load"], "wind": DAYS})
    with pytest.raises(TypeError, match=r"takes numbers, but sample 1 of X\['wind'\] has dtype datetime64"):
        make("GRURegressor").fit([good, bad], [0.0, 1.0])
    with pytest.raises(TypeError, match=r"takes numbers, but sample 1 of X\['wind'\] has dtype datetime64"):
        SequenceScaler().fit([pd.DataFrame(NUMBERS), pd.DataFrame(NUMBERS).assign(wind=pd.to_datetime(DAYS))])


@every_column
def test_dates_of_a_target_and_of_weights(column):
    with pytest.raises(TypeError, match="takes numbers, but y has dtype datetime64"):
        make("GRURegressor").fit(ROWS, column(DAYS))
    with pytest.raises(TypeError, match="takes numbers, but sample_weight has dtype datetime64"):
        make("GRURegressor").fit(ROWS, ROWS[:, 0], sample_weight=column(DAYS))


@every_frame
def test_null_is_nan(frame):
    missing = frame({"load": [1, None, 3], "wind": [1.0, 2.0, 3.0]})
    with pytest.raises(ValueError, match="Input X contains NaN, first at row 1, column 'load'; SequenceWindower"):
        SequenceWindower(2).fit(missing)
    with pytest.raises(ValueError, match="Input X contains NaN, first at sample 1, time step 0; GRURegressor"):
        make("GRURegressor").fit(missing, [0.0, 1.0, 2.0])


def test_decimals_are_numbers():
    X = pl.DataFrame({"price": [decimal.Decimal("1.5"), decimal.Decimal("2.5")]})
    assert_array_equal(SequenceWindower(1).fit_transform(X)[:, 0, 0], [1.5, 2.5])
    assert_array_equal(SequenceWindower(1).fit_transform(pa.table(X.to_dict(as_series=False)))[:, 0, 0], [1.5, 2.5])


@pytest.mark.parametrize(
    "sequence",
    [
        pd.DataFrame({"a": pd.array([None, 1, 3], dtype="Int64")}),
        pd.DataFrame({"a": [pd.NA, 1.0, 3.0]}, dtype=object),
        pl.DataFrame({"a": [None, 1, 3]}),
        pa.table({"a": [None, 1, 3]}),
    ],
    ids=["Int64", "object", "polars", "pyarrow"],
)
def test_missing_steps_in_a_list_of_frames_are_absent(sequence):
    scaled = SequenceScaler().fit_transform([sequence])[0]
    assert_array_equal(scaled.ravel(), [np.nan, -1, 1])


def test_missing_values_among_objects():
    X = pd.DataFrame({"a": [1.0, pd.NA, 3.0]}, dtype=object)
    with pytest.raises(ValueError, match="Input X contains NaN, first at row 1, column 'a'"):
        sliding_windows(X, 2)
    with pytest.raises(ValueError, match=r"Input y contains NaN, first at index \(1, 0\)"):
        make("GRURegressor", loss="cosine_similarity").fit(
            np.ones((3, 2)), np.array([[1.0, 2.0], [pd.NA, 2.0], [3.0, 2.0]], dtype=object)
        )


def test_lazy_frames_must_be_collected():
    with pytest.raises(TypeError, match=r"X must be array-like or a DataFrame.* Call its collect\(\) first\."):
        SequenceWindower(2).fit(pl.LazyFrame(NUMBERS))


# ---------------------------------------------------------------------- rows


@every_frame
def test_windows_have_names_and_no_times(frame):
    X = frame(NUMBERS)
    windower = SequenceWindower(3).fit(X)
    assert windower.feature_names_in_.tolist() == ["load", "wind"]
    # As of arrays, nothing says that the rows are others than the fitted ones, or follow them.
    assert_array_equal(windower.transform(X), SequenceWindower(3).fit_transform(ROWS))
    assert_array_equal(np.asarray(sliding_windows(X, 3)), np.asarray(sliding_windows(ROWS, 3)))
    assert_array_equal(np.asarray(sliding_windows(X, 3, ends=[5]))[0], ROWS[3:6])
    with pytest.raises(ValueError, match="feature names should match"):
        windower.transform(frame({"wind": NUMBERS["wind"], "load": NUMBERS["load"]}))


@every_frame
def test_context_that_is_assumed(frame):
    windower = SequenceWindower(2, context="assume").fit(frame({"a": [1.0, 2.0]}))
    assert windower.transform(frame({"a": [3.0]}))[0, :, 0].tolist() == [2.0, 3.0]
    assert windower.partial_fit(frame({"a": [3.0]})).transform(frame({"a": [4.0]}))[0, :, 0].tolist() == [3.0, 4.0]


@every_frame
def test_groups_by_name(frame):
    expected = pd.DataFrame({**NUMBERS, "shop": SHOPS})
    for given in (frame({**NUMBERS, "shop": SHOPS}), frame({"shop": SHOPS, **NUMBERS})):
        windower = SequenceWindower(3, groups="shop")
        windows = np.asarray(windower.fit_transform(given))
        assert windower.feature_names_in_.tolist() == ["load", "wind"]
        assert_array_equal(windows, np.asarray(SequenceWindower(3, groups="shop").fit_transform(expected)))
        assert_array_equal(np.asarray(sliding_windows(given, 3, groups="shop")), windows)
    assert_array_equal(windows[4, :, 0], NUMBERS["load"][[1, 2, 4]])
    dated = sliding_windows(frame({"load": NUMBERS["load"], "day": [DAYS[0]] * 20 + [DAYS[1]] * 4}), 3, groups="day")
    assert_array_equal(dated[20][:, 0], [np.nan, np.nan, NUMBERS["load"][20]])


@every_frame
def test_an_index_is_asked_for(frame):
    X = frame({**NUMBERS, "day": DAYS})
    remedy = r"Frames of polars and pyarrow have no index; to_pandas\(\)\.set_index\(\.\.\.\) sets one\."
    with pytest.raises(ValueError, match=f"max_gap=1 requires the times of the rows: .*{remedy}"):
        sliding_windows(X, 3, max_gap=1)
    with pytest.raises(
        ValueError, match=f"groups='shop' is not a column of X. Choose from 'load', 'wind', 'day'. {remedy}"
    ):
        SequenceWindower(3, groups="shop").fit(X)
    with pytest.raises(
        ValueError, match=f"time=None takes the times from the index .* name of the time column .*{remedy}"
    ):
        PanelTimeSeriesSplit(2).split(X)
    with pytest.raises(ValueError, match=f"ends requires the times of the rows: .*{remedy}"):
        sliding_windows(frame({**NUMBERS, "shop": SHOPS}), 3, groups="shop", ends=[3])


@every_frame
def test_folds_over_a_column_of_times(frame):
    X = frame({"load": [1.0] * 6, "day": [DAYS[day] for day in (2, 0, 1, 0, 1, 2)]})
    folds = [(train.tolist(), test.tolist()) for train, test in PanelTimeSeriesSplit(2, time="day").split(X)]
    assert folds == [([1, 3], [2, 4]), ([1, 2, 3, 4], [0, 5])]


@every_frame
def test_make_supervised_gives_frames_of_the_same_library(frame):
    given = frame({"load": [1, 2, 3, 4], "day": DAYS[:4]})
    X, y, X_latest = make_supervised(given, "load", steps_ahead=2)
    assert type(X) is type(X_latest) is type(given)
    assert np.asarray(y).tolist() == [3, 4]
    assert np.asarray(X["load"]).tolist() == [1, 2] and np.asarray(X_latest["load"]).tolist() == [3, 4]
    _, several, _ = make_supervised(given, ["load", "day"])
    assert type(several) is type(given) and np.asarray(several["load"]).tolist() == [2, 3, 4]
    with pytest.raises(ValueError, match=r"target 'laod' is not a column of frame\. Did you mean 'load'"):
        make_supervised(given, "laod")
    with pytest.raises(ValueError, match="frame has 4 rows, but steps_ahead=4 requires at least 5"):
        make_supervised(given, "load", steps_ahead=4)


def test_flat_windows_as_a_polars_frame():
    windower = SequenceWindower(2, flatten=True).set_output(transform="polars")
    flat = windower.fit_transform(pl.DataFrame({"load": [1.0, 2.0]}))
    assert isinstance(flat, pl.DataFrame)
    assert flat.to_dict(as_series=False) == {"load_lag1": [1.0, 1.0], "load_lag0": [1.0, 2.0]}


def test_scores_of_a_pipeline():
    model = make_pipeline(StandardScaler(), SequenceWindower(3, flatten=True), LinearRegression())
    cv = KFold(3)
    scores = cross_val_score(model, pl.DataFrame(NUMBERS), pl.Series(NUMBERS["wind"]), cv=cv)
    assert_array_equal(scores, cross_val_score(model, ROWS, NUMBERS["wind"], cv=cv))


# ---------------------------------------------------------------------- forecasts


@every_frame
def test_rows_without_an_index_continue_the_series(frame):
    X, y = frame({"wind": NUMBERS["wind"]}), as_column(frame, NUMBERS["load"])
    fitted = forecaster().fit(X, y)
    assert fitted.feature_names_in_.tolist() == ["wind"]
    of_arrays = forecaster().fit(ROWS[:, 1:], ROWS[:, 0])
    coming = frame({"wind": [0.5, 1.0]})
    assert_array_equal(fitted.predict(coming), of_arrays.predict([[0.5], [1.0]]))
    assert_array_equal(
        fitted.update(coming, as_column(frame, [1.0, 2.0])).predict(coming),
        of_arrays.update([[0.5], [1.0]], [1.0, 2.0]).predict([[0.5], [1.0]]),
    )
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame({"sun": [0.5, 1.0]}))
    without = forecaster().fit(None, y).forecast(2)
    assert isinstance(without, np.ndarray)
    assert_array_equal(without, forecaster().fit(None, ROWS[:, 0]).forecast(2))


@every_frame
def test_an_index_of_the_other_one_counts(frame):
    y = pd.Series(NUMBERS["load"], pd.period_range("2024", periods=N_ROWS, freq="D"), name="load")
    fitted = forecaster().fit(frame({"wind": NUMBERS["wind"]}), y)
    ahead = pd.DataFrame({"wind": [0.5]}, index=pd.PeriodIndex(["2024-01-26"], freq="D"))  # one day is missing
    with pytest.raises(ValueError, match="does not continue the series"):
        fitted.predict(ahead)
    assert_array_equal(fitted.predict(frame({"wind": [0.5]})), fitted.predict(ahead.shift(-1, freq="D")))


@every_frame
def test_forecasts_of_groups(frame):
    coming = {"shop": ["south", "north"]}
    fitted = forecaster(groups="shop").fit(frame({"shop": SHOPS}), NUMBERS["load"])
    of_pandas = forecaster(groups="shop").fit(pd.DataFrame({"shop": SHOPS}), NUMBERS["load"])
    assert_array_equal(fitted.predict(frame(coming)), of_pandas.forecast(1).loc[["south", "north"]])
    assert fitted.forecast(1).index.get_level_values("shop").tolist() == ["north", "south"]


@pytest.mark.parametrize("frame", [*FRAMES.values(), np.array], ids=[*FRAMES, "numpy"])
@pytest.mark.parametrize("level", [False, True])
def test_groups_whose_times_are_those_of_y(frame, level):
    days = pd.DatetimeIndex(DAYS).repeat(2)[:N_ROWS]
    shops = [0, 1] * (N_ROWS // 2)
    X, coming = (frame({"shop": of}) if frame is not np.array else np.array(of)[:, None] for of in (shops, [0, 1]))
    groups = 0 if frame is np.array else "shop"
    level &= frame is not np.array
    of_y = pd.MultiIndex.from_arrays([shops, days], names=["shop", "day"]) if level else days
    y = pd.Series(NUMBERS["load"], of_y)
    fitted = forecaster(groups=groups).fit(X, y)
    dated = pd.DataFrame({groups: shops}, days)
    expected = forecaster(groups=groups).fit(dated, NUMBERS["load"])
    pd.testing.assert_series_equal(fitted.forecast(2), expected.forecast(2), check_names=False)
    assert fitted.forecast(1).index.get_level_values(1).tolist() == [DAYS_AFTER, DAYS_AFTER]
    assert_array_equal(fitted.predict(coming), fitted.forecast(1))  # rows without times are the next steps
    assert_array_equal(fitted.predict(dated[4:8]), expected.predict(dated[4:8]))
    backwards = y.set_axis(of_y[::-1].set_codes([0, 1] * (N_ROWS // 2), level=0) if level else of_y[::-1])
    with pytest.raises(ValueError, match="The times of X must increase in series"):
        forecaster(groups=groups).fit(X, backwards)
    with pytest.raises(ValueError, match=r"update requires new rows, but row 0 .* is already part of the series"):
        fitted.update(coming, y[-2:])
    later = y[-2:].set_axis(pd.DatetimeIndex([DAYS_AFTER] * 2))
    assert fitted.update(coming, later).forecast(1).index[0][1] == DAYS_AFTER + pd.Timedelta(days=1)


@every_frame
def test_backtest(frame):
    result = backtest(forecaster(), None, frame(NUMBERS), initial_window=18, steps=2, step_length=2)
    expected = backtest(forecaster(), None, pd.DataFrame(NUMBERS), initial_window=18, steps=2, step_length=2)
    pd.testing.assert_frame_equal(result, expected)
    assert "y_true_wind" in result
    one = backtest(forecaster(), frame({"wind": NUMBERS["wind"]}), NUMBERS["load"], initial_window=18, steps=2)
    of_arrays = backtest(forecaster(), ROWS[:, 1:], NUMBERS["load"], initial_window=18, steps=2)
    pd.testing.assert_frame_equal(one, of_arrays)


def as_column(frame, values):
    return pl.Series(values) if frame is pl.DataFrame else pa.array(values)


# ---------------------------------------------------------------------- networks


@every_frame
def test_networks_see_the_same_numbers(frame, X, y):
    flat = X[..., 0]
    names = [f"t{step}" for step in range(flat.shape[1])]
    given, weights = frame(dict(zip(names, flat.T, strict=True))), np.arange(1.0, len(y) + 1)
    regressor = make("RecurrentRegressor", cell="rnn", epochs=1)
    fitted = regressor.fit(given, as_column(frame, y), sample_weight=as_column(frame, weights))
    assert fitted.feature_names_in_.tolist() == names
    predicted, score = fitted.predict(given), fitted.score(given, as_column(frame, y))
    of_arrays = make("RecurrentRegressor", cell="rnn", epochs=1).fit(flat, y, sample_weight=weights)
    assert_array_equal(predicted, of_arrays.predict(flat))
    assert score == of_arrays.score(flat, y)


@every_frame
def test_lists_of_frames_are_lists_of_sequences(frame, X, y):
    sequences = [sequence[: 3 + sample % 3] for sample, sequence in enumerate(X)]
    frames = [frame(dict(zip("abc", sequence.T, strict=True))) for sequence in sequences]
    regressor = make("RecurrentRegressor", cell="rnn", epochs=1, return_sequences=True)
    targets = [sequence[:, 0] for sequence in sequences]
    predicted = regressor.fit(frames, [as_column(frame, steps) for steps in targets]).predict(frames)
    expected = regressor.fit(sequences, targets).predict(sequences)
    assert [len(steps) for steps in predicted] == [len(sequence) for sequence in sequences]
    assert_array_equal(np.concatenate(predicted), np.concatenate(expected))
    objects = np.empty(len(frames), dtype=object)
    objects[:] = frames
    assert_array_equal(np.concatenate(regressor.predict(objects)), np.concatenate(expected))
    for theirs, ours in zip(
        SequenceScaler().fit_transform(frames), SequenceScaler().fit_transform(sequences), strict=True
    ):
        assert_array_equal(theirs, ours)


@every_column
def test_a_column_of_lists_is_a_list_of_sequences(column, X, labels):
    sequences = [sequence[: 3 + sample % 3] for sample, sequence in enumerate(X)]
    given, targets = column([sequence.tolist() for sequence in sequences]), [sequence[:, 0] for sequence in sequences]
    steps = column([steps.tolist() for steps in targets])
    regressor = make("RecurrentRegressor", cell="rnn", epochs=1, return_sequences=True)
    fitted = regressor.fit(given, steps, X_val=given, y_val=steps)
    predicted, score, history = fitted.predict(given), fitted.score(given, steps), fitted.history_
    regressor.fit(sequences, targets, X_val=sequences, y_val=targets)
    assert isinstance(predicted, np.ndarray) and [len(one) for one in predicted] == [len(one) for one in sequences]
    assert_array_equal(np.concatenate(predicted), np.concatenate(regressor.predict(sequences)))
    assert score == regressor.score(sequences, targets) and history == regressor.history_
    of_steps = [[label] * len(sequence) for label, sequence in zip(labels.tolist(), sequences, strict=True)]
    classifier = make("RecurrentClassifier", cell="rnn", epochs=1, return_sequences=True).fit(given, column(of_steps))
    assert [one.shape for one in classifier.predict_proba(given)] == [(len(one), 3) for one in sequences]
    assert classifier.score(given, column(of_steps)) == classifier.score(sequences, of_steps)


@every_frame
def test_frames_in_a_list_have_their_columns_in_one_order(frame):
    first, second = frame(NUMBERS), frame({"wind": NUMBERS["wind"], "load": NUMBERS["load"]})
    with pytest.raises(
        ValueError, match=r"Sample 1 of X has columns \['wind', 'load'\], but .* \['load', 'wind'\]: Seq"
    ):
        SequenceScaler().fit([first, second])
    other = frame({"power": NUMBERS["load"], "sun": NUMBERS["wind"]})  # features are what they are by position
    assert SequenceScaler().fit([first, other]).n_features_in_ == 2


@every_column
def test_labels(column, X):
    labels = np.where(X[:, 0, 0] > 0, "up", "down")
    classifier = make("RecurrentClassifier", cell="rnn", epochs=1).fit(X, column(labels.tolist()))
    assert classifier.classes_.tolist() == ["down", "up"]
    again = make("RecurrentClassifier", cell="rnn", epochs=1).fit(X, labels)
    assert_array_equal(classifier.predict_proba(X), again.predict_proba(X))
    with pytest.raises(ValueError, match="Input y contains None, first at index 0"):
        classifier.fit(X, column([None, *labels[1:].tolist()]))
    with pytest.raises(ValueError, match="requires at least 2 classes"):
        classifier.fit(X, pl.Series(["a"] * len(X), dtype=pl.Categorical))


def test_cells_are_compared_on_any_frame(X, y):
    table = pa.table(dict(zip("abcde", X[..., 0].T, strict=True)))
    network = make("RecurrentRegressor", epochs=1, random_state=None)
    params = {"cells": ("rnn",), "cv": KFold(2), "n_repeats": 1, "random_state": 0}
    scores = compare_cells(network, table, pa.array(y), **params).scores["test_score"]
    assert_array_equal(scores, compare_cells(network, X[..., 0], y, **params).scores["test_score"])


# ---------------------------------------------------------------------- texts


@every_column
def test_a_column_of_texts(column):
    tokenizer = SequenceTokenizer()
    ids = tokenizer.fit_transform(column(["a good film", "a bad film"]))
    assert tokenizer.inverse_transform(ids) == ["a good film", "a bad film"]
    with pytest.raises(TypeError, match=r"text 1 of X is None of type NoneType\. Convert"):
        tokenizer.transform(column(["a", None]))


@every_frame
def test_a_frame_is_no_column_of_texts(frame):
    with pytest.raises(ValueError, match=r"has shape \(1, 1\). Pass a single column"):
        SequenceTokenizer().fit(frame({"text": ["a film"]}))
