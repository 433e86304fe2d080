"""Resuming an interrupted fit
===========================

A training process is killed, and the fit resumes from the last checkpoint with the same result.

A separate process fits a network with a checkpoint every ten epochs, and is killed (SIGKILL). Then this process runs
the same fit: it resumes from the last checkpoint and ends with the weights of an uninterrupted fit, bit for bit.

Run it with ``python examples/resume.py``. It takes about ten seconds on 2 cores.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # suppresses log messages of TensorFlow

import keras
import numpy as np

from skrnn import Checkpoint, GRURegressor, make_supervised, sliding_windows
from skrnn.datasets import load_sunspots

EVERY = 10  # epochs between checkpoints
KILLED_AFTER = 25  # epochs


def fit(epochs, *callbacks):
    """Fit a network with dropout and early stopping on sunspots, with windows of 24 years."""
    X, y, _ = make_supervised(load_sunspots() / 100, "sunspots")
    network = GRURegressor(
        units=16,
        dropout=0.1,
        epochs=epochs,
        early_stopping=True,
        patience=epochs,
        validation_split=0.2,
        optimizer__learning_rate=0.005,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=show), *callbacks],
        random_state=0,
    )
    return network.fit(sliding_windows(X, window=24), y)


def show(epoch, logs):
    """Print the losses of an epoch."""
    print(f"epoch {epoch + 1}: loss {logs['loss']:.4f}, validation {logs['val_loss']:.4f}", flush=True)


def kill_in_training(folder, epochs):
    """Train in another process, print every tenth line of its output, and kill it."""
    command = [sys.executable, sys.argv[0], "--epochs", str(epochs), "--train-in", folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith(f"epoch {KILLED_AFTER}:"):
                break
            if line.partition(":")[0].endswith("0"):
                print(line, end="")
        process.kill()
    print(f"Killed after epoch {KILLED_AFTER}; exit status {process.returncode}.")


def main():
    """Interrupt a fit, resume it, and compare it with an uninterrupted fit."""
    parser = argparse.ArgumentParser(description="Resuming an interrupted fit")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--train-in", help="only train, with checkpoints in this folder (used for the killed process)")
    arguments = parser.parse_args()
    if arguments.train_in:
        fit(arguments.epochs, Checkpoint(arguments.train_in, every=EVERY))
        return

    with tempfile.TemporaryDirectory() as folder:
        kill_in_training(folder, arguments.epochs)
        [saved] = Path(folder).glob("*.checkpoint")
        print(f"Checkpoint: {saved.name}, {saved.stat().st_size // 1024} KiB.\n\nResumed fit:")
        resumed = fit(arguments.epochs, Checkpoint(folder, every=EVERY))
        print(f"Checkpoints after the fit: {len(list(Path(folder).iterdir()))}.\n\nUninterrupted fit:")
    uninterrupted = fit(arguments.epochs)
    pairs = zip(resumed.model_.get_weights(), uninterrupted.model_.get_weights(), strict=True)
    print(f"\nBest epoch: {resumed.best_epoch_ + 1} and {uninterrupted.best_epoch_ + 1}")
    print(f"Equal weights, bit for bit: {all(np.array_equal(a, b) for a, b in pairs)}")
    print(f"Equal losses in {resumed.n_iter_} epochs: {resumed.history_['loss'] == uninterrupted.history_['loss']}")


if __name__ == "__main__":
    main()
