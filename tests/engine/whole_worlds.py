"""Small markets with everything in them, for the engine and for its naive twin alike."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
from hypothesis import strategies as st

from quant_core.backtest_engine import RunWindow, run_backtest
from quant_core.foundation.panel import Axes, MarketPanel
from quant_core.market import Market, MarketFacts
from quant_core.risk.breakers import RiskRules
from quant_core.risk.margin import MarginRules
from quant_core.trading.actions import Action, Dividend, Rename, Rights, Split
from quant_core.trading.fees import FREE as NO_FEES
from quant_core.trading.fees import DatedFees, Fee, FeeSchedule, FeeSides
from quant_core.trading.fills import ExecutionRules
from quant_core.trading.history import RunHistory
from quant_core.trading.impact import ImpactModel
from quant_core.trading.target import Hold, Target, Weights
from quant_core.trading_day import Brain
from tests.engine.market_strategies import ScriptedStrategy
from tests.engine.reference_account import Terms, World, m

NAN = float("nan")
ODDS = {"never": 0.0, "seldom": 0.05, "often": 0.3}
RATIOS = (2.0, 1.5, 1 / 3, 0.1, 1.15, 7.0, 0.02)
Table = dict[int, dict[int, float] | None]


@st.composite
def worlds(draw) -> World:
    """Prices that wander, with holes, actions, limits and a borrow list with holes."""
    rows, columns = draw(st.integers(3, 12)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    odds = st.sampled_from(list(ODDS.values()))
    turbulence = draw(st.sampled_from([0.01, 0.1, 0.6]))
    steps = rng.normal(0, turbulence, (2 * rows, columns)).cumsum(axis=0)
    prices = np.round(rng.choice([0.8, 10.0, 90.0], columns) * np.exp(steps), 2)
    price, close = prices[::2].copy(), prices[1::2].copy()
    holes = draw(odds)
    for table in (price, close):
        table[rng.random(table.shape) < holes] = NAN
        table[rng.random(table.shape) < holes / 5] = 0.0
    for s in range(columns):
        if rng.random() < holes:  # halted for days: what waits for a price has to wait
            start = int(rng.integers(1, rows))
            price[start : start + 4, s] = close[start : start + 4, s] = NAN
    volume = rng.integers(0, 3000, (rows, columns)).astype(float)
    volume[rng.random(volume.shape) < holes] = NAN
    gaps = rng.choice([1, 1, 1, 3, 4], rows).cumsum().tolist()

    def maybe(table: np.ndarray) -> list | None:
        return table.tolist() if draw(st.booleans()) else None

    borrow = rng.choice([0.0, 0.003, 0.25, 3.0], (rows, columns))
    borrow[rng.random(borrow.shape) < draw(odds)] = NAN
    delisted = {s: int(rng.integers(0, rows)) for s in range(columns) if rng.random() < draw(odds)}
    goes_on = draw(st.booleans())  # a source that states an end before its own last price
    for s, row in () if goes_on else delisted.items():
        price[row + 1 :, s] = close[row + 1 :, s] = NAN
    return World(
        days=[date(2024, 1, 2) + timedelta(days=gap) for gap in gaps],
        price=price.tolist(),
        close=close.tolist(),
        volume=volume.tolist(),
        member=(rng.random((rows, columns)) > draw(odds) / 2).tolist(),
        actions=random_actions(rng, rows, columns, draw(odds)),
        delisted=delisted,
        locked=maybe(rng.choice([0, 1, 2], (rows, columns), p=[0.8, 0.1, 0.1])),
        volatility=maybe(with_holes(rng, rng.uniform(0.001, 0.3, (rows, columns)), holes)),
        average_volume=maybe(with_holes(rng, rng.uniform(50, 5000, (rows, columns)), holes)),
        borrow=maybe(borrow),
        borrow_rate=draw(st.sampled_from([0.0, 0.05])),
        at_open=draw(st.booleans()),
    )


def with_holes(rng, table: np.ndarray, odds: float) -> np.ndarray:
    return np.where(rng.random(table.shape) < odds, NAN, table)


def random_actions(rng, rows: int, columns: int, odds: float) -> dict[int, list[tuple]]:
    """Actions of every kind, several on one day and in no order."""
    found: dict[int, list[tuple]] = {}
    for row in range(rows):
        for s in rng.permutation(columns).tolist():
            some = []
            if rng.random() < odds:
                some.append(("split", s, float(rng.choice(RATIOS))))
            if rng.random() < odds:
                pay = row + int(rng.integers(-1, 4))
                some.append(("dividend", s, int(rng.integers(0, 2_000_000)), pay))
            if rng.random() < odds / 2:
                price = int(rng.choice([0, 500_000, 8_000_000]))
                some.append(("rights", s, float(rng.choice([0.1, 0.3, 1.0])), price))
            if columns > 1 and rng.random() < odds / 3:
                heir = int(rng.choice([other for other in range(columns) if other != s]))
                some.append(("rename", s, heir))
            found.setdefault(row, []).extend(some)
    return found


@st.composite
def terms(draw, may_short: bool) -> Terms:
    def line(sides: str) -> tuple:
        rate = draw(st.sampled_from([0.0, 0.001]))
        return rate, draw(st.sampled_from([0, 5_000])), draw(st.sampled_from([0, 1_000_000])), sides

    first = [line("both"), line("sells")]
    return Terms(
        cash_buffer=draw(st.sampled_from([0.0, 0.02])),
        slippage=draw(st.sampled_from([0.0, 0.0005, 0.05])),
        lot=draw(st.sampled_from([1, 1, 10, 100])),
        cap=draw(st.sampled_from([None, None, 0.1, 0.02])),
        delisting_return=draw(st.sampled_from([0.0, -0.3, -1.0])),
        fees=draw(st.sampled_from([[], [(date(2023, 1, 1), first)]]))
        or [(date(2024, 1, 5), first), (date(2024, 1, 12), [line("both"), line("sells")])],
        spread=draw(st.sampled_from([0.0, 0.002])),
        coefficient=draw(st.sampled_from([0.0, 1.0])),
        impact=draw(st.booleans()),
        max_pos_weight=draw(st.sampled_from([None, 0.3])),
        stop_loss_pct=draw(st.sampled_from([None, 0.05])),
        max_drawdown_pct=draw(st.sampled_from([None, 0.1])),
        breaker_cooldown=draw(st.sampled_from([None, 0, 2])),
        may_short=may_short,
        initial=draw(st.sampled_from([0.5, 0.25, 1.0])),
        maintenance=draw(st.sampled_from([0.25, 0.0])),
        debit_rate=draw(st.sampled_from([0.0, 0.06])),
    )


@st.composite
def decisions(draw, rows: int, columns: int, may_short: bool) -> Table:
    """Weights by row, None to hold; gross at most 2, net at most 1."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    table: Table = {}
    for row in range(rows):
        if rng.random() < 0.15:
            table[row] = None
            continue
        parts = rng.integers(-10 if may_short else 0, 11, columns) * (rng.random(columns) > 0.3)
        gross, net = int(np.abs(parts).sum()), abs(int(parts.sum()))
        most = max(gross / (2.0 if may_short else 1.0), net, 1) * float(rng.choice([1.0, 1.5]))
        table[row] = {s: p / most for s, p in enumerate(parts.tolist()) if p}
    return table


class Foretold(ScriptedStrategy):
    """A strategy that says it does not look at the book: the compiled loop may run it."""

    reads_book = False


def engine_run(
    world: World,
    table: Table,
    scheduled: list[bool],
    capital: float,
    rules: Terms,
    strategy: type[ScriptedStrategy] = ScriptedStrategy,
) -> RunHistory:
    """The same world and terms through the engine."""
    panel = MarketPanel(
        Axes(
            np.array(world.days, dtype="datetime64[D]"),
            tuple(f"S{s}" for s in range(len(world.close[0]))),
        ),
        np.array(world.price) if world.at_open else np.full_like(world.price, 1.0),
        np.array(world.close),
        np.array(world.volume),
        np.array(world.member, dtype=bool),
    )
    brain = Brain(
        strategy(lambda row: answer(table[row], rules.may_short), panel),
        execution_rules(rules),
        RiskRules(
            rules.max_pos_weight,
            rules.stop_loss_pct,
            rules.max_drawdown_pct,
            rules.breaker_cooldown,
        ),
        MarginRules(rules.may_short, rules.initial, rules.maintenance, debit_rate=rules.debit_rate),
    )
    market = Market(panel, {}, facts_of(world))
    return run_backtest(
        brain, market, RunWindow(1, len(scheduled)), np.array(scheduled), m(capital)
    )


def answer(weights: dict[int, float] | None, may_short: bool) -> Target:
    if weights is None:
        return Hold("scripted")
    return Weights({f"S{s}": w for s, w in weights.items()}, short=may_short)


def execution_rules(rules: Terms) -> ExecutionRules:
    def schedule(lines: list[tuple]) -> FeeSchedule:
        return FeeSchedule(
            tuple(
                Fee("fee", rate, per_share, minimum, math.inf, None, FeeSides(sides))
                for rate, per_share, minimum, sides in lines
            )
        )

    steps = tuple((day, schedule(lines)) for day, lines in rules.fees)
    impact = ImpactModel("square_root", spread=rules.spread, coefficient=rules.coefficient)
    return ExecutionRules(
        rules.cash_buffer,
        rules.slippage,
        rules.lot,
        rules.cap,
        rules.delisting_return,
        DatedFees(steps) if steps else NO_FEES,
        impact if rules.impact else None,
    )


def facts_of(world: World) -> MarketFacts:
    def matrix(table: list | None) -> np.ndarray | None:
        return None if table is None else np.array(table)

    return MarketFacts(
        delistings={f"S{s}": row for s, row in world.delisted.items()},
        actions={row: tuple(map(engine_action, some)) for row, some in world.actions.items()},
        price=None if world.at_open else np.array(world.price),
        locked=None if world.locked is None else np.array(world.locked, dtype=np.int8),
        volatility=matrix(world.volatility),
        average_volume=matrix(world.average_volume),
        borrow=matrix(world.borrow),
        borrow_rate=world.borrow_rate,
    )


def engine_action(action: tuple) -> Action:
    match action:
        case ("dividend", s, amount, pay_row):
            return Dividend(f"S{s}", amount, pay_row)
        case ("rights", s, ratio, price):
            return Rights(f"S{s}", ratio, price)
        case ("split", s, ratio):
            return Split(f"S{s}", ratio)
        case (_, s, heir):
            return Rename(f"S{s}", f"S{heir}")
    raise AssertionError(action)
