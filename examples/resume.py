"""A fit that survives a kill
==========================

Kill a training process in the middle of its work, and go on from the last save as if nothing had been.

A process of its own trains a network that saves every ten epochs, and is killed without a warning (SIGKILL). Then this
process asks for the same fit: it goes on from the last save, and ends with the weights of an unbroken run, bit for bit.

Run it with ``python examples/resume.py``; it takes about ten seconds on two cores.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # or TensorFlow's C++ parts log between our lines

import keras
import numpy as np

from skrnn import Checkpoint, GRURegressor, make_supervised, sliding_windows
from skrnn.datasets import load_sunspots

EVERY = 10  # epochs from one save to the next
KILLED_AFTER = 25  # epochs


def fit(epochs, *callbacks):
    """Fit a network with dropout and early stopping to the sunspots: each year from the 24 before it."""
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
    """Train in another process, show every tenth of its lines, and kill it."""
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
    """Kill, go on, and compare with an unbroken run."""
    parser = argparse.ArgumentParser(description="A fit that survives a kill")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--train-in", help="only train, with this folder for saves: what the killed process does")
    arguments = parser.parse_args()
    if arguments.train_in:
        fit(arguments.epochs, Checkpoint(arguments.train_in, every=EVERY))
        return

    with tempfile.TemporaryDirectory() as folder:
        kill_in_training(folder, arguments.epochs)
        [saved] = Path(folder).glob("*.checkpoint")
        print(f"It left {saved.name}, {saved.stat().st_size // 1024} KiB.\n\nGoing on:")
        resumed = fit(arguments.epochs, Checkpoint(folder, every=EVERY))
        print(f"Saves left, now that the fit has ended: {len(list(Path(folder).iterdir()))}.\n\nUnbroken:")
    unbroken = fit(arguments.epochs)
    pairs = zip(resumed.model_.get_weights(), unbroken.model_.get_weights(), strict=True)
    print(f"\nBest epoch: {resumed.best_epoch_ + 1} and {unbroken.best_epoch_ + 1}")
    print(f"Equal weights, bit for bit: {all(np.array_equal(a, b) for a, b in pairs)}")
    print(f"Equal losses of {resumed.n_iter_} epochs: {resumed.history_['loss'] == unbroken.history_['loss']}")


if __name__ == "__main__":
    main()
