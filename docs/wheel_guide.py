"""Build hook of the wheel: it contains the pages of the guide, to which errors refer, as ``skrnn/guide/*.md``.

An editable installation reads them from ``docs`` instead.
"""

import ast
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def pages(root):
    """Names of the pages, as listed in `skrnn._common.guide`, which cannot be imported where the wheel is built."""
    code = Path(root, "skrnn", "_common", "guide.py").read_text(encoding="utf-8")
    assigned = [node for node in ast.parse(code).body if isinstance(node, ast.Assign)]
    [value] = [node.value for node in assigned if [target.id for target in node.targets] == ["PAGES"]]
    return ast.literal_eval(value)


class CustomBuildHook(BuildHookInterface):
    """Adds the pages to a standard wheel."""

    def initialize(self, version, build_data):
        """Map each page to its path in the wheel."""
        if version == "standard":
            paths = {str(Path(self.root, "docs", f"{page}.md")): f"skrnn/guide/{page}.md" for page in pages(self.root)}
            build_data["force_include"].update(paths)
