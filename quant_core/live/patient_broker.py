"""A broker whose calls end: one that hangs is one that does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from quant_core.brokers.port import (
    BrokerEvent,
    BrokerPort,
    BrokerSession,
    Cancelled,
    CancelReport,
    CancelScope,
    Health,
    Intent,
    OrderView,
    PriceQuote,
    Rejected,
    Snapshot,
    Submitted,
    Unknown,
)
from quant_core.foundation.errors import SourceUnreachable
from quant_core.live.session_work import FAILURES

Answer = TypeVar("Answer")


class PatientBroker:
    """The broker port over another one, with a limit on every call.

    Parameters
    ----------
    broker : BrokerPort
    seconds : float
        How long a call may take.
    """

    def __init__(self, broker: BrokerPort, seconds: float) -> None:
        self._broker = broker
        self._seconds = seconds
        self._silent = ""
        self.name = broker.name
        self.capabilities = broker.capabilities

    async def open(self) -> BrokerSession:
        """Connect."""
        return await self._within("open", self._broker.open())

    def health(self) -> Health:
        """The state of the connection; one that let a call hang cannot be traded with."""
        health = self._broker.health()
        if not self._silent:
            return health
        reason = health.reason or f"no answer to {self._silent}"
        return replace(health, can_trade=False, synced=False, reason=reason)

    async def events(self, after: int) -> Sequence[BrokerEvent]:
        """Events with numbers above ``after``."""
        return await self._within("events", self._broker.events(after))

    async def snapshot(self) -> Snapshot:
        """The broker's books."""
        return await self._within("snapshot", self._broker.snapshot())

    async def quotes(self, symbols: Sequence[str]) -> Mapping[str, PriceQuote]:
        """Latest quotes."""
        return await self._within("quotes", self._broker.quotes(symbols))

    def normalise(self, intent: Intent) -> Intent | Rejected:
        """The intent as the broker can take it."""
        return self._broker.normalise(intent)

    async def submit(self, intent: Intent) -> Submitted:
        """Send an order; no answer in time, or any error, means that its fate is unknown.

        An error that went on from here would leave the order planned, to be sent again.
        """
        try:
            return await self._within("submit", self._broker.submit(intent))
        except SourceUnreachable as error:
            return Unknown(intent.reference, error.problem)
        except FAILURES as error:
            return Unknown(intent.reference, f"the call failed: {error!r}"[:300])

    async def find(self, reference: str) -> tuple[OrderView, ...]:
        """Everything under a reference."""
        return await self._within("find", self._broker.find(reference))

    async def cancel(self, reference: str) -> Cancelled:
        """Ask for the end of an order."""
        try:
            return await self._within("cancel", self._broker.cancel(reference))
        except SourceUnreachable as error:
            return Unknown(reference, error.problem)

    async def cancel_all(self, scope: CancelScope) -> CancelReport:
        """Ask for the end of all orders of a scope."""
        try:
            return await self._within("cancel_all", self._broker.cancel_all(scope))
        except SourceUnreachable:
            return CancelReport((), scope.references, confirmed=False)

    async def close(self) -> None:
        """Disconnect."""
        await self._within("close", self._broker.close())

    async def _within(self, call: str, answer: Awaitable[Answer]) -> Answer:
        try:
            async with asyncio.timeout(self._seconds):
                answered = await answer
        except TimeoutError as error:
            self._silent = call
            raise SourceUnreachable(
                "the broker does not answer",
                expected=f"an answer to {call} within {self._seconds:g} s",
                found="nothing",
                fix="the worker connects again and asks what became of its orders",
            ) from error
        self._silent = ""
        return answered
