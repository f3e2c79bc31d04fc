"""The tests of the conventions see what they look for: each shown a few lines by hand."""

import ast
from pathlib import Path

import pytest

from tests.house import test_docstrings, test_doors, test_names, test_sizes
from tests.house.source_tree import Function, Module, calls, functions


def module_of(text: str) -> Module:
    return Module(Path("example.py"), text, ast.parse(text))


def function_of(text: str) -> Function:
    return list(functions(module_of(text)))[-1]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("def f():\n    return 1", 1),
        ('def f():\n    """Words."""\n    a = 1\n\n    # why\n    return a', 4),
        ('def f():\n    """Words alone."""', 0),
    ],
)
def test_body_lines(text: str, lines: int):
    assert test_sizes.body_lines(function_of(text)) == lines


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("def f(a, /, b, *rest, c, d=1, **more): ...", 4),
        ("class A:\n    def f(self, a): ...", 1),
        ("class A:\n    @staticmethod\n    def f(a): ...", 1),
        ("class A:\n    @classmethod\n    def f(cls): ...", 0),
    ],
)
def test_parameters(text: str, count: int):
    assert test_sizes.parameters(function_of(text)) == count


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("open(path, 'w')", True),
        ("open(path, mode='ab')", True),
        ("path.open('x')", True),
        ("part.write_text('a')", True),
        ("open(path)", False),
        ("path.open('rb')", False),
        ("warehouse.open(name)", False),
    ],
)
def test_writing(text: str, expected: bool):
    [(call, called)] = calls(module_of(text))
    assert test_doors.writes(call, called) is expected


@pytest.mark.parametrize(
    ("called", "expected"),
    [
        ("datetime.now", True),
        ("datetime.datetime.utcnow", True),
        ("date.today", True),
        ("time.time_ns", True),
        ("time.sleep", True),
        ("timing.utc_now", False),
        ("runtime.time_series", False),
        ("datetime.fromisoformat", False),
    ],
)
def test_clock(called: str, expected: bool):
    assert (test_doors.CLOCK_CALLS.search(called) is not None) is expected


@pytest.mark.parametrize("folder", ["work", "tmp", "root", "home", "Users"])
def test_machine_paths(folder: str):
    assert test_doors.MACHINE_PATHS.search(f"see /{folder}/notes")
    assert not test_doors.MACHINE_PATHS.search(f"see data/{folder}/notes")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x = 1  # noqa: BLE001  the process boundary", True),
        ("x = 1  # noqa: B009, E501 - the protocol of the library", True),
        ("x = 1  # type: ignore[misc]  the stub is wrong", True),
        ("x = 1  # noqa: BLE001", False),
        ("x = 1  # noqa", False),
        ("x = 1  # type: ignore", False),
    ],
)
def test_suppressions(line: str, expected: bool):
    assert test_names.SUPPRESSION.search(line)
    assert (test_names.EXPLAINED.search(line) is not None) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(**bounds: Unpack[Bounds]): ...", True),
        ("def f(*args: P.args, **kwargs: P.kwargs): ...", True),
        ("def f(**kwargs: object): ...", False),
        ("def f(**kwargs): ...", False),
    ],
)
def test_open_keywords(text: str, expected: bool):
    keywords = function_of(text).node.args.kwarg
    assert keywords is not None
    assert test_names.typed(keywords) is expected


def test_public_names():
    text = "def f(): ...\ndef _g(): ...\nclass A:\n    def h(self): ...\n    def _i(self): ..."
    assert [name for name, _ in test_docstrings.public(module_of(text).tree)] == ["f", "A", "A.h"]
