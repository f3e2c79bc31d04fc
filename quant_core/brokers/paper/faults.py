"""How the paper broker misbehaves: which faults strike, and what they do to events.

Every occurrence of a target that the scenario names is counted, and the counts are kept in
the books: a broker that was killed and opened again does not repeat a fault. A chance is
decided by a hash of the seed, the fault and the number of the occurrence, so that the same
scenario always does the same.

The link is a part of this: while it is down nothing is delivered; when it is back the client
gets what it missed, and after a fault the whole session once more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from quant_core.brokers.paper.scenario import Fault, Scenario
from quant_core.brokers.paper.stored_values import storable
from quant_core.brokers.paper.treatment import PLAIN, Treatment
from quant_core.brokers.port import (
    AccountChanged,
    CommissionCharged,
    DuePaid,
    EventBody,
    Executed,
    ExecutionCorrected,
    FractionPaid,
    LinkDown,
    LinkUp,
    Notice,
    OrderSeen,
    OrderState,
)
from quant_core.foundation.types import Session


@storable
@dataclass(frozen=True, slots=True)
class Count:
    """How often a target occurred: ever, and in one session."""

    ever: int = 0
    session: Session | None = None
    in_session: int = 0

    def one_more(self, session: Session) -> Count:
        """The count after an occurrence in ``session``.

        Examples
        --------
        >>> Count(4, Session(2024, 1, 2), 2).one_more(Session(2024, 1, 3)).in_session
        1
        """
        before = self.in_session if self.session == session else 0
        return Count(self.ever + 1, session, before + 1)


@storable
@dataclass(frozen=True, slots=True)
class Held:
    """An event that comes late: after so many others, or so many phases."""

    body: object
    events: int
    phases: int


@storable
@dataclass(frozen=True, slots=True)
class FaultState:
    """What the faults and the link carry from one transition to the next.

    ``missed_from`` is the number of the first event that happened without a link, None while
    it stands; ``replay_session`` says that the whole session comes again with the next link.
    """

    counts: Mapping[str, Count] = field(default_factory=dict[str, Count])
    held: tuple[Held, ...] = ()
    link: bool = False
    epoch: int = 0
    missed_from: int | None = 1
    replay_session: bool = False
    refuse_opens: int = 0
    down_phases: int = 0

    def next_missed(self, next_happened: int) -> int:
        """Number of the first event the client has not been offered."""
        return next_happened if self.missed_from is None else self.missed_from


class Faults:
    """The scenario at work.

    Parameters
    ----------
    scenario : Scenario
        What goes wrong, and when.
    state : FaultState
        Where the last process left it.
    """

    def __init__(self, scenario: Scenario, state: FaultState) -> None:
        self.state = state
        self._scenario = scenario
        self._by_target: dict[str, list[tuple[int, Fault]]] = {}
        for number, fault in enumerate(scenario.faults):
            self._by_target.setdefault(fault.target, []).append((number, fault))

    def names(self, target: str) -> bool:
        """Whether the scenario has faults on a target, so that it must be counted."""
        return target in self._by_target

    def struck(self, target: str, session: Session) -> list[Fault]:
        """Count an occurrence of a target and answer the faults that strike it."""
        if not self.names(target):
            return []
        count = self.state.counts.get(target, Count()).one_more(session)
        self.state = replace(self.state, counts={**self.state.counts, target: count})
        return [
            fault
            for number, fault in self._by_target[target]
            if self._strikes(fault, number, count)
        ]

    def treatment(self, session: Session) -> Treatment:
        """How the order is treated that meets the market now."""
        treatment = PLAIN
        for fault in self.struck("order:meets_market", session):
            match fault.do:
                case "halt":
                    treatment = replace(treatment, halted=True)
                case "part":
                    treatment = replace(treatment, percent=fault.percent)
                case _:
                    treatment = replace(treatment, parts=fault.parts)
        return treatment

    def lose_link(self, fault: Fault, next_happened: int) -> list[EventBody]:
        """The link goes; ``next_happened`` is the number of the next thing that happens."""
        if not self.state.link:
            return []
        self.state = replace(
            self.state,
            link=False,
            missed_from=next_happened,
            replay_session=True,
            refuse_opens=fault.refuse,
            down_phases=fault.phases,
        )
        return [LinkDown("nightly restart" if fault.do == "restart" else "connection lost")]

    def leave(self, next_happened: int) -> None:
        """The client disconnects by itself."""
        if self.state.link:
            self.state = replace(self.state, link=False, missed_from=next_happened)

    def refuses_open(self) -> bool:
        """Whether the venue does not answer a client that wants to connect."""
        if self.state.refuse_opens > 0:
            self.state = replace(self.state, refuse_opens=self.state.refuse_opens - 1)
            return True
        return self.state.down_phases > 0

    def link_up(self) -> LinkUp:
        """The link stands again, under a new epoch."""
        epoch = self.state.epoch + 1
        self.state = replace(
            self.state, link=True, epoch=epoch, missed_from=None, replay_session=False
        )
        return LinkUp(epoch)

    def phase_begins(self) -> list[EventBody]:
        """What is delivered late, now that another phase begins."""
        held = [replace(each, phases=max(each.phases - 1, 0)) for each in self.state.held]
        down = max(self.state.down_phases - 1, 0)
        self.state = replace(self.state, held=tuple(held), down_phases=down)
        return self._released() if self.state.link else []

    def delivered(self, bodies: Sequence[EventBody], session: Session) -> list[EventBody]:
        """What a client is told of what happened, in the order in which it is told."""
        if not self.state.link:
            return []
        told: list[EventBody] = []
        for body in bodies:
            for piece in self._altered(body, session):
                told.append(piece)
                self._one_event_passed()
            told += self._released()
        return told

    def _altered(self, body: EventBody, session: Session) -> list[EventBody]:
        """An event as the faults that strike it leave it."""
        pieces = [body]
        for fault in self.struck(f"event:{_name(body)}", session):
            if not pieces:
                break
            pieces = self._alter(pieces, body, fault)
        return pieces

    def _alter(self, pieces: list[EventBody], body: EventBody, fault: Fault) -> list[EventBody]:
        match fault.do:
            case "drop":
                return []
            case "repeat":
                return pieces + [body] * fault.times
            case "late":
                self._hold(body, fault.events or (0 if fault.phases else 1), fault.phases)
                return []
            case _ if isinstance(body, OrderSeen):
                return [_not_cancelled(body), *pieces]
            case _:
                return self._alter_execution(body, fault) if isinstance(body, Executed) else pieces

    def _alter_execution(self, executed: Executed, fault: Fault) -> list[EventBody]:
        without = replace(executed, commission_micros=None)
        match fault.do:
            case "commission_lost":
                return [without]
            case "commission_first":
                return [_commission(executed), without]
            case "commission_after":
                return self._afterwards([without], _commission(executed), fault)
            case "bust":
                return self._afterwards([executed, _phantom(executed)], _busted(executed), fault)
            case _:
                correction = ExecutionCorrected(_wrong(executed).execution_id, executed)
                return self._afterwards([_wrong(executed)], correction, fault)

    def _afterwards(self, told: list[EventBody], later: EventBody, fault: Fault) -> list[EventBody]:
        """What is told now, and what follows at once or as late as the fault says."""
        if not (fault.events or fault.phases):
            return [*told, later]
        # What is told now are themselves events that pass.
        self._hold(later, fault.events + len(told) if fault.events else 0, fault.phases)
        return told

    def _hold(self, body: EventBody, events: int, phases: int) -> None:
        self.state = replace(self.state, held=(*self.state.held, Held(body, events, phases)))

    def _one_event_passed(self) -> None:
        if self.state.held:
            held = tuple(replace(h, events=max(h.events - 1, 0)) for h in self.state.held)
            self.state = replace(self.state, held=held)

    def _released(self) -> list[EventBody]:
        due = [held for held in self.state.held if held.events == 0 and held.phases == 0]
        if due:
            left = tuple(held for held in self.state.held if held not in due)
            self.state = replace(self.state, held=left)
        return [cast("EventBody", held.body) for held in due]

    def _strikes(self, fault: Fault, number: int, count: Count) -> bool:
        if fault.chance is not None:
            return self._chance(number, count.ever) < fault.chance
        if fault.session is not None and count.session != fault.session:
            return False
        if fault.nth is None:
            return True
        within_session = fault.every_session or fault.session is not None
        return fault.nth == (count.in_session if within_session else count.ever)

    def _chance(self, number: int, occurrence: int) -> float:
        """A number from 0 to 1 that is the same in every process."""
        text = f"{self._scenario.seed}:{number}:{occurrence}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:7]) / 2**56


_NAMES: Mapping[type, str] = {
    Executed: "executed",
    OrderSeen: "order_seen",
    AccountChanged: "account_changed",
    DuePaid: "due_paid",
    FractionPaid: "fraction_paid",
    Notice: "notice",
}


def _name(body: EventBody) -> str:
    return _NAMES.get(type(body), "")


def _commission(executed: Executed) -> CommissionCharged:
    return CommissionCharged(executed.execution_id, executed.commission_micros or 0)


def _wrong(executed: Executed) -> Executed:
    """An execution at a wrong price, under a number of its own."""
    name, price = f"{executed.execution_id}.wrong", executed.price_micros + 10_000
    return replace(executed, execution_id=name, price_micros=price)


def _phantom(executed: Executed) -> Executed:
    """The same execution once more under another number: it never happened."""
    return replace(executed, execution_id=f"{executed.execution_id}.phantom")


def _busted(executed: Executed) -> ExecutionCorrected:
    """The word that the phantom never happened."""
    phantom = _phantom(executed)
    nothing = replace(
        phantom, execution_id=f"{executed.execution_id}.bust", shares=0, commission_micros=0
    )
    return ExecutionCorrected(phantom.execution_id, nothing)


def _not_cancelled(seen: OrderSeen) -> OrderSeen:
    """The order as cancelled and unfilled, which it is not."""
    view = replace(seen.order, state=OrderState.CANCELLED, filled=0, reason="said_by_mistake")
    return OrderSeen(view)
