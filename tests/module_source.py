"""
A module of gamenet as its source shows it: read, never imported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import field, frozen

__all__ = ["Finding", "Module", "dotted", "imports", "moduleFromSource", "modulesOf"]


@frozen
class Finding:
    """A rule that a line of a module breaks."""

    module: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.text}"


@frozen
class Module:
    """
    A module's source and where it stands.

    @ivar plan: The floor of every module, this one included.
    """

    name: str
    source: str
    plan: Mapping[str, int]
    tree: ast.Module = field(repr=False)
    is_package: bool = False

    @property
    def floor(self) -> int:
        """The floor that the module stands on."""
        return self.plan[self.name]

    def finding(self, node: ast.AST, text: str) -> Finding:
        """Return a finding at C{node}."""
        return Finding(self.name, getattr(node, "lineno", 1), text)


def moduleFromSource(name: str, source: str, plan: Mapping[str, int]) -> Module:
    """Return the module that C{source} is."""
    return Module(name, source, plan, ast.parse(source))


def modulesOf(folder: Path, plan: Mapping[str, int]) -> list[Module]:
    """Return every module under the package C{folder}."""
    modules = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules.append(moduleFromSource(name, path.read_text(encoding="utf-8"), plan))
    return modules


def imports(module: Module) -> Iterator[tuple[ast.stmt, str]]:
    """Yield each import's statement and the full dotted name it brings in."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((node, f"{base}.{alias.name}") for alias in node.names)


def dotted(node: ast.expr) -> str:
    """Return the dotted name that an expression is, or C{""}."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return base and f"{base}.{node.attr}"
    return ""
