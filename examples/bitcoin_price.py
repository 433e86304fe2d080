"""Tomorrow's price from sixty days
================================

Predict tomorrow's price from the last 60 days: a published tutorial experiment, beside repeating the last value.

The experiment predicts Bitcoin with a GRU: prices scaled to 0..1, 60 days in, day 61 out, two layers of 50 and 100
units with dropout, RMSprop on the mean squared error, 50 epochs, batches of 64. It was published with its error in
dollars, but not with that of repeating the last value. Its rate of dropout and its split were not published: here they
are 0.2 and the last 20 % of the days, none of which the scalers see. LSTM and the simple RNN are trained beside the
GRU. Then the GRU predicts the next day's log return instead, and smaller ones predict the size of that return, which
is where markets do repeat themselves, and where moving averages are what has to be beaten.

Run it with ``python examples/bitcoin_price.py --data FILE.csv``, where FILE.csv has a column of dates and one of
closing prices, such as CoinDesk's daily Bitcoin prices; or without ``--data``, on the S&P 500 from 1999 to 2018 that
the package arch carries (from Yahoo! Finance). It writes ``bitcoin_price.png`` and ``bitcoin_price_volatility.png``
and takes about two minutes on two cores.

What the sizes of returns are compared with: the exponentially weighted moving average with decay 0.94 (J.P. Morgan,
"RiskMetrics Technical Document", 1996), and a linear regression on means over a day, a week and a month (after Corsi,
"A simple approximate long-memory model of realized volatility", Journal of Financial Econometrics, 2009). How far
apart two models are is measured after Diebold and Mariano, "Comparing predictive accuracy", Journal of Business &
Economic Statistics, 1995.

What was found: no network beats repeating the last value, on neither series. On CoinDesk's prices, whose last fifth
rises far above all that came before, the GRU errs by 2,774 dollars on average, repeating the last value by 568; on the
S&P 500 it is 21.7 points against 13.5. The GRU on returns only learns to expect none (565 dollars, 13.4 points). The
sizes of returns of the S&P 500 are predicted better than by either baseline (root mean squared error 0.558 % against
0.572 % and 0.587 %), those of Bitcoin are not.
"""

import argparse
import os
import re
import time
from pathlib import Path

import matplotlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # or TensorFlow's C++ parts log between our lines
matplotlib.use("Agg")  # a picture in a file, wherever this runs

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
LAST, EWMA, LINEAR = "repeating the last value", "moving average", "linear regression"
WINDOW = 60  # days
# Okabe and Ito's colours, which can be told apart without red or green, and dashes for those who see none.
STYLES = {
    "GRU": {"color": "#0072B2", "linestyle": "-"},
    "LSTM": {"color": "#D55E00", "linestyle": "--"},
    "simple RNN": {"color": "#009E73", "linestyle": "-."},
    LAST: {"color": "#999999", "linestyle": ":"},
}


def load_sp500():
    """Daily closes of the S&P 500, 1999 to 2018, from the files of the package arch."""
    try:
        from arch.data import sp500
    except ImportError as error:
        raise SystemExit(
            "The S&P 500 comes with the package arch, which is not installed. Install it, or pass --data FILE.csv."
        ) from error
    return sp500.load()["Close"].rename("close")


def find_column(columns, patterns, what, path):
    """The first column that matches the first pattern that any matches."""
    for pattern in patterns:
        for column in columns:
            if re.search(pattern, column.strip(), re.IGNORECASE):
                return column
    raise SystemExit(f"{path} has no column of {what}. Its columns are {', '.join(columns)}: rename the one that is.")


def load_csv(path):
    """Daily closes of a CSV, in order of time."""
    if not path.exists():
        raise SystemExit(f"There is no {path}. --data takes a CSV with a column of dates and one of closing prices.")
    table = pd.read_csv(path, thousands=",")
    dates = table[find_column(table.columns, [r"^date$", r"\bdate", r"^(day|time|timestamp)$"], "dates", path)]
    prices = table[find_column(table.columns, [r"^close$", r"^clos", r"\bclos", r"^price$"], "closing prices", path)]
    try:
        series = pd.Series(pd.to_numeric(prices).to_numpy(), pd.to_datetime(dates.astype(str)), name="close")
    except ValueError as error:
        raise SystemExit(f"{path}: {prices.name!r} must hold numbers and {dates.name!r} dates ({error}).") from error
    series = series[series.index.notna()].dropna().sort_index()
    if series.index.has_duplicates or (series <= 0).any():
        raise SystemExit(f"{path} must have one price a day, above zero. Pass the daily closes of one series.")
    return series


def price_network(cell, epochs, scaler, **parameters):
    """The network of the tutorial, between two scalers that see the training days only."""
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
    """Small networks that differ in their seeds; their predictions are averaged."""
    networks = [
        (f"seed_{seed}", GRURegressor(units=16, batch_size=64, epochs=epochs, early_stopping=True, random_state=seed))
        for seed in range(n_networks)
    ]
    averaged = make_pipeline(SequenceScaler(), VotingRegressor(networks))
    return TransformedTargetRegressor(averaged, transformer=StandardScaler())


def fit_and_predict(name, model, X, y, n_held_out):
    """Predictions on the last windows by a model that was fitted on those before, and the seconds of the fit."""
    start = time.perf_counter()
    model.fit(X[:-n_held_out], y[:-n_held_out])
    seconds = time.perf_counter() - start
    print(f"fitted {name} in {seconds:.0f} s", flush=True)
    return model.predict(X[-n_held_out:]), seconds


def statistic_of(truth, predicted, baseline, loss):
    """Diebold and Mariano's: how many standard errors the mean loss lies above that of the baseline."""
    difference = loss(truth - predicted) - loss(truth - baseline)
    return difference.mean() / difference.sem()


def scores_of(truth, predictions, baseline, loss, costs):
    """A line a model: what it cost, its errors, and how far they are from those of the baseline."""
    rows = {}
    for name, values in predictions.items():
        parameters, seconds = costs.get(name, ("", ""))
        error = truth - values
        rows[name] = {
            "parameters": f"{parameters:,}" if parameters else "",
            "seconds a fit": f"{seconds:.1f}" if seconds else "",
            "MAE": error.abs().mean(),
            "RMSE": np.sqrt((error**2).mean()),
            "DM": np.nan if name == baseline else statistic_of(truth, values, predictions[baseline], loss),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def print_scores(scores, digits):
    """The table, blank where there is nothing to say."""
    print(scores.to_string(float_format=f"{{:,.{digits}f}}".format, formatters={"DM": "{:+.1f}".format}, na_rep=""))


def verdict(scores, name, baseline, measure, statistic):
    """One sentence on a model and its baseline: better, worse, or no difference to speak of."""
    ratio = scores.loc[name, measure] / scores.loc[baseline, measure]
    compared = f"{name}: {measure} {abs(ratio - 1):.1%} {'above' if ratio > 1 else 'below'} that of {baseline}"
    if abs(statistic) < 2:
        return f"{compared}, {abs(statistic):.1f} standard errors: too few to tell them apart."
    return f"{compared}, {abs(statistic):.1f} standard errors {'worse' if statistic > 0 else 'better'}."


def draw_prices(prices, predictions, unit, title, path):
    """The held-out days, and the last 60 of them from near by."""
    figure, (whole, near) = plt.subplots(2, 1, figsize=(9, 7.5), layout="constrained")
    n_near = min(60, len(prices))
    for axes, n_days, left_out in ((whole, len(prices), LAST), (near, n_near, None)):
        days = prices.index[-n_days:]
        axes.plot(days, prices[-n_days:], color="black", linewidth=1.6, label="observed")
        for name, style in STYLES.items():
            if name in predictions and name != left_out:
                axes.plot(days, predictions[name][-n_days:], linewidth=1.2, label=name, **style)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set(xlabel="date", ylabel=f"closing price ({unit})")
    whole.set_title(f"{title}: held-out days, each predicted from the {WINDOW} before it")
    near.set_title(f"the last {n_near} of them")
    figure.legend(*near.get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=5)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_volatility(sizes, predictions, title, path):
    """Sizes of returns on the held-out days, and what was expected of them."""
    figure, axes = plt.subplots(figsize=(9, 4.2), layout="constrained")
    highest = 1.1 * sizes.quantile(0.99)  # or one crash would flatten all the rest
    axes.vlines(
        sizes.index, 0, sizes, color="0.75", linewidth=0.8, label=f"observed ({(sizes > highest).sum()} cut off)"
    )
    for (name, values), style in zip(predictions.items(), (STYLES["GRU"], STYLES["LSTM"]), strict=True):
        axes.plot(sizes.index, values, linewidth=1.2, label=name, **style)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))
    axes.set(xlabel="date", ylabel="size of the log return (%)", title=f"{title}: sizes of returns, one day ahead")
    axes.set_ylim(0, highest)
    figure.legend(frameon=False, loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def predict_prices(X, y, n_held_out, epochs, cells):
    """Predictions of the held-out closes by every network and by the last value, and what the networks cost."""
    predictions, costs = {}, {}
    windows = sliding_windows(X[["close"]], WINDOW)[WINDOW - 1 :]  # the first windows would be incomplete
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
    predictions[LAST] = today
    return predictions, costs


def predict_volatility(X, y, n_held_out, epochs):
    """Predictions of the held-out sizes of returns by small networks, two baselines and the last size."""
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
        LAST: X["size"].to_numpy()[-n_held_out:],
    }
    return predictions, costs


def findings(truth, predictions, scores, sizes, size_scores):
    """What the numbers say, in sentences."""
    networks = scores.index[scores["parameters"] != ""]
    for name in networks:
        yield verdict(scores, name, LAST, "MAE", scores.loc[name, "DM"])
    winners = [name for name in networks if scores.loc[name, "DM"] < -2]
    yield f"Repeating the last value is beaten by {', '.join(winners) or 'nothing'}."
    expected = 100 * np.log(predictions["GRU on returns"] / predictions[LAST])
    explained = 1 - ((truth["return"] - expected) ** 2).sum() / (truth["return"] ** 2).sum()
    yield f"Expecting no return at all has an R2 of 0 on the held-out returns, the GRU on returns {explained:.4f}."
    network = size_scores.index[0]
    for baseline in (EWMA, LINEAR):
        statistic = statistic_of(truth["size"], sizes[network], sizes[baseline], np.square)
        yield f"Sizes of returns, {verdict(size_scores, network, baseline, 'RMSE', statistic)}"


def main(arguments=None):
    """Train, compare, draw; then the same for returns and for their sizes."""
    parser = argparse.ArgumentParser(description="Tomorrow's price from sixty days")
    parser.add_argument("--data", type=Path, help="CSV of daily closes; without it, the S&P 500 of the package arch")
    parser.add_argument("--unit", default="USD", help="of the prices in the CSV")
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=list(CELLS))
    parser.add_argument("--last-days", type=int, help="use the end of the series only")
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
        raise SystemExit(f"There are {len(prices)} days, too few to train and test on: pass at least {3 * WINDOW}.")
    frame = pd.DataFrame({"close": prices, "return": 100 * np.log(prices).diff()}).dropna()
    frame["size"] = frame["return"].abs()
    X, y, _ = make_supervised(frame, ["close", "return", "size"])  # y: the next day's
    n_held_out = len(X) // 5
    days = prices.index[-n_held_out:]  # those that are predicted
    truth = y[-n_held_out:].set_axis(days)
    n_beyond = (truth["close"] > y["close"][:-n_held_out].max()).sum()
    print(
        f"{title}: trained on the days before {days[0]:%Y-%m-%d}, held out: {n_held_out} days to {days[-1]:%Y-%m-%d},"
    )
    print(f"of which {n_beyond / n_held_out:.0%} close above every price trained on.\n")

    predictions, costs = predict_prices(X, y, n_held_out, arguments.epochs, arguments.cells)
    sizes, size_costs = predict_volatility(X, y, n_held_out, arguments.epochs)
    scores = scores_of(truth["close"], predictions, LAST, np.abs, costs)
    print(f"\nThe next close, errors in {unit}:")
    print_scores(scores, 1)
    draw_prices(truth["close"], predictions, unit, title, arguments.output)

    size_scores = scores_of(truth["size"], sizes, EWMA, np.square, size_costs)
    print("\nThe size of the next log return, errors in %:")
    print_scores(size_scores, 3)
    print(
        "DM: how many standard errors the model's mean absolute (for sizes: squared) error lies above the baseline's."
    )
    path = arguments.output.with_stem(f"{arguments.output.stem}_volatility")
    draw_volatility(truth["size"], {name: sizes[name] for name in (size_scores.index[0], EWMA)}, title, path)

    print("\nWhat was found:")
    for sentence in findings(truth, predictions, scores, sizes, size_scores):
        print(f"- {sentence}")
    print(f"\nPictures: {arguments.output}, {path}   ({time.perf_counter() - start:.0f} s in all)")


if __name__ == "__main__":
    main()
