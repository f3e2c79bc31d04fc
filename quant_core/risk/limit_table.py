"""Every rule of the pre-trade gate, as one table.

A **hard** rule says that something is wrong: the order, a price, the account, the data,
the books or the state is not as it must be. A **soft** rule says too much or too fast: a
smaller or a later order may pass. Both refuse; a hard refusal calls for a person.

Who may pass a rule: nobody; or an order that can only bring its name towards zero; or
such an order only where it belongs to the operator's command FLAT, which has to work when
data and strategy do not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from quant_core.risk import limit_checks as check
from quant_core.risk import limit_usage as usage
from quant_core.risk.limit_case import Case, Standing
from quant_core.risk.limit_findings import Finding
from quant_core.risk.limit_usage import UsageOf, View
from quant_core.risk.limit_values import setting_key


class Bypass(StrEnum):
    """Which orders pass a rule whatever it finds."""

    NOBODY = "nobody"
    REDUCING = "orders that only reduce risk"
    FLAT = "reducing orders of FLAT"

    def lets_through(self, case: Case) -> bool:
        """Whether the order of ``case`` is one of them."""
        if self is Bypass.REDUCING:
            return case.reduces
        return self is Bypass.FLAT and case.is_flat


@dataclass(frozen=True, slots=True)
class BeforeOrder:
    """The check of a usage that one order does not change."""

    usage: UsageOf

    def __call__(self, case: Case) -> Finding | None:
        """Judge things as they are."""
        return _finding(self.usage, case.before, case)


@dataclass(frozen=True, slots=True)
class WithOrder:
    """The check of a usage that the order adds to."""

    usage: UsageOf

    def __call__(self, case: Case) -> Finding | None:
        """Judge the book as it would be with the order."""
        return _finding(self.usage, case.after, case)


def _finding(usage: UsageOf, standing: Standing, case: Case) -> Finding | None:
    found = usage(View(standing, case.limits, case.intent.symbol))
    return None if found is None else found.finding()


Check: TypeAlias = Callable[[Case], Finding | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes
    ----------
    code : str
        Reason code of its refusals.
    meaning : str
        What is limited, or what has to be so.
    hard : bool
        Whether a refusal means that something is wrong.
    bypass : Bypass
        Who may pass.
    check : callable
        The check itself.
    field : str or None
        Field of the limits it looks at; None = the rule cannot be set.
    unit : str
        Unit of the setting.
    shown_in : str
        Unit of the two numbers of a refusal, such as micros; empty for texts.
    """

    code: str
    meaning: str
    hard: bool
    bypass: Bypass
    check: Check
    field: str | None = None
    unit: str = ""
    shown_in: str = ""

    @property
    def key(self) -> str:
        """The setting, or ``always`` for a rule that has none."""
        return "always" if self.field is None else setting_key(self.field)

    @property
    def usage(self) -> UsageOf | None:
        """How it is measured without an order; None where it cannot be."""
        return self.check.usage if isinstance(self.check, BeforeOrder | WithOrder) else None


_HARD, _SOFT = True, False
_NOBODY, _REDUCING, _FLAT = Bypass.NOBODY, Bypass.REDUCING, Bypass.FLAT
_MONEY = ("currency units", "micros")
_OF_EQUITY = ("fraction of equity", "micros")
_OF_START = ("fraction of the equity at its start", "micros")
_OF_PEAK = ("fraction of the highest equity", "micros")
_SECONDS = ("seconds", "seconds")
_SHARES = ("shares", "shares")
_ORDERS = ("orders", "orders")

# fmt: off
RULES: tuple[Rule, ...] = (
    # The order, the account, the state.
    Rule("order_unusable", "the order has a symbol, a decision, a positive whole quantity and, "
         "if any, a positive limit price", _HARD, _NOBODY, check.order_is_whole),
    Rule("kill_latched", "the kill latch is clear", _HARD, _NOBODY, check.kill_is_clear),
    Rule("account_mismatch", "the broker's account is the configured one",
         _HARD, _NOBODY, check.account_matches),
    Rule("state_halted", "trading is not halted", _HARD, _FLAT, check.not_halted),
    Rule("state_reducing", "trading is not limited to reducing risk",
         _HARD, _REDUCING, check.not_reducing),
    Rule("daily_loss_reducing", "loss of the session beyond which risk is only reduced",
         _HARD, _REDUCING, BeforeOrder(usage.daily_loss_reducing),
         "reduce_at_daily_loss", *_OF_START),
    Rule("daily_loss_halted", "loss of the session beyond which trading is halted",
         _HARD, _FLAT, BeforeOrder(usage.daily_loss_halting),
         "halt_at_daily_loss", *_OF_START),
    Rule("drawdown_reducing", "loss from the highest equity beyond which risk is only reduced",
         _HARD, _REDUCING, BeforeOrder(usage.drawdown_reducing),
         "reduce_at_drawdown", *_OF_PEAK),
    Rule("drawdown_halted", "loss from the highest equity beyond which trading is halted",
         _HARD, _FLAT, BeforeOrder(usage.drawdown_halting),
         "halt_at_drawdown", *_OF_PEAK),
    Rule("restricted", "names that are never traded, beside the list of the day",
         _HARD, _NOBODY, check.not_restricted, "restricted", "symbols"),
    # Time, books, data.
    Rule("session_closed", "the session takes this order now",
         _HARD, _NOBODY, check.session_takes_orders),
    Rule("cut_off_passed", "least time left to the cut-off of the session's orders",
         _HARD, _NOBODY, BeforeOrder(usage.cut_off), "cut_off_margin_seconds", *_SECONDS),
    Rule("not_reconciled", "time since positions, orders and cash agreed with the broker's",
         _HARD, _NOBODY, BeforeOrder(usage.reconciliation_age),
         "max_reconciliation_age_seconds", *_SECONDS),
    Rule("data_stale", "sessions closed since the last one of the data",
         _HARD, _FLAT, BeforeOrder(usage.data_age),
         "max_data_age_sessions", "sessions", "sessions"),
    Rule("data_changed", "the decision was computed from the published data",
         _HARD, _FLAT, check.data_is_the_same),
    # Prices.
    Rule("price_missing", "there is a reference price", _HARD, _NOBODY, check.price_is_known),
    Rule("quote_stale", "age of the reference price; a close is as old as the data",
         _HARD, _NOBODY, check.quote_is_fresh, "max_quote_age_seconds", *_SECONDS),
    Rule("price_collar", "distance of the limit price from the reference price",
         _HARD, _NOBODY, check.limit_within_collar,
         "price_collar", "fraction of the reference price", "micros"),
    Rule("reference_moved",
         "distance of the broker's price from the close the order was sized by",
         _HARD, _NOBODY, check.reference_within_move,
         "max_reference_move", "fraction of that close", "micros"),
    # The size of one order.
    Rule("order_quantity", "shares of one order",
         _SOFT, _FLAT, check.order_quantity, "max_order_quantity", *_SHARES),
    Rule("order_notional", "value of one order",
         _SOFT, _FLAT, check.order_notional, "max_order_notional_micros", *_MONEY),
    Rule("order_volume", "shares of a name's open orders in one direction, this one included",
         _SOFT, _FLAT, check.share_of_volume,
         "max_order_volume", "fraction of the average volume", "shares"),
    # The book, every open order counted at its worse end.
    Rule("position_notional", "value of one name", _SOFT, _REDUCING,
         WithOrder(usage.position_notional), "max_position_notional_micros", *_MONEY),
    Rule("position_weight", "value of one name against the equity", _SOFT, _REDUCING,
         WithOrder(usage.position_weight), "max_position_weight", *_OF_EQUITY),
    Rule("gross_exposure", "value of all positions, long and short added", _SOFT, _REDUCING,
         WithOrder(usage.gross), "max_gross_micros", *_MONEY),
    Rule("net_exposure", "value of the long positions less the short ones, without its sign",
         _SOFT, _REDUCING, WithOrder(usage.net), "max_net_micros", *_MONEY),
    Rule("leverage", "value of all positions against the equity", _SOFT, _REDUCING,
         WithOrder(usage.leverage), "max_leverage", "times the equity", "micros"),
    Rule("cash_floor", "cash left when every buy fills and no sale does", _SOFT, _REDUCING,
         WithOrder(usage.cash), "min_cash_micros", *_MONEY),
    # Pace.
    Rule("orders_per_minute", "orders sent within a minute", _SOFT, _REDUCING,
         WithOrder(usage.orders_per_minute), "max_orders_per_minute", *_ORDERS),
    Rule("orders_per_day", "orders sent in a session", _SOFT, _REDUCING,
         WithOrder(usage.orders_per_day), "max_orders_per_day", *_ORDERS),
    Rule("turnover_per_day", "value of a session's fills and open orders", _SOFT, _REDUCING,
         WithOrder(usage.turnover_per_day),
         "max_turnover_per_day", "times the equity at its start", "micros"),
    Rule("duplicate_order", "an equal order of the same decision was sent",
         _HARD, _REDUCING, check.no_duplicate, "duplicate_window_seconds", *_SECONDS),
    # What the order belongs to.
    Rule("closes_more_than_held", "a sale or cover closes at most what is held",
         _HARD, _NOBODY, check.closes_what_is_held, shown_in="shares"),
    Rule("exceeds_parent", "the orders of a decision add up to at most the change it asks for",
         _HARD, _NOBODY, check.within_parent, shown_in="shares"),
)
# fmt: on
"""Every rule, in the order in which a verdict names them."""

CODES: tuple[str, ...] = tuple(rule.code for rule in RULES)
"""The reason codes, in the order of the rules."""
