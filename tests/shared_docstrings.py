"""Keep the entries that the docstrings of the recurrent estimators share equal.

`RecurrentRegressor` and `RecurrentClassifier` are the sources. Edit an entry there, then run

    python tests/shared_docstrings.py

to copy it to the other classes, or with `--check` to list the entries that differ.
"""

import re
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "skrnn" / "_estimators"
SECTIONS = ("Parameters", "Attributes", "Raises")

# Module -> the module that its entries are copied from. A source comes before the modules that copy from it.
SOURCES = {
    "recurrent_classifier": "recurrent_regressor",
    "gru_regressor": "recurrent_regressor",
    "lstm_regressor": "recurrent_regressor",
    "sequence_autoencoder": "recurrent_regressor",
    "gru_classifier": "recurrent_classifier",
    "lstm_classifier": "recurrent_classifier",
}

# Entries that differ from those of the source on purpose.
PARTICULAR = {
    "recurrent_classifier": {"return_sequences", "loss", "metrics", "validation_split", "n_members"},
    "sequence_autoencoder": {"units", "random_state", "**routed", "model_", "history_", "n_iter_", "best_epoch_"},
}


def read_modules():
    """Source of each module, by name."""
    names = {*SOURCES, *SOURCES.values()}
    return {name: FOLDER.joinpath(f"{name}.py").read_text(encoding="utf-8") for name in names}


def entries(code):
    """Text of each entry in the docstring of the only class of a module, by section and name."""
    found = {}
    for section in SECTIONS:
        [block] = re.findall(rf"^    {section}\n    -+\n(.*?\n)\n", code, re.MULTILINE | re.DOTALL)
        for entry in re.split(r"^(?=    \S)", block, flags=re.MULTILINE)[1:]:
            found[section, entry.split()[0]] = entry
    return found


def copy_shared(modules):
    """Copy shared entries: return the new sources, and the entries that differed as "module: section, name"."""
    modules, changed = dict(modules), []
    for name, source in SOURCES.items():
        for key, entry in entries(modules[source]).items():
            old = entries(modules[name]).get(key, entry)
            if old != entry and key[1] not in PARTICULAR.get(name, ()):
                modules[name] = modules[name].replace(old, entry)
                changed.append(f"{name}: {', '.join(key)}")
    return modules, changed


def main(arguments):
    """Copy the entries, or only list those that differ; return the exit status."""
    modules, changed = copy_shared(read_modules())
    print(*changed, sep="\n", end="\n" if changed else "")
    if arguments == ["--check"]:
        return len(changed) > 0
    for name, code in modules.items():
        FOLDER.joinpath(f"{name}.py").write_text(code, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
