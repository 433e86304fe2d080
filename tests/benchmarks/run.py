"""Set skrnn beside Keras, torch, scikeras and skorch: the same work, in one run, in turn, as ratios of times.

    python tests/benchmarks/run.py [--only damped,search,...] [--rounds 5] [--output benchmarks.json]

Needs the extra ``bench``. Every comparison trains networks of the same architecture, with the same optimizer, batch
size and number of epochs; each round runs all rivals one after the other, and the table holds medians over rounds of
the times and of the ratios within a round. Times of epochs leave the first one out, and so leave tracing and compiling
out; first fits and searches, each in a process of its own, leave only the imports out.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from processes import seconds_of
from rivals import KerasFit, Ours, Repeated, Torch
from workloads import LONG, TOKENS, WORKLOADS, estimator_of, long_data, tokens_data, workload_data


def compare_training(name, rounds):
    """Rows of the table for one workload, both cells."""
    X, y = workload_data(name)
    n_batches = -(-len(X) // WORKLOADS[name][3])
    rows = []
    for cell in ("LSTM", "GRU"):
        ours = Ours(estimator_of(cell, name), X, y, WORKLOADS[name][-1])
        rivals = {
            "Keras fit": KerasFit(ours.estimator, X, y, WORKLOADS[name][-1]),
            "torch": Torch(ours.estimator, cell, name, X, y),
        }
        rows += table_rows(f"{name} {cell}, ms a batch", ours, rivals, rounds, 1e3 / n_batches)
    return rows


def compare_tokens(rounds):
    from skrnn import GRUClassifier

    X, y = tokens_data()
    _, n_ids, embedding, units, batch_size, n, epochs = TOKENS
    estimator = GRUClassifier(
        units, embedding_dim=embedding, n_tokens=n_ids, batch_size=batch_size, shuffle=False, random_state=0
    )
    ours = Ours(estimator, X, y, epochs)
    rivals = {"Keras fit": KerasFit(estimator, X, y.astype("float32"), epochs)}
    return table_rows("tokens GRU, ms a batch", ours, rivals, rounds, 1e3 * batch_size / n)


def compare_prediction(rounds):
    """One window through the public method and through ``keras.Model.predict``."""
    X, y = workload_data("generic")
    estimator = estimator_of("GRU", "generic").set_params(epochs=1).fit(X[:64], y[:64])
    model, window = estimator.model_, X[:1]
    ours = Repeated(lambda: estimator.predict(window), 50)
    return table_rows(
        "predict one window, ms",
        ours,
        {"Keras predict": Repeated(lambda: model.predict(window, verbose=0), 10)},
        rounds,
        1e3,
    )


def compare_long(rounds):
    """Sequences of 20,000 steps, one batch, the gradient clipped."""
    from skrnn import RecurrentRegressor

    X, y = long_data()
    _, _, units, epochs = LONG
    rows = []
    for cell in ("LSTM", "GRU"):
        estimator = RecurrentRegressor(
            cell.lower(), units, batch_size=len(X), shuffle=False, random_state=0, optimizer__clipnorm=1.0
        )
        ours = Ours(estimator, X, y, epochs)
        rivals = {"Keras fit": KerasFit(estimator, X, y, epochs, clipnorm=1.0)}
        rows += table_rows(f"20,000 steps {cell}, s an epoch", ours, rivals, rounds, 1)
    return rows


def table_rows(label, ours, rivals, rounds, unit):
    """Run the rounds; one row a rival."""
    times = {"skrnn": [], **{rival: [] for rival in rivals}}
    for _ in range(rounds):
        times["skrnn"].append(ours.round() * unit)
        for rival, runner in rivals.items():
            times[rival].append(runner.round() * unit)
    rows = []
    for rival, runner in rivals.items():
        ratios = [theirs / mine for theirs, mine in zip(times[rival], times["skrnn"], strict=True)]
        row = {
            "what": label,
            "rival": rival,
            "skrnn": statistics.median(times["skrnn"]),
            "theirs": statistics.median(times[rival]),
            "ratio": statistics.median(ratios),
            "lowest ratio": min(ratios),
        }
        if ours.loss() is not None:
            row |= {"loss skrnn": ours.loss(), "loss theirs": runner.loss()}
        rows.append(row)
        print_row(row)
    return rows


def process_rows(label, rival_arguments, rounds):
    """Run frameworks in processes of their own, in turn; one row a rival and a label."""
    seconds = {rival: [] for rival in rival_arguments}
    for _ in range(rounds):
        for rival, arguments in rival_arguments.items():
            seconds[rival].append(seconds_of(*arguments))
    mine = seconds.pop("skrnn")
    rows = []
    for position, what in enumerate(label):
        for rival, theirs in seconds.items():
            ratios = [a[position] / b[position] for a, b in zip(theirs, mine, strict=True)]
            row = {
                "what": what,
                "rival": rival,
                "skrnn": statistics.median(pair[position] for pair in mine),
                "theirs": statistics.median(pair[position] for pair in theirs),
                "ratio": statistics.median(ratios),
                "lowest ratio": min(ratios),
            }
            rows.append(row)
            print_row(row)
    return rows


def compare_searches(rounds):
    arguments = {name: ("search", name) for name in ("skrnn", "scikeras", "skorch")}
    rounds = max(rounds // 3, 1)  # one takes minutes
    return process_rows(("search, compiling included, s", "the same search again, s"), arguments, rounds)


def compare_first(rounds):
    rows = []
    for cell in ("LSTM", "GRU"):
        arguments = {"skrnn": ("first", "skrnn", cell), "Keras fit": ("first", "keras", cell)}
        rows += process_rows((f"first fit {cell}, 3 epochs, s",), arguments, rounds)
    return rows


COMPARISONS = {
    "tokens": compare_tokens,
    "long": compare_long,
    "predict": compare_prediction,
    "first": compare_first,
    "search": compare_searches,
}


def n_cores():
    return len(os.sched_getaffinity(0))


def print_head():
    print(f"{n_cores()} cores; " + ", ".join(f"{name} {version}" for name, version in versions().items()))
    print("| what                           | rival         |    skrnn |   theirs |  ratio | lowest |")
    print("|---|---|---|---|---|---|")


def print_row(row):
    losses = f"  loss {row['loss skrnn']:.5f} / {row['loss theirs']:.5f}" if "loss skrnn" in row else ""
    print(
        f"| {row['what']:30s} | {row['rival']:13s} | {row['skrnn']:8.3g} | {row['theirs']:8.3g} | {row['ratio']:6.2f} "
        f"| {row['lowest ratio']:6.2f} |{losses}",
        flush=True,
    )


def versions():
    names = ("skrnn", "keras", "tensorflow", "scikit-learn", "scikeras", "skorch", "torch", "numpy")
    present = {dist.metadata["Name"].lower() for dist in importlib.metadata.distributions()}
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in names if name in present},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join([*WORKLOADS, *COMPARISONS]))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", default="benchmarks.json")
    arguments = parser.parse_args()
    print_head()
    rows = []
    for name in arguments.only.split(","):
        if name in WORKLOADS:
            rows += compare_training(name, arguments.rounds)
        else:
            rows += COMPARISONS[name](arguments.rounds)
    with open(arguments.output, "w") as file:
        json.dump({"cores": n_cores(), "versions": versions(), "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
