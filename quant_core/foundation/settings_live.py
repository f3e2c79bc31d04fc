"""The settings that trading day by day adds to those of a backtest.

They live apart so that they can grow without touching what a backtest depends on; none of
them changes the result of a backtest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import time
from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, PlainSerializer

from quant_core.foundation.settings import Settings
from quant_core.foundation.settings_section import Conflict, Name, Secret, Section, Text, knob


def _time_of(value: object) -> object:
    """A time from ``9:15`` or ``09:15``; anything else is left for the strict check."""
    if isinstance(value, str) and re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", value, re.ASCII):
        hour, minute = value.split(":")
        return time(int(hour), int(minute))
    return value


def _text_of(moment: time) -> str:
    return moment.isoformat("minutes")


TimeOfDay: TypeAlias = Annotated[
    time, BeforeValidator(_time_of), PlainSerializer(_text_of, return_type=str)
]
"""A time of the exchange's day, written ``9:15``."""


class BrokerSettings(Section):
    """Where orders go."""

    name: Literal["paper"] = knob("broker; paper = simulated fills, no real money")
    account: Name = knob("account; another one at the broker is refused")
    books: Text | None = knob("file of the paper broker's books; null = beside the journal")
    scenario: Text | None = knob("file of faults of the paper broker; null = none")
    call_timeout: float = knob("how long a call may take", unit="seconds", gt=0, le=600)


class LiveDaySettings(Section):
    """The trading day of the worker."""

    folder: Text | None = knob("folder of journal, state and commands; null = live under data.root")
    decision_time: TimeOfDay = knob("when the day is decided", unit="exchange-local time")
    state_interval: float = knob("distance of two written states", unit="seconds", gt=0, le=60)
    state_validity: float = knob("how long a state may be believed", unit="seconds", gt=0, le=600)
    command_lifetime: float = knob(
        "how long a command waits to be taken", unit="seconds", gt=0, le=300
    )
    settle: float = knob("how long a broker behind a network may lag", unit="seconds", ge=0, le=600)
    journal_segment: int = knob("size at which a new journal file begins", unit="MiB", ge=1)
    anchor_every: int = knob("entries between two anchors of the journal", unit="entries", ge=1)

    def conflicts(self) -> Iterator[Conflict]:
        """A state must live longer than it takes to write the next one."""
        if not self.state_validity > self.state_interval:
            yield Conflict(
                "a state would be stale before the next one is written",
                keys=("state_validity",),
                expected=f"more than state_interval, {self.state_interval:g} s",
                found=f"{self.state_validity:g} s",
            )


class LimitSettings(Section):
    """Limits no order may pass, whatever the strategy says; null = off."""

    max_quote_age: float = knob("oldest live quote of an order", unit="seconds", ge=0)
    price_collar: float = knob("widest distance of a limit price", unit="fraction", ge=0)
    cut_off_margin: float = knob("least time left to the cut-off", unit="seconds", ge=0)
    max_data_age: int = knob("oldest data a decision may rest on", unit="sessions", ge=0)
    max_reconciliation_age: float = knob("longest since the books agreed", unit="seconds", ge=0)
    max_reference_move: float | None = knob(
        "widest distance of the broker's price from the sizing close", unit="fraction", ge=0
    )
    max_order_quantity: int | None = knob("largest order", unit="shares", ge=0)
    max_order_notional: float | None = knob("largest order", unit="currency units", ge=0)
    max_order_volume: float | None = knob("largest order", unit="fraction of volume", ge=0)
    max_position_notional: float | None = knob("largest position", unit="currency units", ge=0)
    max_position_weight: float | None = knob("largest position", unit="fraction of equity", ge=0)
    max_gross: float | None = knob("all positions, without sign", unit="currency units", ge=0)
    max_net: float | None = knob("long less short", unit="currency units", ge=0)
    max_leverage: float | None = knob("gross against equity", unit="times the equity", ge=0)
    min_cash: float | None = knob("cash that stays", unit="currency units", ge=0)
    max_orders_per_minute: int | None = knob("most orders of a minute", unit="orders", ge=0)
    max_orders_per_day: int | None = knob("most orders of a session", unit="orders", ge=0)
    max_turnover_per_day: float | None = knob("most traded", unit="times the equity", ge=0)
    duplicate_window: float | None = knob("when an equal order is a repeat", unit="seconds", ge=0)
    reduce_at_daily_loss: float | None = knob("from here risk only falls", unit="fraction", ge=0)
    halt_at_daily_loss: float | None = knob("from here nothing is sent", unit="fraction", ge=0)
    reduce_at_drawdown: float | None = knob("from here risk only falls", unit="fraction", ge=0)
    halt_at_drawdown: float | None = knob("from here nothing is sent", unit="fraction", ge=0)
    restricted: Sequence[Text] = knob("names that are never traded", whole=True)


class EmailSettings(Section):
    """Alerts by e-mail."""

    enabled: bool = knob("send alerts by e-mail")
    host: Text | None = knob("mail server")
    port: int = knob("port of the mail server", ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = knob(
        "encryption; none = in clear, for a server on this machine"
    )
    timeout_seconds: float = knob("the most that one mail may take", unit="seconds", gt=0, le=600)
    ca_file: Text | None = knob("file of certificates to trust besides the system's; null = none")
    user: Text | None = knob("account on the mail server; null = no sign-in")
    password: Secret | None = knob("password of the account, in secrets.yaml")
    sender: Text | None = knob("address the alerts come from")
    recipients: Sequence[Text] = knob("addresses the alerts go to", whole=True)

    def conflicts(self) -> Iterator[Conflict]:
        """Alerts that are switched on need a server, addresses, and a whole account or none."""
        if not self.enabled:
            return
        needed = {"host": self.host, "sender": self.sender, "recipients": self.recipients}
        empty = tuple(key for key, value in needed.items() if not value)
        if empty:
            yield Conflict(
                "alerts by e-mail are on but cannot be sent",
                keys=empty,
                expected="a value for " + ", ".join(empty),
                found="nothing",
                fix="fill them in, or set notify.email.enabled to false",
            )
        if (self.user is None) != (self.password is None):
            given, absent = ("user", "password") if self.password is None else ("password", "user")
            yield Conflict(
                "the account on the mail server is incomplete",
                keys=(absent,),
                expected="user and password, or neither for a server without sign-in",
                found=f"a {given} without a {absent}",
                fix=f"give notify.email.{absent} in secrets.yaml, or set {given} to null",
            )


class OutboxSettings(Section):
    """Alerts on disk until they are delivered."""

    pending: int = knob("most alerts that wait", unit="alerts", ge=10, le=100_000)
    held: int = knob("most that wait in memory alone", unit="alerts", ge=0, le=100_000)
    sent: int = knob("delivered alerts that are kept", unit="alerts", ge=1, le=100_000)
    repeat_seconds: float = knob(
        "alerts of one key within this are one message", unit="seconds", ge=0, le=86_400
    )
    first_retry_seconds: float = knob(
        "rest after the first failure; doubles with each", unit="seconds", gt=0, le=3_600
    )
    longest_retry_seconds: float = knob("longest rest", unit="seconds", gt=0, le=86_400)

    def conflicts(self) -> Iterator[Conflict]:
        """The longest rest is at least the first one."""
        if not self.longest_retry_seconds >= self.first_retry_seconds:
            yield Conflict(
                "the longest rest of the alerts is shorter than the first one",
                keys=("longest_retry_seconds",),
                expected=f"at least first_retry_seconds, {self.first_retry_seconds:g} s",
                found=f"{self.longest_retry_seconds:g} s",
            )


class NotifySettings(Section):
    """Who is told, and how."""

    email: EmailSettings
    channels: Sequence[Secret] = knob(
        "addresses of apprise such as tgram://token/chat, in secrets.yaml", whole=True
    )
    outbox: OutboxSettings


class LiveSettings(Settings):
    """The settings of the live mode: those of the backtest and four sections more."""

    broker: BrokerSettings
    live: LiveDaySettings
    limits: LimitSettings
    notify: NotifySettings


LIVE_SECTIONS: dict[str, type[Section]] = {
    "broker": BrokerSettings,
    "live": LiveDaySettings,
    "limits": LimitSettings,
    "notify": NotifySettings,
}
"""The sections of :class:`LiveSettings` that a backtest does not have."""
