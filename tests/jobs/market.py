"""A market of a few names by hand, for the tests of the command line.

GONE leaves the exchange, HALT has no open on one day: both make the ledger work.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TypeAlias

Row: TypeAlias = dict[str, str]

FIELDS = ("symbol", "date", "open", "high", "low", "close", "volume", "delisted")
SYMBOLS = ("AAA", "BBB", "CCC", "GONE", "HALT")
FIRST = date(2020, 1, 1)
DAYS = tuple(FIRST + timedelta(days=number) for number in range(70))
LAST_OF_GONE = DAYS[50]
HALTED = DAYS[35]
"""A day in which HALT is a close without an open."""


def rows(seed: int = 31) -> list[Row]:
    """Prices of a random walk with overnight gaps, in the 24/7 calendar, ascending."""
    chance = random.Random(seed)
    made: list[Row] = []
    for symbol in SYMBOLS:
        price = chance.uniform(20, 90)
        for day in DAYS:
            opened = price * (1 + chance.gauss(0, 0.01))
            price = opened * (1 + chance.gauss(0, 0.015))
            if symbol != "GONE" or day <= LAST_OF_GONE:
                made.append(_bar(symbol, day, round(opened, 2), round(price, 2)))
    return made


def _bar(symbol: str, day: date, opened: float, close: float) -> Row:
    numbers = {
        "open": "" if symbol == "HALT" and day == HALTED else f"{opened:.2f}",
        "high": f"{max(opened, close) + 0.5:.2f}",
        "low": f"{min(opened, close) - 0.5:.2f}",
        "close": f"{close:.2f}",
        "volume": str(10_000 + day.toordinal() % 97),
    }
    gone = LAST_OF_GONE.isoformat() if symbol == "GONE" else ""
    return {"symbol": symbol, "date": day.isoformat(), **numbers, "delisted": gone}


def altered(places: Mapping[int, Row]) -> list[Row]:
    """The market with some cells of some rows replaced."""
    return [{**row, **places.get(number, {})} for number, row in enumerate(rows())]


def write_csv(path: Path, lines: Iterable[Row], fields: Sequence[str] = FIELDS) -> Path:
    """The rows as a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(fields)
        writer.writerows([row[field] for field in FIELDS] for row in lines)
    return path
