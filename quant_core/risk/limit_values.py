"""The limits no order may pass, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, fields

from quant_core.foundation.errors import ConfigurationError
from quant_core.risk.gate_inputs import known_real, known_whole

_UNIT_ENDINGS = ("_micros", "_seconds", "_sessions")
_WHOLE = frozenset({"max_order_quantity", "max_orders_per_minute", "max_orders_per_day"})
_WHOLE_ENDINGS = ("_micros", "_sessions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the gate lets through; None switches a limit off.

    The first five cannot be switched off: without a fresh price, a session, the data of
    the day and books that agree with the broker nothing is sent. Fractions are fractions:
    0.05 is five per cent. The meaning of each limit, its reason code and who may pass it
    stand in :data:`quant_core.risk.limit_table.RULES`.

    Raises
    ------
    ConfigurationError
        All at once: numbers that are NaN, infinite or negative, of the wrong type, or
        missing where the limit cannot be off.

    Examples
    --------
    >>> Limits(max_quote_age_seconds=60, price_collar=0.05, cut_off_margin_seconds=30,
    ...        max_data_age_sessions=0, max_reconciliation_age_seconds=300).max_leverage
    """

    max_quote_age_seconds: float
    price_collar: float
    cut_off_margin_seconds: float
    max_data_age_sessions: int
    max_reconciliation_age_seconds: float
    max_reference_move: float | None = None
    max_order_quantity: int | None = None
    max_order_notional_micros: int | None = None
    max_order_volume: float | None = None
    max_position_notional_micros: int | None = None
    max_position_weight: float | None = None
    max_gross_micros: int | None = None
    max_net_micros: int | None = None
    max_leverage: float | None = None
    min_cash_micros: int | None = None
    max_orders_per_minute: int | None = None
    max_orders_per_day: int | None = None
    max_turnover_per_day: float | None = None
    duplicate_window_seconds: float | None = None
    reduce_at_daily_loss: float | None = None
    halt_at_daily_loss: float | None = None
    reduce_at_drawdown: float | None = None
    halt_at_drawdown: float | None = None
    restricted: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse what would let everything through or compare with nothing."""
        numbers = [field.name for field in fields(self) if field.name != "restricted"]
        problems = [name for name in numbers if not self._usable(name)]
        if problems:
            found = [self._problem(name) for name in problems]
            raise ConfigurationError.all_of(found)

    def _usable(self, name: str) -> bool:
        value: object = getattr(self, name)
        if value is None:
            return name not in ALWAYS_ON
        if is_whole(name):
            return known_whole(value, least=0) is not None
        return known_real(value, least=0.0) is not None

    def _problem(self, name: str) -> ConfigurationError:
        kind = "a whole number" if is_whole(name) else "a number"
        off = "" if name in ALWAYS_ON else ", or null to switch the limit off"
        return ConfigurationError(
            "a limit is not usable",
            expected=f"{kind}, finite and not negative{off}",
            found=repr(getattr(self, name)),
            where=setting_key(name),
            fix="write a number that you would want to be stopped at",
        )


ALWAYS_ON = frozenset(
    {
        "max_quote_age_seconds",
        "price_collar",
        "cut_off_margin_seconds",
        "max_data_age_sessions",
        "max_reconciliation_age_seconds",
    }
)
"""Fields of :class:`Limits` that cannot be None."""


def setting_key(name: str) -> str:
    """The name of the setting a field of :class:`Limits` is read from.

    Settings are written in currency units, seconds and sessions, and do not repeat the
    unit in their names.

    Examples
    --------
    >>> setting_key("max_gross_micros"), setting_key("max_leverage")
    ('limits.max_gross', 'limits.max_leverage')
    """
    for ending in _UNIT_ENDINGS:
        name = name.removesuffix(ending)
    return f"limits.{name}"


def is_whole(name: str) -> bool:
    """Whether a field of :class:`Limits` counts something: micros, shares, orders, sessions."""
    return name in _WHOLE or name.endswith(_WHOLE_ENDINGS)
