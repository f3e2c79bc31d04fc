"""Every public name says what it means, and its examples run."""

import ast
import tomllib
from collections.abc import Iterator

import pytest

from tests.house.source_tree import PRODUCT, ROOT, Module, modules

Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def public(node: ast.Module | ast.ClassDef, inside: str = "") -> Iterator[tuple[str, Documented]]:
    """Public classes, functions and methods with their qualified names."""
    for child in node.body:
        if not isinstance(child, Documented) or child.name.startswith("_"):
            continue
        name = f"{inside}{child.name}"
        yield name, child
        if isinstance(child, ast.ClassDef):
            yield from public(child, f"{name}.")


def speaks_elsewhere(node: Documented) -> bool:
    """Whether another definition of the same name carries the docstring."""
    decorators = [ast.unparse(item) for item in node.decorator_list]
    return any(name.endswith((".setter", "overload", "override")) for name in decorators)


@pytest.mark.parametrize(
    "module",
    [module for module in modules() if module.within(*PRODUCT)],
    ids=lambda module: module.name,
)
def test_public_names_are_documented(module: Module):
    silent = [] if ast.get_docstring(module.tree) else [f"{module.name}: the module"]
    silent += [
        f"{module.name}:{node.lineno} {name}"
        for name, node in public(module.tree)
        if not ast.get_docstring(node) and not speaks_elsewhere(node)
    ]
    assert not silent


def test_examples_in_docstrings_are_run():
    options = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]
    assert "--doctest-modules" in options["ini_options"]["addopts"]
    assert set(PRODUCT) <= set(options["ini_options"]["testpaths"])
