"""`backtest` against a loop over origins written out."""

import numpy as np
import pandas as pd
import pytest
from conftest import RAW
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LinearRegression, Ridge

from skrnn import SequenceForecaster, backtest

WINDOW = 3


class CountingRidge(Ridge):
    """Remembers how many rows each fit had, of all its instances."""

    rows_of_fits = []  # noqa: RUF012  (shared by all clones on purpose)

    def fit(self, X, y):
        self.rows_of_fits.append(len(X))
        return super().fit(X, y)


@pytest.fixture
def forecaster():
    CountingRidge.rows_of_fits.clear()
    return SequenceForecaster(CountingRidge(), window=WINDOW, **RAW)


def data(n_rows, n_series=None, n_covariates=0):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(n_rows, n_series or 1)).cumsum(axis=0)
    return rng.normal(size=(n_rows, n_covariates)) if n_covariates else None, y if n_series else y[:, 0]


def by_hand(X, y, initial_window, n_steps, step_length, refit):
    """Origin, step, true and predicted values of each forecast, in turn."""
    y = np.asarray(y, dtype=float).reshape(len(y), -1)
    X = np.zeros((len(y), 0)) if X is None else np.asarray(X)
    rows, model = [], None
    for known in range(initial_window, len(y) - n_steps + 1, step_length):
        if refit or model is None:
            nows = range(WINDOW, known)
            windows = [np.concatenate([y[now - WINDOW : now].ravel(), X[now]]) for now in nows]
            model = Ridge().fit(windows, y[WINDOW:known])
        values = y[:known].tolist()
        for step in range(1, n_steps + 1):
            window = np.concatenate([np.ravel(values[-WINDOW:]), X[len(values)]])
            truth = y[len(values)]
            values.append(np.ravel(model.predict([window])).tolist())
            rows.append([known - 1, step, *truth, *values[-1]])
    return np.array(rows)


@pytest.mark.parametrize("refit", [False, True])
@pytest.mark.parametrize("step_length", [1, 4])
@pytest.mark.parametrize("n_covariates", [0, 2])
def test_every_origin_and_step(forecaster, n_covariates, step_length, refit):
    X, y = data(40, n_covariates=n_covariates)
    frame = backtest(forecaster, X, y, initial_window=20, steps=3, step_length=step_length, refit=refit)
    assert frame.columns.tolist() == ["origin", "step", "y_true", "y_pred"]
    assert frame.index.equals(pd.RangeIndex(len(frame)))
    expected = by_hand(X, y, 20, 3, step_length, refit)
    assert len(expected) == 3 * len(range(20, 38, step_length))
    assert_allclose(frame, expected)
    assert not hasattr(forecaster, "estimator_")


def test_two_hundred_origins_from_one_fit(forecaster):
    _, y = data(260)
    frame = backtest(forecaster, None, y, initial_window=60, steps=1)
    assert len(frame) == 200
    assert CountingRidge.rows_of_fits == [57]
    assert_allclose(frame, by_hand(None, y, 60, 1, 1, False))


def test_refit_fits_at_every_origin(forecaster):
    _, y = data(30)
    refitted = backtest(forecaster, None, y, initial_window=20, steps=2, step_length=3, refit=True)
    assert CountingRidge.rows_of_fits == [17, 20, 23]
    fitted_once = backtest(forecaster, None, y, initial_window=20, steps=2, step_length=3)
    assert_allclose(refitted[:2], fitted_once[:2])
    assert (abs(refitted["y_pred"] - fitted_once["y_pred"])[2:] > 1e-6).all()


INDEXES = {
    "days": pd.date_range("2024-01-01", periods=30, freq="D"),
    "business days, of which the first fit sees one week": pd.date_range("2024-01-01", periods=30, freq="B"),
    "months": pd.period_range("2020-01", periods=30, freq="M"),
    "row numbers": pd.RangeIndex(30),
    "text": pd.Index([f"row {number}" for number in range(30)]),
}


@pytest.mark.parametrize("n_covariates", [0, 1])
@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_origins_are_of_the_index(forecaster, index, n_covariates):
    X, y = data(30, n_covariates=n_covariates)
    X = pd.DataFrame(X, index, columns=["price"]) if n_covariates else None
    frame = backtest(forecaster, X, pd.Series(y, index), initial_window=5, steps=2, step_length=6)
    expected = by_hand(X, y, 5, 2, 6, False)
    assert frame["origin"].tolist() == [index[int(origin)] for origin in expected[:, 0]]
    assert_allclose(frame[["step", "y_true", "y_pred"]], expected[:, 1:])


@pytest.mark.parametrize("names", [None, ["oil", "gas"]])
def test_several_series(forecaster, names):
    _, y = data(30, 2)
    given = y if names is None else pd.DataFrame(y, columns=names)
    frame = backtest(forecaster, None, given, initial_window=15, steps=4, step_length=2)
    first, second = names or [0, 1]
    columns = ["origin", "step", f"y_true_{first}", f"y_true_{second}", f"y_pred_{first}", f"y_pred_{second}"]
    assert frame.columns.tolist() == columns
    assert_allclose(frame, by_hand(None, y, 15, 4, 2, False))


def test_covariates_of_a_frame_and_an_array_as_series(forecaster):
    X, y = data(30, n_covariates=2)
    frame = pd.DataFrame(X, pd.date_range("2024-01-01", periods=30), columns=["a", "b"])
    expected = by_hand(X, y, 15, 4, 2, False)
    assert_allclose(backtest(forecaster, frame, y, initial_window=15, steps=4, step_length=2), expected)
    assert_allclose(backtest(forecaster, X, pd.Series(y), initial_window=15, steps=4, step_length=2), expected)
    assert_allclose(backtest(forecaster, X.tolist(), y.tolist(), initial_window=15, steps=4, step_length=2), expected)


def test_direct_forecasts_in_blocks():
    y = np.arange(30.0) ** 2  # four values determine the next two exactly
    forecaster = SequenceForecaster(LinearRegression(), window=4, **RAW, output_steps=2)
    frame = backtest(forecaster, None, y, initial_window=15, steps=5, step_length=5)
    assert frame["origin"].unique().tolist() == [14, 19, 24]
    assert_allclose(frame["y_pred"], frame["y_true"])
    assert_allclose(frame["y_true"], (frame["origin"] + frame["step"]) ** 2)


@pytest.mark.parametrize("season", [1, 3, 4])
def test_seasonal_naive_forecast(forecaster, season):
    _, y = data(30)
    frame = backtest(forecaster, None, y, initial_window=9, steps=7, step_length=5, season=season)
    assert frame.columns.tolist() == ["origin", "step", "y_true", "y_pred", "y_naive"]
    for row in frame.itertuples():
        position = row.origin + row.step
        while position > row.origin:
            position -= season
        assert row.y_naive == y[position]
    without = backtest(forecaster, None, y, initial_window=9, steps=7, step_length=5)
    assert_frame_equal(frame.drop(columns="y_naive"), without)


@pytest.mark.parametrize("refit", [False, True])
def test_intervals_are_those_of_the_forecaster(refit):
    _, y = data(60)
    forecaster = SequenceForecaster(Ridge(), window=WINDOW, **RAW, calibration_size=20)
    options = {"initial_window": 40, "steps": 3, "step_length": 6, "refit": refit}
    frame = backtest(forecaster, None, y, coverage=0.5, **options)
    assert frame.columns.tolist() == ["origin", "step", "y_true", "y_pred", "lower", "upper"]
    model = clone(forecaster).fit(None, y[:40])
    for known in range(40, 58, 6):
        model = clone(forecaster).fit(None, y[:known]) if refit else model
        coming = pd.DataFrame(index=range(known, known + 3))
        rows = frame[frame["origin"] == known - 1]
        assert_allclose(rows[["lower", "upper"]], model.predict_interval(coming, coverage=0.5))
        model.update(None, y[known : known + 6])


def test_names_of_several_outputs():
    _, y = data(60, 2)
    forecaster = SequenceForecaster(Ridge(), window=WINDOW, **RAW, calibration_size=20)
    given = pd.DataFrame(y, columns=["oil", "gas"])
    frame = backtest(forecaster, None, given, initial_window=40, steps=2, step_length=20, season=2, coverage=0.8)
    names = [f"{name}_{output}" for name in ("y_true", "y_pred", "y_naive", "lower", "upper") for output in given]
    assert frame.columns.tolist() == ["origin", "step", *names]
    assert_allclose(frame[["y_naive_oil", "y_naive_gas"]], y[38:40])
    bounds = clone(forecaster).fit(None, given[:40]).predict_interval(pd.DataFrame(index=[40, 41]), coverage=0.8)
    assert_allclose(frame[["lower_oil", "lower_gas"]], bounds[:, 0])
    assert_allclose(frame[["upper_oil", "upper_gas"]], bounds[:, 1])


def test_missing_true_values_are_kept(forecaster):
    _, y = data(30)
    y[27] = np.nan  # after the last row that the forecaster is passed
    frame = backtest(forecaster, None, y, initial_window=20, steps=5, step_length=5, season=2)
    assert frame["y_true"].isna().tolist() == [False] * 7 + [True] + [False] * 2
    assert frame[["y_pred", "y_naive"]].notna().all(axis=None)


def test_intervals_require_their_method():
    class Last(BaseEstimator):
        def fit(self, X, y):
            self.last_ = y[-1]
            return self

        update = fit

        def predict(self, X):
            return np.full(len(X), self.last_)

    frame = backtest(Last(), None, np.arange(9.0), initial_window=5, steps=2, step_length=2, season=1)
    assert frame["y_pred"].tolist() == frame["y_naive"].tolist() == [4.0, 4.0, 6.0, 6.0]
    with pytest.raises(TypeError, match=r"coverage=0.5 requires a forecaster with a predict_interval method\. Last"):
        backtest(Last(), None, np.arange(9.0), initial_window=5, steps=2, coverage=0.5)


def test_the_last_origin_has_all_its_steps(forecaster):
    _, y = data(20)
    assert backtest(forecaster, None, y, initial_window=15, steps=5)["origin"].unique().tolist() == [14]
    with pytest.raises(ValueError, match=r"^y has 20 rows, too few for initial_window=15 and steps=6\. Decrease one"):
        backtest(forecaster, None, y, initial_window=15, steps=6)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"initial_window": 3}, r"y has 3 sample\(s\), but window=3 and output_steps=1 require at least 4"),
        ({"initial_window": 0}, "The 'initial_window' parameter of backtest must be an int in the range"),
        ({"steps": 0}, "The 'steps' parameter of backtest must be an int in the range"),
        ({"step_length": 0}, "The 'step_length' parameter of backtest must be an int in the range"),
        ({"refit": "yes"}, "The 'refit' parameter of backtest must be"),
        ({"forecaster": Ridge()}, "The 'forecaster' parameter of backtest must be"),
        ({"season": 0}, "The 'season' parameter of backtest must be an int in the range"),
        ({"season": 10}, "season=10 requires as many rows up to the first origin. Got initial_window=9"),
        ({"coverage": 1.0}, "The 'coverage' parameter of backtest must be a float in the range"),
        (
            {"coverage": 0.5},
            "predict_interval requires errors on rows that were held out, .*: set calibration_size",
        ),
        ({"X": np.ones((21, 1))}, r"inconsistent numbers of samples: \[21, 20\]"),
        ({"y": np.full(20, np.nan)}, "No window of y is followed by the values to predict"),
    ],
)
def test_wrong_arguments(forecaster, params, message):
    given = {"forecaster": forecaster, "X": None, "y": np.ones(20), "initial_window": 9, "steps": 2}
    with pytest.raises(ValueError, match=message):
        backtest(**{**given, **params})
