"""Mistakes that users make: errors and warnings that explain them, and what is not a mistake."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import RAW
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import TimeSeriesSplit, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, PowerTransformer, QuantileTransformer
from sklearn.svm import SVR
from test_covariates import Recorder

from skrnn import PanelTimeSeriesSplit, SequenceForecaster

N_ROWS = 60
DAYS = pd.date_range("2024-01-01", periods=N_ROWS + 10)


def forecaster(estimator=None, **params):
    return SequenceForecaster(estimator or Ridge(), **{"window": 4, **params})


def data():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(N_ROWS, 2)), DAYS[:N_ROWS], columns=["price", "wind"])
    return X, pd.Series(5 + rng.normal(size=N_ROWS).cumsum() / 5, X.index, name="load")


# ---------------------------------------------------------------------- X and y


@pytest.mark.parametrize("kind", ["series", "array"])
def test_one_dimensional_covariates(kind):
    X, y = data()
    column = X["price"] if kind == "series" else X["price"].to_numpy()
    for method in (forecaster().fit, forecaster().fit(X[["price"]], y).update):
        with pytest.raises(
            ValueError, match=r"X has shape \(60,\)\. .* y the values .* pass X=None\. Reshape your data"
        ):
            method(column, y)
    with pytest.raises(ValueError, match=r"X has shape \(60,\)"):
        forecaster().fit(X[["price"]], y).predict(column)


def test_a_series_without_covariates():
    _, y = data()
    for call in (lambda: forecaster().fit(y), lambda: forecaster().fit(y=y), lambda: forecaster().fit(X=None)):
        with pytest.raises(TypeError, match=r"fit requires covariates X and .* no covariates, call fit\(None, y\)"):
            call()
    fitted = forecaster().fit(X=None, y=y)
    assert_allclose(forecaster().fit(None, y=y).forecast(3), fitted.forecast(3))
    for steps in (3, np.int64(3)):
        for method in (fitted.predict, fitted.sample):
            with pytest.raises(TypeError, match=r"Got 3 .* call forecast\(3\).* X=pd\.DataFrame\(index=forecast"):
                method(steps)
    assert_allclose(fitted.predict(pd.DataFrame(index=fitted.forecast(3).index)), fitted.forecast(3))


def test_categories_as_text():
    X, y = data()
    X["shop"] = ["north", "south"] * 30
    with pytest.raises(ValueError, match=r"row 0, column 'shop'\. If column 'shop' contains categories, convert"):
        forecaster().fit(X, y)
    with pytest.raises(ValueError, match=r"row 0, column 2\. If column 2 contains categories, convert it to"):
        forecaster().fit(X.to_numpy(), y)
    forecaster().fit(X.astype({"shop": "category"}), y)
    forecaster(categorical_features=["shop"]).fit(X, y)


def test_x_and_y_swapped():
    X, y = data()
    with pytest.raises(ValueError, match="without covariates, pass X=None"):
        forecaster().fit(y, X)
    fitted = forecaster().fit(None, y)
    for method in (forecaster().fit, fitted.update):
        with pytest.raises(ValueError, match=r"the target y is None\. The values of the series are y; without"):
            method(y, None)
    with pytest.raises(
        ValueError, match=r"was fitted without covariates\. Pass a DataFrame without columns, .* forecas"
    ):
        fitted.predict(y)


def test_groups_without_columns():
    with pytest.raises(ValueError, match=r"groups='shop' .* X has neither columns nor named levels"):
        forecaster(groups="shop").fit(None, data()[1])


@pytest.mark.parametrize(
    "y", [np.arange(60, dtype=np.uint8), np.arange(60).astype(object), list(range(60)), pd.array(range(60), "Int64")]
)
def test_types_of_y(y):
    """Unsigned integers would wrap around in differences."""
    falling = y[::-1]
    expected = forecaster(differencing=1).fit(None, np.arange(60.0)[::-1]).forecast(3)
    assert_allclose(forecaster(differencing=1).fit(None, falling).forecast(3), expected)
    assert_allclose(expected, [-1, -2, -3])


def test_one_column_of_a_frame():
    _, y = data()
    forecast = forecaster().fit(None, y.to_frame()).forecast(3)
    assert forecast.shape == (3, 1) and forecast.columns.tolist() == ["load"]
    assert_allclose(forecast["load"], forecaster().fit(None, y).forecast(3))


@pytest.mark.parametrize("names", [[1, 2], [1.5, 2.5], [True, False], [*DAYS[:2]], ["b", "a"]], ids=str)
def test_names_of_series(names):
    _, y = data()
    X = pd.DataFrame({"id": np.repeat(names, 30)})
    forecast = forecaster(groups="id").fit(X, y.to_numpy()).forecast(2)
    assert forecast.index.get_level_values("id").tolist() == [names[0]] * 2 + [names[1]] * 2
    as_text = forecaster(groups="id").fit(X.astype(str), y.to_numpy()).forecast(2)
    assert_allclose(forecast, as_text)


# ---------------------------------------------------------------------- past covariates


def test_a_forecast_with_past_covariates_only():
    X, y = data()
    fitted = forecaster(past_covariates=["wind"], output_steps=3).fit(X[["wind"]], y)
    forecast = fitted.forecast(3)
    assert_allclose(forecast, fitted.predict(pd.DataFrame(index=DAYS[N_ROWS : N_ROWS + 3])))
    with pytest.raises(ValueError, match="requires output_steps of at least 4, but it is 3"):
        fitted.forecast(4)
    with pytest.raises(ValueError, match="was fitted with 1 covariates: pass those of the steps"):
        forecaster(past_covariates=["wind"], output_steps=3).fit(X, y).forecast(3)


def test_columns_without_names_in_another_order():
    X, y = data()
    X.columns = [0, 1]
    fitted = forecaster().fit(X, y)
    later = X[:3].set_axis(DAYS[N_ROWS : N_ROWS + 3])
    with pytest.raises(
        ValueError, match=r"X has the columns \[1, 0\], but .* fitted on \[0, 1\]\. Pass them in the same"
    ):
        fitted.predict(later[[1, 0]])
    # Other numbers are not names: they are those of the columns of another array.
    assert_allclose(fitted.predict(later.set_axis([5, 6], axis=1)), fitted.predict(later))


def test_categories_of_another_type():
    _, y = data()
    X = pd.DataFrame({"code": np.arange(N_ROWS) % 3}, y.index)
    fitted = forecaster(categorical_features=["code"]).fit(X, y)
    later = pd.DataFrame({"code": ["1", "2"]}, DAYS[N_ROWS : N_ROWS + 2])
    with pytest.raises(ValueError, match=r"Column 'code' of X contains the category '1' of type str, but fit saw .*1"):
        fitted.predict(later)
    assert_allclose(fitted.predict(later.astype(float)), fitted.predict(later.astype(int)))


@pytest.mark.parametrize("groups", [0, 1, -1, 2])
def test_numbers_of_columns_are_those_of_x(groups):
    """Arrays have the column of the series among the others."""
    X, y = data()
    place = groups % 3
    table = np.insert(X.to_numpy(), place, np.repeat([1, 2], 30), axis=1)
    past = [0, 1, 2]
    past.remove(place)
    named = forecaster(groups="shop", past_covariates=["wind"])
    frame = X.assign(shop=np.repeat([1, 2], 30)).reset_index(drop=True)
    expected = named.fit(frame, y.to_numpy()).estimator_.coef_
    fitted = forecaster(groups=groups, past_covariates=[past[1]]).fit(table, y.to_numpy())
    assert_allclose(fitted.estimator_.coef_, expected)
    for parameter in ("past_covariates", "categorical_features"):
        with pytest.raises(ValueError, match=f"{parameter} contains False, which (is not a col|identifies)"):
            forecaster(groups=groups, **{parameter: [False, True, False]}).fit(table, y.to_numpy())
        with pytest.raises(ValueError, match=f"{parameter} contains {place}, which identifies the series|not a column"):
            forecaster(groups=groups, **{parameter: [place]}).fit(table, y.to_numpy())
        with pytest.raises(ValueError, match=f"{parameter} contains 'shop', which identifies the series and is not a"):
            forecaster(groups="shop", **{parameter: ["shop"]}).fit(frame, y.to_numpy())


def test_an_estimator_of_one_number():
    _, y = data()
    for params, values in (({"output_steps": 2}, y), ({}, pd.DataFrame({"a": y, "b": 2 * y}))):
        with pytest.raises(ValueError, match=r"predicts one number, but 2 are .* MultiOutputRegressor\(SVR\(\)\)"):
            forecaster(SVR(), **params).fit(None, values)
        assert np.isfinite(forecaster(MultiOutputRegressor(SVR()), **params).fit(None, values).forecast(3)).all(
            axis=None
        )
    with pytest.raises(ValueError, match=r"lags=\[1, 99\] .* require at least 100\. .*, decrease lags, or set padding"):
        forecaster(lags=[1, 99], padding=None).fit(None, y)


# ---------------------------------------------------------------------- cross-validation


def score_failures(model, X, y, cv):
    """Return the scores and the warnings of scikit-learn that contain the errors of the folds."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scores = cross_val_score(model, X, y, cv=cv)
    return scores, [str(warning.message) for warning in caught]


def test_folds_that_are_not_split_by_time():
    X, y = data()
    scores, messages = score_failures(forecaster(), X, y, 3)
    assert np.isnan(scores[:2]).all() and len(messages) == 2
    assert "pass cv=TimeSeriesSplit(...), so that rows to predict are the last ones" in messages[0]
    with pytest.raises(ValueError, match=r"is not one of its rows\.$"):
        forecaster().fit(X[30:], y[30:]).predict(X[:2])


def test_folds_that_cut_a_frame_of_several_series():
    X, y = data()
    frame = pd.concat([X.assign(shop=name) for name in "abc"])
    values = np.concatenate([y, y + 3, 2 * y])
    model = forecaster(groups="shop")
    scores, messages = score_failures(model, frame, values, TimeSeriesSplit(2))
    assert np.isnan(scores).all()
    assert all("series 'b'" in text or "series 'c'" in text for text in messages)
    assert all("Pass cv=PanelTimeSeriesSplit(...)" in text for text in messages)
    with pytest.raises(ValueError, match=r"was not fitted on\. To predict a new series, pass its values as history"):
        model.fit(frame, values).predict(frame[-1:].assign(shop="d"))
    scores, messages = score_failures(model, frame, values, PanelTimeSeriesSplit(2))
    assert np.isfinite(scores).all() and not messages


# ---------------------------------------------------------------------- transformers of the target


def test_an_inverse_that_is_none():
    _, y = data()
    y = y - y.min() + 1
    with pytest.warns(
        UserWarning, match=r"inverse_transform of target_transformer is not the inverse.*np\.exp"
    ) as caught:
        forecaster(target_transformer=FunctionTransformer(np.log), calibration_size=10).fit(None, y)
    assert len(caught) == 1 and caught[0].filename == __file__


@pytest.mark.parametrize(
    "transformer",
    [
        FunctionTransformer(np.log, np.exp),
        FunctionTransformer(np.sqrt, np.square),
        MinMaxScaler(),
        PowerTransformer(),
        QuantileTransformer(n_quantiles=20),
    ],
    ids=lambda transformer: type(transformer).__name__,
)
def test_inverses_are_not_warned_of(transformer):
    _, y = data()
    y = (y - y.min() + 1) * 1e6
    y.iloc[[3, 20]] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = forecaster(target_transformer=transformer).fit(None, y)
    assert np.isfinite(fitted.forecast(2)).all()


@pytest.mark.parametrize(("value", "result"), [(-2.0, "nan"), (0.0, "-inf")])
@pytest.mark.filterwarnings("ignore:(invalid value|divide by zero) encountered in log")
@pytest.mark.filterwarnings("ignore:The provided functions are not strictly inverse")
def test_values_that_a_transformer_is_not_defined_for(value, result):
    _, y = data()
    y = y - y.min() + 1
    transformer = FunctionTransformer(np.log, np.exp)
    fitted = forecaster(target_transformer=transformer).fit(None, y)
    y.iloc[50] = value
    message = rf"target_transformer returned {result} for the value {value} of y, in column 0"
    with pytest.raises(ValueError, match=message):
        forecaster(target_transformer=transformer).fit(None, y)
    fitted.update(None, pd.Series([value], DAYS[[N_ROWS]], name="load"))
    with pytest.raises(ValueError, match=message):
        fitted.forecast(1)


# ---------------------------------------------------------------------- series without values


def test_a_series_without_values_is_standardized_like_all_of_them():
    _, y = data()
    y = 100 + y.to_numpy()
    X = pd.DataFrame({"shop": np.repeat(["a", "b"], N_ROWS)}, [*DAYS[:N_ROWS], *DAYS[:N_ROWS]])
    params = RAW | {"target_transformer": "standard"}
    fitted = forecaster(Recorder(three_d=False), groups="shop", **params).fit(X, np.append(y, np.full(N_ROWS, np.nan)))
    # The estimator predicts zero.
    assert_allclose(fitted.forecast(2), np.mean(y))


@pytest.mark.parametrize("n_missing", [0, 5])
def test_weights_of_a_score_are_those_of_a_fit(n_missing):
    y = np.random.default_rng(0).normal(size=60).cumsum()
    fitted, coming, true = forecaster().fit(None, y[:40]), np.empty((20, 0)), y[40:].copy()
    true[:n_missing] = np.nan
    weights = np.arange(20)
    expected = r2_score(y[40 + n_missing :], fitted.predict(coming)[n_missing:], sample_weight=weights[n_missing:])
    for given in (weights, weights.astype("int8"), pl.Series(weights), weights.tolist()):
        assert fitted.score(coming, true, given) == pytest.approx(expected, rel=1e-12)
    for given, message in [
        (-weights, "Negative values in data passed to `sample_weight`"),
        (weights[1:], "sample_weight.shape == "),
        (np.full(20, np.nan), "Input sample_weight contains NaN"),
    ]:
        with pytest.raises(ValueError, match=message):
            fitted.score(coming, true, given)
