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
from quant_core.foundation.settings_section import Conflict, Secret, Section, Text, knob


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


class LiveDaySettings(Section):
    """The trading day of the worker."""

    decision_time: TimeOfDay = knob("when the day is decided", unit="exchange-local time")
    state_interval: float = knob("distance of two written states", unit="seconds", gt=0, le=60)


class LimitSettings(Section):
    """Limits no order may pass, whatever the strategy says; null = off."""

    max_order_notional: float | None = knob("largest order", unit="currency units", gt=0)
    max_orders_per_day: int | None = knob("most orders of a session", unit="orders", ge=1)


class EmailSettings(Section):
    """Alerts by e-mail."""

    enabled: bool = knob("send alerts by e-mail")
    host: Text | None = knob("mail server")
    port: int = knob("port of the mail server", ge=1, le=65535)
    user: Text | None = knob("account on the mail server; null = no sign-in")
    password: Secret | None = knob("password of the account, in secrets.yaml")
    sender: Text | None = knob("address the alerts come from")
    recipients: Sequence[Text] = knob("addresses the alerts go to", whole=True)

    def conflicts(self) -> Iterator[Conflict]:
        """Alerts that are switched on need a server and addresses."""
        needed = {"host": self.host, "sender": self.sender, "recipients": self.recipients}
        empty = tuple(key for key, value in needed.items() if not value)
        if self.enabled and empty:
            yield Conflict(
                "alerts by e-mail are on but cannot be sent",
                keys=empty,
                expected="a value for " + ", ".join(empty),
                found="nothing",
                fix="fill them in, or set notify.email.enabled to false",
            )


class NotifySettings(Section):
    """Who is told, and how."""

    email: EmailSettings


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
