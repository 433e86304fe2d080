"""Tomorrow's price from sixty days
================================

Predictions of the next day's price from the last 60 days: a published tutorial experiment, compared with the naive
forecast, which repeats the last value.

The experiment predicts Bitcoin prices with a GRU: prices scaled to [0, 1], windows of 60 days, two layers of 50 and 100
units with dropout, RMSprop, mean squared error, 50 epochs, batches of 64. It was published with its error in dollars,
but without that of the naive forecast. The dropout rate and the split were not published: this example uses a rate of
0.2 and holds out the last 20% of the days, which are not used to fit the scalers. LSTM and simple RNN are compared with
the GRU. In addition, the GRU predicts the next day's log return, and smaller networks predict its absolute value, a
measure of volatility. Volatility is autocorrelated; the baselines for it are moving averages.

Run it with ``python examples/bitcoin_price.py --data FILE.csv``, where FILE.csv has a column of dates and one of
closing prices, such as CoinDesk's daily Bitcoin prices. Without ``--data``, it uses the S&P 500 from 1999 to 2018 that
is included in the package arch (from Yahoo! Finance). It writes ``bitcoin_price.png`` and
``bitcoin_price_volatility.png`` and takes about two minutes on 2 cores.

The baselines for absolute returns are the exponentially weighted moving average with decay 0.94 (J.P. Morgan,
"RiskMetrics Technical Document", 1996), and a linear regression on means over a day, a week and a month (after Corsi,
"A simple approximate long-memory model of realized volatility", Journal of Financial Econometrics, 2009). Models are
compared by the statistic of Diebold and Mariano, "Comparing predictive accuracy", Journal of Business & Economic
Statistics, 1995.

Results: no network beats the naive forecast, on either series. On CoinDesk's prices, where the last fifth is far above
all training prices, the mean absolute error of the GRU is 2,774 dollars, that of the naive forecast 568 dollars; on
the S&P 500 the errors are 21.7 and 13.5 points. The GRU on returns predicts returns close to zero (565 dollars, 13.4
points). For absolute returns of the S&P 500, the networks are more accurate than both baselines (root mean squared
error 0.558% against 0.572% and 0.587%); for those of Bitcoin they are not.
"""

import argparse
import os
import re
import time
from pathlib import Path

import matplotlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # suppresses log messages of TensorFlow
matplotlib.use("Agg")  # writes plots to files, without a display

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.dates import ConciseDateFormatter
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skrnn import GRURegressor, RecurrentRegressor, SequenceScaler, make_supervised, sliding_windows

CELLS = {"gru": "GRU", "lstm": "LSTM", "rnn": "simple RNN"}
NAIVE, EWMA, LINEAR = "naive forecast", "moving average", "linear regression"
WINDOW = 60  # days
# Okabe and Ito's colors, which can be distinguished with color blindness, and line styles.
STYLES = {
    "GRU": {"color": "#0072B2", "linestyle": "-"},
    "LSTM": {"color": "#D55E00", "linestyle": "--"},
    "simple RNN": {"color": "#009E73", "linestyle": "-."},
    NAIVE: {"color": "#999999", "linestyle": ":"},
}


def load_sp500():
    """Return the daily closing prices of the S&P 500, 1999 to 2018, from the package arch."""
    try:
        from arch.data import sp500
    except ImportError as error:
        raise SystemExit(
            "The S&P 500 data require the package arch, which is not installed. Install it, or pass --data FILE.csv."
        ) from error
    return sp500.load()["Close"].rename("close")


def find_column(columns, patterns, content, path):
    """Return the first column that matches one of the patterns, in the order of the patterns."""
    for pattern in patterns:
        for column in columns:
            if re.search(pattern, column.strip(), re.IGNORECASE):
                return column
    raise SystemExit(f"{path} has no column of {content}. Its columns are {', '.join(columns)}: rename one of them.")


def load_csv(path):
    """Return the daily closing prices in a CSV file, sorted by date."""
    if not path.exists():
        raise SystemExit(
            f"{path} does not exist. --data is a CSV file with a column of dates and one of closing prices."
        )
    table = pd.read_csv(path, thousands=",")
    dates = table[find_column(table.columns, [r"^date$", r"\bdate", r"^(day|time|timestamp)$"], "dates", path)]
    prices = table[find_column(table.columns, [r"^close$", r"^clos", r"\bclos", r"^price$"], "closing prices", path)]
    try:
        series = pd.Series(pd.to_numeric(prices).to_numpy(), pd.to_datetime(dates.astype(str)), name="close")
    except ValueError as error:
        raise SystemExit(f"{path}: {prices.name!r} must contain numbers and {dates.name!r} dates ({error}).") from error
    series = series[series.index.notna()].dropna().sort_index()
    if series.index.has_duplicates or (series <= 0).any():
        raise SystemExit(
            f"{path} must contain one positive price per day. Pass the daily closing prices of one series."
        )
    return series


def price_network(cell, epochs, scaler, **parameters):
    """Return the network of the tutorial, with scalers of inputs and targets that are fitted on the training days."""
    network = RecurrentRegressor(
        cell,
        units=(50, 100),
        dropout=0.2,
        optimizer="rmsprop",
        epochs=epochs,
        batch_size=64,
        random_state=0,
        **parameters,
    )
    return TransformedTargetRegressor(make_pipeline(SequenceScaler(scaler), network), transformer=scaler)


def volatility_networks(epochs, n_networks):
    """Return an average of small networks with different seeds."""
    networks = [
        (f"seed_{seed}", GRURegressor(units=16, batch_size=64, epochs=epochs, early_stopping=True, random_state=seed))
        for seed in range(n_networks)
    ]
    averaged = make_pipeline(SequenceScaler(), VotingRegressor(networks))
    return TransformedTargetRegressor(averaged, transformer=StandardScaler())


def fit_and_predict(name, model, X, y, n_held_out):
    """Fit on all but the last windows; return the predictions for these and the time of the fit in seconds."""
    start = time.perf_counter()
    model.fit(X[:-n_held_out], y[:-n_held_out])
    seconds = time.perf_counter() - start
    print(f"fitted {name} in {seconds:.0f} s", flush=True)
    return model.predict(X[-n_held_out:]), seconds


def diebold_mariano(truth, predicted, baseline, loss):
    """Return the mean difference of losses to the baseline in standard errors (Diebold and Mariano)."""
    difference = loss(truth - predicted) - loss(truth - baseline)
    return difference.mean() / difference.sem()


def score_table(truth, predictions, baseline, loss, costs):
    """Return one row per model: its size and time, its errors, and the Diebold-Mariano statistic."""
    rows = {}
    for name, values in predictions.items():
        parameters, seconds = costs.get(name, ("", ""))
        error = truth - values
        rows[name] = {
            "parameters": f"{parameters:,}" if parameters else "",
            "fit time (s)": f"{seconds:.1f}" if seconds else "",
            "MAE": error.abs().mean(),
            "RMSE": np.sqrt((error**2).mean()),
            "DM": np.nan if name == baseline else diebold_mariano(truth, values, predictions[baseline], loss),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def print_scores(scores, digits):
    """Print the table of scores, with blanks for NaN."""
    print(scores.to_string(float_format=f"{{:,.{digits}f}}".format, formatters={"DM": "{:+.1f}".format}, na_rep=""))


def verdict(scores, name, baseline, measure, statistic):
    """Return a sentence that compares a model with its baseline."""
    ratio = scores.loc[name, measure] / scores.loc[baseline, measure]
    compared = f"{name}: {measure} {abs(ratio - 1):.1%} {'above' if ratio > 1 else 'below'} that of {baseline}"
    if abs(statistic) < 2:
        return f"{compared}, {abs(statistic):.1f} standard errors: not significant."
    return f"{compared}, {abs(statistic):.1f} standard errors {'worse' if statistic > 0 else 'better'}."


def draw_prices(prices, predictions, unit, title, path):
    """Plot the held-out days, and the last 60 of them in more detail."""
    figure, (whole, near) = plt.subplots(2, 1, figsize=(9, 7.5), layout="constrained")
    n_near = min(60, len(prices))
    for axes, n_days, omitted in ((whole, len(prices), NAIVE), (near, n_near, None)):
        days = prices.index[-n_days:]
        axes.plot(days, prices[-n_days:], color="black", linewidth=1.6, label="observed")
        for name, style in STYLES.items():
            if name in predictions and name != omitted:
                axes.plot(days, predictions[name][-n_days:], linewidth=1.2, label=name, **style)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set(xlabel="date", ylabel=f"closing price ({unit})")
    whole.set_title(f"{title}: held-out days, each predicted from the previous {WINDOW} days")
    near.set_title(f"the last {n_near} days")
    figure.legend(*near.get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=5)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_volatility(sizes, predictions, title, path):
    """Plot absolute returns on the held-out days, and their predictions."""
    figure, axes = plt.subplots(figsize=(9, 4.2), layout="constrained")
    highest = 1.1 * sizes.quantile(0.99)  # a single crash would otherwise dominate the scale
    axes.vlines(
        sizes.index,
        0,
        sizes,
        color="0.75",
        linewidth=0.8,
        label=f"observed ({(sizes > highest).sum()} values beyond the axis)",
    )
    for (name, values), style in zip(predictions.items(), (STYLES["GRU"], STYLES["LSTM"]), strict=True):
        axes.plot(sizes.index, values, linewidth=1.2, label=name, **style)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))
    axes.set(xlabel="date", ylabel="absolute log return (%)", title=f"{title}: absolute returns, one day ahead")
    axes.set_ylim(0, highest)
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def predict_prices(X, y, n_held_out, epochs, cells):
    """Return predictions of the held-out closing prices, and the size and time of each network."""
    predictions, costs = {}, {}
    windows = sliding_windows(X[["close"]], WINDOW)[WINDOW - 1 :]  # without the first windows, which are padded
    for name, cell in ((CELLS[cell], cell) for cell in cells):
        model = price_network(cell, epochs, MinMaxScaler())
        values, seconds = fit_and_predict(name, model, windows, y["close"][WINDOW - 1 :], n_held_out)
        predictions[name], costs[name] = values, (model.regressor_[-1].model_.count_params(), seconds)

    name, model = "GRU on returns", price_network("gru", epochs, StandardScaler(), early_stopping=True)
    windows = sliding_windows(X[["return"]], WINDOW)[WINDOW - 1 :]
    values, seconds = fit_and_predict(name, model, windows, y["return"][WINDOW - 1 :], n_held_out)
    today = X["close"].to_numpy()[-n_held_out:]
    predictions[name] = today * np.exp(values / 100)
    costs[name] = (model.regressor_[-1].model_.count_params(), seconds)
    predictions[NAIVE] = today
    return predictions, costs


def predict_volatility(X, y, n_held_out, epochs):
    """Return predictions of the held-out absolute returns, and the size and time of the networks."""
    name, model = "GRU, mean of 3", volatility_networks(epochs, n_networks=3)
    windows = sliding_windows(X[["return", "size"]], WINDOW)[WINDOW - 1 :]
    values, seconds = fit_and_predict(name, model, windows, y["size"][WINDOW - 1 :], n_held_out)
    costs = {name: (sum(network.model_.count_params() for network in model.regressor_[-1].estimators_), seconds)}
    means = pd.concat(
        [X[["return", "size"]].rolling(days).mean().add_suffix(f", {days}") for days in (1, 5, 22)], axis=1
    )
    means, sizes = means[WINDOW - 1 :], y["size"][WINDOW - 1 :]
    linear = LinearRegression().fit(means[:-n_held_out], sizes[:-n_held_out])
    predictions = {
        name: values,
        LINEAR: linear.predict(means[-n_held_out:]),
        EWMA: X["size"].ewm(alpha=1 - 0.94).mean().to_numpy()[-n_held_out:],
        NAIVE: X["size"].to_numpy()[-n_held_out:],
    }
    return predictions, costs


def findings(truth, predictions, scores, sizes, size_scores):
    """Yield the results as sentences."""
    networks = scores.index[scores["parameters"] != ""]
    for name in networks:
        yield verdict(scores, name, NAIVE, "MAE", scores.loc[name, "DM"])
    winners = [name for name in networks if scores.loc[name, "DM"] < -2]
    yield f"Networks significantly better than the naive forecast: {', '.join(winners) or 'none'}."
    expected = 100 * np.log(predictions["GRU on returns"] / predictions[NAIVE])
    explained = 1 - ((truth["return"] - expected) ** 2).sum() / (truth["return"] ** 2).sum()
    yield f"R^2 on the held-out returns: GRU on returns {explained:.4f}, prediction of zero 0."
    network = size_scores.index[0]
    for baseline in (EWMA, LINEAR):
        statistic = diebold_mariano(truth["size"], sizes[network], sizes[baseline], np.square)
        yield f"Absolute returns, {verdict(size_scores, network, baseline, 'RMSE', statistic)}"


def main(arguments=None):
    """Compare predictions of prices, returns and absolute returns, and plot them."""
    parser = argparse.ArgumentParser(description="Tomorrow's price from sixty days")
    parser.add_argument(
        "--data", type=Path, help="CSV file of daily closing prices; if not given, the S&P 500 of the package arch"
    )
    parser.add_argument("--unit", default="USD", help="unit of the prices in the CSV file")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=list(CELLS))
    parser.add_argument("--last-days", type=int, help="number of days to use, from the end of the series")
    parser.add_argument("--output", type=Path, default=Path("bitcoin_price.png"))
    arguments = parser.parse_args(arguments)
    start = time.perf_counter()

    if arguments.data is None:
        prices, unit, title = load_sp500(), "index points", "S&P 500"
    else:
        prices, unit, title = load_csv(arguments.data), arguments.unit, arguments.data.stem.replace("_", " ")
    if arguments.last_days:
        prices = prices[-arguments.last_days :]
    if len(prices) < 3 * WINDOW:
        raise SystemExit(f"The series must have at least {3 * WINDOW} days. Got {len(prices)} days instead.")
    frame = pd.DataFrame({"close": prices, "return": 100 * np.log(prices).diff()}).dropna()
    frame["size"] = frame["return"].abs()
    X, y, _ = make_supervised(frame, ["close", "return", "size"])  # y: values of the next day
    n_held_out = len(X) // 5
    days = prices.index[-n_held_out:]  # days to predict
    truth = y[-n_held_out:].set_axis(days)
    n_beyond = (truth["close"] > y["close"][:-n_held_out].max()).sum()
    print(
        f"{title}: trained on days before {days[0]:%Y-%m-%d}; {n_held_out} days until {days[-1]:%Y-%m-%d} are held out."
    )
    print(f"On {n_beyond / n_held_out:.0%} of them, the price is above the maximum of the training prices.\n")

    predictions, costs = predict_prices(X, y, n_held_out, arguments.epochs, arguments.cells)
    sizes, size_costs = predict_volatility(X, y, n_held_out, arguments.epochs)
    scores = score_table(truth["close"], predictions, NAIVE, np.abs, costs)
    print(f"\nNext closing price, errors in {unit}:")
    print_scores(scores, 1)
    draw_prices(truth["close"], predictions, unit, title, arguments.output)

    size_scores = score_table(truth["size"], sizes, EWMA, np.square, size_costs)
    print("\nNext absolute log return, errors in %:")
    print_scores(size_scores, 3)
    print("DM: mean difference of absolute (for returns, squared) errors to those of the baseline, in standard errors.")
    path = arguments.output.with_stem(f"{arguments.output.stem}_volatility")
    draw_volatility(truth["size"], {name: sizes[name] for name in (size_scores.index[0], EWMA)}, title, path)

    print("\nResults:")
    for sentence in findings(truth, predictions, scores, sizes, size_scores):
        print(f"- {sentence}")
    print(f"\nPlots: {arguments.output}, {path}   (total time: {time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    main()
