"""The paper broker's books on disk: SQLite, one transaction a transition.

A process that is killed at any moment leaves the books as they were before a transition or
as they were after it. Nobody else opens them meanwhile, and nobody else here writes SQL.

==========  =====================================================================
state       one row: the venue's clock, counters, connection, faults
ledger      every change of the account, in order; replaying it gives the portfolio
orders      every order as it now is
executions  every execution
happened    what the venue told since the session began, or since the link was lost
delivered   what the client was told, numbered
==========  =====================================================================
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from quant_core.brokers.paper.ledger import LedgerEntry
from quant_core.brokers.paper.stored_values import text_of, value_of
from quant_core.brokers.paper.venue_orders import VenueOrder
from quant_core.brokers.port import BrokerEvent, EventBody, Executed
from quant_core.foundation.errors import QuantError, SourceUnreachable, UsageError
from quant_core.foundation.types import Session

SCHEMA = 1
IN_MEMORY = Path(":memory:")
"""Books that are gone with the process."""

_TABLES = """
create table state (one integer primary key check (one = 1), content text not null) strict;
create table ledger (number integer primary key, content text not null) strict;
create table orders (
    number integer primary key, reference text not null, row integer not null,
    content text not null
) strict;
create index orders_by_reference on orders (reference);
create index orders_by_row on orders (row);
create table executions (
    number integer primary key, execution_id text not null unique, reference text not null,
    session text not null, content text not null
) strict;
create index executions_by_session on executions (session);
create table happened (
    number integer primary key, session text not null, content text not null
) strict;
create table delivered (
    number integer primary key, at text not null, content text not null
) strict;
"""


class BooksUnusable(SourceUnreachable):
    """The books cannot be read or written; what is on disk is a complete older state."""


class BooksInUse(UsageError):
    """Another process has the books open: two workers would trade one account."""


@dataclass(frozen=True, slots=True)
class Happened:
    """Something the venue told, before any fault touched it."""

    number: int
    session: Session
    body: EventBody


@dataclass(frozen=True, slots=True)
class Transition:
    """Everything one transition writes; ``forget_before`` drops older rows of ``happened``."""

    state: object
    orders: Sequence[VenueOrder] = ()
    executions: Sequence[Executed] = ()
    entries: Sequence[LedgerEntry] = ()
    happened: Sequence[Happened] = ()
    delivered: Sequence[BrokerEvent] = ()
    forget_before: int = 0


class Books:
    """The books in one file.

    Parameters
    ----------
    path : Path
        The file, made with its folder when it is not there; :data:`IN_MEMORY` for none.

    Raises
    ------
    BooksInUse
        If somebody else has them open; they stay his until his process ends.
    BooksUnusable
        If they cannot be read.
    UsageError
        If they were written by another version of their schema.

    Examples
    --------
    >>> books = Books(IN_MEMORY)
    >>> books.state_text() is None, books.events(0)
    (True, [])
    >>> books.close()
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _translated(path, opening=True):
            if path != IN_MEMORY:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=0.0, isolation_level=None)
        try:
            with _translated(path, opening=True):
                self._prepare()
        except QuantError:
            self._connection.close()
            raise

    def write(self, transition: Transition) -> None:
        """Write a transition whole.

        Raises
        ------
        BooksUnusable
            If it could not be written; the books then are as before.
        """
        with _translated(self.path):
            self._connection.execute("begin immediate")
            try:
                self._write(transition)
                self._connection.execute("commit")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("rollback")
                raise

    def state_text(self) -> str | None:
        """The stored state; None in new books."""
        rows = self._rows("select content from state")
        return str(rows[0][0]) if rows else None

    def entries(self) -> Iterator[LedgerEntry]:
        """The account's ledger from its beginning."""
        for (content,) in self._rows("select content from ledger order by number"):
            yield cast("LedgerEntry", value_of(str(content), object))

    def orders_from(self, row: int) -> list[VenueOrder]:
        """Orders of the session of ``row`` and of later ones."""
        sql = "select content from orders where row >= ? order by number"
        return [value_of(str(found[0]), VenueOrder) for found in self._rows(sql, row)]

    def orders_under(self, reference: str) -> list[VenueOrder]:
        """Every order that ever came under a reference."""
        sql = "select content from orders where reference = ? order by number"
        return [value_of(str(row[0]), VenueOrder) for row in self._rows(sql, reference)]

    def all_orders(self) -> list[VenueOrder]:
        """Every order there ever was."""
        found = self._rows("select content from orders order by number")
        return [value_of(str(row[0]), VenueOrder) for row in found]

    def executions_of(self, session: Session) -> list[Executed]:
        """Executions of a session."""
        sql = "select content from executions where session = ? order by number"
        return [value_of(str(row[0]), Executed) for row in self._rows(sql, session.isoformat())]

    def all_executions(self) -> list[Executed]:
        """Every execution there ever was."""
        found = self._rows("select content from executions order by number")
        return [value_of(str(row[0]), Executed) for row in found]

    def happened_since(self, number: int) -> list[Happened]:
        """What the venue told from ``number`` on, as far as it is kept."""
        sql = "select number, session, content from happened where number >= ? order by number"
        return [
            Happened(
                int(str(row[0])),
                Session.fromisoformat(str(row[1])),
                cast("EventBody", value_of(str(row[2]), object)),
            )
            for row in self._rows(sql, number)
        ]

    def events(self, after: int) -> list[BrokerEvent]:
        """What the client was told with numbers above ``after``."""
        sql = "select number, at, content from delivered where number > ? order by number"
        return [
            BrokerEvent(
                int(str(row[0])),
                datetime.fromisoformat(str(row[1])),
                cast("EventBody", value_of(str(row[2]), object)),
            )
            for row in self._rows(sql, after)
        ]

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _prepare(self) -> None:
        connection = self._connection
        # Held from the first statement to the end of the process: one writer, no reader
        # between two of its transitions.
        connection.execute("pragma locking_mode = exclusive")
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute("begin immediate")
        (version,) = connection.execute("pragma user_version").fetchone()
        if version == 0:
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"pragma user_version = {SCHEMA}")
        connection.execute("commit")
        if version not in (0, SCHEMA):
            raise UsageError(
                "the paper broker's books were written by another version",
                expected=f"schema {SCHEMA}",
                found=f"schema {version}",
                where=str(self.path),
                fix="use the version that wrote them, or begin new books under another name",
            )

    def _write(self, transition: Transition) -> None:
        run, many = self._connection.execute, self._connection.executemany
        run("insert or replace into state values (1, ?)", (text_of(transition.state),))
        many(
            "insert into ledger (content) values (?)",
            [(text_of(entry),) for entry in transition.entries],
        )
        many(
            "insert or replace into orders values (?, ?, ?, ?)",
            [_order_row(order) for order in transition.orders],
        )
        many(
            "insert into executions (execution_id, reference, session, content)"
            " values (?, ?, ?, ?)",
            [
                (done.execution_id, done.reference, done.session.isoformat(), text_of(done))
                for done in transition.executions
            ],
        )
        if transition.forget_before:
            run("delete from happened where number < ?", (transition.forget_before,))
        many(
            "insert into happened values (?, ?, ?)",
            [(h.number, h.session.isoformat(), text_of(h.body)) for h in transition.happened],
        )
        many(
            "insert into delivered values (?, ?, ?)",
            [(e.number, e.at.isoformat(), text_of(e.body)) for e in transition.delivered],
        )

    def _rows(self, sql: str, *values: str | int) -> list[tuple[object, ...]]:
        with _translated(self.path):
            return self._connection.execute(sql, values).fetchall()


def _order_row(order: VenueOrder) -> tuple[int, str, int, str]:
    return order.number, order.intent.reference, order.row, text_of(order)


@contextmanager
def _translated(path: Path, *, opening: bool = False) -> Generator[None]:
    """Errors of the library and of the disk in our words."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if opening and _is_busy(error):
            raise BooksInUse(
                "another process has the paper broker's books open",
                expected="one worker an account: the books are the account",
                found=str(error),
                where=str(path),
                fix="end that worker, or give this one books of its own: --set broker.books=...",
            ) from error
        raise BooksUnusable(
            "the paper broker's books cannot be used",
            expected="a file that this process can read and write",
            found=str(error),
            where=str(path),
            fix="free disk space, make the file and its folder writable, and start again",
        ) from error


def _is_busy(error: Exception) -> bool:
    """Whether another connection holds the file; the low byte says it for every extended code."""
    code: object = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF == sqlite3.SQLITE_BUSY
