"""Every text that an error of the product can carry, found in the parsed files.

A text is followed from the call that makes the error back to where it is written: through
conditions, names, parameters of the function that raises and the texts that a function
returns. What varies is a place, ``{}``: ``f"unknown dataset {name!r}"`` is the template
``unknown dataset {}``. Where nothing but places is left, the text is data.
"""

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

from tests.house.source_index import (
    Scope,
    SourceIndex,
    argument,
    assigned,
    defaults,
    last_name,
    nodes,
    parameters,
)
from tests.house.source_tree import Module, product_modules

PLACE = "{}"
TOLD = ("problem", "expected", "fix")
"""Parts of an error that are sentences; the others are data with a few fixed phrases."""

SHOWN = ("found", "where")
ROOTS = frozenset({"QuantError", "Conflict"})
"""What is an error, with all that inherits from it; conflicts of settings become errors."""

GIVEN_CLASS = "_error"
"""How a class of errors is called that an object was given to raise."""

MOST_TEMPLATES = 60
"""Of one text; what has more varies too much to be written out, and is a place."""

MOST_WORDS = 4
"""Of single words that stand at one place of a sentence; more of them are data."""

INDIRECT = (
    ("config/problems.py", "_advice_on_words", "fix"),
    ("config/problems.py", "_advice_on_switches", "fix"),
    ("config/problems.py", "_advice_on_numbers", "fix"),
    ("config/problems.py", "_advice_on_colons", "fix"),
    ("quant_core/data/sources/tables.py", "REFUSED_BY_CAUSE", "problem"),
    ("quant_core/data/quality.py", "_refusals", "found"),
)
"""Functions and tables whose texts reach an error through a loop, which is not followed.

Of a function they are what it returns, or appends to what it returns.
"""


@dataclass(frozen=True, slots=True)
class ErrorText:
    """One template, the part of the error it stands in, and where that error is made."""

    template: str
    part: str
    place: str


def error_texts(modules: Sequence[Module] | None = None) -> list[ErrorText]:
    """The texts of every error that ``modules`` make, those that are data left out."""
    return list(_texts(tuple(modules or product_modules())))


def _texts(modules: Sequence[Module]) -> Iterator[ErrorText]:
    index = SourceIndex(modules)
    templates = _Follower(index).templates
    for call, scope in _makings(index):
        for part, value in _parts(call).items():
            place = f"{scope.module.name}:{call.lineno}"
            yield from (ErrorText(t, part, place) for t in _of_words(templates(value, scope)))
    scopes = {module.name: Scope(module) for module in modules}
    for path, name, part in INDIRECT:
        for value, scope in _indirect(index, scopes[path], name) if path in scopes else ():
            found = _of_words(templates(value, scope))
            yield from (ErrorText(t, part, f"{path} {name}") for t in found)


def _makings(index: SourceIndex) -> Iterator[tuple[ast.Call, Scope]]:
    """The calls that make an error of the texts they give."""
    family = index.family(ROOTS)
    with_own_way = {
        c.name
        for c in index.classes
        if any(isinstance(node, ast.FunctionDef) and node.name == "__init__" for node in c.body)
    }
    for name in sorted((family - with_own_way) | ROOTS | {GIVEN_CLASS}):
        yield from index.calls[name]
    for name in ("cls", "super().__init__"):
        for call, scope in index.calls[name.rpartition(".")[2]]:
            if ast.unparse(call.func) == name and scope.owner in family:
                yield call, scope


def _parts(call: ast.Call) -> dict[str, ast.expr]:
    given = {item.arg: item.value for item in call.keywords if item.arg in (*TOLD, *SHOWN)}
    return {**given, "problem": call.args[0]} if call.args else given


def _indirect(index: SourceIndex, scope: Scope, name: str) -> Iterator[tuple[ast.expr, Scope]]:
    for table in index.constants[scope.module.name, name]:
        assert isinstance(table, ast.Dict)
        yield from ((value, scope) for value in table.values)
    for inner in index.functions[name]:
        if inner.module is scope.module and inner.function is not None:
            yield ast.Call(ast.Name(name), [], []), scope
            for node in nodes(inner.function):
                if isinstance(node, ast.Call) and last_name(node) == "append":
                    yield node.args[0], inner


def _of_words(templates: frozenset[str]) -> list[str]:
    return sorted(t for t in templates if re.search(r"[A-Za-z]", t.replace(PLACE, "")))


class _Follower:
    """Follows an expression to the texts it may be."""

    def __init__(self, index: SourceIndex) -> None:
        self._index = index
        self._open: set[tuple[int, str]] = set()

    def templates(self, node: ast.expr, scope: Scope) -> frozenset[str]:
        """What an expression may read, as templates."""
        found = frozenset(self._written(node, scope))
        return found if len(found) <= MOST_TEMPLATES else frozenset({PLACE})

    def _written(self, node: ast.expr, scope: Scope) -> Iterator[str]:
        match node:
            case ast.Constant(value=str(text)):
                yield text.replace("{", "{{").replace("}", "}}")
            case ast.JoinedStr(values=parts):
                yield from self._joined(parts, scope)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                yield from self._joined([left, right], scope)
            case ast.Name(id=name):
                yield from self._once(scope, name, partial(self._named, name, scope))
            case ast.Call():
                yield from self._returned(node, scope)
            case _:
                for choice in _choices(node):
                    yield from self.templates(choice, scope)
                if not _choices(node):
                    yield PLACE

    def _joined(self, parts: Sequence[ast.expr], scope: Scope) -> Iterator[str]:
        choices = [_within_a_sentence(self.templates(part, scope)) for part in parts]
        for pieces in product(*choices):
            yield "".join(pieces).replace(PLACE + PLACE, PLACE)

    def _once(self, scope: Scope, name: str, follow: Callable[[], Iterator[str]]) -> Iterator[str]:
        """A name that is being followed already leads in a circle: it varies."""
        key = (id(scope.function), name)
        if key in self._open:
            yield PLACE
            return
        self._open.add(key)
        try:
            yield from follow()
        finally:
            self._open.discard(key)

    def _named(self, name: str, scope: Scope) -> Iterator[str]:
        values: list[ast.expr | None] = []
        if scope.function is not None:
            values += assigned(name, scope.function)
            if name in parameters(scope.function):
                yield from self._given(name, scope)
            elif not values:
                values += self._index.constants[scope.module.name, name] or [None]
        else:
            values += self._index.constants[scope.module.name, name] or [None]
        for value in values:
            yield from [PLACE] if value is None else self.templates(value, scope)

    def _given(self, name: str, scope: Scope) -> Iterator[str]:
        """What the callers of a function give for a parameter."""
        function = scope.function
        assert function is not None
        given = [
            (value, caller)
            for call, caller in self._index.calls[function.name]
            if self._index.sees(caller.module, scope.module)
            and (value := argument(call, name, function)) is not None
        ]
        given += [(value, scope) for key, value in defaults(function).items() if key == name]
        for value, caller in given:
            yield from self.templates(value, caller)
        if not given:
            yield PLACE

    def _returned(self, call: ast.Call, scope: Scope) -> Iterator[str]:
        """The texts that a function of the product returns."""
        found = self._index.functions[last_name(call)]
        here = [inner for inner in found if inner.module is scope.module] or found
        inner = here[0] if len(here) == 1 else None
        function = inner.function if inner else None
        if inner is None or function is None or not _tells(function):
            yield PLACE
            return
        for node in nodes(function):
            if isinstance(node, ast.Return) and node.value is not None:
                follow = partial(self._written, node.value, inner)
                yield from self._once(inner, "return", follow)


def _choices(node: ast.expr) -> list[ast.expr]:
    """The expressions one of which the value of ``node`` is."""
    match node:
        case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
            return [value]
        case ast.IfExp(body=body, orelse=orelse):
            return [body, orelse]
        case ast.BoolOp(values=values):
            return values
        case ast.NamedExpr(value=value):
            return [value]
        case _:
            return []


def _tells(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return function.returns is not None and "str" in ast.unparse(function.returns)


def _within_a_sentence(choices: frozenset[str]) -> list[str]:
    """The choices of a part of a sentence; single words among data, or many, are data."""
    words = {text for text in choices if " " not in text.strip()}
    if (PLACE in choices and len(choices) > 1) or len(words) > MOST_WORDS:
        return sorted((choices - words) | {PLACE})
    return sorted(choices)
