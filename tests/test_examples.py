"""Every example runs as a user would run it, in a shortened form."""

import os
import re
import subprocess
import sys
from pathlib import Path

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
