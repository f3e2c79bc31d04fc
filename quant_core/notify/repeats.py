"""Repeats of an alert: counted instead of sent, and told once the window is over.

Plain state without files or clocks; times are those of the alerts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from quant_core.notify.port import Alert, Severity


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time in which alerts of one key are one message."""

    key: str
    severity: Severity
    title: str
    opened_at: datetime
    repeats: int
    last_at: datetime

    @classmethod
    def of(cls, alert: Alert) -> Window:
        """The window that an alert opens."""
        return cls(alert.key, alert.severity, alert.title, alert.at, 0, alert.at)

    def note(self) -> str:
        """The repeats in words; empty without any.

        Examples
        --------
        >>> from datetime import UTC
        >>> at = datetime(2024, 3, 1, 14, 15, tzinfo=UTC)
        >>> Window("k", Severity.INFO, "t", at, 2, at + timedelta(minutes=1)).note()
        '2 repeats since 2024-03-01T14:15:00+00:00 were not sent, the last of 14:16:00.'
        """
        if not self.repeats:
            return ""
        times = "repeat" if self.repeats == 1 else "repeats"
        were = "was" if self.repeats == 1 else "were"
        since = self.opened_at.isoformat(timespec="seconds")
        last = self.last_at.strftime("%H:%M:%S")
        return f"{self.repeats} {times} since {since} {were} not sent, the last of {last}."


class Repeats:
    """The open windows, at most ``most`` of them, each ``length`` long."""

    def __init__(self, length: timedelta, most: int, windows: Sequence[Window] = ()) -> None:
        self._length = length
        self._most = most
        self._windows = {window.key: window for window in windows}

    @property
    def windows(self) -> tuple[Window, ...]:
        """The open windows in the order they were opened."""
        return tuple(self._windows.values())

    def counts(self, alert: Alert) -> bool:
        """Count the alert if it is a repeat; False when it has to be sent.

        More severe than the message of its window, an alert is no repeat. Neither is one
        from long before it: then the clock was set back, and silence could last for ever.
        """
        window = self._windows.get(alert.key)
        if window is None or alert.severity > window.severity:
            return False
        if abs(alert.at - window.opened_at) >= self._length:
            return False
        last = max(alert.at, window.last_at)
        self._windows[alert.key] = replace(window, repeats=window.repeats + 1, last_at=last)
        return True

    def open(self, alert: Alert) -> Alert:
        """Open a window for an alert that is sent; the answer tells of the repeats before."""
        before = self._windows.pop(alert.key, None)
        if len(self._windows) >= self._most:
            del self._windows[next(iter(self._windows))]
        self._windows[alert.key] = Window.of(alert)
        note = before.note() if before is not None else ""
        return replace(alert, body=f"{note}\n\n{alert.body}".strip()) if note else alert

    def remember(self, alert: Alert) -> None:
        """Open a window for an alert that was accepted before a restart, if it has none."""
        window = self._windows.get(alert.key)
        if window is None or window.opened_at < alert.at:
            self._windows[alert.key] = Window.of(alert)

    def forget(self, key: str) -> None:
        """Close the window of an alert that could not be kept after all."""
        self._windows.pop(key, None)

    def close(self, now: datetime) -> tuple[Alert, ...]:
        """Forget the windows that are over; one alert for each that has repeats to tell."""
        over = [
            window
            for window in self._windows.values()
            if abs(now - window.opened_at) >= self._length
        ]
        told: list[Alert] = []
        for window in over:
            if window.repeats:
                told.append(Alert(window.key, window.severity, window.title, "", now))
            else:
                del self._windows[window.key]
        return tuple(told)
