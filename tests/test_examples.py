"""Every example runs as a user would run it, in a shortened form."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run_example(name, *arguments, cwd):
    result = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_variable_length_scores_and_draws(tmp_path):
    output = run_example("variable_length.py", "--epochs", "20", "--seeds", "1", cwd=tmp_path)
    network, counted = (float(score) for score in re.findall(r"accuracy (0\.\d+)", output)[-2:])
    assert network > 0.9
    assert 0.8 < counted < 1
    assert (tmp_path / "variable_length.png").stat().st_size > 20_000


SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.mark.skipif(not SHARED.exists(), reason="The film reviews, 25 MB, are not part of the project.")
def test_sentiment_compares_three(tmp_path):
    arguments = ["--data", SHARED, "--reviews", "400", "--epochs", "1", "--recipe-epochs", "1"]
    lines = run_example("sentiment.py", *arguments, cwd=tmp_path).splitlines()
    table = lines[lines.index("On the test half:") + 2 :]
    accuracy = {name.strip(): float(value) for name, value, _ in (line.rsplit(maxsplit=2) for line in table)}
    assert set(accuracy) == {"TF-IDF, logistic regression", "tokens, embedding, GRU", "recipe of 2019"}
    assert accuracy["TF-IDF, logistic regression"] > 0.7
    assert all(0.4 < value < 1 for value in accuracy.values())


def test_sentiment_says_what_is_missing(tmp_path):
    with pytest.raises(AssertionError, match=r"There is no .*imdb_train.tsv.gz"):
        run_example("sentiment.py", "--data", ".", cwd=tmp_path)


def test_quickstart_prints_its_tables_and_draws(tmp_path):
    output = run_example("quickstart.py", "--epochs", "15", cwd=tmp_path)
    lines = output.splitlines()
    assert sum("END" in line for line in lines) == 24  # 2 cells x 3 sizes x 4 folds, each shown when it ends
    assert sum(line.strip().startswith(("gru", "lstm")) for line in lines) == 6
    scores = lines[lines.index(next(line for line in lines if line.startswith("Held out"))) + 2 :][:3]
    rmse = {name.strip(): float(value) for name, value in (line.rsplit(maxsplit=3)[:2] for line in scores)}
    [(_, network)] = [(name, value) for name, value in rmse.items() if name.startswith(("GRU", "LSTM"))]
    assert network < rmse["last value repeated"]
    assert (tmp_path / "quickstart.png").stat().st_size > 20_000


def test_long_sequences_compares_both_cells(tmp_path, monkeypatch, capsys):
    # In this process, which mostly has TensorFlow imported already, and gives the example's functions to test.
    monkeypatch.chdir(tmp_path)
    arguments = ["--epochs", "3", "--steps", "70", "--sequences", "3", "--seeds", "1"]
    monkeypatch.setattr(sys, "argv", ["long_sequences.py", *arguments])
    example = runpy.run_path(str(EXAMPLES / "long_sequences.py"), run_name="__main__")
    output = capsys.readouterr().out

    table = {line.split()[0]: line.split() for line in output.splitlines() if line.startswith(("GRU  ", "LSTM  "))}
    assert table["GRU"][1] == str(3 * 16 * (1 + 16 + 2) + 16 + 1)  # two biases a gate
    assert table["LSTM"][1] == str(4 * 16 * (1 + 16 + 1) + 16 + 1)
    assert all(float(fall) > 0 for fall in re.search(r"fell by (\S+) \(GRU\) and (\S+) \(LSTM\)", output).groups())
    assert re.search(r"took \d+\.\d % (longer|less) than one of GRU .* reports a difference of 3\.84 %", output)
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
