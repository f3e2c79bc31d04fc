"""Both sides of every rule: a change at which an order still passes, and one beyond it."""

from quant_core.risk.limits import SentOrder, TradingState
from quant_core.trading.orders import Side
from tests.risk.gate_examples import UNIT, Change, held, parent, sent


def of_limit(code: str, name: str, at: object, beyond: object) -> tuple[str, Change, Change]:
    """A row in which the limit moves from what is used to one step less."""
    return code, Change(limits={name: at}), Change(limits={name: beyond})


def of_input(code: str, name: str, at: object, beyond: object) -> tuple[str, Change, Change]:
    return code, Change(inputs={name: at}), Change(inputs={name: beyond})


def of_intent(code: str, name: str, at: object, beyond: object) -> tuple[str, Change, Change]:
    return code, Change(intent={name: at}), Change(intent={name: beyond})


BOUNDARIES = [
    of_intent("order_unusable", "rebalance_id", "x", ""),
    of_input("kill_latched", "kill_latched", False, True),
    of_input("kill_latched", "kill_latched", False, None),
    of_input("account_mismatch", "account", "DU100", "U100"),
    of_input("account_mismatch", "configured_account", "DU100", None),
    of_input("state_reducing", "state", TradingState.NORMAL, TradingState.REDUCING),
    # The day began with 20,200 and stands at 20,000; the peak is 20,400.
    of_limit("daily_loss_reducing", "reduce_at_daily_loss", 200 / 20_200, 199.99 / 20_200),
    of_limit("daily_loss_halted", "halt_at_daily_loss", 200 / 20_200, 199.99 / 20_200),
    of_limit("drawdown_reducing", "reduce_at_drawdown", 400 / 20_400, 399.99 / 20_400),
    of_limit("drawdown_halted", "halt_at_drawdown", 400 / 20_400, 399.99 / 20_400),
    of_limit("restricted", "restricted", frozenset({"AAB"}), frozenset({"AAA"})),
    of_input("restricted", "restricted", frozenset(), frozenset({"AAA"})),
    of_input("session_closed", "accepts_orders", True, False),
    of_input("session_closed", "accepts_orders", True, None),
    of_limit("cut_off_passed", "cut_off_margin_seconds", 120.0, 120.001),
    of_input("cut_off_passed", "seconds_to_cut_off", 30.0, 29.999),
    of_limit("not_reconciled", "max_reconciliation_age_seconds", 60.0, 59.999),
    of_input("not_reconciled", "reconciliation_age_seconds", 300.0, 300.001),
    of_input("data_stale", "data_age_sessions", 0, 1),
    ("data_stale", *(Change(inputs={"data_age_sessions": 3},
                            limits={"max_data_age_sessions": limit}) for limit in (3, 2))),
    of_input("data_changed", "data_hash", "ab12", "ab13"),
    of_input("data_changed", "expected_data_hash", "ab12", None),
    of_limit("quote_stale", "max_quote_age_seconds", 10.0, 9.999),
    of_intent("quote_stale", "reference_age_seconds", 60.0, 60.001),
    of_intent("price_collar", "limit_price_micros", 52_500_000, 52_500_001),
    of_intent("price_collar", "limit_price_micros", 47_500_000, 47_499_999),
    ("price_collar", *(Change(intent={"limit_price_micros": 51 * UNIT},
                              limits={"price_collar": collar}) for collar in (0.02, 0.0199))),
    of_limit("reference_moved", "max_reference_move", 1 / 49, 0.999 / 49),
    of_input("reference_moved", "previous_closes", {"AAA": 45_454_546}, {"AAA": 45_454_545}),
    of_limit("order_quantity", "max_order_quantity", 100, 99),
    of_limit("order_notional", "max_order_notional_micros", 5_000 * UNIT, 5_000 * UNIT - 1),
    of_limit("order_volume", "max_order_volume", 0.055, 0.0549),
    of_input("order_volume", "average_volumes", {"AAA": 550.0}, {"AAA": 549.0}),
    # AAA: 5,000 held, 500 on order, 5,000 with this order.
    of_limit("position_notional", "max_position_notional_micros", 10_500 * UNIT,
             10_500 * UNIT - 1),
    of_limit("position_weight", "max_position_weight", 0.525, 0.52499),
    of_limit("gross_exposure", "max_gross_micros", 19_500 * UNIT, 19_500 * UNIT - 1),
    of_limit("net_exposure", "max_net_micros", 11_500 * UNIT, 11_500 * UNIT - 1),
    of_limit("leverage", "max_leverage", 0.975, 0.97499),
    of_limit("cash_floor", "min_cash_micros", 8_500 * UNIT, 8_500 * UNIT + 1),
    of_input("cash_floor", "cash_micros", 5_500 * UNIT, 5_500 * UNIT - 1),
    of_limit("orders_per_minute", "max_orders_per_minute", 5, 4),
    of_limit("orders_per_day", "max_orders_per_day", 21, 20),
    of_limit("turnover_per_day", "max_turnover_per_day", 6_500 / 20_200, 6_499.9 / 20_200),
    ("duplicate_order",
     *(Change(inputs=sent(SentOrder("AAA", Side.BUY, 100, "2024-01-02", age)))
       for age in (60.001, 60.0))),
    ("duplicate_order",
     *(Change(inputs=sent(SentOrder("AAA", Side.BUY, 100, "2024-01-02", 7.0)),
              limits={"duplicate_window_seconds": window}) for window in (6.9, 7.0))),
    ("exceeds_parent", *(Change(inputs=parent(target=target)) for target in (210, 209))),
    ("exceeds_parent", *(Change(inputs=parent(children=children)) for children in (300, 301))),
    ("exceeds_parent", *(Change(inputs=parent(0, 250, 0) | held(shares))
                         for shares in (140, 141))),
]  # fmt: skip
