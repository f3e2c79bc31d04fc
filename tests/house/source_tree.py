"""The project's own files, parsed once, for the tests of the conventions."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("quant_core", "config", "tests", "benchmarks", "docs", "scripts", ".ci")
TEXT_SUFFIXES = {".py", ".md", ".toml", ".yaml", ".yml", ".csv", ".json", ".html", ".sh", ""}
PRODUCT = ("quant_core", "config")
"""The packages whose code a user runs."""


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file: its path within the project, its text and its tree."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The path as the project writes it."""
        return self.path.as_posix()

    def within(self, *places: str) -> bool:
        """Whether the file is one of ``places`` or stands below one of them."""
        return any(self.name == place or self.name.startswith(f"{place}/") for place in places)


@dataclass(frozen=True, slots=True)
class Function:
    """A function or method, with the names it is nested in."""

    module: Module
    qualified: str
    node: ast.FunctionDef | ast.AsyncFunctionDef
    method: bool

    @property
    def place(self) -> str:
        """File, line and name, for a message."""
        return f"{self.module.name}:{self.node.lineno} {self.qualified}"


@cache
def text_files() -> tuple[Path, ...]:
    """Every text file of the project, ascending, as paths within it."""
    found = [path for path in ROOT.iterdir() if path.is_file() and path.name != "uv.lock"]
    for folder in FOLDERS:
        found += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    kept = (path for path in found if path.suffix in TEXT_SUFFIXES and not _generated(path))
    return tuple(sorted(path.relative_to(ROOT) for path in kept))


@cache
def modules() -> tuple[Module, ...]:
    """Every Python file of the project."""
    return tuple(_module(path) for path in text_files() if path.suffix == ".py")


def product_modules() -> tuple[Module, ...]:
    """The Python files of the packages and the scripts at the root."""
    return tuple(
        module for module in modules() if module.within(*PRODUCT) or len(module.path.parts) == 1
    )


def functions(module: Module) -> Iterator[Function]:
    """Every function of a module, nested ones included."""
    yield from _functions(module, module.tree, (), in_class=False)


def calls(module: Module) -> Iterator[tuple[ast.Call, str]]:
    """Every call of a module with the called expression as text."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


def _functions(
    module: Module, parent: ast.AST, outer: tuple[str, ...], *, in_class: bool
) -> Iterator[Function]:
    for node in ast.iter_child_nodes(parent):
        inner = outer
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = (*outer, node.name)
            yield Function(module, ".".join(inner), node, in_class)
        elif isinstance(node, ast.ClassDef):
            inner = (*outer, node.name)
        yield from _functions(module, node, inner, in_class=isinstance(node, ast.ClassDef))


def _module(path: Path) -> Module:
    text = (ROOT / path).read_text(encoding="utf-8")
    return Module(path, text, ast.parse(text, str(path)))


def _generated(path: Path) -> bool:
    ignored = ("__pycache__", ".coverage")
    return any(part.startswith(ignored) for part in path.relative_to(ROOT).parts)
