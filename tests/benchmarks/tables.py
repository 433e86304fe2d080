"""Rounds in which all libraries run in turn, and the rows of the resulting table."""

import importlib.metadata
import os
import platform
import statistics

TOLERANCE = 0.02  # relative difference of losses of the same training


def n_cores():
    return len(os.sched_getaffinity(0))


def versions():
    names = ("skrnn", "numba", "keras", "tensorflow", "scikit-learn", "scikeras", "skorch", "torch", "numpy")
    present = {dist.metadata["Name"].lower() for dist in importlib.metadata.distributions()}
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in names if name in present},
    }


def print_head():
    print(f"{n_cores()} cores; " + ", ".join(f"{name} {version}" for name, version in versions().items()))
    print("| task                                | other library            |    skrnn |    other |  ratio | lowest |")
    print("|---|---|---|---|---|---|", flush=True)


def print_row(row):
    figures = ["" if row.get(name) is None else f"{row[name]:.3g}" for name in ("skrnn", "theirs")]
    ratios = ["" if row.get(name) is None else f"{row[name]:.2f}" for name in ("ratio", "lowest ratio")]
    columns = [f"{figure:>8s}" for figure in figures] + [f"{ratio:>6s}" for ratio in ratios]
    line = f"| {row['what']:35s} | {row['rival']:24s} | {' | '.join(columns)} |"
    if "loss skrnn" in row:
        line += f"  loss {row['loss skrnn']:.5f} / {row['loss theirs']:.5f}"
        if row["same weights"] and not losses_agree(row):
            line += f"  LOSSES DIFFER by more than {TOLERANCE:.0%}"
    print(line, flush=True)


def losses_agree(row):
    """Return whether the losses of a row agree."""
    return abs(row["loss theirs"] - row["loss skrnn"]) <= TOLERANCE * abs(row["loss skrnn"])


def row_of(what, rival, mine, theirs):
    """Return a row: medians over rounds of the values and of the ratios within a round."""
    ratios = [their / my for their, my in zip(theirs, mine, strict=True)]
    return {
        "what": what,
        "rival": rival,
        "skrnn": statistics.median(mine),
        "theirs": statistics.median(theirs),
        "ratio": statistics.median(ratios),
        "lowest ratio": min(ratios),
    }


def table_rows(what, ours, rivals, rounds, unit):
    """Run the rounds in this process; return one row per library."""
    times = {"skrnn": [], **{rival: [] for rival in rivals}}
    for _ in range(rounds):
        times["skrnn"].append(ours.round() * unit)
        for rival, runner in rivals.items():
            times[rival].append(runner.round() * unit)
    rows = []
    for rival, runner in rivals.items():
        row = row_of(what, rival, times["skrnn"], times[rival])
        if ours.loss() is not None:
            row |= {"loss skrnn": ours.loss(), "loss theirs": runner.loss(), "same weights": True}
        rows.append(row)
        print_row(row)
    return rows


def process_rows(labels, runs, rounds):
    """Run processes in turn, each of which returns a report; return one row per library and label.

    Parameters
    ----------
    labels : dict
        Entries of the reports to show, and their labels in the table.
    runs : dict
        Library to callable; the first is skrnn. Initial weights differ between libraries.
    rounds : int
        Number of rounds.
    """
    reports = {rival: [] for rival in runs}
    for _ in range(rounds):
        for rival, run in runs.items():
            reports[rival].append(run())
    mine, *others = reports.values()
    rows = []
    for entry, what in labels.items():
        for rival, theirs in zip(list(runs)[1:], others, strict=True):
            row = row_of(what, rival, [report[entry] for report in mine], [report[entry] for report in theirs])
            row |= {"loss skrnn": mine[-1]["loss"], "loss theirs": theirs[-1]["loss"], "same weights": False}
            rows.append(row)
            print_row(row)
    return rows


def own_row(what, values):
    """Return a row of skrnn only."""
    row = {"what": what, "rival": "", "skrnn": statistics.median(values)}
    print_row(row)
    return row
