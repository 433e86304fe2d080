"""Compare skrnn with Keras, torch, scikeras and skorch: the same tasks in one run, in turn, as ratios of times.

    python tests/benchmarks/run.py [--only damped,search,...] [--rounds 3] [--output benchmarks.json]
    python tests/benchmarks/run.py --grid --against FOLDER [--rounds 2]

Requires the extra ``bench``. All libraries train the same architecture with the same optimizer, batch size and number
of epochs. Each round runs all libraries in turn; the table contains medians over rounds of the times and of the ratios
within a round. Times of epochs exclude the first one, and thus tracing and compilation by Keras. Starts are whole
processes, timed from outside; searches run in a new process each, without the time of its imports. If training starts
from the same weights, losses must agree; rows in which they do not are marked.

With ``--grid``, skrnn is compared with another checkout of skrnn, for several batch sizes and layer sizes.
"""

import argparse
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from grid import compare_grid
from processes import report_of, report_with_nothing_compiled
from rivals import KerasFit, Ours, Repeated, Torch, load_into_torch, stock_network, torch_network
from tables import losses_agree, n_cores, own_row, print_head, process_rows, table_rows, versions
from workloads import LONG, TOKENS, WORKLOADS, estimator_of, long_data, tokens_data, workload_data


def compare_training(name, rounds):
    """Return the rows of one workload, for both cells."""
    X, y = workload_data(name)
    n_batches = -(-len(X) // WORKLOADS[name][3])
    rows = []
    for cell in ("LSTM", "GRU"):
        ours = Ours(estimator_of(cell, name), X, y, WORKLOADS[name][-1])
        rivals = {
            "Keras fit": KerasFit(ours.estimator, X, y, WORKLOADS[name][-1]),
            "torch": Torch(ours.estimator, cell, name, X, y),
        }
        rows += table_rows(f"{name} {cell}, ms per batch", ours, rivals, rounds, 1e3 / n_batches)
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
    return table_rows("tokens GRU, ms per batch", ours, rivals, rounds, 1e3 * batch_size / n)


def compare_long(rounds):
    """Return the rows of long sequences, in one batch with gradient clipping."""
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
        rows += table_rows(f"20,000 steps {cell}, s per epoch", ours, rivals, rounds, 1)
    return rows


def compare_prediction(rounds):
    """Return the rows of predictions for one window by public methods, with the same weights."""
    import skorch
    import torch

    X, y = workload_data("generic")
    estimator = estimator_of("GRU", "generic").set_params(epochs=1).fit(X[:64], y[:64])
    window, weights = X[:1], estimator.model_.get_weights()
    model = stock_network(estimator)
    model.set_weights(weights)
    module = torch_network(torch, "GRU", X.shape[2], estimator.units, False)
    net = skorch.NeuralNetRegressor(module, verbose=0).initialize()
    load_into_torch(torch, net.module_, "GRU", weights)
    calls = {
        "skrnn": lambda: estimator.predict(window),
        "Keras predict": lambda: model.predict(window, verbose=0),
        "skorch predict": lambda: net.predict(window),
    }
    predicted = [np.ravel(call()) for call in calls.values()]
    assert np.allclose(predicted, predicted[0], atol=1e-5), predicted
    ours, *rivals = (Repeated(call, 200 if name == "skrnn" else 20) for name, call in calls.items())
    return table_rows("predict one window, ms", ours, dict(zip(list(calls)[1:], rivals, strict=True)), rounds, 1e3)


def compare_start(rounds):
    """Return the rows of whole programs: time from the start to one prediction, and memory at the end."""
    frameworks = {"skrnn": "skrnn", "Keras": "keras", "skorch": "skorch"}
    runs = {rival: lambda name=name: report_of("start.py", name) for rival, name in frameworks.items()}
    for run in runs.values():
        run()  # compiles kernels, and reads all files once
    labels = {"whole process": "start to prediction, s", "resident": "resident memory after it, MB"}
    return process_rows(labels, runs, rounds)


def search(framework, *arguments):
    return lambda: report_of("processes.py", "search", framework, *arguments)


def compare_search(rounds):
    search("skrnn")()  # compiles missing kernels
    runs = {
        "skrnn": search("skrnn"),
        "skrnn, nothing compiled": lambda: report_with_nothing_compiled("search", "skrnn"),
        "scikeras": search("scikeras"),
        "skorch": search("skorch"),
    }
    return process_rows({"seconds": "search of 30 fits, s"}, runs, fewer(rounds))


def compare_parallel_search(rounds):
    search("skrnn")()
    runs = {"skrnn": search("skrnn", "2"), "scikeras": search("scikeras", "2")}
    return process_rows({"seconds": "search, n_jobs=2, cold workers, s"}, runs, fewer(rounds))


def fewer(rounds):
    return max(rounds // 3, 1)  # a search with scikeras takes minutes


def time_compiling(rounds):
    labels = {"fit": "first fit of a GRU, compiling, s", "all": "all kernels of float32, s"}
    return [
        own_row(label, [report_with_nothing_compiled("compile", kernels)["seconds"] for _ in range(fewer(rounds))])
        for kernels, label in labels.items()
    ]


COMPARISONS = {
    "tokens": compare_tokens,
    "long": compare_long,
    "predict": compare_prediction,
    "start": compare_start,
    "search": compare_search,
    "parallel": compare_parallel_search,
    "compile": time_compiling,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join([*WORKLOADS, *COMPARISONS]))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", default="benchmarks.json")
    parser.add_argument("--grid", action="store_true", help="compare with another checkout for several sizes")
    parser.add_argument("--against", metavar="FOLDER", help="the other checkout")
    arguments = parser.parse_args()
    if arguments.grid != (arguments.against is not None):
        parser.error("--grid and --against FOLDER must be passed together.")
    rows = []
    if arguments.grid:
        rows = compare_grid(arguments.against, arguments.rounds)
    else:
        print_head()
        for name in arguments.only.split(","):
            if name in WORKLOADS:
                rows += compare_training(name, arguments.rounds)
            else:
                rows += COMPARISONS[name](arguments.rounds)
        compared = [row for row in rows if row.get("same weights")]
        differing = sum(not losses_agree(row) for row in compared)
        print(f"Losses differ in {differing} of {len(compared)} rows with the same initial weights.")
    with open(arguments.output, "w") as file:
        json.dump({"cores": n_cores(), "versions": versions(), "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
