"""The shape of the package: imports go down through the layers, and modules stay short."""

import ast
from pathlib import Path

import pytest

import skrnn

PACKAGE = Path(skrnn.__file__).parent
TESTS = Path(__file__).parent

# A module imports only from its own layer and from those to the right of it.
LAYERS = [
    *("__main__", "_self_test", "__init__"),
    *("inspection", "_inspection"),
    "_outliers",
    *("_model_selection", "_forecasting", "_estimators", "_engine", "_windows", "_preprocessing", "_plotting"),
    *("metrics", "_data"),
    *("datasets", "_common", "exceptions"),
]

# Imports that lead upwards, and why.
EXCEPTIONS = {
    "skrnn._common.state -> skrnn": "Saved estimators name a public class, which the package finds wherever it is now.",
}

MAX_LINES = 420

# Modules that may be longer, and why.
LONGER = {}


def module_name(path):
    """Return the name by which a file of the package is imported."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(("skrnn", *parts)).removesuffix(".__init__")


SOURCES = {module_name(path): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
PACKAGES = {module_name(path) for path in PACKAGE.rglob("__init__.py")}


def imports_of(source):
    """Yield the modules of skrnn that a module imports: at its top, in a function, or for type checkers only."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "skrnn")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "Imports are absolute."
            if node.module.split(".")[0] == "skrnn":
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                # The version is all that the package itself defines: whoever reads it depends on no other module.
                yield from (name if name in SOURCES else node.module for name in names if name != "skrnn.__version__")


def layer_of(module):
    """Return the position of a module's layer, the top one first."""
    return LAYERS.index(module.split(".")[1] if "." in module else "__init__")


def upward_imports(graph):
    """Return the imports that lead from a layer to a higher one."""
    pairs = [(name, imported) for name in graph for imported in sorted(graph[name])]
    return [f"{name} -> {imported}" for name, imported in pairs if layer_of(imported) < layer_of(name)]


def cycle_in(graph):
    """Return the first cycle that a walk finds as a list of names; empty if there is none."""
    done = set()

    def walk(name, path):
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for imported in sorted(graph.get(name, ())):
            cycle = walk(imported, [*path, name])
            if cycle:
                return cycle
        done.add(name)
        return []

    return next((cycle for name in sorted(graph) if (cycle := walk(name, []))), [])


def n_lines(source):
    return len(source.splitlines())


IMPORTS = {name: set(imports_of(source)) for name, source in SOURCES.items()}
GRAPH = {
    name: {imported for imported in all_imported if f"{name} -> {imported}" not in EXCEPTIONS}
    for name, all_imported in IMPORTS.items()
}


# ---------------------------------------------------------------------- layers


def test_no_module_imports_from_a_higher_layer():
    assert upward_imports(GRAPH) == []


def test_exceptions_are_needed():
    assert EXCEPTIONS.keys() <= set(upward_imports(IMPORTS))


def test_every_module_has_a_layer():
    assert {name.split(".")[1] for name in SOURCES if "." in name} == {*LAYERS} - {"__init__"}


def test_modules_are_imported_by_statements():
    """A call of `import_module` would not be seen; the package itself loads public names by it."""
    assert {name for name, source in SOURCES.items() if "import_module" in source} == {"skrnn"}


@pytest.mark.parametrize(
    ("importer", "statement", "imported"),
    [
        ("skrnn._data.targets", "from skrnn._engine.losses import native_loss", "skrnn._engine.losses"),
        ("skrnn._data.targets", "from skrnn._engine import losses", "skrnn._engine.losses"),
        ("skrnn._data.targets", "import skrnn._engine.losses as losses", "skrnn._engine.losses"),
        ("skrnn._data.targets", "from skrnn import GRURegressor", "skrnn"),
        ("skrnn._data.targets", "import skrnn", "skrnn"),
        ("skrnn._engine.losses", "def f():\n    from skrnn._estimators import base", "skrnn._estimators.base"),
        ("skrnn._common.times", "if TYPE_CHECKING:\n    from skrnn._data import checks", "skrnn._data.checks"),
        ("skrnn.exceptions", "from skrnn._common.typing import Splitter", "skrnn._common.typing"),
        ("skrnn.datasets._airline", "from skrnn._common.typing import validate_params", None),
        ("skrnn._engine.checkpoint", "from skrnn import __version__", None),
        ("skrnn._engine.losses", "import numpy as np\nfrom skrnn._engine import metrics", None),
        ("skrnn.__main__", "import skrnn\nfrom skrnn._self_test import checks", None),
    ],
)
def test_an_import_from_a_higher_layer_is_found(importer, statement, imported):
    graph = {importer: set(imports_of(statement))}
    assert upward_imports(graph) == ([] if imported is None else [f"{importer} -> {imported}"])


def test_a_relative_import_is_found():
    with pytest.raises(AssertionError, match="absolute"):
        list(imports_of("from .losses import native_loss"))


# ---------------------------------------------------------------------- cycles


def test_no_module_imports_itself_by_way_of_others():
    assert cycle_in(GRAPH) == []


def test_a_cycle_is_found():
    assert cycle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert "skrnn._engine.network" in GRAPH["skrnn._estimators.network_estimator"]


# ---------------------------------------------------------------------- files


def test_packages_say_what_they_hold():
    assert [name for name in sorted(PACKAGES) if not ast.get_docstring(ast.parse(SOURCES[name]))] == []
    assert {"skrnn", "skrnn._engine.native", "skrnn.datasets"} <= PACKAGES


@pytest.mark.parametrize("name", sorted(SOURCES.keys() - LONGER.keys()))
def test_modules_are_short(name):
    assert n_lines(SOURCES[name]) <= MAX_LINES


def test_modules_that_may_be_longer_are_longer():
    assert [name for name in LONGER if n_lines(SOURCES[name]) <= MAX_LINES] == []
    assert n_lines("line\n" * (MAX_LINES + 1)) > MAX_LINES


def test_folders_of_tests_mirror_the_packages():
    folders = {path.parent.name for path in TESTS.glob("_*/test_*.py")}
    assert folders == {name.split(".")[1] for name in PACKAGES if name.startswith("skrnn._")}
    misplaced = {path.name for path in TESTS.glob("test_*.py")} & {path.name for path in TESTS.glob("_*/test_*.py")}
    assert not misplaced  # pytest cannot import two modules of one name
