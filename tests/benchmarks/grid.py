"""Training times of two checkouts of skrnn for several batch sizes, layer sizes, cells and numbers of threads."""

import importlib.util
import itertools
import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from tables import losses_agree, row_of

BATCH_SIZES = (1, 4, 16, 64, 256, 1024)
UNITS = (4, 8, 16, 32, 64, 128, 256)
CELLS = ("gru", "lstm")
THREADS = (1, 2)


class Worker:
    """Persistent process that trains with one checkout of skrnn; see `grid_worker`."""

    def __init__(self, folder, n_threads):
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("grid_worker.py"))],
            env=os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": str(n_threads)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        imported = Path(self.receive())
        if imported.resolve() != (Path(folder) / "skrnn").resolve():
            raise SystemExit(f"{folder} does not contain skrnn: a process there imports {imported}.")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._process.kill()
        self._process.wait()

    def send(self, request):
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def receive(self):
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("A worker process has terminated, see above.")
        return json.loads(line)

    def milliseconds(self):
        """Return the time per batch of the shape that was sent last."""
        self.send(None)
        return self.receive()


def own_checkout():
    """Return the folder from which this process imports skrnn."""
    return Path(importlib.util.find_spec("skrnn").origin).parents[1]


def compare_grid(against, rounds, *, cells=CELLS, threads=THREADS, batch_sizes=BATCH_SIZES, units=UNITS):
    """Print a row for each point of the grid, and list the points at which the other checkout is faster."""
    start, rows = time.monotonic(), []
    folders = own_checkout(), Path(against).resolve()
    print(f"{folders[0]} against {folders[1]}, milliseconds per batch")
    print("| cell | threads | batch | units |  skrnn |  other | ratio | lowest |\n|---|---|---|---|---|---|---|---|")
    with ExitStack() as stack:
        workers = {
            n_threads: [stack.enter_context(Worker(folder, n_threads)) for folder in folders] for n_threads in threads
        }
        for cell, batch_size, n_units in itertools.product(cells, batch_sizes, units):
            shape = {"cell": cell, "units": n_units, "batch_size": batch_size}
            prepared = _prepare(workers, shape)
            for n_threads, pair in workers.items():
                row = _point(shape, n_threads, pair, prepared[n_threads], rounds)
                rows.append(row)
                _print_point(row)
    slower = [row for row in rows if row["ratio"] < 1]
    print(f"{len(rows)} points in {(time.monotonic() - start) / 60:.0f} minutes; {len(slower)} below 1.0:")
    for row in slower:
        _print_point(row)
    return rows


def _prepare(workers, shape):
    """Send a shape to all processes; return the losses of the first epoch, by number of threads."""
    pairs = workers.values()
    for worker in itertools.chain(*pairs):
        worker.send(shape)
    return {n_threads: [worker.receive()["loss"] for worker in pair] for n_threads, pair in workers.items()}


def _point(shape, n_threads, pair, losses, rounds):
    times = [[worker.milliseconds() for worker in pair] for _ in range(rounds)]
    label = f"{shape['cell']}, batch {shape['batch_size']}, {shape['units']} units, {n_threads} threads"
    row = row_of(label, "other checkout", *zip(*times, strict=True))
    row |= {"loss skrnn": losses[0], "loss theirs": losses[1], "same weights": True}
    return row | shape | {"threads": n_threads}


def _print_point(row):
    mark = "" if losses_agree(row) else f"  LOSSES DIFFER: {row['loss skrnn']:.5f} / {row['loss theirs']:.5f}"
    print(
        f"| {row['cell']:4s} | {row['threads']:7d} | {row['batch_size']:5d} | {row['units']:5d} | {row['skrnn']:6.3g} "
        f"| {row['theirs']:6.3g} | {row['ratio']:5.2f} | {row['lowest ratio']:6.2f} |{mark}",
        flush=True,
    )
