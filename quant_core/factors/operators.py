"""What a row of the operator table says, and how a row is found by name."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from quant_core.foundation.errors import ExpressionError, InvariantBroken
from quant_core.numerics.rolling import ema_look_back, wilder_look_back

LARGEST_WINDOW = 100_000
"""Sessions; about four centuries of trading, a guard against slips of the keyboard."""


class Family(StrEnum):
    """Which other cells an operator reads besides the same session and symbol."""

    ELEMENT = "element"
    TIME_SERIES = "time series"
    CROSS_SECTION = "cross-section"


class Kind(StrEnum):
    """What may stand at a place of an operator's argument list."""

    EXPRESSION = "expression"
    EXPRESSIONS = "expressions"
    WINDOW = "window"
    NUMBER = "number"
    GROUP = "group"


class LookBack(StrEnum):
    """Earlier sessions an operator reads, given its window n."""

    NONE = "0"
    DELAY = "n"
    WINDOW = "n - 1"
    SPAN = "memory of alpha = 2 / (n + 1)"
    WILDER = "memory of alpha = 1 / n"


class UnitRule(StrEnum):
    """How the unit class of a result follows from those of the expressions."""

    ADD = "common unit of the arguments"
    MULTIPLY = "product of the units"
    DIVIDE = "quotient of the units"
    SAME = "unit of the first argument"
    RATIO = "ratio"
    RANK = "rank"
    BOOLEAN = "boolean"
    COMPARE = "boolean; the arguments share a unit"
    CHOOSE = "common unit of the second and third argument"
    SESSIONS = "sessions"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One place of an operator's argument list.

    ``minimum`` and ``maximum`` bound windows and numbers; ``whole`` asks for an
    integer; ``default`` is filled in by the parser, so that a tree is always complete.
    ``at_least`` counts the arguments a variadic parameter needs.
    """

    name: str
    kind: Kind
    minimum: float = -math.inf
    maximum: float = math.inf
    whole: bool = False
    default: float | None = None
    at_least: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One row of the operator table.

    Parameters
    ----------
    name, family, parameters
        Canonical name; which cells it reads; what it takes, in order.
    units, look_back
        Rules from which unit class and look-back of a tree are derived.
    missing
        NaN policy in words.
    kernel, twin
        Names of the computation and of its readable twin (``quant_core.numerics.reference_*``).
        An element operator's function in ``quant_core.factors.elementwise`` is both.
    cost
        Rough price in passes over the panel (one pass = read and write every cell once).
    documentation
        One line.
    aliases
        Other names that mean exactly the same operator with the same arguments.
    """

    name: str
    family: Family
    parameters: tuple[Parameter, ...]
    units: UnitRule
    missing: str
    kernel: str
    twin: str
    cost: float
    documentation: str
    look_back: LookBack = LookBack.NONE
    aliases: tuple[str, ...] = ()

    @property
    def signature(self) -> str:
        """``name(x, n)`` as documentation and errors show it."""
        return f"{self.name}({', '.join(_place(parameter) for parameter in self.parameters)})"

    @property
    def variadic(self) -> bool:
        """Whether the last parameter takes any number of expressions."""
        return self.parameters[-1].kind is Kind.EXPRESSIONS

    @property
    def fewest(self) -> int:
        """Smallest number of arguments a text may give."""
        required = [p for p in self.parameters if p.default is None]
        return len(required) + (self.parameters[-1].at_least - 1 if self.variadic else 0)

    @property
    def most(self) -> float:
        """Largest number of arguments; infinite for a variadic operator."""
        return math.inf if self.variadic else len(self.parameters)

    def parameter_at(self, place: int) -> Parameter:
        """The parameter that argument number ``place`` (from 0) fills."""
        return self.parameters[min(place, len(self.parameters) - 1)]

    def window_of(self, arguments: Iterable[float | None]) -> int:
        """The window among the arguments' literal values; 1 for an operator without one."""
        pairs = zip(self.parameters, arguments, strict=False)
        values = [value for parameter, value in pairs if parameter.kind is Kind.WINDOW]
        return 1 if not values or values[0] is None else int(values[0])

    def earlier_sessions(self, window: int) -> int:
        """Sessions before the present one that the operator itself reads."""
        match self.look_back:
            case LookBack.NONE:
                return 0
            case LookBack.DELAY:
                return window
            case LookBack.WINDOW:
                return window - 1
            case LookBack.SPAN:
                return ema_look_back(window)
            case LookBack.WILDER:
                return wilder_look_back(window)


class OperatorTable(Mapping[str, Operator]):
    """Canonical names to rows; refuses a name or alias that is used twice.

    Examples
    --------
    >>> row = Operator(name="log", family=Family.ELEMENT, units=UnitRule.RATIO, cost=1.0,
    ...     parameters=(Parameter("x", Kind.EXPRESSION),), missing="", kernel="", twin="",
    ...     documentation="natural logarithm", aliases=("ln",))
    >>> table = OperatorTable([row])
    >>> table["log"].signature, table.canonical("ln"), table.nearest("lgo")
    ('log(x)', 'log', 'log')
    """

    def __init__(self, rows: Iterable[Operator]) -> None:
        self._rows = {row.name: row for row in rows}
        self._canonical: dict[str, str] = {}
        for row in self._rows.values():
            for name in (row.name, *row.aliases):
                if name in self._canonical:
                    raise InvariantBroken(f"operator name {name!r} is given twice")
                self._canonical[name] = row.name

    def __getitem__(self, name: str) -> Operator:
        if name not in self._rows:
            raise ExpressionError("unknown operator", found=name, fix=self.hint(name))
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    @property
    def names(self) -> Mapping[str, str]:
        """Every accepted name, aliases included, with its canonical name."""
        return MappingProxyType(self._canonical)

    def canonical(self, name: str) -> str | None:
        """The canonical name behind ``name``, or None if no row has it."""
        return self._canonical.get(name)

    def nearest(self, name: str) -> str | None:
        """The known name most like ``name``, if any is like it at all."""
        near = difflib.get_close_matches(name, self._canonical, n=1)
        return near[0] if near else None

    def hint(self, name: str) -> str:
        """A sentence that points from an unknown name to the nearest known one."""
        near = self.nearest(name)
        if near is None:
            return ""
        return f"did you mean {near!r}? {self._rows[self._canonical[near]].signature}"


def _place(parameter: Parameter) -> str:
    if parameter.kind is Kind.EXPRESSIONS:
        return f"{parameter.name}, ..." if parameter.at_least else f"{parameter.name}..."
    if parameter.default is not None:
        return f"{parameter.name} = {parameter.default:g}"
    return parameter.name
