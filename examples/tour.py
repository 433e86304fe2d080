"""From a CSV file to a forecast with prediction intervals
=======================================================

Ten steps of a typical forecasting project: reading and plotting the data, a held-out period, a baseline, a network, a
search, a backtest, a forecast, plots, and saving the model. Run it with ``python examples/tour.py``, or step by step as
the notebook that can be downloaded from the documentation. It writes two plots into the working directory.

The series contains the yearly sunspot numbers, 1700 to 2008 (National Geophysical Data Center, NOAA). It can be
replaced by any CSV file with a column of times and a column of numbers.
"""

# %%
# 1. Read the data
# ----------------
# The file is included in skrnn. The index is time; a ``PeriodIndex`` has a frequency.
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # writes plots to files, without a display

import pandas as pd

import skrnn

path = Path(skrnn.__file__).parent / "datasets" / "data" / "sunspots.csv"
table = pd.read_csv(path, dtype={"year": str})
sunspots = table.set_index(pd.PeriodIndex(table["year"], freq="Y"))["sunspots"].astype(float)
print(sunspots.tail(3))

# %%
# 2. Plot the data
# ----------------
# The series has a cycle of about eleven years with varying amplitude. Windows of 33 years contain three cycles.
axes = sunspots.plot(figsize=(9, 3), color="black", linewidth=0.8, ylabel="sunspot number", xlabel="year")
axes.figure.tight_layout()
axes.figure.savefig("tour_series.png", dpi=120)

# %%
# 3. Hold out the last years
# --------------------------
# The last eleven years are used only once, for the final evaluation.
N_HELD_OUT = 11
past, coming = sunspots[:-N_HELD_OUT], sunspots[-N_HELD_OUT:]
print(f"{len(past)} training years, {coming.index[0]} to {coming.index[-1]} held out")

# %%
# 4. Fit a baseline
# -----------------
# Ridge regression on the same windows, in the same forecaster. ``calibration_size`` is the number of years that are
# held out to calibrate the prediction intervals.
from sklearn.linear_model import Ridge

from skrnn import SequenceForecaster

ridge = SequenceForecaster(Ridge(), window=33, output_steps=11, calibration_size=55)
ridge.fit(None, past)

# %%
# 5. Fit a network
# ----------------
# A GRU replaces the ridge regression; both are scikit-learn estimators.
from skrnn import RecurrentRegressor

network = RecurrentRegressor("gru", 16, epochs=60, optimizer__learning_rate=0.005, random_state=0)
forecaster = SequenceForecaster(**{**ridge.get_params(deep=False), "estimator": network})
forecaster.fit(None, past)

# %%
# 6. Search for the best settings
# -------------------------------
# GRU or LSTM, recursive or direct forecasts, windows relative to their last value or not? Each test fold continues its
# training fold.
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

search = GridSearchCV(
    forecaster.set_params(calibration_size=None),
    {"estimator__cell": ["gru", "lstm"], "output_steps": [1, 11], "window_scaling": [None, "last"]},
    cv=TimeSeriesSplit(4, test_size=N_HELD_OUT),
    scoring="neg_mean_absolute_error",
)
no_covariates = pd.DataFrame(index=past.index)
search.fit(no_covariates, past)
columns = ["param_estimator__cell", "param_output_steps", "param_window_scaling", "mean_test_score"]
results = pd.DataFrame(search.cv_results_)[columns]
print(
    results.sort_values("mean_test_score", ascending=False).to_string(index=False, float_format="%.1f", na_rep="None")
)

# %%
# 7. Evaluate by a backtest
# -------------------------
# The mean absolute error by number of years ahead, with a forecast origin every four years. The model is fitted once.
# The search used these years, so that the errors of the network are optimistic; the held-out years follow below.
from skrnn import backtest

errors = {}
for name, model in {"network": search.best_estimator_, "ridge": ridge}.items():
    forecasts = backtest(model, no_covariates, past, initial_window=220, steps=11, step_length=4)
    errors[name] = (forecasts["y_pred"] - forecasts["y_true"]).abs().groupby(forecasts["step"]).mean()
print(pd.DataFrame(errors).loc[[1, 2, 4, 8, 11]].to_string(float_format="%.1f"))

# %%
# 8. Forecast with prediction intervals
# -------------------------------------
# The best candidate is fitted on all training years, with calibration.
best = search.best_estimator_.set_params(calibration_size=55).fit(None, past)
years = pd.DataFrame(index=coming.index)
forecast = best.forecast(N_HELD_OUT, coverage=0.9)
print(forecast.round(1))

# %%
# 9. Plot the forecast
# --------------------
# The forecast and the true values of the held-out years.
from skrnn import ForecastDisplay

display = ForecastDisplay.from_estimator(
    best, years, y_true=coming, history=past[-60:], coverage=0.9, ylabel="sunspot number"
)
display.figure_.savefig("tour_forecast.png", dpi=120)
inside = coming.between(forecast["lower"], forecast["upper"]).sum()
for name, model in {"network": best, "ridge": ridge}.items():
    print(f"{name:8} mean absolute error {(model.forecast(N_HELD_OUT) - coming).abs().mean():.1f}")
print(f"{inside} of {N_HELD_OUT} years within the 90% interval")

# %%
# 10. Save the model and update it
# --------------------------------
# The pickle takes about 50 kB. New observations are appended without refitting.
import pickle

loaded = pickle.loads(pickle.dumps(best))
loaded.update(years, coming)
print(loaded.forecast(3).round(1))

# %%
# In a notebook, a fitted forecaster is displayed with its components and a summary of the fitted network.
loaded
