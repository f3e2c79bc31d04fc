"""Which moves of the ledger were made, so that none is made twice."""

from __future__ import annotations

from quant_core.foundation.errors import InvariantBroken
from quant_core.foundation.types import Session
from quant_core.live.journal_account import AccountMoved
from quant_core.live.ledger_moves import LedgerBody
from quant_core.trading.actions import Split


def session_of(body: LedgerBody) -> Session | None:
    """The session a move belongs to; None for a split, which has none."""
    if not isinstance(body, AccountMoved):
        return body.session
    event = body.event()
    return None if isinstance(event, Split) else event.session


class KnownMoves:
    """The broker's names of the moves that were made.

    The names of a session are kept until it is put away. From then on nothing of that session
    or of an earlier one is taken any more: what is told again late cannot count twice, whether
    its name is still known or not. What has no session is remembered for ever; splits of the
    names that are held are few.

    Examples
    --------
    >>> known = KnownMoves()
    >>> known.add("e1", Session(2024, 1, 2))
    >>> known.put_away(Session(2024, 1, 3))
    >>> "e1" in known, known.takes(Session(2024, 1, 2)), known.takes(Session(2024, 1, 3))
    (False, False, True)
    """

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._of: dict[Session, list[str]] = {}
        self._first: Session | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __len__(self) -> int:
        return len(self._names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KnownMoves):
            return NotImplemented
        return (self._names, self._first) == (other._names, other._first)

    def takes(self, session: Session | None) -> bool:
        """Whether a move of a session may still be made: one that was made is known then."""
        return self._first is None or session is None or session >= self._first

    def add(self, name: str, session: Session | None) -> None:
        """Remember a move.

        Raises
        ------
        InvariantBroken
            If it was made before, or nobody could tell any more whether it was.
        """
        if name in self._names:
            raise InvariantBroken("a move of the ledger is journalled twice", found=name)
        if not self.takes(session):
            raise InvariantBroken(
                "a move of the ledger is of a session that was put away",
                expected=f"a move of {self._first} or later",
                found=f"{name} of {session}",
            )
        self._names.add(name)
        if session is not None:
            self._of.setdefault(session, []).append(name)

    def put_away(self, first: Session) -> None:
        """Forget the moves of all sessions before ``first``; the journal has them."""
        if self._first is None or first > self._first:
            self._first = first
            for session in [each for each in self._of if each < first]:
                self._names.difference_update(self._of.pop(session))
