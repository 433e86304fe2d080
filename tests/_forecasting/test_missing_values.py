"""Missing values, short series, weights and lags of the forecaster, against windows cut by hand."""

import numpy as np
import pandas as pd
import pytest
from conftest import RAW, make
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_covariates import Recorder

from skrnn import SequenceForecaster

WINDOW, N_ROWS = 4, 40
PLAIN = {name: value for name, value in RAW.items() if name != "padding"}


def series(missing=(), seed=0):
    y = np.sin(np.arange(N_ROWS) / 3) + 0.1 * np.random.default_rng(seed).normal(size=N_ROWS)
    y[list(missing)] = np.nan
    return y


def forecaster(estimator=None, **params):
    return SequenceForecaster(estimator or Ridge(), **{"window": WINDOW, **params})


def filled(window):
    """The window with the last value before each missing one, or 0."""
    values, last = [], 0.0
    for value in window:
        last = last if np.isnan(value) else value
        values.append(last)
    return values


# ---------------------------------------------------------------------- missing values


def test_windows_are_filled_and_have_indicators():
    y = series(missing=(0, 1, 10, 11, 25))
    fitted = forecaster(Recorder(three_d=False), **PLAIN).fit(None, y).estimator_
    rows, targets = [], []
    for now in range(WINDOW, N_ROWS):
        if np.isnan(y[now]):
            continue
        window = y[now - WINDOW : now]
        rows.append(np.column_stack([filled(window), np.isnan(window)]).ravel())
        targets.append(y[now])
    assert_array_equal(fitted.X_, rows)
    assert_array_equal(fitted.y_, targets)


@pytest.mark.parametrize("scaling", ["last", "mean", "standard"])
def test_windows_are_scaled_by_their_valid_values(scaling):
    y = series(missing=(10, 11, 25))
    fitted = (
        forecaster(Recorder(three_d=False), window_scaling=scaling, target_transformer=None).fit(None, y).estimator_
    )
    kept = [now for now in range(WINDOW, N_ROWS) if not np.isnan(y[now])]
    for row, now in enumerate(kept):
        window = y[now - WINDOW : now]
        valid = window[~np.isnan(window)]
        center = valid[-1] if scaling == "last" else valid.mean()
        scale = np.sqrt(valid.var() + (0.1 * np.nanstd(y)) ** 2) if scaling == "standard" else 1.0
        assert_allclose(fitted.X_[row, ::2], filled((window - center) / scale))
        assert_allclose(fitted.y_[row], (y[now] - center) / scale)


def test_pairs_with_missing_targets():
    y = series(missing=(20,))
    flat = forecaster(Recorder(three_d=False), output_steps=2, **PLAIN).fit(None, y).estimator_
    assert len(flat.y_) == N_ROWS - WINDOW - 1 - 2
    network = forecaster(make("GRURegressor"), output_steps=2, **PLAIN).fit(None, y)
    windows = [
        np.column_stack([filled(y[now - WINDOW : now]), np.isnan(y[now - WINDOW : now])])
        for now in range(WINDOW, N_ROWS - 1)
    ]
    targets = [y[now : now + 2] for now in range(WINDOW, N_ROWS - 1)]
    expected = make("GRURegressor").fit(np.array(windows), np.array(targets))
    assert_allclose(network.estimator_.history_["loss"], expected.history_["loss"], rtol=1e-6)


def test_forecasts_and_scores_with_missing_values():
    y = series(missing=(10, 38))
    fitted = forecaster(**PLAIN).fit(None, y)
    window = y[-WINDOW:]
    row = np.column_stack([filled(window), np.isnan(window)]).ravel()
    assert_allclose(fitted.forecast(1), fitted.estimator_.predict([row]))
    days = pd.DataFrame(index=pd.date_range("2024", periods=N_ROWS))
    by_day = forecaster().fit(days, y)
    is_known = ~np.isnan(y)
    assert by_day.score(days, y) == pytest.approx(r2_score(y[is_known], by_day.predict(days)[is_known]))
    assert np.isfinite(by_day.predict(days)).all()


def test_score_leaves_out_each_series_by_itself():
    y = np.column_stack([series(missing=(10, 38)), 2 - series(missing=(12, 20, 30)) ** 2])
    days = pd.DataFrame(index=pd.date_range("2024", periods=N_ROWS))
    fitted = forecaster().fit(days, y)
    weights = np.linspace(1, 3, N_ROWS)
    scores = []
    for true, predicted in zip(y.T, fitted.predict(days).T, strict=True):
        known = ~np.isnan(true)
        scores.append(r2_score(true[known], predicted[known], sample_weight=weights[known]))
    assert fitted.score(days, y, weights) == pytest.approx(np.mean(scores))
    only_first = np.column_stack([y[:, 0], np.full(N_ROWS, np.nan)])
    assert fitted.score(days, only_first, weights) == pytest.approx(scores[0])
    with pytest.raises(ValueError, match=r"y contains only NaN\. SequenceForecaster requires"):
        fitted.score(days, np.full((N_ROWS, 2), np.nan))
    with pytest.raises(ValueError, match=r"y has 1 output\(s\), but SequenceForecaster predicts 2"):
        fitted.score(days, y[:, 0])


def test_differences_with_a_missing_side_are_missing():
    y = series(missing=(10,))
    fitted = forecaster(Recorder(three_d=False), differencing=1, **PLAIN).fit(None, y).estimator_
    differences = np.diff(y)
    kept = [now for now in range(WINDOW, N_ROWS - 1) if not np.isnan(differences[now])]
    assert_array_equal(fitted.y_, differences[kept])
    # The last known value is added to the forecast of the next difference.
    ends_missing = series(missing=(10, N_ROWS - 1))
    model = forecaster(differencing=1, **PLAIN).fit(None, ends_missing)
    window = np.diff(ends_missing)[-WINDOW:]
    row = np.column_stack([filled(window), np.isnan(window)]).ravel()
    assert_allclose(model.forecast(1), ends_missing[-2] + model.estimator_.predict([row]))


def test_missing_values_of_past_covariates():
    y = series()
    X = pd.DataFrame({"wind": np.arange(N_ROWS, dtype=float)}, pd.date_range("2024", periods=N_ROWS))
    X.iloc[[5, 6], 0] = np.nan
    fitted = forecaster(Recorder(three_d=False), past_covariates=["wind"], **PLAIN).fit(X, y).estimator_
    for row, now in enumerate(range(WINDOW, N_ROWS)):
        wind = X["wind"].to_numpy()[now - WINDOW : now]
        expected = np.column_stack([y[now - WINDOW : now], filled(wind), np.isnan(wind)])
        assert_array_equal(fitted.X_[row], expected.ravel())


def test_missing_values_only_where_fit_saw_some():
    fitted = forecaster().fit(None, series())
    with pytest.raises(ValueError, match="Row 1 of y contains NaN, but there were no missing values in this column"):
        fitted.update(None, [1.0, np.nan])
    assert np.isfinite(forecaster().fit(None, series(missing=(3,))).update(None, [1.0, np.nan]).forecast(3)).all()


# ---------------------------------------------------------------------- short series


def short_panel():
    lengths = {"long": N_ROWS, "short": 4, "tiny": 1}
    frame = pd.DataFrame({"name": np.repeat(list(lengths), list(lengths.values()))})
    return frame, np.concatenate([series(seed=i)[:n] for i, n in enumerate(lengths.values())])


@pytest.mark.parametrize("three_d", [True, False])
def test_windows_of_short_series_are_padded(three_d):
    X, y = short_panel()
    fitted = forecaster(Recorder(three_d=three_d), groups="name", **PLAIN).fit(X, y).estimator_
    short = y[N_ROWS : N_ROWS + 4]
    n_long = N_ROWS - WINDOW
    assert_array_equal(fitted.y_, [*y[WINDOW:N_ROWS], *short[1:]])
    for row in range(3):
        fill = [np.nan if three_d else short[0]] * (WINDOW - 1 - row)
        assert_array_equal(fitted.X_[n_long + row].ravel(), [*fill, *short[: row + 1]])


def test_short_series_are_forecast():
    X, y = short_panel()
    for estimator in (Ridge(), make("GRURegressor")):
        fitted = forecaster(estimator, groups="name").fit(X, y)
        forecast = fitted.forecast(3)
        assert np.isfinite(forecast).all()
        assert len(forecast) == 9
    flat = forecaster(groups="name", **PLAIN).fit(X, y)
    short = y[N_ROWS : N_ROWS + 4]
    assert_allclose(flat.forecast(1)["short"], flat.estimator_.predict([short]))
    assert_allclose(flat.forecast(1)["tiny"], flat.estimator_.predict([[y[-1]] * WINDOW]))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"padding": None},
            r"y has 4 sample\(s\) of series 'short', but window=4 and output_steps=1 require at",
        ),
        (
            {"differencing": (1, 2)},
            r"y has 1 sample\(s\) of series 'tiny', but .*differencing=\(1, 2\) require at",
        ),
        ({"output_steps": 40}, r"y has 40 sample\(s\) of series 'long', but output_steps=40 requires at least 41"),
    ],
)
def test_series_that_are_too_short(params, message):
    with pytest.raises(ValueError, match=message):
        forecaster(groups="name", **params).fit(*short_panel())


# ---------------------------------------------------------------------- weights


def test_weights_are_those_of_the_rows_to_predict():
    y, weights = series(), np.random.default_rng(1).uniform(size=N_ROWS)
    fitted = forecaster(Recorder(three_d=False), **PLAIN).fit(None, y, sample_weight=weights).estimator_
    assert_array_equal(fitted.weights_, weights[WINDOW:])
    fitted = forecaster(Recorder(three_d=False), output_steps=2, **PLAIN).fit(None, y, weights).estimator_
    assert_allclose(fitted.weights_, [weights[now : now + 2].mean() for now in range(WINDOW, N_ROWS - 1)])


@pytest.mark.parametrize(
    "estimator",
    [make_pipeline(StandardScaler(), Ridge()), GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=2)],
    ids=["pipeline", "search"],
)
def test_weights_reach_the_estimator_inside(estimator):
    y, weights = series(), np.ones(N_ROWS)
    weights[:20] = 0
    fitted = forecaster(estimator).fit(None, y, sample_weight=weights)
    assert np.abs(fitted.forecast(3) - forecaster(estimator).fit(None, y).forecast(3)).max() > 1e-6
    same = forecaster(estimator).fit(None, y, sample_weight=np.ones(N_ROWS))
    assert_allclose(same.forecast(3), forecaster(estimator).fit(None, y).forecast(3))


def test_an_estimator_without_weights():
    with pytest.raises(TypeError, match=r"got sample_weight, but KNeighborsRegressor.fit does not take it"):
        forecaster(KNeighborsRegressor()).fit(None, series(), sample_weight=np.ones(N_ROWS))
    with pytest.raises(ValueError, match="sample_weight"):
        forecaster().fit(None, series(), sample_weight=np.ones(N_ROWS - 1))


# ---------------------------------------------------------------------- lags


def test_lags_select_columns():
    y, lags = series(), [1, 2, 12]
    fitted = forecaster(lags=lags, **RAW).fit(None, y)
    rows = [[y[now - 12], y[now - 2], y[now - 1]] for now in range(12, N_ROWS)]
    expected = Ridge().fit(rows, y[12:])
    assert_allclose(fitted.estimator_.coef_, expected.coef_)
    timeline = list(y)
    for _ in range(5):
        timeline.append(expected.predict([[timeline[-12], timeline[-2], timeline[-1]]])[0])
    assert_allclose(fitted.forecast(5), timeline[N_ROWS:])
    with pytest.raises(ValueError, match=r"lags=\[1, 2\] selects columns of flat windows, but GRURegressor takes seq"):
        forecaster(make("GRURegressor"), lags=[1, 2]).fit(None, y)
    with pytest.raises(ValueError, match="'lags' parameter of SequenceForecaster must contain ints of at least 1"):
        forecaster(lags=[0, 1]).fit(None, y)


def test_validation_data_of_panels_are_the_last_windows_of_each_series():
    random, names = np.random.default_rng(0), ["calm", "wild"]
    series = {name: scale * random.normal(size=60) for name, scale in zip(names, (0.1, 1.0), strict=True)}
    for y in series.values():
        y[0] = np.nan  # windows with missing values are not lazy
    network = make("GRURegressor", epochs=1, validation_split=0.25, optimizer="sgd", optimizer__learning_rate=1e-12)
    plain = SequenceForecaster(network, window=4, window_scaling=None, target_transformer=None)

    def val_loss(y, **params):
        return clone(plain).set_params(**params).fit(None, y).estimator_.history_["val_loss"][0]

    expected = np.mean([val_loss(y) for y in series.values()])
    for order in (names, names[::-1]):
        panel = pd.concat({name: pd.Series(series[name]) for name in order}, names=["shop", "day"])
        assert val_loss(panel, groups="shop") == pytest.approx(expected, rel=1e-5)
