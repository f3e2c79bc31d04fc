"""What is compared: levels of freedom left to the engine, from none to its own ways.

1. ``orders``: the orders are given, trading is free. Only the ledger is left.
2. ``orders, 10 bps``: the same with a commission.
3. ``weights, 10 bps``: weights are given; each engine sizes by the equity it reports itself.
   (vectorbt takes arrays that are made before it runs, and is not asked.)
4. ``native`` and ``native, 10 bps``: weights are given and the engine makes of them what it does.
5. ``short of cash``: the orders leave no buffer, and some buys cost more than there is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.engines.exchange import Case, Outcome
from tests.engines.markets import Plan
from tests.engines.ours import OwnRun, run_plan
from tests.engines.peers import PEERS, Peer
from tests.engines.twins import as_written, bt_rebalance, replay, vectorbt_target_percent

RATE = 0.001
CENTS = "nautilus, USD"
NATIVE = {"bt": bt_rebalance, "vectorbt": vectorbt_target_percent}
ARRAYS = {"vectorbt"}
"""Engines that must know all orders before the run."""
CASH_RULES = {
    "bt": "borrow",
    "vectorbt": "cut",
    "backtrader": "reject",
    "pybroker": "cut before fees",
    "zipline": "borrow",
    "nautilus": "borrow",
}


@dataclass(frozen=True)
class Task:
    """One engine on one case.

    ``own`` is the project's run of the same plan. ``twin`` gives the outcome of a ledger that has
    the engine's own rule, where the engine is known to differ; None where it must not.
    """

    market: str
    level: str
    label: str
    peer: Peer
    case: Case
    own: OwnRun
    twin: Callable[[], Outcome] | None = None


def tasks(plan: Plan, engines: set[str], levels: set[str] | None = None) -> list[Task]:
    """Everything to be run on a plan, in the order of the report; ``levels`` None means all."""
    peers = [peer for peer in PEERS if peer.name in engines]
    free, paid = run_plan(plan, 0.0), run_plan(plan, RATE)
    short = run_plan(plan, RATE, buffer=0.0)
    market = plan.prices.name
    made = _ledger(market, "orders", free, "shares", peers)
    made += _ledger(market, "orders, 10 bps", paid, "shares", peers)
    made += _ledger(market, "weights, 10 bps", paid, "weights", peers)
    made += _native(market, "native", free, peers)
    made += _native(market, "native, 10 bps", paid, peers)
    made += _short(market, short, peers)
    return [task for task in made if levels is None or task.level in levels]


def _ledger(market: str, level: str, own: OwnRun, sizing: str, peers: list[Peer]) -> list[Task]:
    case = replace(own.case, sizing=sizing)
    able = [peer for peer in peers if sizing == "shares" or peer.name not in ARRAYS]
    made = [Task(market, level, peer.name, peer, case, own) for peer in able]
    cents = replace(case, money_decimals=2)
    if sizing == "shares":
        made += [Task(market, level, CENTS, p, cents, own) for p in peers if p.name == "nautilus"]
    return made


def _native(market: str, level: str, own: OwnRun, peers: list[Peer]) -> list[Task]:
    case = replace(own.case, sizing="native")
    return [
        Task(market, level, peer.name, peer, case, own, _twin(case, NATIVE[peer.name], "borrow"))
        for peer in peers
        if peer.name in NATIVE
    ]


def _short(market: str, own: OwnRun, peers: list[Peer]) -> list[Task]:
    return [
        Task(
            market,
            "short of cash",
            peer.name,
            peer,
            own.case,
            own,
            _twin(own.case, as_written, CASH_RULES[peer.name]),
        )
        for peer in peers
    ]


def _twin(case: Case, sizing, rule: str) -> Callable[[], Outcome]:
    return lambda: replay(case, sizing, rule)
