"""Grid search over GRU and LSTM on sunspots
=========================================

Grid search over cells and layer sizes on three centuries of sunspots, with scikit-learn.

Each row is a year; the task is to predict next year's sunspot number from the previous years. The last 40 years are
held out. Run it with ``python examples/quickstart.py``. It writes ``quickstart.png`` into the working directory and
takes less than half a minute on 2 cores.
"""

import argparse
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # writes plots to files, without a display

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skrnn import RecurrentRegressor, SequenceWindower, make_supervised
from skrnn.datasets import load_sunspots

N_HELD_OUT = 40  # years


def build_model(epochs):
    """Return a model that scales the rows and the target, cuts windows, and fits a recurrent network."""
    pipeline = Pipeline(
        [
            ("scale", StandardScaler()),
            ("window", SequenceWindower(window=24)),  # a little more than two solar cycles
            (
                "predict",
                RecurrentRegressor(epochs=epochs, optimizer__learning_rate=0.01, random_state=0),
            ),
        ]
    )
    # Preserves the index, from which the windower infers that a test fold follows the training rows.
    pipeline.set_output(transform="pandas")
    return TransformedTargetRegressor(regressor=pipeline, transformer=StandardScaler())


def candidate_table(search):
    """Return one row per candidate, the best first."""
    results = pd.DataFrame(search.cv_results_).sort_values("rank_test_score")
    return pd.DataFrame(
        {
            "cell": results["param_regressor__predict__cell"],
            "units": results["param_regressor__predict__units"].astype(str),
            "mean RMSE": -results["mean_test_score"],
            "std": results["std_test_score"],
            "fit time (s)": results["mean_fit_time"],
        }
    )


def score_table(truth, predictions):
    """Return the scores on the held-out years, one row per model."""
    return pd.DataFrame(
        {
            name: {
                "RMSE": root_mean_squared_error(truth, values),
                "MAE": mean_absolute_error(truth, values),
                "R2": r2_score(truth, values),
            }
            for name, values in predictions.items()
        }
    ).T


def draw(series, years, predictions, path):
    """Plot the held-out years with predictions, and the years before."""
    figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
    shown = series.loc[years[0] - 40 :]
    axes.plot(shown.index.year, shown, color="black", linewidth=1, label="observed")
    for (name, values), (color, style) in zip(
        predictions.items(), [("#0072B2", "-"), ("#D55E00", "--"), ("#999999", ":")], strict=True
    ):
        axes.plot(years.year, values, color=color, linestyle=style, linewidth=1.6, label=name)
    axes.axvline(years[0].year - 0.5, color="0.7", linewidth=0.8)
    axes.text(years[0].year, axes.get_ylim()[1] * 0.97, " held out", va="top", color="0.4")
    axes.set(xlabel="year", ylabel="sunspot number", title="Sunspots, predicted one year ahead")
    figure.legend(frameon=False, loc="outside lower center", ncols=4)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main():
    """Search, score the best candidate and baselines, and plot predictions."""
    parser = argparse.ArgumentParser(description="Grid search over GRU and LSTM on sunspots")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--deep", action=argparse.BooleanOptionalAction, default=True, help="include two layers")
    parser.add_argument("--output", type=Path, default=Path("quickstart.png"))
    arguments = parser.parse_args()
    start = time.perf_counter()

    series = load_sunspots()
    X, y, _ = make_supervised(series, "sunspots")
    X_train, y_train = X[:-N_HELD_OUT], y[:-N_HELD_OUT]

    search = GridSearchCV(
        build_model(arguments.epochs),
        {
            "regressor__predict__cell": ["gru", "lstm"],
            "regressor__predict__units": [8, 24, (16, 16)] if arguments.deep else [8, 24],
        },
        cv=TimeSeriesSplit(4),
        scoring="neg_root_mean_squared_error",
        verbose=3,
    )
    search.fit(X_train, y_train)
    print("\nCandidates, scored one year ahead by cross-validation in time order:")
    print(candidate_table(search).to_string(index=False, float_format="%.2f"))

    ridge = clone(search.estimator).set_params(regressor__window__flatten=True, regressor__predict=Ridge())
    ridge.fit(X_train, y_train)
    best = search.best_params_
    name = f"{best['regressor__predict__cell'].upper()} {best['regressor__predict__units']}"
    # Windows contain their own and earlier rows only: predict all rows, so that windows of held-out rows are complete.
    predictions = {
        name: search.predict(X)[-N_HELD_OUT:],
        "ridge regression": ridge.predict(X)[-N_HELD_OUT:],
        "naive forecast": X["sunspots"].to_numpy()[-N_HELD_OUT:],
    }
    truth = y[-N_HELD_OUT:]
    years = truth.index + 1  # years to predict
    print(f"\nHeld-out years {years[0]} to {years[-1]}, one year ahead:")
    print(score_table(truth, predictions).to_string(float_format="%.2f"))
    draw(series["sunspots"], years, predictions, arguments.output)
    print(f"\nPlot: {arguments.output}   (total time: {time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    main()
