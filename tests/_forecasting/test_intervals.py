"""Intervals of forecasts against the definition of split conformal prediction, and against what they promise."""

import numpy as np
import pandas as pd
import pytest
from conftest import RAW
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.preprocessing import StandardScaler

from skrnn import SequenceForecaster
from skrnn._forecasting.intervals import conformal_quantiles

WINDOW = 2


def forecaster(estimator=None, **params):
    return SequenceForecaster(estimator or LinearRegression(), **{"window": WINDOW, **RAW, **params})


def autoregression(n_rows, seed=0):
    """y_t = 1.4 y_{t-1} - 0.7 y_{t-2} + noise of variance 1."""
    noise, y = np.random.default_rng(seed).normal(size=n_rows + 100), [0.0, 0.0]
    for value in noise:
        y.append(1.4 * y[-1] - 0.7 * y[-2] + value)
    return np.array(y[-n_rows:])


def steps(n_steps):
    """A frame without columns."""
    return pd.DataFrame(index=range(n_steps))


def widths(fitted, n_steps, coverage):
    """Half the distance between the bounds, which lie evenly around the forecast."""
    bounds = fitted.predict_interval(steps(n_steps), coverage)
    assert_allclose(bounds.mean(axis=1), fitted.forecast(n_steps))
    return (bounds[:, 1] - bounds[:, 0]) / 2


def residuals_by_hand(y, n_fitted, n_steps, output_steps=1, estimator=None):
    """Absolute errors of a closed loop from every row of the held-out tail: a list for each step ahead."""
    origins = range(WINDOW, n_fitted - output_steps + 1)
    X = [[*y[now - WINDOW : now]] for now in origins]
    targets = [y[now : now + output_steps] for now in origins]
    model = (estimator or LinearRegression()).fit(X, np.array(targets).reshape(len(X), -1))
    errors = [[] for _ in range(n_steps)]
    for now in range(n_fitted, len(y)):
        values = list(y[now - WINDOW : now])
        while len(values) < WINDOW + n_steps:
            values += np.ravel(model.predict([values[-WINDOW:]])).tolist()
        for ahead in range(n_steps):
            if now + ahead < len(y):
                errors[ahead].append(abs(y[now + ahead] - values[WINDOW + ahead]))
    return errors


def quantile(errors, coverage):
    """The k-th smallest of n residuals, k = ceil((n + 1) coverage)."""
    k = next(k for k in range(1, len(errors) + 1) if k >= (len(errors) + 1) * coverage - 1e-9)
    return sorted(errors)[k - 1]


class PlainLinearRegression(LinearRegression):
    """Predicts without the checks, which would be most of the time of twenty thousand predictions."""

    def predict(self, X):
        return X @ self.coef_ + self.intercept_


@pytest.mark.slow
def test_coverage_of_an_autoregression():
    y = autoregression(5500 + 2010)
    fitted = forecaster(PlainLinearRegression(), calibration_size=500).fit(None, y[:5500])
    inside = {1: [], 5: [], 10: []}
    for origin in range(5500, 7500):
        bounds = fitted.predict_interval(steps(10), 0.9)
        for ahead, hits in inside.items():
            low, high = bounds[ahead - 1]
            hits.append(low <= y[origin + ahead - 1] <= high)
        fitted.update(None, y[origin : origin + 1])
    for ahead, hits in inside.items():
        assert len(hits) == 2000
        assert 0.85 <= np.mean(hits) <= 0.95, ahead
    # One step ahead the noise is all that is wrong: 1.645 of its standard deviations.
    assert widths(fitted, 1, 0.9) == pytest.approx(1.645, abs=0.15)


@pytest.mark.parametrize("output_steps", [1, 3])
@pytest.mark.parametrize(("size", "n_held"), [(20, 20), (0.25, 20)])
def test_quantiles_by_hand(size, n_held, output_steps):
    y = autoregression(80)
    errors = residuals_by_hand(y, 80 - n_held, 10, output_steps)
    assert [len(of_step) for of_step in errors] == [20, 19, 18, 17, 16, 15, 14, 13, 12, 11]
    fitted = forecaster(calibration_size=size, output_steps=output_steps).fit(None, y)
    for coverage in (0.2, 0.5, 0.9):
        expected = [quantile(of_step, coverage) for of_step in errors]
        assert_allclose(widths(fitted, 10, coverage), expected)
    # Residuals are known of half as many steps as rows were held out: those beyond get the last width.
    assert_allclose(widths(fitted, 14, 0.5)[9:], quantile(errors[9], 0.5))
    # 0.95 needs 19 errors, which two steps have.
    expected = [quantile(errors[0], 0.95), *[quantile(errors[1], 0.95)] * 5]
    assert expected[1] == max(errors[1])
    assert_allclose(widths(fitted, 6, 0.95), expected)


def test_forecasts_are_those_of_all_rows():
    y = autoregression(80)
    calibrated = forecaster(calibration_size=30).fit(None, y)
    assert_array_equal(calibrated.forecast(5), forecaster().fit(None, y).forecast(5))
    assert_array_equal(calibrated.estimator_.coef_, forecaster().fit(None, y).estimator_.coef_)


def test_rows_of_the_fitted_index_get_the_width_of_one_step():
    y = pd.Series(autoregression(80))
    fitted = forecaster(calibration_size=20).fit(None, y)
    bounds = fitted.predict_interval(steps(82).iloc[70:], 0.8)
    width = widths(forecaster(calibration_size=20).fit(None, y.to_numpy()), 2, 0.8)
    assert_allclose((bounds[:, 1] - bounds[:, 0]) / 2, [width[0]] * 10 + width.tolist())
    assert_allclose(bounds.mean(axis=1), fitted.predict(steps(82).iloc[70:]))


def test_covariates_belong_to_the_steps_that_are_held_out():
    x = np.random.default_rng(0).normal(size=(60, 1))
    y = 3 * x[:, 0]
    fitted = forecaster(calibration_size=20).fit(x, y)  # exact, where each step sees its own covariate
    assert_allclose(fitted.predict_interval(np.array([[2.0], [-1.0]]), 0.9), [[6, 6], [-3, -3]], atol=1e-9)


def test_scaled_targets():
    y = 100 + 30 * autoregression(80)
    scaled = forecaster(Ridge(alpha=5.0), target_transformer=StandardScaler(), calibration_size=20).fit(None, y)
    mean, scale = y[:60].mean(), y[:60].std()  # of the rows before those held out
    errors = residuals_by_hand((y - mean) / scale, 60, 4, estimator=Ridge(alpha=5.0))
    assert_allclose(widths(scaled, 4, 0.7), [scale * quantile(of_step, 0.7) for of_step in errors])


def test_several_series_have_widths_of_their_own():
    y = np.column_stack([autoregression(80), np.full(80, 7.0), 10 * autoregression(80, 1)])
    fitted = forecaster(calibration_size=20).fit(None, y)
    bounds = fitted.predict_interval(steps(4), 0.8)
    assert bounds.shape == (4, 2, 3)
    assert_allclose(bounds.mean(axis=1), fitted.forecast(4))
    model = LinearRegression().fit([y[now - 2 : now].ravel() for now in range(2, 60)], y[2:60])
    errors = np.abs(y[60:] - model.predict([y[now - 2 : now].ravel() for now in range(60, 80)]))
    expected = [quantile(errors[:, number], 0.8) for number in range(3)]
    assert_allclose((bounds[0, 1] - bounds[0, 0]) / 2, expected, atol=1e-9)
    assert_allclose(bounds[:, :, 1], 7)
    column = forecaster(calibration_size=20).fit(None, y[:, :1])
    assert column.predict_interval(steps(4)).shape == (4, 2, 1)


# ---------------------------------------------------------------- many series


def panel(series):
    """A frame without columns, and the values of series by name, (n_rows,) or (n_rows, n_columns)."""
    index = [(name, row) for name, y in series.items() for row in range(len(y))]
    frame = pd.DataFrame(index=pd.MultiIndex.from_tuples(index, names=["series", "row"]))
    return frame, np.concatenate([*series.values()])


def rows_of(name, first, end):
    return pd.DataFrame(index=pd.MultiIndex.from_product([[name], range(first, end)], names=["series", "row"]))


def pooled_by_hand(series, size, n_steps, scale_of=None):
    """Scores of a linear regression in a closed loop, of all series together, by number of steps ahead; and scales."""
    fitted = {name: y[: len(y) - (size if size >= 1 else int(len(y) * size))] for name, y in series.items()}
    rows = [(y[now - WINDOW : now], y[now]) for y in fitted.values() for now in range(WINDOW, len(y))]
    model = LinearRegression().fit([window for window, _ in rows], [target for _, target in rows])
    scales = {name: np.abs(np.diff(y)).mean() for name, y in fitted.items()}
    scores = [[] for _ in range(n_steps)]
    for name, y in series.items():
        for origin in range(len(fitted[name]), len(y)):
            values = [*y[origin - WINDOW : origin]]
            for ahead in range(min(n_steps, len(y) - origin)):
                values.append(model.predict([values[-WINDOW:]])[0])
                scale = scales[name] if scale_of is None else scale_of(y[origin - WINDOW : origin], name)
                scores[ahead].append(abs(y[origin + ahead] - values[-1]) / scale)
    return scores, scales


@pytest.mark.parametrize("size", [6, 0.4])
def test_series_share_scores_relative_to_their_scales(size):
    lengths = {"a": 60, "b": 90}
    series = {name: (1 + n_rows / 10) * autoregression(n_rows, n_rows) for name, n_rows in lengths.items()}
    scores, scales = pooled_by_hand(series, size, 3)
    if size == 6:
        assert [len(of_step) for of_step in scores] == [12, 10, 8]
    fitted = forecaster(groups="series", calibration_size=size).fit(*panel(series))
    for name, y in series.items():
        bounds = fitted.predict_interval(rows_of(name, len(y), len(y) + 3), 0.8)
        expected = [quantile(of_step, 0.8) * scales[name] for of_step in scores]
        assert_allclose(bounds.mean(axis=1), fitted.forecast(3)[name])  # of the estimator fitted on all rows
        assert_allclose((bounds[:, 1] - bounds[:, 0]) / 2, expected)
        (known,) = fitted.predict_interval(rows_of(name, 20, 21), 0.8)  # one step ahead of the row before
        assert_allclose(known[1] - known[0], 2 * expected[0])
    if size == 6:  # 0.9 requires 9 scores, which two steps have
        (*_, (low, high)) = fitted.predict_interval(rows_of("a", 60, 63), 0.9)
        assert_allclose((high - low) / 2, quantile(scores[1], 0.9) * scales["a"])


def test_scales_of_windows():
    """With standardized windows, the scale of a score is the spread of the window that its forecast starts from."""
    series = {"a": 3 * autoregression(60), "b": 40 * autoregression(80, 1)}
    params = {"window_scaling": "standard", "target_transformer": "standard", "groups": "series"}
    fitted = forecaster(calibration_size=12, **params).fit(*panel(series))
    calibrated = forecaster(**params).fit(*panel({name: y[:-12] for name, y in series.items()}))
    known = panel({name: y[:-12] for name, y in series.items()})
    scores = []
    for ahead in range(12):
        for name, y in series.items():
            n = len(y) - 12 + ahead
            (predicted,) = calibrated.predict(rows_of(name, n, n + 1))
            scores.append(abs(y[n] - predicted) / spread_of_window(y[n - WINDOW : n], y[: len(y) - 12]))
            calibrated.update(rows_of(name, n, n + 1), y[n : n + 1])
    assert len(known[1]) == 116
    for name, y in series.items():
        ((low, high),) = fitted.predict_interval(rows_of(name, len(y), len(y) + 1), 0.7)
        assert_allclose((high - low) / 2, quantile(scores, 0.7) * spread_of_window(y[-WINDOW:], y))


def spread_of_window(window, fitted):
    """Standard deviation of a window, with a variance that is increased by 1% of that of the fitted series."""
    return np.sqrt(window.var() + 0.01 * fitted.var())


@pytest.mark.slow
@pytest.mark.parametrize("n_columns", [None, 2])
@pytest.mark.parametrize("size", [300, 0.5])
def test_coverage_of_each_of_two_scales(size, n_columns):
    scales = {"small": np.array([1.0, 50.0])[: n_columns or 1], "large": np.full(n_columns or 1, 1000.0)}
    inside, widths = {"small": [], "large": []}, {"small": [], "large": []}
    for seed in range(24):
        rng = np.random.default_rng(seed)
        series = {name: scale * rng.normal(size=(720, len(scale))) for name, scale in scales.items()}
        fitted = SequenceForecaster(Ridge(), window=WINDOW, window_scaling=None, groups="series", calibration_size=size)
        X, y = panel({name: y[:600] for name, y in series.items()})
        fitted.fit(X, y if n_columns else y[:, 0])
        for name, y in series.items():
            bounds = fitted.predict_interval(rows_of(name, 600, 720), 0.9)
            assert bounds.shape == ((120, 2, 2) if n_columns else (120, 2))
            low, high = bounds.reshape(120, 2, -1).swapaxes(0, 1)
            inside[name].append(((low <= y[600:]) & (y[600:] <= high)).mean(axis=0))
            widths[name].append((high - low).mean(axis=0))
    for name, scale in scales.items():
        assert_allclose(np.mean(inside[name], axis=0), 0.9, atol=0.03)
        # 1.645 standard deviations of the noise to either side, and a little for the error of what was fitted.
        assert_allclose(np.mean(widths[name], axis=0), 2 * 1.645 * scale, rtol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("size", [6, 0.3])
def test_coverage_of_a_series_with_few_rows(size):
    inside = {"small": [], "large": [], "short": []}
    scales = {"small": 1.0, "large": 1000.0, "short": 30.0}
    for seed in range(25):
        rng = np.random.default_rng(seed)
        ends = {"small": 300, "large": 300, "short": 15}
        series = {name: scale * rng.normal(size=ends[name] + 60) for name, scale in scales.items()}
        fitted = SequenceForecaster(Ridge(), window=WINDOW, groups="series", calibration_size=size)
        fitted.fit(*panel({name: y[: ends[name]] for name, y in series.items()}))
        for name, y in series.items():
            low, high = fitted.predict_interval(rows_of(name, ends[name], ends[name] + 60), 0.8).T
            inside[name].append(np.mean((low <= y[ends[name] :]) & (y[ends[name] :] <= high)))
    for name, shares in inside.items():
        assert abs(np.mean(shares) - 0.8) < 0.06, name


def test_bounds_of_a_panel_after_update_and_in_other_units():
    series = {name: 100 + scale * autoregression(90, scale) for name, scale in (("a", 3), ("b", 40))}
    past = {name: y[:80] for name, y in series.items()}
    plain = forecaster(groups="series", calibration_size=30).fit(*panel(past))
    scaled = forecaster(groups="series", calibration_size=30, target_transformer=StandardScaler(), per_series=False)
    scaled.fit(*panel(past))
    for fitted in (plain, scaled):
        fitted.update(rows_of("b", 80, 85), series["b"][80:85])
    scores, scales = pooled_by_hand(past, 30, 1)
    # Rows of the series, one that was appended, and the next step: the scale remains that of the fit.
    for row in (60, 83, 85):
        ((low, high),) = plain.predict_interval(rows_of("b", row, row + 1), 0.8)
        assert_allclose((high - low) / 2, quantile(scores[0], 0.8) * scales["b"])
        assert_allclose((high + low) / 2, plain.predict(rows_of("b", row, row + 1))[0])
    # A linear regression is the same in any units.
    rows = pd.concat([rows_of("a", 70, 84), rows_of("b", 80, 89)])
    assert_allclose(scaled.predict_interval(rows, 0.8), plain.predict_interval(rows, 0.8))


@pytest.mark.parametrize("coverage", [0.6, 0.9])
def test_bounds_of_a_series_do_not_depend_on_the_other_rows(coverage):
    lengths = {"a": 60, "b": 30, "c": 60, "d": 21, "e": 30}
    series = {
        name: np.column_stack([autoregression(n, i), 9 * autoregression(n)])
        for i, (name, n) in enumerate(lengths.items())
    }
    fitted = forecaster(groups="series", calibration_size=0.3).fit(*panel(series))
    asked = {name: rows_of(name, n - 3, n + 4) for name, n in lengths.items()}
    alone = {name: fitted.predict_interval(rows, coverage) for name, rows in asked.items()}
    rows = pd.concat([asked[name] for name in "dbeca"])
    shuffled = rows.iloc[np.argsort(np.arange(len(rows)) % 7, kind="stable")]  # a row of each, and the next
    bounds = fitted.predict_interval(shuffled, coverage)
    for name in lengths:
        assert_allclose(bounds[shuffled.index.get_level_values("series") == name], alone[name], rtol=1e-12)
    assert len({tuple(np.round(of[:, 1, 0] - of[:, 0, 0], 6)) for of in alone.values()}) == 5


def test_too_few_errors_of_all_series():
    series = {name: autoregression(30, seed) for seed, name in enumerate("ab")}
    fitted = forecaster(groups="series", calibration_size=3).fit(*panel(series))
    with pytest.raises(ValueError, match=r"^coverage=0.9 requires at least 9 errors, but calibration_size left 6\."):
        fitted.predict_interval(rows_of("a", 30, 31), 0.9)
    (low, high), *_ = fitted.predict_interval(rows_of("a", 30, 32), 0.8)  # 6 errors of both
    assert low < fitted.forecast(1)["a"].item() < high


def test_a_constant_series_in_a_panel():
    series = {"flat": np.full(12, 5.0), "late": np.r_[np.full(30, 3.0), 3, 4, 3, 4, 5, 4], "noise": autoregression(200)}
    fitted = forecaster(groups="series", calibration_size=6).fit(*panel(series))
    assert_allclose(
        fitted.predict_interval(rows_of("flat", 12, 16), 0.8).T, np.tile(fitted.forecast(4)["flat"], (2, 1))
    )
    # A series that begins to vary in the rows held out has the scale of these.
    ((low, high),) = fitted.predict_interval(rows_of("late", 36, 37), 0.8)
    scale = np.abs(np.diff(series["late"])).mean()
    assert_allclose(
        (high - low) / np.subtract(*fitted.predict_interval(rows_of("noise", 200, 201), 0.8)[0][::-1]),
        scale / np.abs(np.diff(series["noise"][:194])).mean(),
    )


def test_scales_skip_missing_values():
    """Of a series with every second value missing, successive values are two rows apart."""
    series = {"full": autoregression(120), "gaps": 5 * autoregression(120, 1)}
    series["gaps"][1::2] = np.nan
    fitted = SequenceForecaster(Ridge(), window=WINDOW, groups="series", calibration_size=40).fit(*panel(series))
    ((low, high),) = fitted.predict_interval(rows_of("gaps", 120, 121), 0.8)
    ((own_low, own_high),) = fitted.predict_interval(rows_of("full", 120, 121), 0.8)
    scale = np.abs(np.diff(series["gaps"][:80:2])).mean() / np.abs(np.diff(series["full"][:80])).mean()
    assert_allclose((high - low) / (own_high - own_low), scale)
    single = SequenceForecaster(Ridge(), window=WINDOW, calibration_size=40).fit(None, series["full"])
    assert np.isnan(single.predict_interval(steps(2), 0.8, history=[10.0])).all()


def test_missing_values_have_no_errors():
    y = autoregression(80)
    y[[70, 75]] = np.nan
    fitted = forecaster(calibration_size=20).fit(None, y)
    expected = r"^coverage=0.95 requires at least 19 errors, but calibration_size left 18\."
    with pytest.raises(ValueError, match=expected):
        fitted.predict_interval(steps(1), 0.95)
    assert np.isfinite(fitted.predict_interval(steps(3), 0.9)).all()


@pytest.mark.parametrize("groups", [None, "series"])
def test_intervals_and_paths_of_a_history(groups):
    """Those of a series that was fitted, in other units: everything scales with its values."""
    y = 50 + autoregression(120)
    if groups is None:
        X, times, asked = None, None, steps(4)
        fitted = SequenceForecaster(Ridge(), window=WINDOW, calibration_size=40).fit(X, y)
    else:
        X, times = panel({"a": y, "b": 7 * y[::-1]})
        fitted = SequenceForecaster(Ridge(), window=WINDOW, groups=groups, calibration_size=40).fit(X, times)
        asked = rows_of("new", 120, 124)
    # The scale of a history is that of all its rows.
    before = np.abs(np.diff(y[:80])).mean() / np.abs(np.diff(y)).mean()
    past = {} if groups is None else {"history_X": panel({"new": y})[0]}
    bounds = fitted.predict_interval(asked, 0.8, history=y, **past)
    own = fitted.predict_interval(steps(4) if groups is None else rows_of("a", 120, 124), 0.8)
    assert_allclose(bounds.mean(axis=1), own.mean(axis=1))
    assert_allclose(np.diff(bounds) * before, np.diff(own))
    thousand = fitted.predict_interval(asked, 0.8, history=1000 * y, **past)
    assert_allclose(thousand, 1000 * bounds)
    paths = fitted.sample(asked, 30, random_state=0, history=y, **past)
    assert_allclose(fitted.sample(asked, 30, random_state=0, history=1000 * y, **past), 1000 * paths)
    assert paths.std(axis=0).min() > 0.1
    with pytest.raises(ValueError, match="history_X contains the covariates of a history, but history is None"):
        fitted.predict_interval(asked, 0.8, history_X=steps(120))


def test_many_origins_are_thinned_out():
    y = autoregression(3000)
    fitted = forecaster(calibration_size=1001).fit(None, y)
    errors = residuals_by_hand(y, 1999, 1)[0]
    kept = np.linspace(0, 1000, 500).astype(int)  # at even distances, the first and the last row held out included
    assert_allclose(widths(fitted, 1, 0.9), quantile([errors[at] for at in kept], 0.9))


def test_rank_is_not_a_matter_of_rounding():
    scores = np.arange(1.0, 100)  # 99 of them: 1, 2, ... 99
    assert 100 * 0.07 > 7  # in floating point

    def of(scores, coverage):
        return conformal_quantiles(scores[None, :, None], coverage).item()

    assert of(scores, 0.07) == 7
    assert of(scores, 0.071) == 8
    assert of(scores, 0.99) == 99
    with pytest.raises(ValueError, match=r"^coverage=0.9 requires at least 9 errors, but calibration_size left 8\."):
        of(scores[:8], 0.9)
    assert of(scores[:9], 0.9) == 9


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("params", "coverage", "message"),
    [
        ({}, 0.9, "predict_interval requires errors on rows that were held out, or a network .*: set calibration_size"),
        ({"calibration_size": 8}, 0.9, "^coverage=0.9 requires at least 9 errors, but calibration_size left 8"),
        ({"calibration_size": 8}, 1.0, "^coverage must be a number between 0 and 1. Got 1.0"),
        ({"calibration_size": 8}, 0, "^coverage must be a number between 0 and 1. Got 0"),
        ({"calibration_size": 8}, "most", "^coverage must be a number between 0 and 1. Got 'most'"),
    ],
)
def test_intervals_that_cannot_be_had(params, coverage, message):
    fitted = forecaster(**params).fit(None, autoregression(40))
    with pytest.raises(ValueError, match=message):
        fitted.predict_interval(steps(3), coverage)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (38, "^calibration_size=38 of 40 rows leaves 2 rows to fit on and 38 to calibrate on, but at least 3"),
        (50, "^calibration_size=50 of 40 rows leaves -10 rows to fit on"),
        (
            0.04,
            "^calibration_size=0.04 of 40 rows leaves 39 rows to fit on and 1 to calibrate on, but .* 2 are req",
        ),
        (0, "The 'calibration_size' parameter"),
        (1.0, "The 'calibration_size' parameter"),
    ],
)
def test_sizes_that_leave_too_few_rows(size, message):
    with pytest.raises(ValueError, match=message):
        forecaster(calibration_size=size).fit(None, autoregression(40))
