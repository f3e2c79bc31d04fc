"""A broker whose calls end, and fail in one way: what goes wrong in it is a lost connection.

A broker's library raises what it likes, from errors of the socket to mistakes of its own.
None of them may end the worker or leave it between two orders: it connects again, and asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from quant_core.brokers.port import (
    Bar,
    BrokerEvent,
    BrokerPort,
    BrokerSession,
    Cancelled,
    CancelReport,
    CancelScope,
    Health,
    Instrument,
    Intent,
    OrderView,
    PriceQuote,
    Rejected,
    Snapshot,
    Submitted,
    Unknown,
)
from quant_core.foundation.errors import (
    ConfigurationError,
    InvariantBroken,
    QuantError,
    ReconciliationError,
    SourceUnreachable,
)
from quant_core.foundation.types import Session
from quant_core.live.session_work import FAILURES

Answer = TypeVar("Answer")

OURS = (SourceUnreachable, ConfigurationError, InvariantBroken, ReconciliationError)
"""Errors raised on purpose, which say themselves what is to be done."""

LIBRARY_FAILURES = (
    *FAILURES,
    *(EOFError, ExceptionGroup, asyncio.InvalidStateError, asyncio.LimitOverrunError),
)
"""What a broker's library may raise: a cut connection reads as an end of file."""

LONGEST_TEXT = 300


class PatientBroker:
    """The broker port over another one, with a limit on every call.

    Every call that waits raises :class:`~quant_core.foundation.errors.SourceUnreachable` when
    it gets no answer in time or the broker's library fails; what the port answers without
    raising (``submit``, ``cancel``, ``cancel_all``) says then that nothing is certain.

    Parameters
    ----------
    broker : BrokerPort
    seconds : float
        How long a call may take.
    """

    def __init__(self, broker: BrokerPort, seconds: float) -> None:
        self._broker = broker
        self._seconds = seconds
        self._trouble = ""
        self.name = broker.name
        self.capabilities = broker.capabilities

    async def open(self) -> BrokerSession:
        """Connect; a wrong account goes on as the ConfigurationError it is."""
        return await self._within("open", self._broker.open)

    def health(self) -> Health:
        """The state of the connection; one whose last call failed cannot be traded with."""
        try:
            health = self._broker.health()
        except LIBRARY_FAILURES as error:
            return _unhealthy(f"its health cannot be told: {error!r}"[:LONGEST_TEXT])
        if not self._trouble:
            return health
        reason = health.reason or self._trouble
        return replace(health, can_trade=False, synced=False, reason=reason)

    async def events(self, after: int) -> Sequence[BrokerEvent]:
        """Events with numbers above ``after``."""
        return await self._within("events", lambda: self._broker.events(after))

    async def snapshot(self) -> Snapshot:
        """The broker's books."""
        return await self._within("snapshot", self._broker.snapshot)

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, PriceQuote]:
        """Latest quotes."""
        return await self._within("quotes", lambda: self._broker.quotes(symbols))

    async def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument]:
        """What each symbol is."""
        return await self._within("instruments", lambda: self._broker.instruments(symbols))

    async def bars(self, symbol: str, first: Session, last: Session) -> tuple[Bar, ...]:
        """Daily bars."""
        return await self._within("bars", lambda: self._broker.bars(symbol, first, last))

    def normalise(self, intent: Intent) -> Intent | Rejected:
        """The intent as the broker can take it; one it fails on is not sent."""
        try:
            return self._broker.normalise(intent)
        except LIBRARY_FAILURES as error:
            return Rejected(intent.reference, "normalise", repr(error)[:LONGEST_TEXT])

    async def submit(self, intent: Intent) -> Submitted:
        """Send an order; no answer in time, or any error, means that its fate is unknown.

        An error that went on from here would leave the order planned, to be sent again.
        """
        try:
            return await self._within("submit", lambda: self._broker.submit(intent))
        except OURS as error:
            return Unknown(intent.reference, _told(error))

    async def find(self, reference: str) -> tuple[OrderView, ...]:
        """Everything under a reference; an answer that is not whole raises, and goes on so."""
        return await self._within("find", lambda: self._broker.find(reference))

    async def cancel(self, reference: str) -> Cancelled:
        """Ask for the end of an order."""
        try:
            return await self._within("cancel", lambda: self._broker.cancel(reference))
        except OURS as error:
            return Unknown(reference, _told(error))

    async def cancel_all(self, scope: CancelScope) -> CancelReport:
        """Ask for the end of all orders of a scope."""
        try:
            return await self._within("cancel_all", lambda: self._broker.cancel_all(scope))
        except OURS:
            return CancelReport((), scope.references, confirmed=False)

    async def close(self) -> None:
        """Disconnect."""
        await self._within("close", self._broker.close)

    async def _within(self, call: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer of a call; in its place, an error of ours."""
        limit = asyncio.timeout(self._seconds)
        try:
            async with limit:
                answered = await ask()
        except OURS:
            raise
        except LIBRARY_FAILURES as error:
            if limit.expired():
                raise self._no_answer(call) from error
            raise self._failure(call, error) from error
        except asyncio.CancelledError as error:
            # A library that cancels its own futures when the link is cut cancels nobody else.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise self._failure(call, error) from error
        self._trouble = ""
        return answered

    def _no_answer(self, call: str) -> SourceUnreachable:
        self._trouble = f"no answer to {call}"
        return SourceUnreachable(
            "the broker does not answer",
            expected=f"an answer to {call} within {self._seconds:g} s",
            fix="the worker connects again and asks what became of its orders",
        )

    def _failure(self, call: str, error: BaseException) -> SourceUnreachable:
        self._trouble = f"{call} failed"
        return SourceUnreachable(
            "a call to the broker failed",
            expected=f"an answer to {call}",
            found=repr(error)[:LONGEST_TEXT],
            fix="the worker connects again and asks what became of its orders",
        )


def _told(error: QuantError) -> str:
    """The problem, and what was found, in one line."""
    return f"{error.problem}: {error.found}" if error.found else error.problem


def _unhealthy(reason: str) -> Health:
    return Health(
        link=False,
        upstream=False,
        synced=False,
        data=False,
        silence_seconds=0.0,
        clock_skew_seconds=0.0,
        can_trade=False,
        reason=reason,
    )
