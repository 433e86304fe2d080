"""Location of rows relative to fitted ones, by their index; a regression learns y = y_before / 2 - 2 price exactly."""

import contextlib
import re

import numpy as np
import pandas as pd
import pytest
from conftest import RAW
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression
from sklearn.metrics import get_scorer, r2_score
from sklearn.model_selection import TimeSeriesSplit, cross_validate

from skrnn import SequenceForecaster, backtest

N_ROWS = 36
MONTH = np.arange(N_ROWS) % 12.0
DAYS = pd.date_range("2024-01-01", periods=N_ROWS + 5)
TAKEN = r"are as many as the fitted rows.*, and are assumed to be these: they are predicted one step ahead"
BOTH = r"does not tell whether its \d+ rows.* are the \d+ fitted rows or the steps after them"


def decayed(price, before=8.0, noise=0.0):
    """The series of a price."""
    y, rng = [], np.random.default_rng(0)
    for value in price:
        before = before / 2 - 2 * value + noise * rng.normal()
        y.append(before)
    return np.array(y)


def forecaster(**params):
    return SequenceForecaster(LinearRegression(), **{"window": 1, **RAW, **params})


def frame(price, index=None):
    return pd.DataFrame({"price": np.asarray(price, dtype=float)}, index)


class LastStep(RegressorMixin, BaseEstimator):
    """Predicts half of the last value of a sequence minus twice the price beside it, plus the price before that one."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return X[:, -1, 0] / 2 - 2 * X[:, -1, 1] + np.nan_to_num(X[:, -2, 1])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


# ---------------------------------------------------------------- a default index

METHODS = {
    "predict": lambda fitted, X: fitted.predict(X),
    "predict_interval": lambda fitted, X: fitted.predict_interval(X, 0.5).mean(axis=1),
}
FUTURES = {
    "other prices": [100.0, 200.0, 300.0],
    "prices of the first rows": MONTH[:3],
    "one row": MONTH[:1],
    "as many rows, other prices": MONTH[::-1],
    "as many rows, one other price": [*MONTH[:-1], 5.0],
    "more rows, which begin as the fitted ones": [*MONTH, 0.0, 1.0],
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("price", FUTURES.values(), ids=FUTURES)
def test_a_default_index_says_nothing(price, method):
    fitted = forecaster(calibration_size=9).fit(frame(MONTH), pd.Series(decayed(MONTH)))
    ask = METHODS[method]
    with pytest.raises(ValueError, match=BOTH) as caught:
        ask(fitted, frame(price))
    assert "pass an index that continues the fitted one, such as X.index + 36, or an array." in str(caught.value)
    assert "For the fitted rows, pass all of them" in str(caught.value)
    later = frame(price)
    expected = decayed([*MONTH, *price])[N_ROWS:]
    assert_allclose(ask(fitted, later.set_axis(later.index + 36)), expected, atol=1e-9)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        assert_allclose(ask(fitted, later.to_numpy()), expected, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_the_fitted_rows_with_a_default_index(method):
    y = decayed(MONTH, noise=1.0)
    fitted = forecaster(calibration_size=9).fit(frame(MONTH), y)
    dated = forecaster(calibration_size=9).fit(frame(MONTH, DAYS[:N_ROWS]), y)
    expected = [y.mean(), *(fitted.estimator_.predict(np.column_stack([y[:-1], MONTH[1:]])))]
    for given in (frame(MONTH), frame(MONTH, pd.Index(range(N_ROWS))), frame(MONTH * (1 + 1e-14))):
        with pytest.warns(UserWarning, match=TAKEN) as caught:
            assert_allclose(METHODS[method](fitted, given), expected)
        assert caught[0].filename == __file__
    assert_allclose(METHODS[method](dated, frame(MONTH, DAYS[:N_ROWS])), expected)
    assert fitted.score(frame(MONTH), y) == pytest.approx(dated.score(frame(MONTH, DAYS[:N_ROWS]), y))


def test_an_index_of_numbers_that_starts_elsewhere():
    y = decayed(MONTH, noise=1.0)
    fitted = forecaster().fit(frame(MONTH), y)
    X = frame([7.0, 3.0, 5.0, 2.0], range(34, 38))  # two rows of the series, two after it
    one_step = fitted.estimator_.predict([[y[33], 7.0], [y[34], 3.0]])
    third = fitted.estimator_.predict([[y[35], 5.0]])[0]
    fourth = fitted.estimator_.predict([[third, 2.0]])[0]
    assert_allclose(fitted.predict(X), [*one_step, third, fourth])


def test_rows_without_columns():
    y = pd.Series(np.arange(20.0))
    fitted = forecaster(window=2).fit(None, y)
    with pytest.raises(ValueError, match=r"whether its 3 rows are the 20 fitted rows .*, or call forecast\(3\)\."):
        fitted.predict(pd.DataFrame(index=range(3)))
    assert_allclose(fitted.predict(pd.DataFrame(index=range(20, 23))), [20, 21, 22])
    with pytest.warns(UserWarning, match=r"Its rows are as many .*, such as X.index \+ 20, or an array, or call forec"):
        assert_allclose(fitted.predict(pd.DataFrame(index=range(20)))[2:], np.arange(2.0, 20))  # as many as were fitted
    assert_allclose(fitted.predict(np.empty((20, 0))), np.arange(20.0, 40))
    of_array = forecaster(window=2).fit(None, y.to_numpy())  # rows of an array have no place that an index could mean
    assert_allclose(of_array.predict(pd.DataFrame(index=range(3))), [20, 21, 22])


def test_a_default_index_that_continues_negative_numbers():
    fitted = forecaster().fit(frame(MONTH, range(-N_ROWS, 0)), decayed(MONTH))
    assert_allclose(fitted.predict(frame([3.0, 1.0])), decayed([*MONTH, 3.0, 1.0])[N_ROWS:], atol=1e-9)


def test_a_default_index_after_update():
    price = np.concatenate([MONTH, [4.0, 1.0]])
    y = decayed(price, noise=1.0)
    fitted = forecaster().fit(frame(MONTH), y[:N_ROWS])
    with pytest.warns(UserWarning, match=TAKEN):
        before = fitted.predict(frame(MONTH))
    for known in (frame([4.0, 1.0], range(36, 38)), np.array([[4.0], [1.0]])):
        updated = forecaster().fit(frame(MONTH), y[:N_ROWS])
        if isinstance(known, np.ndarray):
            with pytest.warns(UserWarning, match="X does not have valid feature names"):
                updated.update(known, y[N_ROWS:])
        else:
            updated.update(known, y[N_ROWS:])
        expected = [*before, *updated.estimator_.predict(np.column_stack([y[35:37], price[36:]]))]
        with pytest.warns(UserWarning, match=TAKEN):
            assert_allclose(updated.predict(frame(MONTH)), before)  # the rows that were fitted
        with pytest.warns(UserWarning, match=TAKEN):
            assert_allclose(updated.predict(frame(price)), expected)  # with those that came since
        with pytest.raises(ValueError, match=BOTH):
            updated.predict(frame(price[:37]))
        after = updated.estimator_.predict([[y[37], 9.0]])
        assert_allclose(updated.predict(frame([9.0], [38])), after)
    with pytest.raises(ValueError, match=r"update requires new rows, but row 0 \(0\) .* such as index \+ 36, or"):
        fitted.update(frame([4.0, 1.0]), y[N_ROWS:])
    with pytest.raises(ValueError, match=r"update requires new rows, but row 0 \(0\) is already .* default index"):
        forecaster().fit(None, pd.Series(y)).update(None, pd.Series([1.0]))


def test_folds_of_a_default_index():
    y = decayed(MONTH, noise=1.0)
    of = {}
    for name, index in {"default": None, "days": DAYS[:N_ROWS]}.items():
        X, given = frame(MONTH, index), pd.Series(y, index)
        of[name] = cross_validate(forecaster(), X, given, cv=TimeSeriesSplit(3), return_train_score=True)
    for part in ("train_score", "test_score"):
        assert_allclose(of["default"][part], of["days"][part])
    model = forecaster().fit(frame(MONTH[:27]), y[:27]).estimator_
    one_step = [y[:27].mean(), *model.predict(np.column_stack([y[:26], MONTH[1:27]]))]
    assert of["default"]["train_score"][-1] == pytest.approx(r2_score(y[:27], one_step))


@pytest.mark.parametrize(
    ("price", "recurs"),
    [
        (np.sin(MONTH * np.pi / 6), True),
        (np.sin(np.arange(N_ROWS) * 2 * np.pi / N_ROWS * 1.5), False),  # a cycle and a half
        (np.random.default_rng(0).normal(size=N_ROWS), False),
        (np.full(N_ROWS, 0.5), True),
        (np.arange(float(N_ROWS)), True),
    ],
    ids=["waves of a year", "a wave that is not whole", "measured", "constant", "numbers"],
)
def test_covariates_that_may_recur_do_not_tell_rows_apart(price, recurs):
    y = decayed(price, noise=1.0)
    fitted = forecaster().fit(frame(price), y)
    expected = [y.mean(), *fitted.estimator_.predict(np.column_stack([y[:-1], price[1:]]))]
    with pytest.warns(UserWarning, match=TAKEN) if recurs else contextlib.nullcontext():
        assert_allclose(fitted.predict(frame(price)), expected)


def test_scores_say_nothing_of_a_default_index():
    y = pd.Series(decayed(MONTH, noise=1.0))
    fitted = forecaster().fit(frame(MONTH), y)
    one_step = [y.mean(), *(fitted.estimator_.predict(np.column_stack([y[:-1], MONTH[1:]])))]
    assert fitted.score(frame(MONTH), y) == pytest.approx(r2_score(y, one_step))
    assert get_scorer("r2")(fitted, frame(MONTH), y) == pytest.approx(r2_score(y, one_step))
    # The training rows of a fold that starts with the first row have a default index.
    scoring = "neg_mean_absolute_error"
    scores = cross_validate(
        forecaster(), frame(MONTH), y, cv=TimeSeriesSplit(2), return_train_score=True, scoring=scoring
    )
    model = forecaster().fit(frame(MONTH[:12]), y[:12]).estimator_
    one_step = [y[:12].mean(), *model.predict(np.column_stack([y[:11], MONTH[1:12]]))]
    assert scores["train_score"][0] == pytest.approx(-np.abs(y[:12] - one_step).mean())


# ---------------------------------------------------------------- a default index in panels


def panel(index, price, y=None):
    """Two shops, of which each has its rows beside one another, with the prices of both."""
    names = np.repeat(["north", "south"], len(price) // 2)
    rows = pd.DataFrame({"shop": names, "price": price} | ({} if y is None else {"y": y}))
    if index == "levels":
        number = np.arange(len(price)) % (len(price) // 2)
        return rows.set_index(pd.MultiIndex.from_arrays([names, number], names=["shop", "row"])).drop(columns="shop")
    return rows


@pytest.mark.parametrize("index", ["column", "levels"])
def test_a_default_index_in_a_panel(index):
    y = [decayed(MONTH), 100 + decayed(MONTH[::-1])]
    past = panel(index, np.concatenate([MONTH, MONTH[::-1]]), np.concatenate(y))
    X = past.drop(columns="y")
    fitted = forecaster(groups="shop").fit(X, past["y"].to_numpy())
    with pytest.warns(UserWarning, match=r"Its rows of 2 series are as many .* such as X.index \+ \d+\. An index"):
        of_all = fitted.predict(X)
    assert_allclose(of_all[[0, N_ROWS]], [y[0].mean(), y[1].mean()])
    coming = panel(index, np.array([7.0, 8.0, 9.0, 10.0]))
    for given in (coming, panel(index, np.concatenate([MONTH, MONTH]))):
        with pytest.raises(ValueError, match=BOTH) as caught:
            fitted.predict(given)
        assert "rows of series " in str(caught.value) and "or an array" not in str(caught.value)
    if index == "levels":
        with pytest.warns(
            UserWarning, match="Its rows of series 'south' are as many as the fitted rows, with the same"
        ):
            south = fitted.predict(X.loc[["south"]])  # all rows of one series
        assert_allclose(south, of_all[N_ROWS:])
        coming.index = coming.index.set_levels(coming.index.levels[1] + N_ROWS, level=1)
    else:
        coming.index += 2 * N_ROWS
    model = fitted.estimator_
    first = model.predict([[y[0][-1], 7.0], [y[1][-1], 9.0]])
    second = model.predict([[first[0], 8.0], [first[1], 10.0]])
    assert_allclose(fitted.predict(coming), [first[0], second[0], first[1], second[1]])


# ---------------------------------------------------------------- covariates of fitted rows


@pytest.mark.parametrize(
    "index", [DAYS, pd.period_range("2024-01", periods=N_ROWS + 5, freq="M")], ids=["dates", "periods"]
)
def test_covariates_that_are_passed_for_fitted_rows(index):
    y = decayed(MONTH, noise=1.0)
    fitted = forecaster().fit(frame(MONTH, index[:N_ROWS]), y)
    at = np.array([1, 7, 20, 35])
    other = np.array([5.0, 50.0, -3.0, 0.5])
    expected = fitted.estimator_.predict(np.column_stack([y[at - 1], other]))
    assert_allclose(fitted.predict(frame(other, index[at])), expected)
    assert_allclose(fitted.predict(frame(MONTH[at], index[at])), fitted.predict(frame(MONTH, index[:N_ROWS]))[at])
    assert_array_equal(fitted._known.panel.covariates[:, 0], MONTH)  # nothing of it stays


def test_sequences_hold_the_covariates_that_are_passed():
    y = decayed(MONTH, noise=1.0)
    fitted = SequenceForecaster(LastStep(), window=2, **RAW).fit(frame(MONTH, DAYS[:N_ROWS]), y)
    X = frame([50.0, 60.0, 70.0], DAYS[[9, 20, 21]])
    # Row 21 sees the price of row 20 as well, which is passed; row 9 sees that of row 8, which is not.
    expected = [y[8] / 2 - 100 + MONTH[8], y[19] / 2 - 120 + MONTH[19], y[20] / 2 - 140 + 60]
    assert_allclose(fitted.predict(X), expected)
    # So does the first row after the series.
    X = frame([80.0, 90.0], DAYS[[35, 36]])
    assert_allclose(fitted.predict(X), [y[34] / 2 - 160 + MONTH[34], y[35] / 2 - 180 + 80])


def test_later_covariates_of_several_steps_at_once():
    y = decayed(MONTH, noise=1.0)
    fitted = forecaster(output_steps=2).fit(frame(MONTH, DAYS[:N_ROWS]), y)
    X = frame([50.0, 60.0], DAYS[[20, 21]])
    seen = [[y[19], 50.0, 60.0], [y[20], 60.0, MONTH[22]]]
    assert_allclose(fitted.predict(X), fitted.estimator_.predict(seen)[:, 0])


def test_rows_of_one_number_are_taken_in_their_order():
    index = pd.Index([3, 4, 4, 5, 6, 7, 8, 9])
    y = np.array([1.0, 5.0, 2.0, 8.0, 3.0, 9.0, 4.0, 7.0])
    price = np.array([0.0, 1.0, 2.0, 3.0, 1.0, 0.0, 2.0, 1.0])
    fitted = forecaster().fit(frame(price, index), y)
    expected = fitted.estimator_.predict(np.column_stack([y[:-1], price[1:]]))
    assert_allclose(fitted.predict(frame(price, index))[1:], expected)
    with pytest.raises(ValueError, match=r"Row 1 of X \(5\) repeats its label more often than the fitted series does"):
        fitted.predict(frame([1.0, 2.0], pd.Index([5, 5])))


# ---------------------------------------------------------------- an index of another kind

KINDS = {
    "dates": DAYS,
    "dates of a zone": DAYS.tz_localize("UTC"),
    "dates of another zone": DAYS.tz_localize("America/New_York"),
    "days": DAYS.to_period("D"),
    "months": pd.period_range("2024-01", periods=len(DAYS), freq="M"),
    "text": DAYS.strftime("%Y-%m-%d"),
    "numbers": pd.RangeIndex(100, 100 + len(DAYS)),
    "default": pd.RangeIndex(len(DAYS)),
    "durations": pd.timedelta_range("1h", periods=len(DAYS), freq="h"),
}
SAME = [{"numbers", "default"}]


@pytest.mark.filterwarnings("ignore:.* contains dates as text")
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("fitted_on", KINDS)
def test_another_kind_of_index(fitted_on, grouped):
    y = np.arange(float(len(DAYS)))

    def rows(kind, first, end):
        index = KINDS[kind][first:end]
        if grouped:
            index = pd.MultiIndex.from_arrays([["a"] * len(index), index], names=["shop", "time"])
        return pd.DataFrame(index=index)

    fitted = forecaster(window=2, groups="shop" if grouped else None)
    fitted.fit(rows(fitted_on, 0, N_ROWS), y[:N_ROWS])
    assert_allclose(fitted.predict(rows(fitted_on, N_ROWS, N_ROWS + 2)), [36, 37])
    for kind in KINDS:
        if kind == fitted_on or {kind, fitted_on} in SAME:
            continue
        for first in (4, N_ROWS):
            X = rows(kind, first, first + 2)
            for method in (fitted.predict, lambda X, fitted=fitted: fitted.update(X, [1.0, 2.0])):
                with pytest.raises(ValueError, match=r"The index of X contains .*, but .* was fitted on an index of"):
                    method(X)
    if not grouped:
        assert_allclose(fitted.predict(np.empty((2, 0))), [36, 37])  # an array is the next steps


def test_the_kind_of_index_of_y():
    fitted = forecaster(window=2).fit(None, pd.Series(np.arange(20.0), DAYS[:20]))
    for X in (None, np.empty((2, 0))):
        with pytest.raises(ValueError, match=r"^The index of y contains text, .* \(pd.to_datetime converts"):
            fitted.update(X, pd.Series([20.0, 21.0], KINDS["text"][20:22]))
    assert_allclose(fitted.forecast(1), [20])


def test_units_and_zones_of_one_kind():
    y = pd.Series(np.arange(float(N_ROWS)), DAYS[:N_ROWS].as_unit("ns").tz_localize("UTC"))
    fitted = forecaster(window=2).fit(None, y)
    assert_allclose(fitted.predict(pd.DataFrame(index=DAYS[35:38].as_unit("s").tz_localize("UTC"))), [35, 36, 37])
    dates = pd.DataFrame(index=pd.Index([day.date() for day in DAYS[36:38]]))
    assert_allclose(forecaster(window=2).fit(None, y.tz_localize(None)).predict(dates), [36, 37])


def test_rows_in_no_order():
    fitted = forecaster(window=2).fit(None, pd.Series(np.arange(20.0)))
    with pytest.raises(ValueError, match=r"^The index of X is not in increasing order, .* X\.sort_index\(\)"):
        fitted.predict(pd.DataFrame(index=[3, 1, 2]))
    shuffled = forecaster(window=2).fit(None, pd.Series(np.arange(20.0), np.roll(np.arange(20), 3)))
    assert_allclose(shuffled.predict(pd.DataFrame(index=[43, 41])), [20, 21])  # numbers that someone has shuffled


def test_a_panel_whose_index_holds_the_names_only():
    y = np.arange(20.0)
    names = pd.Index(["a"] * 20, name="shop")
    dated = pd.DataFrame(index=pd.MultiIndex.from_arrays([names, DAYS[:20]], names=["shop", "day"]))
    fitted = forecaster(window=2, groups="shop").fit(dated, y)
    assert_allclose(fitted.predict(pd.DataFrame(index=names[:2])), [20, 21])  # no times: the next steps, as an array
    assert fitted.update(pd.DataFrame(index=names[:1]), [20.0]).forecast(1).index.tolist() == [("a", DAYS[21])]


# ---------------------------------------------------------------- names of what is observed


def two_series(n_rows, names=("a", "b")):
    rng = np.random.default_rng(0)
    y = np.column_stack([np.sin(np.arange(n_rows)), 1000 + rng.normal(size=n_rows).cumsum()])
    return pd.DataFrame(y, DAYS[:n_rows], columns=list(names))


@pytest.mark.parametrize("names", [("a", "b"), (0, 1), (("x", 1), ("x", 2))], ids=["text", "default", "tuples"])
def test_update_takes_columns_by_name(names):
    y = two_series(40, names)
    expected = forecaster(window=2).fit(None, y[:38]).update(None, y[38:]).forecast(2)
    assert expected.columns.tolist() == list(names)
    swapped = y[38:][[names[1], names[0]]]
    assert_allclose(forecaster(window=2).fit(None, y[:38]).update(None, swapped).forecast(2), expected)
    assert_allclose(forecaster(window=2).fit(None, y[:38]).update(None, y[38:].to_numpy()).forecast(2), expected)
    unnamed = pd.DataFrame(y[38:].to_numpy(), y.index[38:])
    assert_allclose(forecaster(window=2).fit(None, y[:38]).update(None, unnamed).forecast(2), expected)
    of_array = forecaster(window=2).fit(None, y[:38].to_numpy()).update(None, y[38:])
    assert_allclose(of_array.forecast(2), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda y: y.set_axis(["a", "c"], axis=1),
            r"y has the columns \['a', 'c'\], but .* fitted on \['a', 'b'\]",
        ),
        (
            lambda y: y.set_axis(["a", "a"], axis=1),
            r"y has the columns \['a', 'a'\], but .* fitted on \['a', 'b'\]",
        ),
        (lambda y: y.assign(c=1.0), r"y has shape \(2, 3\), but SequenceForecaster was fitted on 2 series"),
        (lambda y: y[["b"]], r"y has shape \(2, 1\), but SequenceForecaster was fitted on 2 series"),
    ],
)
def test_other_columns(change, message):
    y = two_series(40)
    fitted = forecaster(window=2).fit(None, y[:38])
    expected = fitted.forecast(1)
    with pytest.raises(ValueError, match=message):
        fitted.update(None, change(y[38:]))
    pd.testing.assert_frame_equal(fitted.forecast(1), expected)


def test_the_name_of_one_series():
    y = pd.Series(np.arange(20.0), DAYS[:20], name="load")
    for name in ("load", None):
        assert_allclose(forecaster(window=2).fit(None, y[:18]).update(None, y[18:].rename(name)).forecast(1), [20])
    unnamed = forecaster(window=2).fit(None, y[:18].rename(None)).update(None, y[18:])
    assert_allclose(unnamed.forecast(1), [20])
    with pytest.raises(ValueError, match="y has the name 'price', but SequenceForecaster was fitted on 'load'"):
        forecaster(window=2).fit(None, y[:18]).update(None, y[18:].rename("price"))


@pytest.mark.parametrize("grouped", [False, True])
def test_covariates_in_another_order(grouped):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(30, 2)), DAYS[:30], columns=["a", "b"]).assign(shop="north")
    X = X if grouped else X.drop(columns="shop")
    y = rng.normal(size=30)
    fitted = forecaster(groups="shop" if grouped else None, calibration_size=9).fit(X[:26], y[:26])
    swapped = X[26:][[*X.columns[1::-1], *X.columns[2:]]]
    for method in (
        fitted.predict,
        fitted.predict_interval,
        lambda X: fitted.update(X, y[26:]),
        lambda X: fitted.score(X, y[26:]),
    ):
        with pytest.raises(ValueError, match="Feature names must be in the same order as they were in fit"):
            method(swapped)


# ---------------------------------------------------------------- arrays that update an index

FREQUENCIES = {
    "days": DAYS,
    "business days, inferred": pd.DatetimeIndex(pd.date_range("2024-01-01", periods=41, freq="B").to_numpy()),
    "months": pd.period_range("2020-01", periods=41, freq="M"),
    "every other number": pd.RangeIndex(10, 92, 2),
    "zone": DAYS.tz_localize("Europe/Berlin"),
}


@pytest.mark.parametrize("index", FREQUENCIES.values(), ids=FREQUENCIES)
def test_an_array_continues_the_dates(index):
    y = decayed(np.arange(41.0) % 7)
    fitted = forecaster(window=2).fit(None, pd.Series(y[:36], index[:36]))
    of_index = (
        forecaster(window=2).fit(None, pd.Series(y[:36], index[:36])).update(None, pd.Series(y[36:39], index[36:39]))
    )
    fitted.update(None, y[36:38]).update(None, y[38:39])
    assert fitted.forecast(2).index.tolist() == index[39:].tolist()
    assert_allclose(fitted.forecast(2), of_index.forecast(2))
    rows = pd.DataFrame(index=index[30:41])
    assert_allclose(fitted.predict(rows), of_index.predict(rows))
    with pytest.raises(ValueError, match=r"update requires new rows, but row 0 .* is already part of the series"):
        fitted.update(None, pd.Series(y[38:39], index[38:39]))


def test_arrays_continue_the_dates_of_every_series():
    y = np.arange(20.0)
    index = pd.MultiIndex.from_arrays([["a"] * 10 + ["b"] * 10, [*DAYS[:10], *DAYS[5:15]]], names=["shop", "day"])
    fitted = forecaster(window=2, groups="shop").fit(pd.DataFrame(index=index), y)
    fitted.update(pd.DataFrame({"shop": ["b", "a", "b"]}).set_index("shop"), [20.0, 10.0, 21.0])
    assert fitted.forecast(1).index.tolist() == [("a", DAYS[11]), ("b", DAYS[17])]
    assert_allclose(fitted.forecast(1), [11, 22])


def test_an_array_that_loses_the_dates():
    index = DAYS[[0, 1, 2, 4, 7, 8, 9, 12, 13, 14]]
    y = pd.Series(np.arange(10.0), index)
    fitted = forecaster(window=2).fit(None, y)
    with pytest.warns(
        UserWarning, match="the fitted index has no frequency from which their times could be inferred"
    ) as caught:
        fitted.update(None, [10.0])
    assert caught[0].filename == __file__
    fitted.update(None, [11.0])  # said once
    for rows in (index[3:5], DAYS[20:22], pd.RangeIndex(2)):
        with pytest.raises(
            ValueError, match="X has an index, but the times of the last known rows are unknown: update received rows"
        ):
            fitted.predict(pd.DataFrame(index=rows))
    with pytest.raises(ValueError, match="y has an index, but the times of the last known rows are unknown"):
        fitted.update(None, pd.Series([12.0], DAYS[[20]]))
    assert_allclose(fitted.predict(np.empty((2, 0))), [12, 13])
    assert fitted.forecast(2).index.tolist() == [1, 2]
    assert_allclose(fitted.fit(None, y).predict(pd.DataFrame(index=index[3:5])), [3, 4])  # known again


def test_an_update_that_warns_as_an_error_changes_nothing():
    index = DAYS[[0, 1, 2, 4, 7, 8, 9, 12, 13, 14]]
    fitted = forecaster(window=2).fit(None, pd.Series(np.arange(10.0), index))
    before = dict(vars(fitted))
    with pytest.raises(UserWarning, match="has no frequency"):
        fitted.update(None, [10.0])
    assert all(vars(fitted)[name] is value for name, value in before.items())


# ---------------------------------------------------------------- backtests


@pytest.mark.parametrize("refit", [False, True])
def test_backtest_of_a_default_index(refit):
    y = decayed(MONTH, noise=1.0)
    expected = backtest(forecaster(), MONTH[:, None], y, initial_window=20, steps=3, step_length=2, refit=refit)
    for index in (None, DAYS[:N_ROWS], range(N_ROWS, 2 * N_ROWS), DAYS[:N_ROWS].strftime("%d.%m.")):
        table = backtest(
            forecaster(),
            frame(MONTH, index),
            pd.Series(y, index),
            initial_window=20,
            steps=3,
            step_length=2,
            refit=refit,
        )
        assert_allclose(table["y_pred"], expected["y_pred"])
    assert len(expected) == 21 and expected["y_pred"].nunique() > 20


def test_backtest_of_columns_by_name():
    y = two_series(40)
    table = backtest(forecaster(window=2), None, y, initial_window=30, steps=2, step_length=4)
    swapped = backtest(forecaster(window=2), None, y[["b", "a"]], initial_window=30, steps=2, step_length=4)
    for column in ("y_true_a", "y_true_b", "y_pred_a", "y_pred_b"):
        assert_allclose(swapped[column], table[column])


# ---------------------------------------------------------------- scores


def test_a_score_matches_columns_by_name():
    y = pd.DataFrame({"a": np.arange(20.0), "b": np.random.default_rng(0).normal(size=20)}, DAYS[:20])
    fitted = SequenceForecaster(LinearRegression(), window=2, **RAW).fit(None, y[:15])
    asked = y[15:][[]]
    expected = r2_score(y[15:], fitted.predict(asked))
    assert fitted.score(asked, y[15:]) == expected
    assert fitted.score(asked, y[15:][["b", "a"]]) == expected
    assert fitted.score(asked, y[15:].to_numpy()) == expected
    with pytest.raises(ValueError, match=r"y has the columns \['a', 'c'\], but SequenceForecaster was fitted on"):
        fitted.score(asked, y[15:].rename(columns={"b": "c"}))
    with pytest.raises(ValueError, match="X and y have different indexes"):
        fitted.score(asked, y[14:19])


@pytest.mark.parametrize("as_frame", [False, True])
def test_a_score_of_one_series_takes_any_name(as_frame):
    y = pd.Series(np.random.default_rng(0).normal(size=20), DAYS[:20], name="train")
    fitted = forecaster().fit(None, y[:15].to_frame() if as_frame else y[:15])
    asked, truth = y[15:].to_frame()[[]], y[15:].rename("test")
    expected = r2_score(truth, fitted.predict(asked))
    for given in (truth, truth.to_frame(), truth.to_numpy()):
        assert fitted.score(asked, given) == expected


@pytest.mark.parametrize(
    ("fitted_on", "given", "message"),
    [
        (lambda y: y.to_frame(), lambda y: y, r"y has shape \(2,\), but .* a 2-D y, .* \(n_rows, 1\)\. .* a DataFrame"),
        (lambda y: y, lambda y: y.to_frame(), r"y has shape \(2, 1\), but .* a 1-D y, .* \(n_rows,\)\. .* as a Series"),
        (lambda y: y, lambda y: pd.concat([y, y], axis=1), r"y has shape \(2, 2\), but .* was fitted on 1 series"),
    ],
)
def test_an_update_has_the_dimensions_of_the_fit(fitted_on, given, message):
    y = pd.Series(np.arange(20.0), DAYS[:20])
    fitted = forecaster().fit(None, fitted_on(y[:18]))
    with pytest.raises(ValueError, match=message):
        fitted.update(None, given(y[18:]))


# ---------------------------------------------------------------- labels without an order


@pytest.mark.parametrize(
    "index", [pd.Index([f"row {i}" for i in range(20)]), pd.Index([3, 1, 2, *range(4, 21)])], ids=["text", "shuffled"]
)
def test_labels_without_an_order_do_not_say_which_rows_are_the_next(index):
    y = pd.Series(np.arange(20.0) ** 2, index)
    fitted = SequenceForecaster(LinearRegression(), window=2, **RAW).fit(None, y)
    with pytest.raises(ValueError, match=r"Row 0 of X has the label .* of a fitted row"):
        fitted.predict(y[5:8].to_frame()[[]])
    with pytest.raises(ValueError, match=r"Row 1 of y has the label .* of a fitted row"):
        fitted.update(None, pd.Series([400.0, 441.0], pd.Index([99 if index.dtype == int else "row 99", index[0]])))
    later = pd.DataFrame(index=pd.Index(["a", "b"]) if index.dtype != int else pd.Index([70, 50]))
    assert_allclose(fitted.predict(later), fitted.forecast(2))
    assert_allclose(fitted.predict(np.empty((2, 0))), fitted.forecast(2))


def test_labels_that_update_appended_are_known():
    fitted = forecaster(window=2).fit(None, pd.Series(np.arange(20.0), [f"row {i}" for i in range(20)]))
    fitted.update(None, pd.Series([20.0], ["row 20"]))
    with pytest.raises(ValueError, match=r"Row 0 of y has the label 'row 20' of a fitted row, but such labels"):
        fitted.update(None, pd.Series([21.0], ["row 20"]))
    assert_allclose(fitted.predict(pd.DataFrame(index=["row 21"])), [21])


YEARS = pd.MultiIndex.from_product([range(2021, 2025), range(1, 13)], names=["year", "month"])


@pytest.mark.parametrize("grouped", [False, True])
def test_levels_that_name_times_have_no_order(grouped):
    y = np.arange(48.0)
    index, groups, which = YEARS, None, ""
    if grouped:
        parts = [YEARS.get_level_values(level) for level in (0, 1)]
        index = pd.MultiIndex.from_arrays([["a", "b"] * 24, *(level.repeat(2)[:48] for level in parts)])
        index.names, groups, which = ["shop", "year", "month"], "shop", " of series 'b'"
    X = pd.DataFrame({"trend": y}, index)
    fitted = forecaster(window=2, groups=groups).fit(X[:40], y[:40])
    row = tuple(int(number) for number in index[39][-2:])
    for method in (fitted.predict, lambda X: fitted.update(X, y[39:42])):
        with pytest.raises(ValueError, match=re.escape(f"Row 0 of X has the label {row} of a fitted row{which}, but")):
            method(X[39:42])
    assert_allclose(fitted.predict(X[40:42]), y[40:42])
    assert_allclose(fitted.update(X[40:42], y[40:42]).predict(X[42:]), y[42:])
    with pytest.raises(ValueError, match=r"Row 1 of X has the label \(\d+, \d+\) of a fitted row"):
        fitted.predict(X.iloc[[42, 41]])


@pytest.mark.filterwarnings("ignore:.* contains dates as text")
def test_labels_are_those_of_their_series():
    months = DAYS[:30].strftime("%Y-%m-%d")
    names = ["a"] * 20 + ["b"] * 30
    index = pd.MultiIndex.from_arrays([names, [*months[:20], *months]], names=["shop", "month"])
    fitted = forecaster(window=2, groups="shop").fit(pd.DataFrame(index=index), np.arange(50.0))
    coming = pd.DataFrame(index=pd.MultiIndex.from_arrays([["a", "a"], months[20:22]], names=["shop", "month"]))
    assert_allclose(fitted.predict(coming), [20, 21])  # b has rows of these labels
    with pytest.raises(
        ValueError, match=r"has the label '2024-01-21' of a fitted row of series 'b', .*; or pass an ind"
    ):
        fitted.predict(coming.rename({"a": "b"}, level=0))
    assert_allclose(fitted.update(coming, [20.0, 21.0]).forecast(1)["a"], 22)
    with pytest.raises(ValueError, match=r"Row 0 of X has the label '2024-01-21' of a fitted row of series 'a'"):
        fitted.update(coming, [20.0, 21.0])
