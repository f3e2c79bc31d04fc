"""The keys of every alert the code can post, found by following what stands in ``Alert(...)``."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PRODUCT = Path(__file__).resolve().parents[2] / "quant_core"
FOLDERS = ("live", "jobs", "notify", "brokers", "risk")

INCIDENT = "each.kind"
"""What stands for the kind of an incident of a decision or of the look at a book."""

MADE_AGAIN = ("entry_file.py", "repeats.py")
"""Modules whose alerts were posted before: their keys are those of others."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A key as the page lists it (``limit:...``), or a place that could not be followed."""

    key: str
    place: str
    followed: bool = True


def product_files() -> list[Path]:
    """Modules in which alerts are made."""
    found = [path for name in FOLDERS for path in sorted((PRODUCT / name).rglob("*.py"))]
    return [path for path in found if path.name not in MADE_AGAIN]


def incident_kinds() -> list[str]:
    """Kinds of the incidents that deciding and looking at a book may bring."""
    tree = ast.parse((PRODUCT / "trading_day.py").read_text("utf-8"))
    return [
        ast.literal_eval(node.args[1])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Incident"
    ]


def posted_keys(path: Path, text: str | None = None) -> list[Finding]:
    """Every key a module posts."""
    tree = ast.parse(path.read_text("utf-8") if text is None else text)
    return [
        Finding(key or ast.unparse(call), f"{path.name}:{call.lineno}", key is not None)
        for function, call in _alerts(tree)
        for key in _keys(call.args[0] if call.args else _named(call), function, tree)
    ]


def _alerts(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.Call]]:
    """Calls of ``Alert``, each with the function around it."""
    seen: set[int] = set()
    # The innermost function comes last in the walk, so that it is looked at first.
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    for around in (*reversed(functions), tree):
        for node in ast.walk(around):
            named = isinstance(node, ast.Call) and ast.unparse(node.func) == "Alert"
            if named and id(node) not in seen:
                seen.add(id(node))
                yield around, node


def _named(call: ast.Call) -> ast.expr:
    return next(word.value for word in call.keywords if word.arg == "key")


def _keys(node: ast.expr, around: ast.AST, tree: ast.Module) -> list[str | None]:
    """What a key may be; None for one that cannot be followed."""
    match node:
        case ast.Constant(value=str(key)):
            return [key]
        case ast.JoinedStr(values=[ast.Constant(value=str(start)), *_]) if ":" in start:
            return [start.partition(":")[0] + ":..."]
        case ast.JoinedStr(values=[ast.FormattedValue(value=word), ast.Constant(), *_]):
            told = incident_kinds() if ast.unparse(word) == INCIDENT else []
            return [f"{kind}:..." for kind in told] or [None]
        case ast.Name(id=name):
            return _keys_of_name(name, around, tree)
        case ast.IfExp(body=first, orelse=second):
            return _keys(first, around, tree) + _keys(second, around, tree)
        case _:
            return [None]


def _keys_of_name(name: str, around: ast.AST, tree: ast.Module) -> list[str | None]:
    assigned = [
        key
        for node in ast.walk(around)
        if isinstance(node, ast.Assign) and any(name in _targets(each) for each in node.targets)
        for value in [_value(node, name)]
        for key in _keys(value, around, tree)
    ] or _keys_of_constant(name, tree)
    if assigned or not isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef):
        return assigned or [None]
    arguments = [argument.arg for argument in around.args.args if argument.arg != "self"]
    if name not in arguments:
        return [None]
    place = arguments.index(name)
    return [
        key
        for caller, call in _calls_of(around.name, tree)
        for key in _keys(call.args[place], caller, tree)
    ] or [None]


def _keys_of_constant(name: str, tree: ast.Module) -> list[str | None]:
    return [
        key
        for node in tree.body
        if isinstance(node, ast.Assign) and name in _targets(node.targets[0])
        for key in _keys(node.value, tree, tree)
    ]


def _targets(node: ast.expr) -> Sequence[str]:
    names = node.elts if isinstance(node, ast.Tuple) else [node]
    return [each.id for each in names if isinstance(each, ast.Name)]


def _value(node: ast.Assign, name: str) -> ast.expr:
    target = node.targets[0]
    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
        return node.value.elts[_targets(target).index(name)]
    return node.value


def _calls_of(name: str, tree: ast.Module) -> Iterator[tuple[ast.AST, ast.Call]]:
    for around in ast.walk(tree):
        if not isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(around):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (name, f"self.{name}"):
                yield around, node
