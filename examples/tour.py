"""From a raw CSV to a forecast with an interval
================================================

Ten steps that most work on a series goes through: read, look, hold out, set a baseline, train, search, evaluate from
many origins, forecast, draw, save. Run it with ``python examples/tour.py``, or step by step as the notebook that the
documentation offers for download. It writes two pictures into the working directory.

The series: the yearly sunspot numbers, 1700 to 2008 (National Geophysical Data Center, NOAA). Any CSV with a column of
times and a column of numbers will do in its place.
"""

# %%
# 1. Read
# -------
# The file ships with skrnn. The index is time; a ``PeriodIndex`` knows what follows what.
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # a picture in a file, wherever this runs

import pandas as pd

import skrnn

path = Path(skrnn.__file__).parent / "datasets" / "data" / "sunspots.csv"
table = pd.read_csv(path, dtype={"year": str})
sunspots = table.set_index(pd.PeriodIndex(table["year"], freq="Y"))["sunspots"].astype(float)
print(sunspots.tail(3))

# %%
# 2. Look
# -------
# A cycle of about eleven years, whose height varies. Windows of 33 years will hold three of them.
axes = sunspots.plot(figsize=(9, 3), color="black", linewidth=0.8, ylabel="sunspot number", xlabel="year")
axes.figure.tight_layout()
axes.figure.savefig("tour_series.png", dpi=120)

# %%
# 3. Hold out
# -----------
# The last eleven years are touched once, at the end.
N_HELD_OUT = 11
past, coming = sunspots[:-N_HELD_OUT], sunspots[-N_HELD_OUT:]
print(f"{len(past)} years to learn from, {coming.index[0]} to {coming.index[-1]} held out")

# %%
# 4. A baseline
# -------------
# The same job without a network: ridge regression on the same windows, in the same forecaster. ``calibration_size``
# holds out years to learn the width of the interval from.
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from skrnn import SequenceForecaster

ridge = SequenceForecaster(
    Ridge(), window=33, output_steps=11, target_transformer=StandardScaler(), calibration_size=55
)
ridge.fit(None, past)

# %%
# 5. A network
# ------------
# A GRU in its place: it is an estimator like any other.
from skrnn import RecurrentRegressor

network = RecurrentRegressor("gru", 16, epochs=60, optimizer__learning_rate=0.005, random_state=0)
forecaster = SequenceForecaster(**{**ridge.get_params(deep=False), "estimator": network})
forecaster.fit(None, past)

# %%
# 6. Search
# ---------
# GRU or LSTM, one year at a time or eleven at once? Each fold continues the years that it was trained on.
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

search = GridSearchCV(
    forecaster.set_params(calibration_size=None),
    {"estimator__cell": ["gru", "lstm"], "output_steps": [1, 11]},
    cv=TimeSeriesSplit(4, test_size=N_HELD_OUT),
    scoring="neg_mean_absolute_error",
)
no_covariates = pd.DataFrame(index=past.index)
search.fit(no_covariates, past)
results = pd.DataFrame(search.cv_results_)[["param_estimator__cell", "param_output_steps", "mean_test_score"]]
print(results.sort_values("mean_test_score", ascending=False).to_string(index=False, float_format="%.1f"))

# %%
# 7. Evaluate from many origins
# -----------------------------
# How large are the errors so many years ahead? Fitted once, then asked again every four years. The search has seen
# these years, which flatters the network; the years held out it has not.
from skrnn import backtest

errors = {}
for name, model in {"network": search.best_estimator_, "ridge": ridge}.items():
    forecasts = backtest(model, no_covariates, past, initial_window=220, steps=11, step_length=4)
    errors[name] = (forecasts["y_pred"] - forecasts["y_true"]).abs().groupby(forecasts["step"]).mean()
print(pd.DataFrame(errors).loc[[1, 2, 4, 8, 11]].to_string(float_format="%.1f"))

# %%
# 8. Forecast, with an interval
# -----------------------------
# The best candidate again, calibrated, on all years but those held out.
best = search.best_estimator_.set_params(calibration_size=55).fit(None, past)
years = pd.DataFrame(index=coming.index)
bounds = best.predict_interval(years, coverage=0.9)
print(pd.DataFrame({"forecast": best.forecast(N_HELD_OUT), "lower": bounds[:, 0], "upper": bounds[:, 1]}).round(1))

# %%
# 9. Draw
# -------
# What was forecast, and what came.
from skrnn import ForecastDisplay

display = ForecastDisplay.from_estimator(
    best, years, truth=coming, history=past[-60:], coverage=0.9, ylabel="sunspot number"
)
display.figure_.savefig("tour_forecast.png", dpi=120)
inside = ((bounds[:, 0] <= coming) & (coming <= bounds[:, 1])).sum()
for name, model in {"network": best, "ridge": ridge}.items():
    print(f"{name:8} mean absolute error {(model.forecast(N_HELD_OUT) - coming).abs().mean():.1f}")
print(f"{inside} of {N_HELD_OUT} years inside the 90 % interval")

# %%
# 10. Save, and go on next year
# -----------------------------
# A pickle of some 50 kB. What is observed later is appended without training.
import pickle

loaded = pickle.loads(pickle.dumps(best))
loaded.update(years, coming)
print(loaded.forecast(3).round(1))

# %%
# What a notebook shows of a fitted forecaster: its parts and, under the name of the network, what it has become.
loaded
