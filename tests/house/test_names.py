"""Names say what a thing is, in full."""

import ast
import re

import pytest

from tests.house.source_tree import Module, functions, modules, product_modules

EMPTY_WORDS = {
    *("util", "utils", "helper", "helpers", "common", "misc", "tools", "stuff"),
    *("manager", "managers", "processor", "processors"),
}
"""Words under which anything fits, so that everything ends up there."""

EMPTY_ENDING = re.compile(r"(Manager|Helper|Helpers|Processor|Utils?|Info)$")
EXPLAINED = re.compile(
    r"#\s*(noqa: [A-Z]+\d+(, ?[A-Z]+\d+)*|type: ignore\[[\w-]+\]|pyright: ignore\[\w+\])\s+\S"
)
SUPPRESSION = re.compile(r"#\s*(noqa|type: ignore|pyright:)")


def typed(keywords: ast.arg) -> bool:
    """Whether the annotation of ``**keywords`` names every one of them."""
    annotation = ast.unparse(keywords.annotation) if keywords.annotation else ""
    return annotation.startswith("Unpack[") or annotation.endswith(".kwargs")


def test_no_module_is_a_drawer():
    drawers = [
        module.name
        for module in modules()
        if EMPTY_WORDS
        & {word for part in module.path.with_suffix("").parts for word in part.split("_")}
    ]
    assert not drawers, "name the module by what it holds"


def test_no_class_is_a_drawer():
    drawers = [
        f"{module.name}:{node.lineno} {node.name}"
        for module in product_modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and EMPTY_ENDING.search(node.name)
    ]
    assert not drawers, "name the class by what it is"


def test_tests_are_named_like_tests():
    strays = [
        f"{function.place}"
        for module in modules()
        if module.within("tests") and not module.path.name.startswith("test_")
        for function in functions(module)
        if function.qualified.startswith("test_")
    ]
    assert not strays, "pytest does not collect these"


@pytest.mark.parametrize("module", product_modules(), ids=lambda module: module.name)
def test_nothing_is_typed_any_and_no_open_keywords(module: Module):
    loose = [
        f"{module.name}:{node.lineno} imports Any"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and "Any" in {alias.name for alias in node.names}
    ]
    loose += [
        f"{function.place} takes **{function.node.args.kwarg.arg}"
        for function in functions(module)
        if function.node.args.kwarg is not None and not typed(function.node.args.kwarg)
    ]
    assert not loose, "name the type and the parameters"


def test_every_suppression_has_its_reason():
    bare = [
        f"{module.name}:{number} {line.strip()}"
        for module in modules()
        if not module.within("tests/house")
        for number, line in enumerate(module.text.splitlines(), start=1)
        if SUPPRESSION.search(line) and not EXPLAINED.search(line)
    ]
    assert not bare, "write the reason behind the code of the rule"
