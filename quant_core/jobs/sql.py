"""The SQL job: one read-only statement over a dataset of the warehouse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

from quant_core.data.warehouse import Warehouse
from quant_core.foundation.errors import UsageError
from quant_core.jobs.command_line import Outcome, Request
from quant_core.strategies import strategy_sections

Cell: TypeAlias = float | int | str | bool | None


def run(request: Request) -> Outcome:
    """Answer the statement; the document holds at most ``--limit`` rows."""
    limit: int = request.arguments.limit
    if limit < 0:
        raise UsageError("--limit is negative", expected="0 or more rows", found=str(limit))
    settings = request.load(strategy_sections()).settings
    warehouse = Warehouse(Path(settings.data.root))
    answer = warehouse.query(settings.data.dataset, request.arguments.statement)
    rows = [[_plain(value) for value in row] for row in answer.head(limit).rows()]
    names = answer.columns
    document: dict[str, object] = {
        "dataset": settings.data.dataset,
        "columns": names,
        "rows": rows,
        "total_rows": answer.height,
    }
    return Outcome(document, _table(names, rows, answer.height))


def _plain(value: object) -> Cell:
    """A cell as JSON knows it: dates and decimals as text, NaN and infinities as null."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case date():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case _:
            return str(value)


def _table(names: Sequence[str], rows: Sequence[Sequence[Cell]], total: int) -> str:
    """Columns of equal width, and how many rows there are in all."""
    texts = [[("" if cell is None else str(cell)) for cell in row] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(names, *texts, strict=True)]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in [list(names), *texts]
    ]
    counted = "1 row" if total == 1 else f"{total:,} rows"
    shown = counted if total == len(rows) else f"{len(rows):,} of {counted}"
    return "\n".join([*lines, shown])
