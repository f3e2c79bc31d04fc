"""Orders of unknown fate: asked about, never sent again before their absence is proven.

A broker that answers from books in this process proves it by having no trace. One behind a
network does not: a gateway that froze goes on later and executes what lay in its buffer. There
an order is absent when a connection newer than the one it left on, asked twice and at least
the settling time apart, has no trace of it in whole books. The time is the machine's, and runs
on evenly: neither the accelerated time of a replay nor a clock that is set shortens it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from quant_core.brokers.port import BrokerPort, OrderView, Snapshot
from quant_core.live.chronicle import Chronicle
from quant_core.live.journal_kinds import OrderEnd
from quant_core.live.journal_orders import OrderAbsent, OrderIntent
from quant_core.live.order_desk import Post, ended_body, found_bodies
from quant_core.live.order_life import LiveOrder, Looks, OrderStage
from quant_core.notify.port import Alert, Severity

LONG_SECONDS = 120.0
"""Of unknown fate, after which a person has to look, and the order is not sent any more."""


@dataclass(frozen=True, slots=True)
class DoubtTerms:
    """How doubts are measured and told.

    ``settle`` is in seconds of ``clock``, which runs on evenly; ``wall`` dates alerts;
    ``is_late`` says whether an order could not be sent any more at this moment.
    """

    settle: float
    clock: Callable[[], float]
    wall: Callable[[], datetime]
    is_late: Callable[[OrderIntent], bool]


class OrderDoubts:
    """Finds out what became of orders whose answer was lost.

    Parameters
    ----------
    broker : BrokerPort
    chronicle : Chronicle
    post : callable
        Takes alerts.
    terms : DoubtTerms
    """

    def __init__(
        self, broker: BrokerPort, chronicle: Chronicle, post: Post, terms: DoubtTerms
    ) -> None:
        self._broker = broker
        self._chronicle = chronicle
        self._post = post
        self._terms = terms
        self._conclusive = broker.capabilities.conclusive
        self._sent_on: dict[str, int] = {}
        """Under which epoch an order left; of an earlier process, and so absent, any is newer."""
        self._looks: dict[str, Looks] = {}
        self._since: dict[str, float] = {}
        self._told: set[str] = set()

    @property
    def orders(self) -> list[LiveOrder]:
        """Orders of unknown fate."""
        orders = self._chronicle.state.open_orders
        return [order for order in orders if order.stage is OrderStage.UNKNOWN]

    def answer_lost(self, reference: str, epoch: int) -> None:
        """An order left on the connection of ``epoch``, and nobody knows whether it arrived."""
        self._sent_on[reference] = epoch
        self._looks.pop(reference, None)

    async def resolve(self, epoch: int) -> None:
        """Ask about every order of unknown fate; one that is proven absent may be sent.

        Raises
        ------
        SourceUnreachable
            If the broker does not answer; the orders stay unknown.
        """
        if self._conclusive:
            for _ in range(2):
                for order in self.orders:
                    views = await self._broker.find(order.intent.reference)
                    self._looked(order, views, (0.0, 0.0), epoch)
        elif self.orders:
            await self._look(epoch)
        self._forget_resolved()

    def needs_newer(self, epoch: int) -> bool:
        """Whether only another connection than that of ``epoch`` can prove an order absent."""
        return any(
            looks.exhausted and self._sent_on.get(name, -1) >= epoch
            for name, looks in self._looks.items()
        )

    def tell_overdue(self) -> None:
        """Orders whose fate stays unknown are told, once each, and never sent again."""
        self._forget_resolved()
        now, late = self._terms.clock(), list[OrderIntent]()
        for order in self.orders:
            name = order.intent.reference
            since = self._since.setdefault(name, now)
            overdue = now - since >= LONG_SECONDS or self._terms.is_late(order.intent)
            if overdue and name not in self._told:
                self._told.add(name)
                late.append(order.intent)
        if late:
            title = "Nobody knows whether an order is at the broker"
            orders = ", ".join(f"{each.side.value} {each.shares} {each.symbol}" for each in late)
            text = f"{orders} ({late[0].reference}); not sent again: look it up at the broker"
            at = self._terms.wall()
            self._post(Alert("unknown_order", Severity.CRITICAL, title, text, at))

    # --- Inside -----------------------------------------------------------------------------

    async def _look(self, epoch: int) -> None:
        """One look at whole books; each order that is not in them is asked for by name."""
        asked = self._terms.clock()
        books = await self._broker.snapshot()
        executed = {execution.reference for execution in books.executions}
        for order in self.orders:
            name = order.intent.reference
            views = _under(name, books)
            if not views and self._looks_of(name).is_due(asked, epoch, self._terms.settle):
                views = await self._broker.find(name)
            if views or (books.complete and name not in executed):
                self._looked(order, views, (asked, self._terms.clock()), epoch)

    def _looked(
        self,
        order: LiveOrder,
        views: tuple[OrderView, ...],
        span: tuple[float, float],
        epoch: int,
    ) -> None:
        """What one look, between two readings of the clock, says of an order."""
        name = order.intent.reference
        if views:
            self._chronicle.record(found_bodies(order, views[-1]))
            return
        # What the broker once had is not absent: it is lost, and never sent again.
        if order.broker_order or order.filled:
            return
        settle = 0.0 if self._conclusive else self._terms.settle
        looks = self._looks[name] = self._looks_of(name).missed(span, epoch, settle)
        if looks.proven and name in self._told:
            reason = "found nowhere, too late to be sent again"
            self._chronicle.record([ended_body(order, OrderEnd.NEVER_ARRIVED, reason)])
        elif looks.proven:
            self._chronicle.record([OrderAbsent(name)])

    def _looks_of(self, name: str) -> Looks:
        sent_on = None if self._conclusive else self._sent_on.get(name)
        return self._looks.get(name, Looks(sent_on))

    def _forget_resolved(self) -> None:
        """An order that is doubted again begins anew."""
        names = {order.intent.reference for order in self.orders}
        for known in (self._sent_on, self._looks, self._since):
            for name in known.keys() - names:
                del known[name]
        self._told &= names


def _under(name: str, books: Snapshot) -> tuple[OrderView, ...]:
    orders = (*books.completed_orders, *books.open_orders)
    return tuple(order for order in orders if order.reference == name)
