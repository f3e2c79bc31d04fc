"""A small journal, for the tests of it."""

import os
from datetime import UTC, date, datetime
from pathlib import Path

from quant_core.live.journal import Journal, JournalLimits
from quant_core.live.journal_entries import Noted
from quant_core.live.journal_files import Anchor, segment_path
from quant_core.live.journal_orders import FillReceived, OrderIntent
from quant_core.trading.orders import Side

AT = datetime(2024, 1, 2, 14, 15, tzinfo=UTC)
DAY = date(2024, 1, 2)
SMALL = JournalLimits(segment_bytes=2_000, anchor_every=5)
INTENT = OrderIntent("p-AAA-buy", DAY, "AAA", Side.BUY, "rebalance", 10, 0.05, 50_000_000, None)
FILL = FillReceived("e1", "p-AAA-buy", DAY, "AAA", Side.BUY, 10, 50_025_000, 50_000_000, 500_250)


def now() -> datetime:
    """A clock that stands still."""
    return AT


def opened(folder: Path, limits: JournalLimits | None = None, account: str = "DU1") -> Journal:
    """The journal of a folder, open."""
    return Journal.open(folder, account, now, limits)


def written(folder: Path, notes: int, limits: JournalLimits | None = None) -> Anchor:
    """A closed journal of so many notes; its anchor."""
    with opened(folder, limits) as journal:
        journal.append_all([Noted("n", str(number)) for number in range(notes)])
        return journal.anchor()


def lines_of(folder: Path, number: int = 1) -> list[bytes]:
    """The lines of one file, each with its line feed."""
    return segment_path(folder, number).read_bytes().splitlines(keepends=True)


def put(folder: Path, lines: list[bytes], number: int = 1) -> None:
    """Put lines in place of one file."""
    segment_path(folder, number).write_bytes(b"".join(lines))


def failing(number: int):
    """A call of the system that fails."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail
