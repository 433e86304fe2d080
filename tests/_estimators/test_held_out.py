"""Validation data: the last windows of each series and class, or those that are passed, also through a Pipeline."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from conftest import SMALL, make
from numpy.testing import assert_array_equal
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import GRUClassifier, GRURegressor, SequenceForecaster, SequenceScaler, SequenceWindower, sliding_windows
from skrnn._estimators import validation_data
from skrnn._estimators.validation_data import held_out

N_ROWS = 20


@pytest.fixture
def panel():
    """Two series of 20 days, one after the other; a number that says which row it is."""
    days = pd.date_range("2024-01-01", periods=N_ROWS)
    values = {shop: pd.DataFrame({"v": start + np.arange(N_ROWS) / 10}, days) for shop, start in (("a", 0), ("b", 5))}
    return pd.concat(values, names=["shop", "day"])


@pytest.fixture
def split_rows(monkeypatch):
    """The rows of each split that is made: those to train on and those to validate on."""
    splits, original = [], validation_data.held_out

    def recorded(*args):
        splits.append(original(*args))
        return splits[-1]

    monkeypatch.setattr(validation_data, "held_out", recorded)
    return splits


# ---------------------------------------------------------------------- which rows are held out


@pytest.mark.parametrize(
    ("fraction", "groups", "expected"),
    [
        (0.25, [], [9, 10, 11]),
        (0.25, [[0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]], [3, 7, 11]),
        (0.25, [[0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]], [8, 9, 10, 11]),  # 1.5 of 6, rounded up as Keras does
        (0.25, [[0] * 11 + [1]], [8, 9, 10]),  # a series keeps its only row
        (0.25, [[0, 0, 1, 1] * 3, [0] * 6 + [1] * 6], [4, 5, 6, 9, 10, 11]),  # classes within series
    ],
)
def test_the_last_rows_of_each_group(fraction, groups, expected):
    train, validation = held_out(fraction, False, 12, np.zeros(12), [np.array(g) for g in groups], "Name")
    if len(groups) == 2:  # each class of each series holds three rows
        keys = list(zip(*groups, strict=True))
        expected = sorted(max(i for i, key in enumerate(keys) if key == one) for one in set(keys))
    assert validation.tolist() == expected
    assert_array_equal(np.sort(np.concatenate([train, validation])), np.arange(12))


@pytest.mark.parametrize("kind", ["sliding windows", "pipeline", "scaled"])
def test_early_stopping_in_a_panel_holds_out_the_end_of_each_series(kind, panel, split_rows):
    y = panel["v"].to_numpy()
    model = GRURegressor(**SMALL, early_stopping=True)
    if kind == "sliding windows":
        model.fit(sliding_windows(panel, 5, groups="shop"), y)
    else:
        steps = [SequenceWindower(5, groups="shop"), *([SequenceScaler()] if kind == "scaled" else []), model]
        make_pipeline(*steps).fit(panel, y)
    train, validation = split_rows[0]
    assert validation.tolist() == [18, 19, 38, 39]
    assert set(train) == set(range(40)) - set(validation)


def test_interleaved_series(panel, split_rows):
    by_day = panel.swaplevel().sort_index()
    windows = sliding_windows(by_day, 5, groups="shop")
    GRURegressor(**SMALL, validation_split=0.1).fit(windows, by_day["v"].to_numpy())
    assert split_rows[0][1].tolist() == [36, 37, 38, 39]  # two days of both


def test_a_forecaster_of_a_panel(panel, split_rows):
    model = GRURegressor(**SMALL, early_stopping=True)
    SequenceForecaster(model, window=5, groups="shop").fit(panel[[]], panel["v"])
    assert split_rows[0][1].tolist() == [13, 14, 28, 29]  # of 15 windows each
    scaled = make_pipeline(SequenceScaler(), model)
    SequenceForecaster(scaled, window=5, groups="shop").fit(panel[[]], panel["v"])
    assert split_rows[1][1].tolist() == [13, 14, 28, 29]


def test_classes_within_series(panel, split_rows):
    labels = np.where(np.arange(40) % N_ROWS < N_ROWS // 2, "early", "late")
    GRUClassifier(**SMALL, validation_split=0.2).fit(sliding_windows(panel, 5, groups="shop"), labels)
    assert split_rows[0][1].tolist() == [8, 9, 18, 19, 28, 29, 38, 39]


def test_labels_of_steps_are_held_out_by_series(panel, split_rows):
    windows = sliding_windows(panel, 5, groups="shop", padding="edge")
    labels = (np.asarray(windows)[..., 0] % 5 > 1).astype(int)
    GRUClassifier(**SMALL, validation_split=0.1, return_sequences=True).fit(windows, labels)
    assert split_rows[0][1].tolist() == [18, 19, 38, 39]


def test_a_series_that_came_through_a_selection(panel, split_rows):
    windows = sliding_windows(panel, 5, groups="shop")[np.r_[0:10, 20:40]]
    GRURegressor(**SMALL, validation_split=0.1).fit(windows, np.linspace(0, 1, 30))
    assert split_rows[0][1].tolist() == [9, 28, 29]


# ---------------------------------------------------------------------- data that are passed


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def rows(n, start):
    index = pd.date_range("2024-01-01", periods=n)[start:]
    values = 50 + 10 * np.sin(np.arange(n) / 3)[start:]
    return pd.DataFrame({"v": values}, index=index), values / 10 - 5


def test_a_pipeline_transforms_them(routing):
    X, y = rows(60, 0)
    model = GRURegressor(**SMALL).set_fit_request(X_val=True, y_val=True)
    pipeline = Pipeline(
        [("scale", StandardScaler()), ("windows", SequenceWindower(5)), ("gru", model)], transform_input=["X_val"]
    ).set_output(transform="pandas")
    pipeline.fit(X[:45], y[:45], X_val=X[45:], y_val=y[45:])
    # The rows that follow the training rows, by their index: the first windows of X_val begin in these.
    scaled = StandardScaler().set_output(transform="pandas").fit(X[:45]).transform(X)
    windows = np.asarray(sliding_windows(scaled, 5))
    expected = GRURegressor(**SMALL).fit(windows[:45], y[:45], X_val=windows[45:], y_val=y[45:])
    assert pipeline["gru"].history_ == expected.history_
    assert "val_loss" in expected.history_


def test_windows_without_an_index_begin_anew(routing):
    X, y = rows(60, 0)
    model = GRURegressor(**SMALL).set_fit_request(X_val=True, y_val=True)
    pipeline = make_pipeline(SequenceWindower(5), model, transform_input=["X_val"])
    pipeline.fit(X[:45].to_numpy(), y[:45], X_val=X[45:].to_numpy(), y_val=y[45:])
    windows = [np.asarray(sliding_windows(part.to_numpy(), 5)) for part in (X[:45], X[45:])]
    expected = GRURegressor(**SMALL).fit(windows[0], y[:45], X_val=windows[1], y_val=y[45:])
    assert pipeline[-1].history_ == expected.history_


def test_a_target_that_is_transformed_needs_a_y_val_that_is(routing):
    X, y = rows(60, 0)
    y = 1000 + 200 * y
    scaler = StandardScaler().fit(y[:45, None])
    model = GRURegressor(**SMALL).set_fit_request(X_val=True, y_val=True)
    pipeline = make_pipeline(StandardScaler(), SequenceWindower(5), model, transform_input=["X_val"])
    pipeline.set_output(transform="pandas")
    regressor = TransformedTargetRegressor(pipeline, transformer=StandardScaler())
    regressor.fit(X[:45], y[:45], X_val=X[45:], y_val=scaler.transform(y[45:, None]).ravel())
    predictions = scaler.transform(regressor.predict(X[45:])[:, None]).ravel()
    loss = np.mean((predictions - scaler.transform(y[45:, None]).ravel()) ** 2)
    assert regressor.regressor_[-1].history_["val_loss"][-1] == pytest.approx(loss, rel=1e-4)
    with pytest.warns(UserWarning, match="more than 100 times the training loss on the same weights"):
        regressor.fit(X[:45], y[:45], X_val=X[45:], y_val=y[45:])


def test_data_that_nothing_transformed():
    X, y = rows(60, 0)
    pipeline = make_pipeline(StandardScaler(), SequenceWindower(5), make("GRURegressor")).set_output(transform="pandas")
    windows = np.asarray(sliding_windows(X, 5))
    with pytest.warns(UserWarning, match="X_val and y_val, if passed, must be transformed as X and y are"):
        pipeline.fit(X[:45], y[:45], gruregressor__X_val=windows[45:], gruregressor__y_val=100 * y[45:])


def test_weights_and_precedence():
    X, y = rows(60, 0)
    windows = np.asarray(sliding_windows(X / 50, 5))
    weights = np.linspace(0.5, 3, 15)
    regressor = make("GRURegressor", validation_split=0.5)
    regressor.fit(windows[:45], y[:45], X_val=windows[45:], y_val=y[45:], sample_weight_val=weights)
    loss = np.average((regressor.predict(windows[45:]) - y[45:]) ** 2, weights=weights)
    assert regressor.history_["val_loss"][-1] == pytest.approx(loss, rel=1e-5)
    alone = make("GRURegressor").fit(windows[:45], y[:45])
    assert_array_equal(regressor.predict(windows), alone.predict(windows))  # trained on all rows of X
