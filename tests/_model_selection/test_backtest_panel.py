"""`backtest` of several series against slices, fits, updates and predictions written out."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import RAW
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge

from skrnn import SequenceForecaster, backtest

WINDOW = 3
DAYS = pd.date_range("2024-01-01", periods=40, freq="D", name="day")

# First and last day of each shop: all of them, a late start, an early end, too few rows.
SPANS = {"a": (0, 40), "late": (20, 40), "ended": (0, 27), "short": (0, 2)}


def panel(spans=SPANS):
    """Rows of all shops, their days in a column, with one covariate."""
    rng = np.random.default_rng(0)
    parts = []
    for number, (shop, (first, end)) in enumerate(spans.items()):
        values = 10 * number + rng.normal(size=end - first).cumsum()
        part = {"shop": shop, "day": DAYS[first:end], "price": rng.normal(size=end - first), "sold": values}
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def by_hand(frame, initial_window, steps, step_length, refit, season, forecaster):
    """Rows of shop, origin, step, truth, forecast and baseline of each forecast, sliced by day."""
    rows, model, shops = [], None, []
    for known in range(initial_window, len(DAYS) - steps + 1, step_length):
        past, future = frame[frame["day"] < DAYS[known]], frame[frame["day"] >= DAYS[known]]
        counts = past["shop"].value_counts()
        if refit or model is None:
            shops = [shop for shop in frame["shop"].unique() if counts.get(shop, 0) >= WINDOW + 1]
            given = past[past["shop"].isin(shops)].set_index("day")
            model = clone(forecaster).fit(given[["shop", "price"]], given["sold"])
        else:
            new = past[past["shop"].isin(shops) & (past["day"] >= DAYS[known - step_length])].set_index("day")
            model.update(new[["shop", "price"]], new["sold"])
        for shop in shops:
            coming = future[future["shop"] == shop][:steps].set_index("day")
            if len(coming) < steps:
                continue
            predicted = model.predict(coming[["shop", "price"]])
            last = past.loc[past["shop"] == shop, "sold"].to_numpy()
            for step in range(steps):
                naive = last[-season + step % season] if len(last) >= season else np.nan
                rows.append([shop, DAYS[known - 1], step + 1, coming["sold"].iloc[step], predicted[step], naive])
    return pd.DataFrame(rows, columns=["shop", "origin", "step", "y_true", "y_pred", "y_naive"])


def same(frame, expected):
    assert_frame_equal(frame, expected, check_dtype=False, check_index_type=False)


@pytest.fixture
def forecaster():
    return SequenceForecaster(Ridge(), window=WINDOW, **RAW, groups="shop")


@pytest.mark.parametrize("order", ["by shop", "by day"])
@pytest.mark.parametrize("refit", [False, True])
def test_origins_are_common_times(forecaster, refit, order):
    frame = panel()
    frame = frame if order == "by shop" else frame.sort_values(["day", "shop"], ignore_index=True)
    expected = by_hand(frame, 10, 4, 5, refit, 6, forecaster)
    indexed = frame.set_index("day")
    options = {"initial_window": 10, "steps": 4, "step_length": 5, "refit": refit, "season": 6}
    found = backtest(forecaster, indexed[["shop", "price"]], indexed["sold"], **options)
    same(found, expected)
    # The late shop is only forecast by a model that is fitted again.
    assert set(found["shop"]) == ({"a", "late", "ended"} if refit else {"a", "ended"})
    assert found.groupby("shop")["origin"].max()["ended"] == DAYS[19]
    assert found["y_naive"].isna().sum() == (4 if refit else 0)  # the late shop has 5 rows at its first origin
    assert not hasattr(forecaster, "estimator_")


def test_groups_in_the_index(forecaster):
    frame = panel()
    expected = backtest(
        forecaster, frame.set_index("day")[["shop", "price"]], frame["sold"].to_numpy(), initial_window=15, steps=3
    )
    indexed = frame.set_index(["shop", "day"])
    same(backtest(forecaster, indexed[["price"]], indexed["sold"], initial_window=15, steps=3), expected)
    assert expected["origin"].iloc[0] == DAYS[14]
    without = backtest(forecaster, None, indexed["sold"], initial_window=15, steps=3)
    assert_frame_equal(without, backtest(forecaster, indexed[[]], indexed["sold"], initial_window=15, steps=3))
    assert_frame_equal(without.drop(columns="y_pred"), expected.drop(columns="y_pred"))


@pytest.mark.parametrize("kind", ["row numbers", "array", "polars", "text"])
def test_origins_without_times_are_positions_in_each_series(kind):
    spans = {"a": (0, 40), "late": (20, 40), "ended": (0, 27), "tiny": (0, 12)}
    frame = panel(spans)
    frame["shop"] = frame["shop"].map({shop: number for number, shop in enumerate(spans)})
    X, groups = frame[["shop", "price"]], "shop"
    if kind == "array":
        X, groups = X.to_numpy(), 0
    elif kind == "polars":
        X = pl.DataFrame(X.to_dict("list"))
    elif kind == "text":
        X = X.set_axis([f"row {number}" for number in range(len(X))])
    forecaster = SequenceForecaster(Ridge(), window=WINDOW, **RAW, groups=groups)
    y = frame["sold"].to_numpy()
    found = backtest(forecaster, X, y, initial_window=8, steps=2, step_length=3, season=1)
    assert found.columns.tolist() == [groups, "origin", "step", "y_true", "y_pred", "y_naive"]
    for number, (shop, (first, end)) in enumerate(spans.items()):
        rows = found[found[groups] == number]
        assert rows["origin"].unique().tolist() == [known - 1 for known in range(8, end - first - 1, 3)], shop
        values = frame.loc[frame["shop"] == number, "sold"].to_numpy()
        assert_allclose(rows["y_true"], values[rows["origin"] + rows["step"]])
        assert_allclose(rows["y_naive"], values[rows["origin"]])
    # The first forecast of each, of a model fitted on eight rows of each.
    first = frame.groupby("shop").head(8)
    model = clone(forecaster).set_params(groups="shop").fit(first[["shop", "price"]], first["sold"])
    coming = frame.groupby("shop").nth([8, 9])
    assert_allclose(
        found["y_pred"][:8], model.predict(coming[["shop", "price"]].to_numpy() if 0 else coming[["shop", "price"]])
    )


def test_integers_that_series_share_are_times(forecaster):
    frame = panel({"a": (0, 40), "late": (20, 40)})
    years = frame["day"].dt.day_of_year + 2000
    X = frame[["shop", "price"]].set_axis(years)
    found = backtest(forecaster, X, frame["sold"].to_numpy(), initial_window=30, steps=2, step_length=4)
    assert found.loc[found["shop"] == "late", "origin"].tolist() == [2030, 2030, 2034, 2034, 2038, 2038]
    assert found.loc[found["shop"] == "a", "origin"].tolist() == [2030, 2030, 2034, 2034, 2038, 2038]


def test_times_of_y_for_an_array(forecaster):
    frame = panel({"a": (0, 40), "late": (20, 40)})
    frame["shop"] = (frame["shop"] == "late").astype(int)
    y = frame.set_index("day")["sold"]
    forecaster = forecaster.set_params(groups=0)
    found = backtest(forecaster, frame[["shop", "price"]].to_numpy(), y, initial_window=30, steps=2, step_length=5)
    assert found[["origin", 0]].drop_duplicates().to_numpy().tolist() == [
        [DAYS[at], shop] for at in (29, 34) for shop in (0, 1)
    ]


def test_intervals_and_outputs():
    frame = panel({"a": (0, 40), "late": (5, 40)}).set_index("day")
    y = pd.DataFrame({"sold": frame["sold"], "back": frame["sold"] ** 2})
    forecaster = SequenceForecaster(Ridge(), window=WINDOW, **RAW, groups="shop", calibration_size=0.4)
    found = backtest(forecaster, frame[["shop"]], y, initial_window=30, steps=2, step_length=8, coverage=0.6)
    names = [f"{name}_{output}" for name in ("y_true", "y_pred", "lower", "upper") for output in y]
    assert found.columns.tolist() == ["shop", "origin", "step", *names]
    known = frame.index < DAYS[30]
    model = clone(forecaster).fit(frame.loc[known, ["shop"]], y[known])
    coming = frame.loc[DAYS[30:32], ["shop"]].sort_values("shop", kind="stable")
    assert_allclose(found[["lower_sold", "lower_back"]][:4], model.predict_interval(coming, coverage=0.6)[:, 0])
    assert_allclose(found[["upper_sold", "upper_back"]][:4], model.predict_interval(coming, coverage=0.6)[:, 1])


def test_series_too_short_to_calibrate_on_are_left_out():
    frame = panel({"a": (0, 40), "late": (20, 40)}).set_index("day")
    forecaster = SequenceForecaster(Ridge(), window=WINDOW, **RAW, groups="shop", calibration_size=8)
    X, y = frame[["shop"]], frame["sold"]
    for initial_window, shops in ((31, {"a"}), (32, {"a", "late"})):  # 11 and 12 rows of the late shop
        found = backtest(forecaster, X, y, initial_window=initial_window, steps=2)
        assert set(found["shop"]) == shops


def test_an_origin_without_forecasts_is_left_out(forecaster):
    # After the first shop ends, there are only shops that are too short, and two days without rows, until the last.
    frame = panel({"a": (0, 14), "b": (26, 40), "c": (14, 16), "d": (17, 19), "e": (20, 26)}).set_index("day")
    found = backtest(forecaster, frame[["shop"]], frame["sold"], initial_window=8, steps=3, step_length=3, refit=True)
    origins = found[["shop", "origin"]].drop_duplicates()
    assert origins["shop"].tolist() == ["a", "a", "b", "b", "b"]
    assert origins["origin"].tolist() == [DAYS[day] for day in (7, 10, 30, 33, 36)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"X": None}, "The forecaster has groups='shop', but X is None. Pass the series of each row as a column"),
        ({"initial_window": 39}, "The series have 40 distinct times, and at most 40 rows each, too few for initial_"),
        ({"initial_window": 3}, r"y has 3 sample\(s\) of series 'a', but window=3"),
        ({"forecaster": SequenceForecaster(groups="city")}, "groups='city' is neither a column of X nor a level"),
        ({"forecaster": SequenceForecaster(groups="step")}, "groups='step' is the name of another column of the out"),
    ],
)
def test_wrong_arguments(forecaster, options, message):
    frame = panel().set_index("day")
    given = {"forecaster": forecaster, "X": frame[["shop"]], "y": frame["sold"].to_numpy(), "initial_window": 9}
    with pytest.raises(ValueError, match=message):
        backtest(**{**given, "steps": 2, **options})


def test_too_few_rows_without_times(forecaster):
    frame = panel()
    with pytest.raises(ValueError, match=r"^The longest series has 40 rows, too few for initial_window=40 and steps=1"):
        backtest(forecaster, frame[["shop"]], frame["sold"], initial_window=40, steps=1)
