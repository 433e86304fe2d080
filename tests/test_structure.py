"""The shape of the package: data flow one way, and no module outgrows a reader."""

import ast
from pathlib import Path

import pytest

import skrnn

PACKAGE = Path(skrnn.__file__).parent
MODULES = {
    ".".join(("skrnn", *path.relative_to(PACKAGE).with_suffix("").parts)): path for path in PACKAGE.rglob("*.py")
}


def imports_of(source):
    """Names of the modules of skrnn that a module imports, at its top, in a function, or for type checkers only."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "skrnn":
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from (names & MODULES.keys()) or {node.module}


# What loads public names for users is not part of the flow, and neither is who uses the package as they do.
GRAPH = {
    name: set(imports_of(path.read_text(encoding="utf-8")))
    for name, path in MODULES.items()
    if path.name not in ("__init__.py", "__main__.py")
}


def cycle_in(graph):
    """The first cycle that a walk finds, as a list of names; empty where there is none."""
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


def test_no_module_imports_itself_by_way_of_others():
    assert cycle_in(GRAPH) == []


def test_a_cycle_is_found():
    assert cycle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert "skrnn._engine.network" in GRAPH["skrnn._estimators.base"]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_modules_are_short(name):
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= 460  # some 400, most of them docstrings
