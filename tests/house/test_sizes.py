"""Small enough to read: files, functions, parameters."""

import ast

from tests.house.source_tree import Function, functions, modules, product_modules

FILE_LINES = 400
BODY_LINES = 40
PARAMETERS = 6

TABLES_OF_DATA = (
    "quant_core/factors/library",
    "quant_core/foundation/chinese.py",
    "quant_core/foundation/chinese_errors.py",
)
"""Data written as Python: a row is added to them, not an idea."""


def body_lines(function: Function) -> int:
    """Lines from the first statement after the docstring to the last."""
    node = function.node
    first = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (node.end_lineno or 0) - first[0].lineno + 1 if first else 0


def parameters(function: Function) -> int:
    """Parameters of every kind, without the instance or class of a method."""
    arguments = function.node.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    static = any(ast.unparse(item) == "staticmethod" for item in function.node.decorator_list)
    return len(named) - (function.method and not static)


def test_files_are_short():
    long = [
        f"{module.name}: {lines} lines"
        for module in modules()
        if (lines := len(module.text.splitlines())) > FILE_LINES
        and not module.within(*TABLES_OF_DATA)
    ]
    assert not long, f"split what is over {FILE_LINES} lines"


def test_functions_are_short():
    long = [
        f"{function.place}: {lines} lines"
        for module in product_modules()
        for function in functions(module)
        if (lines := body_lines(function)) > BODY_LINES
    ]
    assert not long, f"split what has a body over {BODY_LINES} lines"


def test_functions_have_few_parameters():
    many = [
        f"{function.place}: {count} parameters"
        for module in product_modules()
        for function in functions(module)
        if (count := parameters(function)) > PARAMETERS
    ]
    assert not many, f"group what takes over {PARAMETERS} parameters"


def test_root_scripts_are_shells():
    long = [
        f"{module.name}: {lines} lines"
        for module in product_modules()
        if len(module.path.parts) == 1
        and (lines := len(module.text.splitlines())) > FILE_LINES // 10
    ]
    assert not long, "a script at the root passes its arguments on, and no more"


def test_tables_of_data_exist():
    names = {module.name for module in modules()}
    gone = [
        place
        for place in TABLES_OF_DATA
        if place not in names and not any(name.startswith(f"{place}/") for name in names)
    ]
    assert not gone, "an exemption for nothing"
