"""Read the project's own source for the tests that hold its rules."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

PRODUCT = ("bot", "config", "engine", "notifiers", "outcry", "render", "sandbox")
CODE = (*PRODUCT, "benchmarks", "tests")


@dataclass(frozen=True, slots=True)
class Source:
    """One module: its path from the root with forward slashes, its syntax tree."""

    path: str
    tree: ast.Module

    @classmethod
    def of(cls, path: str, text: str) -> "Source":
        return cls(path, ast.parse(text, filename=path))

    @property
    def module(self) -> str:
        """The dotted name: `engine/domain/__init__.py` is `engine.domain`."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def is_package(self) -> bool:
        return self.path.endswith("__init__.py")


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """Parse every module below `folders`; a folder that is not there yet has none."""
    return tuple(
        Source.of(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "node_modules" not in path.parts
    )


def dotted(node: ast.expr) -> str | None:
    """Return `a.b.c` for a chain of plain names, None for any other expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        head = dotted(node.value)
        return None if head is None else f"{head}.{node.attr}"
    return None


def import_aliases(tree: ast.Module) -> dict[str, str]:
    """Map each name an import binds to what it stands for: `dt` to `datetime.datetime`."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                if item.asname:
                    names[item.asname] = item.name
                else:
                    head = item.name.partition(".")[0]
                    names[head] = head
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for item in node.names:
                names[item.asname or item.name] = f"{node.module}.{item.name}"
    return names


def references(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    """Yield every name or attribute that is read, under the full name its import gave it."""
    aliases = import_aliases(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            name = dotted(node)
            if name is not None:
                head, dot, rest = name.partition(".")
                yield node, aliases.get(head, head) + dot + rest
