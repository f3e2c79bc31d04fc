"""Fault drills: the broker's books are not ours, or cannot be had."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from quant_core.brokers.port import Intent, OrderKind
from quant_core.live.commands import Action
from quant_core.trading.events import CashFlow
from quant_core.trading.orders import Side
from tests.live.fault_check import entries_of, halted, problems
from tests.live.fault_desk import EVERYWHERE, Drill, Run, on, play
from tests.live.small_desk import CAPITAL, Bench, plain_world
from tests.live.test_trader import command


def by_hand(bench: Bench, kind: OrderKind = OrderKind.MARKET):
    """Somebody orders in the broker's own terminal."""
    session = bench.venue._venue.trading_session
    intent = Intent("by-hand-1", session, "S0", Side.BUY, 7, kind, 0)
    return bench.venue.submit(intent)


def by_hand_open(bench: Bench):
    return by_hand(bench, OrderKind.ON_CLOSE)


def twice_at_broker(bench: Bench):
    """The same reference once more, as a careless retry would send it."""
    order = bench.venue._venue.exchange.open_orders()[0]
    return bench.venue.submit(order.intent)


def money_by_hand(bench: Bench) -> None:
    """Money leaves the account, and no event tells it."""
    venue = bench.venue._venue
    with venue._transition():
        venue.exchange.content.portfolio.apply(CashFlow(venue.state.session, "", -1_000_000))
        venue._commit(venue.state.session, [], [])


def shares_by_hand(bench: Bench):
    """Shares come into the account, and no event tells it."""
    bench.venue._venue.faults.delivered = lambda *_: []
    return by_hand(bench)


def flat(bench: Bench) -> None:
    command(bench, Action.FLAT)


OPEN, SEVERAL = (2, "open"), "call snapshot"
DRILLS = {
    "order_by_hand_filled": Drill(
        "an order placed by hand at the broker fills", "halted", acts={OPEN: by_hand}
    ),
    "order_by_hand_open": Drill(
        "an order placed by hand at the broker is open", "halted", acts={OPEN: by_hand_open}
    ),
    "order_by_hand_before_the_open": Drill(
        "an order placed by hand waits beside ours",
        "halted",
        acts={(2, "before_open"): by_hand},
    ),
    "shares_differ": Drill("positions differ", "halted", acts={OPEN: shares_by_hand}),
    "cash_differs": Drill("cash differs", "halted", acts={OPEN: money_by_hand}),
    "snapshot_incomplete_once": Drill(
        "a snapshot is not complete", "equal", [on(SEVERAL, "incomplete", nth=3, missing=["cash"])]
    ),
    **{
        f"never_{part}": Drill(
            f"no snapshot ever has the {part.replace('_', ' ')}",
            "idle",
            [on(SEVERAL, "incomplete", missing=[part])],
        )
        for part in ("positions", "open_orders", "completed_orders", "executions")
    },
    "no_quotes": Drill("quotes are missing", "same", [on("call quotes", "missing")]),
    "stale_quotes": Drill("quotes are stale", "same", [on("call quotes", "stale", seconds=3600)]),
    "quotes_hang_once": Drill(
        "quotes hang once", "same", [on("call quotes", "hang", nth=1)], timeout=0.05
    ),
    "quotes_hang": Drill(
        "quotes hang for ever", "equal", [on("call quotes", "hang")], timeout=0.005
    ),
    "quotes_disconnect": Drill(
        "the link is lost while quotes are asked for",
        "same",
        [on("call quotes", "disconnect", nth=2)],
    ),
    "flat_without_quotes": Drill(
        "FLAT while quotes are missing",
        "halted",
        [on("call quotes", "missing")],
        {OPEN: flat},
    ),
}


class TestExamples:
    @pytest.mark.parametrize("name", DRILLS)
    def test_it_ends_as_it_must(self, tmp_path, name):
        play(tmp_path / "once", DRILLS[name])

    @pytest.mark.parametrize("name", DRILLS)
    def test_with_a_restart_in_every_phase(self, tmp_path, name):
        play(tmp_path / "restarts", DRILLS[name], EVERYWHERE)


class TestBooks:
    """Faults of the files themselves, between two lives."""

    def test_the_brokers_books_put_back_to_an_older_state(self, tmp_path):
        """books_put_back"""
        drill, world = Drill("", "same"), plain_world(6)
        Run(tmp_path, drill, world=replace(world, last=3)).whole()
        shutil.copy(tmp_path / "books.sqlite", tmp_path / "older.sqlite")
        Run(tmp_path, drill, world=world).whole().check("same")
        shutil.copy(tmp_path / "older.sqlite", tmp_path / "books.sqlite")
        left = Run(tmp_path, drill, world=world).whole()
        assert halted(tmp_path)
        assert any("events end at" in text for text in left.told)

    def test_orders_of_a_journal_that_is_lost(self, tmp_path):
        """journal_lost"""
        drill = Drill("", "halted")
        Run(tmp_path, drill, world=plain_world(4)).whole()
        shutil.rmtree(tmp_path / "live" / "journal")
        Run(tmp_path, drill, world=plain_world(5)).whole()
        assert halted(tmp_path)
        assert not [kind for kind, _ in entries_of(tmp_path) if kind == "order_intent"]

    def test_one_reference_twice_at_the_broker(self, tmp_path):
        """twice_at_broker"""
        drill = Drill("", "halted", acts={(2, "before_open"): twice_at_broker})
        left = Run(tmp_path, drill).whole()
        assert halted(tmp_path)
        assert [p for p in problems(tmp_path, CAPITAL) if "2 times at the broker" in p]
        assert any("2 times at the broker" in text for text in left.told)
