"""The functions, classes and calls of some modules by their names, for following a value."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from tests.house.source_tree import Module

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a name is looked up."""

    module: Module
    function: FunctionNode | None = None
    owner: str = ""
    """The class around it."""


class SourceIndex:
    """What some modules define and call."""

    def __init__(self, modules: Sequence[Module]) -> None:
        self.functions: dict[str, list[Scope]] = defaultdict(list)
        self.calls: dict[str, list[tuple[ast.Call, Scope]]] = defaultdict(list)
        self.constants: dict[tuple[str, str], list[ast.expr]] = defaultdict(list)
        self.classes: list[ast.ClassDef] = []
        self._imports: dict[str, set[str]] = defaultdict(set)
        for module in modules:
            self._below(module.tree, Scope(module))

    def sees(self, module: Module, other: Module) -> bool:
        """Whether ``module`` is ``other`` or imports from it."""
        dotted = other.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return module is other or dotted in self._imports[module.name]

    def family(self, roots: frozenset[str]) -> frozenset[str]:
        """The classes that are ``roots`` or inherit from one of them."""
        family, size = roots, 0
        while len(family) > size:
            size = len(family)
            family |= {c.name for c in self.classes if {ast.unparse(b) for b in c.bases} & family}
        return family

    def _below(self, node: ast.AST, scope: Scope) -> None:
        for child in ast.iter_child_nodes(node):
            inner = scope
            match child:
                case ast.ClassDef():
                    inner = Scope(scope.module, None, child.name)
                    self.classes.append(child)
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    inner = Scope(scope.module, child, scope.owner)
                    self.functions[child.name].append(inner)
                case ast.Call():
                    self.calls[last_name(child)].append((child, scope))
                case _:
                    self._statement(child, scope)
            self._below(child, inner)

    def _statement(self, node: ast.AST, scope: Scope) -> None:
        match node:
            case ast.ImportFrom(module=module, names=names):
                within = {f"{module}.{item.name}" for item in names}
                self._imports[scope.module.name] |= {str(module)} | within
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                if scope.function is None:
                    self.constants[scope.module.name, name].append(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                if scope.function is None:
                    self.constants[scope.module.name, name].append(value)


def last_name(call: ast.Call) -> str:
    """``c`` of the call ``a.b.c(...)``."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


@cache
def nodes(function: FunctionNode) -> tuple[ast.AST, ...]:
    """Everything within a function."""
    return tuple(ast.walk(function))


def parameters(function: FunctionNode) -> list[str]:
    """The names of the parameters."""
    given = function.args
    return [item.arg for item in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def defaults(function: FunctionNode) -> Mapping[str, ast.expr]:
    """What the parameters are where a call does not give them."""
    given = function.args
    placed = [*given.posonlyargs, *given.args]
    tail = placed[len(placed) - len(given.defaults) :]
    named = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    return {
        **{item.arg: value for item, value in zip(tail, given.defaults, strict=True)},
        **{item.arg: value for item, value in named if value is not None},
    }


def argument(call: ast.Call, name: str, function: FunctionNode) -> ast.expr | None:
    """What ``call`` gives for the parameter ``name``; None if it leaves it to the default."""
    for item in call.keywords:
        if item.arg == name:
            return item.value
    placed = [item.arg for item in (*function.args.posonlyargs, *function.args.args)]
    if placed[:1] in (["self"], ["cls"]):
        placed = placed[1:]
    if name not in placed or any(isinstance(item, ast.Starred) for item in call.args):
        return None
    index = placed.index(name)
    return call.args[index] if index < len(call.args) else None


def assigned(name: str, function: FunctionNode) -> Iterator[ast.expr | None]:
    """The expressions that ``name`` stands for; None for one that cannot be followed."""
    for node in nodes(function):
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from _unpacked(name, target, value)
            case ast.AnnAssign(target=target, value=value):
                yield from _unpacked(name, target, value)
            case ast.NamedExpr(target=target, value=value):
                yield from _unpacked(name, target, value)
            case ast.AugAssign(target=target):
                yield from _unpacked(name, target, None)
            case ast.For(target=target, iter=rows) | ast.comprehension(target=target, iter=rows):
                yield from _looped(name, target, rows, function)
            case _:
                continue


def _looped(
    name: str, target: ast.expr, rows: ast.expr, function: FunctionNode
) -> Iterator[ast.expr | None]:
    """What a loop over ``rows`` gives ``name``."""
    if name not in {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}:
        return
    tables = assigned(rows.id, function) if isinstance(rows, ast.Name) else [rows]
    for table in tables:
        written = isinstance(table, ast.Tuple | ast.List)
        for row in table.elts if written else [None]:
            yield from _unpacked(name, target, row)


def _unpacked(name: str, target: ast.expr, value: ast.expr | None) -> Iterator[ast.expr | None]:
    if isinstance(target, ast.Name) and target.id == name:
        yield value
    elif isinstance(target, ast.Tuple):
        for index, item in enumerate(target.elts):
            if isinstance(item, ast.Name) and item.id == name:
                known = isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts)
                yield value.elts[index] if known else None
