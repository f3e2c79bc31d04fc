"""The closed lists of words a journal uses."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """The name of an entry in the file."""

    SEGMENT = "segment"
    TORN_LINE = "torn_line"
    WORKER_STARTED = "worker_started"
    WORKER_STOPPED = "worker_stopped"
    SESSION_OPENED = "session_opened"
    SESSION_CLOSED = "session_closed"
    DECISION = "decision"
    ORDER_INTENT = "order_intent"
    ORDER_SENT = "order_sent"
    ORDER_ACKNOWLEDGED = "order_acknowledged"
    ORDER_REJECTED = "order_rejected"
    ORDER_UNKNOWN = "order_unknown"
    ORDER_ABSENT = "order_absent"
    ORDER_ENDED = "order_ended"
    CANCEL_REQUESTED = "cancel_requested"
    FILL = "fill"
    ACCOUNT_MOVED = "account_moved"
    DUES_PAID = "dues_paid"
    FRACTION_SETTLED = "fraction_settled"
    BROKER_READ = "broker_read"
    COMMAND_RECEIVED = "command_received"
    COMMAND_EXECUTING = "command_executing"
    COMMAND_DONE = "command_done"
    COMMAND_REFUSED = "command_refused"
    COMMAND_REPEATED = "command_repeated"
    BREAKER = "breaker"
    RISK_STATE = "risk_state"
    LOSSES_BEGUN = "losses_begun"
    LIMIT_BREACH = "limit_breach"
    KILL_SET = "kill_set"
    KILL_CLEARED = "kill_cleared"
    RECONCILIATION = "reconciliation"
    SHORTFALL = "shortfall"
    NOTE = "note"


class Mode(StrEnum):
    """Whether real money moves."""

    PAPER = "PAPER"
    LIVE = "LIVE"


class TargetKind(StrEnum):
    """What a strategy wanted."""

    WEIGHTS = "weights"
    HOLD = "hold"
    FLAT = "flat"


class OrderEnd(StrEnum):
    """How an order that was sent ended."""

    FILLED = "filled"
    TRUNCATED = "truncated"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    NEVER_ARRIVED = "never_arrived"
    """The broker, asked about an order of unknown fate, has no trace of it."""


class TradingState(StrEnum):
    """What the risk rules still allow."""

    ACTIVE = "active"
    REDUCING = "reducing"
    """Only orders that reduce a position."""
    HALTED = "halted"
