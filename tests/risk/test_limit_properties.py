"""What holds for every book, every order and every set of limits."""

import math
from dataclasses import fields, replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from quant_core.risk.limit_exposure import Exposure
from quant_core.risk.limits import (
    Limits,
    MarkedPosition,
    OpenOrder,
    OrderIntent,
    OrderPurpose,
    ParentOrder,
    SentOrder,
    TradingState,
    Verdict,
    judge,
    judge_batch,
)
from quant_core.trading.orders import Side
from tests.risk.gate_examples import INPUTS, LIMITS, codes

SYMBOLS = ("AAA", "BBB", "CCC")
symbols = st.sampled_from(SYMBOLS)
sides = st.sampled_from(Side)
prices = st.integers(1, 200)
open_orders = st.builds(OpenOrder, symbols, sides, st.integers(0, 30), prices)
recent_orders = st.builds(SentOrder, symbols, sides, st.integers(1, 5), st.just("r"), st.just(5.0))
intents = st.builds(
    OrderIntent,
    symbol=symbols,
    side=sides,
    quantity=st.integers(1, 40),
    limit_price_micros=st.none() | prices,
    reference_price_micros=prices,
    reference_age_seconds=st.floats(0, 100),
    purpose=st.sampled_from(OrderPurpose),
    rebalance_id=st.just("r"),
)
parents = st.builds(ParentOrder, st.integers(-40, 40), st.integers(-80, 80), st.integers(0, 10))
inputs = st.builds(
    replace,
    st.just(INPUTS),
    state=st.sampled_from(TradingState),
    equity_micros=st.integers(1, 60_000),
    cash_micros=st.integers(-10_000, 50_000),
    day_start_equity_micros=st.integers(1, 60_000),
    peak_equity_micros=st.integers(1, 60_000),
    positions=st.dictionaries(symbols, st.builds(MarkedPosition, st.integers(-40, 40), prices)),
    open_orders=st.lists(open_orders, max_size=4).map(tuple),
    recent_orders=st.lists(recent_orders, max_size=3).map(tuple),
    average_volumes=st.fixed_dictionaries(dict.fromkeys(SYMBOLS, st.floats(0, 500))),
    previous_closes=st.fixed_dictionaries(dict.fromkeys(SYMBOLS, prices)),
    parents=st.fixed_dictionaries(dict.fromkeys(SYMBOLS, parents)),
    turnover_today_micros=st.integers(0, 50_000),
)
WHOLE = {field.name: field.type.startswith("int") for field in fields(Limits)}
AMOUNTS = [field.name for field in fields(Limits) if field.name != "restricted"]
LARGER_IS_TIGHTER = {"cut_off_margin_seconds", "min_cash_micros", "duplicate_window_seconds"}
SCALES = {"_micros": 30_000, "quantity": 60, "per_minute": 20, "per_day": 80, "seconds": 400}


def amount(name: str) -> st.SearchStrategy[float]:
    """A value of one limit that sometimes matters."""
    if WHOLE[name]:
        scale = next((size for ending, size in SCALES.items() if name.endswith(ending)), 3)
        return st.integers(0, scale)
    return st.floats(0, 400 if name.endswith("seconds") else 3)


limit_sets = st.fixed_dictionaries({}, optional={name: amount(name) for name in AMOUNTS}).map(
    lambda chosen: replace(LOOSE, **chosen)
)
OPTIONAL = {field.name: None for field in fields(Limits) if field.default is None}
LOOSE = replace(LIMITS, **OPTIONAL, price_collar=1e6, max_quote_age_seconds=1e6)


@st.composite
def tightened(draw: st.DrawFn) -> tuple[Limits, Limits]:
    """Limits, and the same with one of them tighter."""
    loose, name = draw(limit_sets), draw(st.sampled_from(AMOUNTS))
    value, drawn = getattr(loose, name), draw(amount(name))
    if value is None:
        return loose, replace(loose, **{name: drawn})
    choose = max if name in LARGER_IS_TIGHTER else min
    return loose, replace(loose, **{name: choose(value, drawn)})


class TestTightening:
    @settings(max_examples=100)
    @given(intents, inputs, tightened())
    def test_a_tighter_limit_never_allows_more(self, intent, book, limits):
        loose, tight = (judge(intent, book, each) for each in limits)
        assert codes(loose) <= codes(tight)

    @given(intents, inputs, limit_sets, symbols)
    def test_a_longer_restricted_list_never_allows_more(self, intent, book, limits, symbol):
        longer = replace(limits, restricted=limits.restricted | {symbol})
        assert codes(judge(intent, book, limits)) <= codes(judge(intent, book, longer))


class TestReducing:
    @settings(max_examples=100)
    @given(intents, inputs, limit_sets)
    def test_a_reducing_order_never_increases_exposure(self, intent, book, limits):
        verdict = judge(intent, book, limits)
        before = Exposure.of(book)
        price = intent.worst_price_micros
        after = before.after(intent.symbol, intent.side, intent.quantity, price)
        name = before.name(intent.symbol)
        if verdict.reduces_risk:
            direction = 1 if intent.side.is_buy else -1
            ordered = name.buys if intent.side.is_buy else name.sells
            ends = name.shares + direction * (ordered + intent.quantity)
            assert ends * name.shares >= 0
            assert abs(ends) < abs(name.shares)
        else:
            new = after.name(intent.symbol)
            assert (new.buys, new.sells) != (name.buys, name.sells)
            assert abs(intent.quantity) > 0

    @given(intents, inputs, limit_sets)
    def test_at_one_price_its_worst_case_stays(self, intent, book, limits):
        """Where every price of the name is the same, no end of the range moves out."""
        level = 10
        positions = {
            symbol: MarkedPosition(each.shares, level) for symbol, each in book.positions.items()
        }
        flat = tuple(replace(order, price_micros=level) for order in book.open_orders)
        book = replace(book, positions=positions, open_orders=flat)
        before = Exposure.of(book)
        after = before.after(intent.symbol, intent.side, intent.quantity, level)
        if judge(intent, book, limits).reduces_risk:
            assert after.gross_micros == before.gross_micros
        assert after.gross_micros >= before.gross_micros


TRADABLE = st.builds(
    replace,
    inputs,
    state=st.just(TradingState.NORMAL),
    recent_orders=st.just(()),
    average_volumes=st.just(dict.fromkeys(SYMBOLS, 1e6)),
    parents=st.fixed_dictionaries(
        dict.fromkeys(SYMBOLS, st.sampled_from([ParentOrder(0, 400, 0), ParentOrder(0, -400, 0)]))
    ),
)
"""Books in which little but the exposure can refuse."""

EXPOSURE = ("max_gross_micros", "max_net_micros", "max_leverage", "min_cash_micros")
exposure_limits = st.fixed_dictionaries(
    {}, optional={name: amount(name) for name in (*EXPOSURE, "max_orders_per_day")}
).map(lambda chosen: replace(LOOSE, **chosen))


openings = st.builds(
    replace,
    intents,
    side=st.sampled_from([Side.BUY, Side.SHORT]),
    purpose=st.just(OrderPurpose.REBALANCE),
)


class TestBatches:
    @settings(max_examples=80)
    @given(
        st.lists(openings | intents, min_size=2, max_size=6), TRADABLE, exposure_limits, st.data()
    )
    def test_whatever_fills_no_limit_is_passed(self, batch, book, limits, data):
        """Any part of the open orders and of the batch may fill."""
        verdicts = judge_batch(batch, book, limits)
        allowed = [order for order, verdict in zip(batch, verdicts, strict=True) if verdict.allowed]
        # Orders that only reduce may leave a book that was beyond its limits before.
        assume(any(verdict.allowed and not verdict.reduces_risk for verdict in verdicts))
        values = {s: p.shares * p.mark_micros for s, p in book.positions.items()}
        cash = book.cash_micros
        sent = [(o.symbol, o.side, o.remaining, o.price_micros) for o in book.open_orders]
        sent += [(o.symbol, o.side, o.quantity, o.worst_price_micros) for o in allowed]
        for symbol, side, quantity, price in sent:
            filled = data.draw(st.sampled_from([0, quantity, quantity // 2]))
            sign = 1 if side.is_buy else -1
            values[symbol] = values.get(symbol, 0) + sign * filled * price
            cash -= filled * price if side.is_buy else 0
        gross = sum(abs(value) for value in values.values())
        assert gross <= or_all(limits.max_gross_micros)
        assert gross <= or_all(limits.max_leverage) * book.equity_micros + 1
        assert abs(sum(values.values())) <= or_all(limits.max_net_micros)
        assert limits.min_cash_micros is None or cash >= limits.min_cash_micros
        assert book.orders_today + len(allowed) <= or_all(limits.max_orders_per_day)

    @given(st.lists(intents, max_size=5), TRADABLE)
    def test_sales_never_pass_zero(self, batch, book):
        verdicts = judge_batch(batch, replace(book, open_orders=()), LOOSE)
        for symbol in SYMBOLS:
            sold = [
                order.quantity
                for order, verdict in zip(batch, verdicts, strict=True)
                if verdict.allowed and order.symbol == symbol and order.side is Side.SELL
            ]
            held = book.positions.get(symbol, MarkedPosition(0, 1)).shares
            assert sum(sold) <= max(held, 0)

    @given(intents, inputs, limit_sets)
    def test_one_order_is_judged_alike(self, intent, book, limits):
        assert judge_batch([intent], book, limits) == (judge(intent, book, limits),)


class TestGarbage:
    anything = st.one_of(
        st.none(), st.booleans(), st.text(max_size=3), st.integers(), st.floats(), st.just(1e308)
    )

    @settings(max_examples=80)
    @given(st.data())
    def test_no_value_raises_and_only_sound_ones_pass(self, data):
        numbers = [
            *("equity_micros", "cash_micros", "day_start_equity_micros", "peak_equity_micros"),
            *("orders_last_minute", "orders_today", "turnover_today_micros"),
            *("seconds_to_cut_off", "reconciliation_age_seconds", "data_age_sessions"),
        ]
        name = data.draw(st.sampled_from(numbers))
        value = data.draw(self.anything)
        verdict = judge(ORDER, replace(INPUTS, **{name: value}), LIMITS)
        self.check(verdict, value)

    @settings(max_examples=80)
    @given(
        st.sampled_from(["quantity", "reference_price_micros", "reference_age_seconds"]), anything
    )
    def test_nor_any_value_of_the_order(self, name, value):
        self.check(judge(replace(ORDER, **{name: value}), INPUTS, LIMITS), value)

    @staticmethod
    def check(verdict: Verdict, value: object) -> None:
        if verdict.allowed:
            assert isinstance(value, int | float)
            assert not isinstance(value, bool)
            assert math.isfinite(value)
        for refusal in verdict.refusals:
            assert not isinstance(refusal.found, float) or math.isfinite(refusal.found)


ORDER = OrderIntent("AAA", Side.BUY, 1, None, 50_000_000, 1.0, OrderPurpose.REBALANCE, "2024-01-02")


def or_all(limit: float | None) -> float:
    """The limit, or one that nothing reaches."""
    return math.inf if limit is None else limit
