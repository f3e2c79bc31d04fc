"""The pre-trade gate: no order leaves without a verdict of this module.

1. :func:`judge` asks every rule of :data:`~quant_core.risk.limit_table.RULES` about one
   order; :func:`judge_batch` asks about many, each against all that may be sent before it.
2. :func:`next_trading_state` takes the right to trade away when the account loses.
3. :func:`headroom` says how much of each limit is used.

Pure: no clock, no file, no broker; the present comes in as
:class:`~quant_core.risk.gate_inputs.GateInputs`. What is not known is refused. After the
market access rule 17 CFR 240.15c3-5 and Articles 12, 15 and 16 of Regulation (EU)
2017/589, which ask for these controls and count every order sent at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quant_core.foundation.money import format_micros
from quant_core.risk.gate_inputs import (
    GateInputs,
    MarkedPosition,
    OpenOrder,
    OrderIntent,
    OrderPurpose,
    ParentOrder,
    ReferenceKind,
    SentOrder,
    TradingState,
)
from quant_core.risk.limit_case import Case, Standing
from quant_core.risk.limit_exposure import reduces_risk
from quant_core.risk.limit_findings import Finding, Shown
from quant_core.risk.limit_table import CODES, RULES, Bypass, Rule
from quant_core.risk.limit_usage import View
from quant_core.risk.limit_values import Limits
from quant_core.risk.trading_state import at_session_start, next_trading_state, resume

__all__ = [
    "CODES",
    "RULES",
    "Bypass",
    "GateInputs",
    "Headroom",
    "Limits",
    "MarkedPosition",
    "OpenOrder",
    "OrderIntent",
    "OrderPurpose",
    "ParentOrder",
    "ReferenceKind",
    "Refusal",
    "Rule",
    "SentOrder",
    "TradingState",
    "Verdict",
    "at_session_start",
    "headroom",
    "judge",
    "judge_batch",
    "next_trading_state",
    "resume",
]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One rule's no.

    Attributes
    ----------
    code : str
        Reason code of the rule.
    hard : bool
        Whether something is wrong, or the order only too much or too early.
    limit, found
        What would have passed and what was there: a number in the unit of the rule, a
        text, or None where it is not known.
    text : str
        One sentence for the journal and the operator.
    """

    code: str
    hard: bool
    limit: Shown
    found: Shown
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of one order.

    ``refusals`` are in the order of the rules; ``bypassed`` are those the order was let
    through although a rule said no; ``checked`` names every rule that was asked.
    """

    allowed: bool
    refusals: tuple[Refusal, ...]
    bypassed: tuple[Refusal, ...]
    reduces_risk: bool
    checked: tuple[str, ...] = CODES

    @property
    def hard(self) -> bool:
        """Whether a refusal is hard, so that a person should look."""
        return any(refusal.hard for refusal in self.refusals)


@dataclass(frozen=True, slots=True)
class Headroom:
    """How much of a limit is used; None = not known, which refuses every order it concerns.

    ``name`` is the reason code and ``unit`` that of the three numbers. ``left`` is
    negative beyond the limit.
    """

    name: str
    unit: str
    limit: float | None
    used: float | None
    left: float | None


def judge(intent: OrderIntent, inputs: GateInputs, limits: Limits) -> Verdict:
    """Whether one order may be sent, and every reason why not.

    All rules are asked, so that the operator sees everything at once. An order that can
    only bring its name towards zero passes the rules that say so in the table.

    Parameters
    ----------
    intent : OrderIntent
        The order.
    inputs : GateInputs
        What is known at this moment.
    limits : Limits
        What is let through.
    """
    return _judge(Case.of(intent, Standing.of(inputs), limits))


def judge_batch(
    intents: Sequence[OrderIntent], inputs: GateInputs, limits: Limits
) -> tuple[Verdict, ...]:
    """Verdicts for orders that are about to be sent together, in the order given.

    They are judged by priority: the operator's FLAT, exits, other orders that reduce
    risk, the rest; within each in the order given. Every order that is allowed counts in
    full for those after it, in all limits at once: whatever part of the batch fills, no
    limit is passed.
    """
    standing = Standing.of(inputs)
    verdicts: dict[int, Verdict] = {}
    for place in _by_priority(intents, standing):
        case = Case.of(intents[place], standing, limits)
        verdicts[place] = _judge(case)
        if verdicts[place].allowed:
            standing = case.after
    return tuple(verdicts[place] for place in range(len(intents)))


def headroom(inputs: GateInputs, limits: Limits) -> tuple[Headroom, ...]:
    """Use of every limit that is set and can be measured without an order.

    Open orders count at their worse end, as they do in a verdict; the limits of one name
    show the largest name.
    """
    view = View(Standing.of(inputs), limits)
    found: list[Headroom] = []
    for rule in RULES:
        measured = None if rule.usage is None else rule.usage(view)
        if measured is not None:
            numbers = (measured.limit, measured.used, measured.left)
            found.append(Headroom(rule.code, rule.shown_in, *numbers))
    return tuple(found)


def _judge(case: Case) -> Verdict:
    refusals: list[Refusal] = []
    bypassed: list[Refusal] = []
    for rule in RULES:
        finding = rule.check(case)
        if finding is not None:
            passes = rule.bypass.lets_through(case)
            (bypassed if passes else refusals).append(_refusal(rule, finding, case))
    return Verdict(not refusals, tuple(refusals), tuple(bypassed), case.reduces)


def _refusal(rule: Rule, finding: Finding, case: Case) -> Refusal:
    intent = case.intent
    found, limit = _in_words(finding.found, rule), _in_words(finding.limit, rule)
    text = (
        f"{intent.side} {intent.quantity} {intent.symbol}: {rule.meaning}: "
        f"{finding.relation} {limit}, found {found}"
    )
    return Refusal(rule.code, rule.hard, finding.limit, finding.found, text)


def _in_words(value: Shown, rule: Rule) -> str:
    if value is None:
        return "not known"
    if isinstance(value, str):
        return value
    if rule.shown_in == "micros" and isinstance(value, int):
        return format_micros(value, 6 if value % 10_000 else 2)
    return f"{value:.10g} {rule.shown_in}".rstrip()


def _by_priority(intents: Sequence[OrderIntent], standing: Standing) -> list[int]:
    """Places of the orders, the most urgent first."""

    def urgency(place: int) -> int:
        intent = intents[place]
        if not reduces_risk(intent, standing.exposure):
            return 3
        return {OrderPurpose.FLAT: 0, OrderPurpose.EXIT: 1}.get(intent.purpose, 2)

    return sorted(range(len(intents)), key=urgency)
