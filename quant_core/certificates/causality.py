"""Causality: nothing later than a close changes what was decided at it.

1. :func:`choose_cuts` draws the sessions after which the future is altered.
2. At each, every row after the cut is replaced by noise, and separately removed; the
   market is derived from those data anew, and traded up to the session after the cut.
3. :mod:`~quant_core.certificates.differences` compares universe, factors, targets, orders
   and fills up to the cut, and says which parted first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from quant_core.certificates.altered_data import Alteration, Cut
from quant_core.certificates.certificate import Certificate, Progress, Table, silent
from quant_core.certificates.differences import (
    Difference,
    Stage,
    market_differences,
    trade_differences,
)
from quant_core.certificates.subject import Subject, Traded, trade_until
from quant_core.foundation.errors import QuantError
from quant_core.foundation.language import Say
from quant_core.foundation.types import Session
from quant_core.market import Market

NAME = "causality"

Derive: TypeAlias = Callable[[Cut], Market]
"""The market of the altered data, derived as the run's own was."""

MOST_LEAKS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Leak:
    """A difference that data after ``cut_session`` made at or before it."""

    cut_session: Session
    alteration: Alteration
    difference: Difference


@dataclass(frozen=True, slots=True)
class _Comparison:
    """What one altered future did: the cut, how much was compared, what changed."""

    session: Session
    cut: Cut
    decisions: int
    orders: int
    fills: int
    differences: Sequence[Difference]


def choose_cuts(subject: Subject, count: int, seed: int) -> list[int]:
    """Rows to cut after, ascending: half at random closes, half where something is decided.

    A strategy that looks one session ahead is seen only where it decides; a rule that
    acts every session is seen anywhere. At most as many as the run has sessions.
    """
    chance = np.random.default_rng(seed)
    possible = list(range(subject.window.first - 1, subject.window.last))
    decided = [row for row in subject.decision_rows() if row in set(possible)]
    wanted = min(count, len(possible))
    first = chance.permutation(decided)[: (wanted + 1) // 2].tolist()
    others = [row for row in chance.permutation(possible).tolist() if row not in set(first)]
    return sorted([*first, *others[: wanted - len(first)]])


def prove_causality(
    subject: Subject,
    derive: Derive,
    cuts: Sequence[int],
    seed: int,
    say: Say,
    progress: Progress = silent,
) -> Certificate:
    """Alter the future at every cut, twice, and compare what came before.

    Parameters
    ----------
    subject : Subject
        The run.
    derive : callable
        Derives the market from altered data; it is asked once with nothing altered.
    cuts : sequence of int
        Rows after which the data are altered.
    seed : int
        Of the noise.
    say : callable
        The reader's language.
    progress : callable
        Told after every altered run.
    """
    last = subject.window.last
    whole = derive(Cut(len(subject.market.panel.axes.sessions) - 1, Alteration.NOISE, seed))
    traded = trade_until(subject, whole, last)
    stored = market_differences(subject.market, whole, last)
    done: list[_Comparison] = []
    for row in cuts:
        for alteration in Alteration:
            cut = Cut(row, alteration, seed)
            done.append(_compare(subject, whole, traded, derive(cut), cut))
            progress(len(done), 2 * len(cuts))
    return _certificate(done, stored, say)


def _compare(
    subject: Subject, whole: Market, traded: Traded, altered: Market, cut: Cut
) -> _Comparison:
    session = whole.session(cut.row)
    adjusted = frozenset(action.symbol for action in whole.actions(cut.row + 1))
    following = _until(traded, whole.session(cut.row + 1))
    differences = market_differences(whole, altered, cut.row)
    try:
        again = trade_until(subject, altered, cut.row + 1)
    except (LookupError, ValueError, ArithmeticError, QuantError) as error:
        # It decided on the whole data, and cannot without the later part.
        differences.append(Difference(Stage.TARGET, type(error).__name__, session, ""))
    else:
        differences += trade_differences(following, again, session, adjusted)
    return _Comparison(
        session=session,
        cut=cut,
        decisions=sum(day <= session for day in traded.answers),
        orders=len(following.history.orders),
        fills=sum(fill.session <= session for fill in traded.history.fills),
        differences=differences,
    )


def _until(traded: Traded, last: Session) -> Traded:
    """The run as far as its orders of the session ``last``."""
    orders = tuple(order for order in traded.history.orders if order.session <= last)
    return replace(traded, history=replace(traded.history, orders=orders))


def leaks_of(comparisons: Sequence[_Comparison]) -> list[Leak]:
    """The first stage that changed in each comparison, with all that changed in it."""
    found: list[Leak] = []
    for done in comparisons:
        stages = [difference.stage for difference in done.differences]
        if stages:
            first = min(stages, key=list(Stage).index)
            found += [
                Leak(done.session, done.cut.alteration, difference)
                for difference in done.differences
                if difference.stage is first
            ]
    return found


def _certificate(
    comparisons: Sequence[_Comparison], stored: Sequence[Difference], say: Say
) -> Certificate:
    leaks = leaks_of(comparisons)
    passed = bool(comparisons) and not leaks and not stored
    cuts = len({done.cut.row for done in comparisons})
    changed = sum(bool(done.differences) for done in comparisons)
    first = min(leaks, key=lambda leak: leak.difference.session, default=None)
    return Certificate(
        name=NAME,
        passed=passed,
        summary=_summary(leaks, stored, comparisons, say),
        figures={
            "cuts": cuts,
            "comparisons": len(comparisons),
            "comparisons_changed": changed,
            "decisions_compared": sum(done.decisions for done in comparisons),
            "orders_compared": sum(done.orders for done in comparisons),
            "fills_compared": sum(done.fills for done in comparisons),
            "leak_stage": None if first is None else first.difference.stage.value,
            "leak_name": None if first is None else first.difference.what,
            "leak_first_session": None if first is None else str(first.difference.session),
            "leak_symbol": None if first is None else first.difference.symbol,
        },
        highlights=[
            (say("Sessions cut after"), f"{cuts}"),
            (say("Futures tried"), f"{len(comparisons)}"),
            (say("Decisions compared"), f"{sum(done.decisions for done in comparisons):,}"),
            (say("Orders compared"), f"{sum(done.orders for done in comparisons):,}"),
            (say("Futures that changed the past"), f"{changed}"),
        ],
        tables=[*_leak_tables(leaks, stored, say), _cut_table(comparisons, say)],
        limits=_limits(say),
    )


def _summary(
    leaks: Sequence[Leak],
    stored: Sequence[Difference],
    comparisons: Sequence[_Comparison],
    say: Say,
) -> str:
    if stored:
        text = say("what the run used is not what its data give: {stage} {what}, first on {day}")
        worst = stored[0]
        return text.format(stage=say(worst.stage.value), what=worst.what, day=worst.session)
    if not comparisons:
        return say("the run is too short: there is no session to cut after")
    if not leaks:
        text = say(
            "with everything after a session replaced by noise, and removed, nothing up to it "
            "changed, at any of {count} sessions"
        )
        return text.format(count=len({done.cut.row for done in comparisons}))
    first = min(leaks, key=lambda leak: list(Stage).index(leak.difference.stage)).difference
    text = say(
        "data of after the cut reach back: the {stage} {what} changes first, on {day} {symbol}"
    )
    shown = text.format(
        stage=say(first.stage.value), what=first.what, day=first.session, symbol=first.symbol
    )
    return " ".join(shown.split())


def _leak_tables(leaks: Sequence[Leak], stored: Sequence[Difference], say: Say) -> list[Table]:
    words = ("Cut after", "Future", "Changes first", "Name", "First session", "Symbol")
    rows = [
        [str(leak.cut_session), say(leak.alteration.value), *_place(leak.difference, say)]
        for leak in leaks[:MOST_LEAKS_SHOWN]
    ]
    rows += [["", say("unaltered"), *_place(difference, say)] for difference in stored]
    if not rows:
        return []
    return [Table(say("Where it leaks"), [say(word) for word in words], rows, range(0))]


def _place(difference: Difference, say: Say) -> list[str]:
    stage = say(difference.stage.value)
    return [stage, difference.what, str(difference.session), difference.symbol]


def _cut_table(comparisons: Sequence[_Comparison], say: Say) -> Table:
    words = ("Cut after", "Future", "Decisions", "Orders", "Fills", "Changed")
    rows = [
        [
            str(done.session),
            say(done.cut.alteration.value),
            f"{done.decisions:,}",
            f"{done.orders:,}",
            f"{done.fills:,}",
            say("yes") if done.differences else say("no"),
        ]
        for done in comparisons
    ]
    return Table(say("Compared up to each cut"), [say(word) for word in words], rows, range(2, 5))


def _limits(say: Say) -> list[str]:
    return [
        say("whether the data were known at their date: a figure restated later passes"),
        say("whether a parameter was chosen with the future in view"),
        say("what happens at sessions that were not drawn; another seed draws others"),
    ]
