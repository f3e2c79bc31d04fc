"""docs/reference/operators.md, rendered from the operator table and the dialect tables."""

from __future__ import annotations

from quant_core.factors.dialects import (
    OVERLOADED,
    QLIB_REWRITTEN,
    REFUSED,
    REWRITTEN,
    ROLLING_EXTREMES,
)
from quant_core.factors.fields import DERIVED_FIELDS, GROUP_FIELDS, NUMBER_FIELDS
from quant_core.factors.grammar import SYMBOL_OF
from quant_core.factors.operator_table import OPERATOR_VERSION, OPERATORS
from quant_core.factors.operators import Family, LookBack, Operator
from quant_core.factors.printer import to_text

_INTRODUCTION = f"""\
# Operators of the factor language

This page is rendered from the operator table; a test holds it equal to the table. Operator
version {OPERATOR_VERSION}: part of the key of every stored factor value.

A factor is a text such as `-1 * ts_corr(rank(open), rank(volume), 10)`. Names are
case-insensitive. Windows (`n`) are positive integers written out, and count the present session;
a negative delay does not exist. A field, a name that is not followed by a parenthesis, is a
column of the dataset.

## How symbols bind, from loosest to tightest

| symbols | meaning |
|---|---|
| `c ? x : y` | `where(c, x, y)`; right associative |
| `\\|` `\\|\\|` `or` | logical or |
| `&` `&&` `and` | logical and |
| `not` | logical not of the whole comparison after it |
| `<` `<=` `>` `>=` `==` `!=` | comparison; does not chain |
| `+` `-` | sum, difference |
| `*` `/` | product, quotient |
| `-x` `+x` `!x` | sign, logical not |
| `^` `**` | power; right associative, `-x ^ 2` is `-(x ^ 2)` |
"""

_VALUES = """\
## Values

- Truth is 1 and 0; a comparison, `&`, `|` or `!` with an unknown operand is unknown (NaN).
- `x / 0` is NaN, and so are `0 / 0`, the logarithm of zero or less, and the square root or a
  fractional power of a negative number.
- Infinite field values count as unknown. An infinity that overflow produces travels through
  element operators, is unknown to every other operator, and becomes NaN in a finished factor.
- A time-series operator needs every observation of its window, a cross-section operator works
  on the names known at the session, unless the row says otherwise.
"""


def render_operator_reference() -> str:
    """The page as Markdown text."""
    parts = [_INTRODUCTION, _VALUES, _fields()]
    parts += [_family(family) for family in Family]
    return "\n".join([*parts, _dialects()])


def _fields() -> str:
    derived = [f"`{name}` is `{to_text(tree)}`" for name, tree in DERIVED_FIELDS.items()]
    return f"""\
## Fields

Known by their unit class: {_code(sorted(NUMBER_FIELDS))}; any other column of the dataset may be
used as well. {"; ".join(derived)}; `adv20`, with any number, is `ts_mean(amount, 20)`. Nothing
else is derived: a factor whose field the dataset lacks is unavailable.
Groups, allowed only where an operator takes one: {_code(sorted(GROUP_FIELDS))} and other
classifications of the dataset; `IndClass.sector` is `sector`.
"""


def _family(family: Family) -> str:
    rows = [row for row in OPERATORS.values() if row.family is family]
    table = [f"## {family.value.capitalize()} operators", "", *_HEADER]
    return "\n".join([*table, *(_row(row) for row in rows), ""])


_HEADER = (
    "| operator | meaning | unknown values | look-back | unit | also written |",
    "|---|---|---|---|---|---|",
)


def _row(row: Operator) -> str:
    symbol = SYMBOL_OF.get(row.name)
    also = ([symbol.replace("|", "\\|")] if symbol else []) + sorted(row.aliases)
    look_back = row.look_back.value if row.look_back is not LookBack.NONE else ""
    cells = (f"`{row.signature}`", _escaped(row.documentation), row.missing, look_back)
    return f"| {' | '.join((*cells, row.units.value, _code(also)))} |"


def _dialects() -> str:
    lines = ["## Names of other dialects", "", "Names that depend on the number of arguments:", ""]
    lines += ["| name | arguments | operator |", "|---|---|---|"]
    for name, counts in OVERLOADED.items():
        lines += [f"| `{name}` | {count} | `{row}` |" for count, row in counts.items()]
    lines += ["", _EXTREMES, "", "Names whose numbers differ, rewritten with our operators:", ""]
    lines += ["| name | checked as | difference |", "|---|---|---|"]
    for where, table in (("", REWRITTEN), (" in a text with `$`", QLIB_REWRITTEN)):
        for name, entry in table.items():
            lines.append(f"| `{name}`{where} | `{entry.operator}` | {entry.difference} |")
    lines += ["", "Refused:", ""]
    lines += [f"- `{name}`: {reason}." for name, reason in REFUSED.items()]
    return "\n".join([*lines, ""])


_EXTREMES = (
    f"{' and '.join(f'`{name}(x, n)`' for name in ROLLING_EXTREMES)} look back n sessions in a "
    "text that writes its fields with `$` (Qlib's dialect). Elsewhere they compare two values, "
    "and are refused when the second is a positive integer, since dialects disagree."
)


def _code(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
