"""Every example runs as a user would run it, in a shortened form."""

import os
import subprocess
import sys
from pathlib import Path

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
